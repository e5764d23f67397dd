/* test_display.c: the printable form of bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/random.h"
#include "base/utf8.h"
#include "text/display.h"

static void forms(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t size;
    const char *shown;
  } cases[] = {
      {"", 0, ""},
      {" the", 4, " the"},
      {"a\nb\tc\r", 6, "a⏎b⇥c␍"},
      {"\0\x01\x1b[0m\x7f", 7, "␀␁␛[0m␡"},
      {"na\xc3\xafve 水 \xf0\x9f\x91\x8d", 15, "naïve 水 👍"},
      {"\xe6\xb0", 2, "\\xE6\\xB0"}, /* the first bytes of 水 … */
      {"\xb4", 1, "\\xB4"},          /* … and its last */
      {"\xff\xfe", 2, "\\xFF\\xFE"},
      {"a\xc2\x85\xc2\x9b", 5, "a\\u{0085}\\u{009B}"}, /* C1 controls, some command terminals */
      {"\xe2\x80\xae"
       "evil",
       7, "\\u{202E}evil"}, /* writes from right to left */
      {"\xe2\x80\x8b\xef\xbb\xbf", 6, "\\u{200B}\\u{FEFF}"},
      {"\xe2\x80\xa8\xe2\x80\xa9", 6, "\\u{2028}\\u{2029}"},
      {"\xe2\x80\x8d\xef\xb8\x8f", 6, "\xe2\x80\x8d\xef\xb8\x8f"}, /* joiner, variation selector */
      {"\xee\x80\x80\xf3\xa0\x81\x81", 7, "\\u{E000}\\u{E0041}"},
      {"\xc2\xa0\xe3\x80\x80", 5, "\xc2\xa0\xe3\x80\x80"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    heta_i_buffer out = {.limit = 1000};
    heta_i_buffer_string(&out, "");
    heta_i_display(cases[i].bytes, cases[i].size, &out);
    assert_false(out.failed);
    assert_string_equal(out.bytes, cases[i].shown);
    heta_i_buffer_free(&out);
  }
}

static void spaced(void **state) {
  (void)state;
  heta_i_buffer out = {.limit = 100};
  heta_i_display_spaced("  a\n b\xc2\xa0", 8, &out);
  assert_string_equal(out.bytes, "··a⏎·b\xc2\xa0");
  heta_i_buffer_free(&out);
}

static void too_small(void **state) {
  (void)state;
  heta_i_buffer out = {.limit = 4};
  heta_i_display("abcd", 4, &out);
  assert_true(out.failed);
  heta_i_buffer_free(&out);
}

/* Whatever the bytes, the result is valid UTF-8 without any control character. */
static void any_bytes(void **state) {
  (void)state;
  for (uint32_t round = 0; round < 2000; round++) {
    uint32_t bits[4];
    heta_i_philox((const uint32_t[]){round, 0, 0, 0}, (const uint32_t[]){7, 0}, bits);
    heta_i_buffer out = {.limit = 1000};
    heta_i_buffer_string(&out, "");
    heta_i_display((const char *)bits, sizeof bits, &out);
    assert_int_equal(heta_i_utf8_valid(out.bytes, out.size), out.size);
    for (size_t at = 0; at < out.size;) {
      uint32_t code;
      at += heta_i_utf8_decode(out.bytes + at, out.size - at, &code);
      assert_true(code >= 0x20 && (code < 0x7f || code > 0x9f));
    }
    heta_i_buffer_free(&out);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(forms), cmocka_unit_test(spaced),
                                     cmocka_unit_test(too_small), cmocka_unit_test(any_bytes)};
  return cmocka_run_group_tests_name("display", tests, NULL, NULL);
}
