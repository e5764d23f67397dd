/* ranks.c: orders, shares, areas and correlations of scores. */
#include <math.h>

#include "metric/metric.h"

size_t heta_i_rank(const double *score, const bool *set_apart, size_t length, size_t *order) {
  size_t count = 0;
  for (size_t i = 0; i < length; i++) {
    if (set_apart && set_apart[i]) continue;
    size_t at = count++;
    for (; at && score[order[at - 1]] < score[i]; at--) order[at] = order[at - 1];
    order[at] = i;
  }
  return count;
}

void heta_i_shares(const double *score, const bool *set_apart, size_t length, double *share) {
  double sum = 0;
  size_t count = 0;
  for (size_t i = 0; i < length; i++) {
    bool apart = set_apart && set_apart[i];
    share[i] = apart ? 0 : score[i];
    sum += share[i];
    count += !apart;
  }
  for (size_t i = 0; i < length; i++) {
    bool apart = set_apart && set_apart[i];
    if (sum > 0)
      share[i] /= sum;
    else
      share[i] = apart ? 0 : 1.0 / (double)count;
  }
}

size_t heta_i_part_of(double fraction, size_t n) {
  return (size_t)floor(fraction * (double)n + 0.5);
}

double heta_i_area(const double *values, size_t points) {
  double sum = 0;
  for (size_t i = 1; i < points; i++) sum += 0.5 * (values[i - 1] + values[i]);
  return sum / (double)(points - 1);
}

static bool is_constant(const double *values, size_t count) {
  for (size_t i = 1; i < count; i++)
    if (values[i] != values[0]) return false;
  return true;
}

double heta_i_pearson(const double *a, const double *b, size_t count) {
  /* Not left to the sums: a mean of equal numbers need not be that number. */
  if (is_constant(a, count) || is_constant(b, count)) return NAN;
  double mean_a = 0, mean_b = 0, ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < count; i++) {
    mean_a += a[i] / (double)count;
    mean_b += b[i] / (double)count;
  }
  for (size_t i = 0; i < count; i++) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : NAN;
}

static void average_ranks(const double *values, size_t count, double *rank) {
  for (size_t i = 0; i < count; i++) {
    size_t below = 0, equal = 0;
    for (size_t k = 0; k < count; k++) {
      below += values[k] < values[i];
      equal += values[k] == values[i];
    }
    rank[i] = (double)below + 0.5 * (double)(equal - 1);
  }
}

double heta_i_spearman(const double *a, const double *b, size_t count, double *scratch) {
  average_ranks(a, count, scratch);
  average_ranks(b, count, scratch + count);
  return heta_i_pearson(scratch, scratch + count, count);
}
