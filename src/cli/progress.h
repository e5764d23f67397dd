/* progress.h: how far a job is: a bar on a terminal, a line every ten seconds elsewhere. */
#ifndef HETA_CLI_PROGRESS_H
#define HETA_CLI_PROGRESS_H

#include <heta/heta.h>

/* Shows progress on standard error from now on. */
void cli_progress_start(void);
/* The latest state; cheap to call often. */
void cli_progress_show(const heta_progress *progress);
/* Takes the bar away, so that a message can be written; cli_progress_show brings it back. */
void cli_progress_clear(void);

#endif
