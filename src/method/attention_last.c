/* attention_last.c: what the target's row attends to in one layer. */
#include <math.h>
#include <string.h>

#include "method/inputs.h"

static const heta_option_info OPTIONS[] = {
    {"layer", NULL, HETA_OPTION_INTEGER, 0, 10000, "last", "last",
     "the block whose attention it is"},
    HETA_NORMALISE_OPTION,
};

static heta_status check(const heta_i_session *session, heta_error *error) {
  return heta_i_layer_check(session, session->model->hyper.layers - 1, error);
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  HETA_TRY(heta_i_add_series(session, "attention", 1, error));
  return heta_i_add_item(session,
                         (heta_i_item){.name = "attention",
                                       .target_end = session->target_count,
                                       .token_end = session->length,
                                       .sample_end = 1,
                                       .fills = 1,
                                       .whole = true},
                         error);
}

/* Adds a head's share of the mean to every target's row. */
static void take_head(void *context, size_t head, const double *probabilities) {
  heta_i_session *session = context;
  (void)head;
  for (size_t t = 0; t < session->target_count; t++) {
    const double *row = probabilities + (session->targets[t].position - 1) * session->length;
    double *sum = heta_i_series_at(session, 0, t, 0);
    for (size_t j = 0; j < session->length; j++)
      sum[j] += row[j] / (double)session->model->hyper.heads;
  }
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  (void)item;
  double layer = heta_i_option_number(session, "layer");
  size_t block = isnan(layer) ? session->model->hyper.layers - 1 : (size_t)layer;
  size_t size = session->target_count * session->length;
  memset(session->series[0].values, 0, size * sizeof(double));
  heta_status status =
      session->engine->api->attend(session->engine, session->run, block, take_head, session, error);
  for (size_t e = 0; status && e < size; e++) session->series[0].values[e] = NAN;
  return status;
}

const heta_i_method heta_i_method_attention_last = {
    .info = {.name = "attention-last",
             .summary = "what the target's row attends to in the last layer",
             .about =
                 "The attention probabilities of one layer, averaged over its heads, at the row "
                 "that predicts the target. They sum to 1 and do not depend on which token the "
                 "target is, only on where it stands. With a window, what it hides gets 0.",
             .source =
                 "raw attention, as in Bahdanau et al. 2015; Jain & Wallace 2019 on its limits",
             .cost = "one forward",
             .options = OPTIONS,
             .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .blind = true,
    .alone = "it reads the attention of the row that predicts it",
    .component_count = 1,
    .components = {{"attention", "fraction", true, NULL}},
    .check = check,
    .plan = plan,
    .run = run,
    .finish = heta_i_finish_first};
