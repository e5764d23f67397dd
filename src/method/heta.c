/* heta.c: HETA (arXiv 2604.13258): Attr_i = M_i (β S_i + γ I_i): a gate from attention-value flow,
 * times Hessian sensitivity plus the information lost when the token is masked. Its ablations are
 * settings of its options. */
#include <math.h>
#include <string.h>

#include "method/sensitivity.h"
#include "method/windows.h"

/* Series; with windows that have sessions of their own, so many for each slot, and then the gate of
 * the whole context. */
enum { GATE, INFORMATION, CHANGE, GRADIENT, GRADIENT_SQUARED, CURVATURE, SERIES };
enum { SPAN_INFORMATION = SERIES, SPAN_CHANGE }; /* tables of spans, when there are any */
enum {
  PHASE_WHOLE_GATE,
  PHASE_SPANS,
  PHASE_GATE,
  PHASE_GRADIENT,
  PHASE_INFORMATION,
  PHASE_CURVATURE
};
enum { C_GATE, C_CURVATURE, C_INFORMATION, C_CHANGE, C_ENVELOPE, C_GRADIENT };

static const heta_option_info OPTIONS[] = {
    {"config", NULL, HETA_OPTION_CHOICE, 0, 0,
     "full|gate|curvature|information|no-gate|uniform-gate|product", "full",
     "an ablation by name: the gate alone; --gamma 0; --beta 0; --gate none; --gate uniform; or "
     "our own variant: curvature times the fall of the log-probability"},
    {"beta", NULL, HETA_OPTION_NUMBER, 0, 1e6, NULL, "0.5", "weight of the curvature"},
    {"gamma", NULL, HETA_OPTION_NUMBER, 0, 1e6, NULL, "0.5", "weight of the information"},
    HETA_SENSITIVITY_OPTIONS,
    {"gate", NULL, HETA_OPTION_CHOICE, 0, 0, "flow|none|uniform", "flow",
     "attention-value flow, all ones, or 1/n"},
    {"rollout", NULL, HETA_OPTION_CHOICE, 0, 0, "headwise|mean", "headwise",
     "flow along each head's own chain, or along the head-averaged attention"},
    HETA_MASK_OPTION,
    {"information", NULL, HETA_OPTION_INTEGER, 1, 1e6, "all|spans[:]", "all",
     "all: mask every token; a number: only so many, those of the largest gate, and the others "
     "have "
     "no information and no score; spans:N: mask spans of N tokens (16) at once, and one by one "
     "the "
     "tokens of those that matter"},
    {"scale", NULL, HETA_OPTION_CHOICE, 0, 0, "none|sum|max", "none",
     "divide curvature and information by their sum or maximum before they are added"},
    {"fast", NULL, HETA_OPTION_FLAG, 0, 0, NULL, "no",
     "for long contexts: --curvature row --probes 8 --information spans:16; its ranks agree with "
     "the default's by 0.99 on texts of 64 and 132 tokens and by 0.98 on one of 512"},
    HETA_WINDOWS_OPTIONS,
};

enum { SPAN = 16, REFINED = 4 }; /* tokens of a span; spans refine one token in so many, at most */

/* Tokens that are masked at once, before some are masked one by one; 0: none. */
static size_t span_of(const heta_i_session *session) {
  const heta_i_value *value = heta_i_option(session, "information");
  if (strncmp(value->text, "spans", 5)) return 0;
  return value->argument < 0 ? SPAN : (size_t)value->argument;
}

/* How many tokens are masked one by one, at most; 0: all. */
static size_t budget_of(const heta_i_session *session) {
  size_t span = span_of(session);
  if (span) return ((session->row_length + REFINED - 1) / REFINED + span - 1) / span * span;
  if (heta_i_option_is(session, "information", "all")) return 0;
  return (size_t)heta_i_option_number(session, "information");
}

