/* commands.h: every command, one table each in the file of its name, and the list of them. */
#ifndef HETA_CLI_COMMANDS_H
#define HETA_CLI_COMMANDS_H

#include "cli/options.h"

extern const cli_command cli_attribute;
extern const cli_command cli_plan;
extern const cli_command cli_report;
extern const cli_command cli_merge;
extern const cli_command cli_diff;
extern const cli_command cli_compare;
extern const cli_command cli_verify;
extern const cli_command cli_eval;
extern const cli_command cli_eval_report;
extern const cli_command cli_calibrate;
extern const cli_command cli_data_build;
extern const cli_command cli_model_info;
extern const cli_command cli_model_list;
extern const cli_command cli_model_pull;
extern const cli_command cli_tokenize;
extern const cli_command cli_methods;
extern const cli_command cli_metrics;
extern const cli_command cli_check;
extern const cli_command cli_bench_command;

/* In the order of the help. */
extern const cli_command *const cli_commands[];
extern const size_t cli_command_count;

/* What the program's exit codes mean, for the help and the manual. */
typedef struct cli_exit_meaning {
  int code;
  const char *meaning;
} cli_exit_meaning;
extern const cli_exit_meaning cli_exit_meanings[];
extern const size_t cli_exit_meaning_count;

#endif
