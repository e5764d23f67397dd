/* padding.h: how many rows a matrix product gets, for all that lay out batches. */
#ifndef HETA_BACKEND_PADDING_H
#define HETA_BACKEND_PADDING_H

#include <stddef.h>

/* Products whose numbers of rows are multiples of this give a row the same bits in every batch,
 * with any instruction set (backend/cpu/gemm.c says why, tests/unit/test_backend.c holds it). */
enum { HETA_ROW_PAD = 24 };

static inline size_t heta_i_pad_rows(size_t rows) {
  return (rows + HETA_ROW_PAD - 1) / HETA_ROW_PAD * HETA_ROW_PAD;
}

#endif