/* What a configuration sets: one option, or with `gate` and `product` the score itself. */
static const struct {
  const char *config, *option, *value;
} CONFIGS[] = {{"curvature", "gamma", "0"},
               {"information", "beta", "0"},
               {"no-gate", "gate", "none"},
               {"uniform-gate", "gate", "uniform"}};

/* What --fast stands for. */
static const struct {
  const char *option, *value;
} FAST[] = {{"curvature", "row"}, {"probes", "8"}, {"information", "spans:16"}};
enum { FAST_COUNT = sizeof FAST / sizeof *FAST };

static bool fast(const heta_i_session *session) { return heta_i_option_is(session, "fast", "yes"); }

/* Options that --fast decides are left to it. */
static heta_status check_fast(const heta_i_session *session, heta_error *error) {
  for (size_t i = 0; i < FAST_COUNT && fast(session); i++) {
    const heta_i_value *value = heta_i_option(session, FAST[i].option);
    if (strcmp(value->text, value->info->default_value) && strcmp(value->text, FAST[i].value))
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "--fast stands for --%s %s; leave --%s away, or --fast and name all that "
                         "you want of it",
                         FAST[i].option, FAST[i].value, FAST[i].option);
  }
  return HETA_OK;
}

static bool gate_alone(const heta_i_session *session) {
  return heta_i_option_is(session, "config", "gate");
}

static bool product(const heta_i_session *session) {
  return heta_i_option_is(session, "config", "product");
}

/* Options that a configuration decides are left to it. */
static heta_status check_config(const heta_i_session *session, heta_error *error) {
  static const char *const DECIDED[] = {"beta", "gamma", "gate", "scale"};
  if (heta_i_option_is(session, "config", "full")) return HETA_OK;
  for (size_t i = 0; i < sizeof DECIDED / sizeof *DECIDED; i++) {
    const heta_i_value *value = heta_i_option(session, DECIDED[i]);
    if (strcmp(value->text, value->info->default_value))
      return heta_i_fail(
          error, HETA_E_ARGUMENT,
          "--config %s decides what the score is made of; leave --%s away, or --config",
          heta_i_option(session, "config")->text, DECIDED[i]);
  }
  return HETA_OK;
}

static heta_status check_spans(const heta_i_session *session, heta_error *error) {
  const char *asked = heta_i_option(session, "information")->text;
  if (strncmp(asked, "spans", 5)) return HETA_OK;
  if (span_of(session) < 2)
    return heta_i_fail(error, HETA_E_ARGUMENT, "--information %s: a span has 2 tokens or more",
                       asked);
  if (heta_i_option_is(session, "mask", "attend"))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--information %s replaces the embeddings of whole spans, and --mask attend "
                       "replaces none: leave one of the two away",
                       asked);
  return HETA_OK;
}

/* What options may not go together, whoever set them. */
static heta_status check_together(const heta_i_session *session, heta_error *error) {
  HETA_TRY(heta_i_sensitivity_check(session, error));
  if (budget_of(session) && (!heta_i_option_is(session, "gate", "flow") ||
                             heta_i_option_is(session, "config", "no-gate") ||
                             heta_i_option_is(session, "config", "uniform-gate")))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--information %s masks tokens by their gate, and --gate %s or "
                       "--config %s has none: leave one of the two away",
                       heta_i_option(session, "information")->text,
                       heta_i_option(session, "gate")->text,
                       heta_i_option(session, "config")->text);
  HETA_TRY(check_spans(session, error));
  HETA_TRY(heta_i_windows_check(session, error));
  heta_i_windows windows = heta_i_windows_of(session);
  if (budget_of(session) && heta_i_windows_viewed(&windows))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--information %s chooses by the gate of the whole context, which --windows "
                       "%s does not use: leave one of the two away",
                       heta_i_option(session, "information")->text,
                       heta_i_option(session, "windows")->text);
  return heta_i_mask_check(session, error);
}

static heta_status check(const heta_i_session *session, heta_error *error) {
  HETA_TRY(check_config(session, error));
  HETA_TRY(check_fast(session, error));
  return check_together(session, error);
}

