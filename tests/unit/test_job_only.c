/* test_job_only.c: a job that is asked for some context tokens only gives, for these, the bits of
 * the whole job; nothing for the others; and can be completed to the whole. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/attribute.h"

static const fixture_kind *const CPU = &FIXTURE_KINDS[2];
static const char TEXT[] = "then a hen hid";
static const size_t ASKED[] = {1, 4, 7};
enum { ASKED_COUNT = sizeof ASKED / sizeof *ASKED };

static heta_attribute_options usual(const char *method, const char *method_options) {
  heta_attribute_options options = attribute_options(CPU, method_options);
  options.method = method;
  options.target = HETA_TARGET_TEXT;
  options.target_text = " in";
  return options;
}

static bool asked(size_t token) {
  for (size_t i = 0; i < ASKED_COUNT; i++) {
    if (ASKED[i] == token) return true;
  }
  return false;
}

/* all: one probe's product serves every token, so that all have what one asks for. */
static void compare(const char *what, const double *part, const double *whole, size_t length,
                    bool all) {
  for (size_t i = 0; i < length; i++) {
    bool there = all || asked(i);
    if (there && memcmp(&part[i], &whole[i], sizeof *part) != 0) {
      fail_msg("%s: token %zu: %a instead of %a", what, i, part[i], whole[i]);
    }
    if (!there && !isnan(part[i])) fail_msg("%s: token %zu was computed", what, i);
  }
}

static void the_bits_of_the_whole_job(void **state) {
  (void)state;
  static const struct {
    const char *method, *options;
  } cases[] = {{"heta", "probes=4"},
               {"heta", "probes=4 curvature=gauss-newton mask=mean"},
               {"heta", "probes=auto tolerance=0.2 max-probes=20 mask=attend"},
               {"heta", "curvature=gradsq"},
               {"occlusion", "mask=noise"}};
  heta_model *model = fixture_model("llama-gqa");
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    heta_attribute_options options = usual(cases[c].method, cases[c].options);
    heta_job *whole = attribute_job(model, TEXT, strlen(TEXT), &options);
    options = usual(cases[c].method, cases[c].options);
    options.only_tokens = ASKED;
    options.only_token_count = ASKED_COUNT;
    heta_job *part = attribute_job(model, TEXT, strlen(TEXT), &options);
    const heta_attribution *w = attribute_run(whole), *p = attribute_run(part);
    assert_true(w->complete);
    assert_false(p->complete);
    assert_int_equal(p->row_count, w->row_count);
    for (size_t r = 0; r < w->row_count; r++) {
      size_t length = w->rows[r].length;
      compare("score", p->rows[r].score, w->rows[r].score, length, false);
      if (strcmp(cases[c].method, "heta") != 0) continue;
      bool exact = strstr(cases[c].options, "gradsq") != NULL;
      compare("curvature", attribute_component(p, r, "curvature"),
              attribute_component(w, r, "curvature"), length, exact);
      compare("information", attribute_component(p, r, "information"),
              attribute_component(w, r, "information"), length, false);
      compare("gate", attribute_component(p, r, "gate"), attribute_component(w, r, "gate"), length,
              true);
    }
    heta_job_free(whole);
    heta_job_free(part);
  }
  heta_model_close(model);
}

static void completed_to_the_whole(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_error error = {0};
  heta_attribute_options options = usual("heta", "probes=4");
  heta_job *whole = attribute_job(model, TEXT, strlen(TEXT), &options);
  attribute_run(whole);
  options = usual("heta", "probes=4");
  options.only_tokens = ASKED;
  options.only_token_count = ASKED_COUNT;
  heta_job *part = attribute_job(model, TEXT, strlen(TEXT), &options);
  attribute_run(part);
  char *json = attribute_json(part);
  options = usual("heta", "probes=4");
  heta_job *rest = attribute_job(model, TEXT, strlen(TEXT), &options);
  if (heta_job_merge(rest, json, strlen(json), &error)) fail_msg("%s", error.message);
  assert_true(attribute_run(rest)->complete);
  attribute_same("completed", rest, whole);
  heta_i_free(json);
  heta_job_free(rest);
  heta_job_free(part);
  heta_job_free(whole);
  heta_model_close(model);
}

static void tokens_that_are_not_there(void **state) {
  (void)state;
  static const size_t beyond[] = {0, 10000};
  heta_model *model = fixture_model("llama-gqa");
  heta_attribute_options options = usual("heta", "probes=4");
  options.only_tokens = beyond;
  options.only_token_count = 2;
  attribute_refused(model, TEXT, &options, HETA_E_ARGUMENT, "token 10000 was asked for");
  heta_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_bits_of_the_whole_job),
                                     cmocka_unit_test(completed_to_the_whole),
                                     cmocka_unit_test(tokens_that_are_not_there)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
