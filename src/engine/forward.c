/* forward.c: the forward pass: of a run, which keeps what other passes need, and of lanes. */
#include <math.h>
#include <string.h>

#include "engine/internal.h"

heta_status X(check_stop)(const X(engine) *engine, heta_error *error) {
  if (engine->settings.stop && engine->settings.stop(engine->settings.context))
    return heta_i_fail(error, HETA_E_CANCELLED, "cancelled");
  return HETA_OK;
}

heta_status X(check_kernels)(X(engine) *engine, heta_error *error) {
  size_t refused = engine->backend->refused ? engine->backend->refused() : 0;
  bool more = refused != engine->refused;
  engine->refused = refused;
  if (!more) return HETA_OK;
  return heta_i_fail(error, HETA_E_MEMORY,
                     "out of memory: a matrix product was refused its own; "
                     "give the program more, or a smaller --max-memory");
}

bool X(accumulates)(const heta_i_op *ops, size_t count, size_t op, size_t input) {
  heta_i_site site = ops[op].in[input];
  for (size_t i = 0; i < input; i++)
    if (ops[op].in[i] == site) return true;
  for (size_t later = op + 1; later < count; later++)
    for (size_t i = 0; i < 3; i++)
      if (ops[later].in[i] == site) return true;
  return false;
}

/* The columns an override touches. */
static void columns_of(const X(engine) *engine, heta_i_site site, size_t head, size_t *first,
                       size_t *count) {
  const heta_model *model = engine->base.model;
  *first = head == SIZE_MAX ? 0 : head * model->hyper.head_width;
  *count = head == SIZE_MAX ? model->widths[site] : model->hyper.head_width;
}

static void apply_overrides(const X(engine) *engine, const X(batch) *batch, size_t block,
                            heta_i_site site, real *rows) {
  size_t width = engine->base.model->widths[site];
  for (size_t l = 0; l < batch->count; l++) {
    const X(placed) *at = &batch->placed[l];
    for (size_t i = 0; at->lane && i < at->lane->override_count; i++) {
      const heta_i_override *change = &at->lane->overrides[i];
      if (change->site != site || change->block != block) continue;
      size_t column, columns;
      columns_of(engine, site, change->head, &column, &columns);
      for (size_t r = 0; r < at->rows; r++) {
        if (change->row != SIZE_MAX && change->row != at->first + r) continue;
        real *x = rows + (at->offset + r) * width + column;
        for (size_t c = 0; c < columns; c++)
          x[c] = (real)(change->scale * (double)x[c] + (change->add ? change->add[c] : 0));
      }
    }
  }
}

void X(scale_overrides)(const X(run) *run, const X(batch) *batch, size_t block, heta_i_site site,
                        size_t width, real *rows) {
  for (size_t i = 0; i < run->lane.override_count; i++) {
    const heta_i_override *change = &run->lane.overrides[i];
    if (change->site != site || change->block != block) continue;
    size_t column, columns;
    columns_of(run->engine, site, change->head, &column, &columns);
    for (size_t r = 0; r < batch->rows; r++) {
      size_t row = batch->primal ? batch->primal[r] : r;
      if (change->row != SIZE_MAX && change->row != row) continue;
      real *x = rows + r * width + column;
      for (size_t c = 0; c < columns; c++) x[c] *= (real)change->scale;
    }
  }
}

static void capture_rows(const X(engine) *engine, const X(batch) *batch, size_t block,
                         heta_i_site site, const real *rows) {
  size_t width = engine->base.model->widths[site];
  for (size_t l = 0; l < batch->count; l++) {
    const X(placed) *at = &batch->placed[l];
    for (size_t i = 0; at->lane && i < at->lane->capture_count; i++) {
      const heta_i_capture *wanted = &at->lane->captures[i];
      if (wanted->site != site || wanted->block != block) continue;
      for (size_t e = 0; e < at->rows * width; e++)
        wanted->out[e] = (double)rows[at->offset * width + e];
    }
  }
}

static const heta_i_capture *wants_probabilities(const X(batch) *batch, size_t block) {
  const heta_i_lane *lane = batch->placed[0].lane;
  for (size_t i = 0; lane && i < lane->capture_count; i++)
    if (lane->captures[i].site == HETA_SITE_PROBABILITIES && lane->captures[i].block == block)
      return &lane->captures[i];
  return NULL;
}

/* Room for captured probabilities, when a lane of the batch wants them; such a batch has one lane.
 */
static heta_status open_probabilities(X(batch) *batch, heta_error *error) {
  const heta_i_lane *lane = batch->placed[0].lane;
  for (size_t i = 0; i < lane->capture_count; i++) {
    if (lane->captures[i].site != HETA_SITE_PROBABILITIES) continue;
    size_t heads = batch->heads, rows = batch->placed[0].rows;
    batch->probabilities = heta_i_allocate(heads * rows * lane->length, sizeof(real));
    return batch->probabilities ? HETA_OK
                                : heta_i_no_memory(error, "attention probabilities",
                                                   heads * rows * lane->length * sizeof(real));
  }
  return HETA_OK;
}

