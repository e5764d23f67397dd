/* test_soft.c: attributions of a changed context: noise on the embeddings is a model with other
 * embeddings, for every method that takes it; patched values are those of the other context, and go
 * with the token that is removed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "format/file.h"
#include "support/attribute.h"
#include "support/dice.h"

static const fixture_kind *const F64 = &FIXTURE_KINDS[0];
static const char TEXT[] = "bold figt", OTHER[] = "bolt figd"; /* no token twice */
enum { NOISE_DRAW = 3, PATCH_BLOCK = 1 };
static const double NOISE = 0.05;

static heta_attribute_options options_of(const char *method, const char *method_options) {
  heta_attribute_options options = attribute_options(F64, method_options);
  options.method = method;
  options.target = HETA_TARGET_TEXT;
  options.target_text = "n";
  return options;
}

static heta_job *job_of(const heta_model *model, const char *text,
                        const heta_attribute_options *options) {
  return attribute_job(model, text, strlen(text), options);
}

/* The model with the embeddings that the noise makes of the text's. The head keeps its own. */
static const heta_i_tensor *noised(heta_model *model, const heta_job *job, heta_i_tensor *copy) {
  size_t width = model->hyper.width, vocabulary = model->hyper.vocabulary;
  const heta_i_tensor *clean = model->embedding;
  float *rows = heta_i_allocate(vocabulary * width, sizeof *rows);
  double *normal = heta_i_allocate(width, sizeof *normal);
  assert_int_equal(clean->type, HETA_TYPE_F32);
  heta_i_tensor_rows(clean, 0, vocabulary, rows);
  for (size_t i = 0; i < job->input.first_target; i++) {
    size_t id = (size_t)job->input.tokens[i].id;
    for (size_t k = 0; k < i; k++) assert_true((size_t)job->input.tokens[k].id != id);
    heta_i_normal(7, HETA_STREAM_INPUT_NOISE, (uint32_t)i, NOISE_DRAW, width, normal);
    for (size_t c = 0; c < width; c++)
      rows[id * width + c] = (float)(rows[id * width + c] + NOISE * normal[c]);
  }
  heta_i_free(normal);
  *copy = *clean;
  copy->data = (unsigned char *)rows;
  copy->view = NULL;
  model->embedding = copy;
  return clean;
}

static const char *cheap(const char *method) {
  static const char *const CHEAP[][2] = {{"heta", "probes=2"},
                                         {"reagent", "passes=40"},
                                         {"greedy-rationale", "passes=40"},
                                         {"lime", "passes=40"},
                                         {"kernel-shap", "passes=40"},
                                         {"attributive-mask", "passes=10"},
                                         {"progressive-mp", "passes=60"},
                                         {"sea-tokens", "samples=2 length=3"},
                                         {"causal-tracing", "samples=2"},
                                         {"ig", "steps=4"}};
  for (size_t i = 0; i < sizeof CHEAP / sizeof *CHEAP; i++)
    if (!strcmp(CHEAP[i][0], method)) return CHEAP[i][1];
  return NULL;
}

/* Words of the vocabulary stand in their altered texts, also those whose embeddings were changed.
 */
static bool writes_words(const char *method) {
  return !strcmp(method, "reagent") || !strcmp(method, "sea-tokens") || !strcmp(method, "gilot");
}

