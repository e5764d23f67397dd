/* lowrank.c: curvature from a low-rank factorisation (HETA-LR of arXiv 2604.13258).
 *
 * Per block: Y = H_ii Ω for k random normal columns, Q an orthonormal base of Y's columns, B =
 * Qᵀ H_ii Q made symmetric: k products for Y and k for B (Halko, Martinsson & Tropp, SIAM Review
 * 2011). Then S_i = E‖Q B Qᵀ r‖₁ for random signs r, with which no product is taken. Global: the
 * same with the whole Hessian in the place of H_ii, and Q_i B Q_iᵀ, Q_i the token's rows of Q, in
 * the place of its block. What the rank leaves out is missing from S: it is too small. */
#include "method/lowrank.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/eigen.h"
#include "base/random.h"

enum { FREE = 64 }; /* free directions behind one value of the series */

/* ---- Work items ----------------------------------------------------------------------------- */

static size_t group_end(const heta_i_session *session, size_t target) {
  size_t end = target + session->target_group;
  return end < session->row_count ? end : session->row_count;
}

static size_t width_of(const heta_i_session *session) { return session->model->hyper.width; }

/* Tokens whose Hessian it is: with a joint objective the targets' own do not move. */
static size_t moved(const heta_i_session *session) {
  return session->joint ? session->row_length : session->length;
}

static size_t least_of(size_t a, size_t b) { return a < b ? a : b; }

size_t heta_i_lowrank_rank(const heta_i_session *session, const heta_i_lowrank *work) {
  size_t rows = work->global ? moved(session) * width_of(session) : width_of(session);
  return least_of(work->rank, rows);
}

static heta_status add_item(heta_i_session *session, const heta_i_lowrank *work, int phase,
                            size_t target, size_t from, size_t to, heta_error *error) {
  size_t end = group_end(session, target), group = end - target, n = session->length, rows = 0;
  double k = (double)heta_i_lowrank_rank(session, work);
  for (size_t i = from; i < to; i++) rows += work->global ? 0 : n - i;
  if (work->global) rows = n;
  size_t products = 2 * (size_t)k * group * (work->global ? 1 : to - from);
  double passes = k * (1.0 + (double)group) + k * 2.0 * (double)group; /* for Y, for B */
  return heta_i_add_item(
      session,
      (heta_i_item){.phase = phase,
                    .name = "curvature",
                    .target = target,
                    .target_end = end,
                    .token = from,
                    .token_end = to,
                    .sample_end = HETA_LOWRANK_SAMPLES,
                    .fills = 1u << work->series,
                    .hvps = products,
                    .flop = heta_i_product_flop(session, passes * (double)rows,
                                                2.0 * (double)products * heta_i_heads(session))},
      error);
}

heta_status heta_i_lowrank_items(heta_i_session *session, const heta_i_lowrank *work, int phase,
                                 heta_error *error) {
  size_t n = session->length, tokens = session->row_length, k = heta_i_lowrank_rank(session, work);
  for (size_t t = 0; t < session->row_count; t += session->target_group)
    for (size_t from = 0, to; from < tokens; from = to) {
      to = work->global ? tokens : from;
      for (size_t rows = 0; to < tokens && (to == from || rows * k < session->lane_rows); to++)
        rows += n - to; /* tokens whose columns fill a batch */
      HETA_TRY(add_item(session, work, phase, t, from, to, error));
    }
  return HETA_OK;
}

/* Tokens of one item at most: the last, short ones fill a batch together. */
static size_t most_tokens(const heta_i_session *session, size_t k) {
  size_t count = 0;
  for (size_t rows = 0; count < session->length && (!count || rows * k < session->lane_rows);)
    rows += ++count;
  return count;
}

uint64_t heta_i_lowrank_bytes(const heta_i_session *session, const heta_i_lowrank *work) {
  uint64_t n = session->length, d = width_of(session), k = heta_i_lowrank_rank(session, work);
  uint64_t group = session->target_group, threads = (uint64_t)session->threads;
  uint64_t scratch = threads * 8 * (d * k + d + 2 * k), cores = group * k * k * 8;
  if (!work->global) {
    uint64_t tokens = most_tokens(session, k);
    return scratch + tokens * (cores + (1 + 2 * group) * k * d * 8);
  }
  uint64_t most = session->lane_rows / n ? session->lane_rows / n : 1;
  return scratch + cores + group * k * n * d * 8 + most * (group + 1) * n * d * 8;
}

