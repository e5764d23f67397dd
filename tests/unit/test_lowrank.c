/* test_lowrank.c: low-rank curvature against dense blocks, and curvature of the last layers against
 * differences of gradients. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/eigen.h"
#include "base/random.h"
#include "support/attribute.h"

enum { CONTEXT = 5, MOST = 160, FREE = 16 * 64 };

static const fixture_kind *const F64 = &FIXTURE_KINDS[0];

typedef struct question {
  heta_model *model;
  json_t *fixture;
  heta_job *job;
  const heta_attribution *a;
  size_t width;
} question;

/* The fixture's first target after five tokens, in float64. */
static question ask(const char *options_text) {
  question q = {.model = fixture_model("llama-mha"), .fixture = fixture_load("llama-mha")};
  heta_attribute_options options = attribute_options(F64, options_text);
  const json_t *target = json_array_get(json_object_get(q.fixture, "targets"), 0);
  int32_t id = (int32_t)json_integer_value(json_object_get(target, "id"));
  q.job = attribute_fixture(q.fixture, q.model, CONTEXT, id, -1, &options);
  q.a = attribute_run(q.job);
  q.width = q.model->hyper.width;
  return q;
}

static void drop(question *q) {
  heta_job_free(q->job);
  json_decref(q->fixture);
  heta_model_close(q->model);
}

/* H of rows [first, first + rows) of the context, column by column: [rows·width]². */
static void dense(question *q, size_t first, size_t rows, double *h) {
  size_t size = rows * q->width;
  heta_error error;
  double *unit = heta_i_allocate(size, sizeof *unit);
  assert_non_null(unit);
  for (size_t e = 0; e < size; e++) {
    unit[e] = 1;
    heta_i_probe probe = {first, rows, unit, rows, h + e * size};
    assert_int_equal(heta_i_products(&q->job->session, 0, 1, &probe, 1, false, &error), HETA_OK);
    unit[e] = 0;
  }
  heta_i_free(unit);
}

/* out = x y, all [size × size] but for y's columns. */
static void product(const double *x, const double *y, size_t rows, size_t inner, size_t columns,
                    double *out) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) {
      double sum = 0;
      for (size_t k = 0; k < inner; k++) sum += x[i * inner + k] * y[k * columns + j];
      out[i * columns + j] = sum;
    }
}

/* P H P with P the projection on the span of HΩ, as Y (YᵀY)⁻¹ Yᵀ: no base of the span is made. */
static void compressed(const double *h, const double *omega, size_t size, size_t k, double *out) {
  static double y[MOST * MOST], gram[MOST * MOST], a[MOST * MOST], column[MOST], p[MOST * MOST];
  product(h, omega, size, size, k, y);
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j < k; j++) {
      gram[i * k + j] = 0;
      for (size_t e = 0; e < size; e++) gram[i * k + j] += y[e * k + i] * y[e * k + j];
    }
  for (size_t e = 0; e < size; e++) {
    memcpy(a, gram, k * k * sizeof *a);
    memcpy(column, y + e * k, k * sizeof *column);
    heta_i_solve(k, a, column);
    for (size_t f = 0; f < size; f++) {
      p[f * size + e] = 0;
      for (size_t j = 0; j < k; j++) p[f * size + e] += y[f * k + j] * column[j];
    }
  }
  product(p, h, size, size, size, y);
  product(y, p, size, size, size, out);
}

/* Mean ‖block r‖₁ over the free directions of a token; block has rows of `stride` numbers. */
static double mean_norm(const question *q, const double *block, size_t stride, size_t token) {
  double sum = 0, *r = heta_i_allocate(q->width, sizeof *r);
  assert_non_null(r);
  for (uint32_t f = 0; f < FREE; f++) {
    heta_i_rademacher(7, HETA_STREAM_FREE, (uint32_t)token, f, q->width, r);
    for (size_t a = 0; a < q->width; a++) {
      double row = 0;
      for (size_t b = 0; b < q->width; b++) row += block[a * stride + b] * r[b];
      sum += fabs(row) / FREE;
    }
  }
  heta_i_free(r);
  return sum;
}

