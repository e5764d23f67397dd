/* api.c: opening an engine, and the table through which everyone uses it. */
#include <math.h>
#include <string.h>

#include "engine/internal.h"

/* cos and sin of position × frequency, computed in double. */
static heta_status open_rotary(X(engine) *engine, const heta_i_rotary *rotary, X(angles) *angles,
                               heta_error *error) {
  size_t positions = engine->settings.positions, pairs = rotary->dims / 2;
  bool is_long = rotary->frequency_long && positions > rotary->long_from;
  const double *frequency = is_long ? rotary->frequency_long : rotary->frequency;
  double magnitude = is_long ? rotary->magnitude_long : rotary->magnitude;
  angles->cosine = X(take)(engine, positions * pairs, sizeof(real));
  angles->sine = X(take)(engine, positions * pairs, sizeof(real));
  if (!angles->cosine || !angles->sine)
    return heta_i_no_memory(error, "RoPE tables", positions * pairs * sizeof(real));
  for (size_t position = 0; position < positions; position++)
    for (size_t i = 0; i < pairs; i++) {
      double angle = (double)position * frequency[i];
      angles->cosine[position * pairs + i] = (real)(magnitude * cos(angle));
      angles->sine[position * pairs + i] = (real)(magnitude * sin(angle));
    }
  return HETA_OK;
}

static heta_status open_rotaries(X(engine) *engine, heta_error *error) {
  for (int i = 0; i < HETA_ROTARY_TABLES; i++)
    HETA_TRY(open_rotary(engine, &engine->base.model->hyper.rotary[i], &engine->angles[i], error));
  return HETA_OK;
}

/* Which buffers the derivative maps read, from the ops' own declarations. */
static void find_kept(const heta_model *model, uint32_t *values, uint32_t *adjoints) {
  *values = *adjoints = 0;
  for (size_t i = 0; i < model->block_ops; i++) {
    const heta_i_op *op = &model->architecture->block[i];
    const X(op_maps) *maps = X(op_maps_of)(op->kind);
    for (size_t k = 0; k < 3 && maps->reads_values; k++)
      if (op->in[k]) *values |= 1u << op->in[k];
    if (maps->reads_adjoint) *adjoints |= 1u << op->out;
  }
}

static void drop_spares(X(engine) *engine) {
  X(tape_spare)(engine, &engine->spare_values, NULL);
  X(tape_spare)(engine, &engine->spare_adjoints, NULL);
}

static void engine_close(heta_i_engine *base) {
  X(engine) *engine = (X(engine) *)base;
  if (!engine) return;
  X(tape_close)(engine, engine->work);
  X(tape_close)(engine, engine->tangents);
  drop_spares(engine);
  engine->batch.count = engine->batch.padded = engine->settings.lane_rows;
  X(batch_close)(engine, &engine->batch);
  X(weights_close)(engine);
  for (int i = 0; i < HETA_ROTARY_TABLES; i++) {
    heta_i_free(engine->angles[i].cosine);
    heta_i_free(engine->angles[i].sine);
  }
  heta_i_free(engine->embedding_row);
  heta_i_free(engine->attention_scratch);
  heta_i_free(engine->head);
  heta_i_free(engine->gathered);
  heta_i_free(engine->primal);
  heta_i_free(engine->recomputed);
  heta_i_free(engine);
}

static const heta_i_engine_api API;

static heta_status open_scratch(X(engine) *engine, heta_error *error) {
  const heta_model *model = engine->base.model;
  const heta_i_engine_settings *s = &engine->settings;
  size_t width = model->hyper.width;
  size_t rows =
      s->lane_rows > heta_i_pad_rows(s->positions) ? s->lane_rows : heta_i_pad_rows(s->positions);
  size_t attention = engine->backend->attention_scratch(
      model->hyper.heads, model->hyper.kv_heads, model->hyper.head_width, s->positions,
      s->lane_rows, model->hyper.attention_cap > 0, s->threads);
  engine->embedding_row = X(take)(engine, width, sizeof(float));
  engine->attention_scratch = X(take)(engine, attention, sizeof(real));
  engine->head = X(take)(engine, X(head_elements)(model), sizeof(real));
  engine->gathered = X(take)(engine, 2 * HEAD_ROWS * width, sizeof(real));
  engine->primal = X(take)(engine, s->lane_rows, sizeof *engine->primal);
  engine->recomputed = s->recompute ? X(take)(engine, rows * width, sizeof(real)) : NULL;
  if (!engine->embedding_row || !engine->attention_scratch || !engine->head || !engine->gathered ||
      !engine->primal || (s->recompute && !engine->recomputed))
    return heta_i_no_memory(error, "the engine's scratch memory", attention * sizeof(real));
  HETA_TRY(X(batch_open)(engine, s->lane_rows, s->lane_rows, &engine->batch, error));
  return X(tape_open)(engine, s->lane_rows, 0, 0, 2, &engine->work, error);
}