static void noise_is_other_embeddings(void **state) {
  (void)state;
  static const char *const MODELS[] = {"llama-gqa", "gpt2"};
  for (size_t m = 0; m < (getenv("HETA_TEST_FEW") ? 1 : 2); m++) {
    heta_model *model = fixture_model(MODELS[m]);
    for (size_t k = 0; k < heta_method_count(); k++) {
      const char *name = heta_method_at(k)->name;
      heta_attribute_options options = options_of(name, cheap(name));
      options.noise = NOISE;
      options.noise_draw = NOISE_DRAW;
      if (!strcmp(name, "dig") || !strcmp(name, "contextcite")) {
        attribute_refused(model, TEXT, &options, HETA_E_ARGUMENT, "noise on its embeddings");
        continue;
      }
      heta_job *soft = job_of(model, TEXT, &options);
      const heta_row *a = &attribute_run(soft)->rows[0];
      options.noise = 0;
      options.noise_draw = 0;
      heta_job *hard = job_of(model, TEXT, &options);
      heta_i_tensor copy;
      const heta_i_tensor *clean = noised(model, soft, &copy);
      const heta_row *b = &attribute_run(hard)->rows[0];
      if (!writes_words(name)) fixture_close(name, a->score, b->score, a->length, 1e-5);
      assert_true(fabs(attribute_result(soft)->targets[0].logprob -
                       attribute_result(hard)->targets[0].logprob) < 1e-6);
      model->embedding = clean;
      heta_i_free((void *)copy.data);
      heta_job_free(soft);
      heta_job_free(hard);
    }
    heta_model_close(model);
  }
}

static void draws_are_told_apart(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_attribute_options options = options_of("occlusion", NULL);
  options.noise = NOISE;
  heta_job *first = job_of(model, TEXT, &options), *same = job_of(model, TEXT, &options);
  options.noise_draw = 1;
  heta_job *second = job_of(model, TEXT, &options);
  options.noise = 0;
  heta_job *clean = job_of(model, TEXT, &options);
  const heta_row *a = &attribute_run(first)->rows[0];
  heta_job_reuse(clean, first); /* the clean run is not that of the changed context */
  heta_job_reuse(same, clean);
  size_t bytes = a->length * sizeof *a->score;
  const heta_row *b = &attribute_run(same)->rows[0], *c = &attribute_run(second)->rows[0],
                 *d = &attribute_run(clean)->rows[0];
  assert_memory_equal(a->score, b->score, bytes);
  assert_memory_not_equal(a->score, c->score, bytes);
  assert_memory_not_equal(a->score, d->score, bytes);
  const heta_attribution *told = attribute_result(second);
  const heta_resolved_option *last = &told->options[told->option_count - 1];
  assert_string_equal(last->name, "context-noise-draw");
  assert_string_equal(last->value, "1");
  char *json = attribute_json(second);
  heta_error error = {0};
  assert_int_equal(heta_job_merge(second, json, strlen(json), &error), HETA_E_ARGUMENT);
  heta_i_free(json);
  heta_job_free(first);
  heta_job_free(same);
  heta_job_free(second);
  heta_job_free(clean);
  heta_model_close(model);
}

/* ---- Patched values ---------------------------------------------------------------------------
 */

typedef struct patch {
  heta_model *model;
  heta_i_engine *engine;
  int32_t own[16], other[16];
  size_t length, rows[2];
  double *values; /* of the other context, all rows */
  dice d;
} patch;

static void ids_of(const heta_model *model, const char *text, int32_t *ids, size_t *length) {
  heta_tokens *tokens = NULL;
  assert_int_equal(heta_tokenize(model, text, strlen(text), HETA_BOS_AUTO, false, &tokens, NULL),
                   HETA_OK);
  *length = heta_tokens_count(tokens);
  assert_true(*length <= 16);
  for (size_t i = 0; i < *length; i++) ids[i] = heta_tokens_data(tokens)[i].id;
  heta_tokens_free(tokens);
}

/* The target's log-probability by a run of its own; removed: a token whose embedding is zero and
 * that has no patched values. SIZE_MAX: none. */
