/* test_real_model.c: SmolLM2-135M-Instruct against float64 results of transformers on the same
 * file, on both backends: tokens, logits, gradient, and every part of an attribution; the
 * self-check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "support/fixture.h"
#include "support/real.h"

/* Of the largest value, as everywhere float32 meets float64. */
static const double TOLERANCE = 1e-3;

static heta_model *model;
static json_t *fixture;

static const json_t *part(const char *name) {
  const json_t *value = json_object_get(fixture, name);
  assert_non_null(value);
  return value;
}

static const char *string(const json_t *object, const char *key) {
  const char *value = json_string_value(json_object_get(object, key));
  assert_non_null(value);
  return value;
}

static int32_t integer(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  assert_true(json_is_integer(value));
  return (int32_t)json_integer_value(value);
}

/* ---- Tokens ------------------------------------------------------------------------------------
 */

static void chat_tokens(void **state) {
  (void)state;
  const json_t *chat = part("chat"), *special = json_object_get(chat, "special");
  const char *text = string(chat, "text");
  size_t count, at = 0, next = 0;
  int32_t *ids = fixture_ids(chat, &count);
  heta_tokens *tokens = NULL;
  heta_error error = {0};
  assert_int_equal(heta_tokenize(model, text, strlen(text), HETA_BOS_AUTO, true, &tokens, &error),
                   HETA_OK);
  assert_int_equal(heta_tokens_count(tokens), count);
  for (size_t i = 0; i < count; i++) {
    const heta_token *token = &heta_tokens_data(tokens)[i];
    bool is_special = json_integer_value(json_array_get(special, next)) == (json_int_t)i &&
                      next < json_array_size(special);
    assert_int_equal(token->id, ids[i]);
    assert_int_equal(token->kind, is_special ? HETA_TOKEN_SPECIAL : HETA_TOKEN_TEXT);
    assert_int_equal(token->start, at);
    next += is_special;
    at = token->end;
  }
  assert_int_equal(at, strlen(text));
  assert_int_equal(next, json_array_size(special));
  assert_true(next > 0);
  heta_tokens_free(tokens);

  /* Unless asked for, the names of special tokens are text like any other. */
  assert_int_equal(heta_tokenize(model, text, strlen(text), HETA_BOS_AUTO, false, &tokens, &error),
                   HETA_OK);
  assert_true(heta_tokens_count(tokens) > count);
  for (size_t i = 0; i < heta_tokens_count(tokens); i++)
    assert_int_equal(heta_tokens_data(tokens)[i].kind, HETA_TOKEN_TEXT);
  heta_tokens_free(tokens);
  heta_i_free(ids);
}

/* ---- The engine's passes -----------------------------------------------------------------------
 */

/* Compares all[id] with object[key] for each object of a list {"id", key}. */
static void check_ids(const char *what, const json_t *list, const char *key, const double *all,
                      double largest) {
  assert_true(json_array_size(list) > 0);
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *entry = json_array_get(list, i);
    double wanted = json_number_value(json_object_get(entry, key));
    double found = all[integer(entry, "id")];
    if (!(found - wanted <= TOLERANCE * largest && wanted - found <= TOLERANCE * largest))
      fail_msg("%s of token %d is %.9g instead of %.9g", what, integer(entry, "id"), found, wanted);
  }
}

static void logits(const fixture_kind *kind) {
  const json_t *wanted = part("logits"), *top = json_object_get(wanted, "top");
  double largest = json_number_value(json_object_get(json_array_get(top, 0), "logit"));
  size_t count, row = (size_t)integer(wanted, "row");
  size_t vocabulary = heta_model_get_info(model)->vocabulary;
  int32_t *ids = fixture_ids(wanted, &count);
  double *found = heta_i_allocate(vocabulary, sizeof *found);
  heta_i_engine *engine = fixture_engine(model, kind, count, 32, true, false, 2);
  heta_i_lane lane = heta_i_lane_of(ids, count);
  heta_i_run *run = NULL;
  heta_error error = {0};
  if (engine->api->run(engine, &lane, 0, &row, 1, &run, &error)) fail_msg("%s", error.message);
  engine->api->logits(run, 0, found);
  check_ids(kind->name, top, "logit", found, largest);
  check_ids(kind->name, json_object_get(wanted, "sample"), "logit", found, largest);
  int32_t best = integer(json_array_get(top, 0), "id");
  for (size_t i = 0; i < vocabulary; i++) assert_true(found[i] <= found[best]);
  engine->api->logprobs(run, 0, found);
  check_ids(kind->name, json_object_get(wanted, "logprobs"), "logprob", found, largest);
  engine->api->run_free(run);
  engine->api->close(engine);
  heta_i_free(found);
  heta_i_free(ids);
}

