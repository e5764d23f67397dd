/* test_joint.c: all targets explained as one. Each part of the joint row is held against what the
 * targets' own rows, or the engine's products summed over targets, say it has to be. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "support/attribute.h"
#include "support/capture.h"

static const char TEXT[] = "the quick brown fox", TARGET[] = " jumps over";

static heta_attribute_options options_of(const char *method, const char *method_options,
                                         const char *target, bool joint) {
  heta_attribute_options options = attribute_options(&FIXTURE_KINDS[0], method_options);
  options.method = method;
  options.target = HETA_TARGET_TEXT;
  options.target_text = target;
  options.joint = joint;
  return options;
}

static heta_job *job_of(const heta_model *model, const char *method, const char *method_options,
                        const char *target, bool joint) {
  heta_attribute_options options = options_of(method, method_options, target, joint);
  return attribute_job(model, TEXT, sizeof TEXT - 1, &options);
}

/* Σ over rows of a component's first n entries. */
static void summed(const heta_attribution *a, const char *name, size_t n, double *out) {
  memset(out, 0, n * sizeof *out);
  for (size_t r = 0; r < a->row_count; r++)
    for (size_t i = 0; i < n; i++) out[i] += attribute_component(a, r, name)[i];
}

/* The mean over rows of a component, each normalised over its first n entries; of a target that
 * nothing reaches from there (windows), 1/n. */
static void averaged(const heta_attribution *a, const char *name, size_t n, double *out) {
  memset(out, 0, n * sizeof *out);
  for (size_t r = 0; r < a->row_count; r++) {
    const double *values = attribute_component(a, r, name);
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += values[i];
    for (size_t i = 0; i < n; i++)
      out[i] += (sum > 0 ? values[i] / sum : 1.0 / (double)n) / (double)a->row_count;
  }
}

/* E‖Σ_t H_t r‖₁ from one product per target, summed before the norm: of token i's own block, or of
 * whole rows. */
static void curvature_by_hand(heta_job *job, size_t n, size_t probes, bool whole, double *out) {
  heta_i_session *s = &job->session;
  const heta_i_engine_api *api = s->engine->api;
  size_t width = s->model->hyper.width, targets = s->target_count;
  double *direction = heta_i_allocate(n * width, sizeof *direction);
  double *result = heta_i_allocate(targets * n * width, sizeof *result);
  heta_i_adjoint **adjoints = heta_i_allocate(targets, sizeof *adjoints);
  heta_error error = {0};
  for (size_t t = 0; t < targets; t++) {
    const heta_i_seed seed = {s->targets[t].position - 1, s->targets[t].id, 1, HETA_SEED_LOGPROB};
    assert_int_equal(api->reverse(s->engine, s->run, &seed, 1, NULL, NULL, &adjoints[t], &error),
                     HETA_OK);
  }
  memset(out, 0, n * sizeof *out);
  for (size_t p = 0; p < probes; p++)
    for (size_t i = 0; i < (whole ? 1 : n); i++) {
      size_t rows = whole ? n : 1;
      for (size_t k = 0; k < rows; k++)
        heta_i_rademacher(s->seed, whole ? HETA_STREAM_ROW_PROBE : HETA_STREAM_BLOCK_PROBE,
                          (uint32_t)(i + k), (uint32_t)p, width, direction + k * width);
      heta_i_probe probe = {i, rows, direction, rows, result};
      assert_int_equal(api->probes(s->engine, s->run, adjoints, targets, &probe, 1, false, &error),
                       HETA_OK);
      for (size_t k = 0; k < rows; k++)
        for (size_t c = 0; c < width; c++) {
          double sum = 0;
          for (size_t t = 0; t < targets; t++) sum += result[(t * rows + k) * width + c];
          out[i + k] += fabs(sum) / (double)probes;
        }
    }
  for (size_t t = 0; t < targets; t++) api->adjoint_free(adjoints[t]);
  heta_i_free(direction);
  heta_i_free(result);
  heta_i_free(adjoints);
}

static void close_to(const char *model, const char *what, const double *found, const double *wanted,
                     size_t n, double tolerance) {
  char label[120];
  snprintf(label, sizeof label, "%s, joint %s", model, what);
  fixture_close(label, found, wanted, n, tolerance);
}

