/* test_perturb.c: methods that perturb the input, against other programs' results on tiny models
 * (data/perturb) and against direct, slow implementations on whole runs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/twister.h"
#include "method/linear.h"
#include "method/sources.h"
#include "support/attribute.h"
#include "support/dice.h"

static const fixture_kind *const F64 = &FIXTURE_KINDS[0];
/* transformers rotates by angles in float32 */
static const double OTHER_PROGRAM = 3e-6;

static json_t *load(const char *name) {
  char path[64];
  snprintf(path, sizeof path, "../perturb/%s", name);
  return fixture_load(path);
}

static size_t count_of(const json_t *object, const char *key) {
  return (size_t)json_integer_value(json_object_get(object, key));
}

/* A finished job on the fixture's context and target. */
static heta_job *explain(const char *name, const heta_model *model, const fixture_kind *kind,
                         const char *method, const char *method_options, bool foil) {
  json_t *fixture = fixture_load(name), *own = load(name);
  heta_attribute_options options = attribute_options(kind, method_options);
  options.method = method;
  heta_job *job =
      attribute_fixture(fixture, model, count_of(own, "context"), (int32_t)count_of(own, "target"),
                        foil ? (int32_t)count_of(own, "foil") : -1, &options);
  assert_true(attribute_run(job)->complete);
  json_decref(fixture);
  json_decref(own);
  return job;
}

static void expect(const char *what, const double *found, const json_t *wanted, double tolerance) {
  size_t count;
  double *numbers = fixture_numbers(wanted, &count);
  fixture_close(what, found, numbers, count, tolerance);
  heta_i_free(numbers);
}

static double check_value(const heta_attribution *a, const char *name) {
  for (size_t i = 0; i < a->check_count; i++)
    if (!strcmp(a->checks[i].name, name)) return a->checks[i].value;
  fail_msg("there is no check %s", name);
  return NAN;
}

static const char *const NAMES[] = {"llama-gqa", "gpt2", "gemma3"};

/* ---- Coalitions ------------------------------------------------------------------------------ */

/* Every mask on sets of tokens, one batch, against transformers; with and without a foil. */
static void coalitions(void **state) {
  (void)state;
  static const char *const MASKS[] = {"zero", "token:65", "attend", "delete"};
  for (size_t m = 0; m < 3; m++)
    for (size_t k = 0; k < 8; k++) {
      const fixture_kind *kind = &FIXTURE_KINDS[k % 2 * 2];
      heta_model *model = fixture_model(NAMES[m]);
      json_t *fixture = load(NAMES[m]), *sets = json_object_get(fixture, "coalitions");
      size_t count = json_array_size(sets), n = count_of(fixture, "context");
      char options[64];
      snprintf(options, sizeof options, "samples=2 keep=none mask=%s", MASKS[k / 2]);
      bool foil = m == 1;
      heta_job *job = explain(NAMES[m], model, kind, "lime", options, foil);
      dice d = {.seed = 1};
      double *found = dice_zeros(&d, count), *wanted = dice_zeros(&d, count);
      bool *absent = heta_i_arena_take(&d.memory, count * n, sizeof *absent);
      for (size_t c = 0; c < count; c++) {
        const json_t *set = json_array_get(sets, c);
        const json_t *who = json_object_get(set, "absent"),
                     *pair = json_object_get(set, MASKS[k / 2]);
        for (size_t i = 0; i < json_array_size(who); i++)
          absent[c * n + (size_t)json_integer_value(json_array_get(who, i))] = true;
        wanted[c] = json_number_value(json_array_get(pair, 0));
        if (foil) wanted[c] -= json_number_value(json_array_get(pair, 1));
      }
      heta_i_findings findings = {.value = found};
      heta_error error = {0};
      if (heta_i_coalitions(&job->session, 0, absent, count, &findings, &error))
        fail_msg("%s", error.message);
      fixture_close(MASKS[k / 2], found, wanted, count, k % 2 ? 2e-5 : OTHER_PROGRAM);
      dice_free(&d);
      heta_job_free(job);
      heta_model_close(model);
      json_decref(fixture);
    }
}

