/* job.c: creating, running, cancelling a job; the one-call form. */
#include "job/job.h"
#include "method/windows.h"
#include "result/result.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double heta_i_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

heta_attribute_options heta_attribute_options_default(void) {
  return (heta_attribute_options){.struct_size = sizeof(heta_attribute_options), .method = "heta"};
}

static heta_status copy_string(heta_job *job, const char **text, heta_error *error) {
  if (!*text) return HETA_OK;
  *text = heta_i_arena_string(&job->memory, *text, strlen(*text));
  return *text ? HETA_OK : heta_i_no_memory(error, "the options", 1);
}

static heta_status check_options(heta_job *job, heta_error *error) {
  heta_attribute_options *o = &job->options;
  if (o->backend != HETA_BACKEND_CPU && o->backend != HETA_BACKEND_REFERENCE)
    return heta_i_fail(error, HETA_E_ARGUMENT, "backend is %d, none of heta_backend",
                       (int)o->backend);
  if (o->precision != HETA_PRECISION_F32 && o->precision != HETA_PRECISION_F64)
    return heta_i_fail(error, HETA_E_ARGUMENT, "precision is %d, none of heta_precision",
                       (int)o->precision);
  if (o->bos != HETA_BOS_AUTO && o->bos != HETA_BOS_YES && o->bos != HETA_BOS_NO)
    return heta_i_fail(error, HETA_E_ARGUMENT, "bos is %d, none of heta_bos", (int)o->bos);
  if (o->max_seconds < 0 || !isfinite(o->max_seconds))
    return heta_i_fail(error, HETA_E_ARGUMENT, "the time budget is %g seconds", o->max_seconds);
  if (o->threads < 0 || o->threads > 1024)
    return heta_i_fail(error, HETA_E_ARGUMENT, "threads is %d; it takes 0 (one per core) to 1024",
                       o->threads);
  if (o->parts > 1 && o->part >= o->parts)
    return heta_i_fail(error, HETA_E_ARGUMENT, "part %zu of %zu does not exist", o->part + 1,
                       o->parts);
  if ((o->target == HETA_TARGET_TEXT) != (o->target_text != NULL))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "a target text belongs to target mode HETA_TARGET_TEXT, and only to it");
  if (o->joint && o->foil_text)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--joint and --foil contradict each other: a foil contrasts one token, and "
                       "a joint objective is the sum of all");
  if (o->join && o->target != HETA_TARGET_TEXT)
    return heta_i_fail(error, HETA_E_ARGUMENT, "--join needs --target");
  if (o->precision == HETA_PRECISION_F64 && o->backend != HETA_BACKEND_REFERENCE)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "precision f64 runs on the reference backend: add --backend reference");
  if (!o->threads) o->threads = omp_get_num_procs();
  HETA_TRY(heta_i_decoding_check(job, error));
  return heta_i_span_check(o, error);
}

static heta_status open_job(heta_job *job, const char *text, size_t size, heta_error *error) {
  heta_attribute_options *o = &job->options;
  HETA_TRY(copy_string(job, &o->method, error));
  HETA_TRY(copy_string(job, &o->target_text, error));
  HETA_TRY(copy_string(job, &o->foil_text, error));
  HETA_TRY(copy_string(job, &o->span_text, error));
  HETA_TRY(check_options(job, error));
  heta_i_session *session = &job->session;
  session->method = heta_i_method_find(o->method);
  if (!session->method)
    return heta_i_fail(error, HETA_E_ARGUMENT, "there is no method '%s'; `heta methods` lists them",
                       o->method ? o->method : "");
  if (o->joint && !session->method->joint)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "the method %s explains one token at a time%s%s: leave --joint out, and its "
                       "result has the mean of all targets besides",
                       o->method, session->method->alone ? ", because " : "",
                       session->method->alone ? session->method->alone : "");
  HETA_TRY(heta_i_options_resolve(session->method, o->method_options, o->method_option_count,
                                  &job->memory, &session->values, error));
  o->method_options = NULL;
  o->method_option_count = 0;
  session->model = job->model;
  session->seed = o->seed;
  session->memory = &job->work;
  HETA_TRY(heta_i_input_open(job, text, size, error));
  HETA_TRY(heta_i_soft_open(job, error));
  return heta_i_plan(job, error);
}

