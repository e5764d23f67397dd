/* plan.c: what a job will do: batch sizes, memory, probes and time, from model, input, options and
 * explicit budgets only. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "job/job.h"

enum { TARGET_GROUP = 8, MINIMUM_PROBES = 2 };

/* What the process holds beside model file and engine: program, libraries, vocabulary, text. */
static const uint64_t PROCESS_BYTES = 64u << 20;

void heta_i_lay_rows(heta_job *job) {
  heta_i_session *session = &job->session;
  session->joint = job->options.joint;
  session->length = job->input.first_target + session->target_count - 1;
  session->row_count = session->joint ? 1 : session->target_count;
  session->row_length = session->joint ? job->input.first_target : session->length;
}

void heta_i_session_input(heta_job *job) {
  heta_i_session *session = &job->session;
  const heta_i_input *input = &job->input;
  session->spans = input->tokens;
  session->known = input->count;
  session->text = input->text;
  session->text_size = input->text_size;
  session->prompt_end = input->prompt_end;
  session->control = &input->control;
  session->segments = input->segments;
  session->segment_count = input->segment_count;
}

heta_status heta_i_plan_work(heta_job *job, heta_error *error) {
  heta_i_session *session = &job->session;
  session->item_count = session->series_count = 0;
  session->bytes = session->layers = session->windows = session->stacked = 0;
  session->least_probes = MINIMUM_PROBES;
  session->lane_rows = job->settings.lane_rows;
  session->alone = heta_i_is_soft(job);
  return session->method->plan(session, error);
}

static uint64_t bytes_of(const heta_job *job) {
  const heta_i_session *session = &job->session;
  bool probes = false;
  for (size_t i = 0; i < session->item_count; i++) probes |= session->items[i].hvps > 0;
  uint64_t numbers = 0; /* of the series, to begin with */
  for (size_t s = 0; s < session->series_count; s++)
    numbers += session->series[s].samples * session->series[s].tokens * session->row_count;
  size_t group = session->windows ? 1 : session->target_group;
  heta_i_load load = {.length = session->length,
                      .targets = session->target_count,
                      .runs = session->runs,
                      .stacked = session->stacked,
                      .adjoints = session->layers ? 1 : group,
                      .late = session->layers,
                      .late_adjoints = session->layers ? group : 0,
                      .inner = session->windows,
                      .probes = probes};
  const heta_i_engine_api *api = heta_i_engine_api_of(job->options.precision);
  const heta_i_hyper *hyper = &job->model->hyper;
  uint64_t n = session->length, targets = session->target_count;
  numbers += n * n; /* attention, mean of its heads */
  numbers += hyper->layers * (hyper->heads * (targets + 1) + targets) * n; /* the gate's chains */
  numbers += n * (hyper->kv_heads + 1) * hyper->head_width;                /* values on their way */
  numbers += (targets + 2) * n * hyper->width; /* gradients, probes, their products */
  return PROCESS_BYTES + job->model->info.bytes + api->bytes(&job->settings, &load) + 8 * numbers +
         session->bytes + heta_i_soft_bytes(job);
}

/* The next cheaper plan: false when there is none. Smaller batches first, then weights panel by
 * panel, then recomputation, then one target's adjoints at a time. */
static bool shrink(heta_job *job) {
  heta_i_engine_settings *s = &job->settings;
  size_t least = heta_i_pad_rows(s->positions), start = heta_i_lane_rows(s->positions);
  if (s->lane_rows / 2 >= least && s->lane_rows > 64) {
    s->lane_rows = heta_i_pad_rows(s->lane_rows / 2);
    return true;
  }
  if (s->expand) {
    s->expand = false;
    s->lane_rows = start;
    return true;
  }
  if (!s->recompute) {
    s->recompute = true;
    s->lane_rows = start;
    return true;
  }
  if (job->session.target_group > 1) {
    job->session.target_group = 1;
    s->lane_rows = start;
    return true;
  }
  if (s->lane_rows > least) {
    s->lane_rows = least;
    return true;
  }
  return false;
}

static void human(uint64_t bytes, char *out, size_t size) {
  double value = (double)bytes;
  if (value >= 1 << 30)
    snprintf(out, size, "%.2fG", ceil(value / (1 << 30) * 100) / 100);
  else if (value >= 1 << 20)
    snprintf(out, size, "%.0fM", ceil(value / (1 << 20)));
  else
    snprintf(out, size, "%.0fK", ceil(value / (1 << 10)));
}

static heta_status fit_memory(heta_job *job, heta_error *error) {
  uint64_t limit = job->options.max_memory, bytes, smallest = UINT64_MAX;
  for (;;) {
    HETA_TRY(heta_i_plan_work(job, error));
    bytes = bytes_of(job);
    if (!limit || bytes <= limit) break;
    if (bytes < smallest) smallest = bytes; /* of a small model, not the last: panels cost too */
    if (!shrink(job)) {
      char given[32], least[32];
      human(limit, given, sizeof given);
      human(smallest, least, sizeof least);
      return heta_i_fail(
          error, HETA_E_BUDGET,
          "this job does not fit --max-memory %s; the smallest budget that works is %s", given,
          least);
    }
  }
  job->plan.bytes = bytes;
  return HETA_OK;
}