/* Predictions along a masked text are the values of its prefixes, alone. */
static void prefixes(void **state) {
  (void)state;
  static const char *const MASKS[] = {"attend", "delete", "zero"};
  for (size_t k = 0; k < 6; k++) {
    heta_model *model = fixture_model(NAMES[k / 3 * 2]);
    char options[64];
    snprintf(options, sizeof options, "samples=2 mask=%s", MASKS[k % 3]);
    heta_job *job = explain(NAMES[k / 3 * 2], model, F64, "progressive-mp", options, false);
    heta_i_session *s = &job->session;
    heta_i_deck deck;
    heta_error error = {0};
    assert_int_equal(heta_i_deck_open(s, 0, &deck, &error), HETA_OK);
    enum { LANES = 5 };
    dice d = {.seed = 40 + k};
    double *found = dice_zeros(&d, LANES * deck.count);
    bool *absent = heta_i_arena_take(&d.memory, LANES * deck.length, sizeof *absent);
    for (size_t l = 0; l < LANES; l++)
      for (size_t i = 1; i < deck.length; i++)
        absent[l * deck.length + i] = l < 2 ? l == 1 : dice_below(&d, 2);
    assert_int_equal(heta_i_prefixes(s, &deck, absent, LANES, found, &error), HETA_OK);
    for (size_t l = 0; l < LANES; l++) {
      size_t r = 0;
      for (size_t end = 1; end < deck.length; end++) {
        if (absent[l * deck.length + end]) continue;
        /* the text up to `end`, as a run of its own, under the same mask */
        int32_t ids[64];
        uint32_t places[64];
        double rows[64 * 64];
        size_t used = 0, width = model->hyper.width;
        for (size_t i = 0; i <= end; i++) {
          bool gone = absent[l * deck.length + i];
          if (gone && k % 3 != 2) continue;
          ids[used] = s->tokens[i];
          places[used] = k % 3 ? (uint32_t)used : (uint32_t)i;
          s->engine->api->embed(s->engine, &ids[used], 1, rows + used * width);
          if (gone) memset(rows + used * width, 0, width * sizeof *rows);
          used++;
        }
        heta_i_lane lane = heta_i_lane_of(NULL, used);
        lane.input = rows;
        lane.positions = places;
        size_t last = used - 1;
        heta_i_run *run = NULL;
        assert_int_equal(s->engine->api->run(s->engine, &lane, 0, &last, 1, &run, &error), HETA_OK);
        double *logprobs = dice_zeros(&d, model->hyper.vocabulary);
        s->engine->api->logprobs(run, 0, logprobs);
        double wanted = exp(logprobs[s->targets[0].id]);
        fixture_close("a prediction along the way", &found[l * deck.count + r++], &wanted, 1,
                      1e-11);
        s->engine->api->run_free(run);
      }
      for (; r < deck.count && l != 1; r++) assert_true(found[l * deck.count + r] == 0);
    }
    heta_i_deck_close(&deck);
    dice_free(&d);
    heta_job_free(job);
    heta_model_close(model);
  }
}

/* ---- Least squares --------------------------------------------------------------------------- */

enum { ROWS = 40, COLUMNS = 5 };

