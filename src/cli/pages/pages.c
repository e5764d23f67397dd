/* pages.c: the program that writes manual pages and completion at build time: heta_pages FOLDER
 *
 * FOLDER/man1/heta.1 and heta-COMMAND.1, FOLDER/bash/heta, FOLDER/zsh/_heta, FOLDER/fish/heta.fish.
 * The four folders must exist. */
#include "cli/pages/pages.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

pages_offer pages_offer_of(const cli_option *option) {
  if (option->kind == CLI_CHOICE) return PAGES_CHOICES;
  if (option->argument && strncmp(option->argument, "FILE", 4) == 0) return PAGES_FILES;
  if (strcmp(option->name, "method") == 0) return PAGES_METHODS;
  return PAGES_NOTHING;
}

pages_offer pages_offer_of_words(const cli_command *command) {
  if (!command->word) return PAGES_NOTHING;
  if (strncmp(command->word, "FILE", 4) == 0) return PAGES_FILES;
  return command == &cli_methods ? PAGES_METHODS : PAGES_NOTHING;
}

void pages_each_choice(const char *choices, void (*each)(void *context, const char *choice),
                       void *context) {
  char choice[PAGES_NAME];
  for (const char *at = choices; at && *at;) {
    size_t length = strcspn(at, "|");
    if (length && length < sizeof choice && at[length - 1] != ':') {
      memcpy(choice, at, length);
      choice[length] = 0;
      each(context, choice);
    }
    at += length + (at[length] == '|');
  }
}

const heta_option_info *pages_method_option(size_t index) {
  for (size_t m = 0; m < heta_method_count(); m++) {
    const heta_method_info *method = heta_method_at(m);
    for (size_t i = 0; i < method->option_count; i++) {
      const char *name = method->options[i].name;
      bool known = false;
      for (size_t k = 0; k < m; k++) {
        if (cli_method_option(heta_method_at(k), name, strlen(name))) known = true;
      }
      if (!known && index-- == 0) return &method->options[i];
    }
  }
  return NULL;
}

char *pages_name(const cli_command *command, char *room) {
  snprintf(room, PAGES_NAME, "%s", command->name);
  for (char *c = room; *c; c++) *c = *c == ' ' ? '-' : *c;
  return room;
}

/* NULL after saying why. */
static FILE *create(const char *folder, const char *name, char path[PATH_MAX]) {
  int length = snprintf(path, PATH_MAX, "%s/%s", folder, name);
  FILE *stream = length > 0 && length < PATH_MAX ? fopen(path, "wb") : NULL;
  if (!stream) fprintf(stderr, "heta_pages: %s/%s: %s\n", folder, name, strerror(errno));
  return stream;
}

static bool finish(FILE *stream, const char *path) {
  bool fine = !ferror(stream);
  if (fclose(stream) != 0) fine = false;
  if (!fine) fprintf(stderr, "heta_pages: %s could not be written\n", path);
  return fine;
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*write)(FILE *stream);
  } files[] = {{"man1/heta.1", pages_write_overview},
               {"bash/heta", pages_write_bash},
               {"zsh/_heta", pages_write_zsh},
               {"fish/heta.fish", pages_write_fish}};
  char path[PATH_MAX], name[PAGES_NAME], file[PAGES_NAME + 16];
  if (argc != 2) {
    fprintf(stderr, "usage: heta_pages FOLDER\n");
    return CLI_USAGE;
  }
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    FILE *stream = create(argv[1], files[i].name, path);
    if (!stream) return CLI_FAILED;
    files[i].write(stream);
    if (!finish(stream, path)) return CLI_FAILED;
  }
  for (size_t i = 0; i < cli_command_count; i++) {
    snprintf(file, sizeof file, "man1/heta-%s.1", pages_name(cli_commands[i], name));
    FILE *stream = create(argv[1], file, path);
    if (!stream) return CLI_FAILED;
    pages_write_manual(stream, cli_commands[i]);
    if (!finish(stream, path)) return CLI_FAILED;
  }
  return CLI_DONE;
}
