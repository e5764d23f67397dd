/* sensitivity.c: how much a method's scores move under noise on the embeddings. */
#include <math.h>

#include "metric/metric.h"

/* The mean over tokens of the unbiased standard deviation of their shares of the scores. */
static heta_status deviation(heta_i_judging *j, const heta_scored *const *draws, size_t count,
                             double *mean, heta_error *error) {
  size_t n = j->scored.length;
  double *share = heta_i_judging_take(j, count * n, sizeof *share);
  if (!share) return heta_i_no_memory(error, "shares", count * n * sizeof *share);
  for (size_t r = 0; r < count; r++)
    heta_i_shares(draws[r]->score, j->scored.set_apart, n, share + r * n);
  *mean = 0;
  for (size_t i = 0; i < n; i++) {
    double middle = 0, squares = 0;
    if (heta_i_is_apart(j, i)) continue;
    for (size_t r = 0; r < count; r++) middle += share[r * n + i] / (double)count;
    for (size_t r = 0; r < count; r++)
      squares += (share[r * n + i] - middle) * (share[r * n + i] - middle);
    *mean += sqrt(squares / (double)(count - 1)) / (double)j->ranked;
  }
  return HETA_OK;
}

static heta_status run(heta_i_judging *j, double *const *values, heta_error *error) {
  size_t half = j->scored.other_count / 2;
  for (size_t kind = 0; kind < 2; kind++) {
    HETA_TRY(deviation(j, j->scored.others + kind * half, half, values[2 * kind], error));
    *values[2 * kind + 1] = *values[2 * kind] * (double)j->ranked;
  }
  return HETA_OK;
}

static const heta_i_others OTHERS = {
    4, true, "the scores under draws of one noise, two at least, and as many of another"};

static const heta_measure_info MEASURES[] = {
    {"sensitivity", "deviation of a token's share under noise of 0.01, mean over tokens", -1, 1,
     NULL, NULL},
    {"sensitivity_scaled", "the same in mean shares (times the number of tokens)", -1, 1, NULL,
     NULL},
    {"sensitivity_relative", "the same under noise of 5 % of the deviation of the embeddings", -1,
     1, NULL, NULL},
    {"sensitivity_relative_scaled", "the same in mean shares", -1, 1, NULL, NULL},
};

const heta_i_metric heta_i_metric_sensitivity = {
    .info =
        {.name = "sensitivity",
         .summary = "how far noise on the embeddings moves the scores; attributes again",
         .about =
             "Gaussian noise on every number of the context's embeddings, several draws (10, or "
             "--repeats), each attributed anew; the standard deviation (unbiased) of each token's "
             "share of the scores, mean over the tokens that are not set apart. Size of the "
             "noise, number of draws and normalisation are not in the paper. Here: 0.01, and 0.05 "
             "of the deviation of all numbers of the embedding table; shares sum to 1, so that "
             "they and their deviations shrink with the length of the context: the scaled "
             "measures do not. The method's own random numbers are the same in every draw, and "
             "the noise is the same for all methods: what is left is what the noise does. A "
             "method that does not look at the text, like each of the controls, has sensitivity "
             "0: read it beside a measure of faithfulness. Methods that noise does not fit (dig, "
             "contextcite) have none.",
         .source = "HETA (noise and draws not specified)",
         .needs = HETA_METRIC_NEEDS_NOISE,
         .measures = MEASURES,
         .measure_count = sizeof MEASURES / sizeof *MEASURES},
    .others = &OTHERS,
    .run = run};
