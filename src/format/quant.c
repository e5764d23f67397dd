/* quant.c: weight types and their expansion to float. Each loop computes in the order of operations
 * that defines the type, one rounding per operation, so that results agree bit for bit with any
 * other reader that does the same. Loops run over whole blocks with constant inner lengths: that is
 * what lets the compiler vectorise them.
 *
 * Notation: d is a block's scale and m its offset, both binary16; q a small unsigned integer. */
#include "format/quant.h"

#include "format/bytes.h"

enum { HALF = 16, BLOCK = 32, SUPER = 256 };

static float half_at(const unsigned char *b) { return heta_i_half(heta_i_le16(b)); }

static void expand_f32(const unsigned char *restrict b, size_t n, float *restrict out) {
  for (size_t i = 0; i < n; i++) out[i] = heta_i_float_of_bits(heta_i_le32(b + 4 * i));
}

static void expand_f16(const unsigned char *restrict b, size_t n, float *restrict out) {
  for (size_t i = 0; i < n; i++) out[i] = half_at(b + 2 * i);
}

static void expand_bf16(const unsigned char *restrict b, size_t n, float *restrict out) {
  for (size_t i = 0; i < n; i++)
    out[i] = heta_i_float_of_bits((uint32_t)heta_i_le16(b + 2 * i) << 16);
}

/* d, 16 bytes of two q: x = d * (q - 8); low halves come first */
static void expand_q4_0(const unsigned char *restrict b, size_t n, float *restrict out) {
  for (; n; n--, b += 18, out += BLOCK) {
    const float d = half_at(b);
    const unsigned char *q = b + 2;
    for (int i = 0; i < HALF; i++) out[i] = d * (float)((q[i] & 15) - 8);
    for (int i = 0; i < HALF; i++) out[HALF + i] = d * (float)((q[i] >> 4) - 8);
  }
}

/* d, m, 16 bytes of two q: x = d * q + m */
static void expand_q4_1(const unsigned char *restrict b, size_t n, float *restrict out) {
  for (; n; n--, b += 20, out += BLOCK) {
    const float d = half_at(b), m = half_at(b + 2);
    const unsigned char *q = b + 4;
    for (int i = 0; i < HALF; i++) out[i] = d * (float)(q[i] & 15) + m;
    for (int i = 0; i < HALF; i++) out[HALF + i] = d * (float)(q[i] >> 4) + m;
  }
}

/* d, 32 fifth bits, 16 bytes of two q: x = d * (q - 16) */
static void expand_q5_0(const unsigned char *restrict b, size_t n, float *restrict out) {
  for (; n; n--, b += 22, out += BLOCK) {
    const float d = half_at(b);
    const uint32_t high = heta_i_le32(b + 2);
    const unsigned char *q = b + 6;
    for (int i = 0; i < HALF; i++)
      out[i] = d * (float)((int)((q[i] & 15) | (high >> i & 1) << 4) - 16);
    for (int i = 0; i < HALF; i++)
      out[HALF + i] = d * (float)((int)((q[i] >> 4) | (high >> (HALF + i) & 1) << 4) - 16);
  }
}

/* d, m, 32 fifth bits, 16 bytes of two q: x = d * q + m */
static void expand_q5_1(const unsigned char *restrict b, size_t n, float *restrict out) {
  for (; n; n--, b += 24, out += BLOCK) {
    const float d = half_at(b), m = half_at(b + 2);
    const uint32_t high = heta_i_le32(b + 4);
    const unsigned char *q = b + 8;
    for (int i = 0; i < HALF; i++)
      out[i] = d * (float)(int)((q[i] & 15) | (high >> i & 1) << 4) + m;
    for (int i = 0; i < HALF; i++)
      out[HALF + i] = d * (float)(int)((q[i] >> 4) | (high >> (HALF + i) & 1) << 4) + m;
  }
}

/* d, 32 signed bytes: x = d * q */
static void expand_q8_0(const unsigned char *restrict b, size_t n, float *restrict out) {
  for (; n; n--, b += 34, out += BLOCK) {
    const float d = half_at(b);
    const signed char *q = (const signed char *)b + 2;
    for (int i = 0; i < BLOCK; i++) out[i] = d * (float)q[i];
  }
}

/* The K types: 256 elements. Rows r = 0 … 7 of 32 elements; bytes of q are shared by the rows of a
 * half (Q2, Q3, Q6) or by a pair of rows (Q4, Q5), each row taking its own bits. */

/* 16 bytes of scale (low) and offset (high) for 16 elements each, 64 bytes of four q, d, dmin:
 * x = (d * scale) * q - (dmin * offset) */
