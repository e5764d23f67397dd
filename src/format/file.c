/* file.c: an open model file: its tensors and metadata by name. */
#include "format/file.h"

#include <string.h>

#include "base/sha256.h"
#include "format/record.h"
#include "format/safetensors.h"

heta_i_file *heta_i_file_new(const char *path, const char *format) {
  heta_i_file *file = heta_i_allocate(1, sizeof *file);
  if (!file) return NULL;
  file->format = format;
  file->path = heta_i_arena_string(&file->arena, path, strlen(path));
  if (file->path) return file;
  heta_i_file_close(file);
  return NULL;
}

void heta_i_file_close(heta_i_file *file) {
  if (!file) return;
  for (size_t p = 0; p < file->part_count; p++) heta_i_map_close(&file->parts[p].map);
  heta_i_file_close(file->base);
  heta_i_free(file->values);
  heta_i_free(file->by_key);
  heta_i_free(file->tensors);
  heta_i_free(file->by_name);
  heta_i_arena_free(&file->arena);
  heta_i_free(file);
}

/* ---- What was opened ------------------------------------------------------------------------- */

const char *heta_i_file_path(const heta_i_file *file) { return file->path; }

const char *heta_i_file_format(const heta_i_file *file) { return file->format; }

uint64_t heta_i_file_bytes(const heta_i_file *file) {
  uint64_t bytes = file->base ? heta_i_file_bytes(file->base) : 0;
  for (size_t p = 0; p < file->part_count; p++) bytes += file->parts[p].map.size;
  return bytes;
}

static void add_parts(heta_i_sha256 *hash, const heta_i_file *file, bool whole) {
  for (size_t p = 0; p < file->part_count; p++) {
    const heta_i_part *part = &file->parts[p];
    size_t size = whole ? part->map.size : part->data;
    if (size) heta_i_sha256_add(hash, part->map.bytes, size);
  }
  if (file->base) add_parts(hash, file->base, whole);
}

heta_status heta_i_file_sha256(const heta_i_file *file, bool whole, char out[65],
                               heta_error *error) {
  (void)error; /* reading a mapping has no failure to report */
  heta_i_sha256 hash;
  heta_i_sha256_start(&hash);
  add_parts(&hash, file, whole);
  heta_i_sha256_hex(&hash, out);
  return HETA_OK;
}

size_t heta_i_file_tensor_count(const heta_i_file *file) { return file->tensor_count; }

const heta_i_tensor *heta_i_file_tensor_at(const heta_i_file *file, size_t index) {
  return index < file->tensor_count ? &file->tensors[index]->tensor : NULL;
}

size_t heta_i_file_name_place(const heta_i_file *file, const char *name) {
  size_t low = 0, high = file->tensor_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (strcmp(file->by_name[middle]->tensor.name, name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

const heta_i_tensor *heta_i_file_tensor(const heta_i_file *file, const char *name) {
  size_t place = heta_i_file_name_place(file, name);
  if (place == file->tensor_count) return NULL;
  const heta_i_tensor *tensor = &file->by_name[place]->tensor;
  return strcmp(tensor->name, name) ? NULL : tensor;
}

const char *heta_i_file_unread(const heta_i_file *file, const char *name) {
  const char *what = NULL;
  for (size_t p = 0; p < file->part_count && !what; p++)
    what = heta_i_safetensors_other(&file->parts[p], name);
  return what;
}

const char *heta_i_file_unread_at(const heta_i_file *file, size_t index) {
  for (size_t p = 0; p < file->part_count; p++) {
    if (index < file->parts[p].other_count) return file->parts[p].others[index].name;
    index -= file->parts[p].other_count;
  }
  return NULL;
}

/* ---- Metadata -------------------------------------------------------------------------------- */

size_t heta_i_file_key_place(const heta_i_file *file, const char *key) {
  size_t low = 0, high = file->value_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (strcmp(file->by_key[middle]->key, key) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static const heta_i_value *find_any(const heta_i_file *file, const char *key) {
  size_t place = heta_i_file_key_place(file, key);
  if (place == file->value_count || strcmp(file->by_key[place]->key, key)) return NULL;
  return file->by_key[place];
}

/* The value under key when it is (array) or is not (scalar) an array, or NULL. */
static const heta_i_value *find(const heta_i_file *file, const char *key, bool array) {
  const heta_i_value *value = find_any(file, key);
  return value && (value->type == HETA_GGUF_ARRAY) == array ? value : NULL;
}

static bool string(const heta_i_value *value, size_t index, const char **out, size_t *size) {
  if (!value || value->element != HETA_GGUF_STRING || index >= value->count) return false;
  *out = value->text + value->starts[index];
  if (size) *size = value->starts[index + 1] - value->starts[index] - 1;
  return true;
}

bool heta_i_file_integer(const heta_i_file *file, const char *key, int64_t *out) {
  const heta_i_value *value = find(file, key, false);
  return value && heta_i_value_integer(value, 0, out);
}

bool heta_i_file_number(const heta_i_file *file, const char *key, double *out) {
  const heta_i_value *value = find(file, key, false);
  return value && heta_i_value_number(value, 0, out);
}

bool heta_i_file_flag(const heta_i_file *file, const char *key, bool *out) {
  const heta_i_value *value = find(file, key, false);
  if (!value || value->type != HETA_GGUF_BOOL) return false;
  *out = *value->bytes != 0;
  return true;
}

bool heta_i_file_string(const heta_i_file *file, const char *key, const char **out, size_t *size) {
  return string(find(file, key, false), 0, out, size);
}

size_t heta_i_file_array(const heta_i_file *file, const char *key) {
  const heta_i_value *value = find(file, key, true);
  return value ? value->count : 0;
}

bool heta_i_file_array_string(const heta_i_file *file, const char *key, size_t index,
                              const char **out, size_t *size) {
  return string(find(file, key, true), index, out, size);
}

bool heta_i_file_array_integer(const heta_i_file *file, const char *key, size_t index,
                               int64_t *out) {
  const heta_i_value *value = find(file, key, true);
  return value && heta_i_value_integer(value, index, out);
}

bool heta_i_file_array_flag(const heta_i_file *file, const char *key, size_t index, bool *out) {
  const heta_i_value *value = find(file, key, true);
  int64_t whole;
  if (!value || index >= value->count) return false;
  if (value->element == HETA_GGUF_BOOL)
    whole = value->bytes[index] != 0;
  else if (!heta_i_value_integer(value, index, &whole) || whole < 0 || whole > 1)
    return false;
  *out = whole == 1;
  return true;
}

bool heta_i_file_array_number(const heta_i_file *file, const char *key, size_t index, double *out) {
  const heta_i_value *value = find(file, key, true);
  return value && heta_i_value_number(value, index, out);
}

const char *heta_i_file_kind(const heta_i_file *file, const char *key) {
  const heta_i_value *value = find_any(file, key);
  return value ? heta_i_value_kind(value) : NULL;
}

size_t heta_i_file_key_count(const heta_i_file *file) { return file->value_count; }

const char *heta_i_file_key_at(const heta_i_file *file, size_t index) {
  return index < file->value_count ? file->values[index]->key : NULL;
}
