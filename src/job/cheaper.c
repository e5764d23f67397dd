/* cheaper.c: what a job computes when a budget does not allow what was asked, in a fixed order. */
#include <string.h>

#include "job/job.h"

/* Fewer probes come first (plan.c); then these, each another quantity than block. */
static const char *const ORDER[] = {"block", "lowrank", "row", "gradsq"};
enum { STEPS = sizeof ORDER / sizeof *ORDER };

static size_t step_of(const char *curvature) {
  size_t step = 0;
  while (step < STEPS && strcmp(ORDER[step], curvature)) step++;
  return step;
}

/* An option back to its default. */
static heta_status reset(heta_i_session *session, const char *name, heta_error *error) {
  const heta_i_value *value = heta_i_option(session, name);
  if (!value) return HETA_OK;
  return heta_i_option_set(session, name, value->info->default_value, error);
}

/* Options that only block takes, and those that only probes take, go with what they are about. */
static heta_status choose(heta_i_session *session, const char *curvature, heta_error *error) {
  static const char *const ADAPTIVE[] = {"probes", "tolerance", "max-probes"};
  bool exact = !strcmp(curvature, "gradsq");
  HETA_TRY(heta_i_option_set(session, "curvature", curvature, error));
  HETA_TRY(reset(session, "estimator", error));
  HETA_TRY(reset(session, "fast", error)); /* the options it stands for stay, but for this one */
  if (exact && heta_i_option_is(session, "probes", "auto"))
    for (size_t i = 0; i < sizeof ADAPTIVE / sizeof *ADAPTIVE; i++)
      HETA_TRY(reset(session, ADAPTIVE[i], error));
  return session->method->check ? session->method->check(session, error) : HETA_OK;
}

bool heta_i_cheaper(heta_job *job) {
  heta_i_session *session = &job->session;
  const heta_i_value *curvature = heta_i_option(session, "curvature");
  size_t count = session->method->info.option_count;
  if (!job->options.may_simplify || !curvature) return false;
  heta_i_value *before = heta_i_arena_take(&job->memory, count, sizeof *before);
  if (!before) return false;
  memcpy(before, session->values, count * sizeof *before);
  for (size_t step = step_of(curvature->text) + 1; step < STEPS; step++) {
    if (!choose(session, ORDER[step], NULL)) return true;
    memcpy(session->values, before, count * sizeof *before);
  }
  return false;
}
