/* weights.c: the row-panel accessor: the only way to a matrix. Weights stay in the file's type and
 * are expanded panel by panel, or once when the engine opens. */
#include <math.h>
#include <string.h>

#include "engine/internal.h"

size_t X(panel_rows)(const X(weight) *weight) {
  size_t rows = PANEL_ELEMENTS / weight->source->cols / HETA_ROW_PAD * HETA_ROW_PAD;
  if (rows < HETA_ROW_PAD) rows = HETA_ROW_PAD;
  return rows < weight->source->rows ? rows : weight->source->rows;
}

/* Expands rows [first, first + rows); scratch holds one panel of floats in the f64 build. */
static void expand(const heta_i_weight *source, size_t first, size_t rows, int threads, real *out,
                   float *scratch) {
  size_t columns = source->cols, first_row = source->first_row + first;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (size_t row = 0; row < rows; row += HETA_ROW_PAD) {
    size_t count = rows - row < HETA_ROW_PAD ? rows - row : HETA_ROW_PAD;
#if HETA_REAL_BITS == 32
    (void)scratch;
    heta_i_tensor_rows(source->tensor, first_row + row, count, out + row * columns);
#else
    float *f = scratch + row * columns;
    heta_i_tensor_rows(source->tensor, first_row + row, count, f);
    for (size_t i = 0; i < count * columns; i++) out[row * columns + i] = (real)f[i];
#endif
  }
}

const real *X(weight_panel)(X(engine) *engine, const X(weight) *weight, size_t first, size_t rows) {
  if (weight->expanded) return weight->expanded + first * weight->source->cols;
  expand(weight->source, first, rows, engine->settings.threads, engine->panel, engine->panel_f32);
  return engine->panel;
}

/* The first entry of a panel that is not finite, or `count`. */
static size_t first_nonfinite(const real *values, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!isfinite(values[i])) return i;
  return count;
}

static void *take(X(weights) *weights, size_t count) {
  void *block = heta_i_allocate(count, sizeof(real));
  if (block) weights->bytes += count * sizeof(real);
  return block;
}

static real *copy_vector(X(weights) *weights, const float *values, size_t size) {
  real *copy = take(weights, size);
  for (size_t i = 0; copy && i < size; i++) copy[i] = (real)values[i];
  return copy;
}

static heta_status open_weight(X(engine) *engine, X(weights) *weights, const heta_i_weight *source,
                               X(weight) *weight, heta_error *error) {
  weight->source = source;
  if (!source->tensor) return HETA_OK;
  if (source->vector && !(weight->vector = copy_vector(weights, source->vector, source->rows)))
    return heta_i_no_memory(error, source->tensor->name, source->rows * sizeof(real));
  if (source->bias && !(weight->bias = copy_vector(weights, source->bias, source->rows)))
    return heta_i_no_memory(error, source->tensor->name, source->rows * sizeof(real));
  if (!source->cols) return HETA_OK;
  if (engine->settings.expand) {
    weight->expanded = take(weights, source->rows * source->cols);
    if (!weight->expanded)
      return heta_i_no_memory(error, source->tensor->name,
                              source->rows * source->cols * sizeof(real));
  }
  size_t panel = X(panel_rows)(weight);
  for (size_t first = 0; first < source->rows; first += panel) {
    size_t rows = source->rows - first < panel ? source->rows - first : panel;
    real *out = weight->expanded ? weight->expanded + first * source->cols : engine->panel;
    expand(source, first, rows, engine->settings.threads, out, engine->panel_f32);
    size_t bad = first_nonfinite(out, rows * source->cols);
    if (bad < rows * source->cols) {
      size_t row = source->first_row + first + bad / source->cols;
      return heta_i_fail_at(error, HETA_E_NONFINITE, heta_i_tensor_row_offset(source->tensor, row),
                            "tensor %s, row %zu, column %zu is not a finite number; the file is "
                            "damaged",
                            source->tensor->name, row, bad % source->cols);
    }
    HETA_TRY(X(check_stop)(engine, error));
  }
  return HETA_OK;
}

/* Elements of the scratch panel: PANEL_ELEMENTS, or HETA_ROW_PAD rows of the widest matrix. */
static size_t panel_elements(const heta_model *model) {
  size_t columns = 0;
  for (size_t i = 0; i < model->hyper.layers * model->block_ops; i++)
    if (model->block_weights[i].cols > columns) columns = model->block_weights[i].cols;
  for (size_t i = 0; i < model->head_ops; i++)
    if (model->head_weights[i].cols > columns) columns = model->head_weights[i].cols;
  return columns * HETA_ROW_PAD > PANEL_ELEMENTS ? columns * HETA_ROW_PAD : PANEL_ELEMENTS;
}

static size_t weight_bytes(const heta_i_weight *weight, bool expand) {
  size_t vectors = (weight->vector ? weight->rows : 0) + (weight->bias ? weight->rows : 0);
  return (vectors + (expand ? weight->rows * weight->cols : 0)) * sizeof(real);
}

size_t X(weights_bytes)(const heta_model *model, bool expand) {
  size_t blocks = model->hyper.layers * model->block_ops, bytes = blocks * sizeof(X(weight));
  for (size_t i = 0; i < blocks; i++) bytes += weight_bytes(&model->block_weights[i], expand);
  for (size_t i = 0; i < model->head_ops; i++)
    bytes += weight_bytes(&model->head_weights[i], expand);
  if (!expand) bytes += panel_elements(model) * sizeof(real);
  if (sizeof(real) > sizeof(float)) bytes += panel_elements(model) * sizeof(float);
  return bytes;
}

