/* options.c: reads a command line by its command's table.
 *
 * Accepted: -m FILE, -mFILE, -qy (flags together), -sys TEXT, --model FILE, --model=FILE, "--"
 * before words that begin with a dash, "-" as a word. Refused: an option given twice that is no
 * list, two rivals, abbreviations, and everything unknown, with the nearest name. */
#include "cli/options.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef struct parser {
  const cli_command *command;
  cli_parsed *parsed; /* the head of the arguments */
  char *arguments;
  char *message;
  int count, next; /* words, and the next one to read */
  char *const *words;
  bool *seen; /* per option of the table */
} parser;

__attribute__((format(printf, 2, 3))) static bool refuse(parser *p, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(p->message, CLI_MESSAGE, format, arguments);
  va_end(arguments);
  return false;
}

/* Names are the same when they differ in '_' for '-' only. */
static bool same_name(const char *name, const char *typed, size_t length) {
  if (!name || strlen(name) != length) return false;
  for (size_t i = 0; i < length; i++) {
    if (name[i] != (typed[i] == '_' ? '-' : typed[i]) && name[i] != typed[i]) return false;
  }
  return true;
}

/* ---- The nearest name ---------------------------------------------------------------------- */

enum { LONGEST = 48 };

/* Edits (insert, delete, replace, swap neighbours) from a to b, at most LONGEST long each. */
static size_t edits(const char *a, size_t m, const char *b, size_t n) {
  size_t table[LONGEST + 1][LONGEST + 1];
  for (size_t i = 0; i <= m; i++) table[i][0] = i;
  for (size_t j = 0; j <= n; j++) table[0][j] = j;
  for (size_t i = 1; i <= m; i++) {
    for (size_t j = 1; j <= n; j++) {
      size_t best = table[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      if (table[i - 1][j] + 1 < best) best = table[i - 1][j] + 1;
      if (table[i][j - 1] + 1 < best) best = table[i][j - 1] + 1;
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped && table[i - 2][j - 2] + 1 < best) best = table[i - 2][j - 2] + 1;
      table[i][j] = best;
    }
  }
  return table[m][n];
}

void cli_nearest_try(cli_nearest *nearest, const char *candidate) {
  size_t length = candidate ? strlen(candidate) : 0;
  if (!length || length > LONGEST || !nearest->length || nearest->length > LONGEST) return;
  size_t distance = edits(nearest->name, nearest->length, candidate, length);
  /* A beginning of three letters or more is a good guess too: --pred for --predict. */
  bool beginning = nearest->length >= 3 && nearest->length < length &&
                   memcmp(nearest->name, candidate, nearest->length) == 0;
  size_t limit = length <= 3 ? 1 : length <= 7 ? 2 : 3;
  if (beginning) distance = 1;
  if (distance > limit || distance >= nearest->length) return;
  if (!nearest->best || distance < nearest->distance) {
    nearest->best = candidate;
    nearest->distance = distance;
  }
}

static bool refuse_unknown(parser *p, const char *typed, size_t length) {
  cli_nearest nearest = {.name = typed, .length = length};
  for (size_t i = 0; i < p->command->option_count; i++) {
    cli_nearest_try(&nearest, p->command->options[i].name);
    cli_nearest_try(&nearest, p->command->options[i].alias);
  }
  for (size_t m = 0; p->command->method_options && m < heta_method_count(); m++) {
    const heta_method_info *method = heta_method_at(m);
    for (size_t i = 0; i < method->option_count; i++) {
      cli_nearest_try(&nearest, method->options[i].name);
      cli_nearest_try(&nearest, method->options[i].alias);
    }
  }
  cli_nearest_try(&nearest, "help");
  if (nearest.best) {
    return refuse(p, "unknown option --%.*s: did you mean --%s?", (int)length, typed, nearest.best);
  }
  return refuse(p, "unknown option --%.*s", (int)length, typed);
}

/* ---- Values -------------------------------------------------------------------------------- */

