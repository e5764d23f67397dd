/* test_backend.c: what the engine relies on beyond the right numbers: matrix products whose rows do
 * not depend on the rows beside them, on threads or on panels, and scratch that is large enough. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/dice.h"
#include "support/fixture.h"
#include "support/kernels.h"

typedef void (*product)(heta_backend, int, bool, size_t, size_t, size_t, const double *,
                        const double *, bool, double *);

static const struct {
  const char *name;
  product run;
  heta_backend backend;
  double limit;
} KINDS[] = {{"f64 reference", kernel_product_f64, HETA_BACKEND_REFERENCE, 1e-13},
             {"f32 reference", kernel_product_f32, HETA_BACKEND_REFERENCE, 2e-6},
             {"f32 cpu", kernel_product_f32, HETA_BACKEND_CPU, 2e-6}};
enum { KIND_COUNT = 3, ROWS = 24 * HETA_ROW_PAD };

static const struct {
  size_t n, k;
} SHAPES[] = {{1, 1},    {3, 7},    {17, 1},   {1, 65},  {193, 9},
              {64, 576}, {200, 33}, {400, 31}, {48, 400}};
enum { SHAPE_COUNT = sizeof SHAPES / sizeof *SHAPES };

static double *rounded(dice *d, size_t count) {
  double *values = dice_normal(d, count);
  for (size_t i = 0; i < count; i++) values[i] = (double)(float)values[i];
  return values;
}

/* Against sums in index order. */
static void products(void **state) {
  (void)state;
  for (size_t s = 0; s < SHAPE_COUNT; s++)
    for (int transposed = 0; transposed < 2; transposed++) {
      dice d = {.seed = 1 + s};
      size_t m = 4 * HETA_ROW_PAD, n = SHAPES[s].n, k = SHAPES[s].k;
      double *a = rounded(&d, m * k), *b = rounded(&d, n * k), *c = rounded(&d, m * n);
      for (int accumulate = 0; accumulate < 2; accumulate++) {
        double *wanted = dice_zeros(&d, m * n);
        for (size_t i = 0; i < m; i++)
          for (size_t j = 0; j < n; j++) {
            double sum = accumulate ? c[i * n + j] : 0;
            for (size_t p = 0; p < k; p++)
              sum += a[i * k + p] * (transposed ? b[j * k + p] : b[p * n + j]);
            wanted[i * n + j] = sum;
          }
        for (int kind = 0; kind < KIND_COUNT; kind++) {
          double *found = dice_copy(&d, c, m * n);
          KINDS[kind].run(KINDS[kind].backend, 2, transposed, m, n, k, a, b, accumulate, found);
          double error = fixture_error(found, wanted, m * n);
          if (!(error <= KINDS[kind].limit))
            fail_msg("%s: product %zu x %zu x %zu, %s: relative error %.3g", KINDS[kind].name, m, n,
                     k, transposed ? "transposed" : "plain", error);
        }
      }
      dice_free(&d);
    }
}

/* Row i of a product of many rows has the bits it has among any other number of rows. */
static void rows_stand_alone(void **state) {
  (void)state;
  static const size_t BATCHES[] = {1, 2, 3, 4, 5, 7, 10, 11, 13, 20, 23, 24}; /* paddings */
  for (size_t s = 0; s < SHAPE_COUNT; s++)
    for (int transposed = 0; transposed < 2; transposed++)
      for (int kind = 0; kind < KIND_COUNT; kind++) {
        dice d = {.seed = 20 + s};
        size_t n = SHAPES[s].n, k = SHAPES[s].k;
        double *a = rounded(&d, ROWS * k), *b = rounded(&d, n * k);
        double *whole = dice_zeros(&d, ROWS * n);
        KINDS[kind].run(KINDS[kind].backend, 1, transposed, ROWS, n, k, a, b, false, whole);
        for (size_t m = 0; m < sizeof BATCHES / sizeof *BATCHES; m++) {
          size_t rows = BATCHES[m] * HETA_ROW_PAD;
          size_t from = HETA_ROW_PAD * dice_below(&d, (ROWS - rows) / HETA_ROW_PAD + 1);
          int threads = (int)(m % 2 ? 2 + m % 3 : 1);
          double *part = dice_zeros(&d, rows * n);
          KINDS[kind].run(KINDS[kind].backend, threads, transposed, rows, n, k, a + from * k, b,
                          false, part);
          if (memcmp(part, whole + from * n, rows * n * sizeof *part))
            fail_msg("%s: rows %zu ... %zu of a product (n %zu, k %zu, %s) differ from the same "
                     "rows among %d, on %d threads",
                     KINDS[kind].name, from, from + rows, n, k, transposed ? "transposed" : "plain",
                     ROWS, threads);
        }
        dice_free(&d);
      }
}

/* A run shorter than what an engine was opened for never needs more scratch. */
static void scratch_grows_with_rows(void **state) {
  (void)state;
  static const struct {
    size_t heads, kv_heads;
  } HEADS[] = {{1, 1}, {9, 3}, {32, 8}, {12, 12}, {8, 1}};
  for (int backend = HETA_BACKEND_CPU; backend <= HETA_BACKEND_REFERENCE; backend++)
    for (size_t h = 0; h < sizeof HEADS / sizeof *HEADS; h++)
      for (int kind = 0; kind < 4; kind++) {
        int threads = kind % 2 ? 8 : 1;
        bool capped = kind > 1;
        size_t before = 0;
        for (size_t rows = 1; rows < 3000; rows++) {
          size_t now = kernel_scratch_f32((heta_backend)backend, HEADS[h].heads, HEADS[h].kv_heads,
                                          64, rows, capped, threads);
          if (now < before)
            fail_msg("backend %d, %zu heads on %zu, capped %d: %zu rows take %zu numbers of "
                     "scratch, one row "
                     "less takes %zu",
                     backend, HEADS[h].heads, HEADS[h].kv_heads, capped, rows, now, before);
          before = now;
        }
      }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(products), cmocka_unit_test(rows_stand_alone),
                                     cmocka_unit_test(scratch_grows_with_rows)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