static void gradient(const fixture_kind *kind) {
  const json_t *target = part("attribution");
  size_t n, size, row = (size_t)integer(target, "row");
  int32_t *ids = fixture_ids(target, &n);
  double *wanted = fixture_numbers(json_object_get(target, "gradient"), &size), value;
  double *found = heta_i_allocate(size, sizeof *found);
  assert_int_equal(size, n * heta_model_get_info(model)->width);
  heta_i_engine *engine = fixture_engine(model, kind, n, 32, false, true, 2);
  heta_i_lane lane = heta_i_lane_of(ids, n);
  heta_i_seed seed = {row, integer(target, "id"), 1, HETA_SEED_LOGPROB};
  heta_i_run *run = NULL;
  heta_error error = {0};
  if (engine->api->run(engine, &lane, 0, &row, 1, &run, &error) ||
      engine->api->reverse(engine, run, &seed, 1, &value, found, NULL, &error))
    fail_msg("%s", error.message);
  double logprob = json_number_value(json_object_get(target, "logprob"));
  fixture_close("log-probability", &value, &logprob, 1, TOLERANCE);
  fixture_close("gradient", found, wanted, size, TOLERANCE);
  engine->api->run_free(run);
  engine->api->close(engine);
  heta_i_free(found);
  heta_i_free(wanted);
  heta_i_free(ids);
}

/* ---- Attributions ------------------------------------------------------------------------------
 */

static size_t component(const heta_attribution *a, const char *name) {
  for (size_t c = 0; c < a->component_count; c++)
    if (!strcmp(a->components[c].name, name)) return c;
  fail_msg("there is no component %s", name);
  return 0;
}

static void check_component(const heta_attribution *a, const char *name, const double *wanted) {
  char what[128];
  snprintf(what, sizeof what, "%s, %s backend", name, a->backend);
  fixture_close(what, a->rows[0].components[component(a, name)], wanted, a->rows[0].length,
                TOLERANCE);
}

/* The curvature's mean, and its standard error, which with two samples is half their distance: the
 * two together say that both samples are right. */
static void check_samples(const heta_attribution *a, const json_t *samples, double *mean) {
  size_t count, n = a->rows[0].length;
  double *each = fixture_numbers(samples, &count), half[64];
  assert_int_equal(count, 2 * n);
  assert_true(n <= 64);
  for (size_t i = 0; i < n; i++) {
    mean[i] = (each[2 * i] + each[2 * i + 1]) / 2;
    half[i] = each[2 * i] > mean[i] ? each[2 * i] - mean[i] : mean[i] - each[2 * i];
    assert_int_equal(a->rows[0].probes[i], 2);
  }
  check_component(a, "curvature", mean);
  fixture_close("curvature's standard error", a->rows[0].component_se[component(a, "curvature")],
                half, n, TOLERANCE);
  heta_i_free(each);
}

