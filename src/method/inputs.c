/* inputs.c: the context's input, runs at other inputs, states of the clean run; see inputs.h. */
#include "method/inputs.h"

#include <math.h>
#include <string.h>

void heta_i_embeddings(heta_i_session *session, double *out) {
  session->engine->api->embed(session->engine, session->tokens, session->length, out);
}

heta_status heta_i_baselines(heta_i_session *session, double *out, heta_error *error) {
  size_t width = session->model->hyper.width;
  HETA_TRY(heta_i_mask_row(session, 0, out, error));
  for (size_t i = 1; i < session->row_length; i++)
    memcpy(out + i * width, out, width * sizeof *out);
  session->engine->api->embed(session->engine, session->tokens + session->row_length,
                              session->length - session->row_length,
                              out + session->row_length * width);
  return HETA_OK;
}

heta_status heta_i_run_at(heta_i_session *session, const double *input, size_t begin,
                          heta_i_run **out, heta_error *error) {
  size_t *rows = heta_i_allocate(session->target_count, sizeof *rows);
  if (!rows) return heta_i_no_memory(error, "rows of a run", session->target_count * sizeof *rows);
  for (size_t t = 0; t < session->target_count; t++) rows[t] = session->targets[t].position - 1;
  heta_i_lane lane = heta_i_lane_of(session->tokens, session->length);
  lane.input = input;
  heta_status status = session->engine->api->run(session->engine, &lane, begin, rows,
                                                 session->target_count, out, error);
  heta_i_free(rows);
  return status;
}

/* Of one token, in one distribution. */
static double value_of(heta_i_seed_kind kind, const double *logits, const double *logprobs,
                       size_t vocabulary, size_t token) {
  double rest = 0;
  switch (kind) {
  case HETA_SEED_LOGIT: return logits[token];
  case HETA_SEED_PROB: return exp(logprobs[token]);
  case HETA_SEED_LOGPROB: return logprobs[token];
  case HETA_SEED_LOGIT_PROB: break;
  }
  for (size_t v = 0; v < vocabulary; v++)
    if (v != token) rest += exp(logprobs[v]);
  return logprobs[token] - log(rest);
}

static double target_at(const heta_i_session *session, const heta_i_run *run, size_t target,
                        double *scratch) {
  const heta_i_target *t = &session->targets[target];
  heta_i_seed_kind kind = heta_i_objective_kind(session);
  size_t vocabulary = session->model->hyper.vocabulary;
  if (kind == HETA_SEED_LOGIT)
    session->engine->api->logits(run, target, scratch);
  else
    session->engine->api->logprobs(run, target, scratch);
  double value = value_of(kind, scratch, scratch, vocabulary, (size_t)t->id);
  if (t->foil < 0) return value;
  return value - value_of(kind, scratch, scratch, vocabulary, (size_t)t->foil);
}

double heta_i_objective_at(const heta_i_session *session, const heta_i_run *run, size_t row,
                           double *scratch) {
  double sum = 0;
  if (!session->joint) return target_at(session, run, row, scratch);
  for (size_t t = 0; t < session->target_count; t++) sum += target_at(session, run, t, scratch);
  return sum;
}

double heta_i_completeness_gap(const heta_i_session *session, size_t series, size_t ends) {
  double most = 0;
  for (size_t t = 0; t < session->row_count; t++) {
    const double *f = heta_i_series_at(session, ends, t, 0);
    double sum = 0, way = f[0] - f[1];
    for (size_t i = 0; i < heta_i_context(session, t); i++)
      for (size_t k = 0; k < session->series[series].samples; k++)
        sum += heta_i_series_at(session, series, t, i)[k];
    double gap = fabs(sum - way) / fabs(way);
    if (!(gap <= most)) most = gap;
  }
  return most;
}

size_t heta_i_gap_checks(const heta_i_session *session, size_t series, size_t ends,
                         heta_check_value *checks) {
  checks[0] =
      (heta_check_value){"completeness_gap", heta_i_completeness_gap(session, series, ends)};
  return 1;
}

heta_status heta_i_path_ends(heta_i_session *session, const double *from, size_t ends,
                             heta_error *error) {
  size_t vocabulary = session->model->hyper.vocabulary;
  double *scratch = heta_i_allocate(vocabulary, sizeof *scratch);
  heta_i_run *run = NULL;
  heta_status status = scratch ? heta_i_run_at(session, from, 0, &run, error)
                               : heta_i_no_memory(error, "logits", vocabulary * sizeof *scratch);
  for (size_t t = 0; !status && t < session->row_count; t++) {
    double *value = heta_i_series_at(session, ends, t, 0);
    value[0] = heta_i_objective_at(session, session->run, t, scratch);
    value[1] = heta_i_objective_at(session, run, t, scratch);
  }
  session->engine->api->run_free(run);
  heta_i_free(scratch);
  return status;
}

