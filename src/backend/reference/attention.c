/* attention.c (reference): y = A' v with A = softmax(cap(scale q kᵀ)) over the visible keys and
 * A' = edited A; four maps, one row at a time.
 *
 * With s = scale q·k and no cap, per row i and key j (bars are adjoints, dots tangents):
 *
 *   vjp   Ā = α ȳ vᵀ, s̄ = A∘(Ā - ΣA∘Ā), q̄ = scale s̄ k, k̄ = scale s̄ᵀ q, v̄ = A'ᵀ ȳ
 *   jvp   ṡ = scale(q̇ kᵀ + q k̇ᵀ), Ȧ = A∘(ṡ - ΣA∘ṡ), ẏ = α Ȧ v + A' v̇
 *   vjp′  Ā̇ = α(ȳ̇ vᵀ + ȳ v̇ᵀ), s̄̇ = Ȧ∘(Ā - ΣA∘Ā) + A∘(Ā̇ - Σ(Ȧ∘Ā + A∘Ā̇)),
 *         q̄̇ = scale(s̄̇ k + s̄ k̇), k̄̇ = scale(s̄̇ᵀ q + s̄ᵀ q̇), v̄̇ = α Ȧᵀ ȳ + A'ᵀ ȳ̇
 *
 * where α is the scale of the edit of that row (1 without). With a cap c, A is the softmax of
 * z = c tanh(s/c); the maps give z̄, ż and z̄̇ in place of those of s, and with t = 1 - (z/c)²:
 *
 *   s̄ = t z̄, ż = t ṡ, s̄̇ = t z̄̇ - z̄ (2z/c²) ż. */
#include <math.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "backend/reference/reference.h"

enum { ROW_ARRAYS = 8 };

size_t X(reference_attention_scratch)(size_t heads, size_t kv_heads, size_t head_width,
                                      size_t root_rows, size_t lane_rows, bool capped,
                                      int threads) {
  (void)heads, (void)kv_heads, (void)head_width, (void)lane_rows, (void)capped;
  return (size_t)threads * ROW_ARRAYS * root_rows;
}

