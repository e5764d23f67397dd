/* test_gguf.c: reading GGUF files: sound ones in full, split ones, and damaged ones as a table of
 * what is done to a file and what must be said about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/file.h"
#include "format/quant.h"
#include "support/gguf_builder.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- A small file with everything in it ------------------------------------------------------ */

static const float ROWS[6] = {1, -2, 3.5f, 0, INFINITY, -0.25f};

static void add_u32(unsigned char *to, uint32_t value) {
  for (int i = 0; i < 4; i++) to[i] = (unsigned char)(value >> 8 * i);
}

/* An array of arrays [[u8 7], []], as bytes: type array, count 2, {type u8, count 1, 7},
 * {type string, count 0}. */
static size_t nested(unsigned char *to) {
  memset(to, 0, 64);
  add_u32(to, GGUF_ARRAY);
  to[4] = 2;
  add_u32(to + 12, GGUF_U8);
  to[16] = 1;
  to[24] = 7;
  add_u32(to + 25, GGUF_STRING);
  return 37;
}

static gguf_builder *small(void) {
  gguf_builder *b = gguf_new();
  const char *words[] = {"alpha", "", "gamma"};
  const int64_t bytes[] = {0, 255}, shorts[] = {-32768, 32767}, bools[] = {1, 0},
                wide[] = {-1, INT64_MAX};
  const float floats[] = {0.5f, -1e30f};
  unsigned char array[64];
  gguf_string(b, "general.architecture", "llama");
  gguf_integer(b, "u8", GGUF_U8, 200);
  gguf_integer(b, "i8", GGUF_I8, -100);
  gguf_integer(b, "u16", GGUF_U16, 60000);
  gguf_integer(b, "i16", GGUF_I16, -30000);
  gguf_u32(b, "u32", 4000000000u);
  gguf_integer(b, "i32", GGUF_I32, INT32_MIN);
  gguf_integer(b, "u64", GGUF_U64, INT64_MAX);
  gguf_integer(b, "u64.big", GGUF_U64, INT64_MIN); /* 2^63: fits no int64_t */
  gguf_integer(b, "i64", GGUF_I64, INT64_MIN);
  gguf_f32(b, "f32", 0.1f);
  gguf_f64(b, "f64", 0.1);
  gguf_bool(b, "yes", true);
  gguf_bool(b, "no", false);
  gguf_text(b, "bytes", "a\0\xff", 3);
  gguf_string(b, "empty", "");
  gguf_strings(b, "words", words, COUNT(words));
  gguf_strings(b, "none", NULL, 0);
  gguf_integers(b, "array.u8", GGUF_U8, bytes, 2);
  gguf_integers(b, "array.i16", GGUF_I16, shorts, 2);
  gguf_integers(b, "array.bool", GGUF_BOOL, bools, 2);
  gguf_integers(b, "array.i64", GGUF_I64, wide, 2);
  gguf_floats(b, "array.f32", floats, 2);
  gguf_raw(b, "nested", GGUF_ARRAY, array, nested(array));
  gguf_matrix(b, "matrix", 2, 3, ROWS);
  static const unsigned char halves[12] = {0, 0x3c, 0, 0x40, 0, 0x42, 0, 0x44, 0, 0x45, 0, 0x46};
  const uint64_t block[2] = {32, 1}, cube[4] = {2, 1, 3, 1};
  unsigned char q4_1[20] = {0x00, 0x3c, 0x00, 0xc0, 0x10}; /* d 1, m -2, q 0 and 1 and zeros */
  gguf_tensor(b, "block", GGUF_W_Q4_1, 2, block, q4_1, sizeof q4_1);
  gguf_tensor(b, "cube", GGUF_W_F16, 4, cube, halves, sizeof halves);
  return b;
}

static heta_i_file *open_image(const gguf_image *image) {
  heta_i_file *file = NULL;
  heta_error error = {0};
  if (heta_i_file_open_memory(image->bytes, image->size, "small.gguf", &file, &error))
    fail_msg("%s", error.message);
  return file;
}

