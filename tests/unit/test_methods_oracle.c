/* Unit tests of the methods of gradients, attention and one forward pass: against the float64
 * definitions of tests/oracle/methods.py on the tiny models, in every precision and backend; and
 * what must hold between them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/attribute.h"

static const char *const MODELS[] = {"llama-gqa", "gpt2", "gptj", "mistral", "gemma2", "qwen3"};
enum { MODEL_COUNT = sizeof MODELS / sizeof *MODELS };

static size_t model_count(void) { return getenv("HETA_TEST_FEW") ? 1 : MODEL_COUNT; }

/* What each kind of arithmetic leaves of a number, relative to the row's largest: steep paths and
 * differences of probabilities cost single precision some digits. */
static double tolerance_of(const fixture_kind *kind) {
  return kind->precision == HETA_PRECISION_F64 ? 1e-9 : 3e-4;
}

static void check_case(const char *name, const json_t *fixture, const heta_model *model, int32_t id,
                       const json_t *wanted, double least, const fixture_kind *kind) {
  const char *options_text = json_string_value(json_object_get(wanted, "options"));
  const char *method = json_string_value(json_object_get(wanted, "method"));
  const json_t *is_signed = json_object_get(wanted, "signed");
  size_t count;
  double *values =
      fixture_numbers(is_signed ? is_signed : json_object_get(wanted, "score"), &count);
  heta_attribute_options options = attribute_options(kind, options_text);
  options.method = method;
  int32_t foil = (int32_t)json_integer_value(json_object_get(wanted, "foil"));
  heta_job *job = attribute_fixture(fixture, model, count, id, foil, &options);
  const json_t *targets = json_object_get(wanted, "targets");
  if (targets && json_integer_value(targets) > 1) { /* explain the context's last tokens too */
    size_t more = (size_t)json_integer_value(targets) - 1;
    job->input.first_target -= more;
    job->input.target_count += more;
    heta_error error = {0};
    assert_int_equal(heta_i_plan(job, &error), HETA_OK);
  }
  const heta_attribution *a = attribute_run(job);
  char what[256];
  snprintf(what, sizeof what, "%s: %s %s, foil %d, %s", name, method,
           options_text ? options_text : "", foil, kind->name);
  const heta_row *row = &a->rows[a->row_count - 1];
  assert_int_equal(row->length, count);
  assert_true(a->complete);
  fixture_close(what, is_signed ? row->signed_score : row->score, values, count,
                fmax(least, tolerance_of(kind)));
  heta_job_free(job);
  heta_i_free(values);
}

static json_t *load(const char *name) {
  char path[512];
  json_error_t error;
  snprintf(path, sizeof path, "%s/data/methods/%s.json", HETA_TESTS_DIR, name);
  json_t *made = json_load_file(path, 0, &error);
  if (!made) fail_msg("%s: %s", path, error.text);
  return made;
}

/* tolerance: at least this. */
static void check_cases(const json_t *made, size_t least, double tolerance) {
  const char *name = json_string_value(json_object_get(made, "model"));
  json_t *fixture = fixture_load(name);
  heta_model *model = fixture_model(name);
  int32_t id = (int32_t)json_integer_value(json_object_get(made, "id"));
  const json_t *cases = json_object_get(made, "cases");
  assert_true(json_array_size(cases) >= least);
  for (size_t i = 0; i < json_array_size(cases); i++)
    for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++)
      check_case(name, fixture, model, id, json_array_get(cases, i), tolerance, kind);
  heta_model_close(model);
  json_decref(fixture);
}

static void definitions(void **state) {
  (void)state;
  for (size_t m = 0; m < model_count(); m++) {
    json_t *made = load(MODELS[m]);
    check_cases(made, 20, 0);
    json_decref(made);
  }
}

/* What another package gives; tolerance: what it leaves of a number itself. */
static void check_package(const char *name, size_t models, size_t least, double tolerance) {
  json_t *made = load(name);
  const json_t *list = json_object_get(made, "models");
  assert_int_equal(json_array_size(list), models);
  for (size_t m = 0; m < models && m < model_count(); m++)
    check_cases(json_array_get(list, m), least, tolerance);
  json_decref(made);
}

/* It keeps places and weights of a path in single precision. */
static void captum(void **state) {
  (void)state;
  check_package("captum", 3, 9, 1e-6);
}

static void inseq(void **state) {
  (void)state;
  check_package("inseq", 2, 8, 1e-5); /* rotations and places of a path in single precision */
}

static void flashtrace(void **state) {
  (void)state;
  check_package("flashtrace", 1, 5, 1e-5);
}

static double check_value(const heta_attribution *a, const char *name) {
  for (size_t i = 0; i < a->check_count; i++)
    if (!strcmp(a->checks[i].name, name)) return a->checks[i].value;
  fail_msg("no check %s", name);
  return NAN;
}

/* Of every architecture: DeepLIFT's rules sum to the difference exactly, for every objective; the
 * straight path's, and the one through words, do as their steps grow. */
static void completeness(void **state) {
  (void)state;
  static const char *const OBJECTIVES[] = {"logit", "logprob", "prob", "logit-prob"};
  for (size_t m = 0; fixture_models()[m]; m++) {
    heta_model *model = fixture_model(fixture_models()[m]);
    for (size_t o = 0; o < 4; o++) {
      char text[64], fine[128];
      snprintf(text, sizeof text, "objective=%s baseline=%s", OBJECTIVES[o],
               o % 2 ? "mean" : "token:7");
      for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++) {
        heta_attribute_options options = attribute_options(kind, text);
        options.method = "deeplift";
        options.foil_text = o == 3 ? "h" : NULL;
        heta_job *job = attribute_job(model, "then in a", 9, &options);
        double gap = check_value(attribute_run(job), "completeness_gap");
        if (!(gap < (kind->precision == HETA_PRECISION_F64 ? 1e-9 : 2e-3)))
          fail_msg("%s, %s, %s: deeplift's gap is %g", fixture_models()[m], text, kind->name, gap);
        heta_job_free(job);
      }
      snprintf(fine, sizeof fine, "%s steps=120 rule=gauss-legendre", text);
      heta_attribute_options options = attribute_options(&FIXTURE_KINDS[0], fine);
      options.method = "ig";
      heta_job *job = attribute_job(model, "then in a", 9, &options);
      double gap = check_value(attribute_run(job), "completeness_gap");
      if (!(gap < 0.05)) fail_msg("%s, %s: ig's gap is %g", fixture_models()[m], fine, gap);
      heta_job_free(job);
    }
    double before = INFINITY;
    for (int fine = 1; fine <= 7; fine += 6) { /* a path through words, cut finer and finer */
      char text[96];
      snprintf(text, sizeof text,
               "steps=2 neighbours=9 baseline=token:7 objective=logit upscale=%d", fine);
      heta_attribute_options options = attribute_options(&FIXTURE_KINDS[0], text);
      options.method = "dig";
      heta_job *job = attribute_job(model, "then in a", 9, &options);
      double gap = check_value(attribute_run(job), "completeness_gap");
      if (!(gap < before || gap < 1e-3) || (fine == 7 && !(gap < 0.05)))
        fail_msg("%s, %s: dig's gap is %g after %g", fixture_models()[m], text, gap, before);
      before = gap;
      heta_job_free(job);
    }
    heta_model_close(model);
    if (getenv("HETA_TEST_FEW")) break;
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(definitions), cmocka_unit_test(captum),
                                     cmocka_unit_test(inseq), cmocka_unit_test(flashtrace),
                                     cmocka_unit_test(completeness)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
