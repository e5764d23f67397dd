/* products.c: gradients and Hessian-vector products of the targets' objectives, with respect to the
 * token embeddings or, for curvature of the last layers only (--layers), to the hidden states that
 * enter them. */
#include <string.h>

#include "method/method.h"

/* The objectives by the names of --objective, in the order of heta_i_seed_kind. */
static const struct {
  const char *option, *name, *difference, *sum, *unit;
} OBJECTIVES[] = {{"logprob", "logprob", "logprob_difference", "logprob_sum", "nat"},
                  {"logit", "logit", "logit_difference", "logit_sum", "logit"},
                  {"prob", "prob", "prob_difference", "prob_sum", "probability"},
                  {"logit-prob", "logit_prob", "logit_prob_difference", "logit_prob_sum", "nat"}};

heta_i_seed_kind heta_i_objective_kind(const heta_i_session *session) {
  const heta_i_value *value = heta_i_option(session, "objective");
  size_t kind = value ? 0 : (size_t)session->method->objective;
  while (value && strcmp(OBJECTIVES[kind].option, value->text)) kind++;
  return (heta_i_seed_kind)kind;
}

size_t heta_i_objective(const heta_i_session *session, size_t row, heta_i_seed *seeds) {
  size_t first = session->joint ? 0 : row, end = session->joint ? session->target_count : row + 1;
  heta_i_seed_kind kind = heta_i_objective_kind(session);
  size_t count = 0;
  for (size_t i = first; i < end; i++) {
    const heta_i_target *t = &session->targets[i];
    seeds[count++] = (heta_i_seed){t->position - 1, t->id, 1, kind};
    if (t->foil >= 0) seeds[count++] = (heta_i_seed){t->position - 1, t->foil, -1, kind};
  }
  return count;
}

const char *heta_i_objective_name(const heta_i_session *session) {
  heta_i_seed_kind kind = heta_i_objective_kind(session);
  if (session->joint) return OBJECTIVES[kind].sum;
  return session->contrast ? OBJECTIVES[kind].difference : OBJECTIVES[kind].name;
}

const char *heta_i_objective_unit(const heta_i_session *session) {
  return OBJECTIVES[heta_i_objective_kind(session)].unit;
}

void heta_i_describe_unit(const heta_i_session *session, heta_component_info *components) {
  components[0].unit = heta_i_objective_unit(session);
}

static heta_status reverse(heta_i_session *session, heta_i_run *run, size_t target,
                           heta_i_adjoint **adjoint, heta_error *error) {
  heta_i_seed *seeds = heta_i_allocate(session->target_count + 1, sizeof *seeds);
  if (!seeds)
    return heta_i_no_memory(error, "an objective", (session->target_count + 1) * sizeof *seeds);
  size_t count = heta_i_objective(session, target, seeds);
  heta_status status = session->engine->api->reverse(session->engine, run, seeds, count, NULL,
                                                     session->gradient, adjoint, error);
  heta_i_free(seeds);
  return status;
}

/* Keeps a target's adjoint of a run, and drops those outside its group. */
static heta_status need(heta_i_session *session, heta_i_run *run, heta_i_adjoint **adjoints,
                        size_t target, heta_error *error) {
  if (adjoints[target]) return HETA_OK;
  size_t group = target / session->target_group * session->target_group;
  for (size_t t = 0; t < session->row_count; t++)
    if (t < group || t >= group + session->target_group) {
      session->engine->api->adjoint_free(adjoints[t]);
      adjoints[t] = NULL;
    }
  return reverse(session, run, target, &adjoints[target], error);
}

heta_status heta_i_need_adjoint(heta_i_session *session, size_t target, heta_error *error) {
  return need(session, session->run, session->adjoints, target, error);
}

heta_status heta_i_gradient(heta_i_session *session, size_t target, double *out,
                            heta_error *error) {
  HETA_TRY(reverse(session, session->run, target, NULL, error));
  memcpy(out, session->gradient, session->length * session->model->hyper.width * sizeof *out);
  return HETA_OK;
}

/* ---- The last layers ------------------------------------------------------------------------- */

/* Blocks that curvature passes through. */
static size_t blocks_of(const heta_i_session *session) {
  return session->layers ? session->layers : session->model->hyper.layers;
}

double heta_i_product_flop(const heta_i_session *session, double rows, double heads) {
  double share = (double)blocks_of(session) / (double)session->model->hyper.layers;
  return heta_i_probe_flop(session, share * rows, heads);
}

/* The clean run's last blocks once more, as a run of their own. */
static heta_status open_late(heta_i_session *session, heta_error *error) {
  const heta_i_engine_api *api = session->engine->api;
  size_t n = session->length, targets = session->target_count;
  size_t begin = session->model->hyper.layers - session->layers;
  double *hidden = heta_i_allocate(n * session->model->hyper.width, sizeof *hidden);
  size_t *rows = heta_i_allocate(targets, sizeof *rows);
  session->late_adjoints = heta_i_allocate(targets, sizeof *session->late_adjoints);
  heta_status status = HETA_OK;
  if (!hidden || !rows || !session->late_adjoints)
    status = heta_i_no_memory(error, "hidden states", n * session->model->hyper.width * 8);
  for (size_t t = 0; !status && t < targets; t++) rows[t] = session->targets[t].position - 1;
  heta_i_capture wanted = {HETA_SITE_RESIDUAL_BEFORE, begin, hidden};
  if (!status) status = api->inspect(session->engine, session->run, begin, &wanted, 1, error);
  heta_i_lane lane = heta_i_lane_of(session->tokens, n);
  lane.input = hidden;
  if (!status)
    status = api->run(session->engine, &lane, begin, rows, targets, &session->late, error);
  heta_i_free(hidden);
  heta_i_free(rows);
  if (status) heta_i_products_close(session);
  return status;
}

static heta_status need_products(heta_i_session *session, size_t target, heta_error *error) {
  if (!session->layers) return heta_i_need_adjoint(session, target, error);
  if (!session->late) HETA_TRY(open_late(session, error));
  return need(session, session->late, session->late_adjoints, target, error);
}

heta_status heta_i_product_gradient(heta_i_session *session, size_t target, heta_error *error) {
  heta_i_adjoint **kept = session->layers ? session->late_adjoints : session->adjoints;
  if (kept) {
    session->engine->api->adjoint_free(kept[target]);
    kept[target] = NULL;
  }
  return need_products(session, target, error);
}

heta_status heta_i_products(heta_i_session *session, size_t target, size_t targets,
                            const heta_i_probe *probes, size_t count, bool gauss_newton,
                            heta_error *error) {
  for (size_t t = target; t < target + targets; t++) HETA_TRY(need_products(session, t, error));
  heta_i_run *run = session->layers ? session->late : session->run;
  heta_i_adjoint **adjoints = session->layers ? session->late_adjoints : session->adjoints;
  return session->engine->api->probes(session->engine, run, adjoints + target, targets, probes,
                                      count, gauss_newton, error);
}

void heta_i_products_close(heta_i_session *session) {
  for (size_t t = 0; session->late_adjoints && t < session->target_count; t++)
    session->engine->api->adjoint_free(session->late_adjoints[t]);
  heta_i_free(session->late_adjoints);
  session->late_adjoints = NULL;
  if (session->late) session->engine->api->run_free(session->late);
  session->late = NULL;
}