static double slow(patch *p, int32_t target, size_t removed) {
  size_t width = p->model->hyper.width, wide = p->model->widths[HETA_SITE_VALUE], n = p->length;
  heta_i_override changes[2];
  double *input = dice_zeros(&p->d, n * width),
         *logprobs = dice_zeros(&p->d, p->model->hyper.vocabulary);
  heta_i_lane lane = heta_i_lane_of(p->own, n);
  heta_i_run *run = NULL;
  size_t row = n - 1;
  p->engine->api->embed(p->engine, p->own, n, input);
  if (removed < n) memset(input + removed * width, 0, width * sizeof *input);
  for (size_t i = 0; i < 2; i++)
    if (p->rows[i] != removed)
      changes[lane.override_count++] = (heta_i_override){
          HETA_SITE_VALUE, PATCH_BLOCK, p->rows[i], SIZE_MAX, 0, p->values + p->rows[i] * wide};
  lane.input = input;
  lane.overrides = changes;
  assert_int_equal(p->engine->api->run(p->engine, &lane, 0, &row, 1, &run, NULL), HETA_OK);
  p->engine->api->logprobs(run, 0, logprobs);
  p->engine->api->run_free(run);
  return logprobs[target];
}

static void open_patch(patch *p, const char *name) {
  size_t length, row;
  heta_i_run *run = NULL;
  *p = (patch){.d = {.seed = 4}, .rows = {3, 5}};
  p->model = fixture_model(name);
  p->engine = fixture_engine(p->model, F64, 32, 64, true, false, 1);
  ids_of(p->model, TEXT, p->own, &p->length);
  ids_of(p->model, OTHER, p->other, &length);
  assert_int_equal(p->length, length);
  p->values = dice_zeros(&p->d, length * p->model->widths[HETA_SITE_VALUE]);
  heta_i_lane lane = heta_i_lane_of(p->other, length);
  heta_i_capture capture = {HETA_SITE_VALUE, PATCH_BLOCK, p->values};
  lane.captures = &capture;
  lane.capture_count = 1;
  row = length - 1;
  assert_int_equal(p->engine->api->run(p->engine, &lane, 0, &row, 1, &run, NULL), HETA_OK);
  p->engine->api->run_free(run);
}

static void close_patch(patch *p) {
  p->engine->api->close(p->engine);
  heta_model_close(p->model);
  dice_free(&p->d);
}

static heta_attribute_options patched(const patch *p, const char *method) {
  heta_attribute_options options = options_of(method, cheap(method));
  options.patch_tokens = p->other;
  options.patch_length = p->length;
  options.patch_rows = p->rows;
  options.patch_row_count = 2;
  options.patch_block = PATCH_BLOCK;
  return options;
}

static void values_are_those_of_the_other_context(void **state) {
  (void)state;
  static const char *const MODELS[] = {"llama-gqa", "gpt2", "gemma2"};
  for (size_t m = 0; m < (getenv("HETA_TEST_FEW") ? 1 : 3); m++) {
    patch p;
    open_patch(&p, MODELS[m]);
    heta_attribute_options options = patched(&p, "occlusion");
    heta_job *job = job_of(p.model, TEXT, &options);
    assert_int_equal(heta_job_get_plan(job)->forwards, 1 + 1 + p.length);
    const heta_attribution *a = attribute_run(job);
    double clean = slow(&p, a->targets[0].id, SIZE_MAX);
    assert_true(fabs(a->targets[0].logprob - clean) < 1e-12);
    options.patch_tokens = NULL;
    heta_job *plain = job_of(p.model, TEXT, &options);
    assert_true(fabs(attribute_run(plain)->targets[0].logprob - clean) > 1e-6);
    for (size_t i = 0; i < p.length; i++) {
      double drop = clean - slow(&p, a->targets[0].id, i);
      assert_true(fabs(a->rows[0].signed_score[i] - drop) < 1e-11);
    }
    heta_job_free(plain);
    heta_job_free(job);
    close_patch(&p);
  }
}

/* The target's probability in a text of noise, in which one token's residual before block 1 is the
 * clean one, with the patched values it has; SIZE_MAX: none's. */
