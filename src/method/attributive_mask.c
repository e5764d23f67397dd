/* attributive_mask.c: a mask over the tokens, found by gradient descent, that keeps the prediction
 * while its complement destroys it.
 *
 * e_i becomes m_i e_i + (1 - m_i) r_i, in the complement (1 - m_i) e_i + m_i r_i, with m =
 * sigmoid(θ) and r the --mask embedding. The loss is the cross-entropy of the clean distribution
 * and the masked one, minus `destroy` log(1 - P(target)) of the complement, minus `sparse` times
 * the mean of log(1 - m_i); θ begins at 0 and takes Adam's steps (Kingma & Ba 2015). */
#include <math.h>
#include <string.h>

#include "method/coalition.h"
#include "method/inputs.h"

enum { MASK, LOSS }; /* series; LOSS: a table, before each step */

static const heta_option_info OPTIONS[] = {
    {"steps", NULL, HETA_OPTION_INTEGER, 1, 100000, NULL, "50", "steps of the optimiser"},
    {"rate", NULL, HETA_OPTION_NUMBER, 1e-6, 10, NULL, "0.1", "its learning rate"},
    {"preserve", NULL, HETA_OPTION_NUMBER, 0, 1e6, NULL, "1", "weight of the kept prediction"},
    {"destroy", NULL, HETA_OPTION_NUMBER, 0, 1e6, NULL, "1", "weight of the complement"},
    {"sparse", NULL, HETA_OPTION_NUMBER, 0, 1e6, NULL, "0.1", "weight of a small mask"},
    {"mask", "mask-scheme", HETA_OPTION_CHOICE, 0, 0, "zero|mean|unk|eos|pad|token:|noise", "zero",
     "the embedding that a token is blended with"},
    HETA_KEEP_OPTION,
    HETA_NORMALISE_OPTION,
    HETA_PASSES_OPTION,
};

/* A step is two runs with their reverse passes. */
static size_t steps_of(const heta_i_session *session) {
  double steps = heta_i_option_number(session, "steps");
  double cap = floor(heta_i_option_number(session, "passes") / 2);
  return (size_t)(cap > 0 && cap < steps ? cap : steps);
}

static heta_status check(const heta_i_session *session, heta_error *error) {
  HETA_TRY(heta_i_mask_check(session, error));
  if (session->contrast)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "method attributive-mask keeps or destroys one prediction; it cannot "
                       "contrast it with a foil");
  return heta_i_players_check(session, 1, error);
}

static heta_status prepare(heta_i_session *session, heta_error *error) {
  (void)error;
  session->runs = 1;
  return HETA_OK;
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  size_t steps = steps_of(session);
  uint64_t asked = 2 * (uint64_t)heta_i_option_number(session, "steps"), allowed;
  HETA_TRY(heta_i_allowed(session, asked, 2, "one step of the optimiser", &allowed, error));
  session->left_out = (asked - 2 * steps) * session->target_count;
  HETA_TRY(heta_i_add_series(session, "mask", 1, error));
  HETA_TRY(heta_i_add_table(session, "loss", 1, steps, error));
  for (size_t t = 0; t < session->target_count; t++) {
    double rows = 6 * (double)steps * (double)heta_i_context(session, t);
    HETA_TRY(heta_i_add_item(session,
                             (heta_i_item){.name = "mask",
                                           .target = t,
                                           .target_end = t + 1,
                                           .token_end = session->length,
                                           .sample_end = steps,
                                           .whole = true,
                                           .fills = 1u << MASK | 1u << LOSS,
                                           .forwards = 2 * steps,
                                           .reverses = 2 * steps,
                                           .flop = heta_i_flop(session, rows, 6 * (double)steps)},
                             error));
  }
  heta_i_stack(session, 2);
  session->bytes += 8 * (uint64_t)session->length * (7 * session->model->hyper.width + 8) +
                    64 * (uint64_t)session->model->hyper.vocabulary;
  return HETA_OK;
}

typedef struct work {
  heta_i_session *session;
  size_t target, length, width, vocabulary;
  bool *player;             /* [length] */
  double *clean, *other;    /* [length × width]: e and r */
  double *input, *gradient; /* the same, of the blended text and of its complement */
  double *theta, *slope;    /* [length] */
  double *first, *second;   /* [length]: Adam's moments */
  double *logprobs;         /* [vocabulary] of the clean run */
  heta_i_seed *seeds;       /* [vocabulary + 2]: the loss of the text, and of its complement */
} work;

