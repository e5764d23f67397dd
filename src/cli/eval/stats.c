/* stats.c: resampling by source, paired differences, Holm's correction. */
#include "cli/eval/stats.h"
#include "cli/numbers.h"

#include <math.h>
#include <stdlib.h>

size_t eval_draw(uint64_t *state, size_t below) {
  uint64_t z = *state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return (size_t)((double)(z >> 11) * 0x1p-53 * (double)below);
}

bool eval_resamples_make(size_t sources, uint64_t seed, eval_resamples *out) {
  *out = (eval_resamples){.sources = sources};
  out->times = calloc(EVAL_RESAMPLES * sources + 1, sizeof *out->times);
  for (size_t r = 0; out->times && r < EVAL_RESAMPLES; r++) {
    for (size_t i = 0; i < sources; i++) {
      out->times[r * sources + eval_draw(&seed, sources)]++;
    }
  }
  return out->times != NULL;
}

void eval_resamples_free(eval_resamples *resamples) {
  free(resamples->times);
  resamples->times = NULL;
}

/* Sums per source; questions without a value are left out. */
typedef struct sums {
  double *above, *below; /* [sources] */
  size_t *questions;
} sums;

static bool open_sums(size_t sources, sums *s) {
  s->above = calloc(sources + 1, sizeof *s->above);
  s->below = calloc(sources + 1, sizeof *s->below);
  s->questions = calloc(sources + 1, sizeof *s->questions);
  return s->above && s->below && s->questions;
}

static void close_sums(sums *s) {
  free(s->above);
  free(s->below);
  free(s->questions);
}

static bool there(const eval_sample *s, size_t i) {
  return isfinite(s->above[i]) && (!s->below || isfinite(s->below[i]));
}

static void add(const eval_sample *sample, size_t i, sums *s) {
  size_t source = sample->source[i];
  s->above[source] += sample->above[i];
  s->below[source] += sample->below ? sample->below[i] : 1;
  s->questions[source]++;
}

/* The statistic of weighted sources; times NULL: each once. */
static double statistic(const sums *s, size_t sources, const uint32_t *times,
                        const eval_sample *sample) {
  double above = 0, below = 0;
  for (size_t i = 0; i < sources; i++) {
    double weight = times ? times[i] : 1;
    above += weight * s->above[i];
    below += weight * s->below[i];
  }
  double value = below > 0 ? above / below : NAN;
  return !sample->below ? value : sample->percent ? 100 * value : log(value);
}

void eval_interval(double *values, size_t count, double *low, double *high) {
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    if (isfinite(values[i])) values[kept++] = values[i];
  }
  *low = *high = NAN;
  if (kept < count / 2) return;
  cli_sort(values, kept);
  *low = values[(size_t)(0.025 * (double)(kept - 1))];
  *high = values[(size_t)ceil(0.975 * (double)(kept - 1))];
}

bool eval_estimate_of(const eval_sample *sample, const eval_resamples *resamples,
                      eval_estimate *out) {
  size_t sources = resamples->sources;
  sums s = {0};
  double *values = calloc(EVAL_RESAMPLES, sizeof *values);
  bool fine = open_sums(sources, &s) && values;
  *out = (eval_estimate){.value = NAN, .low = NAN, .high = NAN};
  if (fine) {
    for (size_t i = 0; i < sample->count; i++) {
      if (there(sample, i)) add(sample, i, &s);
    }
    for (size_t i = 0; i < sources; i++) {
      out->questions += s.questions[i];
      out->sources += s.questions[i] > 0;
    }
    out->value = statistic(&s, sources, NULL, sample);
    for (size_t r = 0; r < EVAL_RESAMPLES; r++) {
      values[r] = statistic(&s, sources, resamples->times + r * sources, sample);
    }
    if (out->sources > 1) eval_interval(values, EVAL_RESAMPLES, &out->low, &out->high);
  }
  close_sums(&s);
  free(values);
  return fine;
}

bool eval_difference_of(const eval_sample *a, const eval_sample *b, const eval_resamples *resamples,
                        eval_difference *out) {
  size_t sources = resamples->sources, more = 0, less = 0, defined = 0, used = 0;
  sums s = {0}, t = {0};
  double *values = calloc(EVAL_RESAMPLES, sizeof *values);
  bool fine = open_sums(sources, &s) && values;
  fine = open_sums(sources, &t) && fine;
  *out = (eval_difference){.value = NAN, .low = NAN, .high = NAN, .p = NAN};
  if (fine) {
    for (size_t i = 0; i < a->count; i++) {
      if (!there(a, i) || !there(b, i)) continue;
      add(a, i, &s);
      add(b, i, &t);
      out->questions++;
    }
    for (size_t i = 0; i < sources; i++) used += s.questions[i] > 0;
    out->value = statistic(&s, sources, NULL, a) - statistic(&t, sources, NULL, b);
    for (size_t r = 0; r < EVAL_RESAMPLES; r++) {
      const uint32_t *times = resamples->times + r * sources;
      values[r] = statistic(&s, sources, times, a) - statistic(&t, sources, times, b);
      defined += isfinite(values[r]);
      more += values[r] > 0;
      less += values[r] < 0;
    }
    if (used > 1 && defined > EVAL_RESAMPLES / 2) {
      eval_interval(values, EVAL_RESAMPLES, &out->low, &out->high);
      size_t ties = defined - more - less, fewer = more < less ? more : less;
      double p = 2 * ((double)fewer + 0.5 * (double)ties + 1) / ((double)defined + 1);
      /* Resampling few sources never meets the other sign: no test of them can do better than
       * that of their signs. */
      double least = used < 60 ? ldexp(2, -(int)used) : 0;
      if (p < least) p = least;
      out->p = p < 1 ? p : 1;
    }
  }
  close_sums(&s);
  close_sums(&t);
  free(values);
  return fine;
}

void eval_holm(double *p, size_t count) {
  double floor = 0;
  size_t tests = 0;
  for (size_t i = 0; i < count; i++) tests += isfinite(p[i]);
  bool *done = calloc(count + 1, sizeof *done);
  for (size_t left = tests; done && left; left--) {
    size_t least = count;
    for (size_t i = 0; i < count; i++) {
      if (!done[i] && isfinite(p[i]) && (least == count || p[i] < p[least])) least = i;
    }
    done[least] = true;
    double corrected = p[least] * (double)left;
    if (corrected < floor) corrected = floor;
    if (corrected > 1) corrected = 1;
    p[least] = floor = corrected;
  }
  free(done);
}
