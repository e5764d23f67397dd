/* attention.c (cpu): the four maps of attention as small matrix products per lane and head, by
 * oneDNN. The shape of each product depends on its own lane only, so that batching changes no bit.
 * Formulas and names: the reference backend's attention.c; edited probabilities are left to that.
 */
#include <math.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "backend/cpu/cpu.h"
#include "backend/reference/reference.h"

/* The tables of the root run hold A, Ā - ΣA∘Ā and s̄ of some heads at a time: at most this many
 * numbers, unless one key/value head alone needs more. */
enum { TABLE_NUMBERS = 1 << 22 };

/* Rows of a lane are taken so many at a time, each stripe against the keys that its last row sees:
 * keys that no row of it sees cost nothing. */
enum { STRIPE = 64 };

/* Floats from one row of a matrix of keys to the next: an odd number of cache lines, so that a
 * column is spread over the whole cache. At a multiple of 4096 bytes its values would all meet in
 * one place, and products with the transposed matrix run at half the rate. */
enum { LINE = 16 };

static size_t stride_of(size_t keys) { return ((keys + LINE - 1) / LINE | 1) * LINE; }

static size_t stripe_end(size_t from, size_t rows) {
  return rows - from < STRIPE ? rows : from + STRIPE;
}

/* Matrices of n rows of keys, of a head and of a thread; with a cap, z and ż besides. */
static size_t tables_each(bool capped) { return capped ? 4 : 3; }
static size_t thread_matrices_each(bool capped) { return capped ? 3 : 2; }

static size_t heads_at_once(size_t heads, size_t kv_heads, bool capped, size_t n) {
  size_t group = heads / kv_heads;
  size_t at_once = TABLE_NUMBERS / (tables_each(capped) * group * n * stride_of(n));
  return at_once < 1 ? 1 : at_once > kv_heads ? kv_heads : at_once;
}

size_t heta_i_cpu_attention_scratch(size_t heads, size_t kv_heads, size_t head_width,
                                    size_t root_rows, size_t lane_rows, bool capped, int threads) {
  size_t group = heads / kv_heads, n = root_rows;
  /* A shorter root takes more heads at a time: what any root of at most n rows may fill. */
  size_t size = n * stride_of(n);
  size_t tables = tables_each(capped) * heads * size, one = tables_each(capped) * group * size;
  if (tables > TABLE_NUMBERS) tables = one > TABLE_NUMBERS ? one : TABLE_NUMBERS;
  size_t reference = heta_i_reference_attention_scratch_f32(heads, kv_heads, head_width, root_rows,
                                                            lane_rows, capped, threads);
  size_t own = tables + (size_t)threads * thread_matrices_each(capped) * size;
  return own > reference ? own : reference;
}

