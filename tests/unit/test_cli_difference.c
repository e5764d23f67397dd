/* test_cli_difference.c: alignment against trying everything, rank correlation and shares by hand.
 */
#include "cli/difference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LONGEST = 9 };

/* Each character of a text is a token. */
static void split(const char *text, cli_text_view *tokens) {
  for (size_t i = 0; text[i]; i++) tokens[i] = (cli_text_view){text + i, 1};
}

/* Length of the longest common subsequence, the plain way. */
static size_t longest(const char *a, const char *b) {
  if (!*a || !*b) return 0;
  if (*a == *b) return 1 + longest(a + 1, b + 1);
  size_t left = longest(a + 1, b), right = longest(a, b + 1);
  return left > right ? left : right;
}

static void check_alignment(const char *a, const char *b) {
  cli_text_view first[LONGEST], second[LONGEST];
  size_t count;
  split(a, first);
  split(b, second);
  cli_pair *pairs = cli_align(first, strlen(a), second, strlen(b), &count);
  assert_non_null(pairs);
  for (size_t i = 0; i < count; i++) {
    assert_true(a[pairs[i].a] == b[pairs[i].b]);
    assert_true(i == 0 || (pairs[i].a > pairs[i - 1].a && pairs[i].b > pairs[i - 1].b));
  }
  if (count != longest(a, b)) fail_msg("'%s' and '%s': %zu pairs", a, b, count);
  free(pairs);
}

