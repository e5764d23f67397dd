/* bench_against.c: `heta bench --against pytorch` and `--against peers` let scripts of the source
 * tree do the comparison: they alone know how the two are compared. */
#include "cli/bench.h"
#include "cli/interrupt.h"

#include <errno.h>
#include <libgen.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { WORDS = 40 };

static const char *script_of(const cli_bench_arguments *arguments) {
  return arguments->against == CLI_AGAINST_PEERS ? "against_peers.py" : "compare.py";
}

/* Where the script lies: named, or in the source tree that this program was built in. */
static bool find_script(const cli_bench_arguments *arguments, const char *self,
                        char path[HETA_PATH]) {
  static const char *const PLACES[] = {"../../bench", "../bench"};
  if (arguments->script) {
    snprintf(path, HETA_PATH, "%s", arguments->script);
    return access(path, R_OK) == 0;
  }
  for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
    char program[HETA_PATH];
    snprintf(program, sizeof program, "%s", self);
    int length =
        snprintf(path, HETA_PATH, "%s/%s/%s", dirname(program), PLACES[i], script_of(arguments));
    if (length < HETA_PATH && access(path, R_OK) == 0) return true;
  }
  return false;
}

static int start(const char *const *words) {
  pid_t child;
  int state;
  int code = posix_spawnp(&child, words[0], NULL, NULL, (char *const *)words, environ);
  if (code) return cli_fail(CLI_FAILED, "%s could not be started: %s", words[0], strerror(code));
  while (waitpid(child, &state, 0) < 0)
    if (errno != EINTR) return cli_fail(CLI_FAILED, "%s was lost: %s", words[0], strerror(errno));
  if (cli_interrupt_signal()) return 128 + cli_interrupt_signal();
  if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return CLI_DONE;
  return cli_fail(CLI_FAILED, "the comparison failed; what it said stands above");
}

static int compare(const cli_bench_arguments *arguments, const char *python, const char *script,
                   const char *self, const char *text, const char *out) {
  char probes[32], seed[32], threads[32], repeats[32], sample[32];
  const char *words[WORDS] = {python,     script,   "--model", arguments->model, "--heta",
                              self,       "--text", text,      "--json",         out,
                              "--python", python,   "--quiet"};
  size_t count = 13;
  snprintf(probes, sizeof probes, "%llu", (unsigned long long)arguments->probes);
  snprintf(seed, sizeof seed, "%llu", (unsigned long long)arguments->seed);
  snprintf(threads, sizeof threads, "%llu", (unsigned long long)arguments->threads);
  snprintf(repeats, sizeof repeats, "%llu", (unsigned long long)arguments->repeats);
  snprintf(sample, sizeof sample, "%llu", (unsigned long long)arguments->sample);
  words[count++] = "--repeats", words[count++] = repeats;
  if (arguments->threads) words[count++] = "--threads", words[count++] = threads;
  if (arguments->against == CLI_AGAINST_PEERS) return start(words);
  words[count++] = "--batched";
  words[count++] = "--curvature", words[count++] = arguments->curvature ? "row" : "block";
  words[count++] = "--probes", words[count++] = probes;
  words[count++] = "--seed", words[count++] = seed;
  if (arguments->sample) words[count++] = "--sample", words[count++] = sample;
  return start(words);
}

/* Writes the text, and gives the name of a file for the findings beside it. */
static int open_files(const cli_text *text, char folder[], char in[HETA_PATH],
                      char out[HETA_PATH]) {
  if (!mkdtemp(folder))
    return cli_fail(CLI_FAILED, "no temporary folder could be made: %s", strerror(errno));
  snprintf(in, HETA_PATH, "%s/text", folder);
  snprintf(out, HETA_PATH, "%s/found.json", folder);
  FILE *file = fopen(in, "wb");
  bool written = file && fwrite(text->bytes, 1, text->size, file) == text->size &&
                 fputc('\n', file) != EOF; /* which reading it drops again */
  if (file && fclose(file) != 0) written = false;
  return written ? CLI_DONE : cli_fail(CLI_FAILED, "%s could not be written", in);
}

int cli_bench_against(const cli_bench_arguments *arguments, const cli_text *text, json_t **found) {
  char folder[] = "/tmp/heta-bench-XXXXXX", in[HETA_PATH], out[HETA_PATH], script[HETA_PATH];
  char self[HETA_PATH];
  const char *python = arguments->python ? arguments->python : getenv("HETA_PYTORCH");
  if (!python && arguments->against == CLI_AGAINST_PEERS)
    return cli_fail(CLI_USAGE,
                    "--against peers needs a Python with torch, transformers, captum and "
                    "context-cite: name it with --python (bench/README.md says how it is "
                    "made)");
  if (!python)
    return cli_fail(CLI_USAGE, "--against pytorch needs a Python with torch and transformers: name "
                               "it with --python or in HETA_PYTORCH (scripts/oracle-venv.sh makes "
                               "one)");
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  self[length > 0 ? length : 0] = 0;
  if (!find_script(arguments, self, script))
    return cli_fail(CLI_USAGE,
                    "bench/%s of heta's source tree was not found: name it with --script",
                    script_of(arguments));
  int code = open_files(text, folder, in, out);
  if (!code) code = compare(arguments, python, script, self, in, out);
  if (!code) {
    json_error_t problem;
    *found = json_load_file(out, 0, &problem);
    if (!*found) code = cli_fail(CLI_FAILED, "%s: %s", out, problem.text);
  }
  unlink(in);
  unlink(out);
  rmdir(folder);
  return code;
}
