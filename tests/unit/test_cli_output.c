/* test_cli_output.c: output files as the program writes them: whole or not at all, and never over a
 * file that must not be replaced. The report of a tiny model is written. */
#include "cli/output.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { NAME = 256 }; /* room for a file name */

typedef struct fixture {
  heta_model *model;
  heta_result *result;
  const heta_attribution *attribution;
} fixture;

static int set_up(void **state) {
  static fixture f;
  static char folder[] = "/tmp/heta-output-XXXXXX";
  heta_error error = {0};
  heta_attribute_options options = heta_attribute_options_default();
  options.method = "uniform";
  *state = &f;
  if (heta_model_open(HETA_TESTS_DIR "/data/tiny/llama-gqa.gguf", &f.model, &error) ||
      heta_attribute(f.model, "the cat", &options, &f.result, &error)) {
    fprintf(stderr, "%s\n", error.message);
    return -1;
  }
  f.attribution = heta_result_get(f.result);
  return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int tear_down(void **state) {
  fixture *f = *state;
  char folder[64];
  heta_result_free(f->result);
  heta_model_close(f->model);
  if (!getcwd(folder, sizeof folder) || chdir("/") != 0) return -1;
  return rmdir(folder); /* fails when a test has left something */
}

/* The names in the working folder but for `known`; the last one is copied to `name`. */
static size_t others(const char *known, char name[NAME]) {
  size_t count = 0;
  DIR *folder = opendir(".");
  assert_non_null(folder);
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    if (!strcmp(entry->d_name, known)) continue;
    snprintf(name, NAME, "%s", entry->d_name);
    count++;
  }
  closedir(folder);
  return count;
}

static void write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
}

static size_t read_text(const char *path, char *text, size_t size) {
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  size_t got = fread(text, 1, size - 1, file);
  fclose(file);
  text[got] = 0;
  return got;
}

static int write_output(const fixture *f, const char *path, bool overwrite) {
  cli_output output = {
      .files = {.items = &path, .count = 1}, .format = CLI_FORMAT_NONE, .overwrite = overwrite};
  char *words[] = {"heta", NULL};
  return cli_output_write(&output, f->attribution, 1, words);
}

static void writes_and_replaces(void **state) {
  char text[32], name[NAME];
  assert_int_equal(write_output(*state, "a.json", false), CLI_DONE);
  read_text("a.json", text, sizeof text);
  assert_memory_equal(text, "{", 1);
  write_text("a.json", "old");
  assert_int_equal(write_output(*state, "a.json", true), CLI_DONE);
  read_text("a.json", text, sizeof text);
  assert_memory_equal(text, "{", 1);
  assert_int_equal(others("a.json", name), 0);
  assert_int_equal(unlink("a.json"), 0);
}

/* A file that appears while the work goes on is not replaced, and the work is not lost either. */
static void keeps_a_file_that_appeared(void **state) {
  char text[32], name[NAME];
  write_text("a.json", "theirs");
  assert_int_equal(write_output(*state, "a.json", false), CLI_FAILED);
  read_text("a.json", text, sizeof text);
  assert_string_equal(text, "theirs");
  assert_int_equal(others("a.json", name), 1);
  assert_true(read_text(name, text, sizeof text) > 0);
  assert_memory_equal(text, "{", 1);
  assert_int_equal(unlink(name), 0);
  assert_int_equal(unlink("a.json"), 0);
}

static void leaves_nothing_when_it_cannot_write(void **state) {
  char name[NAME];
  assert_int_equal(write_output(*state, "missing/a.json", false), CLI_FAILED);
  assert_int_equal(others("", name), 0);
}

static void checks_leave_nothing_behind(void **state) {
  (void)state;
  const char *path = "a.json";
  char name[NAME];
  cli_output output = {.files = {.items = &path, .count = 1}};
  assert_int_equal(cli_output_check(&output), CLI_DONE);
  assert_int_equal(others("", name), 0);
  write_text(path, "mine");
  assert_int_equal(cli_output_check(&output), CLI_USAGE);
  output.overwrite = true;
  assert_int_equal(cli_output_check(&output), CLI_DONE);
  assert_int_equal(others(path, name), 0);
  assert_int_equal(unlink(path), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(writes_and_replaces),
      cmocka_unit_test(keeps_a_file_that_appeared),
      cmocka_unit_test(leaves_nothing_when_it_cannot_write),
      cmocka_unit_test(checks_leave_nothing_behind),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
