/* eval_report.c: `heta eval report` writes the tables of an evaluation. */
#include "cli/commands.h"
#include "cli/eval/write.h"

#include <stdlib.h>
#include <string.h>

typedef struct report_arguments {
  cli_parsed parsed; /* must be first */
  const char *against, *measures, *suite;
  int format;
  bool answered;
} report_arguments;

static void set_defaults(void *untyped) {
  report_arguments *arguments = untyped;
  arguments->against = "heta";
}

/* The config of a label; SIZE_MAX when there is none. */
static size_t config_of(const eval_results *results, const char *label) {
  for (size_t i = 0; i < results->config_count; i++) {
    if (!strcmp(results->configs[i].label, label)) return i;
  }
  return SIZE_MAX;
}

static int check(const report_arguments *arguments, const eval_results *results) {
  bool suite = !arguments->suite;
  for (size_t i = 0; !suite && i < results->suite_count; i++) {
    suite = !strcmp(results->suites[i], arguments->suite);
  }
  if (!results->question_count) {
    return cli_fail(CLI_FAILED, "'%s' has no scores yet%s", arguments->parsed.words.items[0],
                    arguments->answered ? " of questions that the model answers" : "");
  }
  if (!suite) return cli_fail(CLI_USAGE, "there is no suite '%.60s' in it", arguments->suite);
  return CLI_DONE;
}

static int run(void *untyped) {
  const report_arguments *arguments = untyped;
  eval_store store;
  eval_results results;
  int code = eval_store_read(arguments->parsed.words.items[0], &store);
  if (code) return code;
  code = eval_results_read(&store, arguments->answered, &results);
  eval_store_close(&store);
  if (code) return code;
  code = check(arguments, &results);
  if (!code) {
    eval_writing writing = {.results = &results,
                            .form = (eval_form)arguments->format,
                            .measures = arguments->measures,
                            .suite = arguments->suite,
                            .answered = arguments->answered,
                            .against = config_of(&results, arguments->against)};
    if (writing.against == SIZE_MAX) {
      cli_say("there are no scores by '%s': nothing is compared with them", arguments->against);
    }
    code = eval_write(&writing);
  }
  eval_results_free(&results);
  return code ? code : cli_close_output(CLI_DONE);
}

#define FIELD(name) offsetof(report_arguments, name)

static const cli_option options[] = {
    {0, "format", NULL, CLI_CHOICE, FIELD(format), "term|markdown|latex|csv", 0, 0, 0, NULL,
     "how tables are written"},
    {0, "measures", NULL, CLI_TEXT, FIELD(measures), "LIST", 0, 0, 0, NULL,
     "which measures get a table of their own, comma-separated; all. Default: the first of each "
     "metric; with csv: all"},
    {0, "suite", NULL, CLI_TEXT, FIELD(suite), "NAME", 0, 0, 0, NULL, "this suite only"},
    {0, "against", NULL, CLI_TEXT, FIELD(against), "METHOD", 0, 0, 0, NULL,
     "what the other methods are compared with; default heta"},
    {0, "answered", NULL, CLI_FLAG, FIELD(answered), NULL, 0, 0, 0, NULL,
     "only questions whose target is the model's own first choice"},
};

const cli_command cli_eval_report = {
    .name = "eval report",
    .summary = "Writes the tables of an evaluation, with intervals and paired tests.",
    .usage = "FILE.sqlite [options]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .word = "FILE.sqlite",
    .least_words = 1,
    .most_words = 1,
    .arguments_size = sizeof(report_arguments),
    .set_defaults = set_defaults,
    .run = run,
    .notes =
        "Values are means over questions; measures that are defined against a control are the "
        "logarithm of the sum over questions divided by the control's sum, so that 0 is no better "
        "than the control. Intervals are those of 95 % from 2000 resamples of the sources, so that "
        "questions of one source are not taken for independent. Differences are paired: the same "
        "questions, the same resamples. p is two-sided, corrected for the number of methods by "
        "Holm's rule; ▲ is better and ▼ worse than the method compared with, at p < 0.05. "
        "docs/eval.md says more.",
};