static int thread_index(void) {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

/* Whether the root run's probabilities are edited; tangent lanes have no edits of their own. */
static bool edited(const heta_i_attention_f32 *c) { return c->root->edit_count > 0; }

HETA_CLONES static void softmax(float *a, size_t visible, size_t keys, size_t hidden) {
  if (hidden < visible) a[hidden] = -INFINITY;
  float top = a[0], sum = 0;
  for (size_t j = 0; j < visible; j++) top = a[j] > top ? a[j] : top;
#pragma omp simd reduction(+ : sum)
  for (size_t j = 0; j < visible; j++) {
    a[j] = heta_i_cpu_exp(a[j] - top);
    sum += a[j];
  }
  if (hidden < visible) { /* the clamped exponential of -inf is tiny, not 0 */
    sum -= a[hidden];
    a[hidden] = 0;
  }
  float scale = 1.0f / sum;
  for (size_t j = 0; j < visible; j++) a[j] *= scale;
  for (size_t j = visible; j < keys; j++) a[j] = 0;
}

/* The key `row` may not see, or SIZE_MAX. */
static size_t hidden_from(const heta_i_attention_lane_f32 *lane, size_t row) {
  return row > lane->hidden ? lane->hidden : SIZE_MAX;
}

HETA_CLONES static void cap_row(float *z, size_t count, float cap) {
  float inverse = 1.0f / cap;
#pragma omp simd
  for (size_t j = 0; j < count; j++) z[j] = cap * heta_i_cpu_tanh(z[j] * inverse);
}

/* The first key in the window of a row. */
static size_t window_from(const heta_i_attention_f32 *c, const heta_i_attention_lane_f32 *lane,
                          size_t row) {
  const uint32_t *position = lane->position;
  if (!c->window) return 0;
  if (!position) return row >= c->window ? row + 1 - c->window : 0;
  size_t from = 0;
  while (position[row] - position[from] >= c->window) from++;
  return from;
}

/* The probabilities of a row from its scaled scores, in place. z: where to leave the capped scores,
 * or NULL. */
static void probabilities(const heta_i_attention_f32 *c, const heta_i_attention_lane_f32 *lane,
                          size_t row, size_t keys, float *a, float *z) {
  size_t from = window_from(c, lane, row);
  size_t hidden = hidden_from(lane, row), seen = row + 1 - from;
  memset(a, 0, from * sizeof *a);
  if (c->cap > 0) cap_row(a + from, seen, c->cap);
  if (z) memcpy(z, a, (row + 1) * sizeof *a);
  softmax(a + from, seen, keys - from, hidden < from ? SIZE_MAX : hidden - from);
}

static void forward_plain(const heta_i_attention_f32 *c) {
  size_t hw = c->head_width, qw = c->heads * hw, kw = c->kv_heads * hw,
         group = c->heads / c->kv_heads;
  size_t most = 0;
  for (size_t l = 0; l < c->lane_count; l++) {
    size_t keys = c->lanes[l].first + c->lanes[l].rows;
    if (keys > most) most = keys;
  }
#pragma omp parallel for collapse(2) num_threads(c->threads) schedule(dynamic)
  for (size_t l = 0; l < c->lane_count; l++)
    for (size_t index = 0; index < c->head_count; index++) {
      const heta_i_attention_lane_f32 *lane = &c->lanes[l];
      size_t head = c->first_head + index;
      size_t keys = lane->first + lane->rows, at = (head / group) * hw;
      const float *q = c->q + lane->offset * qw + head * hw;
      const float *k = c->k + lane->offset * kw + at, *v = c->v + lane->offset * kw + at;
      float *y = c->y + lane->offset * qw + head * hw;
      size_t ld = stride_of(keys);
      float *a = c->scratch + (size_t)thread_index() * most * stride_of(most);
      for (size_t s = 0, e; s < lane->rows; s = e) {
        e = stripe_end(s, lane->rows);
        if (lane->first)
          heta_i_cpu_product('N', 'T', e - s, lane->first, hw, c->scale, q + s * qw, qw,
                             lane->parent_k + at, kw, false, a, ld);
        heta_i_cpu_product('N', 'T', e - s, e, hw, c->scale, q + s * qw, qw, k, kw, false,
                           a + lane->first, ld);
        for (size_t i = s; i < e; i++)
          probabilities(c, lane, lane->first + i, keys, a + (i - s) * ld, NULL);
        for (size_t i = s; i < e && c->probabilities; i++)
          memcpy(c->probabilities + (index * lane->rows + i) * keys, a + (i - s) * ld,
                 keys * sizeof *a);
        heta_i_cpu_product('N', 'N', e - s, hw, e, 1.0f, a + lane->first, ld, v, kw, false,
                           y + s * qw, qw);
        if (lane->first)
          heta_i_cpu_product('N', 'N', e - s, hw, lane->first, 1.0f, a, ld, lane->parent_v + at, kw,
                             true, y + s * qw, qw);
      }
    }
}

/* Edited lanes run on the reference's kernel, each lane by itself: which kernel a lane runs on must
 * not depend on the lanes beside it. */
void heta_i_cpu_attention_forward(const heta_i_attention_f32 *c) {
  bool any = false;
  for (size_t l = 0; l < c->lane_count; l++) any |= c->lanes[l].edit_count > 0;
  if (!any) {
    forward_plain(c);
    return;
  }
  for (size_t l = 0; l < c->lane_count; l++) {
    heta_i_attention_f32 one = *c;
    one.lanes = &c->lanes[l];
    one.lane_count = 1;
    if (c->lanes[l].edit_count)
      heta_i_reference_attention_forward_f32(&one);
    else
      forward_plain(&one);
  }
}

/* What the root run contributes for one head: n rows each, `ld` apart; z with a cap only. */
typedef struct table {
  float *a, *centered, *sbar, *z;
  size_t ld;
} table;

static table table_of(const heta_i_attention_f32 *c, size_t index) {
  size_t ld = stride_of(c->root->rows), size = c->root->rows * ld;
  float *base = c->scratch + index * tables_each(c->cap > 0) * size;
  return (table){base, base + size, base + 2 * size, c->cap > 0 ? base + 3 * size : NULL, ld};
}

static float *thread_matrices(const heta_i_attention_f32 *c) {
  size_t n = c->root->rows, group = c->heads / c->kv_heads;
  bool capped = c->cap > 0;
  size_t tables = heads_at_once(c->heads, c->kv_heads, capped, n) * group * tables_each(capped);
  return c->scratch +
         (tables + (size_t)thread_index() * thread_matrices_each(capped)) * n * stride_of(n);
}

HETA_CLONES static void center_row(const float *a, float *centered, float *sbar, size_t visible,
                                   size_t keys) {
  float inner = 0;
#pragma omp simd reduction(+ : inner)
  for (size_t j = 0; j < visible; j++) inner += a[j] * centered[j];
  for (size_t j = 0; j < visible; j++) {
    centered[j] -= inner;
    sbar[j] = a[j] * centered[j];
  }
  for (size_t j = visible; j < keys; j++) centered[j] = sbar[j] = 0;
}

/* x ∘= t, the slope of the cap at z. */
HETA_CLONES static void slope_row(const float *z, size_t count, float cap, float *x) {
  float inverse = 1.0f / cap;
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    float y = z[j] * inverse;
    x[j] *= 1 - y * y;
  }
}

