/* gguf.c: reads and checks one GGUF file, version 2 or 3, little endian.
 *
 * magic "GGUF", u32 version, u64 tensor count, u64 metadata count;
 * metadata: key text, u32 type, value (text: u64 length, bytes; array: u32 type, u64 count,
 * values);
 * tensor table: name text, u32 dims, u64 shape[dims], u32 type, u64 offset from the data's begin;
 * padding to general.alignment (32 where the file names none); data. */
#include "format/gguf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "format/cursor.h"
#include "format/quant.h"
#include "format/quote.h"
#include "format/recognise.h"

/* Limits far above any real model, so that a damaged file cannot make heta take memory or time
 * without measure. */
enum {
  MOST_VALUES = 1 << 16,
  MOST_TENSORS = 1 << 18,
  MOST_NAME = 1024,
  MOST_STRING = 16 << 20,
  MOST_ELEMENTS = 1 << 24,
  MOST_DEPTH = 4,
  MOST_ALIGNMENT = 1 << 24
};
static const size_t MOST_TEXT = (size_t)1 << 28; /* bytes of all strings of an array */

/* The least bytes a metadata entry and a tensor table entry take. */
enum { LEAST_VALUE = 8 + 1 + 4 + 1, LEAST_ENTRY = 8 + 1 + 4 + 8 + 4 + 8 };

/* ---- Names ----------------------------------------------------------------------------------- */

/* Reads a key or tensor name: not empty, printable, valid UTF-8. */
static heta_status read_name(heta_i_cursor *cursor, const char *what, heta_i_arena *arena,
                             const char **name) {
  const char *text;
  size_t start = cursor->at, size;
  HETA_TRY(heta_i_read_text(cursor, what, MOST_NAME, &text, &size));
  if (!size) return heta_i_damaged(cursor, start, "%s is empty", what);
  size_t valid = heta_i_utf8_valid(text, size);
  for (size_t i = 0; i < valid; i++)
    if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) valid = i;
  if (valid < size)
    return heta_i_damaged(cursor, start + 8 + valid, "%s has a byte (0x%02x) that is no text", what,
                          (unsigned char)text[valid]);
  *name = heta_i_arena_string(arena, text, size);
  return *name ? HETA_OK : heta_i_no_memory(cursor->error, "a name in the model file", size);
}

/* ---- Metadata -------------------------------------------------------------------------------- */

static heta_status read_type(heta_i_cursor *cursor, const char *key, heta_i_gguf_type *type) {
  char shown[HETA_QUOTE];
  size_t start = cursor->at;
  uint32_t number;
  HETA_TRY(heta_i_read_u32(cursor, "the type of a metadata value", &number));
  if (number >= HETA_GGUF_TYPE_COUNT)
    return heta_i_damaged(cursor, start, "metadata \"%s\" has the unknown value type %" PRIu32,
                          heta_i_quote_string(shown, key), number);
  *type = (heta_i_gguf_type)number;
  return HETA_OK;
}

/* Reads count strings into text and starts. */
static heta_status read_strings(heta_i_cursor *cursor, heta_i_arena *arena, heta_i_value *value) {
  const char *text;
  size_t size, total = 0, begin = cursor->at;
  for (size_t i = 0; i < value->count; i++) {
    size_t start = cursor->at;
    HETA_TRY(heta_i_read_text(cursor, "a metadata string", MOST_STRING, &text, &size));
    total += size + 1; /* cannot wrap: both terms are at most MOST_TEXT */
    if (total > MOST_TEXT)
      return heta_i_damaged(cursor, start, "the strings of one array have over %zu bytes",
                            MOST_TEXT);
  }
  size_t *starts = heta_i_arena_take(arena, value->count + 1, sizeof *starts);
  char *copy = heta_i_arena_take(arena, total, 1);
  if (!starts || !copy) return heta_i_no_memory(cursor->error, "the metadata's text", total);
  cursor->at = begin;
  size_t to = 0;
  for (size_t i = 0; i < value->count; i++) {
    HETA_TRY(heta_i_read_text(cursor, "a metadata string", MOST_STRING, &text, &size));
    starts[i] = to;
    memcpy(copy + to, text, size);
    to += size + 1;
  }
  starts[value->count] = to;
  value->text = copy;
  value->starts = starts;
  return HETA_OK;
}

