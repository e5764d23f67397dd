/* test_foreigners.c: what the engine's generality is for, proved on three strangers: a family that
 * is described here and not looked up (attention and MLP side by side, LayerNorm, GELU), texts with
 * a token deleted, and a patched value vector of one head. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "support/attribute.h"
#include "support/derive.h"

/* ---- A family written down here ------------------------------------------------------------- */

/* x + attention(norm(x)) + down(gelu(up(norm(x)))), one norm for both. */
static const heta_i_op PARALLEL_BLOCK[] = {
    HETA_I_NORM(RESIDUAL_BEFORE, NORM_ATTENTION, "attn_norm"),
    HETA_I_LINEAR(NORM_ATTENTION, QUERY, QUERY, "attn_q"),
    HETA_I_LINEAR(NORM_ATTENTION, KEY, KEY, "attn_k"),
    HETA_I_LINEAR(NORM_ATTENTION, VALUE, KEY, "attn_v"),
    HETA_I_ROTARY(QUERY, QUERY_ROTATED, QUERY),
    HETA_I_ROTARY(KEY, KEY_ROTATED, KEY),
    HETA_I_ATTENTION(QUERY_ROTATED, KEY_ROTATED),
    HETA_I_LINEAR(MIX, ATTENTION_OUT, MODEL, "attn_output"),
    HETA_I_LINEAR(NORM_ATTENTION, UP, FEED_FORWARD, "ffn_up"),
    HETA_I_ACTIVATION(),
    HETA_I_LINEAR(ACTIVATION, MLP_OUT, MODEL, "ffn_down"),
    HETA_I_ADD(RESIDUAL_BEFORE, ATTENTION_OUT, RESIDUAL_MIDDLE),
    HETA_I_ADD(RESIDUAL_MIDDLE, MLP_OUT, RESIDUAL_AFTER),
    HETA_I_END,
};

static const heta_i_op PARALLEL_HEAD[] = {
    HETA_I_NORM(RESIDUAL_AFTER, NORM_FINAL, "output_norm"),
    HETA_I_LINEAR(NORM_FINAL, LOGITS, VOCABULARY, "output"),
    HETA_I_END,
};

static const heta_i_architecture GPTJ = {.name = "gptj",
                                         .norm = HETA_NORM_LAYER,
                                         .activation = HETA_ACT_GELU_TANH,
                                         .rotary_interleaved = true,
                                         .epsilon_key = "attention.layer_norm_epsilon",
                                         .block = PARALLEL_BLOCK,
                                         .head = PARALLEL_HEAD};

static heta_model *open_gptj(void) {
  char path[512];
  snprintf(path, sizeof path, "%s/data/tiny/gptj.gguf", HETA_TESTS_DIR);
  heta_model *model = NULL;
  heta_error error = {0};
  derive_ok(heta_i_model_open(path, &GPTJ, &model, &error), &error);
  return model;
}

typedef struct subject {
  json_t *fixture;
  heta_model *model;
  heta_i_engine *engine;
  int32_t *ids;
  size_t count, width;
  const fixture_kind *kind;
  bool recompute;
  dice d;
} subject;

static size_t integer(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  assert_true(json_is_integer(value));
  return (size_t)json_integer_value(value);
}

static void expect_fixture(const subject *s, const char *what, const double *found,
                           const json_t *wanted, size_t count) {
  char label[128];
  size_t size;
  snprintf(label, sizeof label, "gptj, %s, recompute %d: %s", s->kind->name, s->recompute, what);
  double *numbers = fixture_numbers(wanted, &size);
  assert_int_equal(size, count);
  fixture_close(label, found, numbers, count, s->kind->tolerance);
  heta_i_free(numbers);
}

