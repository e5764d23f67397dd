/* test_student.c: intervals from few samples: Student's quantile against tables, the degrees of
 * freedom that results state, and the ties that follow from them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/attribute.h"

/* Tabulated, but for the fractions, which numerical integration of the density gave. */
static void quantiles(void **state) {
  (void)state;
  static const struct {
    double df, t, within;
  } TABLE[] = {{1, 12.7062, 1e-5},  {2, 4.3027, 0.003},    {3, 3.1824, 0.001},
               {4, 2.7764, 3e-4},   {5, 2.5706, 1e-4},     {9, 2.2622, 3e-5},
               {18, 2.1009, 3e-5},  {30, 2.0423, 3e-5},    {120, 1.9799, 3e-5},
               {1e9, 1.9600, 3e-5}, {1.25, 8.0280, 0.008}, {1.5, 6.0167, 0.007},
               {2.5, 3.5747, 0.002}};
  for (size_t k = 0; k < sizeof TABLE / sizeof *TABLE; k++) {
    double found = heta_interval_factor(TABLE[k].df);
    if (!(fabs(found / TABLE[k].t - 1) <= TABLE[k].within))
      fail_msg("df %g: %.6g, not %.6g", TABLE[k].df, found, TABLE[k].t);
  }
  const double NONE[] = {INFINITY, NAN, 0, -1, 0.5};
  for (size_t k = 0; k < sizeof NONE / sizeof *NONE; k++)
    assert_true(heta_interval_factor(NONE[k]) == 1.959963984540054);
  for (double df = 1; df < 40; df += 0.25) /* it only falls */
    assert_true(heta_interval_factor(df + 0.25) < heta_interval_factor(df));
}

/* Two standard errors and what is known of each: the largest difference that is a tie. */
static double width(double e, double e_df, double f, double f_df) {
  double sum = e * e + f * f;
  return heta_interval_factor(sum * sum / (pow(e, 4) / e_df + pow(f, 4) / f_df)) * sqrt(sum);
}

/* Each token's tie, from scores, errors and degrees of freedom, by looking for the next lower. */
static void check_ties(const char *asked, const heta_row *row) {
  for (size_t i = 0; i < row->length; i++) {
    size_t next = SIZE_MAX;
    for (size_t j = 0; j < row->length; j++)
      if (row->score[j] < row->score[i] && (next == SIZE_MAX || row->score[j] > row->score[next]))
        next = j;
    bool tied = next != SIZE_MAX &&
                row->score[i] - row->score[next] < width(row->score_se[i], row->score_df[i],
                                                         row->score_se[next], row->score_df[next]);
    if (tied != row->tied_with_next[i]) fail_msg("%s: the tie of token %zu", asked, i);
  }
}

static void degrees_of_freedom(void **state) {
  (void)state;
  static const struct {
    const char *method, *asked;
    double df; /* 0: probes less one */
  } JOBS[] = {{"heta", "probes=3", 2},
              {"heta", "probes=2", 1},
              {"heta", "probes=4 curvature=row", 3},
              {"heta", "probes=9 estimator=sketch", 3},
              {"heta", "probes=3 estimator=coded", 2},
              {"heta", "curvature=lowrank:4", 15},
              {"heta", "probes=auto max-probes=9 tolerance=0.2", 0},
              {"lime", "samples=40", 9}};
  static const char TEXT[] = "the quick brown fox jumps over";
  heta_model *model = fixture_model("llama-gqa");
  size_t jobs = getenv("HETA_TEST_FEW") ? 2 : sizeof JOBS / sizeof *JOBS;
  for (size_t k = 0; k < jobs; k++) {
    heta_attribute_options options = attribute_options(&FIXTURE_KINDS[0], JOBS[k].asked);
    options.method = JOBS[k].method;
    heta_job *job = attribute_job(model, TEXT, sizeof TEXT - 1, &options);
    const heta_row *row = &attribute_run(job)->rows[0];
    assert_non_null(row->score_df);
    for (size_t i = 0; i < row->length; i++) {
      double wanted = JOBS[k].df > 0 ? JOBS[k].df : row->probes[i] - 1.0;
      if (row->score_df[i] != wanted)
        fail_msg("%s %s, token %zu: %g degrees of freedom, not %g", JOBS[k].method, JOBS[k].asked,
                 i, row->score_df[i], wanted);
    }
    if (!strcmp(JOBS[k].method, "heta")) check_ties(JOBS[k].asked, row); /* no equal scores */
    heta_job_free(job);
  }
  heta_attribute_options exact = attribute_options(&FIXTURE_KINDS[0], "curvature=gradsq");
  heta_job *job = attribute_job(model, TEXT, sizeof TEXT - 1, &exact);
  assert_null(attribute_run(job)->rows[0].score_df);
  heta_job_free(job);
  heta_model_close(model);
}

/* A word of several tokens: Welch's degrees of their sum, between the least and their sum. */
static void of_sums(void **state) {
  (void)state;
  static const char TEXT[] = "the quick brown fox jumps over";
  heta_model *model = fixture_model("llama-gqa");
  heta_attribute_options options = attribute_options(&FIXTURE_KINDS[0], "probes=4");
  heta_job *job = attribute_job(model, TEXT, sizeof TEXT - 1, &options);
  const heta_attribution *a = attribute_run(job);
  heta_rollup *rollup = NULL;
  size_t longer = 0;
  assert_int_equal(heta_rollup_create(a, HETA_LEVEL_WORD, &rollup, NULL), HETA_OK);
  for (size_t u = 0; u < rollup->rows[0].length; u++) {
    double squares = 0, fourths = 0;
    for (size_t i = rollup->units[u].first; i < rollup->units[u].last; i++) {
      squares += pow(a->rows[0].score_se[i], 2);
      fourths += pow(a->rows[0].score_se[i], 4) / 3;
    }
    double found = rollup->rows[0].score_df[u];
    assert_true(fabs(found / (squares * squares / fourths) - 1) < 1e-12);
    if (rollup->units[u].last - rollup->units[u].first > 1) longer += found > 3;
  }
  assert_true(longer > 0);
  heta_rollup_free(rollup);
  heta_job_free(job);
  heta_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(quantiles), cmocka_unit_test(degrees_of_freedom), cmocka_unit_test(of_sums)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