static void parts_of_the_score(void **state) {
  (void)state;
  static const char *const MODELS[] = {"llama-gqa", "mistral", "gemma2", "gpt2"};
  size_t models = getenv("HETA_TEST_FEW") ? 1 : sizeof MODELS / sizeof *MODELS;
  for (size_t m = 0; m < models; m++)
    for (int whole = 0; whole < 2; whole++) {
      const char *name = MODELS[m];
      const char *asked = whole ? "probes=3 curvature=row" : "probes=3";
      heta_model *model = fixture_model(name);
      heta_job *each = job_of(model, "heta", asked, TARGET, false);
      heta_job *all = job_of(model, "heta", asked, TARGET, true);
      const heta_attribution *a = attribute_run(each), *j = attribute_run(all);
      size_t n = a->rows[0].length;
      double *wanted = heta_i_allocate(n, sizeof *wanted), sum = 0;
      assert_true(a->row_count > 2);
      assert_int_equal(j->row_count, 1);
      assert_int_equal(j->target_count, a->target_count);
      assert_true(j->rows[0].target == HETA_ALL_TARGETS);
      assert_int_equal(j->rows[0].length, n);
      assert_int_equal(j->rows[0].status, HETA_ROW_COMPLETE);
      assert_true(j->complete);
      assert_string_equal(j->objective, "logprob_sum");
      summed(a, "information", n, wanted);
      close_to(name, "information", attribute_component(j, 0, "information"), wanted, n, 1e-12);
      summed(a, "logprob_change", n, wanted);
      close_to(name, "change", attribute_component(j, 0, "logprob_change"), wanted, n, 1e-12);
      averaged(a, "gate", n, wanted);
      close_to(name, "gate", attribute_component(j, 0, "gate"), wanted, n, 1e-12);
      for (size_t i = 0; i < n; i++) sum += attribute_component(j, 0, "gate")[i];
      assert_true(fabs(sum - 1) < 1e-12);
      curvature_by_hand(each, n, 3, whole, wanted);
      close_to(name, "curvature", attribute_component(j, 0, "curvature"), wanted, n, 1e-10);
      for (size_t i = 0; i < n; i++)
        wanted[i] = attribute_component(j, 0, "gate")[i] *
                    (0.5 * attribute_component(j, 0, "curvature")[i] +
                     0.5 * attribute_component(j, 0, "information")[i]);
      close_to(name, "score", j->rows[0].score, wanted, n, 1e-12);
      heta_i_free(wanted);
      heta_job_free(each);
      heta_job_free(all);
      heta_model_close(model);
    }
}

/* Gradients and changes add up; what is a fraction is averaged. */
static void other_methods(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  static const struct {
    const char *method, *component;
    bool sum;
  } METHODS[] = {{"input-x-gradient", "input_x_gradient", true},
                 {"occlusion", "logprob_change", true},
                 {"attention-rollout", "rollout", false}};
  for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; k++) {
    const char *method = METHODS[k].method;
    heta_job *each = job_of(model, method, NULL, TARGET, false);
    heta_job *all = job_of(model, method, NULL, TARGET, true);
    const heta_attribution *a = attribute_run(each), *j = attribute_run(all);
    size_t n = a->rows[0].length;
    double *wanted = heta_i_allocate(n, sizeof *wanted);
    (METHODS[k].sum ? summed : averaged)(a, METHODS[k].component, n, wanted);
    close_to(method, "score", attribute_component(j, 0, METHODS[k].component), wanted, n, 1e-12);
    heta_i_free(wanted);
    heta_job_free(each);
    heta_job_free(all);
  }
  heta_job *uniform = job_of(model, "uniform", NULL, TARGET, true);
  const heta_attribution *u = attribute_run(uniform);
  assert_true(fabs(u->rows[0].score[0] * (double)u->rows[0].length - 1) < 1e-15);
  heta_job_free(uniform);
  heta_model_close(model);
}

