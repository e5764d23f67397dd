/* test_captures.c: every site of a block, captured from runs, lanes and finished runs, against the
 * block computed here in plain loops from the file's weights; and what overrides leave there. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "format/quant.h"
#include "support/derive.h"

typedef struct subject {
  heta_model *model;
  heta_i_engine *engine;
  int32_t *ids;
  size_t n;
  dice d;
} subject;

typedef double *sites[HETA_SITE_COUNT]; /* one matrix each, or NULL */

static size_t site_numbers(const subject *s, heta_i_site site) {
  if (site == HETA_SITE_PROBABILITIES) return s->model->hyper.heads * s->n * s->n;
  return s->n * s->model->widths[site];
}

static bool in_block(const subject *s, heta_i_site site) {
  if (site == HETA_SITE_PROBABILITIES) return true;
  return site < HETA_SITE_NORM_FINAL && s->model->widths[site] > 0;
}

static const heta_i_weight *weight_of(const subject *s, size_t block, heta_i_site out) {
  for (size_t i = 0; i < s->model->block_ops; i++)
    if (s->model->architecture->block[i].out == out)
      return &s->model->block_weights[block * s->model->block_ops + i];
  return NULL;
}

static void norm(subject *s, size_t block, heta_i_site out, const double *x, double *y) {
  const heta_i_weight *weight = weight_of(s, block, out);
  size_t width = s->model->hyper.width;
  for (size_t r = 0; r < s->n; r++) {
    double sum = dot_of(x + r * width, x + r * width, width);
    double scale = 1 / sqrt(sum / (double)width + s->model->hyper.epsilon);
    for (size_t c = 0; c < width; c++)
      y[r * width + c] = x[r * width + c] * scale * (double)weight->vector[c];
  }
}

static void linear(subject *s, size_t block, heta_i_site out, const double *x, double *y) {
  const heta_i_weight *weight = weight_of(s, block, out);
  const heta_i_tensor *tensor = weight->tensor;
  size_t rows = weight->rows, cols = weight->cols;
  float *w = heta_i_arena_take(&s->d.memory, cols, sizeof *w);
  assert_non_null(w);
  for (size_t o = 0; o < rows; o++) {
    heta_i_expand(tensor->type, tensor->data + o * (tensor->bytes / rows), cols, w);
    for (size_t r = 0; r < s->n; r++) {
      double sum = weight->bias ? (double)weight->bias[o] : 0;
      for (size_t c = 0; c < cols; c++) sum += x[r * cols + c] * (double)w[c];
      y[r * rows + o] = sum;
    }
  }
}

/* Llama files hold pairs (2i, 2i + 1). */
static void rotate(subject *s, size_t heads, const double *x, double *y) {
  const heta_i_hyper *hyper = &s->model->hyper;
  size_t width = heads * hyper->head_width;
  memcpy(y, x, s->n * width * sizeof *y);
  for (size_t r = 0; r < s->n; r++)
    for (size_t h = 0; h < heads; h++)
      for (size_t i = 0; i < hyper->rotary[0].dims / 2; i++) {
        double angle = (double)r * hyper->rotary[0].frequency[i];
        size_t at = r * width + h * hyper->head_width + 2 * i;
        y[at] = x[at] * cos(angle) - x[at + 1] * sin(angle);
        y[at + 1] = x[at] * sin(angle) + x[at + 1] * cos(angle);
      }
}

static void attend(subject *s, size_t window, const double *q, const double *k, const double *v,
                   double *a, double *mix) {
  const heta_i_hyper *hyper = &s->model->hyper;
  size_t w = hyper->head_width, group = hyper->heads / hyper->kv_heads;
  memset(mix, 0, s->n * hyper->heads * w * sizeof *mix);
  for (size_t h = 0; h < hyper->heads; h++)
    for (size_t i = 0; i < s->n; i++) {
      double *row = a + (h * s->n + i) * s->n, sum = 0;
      for (size_t j = 0; j < s->n; j++) {
        const double *key = k + (j * hyper->kv_heads + h / group) * w;
        bool hidden = j > i || (window && i - j >= window);
        row[j] = hidden ? 0 : exp(dot_of(q + (i * hyper->heads + h) * w, key, w) / sqrt((double)w));
        sum += row[j];
      }
      for (size_t j = 0; j < s->n; j++) {
        row[j] /= sum;
        for (size_t u = 0; u < w; u++)
          mix[(i * hyper->heads + h) * w + u] +=
              row[j] * v[(j * hyper->kv_heads + h / group) * w + u];
      }
    }
}

