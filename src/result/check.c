/* check.c: whether an attribution agrees with itself. */
#include <stdint.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "result/result.h"

static heta_status check_text(const heta_attribution *a, heta_status blame, heta_error *error) {
  if (!a->model || !a->method || !a->text || (a->token_count && !a->tokens) ||
      (a->target_count && !a->targets) || (a->row_count && !a->rows) ||
      (a->segment_count && !a->segments) || (a->option_count && !a->options) ||
      (a->component_count && !a->components) || (a->check_count && !a->checks) ||
      (a->series_count && !a->series) || (a->rollup_count && !a->rollups))
    return heta_i_fail(error, blame,
                       "the attribution lacks its model, method, text or one of its lists");
  size_t valid = heta_i_utf8_valid(a->text, a->text_size);
  if (valid != a->text_size)
    return heta_i_fail_at(error, blame, valid,
                          "the attribution's text is not valid UTF-8 at byte %zu", valid);
  if (a->prompt_end > a->text_size)
    return heta_i_fail(error, blame,
                       "the attribution's prompt ends at byte %zu of a text of %zu bytes",
                       a->prompt_end, a->text_size);
  if (a->has_span && (a->span_start >= a->span_end || a->span_end > a->text_size))
    return heta_i_fail(error, blame,
                       "the attribution's span covers bytes %zu to %zu of a text of %zu bytes",
                       a->span_start, a->span_end, a->text_size);
  size_t at = 0;
  for (size_t i = 0; i < a->token_count; i++) {
    const heta_result_token *token = &a->tokens[i];
    if (token->start != at || token->end < at || token->end > a->text_size)
      return heta_i_fail(error, blame,
                         "token %zu of the attribution covers bytes %zu to %zu; tokens must tile "
                         "the text, so it has to start at byte %zu and end within %zu",
                         i, token->start, token->end, at, a->text_size);
    if (token->segment >= a->segment_count || (unsigned)token->kind > HETA_TOKEN_GENERATED)
      return heta_i_fail(error, blame,
                         "token %zu of the attribution has segment %zu of %zu and kind %d", i,
                         token->segment, a->segment_count, (int)token->kind);
    at = token->end;
  }
  if (at != a->text_size)
    return heta_i_fail(error, blame, "the attribution's tokens cover %zu bytes of a text of %zu",
                       at, a->text_size);
  return HETA_OK;
}

size_t heta_i_row_length(const heta_attribution *a, size_t target) {
  if (target == HETA_ALL_TARGETS && a->target_count) return a->targets[0].position;
  return target < a->target_count ? a->targets[target].position : SIZE_MAX;
}

static heta_status check_rows(const heta_attribution *a, heta_status blame, heta_error *error) {
  for (size_t i = 0; i < a->target_count; i++)
    if (a->targets[i].position > a->token_count || a->targets[i].top_count > HETA_TOP_CANDIDATES)
      return heta_i_fail(error, blame,
                         "target %zu of the attribution stands at token %zu of %zu and has %zu "
                         "candidates of at most %d",
                         i, a->targets[i].position, a->token_count, a->targets[i].top_count,
                         HETA_TOP_CANDIDATES);
  for (size_t i = 0; i < a->row_count; i++) {
    const heta_row *row = &a->rows[i];
    if (row->length != heta_i_row_length(a, row->target) ||
        (unsigned)row->status > HETA_ROW_COMPLETE || (row->length && !row->score))
      return heta_i_fail(error, blame,
                         "row %zu of the attribution has target %zu of %zu and %zu scores; it "
                         "needs one score per token before its target",
                         i, row->target, a->target_count, row->length);
    for (size_t j = 0; j < a->component_count; j++)
      if (!row->components || (row->length && !row->components[j]))
        return heta_i_fail(error, blame, "row %zu of the attribution lacks its component \"%s\"", i,
                           a->components[j].name);
  }
  for (size_t i = 0; i < a->series_count; i++) {
    const heta_series *s = &a->series[i];
    size_t count;
    if (!heta_i_multiply(s->targets, s->tokens, &count) ||
        !heta_i_multiply(count, s->samples, &count) || (count && !s->values))
      return heta_i_fail(error, blame, "series %zu of the attribution has no values", i);
  }
  return HETA_OK;
}

static heta_status check_rollup_rows(const heta_attribution *a, const heta_rollup *rollup,
                                     const char *level, heta_status blame, heta_error *error) {
  for (size_t i = 0; i < rollup->row_count; i++) {
    const heta_row *row = &rollup->rows[i];
    size_t length = 0;
    while (length < rollup->unit_count && rollup->units[length].first < a->rows[i].length) length++;
    if (row->target != a->rows[i].target || row->length != length ||
        (unsigned)row->status > HETA_ROW_COMPLETE || (length && !row->score))
      return heta_i_fail(error, blame,
                         "row %zu of the %s roll-up has target %zu and %zu sums; the row of tokens "
                         "has target %zu, before which %zu units begin",
                         i, level, row->target, row->length, a->rows[i].target, length);
    for (size_t c = 0; c < a->component_count; c++)
      if (!row->components || (length && !row->components[c]))
        return heta_i_fail(error, blame, "row %zu of the %s roll-up lacks its component \"%s\"", i,
                           level, a->components[c].name);
  }
  return HETA_OK;
}

static heta_status check_rollups(const heta_attribution *a, heta_status blame, heta_error *error) {
  for (size_t k = 0; k < a->rollup_count; k++) {
    const heta_rollup *rollup = &a->rollups[k];
    const char *level = heta_level_name(rollup->level);
    size_t at = 0;
    if (!level || rollup->row_count != a->row_count || (rollup->unit_count && !rollup->units) ||
        (rollup->row_count && !rollup->rows))
      return heta_i_fail(error, blame,
                         "roll-up %zu of the attribution has no level, no units, or "
                         "%zu rows for %zu",
                         k, rollup->row_count, a->row_count);
    for (size_t i = 0; i < rollup->unit_count; i++) {
      const heta_unit *unit = &rollup->units[i];
      if (unit->first != at || unit->last <= at || unit->last > a->token_count ||
          unit->start != a->tokens[unit->first].start ||
          unit->end != a->tokens[unit->last - 1].end || unit->segment >= a->segment_count)
        return heta_i_fail(error, blame,
                           "unit %zu of the %s roll-up covers tokens %zu to %zu; units must tile "
                           "the tokens and their bytes",
                           i, level, unit->first, unit->last);
      at = unit->last;
    }
    if (at != a->token_count)
      return heta_i_fail(error, blame, "the %s roll-up covers %zu of %zu tokens", level, at,
                         a->token_count);
    HETA_TRY(check_rollup_rows(a, rollup, level, blame, error));
  }
  return HETA_OK;
}

heta_status heta_i_result_check(const heta_attribution *attribution, heta_status blame,
                                heta_error *error) {
  HETA_TRY(check_text(attribution, blame, error));
  HETA_TRY(check_rows(attribution, blame, error));
  return check_rollups(attribution, blame, error);
}
