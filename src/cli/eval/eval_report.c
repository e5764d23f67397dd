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

static void set_defaults(void *untyped) {
  report_arguments *arguments = untyped;
  arguments->format = arguments->chart = -1; /* not given */
}

/* What a file's name says it should hold; FORM_SVG is one chart. */
enum { FORM_SVG = EVAL_HTML + 1, FORM_NONE };
static const struct extension {
  const char *name;
  int form;
} EXTENSIONS[] = {{".txt", EVAL_TERM}, {".md", EVAL_MARKDOWN}, {".tex", EVAL_LATEX},
                  {".csv", EVAL_CSV},  {".html", EVAL_HTML},   {".svg", FORM_SVG}};
enum { EXTENSION_COUNT = sizeof EXTENSIONS / sizeof *EXTENSIONS };

/* ---- What is asked for, and is there --------------------------------------------------------- */

/* What is compared with when nothing is named: `heta`, or the only row there is of it. SIZE_MAX,
 * and a word about it, when there is none or a choice. */
static size_t find_heta(const eval_results *results) {
  char labels[CLI_MESSAGE] = "";
  size_t used = 0, found = 0, last = eval_results_find(results, "heta");
  if (last != SIZE_MAX) return last;
  for (size_t i = 0; i < results->config_count; i++) {
    if (strcmp(results->configs[i].method, "heta") != 0) continue;
    if (used < sizeof labels) {
      used += (size_t)snprintf(labels + used, sizeof labels - used, "%s'%s'", found ? ", " : "",
                               results->configs[i].label);
    }
    last = i;
    found++;
  }
  if (found == 1) return last;
  if (found) {
    cli_say("there is more than one 'heta', and nothing is compared with it; --against says with "
            "which: %s",
            labels);
  } else {
    cli_say("there are no scores by 'heta': nothing is compared with them");
  }
  return SIZE_MAX;
}

/* The config that the others are compared with, or SIZE_MAX. */
static int find_against(const char *named, const eval_results *results, size_t *against) {
  char fuller[CLI_MESSAGE];
  *against = named ? eval_results_find(results, named) : find_heta(results);
  if (!named || *against != SIZE_MAX) return CLI_DONE;
  eval_results_fuller(results, named, fuller);
  if (*fuller) {
    return cli_fail(CLI_USAGE, "--against: there is more than one '%s': say which: %s", named,
                    fuller);
  }
  cli_nearest nearest = {.name = named, .length = strlen(named)};
  for (size_t i = 0; i < results->config_count; i++) {
    cli_nearest_try(&nearest, results->configs[i].label);
  }
  if (nearest.best) {
    return cli_fail(CLI_USAGE, "--against: there are no scores by '%.100s': did you mean '%s'?",
                    named, nearest.best);
  }
  return cli_fail(CLI_USAGE, "--against: there are no scores by '%.100s'; the tables list all",
                  named);
}

static bool is_word(const char *word, size_t length, const char *name) {
  return strlen(name) == length && memcmp(word, name, length) == 0;
}

/* Why a metric was tried and gave nothing, once; "" when no record says so. */
static int find_problem(eval_store *store, const heta_metric_info *metric, char room[CLI_MESSAGE]) {
  sqlite3_stmt *s = eval_store_prepare(
      store, "SELECT problem FROM metric WHERE metric = ? AND problem IS NOT NULL LIMIT 1");
  if (!s) return CLI_FAILED;
  *room = 0;
  sqlite3_bind_text(s, 1, metric->name, -1, SQLITE_STATIC);
  int got = eval_store_step(store, s);
  if (got == SQLITE_ROW) {
    snprintf(room, CLI_MESSAGE, "%s", (const char *)sqlite3_column_text(s, 0));
  }
  sqlite3_finalize(s);
  return got == SQLITE_ROW || got == SQLITE_DONE ? CLI_DONE : CLI_FAILED;
}

/* What questions and methods must have that the database does not tell of. */
static const char *condition_of(const heta_metric_info *metric) {
  if (metric->needs & HETA_METRIC_NEEDS_FOIL) return ", to questions with a foil";
  if (metric->needs & HETA_METRIC_NEEDS_PARAPHRASE) return ", to questions with a paraphrase";
  if (metric->needs & HETA_METRIC_NEEDS_WHOLE) return ", to HETA with windows or cheaper parts";
  return "";
}