/* Of the rate of bare matrix products, passes reach so much: beside products they spend on
 * activations, norms and reading tapes (docs/performance.md). */
static const double FORWARD_SHARE = 0.75, PROBE_SHARE = 0.68;

/* Seconds of work; probes: half of its products are reverse, and attention has more of them. */
static double seconds_of(const heta_job *job, double flop, bool probes, const heta_speed *speed) {
  double attention = heta_i_attention_share(&job->session, probes);
  double products = probes ? PROBE_SHARE * 2 / (1 / speed->forward + 1 / speed->reverse)
                           : FORWARD_SHARE * speed->forward;
  return flop * ((1 - attention) / products + attention / speed->attention);
}

/* Opening: every weight is read, checked and expanded once. */
static double opening_of(const heta_job *job) {
  return (double)job->model->info.parameters / (4e8 * job->settings.threads) + 0.1;
}

/* A part's share of a number of things; the shares add up to it. */
static uint64_t part_of(uint64_t count, size_t part, size_t parts) {
  return count * (part + 1) / parts - count * part / parts;
}

/* Operations of the plan's items, those of probes apart. */
typedef struct work {
  double passes, probes;
} work;

static double seconds_of_work(const heta_job *job, const work *w, const heta_speed *speed) {
  return opening_of(job) + seconds_of(job, w->passes, false, speed) +
         seconds_of(job, w->probes, true, speed);
}

static work count(heta_job *job) {
  heta_plan *plan = &job->plan;
  const heta_i_session *session = &job->session;
  work w = {0, 0};
  plan->forwards = job->input.open;
  for (size_t k = 0; k < job->input.open; k++) {
    size_t length = session->length + k + 1 - job->input.open;
    w.passes +=
        heta_i_flop(session, (double)length, (double)(length - job->input.first_target + 1));
  }
  if (!plan->forwards || heta_i_is_soft(job) || heta_i_span_asked(&job->options)) {
    plan->forwards++;
    w.passes += heta_i_flop(session, (double)session->length, (double)session->target_count);
  }
  plan->reverses = plan->hvps = 0;
  plan->at_most = job->input.open && heta_i_span_asked(&job->options);
  size_t parts = job->options.parts > 1 ? job->options.parts : 1;
  for (size_t i = 0; i < session->item_count; i++) {
    const heta_i_item *item = &session->items[i];
    size_t share = heta_i_shared(item) ? parts : 1;
    if (share == 1 && i % parts != (parts > 1 ? job->options.part : 0)) continue;
    plan->at_most |= heta_i_shared(item) || item->counted;
    plan->forwards += part_of(item->forwards, share == 1 ? 0 : job->options.part, share);
    plan->reverses += item->reverses;
    plan->hvps += part_of(item->hvps, share == 1 ? 0 : job->options.part, share);
    *(item->hvps ? &w.probes : &w.passes) += item->flop / (double)share;
  }
  plan->flop = w.passes + w.probes;
  return w;
}

/* The option that says how many probes a token gets, or may get; NULL: the method has none. */
static heta_i_value *probes_of(const heta_job *job) {
  const heta_i_session *session = &job->session;
  const heta_i_value *probes = heta_i_option(session, "probes");
  if (!session->least_probes) return NULL;
  if (probes && !strcmp(probes->text, "auto")) probes = heta_i_option(session, "max-probes");
  return (heta_i_value *)probes;
}

/* Takes as many probes as the time allows. */
static heta_status fit_time(heta_job *job, const heta_speed *speed, heta_error *error) {
  double limit = job->options.max_seconds;
  heta_i_value *probes = probes_of(job);
  work w = count(job);
  size_t least = job->session.least_probes;
  double all = job->plan.seconds = seconds_of_work(job, &w, speed);
  if (!limit || all <= limit) return HETA_OK;
  if (probes && job->plan.hvps) {
    size_t asked = (size_t)probes->number;
    double each = seconds_of(job, w.probes, true, speed) / (double)asked;
    double fixed = all - each * (double)asked;
    size_t fewer = limit > fixed ? (size_t)((limit - fixed) / each) : 0;
    if (fewer > asked) fewer = asked;
    if (fewer >= least) {
      char *text = heta_i_arena_print(&job->memory, "%zu", fewer);
      if (!text) return heta_i_no_memory(error, "an option", 8);
      probes->text = text;
      probes->number = (double)fewer;
      HETA_TRY(heta_i_plan_work(job, error));
      w = count(job);
      job->plan.seconds = seconds_of_work(job, &w, speed);
      return heta_i_note(job, error, "--max-time %g s allows %s%zu probes per token instead of %zu",
                         limit, job->plan.at_most ? "at most " : "", fewer, asked);
    }
    all = fixed + (double)least * each;
  }
  return heta_i_fail(
      error, HETA_E_BUDGET,
      "this job does not fit --max-time %g s; the smallest budget that works here is about "
      "%.0f s",
      limit, ceil(all * 1.05));
}

