/* bench.c: `heta bench` measures what the passes take beside bare matrix products in their shapes.
 */
#define _DEFAULT_SOURCE /* getloadavg */
#include "cli/bench.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/numbers.h"
#include "cli/progress.h"
#include "cli/speed.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_REPEATS = 99, RATES = 5 };

/* The text when none is given: enough of it for --tokens. */
static const char STORY[] =
    "The old lighthouse keeper had kept a journal for forty years. Every evening he wrote down the "
    "weather, the ships that passed, and one thing he had learned. When the storm finally took the "
    "lamp, the only light left on the island was the one in his window, and the ship's captain "
    "later said that it was enough to steer by. In the spring a young woman came to repair the "
    "tower, and she asked him why he had never left. ";

/* The story, as often as it takes, cut behind its `tokens`-th token. */
static int cut_story(const heta_model *model, uint64_t tokens, cli_text *text) {
  heta_tokens *list;
  heta_error error = {0};
  size_t times = (size_t)tokens / 40 + 2, size = strlen(STORY);
  char *bytes = malloc(times * size + 1);
  if (!bytes) return cli_fail(CLI_FAILED, "out of memory");
  for (size_t i = 0; i < times; i++) memcpy(bytes + i * size, STORY, size);
  bytes[times * size] = 0;
  if (heta_tokenize(model, bytes, times * size, HETA_BOS_NO, false, &list, &error)) {
    free(bytes);
    return cli_fail(CLI_FAILED, "%s", error.message);
  }
  size_t count = heta_tokens_count(list) < tokens ? heta_tokens_count(list) : (size_t)tokens;
  size_t end = heta_tokens_data(list)[count - 1].end;
  heta_tokens_free(list);
  bytes[end] = 0;
  *text = (cli_text){.bytes = bytes, .size = end};
  return CLI_DONE;
}

static bool on_progress(void *context, const heta_progress *progress) {
  (void)context;
  cli_progress_show(progress);
  return !cli_interrupt_signal();
}

static const heta_phase *phase_of(const heta_attribution *a, const char *name) {
  static const heta_phase none = {0};
  for (size_t i = 0; i < a->phase_count; i++)
    if (strcmp(a->phases[i].name, name) == 0) return &a->phases[i];
  return &none;
}

/* What is shown, by the job's own phases; "whole" is their sum without loading. */
static const struct row {
  const char *phase, *name;
  bool forward, reverse; /* the products it consists of; neither: not compared */
} ROWS[] = {
    {"load", "load", false, false},
    {"forward", "clean run", true, false},
    {"gate", "gate", false, false},
    {"gradient", "gradient", false, true},
    {"information", "masked sweep", true, false},
    {"curvature", "HVP sweep", true, true},
};
enum { ROW_COUNT = sizeof ROWS / sizeof *ROWS, LOAD = 0, CURVATURE = 5 };

typedef struct samples {
  double seconds[ROW_COUNT + 1][MOST_REPEATS]; /* the last row: the whole attribution */
  double flop[ROW_COUNT + 1];
} samples;

static void take(const cli_bench *bench, const heta_attribution *a, size_t repeat, samples *s) {
  double whole = 0, flop = 0;
  for (size_t i = 0; i < ROW_COUNT; i++) {
    const heta_phase *phase = phase_of(a, ROWS[i].phase);
    /* Every probe costs the same: those that were left out are counted in. */
    double times = i == CURVATURE ? (double)bench->probes / (double)bench->probes_run : 1;
    s->seconds[i][repeat] = phase->seconds * times;
    s->flop[i] = phase->flop * times;
    if (i == LOAD) continue;
    whole += s->seconds[i][repeat];
    flop += s->flop[i];
  }
  s->seconds[ROW_COUNT][repeat] = whole;
  s->flop[ROW_COUNT] = flop;
}

static void sum_up(cli_bench *bench, samples *s) {
  double both =
      bench->forward > 0 && bench->reverse > 0 ? 2 / (1 / bench->forward + 1 / bench->reverse) : 0;
  for (size_t i = 0; i <= ROW_COUNT; i++) {
    bool forward = i == ROW_COUNT || ROWS[i].forward, reverse = i == ROW_COUNT || ROWS[i].reverse;
    bench->part[bench->count++] =
        (cli_bench_part){.name = i == ROW_COUNT ? "whole, without load" : ROWS[i].name,
                         .seconds = cli_median(s->seconds[i], bench->repeats),
                         .flop = s->flop[i],
                         .rate = forward && reverse ? both
                                 : forward          ? bench->forward
                                 : reverse          ? bench->reverse
                                                    : 0};
  }
}

