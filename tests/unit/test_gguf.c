/* test_gguf.c: reading sound GGUF files in full: built ones, another writer's, real ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/file.h"
#include "format/quant.h"
#include "support/gguf_small.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static heta_i_file *open_image(const gguf_image *image) {
  heta_i_file *file = NULL;
  heta_error error = {0};
  if (heta_i_file_open_memory(image->bytes, image->size, "small.gguf", &file, &error))
    fail_msg("%s", error.message);
  return file;
}

static void check_everything(const heta_i_file *file) {
  static const struct {
    const char *key;
    int64_t value;
  } integers[] = {{"u8", 200},         {"i8", -100},       {"u16", 60000},     {"i16", -30000},
                  {"u32", 4000000000}, {"i32", INT32_MIN}, {"u64", INT64_MAX}, {"i64", INT64_MIN}};
  int64_t integer;
  double number;
  bool flag;
  const char *text;
  size_t size;
  for (size_t i = 0; i < COUNT(integers); i++) {
    integer = 1;
    assert_true(heta_i_file_integer(file, integers[i].key, &integer));
    assert_true(integer == integers[i].value);
    assert_string_equal(heta_i_file_kind(file, integers[i].key), integers[i].key);
  }
  integer = 77; /* what cannot be read leaves the value alone */
  assert_false(heta_i_file_integer(file, "u64.big", &integer));
  assert_false(heta_i_file_integer(file, "f32", &integer));
  assert_false(heta_i_file_integer(file, "yes", &integer));
  assert_false(heta_i_file_integer(file, "words", &integer));
  assert_false(heta_i_file_integer(file, "array.u8", &integer));
  assert_false(heta_i_file_integer(file, "absent", &integer));
  assert_true(integer == 77);
  assert_true(heta_i_file_number(file, "f32", &number) && number == (double)0.1f);
  assert_true(heta_i_file_number(file, "f64", &number) && number == 0.1);
  assert_true(heta_i_file_number(file, "i16", &number) && number == -30000);
  number = 77;
  assert_false(heta_i_file_number(file, "u64", &number)); /* 2^63 - 1: no double holds it */
  assert_false(heta_i_file_number(file, "empty", &number));
  assert_true(number == 77);
  assert_true(heta_i_file_flag(file, "yes", &flag) && flag);
  assert_true(heta_i_file_flag(file, "no", &flag) && !flag);
  flag = true;
  assert_false(heta_i_file_flag(file, "u8", &flag));
  assert_false(heta_i_file_flag(file, "array.bool", &flag));
  assert_true(flag);
  assert_true(heta_i_file_string(file, "general.architecture", &text, NULL));
  assert_string_equal(text, "llama");
  assert_true(heta_i_file_string(file, "bytes", &text, &size));
  assert_int_equal(size, 3);
  assert_memory_equal(text, "a\0\xff", 4); /* with the final NUL */
  assert_true(heta_i_file_string(file, "empty", &text, &size) && size == 0 && !*text);
  text = "kept";
  assert_false(heta_i_file_string(file, "words", &text, &size));
  assert_false(heta_i_file_string(file, "u8", &text, &size));
  assert_string_equal(text, "kept");

  assert_int_equal(heta_i_file_array(file, "words"), 3);
  assert_true(heta_i_file_array_string(file, "words", 0, &text, &size) && size == 5);
  assert_string_equal(text, "alpha");
  assert_true(heta_i_file_array_string(file, "words", 1, &text, &size) && size == 0);
  assert_true(heta_i_file_array_string(file, "words", 2, &text, NULL));
  assert_string_equal(text, "gamma");
  assert_false(heta_i_file_array_string(file, "words", 3, &text, NULL));
  assert_false(heta_i_file_array_string(file, "words", SIZE_MAX, &text, NULL));
  assert_false(heta_i_file_array_string(file, "array.u8", 0, &text, NULL));
  assert_false(heta_i_file_array_string(file, "empty", 0, &text, NULL));
  assert_int_equal(heta_i_file_array(file, "none"), 0);
  assert_int_equal(heta_i_file_array(file, "absent"), 0);
  assert_int_equal(heta_i_file_array(file, "u8"), 0);
  assert_true(heta_i_file_array_integer(file, "array.u8", 1, &integer) && integer == 255);
  assert_true(heta_i_file_array_integer(file, "array.i16", 0, &integer) && integer == -32768);
  assert_true(heta_i_file_array_integer(file, "array.i64", 0, &integer) && integer == -1);
  assert_true(heta_i_file_array_integer(file, "array.i64", 1, &integer) && integer == INT64_MAX);
  assert_false(heta_i_file_array_integer(file, "array.i64", 2, &integer));
  assert_false(heta_i_file_array_integer(file, "array.bool", 0, &integer));
  assert_true(heta_i_file_array_number(file, "array.f32", 1, &number) && number == (double)-1e30f);
  assert_true(heta_i_file_array_number(file, "array.u8", 1, &number) && number == 255);
  assert_false(heta_i_file_array_number(file, "array.f32", 2, &number));
  assert_int_equal(heta_i_file_array(file, "nested"), 2);
  assert_false(heta_i_file_array_integer(file, "nested", 0, &integer));
  assert_string_equal(heta_i_file_kind(file, "nested"), "array of arrays");
  assert_string_equal(heta_i_file_kind(file, "array.bool"), "array of bools");
  assert_null(heta_i_file_kind(file, "absent"));
  assert_int_equal(heta_i_file_key_count(file), 24);
  assert_string_equal(heta_i_file_key_at(file, 0), "general.architecture");
  assert_string_equal(heta_i_file_key_at(file, 23), "nested");
  assert_null(heta_i_file_key_at(file, 24));

  assert_string_equal(heta_i_file_format(file), "gguf");
  assert_int_equal(heta_i_file_tensor_count(file), 3);
  const heta_i_tensor *matrix = heta_i_file_tensor(file, "matrix");
  assert_non_null(matrix);
  assert_ptr_equal(matrix, heta_i_file_tensor_at(file, 0));
  assert_int_equal(matrix->type, HETA_TYPE_F32);
  assert_int_equal(matrix->dims, 2);
  const size_t shape[4] = {3, 2, 1, 1};
  assert_memory_equal(matrix->shape, shape, sizeof shape);
  assert_int_equal(matrix->bytes, 24);
  assert_int_equal(matrix->offset % 32, 0);
  float out[32];
  heta_i_expand(matrix->type, matrix->data, 6, out);
  assert_memory_equal(out, GGUF_SMALL_MATRIX, sizeof GGUF_SMALL_MATRIX);
  const heta_i_tensor *block = heta_i_file_tensor(file, "block");
  assert_int_equal(block->bytes, 20);
  assert_int_equal(block->offset, matrix->offset + 32);
  heta_i_expand(block->type, block->data, 32, out);
  assert_true(out[0] == -2 && out[16] == -1 && out[31] == -2);
  const heta_i_tensor *cube = heta_i_file_tensor(file, "cube");
  assert_int_equal(cube->dims, 4);
  assert_int_equal(cube->shape[2], 3);
  heta_i_expand(cube->type, cube->data, 6, out);
  for (int i = 0; i < 6; i++) assert_true(out[i] == (float)(i + 1));
  assert_null(heta_i_file_tensor(file, "matri"));
  assert_null(heta_i_file_tensor(file, "matrixx"));
  assert_null(heta_i_file_tensor_at(file, 3));
}

