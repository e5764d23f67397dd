/* test_ops.c: every op's four maps, kernel by kernel. In double the reference backend's derivative
 * maps equal four-point central differences of the maps they differentiate; in float both backends
 * equal the double kernels on the same rounded numbers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/dice.h"
#include "support/fixture.h"
#include "support/kernels.h"

/* Relative to the largest value of the array concerned. */
static const double DIFFERENCE = 1e-8; /* derivative maps against differences */
static const double IDENTITY = 1e-12;  /* what must hold exactly, but for rounding */
static const double FLOAT = 2e-5;      /* float kernels against double ones */

typedef struct subject {
  dice d;
  const char *name;
  kernel_case c;
  size_t in[KERNEL_INPUTS], out; /* numbers in each input and in the output */
  double *x[KERNEL_INPUTS], *dx[KERNEL_INPUTS], *gy, *dgy;
} subject;

static void expect_close(const subject *s, const char *what, const double *a, const double *b,
                         size_t count, double limit) {
  double found = fixture_error(a, b, count);
  if (!(found <= limit))
    fail_msg("%s (seed %llu, %zu rows): %s: relative error %.3g, allowed %.3g", s->name,
             (unsigned long long)s->d.seed, s->c.rows, what, found, limit);
}

/* Most cases run on one thread, some on two. */
static int threads_of(const subject *s) { return s->d.seed % 8 ? 1 : 2; }

static void open_subject(subject *s) {
  size_t widths[KERNEL_INPUTS], out;
  kernel_widths(&s->c, widths, &out);
  s->out = s->c.rows * out;
  for (int i = 0; i < KERNEL_INPUTS; i++) {
    s->in[i] = s->c.rows * widths[i];
    s->x[i] = s->in[i] ? dice_normal(&s->d, s->in[i]) : NULL;
    s->dx[i] = s->in[i] ? dice_normal(&s->d, s->in[i]) : NULL;
  }
  for (size_t e = 0; s->c.activation == HETA_ACT_RELU && e < s->in[0]; e++)
    s->x[0][e] += s->x[0][e] < 0 ? -0.1 : 0.1; /* no difference crosses the kink */
  s->gy = dice_normal(&s->d, s->out);
  s->dgy = dice_normal(&s->d, s->out);
}

static double *forward(subject *s, const double *const x[KERNEL_INPUTS]) {
  kernel_arguments a = {.y = dice_zeros(&s->d, s->out)};
  memcpy(a.x, x, sizeof a.x);
  kernel_run_f64(HETA_BACKEND_REFERENCE, 1, &s->c, KERNEL_FORWARD, &a);
  return a.y;
}

static kernel_arguments arguments(subject *s, kernel_map map) {
  kernel_arguments a = {.gy = s->gy};
  for (int i = 0; i < KERNEL_INPUTS; i++) {
    a.x[i] = s->x[i];
    if (map != KERNEL_VJP) a.dx[i] = s->dx[i];
    if (map != KERNEL_JVP && s->in[i]) a.gx[i] = dice_zeros(&s->d, s->in[i]);
  }
  if (map == KERNEL_VJP_TANGENT) a.dgy = s->dgy;
  if (map == KERNEL_FORWARD || map == KERNEL_JVP) a.y = dice_zeros(&s->d, s->out);
  return a;
}

static kernel_arguments run_f64(subject *s, kernel_map map) {
  kernel_arguments a = arguments(s, map);
  kernel_run_f64(HETA_BACKEND_REFERENCE, 1, &s->c, map, &a);
  return a;
}

/* f at x + step dx (and ȳ + step ȳ̇): forward into y, or vjp into gx. */
static kernel_arguments shifted(subject *s, kernel_map map, double step) {
  kernel_arguments a = arguments(s, map);
  for (int i = 0; i < KERNEL_INPUTS; i++) {
    if (!s->in[i]) continue;
    double *x = dice_copy(&s->d, s->x[i], s->in[i]);
    for (size_t e = 0; e < s->in[i]; e++) x[e] += step * s->dx[i][e];
    a.x[i] = x;
  }
  double *gy = dice_copy(&s->d, s->gy, s->out);
  for (size_t e = 0; e < s->out; e++) gy[e] += step * s->dgy[e];
  a.gy = gy;
  kernel_run_f64(HETA_BACKEND_REFERENCE, 1, &s->c, map, &a);
  return a;
}

