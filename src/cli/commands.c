/* commands.c: the list of commands, and what the program's exit codes mean. */
#include "cli/commands.h"

// clang-format off
const cli_command *const cli_commands[] = {
    &cli_attribute,
    &cli_plan,
    &cli_report,
    &cli_merge,
    &cli_diff,
    &cli_compare,
    &cli_verify,
    &cli_eval_report,
    &cli_eval,
    &cli_calibrate,
    &cli_data_build,
    &cli_model_info,
    &cli_model_list,
    &cli_model_pull,
    &cli_tokenize,
    &cli_methods,
    &cli_metrics,
    &cli_check,
    &cli_bench_command,
};
// clang-format on
const size_t cli_command_count = sizeof cli_commands / sizeof *cli_commands;

const cli_exit_meaning cli_exit_meanings[] = {
    {CLI_DONE, "done"},
    {CLI_FAILED, "failed"},
    {CLI_USAGE, "wrong usage"},
    {CLI_ASSERT, "an --assert does not hold"},
    {CLI_MODEL, "unreadable or unsupported model"},
    {CLI_BUDGET, "over the memory or time budget"},
    {CLI_CHECK, "self-check failed, or a result that does not hold"},
    {130, "interrupted (143 by kill) with partial results written"},
    {CLI_PIPE, "standard output was closed"},
};
const size_t cli_exit_meaning_count = sizeof cli_exit_meanings / sizeof *cli_exit_meanings;
