/* test_job_resume.c: a job in parts, in two processes, interrupted anywhere and continued,
 * cancelled from another thread, or beside another job, gives the bits of one undisturbed job. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <pthread.h>

#include <cmocka.h>

#include "support/attribute.h"

static const fixture_kind *const CPU = &FIXTURE_KINDS[2];

static const char TEXT[] = "then a hen hid";

static void merge(heta_job *job, const char *json) {
  heta_error error = {0};
  if (heta_job_merge(job, json, strlen(json), &error)) fail_msg("merging: %s", error.message);
}

/* The job most tests are about: three forced targets, few probes. */
static heta_attribute_options usual(const char *method_options) {
  heta_attribute_options options = attribute_options(CPU, method_options);
  options.target = HETA_TARGET_TEXT;
  options.target_text = " in";
  return options;
}

static heta_job *whole(const heta_model *model, const heta_attribute_options *options) {
  heta_job *job = attribute_job(model, TEXT, strlen(TEXT), options);
  assert_true(attribute_run(job)->complete);
  return job;
}

/* ---- Parts ---------------------------------------------------------------------------------- */

/* Runs in a process of its own: one part, written as a result file. Nothing of cmocka may be used.
 */
static int child(size_t part, const char *path) {
  heta_model *model = NULL;
  heta_job *job = NULL;
  const heta_attribution *a;
  char file[512];
  snprintf(file, sizeof file, "%s/data/tiny/llama-gqa.gguf", HETA_TESTS_DIR);
  heta_attribute_options options = usual("probes=5");
  options.part = part;
  options.parts = 2;
  int failed = heta_model_open(file, &model, NULL) ||
               heta_job_create(model, TEXT, strlen(TEXT), &options, &job, NULL) ||
               heta_job_run(job, NULL) || heta_job_get_result(job, &a, NULL);
  if (failed || a->complete) return 1;
  FILE *out = fopen(path, "w");
  char *json = attribute_json(job);
  failed = !out || fputs(json, out) < 0;
  if (out) failed |= fclose(out) != 0;
  heta_i_free(json);
  heta_job_free(job);
  heta_model_close(model);
  return failed;
}

static char *read_file(const char *path) {
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  char *text = heta_i_allocate(1 << 22, 1);
  assert_non_null(text);
  size_t size = fread(text, 1, (1 << 22) - 1, file);
  assert_true(size > 0 && feof(file));
  fclose(file);
  return text;
}

/* First of all, while this process has no threads that its children would miss. */
static void two_processes(void **state) {
  (void)state;
  char paths[2][64];
  pid_t children[2];
  for (size_t part = 0; part < 2; part++) {
    snprintf(paths[part], sizeof paths[part], "/tmp/heta-part-XXXXXX");
    int file = mkstemp(paths[part]);
    assert_true(file >= 0);
    close(file);
    children[part] = fork();
    assert_true(children[part] >= 0);
    if (!children[part]) _exit(child(part, paths[part]));
  }
  heta_model *model = fixture_model("llama-gqa");
  heta_attribute_options options = usual("probes=5");
  heta_job *merged = attribute_job(model, TEXT, strlen(TEXT), &options);
  for (size_t part = 0; part < 2; part++) {
    int status;
    assert_int_equal(waitpid(children[part], &status, 0), children[part]);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    char *json = read_file(paths[part]);
    merge(merged, json);
    heta_i_free(json);
    unlink(paths[part]);
  }
  attribute_run(merged);
  options = usual("probes=5");
  heta_job *undivided = whole(model, &options);
  attribute_same("two processes", merged, undivided);
  heta_job_free(merged);
  heta_job_free(undivided);
  heta_model_close(model);
}