const X(backend) *X(backend_of)(const heta_i_engine_settings *settings) {
#if HETA_REAL_BITS == 32
  if (settings->backend == HETA_BACKEND_CPU) return X(backend_cpu)();
#endif
  (void)settings;
  return X(backend_reference)();
}

static heta_status engine_open(const heta_i_engine_settings *settings, heta_i_engine **out,
                               heta_error *error) {
  if (settings->threads < 1 || !settings->positions || settings->lane_rows % HETA_ROW_PAD ||
      !settings->lane_rows)
    return heta_i_fail(error, HETA_E_INTERNAL, "engine settings are out of range");
#if HETA_REAL_BITS == 64
  if (settings->backend != HETA_BACKEND_REFERENCE)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "float64 runs on the reference backend only (--backend reference)");
#endif
  const X(backend) *backend = X(backend_of)(settings);
  size_t kernels = backend->prepare ? backend->prepare() : 0;
  if (kernels) return heta_i_no_memory(error, "the kernels' own memory", kernels);
  X(engine) *engine = heta_i_allocate(1, sizeof *engine);
  if (!engine) return heta_i_no_memory(error, "an engine", sizeof *engine);
  engine->base.api = &API;
  engine->base.model = settings->model;
  engine->settings = *settings;
  engine->backend = backend;
  if (engine->backend->refused) engine->refused = engine->backend->refused();
  find_kept(settings->model, &engine->keep_values, &engine->keep_adjoints);
  heta_status status = open_rotaries(engine, error);
  if (!status) status = X(weights_open)(engine, error);
  if (!status) status = open_scratch(engine, error);
  if (status) {
    engine_close(&engine->base);
    return status;
  }
  *out = &engine->base;
  return HETA_OK;
}

static uint64_t engine_bytes(const heta_i_engine_settings *s, const heta_i_load *load) {
  const heta_model *model = s->model;
  const heta_i_hyper *hyper = &model->hyper;
  const X(backend) *backend = X(backend_of)(s);
  uint32_t values, adjoints;
  find_kept(model, &values, &adjoints);
  size_t layers = hyper->layers, rows = heta_i_pad_rows(load->length), width = hyper->width;
  size_t angles = 0;
  for (int i = 0; i < HETA_ROTARY_TABLES; i++) angles += hyper->rotary[i].dims;
  uint64_t numbers =
      s->positions * angles + X(head_elements)(model) + 3 * HEAD_ROWS * width +
      backend->attention_scratch(hyper->heads, hyper->kv_heads, hyper->head_width, s->positions,
                                 s->lane_rows, hyper->attention_cap > 0, s->threads);
  size_t adjoint_count = load->adjoints + load->late_adjoints;
  size_t rows_out = load->targets * (load->late ? 2 : 1) + load->runs + (load->inner > 0);
  size_t differentiated = load->inner ? heta_i_pad_rows(load->inner) : rows;
  numbers += rows_out * (2 * width + hyper->vocabulary + 2); /* of the runs */
  numbers +=
      adjoint_count * load->targets * (width + (hyper->logit_cap > 0 ? hyper->vocabulary : 0));
  numbers += rows * (hyper->head_width + width); /* a projection in flight */
  if (s->recompute) numbers += (rows > s->lane_rows ? rows : s->lane_rows) * width;
  uint64_t bytes = numbers * sizeof(real) + X(weights_bytes)(model, s->expand);
  bytes += s->lane_rows * (sizeof(X(placed)) + sizeof(X(attention_lane)) + 2 * sizeof(uint32_t));
  bytes += load->length * load->length * /* probabilities handed over */
           (X(heads_in_flight)(model, s->threads) * sizeof(real) + sizeof(double));
  bytes += X(tape_bytes)(model, s->lane_rows, layers, 0, 2);
  if (load->probes)
    bytes += X(tape_bytes)(model, s->lane_rows, layers, s->recompute ? 0 : values, layers + 1);
  uint32_t kept = (s->recompute ? 0 : values) | X(lane_sites)(model);
  bytes += (1 + load->runs) * X(tape_bytes)(model, rows, layers, kept, layers + 1);
  if (load->stacked) { /* and its gradient */
    size_t stacked = heta_i_pad_rows(load->stacked);
    bytes += X(tape_bytes)(model, stacked, layers, kept, layers + 1) +
             X(tape_bytes)(model, stacked, layers, 0, 2);
    size_t contexts = load->stacked / load->length, outputs = contexts * load->targets;
    size_t capped = hyper->logit_cap > 0 ? hyper->vocabulary : 0;
    bytes += outputs * (3 * width + hyper->vocabulary + capped + 4) * sizeof(real);
    bytes += contexts * (sizeof(X(placed)) + sizeof(X(attention_lane)));
    bytes += (stacked + outputs) * sizeof(size_t);
  }
  if (load->inner) bytes += X(tape_bytes)(model, differentiated, layers, kept, layers + 1);
  bytes += load->adjoints * X(tape_bytes)(model, differentiated, layers, adjoints, 2);
  if (load->late) bytes += X(tape_bytes)(model, differentiated, load->late, kept, load->late + 1);
  return bytes +
         load->late_adjoints * X(tape_bytes)(model, differentiated, load->late, adjoints, 2);
}

