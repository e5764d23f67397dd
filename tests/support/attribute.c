/* attribute.c: jobs on the tiny models. */
#include "support/attribute.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/capture.h"

heta_attribute_options attribute_options(const fixture_kind *kind, const char *method_options) {
  static heta_option list[8];
  static char text[256];
  heta_attribute_options options = heta_attribute_options_default();
  options.backend = kind->backend;
  options.precision = kind->precision;
  options.seed = 7;
  options.threads = 1;
  if (!method_options) return options;
  assert_true(strlen(method_options) < sizeof text);
  memcpy(text, method_options, strlen(method_options) + 1);
  for (char *at = text; *at;) {
    assert_true(options.method_option_count < 8);
    heta_option *option = &list[options.method_option_count++];
    option->name = at;
    at = strchr(at, '=');
    assert_non_null(at);
    *at++ = 0;
    option->value = at;
    at += strcspn(at, " ");
    if (*at) *at++ = 0;
  }
  options.method_options = list;
  return options;
}

heta_job *attribute_job(const heta_model *model, const char *text, size_t size,
                        const heta_attribute_options *options) {
  heta_job *job = NULL;
  heta_error error = {0};
  heta_status status = heta_job_create(model, text, size, options, &job, &error);
  if (status) fail_msg("creating a job: status %d: %s", (int)status, error.message);
  return job;
}

const heta_attribution *attribute_run(heta_job *job) {
  heta_error error = {0};
  heta_status status = heta_job_run(job, &error);
  if (status) fail_msg("running a job: status %d: %s", (int)status, error.message);
  return attribute_result(job);
}

const heta_attribution *attribute_result(heta_job *job) {
  const heta_attribution *a = NULL;
  heta_error error = {0};
  heta_status status = heta_job_get_result(job, &a, &error);
  if (status) fail_msg("a job's result: status %d: %s", (int)status, error.message);
  return a;
}

heta_job *attribute_fixture(const json_t *fixture, const heta_model *model, size_t context,
                            int32_t id, int32_t foil, const heta_attribute_options *options) {
  const char *text = json_string_value(json_object_get(fixture, "text"));
  heta_tokens *tokens = NULL;
  heta_error error = {0};
  assert_int_equal(heta_tokenize(model, text, strlen(text), HETA_BOS_AUTO, false, &tokens, &error),
                   HETA_OK);
  size_t size = heta_tokens_data(tokens)[context - 1].end;
  heta_tokens_free(tokens);
  /* Any one token stands for the target until it is replaced: fixtures explain unlikely ones. */
  heta_attribute_options forced = *options;
  forced.target = HETA_TARGET_TEXT;
  forced.target_text = "t";
  forced.foil_text = foil >= 0 ? "h" : NULL;
  heta_job *job = attribute_job(model, text, size, &forced);
  assert_int_equal(job->input.first_target, context);
  assert_int_equal(job->input.count, context + 1);
  const json_t *ids = json_object_get(fixture, "ids");
  for (size_t i = 0; i < context; i++)
    assert_int_equal(job->input.tokens[i].id, json_integer_value(json_array_get(ids, i)));
  job->input.tokens[context].id = id;
  job->input.foil = foil;
  return job;
}

static size_t component(const heta_attribution *a, const char *name) {
  size_t c = 0;
  while (c < a->component_count && strcmp(a->components[c].name, name)) c++;
  return c;
}

const double *attribute_component(const heta_attribution *a, size_t row, const char *name) {
  size_t c = component(a, name);
  return c < a->component_count ? a->rows[row].components[c] : NULL;
}

const double *attribute_component_se(const heta_attribution *a, size_t row, const char *name) {
  size_t c = component(a, name);
  return c < a->component_count ? a->rows[row].component_se[c] : NULL;
}

char *attribute_json(heta_job *job) {
  heta_report_options options = heta_report_options_default();
  return capture_report(attribute_result(job), "json", &options);
}

char *attribute_essence(const char *json) {
  json_t *root = capture_json(json, strlen(json));
  json_object_del(root, "timing");
  json_object_del(root, "environment");
  char *text = json_dumps(root, JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
  assert_non_null(text);
  json_decref(root);
  return text;
}

static void same_bits(const char *what, const char *which, const void *a, const void *b,
                      size_t bytes) {
  if (!a != !b || (a && memcmp(a, b, bytes))) fail_msg("%s: %s differ", what, which);
}

static void same_rows(const char *what, const heta_attribution *a, const heta_row *x,
                      const heta_row *y) {
  size_t numbers = x->length * sizeof(double);
  if (x->target != y->target || x->length != y->length || x->status != y->status)
    fail_msg("%s: rows differ in shape or status", what);
  same_bits(what, "scores", x->score, y->score, numbers);
  same_bits(what, "standard errors", x->score_se, y->score_se, numbers);
  same_bits(what, "signed scores", x->signed_score, y->signed_score, numbers);
  same_bits(what, "numbers of probes", x->probes, y->probes, x->length * sizeof *x->probes);
  same_bits(what, "ties", x->tied_with_next, y->tied_with_next, x->length * sizeof(bool));
  for (size_t c = 0; c < a->component_count; c++) {
    same_bits(what, a->components[c].name, x->components[c], y->components[c], numbers);
    same_bits(what, "errors of components", x->component_se[c], y->component_se[c], numbers);
  }
}

void attribute_same(const char *what, heta_job *first, heta_job *second) {
  const heta_attribution *a = attribute_result(first), *b = attribute_result(second);
  if (a->row_count != b->row_count || a->complete != b->complete ||
      a->component_count != b->component_count)
    fail_msg("%s: %zu rows and %zu, complete %d and %d", what, a->row_count, b->row_count,
             a->complete, b->complete);
  for (size_t t = 0; t < a->row_count; t++) {
    if (a->targets[t].id != b->targets[t].id || a->targets[t].rank != b->targets[t].rank ||
        a->targets[t].position != b->targets[t].position)
      fail_msg("%s: targets differ", what);
    same_bits(what, "log-probabilities", &a->targets[t].logprob, &b->targets[t].logprob,
              sizeof(double));
    same_bits(what, "entropies", &a->targets[t].entropy, &b->targets[t].entropy, sizeof(double));
    same_rows(what, a, &a->rows[t], &b->rows[t]);
  }
  char *x = attribute_json(first), *y = attribute_json(second);
  char *left = attribute_essence(x), *right = attribute_essence(y);
  if (strcmp(left, right))
    fail_msg("%s: result files differ:\n%.3000s\n%.3000s", what, left, right);
  free(left);
  free(right);
  heta_i_free(x);
  heta_i_free(y);
}

void attribute_refused(const heta_model *model, const char *text,
                       const heta_attribute_options *options, heta_status status,
                       const char *words) {
  heta_job *job = NULL;
  heta_error error = {0};
  heta_status found = heta_job_create(model, text, strlen(text), options, &job, &error);
  if (found != status || job || error.status != found)
    fail_msg("expected status %d (%s), got %d: %s", (int)status, words, (int)found, error.message);
  if (!strstr(error.message, words)) fail_msg("'%s' is not in: %s", words, error.message);
}
