/* sensitivity.c: which definition and estimator of the curvature S the options ask for. */
#include "method/sensitivity.h"

#include <string.h>

#include "method/coded.h"
#include "method/lowrank.h"
#include "method/sketch.h"

/* RANK: products that make a token's core under --estimator sketch, which come before its samples;
 * one number for all, so that a sample's meaning does not depend on how many are asked for. */
enum { RANK = 5, SKETCH_LEAST = 4, LOWRANK = 64 };

static bool is(const heta_i_session *session, const char *kind) {
  return heta_i_option_is(session, "curvature", kind);
}

static const char *kind_of(const heta_i_session *session) {
  return heta_i_option(session, "curvature")->text;
}

static bool factored(const heta_i_session *session) {
  return !strncmp(kind_of(session), "lowrank", 7);
}

/* Whether --probes says how many products there are. */
static bool probed(const heta_i_session *session) {
  return !is(session, "gradsq") && !factored(session);
}

static bool adaptive(const heta_i_session *session) {
  return probed(session) && heta_i_option_is(session, "probes", "auto");
}

static bool sketched(const heta_i_session *session) {
  return heta_i_option_is(session, "estimator", "sketch");
}

static bool coded(const heta_i_session *session) {
  return heta_i_option_is(session, "estimator", "coded");
}

/* Products per token at most: samples, and with a sketch the core's. */
static size_t products_of(const heta_i_session *session) {
  return (size_t)heta_i_option_number(session, adaptive(session) ? "max-probes" : "probes");
}

static size_t core_of(const heta_i_session *session) { return sketched(session) ? RANK : 0; }

static heta_i_lowrank lowrank_of(const heta_i_session *session, size_t series) {
  int64_t rank = heta_i_option(session, "curvature")->argument;
  return (heta_i_lowrank){.series = series,
                          .rank = rank < 0 ? LOWRANK : (size_t)rank,
                          .global = !strncmp(kind_of(session), "lowrank-global", 14)};
}

size_t heta_i_sensitivity_layers(const heta_i_session *session) {
  const heta_i_value *layers = heta_i_option(session, "layers");
  return strcmp(layers->text, "all") ? (size_t)layers->number : 0;
}

bool heta_i_sensitivity_sampled(const heta_i_session *session) { return !is(session, "gradsq"); }

size_t heta_i_sensitivity_samples(const heta_i_session *session) {
  if (factored(session)) return HETA_LOWRANK_SAMPLES;
  if (coded(session)) return HETA_CODED_CODES * products_of(session);
  return probed(session) ? products_of(session) - core_of(session) : 1;
}

/* ---- Checks ---------------------------------------------------------------------------------- */

static heta_status check_estimator(const heta_i_session *session, heta_error *error) {
  if (heta_i_option_is(session, "estimator", "plain")) return HETA_OK;
  if (!is(session, "block") && !is(session, "gauss-newton"))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--estimator %s is for --curvature block and gauss-newton, not %s",
                       heta_i_option(session, "estimator")->text, kind_of(session));
  if (coded(session) && adaptive(session))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--estimator coded takes a number of --probes, the same for all tokens, and "
                       "no auto");
  if (sketched(session) && products_of(session) < RANK + SKETCH_LEAST)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--estimator sketch needs at least %d probes; %zu were asked for",
                       RANK + SKETCH_LEAST, products_of(session));
  return HETA_OK;
}

static heta_status check_layers(const heta_i_session *session, heta_error *error) {
  const heta_i_value *layers = heta_i_option(session, "layers");
  size_t all = session->model->hyper.layers;
  if (!strcmp(layers->text, "all") || layers->number < (double)all) return HETA_OK;
  return heta_i_fail(
      error, HETA_E_ARGUMENT,
      "--layers %s: this model has %zu layers; take %s%zu of the last ones, or leave "
      "the option away for curvature by the embeddings",
      layers->text, all, all > 2 ? "1 to " : "", all > 1 ? all - 1 : 0);
}

