/* memory.c: the engine's allocations, all counted; tapes and batches. */
#include <string.h>

#include "engine/internal.h"

void X(count)(X(engine) *engine, size_t bytes) {
  engine->bytes += bytes;
  if (engine->bytes > engine->peak) engine->peak = engine->bytes;
}

void *X(take)(X(engine) *engine, size_t count, size_t size) {
  void *block = heta_i_allocate(count, size);
  if (block) X(count)(engine, count * size);
  return block;
}

void X(give)(X(engine) *engine, void *block, size_t count, size_t size) {
  if (!block) return;
  engine->bytes -= count * size;
  heta_i_free(block);
}

static bool is_residual(size_t site) {
  return site == HETA_SITE_RESIDUAL_BEFORE || site == HETA_SITE_RESIDUAL_AFTER;
}

static bool in_block(size_t site) {
  return site != HETA_SITE_NONE && site < HETA_SITE_NORM_FINAL && !is_residual(site);
}

static size_t tape_width(const heta_model *model, size_t blocks, uint32_t keep,
                         size_t residual_slots) {
  size_t width = residual_slots * model->hyper.width;
  for (size_t site = 0; site < HETA_SITE_BUFFERS; site++)
    if (in_block(site)) width += model->widths[site] * (keep >> site & 1 ? blocks : 1);
  return width;
}

size_t X(tape_bytes)(const heta_model *model, size_t rows, size_t blocks, uint32_t keep,
                     size_t residual_slots) {
  return rows * tape_width(model, blocks, keep, residual_slots) * sizeof(real);
}

heta_status X(tape_open)(X(engine) *engine, size_t rows, size_t begin, uint32_t keep,
                         size_t residual_slots, X(tape) **out, heta_error *error) {
  const heta_model *model = engine->base.model;
  X(tape) *tape = heta_i_allocate(1, sizeof *tape);
  if (!tape) return heta_i_no_memory(error, "a tape", sizeof *tape);
  tape->rows = rows;
  tape->begin = begin;
  tape->blocks = model->hyper.layers - begin;
  tape->keep = keep;
  tape->residual_slots = residual_slots;
  size_t width = tape_width(model, tape->blocks, keep, residual_slots);
  tape->bytes = rows * width * sizeof(real);
  tape->store = X(take)(engine, rows * width, sizeof(real));
  if (!tape->store) {
    heta_i_free(tape);
    return heta_i_no_memory(error, "activations", rows * width * sizeof(real));
  }
  real *at = tape->store;
  tape->residual = at;
  at += rows * residual_slots * model->hyper.width;
  for (size_t site = 0; site < HETA_SITE_BUFFERS; site++) {
    if (!in_block(site) || !model->widths[site]) continue;
    tape->slots[site] = at;
    at += rows * model->widths[site] * (keep >> site & 1 ? tape->blocks : 1);
  }
  *out = tape;
  return HETA_OK;
}

void X(tape_close)(X(engine) *engine, X(tape) *tape) {
  if (!tape) return;
  X(give)(engine, tape->store, tape->bytes, 1);
  heta_i_free(tape);
}

heta_status X(tape_again)(X(engine) *engine, X(tape) **spare, size_t rows, size_t begin,
                          uint32_t keep, size_t residual_slots, X(tape) **out, heta_error *error) {
  X(tape) *tape = *spare;
  *spare = NULL;
  if (tape && tape->rows == rows && tape->begin == begin && tape->keep == keep &&
      tape->residual_slots == residual_slots) {
    *out = tape;
    return HETA_OK;
  }
  X(tape_close)(engine, tape);
  return X(tape_open)(engine, rows, begin, keep, residual_slots, out, error);
}

void X(tape_spare)(X(engine) *engine, X(tape) **spare, X(tape) *tape) {
  X(tape_close)(engine, *spare);
  *spare = tape;
}

X(frame) X(tape_frame)(const X(engine) *engine, const X(tape) *tape, size_t block) {
  const heta_model *model = engine->base.model;
  size_t index = block - tape->begin, residual = tape->rows * model->hyper.width;
  X(frame) frame = {{NULL}};
  for (size_t site = 0; site < HETA_SITE_BUFFERS; site++) {
    if (!tape->slots[site]) continue;
    size_t slot = tape->keep >> site & 1 ? index : 0;
    frame.b[site] = tape->slots[site] + slot * tape->rows * model->widths[site];
  }
  frame.b[HETA_SITE_RESIDUAL_BEFORE] = tape->residual + index % tape->residual_slots * residual;
  frame.b[HETA_SITE_RESIDUAL_AFTER] =
      tape->residual + (index + 1) % tape->residual_slots * residual;
  return frame;
}

heta_status X(batch_open)(X(engine) *engine, size_t rows, size_t lanes, X(batch) *batch,
                          heta_error *error) {
  *batch = (X(batch)){.padded = rows, .heads = engine->base.model->hyper.heads};
  batch->placed = X(take)(engine, lanes, sizeof *batch->placed);
  batch->attention = X(take)(engine, lanes, sizeof *batch->attention);
  batch->position = X(take)(engine, rows, sizeof *batch->position);
  batch->count = lanes;
  if (batch->placed && batch->attention && batch->position) return HETA_OK;
  X(batch_close)(engine, batch);
  return heta_i_no_memory(error, "a batch of lanes", lanes * sizeof *batch->placed);
}

/* `count` and `padded` must be as batch_open left them. */
void X(batch_close)(X(engine) *engine, X(batch) *batch) {
  X(give)(engine, batch->placed, batch->count, sizeof *batch->placed);
  X(give)(engine, batch->attention, batch->count, sizeof *batch->attention);
  X(give)(engine, batch->position, batch->padded, sizeof *batch->position);
  *batch = (X(batch)){0};
}