static void check_products(subject *s, heta_i_run *run, heta_i_adjoint *adjoint, size_t n,
                           const json_t *list, bool gauss_newton) {
  double *found = dice_zeros(&s->d, n * s->width);
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *entry = json_array_get(list, i);
    double *direction = fixture_numbers(json_object_get(entry, "direction"), NULL);
    heta_i_probe probe = {0, n, direction, n, found};
    heta_error error = {0};
    derive_ok(s->engine->api->probes(s->engine, run, &adjoint, 1, &probe, 1, gauss_newton, &error),
              &error);
    expect_fixture(s, gauss_newton ? "Gauss-Newton product" : "Hessian product", found,
                   json_object_get(entry, "result"), n * s->width);
    heta_i_free(direction);
  }
}

/* ‖H_ii r‖₁ of every token and probe: [n × probes]. */
static void check_block_probes(subject *s, heta_i_run *run, heta_i_adjoint *adjoint, size_t n,
                               const json_t *curvature, bool gauss_newton) {
  size_t m = integer(curvature, "probes"), count = n * m, d = s->width;
  double *directions = dice_zeros(&s->d, count * d), *results = dice_zeros(&s->d, count * d);
  double *found = dice_zeros(&s->d, count);
  heta_i_probe *probes = heta_i_arena_take(&s->d.memory, count, sizeof *probes);
  assert_non_null(probes);
  for (size_t at = 0; at < count; at++) {
    heta_i_rademacher(integer(curvature, "seed"), HETA_STREAM_BLOCK_PROBE, (uint32_t)(at / m),
                      (uint32_t)(at % m), d, directions + at * d);
    probes[at] = (heta_i_probe){at / m, 1, directions + at * d, 1, results + at * d};
  }
  heta_error error = {0};
  derive_ok(
      s->engine->api->probes(s->engine, run, &adjoint, 1, probes, count, gauss_newton, &error),
      &error);
  for (size_t at = 0; at < count; at++)
    for (size_t c = 0; c < d; c++) found[at] += fabs(results[at * d + c]);
  const char *key = gauss_newton ? "gauss_newton_block" : "block";
  expect_fixture(s, key, found, json_object_get(curvature, key), count);
}

static void check_objective(subject *s, heta_i_run *run, size_t n, const heta_i_seed *seeds,
                            size_t seed_count, const json_t *wanted, const char *value_key) {
  double value, *gradient = dice_zeros(&s->d, n * s->width);
  heta_i_adjoint *adjoint = NULL;
  heta_error error = {0};
  derive_ok(s->engine->api->reverse(s->engine, run, seeds, seed_count, &value, gradient, &adjoint,
                                    &error),
            &error);
  expect_fixture(s, value_key, &value, json_object_get(wanted, value_key), 1);
  expect_fixture(s, "gradient", gradient, json_object_get(wanted, "gradient"), n * s->width);
  check_products(s, run, adjoint, n, json_object_get(wanted, "hvp"), false);
  check_products(s, run, adjoint, n, json_object_get(wanted, "gauss_newton"), true);
  const json_t *curvature = json_object_get(wanted, "curvature");
  if (curvature) {
    check_block_probes(s, run, adjoint, n, curvature, false);
    check_block_probes(s, run, adjoint, n, curvature, true);
  }
  s->engine->api->adjoint_free(adjoint);
}

