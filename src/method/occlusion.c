/* occlusion.c: what changes when one token is masked. */
#include "method/method.h"

enum { KL, CHANGE, PROB }; /* series */

static const heta_option_info OPTIONS[] = {
    {"measure", NULL, HETA_OPTION_CHOICE, 0, 0, "logprob|prob|kl", "logprob",
     "the drop of the target's log-probability or probability (signed), or the KL divergence of "
     "the "
     "whole distribution"},
    HETA_MASK_OPTION,
    HETA_MAP_OPTION("positive"),
    HETA_NORMALISE_OPTION,
};

static heta_status plan(heta_i_session *session, heta_error *error) {
  HETA_TRY(heta_i_add_series(session, "kl", 1, error));
  HETA_TRY(heta_i_add_series(session, "logprob_change", 1, error));
  HETA_TRY(heta_i_add_series(session, "prob_change", 1, error));
  return heta_i_mask_items(session, 0, 1u << KL | 1u << CHANGE | 1u << PROB, 0, error);
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  return heta_i_mask_tokens(session, item, KL, CHANGE, PROB, error);
}

static bool finish(const heta_i_session *session, size_t target, size_t length,
                   heta_i_numbers *to) {
  size_t measure = heta_i_option_is(session, "measure", "kl")     ? KL
                   : heta_i_option_is(session, "measure", "prob") ? PROB
                                                                  : CHANGE;
  for (size_t i = 0; i < length; i++) {
    to->components[0][i] = *heta_i_series_at(session, CHANGE, target, i);
    to->components[1][i] = *heta_i_series_at(session, KL, target, i);
    to->components[2][i] = *heta_i_series_at(session, PROB, target, i);
    to->signed_score[i] = *heta_i_series_at(session, measure, target, i);
  }
  return true;
}

const heta_i_method heta_i_method_occlusion = {
    .info =
        {.name = "occlusion",
         .summary = "how much the target's log-probability drops when a token is masked",
         .about =
             "Every context token is masked in turn. The signed score is log P(target) (minus log "
             "P(foil)) with the token minus without it, or with --measure prob P(target) itself; "
             "the non-negative score keeps what speaks "
             "for the target and sets the rest to 0, unless --map absolute. With --measure kl the "
             "score is the KL "
             "divergence between the two distributions. With --joint both are summed over the "
             "targets.",
         .source = "Zeiler & Fergus 2014; leave-one-out",
         .cost = "n masked forwards, over rows i … n-1 only",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .is_signed = true,
    .joint = true,
    .component_count = 3,
    .components = {{"logprob_change", "nat", true, NULL},
                   {"information", "nat", true, NULL},
                   {"prob_change", "probability", true, NULL}},
    .check = heta_i_mask_check,
    .plan = plan,
    .run = run,
    .finish = finish};
