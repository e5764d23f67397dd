/* activation.c (reference): y = f(a) and y = f(a) b, four maps each, with f and its first two
 * derivatives written out; and the soft cap.
 *   gated: ā = ȳ f'(a) b, b̄ = ȳ f(a); ẏ = f'(a) ȧ b + f(a) ḃ;
 *   ā̇ = ȳ̇ f'(a) b + ȳ (f''(a) ȧ b + f'(a) ḃ), b̄̇ = ȳ̇ f(a) + ȳ f'(a) ȧ.
 *   soft cap: y = c tanh(x/c), with slope t = 1 - (y/c)²: x̄ = ȳ t, ẏ = t ẋ,
 *   x̄̇ = ȳ̇ t - ȳ (2y/c²) ẏ. */
#include <math.h>

#include "backend/reference/reference.h"

typedef struct slopes {
  double f, f1, f2;
} slopes;

static slopes evaluate(heta_i_activation kind, double x) {
  if (kind == HETA_ACT_SILU) { /* x σ(x) */
    double sigma = 1 / (1 + exp(-x)), d = sigma * (1 - sigma);
    return (slopes){x * sigma, sigma + x * d, d * (2 + x * (1 - 2 * sigma))};
  }
  if (kind == HETA_ACT_RELU) return (slopes){x > 0 ? x : 0, x > 0, 0};
  if (kind == HETA_ACT_GELU) { /* x Φ(x), Φ' = φ, φ' = -xφ */
    double below = 0.5 * erfc(-x * 0.70710678118654752440);
    double density = 0.39894228040143267794 * exp(-0.5 * x * x);
    return (slopes){x * below, below + x * density, density * (2 - x * x)};
  }
  /* GELU, tanh form (Hendrycks & Gimpel 2016): ½x(1 + tanh u), u = √(2/π)(x + 0.044715x³) */
  const double c = 0.79788456080286535588, k = 0.044715;
  double t = tanh(c * (x + k * x * x * x)), u1 = c * (1 + 3 * k * x * x), u2 = 6 * c * k * x;
  double t1 = (1 - t * t) * u1, t2 = (1 - t * t) * (u2 - 2 * t * u1 * u1);
  return (slopes){0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * t1, t1 + 0.5 * x * t2};
}

double X(activate)(heta_i_activation kind, double x, double *slope) {
  slopes s = evaluate(kind, x);
  *slope = s.f1;
  return s.f;
}

static void store(real *out, double value, bool accumulate) {
  *out = accumulate ? *out + (real)value : (real)value;
}

void X(gated_forward)(const X(rows) *r) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++)
    for (size_t i = row * r->width; i < (row + 1) * r->width; i++)
      r->y[i] = (real)(evaluate(r->activation, (double)r->a[i]).f * (double)r->b[i]);
}

void X(gated_vjp)(const X(rows) *r) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++) {
    size_t root = X(primal_row)(r, row) * r->width;
    for (size_t i = 0, at = row * r->width; i < r->width; i++, at++) {
      slopes s = evaluate(r->activation, (double)r->a[root + i]);
      double gy = (double)r->gy[at];
      store(&r->ga[at], gy * s.f1 * (double)r->b[root + i], r->accumulate);
      store(&r->gb[at], gy * s.f, r->accumulate_b);
    }
  }
}

void X(gated_jvp)(const X(rows) *r) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++) {
    size_t root = X(primal_row)(r, row) * r->width;
    for (size_t i = 0, at = row * r->width; i < r->width; i++, at++) {
      slopes s = evaluate(r->activation, (double)r->a[root + i]);
      r->dy[at] =
          (real)(s.f1 * (double)r->da[at] * (double)r->b[root + i] + s.f * (double)r->db[at]);
    }
  }
}

void X(gated_vjp_tangent)(const X(rows) *r) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++) {
    size_t root = X(primal_row)(r, row) * r->width;
    for (size_t i = 0, at = row * r->width; i < r->width; i++, at++) {
      slopes s = evaluate(r->activation, (double)r->a[root + i]);
      double b = (double)r->b[root + i], da = (double)r->da[at], db = (double)r->db[at];
      double gy = r->gy ? (double)r->gy[root + i] : 0, dgy = (double)r->dgy[at];
      store(&r->dga[at], dgy * s.f1 * b + gy * (s.f2 * da * b + s.f1 * db), r->accumulate);
      store(&r->dgb[at], dgy * s.f + gy * s.f1 * da, r->accumulate_b);
    }
  }
}

void X(activation_forward)(const X(rows) *r) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++)
    for (size_t i = row * r->width; i < (row + 1) * r->width; i++)
      r->y[i] = (real)evaluate(r->activation, (double)r->a[i]).f;
}

void X(activation_vjp)(const X(rows) *r) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++) {
    size_t root = X(primal_row)(r, row) * r->width;
    for (size_t i = 0, at = row * r->width; i < r->width; i++, at++)
      store(&r->ga[at], (double)r->gy[at] * evaluate(r->activation, (double)r->a[root + i]).f1,
            r->accumulate);
  }
}

void X(activation_jvp)(const X(rows) *r) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++) {
    size_t root = X(primal_row)(r, row) * r->width;
    for (size_t i = 0, at = row * r->width; i < r->width; i++, at++)
      r->dy[at] = (real)(evaluate(r->activation, (double)r->a[root + i]).f1 * (double)r->da[at]);
  }
}

void X(activation_vjp_tangent)(const X(rows) *r) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++) {
    size_t root = X(primal_row)(r, row) * r->width;
    for (size_t i = 0, at = row * r->width; i < r->width; i++, at++) {
      slopes s = evaluate(r->activation, (double)r->a[root + i]);
      double gy = r->gy ? (double)r->gy[root + i] : 0;
      store(&r->dga[at], (double)r->dgy[at] * s.f1 + gy * s.f2 * (double)r->da[at], r->accumulate);
    }
  }
}

static double slope_of(double cap, double y) { return 1 - (y / cap) * (y / cap); }

void X(soft_cap_forward)(const X(rows) *r) {
  double cap = (double)r->cap;
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++)
    for (size_t i = row * r->width; i < (row + 1) * r->width; i++)
      r->y[i] = (real)(cap * tanh((double)r->a[i] / cap));
}

void X(soft_cap_vjp)(const X(rows) *r) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++) {
    const real *y = r->a + X(primal_row)(r, row) * r->width;
    for (size_t i = 0, at = row * r->width; i < r->width; i++, at++)
      r->ga[at] = (real)((double)r->gy[at] * slope_of((double)r->cap, (double)y[i]));
  }
}

void X(soft_cap_jvp)(const X(rows) *r) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++) {
    const real *y = r->a + X(primal_row)(r, row) * r->width;
    for (size_t i = 0, at = row * r->width; i < r->width; i++, at++)
      r->dy[at] = (real)((double)r->da[at] * slope_of((double)r->cap, (double)y[i]));
  }
}

void X(soft_cap_vjp_tangent)(const X(rows) *r) {
  double cap = (double)r->cap;
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++) {
    size_t root = X(primal_row)(r, row) * r->width;
    for (size_t i = 0, at = row * r->width; i < r->width; i++, at++) {
      double y = (double)r->a[root + i], gy = r->gy ? (double)r->gy[root + i] : 0;
      r->dga[at] = (real)((double)r->dgy[at] * slope_of(cap, y) -
                          gy * (2 * y / (cap * cap)) * (double)r->da[at]);
    }
  }
}