static void engine_serve(heta_i_engine *base, bool (*stop)(void *context), void *context) {
  heta_i_engine_settings *settings = &((X(engine) *)base)->settings;
  settings->stop = stop;
  settings->context = context;
  drop_spares((X(engine) *)base); /* no plan but the last one's counted them */
}

static size_t engine_peak(const heta_i_engine *base) { return ((const X(engine) *)base)->peak; }

static void engine_embed(heta_i_engine *base, const int32_t *tokens, size_t count, double *out) {
  X(engine) *engine = (X(engine) *)base;
  size_t width = base->model->hyper.width;
  for (size_t i = 0; i < count; i++) {
    X(embed_rows)(engine, tokens + i, 1, engine->gathered);
    for (size_t c = 0; c < width; c++) out[i * width + c] = (double)engine->gathered[c];
  }
}

static void engine_soften(heta_i_engine *base, const heta_i_soft_tokens *soft) {
  ((X(engine) *)base)->soft = soft;
}

static void run_logits(const heta_i_run *base, size_t index, double *out) {
  const X(run) *run = (const X(run) *)base;
  size_t vocabulary = run->engine->base.model->hyper.vocabulary;
  for (size_t i = 0; i < vocabulary; i++) out[i] = (double)run->logits[index * vocabulary + i];
}

static void run_logprobs(const heta_i_run *base, size_t index, double *out) {
  const X(run) *run = (const X(run) *)base;
  run_logits(base, index, out);
  for (size_t i = 0; i < run->engine->base.model->hyper.vocabulary; i++)
    out[i] -= run->log_sum[index];
}

static heta_status engine_project(heta_i_engine *base, size_t block, heta_i_site site, size_t first,
                                  size_t columns, size_t rows, const double *x, double *out,
                                  heta_error *error) {
  X(engine) *engine = (X(engine) *)base;
  const heta_model *model = base->model;
  const X(weight) *weight = NULL;
  for (size_t i = 0; i < model->block_ops; i++)
    if (model->architecture->block[i].out == site)
      weight = &engine->weights->blocks[block * model->block_ops + i];
  if (!weight || !weight->source->tensor || !weight->source->cols ||
      first + columns > weight->source->cols)
    return heta_i_fail(error, HETA_E_INTERNAL, "site '%s' is not a projection of this size",
                       heta_i_site_name(site));
  size_t n = weight->source->rows, k = weight->source->cols;
  size_t padded = engine->backend->whole_tiles ? heta_i_pad_rows(rows) : rows;
  real *in = X(take)(engine, padded * columns, sizeof(real));
  real *product = X(take)(engine, padded * n, sizeof(real));
  if (in && product) {
    for (size_t e = 0; e < rows * columns; e++) in[e] = (real)x[e];
    size_t panel = X(panel_rows)(weight);
    for (size_t from = 0; from < n; from += panel) {
      size_t count = n - from < panel ? n - from : panel;
      engine->backend->gemm_nt(engine->settings.threads, padded, count, columns, in, columns,
                               X(weight_panel)(engine, weight, from, count) + first, k, false,
                               product + from, n);
    }
    for (size_t e = 0; e < rows * n; e++) out[e] = (double)product[e];
  }
  heta_status status = in && product
                           ? X(check_kernels)(engine, error)
                           : heta_i_no_memory(error, "a projection", padded * n * sizeof(real));
  X(give)(engine, in, padded * columns, sizeof(real));
  X(give)(engine, product, padded * n, sizeof(real));
  return status;
}

static const heta_i_engine_api API = {.open = engine_open,
                                      .close = engine_close,
                                      .serve = engine_serve,
                                      .peak_bytes = engine_peak,
                                      .bytes = engine_bytes,
                                      .embed = engine_embed,
                                      .soften = engine_soften,
                                      .run = X(engine_run),
                                      .stack = X(engine_stack),
                                      .run_free = X(run_free),
                                      .inspect = X(engine_inspect),
                                      .attend = X(engine_attend),
                                      .rate = X(engine_rate),
                                      .logits = run_logits,
                                      .logprobs = run_logprobs,
                                      .reverse = X(engine_reverse),
                                      .rescale = X(engine_rescale),
                                      .adjoint_free = X(adjoint_free),
                                      .lanes = X(engine_lanes),
                                      .probes = X(engine_probes),
                                      .project = engine_project};

const heta_i_engine_api *X(engine_api)(void) { return &API; }
