/* test_rollup.c: units of every level in several scripts, sums over them, and errors of sums. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/headline.h"
#include "report/rollup.h"
#include "support/sample.h"

/* An attribution without rows whose tokens are the pieces, all in one segment. */
typedef struct cut {
  heta_attribution a;
  heta_result_token tokens[32];
  heta_segment segments[3];
  char text[256];
} cut;

static void make(cut *c, const char *const *pieces) {
  static const heta_model_info MODEL;
  static const heta_method_info METHOD = {.name = "none"};
  *c = (cut){.segments = {{.id = "all", .role = "prompt"}}};
  size_t used = 0, count = 0;
  for (; pieces[count]; count++) {
    size_t size = strlen(pieces[count]);
    memcpy(c->text + used, pieces[count], size);
    c->tokens[count] = (heta_result_token){.start = used, .end = used + size};
    used += size;
  }
  c->a = (heta_attribution){.model = &MODEL,
                            .method = &METHOD,
                            .text = c->text,
                            .text_size = used,
                            .prompt_end = used,
                            .segments = c->segments,
                            .segment_count = 1,
                            .tokens = c->tokens,
                            .token_count = count};
}

/* The units' texts, divided by bars. */
static void expect_units(const cut *c, heta_level level, const char *wanted) {
  char found[512] = "";
  size_t used = 0;
  heta_rollup *rollup = NULL;
  assert_int_equal(heta_rollup_create(&c->a, level, &rollup, NULL), HETA_OK);
  for (size_t i = 0; i < rollup->unit_count; i++) {
    const heta_unit *u = &rollup->units[i];
    used += (size_t)snprintf(found + used, sizeof found - used, "%s%.*s", i ? "|" : "",
                             (int)(u->end - u->start), c->text + u->start);
  }
  assert_string_equal(found, wanted);
  heta_rollup_free(rollup);
}

#define PIECES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void words(void **state) {
  (void)state;
  cut c;
  make(&c,
       PIECES("Say", " un", "believ", "able", ",", " it", "'s", " 3", ".", "5", " ", " m", "."));
  expect_units(&c, HETA_LEVEL_TOKEN, "Say| un|believ|able|,| it|'s| 3|.|5| | m|.");
  expect_units(&c, HETA_LEVEL_WORD, "Say| unbelievable|,| it's| 3.5|  m|.");
  make(&c, PIECES("x", "日", "本", "語", "は", " 東京", "です", "。"));
  expect_units(&c, HETA_LEVEL_WORD, "x|日本語|は| 東京|です|。");
  make(&c, PIECES("x", " مر", "حبا", " بالعالم"));
  expect_units(&c, HETA_LEVEL_WORD, "x| مرحبا| بالعالم");
  make(&c, PIECES("x", " नम", "स्", "ते"));
  expect_units(&c, HETA_LEVEL_WORD, "x| नमस्ते");
  /* A family in five tokens, some of them pieces of characters. */
  make(&c, PIECES("x", " \xf0\x9f", "\x91\xa9\xe2\x80\x8d", "\xf0\x9f\x91", "\xa7", "!"));
  expect_units(&c, HETA_LEVEL_WORD, "x| \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7|!");
  /* A token that ends one word and begins another goes where its first letter is. */
  make(&c, PIECES("x", " a", "b c", "d e"));
  expect_units(&c, HETA_LEVEL_WORD, "x| ab c|d e");
}

static void sentences_and_lines(void **state) {
  (void)state;
  cut c;
  make(&c,
       PIECES("x", " One", " day", ".", " It", " rain", "ed", "!", "\n", "So", "?", "\n\n", "e"));
  expect_units(&c, HETA_LEVEL_SENTENCE, "x| One day.| It rained!\n|So?\n\n|e");
  expect_units(&c, HETA_LEVEL_LINE, "x| One day. It rained!\n|So?\n\n|e");
  make(&c, PIECES("x", "今日", "は", "。", "雨", "です", "。"));
  expect_units(&c, HETA_LEVEL_SENTENCE, "x|今日は。|雨です。");
  make(&c, PIECES("x", "a", "\n", "\nb", "\n"));
  expect_units(&c, HETA_LEVEL_LINE, "x|a\n|\nb\n");
}

