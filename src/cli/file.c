/* file.c: files that are never half written. */
#define _XOPEN_SOURCE 700 /* realpath */

#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The temporary file being written, for cli_file_abandon. Written before `pending` is set. */
static char temporary[PATH_MAX];
static volatile int pending;

void cli_file_abandon(void) {
  if (pending) unlink(temporary);
}

bool cli_directory_of(const char *path, char *room) {
  const char *slash = strrchr(path, '/');
  size_t length = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);
  if (length >= PATH_MAX || strlen(path) >= PATH_MAX) return false;
  memcpy(room, slash ? path : ".", length);
  room[length] = 0;
  return true;
}

/* Creates an empty file with a name of its own; returns its handle, or -1 with errno set. */
static int create_temporary(const char *directory) {
  int length = snprintf(temporary, sizeof temporary, "%s/.heta-XXXXXX", directory);
  if (length < 0 || length >= (int)sizeof temporary) {
    errno = ENAMETOOLONG;
    return -1;
  }
  int handle = mkstemp(temporary);
  if (handle >= 0) pending = 1;
  return handle;
}

static void remove_temporary(void) {
  if (pending) unlink(temporary);
  pending = 0;
}

const char *cli_file_temporary(void) { return temporary; }

int cli_file_try(const char *directory) {
  int handle = create_temporary(directory);
  if (handle < 0) return errno;
  remove_temporary();
  close(handle);
  return 0;
}

int cli_file_open(const char *given, bool overwrite, cli_file *out) {
  char resolved[PATH_MAX];
  /* Behind a symbolic link the file it points to is replaced, not the link. */
  const char *path = realpath(given, resolved) ? resolved : given;
  int handle = -1, why = ENAMETOOLONG;
  struct stat about;
  if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) {
    return cli_fail(CLI_USAGE, "--output: '%s' exists and is not a plain file", given);
  }
  *out = (cli_file){.given = given, .overwrite = overwrite};
  if (cli_directory_of(path, out->directory)) {
    snprintf(out->path, sizeof out->path, "%s", path);
    handle = create_temporary(out->directory);
    why = errno;
  }
  if (handle < 0) {
    return cli_fail(CLI_FAILED, "'%s' was not written: no file could be created for it: %s", given,
                    strerror(why));
  }
  mode_t mask = umask(0); /* mkstemp makes private files; this one gets the usual rights */
  umask(mask);
  out->stream = fdopen(handle, "wb");
  why = errno;
  if (out->stream && fchmod(handle, 0666 & ~mask) == 0) return CLI_DONE;
  if (out->stream) return cli_file_close(out, errno ? errno : EIO);
  close(handle);
  remove_temporary();
  return cli_fail(CLI_FAILED, "'%s' was not written and nothing is left behind: %s", given,
                  strerror(why));
}

/* Gives the finished temporary file its name; returns 0 or errno. Where nothing may be replaced, a
 * link fails if the name was taken meanwhile (a file system without links gets a rename). */
static int put_in_place(const char *path, bool overwrite) {
  if (!overwrite) {
    if (link(temporary, path) == 0) return unlink(temporary) == 0 ? 0 : errno;
    if (errno == EEXIST) return EEXIST;
  }
  return rename(temporary, path) == 0 ? 0 : errno;
}

static void sync_directory(const char *directory) {
  int handle = open(directory, O_RDONLY);
  if (handle < 0) return;
  fsync(handle); /* some file systems refuse; the file itself is on the disk already */
  close(handle);
}

/* Why an earlier write failed, whose errno is long gone: more bytes behind what is thrown away
 * anyway ask the system again. The first may yet fit. */
static int reason_of_failure(int handle) {
  static const char more[1 << 16];
  for (int attempt = 0; attempt < 2; attempt++) {
    if (write(handle, more, sizeof more) < 0) return errno;
  }
  return EIO;
}

int cli_file_close(cli_file *file, int why) {
  if ((!why || why == EIO) && ferror(file->stream)) why = reason_of_failure(fileno(file->stream));
  if (!why && (fflush(file->stream) != 0 || fsync(fileno(file->stream)) != 0))
    why = errno ? errno : EIO;
  if (fclose(file->stream) != 0 && !why) why = errno ? errno : EIO;
  if (!why) why = put_in_place(file->path, file->overwrite);
  bool taken = why == EEXIST; /* the work of hours is not thrown away over a name */
  if (why && !taken) remove_temporary();
  pending = 0;
  if (taken) {
    return cli_fail(CLI_FAILED, "'%s' was created by someone else meanwhile: the result is in '%s'",
                    file->given, temporary);
  }
  if (why > 0) {
    cli_fail(0, "'%s' was not written and nothing is left behind: %s", file->given, strerror(why));
  }
  if (!why) sync_directory(file->directory);
  return why ? CLI_FAILED : CLI_DONE;
}
