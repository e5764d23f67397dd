/* test_spans_first.c: information of spans first, of tokens where it matters. A span's number is
 * held against a whole run of the text with the span's embeddings replaced; a refined token's
 * against masking every token; the others' against their share. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/attribute.h"
#include "support/capture.h"

static const char TEXT[] = "the brown fox and the dog in the wood", TARGET[] = " n";

static heta_attribute_options options_of(const char *method_options, bool joint) {
  heta_attribute_options options = attribute_options(&FIXTURE_KINDS[0], method_options);
  options.target = HETA_TARGET_TEXT;
  options.target_text = TARGET;
  options.joint = joint;
  return options;
}

static heta_job *job_of(const heta_model *model, const char *method_options, bool joint) {
  heta_attribute_options options = options_of(method_options, joint);
  return attribute_job(model, TEXT, sizeof TEXT - 1, &options);
}

/* KL(clean ‖ masked) of one target, and the change of its log-probability, with rows [first, end)
 * of zeros, by a run of the whole text. */
static void masked_by_hand(heta_job *job, size_t t, size_t first, size_t end, double *kl,
                           double *change) {
  heta_i_session *s = &job->session;
  const heta_i_engine_api *api = s->engine->api;
  size_t n = s->length, width = s->model->hyper.width, words = s->model->hyper.vocabulary;
  double *input = heta_i_allocate(n * width, sizeof *input);
  double *p = heta_i_allocate(words, sizeof *p), *q = heta_i_allocate(words, sizeof *q);
  heta_i_run *run = NULL;
  heta_error error = {0};
  api->embed(s->engine, s->tokens, n, input);
  memset(input + first * width, 0, (end - first) * width * sizeof *input);
  heta_i_lane lane = heta_i_lane_of(s->tokens, n);
  lane.input = input;
  size_t row = s->targets[t].position - 1;
  assert_int_equal(api->run(s->engine, &lane, 0, &row, 1, &run, &error), HETA_OK);
  api->logprobs(s->run, t, p);
  api->logprobs(run, 0, q);
  *kl = 0;
  for (size_t w = 0; w < words; w++) *kl += exp(p[w]) * (p[w] - q[w]);
  *change = p[s->targets[t].id] - q[s->targets[t].id];
  api->run_free(run);
  heta_i_free(input);
  heta_i_free(p);
  heta_i_free(q);
}

static void check_rows(const char *name, heta_job *job, const heta_attribution *all, size_t span) {
  heta_i_session *s = &job->session;
  const heta_attribution *a = attribute_result(job);
  for (size_t t = 0; t < a->row_count; t++) {
    size_t n = a->rows[t].length, refined = 0, whole = 0;
    const double *found = attribute_component(a, t, "information");
    const double *change = attribute_component(a, t, "logprob_change");
    for (size_t i = 0; i < n; i++) {
      if (s->chosen[i]) {
        refined++;
        if (found[i] != attribute_component(all, t, "information")[i] ||
            change[i] != attribute_component(all, t, "logprob_change")[i])
          fail_msg("%s: token %zu is not what masking it gives", name, i);
        continue;
      }
      size_t first = i / span * span, end = first + span;
      double kl = 0, fell = 0, one[2];
      if (i > first) continue;
      whole++;
      if (end > s->row_length) end = s->row_length;
      for (size_t k = s->joint ? 0 : t; k < (s->joint ? s->target_count : t + 1); k++) {
        masked_by_hand(job, k, first, end, &one[0], &one[1]);
        kl += one[0];
        fell += one[1];
      }
      if (end > n) end = n; /* of an earlier target's context */
      for (size_t k = first; k < end; k++) {
        assert_true(fabs(found[k] - kl / (double)(end - first)) < 1e-12);
        assert_true(fabs(change[k] - fell / (double)(end - first)) < 1e-12);
        double score = attribute_component(a, t, "gate")[k] *
                       (0.5 * attribute_component(a, t, "curvature")[k] + 0.5 * found[k]);
        assert_true(fabs(a->rows[t].score[k] - score) <= 1e-13 * fabs(score));
      }
    }
    assert_true(refined > 0 && whole > 0);
    assert_int_equal(a->rows[t].status, HETA_ROW_COMPLETE);
  }
}

static void spans_and_tokens(void **state) {
  (void)state;
  static const char *const MODELS[] = {"llama-gqa", "gemma2", "gpt2"};
  for (size_t m = 0; m < (getenv("HETA_TEST_FEW") ? 1 : 3); m++) {
    heta_model *model = fixture_model(MODELS[m]);
    for (int joint = 0; joint < 2; joint++) {
      heta_job *all = job_of(model, "curvature=gradsq", joint);
      attribute_run(all);
      heta_job *job = job_of(model, "curvature=gradsq information=spans:4", joint);
      const heta_attribution *a = attribute_run(job);
      assert_true(a->complete);
      assert_true(a->cost_forwards <= heta_job_get_plan(job)->forwards);
      assert_true(a->cost_forwards < attribute_result(all)->cost_forwards);
      assert_string_equal(a->components[2].estimator, "spans:4");
      check_rows(MODELS[m], job, attribute_result(all), 4);
      heta_job_free(job);
      heta_job_free(all);
    }
    heta_model_close(model);
  }
}

