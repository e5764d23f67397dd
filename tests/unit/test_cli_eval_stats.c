/* test_cli_eval_stats.c: means, ratios, intervals, paired differences and Holm's correction against
 * closed forms. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/eval/stats.h"

enum { COUNT = 400 };

static void one_value_everywhere(void **state) {
  (void)state;
  const double above[] = {3, 3, 3, NAN, 3}, below[] = {2, 2, 2, 2, 2};
  const size_t source[] = {0, 0, 1, 2, 3};
  eval_sample mean = {5, above, NULL, source, false}, ratio = {5, above, below, source, false};
  eval_sample percent = {5, above, below, source, true};
  eval_resamples resamples;
  eval_estimate e;
  assert_true(eval_resamples_make(4, 1, &resamples));
  assert_true(eval_estimate_of(&mean, &resamples, &e));
  assert_true(e.value == 3 && e.low == 3 && e.high == 3 && e.questions == 4 && e.sources == 3);
  assert_true(eval_estimate_of(&ratio, &resamples, &e));
  assert_true(fabs(e.value - log(1.5)) < 1e-15 && fabs(e.high - log(1.5)) < 1e-15);
  assert_true(eval_estimate_of(&percent, &resamples, &e));
  assert_true(e.value == 150 && e.low == 150 && e.questions == 4);
  eval_resamples_free(&resamples);
}

/* A mean of many independent values: the interval is that of the normal distribution. */
static void intervals_have_the_right_width(void **state) {
  (void)state;
  double value[COUNT], mean = 0, variance = 0;
  size_t apart[COUNT], pairs[COUNT];
  uint64_t seed = 9;
  for (size_t i = 0; i < COUNT; i++) {
    value[i] = i % 2 ? value[i - 1] : (double)eval_draw(&seed, 1000) / 1000;
    apart[i] = i;
    pairs[i] = i / 2;
    mean += value[i] / COUNT;
  }
  for (size_t i = 0; i < COUNT; i++) variance += pow(value[i] - mean, 2) / COUNT;
  double error = sqrt(variance / COUNT);
  eval_resamples resamples;
  eval_estimate e;
  eval_sample sample = {COUNT, value, NULL, apart, false};
  assert_true(eval_resamples_make(COUNT, 2, &resamples));
  assert_true(eval_estimate_of(&sample, &resamples, &e));
  assert_true(fabs(e.value - mean) < 1e-12);
  assert_true(fabs((e.high - e.low) / (2 * 1.96 * error) - 1) < 0.1);
  eval_resamples_free(&resamples);
  /* Questions that come in equal pairs count for half of them: √2 times as wide. */
  sample.source = pairs;
  assert_true(eval_resamples_make(COUNT / 2, 2, &resamples));
  assert_true(eval_estimate_of(&sample, &resamples, &e));
  assert_true(fabs((e.high - e.low) / (2 * 1.96 * error * sqrt(2)) - 1) < 0.1);
  eval_resamples_free(&resamples);
}

static void differences_are_paired(void **state) {
  (void)state;
  double a[COUNT], b[COUNT];
  size_t source[COUNT];
  uint64_t seed = 4;
  for (size_t i = 0; i < COUNT; i++) {
    a[i] = (double)eval_draw(&seed, 1000); /* varies much more than the difference */
    b[i] = a[i] - 1 - (double)eval_draw(&seed, 3);
    source[i] = i;
  }
  b[5] = NAN;
  eval_resamples resamples;
  eval_difference d;
  eval_sample first = {COUNT, a, NULL, source, false}, second = {COUNT, b, NULL, source, false};
  assert_true(eval_resamples_make(COUNT, 3, &resamples));
  assert_true(eval_difference_of(&first, &second, &resamples, &d));
  assert_true(d.questions == COUNT - 1 && d.p < 0.01 && d.low > 1.8 && d.high < 2.2);
  assert_true(eval_difference_of(&first, &first, &resamples, &d));
  assert_true(d.value == 0 && d.p == 1);
  /* Five sources can at best be significant at 2 / 2⁵. */
  first.count = second.count = 5;
  b[5] = 0;
  eval_resamples few;
  assert_true(eval_resamples_make(5, 3, &few));
  assert_true(eval_difference_of(&first, &second, &few, &d));
  assert_true(d.value > 0 && d.p == 2.0 / 32);
  eval_resamples_free(&few);
  eval_resamples_free(&resamples);
}

static void holm(void **state) {
  (void)state;
  double p[] = {0.01, 0.04, NAN, 0.03, 0.005};
  const double want[] = {0.03, 0.06, NAN, 0.06, 0.02};
  eval_holm(p, 5);
  for (size_t i = 0; i < 5; i++)
    assert_true(isnan(want[i]) ? isnan(p[i]) : fabs(p[i] - want[i]) < 1e-15);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_value_everywhere),
      cmocka_unit_test(intervals_have_the_right_width),
      cmocka_unit_test(differences_are_paired),
      cmocka_unit_test(holm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
