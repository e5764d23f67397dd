/* input.h: the text to work on, from -p, -f or standard input; whole files. */
#ifndef HETA_CLI_INPUT_H
#define HETA_CLI_INPUT_H

#include "cli/options.h"

typedef struct cli_input {
  const char *prompt, *file; /* -p and -f */
} cli_input;

// clang-format off
/* The two rows that every command with a text has. `field` is its cli_input in `type`. */
#define CLI_INPUT_OPTIONS(type, field, heading)                                                   \
  {'p', "prompt", NULL, CLI_TEXT, offsetof(type, field.prompt), "TEXT", 0, 0, CLI_RIVAL_INPUT,    \
   heading, "the text itself"},                                                                   \
  {'f', "file", NULL, CLI_TEXT, offsetof(type, field.file), "FILE", 0, 0, CLI_RIVAL_INPUT, NULL,  \
   "read it from a file (-: standard input); one line break at the end is dropped"}
// clang-format on

enum { CLI_RIVAL_INPUT = 1 };

typedef struct cli_text {
  char *bytes; /* owned, NUL-terminated, may contain NUL bytes */
  size_t size;
} cli_text;

/* Gives the text, read from standard input when neither option is given and it is no terminal.
 * fallback: the text to take when nothing is given, or NULL to insist. Returns CLI_DONE or an exit
 * code after saying why. The caller frees text->bytes. */
int cli_read_input(const cli_input *input, const char *fallback, cli_text *text);
/* Reads a file ("-": standard input) that has to have a text, without one line break at its end. */
int cli_read_text_file(const char *path, cli_text *text);
/* Drops one line break at the end, which editors and echo write and no author meant as a token. */
void cli_drop_line_break(cli_text *text);
/* Reads a whole file. */
int cli_read_file(const char *path, cli_text *text);
/* Reads a stored result, or says why it cannot be read and returns the exit code. */
int cli_read_result(const char *path, heta_result **result);

/* Opens the model that -m names (heta_model_locate), or says why not and returns the exit code
 * (CLI_MODEL for a bad file). */
int cli_open_model(const char *name, heta_model **model);
/* The same for a stored result, with the model that the command line names, or NULL: the one that
 * the result does. */
int cli_open_recorded_model(const char *given, const char *recorded, heta_model **model);

#endif
