/* stats.h: means and ratios of sums over questions, with intervals from resampled sources. */
#ifndef HETA_CLI_EVAL_STATS_H
#define HETA_CLI_EVAL_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EVAL_RESAMPLES = 2000 };

/* splitmix64: small, and the same everywhere. A whole number below `below`. */
size_t eval_draw(uint64_t *state, size_t below);

/* How often each source was drawn in each resample: the same for all methods and measures, so that
 * differences are paired. */
typedef struct eval_resamples {
  size_t sources;
  uint32_t *times; /* [EVAL_RESAMPLES × sources] */
} eval_resamples;

bool eval_resamples_make(size_t sources, uint64_t seed, eval_resamples *out);
void eval_resamples_free(eval_resamples *resamples);

/* One measure of one method: a value per question, NaN where there is none. */
typedef struct eval_sample {
  size_t count;
  const double *above;  /* [count] */
  const double *below;  /* [count]: the measure it is divided by; NULL: the mean is meant */
  const size_t *source; /* [count] */
  bool percent;         /* the quotient times 100, not its logarithm */
} eval_sample;

typedef struct eval_estimate {
  double value, low, high; /* with a 95 % interval of the percentiles; NaN when not defined */
  size_t questions, sources;
} eval_estimate;

typedef struct eval_difference {
  double value, low, high;
  double p; /* two-sided; at least 2 / EVAL_RESAMPLES, and 2 / 2^sources */
  size_t questions;
} eval_difference;

/* The mean, or ln(sum above / sum below), or 100 times that quotient. False without memory. */
bool eval_estimate_of(const eval_sample *sample, const eval_resamples *resamples,
                      eval_estimate *out);
/* a minus b over the questions that both have. */
bool eval_difference_of(const eval_sample *a, const eval_sample *b, const eval_resamples *resamples,
                        eval_difference *out);
/* The 95 % interval of resampled values, which are put in order. Those that are not defined are
 * left out; NaN when that is more than half of them. */
void eval_interval(double *values, size_t count, double *low, double *high);
/* Holm's correction of p-values in place; NaN stays. */
void eval_holm(double *p, size_t count);

#endif