static void close_probabilities(X(batch) *batch) {
  heta_i_free(batch->probabilities);
  batch->probabilities = NULL;
}

void X(forward_block)(X(engine) *engine, size_t block, const X(batch) *batch, const X(frame) *frame,
                      bool again, size_t ops) {
  const heta_model *model = engine->base.model;
  real *residual = frame->b[HETA_SITE_RESIDUAL_BEFORE];
  if (!again) apply_overrides(engine, batch, block, HETA_SITE_RESIDUAL_BEFORE, residual);
  capture_rows(engine, batch, block, HETA_SITE_RESIDUAL_BEFORE, residual);
  const heta_i_capture *wanted = wants_probabilities(batch, block);
  for (size_t i = 0; i < model->block_ops && i < ops; i++) {
    const heta_i_op *op = &model->architecture->block[i];
    bool observed = wanted && op->kind == HETA_OP_ATTENTION;
    X(call)
    call = {.engine = engine,
            .op = op,
            .weight = &engine->weights->blocks[block * model->block_ops + i],
            .batch = batch,
            .block = block,
            .values = frame,
            .probabilities = observed ? batch->probabilities : NULL};
    X(op_maps_of)(op->kind)->forward(&call);
    if (observed) {
      size_t count = model->hyper.heads * batch->placed[0].rows * batch->placed[0].lane->length;
      for (size_t e = 0; e < count; e++) wanted->out[e] = (double)batch->probabilities[e];
    }
    apply_overrides(engine, batch, block, op->out, frame->b[op->out]);
    capture_rows(engine, batch, block, op->out, frame->b[op->out]);
  }
}

double X(input_scale)(const X(engine) *engine, size_t begin) {
  return begin ? 1 : engine->base.model->hyper.embedding_scale;
}

/* The input rows of a lane, into the residual of the batch before block `begin`. Embeddings, as
 * they enter block 0, are scaled and get their learned positions. */
static void load_input(X(engine) *engine, const X(batch) *batch, const X(placed) *at, size_t begin,
                       real *residual) {
  const heta_i_lane *lane = at->lane;
  size_t width = engine->base.model->hyper.width;
  real *out = residual + at->offset * width;
  if (lane->input)
    for (size_t e = 0; e < at->rows * width; e++) out[e] = (real)lane->input[e];
  for (size_t r = 0; r < at->rows; r++) {
    if (lane->edit && lane->edit_row == at->first + r) {
      for (size_t c = 0; c < width; c++) out[r * width + c] = (real)lane->edit[c];
    } else if (!lane->input) {
      X(embed_rows)(engine, lane->tokens + at->first + r, 1, out + r * width);
    }
  }
  double scale = X(input_scale)(engine, begin);
  for (size_t e = 0; scale != 1 && e < at->rows * width; e++)
    out[e] = (real)(scale * (double)out[e]);
  for (size_t r = 0; !begin && r < at->rows; r++)
    X(add_position)(engine, batch->position[at->offset + r], out + r * width);
}

/* Fills the batch's maps for its placed lanes; pad rows repeat position 0. */
static void load_positions(X(batch) *batch) {
  for (size_t l = 0; l < batch->count; l++) {
    const X(placed) *at = &batch->placed[l];
    for (size_t r = 0; r < at->rows; r++)
      batch->position[at->offset + r] =
          at->lane->positions ? at->lane->positions[at->first + r] : (uint32_t)(at->first + r);
  }
}

/* Edits of the attention probabilities of one block, of a lane or run. Returns their number. */
static size_t count_edits(const heta_i_lane *lane, size_t block) {
  size_t count = 0;
  for (size_t i = 0; i < lane->override_count; i++)
    count +=
        lane->overrides[i].site == HETA_SITE_PROBABILITIES && lane->overrides[i].block == block;
  return count;
}

static heta_status make_edits(const heta_i_lane *lane, size_t block, X(probability_edit) **edits,
                              real **numbers, size_t *count, heta_error *error) {
  *count = count_edits(lane, block);
  *edits = NULL;
  *numbers = NULL;
  if (!*count) return HETA_OK;
  *edits = heta_i_allocate(*count, sizeof **edits);
  *numbers = heta_i_allocate(*count * lane->length, sizeof **numbers);
  if (!*edits || !*numbers) {
    heta_i_free(*edits);
    heta_i_free(*numbers);
    *edits = NULL;
    *numbers = NULL;
    return heta_i_no_memory(error, "probability overrides", *count * lane->length * sizeof(real));
  }
  size_t at = 0;
  for (size_t i = 0; i < lane->override_count; i++) {
    const heta_i_override *change = &lane->overrides[i];
    if (change->site != HETA_SITE_PROBABILITIES || change->block != block) continue;
    real *copy = *numbers + at * lane->length;
    for (size_t j = 0; change->add && j < lane->length; j++) copy[j] = (real)change->add[j];
    (*edits)[at++] = (X(probability_edit)){change->head, change->row, (real)change->scale,
                                           change->add ? copy : NULL};
  }
  return HETA_OK;
}

