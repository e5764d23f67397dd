/* test_gguf_damaged.c: damaged GGUF files and files that are none, as tables of what is done and
 * what must be said about it; every truncation and every flipped bit of a small file. */
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
#include "support/gguf_small.h"
#include "support/refusal.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* uint32_t, little endian. */
static void add_u32(unsigned char *to, uint32_t value) {
  for (int i = 0; i < 4; i++) to[i] = (unsigned char)(value >> 8 * i);
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
  refusal_check(what, status, expected, &error, offset, part);
  assert_non_null(strstr(error.message, "x.gguf"));
  assert_true(strlen(error.message) < sizeof error.message - 1); /* not cut */
  assert_ptr_equal(file, &offset);
  assert_int_equal(heta_i_file_open_memory(exact, image->size, "x.gguf", &file, NULL), expected);
  free(exact);

  char path[GGUF_PATH]; /* and the same from disk */
  gguf_save(image, path);
  status = heta_i_file_open(path, &file, &error);
  refusal_check(what, status, expected, &error, offset, part);
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
    {"a text like safetensors", BYTES("abcdefgh{}"), HETA_E_FORMAT,
     "begins with the bytes 61 62 63 64"},
    {"one byte", BYTES("x"), HETA_E_FORMAT, "begins with the bytes 78 00 00 00"},
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
    {"a program",
     BYTES("\x7f"
           "ELF\2\1\1"),
     HETA_E_FORMAT, "seems to be a program"},
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
     "18446744073709551608 bytes, but"},
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
     "18446744073709551615 bytes, but"},
    {"an array of type 99", gguf_after, "words", 4, 4, 99, HETA_E_FORMAT, "unknown value type 99"},
    {"an array count that wraps", gguf_after, "words", 8, 8, UINT64_C(1) << 61, HETA_E_FORMAT,
     "2305843009213693952 elements, which do not fit"},
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
    {"IQ3_S", gguf_after, "matrix", 20, 4, GGUF_W_IQ3_S, HETA_E_UNSUPPORTED,
     "tensor \"matrix\" has weight type IQ3_S; heta reads"},
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
  gguf_image image = gguf_build(gguf_small());
  gguf_put(&image, gguf_after(&image, name) + plus, width, value);
  *offset = gguf_find(&image, name);
  return image;
}

static gguf_image bytes_wrap(uint64_t *offset) { /* 2^62 elements of 4 bytes: 2^64 */
  gguf_image image = gguf_build(gguf_small());
  gguf_put(&image, gguf_after(&image, "matrix") + 4, 8, UINT64_C(1) << 31);
  gguf_put(&image, gguf_after(&image, "matrix") + 12, 8, UINT64_C(1) << 31);
  *offset = gguf_after(&image, "matrix") + 4;
  return image;
}

static gguf_image product_wraps(uint64_t *offset) { /* 2^64 elements, which wrap to none */
  gguf_image image = gguf_build(gguf_small());
  gguf_put(&image, gguf_after(&image, "matrix") + 4, 8, UINT64_C(1) << 32);
  gguf_put(&image, gguf_after(&image, "matrix") + 12, 8, UINT64_C(1) << 32);
  *offset = gguf_after(&image, "matrix") + 12;
  return image;
}

static gguf_image outside(uint64_t *offset) { return entry("matrix", 24, 8, 4096, offset); }

static gguf_image outside_wraps(uint64_t *offset) { /* offset + bytes is 16 modulo 2^64 */
  gguf_image image = entry("matrix", 24, 8, UINT64_MAX - 31, offset);
  gguf_put(&image, gguf_after(&image, "matrix") + 12, 8, 4); /* 48 bytes */
  return image;
}

static gguf_image short_rows(uint64_t *offset) { /* a block's elements, but over two rows */
  gguf_image image = entry("block", 4, 8, 16, offset);
  gguf_put(&image, gguf_after(&image, "block") + 12, 8, 2);
  *offset = gguf_after(&image, "block") + 4;
  return image;
}

static gguf_image too_long(uint64_t *offset) { return entry("matrix", 12, 8, 1000, offset); }

static gguf_image cut_data(uint64_t *offset) { /* one byte less than the last tensor needs */
  gguf_image image = gguf_build(gguf_small());
  image.size--;
  *offset = gguf_find(&image, "cube");
  return image;
}

static gguf_image overlap(uint64_t *offset) { return entry("block", 24, 8, 0, offset); }

static gguf_image same_key(uint64_t *offset) {
  gguf_image image = gguf_build(gguf_small());
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
    {"rows of half a block", short_rows, HETA_E_FORMAT, "16 elements are no multiple of the 32"},
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
    gguf_image image = gguf_build(gguf_small());
    size_t at = PATCHES[i].find(&image, PATCHES[i].text) + PATCHES[i].plus;
    gguf_put(&image, at, PATCHES[i].width, PATCHES[i].value);
    check_refused(PATCHES[i].what, &image, PATCHES[i].status, at, PATCHES[i].part);
  }
  for (size_t i = 0; i < COUNT(MADE); i++) {
    gguf_image image = MADE[i].make(&offset);
    check_refused(MADE[i].what, &image, MADE[i].status, offset, MADE[i].part);
  }
}

