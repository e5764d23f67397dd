/* speed.h: how fast this machine computes with a model, measured once and kept in a file. */
#ifndef HETA_CLI_SPEED_H
#define HETA_CLI_SPEED_H

#include "cli/cli.h"

/* Makes plans on the model count with what is on file for this processor, or measures it now and
 * puts it there: CACHE/heta/speed.json. What was measured on a busy machine is measured again the
 * next time. A file that cannot be read or written costs a moment, and no more. threads: 0 is one
 * per core. */
void cli_speed_apply(const heta_model *model, int backend, int precision, uint64_t threads);

#endif