static void check_differences(subject *s) {
  static const double STEPS[4] = {2, 1, -1, -2}, WEIGHTS[4] = {-1, 8, -8, 1};
  const double step = 5e-4;
  double *dy = dice_zeros(&s->d, s->out), *dgx[KERNEL_INPUTS];
  for (int i = 0; i < KERNEL_INPUTS; i++) dgx[i] = dice_zeros(&s->d, s->in[i]);
  for (int k = 0; k < 4; k++) {
    kernel_arguments y = shifted(s, KERNEL_FORWARD, STEPS[k] * step);
    kernel_arguments gx = shifted(s, KERNEL_VJP, STEPS[k] * step);
    for (size_t e = 0; e < s->out; e++) dy[e] += WEIGHTS[k] * y.y[e] / (12 * step);
    for (int i = 0; i < KERNEL_INPUTS; i++)
      for (size_t e = 0; e < s->in[i]; e++) dgx[i][e] += WEIGHTS[k] * gx.gx[i][e] / (12 * step);
  }
  expect_close(s, "jvp against differences", run_f64(s, KERNEL_JVP).y, dy, s->out, DIFFERENCE);
  kernel_arguments a = run_f64(s, KERNEL_VJP_TANGENT);
  for (int i = 0; i < KERNEL_INPUTS; i++)
    expect_close(s, "vjp' against differences of vjp", a.gx[i], dgx[i], s->in[i], DIFFERENCE);
}

static void check_identities(subject *s) {
  kernel_arguments forth = run_f64(s, KERNEL_JVP), back = run_f64(s, KERNEL_VJP);
  double left = dot_of(s->gy, forth.y, s->out), right = 0, scale = 0;
  for (size_t e = 0; e < s->out; e++) scale += fabs(s->gy[e] * forth.y[e]);
  for (int i = 0; i < KERNEL_INPUTS; i++)
    if (s->in[i]) right += dot_of(back.gx[i], s->dx[i], s->in[i]);
  if (!(fabs(left - right) <= IDENTITY * scale))
    fail_msg("%s (seed %llu): <u, Jv> = %.17g but <J'u, v> = %.17g", s->name,
             (unsigned long long)s->d.seed, left, right);
  kernel_arguments none = arguments(s, KERNEL_VJP_TANGENT), zero = none;
  none.gy = NULL;
  zero.gy = dice_zeros(&s->d, s->out);
  for (int i = 0; i < KERNEL_INPUTS; i++)
    if (s->in[i]) zero.gx[i] = dice_zeros(&s->d, s->in[i]);
  kernel_run_f64(HETA_BACKEND_REFERENCE, 1, &s->c, KERNEL_VJP_TANGENT, &none);
  kernel_run_f64(HETA_BACKEND_REFERENCE, 1, &s->c, KERNEL_VJP_TANGENT, &zero);
  for (int i = 0; i < KERNEL_INPUTS; i++)
    expect_close(s, "vjp' without adjoint", none.gx[i], zero.gx[i], s->in[i], IDENTITY);
}

typedef void (*runner)(heta_backend, int, const kernel_case *, kernel_map,
                       const kernel_arguments *);

/* With `accumulate`, a reverse map adds to what is there. */
static void check_accumulation(subject *s, runner run, heta_backend backend, double limit) {
  if (s->c.kind == HETA_OP_SOFT_CAP) return; /* in place: nothing is added to */
  for (int map = KERNEL_VJP; map <= KERNEL_VJP_TANGENT; map += KERNEL_VJP_TANGENT - KERNEL_VJP) {
    kernel_arguments plain = arguments(s, (kernel_map)map), added = plain;
    run(backend, 1, &s->c, (kernel_map)map, &plain);
    added.accumulate = true;
    double *before[KERNEL_INPUTS];
    for (int i = 0; i < KERNEL_INPUTS; i++) {
      before[i] = dice_normal(&s->d, s->in[i]);
      added.gx[i] = s->in[i] ? dice_copy(&s->d, before[i], s->in[i]) : NULL;
    }
    run(backend, 1, &s->c, (kernel_map)map, &added);
    for (int i = 0; i < KERNEL_INPUTS; i++) {
      for (size_t e = 0; e < s->in[i]; e++) before[i][e] += plain.gx[i][e];
      expect_close(s, "accumulating reverse map", added.gx[i], before[i], s->in[i], limit);
    }
  }
}

