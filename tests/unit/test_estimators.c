/* test_estimators.c: --estimator sketch and coded estimate the same quantity as plain probes: with
 * honest standard errors, the sketch with smaller ones and no bias, and with the same bits under
 * every budget. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/eigen.h"
#include "support/attribute.h"
#include "base/random.h"

static const fixture_kind *const CPU = &FIXTURE_KINDS[2];

/* A V = V diag(λ), and the columns of V are orthonormal. */
static void eigenvectors(void **state) {
  (void)state;
  for (size_t size = 1; size <= 12; size++) {
    double a[144], kept[144], v[144];
    double *values = heta_i_allocate(size * size, sizeof *values);
    assert_non_null(values);
    heta_i_normal(5, HETA_STREAM_CHECK, (uint32_t)size, 0, size * size, values);
    for (size_t i = 0; i < size; i++)
      for (size_t j = 0; j < size; j++)
        a[i * size + j] = kept[i * size + j] = values[i * size + j] + values[j * size + i];
    heta_i_eigen(size, a, v);
    for (size_t i = 0; i < size; i++)
      for (size_t j = 0; j < size; j++) {
        double left = 0, dot = 0;
        for (size_t k = 0; k < size; k++) {
          left += kept[i * size + k] * v[k * size + j];
          dot += v[k * size + i] * v[k * size + j];
        }
        assert_true(fabs(left - a[j * size + j] * v[i * size + j]) < 1e-12 * (double)size);
        assert_true(fabs(dot - (double)(i == j)) < 1e-13 * (double)size);
      }
    heta_i_free(values);
  }
}

static void systems(void **state) {
  (void)state;
  /* [4 2; 2 3] x = [10; 8] has x = (1.75, 1.5); an unknown without a row of its own stays 0. */
  double a[9] = {4, 2, 0, 2, 3, 0, 0, 0, 0}, b[3] = {10, 8, 0};
  heta_i_solve(3, a, b);
  assert_true(fabs(b[0] - 1.75) < 1e-15 && fabs(b[1] - 1.5) < 1e-15);
  assert_true(b[2] == 0);
}

typedef struct estimate {
  size_t count;
  double mean[16], error[16];
} estimate;

static void estimate_with(const heta_model *model, const json_t *fixture, const char *options_text,
                          uint64_t seed, estimate *out) {
  heta_attribute_options options = attribute_options(CPU, options_text);
  options.seed = seed;
  const json_t *target = json_array_get(json_object_get(fixture, "targets"), 0);
  size_t context = (size_t)json_integer_value(json_object_get(target, "row")) + 1;
  int32_t id = (int32_t)json_integer_value(json_object_get(target, "id"));
  heta_job *job = attribute_fixture(fixture, model, context, id, -1, &options);
  const heta_attribution *a = attribute_run(job);
  out->count = a->rows[0].length;
  assert_true(out->count && out->count <= 16);
  memcpy(out->mean, attribute_component(a, 0, "curvature"), out->count * sizeof(double));
  memcpy(out->error, attribute_component_se(a, 0, "curvature"), out->count * sizeof(double));
  heta_job_free(job);
}

