/* kernels.inc.h: the bodies of kernels.h, included once per precision by a file that sets
 * HETA_REAL_BITS and NAME. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/backend.h"
#include "base/memory.h"
#include "support/kernels.h"

enum { POSITIONS = 64, PAD = 32 };

static const X(backend) *table_of(heta_backend backend) {
#if HETA_REAL_BITS == 32
  if (backend == HETA_BACKEND_CPU) return X(backend_cpu)();
#endif
  (void)backend;
  return X(backend_reference)();
}

/* A rounded copy with room for `room` numbers; NULL stays NULL. Memory is a test's to run out of.
 */
static real *copy_in(heta_i_arena *memory, const double *from, size_t count, size_t room) {
  if (!from) return NULL;
  real *out = heta_i_arena_take(memory, room + 1, sizeof *out);
  for (size_t i = 0; i < count; i++) out[i] = (real)from[i];
  return out;
}

static void copy_out(double *to, const real *from, size_t count) {
  for (size_t i = 0; to && i < count; i++) to[i] = (double)from[i];
}

static size_t pad(size_t rows) { return (rows + PAD - 1) / PAD * PAD; }

/* The arguments in this precision, and where the results go. */
typedef struct view {
  const kernel_case *c;
  const kernel_arguments *a;
  size_t in[KERNEL_INPUTS], out;
  size_t batch_rows; /* rows of tangents and results */
  real *x[KERNEL_INPUTS], *dx[KERNEL_INPUTS], *gy, *dgy, *y, *gx[KERNEL_INPUTS];
  uint32_t *primal; /* NULL without lanes */
} view;

static view open_view(heta_i_arena *memory, const kernel_case *c, kernel_map map,
                      const kernel_arguments *a) {
  view v = {.c = c, .a = a, .batch_rows = c->rows};
  kernel_widths(c, v.in, &v.out);
  if (a->lanes) {
    v.batch_rows = 0;
    for (size_t l = 0; l < a->lane_count; l++) v.batch_rows += a->lanes[l].rows;
    v.primal = heta_i_arena_take(memory, v.batch_rows + 1, sizeof *v.primal);
    size_t at = 0;
    for (size_t l = 0; l < a->lane_count; l++)
      for (size_t r = 0; r < a->lanes[l].rows; r++)
        v.primal[at++] = (uint32_t)(a->lanes[l].first + r);
  }
  size_t padded = pad(c->rows > v.batch_rows ? c->rows : v.batch_rows);
  size_t n = v.batch_rows;
  for (int i = 0; i < KERNEL_INPUTS; i++) {
    v.x[i] = copy_in(memory, a->x[i], c->rows * v.in[i], padded * v.in[i]);
    v.dx[i] = copy_in(memory, a->dx[i], n * v.in[i], padded * v.in[i]);
    if (map == KERNEL_VJP || map == KERNEL_VJP_TANGENT)
      v.gx[i] = copy_in(memory, a->gx[i], n * v.in[i], padded * v.in[i]);
  }
  v.gy = copy_in(memory, a->gy, c->rows * v.out, padded * v.out);
  v.dgy = copy_in(memory, a->dgy, n * v.out, padded * v.out);
  v.y = copy_in(memory, a->y, n * v.out, padded * v.out);
  return v;
}