/* Σ log P of the targets with `by` added to one channel of every row of the prompt. */
static double with_channel_moved(heta_job *job, size_t channel, double by) {
  heta_i_session *s = &job->session;
  const heta_i_engine_api *api = s->engine->api;
  size_t width = s->model->hyper.width, rows[16];
  double *input = heta_i_allocate(s->length * width, sizeof *input), sum = 0;
  double *logprobs = heta_i_allocate(s->model->hyper.vocabulary, sizeof *logprobs);
  heta_i_run *run = NULL;
  heta_error error = {0};
  assert_true(s->target_count <= sizeof rows / sizeof *rows);
  api->embed(s->engine, s->tokens, s->length, input);
  for (size_t i = 0; i < s->row_length; i++) input[i * width + channel] += by;
  for (size_t t = 0; t < s->target_count; t++) rows[t] = s->length - s->target_count + t;
  heta_i_lane lane = heta_i_lane_of(s->tokens, s->length);
  lane.input = input;
  assert_int_equal(api->run(s->engine, &lane, 0, rows, s->target_count, &run, &error), HETA_OK);
  for (size_t t = 0; t < s->target_count; t++) {
    api->logprobs(run, t, logprobs);
    sum += logprobs[s->targets[t].id];
  }
  api->run_free(run);
  heta_i_free(input);
  heta_i_free(logprobs);
  return sum;
}

/* Grad-CAM: a channel's weight is the mean gradient over the prompt's rows, which is 1/n of the
 * slope along all of them at once. */
static void channels(void **state) {
  (void)state;
  const double step = 2e-5;
  heta_model *model = fixture_model("llama-gqa");
  heta_job *all = job_of(model, "grad-cam", "objective=logprob", TARGET, true);
  const heta_row *row = &attribute_run(all)->rows[0];
  size_t n = row->length, width = model->hyper.width;
  double *input = heta_i_allocate(all->session.length * width, sizeof *input);
  double *wanted = heta_i_allocate(n, sizeof *wanted);
  assert_true(all->session.target_count > 2);
  all->session.engine->api->embed(all->session.engine, all->session.tokens, n, input);
  for (size_t c = 0; c < width; c++) {
    double up = with_channel_moved(all, c, step), down = with_channel_moved(all, c, -step);
    for (size_t i = 0; i < n; i++)
      wanted[i] += (up - down) / (2 * step) / (double)n * input[i * width + c];
  }
  close_to("grad-cam", "score", row->signed_score, wanted, n, 1e-7);
  heta_i_free(input);
  heta_i_free(wanted);
  heta_job_free(all);
  heta_model_close(model);
}

/* All of one target is that target, whatever the estimator. */
static void of_one_target(void **state) {
  (void)state;
  static const char *const ASKED[] = {"probes=3",
                                      "probes=3 curvature=row",
                                      "probes=9 estimator=sketch",
                                      "curvature=lowrank:4",
                                      "curvature=lowrank-global:4",
                                      "probes=auto max-probes=9 curvature=gauss-newton"};
  heta_model *model = fixture_model("qwen2");
  for (size_t k = 0; k < sizeof ASKED / sizeof *ASKED; k++) {
    heta_job *each = job_of(model, "heta", ASKED[k], "t", false);
    heta_job *all = job_of(model, "heta", ASKED[k], "t", true);
    const heta_attribution *a = attribute_run(each), *j = attribute_run(all);
    assert_int_equal(a->row_count, 1);
    close_to(ASKED[k], "score", j->rows[0].score, a->rows[0].score, a->rows[0].length, 1e-12);
    close_to(ASKED[k], "error", j->rows[0].score_se, a->rows[0].score_se, a->rows[0].length, 1e-12);
    heta_job_free(each);
    heta_job_free(all);
  }
  heta_model_close(model);
}

/* Estimators that use fewer products, or other ones, find the same curvature of the sum; low rank
 * where the rank is full. */
static void curvature_otherwise(const char *text, const char *asked) {
  heta_model *model = fixture_model("llama-mha");
  heta_attribute_options options = options_of("heta", "probes=100", TARGET, true);
  heta_attribute_options other = options_of("heta", asked, TARGET, true);
  heta_job *plain = attribute_job(model, text, strlen(text), &options);
  heta_job *sketch = attribute_job(model, text, strlen(text), &other);
  const heta_attribution *a = attribute_run(plain), *b = attribute_run(sketch);
  const double *x = attribute_component(a, 0, "curvature"),
               *y = attribute_component(b, 0, "curvature");
  const double *ex = attribute_component_se(a, 0, "curvature");
  const double *ey = attribute_component_se(b, 0, "curvature");
  for (size_t i = 0; i < a->rows[0].length; i++)
    if (fabs(x[i] - y[i]) > 5 * hypot(ex[i], ey[i]))
      fail_msg("token %zu: %g ± %g and %g ± %g", i, x[i], ex[i], y[i], ey[i]);
  heta_job_free(plain);
  heta_job_free(sketch);
  heta_model_close(model);
}

