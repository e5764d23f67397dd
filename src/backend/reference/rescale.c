/* rescale.c: DeepLIFT's multipliers (Shrikumar et al. 2017), with rules for products so that they
 * are complete: with Δx = x - x0 between a run and its reference, each op hands on multipliers m
 * with Σ m_x Δx = Σ m_y Δy exactly.
 *
 *   y = f(x):      m_x = m_y Δy/Δx (the rescale rule), f'(x) where Δx vanishes
 *   y = u w:       m_u = m_y (w + w0)/2, m_w = m_y (u + u0)/2
 *   norm:          y = weight z s, s = 1/√(m(z∘z) + ε), by the product rule; Δs/Δm = -s²s0²/(s +
 * s0); z∘z by the product rule again; z is x, or x less its mean attention:     y = Σ_j e_j r v_j,
 * e = exp(t - c), r = 1/Σe, with one constant c for both runs: products, Δe/Δt = e0 (exp(Δt) -
 * 1)/Δt, Δr/ΔΣ = -r r0; t = scale q·k by the product rule, after a cap on it by the rescale rule
 *
 * Sums run in double, in a fixed order. */
#include <math.h>
#include <string.h>

#include "backend/reference/reference.h"

static void store(real *out, double value, bool accumulate) {
  *out = accumulate ? *out + (real)value : (real)value;
}

/* Δy/Δx, or the slope where Δx says nothing. */
static double ratio(double dy, double dx, double slope) {
  return fabs(dx) > 1e-10 ? dy / dx : slope;
}

static double ratio_of_activation(const X(rows) *r, size_t i) {
  double slope, unused, x = (double)r->a[i], x0 = (double)r->a0[i];
  double y = X(activate)(r->activation, x, &slope), y0 = X(activate)(r->activation, x0, &unused);
  return ratio(y - y0, x - x0, slope);
}

static void activation(const X(rows) *r) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++)
    for (size_t i = row * r->width; i < (row + 1) * r->width; i++)
      store(&r->ga[i], (double)r->gy[i] * ratio_of_activation(r, i), r->accumulate);
}

static void gated(const X(rows) *r) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++)
    for (size_t i = row * r->width; i < (row + 1) * r->width; i++) {
      double unused, gy = (double)r->gy[i];
      double u = X(activate)(r->activation, (double)r->a[i], &unused);
      double u0 = X(activate)(r->activation, (double)r->a0[i], &unused);
      double on_u = gy * ((double)r->b[i] + (double)r->b0[i]) / 2;
      store(&r->ga[i], on_u * ratio_of_activation(r, i), r->accumulate);
      store(&r->gb[i], gy * (u + u0) / 2, r->accumulate_b);
    }
}

/* In terms of y, as its other maps are. Rows are those that `primal` names. */
static void soft_cap(const X(rows) *r) {
  double cap = (double)r->cap;
  for (size_t row = 0; row < r->rows; row++)
    for (size_t c = 0; c < r->width; c++) {
      size_t at = X(primal_row)(r, row) * r->width + c, i = row * r->width + c;
      double y = (double)r->a[at], y0 = (double)r->a0[at];
      double dx = cap * (atanh(y / cap) - atanh(y0 / cap)), slope = 1 - (y / cap) * (y / cap);
      r->ga[i] = (real)((double)r->gy[i] * (isfinite(dx) ? ratio(y - y0, dx, slope) : 0));
    }
}

static double mean_of(const real *x, size_t width) {
  double sum = 0;
  for (size_t c = 0; c < width; c++) sum += (double)x[c];
  return sum / (double)width;
}

static double scale_of(const real *x, double mean, size_t width, double epsilon) {
  double sum = 0;
  for (size_t c = 0; c < width; c++) sum += ((double)x[c] - mean) * ((double)x[c] - mean);
  return 1 / sqrt(sum / (double)width + epsilon);
}

static void norm(const X(rows) *r, bool centered) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++) {
    const real *x = r->a + X(primal_row)(r, row) * r->width;
    const real *x0 = r->a0 + X(primal_row)(r, row) * r->width;
    const real *gy = r->gy + row * r->width;
    real *ga = r->ga + row * r->width;
    double mean = centered ? mean_of(x, r->width) : 0, mean0 = centered ? mean_of(x0, r->width) : 0;
    double s = scale_of(x, mean, r->width, (double)r->epsilon);
    double s0 = scale_of(x0, mean0, r->width, (double)r->epsilon);
    double on_s = 0, all = 0;
    for (size_t c = 0; c < r->width; c++) {
      double z = (double)x[c] - mean, z0 = (double)x0[c] - mean0;
      on_s += (double)r->weight[c] * (double)gy[c] * (z + z0) / 2;
    }
    double on_square = -on_s * s * s * s0 * s0 / (s + s0) / (double)r->width;
    for (int pass = centered ? 0 : 1; pass < 2; pass++) /* the mean of m_z, then m_z less it */
      for (size_t c = 0; c < r->width; c++) {
        double z = (double)x[c] - mean, z0 = (double)x0[c] - mean0;
        double value = (double)r->weight[c] * (double)gy[c] * (s + s0) / 2 + on_square * (z + z0);
        if (pass)
          store(&ga[c], value - all, r->accumulate);
        else
          all += value / (double)r->width;
      }
  }
}

