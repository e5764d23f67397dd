/* test_job.c: what jobs on the tiny models give, through the public interface: HETA's parts against
 * float64 fixtures, the score's arithmetic by hand, its neighbours against small computations. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "support/attribute.h"
#include "support/derive.h"

typedef struct subject {
  const char *name;
  json_t *fixture;
  heta_model *model;
  const fixture_kind *kind;
} subject;

static subject open_subject(const char *name, const fixture_kind *kind) {
  return (subject){name, fixture_load(name), fixture_model(name), kind};
}

static void close_subject(subject *s) {
  heta_model_close(s->model);
  json_decref(s->fixture);
}

static size_t integer(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  assert_true(json_is_integer(value));
  return (size_t)json_integer_value(value);
}

static void expect(const subject *s, const char *what, const double *found, const double *wanted,
                   size_t count) {
  char label[160];
  snprintf(label, sizeof label, "%s, %s: %s", s->name, s->kind->name, what);
  assert_non_null(found);
  fixture_close(label, found, wanted, count, s->kind->tolerance);
}

static void expect_fixture(const subject *s, const char *what, const double *found,
                           const json_t *wanted, size_t n) {
  size_t count;
  double *numbers = fixture_numbers(wanted, &count);
  assert_int_equal(count, n);
  expect(s, what, found, numbers, n);
  heta_i_free(numbers);
}

/* ---- HETA against the fixtures -------------------------------------------------------------- */

typedef struct setting {
  const char *curvature, *samples; /* the option, the fixture's key (NULL: gradsq) */
  const char *mask, *rollout, *scale;
  double beta, gamma;
} setting;

static const setting SETTINGS[] = {
    {"block", "block", "zero", "headwise", "none", 0.5, 0.5},
    {"row", "row", "mean", "mean", "sum", 0.25, 2},
    {"gauss-newton", "gauss_newton_block", "token", "headwise", "max", 1, 0},
    {"gradsq", NULL, "attend", "mean", "sum", 0.75, 1}};

/* Mean and standard error over the fixture's samples of each token. */
static void estimate(const json_t *samples, size_t n, size_t m, double *mean, double *error) {
  double *all = fixture_numbers(samples, NULL);
  for (size_t i = 0; i < n; i++) {
    double sum = 0, squares = 0;
    for (size_t r = 0; r < m; r++) sum += all[i * m + r];
    mean[i] = sum / (double)m;
    for (size_t r = 0; r < m; r++) squares += pow(all[i * m + r] - mean[i], 2);
    error[i] = sqrt(squares / (double)(m - 1) / (double)m);
  }
  heta_i_free(all);
}

static const json_t *information_of(const json_t *target, const char *mask) {
  const json_t *list = json_object_get(target, "information");
  for (size_t k = 0; k < json_array_size(list); k++) {
    const json_t *entry = json_array_get(list, k);
    const char *name = json_string_value(json_object_get(entry, "mask"));
    if (!strncmp(name, mask, strlen(mask))) return entry;
  }
  fail_msg("the fixture has no mask %s", mask);
  return NULL;
}

static double divisor(const char *scale, const double *values, size_t n) {
  double sum = 0;
  if (!strcmp(scale, "none")) return 1;
  for (size_t i = 0; i < n; i++) sum += values[i];
  return strcmp(scale, "max") ? sum : largest_of(values, n);
}

