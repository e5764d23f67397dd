/* tensor.c: arrays inside Inseq's files: a safetensors file of one tensor in base64, or lists. */
#include <nettle/base64.h>
#include <string.h>

#include "base/json.h"
#include "result/import.h"

/* ---- Numbers of few bits -------------------------------------------------------------------- */

/* sign, exponent of `exponent` bits, mantissa of `mantissa` bits. */
static double small_float(uint32_t bits, int exponent, int mantissa) {
  int bias = (1 << (exponent - 1)) - 1;
  uint32_t power = bits >> mantissa & ((1u << exponent) - 1), part = bits & ((1u << mantissa) - 1);
  double sign = bits >> (exponent + mantissa) & 1 ? -1 : 1;
  if (!power) return sign * ldexp((double)part, 1 - bias - mantissa);
  return sign * ldexp((double)(part | 1u << mantissa), (int)power - bias - mantissa);
}

static double read_f32(const uint8_t *at) {
  uint32_t bits =
      (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
  float value;
  memcpy(&value, &bits, sizeof value);
  return (double)value;
}

static double read_f16(const uint8_t *at) {
  uint32_t bits = (uint32_t)at[0] | (uint32_t)at[1] << 8;
  if ((bits >> 10 & 31) == 31) return bits & 1023 ? NAN : bits >> 15 ? -INFINITY : INFINITY;
  return small_float(bits, 5, 10);
}

/* E4M3 without infinities: one pattern is NaN. */
static double read_f8(const uint8_t *at) {
  return (*at & 127) == 127 ? NAN : small_float(*at, 4, 3);
}

static const struct {
  const char *name;
  size_t size;
  double (*read)(const uint8_t *at);
} TYPES[] = {{"F32", 4, read_f32}, {"F16", 2, read_f16}, {"F8_E4M3", 1, read_f8}};

/* ---- Shapes --------------------------------------------------------------------------------- */

static heta_status set_shape(const heta_i_reading *r, const heta_i_field *field, size_t size,
                             heta_i_tensor *out) {
  if (out->rank == HETA_TENSOR_RANK)
    return heta_i_field_wrong(r, field, "has more than %d dimensions", HETA_TENSOR_RANK);
  if (!heta_i_multiply(out->count, size, &out->count))
    return heta_i_field_wrong(r, field, "has more numbers than any memory holds");
  out->shape[out->rank++] = size;
  return HETA_OK;
}

/* ---- A safetensors file ---------------------------------------------------------------------- */

static heta_status read_header(const heta_i_reading *r, const heta_i_field *field,
                               const json_t *header, const uint8_t *data, size_t size,
                               heta_i_tensor *out) {
  heta_i_field root = {field, "safetensors", 0, header};
  heta_i_field tensor = heta_i_field_of(&root, "attribution");
  HETA_TRY(heta_i_take_object(r, &tensor));
  heta_i_field type = heta_i_field_of(&tensor, "dtype"), shape = heta_i_field_of(&tensor, "shape");
  heta_i_field offsets = heta_i_field_of(&tensor, "data_offsets");
  const char *name;
  size_t rank, ends, begin, end, kind = 0, bytes;
  HETA_TRY(heta_i_take_string(r, &type, &name));
  while (kind < sizeof TYPES / sizeof *TYPES && strcmp(TYPES[kind].name, name)) kind++;
  if (kind == sizeof TYPES / sizeof *TYPES)
    return heta_i_field_wrong(r, &type, "is \"%.20s\"; F32, F16 and F8_E4M3 are read", name);
  HETA_TRY(heta_i_take_array(r, &shape, &rank));
  for (size_t i = 0; i < rank; i++) {
    heta_i_field one = heta_i_field_at(&shape, i);
    size_t extent = 0;
    HETA_TRY(heta_i_take_size(r, &one, &extent));
    HETA_TRY(set_shape(r, &shape, extent, out));
  }
  HETA_TRY(heta_i_take_array(r, &offsets, &ends));
  if (ends != 2) return heta_i_field_wrong(r, &offsets, "has %zu entries, not 2", ends);
  heta_i_field first = heta_i_field_at(&offsets, 0), last = heta_i_field_at(&offsets, 1);
  HETA_TRY(heta_i_take_size(r, &first, &begin));
  HETA_TRY(heta_i_take_size(r, &last, &end));
  if (!heta_i_multiply(out->count, TYPES[kind].size, &bytes) || end < begin || end > size ||
      end - begin != bytes)
    return heta_i_field_wrong(r, &offsets, "are bytes %zu to %zu of %zu, for %zu numbers of %zu",
                              begin, end, size, out->count, TYPES[kind].size);
  double *values;
  HETA_TRY(heta_i_take_room(r, out->count, sizeof *values, &values));
  for (size_t i = 0; i < out->count; i++)
    values[i] = TYPES[kind].read(data + begin + i * TYPES[kind].size);
  out->values = values;
  return HETA_OK;
}

static heta_status read_safetensors(const heta_i_reading *r, const heta_i_field *field,
                                    const uint8_t *data, size_t size, heta_i_tensor *out) {
  uint64_t length = 0;
  json_t *header;
  heta_error why;
  for (size_t i = 0; i < 8 && size >= 8; i++) length |= (uint64_t)data[i] << 8 * i;
  if (size < 8 || length > size - 8)
    return heta_i_field_wrong(r, field, "holds %zu bytes, which are no safetensors file", size);
  heta_status status = heta_i_json_of_text((const char *)data + 8, (size_t)length, JSON_ALLOW_NUL,
                                           "its header", &header, &why);
  if (status == HETA_E_MEMORY) return heta_i_no_memory(r->error, "a tensor", size);
  if (status) return heta_i_field_wrong(r, field, "holds no safetensors file: %.120s", why.message);
  status = read_header(r, field, header, data + 8 + length, size - 8 - (size_t)length, out);
  json_decref(header);
  return status;
}

static heta_status read_base64(const heta_i_reading *r, const heta_i_field *field,
                               heta_i_tensor *out) {
  const char *text = json_string_value(field->value);
  size_t length = json_string_length(field->value), size = BASE64_DECODE_LENGTH(length);
  struct base64_decode_ctx context;
  uint8_t *data;
  HETA_TRY(heta_i_take_room(r, size + 1, 1, &data));
  base64_decode_init(&context);
  if (!base64_decode_update(&context, &size, data, length, text) || !base64_decode_final(&context))
    return heta_i_field_wrong(r, field, "is no base64 text");
  return read_safetensors(r, field, data, size, out);
}

/* ---- Lists ------------------------------------------------------------------------------------
 */

static heta_status list_shape(const heta_i_reading *r, const heta_i_field *field,
                              const json_t *value, heta_i_tensor *out) {
  for (; json_is_array(value); value = json_array_get(value, 0))
    HETA_TRY(set_shape(r, field, json_array_size(value), out));
  return HETA_OK;
}

/* Numbers in order from values[*at] on; NULL: they are only counted, and their order checked. */
static heta_status read_list(const heta_i_reading *r, const heta_i_field *field, size_t depth,
                             const heta_i_tensor *shape, double *values, size_t *at) {
  size_t count;
  if (depth == shape->rank) {
    ++*at;
    return values ? heta_i_take_real(r, field, &values[*at - 1]) : HETA_OK;
  }
  HETA_TRY(heta_i_take_array(r, field, &count));
  if (count != shape->shape[depth])
    return heta_i_field_wrong(r, field, "has %zu entries, its neighbours %zu", count,
                              shape->shape[depth]);
  for (size_t i = 0; i < count; i++) {
    heta_i_field one = heta_i_field_at(field, i);
    HETA_TRY(read_list(r, &one, depth + 1, shape, values, at));
  }
  return HETA_OK;
}

heta_status heta_i_import_tensor(const heta_i_reading *reading, const heta_i_field *field,
                                 heta_i_tensor *out) {
  *out = (heta_i_tensor){.count = 1};
  if (json_is_string(field->value)) return read_base64(reading, field, out);
  heta_i_field list = heta_i_field_of(field, "__ndarray__");
  if (!json_is_array(list.value))
    return heta_i_field_refuse(reading, field,
                               "a tensor: base64 text, or lists in \"__ndarray__\"");
  HETA_TRY(list_shape(reading, &list, list.value, out));
  double *values;
  size_t at = 0;
  HETA_TRY(read_list(reading, &list, 0, out, NULL, &at)); /* before there is room for them */
  HETA_TRY(heta_i_take_room(reading, out->count, sizeof *values, &values));
  at = 0;
  out->values = values;
  return read_list(reading, &list, 0, out, values, &at);
}
