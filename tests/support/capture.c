/* capture.c: reports taken as strings. */
#include "support/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

int capture_write(void *context, const void *bytes, size_t size) {
  capture *to = context;
  if (++to->calls == to->fail_at) return ENOSPC;
  assert_true(!to->fail_at || to->calls < to->fail_at);
  heta_i_buffer_append(&to->bytes, bytes, size);
  assert_false(to->bytes.failed);
  return 0;
}

char *capture_report(const heta_attribution *a, const char *format,
                     const heta_report_options *options) {
  capture to = {.bytes.limit = 1 << 28};
  heta_error error = {0};
  heta_status status = heta_report_write(a, format, options, capture_write, &to, &error);
  if (status) fail_msg("%s: %s", format, error.message);
  return to.bytes.bytes;
}

heta_report_options capture_color(heta_color color, size_t columns) {
  heta_report_options options = heta_report_options_default();
  options.color = color;
  options.columns = columns;
  return options;
}

json_t *capture_json(const char *text, size_t size) {
  json_error_t error;
  json_t *root = json_loadb(text, size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
  if (!root) fail_msg("%s, line %d, column %d", error.text, error.line, error.column);
  return root;
}

size_t count_of(const char *text, const char *what) {
  size_t count = 0;
  for (const char *at = text; (at = strstr(at, what)); at += strlen(what)) count++;
  return count;
}

void expect_in(const char *text, const char *what) {
  if (!strstr(text, what)) fail_msg("'%s' is missing in:\n%.4000s", what, text);
}

void expect_not_in(const char *text, const char *what) {
  const char *at = strstr(text, what);
  if (at) fail_msg("'%s' is in it: …%.200s", what, at);
}
