/* rows.c (reference): RoPE, sums and biases: linear maps of rows. */
#include "backend/reference/reference.h"

void X(rotate)(const X(rotary) *r) {
  size_t width = r->heads * r->head_width, pairs = r->dims / 2;
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++) {
    const real *cosine = pairs ? r->cosine + r->position[row] * pairs : NULL;
    const real *sine = pairs ? r->sine + r->position[row] * pairs : NULL;
    for (size_t head = 0; head < r->heads; head++) {
      const real *x = r->x + row * width + head * r->head_width;
      real *y = r->y + row * width + head * r->head_width;
      for (size_t i = 0; i < pairs; i++) {
        size_t p = r->interleaved ? 2 * i : i, q = r->interleaved ? 2 * i + 1 : i + pairs;
        real c = cosine[i], s = r->transpose ? -sine[i] : sine[i];
        real yp = c * x[p] - s * x[q], yq = s * x[p] + c * x[q];
        y[p] = r->accumulate ? y[p] + yp : yp;
        y[q] = r->accumulate ? y[q] + yq : yq;
      }
      for (size_t i = r->dims; i < r->head_width; i++) y[i] = r->accumulate ? y[i] + x[i] : x[i];
    }
  }
}

void X(add)(const X(rows) *r) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++)
    for (size_t i = row * r->width; i < (row + 1) * r->width; i++) {
      real sum = r->b ? r->a[i] + r->b[i] : r->a[i];
      r->y[i] = r->accumulate ? r->y[i] + sum : sum;
    }
}

void X(add_bias)(const X(rows) *r) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (size_t row = 0; row < r->rows; row++)
    for (size_t i = 0; i < r->width; i++) r->y[row * r->width + i] += r->bias[i];
}