static void expand_q2_k(const unsigned char *restrict b, size_t n, float *restrict out) {
  for (; n; n--, b += 84, out += SUPER) {
    const float d = half_at(b + 80), dmin = half_at(b + 82);
    for (int group = 0; group < 16; group++) {
      const int row = group / 2, shift = 2 * (row % 4);
      const unsigned char *q = b + 16 + row / 4 * 32 + group % 2 * HALF;
      const float scale = d * (float)(b[group] & 15), offset = dmin * (float)(b[group] >> 4);
      float *x = out + group * HALF;
      for (int i = 0; i < HALF; i++) x[i] = scale * (float)(q[i] >> shift & 3) - offset;
    }
  }
}

/* 32 bytes of third bits (one bit per row), 64 bytes of four q, 16 six-bit scales in 12 bytes, d:
 * x = (d * (scale - 32)) * (q - 4), where q has its third bit */
static void expand_q3_k(const unsigned char *restrict b, size_t n, float *restrict out) {
  for (; n; n--, b += 110, out += SUPER) {
    const float d = half_at(b + 108);
    const unsigned char *packed = b + 96;
    for (int group = 0; group < 16; group++) {
      const int row = group / 2, shift = 2 * (row % 4);
      const int low = packed[group % 8] >> (group / 8 * 4) & 15;
      const int high = packed[8 + group % 4] >> (group / 4 * 2) & 3;
      const unsigned char *q = b + 32 + row / 4 * 32 + group % 2 * HALF;
      const unsigned char *third = b + group % 2 * HALF;
      const float scale = d * (float)((low | high << 4) - 32);
      float *x = out + group * HALF;
      for (int i = 0; i < HALF; i++)
        x[i] = scale * (float)((q[i] >> shift & 3) + 4 * (third[i] >> row & 1) - 4);
    }
  }
}

/* Row r's six-bit scale and offset out of the 12 bytes of Q4_K and Q5_K: rows 0 … 3 have bytes r
 * and r + 4; rows 4 … 7 have the halves of byte r + 4 and the top two bits of those. */
static void scale_offset(const unsigned char *packed, int r, float *scale, float *offset) {
  if (r < 4) {
    *scale = (float)(packed[r] & 63);
    *offset = (float)(packed[r + 4] & 63);
  } else {
    *scale = (float)((packed[r + 4] & 15) | packed[r - 4] >> 6 << 4);
    *offset = (float)(packed[r + 4] >> 4 | packed[r] >> 6 << 4);
  }
}

/* d, dmin, 8 scales and offsets, 128 bytes of two q: x = (d * scale) * q - (dmin * offset) */
static void expand_q4_k(const unsigned char *restrict b, size_t n, float *restrict out) {
  for (; n; n--, b += 144, out += SUPER) {
    const float d = half_at(b), dmin = half_at(b + 2);
    for (int r = 0; r < 8; r++) {
      const int shift = r % 2 * 4;
      const unsigned char *q = b + 16 + r / 2 * BLOCK;
      float scale, offset, *x = out + r * BLOCK;
      scale_offset(b + 4, r, &scale, &offset);
      scale *= d;
      offset *= dmin;
      for (int i = 0; i < BLOCK; i++) x[i] = scale * (float)(q[i] >> shift & 15) - offset;
    }
  }
}

/* d, dmin, 8 scales and offsets, 32 bytes of fifth bits (one bit per row), 128 bytes of two q: as
 * Q4_K with five bits */
static void expand_q5_k(const unsigned char *restrict b, size_t n, float *restrict out) {
  for (; n; n--, b += 176, out += SUPER) {
    const float d = half_at(b), dmin = half_at(b + 2);
    const unsigned char *fifth = b + 16;
    for (int r = 0; r < 8; r++) {
      const int shift = r % 2 * 4;
      const unsigned char *q = b + 48 + r / 2 * BLOCK;
      float scale, offset, *x = out + r * BLOCK;
      scale_offset(b + 4, r, &scale, &offset);
      scale *= d;
      offset *= dmin;
      for (int i = 0; i < BLOCK; i++)
        x[i] = scale * (float)((q[i] >> shift & 15) | (fifth[i] >> r & 1) << 4) - offset;
    }
  }
}

/* 128 bytes of two q, 64 bytes of four upper pairs of bits, 16 signed scales, d:
 * x = (d * scale) * (q - 32) */