/* Rows × keys: S (+)= scale X Yᵀ; row i meets the keys before before + i + 1, and some more. */
static void stripes_nt(size_t rows, size_t before, size_t inner, float scale, const float *x,
                       size_t ldx, const float *y, size_t ldy, bool accumulate, float *s,
                       size_t lds) {
  for (size_t i = 0, e; i < rows; i = e) {
    e = stripe_end(i, rows);
    heta_i_cpu_product('N', 'T', e - i, before + e, inner, scale, x + i * ldx, ldx, y, ldy,
                       accumulate, s + i * lds, lds);
  }
}

/* Y (+)= scale S X, of a matrix S of rows × keys whose row i is 0 from key before + i + 1 on. */
static void stripes_nn(size_t rows, size_t before, size_t columns, float scale, const float *s,
                       size_t lds, const float *x, size_t ldx, bool accumulate, float *y,
                       size_t ldy) {
  for (size_t i = 0, e; i < rows; i = e) {
    e = stripe_end(i, rows);
    heta_i_cpu_product('N', 'N', e - i, columns, before + e, scale, s + i * lds, lds, x, ldx,
                       accumulate, y + i * ldy, ldy);
  }
}

/* Y (+)= scale Sᵀ X, of a square S below its diagonal. */
static void stripes_tn(size_t rows, size_t columns, float scale, const float *s, size_t lds,
                       const float *x, size_t ldx, bool accumulate, float *y, size_t ldy) {
  for (size_t i = 0, e; i < rows; i = e) {
    e = stripe_end(i, rows);
    if (i)
      heta_i_cpu_product('T', 'N', i, columns, e - i, scale, s + i * lds, lds, x + i * ldx, ldx,
                         true, y, ldy);
    heta_i_cpu_product('T', 'N', e - i, columns, e - i, scale, s + i * lds + i, lds, x + i * ldx,
                       ldx, accumulate, y + i * ldy, ldy);
  }
}

/* Fills the tables of key/value heads [kv, kv + count); Ā and s̄ only when there is an adjoint. */
static void fill_tables(const heta_i_attention_f32 *c, size_t kv, size_t count, bool adjoint) {
  size_t hw = c->head_width, qw = c->heads * hw, kw = c->kv_heads * hw,
         group = c->heads / c->kv_heads;
  size_t n = c->root->rows;
#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
  for (size_t index = 0; index < count * group; index++) {
    size_t head = kv * group + index, at = (head / group) * hw;
    table t = table_of(c, index);
    stripes_nt(n, 0, hw, c->scale, c->q + head * hw, qw, c->k + at, kw, false, t.a, t.ld);
    for (size_t i = 0; i < n; i++)
      probabilities(c, c->root, i, n, t.a + i * t.ld, t.z ? t.z + i * t.ld : NULL);
    if (!adjoint) continue;
    if (!c->gy) {
      memset(t.centered, 0, n * t.ld * sizeof(float));
      memset(t.sbar, 0, n * t.ld * sizeof(float));
      continue;
    }
    stripes_nt(n, 0, hw, 1.0f, c->gy + head * hw, qw, c->v + at, kw, false, t.centered, t.ld);
    for (size_t i = 0; i < n; i++) {
      center_row(t.a + i * t.ld, t.centered + i * t.ld, t.sbar + i * t.ld, i + 1, n);
      if (t.z) slope_row(t.z + i * t.ld, i + 1, c->cap, t.sbar + i * t.ld);
    }
  }
}