/* The gradient of each fit's loss vanishes at its solution. */
static void fits(void **state) {
  (void)state;
  dice d = {.seed = 11};
  heta_i_moments m;
  double x[ROWS * COLUMNS], y[ROWS], weight[ROWS], ridge[COLUMNS], total[COLUMNS], lasso[COLUMNS];
  double intercept, free_term, room[COLUMNS * (COLUMNS + 1)];
  assert_true(heta_i_moments_open(COLUMNS, &m));
  for (size_t r = 0; r < ROWS; r++) {
    size_t ones[COLUMNS], used = 0;
    y[r] = dice_fraction(&d);
    weight[r] = 0.5 + dice_fraction(&d);
    for (size_t j = 0; j < COLUMNS; j++) {
      x[r * COLUMNS + j] = (double)dice_below(&d, 2);
      if (x[r * COLUMNS + j] > 0) ones[used++] = j;
      y[r] += (double)j * x[r * COLUMNS + j];
    }
    heta_i_moments_add(&m, ones, used, weight[r], y[r]);
  }
  assert_true(heta_i_fit_ridge(&m, 0.7, room, ridge, &intercept));
  assert_true(heta_i_fit_total(&m, 0, 9.5, room, total));
  assert_true(heta_i_fit_lasso(x, ROWS, COLUMNS, y, 0.02, 1e-13, lasso, &free_term));
  double slope[COLUMNS], left = 0, sum = 0;
  for (size_t j = 0; j < COLUMNS; j++) {
    double by_ridge = 0.7 * ridge[j], by_lasso = 0, mean = 0, squares = 0;
    slope[j] = 0;
    for (size_t r = 0; r < ROWS; r++) mean += x[r * COLUMNS + j] / ROWS;
    for (size_t r = 0; r < ROWS; r++) {
      double a = y[r] - intercept, b = y[r], c = y[r] - free_term;
      for (size_t i = 0; i < COLUMNS; i++) {
        a -= ridge[i] * x[r * COLUMNS + i];
        b -= total[i] * x[r * COLUMNS + i];
        c -= lasso[i] * x[r * COLUMNS + i];
      }
      by_ridge -= weight[r] * a * x[r * COLUMNS + j];
      slope[j] += weight[r] * b * x[r * COLUMNS + j];
      squares += (x[r * COLUMNS + j] - mean) * (x[r * COLUMNS + j] - mean) / ROWS;
      by_lasso += c * (x[r * COLUMNS + j] - mean) / ROWS;
      if (!j) left += weight[r] * a;
    }
    assert_true(fabs(by_ridge) < 1e-10);
    by_lasso /= sqrt(squares); /* in units of the standardised column */
    assert_true(lasso[j] == 0 ? fabs(by_lasso) <= 0.02 + 1e-12
                              : fabs(by_lasso - (lasso[j] > 0 ? 0.02 : -0.02)) < 1e-11);
    sum += total[j];
  }
  for (size_t j = 1; j < COLUMNS; j++) assert_true(fabs(slope[j] - slope[0]) < 1e-9);
  assert_true(fabs(sum - 9.5) < 1e-12 && fabs(left) < 1e-10);
  /* Without its penalty, LASSO is the ordinary fit. */
  double plain[COLUMNS];
  heta_i_moments even;
  assert_true(heta_i_moments_open(COLUMNS, &even));
  for (size_t r = 0; r < ROWS; r++) {
    size_t ones[COLUMNS], used = 0;
    for (size_t j = 0; j < COLUMNS; j++)
      if (x[r * COLUMNS + j] > 0) ones[used++] = j;
    heta_i_moments_add(&even, ones, used, 1, y[r]);
  }
  assert_true(heta_i_fit_ridge(&even, 0, room, plain, NULL));
  assert_true(heta_i_fit_lasso(x, ROWS, COLUMNS, y, 0, 1e-14, lasso, NULL));
  fixture_close("LASSO without penalty", lasso, plain, COLUMNS, 1e-10);
  heta_i_moments_close(&m);
  heta_i_moments_close(&even);
  dice_free(&d);
}

/* ---- kernel-shap, lime, occlusion ------------------------------------------------------------ */

static void packages(void **state) {
  (void)state;
  for (size_t m = 0; m < 2; m++) {
    heta_model *model = fixture_model(NAMES[m]);
    json_t *fixture = load(NAMES[m]);
    heta_job *job =
        explain(NAMES[m], model, F64, "kernel-shap", "samples=2046 keep=none mask=zero", false);
    const heta_attribution *a = attribute_result(job);
    expect("shap's KernelExplainer", a->rows[0].signed_score, json_object_get(fixture, "shap"),
           OTHER_PROGRAM);
    assert_true(a->components[0].exact && !a->rows[0].score_se);
    double sum = 0;
    for (size_t i = 0; i < a->rows[0].length; i++) sum += a->rows[0].signed_score[i];
    double wanted = check_value(a, "value_of_all") - check_value(a, "value_of_none");
    fixture_close("the sum of Shapley values", &sum, &wanted, 1, 1e-12);
    heta_job_free(job);
    job = explain(NAMES[m], model, F64, "occlusion", "mask=zero", false);
    expect("captum's FeatureAblation", attribute_result(job)->rows[0].signed_score,
           json_object_get(fixture, "captum_ablation"), OTHER_PROGRAM);
    heta_job_free(job);
    job = explain(NAMES[m], model, F64, "lime", "samples=200 keep=none", false);
    expect("lime's regression", attribute_result(job)->rows[0].signed_score,
           json_object_get(json_object_get(fixture, "lime"), "coefficients"), OTHER_PROGRAM);
    heta_job_free(job);
    json_decref(fixture);
    heta_model_close(model);
  }
}

