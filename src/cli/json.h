/* json.h: the JSON that the smaller commands print. */
#ifndef HETA_CLI_JSON_H
#define HETA_CLI_JSON_H

#include <jansson.h>
#include <stddef.h>

/* A JSON string of bytes that may not be UTF-8: what is not becomes U+FFFD. NULL without memory. */
json_t *cli_json_text(const char *bytes, size_t size);
/* The same for a NUL-terminated text; JSON null for NULL. */
json_t *cli_json_string(const char *text);
/* null where the number is not finite. */
json_t *cli_json_number(double number);
/* Prints the value and a line break on standard output and releases it; NULL means that memory ran
 * out while it was made. Returns the exit code. */
int cli_json_print(json_t *value);

#endif