/* Any number of parts, merged in any order, before the job runs or after. */
static void parts(void **state) {
  (void)state;
  static const char *const OPTIONS[] = {"probes=4",
                                        "probes=6 curvature=row",
                                        "curvature=gradsq",
                                        "probes=auto tolerance=0.2 max-probes=20",
                                        "probes=auto tolerance=0.3 curvature=row",
                                        "probes=9 estimator=sketch",
                                        "probes=auto tolerance=0.03 estimator=sketch"};
  heta_model *model = fixture_model("llama-rope3-f16");
  for (size_t o = 0; o < sizeof OPTIONS / sizeof *OPTIONS; o++) {
    heta_attribute_options options = usual(OPTIONS[o]);
    heta_job *undivided = whole(model, &options);
    for (size_t count = 2; count <= 5; count += 3) {
      char *results[5];
      uint64_t products = 0;
      for (size_t part = 0; part < count; part++) {
        options = usual(OPTIONS[o]);
        options.part = part;
        options.parts = count;
        heta_job *job = attribute_job(model, TEXT, strlen(TEXT), &options);
        products += heta_job_get_plan(job)->hvps;
        attribute_run(job);
        results[part] = attribute_json(job);
        heta_job_free(job);
      }
      assert_int_equal(products, heta_job_get_plan(undivided)->hvps);
      options = usual(OPTIONS[o]);
      heta_job *before = attribute_job(model, TEXT, strlen(TEXT), &options);
      options.parts = count;
      options.part = 1;
      heta_job *after = attribute_job(model, TEXT, strlen(TEXT), &options);
      attribute_run(after);
      for (size_t part = 0; part < count; part++) {
        merge(before, results[count - 1 - part]);
        if (part != 1) merge(after, results[part]);
      }
      for (size_t part = 0; part < count; part++) heta_i_free(results[part]);
      attribute_run(before);
      attribute_same(OPTIONS[o], before, undivided);
      attribute_same(OPTIONS[o], after, undivided);
      heta_job_free(before);
      heta_job_free(after);
    }
    heta_job_free(undivided);
  }
  heta_model_close(model);
}

/* ---- Interruption --------------------------------------------------------------------------- */

/* Cancels at one particular call of progress; every poll of a pass makes one. */
typedef struct stopper {
  heta_job *job;
  size_t calls, stop_at;
  size_t probing; /* calls while probes ran */
} stopper;

static bool stop_here(void *context, const heta_progress *progress) {
  stopper *s = context;
  s->job->last_progress = 0; /* due again at the next poll */
  if (progress->done < 0 || progress->done > 1) fail_msg("done is %g", progress->done);
  s->probing += !strcmp(progress->phase, "curvature");
  return ++s->calls != s->stop_at;
}

static heta_job *stoppable(const heta_model *model, heta_attribute_options options, stopper *s,
                           size_t stop_at) {
  options.progress = stop_here;
  options.context = s;
  *s = (stopper){.stop_at = stop_at};
  s->job = attribute_job(model, TEXT, strlen(TEXT), &options);
  s->job->settings.lane_rows = heta_i_pad_rows(strlen(TEXT)); /* small batches, many items */
  return s->job;
}

/* Interrupts at call `at`, continues in the same job and, from the result file, in another. */
static void check_interruption(const heta_model *model, const char *text, size_t at,
                               const stopper *all, heta_job *undisturbed) {
  stopper s, other;
  heta_job *job = stoppable(model, usual(text), &s, at);
  heta_error error = {0};
  const heta_attribution *a;
  char what[64];
  snprintf(what, sizeof what, "interrupted at poll %zu", at);
  if (heta_job_run(job, &error) != HETA_E_CANCELLED) fail_msg("%s: not cancelled", what);
  a = attribute_result(job);
  if (a->complete || !a->stopped_by || strcmp(a->stopped_by, "interrupt"))
    fail_msg("%s: the partial result does not say so", what);
  char *json = attribute_json(job);
  heta_job *next = stoppable(model, usual(text), &other, 0);
  merge(next, json);
  attribute_run(next);
  attribute_same(what, next, undisturbed);
  /* Finished probes are not run again. */
  if (at > all->calls - all->calls / 8 && other.probing > all->probing / 2)
    fail_msg("%s of %zu: probes took %zu polls of %zu again", what, all->calls, other.probing,
             all->probing);
  attribute_run(job);
  attribute_same(what, job, undisturbed);
  heta_i_free(json);
  heta_job_free(next);
  heta_job_free(job);
}