static void check_small(const heta_i_file *file) {
  static const struct {
    const char *key;
    int64_t value;
  } integers[] = {{"u8", 200},         {"i8", -100},       {"u16", 60000},
                  {"i16", -30000},     {"u32", 4000000000}, {"i32", INT32_MIN},
                  {"u64", INT64_MAX}, {"i64", INT64_MIN}};
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
  assert_memory_equal(out, ROWS, sizeof ROWS);
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
    gguf_builder *b = small();
    gguf_version(b, version);
    gguf_image image = gguf_build(b);
    heta_i_file *file = open_image(&image);
    check_small(file);
    assert_int_equal(heta_i_file_bytes(file), image.size);
    assert_string_equal(heta_i_file_path(file), "small.gguf");
    heta_i_file_close(file);

    char path[GGUF_PATH];
    heta_error error = {0};
    gguf_save(&image, path);
    assert_int_equal(heta_i_file_open(path, &file, &error), HETA_OK);
    check_small(file);
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
    gguf_vector(b, "a", 3, ROWS);
    gguf_vector(b, "b", 3, ROWS + 3);
    gguf_image image = gguf_build(b);
    heta_i_file *file = open_image(&image);
    float out[3];
    const heta_i_tensor *tensor = heta_i_file_tensor(file, "b");
    assert_int_equal(tensor->offset % good[i], 0);
    heta_i_expand(tensor->type, tensor->data, 3, out);
    assert_memory_equal(out, ROWS + 3, sizeof out);
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
  char (*texts)[16] = malloc(WORDS * sizeof *texts);
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
  gguf_image image = gguf_build(small());
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

/* ---- Damaged files --------------------------------------------------------------------------- */

/* What a refusal must look like. */
static void check_refusal(const char *what, heta_status status, heta_status expected,
                          const heta_error *error, uint64_t offset, const char *part) {
  if (status != expected || error->status != expected)
    fail_msg("%s: status %d (%s), expected %d", what, (int)status, error->message, (int)expected);
  if (error->offset != offset)
    fail_msg("%s: offset %llu, expected %llu: %s", what, (unsigned long long)error->offset,
             (unsigned long long)offset, error->message);
  if (!strstr(error->message, part))
    fail_msg("%s: the message lacks \"%s\": %s", what, part, error->message);
}

/* Opens the file and compares what is said about it. Frees the image. */
static void check_refused(const char *what, gguf_image *image, heta_status expected,
                          uint64_t offset, const char *part) {
  /* A block of exactly the file's size, so that sanitizers see an overread. */
  unsigned char *exact = malloc(image->size ? image->size : 1);
  assert_non_null(exact);
  memcpy(exact, image->bytes, image->size);
  heta_i_file *file = (heta_i_file *)&offset; /* must stay as it is */
  heta_error error = {0};
  heta_status status = heta_i_file_open_memory(exact, image->size, "x.gguf", &file, &error);
  check_refusal(what, status, expected, &error, offset, part);
  assert_non_null(strstr(error.message, "x.gguf"));
  assert_true(strlen(error.message) < sizeof error.message - 1); /* not cut */
  assert_ptr_equal(file, &offset);
  assert_int_equal(heta_i_file_open_memory(exact, image->size, "x.gguf", &file, NULL), expected);
  free(exact);

  char path[GGUF_PATH]; /* and the same from disk */
  gguf_save(image, path);
  status = heta_i_file_open(path, &file, &error);
  check_refusal(what, status, expected, &error, offset, part);
  assert_non_null(strstr(error.message, strrchr(path, '/')));
  unlink(path);
  gguf_free(image);
}

static gguf_image bytes_of(const void *bytes, size_t size) {
  gguf_image image = {.bytes = malloc(size ? size : 1), .size = size};
  assert_non_null(image.bytes);
  memcpy(image.bytes, bytes, size);
  return image;
}

/* Files that are not GGUF: their bytes. Reported at byte 0. */
#define BYTES(text) text, sizeof text - 1
static const struct {
  const char *what, *bytes;
  size_t size;
  heta_status status;
  const char *part; /* of the message */
} ALIENS[] = {
    {"an empty file", BYTES(""), HETA_E_FORMAT, "is empty (0 bytes)"},
    {"a text", BYTES("once upon a time"), HETA_E_FORMAT, "begins with the bytes 6f 6e 63 65"},
    {"one byte", BYTES("x"), HETA_E_FORMAT, "begins with the bytes 78 00 00 00"},
    {"safetensors", BYTES("\x10\0\0\0\0\0\0\0{\"a\":\"0123456\"}  data"), HETA_E_UNSUPPORTED,
     "seems to be a safetensors file; convert"},
    {"a PyTorch checkpoint", BYTES("PK\3\4\x14\0\0\0archive/data.pkl"), HETA_E_UNSUPPORTED,
     "zip archive, as PyTorch checkpoints are"},
    {"a pickle", BYTES("\x80\2}q\0X\3\0\0\0abc"), HETA_E_UNSUPPORTED, "Python pickle"},
    {"a GGJT file", BYTES("tjgg\3\0\0\0 and the rest"), HETA_E_UNSUPPORTED,
     "GGJT file, which GGUF replaced"},
    {"a gzip file", BYTES("\x1f\x8b\x08\0\0\0\0\0\0\0"), HETA_E_UNSUPPORTED,
     "compressed with gzip; unpack it"},
    {"an HDF5 file", BYTES("\x89HDF\r\n\x1a\n rest"), HETA_E_UNSUPPORTED, "HDF5"},
    {"a web page", BYTES("\n <!DOCTYPE html><html><body>Please log in</body></html>"),
     HETA_E_FORMAT, "a web page; the address it came from wants a login"},
    {"a web page in capitals", BYTES("<HTML><body>404</body></HTML>"), HETA_E_FORMAT, "a web page"},
    {"a Git LFS pointer",
     BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 98362432\n"),
     HETA_E_FORMAT, "git lfs pull"},
    {"a JSON text", BYTES("{\"architectures\": [\"LlamaForCausalLM\"]}"), HETA_E_FORMAT,
     "a JSON text"},
    {"zeros", BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), HETA_E_FORMAT,
     "a download that did not finish"},
    {"a program", BYTES("\x7f" "ELF\2\1\1"), HETA_E_FORMAT, "seems to be a program"},
};