/* Against the mean over all 2^16 sign vectors of a model 16 wide, nine products at a time. */
static void agrees_with_every_probe(void **state) {
  (void)state;
  if (getenv("HETA_TEST_FEW")) return; /* many seeds through the same code */
  enum { SEEDS = 16 };
  heta_model *model = fixture_model("llama-mha");
  json_t *fixture = fixture_load("llama-mha");
  const json_t *exact = json_object_get(
      json_object_get(json_array_get(json_object_get(fixture, "targets"), 0), "exact"),
      "expected_block");
  double plain_squares[16] = {0}, squares[16] = {0}, variances[16] = {0}, sums[16] = {0};
  size_t n = json_array_size(exact);
  assert_true(n > 3 && n <= 16);
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    estimate plain, sketch;
    estimate_with(model, fixture, "probes=9", seed, &plain);
    estimate_with(model, fixture, "probes=9 estimator=sketch", seed, &sketch);
    assert_int_equal(sketch.count, n);
    for (size_t i = 0; i < n; i++) {
      double truth = json_number_value(json_array_get(exact, i));
      plain_squares[i] += pow(plain.mean[i] - truth, 2) / SEEDS;
      squares[i] += pow(sketch.mean[i] - truth, 2) / SEEDS;
      variances[i] += pow(sketch.error[i], 2) / SEEDS;
      sums[i] += (sketch.mean[i] - truth) / SEEDS;
    }
  }
  double gain = 0, calibration = 0;
  for (size_t i = 0; i < n; i++) {
    double spread = sqrt(squares[i] / SEEDS);
    if (!(fabs(sums[i]) < 4 * spread)) fail_msg("token %zu: bias %g ± %g", i, sums[i], spread);
    gain += log(plain_squares[i] / squares[i]) / (double)n;
    calibration += log(squares[i] / variances[i]) / (double)n;
  }
  gain = exp(gain);
  calibration = exp(calibration);
  print_message("variance of plain probes over the sketch's %.1f; true variance over stated %.2f\n",
                gain, calibration);
  assert_true(gain > 4);
  assert_true(calibration > 0.6 && calibration < 1.7);
  json_decref(fixture);
  heta_model_close(model);
}

static heta_job *job_in_f64(const heta_model *model, const char *text, const char *options_text) {
  heta_attribute_options options = attribute_options(&FIXTURE_KINDS[0], options_text);
  return attribute_job(model, text, strlen(text), &options);
}

/* While every token has a code of its own, nothing is left of the others: a coded probe is the
 * plain one with the same signs. */
static void own_codes_leave_nothing(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_job *jobs[2] = {job_in_f64(model, "then a", "probes=3"),
                       job_in_f64(model, "then a", "probes=3 estimator=coded")};
  const heta_attribution *a = attribute_run(jobs[0]), *b = attribute_run(jobs[1]);
  size_t n = a->rows[0].length;
  assert_true(n > 2 && n <= 8 && b->rows[0].length == n);
  for (size_t i = 0; i < n; i++) {
    double plain = attribute_component(a, 0, "curvature")[i];
    double coded = attribute_component(b, 0, "curvature")[i];
    if (!(fabs(plain - coded) <= 1e-12 * plain)) fail_msg("token %zu: %g, %g", i, plain, coded);
    plain = attribute_component_se(a, 0, "curvature")[i];
    coded = attribute_component_se(b, 0, "curvature")[i];
    if (!(fabs(plain - coded) <= 1e-9 * plain)) fail_msg("error %zu: %g, %g", i, plain, coded);
    assert_int_equal(b->rows[0].probes[i], 3);
  }
  for (size_t k = 0; k < 2; k++) heta_job_free(jobs[k]);
  heta_model_close(model);
}

/* Where tokens share codes: the mean of many probes against the mean over all sign vectors. The
 * tiny model is the worst case, 16 wide with tokens that are strongly coupled. */
static void shared_codes_are_corrected(void **state) {
  (void)state;
  if (getenv("HETA_TEST_FEW")) return;
  enum { SEEDS = 12 };
  heta_model *model = fixture_model("llama-mha");
  json_t *fixture = fixture_load("llama-mha");
  const json_t *exact = json_object_get(
      json_object_get(json_array_get(json_object_get(fixture, "targets"), 0), "exact"),
      "expected_block");
  size_t n = json_array_size(exact);
  double worst = 0, within = 0;
  assert_true(n > 8 && n <= 16);
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    estimate coded;
    estimate_with(model, fixture, "probes=100 estimator=coded", seed, &coded);
    assert_int_equal(coded.count, n);
    for (size_t i = 0; i < n; i++) {
      double truth = json_number_value(json_array_get(exact, i)), off = coded.mean[i] - truth;
      within += (fabs(off) <= 2.5 * coded.error[i]) / (double)(n * SEEDS);
      if (fabs(off) / truth > worst) worst = fabs(off) / truth;
    }
  }
  print_message("coded: %.3f of S off at most, %.2f within 2.5 standard errors\n", worst, within);
  assert_true(worst < 0.2 && within > 0.9);
  /* With a few probes a token whose code a strong neighbour had is not left with nothing. */
  double least = INFINITY, squares = 0;
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    estimate coded;
    estimate_with(model, fixture, "probes=4 estimator=coded", seed, &coded);
    for (size_t i = 0; i < n; i++) {
      double ratio = coded.mean[i] / json_number_value(json_array_get(exact, i));
      if (ratio < least) least = ratio;
      squares += (ratio - 1) * (ratio - 1) / (double)(n * SEEDS);
    }
  }
  print_message("4 probes: at least %.2f of S, %.2f off in the root mean square\n", least,
                sqrt(squares));
  assert_true(least > 0.2 && sqrt(squares) < 0.3);
  json_decref(fixture);
  heta_model_close(model);
}

