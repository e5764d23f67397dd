/* calibration.h: weights that `heta calibrate` fitted, as `--beta auto` takes them. */
#ifndef HETA_CLI_CALIBRATION_H
#define HETA_CLI_CALIBRATION_H

#include "cli/request.h"

#define CLI_CALIBRATION_SCHEMA "heta.calibration/1"

/* Puts the numbers of --calibration FILE in the place of `auto`. Refuses a file of another model,
 * or fitted for other options. Returns CLI_DONE or an exit code after saying why. */
int cli_calibration_apply(cli_request *request, const heta_model *model);

#endif