heta_status heta_job_create(const heta_model *model, const char *text, size_t size,
                            const heta_attribute_options *options, heta_job **out,
                            heta_error *error) {
  heta_attribute_options defaults = heta_attribute_options_default();
  if (!model || !text || !out)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "heta_job_create needs a model, a text and a result");
  if (options && (options->struct_size < sizeof(size_t) || options->struct_size > sizeof defaults))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "heta_attribute_options.struct_size is wrong; start from "
                       "heta_attribute_options_default()");
  if (options) memcpy(&defaults, options, options->struct_size);
  heta_job *job = heta_i_allocate(1, sizeof *job);
  if (!job) return heta_i_no_memory(error, "a job", sizeof *job);
  job->model = model;
  job->options = defaults;
  heta_status status = open_job(job, text, size, error);
  if (status) {
    heta_job_free(job);
    return status;
  }
  *out = job;
  return HETA_OK;
}

const heta_plan *heta_job_get_plan(const heta_job *job) { return &job->plan; }

heta_status heta_job_rates(const heta_job *job, heta_rates *out, heta_error *error) {
  const heta_i_engine_api *api = heta_i_engine_api_of(job->options.precision);
  heta_rates rates = {api->rate(&job->settings, HETA_RATE_FORWARD),
                      api->rate(&job->settings, HETA_RATE_REVERSE)};
  if (!(rates.forward > 0) || !(rates.reverse > 0))
    return heta_i_no_memory(error, "a calibration", 1 << 20);
  *out = rates;
  return HETA_OK;
}

void heta_job_cancel(heta_job *job) { atomic_store(&job->cancelled, 1); }

static void close_lent(heta_job *job) {
  if (job->lent) job->session.engine->api->run_free(job->lent);
  heta_i_free(job->lent_tokens);
  heta_i_free(job->lent_rows);
  job->lent = NULL;
  job->lent_tokens = NULL;
  job->lent_rows = NULL;
}

/* All but the clean run. */
static void close_passes(heta_job *job) {
  heta_i_session *s = &job->session;
  for (size_t t = 0; s->adjoints && t < s->row_count; t++)
    s->engine->api->adjoint_free(s->adjoints[t]);
  heta_i_window_close(s);
  heta_i_products_close(s);
  heta_i_sketch_free(s->sketch);
  heta_i_free(s->adjoints);
  heta_i_free(s->gradient);
  s->sketch = NULL;
  s->adjoints = NULL;
  s->gradient = NULL;
}

static void close_engine(heta_job *job) {
  heta_i_session *s = &job->session;
  if (!s->engine) return;
  close_passes(job);
  close_lent(job);
  s->engine->api->run_free(s->run);
  s->engine->api->close(s->engine);
  s->engine = NULL;
  s->run = NULL;
}

static bool same_engine(const heta_i_engine_settings *a, const heta_i_engine_settings *b) {
  return a->model == b->model && a->backend == b->backend && a->threads == b->threads &&
         a->positions == b->positions && a->lane_rows == b->lane_rows && a->expand == b->expand &&
         a->share == b->share && a->recompute == b->recompute;
}

static bool stop(void *context);

/* Keeps a run with what it is of, all of which it frees; without memory for that there is none. */
static void keep(heta_job *job, heta_i_run *run, int32_t *tokens, size_t length, size_t *rows,
                 size_t row_count) {
  job->lent = run;
  job->lent_tokens = tokens;
  job->lent_rows = rows;
  job->lent_length = length;
  job->lent_row_count = row_count;
  if (!tokens || !rows) close_lent(job);
}

static void lend(heta_job *job, const heta_i_session *of, heta_i_run *run) {
  size_t length = of->length, count = of->target_count;
  int32_t *tokens = heta_i_allocate(length, sizeof *tokens);
  size_t *rows = heta_i_allocate(count, sizeof *rows);
  if (tokens) memcpy(tokens, of->tokens, length * sizeof *tokens);
  for (size_t t = 0; rows && t < count; t++) rows[t] = of->targets[t].position - 1;
  keep(job, run, tokens, length, rows, count);
}

