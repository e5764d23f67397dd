/* value.c: finding a metadata value and reading it as what it can be read as. */
#include <string.h>

#include "format/bytes.h"
#include "format/part.h"

static const struct {
  const char *name, *array;
  size_t bytes;
} TYPES[HETA_GGUF_TYPE_COUNT] = {
    [HETA_GGUF_U8] = {"u8", "array of u8", 1},
    [HETA_GGUF_I8] = {"i8", "array of i8", 1},
    [HETA_GGUF_U16] = {"u16", "array of u16", 2},
    [HETA_GGUF_I16] = {"i16", "array of i16", 2},
    [HETA_GGUF_U32] = {"u32", "array of u32", 4},
    [HETA_GGUF_I32] = {"i32", "array of i32", 4},
    [HETA_GGUF_F32] = {"f32", "array of f32", 4},
    [HETA_GGUF_BOOL] = {"bool", "array of bools", 1},
    [HETA_GGUF_STRING] = {"string", "array of strings", 0},
    [HETA_GGUF_ARRAY] = {"array", "array of arrays", 0},
    [HETA_GGUF_U64] = {"u64", "array of u64", 8},
    [HETA_GGUF_I64] = {"i64", "array of i64", 8},
    [HETA_GGUF_F64] = {"f64", "array of f64", 8},
};

const char *heta_i_value_kind(const heta_i_value *value) {
  return value->type == HETA_GGUF_ARRAY ? TYPES[value->element].array : TYPES[value->type].name;
}

size_t heta_i_gguf_type_bytes(heta_i_gguf_type type) { return TYPES[type].bytes; }

const heta_i_value *heta_i_part_find(const heta_i_part *part, const char *key) {
  size_t low = 0, high = part->value_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(part->by_key[middle]->key, key);
    if (!order) return part->by_key[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

/* Two's complement without relying on how the compiler converts out-of-range values. */
static int64_t signed_of(uint64_t bits, unsigned width) {
  uint64_t sign = (uint64_t)1 << (width - 1);
  return bits & sign ? -(int64_t)((sign - 1) - (bits & (sign - 1))) - 1 : (int64_t)bits;
}

bool heta_i_value_integer(const heta_i_value *value, size_t index, int64_t *out) {
  if (index >= value->count) return false;
  const unsigned char *b = value->bytes;
  uint64_t wide;
  switch (value->element) {
  case HETA_GGUF_U8: *out = b[index]; return true;
  case HETA_GGUF_I8: *out = signed_of(b[index], 8); return true;
  case HETA_GGUF_U16: *out = heta_i_le16(b + 2 * index); return true;
  case HETA_GGUF_I16: *out = signed_of(heta_i_le16(b + 2 * index), 16); return true;
  case HETA_GGUF_U32: *out = heta_i_le32(b + 4 * index); return true;
  case HETA_GGUF_I32: *out = signed_of(heta_i_le32(b + 4 * index), 32); return true;
  case HETA_GGUF_I64: *out = signed_of(heta_i_le64(b + 8 * index), 64); return true;
  case HETA_GGUF_U64:
    wide = heta_i_le64(b + 8 * index);
    if (wide > INT64_MAX) return false;
    *out = (int64_t)wide;
    return true;
  default: return false;
  }
}

bool heta_i_value_number(const heta_i_value *value, size_t index, double *out) {
  if (index >= value->count) return false;
  if (value->element == HETA_GGUF_F32) {
    *out = (double)heta_i_float_of_bits(heta_i_le32(value->bytes + 4 * index));
    return true;
  }
  if (value->element == HETA_GGUF_F64) {
    *out = heta_i_double_of_bits(heta_i_le64(value->bytes + 8 * index));
    return true;
  }
  const int64_t exact = (int64_t)1 << 53;
  int64_t whole;
  if (!heta_i_value_integer(value, index, &whole) || whole > exact || whole < -exact) return false;
  *out = (double)whole;
  return true;
}
