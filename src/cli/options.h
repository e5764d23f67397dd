/* options.h: one table per command feeds the parser, the help, the usage errors and the nearest
 * match. The options of attribution methods come from the methods' own tables in the library, so a
 * new method or option needs no change here. */
#ifndef HETA_CLI_OPTIONS_H
#define HETA_CLI_OPTIONS_H

#include "cli/cli.h"

/* The kind decides the type of the field an option fills. */
typedef enum cli_kind {
  CLI_FLAG,     /* bool */
  CLI_TEXT,     /* const char *, borrowed from argv */
  CLI_LIST,     /* cli_list: the option may be repeated */
  CLI_COUNT,    /* uint64_t from minimum to maximum, decimal or 0x… */
  CLI_NUMBER,   /* double from minimum to maximum: "0.8"; negative when not given */
  CLI_SIZE,     /* uint64_t bytes: "1.3G", "800M", "512MiB", "2GB" */
  CLI_DURATION, /* double seconds: "90", "90s", "2m", "1h30m" */
  CLI_CHOICE,   /* int, the index in `argument`: "auto|yes|no" */
  CLI_PART,     /* cli_part: "2/4" */
  CLI_SPAN      /* cli_span: "3:9" */
} cli_kind;

typedef struct cli_list {
  const char **items; /* owned; the strings are borrowed from argv */
  size_t count;
} cli_list;

typedef struct cli_part {
  size_t number, parts; /* 1-based; 0/0 when not given */
} cli_part;

typedef struct cli_span {
  size_t start, end; /* half-open, not empty; 0:0 when not given */
} cli_span;

typedef struct cli_option {
  char letter;       /* 'm' for -m, or 0 */
  const char *name;  /* "model" for --model */
  const char *alias; /* a second long name, or NULL */
  cli_kind kind;
  size_t offset;             /* of the field in the command's struct of arguments */
  const char *argument;      /* how the help names the value: "FILE"; a choice: "auto|yes|no" */
  uint64_t minimum, maximum; /* CLI_COUNT, CLI_NUMBER */
  int rivals;                /* options with the same non-zero number exclude one another */
  const char *group;         /* a heading of the help, which begins with this option; or NULL */
  const char *text;          /* the help's sentence */
} cli_option;

/* What parsing yields besides the options' fields: the first member of every argument struct. */
typedef struct cli_parsed {
  bool help;
  cli_list words;              /* arguments that are no options */
  heta_option *method_options; /* owned list of borrowed strings */
  size_t method_option_count;
  int argc; /* as given, for the record in the result */
  char *const *argv;
} cli_parsed;

typedef struct cli_command {
  const char *name;    /* "attribute", "model info" */
  const char *summary; /* one line */
  const char *usage;   /* what follows the name: "-m MODEL -p TEXT [options]" */
  const cli_option *options;
  size_t option_count;
  const char *word; /* what its words are: "FILE", or NULL when it takes none */
  size_t least_words, most_words;
  bool method_options; /* it takes the options of attribution methods */
  size_t arguments_size;
  void (*set_defaults)(void *arguments); /* on zeroed arguments; or NULL */
  int (*run)(void *arguments);           /* returns the exit code */
  const char *notes;                     /* the end of its help, or NULL */
} cli_command;

/* Reads the arguments after the command's name into a zeroed struct. `whole` and `whole_count` are
 * the complete command line. On failure `message` holds one sentence. -h and --help set
 * parsed.help and stop the parsing. The caller releases with cli_release, also after a failure. */
bool cli_parse(const cli_command *command, int count, char *const *words, int whole_count,
               char *const *whole, void *arguments, char message[CLI_MESSAGE]);
void cli_release(const cli_command *command, void *arguments);

/* The command's option of a name or alias, or NULL; '_' and '-' are the same. */
const cli_option *cli_find_option(const cli_command *command, const char *name, size_t length);
/* Fills the field of an option that is no list with a value as it is typed (of a flag: none).
 * `shown` names the option in the sentence that a failure writes into `message`. values.c */
bool cli_store(const cli_option *option, void *arguments, const char *shown, const char *value,
               char message[CLI_MESSAGE]);
/* The method's row for an option name or alias, or NULL. '_' and '-' are the same in names. */
const heta_option_info *cli_method_option(const heta_method_info *method, const char *name,
                                          size_t length);

/* The candidate closest to a mistyped name; `best` stays NULL when none is close. Start with the
 * name and its length. */
typedef struct cli_nearest {
  const char *name; /* what was typed */
  size_t length;
  const char *best;
  size_t distance;
} cli_nearest;
void cli_nearest_try(cli_nearest *nearest, const char *candidate);

/* Values of the kinds above; false when the text is none. values.c */
bool cli_read_count(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *count);
bool cli_read_number(const char *text, double minimum, double maximum, double *number);
bool cli_read_size(const char *text, uint64_t *bytes);
bool cli_read_duration(const char *text, double *seconds);
bool cli_read_part(const char *text, cli_part *part);
bool cli_read_span(const char *text, cli_span *span);
/* The index of text[0, length) among "a|b|c", or -1. */
int cli_read_choice(const char *text, const char *choices);

/* Writes the command's help. method: whose options to show where the command takes any. help.c */
void cli_help(const cli_command *command, const heta_method_info *method, FILE *stream);
/* Writes the rows of a method's option table as help lines. */
void cli_help_method_options(const heta_method_info *method, FILE *stream);

#endif
