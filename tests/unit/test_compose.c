/* test_compose.c: normalisation form C and the offsets that lead back. The expected forms are those
 * of the Unicode Character Database's examples and composition rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "text/compose.h"

static const struct {
  const char *text, *composed; /* composed is NULL when nothing can change */
  size_t origin[16];
} CASES[] = {
    {"", NULL, {0}},
    {"caf\xc3\xa9 \xc2\xa0", NULL, {0}},
    {"e\xcc\x81", "\xc3\xa9", {0, 1, 3}}, /* é */
    {"ae\xcc\x81g", "a\xc3\xa9g", {0, 1, 2, 4, 5}},
    {"\xe6\xb0\xb4", "\xe6\xb0\xb4", {0, 1, 2, 3}},                 /* 水 stays */
    {"q\xcc\x87\xcc\xa3", "q\xcc\xa3\xcc\x87", {0, 1, 2, 3, 4, 5}}, /* dot below goes first */
    {"s\xcc\xa3\xcc\x87", "\xe1\xb9\xa9", {0, 1, 2, 5}}, /* ṩ: one character of three */
    {"\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c", {0, 1, 2, 9}}, /* 한 */
    {"\xe2\x84\xab", "\xc3\x85", {0, 1, 3}}, /* the ångström sign is Å */
    {"\xe0\xa5\x98x",
     "\xe0\xa4\x95\xe0\xa4\xbcx",
     {0, 1, 2, 3, 3, 3, 3, 4}}, /* is never composed */
    {"\xcc\x81"
     "e",
     "\xcc\x81"
     "e",
     {0, 1, 2, 3}}, /* a mark with nothing before it */
};

static void forms(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    const char *text = CASES[i].text, *expected = CASES[i].composed;
    heta_i_composed composed;
    heta_error error;
    assert_int_equal(heta_i_compose(text, strlen(text), &composed, &error), HETA_OK);
    if (!expected) {
      assert_null(composed.bytes);
      assert_null(composed.origin);
      continue;
    }
    assert_int_equal(composed.size, strlen(expected));
    assert_memory_equal(composed.bytes, expected, composed.size);
    for (size_t k = 0; k <= composed.size; k++)
      if (composed.origin[k] != CASES[i].origin[k])
        fail_msg("case %zu: byte %zu comes from %zu, not %zu", i, k, composed.origin[k],
                 CASES[i].origin[k]);
    heta_i_composed_free(&composed);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(forms)};
  return cmocka_run_group_tests_name("compose", tests, NULL, NULL);
}
