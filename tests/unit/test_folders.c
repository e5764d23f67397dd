/* test_folders.c: a tiny model gives the same attribution from its GGUF file and from its Hugging
 * Face folder, through the public interface. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "support/fixture.h"

static const char TEXT[] = "the hat in a den";

/* Where file and folder cannot hold the same number, the difference that is left: a file has
 * epsilon, and Phi-3's factor of the rotary angles, in single precision. */
static double tolerance_of(const char *name, const fixture_kind *kind) {
  double left = !strcmp(name, "opt") ? 1e-9 : !strcmp(name, "phi3-long") ? 1e-5 : 0;
  return left > 0 && kind->precision == HETA_PRECISION_F32 ? kind->tolerance : left;
}

static heta_result *attribution_of(const char *path, const fixture_kind *kind, heta_model **model) {
  static const heta_option PROBES = {"probes", "2"};
  heta_attribute_options options = heta_attribute_options_default();
  options.method_options = &PROBES;
  options.method_option_count = 1;
  options.target = HETA_TARGET_TEXT;
  options.target_text = " the";
  options.threads = 1;
  options.backend = kind->backend;
  options.precision = kind->precision;
  heta_result *result = NULL;
  heta_error error = {0};
  if (heta_model_open(path, model, &error) ||
      heta_attribute(*model, TEXT, &options, &result, &error))
    fail_msg("%s: %s", path, error.message);
  return result;
}

static void expect_same(const char *name, const fixture_kind *kind, const heta_attribution *file,
                        const heta_attribution *folder) {
  assert_string_equal(file->model->format, "gguf");
  assert_string_equal(folder->model->format, "safetensors");
  assert_int_equal(file->token_count, folder->token_count);
  for (size_t i = 0; i < file->token_count; i++)
    assert_int_equal(file->tokens[i].id, folder->tokens[i].id);
  assert_int_equal(file->row_count, folder->row_count);
  assert_true(file->row_count > 0);
  for (size_t t = 0; t < file->row_count; t++) {
    const heta_row *a = &file->rows[t], *b = &folder->rows[t];
    assert_int_equal(a->length, b->length);
    char what[96];
    snprintf(what, sizeof what, "%s, %s: score of target %zu", name, kind->name, t);
    fixture_close(what, b->score, a->score, a->length, tolerance_of(name, kind));
    for (size_t c = 0; c < file->component_count; c++) {
      snprintf(what, sizeof what, "%s, %s: %s of target %zu", name, kind->name,
               file->components[c].name, t);
      fixture_close(what, b->components[c], a->components[c], a->length, tolerance_of(name, kind));
    }
  }
}

static void file_and_folder(void **state) {
  (void)state;
  size_t compared = 0;
  for (size_t m = 0; fixture_models()[m]; m++) {
    const char *name = fixture_models()[m];
    char path[2][512];
    snprintf(path[0], sizeof path[0], "%s/data/tiny/%s.gguf", HETA_TESTS_DIR, name);
    snprintf(path[1], sizeof path[1], "%s/data/tiny/%s", HETA_TESTS_DIR, name);
    struct stat about;
    if (stat(path[1], &about)) continue; /* a file alone */
    for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++, compared++) {
      heta_model *model[2] = {NULL, NULL};
      heta_result *result[2];
      for (int k = 0; k < 2; k++) result[k] = attribution_of(path[k], kind, &model[k]);
      expect_same(name, kind, heta_result_get(result[0]), heta_result_get(result[1]));
      for (int k = 0; k < 2; k++) {
        heta_result_free(result[k]);
        heta_model_close(model[k]);
      }
    }
  }
  assert_true(compared >= fixture_count() / 2 * 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(file_and_folder)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
