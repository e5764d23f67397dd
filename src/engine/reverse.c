/* reverse.c: the reverse pass of a run: the gradient of an objective, and the adjoints that
 * Hessian-vector products read. */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

/* kept: the adjoint will be differentiated, which takes few seeds a row. */
static heta_status check_seeds(const X(run) *run, const heta_i_seed *seeds, size_t count, bool kept,
                               heta_error *error) {
  size_t vocabulary = run->engine->base.model->hyper.vocabulary;
  for (size_t i = 0; i < count; i++) {
    size_t same = 0;
    bool target = false;
    for (size_t t = 0; t < run->target_count; t++) target |= run->target_rows[t] == seeds[i].row;
    for (size_t j = 0; j < count && kept; j++) same += seeds[j].row == seeds[i].row;
    if (!target || seeds[i].token < 0 || (size_t)seeds[i].token >= vocabulary)
      return heta_i_fail(error, HETA_E_INTERNAL,
                         "a seed (row %zu, token %d) is not a target of its run", seeds[i].row,
                         (int)seeds[i].token);
    if (same > ROW_SEEDS)
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "an objective has %zu seeds at row %zu; at most %d", same, seeds[i].row,
                         ROW_SEEDS);
  }
  return HETA_OK;
}

/* kept: for Hessian-vector products; else a gradient is all that is wanted. */
static heta_status adjoint_open(X(run) *run, const heta_i_seed *seeds, size_t count, bool kept,
                                X(adjoint) **out, heta_error *error) {
  X(engine) *engine = run->engine;
  const heta_model *model = engine->base.model;
  X(adjoint) *adjoint = heta_i_allocate(1, sizeof *adjoint);
  if (!adjoint) return heta_i_no_memory(error, "a reverse pass", sizeof *adjoint);
  adjoint->run = run;
  adjoint->seed_count = count;
  adjoint->seeds = heta_i_allocate(count, sizeof *adjoint->seeds);
  adjoint->rows = heta_i_allocate(run->target_count, sizeof *adjoint->rows);
  adjoint->norm = X(take)(engine, run->target_count * model->hyper.width, sizeof(real));
  bool capped = model->hyper.logit_cap > 0;
  if (capped)
    adjoint->logits = X(take)(engine, run->target_count * model->hyper.vocabulary, sizeof(real));
  bool taken = adjoint->seeds && adjoint->rows && adjoint->norm && (!capped || adjoint->logits);
  heta_status status = taken ? HETA_OK : heta_i_no_memory(error, "a reverse pass", count);
  size_t padded = heta_i_pad_rows(run->length);
  uint32_t keep = kept ? engine->keep_adjoints : 0;
  if (!status)
    status = run->stacked > 1
                 ? X(tape_again)(engine, &engine->spare_adjoints, padded, run->begin, keep, 2,
                                 &adjoint->tape, error)
                 : X(tape_open)(engine, padded, run->begin, keep, 2, &adjoint->tape, error);
  if (status) {
    X(adjoint_free)((heta_i_adjoint *)adjoint);
    return status;
  }
  memcpy(adjoint->seeds, seeds, count * sizeof *seeds);
  for (size_t t = 0; t < run->target_count; t++)
    for (size_t i = 0; i < count; i++)
      if (seeds[i].row == run->target_rows[t]) {
        adjoint->rows[adjoint->row_count++] = t;
        break;
      }
  *out = adjoint;
  return HETA_OK;
}

void X(adjoint_free)(heta_i_adjoint *base) {
  X(adjoint) *adjoint = (X(adjoint) *)base;
  if (!adjoint) return;
  X(run) *run = adjoint->run;
  const heta_i_hyper *hyper = &run->engine->base.model->hyper;
  X(give)(run->engine, adjoint->norm, run->target_count * hyper->width, sizeof(real));
  X(give)(run->engine, adjoint->logits, run->target_count * hyper->vocabulary, sizeof(real));
  if (run->stacked > 1)
    X(tape_spare)(run->engine, &run->engine->spare_adjoints, adjoint->tape);
  else
    X(tape_close)(run->engine, adjoint->tape);
  heta_i_free(adjoint->seeds);
  heta_i_free(adjoint->rows);
  heta_i_free(adjoint);
}

/* Back from the logits to the last residual, for the rows that have seeds. */
static void reverse_head(const X(adjoint) *adjoint, const X(run) *reference,
                         real *residual_adjoint) {
  X(run) *run = adjoint->run;
  X(engine) *engine = run->engine;
  const heta_model *model = engine->base.model;
  size_t width = model->hyper.width, vocabulary = model->hyper.vocabulary;
  real *gathered = engine->gathered, *back = gathered + HEAD_ROWS * width;
  for (size_t from = 0; from < adjoint->row_count; from += HEAD_ROWS) {
    size_t left = adjoint->row_count - from, count = left < HEAD_ROWS ? left : HEAD_ROWS;
    real *logits = X(head_logits)(engine);
    uint32_t primal[HEAD_ROWS];
    for (size_t i = 0; i < count; i++) {
      size_t target = adjoint->rows[from + i];
      primal[i] = (uint32_t)target;
      const real *z = run->logits + target * vocabulary;
      if (reference) X(objective_rescale)
      (z, reference->logits + target * vocabulary, vocabulary, adjoint->seeds, adjoint->seed_count,
       run->target_rows[target], logits + i * vocabulary);
      else X(objective_vjp)(z, run->log_sum[target], vocabulary, adjoint->seeds,
                            adjoint->seed_count, run->target_rows[target], logits + i * vocabulary);
      if (adjoint->logits)
        memcpy(adjoint->logits + target * vocabulary, logits + i * vocabulary,
               vocabulary * sizeof(real));
    }
    X(head_vjp)(engine, run, reference, count, primal, gathered, back);
    for (size_t i = 0; i < count; i++) {
      size_t target = adjoint->rows[from + i];
      memcpy(adjoint->norm + target * width, gathered + i * width, width * sizeof(real));
      memcpy(residual_adjoint + run->target_rows[target] * width, back + i * width,
             width * sizeof(real));
    }
  }
}