/* ---- What both have in common --------------------------------------------------------------- */

static double dot(const double *x, const double *y, size_t size) {
  double sum = 0;
  for (size_t e = 0; e < size; e++) sum += x[e] * y[e];
  return sum;
}

static void symmetric(double *core, size_t k) {
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j < i; j++)
      core[i * k + j] = core[j * k + i] = 0.5 * (core[i * k + j] + core[j * k + i]);
}

/* The token's values: means of ‖Q B Qᵀ r‖₁. q: [width × k]; scratch: [width + 2 k]. */
static void evaluate(const heta_i_session *session, size_t token, size_t k, const double *q,
                     const double *core, double *scratch, double *values) {
  size_t d = width_of(session);
  double *r = scratch, *x = r + d, *y = x + k;
  for (size_t sample = 0; sample < HETA_LOWRANK_SAMPLES; sample++) {
    double sum = 0;
    for (size_t f = 0; f < FREE; f++) {
      heta_i_rademacher(session->seed, HETA_STREAM_FREE, (uint32_t)token,
                        (uint32_t)(sample * FREE + f), d, r);
      memset(x, 0, k * sizeof *x);
      for (size_t a = 0; a < d; a++)
        for (size_t j = 0; j < k; j++) x[j] += q[a * k + j] * r[a];
      for (size_t j = 0; j < k; j++) y[j] = dot(core + j * k, x, k);
      for (size_t a = 0; a < d; a++) sum += fabs(dot(q + a * k, y, k));
    }
    values[sample] = sum / FREE;
  }
}

/* One item's run. */
typedef struct stint {
  heta_i_session *session;
  const heta_i_lowrank *work;
  const heta_i_item *item;
  size_t width, k, group;
  double *cores;   /* B: [targets × tokens, or one] of [k × k] */
  double *scratch; /* per thread: [width × k + width + 2 k] */
} stint;

static double *scratch_of(const stint *r) {
  return r->scratch + (size_t)omp_get_thread_num() * (r->width * r->k + r->width + 2 * r->k);
}

/* Whether a target still wants this token. */
static bool wants(const stint *r, size_t t, size_t token) {
  for (size_t s = 0; s < HETA_LOWRANK_SAMPLES; s++)
    if (heta_i_due(r->session, r->item, r->work->series, r->item->target + t, token, s))
      return true;
  return false;
}

/* Leaves the token's values in the series; q is [width × k] in the thread's scratch. */
static void give(const stint *r, size_t t, size_t token, const double *core) {
  double *q = scratch_of(r), *rest = q + r->width * r->k;
  double *out = heta_i_series_at(r->session, r->work->series, r->item->target + t, token);
  if (!wants(r, t, token)) return;
  if (token < heta_i_context(r->session, r->item->target + t))
    evaluate(r->session, token, r->k, q, core, rest, out);
  else
    memset(out, 0, HETA_LOWRANK_SAMPLES * sizeof *out);
}

/* ---- Per block ------------------------------------------------------------------------------ */

/* Some tokens' columns: [tokens × k × width], and what the products make of them. */
typedef struct columns {
  size_t *tokens, count;
  double *direction; /* [tokens × k × width] */
  double *result;    /* [tokens × k × targets × width] */
  double *range;     /* Q: [targets × tokens × k × width] */
  heta_i_probe *list;
} columns;

/* result = H direction, of targets [t, t + targets) of the group. */
static heta_status multiply(const stint *r, columns *c, size_t t, size_t targets,
                            heta_error *error) {
  for (size_t e = 0; e < c->count * r->k; e++)
    c->list[e] = (heta_i_probe){c->tokens[e / r->k], 1, c->direction + e * r->width, 1,
                                c->result + e * targets * r->width};
  return heta_i_products(r->session, r->item->target + t, targets, c->list, c->count * r->k, false,
                         error);
}

