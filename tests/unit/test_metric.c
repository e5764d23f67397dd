/* test_metric.c: metrics that ask the model, against runs of the altered text from nothing and
 * against closed forms; refusals. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "metric/metric.h"
#include "support/dice.h"
#include "support/fixture.h"
#include "support/refusal.h"

enum { LENGTH = 13, TARGET = 3 };
static const fixture_kind *const F64 = &FIXTURE_KINDS[0];

typedef struct subject {
  heta_model *model;
  heta_i_engine *engine; /* for the slow way */
  heta_evaluator *evaluator;
  int32_t tokens[LENGTH];
  double score[LENGTH], removed[1024];
  bool apart[LENGTH];
  heta_scored scored;
  dice d;
} subject;

static heta_metric_options exact(void) {
  heta_metric_options options = heta_metric_options_default();
  options.backend = F64->backend;
  options.precision = F64->precision;
  options.threads = 1;
  return options;
}

static void open_subject(subject *s, const char *name, uint64_t seed, const char *mask) {
  heta_error error = {0};
  *s = (subject){.d = {.seed = seed}};
  s->model = fixture_model(name);
  s->engine = fixture_engine(s->model, F64, 32, 64, true, false, 1);
  heta_metric_options options = exact();
  options.mask = mask;
  if (heta_evaluator_open(s->model, &options, &s->evaluator, &error)) fail_msg("%s", error.message);
  for (size_t i = 0; i < LENGTH; i++) {
    s->tokens[i] = (int32_t)dice_below(&s->d, s->model->hyper.vocabulary);
    s->score[i] = floor(8 * dice_fraction(&s->d)) / 8; /* with ties */
  }
  s->apart[0] = true;
  s->scored = (heta_scored){.struct_size = sizeof s->scored,
                            .tokens = s->tokens,
                            .length = LENGTH,
                            .target = TARGET,
                            .score = s->score,
                            .set_apart = s->apart};
}

static void close_subject(subject *s) {
  heta_evaluator_close(s->evaluator);
  s->engine->api->close(s->engine);
  heta_model_close(s->model);
  dice_free(&s->d);
}

static const double *judge(subject *s, const char *metric, const char *measure) {
  heta_error error = {0};
  const heta_measure *measures;
  if (heta_evaluate(s->evaluator, metric, &s->scored, &measures, &error))
    fail_msg("%s: %s", metric, error.message);
  const heta_metric_info *info = heta_metric_find(metric);
  for (size_t m = 0; m < info->measure_count; m++) {
    assert_ptr_equal(measures[m].info, &info->measures[m]);
    if (!strcmp(info->measures[m].name, measure)) return measures[m].values;
  }
  fail_msg("%s has no measure %s", metric, measure);
  return NULL;
}

/* All log-probabilities of the text with these embeddings, by a run of their own. */
static void slow(subject *s, const double *input, double *logprobs) {
  heta_error error = {0};
  heta_i_run *run = NULL;
  size_t row = LENGTH - 1;
  heta_i_lane lane = heta_i_lane_of(s->tokens, LENGTH);
  lane.input = input;
  if (s->engine->api->run(s->engine, &lane, 0, &row, 1, &run, &error))
    fail_msg("%s", error.message);
  s->engine->api->logprobs(run, 0, logprobs);
  s->engine->api->run_free(run);
}

static double *embeddings(subject *s) {
  double *out = dice_zeros(&s->d, LENGTH * s->model->hyper.width);
  s->engine->api->embed(s->engine, s->tokens, LENGTH, out);
  return out;
}

/* Log-probability of the target with the `count` strongest removed, or with all others removed. */
static double slow_without(subject *s, size_t count, bool keep, const double *in_place) {
  size_t width = s->model->hyper.width;
  double *input = embeddings(s), *logprobs = dice_zeros(&s->d, s->model->hyper.vocabulary);
  bool strong[LENGTH] = {false};
  for (size_t r = 0; r < count; r++) { /* the strongest left, the first of equals */
    size_t best = LENGTH;
    for (size_t i = 0; i < LENGTH; i++)
      if (!s->apart[i] && !strong[i] && (best == LENGTH || s->score[i] > s->score[best])) best = i;
    strong[best] = true;
  }
  for (size_t i = 0; i < LENGTH; i++)
    if (!s->apart[i] && strong[i] != keep)
      for (size_t c = 0; c < width; c++) input[i * width + c] = in_place ? in_place[c] : 0;
  slow(s, input, logprobs);
  return logprobs[TARGET];
}