/* reference: DeepLIFT's multipliers in the place of the gradient; or NULL. */
static heta_status pull_back(X(engine) *engine, X(run) *run, X(run) *reference,
                             const heta_i_seed *seeds, size_t seed_count, double *value,
                             double *gradient, heta_i_adjoint **out, heta_error *error) {
  const heta_model *model = engine->base.model;
  heta_status status = HETA_OK;
  X(adjoint) *adjoint = NULL;
  double *scratch = NULL;
  if (out && run->stacked > 1)
    return heta_i_fail(error, HETA_E_INTERNAL, "products are of runs of one context");
  HETA_TRY(check_seeds(run, seeds, seed_count, out, error));
  HETA_TRY(adjoint_open(run, seeds, seed_count, out, &adjoint, error));
  size_t last = model->hyper.layers - 1, width = model->hyper.width;
  double scale = X(input_scale)(engine, run->begin);
  X(frame) adjoints = X(tape_frame)(engine, adjoint->tape, last);
  memset(adjoints.b[HETA_SITE_RESIDUAL_AFTER], 0, adjoint->tape->rows * width * sizeof(real));
  if (reference) {
    size_t numbers = 3 * model->hyper.kv_heads * run->length;
    scratch = heta_i_allocate(numbers, sizeof *scratch);
    if (!scratch) {
      status = heta_i_no_memory(error, "a row of attention", numbers * sizeof *scratch);
      goto done;
    }
  }
  reverse_head(adjoint, reference, adjoints.b[HETA_SITE_RESIDUAL_AFTER]);
  for (size_t block = model->hyper.layers; block-- > run->begin;) {
    HETA_GO(X(check_stop)(engine, error));
    X(frame) values = X(run_frame)(run, block), other = {{NULL}};
    if (reference) other = X(run_frame)(reference, block);
    adjoints = X(tape_frame)(engine, adjoint->tape, block);
    X(load_roots)(run, block);
    for (size_t i = model->block_ops; i-- > 0;) {
      const heta_i_op *op = &model->architecture->block[i];
      X(scale_overrides)
      (run, &run->batch, block, op->out, model->widths[op->out], adjoints.b[op->out]);
      X(call)
      call = {.engine = engine,
              .op = op,
              .weight = &engine->weights->blocks[block * model->block_ops + i],
              .batch = &run->batch,
              .block = block,
              .values = &values,
              .adjoints = &adjoints,
              .reference = reference ? &other : NULL,
              .rescale_scratch = scratch,
              .root = run->batch.attention};
      for (size_t k = 0; k < 3; k++)
        call.accumulate[k] =
            op->in[k] && X(accumulates)(model->architecture->block, model->block_ops, i, k);
      X(op_maps_of)(op->kind)->vjp(&call);
    }
    X(scale_overrides)
    (run, &run->batch, block, HETA_SITE_RESIDUAL_BEFORE, width,
     adjoints.b[HETA_SITE_RESIDUAL_BEFORE]);
  }
  HETA_GO(X(check_kernels)(engine, error));
  if (value) *value = X(objective_value)(run, seeds, seed_count);
  if (gradient)
    for (size_t e = 0; e < run->length * width; e++)
      gradient[e] = scale * (double)adjoints.b[HETA_SITE_RESIDUAL_BEFORE][e];
  if (out) {
    *out = (heta_i_adjoint *)adjoint;
    adjoint = NULL;
  }
done:
  heta_i_free(scratch);
  X(adjoint_free)((heta_i_adjoint *)adjoint);
  return status;
}

heta_status X(engine_reverse)(heta_i_engine *base, heta_i_run *run, const heta_i_seed *seeds,
                              size_t seed_count, double *value, double *gradient,
                              heta_i_adjoint **out, heta_error *error) {
  return pull_back((X(engine) *)base, (X(run) *)run, NULL, seeds, seed_count, value, gradient, out,
                   error);
}

heta_status X(engine_rescale)(heta_i_engine *base, heta_i_run *base_run, heta_i_run *base_reference,
                              const heta_i_seed *seeds, size_t seed_count, double *multipliers,
                              heta_error *error) {
  X(run) *run = (X(run) *)base_run, *reference = (X(run) *)base_reference;
  bool alike = run->length == reference->length && run->begin == reference->begin &&
               run->target_count == reference->target_count && !run->lane.override_count &&
               !reference->lane.override_count && run->lane.hidden_key == SIZE_MAX &&
               reference->lane.hidden_key == SIZE_MAX;
  for (size_t t = 0; alike && t < run->target_count; t++)
    alike = run->target_rows[t] == reference->target_rows[t];
  if (!alike)
    return heta_i_fail(error, HETA_E_INTERNAL,
                       "a run and its reference have the same rows and targets, and no changes");
  return pull_back((X(engine) *)base, run, reference, seeds, seed_count, NULL, multipliers, NULL,
                   error);
}
