/* test_perturb_runs.c: causal-tracing, reagent, attributive-mask and sea-tokens against direct,
 * slow versions of themselves that run every text from its first row to its last. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "method/coalition.h"
#include "method/stems.h"
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
  uint64_t passes = 1; /* the clean run, by which the model wrote its token */
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

/* ---- sea-tokens ------------------------------------------------------------------------------ */

/* Porter's own examples, and words that a text may have. */
static void stems(void **state) {
  (void)state;
  static const char PAIRS[] =
      "caresses caress ponies poni ties ti cats cat feed feed agreed agre plastered plaster bled "
      "bled motoring motor sing sing conflated conflat troubled troubl sized size hopping hop "
      "tanned tan falling fall hissing hiss fizzed fizz failing fail filing file happy happi sky "
      "sky relational relat conditional condit rational ration hesitanci hesit digitizer digit "
      "conformabli conform radicalli radic differentli differ vileli vile analogousli analog "
      "vietnamization vietnam predication predic operator oper feudalism feudal decisiveness decis "
      "hopefulness hope callousness callous formaliti formal sensitiviti sensit triplicate triplic "
      "formative form formalize formal electriciti electr electrical electr goodness good revival "
      "reviv allowance allow inference infer airliner airlin gyroscopic gyroscop adjustable adjust "
      "irritant irrit replacement replac adjustment adjust dependent depend adoption adopt "
      "homologou homolog communism commun activate activ angulariti angular effective effect "
      "bowdlerize bowdler probate probat rate rate cease ceas controll control roll roll "
      "generalizations gener oscillators oscil prescribed prescrib prescription prescript toy toi "
      "crying cry dying dy vision vision";
  for (const char *at = PAIRS; *at;) {
    char word[32] = "";
    size_t size = strcspn(at, " "), stem = strcspn(at + size + 1, " ");
    uint64_t wanted = 14695981039346656037u; /* FNV-1a of the stem */
    for (size_t i = size + 1; i <= size + stem; i++)
      wanted = (wanted ^ (unsigned char)at[i]) * 1099511628211u;
    memcpy(word, at, size);
    if (heta_i_stem(word, size) != wanted) fail_msg("the stem of %s is another", word);
    word[0] = (char)(word[0] - 'a' + 'A');
    assert_true(heta_i_stem(word, size) == wanted);
    at += size + 1 + stem;
    at += *at == ' ';
  }
  static const char *const NONE[] = {"the", "Because", "…", " ", ",", "don't"};
  for (size_t i = 0; i < 6; i++) assert_true(!heta_i_stem(NONE[i], i == 2 ? 0 : strlen(NONE[i])));
  assert_true(heta_i_stem("Ärzte", 6) && heta_i_stem("1874", 4));
}

/* The distribution behind `count` tokens, by a run of all of them. */
static void read_behind(subject *t, const int32_t *tokens, size_t count) {
  heta_i_lane lane = heta_i_lane_of(tokens, count);
  run_lane(t, &lane);
}

/* The token at `place` of those sorted by probability, of the `top` first; by the cumulative sum of
 * their powers. */
static int32_t draw_from(subject *t, size_t top, double heat, double uniform) {
  int32_t order[64];
  double share[64], sum = 0, reached = 0;
  for (size_t k = 0; k < top; k++) { /* the best that is not there yet */
    double best = -INFINITY;
    for (size_t v = 0; v < t->vocabulary; v++) {
      bool there = false;
      for (size_t j = 0; j < k; j++) there |= order[j] == (int32_t)v;
      if (!there && t->logprobs[v] > best) best = t->logprobs[v], order[k] = (int32_t)v;
    }
    sum += share[k] = pow(exp(best), 1 / heat);
  }
  for (size_t k = 0; k < top; k++)
    if (uniform * sum < (reached += share[k])) return order[k];
  return order[top - 1];
}

static size_t tokens_of(subject *t, const char *text, int32_t *out) {
  heta_token *tokens;
  size_t count;
  assert_int_equal(heta_i_tokenizer_encode_after(t->model->tokenizer, HETA_BEFORE_TEXT, text,
                                                 strlen(text), false, &tokens, &count, NULL),
                   HETA_OK);
  for (size_t i = 0; i < count; i++) out[i] = tokens[i].id;
  heta_i_free(tokens);
  return count;
}

