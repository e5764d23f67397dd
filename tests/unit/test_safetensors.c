/* test_safetensors.c: safetensors files and folders of them: sound, damaged, incomplete. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "format/file.h"
#include "support/folder.h"
#include "support/refusal.h"

#define F32(name, begin, end, shape)                                                               \
  "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

/* ---- Sound files ----------------------------------------------------------------------------- */

static void sound_file(void **state) {
  (void)state;
  static const char header[] =
      "{\"__metadata__\":{\"format\":\"pt\"},"
      "\"half\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[24,28]}," /* any order */
      F32("matrix", "0", "24",
          "[2,3]") ","
                   "\"brain\":{\"dtype\":\"BF16\",\"shape\":[1,1,2],\"data_offsets\":[28,32]},"
                   "\"mask\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[32,35]},"
                   "\"scalar\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[35,39]},"
                   "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[39,39]}}   ";
  size_t size;
  unsigned char *bytes = folder_safetensors(header, 39, &size);
  heta_i_file *file = NULL;
  heta_error error = {0};
  float values[6];
  if (heta_i_file_open_memory(bytes, size, "m", &file, &error)) fail_msg("%s", error.message);
  assert_string_equal(heta_i_file_format(file), "safetensors");
  assert_int_equal(heta_i_file_key_count(file), 0);
  assert_int_equal(heta_i_file_tensor_count(file), 3);
  const heta_i_tensor *matrix = heta_i_file_tensor(file, "matrix");
  assert_non_null(matrix);
  assert_true(matrix->type == HETA_TYPE_F32 && matrix->dims == 2);
  assert_true(matrix->shape[0] == 3 && matrix->shape[1] == 2 && matrix->shape[2] == 1);
  assert_true(matrix->offset == size - 39 && matrix->bytes == 24);
  assert_ptr_equal(matrix->data, bytes + size - 39);
  heta_i_tensor_rows(matrix, 0, 2, values);
  assert_memory_equal(values, bytes + size - 39, 24); /* this machine is little endian */
  const heta_i_tensor *brain = heta_i_file_tensor(file, "brain");
  assert_true(brain && brain->type == HETA_TYPE_BF16 && brain->dims == 3 && brain->shape[0] == 2);
  assert_string_equal(heta_i_file_unread(file, "mask"), "of dtype BOOL");
  assert_string_equal(heta_i_file_unread(file, "scalar"), "not of 1 to 4 dimensions");
  assert_string_equal(heta_i_file_unread(file, "empty"), "without elements");
  assert_null(heta_i_file_unread(file, "matrix"));
  assert_null(heta_i_file_unread(file, "none"));
  assert_non_null(heta_i_file_unread_at(file, 2));
  assert_null(heta_i_file_unread_at(file, 3));
  heta_i_file_close(file);
  heta_i_free(bytes);
}

/* ---- Damaged headers ------------------------------------------------------------------------- */