/* Attr = M (β S + γ I), its standard error and the envelope, from the parts of the same result. */
static void check_arithmetic(const setting *o, const heta_attribution *a, size_t n) {
  const double *gate = attribute_component(a, 0, "gate");
  const double *curvature = attribute_component(a, 0, "curvature");
  const double *information = attribute_component(a, 0, "information");
  const double *change = attribute_component(a, 0, "logprob_change");
  const double *envelope = attribute_component(a, 0, "envelope");
  const double *se = attribute_component_se(a, 0, "curvature");
  const heta_row *row = &a->rows[0];
  double s = divisor(o->scale, curvature, n), k = divisor(o->scale, information, n), sum = 0;
  double wanted[3][64];
  for (size_t i = 0; i < n; i++) {
    sum += gate[i];
    assert_true(gate[i] >= 0 && curvature[i] >= 0 && information[i] >= 0);
    wanted[0][i] = gate[i] * (o->beta * curvature[i] / s + o->gamma * information[i] / k);
    wanted[1][i] = gate[i] * (o->beta * curvature[i] / s + o->gamma * fmax(0, change[i]) / k);
    wanted[2][i] = o->samples ? gate[i] * o->beta * se[i] / s : 0;
  }
  fixture_close("score", row->score, wanted[0], n, 1e-14);
  fixture_close("envelope", envelope, wanted[1], n, 1e-14);
  double one = 1;
  fixture_close("sum of the gate", &sum, &one, 1, 1e-12);
  assert_int_equal(a->check_count, 1);
  assert_string_equal(a->checks[0].name, "gate_sum");
  fixture_close("gate_sum", &a->checks[0].value, &one, 1, 1e-12);
  if (o->samples)
    fixture_close("standard error", row->score_se, wanted[2], n, 1e-14);
  else
    assert_true(!row->score_se && !row->probes && !row->tied_with_next && !se);
}

static void check_facts(const subject *s, const heta_attribution *a, const json_t *target, size_t n,
                        int32_t id) {
  const heta_target *fact = &a->targets[0];
  double logprob = json_number_value(json_object_get(target, "logprob"));
  expect(s, "log-probability", &fact->logprob, &logprob, 1);
  assert_true(a->complete && !a->stopped_by && a->row_count == 1 && a->target_count == 1);
  assert_int_equal(a->rows[0].status, HETA_ROW_COMPLETE);
  assert_int_equal(a->rows[0].length, n);
  assert_int_equal(fact->position, n);
  assert_int_equal(fact->id, id);
  assert_string_equal(a->objective, "logprob");
}

static void check_setting(const subject *s, const json_t *target, const setting *o) {
  size_t n = integer(target, "row") + 1;
  int32_t id = (int32_t)integer(target, "id");
  const json_t *information = information_of(target, o->mask);
  const json_t *curvature = json_object_get(target, "curvature");
  size_t m = integer(curvature, "probes");
  assert_int_equal(integer(curvature, "seed"), 7);
  char text[256];
  snprintf(text, sizeof text,
           "curvature=%s probes=%zu mask=%s rollout=%s scale=%s beta=%g gamma=%g", o->curvature, m,
           json_string_value(json_object_get(information, "mask")), o->rollout, o->scale, o->beta,
           o->gamma);
  heta_attribute_options options = attribute_options(s->kind, text);
  heta_job *job = attribute_fixture(s->fixture, s->model, n, id, -1, &options);
  const heta_attribution *a = attribute_run(job);
  check_facts(s, a, target, n, id);
  double mean[64], error[64];
  expect_fixture(s, o->rollout, attribute_component(a, 0, "gate"),
                 json_object_get(json_object_get(target, "gate"), o->rollout), n);
  expect_fixture(s, "information", attribute_component(a, 0, "information"),
                 json_object_get(information, "kl"), n);
  expect_fixture(s, "change", attribute_component(a, 0, "logprob_change"),
                 json_object_get(information, "delta"), n);
  if (o->samples) {
    estimate(json_object_get(curvature, o->samples), n, m, mean, error);
    expect(s, o->curvature, attribute_component(a, 0, "curvature"), mean, n);
    /* Differences of nearly equal samples: against the samples' own size. */
    const double *se = attribute_component_se(a, 0, "curvature");
    for (size_t i = 0; i < n; i++) {
      if (fabs(se[i] - error[i]) > s->kind->tolerance * largest_of(mean, n))
        fail_msg("%s: standard error of token %zu is %g, not %g", s->name, i, se[i], error[i]);
      assert_int_equal(a->rows[0].probes[i], m);
    }
  } else {
    expect_fixture(s, "gradsq", attribute_component(a, 0, "curvature"),
                   json_object_get(target, "gradsq"), n);
  }
  double *squares = fixture_numbers(json_object_get(target, "gradsq"), NULL);
  for (size_t i = 0; i < n; i++) squares[i] = sqrt(squares[i]);
  expect(s, "gradient", attribute_component(a, 0, "gradient"), squares, n);
  heta_i_free(squares);
  check_arithmetic(o, a, n);
  heta_job_free(job);
}

