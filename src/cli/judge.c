/* judge.c: whether what --assert says holds for a result. What each measure means: docs/assert.md.
 */
#include "cli/assertion.h"
#include "cli/share.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One row of a result, with the bytes of its context. */
typedef struct view {
  const heta_attribution *attribution;
  const heta_row *row;
  size_t bytes; /* of the text before the target */
  bool *inside; /* per context token: whether it belongs to the place in question */
} view;

/* ---- Places -------------------------------------------------------------------------------- */

/* Marks the tokens that have a byte in [start, end). */
static void mark(view *v, size_t start, size_t end) {
  for (size_t i = 0; i < v->row->length; i++) {
    const heta_result_token *token = &v->attribution->tokens[i];
    if (token->start < end && token->end > start) v->inside[i] = true;
  }
}

static bool is_letter(const char *text, size_t size, size_t at) {
  unsigned char byte = at < size ? (unsigned char)text[at] : ' ';
  return isalnum(byte) || byte == '_' || byte >= 0x80;
}

/* Marks every occurrence of `wanted`; returns how many there are. */
static size_t mark_text(view *v, const char *wanted, bool whole_words) {
  const char *text = v->attribution->text;
  size_t length = strlen(wanted), found = 0;
  for (size_t at = 0; length <= v->bytes && at <= v->bytes - length; at++) {
    if (memcmp(text + at, wanted, length) != 0) continue;
    bool whole =
        (at == 0 || !is_letter(text, v->bytes, at - 1)) && !is_letter(text, v->bytes, at + length);
    if (whole_words && !whole) continue;
    mark(v, at, at + length);
    found++;
  }
  return found;
}

static size_t mark_segments(view *v, const cli_place *place) {
  const heta_attribution *a = v->attribution;
  size_t found = 0;
  for (size_t s = 0; s < a->segment_count; s++) {
    const heta_segment *segment = &a->segments[s];
    bool same =
        place->kind == CLI_PLACE_SEGMENT
            ? strcmp(segment->id, place->text) == 0
            : strcmp(segment->role, place->role) == 0 &&
                  (!place->text || (segment->name && strcmp(segment->name, place->text) == 0));
    if (!same) continue;
    found++;
    for (size_t i = 0; i < v->row->length; i++) {
      if (a->tokens[i].segment == s) v->inside[i] = true;
    }
  }
  return found;
}

/* "target 3", or "all targets". */
static const char *target_words(const view *v, char words[CLI_SHORT]) {
  if (v->row->target == HETA_ALL_TARGETS) return "all targets";
  snprintf(words, CLI_SHORT, "target %zu", v->row->target);
  return words;
}

/* Marks the tokens of a place; false after saying that there is no such place. */
static bool find_place(view *v, const cli_assertion *assertion, const cli_place *place) {
  size_t found = 0;
  memset(v->inside, 0, v->row->length);
  switch (place->kind) {
  case CLI_PLACE_SEGMENT:
  case CLI_PLACE_ROLE: found = mark_segments(v, place); break;
  case CLI_PLACE_WORD:
  case CLI_PLACE_TEXT: found = mark_text(v, place->text, place->kind == CLI_PLACE_WORD); break;
  case CLI_PLACE_SPAN:
    found = place->to <= v->bytes;
    if (found) mark(v, place->from, place->to);
    break;
  case CLI_PLACE_TOKEN:
    found = place->from < v->row->length;
    if (found) v->inside[place->from] = true;
    break;
  }
  if (found) return true;
  static const char *const missing[] = {"segment with this id",
                                        "segment of this role and name",
                                        "such word",
                                        "such text",
                                        "such span",
                                        "such token"};
  char words[CLI_SHORT];
  cli_fail(0, "--assert '%s': before %s there is no %s%s%s", assertion->source,
           target_words(v, words), missing[place->kind], place->text ? ": " : "",
           place->text ? place->text : "");
  return false;
}

/* ---- Measures ------------------------------------------------------------------------------ */

/* The best rank of a marked token, 1 for the strongest, among the tokens not set apart; equal ones
 * rank by position. 0 when every marked token is set apart. */
static size_t best_rank(const view *v) {
  size_t best = 0;
  for (size_t i = 0; i < v->row->length; i++) {
    if (!v->inside[i] || cli_is_apart(v->attribution, i)) continue;
    double size = fabs(cli_row_value(v->row, i));
    size_t rank = 1;
    for (size_t k = 0; k < v->row->length; k++) {
      double other = fabs(cli_row_value(v->row, k));
      rank += !cli_is_apart(v->attribution, k) && (other > size || (other == size && k < i));
    }
    if (!best || rank < best) best = rank;
  }
  return best;
}