static void curves_are_those_of_whole_runs(void **state) {
  (void)state;
  static const char *const MODELS[] = {"llama-gqa", "gpt2"};
  for (size_t m = 0; m < 2; m++) {
    subject s;
    open_subject(&s, MODELS[m], 11 + m, "zero");
    for (int keep = 0; keep < 2; keep++) {
      const char *name = keep ? "insertion" : "deletion";
      double got[HETA_CURVE_POINTS], want[HETA_CURVE_POINTS], area = 0;
      char measure[40];
      snprintf(measure, sizeof measure, "%s_logprob_curve", name);
      memcpy(got, judge(&s, name, measure), sizeof got);
      for (size_t p = 0; p < HETA_CURVE_POINTS; p++) {
        size_t count = (size_t)((double)p * (LENGTH - 1) / (HETA_CURVE_POINTS - 1) + 0.5);
        want[p] = slow_without(&s, count, keep, NULL);
        if (p) area += 0.025 * (exp(want[p]) + exp(want[p - 1]));
      }
      fixture_close(measure, got, want, HETA_CURVE_POINTS, 1e-11);
      snprintf(measure, sizeof measure, "%s_auc", name);
      assert_true(fabs(*judge(&s, name, measure) - area) < 1e-11);
      snprintf(measure, sizeof measure, "%s_relative_auc", name);
      double clean = exp(slow_without(&s, 0, false, NULL));
      assert_true(fabs(*judge(&s, name, measure) - area / clean) < 1e-10);
    }
    close_subject(&s);
  }
}

static void masks_replace_by_what_they_say(void **state) {
  (void)state;
  subject s;
  open_subject(&s, "llama-gqa", 5, "token:7");
  size_t width = s.model->hyper.width;
  double *in_place = dice_zeros(&s.d, width);
  int32_t id = 7;
  s.engine->api->embed(s.engine, &id, 1, in_place);
  /* A fifth of 12, rounded down. */
  double without = slow_without(&s, 2, false, in_place), only = slow_without(&s, 2, true, in_place);
  double clean = slow_without(&s, 0, false, NULL);
  const char *metric = "comprehensiveness";
  assert_true(fabs(*judge(&s, metric, "log_odds") - (without - clean)) < 1e-11);
  assert_true(fabs(*judge(&s, metric, "sufficiency") - (exp(clean) - exp(only))) < 1e-11);
  close_subject(&s);
  open_subject(&s, "llama-gqa", 5, "mean");
  double *all = embeddings(&s);
  memset(in_place = dice_zeros(&s.d, width), 0, width * sizeof *in_place);
  for (size_t i = 0; i < LENGTH * width; i++) in_place[i % width] += all[i] / LENGTH;
  without = slow_without(&s, 2, false, in_place);
  assert_true(fabs(*judge(&s, metric, "log_odds") - (without - clean)) < 1e-11);
  close_subject(&s);
}

static void aopc_by_hand(void **state) {
  (void)state;
  subject s;
  open_subject(&s, "llama-gqa", 3, "zero");
  double clean = exp(slow_without(&s, 0, false, NULL)), drop = 0, kept = 0;
  static const size_t COUNTS[] = {0, 0, 1, 2, 6}; /* of 12 tokens */
  for (size_t b = 0; b < 5; b++) {
    drop += clean - exp(slow_without(&s, COUNTS[b], false, NULL));
    if (COUNTS[b]) kept += clean - exp(slow_without(&s, COUNTS[b], true, NULL));
  }
  assert_true(fabs(*judge(&s, "aopc", "aopc") - drop / 6) < 1e-12);
  assert_true(fabs(*judge(&s, "aopc", "aopc_sufficiency") - kept / 6) < 1e-12);
  close_subject(&s);
}

