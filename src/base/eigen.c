/* eigen.c: eigenvectors of a small symmetric matrix, small positive definite systems, orthonormal
 * columns. */
#include "base/eigen.h"

#include <math.h>

enum { SWEEPS = 30 };

/* Rotates rows and columns p and q so that a[p][q] becomes 0. */
static void rotate(size_t size, double *a, double *vectors, size_t p, size_t q) {
  double apq = a[p * size + q];
  if (apq == 0) return;
  double theta = (a[q * size + q] - a[p * size + p]) / (2 * apq);
  double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
  double c = 1 / sqrt(t * t + 1), s = t * c;
  for (size_t k = 0; k < size; k++) {
    double x = a[k * size + p], y = a[k * size + q];
    a[k * size + p] = c * x - s * y;
    a[k * size + q] = s * x + c * y;
  }
  for (size_t k = 0; k < size; k++) {
    double x = a[p * size + k], y = a[q * size + k];
    a[p * size + k] = c * x - s * y;
    a[q * size + k] = s * x + c * y;
  }
  for (size_t k = 0; k < size; k++) {
    double x = vectors[k * size + p], y = vectors[k * size + q];
    vectors[k * size + p] = c * x - s * y;
    vectors[k * size + q] = s * x + c * y;
  }
}

void heta_i_eigen(size_t size, double *a, double *vectors) {
  for (size_t i = 0; i < size; i++)
    for (size_t j = 0; j < size; j++) vectors[i * size + j] = i == j;
  for (int sweep = 0; sweep < SWEEPS; sweep++) {
    double off = 0, all = 0;
    for (size_t i = 0; i < size; i++)
      for (size_t j = 0; j < size; j++) {
        double square = a[i * size + j] * a[i * size + j];
        all += square;
        if (i != j) off += square;
      }
    if (!(off > 1e-30 * all)) return;
    for (size_t p = 0; p < size; p++)
      for (size_t q = p + 1; q < size; q++) rotate(size, a, vectors, p, q);
  }
}

void heta_i_solve(size_t size, double *a, double *b) {
  for (size_t k = 0; k < size; k++)
    for (size_t i = k + 1; i < size && a[k * size + k] > 0; i++) {
      double factor = a[i * size + k] / a[k * size + k];
      for (size_t j = k; j < size; j++) a[i * size + j] -= factor * a[k * size + j];
      b[i] -= factor * b[k];
    }
  for (size_t k = size; k-- > 0;) {
    for (size_t j = k + 1; j < size; j++) b[k] -= a[k * size + j] * b[j];
    b[k] = a[k * size + k] > 0 ? b[k] / a[k * size + k] : 0;
  }
}

static double dot(const double *x, const double *y, size_t size) {
  double sum = 0;
  for (size_t e = 0; e < size; e++) sum += x[e] * y[e];
  return sum;
}

/* Gram and Schmidt's method, twice for each column: what the first pass leaves in rounding the
 * second takes away. */
void heta_i_orthonormal(double *columns, size_t count, size_t size) {
  for (size_t j = 0; j < count; j++) {
    double *x = columns + j * size, before = sqrt(dot(x, x, size));
    for (int pass = 0; pass < 2; pass++)
      for (size_t i = 0; i < j; i++) {
        const double *q = columns + i * size;
        double along = dot(q, x, size);
        for (size_t e = 0; e < size; e++) x[e] -= along * q[e];
      }
    double norm = sqrt(dot(x, x, size)), by = norm > 1e-12 * before ? 1 / norm : 0;
    for (size_t e = 0; e < size; e++) x[e] *= by;
  }
}