void heta_job_reuse(heta_job *job, heta_job *other) {
  if (!other || job == other || !other->session.engine) return;
  heta_i_session *from = &other->session;
  bool wanted = job && !job->session.engine && !job->ready &&
                job->options.precision == other->options.precision &&
                same_engine(&job->settings, &other->settings);
  if (!wanted) {
    close_engine(other);
    return;
  }
  close_passes(other);
  close_lent(other);
  heta_i_engine *engine = job->session.engine = from->engine;
  from->engine = NULL;
  job->settings.stop = stop;
  job->settings.context = job;
  engine->api->serve(engine, stop, job);
  /* What the model has yet to write is not known, and takes memory of its own. */
  engine->api->soften(engine, NULL);
  if (from->run && !job->input.open && !heta_i_is_soft(other))
    lend(job, from, from->run);
  else if (from->run)
    engine->api->run_free(from->run);
  from->run = NULL;
}

void heta_job_free(heta_job *job) {
  if (!job) return;
  close_engine(job);
  heta_i_merge_close(job);
  heta_i_input_close(&job->input);
  heta_i_free(job->session.items);
  heta_i_arena_free(&job->memory);
  heta_i_arena_free(&job->work);
  heta_i_arena_free(&job->shown);
  heta_i_free(job);
}

/* ---- Running -------------------------------------------------------------------------------- */

/* Where a phase's seconds are added up; NULL beyond HETA_MAX_PHASES. */
static heta_phase *phase_of(heta_job *job, const char *name) {
  for (size_t i = 0; i < job->phase_count; i++)
    if (!strcmp(job->phases[i].name, name)) return &job->phases[i];
  if (job->phase_count == HETA_MAX_PHASES) return NULL;
  job->phases[job->phase_count] = (heta_phase){name, 0, 0};
  return &job->phases[job->phase_count++];
}

/* Work that is finished, for progress and for the phase that runs. */
static void did(heta_job *job, double flop) {
  job->flop_done += flop;
  if (job->running) job->running->flop += flop;
}

/* Ends the phase that runs and begins another; NULL: none. */
static void enter(heta_job *job, const char *name) {
  double time = heta_i_now();
  if (job->running) job->running->seconds += time - job->phase_started;
  job->running = name ? phase_of(job, name) : NULL;
  job->phase_started = time;
  if (name) job->phase = name;
}

static bool mine(const heta_job *job, size_t index);

/* Operations per second of a phase: as measured, once it ran for a moment; else as planned. */
static double phase_rate(const heta_job *job, const char *name) {
  for (size_t i = 0; i < job->phase_count; i++) {
    const heta_phase *phase = &job->phases[i];
    if (!strcmp(phase->name, name) && phase->flop > 0 && phase->seconds > 0.2)
      return phase->flop / phase->seconds;
  }
  return job->plan.flop / job->plan.seconds;
}

/* Of the items from the running one on, each at its own phase's rate: a probe takes longer than a
 * masked run of as many operations. */
static double seconds_left(const heta_job *job, double time) {
  double left = 0;
  for (size_t i = job->item; i < job->session.item_count; i++) {
    const heta_i_item *item = &job->session.items[i];
    if (!mine(job, i)) continue;
    double share = heta_i_shared(item) && job->options.parts > 1 ? (double)job->options.parts : 1;
    double seconds = item->flop / share / phase_rate(job, item->name);
    if (i == job->item) seconds -= time - job->phase_started;
    if (seconds > 0) left += seconds;
  }
  return left;
}

static void report_progress(heta_job *job, double time) {
  heta_progress progress = {.phase = job->phase, .seconds = time - job->started, .remaining = -1};
  double done = job->flop_done + job->item_flop * job->session.item_done;
  progress.done = job->plan.flop > 0 ? done / job->plan.flop : 0;
  if (progress.done > 1) progress.done = 1;
  if (job->session.run && progress.done > 0.02) progress.remaining = seconds_left(job, time);
  job->last_progress = time;
  if (!job->options.progress(job->options.context, &progress)) heta_job_cancel(job);
}

/* Polled by every pass. */
static bool stop(void *context) {
  heta_job *job = context;
  double time = heta_i_now();
  if (job->options.progress && time - job->last_progress > 0.1) report_progress(job, time);
  if (atomic_load(&job->cancelled)) {
    job->stopped_by = "interrupt";
    return true;
  }
  if (job->options.max_seconds && time - job->started > job->options.max_seconds) {
    job->stopped_by = "time";
    return true;
  }
  return false;
}

