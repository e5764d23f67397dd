/* output.c: writes results to standard output and, never half, to files. */
#include "cli/output.h"

#include "cli/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int cli_write_stream(void *context, const void *bytes, size_t size) {
  FILE *stream = context;
  if (fwrite(bytes, 1, size, stream) == size) return 0;
  return errno ? errno : EIO;
}

/* The report format for a file name, or NULL. */
static const char *format_of(const char *path) {
  static const struct {
    const char *extension, *format;
  } known[] = {{".json", "json"}, {".jsonl", "jsonl"}, {".html", "html"}, {".htm", "html"},
               {".csv", "csv"},   {".npz", "npz"},     {".svg", "svg"},   {".txt", "term"}};
  static const char *const others[] = {"inseq", "flashtrace"}; /* NAME.inseq.json … */
  const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
  size_t length = strlen(path);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    char ending[CLI_SHORT];
    size_t size = (size_t)snprintf(ending, sizeof ending, ".%s.json", others[i]);
    if (length > size && strcmp(path + length - size, ending) == 0) return others[i];
  }
  if (!dot || (slash && dot < slash)) return NULL;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (strcmp(dot, known[i].extension) == 0) return known[i].format;
  }
  return NULL;
}

static int check_file(const char *path, bool overwrite) {
  char directory[PATH_MAX];
  struct stat about;
  if (!format_of(path)) {
    return cli_fail(CLI_USAGE,
                    "--output: the name '%s' must end in .json, .jsonl, .html, .csv, "
                    ".npz, .svg, .inseq.json, .flashtrace.json or .txt",
                    path);
  }
  if (!cli_directory_of(path, directory)) {
    return cli_fail(CLI_USAGE, "--output: the name '%.60s…' is too long", path);
  }
  if (stat(path, &about) == 0) {
    if (!S_ISREG(about.st_mode)) {
      return cli_fail(CLI_USAGE, "--output: '%s' exists and is not a plain file", path);
    }
    if (!overwrite) {
      return cli_fail(CLI_USAGE, "--output: '%s' exists; add -y to replace it", path);
    }
  }
  if (stat(directory, &about) != 0 || !S_ISDIR(about.st_mode)) {
    return cli_fail(CLI_FAILED, "--output: there is no directory '%s' for '%s'", directory, path);
  }
  /* Only trying tells: rights, quotas and read-only mounts do not all show in the mode. */
  int why = cli_file_try(directory);
  if (!why) return CLI_DONE;
  return cli_fail(CLI_FAILED, "--output: '%s' cannot be written: '%s' takes no new files: %s", path,
                  directory, strerror(why));
}

int cli_output_check(const cli_output *output) {
  for (size_t i = 0; i < output->files.count; i++) {
    const char *path = output->files.items[i];
    for (size_t k = 0; k < i; k++) {
      if (strcmp(path, output->files.items[k]) == 0) {
        return cli_fail(CLI_USAGE, "--output: '%s' is named twice", path);
      }
    }
    int code = check_file(path, output->overwrite);
    if (code) return code;
  }
  return CLI_DONE;
}

cli_format cli_output_format(const cli_output *output) {
  if (output->format != CLI_FORMAT_AUTO) return (cli_format)output->format;
  return isatty(STDOUT_FILENO) ? CLI_FORMAT_TERM : CLI_FORMAT_JSON;
}

/* Returns 0 or errno, or CLI_FILE_SAID after the library's own failure. */
static int write_whole(FILE *stream, const char *path, const heta_attribution *attribution,
                       const heta_report_options *options) {
  heta_error error = {0};
  errno = 0;
  heta_status status =
      heta_report_write(attribution, format_of(path), options, cli_write_stream, stream, &error);
  if (status == HETA_E_IO || ferror(stream)) return errno ? errno : EIO;
  if (!status) return 0;
  cli_fail(0, "'%s' was not written: %s", path, error.message);
  return CLI_FILE_SAID;
}

static int write_file(const char *path, bool overwrite, const heta_attribution *attribution,
                      const heta_report_options *options) {
  cli_file file;
  int code = cli_file_open(path, overwrite, &file);
  if (code) return code;
  return cli_file_close(&file, write_whole(file.stream, path, attribution, options));
}

static int write_stdout(const cli_output *output, const heta_attribution *attribution,
                        heta_report_options *options) {
  static const char *const names[] = {NULL,  "term", "json",  "jsonl",      "html",
                                      "svg", "csv",  "inseq", "flashtrace", NULL};
  const char *format = names[cli_output_format(output)];
  heta_error error = {0};
  if (!format) return CLI_DONE;
  options->color = cli_color(stdout);
  options->columns = cli_columns(stdout);
  heta_status status =
      heta_report_write(attribution, format, options, cli_write_stream, stdout, &error);
  if (status && status != HETA_E_IO) return cli_fail(cli_exit_code(status), "%s", error.message);
  return cli_close_output(CLI_DONE);
}

int cli_output_write(const cli_output *output, const heta_attribution *attribution, int argc,
                     char *const *argv) {
  heta_report_options options = heta_report_options_default();
  const char **command = calloc((size_t)argc + 1, sizeof *command);
  int code = CLI_DONE;
  if (!command) return cli_fail(CLI_FAILED, "out of memory");
  for (int i = 0; i < argc; i++) command[i] = argv[i];
  options.command = argv ? command : NULL;
  options.command_count = (size_t)argc;
  options.title = output->title;
  options.level = (heta_level)output->level;
  for (size_t i = 0; i < output->files.count; i++) {
    options.color = HETA_COLOR_NONE;
    int failed = write_file(output->files.items[i], output->overwrite, attribution, &options);
    if (failed) code = failed;
  }
  int failed = write_stdout(output, attribution, &options);
  free(command);
  return failed ? failed : code;
}
