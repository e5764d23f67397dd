/* linear.c: linear fits to values of coalitions, with errors by leaving samples out. */
#include "method/linear.h"

#include <math.h>
#include <string.h>

bool heta_i_groups_open(size_t count, heta_i_groups *out) {
  bool done = heta_i_moments_open(count, &out->all);
  for (size_t g = 0; g < HETA_GROUPS; g++)
    done = heta_i_moments_open(count, &out->group[g]) && done;
  if (!done) heta_i_groups_close(out);
  return done;
}

void heta_i_groups_close(heta_i_groups *groups) {
  heta_i_moments_close(&groups->all);
  for (size_t g = 0; g < HETA_GROUPS; g++) heta_i_moments_close(&groups->group[g]);
}

void heta_i_groups_add(heta_i_groups *groups, size_t group, const size_t *ones, size_t size,
                       double weight, double y) {
  heta_i_moments_add(&groups->group[group % HETA_GROUPS], ones, size, weight, y);
}

/* The delete-a-group jackknife: (G - 1)/G Σ (φ without g - their mean)². */
static bool jackknife(heta_i_groups *groups, heta_i_fit fit, const void *context, double *errors) {
  size_t count = groups->all.count;
  double *left = heta_i_allocate(HETA_GROUPS * count, sizeof *left);
  bool done = left;
  for (size_t g = 0; g < HETA_GROUPS && done; g++) {
    heta_i_moments_merge(&groups->all, -1, &groups->group[g]);
    done = groups->group[g].weights > 0 && fit(context, &groups->all, left + g * count);
    heta_i_moments_merge(&groups->all, 1, &groups->group[g]);
  }
  for (size_t i = 0; i < count && done; i++) {
    double mean = 0, squares = 0;
    for (size_t g = 0; g < HETA_GROUPS; g++) mean += left[g * count + i] / HETA_GROUPS;
    for (size_t g = 0; g < HETA_GROUPS; g++)
      squares += (left[g * count + i] - mean) * (left[g * count + i] - mean);
    errors[i] = sqrt(squares * (HETA_GROUPS - 1) / HETA_GROUPS);
  }
  heta_i_free(left);
  return done;
}

void heta_i_groups_fit(heta_i_groups *groups, heta_i_fit fit, const void *context, double *out,
                       double *errors) {
  size_t count = groups->all.count;
  for (size_t g = 0; g < HETA_GROUPS; g++) heta_i_moments_merge(&groups->all, 1, &groups->group[g]);
  bool done = fit(context, &groups->all, out);
  for (size_t i = 0; i < count && !done; i++) out[i] = NAN;
  if (!errors) return;
  bool known = done && jackknife(groups, fit, context, errors);
  for (size_t i = 0; i < count && !known; i++) errors[i] = NAN;
}

size_t heta_i_present(const heta_i_deck *deck, size_t *ones) {
  size_t used = 0;
  for (size_t i = 0; i < deck->count; i++)
    if (!deck->absent[deck->player[i]]) ones[used++] = i;
  return used;
}

void heta_i_spread(const heta_i_deck *deck, const double *players, double *out) {
  memset(out, 0, deck->length * sizeof *out);
  for (size_t i = 0; i < deck->count; i++) out[deck->player[i]] = players[i];
}