static void segments(void **state) {
  (void)state;
  cut c;
  make(&c, PIECES("x", "a", "b", "<s>", "<t>", "c", "d", "e", "f"));
  c.a.segment_count = 3;
  c.segments[0] = (heta_segment){.id = "one", .role = "user", .message = 1};
  c.segments[1] = (heta_segment){.id = "two", .role = "document", .message = 2};
  c.segments[2] = (heta_segment){.id = "three", .role = "document", .message = 2};
  c.tokens[3].kind = c.tokens[4].kind = HETA_TOKEN_TEMPLATE;
  for (size_t i = 3; i < 9; i++) c.tokens[i].segment = i < 7 ? 1 : 2;
  expect_units(&c, HETA_LEVEL_MESSAGE, "x|ab|<s><t>|cdef");
  expect_units(&c, HETA_LEVEL_DOCUMENT, "x|ab|<s><t>|cd|ef");
  expect_units(&c, HETA_LEVEL_LINE, "x|ab|<s><t>|cd|ef");
  expect_units(&c, HETA_LEVEL_WORD, "x|ab|<s>|<t>|cd|ef");
}

static double total(const double *values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += values[i];
  return sum;
}

/* At every level the sums of a row are those of its tokens, in every sample that is whole. */
static void sums_are_kept(void **state) {
  static const char *const WHOLE[] = {"tiny", "chat", "long", "signed", "nasty", "empty"};
  (void)state;
  for (size_t k = 0; k < sizeof WHOLE / sizeof *WHOLE; k++) {
    sample *s = sample_make(WHOLE[k]);
    for (int level = HETA_LEVEL_TOKEN; level <= HETA_LEVEL_DOCUMENT; level++) {
      heta_rollup *rollup = NULL;
      assert_int_equal(heta_rollup_create(&s->a, (heta_level)level, &rollup, NULL), HETA_OK);
      assert_int_equal(rollup->row_count, s->a.row_count);
      for (size_t i = 0; i < s->a.row_count; i++) {
        const heta_row *row = &s->a.rows[i], *sums = &rollup->rows[i];
        double whole = total(row->score, row->length);
        assert_true(fabs(total(sums->score, sums->length) - whole) <= 1e-12 * whole);
        for (size_t c = 0; c < s->a.component_count; c++)
          assert_true(fabs(total(sums->components[c], sums->length) -
                           total(row->components[c], row->length)) <= 1e-9);
        if (!row->score_se) continue;
        double squares = 0, wanted = 0;
        for (size_t u = 0; u < sums->length; u++) squares += sums->score_se[u] * sums->score_se[u];
        for (size_t t = 0; t < row->length; t++) wanted += row->score_se[t] * row->score_se[t];
        assert_true(fabs(squares - wanted) <= 1e-12 * wanted);
      }
      heta_rollup_free(rollup);
    }
    sample_free(s);
  }
}

/* What is not computed makes the sum unknown, and nothing else. */
static void a_missing_value_is_not_zero(void **state) {
  (void)state;
  sample *s = sample_make("tiny");
  heta_rollup *rollup = NULL;
  ((double *)s->a.rows[0].score)[3] = NAN;
  assert_int_equal(heta_rollup_create(&s->a, HETA_LEVEL_SENTENCE, &rollup, NULL), HETA_OK);
  assert_int_equal(rollup->rows[0].length, 2); /* the first token, the rest */
  assert_true(isfinite(rollup->rows[0].score[0]));
  assert_true(isnan(rollup->rows[0].score[1]));
  assert_true(isfinite(rollup->rows[0].components[0][1]));
  heta_rollup_free(rollup);
  sample_free(s);
}

