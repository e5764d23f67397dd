/* data.c: `heta data build` makes suites of the published files of data sets. */
#include "cli/commands.h"
#include "cli/eval/builder.h"
#include "cli/eval/suite.h"
#include "cli/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct data_arguments {
  cli_parsed parsed; /* must be first */
  const char *from, *output;
  uint64_t limit, per_support, seed;
  bool overwrite;
} data_arguments;

enum { PER_SUPPORT = 1 };                     /* the default; 0 is not given */
static const uint64_t NOT_GIVEN = UINT64_MAX; /* a seed */

static const struct source {
  const char *name;
  eval_build build;
} SOURCES[] = {
    {"curated", eval_build_curated}, {"counterfact", eval_build_counterfact},
    {"longra", eval_build_longra},   {"tellmewhy", eval_build_tellmewhy},
    {"wikibio", eval_build_wikibio}, {"active-passive", eval_build_active_passive},
};
enum { SOURCE_COUNT = sizeof SOURCES / sizeof *SOURCES };
#define NAMES "curated, counterfact, longra, tellmewhy, wikibio or active-passive"

bool eval_build_known(const char *name) {
  for (int i = 0; i < SOURCE_COUNT; i++) {
    if (!strcmp(SOURCES[i].name, name)) return true;
  }
  return false;
}

/* Says of which record of which file the last item of a refused suite was made. */
static void name_origin(const eval_builder *b, const eval_suite *suite) {
  size_t last = suite->count - 1;
  const char *name = suite->items[last].name;
  cli_say("“%.60s” was made of %s %zu of %s/%s; no suite was written", name ? name : "", b->unit,
          b->records[last], b->from, b->file);
  for (size_t i = 0; name && i < last; i++) {
    if (strcmp(suite->items[i].name, name) != 0) continue;
    cli_say("the other “%.60s” was made of %s %zu", name, b->unit, b->records[i]);
  }
}

/* Reads what was written as heta eval will read it. */
static int check(const eval_builder *b, const cli_file *file) {
  char title[HETA_PATH];
  cli_text text = {0};
  eval_suite suite = {0};
  if (fflush(file->stream) != 0 || ferror(file->stream)) return CLI_DONE; /* the end says why */
  int code = cli_read_file(cli_file_temporary(), &text);
  snprintf(title, sizeof title, "the suite made of %s/%s", b->from, b->file);
  if (!code) {
    code = eval_suite_parse(title, file->given, text.bytes, text.size, 0, &suite);
    if (code && suite.count) name_origin(b, &suite);
  }
  eval_suite_free(&suite);
  free(text.bytes);
  return code;
}

static int build(const data_arguments *arguments, const struct source *source) {
  cli_file file;
  int code = cli_file_open(arguments->output, arguments->overwrite, &file);
  if (code) return code;
  eval_builder b = {.from = arguments->from,
                    .limit = arguments->limit,
                    .per_support = arguments->per_support ? arguments->per_support : PER_SUPPORT,
                    .state = arguments->seed == NOT_GIVEN ? 0 : arguments->seed,
                    .out = file.stream};
  code = source->build(&b);
  if (!code && !b.written) {
    code = cli_fail(CLI_FAILED, "no item could be made of what lies in %s", b.from);
  }
  if (!code) code = check(&b, &file);
  free(b.records);
  int closed = cli_file_close(&file, code ? CLI_FILE_SAID : 0);
  if (!code) code = closed;
  if (!code) {
    cli_say("%zu items; %zu records were left out: they lack what an item needs, such as evidence",
            b.written, b.skipped);
  }
  return code;
}

static void set_defaults(void *untyped) { ((data_arguments *)untyped)->seed = NOT_GIVEN; }

/* Only the curated set is drawn at random. */
static int refuse_ignored(const data_arguments *arguments, const struct source *source) {
  bool seed = arguments->seed != NOT_GIVEN;
  if (source->build == eval_build_curated || (!seed && !arguments->per_support)) return CLI_DONE;
  return cli_fail(CLI_USAGE, "%s changes nothing in %s: only curated is drawn at random",
                  seed ? "--seed" : "--per-support", source->name);
}

static int check_output(const data_arguments *arguments) {
  if (!strcmp(arguments->output, "-")) {
    return cli_fail(CLI_USAGE, "-o -: a suite is written to a file, not to standard output");
  }
  if (!arguments->overwrite && access(arguments->output, F_OK) == 0) {
    return cli_fail(CLI_USAGE, "'%s' exists; -y replaces it", arguments->output);
  }
  return CLI_DONE;
}

static int run(void *untyped) {
  const data_arguments *arguments = untyped;
  const char *name = arguments->parsed.words.items[0];
  if (!arguments->from || !arguments->output) {
    return cli_fail(CLI_USAGE, "--from FOLDER and -o FILE.jsonl must both be given");
  }
  for (int i = 0; i < SOURCE_COUNT; i++) {
    if (strcmp(SOURCES[i].name, name) != 0) continue;
    int code = refuse_ignored(arguments, &SOURCES[i]);
    if (!code) code = check_output(arguments);
    return code ? code : build(arguments, &SOURCES[i]);
  }
  return cli_fail(CLI_USAGE, "there is no suite '%.60s' to build: " NAMES, name);
}

#define FIELD(name) offsetof(data_arguments, name)

static const cli_option options[] = {
    {0, "from", NULL, CLI_TEXT, FIELD(from), "FOLDER", 0, 0, 0, NULL,
     "where the published files lie, under their own names"},
    {'o', "output", NULL, CLI_TEXT, FIELD(output), "FILE", 0, 0, 0, NULL, "the suite to write"},
    {'y', "overwrite", NULL, CLI_FLAG, FIELD(overwrite), NULL, 0, 0, 0, NULL,
     "replace the file if it exists"},
    {0, "limit", NULL, CLI_COUNT, FIELD(limit), "N", 1, 1000000000, 0, NULL, "at most N items"},
    {0, "per-support", NULL, CLI_COUNT, FIELD(per_support), "N", 1, 1000, 0, NULL,
     "curated: narratives for each support; default 1"},
    {'s', "seed", NULL, CLI_COUNT, FIELD(seed), "N", 0, UINT64_MAX - 1, 0, NULL,
     "curated: which narratives, and which part of them; default 0"},
};

const cli_command cli_data_build = {
    .name = "data build",
    .summary = "Makes a suite for heta eval of a data set's published files.",
    .usage = "NAME --from FOLDER -o FILE.jsonl",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .word = "NAME",
    .least_words = 1,
    .most_words = 1,
    .arguments_size = sizeof(data_arguments),
    .set_defaults = set_defaults,
    .run = run,
    .notes =
        "NAME, and the files it is made of: curated, train.json (SciQ) and summaries.csv "
        "(NarrativeQA); counterfact, counterfact.json (ROME); longra, questions-words.txt "
        "(word2vec) and data_utils.py (ReAGent); tellmewhy, knowwhy_hidden_test_set_ontology.csv; "
        "wikibio, dataset.json (SelfCheckGPT); active-passive, passiv_en_nps.test.json. "
        "docs/reproduce.md says where they come from. Their licences bind what you make of them.",
};
