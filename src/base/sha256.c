/* sha256.c: SHA-256 in pieces, by nettle. */
#include "base/sha256.h"

#include <stdint.h>

void heta_i_sha256_start(heta_i_sha256 *hash) { sha256_init(&hash->state); }

void heta_i_sha256_add(heta_i_sha256 *hash, const void *bytes, size_t size) {
  if (size) sha256_update(&hash->state, size, bytes);
}

void heta_i_sha256_hex(heta_i_sha256 *hash, char out[HETA_SHA256_HEX]) {
  static const char digits[] = "0123456789abcdef";
  uint8_t digest[SHA256_DIGEST_SIZE];
  sha256_digest(&hash->state, sizeof digest, digest);
  for (size_t i = 0; i < sizeof digest; i++) {
    out[2 * i] = digits[digest[i] >> 4];
    out[2 * i + 1] = digits[digest[i] & 15];
  }
  out[2 * sizeof digest] = 0;
}
