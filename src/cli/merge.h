/* merge.h: the request recorded in a result file. */
#ifndef HETA_CLI_MERGE_H
#define HETA_CLI_MERGE_H

#include "cli/request.h"

typedef struct cli_recorded {
  cli_request request; /* as the recorded command line says */
  char **words;        /* that command line, which the request borrows */
  char *model;         /* the model file it was computed with */
  cli_text text;       /* the text that was given */
  char *method;        /* its name, and its options as they were resolved: a budget may have */
  char **values;       /* changed them since the command line; borrowed by the request too */
} cli_recorded;

/* Reads a result written by heta_report_write as JSON. On failure `message` holds one sentence and
 * nothing is to be freed. */
bool cli_recorded_read(const char *json, size_t size, cli_recorded *recorded,
                       char message[CLI_MESSAGE]);
void cli_recorded_free(cli_recorded *recorded);

#endif