static int rate(const heta_job *job, cli_bench *bench) {
  heta_error error = {0};
  heta_rates rates;
  if (heta_job_rates(job, &rates, &error)) return cli_fail(CLI_FAILED, "%s", error.message);
  if (rates.forward > bench->forward) bench->forward = rates.forward;
  if (rates.reverse > bench->reverse) bench->reverse = rates.reverse;
  return CLI_DONE;
}

/* One job, with the products measured before and after it. */
static int repeat(const heta_model *model, const cli_text *text,
                  const heta_attribute_options *options, size_t index, cli_bench *bench,
                  samples *s) {
  heta_error error = {0};
  heta_job *job;
  const heta_attribution *a;
  if (heta_job_create(model, text->bytes, text->size, options, &job, &error))
    return cli_fail(cli_exit_code(error.status), "%s", error.message);
  cli_interrupt_watch(job);
  const heta_plan *plan = heta_job_get_plan(job);
  bench->tokens = plan->context_tokens;
  bench->planned = plan->bytes;
  bench->planned_seconds = plan->seconds;
  int code = CLI_DONE;
  for (int i = 0; i < RATES && !code; i++) code = rate(job, bench);
  cli_progress_start();
  heta_status status = code ? HETA_OK : heta_job_run(job, &error);
  cli_progress_clear();
  if (!code && !status) status = heta_job_get_result(job, &a, &error);
  if (!code && status) {
    code = cli_interrupt_signal() ? 128 + cli_interrupt_signal() : cli_exit_code(status);
    cli_fail(code, "%s", error.message);
  }
  if (!code) {
    take(bench, a, index, s);
    bench->threads = a->threads;
    if (a->peak_bytes > bench->peak) bench->peak = a->peak_bytes;
    snprintf(bench->cpu, sizeof bench->cpu, "%s", a->cpu);
    for (int i = 0; i < RATES && !code; i++) code = rate(job, bench);
  }
  cli_interrupt_watch(NULL);
  heta_job_free(job);
  return code;
}

static int measure(const heta_model *model, const cli_text *text,
                   const cli_bench_arguments *arguments, cli_bench *bench) {
  char probes[32];
  samples *s = calloc(1, sizeof *s);
  if (!s) return cli_fail(CLI_FAILED, "out of memory");
  snprintf(probes, sizeof probes, "%llu", (unsigned long long)bench->probes_run);
  const heta_option list[] = {{"probes", probes}, {"curvature", bench->curvature}};
  heta_attribute_options options = heta_attribute_options_default();
  options.method_options = list;
  options.method_option_count = 2;
  options.bos = HETA_BOS_NO;
  options.seed = arguments->seed;
  options.threads = (int)arguments->threads;
  options.progress = on_progress;
  cli_speed_apply(model, HETA_BACKEND_CPU, HETA_PRECISION_F32, arguments->threads);
  int code = CLI_DONE;
  for (size_t i = 0; i < arguments->repeats && !code; i++)
    code = repeat(model, text, &options, i, bench, s);
  if (!code) sum_up(bench, s);
  free(s);
  return code;
}

static void warn_when_busy(double load) {
  if (load > 0.5)
    cli_say("warning: this machine is not idle (load %.1f): its times say little, and ratios are "
            "rough",
            load);
}

/* Other methods beside the packages that have them; HETA's own passes are not measured. */
static int run_peers(const cli_bench_arguments *arguments, const cli_text *text) {
  json_t *found = NULL;
  int code = cli_bench_against(arguments, text, &found);
  if (!code) code = cli_bench_show_peers(found, arguments->format);
  json_decref(found);
  return code;
}