static void heta_against_fixtures(void **state) {
  (void)state;
  size_t compared = 0;
  for (size_t m = 0; fixture_models()[m]; m++)
    for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++) {
      subject s = open_subject(fixture_models()[m], kind);
      const json_t *targets = json_object_get(s.fixture, "targets");
      for (size_t t = 0; t < json_array_size(targets); t++)
        for (size_t o = 0; o < sizeof SETTINGS / sizeof *SETTINGS; o++, compared++)
          check_setting(&s, json_array_get(targets, t), &SETTINGS[o]);
      close_subject(&s);
    }
  assert_int_equal(compared, fixture_count() * 3 * 2 * 4);
}

/* With a foil the objective is log P(target) - log P(foil). */
static void contrast(void **state) {
  (void)state;
  for (size_t m = 0; fixture_models()[m]; m++) {
    subject s = open_subject(fixture_models()[m], &FIXTURE_KINDS[m % 3]);
    const json_t *target = json_array_get(json_object_get(s.fixture, "targets"), 0);
    const json_t *wanted = json_object_get(target, "contrast");
    size_t n = integer(target, "row") + 1, width = integer(s.fixture, "width");
    int32_t foil = (int32_t)integer(wanted, "foil");
    heta_attribute_options options = attribute_options(s.kind, "probes=1");
    heta_job *job =
        attribute_fixture(s.fixture, s.model, n, (int32_t)integer(target, "id"), foil, &options);
    const heta_attribution *a = attribute_run(job);
    double norms[64], *gradient = fixture_numbers(json_object_get(wanted, "gradient"), NULL);
    for (size_t i = 0; i < n; i++)
      norms[i] = sqrt(dot_of(gradient + i * width, gradient + i * width, width));
    expect(&s, "gradient of the contrast", attribute_component(a, 0, "gradient"), norms, n);
    heta_i_free(gradient);
    assert_true(a->targets[0].has_foil);
    assert_int_equal(a->targets[0].foil.id, foil);
    double value = a->targets[0].logprob - a->targets[0].foil.logprob;
    double expected = json_number_value(json_object_get(wanted, "value"));
    expect(&s, "contrast", &value, &expected, 1);
    assert_string_equal(a->objective, "logprob_difference");
    heta_job_free(job);
    close_subject(&s);
  }
}

/* Block probes are unbiased: many of them come to the exact expectation over all sign vectors. */
static void many_probes(void **state) {
  (void)state;
  subject s = open_subject("llama-mha", &FIXTURE_KINDS[2]);
  const json_t *target = json_array_get(json_object_get(s.fixture, "targets"), 0);
  size_t n = integer(target, "row") + 1, probes = 4096;
  double *exact =
      fixture_numbers(json_object_get(json_object_get(target, "exact"), "expected_block"), NULL);
  heta_attribute_options options = attribute_options(s.kind, "probes=4096 gate=none");
  heta_job *job =
      attribute_fixture(s.fixture, s.model, n, (int32_t)integer(target, "id"), -1, &options);
  const heta_attribution *a = attribute_run(job);
  const double *mean = attribute_component(a, 0, "curvature");
  const double *se = attribute_component_se(a, 0, "curvature");
  for (size_t i = 0; i < n; i++) {
    assert_int_equal(a->rows[0].probes[i], probes);
    assert_true(se[i] > 0 && se[i] < 0.02 * mean[i]);
    if (fabs(mean[i] - exact[i]) > 4 * se[i])
      fail_msg("token %zu: %g ± %g with %zu probes, exactly %g", i, mean[i], se[i], probes,
               exact[i]);
  }
  heta_i_free(exact);
  heta_job_free(job);
  close_subject(&s);
}

/* ---- Targets -------------------------------------------------------------------------------- */

/* Several targets in one job are what a job of each gives: the continuation's tokens before it are
 * its context. */
