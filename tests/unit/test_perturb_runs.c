/* test_perturb_runs.c: causal-tracing, reagent and attributive-mask against direct, slow versions
 * of themselves that run every altered text from its first row to its last. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "method/coalition.h"
#include "support/attribute.h"
#include "support/dice.h"

static const fixture_kind *const F64 = &FIXTURE_KINDS[0];

/* A finished job on a text and a forced target, with room for what the test computes. */
typedef struct subject {
  heta_model *model;
  heta_job *job;
  heta_i_session *s;
  const heta_attribution *a;
  size_t n, width, vocabulary;
  double *embedding; /* [n × width] */
  double *logprobs;  /* [vocabulary] */
  dice d;
} subject;

static subject open_subject(const char *name, const char *method, const char *text,
                            const char *target, const char *method_options) {
  subject t = {.model = fixture_model(name), .d = {.seed = 1}};
  heta_attribute_options options = attribute_options(F64, method_options);
  options.method = method;
  options.target = target ? HETA_TARGET_TEXT : HETA_TARGET_NEXT;
  options.target_text = target;
  t.job = attribute_job(t.model, text, strlen(text), &options);
  t.a = attribute_run(t.job);
  t.s = &t.job->session;
  t.n = t.s->length;
  t.width = t.model->hyper.width;
  t.vocabulary = t.model->hyper.vocabulary;
  t.embedding = dice_zeros(&t.d, t.n * t.width);
  t.logprobs = dice_zeros(&t.d, t.vocabulary);
  t.s->engine->api->embed(t.s->engine, t.s->tokens, t.n, t.embedding);
  return t;
}

static void close_subject(subject *t) {
  heta_job_free(t->job);
  heta_model_close(t->model);
  dice_free(&t->d);
}

/* log P(target) of a whole run. */
static double run_lane(subject *t, const heta_i_lane *lane) {
  heta_i_engine *engine = t->s->engine;
  size_t last = lane->length - 1;
  heta_i_run *run = NULL;
  heta_error error = {0};
  if (engine->api->run(engine, lane, 0, &last, 1, &run, &error)) fail_msg("%s", error.message);
  engine->api->logprobs(run, 0, t->logprobs);
  engine->api->run_free(run);
  return t->logprobs[t->s->targets[0].id];
}

static double run_input(subject *t, const double *input) {
  heta_i_lane lane = heta_i_lane_of(NULL, t->n);
  lane.input = input;
  return run_lane(t, &lane);
}

static double check_value(const heta_attribution *a, const char *name) {
  for (size_t i = 0; i < a->check_count; i++)
    if (!strcmp(a->checks[i].name, name)) return a->checks[i].value;
  fail_msg("there is no check %s", name);
  return NAN;
}

/* ---- causal-tracing -------------------------------------------------------------------------- */

static double deviation(const double *x, size_t count) {
  double mean = 0, squares = 0;
  for (size_t i = 0; i < count; i++) mean += x[i] / (double)count;
  for (size_t i = 0; i < count; i++) squares += (x[i] - mean) * (x[i] - mean) / (double)count;
  return sqrt(squares);
}

static double *noisy(subject *t, size_t sample, double scale) {
  double *input = dice_copy(&t->d, t->embedding, t->n * t->width);
  double *noise = dice_zeros(&t->d, t->width), size = deviation(t->embedding, t->n * t->width);
  for (size_t i = 0; i < t->n; i++) {
    heta_i_normal(7, HETA_STREAM_CORRUPTION, (uint32_t)i, (uint32_t)sample, t->width, noise);
    for (size_t c = 0; c < t->width; c++) input[i * t->width + c] += scale * size * noise[c];
  }
  return input;
}