static void functions_of_scores(void **state) {
  (void)state;
  const double score[] = {1, 3, 3, 0, 2};
  const bool apart[] = {false, false, false, false, true};
  size_t order[5];
  double share[5], scratch[16];
  assert_int_equal(heta_i_rank(score, apart, 5, order), 4);
  const size_t want[] = {1, 2, 0, 3};
  assert_memory_equal(order, want, sizeof want);
  heta_i_shares(score, apart, 5, share);
  assert_true(share[4] == 0 && share[1] == 3.0 / 7 && share[3] == 0);
  const double nothing[] = {0, 0, 0, 0, 5};
  heta_i_shares(nothing, apart, 5, share);
  assert_true(share[0] == 0.25 && share[4] == 0);
  const double a[] = {1, 2, 3, 4, 5}, b[] = {2, 1, 4, 3, 5}, same[] = {1, 1, 1, 1, 1};
  assert_true(fabs(heta_i_spearman(a, b, 5, scratch) - 0.8) < 1e-15);
  assert_true(isnan(heta_i_spearman(a, same, 5, scratch)));
  double many[43], equal[43], room[86];
  for (size_t count = 2; count < 44; count++) { /* whatever their mean is rounded to */
    for (size_t i = 0; i < count; i++) {
      many[i] = (double)i;
      equal[i] = 0.1;
    }
    assert_true(isnan(heta_i_spearman(many, equal, count, room)));
    assert_true(isnan(heta_i_pearson(many, equal, count)));
  }
  const double tied[] = {1, 2, 2, 3, 9}; /* ranks 1, 2.5, 2.5, 4, 5 */
  assert_true(fabs(heta_i_spearman(a, tied, 5, scratch) - 9.5 / sqrt(10 * 9.5)) < 1e-15);
  const double ramp[] = {0, 0.5, 1};
  assert_true(heta_i_area(ramp, 3) == 0.5);
}

/* One token has all the mass: soft masks become hard ones. */
static void soft_masks_of_one_token(void **state) {
  (void)state;
  subject s;
  open_subject(&s, "llama-gqa", 21, "zero");
  size_t width = s.model->hyper.width, vocabulary = s.model->hyper.vocabulary;
  for (size_t i = 0; i < LENGTH; i++) s.score[i] = i == 5 ? 4 : 0;
  double distance[3] = {0}, *clean = dice_zeros(&s.d, vocabulary);
  slow(&s, embeddings(&s), clean);
  for (int variant = 0; variant < 3; variant++) { /* only token 5; all but it; nothing */
    double *input = embeddings(&s), *other = dice_zeros(&s.d, vocabulary);
    for (size_t i = 1; i < LENGTH; i++) /* token 0 is set apart */
      if (variant == 2 || (i == 5) == (variant == 1))
        memset(input + i * width, 0, width * sizeof *input);
    slow(&s, input, other);
    for (size_t v = 0; v < vocabulary; v++)
      distance[variant] += pow(exp(clean[v] / 2) - exp(other[v] / 2), 2);
  }
  double ns = distance[0] < distance[2] ? 1 - distance[0] / distance[2] : 0;
  assert_true(fabs(*judge(&s, "soft", "soft_ns") - ns) < 1e-10);
  assert_true(fabs(*judge(&s, "soft", "soft_nc") - distance[1] / distance[2]) < 1e-10);
  assert_true(fabs(*judge(&s, "soft", "soft_nc_max1") - distance[1] / distance[2]) < 1e-10);
  assert_true(fabs(*judge(&s, "soft", "soft_far") - distance[2] / sqrt(2)) < 1e-10);
  assert_true(*judge(&s, "soft", "soft_entropy") == 0);
  close_subject(&s);
}

/* With nothing but one token, it alone decides. */
static void a_single_token(void **state) {
  (void)state;
  subject s;
  open_subject(&s, "llama-gqa", 22, "zero");
  s.scored.length = 1;
  s.apart[0] = false;
  s.score[0] = 0.3;
  assert_true(fabs(*judge(&s, "soft", "soft_ns") - 1) < 1e-12);
  assert_true(fabs(*judge(&s, "soft", "soft_nc") - 1) < 1e-12);
  assert_true(*judge(&s, "faithfulness-error", "faithfulness_relative_error") < 1e-12);
  s.score[0] = 0;
  assert_true(fabs(*judge(&s, "faithfulness-error", "faithfulness_relative_error") - 1) < 1e-12);
  close_subject(&s);
}

