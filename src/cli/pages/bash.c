/* bash.c: completion for bash 4 and later. Needs nothing else installed. */
#include "cli/pages/pages.h"

#include <string.h>

/* What stands before the tables: the command that is meant, and the word to complete. bash splits
 * words at "=", so that "--format=js" comes in three. */
static const char head[] =
    "# bash completion for heta, written from its option tables.\n"
    "_heta_words() {\n"
    "  mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$current\")\n"
    "}\n"
    "_heta_files() {\n"
    "  compopt -o filenames 2>/dev/null\n"
    "  mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
    "}\n"
    "_heta() {\n"
    "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
    "  local first=${COMP_WORDS[1]} second=${COMP_WORDS[2]-} command\n"
    "  COMPREPLY=()\n"
    "  if [[ $current == = ]]; then\n"
    "    current=\n"
    "  elif [[ $previous == = ]]; then\n"
    "    previous=${COMP_WORDS[COMP_CWORD-2]}\n"
    "  fi\n";

static void put_word(void *stream, const char *word) { fprintf(stream, " %s", word); }

static void put_methods(FILE *stream) {
  for (size_t i = 0; i < heta_method_count(); i++) fprintf(stream, " %s", heta_method_at(i)->name);
}

/* The line that offers something. */
static void offer(FILE *stream, pages_offer what, const char *choices) {
  switch (what) {
  case PAGES_NOTHING: fputs("return", stream); break;
  case PAGES_FILES: fputs("_heta_files; return", stream); break;
  case PAGES_CHOICES:
    fputs("_heta_words '", stream);
    pages_each_choice(choices, put_word, stream);
    fputs("'; return", stream);
    break;
  case PAGES_METHODS:
    fputs("_heta_words '", stream);
    put_methods(stream);
    fputs("'; return", stream);
    break;
  }
  fputs(" ;;\n", stream);
}

static void option_pattern(FILE *stream, const char *command, char letter, const char *name,
                           const char *alias) {
  fprintf(stream, "    '%s --%s'", command, name);
  if (letter) fprintf(stream, " | '%s -%c'", command, letter);
  if (alias) fprintf(stream, " | '%s --%s'", command, alias);
  fputs(") ", stream);
}

/* The values of a command's options; flags have none. */
static void option_values(FILE *stream, const cli_command *command) {
  const heta_option_info *option;
  for (size_t i = 0; i < command->option_count; i++) {
    const cli_option *own = &command->options[i];
    if (own->kind == CLI_FLAG) continue;
    option_pattern(stream, command->name, own->letter, own->name, own->alias);
    offer(stream, pages_offer_of(own), own->argument);
  }
  for (size_t i = 0; command->method_options && (option = pages_method_option(i)); i++) {
    if (option->type == HETA_OPTION_FLAG) continue;
    option_pattern(stream, command->name, 0, option->name, option->alias);
    offer(stream, option->choices ? PAGES_CHOICES : PAGES_NOTHING, option->choices);
  }
}

static void option_names(FILE *stream, const cli_command *command) {
  const heta_option_info *option;
  fprintf(stream, "      '%s') _heta_words '", command->name);
  for (size_t i = 0; i < command->option_count; i++) {
    fprintf(stream, " --%s", command->options[i].name);
  }
  for (size_t i = 0; command->method_options && (option = pages_method_option(i)); i++) {
    fprintf(stream, " --%s", option->name);
  }
  fputs(" --help' ;;\n", stream);
}

/* Whether an earlier command begins with the same word. */
static bool is_repeated(size_t index) {
  const char *name = cli_commands[index]->name;
  size_t length = strcspn(name, " ");
  for (size_t i = 0; i < index; i++) {
    const char *other = cli_commands[i]->name;
    if (strcspn(other, " ") == length && memcmp(other, name, length) == 0) return true;
  }
  return false;
}

/* The first words of all commands. */
static void command_words(FILE *stream) {
  for (size_t i = 0; i < cli_command_count; i++) {
    const char *name = cli_commands[i]->name;
    if (!is_repeated(i)) fprintf(stream, " %.*s", (int)strcspn(name, " "), name);
  }
}

/* The second words of commands such as "model info", by the first. */
static void second_words(FILE *stream) {
  for (size_t i = 0; i < cli_command_count; i++) {
    const char *name = cli_commands[i]->name;
    size_t first = strcspn(name, " ");
    if (!name[first] || is_repeated(i)) continue;
    fprintf(stream, "      %.*s) _heta_words '", (int)first, name);
    for (size_t k = i; k < cli_command_count; k++) {
      const char *other = cli_commands[k]->name;
      if (strncmp(other, name, first + 1) == 0) fputs(other + first, stream);
    }
    fputs("'; return ;;\n", stream);
  }
}

void pages_write_bash(FILE *stream) {
  fputs(head, stream);
  fputs("  if ((COMP_CWORD == 1)) && [[ $current != -* ]]; then\n    _heta_words '", stream);
  command_words(stream);
  fputs(" help'\n    return\n  fi\n  if ((COMP_CWORD == 2)); then\n    case $first in\n", stream);
  second_words(stream);
  fputs("      help) _heta_words '", stream);
  command_words(stream);
  fputs("'; return ;;\n    esac\n  fi\n  case \"$first $second\" in\n", stream);
  for (size_t i = 0; i < cli_command_count; i++) {
    const char *name = cli_commands[i]->name;
    fprintf(stream, "    '%s%s command='%s' ;;\n", name, strchr(name, ' ') ? "')" : " '*)", name);
  }
  fputs("    -*) command=attribute ;;\n    *) return ;;\n  esac\n"
        "  case \"$command $previous\" in\n",
        stream);
  for (size_t i = 0; i < cli_command_count; i++) option_values(stream, cli_commands[i]);
  fputs("  esac\n  if [[ $current == -* ]]; then\n    case $command in\n", stream);
  for (size_t i = 0; i < cli_command_count; i++) option_names(stream, cli_commands[i]);
  fputs("    esac\n    return\n  fi\n  case $command in\n", stream);
  for (size_t i = 0; i < cli_command_count; i++) {
    fprintf(stream, "    '%s') ", cli_commands[i]->name);
    offer(stream, pages_offer_of_words(cli_commands[i]), NULL);
  }
  fputs("  esac\n}\ncomplete -F _heta heta\n", stream);
}