static const struct {
  const char *what, *header;
  size_t data;
  heta_status status;
  const char *at; /* the offset is where this stands in the header; NULL: 8; "": the end of it;
                     "+N": N bytes into the data; "?": where the JSON parser says */
  const char *words;
} DAMAGED[] = {
    {"no JSON", "{\"a\":", 0, HETA_E_FORMAT, "", "the JSON text breaks off or is damaged"},
    {"a key twice", "{" F32("a", "0", "4", "[1]") "," F32("a", "4", "8", "[1]") "}", 8,
     HETA_E_FORMAT, "?", "duplicate object key"},
    {"metadata is a list", "{\"__metadata__\":[]}", 0, HETA_E_FORMAT, NULL,
     "__metadata__ is no object"},
    {"metadata of numbers", "{\"__metadata__\":{\"a\":1}}", 0, HETA_E_FORMAT, NULL,
     "__metadata__ has a value that is no text"},
    {"no name", "{" F32("", "0", "4", "[1]") "}", 4, HETA_E_FORMAT, NULL, "0 bytes, not 1 to 1024"},
    {"a name with a newline", "{" F32("a\\nb", "0", "4", "[1]") "}", 4, HETA_E_FORMAT, NULL,
     "the name has a byte that is no text"},
    {"an entry that is none", "{\"a\":7}", 0, HETA_E_FORMAT, "\"a\"", "its entry is no object"},
    {"no dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, HETA_E_FORMAT, "\"a\"",
     "dtype is no text"},
    {"an unknown dtype", "{\"a\":{\"dtype\":\"Q9\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     HETA_E_UNSUPPORTED, "\"a\"", "the unknown dtype \"Q9\""},
    {"no shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, HETA_E_FORMAT, "\"a\"",
     "shape is no list"},
    {"a negative length", "{" F32("a", "0", "4", "[-1]") "}", 4, HETA_E_FORMAT, "\"a\"",
     "shape has an entry that is no count"},
    {"half a length", "{" F32("a", "0", "4", "[1.5]") "}", 4, HETA_E_FORMAT, "\"a\"",
     "shape has an entry that is no count"},
    {"a length in words", "{" F32("a", "0", "4", "[\"1\"]") "}", 4, HETA_E_FORMAT, "\"a\"",
     "shape has an entry that is no count"},
    {"a product that wraps", "{" F32("a", "0", "4", "[4294967296,4294967296]") "}", 4,
     HETA_E_FORMAT, "\"a\"", "multiplies to more elements than any file"},
    {"bits that wrap", "{" F32("a", "0", "0", "[4503599627370496,1024]") "}", 0, HETA_E_FORMAT,
     "\"a\"", "do not agree with dtype and shape"},
    {"nine dimensions", "{" F32("a", "0", "4", "[1,1,1,1,1,1,1,1,1]") "}", 4, HETA_E_FORMAT,
     "\"a\"", "over 8 dimensions"},
    {"no offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, HETA_E_FORMAT, "\"a\"",
     "data_offsets are not two whole numbers"},
    {"three offsets", "{" F32("a", "0,4", "8", "[1]") "}", 8, HETA_E_FORMAT, "\"a\"",
     "data_offsets are not two whole numbers"},
    {"offsets beyond 2^53", "{" F32("a", "0", "1e300", "[1]") "}", 4, HETA_E_FORMAT, "\"a\"",
     "data_offsets are not two whole numbers"},
    {"offsets backwards", "{" F32("a", "4", "0", "[1]") "}", 4, HETA_E_FORMAT, "\"a\"",
     "data_offsets run backwards"},
    {"offsets below zero", "{" F32("a", "-4", "0", "[1]") "}", 4, HETA_E_FORMAT, "\"a\"",
     "data_offsets run backwards"},
    {"an end beyond the file", "{" F32("a", "0", "4", "[1]") "," F32("b", "4", "12", "[2]") "}", 8,
     HETA_E_FORMAT, "\"b\"", "ends at byte 12 of the data, of which the file holds only 8 bytes"},
    {"a size that differs", "{" F32("a", "0", "8", "[1]") "}", 8, HETA_E_FORMAT, "\"a\"",
     "do not agree with dtype and shape"},
    {"half a byte", "{\"a\":{\"dtype\":\"F4\",\"shape\":[1],\"data_offsets\":[0,0]}}", 0,
     HETA_E_FORMAT, "\"a\"", "do not agree with dtype and shape"},
    {"an overlap", "{" F32("a", "0", "8", "[2]") "," F32("b", "4", "8", "[1]") "}", 8,
     HETA_E_FORMAT, "\"b\"", "\"a\" and \"b\" overlap"},
    {"one twice the other", "{" F32("a", "0", "4", "[1]") "," F32("b", "0", "4", "[1]") "}", 4,
     HETA_E_FORMAT, "\"b\"", "overlap"},
    {"a hole", "{" F32("a", "0", "4", "[1]") "," F32("b", "8", "12", "[1]") "}", 12, HETA_E_FORMAT,
     "+4", "4 bytes before tensor \"b\" belong to no tensor"},
    {"a hole at the beginning", "{" F32("a", "4", "8", "[1]") "}", 8, HETA_E_FORMAT, "+0",
     "4 bytes before tensor \"a\" belong to no tensor"},
    {"bytes at the end", "{" F32("a", "0", "4", "[1]") "}", 7, HETA_E_FORMAT, "+4",
     "3 bytes at the end belong to no tensor"},
    {"a name elsewhere", "{\"__metadata__\":{\"x\":\"a\"}," F32("a", "0", "4", "[2]") "}", 4,
     HETA_E_FORMAT, "\"a\":", "do not agree"},
};

static uint64_t expected_offset(size_t i, const heta_error *error) {
  const char *header = DAMAGED[i].header, *at = DAMAGED[i].at;
  if (!at) return 8;
  if (*at == '?') return error->offset;
  if (*at == '+') return 8 + strlen(header) + (uint64_t)(at[1] - '0');
  return 8 + (*at ? (uint64_t)(strstr(header, at) - header) : strlen(header));
}

