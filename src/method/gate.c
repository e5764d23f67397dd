/* gate.c: semantic transition influence M (arXiv 2604.13258: attention-value flow), and
 * attention rollout (Abnar & Zuidema 2020).
 *
 * Â = ½A + ½I; R⁰ = I, Rˡ = Âˡ Rˡ⁻¹; Φˡ_i = Rˡ[r, i] for the target's row r; ν_i = ‖v_i W_O‖₁ per
 * head; M_i = Σ_l Σ_h Φ ν / Z. Only row r of each Rˡ is needed: e_rᵀ Âˡ … Â¹. The layers are
 * visited once, from the last to the first; at layer l a new chain starts and every older chain
 * takes one more step, so that the attention of one head of one layer is all that is seen at a
 * time. */
#include <math.h>
#include <string.h>

#include "method/method.h"

enum { TILE = 32 }; /* columns that one thread takes at a time */

/* One chain x and where x Â goes; only entries up to row `last` are nonzero. */
typedef struct link {
  double *x, *next;
  size_t last;
} link;

/* Columns [from, from + TILE) of x Â for every chain. a: [n × n] of one head. A row of it is read
 * once for all chains; each sum runs over the rows in their order. */
static void step_tile(const double *a, size_t n, const link *links, size_t count, size_t from) {
  for (size_t c = 0; c < count; c++)
    for (size_t j = from; j < from + TILE && j <= links[c].last; j++) links[c].next[j] = 0;
  for (size_t i = from; i < n; i++) {
    size_t end = i < from + TILE ? i + 1 : from + TILE;
    const double *row = a + i * n;
    for (size_t c = 0; c < count; c++) {
      double half = i <= links[c].last ? 0.5 * links[c].x[i] : 0;
      double *next = links[c].next;
      if (half == 0) continue;
      for (size_t j = from; j < end; j++) next[j] += half * row[j];
      if (i < end) next[i] += half;
    }
  }
}

/* x ← x Â for every chain. Threads share out columns, which are sums of their own. */
static void step(const double *a, size_t n, const link *links, size_t count, int threads) {
#pragma omp parallel for num_threads(threads) schedule(dynamic)
  for (size_t from = 0; from < n; from += TILE) step_tile(a, n, links, count, from);
  for (size_t c = 0; c < count; c++)
    memcpy(links[c].x, links[c].next, (links[c].last + 1) * sizeof *links[c].x);
}

/* ν of one layer: [heads × n]. */
static heta_status value_norms(heta_i_session *session, size_t block, double *values,
                               double *gathered, double *projected, double *norms,
                               heta_error *error) {
  const heta_i_hyper *hyper = &session->model->hyper;
  size_t n = session->length, group = hyper->heads / hyper->kv_heads, hw = hyper->head_width;
  const heta_i_capture wanted = {HETA_SITE_VALUE, block, values};
  HETA_TRY(session->engine->api->inspect(session->engine, session->run, block, &wanted, 1, error));
  for (size_t h = 0; h < hyper->heads; h++) {
    for (size_t i = 0; i < n; i++)
      memcpy(gathered + i * hw, values + (i * hyper->kv_heads + h / group) * hw,
             hw * sizeof(double));
    HETA_TRY(session->engine->api->project(session->engine, block, HETA_SITE_ATTENTION_OUT, h * hw,
                                           hw, n, gathered, projected, error));
#pragma omp parallel for num_threads(session->threads)
    for (size_t i = 0; i < n; i++)
      norms[h * n + i] = heta_i_l1(projected + i * hyper->width, hyper->width);
  }
  return HETA_OK;
}

/* Chain (layer, target, lane) begins at a layer with its target's row and becomes Φ once all layers
 * below were applied. A lane is a head, or all heads on average. */
typedef struct flow {
  const heta_i_session *session;
  size_t begin, lanes;   /* chains begin at layers `begin` and later */
  size_t block;          /* being visited */
  double *average;       /* [n × n]; NULL when every head is a lane */
  double *chains, *next; /* [layers from begin × targets × lanes × n], the same for one lane */
  link *links;           /* those that take a step together */
} flow;

static void flow_free(flow *f) {
  heta_i_free(f->average);
  heta_i_free(f->chains);
  heta_i_free(f->next);
  heta_i_free(f->links);
}

static heta_status flow_open(const heta_i_session *session, size_t begin, bool headwise, flow *f,
                             heta_error *error) {
  const heta_i_hyper *hyper = &session->model->hyper;
  *f = (flow){.session = session, .begin = begin, .lanes = headwise ? hyper->heads : 1};
  size_t n = session->length, links = (hyper->layers - begin) * session->target_count;
  size_t chains = links * f->lanes;
  if (!headwise) f->average = heta_i_allocate(n * n, sizeof(double));
  f->chains = heta_i_allocate(chains * n, sizeof(double));
  f->next = heta_i_allocate(links * n, sizeof(double));
  f->links = heta_i_allocate(links, sizeof *f->links);
  if ((headwise || f->average) && f->chains && f->next && f->links) return HETA_OK;
  return heta_i_no_memory(error, "the attention flow", (chains + links) * n * sizeof(double));
}

static double *chain_at(const flow *f, size_t layer, size_t target, size_t lane) {
  size_t index = ((layer - f->begin) * f->session->target_count + target) * f->lanes + lane;
  return f->chains + index * f->session->length;
}

