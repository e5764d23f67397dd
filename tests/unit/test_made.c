/* test_made.c: files put together by code, and rows seen through views. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "format/made.h"
#include "support/gguf_builder.h"
#include "support/refusal.h"

static heta_i_file *make(void) {
  heta_i_file *file = NULL;
  heta_error error = {0};
  if (heta_i_made_create("a/model", NULL, &file, &error)) fail_msg("%s", error.message);
  return file;
}

static void made_metadata(void **state) {
  (void)state;
  heta_i_file *file = make();
  const char *texts[] = {"b", "", "c\0d"}, *text;
  const size_t sizes[] = {1, 0, 3};
  const int64_t integers[] = {-1, INT64_MAX};
  const double numbers[] = {0.5, -3};
  int64_t integer;
  double number;
  bool flag;
  size_t size;
  assert_int_equal(heta_i_made_integer(file, "z.integer", INT64_MIN, NULL), HETA_OK);
  assert_int_equal(heta_i_made_number(file, "m.number", 0.1, NULL), HETA_OK);
  assert_int_equal(heta_i_made_flag(file, "a.flag", true, NULL), HETA_OK);
  assert_int_equal(heta_i_made_string(file, "string", "x\0y", 3, NULL), HETA_OK);
  assert_int_equal(heta_i_made_strings(file, "strings", texts, sizes, 3, NULL), HETA_OK);
  assert_int_equal(heta_i_made_strings(file, "terminated", texts, NULL, 3, NULL), HETA_OK);
  assert_int_equal(heta_i_made_strings(file, "none", NULL, NULL, 0, NULL), HETA_OK);
  assert_int_equal(heta_i_made_integers(file, "integers", integers, 2, NULL), HETA_OK);
  assert_int_equal(heta_i_made_numbers(file, "numbers", numbers, 2, NULL), HETA_OK);
  assert_true(heta_i_file_integer(file, "z.integer", &integer) && integer == INT64_MIN);
  assert_true(heta_i_file_number(file, "m.number", &number) && number == 0.1);
  assert_true(heta_i_file_flag(file, "a.flag", &flag) && flag);
  assert_true(heta_i_file_string(file, "string", &text, &size) && size == 3);
  assert_memory_equal(text, "x\0y", 4);
  assert_int_equal(heta_i_file_array(file, "strings"), 3);
  assert_true(heta_i_file_array_string(file, "strings", 2, &text, &size) && size == 3);
  assert_memory_equal(text, "c\0d", 4);
  assert_true(heta_i_file_array_string(file, "terminated", 2, &text, &size) && size == 1);
  assert_string_equal(heta_i_file_kind(file, "none"), "array of strings");
  assert_true(heta_i_file_array_integer(file, "integers", 0, &integer) && integer == -1);
  assert_true(heta_i_file_array_integer(file, "integers", 1, &integer) && integer == INT64_MAX);
  assert_true(heta_i_file_array_number(file, "numbers", 1, &number) && number == -3);
  assert_false(heta_i_file_integer(file, "integers", &integer));
  assert_null(heta_i_file_kind(file, "absent"));
  assert_int_equal(heta_i_file_key_count(file), 9);
  assert_string_equal(heta_i_file_key_at(file, 0), "z.integer"); /* in the order of the calls */
  assert_string_equal(heta_i_file_format(file), "made");
  assert_string_equal(heta_i_file_path(file), "a/model");
  heta_i_file_close(file);
}

static void made_many(void **state) {
  (void)state;
  heta_i_file *file = make();
  char name[32];
  float value;
  for (int i = 0; i < 500; i++) {
    int64_t found;
    snprintf(name, sizeof name, "%d", i * 7919 % 500);
    value = (float)i;
    assert_int_equal(heta_i_made_integer(file, name, i, NULL), HETA_OK);
    assert_int_equal(heta_i_made_vector(file, name, &value, 1, NULL), HETA_OK);
    assert_true(heta_i_file_integer(file, name, &found) && found == i);
  }
  for (int i = 0; i < 500; i++) {
    snprintf(name, sizeof name, "%d", i * 7919 % 500);
    const heta_i_tensor *tensor = heta_i_file_tensor(file, name);
    assert_ptr_equal(tensor, heta_i_file_tensor_at(file, (size_t)i));
    heta_i_tensor_rows(tensor, 0, 1, &value);
    assert_true(value == (float)i);
  }
  heta_error error = {0};
  refusal_check("a key twice", heta_i_made_flag(file, "7", true, &error), HETA_E_FORMAT, &error,
                HETA_NO_OFFSET, "a/model: metadata \"7\" is given twice");
  refusal_check("a name twice", heta_i_made_vector(file, "7", &value, 1, &error), HETA_E_FORMAT,
                &error, HETA_NO_OFFSET, "a/model: tensor \"7\" is given twice");
  heta_i_file_close(file);
}

/* A file of one matrix [rows × columns] of 0, 1, 2, … and one vector of as many. */
static heta_i_file *counted(size_t rows, size_t columns) {
  gguf_builder *b = gguf_new();
  float values[64];
  char path[GGUF_PATH];
  for (size_t i = 0; i < 64; i++) values[i] = (float)i;
  gguf_string(b, "hidden", "of the base");
  gguf_matrix(b, "matrix", rows, columns, values);
  gguf_vector(b, "vector", rows * columns, values);
  gguf_image image = gguf_build(b);
  gguf_save(&image, path);
  gguf_free(&image);
  heta_i_file *file = NULL;
  heta_error error = {0};
  heta_status status = heta_i_file_open(path, &file, &error);
  unlink(path);
  if (status) fail_msg("%s", error.message);
  return file;
}