/* Steps over count numbers or truth values and points *out at them. */
static heta_status read_numbers(heta_i_cursor *cursor, heta_i_gguf_type type, uint64_t count,
                                const unsigned char **out) {
  HETA_TRY(
      heta_i_read_elements(cursor, "a metadata value", count, heta_i_gguf_type_bytes(type), out));
  if (type != HETA_GGUF_BOOL) return HETA_OK;
  for (size_t i = 0; i < count; i++)
    if ((*out)[i] > 1)
      return heta_i_damaged(cursor, (uint64_t)(*out + i - cursor->bytes),
                            "a truth value is %d, neither 0 nor 1", (*out)[i]);
  return HETA_OK;
}

static heta_status read_count(heta_i_cursor *cursor, heta_i_gguf_type element, size_t *count) {
  /* The least bytes of an element: a string has its length, an array its type and count. */
  size_t start = cursor->at, least = heta_i_gguf_type_bytes(element);
  if (!least) least = element == HETA_GGUF_STRING ? 8 : 12;
  uint64_t number;
  HETA_TRY(heta_i_read_u64(cursor, "the count of a metadata array", &number));
  if (number > (cursor->size - cursor->at) / least)
    return heta_i_damaged(cursor, start,
                          "an array is said to have %" PRIu64 " elements, which do not fit the %zu "
                          "bytes that are left",
                          number, cursor->size - cursor->at);
  if (number > MOST_ELEMENTS)
    return heta_i_damaged(cursor, start,
                          "an array is said to have %" PRIu64 " elements, over the limit of %d",
                          number, MOST_ELEMENTS);
  *count = (size_t)number;
  return HETA_OK;
}

/* Steps over an array inside an array. Nothing reads those; they are checked like the others. */
static heta_status skip_array(heta_i_cursor *cursor, const char *key, int depth) {
  heta_i_gguf_type element;
  size_t count, size, start = cursor->at;
  const unsigned char *numbers;
  const char *text;
  if (depth > MOST_DEPTH)
    return heta_i_damaged(cursor, start, "arrays are nested more than %d deep", MOST_DEPTH);
  HETA_TRY(read_type(cursor, key, &element));
  HETA_TRY(read_count(cursor, element, &count));
  if (element != HETA_GGUF_STRING && element != HETA_GGUF_ARRAY)
    return read_numbers(cursor, element, count, &numbers);
  for (size_t i = 0; i < count; i++)
    HETA_TRY(element == HETA_GGUF_ARRAY
                 ? skip_array(cursor, key, depth + 1)
                 : heta_i_read_text(cursor, "a metadata string", MOST_STRING, &text, &size));
  return HETA_OK;
}

static heta_status read_value(heta_i_cursor *cursor, heta_i_arena *arena, heta_i_value *value) {
  value->entry = cursor->at;
  HETA_TRY(read_name(cursor, "a metadata key", arena, &value->key));
  HETA_TRY(read_type(cursor, value->key, &value->type));
  value->offset = cursor->at;
  value->element = value->type;
  value->count = 1;
  if (value->type == HETA_GGUF_ARRAY) {
    HETA_TRY(read_type(cursor, value->key, &value->element));
    HETA_TRY(read_count(cursor, value->element, &value->count));
  }
  if (value->element == HETA_GGUF_STRING) return read_strings(cursor, arena, value);
  if (value->element != HETA_GGUF_ARRAY)
    return read_numbers(cursor, value->element, value->count, &value->bytes);
  for (size_t i = 0; i < value->count; i++) HETA_TRY(skip_array(cursor, value->key, 2));
  return HETA_OK;
}

static int compare_keys(const void *a, const void *b) {
  const heta_i_value *x = *(const heta_i_value *const *)a, *y = *(const heta_i_value *const *)b;
  int order = strcmp(x->key, y->key);
  return order ? order : x->entry < y->entry ? -1 : x->entry > y->entry;
}

