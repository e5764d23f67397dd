/* Unit tests of method/mass.c: the map to a non-negative score, and what it is divided by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "method/method.h"

enum { N = 4 };

static void expect(const char *map, const char *normalise, const double *values,
                   const double *wanted) {
  const heta_i_method *method = heta_i_method_find("input-x-gradient");
  heta_option given[] = {{"map", map}, {"normalise", normalise}};
  heta_i_arena memory = {0};
  heta_i_session session = {.method = method};
  heta_error error;
  double score[N], error_of[N];
  for (size_t i = 0; i < N; i++) error_of[i] = 1;
  assert_int_equal(heta_i_options_resolve(method, given, 2, &memory, &session.values, &error), 0);
  heta_i_mass(&session, values, N, score, error_of);
  for (size_t i = 0; i < N; i++) {
    if (isnan(wanted[i]))
      assert_true(isnan(score[i]));
    else
      assert_true(fabs(score[i] - wanted[i]) < 1e-15);
  }
  heta_i_arena_free(&memory);
}

static void maps_signs(void **state) {
  (void)state;
  const double signs[N] = {-3, 1, 0, 2};
  expect("positive", "none", signs, (double[N]){0, 1, 0, 2});
  expect("absolute", "none", signs, (double[N]){3, 1, 0, 2});
  expect("positive", "sum", signs, (double[N]){0, 1.0 / 3, 0, 2.0 / 3});
  expect("absolute", "sum", signs, (double[N]){0.5, 1.0 / 6, 0, 1.0 / 3});
  expect("positive", "max", signs, (double[N]){0, 0.5, 0, 1});
  expect("absolute", "max", signs, (double[N]){1, 1.0 / 3, 0, 2.0 / 3});
}

/* Nothing to share out is shared out evenly; a maximum of 0 stays 0. */
static void nothing_speaks(void **state) {
  (void)state;
  const double signs[N] = {-3, -1, 0, -2};
  expect("positive", "sum", signs, (double[N]){0.25, 0.25, 0.25, 0.25});
  expect("positive", "max", signs, (double[N]){0, 0, 0, 0});
}

/* A value that is not there yet leaves no sum and no maximum. */
static void missing_values(void **state) {
  (void)state;
  const double some[N] = {-3, NAN, 0, 2};
  expect("positive", "none", some, (double[N]){0, NAN, 0, 2});
  expect("absolute", "sum", some, (double[N]){NAN, NAN, NAN, NAN});
  expect("absolute", "max", some, (double[N]){NAN, NAN, NAN, NAN});
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(maps_signs), cmocka_unit_test(nothing_speaks),
                                     cmocka_unit_test(missing_values)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
