/* test_metric_spans.c: metrics against gold spans: by hand, by all orders of small cases, at chance
 * for scores that know nothing. No model is asked. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "metric/metric.h"
#include "support/refusal.h"

enum { MOST = 64 };

static heta_evaluator *evaluator;

static int open_evaluator(void **state) {
  (void)state;
  return heta_evaluator_open(NULL, NULL, &evaluator, NULL);
}

static int close_evaluator(void **state) {
  (void)state;
  heta_evaluator_close(evaluator);
  return 0;
}

static double judge(const heta_scored *scored, const char *metric, const char *measure) {
  heta_error error = {0};
  const heta_measure *measures;
  if (heta_evaluate(evaluator, metric, scored, &measures, &error)) fail_msg("%s", error.message);
  for (size_t m = 0; m < heta_metric_find(metric)->measure_count; m++)
    if (!strcmp(measures[m].info->name, measure)) return *measures[m].values;
  fail_msg("%s has no measure %s", metric, measure);
  return NAN;
}

static heta_scored scored_of(const double *score, size_t length, const bool *gold,
                             const bool *distractor, const bool *support) {
  return (heta_scored){.struct_size = sizeof(heta_scored),
                       .length = length,
                       .score = score,
                       .gold = gold,
                       .distractor = distractor,
                       .support = support};
}

static void by_hand(void **state) {
  (void)state;
  const double score[] = {5, 1, 4, 3, 0, 2};
  const bool gold[] = {false, false, true, false, false, true};
  const bool bait[] = {true, true, false, false, false, false};
  const bool support[] = {false, false, true, true, false, true};
  heta_scored s = scored_of(score, 6, gold, bait, support);
  assert_true(judge(&s, "alignment", "f1") == 0.5); /* 0 and 2 are the strongest two */
  assert_true(fabs(judge(&s, "alignment", "average_precision") - (1 / 2.0 + 2 / 4.0) / 2) < 1e-15);
  assert_true(judge(&s, "alignment", "hit_at_1") == 0);
  assert_true(judge(&s, "alignment", "hit_at_5") == 1);
  assert_true(fabs(judge(&s, "span", "span_f1") - 2.0 / 3) < 1e-15); /* 0, 2, 3 for 2, 3, 5 */
  assert_true(judge(&s, "span", "span_f1_chance") == 0.5);
  /* 5 + 4 of 15: tokens 0 and 2 hold half of the mass, and one of them lies in the three. */
  assert_true(judge(&s, "span", "span_half_precision") == 0.5);
  assert_true(fabs(judge(&s, "span", "span_half_recall") - 1.0 / 3) < 1e-15);
  assert_true(fabs(judge(&s, "span", "span_half_f1") - 2 * 1.0 / 5) < 1e-15);
  assert_true(fabs(judge(&s, "span", "span_half_f1_chance") - 2 * 1.0 / 5) < 1e-15);
  assert_true(fabs(judge(&s, "alignment", "gold_mass") - 6 / 15.0) < 1e-15);
  /* Segments 0-1 and 2, 3, 5: their sum is 15; gold 6, distractor 6. */
  assert_true(fabs(judge(&s, "dsa", "dsa")) < 1e-15);
  assert_true(judge(&s, "dsa", "dsa_uniform") == 0);
  s.support = NULL; /* then the evidence is its segment */
  assert_true(fabs(judge(&s, "dsa", "dsa")) < 1e-15);
  const double low[] = {1, 1, 4, 3, 0, 2};
  s.score = low;
  assert_true(fabs(judge(&s, "dsa", "dsa") - (6 - 2) / 8.0) < 1e-15);
  /* What is set apart counts nowhere. */
  const bool apart[] = {true, false, false, false, false, false};
  s.score = score;
  s.set_apart = apart;
  assert_true(judge(&s, "alignment", "hit_at_1") == 1);
  assert_true(fabs(judge(&s, "alignment", "gold_mass") - 6 / 10.0) < 1e-15);
  /* Ranks come from signed scores, mass from the others. */
  const double turned[] = {-5, -1, -4, -3, 0, -2};
  s.signed_score = turned;
  assert_true(judge(&s, "alignment", "hit_at_1") == 0);
  assert_true(fabs(judge(&s, "alignment", "gold_mass") - 6 / 10.0) < 1e-15);
}

