/* tangent.c: Hessian-vector products, forward over reverse: a direction is pushed forward (jvp),
 * and its effect on the reverse pass is pulled back (vjp′). Probes are lanes of one row matrix; the
 * values and adjoints they differentiate are the root run's. */
#include <string.h>

#include "engine/internal.h"

/* Packs probes from `from` on; returns how many fit. A probe owns rows first … length-1. */
static size_t pack(X(engine) *engine, const X(run) *run, const heta_i_probe *probes, size_t from,
                   size_t count) {
  X(batch) *batch = &engine->batch;
  size_t rows = 0, used = 0;
  for (size_t i = from; i < count; i++) {
    size_t first = probes[i].first, own = run->length - first;
    if (rows + own > engine->settings.lane_rows) break;
    batch->placed[used] = (X(placed)){NULL, rows, first, own};
    batch->attention[used++] =
        (X(attention_lane)){.offset = rows, .first = first, .rows = own, .hidden = SIZE_MAX};
    for (size_t r = 0; r < own; r++) {
      engine->primal[rows + r] = (uint32_t)(first + r);
      batch->position[rows + r] = run->batch.position[first + r];
    }
    rows += own;
  }
  batch->rows = rows;
  batch->count = used;
  batch->padded = heta_i_pad_rows(rows);
  batch->primal = engine->primal;
  return used;
}

static void load_directions(X(engine) *engine, const X(run) *run, const heta_i_probe *probes,
                            real *residual) {
  double scale = X(input_scale)(engine, run->begin);
  size_t width = engine->base.model->hyper.width;
  memset(residual, 0, engine->batch.padded * width * sizeof(real));
  for (size_t l = 0; l < engine->batch.count; l++) {
    real *rows = residual + engine->batch.placed[l].offset * width;
    for (size_t e = 0; e < probes[l].direction_rows * width; e++)
      rows[e] = (real)(scale * probes[l].direction[e]);
  }
}

static void jvp_block(X(engine) *engine, X(run) *run, size_t block, const X(frame) *values,
                      const X(frame) *tangents, bool again) {
  const heta_model *model = engine->base.model;
  const X(batch) *batch = &engine->batch;
  X(attention_lane) root = X(run_attention)(run, block);
  if (!again) X(scale_overrides)
  (run, batch, block, HETA_SITE_RESIDUAL_BEFORE, model->hyper.width,
   tangents->b[HETA_SITE_RESIDUAL_BEFORE]);
  for (size_t i = 0; i < model->block_ops; i++) {
    const heta_i_op *op = &model->architecture->block[i];
    X(call)
    call = {.engine = engine,
            .op = op,
            .weight = &engine->weights->blocks[block * model->block_ops + i],
            .batch = batch,
            .block = block,
            .values = values,
            .tangents = tangents,
            .root = &root};
    X(op_maps_of)(op->kind)->jvp(&call);
    X(scale_overrides)(run, batch, block, op->out, model->widths[op->out], tangents->b[op->out]);
  }
}

/* The batch's tangents of a block, recomputed when only its input is kept. */
static X(frame) tangent_frame(X(engine) *engine, X(run) *run, const X(tape) *tape, size_t block,
                              const X(frame) *values) {
  X(frame) frame = X(tape_frame)(engine, tape, block);
  if (!engine->settings.recompute) return frame;
  X(frame) again = frame;
  again.b[HETA_SITE_RESIDUAL_AFTER] = engine->recomputed;
  jvp_block(engine, run, block, values, &again, true);
  return frame;
}

typedef struct head_row {
  uint32_t target; /* index of the target row */
  size_t row;      /* row of the batch */
} head_row;

static void head_rows(X(engine) *engine, const X(adjoint) *adjoint, const head_row *rows,
                      size_t count, bool gauss_newton, const real *tangents, real *out) {
  const X(run) *run = adjoint->run;
  size_t width = engine->base.model->hyper.width;
  size_t vocabulary = engine->base.model->hyper.vocabulary;
  real *gathered = engine->gathered, *back = gathered + HEAD_ROWS * width;
  real *logits = X(head_logits)(engine);
  uint32_t primal[HEAD_ROWS];
  for (size_t i = 0; i < count; i++) {
    primal[i] = rows[i].target;
    memcpy(gathered + i * width, tangents + rows[i].row * width, width * sizeof(real));
  }
  X(head_jvp)(engine, run, count, primal, gathered);
#pragma omp parallel for num_threads(engine->settings.threads) schedule(static)
  for (size_t i = 0; i < count; i++) X(objective_vjp_tangent)
  (run->logits + primal[i] * vocabulary, run->log_sum[primal[i]], vocabulary, adjoint->seeds,
   adjoint->seed_count, run->target_rows[primal[i]], logits + i * vocabulary);
  X(head_vjp_tangent)(engine, adjoint, count, primal, gathered, gauss_newton, back);
  for (size_t i = 0; i < count; i++)
    memcpy(out + rows[i].row * width, back + i * width, width * sizeof(real));
}

static void head_pass(X(engine) *engine, const X(adjoint) *adjoint, bool gauss_newton,
                      const real *tangents, real *out) {
  const X(run) *run = adjoint->run;
  const X(batch) *batch = &engine->batch;
  memset(out, 0, batch->padded * engine->base.model->hyper.width * sizeof(real));
  head_row rows[HEAD_ROWS];
  size_t waiting = 0;
  for (size_t l = 0; l < batch->count; l++)
    for (size_t i = 0; i < adjoint->row_count; i++) {
      size_t target = adjoint->rows[i], row = run->target_rows[target];
      if (row < batch->placed[l].first) continue;
      rows[waiting++] =
          (head_row){(uint32_t)target, batch->placed[l].offset + row - batch->placed[l].first};
      if (waiting < HEAD_ROWS) continue;
      head_rows(engine, adjoint, rows, waiting, gauss_newton, tangents, out);
      waiting = 0;
    }
  if (waiting) head_rows(engine, adjoint, rows, waiting, gauss_newton, tangents, out);
}

