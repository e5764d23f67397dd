/* breaks.c: where words, sentences and lines end, by ICU. */
#include "base/breaks.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/utext.h>
#include <utf8proc.h>

#include "base/memory.h"
#include "base/utf8.h"

static bool is_space(uint32_t code) {
  if ((code >= '\t' && code <= '\r') || code == 0x85) return true;
  utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP;
}

size_t heta_i_skip_space(const char *text, size_t size, size_t at, size_t end) {
  while (at < end) {
    uint32_t code = 0;
    size_t length = heta_i_utf8_decode(text + at, size - at, &code);
    if (!length || !is_space(code)) return at;
    at += length;
  }
  return end;
}

static heta_status add_end(heta_i_breaks *b, size_t end, heta_error *error) {
  if (b->count == b->room) {
    size_t room = b->room ? 2 * b->room : 256;
    size_t *grown = heta_i_reallocate(b->ends, b->count * sizeof *grown, room, sizeof *grown);
    if (!grown) return heta_i_no_memory(error, "the boundaries of a text", room * sizeof *grown);
    b->ends = grown;
    b->room = room;
  }
  b->ends[b->count++] = end;
  return HETA_OK;
}

static heta_status find_lines(const char *text, size_t size, heta_i_breaks *b, heta_error *error) {
  for (const char *at = text, *end = text + size; at < end;) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    at = stop ? stop + 1 : end;
    HETA_TRY(add_end(b, (size_t)(at - text), error));
  }
  return HETA_OK;
}

static heta_status icu_failed(UErrorCode code, heta_error *error) {
  if (code == U_MEMORY_ALLOCATION_ERROR)
    return heta_i_fail(error, HETA_E_MEMORY, "out of memory while looking for words");
  return heta_i_fail(error, HETA_E_INTERNAL, "ICU could not look for words: %s", u_errorName(code));
}

static heta_status find_by_rule(const char *bytes, size_t size, UBreakIteratorType type,
                                heta_i_breaks *b, heta_error *error) {
  UErrorCode code = U_ZERO_ERROR;
  heta_status status = HETA_OK;
  UText text = UTEXT_INITIALIZER;
  UBreakIterator *breaks = ubrk_open(type, "", NULL, 0, &code);
  utext_openUTF8(&text, bytes, (int64_t)size, &code);
  if (U_SUCCESS(code)) ubrk_setUText(breaks, &text, &code); /* looks at neither */
  if (U_FAILURE(code)) {
    status = icu_failed(code, error);
    goto done;
  }
  ubrk_first(breaks);
  for (int32_t at; (at = ubrk_next(breaks)) != UBRK_DONE;) HETA_GO(add_end(b, (size_t)at, error));
done:
  utext_close(&text);
  if (breaks) ubrk_close(breaks);
  return status;
}

heta_status heta_i_breaks_find(const char *text, size_t size, heta_i_break kind, heta_i_breaks *out,
                               heta_error *error) {
  static const char *const NAMES[] = {"words", "sentences", "lines"};
  if (size > INT32_MAX)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "a text of %zu bytes is too long to be cut into %s", size, NAMES[kind]);
  *out = (heta_i_breaks){0};
  heta_status status =
      kind == HETA_BREAK_LINE
          ? find_lines(text, size, out, error)
          : find_by_rule(text, size, kind == HETA_BREAK_WORD ? UBRK_WORD : UBRK_SENTENCE, out,
                         error);
  if (status) heta_i_breaks_free(out);
  return status;
}

void heta_i_breaks_free(heta_i_breaks *breaks) {
  heta_i_free(breaks->ends);
  *breaks = (heta_i_breaks){0};
}