/* Where a probe moves all tokens at once: opposite deviations cancel in the sum. */
static void joint_probes_are_summed_first(void **state) {
  (void)state;
  enum { TOKENS = 5, PROBES = 4 };
  sample *s = sample_make("tiny");
  static const double VALUES[TOKENS][PROBES] = {
      {1, 1, 1, 1}, {2, 4, 2, 4}, {4, 2, 4, 2}, {1, 2, 3, 4}, {5, 5, 5, 5}};
  double *se = (double *)s->a.rows[0].component_se[1], *score_se = (double *)s->a.rows[0].score_se;
  heta_component_info components[5];
  memcpy(components, s->a.components, sizeof components);
  components[1].estimator = components[3].estimator = "row";
  s->a.components = components;
  ((const double **)s->a.rows[0].component_se)[3] = NULL;
  for (size_t i = 0; i < TOKENS; i++) {
    double mean = 0, squares = 0;
    for (size_t r = 0; r < PROBES; r++) mean += VALUES[i][r] / PROBES;
    for (size_t r = 0; r < PROBES; r++) squares += pow(VALUES[i][r] - mean, 2);
    se[i] = sqrt(squares / (PROBES - 1) / PROBES);
    score_se[i] = (double)(i + 1) * se[i]; /* weights 1 … 5 */
  }
  const heta_series series = {"curvature", 1, TOKENS, PROBES, &VALUES[0][0]};
  s->a.series = &series;
  s->a.series_count = 1;
  heta_rollup *rollup = NULL;
  assert_int_equal(heta_rollup_create(&s->a, HETA_LEVEL_SENTENCE, &rollup, NULL), HETA_OK);
  const heta_row *row = &rollup->rows[0];
  /* The sums by probe are 12, 13, 14, 15; with the weights 2·… + 3·… + 4·… they are 20, 22, 28, 30
   * and a constant: means 13.5 and 25, squared deviations 5 and 68. */
  assert_true(fabs(row->component_se[1][1] - sqrt(5.0 / 12)) < 1e-12);
  assert_true(fabs(row->score_se[1] - sqrt(68.0 / 12)) < 1e-12);
  assert_true(row->score_se[0] == 0);
  heta_rollup_free(rollup);
  /* Without the samples nobody knows; a single token still has its own. */
  s->a.series_count = 0;
  assert_int_equal(heta_rollup_create(&s->a, HETA_LEVEL_SENTENCE, &rollup, NULL), HETA_OK);
  assert_true(isnan(rollup->rows[0].score_se[1]));
  assert_true(rollup->rows[0].score_se[0] == score_se[0]);
  heta_rollup_free(rollup);
  sample_free(s);
}

static void a_target_inside_a_unit(void **state) {
  (void)state;
  sample *s = sample_make("chat"); /* its last target is the second half of an emoji */
  heta_rollup *rollup = NULL;
  assert_int_equal(heta_rollup_create(&s->a, HETA_LEVEL_DOCUMENT, &rollup, NULL), HETA_OK);
  const heta_row *first = &rollup->rows[0], *last = &rollup->rows[2];
  assert_int_equal(first->length + 1, rollup->unit_count);
  assert_int_equal(last->length, rollup->unit_count);
  const double *score = s->a.rows[2].score;
  size_t length = s->a.rows[2].length; /* two tokens of the answer stand before it */
  assert_true(fabs(last->score[last->length - 1] - score[length - 1] - score[length - 2]) < 1e-15);
  heta_rollup_free(rollup);
  sample_free(s);
}

/* Two rows of known numbers: shares 1/4 and 3/4 of the first token, 3/4 and -1/8 of the second. */
static void the_mean_of_all_targets(void **state) {
  static const double FIRST[] = {2, 6}, SECOND[] = {6, -1, 1};
  static const double FIRST_SE[] = {0.8, 0.4}, SECOND_SE[] = {0.8, 0, 5};
  (void)state;
  heta_row rows[] = {{.length = 2, .score = FIRST, .score_se = FIRST_SE},
                     {.length = 3, .score = SECOND, .score_se = SECOND_SE}};
  heta_attribution a = {.row_count = 2, .rows = rows};
  heta_i_headline mean;
  assert_int_equal(heta_i_headline_create(&a, &mean, NULL), HETA_OK);
  assert_int_equal(mean.length, 2);
  assert_true(fabs(mean.score[0] - 0.5) < 1e-15);
  assert_true(fabs(mean.score[1] - 0.3125) < 1e-15);
  assert_true(fabs(mean.score_se[0] - 0.1) < 1e-15); /* (0.8/8 + 0.8/8) / 2: not reduced */
  assert_true(fabs(mean.score_se[1] - 0.025) < 1e-15);
  heta_i_headline_free(&mean);
  rows[0].score_se = rows[1].score_se = NULL;
  assert_int_equal(heta_i_headline_create(&a, &mean, NULL), HETA_OK);
  assert_null(mean.score_se);
  heta_i_headline_free(&mean);
  a.row_count = 1;
  assert_int_equal(heta_i_headline_create(&a, &mean, NULL), HETA_OK);
  assert_int_equal(mean.length, 0);
  heta_i_headline_free(&mean);
}