/* Sums of the exact drops of single tokens beat the same numbers on other tokens. */
static void faithfulness_prefers_true_drops(void **state) {
  (void)state;
  subject s;
  open_subject(&s, "llama-gqa", 23, "zero");
  double clean = slow_without(&s, 0, false, NULL), drops[LENGTH];
  size_t width = s.model->hyper.width;
  for (size_t i = 0; i < LENGTH; i++) {
    double *input = embeddings(&s), *logprobs = dice_zeros(&s.d, s.model->hyper.vocabulary);
    memset(input + i * width, 0, width * sizeof *input);
    slow(&s, input, logprobs);
    drops[i] = s.apart[i] ? 0 : clean - logprobs[TARGET];
  }
  s.scored.signed_score = drops;
  double right = *judge(&s, "faithfulness-error", "faithfulness_relative_error");
  double together = *judge(&s, "faithfulness-error", "faithfulness_correlation");
  double turned[LENGTH];
  for (size_t i = 1; i < LENGTH; i++) turned[i] = drops[LENGTH - i];
  turned[0] = 0;
  s.scored.signed_score = turned;
  assert_true(right < *judge(&s, "faithfulness-error", "faithfulness_relative_error"));
  assert_true(together > *judge(&s, "faithfulness-error", "faithfulness_correlation"));
  close_subject(&s);
}

/* Scores that are the effects themselves: by hand from the same cuts. */
static void patching_by_hand(void **state) {
  (void)state;
  subject s;
  open_subject(&s, "llama-gqa", 24, "zero");
  heta_error error = {0};
  heta_i_run *run = NULL;
  size_t row = LENGTH - 1;
  int32_t target = TARGET;
  double clean = slow_without(&s, 0, false, NULL), drops[LENGTH] = {0}, sorted[LENGTH];
  heta_i_lane whole = heta_i_lane_of(s.tokens, LENGTH);
  if (s.engine->api->run(s.engine, &whole, 0, &row, 1, &run, &error)) fail_msg("%s", error.message);
  for (size_t i = 1; i + 1 < LENGTH; i++) {
    heta_i_lane lane = heta_i_lane_of(s.tokens, LENGTH);
    lane.parent = run;
    lane.first = row;
    lane.hidden_key = i;
    heta_i_readout readout = {.rows = 1, .row = &row, .token = &target, .logprob = &drops[i]};
    if (s.engine->api->lanes(s.engine, &lane, 1, &readout, &error)) fail_msg("%s", error.message);
    drops[i] = clean - drops[i];
  }
  s.engine->api->run_free(run);
  s.scored.signed_score = drops;
  size_t count = LENGTH - 2, below = 0, first = 0;
  for (size_t i = 0; i < count; i++) { /* sorted by insertion, the largest first */
    size_t at = i;
    for (; at && sorted[at - 1] < drops[i + 1]; at--) sorted[at] = sorted[at - 1];
    sorted[at] = drops[i + 1];
  }
  double top = 0;
  for (size_t i = 0; i < 5; i++) top += sorted[i] / 5;
  for (size_t i = 0; i < count; i++) {
    below += sorted[i] < 0.01;
    first += i < 10 && sorted[i] < 0.01;
  }
  assert_true(fabs(*judge(&s, "patching", "patch_correlation") - 1) < 1e-12);
  assert_true(fabs(*judge(&s, "patching", "intervention_at_5") - top) < 1e-12);
  assert_true(fabs(*judge(&s, "patching", "misattribution") - (double)first / 10) < 1e-12);
  double chance = (double)below / (double)count;
  assert_true(fabs(*judge(&s, "patching", "misattribution_chance") - chance) < 1e-12);
  double turned[LENGTH];
  for (size_t i = 0; i < LENGTH; i++) turned[i] = -drops[i];
  s.scored.signed_score = turned;
  assert_true(fabs(*judge(&s, "patching", "patch_correlation") + 1) < 1e-12);
  close_subject(&s);
}

static void refuse(subject *s, const char *metric, const char *words) {
  heta_error error = {0};
  const heta_measure *measures;
  heta_status status = heta_evaluate(s->evaluator, metric, &s->scored, &measures, &error);
  refusal_check(words, status, HETA_E_ARGUMENT, &error, HETA_NO_OFFSET, words);
}