static heta_status prepare(heta_i_session *session, heta_error *error) {
  for (size_t i = 0; i < FAST_COUNT && fast(session); i++)
    HETA_TRY(heta_i_option_set(session, FAST[i].option, FAST[i].value, error));
  for (size_t i = 0; i < sizeof CONFIGS / sizeof *CONFIGS; i++) {
    if (!heta_i_option_is(session, "config", CONFIGS[i].config)) continue;
    heta_i_value *value = (heta_i_value *)heta_i_option(session, CONFIGS[i].option);
    value->text = CONFIGS[i].value;
    value->number = 0;
  }
  return fast(session) ? check_together(session, error) : HETA_OK;
}

static heta_i_item whole_item(const heta_i_session *session) {
  return (heta_i_item){
      .target_end = session->row_count, .token_end = session->row_length, .sample_end = 1};
}

static heta_status plan_gate(heta_i_session *session, int phase, size_t series, heta_error *error) {
  heta_i_item gate = whole_item(session);
  gate.phase = phase;
  gate.name = "gate";
  gate.fills = 1u << series;
  if (heta_i_option_is(session, "gate", "flow")) {
    gate.forwards = 1; /* each layer's attention is read by running its block again */
    gate.flop = heta_i_flop(session, (double)session->length, 0);
  }
  return heta_i_add_item(session, gate, error);
}

static heta_status plan_gradients(heta_i_session *session, heta_error *error) {
  double n = (double)session->length;
  for (size_t t = 0; t < session->row_count; t++) {
    heta_i_item gradient = whole_item(session);
    gradient.phase = PHASE_GRADIENT;
    gradient.name = "gradient";
    gradient.target = t;
    gradient.target_end = t + 1;
    gradient.fills = 1u << GRADIENT | 1u << GRADIENT_SQUARED;
    gradient.reverses = 1;
    gradient.flop = heta_i_flop(session, n, heta_i_heads(session));
    if (session->layers) {
      gradient.reverses = 2; /* of the last layers alone, too */
      gradient.forwards = t == 0;
      gradient.flop += heta_i_product_flop(session, n * (1.0 + (double)gradient.forwards),
                                           heta_i_heads(session));
    }
    HETA_TRY(heta_i_add_item(session, gradient, error));
  }
  return HETA_OK;
}

/* The work on a text, of the whole context or of a window, in the order in which parts of the
 * result appear: stage 0 gate and gradient, 1 information, 2 curvature. */
enum { STAGES = 3 };

static heta_status plan_stage(heta_i_session *session, int stage, heta_error *error) {
  if (stage == 1 && session->span)
    HETA_TRY(heta_i_span_items(session, PHASE_SPANS, 1u << SPAN_INFORMATION | 1u << SPAN_CHANGE,
                               session->span, error));
  if (stage == 1)
    return heta_i_mask_items(session, PHASE_INFORMATION, 1u << INFORMATION | 1u << CHANGE,
                             budget_of(session), error);
  if (stage == 2) return heta_i_sensitivity_plan(session, PHASE_CURVATURE, CURVATURE, error);
  HETA_TRY(plan_gate(session, PHASE_GATE, GATE, error));
  return plan_gradients(session, error);
}

/* A window's items become the session's, for the window's series and in the context's tokens. */
static heta_status adopt(heta_i_session *session, const heta_i_session *view, size_t target,
                         size_t window, size_t slot, heta_error *error) {
  for (size_t i = 0; i < view->item_count; i++) {
    heta_i_item item = view->items[i];
    item.window = window + 1;
    item.target = target;
    item.target_end = target + 1;
    item.token += view->origin;
    item.token_end += view->origin;
    item.fills <<= slot * SERIES;
    if (i == 0) { /* the window's clean run */
      item.forwards++;
      item.flop += heta_i_flop(session, (double)view->length, 1);
    }
    HETA_TRY(heta_i_add_item(session, item, error));
  }
  return HETA_OK;
}

