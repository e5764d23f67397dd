/* message.c: what the program says to people on standard error, and how it ends. */
#include "cli/cli.h"

#include "cli/progress.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

int cli_exit_code(heta_status status) {
  switch (status) {
  case HETA_OK: return CLI_DONE;
  case HETA_E_ARGUMENT: return CLI_USAGE;
  case HETA_E_UNSUPPORTED: return CLI_MODEL;
  case HETA_E_BUDGET: return CLI_BUDGET;
  case HETA_E_CHECK: return CLI_CHECK;
  default: return CLI_FAILED;
  }
}

/* File names and texts in a message may hold anything: none of it may act on the terminal. */
static void write_line(const char *before, const char *format, va_list arguments) {
  char line[2 * PATH_MAX];
  int length = vsnprintf(line, sizeof line, format, arguments);
  cli_progress_clear();
  fputs(before, stderr);
  if (length > 0) cli_print_safe(stderr, line, strlen(line));
  fputc('\n', stderr);
}

int cli_fail(int code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  write_line("heta: ", format, arguments);
  va_end(arguments);
  return code;
}

void cli_say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  write_line("", format, arguments);
  va_end(arguments);
}

/* Why standard output failed. An earlier write may have been the one that did, and its errno is
 * long gone: another byte behind what is truncated anyway asks the system again. */
static int reason_of_failure(void) {
  if (write(STDOUT_FILENO, "\n", 1) == 1) return EIO;
  return errno;
}

int cli_close_output(int code) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return code;
  int why = reason_of_failure();
  if (why == EPIPE) return CLI_PIPE;
  cli_fail(0, "standard output could not be written: %s", strerror(why));
  return code ? code : CLI_FAILED;
}
