/* fish.c: completion for fish, one line per command and option. */
#include "cli/pages/pages.h"

#include <string.h>

/* The command that the line means, "attribute" or "model info"; nothing before one is named. */
static const char head[] =
    "# fish completion for heta, written from its option tables.\n"
    "function __heta_is --description 'whether this command is meant'\n"
    "    set -l words (commandline -opc)\n"
    "    set -e words[1]\n"
    "    if string match -q -- '-*' $words[1]\n"
    "        set words attribute\n"
    "    end\n"
    "    set -l last (count $argv)\n"
    "    test (count $words) -ge $last; and test \"$words[1..$last]\" = \"$argv\"\n"
    "end\n"
    "function __heta_has_words --description 'how many words there are before this one'\n"
    "    test (count (commandline -opc)) -eq $argv[1]\n"
    "end\n"
    "complete -c heta -f\n";

/* Inside single quotes. */
static void put(FILE *stream, const char *text) {
  for (const char *c = text; *c; c++) {
    if (*c == '\'' || *c == '\\') fputc('\\', stream);
    fputc(*c, stream);
  }
}

static void put_choice(void *stream, const char *choice) { fprintf(stream, " %s", choice); }

static void offer(FILE *stream, pages_offer what, const char *choices) {
  if (what == PAGES_FILES) fputs(" -r -F", stream);
  if (what == PAGES_NOTHING) fputs(" -x", stream);
  if (what != PAGES_CHOICES && what != PAGES_METHODS) return;
  fputs(" -x -a '", stream);
  if (what == PAGES_CHOICES) pages_each_choice(choices, put_choice, stream);
  for (size_t i = 0; what == PAGES_METHODS && i < heta_method_count(); i++) {
    put_choice(stream, heta_method_at(i)->name);
  }
  fputc('\'', stream);
}

static void describe(FILE *stream, const char *text) {
  fputs(" -d '", stream);
  put(stream, text);
  fputs("'\n", stream);
}

static void condition(FILE *stream, const cli_command *command) {
  fprintf(stream, "complete -c heta -n '__heta_is %s'", command->name);
}

static void command_lines(FILE *stream, const cli_command *command) {
  const heta_option_info *option;
  for (size_t i = 0; i < command->option_count; i++) {
    const cli_option *own = &command->options[i];
    condition(stream, command);
    if (own->letter) fprintf(stream, " -s %c", own->letter);
    fprintf(stream, " -l %s", own->name);
    if (own->kind != CLI_FLAG) offer(stream, pages_offer_of(own), own->argument);
    describe(stream, own->text);
  }
  for (size_t i = 0; command->method_options && (option = pages_method_option(i)); i++) {
    condition(stream, command);
    fprintf(stream, " -l %s", option->name);
    if (option->type != HETA_OPTION_FLAG) {
      offer(stream, option->choices ? PAGES_CHOICES : PAGES_NOTHING, option->choices);
    }
    describe(stream, option->text);
  }
  condition(stream, command);
  fputs(" -s h -l help", stream);
  describe(stream, "show a page of help");
  pages_offer words = pages_offer_of_words(command);
  if (words == PAGES_NOTHING) return;
  condition(stream, command);
  fputs(words == PAGES_FILES ? " -F" : " -a '", stream);
  for (size_t i = 0; words == PAGES_METHODS && i < heta_method_count(); i++) {
    put_choice(stream, heta_method_at(i)->name);
  }
  fputs(words == PAGES_FILES ? "\n" : "'\n", stream);
}

void pages_write_fish(FILE *stream) {
  fputs(head, stream);
  fputs("complete -c heta -n '__heta_has_words 1' -a help", stream);
  describe(stream, "Shows help.");
  for (size_t i = 0; i < cli_command_count; i++) {
    const cli_command *command = cli_commands[i];
    const char *space = strchr(command->name, ' ');
    int first = (int)strcspn(command->name, " ");
    fprintf(stream, "complete -c heta -n '__heta_has_words 1' -a %.*s", first, command->name);
    describe(stream, command->summary);
    fprintf(stream, "complete -c heta -n '__heta_has_words 2; and __heta_is help' -a %.*s", first,
            command->name);
    describe(stream, command->summary);
    if (space) {
      fprintf(stream, "complete -c heta -n '__heta_has_words 2; and __heta_is %.*s' -a %s", first,
              command->name, space + 1);
      describe(stream, command->summary);
    }
    command_lines(stream, command);
  }
}