static void expand_q6_k(const unsigned char *restrict b, size_t n, float *restrict out) {
  for (; n; n--, b += 210, out += SUPER) {
    const float d = half_at(b + 208);
    const signed char *scales = (const signed char *)b + 192;
    for (int group = 0; group < 16; group++) {
      const int row = group / 2, half = row / 4, s = row % 4, part = group % 2 * HALF;
      const int shift = s / 2 * 4;
      const unsigned char *low = b + half * 64 + s % 2 * 32 + part;
      const unsigned char *high = b + 128 + half * 32 + part;
      const float scale = d * (float)scales[group];
      float *x = out + group * HALF;
      for (int i = 0; i < HALF; i++)
        x[i] = scale * (float)(((low[i] >> shift & 15) | (high[i] >> 2 * s & 3) << 4) - 32);
    }
  }
}

/* The IQ4 types: q is an index into a table of values that lie closer together around 0. */
static const signed char IQ4_VALUES[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                           1,    13,   25,  38,  53,  69,  89,  113};

/* d, 16 bytes of two q: x = d * value(q); low halves come first */
static void expand_iq4_nl(const unsigned char *restrict b, size_t n, float *restrict out) {
  for (; n; n--, b += 18, out += BLOCK) {
    const float d = half_at(b);
    const unsigned char *q = b + 2;
    for (int i = 0; i < HALF; i++) out[i] = d * (float)IQ4_VALUES[q[i] & 15];
    for (int i = 0; i < HALF; i++) out[HALF + i] = d * (float)IQ4_VALUES[q[i] >> 4];
  }
}

/* d, 8 six-bit scales (upper pairs of bits in 2 bytes, lower halves in 4), 128 bytes of two q:
 * x = (d * (scale - 32)) * value(q); each row's low halves come first */
static void expand_iq4_xs(const unsigned char *restrict b, size_t n, float *restrict out) {
  for (; n; n--, b += 136, out += SUPER) {
    const float d = half_at(b);
    const int high = heta_i_le16(b + 2);
    for (int r = 0; r < 8; r++) {
      const int low = b[4 + r / 2] >> r % 2 * 4 & 15;
      const float scale = d * (float)((low | (high >> 2 * r & 3) << 4) - 32);
      const unsigned char *q = b + 8 + r * HALF;
      float *x = out + r * BLOCK;
      for (int i = 0; i < HALF; i++) x[i] = scale * (float)IQ4_VALUES[q[i] & 15];
      for (int i = 0; i < HALF; i++) x[HALF + i] = scale * (float)IQ4_VALUES[q[i] >> 4];
    }
  }
}

static const struct type {
  const char *name;
  size_t block, bytes;
  void (*expand)(const unsigned char *restrict data, size_t blocks, float *restrict out);
} TYPES[HETA_TYPE_COUNT] = {
    [HETA_TYPE_F32] = {"F32", 1, 4, expand_f32},
    [HETA_TYPE_F16] = {"F16", 1, 2, expand_f16},
    [HETA_TYPE_BF16] = {"BF16", 1, 2, expand_bf16},
    [HETA_TYPE_Q4_0] = {"Q4_0", BLOCK, 18, expand_q4_0},
    [HETA_TYPE_Q4_1] = {"Q4_1", BLOCK, 20, expand_q4_1},
    [HETA_TYPE_Q5_0] = {"Q5_0", BLOCK, 22, expand_q5_0},
    [HETA_TYPE_Q5_1] = {"Q5_1", BLOCK, 24, expand_q5_1},
    [HETA_TYPE_Q8_0] = {"Q8_0", BLOCK, 34, expand_q8_0},
    [HETA_TYPE_Q2_K] = {"Q2_K", SUPER, 84, expand_q2_k},
    [HETA_TYPE_Q3_K] = {"Q3_K", SUPER, 110, expand_q3_k},
    [HETA_TYPE_Q4_K] = {"Q4_K", SUPER, 144, expand_q4_k},
    [HETA_TYPE_Q5_K] = {"Q5_K", SUPER, 176, expand_q5_k},
    [HETA_TYPE_Q6_K] = {"Q6_K", SUPER, 210, expand_q6_k},
    [HETA_TYPE_IQ4_NL] = {"IQ4_NL", BLOCK, 18, expand_iq4_nl},
    [HETA_TYPE_IQ4_XS] = {"IQ4_XS", SUPER, 136, expand_iq4_xs},
};

const char *heta_i_type_name(heta_i_type type) { return TYPES[type].name; }
size_t heta_i_type_block(heta_i_type type) { return TYPES[type].block; }
size_t heta_i_type_block_bytes(heta_i_type type) { return TYPES[type].bytes; }

void heta_i_expand(heta_i_type type, const unsigned char *data, size_t count, float *out) {
  TYPES[type].expand(data, count / TYPES[type].block, out);
}