static void refusals(void **state) {
  (void)state;
  subject s;
  open_subject(&s, "llama-gqa", 1, "zero");
  refuse(&s, "deletions", "there is no metric 'deletions'");
  s.score[2] = NAN;
  refuse(&s, "deletion", "score of token 2");
  s.score[2] = -1;
  refuse(&s, "deletion", "score of token 2");
  s.score[2] = 1;
  s.scored.target = (int32_t)s.model->hyper.vocabulary;
  refuse(&s, "deletion", "outside the vocabulary");
  s.scored.target = TARGET;
  s.scored.length = 0;
  refuse(&s, "deletion", "at least one token");
  s.scored.length = LENGTH;
  for (size_t i = 0; i < LENGTH; i++) s.apart[i] = true;
  refuse(&s, "deletion", "set apart");
  close_subject(&s);

  heta_error error = {0};
  heta_model *model = fixture_model("llama-gqa");
  heta_evaluator *evaluator;
  heta_metric_options options = exact();
  options.mask = "nothing";
  refusal_check("mask", heta_evaluator_open(model, &options, &evaluator, &error), HETA_E_ARGUMENT,
                &error, HETA_NO_OFFSET, "none of zero");
  options.mask = "token:999999";
  refusal_check("id", heta_evaluator_open(model, &options, &evaluator, &error), HETA_E_ARGUMENT,
                &error, HETA_NO_OFFSET, "vocabulary");
  options = exact();
  options.draws = 0;
  refusal_check("draws", heta_evaluator_open(model, &options, &evaluator, &error), HETA_E_ARGUMENT,
                &error, HETA_NO_OFFSET, "draws");
  heta_model_close(model);
}

/* Many questions with one evaluator, longer and shorter ones, give what each gives alone. */
static void evaluators_are_reused(void **state) {
  (void)state;
  subject s;
  open_subject(&s, "llama-gqa", 9, "zero");
  double alone = *judge(&s, "deletion", "deletion_logprob_auc");
  int32_t longer[48];
  double score[48];
  for (size_t i = 0; i < 48; i++) {
    longer[i] = (int32_t)dice_below(&s.d, s.model->hyper.vocabulary);
    score[i] = dice_fraction(&s.d);
  }
  heta_scored mine = s.scored;
  s.scored.tokens = longer;
  s.scored.score = score;
  s.scored.length = 48;
  s.scored.set_apart = NULL;
  judge(&s, "insertion", "insertion_auc");
  s.scored = mine;
  assert_true(*judge(&s, "deletion", "deletion_logprob_auc") == alone);
  assert_true(*judge(&s, "deletion", "deletion_logprob_auc") == alone);
  close_subject(&s);
}

/* By runs of whole texts: the foil's text is a token longer, and two of its tokens stand in the
 * place of token 4. */
static void counterfactual_by_hand(void **state) {
  (void)state;
  subject s;
  open_subject(&s, "llama-gqa", 33, "zero");
  enum { LONGER = LENGTH + 1 };
  int32_t tokens[LONGER];
  size_t place[LONGER], width = s.model->hyper.width, vocabulary = s.model->hyper.vocabulary;
  heta_error error = {0};
  for (size_t i = 0; i < LONGER; i++) {
    place[i] = i < 5 ? i : i - 1;
    tokens[i] = i == 4 || i == 5 ? (int32_t)(20 + i) : s.tokens[place[i]];
  }
  for (size_t i = 0; i < LENGTH; i++) s.score[i] = 100 - (double)((i * 5) % 13); /* no ties */
  s.score[4] = 1000;
  s.scored.foil_tokens = tokens;
  s.scored.foil_length = LONGER;
  s.scored.foil_target = TARGET + 2;
  s.scored.foil_place = place;
  static const size_t COUNTS[] = {0, 0, 1, 2, 6}; /* of 12 tokens */
  double clean = 0, drop = 0, first = 1, *out = dice_zeros(&s.d, vocabulary);
  for (size_t b = 0; b < 6; b++) { /* first the whole text */
    double *input = dice_zeros(&s.d, LONGER * width);
    bool gone[LENGTH] = {false};
    s.engine->api->embed(s.engine, tokens, LONGER, input);
    for (size_t k = 0; b && k < COUNTS[b - 1]; k++) {
      size_t best = LENGTH;
      for (size_t i = 1; i < LENGTH; i++)
        if (!gone[i] && (best == LENGTH || s.score[i] > s.score[best])) best = i;
      gone[best] = true;
    }
    for (size_t i = 0; i < LONGER; i++)
      if (gone[place[i]]) memset(input + i * width, 0, width * sizeof *input);
    heta_i_run *run = NULL;
    size_t row = LONGER - 1;
    heta_i_lane lane = heta_i_lane_of(tokens, LONGER);
    lane.input = input;
    if (s.engine->api->run(s.engine, &lane, 0, &row, 1, &run, &error))
      fail_msg("%s", error.message);
    s.engine->api->logprobs(run, 0, out);
    s.engine->api->run_free(run);
    if (!b) clean = exp(out[TARGET + 2]);
    for (size_t v = 0; !b && v < vocabulary; v++) first = out[v] > log(clean) ? 0 : first;
    if (b) drop += (clean - exp(out[TARGET + 2])) / 6;
  }
  assert_true(fabs(*judge(&s, "counterfactual", "cf_aopc") - drop) < 1e-12);
  assert_true(fabs(*judge(&s, "counterfactual", "cf_aopc_relative") - drop / clean) < 1e-10);
  assert_true(fabs(*judge(&s, "counterfactual", "cf_probability") - clean) < 1e-12);
  assert_true(*judge(&s, "counterfactual", "cf_answered") == first);
  assert_true(isnan(*judge(&s, "counterfactual", "cf_aopc_answered")) == (first == 0));
  /* Chance is the same whatever the scores are, and the first context is still known. */
  double chance = *judge(&s, "counterfactual", "cf_aopc_chance");
  double aopc = *judge(&s, "aopc", "aopc");
  s.score[7] = 5000;
  assert_true(*judge(&s, "counterfactual", "cf_aopc_chance") == chance && isfinite(chance));
  s.score[7] = 100 - (35 % 13);
  assert_true(*judge(&s, "aopc", "aopc") == aopc);
  place[3] = LENGTH;
  refuse(&s, "counterfactual", "foil_place[3]");
  s.scored.foil_tokens = NULL;
  refuse(&s, "counterfactual", "needs the context with a foil");
  close_subject(&s);
}

