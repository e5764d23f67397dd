/* row.h: a row kernel's arguments at one row. */
#ifndef HETA_BACKEND_CPU_ROW_H
#define HETA_BACKEND_CPU_ROW_H

#include <string.h>

#include "backend/cpu/cpu.h"

typedef struct row {
  size_t width;
  const float *weight, *a, *b, *da, *db, *gy, *dgy;
  float *y, *dy, *ga, *gb, *dga, *dgb;
  float epsilon;
  bool accumulate, accumulate_b;
} row;

static inline row row_at(const heta_i_rows_f32 *r, size_t index) {
  size_t own = index * r->width, root = heta_i_primal_row_f32(r, index) * r->width;
  row x = {.width = r->width,
           .weight = r->weight,
           .epsilon = r->epsilon,
           .accumulate = r->accumulate,
           .accumulate_b = r->accumulate_b};
  x.a = r->a ? r->a + root : NULL;
  x.b = r->b ? r->b + root : NULL;
  x.gy = r->gy ? r->gy + (r->dgy ? root : own) : NULL;
  x.da = r->da ? r->da + own : NULL;
  x.db = r->db ? r->db + own : NULL;
  x.dgy = r->dgy ? r->dgy + own : NULL;
  x.y = r->y ? r->y + own : NULL;
  x.dy = r->dy ? r->dy + own : NULL;
  x.ga = r->ga ? r->ga + own : NULL;
  x.gb = r->gb ? r->gb + own : NULL;
  x.dga = r->dga ? r->dga + own : NULL;
  x.dgb = r->dgb ? r->dgb + own : NULL;
  return x;
}

#define EACH_ROW(function)                                                                         \
  _Pragma("omp parallel for num_threads(r->threads) schedule(static)") for (size_t i = 0;          \
                                                                            i < r->rows; i++) {    \
    row x = row_at(r, i);                                                                          \
    function(&x);                                                                                  \
  }

#endif
