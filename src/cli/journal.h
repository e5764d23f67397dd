/* journal.h: the file that a batch writes, one line at a time. A program that dies leaves whole
 * lines and at most the beginning of one more, which the next run cuts off. */
#ifndef HETA_CLI_JOURNAL_H
#define HETA_CLI_JOURNAL_H

#include "cli/input.h"

typedef struct cli_journal {
  const char *path;
  int handle;
  cli_text stored; /* the whole lines that were there */
  size_t at;       /* in `stored`: what has been read again */
  size_t size;     /* of the file */
} cli_journal;

/* Checks, before any long work, that the name is one for lines and its folder exists. */
int cli_journal_check(const char *path);
/* Opens the file, made if need be, for this process alone; anew: without what it held. Returns
 * CLI_DONE or an exit code after saying why not. The caller closes it with cli_journal_close. */
int cli_journal_open(const char *path, bool anew, cli_journal *out);
/* The next line that was there, without its line break; false when there is none left. */
bool cli_journal_next(cli_journal *journal, const char **line, size_t *size);
/* Adds a line, and brings it to the disk. bytes[size] is overwritten with the line break. */
int cli_journal_add(cli_journal *journal, char *bytes, size_t size);
void cli_journal_close(cli_journal *journal);

#endif
