/* fuzz_config.c: any folder as a model. Must be told in GGUF's names or refused with a sentence; of
 * what is told, every row of every tensor lies inside the folder's files.
 *
 * The input is up to three texts with a NUL between them: config.json, the index (empty: none), and
 * the tensors, a line each: NAME, dtype and shape ("wte.weight F32 7 4"). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "model/hugging_face.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { MOST_BYTES = 1 << 16, MOST_LINE = 200 };

static char folder[64];
static const char *const FILES[] = {"config.json", "model.safetensors.index.json",
                                    "model.safetensors", "a.safetensors"};
static volatile float seen;

static void check(bool good) {
  if (!good) abort();
}

static void path_of(char out[128], const char *name) { snprintf(out, 128, "%s/%s", folder, name); }

static void remove_folder(void) {
  char path[128];
  for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
    path_of(path, FILES[i]);
    unlink(path);
  }
  rmdir(folder);
}

static void put(const char *name, const void *bytes, size_t size) {
  char path[128];
  path_of(path, name);
  FILE *file = fopen(path, "wb");
  check(file && fwrite(bytes, 1, size, file) == size && !fclose(file));
}

/* Adds one line's tensor to the header; returns its bytes, or 0 when the line is none. */
static size_t add_tensor(heta_i_buffer *header, char *line, size_t at) {
  char *rest = NULL, *name = strtok_r(line, " ", &rest);
  char *dtype = name ? strtok_r(NULL, " ", &rest) : NULL;
  size_t bytes, elements = 1;
  heta_i_buffer shape = {.limit = MOST_LINE};
  if (!dtype || strpbrk(name, "\"\\") || strpbrk(dtype, "\"\\")) return 0;
  for (char *length; (length = strtok_r(NULL, " ", &rest));) {
    unsigned long number = strtoul(length, NULL, 10);
    if (!number || number > MOST_BYTES || !heta_i_multiply(elements, number, &elements)) {
      heta_i_buffer_free(&shape);
      return 0;
    }
    heta_i_buffer_print(&shape, "%s%lu", shape.size ? "," : "", number);
  }
  bytes = elements > MOST_BYTES ? 0 : elements * (strchr(dtype, '6') ? 2 : 4);
  if (bytes)
    heta_i_buffer_print(
        header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
        header->size > 1 ? "," : "", name, dtype, shape.size ? shape.bytes : "", at, at + bytes);
  heta_i_buffer_free(&shape);
  return bytes;
}

/* Writes a safetensors file with the tensors of these lines, all of them zero. */
static void put_tensors(const char *name, const char *lines, size_t size) {
  heta_i_buffer header = {.limit = 1 << 20};
  size_t data = 0;
  heta_i_buffer_string(&header, "{");
  while (size) {
    char line[MOST_LINE];
    const char *end = memchr(lines, '\n', size);
    size_t length = end ? (size_t)(end - lines) : size, taken = length + (end ? 1 : 0);
    if (length < sizeof line && data < 4 * MOST_BYTES) {
      memcpy(line, lines, length);
      line[length] = 0;
      data += add_tensor(&header, line, data);
    }
    lines += taken;
    size -= taken;
  }
  heta_i_buffer_string(&header, "}");
  check(!header.failed);
  unsigned char *whole = heta_i_allocate(8 + header.size + data, 1);
  check(whole);
  for (size_t i = 0; i < 8; i++) whole[i] = (unsigned char)(header.size >> 8 * i);
  memcpy(whole + 8, header.bytes, header.size);
  put(name, whole, 8 + header.size + data);
  heta_i_free(whole);
  heta_i_buffer_free(&header);
}

static void read_all(const heta_i_file *file) {
  for (size_t i = 0; i < heta_i_file_tensor_count(file); i++) {
    const heta_i_tensor *tensor = heta_i_file_tensor_at(file, i);
    size_t rows = tensor->shape[1], columns = tensor->shape[0];
    check(rows * columns * 2 <= 4 * MOST_BYTES);
    float *values = heta_i_allocate(rows * columns, sizeof *values);
    check(values);
    heta_i_tensor_rows(tensor, 0, rows, values);
    check(heta_i_tensor_row_offset(tensor, rows - 1) != HETA_NO_OFFSET);
    seen += values[rows * columns - 1];
    heta_i_free(values);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  const char *part[3] = {(const char *)bytes, "", ""};
  size_t length[3] = {size, 0, 0};
  for (int i = 0; i < 2; i++) {
    const char *end = length[i] ? memchr(part[i], 0, length[i]) : NULL;
    if (!end) break;
    part[i + 1] = end + 1;
    length[i + 1] = length[i] - (size_t)(end + 1 - part[i]);
    length[i] = (size_t)(end - part[i]);
  }
  if (!*folder) {
    const char *place = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.40s/heta-XXXXXX", place && *place ? place : "/tmp");
    check(mkdtemp(folder) != NULL && !atexit(remove_folder));
  }
  char path[128];
  path_of(path, length[1] ? FILES[2] : FILES[1]);
  unlink(path);
  put(FILES[0], part[0], length[0]);
  if (length[1]) put(FILES[1], part[1], length[1]);
  put_tensors(length[1] ? FILES[3] : FILES[2], part[2], length[2]);
  heta_i_file *file = NULL;
  heta_error error = {0};
  heta_status status = heta_i_file_open(folder, &file, &error);
  if (!status) status = heta_i_hugging_face_translate(&file, &error);
  if (status)
    check(error.status == status && *error.message && status != HETA_E_INTERNAL);
  else
    read_all(file);
  heta_i_file_close(file);
  return 0;
}