static heta_status find_ranges(const stint *r, columns *c, heta_error *error) {
  size_t k = r->k, d = r->width, size = k * d;
  for (size_t i = 0; i < c->count; i++)
    for (size_t j = 0; j < k; j++)
      heta_i_normal(r->session->seed, HETA_STREAM_RANGE, (uint32_t)c->tokens[i], (uint32_t)j, d,
                    c->direction + (i * k + j) * d);
  HETA_TRY(multiply(r, c, 0, r->group, error));
#pragma omp parallel for num_threads(r->session->threads) schedule(dynamic)
  for (size_t e = 0; e < r->group * c->count; e++) {
    size_t t = e / c->count, i = e % c->count;
    double *q = c->range + e * size;
    for (size_t j = 0; j < k; j++)
      memcpy(q + j * d, c->result + ((i * k + j) * r->group + t) * d, d * sizeof *q);
    heta_i_orthonormal(q, k, d);
  }
  return HETA_OK;
}

static heta_status run_blocks(const stint *r, columns *c, heta_error *error) {
  size_t k = r->k, d = r->width, size = k * d;
  HETA_TRY(find_ranges(r, c, error));
  for (size_t t = 0; t < r->group; t++) {
    memcpy(c->direction, c->range + t * c->count * size, c->count * size * sizeof(double));
    HETA_TRY(multiply(r, c, t, 1, error));
#pragma omp parallel for num_threads(r->session->threads) schedule(dynamic)
    for (size_t i = 0; i < c->count; i++) {
      const double *range = c->range + (t * c->count + i) * size;
      double *core = r->cores + (t * c->count + i) * k * k, *q = scratch_of(r);
      for (size_t a = 0; a < k; a++)
        for (size_t b = 0; b < k; b++)
          core[a * k + b] = dot(range + a * d, c->result + (i * k + b) * d, d);
      symmetric(core, k);
      for (size_t a = 0; a < d; a++)
        for (size_t j = 0; j < k; j++) q[a * k + j] = range[j * d + a];
      give(r, t, c->tokens[i], core);
    }
  }
  return HETA_OK;
}

static heta_status blocks(stint *r, heta_error *error) {
  size_t room = r->item->token_end - r->item->token, size = r->k * r->width;
  columns c = {.tokens = heta_i_allocate(room, sizeof *c.tokens),
               .direction = heta_i_allocate(room * size, sizeof(double)),
               .result = heta_i_allocate(room * size * r->group, sizeof(double)),
               .range = heta_i_allocate(room * size * r->group, sizeof(double)),
               .list = heta_i_allocate(room * r->k, sizeof *c.list)};
  r->cores = heta_i_allocate(r->group * room * r->k * r->k, sizeof(double));
  heta_status status = HETA_OK;
  if (!c.tokens || !c.direction || !c.result || !c.range || !c.list || !r->cores)
    status = heta_i_no_memory(error, "low-rank blocks", room * size * (1 + 2 * r->group) * 8);
  for (size_t i = r->item->token; !status && i < r->item->token_end; i++)
    for (size_t t = 0; t < r->group; t++)
      if (wants(r, t, i)) {
        c.tokens[c.count++] = i;
        break;
      }
  if (!status && c.count) status = run_blocks(r, &c, error);
  heta_i_free(c.tokens);
  heta_i_free(c.direction);
  heta_i_free(c.result);
  heta_i_free(c.range);
  heta_i_free(c.list);
  heta_i_free(r->cores);
  return status;
}

/* ---- Of the whole window -------------------------------------------------------------------- */

/* Some directions over the whole context at a time, and their products. */
typedef struct window {
  size_t most;       /* directions at a time */
  double *direction; /* [most × n × width] */
  double *result;    /* [most × targets × n × width] */
  double *range;     /* Q: [targets × k × n × width] */
  heta_i_probe *list;
} window;

static heta_status push(const stint *r, window *w, size_t count, size_t t, size_t targets,
                        heta_error *error) {
  size_t n = moved(r->session), size = n * r->width;
  for (size_t g = 0; g < count; g++)
    w->list[g] = (heta_i_probe){0, n, w->direction + g * size, n, w->result + g * targets * size};
  return heta_i_products(r->session, r->item->target + t, targets, w->list, count, false, error);
}

