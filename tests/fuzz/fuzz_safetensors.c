/* fuzz_safetensors.c: any bytes as a safetensors file. Must be read or refused with a sentence; of
 * what is read, every tensor lies inside the file, and none in another. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "format/part.h"
#include "format/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What was read, so that no read is left out as useless. */
static volatile float seen;

static void check(bool good) {
  if (!good) abort();
}

static void read_tensor(const heta_i_part *part, const heta_i_tensor *tensor) {
  size_t columns = tensor->shape[0];
  check(*tensor->name && tensor->dims >= 1 && tensor->dims <= 4 && columns);
  check(tensor->offset >= part->data && tensor->offset <= part->map.size);
  check(tensor->bytes <= part->map.size - tensor->offset);
  float *row = heta_i_allocate(columns, sizeof *row);
  check(row);
  for (size_t r = 0; r < tensor->shape[1] * tensor->shape[2] * tensor->shape[3]; r++) {
    heta_i_tensor_rows(tensor, r, 1, row);
    seen += row[columns - 1];
  }
  heta_i_free(row);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  heta_i_arena arena = {0};
  heta_error error = {0};
  heta_i_part part = {.map = {.bytes = bytes, .size = size}, .path = "input.safetensors"};
  heta_i_is_safetensors(&part.map);
  heta_status status = heta_i_safetensors_parse(&part, &arena, &error);
  if (status) {
    check(error.status == status && *error.message);
    check(error.offset == HETA_NO_OFFSET || error.offset <= size);
  } else {
    size_t total = 0;
    check(part.data >= 8 && part.data <= size);
    for (size_t i = 0; i < part.entry_count; i++) {
      read_tensor(&part, &part.entries[i].tensor);
      total += part.entries[i].tensor.bytes;
    }
    check(total <= size - part.data);
    for (size_t i = 0; i < part.other_count; i++)
      check(*part.others[i].name && *part.others[i].what);
  }
  heta_i_arena_free(&arena);
  return 0;
}
