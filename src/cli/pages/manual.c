/* manual.c: manual pages in man(7), for groff and mandoc. */
#include "cli/pages/pages.h"

#include <ctype.h>
#include <string.h>

/* ---- Text as roff takes it ----------------------------------------------------------------- */

/* The code point of the UTF-8 character at text, which is sound. */
static unsigned long code_point(const char *text, size_t length) {
  static const unsigned char masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  unsigned long code = (unsigned char)text[0] & masks[length];
  for (size_t i = 1; i < length; i++) code = code << 6 | ((unsigned char)text[i] & 0x3F);
  return code;
}

/* Characters that mean something to roff are escaped, and all beyond ASCII named by number. */
static void put_bytes(FILE *stream, const char *text, size_t size) {
  for (size_t i = 0; i < size;) {
    size_t length = cli_character(text + i, size - i);
    bool line_start = i == 0 || text[i - 1] == '\n';
    if (length > 1) {
      fprintf(stream, "\\[u%04lX]", code_point(text + i, length));
    } else if (text[i] == '\\') {
      fputs("\\e", stream);
    } else if (text[i] == '-') {
      fputs("\\-", stream);
    } else if (text[i] == '\'') {
      fputs("\\(aq", stream);
    } else if (text[i] == '.' && line_start) {
      fputs("\\&.", stream);
    } else {
      fputc(text[i], stream);
    }
    i += length ? length : 1;
  }
}

static void put(FILE *stream, const char *text) { put_bytes(stream, text, strlen(text)); }

/* A sentence of its own line, which begins with no white space. */
static void line(FILE *stream, const char *text) {
  put(stream, text);
  fputc('\n', stream);
}

/* Paragraphs separated by "\n\n"; one that begins with a space keeps its lines. */
static void paragraphs(FILE *stream, const char *text) {
  for (bool first = true; *text; first = false) {
    const char *end = strstr(text, "\n\n");
    size_t size = end ? (size_t)(end - text) : strlen(text);
    bool kept = *text == ' ';
    if (!first) fputs(".PP\n", stream);
    if (kept) fputs(".nf\n", stream);
    put_bytes(stream, text, size);
    fputs(kept ? "\n.fi\n" : "\n", stream);
    text += size;
    while (*text == '\n') text++;
  }
}

static void title(FILE *stream, const char *name) {
  fputs(".TH ", stream);
  for (const char *c = name; *c; c++) {
    if (*c == '-')
      fputs("\\-", stream);
    else
      fputc(toupper((unsigned char)*c), stream);
  }
  fprintf(stream, " 1 \"\" \"heta %s\" \"heta manual\"\n", heta_version());
}

/* ---- Options ------------------------------------------------------------------------------- */

static void option_entry(FILE *stream, const cli_option *option) {
  fputs(".TP\n", stream);
  if (option->letter) fprintf(stream, "\\fB\\-%c\\fR, ", option->letter);
  fputs("\\fB\\-\\-", stream);
  put(stream, option->name);
  fputs("\\fR", stream);
  if (option->argument) {
    fputs(" \\fI", stream);
    put(stream, option->argument);
    fputs("\\fR", stream);
  }
  fputc('\n', stream);
  put(stream, option->text);
  if (option->alias) {
    fputs(" (also \\fB\\-\\-", stream);
    put(stream, option->alias);
    fputs("\\fR)", stream);
  }
  fputc('\n', stream);
}

static void method_option_entry(FILE *stream, const heta_option_info *option) {
  static const char *const values[] = {
      [HETA_OPTION_NUMBER] = "X", [HETA_OPTION_INTEGER] = "N", [HETA_OPTION_FLAG] = NULL};
  bool choice = option->type == HETA_OPTION_CHOICE;
  const char *value = choice ? option->choices : values[option->type];
  fputs(".TP\n\\fB\\-\\-", stream);
  put(stream, option->name);
  fputs("\\fR", stream);
  if (value) {
    fputs(" \\fI", stream);
    put(stream, value);
    fputs("\\fR", stream);
  }
  fputc('\n', stream);
  put(stream, option->text);
  fputs(" (default ", stream);
  put(stream, option->default_value);
  if (option->alias) {
    fputs("; also \\fB\\-\\-", stream);
    put(stream, option->alias);
    fputs("\\fR", stream);
  }
  fputs(")\n", stream);
}

static void method_options(FILE *stream) {
  fputs(".SH METHODS\nWhat each method computes: \\fBheta\\-methods\\fR(1).\n", stream);
  for (size_t m = 0; m < heta_method_count(); m++) {
    const heta_method_info *method = heta_method_at(m);
    fputs(".SS ", stream);
    line(stream, method->name);
    line(stream, method->summary);
    for (size_t i = 0; i < method->option_count; i++) {
      method_option_entry(stream, &method->options[i]);
    }
  }
}