/* ---- Limits ---------------------------------------------------------------------------------- */

/* Opens a file of `size` bytes that begins with the image, holds the 8-byte `number` every `stride`
 * bytes from its end on (0: nowhere), and is zero elsewhere: large, but without need of a disk. */
static void check_limit(const char *what, gguf_image *image, size_t size, size_t stride,
                        uint64_t number, uint64_t offset, const char *part) {
  char path[GGUF_PATH];
  heta_i_file *file = NULL;
  heta_error error = {0};
  gguf_save(image, path);
  assert_int_equal(truncate(path, (off_t)size), 0);
  FILE *out = fopen(path, "r+b");
  assert_non_null(out);
  unsigned char bytes[8];
  for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(number >> 8 * i);
  for (size_t at = image->size; stride && at + 8 <= size; at += stride) {
    assert_int_equal(fseek(out, (long)at, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, 8, out), 8);
  }
  assert_int_equal(fclose(out), 0);
  refusal_check(what, heta_i_file_open(path, &file, &error), HETA_E_FORMAT, &error, offset, part);
  unlink(path);
  gguf_free(image);
}

static gguf_image array_head(uint32_t element, uint64_t count) {
  unsigned char head[12] = {0};
  add_u32(head, element);
  add_u32(head + 4, (uint32_t)count);
  gguf_builder *b = gguf_new();
  gguf_raw(b, "array", GGUF_ARRAY, head, sizeof head);
  return gguf_build(b);
}

/* Counts and sizes that fit the file, and yet no model has them. */
static void limits(void **state) {
  (void)state;
  const size_t mib = (size_t)1 << 20;
  gguf_image image = gguf_build(gguf_new());
  gguf_put(&image, 8, 8, (1 << 18) + 1);
  check_limit("tensors", &image, 16 * mib, 0, 0, 8, "262145 tensors, over the limit of 262144");
  image = gguf_build(gguf_new());
  gguf_put(&image, 16, 8, (1 << 16) + 1);
  check_limit("values", &image, 16 * mib, 0, 0, 16, "65537 metadata entries, over the limit");
  image = array_head(GGUF_U8, (1 << 24) + 1);
  check_limit("elements", &image, 17 * mib, 0, 0, image.size - 8,
              "16777217 elements, over the limit of 16777216");
  image = array_head(GGUF_STRING, 1);
  check_limit("a string", &image, 17 * mib, 17 * mib, 16 * mib + 1, image.size,
              "16777217 bytes, over the limit of 16777216");
  image = array_head(GGUF_STRING, 17);
  check_limit("strings", &image, 17 * (16 * mib + 8) + 24 + 33, 16 * mib + 8, 16 * mib,
              image.size + 15 * (16 * mib + 8), "one array have over 268435456 bytes");
}

/* ---- What is no file ------------------------------------------------------------------------- */

static void not_files(void **state) {
  (void)state;
  heta_i_file *file = NULL;
  heta_error error = {0};
  heta_status status = heta_i_file_open("/nonexistent/model.gguf", &file, &error);
  refusal_check("missing", status, HETA_E_IO, &error, HETA_NO_OFFSET, "no file /nonexistent/model");
  status = heta_i_file_open("/tmp", &file, &error);
  refusal_check("directory", status, HETA_E_IO, &error, HETA_NO_OFFSET, "no model.safetensors");
  status = heta_i_file_open("/dev/null", &file, &error);
  refusal_check("device", status, HETA_E_IO, &error, HETA_NO_OFFSET, "not a regular file");
  status = heta_i_file_open("/etc/passwd/model.gguf", &file, &error);
  refusal_check("file as folder", status, HETA_E_IO, &error, HETA_NO_OFFSET, "cannot read");
  char path[GGUF_PATH];
  gguf_image image = gguf_build(gguf_small());
  gguf_save(&image, path);
  unlink(path);
  assert_int_equal(mkfifo(path, 0600), 0); /* must be refused, not waited for */
  status = heta_i_file_open(path, &file, &error);
  refusal_check("named pipe", status, HETA_E_IO, &error, HETA_NO_OFFSET, "not a regular file");
  unlink(path);
  if (geteuid()) { /* root may read everything */
    gguf_save(&image, path);
    assert_int_equal(chmod(path, 0), 0);
    status = heta_i_file_open(path, &file, &error);
    refusal_check("forbidden", status, HETA_E_IO, &error, HETA_NO_OFFSET, "permissions");
    unlink(path);
  }
  gguf_free(&image);
  assert_null(file);
}

/* ---- Hostile input --------------------------------------------------------------------------- */

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
  gguf_image image = gguf_build(gguf_small());
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
  gguf_image image = gguf_build(gguf_small());
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refusals),         cmocka_unit_test(not_files),
      cmocka_unit_test(limits),           cmocka_unit_test(hostile_path),
      cmocka_unit_test(every_truncation), cmocka_unit_test(every_bit_flip),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
