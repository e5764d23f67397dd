/* cli.h: what every command of the program shares: exit codes, messages, the terminal.
 *
 * The program uses the public header only: nothing in this room knows the library's insides, and
 * its own shared functions are called cli_…, never heta_i_…. */
#ifndef HETA_CLI_CLI_H
#define HETA_CLI_CLI_H

#include <heta/heta.h>

#include <stdio.h>

/* Exit codes, listed in `heta help`. A signal that ended the program gives 128 + its number. */
enum {
  CLI_DONE = 0,
  CLI_FAILED = 1,
  CLI_USAGE = 2,
  CLI_ASSERT = 3, /* what --assert says does not hold */
  CLI_MODEL = 4,  /* the model file is unreadable or not supported */
  CLI_BUDGET = 5, /* --max-memory or --max-time does not suffice */
  CLI_CHECK = 6,  /* a numerical self-check failed */
  CLI_PIPE = 141  /* whoever read standard output went away */
};

enum { CLI_MESSAGE = 600 }; /* room for one sentence */

/* The exit code for a library call that failed. */
int cli_exit_code(heta_status status);

/* Writes "heta: sentence" to standard error, below a progress bar if one is shown; returns code. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same without the name in front: plans, notes and hints. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What the terminal behind a stream can show. NO_COLOR, CLICOLOR_FORCE, COLORTERM, TERM and COLUMNS
 * are honoured. */
bool cli_is_terminal(FILE *stream); /* one whose cursor can be moved: TERM is not "dumb" */
heta_color cli_color(FILE *stream);
size_t cli_columns(FILE *stream); /* 20 … 500 */
size_t cli_lines(FILE *stream);   /* 0 when unknown */

/* "\033[1m" and "\033[0m" when the stream shows colours, else "". */
const char *cli_bold(FILE *stream);
const char *cli_dim(FILE *stream);
const char *cli_plain(FILE *stream);

/* Text for people, each into room of 32 bytes, which is returned. */
enum { CLI_SHORT = 32 };
char *cli_bytes_text(uint64_t bytes, char *room);    /* "1.3 GiB" */
char *cli_duration_text(double seconds, char *room); /* "2 min 10 s" */
char *cli_clock_text(double seconds, char *room);    /* "2:10" */

/* Writes bytes of unknown content so that a terminal stays unharmed and a reader sees what they
 * are: control characters as \n or \x1b, bytes that are not UTF-8 as \xff. Returns the number of
 * characters written. */
size_t cli_print_escaped(FILE *stream, const char *bytes, size_t size);
/* The same for sentences, where a backslash stays as it is. */
void cli_print_safe(FILE *stream, const char *bytes, size_t size);
/* Text that need not end with a NUL; borrowed. */
typedef struct cli_text_view {
  const char *bytes;
  size_t size;
} cli_text_view;

/* Bytes of the UTF-8 character at text, 0 when there is none. */
size_t cli_character(const char *text, size_t size);

/* Writes paragraphs (separated by "\n\n"; one that begins with a space keeps its lines), every line
 * indented and at most `columns` wide. The cursor stands in column `at`. */
void cli_print_wrapped(FILE *stream, const char *text, size_t at, size_t indent, size_t columns);

/* Flushes standard output. Returns code, or the exit code for what went wrong with the stream. */
int cli_close_output(int code);

#endif