static void sound_file(void **state) {
  (void)state;
  for (uint32_t version = 2; version <= 3; version++) {
    gguf_builder *b = gguf_small();
    gguf_version(b, version);
    gguf_image image = gguf_build(b);
    heta_i_file *file = open_image(&image);
    check_everything(file);
    assert_int_equal(heta_i_file_bytes(file), image.size);
    assert_string_equal(heta_i_file_path(file), "small.gguf");
    heta_i_file_close(file);

    char path[GGUF_PATH];
    heta_error error = {0};
    gguf_save(&image, path);
    assert_int_equal(heta_i_file_open(path, &file, &error), HETA_OK);
    check_everything(file);
    assert_string_equal(heta_i_file_path(file), path);
    heta_i_file_close(file);
    unlink(path);
    gguf_free(&image);
  }
  heta_i_file_close(NULL);
}

static void no_tensors(void **state) {
  (void)state;
  gguf_builder *b = gguf_new();
  gguf_string(b, "general.architecture", "llama");
  gguf_image image = gguf_build(b);
  heta_i_file *file = open_image(&image);
  assert_int_equal(heta_i_file_tensor_count(file), 0);
  assert_null(heta_i_file_tensor(file, "a"));
  heta_i_file_close(file);
  gguf_free(&image);

  image = gguf_build(gguf_new()); /* nothing but a header */
  file = open_image(&image);
  assert_int_equal(heta_i_file_key_count(file), 0);
  heta_i_file_close(file);
  gguf_free(&image);
}

