/* activation.c (cpu): y = f(a) and y = f(a) b in float32, four maps each. Each map is written once,
 * over f and its slopes, and compiled for each activation; the formulas stand in the reference
 * backend. */
#include "backend/cpu/row.h"

/* f, f' and f''; what a map does not use is not computed. */
typedef struct slopes {
  float f, f1, f2;
} slopes;

HETA_INLINE slopes silu(float x) {
  float e = heta_i_cpu_exp(x), s = e / (1.0f + e), f = x * s;
  return (slopes){f, s + f * (1 - s), s * (1 - s) * (2 + x * (1 - 2 * s))};
}

HETA_INLINE slopes gelu_tanh(float x) {
  const float c = 0.797884560802865356f, k = 0.044715f;
  float t = heta_i_cpu_tanh(c * (x + k * x * x * x)), q = 1 - t * t;
  float u1 = c * (1 + 3 * k * x * x), u2 = 6 * c * k * x;
  float t1 = q * u1, t2 = q * (u2 - 2 * t * u1 * u1);
  return (slopes){0.5f * x * (1 + t), 0.5f * (1 + t) + 0.5f * x * t1, t1 + 0.5f * x * t2};
}

/* Φ(-|x|) = ½ exp(-x²/2) s P(s), s = 1 / (1 + |x|/√8), P fitted to equal relative ripples: within
 * 3e-7 of itself. */
HETA_INLINE slopes gelu(float x) {
  float size = x < 0 ? -x : x, e = heta_i_cpu_exp(-0.5f * x * x);
  float s = 1.0f / (1.0f + 0.353553390593273762f * size);
  float p = -0.0593381259206f;
  p = p * s + 0.285979671822f;
  p = p * s - 0.490276046877f;
  p = p * s + 0.281742193397f;
  p = p * s - 0.0292310982549f;
  p = p * s + 0.203802260906f;
  p = p * s + 0.242824090732f;
  p = p * s + 0.282412613242f;
  p = p * s + 0.282084401385f;
  float tail = 0.5f * e * p * s, below = x < 0 ? tail : 1 - tail;
  float density = 0.398942280401432678f * e;
  return (slopes){x * below, below + x * density, density * (2 - x * x)};
}

HETA_INLINE slopes relu(float x) { return (slopes){x > 0 ? x : 0, x > 0 ? 1 : 0, 0}; }

HETA_INLINE slopes evaluate(heta_i_activation kind, float x) {
  switch (kind) {
  case HETA_ACT_SILU: return silu(x);
  case HETA_ACT_GELU_TANH: return gelu_tanh(x);
  case HETA_ACT_GELU: return gelu(x);
  case HETA_ACT_RELU: return relu(x);
  }
  return (slopes){0, 0, 0};
}

/* The accumulating maps read zeros where there is nothing to add to: one loop body each. */
HETA_INLINE void clear_unless(bool accumulate, float *x, size_t width) {
  if (!accumulate) memset(x, 0, width * sizeof *x);
}

/* Without an adjoint only the linear part of vjp′ is left: vjp of its tangent. */
HETA_INLINE row without_adjoint(const row *x) {
  row linear = *x;
  linear.gy = x->dgy;
  linear.ga = x->dga;
  linear.gb = x->dgb;
  return linear;
}

HETA_INLINE void activation_forward(const row *x, heta_i_activation kind) {
  const float *restrict a = x->a;
  float *restrict y = x->y;
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) y[i] = evaluate(kind, a[i]).f;
}

HETA_INLINE void activation_vjp(const row *x, heta_i_activation kind) {
  const float *restrict a = x->a, *restrict gy = x->gy;
  float *restrict ga = x->ga;
  clear_unless(x->accumulate, ga, x->width);
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) ga[i] += gy[i] * evaluate(kind, a[i]).f1;
}

HETA_INLINE void activation_jvp(const row *x, heta_i_activation kind) {
  const float *restrict a = x->a, *restrict da = x->da;
  float *restrict dy = x->dy;
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) dy[i] = evaluate(kind, a[i]).f1 * da[i];
}