/* Says that nothing here has a measure that there is, why, and what could be done. */
static int say_lacking(eval_store *store, const eval_results *results,
                       const heta_metric_info *metric, const char *word, size_t length) {
  const char *whose = results->answered ? "no question that the model answers" : "no question here";
  unsigned lacks = metric->needs & ~results->roles;
  bool gold = lacks & HETA_METRIC_NEEDS_GOLD, distractor = lacks & HETA_METRIC_NEEDS_DISTRACTOR;
  char problem[CLI_MESSAGE];
  if (gold || distractor) {
    return cli_fail(CLI_USAGE, "--measures: '%.*s' is taken from %s spans, and %s has any",
                    (int)length, word,
                    gold && distractor ? "gold and distractor"
                    : gold             ? "gold"
                                       : "distractor",
                    whose);
  }
  int code = find_problem(store, metric, problem);
  if (code) return code;
  if (*problem) {
    return cli_fail(CLI_USAGE, "--measures: %s has '%.*s': %s was tried, and could not be had: %s",
                    whose, (int)length, word, metric->name, problem);
  }
  return cli_fail(CLI_USAGE, "--measures: %s has '%.*s' yet: heta eval --metrics %s adds it%s",
                  whose, (int)length, word, metric->name, condition_of(metric));
}

/* Whether a table can be made of what one word of --measures names. */
static int check_measure(eval_store *store, const eval_results *results, const char *word,
                         size_t length) {
  cli_nearest nearest = {.name = word, .length = length};
  const heta_metric_info *known = NULL;
  bool curve = false;
  for (size_t i = 0; i < results->column_count; i++) {
    const eval_column *c = &results->columns[i];
    bool is = is_word(word, length, c->metric->name) || is_word(word, length, c->measure->name);
    if (is && c->measure->points == 1) return CLI_DONE;
    curve |= is;
  }
  if (curve) {
    return cli_fail(CLI_USAGE, "--measures: '%.*s' is a curve: --chart curves -o FILE.svg draws it",
                    (int)length, word);
  }
  for (size_t i = 0; i < heta_metric_count(); i++) {
    const heta_metric_info *metric = heta_metric_at(i);
    if (is_word(word, length, metric->name)) known = metric;
    cli_nearest_try(&nearest, metric->name);
    for (size_t k = 0; k < metric->measure_count; k++) {
      if (is_word(word, length, metric->measures[k].name)) known = metric;
      cli_nearest_try(&nearest, metric->measures[k].name);
    }
  }
  if (known) return say_lacking(store, results, known, word, length);
  if (nearest.best) {
    return cli_fail(CLI_USAGE, "--measures: there is no measure '%.*s': did you mean %s?",
                    (int)length, word, nearest.best);
  }
  return cli_fail(CLI_USAGE, "--measures: there is no measure '%.*s'; heta metrics lists all",
                  (int)length, word);
}

static int check_measures(eval_store *store, const eval_results *results, const char *list) {
  int code = CLI_DONE;
  size_t words = 0;
  if (strcmp(list, "all") == 0) return code;
  for (const char *at = list; !code && *at;) {
    size_t length = strcspn(at, ",");
    if (length) code = check_measure(store, results, at, length);
    words += length > 0;
    at += length + (at[length] == ',');
  }
  return words ? code : cli_fail(CLI_USAGE, "--measures names no measure");
}

static int check(const report_arguments *arguments, eval_store *store,
                 const eval_results *results) {
  size_t suite;
  if (!results->question_count) {
    return cli_fail(CLI_FAILED, "'%s' has no scores yet%s", arguments->parsed.words.items[0],
                    arguments->answered ? " of questions that the model answers" : "");
  }
  int code = arguments->suite ? eval_results_suite(results, arguments->suite, &suite) : CLI_DONE;
  if (code) return code;
  return arguments->measures ? check_measures(store, results, arguments->measures) : CLI_DONE;
}

/* ---- Writing --------------------------------------------------------------------------------- */

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
  int chart = arguments->chart >= 0 ? arguments->chart : EVAL_CHART_MEASURES;
  int code = eval_chart_write(out, writing->results, (eval_chart)chart,
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
  bool format = arguments->format >= 0, chart = arguments->chart >= 0;
  *form = path ? form_of(path) : format ? arguments->format : EVAL_TERM;
  if (*form == FORM_NONE) {
    return cli_fail(CLI_USAGE, "'%s': the name must end in .txt, .md, .tex, .csv, .html or .svg",
                    path);
  }
  if (path && format) {
    return cli_fail(CLI_USAGE,
                    "--format is for what is printed: the end of a file's name says what "
                    "it gets, and '%s' is one",
                    path);
  }
  if (chart && *form != FORM_SVG) {
    return cli_fail(CLI_USAGE, "--chart needs -o FILE.svg; -o FILE.html has all charts");
  }
  if (!path && arguments->overwrite) {
    return cli_fail(CLI_USAGE, "-y replaces the file that -o names, and there is no -o");
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
  bool read = !code;
  if (!code) code = check(arguments, &store, &results);
  eval_store_close(&store);
  if (!read) return code;
  if (!code) {
    eval_writing writing = {.results = &results,
                            .measures = arguments->measures,
                            .suite = arguments->suite,
                            .answered = arguments->answered};
    code = find_against(arguments->against, &results, &writing.against);
    if (!code && arguments->output) code = write_file(arguments, &writing, form);
    if (!code && !arguments->output) code = write_one(arguments, &writing, form, stdout);
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
     "what the other methods are compared with; default heta, or the one row of it with options"},
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