static bool list_add(parser *p, cli_list *list, const char *text) {
  /* Never longer than the command line: one allocation holds whatever comes. */
  if (!list->items) list->items = calloc((size_t)p->count + 1, sizeof *list->items);
  if (!list->items) return refuse(p, "out of memory");
  list->items[list->count++] = text;
  return true;
}

/* Stores a value; `shown` is the option as it was typed, "--threads" or "-t". */
static bool store(parser *p, const cli_option *option, const char *shown, const char *value) {
  size_t index = (size_t)(option - p->command->options);
  for (size_t i = 0; i < p->command->option_count; i++) {
    const cli_option *other = &p->command->options[i];
    if (i == index || !p->seen[i] || !option->rivals || other->rivals != option->rivals) continue;
    return refuse(p, "%s and --%s exclude each other", shown, other->name);
  }
  if (p->seen[index] && option->kind != CLI_LIST && option->kind != CLI_FLAG) {
    return refuse(p, "%s is given twice", shown);
  }
  p->seen[index] = true;
  if (option->kind == CLI_LIST)
    return list_add(p, (cli_list *)(void *)(p->arguments + option->offset), value);
  return cli_store(option, p->arguments, shown, value, p->message);
}

/* ---- Options ------------------------------------------------------------------------------- */

const cli_option *cli_find_option(const cli_command *command, const char *name, size_t length) {
  for (size_t i = 0; i < command->option_count; i++) {
    const cli_option *option = &command->options[i];
    if (same_name(option->name, name, length) || same_name(option->alias, name, length)) {
      return option;
    }
  }
  return NULL;
}

const heta_option_info *cli_method_option(const heta_method_info *method, const char *name,
                                          size_t length) {
  for (size_t i = 0; method && i < method->option_count; i++) {
    const heta_option_info *option = &method->options[i];
    if (same_name(option->name, name, length) || same_name(option->alias, name, length)) {
      return option;
    }
  }
  return NULL;
}

/* The next word as an option's value. */
static const char *take_value(parser *p, const char *shown, const char *what) {
  if (p->next < p->count) return p->words[p->next++];
  refuse(p, "%s needs a value: %s", shown, what);
  return NULL;
}

/* An option of some method: which method is meant may be known only later, so the value is kept and
 * checked against the chosen method's table when all is read. */
static bool read_method_option(parser *p, const heta_option_info *option, const char *shown,
                               const char *value) {
  if (!value && option->type == HETA_OPTION_FLAG) value = "yes";
  if (!value) {
    value = take_value(p, shown, option->choices ? option->choices : "a number");
    if (!value) return false;
  }
  cli_parsed *parsed = p->parsed;
  for (size_t i = 0; i < parsed->method_option_count; i++) {
    if (strcmp(parsed->method_options[i].name, option->name) == 0) {
      return refuse(p, "%s is given twice", shown);
    }
  }
  if (!parsed->method_options) {
    parsed->method_options = calloc((size_t)p->count + 2, sizeof *parsed->method_options);
    if (!parsed->method_options) return refuse(p, "out of memory");
  }
  parsed->method_options[parsed->method_option_count++] =
      (heta_option){.name = option->name, .value = value};
  return true;
}

static bool read_long(parser *p, const char *word) {
  const char *name = word + 2, *equals = strchr(name, '=');
  size_t length = equals ? (size_t)(equals - name) : strlen(name);
  const char *value = equals ? equals + 1 : NULL;
  char shown[80];
  snprintf(shown, sizeof shown, "--%.*s", (int)length, name);
  if (same_name("help", name, length) && !value) return p->parsed->help = true;
  const cli_option *option = cli_find_option(p->command, name, length);
  if (option) {
    if (option->kind == CLI_FLAG && value) return refuse(p, "%s takes no value", shown);
    if (option->kind != CLI_FLAG && !value) {
      value = take_value(p, shown, option->argument);
      if (!value) return false;
    }
    return store(p, option, shown, value);
  }
  for (size_t m = 0; p->command->method_options && m < heta_method_count(); m++) {
    const heta_option_info *own = cli_method_option(heta_method_at(m), name, length);
    if (own) return read_method_option(p, own, shown, value);
  }
  return refuse_unknown(p, name, length);
}

