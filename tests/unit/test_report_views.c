/* test_report_views.c: what people see of a result, on a terminal and as a page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/glyph.h"
#include "report/rollup.h"
#include "report/view.h"
#include "support/capture.h"
#include "support/sample.h"

static void units_are_graphemes(void **state) {
  (void)state;
  static const struct {
    const char *pieces[8];
    size_t firsts[8], count;
  } CASES[] = {
      {{"a", "b", " c"}, {0, 1, 2}, 3},
      {{"x\xf0\x9f", "\x98", "\x80", "y"}, {0, 3}, 2}, /* 😀 in three tokens */
      {{"e", "\xcc\x81", "t"}, {0, 2}, 2},             /* é by a combining accent */
      {{"\xf0\x9f\x91\xa9", "\xe2\x80\x8d", "\xf0\x9f\x91\xa7", "!"}, {0, 3}, 2}, /* 👩‍👧 */
      {{"\xf0\x9f\x87\xaf", "\xf0\x9f\x87\xb5", "\xf0\x9f\x87\xaf", "\xf0\x9f\x87\xb5"},
       {0, 2},
       2}, /* two flags */
      {{"\r", "\n", "\n"}, {0, 2}, 2},
      {{"e", "\xcc"}, {0}, 0}, /* refused: not valid UTF-8 */
  };
  for (size_t i = 0; i + 1 < sizeof CASES / sizeof *CASES; i++) {
    char text[64] = "";
    heta_result_token tokens[8] = {{0}};
    heta_attribution a = {.text = text, .tokens = tokens};
    for (; CASES[i].pieces[a.token_count]; a.token_count++) {
      tokens[a.token_count].start = strlen(text);
      const char *piece = CASES[i].pieces[a.token_count];
      memcpy(text + strlen(text), piece, strlen(piece) + 1);
      tokens[a.token_count].end = strlen(text);
    }
    a.text_size = strlen(text);
    heta_i_units units;
    assert_int_equal(heta_i_units_create(&a, &units, NULL), HETA_OK);
    assert_int_equal(units.count, CASES[i].count);
    for (size_t u = 0; u < units.count; u++) {
      size_t next = u + 1 < units.count ? CASES[i].firsts[u + 1] : a.token_count;
      assert_int_equal(units.units[u].first, CASES[i].firsts[u]);
      assert_int_equal(units.units[u].last, next);
      assert_int_equal(units.units[u].start, tokens[CASES[i].firsts[u]].start);
      assert_int_equal(units.units[u].end, tokens[next - 1].end);
    }
    heta_i_units_free(&units);
  }
}

static void labels(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t width;
    const char *label;
    size_t cells;
  } CASES[] = {{" Paris", 20, "“ Paris”", 8},     {"", 20, "“”", 2},
               {"\n\t", 20, "“\\n\\t”", 6},       {"\xf0\x9f", 20, "“<F0><9F>”", 10},
               {"\x1b[1m", 20, "“<1B>[1m”", 9},   {"\xe2\x80\xae", 20, "“<U+202E>”", 10},
               {"\xc2\x9b", 20, "“<9B>”", 6},     {"京都市", 20, "“京都市”", 8},
               {"京都市", 7, "“京都…”", 7},       {"京都市", 6, "“京…”", 5},
               {"abcdefgh", 6, "“abc…”", 6},      {"abcd", 6, "“abcd”", 6},
               {"\xcc\x81", 12, "“<U+0301>”", 10}};
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    heta_i_label label = heta_i_label_make(CASES[i].bytes, strlen(CASES[i].bytes), CASES[i].width);
    assert_string_equal(label.text, CASES[i].label);
    assert_int_equal(label.width, CASES[i].cells);
  }
  char heap[4000]; /* one letter with two thousand accents */
  size_t size = 0;
  for (heap[size++] = 'z'; size + 1 < sizeof heap; size += 2) memcpy(heap + size, "\xcc\x81", 2);
  heta_i_label label = heta_i_label_make(heap, size, 20);
  assert_string_equal(label.text, "“…”");
}

