/* json.c: JSON texts from outside. */
#include "format/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "format/quote.h"

heta_status heta_i_json_parse(const char *bytes, size_t size, const char *path, uint64_t at,
                              json_t **out, heta_error *error) {
  char shown[HETA_QUOTE], why[HETA_QUOTE];
  json_error_t wrong;
  json_t *value = json_loadb(
      size ? bytes : "", size,
      JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL | JSON_DECODE_ANY, &wrong);
  if (value) {
    *out = value;
    return HETA_OK;
  }
  if (json_error_code(&wrong) == json_error_out_of_memory)
    return heta_i_no_memory(error, "a JSON text", size);
  size_t position = wrong.position > 0 ? (size_t)wrong.position : 0;
  uint64_t offset = at + (position < size ? position : size);
  return heta_i_fail_at(error, HETA_E_FORMAT, offset,
                        "%s, byte %" PRIu64 ": the JSON text breaks off or is damaged (%s); fetch "
                        "the file again",
                        heta_i_quote_string(shown, path), offset,
                        heta_i_quote_string(why, wrong.text));
}

bool heta_i_json_integer(const json_t *value, int64_t *out) {
  const double most = 0x1p53;
  double number = json_is_real(value) ? json_real_value(value) : NAN;
  if (!(number >= -most && number <= most) || number != floor(number)) return false;
  *out = (int64_t)number;
  return true;
}

const char *heta_i_json_text(const json_t *value) {
  const char *text = json_string_value(value);
  return text && strlen(text) == json_string_length(value) ? text : NULL;
}

const char *heta_i_json_kind(const json_t *value) {
  if (!value) return "missing";
  switch (json_typeof(value)) {
  case JSON_OBJECT: return "an object";
  case JSON_ARRAY: return "a list";
  case JSON_STRING: return "a text";
  case JSON_INTEGER:
  case JSON_REAL: return "a number";
  case JSON_TRUE: return "true";
  case JSON_FALSE: return "false";
  case JSON_NULL: return "null";
  }
  return "unknown";
}
