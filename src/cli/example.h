/* example.h: one line of a batch: a JSON object that says what `heta attribute` is to explain. */
#ifndef HETA_CLI_EXAMPLE_H
#define HETA_CLI_EXAMPLE_H

#include <jansson.h>

#include "cli/request.h"

typedef struct cli_example {
  size_t line;         /* of the batch, counted from 1 */
  cli_request request; /* the command line's, with what the line says in its place */
  json_t *id;          /* a string or an integer; NULL when the line gives none */
  json_t *words;       /* strings: the command line that asks the same of this text alone */
  bool refused;        /* only these are filled in then, and line and id */
  bool starved;        /* refused, not for what it says: there was no memory to read it */
  size_t column;       /* bytes into the line, counted from 1; 0: field says where */
  char field[64], message[CLI_MESSAGE];
  json_t *object, *values; /* what the strings are borrowed from */
  const char **documents;  /* the request's list of texts, where the line gives them */
} cli_example;

/* Reads a line. `common` is what the command line says of every example, and must outlive the
 * example; anything wrong makes the example a refused one. The caller releases it with
 * cli_example_free. */
void cli_example_read(const cli_request *common, const char *bytes, size_t size, size_t line,
                      cli_example *out);
void cli_example_free(cli_example *example);

#endif
