/* json.h: JSON text into Jansson's values, with what went wrong as a sentence. */
#ifndef HETA_BASE_JSON_H
#define HETA_BASE_JSON_H

#include <jansson.h>

#include "base/status.h"

/* Parses `size` bytes; `what` they are ("the result") begins the sentence of a failure. The caller
 * releases *out with json_decref. HETA_E_FORMAT with the byte offset, HETA_E_MEMORY. */
heta_status heta_i_json_of_text(const char *json, size_t size, size_t flags, const char *what,
                                json_t **out, heta_error *error);

#endif
