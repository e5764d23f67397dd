/* eigen.c: eigenvectors of a small symmetric matrix, and small positive definite systems. */
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