static void restoring(void **state) {
  (void)state;
  static const char *const NAMES[] = {"gemma3", "gpt2", "llama-gqa"};
  enum { SAMPLES = 3 };
  for (size_t m = 0; m < 3; m++) {
    subject t = open_subject(NAMES[m], "causal-tracing", "then a hen", "q",
                             "samples=3 noise=0.7 every=2 keep=none");
    size_t layers = t.model->hyper.layers, n = t.n;
    double base = 0, *clean = dice_zeros(&t.d, n * t.width);
    for (size_t k = 0; k < SAMPLES; k++) base += exp(run_input(&t, noisy(&t, k, 0.7))) / SAMPLES;
    double found = check_value(t.a, "corrupted_probability");
    fixture_close("the probability under noise", &found, &base, 1, 1e-11);
    for (size_t i = 0; i < n; i++) {
      double best = -INFINITY;
      for (size_t block = 0; block < (layers + 1) / 2 && block + 1 < layers; block += 2) {
        heta_i_capture capture = {HETA_SITE_RESIDUAL_BEFORE, block + 1, clean};
        assert_int_equal(
            t.s->engine->api->inspect(t.s->engine, t.s->run, block + 1, &capture, 1, NULL),
            HETA_OK);
        double mean = 0;
        for (size_t k = 0; k < SAMPLES; k++) {
          heta_i_override restore = {HETA_SITE_RESIDUAL_BEFORE, block + 1, i, SIZE_MAX, 0,
                                     clean + i * t.width};
          heta_i_lane lane = heta_i_lane_of(NULL, n);
          lane.input = noisy(&t, k, 0.7);
          lane.overrides = &restore;
          lane.override_count = 1;
          mean += exp(run_lane(&t, &lane)) / SAMPLES;
        }
        if (mean - base > best) best = mean - base;
      }
      if (fabs(t.a->rows[0].signed_score[i] - best) > 1e-11 * base)
        fail_msg("%s, token %zu: %g instead of %g", NAMES[m], i, t.a->rows[0].signed_score[i],
                 best);
      assert_true(t.a->rows[0].score_se[i] >= 0);
    }
    close_subject(&t);
  }
}

static void corrupting(void **state) {
  (void)state;
  subject t =
      open_subject("gpt2", "causal-tracing", "then a hen", "q", "mode=single samples=4 keep=none");
  double clean = exp(run_input(&t, t.embedding));
  for (size_t i = 0; i < t.n; i++) {
    double mean = 0, squares = 0, fall[4];
    for (size_t k = 0; k < 4; k++) {
      double *all = noisy(&t, k, 3), *one = dice_copy(&t.d, t.embedding, t.n * t.width);
      memcpy(one + i * t.width, all + i * t.width, t.width * sizeof *one);
      fall[k] = clean - exp(run_input(&t, one));
      mean += fall[k] / 4;
    }
    for (size_t k = 0; k < 4; k++) squares += (fall[k] - mean) * (fall[k] - mean);
    double wanted[2] = {mean, sqrt(squares / 12)};
    double found[2] = {t.a->rows[0].signed_score[i], t.a->rows[0].score_se[i]};
    fixture_close("a corrupted token", found, wanted, 2, 1e-10);
  }
  close_subject(&t);
}

/* ---- reagent --------------------------------------------------------------------------------- */

static bool strong(const double *number, size_t n, size_t i, size_t top) {
  size_t before = 0;
  for (size_t j = 0; j < n; j++)
    before += number[j] > number[i] || (number[j] == number[i] && j < i);
  return before < top;
}