static heta_status open_engine(heta_job *job, heta_error *error) {
  job->settings.stop = stop;
  job->settings.context = job;
  enter(job, "load");
  const heta_i_engine_api *api = heta_i_engine_api_of(job->options.precision);
  return api->open(&job->settings, &job->session.engine, error);
}

static int32_t *ids_of(const heta_i_input *input) {
  int32_t *ids = heta_i_allocate(input->count + 1, sizeof *ids);
  for (size_t i = 0; ids && i < input->count; i++) ids[i] = input->tokens[i].id;
  return ids;
}

/* Rows whose distributions say the written tokens and the next one. */
static size_t *rows_of(const heta_i_input *input, size_t *count) {
  size_t first = input->first_target - 1;
  size_t *rows = heta_i_allocate(input->count - first, sizeof *rows);
  *count = input->count - first;
  for (size_t k = 0; rows && k < *count; k++) rows[k] = first + k;
  return rows;
}

/* Appends the token that the model writes next, by a run of the whole text. That run is kept: of
 * the last token it is the clean run. */
static heta_status write_token(heta_job *job, double *logits, heta_error *error) {
  heta_i_input *input = &job->input;
  const heta_i_engine_api *api = job->session.engine->api;
  size_t length = input->count, count;
  int32_t *ids = ids_of(input), next;
  size_t *rows = rows_of(input, &count);
  heta_i_lane lane = heta_i_lane_of(ids, length);
  heta_i_run *run = NULL;
  heta_status status = HETA_OK;
  close_lent(job);
  if (!ids || !rows) {
    status = heta_i_no_memory(error, "the tokens", length * sizeof *ids);
    goto done;
  }
  HETA_GO(api->run(job->session.engine, &lane, 0, rows, count, &run, error));
  double flop = heta_i_flop(&job->session, (double)length, (double)count);
  did(job, flop);
  job->written_flop += flop;
  job->written++;
  api->logits(run, count - 1, logits);
  HETA_GO(heta_i_next_token(job, logits, length, &next, error));
  HETA_GO(heta_i_input_append(job, next, error));
  input->open--;
  if (!heta_i_is_soft(job)) { /* their runs are of other values, and need the room */
    keep(job, run, ids, length, rows, count);
    return HETA_OK;
  }
done:
  api->run_free(run);
  heta_i_free(ids);
  heta_i_free(rows);
  return status;
}

/* Lets the model write the open tokens, up to its end-of-text token. */
static heta_status generate(heta_job *job, heta_error *error) {
  heta_i_input *input = &job->input;
  size_t vocabulary = job->model->hyper.vocabulary;
  double *logits = heta_i_allocate(vocabulary, sizeof *logits);
  if (!logits) return heta_i_no_memory(error, "logits", vocabulary * sizeof *logits);
  heta_status status = HETA_OK;
  while (input->open && !status) {
    status = write_token(job, logits, error);
    if (!status && input->open && input->tokens[input->count - 1].id == job->model->info.eos) {
      input->target_count = input->count - input->first_target; /* also those of an earlier call */
      input->open = 0;
      status =
          heta_i_note(job, error, "the model ended its text after %zu tokens", input->target_count);
    }
  }
  heta_i_free(logits);
  return status;
}

/* What the clean run says of one target. */
static void read_target(heta_job *job, size_t t, const double *logprobs) {
  const heta_i_target *target = &job->targets[t];
  heta_target *fact = &job->facts[t];
  size_t vocabulary = job->model->hyper.vocabulary;
  fact->logprob = logprobs[target->id];
  fact->rank = 1;
  fact->entropy = 0;
  fact->top_count = 0;
  for (size_t i = 0; i < vocabulary; i++) {
    if (logprobs[i] > fact->logprob) fact->rank++;
    fact->entropy -= exp(logprobs[i]) * logprobs[i];
    size_t at = fact->top_count < HETA_TOP_CANDIDATES ? fact->top_count : HETA_TOP_CANDIDATES;
    while (at && fact->top[at - 1].logprob < logprobs[i]) at--;
    if (at == HETA_TOP_CANDIDATES) continue;
    if (fact->top_count < HETA_TOP_CANDIDATES) fact->top_count++;
    memmove(&fact->top[at + 1], &fact->top[at], (fact->top_count - at - 1) * sizeof fact->top[0]);
    fact->top[at] = (heta_candidate){.id = (int32_t)i, .logprob = logprobs[i]};
  }
  for (size_t i = 0; i < fact->top_count; i++)
    fact->top[i].bytes = heta_token_bytes(job->model, fact->top[i].id, &fact->top[i].byte_count);
  fact->has_foil = target->foil >= 0;
  if (!fact->has_foil) return;
  fact->foil = (heta_candidate){.id = target->foil, .logprob = logprobs[target->foil]};
  fact->foil.bytes = heta_token_bytes(job->model, target->foil, &fact->foil.byte_count);
}

