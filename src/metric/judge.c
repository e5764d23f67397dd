/* judge.c: opening an evaluator, preparing a question, planning. */
#include <ctype.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "metric/metric.h"

struct heta_evaluator {
  heta_metric_options options;
  char mask[32];
  const heta_model *model;
  const heta_i_engine_api *api;
  heta_i_engine *engine;
  size_t positions, lane_rows; /* of the engine */
  heta_i_context own, foil;    /* of the last question */
  heta_i_arena memory;         /* of the last question */
};

heta_metric_options heta_metric_options_default(void) {
  return (heta_metric_options){
      .struct_size = sizeof(heta_metric_options), .mask = "zero", .draws = 10, .subsets = 64};
}

/* The token that stands for a removed one, or -1: a row of numbers does. */
static heta_status mask_token(const heta_model *model, const char *mask, int32_t *id,
                              heta_error *error) {
  *id = -1;
  if (!strcmp(mask, "zero") || !strcmp(mask, "mean") || !model) return HETA_OK;
  const heta_model_info *info = heta_model_get_info(model);
  if (!strcmp(mask, "unk"))
    *id = info->unk;
  else if (!strcmp(mask, "eos"))
    *id = info->eos;
  else if (!strcmp(mask, "pad"))
    *id = info->pad;
  else if (!strncmp(mask, "token:", 6) && isdigit((unsigned char)mask[6])) {
    char *end;
    unsigned long long given = strtoull(mask + 6, &end, 10);
    if (*end || given >= info->vocabulary)
      return heta_i_fail(error, HETA_E_ARGUMENT, "mask '%s': the vocabulary has tokens 0 to %zu",
                         mask, info->vocabulary - 1);
    *id = (int32_t)given;
  } else {
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "mask '%s' is none of zero, mean, unk, eos, pad, token:ID", mask);
  }
  if (*id < 0)
    return heta_i_fail(error, HETA_E_ARGUMENT, "mask '%s': the model names no such token", mask);
  return HETA_OK;
}

static heta_status check_options(const heta_metric_options *o, heta_error *error) {
  if (!o->mask || strlen(o->mask) >= sizeof((heta_evaluator *)0)->mask)
    return heta_i_fail(error, HETA_E_ARGUMENT, "a metric's mask is missing or too long");
  if (!o->draws || o->draws > 10000)
    return heta_i_fail(error, HETA_E_ARGUMENT, "draws is %zu; it takes 1 to 10000", o->draws);
  if (!o->subsets || o->subsets > 100000)
    return heta_i_fail(error, HETA_E_ARGUMENT, "subsets is %zu; it takes 1 to 100000", o->subsets);
  if (o->threads < 0 || o->threads > 1024)
    return heta_i_fail(error, HETA_E_ARGUMENT, "threads is %d; it takes 0 (one per core) to 1024",
                       o->threads);
  if (o->precision == HETA_PRECISION_F64 && o->backend != HETA_BACKEND_REFERENCE)
    return heta_i_fail(error, HETA_E_ARGUMENT, "precision f64 runs on the reference backend");
  return HETA_OK;
}

heta_status heta_evaluator_open(const heta_model *model, const heta_metric_options *options,
                                heta_evaluator **out, heta_error *error) {
  heta_metric_options o = heta_metric_options_default();
  if (options && (options->struct_size < sizeof(size_t) || options->struct_size > sizeof o))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "heta_metric_options.struct_size is wrong; start from "
                       "heta_metric_options_default()");
  if (options) memcpy(&o, options, options->struct_size);
  HETA_TRY(check_options(&o, error));
  int32_t id;
  HETA_TRY(mask_token(model, o.mask, &id, error));
  heta_evaluator *evaluator = heta_i_allocate(1, sizeof *evaluator);
  if (!evaluator) return heta_i_no_memory(error, "an evaluator", sizeof *evaluator);
  memcpy(evaluator->mask, o.mask, strlen(o.mask) + 1);
  o.mask = evaluator->mask;
  if (!o.threads) o.threads = omp_get_num_procs();
  evaluator->options = o;
  evaluator->model = model;
  evaluator->api = heta_i_engine_api_of(o.precision);
  *out = evaluator;
  return HETA_OK;
}

static void forget(const heta_evaluator *evaluator, heta_i_context *context) {
  if (context->run) evaluator->api->run_free(context->run);
  heta_i_free(context->tokens);
  heta_i_known_forget(&context->known);
  *context = (heta_i_context){0};
}

static void forget_all(heta_evaluator *evaluator) {
  forget(evaluator, &evaluator->own);
  forget(evaluator, &evaluator->foil);
}

