/* gguf_builder.c: writes GGUF files for tests. */
#include "support/gguf_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"

enum { LIMIT = 1 << 30 };

struct gguf_builder {
  uint32_t version;
  size_t alignment;
  uint64_t tensors, values;
  heta_i_buffer metadata, table, data;
};

static void need(bool good, const char *what) {
  if (good) return;
  fprintf(stderr, "gguf_builder: %s\n", what);
  abort();
}

static void *take(size_t size) {
  void *block = calloc(size ? size : 1, 1);
  need(block, "out of memory");
  return block;
}

gguf_builder *gguf_new(void) {
  gguf_builder *b = take(sizeof *b);
  b->version = 3;
  b->alignment = 32;
  b->metadata.limit = b->table.limit = b->data.limit = LIMIT;
  return b;
}

void gguf_version(gguf_builder *b, uint32_t version) { b->version = version; }
void gguf_align(gguf_builder *b, size_t alignment) { b->alignment = alignment; }

static void add_number(heta_i_buffer *to, size_t width, uint64_t value) {
  unsigned char bytes[8];
  for (size_t i = 0; i < width; i++) bytes[i] = (unsigned char)(value >> 8 * i);
  heta_i_buffer_append(to, bytes, width);
}

static void add_text(heta_i_buffer *to, const void *text, size_t size) {
  add_number(to, 8, size);
  heta_i_buffer_append(to, text, size);
}

static void add_key(gguf_builder *b, const char *key, uint32_t type) {
  add_text(&b->metadata, key, strlen(key));
  add_number(&b->metadata, 4, type);
  b->values++;
}

static void add_array(gguf_builder *b, const char *key, uint32_t type, size_t count) {
  add_key(b, key, GGUF_ARRAY);
  add_number(&b->metadata, 4, type);
  add_number(&b->metadata, 8, count);
}

static size_t width_of(uint32_t type) {
  switch (type) {
  case GGUF_U8:
  case GGUF_I8:
  case GGUF_BOOL: return 1;
  case GGUF_U16:
  case GGUF_I16: return 2;
  case GGUF_U32:
  case GGUF_I32: return 4;
  case GGUF_U64:
  case GGUF_I64: return 8;
  default: need(false, "not an integer type"); return 0;
  }
}

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

void gguf_integer(gguf_builder *b, const char *key, uint32_t type, int64_t value) {
  add_key(b, key, type);
  add_number(&b->metadata, width_of(type), (uint64_t)value);
}

void gguf_u32(gguf_builder *b, const char *key, uint32_t value) {
  gguf_integer(b, key, GGUF_U32, value);
}

void gguf_bool(gguf_builder *b, const char *key, bool value) {
  gguf_integer(b, key, GGUF_BOOL, value);
}

void gguf_f32(gguf_builder *b, const char *key, float value) {
  add_key(b, key, GGUF_F32);
  add_number(&b->metadata, 4, bits_of(value));
}

void gguf_f64(gguf_builder *b, const char *key, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  add_key(b, key, GGUF_F64);
  add_number(&b->metadata, 8, bits);
}

void gguf_text(gguf_builder *b, const char *key, const void *bytes, size_t size) {
  add_key(b, key, GGUF_STRING);
  add_text(&b->metadata, bytes, size);
}

void gguf_string(gguf_builder *b, const char *key, const char *value) {
  gguf_text(b, key, value, strlen(value));
}

void gguf_strings(gguf_builder *b, const char *key, const char *const *values, size_t count) {
  add_array(b, key, GGUF_STRING, count);
  for (size_t i = 0; i < count; i++) add_text(&b->metadata, values[i], strlen(values[i]));
}

void gguf_integers(gguf_builder *b, const char *key, uint32_t type, const int64_t *values,
                   size_t count) {
  add_array(b, key, type, count);
  for (size_t i = 0; i < count; i++) add_number(&b->metadata, width_of(type), (uint64_t)values[i]);
}

void gguf_floats(gguf_builder *b, const char *key, const float *values, size_t count) {
  add_array(b, key, GGUF_F32, count);
  for (size_t i = 0; i < count; i++) add_number(&b->metadata, 4, bits_of(values[i]));
}

void gguf_raw(gguf_builder *b, const char *key, uint32_t type, const void *bytes, size_t size) {
  add_key(b, key, type);
  heta_i_buffer_append(&b->metadata, bytes, size);
}

static void pad(heta_i_buffer *to, size_t alignment) {
  while (to->size % alignment) heta_i_buffer_append(to, "", 1);
}

