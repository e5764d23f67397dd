/* main.c: the heta program: picks the command and runs it. */
#define _GNU_SOURCE /* RTLD_DEFAULT */

#include "cli/commands.h"
#include "cli/file.h"
#include "cli/interrupt.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uclean.h>
#include <unistd.h>

static const char ending[] =
    "heta COMMAND -h shows a command's options. Without a command, attribute is meant. "
    "heta --version prints the version.";

/* "0 done, 1 failed, …" as one paragraph. */
static void print_exit_codes(FILE *stream, size_t columns) {
  char text[1024];
  size_t used = 0;
  for (size_t i = 0; i < cli_exit_meaning_count && used < sizeof text; i++) {
    const cli_exit_meaning *one = &cli_exit_meanings[i];
    const char *between = i + 1 < cli_exit_meaning_count ? ", " : ".";
    used += (size_t)snprintf(text + used, sizeof text - used, "%d %s%s", one->code, one->meaning,
                             between);
  }
  cli_print_wrapped(stream, text, 0, 2, columns);
}

static void print_overview(FILE *stream) {
  const char *bold = cli_bold(stream), *plain = cli_plain(stream);
  size_t columns = cli_columns(stream) > 100 ? 100 : cli_columns(stream);
  fprintf(stream, "%sheta%s %s: which words made a language model write the next one?\n\n", bold,
          plain, heta_version());
  fprintf(stream, "  heta -m model.gguf -p 'The capital of France is'\n\n");
  fprintf(stream, "%sCommands%s\n", bold, plain);
  for (size_t i = 0; i < cli_command_count; i++) {
    fprintf(stream, "  heta %-12s", cli_commands[i]->name);
    cli_print_wrapped(stream, cli_commands[i]->summary, 19, 19, columns);
  }
  fputc('\n', stream);
  cli_print_wrapped(stream, ending, 0, 2, columns);
  fprintf(stream, "\n%sExit codes%s\n", bold, plain);
  print_exit_codes(stream, columns);
}

/* The command that argv[1…] name, and how many words its name has; NULL when there is none. */
static const cli_command *find_command(int count, char *const *words, int *used) {
  for (size_t i = 0; i < cli_command_count; i++) {
    const char *name = cli_commands[i]->name, *space = strchr(name, ' ');
    size_t first = space ? (size_t)(space - name) : strlen(name);
    if (strlen(words[0]) != first || memcmp(words[0], name, first) != 0) continue;
    if (space && (count < 2 || strcmp(words[1], space + 1) != 0)) continue;
    *used = space ? 2 : 1;
    return cli_commands[i];
  }
  return NULL;
}

/* What `heta help WORD…` is about: a command, or the first one of several with that first word. */
static const cli_command *find_topic(int count, char *const *words) {
  int used;
  const cli_command *command = find_command(count, words, &used);
  for (size_t i = 0; i < cli_command_count && !command; i++) {
    const char *name = cli_commands[i]->name;
    size_t first = strcspn(name, " ");
    if (strlen(words[0]) == first && memcmp(words[0], name, first) == 0) command = cli_commands[i];
  }
  return command;
}

static int refuse_command(const char *word) {
  cli_nearest nearest = {.name = word, .length = strlen(word)};
  const char *dot = strrchr(word, '.');
  if (dot && strcmp(dot, ".gguf") == 0) {
    return cli_fail(CLI_USAGE, "a model file is named with -m: heta -m %s -p TEXT", word);
  }
  for (size_t i = 0; i < cli_command_count; i++) cli_nearest_try(&nearest, cli_commands[i]->name);
  cli_nearest_try(&nearest, "help");
  if (strcmp(word, "model") == 0) {
    return cli_fail(CLI_USAGE, "heta model needs another word: model info, model list or model "
                               "pull");
  }
  if (nearest.best) {
    return cli_fail(CLI_USAGE, "there is no command '%.60s': did you mean heta %s?", word,
                    nearest.best);
  }
  return cli_fail(CLI_USAGE, "there is no command '%.60s': heta help lists all", word);
}

static int show_command_help(const cli_command *command) {
  cli_help(command, heta_method_find(heta_attribute_options_default().method), stdout);
  return cli_close_output(CLI_DONE);
}

static int show_help(int count, char *const *words) {
  if (!count) {
    print_overview(stdout);
    return cli_close_output(CLI_DONE);
  }
  const cli_command *command = find_topic(count, words);
  if (!command) return refuse_command(words[0]);
  return show_command_help(command);
}

