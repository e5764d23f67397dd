/* merge.h: the request recorded in a result file. */
#ifndef HETA_CLI_MERGE_H
#define HETA_CLI_MERGE_H

#include "cli/request.h"

/* Everything is borrowed from `result`. */
typedef struct cli_recorded {
  /* As the recorded command line says; the method's options as they were resolved, since a budget
   * may have changed them. */
  cli_request request;
  const char *model; /* the model file it was computed with */
  const char *text;  /* the text that was given */
  size_t text_size;
  heta_result *result;
} cli_recorded;

/* Reads a result written by heta_report_write as JSON. On failure `message` holds one sentence and
 * nothing is to be freed. */
bool cli_recorded_read(const char *json, size_t size, cli_recorded *recorded,
                       char message[CLI_MESSAGE]);
/* Its options, with what only the result says: the text's segments, whether BOS stands before it,
 * and a target that was read from a file. Borrows from `recorded`. */
heta_attribute_options cli_recorded_options(const cli_recorded *recorded);
void cli_recorded_free(cli_recorded *recorded);

#endif
