/* number.h: real numbers as text and back, with '.' whatever the host program's locale says. */
#ifndef HETA_BASE_NUMBER_H
#define HETA_BASE_NUMBER_H

#include <stdbool.h>

#include "base/status.h"

typedef struct heta_i_number {
  char text[352]; /* "%.2f" of the largest double takes 312 */
} heta_i_number;

/* A real number by one printf conversion ("%.2f"). */
heta_i_number heta_i_number_format(const char *format, double value) HETA_PRINTF(1, 0);
/* The shortest of 15, 16 or 17 digits that reads back as the same double, "-0.0" included. The
 * value must be finite. */
heta_i_number heta_i_number_shortest(double value);
/* Reads text as strtod does; false when not all of it is a number, or it has 64 bytes or more. */
bool heta_i_number_read(const char *text, double *value);

#endif
