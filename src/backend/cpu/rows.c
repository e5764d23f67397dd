/* rows.c (cpu): RMS norm and sums in float32; the formulas stand in the reference backend. */
#include <math.h>

#include "backend/cpu/row.h"
#include "backend/reference/reference.h"

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

HETA_CLONES
    static void sum_rows(size_t n, const float *a, const float *b, bool accumulate, float *y) {
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
