/* gate.c: semantic transition influence M (arXiv 2604.13258: attention-value flow), and
 * attention rollout (Abnar & Zuidema 2020).
 *
 * Â = ½A + ½I; R⁰ = I, Rˡ = Âˡ Rˡ⁻¹; Φˡ_i = Rˡ[r, i] for the target's row r; ν_i = ‖v_i W_O‖₁ per
 * head; M_i = Σ_l Σ_h Φ ν / Z. Only row r of each Rˡ is needed: e_rᵀ Âˡ … Â¹. The layers are
 * visited once, from the last to the first; at layer l a new chain starts and every older chain
 * takes one more step, so that only one layer's attention is held at a time. */
#include <math.h>
#include <string.h>

#include "method/method.h"

/* x ← x Â for one chain; only entries up to row `last` are nonzero. a: [n × n] of one head. */
static void step(const double *a, size_t n, size_t last, double *x, double *next) {
  for (size_t j = 0; j <= last; j++) next[j] = 0;
  for (size_t i = 0; i <= last; i++) {
    if (x[i] == 0) continue;
    double half = 0.5 * x[i];
    const double *row = a + i * n;
    for (size_t j = 0; j <= i; j++) next[j] += half * row[j];
    next[i] += half;
  }
  memcpy(x, next, (last + 1) * sizeof *x);
}

static void average_heads(const double *a, size_t heads, size_t n, double *out) {
  memset(out, 0, n * n * sizeof *out);
  for (size_t h = 0; h < heads; h++)
    for (size_t e = 0; e < n * n; e++) out[e] += a[h * n * n + e] / (double)heads;
}

/* ν of one layer: [heads × n]. */
static heta_status value_norms(heta_i_session *session, size_t block, const double *values,
                               double *gathered, double *projected, double *norms,
                               heta_error *error) {
  const heta_i_hyper *hyper = &session->model->hyper;
  size_t n = session->length, group = hyper->heads / hyper->kv_heads, hw = hyper->head_width;
  for (size_t h = 0; h < hyper->heads; h++) {
    for (size_t i = 0; i < n; i++)
      memcpy(gathered + i * hw, values + (i * hyper->kv_heads + h / group) * hw,
             hw * sizeof(double));
    HETA_TRY(session->engine->api->project(session->engine, block, HETA_SITE_ATTENTION_OUT, h * hw,
                                           hw, n, gathered, projected, error));
    for (size_t i = 0; i < n; i++) {
      double sum = 0;
      for (size_t c = 0; c < hyper->width; c++) sum += fabs(projected[i * hyper->width + c]);
      norms[h * n + i] = sum;
    }
  }
  return HETA_OK;
}

typedef struct flow {
  double *probabilities, *average, *values, *gathered, *projected, *norms, *chains, *next;
} flow;

static void flow_free(flow *f) {
  heta_i_free(f->probabilities);
  heta_i_free(f->average);
  heta_i_free(f->values);
  heta_i_free(f->gathered);
  heta_i_free(f->projected);
  heta_i_free(f->norms);
  heta_i_free(f->chains);
  heta_i_free(f->next);
}

static heta_status flow_open(const heta_i_session *session, size_t chains, flow *f,
                             heta_error *error) {
  const heta_i_hyper *hyper = &session->model->hyper;
  size_t n = session->length;
  f->probabilities = heta_i_allocate(hyper->heads * n * n, sizeof(double));
  f->average = heta_i_allocate(n * n, sizeof(double));
  f->values = heta_i_allocate(n * hyper->kv_heads * hyper->head_width, sizeof(double));
  f->gathered = heta_i_allocate(n * hyper->head_width, sizeof(double));
  f->projected = heta_i_allocate(n * hyper->width, sizeof(double));
  f->norms = heta_i_allocate(hyper->heads * n, sizeof(double));
  f->chains = heta_i_allocate(chains * n, sizeof(double));
  f->next = heta_i_allocate(n, sizeof(double));
  if (f->probabilities && f->average && f->values && f->gathered && f->projected && f->norms &&
      f->chains && f->next)
    return HETA_OK;
  return heta_i_no_memory(error, "the attention flow",
                          (hyper->heads * n + chains) * n * sizeof(double));
}

