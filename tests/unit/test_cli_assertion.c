/* test_cli_assertion.c: what --assert reads, what it refuses and where, and what it finds in
 * results whose shares and errors are known by hand. */
#include "cli/assertion.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static cli_assertion read(const char *source) {
  cli_assertion assertion;
  char message[CLI_MESSAGE];
  if (!cli_assertion_read(source, &assertion, message)) fail_msg("%s", message);
  return assertion;
}

static void reads_measures_and_comparisons(void **state) {
  (void)state;
  cli_assertion a = read("share(word:France)<0.5 and text_share( token:3 ) >= 25%\n"
                         "and top( 3 ) contains word:is and top(1)contains\"a b\"");
  assert_false(a.one_target);
  assert_int_equal(a.claim_count, 4);
  assert_int_equal(a.claims[0].measure, CLI_SHARE);
  assert_int_equal(a.claims[0].compare, CLI_BELOW);
  assert_true(a.claims[0].bound == 0.5);
  assert_int_equal(a.claims[0].place.kind, CLI_PLACE_WORD);
  assert_string_equal(a.claims[0].place.text, "France");
  assert_int_equal(a.claims[1].measure, CLI_TEXT_SHARE);
  assert_int_equal(a.claims[1].compare, CLI_AT_LEAST);
  assert_true(a.claims[1].bound == 0.25);
  assert_int_equal(a.claims[1].place.from, 3);
  assert_int_equal(a.claims[2].measure, CLI_TOP);
  assert_int_equal(a.claims[2].top, 3);
  assert_string_equal(a.claims[2].place.text, "is");
  assert_int_equal(a.claims[3].place.kind, CLI_PLACE_WORD);
  assert_string_equal(a.claims[3].place.text, "a b");
  cli_assertion_release(&a);
}

static void reads_places(void **state) {
  (void)state;
  cli_assertion a = read("target:2 share(span:10:20) > -1e-3 and share(segment:p1) <= 1 "
                         "and share(role:user) > 0 and share(document:\"the \\\"faq\\\\\") > 0 "
                         "and share(text:a)>0");
  assert_true(a.one_target && a.target == 2);
  assert_int_equal(a.claim_count, 5);
  assert_true(a.claims[0].place.from == 10 && a.claims[0].place.to == 20);
  assert_true(a.claims[0].bound == -1e-3);
  assert_int_equal(a.claims[1].place.kind, CLI_PLACE_SEGMENT);
  assert_string_equal(a.claims[2].place.role, "user");
  assert_null(a.claims[2].place.text);
  assert_string_equal(a.claims[3].place.role, "document");
  assert_string_equal(a.claims[3].place.text, "the \"faq\\");
  assert_int_equal(a.claims[4].place.kind, CLI_PLACE_TEXT);
  cli_assertion_release(&a);
}