static int run(void *untyped) {
  const cli_bench_arguments *arguments = untyped;
  bool peers = arguments->against == CLI_AGAINST_PEERS;
  if (peers && (arguments->sample || arguments->curvature))
    return cli_fail(CLI_USAGE, "--against peers measures other methods: --sample and --curvature "
                               "are of HETA's own passes");
  heta_model *model;
  cli_text text = {0};
  int code = cli_open_model(arguments->model, &model);
  if (code) return code;
  cli_bench bench = {.model = heta_model_get_info(model),
                     .probes = arguments->probes,
                     .probes_run = arguments->sample ? 1 : arguments->probes,
                     .repeats = arguments->repeats,
                     .curvature = arguments->curvature ? "row" : "block"};
  if (getloadavg(&bench.load, 1) != 1) bench.load = 0;
  code = arguments->input.prompt || arguments->input.file
             ? cli_read_input(&arguments->input, NULL, &text)
             : cut_story(model, arguments->tokens, &text);
  if (!code) warn_when_busy(bench.load);
  if (!code && peers) code = run_peers(arguments, &text);
  if (!code && !peers) code = measure(model, &text, arguments, &bench);
  if (!code && !peers && arguments->against)
    code = cli_bench_against(arguments, &text, &bench.against);
  if (!code && !peers) code = cli_bench_show(&bench, arguments->format);
  json_decref(bench.against);
  free(text.bytes);
  heta_model_close(model);
  return code;
}

static void set_defaults(void *untyped) {
  cli_bench_arguments *arguments = untyped;
  arguments->tokens = 64;
  arguments->probes = 10;
  arguments->repeats = 3;
}

#define FIELD(name) offsetof(cli_bench_arguments, name)
static const cli_option options[] = {
    {'m', "model", NULL, CLI_TEXT, FIELD(model), "FILE", 0, 0, 0, "Work",
     "the model: a GGUF file, a Hugging Face folder, or a name of heta model list"},
    CLI_INPUT_OPTIONS(cli_bench_arguments, input, NULL),
    {0, "tokens", NULL, CLI_COUNT, FIELD(tokens), "N", 2, 1000000, CLI_RIVAL_INPUT, NULL,
     "or a text of the program's own, so long (default 64)"},
    {0, "probes", NULL, CLI_COUNT, FIELD(probes), "M", 1, 100000, 0, NULL,
     "Hessian-vector products per token (default 10)"},
    {0, "curvature", NULL, CLI_CHOICE, FIELD(curvature), "block|row", 0, 0, 0, NULL,
     "as of heta attribute"},
    {0, "seed", NULL, CLI_COUNT, FIELD(seed), "N", 0, UINT64_MAX, 0, NULL, "of the probes"},
    {'t', "threads", NULL, CLI_COUNT, FIELD(threads), "N", 1, 1024, 0, NULL,
     "threads to use; default one per core"},
    {0, "repeats", NULL, CLI_COUNT, FIELD(repeats), "N", 1, MOST_REPEATS, 0, "Measuring",
     "runs, of which the medians are shown (default 3)"},
    {0, "sample", NULL, CLI_COUNT, FIELD(sample), "K", 1, 1000000, 0, NULL,
     "run one probe per token and count it M times; PyTorch does K tokens only, counted as all"},
    {0, "against", NULL, CLI_CHOICE, FIELD(against), "nothing|pytorch|peers", 0, 0, 0, NULL,
     "run the same work in PyTorch, in turn with heta, and print the ratios; peers: instead, other "
     "methods beside captum and context-cite"},
    {0, "python", NULL, CLI_TEXT, FIELD(python), "PROGRAM", 0, 0, 0, NULL,
     "a Python with torch and transformers (default: $HETA_PYTORCH), or with captum and "
     "context-cite"},
    {0, "script", NULL, CLI_TEXT, FIELD(script), "FILE", 0, 0, 0, NULL,
     "the source tree's bench/compare.py or against_peers.py, where it is not found by itself"},
    {0, "format", NULL, CLI_CHOICE, FIELD(format), "term|json|md", 0, 0, 0, "Output",
     "for people, for programs, or a table for a document"},
};

const cli_command cli_bench_command = {
    .name = "bench",
    .summary = "Measures the passes beside bare matrix products, and beside PyTorch.",
    .usage = "-m FILE [options]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .arguments_size = sizeof(cli_bench_arguments),
    .set_defaults = set_defaults,
    .run = run,
    .notes = "Close other programs first: times on a busy machine say little, and a load above 0.5 "
             "is said.\n\n"
             "Examples\n\n"
             "  heta bench -m model.gguf --sample 8\n"
             "  heta bench -m model.gguf --tokens 256 --sample 4 --against pytorch --format md\n"
             "  heta bench -m model.gguf --tokens 40 --against peers --python peers/bin/python",
};