/* Whether a lane over blocks [begin, layers) has this site; row and head may be SIZE_MAX. */
static bool has_site(const X(engine) *engine, const heta_i_lane *lane, size_t begin,
                     heta_i_site site, size_t block, size_t row, size_t head) {
  const heta_model *model = engine->base.model;
  size_t heads = model->hyper.heads;
  if (site != HETA_SITE_PROBABILITIES) {
    if (site >= HETA_SITE_NORM_FINAL || !model->widths[site]) return false;
    heads = model->widths[site] / model->hyper.head_width;
  }
  return block >= begin && block < model->hyper.layers && (row == SIZE_MAX || row < lane->length) &&
         (head == SIZE_MAX || head < heads);
}

static heta_status check_sites(const X(engine) *engine, const heta_i_lane *lane, size_t begin,
                               heta_error *error) {
  for (size_t i = 0; i < lane->override_count; i++) {
    const heta_i_override *change = &lane->overrides[i];
    if (!has_site(engine, lane, begin, change->site, change->block, change->row, change->head))
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "block %zu of this run has no site '%s' with such a row or head to change",
                         change->block, heta_i_site_name(change->site));
  }
  for (size_t i = 0; i < lane->capture_count; i++) {
    const heta_i_capture *wanted = &lane->captures[i];
    if (!has_site(engine, lane, begin, wanted->site, wanted->block, SIZE_MAX, SIZE_MAX))
      return heta_i_fail(error, HETA_E_ARGUMENT, "block %zu of this run has no site '%s' to read",
                         wanted->block, heta_i_site_name(wanted->site));
  }
  return HETA_OK;
}

/* Whether there is a learned position for every own row. */
static heta_status check_positions(const X(engine) *engine, const heta_i_lane *lane, size_t begin,
                                   heta_error *error) {
  const heta_model *model = engine->base.model;
  if (begin || !model->position_embedding) return HETA_OK;
  size_t count = model->position_embedding->shape[1] - model->position_offset;
  for (size_t row = lane->first; row < lane->length; row++)
    if ((lane->positions ? lane->positions[row] : row) >= count)
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "this model has learned %zu positions, and a token of this text lies "
                         "beyond them: shorten the text",
                         count);
  return HETA_OK;
}

static heta_status check_lane(const X(engine) *engine, const heta_i_lane *lane, size_t begin,
                              heta_error *error) {
  const X(run) *parent = (const X(run) *)lane->parent;
  bool fits = lane->first < lane->length && lane->length <= engine->settings.positions &&
              (lane->tokens || lane->input) && lane->first <= (parent ? parent->length : 0);
  for (size_t row = lane->first; fits && lane->positions && row < lane->length; row++)
    fits = lane->positions[row] < engine->settings.positions;
  if (!fits)
    return heta_i_fail(error, HETA_E_INTERNAL, "a lane of rows %zu … %zu does not fit its engine",
                       lane->first, lane->length);
  HETA_TRY(check_positions(engine, lane, begin, error));
  return check_sites(engine, lane, begin, error);
}

/* Reads the output distributions at the run's target rows. */
static void finish_targets(X(engine) *engine, X(run) *run, const real *residual) {
  const heta_model *model = engine->base.model;
  size_t width = model->hyper.width, vocabulary = model->hyper.vocabulary;
  for (size_t i = 0; i < run->target_count; i++)
    memcpy(run->final + i * width, residual + run->target_rows[i] * width, width * sizeof(real));
  for (size_t i = 0; i < run->target_count; i += HEAD_ROWS) {
    size_t rows = run->target_count - i < HEAD_ROWS ? run->target_count - i : HEAD_ROWS;
    X(head_forward)(engine, rows, run->final + i * width, run->logits + i * vocabulary);
  }
#pragma omp parallel for num_threads(engine->settings.threads) schedule(static)
  for (size_t i = 0; i < run->target_count; i++)
    run->log_sum[i] = X(log_sum_exp)(run->logits + i * vocabulary, vocabulary);
}

/* The bits of the sites a run keeps even when blocks are recomputed: what lanes read. */
uint32_t X(lane_sites)(const heta_model *model) {
  uint32_t keep = 0;
  for (size_t i = 0; i < model->block_ops; i++) {
    const heta_i_op *op = &model->architecture->block[i];
    if (op->kind == HETA_OP_ATTENTION) keep |= 1u << op->in[1] | 1u << op->in[2];
  }
  return keep;
}

