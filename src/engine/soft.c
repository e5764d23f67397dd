/* soft.c: lanes fed tokens that have values of their own in one block: as overrides. */
#include <string.h>

#include "engine/internal.h"

/* The soft token that a row of a lane over blocks [begin, layers) is fed, when it has values;
 * SIZE_MAX: none. */
static size_t soft_of(const X(engine) *engine, const heta_i_lane *lane, size_t begin, size_t row) {
  const heta_i_soft_tokens *soft = engine->soft;
  if (soft->block < begin) return SIZE_MAX;
  size_t width = engine->base.model->hyper.width, token = row;
  if (lane->tokens) {
    if ((size_t)lane->tokens[row] < engine->base.model->hyper.vocabulary) return SIZE_MAX;
    token = (size_t)lane->tokens[row] - engine->base.model->hyper.vocabulary;
  }
  if (token >= soft->count || !soft->has_values[token]) return SIZE_MAX;
  if (lane->edit && lane->edit_row == row) return SIZE_MAX;
  if (begin || !lane->input) return lane->tokens ? token : SIZE_MAX;
  const double *fed = lane->input + (row - lane->first) * width;
  for (size_t c = 0; c < width; c++)
    if ((real)fed[c] != (real)soft->rows[token * width + c]) return SIZE_MAX;
  return token;
}

bool X(has_soft_values)(const X(engine) *engine, size_t begin) {
  return engine->soft && engine->soft->values && engine->soft->block >= begin;
}

heta_status X(soften_lane)(const X(engine) *engine, const heta_i_lane *lane, size_t begin,
                           heta_i_lane *out, heta_error *error) {
  size_t width = engine->base.model->widths[HETA_SITE_VALUE], count = lane->override_count;
  size_t rows = lane->length - lane->first;
  heta_i_override *changes = heta_i_allocate(count + rows, sizeof *changes);
  if (!changes) return heta_i_no_memory(error, "values", (count + rows) * sizeof *changes);
  for (size_t i = 0; i < count; i++) changes[i] = lane->overrides[i];
  for (size_t row = lane->first; row < lane->length; row++) {
    size_t token = soft_of(engine, lane, begin, row);
    if (token == SIZE_MAX) continue;
    changes[count++] = (heta_i_override){.site = HETA_SITE_VALUE,
                                         .block = engine->soft->block,
                                         .row = row,
                                         .head = SIZE_MAX,
                                         .add = engine->soft->values + token * width};
  }
  *out = *lane;
  out->overrides = changes;
  out->override_count = count;
  return HETA_OK;
}