static heta_status plan_windows(heta_i_session *session, const heta_i_windows *windows,
                                heta_error *error) {
  for (int stage = 0; stage < STAGES; stage++)
    for (size_t t = 0; t < session->row_count; t++) {
      size_t count = heta_i_windows_count(windows, heta_i_context(session, t));
      for (size_t w = 0; w < count; w++) {
        heta_i_session view = heta_i_window_plan(session, t, w);
        heta_status status = plan_stage(&view, stage, error);
        if (!status) status = adopt(session, &view, t, w, w % windows->slots, error);
        heta_i_free(view.items);
        if (status) return status;
        if (view.length > session->windows) session->windows = view.length;
        if (view.bytes > session->bytes) session->bytes = view.bytes;
        session->least_probes = view.least_probes;
      }
    }
  return HETA_OK;
}

static heta_status add_series(heta_i_session *session, size_t slot, heta_error *error) {
  static const char *const NAMES[] = {"gate",     "information",      "logprob_change",
                                      "gradient", "gradient_squared", "curvature"};
  for (size_t s = 0; s < SERIES; s++) {
    const char *name = NAMES[s];
    if (slot) name = heta_i_arena_print(session->memory, "%s_%zu", name, slot);
    if (!name) return heta_i_no_memory(error, "a series", 1);
    size_t samples = s == CURVATURE ? heta_i_sensitivity_samples(session) : 1;
    HETA_TRY(heta_i_add_series(session, name, samples, error));
  }
  return HETA_OK;
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  heta_i_windows windows = heta_i_windows_of(session);
  session->layers = heta_i_sensitivity_layers(session);
  session->span = span_of(session);
  for (size_t slot = 0; slot < windows.slots; slot++) HETA_TRY(add_series(session, slot, error));
  if (heta_i_windows_viewed(&windows)) {
    HETA_TRY(heta_i_add_series(session, "whole_gate", 1, error));
    HETA_TRY(plan_gate(session, PHASE_WHOLE_GATE, windows.slots * SERIES, error));
    return plan_windows(session, &windows, error);
  }
  if (session->span) {
    size_t spans = (session->row_length + session->span - 1) / session->span;
    HETA_TRY(heta_i_add_table(session, "span_information", spans, 1, error));
    HETA_TRY(heta_i_add_table(session, "span_logprob_change", spans, 1, error));
  }
  for (int stage = 0; stage < STAGES; stage++) HETA_TRY(plan_stage(session, stage, error));
  if (session->span) /* embeddings of one item's lanes */
    session->bytes += 8 * session->model->hyper.width * (session->lane_rows + session->length);
  return HETA_OK;
}

static heta_status run_gate(heta_i_session *session, size_t series, heta_error *error) {
  double *out = session->series[series].values;
  if (heta_i_option_is(session, "gate", "flow")) {
    return heta_i_gate(session, heta_i_option_is(session, "rollout", "headwise"), out, error);
  }
  bool uniform = heta_i_option_is(session, "gate", "uniform");
  for (size_t t = 0; t < session->row_count; t++)
    for (size_t i = 0; i < session->row_length; i++) {
      size_t context = heta_i_context(session, t);
      out[t * session->row_length + i] = i >= context ? 0 : uniform ? 1.0 / (double)context : 1.0;
    }
  return HETA_OK;
}

static heta_status run_spans(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  return heta_i_mask_spans(session, item, session->span, SPAN_INFORMATION, SPAN_CHANGE, error);
}

/* By gate, or by gate and what the spans' masking did, which a part of a job may not have yet. */
static heta_status choose_by(heta_i_session *session, const double *gates, size_t budget,
                             heta_error *error) {
  if (!session->span) return heta_i_choose(session, gates, budget, error);
  for (size_t i = 0; i < session->item_count; i++)
    if (session->items[i].phase == PHASE_SPANS)
      HETA_TRY(run_spans(session, &session->items[i], error));
  return heta_i_choose_spans(session, gates, session->series[SPAN_INFORMATION].values,
                             session->span, budget, error);
}

