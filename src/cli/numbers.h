/* numbers.h: what the commands that sum up measurements have in common. */
#ifndef HETA_CLI_NUMBERS_H
#define HETA_CLI_NUMBERS_H

#include <stddef.h>

/* Ascending, in place. */
void cli_sort(double *values, size_t count);
/* Sorts, and returns the middle, or the mean of the middle two. */
double cli_median(double *values, size_t count);

#endif