static void run_rows(heta_i_arena *memory, const X(backend) *table, int threads, view *v,
                     kernel_map map) {
  const kernel_case *c = v->c;
  X(rows) r = {.rows = v->batch_rows,
               .width = c->width,
               .primal = v->primal,
               .cap = (real)c->cap,
               .threads = threads,
               .accumulate = v->a->accumulate,
               .accumulate_b = v->a->accumulate,
               .weight = copy_in(memory, c->weight, c->width, c->width),
               .bias = copy_in(memory, c->bias, c->width, c->width),
               .epsilon = (real)c->epsilon,
               .activation = c->activation,
               .a = v->x[0],
               .b = v->x[1],
               .da = v->dx[0],
               .db = v->dx[1],
               .gy = v->gy,
               .dgy = v->dgy};
  if (c->kind == HETA_OP_HEAD_NORM) {
    r.parts = c->heads;
    r.rows *= c->heads;
  }
  if (map == KERNEL_FORWARD) r.y = v->y;
  if (map == KERNEL_JVP) r.dy = v->y;
  if (map == KERNEL_VJP) r.ga = v->gx[0], r.gb = v->gx[1];
  if (map == KERNEL_VJP_TANGENT) r.dga = v->gx[0], r.dgb = v->gx[1];
  void (*const maps[3][4])(const X(rows) *) = {
      {table->rms_norm.forward, table->rms_norm.vjp, table->rms_norm.jvp,
       table->rms_norm.vjp_tangent},
      {table->layer_norm.forward, table->layer_norm.vjp, table->layer_norm.jvp,
       table->layer_norm.vjp_tangent},
      {table->gated.forward, table->gated.vjp, table->gated.jvp, table->gated.vjp_tangent}};
  if (c->kind == HETA_OP_NORM || c->kind == HETA_OP_HEAD_NORM)
    maps[c->norm == HETA_NORM_LAYER][map](&r);
  else if (c->kind == HETA_OP_GATED)
    maps[2][map](&r);
  else if (map == KERNEL_FORWARD)
    table->activation.forward(&r);
  else if (map == KERNEL_VJP)
    table->activation.vjp(&r);
  else if (map == KERNEL_JVP)
    table->activation.jvp(&r);
  else
    table->activation.vjp_tangent(&r);
}

/* In place: y is what the derivative maps read, ẏ what vjp′ does. */
static void run_soft_cap(heta_i_arena *memory, const X(backend) *table, int threads, view *v,
                         kernel_map map) {
  const kernel_case *c = v->c;
  size_t width = c->width, numbers = v->batch_rows * width;
  X(rows) r = {.rows = c->rows,
               .width = width,
               .threads = threads,
               .cap = (real)c->cap,
               .a = v->x[0],
               .y = v->x[0]};
  table->soft_cap.forward(&r);
  if (map == KERNEL_FORWARD) memcpy(v->y, v->x[0], numbers * sizeof(real));
  if (map == KERNEL_FORWARD) return;
  r.rows = v->batch_rows;
  r.primal = v->primal;
  r.gy = v->gy;
  if (map == KERNEL_VJP) {
    r.ga = heta_i_arena_take(memory, numbers + 1, sizeof(real));
    memcpy(r.ga, v->gy, numbers * sizeof(real));
    r.gy = r.ga;
    table->soft_cap.vjp(&r);
    memcpy(v->gx[0], r.ga, numbers * sizeof(real));
    return;
  }
  r.da = r.dy = v->dx[0];
  table->soft_cap.jvp(&r);
  if (map == KERNEL_JVP) memcpy(v->y, v->dx[0], numbers * sizeof(real));
  if (map == KERNEL_JVP) return;
  r.dgy = r.dga = v->dgy;
  table->soft_cap.vjp_tangent(&r);
  memcpy(v->gx[0], v->dgy, numbers * sizeof(real));
}

/* y = a + b; its adjoint goes to both inputs. */
static void run_sum(const X(backend) *table, int threads, view *v, kernel_map map) {
  X(rows) r = {.rows = v->batch_rows,
               .width = v->c->width,
               .threads = threads,
               .accumulate = v->a->accumulate};
  if (map == KERNEL_FORWARD || map == KERNEL_JVP) {
    r.a = map == KERNEL_FORWARD ? v->x[0] : v->dx[0];
    r.b = map == KERNEL_FORWARD ? v->x[1] : v->dx[1];
    r.y = v->y;
    table->add(&r);
    return;
  }
  r.a = map == KERNEL_VJP ? v->gy : v->dgy;
  for (int i = 0; i < 2; i++) {
    r.y = v->gx[i];
    table->add(&r);
  }
}

