/* test_kept.c: weights that jobs leave with their model: one copy for all who keep them, the same
 * numbers with and without, freed when the budget of a later job knows nothing of them; engine and
 * clean run that one job hands to the next. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/attribute.h"

enum { SIDE_BY_SIDE = 4, ROUNDS = 3 };

static const char TEXT[] = "the cat sat";

static heta_attribute_options options_of(const fixture_kind *kind, bool keep) {
  heta_attribute_options o = attribute_options(kind, "probes=2");
  o.keep_weights = keep;
  return o;
}

static heta_job *job_of(const heta_model *model, const fixture_kind *kind, bool keep) {
  heta_attribute_options o = options_of(kind, keep);
  return attribute_job(model, TEXT, strlen(TEXT), &o);
}

static const heta_i_kept_slot *slot_of(const heta_model *model, const fixture_kind *kind) {
  return &model->kept->slot[kind->precision == HETA_PRECISION_F32 ? HETA_KEPT_F32 : HETA_KEPT_F64];
}

static void stay_until_the_model_is_closed(void **state) {
  (void)state;
  for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++) {
    heta_model *model = fixture_model("llama-gqa"), *other = fixture_model("llama-gqa");
    const heta_i_kept_slot *slot = slot_of(model, kind);
    heta_job *alone = job_of(other, kind, false);
    attribute_run(alone);
    assert_null(slot_of(other, kind)->weights);
    const void *first = NULL;
    for (size_t i = 0; i < ROUNDS; i++) {
      heta_job *job = job_of(model, kind, true);
      attribute_run(job);
      assert_int_equal(slot->users, 1);
      assert_non_null(slot->weights);
      if (first) assert_ptr_equal(slot->weights, first);
      first = slot->weights;
      attribute_same("kept weights", alone, job);
      heta_job_free(job);
      assert_int_equal(slot->users, 0);
    }
    heta_job *forgets = job_of(model, kind, false);
    attribute_run(forgets);
    assert_null(slot->weights);
    attribute_same("after dropping", alone, forgets);
    heta_job_free(forgets);
    heta_job_free(alone);
    heta_model_close(model);
    heta_model_close(other);
  }
}

/* A job that does not keep them leaves those alone that another one reads. */
static void in_use_are_not_freed(void **state) {
  (void)state;
  const fixture_kind *kind = &FIXTURE_KINDS[0];
  heta_model *model = fixture_model("llama-gqa");
  heta_job *reader = job_of(model, kind, true), *other = job_of(model, kind, false);
  attribute_run(reader);
  attribute_run(other);
  assert_int_equal(slot_of(model, kind)->users, 1);
  assert_non_null(slot_of(model, kind)->weights);
  heta_job_free(other);
  heta_job_free(reader);
  heta_model_close(model);
}

static void *run_one(void *untyped) {
  heta_error error = {0};
  heta_status *status = heta_i_allocate(1, sizeof *status);
  if (status) *status = heta_job_run(untyped, &error);
  return status;
}

static void side_by_side(void **state) {
  (void)state;
  const fixture_kind *kind = &FIXTURE_KINDS[0];
  heta_model *model = fixture_model("llama-gqa");
  heta_job *jobs[SIDE_BY_SIDE];
  pthread_t threads[SIDE_BY_SIDE];
  for (size_t i = 0; i < SIDE_BY_SIDE; i++) jobs[i] = job_of(model, kind, true);
  for (size_t i = 0; i < SIDE_BY_SIDE; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, run_one, jobs[i]), 0);
  for (size_t i = 0; i < SIDE_BY_SIDE; i++) {
    void *status = NULL;
    pthread_join(threads[i], &status);
    assert_non_null(status);
    assert_int_equal(*(heta_status *)status, HETA_OK);
    heta_i_free(status);
  }
  assert_int_equal(slot_of(model, kind)->users, SIDE_BY_SIDE);
  for (size_t i = 1; i < SIDE_BY_SIDE; i++) attribute_same("side by side", jobs[0], jobs[i]);
  for (size_t i = 0; i < SIDE_BY_SIDE; i++) heta_job_free(jobs[i]);
  assert_int_equal(slot_of(model, kind)->users, 0);
  heta_model_close(model);
}

