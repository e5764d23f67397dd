/* made.c: a model file that is put together by code. */
#include "format/made.h"

#include <stdio.h>
#include <string.h>

#include "format/quote.h"
#include "format/record.h"

enum { LEAST_ROOM = 64 };

heta_status heta_i_made_create(const char *path, heta_i_file *base, heta_i_file **out,
                               heta_error *error) {
  heta_i_file *file = heta_i_file_new(path, base ? base->format : "made");
  if (!file) {
    heta_i_file_close(base);
    return heta_i_no_memory(error, "the model file's record", sizeof *file);
  }
  file->base = base;
  *out = file;
  return HETA_OK;
}

const heta_i_file *heta_i_made_base(const heta_i_file *file) { return file->base; }

heta_status heta_i_made_map(heta_i_file *file, const char *path, const char **bytes, size_t *size,
                            heta_error *error) {
  heta_i_part *parts = heta_i_arena_take(&file->arena, file->part_count + 1, sizeof *parts);
  char *name = heta_i_arena_string(&file->arena, path, strlen(path));
  if (!parts || !name) return heta_i_no_memory(error, "a file's record", sizeof *parts);
  heta_i_part *part = &parts[file->part_count];
  HETA_TRY(heta_i_map_open(path, &part->map, error));
  part->path = name;
  part->data = part->map.size; /* all of it is header */
  if (file->part_count) memcpy(parts, file->parts, file->part_count * sizeof *parts);
  file->parts = parts;
  file->part_count++;
  *bytes = (const char *)part->map.bytes;
  *size = part->map.size;
  return HETA_OK;
}

/* The room of a full list's next size; 0 when it would not fit a size_t. */
static size_t next_room(size_t room) {
  size_t next = LEAST_ROOM;
  return !room ? next : heta_i_add(room, room, &next) ? next : 0;
}

static bool room_for_value(heta_i_file *file) {
  size_t count = file->value_count, old = count * sizeof(void *);
  if (count < file->value_room) return true;
  size_t room = next_room(file->value_room);
  if (!room) return false;
  const heta_i_value **list = heta_i_reallocate(file->values, old, room, sizeof *list);
  if (!list) return false;
  file->values = list;
  list = heta_i_reallocate(file->by_key, old, room, sizeof *list);
  if (!list) return false;
  file->by_key = list;
  file->value_room = room;
  return true;
}

static bool room_for_tensor(heta_i_file *file) {
  size_t count = file->tensor_count, old = count * sizeof(void *);
  if (count < file->tensor_room) return true;
  size_t room = next_room(file->tensor_room);
  if (!room) return false;
  const heta_i_entry **list = heta_i_reallocate(file->tensors, old, room, sizeof *list);
  if (!list) return false;
  file->tensors = list;
  list = heta_i_reallocate(file->by_name, old, room, sizeof *list);
  if (!list) return false;
  file->by_name = list;
  file->tensor_room = room;
  return true;
}

static heta_status there_already(const heta_i_file *file, const char *what, const char *name,
                                 heta_error *error) {
  char path[HETA_QUOTE], shown[HETA_QUOTE];
  return heta_i_fail(error, HETA_E_FORMAT, "%s: %s \"%s\" is given twice; fetch the model again",
                     heta_i_quote_string(path, file->path), what, heta_i_quote_string(shown, name));
}

/* ---- Metadata -------------------------------------------------------------------------------- */

static heta_status add_value(heta_i_file *file, const char *key, const heta_i_value *filled,
                             heta_error *error) {
  size_t place = heta_i_file_key_place(file, key);
  if (place < file->value_count && !strcmp(file->by_key[place]->key, key))
    return there_already(file, "metadata", key, error);
  heta_i_value *value = heta_i_arena_take(&file->arena, 1, sizeof *value);
  char *name = heta_i_arena_string(&file->arena, key, strlen(key));
  if (!value || !name || !room_for_value(file))
    return heta_i_no_memory(error, "the model's metadata", sizeof *value);
  *value = *filled;
  value->key = name;
  file->values[file->value_count] = value;
  memmove(file->by_key + place + 1, file->by_key + place,
          (file->value_count - place) * sizeof *file->by_key);
  file->by_key[place] = value;
  file->value_count++;
  return HETA_OK;
}

/* Adds `count` numbers of `width` bytes each, given as bits. */
static heta_status add_bits(heta_i_file *file, const char *key, heta_i_gguf_type type, bool array,
                            const uint64_t *bits, size_t count, heta_error *error) {
  size_t width = heta_i_gguf_type_bytes(type);
  unsigned char *bytes = heta_i_arena_take(&file->arena, count, width);
  if (!bytes) return heta_i_no_memory(error, "the model's metadata", count * width);
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < width; k++) bytes[i * width + k] = (unsigned char)(bits[i] >> 8 * k);
  heta_i_value value = {
      .type = array ? HETA_GGUF_ARRAY : type, .element = type, .count = count, .bytes = bytes};
  return add_value(file, key, &value, error);
}

heta_status heta_i_made_integer(heta_i_file *file, const char *key, int64_t value,
                                heta_error *error) {
  uint64_t bits = (uint64_t)value;
  return add_bits(file, key, HETA_GGUF_I64, false, &bits, 1, error);
}

