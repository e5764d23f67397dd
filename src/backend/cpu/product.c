/* product.c (cpu): matrix products of our own, for processors without AVX-512.
 *
 * There oneDNN's sgemm gives a row other bits beside other numbers of rows, even of 32 and 64 (2.6,
 * AVX2). Here every number of C is one chain of multiply-adds over the inner dimension in its
 * order, wherever it stands and whatever stands beside it, so that no row needs company or padding.
 * Rates are oneDNN's: docs/performance.md.
 *
 * B is packed panel by panel, COLUMNS wide and DEPTH deep, which fits the first cache; a block of
 * ROWS rows of A against a panel keeps its part of C in registers. */
#include <string.h>

#include "backend/cpu/cpu.h"

enum { ROWS = 6, HALF = 8, COLUMNS = 2 * HALF, DEPTH = 384, TILE_ROWS = 256, TILE_COLUMNS = 192 };

/* So few rows read an untransposed B where it lies: packing would take longer than it saves. */
enum { FEW_ROWS = 48 };

typedef float vector __attribute__((vector_size(4 * HALF), aligned(4)));
typedef int32_t order __attribute__((vector_size(4 * HALF)));

/* rows × COLUMNS of C; with rows known to the compiler the sums stay in registers. */
HETA_INLINE void block(size_t rows, size_t depth, const float *restrict a, size_t lda,
                       const float *restrict b, size_t ldb, bool accumulate, float *restrict c,
                       size_t ldc) {
  vector sum[ROWS][2];
#pragma GCC unroll 6
  for (size_t i = 0; i < rows; i++)
    for (size_t h = 0; h < 2; h++)
      sum[i][h] = accumulate ? *(const vector *)(c + i * ldc + h * HALF) : (vector){0};
  for (size_t p = 0; p < depth; p++) {
    vector left = *(const vector *)(b + p * ldb), right = *(const vector *)(b + p * ldb + HALF);
#pragma GCC unroll 6
    for (size_t i = 0; i < rows; i++) {
      float x = a[i * lda + p];
      vector all = {x, x, x, x, x, x, x, x};
      sum[i][0] += all * left;
      sum[i][1] += all * right;
    }
  }
#pragma GCC unroll 6
  for (size_t i = 0; i < rows; i++)
    for (size_t h = 0; h < 2; h++) *(vector *)(c + i * ldc + h * HALF) = sum[i][h];
}

/* All rows against one panel, of which `columns` are wanted. */
HETA_CLONES static void times_panel(size_t m, size_t columns, size_t depth, const float *a,
                                    size_t lda, const float *b, size_t ldb, bool accumulate,
                                    float *c, size_t ldc) {
  float edge[ROWS * COLUMNS] = {0};
  bool whole = columns == COLUMNS;
  for (size_t i = 0; i < m; i += ROWS) {
    size_t rows = m - i < ROWS ? m - i : ROWS, ld = whole ? ldc : COLUMNS;
    const float *from = a + i * lda;
    float *out = whole ? c + i * ldc : edge;
    for (size_t r = 0; r < rows && !whole && accumulate; r++)
      memcpy(edge + r * COLUMNS, c + (i + r) * ldc, columns * sizeof *c);
    switch (rows) {
    case 6: block(6, depth, from, lda, b, ldb, accumulate, out, ld); break;
    case 5: block(5, depth, from, lda, b, ldb, accumulate, out, ld); break;
    case 4: block(4, depth, from, lda, b, ldb, accumulate, out, ld); break;
    case 3: block(3, depth, from, lda, b, ldb, accumulate, out, ld); break;
    case 2: block(2, depth, from, lda, b, ldb, accumulate, out, ld); break;
    default: block(1, depth, from, lda, b, ldb, accumulate, out, ld); break;
    }
    for (size_t r = 0; r < rows && !whole; r++)
      memcpy(c + (i + r) * ldc, edge + r * COLUMNS, columns * sizeof *c);
  }
}

#ifdef __clang__
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (order){__VA_ARGS__})
#endif