static bool has(const heta_i_stems *s, size_t before, uint64_t stem) {
  for (size_t w = 0; w < before; w++)
    if (s->stem[w] == stem) return true;
  return false;
}

static void recurring(void **state) {
  (void)state;
  enum { CHAINS = 6, LENGTH = 14, ROOM = 64 };
  static const char *const NAMES[] = {"gemma2", "gpt2"};
  for (size_t m = 0; m < 2; m++) {
    subject t = open_subject(NAMES[m], "sea-tokens", "t n R q e w c y k 5 b 8", "q",
                             "samples=6 length=14 chain-temperature=6 top=60");
    int32_t tokens[2 * ROOM], chain[LENGTH], yes[8], no[8];
    double *wanted = dice_zeros(&t.d, t.n), all = 0, support = 0, met = 0;
    size_t same = 0, cue;
    heta_i_stems text, words;
    memcpy(tokens, t.s->tokens, (t.n + 1) * sizeof *tokens);
    assert_int_equal(heta_i_stems_find(t.model, tokens, t.n + 1, &text, NULL), HETA_OK);
    tokens_of(&t, " Yes", yes);
    tokens_of(&t, " No", no);
    while (yes[same] == no[same]) same++;
    for (uint32_t c = 0; c < CHAINS; c++) {
      double uniform[LENGTH], shared = 0, either = 0;
      size_t length = 0, count;
      heta_i_uniform(7, HETA_STREAM_CHAIN, 0, c, LENGTH, uniform);
      cue = tokens_of(&t, " because", tokens + t.n + 1);
      for (; length < LENGTH; length++) {
        memcpy(tokens + t.n + 1 + cue, chain, length * sizeof *chain);
        read_behind(&t, tokens, t.n + 1 + cue + length);
        chain[length] = draw_from(&t, 60, 6, uniform[length]);
        if (heta_i_tokenizer_is_special(t.model->tokenizer, chain[length])) break;
      }
      count = t.n + 1 + tokens_of(&t, "\n\nBecause", tokens + t.n + 1);
      memcpy(tokens + count, chain, length * sizeof *chain);
      count += length + tokens_of(&t, "?\nYes or no:", tokens + count + length);
      memcpy(tokens + count, yes, same * sizeof *yes);
      read_behind(&t, tokens, count + same);
      double p = exp(t.logprobs[yes[same]]), q = exp(t.logprobs[no[same]]), weight = p / (p + q);
      support += weight / CHAINS;
      assert_int_equal(heta_i_stems_find(t.model, chain, length, &words, NULL), HETA_OK);
      for (size_t w = 0; w < text.count; w++) {
        if (has(&text, w, text.stem[w])) continue;
        either++;
        shared += has(&words, words.count, text.stem[w]);
      }
      for (size_t w = 0; w < words.count; w++)
        either += !has(&words, w, words.stem[w]) && !has(&text, text.count, words.stem[w]);
      weight += either > 0 ? shared / either : 0;
      met += shared;
      all += weight;
      for (size_t i = 0; i < t.n; i++) {
        size_t word = text.of[i], times = 0, parts = 0;
        if (word == SIZE_MAX || !has(&words, words.count, text.stem[word])) continue;
        for (size_t w = 0; w < text.count; w++) times += text.stem[w] == text.stem[word];
        for (size_t k = 0; k < t.n; k++) parts += text.of[k] == word;
        wanted[i] += weight / (double)times / (double)parts;
      }
      heta_i_stems_free(&words);
    }
    assert_true(met > 0); /* otherwise all scores are 0, and nothing is tested */
    for (size_t i = 0; i < t.n; i++) wanted[i] /= all;
    fixture_close(NAMES[m], t.a->rows[0].score, wanted, t.n, 1e-9);
    double found = check_value(t.a, "mean_support");
    fixture_close("mean support", &found, &support, 1, 1e-9);
    heta_i_stems_free(&text);
    close_subject(&t);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(restoring), cmocka_unit_test(corrupting),
                                     cmocka_unit_test(replacing), cmocka_unit_test(masking),
                                     cmocka_unit_test(stems),     cmocka_unit_test(recurring)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
