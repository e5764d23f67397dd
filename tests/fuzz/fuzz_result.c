/* fuzz_result.c: any bytes as a stored result. Must be read or refused with a sentence; what is
 * read can be written in every form, and its JSON read again is the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <heta/heta.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(bool good) {
  if (!good) abort();
}

typedef struct text {
  char *bytes;
  size_t size, room;
} text;

static int append(void *context, const void *bytes, size_t size) {
  text *to = context;
  if (to->room - to->size < size) {
    to->room = 2 * (to->size + size);
    to->bytes = realloc(to->bytes, to->room);
    check(to->bytes != NULL);
  }
  memcpy(to->bytes + to->size, bytes, size);
  to->size += size;
  return 0;
}

static text written(const heta_result *result, const char *format, heta_level level) {
  text out = {0};
  heta_error error = {0};
  heta_report_options options = heta_report_options_default();
  options.level = level;
  check(!heta_report_write(heta_result_get(result), format, &options, append, &out, &error));
  return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static const char *const FORMATS[] = {"term", "html", "jsonl", "csv", "svg"};
  heta_result *result = NULL, *again = NULL;
  heta_error error = {0};
  heta_status status = heta_result_read((const char *)bytes, size, &result, &error);
  if (status) {
    check(!result && error.status == status && *error.message);
    check(error.offset == HETA_NO_OFFSET || error.offset <= size);
    return 0;
  }
  for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++)
    free(written(result, FORMATS[i], (heta_level)i).bytes);
  text first = written(result, "json", HETA_LEVEL_TOKEN);
  check(!heta_result_read(first.bytes, first.size, &again, &error));
  text second = written(again, "json", HETA_LEVEL_TOKEN);
  check(first.size == second.size && !memcmp(first.bytes, second.bytes, first.size));
  free(first.bytes);
  free(second.bytes);
  heta_result_free(result);
  heta_result_free(again);
  return 0;
}
