/* gemm.c (cpu): matrix products by oneDNN.
 *
 * The result is cut into tiles of fixed size, each computed by one thread over the whole inner
 * dimension, so that neither the number of threads nor the rows beside a row change a bit of it.
 * Every row must go through one and the same kernel of dnnl_sgemm: with AVX-512 that is so from 17
 * rows on; with AVX2 rows are taken six at a time, and those left over by other kernels. So batches
 * are padded to multiples of HETA_ROW_PAD, and tiles have such a multiple too. */
#include <dnnl.h>
#include <omp.h>
#include <stdatomic.h>

#include "backend/cpu/cpu.h"
#include "base/memory.h"

enum { TILE_ROWS = 10 * HETA_ROW_PAD, TILE_COLUMNS = 192 };

/* Of the whole process: a product runs on any thread of a loop, which knows of no engine. It only
 * grows, and a pass during which it did fails. */
static atomic_size_t refused;

size_t heta_i_cpu_refused(void) { return refused; }

void heta_i_cpu_product(char trans_a, char trans_b, size_t m, size_t n, size_t k, float scale,
                        const float *a, size_t lda, const float *b, size_t ldb, bool accumulate,
                        float *c, size_t ldc) {
  /* Outside an active parallel region (a job of one thread) oneDNN would start threads of its own.
   */
  int threads = omp_get_max_threads();
  if (threads > 1) omp_set_num_threads(1);
  dnnl_status_t status =
      dnnl_sgemm(trans_a, trans_b, (dnnl_dim_t)m, (dnnl_dim_t)n, (dnnl_dim_t)k, scale, a,
                 (dnnl_dim_t)lda, b, (dnnl_dim_t)ldb, accumulate ? 1.0f : 0.0f, c, (dnnl_dim_t)ldc);
  if (status != dnnl_success) refused++; /* sizes are sound: it had no memory to pack them into */
  if (threads > 1) omp_set_num_threads(threads);
}

/* oneDNN makes its kernels within the first product, with 6 MiB of code and names, and does not
 * look whether it got them: it writes to address 0 otherwise. What later products take, it checks.
 */
enum { ROOM = 16 << 20 };

size_t heta_i_cpu_prepare(void) {
  static atomic_bool made;
  float a[64] = {0}, b[64] = {0}, c[64];
  if (made) return 0;
  if (!heta_i_has_room(ROOM)) return ROOM;
  size_t before = refused;
  heta_i_cpu_product('N', 'T', 8, 8, 8, 1.0f, a, 8, b, 8, false, c, 8);
  if (refused != before) return ROOM;
  made = true;
  return 0;
}

/* Rows of a tile: at most TILE_ROWS, all tiles alike, and more of them where a small product would
 * leave threads without work. */
static size_t tile_rows(size_t threads, size_t rows, size_t across) {
  size_t blocks = rows / HETA_ROW_PAD, down = (rows + TILE_ROWS - 1) / TILE_ROWS;
  if (rows % HETA_ROW_PAD) return TILE_ROWS;
  while (across * down < 4 * threads && across * down % threads && blocks >= 2 * (down + 1)) down++;
  return (blocks + down - 1) / down * HETA_ROW_PAD;
}

static void tiled(int threads, char trans_b, size_t m, size_t n, size_t k, const float *a,
                  size_t lda, const float *b, size_t ldb, bool accumulate, float *c, size_t ldc) {
  size_t across = (n + TILE_COLUMNS - 1) / TILE_COLUMNS;
  size_t tile = tile_rows((size_t)threads, m, across), down = (m + tile - 1) / tile;
#pragma omp parallel for collapse(2) num_threads(threads) schedule(dynamic)
  for (size_t j = 0; j < across; j++)
    for (size_t i = 0; i < down; i++) {
      size_t row = i * tile, column = j * TILE_COLUMNS;
      size_t rows = m - row < tile ? m - row : tile;
      size_t columns = n - column < TILE_COLUMNS ? n - column : TILE_COLUMNS;
      heta_i_cpu_product('N', trans_b, rows, columns, k, 1.0f, a + row * lda, lda,
                         trans_b == 'T' ? b + column * ldb : b + column, ldb, accumulate,
                         c + row * ldc + column, ldc);
    }
}

void heta_i_cpu_gemm_nt(int threads, size_t m, size_t n, size_t k, const float *a, size_t lda,
                        const float *b, size_t ldb, bool accumulate, float *c, size_t ldc) {
  tiled(threads, 'T', m, n, k, a, lda, b, ldb, accumulate, c, ldc);
}

void heta_i_cpu_gemm_nn(int threads, size_t m, size_t n, size_t k, const float *a, size_t lda,
                        const float *b, size_t ldb, bool accumulate, float *c, size_t ldc) {
  tiled(threads, 'N', m, n, k, a, lda, b, ldb, accumulate, c, ldc);
}
