/* test_engine.c: the engine's passes against float64 results of another implementation, in both
 * precisions and on both backends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "support/fixture.h"

typedef struct subject {
  json_t *fixture;
  heta_model *model;
  int32_t *ids;
  size_t count, width, vocabulary;
  const fixture_kind *kind;
  heta_i_engine *engine;
} subject;

static char label[256];
static const char *label_of(const subject *s, const char *what) {
  snprintf(label, sizeof label, "%s, %s: %s",
           json_string_value(json_object_get(s->fixture, "gguf")), s->kind->name, what);
  return label;
}

static size_t integer(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  assert_true(json_is_integer(value));
  return (size_t)json_integer_value(value);
}

static void check_logits(subject *s) {
  const json_t *list = json_object_get(s->fixture, "logits");
  size_t rows[8], count = json_array_size(list);
  for (size_t i = 0; i < count; i++) rows[i] = integer(json_array_get(list, i), "row");
  heta_i_lane lane = heta_i_lane_of(s->ids, s->count);
  heta_i_run *run = NULL;
  heta_error error = {0};
  if (s->engine->api->run(s->engine, &lane, 0, rows, count, &run, &error))
    fail_msg("%s", error.message);
  double *found = heta_i_allocate(s->vocabulary, sizeof *found);
  for (size_t i = 0; i < count; i++) {
    double *wanted = fixture_numbers(json_object_get(json_array_get(list, i), "values"), NULL);
    s->engine->api->logits(run, i, found);
    fixture_close(label_of(s, "logits"), found, wanted, s->vocabulary, s->kind->tolerance);
    heta_i_free(wanted);
  }
  heta_i_free(found);
  s->engine->api->run_free(run);
}

static void check_products(subject *s, heta_i_run *run, heta_i_adjoint *adjoint, size_t n,
                           const json_t *list, bool gauss_newton, const char *what) {
  heta_error error = {0};
  double *result = heta_i_allocate(n * s->width, sizeof *result);
  for (size_t i = 0; i < json_array_size(list); i++) {
    double *direction =
        fixture_numbers(json_object_get(json_array_get(list, i), "direction"), NULL);
    double *wanted = fixture_numbers(json_object_get(json_array_get(list, i), "result"), NULL);
    heta_i_probe probe = {
        .direction_rows = n, .direction = direction, .result_rows = n, .result = result};
    if (s->engine->api->probes(s->engine, run, &adjoint, 1, &probe, 1, gauss_newton, &error))
      fail_msg("%s", error.message);
    fixture_close(label_of(s, what), result, wanted, n * s->width, s->kind->tolerance);
    heta_i_free(direction);
    heta_i_free(wanted);
  }
  heta_i_free(result);
}

static void check_block_probes(subject *s, heta_i_run *run, heta_i_adjoint *adjoint, size_t n,
                               const json_t *curvature, const char *key, bool gauss_newton) {
  size_t m = integer(curvature, "probes"), d = s->width;
  uint64_t seed = integer(curvature, "seed");
  double *wanted = fixture_numbers(json_object_get(curvature, key), NULL);
  double *found = heta_i_allocate(n * m, sizeof *found);
  double *directions = heta_i_allocate(n * m * d, sizeof *directions);
  double *results = heta_i_allocate(n * m * d, sizeof *results);
  heta_i_probe *probes = heta_i_allocate(n * m, sizeof *probes);
  for (size_t i = 0; i < n; i++)
    for (size_t r = 0; r < m; r++) {
      size_t at = i * m + r;
      heta_i_rademacher(seed, HETA_STREAM_BLOCK_PROBE, (uint32_t)i, (uint32_t)r, d,
                        directions + at * d);
      probes[at] = (heta_i_probe){i, 1, directions + at * d, 1, results + at * d};
    }
  heta_error error = {0};
  if (s->engine->api->probes(s->engine, run, &adjoint, 1, probes, n * m, gauss_newton, &error))
    fail_msg("%s", error.message);
  for (size_t at = 0; at < n * m; at++)
    for (size_t e = 0; e < d; e++) {
      double value = results[at * d + e];
      found[at] += value < 0 ? -value : value;
    }
  fixture_close(label_of(s, key), found, wanted, n * m, s->kind->tolerance);
  heta_i_free(wanted);
  heta_i_free(found);
  heta_i_free(directions);
  heta_i_free(results);
  heta_i_free(probes);
}

static void check_information(subject *s, heta_i_run *run, const json_t *target, size_t n,
                              double clean) {
  size_t row = n - 1;
  int32_t id = (int32_t)integer(target, "id");
  double *zero = heta_i_allocate(s->width, sizeof *zero);
  double *embedding = heta_i_allocate(n * s->width, sizeof *embedding);
  s->engine->api->embed(s->engine, s->ids, n, embedding);
  const json_t *list = json_object_get(target, "information");
  for (size_t k = 0; k < json_array_size(list); k++) {
    const json_t *entry = json_array_get(list, k);
    const char *mask = json_string_value(json_object_get(entry, "mask"));
    double *wanted_kl = fixture_numbers(json_object_get(entry, "kl"), NULL);
    double *wanted_delta = fixture_numbers(json_object_get(entry, "delta"), NULL);
    memset(zero, 0, s->width * sizeof *zero);
    if (!strcmp(mask, "mean"))
      for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < s->width; c++) zero[c] += embedding[i * s->width + c] / (double)n;
    int token;
    if (sscanf(mask, "token:%d", &token) == 1) {
      int32_t one = token;
      s->engine->api->embed(s->engine, &one, 1, zero);
    }
    heta_i_lane *lanes = heta_i_allocate(n, sizeof *lanes);
    double *kl = heta_i_allocate(n, sizeof *kl), *delta = heta_i_allocate(n, sizeof *delta);
    for (size_t i = 0; i < n; i++) {
      lanes[i] = heta_i_lane_of(s->ids, n);
      lanes[i].parent = run;
      lanes[i].first = i;
      if (!strcmp(mask, "attend")) {
        lanes[i].hidden_key = i;
      } else {
        lanes[i].edit_row = i;
        lanes[i].edit = zero;
      }
    }
    heta_i_readout readout = {
        .rows = 1, .row = &row, .token = &id, .reference = run, .logprob = delta, .kl = kl};
    heta_error error = {0};
    if (s->engine->api->lanes(s->engine, lanes, n, &readout, &error)) fail_msg("%s", error.message);
    for (size_t i = 0; i < n; i++) delta[i] = clean - delta[i];
    fixture_close(label_of(s, mask), kl, wanted_kl, n, s->kind->tolerance);
    fixture_close(label_of(s, mask), delta, wanted_delta, n, s->kind->tolerance);
    heta_i_free(lanes);
    heta_i_free(kl);
    heta_i_free(delta);
    heta_i_free(wanted_kl);
    heta_i_free(wanted_delta);
  }
  heta_i_free(zero);
  heta_i_free(embedding);
}

static void check_objective(subject *s, heta_i_run *run, size_t n, const heta_i_seed *seeds,
                            size_t seed_count, const json_t *wanted, const char *value_key,
                            const json_t *target) {
  heta_error error = {0};
  double value, *gradient = heta_i_allocate(n * s->width, sizeof *gradient);
  heta_i_adjoint *adjoint = NULL;
  if (s->engine->api->reverse(s->engine, run, seeds, seed_count, &value, gradient, &adjoint,
                              &error))
    fail_msg("%s", error.message);
  double expected = json_number_value(json_object_get(wanted, value_key));
  fixture_close(label_of(s, "objective"), &value, &expected, 1, s->kind->tolerance);
  double *wanted_gradient = fixture_numbers(json_object_get(wanted, "gradient"), NULL);
  fixture_close(label_of(s, "gradient"), gradient, wanted_gradient, n * s->width,
                s->kind->tolerance);
  check_products(s, run, adjoint, n, json_object_get(wanted, "hvp"), false, "Hessian product");
  if (target) {
    const json_t *curvature = json_object_get(target, "curvature");
    check_products(s, run, adjoint, n, json_object_get(target, "gauss_newton"), true,
                   "Gauss-Newton");
    check_block_probes(s, run, adjoint, n, curvature, "block", false);
    check_block_probes(s, run, adjoint, n, curvature, "gauss_newton_block", true);
  }
  heta_i_free(wanted_gradient);
  heta_i_free(gradient);
  s->engine->api->adjoint_free(adjoint);
}

static void check_target(subject *s, const json_t *target) {
  size_t row = integer(target, "row"), n = row + 1;
  int32_t id = (int32_t)integer(target, "id");
  heta_i_lane lane = heta_i_lane_of(s->ids, n);
  heta_i_run *run = NULL;
  heta_error error = {0};
  if (s->engine->api->run(s->engine, &lane, 0, &row, 1, &run, &error))
    fail_msg("%s", error.message);
  heta_i_seed seed = {row, id, 1, HETA_SEED_LOGPROB};
  check_objective(s, run, n, &seed, 1, target, "logprob", target);
  const json_t *contrast = json_object_get(target, "contrast");
  if (contrast) {
    heta_i_seed pair[2] = {seed, {row, (int32_t)integer(contrast, "foil"), -1, HETA_SEED_LOGPROB}};
    check_objective(s, run, n, pair, 2, contrast, "value", NULL);
  }
  check_information(s, run, target, n, json_number_value(json_object_get(target, "logprob")));
  s->engine->api->run_free(run);
}

/* Two threads for each third model, and for all under the thread sanitizer: on models this small
 * threads do little but wait for each other. test_lanes.c holds numbers of threads side by side. */
