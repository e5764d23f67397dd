/* safetensors.c: reads and checks one safetensors file.
 *
 * u64 size of the header, header, data. The header is a JSON object: for each tensor its dtype,
 * shape (the last dimension is contiguous) and data_offsets [begin, end) counted from where the
 * data begins; and perhaps "__metadata__", texts that nothing depends on. The tensors lie side by
 * side: no byte of the data belongs to none of them or to two. */
#include "format/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format/bytes.h"
#include "format/cursor.h"
#include "format/json.h"
#include "format/quote.h"

enum { MOST_HEADER = 100000000, MOST_TENSORS = 1 << 18, MOST_NAME = 1024, MOST_DIMS = 8 };

/* The format's dtypes; HETA_TYPE_COUNT: not read as weights. */
static const struct dtype {
  const char *name;
  size_t bits;
  heta_i_type type;
  const char *what;
} DTYPES[] = {
    {"F32", 32, HETA_TYPE_F32, NULL},
    {"F16", 16, HETA_TYPE_F16, NULL},
    {"BF16", 16, HETA_TYPE_BF16, NULL},
    {"F64", 64, HETA_TYPE_COUNT, "of dtype F64"},
    {"C64", 64, HETA_TYPE_COUNT, "of dtype C64"},
    {"I64", 64, HETA_TYPE_COUNT, "of dtype I64"},
    {"I32", 32, HETA_TYPE_COUNT, "of dtype I32"},
    {"I16", 16, HETA_TYPE_COUNT, "of dtype I16"},
    {"I8", 8, HETA_TYPE_COUNT, "of dtype I8"},
    {"U64", 64, HETA_TYPE_COUNT, "of dtype U64"},
    {"U32", 32, HETA_TYPE_COUNT, "of dtype U32"},
    {"U16", 16, HETA_TYPE_COUNT, "of dtype U16"},
    {"U8", 8, HETA_TYPE_COUNT, "of dtype U8"},
    {"BOOL", 8, HETA_TYPE_COUNT, "of dtype BOOL"},
    {"F8_E4M3", 8, HETA_TYPE_COUNT, "of dtype F8_E4M3"},
    {"F8_E5M2", 8, HETA_TYPE_COUNT, "of dtype F8_E5M2"},
    {"F8_E8M0", 8, HETA_TYPE_COUNT, "of dtype F8_E8M0"},
    {"F6_E2M3", 6, HETA_TYPE_COUNT, "of dtype F6_E2M3"},
    {"F6_E3M2", 6, HETA_TYPE_COUNT, "of dtype F6_E3M2"},
    {"F4", 4, HETA_TYPE_COUNT, "of dtype F4"},
};

/* What the header says of one tensor, checked in itself. */
typedef struct item {
  const char *name; /* in the arena */
  const struct dtype *dtype;
  size_t dims, shape[MOST_DIMS]; /* in the header's order */
  size_t elements;
  size_t begin, end; /* bytes of the data */
} item;

typedef struct reader {
  heta_i_cursor cursor;
  heta_i_arena *arena;
  size_t header, data; /* header: size; data: byte where the data begins */
  item *items;
  size_t count;
} reader;

/* ---- One tensor ------------------------------------------------------------------------------ */

/* The byte where a tensor's name stands in the header: a key is followed by a colon. Where it is
 * spelled with escapes: the byte where the header begins. */
static uint64_t place_of(const reader *r, const char *name) {
  const char *text = (const char *)r->cursor.bytes + 8, *end = text + r->header;
  size_t length = strlen(name);
  for (const char *at = text; (size_t)(end - at) > length + 2; at++) {
    at = memchr(at, '"', (size_t)(end - at) - length - 2);
    if (!at) break;
    if (memcmp(at + 1, name, length) || at[length + 1] != '"') continue;
    const char *after = at + length + 2;
    while (after < end && strchr(" \t\r\n", *after) && *after) after++;
    if (after < end && *after == ':') return (uint64_t)(at - text) + 8;
  }
  return 8;
}

static heta_status wrong(const reader *r, const char *name, const char *what) {
  char shown[HETA_QUOTE];
  return heta_i_damaged(&r->cursor, place_of(r, name), "tensor \"%s\": %s",
                        heta_i_quote_string(shown, name), what);
}

static heta_status read_dtype(const reader *r, const json_t *value, item *out) {
  char path[HETA_QUOTE], shown[HETA_QUOTE], given[HETA_QUOTE];
  const char *name = heta_i_json_text(value);
  if (!name) return wrong(r, out->name, "dtype is no text");
  for (size_t i = 0; i < sizeof DTYPES / sizeof *DTYPES; i++) {
    out->dtype = &DTYPES[i];
    if (!strcmp(DTYPES[i].name, name)) return HETA_OK;
  }
  uint64_t at = place_of(r, out->name);
  return heta_i_fail_at(r->cursor.error, HETA_E_UNSUPPORTED, at,
                        "%s, byte %" PRIu64 ": tensor \"%s\" has the unknown dtype \"%s\"; heta "
                        "reads F32, F16 and BF16: save the model with one of these",
                        heta_i_quote_string(path, r->cursor.path), at,
                        heta_i_quote_string(shown, out->name), heta_i_quote_string(given, name));
}