static void estimators(void **state) {
  (void)state;
  curvature_otherwise(TEXT, "probes=20 estimator=sketch");
  if (getenv("HETA_TEST_FEW")) return;
  curvature_otherwise("cat", "curvature=lowrank:10000");
  curvature_otherwise("cat", "curvature=lowrank-global:10000");
}

/* ---- Methods of perturbed inputs ------------------------------------------------------------- */

static const char SHORT[] = "the cat";

static heta_job *short_job(const heta_model *model, const char *method, const char *asked,
                           bool joint) {
  heta_attribute_options options = options_of(method, asked, TARGET, joint);
  heta_job *job = attribute_job(model, SHORT, sizeof SHORT - 1, &options);
  attribute_run(job);
  return job;
}

/* Σ log P of the job's targets in a run of its own: some rows of the prompt replaced by zeros, or
 * left away. */
static double by_hand(heta_job *job, size_t absent, bool left_away) {
  heta_i_session *s = &job->session;
  const heta_i_engine_api *api = s->engine->api;
  size_t width = s->model->hyper.width, vocabulary = s->model->hyper.vocabulary, count = 0;
  int32_t *tokens = heta_i_allocate(s->length, sizeof *tokens);
  double *input = heta_i_allocate(s->length * width, sizeof *input), sum = 0;
  double *logprobs = heta_i_allocate(vocabulary, sizeof *logprobs);
  size_t rows[32];
  heta_i_run *run = NULL;
  heta_error error = {0};
  for (size_t i = 0; i < s->length; i++)
    if (!(absent >> i & 1) || !left_away) tokens[count++] = s->tokens[i];
  api->embed(s->engine, tokens, count, input);
  for (size_t i = 0; i < count && !left_away; i++)
    if (absent >> i & 1) memset(input + i * width, 0, width * sizeof *input);
  for (size_t t = 0; t < s->target_count; t++) rows[t] = count - s->target_count + t;
  heta_i_lane lane = heta_i_lane_of(tokens, count);
  lane.input = input;
  assert_int_equal(api->run(s->engine, &lane, 0, rows, s->target_count, &run, &error), HETA_OK);
  for (size_t t = 0; t < s->target_count; t++) {
    api->logprobs(run, t, logprobs);
    sum += logprobs[s->targets[t].id];
  }
  api->run_free(run);
  heta_i_free(logprobs);
  heta_i_free(input);
  heta_i_free(tokens);
  return sum;
}

/* Every coalition of the prompt, with all targets' tokens behind it. */
static void coalitions(void **state) {
  (void)state;
  static const char *const MODELS[] = {"llama-gqa", "gpt2"};
  for (size_t m = 0; m < (getenv("HETA_TEST_FEW") ? 1 : 2); m++) {
    heta_model *model = fixture_model(MODELS[m]);
    for (int way = 0; way < 3; way++) {
      static const char *const ASKED[] = {"keep=none mask=zero", "keep=none mask=delete",
                                          "keep=none mask=attend"};
      heta_job *job = short_job(model, "kernel-shap", ASKED[way], true);
      heta_job *one = short_job(model, "occlusion", "mask=attend", true);
      const double *values = job->session.series[0].values, *ends = job->session.series[1].values;
      size_t n = job->session.row_length, all = (size_t)1 << n;
      double gap = 0, sum = 0;
      const heta_attribution *a;
      heta_error error = {0};
      assert_int_equal(job->session.series[0].samples, all - 2);
      assert_true(fabs(ends[1] - by_hand(job, 0, false)) < 1e-9);
      for (size_t absent = 1; absent + 1 < all && way < 2; absent++)
        gap = fmax(gap, fabs(values[absent - 1] - by_hand(job, absent, way == 1)));
      for (size_t i = 0; i + 1 < n && way == 2; i++) /* of the last nothing is hidden */
        gap = fmax(gap,
                   fabs(ends[1] - values[((size_t)1 << i) - 1] - one->session.series[1].values[i]));
      if (!(gap < 1e-9)) fail_msg("%s, %s: off by %g", MODELS[m], ASKED[way], gap);
      assert_int_equal(heta_job_get_result(job, &a, &error), HETA_OK);
      for (size_t i = 0; i < n; i++) sum += a->rows[0].signed_score[i];
      assert_true(fabs(sum - (ends[1] - ends[0])) < 1e-6);
      heta_job_free(job);
      heta_job_free(one);
    }
    heta_model_close(model);
  }
}

