/* compose.c: normalising block by block. A block is a character with everything after it that could
 * compose with it, so blocks can be normalised one by one and every offset between two of them is
 * known exactly. */
#include "text/compose.h"

#include <string.h>
#include <utf8proc.h>

#include "base/memory.h"
#include "base/utf8.h"

enum {
  LONGEST_DECOMPOSITION = 4, /* code points of a character's canonical decomposition */
  GROWTH = 3                 /* form C has at most this many times the bytes (U+1D160: 12 for 4) */
};

/* Whether a character can combine with what precedes it: marks, and the vowels and finals of Hangul
 * syllables. No character below U+0300 can. */
static bool combines(uint32_t code) {
  if (code < 0x300) return false;
  utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
         category == UTF8PROC_CATEGORY_ME || (code >= 0x1160 && code <= 0x11ff);
}

static size_t block_size(const char *text, size_t size) {
  size_t at = heta_i_utf8_decode(text, size, NULL);
  while (at < size) {
    uint32_t code;
    size_t length = heta_i_utf8_decode(text + at, size - at, &code);
    if (!combines(code)) break;
    at += length;
  }
  return at;
}

/* Replaces a block by its form C, which is left in codes (room for LONGEST_DECOMPOSITION * size + 1
 * code points) as UTF-8. Returns its size, or a negative number when utf8proc fails. */
static utf8proc_ssize_t compose_block(const char *block, size_t size, utf8proc_int32_t *codes) {
  const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
  utf8proc_ssize_t room = (utf8proc_ssize_t)(LONGEST_DECOMPOSITION * size);
  utf8proc_ssize_t count = utf8proc_decompose((const utf8proc_uint8_t *)block,
                                              (utf8proc_ssize_t)size, codes, room, options);
  if (count < 0 || count > room) return -1;
  return utf8proc_reencode(codes, count, options);
}

/* Composes every block into out, which has room for GROWTH * size bytes. */
static heta_status compose_all(const char *text, size_t size, utf8proc_int32_t *codes,
                               heta_i_composed *out, heta_error *error) {
  for (size_t start = 0; start < size;) {
    size_t block = block_size(text + start, size - start);
    utf8proc_ssize_t count = compose_block(text + start, block, codes);
    if (count < 0 || (size_t)count > GROWTH * size - out->size)
      return heta_i_fail_at(error, HETA_E_INTERNAL, start,
                            "the characters at byte %zu cannot be normalised; please report it",
                            start);
    memcpy(out->bytes + out->size, codes, (size_t)count);
    for (size_t i = 0; i < (size_t)count; i++)
      out->origin[out->size + i] = start + (i < block ? i : block);
    out->size += (size_t)count;
    start += block;
  }
  out->origin[out->size] = size;
  return HETA_OK;
}

heta_status heta_i_compose(const char *text, size_t size, heta_i_composed *out, heta_error *error) {
  *out = (heta_i_composed){0};
  size_t plain = 0, longest = 0;
  uint32_t code;
  while (plain < size) {
    size_t length = heta_i_utf8_decode(text + plain, size - plain, &code);
    if (code >= 0x300) break; /* the first character that form C could change */
    plain += length;
  }
  if (plain == size) return HETA_OK;
  for (size_t start = 0; start < size;) {
    size_t block = block_size(text + start, size - start);
    if (block > longest) longest = block;
    start += block;
  }
  heta_status status = HETA_OK;
  utf8proc_int32_t *codes = heta_i_allocate(longest + 1, LONGEST_DECOMPOSITION * sizeof *codes);
  size_t growth = 0;
  if (heta_i_multiply(size, GROWTH, &growth)) {
    out->bytes = heta_i_allocate(growth, 1);
    out->origin = heta_i_allocate(growth + 1, sizeof *out->origin);
  }
  if (!codes || !out->bytes || !out->origin)
    HETA_GO(heta_i_no_memory(error, "normalising the text", growth));
  HETA_GO(compose_all(text, size, codes, out, error));
done:
  heta_i_free(codes);
  return status;
}

void heta_i_composed_free(heta_i_composed *composed) {
  heta_i_free(composed->bytes);
  heta_i_free(composed->origin);
  *composed = (heta_i_composed){0};
}