/* Chooses by the gate that the score has. */
static heta_status choose(heta_i_session *session, const double *gates, size_t budget,
                          heta_error *error) {
  heta_i_windows windows = heta_i_windows_of(session);
  size_t n = session->row_length;
  if (windows.kind != HETA_WINDOWS_JOINT) return choose_by(session, gates, budget, error);
  double *joint = heta_i_allocate(session->row_count * n, sizeof *joint);
  if (!joint) return heta_i_no_memory(error, "the gate", session->row_count * n * sizeof *joint);
  for (size_t t = 0; t < session->row_count; t++)
    heta_i_windows_joint(&windows, heta_i_context(session, t), gates + t * n, joint + t * n);
  heta_status status = choose_by(session, joint, budget, error);
  heta_i_free(joint);
  return status;
}

/* Masks the item's tokens. With a budget the gate chooses them; a part of a job that has no gate
 * computes it to know. */
static heta_status run_information(heta_i_session *session, const heta_i_item *item,
                                   heta_error *error) {
  const double *gates = session->series[GATE].values;
  size_t numbers = session->row_count * session->row_length;
  double *own = NULL;
  heta_status status = HETA_OK;
  if (item->budget && !session->chosen && isnan(gates[numbers - 1])) {
    own = heta_i_allocate(numbers, sizeof *own);
    if (!own) return heta_i_no_memory(error, "the gate", numbers * sizeof *own);
    status = heta_i_gate(session, heta_i_option_is(session, "rollout", "headwise"), own, error);
  }
  if (!status && item->budget) status = choose(session, own ? own : gates, item->budget, error);
  heta_i_free(own);
  return status ? status : heta_i_mask_tokens(session, item, INFORMATION, CHANGE, SIZE_MAX, error);
}

static double squares(const heta_i_session *session, size_t token) {
  size_t width = session->model->hyper.width;
  double sum = 0;
  for (size_t c = 0; c < width; c++)
    sum += session->gradient[token * width + c] * session->gradient[token * width + c];
  return sum;
}

static heta_status run_gradient(heta_i_session *session, size_t target, heta_error *error) {
  session->engine->api->adjoint_free(session->adjoints[target]);
  session->adjoints[target] = NULL;
  HETA_TRY(heta_i_need_adjoint(session, target, error));
  for (size_t i = 0; i < session->row_length; i++)
    *heta_i_series_at(session, GRADIENT, target, i) = sqrt(squares(session, i));
  if (session->layers) { /* curvature has no use for this adjoint, but for its own */
    session->engine->api->adjoint_free(session->adjoints[target]);
    session->adjoints[target] = NULL;
    HETA_TRY(heta_i_product_gradient(session, target, error));
  }
  for (size_t i = 0; i < session->row_length; i++)
    *heta_i_series_at(session, GRADIENT_SQUARED, target, i) = squares(session, i);
  return HETA_OK;
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  if (item->window) return heta_i_window_run(session, item, SERIES, error);
  switch (item->phase) {
  case PHASE_WHOLE_GATE: return run_gate(session, session->series_count - 1, error);
  case PHASE_GATE: return run_gate(session, GATE, error);
  case PHASE_SPANS: return run_spans(session, item, error);
  case PHASE_GRADIENT: return run_gradient(session, item->target, error);
  case PHASE_INFORMATION: return run_information(session, item, error);
  default: break;
  }
  return heta_i_sensitivity_run(session, item, CURVATURE, error);
}

/* What a component is divided by under --scale; NaN while a value is missing. */
static double divisor(const heta_i_session *session, const double *values, size_t length) {
  double sum = 0, most = 0;
  if (heta_i_option_is(session, "scale", "none")) return 1;
  for (size_t i = 0; i < length; i++) {
    if (isnan(values[i])) return NAN;
    sum += values[i];
    if (values[i] > most) most = values[i];
  }
  double by = heta_i_option_is(session, "scale", "sum") ? sum : most;
  return by > 0 ? by : 1;
}

