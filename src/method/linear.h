/* linear.h: methods that fit a linear model to values of coalitions: kernel-shap, lime and
 * progressive-mp. They have the way from samples to scores and errors in common. */
#ifndef HETA_METHOD_LINEAR_H
#define HETA_METHOD_LINEAR_H

#include "base/regression.h"
#include "method/coalition.h"

typedef struct heta_i_groups heta_i_groups;

/* How a method's samples become scores. */
typedef struct heta_i_linear {
  size_t samples;
  bool exact; /* the samples are all there are: no errors */
  /* Adds what sample number `sample` says (heta_i_groups_add); nothing when it is not there. */
  void (*add)(const heta_i_session *session, heta_i_deck *deck, size_t sample,
              heta_i_groups *groups);
  /* Solves for the players' scores; false when it cannot. room: as heta_i_fit_total's. */
  bool (*fit)(const heta_i_session *session, size_t target, const heta_i_moments *moments,
              double *room, double *out);
} heta_i_linear;

/* Adds a row: `ones` as in heta_i_moments_add. Rows of one group are left out together for the
 * errors. */
void heta_i_groups_add(heta_i_groups *groups, size_t group, const size_t *ones, size_t size,
                       double weight, double y);
/* A method's `finish`: scores and, by a jackknife over ten groups of samples, their standard
 * errors; NaN where they cannot be had. */
bool heta_i_linear_finish(const heta_i_session *session, size_t target, const heta_i_linear *how,
                          heta_i_numbers *to);

/* Of methods whose scores sum to the value of all minus that of none: a series with the two. */
enum { HETA_VALUE_OF_NONE, HETA_VALUE_OF_ALL };
/* Their difference for a target. */
double heta_i_value_of_all(const heta_i_session *session, size_t series, size_t target);
/* The two as a method's `checks`. */
size_t heta_i_value_checks(const heta_i_session *session, size_t series, heta_check_value *out);
/* Shapley's kernel for one coalition of `size` of `n` players. */
double heta_i_shapley_kernel(size_t n, size_t size);
/* log (n over k) */
double heta_i_log_choose(size_t n, size_t k);

/* The players that are not absent, by number, into ones; returns how many. */
size_t heta_i_present(const heta_i_deck *deck, size_t *ones);
/* progressive_mp.c: how often, on average, a pass meets one coalition of `size` of `players` whose
 * last one is number `last`, counted from 1. */
double heta_i_visits(size_t players, size_t size, size_t last);

#endif
