/* curves.c: metrics that remove the strongest tokens, or keep only them: deletion and insertion
 * curves, AOPC, comprehensiveness, sufficiency, log-odds. */
#include <math.h>
#include <string.h>

#include "metric/metric.h"

/* Log-probability of the target with the `counts[v]` strongest tokens removed, or with all others
 * removed (keep). Equal counts are computed once. */
static heta_status logprobs_of(heta_i_judging *j, const size_t *counts, size_t count, bool keep,
                               double *out, heta_error *error) {
  size_t n = j->scored.length, distinct = 0;
  size_t *which = heta_i_judging_take(j, count, sizeof *which);
  bool *removed = heta_i_judging_take(j, count * n, sizeof *removed);
  double *logprob = heta_i_judging_take(j, count, sizeof *logprob);
  if (!which || !removed || !logprob) return heta_i_no_memory(error, "variants", count * n);
  for (size_t v = 0; v < count; v++) {
    for (which[v] = 0; which[v] < v && counts[which[v]] != counts[v];) which[v]++;
    if (which[v] < v) {
      which[v] = which[which[v]];
      continue;
    }
    which[v] = distinct;
    for (size_t r = 0; r < j->ranked; r++)
      removed[distinct * n + j->order[r]] = keep ? r >= counts[v] : r < counts[v];
    distinct++;
  }
  heta_i_prediction prediction = {.logprob = logprob};
  HETA_TRY(heta_i_judge_removed(j, distinct, removed, &prediction, error));
  for (size_t v = 0; v < count; v++) out[v] = logprob[which[v]];
  return HETA_OK;
}

static size_t curve_lanes(const heta_metric_options *options, size_t n) {
  (void)options;
  return n + 1 < HETA_CURVE_POINTS ? n + 1 : HETA_CURVE_POINTS;
}

enum { AUC, RELATIVE, LOG_AUC, CURVE, LOG_CURVE }; /* measures of both curves */

static heta_status curve(heta_i_judging *j, bool keep, double *const *values, heta_error *error) {
  size_t counts[HETA_CURVE_POINTS];
  for (size_t p = 0; p < HETA_CURVE_POINTS; p++)
    counts[p] = heta_i_part_of((double)p / (HETA_CURVE_POINTS - 1), j->ranked);
  HETA_TRY(logprobs_of(j, counts, HETA_CURVE_POINTS, keep, values[LOG_CURVE], error));
  for (size_t p = 0; p < HETA_CURVE_POINTS; p++) values[CURVE][p] = exp(values[LOG_CURVE][p]);
  *values[AUC] = heta_i_area(values[CURVE], HETA_CURVE_POINTS);
  *values[RELATIVE] = *values[AUC] / exp(j->clean_logprob);
  *values[LOG_AUC] = heta_i_area(values[LOG_CURVE], HETA_CURVE_POINTS) - j->clean_logprob;
  return HETA_OK;
}

static heta_status run_deletion(heta_i_judging *j, double *const *values, heta_error *error) {
  return curve(j, false, values, error);
}

static heta_status run_insertion(heta_i_judging *j, double *const *values, heta_error *error) {
  return curve(j, true, values, error);
}

// clang-format off
#define CURVE_MEASURES(kind, what, better)                                                         \
  {                                                                                                \
    {kind "_auc", "area under the target's probability as tokens are " what,                       \
     better, 1, NULL, NULL},                                                                       \
    {kind "_relative_auc", "the same, divided by the probability in the whole context",            \
     better, 1, NULL, NULL},                                                                       \
    {kind "_logprob_auc",                                                                          \
     "area under the log-probability, minus that in the whole context, in nats",                   \
     better, 1, NULL, NULL},                                                                       \
    {kind "_curve", "probability with 0, 5, … 100 % of the tokens " what,                          \
     0, HETA_CURVE_POINTS, NULL, NULL},                                                            \
    {kind "_logprob_curve", "log-probability with 0, 5, … 100 % of the tokens " what,              \
     0, HETA_CURVE_POINTS, NULL, NULL},                                                            \
  }
// clang-format on

static const heta_measure_info DELETION[] = CURVE_MEASURES("deletion", "removed", -1);
static const heta_measure_info INSERTION[] = CURVE_MEASURES("insertion", "put back", 1);

const heta_i_metric heta_i_metric_deletion = {
    .info =
        {.name = "deletion",
         .summary = "how fast the target's probability falls as the strongest tokens go",
         .about =
             "Tokens are removed in the order of their scores, the strongest first, ties in the "
             "order of the text: none, 5 %, 10 %, … all of those not set apart. The area under "
             "the target's probability is taken by trapezoids. A removed token's embedding is "
             "replaced (mask); the length and the positions of the text stay.",
         .source = "Petsiuk et al. 2018 (RISE); Samek et al. 2017",
         .needs = HETA_METRIC_NEEDS_MODEL,
         .measures = DELETION,
         .measure_count = sizeof DELETION / sizeof *DELETION},
    .lanes = curve_lanes,
    .run = run_deletion};

const heta_i_metric heta_i_metric_insertion = {
    .info = {.name = "insertion",
             .summary = "how fast the target's probability rises as the strongest tokens come back",
             .about =
                 "All tokens that are not set apart are removed, then put back in the order of "
                 "their scores, the strongest first: none, 5 %, 10 %, … all.",
             .source = "Petsiuk et al. 2018 (RISE)",
             .needs = HETA_METRIC_NEEDS_MODEL,
             .measures = INSERTION,
             .measure_count = sizeof INSERTION / sizeof *INSERTION},
    .lanes = curve_lanes,
    .run = run_insertion};