/* KL and log-probability change of each masked token: `zero` and `attend`. */
static void check_information(subject *s, heta_i_run *run, const json_t *target, size_t n) {
  size_t row = n - 1, masks = 0;
  int32_t id = (int32_t)integer(target, "id");
  const json_t *list = json_object_get(target, "information");
  double *zero = dice_zeros(&s->d, s->width);
  for (size_t k = 0; k < json_array_size(list); k++) {
    const json_t *entry = json_array_get(list, k);
    const char *mask = json_string_value(json_object_get(entry, "mask"));
    bool attend = !strcmp(mask, "attend");
    if (!attend && strcmp(mask, "zero")) continue;
    masks++;
    heta_i_lane lanes[64];
    double kl[64], change[64];
    for (size_t i = 0; i < n; i++) {
      lanes[i] = heta_i_lane_of(s->ids, n);
      lanes[i].parent = run;
      lanes[i].first = i;
      if (attend)
        lanes[i].hidden_key = i;
      else
        lanes[i].edit_row = i, lanes[i].edit = zero;
    }
    heta_i_readout readout = {
        .rows = 1, .row = &row, .token = &id, .reference = run, .logprob = change, .kl = kl};
    heta_error error = {0};
    derive_ok(s->engine->api->lanes(s->engine, lanes, n, &readout, &error), &error);
    for (size_t i = 0; i < n; i++)
      change[i] = json_number_value(json_object_get(target, "logprob")) - change[i];
    expect_fixture(s, "divergence", kl, json_object_get(entry, "kl"), n);
    expect_fixture(s, "change", change, json_object_get(entry, "delta"), n);
  }
  assert_int_equal(masks, 2);
}

static void check_target(subject *s, const json_t *target) {
  size_t row = integer(target, "row"), n = row + 1;
  heta_i_lane lane = heta_i_lane_of(s->ids, n);
  heta_i_run *run = NULL;
  heta_error error = {0};
  derive_ok(s->engine->api->run(s->engine, &lane, 0, &row, 1, &run, &error), &error);
  heta_i_seed seeds[2] = {{row, (int32_t)integer(target, "id"), 1, HETA_SEED_LOGPROB}};
  check_objective(s, run, n, seeds, 1, target, "logprob");
  check_information(s, run, target, n);
  const json_t *contrast = json_object_get(target, "contrast");
  if (contrast) {
    seeds[1] = (heta_i_seed){row, (int32_t)integer(contrast, "foil"), -1, HETA_SEED_LOGPROB};
    check_objective(s, run, n, seeds, 2, contrast, "value");
  }
  s->engine->api->run_free(run);
}

static void check_logits(subject *s) {
  const json_t *list = json_object_get(s->fixture, "logits");
  size_t rows[8], count = json_array_size(list), vocabulary = s->model->hyper.vocabulary;
  assert_in_range(count, 1, 8);
  for (size_t i = 0; i < count; i++) rows[i] = integer(json_array_get(list, i), "row");
  heta_i_lane lane = heta_i_lane_of(s->ids, s->count);
  heta_i_run *run = NULL;
  heta_error error = {0};
  derive_ok(s->engine->api->run(s->engine, &lane, 0, rows, count, &run, &error), &error);
  double *found = dice_zeros(&s->d, vocabulary);
  for (size_t i = 0; i < count; i++) {
    s->engine->api->logits(run, i, found);
    expect_fixture(s, "logits", found, json_object_get(json_array_get(list, i), "values"),
                   vocabulary);
  }
  s->engine->api->run_free(run);
}

static void parallel_family(void **state) {
  (void)state;
  size_t compared = 0;
  for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++)
    for (int recompute = 0; recompute < 2; recompute++) {
      subject s = {.fixture = fixture_load("gptj"),
                   .model = open_gptj(),
                   .kind = kind,
                   .recompute = recompute,
                   .d = {.seed = 5}};
      s.ids = fixture_ids(s.fixture, &s.count);
      s.width = s.model->hyper.width;
      s.engine =
          fixture_engine(s.model, kind, s.count, recompute ? 32 : 96, !recompute, recompute, 1);
      check_logits(&s);
      const json_t *targets = json_object_get(s.fixture, "targets");
      for (size_t t = 0; t < json_array_size(targets); t++, compared++)
        check_target(&s, json_array_get(targets, t));
      if (kind->precision == HETA_PRECISION_F64) {
        heta_i_seed seed = {s.count - 2, 17, 1, HETA_SEED_LOGIT_PROB};
        derive f = {s.engine, heta_i_lane_of(s.ids, s.count), 0, &seed, 1};
        double *input = dice_zeros(&s.d, s.count * s.width);
        s.engine->api->embed(s.engine, s.ids, s.count, input);
        derive_check(&f, "gptj", input, &s.d);
      }
      s.engine->api->close(s.engine);
      heta_model_close(s.model);
      heta_i_free(s.ids);
      json_decref(s.fixture);
      dice_free(&s.d);
    }
  assert_int_equal(compared, 3 * 2 * 2);
}