void heta_evaluator_close(heta_evaluator *evaluator) {
  if (!evaluator) return;
  forget_all(evaluator);
  if (evaluator->engine) evaluator->api->close(evaluator->engine);
  heta_i_arena_free(&evaluator->memory);
  heta_i_free(evaluator);
}

/* ---- A question ----------------------------------------------------------------------------- */

static heta_status check_tokens(const heta_model *model, const int32_t *tokens, size_t length,
                                int32_t target, heta_error *error) {
  if (length > model->hyper.context)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "the context has %zu tokens; the model's context is %zu", length,
                       model->hyper.context);
  for (size_t i = 0; i <= length; i++) {
    int32_t id = i < length ? tokens[i] : target;
    if (id < 0 || (size_t)id >= model->hyper.vocabulary)
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "token id %d lies outside the vocabulary of %zu tokens", (int)id,
                         model->hyper.vocabulary);
  }
  return HETA_OK;
}

/* Scores that are finite and at least 0. */
static heta_status check_numbers(const heta_scored *s, heta_error *error) {
  for (size_t i = 0; i < s->length; i++) {
    bool bad = !isfinite(s->score[i]) || s->score[i] < 0 ||
               (s->signed_score && !isfinite(s->signed_score[i]));
    if (bad)
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "the score of token %zu is not a finite number of at least 0", i);
  }
  return HETA_OK;
}

/* What a metric of repeated attributions compares with. */
static heta_status check_others(const heta_i_metric *metric, const heta_scored *s,
                                heta_error *error) {
  if (!metric->others) return HETA_OK;
  const heta_i_others *wanted = metric->others;
  if (!s->others || s->other_count < wanted->least)
    return heta_i_fail(error, HETA_E_ARGUMENT, "metric '%s' needs %s", metric->info.name,
                       wanted->what);
  for (size_t k = 0; k < s->other_count; k++) {
    const heta_scored *o = s->others[k];
    if (!o || o->struct_size != sizeof *o || !o->score || !o->length ||
        (wanted->alike && o->length != s->length))
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "others[%zu] has no scores%s: metric '%s' needs %s", k,
                         wanted->alike ? " of this context" : "", metric->info.name, wanted->what);
    HETA_TRY(check_numbers(o, error));
  }
  return HETA_OK;
}

static heta_status check_scored(const heta_evaluator *evaluator, const heta_i_metric *metric,
                                const heta_scored *s, heta_error *error) {
  const char *name = metric->info.name;
  unsigned needs = metric->info.needs;
  if (!s->length || !s->score)
    return heta_i_fail(error, HETA_E_ARGUMENT, "metric '%s' needs scores of at least one token",
                       name);
  HETA_TRY(check_numbers(s, error));
  if ((needs & HETA_METRIC_NEEDS_GOLD) && !s->gold)
    return heta_i_fail(error, HETA_E_ARGUMENT, "metric '%s' needs gold spans", name);
  if ((needs & HETA_METRIC_NEEDS_FOIL) && !(s->foil_tokens && s->foil_place && s->foil_length))
    return heta_i_fail(error, HETA_E_ARGUMENT, "metric '%s' needs the context with a foil", name);
  if ((needs & HETA_METRIC_NEEDS_DISTRACTOR) && !s->distractor)
    return heta_i_fail(error, HETA_E_ARGUMENT, "metric '%s' needs distractor spans", name);
  HETA_TRY(check_others(metric, s, error));
  if (!(needs & HETA_METRIC_NEEDS_MODEL)) return HETA_OK;
  const heta_model *model = evaluator->model;
  if (!model || !s->tokens)
    return heta_i_fail(error, HETA_E_ARGUMENT, "metric '%s' needs a model and token ids", name);
  HETA_TRY(check_tokens(model, s->tokens, s->length, s->target, error));
  if (!(needs & HETA_METRIC_NEEDS_FOIL)) return HETA_OK;
  for (size_t i = 0; i < s->foil_length; i++)
    if (s->foil_place[i] >= s->length)
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "foil_place[%zu] is %zu, but the context has %zu tokens", i,
                         s->foil_place[i], s->length);
  return check_tokens(model, s->foil_tokens, s->foil_length, s->foil_target, error);
}

