/* internal.h: the engine's own types, per precision: weights, tapes, batches, and the op table. */
#ifndef HETA_ENGINE_INTERNAL_H
#define HETA_ENGINE_INTERNAL_H

#include "backend/backend.h"
#include "base/memory.h"
#include "engine/engine.h"

enum { HEAD_ROWS = 2 * HETA_ROW_PAD, PANEL_ELEMENTS = 1 << 20, ROW_SEEDS = 16 };

typedef struct X(weight) {
  const heta_i_weight *source;
  real *expanded;      /* [rows × cols], or NULL: expanded panel by panel */
  real *vector, *bias; /* [rows], or NULL */
} X(weight);

/* All of a model's weights, as one engine or several of them read them. */
typedef struct X(weights) {
  const heta_model *model;
  X(weight) *blocks; /* [layers][block_ops] */
  X(weight) head[HETA_MAX_OPS];
  size_t bytes;
} X(weights);

/* One row matrix per buffer; NULL where there is none. */
typedef struct X(frame) {
  real *b[HETA_SITE_BUFFERS];
} X(frame);

/* The rows of one pass, block by block. Buffers in `keep` have a slot per block; the others share
 * one slot, overwritten by each block. Residuals have blocks + 1 slots (values, tangents) or 2. */
typedef struct X(tape) {
  size_t rows, begin, blocks, residual_slots;
  uint32_t keep;
  real *residual;
  real *slots[HETA_SITE_BUFFERS];
  real *store;
  size_t bytes;
} X(tape);

/* A lane with its place in a batch. */
typedef struct X(placed) {
  const heta_i_lane *lane; /* NULL for probes */
  size_t offset, first, rows;
} X(placed);

/* Lanes stacked into one row matrix. */
typedef struct X(batch) {
  size_t rows, padded;
  size_t count;
  X(placed) *placed;
  uint32_t *position;           /* [padded] */
  const uint32_t *primal;       /* [padded] row of the root run, borrowed; NULL in forward passes */
  X(attention_lane) *attention; /* [count] */
  size_t heads;
  real *probabilities; /* [heads × rows × length] of the one lane that captures them, or NULL */
} X(batch);

/* cos and sin of a rotary table: [positions × dims/2]. */
typedef struct X(angles) {
  real *cosine, *sine;
} X(angles);

typedef struct X(engine) {
  heta_i_engine base;
  heta_i_engine_settings settings;
  const X(backend) *backend;
  X(weights) *weights;
  bool shared; /* the weights are the model's */
  X(angles) angles[HETA_ROTARY_TABLES];
  float *embedding_row; /* [width]: one row on its way from the file */
  real *panel;          /* PANEL_ELEMENTS (at least one row), unless all is expanded */
  float *panel_f32;     /* the same, for expansion to float before double */
  real *attention_scratch;
  uint32_t keep_values, keep_adjoints;    /* buffers the derivative maps read, bit per site */
  X(tape) *work;                          /* [lane_rows]: forward lanes, tangents of adjoints */
  X(tape) *tangents;                      /* [lane_rows] */
  X(tape) *spare_values, *spare_adjoints; /* of stacked runs, for the next of them */
  real *head;                             /* scratch of the head: see head.c */
  real *gathered;   /* [2 × HEAD_ROWS × width]: rows on their way to the head and back */
  real *recomputed; /* [rows × width]: where a recomputed block leaves its last residual */
  X(batch) batch;   /* [lane_rows] rows and lanes */
  uint32_t *primal; /* [lane_rows]: the batch's map of probes to rows of their run */
  size_t bytes, peak;
  size_t refused;                 /* the backend's, as last seen */
  const heta_i_soft_tokens *soft; /* or NULL */
} X(engine);

