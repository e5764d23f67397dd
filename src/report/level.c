/* level.c: units of a level: pieces of whole characters, each given to a stretch of the text. */
#include "report/level.h"

#include <string.h>

#include "base/memory.h"
#include "base/breaks.h"

static const char *const NAMES[] = {"token", "word", "sentence", "line", "message", "document"};

const char *heta_level_name(heta_level level) {
  return (unsigned)level < sizeof NAMES / sizeof *NAMES ? NAMES[level] : NULL;
}

bool heta_i_level_apart(const heta_attribution *attribution, const heta_i_unit *unit) {
  return heta_i_set_apart(attribution, unit->first);
}

/* ---- Pieces to stretches --------------------------------------------------------------------- */

/* The byte that decides where a piece goes. */
static size_t anchor(const heta_attribution *a, const heta_i_unit *piece, heta_level level) {
  size_t at = heta_i_skip_space(a->text, a->text_size, piece->start, piece->end);
  if (at < piece->end) return at;
  return level == HETA_LEVEL_WORD ? heta_i_skip_space(a->text, a->text_size, at, a->text_size)
                                  : piece->start;
}

/* A number that neighbouring pieces of one stretch share. *next walks along the edges. */
static size_t stretch_of(const heta_attribution *a, const heta_i_unit *piece, heta_level level,
                         const heta_i_breaks *e, size_t *next) {
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

/* Whether what the template wrote divides two parts of one message, such as two documents. */
static bool divides(const heta_attribution *a, size_t segment) {
  size_t message = a->segments[segment].message;
  bool before = false, after = false;
  if (!message || strcmp(a->segments[segment].role, "template")) return false;
  for (size_t i = 0; i < a->segment_count; i++) {
    if (a->segments[i].message != message || !strcmp(a->segments[i].role, "template")) continue;
    before |= i < segment;
    after |= i > segment;
  }
  return before && after;
}

/* Whether a piece is a row of its own, beside what is said. */
static bool stands_apart(const heta_attribution *a, heta_level level, const heta_i_unit *piece) {
  if (!heta_i_level_apart(a, piece)) return false;
  return level != HETA_LEVEL_MESSAGE || !divides(a, a->tokens[piece->first].segment);
}

/* Joins neighbouring pieces of one stretch, in place. */
static void join(const heta_attribution *a, heta_level level, const heta_i_breaks *e,
                 heta_i_units *units) {
  size_t count = 0, next = 0, last = 0;
  for (size_t i = 0; i < units->count; i++) {
    heta_i_unit piece = units->units[i], *before = count ? &units->units[count - 1] : NULL;
    size_t stretch = stretch_of(a, &piece, level, e, &next);
    bool apart = stands_apart(a, level, &piece), joined = false;
    bool sink = before && before->first == 0 && apart;
    if (before && !sink && apart == stands_apart(a, level, before)) {
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
  heta_i_breaks e = {0};
  HETA_GO(heta_i_units_create(attribution, &units, error));
  if (level < HETA_LEVEL_MESSAGE)
    HETA_GO(heta_i_breaks_find(attribution->text, attribution->text_size,
                               level == HETA_LEVEL_WORD       ? HETA_BREAK_WORD
                               : level == HETA_LEVEL_SENTENCE ? HETA_BREAK_SENTENCE
                                                              : HETA_BREAK_LINE,
                               &e, error));
  join(attribution, level, &e, &units);
  *out = units;
  units = (heta_i_units){0};
done:
  heta_i_breaks_free(&e);
  heta_i_units_free(&units);
  return status;
}