static int threads_of(size_t model, int plan) {
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
  return 2;
#endif
#endif
  return plan && model % 3 == 0 ? 2 : 1;
}

static void against_fixtures(void **state) {
  (void)state;
  size_t compared = 0;
  for (size_t f = 0; fixture_models()[f]; f++)
    for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++)
      for (int plan = 0; plan < 2; plan++) {
        subject s = {.fixture = fixture_load(fixture_models()[f]),
                     .model = fixture_model(fixture_models()[f]),
                     .kind = kind};
        s.ids = fixture_ids(s.fixture, &s.count);
        s.width = integer(s.fixture, "width");
        s.vocabulary = integer(s.fixture, "vocabulary");
        s.engine = fixture_engine(s.model, kind, s.count, plan ? 32 : 96, !plan, plan == 1,
                                  threads_of(f, plan));
        check_logits(&s);
        const json_t *targets = json_object_get(s.fixture, "targets");
        for (size_t t = 0; t < json_array_size(targets); t++) {
          check_target(&s, json_array_get(targets, t));
          compared++;
        }
        s.engine->api->close(s.engine);
        heta_model_close(s.model);
        heta_i_free(s.ids);
        json_decref(s.fixture);
      }
  assert_int_equal(compared, fixture_count() * 3 * 2 * 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(against_fixtures)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