static void several_targets(void **state) {
  (void)state;
  static const char *const OPTIONS[] = {"probes=3", "probes=3 curvature=row rollout=mean",
                                        "curvature=gradsq mask=attend"};
  for (size_t m = 0; fixture_models()[m]; m++) {
    /* Its frequencies depend on the length of the whole text. */
    if (!strcmp(fixture_models()[m], "phi3-long")) continue;
    subject s = open_subject(fixture_models()[m], &FIXTURE_KINDS[0]);
    heta_attribute_options options = attribute_options(s.kind, OPTIONS[m % 3]);
    options.target = HETA_TARGET_TEXT;
    options.target_text = "ink hat";
    heta_job *job = attribute_job(s.model, "the t", 5, &options);
    const heta_attribution *a = attribute_run(job);
    assert_true(a->row_count > 2);
    for (size_t t = 0; t < a->row_count; t++) {
      heta_attribute_options single = attribute_options(s.kind, OPTIONS[m % 3]);
      single.target = HETA_TARGET_TEXT;
      single.target_text = "x";
      size_t context = a->targets[t].position;
      heta_job *alone = attribute_job(s.model, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                                      context, &single);
      assert_int_equal(alone->input.first_target, context); /* x never merges */
      for (size_t i = 0; i <= context; i++) alone->input.tokens[i].id = a->tokens[i].id;
      const heta_attribution *b = attribute_run(alone);
      for (size_t c = 0; c < a->component_count; c++)
        expect(&s, a->components[c].name, a->rows[t].components[c], b->rows[0].components[c],
               context);
      expect(&s, "score", a->rows[t].score, b->rows[0].score, context);
      heta_job_free(alone);
    }
    heta_job_free(job);
    close_subject(&s);
  }
}

/* The mean that masks a token is that of the prompt, for every target: masked runs are shared. */
static void mean_of_several(void **state) {
  (void)state;
  subject s = open_subject("llama-gqa", &FIXTURE_KINDS[0]);
  heta_attribute_options options = attribute_options(s.kind, "mask=mean");
  options.method = "occlusion";
  options.target = HETA_TARGET_TEXT;
  options.target_text = "ink hat";
  heta_job *job = attribute_job(s.model, "the t", 5, &options);
  const heta_attribution *a = attribute_run(job);
  size_t width = s.model->hyper.width, n = a->targets[0].position, last = a->row_count - 1;
  size_t length = a->targets[last].position;
  int32_t ids[64];
  dice d = {.seed = 1};
  double *input = dice_zeros(&d, length * width), *mean = dice_zeros(&d, width);
  for (size_t i = 0; i < length; i++) ids[i] = a->tokens[i].id;
  heta_i_seed seeds[2] = {{n - 1, a->targets[0].id, 1, HETA_SEED_LOGPROB},
                          {length - 1, a->targets[last].id, 1, HETA_SEED_LOGPROB}};
  derive f = {.engine = fixture_engine(s.model, s.kind, length, 32, true, false, 1),
              .lane = heta_i_lane_of(ids, length),
              .seed_count = 1};
  f.engine->api->embed(f.engine, ids, length, input);
  for (size_t i = 0; i < n * width; i++) mean[i % width] += input[i] / (double)n;
  double *masked = dice_copy(&d, input, length * width);
  memcpy(masked + width, mean, width * sizeof *mean); /* token 1 */
  for (int t = 0; t < 2; t++) {
    f.seeds = &seeds[t];
    double wanted = derive_value(&f, input, NULL) - derive_value(&f, masked, NULL);
    expect(&s, "a drop under the mean", a->rows[t ? last : 0].signed_score + 1, &wanted, 1);
  }
  f.engine->api->close(f.engine);
  heta_job_free(job);
  dice_free(&d);
  close_subject(&s);
}