/* What is regressed by contextcite is the sum of what it regresses of each target. */
static void altered_prompts(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  const char *asked = "source=token samples=6 query=none objective=logprob";
  heta_job *each = short_job(model, "contextcite", asked, false);
  heta_job *all = short_job(model, "contextcite", asked, true);
  for (size_t a = 0; a < 6; a++) {
    double sum = 0;
    for (size_t t = 0; t < each->session.target_count; t++)
      sum += each->session.series[0].values[t * 6 + a];
    assert_true(fabs(sum - all->session.series[0].values[a]) < 1e-10);
  }
  heta_job_free(each);
  heta_job_free(all);
  heta_attribute_options whole =
      options_of("contextcite", "source=token query=none response=whole", TARGET, true);
  attribute_refused(model, SHORT, &whole, HETA_E_ARGUMENT, "leave one of the two out");
  heta_model_close(model);
}

/* ---- Methods of gradients -------------------------------------------------------------------- */

/* Paths move the prompt alone, and what they find sums to the difference of Σ log P at its ends. */
static void paths(void **state) {
  (void)state;
  static const struct {
    const char *method, *asked;
    double limit;
  } METHODS[] = {{"ig", "rule=gauss-legendre steps=60", 1e-4},
                 {"deeplift", "objective=logprob", 1e-9},
                 {"dig", "steps=3 upscale=6 neighbours=20", 0.2}};
  heta_model *model = fixture_model("gpt2"); /* smooth at the baseline, too */
  for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; k++) {
    heta_job *job = short_job(model, METHODS[k].method, METHODS[k].asked, true);
    const heta_attribution *a;
    heta_error error = {0};
    size_t objective = job->session.series_count - 1;
    double sum = 0, all = by_hand(job, 0, false);
    const double *ends = job->session.series[objective].values;
    assert_int_equal(heta_job_get_result(job, &a, &error), HETA_OK);
    for (size_t i = 0; i < a->rows[0].length; i++) sum += a->rows[0].signed_score[i];
    assert_true(fabs(ends[0] - all) < 1e-9);
    if (k == 0) { /* whose baseline is zeros */
      double none = by_hand(job, ((size_t)1 << a->rows[0].length) - 1, false);
      assert_true(fabs(ends[1] - none) < 1e-9);
    }
    double gap = fabs(sum - (ends[0] - ends[1])) / fabs(ends[0] - ends[1]);
    if (!(gap < METHODS[k].limit)) fail_msg("%s: a gap of %g", METHODS[k].method, gap);
    heta_job_free(job);
  }
  heta_model_close(model);
}

/* A method that reads one row says why it has no joint row. */
static void refused_with_a_reason(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  const heta_i_method *const *methods;
  size_t count = heta_i_methods(&methods), refused = 0;
  for (size_t m = 0; m < count; m++) {
    if (methods[m]->joint) continue;
    heta_attribute_options options = options_of(methods[m]->info.name, NULL, TARGET, true);
    assert_non_null(methods[m]->alone);
    attribute_refused(model, SHORT, &options, HETA_E_ARGUMENT, methods[m]->alone);
    refused++;
  }
  assert_true(refused > 5 && refused < count / 2 + 1);
  heta_model_close(model);
}

