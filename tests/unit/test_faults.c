/* test_faults.c: every allocation of a whole job fails in turn, once and from then on: the call
 * says so, nothing is leaked, and where it failed once, going on gives the bits of the undisturbed
 * job.
 *
 * So do those of reading a stored result and of taking over a partial one.
 *
 * The program is linked so that the library's calls of aligned_alloc and free come here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/attribute.h"

void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *block);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *block);

static atomic_long calls, live; /* allocations asked for, blocks not freed */
static atomic_long failing;     /* the call that fails, from 1 on; 0: none */
static atomic_bool sticky;      /* and all after it */
static bool json_too;           /* whether Jansson's allocations count and fail as well */

static bool refused(void) {
  long call = ++calls, at = failing;
  return at && (call == at || (sticky && call > at));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
  void *block = refused() ? NULL : __real_aligned_alloc(alignment, size);
  if (block) live++;
  return block;
}

/* What Jansson, which the library reads JSON with, asks for. */
static void *json_allocate(size_t size) {
  void *block = json_too && refused() ? NULL : malloc(size);
  if (block) live++;
  return block;
}

void __wrap_free(void *block) {
  if (block) live--;
  __real_free(block);
}

static void json_release(void *block) { __wrap_free(block); }

static void fail_at(long call, bool from_then_on) {
  calls = 0;
  sticky = from_then_on;
  failing = call;
}

/* ---- One whole job --------------------------------------------------------------------------- */

/* Text that a report is written to: long enough for the results of these tests. */
typedef struct text {
  char bytes[1 << 16];
  size_t size;
} text;

static int keep(void *context, const void *bytes, size_t size) {
  text *t = context;
  if (size > sizeof t->bytes - t->size) return 1;
  memcpy(t->bytes + t->size, bytes, size);
  t->size += size;
  return 0;
}

/* What a call returned, with the sentence it left. */
static void check_refusal(heta_status status, const heta_error *error, long at) {
  if (status != HETA_E_MEMORY) {
    fail_msg("allocation %ld: %s: %s", at, heta_status_name(status), error->message);
  }
  assert_true(strlen(error->message) > 20);
}

/* Opens, plans, runs and reports, by the method that stands before the options. again: a job whose
 * run failed is run once more. Returns the first failure, and the report in `out` when there is
 * one. */
static heta_status whole_job(const char *question, bool again, long at, text *out) {
  char file[512], name[32];
  size_t length = strcspn(question, " ");
  heta_error error = {0};
  heta_model *model = NULL;
  heta_job *job = NULL;
  const heta_attribution *result;
  heta_attribute_options options =
      attribute_options(&FIXTURE_KINDS[2], question + length + (question[length] == ' '));
  snprintf(name, sizeof name, "%.*s", (int)length, question);
  options.method = name;
  options.target = HETA_TARGET_TEXT;
  options.target_text = "in";
  snprintf(file, sizeof file, "%s/data/tiny/llama-gqa.gguf", HETA_TESTS_DIR);
  out->size = 0;
  heta_status first = heta_model_open(file, &model, &error), status = first;
  if (!status) first = status = heta_job_create(model, "the cat", 7, &options, &job, &error);
  if (!status) first = status = heta_job_run(job, &error);
  if (status == HETA_E_MEMORY && job && again) {
    failing = 0;
    status = heta_job_run(job, &error);
    if (status) fail_msg("allocation %ld: running again: %s", at, error.message);
  }
  if (!status) {
    status = heta_job_get_result(job, &result, &error);
    if (!status) status = heta_report_write(result, "json", NULL, keep, out, &error);
    if (!first) first = status;
  }
  if (first) check_refusal(first, &error, at);
  heta_job_free(job);
  heta_model_close(model);
  return first;
}

/* The report up to what may differ between equal runs. */
static size_t essence(const text *t) {
  static const char timing[] = "\"timing\"";
  for (size_t i = 0; i + sizeof timing <= t->size; i++) {
    if (memcmp(t->bytes + i, timing, sizeof timing - 1) == 0) return i;
  }
  return 0;
}

/* The first job of the process, which is refused the room for the kernels among others: each next
 * one gets one block more, until it has all. */
static void first_job(void **state) {
  static text out;
  (void)state;
  long before = live, at = 0;
  heta_status status = HETA_E_MEMORY;
  while (status == HETA_E_MEMORY) {
    fail_at(++at, true);
    status = whole_job("gradient-norm", false, at, &out);
    if (live != before) fail_msg("allocation %ld: %ld blocks are leaked", at, live - before);
  }
  failing = 0;
  assert_int_equal(status, HETA_OK);
  assert_true(at > 50);
}