static size_t start(const gguf_image *image, const char *text) {
  (void)image;
  (void)text;
  return 0;
}

/* The small file with `width` bytes overwritten, `plus` bytes behind a place that find(text) gives.
 * Reported where the first of them stands. */
static const struct {
  const char *what;
  size_t (*find)(const gguf_image *image, const char *text);
  const char *text;
  size_t plus, width;
  uint64_t value;
  heta_status status;
  const char *part;
} PATCHES[] = {
    {"version 0", start, "", 4, 4, 0, HETA_E_UNSUPPORTED, "version 0; heta reads versions 2 and 3"},
    {"version 1", start, "", 4, 4, 1, HETA_E_UNSUPPORTED, "version 1; heta reads versions 2 and 3"},
    {"version 4", start, "", 4, 4, 4, HETA_E_UNSUPPORTED, "version 4; heta reads versions 2 and 3"},
    {"big endian", start, "", 4, 4, 0x03000000, HETA_E_UNSUPPORTED, "a big-endian GGUF file"},
    {"2^64 tensors", start, "", 8, 8, UINT64_MAX, HETA_E_FORMAT,
     "promises 18446744073709551615 tensors"},
    {"1000 tensors", start, "", 8, 8, 1000, HETA_E_FORMAT,
     "promises 1000 tensors, which do not fit"},
    {"2^63 metadata entries", start, "", 16, 8, UINT64_MAX / 2, HETA_E_FORMAT,
     "metadata entries, which do not fit"},
    {"a key beyond the end", gguf_find, "general.architecture", 0, 8, 1 << 20, HETA_E_FORMAT,
     "key is said to have 1048576 bytes"},
    {"a key that wraps", gguf_find, "general.architecture", 0, 8, UINT64_MAX - 7, HETA_E_FORMAT,
     "18446744073709551608 bytes"},
    {"an empty key", gguf_find, "u8", 0, 8, 0, HETA_E_FORMAT, "a metadata key is empty"},
    {"a key with NUL", gguf_find, "u8", 8, 1, 0, HETA_E_FORMAT, "a byte (0x00) that is no text"},
    {"a key not UTF-8", gguf_find, "u8", 9, 1, 0xff, HETA_E_FORMAT,
     "a byte (0xff) that is no text"},
    {"a key with a newline", gguf_find, "u8", 9, 1, '\n', HETA_E_FORMAT,
     "a byte (0x0a) that is no text"},
    {"value type 13", gguf_after, "u8", 0, 4, 13, HETA_E_FORMAT,
     "\"u8\" has the unknown value type 13"},
    {"value type 2^32 - 1", gguf_after, "u8", 0, 4, UINT32_MAX, HETA_E_FORMAT,
     "unknown value type 4294967295"},
    {"truth value 2", gguf_after, "yes", 4, 1, 2, HETA_E_FORMAT,
     "a truth value is 2, neither 0 nor 1"},
    {"truth value 255", gguf_after, "array.bool", 17, 1, 255, HETA_E_FORMAT,
     "a truth value is 255"},
    {"a string beyond the end", gguf_after, "bytes", 4, 8, 5000, HETA_E_FORMAT,
     "said to have 5000 bytes, but"},
    {"a string that wraps", gguf_after, "bytes", 4, 8, UINT64_MAX, HETA_E_FORMAT,
     "18446744073709551615 bytes"},
    {"an array of type 99", gguf_after, "words", 4, 4, 99, HETA_E_FORMAT, "unknown value type 99"},
    {"an array count that wraps", gguf_after, "words", 8, 8, UINT64_C(1) << 61, HETA_E_FORMAT,
     "2305843009213693952 elements"},
    {"an array beyond the end", gguf_after, "words", 8, 8, 1000, HETA_E_FORMAT,
     "1000 elements, which do not fit"},
    {"a string of an array", gguf_after, "words", 16, 8, 4096, HETA_E_FORMAT, "4096 bytes, but"},
    {"a nested unknown type", gguf_after, "nested", 16, 4, 77, HETA_E_FORMAT,
     "unknown value type 77"},
    {"a nested count that wraps", gguf_after, "nested", 20, 8, UINT64_MAX, HETA_E_FORMAT,
     "elements, which do not fit"},
    {"an empty tensor name", gguf_find, "matrix", 0, 8, 0, HETA_E_FORMAT,
     "a tensor's name is empty"},
    {"a name beyond the end", gguf_find, "matrix", 0, 8, 4096, HETA_E_FORMAT,
     "name is said to have 4096 bytes"},
    {"no dimensions", gguf_after, "matrix", 0, 4, 0, HETA_E_FORMAT, "has 0 dimensions, not 1 to 4"},
    {"five dimensions", gguf_after, "matrix", 0, 4, 5, HETA_E_FORMAT,
     "has 5 dimensions, not 1 to 4"},
    {"a dimension of 0", gguf_after, "matrix", 4, 8, 0, HETA_E_FORMAT,
     "\"matrix\": dimension 0 is 0"},
    {"a second dimension of 0", gguf_after, "matrix", 12, 8, 0, HETA_E_FORMAT,
     "\"matrix\": dimension 1 is 0"},
    {"a shape that wraps", gguf_after, "matrix", 12, 8, UINT64_MAX, HETA_E_FORMAT,
     "multiplies to more elements"},
    {"IQ4_NL", gguf_after, "matrix", 20, 4, GGUF_W_IQ4_NL, HETA_E_UNSUPPORTED,
     "tensor \"matrix\" has weight type IQ4_NL; heta reads"},
    {"F64", gguf_after, "matrix", 20, 4, 28, HETA_E_UNSUPPORTED, "weight type F64"},
    {"weight type 31", gguf_after, "matrix", 20, 4, 31, HETA_E_UNSUPPORTED,
     "weight type number 31"},
    {"weight type 1000", gguf_after, "matrix", 20, 4, 1000, HETA_E_UNSUPPORTED,
     "weight type number 1000"},
    {"rows of 33 elements", gguf_after, "block", 4, 8, 33, HETA_E_FORMAT,
     "33 elements are no multiple of the 32"},
    {"a misaligned tensor", gguf_after, "matrix", 24, 8, 4, HETA_E_FORMAT,
     "offset 4 is no multiple of the file's"},
};

