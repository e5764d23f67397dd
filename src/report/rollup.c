/* rollup.c: sums over units. Errors of estimates whose probes belong to one token are independent
 * and add in quadrature; where one probe moves all tokens, its values are summed probe by probe and
 * the error is that of the mean of those sums. */
#include "report/rollup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "report/level.h"
#include "result/result.h"

/* A roll-up with what it owns. */
typedef struct owned {
  heta_rollup rollup; /* must be first */
  heta_i_arena arena;
} owned;

typedef struct builder {
  const heta_attribution *a;
  owned *to;
  heta_error *error;
} builder;

bool heta_i_moves_jointly(const heta_component_info *component) {
  return !component->exact && component->estimator && !strcmp(component->estimator, "row");
}

const heta_series *heta_i_samples_of(const heta_attribution *attribution, const char *component) {
  for (size_t i = 0; i < attribution->series_count; i++)
    if (!strcmp(attribution->series[i].name, component)) return &attribution->series[i];
  return NULL;
}

/* ---- Sums ------------------------------------------------------------------------------------ */

/* The unit's tokens before the target. */
static size_t unit_end(const heta_unit *unit, const heta_row *row) {
  return unit->last < row->length ? unit->last : row->length;
}

/* NaN when an addend is not computed. */
static double sum_of(const double *values, const heta_unit *unit, const heta_row *row) {
  double sum = 0;
  for (size_t i = unit->first; i < unit_end(unit, row); i++) sum += values[i];
  return sum;
}

static double quadrature(const double *errors, const heta_unit *unit, const heta_row *row) {
  double sum = 0;
  for (size_t i = unit->first; i < unit_end(unit, row); i++) sum += errors[i] * errors[i];
  return sqrt(sum);
}

/* The error of Σ weight · mean over probes, the weights being errors[i] / of[i]: what is summed is
 * linear in the component that was sampled, and `of` are that component's own errors. */
static double by_probe(const heta_series *samples, const double *errors, const double *of,
                       const heta_unit *unit, const heta_row *row) {
  size_t end = unit_end(unit, row), used = 0;
  size_t target = row->target == HETA_ALL_TARGETS ? 0 : row->target;
  double mean = 0, squares = 0;
  if (target >= samples->targets || end > samples->tokens) return NAN;
  for (size_t r = 0; r < samples->samples; r++) {
    double sum = 0;
    for (size_t i = unit->first; i < end; i++) {
      double weight = of[i] > 0 ? errors[i] / of[i] : 0 * of[i];
      sum += weight * samples->values[(target * samples->tokens + i) * samples->samples + r];
    }
    if (isnan(sum)) continue; /* a probe not done, or a token without an error */
    double step = sum - mean;
    mean += step / (double)++used;
    squares += step * (sum - mean);
  }
  return used > 1 ? sqrt(squares / (double)(used - 1) / (double)used) : NAN;
}

/* The error of a sum of scores (component SIZE_MAX) or of a component. */
static double error_of(const heta_attribution *a, const heta_row *row, const heta_unit *unit,
                       size_t component) {
  const double *errors = component == SIZE_MAX ? row->score_se : row->component_se[component];
  bool joint = false;
  for (size_t c = 0; c < a->component_count; c++) {
    const heta_component_info *info = &a->components[c];
    if (!heta_i_moves_jointly(info) || !row->component_se || !row->component_se[c]) continue;
    const heta_series *samples = heta_i_samples_of(a, info->name);
    if (samples) return by_probe(samples, errors, row->component_se[c], unit, row);
    joint = true;
  }
  if (joint && unit_end(unit, row) - unit->first > 1) return NAN;
  return quadrature(errors, unit, row);
}

/* Degrees of freedom of the error of a sum of scores: Welch's where tokens have probes of their
 * own; where one probe moves all, the least. */
