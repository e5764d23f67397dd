/* head.c: from the last block's residual to the logits and back, for the rows that are asked for
 * only, HEAD_ROWS at a time. */
#include <string.h>

#include "engine/internal.h"

/* Scratch: residual, norm (values or adjoints), their tangents, one matrix of logits, and with a
 * cap on them one of their tangents. */
enum { RESIDUAL, NORM, RESIDUAL_B, NORM_B, MATRICES };

static bool capped(const heta_model *model) { return model->hyper.logit_cap > 0; }

size_t X(head_elements)(const heta_model *model) {
  size_t logits = (capped(model) ? 2 : 1) * model->hyper.vocabulary;
  return HEAD_ROWS * (MATRICES * model->hyper.width + logits);
}

static real *scratch(X(engine) *engine, size_t index) {
  return engine->head + index * HEAD_ROWS * engine->base.model->hyper.width;
}

real *X(head_logits)(X(engine) *engine) { return scratch(engine, MATRICES); }

static real *capped_tangents(X(engine) *engine) {
  const heta_model *model = engine->base.model;
  return capped(model) ? X(head_logits)(engine) + HEAD_ROWS * model->hyper.vocabulary : NULL;
}

static X(frame) frame_of(real *residual, real *norm, real *logits) {
  X(frame) frame = {{NULL}};
  frame.b[HETA_SITE_RESIDUAL_AFTER] = residual;
  frame.b[HETA_SITE_NORM_FINAL] = norm;
  frame.b[HETA_SITE_LOGITS] = logits;
  return frame;
}

typedef enum direction { FORWARD, BACKWARD } direction;

static void pass(X(engine) *engine, X(call) *call, direction way,
                 void (*map)(const X(op_maps) *, const X(call) *)) {
  const heta_model *model = engine->base.model;
  call->engine = engine;
  for (size_t i = 0; i < model->head_ops; i++) {
    size_t op = way == FORWARD ? i : model->head_ops - 1 - i;
    call->op = &model->architecture->head[op];
    call->weight = &engine->weights->head[op];
    map(X(op_maps_of)(call->op->kind), call);
  }
}

static void forward(const X(op_maps) *maps, const X(call) *call) { maps->forward(call); }
static void vjp(const X(op_maps) *maps, const X(call) *call) { maps->vjp(call); }
static void jvp(const X(op_maps) *maps, const X(call) *call) { maps->jvp(call); }
static void vjp_tangent(const X(op_maps) *maps, const X(call) *call) { maps->vjp_tangent(call); }

static void copy_in(X(engine) *engine, size_t index, const real *rows, size_t count) {
  memcpy(scratch(engine, index), rows, count * engine->base.model->hyper.width * sizeof(real));
}

static void copy_out(X(engine) *engine, real *rows, size_t index, size_t count) {
  memcpy(rows, scratch(engine, index), count * engine->base.model->hyper.width * sizeof(real));
}

void X(head_forward)(X(engine) *engine, size_t rows, const real *residual, real *logits) {
  copy_in(engine, RESIDUAL, residual, rows);
  real *out = X(head_logits)(engine);
  X(batch) batch = {.rows = rows, .padded = heta_i_pad_rows(rows)};
  X(frame) values = frame_of(scratch(engine, RESIDUAL), scratch(engine, NORM), out);
  pass(engine, &(X(call)){.batch = &batch, .values = &values}, FORWARD, forward);
  if (logits != out)
    memcpy(logits, out, rows * engine->base.model->hyper.vocabulary * sizeof(real));
}

void X(head_vjp)(X(engine) *engine, const X(run) *run, const X(run) *reference, size_t rows,
                 const uint32_t *primal, real *norm_adjoint, real *residual_adjoint) {
  X(batch) batch = {.rows = rows, .padded = heta_i_pad_rows(rows), .primal = primal};
  X(frame) values = frame_of(run->final, NULL, run->logits), other = {{NULL}};
  if (reference) other = frame_of(reference->final, NULL, reference->logits);
  X(frame)
  adjoints = frame_of(scratch(engine, RESIDUAL_B), scratch(engine, NORM_B), X(head_logits)(engine));
  pass(engine,
       &(X(call)){.batch = &batch,
                  .values = &values,
                  .adjoints = &adjoints,
                  .reference = reference ? &other : NULL},
       BACKWARD, vjp);
  copy_out(engine, norm_adjoint, NORM_B, rows);
  copy_out(engine, residual_adjoint, RESIDUAL_B, rows);
}

void X(head_jvp)(X(engine) *engine, const X(run) *run, size_t rows, const uint32_t *primal,
                 const real *tangent) {
  copy_in(engine, RESIDUAL_B, tangent, rows);
  real *logits = X(head_logits)(engine), *kept = capped_tangents(engine);
  X(batch) batch = {.rows = rows, .padded = heta_i_pad_rows(rows), .primal = primal};
  X(frame) values = frame_of(run->final, NULL, run->logits);
  X(frame) tangents = frame_of(scratch(engine, RESIDUAL_B), scratch(engine, NORM_B), logits);
  pass(engine, &(X(call)){.batch = &batch, .values = &values, .tangents = &tangents}, FORWARD, jvp);
  if (kept) memcpy(kept, logits, rows * engine->base.model->hyper.vocabulary * sizeof(real));
}

void X(head_vjp_tangent)(X(engine) *engine, const X(adjoint) *adjoint, size_t rows,
                         const uint32_t *primal, const real *tangent, bool gauss_newton,
                         real *out) {
  copy_in(engine, RESIDUAL_B, tangent, rows);
  X(batch) batch = {.rows = rows, .padded = heta_i_pad_rows(rows), .primal = primal};
  X(frame) values = frame_of(adjoint->run->final, NULL, adjoint->run->logits);
  X(frame) adjoints = frame_of(NULL, adjoint->norm, adjoint->logits);
  X(frame) tangents = frame_of(scratch(engine, RESIDUAL_B), NULL, capped_tangents(engine));
  X(frame)
  adjoint_tangents =
      frame_of(scratch(engine, RESIDUAL), scratch(engine, NORM), X(head_logits)(engine));
  pass(engine,
       &(X(call)){.batch = &batch,
                  .values = &values,
                  .adjoints = gauss_newton ? NULL : &adjoints,
                  .tangents = &tangents,
                  .adjoint_tangents = &adjoint_tangents},
       BACKWARD, vjp_tangent);
  copy_out(engine, out, RESIDUAL, rows);
}
