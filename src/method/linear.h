/* linear.h: methods that fit a linear model to values of coalitions: kernel-shap, lime and
 * progressive-mp have their samples' errors in common. */
#ifndef HETA_METHOD_LINEAR_H
#define HETA_METHOD_LINEAR_H

#include "base/regression.h"
#include "method/coalition.h"

enum { HETA_GROUPS = 10 }; /* of samples, one of which is left out at a time */

/* Solves for the players' scores; false when it cannot. */
typedef bool (*heta_i_fit)(const void *context, const heta_i_moments *moments, double *out);

/* Moments of a target's samples in HETA_GROUPS groups, beside their sum. */
typedef struct heta_i_groups {
  heta_i_moments all, group[HETA_GROUPS];
} heta_i_groups;

bool heta_i_groups_open(size_t count, heta_i_groups *out);
void heta_i_groups_close(heta_i_groups *groups);
/* Adds a row to its group: `ones` as in heta_i_moments_add. */
void heta_i_groups_add(heta_i_groups *groups, size_t group, const size_t *ones, size_t size,
                       double weight, double y);
/* Scores of the players and (unless NULL) their standard errors by the jackknife over groups; NaN
 * where they cannot be had. Sums the groups up first. */
void heta_i_groups_fit(heta_i_groups *groups, heta_i_fit fit, const void *context, double *out,
                       double *errors);
/* The players that are not absent, by number, into ones; returns how many. */
size_t heta_i_present(const heta_i_deck *deck, size_t *ones);
/* progressive_mp.c: how often, on average, a pass meets one coalition of `size` of `players` whose
 * last one is number `last`, counted from 1. */
double heta_i_visits(size_t players, size_t size, size_t last);
/* Scores of players spread over their tokens; the others get 0. */
void heta_i_spread(const heta_i_deck *deck, const double *players, double *out);

#endif
