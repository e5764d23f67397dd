/* ops_nonlinear.c: norms, gated and plain activations, attention: the ops with a second derivative.
 * Each hands its four maps to the backend's kernels. */
#include "engine/internal.h"

static const real *get(const X(frame) *frame, heta_i_site site) {
  return frame ? frame->b[site] : NULL;
}

/* The common part of a row kernel's arguments; unused pointers stay NULL. */
static X(rows) rows_of(const X(call) *c) {
  const heta_i_op *op = c->op;
  X(rows)
  r = {.rows = c->batch->rows,
       .width = c->engine->base.model->widths[op->out],
       .primal = c->batch->primal,
       .threads = c->engine->settings.threads,
       .accumulate = c->accumulate[0],
       .accumulate_b = c->accumulate[1],
       .epsilon = (real)c->engine->base.model->hyper.epsilon,
       .activation = c->engine->base.model->architecture->activation,
       .a = get(c->values, op->in[0]),
       .cap = (real)c->engine->base.model->hyper.logit_cap,
       .gy = get(c->adjoints, op->out)};
  if (c->weight) {
    r.weight = c->weight->vector;
    r.bias = c->weight->bias;
  }
  if (op->in[1]) r.b = get(c->values, op->in[1]);
  r.a0 = get(c->reference, op->in[0]);
  if (op->in[1]) r.b0 = get(c->reference, op->in[1]);
  if (c->tangents) {
    r.da = c->tangents->b[op->in[0]];
    r.dy = c->tangents->b[op->out];
    if (op->in[1]) r.db = c->tangents->b[op->in[1]];
  }
  if (c->adjoint_tangents) {
    r.dgy = c->adjoint_tangents->b[op->out];
    r.dga = c->adjoint_tangents->b[op->in[0]];
    if (op->in[1]) r.dgb = c->adjoint_tangents->b[op->in[1]];
  } else if (c->adjoints) {
    r.ga = c->adjoints->b[op->in[0]];
    if (op->in[1]) r.gb = c->adjoints->b[op->in[1]];
  }
  if (!c->tangents && !c->adjoints) r.y = c->values->b[op->out];
  return r;
}

/* Every head is a row of its own. */
static X(rows) heads_of(const X(call) *c) {
  X(rows) r = rows_of(c);
  r.parts = r.width / c->engine->base.model->hyper.head_width;
  r.rows *= r.parts;
  r.width = c->engine->base.model->hyper.head_width;
  return r;
}

static bool is_rms(const X(call) *c) {
  return c->engine->base.model->architecture->norm == HETA_NORM_RMS;
}