static heta_attribute_options two_targets(const char *method_options) {
  heta_attribute_options options = attribute_options(CPU, method_options);
  options.target = HETA_TARGET_TEXT;
  options.target_text = " in";
  return options;
}

static void budgets_change_nothing(void **state) {
  (void)state;
  static const char TEXT[] = "then a hen hid";
  static const char *const OPTIONS[] = {
      "probes=9 estimator=sketch", "probes=12 estimator=sketch curvature=gauss-newton",
      "probes=auto estimator=sketch tolerance=0.02", "probes=3 estimator=coded"};
  heta_model *model = fixture_model("llama-gqa");
  for (size_t o = 0; o < sizeof OPTIONS / sizeof *OPTIONS; o++) {
    heta_attribute_options options = two_targets(OPTIONS[o]);
    heta_job *plain = attribute_job(model, TEXT, strlen(TEXT), &options);
    const heta_attribution *b = attribute_run(plain);
    assert_true(b->complete && b->row_count > 1);
    options = two_targets(OPTIONS[o]);
    options.threads = 2;
    heta_job *small = attribute_job(model, TEXT, strlen(TEXT), &options);
    small->settings.lane_rows = heta_i_pad_rows(32);
    small->settings.recompute = true;
    small->session.target_group = 1;
    const heta_attribution *a = attribute_run(small);
    for (size_t t = 0; t < a->row_count; t++) {
      size_t n = a->rows[t].length;
      assert_memory_equal(a->rows[t].probes, b->rows[t].probes, n * sizeof *a->rows[t].probes);
      assert_memory_equal(a->rows[t].score, b->rows[t].score, n * sizeof(double));
      assert_memory_equal(a->rows[t].score_se, b->rows[t].score_se, n * sizeof(double));
    }
    heta_job_free(small);
    heta_job_free(plain);
  }
  heta_model_close(model);
}

static void refusals(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  static const char *const CASES[][2] = {
      {"estimator=sketch probes=8", "--estimator sketch needs at least 9 probes; 8 were asked for"},
      {"estimator=sketch probes=auto max-probes=8", "needs at least 9 probes"},
      {"estimator=sketch curvature=row", "is for --curvature block and gauss-newton, not row"},
      {"estimator=sketch curvature=gradsq", "not gradsq"},
      {"estimator=coded curvature=row", "--estimator coded is for --curvature block"},
      {"estimator=coded probes=auto", "--estimator coded takes a number of --probes"}};
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    heta_attribute_options options = attribute_options(CPU, CASES[i][0]);
    attribute_refused(model, "then a hen", &options, HETA_E_ARGUMENT, CASES[i][1]);
  }
  heta_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(eigenvectors),
                                     cmocka_unit_test(systems),
                                     cmocka_unit_test(agrees_with_every_probe),
                                     cmocka_unit_test(own_codes_leave_nothing),
                                     cmocka_unit_test(shared_codes_are_corrected),
                                     cmocka_unit_test(budgets_change_nothing),
                                     cmocka_unit_test(refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