/* Numbers an override adds to one row. */
static size_t added_numbers(const X(engine) *engine, const heta_i_lane *lane,
                            const heta_i_override *change) {
  size_t first, count;
  if (change->site == HETA_SITE_PROBABILITIES) return lane->length;
  columns_of(engine, change->site, change->head, &first, &count);
  return count;
}

/* The run's own overrides, with the numbers they add. */
static heta_status copy_overrides(X(run) *run, const heta_i_lane *lane, heta_error *error) {
  size_t numbers = 0;
  for (size_t i = 0; i < lane->override_count; i++)
    numbers += added_numbers(run->engine, lane, &lane->overrides[i]);
  heta_i_override *copy = heta_i_allocate(lane->override_count, sizeof *copy);
  double *add = run->added = heta_i_allocate(numbers, sizeof *add);
  run->lane.overrides = copy;
  if (!copy || !add) return heta_i_no_memory(error, "overrides", numbers * sizeof *add);
  for (size_t i = 0; i < lane->override_count; i++) {
    size_t count = added_numbers(run->engine, lane, &lane->overrides[i]);
    copy[i] = lane->overrides[i];
    if (!copy[i].add) continue;
    memcpy(add, copy[i].add, count * sizeof *add);
    copy[i].add = add;
    add += count;
  }
  run->lane.override_count = lane->override_count;
  return HETA_OK;
}

static heta_status copy_lane(X(run) *run, const heta_i_lane *lane, heta_error *error) {
  run->lane =
      (heta_i_lane){.length = lane->length, .edit_row = SIZE_MAX, .hidden_key = lane->hidden_key};
  const heta_model *model = run->engine->base.model;
  run->edits = heta_i_allocate(model->hyper.layers, sizeof *run->edits);
  run->edit_counts = heta_i_allocate(model->hyper.layers, sizeof *run->edit_counts);
  run->edit_numbers = heta_i_allocate(model->hyper.layers, sizeof *run->edit_numbers);
  if (!run->edits || !run->edit_counts || !run->edit_numbers)
    return heta_i_no_memory(error, "a run", model->hyper.layers * sizeof *run->edits);
  HETA_TRY(copy_overrides(run, lane, error));
  for (size_t block = 0; block < model->hyper.layers; block++)
    HETA_TRY(make_edits(lane, block, &run->edits[block], &run->edit_numbers[block],
                        &run->edit_counts[block], error));
  return HETA_OK;
}

X(attention_lane) X(run_attention)(const X(run) *run, size_t block) {
  return (X(attention_lane)){.rows = run->length / run->stacked,
                             .hidden = run->lane.hidden_key,
                             .position = run->batch.position,
                             .edits = run->edits[block],
                             .edit_count = run->edit_counts[block]};
}

void X(load_roots)(X(run) *run, size_t block) {
  size_t rows = run->length / run->stacked;
  for (size_t l = 0; l < run->stacked; l++) {
    X(attention_lane) *root = &run->batch.attention[l];
    *root = X(run_attention)(run, block);
    root->offset = l * rows;
    root->position += l * rows;
  }
}

static heta_status check_run(const X(engine) *engine, const heta_i_lane *lanes, size_t count,
                             size_t begin, const size_t *target_rows, size_t target_count,
                             heta_error *error) {
  size_t length = lanes[0].length;
  for (size_t l = 0; l < count; l++) {
    const heta_i_lane *lane = &lanes[l];
    HETA_TRY(check_lane(engine, lane, begin, error));
    if (lane->parent || begin >= engine->base.model->hyper.layers)
      return heta_i_fail(error, HETA_E_INTERNAL, "a run has no parent and at least one block");
    if (count > 1 && (lane->length != length || lane->override_count || lane->capture_count ||
                      lane->hidden_key != SIZE_MAX))
      return heta_i_fail(error, HETA_E_INTERNAL,
                         "contexts of one run have the same length, and nothing changed or read");
  }
  for (size_t i = 0; i < target_count; i++)
    if (target_rows[i] >= count * length || (i && target_rows[i] <= target_rows[i - 1]))
      return heta_i_fail(error, HETA_E_INTERNAL, "target rows must be sorted and inside the run");
  if (count > 1 && count * length > engine->settings.lane_rows)
    return heta_i_fail(error, HETA_E_INTERNAL, "%zu contexts of %zu rows are more than a batch",
                       count, length);
  return HETA_OK;
}

