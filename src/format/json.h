/* json.h: JSON texts from outside. */
#ifndef HETA_FORMAT_JSON_H
#define HETA_FORMAT_JSON_H

#include <jansson.h>

#include "base/status.h"

/* Parses the `size` bytes of a JSON text that begins at byte `at` of the file `path`. A key that
 * occurs twice in an object is refused. All numbers are reals, since integers beyond 64 bits occur.
 * The caller releases *out with json_decref. Errors: HETA_E_FORMAT, with file and byte. */
heta_status heta_i_json_parse(const char *bytes, size_t size, const char *path, uint64_t at,
                              json_t **out, heta_error *error);
/* Whether the value is a whole number of magnitude at most 2^53; false leaves *out alone. */
bool heta_i_json_integer(const json_t *value, int64_t *out);
/* The text of a JSON string that holds no NUL, or NULL for anything else. */
const char *heta_i_json_text(const json_t *value);
/* "an object", "a number", "null", …: what a value is, for messages; NULL gives "missing". */
const char *heta_i_json_kind(const json_t *value);

#endif