/* The bound that a result states is the one that docs/method.md defines. */
static void the_bound(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_job *job = job_of(model, "curvature=gradsq information=spans:4", false);
  const heta_attribution *a = attribute_run(job);
  const double *gate = attribute_component(a, 0, "gate");
  const double *found = attribute_component(a, 0, "information");
  const double *spans = job->session.series[6].values;
  size_t n = a->rows[0].length;
  double ratio = 0, whole = 0, all = 0, refined = 0;
  assert_string_equal(job->session.series[6].name, "span_information");
  for (size_t i = 0; i < n; i++) {
    bool chosen = job->session.chosen[i];
    all += gate[i] * found[i];
    refined += chosen;
    if (!chosen) whole += gate[i] * spans[i / 4];
    if (chosen && found[i] / spans[i / 4] > ratio) ratio = found[i] / spans[i / 4];
  }
  size_t seen = 0;
  for (size_t c = 0; c < a->check_count; c++) {
    const heta_check_value *check = &a->checks[c];
    bool bound = !strcmp(check->name, "information_bound");
    double wanted = bound ? ratio * whole / all : refined / (double)n;
    if (!bound && strcmp(check->name, "information_refined")) continue;
    seen++;
    assert_true(fabs(check->value - wanted) < 1e-12);
  }
  assert_int_equal(seen, 2);
  heta_job_free(job);
  heta_model_close(model);
}

static void parts_are_the_whole(void **state) {
  (void)state;
  const char *asked = "information=spans:3 probes=2 windows=joint window=9";
  heta_model *model = fixture_model("llama-gqa");
  heta_error error = {0};
  heta_job *whole = job_of(model, asked, false), *merged = job_of(model, asked, false);
  attribute_run(whole);
  heta_attribute_options options = options_of(asked, false);
  options.threads = 2;
  for (size_t part = 0; part < 3; part++) {
    options.part = part;
    options.parts = 3;
    heta_job *piece = attribute_job(model, TEXT, sizeof TEXT - 1, &options);
    attribute_run(piece);
    char *json = attribute_json(piece);
    assert_int_equal(heta_job_merge(merged, json, strlen(json), &error), HETA_OK);
    heta_i_free(json);
    heta_job_free(piece);
  }
  attribute_run(merged);
  attribute_same("spans in parts", whole, merged);
  heta_job_free(whole);
  heta_job_free(merged);
  heta_model_close(model);
}

/* --fast is nothing but its options, and what a budget makes of it says what it is. */
static void fast_is_its_options(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_job *fast = job_of(model, "fast=yes", false);
  heta_job *named = job_of(model, "curvature=row probes=8 information=spans:16", false);
  const heta_attribution *a = attribute_run(fast), *b = attribute_run(named);
  assert_int_equal(a->option_count, b->option_count);
  for (size_t i = 0; i < a->option_count; i++) {
    if (!strcmp(a->options[i].name, "fast"))
      assert_string_equal(a->options[i].value, "yes");
    else
      assert_string_equal(a->options[i].value, b->options[i].value);
  }
  for (size_t t = 0; t < a->row_count; t++) {
    const heta_row *x = &a->rows[t], *y = &b->rows[t];
    assert_memory_equal(x->score, y->score, x->length * sizeof *x->score);
    assert_memory_equal(x->score_se, y->score_se, x->length * sizeof *x->score_se);
  }
  bool said = false;
  const heta_plan *plan = heta_job_get_plan(fast);
  for (size_t i = 0; i < plan->note_count; i++)
    said |= strstr(plan->notes[i], "--curvature row --probes 8 --information spans:16") != NULL;
  assert_true(said);
  /* What a result records may be asked for again as it stands, as verifying does. */
  heta_job_free(fast);
  fast = job_of(model, "fast=yes curvature=row probes=8 information=spans:16", false);
  heta_job_free(fast);
  heta_job_free(named);
  heta_model_close(model);
}

static void refusals(void **state) {
  (void)state;
  static const struct {
    const char *options, *words;
  } CASES[] = {{"information=spans:1", "a span has 2 tokens or more"},
               {"information=spans mask=attend", "--mask attend replaces none"},
               {"information=spans gate=none", "masks tokens by their gate"},
               {"information=spans windows=anchored", "chooses by the gate of the whole context"},
               {"fast=yes probes=3", "--fast stands for --probes 8; leave --probes away"},
               {"fast=yes mask=attend", "--mask attend replaces none"},
               {"information=spam", "it takes all|spans[:]"}};
  heta_model *model = fixture_model("llama-gqa");
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    heta_attribute_options options = options_of(CASES[i].options, false);
    attribute_refused(model, TEXT, &options, HETA_E_ARGUMENT, CASES[i].words);
  }
  heta_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(spans_and_tokens),
      cmocka_unit_test(the_bound),
      cmocka_unit_test(parts_are_the_whole),
      cmocka_unit_test(fast_is_its_options),
      cmocka_unit_test(refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