/* An engine for contexts of this length: the one there is, or a new one. */
static heta_status need_engine(heta_evaluator *e, size_t length, heta_error *error) {
  if (e->engine && e->positions >= length) return HETA_OK;
  forget_all(e);
  if (e->engine) e->api->close(e->engine);
  e->engine = NULL;
  e->positions = heta_i_pad_rows(length) < e->model->hyper.context ? heta_i_pad_rows(length)
                                                                   : e->model->hyper.context;
  e->lane_rows = heta_i_lane_rows(e->positions);
  size_t element = e->options.precision == HETA_PRECISION_F64 ? 8 : 4;
  heta_i_engine_settings settings = {.model = e->model,
                                     .backend = e->options.precision == HETA_PRECISION_F64
                                                    ? HETA_BACKEND_REFERENCE
                                                    : e->options.backend,
                                     .threads = e->options.threads,
                                     .positions = e->positions,
                                     .lane_rows = e->lane_rows,
                                     .expand = heta_i_expand_once(e->model, element),
                                     .share = e->options.keep_weights,
                                     .recompute = true,
                                     .stop = e->options.stop,
                                     .context = e->options.context};
  return e->api->open(&settings, &e->engine, error);
}

/* The clean run of a context: the last one when it is the same. */
static heta_status need_run(heta_evaluator *e, const heta_scored *s, heta_i_context *context,
                            heta_error *error) {
  if (context->run && context->length == s->length &&
      !memcmp(context->tokens, s->tokens, s->length * sizeof *s->tokens))
    return HETA_OK;
  forget(e, context);
  context->tokens = heta_i_allocate(s->length, sizeof *context->tokens);
  if (!context->tokens) return heta_i_no_memory(error, "a context", s->length * sizeof *s->tokens);
  memcpy(context->tokens, s->tokens, s->length * sizeof *s->tokens);
  context->length = s->length;
  heta_i_lane lane = heta_i_lane_of(context->tokens, context->length);
  size_t row = context->length - 1;
  return e->api->run(e->engine, &lane, 0, &row, 1, &context->run, error);
}

static heta_status read_clean(heta_i_judging *j, heta_error *error) {
  size_t n = j->scored.length, width = j->model->hyper.width;
  double *logprobs = heta_i_judging_take(j, j->model->hyper.vocabulary, sizeof *logprobs);
  j->embeddings = heta_i_judging_take(j, n * width, sizeof *j->embeddings);
  j->removed = heta_i_judging_take(j, width, sizeof *j->removed);
  if (!logprobs || !j->embeddings || !j->removed)
    return heta_i_no_memory(error, "a question", n * width * sizeof(double));
  j->engine->api->logprobs(j->run, 0, logprobs);
  j->clean_logprob = logprobs[j->scored.target];
  j->clean_first = true;
  for (size_t v = 0; v < j->model->hyper.vocabulary; v++)
    j->clean_first &= !(logprobs[v] > j->clean_logprob);
  if (!isfinite(j->clean_logprob))
    return heta_i_fail(error, HETA_E_NONFINITE,
                       "the target's log-probability is not a finite number: the weights are "
                       "damaged, or overflow float32");
  j->engine->api->embed(j->engine, j->scored.tokens, n, j->embeddings);
  int32_t id;
  HETA_TRY(mask_token(j->model, j->options->mask, &id, error));
  if (id >= 0) j->engine->api->embed(j->engine, &id, 1, j->removed);
  if (!strcmp(j->options->mask, "mean"))
    for (size_t i = 0; i < n * width; i++) j->removed[i % width] += j->embeddings[i] / (double)n;
  return HETA_OK;
}

/* The clean run of the question's context, and what is read from it. */
static heta_status enter_context(heta_evaluator *e, heta_i_context *context, heta_i_judging *j,
                                 heta_error *error) {
  heta_status status = need_run(e, &j->scored, context, error);
  if (status) {
    forget(e, context);
    return status;
  }
  j->engine = e->engine;
  j->lane_rows = e->lane_rows;
  j->run = context->run;
  j->known = &context->known;
  return read_clean(j, error);
}

static heta_status prepare(heta_evaluator *e, const heta_i_metric *metric, heta_i_judging *j,
                           heta_error *error) {
  const heta_scored *s = &j->scored;
  j->order = heta_i_judging_take(j, s->length, sizeof *j->order);
  j->share = heta_i_judging_take(j, s->length, sizeof *j->share);
  if (!j->order || !j->share)
    return heta_i_no_memory(error, "a question", s->length * sizeof *j->order);
  j->ranked =
      heta_i_rank(s->signed_score ? s->signed_score : s->score, s->set_apart, s->length, j->order);
  if (!j->ranked)
    return heta_i_fail(error, HETA_E_ARGUMENT, "every token of the context is set apart");
  heta_i_shares(s->score, s->set_apart, s->length, j->share);
  if (!(metric->info.needs & HETA_METRIC_NEEDS_MODEL)) return HETA_OK;
  size_t longest = s->length;
  if ((metric->info.needs & HETA_METRIC_NEEDS_FOIL) && s->foil_length > longest)
    longest = s->foil_length;
  HETA_TRY(need_engine(e, longest, error));
  return enter_context(e, &e->own, j, error);
}