static heta_status open_run(heta_i_engine *base, const heta_i_lane *lanes, size_t count,
                            size_t begin, const size_t *target_rows, size_t target_count,
                            heta_i_run **out, heta_error *error) {
  X(engine) *engine = (X(engine) *)base;
  const heta_model *model = base->model;
  heta_status status = HETA_OK;
  HETA_TRY(check_run(engine, lanes, count, begin, target_rows, target_count, error));
  X(run) *run = heta_i_allocate(1, sizeof *run);
  if (!run) return heta_i_no_memory(error, "a run", sizeof *run);
  size_t each = lanes[0].length;
  run->engine = engine;
  run->length = count * each;
  run->stacked = count;
  run->begin = begin;
  run->target_count = target_count;
  size_t vocabulary = model->hyper.vocabulary, padded = heta_i_pad_rows(run->length);
  HETA_GO(copy_lane(run, &lanes[0], error));
  HETA_GO(X(batch_open)(engine, padded, count, &run->batch, error));
  run->batch.rows = run->length;
  for (size_t l = 0; l < count; l++)
    run->batch.placed[l] = (X(placed)){&lanes[l], l * each, 0, each};
  load_positions(&run->batch);
  HETA_GO(open_probabilities(&run->batch, error));
  uint32_t keep = engine->settings.recompute ? X(lane_sites)(model) : engine->keep_values;
  keep |= X(lane_sites)(model);
  size_t residuals = model->hyper.layers - begin + 1;
  HETA_GO(count > 1 ? X(tape_again)(engine, &engine->spare_values, padded, begin, keep, residuals,
                                    &run->tape, error)
                    : X(tape_open)(engine, padded, begin, keep, residuals, &run->tape, error));
  run->target_rows = X(take)(engine, target_count, sizeof *run->target_rows);
  run->final = X(take)(engine, target_count * model->hyper.width, sizeof(real));
  run->logits = X(take)(engine, target_count * vocabulary, sizeof(real));
  run->log_sum = X(take)(engine, target_count, sizeof(double));
  if (!run->target_rows || !run->final || !run->logits || !run->log_sum) {
    status =
        heta_i_no_memory(error, "output distributions", target_count * vocabulary * sizeof(real));
    goto done;
  }
  if (target_count) memcpy(run->target_rows, target_rows, target_count * sizeof *target_rows);
  X(frame) frame = X(tape_frame)(engine, run->tape, begin);
  for (size_t l = 0; l < count; l++)
    load_input(engine, &run->batch, &run->batch.placed[l], begin,
               frame.b[HETA_SITE_RESIDUAL_BEFORE]);
  for (size_t block = begin; block < model->hyper.layers; block++) {
    HETA_GO(X(check_stop)(engine, error));
    frame = X(tape_frame)(engine, run->tape, block);
    X(load_roots)(run, block);
    X(forward_block)(engine, block, &run->batch, &frame, false, SIZE_MAX);
  }
  close_probabilities(&run->batch);
  finish_targets(engine, run, frame.b[HETA_SITE_RESIDUAL_AFTER]);
  HETA_GO(X(check_kernels)(engine, error));
  for (size_t l = 1; l < count; l++) run->batch.placed[l].lane = NULL;
  run->batch.placed[0].lane = &run->lane; /* captures are done; overrides stay */
  for (size_t i = 0; i < target_count; i++)
    if (!isfinite(run->log_sum[i])) {
      status = heta_i_fail(error, HETA_E_NONFINITE,
                           "the model's output at row %zu is not finite; its weights are damaged",
                           target_rows[i]);
      goto done;
    }
  *out = (heta_i_run *)run;
  return HETA_OK;
done:
  close_probabilities(&run->batch);
  X(run_free)((heta_i_run *)run);
  return status;
}

heta_status X(engine_run)(heta_i_engine *base, const heta_i_lane *lane, size_t begin,
                          const size_t *target_rows, size_t target_count, heta_i_run **out,
                          heta_error *error) {
  X(engine) *engine = (X(engine) *)base;
  heta_i_lane soft;
  if (!X(has_soft_values)(engine, begin))
    return open_run(base, lane, 1, begin, target_rows, target_count, out, error);
  HETA_TRY(check_lane(engine, lane, begin, error));
  HETA_TRY(X(soften_lane)(engine, lane, begin, &soft, error));
  heta_status status = open_run(base, &soft, 1, begin, target_rows, target_count, out, error);
  heta_i_free((void *)soft.overrides);
  return status;
}

heta_status X(engine_stack)(heta_i_engine *base, const heta_i_lane *lanes, size_t count,
                            const size_t *target_rows, size_t target_count, heta_i_run **out,
                            heta_error *error) {
  if (count == 1) return X(engine_run)(base, lanes, 0, target_rows, target_count, out, error);
  if (X(has_soft_values)((X(engine) *)base, 0))
    return heta_i_fail(error, HETA_E_INTERNAL, "contexts with values of their own run alone");
  return open_run(base, lanes, count, 0, target_rows, target_count, out, error);
}