heta_status heta_i_made_number(heta_i_file *file, const char *key, double value,
                               heta_error *error) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return add_bits(file, key, HETA_GGUF_F64, false, &bits, 1, error);
}

heta_status heta_i_made_flag(heta_i_file *file, const char *key, bool value, heta_error *error) {
  uint64_t bits = value;
  return add_bits(file, key, HETA_GGUF_BOOL, false, &bits, 1, error);
}

/* The bits of a double or int64_t array are those of the array itself. */
static heta_status add_array(heta_i_file *file, const char *key, heta_i_gguf_type type,
                             const void *values, size_t count, heta_error *error) {
  uint64_t *bits = heta_i_allocate(count, sizeof *bits);
  if (!bits) return heta_i_no_memory(error, "the model's metadata", count * sizeof *bits);
  if (count) memcpy(bits, values, count * sizeof *bits);
  heta_status status = add_bits(file, key, type, true, bits, count, error);
  heta_i_free(bits);
  return status;
}

heta_status heta_i_made_integers(heta_i_file *file, const char *key, const int64_t *values,
                                 size_t count, heta_error *error) {
  return add_array(file, key, HETA_GGUF_I64, values, count, error);
}

heta_status heta_i_made_numbers(heta_i_file *file, const char *key, const double *values,
                                size_t count, heta_error *error) {
  return add_array(file, key, HETA_GGUF_F64, values, count, error);
}

static heta_status add_strings(heta_i_file *file, const char *key, bool array,
                               const char *const *strings, const size_t *sizes, size_t count,
                               heta_error *error) {
  size_t total = 0, to = 0;
  for (size_t i = 0; i < count; i++)
    if (!heta_i_add(total, (sizes ? sizes[i] : strlen(strings[i])) + 1, &total))
      return heta_i_no_memory(error, "the metadata's text", SIZE_MAX);
  char *text = heta_i_arena_take(&file->arena, total, 1);
  size_t *starts = heta_i_arena_take(&file->arena, count + 1, sizeof *starts);
  if (!text || !starts) return heta_i_no_memory(error, "the metadata's text", total);
  for (size_t i = 0; i < count; i++) {
    size_t size = sizes ? sizes[i] : strlen(strings[i]);
    starts[i] = to;
    if (size) memcpy(text + to, strings[i], size);
    to += size + 1;
  }
  starts[count] = to;
  heta_i_value value = {.type = array ? HETA_GGUF_ARRAY : HETA_GGUF_STRING,
                        .element = HETA_GGUF_STRING,
                        .count = count,
                        .text = text,
                        .starts = starts};
  return add_value(file, key, &value, error);
}

heta_status heta_i_made_string(heta_i_file *file, const char *key, const char *bytes, size_t size,
                               heta_error *error) {
  return add_strings(file, key, false, &bytes, &size, 1, error);
}

heta_status heta_i_made_strings(heta_i_file *file, const char *key, const char *const *strings,
                                const size_t *sizes, size_t count, heta_error *error) {
  return add_strings(file, key, true, strings, sizes, count, error);
}

/* ---- Tensors --------------------------------------------------------------------------------- */

heta_status heta_i_made_tensor(heta_i_file *file, const char *name, const heta_i_tensor *tensor,
                               const heta_i_view *view, heta_error *error) {
  size_t place = heta_i_file_name_place(file, name);
  if (place < file->tensor_count && !strcmp(file->by_name[place]->tensor.name, name))
    return there_already(file, "tensor", name, error);
  heta_i_entry *entry = heta_i_arena_take(&file->arena, 1, sizeof *entry);
  heta_i_view *kept = view ? heta_i_arena_take(&file->arena, 1, sizeof *kept) : NULL;
  char *text = heta_i_arena_string(&file->arena, name, strlen(name));
  if (!entry || !text || (view && !kept) || !room_for_tensor(file))
    return heta_i_no_memory(error, "the tensor table", sizeof *entry);
  if (view) *kept = *view;
  entry->tensor = *tensor;
  entry->tensor.name = text;
  entry->tensor.view = kept;
  entry->at = tensor->offset;
  file->tensors[file->tensor_count] = entry;
  memmove(file->by_name + place + 1, file->by_name + place,
          (file->tensor_count - place) * sizeof *file->by_name);
  file->by_name[place] = entry;
  file->tensor_count++;
  return HETA_OK;
}

heta_status heta_i_made_vector(heta_i_file *file, const char *name, const float *values,
                               size_t count, heta_error *error) {
  unsigned char *bytes = heta_i_arena_take(&file->arena, count, 4);
  if (!bytes) return heta_i_no_memory(error, name, 4 * count);
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, &values[i], sizeof bits);
    for (size_t k = 0; k < 4; k++) bytes[4 * i + k] = (unsigned char)(bits >> 8 * k);
  }
  heta_i_tensor tensor = {.type = HETA_TYPE_F32,
                          .dims = 1,
                          .shape = {count, 1, 1, 1},
                          .data = bytes,
                          .bytes = 4 * count};
  return heta_i_made_tensor(file, name, &tensor, NULL, error);
}
