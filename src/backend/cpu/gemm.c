/* gemm.c (cpu): matrix products by oneDNN.
 *
 * The result is cut into tiles of fixed size, each computed by one thread over the whole inner
 * dimension. A row then has the same bits whatever rows stand beside it and however many threads
 * there are, because every row goes through one and the same kernel of dnnl_sgemm:
 *  - with AVX-512 that is so from 17 rows on for multiples of 8, and batches are padded to 32;
 *  - with AVX2, rows are taken six at a time, what is left over by other kernels, and more than 72
 *    rows are cut up again. So calls have at most 72 rows, and those left over are computed in a
 *    full group that ends with them. GROUP is a multiple of six, and of the four that older
 *    instructions take. */
#include <dnnl.h>
#include <omp.h>
#include <string.h>

#include "backend/cpu/cpu.h"

enum { TILE_COLUMNS = 192, GROUP = 12 };

/* Rows of a call. */
static size_t tile_rows(void) {
  bool wide = (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core;
  return wide ? 256 : 72;
}

void heta_i_cpu_product(char trans_a, char trans_b, size_t m, size_t n, size_t k, float scale,
                        const float *a, size_t lda, const float *b, size_t ldb, bool accumulate,
                        float *c, size_t ldc) {
  /* Outside an active parallel region (a job of one thread) oneDNN would start threads of its own.
   */
  int threads = omp_get_max_threads();
  if (threads > 1) omp_set_num_threads(1);
  dnnl_sgemm(trans_a, trans_b, (dnnl_dim_t)m, (dnnl_dim_t)n, (dnnl_dim_t)k, scale, a,
             (dnnl_dim_t)lda, b, (dnnl_dim_t)ldb, accumulate ? 1.0f : 0.0f, c, (dnnl_dim_t)ldc);
  if (threads > 1) omp_set_num_threads(threads);
}

/* A product whose left factor is not transposed, or a tile of one. */
typedef struct product {
  char trans_b;
  size_t m, n, k, lda, ldb, ldc;
  const float *a, *b;
  bool accumulate;
  float *c;
} product;

static void call(const product *p, size_t row, size_t rows, float *c, size_t ldc) {
  heta_i_cpu_product('N', p->trans_b, rows, p->n, p->k, 1.0f, p->a + row * p->lda, p->lda, p->b,
                     p->ldb, p->accumulate, c, ldc);
}

/* The last `rows` < GROUP rows of a product of GROUP rows or more, in a full group. */
static void left_over(const product *p, size_t rows) {
  float group[GROUP * TILE_COLUMNS] = {0}; /* rows of other calls are not looked at */
  size_t first = p->m - GROUP;
  for (size_t r = GROUP - rows; p->accumulate && r < GROUP; r++)
    memcpy(group + r * p->n, p->c + (first + r) * p->ldc, p->n * sizeof *group);
  call(p, first, GROUP, group, p->n);
  for (size_t r = GROUP - rows; r < GROUP; r++)
    memcpy(p->c + (first + r) * p->ldc, group + r * p->n, p->n * sizeof *group);
}

/* Rows [row, row + rows) of a tile. */
static void multiply(const product *p, size_t row, size_t rows, bool grouped) {
  size_t over = grouped && p->m >= GROUP ? rows % GROUP : 0;
  if (rows > over) call(p, row, rows - over, p->c + row * p->ldc, p->ldc);
  if (over) left_over(p, over);
}

static void tiled(int threads, const product *whole) {
  size_t tile = tile_rows();
  size_t across = (whole->n + TILE_COLUMNS - 1) / TILE_COLUMNS, down = (whole->m + tile - 1) / tile;
#pragma omp parallel for collapse(2) num_threads(threads) schedule(dynamic)
  for (size_t j = 0; j < across; j++)
    for (size_t i = 0; i < down; i++) {
      size_t row = i * tile, column = j * TILE_COLUMNS;
      product p = *whole;
      if (p.n - column < TILE_COLUMNS)
        p.n -= column;
      else
        p.n = TILE_COLUMNS;
      p.b += p.trans_b == 'T' ? column * p.ldb : column;
      p.c += column;
      multiply(&p, row, p.m - row < tile ? p.m - row : tile, tile % GROUP == 0);
    }
}

void heta_i_cpu_gemm_nt(int threads, size_t m, size_t n, size_t k, const float *a, size_t lda,
                        const float *b, size_t ldb, bool accumulate, float *c, size_t ldc) {
  tiled(threads, &(product){'T', m, n, k, lda, ldb, ldc, a, b, accumulate, c});
}

void heta_i_cpu_gemm_nn(int threads, size_t m, size_t n, size_t k, const float *a, size_t lda,
                        const float *b, size_t ldb, bool accumulate, float *c, size_t ldc) {
  tiled(threads, &(product){'N', m, n, k, lda, ldb, ldc, a, b, accumulate, c});
}
