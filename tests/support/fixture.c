/* fixture.c: reading the float64 fixtures of tests/data/tiny, and engines over their models. */
#include "support/fixture.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

enum { MOST_MODELS = 64, MOST_NAME = 64 };

/* One model for every shape of program and weights: with HETA_TEST_FEW, as in builds that are ten
 * times slower, the others are left out, and it is said. */
static const char *const FEW[] = {"gemma2",     "gemma3",     "gpt2",  "gptneox", "llama-gqa",
                                  "llama-q4_1", "phi3-short", "qwen2", "qwen3"};

static bool is_left_out(const char *name, size_t length) {
  if (!getenv("HETA_TEST_FEW")) return false;
  for (size_t i = 0; i < sizeof FEW / sizeof *FEW; i++)
    if (strlen(FEW[i]) == length && !strncmp(name, FEW[i], length)) return false;
  fprintf(stderr, "HETA_TEST_FEW is set: the model %.*s is left out\n", (int)length, name);
  return true;
}

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

const char *const *fixture_models(void) {
  static char names[MOST_MODELS][MOST_NAME];
  static const char *list[MOST_MODELS + 1];
  if (list[0]) return list;
  DIR *folder = opendir(HETA_TESTS_DIR "/data/tiny");
  assert_non_null(folder);
  size_t count = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    size_t length = strlen(entry->d_name);
    if (length < 5 || strcmp(entry->d_name + length - 5, ".json")) continue;
    if (is_left_out(entry->d_name, length - 5)) continue;
    assert_true(count < MOST_MODELS && length < MOST_NAME);
    snprintf(names[count], MOST_NAME, "%.*s", (int)(length - 5), entry->d_name);
    count++;
  }
  closedir(folder);
  assert_true(count >= 6);
  qsort(names, count, MOST_NAME, by_name);
  list[count] = NULL;
  while (count--) list[count] = names[count];
  return list;
}

size_t fixture_count(void) {
  size_t count = 0;
  while (fixture_models()[count]) count++;
  return count;
}

const fixture_kind FIXTURE_KINDS[] = {
    {"f64 reference", HETA_PRECISION_F64, HETA_BACKEND_REFERENCE, 1e-9},
    {"f32 reference", HETA_PRECISION_F32, HETA_BACKEND_REFERENCE, 1e-3},
    {"f32 cpu", HETA_PRECISION_F32, HETA_BACKEND_CPU, 1e-3},
    {NULL, HETA_PRECISION_F32, HETA_BACKEND_CPU, 0}};

json_t *fixture_load(const char *name) {
  char path[512];
  snprintf(path, sizeof path, "%s/data/tiny/%s.json", HETA_TESTS_DIR, name);
  json_error_t problem;
  json_t *fixture = json_load_file(path, 0, &problem);
  if (!fixture) fail_msg("%s: %s", path, problem.text);
  return fixture;
}

heta_model *fixture_model(const char *name) {
  char path[512];
  snprintf(path, sizeof path, "%s/data/tiny/%s.gguf", HETA_TESTS_DIR, name);
  heta_model *model = NULL;
  heta_error error = {0};
  if (heta_model_open(path, &model, &error)) fail_msg("%s", error.message);
  return model;
}

static size_t count_numbers(const json_t *array) {
  if (!json_is_array(array)) return 1;
  size_t count = 0;
  for (size_t i = 0; i < json_array_size(array); i++)
    count += count_numbers(json_array_get(array, i));
  return count;
}

static double *copy_numbers(const json_t *array, double *out) {
  if (!json_is_array(array)) {
    assert_true(json_is_number(array));
    *out = json_number_value(array);
    return out + 1;
  }
  for (size_t i = 0; i < json_array_size(array); i++)
    out = copy_numbers(json_array_get(array, i), out);
  return out;
}

double *fixture_numbers(const json_t *array, size_t *count) {
  assert_non_null(array);
  size_t size = count_numbers(array);
  double *numbers = heta_i_allocate(size, sizeof *numbers);
  assert_non_null(numbers);
  copy_numbers(array, numbers);
  if (count) *count = size;
  return numbers;
}

int32_t *fixture_ids(const json_t *fixture, size_t *count) {
  const json_t *ids = json_object_get(fixture, "ids");
  *count = json_array_size(ids);
  int32_t *out = heta_i_allocate(*count, sizeof *out);
  assert_non_null(out);
  for (size_t i = 0; i < *count; i++) out[i] = (int32_t)json_integer_value(json_array_get(ids, i));
  return out;
}

heta_i_engine *fixture_engine(const heta_model *model, const fixture_kind *kind, size_t positions,
                              size_t lane_rows, bool expand, bool recompute, int threads) {
  heta_i_engine_settings settings = {.model = model,
                                     .backend = kind->backend,
                                     .threads = threads,
                                     .positions = positions,
                                     .lane_rows = heta_i_pad_rows(lane_rows),
                                     .expand = expand,
                                     .recompute = recompute};
  const heta_i_engine_api *api =
      kind->precision == HETA_PRECISION_F64 ? heta_i_engine_api_f64() : heta_i_engine_api_f32();
  heta_i_engine *engine = NULL;
  heta_error error = {0};
  if (api->open(&settings, &engine, &error)) fail_msg("%s", error.message);
  return engine;
}

double fixture_error(const double *a, const double *b, size_t count) {
  double largest = 0, difference = 0;
  for (size_t i = 0; i < count; i++) {
    if (!isfinite(a[i]) || !isfinite(b[i])) return INFINITY;
    if (fabs(b[i]) > largest) largest = fabs(b[i]);
    if (fabs(a[i] - b[i]) > difference) difference = fabs(a[i] - b[i]);
  }
  return largest > 0 ? difference / largest : difference;
}

void fixture_close(const char *what, const double *a, const double *b, size_t count,
                   double tolerance) {
  double found = fixture_error(a, b, count);
  if (!(found <= tolerance))
    fail_msg("%s: relative error %.3g, allowed %.3g", what, found, tolerance);
}