static void column_of_range(const question *q, size_t rows, size_t first, size_t k, double *omega) {
  double *column = heta_i_allocate(q->width, sizeof *column);
  assert_non_null(column);
  for (size_t j = 0; j < k; j++)
    for (size_t i = 0; i < rows; i++) {
      heta_i_normal(7, HETA_STREAM_RANGE, (uint32_t)(first + i), (uint32_t)j, q->width, column);
      for (size_t a = 0; a < q->width; a++) omega[(i * q->width + a) * k + j] = column[a];
    }
  heta_i_free(column);
}

static void blocks(void **state) {
  (void)state;
  static double h[MOST * MOST], omega[MOST * MOST], small[MOST * MOST];
  static const struct {
    const char *options;
    size_t rank;
  } CASES[] = {{"curvature=lowrank:3", 3}, {"curvature=lowrank", 16}};
  for (size_t c = 0; c < 2; c++) {
    question q = ask(CASES[c].options);
    const double *s = attribute_component(q.a, 0, "curvature");
    assert_int_equal(q.a->cost_hvps, 2 * CASES[c].rank * CONTEXT);
    assert_int_equal(q.a->rows[0].probes[0], 2 * CASES[c].rank);
    for (size_t i = 0; i < CONTEXT; i++) {
      dense(&q, i, 1, h);
      column_of_range(&q, 1, i, CASES[c].rank, omega);
      compressed(h, omega, q.width, CASES[c].rank, small);
      /* At full rank the part is the whole block. */
      double expected = mean_norm(&q, c ? h : small, q.width, i);
      if (!(fabs(s[i] - expected) <= 1e-6 * expected))
        fail_msg("%s: token %zu: %.9g, not %.9g", CASES[c].options, i, s[i], expected);
    }
    drop(&q);
  }
}

static void whole_window(void **state) {
  (void)state;
  static double h[MOST * MOST], omega[MOST * MOST], small[MOST * MOST];
  enum { RANK = 6 };
  question q = ask("curvature=lowrank-global:6");
  const double *s = attribute_component(q.a, 0, "curvature");
  size_t size = CONTEXT * q.width;
  assert_int_equal(q.a->cost_hvps, 2 * RANK);
  dense(&q, 0, CONTEXT, h);
  column_of_range(&q, CONTEXT, 0, RANK, omega);
  compressed(h, omega, size, RANK, small);
  for (size_t i = 0; i < CONTEXT; i++) {
    double expected = mean_norm(&q, small + i * q.width * (size + 1), size, i);
    if (!(fabs(s[i] - expected) <= 1e-6 * expected))
      fail_msg("token %zu: %.9g, not %.9g", i, s[i], expected);
  }
  drop(&q);
}

/* The gradient by the hidden states that enter the last `layers` blocks, at states x. */
static void gradient_at(question *q, size_t layers, const double *x, double *out) {
  heta_i_session *s = &q->job->session;
  heta_error error;
  heta_i_lane lane = heta_i_lane_of(s->tokens, CONTEXT);
  lane.input = x;
  size_t row = CONTEXT - 1;
  heta_i_seed seed = {row, s->targets[0].id, 1, HETA_SEED_LOGPROB};
  heta_i_run *run;
  assert_int_equal(
      s->engine->api->run(s->engine, &lane, q->model->hyper.layers - layers, &row, 1, &run, &error),
      HETA_OK);
  assert_int_equal(s->engine->api->reverse(s->engine, run, &seed, 1, NULL, out, NULL, &error),
                   HETA_OK);
  s->engine->api->run_free(run);
}