heta_status heta_i_gradient_at(heta_i_session *session, heta_i_run *run, size_t row, double *out,
                               heta_error *error) {
  heta_i_seed *seeds = heta_i_allocate(session->target_count + 1, sizeof *seeds);
  if (!seeds)
    return heta_i_no_memory(error, "an objective", (session->target_count + 1) * sizeof *seeds);
  size_t count = heta_i_objective(session, row, seeds);
  heta_status status =
      session->engine->api->reverse(session->engine, run, seeds, count, NULL, out, NULL, error);
  heta_i_free(seeds);
  return status;
}

/* Rows of a stack: with twice as many a product is hardly faster, and the tapes grow. */
enum { STACK_ROWS = 8 * HETA_ROW_PAD };

size_t heta_i_stacks(const heta_i_session *session) {
  size_t wanted = STACK_ROWS / session->length;
  return wanted > 1 ? wanted : 1;
}

void heta_i_stack(heta_i_session *session, size_t contexts) {
  size_t fit = session->alone ? 1 : session->lane_rows / session->length;
  if (fit > contexts) fit = contexts;
  session->stacked = fit > 1 ? fit * session->length : 0;
}

size_t heta_i_stack_size(const heta_i_session *session, size_t inputs) {
  return inputs * session->length * session->model->hyper.width;
}

/* What a stack of `count` contexts takes beside their inputs. */
typedef struct stack {
  heta_i_lane *lanes;
  size_t *rows;
  heta_i_seed *seeds;
  heta_i_run *run;
} stack;

static void stack_close(heta_i_session *session, stack *s) {
  session->engine->api->run_free(s->run);
  heta_i_free(s->lanes);
  heta_i_free(s->rows);
  heta_i_free(s->seeds);
}

static heta_status stack_open(heta_i_session *session, const double *inputs, size_t count, stack *s,
                              heta_error *error) {
  size_t n = session->length, targets = session->target_count;
  s->lanes = heta_i_allocate(count, sizeof *s->lanes);
  s->rows = heta_i_allocate(count * targets, sizeof *s->rows);
  s->seeds = heta_i_allocate(count * (targets + 1), sizeof *s->seeds);
  if (!s->lanes || !s->rows || !s->seeds)
    return heta_i_no_memory(error, "a stack of contexts", count * (targets + 1) * sizeof *s->seeds);
  for (size_t c = 0; c < count; c++) {
    s->lanes[c] = heta_i_lane_of(session->tokens, n);
    s->lanes[c].input = inputs + heta_i_stack_size(session, c);
    for (size_t t = 0; t < targets; t++)
      s->rows[c * targets + t] = c * n + session->targets[t].position - 1;
  }
  return session->engine->api->stack(session->engine, s->lanes, count, s->rows, count * targets,
                                     &s->run, error);
}

/* A row's objective, of every context. */
static size_t stack_objective(const heta_i_session *session, size_t row, size_t count,
                              heta_i_seed *seeds) {
  size_t each = heta_i_objective(session, row, seeds);
  for (size_t i = each; i < count * each; i++) {
    seeds[i] = seeds[i - each];
    seeds[i].row += session->length;
  }
  return count * each;
}

static heta_status pull_stack(heta_i_session *session, const double *inputs, size_t first,
                              size_t count, double *gradients, heta_i_take_gradient *take,
                              void *context, heta_error *error) {
  stack s = {0};
  heta_status status;
  HETA_GO(stack_open(session, inputs + heta_i_stack_size(session, first), count, &s, error));
  for (size_t t = 0; t < session->row_count; t++) {
    size_t seeds = stack_objective(session, t, count, s.seeds);
    HETA_GO(session->engine->api->reverse(session->engine, s.run, s.seeds, seeds, NULL, gradients,
                                          NULL, error));
    for (size_t c = 0; c < count; c++)
      take(context, first + c, t, gradients + heta_i_stack_size(session, c));
  }
done:
  stack_close(session, &s);
  return status;
}

heta_status heta_i_gradients(heta_i_session *session, const double *inputs, size_t count,
                             double *gradients, heta_i_take_gradient *take, void *context,
                             heta_error *error) {
  size_t most = session->stacked ? session->stacked / session->length : 1;
  for (size_t first = 0; first < count; first += most) {
    size_t some = count - first < most ? count - first : most;
    HETA_TRY(pull_stack(session, inputs, first, some, gradients, take, context, error));
  }
  return HETA_OK;
}

heta_status heta_i_states(heta_i_session *session, size_t layer, double *out, heta_error *error) {
  size_t layers = session->model->hyper.layers;
  heta_i_capture wanted = {HETA_SITE_RESIDUAL_BEFORE, layer, out};
  if (layer == layers) wanted = (heta_i_capture){HETA_SITE_RESIDUAL_AFTER, layers - 1, out};
  return session->engine->api->inspect(session->engine, session->run, wanted.block, &wanted, 1,
                                       error);
}

heta_status heta_i_layer_check(const heta_i_session *session, size_t most, heta_error *error) {
  double layer = heta_i_option_number(session, "layer"); /* NaN: the name of one */
  if (!(layer > (double)most)) return HETA_OK;
  return heta_i_fail(error, HETA_E_ARGUMENT,
                     "--layer %.0f: the model has %zu layers, and method %s takes 0 to %zu", layer,
                     session->model->hyper.layers, session->method->info.name, most);
}