void gguf_tensor(gguf_builder *b, const char *name, uint32_t type, uint32_t dims,
                 const uint64_t *shape, const void *data, size_t bytes) {
  pad(&b->data, b->alignment);
  add_text(&b->table, name, strlen(name));
  add_number(&b->table, 4, dims);
  for (uint32_t d = 0; d < dims; d++) add_number(&b->table, 8, shape[d]);
  add_number(&b->table, 4, type);
  add_number(&b->table, 8, b->data.size);
  b->tensors++;
  void *zeros = data ? NULL : take(bytes);
  heta_i_buffer_append(&b->data, data ? data : zeros, bytes);
  free(zeros);
}

static void add_floats(gguf_builder *b, const char *name, uint32_t dims, const uint64_t *shape,
                       size_t count, const float *values) {
  unsigned char *bytes = take(4 * count);
  for (size_t i = 0; values && i < count; i++)
    for (size_t k = 0; k < 4; k++) bytes[4 * i + k] = (unsigned char)(bits_of(values[i]) >> 8 * k);
  gguf_tensor(b, name, GGUF_W_F32, dims, shape, bytes, 4 * count);
  free(bytes);
}

void gguf_matrix(gguf_builder *b, const char *name, size_t rows, size_t columns,
                 const float *values) {
  const uint64_t shape[2] = {columns, rows};
  add_floats(b, name, 2, shape, rows * columns, values);
}

void gguf_vector(gguf_builder *b, const char *name, size_t count, const float *values) {
  const uint64_t shape[1] = {count};
  add_floats(b, name, 1, shape, count, values);
}

gguf_image gguf_build(gguf_builder *b) {
  heta_i_buffer all = {.limit = LIMIT};
  heta_i_buffer_append(&all, "GGUF", 4);
  add_number(&all, 4, b->version);
  add_number(&all, 8, b->tensors);
  add_number(&all, 8, b->values);
  if (b->metadata.size) heta_i_buffer_append(&all, b->metadata.bytes, b->metadata.size);
  if (b->table.size) heta_i_buffer_append(&all, b->table.bytes, b->table.size);
  if (b->tensors) pad(&all, b->alignment);
  gguf_image image = {.data = all.size};
  if (b->data.size) heta_i_buffer_append(&all, b->data.bytes, b->data.size);
  need(!all.failed && !b->metadata.failed && !b->table.failed && !b->data.failed, "over 1 GiB");
  image.bytes = take(all.size); /* no longer than the file, so that sanitizers see an overread */
  memcpy(image.bytes, all.bytes, all.size);
  image.size = all.size;
  heta_i_buffer_free(&all);
  heta_i_buffer_free(&b->metadata);
  heta_i_buffer_free(&b->table);
  heta_i_buffer_free(&b->data);
  free(b);
  return image;
}

void gguf_free(gguf_image *image) {
  free(image->bytes);
  *image = (gguf_image){0};
}

size_t gguf_find_nth(const gguf_image *image, const char *name, size_t n) {
  size_t length = strlen(name);
  for (size_t at = 0; at + 8 + length <= image->size; at++) {
    uint64_t size = 0;
    for (size_t i = 0; i < 8; i++) size |= (uint64_t)image->bytes[at + i] << 8 * i;
    if (size == length && !memcmp(image->bytes + at + 8, name, length) && !n--) return at;
  }
  need(false, "the text looked for is not in the file");
  return 0;
}

size_t gguf_find(const gguf_image *image, const char *name) {
  return gguf_find_nth(image, name, 0);
}

size_t gguf_after(const gguf_image *image, const char *name) {
  return gguf_find(image, name) + 8 + strlen(name);
}

void gguf_put(gguf_image *image, size_t at, size_t width, uint64_t value) {
  need(width <= 8 && at <= image->size && width <= image->size - at, "a patch outside the file");
  for (size_t i = 0; i < width; i++) image->bytes[at + i] = (unsigned char)(value >> 8 * i);
}

void gguf_save_as(const gguf_image *image, const char *path) {
  FILE *file = fopen(path, "wb");
  need(file, "cannot create a file");
  need(fwrite(image->bytes, 1, image->size, file) == image->size, "cannot write a file");
  need(!fclose(file), "cannot write a file");
}

void gguf_save(const gguf_image *image, char path[GGUF_PATH]) {
  const char *folder = getenv("TMPDIR");
  int length = snprintf(path, GGUF_PATH, "%s/heta-XXXXXX", folder && *folder ? folder : "/tmp");
  need(length > 0 && length < GGUF_PATH, "the temporary folder's name is too long");
  int file = mkstemp(path);
  need(file >= 0, "cannot create a temporary file");
  close(file);
  gguf_save_as(image, path);
}
