/* test_result_read.c: a stored result read again is the same result, byte by byte; one that is
 * damaged is refused with the path of the field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/sample.h"

typedef struct text {
  char *bytes;
  size_t size;
} text;

static int append(void *context, const void *bytes, size_t size) {
  text *to = context;
  to->bytes = realloc(to->bytes, to->size + size + 1);
  if (!to->bytes) abort();
  memcpy(to->bytes + to->size, bytes, size);
  to->size += size;
  to->bytes[to->size] = 0;
  return 0;
}

static text written(const heta_attribution *a, const char *format) {
  text out = {0};
  heta_error error = {0};
  if (heta_report_write(a, format, NULL, append, &out, &error)) fail_msg("%s", error.message);
  return out;
}

static heta_result *read_back(text json) {
  heta_result *result = NULL;
  heta_error error = {0};
  if (heta_result_read(json.bytes, json.size, &result, &error)) fail_msg("%s", error.message);
  return result;
}

static void gives_the_same_bytes(void **state) {
  static const char *const FORMATS[] = {"json", "jsonl", "html", "term"};
  (void)state;
  for (size_t i = 0; SAMPLES[i]; i++) {
    sample *s = sample_make(SAMPLES[i]);
    text json = written(&s->a, "json");
    heta_result *result = read_back(json);
    for (size_t f = 0; f < 2; f++) {
      text first = written(&s->a, FORMATS[f]);
      text second = written(heta_result_get(result), FORMATS[f]);
      if (strcmp(first.bytes, second.bytes))
        fail_msg("%s as %s: written, read and written again it differs", SAMPLES[i], FORMATS[f]);
      free(first.bytes);
      free(second.bytes);
    }
    for (size_t f = 2; f < 4; f++) free(written(heta_result_get(result), FORMATS[f]).bytes);
    heta_result_free(result);
    free(json.bytes);
    sample_free(s);
  }
}

static void keeps_what_a_file_says_of_itself(void **state) {
  static const char *const WORDS[] = {"heta", "-p", "a b", NULL};
  (void)state;
  sample *s = sample_make("tiny");
  s->a.version = "7.8.9";
  s->a.command_words = WORDS;
  s->a.command_count = 3;
  heta_segment *segment = (heta_segment *)s->a.segments;
  segment[0].role = "document";
  segment[0].name = "faq";
  segment[0].message = 3;
  text json = written(&s->a, "json");
  assert_non_null(strstr(json.bytes, "\"heta_version\":\"7.8.9\""));
  assert_non_null(strstr(json.bytes, "\"message\":2,\"name\":\"faq\""));
  heta_result *result = read_back(json);
  const heta_attribution *a = heta_result_get(result);
  assert_string_equal(a->version, "7.8.9");
  assert_int_equal(a->command_count, 3);
  assert_string_equal(a->command_words[2], "a b");
  assert_int_equal(a->segments[0].message, 3);
  assert_string_equal(a->segments[0].name, "faq");
  heta_result_free(result);
  free(json.bytes);
  sample_free(s);
}

/* The text with the first `from` replaced. */
static text replaced(text json, const char *from, const char *to) {
  const char *at = strstr(json.bytes, from);
  text out = {0};
  if (!at) fail_msg("there is no %s to replace", from);
  append(&out, json.bytes, (size_t)(at - json.bytes));
  append(&out, to, strlen(to));
  append(&out, at + strlen(from), strlen(at + strlen(from)));
  return out;
}