/* Copies the rows of a lane out of all rows; the ones before it are cleared in `all`. */
static void take_lane(double *all, size_t width, const kernel_lane *lane, double *own) {
  memcpy(own, all + lane->first * width, lane->rows * width * sizeof *own);
  memset(all, 0, lane->first * width * sizeof *all);
}

/* A batch of tangent lanes, each zero before its first row, equals the maps over all rows. */
static void check_lanes(subject *s, runner run, heta_backend backend, double limit) {
  enum { LANES = 4 };
  size_t rows = s->c.rows, widths[KERNEL_INPUTS], width, total = 0;
  kernel_widths(&s->c, widths, &width);
  kernel_lane lanes[LANES];
  for (int l = 0; l < LANES; l++) {
    size_t first = l ? dice_below(&s->d, rows) : rows - 1;
    lanes[l] = (kernel_lane){first, rows - first};
    total += lanes[l].rows;
  }
  kernel_arguments batch = {.gy = s->gy, .lanes = lanes, .lane_count = LANES};
  double *dx[KERNEL_INPUTS], *dgy = dice_normal(&s->d, total * width);
  batch.dgy = dgy;
  for (int i = 0; i < KERNEL_INPUTS; i++) {
    if (!s->in[i]) continue;
    batch.x[i] = s->x[i];
    batch.dx[i] = dx[i] = dice_normal(&s->d, total * widths[i]);
    batch.gx[i] = dice_zeros(&s->d, total * widths[i]);
  }
  batch.y = dice_zeros(&s->d, total * width);
  run(backend, threads_of(s), &s->c, KERNEL_JVP, &batch);
  run(backend, threads_of(s), &s->c, KERNEL_VJP_TANGENT, &batch);
  size_t at = 0;
  for (int l = 0; l < LANES; at += lanes[l++].rows) {
    kernel_arguments whole = arguments(s, KERNEL_VJP_TANGENT);
    whole.y = dice_zeros(&s->d, s->out);
    double *skipped = dice_zeros(&s->d, s->out);
    memcpy(skipped + lanes[l].first * width, dgy + at * width,
           lanes[l].rows * width * sizeof *skipped);
    whole.dgy = skipped;
    for (int i = 0; i < KERNEL_INPUTS; i++) {
      if (!s->in[i]) continue;
      double *all = dice_zeros(&s->d, s->in[i]);
      memcpy(all + lanes[l].first * widths[i], dx[i] + at * widths[i],
             lanes[l].rows * widths[i] * sizeof *all);
      whole.dx[i] = all;
    }
    run(backend, 1, &s->c, KERNEL_JVP, &whole);
    run(backend, 1, &s->c, KERNEL_VJP_TANGENT, &whole);
    double *own = dice_zeros(&s->d, s->out + s->in[0] + s->in[1] + s->in[2]);
    take_lane(whole.y, width, &lanes[l], own);
    expect_close(s, "jvp of a lane", batch.y + at * width, own, lanes[l].rows * width, limit);
    for (int i = 0; i < KERNEL_INPUTS; i++) {
      if (!s->in[i]) continue;
      take_lane(whole.gx[i], widths[i], &lanes[l], own);
      expect_close(s, "vjp' of a lane", batch.gx[i] + at * widths[i], own,
                   lanes[l].rows * widths[i], limit);
    }
  }
}

static void round_numbers(double *values, size_t count) {
  for (size_t i = 0; values && i < count; i++) values[i] = (double)(float)values[i];
}

