/* random.c: Philox4x32-10 and the distributions drawn from it. */
#include "base/random.h"

#include <math.h>

void heta_i_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/* Block `block` of the sequence named by the key: counter = (block, index, position, stream). */
static void draw(uint64_t seed, heta_i_stream stream, uint32_t position, uint32_t index,
                 uint32_t block, uint32_t out[4]) {
  const uint32_t counter[4] = {block, index, position, (uint32_t)stream};
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  heta_i_philox(counter, key, out);
}

void heta_i_rademacher(uint64_t seed, heta_i_stream stream, uint32_t position, uint32_t index,
                       size_t count, double *signs) {
  uint32_t bits[4] = {0};
  for (size_t i = 0; i < count; i++) {
    if (i % 128 == 0) draw(seed, stream, position, index, (uint32_t)(i / 128), bits);
    signs[i] = bits[i / 32 % 4] >> (i % 32) & 1 ? 1.0 : -1.0;
  }
}

void heta_i_uniform(uint64_t seed, heta_i_stream stream, uint32_t position, uint32_t index,
                    size_t count, double *values) {
  uint32_t bits[4] = {0};
  for (size_t i = 0; i < count; i++) {
    if (i % 2 == 0) draw(seed, stream, position, index, (uint32_t)(i / 2), bits);
    uint64_t mantissa = ((uint64_t)bits[i % 2 * 2] << 32 | bits[i % 2 * 2 + 1]) >> 12;
    values[i] = ((double)mantissa + 0.5) * 0x1p-52;
  }
}

void heta_i_normal(uint64_t seed, heta_i_stream stream, uint32_t position, uint32_t index,
                   size_t count, double *values) {
  double pair[2];
  for (size_t i = 0; i < count; i += 2) { /* Box and Muller 1958 */
    uint32_t bits[4];
    draw(seed, stream, position, index, (uint32_t)(i / 2), bits);
    double u = ((double)(((uint64_t)bits[0] << 32 | bits[1]) >> 12) + 0.5) * 0x1p-52;
    double v = ((double)(((uint64_t)bits[2] << 32 | bits[3]) >> 12) + 0.5) * 0x1p-52;
    double radius = sqrt(-2.0 * log(u)), angle = 6.283185307179586476925 * v;
    pair[0] = radius * cos(angle);
    pair[1] = radius * sin(angle);
    values[i] = pair[0];
    if (i + 1 < count) values[i + 1] = pair[1];
  }
}