static double freedom_of(const heta_attribution *a, const heta_row *row, const heta_unit *unit) {
  double squares = 0, fourths = 0, least = INFINITY;
  bool joint = false;
  for (size_t c = 0; c < a->component_count; c++) joint |= heta_i_moves_jointly(&a->components[c]);
  for (size_t i = unit->first; i < unit_end(unit, row); i++) {
    double square = row->score_se[i] * row->score_se[i];
    squares += square;
    fourths += square * square / row->score_df[i];
    if (!(row->score_df[i] >= least)) least = row->score_df[i];
  }
  return joint ? least : squares * squares / fourths;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static heta_status room(builder *b, size_t count, size_t size, void *out) {
  void *block = heta_i_arena_take(&b->to->arena, count, size);
  if (!block) return heta_i_no_memory(b->error, "a roll-up", count * size);
  memcpy(out, &block, sizeof block);
  return HETA_OK;
}

static heta_status add_sums(builder *b, const heta_row *row, size_t length, const double *values,
                            const double **out) {
  double *sums = NULL;
  HETA_TRY(room(b, length, sizeof *sums, &sums));
  for (size_t u = 0; u < length; u++) sums[u] = sum_of(values, &b->to->rollup.units[u], row);
  *out = sums;
  return HETA_OK;
}

static heta_status add_errors(builder *b, const heta_row *row, size_t length, size_t component,
                              const double **out) {
  double *errors = NULL;
  HETA_TRY(room(b, length, sizeof *errors, &errors));
  for (size_t u = 0; u < length; u++)
    errors[u] = error_of(b->a, row, &b->to->rollup.units[u], component);
  *out = errors;
  return HETA_OK;
}

static heta_status add_freedom(builder *b, const heta_row *row, size_t length, const double **out) {
  double *df = NULL;
  HETA_TRY(room(b, length, sizeof *df, &df));
  for (size_t u = 0; u < length; u++) df[u] = freedom_of(b->a, row, &b->to->rollup.units[u]);
  *out = df;
  return HETA_OK;
}

static heta_status add_row(builder *b, const heta_row *row, heta_row *out) {
  const heta_attribution *a = b->a;
  const double **components = NULL, **errors = NULL;
  size_t length = 0;
  while (length < b->to->rollup.unit_count && b->to->rollup.units[length].first < row->length)
    length++;
  *out = (heta_row){.target = row->target, .length = length, .status = row->status};
  HETA_TRY(room(b, a->component_count + 1, sizeof *components, &components));
  HETA_TRY(room(b, a->component_count + 1, sizeof *errors, &errors));
  HETA_TRY(add_sums(b, row, length, row->score, &out->score));
  if (row->signed_score) HETA_TRY(add_sums(b, row, length, row->signed_score, &out->signed_score));
  if (row->score_se) HETA_TRY(add_errors(b, row, length, SIZE_MAX, &out->score_se));
  if (row->score_se && row->score_df) HETA_TRY(add_freedom(b, row, length, &out->score_df));
  for (size_t c = 0; c < a->component_count; c++) {
    HETA_TRY(add_sums(b, row, length, row->components[c], &components[c]));
    if (row->component_se && row->component_se[c])
      HETA_TRY(add_errors(b, row, length, c, &errors[c]));
  }
  out->components = components;
  out->component_se = errors;
  return HETA_OK;
}

static heta_status add_units(builder *b, heta_level level) {
  heta_i_units found;
  heta_unit *units = NULL;
  HETA_TRY(heta_i_level_units(b->a, level, &found, b->error));
  heta_status status = room(b, found.count + 1, sizeof *units, &units);
  for (size_t i = 0; !status && i < found.count; i++) {
    const heta_i_unit *unit = &found.units[i];
    units[i] = (heta_unit){unit->first, unit->last, unit->start, unit->end,
                           b->a->tokens[unit->first].segment};
  }
  b->to->rollup.units = units;
  b->to->rollup.unit_count = found.count;
  heta_i_units_free(&found);
  return status;
}

static heta_status build(builder *b, heta_level level) {
  const heta_attribution *a = b->a;
  heta_row *rows = NULL;
  HETA_TRY(add_units(b, level));
  HETA_TRY(room(b, a->row_count + 1, sizeof *rows, &rows));
  for (size_t i = 0; i < a->row_count; i++)
    if (level == HETA_LEVEL_TOKEN)
      rows[i] = a->rows[i];
    else
      HETA_TRY(add_row(b, &a->rows[i], &rows[i]));
  b->to->rollup.level = level;
  b->to->rollup.rows = rows;
  b->to->rollup.row_count = a->row_count;
  return HETA_OK;
}

heta_status heta_rollup_create(const heta_attribution *attribution, heta_level level,
                               heta_rollup **out, heta_error *error) {
  if (!attribution || !out)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "heta_rollup_create needs an attribution and a place for the roll-up");
  if (!heta_level_name(level))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "there is no level %d: the levels are 0 (token) to "
                       "%d (document)",
                       (int)level, (int)HETA_LEVEL_DOCUMENT);
  HETA_TRY(heta_i_result_check(attribution, HETA_E_ARGUMENT, error));
  owned *to = heta_i_allocate(1, sizeof *to);
  if (!to) return heta_i_no_memory(error, "a roll-up", sizeof *to);
  builder b = {attribution, to, error};
  heta_status status = build(&b, level);
  if (status)
    heta_rollup_free(&to->rollup);
  else
    *out = &to->rollup;
  return status;
}

