/* zsh.c: completion for zsh, one _arguments call per command. */
#include "cli/pages/pages.h"

#include <string.h>

/* Text inside single quotes and inside a specification of _arguments or _describe. */
static void put(FILE *stream, const char *text) {
  for (const char *c = text; *c; c++) {
    if (*c == '\'') {
      fputs("'\\''", stream);
    } else {
      if (strchr("[]:\\", *c)) fputc('\\', stream);
      fputc(*c, stream);
    }
  }
}

static void put_choice(void *stream, const char *choice) { fprintf(stream, " %s", choice); }

static void put_methods(FILE *stream) {
  for (size_t i = 0; i < heta_method_count(); i++) fprintf(stream, " %s", heta_method_at(i)->name);
}

/* ":message:action" */
static void value(FILE *stream, const char *message, pages_offer what, const char *choices) {
  fputc(':', stream);
  put(stream, what == PAGES_CHOICES ? "one of" : message);
  fputc(':', stream);
  if (what == PAGES_FILES) fputs("_files", stream);
  if (what == PAGES_NOTHING) fputc(' ', stream);
  if (what == PAGES_CHOICES || what == PAGES_METHODS) {
    fputc('(', stream);
    if (what == PAGES_CHOICES) pages_each_choice(choices, put_choice, stream);
    if (what == PAGES_METHODS) put_methods(stream);
    fputc(')', stream);
  }
}

static void own_option(FILE *stream, const cli_option *option) {
  bool flag = option->kind == CLI_FLAG, list = option->kind == CLI_LIST;
  const char *names[] = {NULL, option->name};
  char letter[2] = {option->letter, 0};
  names[0] = option->letter ? letter : NULL;
  for (size_t i = 0; i < 2; i++) {
    if (!names[i]) continue;
    fputs(" \\\n        '", stream);
    if (list) {
      fputc('*', stream);
    } else if (option->letter) {
      fprintf(stream, "(-%c --%s)", option->letter, option->name);
    }
    fprintf(stream, "%s%s%s[", i ? "--" : "-", names[i], flag ? "" : i ? "=" : "+");
    put(stream, option->text);
    fputc(']', stream);
    if (!flag) value(stream, option->argument, pages_offer_of(option), option->argument);
    fputc('\'', stream);
  }
}

static void method_option(FILE *stream, const heta_option_info *option) {
  bool flag = option->type == HETA_OPTION_FLAG;
  fprintf(stream, " \\\n        '--%s%s[", option->name, flag ? "" : "=");
  put(stream, option->text);
  fputc(']', stream);
  if (!flag) {
    value(stream, "a number", option->choices ? PAGES_CHOICES : PAGES_NOTHING, option->choices);
  }
  fputc('\'', stream);
}

static void command_case(FILE *stream, const cli_command *command) {
  const heta_option_info *option;
  fprintf(stream, "    '%s')\n      _arguments -s -S", command->name);
  for (size_t i = 0; i < command->option_count; i++) own_option(stream, &command->options[i]);
  for (size_t i = 0; command->method_options && (option = pages_method_option(i)); i++) {
    method_option(stream, option);
  }
  fputs(" \\\n        '(-h --help)'{-h,--help}'[show a page of help]'", stream);
  if (command->word) {
    fprintf(stream, " \\\n        '%s", command->most_words > 1 ? "*" : "");
    value(stream, command->word, pages_offer_of_words(command), NULL);
    fputc('\'', stream);
  }
  fputs(" ;;\n", stream);
}

/* Commands and what they do, as _describe takes them: the first words, or those after `first`. */
static void described(FILE *stream, const char *first) {
  size_t skip = first ? strlen(first) + 1 : 0;
  for (size_t i = 0; i < cli_command_count; i++) {
    const char *name = cli_commands[i]->name;
    if (first && strncmp(name, first, skip - 1) != 0) continue;
    if (first && name[skip - 1] != ' ') continue;
    fprintf(stream, " '%.*s:", (int)strcspn(name + skip, " "), name + skip);
    put(stream, cli_commands[i]->summary);
    fputc('\'', stream);
  }
}

void pages_write_zsh(FILE *stream) {
  fputs("#compdef heta\n# zsh completion for heta, written from its option tables.\n"
        "_heta() {\n  local command=$words[2]\n  local -a list\n"
        "  if ((CURRENT == 2)) && [[ $command != -* ]]; then\n    list=(",
        stream);
  described(stream, NULL);
  fputs(" 'help:Shows help.')\n    _describe command list\n    return\n  fi\n"
        "  [[ $command == -* ]] && command=attribute "
        "words=($words[1] attribute \"${(@)words[2,-1]}\") && "
        "((CURRENT++))\n  case $command in\n    help) list=(",
        stream);
  described(stream, NULL);
  fputs("); ((CURRENT == 3)) && _describe command list; return ;;\n", stream);
  for (size_t i = 0; i < cli_command_count; i++) {
    const char *name = cli_commands[i]->name, *space = strchr(name, ' ');
    char first[PAGES_NAME];
    if (!space) continue;
    snprintf(first, sizeof first, "%.*s", (int)(space - name), name);
    fprintf(stream, "    %s)\n      if ((CURRENT == 3)); then\n        list=(", first);
    described(stream, first);
    fputs(")\n        _describe command list\n        return\n      fi\n"
          "      command+=\" $words[3]\"; shift words; ((CURRENT--)) ;;\n",
          stream);
  }
  fputs("  esac\n  shift words; ((CURRENT--))\n  case $command in\n", stream);
  for (size_t i = 0; i < cli_command_count; i++) command_case(stream, cli_commands[i]);
  fputs("  esac\n}\n_heta \"$@\"\n", stream);
}