/* What is explained, in each target mode. */
static void target_modes(void **state) {
  (void)state;
  subject s = open_subject("llama-gqa", &FIXTURE_KINDS[2]);
  heta_attribute_options options = attribute_options(s.kind, "curvature=gradsq");
  heta_job *next = attribute_job(s.model, "then a hen", 10, &options);
  const heta_attribution *a = attribute_run(next);
  assert_string_equal(a->targets[0].origin, "top");
  assert_int_equal(a->targets[0].rank, 1);
  assert_int_equal(a->targets[0].id, a->targets[0].top[0].id);
  assert_int_equal(a->targets[0].top_count, HETA_TOP_CANDIDATES);
  assert_int_equal(a->tokens[a->token_count - 1].kind, HETA_TOKEN_GENERATED);
  for (size_t i = 1; i < HETA_TOP_CANDIDATES; i++)
    assert_true(a->targets[0].top[i].logprob <= a->targets[0].top[i - 1].logprob);
  options.target = HETA_TARGET_GENERATE;
  options.target_count = 4;
  heta_job *generated = attribute_job(s.model, "then a hen", 10, &options);
  const heta_attribution *g = attribute_run(generated);
  assert_int_equal(g->row_count, 4);
  assert_int_equal(g->targets[0].id, a->targets[0].id);
  for (size_t t = 0; t < 4; t++) {
    assert_string_equal(g->targets[t].origin, "generated");
    assert_int_equal(g->targets[t].rank, 1);
    assert_int_equal(g->rows[t].length, g->targets[0].position + t);
  }
  fixture_close("the first of several", g->rows[0].score, a->rows[0].score, a->rows[0].length,
                1e-5);
  options.target = HETA_TARGET_LAST;
  heta_job *last = attribute_job(s.model, "then a hen", 10, &options);
  const heta_attribution *l = attribute_run(last);
  assert_string_equal(l->targets[0].origin, "own");
  assert_int_equal(l->targets[0].position, l->token_count - 1);
  assert_int_equal(l->token_count, a->token_count - 1);
  heta_job_free(next);
  heta_job_free(generated);
  heta_job_free(last);
  close_subject(&s);
}

/* ---- Neighbours ----------------------------------------------------------------------------- */

/* A method's result on the fixture's first target. */
static heta_job *run_method(const subject *s, const char *method, const char *text, int32_t foil) {
  const json_t *target = json_array_get(json_object_get(s->fixture, "targets"), 0);
  heta_attribute_options options = attribute_options(s->kind, text);
  options.method = method;
  heta_job *job = attribute_fixture(s->fixture, s->model, integer(target, "row") + 1,
                                    (int32_t)integer(target, "id"), foil, &options);
  const heta_attribution *a = attribute_run(job);
  assert_true(a->complete);
  assert_string_equal(a->method->name, method);
  return job;
}

static void check_gradients(const subject *s, const json_t *target, size_t n) {
  size_t width = integer(s->fixture, "width");
  double *gradient = fixture_numbers(json_object_get(target, "gradient"), NULL);
  double wanted[2][64], score[64];
  double *embedding = heta_i_allocate(width, sizeof *embedding);
  heta_i_engine *engine = fixture_engine(s->model, &FIXTURE_KINDS[0], n, 32, true, false, 1);
  size_t count;
  int32_t *ids = fixture_ids(s->fixture, &count);
  for (size_t i = 0; i < n; i++) {
    engine->api->embed(engine, &ids[i], 1, embedding);
    wanted[0][i] = sqrt(dot_of(gradient + i * width, gradient + i * width, width));
    wanted[1][i] = dot_of(gradient + i * width, embedding, width);
    score[i] = fabs(wanted[1][i]);
  }
  heta_job *norm = run_method(s, "gradient-norm", NULL, -1);
  const heta_attribution *a = attribute_result(norm);
  expect(s, "gradient-norm", a->rows[0].score, wanted[0], n);
  assert_true(!a->is_signed && !a->rows[0].signed_score && !a->rows[0].score_se);
  heta_job *product = run_method(s, "input-x-gradient", NULL, -1);
  const heta_attribution *b = attribute_result(product);
  expect(s, "input-x-gradient", b->rows[0].signed_score, wanted[1], n);
  expect(s, "|input-x-gradient|", b->rows[0].score, score, n);
  assert_true(b->is_signed);
  heta_job_free(norm);
  heta_job_free(product);
  engine->api->close(engine);
  heta_i_free(ids);
  heta_i_free(embedding);
  heta_i_free(gradient);
}