typedef struct X(run) {
  X(engine) *engine;
  size_t length, begin; /* length: rows, of all contexts */
  size_t stacked;       /* contexts, of equal length; most runs have one */
  X(tape) *tape;
  X(batch) batch;              /* a lane for each context */
  heta_i_lane lane;            /* own copies of overrides; no captures */
  double *added;               /* the numbers that its overrides add */
  X(probability_edit) **edits; /* [layers], NULL where there are none */
  size_t *edit_counts;
  real **edit_numbers;
  size_t target_count;
  size_t *target_rows;
  real *final;     /* [targets × width]: residual after the last block */
  real *logits;    /* [targets × vocabulary] */
  double *log_sum; /* [targets]: log Σ exp(logits) */
} X(run);

typedef struct X(adjoint) {
  X(run) *run;
  X(tape) *tape; /* keeps what vjp′ reads */
  size_t seed_count;
  heta_i_seed *seeds;
  size_t row_count; /* distinct rows of the seeds, sorted, as indices into target_rows */
  size_t *rows;
  real *norm;   /* [targets × width]: adjoint of the final norm's output */
  real *logits; /* [targets × vocabulary]: adjoint of capped logits; NULL without a cap */
} X(adjoint);

/* Everything one map of one op needs. Frames not used by a map are NULL. */
typedef struct X(call) {
  X(engine) *engine;
  const heta_i_op *op;
  const X(weight) *weight;
  const X(batch) *batch; /* of y, dy, dgx */
  size_t block;
  const X(frame) *values;   /* forward: being filled; derivatives: the root run's */
  const X(frame) *adjoints; /* vjp: being filled; vjp′: the root run's, or NULL for none */
  const X(frame) *tangents; /* jvp: being filled */
  const X(frame) *adjoint_tangents; /* vjp′: being filled */
  bool accumulate[3];        /* whether the adjoint of input i was written by a later op already */
  const X(frame) *reference; /* vjp: values of the reference run, for DeepLIFT's rules; or NULL */
  double *rescale_scratch;   /* for them */
  const X(attention_lane) *root;
  real *probabilities; /* forward attention: where to leave them, or NULL */
} X(call);

typedef struct X(op_maps) {
  void (*forward)(const X(call) *), (*vjp)(const X(call) *), (*jvp)(const X(call) *),
      (*vjp_tangent)(const X(call) *);
  bool reads_values;  /* derivative maps read the inputs' values and tangents */
  bool reads_adjoint; /* vjp′ reads the root's adjoint of the output */
} X(op_maps);

/* ops_*.c */
const X(op_maps) *X(op_maps_of)(heta_i_op_kind kind);
extern const X(op_maps) X(norm_maps), X(head_norm_maps), X(soft_cap_maps), X(linear_maps),
    X(rotary_maps), X(attention_maps), X(gated_maps), X(activation_maps), X(add_maps);

/* The forward map of attention for `count` heads; probabilities: [count × rows × length]. */
void X(attend_heads)(const X(call) *c, size_t first, size_t count, real *probabilities);

/* memory.c */
void *X(take)(X(engine) *engine, size_t count, size_t size);
void X(count)(X(engine) *engine, size_t bytes); /* of memory that was taken elsewhere */
void X(give)(X(engine) *engine, void *block, size_t count, size_t size);
size_t X(tape_bytes)(const heta_model *model, size_t rows, size_t blocks, uint32_t keep,
                     size_t residual_slots);
heta_status X(tape_open)(X(engine) *engine, size_t rows, size_t begin, uint32_t keep,
                         size_t residual_slots, X(tape) **out, heta_error *error);
void X(tape_close)(X(engine) *engine, X(tape) *tape);
/* The same for tapes of one kind after another: what tape_spare put by is taken again if it fits,
 * with the numbers it has, since new memory costs the kernel a page at a time. */
heta_status X(tape_again)(X(engine) *engine, X(tape) **spare, size_t rows, size_t begin,
                          uint32_t keep, size_t residual_slots, X(tape) **out, heta_error *error);
