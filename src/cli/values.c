/* values.c: numbers, sizes, durations and choices as people type them. */
#include "cli/options.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

bool cli_read_count(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *count) {
  char *end;
  if (*text < '0' || *text > '9') return false; /* strtoull would take signs and spaces */
  bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  errno = 0;
  unsigned long long number = strtoull(text, &end, hexadecimal ? 16 : 10);
  if (errno || *end || end == text || number < minimum || number > maximum) return false;
  *count = number;
  return true;
}

bool cli_read_number(const char *text, double minimum, double maximum, double *number) {
  char *end;
  /* strtod would take signs, spaces, names and hexadecimal digits. */
  if (!*text || text[strspn(text, "0123456789.eE+-")] || strchr("eE+-", *text)) return false;
  double value = strtod(text, &end);
  if (*end || end == text || !(value >= minimum && value <= maximum)) return false;
  *number = value;
  return true;
}

/* A plain decimal number ("2", "1.5", ".5") at *text; moves *text behind it. */
static bool read_decimal(const char **text, double *number) {
  size_t digits = strspn(*text, "0123456789"), more = 0;
  if ((*text)[digits] == '.') more = strspn(*text + digits + 1, "0123456789");
  if (!digits && !more) return false;
  size_t length = digits + ((*text)[digits] == '.' ? 1 + more : 0);
  char room[64];
  if (length >= sizeof room) return false;
  memcpy(room, *text, length);
  room[length] = 0;
  *number = strtod(room, NULL);
  *text += length;
  return true;
}

bool cli_read_size(const char *text, uint64_t *bytes) {
  static const char letters[] = "KMGTP";
  double number, unit = 1;
  if (!read_decimal(&text, &number)) return false;
  while (*text == ' ') text++;
  char letter = *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text;
  const char *found = letter ? strchr(letters, letter) : NULL;
  if (found) {
    text++;
    /* G and GiB count in 1024s, GB in 1000s. */
    bool thousands = (*text == 'B' || *text == 'b') && !text[1];
    for (const char *step = letters; step <= found; step++) unit *= thousands ? 1000 : 1024;
    if (*text == 'i' && (text[1] == 'B' || text[1] == 'b')) text++;
  }
  if (*text == 'B' || *text == 'b') text++;
  if (*text || number * unit < 1 || number * unit >= 0x1p63) return false;
  *bytes = (uint64_t)(number * unit);
  return true;
}

bool cli_read_duration(const char *text, double *seconds) {
  static const struct {
    const char *name;
    double seconds;
  } units[] = {{"ms", 1e-3}, {"s", 1}, {"min", 60}, {"m", 60}, {"h", 3600}, {"d", 86400}};
  double total = 0, number, largest = INFINITY;
  if (!*text) return false;
  while (*text) {
    double unit = 0;
    if (!read_decimal(&text, &number)) return false;
    while (*text == ' ') text++;
    for (size_t i = 0; i < sizeof units / sizeof *units && !unit; i++) {
      size_t length = strlen(units[i].name);
      if (strncmp(text, units[i].name, length) == 0) unit = units[i].seconds, text += length;
    }
    if (!unit && (*text || largest < INFINITY)) return false;
    if (!unit) unit = 1;               /* a bare number is seconds */
    if (unit >= largest) return false; /* "2m1h" and "1m1m" are slips */
    largest = unit;
    total += number * unit;
    while (*text == ' ') text++;
  }
  if (!(total > 0) || total > 1e9) return false;
  *seconds = total;
  return true;
}

/* Two counts with a mark between them. */
static bool read_pair(const char *text, char mark, uint64_t most, uint64_t *left, uint64_t *right) {
  const char *at = strchr(text, mark);
  char first[32];
  if (!at || (size_t)(at - text) >= sizeof first) return false;
  memcpy(first, text, (size_t)(at - text));
  first[at - text] = 0;
  return cli_read_count(at + 1, 1, most, right) && cli_read_count(first, 0, most, left);
}

