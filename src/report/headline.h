/* headline.h: one row for all targets together: the mean of their rows, each divided by its own
 * sum. */
#ifndef HETA_REPORT_HEADLINE_H
#define HETA_REPORT_HEADLINE_H

#include "report/rollup.h"

/* Shares, over the tokens that stand before every target; they add up to less than 1, since targets
 * lean on each other too. The error is an upper bound: targets share their probes, so that their
 * errors may all point the same way. Release with heta_i_headline_free. */
typedef struct heta_i_headline {
  size_t length;    /* tokens; 0 with fewer than two rows */
  double *score;    /* signed where the rows are; NaN while a row is not complete */
  double *score_se; /* NULL when all rows are exact */
} heta_i_headline;

/* HETA_E_MEMORY. */
heta_status heta_i_headline_create(const heta_attribution *attribution, heta_i_headline *out,
                                   heta_error *error);
void heta_i_headline_free(heta_i_headline *headline);

#endif