void heta_rollup_free(heta_rollup *rollup) {
  if (!rollup) return;
  heta_i_arena_free(&((owned *)rollup)->arena);
  heta_i_free(rollup);
}

/* ---- For reports ----------------------------------------------------------------------------- */

heta_status heta_i_rollup_open(const heta_attribution *attribution, heta_level level,
                               heta_i_rollup *out, heta_error *error) {
  *out = (heta_i_rollup){0};
  for (size_t i = 0; i < attribution->rollup_count && !out->shown; i++)
    if (attribution->rollups[i].level == level) out->shown = &attribution->rollups[i];
  if (out->shown) return HETA_OK;
  HETA_TRY(heta_rollup_create(attribution, level, &out->made, error));
  out->shown = out->made;
  return HETA_OK;
}

void heta_i_rollup_close(heta_i_rollup *rollup) { heta_rollup_free(rollup->made); }

const char *heta_i_rollup_text(const heta_attribution *attribution, const heta_unit *unit,
                               size_t *size) {
  if (unit->start == unit->end) return heta_i_token_text(attribution, unit->first, size);
  *size = unit->end - unit->start;
  return attribution->text + unit->start;
}

/* Who says the message that a segment belongs to: the role of its own text, not of a document. */
static const char *speaker(const heta_attribution *a, const heta_segment *segment) {
  for (size_t i = 0; i < a->segment_count; i++) {
    const heta_segment *other = &a->segments[i];
    if (other->message == segment->message && strcmp(other->role, "template") &&
        strcmp(other->role, "document"))
      return other->role;
  }
  return segment->role;
}

heta_i_unit_name heta_i_rollup_name(const heta_attribution *attribution, const heta_rollup *rollup,
                                    size_t unit) {
  const heta_unit *u = &rollup->units[unit];
  const heta_segment *segment = &attribution->segments[u->segment];
  heta_i_unit_name name = {""};
  if (rollup->level < HETA_LEVEL_MESSAGE || heta_i_set_apart(attribution, u->first)) return name;
  bool whole = rollup->level == HETA_LEVEL_MESSAGE && segment->message;
  const char *role = whole ? speaker(attribution, segment) : segment->role;
  if (!strcmp(role, "target"))
    snprintf(name.text, sizeof name.text, "answer");
  else if (!whole && segment->name)
    snprintf(name.text, sizeof name.text, "%s %.140s", role, segment->name);
  else if (segment->message)
    snprintf(name.text, sizeof name.text, "%s %zu", role, segment->message);
  return name;
}

size_t heta_i_rollup_best(const heta_attribution *attribution, const heta_rollup *rollup,
                          const heta_row *row, bool apart, size_t limit, size_t *best) {
  size_t count = 0;
  for (size_t i = 0; i < row->length; i++) {
    double size = fabs(heta_i_row_value(row, i));
    if (!isfinite(size) || heta_i_set_apart(attribution, rollup->units[i].first) != apart) continue;
    size_t at = count; /* insertion into the short sorted list */
    while (at > 0 && fabs(heta_i_row_value(row, best[at - 1])) < size) at--;
    if (at >= limit) continue;
    if (count < limit) count++;
    for (size_t j = count - 1; j > at; j--) best[j] = best[j - 1];
    best[at] = i;
  }
  return count;
}
