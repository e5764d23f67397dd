/* gguf_builder.h: writes GGUF files for tests, sound ones and, by patching bytes, damaged ones.
 *
 *   gguf_builder *b = gguf_new();
 *   gguf_string(b, "general.architecture", "llama");
 *   gguf_u32(b, "llama.block_count", 2);
 *   const char *tokens[] = {"a", "b"};
 *   gguf_strings(b, "tokenizer.ggml.tokens", tokens, 2);
 *   gguf_matrix(b, "token_embd.weight", 2, 64, floats);            // F32, 2 rows of 64
 *   gguf_image image = gguf_build(b);                              // frees the builder
 *   gguf_put(&image, gguf_find(&image, "token_embd.weight"), 8, 999);  // damage: a wrong length
 *   char path[GGUF_PATH];
 *   gguf_save(&image, path);                                       // a new temporary file
 *   … unlink(path); gguf_free(&image);
 *
 * Entries keep the order of the calls. A failure of the builder itself (memory, disk, a name that
 * is not there) prints a line and aborts: it is a defect of the test. */
#ifndef HETA_TESTS_GGUF_BUILDER_H
#define HETA_TESTS_GGUF_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The format's numbers for metadata value types … */
enum {
  GGUF_U8,
  GGUF_I8,
  GGUF_U16,
  GGUF_I16,
  GGUF_U32,
  GGUF_I32,
  GGUF_F32,
  GGUF_BOOL,
  GGUF_STRING,
  GGUF_ARRAY,
  GGUF_U64,
  GGUF_I64,
  GGUF_F64
};
/* … and for weight types. */
enum {
  GGUF_W_F32 = 0,
  GGUF_W_F16 = 1,
  GGUF_W_Q4_0 = 2,
  GGUF_W_Q4_1 = 3,
  GGUF_W_Q5_0 = 6,
  GGUF_W_Q5_1 = 7,
  GGUF_W_Q8_0 = 8,
  GGUF_W_Q2_K = 10,
  GGUF_W_Q3_K = 11,
  GGUF_W_Q4_K = 12,
  GGUF_W_Q5_K = 13,
  GGUF_W_Q6_K = 14,
  GGUF_W_IQ3_S = 21,
  GGUF_W_BF16 = 30
};

typedef struct gguf_builder gguf_builder;

gguf_builder *gguf_new(void); /* version 3, tensor data aligned to 32 bytes */
void gguf_version(gguf_builder *b, uint32_t version);
/* Aligns tensor data to this many bytes. Writes no metadata: set "general.alignment" yourself. */
void gguf_align(gguf_builder *b, size_t alignment);

/* Metadata. */
void gguf_u32(gguf_builder *b, const char *key, uint32_t value);
void gguf_integer(gguf_builder *b, const char *key, uint32_t type, int64_t value); /* any width */
void gguf_f32(gguf_builder *b, const char *key, float value);
void gguf_f64(gguf_builder *b, const char *key, double value);
void gguf_bool(gguf_builder *b, const char *key, bool value);
void gguf_string(gguf_builder *b, const char *key, const char *value);
void gguf_text(gguf_builder *b, const char *key, const void *bytes, size_t size); /* any bytes */
void gguf_strings(gguf_builder *b, const char *key, const char *const *values, size_t count);
void gguf_integers(gguf_builder *b, const char *key, uint32_t type, const int64_t *values,
                   size_t count);
void gguf_floats(gguf_builder *b, const char *key, const float *values, size_t count);
/* A value whose bytes are given as they shall stand in the file (nested arrays, lies). */
void gguf_raw(gguf_builder *b, const char *key, uint32_t type, const void *bytes, size_t size);

/* Tensors. `bytes` bytes of data, or zeros when data is NULL; nothing is checked. shape[0] is the
 * contiguous dimension. */
void gguf_tensor(gguf_builder *b, const char *name, uint32_t type, uint32_t dims,
                 const uint64_t *shape, const void *data, size_t bytes);
/* F32: rows × columns values, or zeros when values is NULL; and a vector of count values. */
void gguf_matrix(gguf_builder *b, const char *name, size_t rows, size_t columns,
                 const float *values);
void gguf_vector(gguf_builder *b, const char *name, size_t count, const float *values);

typedef struct gguf_image {
  unsigned char *bytes; /* owned */
  size_t size;
  size_t data; /* byte where the tensor data begins */
} gguf_image;

gguf_image gguf_build(gguf_builder *b); /* frees the builder */
void gguf_free(gguf_image *image);

/* The byte where the length of the n-th (from 0) text equal to name stands: a key, a tensor's name
 * or a string value. The text itself begins 8 bytes later; after a key follow its type (4 bytes)
 * and value, after a tensor's name its number of dimensions (4 bytes), shape (8 each), type (4) and
 * offset (8). */
size_t gguf_find(const gguf_image *image, const char *name);
size_t gguf_find_nth(const gguf_image *image, const char *name, size_t n);
/* The byte just behind that text: where a key's type or a tensor's number of dimensions stands. */
size_t gguf_after(const gguf_image *image, const char *name);
/* Overwrites `width` bytes (1, 2, 4 or 8) at `at` with a little-endian number. */
void gguf_put(gguf_image *image, size_t at, size_t width, uint64_t value);

enum { GGUF_PATH = 256 };
/* To a new file under $TMPDIR or /tmp, whose name is written to path. */
void gguf_save(const gguf_image *image, char path[GGUF_PATH]);
void gguf_save_as(const gguf_image *image, const char *path);

#endif