/* Damage whose place in the report differs from the place of the patch: `width` bytes overwritten
 * behind an entry of the tensor table, reported where the entry begins. */
static gguf_image entry(const char *name, size_t plus, size_t width, uint64_t value,
                        uint64_t *offset) {
  gguf_image image = gguf_build(small());
  gguf_put(&image, gguf_after(&image, name) + plus, width, value);
  *offset = gguf_find(&image, name);
  return image;
}

static gguf_image bytes_wrap(uint64_t *offset) { /* 2^62 elements of 4 bytes: 2^64 */
  gguf_image image = gguf_build(small());
  gguf_put(&image, gguf_after(&image, "matrix") + 4, 8, UINT64_C(1) << 31);
  gguf_put(&image, gguf_after(&image, "matrix") + 12, 8, UINT64_C(1) << 31);
  *offset = gguf_after(&image, "matrix") + 4;
  return image;
}

static gguf_image product_wraps(uint64_t *offset) { /* 2^64 elements, which wrap to none */
  gguf_image image = gguf_build(small());
  gguf_put(&image, gguf_after(&image, "matrix") + 4, 8, UINT64_C(1) << 32);
  gguf_put(&image, gguf_after(&image, "matrix") + 12, 8, UINT64_C(1) << 32);
  *offset = gguf_after(&image, "matrix") + 12;
  return image;
}

static gguf_image outside(uint64_t *offset) {
  return entry("matrix", 24, 8, 4096, offset);
}

static gguf_image outside_wraps(uint64_t *offset) { /* offset + bytes is 8 modulo 2^64 */
  return entry("matrix", 24, 8, UINT64_MAX - 31, offset);
}

static gguf_image too_long(uint64_t *offset) {
  return entry("matrix", 12, 8, 1000, offset);
}

static gguf_image cut_data(uint64_t *offset) { /* one byte less than the last tensor needs */
  gguf_image image = gguf_build(small());
  image.size--;
  *offset = gguf_find(&image, "cube");
  return image;
}

static gguf_image overlap(uint64_t *offset) {
  return entry("block", 24, 8, 0, offset);
}

static gguf_image same_key(uint64_t *offset) {
  gguf_image image = gguf_build(small());
  memcpy(image.bytes + gguf_find(&image, "i8") + 8, "u8", 2);
  *offset = gguf_find_nth(&image, "u8", 1);
  return image;
}

