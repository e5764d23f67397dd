/* paraphrase.c: whether the words of a text keep their ranks when it is said in other words. */
#include <math.h>

#include "metric/metric.h"

enum { LEAST_PAIRS = 4 };

enum { SUM, MEAN, TOKENS, WAYS };

/* Of each unit: the sum of its tokens' scores, their mean, and how many they are; [WAYS × units].
 */
static void read_units(const heta_scored *s, size_t units, double *out) {
  const double *by = s->signed_score ? s->signed_score : s->score;
  for (size_t u = 0; u < WAYS * units; u++) out[u] = 0;
  for (size_t i = 0; i < s->length; i++) {
    if (s->unit[i] >= units) continue;
    out[SUM * units + s->unit[i]] += by[i];
    out[TOKENS * units + s->unit[i]]++;
  }
  for (size_t u = 0; u < units; u++)
    out[MEAN * units + u] = out[SUM * units + u] / out[TOKENS * units + u];
}

static heta_status run(heta_i_judging *j, double *const *values, heta_error *error) {
  const heta_scored *s = &j->scored, *other = s->others[0];
  size_t units = s->unit_count;
  if (!s->unit || !other->unit)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "metric 'paraphrase' needs to know which words of "
                       "the two texts belong together");
  double *own = heta_i_judging_take(j, WAYS * units, sizeof *own),
         *there = heta_i_judging_take(j, WAYS * units, sizeof *there),
         *scratch = heta_i_judging_take(j, 2 * units, sizeof *scratch);
  if (!own || !there || !scratch)
    return heta_i_no_memory(error, "words", 2 * (WAYS + 1) * units * sizeof *own);
  read_units(s, units, own);
  read_units(other, units, there);
  *values[4] = (double)units;
  *values[5] = s->rank == 1 && other->rank == 1;
  *values[6] = 0;
  if (units < LEAST_PAIRS) return HETA_OK;
  *values[0] = heta_i_spearman(own + SUM * units, there + SUM * units, units, scratch);
  *values[1] = heta_i_spearman(own + TOKENS * units, there + TOKENS * units, units, scratch);
  *values[2] = heta_i_spearman(own + MEAN * units, there + MEAN * units, units, scratch);
  if (*values[5] == 1) *values[3] = *values[2];
  return HETA_OK;
}

static const heta_i_others OTHERS = {1, false, "the scores of the paraphrase"};

static const heta_measure_info MEASURES[] = {
    {"paraphrase_correlation", "rank correlation of words' scores in the text and in other words",
     1, 1, NULL, "paraphrase_equal"},
    {"paraphrase_equal", "what equal scores give: words of many tokens have many in both", 0, 1,
     NULL, NULL},
    {"paraphrase_mean_correlation", "the same of the mean over a word's tokens", 1, 1, NULL,
     "paraphrase_chance"},
    {"paraphrase_mean_correlation_answered", "that where the target is the first choice in both", 1,
     1, NULL, "paraphrase_chance"},
    {"paraphrase_pairs", "how many words are compared", 0, 1, NULL, NULL},
    {"paraphrase_answered", "whether the target is the first choice in both", 0, 1, NULL, NULL},
    {"paraphrase_chance", "what pairs drawn at random are expected to give: 0", 0, 1, NULL, NULL},
};

const heta_i_metric heta_i_metric_paraphrase = {
    .info =
        {.name = "paraphrase",
         .summary =
             "robustness between active and passive: words keep their ranks; attributes again",
         .about =
             "The paraphrase is attributed for the same target, and the words that both texts "
             "have are ranked in each: Spearman's correlation with mean ranks for ties. Compared "
             "is what was said otherwise: the texts without their common beginning and their "
             "common end (in the suite active-passive the question behind the sentence). A word is "
             "a run of letters and digits, whatever the case of a to z; it has a partner when it "
             "stands exactly once in each text before their common end, so that nothing has to be "
             "guessed, and words that "
             "one text lacks (was, by, another form of the verb) have none. A word's score is the "
             "sum over its tokens; since a word has as many of them in both texts, equal scores "
             "have a "
             "high correlation, too: that stands beside it, and the same with the mean over a "
             "word's "
             "tokens, where knowing nothing gives 0. Fewer than four pairs, and scores that are "
             "all alike, have no "
             "correlation. Beside it: the same over questions whose target is the model's first "
             "choice behind both texts. The paper leaves words, pairs and targets open.",
         .source = "HETA (alignment not specified)",
         .needs = HETA_METRIC_NEEDS_PARAPHRASE,
         .measures = MEASURES,
         .measure_count = sizeof MEASURES / sizeof *MEASURES},
    .others = &OTHERS,
    .run = run};