static void every_allocation(void **state) {
  static text undisturbed, out;
  const char *options = *state;
  fail_at(0, false);
  long before = live;
  assert_int_equal(whole_job(options, false, 0, &undisturbed), HETA_OK);
  long all = calls;
  assert_true(all > 50 && essence(&undisturbed) > 1000);
  assert_int_equal(live, before);
  for (int stays = 0; stays < 2; stays++) {
    long failed = 0, tried = 0;
    for (long at = 1; at <= all; at++) {
      fail_at(at, stays);
      heta_status status = whole_job(options, !stays, at, &out);
      failing = 0;
      tried++;
      failed += status == HETA_E_MEMORY;
      if (live != before) fail_msg("allocation %ld: %ld blocks are leaked", at, live - before);
      if (stays || !out.size) continue;
      size_t size = essence(&undisturbed);
      if (essence(&out) != size || memcmp(out.bytes, undisturbed.bytes, size) != 0) {
        fail_msg("allocation %ld: the result after going on is another", at);
      }
    }
    /* An allocation that may fail without harm would be a surprise. */
    assert_int_equal(failed, tried);
  }
}

/* ---- Reading --------------------------------------------------------------------------------- */

static heta_status read_stored(const text *json, heta_error *error) {
  heta_result *result = NULL;
  heta_status status = heta_result_read(json->bytes, json->size, &result, error);
  heta_result_free(result);
  return status;
}

static heta_job *partial_job(const heta_model *model, size_t part) {
  heta_attribute_options options = attribute_options(&FIXTURE_KINDS[2], "probes=2");
  options.part = part;
  options.parts = 2;
  return attribute_job(model, "the cat", 7, &options);
}

static heta_job *merging; /* what read_partial adds to */

static heta_status read_partial(const text *json, heta_error *error) {
  return heta_job_merge(merging, json->bytes, json->size, error);
}

/* Jansson reports most of its failures as damage, and loses a byte of a string when that cannot
 * grow: of these only that nothing breaks or leaks. */
static void every_allocation_of(heta_status (*call)(const text *json, heta_error *error),
                                const text *json, bool with_json) {
  heta_error error = {0};
  json_too = with_json;
  fail_at(0, false);
  if (call(json, &error)) fail_msg("%s", error.message);
  long all = calls, before = live; /* a job keeps a partial result that it took over */
  assert_true(all > (with_json ? 100 : 0));
  for (int stays = 0; stays < 2; stays++) {
    for (long at = 1; at <= all; at++) {
      fail_at(at, stays);
      heta_status status = call(json, &error);
      failing = 0;
      if (!with_json) check_refusal(status, &error, at);
      assert_true(status == HETA_OK || status == HETA_E_MEMORY || status == HETA_E_FORMAT);
      if (live != before) fail_msg("allocation %ld: %ld blocks are leaked", at, live - before);
    }
  }
  json_too = false;
}

static void reading(void **state) {
  (void)state;
  static text whole, part;
  heta_error error = {0};
  const heta_attribution *result;
  json_set_alloc_funcs(json_allocate, json_release);
  fail_at(0, false);
  assert_int_equal(whole_job("heta probes=2", false, 0, &whole), HETA_OK);
  every_allocation_of(read_stored, &whole, false);
  every_allocation_of(read_stored, &whole, true);
  heta_model *model = fixture_model("llama-gqa");
  heta_job *first = partial_job(model, 0);
  result = attribute_run(first);
  assert_int_equal(heta_report_write(result, "json", NULL, keep, &part, &error), HETA_OK);
  merging = partial_job(model, 1);
  every_allocation_of(read_partial, &part, false);
  /* The job that was refused so often takes the part over all the same. */
  assert_true(attribute_run(merging)->complete);
  heta_job_free(merging);
  heta_job_free(first);
  heta_model_close(model);
}

int main(void) {
  static char block[] = "heta probes=2", row[] = "heta probes=2 curvature=row mask=mean",
              path[] = "ig steps=1", words[] = "dig steps=1 neighbours=3 baseline=token:9",
              rescaled[] = "deeplift", coalitions[] = "kernel-shap samples=6",
              sources[] = "contextcite samples=2 source=token";
  const struct CMUnitTest tests[] = {cmocka_unit_test(first_job),
                                     cmocka_unit_test_prestate(every_allocation, block),
                                     cmocka_unit_test_prestate(every_allocation, row),
                                     cmocka_unit_test_prestate(every_allocation, path),
                                     cmocka_unit_test_prestate(every_allocation, words),
                                     cmocka_unit_test_prestate(every_allocation, rescaled),
                                     cmocka_unit_test_prestate(every_allocation, coalitions),
                                     cmocka_unit_test_prestate(every_allocation, sources),
                                     cmocka_unit_test(reading)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