static double traced(patch *p, const double *noisy, const double *clean, size_t token,
                     int32_t target) {
  size_t width = p->model->hyper.width, wide = p->model->widths[HETA_SITE_VALUE], row;
  size_t at = token == SIZE_MAX ? 0 : token;
  double *logprobs = dice_zeros(&p->d, p->model->hyper.vocabulary);
  heta_i_lane lane = heta_i_lane_of(p->own, p->length);
  heta_i_run *run = NULL;
  heta_i_override changes[] = {
      {HETA_SITE_RESIDUAL_BEFORE, 1, at, SIZE_MAX, 0, clean + at * width},
      {HETA_SITE_VALUE, PATCH_BLOCK, at, SIZE_MAX, 0, p->values + at * wide}};
  lane.input = noisy;
  lane.overrides = changes;
  if (token != SIZE_MAX) lane.override_count = token == p->rows[0] || token == p->rows[1] ? 2 : 1;
  row = p->length - 1;
  assert_int_equal(p->engine->api->run(p->engine, &lane, 0, &row, 1, &run, NULL), HETA_OK);
  p->engine->api->logprobs(run, 0, logprobs);
  p->engine->api->run_free(run);
  return exp(logprobs[target]);
}

/* Causal tracing in a patched model: noise takes the patched values away, and a token's clean state
 * brings its own back. */
static void traces_restore_patched_values(void **state) {
  (void)state;
  patch p;
  open_patch(&p, "llama-gqa");
  size_t width = p.model->hyper.width, n = p.length, row = n - 1;
  heta_attribute_options options = patched(&p, "causal-tracing");
  const heta_option one[] = {{"samples", "1"}, {"every", "100"}}; /* block 0 alone is tried */
  options.method_options = one;
  options.method_option_count = 2;
  heta_job *job = job_of(p.model, TEXT, &options);
  const heta_attribution *a = attribute_run(job);
  double *noisy = dice_zeros(&p.d, n * width), *clean = dice_zeros(&p.d, n * width),
         *normal = dice_zeros(&p.d, width), mean = 0, squares = 0;
  p.engine->api->embed(p.engine, p.own, n, noisy);
  for (size_t e = 0; e < n * width; e++) mean += noisy[e] / (double)(n * width);
  for (size_t e = 0; e < n * width; e++)
    squares += (noisy[e] - mean) * (noisy[e] - mean) / (double)(n * width);
  for (size_t i = 0; i < n; i++) {
    heta_i_normal(7, HETA_STREAM_CORRUPTION, (uint32_t)i, 0, width, normal);
    for (size_t c = 0; c < width; c++) noisy[i * width + c] += 3 * sqrt(squares) * normal[c];
  }
  heta_i_capture capture = {HETA_SITE_RESIDUAL_BEFORE, 1, clean};
  heta_i_lane lane = heta_i_lane_of(p.own, n);
  heta_i_run *run = NULL;
  lane.captures = &capture;
  lane.capture_count = 1;
  assert_int_equal(p.engine->api->run(p.engine, &lane, 0, &row, 1, &run, NULL), HETA_OK);
  p.engine->api->run_free(run);
  int32_t target = a->targets[0].id;
  double base = traced(&p, noisy, clean, SIZE_MAX, target);
  for (size_t i = 0; i < n; i++)
    assert_true(fabs(traced(&p, noisy, clean, i, target) - base - a->rows[0].signed_score[i]) <
                1e-11);
  heta_job_free(job);
  close_patch(&p);
}

/* Kernel SHAP over all coalitions and occlusion, whose lanes carry tokens and embeddings, see the
 * same patched model; so do gradients: differences along the embedding of a token. */