/* y = x Wᵀ + bias, x̄ = ȳ W. */
static void run_linear(heta_i_arena *memory, const X(backend) *table, int threads, view *v,
                       kernel_map map) {
  const kernel_case *c = v->c;
  size_t n = c->outputs, k = c->width, m = pad(v->batch_rows);
  const real *weight = copy_in(memory, c->weight, n * k, n * k);
  if (map == KERNEL_VJP || map == KERNEL_VJP_TANGENT) {
    table->gemm_nn(threads, m, k, n, map == KERNEL_VJP ? v->gy : v->dgy, n, weight, k,
                   v->a->accumulate, v->gx[0], k);
    return;
  }
  table->gemm_nt(threads, m, n, k, map == KERNEL_FORWARD ? v->x[0] : v->dx[0], k, weight, k,
                 v->a->accumulate, v->y, n);
  if (map == KERNEL_FORWARD && c->bias)
    table->add_bias(&(X(rows)){.rows = v->batch_rows,
                               .width = n,
                               .threads = threads,
                               .y = v->y,
                               .bias = copy_in(memory, c->bias, n, n)});
}

static void run_rotary(heta_i_arena *memory, const X(backend) *table, int threads, view *v,
                       kernel_map map) {
  const kernel_case *c = v->c;
  size_t pairs = c->dims / 2;
  real *cosine = heta_i_arena_take(memory, POSITIONS * pairs + 1, sizeof *cosine);
  real *sine = heta_i_arena_take(memory, POSITIONS * pairs + 1, sizeof *sine);
  uint32_t *positions = heta_i_arena_take(memory, v->batch_rows + 1, sizeof *positions);
  for (size_t p = 0; p < POSITIONS; p++)
    for (size_t i = 0; i < pairs; i++) {
      double angle = (double)p * pow(100.0, -2.0 * (double)i / (double)c->dims);
      cosine[p * pairs + i] = (real)cos(angle);
      sine[p * pairs + i] = (real)sin(angle);
    }
  for (size_t r = 0; r < v->batch_rows; r++)
    positions[r] = c->positions[v->primal ? v->primal[r] : r];
  bool back = map == KERNEL_VJP || map == KERNEL_VJP_TANGENT;
  const real *from[4] = {v->x[0], v->gy, v->dx[0], v->dgy};
  table->rotate(&(X(rotary)){.rows = v->batch_rows,
                             .heads = c->heads,
                             .head_width = c->head_width,
                             .dims = c->dims,
                             .interleaved = c->interleaved,
                             .transpose = back,
                             .accumulate = v->a->accumulate,
                             .threads = threads,
                             .position = positions,
                             .cosine = cosine,
                             .sine = sine,
                             .x = from[map],
                             .y = back ? v->gx[0] : v->y});
}

static X(probability_edit) *copy_edits(heta_i_arena *memory, const kernel_case *c) {
  X(probability_edit) *edits = heta_i_arena_take(memory, c->edit_count + 1, sizeof *edits);
  for (size_t i = 0; i < c->edit_count; i++)
    edits[i] = (X(probability_edit)){c->edits[i].head, c->edits[i].row, (real)c->edits[i].scale,
                                     copy_in(memory, c->edits[i].add, c->rows, c->rows)};
  return edits;
}