static void alignment(void **state) {
  (void)state;
  static const size_t good[] = {8, 32, 64, 4096};
  for (size_t i = 0; i < COUNT(good); i++) {
    gguf_builder *b = gguf_new();
    gguf_u32(b, "general.alignment", (uint32_t)good[i]);
    gguf_align(b, good[i]);
    gguf_vector(b, "a", 3, GGUF_SMALL_MATRIX);
    gguf_vector(b, "b", 3, GGUF_SMALL_MATRIX + 3);
    gguf_image image = gguf_build(b);
    heta_i_file *file = open_image(&image);
    float out[3];
    const heta_i_tensor *tensor = heta_i_file_tensor(file, "b");
    assert_int_equal(tensor->offset % good[i], 0);
    heta_i_expand(tensor->type, tensor->data, 3, out);
    assert_memory_equal(out, GGUF_SMALL_MATRIX + 3, sizeof out);
    heta_i_file_close(file);
    gguf_free(&image);
  }
}

/* The last tensor may end the file without padding; tensors need not lie in the table's order. */
static void tensor_places(void **state) {
  (void)state;
  gguf_builder *b = gguf_new();
  gguf_vector(b, "a", 8, NULL);
  gguf_vector(b, "b", 8, NULL);
  gguf_image image = gguf_build(b);
  assert_int_equal(image.size, image.data + 64);
  gguf_put(&image, gguf_after(&image, "a") + 16, 8, 32); /* swap their offsets */
  gguf_put(&image, gguf_after(&image, "b") + 16, 8, 0);
  heta_i_file *file = open_image(&image);
  assert_int_equal(heta_i_file_tensor(file, "a")->offset, image.data + 32);
  assert_int_equal(heta_i_file_tensor(file, "b")->offset, image.data);
  heta_i_file_close(file);
  gguf_free(&image);
}

static void large_string_array(void **state) {
  (void)state;
  enum { WORDS = 100000 };
  char(*texts)[16] = malloc(WORDS * sizeof *texts);
  const char **words = malloc(WORDS * sizeof *words);
  assert_non_null(texts);
  assert_non_null(words);
  for (int i = 0; i < WORDS; i++) {
    snprintf(texts[i], sizeof *texts, "%d", i);
    words[i] = texts[i];
  }
  gguf_builder *b = gguf_new();
  gguf_strings(b, "words", words, WORDS);
  gguf_image image = gguf_build(b);
  heta_i_file *file = open_image(&image);
  assert_int_equal(heta_i_file_array(file, "words"), WORDS);
  for (size_t i = 0; i < WORDS; i++) { /* were access not O(1), this would take minutes */
    const char *text;
    size_t size, k = i * 7919 % WORDS;
    assert_true(heta_i_file_array_string(file, "words", k, &text, &size));
    assert_string_equal(text, words[k]);
    assert_int_equal(size, strlen(words[k]));
  }
  heta_i_file_close(file);
  gguf_free(&image);
  free(words);
  free(texts);
}