static void aligns_as_many_as_possible(void **state) {
  (void)state;
  static const char *const known[][2] = {
      {"", ""},         {"abc", ""},    {"", "abc"},      {"abc", "abc"},        {"abc", "xyz"},
      {"abcd", "axcd"}, {"aaaa", "aa"}, {"abab", "baba"}, {"abcbdab", "bdcaba"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    check_alignment(known[i][0], known[i][1]);
  }
  /* All texts of three letters up to length five, against some. */
  unsigned draw = 7;
  for (size_t round = 0; round < 2000; round++) {
    char texts[2][LONGEST];
    for (size_t t = 0; t < 2; t++) {
      size_t length = (draw = draw * 1664525u + 1013904223u) >> 29;
      for (size_t i = 0; i < length; i++) {
        texts[t][i] = "abc"[((draw = draw * 1664525u + 1013904223u) >> 16) % 3];
      }
      texts[t][length] = 0;
    }
    check_alignment(texts[0], texts[1]);
  }
}

static void near(double value, double wanted) {
  if (fabs(value - wanted) > 1e-12) fail_msg("%.17g instead of %.17g", value, wanted);
}

static void correlates_by_hand(void **state) {
  (void)state;
  const cli_measured up[] = {{.value = 1}, {.value = 2}, {.value = 3}, {.value = 4}};
  const cli_measured down[] = {{.value = 9}, {.value = 3}, {.value = 2}, {.value = -1}};
  const cli_measured ties[] = {{.value = 1}, {.value = 1}, {.value = 5}, {.value = 5}};
  const cli_measured flat[] = {{.value = 2}, {.value = 2}, {.value = 2}, {.value = 2}};
  cli_correlation c;
  assert_true(cli_correlate(up, up, 4, &c));
  near(c.value, 1);
  assert_true(isnan(c.low) && isnan(c.high) && isnan(c.same));
  assert_true(cli_correlate(up, down, 4, &c));
  near(c.value, -1);
  /* Ranks 0 1 2 3 and .5 .5 2.5 2.5 around their means: 4 / √(5 · 4). */
  assert_true(cli_correlate(up, ties, 4, &c));
  near(c.value, 4 / sqrt(20));
  assert_true(cli_correlate(up, flat, 4, &c));
  assert_true(isnan(c.value));
  assert_true(cli_correlate(up, up, 1, &c));
  assert_true(isnan(c.value));
}

static void the_band_grows_with_the_errors(void **state) {
  (void)state;
  enum { COUNT = 20 };
  cli_measured a[COUNT], b[COUNT];
  double width = -1, same = 2;
  for (int step = 0; step < 3; step++) {
    static const double errors[] = {0.5, 2, 10};
    cli_correlation c, again;
    for (size_t i = 0; i < COUNT; i++) {
      a[i] = (cli_measured){(double)i, errors[step], NAN};
      b[i] = (cli_measured){(double)(i ^ 1), errors[step], NAN};
    }
    assert_true(cli_correlate(a, b, COUNT, &c) && cli_correlate(a, b, COUNT, &again));
    assert_true(c.low < c.high && c.low >= -1 && c.high <= 1);
    assert_true(c.low == again.low && c.high == again.high && c.same == again.same);
    assert_true(c.high - c.low > width && c.same < same);
    width = c.high - c.low;
    same = c.same;
  }
  assert_true(same < 0.7);
}

/* ---- Two rows ----------------------------------------------------------------------------------
 */

typedef struct known {
  heta_result_token tokens[6];
  heta_row row;
  heta_attribution attribution;
} known;

/* One character a token, the last of them the target. */
static void make(known *k, const char *text, const double *scores, const double *errors) {
  size_t count = strlen(text);
  *k = (known){0};
  for (size_t i = 0; i < count; i++) {
    k->tokens[i].start = i;
    k->tokens[i].end = i + 1;
  }
  k->row = (heta_row){.length = count - 1, .score = scores, .score_se = errors};
  k->attribution = (heta_attribution){.text = text,
                                      .text_size = count,
                                      .token_count = count,
                                      .tokens = k->tokens,
                                      .row_count = 1,
                                      .rows = &k->row};
}

static void changes_by_hand(void **state) {
  (void)state;
  static const double first[] = {100, 1, 1, 2}, second[] = {50, 2, 6, 2}, errors[] = {0, 0, 0.1, 0};
  static const struct {
    size_t a, b;
    double change;
  } wanted[] = {{1, 1, -0.05}, {2, CLI_NO_TOKEN, -0.25}, {CLI_NO_TOKEN, 2, 0.6}, {3, 3, -0.3}};
  known a, b;
  cli_difference d;
  char message[CLI_MESSAGE];
  make(&a, "xabd!", first, errors);
  make(&b, "xacd!", second, NULL);
  assert_true(
      cli_difference_make(&a.attribution, &a.row, &b.attribution, &b.row, true, &d, message));
  assert_int_equal(d.pair_count, 4);
  assert_int_equal(d.common, 2);
  for (size_t i = 0; i < 4; i++) {
    assert_true(d.pairs[i].a == wanted[i].a && d.pairs[i].b == wanted[i].b);
    near(cli_pair_change(&d, &d.pairs[i]).value, wanted[i].change);
  }
  /* p = 1/4 of 4 with error 0.1 on the token itself: (1 - 1/4) · 0.1 / 4; of its neighbour, with a
   * share of 1/4 too: 1/4 · 0.1 / 4. */
  near(cli_pair_change(&d, &d.pairs[1]).error, 0.75 * 0.1 / 4);
  near(cli_pair_change(&d, &d.pairs[0]).error, 0.25 * 0.1 / 4);
  /* Summed by cli_share, the parts make the same whole. */
  const bool inside[] = {false, true, true, false};
  near(cli_share(&a.attribution, &a.row, true, inside).value, 0.5);
  near(cli_share(&a.attribution, &a.row, true, inside).error, 0.5 * 0.1 / 4);
  cli_difference_release(&d);
  /* With the first token, which reports set apart. */
  assert_true(
      cli_difference_make(&a.attribution, &a.row, &b.attribution, &b.row, false, &d, message));
  assert_int_equal(d.pair_count, 5);
  near(cli_pair_change(&d, &d.pairs[0]).value, 50. / 60 - 100. / 104);
  cli_difference_release(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(aligns_as_many_as_possible), cmocka_unit_test(correlates_by_hand),
      cmocka_unit_test(the_band_grows_with_the_errors), cmocka_unit_test(changes_by_hand)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
