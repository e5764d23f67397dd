/* tdd.c: Token Distribution Dynamics: how the target's probability grows as the context is read,
 * from its beginning (forward) or from its end (backward). Progressive inference in a single pass
 * is the former. */
#include <math.h>
#include <string.h>

#include "method/method.h"

enum { FORWARD, BACKWARD }; /* series: r after token i; r given only the tokens from i on */

static const heta_option_info FORWARD_OPTIONS[] = {HETA_MAP_OPTION("positive"),
                                                   HETA_NORMALISE_OPTION};
static const heta_option_info OPTIONS[] = {
    {"first", NULL, HETA_OPTION_CHOICE, 0, 0, "drop|keep", "drop",
     "keep: the context's first token stands before every shorter context"},
    HETA_MAP_OPTION("positive"),
    HETA_NORMALISE_OPTION,
};

static bool goes_forward(const heta_i_session *session) {
  return session->method != &heta_i_method_tdd_backward;
}

static bool goes_backward(const heta_i_session *session) {
  return session->method->info.options == OPTIONS;
}

static bool keeps_first(const heta_i_session *session) {
  return heta_i_option_is(session, "first", "keep");
}

/* Rows of the context that begins at `token` and ends at `length`. */
static size_t rows_from(const heta_i_session *session, size_t token, size_t length) {
  return length - token + (token > 0 && keeps_first(session));
}

/* r of one distribution: P(target); with a foil, the difference of the two tokens' shares of their
 * own sum. */
static double value_of(const heta_i_target *target, double logprob, double foil) {
  return target->foil < 0 ? exp(logprob) : tanh((logprob - foil) / 2);
}

static heta_status plan_backward(heta_i_session *session, heta_error *error) {
  for (size_t t = 0; t < session->target_count; t++) {
    size_t length = session->length - session->target_count + 1 + t;
    for (size_t from = 0, to; from < length; from = to) {
      size_t rows = 0;
      for (to = from; to < length; to++) {
        size_t own = rows_from(session, to, length);
        if (to > from && rows + own > session->lane_rows) break;
        rows += own;
      }
      heta_i_item item = {.phase = BACKWARD,
                          .name = "suffixes",
                          .target = t,
                          .target_end = t + 1,
                          .token = from,
                          .token_end = to,
                          .sample_end = 1,
                          .fills = 1u << BACKWARD,
                          .whole = true,
                          .forwards = to - from,
                          .flop = heta_i_flop(session, (double)rows, (double)(to - from))};
      HETA_TRY(heta_i_add_item(session, item, error));
    }
  }
  return HETA_OK;
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  double n = (double)session->length;
  HETA_TRY(heta_i_add_series(session, "forward", 1, error));
  HETA_TRY(heta_i_add_series(session, "backward", 1, error));
  session->bytes = session->length * session->target_count * 48 + session->length * 256;
  heta_i_item all = {.phase = FORWARD,
                     .name = "prefixes",
                     .target_end = session->target_count,
                     .token_end = session->length,
                     .sample_end = 1,
                     .fills = 1u << FORWARD,
                     .whole = true,
                     .forwards = 1,
                     .flop = heta_i_flop(session, n, n * (double)session->target_count)};
  if (goes_forward(session)) HETA_TRY(heta_i_add_item(session, all, error));
  return goes_backward(session) ? plan_backward(session, error) : HETA_OK;
}

/* What lanes are read at: (row, token, foil) and their log-probabilities. */
typedef struct reading {
  size_t *row;
  int32_t *token, *foil;
  double *logprob, *foil_logprob;
} reading;

static void reading_free(reading *r) {
  heta_i_free(r->row);
  heta_i_free(r->token);
  heta_i_free(r->foil);
  heta_i_free(r->logprob);
  heta_i_free(r->foil_logprob);
}

static heta_status reading_open(reading *r, size_t count, heta_error *error) {
  r->row = heta_i_allocate(count, sizeof *r->row);
  r->token = heta_i_allocate(count, sizeof *r->token);
  r->foil = heta_i_allocate(count, sizeof *r->foil);
  r->logprob = heta_i_allocate(count, sizeof *r->logprob);
  r->foil_logprob = heta_i_allocate(count, sizeof *r->foil_logprob);
  if (r->row && r->token && r->foil && r->logprob && r->foil_logprob) return HETA_OK;
  return heta_i_no_memory(error, "what is read of the passes", count * 5 * sizeof(double));
}