static void replacing(void **state) {
  (void)state;
  enum { RUNS = 3, STEPS = 40, TOP = 4, RANK = 30 };
  subject t = open_subject("llama-gqa", "reagent", "then a hen hid", NULL,
                           "runs=3 steps=40 top=4 rank=30 replace=0.25 keep=none");
  size_t n = t.n, words = 0, stopped = 0;
  int32_t *word = heta_i_arena_take(&t.d.memory, t.vocabulary, sizeof *word);
  double clean = exp(run_input(&t, t.embedding));
  double *share = dice_zeros(&t.d, RUNS * n), *sum = dice_zeros(&t.d, n);
  bool done[RUNS] = {0};
  uint64_t passes = 2; /* the clean run; the token the model wrote */
  for (size_t v = 0; v < t.vocabulary; v++)
    if (!heta_i_tokenizer_is_special(t.model->tokenizer, (int32_t)v)) word[words++] = (int32_t)v;
  for (size_t b = 0; b < RUNS; b++) {
    double number[64], u[192], total = 0;
    int32_t ids[64];
    heta_i_uniform(7, HETA_STREAM_REPLACEMENT, 0, (uint32_t)(b * 65536), n, number);
    for (uint32_t step = 1; step <= STEPS && !done[b]; step++, passes += 2) {
      heta_i_uniform(7, HETA_STREAM_REPLACEMENT, 0, (uint32_t)(b * 65536) + step, 3 * n, u);
      for (size_t i = 0; i < n; i++)
        ids[i] = u[i] < 0.25 ? word[(size_t)(u[n + i] * (double)words)] : t.s->tokens[i];
      heta_i_lane lane = heta_i_lane_of(ids, n);
      double fall = clean - exp(run_lane(&t, &lane)), move = log((1 + fall) / (1 - fall));
      for (size_t i = 0; i < n; i++) number[i] += u[i] < 0.25 ? move : -move;
      for (size_t i = 0; i < n; i++)
        ids[i] = strong(number, n, i, TOP) ? t.s->tokens[i]
                                           : word[(size_t)(u[2 * n + i] * (double)words)];
      double logprob = run_lane(&t, &lane);
      size_t above = 0;
      for (size_t v = 0; v < t.vocabulary; v++) above += t.logprobs[v] > logprob;
      done[b] = above < RANK;
    }
    for (size_t i = 0; i < n; i++) total += exp(number[i]);
    for (size_t i = 0; i < n; i++) share[b * n + i] = exp(number[i]) / total;
    stopped += done[b];
  }
  for (size_t b = 0; b < RUNS; b++)
    for (size_t i = 0; i < n; i++)
      if (done[b] || !stopped) sum[i] += share[b * n + i] / (double)(stopped ? stopped : RUNS);
  fixture_close("shares", t.a->rows[0].score, sum, n, 1e-10);
  assert_true(check_value(t.a, "runs_stopped") == (double)stopped);
  assert_true(stopped > 0); /* or the test would say little */
  assert_int_equal(t.a->cost_forwards, passes);
  close_subject(&t);
}

/* ---- attributive-mask ------------------------------------------------------------------------ */

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static double loss_of(subject *t, const double *theta, const double *clean) {
  double *kept = dice_zeros(&t->d, t->n * t->width), *gone = dice_zeros(&t->d, t->n * t->width);
  double loss = 0;
  for (size_t i = 0; i < t->n; i++) {
    double m = sigmoid(theta[i]);
    for (size_t e = i * t->width; e < (i + 1) * t->width; e++) {
      kept[e] = m * t->embedding[e];
      gone[e] = (1 - m) * t->embedding[e];
    }
    loss -= 0.3 * log(1 - m) / (double)t->n;
  }
  run_input(t, kept);
  for (size_t v = 0; v < t->vocabulary; v++) loss -= 0.8 * exp(clean[v]) * t->logprobs[v];
  return loss - 1.5 * log(-expm1(run_input(t, gone)));
}

/* The same descent with the slope from differences of the loss. */
static void masking(void **state) {
  (void)state;
  enum { STEPS = 3 };
  subject t = open_subject("llama-gqa", "attributive-mask", "then a hen", "q",
                           "steps=3 rate=0.2 preserve=0.8 destroy=1.5 sparse=0.3 keep=none");
  double theta[64] = {0}, first[64] = {0}, second[64] = {0}, slope[64];
  run_input(&t, t.embedding);
  double *clean = dice_copy(&t.d, t.logprobs, t.vocabulary);
  double begin = loss_of(&t, theta, clean), found = check_value(t.a, "first_loss");
  fixture_close("the first loss", &found, &begin, 1, 1e-10);
  for (int step = 1; step <= STEPS; step++) {
    for (size_t i = 0; i < t.n; i++) {
      double at = theta[i], h = 1e-4;
      theta[i] = at + h, slope[i] = loss_of(&t, theta, clean);
      theta[i] = at - h, slope[i] -= loss_of(&t, theta, clean);
      theta[i] = at, slope[i] /= 2 * h;
    }
    for (size_t i = 0; i < t.n; i++) {
      first[i] = 0.9 * first[i] + 0.1 * slope[i];
      second[i] = 0.999 * second[i] + 0.001 * slope[i] * slope[i];
      theta[i] -=
          0.2 * first[i] / (1 - pow(0.9, step)) / (sqrt(second[i] / (1 - pow(0.999, step))) + 1e-8);
    }
  }
  for (size_t i = 0; i < t.n; i++) {
    double wanted = sigmoid(theta[i]);
    fixture_close("the mask", &t.a->rows[0].score[i], &wanted, 1, 1e-5);
  }
  close_subject(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(restoring), cmocka_unit_test(corrupting),
                                     cmocka_unit_test(replacing), cmocka_unit_test(masking)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
