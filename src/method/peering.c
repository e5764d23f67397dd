/* peering.c: how alike the states of the context's tokens are to the target's own. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "method/inputs.h"

static const heta_option_info OPTIONS[] = {
    {"layer", NULL, HETA_OPTION_INTEGER, 0, 10000, "middle", "middle",
     "the residual stream before this block; the number of layers: after the last"},
    {"query", NULL, HETA_OPTION_CHOICE, 0, 0, "target|predicting", "target",
     "the state of the target read as input, or the one that predicts it"},
    {"threshold", NULL, HETA_OPTION_CHOICE, 0, 0, "median|none", "median",
     "what is taken off each cosine before those below 0 become 0"},
    {"centre", "center", HETA_OPTION_CHOICE, 0, 0, "none|mean", "none",
     "take the context's mean state off every state first"},
    {"window", NULL, HETA_OPTION_INTEGER, 0, 1000, NULL, "0",
     "above 0: score stretches of this many tokens to either side of the best anchors"},
    {"anchors", NULL, HETA_OPTION_INTEGER, 1, 1000, NULL, "3", "--window: how many anchors"},
    HETA_NORMALISE_OPTION,
};

static size_t number(const heta_i_session *session, const char *name) {
  return (size_t)heta_i_option_number(session, name);
}

static heta_status check(const heta_i_session *session, heta_error *error) {
  const heta_i_value *anchors = heta_i_option(session, "anchors");
  if (!number(session, "window") && strcmp(anchors->text, anchors->info->default_value))
    return heta_i_fail(error, HETA_E_ARGUMENT, "option anchors needs --window above 0");
  return heta_i_layer_check(session, session->model->hyper.layers, error);
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  HETA_TRY(heta_i_add_series(session, "cosine", 1, error));
  HETA_TRY(heta_i_add_series(session, "window", 1, error));
  session->bytes = sizeof(double) * (session->length + 2) * (session->model->hyper.width + 2);
  return heta_i_add_item(session,
                         (heta_i_item){.name = "states",
                                       .target_end = session->target_count,
                                       .token_end = session->length,
                                       .sample_end = 1,
                                       .fills = 3,
                                       .whole = true,
                                       .flop = heta_i_flop(session, 1, 0)},
                         error);
}

static double cosine(const double *a, const double *b, size_t width) {
  double product = 0, squares_a = 0, squares_b = 0;
  for (size_t c = 0; c < width; c++) {
    product += a[c] * b[c];
    squares_a += a[c] * a[c];
    squares_b += b[c] * b[c];
  }
  double sizes = sqrt(squares_a) * sqrt(squares_b);
  return sizes > 0 ? product / sizes : 0;
}

/* The cosine of the mean state of tokens [from, to) with the query. */
static double cosine_of_stretch(const double *states, size_t from, size_t to, const double *query,
                                size_t width, double *mean) {
  memset(mean, 0, width * sizeof *mean);
  for (size_t i = from; i < to; i++)
    for (size_t c = 0; c < width; c++) mean[c] += states[i * width + c] / (double)(to - from);
  return cosine(mean, query, width);
}

/* Stretches around the tokens most like the query, the earlier first among equals; a token gets the
 * best that covers it, others the least possible cosine. */
static void score_windows(heta_i_session *session, size_t target, const double *states,
                          const double *query, double *mean) {
  size_t context = session->targets[target].position, width = session->model->hyper.width;
  size_t reach = number(session, "window"), anchors = number(session, "anchors");
  const double *like = heta_i_series_at(session, 0, target, 0);
  double *best = heta_i_series_at(session, 1, target, 0);
  for (size_t i = 0; i < session->length; i++) best[i] = -1;
  double last = INFINITY;
  size_t from = 0;
  for (size_t a = 0; a < anchors && a < context; a++) {
    size_t anchor = context;
    for (size_t i = 0; i < context; i++) { /* the next after (last, from) in descending order */
      if (like[i] > last || (like[i] == last && i < from)) continue;
      if (anchor == context || like[i] > like[anchor]) anchor = i;
    }
    last = like[anchor];
    from = anchor + 1;
    size_t begin = anchor > reach ? anchor - reach : 0;
    size_t end = anchor + reach + 1 < context ? anchor + reach + 1 : context;
    double value = cosine_of_stretch(states, begin, end, query, width, mean);
    for (size_t i = begin; i < end; i++)
      if (value > best[i]) best[i] = value;
  }
}

