/* test_gguf_split.c: models split into several GGUF files: whole, lacking, contradicting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/file.h"
#include "format/quant.h"
#include "support/gguf_builder.h"
#include "support/refusal.h"

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
  refusal_check(what, status, expected, &error, error.offset, words);
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
  save_part(p, 1, part(1, 3, -4));
  split_refused(p->paths[1], "-4 tensors", HETA_E_FORMAT, "split.tensors.count is no count",
                second);
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
  image = (gguf_image){.bytes = (unsigned char[]){'P', 'K', 3, 4}, .size = 4};
  gguf_save_as(&image, p->paths[1]);
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
  heta_status status =
      heta_i_file_open_memory(image.bytes, image.size, "m-00001-of-00003.gguf", &file, &error);
  refusal_check("in memory", status, HETA_E_FORMAT, &error, HETA_NO_OFFSET, "cannot be found");
  gguf_free(&image);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(split_sound, make_parts, remove_parts),
      cmocka_unit_test_setup_teardown(split_missing, make_parts, remove_parts),
      cmocka_unit_test_setup_teardown(split_inconsistent, make_parts, remove_parts),
      cmocka_unit_test_setup_teardown(split_renamed, make_parts, remove_parts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
