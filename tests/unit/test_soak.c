/* test_soak.c: a thousand small jobs in one process, models opened and closed between, leave no
 * memory behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/attribute.h"

enum { JOBS = 1000, WARM = 200, A_MODEL = 25 };

/* Bytes of this process that are in memory. */
static size_t resident(void) {
  unsigned long all, here;
  FILE *file = fopen("/proc/self/statm", "r");
  assert_non_null(file);
  assert_int_equal(fscanf(file, "%lu %lu", &all, &here), 2);
  fclose(file);
  return here * (size_t)sysconf(_SC_PAGESIZE);
}

/* Sanitizers keep freed memory for a while, and watch for leaks themselves. */
static bool is_sanitized(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return true;
#endif
#endif
  return false;
}

static int drop(void *context, const void *bytes, size_t size) {
  (void)bytes;
  *(size_t *)context += size;
  return 0;
}

static void one_job(const heta_model *model, size_t number) {
  static const char *const methods[] = {"heta", "occlusion", "attention-rollout", "heta"};
  static const char *const options[] = {"probes=2", "", "", "probes=2 curvature=row"};
  static const char *const formats[] = {"json", "html", "term", "npz"};
  char text[32];
  size_t written = 0;
  heta_error error = {0};
  snprintf(text, sizeof text, "the cat %zu", number % 100);
  heta_attribute_options o = attribute_options(&FIXTURE_KINDS[2], options[number % 4]);
  o.method = methods[number % 4];
  heta_job *job = attribute_job(model, text, strlen(text), &o);
  const heta_attribution *result = attribute_run(job);
  assert_true(result->complete);
  if (heta_report_write(result, formats[number / 4 % 4], NULL, drop, &written, &error)) {
    fail_msg("%s", error.message);
  }
  assert_true(written > 100);
  heta_job_free(job);
}

static void memory_stays_flat(void **state) {
  (void)state;
  size_t before = 0, jobs = is_sanitized() ? WARM : JOBS;
  heta_model *model = NULL;
  for (size_t i = 0; i < jobs; i++) {
    if (i % A_MODEL == 0) {
      heta_model_close(model);
      model = fixture_model("llama-gqa");
    }
    if (i == WARM) before = resident();
    one_job(model, i);
  }
  heta_model_close(model);
  if (is_sanitized()) return;
  size_t after = resident();
  if (after > before + (1u << 20)) {
    fail_msg("%zu KiB resident after %d jobs, %zu after %d", after >> 10, JOBS, before >> 10, WARM);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(memory_stays_flat)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
