/* json.c: one way to parse JSON text, and to tell damage from memory that ran out. */
#include "base/json.h"

heta_status heta_i_json_of_text(const char *json, size_t size, size_t flags, const char *what,
                                json_t **out, heta_error *error) {
  json_error_t problem;
  json_t *value = json_loadb(json, size, flags, &problem);
  if (value) {
    *out = value;
    return HETA_OK;
  }
  /* Jansson has no word for most allocations that fail. */
  if (!problem.text[0] || json_error_code(&problem) == json_error_out_of_memory)
    return heta_i_no_memory(error, what, size);
  return heta_i_fail_at(error, HETA_E_FORMAT, (uint64_t)problem.position,
                        "%s is not JSON: %s (line %d, column %d)", what, problem.text, problem.line,
                        problem.column);
}