/* Each map in float on both backends, on numbers that float holds exactly. */
static void check_float(subject *s) {
  for (int i = 0; i < KERNEL_INPUTS; i++) {
    round_numbers(s->x[i], s->in[i]);
    round_numbers(s->dx[i], s->in[i]);
  }
  round_numbers(s->gy, s->out);
  round_numbers(s->dgy, s->out);
  for (int backend = HETA_BACKEND_CPU; backend <= HETA_BACKEND_REFERENCE; backend++) {
    for (int map = KERNEL_FORWARD; map <= KERNEL_VJP_TANGENT; map++) {
      kernel_arguments found = arguments(s, (kernel_map)map);
      kernel_arguments wanted = run_f64(s, (kernel_map)map);
      kernel_run_f32((heta_backend)backend, threads_of(s), &s->c, (kernel_map)map, &found);
      char what[64];
      snprintf(what, sizeof what, "map %d in float on backend %d", map, backend);
      if (wanted.y) expect_close(s, what, found.y, wanted.y, s->out, FLOAT);
      for (int i = 0; i < KERNEL_INPUTS && map % 2; i++)
        expect_close(s, what, found.gx[i], wanted.gx[i], s->in[i], FLOAT);
    }
    check_accumulation(s, kernel_run_f32, (heta_backend)backend, FLOAT);
    if (s->c.kind != HETA_OP_LINEAR && s->c.kind != HETA_OP_ADD)
      check_lanes(s, kernel_run_f32, (heta_backend)backend, FLOAT);
  }
}

static void check_op(const char *name, uint64_t seed, kernel_case c) {
  subject s = {.d = {.seed = seed}, .name = name, .c = c};
  /* Parameters that float holds exactly serve both precisions. */
  size_t weights = c.kind == HETA_OP_LINEAR ? c.outputs * c.width : c.width;
  double *weight = dice_normal(&s.d, weights), *bias = dice_normal(&s.d, c.outputs + c.width);
  round_numbers(weight, weights);
  round_numbers(bias, c.outputs + c.width);
  s.c.epsilon = (double)(float)c.epsilon;
  s.c.weight = weight;
  if (c.bias) s.c.bias = bias;
  open_subject(&s);
  check_differences(&s);
  check_identities(&s);
  check_accumulation(&s, kernel_run_f64, HETA_BACKEND_REFERENCE, IDENTITY);
  if (c.kind != HETA_OP_LINEAR && c.kind != HETA_OP_ADD)
    check_lanes(&s, kernel_run_f64, HETA_BACKEND_REFERENCE, IDENTITY);
  check_float(&s);
  dice_free(&s.d);
}

static const size_t ROWS[] = {1, 2, 7, 33}, WIDTHS[] = {1, 2, 9, 32, 47};
enum { ROW_COUNT = sizeof ROWS / sizeof *ROWS, WIDTH_COUNT = sizeof WIDTHS / sizeof *WIDTHS };
static const double SOME = 1; /* "with bias": check_op makes it */

static void norms(void **state) {
  (void)state;
  uint64_t seed = 100;
  for (int kind = HETA_NORM_RMS; kind <= HETA_NORM_LAYER; kind++)
    for (size_t r = 0; r < ROW_COUNT; r++)
      for (size_t w = 0; w < WIDTH_COUNT; w++)
        /* Rows of one or two numbers may be nearly 0 (after centring, always): a larger epsilon
         * keeps the norm smooth at the scale of the differences' step. */
        check_op(kind == HETA_NORM_RMS ? "RMS norm" : "layer norm", seed++,
                 (kernel_case){.kind = HETA_OP_NORM,
                               .norm = (heta_i_norm)kind,
                               .rows = ROWS[r],
                               .width = WIDTHS[w],
                               .bias = w % 2 ? &SOME : NULL,
                               .epsilon = WIDTHS[w] < 3 ? 0.5 : 1e-5});
}