/* The mean over every order of a measure of untied scores. */
static double over_orders(size_t *order, size_t from, size_t count, const bool *gold,
                          const char *measure) {
  if (from == count) {
    double score[MOST];
    for (size_t i = 0; i < count; i++) score[order[i]] = (double)(count - i);
    heta_scored s = scored_of(score, count, gold, NULL, NULL);
    return judge(&s, "alignment", measure);
  }
  double sum = 0;
  for (size_t i = from; i < count; i++) {
    size_t held = order[from];
    order[from] = order[i];
    order[i] = held;
    sum += over_orders(order, from + 1, count, gold, measure) / (double)(count - from);
    order[i] = order[from];
    order[from] = held;
  }
  return sum;
}

static void equal_scores_are_the_mean_of_all_orders(void **state) {
  (void)state;
  static const char *const MEASURES[] = {"f1", "average_precision", "hit_at_1", "hit_at_5"};
  const bool gold[] = {true, false, false, true, false, false};
  const double equal[] = {1, 1, 1, 1, 1, 1};
  heta_scored s = scored_of(equal, 6, gold, NULL, NULL);
  for (size_t m = 0; m < 4; m++) {
    size_t order[] = {0, 1, 2, 3, 4, 5};
    char chance[40];
    double mean = over_orders(order, 0, 6, gold, MEASURES[m]);
    snprintf(chance, sizeof chance, "%s_chance", MEASURES[m]);
    assert_true(fabs(judge(&s, "alignment", MEASURES[m]) - mean) < 1e-12);
    assert_true(fabs(judge(&s, "alignment", chance) - mean) < 1e-12);
  }
}

static heta_scored alike(const heta_scored *of, const double *score) {
  heta_scored other = *of;
  other.score = score;
  other.signed_score = NULL;
  return other;
}

static void windows_leak_by_hand(void **state) {
  (void)state;
  const double score[] = {4, 2, 2, 2}, whole[] = {1, 1, 1, 1}, gate[] = {3, 1, 0, 0};
  const bool near[] = {false, true, true, false}, none[4] = {false};
  heta_scored s = scored_of(score, 4, NULL, NULL, NULL);
  heta_scored others[] = {alike(&s, whole), alike(&s, gate), alike(&s, whole)};
  const heta_scored *list[] = {&others[0], &others[1], &others[2]};
  heta_error error = {0};
  const heta_measure *unused;
  s.near_edge = near;
  assert_int_equal(heta_evaluate(evaluator, "leakage", &s, &unused, &error), HETA_E_ARGUMENT);
  s.others = list;
  s.other_count = 3;
  assert_true(fabs(judge(&s, "leakage", "leakage") - 2 * 0.05) < 1e-15);
  assert_true(fabs(judge(&s, "leakage", "leakage_gate") - 0.25) < 1e-15);
  assert_true(fabs(judge(&s, "leakage", "moved") - 0.5 * (0.15 + 3 * 0.05)) < 1e-15);
  assert_true(fabs(judge(&s, "leakage", "moved_gate") - 0.5) < 1e-15);
  assert_true(judge(&s, "leakage", "near_edges") == 0.5);
  s.near_edge = none;
  assert_true(isnan(judge(&s, "leakage", "leakage")));
  others[1].length = 3;
  assert_int_equal(heta_evaluate(evaluator, "leakage", &s, &unused, &error), HETA_E_ARGUMENT);
  refusal_check("another length", error.status, HETA_E_ARGUMENT, &error, HETA_NO_OFFSET,
                "others[1] has no scores of this context");
}