static void rms_norm(const X(rows) *r) { norm(r, false); }
static void layer_norm(const X(rows) *r) { norm(r, true); }

static double dot(const real *a, const real *b, size_t size) {
  double sum = 0;
  for (size_t i = 0; i < size; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

/* (exp(d) - 1)/d */
static double growth(double d) { return fabs(d) > 1e-10 ? expm1(d) / d : 1; }

/* One head of one row of a run and of its reference. `probability`, `probability0` and `on_score`:
 * [row + 1]; the last becomes the multipliers of the bare scores scale q·k. */
static void row_of_attention(const X(attention) *c, size_t head, size_t row, double *probability,
                             double *probability0, double *on_score) {
  size_t size = c->head_width, kv = head / (c->heads / c->kv_heads);
  size_t wide = c->heads * size, narrow = c->kv_heads * size;
  size_t first = c->window && row >= c->window ? row - c->window + 1 : 0;
  const real *q = c->q + row * wide + head * size, *q0 = c->q0 + row * wide + head * size;
  const real *gy = c->gy + row * wide + head * size;
  double cap = (double)c->cap, top = -INFINITY, sum = 0, sum0 = 0, on_inverse = 0;
  for (size_t j = first; j <= row; j++) {
    size_t key = j * narrow + kv * size;
    double t = (double)c->scale * dot(q, c->k + key, size);
    double t0 = (double)c->scale * dot(q0, c->k0 + key, size);
    double slope = 1, bare = t - t0;
    if (cap > 0) {
      t = cap * tanh(t / cap);
      t0 = cap * tanh(t0 / cap);
      slope = 1 - (t / cap) * (t / cap);
    }
    probability[j] = t;
    probability0[j] = t0;
    on_score[j] = cap > 0 ? ratio(t - t0, bare, slope) : 1; /* of the cap */
    if (t > top) top = t;
    if (t0 > top) top = t0;
  }
  for (size_t j = first; j <= row; j++) {
    on_score[j] *= exp(probability0[j] - top) * growth(probability[j] - probability0[j]);
    sum += probability[j] = exp(probability[j] - top);
    sum0 += probability0[j] = exp(probability0[j] - top);
  }
  for (size_t j = first; j <= row; j++) {
    size_t key = j * narrow + kv * size;
    double on_share = (dot(gy, c->v + key, size) + dot(gy, c->v0 + key, size)) / 2;
    on_inverse += on_share * (probability[j] + probability0[j]) / 2;
  }
  double on_sum = -on_inverse / sum / sum0;
  for (size_t j = first; j <= row; j++) {
    size_t key = j * narrow + kv * size;
    double on_share = (dot(gy, c->v + key, size) + dot(gy, c->v0 + key, size)) / 2;
    on_score[j] *= on_share * (1 / sum + 1 / sum0) / 2 + on_sum;
    probability[j] /= sum;
    probability0[j] /= sum0;
  }
  for (size_t j = 0; j < first; j++) probability[j] = probability0[j] = on_score[j] = 0;
}

/* Heads that share keys are one thread's, one after the other. */
static void attention(const X(attention) *c) {
  size_t n = c->root->rows, size = c->head_width, group = c->heads / c->kv_heads;
  size_t wide = c->heads * size, narrow = c->kv_heads * size;
  for (size_t e = 0; e < n * wide && !c->accumulate[0]; e++) c->gq[e] = 0;
  for (size_t e = 0; e < n * narrow && !c->accumulate[1]; e++) c->gk[e] = 0;
  for (size_t e = 0; e < n * narrow && !c->accumulate[2]; e++) c->gv[e] = 0;
#pragma omp parallel for num_threads(c->threads) schedule(static)
  for (size_t kv = 0; kv < c->kv_heads; kv++) {
    for (size_t head = kv * group; head < (kv + 1) * group; head++)
      for (size_t row = 0; row < n; row++) {
        double *p = c->rescale_scratch + kv * 3 * n, *p0 = p + n, *on = p0 + n;
        row_of_attention(c, head, row, p, p0, on);
        size_t at = row * wide + head * size;
        for (size_t j = 0; j <= row; j++) {
          size_t key = j * narrow + kv * size;
          double half = (double)c->scale * on[j] / 2, share = (p[j] + p0[j]) / 2;
          for (size_t x = 0; x < size; x++) {
            c->gq[at + x] += (real)(half * ((double)c->k[key + x] + (double)c->k0[key + x]));
            c->gk[key + x] += (real)(half * ((double)c->q[at + x] + (double)c->q0[at + x]));
            c->gv[key + x] += (real)(share * (double)c->gy[at + x]);
          }
        }
      }
  }
}

const X(rescale) X(rescale_maps) = {rms_norm, layer_norm, gated, activation, soft_cap, attention};
