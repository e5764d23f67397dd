/* 02_job.c: a job step by step: its plan, its progress, cancelling it from another thread, the
 * partial result, and continuing to the end.
 *
 *   cc -std=c11 -pthread 02_job.c -lheta -o job
 *   ./job model.gguf "The capital of France is" 0.5
 *
 * cancels the job after half a second and then continues it. A job belongs to one thread at a time;
 * heta_job_cancel alone may be called from any thread, and from a signal handler. */
#include <heta/heta.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Called a few times a second from heta_job_run; returning false would cancel the job as well. */
static bool show_progress(void *context, const heta_progress *progress) {
  (void)context;
  fprintf(stderr, "%-12s %3.0f %%, %.1f s\r", progress->phase, 100 * progress->done,
          progress->seconds);
  return true;
}

typedef struct alarm_clock {
  heta_job *job;
  double seconds;
} alarm_clock;

static void *cancel_later(void *context) {
  const alarm_clock *clock = context;
  struct timespec pause = {.tv_sec = (time_t)clock->seconds};
  pause.tv_nsec = (long)((clock->seconds - (double)pause.tv_sec) * 1e9);
  nanosleep(&pause, NULL);
  heta_job_cancel(clock->job);
  return NULL;
}

/* Runs the job while another thread waits to cancel it. */
static heta_status run_with_alarm(heta_job *job, double seconds, heta_error *error) {
  alarm_clock clock = {.job = job, .seconds = seconds};
  pthread_t thread;
  if (pthread_create(&thread, NULL, cancel_later, &clock) != 0) return HETA_E_INTERNAL;
  heta_status status = heta_job_run(job, error);
  pthread_join(thread, NULL);
  fputc('\n', stderr);
  return status;
}

/* How many context tokens of the first target have a score by now. */
static heta_status print_state(heta_job *job, heta_error *error) {
  const heta_attribution *a;
  heta_status status = heta_job_get_result(job, &a, error);
  if (status) return status;
  size_t known = 0, length = a->row_count ? a->rows[0].length : 0;
  for (size_t i = 0; i < length; i++) known += a->rows[0].score[i] == a->rows[0].score[i];
  printf("%s: %zu of %zu scores known\n", a->complete ? "complete" : "partial", known, length);
  return HETA_OK;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: %s MODEL.gguf TEXT SECONDS\n", argv[0]);
    return 2;
  }
  heta_model *model = NULL;
  heta_job *job = NULL;
  heta_error error = {0};
  heta_status status;
  int code = 1;

  /* Options of the method are names and values, as on the command line: --probes 100. */
  const heta_option method_options[] = {{"probes", "100"}};
  heta_attribute_options options = heta_attribute_options_default();
  options.method_options = method_options;
  options.method_option_count = sizeof method_options / sizeof *method_options;
  options.progress = show_progress;

  status = heta_model_open(argv[1], &model, &error);
  if (!status) {
    status = heta_job_create(model, argv[2], strlen(argv[2]), &options, &job, &error);
  }
  if (status) goto done;

  /* The plan is known before any work: show it, or refuse the job if it is too much. */
  const heta_plan *plan = heta_job_get_plan(job);
  printf("plan: %zu tokens, %llu Hessian-vector products, %.0f MiB, %.1f s\n", plan->context_tokens,
         (unsigned long long)plan->hvps, (double)plan->bytes / (1024 * 1024), plan->seconds);

  status = run_with_alarm(job, strtod(argv[3], NULL), &error);
  if (status == HETA_E_CANCELLED) {
    /* What is done is kept: it could be written to a file and continued tomorrow, in another
     * process, with heta_job_merge. Here the same job just goes on. */
    status = print_state(job, &error);
    if (!status) status = heta_job_run(job, &error);
    fputc('\n', stderr);
  }
  if (!status) status = print_state(job, &error);
  if (!status) code = 0;

done:
  if (status) fprintf(stderr, "%s\n", error.message);
  heta_job_free(job);
  heta_model_close(model);
  return code;
}
