/* json.c: the JSON that the smaller commands print. */
#include "cli/json.h"

#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *cli_json_text(const char *bytes, size_t size) {
  static const char replacement[] = "\xEF\xBF\xBD";
  if (size > SIZE_MAX / 3 - 1) return NULL;
  char *clean = malloc(3 * size + 1);
  size_t used = 0;
  if (!clean) return NULL;
  for (size_t i = 0; i < size;) {
    size_t length = cli_character(bytes + i, size - i);
    memcpy(clean + used, length ? bytes + i : replacement, length ? length : 3);
    used += length ? length : 3;
    i += length ? length : 1;
  }
  json_t *value = json_stringn(clean, used);
  free(clean);
  return value;
}

json_t *cli_json_string(const char *text) {
  return text ? cli_json_text(text, strlen(text)) : json_null();
}

json_t *cli_json_number(double number) {
  return isfinite(number) ? json_real(number) : json_null();
}

json_t *cli_json_count(uint64_t count) {
  return count <= INT64_MAX ? json_integer((json_int_t)count) : json_real((double)count);
}

static bool out_of_memory;

void cli_json_set(json_t *object, const char *key, json_t *value) {
  if (json_object_set_new(object, key, value) != 0) out_of_memory = true;
}

void cli_json_append(json_t *array, json_t *value) {
  if (json_array_append_new(array, value) != 0) out_of_memory = true;
}

int cli_json_print(json_t *value) {
  if (!value || out_of_memory) return cli_fail(CLI_FAILED, "out of memory");
  int failed = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
  fputc('\n', stdout);
  json_decref(value);
  if (failed && !ferror(stdout)) return cli_fail(CLI_FAILED, "the JSON could not be written");
  return cli_close_output(CLI_DONE);
}