HETA_INLINE void activation_vjp_tangent(const row *x, heta_i_activation kind) {
  if (!x->gy) {
    const row linear = without_adjoint(x);
    activation_vjp(&linear, kind);
    return;
  }
  const float *restrict a = x->a, *restrict da = x->da, *restrict dgy = x->dgy;
  const float *restrict gy = x->gy;
  float *restrict dga = x->dga;
  clear_unless(x->accumulate, dga, x->width);
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) {
    slopes s = evaluate(kind, a[i]);
    dga[i] += dgy[i] * s.f1 + gy[i] * s.f2 * da[i];
  }
}

HETA_INLINE void gated_forward(const row *x, heta_i_activation kind) {
  const float *restrict a = x->a, *restrict b = x->b;
  float *restrict y = x->y;
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) y[i] = evaluate(kind, a[i]).f * b[i];
}

HETA_INLINE void gated_vjp(const row *x, heta_i_activation kind) {
  const float *restrict a = x->a, *restrict b = x->b, *restrict gy = x->gy;
  float *restrict ga = x->ga, *restrict gb = x->gb;
  clear_unless(x->accumulate, ga, x->width);
  clear_unless(x->accumulate_b, gb, x->width);
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) {
    slopes s = evaluate(kind, a[i]);
    ga[i] += gy[i] * s.f1 * b[i];
    gb[i] += gy[i] * s.f;
  }
}

HETA_INLINE void gated_jvp(const row *x, heta_i_activation kind) {
  const float *restrict a = x->a, *restrict b = x->b, *restrict da = x->da, *restrict db = x->db;
  float *restrict dy = x->dy;
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) {
    slopes s = evaluate(kind, a[i]);
    dy[i] = s.f1 * da[i] * b[i] + s.f * db[i];
  }
}

HETA_INLINE void gated_vjp_tangent(const row *x, heta_i_activation kind) {
  if (!x->gy) {
    const row linear = without_adjoint(x);
    gated_vjp(&linear, kind);
    return;
  }
  const float *restrict a = x->a, *restrict b = x->b, *restrict da = x->da, *restrict db = x->db;
  const float *restrict dgy = x->dgy, *restrict gy = x->gy;
  float *restrict dga = x->dga, *restrict dgb = x->dgb;
  clear_unless(x->accumulate, dga, x->width);
  clear_unless(x->accumulate_b, dgb, x->width);
#pragma omp simd
  for (size_t i = 0; i < x->width; i++) {
    slopes s = evaluate(kind, a[i]);
    dga[i] += dgy[i] * s.f1 * b[i] + gy[i] * (s.f2 * da[i] * b[i] + s.f1 * db[i]);
    dgb[i] += dgy[i] * s.f + gy[i] * s.f1 * da[i];
  }
}

typedef void (*row_map)(const row *);

#define COMPILED(map, name, kind)                                                                  \
  HETA_CLONES static void map##_##name(const row *x) { map(x, kind); }

/* A map over all rows, by the activation. */
#define KERNEL(map)                                                                                \
  COMPILED(map, silu, HETA_ACT_SILU)                                                               \
  COMPILED(map, gelu_tanh, HETA_ACT_GELU_TANH)                                                     \
  COMPILED(map, gelu, HETA_ACT_GELU)                                                               \
  COMPILED(map, relu, HETA_ACT_RELU)                                                               \
  void heta_i_cpu_##map(const heta_i_rows_f32 *r) {                                                \
    const row_map maps[] = {[HETA_ACT_SILU] = map##_silu,                                          \
                            [HETA_ACT_GELU_TANH] = map##_gelu_tanh,                                \
                            [HETA_ACT_GELU] = map##_gelu,                                          \
                            [HETA_ACT_RELU] = map##_relu};                                         \
    row_map one = maps[r->activation];                                                             \
    EACH_ROW(one)                                                                                  \
  }

KERNEL(activation_forward)
KERNEL(activation_vjp)
KERNEL(activation_jvp)
KERNEL(activation_vjp_tangent)
KERNEL(gated_forward)
KERNEL(gated_vjp)
KERNEL(gated_jvp)
KERNEL(gated_vjp_tangent)
