/* stopping.c: when a token needs no more probes (--probes auto).
 *
 * After the item's least number of samples, and after each further one, a token's mean is known
 * well enough when its standard error is at most the item's tolerance times the mean. Which samples
 * are wanted depends on the samples before them alone: not on batches, threads, budgets or who
 * computed them. */
#include <math.h>

#include "method/method.h"

/* Whether the first `least` of `count` samples, or more of them, met the tolerance. */
static bool met(const double *samples, size_t count, size_t least, double tolerance) {
  double mean = 0, squares = 0; /* Welford's running mean and sum of squared deviations */
  for (size_t r = 0; r < count; r++) {
    if (isnan(samples[r])) return false;
    double from = samples[r] - mean;
    mean += from / (double)(r + 1);
    squares += from * (samples[r] - mean);
    if (r + 1 < least) continue;
    if (sqrt(squares / (double)r / (double)(r + 1)) <= tolerance * mean) return true;
  }
  return false;
}

bool heta_i_wanted(const heta_i_session *session, const heta_i_item *item, size_t series,
                   size_t target, size_t token, size_t sample) {
  const double *samples = heta_i_series_at(session, series, target, token);
  if (!isnan(samples[sample])) return false;
  if (item->budget && session->chosen && !session->chosen[token]) return false;
  return !(item->tolerance > 0) || !met(samples, sample, item->least, item->tolerance);
}

bool heta_i_asked(const heta_i_session *session, size_t token) {
  return !session->only || session->only[token];
}

bool heta_i_shared(const heta_i_item *item) { return item->tolerance > 0 || item->budget > 0; }

static bool owned(const heta_i_session *session, const heta_i_item *item, size_t token) {
  if (!heta_i_asked(session, token)) return false;
  return !heta_i_shared(item) || session->parts <= 1 ||
         (session->origin + token) % session->parts == session->part;
}

bool heta_i_due(const heta_i_session *session, const heta_i_item *item, size_t series,
                size_t target, size_t token, size_t sample) {
  return owned(session, item, token) && heta_i_wanted(session, item, series, target, token, sample);
}

bool heta_i_settled(const heta_i_session *session, const heta_i_item *item, size_t series,
                    size_t target, size_t token) {
  return met(heta_i_series_at(session, series, target, token), session->series[series].samples,
             item->least, item->tolerance);
}