/* What `heta methods NAME` tells. */
static void methods(FILE *stream) {
  fputs(".SH METHODS\n", stream);
  for (size_t m = 0; m < heta_method_count(); m++) {
    const heta_method_info *method = heta_method_at(m);
    fputs(".SS ", stream);
    line(stream, method->name);
    line(stream, method->summary);
    fputs(".PP\n", stream);
    paragraphs(stream, method->about);
    fputs(".PP\nCost: ", stream);
    line(stream, method->cost);
    fputs(".PP\nSource: ", stream);
    line(stream, method->source);
  }
}

/* ---- Pages --------------------------------------------------------------------------------- */

static void exit_status(FILE *stream) {
  fputs(".SH EXIT STATUS\n", stream);
  for (size_t i = 0; i < cli_exit_meaning_count; i++) {
    fprintf(stream, ".TP\n\\fB%d\\fR\n", cli_exit_meanings[i].code);
    line(stream, cli_exit_meanings[i].meaning);
  }
}

/* A command as its manual page is called, "heta\-model\-info". */
static void put_page(FILE *stream, const cli_command *command) {
  char name[PAGES_NAME];
  fputs("heta\\-", stream);
  put(stream, pages_name(command, name));
}

void pages_write_manual(FILE *stream, const cli_command *command) {
  char name[PAGES_NAME], page[PAGES_NAME + 8];
  snprintf(page, sizeof page, "heta-%s", pages_name(command, name));
  title(stream, page);
  fputs(".SH NAME\n", stream);
  put_page(stream, command);
  fputs(" \\- ", stream);
  line(stream, command->summary);
  fputs(".SH SYNOPSIS\n\\fBheta ", stream);
  put(stream, command->name);
  fputs("\\fR ", stream);
  line(stream, command->usage);
  if (command->notes) {
    fputs(".SH DESCRIPTION\n", stream);
    paragraphs(stream, command->notes);
  }
  fputs(".SH OPTIONS\n", stream);
  for (size_t i = 0; i < command->option_count; i++) {
    if (command->options[i].group) {
      fputs(".SS ", stream);
      line(stream, command->options[i].group);
    }
    option_entry(stream, &command->options[i]);
  }
  fputs(".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nshow a page of help\n", stream);
  if (command->method_options) method_options(stream);
  if (command == &cli_methods) methods(stream);
  exit_status(stream);
  fputs(".SH SEE ALSO\n\\fBheta\\fR(1)\n", stream);
}

void pages_write_overview(FILE *stream) {
  static const char *const variables[][2] = {
      {"NO_COLOR", "no colours, when set to anything"},
      {"CLICOLOR_FORCE", "colours also where there is no terminal, when set to anything but 0"},
      {"COLORTERM", "\"truecolor\" or \"24bit\" for all colours; 256 otherwise"},
      {"TERM", "\"dumb\" for a terminal that shows text and nothing else"},
      {"COLUMNS", "width of the lines, when it is not to be the terminal's"},
      {"OMP_WAIT_POLICY",
       "how threads wait for each other: unless it is set, they spin briefly, then "
       "sleep"},
  };
  title(stream, "heta");
  fputs(".SH NAME\nheta \\- explain which words made a language model write the next one\n"
        ".SH SYNOPSIS\n\\fBheta\\fR [\\fICOMMAND\\fR] [\\fIOPTIONS\\fR]\n"
        ".SH DESCRIPTION\n"
        "heta reads a model file and gives every token of a prompt a score for how much it made\n"
        "the model write the next one, with the parts the score is made of and their standard\n"
        "errors. Without a command, \\fBattribute\\fR is meant.\n"
        ".SH COMMANDS\n",
        stream);
  for (size_t i = 0; i < cli_command_count; i++) {
    fputs(".TP\n\\fB", stream);
    put_page(stream, cli_commands[i]);
    fputs("\\fR(1)\n", stream);
    line(stream, cli_commands[i]->summary);
  }
  fputs(".TP\n\\fBheta help\\fR [\\fICOMMAND\\fR]\nShows help.\n"
        ".TP\n\\fBheta \\-\\-version\\fR\nPrints the version.\n",
        stream);
  exit_status(stream);
  fputs(".SH ENVIRONMENT\n", stream);
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
    fprintf(stream, ".TP\n\\fB%s\\fR\n", variables[i][0]);
    line(stream, variables[i][1]);
  }
  fputs(".SH SEE ALSO\n", stream);
  for (size_t i = 0; i < cli_command_count; i++) {
    fputs("\\fB", stream);
    put_page(stream, cli_commands[i]);
    fputs(i + 1 < cli_command_count ? "\\fR(1),\n" : "\\fR(1)\n", stream);
  }
}