/* The target's own state before the layer: one more row behind the clean run. */
static heta_status target_state(heta_i_session *session, size_t target, size_t layer,
                                const double *states, double *out, heta_error *error) {
  size_t width = session->model->hyper.width, layers = session->model->hyper.layers;
  size_t position = session->targets[target].position;
  bool predicting = heta_i_option_is(session, "query", "predicting");
  size_t row = predicting ? position - 1 : position;
  if (row < session->length) {
    memcpy(out, states + row * width, width * sizeof *out);
    return HETA_OK;
  }
  heta_i_capture wanted = {HETA_SITE_RESIDUAL_BEFORE, layer, out};
  if (layer == layers) wanted = (heta_i_capture){HETA_SITE_RESIDUAL_AFTER, layers - 1, out};
  heta_i_lane lane = heta_i_lane_of(session->tokens, session->length + 1);
  lane.parent = session->run;
  lane.first = session->length;
  lane.captures = &wanted;
  lane.capture_count = 1;
  return session->engine->api->lanes(session->engine, &lane, 1, NULL, error);
}

static void centre(const heta_i_session *session, size_t target, const double *states,
                   double *shifted, double *query, double *mean) {
  size_t width = session->model->hyper.width, context = session->targets[target].position;
  bool wanted = heta_i_option_is(session, "centre", "mean");
  memset(mean, 0, width * sizeof *mean);
  for (size_t i = 0; i < context && wanted; i++)
    for (size_t c = 0; c < width; c++) mean[c] += states[i * width + c] / (double)context;
  for (size_t i = 0; i < context; i++)
    for (size_t c = 0; c < width; c++) shifted[i * width + c] = states[i * width + c] - mean[c];
  for (size_t c = 0; c < width; c++) query[c] -= mean[c];
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  (void)item;
  size_t width = session->model->hyper.width, n = session->length;
  double given = heta_i_option_number(session, "layer");
  size_t layer = isnan(given) ? session->model->hyper.layers / 2 : (size_t)given;
  double *states = heta_i_allocate(n * width, sizeof *states);
  double *shifted = heta_i_allocate(n * width, sizeof *shifted);
  double *query = heta_i_allocate(2 * width, sizeof *query);
  heta_status status = HETA_OK;
  if (!states || !shifted || !query) {
    status = heta_i_no_memory(error, "states", 2 * n * width * sizeof *states);
    goto done;
  }
  double *mean = query + width;
  HETA_GO(heta_i_states(session, layer, states, error));
  for (size_t t = 0; t < session->target_count; t++) {
    HETA_GO(target_state(session, t, layer, states, query, error));
    centre(session, t, states, shifted, query, mean);
    double *like = heta_i_series_at(session, 0, t, 0), *window = heta_i_series_at(session, 1, t, 0);
    for (size_t i = 0; i < n; i++)
      window[i] = like[i] =
          i < session->targets[t].position ? cosine(shifted + i * width, query, width) : 0;
    if (number(session, "window")) score_windows(session, t, shifted, query, mean);
  }
done:
  heta_i_free(states);
  heta_i_free(shifted);
  heta_i_free(query);
  return status;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* components[1] is free while the median is sought in it. */
static double median(const double *values, size_t length, double *scratch) {
  for (size_t i = 0; i < length; i++) {
    if (isnan(values[i])) return NAN;
    scratch[i] = values[i];
  }
  qsort(scratch, length, sizeof *scratch, ascending);
  return length % 2 ? scratch[length / 2] : (scratch[length / 2 - 1] + scratch[length / 2]) / 2;
}

static bool finish(const heta_i_session *session, size_t target, size_t length,
                   heta_i_numbers *to) {
  const double *like = heta_i_series_at(session, 0, target, 0);
  const double *window = heta_i_series_at(session, 1, target, 0);
  bool taken_off = heta_i_option_is(session, "threshold", "median");
  double threshold = taken_off ? median(like, length, to->score) : 0;
  for (size_t i = 0; i < length; i++) {
    to->components[0][i] = like[i];
    to->components[1][i] = window[i];
    double above = window[i] - threshold;
    to->score[i] = above < 0 ? 0 : above;
  }
  return true;
}

const heta_i_method heta_i_method_peering = {
    .info =
        {.name = "peering",
         .summary = "likeness of hidden states: context tokens against the target",
         .about =
             "The target is read as one more token, and the score of context token i is the cosine "
             "of its state with the target's, in one layer, less the context's median cosine, or 0 "
             "when that is below 0: what the answer's tokens look like is where they may have been "
             "copied from. It measures likeness, not influence, and equal tokens are most alike. "
             "The authors choose layer and threshold for each model and published neither; the "
             "middle layer and the median are decided here. --window looks for stretches: the most "
             "alike tokens are anchors, a stretch around an anchor is scored by the cosine of its "
             "mean state, and a token gets the best stretch that covers it, less the same "
             "threshold. --centre mean takes out what all states share.",
         .source = "after Phukan et al., Peering into the Mind of Language Models, Findings of ACL "
                   "2024, which works on spans of answers; adapted to one target",
         .cost = "one forward, and one row more",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .blind = true,
    .alone = "it compares states with the state of that token",
    .component_count = 2,
    .components = {{"cosine", "cosine", true, NULL}, {"window", "cosine", true, NULL}},
    .check = check,
    .plan = plan,
    .run = run,
    .finish = finish};
