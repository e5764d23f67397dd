/* linear.c: linear fits to values of coalitions, with errors by leaving samples out. */
#include "method/linear.h"

#include <math.h>
#include <string.h>

enum { GROUPS = 10 }; /* of samples, one of which is left out at a time */

/* Moments of a target's samples in groups, their sum, and room for fits. */
struct heta_i_groups {
  heta_i_moments all, group[GROUPS];
  double *room;                /* [count² + count] */
  double *left;                /* [GROUPS × count] */
  double *scores, *deviations; /* [count] */
};

static void groups_close(heta_i_groups *groups) {
  heta_i_moments_close(&groups->all);
  for (size_t g = 0; g < GROUPS; g++) heta_i_moments_close(&groups->group[g]);
  heta_i_free(groups->room);
  heta_i_free(groups->left);
  heta_i_free(groups->scores);
  heta_i_free(groups->deviations);
}

static bool groups_open(size_t count, heta_i_groups *out) {
  bool done = heta_i_moments_open(count, &out->all);
  for (size_t g = 0; g < GROUPS && done; g++) done = heta_i_moments_open(count, &out->group[g]);
  out->room = heta_i_allocate(count * (count + 1), sizeof *out->room);
  out->left = heta_i_allocate(GROUPS * count, sizeof *out->left);
  out->scores = heta_i_allocate(count, sizeof *out->scores);
  out->deviations = heta_i_allocate(count, sizeof *out->deviations);
  return done && out->room && out->left && out->scores && out->deviations;
}

void heta_i_groups_add(heta_i_groups *groups, size_t group, const size_t *ones, size_t size,
                       double weight, double y) {
  heta_i_moments_add(&groups->group[group % GROUPS], ones, size, weight, y);
}

/* The delete-a-group jackknife: (G - 1)/G Σ (φ without g - their mean)². */
static bool jackknife(const heta_i_session *session, size_t target, const heta_i_linear *how,
                      heta_i_groups *groups) {
  size_t count = groups->all.count;
  bool done = true;
  for (size_t g = 0; g < GROUPS && done; g++) {
    heta_i_moments_merge(&groups->all, -1, &groups->group[g]);
    done = groups->group[g].weights > 0 &&
           how->fit(session, target, &groups->all, groups->room, groups->left + g * count);
    heta_i_moments_merge(&groups->all, 1, &groups->group[g]);
  }
  for (size_t i = 0; i < count && done; i++) {
    double mean = 0, squares = 0;
    for (size_t g = 0; g < GROUPS; g++) mean += groups->left[g * count + i] / GROUPS;
    for (size_t g = 0; g < GROUPS; g++)
      squares += (groups->left[g * count + i] - mean) * (groups->left[g * count + i] - mean);
    groups->deviations[i] = sqrt(squares * (GROUPS - 1) / GROUPS);
  }
  return done;
}

/* Scores and deviations of the players. */
static void fit_all(const heta_i_session *session, size_t target, const heta_i_linear *how,
                    heta_i_groups *groups) {
  size_t count = groups->all.count;
  for (size_t g = 0; g < GROUPS; g++) heta_i_moments_merge(&groups->all, 1, &groups->group[g]);
  bool done = how->fit(session, target, &groups->all, groups->room, groups->scores);
  for (size_t i = 0; i < count && !done; i++) groups->scores[i] = NAN;
  bool known = done && !how->exact && jackknife(session, target, how, groups);
  for (size_t i = 0; i < count && !known; i++) groups->deviations[i] = NAN;
}

/* Numbers of players spread over their tokens; the others get 0. */
static void spread(const heta_i_deck *deck, const double *players, double *out) {
  memset(out, 0, deck->length * sizeof *out);
  for (size_t i = 0; i < deck->count; i++) out[deck->player[i]] = players[i];
}

bool heta_i_linear_finish(const heta_i_session *session, size_t target, const heta_i_linear *how,
                          heta_i_numbers *to) {
  heta_i_deck deck = {0};
  heta_i_groups groups = {0};
  bool done = !heta_i_deck_open(session, target, &deck, NULL) && groups_open(deck.count, &groups);
  for (size_t s = 0; s < how->samples && done; s++) how->add(session, &deck, s, &groups);
  if (done) {
    fit_all(session, target, how, &groups);
    spread(&deck, groups.scores, to->signed_score);
    spread(&deck, groups.deviations, to->score_se);
  }
  for (size_t i = 0; i < deck.length && done; i++) {
    to->components[0][i] = to->signed_score[i];
    to->errors[0][i] = to->score_se[i];
    to->probes[i] = (uint32_t)how->samples;
    to->score_df[i] = GROUPS - 1;
  }
  groups_close(&groups);
  heta_i_deck_close(&deck);
  return done;
}

double heta_i_value_of_all(const heta_i_session *session, size_t series, size_t target) {
  const double *ends = heta_i_series_at(session, series, target, 0);
  return ends[HETA_VALUE_OF_ALL] - ends[HETA_VALUE_OF_NONE];
}

size_t heta_i_value_checks(const heta_i_session *session, size_t series, heta_check_value *out) {
  const double *ends = heta_i_series_at(session, series, 0, 0);
  out[0] = (heta_check_value){"value_of_all", ends[HETA_VALUE_OF_ALL]};
  out[1] = (heta_check_value){"value_of_none", ends[HETA_VALUE_OF_NONE]};
  return 2;
}

double heta_i_log_choose(size_t n, size_t k) {
  return lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1);
}

double heta_i_shapley_kernel(size_t n, size_t size) {
  return (double)(n - 1) / ((double)size * (double)(n - size)) * exp(-heta_i_log_choose(n, size));
}

size_t heta_i_present(const heta_i_deck *deck, size_t *ones) {
  size_t used = 0;
  for (size_t i = 0; i < deck->count; i++)
    if (!deck->absent[deck->player[i]]) ones[used++] = i;
  return used;
}
