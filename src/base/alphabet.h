/* alphabet.h: the printable letters in which byte-level vocabularies spell bytes (GPT-2's: "Ġ" is a
 * space, "Ċ" a newline). */
#ifndef HETA_BASE_ALPHABET_H
#define HETA_BASE_ALPHABET_H

#include <stdbool.h>
#include <stddef.h>

/* Writes the bytes that size bytes of letters spell to out, which has room for size bytes, and
 * their number to *count. Returns false, out then being undefined, when something is no letter. */
bool heta_i_alphabet_decode(const char *letters, size_t size, char *out, size_t *count);

#endif
