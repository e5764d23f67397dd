/* file.h: files that are never half written: each is written under a temporary name beside its
 * place, brought to the disk and only then given its name. One at a time. */
#ifndef HETA_CLI_FILE_H
#define HETA_CLI_FILE_H

#include "cli/cli.h"

#include <limits.h>

typedef struct cli_file {
  FILE *stream;      /* what to write to */
  const char *given; /* the name as the user gave it; borrowed */
  char path[PATH_MAX], directory[PATH_MAX];
  bool overwrite;
} cli_file;

/* What cli_file_close is told of a writer's failure that has been said already. */
enum { CLI_FILE_SAID = -1 };

/* The directory a path is in, into room of PATH_MAX bytes; false: the path is too long. */
bool cli_directory_of(const char *path, char *room);
/* Whether a file could be made in a directory; 0 or why not, an errno. */
int cli_file_try(const char *directory);
/* Begins a file. Without overwrite, one that exists when it is closed is left as it is. Returns
 * CLI_DONE, or an exit code after saying why. */
int cli_file_open(const char *path, bool overwrite, cli_file *out);
/* The name that the begun file has until it ends. */
const char *cli_file_temporary(void);
/* Ends it. why: 0, the errno of what failed in between, or CLI_FILE_SAID. Returns CLI_DONE when the
 * whole file is in its place; else an exit code after saying why, and nothing is left of it. */
int cli_file_close(cli_file *file, int why);
/* Removes a half-written temporary file. Async-signal-safe. */
void cli_file_abandon(void);

#endif
