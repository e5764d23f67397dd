/* interrupt.h: Ctrl-C and kill end a job orderly, a second one ends the program at once. */
#ifndef HETA_CLI_INTERRUPT_H
#define HETA_CLI_INTERRUPT_H

#include <heta/heta.h>

/* Call once at the start. Standard output that nobody reads then gives errors, not a signal. */
void cli_interrupt_install(void);
/* From now on the first SIGINT, SIGTERM or SIGHUP cancels the job. NULL: it ends the program. */
void cli_interrupt_watch(heta_job *job);
/* The signal that came, or 0. */
int cli_interrupt_signal(void);

#endif
