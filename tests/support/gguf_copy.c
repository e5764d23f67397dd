/* gguf_copy.c: the content of a tiny model's GGUF file in a builder. */
#include "support/gguf_copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "format/file.h"

static void copy_strings(gguf_builder *b, const heta_i_file *file, const char *key) {
  size_t count = heta_i_file_array(file, key);
  const char **texts = heta_i_allocate(count, sizeof *texts);
  for (size_t i = 0; i < count; i++)
    assert_true(heta_i_file_array_string(file, key, i, &texts[i], NULL));
  gguf_strings(b, key, texts, count);
  heta_i_free(texts);
}

static void copy_integers(gguf_builder *b, const heta_i_file *file, const char *key) {
  size_t count = heta_i_file_array(file, key);
  int64_t *values = heta_i_allocate(count, sizeof *values);
  for (size_t i = 0; i < count; i++)
    assert_true(heta_i_file_array_integer(file, key, i, &values[i]));
  gguf_integers(b, key, GGUF_I32, values, count);
  heta_i_free(values);
}

/* The kinds of metadata that tiny models have. */
static void copy_key(gguf_builder *b, const heta_i_file *file, const char *key) {
  const char *kind = heta_i_file_kind(file, key), *text;
  int64_t integer;
  double number;
  bool flag;
  if (!strcmp(kind, "array of strings"))
    copy_strings(b, file, key);
  else if (!strcmp(kind, "array of i32"))
    copy_integers(b, file, key);
  else if (heta_i_file_string(file, key, &text, NULL))
    gguf_string(b, key, text);
  else if (heta_i_file_flag(file, key, &flag))
    gguf_bool(b, key, flag);
  else if (heta_i_file_integer(file, key, &integer))
    gguf_integer(b, key, GGUF_U32, integer);
  else if (heta_i_file_number(file, key, &number))
    gguf_f32(b, key, (float)number);
  else
    fail_msg("metadata %s is of a kind that is not copied: %s", key, kind);
}

static void copy_tensor(gguf_builder *b, const heta_i_tensor *tensor) {
  static const uint32_t TYPES[HETA_TYPE_COUNT] = {
      [HETA_TYPE_F32] = GGUF_W_F32, [HETA_TYPE_F16] = GGUF_W_F16, [HETA_TYPE_BF16] = GGUF_W_BF16};
  uint64_t shape[4];
  for (size_t i = 0; i < 4; i++) shape[i] = tensor->shape[i];
  assert_in_range(tensor->type, HETA_TYPE_F32, HETA_TYPE_BF16);
  gguf_tensor(b, tensor->name, TYPES[tensor->type], (uint32_t)tensor->dims, shape, tensor->data,
              tensor->bytes);
}

gguf_builder *gguf_copy(const char *name, const char *without) {
  char path[512];
  heta_i_file *file = NULL;
  heta_error error = {0};
  bool met = !without;
  snprintf(path, sizeof path, "%s/data/tiny/%s.gguf", HETA_TESTS_DIR, name);
  if (heta_i_file_open(path, &file, &error)) fail_msg("%s", error.message);
  gguf_builder *b = gguf_new();
  for (size_t i = 0; i < heta_i_file_key_count(file); i++) {
    const char *key = heta_i_file_key_at(file, i);
    if (without && !strcmp(key, without))
      met = true;
    else
      copy_key(b, file, key);
  }
  for (size_t i = 0; i < heta_i_file_tensor_count(file); i++) {
    const heta_i_tensor *tensor = heta_i_file_tensor_at(file, i);
    if (without && !strcmp(tensor->name, without))
      met = true;
    else
      copy_tensor(b, tensor);
  }
  heta_i_file_close(file);
  if (!met) fail_msg("%s has no key or tensor %s", name, without);
  return b;
}