#define ROW_OP(name, arguments, kernels, rescaled)                                                 \
  static void forward_##name(const X(call) *c) {                                                   \
    X(rows) r = arguments(c);                                                                      \
    (kernels).forward(&r);                                                                         \
  }                                                                                                \
  static void vjp_##name(const X(call) *c) {                                                       \
    X(rows) r = arguments(c);                                                                      \
    if (c->reference)                                                                              \
      (rescaled)(&r);                                                                              \
    else                                                                                           \
      (kernels).vjp(&r);                                                                           \
  }                                                                                                \
  static void jvp_##name(const X(call) *c) {                                                       \
    X(rows) r = arguments(c);                                                                      \
    (kernels).jvp(&r);                                                                             \
  }                                                                                                \
  static void vjp_tangent_##name(const X(call) *c) {                                               \
    X(rows) r = arguments(c);                                                                      \
    (kernels).vjp_tangent(&r);                                                                     \
  }                                                                                                \
  const X(op_maps)                                                                                 \
      X(name##_maps) = {forward_##name, vjp_##name, jvp_##name, vjp_tangent_##name, true, true};

#define NORM is_rms(c) ? c->engine->backend->rms_norm : c->engine->backend->layer_norm
#define NORM_RESCALED is_rms(c) ? X(rescale_maps).rms_norm : X(rescale_maps).layer_norm
ROW_OP(norm, rows_of, NORM, NORM_RESCALED)
ROW_OP(head_norm, heads_of, NORM, NORM_RESCALED)
ROW_OP(gated, rows_of, c->engine->backend->gated, X(rescale_maps).gated)
ROW_OP(activation, rows_of, c->engine->backend->activation, X(rescale_maps).activation)
ROW_OP(soft_cap, rows_of, c->engine->backend->soft_cap, X(rescale_maps).soft_cap)

static X(attention) attention_of(const X(call) *c) {
  const heta_i_hyper *hyper = &c->engine->base.model->hyper;
  const heta_i_op *op = c->op;
  X(attention)
  a = {.heads = hyper->heads,
       .head_count = hyper->heads,
       .kv_heads = hyper->kv_heads,
       .head_width = hyper->head_width,
       .window = hyper->layer[c->block].window,
       .scale = (real)hyper->attention_scale,
       .cap = (real)hyper->attention_cap,
       .threads = c->engine->settings.threads,
       .lanes = c->batch->attention,
       .lane_count = c->batch->count,
       .root = c->root,
       .q = c->values->b[op->in[0]],
       .k = c->values->b[op->in[1]],
       .v = c->values->b[op->in[2]],
       .gy = get(c->adjoints, op->out),
       .scratch = c->engine->attention_scratch};
  for (int i = 0; i < 3; i++) a.accumulate[i] = c->accumulate[i];
  return a;
}

static void forward_attention(const X(call) *c) {
  X(attention) a = attention_of(c);
  a.y = c->values->b[c->op->out];
  a.probabilities = c->probabilities;
  c->engine->backend->attention_forward(&a);
}

void X(attend_heads)(const X(call) *c, size_t first, size_t count, real *probabilities) {
  X(attention) a = attention_of(c);
  a.first_head = first;
  a.head_count = count;
  a.y = c->values->b[c->op->out];
  a.probabilities = probabilities;
  c->engine->backend->attention_forward(&a);
}

/* Of one context of a stacked run. */
static void vjp_context(const X(call) *c, const X(attention_lane) *root) {
  const heta_i_hyper *hyper = &c->engine->base.model->hyper;
  size_t q = root->offset * hyper->heads * hyper->head_width;
  size_t kv = root->offset * hyper->kv_heads * hyper->head_width;
  X(attention_lane) own = *root; /* its arrays begin at its own first row */
  own.offset = 0;
  X(attention) a = attention_of(c);
  a.root = &own;
  a.q += q;
  a.k += kv;
  a.v += kv;
  if (a.gy) a.gy += q;
  a.gq = c->adjoints->b[c->op->in[0]] + q;
  a.gk = c->adjoints->b[c->op->in[1]] + kv;
  a.gv = c->adjoints->b[c->op->in[2]] + kv;
  c->engine->backend->attention_vjp(&a);
}

static void vjp_attention(const X(call) *c) {
  if (!c->reference) {
    for (size_t l = 0; l < c->batch->count; l++) vjp_context(c, &c->root[l]);
    return;
  }
  X(attention) a = attention_of(c);
  a.gq = c->adjoints->b[c->op->in[0]];
  a.gk = c->adjoints->b[c->op->in[1]];
  a.gv = c->adjoints->b[c->op->in[2]];
  a.q0 = c->reference->b[c->op->in[0]];
  a.k0 = c->reference->b[c->op->in[1]];
  a.v0 = c->reference->b[c->op->in[2]];
  a.rescale_scratch = c->rescale_scratch;
  X(rescale_maps).attention(&a);
}

static void set_tangents(const X(call) *c, X(attention) *a) {
  a->dq = c->tangents->b[c->op->in[0]];
  a->dk = c->tangents->b[c->op->in[1]];
  a->dv = c->tangents->b[c->op->in[2]];
}

static void jvp_attention(const X(call) *c) {
  X(attention) a = attention_of(c);
  set_tangents(c, &a);
  a.dy = c->tangents->b[c->op->out];
  c->engine->backend->attention_jvp(&a);
}

static void vjp_tangent_attention(const X(call) *c) {
  X(attention) a = attention_of(c);
  set_tangents(c, &a);
  a.dgy = c->adjoint_tangents->b[c->op->out];
  a.dgq = c->adjoint_tangents->b[c->op->in[0]];
  a.dgk = c->adjoint_tangents->b[c->op->in[1]];
  a.dgv = c->adjoint_tangents->b[c->op->in[2]];
  c->engine->backend->attention_vjp_tangent(&a);
}

const X(op_maps) X(attention_maps) = {forward_attention,     vjp_attention, jvp_attention,
                                      vjp_tangent_attention, true,          true};

const X(op_maps) *X(op_maps_of)(heta_i_op_kind kind) {
  static const X(op_maps) *const TABLE[HETA_OP_KINDS] = {[HETA_OP_NORM] = &X(norm_maps),
                                                         [HETA_OP_HEAD_NORM] = &X(head_norm_maps),
                                                         [HETA_OP_SOFT_CAP] = &X(soft_cap_maps),
                                                         [HETA_OP_LINEAR] = &X(linear_maps),
                                                         [HETA_OP_ROTARY] = &X(rotary_maps),
                                                         [HETA_OP_ATTENTION] = &X(attention_maps),
                                                         [HETA_OP_GATED] = &X(gated_maps),
                                                         [HETA_OP_ACTIVATION] = &X(activation_maps),
                                                         [HETA_OP_ADD] = &X(add_maps)};
  return TABLE[kind];
}