/* Every row of one pass, for every target: entry (target, i). */
static heta_status run_forward(heta_i_session *session, heta_error *error) {
  size_t n = session->length, targets = session->target_count;
  reading r = {0};
  heta_status status;
  HETA_GO(reading_open(&r, n * targets, error));
  for (size_t t = 0; t < targets; t++)
    for (size_t i = 0; i < n; i++) {
      const heta_i_target *target = &session->targets[t];
      r.row[t * n + i] = i;
      r.token[t * n + i] = target->id;
      r.foil[t * n + i] = target->foil < 0 ? 0 : target->foil;
    }
  heta_i_lane lane = heta_i_lane_of(session->tokens, n);
  heta_i_readout readout = {.rows = n * targets,
                            .row = r.row,
                            .token = r.token,
                            .foil = r.foil,
                            .logprob = r.logprob,
                            .foil_logprob = r.foil_logprob};
  HETA_GO(session->engine->api->lanes(session->engine, &lane, 1, &readout, error));
  for (size_t e = 0; e < n * targets; e++)
    session->series[FORWARD].values[e] =
        value_of(&session->targets[e / n], r.logprob[e], r.foil_logprob[e]);
done:
  reading_free(&r);
  return status;
}

/* Contexts that begin at the item's tokens. */
static heta_status run_backward(heta_i_session *session, const heta_i_item *item,
                                heta_error *error) {
  const heta_i_target *target = &session->targets[item->target];
  size_t count = item->token_end - item->token, length = target->position, stride = length + 1;
  bool keep = keeps_first(session);
  reading r = {0};
  heta_status status;
  heta_i_lane *lanes = heta_i_allocate(count, sizeof *lanes);
  int32_t *tokens = keep ? heta_i_allocate(count * stride, sizeof *tokens) : NULL;
  int32_t foil = target->foil < 0 ? 0 : target->foil;
  HETA_GO(reading_open(&r, count, error));
  if (!lanes || (keep && !tokens)) {
    status = heta_i_no_memory(error, "shorter contexts", count * stride * sizeof *tokens);
    goto done;
  }
  for (size_t l = 0; l < count; l++) {
    size_t from = item->token + l, rows = rows_from(session, from, length);
    const int32_t *text = session->tokens + from;
    if (keep) {
      int32_t *own = tokens + l * stride;
      own[0] = session->tokens[0];
      memcpy(own + (from > 0), text, (length - from) * sizeof *own);
      text = own;
    }
    lanes[l] = heta_i_lane_of(text, rows);
    r.row[l] = rows - 1;
  }
  heta_i_readout readout = {.rows = 1,
                            .row = r.row,
                            .each = true,
                            .token = &target->id,
                            .foil = &foil,
                            .logprob = r.logprob,
                            .foil_logprob = r.foil_logprob};
  HETA_GO(session->engine->api->lanes(session->engine, lanes, count, &readout, error));
  for (size_t l = 0; l < count; l++)
    *heta_i_series_at(session, BACKWARD, item->target, item->token + l) =
        value_of(target, r.logprob[l], r.foil_logprob[l]);
done:
  reading_free(&r);
  heta_i_free(lanes);
  heta_i_free(tokens);
  return status;
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  return item->phase == FORWARD ? run_forward(session, error) : run_backward(session, item, error);
}

static bool finish(const heta_i_session *session, size_t target, size_t length,
                   heta_i_numbers *to) {
  const double *forward = heta_i_series_at(session, FORWARD, target, 0);
  const double *backward = heta_i_series_at(session, BACKWARD, target, 0);
  size_t c = 0;
  for (size_t i = 0; i < length; i++) to->signed_score[i] = 0;
  for (size_t i = 0; i < length && goes_forward(session); i++)
    to->signed_score[i] = to->components[0][i] = forward[i] - (i ? forward[i - 1] : 0);
  c += goes_forward(session);
  for (size_t i = 0; i < length && goes_backward(session); i++) {
    to->components[c][i] = backward[i] - (i + 1 < length ? backward[i + 1] : 0);
    to->signed_score[i] =
        c ? (to->signed_score[i] + to->components[c][i]) / 2 : to->components[c][i];
  }
  return true;
}

