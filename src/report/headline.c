/* headline.c: the mean of all rows, each divided by the sum of its sizes. */
#include "report/headline.h"

#include <math.h>

#include "base/memory.h"

/* Adds one row's share of the mean. A row that sums to 0 leans on nothing. */
static void add(const heta_attribution *a, const heta_row *row, heta_i_headline *to) {
  double sum = 0, count = (double)a->row_count;
  for (size_t i = 0; i < row->length; i++) sum += fabs(heta_i_row_value(row, i));
  if (sum == 0) return;
  for (size_t i = 0; i < to->length; i++) {
    to->score[i] += heta_i_row_value(row, i) / sum / count;
    if (to->score_se && row->score_se) to->score_se[i] += row->score_se[i] / sum / count;
  }
}

heta_status heta_i_headline_create(const heta_attribution *attribution, heta_i_headline *out,
                                   heta_error *error) {
  bool estimated = false;
  *out = (heta_i_headline){0};
  if (attribution->row_count < 2) return HETA_OK;
  size_t length = attribution->rows[0].length;
  for (size_t i = 0; i < attribution->row_count; i++) {
    const heta_row *row = &attribution->rows[i];
    if (row->length < length) length = row->length;
    estimated = estimated || row->score_se;
  }
  out->length = length;
  out->score = heta_i_allocate(length, sizeof *out->score);
  if (estimated) out->score_se = heta_i_allocate(length, sizeof *out->score_se);
  if (!out->score || (estimated && !out->score_se)) {
    heta_i_headline_free(out);
    return heta_i_no_memory(error, "the mean of all targets", 2 * length * sizeof *out->score);
  }
  for (size_t i = 0; i < attribution->row_count; i++) add(attribution, &attribution->rows[i], out);
  return HETA_OK;
}

void heta_i_headline_free(heta_i_headline *headline) {
  heta_i_free(headline->score);
  heta_i_free(headline->score_se);
  *headline = (heta_i_headline){0};
}