static gguf_image same_name(uint64_t *offset) {
  gguf_builder *b = gguf_new();
  gguf_vector(b, "weight", 4, NULL);
  gguf_vector(b, "other", 4, NULL);
  gguf_vector(b, "weight", 4, NULL);
  gguf_image image = gguf_build(b);
  *offset = gguf_find_nth(&image, "weight", 1);
  return image;
}

static gguf_image with_alignment(uint32_t type, int64_t value, uint64_t *offset) {
  gguf_builder *b = gguf_new();
  gguf_integer(b, "general.alignment", type, value);
  gguf_vector(b, "weight", 4, NULL);
  gguf_image image = gguf_build(b);
  *offset = gguf_after(&image, "general.alignment") + 4;
  return image;
}

static gguf_image alignment_0(uint64_t *offset) { return with_alignment(GGUF_U32, 0, offset); }
static gguf_image alignment_24(uint64_t *offset) { return with_alignment(GGUF_U32, 24, offset); }
static gguf_image alignment_minus(uint64_t *offset) {
  return with_alignment(GGUF_I64, INT64_MIN, offset);
}
static gguf_image alignment_huge(uint64_t *offset) {
  return with_alignment(GGUF_U32, INT64_C(1) << 31, offset);
}
static gguf_image alignment_flag(uint64_t *offset) { return with_alignment(GGUF_BOOL, 1, offset); }

static gguf_image long_name(uint64_t *offset) {
  char name[2001];
  memset(name, 'n', 2000);
  name[2000] = 0;
  gguf_builder *b = gguf_new();
  gguf_vector(b, name, 4, NULL);
  gguf_image image = gguf_build(b);
  *offset = gguf_find(&image, name);
  return image;
}

static gguf_image deep(uint64_t *offset) { /* arrays of one array, 40 deep */
  unsigned char levels[40 * 12];
  memset(levels, 0, sizeof levels);
  for (size_t i = 0; i < sizeof levels; i += 12) {
    add_u32(levels + i, GGUF_ARRAY);
    levels[i + 4] = 1;
  }
  gguf_builder *b = gguf_new();
  gguf_raw(b, "deep", GGUF_ARRAY, levels, sizeof levels);
  gguf_image image = gguf_build(b);
  *offset = gguf_after(&image, "deep") + 4 + 4 * 12; /* where the fifth level begins */
  return image;
}

static gguf_image cut_magic(uint64_t *offset) {
  *offset = 2;
  return bytes_of("GG", 2);
}

static gguf_image cut_version(uint64_t *offset) {
  *offset = 6;
  return bytes_of("GGUF\3\0", 6);
}

static const struct {
  const char *what;
  gguf_image (*make)(uint64_t *offset); /* *offset: where the damage must be reported */
  heta_status status;
  const char *part;
} MADE[] = {
    {"half the magic", cut_magic, HETA_E_FORMAT, "ends at byte 2, within the GGUF header"},
    {"half the version", cut_version, HETA_E_FORMAT, "ends at byte 6, within the GGUF header"},
    {"arrays nested too deep", deep, HETA_E_FORMAT, "nested more than 4 deep"},
    {"two equal keys", same_key, HETA_E_FORMAT, "metadata \"u8\" occurs twice"},
    {"a name of 2000 bytes", long_name, HETA_E_FORMAT, "2000 bytes, over the limit of 1024"},
    {"two equal names", same_name, HETA_E_FORMAT, "tensor \"weight\" occurs twice"},
    {"a shape that wraps to 0", product_wraps, HETA_E_FORMAT, "multiplies to more elements"},
    {"bytes that wrap to 0", bytes_wrap, HETA_E_FORMAT, "multiplies to more bytes"},
    {"a tensor outside", outside, HETA_E_FORMAT, "24 bytes at offset 4096 of the data"},
    {"an offset that wraps", outside_wraps, HETA_E_FORMAT, "at offset 18446744073709551584"},
    {"a tensor too long", too_long, HETA_E_FORMAT, "\"matrix\" has 12000 bytes at offset 0"},
    {"data cut by a byte", cut_data, HETA_E_FORMAT, "\"cube\" has 12 bytes at offset 64"},
    {"tensors that overlap", overlap, HETA_E_FORMAT, "\"matrix\" and \"block\" overlap"},
    {"alignment 0", alignment_0, HETA_E_FORMAT, "general.alignment is 0, no power of two"},
    {"alignment 24", alignment_24, HETA_E_FORMAT, "general.alignment is 24, no power of two"},
    {"alignment -2^63", alignment_minus, HETA_E_FORMAT, "is -9223372036854775808, no"},
    {"alignment 2^31", alignment_huge, HETA_E_FORMAT, "general.alignment is 2147483648"},
    {"alignment yes", alignment_flag, HETA_E_FORMAT, "general.alignment is no whole number"},
};

