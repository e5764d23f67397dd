/* test_metric_published.c: metrics on score vectors that others published, against values that an
 * independent program computed of them (tests/data/reagent). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "metric/metric.h"

enum { MOST = 128 };

static void mark(const json_t *list, bool *out) {
  memset(out, 0, MOST * sizeof *out);
  for (size_t i = 0; i < json_array_size(list); i++)
    out[json_integer_value(json_array_get(list, i))] = true;
}

static double judge(heta_evaluator *evaluator, const heta_scored *scored, const char *name) {
  static const char *const METRICS[] = {"alignment", "dsa"};
  heta_error error = {0};
  const heta_measure *measures;
  for (size_t k = 0; k < 2; k++) {
    const heta_metric_info *info = heta_metric_find(METRICS[k]);
    for (size_t m = 0; m < info->measure_count; m++) {
      if (strcmp(info->measures[m].name, name) != 0) continue;
      if (heta_evaluate(evaluator, METRICS[k], scored, &measures, &error))
        fail_msg("%s", error.message);
      return *measures[m].values;
    }
  }
  fail_msg("there is no measure %s", name);
  return NAN;
}

static void as_computed_elsewhere(void **state) {
  (void)state;
  json_error_t parse;
  json_t *items = json_load_file(HETA_TESTS_DIR "/data/reagent/scores.json", 0, &parse);
  heta_evaluator *evaluator;
  size_t compared = 0;
  if (!items) fail_msg("%s", parse.text);
  assert_int_equal(heta_evaluator_open(NULL, NULL, &evaluator, NULL), HETA_OK);
  for (size_t i = 0; i < json_array_size(items); i++) {
    const json_t *item = json_array_get(items, i), *expected;
    const char *method, *name;
    json_t *values, *value;
    bool gold[MOST], bait[MOST];
    mark(json_object_get(item, "gold"), gold);
    mark(json_object_get(item, "bait"), bait);
    json_object_foreach(json_object_get(item, "scores"), method, values) {
      double score[MOST];
      size_t length = json_array_size(values);
      assert_true(length > 0 && length <= MOST);
      for (size_t t = 0; t < length; t++) score[t] = json_number_value(json_array_get(values, t));
      heta_scored scored = {.struct_size = sizeof scored,
                            .length = length,
                            .score = score,
                            .gold = gold,
                            .distractor = bait};
      expected = json_object_get(json_object_get(item, "expected"), method);
      json_object_foreach((json_t *)expected, name, value) {
        double got = judge(evaluator, &scored, name), want = json_number_value(value);
        if (!(fabs(got - want) <= 1e-12 * (1 + fabs(want))))
          fail_msg("question %zu, %s, %s: %.17g instead of %.17g", i, method, name, got, want);
        compared++;
      }
    }
  }
  assert_int_equal(compared, 8 * 9 * 5);
  heta_evaluator_close(evaluator);
  json_decref(items);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(as_computed_elsewhere)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
