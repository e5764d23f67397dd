/* batch.h: `heta attribute --batch`: many examples, one model. */
#ifndef HETA_CLI_BATCH_H
#define HETA_CLI_BATCH_H

#include "cli/request.h"

/* Explains every line of request->batch and adds a line for each to the output, from where an
 * earlier run stopped. Returns the exit code. */
int cli_batch_run(cli_request *request);

#endif
