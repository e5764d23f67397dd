/* spans.c: metrics that compare scores with marked evidence and need no model: F1, average
 * precision, hits, mass, DSA. Tokens of equal score count as in a random order, so that scores that
 * are all alike stand at chance. */
#include <math.h>

#include "metric/metric.h"

/* The scores as ranked: groups of equal ones. */
typedef struct group {
  size_t before, gold_before; /* tokens above it, and gold ones */
  size_t size, gold;
} group;

typedef struct ranking {
  group *groups;
  size_t group_count, tokens, gold;
} ranking;

/* gold: what counts as such. */
static heta_status rank(heta_i_judging *j, const bool *gold, ranking *r, heta_error *error) {
  const double *value = j->scored.signed_score ? j->scored.signed_score : j->scored.score;
  r->groups = heta_i_judging_take(j, j->ranked, sizeof *r->groups);
  if (!r->groups) return heta_i_no_memory(error, "ranks", j->ranked * sizeof *r->groups);
  for (size_t i = 0; i < j->ranked; i++) {
    size_t token = j->order[i];
    if (!i || value[token] != value[j->order[i - 1]])
      r->groups[r->group_count++] = (group){.before = i, .gold_before = r->gold};
    group *g = &r->groups[r->group_count - 1];
    g->size++;
    g->gold += gold[token];
    r->gold += gold[token];
  }
  r->tokens = j->ranked;
  return HETA_OK;
}

/* Expected number of gold tokens among the first k. */
static double gold_among(const ranking *r, size_t k) {
  double found = 0;
  for (size_t i = 0; i < r->group_count && r->groups[i].before < k; i++) {
    const group *g = &r->groups[i];
    size_t taken = k - g->before < g->size ? k - g->before : g->size;
    found += (double)taken * (double)g->gold / (double)g->size;
  }
  return found;
}

/* Probability that k of `size` things drawn without order are all among `size - marked` of them. */
static double all_miss(size_t size, size_t marked, size_t k) {
  double p = 1;
  for (size_t i = 0; i < k; i++) {
    if (size - marked <= i) return 0;
    p *= (double)(size - marked - i) / (double)(size - i);
  }
  return p;
}

/* Probability that a gold token is among the first k. */
static double hit(const ranking *r, size_t k) {
  for (size_t i = 0; i < r->group_count && r->groups[i].before < k; i++) {
    const group *g = &r->groups[i];
    if (!g->gold) continue;
    size_t taken = k - g->before < g->size ? k - g->before : g->size;
    return 1 - all_miss(g->size, g->gold, taken);
  }
  return 0;
}

/* Expected average precision. */
static double average_precision(const ranking *r) {
  double sum = 0;
  for (size_t i = 0; i < r->group_count; i++) {
    const group *g = &r->groups[i];
    double here = (double)g->gold / (double)g->size;
    double more = g->size > 1 ? ((double)g->gold - 1) / ((double)g->size - 1) : 0;
    for (size_t k = 1; g->gold && k <= g->size; k++)
      sum += here * ((double)g->gold_before + 1 + (double)(k - 1) * more) / (double)(g->before + k);
  }
  return sum / (double)r->gold;
}

enum { F1, F1_CHANCE, AP, AP_CHANCE, HIT_1, HIT_1_CHANCE, HIT_5, HIT_5_CHANCE, MASS, MASS_CHANCE };

static heta_status run_alignment(heta_i_judging *j, double *const *values, heta_error *error) {
  ranking r = {0};
  HETA_TRY(rank(j, j->scored.gold, &r, error));
  if (!r.gold)
    return heta_i_fail(error, HETA_E_ARGUMENT, "no token that can be ranked lies in a gold span");
  ranking chance = {.groups = &(group){.size = r.tokens, .gold = r.gold},
                    .group_count = 1,
                    .tokens = r.tokens,
                    .gold = r.gold};
  double mass = 0;
  for (size_t i = 0; i < j->scored.length; i++)
    if (j->scored.gold[i]) mass += j->share[i];
  *values[F1] = gold_among(&r, r.gold) / (double)r.gold;
  *values[F1_CHANCE] = gold_among(&chance, r.gold) / (double)r.gold;
  *values[AP] = average_precision(&r);
  *values[AP_CHANCE] = average_precision(&chance);
  *values[HIT_1] = hit(&r, 1);
  *values[HIT_1_CHANCE] = hit(&chance, 1);
  *values[HIT_5] = hit(&r, 5);
  *values[HIT_5_CHANCE] = hit(&chance, 5);
  *values[MASS] = mass;
  *values[MASS_CHANCE] = (double)r.gold / (double)r.tokens;
  return HETA_OK;
}

static size_t no_lanes(const heta_metric_options *options, size_t n) {
  (void)options, (void)n;
  return 0;
}