static heta_status note_bare_target(heta_job *job, heta_error *error) {
  if (!job->input.bare_target) return HETA_OK;
  const heta_candidate *best = &job->facts[0].top[0];
  return heta_i_note(
      job, error,
      "the target begins without a space right after a word; the model's own best token "
      "there is '%.*s' (probability %.3f)",
      (int)best->byte_count, best->bytes, exp(best->logprob));
}

static heta_status lay_out(heta_job *job, heta_error *error) {
  heta_i_session *s = &job->session;
  heta_i_input *input = &job->input;
  s->target_count = input->target_count;
  heta_i_lay_rows(job);
  if (s->target_group > s->row_count) s->target_group = s->row_count;
  heta_i_session_input(job);
  HETA_TRY(heta_i_plan_work(job, error));
  int32_t *tokens = heta_i_arena_take(&job->work, s->length + 1, sizeof *tokens);
  job->targets = heta_i_arena_take(&job->work, s->target_count, sizeof *job->targets);
  job->facts = heta_i_arena_take(&job->work, s->target_count, sizeof *job->facts);
  if (!tokens || !job->targets || !job->facts)
    return heta_i_no_memory(error, "the targets", s->target_count * sizeof *job->facts);
  for (size_t i = 0; i <= s->length; i++) tokens[i] = input->tokens[i].id;
  for (size_t t = 0; t < s->target_count; t++) {
    size_t position = input->first_target + t;
    job->targets[t] = (heta_i_target){position, input->tokens[position].id, input->foil};
    job->facts[t] = (heta_target){.position = position,
                                  .id = job->targets[t].id,
                                  .origin = input->origin,
                                  .logprob = NAN,
                                  .entropy = NAN};
    if (job->targets[t].id == input->foil)
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "the foil is the very token that is explained; choose another foil");
  }
  s->tokens = s->ids = tokens;
  s->targets = job->targets;
  HETA_TRY(heta_i_series_open(s, error));
  job->explained = s->target_count;
  job->ready = true;
  return heta_i_merge_apply(job, error);
}

/* Takes a kept run, of another job or of the last written token, when it is the clean run. */
static bool take_lent(heta_job *job, const size_t *rows) {
  heta_i_session *s = &job->session;
  bool same = job->lent && job->lent_length == s->length && job->lent_row_count == s->target_count;
  same = same && !memcmp(job->lent_tokens, s->tokens, s->length * sizeof *s->tokens) &&
         !memcmp(job->lent_rows, rows, s->target_count * sizeof *rows);
  if (same) {
    s->run = job->lent;
    job->lent = NULL;
    job->wrote_clean = job->written > 0;
  }
  close_lent(job);
  return same;
}

/* The clean run over context and all targets but the last. */
static heta_status run_clean(heta_job *job, heta_error *error) {
  heta_i_session *s = &job->session;
  size_t vocabulary = job->model->hyper.vocabulary;
  size_t *rows = heta_i_arena_take(&job->work, s->target_count, sizeof *rows);
  double *logprobs = heta_i_allocate(vocabulary, sizeof *logprobs);
  if (!s->adjoints) s->adjoints = heta_i_allocate(s->row_count, sizeof *s->adjoints);
  if (!s->gradient)
    s->gradient = heta_i_allocate(s->length * job->model->hyper.width, sizeof *s->gradient);
  heta_status status = HETA_OK;
  if (!rows || !logprobs || !s->adjoints || !s->gradient) {
    status = heta_i_no_memory(error, "the clean run", vocabulary * sizeof *logprobs);
    goto done;
  }
  for (size_t t = 0; t < s->target_count; t++) rows[t] = s->targets[t].position - 1;
  heta_i_lane lane = heta_i_lane_of(s->tokens, s->length);
  if (!take_lent(job, rows))
    HETA_GO(s->engine->api->run(s->engine, &lane, 0, rows, s->target_count, &s->run, error));
  for (size_t t = 0; t < s->target_count; t++) {
    s->engine->api->logprobs(s->run, t, logprobs);
    read_target(job, t, logprobs);
  }
  if (!job->wrote_clean) did(job, heta_i_flop(s, (double)s->length, (double)s->target_count));
  status = note_bare_target(job, error);
done:
  heta_i_free(logprobs);
  return status;
}