static int thread_index(void) {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

typedef struct head_view {
  const X(attention) *c;
  size_t head, kv, query_width, key_width;
} head_view;

static head_view view_of(const X(attention) *c, size_t head) {
  return (head_view){c, head, head / (c->heads / c->kv_heads), c->heads * c->head_width,
                     c->kv_heads * c->head_width};
}

static const real *query_at(const head_view *v, const real *q, size_t row) {
  return q + row * v->query_width + v->head * v->c->head_width;
}

static size_t key_offset(const head_view *v, size_t row) {
  return row * v->key_width + v->kv * v->c->head_width;
}

static double dot(const real *a, const real *b, size_t size) {
  double sum = 0;
  for (size_t i = 0; i < size; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

static bool visible(const X(attention) *c, const X(attention_lane) *lane, size_t row, size_t key) {
  if (key > row || (key == lane->hidden && row > key)) return false;
  size_t back = lane->position ? lane->position[row] - lane->position[key] : row - key;
  return !(c->window && back >= c->window);
}

static double capped(const X(attention) *c, double score) {
  return c->cap > 0 ? (double)c->cap * tanh(score / (double)c->cap) : score;
}

/* t and -2z/c² of a capped score z. */
static double cap_slope(const X(attention) *c, real z) {
  return c->cap > 0 ? 1 - ((double)z / (double)c->cap) * ((double)z / (double)c->cap) : 1;
}

static double cap_bend(const X(attention) *c, real z) {
  return c->cap > 0 ? -2 * (double)z / ((double)c->cap * (double)c->cap) : 0;
}

/* Key (or value) `key` of a lane: its own row, or its parent's. */
static const real *lane_key(const head_view *v, const X(attention_lane) *lane, const real *own,
                            const real *parent, size_t key) {
  return key < lane->first ? parent + key_offset(v, key)
                           : own + key_offset(v, lane->offset + key - lane->first);
}

/* Softmax of one row over its visible keys; invisible ones get 0. scores: the capped scores, or
 * NULL when they are not wanted. */
static void softmax_row(const head_view *v, const X(attention_lane) *lane, size_t row, real *a,
                        real *scores) {
  const X(attention) *c = v->c;
  const real *q = query_at(v, c->q, lane->offset + row - lane->first);
  double top = -INFINITY, sum = 0;
  for (size_t j = 0; j <= row; j++) {
    if (scores) scores[j] = 0;
    if (!visible(c, lane, row, j)) continue;
    a[j] = (real)capped(c, (double)c->scale *
                               dot(q, lane_key(v, lane, c->k, lane->parent_k, j), c->head_width));
    if (scores) scores[j] = a[j];
    if ((double)a[j] > top) top = (double)a[j];
  }
  for (size_t j = 0; j <= row; j++) {
    a[j] = visible(c, lane, row, j) ? (real)exp((double)a[j] - top) : 0;
    sum += (double)a[j];
  }
  for (size_t j = 0; j <= row; j++) a[j] = (real)((double)a[j] / sum);
}

/* Applies the edits of (head, row); returns α, their scale. */
static double edit_row(const X(attention_lane) *lane, size_t head, size_t row, real *a) {
  double alpha = 1;
  for (size_t e = 0; e < lane->edit_count; e++) {
    const X(probability_edit) *edit = &lane->edits[e];
    if ((edit->head != SIZE_MAX && edit->head != head) ||
        (edit->row != SIZE_MAX && edit->row != row))
      continue;
    alpha *= (double)edit->scale;
    for (size_t j = 0; j <= row; j++) a[j] = edit->scale * a[j] + (edit->add ? edit->add[j] : 0);
  }
  return alpha;
}

void X(reference_attention_forward)(const X(attention) *c) {
  for (size_t l = 0; l < c->lane_count; l++) {
    const X(attention_lane) *lane = &c->lanes[l];
    size_t keys = lane->first + lane->rows;
#pragma omp parallel for collapse(2) num_threads(c->threads) schedule(static)
    for (size_t index = 0; index < c->head_count; index++)
      for (size_t i = 0; i < lane->rows; i++) {
        size_t head = c->first_head + index;
        head_view v = view_of(c, head);
        real *a = c->scratch + (size_t)thread_index() * ROW_ARRAYS * keys;
        size_t row = lane->first + i;
        softmax_row(&v, lane, row, a, NULL);
        edit_row(lane, head, row, a);
        if (c->probabilities) {
          real *out = c->probabilities + (index * lane->rows + i) * keys;
          memset(out, 0, keys * sizeof *out);
          memcpy(out, a, (row + 1) * sizeof *out);
        }
        real *y = c->y + (lane->offset + i) * v.query_width + head * c->head_width;
        for (size_t u = 0; u < c->head_width; u++) {
          double sum = 0;
          for (size_t j = 0; j <= row; j++)
            sum += (double)a[j] * (double)lane_key(&v, lane, c->v, lane->parent_v, j)[u];
          y[u] = (real)sum;
        }
      }
  }
}

static void clear(real *x, size_t rows, size_t stride, size_t width) {
  for (size_t i = 0; i < rows; i++) memset(x + i * stride, 0, width * sizeof *x);
}

static void add_scaled(real *y, double scale, const real *x, size_t width) {
  for (size_t u = 0; u < width; u++) y[u] += (real)(scale * (double)x[u]);
}

/* What the root run contributes to one row: A, A', α, Ā, ΣA∘Ā, z and z̄ (s and s̄ without cap). */
typedef struct root_row {
  real *a, *edited, *abar, *z, *zbar;
  double alpha, inner;
} root_row;

/* In the first arrays of a thread's scratch; `da`, `dabar` and `dz` of tangents behind them. */
static root_row root_row_at(real *base, size_t n) {
  return (root_row){base, base + n, base + 2 * n, base + 3 * n, base + 4 * n, 0, 0};
}

static void load_root(const head_view *v, const X(attention_lane) *root, size_t row, root_row *r) {
  const X(attention) *c = v->c;
  softmax_row(v, root, row, r->a, r->z);
  memcpy(r->edited, r->a, (row + 1) * sizeof(real));
  r->alpha = edit_row(root, v->head, row, r->edited);
  const real *gy = c->gy ? query_at(v, c->gy, row) : NULL;
  r->inner = 0;
  for (size_t j = 0; j <= row; j++) {
    r->abar[j] = gy ? (real)(r->alpha * dot(gy, c->v + key_offset(v, j), c->head_width)) : 0;
    r->inner += (double)r->a[j] * (double)r->abar[j];
  }
  for (size_t j = 0; j <= row; j++)
    r->zbar[j] = (real)((double)r->a[j] * ((double)r->abar[j] - r->inner));
}

void X(reference_attention_vjp)(const X(attention) *c) {
  const X(attention_lane) *root = c->root;
  size_t n = root->rows, group = c->heads / c->kv_heads;
#pragma omp parallel for num_threads(c->threads) schedule(static)
  for (size_t kv = 0; kv < c->kv_heads; kv++) {
    real *base = c->scratch + (size_t)thread_index() * ROW_ARRAYS * n;
    root_row r = root_row_at(base, n);
    for (size_t head = kv * group; head < (kv + 1) * group; head++) {
      head_view v = view_of(c, head);
      if (head == kv * group) {
        if (!c->accumulate[1]) clear(c->gk + key_offset(&v, 0), n, v.key_width, c->head_width);
        if (!c->accumulate[2]) clear(c->gv + key_offset(&v, 0), n, v.key_width, c->head_width);
      }
      for (size_t row = 0; row < n; row++) {
        load_root(&v, root, row, &r);
        const real *q = query_at(&v, c->q, row), *gy = query_at(&v, c->gy, row);
        real *gq = c->gq + row * v.query_width + head * c->head_width;
        if (!c->accumulate[0]) memset(gq, 0, c->head_width * sizeof *gq);
        for (size_t j = 0; j <= row; j++) {
          double s = (double)c->scale * (double)r.zbar[j] * cap_slope(c, r.z[j]);
          add_scaled(gq, s, c->k + key_offset(&v, j), c->head_width);
          add_scaled(c->gk + key_offset(&v, j), s, q, c->head_width);
          add_scaled(c->gv + key_offset(&v, j), (double)r.edited[j], gy, c->head_width);
        }
      }
    }
  }
}

/* Ȧ and ż of one row of a tangent lane; the lane's keys before `first` have no tangent. */
static void tangent_row(const head_view *v, const X(attention_lane) *lane, size_t row,
                        const root_row *r, real *da, real *dz) {
  const X(attention) *c = v->c;
  const real *q = query_at(v, c->q, row),
             *dq = query_at(v, c->dq, lane->offset + row - lane->first);
  double inner = 0;
  for (size_t j = 0; j <= row; j++) {
    double ds = dot(dq, c->k + key_offset(v, j), c->head_width);
    if (j >= lane->first)
      ds += dot(q, c->dk + key_offset(v, lane->offset + j - lane->first), c->head_width);
    dz[j] = (real)((double)c->scale * ds * cap_slope(c, r->z[j]));
    inner += (double)r->a[j] * (double)dz[j];
  }
  for (size_t j = 0; j <= row; j++) da[j] = (real)((double)r->a[j] * ((double)dz[j] - inner));
}

void X(reference_attention_jvp)(const X(attention) *c) {
  size_t n = c->root->rows;
#pragma omp parallel for collapse(2) num_threads(c->threads) schedule(dynamic)
  for (size_t l = 0; l < c->lane_count; l++)
    for (size_t head = 0; head < c->heads; head++) {
      const X(attention_lane) *lane = &c->lanes[l];
      head_view v = view_of(c, head);
      real *base = c->scratch + (size_t)thread_index() * ROW_ARRAYS * n;
      real *da = base + 5 * n, *dz = base + 7 * n;
      root_row r = root_row_at(base, n);
      for (size_t row = lane->first; row < lane->first + lane->rows; row++) {
        size_t at = lane->offset + row - lane->first;
        load_root(&v, c->root, row, &r);
        tangent_row(&v, lane, row, &r, da, dz);
        real *dy = c->dy + at * v.query_width + head * c->head_width;
        for (size_t u = 0; u < c->head_width; u++) {
          double sum = 0;
          for (size_t j = 0; j <= row; j++) {
            sum += r.alpha * (double)da[j] * (double)c->v[key_offset(&v, j) + u];
            if (j >= lane->first)
              sum += (double)r.edited[j] *
                     (double)c->dv[key_offset(&v, lane->offset + j - lane->first) + u];
          }
          dy[u] = (real)sum;
        }
      }
    }
}

static void vjp_tangent_head(const X(attention) *c, const X(attention_lane) *lane,
                             const head_view *v, real *base) {
  size_t n = c->root->rows;
  root_row r = root_row_at(base, n);
  real *da = base + 5 * n, *dabar = base + 6 * n, *dz = base + 7 * n;
  for (size_t row = lane->first; row < lane->first + lane->rows; row++) {
    size_t at = lane->offset + row - lane->first;
    load_root(v, c->root, row, &r);
    tangent_row(v, lane, row, &r, da, dz);
    const real *q = query_at(v, c->q, row), *dq = query_at(v, c->dq, at);
    const real *gy = c->gy ? query_at(v, c->gy, row) : NULL, *dgy = query_at(v, c->dgy, at);
    double inner = 0;
    for (size_t j = 0; j <= row; j++) {
      double sum = dot(dgy, c->v + key_offset(v, j), c->head_width);
      if (gy && j >= lane->first)
        sum += dot(gy, c->dv + key_offset(v, lane->offset + j - lane->first), c->head_width);
      dabar[j] = (real)(r.alpha * sum);
      inner += (double)da[j] * (double)r.abar[j] + (double)r.a[j] * (double)dabar[j];
    }
    real *dgq = c->dgq + at * v->query_width + v->head * c->head_width;
    if (!c->accumulate[0]) memset(dgq, 0, c->head_width * sizeof *dgq);
    for (size_t j = 0; j <= row; j++) {
      double dzbar = (double)da[j] * ((double)r.abar[j] - r.inner) +
                     (double)r.a[j] * ((double)dabar[j] - inner);
      double slope = cap_slope(c, r.z[j]), s = (double)c->scale * (double)r.zbar[j] * slope;
      double ds = (double)c->scale *
                  (slope * dzbar + cap_bend(c, r.z[j]) * (double)r.zbar[j] * (double)dz[j]);
      add_scaled(dgq, ds, c->k + key_offset(v, j), c->head_width);
      if (j < lane->first) continue;
      size_t own = key_offset(v, lane->offset + j - lane->first);
      add_scaled(dgq, s, c->dk + own, c->head_width);
      add_scaled(c->dgk + own, ds, q, c->head_width);
      add_scaled(c->dgk + own, s, dq, c->head_width);
      if (gy) add_scaled(c->dgv + own, r.alpha * (double)da[j], gy, c->head_width);
      add_scaled(c->dgv + own, (double)r.edited[j], dgy, c->head_width);
    }
  }
}

void X(reference_attention_vjp_tangent)(const X(attention) *c) {
  size_t n = c->root->rows, group = c->heads / c->kv_heads;
#pragma omp parallel for collapse(2) num_threads(c->threads) schedule(dynamic)
  for (size_t l = 0; l < c->lane_count; l++)
    for (size_t kv = 0; kv < c->kv_heads; kv++) {
      const X(attention_lane) *lane = &c->lanes[l];
      real *base = c->scratch + (size_t)thread_index() * ROW_ARRAYS * n;
      for (size_t head = kv * group; head < (kv + 1) * group; head++) {
        head_view v = view_of(c, head);
        size_t own = key_offset(&v, lane->offset);
        if (head == kv * group) {
          if (!c->accumulate[1]) clear(c->dgk + own, lane->rows, v.key_width, c->head_width);
          if (!c->accumulate[2]) clear(c->dgv + own, lane->rows, v.key_width, c->head_width);
        }
        vjp_tangent_head(c, lane, &v, base);
      }
    }
}