/* HALF rows of HALF numbers, turned: out[p × COLUMNS + row]. */
HETA_INLINE void turn(const float *b, size_t ldb, float *out) {
  vector r[HALF], t[HALF];
#pragma GCC unroll 8
  for (size_t i = 0; i < HALF; i++) r[i] = *(const vector *)(b + i * ldb);
#pragma GCC unroll 4
  for (size_t i = 0; i < HALF; i += 2) {
    t[i] = SHUFFLE(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    t[i + 1] = SHUFFLE(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
#pragma GCC unroll 2
  for (size_t i = 0; i < HALF; i += 4) {
    r[i] = SHUFFLE(t[i], t[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    r[i + 1] = SHUFFLE(t[i], t[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    r[i + 2] = SHUFFLE(t[i + 1], t[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
    r[i + 3] = SHUFFLE(t[i + 1], t[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
  }
#pragma GCC unroll 4
  for (size_t i = 0; i < HALF / 2; i++) {
    *(vector *)(out + i * COLUMNS) = SHUFFLE(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    *(vector *)(out + (i + 4) * COLUMNS) = SHUFFLE(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

/* A panel of Bᵀ: `columns` rows of B, the rest 0. */
HETA_CLONES static void pack_turned(size_t columns, size_t depth, const float *b, size_t ldb,
                                    float *out) {
  size_t p = 0;
  for (; columns == COLUMNS && p + HALF <= depth; p += HALF)
    for (size_t h = 0; h < 2; h++) turn(b + h * HALF * ldb + p, ldb, out + p * COLUMNS + h * HALF);
  for (; p < depth; p++)
    for (size_t j = 0; j < COLUMNS; j++) out[p * COLUMNS + j] = j < columns ? b[j * ldb + p] : 0;
}

static void pack(size_t columns, size_t depth, const float *b, size_t ldb, float *out) {
  for (size_t p = 0; p < depth; p++) {
    memcpy(out + p * COLUMNS, b + p * ldb, columns * sizeof *out);
    memset(out + p * COLUMNS + columns, 0, (COLUMNS - columns) * sizeof *out);
  }
}

/* One tile of C, by one thread. */
static void tile(bool turned, size_t m, size_t n, size_t k, const float *a, size_t lda,
                 const float *b, size_t ldb, bool accumulate, float *c, size_t ldc) {
  float packed[DEPTH * COLUMNS] __attribute__((aligned(64)));
  for (size_t p = 0; p < k; p += DEPTH) {
    size_t depth = k - p < DEPTH ? k - p : DEPTH;
    for (size_t j = 0; j < n; j += COLUMNS) {
      size_t columns = n - j < COLUMNS ? n - j : COLUMNS, ld = COLUMNS;
      const float *from = packed;
      if (turned) {
        pack_turned(columns, depth, b + j * ldb + p, ldb, packed);
      } else if (m > FEW_ROWS || columns < COLUMNS) {
        pack(columns, depth, b + p * ldb + j, ldb, packed);
      } else {
        from = b + p * ldb + j;
        ld = ldb;
      }
      times_panel(m, columns, depth, a + p, lda, from, ld, accumulate || p > 0, c + j, ldc);
    }
  }
}

static void tiled(int threads, bool turned, size_t m, size_t n, size_t k, const float *a,
                  size_t lda, const float *b, size_t ldb, bool accumulate, float *c, size_t ldc) {
  size_t across = (n + TILE_COLUMNS - 1) / TILE_COLUMNS, down = (m + TILE_ROWS - 1) / TILE_ROWS;
#pragma omp parallel for collapse(2) num_threads(threads) schedule(dynamic)
  for (size_t j = 0; j < across; j++)
    for (size_t i = 0; i < down; i++) {
      size_t row = i * TILE_ROWS, column = j * TILE_COLUMNS;
      size_t rows = m - row < TILE_ROWS ? m - row : TILE_ROWS;
      size_t columns = n - column < TILE_COLUMNS ? n - column : TILE_COLUMNS;
      tile(turned, rows, columns, k, a + row * lda, lda, turned ? b + column * ldb : b + column,
           ldb, accumulate, c + row * ldc + column, ldc);
    }
}

void heta_i_cpu_own_nt(int threads, size_t m, size_t n, size_t k, const float *a, size_t lda,
                       const float *b, size_t ldb, bool accumulate, float *c, size_t ldc) {
  tiled(threads, true, m, n, k, a, lda, b, ldb, accumulate, c, ldc);
}

void heta_i_cpu_own_nn(int threads, size_t m, size_t n, size_t k, const float *a, size_t lda,
                       const float *b, size_t ldb, bool accumulate, float *c, size_t ldc) {
  tiled(threads, false, m, n, k, a, lda, b, ldb, accumulate, c, ldc);
}
