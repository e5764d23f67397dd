/* sha256.h: SHA-256 in pieces, read out as hexadecimal. */
#ifndef HETA_BASE_SHA256_H
#define HETA_BASE_SHA256_H

#include <nettle/sha2.h>
#include <stddef.h>

/* Start, add any number of times, then read out once. Cannot fail; holds no memory to release. */
typedef struct heta_i_sha256 {
  struct sha256_ctx state;
} heta_i_sha256;

enum { HETA_SHA256_HEX = 65 }; /* 64 lower-case hexadecimal digits and the final NUL */

void heta_i_sha256_start(heta_i_sha256 *hash);
void heta_i_sha256_add(heta_i_sha256 *hash, const void *bytes, size_t size);
/* Writes 64 lower-case hexadecimal digits and a NUL; to hash something else, start again. */
void heta_i_sha256_hex(heta_i_sha256 *hash, char out[HETA_SHA256_HEX]);

#endif