/* Sampled values lie within their errors of the exact ones, and keep the exact sum. */
static void sampled_shapley(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_job *exact = explain("llama-gqa", model, F64, "kernel-shap", "samples=2046 keep=none", true);
  heta_job *some = explain("llama-gqa", model, F64, "kernel-shap", "samples=400 keep=none", true);
  const heta_row *e = &attribute_result(exact)->rows[0], *s = &attribute_result(some)->rows[0];
  double sum = 0, chi = 0, largest = 0, farthest = 0;
  for (size_t i = 0; i < e->length; i++) {
    double off = fabs(s->signed_score[i] - e->signed_score[i]);
    assert_true(s->score_se[i] > 0);
    chi += off * off / (s->score_se[i] * s->score_se[i]) / (double)e->length;
    sum += s->signed_score[i] - e->signed_score[i];
    largest = fmax(largest, fabs(e->signed_score[i]));
    farthest = fmax(farthest, off);
  }
  assert_true(fabs(sum) < 1e-11);
  if (chi > 4 || farthest > 0.3 * largest)
    fail_msg("sampled values are off: chi² per token %g, largest %g", chi, farthest / largest);
  heta_job_free(exact);
  heta_job_free(some);
  heta_model_close(model);
}

/* P(target) before and after, by definition. */
static void occlusion_of_probability(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_job *job = explain("llama-gqa", model, F64, "occlusion", "measure=prob", false);
  const heta_attribution *a = attribute_result(job);
  const double *change = attribute_component(a, 0, "logprob_change");
  for (size_t i = 0; i < a->rows[0].length; i++) {
    double clean = a->targets[0].logprob, wanted = exp(clean) - exp(clean - change[i]);
    assert_true(fabs(a->rows[0].signed_score[i] - wanted) < 1e-14);
  }
  heta_job_free(job);
  heta_model_close(model);
}

/* ---- progressive-mp -------------------------------------------------------------------------- */

/* How often a coalition is met, by going through all draws. */
static void visits(void **state) {
  (void)state;
  for (size_t n = 1; n <= 7; n++)
    for (unsigned set = 1; set < 1u << n; set++) {
      double expected = 0;
      size_t size = 0, last = 0;
      for (size_t i = 0; i < n; i++)
        if (set >> i & 1) size++, last = i + 1;
      for (unsigned stay = 1; stay < 1u << n; stay++) {
        /* the coalitions met are the first r players that stay */
        size_t k = 0;
        bool met = false;
        unsigned prefix = 0;
        double ways = 1;
        for (size_t i = 0; i < n; i++) {
          if (!(stay >> i & 1)) continue;
          prefix |= 1u << i;
          met |= prefix == set;
          k++;
        }
        for (size_t i = 0; i < k; i++) ways = ways * (double)(n - i) / (double)(i + 1);
        expected += met / ways / (double)n;
      }
      double found = heta_i_visits(n, size, last);
      if (fabs(found - expected) > 1e-12)
        fail_msg("%zu players, set %u: met %g times, not %g", n, set, found, expected);
    }
}