static void interrupted(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-bf16");
  static const char *const OPTIONS[] = {"probes=8", "probes=9 curvature=row mask=attend"};
  for (size_t o = 0; o < 2; o++) {
    stopper s;
    heta_job *undisturbed = stoppable(model, usual(OPTIONS[o]), &s, 0);
    attribute_run(undisturbed);
    size_t polls = s.calls;
    assert_true(polls > 40);
    /* The beginning poll by poll: opening, forward pass, first items; then here and there. */
    for (size_t at = 1; at < polls; at += at < polls / 4 ? 1 + polls / 100 : 1 + polls / 14)
      check_interruption(model, OPTIONS[o], at, &s, undisturbed);
    heta_job_free(undisturbed);
  }
  heta_model_close(model);
}

/* Interrupted again and again, a job still ends, with the same bits. */
static void interrupted_often(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-mha");
  heta_attribute_options options = usual("probes=15");
  heta_job *undisturbed = whole(model, &options);
  stopper s;
  heta_job *job = stoppable(model, usual("probes=15"), &s, 1);
  heta_error error = {0};
  size_t runs = 0;
  while (heta_job_run(job, &error)) {
    assert_int_equal(error.status, HETA_E_CANCELLED);
    assert_true(++runs < 500);
    s.stop_at = s.calls + 40; /* opening, or an item, must fit in between to get on */
  }
  assert_true(runs > 3);
  attribute_same("interrupted often", job, undisturbed);
  heta_job_free(job);
  heta_job_free(undisturbed);
  heta_model_close(model);
}

/* Interrupted while the model writes; then it ends its text early. */
static void interrupted_generation(void **state) {
  (void)state;
  enum { ASKED = 6, END = 4 };
  heta_model *model = fixture_model("llama-q4_1");
  heta_attribute_options options = attribute_options(CPU, "curvature=gradsq");
  options.target = HETA_TARGET_GENERATE;
  options.target_count = ASKED;
  heta_job *probe = attribute_job(model, TEXT, strlen(TEXT), &options);
  const heta_attribution *a = attribute_run(probe);
  assert_int_equal(a->row_count, ASKED);
  /* The fourth token written becomes the end-of-text token; it must be new at that place. */
  model->info.eos = a->targets[END - 1].id;
  for (size_t t = 0; t + 1 < END; t++) assert_int_not_equal(a->targets[t].id, model->info.eos);
  heta_job_free(probe);
  heta_job *undisturbed = attribute_job(model, TEXT, strlen(TEXT), &options);
  a = attribute_run(undisturbed);
  assert_int_equal(a->row_count, END);
  const heta_plan *plan = heta_job_get_plan(undisturbed);
  assert_string_equal(plan->notes[plan->note_count - 1], "the model ended its text after 4 tokens");
  size_t stops = 0;
  for (size_t at = 1;; at++) {
    stopper s;
    heta_job *job = stoppable(model, options, &s, at);
    heta_error error = {0};
    heta_status status = heta_job_run(job, &error);
    assert_int_equal(status, HETA_E_CANCELLED);
    bool writing = job->input.open > 0 && job->input.open < ASKED;
    bool done = job->ready;
    stops += writing;
    if (writing) {
      attribute_run(job);
      attribute_same("interrupted while writing", job, undisturbed);
      plan = heta_job_get_plan(job);
      assert_string_equal(plan->notes[plan->note_count - 1],
                          "the model ended its text after 4 tokens");
    }
    heta_job_free(job);
    if (done) break;
  }
  assert_true(stops >= END - 1);
  heta_job_free(undisturbed);
  heta_model_close(model);
}

/* ---- Threads -------------------------------------------------------------------------------- */

static void pause_a_little(void) {
  struct timespec t = {0, 2000000};
  nanosleep(&t, NULL);
}

typedef struct runner {
  heta_job *job;
  heta_status status;
  atomic_bool begun;
} runner;

static bool note_beginning(void *context, const heta_progress *progress) {
  runner *r = context;
  if (progress->done > 0) atomic_store(&r->begun, true);
  return true;
}

static void *run_job(void *context) {
  runner *r = context;
  r->status = heta_job_run(r->job, NULL);
  return NULL;
}