static void methods_see_the_patch(void **state) {
  (void)state;
  patch p;
  open_patch(&p, "llama-gqa");
  for (size_t k = 0; k < heta_method_count(); k++) {
    static const char *const REFUSE[] = {"ig", "dig", "deeplift", "contextcite",
                                         "attributive-mask"};
    const char *name = heta_method_at(k)->name;
    heta_attribute_options options = patched(&p, name);
    bool refuses = false;
    for (size_t i = 0; i < 5; i++) refuses |= !strcmp(REFUSE[i], name);
    if (refuses) {
      attribute_refused(p.model, TEXT, &options, HETA_E_ARGUMENT, "patched values");
      continue;
    }
    heta_job *job = job_of(p.model, TEXT, &options);
    const heta_attribution *a = attribute_run(job);
    double clean = slow(&p, a->targets[0].id, SIZE_MAX);
    assert_true(fabs(a->targets[0].logprob - clean) < 1e-12);
    if (!strcmp(name, "kernel-shap")) { /* completeness, in the patched model */
      double sum = 0;
      for (size_t i = 0; i < a->check_count; i++)
        if (!strcmp(a->checks[i].name, "completeness_gap")) assert_true(a->checks[i].value < 1e-9);
      for (size_t i = 0; i < p.length; i++) sum += a->rows[0].signed_score[i];
      assert_true(isfinite(sum));
    }
    heta_job_free(job);
  }
  heta_attribute_options options = patched(&p, "occlusion");
  options.patch_length--;
  attribute_refused(p.model, TEXT, &options, HETA_E_ARGUMENT, "contexts of one length");
  options = patched(&p, "occlusion");
  options.patch_block = p.model->hyper.layers;
  attribute_refused(p.model, TEXT, &options, HETA_E_ARGUMENT, "patch_block");
  options = patched(&p, "occlusion");
  p.rows[1] = p.length;
  attribute_refused(p.model, TEXT, &options, HETA_E_ARGUMENT, "patch_rows[1]");
  options = options_of("occlusion", NULL);
  options.noise = -1;
  attribute_refused(p.model, TEXT, &options, HETA_E_ARGUMENT, "noise is -1");
  close_patch(&p);
}

/* ---- Drawn tokens -----------------------------------------------------------------------------
 */

static void draws_have_their_probabilities(void **state) {
  (void)state;
  enum { DRAWS = 4000 };
  heta_model *model = fixture_model("llama-gqa");
  heta_attribute_options options = attribute_options(F64, NULL);
  size_t vocabulary = model->hyper.vocabulary;
  double *logits = heta_i_allocate(vocabulary, sizeof *logits);
  options.method = "uniform";
  options.temperature = 0.5;
  for (size_t i = 0; i < vocabulary; i++) logits[i] = -1000;
  logits[7] = 0.5 * log(5); /* at this temperature 5, 3 and 2 of 10 */
  logits[3] = 0.5 * log(3);
  logits[9] = 0.5 * log(2);
  for (int nucleus = 0; nucleus < 3; nucleus++) { /* all; two of them; the first */
    static const double TOP_P[] = {0, 0.79, 0.5};
    options.top_p = TOP_P[nucleus];
    heta_job *job = job_of(model, TEXT, &options);
    size_t times[3] = {0};
    for (size_t i = 0; i < DRAWS; i++) {
      int32_t token = -1;
      assert_int_equal(heta_i_next_token(job, logits, i, &token, NULL), HETA_OK);
      assert_true(token == 7 || token == 3 || token == 9);
      times[token == 7 ? 0 : token == 3 ? 1 : 2]++;
    }
    double of = nucleus == 0 ? 10 : nucleus == 1 ? 8 : 5;
    for (size_t k = 0; k < 3; k++) {
      double p = (k == 0 ? 5 : k == 1 ? (nucleus < 2 ? 3 : 0) : (nucleus ? 0 : 2)) / of;
      assert_true(fabs((double)times[k] / DRAWS - p) < 4.5 * sqrt(p * (1 - p) / DRAWS) + 1e-12);
    }
    heta_job_free(job);
  }
  options.top_p = 0.9;
  options.temperature = 0;
  attribute_refused(model, TEXT, &options, HETA_E_ARGUMENT, "top_p is of tokens that are drawn");
  options.top_k = 2;
  attribute_refused(model, TEXT, &options, HETA_E_ARGUMENT, "top_k is of tokens that are drawn");
  options.repeat_penalty = -1;
  attribute_refused(model, TEXT, &options, HETA_E_ARGUMENT, "repeat_penalty is -1");
  options.repeat_penalty = 0;
  options.temperature = 1;
  options.target = HETA_TARGET_TEXT;
  options.target_text = "n";
  attribute_refused(model, TEXT, &options, HETA_E_ARGUMENT, "the target is given");
  heta_i_free(logits);
  heta_model_close(model);
}

