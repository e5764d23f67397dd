/* eval.c: `heta eval` runs methods over a suite of questions and judges their scores by metrics. */
#include "cli/commands.h"
#include "cli/eval/builder.h"
#include "cli/eval/run.h"
#include "cli/input.h"
#include "cli/speed.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct eval_arguments {
  cli_parsed parsed; /* must be first */
  const char *model, *methods, *metrics, *db, *mask, *data, *calibration;
  cli_list suites;
  uint64_t limit, max_tokens, passes, seed, threads, max_memory, draws, subsets, repeats;
  double max_seconds;
  int backend, precision;
  bool plan_only, quiet, no_progress;
} eval_arguments;

static void set_defaults(void *untyped) {
  eval_arguments *arguments = untyped;
  arguments->data = ".";
  arguments->mask = heta_metric_options_default().mask;
}

/* What `--suite quick` is: a look at the paper's four sets in an afternoon. */
static const char *const QUICK[] = {"longra", "tellmewhy", "wikibio", "curated"};
enum { QUICK_COUNT = sizeof QUICK / sizeof *QUICK };
/* All but the curves, which take half of all passes: AOPC stands for them. */
static const char QUICK_METRICS[] = "alignment,span,dsa,aopc,comprehensiveness,soft,soft-package,"
                                    "faithfulness-error,patching,counterfactual";
enum { REPEATS = 10, QUICK_ITEMS = 5, QUICK_TOKENS = 160, QUICK_DRAWS = 2, QUICK_SUBSETS = 16 };

/* The suites asked for by name, `quick` spelled out. The caller frees the list. */
static const char **suite_names(const eval_arguments *arguments, size_t *count, bool *quick) {
  const cli_list *given = &arguments->suites;
  const char **names = calloc(given->count + QUICK_COUNT + 1, sizeof *names);
  *count = 0;
  *quick = false;
  for (size_t i = 0; names && i < given->count; i++) {
    bool all = !strcmp(given->items[i], "quick") && !*quick;
    for (int k = 0; all && k < QUICK_COUNT; k++) names[(*count)++] = QUICK[k];
    if (!all) names[(*count)++] = given->items[i];
    *quick |= all;
  }
  if (names && !*count) names[(*count)++] = "builtin";
  return names;
}

/* Reads a suite: a file, or one of the sets that heta data build makes, by its name. */
static int read_suite(const eval_arguments *arguments, const char *name, size_t limit,
                      eval_suite *suite) {
  char path[HETA_PATH];
  *suite = (eval_suite){0};
  if (!eval_build_known(name) || access(name, F_OK) == 0) {
    return eval_suite_read(name, limit, suite);
  }
  int length = snprintf(path, sizeof path, "%s/%s.jsonl", arguments->data, name);
  if (length < 0 || (size_t)length >= sizeof path) {
    return cli_fail(CLI_USAGE, "--data is too long a path");
  }
  if (access(path, F_OK) != 0) {
    return cli_fail(CLI_USAGE,
                    "--suite %s: there is no '%s': say with --data FOLDER where it is, or make it "
                    "of its published files: heta data build %s --from FOLDER -o %s",
                    name, path, name, path);
  }
  return eval_suite_read(path, limit, suite);
}

/* A model too large to be read whole when it opens is known by its header. Work that may go on for
 * days is worth one reading: weights can change behind the same header. */
static int check_whole(eval_store *store, heta_model *model, bool quiet) {
  const heta_model_info *info = heta_model_get_info(model);
  heta_error error = {0};
  if (!strcmp(info->fingerprint_kind, "sha256")) return CLI_DONE; /* compared already */
  if (!quiet) cli_say("reading the whole model once, to know whether it is the database's");
  if (heta_model_hash(model, &error)) return cli_fail(CLI_FAILED, "%s", error.message);
  return eval_store_check_whole(store, info);
}

static size_t limit_of(const eval_arguments *arguments, bool quick) {
  return arguments->limit ? (size_t)arguments->limit : quick ? QUICK_ITEMS : 0;
}