void X(tape_spare)(X(engine) *engine, X(tape) **spare, X(tape) *tape);
X(frame) X(tape_frame)(const X(engine) *engine, const X(tape) *tape, size_t block);
heta_status X(batch_open)(X(engine) *engine, size_t rows, size_t lanes, X(batch) *batch,
                          heta_error *error);
void X(batch_close)(X(engine) *engine, X(batch) *batch);

/* weights.c */
size_t X(weights_bytes)(const heta_model *model, bool expand);
void X(embed_rows)(X(engine) *engine, const int32_t *tokens, size_t count, real *out);
/* Adds the learned row of a position to an embedding; nothing when the model has none. */
void X(add_position)(X(engine) *engine, size_t position, real *embedding);
heta_status X(weights_open)(X(engine) *engine, heta_error *error);
void X(weights_close)(X(engine) *engine);
size_t X(panel_rows)(const X(weight) *weight);
/* Rows [first, first + rows) of a matrix, borrowed until the next call. */
const real *X(weight_panel)(X(engine) *engine, const X(weight) *weight, size_t first, size_t rows);

/* forward.c */
heta_status X(check_stop)(const X(engine) *engine, heta_error *error);
/* Behind a pass: HETA_E_MEMORY when a kernel was refused memory in it. */
heta_status X(check_kernels)(X(engine) *engine, heta_error *error);
/* What the input is multiplied by on its way into block `begin`, and gradients on their way out. */
double X(input_scale)(const X(engine) *engine, size_t begin);
/* The first `ops` ops of a block (SIZE_MAX: all). again: recomputing, when the block's input
 * already holds its overrides. */
void X(forward_block)(X(engine) *engine, size_t block, const X(batch) *batch, const X(frame) *frame,
                      bool again, size_t ops);
/* The root lane of a run at a block, for the attention kernels. */
X(attention_lane) X(run_attention)(const X(run) *run, size_t block);
/* That of each context of a stacked run, into the run's batch. */
void X(load_roots)(X(run) *run, size_t block);
/* The root's values of a block, recomputed when they are not kept. */
X(frame) X(run_frame)(X(run) *run, size_t block);
bool X(accumulates)(const heta_i_op *ops, size_t count, size_t op, size_t input);
heta_status X(engine_run)(heta_i_engine *base, const heta_i_lane *lane, size_t begin,
                          const size_t *target_rows, size_t target_count, heta_i_run **out,
                          heta_error *error);
heta_status X(engine_stack)(heta_i_engine *base, const heta_i_lane *lanes, size_t count,
                            const size_t *target_rows, size_t target_count, heta_i_run **out,
                            heta_error *error);
void X(run_free)(heta_i_run *run);
heta_status X(engine_lanes)(heta_i_engine *base, const heta_i_lane *lanes, size_t count,
                            const heta_i_readout *readout, heta_error *error);
heta_status X(engine_inspect)(heta_i_engine *base, heta_i_run *run, size_t block,
                              const heta_i_capture *captures, size_t count, heta_error *error);
/* The scratch frame in which a block of a run is run again, with the block's input. */
heta_status X(open_again)(X(engine) *engine, X(run) *run, size_t block, X(frame) *out,
                          heta_error *error);

/* soft.c: whether soft tokens (heta_i_soft_tokens) have values in some block from `begin` on. */
bool X(has_soft_values)(const X(engine) *engine, size_t begin);
/* The lane with overrides that put its tokens' values in place; the caller frees them. */
heta_status X(soften_lane)(const X(engine) *engine, const heta_i_lane *lane, size_t begin,
                           heta_i_lane *out, heta_error *error);

/* attend.c */
size_t X(heads_in_flight)(const heta_model *model, int threads);
heta_status X(engine_attend)(heta_i_engine *base, heta_i_run *run, size_t block,
                             heta_i_take_head take, void *context, heta_error *error);
/* The sites a run keeps even when blocks are recomputed: what lanes read. */
uint32_t X(lane_sites)(const heta_model *model);
/* Multiplies rows of `site` by the scale of the run's overrides: the derivative of an override. */
void X(scale_overrides)(const X(run) *run, const X(batch) *batch, size_t block, heta_i_site site,
                        size_t width, real *rows);

