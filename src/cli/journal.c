/* journal.c: appending whole lines to a file that only one process writes. */
#include "cli/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int cli_journal_check(const char *path) {
  const char *dot = strrchr(path, '.');
  struct stat about;
  if (!dot || strcmp(dot, ".jsonl") != 0) {
    return cli_fail(CLI_USAGE,
                    "--output: a batch is written to a .jsonl, a line per example, and "
                    "'%s' does not end so",
                    path);
  }
  if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) {
    return cli_fail(CLI_USAGE, "--output: '%s' exists and is not a plain file", path);
  }
  return CLI_DONE;
}

static int fail(const char *path, const char *what) {
  return cli_fail(CLI_FAILED, "'%s' could not be %s: %s", path, what, strerror(errno));
}

/* Keeps the whole lines; what a dying process wrote of another is cut off. */
static int read_stored(cli_journal *journal) {
  int code = cli_read_file(journal->path, &journal->stored);
  if (code) return code;
  size_t whole = journal->stored.size;
  while (whole && journal->stored.bytes[whole - 1] != '\n') whole--;
  if (whole < journal->stored.size) {
    if (ftruncate(journal->handle, (off_t)whole) != 0) return fail(journal->path, "shortened");
    cli_say("note: %s: its last line was written in part; its example is explained again",
            journal->path);
  }
  journal->size = journal->stored.size = whole;
  return CLI_DONE;
}

int cli_journal_open(const char *path, bool anew, cli_journal *out) {
  *out = (cli_journal){.path = path, .handle = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666)};
  int code = CLI_DONE;
  if (out->handle < 0) {
    code = fail(path, "opened");
  } else if (flock(out->handle, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    code = cli_fail(CLI_FAILED, "'%s' is being written by another heta", path);
  } else if (anew) {
    if (ftruncate(out->handle, 0) != 0) code = fail(path, "emptied");
  } else {
    code = read_stored(out);
  }
  if (code) cli_journal_close(out);
  return code;
}

bool cli_journal_next(cli_journal *journal, const char **line, size_t *size) {
  if (journal->at == journal->stored.size) return false;
  *line = journal->stored.bytes + journal->at;
  const char *end = memchr(*line, '\n', journal->stored.size - journal->at);
  *size = (size_t)(end - *line); /* the last line is whole, too */
  journal->at += *size + 1;
  return true;
}

/* All of it, at the file's end. */
static bool write_all(cli_journal *journal, const char *bytes, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t got = pwrite(journal->handle, bytes + done, size - done, (off_t)(journal->size + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += (size_t)got;
  }
  return fsync(journal->handle) == 0;
}

int cli_journal_add(cli_journal *journal, char *bytes, size_t size) {
  bytes[size] = '\n';
  if (write_all(journal, bytes, size + 1)) {
    journal->size += size + 1;
    return CLI_DONE;
  }
  int why = errno;
  bool cut = ftruncate(journal->handle, (off_t)journal->size) == 0;
  return cli_fail(CLI_FAILED, "'%s' could not be written: %s; %s", journal->path, strerror(why),
                  cut ? "its earlier lines are whole"
                      : "its last line is there in part, which the next run cuts off");
}

void cli_journal_close(cli_journal *journal) {
  if (journal->handle >= 0) close(journal->handle);
  free(journal->stored.bytes);
  *journal = (cli_journal){.handle = -1};
}
