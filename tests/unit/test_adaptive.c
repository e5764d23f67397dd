/* test_adaptive.c: --probes auto: every token gets the first probes of a fixed number, as many as
 * the tolerance asks for, whatever the batches, budgets, threads and interruptions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "method/method.h"
#include "support/attribute.h"

enum { LEAST = 8 }; /* samples before a token may stop */

static const fixture_kind *const CPU = &FIXTURE_KINDS[2];
static const char TEXT[] = "then a hen hid";

static heta_attribute_options three_targets(const char *method_options) {
  heta_attribute_options options = attribute_options(CPU, method_options);
  options.target = HETA_TARGET_TEXT;
  options.target_text = " in";
  return options;
}

static const heta_series *curvature_of(const heta_attribution *a) {
  for (size_t k = 0; k < a->series_count; k++)
    if (!strcmp(a->series[k].name, "curvature")) return &a->series[k];
  fail_msg("the result has no curvature samples");
  return NULL;
}

/* The rule, written once more and slowly. */
static size_t probes_needed(const double *samples, size_t most, double tolerance) {
  for (size_t count = LEAST; count < most; count++) {
    double sum = 0, squares = 0;
    for (size_t r = 0; r < count; r++) sum += samples[r];
    for (size_t r = 0; r < count; r++) squares += pow(samples[r] - sum / (double)count, 2);
    double error = sqrt(squares / (double)(count - 1) / (double)count);
    if (error <= tolerance * sum / (double)count) return count;
  }
  return most;
}

static void stops_by_its_rule(void **state) {
  (void)state;
  enum { MOST = 60 };
  static const char *const KINDS[] = {"block", "row", "gauss-newton"};
  heta_model *model = fixture_model("llama-gqa");
  for (size_t k = 0; k < 3; k++) {
    char fixed[96], chosen[96];
    snprintf(fixed, sizeof fixed, "probes=%d curvature=%s", MOST, KINDS[k]);
    snprintf(chosen, sizeof chosen, "probes=auto tolerance=0.12 max-probes=%d curvature=%s", MOST,
             KINDS[k]);
    heta_attribute_options options = three_targets(fixed);
    heta_job *all = attribute_job(model, TEXT, strlen(TEXT), &options);
    const heta_series *samples = curvature_of(attribute_run(all));
    options = three_targets(chosen);
    heta_job *some = attribute_job(model, TEXT, strlen(TEXT), &options);
    assert_true(heta_job_get_plan(some)->at_most);
    const heta_attribution *a = attribute_run(some);
    assert_true(a->complete);
    size_t fewer = 0, full = 0;
    for (size_t t = 0; t < a->row_count; t++)
      for (size_t i = 0; i < a->rows[t].length; i++) {
        const double *s = samples->values + (t * samples->tokens + i) * MOST;
        size_t needed = probes_needed(s, MOST, 0.12);
        assert_int_equal(a->rows[t].probes[i], needed);
        double mean = 0;
        for (size_t r = 0; r < needed; r++) mean += s[r] / (double)needed;
        double found = attribute_component(a, t, "curvature")[i];
        assert_true(fabs(found - mean) <= 1e-12 * mean);
        fewer += needed < MOST;
        full += needed == MOST;
      }
    assert_true(fewer > 0);
    assert_true(a->cost_hvps < heta_job_get_plan(some)->hvps || full);
    heta_job_free(all);
    heta_job_free(some);
  }
  heta_model_close(model);
}

/* Smaller batches, one target's adjoints at a time, more threads: the same bits. */
static void budgets_change_nothing(void **state) {
  (void)state;
  static const char CHOSEN[] = "probes=auto tolerance=0.15";
  heta_model *model = fixture_model("llama-gqa");
  heta_attribute_options options = three_targets(CHOSEN);
  heta_job *plain = attribute_job(model, TEXT, strlen(TEXT), &options);
  attribute_run(plain);
  options = three_targets(CHOSEN);
  options.threads = 2;
  heta_job *small = attribute_job(model, TEXT, strlen(TEXT), &options);
  small->settings.lane_rows = heta_i_pad_rows(32);
  small->settings.recompute = true;
  small->session.target_group = 1;
  const heta_attribution *a = attribute_run(small), *b = attribute_result(plain);
  for (size_t t = 0; t < a->row_count; t++) {
    size_t n = a->rows[t].length;
    assert_memory_equal(a->rows[t].probes, b->rows[t].probes, n * sizeof *a->rows[t].probes);
    assert_memory_equal(a->rows[t].score, b->rows[t].score, n * sizeof(double));
    assert_memory_equal(a->rows[t].score_se, b->rows[t].score_se, n * sizeof(double));
  }
  heta_job_free(small);
  heta_job_free(plain);
  heta_model_close(model);
}

/* What stopped a token is said. */
static void says_what_limits(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_attribute_options options = attribute_options(CPU, "probes=auto tolerance=0.001");
  heta_job *job = attribute_job(model, TEXT, strlen(TEXT), &options);
  attribute_run(job);
  const heta_plan *plan = heta_job_get_plan(job);
  assert_int_equal(plan->probes, 100);
  assert_true(plan->note_count > 0);
  const char *note = plan->notes[plan->note_count - 1];
  assert_non_null(strstr(note, "standard error of at most 0.1 %"));
  assert_non_null(strstr(note, "stopped at 100 probes (--max-probes)"));
  heta_job_free(job);
  heta_model_close(model);
}

static void refusals(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  static const char *const CASES[][2] = {
      {"tolerance=0.2", "option tolerance needs --probes auto"},
      {"probes=12 max-probes=50", "option max-probes needs --probes auto"},
      {"probes=auto curvature=gradsq", "takes no probes"},
      {"probes=auto max-probes=4", "whole number from 8"},
      {"probes=auto tolerance=auto", "a number from 0.0001 to 1"},
      {"probes=some", "it takes auto or a whole number from 1 to 100000"}};
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    heta_attribute_options options = attribute_options(CPU, CASES[i][0]);
    attribute_refused(model, TEXT, &options, HETA_E_ARGUMENT, CASES[i][1]);
  }
  heta_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stops_by_its_rule), cmocka_unit_test(budgets_change_nothing),
      cmocka_unit_test(says_what_limits), cmocka_unit_test(refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
