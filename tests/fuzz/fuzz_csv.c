/* fuzz_csv.c: any bytes as a CSV file: refused with a sentence, or rows of equally many fields. */
#include "cli/eval/csv.h"

#include "cli/cli.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(bool good) {
  if (!good) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static bool quiet;
  eval_csv csv;
  size_t total = 0;
  if (!quiet) { /* what is refused is said there, a million times */
    FILE *nowhere = fopen("/dev/null", "w");
    if (nowhere) stderr = nowhere;
    quiet = true;
  }
  int code = eval_csv_read("input", (const char *)bytes, size, &csv);
  check(code == CLI_DONE || code == CLI_FAILED);
  if (code) return 0;
  for (size_t r = 0; r < csv.rows; r++) {
    for (size_t c = 0; c < csv.columns; c++) total += strlen(eval_csv_at(&csv, r, c));
  }
  check(total <= size);
  eval_csv_free(&csv);
  return 0;
}