/* The whole block from its input. */
static void by_hand(subject *s, size_t block, sites x) {
  const heta_i_hyper *hyper = &s->model->hyper;
  norm(s, block, HETA_SITE_NORM_ATTENTION, x[HETA_SITE_RESIDUAL_BEFORE],
       x[HETA_SITE_NORM_ATTENTION]);
  static const heta_i_site PROJECTED[] = {HETA_SITE_QUERY, HETA_SITE_KEY, HETA_SITE_VALUE};
  for (size_t i = 0; i < 3; i++)
    linear(s, block, PROJECTED[i], x[HETA_SITE_NORM_ATTENTION], x[PROJECTED[i]]);
  rotate(s, hyper->heads, x[HETA_SITE_QUERY], x[HETA_SITE_QUERY_ROTATED]);
  rotate(s, hyper->kv_heads, x[HETA_SITE_KEY], x[HETA_SITE_KEY_ROTATED]);
  attend(s, hyper->layer[block].window, x[HETA_SITE_QUERY_ROTATED], x[HETA_SITE_KEY_ROTATED],
         x[HETA_SITE_VALUE], x[HETA_SITE_PROBABILITIES], x[HETA_SITE_MIX]);
  linear(s, block, HETA_SITE_ATTENTION_OUT, x[HETA_SITE_MIX], x[HETA_SITE_ATTENTION_OUT]);
  size_t size = s->n * hyper->width;
  for (size_t i = 0; i < size; i++)
    x[HETA_SITE_RESIDUAL_MIDDLE][i] =
        x[HETA_SITE_RESIDUAL_BEFORE][i] + x[HETA_SITE_ATTENTION_OUT][i];
  norm(s, block, HETA_SITE_NORM_MLP, x[HETA_SITE_RESIDUAL_MIDDLE], x[HETA_SITE_NORM_MLP]);
  linear(s, block, HETA_SITE_GATE, x[HETA_SITE_NORM_MLP], x[HETA_SITE_GATE]);
  linear(s, block, HETA_SITE_UP, x[HETA_SITE_NORM_MLP], x[HETA_SITE_UP]);
  for (size_t i = 0; i < s->n * hyper->feed_forward; i++) {
    double gate = x[HETA_SITE_GATE][i];
    x[HETA_SITE_ACTIVATION][i] = gate / (1 + exp(-gate)) * x[HETA_SITE_UP][i];
  }
  linear(s, block, HETA_SITE_MLP_OUT, x[HETA_SITE_ACTIVATION], x[HETA_SITE_MLP_OUT]);
  for (size_t i = 0; i < size; i++)
    x[HETA_SITE_RESIDUAL_AFTER][i] = x[HETA_SITE_RESIDUAL_MIDDLE][i] + x[HETA_SITE_MLP_OUT][i];
}

static void open_sites(subject *s, sites x) {
  memset(x, 0, sizeof(sites));
  for (int site = HETA_SITE_RESIDUAL_BEFORE; site < HETA_SITE_COUNT; site++)
    if (in_block(s, (heta_i_site)site))
      x[site] = dice_zeros(&s->d, site_numbers(s, (heta_i_site)site));
}

static size_t captures_of(const subject *s, size_t block, sites x, heta_i_capture *out) {
  size_t count = 0;
  for (int site = HETA_SITE_RESIDUAL_BEFORE; site < HETA_SITE_COUNT; site++)
    if (in_block(s, (heta_i_site)site))
      out[count++] = (heta_i_capture){(heta_i_site)site, block, x[site]};
  return count;
}

