/* soft.c: what a job explains when its context is changed: embeddings with noise, values of another
 * context. Each token before the first target becomes one beside the vocabulary (engine.h), so that
 * methods and passes need not know. */
#include "base/number.h"
#include "base/random.h"
#include "format/file.h"
#include "job/job.h"

#include <math.h>
#include <string.h>

enum { ROWS_AT_ONCE = 64 };

static bool noised(const heta_job *job) { return job->options.noise > 0; }
static bool patched(const heta_job *job) { return job->options.patch_tokens; }

bool heta_i_is_soft(const heta_job *job) { return noised(job) || patched(job); }

static heta_status check_method(const heta_job *job, heta_error *error) {
  const heta_i_method *method = job->session.method;
  if (noised(job) && method->unnoised)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "the method %s cannot explain a context with noise on its embeddings: %s",
                       method->info.name, method->unnoised);
  if (patched(job) && (method->unpatched || method->unnoised))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "the method %s cannot explain a context with patched values: %s",
                       method->info.name, method->unpatched ? method->unpatched : method->unnoised);
  return HETA_OK;
}

static heta_status check_patch(const heta_job *job, heta_error *error) {
  const heta_attribute_options *o = &job->options;
  size_t n = job->input.first_target;
  if (o->patch_length != n)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "patch_tokens are %zu, and the context has %zu tokens: values are patched "
                       "between contexts of one length",
                       o->patch_length, n);
  if (o->patch_block >= job->model->hyper.layers)
    return heta_i_fail(error, HETA_E_ARGUMENT, "patch_block is %zu; the model has %zu blocks",
                       o->patch_block, job->model->hyper.layers);
  if (!o->patch_rows || !o->patch_row_count)
    return heta_i_fail(error, HETA_E_ARGUMENT, "patch_rows name no token");
  for (size_t i = 0; i < o->patch_row_count; i++)
    if (o->patch_rows[i] >= n)
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "patch_rows[%zu] is %zu, but the context has %zu tokens", i,
                         o->patch_rows[i], n);
  for (size_t i = 0; i < n; i++)
    if (o->patch_tokens[i] < 0 || (size_t)o->patch_tokens[i] >= job->model->hyper.vocabulary)
      return heta_i_fail(error, HETA_E_ARGUMENT, "patch_tokens[%zu] is no token of the vocabulary",
                         i);
  return HETA_OK;
}

static heta_status copy_patch(heta_job *job, heta_error *error) {
  heta_attribute_options *o = &job->options;
  int32_t *tokens = heta_i_arena_take(&job->memory, o->patch_length, sizeof *tokens);
  size_t *rows = heta_i_arena_take(&job->memory, o->patch_row_count, sizeof *rows);
  if (!tokens || !rows) return heta_i_no_memory(error, "a patch", o->patch_length * sizeof *tokens);
  memcpy(tokens, o->patch_tokens, o->patch_length * sizeof *tokens);
  memcpy(rows, o->patch_rows, o->patch_row_count * sizeof *rows);
  o->patch_tokens = tokens;
  o->patch_rows = rows;
  return HETA_OK;
}

heta_status heta_i_soft_open(heta_job *job, heta_error *error) {
  double noise = job->options.noise;
  if (!(noise >= 0) || !isfinite(noise))
    return heta_i_fail(error, HETA_E_ARGUMENT, "noise is %g; it takes a deviation of at least 0",
                       noise);
  HETA_TRY(check_method(job, error));
  if (!patched(job)) return HETA_OK;
  HETA_TRY(check_patch(job, error));
  return copy_patch(job, error);
}

uint64_t heta_i_soft_bytes(const heta_job *job) {
  uint64_t n = job->input.first_target, numbers = (n + 1) * job->model->hyper.width;
  if (!heta_i_is_soft(job)) return 0;
  if (patched(job)) numbers += n * job->model->widths[HETA_SITE_VALUE];
  /* … and the overrides of a batch of lanes. */
  uint64_t lanes = patched(job) ? job->settings.lane_rows * sizeof(heta_i_override) : 0;
  return numbers * sizeof(double) + 8 * n + lanes;
}

static void add_noise(const heta_job *job, double *rows, double *scratch) {
  size_t width = job->model->hyper.width;
  for (size_t i = 0; noised(job) && i < job->soft.count; i++) {
    heta_i_normal(job->options.seed, HETA_STREAM_INPUT_NOISE, (uint32_t)i, job->options.noise_draw,
                  width, scratch);
    for (size_t c = 0; c < width; c++) rows[i * width + c] += job->options.noise * scratch[c];
  }
}

/* The values of the other context. */
static heta_status read_values(heta_job *job, double *values, bool *has, heta_error *error) {
  const heta_attribute_options *o = &job->options;
  heta_i_engine *engine = job->session.engine;
  heta_i_lane lane = heta_i_lane_of(o->patch_tokens, o->patch_length);
  heta_i_capture capture = {HETA_SITE_VALUE, o->patch_block, values};
  heta_i_run *run = NULL;
  size_t row = o->patch_length - 1;
  lane.captures = &capture;
  lane.capture_count = 1;
  for (size_t i = 0; i < o->patch_row_count; i++) has[o->patch_rows[i]] = true;
  HETA_TRY(engine->api->run(engine, &lane, 0, &row, 1, &run, error));
  engine->api->run_free(run);
  return HETA_OK;
}