static void refuses_with_a_column(void **state) {
  (void)state;
  static const struct {
    const char *source, *sentence;
  } cases[] = {
      {"", "column 1: share(…), text_share(…) or top(…) must stand here"},
      {"shar(word:a) > 0", "column 1: share(…), text_share(…) or top(…) must stand here"},
      {"share word:a > 0", "column 7: '(' after share is missing"},
      {"share() > 0", "column 7: a place is missing, such as word:TEXT or document:NAME"},
      {"share(wrod:a) > 0", "column 7: 'wrod' is no kind of place; did you mean word: segment, "
                            "role, word, text, span, token, or a role such as document"},
      {"share(word) > 0", "column 11: ':' is missing after 'word'"},
      {"share(word:) > 0", "column 12: the word is missing"},
      {"share(word:\"a) > 0", "column 12: the quotation mark is never closed"},
      {"share(word:\"a\\", "column 12: the quotation mark is never closed"},
      {"share(role:boss) > 0", "column 12: there is no role 'boss'"},
      {"share(span:3) > 0", "column 13: ':' between first and last byte is missing"},
      {"share(span:3:3) > 0", "column 12: the span is empty: it must end after it begins"},
      {"share(token:x) > 0", "column 13: the token's index is missing, a whole number"},
      {"share(token:99999999999999999999) > 0", "column 13: the token's index is too large"},
      {"share(word:a > 0", "column 14: ')' after the place is missing"},
      {"share(word:a)", "column 14: a comparison is missing: <, <=, > or >="},
      {"share(word:a) = 1", "column 15: a comparison is missing: <, <=, > or >="},
      {"share(word:a) > half", "column 17: a number is missing"},
      {"share(word:a) > 1.2.3", "column 17: '1.2.3' is no number"},
      {"share(word:a) > 1e999", "column 17: '1e999' is no number"},
      {"share(word:a) > 1 or", "column 19: 'and' or the end must stand here"},
      {"share(word:a) > 1 and", "column 22: share(…), text_share(…) or top(…) must stand here"},
      {"top(0) contains a", "column 5: among no tokens there is nothing"},
      {"top(3) has a", "column 8: 'contains' is missing"},
      {"top(3) contains", "column 16: a word is missing"},
      {"target 1", "column 8: ':' after target is missing"},
      {"target: share(word:a) > 1", "column 9: the target's index is missing, a whole number"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    cli_assertion assertion;
    char message[CLI_MESSAGE], wanted[CLI_MESSAGE];
    if (cli_assertion_read(cases[i].source, &assertion, message)) {
      fail_msg("%s: was accepted", cases[i].source);
    }
    snprintf(wanted, sizeof wanted, "--assert '%s', %s", cases[i].source, cases[i].sentence);
    assert_string_equal(message, wanted);
  }
}

static void has_a_limit_of_claims(void **state) {
  (void)state;
  static const char claim[] = "share(token:0) > 0 and ";
  char source[1024], message[CLI_MESSAGE];
  cli_assertion assertion;
  for (size_t i = 0; i <= CLI_CLAIMS; i++) {
    memcpy(source + i * (sizeof claim - 1), claim, sizeof claim);
  }
  char *last = source + CLI_CLAIMS * (sizeof claim - 1);
  last[-(ptrdiff_t)strlen(" and ")] = 0;
  assert_true(cli_assertion_read(source, &assertion, message));
  assert_int_equal(assertion.claim_count, CLI_CLAIMS);
  cli_assertion_release(&assertion);
  last[-(ptrdiff_t)strlen(" and ")] = ' ';
  assert_false(cli_assertion_read(source, &assertion, message));
  assert_non_null(strstr(message, "more than 16 claims"));
}

/* ---- A result known by hand ------------------------------------------------------------------ */

/* "B" (begin, no bytes) "the " "cat" " sat" | target; scores 5 1 2 2 with errors 0 .1 .2 0. */
typedef struct known {
  heta_result_token tokens[5];
  heta_segment segments[2];
  heta_target target;
  heta_row row;
  heta_attribution attribution;
} known;

static const double scores[] = {5, 1, 2, 2}, errors[] = {0, 0.1, 0.2, 0};
static const double signs[] = {5, -1, 2, 2};

static void make(known *k) {
  static const heta_component_info row = {"curvature", "", false, "row"};
  *k = (known){0};
  static const size_t ends[] = {0, 4, 7, 11, 12};
  for (size_t i = 0; i < 5; i++) {
    k->tokens[i].start = i ? ends[i - 1] : 0;
    k->tokens[i].end = ends[i];
    k->tokens[i].segment = i > 2;
  }
  k->segments[0] = (heta_segment){.id = "a", .role = "document", .end = 7, .name = "faq"};
  k->segments[1] = (heta_segment){.id = "b", .role = "user", .start = 7, .end = 12};
  k->target.position = 4;
  k->row =
      (heta_row){.length = 4, .status = HETA_ROW_COMPLETE, .score = scores, .score_se = errors};
  k->attribution = (heta_attribution){.text = "the cat sat.",
                                      .text_size = 12,
                                      .segment_count = 2,
                                      .segments = k->segments,
                                      .token_count = 5,
                                      .tokens = k->tokens,
                                      .target_count = 1,
                                      .targets = &k->target,
                                      .component_count = 1,
                                      .components = &row,
                                      .row_count = 1,
                                      .rows = &k->row,
                                      .complete = true};
}

static int judge(const known *k, const char *source) {
  const char *items[] = {source};
  cli_list list = {.items = items, .count = 1};
  return cli_assertions_judge(&list, &k->attribution, true);
}

static void measures_by_hand(void **state) {
  (void)state;
  known k;
  make(&k);
  static const struct {
    const char *source;
    int code;
  } cases[] = {
      {"share(token:0) >= 50%", CLI_DONE},        {"share(token:0) > 0.5", CLI_ASSERT},
      {"share(word:cat) >= 0.2", CLI_DONE},       {"text_share(word:cat) >= 0.4", CLI_DONE},
      {"text_share(word:cat) > 0.4", CLI_ASSERT}, {"text_share(token:0) <= 0", CLI_DONE},
      {"share(span:4:8) >= 0.4", CLI_DONE},       {"share(text:\"e c\") <= 0.3", CLI_DONE},
      {"share(document:faq) >= 0.8", CLI_DONE},   {"share(role:user) <= 0.2", CLI_DONE},
      {"share(segment:b) < 0.2", CLI_ASSERT},     {"top(1) contains cat", CLI_DONE},
      {"top(1) contains sat", CLI_ASSERT},        {"top(2) contains sat", CLI_DONE},
      {"top(4) contains token:0", CLI_ASSERT},    {"share(word:ca) > 0", CLI_USAGE},
      {"share(text:ca) >= 0.2", CLI_DONE},        {"share(document:other) > 0", CLI_USAGE},
      {"share(span:4:12) > 0", CLI_USAGE},        {"share(token:4) > 0", CLI_USAGE},
      {"target:0 share(token:0) > 0", CLI_DONE},  {"target:1 share(token:0) > 0", CLI_USAGE},
      {"share(word:.) > 0", CLI_USAGE},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int code = judge(&k, cases[i].source);
    if (code != cases[i].code) fail_msg("%s: %d", cases[i].source, code);
  }
  k.row.signed_score = signs;
  assert_int_equal(judge(&k, "share(word:the) <= -0.1"), CLI_DONE);
  assert_int_equal(judge(&k, "text_share(document:faq) <= 0.2"), CLI_DONE);
  k.attribution.complete = false;
  assert_int_equal(judge(&k, "share(word:the) < 1"), CLI_FAILED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_measures_and_comparisons),
      cmocka_unit_test(reads_places),
      cmocka_unit_test(refuses_with_a_column),
      cmocka_unit_test(has_a_limit_of_claims),
      cmocka_unit_test(measures_by_hand),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
