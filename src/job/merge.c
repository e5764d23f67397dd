/* merge.c: taking over finished work from partial results, number by number. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "job/job.h"

static heta_status refuse(heta_error *error, const char *what) {
  return heta_i_fail(error, HETA_E_ARGUMENT,
                     "the partial result cannot be continued: its %s is not this job's", what);
}

static bool same(const char *theirs, const char *mine) {
  return theirs && mine && !strcmp(theirs, mine);
}

/* Numbers may be spelled differently. */
static bool same_option(const heta_attribution *theirs, const heta_i_value *mine) {
  for (size_t i = 0; i < theirs->option_count; i++) {
    const heta_resolved_option *option = &theirs->options[i];
    double a, b;
    if (strcmp(option->name, mine->info->name)) continue;
    if (option->value && heta_i_number_read(option->value, &a) &&
        heta_i_number_read(mine->text, &b))
      return a == b;
    return same(option->value, mine->text);
  }
  return false;
}

static heta_status check(const heta_job *job, const heta_attribution *a, heta_error *error) {
  const heta_i_session *s = &job->session;
  if (!same(a->model->fingerprint, job->model->info.fingerprint)) return refuse(error, "model");
  if (a->prompt_end != job->input.prompt_end || memcmp(a->text, job->input.text, a->prompt_end))
    return refuse(error, "prompt");
  if (!same(a->method->name, s->method->info.name)) return refuse(error, "method");
  if (!same(a->objective, heta_i_objective_name(s))) return refuse(error, "objective");
  if (a->seed != job->options.seed) return refuse(error, "seed");
  for (size_t i = 0; i < s->method->info.option_count; i++)
    if (strcmp(s->values[i].info->name, "probes") && /* probes are keyed: any number fits */
        strcmp(s->values[i].info->name, "max-probes") &&
        strcmp(s->values[i].info->name, "samples") && strcmp(s->values[i].info->name, "passes") &&
        !same_option(a, &s->values[i])) {
      char what[128];
      snprintf(what, sizeof what, "option %s", s->values[i].info->name);
      return refuse(error, what);
    }
  if (heta_i_is_soft(job) || heta_i_soft_result(a)) /* the donor is not in it */
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "attributions of a changed context are not continued from a result");
  const char *precision = job->options.precision == HETA_PRECISION_F64 ? "f64" : "f32";
  if (!same(a->precision, precision)) return refuse(error, "precision");
  const char *backend = job->settings.backend == HETA_BACKEND_CPU ? "cpu" : "reference";
  if (!same(a->backend, backend)) return refuse(error, "backend");
  if (a->complete)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "the result is complete or carries no work; there is nothing to continue");
  return HETA_OK;
}

static heta_status apply_series(heta_job *job, const heta_attribution *a, heta_i_series *series,
                                heta_error *error) {
  const heta_i_session *s = &job->session;
  for (size_t i = 0; i < a->series_count; i++) {
    const heta_series *theirs = &a->series[i];
    if (strcmp(theirs->name, series->name)) continue;
    if (!theirs->samples || theirs->targets != s->row_count || theirs->tokens != series->tokens)
      return refuse(error, "number of targets or tokens");
    for (size_t row = 0; row < s->row_count * series->tokens; row++)
      for (size_t r = 0; r < theirs->samples && r < series->samples; r++) {
        double value = theirs->values[row * theirs->samples + r];
        if (!isnan(value)) series->values[row * series->samples + r] = value;
      }
    return HETA_OK;
  }
  return refuse(error, series->name);
}

static heta_status apply(heta_job *job, const heta_attribution *a, heta_error *error) {
  heta_i_session *s = &job->session;
  if (!a->series_count) return HETA_OK; /* stopped before its first item */
  for (size_t t = 0; t < a->target_count; t++)
    if (a->target_count != s->target_count || a->targets[t].id != s->targets[t].id ||
        a->targets[t].position != s->targets[t].position)
      return refuse(error, "target");
  for (size_t k = 0; k < s->series_count; k++) HETA_TRY(apply_series(job, a, &s->series[k], error));
  return HETA_OK;
}

heta_status heta_job_merge(heta_job *job, const char *json, size_t size, heta_error *error) {
  heta_result *result;
  HETA_TRY(heta_result_read(json, size, &result, error));
  const heta_attribution *a = heta_result_get(result);
  heta_status status = check(job, a, error);
  if (!status && job->ready) status = apply(job, a, error);
  if (status || job->ready) {
    heta_result_free(result);
    return status;
  }
  heta_result **grown = heta_i_reallocate(job->merged, job->merged_count * sizeof *grown,
                                          job->merged_count + 1, sizeof *grown);
  if (!grown) {
    heta_result_free(result);
    return heta_i_no_memory(error, "a partial result", size);
  }
  grown[job->merged_count++] = result;
  job->merged = grown;
  return HETA_OK;
}

heta_status heta_i_merge_apply(heta_job *job, heta_error *error) {
  heta_status status = HETA_OK;
  for (size_t i = 0; i < job->merged_count && !status; i++)
    status = apply(job, heta_result_get(job->merged[i]), error);
  return status;
}

void heta_i_merge_close(heta_job *job) {
  for (size_t i = 0; i < job->merged_count; i++) heta_result_free(job->merged[i]);
  heta_i_free(job->merged);
}
