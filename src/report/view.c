/* view.c: units, tokens set apart, shares and rankings. */
#include "report/view.h"

#include <math.h>
#include <utf8proc.h>

#include "base/memory.h"
#include "base/utf8.h"

size_t heta_i_cluster_end(const char *text, size_t at, size_t size) {
  uint32_t code = 0;
  size_t length = heta_i_utf8_decode(text + at, size - at, &code);
  at += length ? length : 1;
  utf8proc_int32_t state = 0;
  while (at < size) {
    uint32_t next;
    length = heta_i_utf8_decode(text + at, size - at, &next);
    if (!length ||
        utf8proc_grapheme_break_stateful((utf8proc_int32_t)code, (utf8proc_int32_t)next, &state))
      break;
    code = next;
    at += length;
  }
  return at;
}

heta_status heta_i_units_create(const heta_attribution *attribution, heta_i_units *out,
                                heta_error *error) {
  size_t tokens = attribution->token_count;
  heta_i_unit *units = heta_i_allocate(tokens, sizeof *units);
  if (!units) return heta_i_no_memory(error, "the layout of the report", tokens * sizeof *units);
  size_t count = 0, edge = 0; /* edge: the first cluster boundary at or after the token's end */
  bool open = false;
  for (size_t i = 0; i < tokens; i++) {
    const heta_result_token *token = &attribution->tokens[i];
    if (!open) units[count] = (heta_i_unit){.first = i, .start = token->start};
    while (edge < token->end)
      edge = heta_i_cluster_end(attribution->text, edge, attribution->text_size);
    units[count].last = i + 1;
    units[count].end = token->end;
    open = edge != token->end;
    if (!open) count++;
  }
  if (open) count++;
  *out = (heta_i_units){units, count};
  return HETA_OK;
}

void heta_i_units_free(heta_i_units *units) {
  heta_i_free(units->units);
  *units = (heta_i_units){0};
}

bool heta_i_set_apart(const heta_attribution *attribution, size_t token) {
  heta_token_kind kind = attribution->tokens[token].kind;
  return token == 0 || kind == HETA_TOKEN_BOS || kind == HETA_TOKEN_SPECIAL ||
         kind == HETA_TOKEN_TEMPLATE;
}

double heta_i_row_value(const heta_row *row, size_t token) {
  return row->signed_score ? row->signed_score[token] : row->score[token];
}

double heta_i_unit_value(const heta_attribution *attribution, const heta_row *row,
                         const heta_i_unit *unit) {
  double sum = NAN;
  for (size_t i = unit->first; i < unit->last && i < row->length; i++) {
    double value = heta_i_row_value(row, i);
    bool apart = heta_i_set_apart(attribution, i) && heta_i_set_apart(attribution, unit->first);
    if (!isfinite(value) || apart) continue;
    sum = isnan(sum) ? value : sum + value;
  }
  return sum;
}

heta_i_scale heta_i_row_scale(const heta_attribution *attribution, const heta_row *row,
                              const heta_i_units *units) {
  heta_i_scale scale = {0};
  for (size_t i = 0; i < row->length; i++) {
    double value = heta_i_row_value(row, i);
    if (!isfinite(value)) continue;
    scale.sum += fabs(value);
    scale.known++;
  }
  for (size_t i = 0; i < units->count && units->units[i].first < row->length; i++)
    scale.peak = fmax(scale.peak, fabs(heta_i_unit_value(attribution, row, &units->units[i])));
  return scale;
}

double heta_i_share(double value, double whole) { return whole > 0 ? value / whole : 0; }

const char *heta_i_token_text(const heta_attribution *attribution, size_t token, size_t *size) {
  const heta_result_token *t = &attribution->tokens[token];
  *size = t->bytes ? t->byte_count : t->end - t->start;
  return t->bytes ? t->bytes : attribution->text + t->start;
}

const char *heta_i_unit_text(const heta_attribution *attribution, const heta_i_unit *unit,
                             size_t *size) {
  if (unit->start == unit->end) return heta_i_token_text(attribution, unit->first, size);
  *size = unit->end - unit->start;
  return attribution->text + unit->start;
}

bool heta_i_unit_apart(const heta_attribution *attribution, const heta_i_unit *unit) {
  for (size_t i = unit->first; i < unit->last; i++)
    if (!heta_i_set_apart(attribution, i)) return false;
  return true;
}

const char *heta_i_target_text(const heta_attribution *attribution, const heta_target *target,
                               size_t *size) {
  size_t at = target->position;
  if (at < attribution->token_count && attribution->tokens[at].id == target->id)
    return heta_i_token_text(attribution, at, size);
  for (size_t i = 0; i < target->top_count; i++) {
    if (target->top[i].id != target->id || !target->top[i].bytes) continue;
    *size = target->top[i].byte_count;
    return target->top[i].bytes;
  }
  *size = 0;
  return NULL;
}

const heta_target *heta_i_row_target(const heta_attribution *attribution, const heta_row *row) {
  return row->target == HETA_ALL_TARGETS ? NULL : &attribution->targets[row->target];
}

/* The token after the last target's. */
static size_t targets_end(const heta_attribution *a) {
  size_t end = 0;
  for (size_t i = 0; i < a->target_count; i++)
    if (a->targets[i].position >= end) end = a->targets[i].position + 1;
  return end;
}

size_t heta_i_row_end(const heta_attribution *attribution, const heta_row *row) {
  return row->target == HETA_ALL_TARGETS ? targets_end(attribution) : row->length + 1;
}

double heta_i_row_logprob(const heta_attribution *attribution, const heta_row *row) {
  const heta_target *target = heta_i_row_target(attribution, row);
  double sum = 0;
  if (target) return target->logprob;
  for (size_t i = 0; i < attribution->target_count; i++) sum += attribution->targets[i].logprob;
  return sum;
}

const char *heta_i_targets_text(const heta_attribution *attribution, size_t *size) {
  size_t first = attribution->targets[0].position, end = targets_end(attribution);
  if (end > attribution->token_count) end = attribution->token_count;
  *size = 0;
  if (first >= end) return attribution->text;
  *size = attribution->tokens[end - 1].end - attribution->tokens[first].start;
  return attribution->text + attribution->tokens[first].start;
}

const char *heta_i_kind_name(heta_token_kind kind) {
  static const char *const NAMES[] = {"text", "bos", "special", "template", "forced", "generated"};
  return NAMES[kind];
}