static int run_command(const cli_command *command, int count, char *const *words, int argc,
                       char *const *argv) {
  char message[CLI_MESSAGE];
  int code;
  void *arguments = calloc(1, command->arguments_size);
  if (!arguments) return cli_fail(CLI_FAILED, "out of memory");
  if (!cli_parse(command, count, words, argc, argv, arguments, message)) {
    code = cli_fail(CLI_USAGE, "%s", message);
    cli_say("heta %s -h shows the options", command->name);
  } else if (((cli_parsed *)arguments)->help) {
    code = show_command_help(command);
  } else {
    code = command->run(arguments);
  }
  cli_release(command, arguments);
  free(arguments);
  return code;
}

/* A program started with a standard stream closed would get that number for the next file it opens
 * and write its results into it. The stand-ins fail on every read and write. */
static void hold_standard_streams(void) {
  for (int handle = STDIN_FILENO; handle <= STDERR_FILENO; handle++) {
    if (fcntl(handle, F_GETFD) == -1 && errno == EBADF) {
      int opened = open("/dev/null", handle == STDIN_FILENO ? O_WRONLY : O_RDONLY);
      if (opened != handle && opened >= 0) close(opened);
    }
  }
}

/* Threads of a loop wait for each other thousands of times a second. By default they spin, which is
 * fine on an idle machine and many times slower as soon as another program wants a core; to sleep
 * at once costs a tenth on an idle one. So they spin for some microseconds and then sleep. The
 * OpenMP runtime reads how to wait before main begins: set it, and begin again. */
static void wait_patiently(char **argv) {
  if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT")) return;
  if (setenv("OMP_WAIT_POLICY", "passive", 1) == 0 && setenv("GOMP_SPINCOUNT", "10000", 1) == 0)
    execv("/proc/self/exe", argv);
}

static void memory_ended(void) {
  static const char sentence[] =
      "heta: out of memory: the system refused a block to a library that does not go on without; "
      "no file is left half written\n";
  ssize_t said = write(STDERR_FILENO, sentence, sizeof sentence - 1);
  (void)said;
  cli_file_abandon();
  _exit(CLI_FAILED);
}

/* oneDNN is written in C++ and throws what no C program can catch, when it is refused memory. C++
 * asks a handler before it throws: std::set_new_handler, in the run-time library that oneDNN
 * brings. */
static void expect_cpp_to_end(void) {
  void (*set)(void (*)(void));
  void *found = dlsym(RTLD_DEFAULT, "_ZSt15set_new_handlerPFvvE");
  memcpy(&set, &found, sizeof set);
  if (set) set(memory_ended);
}

/* Jansson drops a character of a text, and says nothing, when it is refused the room for it. */
static void *block_or_end(size_t size) {
  void *block = malloc(size);
  if (!block) memory_ended();
  return block;
}

/* ICU reads address 0, or waits for itself, when it is refused the blocks of its default locale. */
static void *U_CALLCONV icu_block(const void *context, size_t size) {
  (void)context;
  return block_or_end(size);
}
static void *U_CALLCONV icu_resize(const void *context, void *block, size_t size) {
  void *resized = realloc(block, size);
  (void)context;
  if (!resized) memory_ended();
  return resized;
}
static void U_CALLCONV icu_free(const void *context, void *block) {
  (void)context;
  free(block);
}

static void expect_end_of_memory(void) {
  UErrorCode code = U_ZERO_ERROR;
  expect_cpp_to_end();
  json_set_alloc_funcs(block_or_end, free);
  u_setMemoryFunctions(NULL, icu_block, icu_resize, icu_free, &code);
}

/* A file that grows beyond ulimit -f would end the program with its temporary files left behind;
 * ignored, the write fails and says why. */
static void expect_full_files(void) { signal(SIGXFSZ, SIG_IGN); }

int main(int argc, char **argv) {
  int used = 0;
  wait_patiently(argv);
  expect_end_of_memory();
  hold_standard_streams();
  expect_full_files();
  cli_interrupt_install();
  if (argc < 2) {
    print_overview(stderr);
    return CLI_USAGE;
  }
  const char *first = argv[1];
  if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0) {
    printf("heta %s\n", heta_version());
    return cli_close_output(CLI_DONE);
  }
  if (strcmp(first, "help") == 0) return show_help(argc - 2, argv + 2);
  if (strcmp(first, "-h") == 0 || strcmp(first, "--help") == 0) return show_help(0, NULL);
  const cli_command *command = find_command(argc - 1, argv + 1, &used);
  if (!command && first[0] == '-') command = &cli_attribute;
  if (!command) return refuse_command(first);
  return run_command(command, argc - 1 - used, argv + 1 + used, argc, argv);
}