/* With many passes the scores come to the exact Shapley values of the same game. */
static void progressive(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_attribute_options options = attribute_options(F64, "samples=3000");
  options.method = "progressive-mp";
  options.target = HETA_TARGET_TEXT;
  options.target_text = "n";
  heta_job *job = attribute_job(model, "then a", 6, &options);
  const heta_attribution *a = attribute_run(job);
  heta_i_session *s = &job->session;
  heta_i_deck deck;
  heta_error error = {0};
  assert_int_equal(heta_i_deck_open(s, 0, &deck, &error), HETA_OK);
  size_t n = deck.count;
  assert_true(n >= 3 && n <= 6);
  double value[64], exact[6] = {0}, total = 0, chi = 0;
  for (unsigned set = 0; set < 1u << n; set++) {
    double reads[6];
    for (size_t i = 0; i < n; i++) deck.absent[deck.player[i]] = !(set >> i & 1);
    assert_int_equal(heta_i_prefixes(s, &deck, deck.absent, 1, reads, &error), HETA_OK);
    size_t stay = 0;
    for (size_t i = 0; i < n; i++) stay += set >> i & 1;
    value[set] = reads[stay ? stay - 1 : 0];
  }
  for (size_t i = 0; i < n; i++)
    for (unsigned set = 0; set < 1u << n; set++) {
      if (set >> i & 1) continue;
      size_t size = 0;
      for (size_t j = 0; j < n; j++) size += set >> j & 1;
      double ways = (double)n;
      for (size_t k = 0; k < size; k++) ways *= (double)(n - 1 - k) / (double)(k + 1);
      exact[i] += (value[set | 1u << i] - value[set]) / ways;
    }
  for (size_t i = 0; i < n; i++) {
    size_t token = deck.player[i];
    double off = a->rows[0].signed_score[token] - exact[i], se = a->rows[0].score_se[token];
    total += a->rows[0].signed_score[token];
    chi += off * off / (se * se) / (double)n;
  }
  double wanted = value[(1u << n) - 1] - value[0];
  fixture_close("the sum", &total, &wanted, 1, 1e-11);
  if (!(chi < 4)) fail_msg("chi² per token is %g", chi);
  assert_true(a->rows[0].score[0] == 0);
  heta_i_deck_close(&deck);
  heta_job_free(job);
  heta_model_close(model);
}

/* ---- greedy-rationale ------------------------------------------------------------------------ */

static void rationale(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  for (int top = 0; top < 2; top++) {
    heta_attribute_options options = attribute_options(F64, "weights=rank");
    options.method = "greedy-rationale";
    options.target = top ? HETA_TARGET_NEXT : HETA_TARGET_TEXT;
    options.target_text = top ? NULL : "q";
    heta_job *job = attribute_job(model, "then a hen hid", 14, &options);
    const heta_attribution *a = attribute_run(job);
    heta_i_session *s = &job->session;
    size_t n = s->length, added = 1;
    const double *order = attribute_component(a, 0, "order");
    bool in[64] = {0}, absent[64], done;
    size_t above;
    double value;
    heta_i_findings findings = {.value = &value, .above = &above};
    in[n - 1] = true;
    assert_true(order[n - 1] == 1 && a->rows[0].score[n - 1] == 1);
    for (size_t i = 0; i < n; i++) absent[i] = !in[i];
    assert_int_equal(heta_i_coalitions(s, 0, absent, 1, &findings, NULL), HETA_OK);
    done = !above;
    while (!done && added < n) {
      size_t best = SIZE_MAX, best_above = 0;
      double most = -INFINITY;
      for (size_t j = 0; j < n; j++) {
        if (in[j]) continue;
        for (size_t i = 0; i < n; i++) absent[i] = !in[i] && i != j;
        assert_int_equal(heta_i_coalitions(s, 0, absent, 1, &findings, NULL), HETA_OK);
        if (value > most) most = value, best = j, best_above = above;
      }
      in[best] = true;
      assert_true(order[best] == (double)++added);
      assert_true(fabs(a->rows[0].score[best] - 1 / (double)added) < 1e-15);
      done = !best_above;
    }
    assert_true(check_value(a, "rationale_predicts_target") == done);
    assert_true(check_value(a, "rationale_tokens") == (double)added);
    if (top) assert_true(done); /* the whole context does predict it */
    uint64_t passes = 2; /* clean, which may be that of the written token; the last token alone */
    for (size_t k = 1; k < added; k++) passes += n - k;
    assert_int_equal(a->cost_forwards, passes);
    heta_job_free(job);
  }
  heta_model_close(model);
}

/* ---- gilot ----------------------------------------------------------------------------------- */

