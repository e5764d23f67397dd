/* test_hugging_face.c: every tiny model's folder says in GGUF's names what its GGUF file says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/hugging_face.h"

#define TINY HETA_TESTS_DIR "/data/tiny/"

static const char *const MODELS[] = {
    "gemma",        "gemma2",
    "gemma2-scale", "gemma3",
    "gpt2",         "gptj",
    "gptneox",      "gptneox-sequential",
    "llama-gqa",    "llama-rope3-f16",
    "mistral",      "opt",
    "phi2",         "phi3",
    "phi3-long",    "phi3-short",
    "qwen2",        "qwen3",
    "qwen3-yarn",   "smollm3",
};

static heta_i_file *open_gguf(const char *name) {
  char path[512];
  heta_i_file *file = NULL;
  heta_error error = {0};
  snprintf(path, sizeof path, TINY "%s.gguf", name);
  if (heta_i_file_open(path, &file, &error)) fail_msg("%s", error.message);
  return file;
}

static heta_i_file *open_folder(const char *name) {
  char path[512];
  heta_i_file *file = NULL;
  heta_error error = {0};
  snprintf(path, sizeof path, TINY "%s", name);
  if (heta_i_file_open(path, &file, &error)) fail_msg("%s", error.message);
  assert_string_equal(heta_i_file_format(file), "safetensors");
  if (heta_i_hugging_face_translate(&file, &error)) fail_msg("%s", error.message);
  assert_string_equal(heta_i_file_format(file), "safetensors");
  assert_string_equal(heta_i_file_path(file), path);
  return file;
}

/* Keys that only one of the two writes, because the other leaves out what goes without saying. */
static bool goes_without_saying(const char *key) {
  static const char *const KEYS[] = {
      "vocab_size",
      "attention.key_length",
      "attention.value_length",
      "attention.head_count_kv",
      "rope.dimension_count",
      "rope.freq_base",
      "rope.freq_base_swa",
      "attention.scale",
      "final_logit_softcapping",
      "attn_logit_softcapping",
      "attention.sliding_window",
      "name",
      "file_type",
      "rope.scaling.original_context_length",
  };
  const char *dot = strchr(key, '.');
  for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
    if (!strcmp(dot + 1, KEYS[i])) return true;
  return !strncmp(key, "tokenizer.", 10);
}

static void same_value(const char *name, const heta_i_file *a, const heta_i_file *b,
                       const char *key) {
  double x, y;
  bool p, q;
  const char *s, *t;
  if (!heta_i_file_kind(b, key)) {
    if (!goes_without_saying(key)) fail_msg("%s: %s is in one of the two only", name, key);
  } else if (heta_i_file_number(a, key, &x)) {
    assert_true(heta_i_file_number(b, key, &y));
    if (fabs(x - y) > 1e-6 * fabs(x)) fail_msg("%s: %s is %.9g and %.9g", name, key, x, y);
  } else if (heta_i_file_flag(a, key, &p)) {
    assert_true(heta_i_file_flag(b, key, &q) && p == q);
  } else {
    assert_true(heta_i_file_string(a, key, &s, NULL) && heta_i_file_string(b, key, &t, NULL));
    if (strcmp(key, "general.name") && strcmp(s, t)) fail_msg("%s: %s: %s, %s", name, key, s, t);
  }
}

/* Rows of a tensor, or of the three that a fused one of the other file is split into. */
static float *rows_of(const char *model, const heta_i_file *file, const char *name, size_t size) {
  static const char *const PARTS[] = {"attn_q.", "attn_k.", "attn_v."};
  const heta_i_tensor *tensor = heta_i_file_tensor(file, name);
  const char *fused = strstr(name, "attn_qkv.");
  float *out = heta_i_allocate(size, sizeof *out);
  size_t at = 0;
  assert_non_null(out);
  for (size_t i = 0; i < (tensor ? 1 : 3); i++) {
    char part[128];
    if (!tensor && !fused) fail_msg("%s: %s is missing", model, name);
    if (!tensor || at) {
      snprintf(part, sizeof part, "%.*s%s%s", (int)(fused - name), name, PARTS[i],
               fused + strlen("attn_qkv."));
      tensor = heta_i_file_tensor(file, part);
      if (!tensor) fail_msg("%s: %s is missing", model, part);
    }
    size_t rows = tensor->shape[1], elements = rows * tensor->shape[0];
    assert_true(elements <= size - at);
    heta_i_tensor_rows(tensor, 0, rows, out + at);
    at += elements;
    if (at == size) break;
    tensor = NULL;
  }
  assert_int_equal(at, size);
  return out;
}

/* Where the types differ, one of the two is rounded to F16 or BF16. */
static void same_tensor(const char *model, const heta_i_tensor *tensor, const heta_i_file *folder) {
  const heta_i_tensor *other = heta_i_file_tensor(folder, tensor->name);
  size_t size = tensor->shape[0] * tensor->shape[1];
  float *x = heta_i_allocate(size, sizeof *x), *y = rows_of(model, folder, tensor->name, size);
  double worst = 0, largest = 0;
  assert_non_null(x);
  heta_i_tensor_rows(tensor, 0, tensor->shape[1], x);
  for (size_t i = 0; i < size; i++) {
    double difference = fabs((double)x[i] - (double)y[i]);
    if (difference > worst) worst = difference;
    if (fabs((double)x[i]) > largest) largest = fabs((double)x[i]);
  }
  if (worst > (other && other->type == tensor->type ? 0 : 0.005) * largest)
    fail_msg("%s: %s differs by %g of %g", model, tensor->name, worst, largest);
  heta_i_free(x);
  heta_i_free(y);
}

static void folders_as_gguf(void **state) {
  (void)state;
  for (size_t m = 0; m < sizeof MODELS / sizeof *MODELS; m++) {
    heta_i_file *gguf = open_gguf(MODELS[m]), *folder = open_folder(MODELS[m]);
    for (size_t i = 0; i < heta_i_file_key_count(gguf); i++)
      same_value(MODELS[m], gguf, folder, heta_i_file_key_at(gguf, i));
    for (size_t i = 0; i < heta_i_file_key_count(folder); i++)
      same_value(MODELS[m], folder, gguf, heta_i_file_key_at(folder, i));
    for (size_t i = 0; i < heta_i_file_tensor_count(gguf); i++)
      same_tensor(MODELS[m], heta_i_file_tensor_at(gguf, i), folder);
    heta_i_file_close(gguf);
    heta_i_file_close(folder);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(folders_as_gguf),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
