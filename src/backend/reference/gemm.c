/* gemm.c (reference): matrix products in plain C. Every element is summed in an order that depends
 * on the inner dimension alone: eight running sums over index mod 8, added up at the end. */
#include "backend/reference/reference.h"

enum { SUMS = 8, ROWS = 4, COLUMNS = 16 };

/* c[i] (+)= a[i] · w for up to ROWS rows i. */
HETA_CLONES static void dot_rows(size_t rows, size_t k, const real *a, size_t lda, const real *w,
                                 bool accumulate, real *c, size_t ldc) {
  real part[ROWS][SUMS] = {{0}};
  size_t whole = k / SUMS * SUMS;
  if (rows == ROWS) {
    const real *a1 = a + lda, *a2 = a1 + lda, *a3 = a2 + lda;
    for (size_t p = 0; p < whole; p += SUMS)
      for (size_t u = 0; u < SUMS; u++) {
        part[0][u] += a[p + u] * w[p + u];
        part[1][u] += a1[p + u] * w[p + u];
        part[2][u] += a2[p + u] * w[p + u];
        part[3][u] += a3[p + u] * w[p + u];
      }
  } else {
    for (size_t i = 0; i < rows; i++)
      for (size_t p = 0; p < whole; p += SUMS)
        for (size_t u = 0; u < SUMS; u++) part[i][u] += a[i * lda + p + u] * w[p + u];
  }
  for (size_t i = 0; i < rows; i++) {
    real sum = accumulate ? c[i * ldc] : 0;
    for (size_t u = 0; u < SUMS; u++) sum += part[i][u];
    for (size_t p = whole; p < k; p++) sum += a[i * lda + p] * w[p];
    c[i * ldc] = sum;
  }
}

void X(reference_gemm_nt)(int threads, size_t m, size_t n, size_t k, const real *a, size_t lda,
                          const real *b, size_t ldb, bool accumulate, real *c, size_t ldc) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (size_t j = 0; j < n; j++)
    for (size_t i = 0; i < m; i += ROWS)
      dot_rows(m - i < ROWS ? m - i : ROWS, k, a + i * lda, lda, b + j * ldb, accumulate,
               c + i * ldc + j, ldc);
}

/* COLUMNS columns of one row: c (+)= Σ_p a[p] b[p]. */
HETA_CLONES static void add_columns(size_t columns, size_t k, const real *a, const real *b,
                                    size_t ldb, bool accumulate, real *c) {
  real sum[COLUMNS];
  for (size_t u = 0; u < columns; u++) sum[u] = accumulate ? c[u] : 0;
  if (columns == COLUMNS) {
    for (size_t p = 0; p < k; p++)
      for (size_t u = 0; u < COLUMNS; u++) sum[u] += a[p] * b[p * ldb + u];
  } else {
    for (size_t p = 0; p < k; p++)
      for (size_t u = 0; u < columns; u++) sum[u] += a[p] * b[p * ldb + u];
  }
  for (size_t u = 0; u < columns; u++) c[u] = sum[u];
}

void X(reference_gemm_nn)(int threads, size_t m, size_t n, size_t k, const real *a, size_t lda,
                          const real *b, size_t ldb, bool accumulate, real *c, size_t ldc) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (size_t j = 0; j < n; j += COLUMNS)
    for (size_t i = 0; i < m; i++)
      add_columns(n - j < COLUMNS ? n - j : COLUMNS, k, a + i * lda, b + j, ldb, accumulate,
                  c + i * ldc + j);
}