/* Attributes with one combination of options and compares every part of the result. */
static void check_attribution(heta_backend backend, const json_t *information,
                              const char *curvature, const char *rollout) {
  const json_t *target = part("attribution");
  const json_t *samples = json_object_get(target, "curvature");
  const heta_option options[] = {{"curvature", curvature},
                                 {"rollout", rollout},
                                 {"mask", string(information, "mask")},
                                 {"probes", "2"}};
  heta_attribute_options o = heta_attribute_options_default();
  o.method_options = options;
  o.method_option_count = sizeof options / sizeof *options;
  o.target = HETA_TARGET_TEXT;
  o.target_text = string(target, "target_text");
  o.seed = (uint64_t)integer(samples, "seed");
  o.backend = backend;
  heta_result *result = NULL;
  heta_error error = {0};
  if (heta_attribute(model, string(target, "text"), &o, &result, &error))
    fail_msg("%s", error.message);
  const heta_attribution *a = heta_result_get(result);
  double logprob = json_number_value(json_object_get(target, "logprob"));
  assert_int_equal(a->targets[0].id, integer(target, "id"));
  assert_int_equal(a->targets[0].rank, 1);
  fixture_close("log-probability", &a->targets[0].logprob, &logprob, 1, TOLERANCE);

  size_t n;
  double *gate = fixture_numbers(json_object_get(json_object_get(target, "gate"), rollout), &n);
  double *kl = fixture_numbers(json_object_get(information, "kl"), NULL);
  double *change = fixture_numbers(json_object_get(information, "delta"), NULL);
  double *bend = fixture_numbers(json_object_get(target, "gradsq"), NULL), score[64];
  assert_true(n == a->rows[0].length && n <= 64);
  check_component(a, "gate", gate);
  check_component(a, "information", kl);
  check_component(a, "logprob_change", change);
  if (!strcmp(curvature, "gradsq"))
    check_component(a, "curvature", bend);
  else
    check_samples(a, json_object_get(samples, curvature), bend);
  for (size_t i = 0; i < n; i++) score[i] = gate[i] * (0.5 * bend[i] + 0.5 * kl[i]);
  fixture_close("score", a->rows[0].score, score, n, TOLERANCE);
  heta_i_free(gate);
  heta_i_free(kl);
  heta_i_free(change);
  heta_i_free(bend);
  heta_result_free(result);
}

/* Every mask of the fixture, each with one kind of curvature and one of the gate. */
static void attributions(heta_backend backend) {
  static const char *const CURVATURES[] = {"block", "row", "gradsq", "gradsq"};
  static const char *const ROLLOUTS[] = {"headwise", "mean", "headwise", "mean"};
  const json_t *masks = json_object_get(part("attribution"), "information");
  assert_int_equal(json_array_size(masks), 4);
  for (size_t i = 0; i < 4; i++)
    check_attribution(backend, json_array_get(masks, i), CURVATURES[i], ROLLOUTS[i]);
}

static const fixture_kind *kind_of(heta_backend backend) {
  const fixture_kind *kind = FIXTURE_KINDS;
  while (kind->name && (kind->precision != HETA_PRECISION_F32 || kind->backend != backend)) kind++;
  assert_non_null(kind->name);
  return kind;
}

static void on_backend(heta_backend backend) {
  logits(kind_of(backend));
  gradient(kind_of(backend));
  attributions(backend);
}

static void cpu_backend(void **state) {
  (void)state;
  on_backend(HETA_BACKEND_CPU);
}

static void reference_backend(void **state) {
  (void)state;
  on_backend(HETA_BACKEND_REFERENCE);
}

/* ---- Self-check --------------------------------------------------------------------------------
 */

static void tell(void *context, const heta_check_item *item) {
  size_t *count = context;
  print_message("%s: %.2g of %.2g allowed\n", item->name, item->error, item->limit);
  assert_true(item->passed);
  (*count)++;
}

static void self_check(void **state) {
  (void)state;
  size_t count = 0;
  heta_error error = {0};
  if (heta_check(model, "One, two, three,", 16, 3, 2, tell, &count, &error))
    fail_msg("%s", error.message);
  assert_true(count > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(chat_tokens), cmocka_unit_test(cpu_backend),
                                     cmocka_unit_test(reference_backend),
                                     cmocka_unit_test(self_check)};
  model = real_model();
  if (!model) return REAL_SKIPPED;
  fixture = real_fixture();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  json_decref(fixture);
  heta_model_close(model);
  return failed;
}