static heta_status read_shape(const reader *r, const json_t *value, item *out) {
  if (!json_is_array(value)) return wrong(r, out->name, "shape is no list");
  out->dims = json_array_size(value);
  out->elements = 1;
  if (out->dims > MOST_DIMS) return wrong(r, out->name, "shape has over 8 dimensions");
  for (size_t d = 0; d < out->dims; d++) {
    int64_t length;
    if (!heta_i_json_integer(json_array_get(value, d), &length) || length < 0)
      return wrong(r, out->name, "shape has an entry that is no count");
    out->shape[d] = (size_t)length;
    if (!heta_i_multiply(out->elements, out->shape[d], &out->elements))
      return wrong(r, out->name, "its shape multiplies to more elements than any file holds");
  }
  return HETA_OK;
}

static heta_status read_offsets(const reader *r, const json_t *value, item *out) {
  char shown[HETA_QUOTE];
  int64_t begin, end;
  size_t bits, bytes = 0;
  if (!json_is_array(value) || json_array_size(value) != 2 ||
      !heta_i_json_integer(json_array_get(value, 0), &begin) ||
      !heta_i_json_integer(json_array_get(value, 1), &end))
    return wrong(r, out->name, "data_offsets are not two whole numbers");
  if (begin < 0 || begin > end) return wrong(r, out->name, "data_offsets run backwards");
  if ((uint64_t)end > r->cursor.size - r->data)
    return heta_i_damaged(&r->cursor, place_of(r, out->name),
                          "tensor \"%s\" ends at byte %" PRId64
                          " of the data, of which the file holds only %zu bytes",
                          heta_i_quote_string(shown, out->name), end, r->cursor.size - r->data);
  if (heta_i_multiply(out->elements, out->dtype->bits, &bits) && bits % 8 == 0) bytes = bits / 8;
  if (bytes != (uint64_t)(end - begin) || (bytes == 0 && out->elements))
    return wrong(r, out->name, "data_offsets do not agree with dtype and shape");
  out->begin = (size_t)begin;
  out->end = (size_t)end;
  return HETA_OK;
}

static heta_status read_item(reader *r, const char *name, const json_t *value) {
  item *out = &r->items[r->count++];
  size_t length = strlen(name);
  if (!length || length > MOST_NAME)
    return heta_i_damaged(&r->cursor, 8, "a tensor's name has %zu bytes, not 1 to %d", length,
                          MOST_NAME);
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
      return wrong(r, name, "the name has a byte that is no text");
  out->name = heta_i_arena_string(r->arena, name, length);
  if (!out->name) return heta_i_no_memory(r->cursor.error, "a name in the model file", length);
  if (!json_is_object(value)) return wrong(r, name, "its entry is no object");
  HETA_TRY(read_dtype(r, json_object_get(value, "dtype"), out));
  HETA_TRY(read_shape(r, json_object_get(value, "shape"), out));
  return read_offsets(r, json_object_get(value, "data_offsets"), out);
}

static heta_status check_metadata(const reader *r, json_t *metadata) {
  const char *key;
  json_t *value;
  if (!json_is_object(metadata)) return heta_i_damaged(&r->cursor, 8, "__metadata__ is no object");
  json_object_foreach(metadata, key, value) {
    if (!json_is_string(value))
      return heta_i_damaged(&r->cursor, 8, "__metadata__ has a value that is no text");
  }
  return HETA_OK;
}

/* ---- All of them ----------------------------------------------------------------------------- */

static int compare_items(const void *a, const void *b) {
  const item *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  if (x->end != y->end) return x->end < y->end ? -1 : 1;
  return strcmp(x->name, y->name);
}

/* Sorts the tensors as they lie in the file, and checks that they fill it. */
static heta_status check_places(const reader *r) {
  size_t at = 0;
  char first[HETA_QUOTE], second[HETA_QUOTE];
  qsort(r->items, r->count, sizeof *r->items, compare_items);
  for (size_t i = 0; i < r->count; i++) {
    const item *this = &r->items[i];
    heta_i_quote_string(first, this->name);
    if (this->begin < at)
      return heta_i_damaged(&r->cursor, place_of(r, this->name),
                            "tensors \"%s\" and \"%s\" overlap",
                            heta_i_quote_string(second, r->items[i - 1].name), first);
    if (this->begin > at)
      return heta_i_damaged(&r->cursor, r->data + at,
                            "%zu bytes before tensor \"%s\" belong to no tensor", this->begin - at,
                            first);
    at = this->end;
  }
  if (at < r->cursor.size - r->data)
    return heta_i_damaged(&r->cursor, r->data + at, "%zu bytes at the end belong to no tensor",
                          r->cursor.size - r->data - at);
  return HETA_OK;
}

