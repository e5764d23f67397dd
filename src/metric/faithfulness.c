/* faithfulness.c: whether sums of scores say what the removal of several tokens does. */
#include <math.h>

#include "base/random.h"
#include "metric/metric.h"

/* Random subsets of 1 to half of the tokens, the same for all scores, then every single token. */
static heta_status draw_subsets(heta_i_judging *j, size_t count, bool *removed, size_t *place,
                                heta_error *error) {
  size_t n = j->scored.length, tokens = 0;
  double *u = heta_i_judging_take(j, n + 1, sizeof *u);
  if (!u) return heta_i_no_memory(error, "subsets", n * sizeof *u);
  for (size_t i = 0; i < n; i++)
    if (!heta_i_is_apart(j, i)) place[tokens++] = i;
  size_t most = tokens > 1 ? tokens / 2 : 1;
  for (size_t v = 0; v < count; v++) {
    heta_i_uniform(j->options->seed, HETA_STREAM_SUBSET, 0, (uint32_t)v, tokens + 1, u);
    size_t size = 1 + (size_t)(u[tokens] * (double)most);
    for (size_t i = 0; i < size; i++) { /* the first `size` places of a shuffle */
      size_t other = i + (size_t)(u[i] * (double)(tokens - i)), held = place[i];
      place[i] = place[other];
      place[other] = held;
      removed[v * n + place[i]] = true;
    }
  }
  for (size_t i = 0; i < tokens; i++) removed[(count + i) * n + place[i]] = true;
  return HETA_OK;
}

static heta_status run(heta_i_judging *j, double *const *values, heta_error *error) {
  size_t n = j->scored.length, subsets = j->options->subsets, count = subsets + j->ranked;
  const double *score = j->scored.signed_score ? j->scored.signed_score : j->scored.score;
  bool *removed = heta_i_judging_take(j, count * n, sizeof *removed);
  size_t *place = heta_i_judging_take(j, n, sizeof *place);
  double *drop = heta_i_judging_take(j, count, sizeof *drop);
  double *sum = heta_i_judging_take(j, count, sizeof *sum);
  if (!removed || !place || !drop || !sum) return heta_i_no_memory(error, "subsets", count * n);
  HETA_TRY(draw_subsets(j, subsets, removed, place, error));
  heta_i_prediction prediction = {.logprob = drop};
  HETA_TRY(heta_i_judge_removed(j, count, removed, &prediction, error));
  double product = 0, square = 0, off = 0, size = 0, total = 0;
  for (size_t v = 0; v < count; v++) {
    drop[v] = j->clean_logprob - drop[v];
    for (size_t i = 0; i < n; i++)
      if (removed[v * n + i]) sum[v] += score[i];
    product += sum[v] * drop[v];
    square += sum[v] * sum[v];
  }
  double scale = square > 0 ? product / square : 0;
  for (size_t v = 0; v < count; v++) {
    off += fabs(drop[v] - scale * sum[v]) / (double)count;
    size += fabs(drop[v]) / (double)count;
    total += drop[v] * drop[v];
  }
  *values[0] = off;
  *values[1] = size > 0 ? off / size : NAN;
  *values[2] = heta_i_pearson(sum, drop, subsets);
  *values[3] = square;
  *values[4] = product;
  *values[5] = total;
  return HETA_OK;
}

static size_t lanes(const heta_metric_options *options, size_t n) { return options->subsets + n; }

/* Neither the subsets nor the single tokens depend on the scores. */
static size_t shared(const heta_metric_options *options, size_t n) { return lanes(options, n); }

/* A single token takes the rows from its own on; of a subset, the first is near the beginning. */
static double rows(const heta_metric_options *options, size_t n) {
  return (double)n * ((double)options->subsets + 0.5 * (double)(n + 1));
}

static const heta_measure_info MEASURES[] = {
    {"faithfulness_error", "mean distance of the fitted sums from the drops, in nats", -1, 1, NULL,
     NULL},
    {"faithfulness_relative_error", "the same over the mean size of a drop", -1, 1, NULL, NULL},
    {"faithfulness_correlation", "correlation of sums and drops over the random subsets", 1, 1,
     NULL, NULL},
    {"faithfulness_square", "sum of the squares of the sums, for heta calibrate", 0, 1, NULL, NULL},
    {"faithfulness_product", "sum of the sums times the drops", 0, 1, NULL, NULL},
    {"faithfulness_drops", "sum of the squares of the drops", 0, 1, NULL, NULL},
};

const heta_i_metric heta_i_metric_faithfulness = {
    .info = {.name = "faithfulness-error",
             .summary = "how well sums of scores give the drop when several tokens are removed",
             .about =
                 "Random subsets R of 1 to n/2 tokens, the same for all methods, and every "
                 "single token are removed. L is the mean of |g(x) - g(x without R) - c Σ a_i| "
                 "over them, g the target's log-probability, a the signed scores where the "
                 "method has them, and c the factor that makes the sum of squares least: "
                 "methods have no common unit. The correlation is over the subsets only.",
             .source = "HETA, appendix; Bhatt et al. 2020 (correlation)",
             .needs = HETA_METRIC_NEEDS_MODEL,
             .measures = MEASURES,
             .measure_count = sizeof MEASURES / sizeof *MEASURES},
    .lanes = lanes,
    .shared = shared,
    .rows = rows,
    .run = run};