/* Whether a token has only its part of a span. */
static bool shared(const heta_i_session *session, size_t token) {
  return session->span && session->chosen && !session->chosen[token];
}

/* An even share of what masking the token's whole span did. */
static double share_of(const heta_i_session *session, size_t series, size_t target, size_t token) {
  size_t span = session->span, first = token / span * span, end = first + span;
  size_t context = heta_i_context(session, target);
  if (end > context) end = context;
  return *heta_i_series_at(session, series, target, token / span) / (double)(end - first);
}

/* A token's parts from the series of one slot. Returns the products behind its curvature. */
static uint32_t read_parts(const heta_i_session *session, size_t slot, size_t target, size_t token,
                           double part[C_GRADIENT + 1], double *error, double *df) {
  size_t s = slot * SERIES;
  part[C_GATE] = *heta_i_series_at(session, s + GATE, target, token);
  part[C_INFORMATION] = *heta_i_series_at(session, s + INFORMATION, target, token);
  part[C_CHANGE] = *heta_i_series_at(session, s + CHANGE, target, token);
  part[C_GRADIENT] = *heta_i_series_at(session, s + GRADIENT, target, token);
  part[C_CURVATURE] = *heta_i_series_at(session, s + GRADIENT_SQUARED, target, token);
  if (shared(session, token)) {
    part[C_INFORMATION] = share_of(session, SPAN_INFORMATION, target, token);
    part[C_CHANGE] = share_of(session, SPAN_CHANGE, target, token);
  }
  *error = *df = 0;
  if (!heta_i_sensitivity_sampled(session)) return 0;
  return heta_i_sensitivity_read(session, s + CURVATURE, target, token, &part[C_CURVATURE], error,
                                 df);
}

/* The gate from the series; windows that have sessions of their own leave one each. */
static void read_gate(const heta_i_session *session, size_t target, size_t length, double *gate) {
  heta_i_windows windows = heta_i_windows_of(session);
  const double *whole = heta_i_series_at(session, GATE, target, 0);
  if (!heta_i_option_is(session, "gate", "flow") || windows.kind == HETA_WINDOWS_NONE) {
    memcpy(gate, whole, length * sizeof *gate);
    return;
  }
  if (!heta_i_windows_viewed(&windows)) {
    heta_i_windows_joint(&windows, length, whole, gate);
    return;
  }
  for (size_t i = 0; i < length; i++) {
    size_t first, end;
    heta_i_windows_covering(&windows, length, i, &first, &end);
    gate[i] = 0;
    for (size_t w = first; w < end; w++)
      gate[i] += *heta_i_series_at(session, w % windows.slots * SERIES + GATE, target, i) /
                 (double)(end - first);
  }
  heta_i_windows_normalise(&windows, length, gate);
}

/* The parts of a target's tokens: the mean over the windows that have the token, whose probes are
 * independent: their degrees of freedom add up, since their errors are of one size. */
static void read_components(const heta_i_session *session, size_t target, size_t length,
                            heta_i_numbers *to) {
  heta_i_windows windows = heta_i_windows_of(session);
  for (size_t i = 0; i < length; i++) {
    size_t first = 0, end = 1;
    double squares = 0, df = 0;
    if (heta_i_windows_viewed(&windows)) heta_i_windows_covering(&windows, length, i, &first, &end);
    for (size_t w = first; w < end; w++) {
      double part[C_GRADIENT + 1] = {0}, own, own_df;
      to->probes[i] += read_parts(session, w % windows.slots, target, i, part, &own, &own_df);
      squares += own * own;
      df += own_df;
      for (size_t c = 0; c <= C_GRADIENT; c++) {
        double before = w > first ? to->components[c][i] : 0;
        to->components[c][i] = before + part[c] / (double)(end - first);
      }
    }
    to->errors[C_CURVATURE][i] = sqrt(squares) / (double)(end - first);
    to->score_df[i] = df;
  }
  read_gate(session, target, length, to->components[C_GATE]);
}

