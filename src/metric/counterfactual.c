/* counterfactual.c: CF-AOPC: the answer in the text is replaced by a foil, and tokens are removed
 * in the order of scores that were made for the answer. */
#include <math.h>

#include "base/random.h"
#include "metric/metric.h"

/* Marks in variant b the foil context's tokens whose place is among the first counts[b] of an
 * order.
 */
static void remove_first(const heta_i_judging *j, const size_t *order, const size_t *counts,
                         bool *removed) {
  const heta_scored *s = &j->scored;
  for (size_t b = 0; b < HETA_AOPC_BINS; b++)
    for (size_t i = 0; i < s->foil_length; i++)
      for (size_t r = 0; r < counts[b]; r++)
        removed[b * s->foil_length + i] |= order[r] == s->foil_place[i];
}

/* A shuffle of the tokens that may be removed, the same for all scores. */
static void shuffle(const heta_i_judging *j, size_t draw, double *u, size_t *order) {
  size_t count = 0;
  for (size_t i = 0; i < j->scored.length; i++)
    if (!heta_i_is_apart(j, i)) order[count++] = i;
  heta_i_uniform(j->options->seed, HETA_STREAM_ORDER, 0, (uint32_t)draw, count, u);
  for (size_t i = count; i > 1; i--) {
    size_t other = (size_t)(u[i - 1] * (double)i), held = order[i - 1];
    order[i - 1] = order[other];
    order[other] = held;
  }
}

enum { AOPC, CHANCE, RELATIVE, ANSWERED, PROBABILITY, FIRST };

static heta_status run(heta_i_judging *j, double *const *values, heta_error *error) {
  size_t draws = j->options->draws, variants = (1 + draws) * HETA_AOPC_BINS;
  size_t counts[HETA_AOPC_BINS], n = j->scored.foil_length;
  bool *removed = heta_i_judging_take(j, variants * n, sizeof *removed);
  double *logprob = heta_i_judging_take(j, variants, sizeof *logprob);
  double *u = heta_i_judging_take(j, j->scored.length, sizeof *u);
  size_t *order = heta_i_judging_take(j, j->scored.length, sizeof *order);
  heta_i_judging foil;
  if (!removed || !logprob || !u || !order)
    return heta_i_no_memory(error, "variants", variants * n);
  HETA_TRY(heta_i_judge_foil(j, &foil, error));
  heta_i_aopc_counts(j->ranked, counts);
  remove_first(j, j->order, counts, removed);
  for (size_t d = 0; d < draws; d++) {
    shuffle(j, d, u, order);
    remove_first(j, order, counts, removed + (1 + d) * HETA_AOPC_BINS * n);
  }
  heta_i_prediction prediction = {.logprob = logprob};
  HETA_TRY(heta_i_judge_removed(&foil, variants, removed, &prediction, error));
  double p = exp(foil.clean_logprob);
  *values[AOPC] = *values[CHANCE] = 0;
  for (size_t v = 0; v < variants; v++) {
    double drop = (p - exp(logprob[v])) / (HETA_AOPC_BINS + 1);
    if (v < HETA_AOPC_BINS)
      *values[AOPC] += drop;
    else
      *values[CHANCE] += drop / (double)draws;
  }
  *values[RELATIVE] = p > 0 ? *values[AOPC] / p : NAN;
  if (foil.clean_first) *values[ANSWERED] = *values[AOPC];
  *values[PROBABILITY] = p;
  *values[FIRST] = foil.clean_first;
  return HETA_OK;
}

static size_t lanes(const heta_metric_options *options, size_t n) {
  (void)n;
  return 1 + (1 + options->draws) * HETA_AOPC_BINS; /* one: the clean run of the other context */
}

static size_t shared(const heta_metric_options *options, size_t n) {
  return lanes(options, n) - HETA_AOPC_BINS;
}

static const heta_measure_info MEASURES[] = {
    {"cf_aopc", "mean drop of the foil's probability in its own text without the strongest tokens",
     1, 1, NULL, "cf_aopc_chance"},
    {"cf_aopc_chance", "the same of random orders", 0, 1, NULL, NULL},
    {"cf_aopc_relative", "CF-AOPC divided by the foil's probability in its text", 1, 1, NULL, NULL},
    {"cf_aopc_answered", "CF-AOPC where the foil is then the model's first choice", 1, 1, NULL,
     NULL},
    {"cf_probability", "the foil's probability in its text", 0, 1, NULL, NULL},
    {"cf_answered", "whether the foil is the model's first choice there", 0, 1, NULL, NULL},
};

const heta_i_metric heta_i_metric_counterfactual = {
    .info =
        {.name = "counterfactual",
         .summary = "CF-AOPC: AOPC of a foil that was put in the answer's place, in the same order",
         .about =
             "The answer within its evidence is replaced by the foil, which becomes the target. "
             "Tokens are removed in the order of the scores that were made for the answer, each "
             "with what stands in its place; the drops of the foil's probability at 1, 5, 10, 20 "
             "and 50 % (rounded down) are summed and divided by 6, as for aopc. The paper asks for "
             "\"the method's ranking\" and leaves open of which text: this is the ranking of the "
             "original, so that a method scores when it found where the answer is read, and no "
             "attribution is repeated. A foil of another number of tokens is laid out over the "
             "answer's. cf_aopc_answered leaves out the questions whose foil the model does not "
             "give. Chance: orders drawn at random, as many as draws.",
         .source = "HETA (defined in words only)",
         .needs = HETA_METRIC_NEEDS_MODEL | HETA_METRIC_NEEDS_FOIL,
         .measures = MEASURES,
         .measure_count = sizeof MEASURES / sizeof *MEASURES},
    .lanes = lanes,
    .shared = shared,
    .run = run};
