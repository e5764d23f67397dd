/* report.c: `heta report` shows a stored result again, in any form, without the model. */
#include "cli/assertion.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/output.h"

#include <stdlib.h>

typedef struct report_arguments {
  cli_parsed parsed; /* must be first */
  cli_output output;
  cli_list asserts;
} report_arguments;

static int run(void *untyped) {
  const report_arguments *arguments = untyped;
  heta_result *result;
  char message[CLI_MESSAGE];
  if (!cli_assertions_check(&arguments->asserts, message)) {
    return cli_fail(CLI_USAGE, "%s", message);
  }
  int code = cli_output_check(&arguments->output);
  if (!code) code = cli_read_result(arguments->parsed.words.items[0], &result);
  if (code) return code;
  /* The result stays that of the command recorded in it. */
  code = cli_output_write(&arguments->output, heta_result_get(result), 0, NULL);
  int judged = cli_assertions_judge(&arguments->asserts, heta_result_get(result), false);
  heta_result_free(result);
  return code ? code : judged;
}

static const cli_option options[] = {
    CLI_OUTPUT_OPTIONS(report_arguments, output),
    CLI_ASSERT_OPTION(report_arguments, asserts),
};

const cli_command cli_report = {
    .name = "report",
    .summary = "Shows a stored result in another form, without the model.",
    .usage = "FILE.json [-o FILE]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .word = "FILE.json",
    .least_words = 1,
    .most_words = 1,
    .arguments_size = sizeof(report_arguments),
    .run = run,
    .notes = "FILE.json is what heta attribute -o FILE.json wrote; - reads standard input.\n\n"
             "  heta report story.json\n\n"
             "  heta report story.json -o story.html -o story.txt",
};