static void run_attention(heta_i_arena *memory, const X(backend) *table, int threads, view *v,
                          kernel_map map) {
  const kernel_case *c = v->c;
  X(probability_edit) *edits = copy_edits(memory, c);
  X(attention_lane) root = {
      .rows = c->rows, .hidden = c->hidden, .edits = edits, .edit_count = c->edit_count};
  X(attention_lane) *lanes = heta_i_arena_take(memory, v->a->lane_count + 1, sizeof *lanes);
  lanes[0] = root;
  size_t count = 1, offset = 0;
  if (v->a->lanes)
    for (count = 0; count < v->a->lane_count; count++) {
      const kernel_lane *at = &v->a->lanes[count];
      lanes[count] = (X(attention_lane)){
          .offset = offset, .first = at->first, .rows = at->rows, .hidden = SIZE_MAX};
      offset += at->rows;
    }
  X(attention) t = {.heads = c->heads,
                    .head_count = c->heads,
                    .kv_heads = c->kv_heads,
                    .head_width = c->head_width,
                    .window = c->window,
                    .scale = (real)(1 / sqrt((double)c->head_width)),
                    .cap = (real)c->cap,
                    .threads = threads,
                    .lanes = lanes,
                    .lane_count = count,
                    .root = &root,
                    .q = v->x[0],
                    .k = v->x[1],
                    .v = v->x[2],
                    .gy = v->gy,
                    .dq = v->dx[0],
                    .dk = v->dx[1],
                    .dv = v->dx[2],
                    .dgy = v->dgy};
  for (int i = 0; i < 3; i++) t.accumulate[i] = v->a->accumulate;
  t.scratch =
      heta_i_arena_take(memory,
                        table->attention_scratch(c->heads, c->kv_heads, c->head_width, c->rows,
                                                 v->batch_rows, c->cap > 0, threads) +
                            1,
                        sizeof *t.scratch);
  real *probabilities = NULL;
  size_t numbers = c->heads * c->rows * c->rows;
  if (map == KERNEL_FORWARD) {
    if (v->a->lanes) { /* own rows come from the batch, earlier ones from the parent */
      for (int i = 0; i < 3; i++) {
        real *own = heta_i_arena_take(memory, v->batch_rows * v->in[i] + 1, sizeof *own);
        for (size_t r = 0; r < v->batch_rows; r++)
          memcpy(own + r * v->in[i], v->x[i] + v->primal[r] * v->in[i], v->in[i] * sizeof *own);
        if (i == 0) t.q = own;
        if (i == 1) t.k = own;
        if (i == 2) t.v = own;
      }
      for (size_t l = 0; l < count; l++) {
        lanes[l].parent_k = lanes[l].first ? v->x[1] : NULL;
        lanes[l].parent_v = lanes[l].first ? v->x[2] : NULL;
        lanes[l].hidden = c->hidden;
        lanes[l].edits = edits;
        lanes[l].edit_count = c->edit_count;
      }
    } else if (v->a->probabilities) {
      t.probabilities = probabilities = heta_i_arena_take(memory, numbers, sizeof(real));
    }
    t.y = v->y;
    table->attention_forward(&t);
    if (probabilities) copy_out(v->a->probabilities, probabilities, numbers);
  } else if (map == KERNEL_JVP) {
    t.dy = v->y;
    table->attention_jvp(&t);
  } else if (map == KERNEL_VJP) {
    t.gq = v->gx[0], t.gk = v->gx[1], t.gv = v->gx[2];
    table->attention_vjp(&t);
  } else {
    t.dgq = v->gx[0], t.dgk = v->gx[1], t.dgv = v->gx[2];
    table->attention_vjp_tangent(&t);
  }
}

void NAME(kernel_run)(heta_backend backend, int threads, const kernel_case *c, kernel_map map,
                      const kernel_arguments *a) {
  heta_i_arena memory = {0};
  const X(backend) *table = table_of(backend);
  view v = open_view(&memory, c, map, a);
  switch (c->kind) {
  case HETA_OP_ADD: run_sum(table, threads, &v, map); break;
  case HETA_OP_SOFT_CAP: run_soft_cap(&memory, table, threads, &v, map); break;
  case HETA_OP_LINEAR: run_linear(&memory, table, threads, &v, map); break;
  case HETA_OP_ROTARY: run_rotary(&memory, table, threads, &v, map); break;
  case HETA_OP_ATTENTION: run_attention(&memory, table, threads, &v, map); break;
  default: run_rows(&memory, table, threads, &v, map);
  }
  if (map == KERNEL_FORWARD || map == KERNEL_JVP)
    copy_out(a->y, v.y, v.batch_rows * v.out);
  else
    for (int i = 0; i < KERNEL_INPUTS; i++) copy_out(a->gx[i], v.gx[i], v.batch_rows * v.in[i]);
  heta_i_arena_free(&memory);
}

void NAME(kernel_product)(heta_backend backend, int threads, bool transposed, size_t m, size_t n,
                          size_t k, const double *a, const double *b, bool accumulate, double *c) {
  heta_i_arena memory = {0};
  const X(backend) *table = table_of(backend);
  const real *left = copy_in(&memory, a, m * k, m * k), *right = copy_in(&memory, b, n * k, n * k);
  real *out = copy_in(&memory, c, m * n, m * n);
  if (transposed)
    table->gemm_nt(threads, m, n, k, left, k, right, k, accumulate, out, n);
  else
    table->gemm_nn(threads, m, n, k, left, k, right, n, accumulate, out, n);
  copy_out(c, out, m * n);
  heta_i_arena_free(&memory);
}
