/* patch.c: metrics that cut the edges from one token into the predicting row and look at what that
 * does: Patch-Corr, Intervention@k, misattribution. */
#include <math.h>

#include "metric/metric.h"

enum { INTERVENED = 5, BLAMED = 10 };
static const double LEAST_EFFECT = 0.01; /* nats */

static heta_status run(heta_i_judging *j, double *const *values, heta_error *error) {
  const double *by = j->scored.signed_score ? j->scored.signed_score : j->scored.score;
  size_t *tokens = heta_i_judging_take(j, j->ranked, sizeof *tokens), count = 0;
  double *drop = heta_i_judging_take(j, j->ranked, sizeof *drop);
  double *score = heta_i_judging_take(j, j->ranked, sizeof *score);
  double *scratch = heta_i_judging_take(j, 2 * j->ranked, sizeof *scratch);
  if (!tokens || !drop || !score || !scratch)
    return heta_i_no_memory(error, "a ranking", 4 * j->ranked * sizeof *drop);
  for (size_t r = 0; r < j->ranked; r++) {
    if (j->order[r] + 1 == j->scored.length) continue; /* the predicting row itself */
    score[count] = by[j->order[r]];
    tokens[count++] = j->order[r];
  }
  if (!count) return HETA_OK; /* one token: nothing to compare */
  HETA_TRY(heta_i_judge_cut(j, tokens, count, drop, error));
  size_t top = count < INTERVENED ? count : INTERVENED, blamed = count < BLAMED ? count : BLAMED;
  *values[0] = heta_i_spearman(score, drop, count, scratch);
  for (size_t m = 1; m < 6; m++) *values[m] = 0;
  for (size_t i = 0; i < count; i++) {
    if (i < top) *values[1] += drop[i] / (double)top;
    *values[2] += drop[i] / (double)count;
    if (i < blamed) *values[3] += (drop[i] < LEAST_EFFECT) / (double)blamed;
    *values[4] += (drop[i] < LEAST_EFFECT) / (double)count;
    *values[5] += (drop[i] < 0) / (double)count;
  }
  return HETA_OK;
}

static size_t lanes(const heta_metric_options *options, size_t n) {
  (void)options;
  return n - 1;
}

/* Which tokens are cut does not depend on the scores. */
static size_t shared(const heta_metric_options *options, size_t n) { return lanes(options, n); }

/* Only the last row is computed again. */
static double rows(const heta_metric_options *options, size_t n) {
  return (double)lanes(options, n);
}

static const heta_measure_info MEASURES[] = {
    {"patch_correlation", "rank correlation of scores and effects of cutting a token's edges", 1, 1,
     NULL, NULL},
    {"intervention_at_5", "mean effect of the strongest five, in nats", 1, 1, NULL,
     "intervention_chance"},
    {"intervention_chance", "mean effect of all tokens, in nats", 0, 1, NULL, NULL},
    {"misattribution", "share of the strongest ten whose effect is below 0.01 nats", -1, 1, NULL,
     "misattribution_chance"},
    {"misattribution_chance", "share of all tokens whose effect is below 0.01 nats", 0, 1, NULL,
     NULL},
    {"negative_effects", "share of all tokens that speak against the target", 0, 1, NULL, NULL},
};

const heta_i_metric heta_i_metric_patching = {
    .info =
        {.name = "patching",
         .summary =
             "Patch-Corr, Intervention@5 and misattribution: edges into the last row are cut",
         .about =
             "The effect of token i is the drop of the target's log-probability when the row that "
             "predicts it may not attend to i, in any block or head; its other attention "
             "probabilities grow so that they sum to 1, and all other rows stay as they are. The "
             "paper describes patches along the edges into the target's row and leaves open what "
             "is put in their place; this is the attention knockout of the literature. Patch-Corr "
             "is the rank correlation of the scores with the effects, Intervention@5 the mean "
             "effect of the strongest five tokens, misattribution the share of the strongest ten "
             "whose effect is below 0.01 nats. The last token, whose own row predicts, is left "
             "out.",
         .source = "HETA (defined in words only); Geva et al. 2023 (attention knockout)",
         .needs = HETA_METRIC_NEEDS_MODEL,
         .measures = MEASURES,
         .measure_count = sizeof MEASURES / sizeof *MEASURES},
    .lanes = lanes,
    .shared = shared,
    .rows = rows,
    .run = run};
