/* dice.h: random test data from a seed, drawn in order and released together. */
#ifndef HETA_TESTS_DICE_H
#define HETA_TESTS_DICE_H

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

/* Start with {.seed = …}; print the seed when a test fails. */
typedef struct dice {
  uint64_t seed;
  uint32_t drawn;
  heta_i_arena memory;
} dice;

double *dice_normal(dice *d, size_t count); /* standard normal, owned by the dice */
double *dice_zeros(dice *d, size_t count);
double *dice_copy(dice *d, const double *from, size_t count);
size_t dice_below(dice *d, size_t count); /* a whole number below count */
double dice_fraction(dice *d);            /* in (0, 1) */
void dice_free(dice *d);

double dot_of(const double *a, const double *b, size_t count);
double largest_of(const double *a, size_t count); /* magnitude */

#endif