void heta_i_cpu_attention_vjp(const heta_i_attention_f32 *c) {
  if (edited(c)) {
    heta_i_reference_attention_vjp_f32(c);
    return;
  }
  size_t hw = c->head_width, qw = c->heads * hw, kw = c->kv_heads * hw,
         group = c->heads / c->kv_heads;
  size_t n = c->root->rows, step = heads_at_once(c->heads, c->kv_heads, c->cap > 0, n);
  for (size_t kv = 0; kv < c->kv_heads; kv += step) {
    size_t count = c->kv_heads - kv < step ? c->kv_heads - kv : step;
    fill_tables(c, kv, count, true);
#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (size_t index = 0; index < count; index++)
      for (size_t g = 0; g < group; g++) {
        size_t head = (kv + index) * group + g, at = (kv + index) * hw;
        table t = table_of(c, index * group + g);
        stripes_nn(n, 0, hw, c->scale, t.sbar, t.ld, c->k + at, kw, c->accumulate[0],
                   c->gq + head * hw, qw);
        stripes_tn(n, hw, c->scale, t.sbar, t.ld, c->q + head * hw, qw, g || c->accumulate[1],
                   c->gk + at, kw);
        stripes_tn(n, hw, 1.0f, t.a, t.ld, c->gy + head * hw, qw, g || c->accumulate[2], c->gv + at,
                   kw);
      }
  }
}

HETA_CLONES static void tangent_row(const float *a, float *ds, size_t visible, size_t keys) {
  float inner = 0;
#pragma omp simd reduction(+ : inner)
  for (size_t j = 0; j < visible; j++) inner += a[j] * ds[j];
  for (size_t j = 0; j < visible; j++) ds[j] = a[j] * (ds[j] - inner);
  for (size_t j = visible; j < keys; j++) ds[j] = 0;
}

/* Ȧ of a lane, rows t->ld apart: its keys before `first` have no tangent. dz: where to leave ż when
 * there is a cap, or NULL. */
static void tangent_matrix(const heta_i_attention_f32 *c, const heta_i_attention_lane_f32 *lane,
                           size_t head, size_t at, const table *t, float *da, float *dz) {
  size_t hw = c->head_width, qw = c->heads * hw, kw = c->kv_heads * hw, n = c->root->rows,
         ld = t->ld;
  stripes_nt(lane->rows, lane->first, hw, c->scale, c->dq + lane->offset * qw + head * hw, qw,
             c->k + at, kw, false, da, ld);
  stripes_nt(lane->rows, 0, hw, c->scale, c->q + lane->first * qw + head * hw, qw,
             c->dk + lane->offset * kw + at, kw, true, da + lane->first, ld);
  for (size_t i = 0; i < lane->rows; i++) {
    size_t row = lane->first + i;
    if (t->z) slope_row(t->z + row * ld, row + 1, c->cap, da + i * ld);
    if (t->z && dz) memcpy(dz + i * ld, da + i * ld, (row + 1) * sizeof *dz);
    tangent_row(t->a + row * ld, da + i * ld, row + 1, n);
  }
}

void heta_i_cpu_attention_jvp(const heta_i_attention_f32 *c) {
  if (edited(c)) {
    heta_i_reference_attention_jvp_f32(c);
    return;
  }
  size_t hw = c->head_width, qw = c->heads * hw, kw = c->kv_heads * hw,
         group = c->heads / c->kv_heads;
  size_t n = c->root->rows, step = heads_at_once(c->heads, c->kv_heads, c->cap > 0, n);
  for (size_t kv = 0; kv < c->kv_heads; kv += step) {
    size_t count = c->kv_heads - kv < step ? c->kv_heads - kv : step;
    fill_tables(c, kv, count, false);
#pragma omp parallel for collapse(2) num_threads(c->threads) schedule(dynamic)
    for (size_t l = 0; l < c->lane_count; l++)
      for (size_t index = 0; index < count * group; index++) {
        const heta_i_attention_lane_f32 *lane = &c->lanes[l];
        size_t head = kv * group + index, at = (head / group) * hw;
        table t = table_of(c, index);
        float *da = thread_matrices(c), *dy = c->dy + lane->offset * qw + head * hw;
        tangent_matrix(c, lane, head, at, &t, da, NULL);
        stripes_nn(lane->rows, lane->first, hw, 1.0f, da, t.ld, c->v + at, kw, false, dy, qw);
        stripes_nn(lane->rows, 0, hw, 1.0f, t.a + lane->first * t.ld + lane->first, t.ld,
                   c->dv + lane->offset * kw + at, kw, true, dy, qw);
      }
  }
}