/* ---- Verdicts ------------------------------------------------------------------------------ */

static bool compares(double value, const cli_claim *claim) {
  switch (claim->compare) {
  case CLI_BELOW: return value < claim->bound;
  case CLI_AT_MOST: return value <= claim->bound;
  case CLI_ABOVE: return value > claim->bound;
  case CLI_AT_LEAST: return value >= claim->bound;
  }
  return false;
}

/* Judges the marked place; `text` gets what was measured. */
static bool judge_claim(const view *v, const cli_claim *claim, char *text, size_t size) {
  if (claim->measure == CLI_TOP) {
    size_t rank = best_rank(v);
    snprintf(text, size, rank ? "its best rank is %zu" : "it is set apart from the ranking", rank);
    return rank && rank <= claim->top;
  }
  cli_measured m = cli_share(v->attribution, v->row, claim->measure == CLI_TEXT_SHARE, v->inside);
  bool holds = compares(m.value, claim);
  bool close = !cli_differs(m, claim->bound);
  int used = snprintf(text, size, "it is %.4g", m.value);
  if (m.error > 0) {
    snprintf(text + used, size - (size_t)used, " ± %.2g%s", m.error,
             close ? ", closer to the bound than its error tells" : "");
  }
  return holds;
}

/* All claims about one target. CLI_DONE, CLI_ASSERT or CLI_USAGE. */
static int judge_row(view *v, const cli_assertion *assertion, bool quiet) {
  int code = CLI_DONE;
  for (size_t i = 0; i < assertion->claim_count; i++) {
    const cli_claim *claim = &assertion->claims[i];
    char found[160], target[CLI_SHORT];
    if (!find_place(v, assertion, &claim->place)) return CLI_USAGE;
    bool holds = judge_claim(v, claim, found, sizeof found);
    const char *words = assertion->source + claim->start;
    int length = (int)(claim->end - claim->start);
    if (!holds) {
      code = cli_fail(CLI_ASSERT, "%s: %.*s does not hold: %s", target_words(v, target), length,
                      words, found);
    } else if (!quiet) {
      cli_say("%s: %.*s holds: %s", target_words(v, target), length, words, found);
    }
  }
  return code;
}

static int judge(const cli_assertion *assertion, const heta_attribution *attribution, bool *inside,
                 bool quiet) {
  int code = CLI_DONE;
  size_t judged = 0;
  for (size_t r = 0; r < attribution->row_count; r++) {
    const heta_row *row = &attribution->rows[r];
    if (assertion->one_target && row->target != assertion->target) continue;
    size_t position = row->length; /* the first token after those that have a share */
    view v = {.attribution = attribution, .row = row, .inside = inside};
    v.bytes = position < attribution->token_count ? attribution->tokens[position].start
                                                  : attribution->text_size;
    int one = judge_row(&v, assertion, quiet);
    judged++;
    if (one == CLI_USAGE) return one;
    if (one) code = one;
  }
  if (judged) return code;
  if (attribution->row_count && attribution->rows[0].target == HETA_ALL_TARGETS)
    return cli_fail(CLI_USAGE,
                    "--assert '%s': the result explains all targets as one (--joint), so it has no "
                    "target %zu",
                    assertion->source, assertion->target);
  return cli_fail(CLI_USAGE, "--assert '%s': there is no target %zu; the first is 0, the last %zu",
                  assertion->source, assertion->target,
                  attribution->target_count ? attribution->target_count - 1 : 0);
}

int cli_assertions_judge(const cli_list *sources, const heta_attribution *attribution, bool quiet) {
  int code = CLI_DONE;
  if (!sources->count) return CLI_DONE;
  if (!attribution->complete) {
    return cli_fail(CLI_FAILED, "--assert: the result is partial, so nothing is judged");
  }
  bool *inside = malloc(attribution->token_count + 1);
  if (!inside) return cli_fail(CLI_FAILED, "out of memory");
  for (size_t i = 0; i < sources->count && code != CLI_USAGE; i++) {
    char message[CLI_MESSAGE];
    cli_assertion assertion;
    if (!cli_assertion_read(sources->items[i], &assertion, message)) {
      code = cli_fail(CLI_USAGE, "%s", message);
      break;
    }
    int one = judge(&assertion, attribution, inside, quiet);
    cli_assertion_release(&assertion);
    if (one) code = one;
  }
  free(inside);
  return code;
}
