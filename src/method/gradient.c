/* gradient.c: the first-order methods: gradient norm, and input × gradient. */
#include <math.h>
#include <string.h>

#include "method/method.h"

enum { NORM, PRODUCT }; /* series */

static const heta_option_info NORM_OPTIONS[] = {HETA_OBJECTIVE_OPTION("logprob"),
                                                HETA_NORMALISE_OPTION};
static const heta_option_info PRODUCT_OPTIONS[] = {
    HETA_OBJECTIVE_OPTION("logprob"), HETA_MAP_OPTION("absolute"), HETA_NORMALISE_OPTION};

static heta_status plan(heta_i_session *session, heta_error *error) {
  HETA_TRY(heta_i_add_series(session, "gradient", 1, error));
  HETA_TRY(heta_i_add_series(session, "input_x_gradient", 1, error));
  for (size_t t = 0; t < session->row_count; t++)
    HETA_TRY(heta_i_add_item(
        session,
        (heta_i_item){.name = "gradient",
                      .target = t,
                      .target_end = t + 1,
                      .token_end = session->row_length,
                      .sample_end = 1,
                      .fills = 3,
                      .reverses = 1,
                      .flop = heta_i_flop(session, (double)session->length, heta_i_heads(session))},
        error));
  return HETA_OK;
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  size_t width = session->model->hyper.width, n = session->length;
  double *gradient = heta_i_allocate(n * width, sizeof *gradient);
  double *embedding = heta_i_allocate(width, sizeof *embedding);
  heta_status status = gradient && embedding
                           ? heta_i_gradient(session, item->target, gradient, error)
                           : heta_i_no_memory(error, "a gradient", n * width * sizeof *gradient);
  for (size_t i = 0; !status && i < session->row_length; i++) {
    double squares = 0, product = 0;
    session->engine->api->embed(session->engine, &session->tokens[i], 1, embedding);
    for (size_t c = 0; c < width; c++) {
      squares += gradient[i * width + c] * gradient[i * width + c];
      product += gradient[i * width + c] * embedding[c];
    }
    *heta_i_series_at(session, NORM, item->target, i) = sqrt(squares);
    *heta_i_series_at(session, PRODUCT, item->target, i) = product;
  }
  heta_i_free(gradient);
  heta_i_free(embedding);
  return status;
}

static bool finish_product(const heta_i_session *session, size_t target, size_t length,
                           heta_i_numbers *to) {
  return heta_i_finish_series(session, PRODUCT, target, length, to);
}

static void describe_norm(const heta_i_session *session, heta_component_info *components) {
  const char *unit = heta_i_objective_unit(session);
  components[0].unit = !strcmp(unit, "nat")     ? "nat per embedding unit"
                       : !strcmp(unit, "logit") ? "logit per embedding unit"
                                                : "probability per embedding unit";
}

const heta_i_method heta_i_method_gradient_norm = {
    .info = {.name = "gradient-norm",
             .summary = "L2 norm of the gradient of the target's log-probability",
             .about =
                 "The score of token i is the L2 norm of the gradient of log P(target) (minus log "
                 "P(foil)) with respect to the token's embedding. It has no sign, and its size "
                 "falls as embeddings grow in models that normalise their input.",
             .source = "saliency, Simonyan et al. 2013; L2 norm per token",
             .cost = "one forward, one reverse pass",
             .options = NORM_OPTIONS,
             .option_count = sizeof NORM_OPTIONS / sizeof *NORM_OPTIONS},
    .joint = true,
    .component_count = 1,
    .components = {{"gradient", "nat per embedding unit", true, NULL}},
    .plan = plan,
    .run = run,
    .finish = heta_i_finish_first,
    .describe = describe_norm};

const heta_i_method heta_i_method_input_x_gradient = {
    .info =
        {.name = "input-x-gradient",
         .summary = "embedding times gradient, summed over the embedding",
         .about =
             "The signed score of token i is the sum over the embedding of x times the gradient "
             "of log P(target) (minus log P(foil)); x is the token embedding, without position. "
             "The non-negative score is its absolute value, unless --map positive.",
         .source = "Shrikumar et al. 2016",
         .cost = "one forward, one reverse pass",
         .options = PRODUCT_OPTIONS,
         .option_count = sizeof PRODUCT_OPTIONS / sizeof *PRODUCT_OPTIONS},
    .is_signed = true,
    .joint = true,
    .component_count = 1,
    .components = {{"input_x_gradient", "nat", true, NULL}},
    .plan = plan,
    .run = run,
    .finish = finish_product,
    .describe = heta_i_describe_unit};