/* Rollout as the product of whole matrices, from probabilities captured layer by layer. */
static void check_rollout(const subject *s, size_t n) {
  size_t heads = s->model->hyper.heads, count, row = n - 1;
  int32_t *ids = fixture_ids(s->fixture, &count);
  heta_i_engine *engine = fixture_engine(s->model, &FIXTURE_KINDS[0], n, 32, true, false, 1);
  double flow[64][64] = {{0}}, next[64][64], *a = heta_i_allocate(heads * n * n, sizeof *a);
  for (size_t i = 0; i < n; i++) flow[i][i] = 1;
  heta_i_lane lane = heta_i_lane_of(ids, n);
  heta_i_run *run = NULL;
  heta_error error = {0};
  derive_ok(engine->api->run(engine, &lane, 0, &row, 1, &run, &error), &error);
  for (size_t block = 0; block < s->model->hyper.layers; block++) {
    heta_i_capture capture = {HETA_SITE_PROBABILITIES, block, a};
    derive_ok(engine->api->inspect(engine, run, block, &capture, 1, &error), &error);
    memset(next, 0, sizeof next);
    for (size_t i = 0; i < n; i++)
      for (size_t k = 0; k <= i; k++) {
        double average = 0;
        for (size_t h = 0; h < heads; h++) average += a[(h * n + i) * n + k] / (double)heads;
        for (size_t j = 0; j < n; j++)
          next[i][j] += (0.5 * average + (i == k ? 0.5 : 0)) * flow[k][j];
      }
    memcpy(flow, next, sizeof flow);
  }
  engine->api->run_free(run);
  engine->api->close(engine);
  heta_job *job = run_method(s, "attention-rollout", NULL, -1);
  expect(s, "attention-rollout", attribute_result(job)->rows[0].score, flow[row], n);
  heta_job_free(job);
  heta_i_free(a);
  heta_i_free(ids);
}

static void check_occlusion(const subject *s, const json_t *target, size_t n) {
  static const char *const MASKS[] = {"zero", "mean", "token", "attend"};
  for (size_t k = 0; k < 4; k++) {
    const json_t *wanted = information_of(target, MASKS[k]);
    char text[64];
    snprintf(text, sizeof text, "mask=%s", json_string_value(json_object_get(wanted, "mask")));
    heta_job *drop = run_method(s, "occlusion", text, -1);
    const heta_attribution *a = attribute_result(drop);
    expect_fixture(s, "occlusion", a->rows[0].signed_score, json_object_get(wanted, "delta"), n);
    for (size_t i = 0; i < n; i++)
      assert_true(a->rows[0].score[i] == fmax(0, a->rows[0].signed_score[i]));
    heta_job_free(drop);
    snprintf(text, sizeof text, "measure=kl mask=%s",
             json_string_value(json_object_get(wanted, "mask")));
    heta_job *kl = run_method(s, "occlusion", text, -1);
    expect_fixture(s, "divergence", attribute_result(kl)->rows[0].score,
                   json_object_get(wanted, "kl"), n);
    heta_job_free(kl);
  }
}

static void check_controls(const subject *s, size_t n) {
  heta_job *uniform = run_method(s, "uniform", NULL, -1),
           *random = run_method(s, "random", NULL, -1);
  heta_job *again = run_method(s, "random", NULL, -1);
  const heta_attribution *u = attribute_result(uniform), *r = attribute_result(random);
  for (size_t i = 0; i < n; i++) {
    assert_true(u->rows[0].score[i] == 1.0 / (double)n);
    assert_true(r->rows[0].score[i] > 0 && r->rows[0].score[i] < 1);
    for (size_t k = 0; k < i; k++) assert_true(r->rows[0].score[i] != r->rows[0].score[k]);
  }
  attribute_same("random scores of one seed", random, again);
  heta_attribute_options options = attribute_options(s->kind, NULL);
  options.method = "random";
  options.seed = 8;
  heta_job *other = attribute_job(s->model, "then", 4, &options);
  assert_true(attribute_run(other)->rows[0].score[0] != r->rows[0].score[0]);
  heta_job_free(uniform);
  heta_job_free(random);
  heta_job_free(again);
  heta_job_free(other);
}