void X(run_free)(heta_i_run *base) {
  X(run) *run = (X(run) *)base;
  if (!run) return;
  X(engine) *engine = run->engine;
  const heta_model *model = engine->base.model;
  if (run->tape) {
    X(give)(engine, run->target_rows, run->target_count, sizeof *run->target_rows);
    X(give)(engine, run->final, run->target_count * model->hyper.width, sizeof(real));
    X(give)(engine, run->logits, run->target_count * model->hyper.vocabulary, sizeof(real));
    X(give)(engine, run->log_sum, run->target_count, sizeof(double));
  }
  if (run->stacked > 1)
    X(tape_spare)(engine, &engine->spare_values, run->tape);
  else
    X(tape_close)(engine, run->tape);
  if (run->batch.placed) {
    run->batch.padded = heta_i_pad_rows(run->length);
    X(batch_close)(engine, &run->batch);
  }
  for (size_t block = 0; block < model->hyper.layers; block++) {
    if (run->edits) heta_i_free(run->edits[block]);
    if (run->edit_numbers) heta_i_free(run->edit_numbers[block]);
  }
  heta_i_free(run->edits);
  heta_i_free(run->edit_counts);
  heta_i_free(run->edit_numbers);
  heta_i_free((void *)run->lane.overrides);
  heta_i_free(run->added);
  heta_i_free(run);
}

X(frame) X(run_frame)(X(run) *run, size_t block) {
  X(engine) *engine = run->engine;
  X(frame) frame = X(tape_frame)(engine, run->tape, block);
  if (!engine->settings.recompute) return frame;
  /* The kept residual after the block already holds overrides of the next block's input: leave it.
   */
  X(frame) again = frame;
  again.b[HETA_SITE_RESIDUAL_AFTER] = engine->recomputed;
  X(load_roots)(run, block);
  X(forward_block)(engine, block, &run->batch, &again, true, SIZE_MAX);
  return frame;
}

heta_status X(open_again)(X(engine) *engine, X(run) *run, size_t block, X(frame) *out,
                          heta_error *error) {
  const heta_model *model = engine->base.model;
  if (run->tape->rows > engine->work->rows || block < run->begin || block >= model->hyper.layers)
    return heta_i_fail(error, HETA_E_INTERNAL, "a run of %zu rows cannot be read at block %zu",
                       run->length, block);
  X(frame) kept = X(tape_frame)(engine, run->tape, block);
  *out = X(tape_frame)(engine, engine->work, block);
  memcpy(out->b[HETA_SITE_RESIDUAL_BEFORE], kept.b[HETA_SITE_RESIDUAL_BEFORE],
         run->tape->rows * model->hyper.width * sizeof(real));
  X(load_roots)(run, block);
  return HETA_OK;
}

/* How many ops there are up to the last that writes a captured site. */
static size_t ops_until(const heta_model *model, const heta_i_capture *captures, size_t count) {
  size_t ops = 0;
  for (size_t i = 0; i < model->block_ops; i++) {
    const heta_i_op *op = &model->architecture->block[i];
    for (size_t k = 0; k < count; k++)
      if (captures[k].site == op->out ||
          (captures[k].site == HETA_SITE_PROBABILITIES && op->kind == HETA_OP_ATTENTION))
        ops = i + 1;
  }
  return ops;
}

heta_status X(engine_inspect)(heta_i_engine *base, heta_i_run *base_run, size_t block,
                              const heta_i_capture *captures, size_t count, heta_error *error) {
  X(engine) *engine = (X(engine) *)base;
  X(run) *run = (X(run) *)base_run;
  heta_i_lane watched = run->lane;
  watched.captures = captures;
  watched.capture_count = count;
  HETA_TRY(check_sites(engine, &watched, run->begin, error));
  X(frame) frame;
  HETA_TRY(X(open_again)(engine, run, block, &frame, error));
  run->batch.placed[0].lane = &watched;
  heta_status status = open_probabilities(&run->batch, error);
  if (!status) X(forward_block)
  (engine, block, &run->batch, &frame, true, ops_until(base->model, captures, count));
  if (!status) status = X(check_kernels)(engine, error);
  close_probabilities(&run->batch);
  run->batch.placed[0].lane = &run->lane;
  return status;
}

/* The first block of a lane: its parent's. */
static size_t begin_of(const heta_i_lane *lane) {
  return lane->parent ? ((const X(run) *)lane->parent)->begin : 0;
}

/* Packs lanes from `from` on into the batch; returns how many fit and begin at the same block. */
static size_t pack(X(engine) *engine, const heta_i_lane *lanes, size_t from, size_t count) {
  X(batch) *batch = &engine->batch;
  size_t rows = 0, used = 0;
  for (size_t i = from; i < count; i++) {
    size_t own = lanes[i].length - lanes[i].first;
    if (rows + own > engine->settings.lane_rows || begin_of(&lanes[i]) != begin_of(&lanes[from]))
      break;
    batch->placed[used++] = (X(placed)){&lanes[i], rows, lanes[i].first, own};
    rows += own;
  }
  batch->rows = rows;
  batch->count = used;
  batch->padded = heta_i_pad_rows(rows);
  batch->primal = NULL;
  return used;
}