static bool mine(const heta_job *job, size_t index) {
  const heta_i_item *item = &job->session.items[index];
  bool asked = item->whole;
  for (size_t i = item->token; i < item->token_end; i++) asked |= heta_i_asked(&job->session, i);
  return asked && (job->options.parts <= 1 || heta_i_shared(item) ||
                   index % job->options.parts == job->options.part);
}

/* Shows the result so far when a phase has ended, and now and then between probes. */
static heta_status preview(heta_job *job, const heta_i_item *last, const heta_i_item *next,
                           double *shown, heta_error *error) {
  bool phase = last && strcmp(last->name, next->name) != 0;
  bool probe = last && last->sample != next->sample && heta_i_now() - *shown > 1;
  if (!job->options.preview || !(phase || probe)) return HETA_OK;
  *shown = heta_i_now();
  HETA_TRY(heta_i_result(job, error));
  job->options.preview(job->options.context, &job->result);
  return HETA_OK;
}

/* Numbers that cannot be right are not handed out. An item that ran has all its values; NaN, which
 * means "not computed", and infinity are overflow. */
static heta_status check_finite(const heta_job *job, const heta_i_item *item, heta_error *error) {
  const heta_i_session *s = &job->session;
  for (size_t k = 0; k < s->series_count; k++) {
    if (!(item->fills >> k & 1)) continue;
    for (size_t t = item->target; t < item->target_end; t++)
      for (size_t i = item->token; i < item->token_end && i < s->series[k].tokens; i++)
        for (size_t r = item->sample; r < item->sample_end && r < s->series[k].samples; r++) {
          double value = heta_i_series_at(s, k, t, i)[r];
          bool left_out = isnan(value) && !heta_i_due(s, item, k, t, i, r);
          if (!isfinite(value) && !left_out)
            return heta_i_fail(
                error, HETA_E_NONFINITE,
                "%s of token %zu is not a finite number: the weights are damaged, or "
                "overflow float32 (try --precision f64 --backend reference)",
                s->series[k].name, i);
        }
  }
  return HETA_OK;
}

static heta_status run_items(heta_job *job, heta_error *error) {
  heta_i_session *s = &job->session;
  const heta_i_item *last = NULL;
  double shown = heta_i_now();
  for (size_t i = 0; i < s->item_count; i++) {
    const heta_i_item *item = &s->items[i];
    job->item = i;
    if (!mine(job, i)) continue;
    if (heta_i_item_done(s, item)) {
      if (heta_i_shared(item)) job->flop_done += item->flop; /* needless: nothing is left of it */
      continue;
    }
    HETA_TRY(preview(job, last, item, &shown, error));
    enter(job, item->name);
    if (stop(job)) return heta_i_fail(error, HETA_E_CANCELLED, "cancelled");
    job->item_flop = item->flop;
    HETA_TRY(s->method->run(s, item, error));
    s->item_done = job->item_flop = 0;
    HETA_TRY(check_finite(job, item, error));
    did(job, item->flop);
    last = item;
  }
  job->item = s->item_count;
  return HETA_OK;
}

/* Whether a stop came too late to leave anything out: the last pass polls after its numbers are
 * there. */
static bool all_done(heta_job *job) {
  for (size_t i = 0; i < job->session.item_count; i++)
    if (mine(job, i) && !heta_i_item_done(&job->session, &job->session.items[i])) return false;
  return true;
}

