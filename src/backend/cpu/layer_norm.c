/* layer_norm.c (cpu): layer norm in float32; the formulas stand in the reference backend. Here the
 * mean's subtraction is carried out on paper: with z = x - mean(x), u = w ∘ ȳ and their tangents,
 *   x̄  = s (u - m(u)) - s³ m(z∘u) z
 *   x̄̇ = s (u̇ - m(u̇)) + ṡ (u - m(u)) - s³ m(z∘u) ż - (s³ (m(ż∘u) + m(z∘u̇)) + 3 s² ṡ m(z∘u)) z. */
#include <math.h>

#include "backend/cpu/row.h"
#include "backend/reference/reference.h"

HETA_INLINE float mean_of(const float *x, size_t width) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (size_t i = 0; i < width; i++) sum += x[i];
  return sum / (float)width;
}

HETA_INLINE float scale_of(const row *x, float mean) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (size_t i = 0; i < x->width; i++) sum += (x->a[i] - mean) * (x->a[i] - mean);
  return 1.0f / sqrtf(sum / (float)x->width + x->epsilon);
}

HETA_CLONES static void forward(const row *x) {
  float mean = mean_of(x->a, x->width), s = scale_of(x, mean);
  const float *restrict a = x->a, *restrict w = x->weight;
  float *restrict y = x->y;
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) y[i] = s * (a[i] - mean) * w[i];
}

HETA_CLONES static void vjp(const row *x) {
  float mean = mean_of(x->a, x->width), s = scale_of(x, mean), zu = 0, u = 0;
  const float *restrict a = x->a, *restrict w = x->weight, *restrict gy = x->gy;
  float *restrict ga = x->ga, each = 1.0f / (float)x->width;
#pragma omp simd reduction(+ : zu, u)
  for (size_t i = 0; i < x->width; i++) {
    u += w[i] * gy[i];
    zu += (a[i] - mean) * w[i] * gy[i];
  }
  float mean_u = u * each, on_z = -s * s * s * (zu * each);
  if (!x->accumulate) memset(ga, 0, x->width * sizeof *ga);
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) ga[i] += s * (w[i] * gy[i] - mean_u) + on_z * (a[i] - mean);
}

HETA_CLONES static void jvp(const row *x) {
  float mean = mean_of(x->a, x->width), s = scale_of(x, mean), zd = 0;
  float dmean = mean_of(x->da, x->width);
  const float *restrict a = x->a, *restrict w = x->weight, *restrict da = x->da;
  float *restrict dy = x->dy;
#pragma omp simd reduction(+ : zd)
  for (size_t i = 0; i < x->width; i++) zd += (a[i] - mean) * (da[i] - dmean);
  float on_z = -s * s * s * (zd / (float)x->width);
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) dy[i] = w[i] * (s * (da[i] - dmean) + on_z * (a[i] - mean));
}

HETA_CLONES static void vjp_tangent(const row *x) {
  if (!x->gy) { /* no adjoint: only the linear part is left, vjp of the tangent */
    row linear = *x;
    linear.gy = x->dgy;
    linear.ga = x->dga;
    vjp(&linear);
    return;
  }
  float mean = mean_of(x->a, x->width), s = scale_of(x, mean), dmean = mean_of(x->da, x->width);
  const float *restrict a = x->a, *restrict w = x->weight, *restrict da = x->da;
  const float *restrict gy = x->gy, *restrict dgy = x->dgy;
  float *restrict dga = x->dga, each = 1.0f / (float)x->width;
  float u = 0, du = 0, zd = 0, zu = 0, dzu = 0, zdu = 0;
#pragma omp simd reduction(+ : u, du, zd, zu, dzu, zdu)
  for (size_t i = 0; i < x->width; i++) {
    float z = a[i] - mean, dz = da[i] - dmean;
    u += w[i] * gy[i];
    du += w[i] * dgy[i];
    zd += z * dz;
    zu += z * w[i] * gy[i];
    dzu += dz * w[i] * gy[i];
    zdu += z * w[i] * dgy[i];
  }
  float s3 = s * s * s, ds = -s3 * (zd * each), mean_u = u * each, mean_du = du * each;
  float on_dz = -s3 * (zu * each);
  float on_z = -s3 * ((dzu + zdu) * each) - 3 * s * s * ds * (zu * each);
  if (!x->accumulate) memset(dga, 0, x->width * sizeof *dga);
#pragma omp simd
  for (size_t i = 0; i < x->width; i++)
    dga[i] += s * (w[i] * dgy[i] - mean_du) + ds * (w[i] * gy[i] - mean_u) + on_z * (a[i] - mean) +
              on_dz * (da[i] - dmean);
}

void heta_i_cpu_layer_norm_forward(const heta_i_rows_f32 *r) {
  EACH_ROW(forward)
  if (r->bias) heta_i_add_bias_f32(r);
}

void heta_i_cpu_layer_norm_vjp(const heta_i_rows_f32 *r) { EACH_ROW(vjp) }

void heta_i_cpu_layer_norm_jvp(const heta_i_rows_f32 *r) { EACH_ROW(jvp) }

void heta_i_cpu_layer_norm_vjp_tangent(const heta_i_rows_f32 *r) { EACH_ROW(vjp_tangent) }