/* Rows first … of what a lane captured are those of the whole. */
static void expect_rows(const subject *s, const char *how, size_t block, sites found, sites wanted,
                        size_t first, double limit) {
  for (int site = HETA_SITE_RESIDUAL_BEFORE; site < HETA_SITE_COUNT; site++) {
    if (!wanted[site]) continue;
    char what[128];
    snprintf(what, sizeof what, "%s: %s of block %zu", how, heta_i_site_name((heta_i_site)site),
             block);
    size_t parts = site == HETA_SITE_PROBABILITIES ? s->model->hyper.heads : 1;
    size_t numbers = site_numbers(s, (heta_i_site)site) / parts, width = numbers / s->n;
    for (size_t p = 0; p < parts; p++)
      fixture_close(what, found[site] + p * (s->n - first) * width,
                    wanted[site] + p * numbers + first * width, (s->n - first) * width, limit);
  }
}

static subject open_subject(const char *name, const fixture_kind *kind, bool recompute,
                            uint64_t seed) {
  subject s = {.d = {.seed = seed}, .model = fixture_model(name)};
  json_t *fixture = fixture_load(name);
  s.ids = fixture_ids(fixture, &s.n);
  json_decref(fixture);
  s.engine = fixture_engine(s.model, kind, s.n, 32, !recompute, recompute, 1);
  return s;
}

static void close_subject(subject *s) {
  s->engine->api->close(s->engine);
  heta_model_close(s->model);
  heta_i_free(s->ids);
  dice_free(&s->d);
}

static void check_model(const char *name, const fixture_kind *kind, bool recompute, double limit) {
  subject s = open_subject(name, kind, recompute, 11);
  const heta_i_engine_api *api = s.engine->api;
  size_t layers = s.model->hyper.layers, row = s.n - 1, first = s.n / 2;
  heta_error error = {0};
  double *input = dice_zeros(&s.d, s.n * s.model->hyper.width);
  api->embed(s.engine, s.ids, s.n, input);
  heta_i_lane plain = heta_i_lane_of(s.ids, s.n);
  heta_i_run *parent = NULL;
  derive_ok(api->run(s.engine, &plain, 0, &row, 1, &parent, &error), &error);
  for (size_t block = 0; block < layers; block++) {
    sites wanted, found;
    heta_i_capture captures[HETA_SITE_COUNT];
    open_sites(&s, wanted);
    memcpy(wanted[HETA_SITE_RESIDUAL_BEFORE], input, s.n * s.model->hyper.width * sizeof *input);
    by_hand(&s, block, wanted);
    input = wanted[HETA_SITE_RESIDUAL_AFTER];

    open_sites(&s, found);
    heta_i_lane lane = plain;
    lane.captures = captures;
    lane.capture_count = captures_of(&s, block, found, captures);
    heta_i_run *run = NULL;
    derive_ok(api->run(s.engine, &lane, 0, &row, 1, &run, &error), &error);
    api->run_free(run);
    expect_rows(&s, "run", block, found, wanted, 0, limit);

    open_sites(&s, found);
    size_t count = captures_of(&s, block, found, captures);
    derive_ok(api->inspect(s.engine, parent, block, captures, count, &error), &error);
    expect_rows(&s, "finished run", block, found, wanted, 0, limit);

    open_sites(&s, found);
    captures_of(&s, block, found, captures);
    heta_i_lane lanes[3] = {plain, lane, plain}; /* one that captures between two that do not */
    for (int l = 0; l < 3; l++) {
      lanes[l].parent = parent;
      lanes[l].first = first;
    }
    derive_ok(api->lanes(s.engine, lanes, 3, NULL, &error), &error);
    expect_rows(&s, "lane", block, found, wanted, first, limit);
  }
  /* Projecting a head's part of the mix is that part of the output projection. */
  size_t width = s.model->hyper.width, hw = s.model->hyper.head_width, heads = s.model->hyper.heads;
  double *mix = dice_normal(&s.d, s.n * heads * hw), *part = dice_zeros(&s.d, s.n * hw);
  double *whole = dice_zeros(&s.d, s.n * width), *sum = dice_zeros(&s.d, s.n * width);
  double *one = dice_zeros(&s.d, s.n * width), *zero = dice_zeros(&s.d, s.n * heads * hw);
  linear(&s, layers - 1, HETA_SITE_ATTENTION_OUT, mix, whole);
  linear(&s, layers - 1, HETA_SITE_ATTENTION_OUT, zero, sum); /* the bias */
  for (size_t h = 0; h < heads; h++) {
    for (size_t i = 0; i < s.n; i++)
      memcpy(part + i * hw, mix + (i * heads + h) * hw, hw * sizeof *part);
    derive_ok(api->project(s.engine, layers - 1, HETA_SITE_ATTENTION_OUT, h * hw, hw, s.n, part,
                           one, &error),
              &error);
    for (size_t i = 0; i < s.n * width; i++) sum[i] += one[i];
  }
  fixture_close("projections of all heads", sum, whole, s.n * width, limit);
  assert_int_equal(api->project(s.engine, 0, HETA_SITE_ATTENTION_OUT, (heads - 1) * hw + 1, hw, s.n,
                                part, one, &error),
                   HETA_E_INTERNAL);
  api->run_free(parent);
  close_subject(&s);
}