/* Opens the database and does the work. */
static int evaluate(const eval_arguments *arguments, heta_model *model, const eval_suite *suites,
                    size_t suite_count, const eval_choice *choice, bool quick) {
  heta_metric_options metrics = heta_metric_options_default();
  metrics.keep_weights = true;
  metrics.mask = arguments->mask;
  if (quick) metrics.draws = QUICK_DRAWS;
  if (quick) metrics.subsets = QUICK_SUBSETS;
  if (arguments->draws) metrics.draws = (size_t)arguments->draws;
  if (arguments->subsets) metrics.subsets = (size_t)arguments->subsets;
  metrics.seed = arguments->seed;
  metrics.threads = (int)arguments->threads;
  metrics.backend = (heta_backend)arguments->backend;
  metrics.precision = (heta_precision)arguments->precision;
  size_t limit = limit_of(arguments, quick), max_tokens = (size_t)arguments->max_tokens;
  if (quick && !max_tokens) max_tokens = QUICK_TOKENS;
  eval_request request = {.model = model,
                          .suites = suites,
                          .suite_count = suite_count,
                          .choice = choice,
                          .metric_options = &metrics,
                          .seed = arguments->seed,
                          .repeats = arguments->repeats ? (size_t)arguments->repeats : REPEATS,
                          .limit = limit,
                          .max_tokens = max_tokens,
                          .threads = (int)arguments->threads,
                          .backend = (heta_backend)arguments->backend,
                          .precision = (heta_precision)arguments->precision,
                          .max_memory = arguments->max_memory,
                          .passes = arguments->passes,
                          .max_seconds = arguments->max_seconds,
                          .plan_only = arguments->plan_only,
                          .quiet = arguments->quiet,
                          .no_progress = arguments->no_progress || arguments->quiet};
  eval_store store;
  cli_speed_apply(model, arguments->backend, arguments->precision, arguments->threads);
  const heta_model_info *info = heta_model_get_info(model);
  int code = arguments->plan_only ? eval_store_open_copy(arguments->db, info, &store)
                                  : eval_store_open(arguments->db, info, &store);
  if (code) return code;
  code = arguments->plan_only ? CLI_DONE : check_whole(&store, model, arguments->quiet);
  if (!code) code = eval_run(&request, &store);
  eval_store_close(&store);
  if (!code && !arguments->plan_only && !arguments->quiet) {
    cli_say("done: heta eval report %s", arguments->db);
  }
  return code;
}

static int run(void *untyped) {
  const eval_arguments *arguments = untyped;
  size_t count = 0, opened = 0;
  bool quick = false;
  eval_choice choice = {0};
  heta_model *model = NULL;
  if (!arguments->db) {
    return cli_fail(CLI_USAGE, "--db FILE.sqlite says where results are kept, and is not given");
  }
  const char **names = suite_names(arguments, &count, &quick);
  const char *methods = quick ? "quick" : "all", *metrics = quick ? QUICK_METRICS : "all";
  int code = eval_choice_read(arguments->methods ? arguments->methods : methods,
                              arguments->metrics ? arguments->metrics : metrics, &choice);
  if (code) {
    free(names);
    return code;
  }
  eval_suite *suites = calloc(count + 1, sizeof *suites);
  if (!suites || !names) code = cli_fail(CLI_FAILED, "out of memory");
  /* Where some may be passed over, the first ones are known later. */
  size_t limit = quick || arguments->max_tokens ? 0 : limit_of(arguments, quick);
  while (!code && opened < count) {
    code = read_suite(arguments, names[opened], limit, &suites[opened]);
    opened++;
    for (size_t i = 0; !code && i + 1 < opened; i++) {
      if (strcmp(suites[i].name, suites[opened - 1].name) != 0) continue;
      code = cli_fail(CLI_USAGE, "two suites have the name '%s'", suites[i].name);
    }
  }
  if (!code) code = cli_open_model(arguments->model, &model);
  if (!code) code = eval_choice_calibrate(&choice, arguments->calibration, model);
  if (!code) code = evaluate(arguments, model, suites, count, &choice, quick);
  heta_model_close(model);
  for (size_t i = 0; i < opened; i++) eval_suite_free(&suites[i]);
  free(suites);
  free(names);
  eval_choice_free(&choice);
  return code;
}

#define FIELD(name) offsetof(eval_arguments, name)

