/* numbers.c: sorted numbers and their middle. */
#include "cli/numbers.h"

#include <stdlib.h>

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void cli_sort(double *values, size_t count) { qsort(values, count, sizeof *values, by_size); }

double cli_median(double *values, size_t count) {
  cli_sort(values, count);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}