static void close_weight(X(weight) *weight) {
  heta_i_free(weight->expanded);
  heta_i_free(weight->vector);
  heta_i_free(weight->bias);
}

static void free_weights(void *pointer) {
  X(weights) *weights = pointer;
  if (!weights) return;
  const heta_model *model = weights->model;
  for (size_t i = 0; weights->blocks && i < model->hyper.layers * model->block_ops; i++)
    close_weight(&weights->blocks[i]);
  for (size_t i = 0; i < model->head_ops; i++) close_weight(&weights->head[i]);
  heta_i_free(weights->blocks);
  heta_i_free(weights);
}

static heta_status make_weights(X(engine) *engine, X(weights) **out, heta_error *error) {
  const heta_model *model = engine->base.model;
  size_t blocks = model->hyper.layers * model->block_ops;
  heta_status status = HETA_OK;
  X(weights) *weights = heta_i_allocate(1, sizeof *weights);
  if (!weights) return heta_i_no_memory(error, "the weights", sizeof *weights);
  weights->model = model;
  weights->blocks = heta_i_allocate(blocks, sizeof *weights->blocks);
  weights->bytes = blocks * sizeof *weights->blocks;
  if (!weights->blocks) status = heta_i_no_memory(error, "the weights", weights->bytes);
  for (size_t i = 0; !status && i < blocks; i++)
    status = open_weight(engine, weights, &model->block_weights[i], &weights->blocks[i], error);
  for (size_t i = 0; !status && i < model->head_ops; i++)
    status = open_weight(engine, weights, &model->head_weights[i], &weights->head[i], error);
  if (status)
    free_weights(weights);
  else
    *out = weights;
  return status;
}

static heta_i_kept_slot *slot_of(const heta_model *model) {
  return &model->kept->slot[HETA_REAL_BITS == 32 ? HETA_KEPT_F32 : HETA_KEPT_F64];
}

/* The model's weights, which the first engine that shares them expands. */
static heta_status share_weights(X(engine) *engine, heta_error *error) {
  heta_i_kept_slot *slot = slot_of(engine->base.model);
  X(weights) *made = slot->weights;
  if (!made) HETA_TRY(make_weights(engine, &made, error));
  slot->weights = engine->weights = made;
  slot->free = free_weights;
  slot->users++;
  engine->shared = true;
  return HETA_OK;
}

heta_status X(weights_open)(X(engine) *engine, heta_error *error) {
  const heta_model *model = engine->base.model;
  size_t panel = panel_elements(model);
  bool direct = engine->settings.expand;
  if (!direct) engine->panel = X(take)(engine, panel, sizeof(real));
  if (sizeof(real) > sizeof(float)) engine->panel_f32 = X(take)(engine, panel, sizeof(float));
  if ((!direct && !engine->panel) || (sizeof(real) > sizeof(float) && !engine->panel_f32))
    return heta_i_no_memory(error, "a weight panel", panel * sizeof(real));
  bool share = direct && engine->settings.share;
  heta_status status = HETA_OK;
  pthread_mutex_lock(&model->kept->lock);
  if (share)
    status = share_weights(engine, error);
  else /* its budget knows nothing of kept ones */
    heta_i_kept_drop(slot_of(model));
  pthread_mutex_unlock(&model->kept->lock);
  if (!share) status = make_weights(engine, &engine->weights, error);
  if (status) return status;
  X(count)(engine, engine->weights->bytes);
  return HETA_OK;
}

void X(weights_close)(X(engine) *engine) {
  if (engine->shared) {
    pthread_mutex_lock(&engine->base.model->kept->lock);
    slot_of(engine->base.model)->users--;
    pthread_mutex_unlock(&engine->base.model->kept->lock);
  } else {
    free_weights(engine->weights);
  }
  heta_i_free(engine->panel);
  heta_i_free(engine->panel_f32);
}

void X(embed_rows)(X(engine) *engine, const int32_t *tokens, size_t count, real *out) {
  const heta_i_tensor *tensor = engine->base.model->embedding;
  size_t width = engine->base.model->hyper.width;
  for (size_t i = 0; i < count; i++) {
    float *row = engine->embedding_row;
    size_t token = (size_t)tokens[i], vocabulary = engine->base.model->hyper.vocabulary;
    if (token >= vocabulary) {
      const double *soft = engine->soft->rows + (token - vocabulary) * width;
      for (size_t c = 0; c < width; c++) out[i * width + c] = (real)soft[c];
      continue;
    }
    heta_i_tensor_rows(tensor, token, 1, row);
    for (size_t c = 0; c < width; c++) out[i * width + c] = (real)row[c];
  }
}

void X(add_position)(X(engine) *engine, size_t position, real *embedding) {
  const heta_model *model = engine->base.model;
  if (!model->position_embedding) return;
  float *row = engine->embedding_row;
  heta_i_tensor_rows(model->position_embedding, position + model->position_offset, 1, row);
  for (size_t c = 0; c < model->hyper.width; c++) embedding[c] += (real)row[c];
}
