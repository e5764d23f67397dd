/* merge.c: taking over finished work from partial results, number by number. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "job/job.h"

static const json_t *path(const json_t *root, const char *first, const char *second) {
  const json_t *inner = json_object_get(root, first);
  return second ? json_object_get(inner, second) : inner;
}

static heta_status refuse(heta_error *error, const char *what) {
  return heta_i_fail(error, HETA_E_ARGUMENT,
                     "the partial result cannot be continued: its %s is not this job's", what);
}

static bool same_string(const json_t *value, const char *text) {
  return json_is_string(value) && !strcmp(json_string_value(value), text);
}

/* The result file writes numbers as numbers and flags as booleans. */
static bool same_option(const json_t *value, const heta_i_value *mine) {
  if (json_is_boolean(value)) return json_is_true(value) == (mine->number != 0);
  if (json_is_number(value)) return json_number_value(value) == mine->number;
  return same_string(value, mine->text);
}

static bool same_seed(const json_t *value, uint64_t seed) {
  if (json_is_integer(value)) return (uint64_t)json_integer_value(value) == seed;
  return json_is_string(value) && strtoull(json_string_value(value), NULL, 10) == seed;
}

static heta_status check(heta_job *job, const json_t *root, heta_error *error) {
  const heta_i_session *s = &job->session;
  if (!same_string(path(root, "schema", NULL), "heta.attribution/1"))
    return refuse(error, "schema (heta.attribution/1)");
  const json_t *fingerprint = json_object_get(path(root, "model", "fingerprint"), "value");
  if (!same_string(fingerprint, job->model->info.fingerprint)) return refuse(error, "model");
  const json_t *text = path(root, "input", "text");
  size_t prompt_end = (size_t)json_integer_value(path(root, "input", "prompt_end"));
  if (!json_is_string(text) || prompt_end != job->input.prompt_end ||
      json_string_length(text) < prompt_end ||
      memcmp(json_string_value(text), job->input.text, prompt_end))
    return refuse(error, "prompt");
  const json_t *attribution = json_array_get(path(root, "attributions", NULL), 0);
  if (!same_string(path(attribution, "method", NULL), s->method->info.name))
    return refuse(error, "method");
  if (!same_seed(path(attribution, "seed", NULL), job->options.seed)) return refuse(error, "seed");
  for (size_t i = 0; i < s->method->info.option_count; i++)
    if (strcmp(s->values[i].info->name, "probes") && /* probes are keyed: any number fits */
        strcmp(s->values[i].info->name, "max-probes") &&
        !same_option(path(attribution, "options", s->values[i].info->name), &s->values[i])) {
      char what[128];
      snprintf(what, sizeof what, "option %s", s->values[i].info->name);
      return refuse(error, what);
    }
  const char *precision = job->options.precision == HETA_PRECISION_F64 ? "f64" : "f32";
  if (!same_string(path(root, "environment", "precision"), precision))
    return refuse(error, "precision");
  const char *backend = job->settings.backend == HETA_BACKEND_CPU ? "cpu" : "reference";
  if (!same_string(path(root, "environment", "backend"), backend)) return refuse(error, "backend");
  if (!json_is_array(path(root, "work", NULL)))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "the result is complete or carries no work; there is nothing to continue");
  return HETA_OK;
}

static heta_status apply_series(heta_job *job, const json_t *list, heta_i_series *series,
                                heta_error *error) {
  const heta_i_session *s = &job->session;
  size_t rows = s->target_count * s->length;
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *entry = json_array_get(list, i), *values = path(entry, "values", NULL);
    if (!same_string(path(entry, "name", NULL), series->name)) continue;
    size_t samples = (size_t)json_integer_value(path(entry, "samples", NULL));
    if (!samples || json_array_size(values) != rows * samples)
      return refuse(error, "number of targets or tokens");
    for (size_t row = 0; row < rows; row++)
      for (size_t r = 0; r < samples && r < series->samples; r++) {
        const json_t *value = json_array_get(values, row * samples + r);
        if (json_is_number(value))
          series->values[row * series->samples + r] = json_number_value(value);
      }
    return HETA_OK;
  }
  return refuse(error, series->name);
}

static heta_status apply(heta_job *job, const json_t *root, heta_error *error) {
  heta_i_session *s = &job->session;
  const json_t *targets = path(root, "targets", NULL), *work = path(root, "work", NULL);
  if (!json_array_size(work)) return HETA_OK; /* stopped before its first item */
  for (size_t t = 0; t < json_array_size(targets); t++)
    if (json_array_size(targets) != s->target_count ||
        json_integer_value(path(json_array_get(targets, t), "id", NULL)) != s->targets[t].id ||
        (size_t)json_integer_value(path(json_array_get(targets, t), "position", NULL)) !=
            s->targets[t].position)
      return refuse(error, "target");
  for (size_t k = 0; k < s->series_count; k++)
    HETA_TRY(apply_series(job, work, &s->series[k], error));
  return HETA_OK;
}

heta_status heta_job_merge(heta_job *job, const char *json, size_t size, heta_error *error) {
  json_t *root;
  HETA_TRY(heta_i_json_of_text(json, size, JSON_ALLOW_NUL, "the partial result", &root, error));
  heta_status status = check(job, root, error);
  if (!status && job->ready) status = apply(job, root, error);
  if (status || job->ready) {
    json_decref(root);
    return status;
  }
  void **grown = heta_i_reallocate(job->merged, job->merged_count * sizeof *grown,
                                   job->merged_count + 1, sizeof *grown);
  if (!grown) {
    json_decref(root);
    return heta_i_no_memory(error, "a partial result", size);
  }
  grown[job->merged_count++] = root;
  job->merged = grown;
  return HETA_OK;
}

heta_status heta_i_merge_apply(heta_job *job, heta_error *error) {
  heta_status status = HETA_OK;
  for (size_t i = 0; i < job->merged_count && !status; i++)
    status = apply(job, job->merged[i], error);
  return status;
}

void heta_i_merge_close(heta_job *job) {
  for (size_t i = 0; i < job->merged_count; i++) json_decref(job->merged[i]);
  heta_i_free(job->merged);
}