/* A whole job on it: gate, information and curvature of the fixture. */
static void job_on_a_stranger(void **state) {
  (void)state;
  heta_model *model = open_gptj();
  json_t *fixture = fixture_load("gptj");
  for (int mean = 0; mean < 2; mean++) {
    const fixture_kind *kind = &FIXTURE_KINDS[2 * mean];
    const json_t *target = json_array_get(json_object_get(fixture, "targets"), 0);
    const json_t *curvature = json_object_get(target, "curvature");
    size_t n = integer(target, "row") + 1, m = integer(curvature, "probes");
    heta_attribute_options options =
        attribute_options(kind, mean ? "probes=4 rollout=mean" : "probes=4 rollout=headwise");
    heta_job *job =
        attribute_fixture(fixture, model, n, (int32_t)integer(target, "id"), -1, &options);
    const heta_attribution *a = attribute_run(job);
    subject s = {.kind = kind};
    expect_fixture(&s, "gate", attribute_component(a, 0, "gate"),
                   json_object_get(json_object_get(target, "gate"), mean ? "mean" : "headwise"), n);
    expect_fixture(&s, "information", attribute_component(a, 0, "information"),
                   json_object_get(json_array_get(json_object_get(target, "information"), 0), "kl"),
                   n);
    double wanted[64] = {0}, *samples = fixture_numbers(json_object_get(curvature, "block"), NULL);
    for (size_t i = 0; i < n * m; i++) wanted[i / m] += samples[i] / (double)m;
    fixture_close("curvature of gptj", attribute_component(a, 0, "curvature"), wanted, n,
                  kind->tolerance);
    heta_i_free(samples);
    heta_job_free(job);
  }
  json_decref(fixture);
  heta_model_close(model);
}

/* ---- Deleted tokens ------------------------------------------------------------------------- */

/* One lane per deleted token, without parent or from the row before the gap, against fresh runs of
 * the shorter text: positions packed again, or as they were. */
static void deletion(void **state) {
  (void)state;
  for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++)
    for (int packed = 0; packed < 2; packed++) {
      heta_model *model = fixture_model("llama-gqa");
      json_t *fixture = fixture_load("llama-gqa");
      size_t n, vocabulary = model->hyper.vocabulary;
      int32_t *ids = fixture_ids(fixture, &n), shorter[16][16];
      uint32_t positions[16][16];
      assert_in_range(n, 3, 16);
      heta_i_engine *engine = fixture_engine(model, kind, n, 64, true, false, 1);
      const heta_i_engine_api *api = engine->api;
      size_t whole = n - 1, last = n - 2;
      const int32_t target = 100;
      heta_error error = {0};
      heta_i_lane clean = heta_i_lane_of(ids, n), lanes[32];
      heta_i_run *parent = NULL;
      derive_ok(api->run(engine, &clean, 0, &whole, 1, &parent, &error), &error);
      for (size_t i = 0; i < n - 1; i++) {
        for (size_t r = 0; r + 1 < n; r++) {
          shorter[i][r] = ids[r < i ? r : r + 1];
          positions[i][r] = (uint32_t)(packed || r < i ? r : r + 1);
        }
        lanes[2 * i] = heta_i_lane_of(shorter[i], n - 1);
        lanes[2 * i].positions = positions[i];
        lanes[2 * i + 1] = lanes[2 * i];
        lanes[2 * i + 1].parent = parent;
        lanes[2 * i + 1].first = i;
      }
      double found[32], wanted[32], away = 0;
      heta_i_readout readout = {.rows = 1, .row = &last, .token = &target, .logprob = found};
      derive_ok(api->lanes(engine, lanes, 2 * (n - 1), &readout, &error), &error);
      double *logprobs = heta_i_allocate(vocabulary, sizeof *logprobs);
      for (size_t i = 0; i < n - 1; i++) {
        heta_i_run *run = NULL;
        derive_ok(api->run(engine, &lanes[2 * i], 0, &last, 1, &run, &error), &error);
        api->logprobs(run, 0, logprobs);
        wanted[2 * i] = wanted[2 * i + 1] = logprobs[target];
        api->run_free(run);
        if (packed) continue; /* positions do matter: the packed run is another one */
        heta_i_lane repacked = lanes[2 * i];
        repacked.positions = NULL;
        derive_ok(api->run(engine, &repacked, 0, &last, 1, &run, &error), &error);
        api->logprobs(run, 0, logprobs);
        away += fabs(logprobs[target] - wanted[2 * i]);
        api->run_free(run);
      }
      fixture_close(kind->name, found, wanted, 2 * (n - 1),
                    kind->precision == HETA_PRECISION_F64 ? 1e-12 : 5e-5);
      if (!packed) assert_true(away > 1e-3);
      heta_i_free(logprobs);
      api->run_free(parent);
      api->close(engine);
      heta_i_free(ids);
      json_decref(fixture);
      heta_model_close(model);
    }
}