/* Parts of a joint job join to the whole, bit for bit; a result of single targets is refused. */
static void parts_and_merging(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_attribute_options options = options_of("heta", "probes=4", TARGET, true);
  heta_job *whole = attribute_job(model, TEXT, sizeof TEXT - 1, &options);
  attribute_run(whole);
  heta_job *joined = attribute_job(model, TEXT, sizeof TEXT - 1, &options);
  heta_error error = {0};
  options.parts = 2;
  for (options.part = 0; options.part < 2; options.part++) {
    heta_job *part = attribute_job(model, TEXT, sizeof TEXT - 1, &options);
    attribute_run(part);
    char *json = attribute_json(part);
    assert_int_equal(heta_job_merge(joined, json, strlen(json), &error), HETA_OK);
    heta_i_free(json);
    heta_job_free(part);
  }
  attribute_run(joined);
  attribute_same("joint parts", whole, joined);
  options.joint = false;
  options.part = 0;
  heta_job *other = attribute_job(model, TEXT, sizeof TEXT - 1, &options);
  attribute_run(other);
  char *json = attribute_json(other);
  assert_int_equal(heta_job_merge(joined, json, strlen(json), &error), HETA_E_ARGUMENT);
  assert_non_null(strstr(error.message, "its objective is not this job's"));
  heta_i_free(json);
  heta_job_free(other);
  heta_job_free(joined);
  heta_job_free(whole);
  heta_model_close(model);
}

/* The model writes the targets: the prompt alone is explained. Every form shows the row, and what
 * was stored is read again to the same bytes. */
static void generated_and_shown(void **state) {
  (void)state;
  static const char *const FORMS[] = {"term", "json", "jsonl", "html", "csv", "svg", "npz"};
  heta_model *model = fixture_model("gpt2");
  heta_attribute_options options = options_of("heta", "probes=3 curvature=row", NULL, true);
  options.target = HETA_TARGET_GENERATE;
  options.target_count = 3;
  heta_job *job = attribute_job(model, TEXT, sizeof TEXT - 1, &options);
  const heta_attribution *a = attribute_run(job);
  assert_int_equal(a->target_count, 3);
  assert_int_equal(a->rows[0].length, a->targets[0].position);
  heta_report_options shown = heta_report_options_default();
  for (int level = 0; level <= HETA_LEVEL_DOCUMENT; level++)
    for (size_t k = 0; k < sizeof FORMS / sizeof *FORMS; k++) {
      shown.level = (heta_level)level;
      heta_i_free(capture_report(a, FORMS[k], &shown));
    }
  shown.level = HETA_LEVEL_WORD;
  char *json = capture_report(a, "json", &shown);
  assert_non_null(strstr(json, "\"target\":\"all\""));
  heta_result *result = NULL;
  heta_error error = {0};
  assert_int_equal(heta_result_read(json, strlen(json), &result, &error), HETA_OK);
  char *again = capture_report(heta_result_get(result), "json", &shown);
  assert_string_equal(json, again);
  char *term = capture_report(a, "term", &shown);
  assert_non_null(strstr(term, ", as a whole?"));
  heta_i_free(term);
  heta_i_free(again);
  heta_i_free(json);
  heta_result_free(result);
  heta_job_free(job);
  heta_model_close(model);
}

static void refused(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-mha");
  heta_attribute_options options = options_of("heta", NULL, TARGET, true);
  options.foil_text = " ran";
  attribute_refused(model, TEXT, &options, HETA_E_ARGUMENT, "--joint and --foil contradict");
  heta_job *job = job_of(model, "uniform", NULL, TARGET, true);
  const heta_attribution *a = attribute_run(job);
  heta_error error = {0};
  heta_report_options shown = heta_report_options_default();
  capture out = {0};
  assert_int_equal(heta_report_write(a, "inseq", &shown, capture_write, &out, &error),
                   HETA_E_UNSUPPORTED);
  assert_non_null(strstr(error.message, "--joint"));
  heta_job_free(job);
  heta_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(parts_of_the_score),
                                     cmocka_unit_test(other_methods),
                                     cmocka_unit_test(channels),
                                     cmocka_unit_test(of_one_target),
                                     cmocka_unit_test(estimators),
                                     cmocka_unit_test(coalitions),
                                     cmocka_unit_test(altered_prompts),
                                     cmocka_unit_test(paths),
                                     cmocka_unit_test(refused_with_a_reason),
                                     cmocka_unit_test(parts_and_merging),
                                     cmocka_unit_test(generated_and_shown),
                                     cmocka_unit_test(refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