static void last_layers(void **state) {
  (void)state;
  enum { LAYERS = 1 };
  question q = ask("curvature=block layers=1 probes=1");
  heta_i_session *s = &q.job->session;
  size_t size = CONTEXT * q.width;
  heta_error error;
  double x[MOST], direction[MOST] = {0}, up[MOST], down[MOST], differences[MOST], exact[MOST];
  assert_true(size <= MOST);
  heta_i_capture wanted = {HETA_SITE_RESIDUAL_BEFORE, q.model->hyper.layers - LAYERS, x};
  assert_int_equal(s->engine->api->inspect(s->engine, s->run, wanted.block, &wanted, 1, &error),
                   HETA_OK);
  const double *curvature = attribute_component(q.a, 0, "curvature"), step = 1e-5;
  for (size_t i = 0; i < CONTEXT; i++) {
    heta_i_rademacher(7, HETA_STREAM_BLOCK_PROBE, (uint32_t)i, 0, q.width, direction + i * q.width);
    for (size_t e = 0; e < q.width; e++) x[i * q.width + e] += step * direction[i * q.width + e];
    gradient_at(&q, LAYERS, x, up);
    for (size_t e = 0; e < q.width; e++)
      x[i * q.width + e] -= 2 * step * direction[i * q.width + e];
    gradient_at(&q, LAYERS, x, down);
    for (size_t e = 0; e < q.width; e++) x[i * q.width + e] += step * direction[i * q.width + e];
    for (size_t e = 0; e < size; e++) differences[e] = (up[e] - down[e]) / (2 * step);
    heta_i_probe probe = {i, 1, direction + i * q.width, CONTEXT - i, exact};
    assert_int_equal(heta_i_products(s, 0, 1, &probe, 1, false, &error), HETA_OK);
    fixture_close("a product of the last layer", exact, differences + i * q.width,
                  (CONTEXT - i) * q.width, 1e-6);
    double norm = heta_i_l1(differences + i * q.width, q.width);
    assert_true(fabs(norm - curvature[i]) <= 1e-6 * norm);
  }
  drop(&q);
  q = ask("curvature=gradsq layers=1");
  gradient_at(&q, LAYERS, x, exact);
  for (size_t i = 0; i < CONTEXT; i++) {
    double sum = 0;
    for (size_t e = 0; e < q.width; e++) sum += pow(exact[i * q.width + e], 2);
    assert_true(fabs(attribute_component(q.a, 0, "curvature")[i] - sum) <= 1e-9 * sum);
  }
  drop(&q);
}

/* Every estimator of the last layers, for two targets: the same bits in every plan, and the
 * gradient stays that of the embeddings. */
static void plans_change_nothing(void **state) {
  (void)state;
  static const char TEXT[] = "then a hen hid";
  static const char *const OPTIONS[] = {"curvature=lowrank:4",
                                        "curvature=lowrank-global:5",
                                        "curvature=lowrank:4 layers=1",
                                        "curvature=row layers=2",
                                        "probes=9 estimator=sketch layers=1",
                                        "curvature=lowrank-global:5 layers=2"};
  heta_model *model = fixture_model("llama-gqa");
  for (size_t o = 0; o < sizeof OPTIONS / sizeof *OPTIONS; o++) {
    heta_job *jobs[2];
    for (int small = 0; small < 2; small++) {
      heta_attribute_options options = attribute_options(&FIXTURE_KINDS[1], OPTIONS[o]);
      options.target = HETA_TARGET_TEXT;
      options.target_text = " in";
      options.threads = small ? 2 : 1;
      jobs[small] = attribute_job(model, TEXT, strlen(TEXT), &options);
      jobs[small]->settings.recompute = small;
      if (small) jobs[small]->session.target_group = 1;
      if (small) jobs[small]->settings.lane_rows = heta_i_pad_rows(32);
      assert_true(attribute_run(jobs[small])->complete);
    }
    const heta_attribution *a = attribute_result(jobs[0]), *b = attribute_result(jobs[1]);
    for (size_t t = 0; t < a->row_count; t++) {
      size_t n = a->rows[t].length;
      if (memcmp(a->rows[t].score, b->rows[t].score, n * sizeof(double)) ||
          memcmp(a->rows[t].score_se, b->rows[t].score_se, n * sizeof(double)))
        fail_msg("%s: target %zu: other bits", OPTIONS[o], t);
    }
    heta_job_free(jobs[0]);
    heta_job_free(jobs[1]);
  }
  heta_model_close(model);
}

static void refusals(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  static const char *const CASES[][2] = {
      {"curvature=lowrank probes=20", "takes twice its rank in products and no probes"},
      {"curvature=lowrank:0", "the rank is at least 1"},
      {"curvature=lowrank:8 estimator=sketch", "is for --curvature block and gauss-newton"},
      {"layers=3", "this model has 3 layers; take 1 to 2 of the last ones"},
      {"curvature=gradsq probes=auto", "is exact and takes no probes"}};
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    heta_attribute_options options = attribute_options(&FIXTURE_KINDS[2], CASES[i][0]);
    attribute_refused(model, "then a hen", &options, HETA_E_ARGUMENT, CASES[i][1]);
  }
  heta_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks), cmocka_unit_test(whole_window), cmocka_unit_test(last_layers),
      cmocka_unit_test(plans_change_nothing), cmocka_unit_test(refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
