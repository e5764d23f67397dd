/* regression.c: least squares with a fixed sum, ridge regression, LASSO. */
#include "base/regression.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

bool heta_i_moments_open(size_t count, heta_i_moments *out) {
  *out = (heta_i_moments){.count = count};
  out->xx = heta_i_allocate(count * count, sizeof *out->xx);
  out->x = heta_i_allocate(count, sizeof *out->x);
  out->xy = heta_i_allocate(count, sizeof *out->xy);
  if (out->xx && out->x && out->xy) return true;
  heta_i_moments_close(out);
  return false;
}

void heta_i_moments_close(heta_i_moments *moments) {
  heta_i_free(moments->xx);
  heta_i_free(moments->x);
  heta_i_free(moments->xy);
  *moments = (heta_i_moments){0};
}

void heta_i_moments_add(heta_i_moments *moments, const size_t *ones, size_t size, double weight,
                        double y) {
  for (size_t i = 0; i < size; i++) {
    double *row = moments->xx + ones[i] * moments->count;
    for (size_t j = 0; j <= i; j++) row[ones[j]] += weight;
    moments->x[ones[i]] += weight;
    moments->xy[ones[i]] += weight * y;
  }
  moments->y += weight * y;
  moments->weights += weight;
}

void heta_i_moments_merge(heta_i_moments *a, double factor, const heta_i_moments *b) {
  for (size_t i = 0; i < a->count * a->count; i++) a->xx[i] += factor * b->xx[i];
  for (size_t i = 0; i < a->count; i++) {
    a->x[i] += factor * b->x[i];
    a->xy[i] += factor * b->xy[i];
  }
  a->y += factor * b->y;
  a->weights += factor * b->weights;
}

/* The Cholesky factor of a positive definite matrix, in its lower half. */
static bool factorise(size_t n, double *a) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      double sum = a[i * n + j];
      for (size_t k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
      if (i == j && !(sum > 0)) return false;
      a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
    }
  return true;
}

static void solve(size_t n, const double *factor, double *b) {
  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < i; k++) b[i] -= factor[i * n + k] * b[k];
    b[i] /= factor[i * n + i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; k++) b[i] -= factor[k * n + i] * b[k];
    b[i] /= factor[i * n + i];
  }
}

bool heta_i_fit_total(const heta_i_moments *moments, double ridge, double total, double *room,
                      double *out) {
  size_t n = moments->count;
  if (n == 1) { /* the sum alone says it */
    out[0] = total;
    return true;
  }
  double *a = room, *ones = a + n * n;
  double trace = 0, sum = 0, all = 0;
  for (size_t i = 0; i < n; i++) trace += moments->xx[i * n + i];
  memcpy(a, moments->xx, n * n * sizeof *a);
  memcpy(out, moments->xy, n * sizeof *out);
  for (size_t i = 0; i < n; i++) a[i * n + i] += ridge * trace / (double)n, ones[i] = 1;
  if (!factorise(n, a)) return false;
  solve(n, a, out);
  solve(n, a, ones);
  for (size_t i = 0; i < n; i++) sum += out[i], all += ones[i];
  for (size_t i = 0; i < n; i++) out[i] -= (sum - total) / all * ones[i];
  return true;
}

bool heta_i_fit_ridge(const heta_i_moments *moments, double ridge, double *room, double *out,
                      double *intercept) {
  size_t n = moments->count;
  double w = moments->weights, *a = room;
  if (!(w > 0)) return false;
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j <= i; j++)
      a[i * n + j] = moments->xx[i * n + j] - moments->x[i] * moments->x[j] / w;
    a[i * n + i] += ridge;
    out[i] = moments->xy[i] - moments->x[i] * moments->y / w;
  }
  bool done = factorise(n, a);
  if (done) solve(n, a, out);
  if (done && intercept) {
    *intercept = moments->y / w;
    for (size_t i = 0; i < n; i++) *intercept -= out[i] * moments->x[i] / w;
  }
  return done;
}

/* Columns of x, standardised, column after column; their means and deviations. */
static void standardise(const double *x, size_t rows, size_t count, double *z, double *mean,
                        double *deviation) {
  for (size_t j = 0; j < count; j++) {
    double sum = 0, squares = 0;
    for (size_t r = 0; r < rows; r++) sum += x[r * count + j];
    mean[j] = sum / (double)rows;
    for (size_t r = 0; r < rows; r++) {
      double d = x[r * count + j] - mean[j];
      squares += d * d;
    }
    deviation[j] = squares > 0 ? sqrt(squares / (double)rows) : 0;
    for (size_t r = 0; r < rows; r++)
      z[j * rows + r] = deviation[j] > 0 ? (x[r * count + j] - mean[j]) / deviation[j] : 0;
  }
}

/* One sweep over all columns; the largest change. */
static double sweep(const double *z, size_t rows, size_t count, double alpha, double *w,
                    double *rest) {
  double most = 0;
  for (size_t j = 0; j < count; j++) {
    const double *column = z + j * rows;
    double rho = 0;
    for (size_t r = 0; r < rows; r++) rho += column[r] * rest[r];
    rho = rho / (double)rows + w[j]; /* the columns' second moment is 1 */
    double next = rho > alpha ? rho - alpha : rho < -alpha ? rho + alpha : 0, step = next - w[j];
    if (step == 0) continue;
    for (size_t r = 0; r < rows; r++) rest[r] -= step * column[r];
    w[j] = next;
    most = fmax(most, fabs(step));
  }
  return most;
}

bool heta_i_fit_lasso(const double *x, size_t rows, size_t count, const double *y, double alpha,
                      double tolerance, double *out, double *intercept) {
  double *z = heta_i_allocate(rows * count, sizeof *z), *rest = heta_i_allocate(rows, sizeof *rest);
  double *mean = heta_i_allocate(count, sizeof *mean),
         *deviation = heta_i_allocate(count, sizeof *deviation), centre = 0;
  bool done = z && rest && mean && deviation && rows;
  if (done) {
    standardise(x, rows, count, z, mean, deviation);
    memset(out, 0, count * sizeof *out);
    for (size_t r = 0; r < rows; r++) centre += y[r] / (double)rows;
    for (size_t r = 0; r < rows; r++) rest[r] = y[r] - centre;
    for (int i = 0; i < 10000 && sweep(z, rows, count, alpha, out, rest) >= tolerance; i++) {}
    for (size_t j = 0; j < count; j++) {
      out[j] = deviation[j] > 0 ? out[j] / deviation[j] : 0;
      centre -= out[j] * mean[j];
    }
    if (intercept) *intercept = centre;
  }
  heta_i_free(z);
  heta_i_free(rest);
  heta_i_free(mean);
  heta_i_free(deviation);
  return done;
}