static void damaged_headers(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof DAMAGED / sizeof *DAMAGED; i++) {
    size_t size;
    unsigned char *bytes = folder_safetensors(DAMAGED[i].header, DAMAGED[i].data, &size);
    heta_i_file *file = NULL;
    heta_error error = {0};
    heta_status status = heta_i_file_open_memory(bytes, size, "dir/m.st", &file, &error);
    refusal_check(DAMAGED[i].what, status, DAMAGED[i].status, &error, expected_offset(i, &error),
                  DAMAGED[i].words);
    if (error.offset > size || !strstr(error.message, "dir/m.st, byte "))
      fail_msg("%s: %s", DAMAGED[i].what, error.message);
    assert_null(file);
    heta_i_free(bytes);
  }
}

static void damaged_sizes(void **state) {
  (void)state;
  static const struct {
    const char *what;
    uint64_t length;
    const char *words;
  } CASES[] = {
      {"a header beyond the file", 5000, "the header is said to have 5000 bytes, but 58 are left"},
      {"a header of nothing", 0, "the JSON text breaks off"},
      {"a header cut short", 20, "the JSON text breaks off"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    size_t size;
    unsigned char *bytes = folder_safetensors("{" F32("a", "0", "4", "[1]") "}", 4, &size);
    for (size_t k = 0; k < 8; k++) bytes[k] = (unsigned char)(CASES[i].length >> 8 * k);
    heta_i_file *file = NULL;
    heta_error error = {0};
    heta_status status = heta_i_file_open_memory(bytes, size, "m", &file, &error);
    refusal_check(CASES[i].what, status, HETA_E_FORMAT, &error, error.offset, CASES[i].words);
    heta_i_free(bytes);
  }
}

static void every_truncation(void **state) {
  (void)state;
  size_t size;
  unsigned char *bytes = folder_safetensors("{" F32("a", "0", "8", "[2]") "}", 8, &size);
  for (size_t cut = 0; cut < size; cut++) {
    unsigned char *part = heta_i_allocate(cut, 1);
    heta_i_file *file = NULL;
    heta_error error = {0};
    memcpy(part, bytes, cut);
    if (!heta_i_file_open_memory(part, cut, "m", &file, &error)) fail_msg("%zu bytes opened", cut);
    assert_true(*error.message && (error.offset == HETA_NO_OFFSET || error.offset <= cut));
    heta_i_free(part);
  }
  heta_i_free(bytes);
}

/* ---- Folders --------------------------------------------------------------------------------- */

static int make(void **state) {
  *state = heta_i_allocate(FOLDER_PATH, 1);
  if (*state) folder_make(*state);
  return !*state;
}

static int remove_all(void **state) {
  folder_remove(*state);
  heta_i_free(*state);
  return 0;
}

static void put_shard(const char *folder, const char *name, const char *header, size_t data) {
  size_t size;
  unsigned char *bytes = folder_safetensors(header, data, &size);
  folder_write(folder, name, bytes, size);
  heta_i_free(bytes);
}

static void refused(const char *what, const char *path, heta_status expected, const char *words) {
  heta_i_file *file = NULL;
  heta_error error = {0};
  heta_status status = heta_i_file_open(path, &file, &error);
  refusal_check(what, status, expected, &error, error.offset, words);
  assert_null(file);
}

static const char SHARD_1[] = "model-00001-of-00002.safetensors",
                  SHARD_2[] = "model-00002-of-00002.safetensors",
                  INDEX[] = "model.safetensors.index.json";
#define WEIGHT_MAP(a, b) "{\"weight_map\":{\"a\":\"" a "\",\"b\":\"" b "\"}}"

static void put_shards(const char *folder) {
  put_shard(folder, SHARD_1, "{" F32("a", "0", "4", "[1]") "}", 4);
  put_shard(folder, SHARD_2,
            "{" F32("b", "0", "4",
                    "[1]") ",\"c\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[4,5]}}",
            5);
}

static void folder_of_shards(void **state) {
  const char *folder = *state;
  char path[2 * FOLDER_PATH], hash[65], other[65];
  heta_i_file *file = NULL;
  heta_error error = {0};
  put_shards(folder);
  folder_text(folder, INDEX,
              "{\"metadata\":{\"total_size\":99},\"weight_map\":{"
              "\"c\":\"model-00002-of-00002.safetensors\","
              "\"b\":\"model-00002-of-00002.safetensors\","
              "\"a\":\"model-00001-of-00002.safetensors\"}}");
  if (heta_i_file_open(folder, &file, &error)) fail_msg("%s", error.message);
  assert_int_equal(heta_i_file_tensor_count(file), 2);
  assert_non_null(heta_i_file_tensor(file, "a"));
  assert_non_null(heta_i_file_tensor(file, "b"));
  assert_string_equal(heta_i_file_unread(file, "c"), "of dtype I8");
  assert_int_equal(heta_i_file_sha256(file, true, hash, NULL), HETA_OK);
  heta_i_file_close(file);
  /* A whole file goes before the index. */
  put_shard(folder, "model.safetensors", "{" F32("w", "0", "4", "[1]") "}", 4);
  snprintf(path, sizeof path, "%s/", folder);
  if (heta_i_file_open(path, &file, &error)) fail_msg("%s", error.message);
  assert_non_null(heta_i_file_tensor(file, "w"));
  assert_int_equal(heta_i_file_sha256(file, true, other, NULL), HETA_OK);
  assert_string_not_equal(hash, other);
  heta_i_file_close(file);
  snprintf(path, sizeof path, "%s/%s", folder, SHARD_2);
  refused("one shard", path, HETA_E_ARGUMENT, "is one part of a model: name the folder");
}

static void bad_indexes(void **state) {
  const char *folder = *state;
  static const struct {
    const char *what, *index;
    heta_status status;
    const char *words;
  } CASES[] = {
      {"no JSON", "{", HETA_E_FORMAT, "index.json, byte 1: the JSON text breaks off"},
      {"a list", "[]", HETA_E_FORMAT, "weight_map is missing, empty or no object"},
      {"empty", "{\"weight_map\":{}}", HETA_E_FORMAT, "weight_map is missing, empty or no object"},
      {"a number", "{\"weight_map\":{\"a\":1}}", HETA_E_FORMAT,
       "weight_map, tensor a is not in a file of this folder"},
      {"another folder", WEIGHT_MAP("../a", "b"), HETA_E_FORMAT,
       "tensor a is not in a file of this folder"},
      {"a hidden file", WEIGHT_MAP(".a", "b"), HETA_E_FORMAT, "is not in a file of this folder"},
      {"a file that is not there", WEIGHT_MAP("model-00001-of-00002.safetensors", "x"), HETA_E_IO,
       "part 2 of 2 of the model is missing"},
      {"tensors exchanged",
       WEIGHT_MAP("model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors"),
       HETA_E_FORMAT, "tensor a is not in the file it names"},
      {"a tensor that is nowhere", "{\"weight_map\":{\"z\":\"model-00002-of-00002.safetensors\"}}",
       HETA_E_FORMAT, "tensor z is not in the file it names"},
  };
  put_shards(folder);
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    folder_text(folder, INDEX, CASES[i].index);
    refused(CASES[i].what, folder, CASES[i].status, CASES[i].words);
  }
  put_shard(folder, SHARD_2, "{" F32("a", "0", "4", "[1]") "}", 4);
  folder_text(folder, INDEX,
              WEIGHT_MAP("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"));
  refused("one name in both", folder, HETA_E_FORMAT, "tensor \"a\" occurs twice");
}

