/* check.c: the engine's self-check on the user's own model and text, in float64: derivatives
 * against central differences, symmetry, lanes against full recomputation, and the fast float32
 * backend against float64. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/random.h"
#include "job/job.h"

typedef struct checker {
  const heta_model *model;
  const heta_i_engine_api *api;
  heta_i_engine *engine;
  int32_t *tokens, target;
  size_t length, width;
  double *input, *moved, *direction, *other, *gradient, *near, *product, *mirror;
  heta_i_run *run;
  heta_i_adjoint *adjoint;
  void (*report)(void *, const heta_check_item *);
  void *context;
  bool failed;
} checker;

static void tell(checker *c, const char *name, const char *text, double found, double limit) {
  heta_check_item item = {name, text, found, limit, found <= limit};
  c->failed |= !item.passed;
  if (c->report) c->report(c->context, &item);
}

static size_t size_of(const checker *c) { return c->length * c->width; }

static double dot(const double *a, const double *b, size_t size) {
  double sum = 0;
  for (size_t i = 0; i < size; i++) sum += a[i] * b[i];
  return sum;
}

static double largest(const double *a, size_t size) {
  double most = 0;
  for (size_t i = 0; i < size; i++)
    if (fabs(a[i]) > most) most = fabs(a[i]);
  return most;
}

static double difference(const double *a, const double *b, size_t size) {
  double most = 0;
  for (size_t i = 0; i < size; i++)
    if (fabs(a[i] - b[i]) > most) most = fabs(a[i] - b[i]);
  double scale = largest(b, size);
  return scale > 0 ? most / scale : most;
}

/* Objective and gradient at input + step × direction. */
static heta_status evaluate(checker *c, const double *direction, double step, double *value,
                            double *gradient, heta_error *error) {
  for (size_t i = 0; i < size_of(c); i++)
    c->moved[i] = c->input[i] + (direction ? step * direction[i] : 0);
  heta_i_lane lane = heta_i_lane_of(c->tokens, c->length);
  lane.input = c->moved;
  size_t row = c->length - 1;
  heta_i_seed seed = {row, c->target, 1, HETA_SEED_LOGPROB};
  heta_i_run *run = NULL;
  HETA_TRY(c->api->run(c->engine, &lane, 0, &row, 1, &run, error));
  heta_status status = c->api->reverse(c->engine, run, &seed, 1, value, gradient, NULL, error);
  c->api->run_free(run);
  return status;
}

static bool has_kinks(const checker *c) {
  return c->model->architecture->activation == HETA_ACT_RELU;
}

/* Four-point central differences along `direction`: of the value, and of the gradient (into near).
 * No kink may lie within a step: with kinks the steps are so short that rounding tells. */
static heta_status differentiate(checker *c, const double *direction, double *slope,
                                 heta_error *error) {
  static const double STEPS[4] = {2, 1, -1, -2}, WEIGHTS[4] = {-1, 8, -8, 1};
  double step = has_kinks(c) ? 1e-8 : 1e-4, value;
  step *= largest(c->input, size_of(c)) / largest(direction, size_of(c));
  double *gradient = c->mirror;
  memset(c->near, 0, size_of(c) * sizeof *c->near);
  *slope = 0;
  for (size_t k = 0; k < 4; k++) {
    HETA_TRY(evaluate(c, direction, STEPS[k] * step, &value, gradient, error));
    *slope += WEIGHTS[k] * value / (12 * step);
    for (size_t i = 0; i < size_of(c); i++) c->near[i] += WEIGHTS[k] * gradient[i] / (12 * step);
  }
  return HETA_OK;
}

static heta_status multiply(checker *c, const double *direction, size_t first, size_t rows,
                            double *out, size_t out_rows, heta_error *error) {
  heta_i_probe probe = {first, rows, direction, out_rows, out};
  return c->api->probes(c->engine, c->run, &c->adjoint, 1, &probe, 1, false, error);
}

