/* preview.h: the first colours of a result on the terminal while the rest is computed. */
#ifndef HETA_CLI_PREVIEW_H
#define HETA_CLI_PREVIEW_H

#include <heta/heta.h>

/* Shows an unfinished result in place of the one shown before. Does nothing unless standard output
 * and standard error are terminals. */
void cli_preview_show(const heta_attribution *attribution);
/* Takes it away. */
void cli_preview_clear(void);

#endif
