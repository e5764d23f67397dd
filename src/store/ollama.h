/* ollama.h: what a manifest of Ollama's says. */
#ifndef HETA_STORE_OLLAMA_H
#define HETA_STORE_OLLAMA_H

#include <stddef.h>

enum { HETA_DIGEST = 65 }; /* 64 hexadecimal digits and a NUL */

/* Reads the bytes of a manifest. NULL when it names one GGUF file that heta can read by itself,
 * with the file's SHA-256 in `digest`; otherwise why not, static. */
const char *heta_i_ollama_read(const char *bytes, size_t size, char digest[HETA_DIGEST]);

#endif