/* Panels are made from the file: nothing is kept, and nothing that is kept is read. */
static void small_budgets_keep_nothing(void **state) {
  (void)state;
  const fixture_kind *kind = &FIXTURE_KINDS[0];
  heta_model *model = fixture_model("llama-gqa");
  heta_job *first = job_of(model, kind, true), *second = job_of(model, kind, true);
  attribute_run(first);
  second->settings.expand = false;
  attribute_run(second);
  attribute_same("panels", first, second);
  heta_job_free(first);
  heta_job *third = job_of(model, kind, true);
  third->settings.expand = false;
  attribute_run(third);
  assert_null(slot_of(model, kind)->weights);
  heta_job_free(second);
  heta_job_free(third);
  heta_model_close(model);
}

static heta_job *job_about(const heta_model *model, const char *method, const char *text,
                           const char *target) {
  heta_attribute_options o = attribute_options(&FIXTURE_KINDS[0], NULL);
  o.method = method;
  o.target = target ? HETA_TARGET_TEXT : HETA_TARGET_NEXT;
  o.target_text = target;
  return attribute_job(model, text, strlen(text), &o);
}

static void next_job_takes_what_is_open(void **state) {
  (void)state;
  static const struct {
    const char *method, *text, *target;
    bool lends, takes; /* the run: whether it is kept for the job, and whether it is the job's */
  } CASES[] = {{"occlusion", TEXT, " on", true, true},
               {"heta", TEXT, " on", true, true},
               {"occlusion", "the cat hid", " on", true, false},
               {"occlusion", "the cat in it", " on", false, false},
               {"gradient-norm", TEXT, " on a", false, false},
               {"ig", TEXT, NULL, false, false}};
  heta_model *model = fixture_model("llama-gqa");
  for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
    heta_job *alone = job_about(model, CASES[c].method, CASES[c].text, CASES[c].target);
    attribute_run(alone);
    heta_job *before = job_about(model, "gradient-norm", TEXT, " on");
    heta_job *job = job_about(model, CASES[c].method, CASES[c].text, CASES[c].target);
    attribute_run(before);
    const heta_i_run *run = before->session.run;
    heta_job_reuse(job, before);
    assert_null(before->session.engine);
    heta_job_free(before);
    if (CASES[c].lends != (job->lent == run)) fail_msg("case %zu: lent %d", c, !CASES[c].lends);
    attribute_run(job);
    if (CASES[c].takes) assert_ptr_equal(job->session.run, run);
    assert_null(job->lent);
    attribute_same(CASES[c].method, alone, job);
    heta_job_free(job);
    heta_job_free(alone);
  }
  heta_model_close(model);
}

/* What was lent and never used is freed; a job whose engine was taken begins anew. */
static void lent_and_left(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_job *first = job_about(model, "occlusion", TEXT, " on");
  heta_job *second = job_about(model, "heta", TEXT, " on");
  attribute_run(first);
  heta_job_reuse(second, first);
  heta_job_free(second);
  heta_job_reuse(NULL, first);
  heta_job_reuse(first, NULL);
  attribute_run(first);
  heta_job *again = job_about(model, "occlusion", TEXT, " on");
  attribute_run(again);
  attribute_same("ran anew", first, again);
  heta_job_reuse(NULL, again);
  assert_null(again->session.engine);
  heta_job_free(again);
  heta_job_free(first);
  heta_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(stay_until_the_model_is_closed),
                                     cmocka_unit_test(in_use_are_not_freed),
                                     cmocka_unit_test(side_by_side),
                                     cmocka_unit_test(small_budgets_keep_nothing),
                                     cmocka_unit_test(next_job_takes_what_is_open),
                                     cmocka_unit_test(lent_and_left)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