typedef struct lane_edits {
  X(probability_edit) *edits;
  real *numbers;
  size_t count;
} lane_edits;

/* Attention's view of the batch at a block. */
static heta_status load_attention(X(batch) *batch, size_t block, lane_edits *edits,
                                  heta_error *error) {
  for (size_t l = 0; l < batch->count; l++) {
    const X(placed) *at = &batch->placed[l];
    X(attention_lane) *view = &batch->attention[l];
    *view = (X(attention_lane)){.offset = at->offset,
                                .first = at->first,
                                .rows = at->rows,
                                .hidden = at->lane->hidden_key,
                                .position = at->lane->positions};
    heta_i_free(edits[l].edits);
    heta_i_free(edits[l].numbers);
    HETA_TRY(
        make_edits(at->lane, block, &edits[l].edits, &edits[l].numbers, &edits[l].count, error));
    view->edits = edits[l].edits;
    view->edit_count = edits[l].count;
    if (!at->first) continue;
    const X(run) *parent = (const X(run) *)at->lane->parent;
    X(frame) kept = X(tape_frame)(parent->engine, parent->tape, block);
    const heta_model *model = parent->engine->base.model;
    for (size_t i = 0; i < model->block_ops; i++) {
      const heta_i_op *op = &model->architecture->block[i];
      if (op->kind != HETA_OP_ATTENTION) continue;
      view->parent_k = kept.b[op->in[1]];
      view->parent_v = kept.b[op->in[2]];
    }
  }
  return HETA_OK;
}

/* Runs the packed batch; the last block's residual is then in its tape frame. */
static heta_status run_batch(X(engine) *engine, size_t begin, X(frame) *last, heta_error *error) {
  X(batch) *batch = &engine->batch;
  const heta_model *model = engine->base.model;
  heta_status status = HETA_OK;
  lane_edits *edits = heta_i_allocate(batch->count, sizeof *edits);
  if (!edits) return heta_i_no_memory(error, "lanes", batch->count * sizeof *edits);
  X(tape) view = *engine->work; /* the same memory, from block `begin` on */
  view.begin = begin;
  load_positions(batch);
  HETA_GO(open_probabilities(batch, error));
  X(frame) frame = X(tape_frame)(engine, &view, begin);
  for (size_t l = 0; l < batch->count; l++)
    load_input(engine, batch, &batch->placed[l], begin, frame.b[HETA_SITE_RESIDUAL_BEFORE]);
  for (size_t block = begin; block < model->hyper.layers; block++) {
    HETA_GO(X(check_stop)(engine, error));
    frame = X(tape_frame)(engine, &view, block);
    HETA_GO(load_attention(batch, block, edits, error));
    X(forward_block)(engine, block, batch, &frame, false, SIZE_MAX);
  }
  *last = frame;
done:
  close_probabilities(batch);
  for (size_t l = 0; l < batch->count; l++) {
    heta_i_free(edits[l].edits);
    heta_i_free(edits[l].numbers);
  }
  heta_i_free(edits);
  return status;
}

typedef struct pending {
  size_t lane, index, row; /* index into the readout; row of the batch */
} pending;

/* Hands over the distributions of the rows whose logits are in the head's scratch, in order. */
static heta_status hand_over(X(engine) *engine, const heta_i_readout *readout, const pending *rows,
                             size_t count, heta_error *error) {
  size_t vocabulary = engine->base.model->hyper.vocabulary;
  double *logprobs = heta_i_allocate(vocabulary, sizeof *logprobs);
  if (!logprobs) return heta_i_no_memory(error, "log-probabilities", vocabulary * sizeof *logprobs);
  for (size_t i = 0; i < count; i++) {
    const real *z = X(head_logits)(engine) + i * vocabulary;
    double log_sum = X(log_sum_exp)(z, vocabulary);
    for (size_t v = 0; v < vocabulary; v++) logprobs[v] = (double)z[v] - log_sum;
    readout->take(readout->context, rows[i].lane, rows[i].index, logprobs);
  }
  heta_i_free(logprobs);
  return HETA_OK;
}

static size_t count_above(const real *logits, size_t size, size_t token) {
  size_t above = 0;
  for (size_t i = 0; i < size; i++) above += logits[i] > logits[token];
  return above;
}

