/* gemm.c (reference): matrix products in plain C, each element summed in index order. */
#include "backend/reference/reference.h"

enum { COLUMNS = 16 };

void X(reference_gemm_nt)(int threads, size_t m, size_t n, size_t k, const real *a, size_t lda,
                          const real *b, size_t ldb, bool accumulate, real *c, size_t ldc) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (size_t j = 0; j < n; j++)
    for (size_t i = 0; i < m; i++) {
      const real *x = a + i * lda, *w = b + j * ldb;
      real part[8] = {0}; /* eight running sums, added at the end in index order */
      size_t p = 0;
      for (; p + 8 <= k; p += 8)
        for (size_t u = 0; u < 8; u++) part[u] += x[p + u] * w[p + u];
      real sum = accumulate ? c[i * ldc + j] : 0;
      for (size_t u = 0; u < 8; u++) sum += part[u];
      for (; p < k; p++) sum += x[p] * w[p];
      c[i * ldc + j] = sum;
    }
}

void X(reference_gemm_nn)(int threads, size_t m, size_t n, size_t k, const real *a, size_t lda,
                          const real *b, size_t ldb, bool accumulate, real *c, size_t ldc) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j += COLUMNS) {
      size_t columns = n - j < COLUMNS ? n - j : COLUMNS;
      real sum[COLUMNS];
      for (size_t u = 0; u < columns; u++) sum[u] = accumulate ? c[i * ldc + j + u] : 0;
      for (size_t p = 0; p < k; p++)
        for (size_t u = 0; u < columns; u++) sum[u] += a[i * lda + p] * b[p * ldb + j + u];
      for (size_t u = 0; u < columns; u++) c[i * ldc + j + u] = sum[u];
    }
}