static void without_weights(void **state) {
  const char *folder = *state;
  refused("nothing", folder, HETA_E_IO, "has no model.safetensors and no model.safetensors.index");
  folder_text(folder, "config.json", "{}");
  refused("a configuration", folder, HETA_E_IO, "has no model.safetensors and no");
  folder_text(folder, "tf_model.h5", "x");
  refused("another program's", folder, HETA_E_UNSUPPORTED, "tf_model.h5 is for other programs");
  folder_text(folder, "pytorch_model-00001-of-00002.bin", "x");
  folder_text(folder, "pytorch_model-00002-of-00002.bin", "x");
  refused("a checkpoint", folder, HETA_E_UNSUPPORTED,
          "pytorch_model-00001-of-00002.bin is a PyTorch checkpoint");
  folder_text(folder, "weights.safetensors", "x");
  refused("another name", folder, HETA_E_ARGUMENT, "weights.safetensors, name that file");
  folder_text(folder, "adapter_model.safetensors", "x");
  refused("an adapter", folder, HETA_E_UNSUPPORTED, "is an adapter for another model");
  folder_text(folder, "x.gguf", "x");
  refused("a GGUF file", folder, HETA_E_ARGUMENT, "name the GGUF file in it, x.gguf");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sound_file),
      cmocka_unit_test(damaged_headers),
      cmocka_unit_test(damaged_sizes),
      cmocka_unit_test(every_truncation),
      cmocka_unit_test_setup_teardown(folder_of_shards, make, remove_all),
      cmocka_unit_test_setup_teardown(bad_indexes, make, remove_all),
      cmocka_unit_test_setup_teardown(without_weights, make, remove_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