heta_status heta_i_judge_foil(heta_i_judging *j, heta_i_judging *foil, heta_error *error) {
  *foil = *j;
  foil->scored.tokens = j->scored.foil_tokens;
  foil->scored.length = j->scored.foil_length;
  foil->scored.target = j->scored.foil_target;
  return enter_context(j->evaluator, &j->evaluator->foil, foil, error);
}

heta_status heta_evaluate(heta_evaluator *evaluator, const char *name, const heta_scored *scored,
                          const heta_measure **out, heta_error *error) {
  if (!evaluator || !scored || !out)
    return heta_i_fail(error, HETA_E_ARGUMENT, "heta_evaluate needs an evaluator and scores");
  if (scored->struct_size < sizeof(size_t) || scored->struct_size > sizeof *scored)
    return heta_i_fail(error, HETA_E_ARGUMENT, "heta_scored.struct_size is wrong");
  const heta_i_metric *metric = heta_i_metric_find(name);
  if (!metric)
    return heta_i_fail(error, HETA_E_ARGUMENT, "there is no metric '%s'", name ? name : "");
  heta_i_judging j = {.evaluator = evaluator,
                      .options = &evaluator->options,
                      .model = evaluator->model,
                      .memory = &evaluator->memory};
  memcpy(&j.scored, scored, scored->struct_size);
  HETA_TRY(check_scored(evaluator, metric, &j.scored, error));
  heta_i_arena_free(&evaluator->memory);
  const heta_metric_info *info = &metric->info;
  heta_measure *measures = heta_i_judging_take(&j, info->measure_count, sizeof *measures);
  double **values = heta_i_judging_take(&j, info->measure_count, sizeof *values);
  heta_status status = HETA_OK;
  for (size_t m = 0; measures && values && m < info->measure_count; m++) {
    size_t points = info->measures[m].points;
    values[m] = heta_i_judging_take(&j, points, sizeof **values);
    if (!values[m]) status = heta_i_no_memory(error, "a measure", points * sizeof **values);
    for (size_t p = 0; values[m] && p < points; p++) values[m][p] = NAN;
    measures[m] = (heta_measure){&info->measures[m], values[m]};
  }
  if (!measures || !values) status = heta_i_no_memory(error, "measures", info->measure_count);
  if (!status) status = prepare(evaluator, metric, &j, error);
  if (!status) status = metric->run(&j, values, error);
  if (!status) *out = measures;
  return status;
}

/* Of so many of a metric's lanes. */
static double flop_of(const heta_evaluator *evaluator, const heta_i_metric *metric,
                      uint64_t forwards, size_t length) {
  const heta_model *model = evaluator->model;
  double row = heta_i_block_flop(model) + 2 * heta_i_attention_flop(model, 0.5 * (double)length);
  double rows = (double)length, lanes = (double)metric->lanes(&evaluator->options, length);
  if (metric->rows && lanes > 0) rows = metric->rows(&evaluator->options, length) / lanes;
  return (double)forwards * (rows * row + heta_i_head_flop(model));
}

heta_status heta_evaluator_plan(const heta_evaluator *evaluator, const char *name, size_t length,
                                uint64_t *forwards, double *flop, heta_error *error) {
  const heta_i_metric *metric = heta_i_metric_find(name);
  if (!evaluator || !metric)
    return heta_i_fail(error, HETA_E_ARGUMENT, "there is no metric '%s'", name ? name : "");
  *forwards = 0;
  *flop = 0;
  if (!evaluator->model || !(metric->info.needs & HETA_METRIC_NEEDS_MODEL)) return HETA_OK;
  *forwards = metric->lanes(&evaluator->options, length);
  *flop = flop_of(evaluator, metric, *forwards, length);
  return HETA_OK;
}

heta_status heta_evaluator_plan_again(const heta_evaluator *evaluator, const char *name,
                                      size_t length, uint64_t *forwards, double *flop,
                                      heta_error *error) {
  const heta_i_metric *metric = heta_i_metric_find(name);
  HETA_TRY(heta_evaluator_plan(evaluator, name, length, forwards, flop, error));
  if (!*forwards || !metric->shared) return HETA_OK;
  *forwards -= metric->shared(&evaluator->options, length);
  *flop = flop_of(evaluator, metric, *forwards, length);
  return HETA_OK;
}

void *heta_i_judging_take(heta_i_judging *j, size_t count, size_t size) {
  return heta_i_arena_take(j->memory, count ? count : 1, size);
}

bool heta_i_is_apart(const heta_i_judging *j, size_t token) {
  return j->scored.set_apart && j->scored.set_apart[token];
}