/* Adds the base's tensor, reshaped, under a view, and compares all of it and each row alone. */
static void expect_rows(const char *what, const char *from, size_t rows, size_t columns,
                        heta_i_view view, const float *expected) {
  heta_i_file *base = counted(6, 4), *file = NULL;
  heta_error error = {0};
  float all[64], row[64];
  heta_i_tensor tensor = *heta_i_file_tensor(base, from);
  bool vector = tensor.dims == 1;
  tensor.shape[0] = columns;
  tensor.shape[1] = rows;
  assert_int_equal(heta_i_made_create("made", base, &file, &error), HETA_OK);
  assert_int_equal(heta_i_made_tensor(file, "seen", &tensor, &view, &error), HETA_OK);
  const heta_i_tensor *seen = heta_i_file_tensor(file, "seen");
  heta_i_tensor_rows(seen, 0, rows, all);
  for (size_t i = 0; i < rows * columns; i++)
    if (all[i] != expected[i])
      fail_msg("%s: element %zu is %g, not %g", what, i, (double)all[i], (double)expected[i]);
  for (size_t r = 0; r < rows; r++) {
    heta_i_tensor_rows(seen, r, 1, row);
    assert_memory_equal(row, all + r * columns, columns * sizeof(float));
  }
  for (size_t r = 0; r < (vector ? columns : rows); r++) { /* F32: element i lies at 4 i */
    size_t element = vector ? r : r * columns;
    uint64_t at = heta_i_tensor_row_offset(seen, r) - seen->offset;
    assert_int_equal(at, 4 * (uint64_t)(expected[element] - view.plus));
  }
  heta_i_file_close(file);
}

static void made_views(void **state) {
  (void)state;
  const float turned[24] = {0, 4, 8,  12, 16, 20, 1, 5, 9,  13, 17, 21,
                            2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23};
  expect_rows("transposed", "matrix", 4, 6, (heta_i_view){.transposed = true}, turned);
  /* two heads of three rows, of which the second is taken: 1 and 4 */
  const float second[8] = {4, 5, 6, 7, 16, 17, 18, 19};
  expect_rows("a third", "matrix", 2, 4, (heta_i_view){.group = 1, .stride = 3, .start = 1},
              second);
  /* rows of a group of six woven: 0 3 1 4 2 5 */
  const float woven[24] = {0,  1,  2,  3,  12, 13, 14, 15, 4,  5,  6,  7,
                           16, 17, 18, 19, 8,  9,  10, 11, 20, 21, 22, 23};
  expect_rows("woven", "matrix", 6, 4, (heta_i_view){.group = 6, .stride = 6, .woven = true},
              woven);
  const float plus[24] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
                          13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};
  expect_rows("one more", "vector", 1, 24, (heta_i_view){.plus = 1}, plus);
  /* groups of 4 out of 12, from the 8th on, woven: 8 10 9 11, 20 22 21 23 */
  const float parts[8] = {8, 10, 9, 11, 20, 22, 21, 23};
  expect_rows("a vector's part", "vector", 1, 8,
              (heta_i_view){.group = 4, .stride = 12, .start = 8, .woven = true}, parts);
}

static void made_over(void **state) {
  (void)state;
  heta_i_file *base = counted(6, 4), *file = NULL;
  char alone[65], over[65], with[65], path[GGUF_PATH];
  const char *bytes;
  size_t size;
  uint64_t base_bytes = heta_i_file_bytes(base);
  assert_int_equal(heta_i_file_sha256(base, true, alone, NULL), HETA_OK);
  assert_int_equal(heta_i_made_create("made", base, &file, NULL), HETA_OK);
  assert_ptr_equal(heta_i_made_base(file), base);
  assert_null(heta_i_file_tensor(file, "matrix")); /* the base's names are not the file's */
  assert_null(heta_i_file_kind(file, "hidden"));
  assert_string_equal(heta_i_file_format(file), "gguf");
  assert_int_equal(heta_i_file_sha256(file, true, over, NULL), HETA_OK);
  assert_string_equal(over, alone);
  gguf_image image = {.bytes = (unsigned char[]){'{', '}'}, .size = 2};
  gguf_save(&image, path);
  heta_status status = heta_i_made_map(file, path, &bytes, &size, NULL);
  unlink(path);
  assert_int_equal(status, HETA_OK);
  assert_int_equal(size, 2);
  assert_memory_equal(bytes, "{}", 2);
  assert_int_equal(heta_i_file_bytes(file), base_bytes + 2);
  assert_int_equal(heta_i_file_sha256(file, true, with, NULL), HETA_OK);
  assert_string_not_equal(with, alone);
  assert_int_equal(heta_i_file_sha256(file, false, over, NULL), HETA_OK);
  assert_string_not_equal(with, over);
  heta_error error = {0};
  refusal_check("no such file",
                heta_i_made_map(file, "/nowhere/config.json", &bytes, &size, &error), HETA_E_IO,
                &error, HETA_NO_OFFSET, "config.json");
  heta_i_file_close(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(made_metadata),
      cmocka_unit_test(made_many),
      cmocka_unit_test(made_views),
      cmocka_unit_test(made_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