static const cli_option options[] = {
    {'m', "model", NULL, CLI_TEXT, FIELD(model), "FILE", 0, 0, 0, "What",
     "the model: a GGUF file, a Hugging Face folder, or a name of heta model list"},
    {0, "suite", NULL, CLI_LIST, FIELD(suites), "NAME", 0, 0, 0, NULL,
     "builtin (the default), a file of JSON lines, a set of heta data build by its name, or quick: "
     "five short questions each of longra, tellmewhy, wikibio and curated; may be repeated"},
    {0, "data", NULL, CLI_TEXT, FIELD(data), "FOLDER", 0, 0, 0, NULL,
     "where the sets lie that are given by name, as NAME.jsonl; default: here"},
    {0, "methods", NULL, CLI_TEXT, FIELD(methods), "LIST", 0, 0, 0, NULL,
     "methods, comma-separated, each with options behind it: heta,heta+gamma=0+probes=20; all "
     "(the default; what takes thousands of passes gets +passes=200), quick (32 to 164, and four "
     "probes), "
     "controls, ablations, sweep"},
    {0, "calibration", NULL, CLI_TEXT, FIELD(calibration), "FILE", 0, 0, 0, NULL,
     "what beta=auto means in a method: the weights that heta calibrate -o FILE fitted"},
    {0, "metrics", NULL, CLI_TEXT, FIELD(metrics), "LIST", 0, 0, 0, NULL,
     "metrics, comma-separated; all (the default; with quick, all but the curves) is what judges "
     "scores that are there; robustness is sensitivity, paraphrase and decoding, which "
     "attribute again, as causal-pass and leakage do; heta metrics lists them"},
    {0, "db", NULL, CLI_TEXT, FIELD(db), "FILE", 0, 0, 0, NULL,
     "the SQLite file that keeps every result"},
    {'s', "seed", NULL, CLI_COUNT, FIELD(seed), "N", 0, INT64_MAX, 0, NULL,
     "of methods and metrics that draw random numbers"},
    {0, "mask", NULL, CLI_TEXT, FIELD(mask), "MASK", 0, 0, 0, "Metrics",
     "what replaces a removed token: zero, mean, unk, eos, pad or token:ID"},
    {0, "draws", NULL, CLI_COUNT, FIELD(draws), "N", 1, 10000, 0, NULL,
     "of soft masks and random orders; default 10, with quick 2"},
    {0, "subsets", NULL, CLI_COUNT, FIELD(subsets), "N", 1, 100000, 0, NULL,
     "of the faithfulness error; default 64, with quick 16"},
    {0, "repeats", NULL, CLI_COUNT, FIELD(repeats), "N", 2, 1000, 0, NULL,
     "of sensitivity: draws of each noise, each an attribution; default 10"},
    {0, "limit", NULL, CLI_COUNT, FIELD(limit), "N", 1, 1000000000, 0, "Limits",
     "the first N items of each suite"},
    {0, "max-tokens", NULL, CLI_COUNT, FIELD(max_tokens), "N", 1, 1000000000, 0, NULL,
     "pass over questions of more tokens; default: none, with quick 160"},
    {0, "passes", NULL, CLI_COUNT, FIELD(passes), "N", 1, UINT64_MAX, 0, NULL,
     "stop once N passes over the model are done"},
    {0, "max-time", NULL, CLI_DURATION, FIELD(max_seconds), "TIME", 0, 0, 0, NULL,
     "stop after 90s, 2m, 1h …"},
    {0, "max-memory", "max-mem", CLI_SIZE, FIELD(max_memory), "SIZE", 0, 0, 0, NULL,
     "each attribution stays below 1.3G, 800M …"},
    {'t', "threads", NULL, CLI_COUNT, FIELD(threads), "N", 1, 1024, 0, NULL,
     "threads to use; default one per core"},
    {0, "backend", NULL, CLI_CHOICE, FIELD(backend), "cpu|reference", 0, 0, 0, NULL,
     "reference is slow and plain"},
    {0, "precision", NULL, CLI_CHOICE, FIELD(precision), "f32|f64", 0, 0, 0, NULL,
     "f64 needs the reference backend"},
    {0, "plan", NULL, CLI_FLAG, FIELD(plan_only), NULL, 0, 0, 0, "Output",
     "say what is left to do, and what it costs, and stop"},
    {'q', "quiet", NULL, CLI_FLAG, FIELD(quiet), NULL, 0, 0, 0, NULL, "say nothing but errors"},
    {0, "no-progress", NULL, CLI_FLAG, FIELD(no_progress), NULL, 0, 0, 0, NULL,
     "no progress on standard error"},
};

const cli_command cli_eval = {
    .name = "eval",
    .summary = "Compares attribution methods on a suite of questions.",
    .usage = "-m FILE --db FILE.sqlite [options]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .arguments_size = sizeof(eval_arguments),
    .set_defaults = set_defaults,
    .run = run,
    .notes =
        "Every score vector and every measure is written to the database as soon as it is there. A "
        "run that was stopped, however it was stopped, is continued by the same command; another "
        "metric, method or item is an addition to the same file and repeats nothing, unless "
        "--mask, "
        "--draws, --subsets or --seed differ. A database "
        "belongs to one model, by its fingerprint. One process writes it at a time; heta eval "
        "report can read it meanwhile.\n\n"
        "A suite is a file of JSON lines: docs/eval.md describes them.",
};
