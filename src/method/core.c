/* core.c: the known part of a token's Hessian block; see core.h. */
#include "method/core.h"

#include <math.h>
#include <string.h>

#include "base/eigen.h"

size_t heta_i_core_numbers(size_t width, size_t rank) {
  return 2 * width * rank + rank * rank + width;
}

void heta_i_core_place(heta_i_core *core, size_t width, size_t rank, double *numbers) {
  core->width = width;
  core->rank = rank;
  core->range = numbers;
  core->products = core->range + width * rank;
  core->inner = core->products + width * rank;
  core->profile = core->inner + rank * rank;
}

/* The eigenvectors of the sketch's Gram matrix with the largest eigenvalues give its leading left
 * singular vectors; they are made orthonormal once more, since squaring costs half the digits. */
void heta_i_core_range(heta_i_core *core, const float *sketch, size_t count, size_t stride,
                       double *scratch) {
  size_t d = core->width, k = core->rank;
  double *gram = scratch, *vectors = scratch + count * count;
  for (size_t g = 0; g < count; g++)
    for (size_t h = g; h < count; h++) {
      double sum = 0;
      for (size_t a = 0; a < d; a++) sum += (double)sketch[g * stride + a] * sketch[h * stride + a];
      gram[g * count + h] = gram[h * count + g] = sum;
    }
  heta_i_eigen(count, gram, vectors);
  double largest = 0;
  for (size_t g = 0; g < count; g++) largest = fmax(largest, gram[g * count + g]);
  memset(core->range, 0, d * k * sizeof *core->range);
  for (size_t j = 0; j < k && j < count; j++) {
    size_t best = 0;
    for (size_t g = 1; g < count; g++)
      if (gram[g * count + g] > gram[best * count + best]) best = g;
    if (!(gram[best * count + best] > 1e-12 * largest)) break;
    gram[best * count + best] = -1; /* taken */
    double *q = core->range;
    for (size_t a = 0; a < d; a++) {
      double sum = 0;
      for (size_t g = 0; g < count; g++)
        sum += vectors[g * count + best] * (double)sketch[g * stride + a];
      q[a * k + j] = sum;
    }
    double norm = 0;
    for (size_t i = 0; i <= j; i++) { /* minus the earlier columns, then to length 1 */
      double dot = 0;
      for (size_t a = 0; a < d; a++) dot += q[a * k + i] * q[a * k + j];
      if (i == j) norm = sqrt(dot);
      for (size_t a = 0; a < d; a++)
        q[a * k + j] = i == j ? q[a * k + j] / norm : q[a * k + j] - dot * q[a * k + i];
    }
  }
  memset(core->profile, 0, d * sizeof *core->profile);
  for (size_t g = 0; g < count; g++) {
    double inside[HETA_CORE_MOST] = {0};
    for (size_t a = 0; a < d; a++)
      for (size_t j = 0; j < k; j++)
        inside[j] += core->range[a * k + j] * (double)sketch[g * stride + a];
    for (size_t a = 0; a < d; a++) {
      double rest = (double)sketch[g * stride + a];
      for (size_t j = 0; j < k; j++) rest -= core->range[a * k + j] * inside[j];
      core->profile[a] += rest * rest;
    }
  }
  for (size_t a = 0; a < d; a++) core->profile[a] = sqrt(core->profile[a] / (double)count);
}

void heta_i_core_finish(heta_i_core *core) {
  size_t k = core->rank;
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j < k; j++) {
      double sum = 0;
      for (size_t a = 0; a < core->width; a++)
        sum += core->range[a * k + i] * core->products[a * k + j];
      core->inner[i * k + j] = sum;
    }
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j < i; j++)
      core->inner[i * k + j] = core->inner[j * k + i] =
          0.5 * (core->inner[i * k + j] + core->inner[j * k + i]);
}

/* A r row by row is Σ_j W_aj x_j + Q_aj y_j with x = Qᵀr and y = Wᵀr − (QᵀW) x. */
static void inside_of(const heta_i_core *core, const double *direction, double *x, double *y) {
  size_t k = core->rank;
  for (size_t j = 0; j < k; j++) x[j] = y[j] = 0;
  for (size_t a = 0; a < core->width; a++)
    for (size_t j = 0; j < k; j++) {
      x[j] += core->range[a * k + j] * direction[a];
      y[j] += core->products[a * k + j] * direction[a];
    }
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j < k; j++) y[i] -= core->inner[i * k + j] * x[j];
}

static double known_row(const heta_i_core *core, size_t a, const double *x, const double *y) {
  double sum = 0;
  for (size_t j = 0; j < core->rank; j++)
    sum += core->products[a * core->rank + j] * x[j] + core->range[a * core->rank + j] * y[j];
  return sum;
}

double heta_i_core_scale(const heta_i_core *core, const double *direction, const double *product) {
  double x[HETA_CORE_MOST], y[HETA_CORE_MOST], sum = 0;
  size_t rows = 0;
  inside_of(core, direction, x, y);
  for (size_t a = 0; a < core->width; a++) {
    if (!(core->profile[a] > 0)) continue;
    double rest = (product[a] - known_row(core, a, x, y)) / core->profile[a];
    sum += rest * rest;
    rows++;
  }
  return rows ? sqrt(sum / (double)rows) : 0;
}

/* E|m + s z| of a standard normal z: the mean of a folded normal distribution. */
static double folded(double m, double s) {
  if (!(s > 1e-9 * fabs(m))) return fabs(m);
  double t = m / (s * 1.4142135623730951);
  return s * 0.79788456080286541 * exp(-t * t) + m * erf(t);
}

double heta_i_core_folded(const heta_i_core *core, double scale, const double *direction,
                          double *squares) {
  double x[HETA_CORE_MOST], y[HETA_CORE_MOST], sum = 0;
  inside_of(core, direction, x, y);
  for (size_t a = 0; a < core->width; a++)
    sum += folded(known_row(core, a, x, y), scale * core->profile[a]);
  for (size_t j = 0; squares && j < core->rank; j++) squares[j] = x[j] * x[j];
  return sum;
}
