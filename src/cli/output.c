/* output.c: writes results to standard output and, never half, to files. */
#define _XOPEN_SOURCE 700 /* realpath */

#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The temporary file being written, for cli_output_abandon. Written before `pending` is set. */
static char temporary[PATH_MAX];
static volatile int pending;

void cli_output_abandon(void) {
  if (pending) unlink(temporary);
}

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

/* The directory a path is in, into room of PATH_MAX bytes. */
static bool directory_of(const char *path, char *room) {
  const char *slash = strrchr(path, '/');
  size_t length = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);
  if (length >= PATH_MAX || strlen(path) >= PATH_MAX) return false;
  memcpy(room, slash ? path : ".", length);
  room[length] = 0;
  return true;
}

/* Creates an empty file with a name of its own; returns its handle, or -1 with errno set. */
static int create_temporary(const char *directory) {
  int length = snprintf(temporary, sizeof temporary, "%s/.heta-XXXXXX", directory);
  if (length < 0 || length >= (int)sizeof temporary) {
    errno = ENAMETOOLONG;
    return -1;
  }
  int handle = mkstemp(temporary);
  if (handle >= 0) pending = 1;
  return handle;
}

static void remove_temporary(void) {
  if (pending) unlink(temporary);
  pending = 0;
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
  if (!directory_of(path, directory)) {
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
  int handle = create_temporary(directory);
  if (handle < 0) {
    return cli_fail(CLI_FAILED, "--output: '%s' cannot be written: '%s' takes no new files: %s",
                    path, directory, strerror(errno));
  }
  remove_temporary();
  close(handle);
  return CLI_DONE;
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

/* Writes and brings to the disk; returns 0 or errno, or -1 after the library's own failure, which
 * has been said. */
static int write_whole(FILE *stream, const char *path, const heta_attribution *attribution,
                       const heta_report_options *options) {
  heta_error error = {0};
  errno = 0;
  heta_status status =
      heta_report_write(attribution, format_of(path), options, cli_write_stream, stream, &error);
  if (status == HETA_E_IO || ferror(stream)) return errno ? errno : EIO;
  if (status) {
    cli_fail(0, "'%s' was not written: %s", path, error.message);
    return -1;
  }
  if (fflush(stream) != 0 || fsync(fileno(stream)) != 0) return errno ? errno : EIO;
  return 0;
}

/* Gives the finished temporary file its name; returns 0 or errno. Where nothing may be replaced, a
 * link fails if the name was taken meanwhile (a file system without links gets a rename). */
static int put_in_place(const char *path, bool overwrite) {
  if (!overwrite) {
    if (link(temporary, path) == 0) return unlink(temporary) == 0 ? 0 : errno;
    if (errno == EEXIST) return EEXIST;
  }
  return rename(temporary, path) == 0 ? 0 : errno;
}

static void sync_directory(const char *directory) {
  int handle = open(directory, O_RDONLY);
  if (handle < 0) return;
  fsync(handle); /* some file systems refuse; the file itself is on the disk already */
  close(handle);
}

static int write_file(const char *given, bool overwrite, const heta_attribution *attribution,
                      const heta_report_options *options) {
  char directory[PATH_MAX], resolved[PATH_MAX];
  /* Behind a symbolic link the file it points to is replaced, not the link. */
  const char *path = realpath(given, resolved) ? resolved : given;
  int handle = -1;
  errno = ENAMETOOLONG;
  if (directory_of(path, directory)) handle = create_temporary(directory);
  if (handle < 0) {
    return cli_fail(CLI_FAILED, "'%s' was not written: no file could be created for it: %s", given,
                    strerror(errno));
  }
  mode_t mask = umask(0); /* mkstemp makes private files; this one gets the usual rights */
  umask(mask);
  FILE *stream = fdopen(handle, "wb");
  int why = stream ? write_whole(stream, path, attribution, options) : errno;
  if (fchmod(handle, 0666 & ~mask) != 0 && !why) why = errno;
  if ((stream ? fclose(stream) : close(handle)) != 0 && !why) why = errno;
  if (!why) why = put_in_place(path, overwrite);
  bool taken = why == EEXIST; /* the work of hours is not thrown away over a name */
  if (why && !taken) remove_temporary();
  pending = 0;
  if (taken) {
    return cli_fail(CLI_FAILED, "'%s' was created by someone else meanwhile: the result is in '%s'",
                    given, temporary);
  }
  if (why > 0) {
    cli_fail(0, "'%s' was not written and nothing is left behind: %s", given, strerror(why));
  }
  if (!why) sync_directory(directory);
  return why ? CLI_FAILED : CLI_DONE;
}

static int write_stdout(const cli_output *output, const heta_attribution *attribution,
                        heta_report_options *options) {
  static const char *const names[] = {NULL,  "term",  "json",       "jsonl",
                                      "csv", "inseq", "flashtrace", NULL};
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