static void ranking(void **state) {
  (void)state;
  const double score[] = {9, 2, NAN, 4, 4, 1, 3};
  const heta_result_token tokens[7] = {[5] = {.kind = HETA_TOKEN_SPECIAL}};
  const heta_row row = {.length = 7, .score = score};
  const heta_attribution a = {.tokens = tokens, .token_count = 7};
  const heta_unit units[7] = {{.first = 0}, {.first = 1}, {.first = 2}, {.first = 3},
                              {.first = 4}, {.first = 5}, {.first = 6}};
  const heta_rollup rollup = {.unit_count = 7, .units = units};
  size_t best[7];
  assert_int_equal(heta_i_rollup_best(&a, &rollup, &row, false, 3, best), 3);
  assert_int_equal(best[0], 3);
  assert_int_equal(best[1], 4);
  assert_int_equal(best[2], 6);
  assert_int_equal(heta_i_rollup_best(&a, &rollup, &row, false, 7, best), 4);
  assert_int_equal(best[3], 1);
  assert_int_equal(heta_i_rollup_best(&a, &rollup, &row, true, 7, best), 2);
  assert_int_equal(best[0], 0);
  assert_int_equal(best[1], 5);
}

/* Removes the escape sequences that styles are made of. */
static char *unstyled(const char *text) {
  char *plain = heta_i_allocate(strlen(text) + 1, 1), *to = plain;
  assert_non_null(plain);
  while (*text) {
    if (!strncmp(text, "\x1b[", 2)) {
      text += 2;
      text += strspn(text, "0123456789;");
      assert_int_equal(*text, 'm');
      text++;
    } else {
      *to++ = *text++;
    }
  }
  *to = 0;
  return plain;
}

/* No line is wider than the terminal, and nothing in the text reaches the terminal as a command. */
static void terminal_is_safe(void **state) {
  (void)state;
  static const size_t COLUMNS[] = {60, 80, 81, 133};
  for (size_t i = 0; SAMPLES[i]; i++) {
    sample *s = sample_make(SAMPLES[i]);
    for (size_t c = 0; c < 4; c++) {
      for (int color = HETA_COLOR_NONE; color <= HETA_COLOR_TRUE; color++) {
        heta_report_options options = capture_color((heta_color)color, COLUMNS[c]);
        char *text = capture_report(&s->a, "term", &options), *plain = unstyled(text);
        if (color == HETA_COLOR_NONE) assert_string_equal(text, plain);
        for (char *line = plain, *end; (end = strchr(line, '\n')); line = end + 1) {
          size_t width = 0, size = (size_t)(end - line);
          for (size_t at = 0; at < size;) {
            heta_i_glyph glyph = heta_i_glyph_at(line, at, size);
            assert_true(glyph.literal);
            width += glyph.width;
            at = glyph.end;
          }
          if (width > COLUMNS[c])
            fail_msg("%s: %zu columns in %zu: %.*s", SAMPLES[i], width, COLUMNS[c], (int)size,
                     line);
        }
        heta_i_free(plain);
        heta_i_free(text);
      }
    }
    sample_free(s);
  }
}