/* One line of the definition after the other, with matrices written out. */
static double slow_transport(size_t n, const double *cost, const double *p, const double *q,
                             double beta, size_t steps) {
  double g[64], t[64], k[64], a[8], v[8], sum = 0;
  for (size_t e = 0; e < n * n; e++) g[e] = exp(-cost[e] / beta), t[e] = 1 / (double)(n * n);
  for (size_t i = 0; i < n; i++) v[i] = 1;
  for (size_t s = 0; s < steps; s++) {
    for (size_t e = 0; e < n * n; e++) k[e] = g[e] * t[e];
    for (size_t i = 0; i < n; i++) {
      double row = 0;
      for (size_t j = 0; j < n; j++) row += k[i * n + j] * v[j];
      a[i] = p[i] / row;
    }
    for (size_t j = 0; j < n; j++) {
      double column = 0;
      for (size_t i = 0; i < n; i++) column += k[i * n + j] * a[i];
      v[j] = q[j] / column;
    }
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) t[i * n + j] = a[i] * k[i * n + j] * v[j];
  }
  for (size_t e = 0; e < n * n; e++) sum += t[e] * cost[e];
  return sum;
}

static void transport(void **state) {
  (void)state;
  enum { N = 6 };
  dice d = {.seed = 5};
  double cost[N * N], p[N], q[N], scratch[2 * N * N + 3 * N], sums[2] = {0};
  for (size_t i = 0; i < N; i++) {
    p[i] = dice_fraction(&d), sums[0] += p[i];
    q[i] = dice_fraction(&d), sums[1] += q[i];
    for (size_t j = 0; j < N; j++) cost[i * N + j] = i == j ? 0 : 0.2 + 0.1 * (double)(i + j);
  }
  for (size_t i = 0; i < N; i++) p[i] /= sums[0], q[i] /= sums[1];
  for (size_t steps = 1; steps < 100; steps *= 3) {
    double wanted = slow_transport(N, cost, p, q, 0.5, steps);
    double found = heta_i_transport(N, cost, p, q, 0.5, steps, scratch);
    fixture_close("transport", &found, &wanted, 1, 1e-12);
  }
  /* Two points: what one has too much of goes over at the price of the way. */
  double two[4] = {0, 0.3, 0.3, 0}, from[2] = {0.9, 0.1}, to[2] = {0.25, 0.75}, wanted = 0.65 * 0.3;
  double found = heta_i_transport(2, two, from, to, 0.1, 2000, scratch);
  fixture_close("transport of two points", &found, &wanted, 1, 1e-6);
  dice_free(&d);
}

static int by_number(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x > y ? -1 : x < y;
}

/* A token's distance from whole runs, with all of a small vocabulary compared. */
static void gilot(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_job *job = explain("llama-gqa", model, F64, "gilot", "candidates=4 iterations=30", false);
  heta_i_session *s = &job->session;
  const heta_i_engine_api *api = s->engine->api;
  size_t vocabulary = model->hyper.vocabulary, width = model->hyper.width, n = s->length;
  dice d = {.seed = 6};
  double *clean = dice_zeros(&d, vocabulary), *masked = dice_zeros(&d, vocabulary);
  api->logprobs(s->run, 0, clean);
  for (size_t i = 2; i < n; i += 3) {
    int32_t ids[64], tokens[8];
    uint32_t places[64];
    size_t used = 0, last = n - 2, count = 0;
    for (size_t j = 0; j < n; j++)
      if (j != i) ids[used] = s->tokens[j], places[used++] = (uint32_t)j;
    heta_i_lane lane = heta_i_lane_of(ids, used);
    lane.positions = places;
    heta_i_run *run = NULL;
    assert_int_equal(api->run(s->engine, &lane, 0, &last, 1, &run, NULL), HETA_OK);
    api->logprobs(run, 0, masked);
    api->run_free(run);
    double limit[2], *of[2] = {clean, masked}, p[8], q[8], sums[2] = {0}, cost[64];
    for (int k = 0; k < 2; k++) {
      double *sorted = dice_copy(&d, of[k], vocabulary);
      qsort(sorted, vocabulary, sizeof *sorted, by_number);
      limit[k] = sorted[3];
    }
    for (size_t v = 0; v < vocabulary; v++)
      if (clean[v] >= limit[0] || masked[v] >= limit[1]) tokens[count++] = (int32_t)v;
    double *rows = dice_zeros(&d, count * width);
    api->embed(s->engine, tokens, count, rows);
    for (size_t a = 0; a < count; a++) {
      sums[0] += p[a] = exp(clean[tokens[a]]);
      sums[1] += q[a] = exp(masked[tokens[a]]);
      for (size_t b = 0; b < count; b++) {
        const double *x = rows + a * width, *y = rows + b * width;
        double cosine = dot_of(x, y, width) / sqrt(dot_of(x, x, width) * dot_of(y, y, width));
        cost[a * count + b] = a == b ? 0 : (1 - cosine) / 2;
      }
    }
    for (size_t a = 0; a < count; a++) p[a] = p[a] / sums[0] + 1e-4, q[a] = q[a] / sums[1] + 1e-4;
    double wanted = slow_transport(count, cost, p, q, 1, 30) / (double)count;
    fixture_close("a token's transport", &attribute_result(job)->rows[0].score[i], &wanted, 1,
                  1e-9);
  }
  dice_free(&d);
  heta_job_free(job);
  heta_model_close(model);
}

