/* test_cli_faults.c: every call that writes, syncs or names an output file fails in turn, once and
 * from then on: the program says so, and each file is whole or not there, with nothing beside it.
 *
 * The program is linked so that these calls of the command line come here. */
#include "cli/output.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static long calls, failing; /* made so far; the one that fails, from 1 on, 0: none */
static bool sticky;

static bool refused(void) {
  calls++;
  bool fails = failing && (calls == failing || (sticky && calls > failing));
  if (fails) errno = EIO;
  return fails;
}

size_t __real_fwrite(const void *bytes, size_t size, size_t count, FILE *stream);
int __real_fflush(FILE *stream);
int __real_fclose(FILE *stream);
int __real_fsync(int handle);
int __real_fchmod(int handle, mode_t mode);
int __real_link(const char *from, const char *to);
int __real_rename(const char *from, const char *to);
int __real_mkstemp(char *name);
FILE *__real_fdopen(int handle, const char *mode);
size_t __wrap_fwrite(const void *bytes, size_t size, size_t count, FILE *stream);
int __wrap_fflush(FILE *stream);
int __wrap_fclose(FILE *stream);
int __wrap_fsync(int handle);
int __wrap_fchmod(int handle, mode_t mode);
int __wrap_link(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_mkstemp(char *name);
FILE *__wrap_fdopen(int handle, const char *mode);

/* What goes to standard error and output is not about files. */
static bool spared(const FILE *stream) { return stream == stderr || stream == stdout; }

size_t __wrap_fwrite(const void *bytes, size_t size, size_t count, FILE *stream) {
  if (!spared(stream) && refused()) return 0;
  return __real_fwrite(bytes, size, count, stream);
}
int __wrap_fflush(FILE *stream) {
  return !spared(stream) && refused() ? EOF : __real_fflush(stream);
}
int __wrap_fclose(FILE *stream) {
  bool fails = !spared(stream) && refused();
  int closed = __real_fclose(stream);
  if (fails) errno = EIO;
  return fails ? EOF : closed;
}
int __wrap_fsync(int handle) { return refused() ? -1 : __real_fsync(handle); }
int __wrap_fchmod(int handle, mode_t mode) { return refused() ? -1 : __real_fchmod(handle, mode); }
int __wrap_link(const char *from, const char *to) { return refused() ? -1 : __real_link(from, to); }
int __wrap_rename(const char *from, const char *to) {
  return refused() ? -1 : __real_rename(from, to);
}
int __wrap_mkstemp(char *name) { return refused() ? -1 : __real_mkstemp(name); }
FILE *__wrap_fdopen(int handle, const char *mode) {
  return refused() ? NULL : __real_fdopen(handle, mode);
}

static const char *const FILES[] = {"one.json", "two.csv"};

typedef struct fixture {
  heta_model *model;
  heta_result *result;
  char *whole[2];
  size_t size[2];
} fixture;

/* A file's bytes, or NULL when there is none. */
static char *content(const char *path, size_t *size) {
  struct stat about;
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  assert_int_equal(fstat(fileno(file), &about), 0);
  *size = (size_t)about.st_size;
  char *bytes = malloc(*size + 1);
  assert_non_null(bytes);
  assert_int_equal(fread(bytes, 1, *size, file), *size);
  __real_fclose(file);
  return bytes;
}

static int write_both(const fixture *f, bool overwrite) {
  cli_output output = {
      .files = {(const char **)FILES, 2}, .format = CLI_FORMAT_NONE, .overwrite = overwrite};
  return cli_output_write(&output, heta_result_get(f->result), 0, NULL);
}

static int set_up(void **state) {
  static fixture f;
  static char folder[] = "/tmp/heta-faults-XXXXXX";
  heta_error error = {0};
  heta_attribute_options options = heta_attribute_options_default();
  options.method = "uniform";
  *state = &f;
  if (heta_model_open(HETA_TESTS_DIR "/data/tiny/llama-gqa.gguf", &f.model, &error) ||
      heta_attribute(f.model, "the cat in the", &options, &f.result, &error) || !mkdtemp(folder) ||
      chdir(folder) != 0 || write_both(&f, false) != CLI_DONE)
    return -1;
  for (size_t i = 0; i < 2; i++) {
    f.whole[i] = content(FILES[i], &f.size[i]);
    if (!f.whole[i] || unlink(FILES[i])) return -1;
  }
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  char folder[64];
  for (size_t i = 0; i < 2; i++) free(f->whole[i]);
  heta_result_free(f->result);
  heta_model_close(f->model);
  if (!getcwd(folder, sizeof folder) || chdir("/") != 0) return -1;
  return rmdir(folder);
}

/* Nothing but the files themselves, each with the result or with what it had before. Returns how
 * many have the result; what is there is removed. */
static size_t look(const fixture *f, const char *before, const char *what) {
  size_t whole = 0;
  DIR *folder = opendir(".");
  assert_non_null(folder);
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (entry->d_name[0] == '.' && strlen(entry->d_name) < 3) continue;
    size_t which = 0, size = 0;
    while (which < 2 && strcmp(entry->d_name, FILES[which])) which++;
    if (which == 2) fail_msg("%s: %s is left behind", what, entry->d_name);
    char *bytes = content(entry->d_name, &size);
    bool result = size == f->size[which] && !memcmp(bytes, f->whole[which], size);
    bool old = before && size == strlen(before) && !memcmp(bytes, before, size);
    if (!result && !old) fail_msg("%s: %s has %zu bytes of neither", what, entry->d_name, size);
    whole += result;
    free(bytes);
    unlink(entry->d_name);
  }
  closedir(folder);
  return whole;
}

static void put(const char *path, const char *text) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(__real_fwrite(text, 1, strlen(text), file), strlen(text));
  assert_int_equal(__real_fclose(file), 0);
}

/* before: what stands in both places already and may be replaced; NULL: nothing does. */
static void each_call(const fixture *f, const char *before, bool from_then_on) {
  size_t failures = 0;
  for (long at = 1;; at++) {
    char what[96];
    for (size_t i = 0; before && i < 2; i++) put(FILES[i], before);
    calls = 0;
    failing = at;
    sticky = from_then_on;
    int code = write_both(f, before != NULL);
    failing = 0;
    long made = calls;
    snprintf(what, sizeof what, "call %ld fails%s, exit code %d", at,
             sticky ? " and all after" : "", code);
    size_t whole = look(f, before, what);
    assert_true(code == CLI_DONE || code == CLI_FAILED);
    if ((code == CLI_DONE) != (whole == 2)) fail_msg("%s, but %zu files are whole", what, whole);
    failures += code == CLI_FAILED;
    if (made < at) break; /* there is no such call */
    assert_true(at < 500);
  }
  assert_true(failures > 10);
}

static void once(void **state) { each_call(*state, NULL, false); }
static void from_then_on(void **state) { each_call(*state, NULL, true); }
static void over_old_files(void **state) {
  each_call(*state, "old", false);
  each_call(*state, "old", true);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(once), cmocka_unit_test(from_then_on),
                                     cmocka_unit_test(over_old_files)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