static void sensitivity_by_hand(void **state) {
  (void)state;
  const double same[] = {9, 2, 2}, a[] = {7, 1, 3}, b[] = {5, 3, 1}; /* the first is set apart */
  const bool apart[] = {true, false, false};
  heta_scored s = scored_of(same, 3, NULL, NULL, NULL);
  s.set_apart = apart;
  heta_scored others[] = {alike(&s, a), alike(&s, b), alike(&s, same), alike(&s, same)};
  const heta_scored *list[] = {&others[0], &others[1], &others[2], &others[3]};
  s.others = list;
  s.other_count = 4;
  double deviation = sqrt(2 * 0.25 * 0.25); /* of 1/4 and 3/4, unbiased */
  assert_true(fabs(judge(&s, "sensitivity", "sensitivity") - deviation) < 1e-15);
  assert_true(fabs(judge(&s, "sensitivity", "sensitivity_scaled") - 2 * deviation) < 1e-15);
  assert_true(judge(&s, "sensitivity", "sensitivity_relative") == 0);
  assert_true(judge(&s, "sensitivity", "sensitivity_relative_scaled") == 0);
}

static void patched_evidence_by_hand(void **state) {
  (void)state;
  const double own[] = {9, 0, 0, 0, 0, 0, 0, 0}, patched[] = {8, 7, 6, 5, 4, 0, 3, 0};
  const bool gold[] = {false, false, false, false, true, true, false, false};
  heta_scored s = scored_of(own, 8, gold, NULL, NULL), other = alike(&s, patched);
  const heta_scored *list[] = {&other};
  const int32_t foil[8] = {0};
  const size_t place[8] = {0};
  s.others = list;
  s.other_count = 1;
  s.foil_tokens = foil;
  s.foil_place = place;
  s.foil_length = 8;
  assert_true(judge(&s, "causal-pass", "pass_at_5") == 1);
  assert_true(judge(&s, "causal-pass", "pass_at_1") == 0);
  assert_true(fabs(judge(&s, "causal-pass", "pass_at_1_chance") - 2 / 8.0) < 1e-15);
  /* 1 - C(6, 5) / C(8, 5) */
  assert_true(fabs(judge(&s, "causal-pass", "pass_at_5_chance") - (1 - 6 / 56.0)) < 1e-12);
  const double late[] = {8, 7, 6, 5, 0, 0, 3, 0}; /* the fifth is 3, before the zeros */
  other.score = late;
  assert_true(judge(&s, "causal-pass", "pass_at_5") == 0);
}

static void paraphrases_by_hand(void **state) {
  (void)state;
  /* Words a, b, c, d: 1 + 4, 3, 2, 9 here and 2, 8, 1 + 1, 20 there: ranks 3 2 1 4 and 1.5 3 1.5 4.
   */
  const double own[] = {7, 1, 4, 3, 2, 9}, there[] = {8, 1, 2, 1, 20};
  const size_t none = SIZE_MAX, unit[] = {none, 0, 0, 1, 2, 3}, other_unit[] = {1, 2, 0, 2, 3};
  heta_scored s = scored_of(own, 6, NULL, NULL, NULL),
              other = scored_of(there, 5, NULL, NULL, NULL);
  const heta_scored *list[] = {&other};
  s.others = list;
  s.other_count = 1;
  s.unit = unit;
  other.unit = other_unit;
  s.unit_count = other.unit_count = 4;
  s.rank = 1;
  double expected = (0.5 * -1 + -0.5 * 0.5 + -1.5 * -1 + 1.5 * 1.5) / sqrt(5 * 4.5);
  assert_true(fabs(judge(&s, "paraphrase", "paraphrase_correlation") - expected) < 1e-14);
  assert_true(isnan(judge(&s, "paraphrase", "paraphrase_mean_correlation_answered")));
  other.rank = 1;
  /* Means 2.5, 3, 2, 9 and 2, 8, 1, 20: ranks 2 3 1 4 in both. Tokens 2 1 1 1 and 1 1 2 1. */
  assert_true(fabs(judge(&s, "paraphrase", "paraphrase_mean_correlation") - 1) < 1e-14);
  assert_true(fabs(judge(&s, "paraphrase", "paraphrase_mean_correlation_answered") - 1) < 1e-14);
  assert_true(fabs(judge(&s, "paraphrase", "paraphrase_equal") + 1 / 3.0) < 1e-14);
  assert_true(judge(&s, "paraphrase", "paraphrase_pairs") == 4);
  s.unit_count = 3;
  assert_true(isnan(judge(&s, "paraphrase", "paraphrase_correlation")));
}

