/* eval_report.c: `heta eval report` writes the tables of an evaluation. */
#include "cli/commands.h"
#include "cli/eval/chart.h"
#include "cli/eval/write.h"
#include "cli/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct report_arguments {
  cli_parsed parsed; /* must be first */
  const char *against, *measures, *suite, *output;
  int format, chart;
  bool answered, overwrite;
} report_arguments;

/* What a file's name says it should hold; FORM_SVG is one chart. */
enum { FORM_SVG = EVAL_HTML + 1, FORM_NONE };
static const struct extension {
  const char *name;
  int form;
} EXTENSIONS[] = {{".txt", EVAL_TERM}, {".md", EVAL_MARKDOWN}, {".tex", EVAL_LATEX},
                  {".csv", EVAL_CSV},  {".html", EVAL_HTML},   {".svg", FORM_SVG}};
enum { EXTENSION_COUNT = sizeof EXTENSIONS / sizeof *EXTENSIONS };

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

static int form_of(const char *path) {
  size_t length = strlen(path);
  for (int i = 0; i < EXTENSION_COUNT; i++) {
    size_t own = strlen(EXTENSIONS[i].name);
    if (length > own && !strcmp(path + length - own, EXTENSIONS[i].name)) return EXTENSIONS[i].form;
  }
  return FORM_NONE;
}

/* The first suite that is asked for. */
static size_t suite_of(const report_arguments *arguments, const eval_results *results) {
  size_t suite = 0;
  while (arguments->suite && strcmp(results->suites[suite], arguments->suite) != 0) suite++;
  return suite;
}

static int write_one(const report_arguments *arguments, eval_writing *writing, int form,
                     FILE *out) {
  writing->out = out;
  writing->form = (eval_form)form;
  if (form != FORM_SVG) return eval_write(writing);
  bool drawn;
  int code = eval_chart_write(out, writing->results, (eval_chart)arguments->chart,
                              suite_of(arguments, writing->results), &drawn);
  if (code || drawn) return code;
  return cli_fail(CLI_FAILED, "the database has nothing for this chart yet");
}

static int write_file(const report_arguments *arguments, eval_writing *writing, int form) {
  cli_file file;
  int code = cli_file_open(arguments->output, arguments->overwrite, &file);
  if (code) return code;
  code = write_one(arguments, writing, form, file.stream);
  int closed = cli_file_close(&file, code ? CLI_FILE_SAID : 0);
  return code ? code : closed;
}

static int check_output(const report_arguments *arguments, int *form) {
  const char *path = arguments->output;
  *form = path ? form_of(path) : arguments->format;
  if (*form == FORM_NONE) {
    return cli_fail(CLI_USAGE, "'%s': the name must end in .txt, .md, .tex, .csv, .html or .svg",
                    path);
  }
  if (path && !arguments->overwrite && access(path, F_OK) == 0) {
    return cli_fail(CLI_USAGE, "'%s' exists; -y replaces it", path);
  }
  return CLI_DONE;
}

static int run(void *untyped) {
  const report_arguments *arguments = untyped;
  eval_store store;
  eval_results results;
  int form, code = check_output(arguments, &form);
  if (!code) code = eval_store_read(arguments->parsed.words.items[0], &store);
  if (code) return code;
  code = eval_results_read(&store, arguments->answered, &results);
  eval_store_close(&store);
  if (code) return code;
  code = check(arguments, &results);
  if (!code) {
    eval_writing writing = {.results = &results,
                            .measures = arguments->measures,
                            .suite = arguments->suite,
                            .answered = arguments->answered,
                            .against = config_of(&results, arguments->against)};
    if (writing.against == SIZE_MAX) {
      cli_say("there are no scores by '%s': nothing is compared with them", arguments->against);
    }
    code = arguments->output ? write_file(arguments, &writing, form)
                             : write_one(arguments, &writing, form, stdout);
  }
  eval_results_free(&results);
  return code ? code : cli_close_output(CLI_DONE);
}

#define FIELD(name) offsetof(report_arguments, name)

static const cli_option options[] = {
    {0, "format", NULL, CLI_CHOICE, FIELD(format), "term|markdown|latex|csv", 0, 0, 0, NULL,
     "how tables are written"},
    {'o', "output", NULL, CLI_TEXT, FIELD(output), "FILE", 0, 0, 0, NULL,
     "write a .html (charts and tables), .svg (one chart), .md, .tex, .csv or .txt instead"},
    {'y', "overwrite", NULL, CLI_FLAG, FIELD(overwrite), NULL, 0, 0, 0, NULL,
     "replace the file if it exists"},
    {0, "chart", NULL, CLI_CHOICE, FIELD(chart), EVAL_CHART_NAMES, 0, 0, 0, NULL,
     "which chart an .svg holds"},
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
