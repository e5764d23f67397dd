/* data.c: `heta data build` makes suites of the published files of data sets. */
#include "cli/commands.h"
#include "cli/eval/builder.h"
#include "cli/file.h"

#include <string.h>
#include <unistd.h>

typedef struct data_arguments {
  cli_parsed parsed; /* must be first */
  const char *from, *output;
  uint64_t limit, per_support, seed;
  bool overwrite;
} data_arguments;

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

static int build(const data_arguments *arguments, const struct source *source) {
  cli_file file;
  int code = cli_file_open(arguments->output, arguments->overwrite, &file);
  if (code) return code;
  eval_builder b = {.from = arguments->from,
                    .limit = arguments->limit,
                    .per_support = arguments->per_support,
                    .state = arguments->seed,
                    .out = file.stream};
  code = source->build(&b);
  if (!code && !b.written) {
    code = cli_fail(CLI_FAILED, "no item could be made of what lies in %s", b.from);
  }
  int closed = cli_file_close(&file, code ? CLI_FILE_SAID : 0);
  if (!code) code = closed;
  if (!code) {
    cli_say("%zu items; %zu records were left out: they lack what an item needs, such as evidence",
            b.written, b.skipped);
  }
  return code;
}

static void set_defaults(void *untyped) { ((data_arguments *)untyped)->per_support = 1; }

static int run(void *untyped) {
  const data_arguments *arguments = untyped;
  const char *name = arguments->parsed.words.items[0];
  if (!arguments->from || !arguments->output) {
    return cli_fail(CLI_USAGE, "--from FOLDER and -o FILE.jsonl must both be given");
  }
  if (!arguments->overwrite && access(arguments->output, F_OK) == 0) {
    return cli_fail(CLI_USAGE, "'%s' exists; -y replaces it", arguments->output);
  }
  for (int i = 0; i < SOURCE_COUNT; i++) {
    if (!strcmp(SOURCES[i].name, name)) return build(arguments, &SOURCES[i]);
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
    {'s', "seed", NULL, CLI_COUNT, FIELD(seed), "N", 0, UINT64_MAX, 0, NULL,
     "curated: which narratives, and which part of them"},
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
