/* bytes.h: little-endian values out of bytes of any alignment, and 16-bit floats. */
#ifndef HETA_FORMAT_BYTES_H
#define HETA_FORMAT_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t heta_i_le16(const unsigned char *b) { return (uint16_t)(b[0] | b[1] << 8); }

static inline uint32_t heta_i_le32(const unsigned char *b) {
  return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t heta_i_le64(const unsigned char *b) {
  return heta_i_le32(b) | (uint64_t)heta_i_le32(b + 4) << 32;
}

static inline float heta_i_float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline double heta_i_double_of_bits(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* IEEE binary16 to binary32, exact for every bit pattern. Without branches, so that a loop of it
 * can be vectorised; without subnormal floats, so that a flush-to-zero mode does not matter. */
static inline float heta_i_half(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  uint32_t magnitude = half & 0x7fff;
  /* exponent 1 … 30: rebias by 127 - 15; 31 (infinity, NaN): to 255 */
  uint32_t normal = (magnitude << 13) + (112u << 23) + (magnitude >= 0x7c00 ? 112u << 23 : 0);
  /* exponent 0: magnitude units of 2^-24 */
  float small = (float)(int32_t)magnitude * 0x1p-24f;
  uint32_t small_bits;
  memcpy(&small_bits, &small, sizeof small_bits);
  return heta_i_float_of_bits(sign | (magnitude < 0x0400 ? small_bits : normal));
}

#endif
