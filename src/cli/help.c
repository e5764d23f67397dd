/* help.c: help pages, written from the same tables that the parser reads. */
#include "cli/options.h"

#include <math.h>
#include <string.h>

enum { TEXT_COLUMN = 28 };

static size_t page_width(FILE *stream) {
  size_t columns = cli_columns(stream);
  return columns > 100 ? 100 : columns;
}

static void heading(FILE *stream, const char *text) {
  fprintf(stream, "\n%s%s%s\n", cli_bold(stream), text, cli_plain(stream));
}

/* Prints what to type, broken after a '|' where it does not fit. Returns the columns of its last
 * line. */
static size_t print_left(FILE *stream, const char *left, size_t columns) {
  size_t width = 0, indent = strcspn(left, "|") < strlen(left) ? TEXT_COLUMN - 2 : 0;
  for (const char *at = left; *at;) {
    size_t piece = strcspn(at, "|");
    if (at[piece]) piece++;
    if (width + piece > columns) width = (size_t)fprintf(stream, "\n%*s", (int)indent, "") - 1;
    width += fwrite(at, 1, piece, stream);
    at += piece;
  }
  return width;
}

/* One entry: what to type on the left, what it does on the right. */
static void entry(FILE *stream, const char *left, const char *right) {
  size_t width = print_left(stream, left, page_width(stream));
  if (width + 2 > TEXT_COLUMN) fputc('\n', stream), width = 0;
  cli_print_wrapped(stream, right, width, TEXT_COLUMN, page_width(stream));
}

static void option_entry(FILE *stream, const cli_option *option) {
  char left[128], letter[8] = "    ";
  if (option->letter) snprintf(letter, sizeof letter, "-%c, ", option->letter);
  snprintf(left, sizeof left, "  %s--%s%s%s", letter, option->name, option->argument ? " " : "",
           option->argument ? option->argument : "");
  entry(stream, left, option->text);
}

static void range_text(const heta_option_info *option, char *room, size_t size) {
  bool low = isfinite(option->minimum) && option->minimum > -1e6;
  bool high = isfinite(option->maximum) && option->maximum < 1e6;
  if (option->choices || option->type == HETA_OPTION_FLAG || (!low && !high)) {
    room[0] = 0;
  } else if (low && high) {
    snprintf(room, size, "%.15g to %.15g; ", option->minimum, option->maximum);
  } else {
    snprintf(room, size, "%s %.15g; ", low ? "at least" : "at most",
             low ? option->minimum : option->maximum);
  }
}

/* How a value is written: "X", "N", "N|auto", or the choices, "zero|mean|token:N". That ":N" may be
 * left away is for the option's text to say. */
static void value_text(const heta_option_info *option, char *room, size_t size) {
  size_t used = 0;
  snprintf(room, size, "%s",
           option->type == HETA_OPTION_NUMBER    ? " X"
           : option->type == HETA_OPTION_INTEGER ? " N"
                                                 : "");
  if (!option->choices) return;
  used = strlen(room);
  room[used] = used ? '|' : ' ';
  used++;
  for (const char *c = option->choices; *c && used + 2 < size; c++) {
    if (*c != '[' && *c != ']') room[used++] = *c;
    if (*c == ':') room[used++] = 'N'; /* "token:" takes an integer */
  }
  room[used] = 0;
}

void cli_help_method_options(const heta_method_info *method, FILE *stream) {
  for (size_t i = 0; i < method->option_count; i++) {
    const heta_option_info *option = &method->options[i];
    char left[320], right[1024], range[96], value[256];
    range_text(option, range, sizeof range);
    value_text(option, value, sizeof value);
    snprintf(left, sizeof left, "      --%s%s", option->name, value);
    snprintf(right, sizeof right, "%s (%sdefault %s%s%s)", option->text, range,
             option->default_value, option->alias ? "; also --" : "",
             option->alias ? option->alias : "");
    entry(stream, left, right);
  }
}

void cli_help(const cli_command *command, const heta_method_info *method, FILE *stream) {
  size_t width = page_width(stream);
  fprintf(stream, "%sheta %s%s: ", cli_bold(stream), command->name, cli_plain(stream));
  cli_print_wrapped(stream, command->summary, strlen(command->name) + 7, 0, width);
  fprintf(stream, "\nUsage: heta %s %s\n", command->name, command->usage);
  for (size_t i = 0; i < command->option_count; i++) {
    const cli_option *option = &command->options[i];
    if (option->group || i == 0) heading(stream, option->group ? option->group : "Options");
    option_entry(stream, option);
  }
  entry(stream, "  -h, --help", "show this page");
  if (command->method_options && method && method->option_count) {
    char title[160];
    snprintf(title, sizeof title, "Options of the method %s (others: heta methods)", method->name);
    heading(stream, title);
    cli_help_method_options(method, stream);
  }
  if (command->notes) {
    fputc('\n', stream);
    cli_print_wrapped(stream, command->notes, 0, 0, width);
  }
}
