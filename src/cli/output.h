/* output.h: where results go: standard output and any number of files, each whole or not there
 * (file.h). */
#ifndef HETA_CLI_OUTPUT_H
#define HETA_CLI_OUTPUT_H

#include "cli/options.h"

typedef enum cli_format {
  CLI_FORMAT_AUTO = 0, /* term on a terminal, json elsewhere */
  CLI_FORMAT_TERM,
  CLI_FORMAT_JSON,
  CLI_FORMAT_JSONL,
  CLI_FORMAT_HTML,
  CLI_FORMAT_SVG,
  CLI_FORMAT_CSV,
  CLI_FORMAT_INSEQ,
  CLI_FORMAT_FLASHTRACE,
  CLI_FORMAT_NONE
} cli_format;

typedef struct cli_output {
  cli_list files;
  int format; /* a cli_format, of standard output */
  bool overwrite;
  const char *title;
  int level; /* a heta_level */
} cli_output;

// clang-format off
/* The rows of the commands that write results. `field` is their cli_output in `type`. */
#define CLI_OUTPUT_OPTIONS(type, field)                                                           \
  {'o', "output", NULL, CLI_LIST, offsetof(type, field.files), "FILE", 0, 0, 0, "Output",         \
   "write the result to FILE, a .html, .json, .jsonl, .csv, .npz, .svg, .inseq.json, "            \
   ".flashtrace.json or .txt; may be repeated"},                                                  \
  {'y', "overwrite", NULL, CLI_FLAG, offsetof(type, field.overwrite), NULL, 0, 0, 0, NULL,        \
   "replace output files that exist"},                                                           \
  {0, "format", NULL, CLI_CHOICE, offsetof(type, field.format),                                   \
   "auto|term|json|jsonl|html|svg|csv|inseq|flashtrace|none", 0, 0, 0, NULL,                      \
   "what standard output gets; auto: term on a terminal, else json"},                             \
  {'G', "level", "granularity", CLI_CHOICE, offsetof(type, field.level),                          \
   "token|word|sentence|line|message|document", 0, 0, 0, NULL,                                    \
   "what scores are summed over and shown together; inseq and flashtrace know tokens only"},      \
  {0, "title", NULL, CLI_TEXT, offsetof(type, field.title), "TEXT", 0, 0, 0, NULL,                \
   "title of the HTML page"}
// clang-format on

/* Checks, before any long work, that every file can be written: a known extension, a directory that
 * takes new files, nothing there that must not be replaced, no file named twice. Returns CLI_DONE
 * or an exit code after saying why. */
int cli_output_check(const cli_output *output);
/* The cli_format standard output will get: never AUTO. */
cli_format cli_output_format(const cli_output *output);
/* Writes every file, then standard output; goes on when one fails. argv is recorded in the result;
 * NULL leaves the command that the result itself names.
 * Returns CLI_DONE or the exit code of the last failure. */
int cli_output_write(const cli_output *output, const heta_attribution *attribution, int argc,
                     char *const *argv);

/* A heta_write_fn onto the FILE in `context`. */
int cli_write_stream(void *context, const void *bytes, size_t size);

#endif