static const heta_measure_info ALIGNMENT[] = {
    {"f1", "F1 of the strongest tokens, as many as there are gold ones", 1, 1, NULL, "f1_chance"},
    {"f1_chance", "F1 of a random order", 0, 1, NULL, NULL},
    {"average_precision", "area under precision and recall of the gold tokens", 1, 1, NULL,
     "average_precision_chance"},
    {"average_precision_chance", "average precision of a random order", 0, 1, NULL, NULL},
    {"hit_at_1", "whether the strongest token is gold", 1, 1, NULL, "hit_at_1_chance"},
    {"hit_at_1_chance", "the same of a random order", 0, 1, NULL, NULL},
    {"hit_at_5", "whether a gold token is among the strongest five", 1, 1, NULL, "hit_at_5_chance"},
    {"hit_at_5_chance", "the same of a random order", 0, 1, NULL, NULL},
    {"gold_mass", "share of the scores that lies on gold tokens", 1, 1, NULL, "gold_mass_chance"},
    {"gold_mass_chance", "the same of equal scores", 0, 1, NULL, NULL},
};

const heta_i_metric heta_i_metric_alignment = {
    .info = {.name = "alignment",
             .summary = "F1, average precision and hits against gold spans",
             .about = "A token is gold when it overlaps a gold span. F1 takes as many of the "
                      "strongest tokens as there are gold ones, so that precision, recall and F1 "
                      "are one number. Tokens of equal score count as in a random order. Beside "
                      "each measure stands what a random order is expected to give.",
             .source = "HETA (F1); average precision and hits are standard",
             .needs = HETA_METRIC_NEEDS_GOLD,
             .measures = ALIGNMENT,
             .measure_count = sizeof ALIGNMENT / sizeof *ALIGNMENT},
    .lanes = no_lanes,
    .run = run_alignment};

/* ---- Span-F1 -------------------------------------------------------------------------------- */

static double f1_of(double found, size_t chosen, size_t marked) {
  return 2 * found / (double)(chosen + marked);
}

static heta_status run_span(heta_i_judging *j, double *const *values, heta_error *error) {
  const bool *span = j->scored.support ? j->scored.support : j->scored.gold;
  ranking r = {0};
  HETA_TRY(rank(j, span, &r, error));
  if (!r.gold)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "no token that can be ranked lies in the supporting span");
  double mass = 0, part = (double)r.gold / (double)r.tokens;
  size_t half = 0; /* the strongest tokens that together hold half of the mass */
  for (; half < j->ranked && mass < 0.5; half++) mass += j->share[j->order[half]];
  double found = gold_among(&r, half);
  *values[0] = gold_among(&r, r.gold) / (double)r.gold;
  *values[1] = part;
  *values[2] = f1_of(found, half, r.gold);
  *values[3] = f1_of(part * (double)half, half, r.gold);
  *values[4] = found / (double)half;
  *values[5] = found / (double)r.gold;
  return HETA_OK;
}

static const heta_measure_info SPAN[] = {
    {"span_f1", "F1 of the strongest tokens, as many as the supporting span has", 1, 1, NULL,
     "span_f1_chance"},
    {"span_f1_chance", "the same of a random order", 0, 1, NULL, NULL},
    {"span_half_f1", "F1 of the strongest tokens that together hold half of the mass", 1, 1, NULL,
     "span_half_f1_chance"},
    {"span_half_f1_chance", "F1 of as many tokens drawn at random", 0, 1, NULL, NULL},
    {"span_half_precision", "how much of those lies in the span", 1, 1, NULL, "span_f1_chance"},
    {"span_half_recall", "how much of the span they cover", 0, 1, NULL, NULL},
};

const heta_i_metric heta_i_metric_span = {
    .info = {.name = "span",
             .summary = "Span-F1 against the segment that supports the answer",
             .about = "Tokens that overlap a span of the role support (or gold, where there is "
                      "none) against those a method selects. The paper leaves open how many: as "
                      "many as the span has, and the strongest that together hold half of the "
                      "mass. Scores are those of the target's first token. Tokens of "
                      "equal score count as in a random order.",
             .source = "HETA (selection not specified)",
             .needs = HETA_METRIC_NEEDS_GOLD,
             .measures = SPAN,
             .measure_count = sizeof SPAN / sizeof *SPAN},
    .lanes = no_lanes,
    .run = run_span};

/* ---- Causal Pass@k --------------------------------------------------------------------------- */

static heta_status run_causal(heta_i_judging *j, double *const *values, heta_error *error) {
  const heta_scored *s = j->scored.others[0];
  heta_i_judging patched = *j;
  ranking r = {0};
  if (!s->gold) return heta_i_fail(error, HETA_E_ARGUMENT, "metric 'causal-pass' needs gold spans");
  patched.scored = *s;
  patched.order = heta_i_judging_take(j, s->length, sizeof *patched.order);
  if (!patched.order) return heta_i_no_memory(error, "ranks", s->length * sizeof *patched.order);
  patched.ranked = heta_i_rank(s->signed_score ? s->signed_score : s->score, s->set_apart,
                               s->length, patched.order);
  HETA_TRY(rank(&patched, s->gold, &r, error));
  if (!r.gold)
    return heta_i_fail(error, HETA_E_ARGUMENT, "no token that can be ranked lies in a gold span");
  ranking chance = {.groups = &(group){.size = r.tokens, .gold = r.gold},
                    .group_count = 1,
                    .tokens = r.tokens,
                    .gold = r.gold};
  *values[0] = hit(&r, 5);
  *values[1] = hit(&chance, 5);
  *values[2] = hit(&r, 1);
  *values[3] = hit(&chance, 1);
  return HETA_OK;
}

