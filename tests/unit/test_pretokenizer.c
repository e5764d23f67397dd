/* test_pretokenizer.c: every pre-tokeniser cuts texts of many scripts where Hugging Face's do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- Runs of white space --------------------------------------------------------------------- */

typedef struct ends {
  size_t count, at[256];
} ends;

static heta_status note_end(void *context, size_t start, size_t end, heta_error *error) {
  ends *e = context;
  (void)start;
  (void)error;
  if (e->count < 256) e->at[e->count] = end;
  e->count++;
  return HETA_OK;
}

static heta_i_pretokenizer *cutter(const char *pattern, heta_i_cut_kind kind) {
  heta_i_cut cut = {.kind = kind, .pattern = pattern};
  heta_i_pretokenizer *made = NULL;
  heta_error error = {0};
  if (heta_i_pretokenizer_create(&cut, 1, &made, &error)) fail_msg("%s", error.message);
  return made;
}

static ends cut(const heta_i_pretokenizer *pretokenizer, const char *text, size_t size) {
  ends e = {0};
  heta_error error = {0};
  if (heta_i_pretokenizer_split(pretokenizer, text, size, note_end, &e, &error))
    fail_msg("%s", error.message);
  return e;
}

/* In a group, the pattern is tried at every place, which is slow and plain. */
static void ends_of_runs(void **state) {
  (void)state;
  static const char *const pairs[][2] = {{"\\s+$", "(?:\\s+$)"},
                                         {"a |\\s+$|\\s", "a |(?:\\s+$)|\\s"},
                                         {"\\s+$|b\\s|\\n\\s", "(?:\\s+$)|b\\s|\\n\\s"}};
  static const char alphabet[] = "  \n\n\t\rabc";
  uint32_t seed = 7;
  for (size_t round = 0; round < 4000; round++) {
    char text[24];
    for (size_t i = 0; i < sizeof text; i++) {
      seed = seed * 1664525 + 1013904223;
      text[i] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
    }
    const char *const *pair = pairs[round % 3];
    heta_i_cut_kind kind = round % 2 ? HETA_CUT_ISOLATED : HETA_CUT_PREVIOUS;
    heta_i_pretokenizer *quick = cutter(pair[0], kind), *plain = cutter(pair[1], kind);
    ends found = cut(quick, text, sizeof text), wanted = cut(plain, text, sizeof text);
    if (found.count != wanted.count || memcmp(found.at, wanted.at, sizeof found.at))
      fail_msg("\"%s\" does not cut \"%.24s\" as \"%s\" does", pair[0], text, pair[1]);
    heta_i_pretokenizer_free(quick);
    heta_i_pretokenizer_free(plain);
  }
}

/* 100,000 spaces within a text are cut in a time that grows with their number: the matcher's limit,
 * which does, would stop it otherwise. */
static void long_runs(void **state) {
  (void)state;
  enum { RUN = 100000 };
  char *text = malloc(RUN + 2);
  assert_non_null(text);
  memset(text, ' ', RUN + 2);
  text[0] = text[RUN + 1] = 'a';
  static const char *const patterns[] = {"\\s+$", "\\p{L}+|\\s+$|\\d"};
  for (size_t i = 0; i < 2; i++) {
    heta_i_pretokenizer *made = cutter(patterns[i], HETA_CUT_ISOLATED);
    ends e = cut(made, text, RUN + 2);
    assert_int_equal(e.count, i ? 3 : 1);
    heta_i_pretokenizer_free(made);
  }
  static const char *const names[] = {"gpt-2",  "smollm", "llama-bpe", "qwen2",
                                      "tekken", "gpt-4o", "default"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    heta_i_pretokenizer *made = NULL;
    heta_error error = {0};
    if (create(names[i], &made, &error)) fail_msg("%s", error.message);
    assert_int_equal(cut(made, text, RUN + 2).count, 3);
    heta_i_pretokenizer_free(made);
  }
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(pieces), cmocka_unit_test(stops),
                                     cmocka_unit_test(ends_of_runs), cmocka_unit_test(long_runs)};
  return cmocka_run_group_tests_name("pretokenizer", tests, NULL, NULL);
}