/* The tokens that options.only_tokens asks for, as flags. */
static heta_status choose_tokens(heta_job *job, heta_error *error) {
  heta_attribute_options *o = &job->options;
  size_t length = job->session.row_length;
  if (!o->only_tokens) return HETA_OK;
  bool *only = heta_i_arena_take(&job->memory, length, sizeof *only);
  if (!only) return heta_i_no_memory(error, "a choice of tokens", length);
  for (size_t i = 0; i < o->only_token_count; i++) {
    if (o->only_tokens[i] >= length)
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "token %zu was asked for, but the context has tokens 0 to %zu",
                         o->only_tokens[i], length - 1);
    only[o->only_tokens[i]] = true;
  }
  job->session.only = only;
  o->only_tokens = NULL;
  return HETA_OK;
}

/* The plan before any budget. */
static void start(heta_job *job) {
  heta_i_session *session = &job->session;
  heta_i_engine_settings *s = &job->settings;
  session->target_group = session->row_count < TARGET_GROUP ? session->row_count : TARGET_GROUP;
  size_t element = job->options.precision == HETA_PRECISION_F64 ? 8 : 4;
  s->model = job->model;
  s->backend = job->options.backend;
  if (job->options.precision == HETA_PRECISION_F64) s->backend = HETA_BACKEND_REFERENCE;
  s->threads = job->options.threads;
  s->positions = (session->longest > session->length ? session->longest : session->length) + 1;
  s->lane_rows = heta_i_lane_rows(s->positions);
  s->expand = heta_i_expand_once(job->model, element);
  s->share = job->options.keep_weights;
  s->recompute = false;
}

static void describe(heta_job *job) {
  const heta_i_engine_settings *s = &job->settings;
  heta_plan *plan = &job->plan;
  if (job->options.patch_tokens) plan->forwards++; /* of the context that values come from */
  plan->context_tokens = job->input.first_target;
  plan->target_tokens = job->session.target_count;
  const heta_i_value *probes = probes_of(job);
  plan->probes = probes && plan->hvps ? (size_t)probes->number : 0;
  plan->lane_rows = s->lane_rows;
  plan->expand_weights = s->expand;
  plan->recompute = s->recompute;
}

heta_status heta_i_plan(heta_job *job, heta_error *error) {
  heta_i_session *session = &job->session;
  session->target_count = job->input.target_count;
  heta_i_lay_rows(job);
  session->contrast = job->input.foil >= 0;
  session->bos = job->options.bos;
  heta_i_session_input(job);
  HETA_TRY(choose_tokens(job, error));
  session->threads = job->options.threads;
  session->part = job->options.part;
  session->parts = job->options.parts > 1 ? job->options.parts : 1;
  if (session->contrast && session->method->blind)
    return heta_i_fail(
        error, HETA_E_ARGUMENT,
        "method %s gives the same scores whichever token is explained, so that a foil "
        "changes nothing; leave --foil away, or choose another method",
        session->method->info.name);
  if (session->method->check) HETA_TRY(session->method->check(session, error));
  if (session->method->prepare) HETA_TRY(session->method->prepare(session, error));
  const heta_i_value *fast = heta_i_option(session, "fast");
  if (fast && fast->number > 0)
    HETA_TRY(heta_i_note(
        job, error, "--fast stands for --curvature %s --probes %s --information %s",
        heta_i_option(session, "curvature")->text, heta_i_option(session, "probes")->text,
        heta_i_option(session, "information")->text));
  heta_windows windows = {0};
  if (session->method->windows && session->method->windows(session, &windows) && windows.remark)
    HETA_TRY(heta_i_note(job, error, "--windows %s is %s", windows.mode, windows.remark));
  const heta_i_value *curvature = heta_i_option(session, "curvature");
  const char *asked = curvature ? curvature->text : NULL;
  heta_status status;
  heta_speed speed;
  do {
    start(job);
    status = fit_memory(job, error);
    if (!status) status = heta_i_speed_of(&job->settings, job->options.precision, &speed, error);
    if (!status) status = fit_time(job, &speed, error);
  } while (status == HETA_E_BUDGET && heta_i_cheaper(job));
  if (status) return status;
  if (asked && strcmp(asked, curvature->text))
    HETA_TRY(
        heta_i_note(job, error,
                    "the budget does not allow --curvature %s: this is --curvature %s, another "
                    "quantity",
                    asked, curvature->text));
  describe(job);
  return HETA_OK;
}