static void refusals(void **state) {
  (void)state;
  uint64_t offset;
  for (size_t i = 0; i < COUNT(ALIENS); i++) {
    gguf_image image = bytes_of(ALIENS[i].bytes, ALIENS[i].size);
    check_refused(ALIENS[i].what, &image, ALIENS[i].status, 0, ALIENS[i].part);
  }
  for (size_t i = 0; i < COUNT(PATCHES); i++) {
    gguf_image image = gguf_build(small());
    size_t at = PATCHES[i].find(&image, PATCHES[i].text) + PATCHES[i].plus;
    gguf_put(&image, at, PATCHES[i].width, PATCHES[i].value);
    check_refused(PATCHES[i].what, &image, PATCHES[i].status, at, PATCHES[i].part);
  }
  for (size_t i = 0; i < COUNT(MADE); i++) {
    gguf_image image = MADE[i].make(&offset);
    check_refused(MADE[i].what, &image, MADE[i].status, offset, MADE[i].part);
  }
}

static void not_files(void **state) {
  (void)state;
  heta_i_file *file = NULL;
  heta_error error = {0};
  heta_status status = heta_i_file_open("/nonexistent/model.gguf", &file, &error);
  check_refusal("missing", status, HETA_E_IO, &error, HETA_NO_OFFSET, "no file /nonexistent/model");
  status = heta_i_file_open("/tmp", &file, &error);
  check_refusal("directory", status, HETA_E_IO, &error, HETA_NO_OFFSET, "is a directory");
  status = heta_i_file_open("/dev/null", &file, &error);
  check_refusal("device", status, HETA_E_IO, &error, HETA_NO_OFFSET, "not a regular file");
  status = heta_i_file_open("/etc/passwd/model.gguf", &file, &error);
  check_refusal("file as folder", status, HETA_E_IO, &error, HETA_NO_OFFSET, "cannot read");
  char path[GGUF_PATH];
  gguf_image image = gguf_build(small());
  gguf_save(&image, path);
  unlink(path);
  assert_int_equal(mkfifo(path, 0600), 0); /* must be refused, not waited for */
  status = heta_i_file_open(path, &file, &error);
  check_refusal("named pipe", status, HETA_E_IO, &error, HETA_NO_OFFSET, "not a regular file");
  unlink(path);
  if (geteuid()) { /* root may read everything */
    gguf_save(&image, path);
    assert_int_equal(chmod(path, 0), 0);
    status = heta_i_file_open(path, &file, &error);
    check_refusal("forbidden", status, HETA_E_IO, &error, HETA_NO_OFFSET, "permissions");
    unlink(path);
  }
  gguf_free(&image);
  assert_null(file);
}

/* A path with a line break, an escape and a broken byte, longer than a message. */
static void hostile_path(void **state) {
  (void)state;
  char path[2000];
  memset(path, 'd', sizeof path);
  memcpy(path + sizeof path - 12, "/\n\x1b[1m\xff.gguf", 12);
  path[sizeof path - 1] = 0;
  heta_i_file *file = NULL;
  heta_error error = {0};
  assert_int_equal(heta_i_file_open_memory("", 0, path, &file, &error), HETA_E_FORMAT);
  assert_non_null(strstr(error.message, "d/??[1m?.ggu is empty"));
  assert_true(strlen(error.message) < 300);
  assert_memory_equal(error.message, "…", 3);
}

/* Opens the first `size` bytes in a block of exactly that size. */
static heta_status open_exact(const unsigned char *bytes, size_t size, heta_i_file **file,
                              heta_error *error) {
  unsigned char *exact = malloc(size ? size : 1);
  assert_non_null(exact);
  memcpy(exact, bytes, size);
  heta_status status = heta_i_file_open_memory(exact, size, "x.gguf", file, error);
  if (!status) heta_i_file_close(*file);
  free(exact);
  return status;
}

static void every_truncation(void **state) {
  (void)state;
  gguf_image image = gguf_build(small());
  for (size_t size = 0; size < image.size; size++) {
    heta_i_file *file = NULL;
    heta_error error = {0};
    heta_status status = open_exact(image.bytes, size, &file, &error);
    if (status != HETA_E_FORMAT || error.offset > size || !*error.message)
      fail_msg("cut to %zu bytes: status %d, offset %llu: %s", size, (int)status,
               (unsigned long long)error.offset, error.message);
  }
  gguf_free(&image);
}

/* Every bit of header, metadata and table flipped in turn: either refused with a place inside the
 * file, or read. */
static void every_bit_flip(void **state) {
  (void)state;
  gguf_image image = gguf_build(small());
  size_t refused = 0, read = 0;
  for (size_t bit = 0; bit < 8 * image.data; bit++) {
    heta_i_file *file = NULL;
    heta_error error = {0};
    image.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    heta_status status = open_exact(image.bytes, image.size, &file, &error);
    image.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    if (status) {
      refused++;
      bool expected = status == HETA_E_FORMAT || status == HETA_E_UNSUPPORTED;
      if (!expected || error.offset > image.size || !*error.message)
        fail_msg("bit %zu: status %d, offset %llu: %s", bit, (int)status,
                 (unsigned long long)error.offset, error.message);
    } else {
      read++;
    }
  }
  assert_true(refused > 1000 && read > 1000);
  gguf_free(&image);
}

