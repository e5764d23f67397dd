/* test_kept.c: weights that jobs leave with their model: one copy for all who keep them, the same
 * numbers with and without, freed when the budget of a later job knows nothing of them. */
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stay_until_the_model_is_closed), cmocka_unit_test(in_use_are_not_freed),
      cmocka_unit_test(side_by_side), cmocka_unit_test(small_budgets_keep_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