static heta_status find_range(const stint *r, window *w, heta_error *error) {
  size_t n = moved(r->session), size = n * r->width;
  for (size_t from = 0; from < r->k; from += w->most) {
    size_t count = least_of(w->most, r->k - from);
    for (size_t g = 0; g < count; g++)
      for (size_t i = 0; i < n; i++)
        heta_i_normal(r->session->seed, HETA_STREAM_RANGE, (uint32_t)i, (uint32_t)(from + g),
                      r->width, w->direction + g * size + i * r->width);
    HETA_TRY(push(r, w, count, 0, r->group, error));
    for (size_t g = 0; g < count; g++)
      for (size_t t = 0; t < r->group; t++) {
        double *column = w->range + (t * r->k + from + g) * size;
        const double *result = w->result + (g * r->group + t) * size;
        memcpy(column, result, size * sizeof *column);
      }
  }
#pragma omp parallel for num_threads(r->session->threads) schedule(dynamic)
  for (size_t t = 0; t < r->group; t++) heta_i_orthonormal(w->range + t * r->k * size, r->k, size);
  return HETA_OK;
}

static heta_status find_core(const stint *r, window *w, size_t t, heta_error *error) {
  size_t k = r->k, size = moved(r->session) * r->width;
  const double *range = w->range + t * k * size;
  double *core = r->cores + t * k * k;
  for (size_t from = 0; from < k; from += w->most) {
    size_t count = least_of(w->most, k - from);
    memcpy(w->direction, range + from * size, count * size * sizeof *range);
    HETA_TRY(push(r, w, count, t, 1, error));
#pragma omp parallel for num_threads(r->session->threads) schedule(static)
    for (size_t a = 0; a < k; a++)
      for (size_t g = 0; g < count; g++)
        core[a * k + from + g] = dot(range + a * size, w->result + g * size, size);
  }
  symmetric(core, k);
  return HETA_OK;
}

static heta_status run_window(const stint *r, window *w, heta_error *error) {
  size_t k = r->k, d = r->width, size = moved(r->session) * d;
  HETA_TRY(find_range(r, w, error));
  for (size_t t = 0; t < r->group; t++) {
    HETA_TRY(find_core(r, w, t, error));
#pragma omp parallel for num_threads(r->session->threads) schedule(dynamic)
    for (size_t i = 0; i < moved(r->session); i++) {
      double *q = scratch_of(r);
      for (size_t j = 0; j < k; j++)
        for (size_t a = 0; a < d; a++) q[a * k + j] = w->range[(t * k + j) * size + i * d + a];
      give(r, t, i, r->cores + t * k * k);
    }
  }
  return HETA_OK;
}

static heta_status whole(stint *r, heta_error *error) {
  size_t n = moved(r->session), size = n * r->width;
  size_t all = r->session->length; /* rows of a product; those of targets are not moved */
  window w = {.most = r->session->lane_rows / all ? r->session->lane_rows / all : 1};
  w.direction = heta_i_allocate(w.most * size, sizeof *w.direction);
  w.result = heta_i_allocate(w.most * r->group * size, sizeof *w.result);
  w.range = heta_i_allocate(r->group * r->k * size, sizeof *w.range);
  w.list = heta_i_allocate(w.most, sizeof *w.list);
  r->cores = heta_i_allocate(r->group * r->k * r->k, sizeof(double));
  heta_status status = HETA_OK;
  if (!w.direction || !w.result || !w.range || !w.list || !r->cores)
    status = heta_i_no_memory(error, "a low-rank Hessian", r->group * r->k * size * sizeof(double));
  if (!status) status = run_window(r, &w, error);
  heta_i_free(w.direction);
  heta_i_free(w.result);
  heta_i_free(w.range);
  heta_i_free(w.list);
  heta_i_free(r->cores);
  return status;
}

heta_status heta_i_lowrank_run(heta_i_session *session, const heta_i_lowrank *work,
                               const heta_i_item *item, heta_error *error) {
  stint r = {.session = session,
             .work = work,
             .item = item,
             .width = width_of(session),
             .k = heta_i_lowrank_rank(session, work),
             .group = item->target_end - item->target};
  size_t numbers = (size_t)session->threads * (r.width * r.k + r.width + 2 * r.k);
  r.scratch = heta_i_allocate(numbers, sizeof *r.scratch);
  if (!r.scratch) return heta_i_no_memory(error, "low-rank curvature", numbers * sizeof(double));
  heta_status status = work->global ? whole(&r, error) : blocks(&r, error);
  heta_i_free(r.scratch);
  return status;
}