/* ---- AOPC ----------------------------------------------------------------------------------- */

static const double BINS[HETA_AOPC_BINS] = {0.01, 0.05, 0.1, 0.2, 0.5};
enum { BIN_COUNT = HETA_AOPC_BINS };

void heta_i_aopc_counts(size_t tokens, size_t counts[HETA_AOPC_BINS]) {
  for (size_t b = 0; b < BIN_COUNT; b++) counts[b] = (size_t)floor(BINS[b] * (double)tokens + 1e-9);
}

static size_t aopc_lanes(const heta_metric_options *options, size_t n) {
  (void)options, (void)n;
  return 2 * BIN_COUNT;
}

static heta_status run_aopc(heta_i_judging *j, double *const *values, heta_error *error) {
  size_t counts[BIN_COUNT];
  double without[BIN_COUNT], only[BIN_COUNT], p = exp(j->clean_logprob);
  heta_i_aopc_counts(j->ranked, counts);
  HETA_TRY(logprobs_of(j, counts, BIN_COUNT, false, without, error));
  HETA_TRY(logprobs_of(j, counts, BIN_COUNT, true, only, error));
  for (size_t m = 0; m < 4; m++) *values[m] = 0;
  for (size_t b = 0; b < BIN_COUNT; b++) {
    *values[0] += (p - exp(without[b])) / (BIN_COUNT + 1);
    *values[1] += (j->clean_logprob - without[b]) / (BIN_COUNT + 1);
    if (!counts[b]) continue; /* nothing kept: counts as 0, as in ERASER */
    *values[2] += (p - exp(only[b])) / (BIN_COUNT + 1);
    *values[3] += (j->clean_logprob - only[b]) / (BIN_COUNT + 1);
  }
  return HETA_OK;
}

static const heta_measure_info AOPC[] = {
    {"aopc", "mean drop of the target's probability without its strongest tokens", 1, 1, NULL,
     NULL},
    {"aopc_logprob", "the same of the log-probability, in nats", 1, 1, NULL, NULL},
    {"aopc_sufficiency", "mean drop of the probability with the strongest tokens only", -1, 1, NULL,
     NULL},
    {"aopc_sufficiency_logprob", "the same of the log-probability, in nats", -1, 1, NULL, NULL},
};

const heta_i_metric heta_i_metric_aopc = {
    .info = {.name = "aopc",
             .summary = "area over the perturbation curve, at 1, 5, 10, 20 and 50 %",
             .about = "The drop of the target's probability when the strongest 1, 5, 10, 20 and "
                      "50 % of the tokens (rounded down) are removed, summed and divided by 6: "
                      "removing none, which drops nothing, is the sixth. Sufficiency keeps these "
                      "tokens and removes the others; where the share is no token it counts as 0.",
             .source = "DeYoung et al. 2020 (ERASER)",
             .needs = HETA_METRIC_NEEDS_MODEL,
             .measures = AOPC,
             .measure_count = sizeof AOPC / sizeof *AOPC},
    .lanes = aopc_lanes,
    .run = run_aopc};

/* ---- Comprehensiveness ---------------------------------------------------------------------- */

static size_t two_lanes(const heta_metric_options *options, size_t n) {
  (void)options, (void)n;
  return 2;
}

static heta_status run_comprehensiveness(heta_i_judging *j, double *const *values,
                                         heta_error *error) {
  size_t count = (size_t)floor(0.2 * (double)j->ranked + 1e-9);
  double without, only, p = exp(j->clean_logprob);
  if (!count) count = 1;
  HETA_TRY(logprobs_of(j, &count, 1, false, &without, error));
  HETA_TRY(logprobs_of(j, &count, 1, true, &only, error));
  *values[0] = p - exp(without);
  *values[1] = p - exp(only);
  *values[2] = without - j->clean_logprob;
  return HETA_OK;
}

static const heta_measure_info COMPREHENSIVENESS[] = {
    {"comprehensiveness", "drop of the target's probability without its strongest 20 %", 1, 1, NULL,
     NULL},
    {"sufficiency", "drop of the target's probability with the strongest 20 % only", -1, 1, NULL,
     NULL},
    {"log_odds", "change of the log-probability without the strongest 20 %, in nats", -1, 1, NULL,
     NULL},
};

const heta_i_metric heta_i_metric_comprehensiveness = {
    .info = {.name = "comprehensiveness",
             .summary = "the strongest fifth of the tokens removed, or kept alone",
             .about = "The strongest 20 % of the tokens (rounded down, at least one) are removed, "
                      "then kept alone. The log-odds of the literature are the change of the "
                      "target's log-probability; use mask token:ID to replace tokens by another.",
             .source = "DeYoung et al. 2020 (ERASER); Shrikumar et al. 2017 (log-odds)",
             .needs = HETA_METRIC_NEEDS_MODEL,
             .measures = COMPREHENSIVENESS,
             .measure_count = sizeof COMPREHENSIVENESS / sizeof *COMPREHENSIVENESS},
    .lanes = two_lanes,
    .run = run_comprehensiveness};