static heta_status read_metadata(heta_i_cursor *cursor, heta_i_arena *arena, heta_i_part *part) {
  size_t count = part->value_count;
  part->values = heta_i_arena_take(arena, count, sizeof *part->values);
  part->by_key = heta_i_arena_take(arena, count, sizeof *part->by_key);
  if (!part->values || !part->by_key)
    return heta_i_no_memory(cursor->error, "the model's metadata", count * sizeof *part->values);
  for (size_t i = 0; i < count; i++) {
    HETA_TRY(read_value(cursor, arena, &part->values[i]));
    part->by_key[i] = &part->values[i];
  }
  qsort(part->by_key, count, sizeof *part->by_key, compare_keys);
  for (size_t i = 1; i < count; i++) {
    char shown[HETA_QUOTE];
    if (!strcmp(part->by_key[i - 1]->key, part->by_key[i]->key))
      return heta_i_damaged(cursor, part->by_key[i]->entry, "metadata \"%s\" occurs twice",
                            heta_i_quote_string(shown, part->by_key[i]->key));
  }
  return HETA_OK;
}

/* ---- Tensors --------------------------------------------------------------------------------- */

/* The format's numbers for weight types, with the names of those heta does not read. */
static const struct {
  const char *name; /* NULL: no such type */
  heta_i_type type; /* HETA_TYPE_COUNT: not read */
} WEIGHTS[] = {
    [0] = {"F32", HETA_TYPE_F32},        [1] = {"F16", HETA_TYPE_F16},
    [2] = {"Q4_0", HETA_TYPE_Q4_0},      [3] = {"Q4_1", HETA_TYPE_Q4_1},
    [4] = {"Q4_2", HETA_TYPE_COUNT},     [5] = {"Q4_3", HETA_TYPE_COUNT},
    [6] = {"Q5_0", HETA_TYPE_Q5_0},      [7] = {"Q5_1", HETA_TYPE_Q5_1},
    [8] = {"Q8_0", HETA_TYPE_Q8_0},      [9] = {"Q8_1", HETA_TYPE_COUNT},
    [10] = {"Q2_K", HETA_TYPE_Q2_K},     [11] = {"Q3_K", HETA_TYPE_Q3_K},
    [12] = {"Q4_K", HETA_TYPE_Q4_K},     [13] = {"Q5_K", HETA_TYPE_Q5_K},
    [14] = {"Q6_K", HETA_TYPE_Q6_K},     [15] = {"Q8_K", HETA_TYPE_COUNT},
    [16] = {"IQ2_XXS", HETA_TYPE_COUNT}, [17] = {"IQ2_XS", HETA_TYPE_COUNT},
    [18] = {"IQ3_XXS", HETA_TYPE_COUNT}, [19] = {"IQ1_S", HETA_TYPE_COUNT},
    [20] = {"IQ4_NL", HETA_TYPE_IQ4_NL}, [21] = {"IQ3_S", HETA_TYPE_COUNT},
    [22] = {"IQ2_S", HETA_TYPE_COUNT},   [23] = {"IQ4_XS", HETA_TYPE_IQ4_XS},
    [24] = {"I8", HETA_TYPE_COUNT},      [25] = {"I16", HETA_TYPE_COUNT},
    [26] = {"I32", HETA_TYPE_COUNT},     [27] = {"I64", HETA_TYPE_COUNT},
    [28] = {"F64", HETA_TYPE_COUNT},     [29] = {"IQ1_M", HETA_TYPE_COUNT},
    [30] = {"BF16", HETA_TYPE_BF16},     [34] = {"TQ1_0", HETA_TYPE_COUNT},
    [35] = {"TQ2_0", HETA_TYPE_COUNT},   [39] = {"MXFP4", HETA_TYPE_COUNT},
    [40] = {"NVFP4", HETA_TYPE_COUNT},   [41] = {"Q1_0", HETA_TYPE_COUNT},
};

static heta_status read_weight_type(heta_i_cursor *cursor, const char *shown, heta_i_type *type) {
  size_t start = cursor->at;
  uint32_t number;
  char path[HETA_QUOTE], unknown[24];
  HETA_TRY(heta_i_read_u32(cursor, "the type of a tensor", &number));
  bool known = number < sizeof WEIGHTS / sizeof *WEIGHTS && WEIGHTS[number].name;
  if (known && WEIGHTS[number].type != HETA_TYPE_COUNT) {
    *type = WEIGHTS[number].type;
    return HETA_OK;
  }
  snprintf(unknown, sizeof unknown, "number %" PRIu32, number);
  return heta_i_fail_at(cursor->error, HETA_E_UNSUPPORTED, start,
                        "%s, byte %zu: tensor \"%s\" has weight type %s; heta reads F32, F16, "
                        "BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K to Q6_K, IQ4_NL and IQ4_XS: "
                        "use a file with these",
                        heta_i_quote_string(path, cursor->path), start, shown,
                        known ? WEIGHTS[number].name : unknown);
}

