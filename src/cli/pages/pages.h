/* pages.h: manual pages and shell completion, written at build time from the tables that the parser
 * reads, by a program of its own (pages.c) that is not installed. */
#ifndef HETA_CLI_PAGES_PAGES_H
#define HETA_CLI_PAGES_PAGES_H

#include "cli/commands.h"

/* What a shell offers where a value or a word is expected. */
typedef enum pages_offer {
  PAGES_NOTHING, /* a number, a text: nothing can be guessed */
  PAGES_FILES,
  PAGES_CHOICES, /* those of `choices` */
  PAGES_METHODS  /* names of attribution methods */
} pages_offer;

pages_offer pages_offer_of(const cli_option *option);
/* For the words of a command that are no options. */
pages_offer pages_offer_of_words(const cli_command *command);

/* Calls `each` for every choice of "a|b|c" that can be typed as it stands ("token:", which takes a
 * number, cannot). */
void pages_each_choice(const char *choices, void (*each)(void *context, const char *choice),
                       void *context);

/* Option number `index` of all methods, each name once; NULL beyond the last. */
const heta_option_info *pages_method_option(size_t index);

/* "model-info" for "model info", into room of PAGES_NAME bytes, which is returned. */
enum { PAGES_NAME = 64 };
char *pages_name(const cli_command *command, char *room);

/* Each writes one whole file. */
void pages_write_overview(FILE *stream);                           /* heta.1: manual.c */
void pages_write_manual(FILE *stream, const cli_command *command); /* heta-COMMAND.1 */
void pages_write_bash(FILE *stream);                               /* bash.c */
void pages_write_zsh(FILE *stream);                                /* zsh.c */
void pages_write_fish(FILE *stream);                               /* fish.c */

#endif