static void cancelled_from_another_thread(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  runner r = {.status = HETA_E_INTERNAL};
  heta_attribute_options options = usual("probes=100000");
  options.progress = note_beginning;
  options.context = &r;
  r.job = attribute_job(model, TEXT, strlen(TEXT), &options);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, run_job, &r), 0);
  while (!atomic_load(&r.begun)) pause_a_little();
  heta_job_cancel(r.job);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(r.status, HETA_E_CANCELLED);
  const heta_attribution *a = attribute_result(r.job);
  assert_false(a->complete);
  assert_string_equal(a->stopped_by, "interrupt");
  /* What was finished is what a smaller job finds: probes are keyed. */
  options = usual("probes=2");
  heta_job *few = whole(model, &options);
  if (!isnan(attribute_component(a, 0, "gate")[0]))
    assert_memory_equal(attribute_component(a, 0, "gate"),
                        attribute_component(attribute_result(few), 0, "gate"),
                        a->rows[0].length * sizeof(double));
  heta_job_free(few);
  heta_job_free(r.job);
  heta_model_close(model);
}

/* Cancelled before it runs, a job stops at once, and goes on when asked again. */
static void cancelled_beforehand(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_attribute_options options = usual("probes=2");
  heta_job *job = attribute_job(model, TEXT, strlen(TEXT), &options);
  heta_error error = {0};
  heta_job_cancel(job);
  assert_int_equal(heta_job_run(job, &error), HETA_E_CANCELLED);
  assert_true(attribute_run(job)->complete);
  heta_job_free(job);
  heta_model_close(model);
}

/* Two jobs on one model at once, each on two threads. */
static void side_by_side(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-mqa-bias");
  static const char *const OPTIONS[] = {"probes=12", "probes=20 curvature=gauss-newton mask=mean"};
  heta_job *alone[2];
  runner pair[2] = {{.status = HETA_E_INTERNAL}, {.status = HETA_E_INTERNAL}};
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) {
    heta_attribute_options options = usual(OPTIONS[i]);
    alone[i] = whole(model, &options);
    options.threads = 2;
    pair[i].job = attribute_job(model, TEXT, strlen(TEXT), &options);
  }
  for (int i = 0; i < 2; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, run_job, &pair[i]), 0);
  for (int i = 0; i < 2; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(pair[i].status, HETA_OK);
    attribute_same("side by side", pair[i].job, alone[i]);
    heta_job_free(pair[i].job);
    heta_job_free(alone[i]);
  }
  heta_model_close(model);
}

/* ---- What is not this job's ------------------------------------------------------------------ */

static void expect_not_merged(heta_job *job, const char *json, heta_status status,
                              const char *words) {
  heta_error error = {0};
  heta_status found = heta_job_merge(job, json, strlen(json), &error);
  if (found != status || !strstr(error.message, words))
    fail_msg("expected status %d (%s), got %d: %s", (int)status, words, (int)found, error.message);
}

/* The first occurrence of `from` replaced; free with heta_i_free. */
static char *replaced(const char *text, const char *from, const char *to) {
  const char *at = strstr(text, from);
  if (!at) fail_msg("'%s' is not in the result", from);
  char *out = heta_i_allocate(strlen(text) + strlen(to) + 1, 1);
  assert_non_null(out);
  memcpy(out, text, (size_t)(at - text));
  snprintf(out + (at - text), strlen(text) + strlen(to) + 1 - (size_t)(at - text), "%s%s", to,
           at + strlen(from));
  return out;
}