static void neighbours(void **state) {
  (void)state;
  for (size_t m = 0; fixture_models()[m]; m++) {
    subject s = open_subject(fixture_models()[m], &FIXTURE_KINDS[m % 3]);
    const json_t *target = json_array_get(json_object_get(s.fixture, "targets"), 0);
    size_t n = integer(target, "row") + 1;
    check_gradients(&s, target, n);
    check_rollout(&s, n);
    check_occlusion(&s, target, n);
    check_controls(&s, n);
    close_subject(&s);
  }
}

/* ---- Ablations ------------------------------------------------------------------------------ */

static void gates(void **state) {
  (void)state;
  subject s = open_subject("llama-bf16", &FIXTURE_KINDS[0]);
  const json_t *target = json_array_get(json_object_get(s.fixture, "targets"), 0);
  size_t n = integer(target, "row") + 1;
  static const char *const GATES[] = {"gate=none probes=2", "gate=uniform probes=2"};
  for (int k = 0; k < 2; k++) {
    heta_job *job = run_method(&s, "heta", GATES[k], -1);
    const heta_attribution *a = attribute_result(job);
    for (size_t i = 0; i < n; i++)
      assert_true(attribute_component(a, 0, "gate")[i] == (k ? 1.0 / (double)n : 1.0));
    heta_job_free(job);
  }
  char text[64];
  snprintf(text, sizeof text, "mask=token:%d", (int)s.model->info.eos);
  heta_job *eos = run_method(&s, "occlusion", "mask=eos", -1);
  heta_job *id = run_method(&s, "occlusion", text, -1);
  fixture_close("mask eos", attribute_result(eos)->rows[0].signed_score,
                attribute_result(id)->rows[0].signed_score, n, 0);
  heta_job_free(eos);
  heta_job_free(id);
  close_subject(&s);
}

/* The noise mask's embedding is keyed by seed and token: here it is drawn again, and the masked
 * text run from nothing. */
static void noise(void **state) {
  (void)state;
  subject s = open_subject("llama-mqa-bias", &FIXTURE_KINDS[0]);
  const json_t *target = json_array_get(json_object_get(s.fixture, "targets"), 0);
  size_t n = integer(target, "row") + 1, width = integer(s.fixture, "width"), count;
  int32_t *ids = fixture_ids(s.fixture, &count);
  dice d = {.seed = 1};
  double *input = dice_zeros(&d, n * width), wanted[64];
  heta_i_seed seed = {n - 1, (int32_t)integer(target, "id"), 1, HETA_SEED_LOGPROB};
  derive f = {fixture_engine(s.model, s.kind, n, 32, true, false, 1), heta_i_lane_of(ids, n), 0,
              &seed, 1};
  f.engine->api->embed(f.engine, ids, n, input);
  for (size_t i = 0; i < n; i++) {
    double *masked = dice_copy(&d, input, n * width);
    heta_i_normal(7, HETA_STREAM_NOISE_MASK, (uint32_t)i, 0, width, masked + i * width);
    for (size_t c = 0; c < width; c++) masked[i * width + c] *= 0.01;
    wanted[i] = derive_value(&f, input, NULL) - derive_value(&f, masked, NULL);
  }
  f.engine->api->close(f.engine);
  heta_job *job = run_method(&s, "occlusion", "mask=noise", -1);
  expect(&s, "mask noise", attribute_result(job)->rows[0].signed_score, wanted, n);
  heta_job_free(job);
  heta_i_free(ids);
  dice_free(&d);
  close_subject(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(heta_against_fixtures),
                                     cmocka_unit_test(contrast),
                                     cmocka_unit_test(many_probes),
                                     cmocka_unit_test(several_targets),
                                     cmocka_unit_test(mean_of_several),
                                     cmocka_unit_test(target_modes),
                                     cmocka_unit_test(neighbours),
                                     cmocka_unit_test(gates),
                                     cmocka_unit_test(noise)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
