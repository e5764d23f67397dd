/* rows.c (cpu): sums of rows in float32. */
#include "backend/cpu/cpu.h"

HETA_CLONES
static void sum_rows(size_t n, const float *a, const float *b, bool accumulate, float *y) {
  if (b && accumulate)
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] += a[i] + b[i];
  else if (b)
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i];
  else if (accumulate)
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] += a[i];
  else
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] = a[i];
}

void heta_i_cpu_add(const heta_i_rows_f32 *r) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t i = 0; i < r->rows; i++)
    sum_rows(r->width, r->a + i * r->width, r->b ? r->b + i * r->width : NULL, r->accumulate,
             r->y + i * r->width);
}