/* All ways of choosing together: weights 5, 4, 3 and 2, the second of a token that the text has,
 * once its logit is halved. */
static void choices_follow_each_other(void **state) {
  (void)state;
  enum { DRAWS = 4000 };
  heta_model *model = fixture_model("llama-gqa");
  heta_attribute_options options = attribute_options(F64, NULL);
  size_t vocabulary = model->hyper.vocabulary, times[2] = {0};
  double *logits = heta_i_allocate(vocabulary, sizeof *logits);
  options.method = "uniform";
  options.temperature = 1;
  options.repeat_penalty = 2;
  heta_job *job = job_of(model, TEXT, &options);
  int32_t said = job->input.tokens[job->input.count - 1].id, ids[3], token;
  for (int k = 0, id = 0; k < 3; id++) { /* three that the text has not */
    bool there = false;
    for (size_t i = 0; i < job->input.count; i++) there |= job->input.tokens[i].id == id;
    if (!there) ids[k++] = id;
  }
  for (size_t i = 0; i < vocabulary; i++) logits[i] = -1000;
  logits[said] = 2 * log(4);
  for (int k = 0; k < 3; k++) logits[ids[k]] = log(k == 0 ? 5 : k == 1 ? 3 : 2);
  heta_job_free(job);
  options.temperature = 0; /* without the penalty it were `said` */
  job = job_of(model, TEXT, &options);
  assert_int_equal(heta_i_next_token(job, logits, 0, &token, NULL), HETA_OK);
  assert_int_equal(token, ids[0]);
  heta_job_free(job);
  options.temperature = 1;
  options.top_k = 3;    /* 5, 4 and 3 of twelve */
  options.top_p = 0.74; /* of these: 5 and 4 of nine */
  job = job_of(model, TEXT, &options);
  for (size_t i = 0; i < DRAWS; i++) {
    assert_int_equal(heta_i_next_token(job, logits, i, &token, NULL), HETA_OK);
    assert_true(token == ids[0] || token == said);
    times[token == said]++;
  }
  assert_true(fabs((double)times[1] / DRAWS - 4 / 9.0) < 4.5 * sqrt(20 / 81.0 / DRAWS));
  heta_job_free(job);
  heta_i_free(logits);
  heta_model_close(model);
}

static void deviation_by_hand(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  size_t count = model->hyper.width * model->hyper.vocabulary;
  float *rows = heta_i_allocate(count, sizeof *rows);
  double mean = 0, squares = 0, got = 0;
  heta_i_tensor_rows(model->embedding, 0, model->hyper.vocabulary, rows);
  for (size_t i = 0; i < count; i++) mean += (double)rows[i] / (double)count;
  for (size_t i = 0; i < count; i++)
    squares += ((double)rows[i] - mean) * ((double)rows[i] - mean) / (double)count;
  assert_int_equal(heta_embedding_deviation(model, &got, NULL), HETA_OK);
  assert_true(fabs(got - sqrt(squares)) < 1e-12);
  heta_i_free(rows);
  heta_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(noise_is_other_embeddings),
      cmocka_unit_test(draws_are_told_apart),
      cmocka_unit_test(values_are_those_of_the_other_context),
      cmocka_unit_test(methods_see_the_patch),
      cmocka_unit_test(traces_restore_patched_values),
      cmocka_unit_test(draws_have_their_probabilities),
      cmocka_unit_test(choices_follow_each_other),
      cmocka_unit_test(deviation_by_hand),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