static bool finish(const heta_i_session *session, size_t target, size_t length,
                   heta_i_numbers *to) {
  double beta = heta_i_option_number(session, "beta"),
         gamma = heta_i_option_number(session, "gamma");
  bool sampled = heta_i_sensitivity_sampled(session);
  read_components(session, target, length, to);
  double by_curvature = divisor(session, to->components[C_CURVATURE], length);
  double by_information = divisor(session, to->components[C_INFORMATION], length);
  for (size_t i = 0; i < length; i++) {
    /* A part with weight 0 does not wait for its values. */
    double s = beta > 0 ? beta * to->components[C_CURVATURE][i] / by_curvature : 0;
    double kept = gamma > 0 ? gamma * to->components[C_INFORMATION][i] / by_information : 0;
    double drop = to->components[C_CHANGE][i];
    double fall = drop > 0 ? drop : drop <= 0 ? 0 : NAN;
    double envelope = gamma > 0 ? gamma * fall / by_information : 0;
    to->score[i] = to->components[C_GATE][i] * (gate_alone(session) ? 1 : s + kept);
    to->components[C_ENVELOPE][i] = to->components[C_GATE][i] * (s + envelope);
    double error = beta > 0 && sampled ? to->components[C_GATE][i] * beta *
                                             to->errors[C_CURVATURE][i] / by_curvature
                                       : 0;
    to->errors[C_ENVELOPE][i] = error;
    to->score_se[i] = gate_alone(session) ? 0 : error;
    if (!product(session)) continue;
    to->score[i] = fall > 0 ? to->components[C_CURVATURE][i] * fall : fall;
    to->score_se[i] = fall > 0 && sampled ? to->errors[C_CURVATURE][i] * fall : 0;
  }
  return true;
}

/* How far the gate by windows is from that of the whole context, of the first target; NaN while it
 * is not known. */
static double leakage_of(const heta_i_session *session, const heta_i_windows *windows) {
  size_t n = heta_i_context(session, 0);
  double *gate, leakage;
  if (!session->series_count) return NAN;
  size_t series = heta_i_windows_viewed(windows) ? session->series_count - 1 : GATE;
  if (!session->series[series].values || !heta_i_option_is(session, "gate", "flow")) return NAN;
  gate = heta_i_allocate(n, sizeof *gate);
  if (!gate) return NAN;
  read_gate(session, 0, n, gate);
  leakage = heta_i_windows_leakage(n, gate, heta_i_series_at(session, series, 0, 0));
  heta_i_free(gate);
  return leakage;
}

static bool windows(const heta_i_session *session, heta_windows *out) {
  heta_i_windows w = heta_i_windows_of(session);
  size_t last = heta_i_context(session, session->row_count - 1);
  if (w.kind == HETA_WINDOWS_NONE) return false;
  *out = (heta_windows){heta_i_option(session, "windows")->text,
                        w.window,
                        w.stride,
                        w.anchor,
                        leakage_of(session, &w),
                        NULL};
  if (w.kind == HETA_WINDOWS_ISOLATED && heta_i_windows_count(&w, last) > 1)
    out->remark = "for comparison only: each window is made to predict the target, which never "
                  "followed that text";
  return true;
}

/* What spans left whole may hide, of the first target. In the spans whose tokens were masked one by
 * one, the largest token has at most so many times what the whole span has; were it so in the
 * others, each of their tokens would have that. */