heta_status heta_i_soften(heta_job *job, heta_error *error) {
  heta_i_session *s = &job->session;
  heta_i_engine *engine = s->engine;
  engine->api->soften(engine, NULL);
  s->patched = NULL;
  if (!heta_i_is_soft(job)) return HETA_OK;
  size_t n = job->input.first_target, width = job->model->hyper.width;
  size_t value_width = job->model->widths[HETA_SITE_VALUE];
  int32_t *tokens = heta_i_arena_take(&job->work, s->length + 1, sizeof *tokens);
  double *rows = heta_i_arena_take(&job->work, (n + 1) * width, sizeof *rows), *values = NULL;
  bool *has = heta_i_arena_take(&job->work, n, sizeof *has);
  if (patched(job)) values = heta_i_arena_take(&job->work, n * value_width, sizeof *values);
  if (!tokens || !rows || !has || (patched(job) && !values))
    return heta_i_no_memory(error, "a changed context", (n + 1) * width * sizeof *rows);
  memcpy(tokens, s->ids, (s->length + 1) * sizeof *tokens);
  engine->api->embed(engine, tokens, n, rows);
  job->soft = (heta_i_soft_tokens){n, rows, values, has, job->options.patch_block};
  add_noise(job, rows, rows + n * width);
  if (patched(job)) HETA_TRY(read_values(job, values, has, error));
  for (size_t i = 0; i < n; i++) tokens[i] = (int32_t)(job->model->hyper.vocabulary + i);
  s->tokens = tokens;
  if (patched(job)) s->patched = &job->soft;
  engine->api->soften(engine, &job->soft);
  return HETA_OK;
}

/* Names of what the result says of a changed context; no method has options of these. */
static const char NOISE[] = "context-noise", DRAW[] = "context-noise-draw",
                  BLOCK[] = "patched-block", TEMPERATURE[] = "temperature", TOP_P[] = "top-p",
                  TOP_K[] = "top-k", PENALTY[] = "repeat-penalty";

heta_status heta_i_soft_options(const heta_job *job, heta_i_arena *memory,
                                heta_resolved_option *out, size_t *count, heta_error *error) {
  const heta_attribute_options *o = &job->options;
  const char *names[HETA_SOFT_OPTIONS] = {NOISE, DRAW, BLOCK, TEMPERATURE, TOP_P, TOP_K, PENALTY};
  double values[] = {o->noise, o->noise_draw,    (double)o->patch_block, o->temperature,
                     o->top_p, (double)o->top_k, o->repeat_penalty};
  bool there[] = {noised(job),  noised(job),  patched(job),         heta_i_draws(job),
                  o->top_p > 0, o->top_k > 0, heta_i_penalises(job)};
  size_t added = 0;
  for (int i = 0; i < HETA_SOFT_OPTIONS; i++) {
    heta_i_number text = heta_i_number_shortest(values[i]);
    if (!there[i]) continue;
    const char *copy = heta_i_arena_string(memory, text.text, strlen(text.text));
    if (!copy) return heta_i_no_memory(error, "the result", sizeof text);
    out[added++] = (heta_resolved_option){
        names[i], copy, values[i] == floor(values[i]) ? HETA_OPTION_INTEGER : HETA_OPTION_NUMBER};
  }
  *count += added;
  return HETA_OK;
}

bool heta_i_soft_result(const heta_attribution *a) {
  for (size_t i = 0; i < a->option_count; i++)
    if (!strcmp(a->options[i].name, NOISE) || !strcmp(a->options[i].name, BLOCK)) return true;
  return false;
}

heta_status heta_embedding_deviation(const heta_model *model, double *out, heta_error *error) {
  size_t width = model->hyper.width, vocabulary = model->hyper.vocabulary;
  float *rows = heta_i_allocate(ROWS_AT_ONCE * width, sizeof *rows);
  double sum = 0, squares = 0, count = (double)vocabulary * (double)width;
  if (!rows) return heta_i_no_memory(error, "embeddings", ROWS_AT_ONCE * width * sizeof *rows);
  for (int squared = 0; squared < 2; squared++)
    for (size_t from = 0; from < vocabulary; from += ROWS_AT_ONCE) {
      size_t some = vocabulary - from < ROWS_AT_ONCE ? vocabulary - from : ROWS_AT_ONCE;
      heta_i_tensor_rows(model->embedding, from, some, rows);
      for (size_t e = 0; e < some * width; e++) {
        double off = (double)rows[e] - sum / count;
        if (squared)
          squares += off * off;
        else
          sum += (double)rows[e];
      }
    }
  heta_i_free(rows);
  *out = sqrt(squares / count);
  return HETA_OK;
}
