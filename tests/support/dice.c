/* dice.c: random test data from a seed. */
#include "support/dice.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

double *dice_zeros(dice *d, size_t count) {
  double *out = heta_i_arena_take(&d->memory, count + 1, sizeof *out);
  assert_non_null(out);
  return out;
}

double *dice_normal(dice *d, size_t count) {
  double *out = dice_zeros(d, count);
  heta_i_normal(d->seed, HETA_STREAM_CHECK, 0, d->drawn++, count, out);
  return out;
}

double *dice_copy(dice *d, const double *from, size_t count) {
  double *out = dice_zeros(d, count);
  memcpy(out, from, count * sizeof *out);
  return out;
}

double dice_fraction(dice *d) {
  double value;
  heta_i_uniform(d->seed, HETA_STREAM_CHECK, 1, d->drawn++, 1, &value);
  return value;
}

size_t dice_below(dice *d, size_t count) {
  size_t value = (size_t)(dice_fraction(d) * (double)count);
  return value < count ? value : count - 1;
}

void dice_free(dice *d) { heta_i_arena_free(&d->memory); }

double dot_of(const double *a, const double *b, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += a[i] * b[i];
  return sum;
}

double largest_of(const double *a, size_t count) {
  double most = 0;
  for (size_t i = 0; i < count; i++) most = fmax(most, fabs(a[i]));
  return most;
}
