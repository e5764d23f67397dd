/* norm.c (reference): RMS norm and layer norm, four maps each.
 *
 * Both are y = w ∘ n(z) + b with n(z) = s z, s = (mean(z²) + ε)^(-1/2); RMS norm takes z = x, layer
 * norm z = x - mean(x). With u = w ∘ ȳ, m = mean over the row:
 *   vjp   z̄  = s u - s³ z m(z∘u)
 *   jvp   ẏ  = w ∘ (s ż - s³ z m(z∘ż))
 *   vjp′  z̄̇ = s u̇ + ṡ u - s³ (ż m(z∘u) + z (m(ż∘u) + m(z∘u̇))) - 3 s² ṡ z m(z∘u),
 *         ṡ = -s³ m(z∘ż)
 * and the mean's subtraction is its own transpose, applied to the result for layer norm. */
#include <math.h>

#include "backend/reference/reference.h"

static double mean_of(const real *x, size_t width) {
  double sum = 0;
  for (size_t i = 0; i < width; i++) sum += (double)x[i];
  return sum / (double)width;
}

/* m((x - center) ∘ y ∘ w); w NULL: ones. */
static double product(const real *x, double center, const real *y, double center_y, const real *w,
                      size_t width) {
  double sum = 0;
  for (size_t i = 0; i < width; i++)
    sum += ((double)x[i] - center) * ((double)y[i] - center_y) * (w ? (double)w[i] : 1.0);
  return sum / (double)width;
}

static double scale_of(const real *x, double center, real epsilon, size_t width) {
  return 1.0 / sqrt(product(x, center, x, center, NULL, width) + (double)epsilon);
}

static void forward(const X(rows) *r, bool centered) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++) {
    const real *x = r->a + row * r->width;
    real *y = r->y + row * r->width;
    double center = centered ? mean_of(x, r->width) : 0;
    double s = scale_of(x, center, r->epsilon, r->width);
    for (size_t i = 0; i < r->width; i++)
      y[i] = (real)(s * ((double)x[i] - center) * (double)r->weight[i] +
                    (r->bias ? (double)r->bias[i] : 0.0));
  }
}

static void store(real *out, double value, bool accumulate) {
  *out = accumulate ? *out + (real)value : (real)value;
}

static void vjp(const X(rows) *r, bool centered) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++) {
    const real *x = r->a + X(primal_row)(r, row) * r->width, *gy = r->gy + row * r->width;
    real *gx = r->ga + row * r->width;
    double center = centered ? mean_of(x, r->width) : 0;
    double s = scale_of(x, center, r->epsilon, r->width);
    double zu = product(x, center, gy, 0, r->weight, r->width), mean = 0;
    if (centered) {
      for (size_t i = 0; i < r->width; i++)
        mean += s * ((double)r->weight[i] * (double)gy[i] - s * s * ((double)x[i] - center) * zu);
      mean /= (double)r->width;
    }
    for (size_t i = 0; i < r->width; i++)
      store(&gx[i],
            s * ((double)r->weight[i] * (double)gy[i] - s * s * ((double)x[i] - center) * zu) -
                mean,
            r->accumulate);
  }
}

static void jvp(const X(rows) *r, bool centered) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++) {
    const real *x = r->a + X(primal_row)(r, row) * r->width, *dx = r->da + row * r->width;
    real *dy = r->dy + row * r->width;
    double center = centered ? mean_of(x, r->width) : 0;
    double dcenter = centered ? mean_of(dx, r->width) : 0;
    double s = scale_of(x, center, r->epsilon, r->width);
    double zd = product(x, center, dx, dcenter, NULL, r->width);
    for (size_t i = 0; i < r->width; i++)
      dy[i] = (real)((double)r->weight[i] * s *
                     (((double)dx[i] - dcenter) - s * s * ((double)x[i] - center) * zd));
  }
}

static void vjp_tangent(const X(rows) *r, bool centered) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++) {
    size_t root = X(primal_row)(r, row);
    const real *x = r->a + root * r->width, *dx = r->da + row * r->width;
    const real *gy = r->gy ? r->gy + root * r->width : NULL, *dgy = r->dgy + row * r->width;
    real *dgx = r->dga + row * r->width;
    double center = centered ? mean_of(x, r->width) : 0;
    double dcenter = centered ? mean_of(dx, r->width) : 0;
    double s = scale_of(x, center, r->epsilon, r->width);
    double zd = product(x, center, dx, dcenter, NULL, r->width);
    double zdu = product(x, center, dgy, 0, r->weight, r->width), zu = 0, du = 0;
    if (gy) {
      zu = product(x, center, gy, 0, r->weight, r->width);
      du = product(dx, dcenter, gy, 0, r->weight, r->width);
    }
    double s3 = s * s * s, ds = -s3 * zd;
    double on_z = -s3 * (du + zdu) - 3 * s * s * ds * zu, on_dz = -s3 * zu, mean = 0;
    for (int pass = centered ? 0 : 1; pass < 2; pass++) {
      double sum = 0;
      for (size_t i = 0; i < r->width; i++) {
        double value = s * (double)r->weight[i] * (double)dgy[i] + on_z * ((double)x[i] - center) +
                       on_dz * ((double)dx[i] - dcenter);
        if (gy) value += ds * (double)r->weight[i] * (double)gy[i];
        if (pass)
          store(&dgx[i], value - mean, r->accumulate);
        else
          sum += value;
      }
      mean = sum / (double)r->width;
    }
  }
}

void X(rms_norm_forward)(const X(rows) *r) { forward(r, false); }
void X(rms_norm_vjp)(const X(rows) *r) { vjp(r, false); }
void X(rms_norm_jvp)(const X(rows) *r) { jvp(r, false); }
void X(rms_norm_vjp_tangent)(const X(rows) *r) { vjp_tangent(r, false); }
void X(layer_norm_forward)(const X(rows) *r) { forward(r, true); }
void X(layer_norm_vjp)(const X(rows) *r) { vjp(r, true); }
void X(layer_norm_jvp)(const X(rows) *r) { jvp(r, true); }
void X(layer_norm_vjp_tangent)(const X(rows) *r) { vjp_tangent(r, true); }