/* ---- A patched value ------------------------------------------------------------------------ */

/* The value vector of one row and one head comes from another text, as activation patching does:
 * the derivatives are those of the patched function. */
static void patched_value(void **state) {
  (void)state;
  for (size_t m = 0; fixture_models()[m]; m++)
    for (int recompute = 0; recompute < 2; recompute++) {
      heta_model *model = fixture_model(fixture_models()[m]);
      json_t *fixture = fixture_load(fixture_models()[m]);
      size_t n, hw = model->hyper.head_width, kv = model->hyper.kv_heads;
      int32_t *ids = fixture_ids(fixture, &n), other[16];
      dice d = {.seed = 70 + m};
      heta_i_engine *engine =
          fixture_engine(model, &FIXTURE_KINDS[0], n, 32, !recompute, recompute, 1);
      for (size_t i = 0; i < n; i++) other[i] = ids[n - 1 - i];
      size_t block = model->hyper.layers - 1, row = n - 2, head = kv - 1, last = n - 1;
      double *values = dice_zeros(&d, n * kv * hw), *input = dice_zeros(&d, n * model->hyper.width);
      heta_i_capture capture = {HETA_SITE_VALUE, block, values};
      heta_i_lane donor = heta_i_lane_of(other, n);
      donor.captures = &capture;
      donor.capture_count = 1;
      heta_error error = {0};
      heta_i_run *run = NULL;
      derive_ok(engine->api->run(engine, &donor, 0, &last, 1, &run, &error), &error);
      engine->api->run_free(run);
      heta_i_override patch = {
          HETA_SITE_VALUE, block, row, head, 0, values + (row * kv + head) * hw};
      heta_i_seed seed = {last, 42, 1, HETA_SEED_LOGPROB};
      derive plain = {engine, heta_i_lane_of(ids, n), 0, &seed, 1}, patched = plain;
      patched.lane.overrides = &patch;
      patched.lane.override_count = 1;
      engine->api->embed(engine, ids, n, input);
      if (fabs(derive_value(&plain, input, NULL) - derive_value(&patched, input, NULL)) < 1e-12)
        fail_msg("%s: the patch changes nothing", fixture_models()[m]);
      derive_check(&patched, fixture_models()[m], input, &d);
      engine->api->close(engine);
      dice_free(&d);
      heta_i_free(ids);
      json_decref(fixture);
      heta_model_close(model);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(parallel_family),
                                     cmocka_unit_test(job_on_a_stranger),
                                     cmocka_unit_test(deletion), cmocka_unit_test(patched_value)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
