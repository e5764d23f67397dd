/* interrupt.h: Ctrl-C and kill end a job orderly, a second one ends the program at once. */
#ifndef HETA_CLI_INTERRUPT_H
#define HETA_CLI_INTERRUPT_H

#include <heta/heta.h>

/* Call once at the start. Standard output that nobody reads then gives errors, not a signal. */
void cli_interrupt_install(void);
/* From now on the first SIGINT, SIGTERM or SIGHUP cancels the job. NULL: it ends the program. */
void cli_interrupt_watch(heta_job *job);
/* From now on the first of them is only noted, for whoever asks cli_interrupt_signal. */
void cli_interrupt_note(void);
/* All results are written: what comes from now on is too late to change anything. */
void cli_interrupt_finish(void);
/* The signal that came, or 0. */
int cli_interrupt_signal(void);

#endif