/* Every head of a row on its own. */
static void head_norms(void **state) {
  (void)state;
  static const size_t SHAPES[][2] = {{1, 9}, {3, 4}, {2, 8}, {5, 33}}; /* heads, head_width */
  uint64_t seed = 150;
  for (int kind = HETA_NORM_RMS; kind <= HETA_NORM_LAYER; kind++)
    for (size_t r = 0; r < ROW_COUNT; r++)
      for (size_t k = 0; k < sizeof SHAPES / sizeof *SHAPES; k++)
        check_op("head norm", seed++,
                 (kernel_case){.kind = HETA_OP_HEAD_NORM,
                               .norm = (heta_i_norm)kind,
                               .rows = ROWS[r],
                               .heads = SHAPES[k][0],
                               .head_width = SHAPES[k][1],
                               .width = SHAPES[k][1],
                               .bias = k % 2 ? &SOME : NULL,
                               .epsilon = 1e-5});
}

static void soft_caps(void **state) {
  (void)state;
  static const double CAPS[] = {0.5, 2, 30};
  uint64_t seed = 180;
  for (size_t k = 0; k < sizeof CAPS / sizeof *CAPS; k++)
    for (size_t r = 0; r < ROW_COUNT; r++)
      check_op("soft cap", seed++,
               (kernel_case){
                   .kind = HETA_OP_SOFT_CAP, .rows = ROWS[r], .width = WIDTHS[r], .cap = CAPS[k]});
}

static void activations(void **state) {
  (void)state;
  static const char *const NAMES[][4] = {
      {"SiLU", "GELU (tanh)", "GELU", "ReLU"},
      {"gated SiLU", "gated GELU (tanh)", "gated GELU", "gated ReLU"}};
  uint64_t seed = 200;
  for (int gated = 1; gated >= 0; gated--)
    for (int kind = HETA_ACT_SILU; kind <= HETA_ACT_RELU; kind++)
      for (size_t r = 0; r < ROW_COUNT; r++)
        for (size_t w = 0; w < WIDTH_COUNT; w++)
          check_op(NAMES[gated][kind], seed++,
                   (kernel_case){.kind = gated ? HETA_OP_GATED : HETA_OP_ACTIVATION,
                                 .activation = (heta_i_activation)kind,
                                 .rows = ROWS[r],
                                 .width = WIDTHS[w]});
}

static void rotations(void **state) {
  (void)state;
  static const struct {
    size_t heads, head_width, dims;
  } SHAPES[] = {{1, 2, 2}, {3, 5, 2}, {2, 8, 8}, {3, 8, 6}, {5, 7, 4}};
  uint64_t seed = 300;
  for (int interleaved = 0; interleaved < 2; interleaved++)
    for (size_t r = 0; r < ROW_COUNT; r++)
      for (size_t k = 0; k < sizeof SHAPES / sizeof *SHAPES; k++) {
        uint32_t positions[64];
        for (size_t i = 0; i < ROWS[r]; i++) positions[i] = (uint32_t)((7 * i + 3 * k) % 64);
        check_op(interleaved ? "interleaved rotary" : "rotary", seed++,
                 (kernel_case){.kind = HETA_OP_ROTARY,
                               .rows = ROWS[r],
                               .heads = SHAPES[k].heads,
                               .head_width = SHAPES[k].head_width,
                               .dims = SHAPES[k].dims,
                               .interleaved = interleaved == 1,
                               .positions = positions});
      }
}

static void projections(void **state) {
  (void)state;
  uint64_t seed = 400;
  for (size_t r = 0; r < ROW_COUNT; r++)
    for (size_t w = 0; w < WIDTH_COUNT; w++)
      for (size_t o = 0; o < WIDTH_COUNT; o++)
        check_op("linear", seed++,
                 (kernel_case){.kind = HETA_OP_LINEAR,
                               .rows = ROWS[r],
                               .width = WIDTHS[w],
                               .outputs = WIDTHS[o],
                               .bias = o % 2 ? &SOME : NULL});
  for (size_t r = 0; r < ROW_COUNT; r++)
    check_op("sum", seed++,
             (kernel_case){.kind = HETA_OP_ADD, .rows = ROWS[r], .width = WIDTHS[r]});
}

static const struct {
  size_t heads, kv_heads, head_width;
} HEADS[] = {{1, 1, 1}, {3, 3, 5}, {4, 2, 3}, {6, 1, 2}, {2, 2, 8}};
enum { HEAD_SHAPES = sizeof HEADS / sizeof *HEADS };

