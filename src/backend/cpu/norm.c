/* norm.c (cpu): RMS norm and layer norm in float32, each map written once for both; the formulas
 * stand in the reference backend. Here the mean's subtraction is carried out on paper: with
 * z = x - mean(x) (RMS norm: x), u = w ∘ ȳ and their tangents,
 *
 *   x̄  = s (u - m(u)) - s³ m(z∘u) z
 *   x̄̇ = s (u̇ - m(u̇)) + ṡ (u - m(u)) - s³ m(z∘u) ż
 *         - (s³ (m(ż∘u) + m(z∘u̇)) + 3 s² ṡ m(z∘u)) z
 *
 * where RMS norm has neither m(u) nor m(u̇). */
#include <math.h>

#include "backend/cpu/row.h"
#include "backend/reference/reference.h"

HETA_INLINE float mean_of(bool centered, const float *x, size_t width) {
  float sum = 0;
  if (!centered) return 0;
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

HETA_INLINE void forward(const row *x, bool centered) {
  float mean = mean_of(centered, x->a, x->width), s = scale_of(x, mean);
  const float *restrict a = x->a, *restrict w = x->weight;
  float *restrict y = x->y;
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) y[i] = s * (a[i] - mean) * w[i];
}

HETA_INLINE void vjp(const row *x, bool centered) {
  float mean = mean_of(centered, x->a, x->width), s = scale_of(x, mean), zu = 0, u = 0;
  const float *restrict a = x->a, *restrict w = x->weight, *restrict gy = x->gy;
  float *restrict ga = x->ga, each = 1.0f / (float)x->width;
#pragma omp simd reduction(+ : zu, u)
  for (size_t i = 0; i < x->width; i++) {
    u += w[i] * gy[i];
    zu += (a[i] - mean) * w[i] * gy[i];
  }
  float mean_u = centered ? u * each : 0, on_z = -s * s * s * (zu * each);
  if (!x->accumulate) memset(ga, 0, x->width * sizeof *ga);
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) ga[i] += s * (w[i] * gy[i] - mean_u) + on_z * (a[i] - mean);
}

HETA_INLINE void jvp(const row *x, bool centered) {
  float mean = mean_of(centered, x->a, x->width), s = scale_of(x, mean), zd = 0;
  float dmean = mean_of(centered, x->da, x->width);
  const float *restrict a = x->a, *restrict w = x->weight, *restrict da = x->da;
  float *restrict dy = x->dy;
#pragma omp simd reduction(+ : zd)
  for (size_t i = 0; i < x->width; i++) zd += (a[i] - mean) * (da[i] - dmean);
  float on_z = -s * s * s * (zd / (float)x->width);
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) dy[i] = w[i] * (s * (da[i] - dmean) + on_z * (a[i] - mean));
}

HETA_INLINE void vjp_tangent(const row *x, bool centered) {
  if (!x->gy) { /* no adjoint: only the linear part is left, vjp of the tangent */
    row linear = *x;
    linear.gy = x->dgy;
    linear.ga = x->dga;
    vjp(&linear, centered);
    return;
  }
  float mean = mean_of(centered, x->a, x->width), s = scale_of(x, mean),
        dmean = mean_of(centered, x->da, x->width);
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
  float s3 = s * s * s, ds = -s3 * (zd * each), mean_u = centered ? u * each : 0,
        mean_du = centered ? du * each : 0;
  float on_dz = -s3 * (zu * each);
  float on_z = -s3 * ((dzu + zdu) * each) - 3 * s * s * ds * (zu * each);
  if (!x->accumulate) memset(dga, 0, x->width * sizeof *dga);
#pragma omp simd
  for (size_t i = 0; i < x->width; i++)
    dga[i] += s * (w[i] * dgy[i] - mean_du) + ds * (w[i] * gy[i] - mean_u) + on_z * (a[i] - mean) +
              on_dz * (da[i] - dmean);
}

#define KERNEL(map)                                                                                \
  HETA_CLONES static void map##_rms(const row *x) { map(x, false); }                               \
  HETA_CLONES static void map##_layer(const row *x) { map(x, true); }

KERNEL(forward)
KERNEL(vjp)
KERNEL(jvp)
KERNEL(vjp_tangent)

void heta_i_cpu_rms_norm_forward(const heta_i_rows_f32 *r) {
  EACH_ROW(forward_rms)
  if (r->bias) heta_i_add_bias_f32(r);
}

void heta_i_cpu_rms_norm_vjp(const heta_i_rows_f32 *r) { EACH_ROW(vjp_rms) }

void heta_i_cpu_rms_norm_jvp(const heta_i_rows_f32 *r) { EACH_ROW(jvp_rms) }

void heta_i_cpu_rms_norm_vjp_tangent(const heta_i_rows_f32 *r) { EACH_ROW(vjp_tangent_rms) }

void heta_i_cpu_layer_norm_forward(const heta_i_rows_f32 *r) {
  EACH_ROW(forward_layer)
  if (r->bias) heta_i_add_bias_f32(r);
}

void heta_i_cpu_layer_norm_vjp(const heta_i_rows_f32 *r) { EACH_ROW(vjp_layer) }

void heta_i_cpu_layer_norm_jvp(const heta_i_rows_f32 *r) { EACH_ROW(jvp_layer) }

void heta_i_cpu_layer_norm_vjp_tangent(const heta_i_rows_f32 *r) { EACH_ROW(vjp_tangent_layer) }
