/* number.c: real numbers as text and back, free of the locale. */
#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The decimal point is whatever is neither digit, sign nor exponent; it may be several bytes. */
static void plain_point(char *text) {
  char *to = text;
  for (const char *from = text; *from; from++) {
    if (strchr("0123456789+-eE ", *from))
      *to++ = *from;
    else if (to > text && to[-1] != '.')
      *to++ = '.';
  }
  *to = 0;
}

heta_i_number heta_i_number_format(const char *format, double value) {
  heta_i_number number;
  snprintf(number.text, sizeof number.text, format, value);
  if (isfinite(value)) plain_point(number.text);
  return number;
}

heta_i_number heta_i_number_shortest(double value) {
  heta_i_number number;
  if (value == 0 && signbit(value)) return (heta_i_number){"-0.0"};
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(number.text, sizeof number.text, "%.*g", digits, value);
    if (strtod(number.text, NULL) == value) break;
  }
  plain_point(number.text);
  return number;
}

bool heta_i_number_read(const char *text, double *value) {
  char copy[64], *end;
  const char *point = localeconv()->decimal_point;
  size_t used = 0, length = strlen(point);
  if (!*text) return false;
  for (const char *at = text; *at; at++) {
    if (used + length >= sizeof copy) return false;
    if (*at == '.') {
      memcpy(copy + used, point, length);
      used += length;
    } else {
      copy[used++] = *at;
    }
  }
  copy[used] = 0;
  *value = strtod(copy, &end);
  return !*end;
}
