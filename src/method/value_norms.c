/* value_norms.c: attention weighed by what it carries: norms of the vectors that each token sends.
 */
#include <math.h>
#include <string.h>

#include "method/values.h"

static const heta_option_info OPTIONS[] = {
    {"aggregate", NULL, HETA_OPTION_CHOICE, 0, 0, "mean|rollout", "mean",
     "mean: over the layers, at the target's row; rollout: multiplied through them"},
    HETA_NORMALISE_OPTION,
};

static bool rolls(const heta_i_session *session) {
  return heta_i_option_is(session, "aggregate", "rollout");
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  const heta_i_hyper *hyper = &session->model->hyper;
  double n = (double)session->length, rows = rolls(session) ? n : (double)session->target_count;
  HETA_TRY(heta_i_add_series(session, "value_norms", 1, error));
  session->bytes = heta_i_values_bytes(session, session->length) +
                   sizeof(double) * session->length * (session->length + session->target_count);
  double projected = 2 * n * rows * (double)(hyper->heads * hyper->head_width * hyper->width);
  return heta_i_add_item(
      session,
      (heta_i_item){.name = "values",
                    .target_end = session->target_count,
                    .token_end = session->length,
                    .sample_end = 1,
                    .fills = 1,
                    .whole = true,
                    .forwards = 1,
                    .flop = heta_i_flop(session, n, 0) + projected * (double)hyper->layers},
      error);
}

/* ‖Σ_h α_ij^h v_j^h W_O^h‖₂ of the layer, for every key j of row i; sums to 1 when it is more than
 * 0.
 */
static heta_status norms_of_row(heta_i_values *values, size_t row, double *norms,
                                heta_error *error) {
  size_t n = values->session->length, width = values->session->model->hyper.width;
  double sum = 0;
  HETA_TRY(heta_i_values_sent(values, row, 1, NULL, SIZE_MAX, error));
  for (size_t j = 0; j < n; j++) {
    double squares = 0;
    for (size_t c = 0; c < width; c++)
      squares += values->sent[j * width + c] * values->sent[j * width + c];
    norms[j] = sqrt(squares);
    sum += norms[j];
  }
  for (size_t j = 0; j < n; j++) norms[j] = sum > 0 ? norms[j] / sum : j == row;
  return HETA_OK;
}

/* x ← x (½B + ½I), B the layer's norms, for every target's x; rows of B are made as they are
 * needed.
 */
static heta_status roll(heta_i_values *values, double *chains, double *norms, double *next,
                        heta_error *error) {
  const heta_i_session *session = values->session;
  size_t n = session->length, targets = session->target_count;
  memset(next, 0, targets * n * sizeof *next);
  for (size_t i = 0; i < n; i++) {
    HETA_TRY(norms_of_row(values, i, norms, error));
    for (size_t t = 0; t < targets; t++) {
      double half = 0.5 * chains[t * n + i];
      for (size_t j = 0; j <= i; j++) next[t * n + j] += half * norms[j];
      next[t * n + i] += half;
    }
  }
  memcpy(chains, next, targets * n * sizeof *next);
  return HETA_OK;
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  (void)item;
  size_t n = session->length, targets = session->target_count;
  size_t layers = session->model->hyper.layers;
  heta_i_values values = {0};
  double *norms = heta_i_allocate(n, sizeof *norms);
  double *sums = heta_i_allocate(targets * n, sizeof *sums);
  double *next = heta_i_allocate(targets * n, sizeof *next);
  heta_status status = HETA_OK;
  if (!norms || !sums || !next) {
    status = heta_i_no_memory(error, "norms of values", 2 * targets * n * sizeof *sums);
    goto done;
  }
  HETA_GO(heta_i_values_open(session, session->run, n, &values, error));
  for (size_t t = 0; t < targets && rolls(session); t++)
    sums[t * n + session->targets[t].position - 1] = 1;
  for (size_t block = layers; block-- > 0;) {
    HETA_GO(heta_i_values_read(&values, block, true, error));
    if (rolls(session)) {
      HETA_GO(roll(&values, sums, norms, next, error));
      continue;
    }
    for (size_t t = 0; t < targets; t++) {
      HETA_GO(norms_of_row(&values, session->targets[t].position - 1, norms, error));
      for (size_t j = 0; j < n; j++) sums[t * n + j] += norms[j] / (double)layers;
    }
  }
  memcpy(session->series[0].values, sums, targets * n * sizeof *sums);
done:
  heta_i_values_close(&values);
  heta_i_free(norms);
  heta_i_free(sums);
  heta_i_free(next);
  return status;
}

const heta_i_method heta_i_method_value_norms = {
    .info =
        {.name = "value-norms",
         .summary = "attention weighed by the size of what it carries",
         .about =
             "Of each layer, N_ij is the L2 norm of what token j sends to row i: the sum over "
             "heads "
             "of attention times value times output projection, with the value as the attention "
             "uses it (after the norm, with bias) and without the projection's bias, which belongs "
             "to no token. The authors give no score for a next token; decided here: the mean over "
             "the layers of N at the target's row, each layer's summing to 1; or --aggregate "
             "rollout: rows of N that sum to 1 in the place of attention in attention-rollout. "
             "Does not depend on which token the target is, only on where it stands.",
         .source = "Kobayashi et al., Attention is Not Only a Weight, EMNLP 2020",
         .cost = "one forward, n × heads values through the output projection a layer and target "
                 "(rollout: and row)",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .blind = true,
    .alone = "it follows attention back from the row that predicts it",
    .component_count = 1,
    .components = {{"value_norms", "fraction", true, NULL}},
    .plan = plan,
    .run = run,
    .finish = heta_i_finish_first};