/* ---- contextcite ----------------------------------------------------------------------------- */

static heta_job *cite(const json_t *own, const heta_model *model, const char *method_options) {
  const char *text = json_string_value(json_object_get(own, "text"));
  heta_attribute_options options = attribute_options(F64, method_options);
  options.method = "contextcite";
  options.target = HETA_TARGET_TEXT;
  options.target_text = json_string_value(json_object_get(own, "response"));
  options.seed = 0;
  heta_job *job = attribute_job(model, text, strlen(text), &options);
  assert_true(attribute_run(job)->complete);
  return job;
}

/* Weights of the sources from a row. */
static void source_weights(const heta_attribution *a, size_t row, double *out, size_t count) {
  const double *weight = attribute_component(a, row, "source_weight");
  const double *source = attribute_component(a, row, "source");
  double sums[16] = {0};
  for (size_t i = 0; i < a->rows[row].length; i++) {
    if (!(source[i] > 0)) {
      assert_true(a->rows[row].signed_score[i] == 0);
      continue;
    }
    out[(size_t)source[i] - 1] = weight[i];
    sums[(size_t)source[i] - 1] += a->rows[row].signed_score[i];
  }
  fixture_close("tokens of a source", sums, out, count, 1e-12);
}

/* The package: its masks, its texts, its log-odds, its weights. */
static void contextcite(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  json_t *fixture = load("llama-gqa");
  const json_t *own = json_object_get(fixture, "contextcite");
  heta_job *job = cite(own, model, "query=sentence");
  const heta_attribution *a = attribute_result(job);
  heta_i_session *s = &job->session;
  size_t count = json_array_size(json_object_get(own, "sentences")), targets = a->row_count;
  assert_int_equal(targets, json_array_size(json_object_get(own, "response_ids")));
  heta_i_sources sources;
  heta_error error = {0};
  assert_int_equal(heta_i_sources_find(s, false, HETA_BREAK_SENTENCE, true, &sources, &error),
                   HETA_OK);
  assert_int_equal(sources.count, count);
  for (size_t k = 0; k < 64; k++) {
    const char *mask = json_string_value(json_array_get(json_object_get(own, "masks"), k));
    heta_i_twister twister;
    bool keep[16];
    heta_i_twister_seed(&twister, (uint32_t)k);
    for (size_t i = 0; i < count; i++) {
      keep[i] = heta_i_twister_double(&twister) >= 0.5;
      assert_true(keep[i] == (mask[i] == '1'));
    }
    const json_t *text = json_array_get(json_object_get(own, "ablated"), k);
    if (!text) continue;
    int32_t *tokens = NULL;
    char *found = NULL;
    size_t length;
    assert_int_equal(heta_i_sources_tokens(s, &sources, keep, &tokens, &length, &found, &error),
                     HETA_OK);
    assert_string_equal(found, json_string_value(text));
    heta_i_free(tokens);
    heta_i_free(found);
  }
  for (size_t k = 0; k < 64; k++)
    for (size_t t = 0; t < targets; t++) {
      double wanted =
          json_number_value(json_array_get(json_array_get(json_object_get(own, "odds"), k), t));
      double off = s->series[0].values[t * 64 + k] - wanted;
      if (!(fabs(off) < 2e-6)) fail_msg("log-odds %zu of mask %zu are off by %g", t, k, off);
    }
  heta_job *whole = cite(own, model, "response=whole");
  for (size_t t = 0; t <= targets; t++) {
    char key[16];
    double found[16];
    snprintf(key, sizeof key, t < targets ? "each%zu" : "whole", t);
    const json_t *wanted = json_object_get(own, key);
    source_weights(attribute_result(t < targets ? job : whole), t < targets ? t : 0, found, count);
    expect("weights", found, json_object_get(wanted, "exact"), 1e-5);
    expect("the package's weights", found, json_object_get(wanted, "package"), 1e-2);
  }
  heta_job_free(whole);
  heta_job_free(job);
  json_decref(fixture);
  heta_model_close(model);
}

