/* test_pretokenizer.c: every pre-tokeniser cuts texts of many scripts where Hugging Face's do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#include "text/pretokenizer.h"

typedef struct expectation {
  const char *name;
  size_t text;         /* index, for messages */
  const json_t *sizes; /* of the pieces */
  size_t count, at;    /* pieces and bytes seen so far */
} expectation;

static heta_status compare(void *context, size_t start, size_t end, heta_error *error) {
  (void)error;
  expectation *e = context;
  json_int_t size = json_integer_value(json_array_get(e->sizes, e->count));
  if (start != e->at || end != start + (size_t)size)
    fail_msg("%s, text %zu: piece %zu is [%zu, %zu), not [%zu, %zu)", e->name, e->text, e->count,
             start, end, e->at, e->at + (size_t)size);
  e->count++;
  e->at = end;
  return HETA_OK;
}

/* The pre-tokeniser that a GGUF file names. */
static heta_status create(const char *name, heta_i_pretokenizer **out, heta_error *error) {
  const heta_i_pre *pre = heta_i_pre_find(name);
  heta_i_cut cuts[4] = {{0}};
  size_t count = 0;
  if (!pre) fail_msg("%s is not in the table", name);
  for (; count < 4 && pre->patterns[count]; count++) cuts[count].pattern = pre->patterns[count];
  return heta_i_pretokenizer_create(cuts, count, out, error);
}

static void check_pieces(const char *name, const json_t *texts, const json_t *pieces) {
  heta_i_pretokenizer *pretokenizer = NULL;
  heta_error error = {0};
  if (create(name, &pretokenizer, &error)) fail_msg("%s", error.message);
  assert_int_equal(json_array_size(pieces), json_array_size(texts));
  for (size_t i = 0; i < json_array_size(texts); i++) {
    const json_t *text = json_array_get(texts, i);
    expectation e = {name, i, json_array_get(pieces, i), 0, 0};
    assert_int_equal(heta_i_pretokenizer_split(pretokenizer, json_string_value(text),
                                               json_string_length(text), compare, &e, &error),
                     HETA_OK);
    assert_int_equal(e.count, json_array_size(e.sizes));
    assert_int_equal(e.at, json_string_length(text));
  }
  heta_i_pretokenizer_free(pretokenizer);
}

static void pieces(void **state) {
  (void)state;
  json_error_t problem;
  json_t *cases =
      json_load_file(HETA_TESTS_DIR "/data/tokenizer/cases.json", JSON_ALLOW_NUL, &problem);
  if (!cases) fail_msg("cases.json:%d: %s", problem.line, problem.text);
  json_t *all = json_object_get(cases, "pieces"), *sizes;
  const json_t *texts = json_object_get(cases, "texts");
  const char *name;
  assert_true(json_array_size(texts) >= 80);
  assert_int_equal(json_object_size(all), 5);
  json_object_foreach(all, name, sizes) check_pieces(name, texts, sizes);
  json_decref(cases);
}

static heta_status refuse(void *context, size_t start, size_t end, heta_error *error) {
  size_t *calls = context;
  (void)start;
  (void)end;
  (void)error;
  return ++*calls == 2 ? HETA_E_CANCELLED : HETA_OK;
}

/* A failing piece is the last, whichever pattern cut it. */
static void stops(void **state) {
  (void)state;
  static const char *const names[] = {"gpt-2", "smollm", "default"};
  for (size_t i = 0; i < 3; i++) {
    heta_i_pretokenizer *pretokenizer;
    size_t calls = 0;
    assert_int_equal(create(names[i], &pretokenizer, NULL), HETA_OK);
    assert_int_equal(
        heta_i_pretokenizer_split(pretokenizer, "one 234 five", 12, refuse, &calls, NULL),
        HETA_E_CANCELLED);
    assert_int_equal(calls, 2);
    heta_i_pretokenizer_free(pretokenizer);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(pieces), cmocka_unit_test(stops)};
  return cmocka_run_group_tests_name("pretokenizer", tests, NULL, NULL);
}