/* ---- Split files ----------------------------------------------------------------------------- */

typedef struct parts {
  char folder[GGUF_PATH];
  char paths[3][GGUF_PATH + 64];
} parts; /* of a model of 3 parts and 4 tensors */

static gguf_builder *part(int no, int count, int tensors) {
  char name[24];
  gguf_builder *b = gguf_new();
  if (!no) gguf_string(b, "general.architecture", "llama");
  gguf_integer(b, "split.no", GGUF_U16, no);
  gguf_integer(b, "split.count", GGUF_U16, count);
  gguf_integer(b, "split.tensors.count", GGUF_I32, tensors);
  for (int i = 0; no && i < 2; i++) { /* part 0 has metadata only */
    snprintf(name, sizeof name, "tensor.%d", 2 * (no - 1) + i);
    float value = (float)(2 * (no - 1) + i);
    gguf_vector(b, name, 1, &value);
  }
  return b;
}

static void save_part(parts *p, int no, gguf_builder *b) {
  gguf_image image = gguf_build(b);
  gguf_save_as(&image, p->paths[no]);
  gguf_free(&image);
}

static int make_parts(void **state) {
  char pattern[GGUF_PATH];
  parts *p = calloc(1, sizeof *p);
  const char *folder = getenv("TMPDIR");
  if (!p) return 1;
  snprintf(pattern, sizeof pattern, "%s/heta-XXXXXX", folder && *folder ? folder : "/tmp");
  if (!mkdtemp(pattern)) return 1;
  memcpy(p->folder, pattern, sizeof pattern);
  for (int no = 0; no < 3; no++) {
    snprintf(p->paths[no], sizeof p->paths[no], "%s/m-%05d-of-00003.gguf", pattern, no + 1);
    save_part(p, no, part(no, 3, 4));
  }
  *state = p;
  return 0;
}

static int remove_parts(void **state) {
  parts *p = *state;
  for (int no = 0; no < 3; no++) unlink(p->paths[no]);
  int failed = rmdir(p->folder);
  free(p);
  return failed;
}

static void split_sound(void **state) {
  parts *p = *state;
  char first_hash[65], hash[65];
  for (int opened = 0; opened < 3; opened++) {
    heta_i_file *file;
    heta_error error = {0};
    const char *architecture;
    struct stat about;
    uint64_t bytes = 0;
    if (heta_i_file_open(p->paths[opened], &file, &error)) fail_msg("%s", error.message);
    assert_true(heta_i_file_string(file, "general.architecture", &architecture, NULL));
    assert_string_equal(heta_i_file_path(file), p->paths[opened]);
    assert_int_equal(heta_i_file_tensor_count(file), 4);
    for (int i = 0; i < 4; i++) {
      char name[24];
      float value;
      snprintf(name, sizeof name, "tensor.%d", i);
      const heta_i_tensor *tensor = heta_i_file_tensor(file, name);
      assert_non_null(tensor);
      assert_ptr_equal(tensor, heta_i_file_tensor_at(file, (size_t)i));
      heta_i_expand(tensor->type, tensor->data, 1, &value);
      assert_true(value == (float)i);
    }
    for (int no = 0; no < 3; no++) {
      assert_int_equal(stat(p->paths[no], &about), 0);
      bytes += (uint64_t)about.st_size;
    }
    assert_int_equal(heta_i_file_bytes(file), bytes);
    assert_int_equal(heta_i_file_sha256(file, true, opened ? hash : first_hash, NULL), HETA_OK);
    if (opened) assert_string_equal(hash, first_hash); /* whichever part was named */
    heta_i_file_close(file);
  }
}

static void split_refused(const char *path, const char *what, heta_status expected,
                          const char *words, const char *name) {
  heta_i_file *file = NULL;
  heta_error error = {0};
  heta_status status = heta_i_file_open(path, &file, &error);
  check_refusal(what, status, expected, &error, error.offset, words);
  if (!strstr(error.message, name)) fail_msg("%s: not named: %s", what, error.message);
  assert_null(file);
}

static void split_missing(void **state) {
  parts *p = *state;
  unlink(p->paths[1]);
  split_refused(p->paths[0], "second of three", HETA_E_IO, "part 2 of 3", "m-00002-of-00003.gguf");
  split_refused(p->paths[2], "from the third", HETA_E_IO, "part 2 of 3", "m-00002-of-00003.gguf");
}

