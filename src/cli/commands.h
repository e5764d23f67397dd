/* commands.h: every command, one table each in the file of its name. */
#ifndef HETA_CLI_COMMANDS_H
#define HETA_CLI_COMMANDS_H

#include "cli/options.h"

extern const cli_command cli_attribute, cli_merge, cli_model_info, cli_tokenize, cli_methods,
    cli_check;

#endif