static void hashes(void **state) {
  (void)state;
  gguf_image image = gguf_build(gguf_small());
  heta_i_file *file = open_image(&image);
  char whole[65], header[65], again[65];
  assert_int_equal(heta_i_file_sha256(file, true, whole, NULL), HETA_OK);
  assert_int_equal(heta_i_file_sha256(file, false, header, NULL), HETA_OK);
  assert_int_equal(strlen(whole), 64);
  assert_string_not_equal(whole, header);
  image.bytes[image.data] ^= 1; /* a weight: the header's hash does not see it */
  assert_int_equal(heta_i_file_sha256(file, false, again, NULL), HETA_OK);
  assert_string_equal(again, header);
  assert_int_equal(heta_i_file_sha256(file, true, again, NULL), HETA_OK);
  assert_string_not_equal(again, whole);
  image.bytes[image.data] ^= 1;
  image.bytes[image.data - 1] ^= 1; /* the padding before it */
  assert_int_equal(heta_i_file_sha256(file, false, again, NULL), HETA_OK);
  assert_string_not_equal(again, header);
  heta_i_file_close(file);
  gguf_free(&image);
}

/* ---- Files by another writer ----------------------------------------------------------------- */

/* The fuzz seeds of tests/oracle/make_gguf_seeds.py: those named sound-* open, no other does. */
static void seeds(void **state) {
  (void)state;
  static const char folder[] = HETA_TESTS_DIR "/fuzz/corpus/gguf";
  size_t sound = 0, refused = 0;
  DIR *directory = opendir(folder);
  if (!directory) fail_msg("%s is missing", folder);
  for (struct dirent *entry; (entry = readdir(directory));) {
    char path[1024];
    heta_i_file *file = NULL;
    heta_error error = {0};
    if (*entry->d_name == '.') continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    heta_status status = heta_i_file_open(path, &file, &error);
    if (strncmp(entry->d_name, "sound-", 6) ? !status : status)
      fail_msg("%s: status %d: %s", path, (int)status, error.message);
    if (status)
      refused++;
    else
      sound++;
    heta_i_file_close(file);
  }
  closedir(directory);
  assert_true(sound >= 5 && refused >= 5);
}

static void seed_values(void **state) {
  (void)state;
  heta_i_file *file;
  heta_error error = {0};
  int64_t integer;
  double number;
  bool flag;
  const char *text;
  if (heta_i_file_open(HETA_TESTS_DIR "/fuzz/corpus/gguf/sound-values.gguf", &file, &error))
    fail_msg("%s", error.message);
  assert_int_equal(heta_i_file_key_count(file), 17);
  assert_true(heta_i_file_integer(file, "u8", &integer) && integer == 255);
  assert_true(heta_i_file_integer(file, "i64", &integer) && integer == INT64_MIN);
  assert_false(heta_i_file_integer(file, "u64", &integer));
  assert_true(heta_i_file_number(file, "f64", &number) && number == 1e300);
  assert_true(heta_i_file_flag(file, "bool", &flag) && flag);
  assert_true(heta_i_file_string(file, "string", &text, NULL));
  assert_string_equal(text, "Grüße");
  assert_true(heta_i_file_array_string(file, "strings", 2, &text, NULL));
  assert_string_equal(text, "d e");
  assert_true(heta_i_file_array_integer(file, "integers", 1, &integer) && integer == -2);
  assert_true(heta_i_file_array_number(file, "floats", 1, &number) && number == -0.5);
  heta_i_file_close(file);
  if (heta_i_file_open(HETA_TESTS_DIR "/fuzz/corpus/gguf/sound-weights.gguf", &file, &error))
    fail_msg("%s", error.message);
  assert_int_equal(heta_i_file_tensor_count(file), HETA_TYPE_COUNT);
  for (int type = 0; type < HETA_TYPE_COUNT; type++) { /* each named after its type */
    const heta_i_tensor *tensor = heta_i_file_tensor(file, heta_i_type_name((heta_i_type)type));
    assert_non_null(tensor);
    assert_int_equal(tensor->type, type);
  }
  float out[6];
  heta_i_expand(HETA_TYPE_F16, heta_i_file_tensor(file, "F16")->data, 6, out);
  for (int i = 0; i < 6; i++) assert_true(out[i] == (float)i);
  heta_i_file_close(file);
}

