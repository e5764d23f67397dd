/* gguf_small.c: a small GGUF file with everything in it. */
#include "support/gguf_small.h"

#include <math.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

const float GGUF_SMALL_MATRIX[6] = {1, -2, 3.5f, 0, INFINITY, -0.25f};

static void add_u32(unsigned char *to, uint32_t value) {
  for (int i = 0; i < 4; i++) to[i] = (unsigned char)(value >> 8 * i);
}

/* An array of arrays [[u8 7], []], as bytes: type array, count 2, {type u8, count 1, 7},
 * {type string, count 0}. */
static size_t nested(unsigned char *to) {
  memset(to, 0, 64);
  add_u32(to, GGUF_ARRAY);
  to[4] = 2;
  add_u32(to + 12, GGUF_U8);
  to[16] = 1;
  to[24] = 7;
  add_u32(to + 25, GGUF_STRING);
  return 37;
}

gguf_builder *gguf_small(void) {
  gguf_builder *b = gguf_new();
  const char *words[] = {"alpha", "", "gamma"};
  const int64_t bytes[] = {0, 255}, shorts[] = {-32768, 32767}, bools[] = {1, 0},
                wide[] = {-1, INT64_MAX};
  const float floats[] = {0.5f, -1e30f};
  unsigned char array[64];
  gguf_string(b, "general.architecture", "llama");
  gguf_integer(b, "u8", GGUF_U8, 200);
  gguf_integer(b, "i8", GGUF_I8, -100);
  gguf_integer(b, "u16", GGUF_U16, 60000);
  gguf_integer(b, "i16", GGUF_I16, -30000);
  gguf_u32(b, "u32", 4000000000u);
  gguf_integer(b, "i32", GGUF_I32, INT32_MIN);
  gguf_integer(b, "u64", GGUF_U64, INT64_MAX);
  gguf_integer(b, "u64.big", GGUF_U64, INT64_MIN); /* 2^63: fits no int64_t */
  gguf_integer(b, "i64", GGUF_I64, INT64_MIN);
  gguf_f32(b, "f32", 0.1f);
  gguf_f64(b, "f64", 0.1);
  gguf_bool(b, "yes", true);
  gguf_bool(b, "no", false);
  gguf_text(b, "bytes", "a\0\xff", 3);
  gguf_string(b, "empty", "");
  gguf_strings(b, "words", words, COUNT(words));
  gguf_strings(b, "none", NULL, 0);
  gguf_integers(b, "array.u8", GGUF_U8, bytes, 2);
  gguf_integers(b, "array.i16", GGUF_I16, shorts, 2);
  gguf_integers(b, "array.bool", GGUF_BOOL, bools, 2);
  gguf_integers(b, "array.i64", GGUF_I64, wide, 2);
  gguf_floats(b, "array.f32", floats, 2);
  gguf_raw(b, "nested", GGUF_ARRAY, array, nested(array));
  gguf_matrix(b, "matrix", 2, 3, GGUF_SMALL_MATRIX);
  static const unsigned char halves[12] = {0, 0x3c, 0, 0x40, 0, 0x42, 0, 0x44, 0, 0x45, 0, 0x46};
  const uint64_t block[2] = {32, 1}, cube[4] = {2, 1, 3, 1};
  unsigned char q4_1[20] = {0x00, 0x3c, 0x00, 0xc0, 0x10}; /* d 1, m -2, q 0 and 1 and zeros */
  gguf_tensor(b, "block", GGUF_W_Q4_1, 2, block, q4_1, sizeof q4_1);
  gguf_tensor(b, "cube", GGUF_W_F16, 4, cube, halves, sizeof halves);
  return b;
}
