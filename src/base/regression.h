/* regression.h: the least squares behind methods that explain a model by a linear one. */
#ifndef HETA_BASE_REGRESSION_H
#define HETA_BASE_REGRESSION_H

#include <stdbool.h>
#include <stddef.h>

/* Weighted sums over rows (x, y): enough for any least squares in them. Add and subtract freely. */
typedef struct heta_i_moments {
  size_t count;      /* columns of x */
  double *xx;        /* [count × count] Σ w x xᵀ, its lower half */
  double *x, *xy;    /* [count] Σ w x, Σ w x y */
  double y, weights; /* Σ w y, Σ w */
} heta_i_moments;

/* False when there is no memory. */
bool heta_i_moments_open(size_t count, heta_i_moments *out);
void heta_i_moments_close(heta_i_moments *moments);
/* A row of zeros and ones: `ones` columns that are 1, ascending. */
void heta_i_moments_add(heta_i_moments *moments, const size_t *ones, size_t size, double weight,
                        double y);
/* a += factor · b */
void heta_i_moments_merge(heta_i_moments *a, double factor, const heta_i_moments *b);

/* room: [count² + count] scratch. min Σ w (y - xᵀφ)² + ridge ‖φ‖² subject to Σ φ = total, with the
 * ridge relative to the mean diagonal. False when the system has no solution. */
bool heta_i_fit_total(const heta_i_moments *moments, double ridge, double total, double *room,
                      double *out);
/* min Σ w (y - b - xᵀφ)² + ridge ‖φ‖², b free. *intercept: b, or NULL. False as above. */
bool heta_i_fit_ridge(const heta_i_moments *moments, double ridge, double *room, double *out,
                      double *intercept);
/* min 1/(2M) Σ (y - b - zᵀw)² + alpha ‖w‖₁ with z the M rows of x [rows × count] standardised (mean
 * 0, variance 1; constant columns stay 0), b free, by cyclic coordinate descent; out: w divided by
 * the columns' deviations, in units of x. Stops when no w moves by `tolerance`, at the latest after
 * 10,000 sweeps. False when there is no memory. */
bool heta_i_fit_lasso(const double *x, size_t rows, size_t count, const double *y, double alpha,
                      double tolerance, double *out, double *intercept);

#endif