static heta_status check_derivatives(checker *c, heta_error *error) {
  double slope, exact, limit = has_kinks(c) ? 1e-5 : 1e-6;
  HETA_TRY(differentiate(c, c->direction, &slope, error));
  exact = dot(c->gradient, c->direction, size_of(c));
  tell(c, "gradient", "slope along a random direction against central differences",
       fabs(exact - slope) / (fabs(slope) > 0 ? fabs(slope) : 1), limit);
  HETA_TRY(multiply(c, c->direction, 0, c->length, c->product, c->length, error));
  tell(c, "hvp", "Hessian-vector product against differences of the gradient",
       difference(c->product, c->near, size_of(c)), limit);
  HETA_TRY(multiply(c, c->other, 0, c->length, c->mirror, c->length, error));
  double left = dot(c->other, c->product, size_of(c)),
         right = dot(c->direction, c->mirror, size_of(c));
  double scale = largest(c->product, size_of(c)) * sqrt((double)size_of(c));
  tell(c, "symmetry", "u'Hv against v'Hu for random u and v", fabs(left - right) / scale, 1e-9);
  return HETA_OK;
}

static heta_status check_lanes(checker *c, heta_error *error) {
  size_t token = c->length / 2, row = c->length - 1;
  double *zero = c->moved, lane_logprob, value;
  memset(zero, 0, c->width * sizeof *zero);
  heta_i_lane lane = heta_i_lane_of(c->tokens, c->length);
  lane.parent = c->run;
  lane.first = lane.edit_row = token;
  lane.edit = zero;
  heta_i_readout readout = {.rows = 1, .row = &row, .token = &c->target, .logprob = &lane_logprob};
  HETA_TRY(c->api->lanes(c->engine, &lane, 1, &readout, error));
  memset(c->mirror, 0, size_of(c) * sizeof *c->mirror);
  memcpy(c->mirror + token * c->width, c->input + token * c->width, c->width * sizeof *c->mirror);
  HETA_TRY(evaluate(c, c->mirror, -1, &value, NULL, error));
  tell(c, "lane", "a masked lane against a full run of the masked text",
       fabs(lane_logprob - value) / (fabs(value) > 0 ? fabs(value) : 1), 1e-12);
  double *block = c->direction + token * c->width;
  HETA_TRY(multiply(c, block, token, 1, c->product, 1, error));
  memset(c->mirror, 0, size_of(c) * sizeof *c->mirror);
  memcpy(c->mirror + token * c->width, block, c->width * sizeof *c->mirror);
  HETA_TRY(multiply(c, c->mirror, 0, c->length, c->near, c->length, error));
  tell(c, "probe lane", "a block probe's lane against the product over all rows",
       difference(c->product, c->near + token * c->width, c->width), 1e-12);
  return HETA_OK;
}

/* The backend that jobs use by default, in float32. */
static heta_status check_fast(checker *c, const heta_i_engine_settings *settings,
                              heta_error *error) {
  heta_i_engine_settings fast = *settings;
  fast.backend = HETA_BACKEND_CPU;
  const heta_i_engine_api *api = heta_i_engine_api_f32();
  heta_i_engine *engine = NULL;
  heta_i_run *run = NULL;
  HETA_TRY(api->open(&fast, &engine, error));
  heta_i_lane lane = heta_i_lane_of(c->tokens, c->length);
  size_t row = c->length - 1;
  heta_i_seed seed = {row, c->target, 1, HETA_SEED_LOGPROB};
  heta_i_adjoint *adjoint = NULL;
  heta_status status = api->run(engine, &lane, 0, &row, 1, &run, error);
  if (!status) status = api->reverse(engine, run, &seed, 1, NULL, c->mirror, &adjoint, error);
  if (!status) {
    tell(c, "float32 gradient", "the default float32 backend against float64",
         difference(c->mirror, c->gradient, size_of(c)), 1e-3);
    heta_i_probe probe = {0, c->length, c->direction, c->length, c->mirror};
    status = api->probes(engine, run, &adjoint, 1, &probe, 1, false, error);
  }
  if (!status) status = multiply(c, c->direction, 0, c->length, c->product, c->length, error);
  if (!status)
    tell(c, "float32 hvp", "the default float32 backend against float64",
         difference(c->mirror, c->product, size_of(c)), 1e-3);
  api->adjoint_free(adjoint);
  api->run_free(run);
  api->close(engine);
  return status;
}

