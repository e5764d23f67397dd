/* rollout.c: attention rollout. */
#include "method/method.h"

static const heta_option_info OPTIONS[] = {HETA_NORMALISE_OPTION};

static heta_status plan(heta_i_session *session, heta_error *error) {
  HETA_TRY(heta_i_add_series(session, "rollout", 1, error));
  return heta_i_add_item(session,
                         (heta_i_item){.name = "rollout",
                                       .target_end = session->row_count,
                                       .token_end = session->row_length,
                                       .sample_end = 1,
                                       .fills = 1,
                                       .forwards = 1,
                                       .flop = heta_i_flop(session, (double)session->length, 0)},
                         error);
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  (void)item;
  return heta_i_rollout(session, session->series[0].values, error);
}

const heta_i_method heta_i_method_attention_rollout = {
    .info =
        {.name = "attention-rollout",
         .summary = "attention multiplied through the layers, with the residual stream",
         .about =
             "Attention of each layer is averaged over heads and mixed half and half with the "
             "identity; the product over all layers, at the target's row, is the score. It sums "
             "to 1 and does not depend on which token is the target, only on where it stands; "
             "the first token usually takes most of it. With --joint it is the mean over the "
             "targets, "
             "each normalised over the prompt.",
         .source = "Abnar & Zuidema, Quantifying Attention Flow in Transformers, ACL 2020",
         .cost = "one forward, layers × n² operations",
         .options = OPTIONS,
         .option_count = 1},
    .blind = true,
    .joint = true,
    .component_count = 1,
    .components = {{"rollout", "fraction", true, NULL}},
    .plan = plan,
    .run = run,
    .finish = heta_i_finish_first};
