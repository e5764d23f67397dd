/* quote.h: a name or path from outside made fit to stand in a message. */
#ifndef HETA_FORMAT_QUOTE_H
#define HETA_FORMAT_QUOTE_H

#include <stddef.h>

enum { HETA_QUOTE = 132 };

/* Writes size bytes of text to out as valid UTF-8 and a NUL: control characters and invalid bytes
 * become '?', and what is too long loses its beginning, since the end of a path or tensor name
 * tells more. Returns out. */
const char *heta_i_quote(char out[HETA_QUOTE], const char *text, size_t size);
/* The same for a NUL-terminated text. */
const char *heta_i_quote_string(char out[HETA_QUOTE], const char *text);

#endif
