/* terminal.c: what a terminal can show, and text laid out for it. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool is_set(const char *variable) {
  const char *value = getenv(variable);
  return value && *value;
}

static bool has_dumb_name(void) {
  const char *term = getenv("TERM");
  return !term || !*term || strcmp(term, "dumb") == 0;
}

bool cli_is_terminal(FILE *stream) { return isatty(fileno(stream)) && !has_dumb_name(); }

heta_color cli_color(FILE *stream) {
  const char *force = getenv("CLICOLOR_FORCE"), *depth = getenv("COLORTERM");
  bool forced = force && *force && strcmp(force, "0") != 0;
  if (is_set("NO_COLOR")) return HETA_COLOR_NONE;
  if (!forced && !cli_is_terminal(stream)) return HETA_COLOR_NONE;
  if (depth && (strcmp(depth, "truecolor") == 0 || strcmp(depth, "24bit") == 0)) {
    return HETA_COLOR_TRUE;
  }
  return HETA_COLOR_256;
}

static size_t number_in(const char *variable) {
  const char *value = getenv(variable);
  char *end;
  if (!value || *value < '1' || *value > '9') return 0;
  unsigned long number = strtoul(value, &end, 10);
  return *end || number > 100000 ? 0 : number;
}

size_t cli_columns(FILE *stream) {
  struct winsize window = {0};
  size_t columns = number_in("COLUMNS");
  if (!columns && ioctl(fileno(stream), TIOCGWINSZ, &window) == 0) columns = window.ws_col;
  if (!columns) columns = 80;
  return columns < 20 ? 20 : columns > 500 ? 500 : columns;
}

size_t cli_lines(FILE *stream) {
  struct winsize window = {0};
  return ioctl(fileno(stream), TIOCGWINSZ, &window) == 0 ? window.ws_row : 0;
}

const char *cli_bold(FILE *stream) { return cli_color(stream) ? "\033[1m" : ""; }
const char *cli_dim(FILE *stream) { return cli_color(stream) ? "\033[2m" : ""; }
const char *cli_plain(FILE *stream) { return cli_color(stream) ? "\033[0m" : ""; }

char *cli_bytes_text(uint64_t bytes, char *room) {
  static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double amount = (double)bytes;
  size_t unit = 0;
  while (amount >= 1023.5 && unit + 1 < sizeof units / sizeof *units) amount /= 1024, unit++;
  snprintf(room, CLI_SHORT, unit && amount < 9.95 ? "%.1f %s" : "%.0f %s", amount, units[unit]);
  return room;
}

char *cli_duration_text(double seconds, char *room) {
  const double most = 1e9; /* thirty years: whatever lies beyond reads the same */
  double bounded = !(seconds > 0) ? 0 : seconds < most ? seconds : most;
  unsigned long whole = (unsigned long)(bounded + 0.5);
  if (whole < 1) {
    snprintf(room, CLI_SHORT, "less than a second");
  } else if (whole < 120) {
    snprintf(room, CLI_SHORT, "%lu s", whole);
  } else if (whole < 7200) {
    snprintf(room, CLI_SHORT, "%lu min %lu s", whole / 60, whole % 60);
  } else {
    snprintf(room, CLI_SHORT, "%lu h %lu min", whole / 3600, whole / 60 % 60);
  }
  return room;
}

char *cli_clock_text(double seconds, char *room) {
  unsigned long whole = seconds > 0 && seconds < 1e9 ? (unsigned long)seconds : 0;
  if (whole < 3600) {
    snprintf(room, CLI_SHORT, "%lu:%02lu", whole / 60, whole % 60);
  } else {
    snprintf(room, CLI_SHORT, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
  }
  return room;
}

size_t cli_character(const char *text, size_t size) {
  static const unsigned char least_second[] = {[0xE0 - 0xC0] = 0xA0, [0xF0 - 0xC0] = 0x90};
  const unsigned char *bytes = (const unsigned char *)text;
  if (!size) return 0;
  unsigned char first = bytes[0];
  if (first < 0x80) return 1;
  size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (!length || length > size) return 0;
  for (size_t i = 1; i < length; i++) {
    if ((bytes[i] & 0xC0) != 0x80) return 0;
  }
  /* No overlong forms, no surrogates, nothing above U+10FFFF. */
  if ((first == 0xE0 || first == 0xF0) && bytes[1] < least_second[first - 0xC0]) return 0;
  if ((first == 0xED && bytes[1] > 0x9F) || (first == 0xF4 && bytes[1] > 0x8F)) return 0;
  return length;
}

/* backslashes: whether "\\" is doubled, so that what is printed can be read back exactly. */
static size_t print_visible(FILE *stream, const char *bytes, size_t size, bool backslashes) {
  size_t width = 0;
  for (size_t i = 0; i < size;) {
    size_t length = cli_character(bytes + i, size - i);
    unsigned char byte = (unsigned char)bytes[i];
    /* C1 controls, U+0080 … U+009F, act on terminals as well. */
    bool c1 = length == 2 && byte == 0xC2 && (unsigned char)bytes[i + 1] < 0xA0;
    if (length && byte >= 0x20 && byte != 0x7F && !c1 && !(byte == '\\' && backslashes)) {
      fwrite(bytes + i, 1, length, stream);
      width += 1, i += length;
      continue;
    }
    const char *named = byte == '\n'   ? "\\n"
                        : byte == '\t' ? "\\t"
                        : byte == '\r' ? "\\r"
                        : byte == '\\' ? "\\\\"
                                       : NULL;
    if (named) {
      width += (size_t)fprintf(stream, "%s", named);
    } else {
      width += (size_t)fprintf(stream, "\\x%02x", byte);
    }
    i++;
  }
  return width;
}

size_t cli_print_escaped(FILE *stream, const char *bytes, size_t size) {
  return print_visible(stream, bytes, size, true);
}

void cli_print_safe(FILE *stream, const char *bytes, size_t size) {
  print_visible(stream, bytes, size, false);
}

/* Characters in [text, end), for laying out lines. */
static size_t width_of(const char *text, const char *end) {
  size_t width = 0;
  for (; text < end; text++) width += ((unsigned char)*text & 0xC0) != 0x80;
  return width;
}

static void new_line(FILE *stream, size_t indent) { fprintf(stream, "\n%*s", (int)indent, ""); }

void cli_print_wrapped(FILE *stream, const char *text, size_t at, size_t indent, size_t columns) {
  bool verbatim = *text == ' ', first = true;
  if (at < indent) fprintf(stream, "%*s", (int)(indent - at), ""), at = indent;
  while (*text) {
    if (*text == '\n' && (verbatim || text[1] == '\n')) {
      bool paragraph = text[1] == '\n';
      if (paragraph) fputc('\n', stream), text++;
      text++;
      verbatim = paragraph ? *text == ' ' : verbatim;
      if (!*text) break;
      new_line(stream, indent);
      at = indent, first = true;
      continue;
    }
    if (*text == '\n' || (*text == ' ' && !verbatim)) {
      text++;
      continue;
    }
    const char *end = text + strcspn(text, verbatim ? "\n" : " \n");
    size_t width = width_of(text, end);
    if (!first && at + 1 + width > columns) {
      new_line(stream, indent);
      at = indent, first = true;
    }
    if (!first) fputc(' ', stream), at++;
    fwrite(text, 1, (size_t)(end - text), stream);
    at += width, first = false;
    text = end;
  }
  fputc('\n', stream);
}