/* What was asked of a context before is not asked again, and gives the same bits: after other
 * metrics and other scores, each metric's values are those of an evaluator that knows nothing. */
static void known_answers_are_the_same(void **state) {
  (void)state;
  subject s;
  open_subject(&s, "llama-gqa", 31, "zero");
  heta_metric_options options = exact();
  heta_error error = {0};
  const heta_measure *measures;
  double other[LENGTH];
  for (size_t i = 0; i < LENGTH; i++) other[i] = dice_fraction(&s.d);
  s.scored.gold = s.scored.distractor = NULL;
  for (size_t k = 0; k < heta_metric_count(); k++) {
    const heta_metric_info *info = heta_metric_at(k);
    if (info->needs != HETA_METRIC_NEEDS_MODEL) continue;
    heta_scored mine = s.scored;
    s.scored.score = other;
    judge(&s, info->name, info->measures[0].name);
    s.scored = mine;
    heta_evaluator *fresh;
    if (heta_evaluator_open(s.model, &options, &fresh, &error)) fail_msg("%s", error.message);
    if (heta_evaluate(fresh, info->name, &s.scored, &measures, &error))
      fail_msg("%s", error.message);
    for (size_t m = 0; m < info->measure_count; m++) {
      const double *got = judge(&s, info->name, info->measures[m].name);
      assert_memory_equal(got, measures[m].values, info->measures[m].points * sizeof *got);
    }
    heta_evaluator_close(fresh);
  }
  /* Another target of the same context is another question. */
  double before = *judge(&s, "aopc", "aopc");
  s.scored.target = TARGET + 1;
  double after = *judge(&s, "aopc", "aopc");
  assert_true(before != after);
  s.scored.target = TARGET;
  assert_true(*judge(&s, "aopc", "aopc") == before);
  close_subject(&s);
}

/* Further scores of a context take the passes that depend on scores, and no more. */
static void plans_of_further_scores(void **state) {
  (void)state;
  subject s;
  open_subject(&s, "llama-gqa", 32, "zero");
  heta_error error = {0};
  uint64_t first, again;
  double flop;
  const struct {
    const char *metric;
    uint64_t first, again;
  } want[] = {{"faithfulness-error", 64 + LENGTH, 0},
              {"patching", LENGTH - 1, 0},
              {"soft", 101, 80},
              {"aopc", 10, 10},
              {"alignment", 0, 0}};
  for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
    assert_int_equal(
        heta_evaluator_plan(s.evaluator, want[i].metric, LENGTH, &first, &flop, &error), HETA_OK);
    assert_int_equal(
        heta_evaluator_plan_again(s.evaluator, want[i].metric, LENGTH, &again, &flop, &error),
        HETA_OK);
    assert_int_equal(first, want[i].first);
    assert_int_equal(again, want[i].again);
  }
  close_subject(&s);
}