static heta_status read_layer(heta_i_session *session, size_t block, bool values, flow *f,
                              heta_error *error) {
  const heta_i_capture wanted[2] = {{HETA_SITE_PROBABILITIES, block, f->probabilities},
                                    {HETA_SITE_VALUE, block, f->values}};
  return session->engine->api->inspect(session->engine, session->run, block, wanted, values ? 2 : 1,
                                       error);
}

/* M[i] += Φ_i ν_i over the chains that start at this layer; they are the newest. */
heta_status heta_i_gate(heta_i_session *session, bool headwise, double *out, heta_error *error) {
  const heta_i_hyper *hyper = &session->model->hyper;
  size_t n = session->length, layers = hyper->layers, targets = session->target_count;
  size_t lanes = headwise ? hyper->heads : 1; /* chains per layer and target */
  flow f = {0};
  heta_status status;
  /* Chain (layer, target, head) ends as Φ once all layers below were applied; its ν is kept beside.
   */
  double *weights = heta_i_allocate(layers * hyper->heads * n, sizeof(double));
  if (!weights)
    return heta_i_no_memory(error, "the gate", layers * hyper->heads * n * sizeof(double));
  HETA_GO(flow_open(session, layers * targets * lanes, &f, error));
  for (size_t block = layers; block-- > 0;) {
    HETA_GO(read_layer(session, block, true, &f, error));
    HETA_GO(value_norms(session, block, f.values, f.gathered, f.projected,
                        weights + block * hyper->heads * n, error));
    if (!headwise) average_heads(f.probabilities, hyper->heads, n, f.average);
    for (size_t start = block; start < layers; start++)
      for (size_t t = 0; t < targets; t++)
        for (size_t h = 0; h < lanes; h++) {
          double *chain = f.chains + ((start * targets + t) * lanes + h) * n;
          size_t row = session->targets[t].position - 1;
          if (start == block) chain[row] = 1;
          step(headwise ? f.probabilities + h * n * n : f.average, n, row, chain, f.next);
        }
  }
  memset(out, 0, targets * n * sizeof *out);
  for (size_t t = 0; t < targets; t++) {
    double *m = out + t * n, sum = 0;
    size_t context = session->targets[t].position;
    for (size_t block = 0; block < layers; block++)
      for (size_t h = 0; h < hyper->heads; h++) {
        const double *phi = f.chains + ((block * targets + t) * lanes + (headwise ? h : 0)) * n;
        const double *nu = weights + (block * hyper->heads + h) * n;
        for (size_t i = 0; i < context; i++) m[i] += phi[i] * nu[i];
      }
    for (size_t i = 0; i < context; i++) sum += m[i];
    for (size_t i = 0; i < context; i++) m[i] = sum > 0 ? m[i] / sum : 1.0 / (double)context;
  }
done:
  flow_free(&f);
  heta_i_free(weights);
  return status;
}

heta_status heta_i_rollout(heta_i_session *session, double *out, heta_error *error) {
  const heta_i_hyper *hyper = &session->model->hyper;
  size_t n = session->length, targets = session->target_count;
  flow f = {0};
  heta_status status;
  HETA_GO(flow_open(session, 1, &f, error));
  memset(out, 0, targets * n * sizeof *out);
  for (size_t t = 0; t < targets; t++) out[t * n + session->targets[t].position - 1] = 1;
  for (size_t block = hyper->layers; block-- > 0;) {
    HETA_GO(read_layer(session, block, false, &f, error));
    average_heads(f.probabilities, hyper->heads, n, f.average);
    for (size_t t = 0; t < targets; t++)
      step(f.average, n, session->targets[t].position - 1, out + t * n, f.next);
  }
done:
  flow_free(&f);
  return status;
}