/* Words and tokens: every altered prompt as a run of its own. */
static void words_and_tokens(void **state) {
  (void)state;
  static const char *const OPTIONS[] = {"source=word samples=12 query=none",
                                        "source=token samples=12 query=none",
                                        "source=token samples=12 query=sentence"};
  heta_model *model = fixture_model("llama-gqa");
  json_t *fixture = load("llama-gqa");
  const json_t *own = json_object_get(fixture, "contextcite");
  for (size_t k = 0; k < 3; k++) {
    heta_job *job = cite(own, model, OPTIONS[k]);
    heta_i_session *s = &job->session;
    heta_i_sources sources;
    heta_error error = {0};
    assert_int_equal(heta_i_sources_find(s, k > 0, HETA_BREAK_WORD, k == 2, &sources, &error),
                     HETA_OK);
    bool *keep = heta_i_allocate(sources.count, sizeof *keep);
    for (size_t sample = 0; sample < 12; sample += 5) {
      heta_i_twister twister;
      int32_t *tokens = NULL;
      size_t length;
      heta_i_twister_seed(&twister, (uint32_t)sample);
      for (size_t i = 0; i < sources.count; i++) keep[i] = heta_i_twister_double(&twister) >= 0.5;
      assert_int_equal(heta_i_sources_tokens(s, &sources, keep, &tokens, &length, NULL, &error),
                       HETA_OK);
      int32_t *ids = heta_i_allocate(length + s->target_count, sizeof *ids);
      memcpy(ids, tokens, length * sizeof *ids);
      for (size_t t = 0; t < s->target_count; t++) ids[length + t] = s->targets[t].id;
      for (size_t t = 0; t < s->target_count; t++) {
        heta_i_lane lane = heta_i_lane_of(ids, length + t);
        size_t last = length + t - 1;
        heta_i_run *run = NULL;
        double *p = heta_i_allocate(model->hyper.vocabulary, sizeof *p), odds;
        assert_int_equal(s->engine->api->run(s->engine, &lane, 0, &last, 1, &run, &error), HETA_OK);
        s->engine->api->logprobs(run, 0, p);
        odds = p[s->targets[t].id] - log(-expm1(p[s->targets[t].id]));
        fixture_close(OPTIONS[k], &s->series[0].values[t * 12 + sample], &odds, 1, 1e-10);
        s->engine->api->run_free(run);
        heta_i_free(p);
      }
      heta_i_free(ids);
      heta_i_free(tokens);
    }
    heta_i_free(keep);
    heta_job_free(job);
  }
  json_decref(fixture);
  heta_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(coalitions),
                                     cmocka_unit_test(prefixes),
                                     cmocka_unit_test(fits),
                                     cmocka_unit_test(packages),
                                     cmocka_unit_test(sampled_shapley),
                                     cmocka_unit_test(occlusion_of_probability),
                                     cmocka_unit_test(visits),
                                     cmocka_unit_test(progressive),
                                     cmocka_unit_test(rationale),
                                     cmocka_unit_test(transport),
                                     cmocka_unit_test(gilot),
                                     cmocka_unit_test(contextcite),
                                     cmocka_unit_test(words_and_tokens)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