static void attentions(void **state) {
  (void)state;
  uint64_t seed = 500;
  for (size_t r = 0; r < ROW_COUNT; r++)
    for (size_t h = 0; h < HEAD_SHAPES; h++)
      for (size_t hidden = 0; hidden < 3; hidden++)
        check_op("attention", seed++,
                 (kernel_case){.kind = HETA_OP_ATTENTION,
                               .rows = ROWS[r],
                               .heads = HEADS[h].heads,
                               .kv_heads = HEADS[h].kv_heads,
                               .head_width = HEADS[h].head_width,
                               .hidden = hidden == 0   ? SIZE_MAX
                                         : hidden == 1 ? 0
                                                       : ROWS[r] / 2});
  /* Of more rows than the cpu backend takes at a time. */
  for (size_t rows = 128; rows < 140; rows += 11)
    check_op("long attention", seed++,
             (kernel_case){.kind = HETA_OP_ATTENTION,
                           .rows = rows,
                           .heads = 4,
                           .kv_heads = 2,
                           .head_width = 3,
                           .window = rows == 128 ? 0 : 50,
                           .cap = rows == 128 ? 0 : 0.75,
                           .hidden = rows == 128 ? SIZE_MAX : 20});
}

/* Windows and caps, each alone and both, with and without a hidden key and an edit. */
static void windowed_and_capped_attentions(void **state) {
  (void)state;
  static const size_t WINDOWS[] = {0, 1, 3, 16, 40};
  uint64_t seed = 5000;
  for (size_t r = 0; r < ROW_COUNT; r++)
    for (size_t h = 0; h < HEAD_SHAPES; h++)
      for (size_t w = 0; w < sizeof WINDOWS / sizeof *WINDOWS; w++)
        for (int capped = w == 0; capped < 2; capped++, seed++) {
          kernel_edit edit = {SIZE_MAX, ROWS[r] / 2, 0.5, NULL};
          check_op("windowed or capped attention", seed,
                   (kernel_case){.kind = HETA_OP_ATTENTION,
                                 .rows = ROWS[r],
                                 .heads = HEADS[h].heads,
                                 .kv_heads = HEADS[h].kv_heads,
                                 .head_width = HEADS[h].head_width,
                                 .window = WINDOWS[w],
                                 .cap = capped ? 0.75 : 0,
                                 .hidden = seed % 3 ? SIZE_MAX : ROWS[r] / 3,
                                 .edits = &edit,
                                 .edit_count = seed % 5 == 0});
        }
}

/* set, add, scale and blend, for one row, one head, all, and two edits of the same row. */
static void edited_attentions(void **state) {
  (void)state;
  uint64_t seed = 600;
  for (size_t r = 0; r < ROW_COUNT; r++)
    for (size_t h = 0; h < HEAD_SHAPES; h++)
      for (int kind = 0; kind < 5; kind++) {
        dice d = {.seed = seed + 1000};
        double *add = dice_normal(&d, ROWS[r]), *other = dice_normal(&d, ROWS[r]);
        round_numbers(add, ROWS[r]);
        round_numbers(other, ROWS[r]);
        size_t head = dice_below(&d, HEADS[h].heads), row = dice_below(&d, ROWS[r]);
        const kernel_edit edits[5][2] = {{{head, row, 0, add}, {head, row, 1, NULL}},
                                         {{SIZE_MAX, row, 1, add}, {0, 0, 0.5, NULL}},
                                         {{head, SIZE_MAX, 0.25, NULL}, {head, row, 0.5, other}},
                                         {{SIZE_MAX, SIZE_MAX, 0.5, add}, {head, row, 0, other}},
                                         {{head, row, 0.75, other}, {head, row, -2, add}}};
        check_op("attention with edited probabilities", seed++,
                 (kernel_case){.kind = HETA_OP_ATTENTION,
                               .rows = ROWS[r],
                               .heads = HEADS[h].heads,
                               .kv_heads = HEADS[h].kv_heads,
                               .head_width = HEADS[h].head_width,
                               .hidden = kind == 3 ? 0 : SIZE_MAX,
                               .edits = edits[kind],
                               .edit_count = 2});
        dice_free(&d);
      }
}

