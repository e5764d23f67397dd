/* test_cli_eval_pairs.c: which words of a text and its paraphrase are compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli/eval/question.h"

enum { MOST = 100 };

/* Tokens of one byte. */
static eval_tokens bytes_of(const char *text, size_t *start, size_t *end) {
  eval_tokens tokens = {.length = strlen(text), .start = start, .end = end};
  for (size_t i = 0; i < tokens.length; i++) {
    start[i] = i;
    end[i] = i + 1;
  }
  return tokens;
}

static void check(const char *text, const char *other, size_t count, const char *marked,
                  const char *other_marked) {
  size_t start[2][MOST], end[2][MOST];
  eval_tokens a = bytes_of(text, start[0], end[0]), b = bytes_of(other, start[1], end[1]);
  eval_pairs pairs;
  assert_int_equal(eval_pairs_find(text, &a, other, &b, &pairs), CLI_DONE);
  assert_int_equal(pairs.count, count);
  for (size_t i = 0; i < a.length; i++)
    assert_int_equal(pairs.own[i], marked[i] == '.' ? SIZE_MAX : (size_t)(marked[i] - '0'));
  for (size_t i = 0; i < b.length; i++)
    assert_int_equal(pairs.other[i],
                     other_marked[i] == '.' ? SIZE_MAX : (size_t)(other_marked[i] - '0'));
  eval_pairs_free(&pairs);
}

static void words_that_stand_once(void **state) {
  (void)state;
  check("The yak saw my newt. Who?", "My newt was seen by the yak. Who?", 4,
        "000.111.....22.3333......", "22.3333.............000.111......");
  /* "the" stands twice, and has no partner; what both texts begin and end with is left out. */
  check("So the yak saw the newt now", "So the newt saw the yak now", 3,
        ".......000.111.....2222....", ".......2222.111.....000....");
  check("same here", "same here", 0, ".........", ".........");
  check("né à b", "b né", 2, "000....1", "1.000");
}

static void a_token_of_space_and_letters(void **state) {
  (void)state;
  size_t start[] = {0, 1, 5}, end[] = {1, 5, 6}, other_start[] = {0, 3}, other_end[] = {3, 5};
  eval_tokens a = {.length = 3, .start = start, .end = end},
              b = {.length = 2, .start = other_start, .end = other_end};
  eval_pairs pairs;
  assert_int_equal(eval_pairs_find("a cat ", &a, "cat a", &b, &pairs), CLI_DONE);
  assert_int_equal(pairs.count, 2);
  assert_true(pairs.own[0] == 0 && pairs.own[1] == 1 && pairs.own[2] == SIZE_MAX);
  assert_true(pairs.other[0] == 1 && pairs.other[1] == 0);
  eval_pairs_free(&pairs);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_that_stand_once),
      cmocka_unit_test(a_token_of_space_and_letters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