static heta_status read_rows(X(engine) *engine, const heta_i_readout *readout, const pending *rows,
                             size_t count, const real *residual, heta_error *error) {
  const heta_model *model = engine->base.model;
  size_t width = model->hyper.width, vocabulary = model->hyper.vocabulary;
  real *gathered = engine->gathered, *logits = X(head_logits)(engine);
  for (size_t i = 0; i < count; i++)
    memcpy(gathered + i * width, residual + rows[i].row * width, width * sizeof(real));
  X(head_forward)(engine, count, gathered, logits);
#pragma omp parallel for num_threads(engine->settings.threads) schedule(static)
  for (size_t i = 0; i < count; i++) {
    const real *z = logits + i * vocabulary;
    size_t index = rows[i].index, out = rows[i].lane * readout->rows + index;
    double log_sum = X(log_sum_exp)(z, vocabulary);
    if (readout->logprob) readout->logprob[out] = (double)z[readout->token[index]] - log_sum;
    if (readout->foil_logprob)
      readout->foil_logprob[out] = (double)z[readout->foil[index]] - log_sum;
    const X(run) *clean = (const X(run) *)readout->reference;
    if (readout->kl)
      readout->kl[out] = X(divergence)(clean->logits + index * vocabulary, clean->log_sum[index], z,
                                       log_sum, vocabulary);
    if (readout->hellinger)
      readout->hellinger[out] = X(hellinger)(clean->logits + index * vocabulary,
                                             clean->log_sum[index], z, log_sum, vocabulary);
    if (readout->log_sum) readout->log_sum[out] = log_sum;
    size_t token = readout->token ? (size_t)readout->token[index] : 0;
    if (readout->logit_prob)
      readout->logit_prob[out] = (double)z[token] - X(log_sum_exp_without)(z, vocabulary, token);
    if (readout->above) readout->above[out] = count_above(z, vocabulary, token);
  }
  return readout->take ? hand_over(engine, readout, rows, count, error) : HETA_OK;
}

static size_t readout_row(const heta_i_readout *readout, size_t lane, size_t index) {
  return readout->row[readout->each ? lane * readout->rows + index : index];
}

static heta_status check_lanes(const X(engine) *engine, const heta_i_lane *lanes, size_t count,
                               heta_error *error) {
  for (size_t i = 0; i < count; i++) {
    HETA_TRY(check_lane(engine, &lanes[i], begin_of(&lanes[i]), error));
    if (lanes[i].length - lanes[i].first > engine->settings.lane_rows)
      return heta_i_fail(error, HETA_E_INTERNAL, "a lane of %zu rows is longer than a batch",
                         lanes[i].length - lanes[i].first);
  }
  return HETA_OK;
}

static heta_status run_lanes(X(engine) *engine, const heta_i_lane *lanes, size_t count,
                             const heta_i_readout *readout, heta_error *error) {
  for (size_t from = 0; from < count;) {
    /* A capture of probabilities needs a batch of its own. */
    size_t used = pack(engine, lanes, from, lanes[from].capture_count ? from + 1 : count);
    for (size_t l = 1; l < used; l++)
      if (engine->batch.placed[l].lane->capture_count) {
        used = pack(engine, lanes, from, from + l);
        break;
      }
    X(frame) last = {{NULL}};
    HETA_TRY(run_batch(engine, begin_of(&lanes[from]), &last, error));
    pending rows[HEAD_ROWS];
    size_t waiting = 0;
    for (size_t l = 0; l < used; l++)
      for (size_t i = 0; readout && i < readout->rows; i++) {
        const X(placed) *at = &engine->batch.placed[l];
        size_t row = readout_row(readout, from + l, i);
        if (row < at->first || (readout->each && row == SIZE_MAX)) continue;
        if (row >= at->first + at->rows)
          return heta_i_fail(error, HETA_E_INTERNAL, "a readout row lies beyond its lane");
        rows[waiting++] = (pending){from + l, i, at->offset + row - at->first};
        if (waiting < HEAD_ROWS) continue;
        HETA_TRY(
            read_rows(engine, readout, rows, waiting, last.b[HETA_SITE_RESIDUAL_AFTER], error));
        waiting = 0;
      }
    if (waiting)
      HETA_TRY(read_rows(engine, readout, rows, waiting, last.b[HETA_SITE_RESIDUAL_AFTER], error));
    HETA_TRY(X(check_kernels)(engine, error));
    from += used;
  }
  return HETA_OK;
}

heta_status X(engine_lanes)(heta_i_engine *base, const heta_i_lane *lanes, size_t count,
                            const heta_i_readout *readout, heta_error *error) {
  X(engine) *engine = (X(engine) *)base;
  HETA_TRY(check_lanes(engine, lanes, count, error));
  if (!X(has_soft_values)(engine, 0)) return run_lanes(engine, lanes, count, readout, error);
  heta_i_lane *soft = heta_i_allocate(count, sizeof *soft);
  heta_status status = soft ? HETA_OK : heta_i_no_memory(error, "lanes", count * sizeof *soft);
  size_t made = 0;
  for (; !status && made < count; made += !status) {
    size_t begin = begin_of(&lanes[made]);
    status = X(soften_lane)(engine, &lanes[made], begin, &soft[made], error);
  }
  if (!status) status = run_lanes(engine, soft, count, readout, error);
  for (size_t i = 0; i < made; i++) heta_i_free((void *)soft[i].overrides);
  heta_i_free(soft);
  return status;
}