/* Probabilities written down from their definition, and the mix they give. */
static void by_hand(size_t window, double cap) {
  enum { N = 5, H = 4, KV = 2, W = 3 };
  const size_t hidden = 1, row = 3, head = 2;
  dice d = {.seed = 700};
  double *q = dice_normal(&d, N * H * W), *k = dice_normal(&d, N * KV * W);
  double *v = dice_normal(&d, N * KV * W), *add = dice_normal(&d, N);
  double wanted[H * N * N] = {0}, mix[N * H * W] = {0}, found[H * N * N], y[N * H * W];
  for (size_t h = 0; h < H; h++)
    for (size_t i = 0; i < N; i++) {
      double *a = wanted + (h * N + i) * N, sum = 0;
      for (size_t j = 0; j <= i; j++) {
        if ((j == hidden && i > hidden) || (window && j + window <= i)) continue;
        double score = dot_of(q + (i * H + h) * W, k + (j * KV + h / 2) * W, W) / sqrt(W);
        a[j] = exp(cap > 0 ? cap * tanh(score / cap) : score);
        sum += a[j];
      }
      for (size_t j = 0; j <= i; j++) a[j] /= sum;
      for (size_t j = 0; j <= i && i == row && h == head; j++) a[j] = 0.3 * a[j] + add[j];
      for (size_t j = 0; j <= i; j++)
        for (size_t u = 0; u < W; u++)
          mix[(i * H + h) * W + u] += a[j] * v[(j * KV + h / 2) * W + u];
    }
  kernel_edit edit = {head, row, 0.3, add};
  kernel_case c = {.kind = HETA_OP_ATTENTION,
                   .rows = N,
                   .heads = H,
                   .kv_heads = KV,
                   .head_width = W,
                   .window = window,
                   .cap = cap,
                   .hidden = hidden,
                   .edits = &edit,
                   .edit_count = 1};
  kernel_arguments a = {.x = {q, k, v}, .y = y, .probabilities = found};
  kernel_run_f64(HETA_BACKEND_REFERENCE, 1, &c, KERNEL_FORWARD, &a);
  fixture_close("probabilities", found, wanted, H * N * N, IDENTITY);
  fixture_close("mix", y, mix, N * H * W, IDENTITY);
  kernel_run_f32(HETA_BACKEND_CPU, 2, &c, KERNEL_FORWARD, &a);
  fixture_close("probabilities in float", found, wanted, H * N * N, FLOAT);
  c.edit_count = 0; /* the fast kernel, which an edit does not reach */
  kernel_run_f64(HETA_BACKEND_REFERENCE, 1, &c, KERNEL_FORWARD, &a);
  memcpy(wanted, found, sizeof found);
  kernel_run_f32(HETA_BACKEND_CPU, 2, &c, KERNEL_FORWARD, &a);
  fixture_close("probabilities in float, no edit", found, wanted, H * N * N, FLOAT);
  dice_free(&d);
}

static void attention_by_hand(void **state) {
  (void)state;
  by_hand(0, 0);
  by_hand(2, 0);
  by_hand(0, 0.7);
  by_hand(3, 0.7);
}

/* Keys and values outside a row's window change no bit of its mix, nor of its maps back. */
static void windows_are_closed(void **state) {
  (void)state;
  enum { N = 33, WINDOW = 5 };
  for (int single = 0; single < 2; single++) {
    runner run = single ? kernel_run_f32 : kernel_run_f64;
    heta_backend backend = single ? HETA_BACKEND_CPU : HETA_BACKEND_REFERENCE;
    subject s = {.d = {.seed = 760}, .name = "window"};
    s.c = (kernel_case){.kind = HETA_OP_ATTENTION,
                        .rows = N,
                        .heads = 4,
                        .kv_heads = 2,
                        .head_width = 8,
                        .window = WINDOW,
                        .hidden = SIZE_MAX};
    open_subject(&s);
    memset(s.gy, 0, (s.out - 32) * sizeof *s.gy); /* only the last row is asked for */
    kernel_arguments forth = arguments(&s, KERNEL_FORWARD), back = arguments(&s, KERNEL_VJP);
    run(backend, 1, &s.c, KERNEL_FORWARD, &forth);
    run(backend, 1, &s.c, KERNEL_VJP, &back);
    double *last = dice_copy(&s.d, forth.y + s.out - 32, 32);
    double *query = dice_copy(&s.d, back.gx[0] + s.in[0] - 32, 32);
    for (int i = 1; i < 3; i++)
      for (size_t e = 0; e < (N - WINDOW) * 16; e++) {
        assert_true(back.gx[i][e] == 0);
        s.x[i][e] = 1e3 * dice_fraction(&s.d);
      }
    run(backend, 1, &s.c, KERNEL_FORWARD, &forth);
    run(backend, 1, &s.c, KERNEL_VJP, &back);
    assert_memory_equal(last, forth.y + s.out - 32, 32 * sizeof *last);
    assert_memory_equal(query, back.gx[0] + s.in[0] - 32, 32 * sizeof *query);
    assert_true(forth.y[(N - 2) * 32] != 0 && back.gx[1][(N - WINDOW) * 16] != 0);
    dice_free(&s.d);
  }
}