static void close_work(work *w) {
  void *blocks[] = {w->player, w->clean, w->other,  w->input,    w->gradient, w->theta,
                    w->slope,  w->first, w->second, w->logprobs, w->seeds};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) heta_i_free(blocks[i]);
}

static heta_status open_work(work *w, heta_error *error) {
  heta_i_session *session = w->session;
  size_t size = w->length * w->width, n = w->length;
  double preserve = heta_i_option_number(session, "preserve");
  double destroy = heta_i_option_number(session, "destroy");
  int32_t id = session->targets[w->target].id;
  w->player = heta_i_allocate(n, sizeof *w->player);
  w->clean = heta_i_allocate(size, sizeof *w->clean);
  w->other = heta_i_allocate(size, sizeof *w->other);
  w->input = heta_i_allocate(2 * size, sizeof *w->input);
  w->gradient = heta_i_allocate(2 * size, sizeof *w->gradient);
  w->theta = heta_i_allocate(n, sizeof *w->theta);
  w->slope = heta_i_allocate(n, sizeof *w->slope);
  w->first = heta_i_allocate(n, sizeof *w->first);
  w->second = heta_i_allocate(n, sizeof *w->second);
  w->logprobs = heta_i_allocate(w->vocabulary, sizeof *w->logprobs);
  w->seeds = heta_i_allocate(w->vocabulary + 2, sizeof *w->seeds);
  if (!w->player || !w->clean || !w->other || !w->input || !w->gradient || !w->theta || !w->slope ||
      !w->first || !w->second || !w->logprobs || !w->seeds)
    return heta_i_no_memory(error, "a mask", size * sizeof *w->clean);
  session->engine->api->embed(session->engine, session->tokens, n, w->clean);
  for (size_t i = 0; i < n; i++) {
    w->player[i] = heta_i_is_player(session, i);
    HETA_TRY(heta_i_mask_row(session, i, w->other + i * w->width, error));
  }
  session->engine->api->logprobs(session->run, w->target, w->logprobs);
  for (size_t v = 0; v < w->vocabulary; v++)
    w->seeds[v] =
        (heta_i_seed){n - 1, (int32_t)v, -preserve * exp(w->logprobs[v]), HETA_SEED_LOGPROB};
  /* -log(1 - p) = (log p - log(1 - p)) - log p */
  w->seeds[w->vocabulary] = (heta_i_seed){n - 1, id, destroy, HETA_SEED_LOGIT_PROB};
  w->seeds[w->vocabulary + 1] = (heta_i_seed){n - 1, id, -destroy, HETA_SEED_LOGPROB};
  return HETA_OK;
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* What the text, or its complement, is blended into. */
static void blend(work *w, bool complement) {
  double *input = w->input + (complement ? w->length * w->width : 0);
  for (size_t i = 0; i < w->length; i++) {
    double m = w->player[i] ? sigmoid(complement ? -w->theta[i] : w->theta[i]) : 1;
    for (size_t e = i * w->width; e < (i + 1) * w->width; e++)
      input[e] = m * w->clean[e] + (1 - m) * w->other[e];
  }
}

/* Loss and gradients of contexts [first, first + count): the text is number 0. */
static heta_status pull(work *w, size_t first, size_t count, double *loss, heta_error *error) {
  const heta_i_engine_api *api = w->session->engine->api;
  heta_i_engine *engine = w->session->engine;
  size_t n = w->length, rows[2] = {n - 1, 2 * n - 1};
  heta_i_lane lanes[2];
  heta_i_run *run = NULL;
  double value;
  for (size_t c = 0; c < count; c++) {
    lanes[c] = heta_i_lane_of(NULL, n);
    lanes[c].input = w->input + (first + c) * n * w->width;
  }
  size_t from = first ? w->vocabulary : 0,
         end = first + count > 1 ? w->vocabulary + 2 : w->vocabulary;
  for (size_t s = w->vocabulary; s < end; s++) w->seeds[s].row = rows[count - 1];
  HETA_TRY(api->stack(engine, lanes, count, rows, count, &run, error));
  heta_status status = api->reverse(engine, run, w->seeds + from, end - from, &value,
                                    w->gradient + first * n * w->width, NULL, error);
  api->run_free(run);
  if (!status) *loss += value;
  return status;
}

/* The loss, and its derivatives in θ in the slope. */
static heta_status evaluate(work *w, double *loss, heta_error *error) {
  heta_i_session *session = w->session;
  double sparse = heta_i_option_number(session, "sparse"), players = 0;
  size_t size = w->length * w->width, at_once = session->stacked ? 2 : 1;
  *loss = 0;
  for (int c = 0; c < 2; c++) blend(w, c);
  for (size_t c = 0; c < 2; c += at_once) HETA_TRY(pull(w, c, at_once, loss, error));
  memset(w->slope, 0, w->length * sizeof *w->slope);
  for (size_t e = 0; e < size; e++)
    w->slope[e / w->width] +=
        (w->gradient[e] - w->gradient[size + e]) * (w->clean[e] - w->other[e]);
  for (size_t i = 0; i < w->length; i++) players += w->player[i];
  for (size_t i = 0; i < w->length; i++) {
    double m = sigmoid(w->theta[i]);
    if (!w->player[i]) continue;
    *loss += sparse / players * log1p(exp(w->theta[i])); /* -log(1 - m) */
    w->slope[i] = w->slope[i] * m * (1 - m) + sparse / players * m;
  }
  return HETA_OK;
}

static void descend(work *w, size_t step) {
  double rate = heta_i_option_number(w->session, "rate"), number = (double)(step + 1);
  for (size_t i = 0; i < w->length; i++) {
    if (!w->player[i]) continue;
    w->first[i] = 0.9 * w->first[i] + 0.1 * w->slope[i];
    w->second[i] = 0.999 * w->second[i] + 0.001 * w->slope[i] * w->slope[i];
    double mean = w->first[i] / (1 - pow(0.9, number));
    double square = w->second[i] / (1 - pow(0.999, number));
    w->theta[i] -= rate * mean / (sqrt(square) + 1e-8);
  }
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  work w = {.session = session,
            .target = item->target,
            .length = session->targets[item->target].position,
            .width = session->model->hyper.width,
            .vocabulary = session->model->hyper.vocabulary};
  heta_status status = open_work(&w, error);
  for (size_t k = 0; k < item->sample_end && !status; k++) {
    double loss = NAN;
    session->item_done = (double)k / (double)item->sample_end;
    status = evaluate(&w, &loss, error);
    heta_i_series_at(session, LOSS, item->target, 0)[k] = loss;
    if (!status) descend(&w, k);
  }
  for (size_t i = 0; i < session->length && !status; i++)
    *heta_i_series_at(session, MASK, item->target, i) =
        i < w.length && w.player[i] ? sigmoid(w.theta[i]) : 0;
  close_work(&w);
  return status;
}

static size_t checks(const heta_i_session *session, heta_check_value *out) {
  const double *loss = heta_i_series_at(session, LOSS, 0, 0);
  out[0] = (heta_check_value){"first_loss", loss[0]};
  out[1] = (heta_check_value){"last_loss", loss[steps_of(session) - 1]};
  return 2;
}

const heta_i_method heta_i_method_attributive_mask = {
    .info =
        {.name = "attributive-mask",
         .summary =
             "a mask found by gradient descent that keeps the prediction (reconstructs fAML)",
         .about =
             "A reconstruction of fAML without its network: AML trains an encoder to propose masks "
             "and then tunes it on the one text; here the mask of the text itself is optimised. "
             "Each token's embedding is blended with another (--mask) by m between 0 and 1. The "
             "loss "
             "asks that the blended text predicts what the whole one does (cross-entropy of the "
             "whole distribution), that the complement does not predict the target, and that the "
             "mask is small. The score is m after the last step, not the best step by some metric, "
             "which would be judged by what chose it. Decided here: Adam at rate 0.1, 50 steps, "
             "m begins at one half, weights 1, 1 and 0.1, where the source searches its weights "
             "for "
             "each metric; the whole vocabulary instead of class labels. Special tokens stay "
             "whole. The losses before the first and the last step are in the checks.",
         .source = "AML (Barkan et al. 2024), reconstructed",
         .cost = "2k forwards and 2k reverse passes (k: --steps)",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .unpatched = "its masked inputs are no words, whose values could be patched",
    .alone = "its mask is fitted to the prediction of one row",
    .component_count = 1,
    .components = {{"mask", "fraction kept", true, NULL}},
    .check = check,
    .prepare = prepare,
    .plan = plan,
    .run = run,
    .finish = heta_i_finish_first,
    .checks = checks};
