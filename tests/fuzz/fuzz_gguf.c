/* fuzz_gguf.c: any bytes as a GGUF file. Must be read or refused with a sentence; whatever is read
 * must be there: every metadata value as every type, a row of every tensor. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "format/file.h"
#include "format/quant.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What was read, so that no read is left out as useless. */
static volatile unsigned seen;

static void check(bool good) {
  if (!good) abort();
}

static void look_at(const void *bytes, size_t size) {
  unsigned sum = 0;
  for (size_t i = 0; i < size; i++) sum += ((const unsigned char *)bytes)[i];
  seen += sum;
}

static void read_value(const heta_i_file *file, const char *key) {
  int64_t integer;
  double number;
  bool flag;
  const char *text;
  size_t length, count = heta_i_file_array(file, key);
  check(heta_i_file_kind(file, key) != NULL);
  heta_i_file_integer(file, key, &integer);
  heta_i_file_number(file, key, &number);
  heta_i_file_flag(file, key, &flag);
  if (heta_i_file_string(file, key, &text, &length)) look_at(text, length + 1);
  for (size_t i = 0; i < count; i++) {
    heta_i_file_array_integer(file, key, i, &integer);
    heta_i_file_array_number(file, key, i, &number);
    if (heta_i_file_array_string(file, key, i, &text, &length)) {
      check(!text[length]);
      look_at(text, length);
    }
  }
  check(!heta_i_file_array_integer(file, key, count, &integer));
  check(!heta_i_file_array_string(file, key, count, &text, &length));
}

static void read_tensor(const heta_i_file *file, const heta_i_tensor *tensor) {
  size_t block = heta_i_type_block(tensor->type), columns = tensor->shape[0];
  check(heta_i_file_tensor(file, tensor->name) == tensor);
  check(tensor->dims >= 1 && tensor->dims <= 4 && columns && columns % block == 0);
  look_at(tensor->data, tensor->bytes);
  float *row = heta_i_allocate(columns, sizeof *row);
  if (row) heta_i_expand(tensor->type, tensor->data, columns, row);
  heta_i_free(row);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  heta_i_file *file = NULL;
  heta_error error = {0};
  char hash[65];
  heta_status status = heta_i_file_open_memory(bytes, size, "input.gguf", &file, &error);
  if (status) {
    check(!file && error.status == status && *error.message);
    check(strlen(error.message) < sizeof error.message);
    check(error.offset == HETA_NO_OFFSET || error.offset <= size);
    return 0;
  }
  for (size_t i = 0; i < heta_i_file_key_count(file); i++)
    read_value(file, heta_i_file_key_at(file, i));
  for (size_t i = 0; i < heta_i_file_tensor_count(file); i++)
    read_tensor(file, heta_i_file_tensor_at(file, i));
  check(heta_i_file_sha256(file, false, hash, &error) == HETA_OK);
  heta_i_file_close(file);
  return 0;
}
