/* level.c: units of a level: pieces of whole characters, each given to a stretch of the text. */
#include "report/level.h"

#include <limits.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/utext.h>
#include <utf8proc.h>

#include "base/memory.h"
#include "base/utf8.h"

static const char *const NAMES[] = {"token", "word", "sentence", "line", "message", "document"};

const char *heta_level_name(heta_level level) {
  return (unsigned)level < sizeof NAMES / sizeof *NAMES ? NAMES[level] : NULL;
}

bool heta_i_level_apart(const heta_attribution *attribution, const heta_i_unit *unit) {
  return heta_i_set_apart(attribution, unit->first);
}

static bool is_space(uint32_t code) {
  if ((code >= '\t' && code <= '\r') || code == 0x85) return true;
  utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP;
}

/* The first byte in [at, end) of a character that is no white space, or `end`. Bytes in the middle
 * of a character count as their character. */
static size_t skip_space(const heta_attribution *a, size_t at, size_t end) {
  while (at < end) {
    uint32_t code = 0;
    size_t length = heta_i_utf8_decode(a->text + at, a->text_size - at, &code);
    if (!length || !is_space(code)) return at;
    at += length;
  }
  return end;
}

/* ---- Where stretches end --------------------------------------------------------------------- */

/* Ends of stretches of the text, ascending; the last one is the text's own. */
typedef struct edges {
  size_t *ends;
  size_t count, room;
} edges;

static heta_status add_edge(edges *e, size_t end, heta_error *error) {
  if (e->count == e->room) {
    size_t room = e->room ? 2 * e->room : 256;
    size_t *grown = heta_i_reallocate(e->ends, e->count * sizeof *grown, room, sizeof *grown);
    if (!grown) return heta_i_no_memory(error, "the boundaries of a text", room * sizeof *grown);
    e->ends = grown;
    e->room = room;
  }
  e->ends[e->count++] = end;
  return HETA_OK;
}

static heta_status find_lines(const heta_attribution *a, edges *e, heta_error *error) {
  for (const char *at = a->text, *end = a->text + a->text_size; at < end;) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    at = stop ? stop + 1 : end;
    HETA_TRY(add_edge(e, (size_t)(at - a->text), error));
  }
  return HETA_OK;
}

static heta_status icu_failed(UErrorCode code, heta_error *error) {
  if (code == U_MEMORY_ALLOCATION_ERROR)
    return heta_i_fail(error, HETA_E_MEMORY, "out of memory while looking for words");
  return heta_i_fail(error, HETA_E_INTERNAL, "ICU could not look for words: %s", u_errorName(code));
}

static heta_status find_breaks(const heta_attribution *a, UBreakIteratorType type, edges *e,
                               heta_error *error) {
  UErrorCode code = U_ZERO_ERROR;
  heta_status status = HETA_OK;
  UText text = UTEXT_INITIALIZER;
  UBreakIterator *breaks = ubrk_open(type, "", NULL, 0, &code);
  utext_openUTF8(&text, a->text, (int64_t)a->text_size, &code);
  ubrk_setUText(breaks, &text, &code);
  if (U_FAILURE(code)) {
    status = icu_failed(code, error);
    goto done;
  }
  ubrk_first(breaks);
  for (int32_t at; (at = ubrk_next(breaks)) != UBRK_DONE;) HETA_GO(add_edge(e, (size_t)at, error));
done:
  utext_close(&text);
  if (breaks) ubrk_close(breaks);
  return status;
}

static heta_status find_edges(const heta_attribution *a, heta_level level, edges *e,
                              heta_error *error) {
  if (a->text_size > INT32_MAX)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "a text of %zu bytes is too long to be cut into %ss", a->text_size,
                       heta_level_name(level));
  if (level == HETA_LEVEL_LINE) return find_lines(a, e, error);
  return find_breaks(a, level == HETA_LEVEL_WORD ? UBRK_WORD : UBRK_SENTENCE, e, error);
}

/* ---- Pieces to stretches --------------------------------------------------------------------- */

/* The byte that decides where a piece goes. */
static size_t anchor(const heta_attribution *a, const heta_i_unit *piece, heta_level level) {
  size_t at = skip_space(a, piece->start, piece->end);
  if (at < piece->end) return at;
  return level == HETA_LEVEL_WORD ? skip_space(a, at, a->text_size) : piece->start;
}

/* A number that neighbouring pieces of one stretch share. *next walks along the edges. */
static size_t stretch_of(const heta_attribution *a, const heta_i_unit *piece, heta_level level,
                         const edges *e, size_t *next) {
  size_t segment = a->tokens[piece->first].segment, message = a->segments[segment].message;
  switch (level) {
  case HETA_LEVEL_MESSAGE: return message ? SIZE_MAX - message : segment;
  case HETA_LEVEL_DOCUMENT: return segment;
  default: break;
  }
  size_t at = anchor(a, piece, level);
  while (*next + 1 < e->count && e->ends[*next] <= at) ++*next;
  return *next;
}

/* Joins neighbouring pieces of one stretch, in place. */
static void join(const heta_attribution *a, heta_level level, const edges *e, heta_i_units *units) {
  size_t count = 0, next = 0, last = 0;
  for (size_t i = 0; i < units->count; i++) {
    heta_i_unit piece = units->units[i], *before = count ? &units->units[count - 1] : NULL;
    size_t stretch = stretch_of(a, &piece, level, e, &next);
    bool apart = heta_i_level_apart(a, &piece), joined = false;
    if (before && apart == heta_i_level_apart(a, before)) {
      size_t segment = a->tokens[piece.first].segment, own = a->tokens[before->first].segment;
      bool together = segment == own || level == HETA_LEVEL_MESSAGE;
      joined = apart ? level > HETA_LEVEL_WORD && together : stretch == last && together;
    }
    if (joined) {
      before->last = piece.last;
      before->end = piece.end;
    } else {
      units->units[count++] = piece;
    }
    last = stretch;
  }
  units->count = count;
}

static heta_status single_tokens(const heta_attribution *a, heta_i_units *out, heta_error *error) {
  heta_i_unit *units = heta_i_allocate(a->token_count, sizeof *units);
  if (!units) return heta_i_no_memory(error, "a roll-up", a->token_count * sizeof *units);
  for (size_t i = 0; i < a->token_count; i++)
    units[i] = (heta_i_unit){i, i + 1, a->tokens[i].start, a->tokens[i].end};
  *out = (heta_i_units){units, a->token_count};
  return HETA_OK;
}

heta_status heta_i_level_units(const heta_attribution *attribution, heta_level level,
                               heta_i_units *out, heta_error *error) {
  if (level == HETA_LEVEL_TOKEN) return single_tokens(attribution, out, error);
  heta_status status = HETA_OK;
  heta_i_units units = {0};
  edges e = {0};
  HETA_GO(heta_i_units_create(attribution, &units, error));
  if (level < HETA_LEVEL_MESSAGE) HETA_GO(find_edges(attribution, level, &e, error));
  join(attribution, level, &e, &units);
  *out = units;
  units = (heta_i_units){0};
done:
  heta_i_free(e.ends);
  heta_i_units_free(&units);
  return status;
}
