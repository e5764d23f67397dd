/* cpu.h: the fast float32 backend: matrix products by oneDNN, row kernels the compiler vectorises.
 */
#ifndef HETA_BACKEND_CPU_CPU_H
#define HETA_BACKEND_CPU_CPU_H

#include "backend/backend.h"

/* For what clones call: only a forced inline takes on its caller's instruction set. */
#if defined(__GNUC__)
#define HETA_INLINE static inline __attribute__((always_inline))
#else
#define HETA_INLINE static inline
#endif

void heta_i_cpu_gemm_nt(int threads, size_t m, size_t n, size_t k, const float *a, size_t lda,
                        const float *b, size_t ldb, bool accumulate, float *c, size_t ldc);
void heta_i_cpu_gemm_nn(int threads, size_t m, size_t n, size_t k, const float *a, size_t lda,
                        const float *b, size_t ldb, bool accumulate, float *c, size_t ldc);
/* One product on the calling thread, any size: C = scale op(A) op(B) (+ C). */
void heta_i_cpu_product(char trans_a, char trans_b, size_t m, size_t n, size_t k, float scale,
                        const float *a, size_t lda, const float *b, size_t ldb, bool accumulate,
                        float *c, size_t ldc);

/* Lets oneDNN make its kernels, once in a process; see backend.h. */
size_t heta_i_cpu_prepare(void);
/* Products that were refused memory. */
size_t heta_i_cpu_refused(void);

size_t heta_i_cpu_attention_scratch(size_t heads, size_t kv_heads, size_t head_width,
                                    size_t root_rows, size_t lane_rows, bool capped, int threads);
void heta_i_cpu_attention_forward(const heta_i_attention_f32 *c);
void heta_i_cpu_attention_vjp(const heta_i_attention_f32 *c);
void heta_i_cpu_attention_jvp(const heta_i_attention_f32 *c);
void heta_i_cpu_attention_vjp_tangent(const heta_i_attention_f32 *c);

void heta_i_cpu_rms_norm_forward(const heta_i_rows_f32 *r);
void heta_i_cpu_rms_norm_vjp(const heta_i_rows_f32 *r);
void heta_i_cpu_rms_norm_jvp(const heta_i_rows_f32 *r);
void heta_i_cpu_rms_norm_vjp_tangent(const heta_i_rows_f32 *r);
void heta_i_cpu_layer_norm_forward(const heta_i_rows_f32 *r);
void heta_i_cpu_layer_norm_vjp(const heta_i_rows_f32 *r);
void heta_i_cpu_layer_norm_jvp(const heta_i_rows_f32 *r);
void heta_i_cpu_layer_norm_vjp_tangent(const heta_i_rows_f32 *r);
void heta_i_cpu_activation_forward(const heta_i_rows_f32 *r);
void heta_i_cpu_activation_vjp(const heta_i_rows_f32 *r);
void heta_i_cpu_activation_jvp(const heta_i_rows_f32 *r);
void heta_i_cpu_activation_vjp_tangent(const heta_i_rows_f32 *r);
void heta_i_cpu_gated_forward(const heta_i_rows_f32 *r);
void heta_i_cpu_gated_vjp(const heta_i_rows_f32 *r);
void heta_i_cpu_gated_jvp(const heta_i_rows_f32 *r);
void heta_i_cpu_gated_vjp_tangent(const heta_i_rows_f32 *r);
void heta_i_cpu_add(const heta_i_rows_f32 *r);

/* eˣ in float, about 2 units in the last place: 2ⁿ eʳ with |r| <= ln 2 / 2, eʳ by its Taylor sum to
 * r⁷; inline, so that loops over it vectorise. Arguments below -80 give e⁻⁸⁰: compilers work out
 * the clamped case in every lane, and a smaller number would make slow subnormal products there. */
HETA_INLINE float heta_i_cpu_exp(float x) {
  const float round = 12582912.0f; /* 1.5 · 2²³: adding it leaves the nearest whole number */
  x = x > -80.0f ? x : -80.0f;
  x = x < 88.0f ? x : 88.0f;
  float n = (x * 1.44269504088896341f + round) - round;
  float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  union {
    int32_t bits;
    float value;
  } two = {.bits = ((int32_t)n + 127) << 23};
  return p * two.value;
}

/* tanh in float, about 3 units in the last place: up to 5/8 x + x³ P(x²), P fitted to equal
 * ripples; beyond, 1 - 2/(e²ˣ + 1). */
HETA_INLINE float heta_i_cpu_tanh(float x) {
  float size = x < 0 ? -x : x, z = x * x;
  float p = -0.00609671416591f;
  p = p * z + 0.0209971789991f;
  p = p * z - 0.0538509095785f;
  p = p * z + 0.13332769737f;
  p = p * z - 0.333333289441f;
  float near = x + x * z * p, far = 1.0f - 2.0f / (heta_i_cpu_exp(2.0f * size) + 1.0f);
  return size < 0.625f ? near : x < 0 ? -far : far;
}

#endif