static void terminal_says(void **state) {
  (void)state;
  sample *s = sample_make("tiny");
  heta_row *row = (heta_row *)s->a.rows;
  const double score[] = {6, 1, 0.5, 2, 0.5}, se[] = {0, 0.25, 0.1, 0.5, 0};
  const bool tied[] = {false, false, true, true, false};
  row->score = score;
  row->score_se = se;
  row->tied_with_next = tied;
  heta_report_options options = capture_color(HETA_COLOR_NONE, 0);
  char *text = capture_report(&s->a, "term", &options);
  expect_in(text, "Why “ Paris”?");
  expect_in(text, "rather than “ London”: probability 1.43 %, log-probability -4.250");
  expect_in(text, "The capital of France is[ Paris]");
  expect_in(text, "      3  “ France”               20.00 %  ████████████████████\n");
  expect_in(text, "      1  “ capital”              10.00 %  ██████████\n");
  expect_in(text, "Set apart: 60.00 % of the sum\n");
  expect_in(text, "      0  “The”                   60.00 %  first token (sink)\n");
  expect_in(text, "      3  “ France”         20.00 % ±  5.00 ≈ ");
  expect_in(text, "      1  “ capital”        10.00 % ±  2.50   ");
  expect_in(text, "gate  curvature information");
  expect_in(text, "≈ not separable");
  heta_i_free(text);

  options.color = HETA_COLOR_TRUE; /* the strongest colour is not the sink's */
  text = capture_report(&s->a, "term", &options);
  expect_in(text, "48;2;208;234;255m France\x1b");
  expect_in(text, "\x1b[0;4;38;2;134;140;152;48;2;22;24;29mThe\x1b");
  heta_i_free(text);
  options.color = HETA_COLOR_256;
  text = capture_report(&s->a, "term", &options);
  expect_in(text, "48;5;195m France\x1b");
  expect_not_in(text, "48;2;");
  heta_i_free(text);
  sample_free(s);

  s = sample_make("signed");
  options = capture_color(HETA_COLOR_NONE, 0);
  text = capture_report(&s->a, "term", &options);
  expect_in(text, "░");
  expect_in(text, "-");
  expect_in(text, "   exact");
  expect_in(text, "“<s>”");
  heta_i_free(text);
  sample_free(s);

  s = sample_make("partial");
  text = capture_report(&s->a, "term", &options);
  expect_in(text, "status  partial, stopped by interrupt");
  expect_in(text, "of the 3 tokens of 6 computed so far");
  expect_in(text, "Not computed yet.");
  heta_i_free(text);
  sample_free(s);

  s = sample_make("chat"); /* an emoji in two tokens is drawn once, whole */
  text = capture_report(&s->a, "term", &options);
  expect_in(text, "Kyoto[\xf0\x9f\x98\x80]");
  expect_in(text, "<F0><9F><98>");
  heta_i_free(text);
  sample_free(s);
}

static void page_is_whole(void **state) {
  (void)state;
  for (size_t i = 0; SAMPLES[i]; i++) {
    sample *s = sample_make(SAMPLES[i]);
    heta_report_options options = heta_report_options_default();
    options.title = "a < b & \"c\" @DATA@";
    char *text = capture_report(&s->a, "html", &options);
    expect_in(text, "<title>a &lt; b &amp; &quot;c&quot; @DATA@</title>");
    assert_int_equal(count_of(text, "<script"), 2);
    assert_int_equal(count_of(text, "</script"), 2);
    assert_int_equal(count_of(text, "<!--"), 0);
    assert_int_equal(count_of(text, "@TITLE@"), 0);
    expect_not_in(text, "http:");
    expect_not_in(text, "https:");
    expect_not_in(text, "src=");
    expect_not_in(text, "url(");
    expect_not_in(text, "\xe2\x80\xa8");
    expect_not_in(text, "\x1b");
    static const char OPEN[] = "<script type=\"application/json\" id=\"data\">";
    char *from = strstr(text, OPEN);
    assert_non_null(from);
    from += strlen(OPEN);
    json_t *data = capture_json(from, (size_t)(strstr(from, "</script>") - from));
    const json_t *view = json_object_get(data, "view");
    const json_t *units = json_object_get(view, "units");
    char joined[16384] = "";
    for (size_t u = 0; u < json_array_size(units); u++) {
      const json_t *unit = json_array_get(units, u);
      const heta_result_token *token = &s->a.tokens[json_integer_value(json_array_get(unit, 0))];
      const char *part = json_string_value(json_array_get(unit, 2));
      if (token->kind != HETA_TOKEN_BOS) snprintf(joined + strlen(joined), 256, "%s", part);
    }
    assert_string_equal(joined, s->a.text);
    assert_null(json_object_get(data, "timing"));
    json_decref(data);
    heta_i_free(text);
    sample_free(s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(units_are_graphemes),
      cmocka_unit_test(labels),
      cmocka_unit_test(ranking),
      cmocka_unit_test(terminal_is_safe),
      cmocka_unit_test(terminal_says),
      cmocka_unit_test(page_is_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
