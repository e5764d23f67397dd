/* quote.c: a name or path from outside made fit to stand in a message. */
#include "format/quote.h"

#include <string.h>

#include "base/utf8.h"

static const char DOTS[] = "…";
enum { KEEP = HETA_QUOTE - sizeof DOTS - 1 };

const char *heta_i_quote(char out[HETA_QUOTE], const char *text, size_t size) {
  char *to = out;
  size_t at = 0;
  if (size > KEEP) {
    memcpy(to, DOTS, sizeof DOTS - 1);
    to += sizeof DOTS - 1;
    at = size - KEEP;
    while (at < size && ((unsigned char)text[at] & 0xc0) == 0x80) at++; /* not within a character */
  }
  while (at < size) {
    size_t length = heta_i_utf8_decode(text + at, size - at, NULL);
    unsigned char first = (unsigned char)text[at];
    if (!length || first < 0x20 || first == 0x7f) {
      *to++ = '?';
      at++;
    } else {
      memcpy(to, text + at, length);
      to += length;
      at += length;
    }
  }
  *to = 0;
  return out;
}

const char *heta_i_quote_string(char out[HETA_QUOTE], const char *text) {
  return heta_i_quote(out, text, strlen(text));
}
