/* json.h: the JSON that the smaller commands print. */
#ifndef HETA_CLI_JSON_H
#define HETA_CLI_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* A JSON string of bytes that may not be UTF-8: what is not becomes U+FFFD. NULL without memory. */
json_t *cli_json_text(const char *bytes, size_t size);
/* The same for a NUL-terminated text; JSON null for NULL. */
json_t *cli_json_string(const char *text);
/* null where the number is not finite. */
json_t *cli_json_number(double number);
json_t *cli_json_count(uint64_t count);
/* Adds a value, which the container owns from then on. Memory that ran out, here or when the value
 * was made, is remembered and reported by cli_json_print. */
void cli_json_set(json_t *object, const char *key, json_t *value);
void cli_json_append(json_t *array, json_t *value);
/* Prints the value and a line break on standard output and releases it. Returns the exit code. */
int cli_json_print(json_t *value);

#endif