static const heta_i_others CAUSAL_OTHERS = {
    1, true, "the scores of the context with the foil, patched with values of the answer's"};

static const heta_measure_info CAUSAL[] = {
    {"pass_at_5", "whether a patched token is among the strongest five", 1, 1, NULL,
     "pass_at_5_chance"},
    {"pass_at_5_chance", "the same of a random order", 0, 1, NULL, NULL},
    {"pass_at_1", "whether the strongest token is a patched one", 1, 1, NULL, "pass_at_1_chance"},
    {"pass_at_1_chance", "the same of a random order", 0, 1, NULL, NULL},
};

const heta_i_metric heta_i_metric_causal_pass = {
    .info =
        {.name = "causal-pass",
         .summary = "Causal Pass@5: evidence that is patched in is found; attributes again",
         .about =
             "The context with the foil in the answer's place is the distractor. In its middle "
             "block (half of all, rounded down) and all heads, the value vectors of the gold "
             "span are those of the context with the answer; the answer is attributed in this "
             "patched model, every pass of the method being patched alike. A method passes "
             "when one of the patched tokens is among its five strongest; beside it stands "
             "what a random order gives. A token that a method removes takes its patched "
             "values with it. Both contexts must have the same tokens but for answer and foil, "
             "one for one; other questions have no value. The paper leaves the block, the "
             "contexts and k's chance open. Methods whose altered inputs have no patched "
             "values (ig, dig, deeplift, contextcite, attributive-mask) have none, and say why. "
             "Causal tracing, whose ranking is the paper's oracle, brings a token's patched "
             "values back with its state.",
         .source = "HETA (defined in words only)",
         .needs = HETA_METRIC_NEEDS_GOLD | HETA_METRIC_NEEDS_FOIL | HETA_METRIC_NEEDS_PATCHED,
         .measures = CAUSAL,
         .measure_count = sizeof CAUSAL / sizeof *CAUSAL},
    .lanes = no_lanes,
    .others = &CAUSAL_OTHERS,
    .run = run_causal};

/* ---- DSA ------------------------------------------------------------------------------------ */

/* *uniform: what equal scores give. */
static double dsa_of(const heta_i_judging *j, double *uniform) {
  const heta_scored *s = &j->scored;
  const bool *support = s->support ? s->support : s->gold;
  double gold = 0, bait = 0, all = 0;
  size_t gold_tokens = 0, bait_tokens = 0, tokens = 0;
  for (size_t i = 0; i < s->length; i++) {
    if (heta_i_is_apart(j, i) || !(support[i] || s->gold[i] || s->distractor[i])) continue;
    all += s->score[i];
    tokens++;
    gold += s->gold[i] ? s->score[i] : 0;
    gold_tokens += s->gold[i];
    bait += s->distractor[i] ? s->score[i] : 0;
    bait_tokens += s->distractor[i];
  }
  if (!gold_tokens || !bait_tokens) return NAN;
  *uniform = ((double)gold_tokens - (double)bait_tokens) / (double)tokens;
  return all > 0 ? (gold - bait) / all : *uniform;
}

double heta_i_dsa(const heta_i_judging *j) {
  double uniform;
  return dsa_of(j, &uniform);
}

static heta_status run_dsa(heta_i_judging *j, double *const *values, heta_error *error) {
  double uniform, value = dsa_of(j, &uniform);
  if (isnan(value))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "no token lies in a gold span, or none in a distractor span");
  *values[0] = value;
  *values[1] = value - uniform;
  *values[2] = uniform;
  return HETA_OK;
}

static const heta_measure_info DSA[] = {
    {"dsa", "share of the scores on the evidence, minus that on the distracting segment", 1, 1,
     NULL, "dsa_uniform"},
    {"dsa_excess", "the same, minus what equal scores give", 1, 1, NULL, NULL},
    {"dsa_uniform", "what equal scores give", 0, 1, NULL, NULL},
};

const heta_i_metric heta_i_metric_dsa = {
    .info = {.name = "dsa",
             .summary = "Dependent Sentence Attribution: evidence against a distracting segment",
             .about = "The sum of the scores on gold tokens minus that on the distracting segment, "
                      "divided by the sum over both segments (support and distractor), so between "
                      "-1 and 1: the definition of the paper's appendix. Question and other text "
                      "do not count. Segments differ in length, so that equal scores do not give "
                      "0; the excess over what they give does.",
             .source = "HETA, appendix",
             .needs = HETA_METRIC_NEEDS_GOLD | HETA_METRIC_NEEDS_DISTRACTOR,
             .measures = DSA,
             .measure_count = sizeof DSA / sizeof *DSA},
    .lanes = no_lanes,
    .run = run_dsa};
