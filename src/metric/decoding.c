/* decoding.c: how far faithfulness moves when the token that is explained is drawn instead of the
 * most probable one. */
#include <math.h>

#include "metric/metric.h"

enum { SETTINGS = 3, KINDS = 3 }; /* the first setting is greedy; Soft-NC, Soft-NS, DSA */

/* The three of a setting's scores; NaN where they are not defined. */
static heta_status judge(heta_i_judging *j, const heta_scored *of, double *out, heta_error *error) {
  heta_i_judging other = *j;
  other.scored.score = of->score;
  other.scored.signed_score = of->signed_score;
  other.share = heta_i_judging_take(j, of->length, sizeof *other.share);
  if (!other.share) return heta_i_no_memory(error, "shares", of->length * sizeof *other.share);
  heta_i_shares(of->score, j->scored.set_apart, of->length, other.share);
  out[2] = j->scored.gold && j->scored.distractor ? heta_i_dsa(&other) : NAN;
  return heta_i_soft_of(&other, &out[0], &out[1], error);
}

static heta_status run(heta_i_judging *j, double *const *values, heta_error *error) {
  double m[SETTINGS][KINDS];
  size_t same = 0;
  for (size_t g = 0; g < SETTINGS; g++) {
    HETA_TRY(judge(j, j->scored.others[g], m[g], error));
    same += g && j->scored.others[g]->target == j->scored.others[0]->target;
  }
  for (size_t k = 0; k < KINDS; k++) {
    double change = 0;
    for (size_t g = 1; g < SETTINGS; g++) change += fabs(m[g][k] - m[0][k]) / (SETTINGS - 1);
    *values[k] = *values[KINDS + k] = change;
    *values[2 * KINDS + k] = fabs(m[0][k]);
  }
  *values[3 * KINDS] = (double)same / (SETTINGS - 1);
  return HETA_OK;
}

/* Nothing kept once, and two lanes a draw for each setting. */
static size_t lanes(const heta_metric_options *options, size_t n) {
  (void)n;
  return 1 + 2 * SETTINGS * options->draws;
}

static size_t shared(const heta_metric_options *options, size_t n) {
  (void)options, (void)n;
  return 1;
}

static const heta_i_others OTHERS = {SETTINGS, true,
                                     "the scores of the tokens that three ways of decoding write"};

static const heta_measure_info MEASURES[] = {
    {"decoding_soft_nc", "change of Soft-NC, in percent of it", -1, 1, "decoding_soft_nc_greedy",
     NULL},
    {"decoding_soft_ns", "change of Soft-NS, in percent of it", -1, 1, "decoding_soft_ns_greedy",
     NULL},
    {"decoding_dsa", "change of DSA, in percent of its size", -1, 1, "decoding_dsa_greedy", NULL},
    {"decoding_soft_nc_change", "change of Soft-NC", -1, 1, NULL, NULL},
    {"decoding_soft_ns_change", "change of Soft-NS", -1, 1, NULL, NULL},
    {"decoding_dsa_change", "change of DSA", -1, 1, NULL, NULL},
    {"decoding_soft_nc_greedy", "Soft-NC of the most probable token's scores", 0, 1, NULL, NULL},
    {"decoding_soft_ns_greedy", "Soft-NS of the most probable token's scores", 0, 1, NULL, NULL},
    {"decoding_dsa_greedy", "size of DSA of the most probable token's scores", 0, 1, NULL, NULL},
    {"decoding_same_token", "share of the draws that gave the most probable token", 0, 1, NULL,
     NULL},
};

const heta_i_metric heta_i_metric_decoding = {
    .info =
        {.name = "decoding",
         .summary = "change of Soft-NC, Soft-NS and DSA with the way of decoding; attributes again",
         .about =
             "The model writes the next token in three ways: the most probable one, one drawn "
             "from the most probable tokens that hold 0.9 of the mass (top-p), one drawn at "
             "temperature 0.8; each is attributed under the unmodified model. The change of a "
             "measure is its absolute difference from that of the most probable token, mean over "
             "the two draws, and reported as percent: the sum of the changes over the questions, "
             "divided by the sum of the measure's sizes. Nothing else can change: the attribution "
             "of a given token does not know how it was chosen, so that the change is 0 where a "
             "draw gives the most probable token (its share is beside it), for every method with "
             "fixed random numbers. One token and one draw a question; draws are the same for all "
             "methods. Soft-NC and Soft-NS are those of metric soft with the scores divided by "
             "their sum, without a control; DSA is there for questions with a distractor. The "
             "paper says neither what is compared with nor how many tokens; its other table varies "
             "54 settings.",
         .source = "HETA, table of decoding strategies (protocol not specified)",
         .needs = HETA_METRIC_NEEDS_MODEL | HETA_METRIC_NEEDS_DECODED,
         .percent = true,
         .measures = MEASURES,
         .measure_count = sizeof MEASURES / sizeof *MEASURES},
    .lanes = lanes,
    .shared = shared,
    .others = &OTHERS,
    .run = run};