bool cli_read_span(const char *text, cli_span *span) {
  uint64_t start, end;
  if (!read_pair(text, ':', SIZE_MAX, &start, &end) || start >= end) return false;
  *span = (cli_span){.start = (size_t)start, .end = (size_t)end};
  return true;
}

bool cli_read_part(const char *text, cli_part *part) {
  uint64_t number, parts;
  if (!read_pair(text, '/', 1000000, &number, &parts) || !number || number > parts) return false;
  *part = (cli_part){.number = (size_t)number, .parts = (size_t)parts};
  return true;
}

int cli_read_choice(const char *text, const char *choices) {
  size_t length = strlen(text);
  for (int index = 0;; index++) {
    size_t width = strcspn(choices, "|");
    if (width == length && memcmp(choices, text, width) == 0) return index;
    if (!choices[width]) return -1;
    choices += width + 1;
  }
}

/* ---- Fields -------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static bool refuse(char message[CLI_MESSAGE],
                                                         const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, CLI_MESSAGE, format, arguments);
  va_end(arguments);
  return false;
}

static bool refuse_choice(char message[CLI_MESSAGE], const char *shown, const char *value,
                          const char *choices) {
  char readable[160];
  size_t used = 0;
  for (const char *c = choices; *c && used + 3 < sizeof readable; c++) {
    if (*c == '|')
      readable[used++] = ',', readable[used++] = ' ';
    else
      readable[used++] = *c;
  }
  readable[used] = 0;
  return refuse(message, "%s: '%s' is not one of %s", shown, value, readable);
}

static bool refuse_count(char message[CLI_MESSAGE], const cli_option *option, const char *shown,
                         const char *value) {
  if (option->maximum == UINT64_MAX) {
    return refuse(message, "%s: '%s' is not a whole number from %llu on, below 2^64", shown, value,
                  (unsigned long long)option->minimum);
  }
  return refuse(message, "%s: '%s' is not a whole number from %llu to %llu", shown, value,
                (unsigned long long)option->minimum, (unsigned long long)option->maximum);
}

bool cli_store(const cli_option *option, void *arguments, const char *shown, const char *value,
               char message[CLI_MESSAGE]) {
  void *field = (char *)arguments + option->offset;
  switch (option->kind) {
  case CLI_FLAG: *(bool *)field = true; return true;
  case CLI_TEXT: *(const char **)field = value; return true;
  case CLI_LIST: return refuse(message, "%s is a list", shown);
  case CLI_COUNT:
    return cli_read_count(value, option->minimum, option->maximum, field) ||
           refuse_count(message, option, shown, value);
  case CLI_NUMBER:
    return cli_read_number(value, (double)option->minimum, (double)option->maximum, field) ||
           refuse(message, "%s: '%s' is not a number from %llu to %llu", shown, value,
                  (unsigned long long)option->minimum, (unsigned long long)option->maximum);
  case CLI_SIZE:
    return cli_read_size(value, field) ||
           refuse(message, "%s: '%s' is not a size such as 1.3G, 800M or 512MiB", shown, value);
  case CLI_DURATION:
    return cli_read_duration(value, field) ||
           refuse(message, "%s: '%s' is not a duration such as 90s, 2m or 1h30m", shown, value);
  case CLI_CHOICE: {
    int choice = cli_read_choice(value, option->argument);
    if (choice < 0) return refuse_choice(message, shown, value, option->argument);
    *(int *)field = choice;
    return true;
  }
  case CLI_PART:
    return cli_read_part(value, field) ||
           refuse(message, "%s: '%s' is not a part such as 1/4 (the first of four)", shown, value);
  case CLI_SPAN:
    return cli_read_span(value, field) ||
           refuse(message, "%s: '%s' is not a span such as 3:9 (bytes 3 to 8 of the answer)", shown,
                  value);
  }
  return false;
}
