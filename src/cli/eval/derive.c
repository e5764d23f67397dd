/* derive.c: scores of HETA under other weights, scales and gates, and of its product, from the
 * parts that one run of it gave: they take no pass of their own. docs/method.md, Score, has the
 * formula. */
#include "cli/eval/question.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The options that act on finished parts only. */
static const char *const FREE[] = {"beta", "gamma", "scale", "gate"};
enum { FREE_COUNT = sizeof FREE / sizeof *FREE };

static bool is_free(const char *name) {
  for (int i = 0; i < FREE_COUNT; i++) {
    if (!strcmp(name, FREE[i])) return true;
  }
  return false;
}

/* Whether the score is curvature times fall, whatever the weights. */
static bool is_product(const eval_method *method) {
  return !strcmp(eval_method_value(method, "config"), "product");
}

static bool same_value(const eval_method *from, const eval_method *to, const char *name) {
  const char *value = eval_method_value(from, name);
  if (!strcmp(name, "config") && is_product(to)) return !strcmp(value, "full");
  return !strcmp(value, eval_method_value(to, name));
}

bool eval_derivable(const eval_method *from, const eval_method *to) {
  if (from->info != to->info || strcmp(from->info->name, "heta") != 0) return false;
  for (size_t i = 0; i < from->info->option_count; i++) {
    const char *name = from->info->options[i].name;
    if (!is_free(name) && !same_value(from, to, name)) return false;
  }
  return !strcmp(eval_method_value(from, "gate"), "flow");
}

/* A part's values, or with `errors` their standard errors; NULL when there are none. */
static const double *part(const heta_attribution *a, const char *name, bool errors) {
  for (size_t i = 0; i < a->component_count; i++) {
    if (strcmp(a->components[i].name, name) != 0) continue;
    return errors ? a->rows[0].component_se[i] : a->rows[0].components[i];
  }
  return NULL;
}

static double divisor(const char *scale, const double *values, size_t length) {
  double sum = 0, most = 0;
  for (size_t i = 0; i < length; i++) {
    sum += values[i];
    if (values[i] > most) most = values[i];
  }
  double by = !strcmp(scale, "sum") ? sum : !strcmp(scale, "max") ? most : 1;
  return by > 0 ? by : 1;
}

/* Curvature times the fall of the log-probability. */
static void multiply(size_t length, const double *curvature, const double *change,
                     const double *error, eval_score *out) {
  for (size_t i = 0; i < length; i++) {
    bool falls = change[i] > 0;
    out->score[i] = falls ? curvature[i] * change[i] : 0;
    if (error) out->score_se[i] = falls ? error[i] * change[i] : 0;
  }
}

int eval_derive(const heta_attribution *a, const eval_method *to, const eval_score *from,
                eval_score *out) {
  const double *gate = part(a, "gate", false), *curvature = part(a, "curvature", false);
  const double *information = part(a, "information", false);
  const double *change = part(a, "logprob_change", false);
  const double *error = from->score_se ? part(a, "curvature", true) : NULL;
  const char *scale = eval_method_value(to, "scale"), *kind = eval_method_value(to, "gate");
  double beta = strtod(eval_method_value(to, "beta"), NULL),
         gamma = strtod(eval_method_value(to, "gamma"), NULL);
  size_t n = from->length;
  *out = *from;
  out->id = 0;
  out->problem = NULL;
  out->signed_score = out->score_se = NULL;
  out->score = calloc(n + 1, sizeof *out->score);
  if (error) out->score_se = calloc(n + 1, sizeof *out->score_se);
  if (!out->score || !gate || !curvature || !information || !change || (error && !out->score_se)) {
    return cli_fail(CLI_FAILED, "out of memory");
  }
  double by_curvature = divisor(scale, curvature, n),
         by_information = divisor(scale, information, n);
  if (is_product(to)) multiply(n, curvature, change, error, out);
  for (size_t i = 0; i < n && !is_product(to); i++) {
    double m = !strcmp(kind, "none") ? 1 : !strcmp(kind, "uniform") ? 1.0 / (double)n : gate[i];
    double s = beta > 0 ? beta * curvature[i] / by_curvature : 0;
    out->score[i] = m * (s + (gamma > 0 ? gamma * information[i] / by_information : 0));
    if (error) out->score_se[i] = beta > 0 ? m * beta * error[i] / by_curvature : 0;
  }
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(out->score[i])) return cli_fail(CLI_FAILED, "a part of HETA is not finite");
  }
  return CLI_DONE;
}