/* Shape and type of one row, and from them its size in bytes. */
static heta_status read_shape(heta_i_cursor *cursor, heta_i_tensor *tensor) {
  char shown[HETA_QUOTE];
  size_t start = cursor->at, elements = 1;
  uint32_t dims;
  heta_i_quote_string(shown, tensor->name);
  HETA_TRY(heta_i_read_u32(cursor, "a tensor's number of dimensions", &dims));
  if (dims < 1 || dims > 4)
    return heta_i_damaged(cursor, start, "tensor \"%s\" has %" PRIu32 " dimensions, not 1 to 4",
                          shown, dims);
  tensor->dims = dims;
  for (size_t d = 0; d < 4; d++) tensor->shape[d] = 1;
  for (size_t d = 0; d < dims; d++) {
    uint64_t length;
    size_t at = cursor->at;
    HETA_TRY(heta_i_read_u64(cursor, "a tensor's shape", &length));
    if (!length) return heta_i_damaged(cursor, at, "tensor \"%s\": dimension %zu is 0", shown, d);
    if (length > SIZE_MAX || !heta_i_multiply(elements, (size_t)length, &elements))
      return heta_i_damaged(cursor, at,
                            "tensor \"%s\": its shape multiplies to more elements than any file "
                            "holds",
                            shown);
    tensor->shape[d] = (size_t)length;
  }
  HETA_TRY(read_weight_type(cursor, shown, &tensor->type));
  size_t block = heta_i_type_block(tensor->type);
  if (tensor->shape[0] % block)
    return heta_i_damaged(cursor, start + 4,
                          "tensor \"%s\": rows of %zu elements are no multiple of the %zu that a "
                          "block of %s holds",
                          shown, tensor->shape[0], block, heta_i_type_name(tensor->type));
  if (!heta_i_multiply(elements / block, heta_i_type_block_bytes(tensor->type), &tensor->bytes))
    return heta_i_damaged(cursor, start + 4,
                          "tensor \"%s\": its shape multiplies to more bytes than any file holds",
                          shown);
  return HETA_OK;
}

/* One row of the table; tensor.offset still counts from where the data begins. */
static heta_status read_entry(heta_i_cursor *cursor, heta_i_arena *arena, size_t alignment,
                              heta_i_entry *entry) {
  char shown[HETA_QUOTE];
  heta_i_tensor *tensor = &entry->tensor;
  entry->at = cursor->at;
  HETA_TRY(read_name(cursor, "a tensor's name", arena, &tensor->name));
  HETA_TRY(read_shape(cursor, tensor));
  size_t start = cursor->at;
  HETA_TRY(heta_i_read_u64(cursor, "a tensor's offset", &tensor->offset));
  if (tensor->offset % alignment)
    return heta_i_damaged(cursor, start,
                          "tensor \"%s\": its offset %" PRIu64 " is no multiple of the file's "
                          "alignment %zu",
                          heta_i_quote_string(shown, tensor->name), tensor->offset, alignment);
  return HETA_OK;
}

/* Gives a tensor its place in the mapping, once it is known where the data begins. */
static heta_status place(const heta_i_cursor *cursor, size_t data, heta_i_entry *entry) {
  char shown[HETA_QUOTE];
  heta_i_tensor *tensor = &entry->tensor;
  size_t left = data < cursor->size ? cursor->size - data : 0;
  if (tensor->offset > left || tensor->bytes > left - tensor->offset)
    return heta_i_damaged(cursor, entry->at,
                          "tensor \"%s\" has %zu bytes at offset %" PRIu64
                          " of the data, of which the file holds only %zu bytes",
                          heta_i_quote_string(shown, tensor->name), tensor->bytes, tensor->offset,
                          left);
  tensor->offset += data;
  tensor->data = cursor->bytes + tensor->offset;
  return HETA_OK;
}

static int compare_places(const void *a, const void *b) {
  const heta_i_entry *x = *(const heta_i_entry *const *)a, *y = *(const heta_i_entry *const *)b;
  if (x->tensor.offset != y->tensor.offset) return x->tensor.offset < y->tensor.offset ? -1 : 1;
  return x->at < y->at ? -1 : x->at > y->at;
}