static void refuses_damage_by_path(void **state) {
  static const struct {
    const char *from, *to, *said;
  } CASES[] = {
      {"heta.attribution/1", "heta.attribution/2", "heta.attribution/2"},
      {"\"schema\":", "\"scheme\":", "is missing"},
      {"\"model\":{", "\"modal\":{", "model is missing; it must be an object"},
      {"\"layers\":30", "\"layers\":-30", "model.layers must be a whole number"},
      {"\"layers\":30", "\"layers\":3.5", "model.layers must be a whole number"},
      {"\"kind\":\"text\"", "\"kind\":\"tixt\"", "input.tokens[0].kind is \"tixt\""},
      {"\"segment\":\"prompt\"", "\"segment\":\"none\"", "input.tokens[0].segment"},
      {"\"start\":3,", "\"start\":4,", "token 1"},
      {"\"role\":\"prompt\"", "\"role\":null", "input.segments[0].role is null"},
      {"\"end\":24,\"role\"", "\"end\":25000,\"role\"", "input.segments[0] covers"},
      {"\"position\":5", "\"position\":4", "has 5 entries for 4 tokens before the target"},
      {"\"position\":5", "\"position\":99", "targets[0] stands at token 99"},
      {"\"foil\":{\"id\"", "\"foil\":{\"ib\"", "targets[0].foil.id is missing"},
      {"\"seed\":42", "\"seed\":\"x\"", "attributions[0].seed"},
      {"\"exact\":true", "\"exact\":1", "attributions[0].components.gate.exact is a number"},
      {"\"rows\":[", "\"rows\":{},\"r\":[", "attributions[0].rows is an object"},
      {"\"target\":0", "\"target\":7", "attributions[0].rows[0].target is 7"},
      {"\"score\":[", "\"score\":[\"\",", "attributions[0].rows[0].score has 6 entries"},
      {"\"score\":[", "\"score\":[null,", "attributions[0].rows[0].score has 6 entries"},
      {"\"gate\":[", "\"goat\":[", "attributions[0].rows[0].components.gate is missing"},
      {"\"probes\":[10", "\"probes\":[-1", "attributions[0].rows[0].probes[0]"},
      {"\"score_df\":[9", "\"score_df\":[\"9\"", "attributions[0].rows[0].score_df[0]"},
      {"\"tied_with_next\":[false", "\"tied_with_next\":[0", "tied_with_next[0] is a number"},
      {"\"status\":\"complete\"", "\"status\":\"done\"", "rows[0].status is \"done\""},
      {"\"forwards\":60", "\"forwards\":\"60\"", "attributions[0].cost.forwards is a string"},
      {"\"threads\":2", "\"threads\":4294967296", "environment.threads"},
      {"\"seconds\":1.5", "\"seconds\":NaN", "not JSON"},
      {"\"seconds\":1.5", "\"seconds\":1.5,\"seconds\":1", "duplicate"},
      {"\"attributions\":[", "\"attributions\":[{},", "has 2 entries"},
  };
  (void)state;
  sample *s = sample_make("tiny");
  text json = written(&s->a, "json");
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    text bad = replaced(json, CASES[i].from, CASES[i].to);
    heta_result *result = NULL;
    heta_error error = {0};
    heta_status status = heta_result_read(bad.bytes, bad.size, &result, &error);
    if (!status) fail_msg("accepted with %s", CASES[i].to);
    assert_null(result);
    assert_int_equal(status, HETA_E_FORMAT);
    assert_int_equal(error.status, status);
    if (!strstr(error.message, CASES[i].said))
      fail_msg("with %s it says: %s", CASES[i].to, error.message);
    free(bad.bytes);
  }
  free(json.bytes);
  sample_free(s);
}

/* No beginning of a result is a result, and all of them say where they end. */
static void refuses_every_beginning(void **state) {
  (void)state;
  sample *s = sample_make("partial");
  text json = written(&s->a, "json");
  size_t step = 7;
  for (size_t size = 0; size + 2 < json.size; size += step) {
    heta_result *result = NULL;
    heta_error error = {0};
    assert_int_equal(heta_result_read(json.bytes, size, &result, &error), HETA_E_FORMAT);
    assert_true(error.offset <= size);
    assert_non_null(strstr(error.message, "not JSON"));
  }
  free(json.bytes);
  sample_free(s);
}

static void ignores_what_it_does_not_know(void **state) {
  (void)state;
  sample *s = sample_make("tiny");
  text json = written(&s->a, "json");
  text more = replaced(json, "\"score\":[", "\"new\":{\"a\":[1]},\"score\":[");
  heta_result *result = read_back(more);
  text again = written(heta_result_get(result), "json");
  assert_string_equal(json.bytes, again.bytes);
  heta_result_free(result);
  free(again.bytes);
  free(more.bytes);
  free(json.bytes);
  sample_free(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_the_same_bytes), cmocka_unit_test(keeps_what_a_file_says_of_itself),
      cmocka_unit_test(refuses_damage_by_path), cmocka_unit_test(refuses_every_beginning),
      cmocka_unit_test(ignores_what_it_does_not_know)};
  return cmocka_run_group_tests_name("result_read", tests, NULL, NULL);
}