static void sites_by_hand(void **state) {
  (void)state;
  size_t checked = 0;
  for (size_t m = 0; fixture_models()[m]; m++) {
    const char *name = fixture_models()[m];
    if (strncmp(name, "llama-", 6) && strcmp(name, "mistral")) continue; /* not as in by_hand */
    checked++;
    for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++)
      for (int recompute = 0; recompute < 2; recompute++)
        check_model(name, kind, recompute, kind->precision == HETA_PRECISION_F64 ? 1e-12 : 5e-5);
  }
  assert_true(checked >= 2);
}

/* What an override leaves at its site is scale x + add, in the rows and columns it names. */
static void changes_by_hand(void **state) {
  (void)state;
  size_t checked = 0;
  for (size_t m = 0; fixture_models()[m]; m++) {
    subject s = open_subject(fixture_models()[m], &FIXTURE_KINDS[0], false, 50 + m);
    size_t block = s.model->hyper.layers - 1, row = s.n - 1, hw = s.model->hyper.head_width;
    for (int site = HETA_SITE_RESIDUAL_BEFORE; site < HETA_SITE_COUNT; site++) {
      if (!in_block(&s, (heta_i_site)site)) continue;
      bool probabilities = site == HETA_SITE_PROBABILITIES;
      size_t numbers = site_numbers(&s, (heta_i_site)site);
      size_t heads = probabilities ? s.model->hyper.heads : s.model->widths[site] / hw;
      size_t width = probabilities ? s.n : s.model->widths[site];
      double *plain = dice_zeros(&s.d, numbers), *found = dice_zeros(&s.d, numbers);
      double *add = dice_normal(&s.d, width), *wanted;
      heta_i_override change = {(heta_i_site)site,
                                block,
                                dice_below(&s.d, 2) ? SIZE_MAX : dice_below(&s.d, s.n),
                                dice_below(&s.d, 2) ? SIZE_MAX : dice_below(&s.d, heads),
                                0.25 * (double)dice_below(&s.d, 5),
                                add};
      heta_i_capture capture = {(heta_i_site)site, block, plain};
      heta_i_lane lane = heta_i_lane_of(s.ids, s.n);
      lane.captures = &capture;
      lane.capture_count = 1;
      heta_i_run *run = NULL;
      heta_error error = {0};
      derive_ok(s.engine->api->run(s.engine, &lane, 0, &row, 1, &run, &error), &error);
      s.engine->api->run_free(run);
      lane.overrides = &change;
      lane.override_count = 1;
      capture.out = found;
      derive_ok(s.engine->api->run(s.engine, &lane, 0, &row, 1, &run, &error), &error);
      s.engine->api->run_free(run);
      wanted = dice_copy(&s.d, plain, numbers);
      for (size_t i = 0; i < numbers; i++) {
        size_t at = i / width % s.n, column = i % width;
        size_t head = probabilities ? i / width / s.n : column / hw;
        if (change.row != SIZE_MAX && change.row != at) continue;
        if (change.head != SIZE_MAX && change.head != head) continue;
        if (probabilities && column > at) continue;            /* a key that is not seen stays so */
        bool part = change.head != SIZE_MAX && !probabilities; /* `add` is one head's */
        wanted[i] = change.scale * plain[i] + add[part ? column % hw : column];
      }
      fixture_close(heta_i_site_name((heta_i_site)site), found, wanted, numbers, 1e-15);
      checked++;
    }
    close_subject(&s);
  }
  assert_true(checked >= fixture_count() * 14);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sites_by_hand),
                                     cmocka_unit_test(changes_by_hand)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