static heta_status check_overlaps(const heta_i_cursor *cursor, const heta_i_part *part) {
  heta_status status = HETA_OK;
  size_t count = part->entry_count;
  const heta_i_entry **sorted = heta_i_allocate(count, sizeof *sorted);
  if (!sorted) return heta_i_no_memory(cursor->error, "the tensor table", count * sizeof *sorted);
  for (size_t i = 0; i < count; i++) sorted[i] = &part->entries[i];
  qsort(sorted, count, sizeof *sorted, compare_places);
  for (size_t i = 1; i < count && !status; i++) {
    const heta_i_tensor *x = &sorted[i - 1]->tensor, *y = &sorted[i]->tensor;
    char first[HETA_QUOTE], second[HETA_QUOTE];
    if (y->offset - x->offset < x->bytes)
      status =
          heta_i_damaged(cursor, sorted[i]->at, "tensors \"%s\" and \"%s\" overlap",
                         heta_i_quote_string(first, x->name), heta_i_quote_string(second, y->name));
  }
  heta_i_free(sorted);
  return status;
}

static heta_status read_alignment(const heta_i_cursor *cursor, const heta_i_part *part,
                                  size_t *alignment) {
  const heta_i_value *value = heta_i_part_find(part, "general.alignment");
  int64_t number = 0;
  *alignment = 32;
  if (!value) return HETA_OK;
  if (value->type == HETA_GGUF_ARRAY || !heta_i_value_integer(value, 0, &number))
    return heta_i_damaged(cursor, value->offset, "general.alignment is no whole number");
  if (number < 8 || number > MOST_ALIGNMENT || (number & (number - 1)))
    return heta_i_damaged(cursor, value->offset,
                          "general.alignment is %" PRId64 ", no power of two from 8 to %d", number,
                          MOST_ALIGNMENT);
  *alignment = (size_t)number;
  return HETA_OK;
}

static heta_status read_tensors(heta_i_cursor *cursor, heta_i_arena *arena, heta_i_part *part) {
  size_t alignment, count = part->entry_count;
  HETA_TRY(read_alignment(cursor, part, &alignment));
  part->entries = heta_i_arena_take(arena, count, sizeof *part->entries);
  if (!part->entries)
    return heta_i_no_memory(cursor->error, "the tensor table", count * sizeof *part->entries);
  for (size_t i = 0; i < count; i++)
    HETA_TRY(read_entry(cursor, arena, alignment, &part->entries[i]));
  size_t padding = (alignment - cursor->at % alignment) % alignment;
  size_t left = cursor->size - cursor->at;
  part->data = cursor->at + (padding < left ? padding : left);
  for (size_t i = 0; i < count; i++) HETA_TRY(place(cursor, part->data, &part->entries[i]));
  return check_overlaps(cursor, part);
}

/* ---- The file -------------------------------------------------------------------------------- */

/* A count of the header, compared with what the rest of the file can hold. */
static heta_status read_total(heta_i_cursor *cursor, const char *what, size_t least, int most,
                              size_t *out) {
  size_t start = cursor->at;
  uint64_t count;
  HETA_TRY(heta_i_read_u64(cursor, "the header", &count));
  if (count > (cursor->size - cursor->at) / least)
    return heta_i_damaged(cursor, start,
                          "the header promises %" PRIu64 " %s, which do not fit the file's %zu "
                          "bytes",
                          count, what, cursor->size);
  if (count > (uint64_t)most)
    return heta_i_damaged(cursor, start, "the header promises %" PRIu64 " %s, over the limit of %d",
                          count, what, most);
  *out = (size_t)count;
  return HETA_OK;
}

heta_status heta_i_gguf_parse(heta_i_part *part, heta_i_arena *arena, heta_error *error) {
  heta_i_cursor cursor = {
      .bytes = part->map.bytes, .size = part->map.size, .path = part->path, .error = error};
  HETA_TRY(heta_i_recognise(&part->map, part->path, error));
  cursor.at = 8; /* magic and version */
  HETA_TRY(read_total(&cursor, "tensors", LEAST_ENTRY, MOST_TENSORS, &part->entry_count));
  HETA_TRY(read_total(&cursor, "metadata entries", LEAST_VALUE, MOST_VALUES, &part->value_count));
  HETA_TRY(read_metadata(&cursor, arena, part));
  return read_tensors(&cursor, arena, part);
}