static heta_status prepare(checker *c, uint64_t seed, heta_error *error) {
  size_t size = size_of(c), row = c->length - 1;
  double **arrays[] = {&c->input,    &c->moved, &c->direction, &c->other,
                       &c->gradient, &c->near,  &c->product,   &c->mirror};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
    *arrays[i] = heta_i_allocate(size, sizeof(double));
    if (!*arrays[i]) return heta_i_no_memory(error, "the self-check", size * sizeof(double));
  }
  c->api->embed(c->engine, c->tokens, c->length, c->input);
  for (size_t i = 0; i < c->length; i++) {
    heta_i_normal(seed, HETA_STREAM_CHECK, (uint32_t)i, 0, c->width, c->direction + i * c->width);
    heta_i_normal(seed, HETA_STREAM_CHECK, (uint32_t)i, 1, c->width, c->other + i * c->width);
  }
  heta_i_lane lane = heta_i_lane_of(c->tokens, c->length);
  HETA_TRY(c->api->run(c->engine, &lane, 0, &row, 1, &c->run, error));
  double *logits = heta_i_allocate(c->model->hyper.vocabulary, sizeof *logits);
  if (!logits) return heta_i_no_memory(error, "logits", c->model->hyper.vocabulary);
  c->api->logits(c->run, 0, logits);
  for (size_t i = 1; i < c->model->hyper.vocabulary; i++)
    if (logits[i] > logits[c->target]) c->target = (int32_t)i;
  heta_i_free(logits);
  heta_i_seed objective = {row, c->target, 1, HETA_SEED_LOGPROB};
  return c->api->reverse(c->engine, c->run, &objective, 1, NULL, c->gradient, &c->adjoint, error);
}

heta_status heta_check(const heta_model *model, const char *text, size_t size, uint64_t seed,
                       int threads, void (*report)(void *, const heta_check_item *), void *context,
                       heta_error *error) {
  if (!model || !text)
    return heta_i_fail(error, HETA_E_ARGUMENT, "heta_check needs a model and a text");
  heta_tokens *tokens = NULL;
  HETA_TRY(heta_tokenize(model, text, size, HETA_BOS_AUTO, false, &tokens, error));
  checker c = {.model = model,
               .api = heta_i_engine_api_f64(),
               .width = model->hyper.width,
               .length = heta_tokens_count(tokens),
               .report = report,
               .context = context};
  heta_status status = HETA_OK;
  if (!c.length || c.length > model->hyper.context) {
    status =
        heta_i_fail(error, HETA_E_ARGUMENT,
                    "the self-check needs a text of 1 to %zu tokens, not %zu; a dozen is enough",
                    model->hyper.context, c.length);
    goto done;
  }
  c.tokens = heta_i_allocate(c.length, sizeof *c.tokens);
  if (!c.tokens) {
    status = heta_i_no_memory(error, "the tokens", c.length * sizeof *c.tokens);
    goto done;
  }
  for (size_t i = 0; i < c.length; i++) c.tokens[i] = heta_tokens_data(tokens)[i].id;
  heta_i_engine_settings settings = {.model = model,
                                     .backend = HETA_BACKEND_REFERENCE,
                                     .threads = threads > 0 ? threads : omp_get_num_procs(),
                                     .positions = c.length,
                                     .lane_rows = heta_i_pad_rows(c.length)};
  HETA_GO(c.api->open(&settings, &c.engine, error));
  HETA_GO(prepare(&c, seed, error));
  HETA_GO(check_derivatives(&c, error));
  HETA_GO(check_lanes(&c, error));
  HETA_GO(check_fast(&c, &settings, error));
  if (c.failed)
    status = heta_i_fail(
        error, HETA_E_CHECK,
        "the self-check failed: do not trust attributions of this model; please report it");
done:
  if (c.engine) {
    c.api->adjoint_free(c.adjoint);
    c.api->run_free(c.run);
    c.api->close(c.engine);
  }
  double *arrays[] = {c.input,    c.moved, c.direction, c.other,
                      c.gradient, c.near,  c.product,   c.mirror};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) heta_i_free(arrays[i]);
  heta_i_free(c.tokens);
  heta_tokens_free(tokens);
  return status;
}