#define SOURCE                                                                                     \
  "Feng et al., Unveiling and Manipulating Prompt Influence in Large Language Models, ICLR 2024"
#define VALUE                                                                                      \
  "r is P(target); with a foil, the difference of the shares that target and foil have of their "  \
  "common probability, tanh((log P(target) - log P(foil)) / 2). "

const heta_i_method heta_i_method_tdd_forward = {
    .info = {.name = "tdd-forward",
             .summary = "how the target's probability changes with each token that is read",
             .about = VALUE
             "Let r_i be r in the distribution after token i of the one run over the context. "
             "The signed score of token i is r_i - r_{i-1}, of the first token r_0; they sum to "
             "r at the end. It asks whether the target would come next at every place, also "
             "where grammar forbids it.",
             .source = SOURCE,
             .cost = "one forward, n output distributions",
             .options = FORWARD_OPTIONS,
             .option_count = sizeof FORWARD_OPTIONS / sizeof *FORWARD_OPTIONS},
    .is_signed = true,
    .objective = HETA_SEED_PROB,
    .alone = "it reads that token's place among the predictions of other rows",
    .component_count = 1,
    .components = {{"forward", "probability", true, NULL}},
    .plan = plan,
    .run = run,
    .finish = finish};

const heta_i_method heta_i_method_tdd_backward = {
    .info = {.name = "tdd-backward",
             .summary = "how the target's probability changes as the context grows backwards",
             .about = VALUE
             "Let R_i be r when the model is given the context's tokens from i on, read anew from "
             "position 0. The signed score of token i is R_i - R_{i+1}, of the last token R_{n-1}; "
             "they sum to r. As its authors' code does, shorter contexts have no BOS; --first keep "
             "puts the context's first token before each, without which models that lean on it go "
             "astray.",
             .source = SOURCE,
             .cost = "n forwards a target, over 1 … n rows",
             .options = OPTIONS,
             .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .is_signed = true,
    .objective = HETA_SEED_PROB,
    .alone = "it reads that token's place among the predictions of other rows",
    .component_count = 1,
    .components = {{"backward", "probability", true, NULL}},
    .plan = plan,
    .run = run,
    .finish = finish};

const heta_i_method heta_i_method_tdd_both = {
    .info = {.name = "tdd-both",
             .summary = "the mean of tdd-forward and tdd-backward",
             .about = "The mean of the signed scores of tdd-forward and tdd-backward, as in its "
                      "authors' code; the paper's sum gives the same order. " VALUE,
             .source = SOURCE,
             .cost = "n forwards a target, over 1 … n rows, and one more",
             .options = OPTIONS,
             .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .is_signed = true,
    .objective = HETA_SEED_PROB,
    .alone = "it reads that token's place among the predictions of other rows",
    .component_count = 2,
    .components = {{"forward", "probability", true, NULL}, {"backward", "probability", true, NULL}},
    .plan = plan,
    .run = run,
    .finish = finish};

static heta_status check_single_pass(const heta_i_session *session, heta_error *error) {
  if (!session->contrast) return HETA_OK;
  return heta_i_fail(error, HETA_E_ARGUMENT,
                     "method progressive-sp reads the probability of one token; for a target "
                     "against a foil choose tdd-forward");
}

const heta_i_method heta_i_method_progressive_sp = {
    .info = {.name = "progressive-sp",
             .summary = "progressive inference in a single pass",
             .about =
                 "The prediction at each place of the one run is read as that of the input with "
                 "all later tokens masked: the signed score of token i is p_i - p_{i-1}, p_i the "
                 "target's probability after token i. For one next token this is tdd-forward "
                 "without a foil, number for number, under the name of the method that was made "
                 "for classifiers.",
             .source = "Kariyappa et al., Progressive Inference, ICML 2024",
             .cost = "one forward, n output distributions",
             .options = FORWARD_OPTIONS,
             .option_count = sizeof FORWARD_OPTIONS / sizeof *FORWARD_OPTIONS},
    .is_signed = true,
    .objective = HETA_SEED_PROB,
    .alone = "it reads that token's place among the predictions of other rows",
    .component_count = 1,
    .components = {{"forward", "probability", true, NULL}},
    .check = check_single_pass,
    .plan = plan,
    .run = run,
    .finish = finish};
