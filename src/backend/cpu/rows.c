/* rows.c (cpu): RMS norm, SiLU-gated activation and sums in float32; the formulas stand in the
 * reference backend. */
#include <math.h>
#include <string.h>

#include "backend/cpu/cpu.h"
#include "backend/reference/reference.h"

typedef struct row {
  size_t width;
  const float *weight, *a, *b, *da, *db, *gy, *dgy;
  float *y, *dy, *ga, *gb, *dga, *dgb;
  float epsilon;
  bool accumulate, accumulate_b;
} row;

static row row_at(const heta_i_rows_f32 *r, size_t index) {
  size_t own = index * r->width, root = heta_i_primal_row_f32(r, index) * r->width;
  row x = {.width = r->width,
           .weight = r->weight,
           .epsilon = r->epsilon,
           .accumulate = r->accumulate,
           .accumulate_b = r->accumulate_b};
  x.a = r->a ? r->a + root : NULL;
  x.b = r->b ? r->b + root : NULL;
  x.gy = r->gy ? r->gy + (r->dgy ? root : own) : NULL;
  x.da = r->da ? r->da + own : NULL;
  x.db = r->db ? r->db + own : NULL;
  x.dgy = r->dgy ? r->dgy + own : NULL;
  x.y = r->y ? r->y + own : NULL;
  x.dy = r->dy ? r->dy + own : NULL;
  x.ga = r->ga ? r->ga + own : NULL;
  x.gb = r->gb ? r->gb + own : NULL;
  x.dga = r->dga ? r->dga + own : NULL;
  x.dgb = r->dgb ? r->dgb + own : NULL;
  return x;
}

#define EACH_ROW(function)                                                                         \
  _Pragma("omp parallel for num_threads(r->threads) schedule(static)") for (size_t i = 0;          \
                                                                            i < r->rows; i++) {    \
    row x = row_at(r, i);                                                                          \
    function(&x);                                                                                  \
  }

HETA_CLONES static float scale_of(const row *x) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (size_t i = 0; i < x->width; i++) sum += x->a[i] * x->a[i];
  return 1.0f / sqrtf(sum / (float)x->width + x->epsilon);
}

HETA_CLONES static void norm_forward(const row *x) {
  float s = scale_of(x);
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) x->y[i] = s * x->a[i] * x->weight[i];
}

HETA_CLONES static void norm_vjp(const row *x) {
  float s = scale_of(x), zu = 0;
#pragma omp simd reduction(+ : zu)
  for (size_t i = 0; i < x->width; i++) zu += x->a[i] * x->gy[i] * x->weight[i];
  float on_z = -s * s * s * (zu / (float)x->width), keep = x->accumulate ? 1.0f : 0.0f;
  if (!x->accumulate)
#pragma omp simd
    for (size_t i = 0; i < x->width; i++) x->ga[i] = 0;
#pragma omp simd
  for (size_t i = 0; i < x->width; i++)
    x->ga[i] = keep * x->ga[i] + s * x->weight[i] * x->gy[i] + on_z * x->a[i];
}

HETA_CLONES static void norm_jvp(const row *x) {
  float s = scale_of(x), zd = 0;
#pragma omp simd reduction(+ : zd)
  for (size_t i = 0; i < x->width; i++) zd += x->a[i] * x->da[i];
  float on_z = -s * s * s * (zd / (float)x->width);
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) x->dy[i] = x->weight[i] * (s * x->da[i] + on_z * x->a[i]);
}

HETA_CLONES static void norm_vjp_tangent(const row *x) {
  size_t n = x->width;
  float s = scale_of(x), zd = 0, zdu = 0, zu = 0, du = 0;
#pragma omp simd reduction(+ : zd, zdu)
  for (size_t i = 0; i < n; i++) {
    zd += x->a[i] * x->da[i];
    zdu += x->a[i] * x->dgy[i] * x->weight[i];
  }
  if (x->gy) {
#pragma omp simd reduction(+ : zu, du)
    for (size_t i = 0; i < n; i++) {
      float u = x->gy[i] * x->weight[i];
      zu += x->a[i] * u;
      du += x->da[i] * u;
    }
  }
  float mean = 1.0f / (float)n, s3 = s * s * s, ds = -s3 * (zd * mean);
  float on_z = -s3 * ((du + zdu) * mean) - 3 * s * s * ds * (zu * mean), on_dz = -s3 * (zu * mean);
  if (!x->accumulate)
#pragma omp simd
    for (size_t i = 0; i < n; i++) x->dga[i] = 0;
  if (x->gy)
#pragma omp simd
    for (size_t i = 0; i < n; i++)
      x->dga[i] +=
          x->weight[i] * (s * x->dgy[i] + ds * x->gy[i]) + on_z * x->a[i] + on_dz * x->da[i];
  else
#pragma omp simd
    for (size_t i = 0; i < n; i++) x->dga[i] += x->weight[i] * s * x->dgy[i] + on_z * x->a[i];
}

