/* utf8.h: validating and walking UTF-8. */
#ifndef HETA_BASE_UTF8_H
#define HETA_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The offset of the first byte that is not valid UTF-8 (overlong forms, surrogates and values above
 * U+10FFFF are invalid), or size when all is valid. */
size_t heta_i_utf8_valid(const char *text, size_t size);
/* Bytes of the well-formed character that starts at text (1 … 4), or 0 when none does. *code may be
 * NULL. */
size_t heta_i_utf8_decode(const char *text, size_t size, uint32_t *code);
/* Unicode's property White_Space. */
bool heta_i_utf8_is_space(uint32_t code);

/* Copies text, each byte that is no character as U+FFFD, to out, which has room for 3 × size bytes;
 * map[i], i ≤ size, is where byte i went. Returns the bytes written. */
size_t heta_i_utf8_clean(const char *text, size_t size, char *out, size_t *map);

#endif