/* Where lanes begin late, a plan counts the rows they have. */
static void plans_count_rows(void **state) {
  (void)state;
  static const char *const METRICS[] = {"aopc", "patching", "faithfulness-error"};
  subject s;
  open_subject(&s, "llama-gqa", 33, "zero");
  heta_error error = {0};
  double flop[3], lane[3], n = LENGTH;
  for (int i = 0; i < 3; i++) {
    uint64_t lanes;
    assert_int_equal(heta_evaluator_plan(s.evaluator, METRICS[i], LENGTH, &lanes, &flop[i], &error),
                     HETA_OK);
    lane[i] = flop[i] / (double)lanes;
  }
  double row = (lane[0] - lane[1]) / (n - 1), head = lane[1] - row; /* n rows, and one */
  assert_true(row > 0 && head > 0);
  double expected = 64 * (n * row + head) + n * (0.5 * (n + 1) * row + head);
  assert_true(fabs(flop[2] - expected) < 1e-9 * expected);
  close_subject(&s);
}

static void decoding_by_hand(void **state) {
  (void)state;
  subject s;
  open_subject(&s, "llama-gqa", 21, "zero");
  double first[LENGTH], second[LENGTH], nc[3], ns[3], dsa[3];
  bool gold[LENGTH] = {[2] = true, [3] = true}, bait[LENGTH] = {[7] = true};
  for (size_t i = 0; i < LENGTH; i++) {
    first[i] = s.score[LENGTH - 1 - i];
    second[i] = dice_fraction(&s.d);
  }
  s.scored.gold = gold;
  s.scored.distractor = bait;
  const double *scores[] = {first, second, first};
  const int32_t targets[] = {4, 5, 4};
  heta_scored others[3];
  const heta_scored *list[3];
  for (size_t g = 0; g < 3; g++) {
    others[g] = s.scored;
    others[g].score = scores[g];
    others[g].target = targets[g];
    list[g] = &others[g];
    s.scored.score = scores[g];
    nc[g] = *judge(&s, "soft", "soft_nc");
    ns[g] = *judge(&s, "soft", "soft_ns");
    dsa[g] = *judge(&s, "dsa", "dsa");
  }
  s.scored.score = s.score;
  s.scored.others = list;
  s.scored.other_count = 3;
  assert_true(fabs(*judge(&s, "decoding", "decoding_soft_nc_change") - fabs(nc[1] - nc[0]) / 2) <
              1e-14);
  assert_true(fabs(*judge(&s, "decoding", "decoding_soft_ns_change") - fabs(ns[1] - ns[0]) / 2) <
              1e-14);
  assert_true(fabs(*judge(&s, "decoding", "decoding_dsa") - fabs(dsa[1] - dsa[0]) / 2) < 1e-14);
  assert_true(fabs(*judge(&s, "decoding", "decoding_soft_nc_greedy") - nc[0]) < 1e-14);
  assert_true(fabs(*judge(&s, "decoding", "decoding_dsa_greedy") - fabs(dsa[0])) < 1e-14);
  assert_true(*judge(&s, "decoding", "decoding_same_token") == 0.5);
  s.scored.distractor = NULL;
  assert_true(isnan(*judge(&s, "decoding", "decoding_dsa")));
  close_subject(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counterfactual_by_hand),
      cmocka_unit_test(decoding_by_hand),
      cmocka_unit_test(known_answers_are_the_same),
      cmocka_unit_test(plans_of_further_scores),
      cmocka_unit_test(plans_count_rows),
      cmocka_unit_test(curves_are_those_of_whole_runs),
      cmocka_unit_test(masks_replace_by_what_they_say),
      cmocka_unit_test(aopc_by_hand),
      cmocka_unit_test(soft_masks_of_one_token),
      cmocka_unit_test(a_single_token),
      cmocka_unit_test(faithfulness_prefers_true_drops),
      cmocka_unit_test(patching_by_hand),
      cmocka_unit_test(functions_of_scores),
      cmocka_unit_test(refusals),
      cmocka_unit_test(evaluators_are_reused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