/* Ā̇ becomes s̄̇ in place. */
HETA_CLONES static void adjoint_tangent_row(const float *a, const float *centered, const float *da,
                                            float *dabar, size_t visible, size_t keys) {
  float inner = 0;
#pragma omp simd reduction(+ : inner)
  for (size_t j = 0; j < visible; j++) inner += da[j] * centered[j] + a[j] * dabar[j];
  for (size_t j = 0; j < visible; j++) dabar[j] = da[j] * centered[j] + a[j] * (dabar[j] - inner);
  for (size_t j = visible; j < keys; j++) dabar[j] = 0;
}

/* s̄̇ = t z̄̇ - z̄ (2z/c²) ż in place of z̄̇, with z̄ = A∘(Ā - ΣA∘Ā). */
HETA_CLONES static void bend_row(const float *z, const float *a, const float *centered,
                                 const float *dz, size_t count, float cap, float *ds) {
  float inverse = 1.0f / cap;
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    float y = z[j] * inverse;
    ds[j] = (1 - y * y) * ds[j] - 2 * inverse * y * dz[j] * a[j] * centered[j];
  }
}

static void vjp_tangent_lane(const heta_i_attention_f32 *c, const heta_i_attention_lane_f32 *lane,
                             size_t head, size_t at, const table *t, bool first_of_group) {
  size_t hw = c->head_width, qw = c->heads * hw, kw = c->kv_heads * hw, n = c->root->rows,
         ld = t->ld;
  size_t rows = lane->rows, first = lane->first, corner = first * ld + first;
  float *da = thread_matrices(c), *ds = da + n * ld, *dz = t->z ? ds + n * ld : NULL;
  const float *q = c->q + first * qw + head * hw, *dq = c->dq + lane->offset * qw + head * hw;
  const float *dk = c->dk + lane->offset * kw + at, *dv = c->dv + lane->offset * kw + at;
  const float *gy = c->gy ? c->gy + first * qw + head * hw : NULL;
  const float *dgy = c->dgy + lane->offset * qw + head * hw;
  float *dgq = c->dgq + lane->offset * qw + head * hw;
  float *dgk = c->dgk + lane->offset * kw + at, *dgv = c->dgv + lane->offset * kw + at;
  tangent_matrix(c, lane, head, at, t, da, dz);
  stripes_nt(rows, first, hw, 1.0f, dgy, qw, c->v + at, kw, false, ds, ld);
  if (gy) stripes_nt(rows, 0, hw, 1.0f, gy, qw, dv, kw, true, ds + first, ld);
  for (size_t i = 0; i < rows; i++) {
    size_t row = first + i;
    const float *a = t->a + row * ld, *centered = t->centered + row * ld;
    adjoint_tangent_row(a, centered, da + i * ld, ds + i * ld, row + 1, n);
    if (dz) bend_row(t->z + row * ld, a, centered, dz + i * ld, row + 1, c->cap, ds + i * ld);
  }
  stripes_nn(rows, first, hw, c->scale, ds, ld, c->k + at, kw, c->accumulate[0], dgq, qw);
  stripes_tn(rows, hw, c->scale, ds + first, ld, q, qw, !first_of_group || c->accumulate[1], dgk,
             kw);
  stripes_tn(rows, hw, 1.0f, t->a + corner, ld, dgy, qw, !first_of_group || c->accumulate[2], dgv,
             kw);
  if (!gy) return; /* without adjoints s̄ is 0 too */
  stripes_nn(rows, 0, hw, c->scale, t->sbar + corner, ld, dk, kw, true, dgq, qw);
  stripes_tn(rows, hw, c->scale, t->sbar + corner, ld, dq, qw, true, dgk, kw);
  stripes_tn(rows, hw, 1.0f, da + first, ld, gy, qw, true, dgv, kw);
}

void heta_i_cpu_attention_vjp_tangent(const heta_i_attention_f32 *c) {
  if (edited(c)) {
    heta_i_reference_attention_vjp_tangent_f32(c);
    return;
  }
  size_t hw = c->head_width, group = c->heads / c->kv_heads;
  size_t step = heads_at_once(c->heads, c->kv_heads, c->cap > 0, c->root->rows);
  for (size_t kv = 0; kv < c->kv_heads; kv += step) {
    size_t count = c->kv_heads - kv < step ? c->kv_heads - kv : step;
    fill_tables(c, kv, count, true);
#pragma omp parallel for collapse(2) num_threads(c->threads) schedule(dynamic)
    for (size_t l = 0; l < c->lane_count; l++)
      for (size_t index = 0; index < count; index++)
        for (size_t g = 0; g < group; g++) {
          table t = table_of(c, index * group + g);
          vjp_tangent_lane(c, &c->lanes[l], (kv + index) * group + g, (kv + index) * hw, &t,
                           g == 0);
        }
  }
}