/* ---- Real files ------------------------------------------------------------------------------ */

static void real_model(void **state) {
  (void)state;
  const char *path = getenv("HETA_TEST_MODEL");
  if (!path) {
    fprintf(stderr, "SKIPPED: real_model: set HETA_TEST_MODEL to a GGUF model\n");
    skip();
  }
  heta_i_file *file;
  heta_error error = {0};
  const char *name;
  if (heta_i_file_open(path, &file, &error)) fail_msg("%s", error.message);
  assert_true(heta_i_file_string(file, "general.architecture", &name, NULL));
  assert_true(heta_i_file_tensor_count(file) > 0);
  for (size_t i = 0; i < heta_i_file_tensor_count(file); i++) {
    const heta_i_tensor *tensor = heta_i_file_tensor_at(file, i);
    assert_ptr_equal(heta_i_file_tensor(file, tensor->name), tensor);
    float row[256];
    size_t block = heta_i_type_block(tensor->type);
    heta_i_expand(tensor->type, tensor->data, block, row);
    for (size_t k = 0; k < block; k++) assert_true(isfinite(row[k]));
  }
  char hash[65];
  assert_int_equal(heta_i_file_sha256(file, true, hash, &error), HETA_OK);
  if (heta_i_file_bytes(file) == 98362432) /* SmolLM2-135M-Instruct.Q4_1.gguf */
    assert_string_equal(hash, "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53");
  heta_i_file_close(file);
}

static void real_vocabularies(void **state) {
  (void)state;
  static const struct {
    const char *name, *last;
    size_t words, merges;
  } files[] = {{"gpt-2", "<|endoftext|>", 50257, 50000},
               {"gpt-neox", "[PAD50431]", 50432, 50009},
               {"llama-spm", "给", 32000, 0},
               {"phi-3", "[PAD32063]", 32064, 0}};
  const char *folder = getenv("HETA_TEST_DATA");
  if (!folder) {
    fprintf(stderr, "SKIPPED: real_vocabularies: set HETA_TEST_DATA to the folder of test data\n");
    skip();
  }
  for (size_t i = 0; i < COUNT(files); i++) {
    char path[1024];
    heta_i_file *file;
    heta_error error = {0};
    const char *text;
    snprintf(path, sizeof path, "%s/vocab_gguf/ggml-vocab-%s.gguf", folder, files[i].name);
    if (heta_i_file_open(path, &file, &error)) fail_msg("%s", error.message);
    assert_int_equal(heta_i_file_array(file, "tokenizer.ggml.tokens"), files[i].words);
    assert_int_equal(heta_i_file_array(file, "tokenizer.ggml.merges"), files[i].merges);
    assert_true(
        heta_i_file_array_string(file, "tokenizer.ggml.tokens", files[i].words - 1, &text, NULL));
    assert_string_equal(text, files[i].last);
    heta_i_file_close(file);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sound_file), cmocka_unit_test(no_tensors),
      cmocka_unit_test(alignment),  cmocka_unit_test(tensor_places),
      cmocka_unit_test(hashes),     cmocka_unit_test(large_string_array),
      cmocka_unit_test(seeds),      cmocka_unit_test(seed_values),
      cmocka_unit_test(real_model), cmocka_unit_test(real_vocabularies),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