static void set_tensor(const reader *r, const item *from, heta_i_entry *entry) {
  heta_i_tensor *tensor = &entry->tensor;
  tensor->name = from->name;
  tensor->type = from->dtype->type;
  tensor->dims = from->dims;
  for (size_t d = 0; d < 4; d++)
    tensor->shape[d] = d < from->dims ? from->shape[from->dims - 1 - d] : 1;
  tensor->offset = r->data + from->begin;
  tensor->data = r->cursor.bytes + tensor->offset;
  tensor->bytes = from->end - from->begin;
  entry->at = tensor->offset;
}

static int compare_others(const void *a, const void *b) {
  const heta_i_other *x = a, *y = b;
  return strcmp(x->name, y->name);
}

const char *heta_i_safetensors_other(const heta_i_part *part, const char *name) {
  const heta_i_other wanted = {.name = name};
  const heta_i_other *found = !part->other_count ? NULL
                                                 : bsearch(&wanted, part->others, part->other_count,
                                                           sizeof *part->others, compare_others);
  return found ? found->what : NULL;
}

static heta_status fill_part(const reader *r, heta_i_part *part) {
  part->entries = heta_i_arena_take(r->arena, r->count, sizeof *part->entries);
  part->others = heta_i_arena_take(r->arena, r->count, sizeof *part->others);
  if (!part->entries || !part->others)
    return heta_i_no_memory(r->cursor.error, "the tensor table", r->count * sizeof *part->entries);
  for (size_t i = 0; i < r->count; i++) {
    const item *from = &r->items[i];
    const char *what = from->dtype->what;
    if (!what && !from->elements) what = "without elements";
    if (!what && (from->dims < 1 || from->dims > 4)) what = "not of 1 to 4 dimensions";
    if (what)
      part->others[part->other_count++] = (heta_i_other){from->name, what};
    else
      set_tensor(r, from, &part->entries[part->entry_count++]);
  }
  qsort(part->others, part->other_count, sizeof *part->others, compare_others);
  part->data = r->data;
  return HETA_OK;
}

static heta_status read_header(reader *r, json_t *header, heta_i_part *part) {
  const char *name;
  json_t *value;
  if (!json_is_object(header)) return heta_i_damaged(&r->cursor, 8, "the header is no JSON object");
  size_t most = json_object_size(header);
  if (most > MOST_TENSORS)
    return heta_i_damaged(&r->cursor, 8, "the header has %zu entries, over the limit of %d", most,
                          MOST_TENSORS);
  heta_status status = HETA_OK;
  r->items = heta_i_allocate(most, sizeof *r->items);
  if (!r->items)
    return heta_i_no_memory(r->cursor.error, "the tensor table", most * sizeof *r->items);
  json_object_foreach(header, name, value) {
    HETA_GO(!strcmp(name, "__metadata__") ? check_metadata(r, value) : read_item(r, name, value));
  }
  HETA_GO(check_places(r));
  HETA_GO(fill_part(r, part));
done:
  heta_i_free(r->items);
  return status;
}

/* ---- The file -------------------------------------------------------------------------------- */

bool heta_i_is_safetensors(const heta_i_map *map) {
  return map->size >= 9 && map->bytes[8] == '{' && heta_i_le64(map->bytes) <= MOST_HEADER;
}

heta_status heta_i_safetensors_parse(heta_i_part *part, heta_i_arena *arena, heta_error *error) {
  reader r = {.cursor = {.bytes = part->map.bytes,
                         .size = part->map.size,
                         .path = part->path,
                         .error = error},
              .arena = arena};
  uint64_t header;
  HETA_TRY(heta_i_read_u64(&r.cursor, "the size of the header", &header));
  if (header > r.cursor.size - 8)
    return heta_i_damaged(&r.cursor, 0,
                          "the header is said to have %" PRIu64 " bytes, but %zu are left", header,
                          r.cursor.size - 8);
  if (header > MOST_HEADER)
    return heta_i_damaged(&r.cursor, 0,
                          "the header is said to have %" PRIu64 " bytes, over the limit of %d",
                          header, MOST_HEADER);
  r.header = (size_t)header;
  r.data = 8 + r.header;
  json_t *json = NULL;
  HETA_TRY(
      heta_i_json_parse((const char *)r.cursor.bytes + 8, r.header, part->path, 8, &json, error));
  heta_status status = read_header(&r, json, part);
  json_decref(json);
  return status;
}