static void split_inconsistent(void **state) {
  parts *p = *state;
  const char *second = "m-00002-of-00003.gguf";
  save_part(p, 1, part(2, 3, 4));
  split_refused(p->paths[0], "wrong number", HETA_E_FORMAT, "split.no does not agree", second);
  split_refused(p->paths[1], "wrong number", HETA_E_FORMAT, "end in -00003-of-00003", second);
  save_part(p, 1, part(1, 4, 4));
  split_refused(p->paths[0], "wrong count", HETA_E_FORMAT, "split.count differs", second);
  save_part(p, 1, part(1, 3, 5));
  split_refused(p->paths[0], "wrong tensors", HETA_E_FORMAT, "split.tensors.count differs", second);
  save_part(p, 1, part(2, 2, 4));
  split_refused(p->paths[1], "part 2 of 2", HETA_E_FORMAT, "split.no is not below", second);
  save_part(p, 1, part(-1, 3, 4)); /* 65535 as the file has it */
  split_refused(p->paths[1], "part -1", HETA_E_FORMAT, "split.no is not below", second);
  save_part(p, 1, part(1, 60000, 4));
  split_refused(p->paths[1], "60000 parts", HETA_E_FORMAT, "split.count is not between", second);
  gguf_builder *b = gguf_new();
  gguf_u32(b, "split.count", 3);
  save_part(p, 1, b);
  split_refused(p->paths[1], "no number", HETA_E_FORMAT, "split.no is missing", second);
  b = gguf_new();
  gguf_string(b, "split.count", "3");
  save_part(p, 1, b);
  split_refused(p->paths[1], "count as text", HETA_E_FORMAT, "split.count is no whole", second);
  save_part(p, 1, gguf_new()); /* sound, but no part of anything */
  split_refused(p->paths[0], "an alien", HETA_E_FORMAT, "split.count differs", second);
  b = part(1, 3, 4);
  gguf_vector(b, "tensor.3", 1, NULL); /* the third part's */
  for (int no = 0; no < 3; no += 2) save_part(p, no, part(no, 3, 5));
  gguf_image image = gguf_build(b);
  gguf_put(&image, gguf_after(&image, "split.tensors.count") + 4, 4, 5);
  gguf_save_as(&image, p->paths[1]);
  gguf_free(&image);
  split_refused(p->paths[0], "one name twice", HETA_E_FORMAT, "\"tensor.3\" occurs", "m-0000");
  for (int no = 0; no < 3; no++) save_part(p, no, part(no, 3, 9));
  split_refused(p->paths[0], "tensors lacking", HETA_E_FORMAT, "number of tensors", "m-00001");
  image = bytes_of("PK\3\4", 4);
  gguf_save_as(&image, p->paths[1]);
  gguf_free(&image);
  split_refused(p->paths[0], "a part of another kind", HETA_E_UNSUPPORTED, "zip archive", second);
}

static void split_renamed(void **state) {
  parts *p = *state;
  char other[GGUF_PATH + 64];
  snprintf(other, sizeof other, "%s/model.gguf", p->folder);
  assert_int_equal(rename(p->paths[0], other), 0);
  split_refused(other, "renamed", HETA_E_FORMAT, "end in -00001-of-00003", "model.gguf");
  assert_int_equal(rename(other, p->paths[0]), 0);
  gguf_image image = gguf_build(part(0, 3, 4));
  heta_i_file *file = NULL;
  heta_error error = {0};
  heta_status status = heta_i_file_open_memory(image.bytes, image.size,
                                               "m-00001-of-00003.gguf", &file, &error);
  check_refusal("in memory", status, HETA_E_FORMAT, &error, HETA_NO_OFFSET, "cannot be found");
  gguf_free(&image);
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
    assert_true(heta_i_file_array_string(file, "tokenizer.ggml.tokens", files[i].words - 1, &text,
                                         NULL));
    assert_string_equal(text, files[i].last);
    heta_i_file_close(file);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sound_file),
      cmocka_unit_test(no_tensors),
      cmocka_unit_test(alignment),
      cmocka_unit_test(tensor_places),
      cmocka_unit_test(large_string_array),
      cmocka_unit_test(hashes),
      cmocka_unit_test(refusals),
      cmocka_unit_test(not_files),
      cmocka_unit_test(hostile_path),
      cmocka_unit_test(every_truncation),
      cmocka_unit_test(every_bit_flip),
      cmocka_unit_test_setup_teardown(split_sound, make_parts, remove_parts),
      cmocka_unit_test_setup_teardown(split_missing, make_parts, remove_parts),
      cmocka_unit_test_setup_teardown(split_inconsistent, make_parts, remove_parts),
      cmocka_unit_test_setup_teardown(split_renamed, make_parts, remove_parts),
      cmocka_unit_test(real_model),
      cmocka_unit_test(real_vocabularies),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
