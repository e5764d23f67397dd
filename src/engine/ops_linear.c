/* ops_linear.c: the linear maps: projections, RoPE and residual sums, four maps each. All are
 * linear, so jvp is the forward map without bias and vjp′ is vjp. */
#include "engine/internal.h"

static size_t rows_of(const X(engine) *engine, const X(batch) *batch) {
  return engine->backend->whole_tiles ? batch->padded : batch->rows;
}

static void linear_forward(X(engine) *engine, const X(weight) *weight, const X(batch) *batch,
                           const real *x, bool bias, real *y) {
  size_t n = weight->source->rows, k = weight->source->cols, panel = X(panel_rows)(weight);
  size_t rows = rows_of(engine, batch);
  for (size_t first = 0; first < n; first += panel) {
    size_t count = n - first < panel ? n - first : panel;
    engine->backend->gemm_nt(engine->settings.threads, rows, count, k, x, k,
                             X(weight_panel)(engine, weight, first, count), k, false, y + first, n);
  }
  if (bias && weight->bias)
    engine->backend->add_bias(&(X(rows)){.rows = batch->rows,
                                         .width = n,
                                         .bias = weight->bias,
                                         .y = y,
                                         .threads = engine->settings.threads});
}

static void linear_vjp(X(engine) *engine, const X(weight) *weight, const X(batch) *batch,
                       const real *gy, bool accumulate, real *gx) {
  size_t n = weight->source->rows, k = weight->source->cols, panel = X(panel_rows)(weight);
  for (size_t first = 0; first < n; first += panel) {
    size_t count = n - first < panel ? n - first : panel;
    engine->backend->gemm_nn(engine->settings.threads, rows_of(engine, batch), k, count, gy + first,
                             n, X(weight_panel)(engine, weight, first, count), k,
                             accumulate || first > 0, gx, k);
  }
}

static void forward_linear(const X(call) *c) {
  linear_forward(c->engine, c->weight, c->batch, c->values->b[c->op->in[0]], true,
                 c->values->b[c->op->out]);
}

static void vjp_linear(const X(call) *c) {
  linear_vjp(c->engine, c->weight, c->batch, c->adjoints->b[c->op->out], c->accumulate[0],
             c->adjoints->b[c->op->in[0]]);
}

static void jvp_linear(const X(call) *c) {
  linear_forward(c->engine, c->weight, c->batch, c->tangents->b[c->op->in[0]], false,
                 c->tangents->b[c->op->out]);
}

static void vjp_tangent_linear(const X(call) *c) {
  linear_vjp(c->engine, c->weight, c->batch, c->adjoint_tangents->b[c->op->out], c->accumulate[0],
             c->adjoint_tangents->b[c->op->in[0]]);
}

const X(op_maps)
    X(linear_maps) = {forward_linear, vjp_linear, jvp_linear, vjp_tangent_linear, false, false};

/* A layer that does not rotate copies: no dimensions are rotated. */
static void rotate(const X(call) *c, const X(frame) *frame, heta_i_site from, heta_i_site to,
                   bool transpose) {
  const heta_i_hyper *hyper = &c->engine->base.model->hyper;
  size_t width = c->engine->base.model->widths[c->op->out];
  int table = hyper->layer[c->block].rotary;
  const X(angles) *angles = table == HETA_ROTARY_NONE ? NULL : &c->engine->angles[table];
  c->engine->backend->rotate(
      &(X(rotary)){.rows = c->batch->rows,
                   .heads = width / hyper->head_width,
                   .head_width = hyper->head_width,
                   .dims = angles ? hyper->rotary[table].dims : 0,
                   .interleaved = c->engine->base.model->architecture->rotary_interleaved,
                   .transpose = transpose,
                   .accumulate = transpose && c->accumulate[0],
                   .threads = c->engine->settings.threads,
                   .position = c->batch->position,
                   .cosine = angles ? angles->cosine : NULL,
                   .sine = angles ? angles->sine : NULL,
                   .x = frame->b[from],
                   .y = frame->b[to]});
}

static void forward_rotary(const X(call) *c) {
  rotate(c, c->values, c->op->in[0], c->op->out, false);
}
static void vjp_rotary(const X(call) *c) { rotate(c, c->adjoints, c->op->out, c->op->in[0], true); }
static void jvp_rotary(const X(call) *c) {
  rotate(c, c->tangents, c->op->in[0], c->op->out, false);
}
static void vjp_tangent_rotary(const X(call) *c) {
  rotate(c, c->adjoint_tangents, c->op->out, c->op->in[0], true);
}

const X(op_maps)
    X(rotary_maps) = {forward_rotary, vjp_rotary, jvp_rotary, vjp_tangent_rotary, false, false};

/* y (+)= a + b. */
static void sum(const X(call) *c, const real *a, const real *b, bool accumulate, real *y) {
  c->engine->backend->add(&(X(rows)){.rows = c->batch->rows,
                                     .width = c->engine->base.model->widths[c->op->out],
                                     .a = a,
                                     .b = b,
                                     .y = y,
                                     .accumulate = accumulate,
                                     .threads = c->engine->settings.threads});
}

static void forward_add(const X(call) *c) {
  sum(c, c->values->b[c->op->in[0]], c->values->b[c->op->in[1]], false, c->values->b[c->op->out]);
}

static void jvp_add(const X(call) *c) {
  sum(c, c->tangents->b[c->op->in[0]], c->tangents->b[c->op->in[1]], false,
      c->tangents->b[c->op->out]);
}

static void copy_back(const X(call) *c, const X(frame) *frame) {
  for (int i = 0; i < 2; i++)
    sum(c, frame->b[c->op->out], NULL, c->accumulate[i], frame->b[c->op->in[i]]);
}

static void vjp_add(const X(call) *c) { copy_back(c, c->adjoints); }
static void vjp_tangent_add(const X(call) *c) { copy_back(c, c->adjoint_tangents); }

const X(op_maps) X(add_maps) = {forward_add, vjp_add, jvp_add, vjp_tangent_add, false, false};