/* With --probes auto: how many tokens came down to the tolerance, and what stopped the others. */
static heta_status note_precision(heta_job *job, heta_error *error) {
  const heta_i_session *s = &job->session;
  size_t settled = 0, all = 0, most = 0;
  double tolerance = s->items[s->item_count - 1].tolerance;
  if (!(tolerance > 0) || s->parts > 1 || s->only) return HETA_OK;
  for (size_t i = 0; i < s->item_count; i++) {
    const heta_i_item *item = &s->items[i];
    if (!(item->tolerance > 0) || item->sample) continue; /* a first round has every token */
    size_t k = 0;
    while (!(item->fills >> k & 1)) k++;
    most = s->series[k].samples;
    for (size_t t = item->target; t < item->target_end; t++)
      for (size_t n = item->token; n < item->token_end && n < heta_i_context(s, t); n++, all++)
        settled += heta_i_settled(s, item, k, t, n);
  }
  return heta_i_note(job, error,
                     settled < all
                         ? "%zu of %zu tokens have a standard error of at most %g %%; the others "
                           "stopped at %zu probes (--max-probes)"
                         : "%zu of %zu tokens have a standard error of at most %g %%",
                     settled, all, 100 * tolerance, most);
}

/* With a budget of masked tokens: that the others are left out. */
static heta_status note_budget(heta_job *job, heta_error *error) {
  const heta_i_session *s = &job->session;
  size_t budget = 0;
  for (size_t i = 0; i < s->item_count; i++)
    if (s->items[i].budget) budget = s->items[i].budget;
  if (s->span && s->chosen) {
    size_t masked = 0;
    for (size_t i = 0; i < s->row_length; i++) masked += s->chosen[i];
    return heta_i_note(job, error,
                       "spans of %zu tokens were masked at once, and %zu of %zu tokens one by one, "
                       "in the spans that matter most; each other token has an even share of its "
                       "span's information",
                       s->span, masked, s->row_length);
  }
  if (!budget || budget >= s->length) return HETA_OK;
  return heta_i_note(job, error,
                     "%zu of %zu tokens were masked, those of the largest gate; the others have no "
                     "information and no score",
                     budget, s->length);
}

static heta_status run_all(heta_job *job, heta_error *error) {
  if (!job->session.engine) HETA_TRY(open_engine(job, error));
  enter(job, "forward");
  if (!job->ready) {
    HETA_TRY(generate(job, error));
    HETA_TRY(heta_i_span_choose(job, error));
    HETA_TRY(lay_out(job, error));
  }
  if (!job->session.run) HETA_TRY(heta_i_soften(job, error));
  if (!job->session.run) HETA_TRY(run_clean(job, error));
  heta_status status = run_items(job, error);
  if (status == HETA_E_CANCELLED && all_done(job)) {
    job->stopped_by = NULL;
    status = HETA_OK;
  }
  if (!status) status = note_budget(job, error);
  return status ? status : note_precision(job, error);
}

heta_status heta_job_run(heta_job *job, heta_error *error) {
  job->started = heta_i_now();
  job->stopped_by = NULL;
  job->last_progress = 0;
  heta_status status = run_all(job, error);
  enter(job, NULL);
  job->seconds += heta_i_now() - job->started;
  if (!status && job->options.progress) report_progress(job, heta_i_now());
  if (status == HETA_E_CANCELLED && job->stopped_by && !strcmp(job->stopped_by, "time"))
    status = heta_i_fail(error, HETA_E_BUDGET,
                         "the time budget of %g s was used up; the result is partial",
                         job->options.max_seconds);
  if (status == HETA_E_CANCELLED) atomic_store(&job->cancelled, 0); /* the next call continues */
  if (status == HETA_E_MEMORY) job->stopped_by = "memory";
  return status;
}

heta_status heta_job_get_result(heta_job *job, const struct heta_attribution **out,
                                heta_error *error) {
  HETA_TRY(heta_i_result(job, error));
  *out = &job->result;
  return HETA_OK;
}

/* ---- The one-call form ---------------------------------------------------------------------- */

static void free_job(void *job) { heta_job_free(job); }

heta_status heta_attribute(const heta_model *model, const char *text,
                           const heta_attribute_options *options, heta_result **out,
                           heta_error *error) {
  if (!text || !out)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "heta_attribute needs a text and a place for the result");
  heta_job *job;
  const heta_attribution *attribution;
  HETA_TRY(heta_job_create(model, text, strlen(text), options, &job, error));
  heta_status status = heta_job_run(job, error);
  if (!status) status = heta_job_get_result(job, &attribution, error);
  if (!status) status = heta_i_result_make(attribution, job, free_job, out, error);
  if (status) {
    heta_job_free(job);
    return status;
  }
  close_engine(job); /* the result does not need it */
  return HETA_OK;
}