/* reverse.c, tangent.c */
heta_status X(engine_reverse)(heta_i_engine *base, heta_i_run *run, const heta_i_seed *seeds,
                              size_t seed_count, double *value, double *gradient,
                              heta_i_adjoint **out, heta_error *error);
heta_status X(engine_rescale)(heta_i_engine *base, heta_i_run *run, heta_i_run *reference,
                              const heta_i_seed *seeds, size_t seed_count, double *multipliers,
                              heta_error *error);
void X(adjoint_free)(heta_i_adjoint *adjoint);
heta_status X(engine_probes)(heta_i_engine *base, heta_i_run *run, heta_i_adjoint *const *adjoints,
                             size_t adjoint_count, const heta_i_probe *probes, size_t count,
                             bool gauss_newton, heta_error *error);

/* api.c: the kernels that settings ask for. */
const X(backend) *X(backend_of)(const heta_i_engine_settings *settings);

/* rate.c */
double X(engine_rate)(const heta_i_engine_settings *settings, heta_i_rate of);

/* head.c: the final norm and the output projection, HEAD_ROWS rows at a time. */
size_t X(head_elements)(const heta_model *model);
/* logits [rows × vocabulary] of rows of the final residual; rows <= HEAD_ROWS. */
void X(head_forward)(X(engine) *engine, size_t rows, const real *residual, real *logits);
/* The derivative maps, at target rows of a run: `primal` has the number of each. The logits'
 * adjoint and tangents are in head_logits, where the maps leave theirs. norm_adjoint [rows × width]
 * and the residual's adjoint from the logits' adjoint. */
/* reference: a run, for DeepLIFT's multipliers in the place of adjoints; or NULL. */
void X(head_vjp)(X(engine) *engine, const X(run) *run, const X(run) *reference, size_t rows,
                 const uint32_t *primal, real *norm_adjoint, real *residual_adjoint);
/* Tangents of the logits from the residual's. */
void X(head_jvp)(X(engine) *engine, const X(run) *run, size_t rows, const uint32_t *primal,
                 const real *tangent);
/* The tangent of the residual's adjoint from that of the logits' adjoint. Follows head_jvp of the
 * same rows. gauss_newton: the run's adjoints count as 0. */
void X(head_vjp_tangent)(X(engine) *engine, const X(adjoint) *adjoint, size_t rows,
                         const uint32_t *primal, const real *tangent, bool gauss_newton, real *out);
real *X(head_logits)(X(engine) *engine); /* scratch [HEAD_ROWS × vocabulary] */

/* objective.c */
double X(log_sum_exp)(const real *logits, size_t size);
/* Over all tokens but one, without computing 1 - p. */
double X(log_sum_exp_without)(const real *logits, size_t size, size_t token);
double X(objective_value)(const X(run) *run, const heta_i_seed *seeds, size_t count);
/* Adjoint of one row of logits: Σ over the seeds of that row. */
void X(objective_vjp)(const real *logits, double log_sum, size_t vocabulary,
                      const heta_i_seed *seeds, size_t count, size_t row, real *adjoint);
/* DeepLIFT's multipliers of one row of logits, against those of the reference run. */
void X(objective_rescale)(const real *logits, const real *reference, size_t vocabulary,
                          const heta_i_seed *seeds, size_t count, size_t row, real *multipliers);
/* In place: the tangent of the logits becomes the tangent of their adjoint. */
void X(objective_vjp_tangent)(const real *logits, double log_sum, size_t vocabulary,
                              const heta_i_seed *seeds, size_t count, size_t row, real *tangent);
double X(divergence)(const real *reference, double reference_sum, const real *logits,
                     double log_sum, size_t size);
double X(hellinger)(const real *reference, double reference_sum, const real *logits, double log_sum,
                    size_t size);

#endif
