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
                       const json_t *wanted, const fixture_kind *kind) {
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
                tolerance_of(kind));
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

static void definitions(void **state) {
  (void)state;
  for (size_t m = 0; m < model_count(); m++) {
    json_t *fixture = fixture_load(MODELS[m]), *made = load(MODELS[m]);
    heta_model *model = fixture_model(MODELS[m]);
    int32_t id = (int32_t)json_integer_value(json_object_get(made, "id"));
    const json_t *cases = json_object_get(made, "cases");
    assert_true(json_array_size(cases) > 20);
    for (size_t i = 0; i < json_array_size(cases); i++)
      for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++)
        check_case(MODELS[m], fixture, model, id, json_array_get(cases, i), kind);
    heta_model_close(model);
    json_decref(made);
    json_decref(fixture);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(definitions)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