heta_status heta_i_sensitivity_check(const heta_i_session *session, heta_error *error) {
  if (session->contrast && is(session, "gauss-newton"))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "curvature 'gauss-newton' of log P(target) - log P(foil) is zero for every "
                       "text; use --curvature block with --foil");
  static const char *const FOR_AUTO[] = {"tolerance", "max-probes"};
  for (size_t k = 0; k < 2 && !heta_i_option_is(session, "probes", "auto"); k++) {
    const heta_i_value *value = heta_i_option(session, FOR_AUTO[k]);
    if (strcmp(value->text, value->info->default_value))
      return heta_i_fail(error, HETA_E_ARGUMENT, "option %s needs --probes auto", FOR_AUTO[k]);
  }
  if (is(session, "gradsq") && heta_i_option_is(session, "probes", "auto"))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--curvature gradsq is exact and takes no probes; leave --probes away");
  const heta_i_value *probes = heta_i_option(session, "probes");
  if (factored(session) && strcmp(probes->text, probes->info->default_value))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--curvature %s takes twice its rank in products and no probes; leave "
                       "--probes away, and give the rank: %s:32",
                       kind_of(session),
                       lowrank_of(session, 0).global ? "lowrank-global" : "lowrank");
  if (factored(session) && heta_i_option(session, "curvature")->argument == 0)
    return heta_i_fail(error, HETA_E_ARGUMENT, "--curvature %s: the rank is at least 1",
                       kind_of(session));
  HETA_TRY(check_layers(session, error));
  return check_estimator(session, error);
}

/* ---- Work ------------------------------------------------------------------------------------ */

heta_status heta_i_sensitivity_plan(heta_i_session *session, int phase, size_t series,
                                    heta_error *error) {
  session->least_probes = 0;
  if (factored(session)) {
    heta_i_lowrank work = lowrank_of(session, series);
    session->bytes = heta_i_lowrank_bytes(session, &work);
    return heta_i_lowrank_items(session, &work, phase, error);
  }
  if (!probed(session)) return HETA_OK;
  size_t samples = heta_i_sensitivity_samples(session);
  double tolerance = adaptive(session) ? heta_i_option_number(session, "tolerance") : 0;
  session->least_probes = sketched(session)   ? RANK + SKETCH_LEAST
                          : adaptive(session) ? HETA_LEAST_AUTO
                                              : 2;
  if (coded(session)) {
    session->bytes = heta_i_coded_bytes(session);
    return heta_i_coded_items(session, &(heta_i_coded_work){phase, series, products_of(session)},
                              error);
  }
  if (!sketched(session)) {
    session->bytes = heta_i_curvature_bytes(session, is(session, "row"));
    return heta_i_curvature_items(session, phase, series, samples, tolerance, HETA_LEAST_AUTO,
                                  is(session, "row"), error);
  }
  session->bytes = heta_i_sketch_bytes(session, RANK, tolerance > 0);
  return heta_i_sketch_items(session,
                             &(heta_i_sketch_work){.phase = phase,
                                                   .series = series,
                                                   .rank = RANK,
                                                   .samples = samples,
                                                   .tolerance = tolerance,
                                                   .least = SKETCH_LEAST},
                             error);
}

heta_status heta_i_sensitivity_run(heta_i_session *session, const heta_i_item *item, size_t series,
                                   heta_error *error) {
  bool gauss_newton = is(session, "gauss-newton");
  if (factored(session)) {
    heta_i_lowrank work = lowrank_of(session, series);
    return heta_i_lowrank_run(session, &work, item, error);
  }
  if (coded(session)) return heta_i_coded_run(session, item, series, gauss_newton, error);
  if (sketched(session)) return heta_i_sketch_run(session, item, series, RANK, gauss_newton, error);
  return heta_i_curvature_run(session, item, series, is(session, "row"), gauss_newton, error);
}

uint32_t heta_i_sensitivity_read(const heta_i_session *session, size_t series, size_t target,
                                 size_t token, double *mean, double *error, double *df) {
  const double *numbers = heta_i_series_at(session, series, target, token);
  size_t count = session->series[series].samples;
  size_t used = probed(session) && coded(session)
                    ? heta_i_coded_estimate(session, target, token, numbers, count, mean, error)
                    : heta_i_estimate(numbers, count, mean, error);
  *df = used ? (double)used - 1 : 0;
  if (used && factored(session)) {
    heta_i_lowrank work = lowrank_of(session, series);
    return (uint32_t)(2 * heta_i_lowrank_rank(session, &work));
  }
  return (uint32_t)(used ? used + core_of(session) : 0);
}

void heta_i_sensitivity_describe(const heta_i_session *session, heta_component_info *curvature,
                                 heta_component_info *envelope) {
  static const char *const UNITS[2][2] = {
      {"nat per embedding unit squared", "squared nat per squared embedding unit"},
      {"nat per hidden-state unit squared", "squared nat per squared hidden-state unit"}};
  bool late = !heta_i_option_is(session, "layers", "all");
  curvature->unit = UNITS[late][is(session, "gradsq")];
  if (is(session, "gradsq")) return;
  const char *name = kind_of(session);
  if (!strcmp(name, "lowrank")) name = "lowrank:64";
  if (!strcmp(name, "lowrank-global")) name = "lowrank-global:64";
  curvature->exact = envelope->exact = false;
  curvature->estimator = envelope->estimator = name;
}