static void nothing_known_is_chance(void **state) {
  (void)state;
  enum { ROUNDS = 4000, LENGTH = 24 };
  double score[LENGTH], sums[4] = {0}, equal[LENGTH];
  bool gold[LENGTH] = {false}, bait[LENGTH] = {false}, support[LENGTH] = {false};
  for (size_t i = 0; i < LENGTH; i++) {
    equal[i] = 1.0 / LENGTH;
    bait[i] = i < 13;
    support[i] = i >= 13 && i < 20;
    gold[i] = i == 15 || i == 16;
  }
  heta_scored s = scored_of(equal, LENGTH, gold, bait, support);
  assert_true(fabs(judge(&s, "dsa", "dsa_excess")) < 1e-15);
  assert_true(fabs(judge(&s, "dsa", "dsa") - (2 - 13) / 20.0) < 1e-15);
  static const char *const MEASURES[] = {"f1", "average_precision", "hit_at_5", "gold_mass"};
  s.score = score;
  for (uint32_t r = 0; r < ROUNDS; r++) {
    heta_i_uniform(1, HETA_STREAM_RANDOM_METHOD, r, 0, LENGTH, score);
    for (size_t m = 0; m < 4; m++) sums[m] += judge(&s, "alignment", MEASURES[m]) / ROUNDS;
  }
  for (size_t m = 0; m < 4; m++) {
    char chance[40];
    snprintf(chance, sizeof chance, "%s_chance", MEASURES[m]);
    double expected = judge(&s, "alignment", chance);
    if (fabs(sums[m] - expected) > 0.02) fail_msg("%s: %f, not %f", chance, sums[m], expected);
  }
}

static void refusals(void **state) {
  (void)state;
  const double score[] = {1, 2};
  const bool none[] = {false, false};
  const heta_measure *measures;
  heta_error error = {0};
  heta_scored s = scored_of(score, 2, NULL, NULL, NULL);
  refusal_check("no spans", heta_evaluate(evaluator, "alignment", &s, &measures, &error),
                HETA_E_ARGUMENT, &error, HETA_NO_OFFSET, "gold");
  s.gold = none;
  refusal_check("empty", heta_evaluate(evaluator, "alignment", &s, &measures, &error),
                HETA_E_ARGUMENT, &error, HETA_NO_OFFSET, "gold");
  refusal_check("bait", heta_evaluate(evaluator, "dsa", &s, &measures, &error), HETA_E_ARGUMENT,
                &error, HETA_NO_OFFSET, "distractor");
  refusal_check("model", heta_evaluate(evaluator, "deletion", &s, &measures, &error),
                HETA_E_ARGUMENT, &error, HETA_NO_OFFSET, "model");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(windows_leak_by_hand),
      cmocka_unit_test(sensitivity_by_hand),
      cmocka_unit_test(patched_evidence_by_hand),
      cmocka_unit_test(paraphrases_by_hand),
      cmocka_unit_test(by_hand),
      cmocka_unit_test(equal_scores_are_the_mean_of_all_orders),
      cmocka_unit_test(nothing_known_is_chance),
      cmocka_unit_test(refusals),
  };
  return cmocka_run_group_tests(tests, open_evaluator, close_evaluator);
}
