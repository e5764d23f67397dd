/* grad_cam.c: Grad-CAM over tokens: states weighted by the mean gradient of each channel. */
#include "method/inputs.h"

static const heta_option_info OPTIONS[] = {
    {"layer", NULL, HETA_OPTION_INTEGER, 0, 10000, NULL, "0",
     "the states that enter this block; 0: the token embeddings"},
    HETA_OBJECTIVE_OPTION("logit"),
    HETA_MAP_OPTION("positive"),
    HETA_NORMALISE_OPTION,
};

static size_t layer_of(const heta_i_session *session) {
  return (size_t)heta_i_option_number(session, "layer");
}

static heta_status check(const heta_i_session *session, heta_error *error) {
  return heta_i_layer_check(session, session->model->hyper.layers - 1, error);
}

static heta_status prepare(heta_i_session *session, heta_error *error) {
  (void)error;
  session->runs = layer_of(session) > 0;
  return HETA_OK;
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  double n = (double)session->length, rows = (double)session->row_count;
  HETA_TRY(heta_i_add_series(session, "cam", 1, error));
  session->bytes = 2 * sizeof(double) * session->length * session->model->hyper.width;
  return heta_i_add_item(session,
                         (heta_i_item){.name = "gradient",
                                       .target_end = session->row_count,
                                       .token_end = session->row_length,
                                       .sample_end = 1,
                                       .fills = 1,
                                       .whole = true,
                                       .forwards = layer_of(session) > 0,
                                       .reverses = session->row_count,
                                       .flop = heta_i_flop(session, n * (1 + rows),
                                                           2 * (double)session->target_count)},
                         error);
}

/* Rows behind a target's context have no gradient, and no part in the mean. */
static void weigh(heta_i_session *session, size_t target, const double *states,
                  const double *gradient) {
  size_t width = session->model->hyper.width, context = heta_i_context(session, target);
  for (size_t i = 0; i < session->row_length; i++) *heta_i_series_at(session, 0, target, i) = 0;
  for (size_t c = 0; c < width; c++) {
    double weight = 0;
    for (size_t i = 0; i < context; i++) weight += gradient[i * width + c] / (double)context;
    for (size_t i = 0; i < context; i++)
      *heta_i_series_at(session, 0, target, i) += weight * states[i * width + c];
  }
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  (void)item;
  size_t size = session->length * session->model->hyper.width, layer = layer_of(session);
  double *states = heta_i_allocate(size, sizeof *states);
  double *gradient = heta_i_allocate(size, sizeof *gradient);
  heta_i_run *later = NULL, *from = session->run;
  heta_status status = HETA_OK;
  if (!states || !gradient) {
    status = heta_i_no_memory(error, "states", 2 * size * sizeof *states);
    goto done;
  }
  if (layer) {
    HETA_GO(heta_i_states(session, layer, states, error));
    HETA_GO(heta_i_run_at(session, states, layer, &later, error));
    from = later;
  } else {
    heta_i_embeddings(session, states);
  }
  for (size_t t = 0; t < session->row_count; t++) {
    HETA_GO(heta_i_gradient_at(session, from, t, gradient, error));
    weigh(session, t, states, gradient);
  }
done:
  session->engine->api->run_free(later);
  heta_i_free(states);
  heta_i_free(gradient);
  return status;
}

const heta_i_method heta_i_method_grad_cam = {
    .info =
        {.name = "grad-cam",
         .summary = "states weighted by the mean gradient of each channel",
         .about =
             "The gradient of the target's logit is averaged over the context's rows, which gives "
             "each channel of a layer's states one weight; the signed score of token i is the "
             "weighted sum of its state, of which Grad-CAM keeps what is positive. --layer 0 takes "
             "the token embeddings, layer l the residual stream that enters block l. In late "
             "layers "
             "only the last rows have a gradient, and the score says less and less; where nothing "
             "is positive, every score is 0.",
         .source = "Selvaraju et al., Grad-CAM, ICCV 2017, with tokens in the place of pixels",
         .cost = "one forward, one reverse pass a target",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .is_signed = true,
    .joint = true,
    .component_count = 1,
    .components = {{"cam", "logit", true, NULL}},
    .check = check,
    .prepare = prepare,
    .plan = plan,
    .run = run,
    .finish = heta_i_finish_first,
    .describe = heta_i_describe_unit};