/* One step of every chain of a lane that began at this block or above. */
static void step_chains(flow *f, size_t lane, const double *a) {
  const heta_i_session *s = f->session;
  size_t layers = s->model->hyper.layers, count = 0;
  for (size_t layer = f->block > f->begin ? f->block : f->begin; layer < layers; layer++)
    for (size_t t = 0; t < s->target_count; t++, count++) {
      link *one = &f->links[count];
      *one = (link){chain_at(f, layer, t, lane), f->next + count * s->length,
                    s->targets[t].position - 1};
      if (layer == f->block) one->x[one->last] = 1;
    }
  step(a, s->length, f->links, count, s->threads);
}

static void take_head(void *context, size_t head, const double *a) {
  flow *f = context;
  size_t n = f->session->length, heads = f->session->model->hyper.heads;
  if (!f->average) {
    step_chains(f, head, a);
    return;
  }
  if (!head) memset(f->average, 0, n * n * sizeof *f->average);
#pragma omp parallel for num_threads(f->session->threads)
  for (size_t e = 0; e < n * n; e++) f->average[e] += a[e] / (double)heads;
  if (head == heads - 1) step_chains(f, 0, f->average);
}

static heta_status visit(heta_i_session *session, size_t block, flow *f, heta_error *error) {
  f->block = block;
  return session->engine->api->attend(session->engine, session->run, block, take_head, f, error);
}

/* All of ν: [layers × heads × n]. */
static heta_status all_norms(heta_i_session *session, double *norms, heta_error *error) {
  const heta_i_hyper *hyper = &session->model->hyper;
  size_t n = session->length;
  double *values = heta_i_allocate(n * hyper->kv_heads * hyper->head_width, sizeof(double));
  double *gathered = heta_i_allocate(n * hyper->head_width, sizeof(double));
  double *projected = heta_i_allocate(n * hyper->width, sizeof(double));
  heta_status status = HETA_OK;
  if (!values || !gathered || !projected)
    status = heta_i_no_memory(error, "values", n * hyper->width * sizeof(double));
  for (size_t block = 0; !status && block < hyper->layers; block++)
    status = value_norms(session, block, values, gathered, projected,
                         norms + block * hyper->heads * n, error);
  heta_i_free(values);
  heta_i_free(gathered);
  heta_i_free(projected);
  return status;
}

/* M of one target: Σ Φ ν over layers and heads, normalised. */
static void add_up(const flow *f, size_t target, const double *norms, double *m) {
  const heta_i_hyper *hyper = &f->session->model->hyper;
  size_t n = f->session->length, context = f->session->targets[target].position;
  double sum = 0;
  for (size_t layer = 0; layer < hyper->layers; layer++)
    for (size_t h = 0; h < hyper->heads; h++) {
      const double *phi = chain_at(f, layer, target, f->average ? 0 : h);
      const double *nu = norms + (layer * hyper->heads + h) * n;
      for (size_t i = 0; i < context; i++) m[i] += phi[i] * nu[i];
    }
  for (size_t i = 0; i < context; i++) sum += m[i];
  for (size_t i = 0; i < context; i++) m[i] = sum > 0 ? m[i] / sum : 1.0 / (double)context;
}

/* A target's flow into the rows of the result; the joint one is the mean over all targets of what
 * reaches the row's tokens. */
static void put_flow(const heta_i_session *session, size_t target, const double *reaching,
                     double *out) {
  size_t n = session->row_length;
  double sum = 0;
  if (!session->joint) {
    memcpy(out + target * n, reaching, n * sizeof *out);
    return;
  }
  for (size_t i = 0; i < n; i++) sum += reaching[i];
  for (size_t i = 0; i < n; i++)
    out[i] += (sum > 0 ? reaching[i] / sum : 1.0 / (double)n) / (double)session->target_count;
}

heta_status heta_i_gate(heta_i_session *session, bool headwise, double *out, heta_error *error) {
  const heta_i_hyper *hyper = &session->model->hyper;
  size_t n = session->length, numbers = hyper->layers * hyper->heads * n;
  flow f = {0};
  heta_status status;
  double *norms = heta_i_allocate(numbers, sizeof *norms), *one = heta_i_allocate(n, sizeof *one);
  if (!norms || !one) {
    status = heta_i_no_memory(error, "the gate", (numbers + n) * sizeof *norms);
    goto done;
  }
  HETA_GO(flow_open(session, 0, headwise, &f, error));
  HETA_GO(all_norms(session, norms, error));
  for (size_t block = hyper->layers; block-- > 0;) HETA_GO(visit(session, block, &f, error));
  memset(out, 0, session->row_count * session->row_length * sizeof *out);
  for (size_t t = 0; t < session->target_count; t++) {
    memset(one, 0, n * sizeof *one);
    add_up(&f, t, norms, one);
    put_flow(session, t, one, out);
  }
done:
  flow_free(&f);
  heta_i_free(norms);
  heta_i_free(one);
  return status;
}

heta_status heta_i_rollout(heta_i_session *session, double *out, heta_error *error) {
  size_t layers = session->model->hyper.layers;
  flow f = {0};
  heta_status status;
  HETA_GO(flow_open(session, layers - 1, false, &f, error));
  for (size_t block = layers; block-- > 0;) HETA_GO(visit(session, block, &f, error));
  memset(out, 0, session->row_count * session->row_length * sizeof *out);
  for (size_t t = 0; t < session->target_count; t++)
    put_flow(session, t, chain_at(&f, layers - 1, t, 0), out);
done:
  flow_free(&f);
  return status;
}