static void refuses_what_is_no_level(void **state) {
  (void)state;
  sample *s = sample_make("tiny");
  heta_rollup *rollup = NULL;
  heta_error error = {0};
  assert_int_equal(heta_rollup_create(&s->a, (heta_level)6, &rollup, &error), HETA_E_ARGUMENT);
  assert_non_null(strstr(error.message, "no level 6"));
  assert_null(rollup);
  assert_null(heta_level_name((heta_level)6));
  ((heta_result_token *)s->a.tokens)[1].start = 0;
  assert_int_equal(heta_rollup_create(&s->a, HETA_LEVEL_WORD, &rollup, &error), HETA_E_ARGUMENT);
  assert_non_null(strstr(error.message, "token 1"));
  sample_free(s);
}

/* A chat: what the template writes stands apart, the first token alone; a message is its documents,
 * its text and what divides them. */
static void parts_of_a_chat(void **state) {
  (void)state;
  static const struct {
    const char *piece, *role, *name;
    size_t message;
  } parts[] = {
      {"<s>", "template", NULL, 1}, {"sys", "template", NULL, 1}, {"Be", "system", NULL, 1},
      {" brief.", NULL, NULL, 0},   {"<e>", "template", NULL, 1}, {"<u>", "template", NULL, 2},
      {"nine", "document", "a", 2}, {"--", "template", NULL, 2},  {"ten", "document", "b", 2},
      {"--", "template", NULL, 2},  {"When?", "user", NULL, 2},   {"<e>", "template", NULL, 2},
      {"At", "target", NULL, 0}};
  enum { COUNT = sizeof parts / sizeof *parts };
  const char *pieces[COUNT + 1] = {NULL}, *const * names;
  heta_segment segments[COUNT];
  size_t count = 0;
  cut c;
  for (size_t i = 0; i < COUNT; i++) pieces[i] = parts[i].piece;
  make(&c, pieces);
  for (size_t i = 0; i < COUNT; i++) {
    if (parts[i].role && (!count || strcmp(parts[i].role, segments[count - 1].role) ||
                          parts[i].message != segments[count - 1].message))
      segments[count++] = (heta_segment){.id = pieces[i],
                                         .role = parts[i].role,
                                         .name = parts[i].name,
                                         .message = parts[i].message};
    c.tokens[i].segment = count - 1;
    bool template = !strcmp(segments[count - 1].role, "template");
    c.tokens[i].kind = template ? HETA_TOKEN_TEMPLATE : HETA_TOKEN_TEXT;
  }
  c.a.segments = segments;
  c.a.segment_count = count;
  expect_units(&c, HETA_LEVEL_DOCUMENT, "<s>|sys|Be brief.|<e>|<u>|nine|--|ten|--|When?|<e>|At");
  expect_units(&c, HETA_LEVEL_MESSAGE, "<s>|sys|Be brief.|<e><u>|nine--ten--When?|<e>|At");
  static const char *const DOCUMENTS[] = {"", "",           "system 1", "",       "", "document a",
                                          "", "document b", "",         "user 2", "", "answer"};
  static const char *const MESSAGES[] = {"", "", "system 1", "", "user 2", "", "answer"};
  for (int level = HETA_LEVEL_SENTENCE; level <= HETA_LEVEL_DOCUMENT; level++) {
    heta_rollup *rollup = NULL;
    assert_int_equal(heta_rollup_create(&c.a, (heta_level)level, &rollup, NULL), HETA_OK);
    names = level == HETA_LEVEL_MESSAGE ? MESSAGES : DOCUMENTS;
    for (size_t i = 0; i < rollup->unit_count; i++)
      assert_string_equal(heta_i_rollup_name(&c.a, rollup, i).text,
                          level < HETA_LEVEL_MESSAGE ? "" : names[i]);
    heta_rollup_free(rollup);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(parts_of_a_chat),
                                     cmocka_unit_test(words),
                                     cmocka_unit_test(sentences_and_lines),
                                     cmocka_unit_test(segments),
                                     cmocka_unit_test(sums_are_kept),
                                     cmocka_unit_test(a_missing_value_is_not_zero),
                                     cmocka_unit_test(joint_probes_are_summed_first),
                                     cmocka_unit_test(a_target_inside_a_unit),
                                     cmocka_unit_test(the_mean_of_all_targets),
                                     cmocka_unit_test(refuses_what_is_no_level)};
  return cmocka_run_group_tests_name("rollup", tests, NULL, NULL);
}