/* A second name of three letters may have one dash: -sys, as llama.cpp has it. */
static const cli_option *find_short_name(const parser *p, const char *word) {
  for (size_t i = 0; i < p->command->option_count; i++) {
    const cli_option *option = &p->command->options[i];
    if (option->alias && strlen(option->alias) == 3 && strcmp(option->alias, word + 1) == 0) {
      return option;
    }
  }
  return NULL;
}

static bool read_letters(parser *p, const char *word) {
  const cli_option *named = find_short_name(p, word);
  if (named) {
    const char *value = take_value(p, word, named->argument);
    return value && store(p, named, word, value);
  }
  for (const char *letter = word + 1; *letter; letter++) {
    const char shown[] = {'-', *letter, 0};
    const cli_option *option = NULL;
    if (*letter == 'h') return p->parsed->help = true;
    for (size_t i = 0; i < p->command->option_count && !option; i++) {
      if (p->command->options[i].letter == *letter) option = &p->command->options[i];
    }
    if (!option && word[2] && letter == word + 1) {
      return refuse(p, "unknown option %.60s (long options begin with two dashes)", word);
    }
    if (!option) return refuse(p, "unknown option %s", shown);
    if (option->kind == CLI_FLAG) {
      if (!store(p, option, shown, NULL)) return false;
      continue;
    }
    const char *value = letter[1] ? letter + 1 : take_value(p, shown, option->argument);
    return value && store(p, option, shown, value);
  }
  return true;
}

bool cli_parse(const cli_command *command, int count, char *const *words, int whole_count,
               char *const *whole, void *arguments, char message[CLI_MESSAGE]) {
  cli_parsed *parsed = arguments;
  parser p = {.command = command,
              .parsed = parsed,
              .arguments = arguments,
              .message = message,
              .count = count,
              .words = words};
  bool fine = true, options_over = false;
  parsed->argc = whole_count;
  parsed->argv = whole;
  if (command->set_defaults) command->set_defaults(arguments);
  p.seen = calloc(command->option_count + 1, sizeof *p.seen);
  if (!p.seen) return refuse(&p, "out of memory");
  while (fine && p.next < count && !parsed->help) {
    const char *word = words[p.next++];
    if (options_over || word[0] != '-' || !word[1]) {
      fine = list_add(&p, &parsed->words, word);
    } else if (strcmp(word, "--") == 0) {
      options_over = true;
    } else {
      fine = word[1] == '-' ? read_long(&p, word) : read_letters(&p, word);
    }
  }
  free(p.seen);
  if (!fine || parsed->help) return fine;
  const cli_list *list = &parsed->words;
  if (list->count > command->most_words) {
    const char *extra = list->items[command->most_words];
    bool prompt = !command->most_words && command->method_options;
    return prompt ? refuse(&p, "'%.60s' belongs to no option: a text is given with -p TEXT", extra)
                  : refuse(&p, "'%.60s' is one argument too many", extra);
  }
  if (list->count < command->least_words) {
    return refuse(&p, "%s %s is missing", list->count ? "another" : "the", command->word);
  }
  return true;
}

void cli_release(const cli_command *command, void *arguments) {
  cli_parsed *parsed = arguments;
  for (size_t i = 0; i < command->option_count; i++) {
    if (command->options[i].kind != CLI_LIST) continue;
    cli_list *list = (cli_list *)(void *)((char *)arguments + command->options[i].offset);
    free(list->items);
    *list = (cli_list){0};
  }
  free(parsed->words.items);
  free(parsed->method_options);
  parsed->words = (cli_list){0};
  parsed->method_options = NULL;
  parsed->method_option_count = 0;
}