static heta_status pull_back(X(engine) *engine, X(adjoint) *adjoint, const X(tape) *tangent_tape,
                             const X(tape) *work, bool gauss_newton, heta_error *error) {
  X(run) *run = adjoint->run;
  const heta_model *model = engine->base.model;
  const X(batch) *batch = &engine->batch;
  for (size_t block = model->hyper.layers; block-- > run->begin;) {
    HETA_TRY(X(check_stop)(engine, error));
    X(frame) values = X(run_frame)(run, block);
    X(frame) tangents = tangent_frame(engine, run, tangent_tape, block, &values);
    X(frame) adjoints = X(tape_frame)(engine, adjoint->tape, block);
    X(frame) out = X(tape_frame)(engine, work, block);
    X(attention_lane) root = X(run_attention)(run, block);
    for (size_t i = model->block_ops; i-- > 0;) {
      const heta_i_op *op = &model->architecture->block[i];
      X(scale_overrides)(run, batch, block, op->out, model->widths[op->out], out.b[op->out]);
      X(call)
      call = {.engine = engine,
              .op = op,
              .weight = &engine->weights->blocks[block * model->block_ops + i],
              .batch = batch,
              .block = block,
              .values = &values,
              .adjoints = gauss_newton ? NULL : &adjoints,
              .tangents = &tangents,
              .adjoint_tangents = &out,
              .root = &root};
      for (size_t k = 0; k < 3; k++)
        call.accumulate[k] =
            op->in[k] && X(accumulates)(model->architecture->block, model->block_ops, i, k);
      X(op_maps_of)(op->kind)->vjp_tangent(&call);
    }
    X(scale_overrides)
    (run, batch, block, HETA_SITE_RESIDUAL_BEFORE, model->hyper.width,
     out.b[HETA_SITE_RESIDUAL_BEFORE]);
  }
  return X(check_kernels)(engine, error);
}

static heta_status check_probes(const X(engine) *engine, const X(run) *run,
                                const heta_i_probe *probes, size_t count, heta_error *error) {
  if (run->length > engine->settings.lane_rows)
    return heta_i_fail(error, HETA_E_INTERNAL, "a probe of %zu rows is longer than a batch",
                       run->length);
  for (size_t i = 0; i < count; i++) {
    const heta_i_probe *probe = &probes[i];
    if (probe->first >= run->length || probe->direction_rows > run->length - probe->first ||
        probe->result_rows > run->length - probe->first)
      return heta_i_fail(error, HETA_E_INTERNAL,
                         "a probe from row %zu on does not fit its run of %zu", probe->first,
                         run->length);
  }
  return HETA_OK;
}

heta_status X(engine_probes)(heta_i_engine *base, heta_i_run *base_run,
                             heta_i_adjoint *const *adjoints, size_t adjoint_count,
                             const heta_i_probe *probes, size_t count, bool gauss_newton,
                             heta_error *error) {
  X(engine) *engine = (X(engine) *)base;
  X(run) *run = (X(run) *)base_run;
  const heta_model *model = base->model;
  size_t width = model->hyper.width;
  double scale = X(input_scale)(engine, run->begin);
  HETA_TRY(check_probes(engine, run, probes, count, error));
  if (!engine->tangents)
    HETA_TRY(X(tape_open)(engine, engine->settings.lane_rows, 0,
                          engine->settings.recompute ? 0 : engine->keep_values,
                          model->hyper.layers + 1, &engine->tangents, error));
  X(tape) tangent_tape = *engine->tangents, work = *engine->work;
  tangent_tape.begin = work.begin = run->begin;
  for (size_t from = 0; from < count;) {
    size_t used = pack(engine, run, probes, from, count);
    X(frame) tangents = X(tape_frame)(engine, &tangent_tape, run->begin);
    load_directions(engine, run, probes + from, tangents.b[HETA_SITE_RESIDUAL_BEFORE]);
    for (size_t block = run->begin; block < model->hyper.layers; block++) {
      HETA_TRY(X(check_stop)(engine, error));
      X(frame) values = X(run_frame)(run, block);
      tangents = X(tape_frame)(engine, &tangent_tape, block);
      jvp_block(engine, run, block, &values, &tangents, false);
    }
    for (size_t a = 0; a < adjoint_count; a++) {
      X(adjoint) *adjoint = (X(adjoint) *)adjoints[a];
      X(frame) end = X(tape_frame)(engine, &work, model->hyper.layers - 1);
      X(frame) last = X(tape_frame)(engine, &tangent_tape, model->hyper.layers - 1);
      head_pass(engine, adjoint, gauss_newton, last.b[HETA_SITE_RESIDUAL_AFTER],
                end.b[HETA_SITE_RESIDUAL_AFTER]);
      HETA_TRY(pull_back(engine, adjoint, &tangent_tape, &work, gauss_newton, error));
      X(frame) start = X(tape_frame)(engine, &work, run->begin);
      for (size_t l = 0; l < used; l++) {
        const heta_i_probe *probe = &probes[from + l];
        const real *rows =
            start.b[HETA_SITE_RESIDUAL_BEFORE] + engine->batch.placed[l].offset * width;
        double *result = probe->result + a * probe->result_rows * width;
        for (size_t e = 0; e < probe->result_rows * width; e++) result[e] = scale * (double)rows[e];
      }
    }
    from += used;
  }
  return HETA_OK;
}