static size_t checks(const heta_i_session *session, heta_check_value *checks) {
  size_t n = heta_i_context(session, 0), refined = 0;
  double ratio = 0, whole = 0, all = 0;
  if (!session->span || !session->chosen) return 0;
  const double *gate = heta_i_series_at(session, GATE, 0, 0);
  const double *own = heta_i_series_at(session, INFORMATION, 0, 0);
  for (size_t i = 0; i < n; i++) {
    double span = *heta_i_series_at(session, SPAN_INFORMATION, 0, i / session->span);
    refined += session->chosen[i];
    if (shared(session, i)) {
      whole += gate[i] * span;
      all += gate[i] * share_of(session, SPAN_INFORMATION, 0, i);
    } else {
      all += gate[i] * own[i];
      if (span > 0 && own[i] / span > ratio) ratio = own[i] / span;
    }
  }
  checks[0] = (heta_check_value){"information_refined", (double)refined / (double)n};
  checks[1] =
      (heta_check_value){"information_bound", all > 0 && refined ? ratio * whole / all : NAN};
  return 2;
}

static void describe(const heta_i_session *session, heta_component_info *components) {
  if (span_of(session)) { /* of tokens whose spans were left whole, a share */
    const char *name = heta_i_option(session, "information")->text;
    if (!strcmp(name, "spans")) name = "spans:16";
    components[C_INFORMATION].exact = components[C_CHANGE].exact = false;
    components[C_INFORMATION].estimator = components[C_CHANGE].estimator = name;
  }
  heta_i_sensitivity_describe(session, &components[C_CURVATURE], &components[C_ENVELOPE]);
}

const heta_i_method heta_i_method_heta = {
    .info =
        {.name = "heta",
         .summary = "Hessian-enhanced token attribution: gate × (curvature + information)",
         .about =
             "The score of context token i is M_i (beta S_i + gamma I_i).\n"
             "M, the gate, is the share of attention-value flow that reaches the target's row: "
             "rolled-out attention times the L1 norm of each value through the output projection, "
             "summed over layers and heads, normalised to 1. Values are those the attention uses "
             "(after the block's norm, with bias), with the right key/value head under grouped "
             "queries; rollout 'headwise' chains each head with the same head of the layer below, "
             "'mean' uses the head average: the paper leaves this open.\n"
             "S, the curvature, is E|H_ii r|_1 for Rademacher r: how strongly the log-probability "
             "of the target bends along token i's embedding; an estimate with a standard error. "
             "'row' (interactions with all tokens) is another quantity than 'block'.\n"
             "I, the information, is the KL divergence in nats between the model's distribution "
             "and "
             "the one with token i masked.\n"
             "S and I have different units, and S is often much the larger: with the paper's beta "
             "= "
             "gamma = 0.5 the score is then nearly gate × curvature; --scale sum balances them.\n"
             "Ablations, by --config: gate (the score is M alone), curvature (gamma 0), "
             "information "
             "(beta 0), no-gate (M = 1), uniform-gate (M = 1/n); all parts are still computed and "
             "reported.\n"
             "--config product is a variant of ours and not of the paper: S_i max(0, change), what "
             "the model is sensitive to and needed for this answer; no gate.\n"
             "Also reported: the signed log-probability change when i is masked, the envelope "
             "M_i (beta S_i + gamma max(0, change)), and the L2 norm of the gradient. With a foil, "
             "curvature and change are those of log P(target) - log P(foil). With --joint they are "
             "those of the sum of log P over all targets, information is summed over them, and the "
             "gate is their mean.",
         .source =
             "Hessian-Enhanced Token Attribution (HETA), arXiv 2604.13258, ICLR 2026; this is "
             "an independent implementation",
         .cost =
             "n masked forwards, n·m Hessian-vector products (row: m; gradsq: none), one reverse "
             "pass",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .joint = true,
    .component_count = 6,
    .components = {{"gate", "fraction", true, NULL},
                   {"curvature", "nat per embedding unit squared", true, NULL},
                   {"information", "nat", true, NULL},
                   {"logprob_change", "nat", true, NULL},
                   {"envelope", "gate × (curvature + nat)", true, NULL},
                   {"gradient", "nat per embedding unit", true, NULL}},
    .check = check,
    .prepare = prepare,
    .plan = plan,
    .run = run,
    .finish = finish,
    .describe = describe,
    .checks = checks,
    .windows = windows};