void heta_i_cpu_rms_norm_forward(const heta_i_rows_f32 *r) {
  EACH_ROW(norm_forward)
  if (r->bias) heta_i_add_bias_f32(r);
}
void heta_i_cpu_rms_norm_vjp(const heta_i_rows_f32 *r) { EACH_ROW(norm_vjp) }
void heta_i_cpu_rms_norm_jvp(const heta_i_rows_f32 *r) { EACH_ROW(norm_jvp) }
void heta_i_cpu_rms_norm_vjp_tangent(const heta_i_rows_f32 *r){EACH_ROW(norm_vjp_tangent)}

HETA_INLINE float sigmoid(float x) {
  return 1.0f / (1.0f + heta_i_cpu_exp(-x));
}

HETA_CLONES static void silu_forward(const row *x) {
  const float *restrict a = x->a, *restrict b = x->b;
  float *restrict y = x->y;
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) y[i] = a[i] * sigmoid(a[i]) * b[i];
}

/* The accumulating maps read zeros where there is nothing to add to: one loop body each. */
HETA_INLINE void clear_unless(bool accumulate, float *x, size_t width) {
  if (!accumulate) memset(x, 0, width * sizeof *x);
}

HETA_CLONES static void silu_vjp(const row *x) {
  const float *restrict a = x->a, *restrict b = x->b, *restrict gy = x->gy;
  float *restrict ga = x->ga, *restrict gb = x->gb;
  clear_unless(x->accumulate, ga, x->width);
  clear_unless(x->accumulate_b, gb, x->width);
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) {
    float s = sigmoid(a[i]), f = a[i] * s, f1 = s + f * (1 - s);
    ga[i] += gy[i] * f1 * b[i];
    gb[i] += gy[i] * f;
  }
}

HETA_CLONES static void silu_jvp(const row *x) {
  const float *restrict a = x->a, *restrict b = x->b, *restrict da = x->da, *restrict db = x->db;
  float *restrict dy = x->dy;
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) {
    float s = sigmoid(a[i]), f = a[i] * s, f1 = s + f * (1 - s);
    dy[i] = f1 * da[i] * b[i] + f * db[i];
  }
}

HETA_CLONES static void silu_vjp_tangent(const row *x) {
  const float *restrict a = x->a, *restrict b = x->b, *restrict da = x->da, *restrict db = x->db;
  const float *restrict dgy = x->dgy, *restrict gy = x->gy;
  float *restrict dga = x->dga, *restrict dgb = x->dgb;
  clear_unless(x->accumulate, dga, x->width);
  clear_unless(x->accumulate_b, dgb, x->width);
  if (!gy) { /* no adjoint: only the linear part is left */
#pragma omp simd
    for (size_t i = 0; i < x->width; i++) {
      float s = sigmoid(a[i]), f = a[i] * s, f1 = s + f * (1 - s);
      dga[i] += dgy[i] * f1 * b[i];
      dgb[i] += dgy[i] * f;
    }
    return;
  }
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) {
    float s = sigmoid(a[i]), f = a[i] * s, f1 = s + f * (1 - s);
    float f2 = s * (1 - s) * (2 + a[i] * (1 - 2 * s));
    dga[i] += dgy[i] * f1 * b[i] + gy[i] * (f2 * da[i] * b[i] + f1 * db[i]);
    dgb[i] += dgy[i] * f + gy[i] * f1 * da[i];
  }
}

/* Only SiLU has float kernels; other activations run the reference's. */
#define GATED(name, map)                                                                           \
  void heta_i_cpu_gated_##name(const heta_i_rows_f32 *r) {                                         \
    if (r->activation != HETA_ACT_SILU) {                                                          \
      heta_i_gated_##name##_f32(r);                                                                \
      return;                                                                                      \
    }                                                                                              \
    EACH_ROW(map)                                                                                  \
  }

GATED(forward, silu_forward)
GATED(vjp, silu_vjp)
GATED(jvp, silu_jvp)
GATED(vjp_tangent, silu_vjp_tangent)

HETA_CLONES static void sum_rows(size_t n, const float *a, const float *b, bool accumulate,
                                 float *y) {
  if (b && accumulate)
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] += a[i] + b[i];
  else if (b)
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i];
  else if (accumulate)
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] += a[i];
  else
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] = a[i];
}

void heta_i_cpu_add(const heta_i_rows_f32 *r) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t i = 0; i < r->rows; i++)
    sum_rows(r->width, r->a + i * r->width, r->b ? r->b + i * r->width : NULL, r->accumulate,
             r->y + i * r->width);
}