static void foreign_results(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa"), *stranger = fixture_model("llama-mha");
  stopper s;
  heta_job *job = stoppable(model, usual("probes=3"), &s, 30);
  heta_error error = {0};
  assert_int_equal(heta_job_run(job, &error), HETA_E_CANCELLED);
  char *json = attribute_json(job);
  heta_job_free(job);

  heta_attribute_options options = usual("probes=3 mask=mean");
  job = attribute_job(model, TEXT, strlen(TEXT), &options);
  expect_not_merged(job, json, HETA_E_ARGUMENT, "option mask is not this job's");
  heta_job_free(job);
  options = usual("probes=3");
  options.seed = 8;
  job = attribute_job(model, TEXT, strlen(TEXT), &options);
  expect_not_merged(job, json, HETA_E_ARGUMENT, "seed is not this job's");
  heta_job_free(job);
  options = usual("probes=3");
  job = attribute_job(stranger, TEXT, strlen(TEXT), &options);
  expect_not_merged(job, json, HETA_E_ARGUMENT, "model is not this job's");
  heta_job_free(job);
  job = attribute_job(model, TEXT, strlen(TEXT) - 1, &options);
  expect_not_merged(job, json, HETA_E_ARGUMENT, "prompt is not this job's");
  heta_job_free(job);
  options = usual(NULL);
  options.method = "occlusion";
  job = attribute_job(model, TEXT, strlen(TEXT), &options);
  expect_not_merged(job, json, HETA_E_ARGUMENT, "method is not this job's");
  heta_job_free(job);
  options = usual("probes=3");
  options.backend = HETA_BACKEND_REFERENCE;
  options.precision = HETA_PRECISION_F64;
  job = attribute_job(model, TEXT, strlen(TEXT), &options);
  expect_not_merged(job, json, HETA_E_ARGUMENT, "precision is not this job's");
  heta_job_free(job);

  options = usual("probes=3");
  job = attribute_job(model, TEXT, strlen(TEXT), &options);
  expect_not_merged(job, "{", HETA_E_FORMAT, "is not JSON");
  expect_not_merged(job, "[1]", HETA_E_FORMAT, "schema");
  char *other = replaced(json, "\"heta.attribution/1\"", "\"heta.attribution/2\"");
  expect_not_merged(job, other, HETA_E_FORMAT, "schema");
  heta_i_free(other);
  /* Another target text is known only when the job is laid out: its run refuses. */
  options.target_text = " hit";
  heta_job *elsewhere = attribute_job(model, TEXT, strlen(TEXT), &options);
  assert_int_equal(heta_job_merge(elsewhere, json, strlen(json), &error), HETA_OK);
  assert_int_equal(heta_job_run(elsewhere, &error), HETA_E_ARGUMENT);
  assert_non_null(strstr(error.message, "target is not this job's"));
  heta_job_free(elsewhere);
  attribute_run(job); /* refusals left it as it was */
  char *complete = attribute_json(job);
  expect_not_merged(job, complete, HETA_E_ARGUMENT, "nothing to continue");
  heta_i_free(complete);
  heta_job_free(job);
  heta_i_free(json);
  heta_model_close(model);
  heta_model_close(stranger);
}

/* Probes are keyed: a partial result of other probes serves as far as it goes. */
static void more_probes(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_attribute_options options = usual("probes=6");
  heta_job *six = whole(model, &options);
  for (int fewer = 0; fewer < 2; fewer++) {
    stopper s, other;
    const char *text = fewer ? "probes=3" : "probes=9";
    heta_job *count = stoppable(model, usual(text), &s, 0);
    attribute_run(count);
    heta_job_free(count);
    heta_job *partial = stoppable(model, usual(text), &s, s.calls - 2);
    heta_error error = {0};
    assert_int_equal(heta_job_run(partial, &error), HETA_E_CANCELLED);
    char *json = attribute_json(partial);
    heta_job *job = stoppable(model, usual("probes=6"), &other, 0);
    merge(job, json);
    attribute_run(job);
    attribute_same("probes of another job", job, six);
    heta_i_free(json);
    heta_job_free(partial);
    heta_job_free(job);
  }
  heta_job_free(six);
  heta_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(two_processes),
                                     cmocka_unit_test(parts),
                                     cmocka_unit_test(interrupted),
                                     cmocka_unit_test(interrupted_often),
                                     cmocka_unit_test(interrupted_generation),
                                     cmocka_unit_test(cancelled_from_another_thread),
                                     cmocka_unit_test(cancelled_beforehand),
                                     cmocka_unit_test(side_by_side),
                                     cmocka_unit_test(foreign_results),
                                     cmocka_unit_test(more_probes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