/* Forward lanes read their parent's keys and values: any batch of them gives the rows of the whole.
 */
static void forward_lanes(void **state) {
  (void)state;
  enum { LANES = 5 };
  for (uint64_t seed = 800; seed < 830; seed++) {
    subject s = {.d = {.seed = seed}, .name = "forward lanes"};
    size_t shape = seed % HEAD_SHAPES, n = seed == 829 ? 150 : ROWS[1 + seed % 3];
    kernel_edit edit = {dice_below(&s.d, HEADS[shape].heads), SIZE_MAX, 0.5, NULL};
    s.c = (kernel_case){.kind = HETA_OP_ATTENTION,
                        .rows = n,
                        .heads = HEADS[shape].heads,
                        .kv_heads = HEADS[shape].kv_heads,
                        .head_width = HEADS[shape].head_width,
                        .hidden = seed % 2 ? SIZE_MAX : 0,
                        .window = seed % 5 > 2 ? seed % 5 : 0,
                        .cap = seed % 7 > 4 ? 0.6 : 0,
                        .edits = &edit,
                        .edit_count = seed % 3 == 0};
    open_subject(&s);
    double *whole = forward(&s, (const double *const *)s.x);
    size_t width = HEADS[shape].heads * HEADS[shape].head_width, total = 0, at = 0;
    kernel_lane lanes[LANES];
    for (int l = 0; l < LANES; l++) {
      size_t first = dice_below(&s.d, n);
      lanes[l] = (kernel_lane){first, 1 + dice_below(&s.d, n - first)};
      total += lanes[l].rows;
    }
    kernel_arguments a = {.x = {s.x[0], s.x[1], s.x[2]}, .lanes = lanes, .lane_count = LANES};
    a.y = dice_zeros(&s.d, total * width);
    double *f64 = a.y, *cpu = dice_zeros(&s.d, total * width);
    kernel_run_f64(HETA_BACKEND_REFERENCE, 2, &s.c, KERNEL_FORWARD, &a);
    a.y = cpu;
    kernel_run_f32(HETA_BACKEND_CPU, 2, &s.c, KERNEL_FORWARD, &a);
    for (int l = 0; l < LANES; at += lanes[l++].rows) {
      const double *rows = whole + lanes[l].first * width;
      expect_close(&s, "a lane's rows", f64 + at * width, rows, lanes[l].rows * width, IDENTITY);
      expect_close(&s, "a lane's rows in float", cpu + at * width, rows, lanes[l].rows * width,
                   FLOAT);
    }
    dice_free(&s.d);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(norms),
                                     cmocka_unit_test(head_norms),
                                     cmocka_unit_test(soft_caps),
                                     cmocka_unit_test(activations),
                                     cmocka_unit_test(rotations),
                                     cmocka_unit_test(projections),
                                     cmocka_unit_test(attentions),
                                     cmocka_unit_test(windowed_and_capped_attentions),
                                     cmocka_unit_test(edited_attentions),
                                     cmocka_unit_test(attention_by_hand),
                                     cmocka_unit_test(windows_are_closed),
                                     cmocka_unit_test(forward_lanes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
