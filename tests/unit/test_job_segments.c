/* test_job_segments.c: texts whose parts are named: which tokens belong to which part, where
 * special tokens are read, what a result keeps of them, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/attribute.h"

enum { MOST = 8 };

/* A text put together from parts. */
typedef struct parts {
  char text[256];
  heta_segment segments[MOST];
  size_t count;
} parts;

static void add(parts *p, const char *id, const char *role, const char *name, size_t message,
                const char *text) {
  size_t start = strlen(p->text), size = strlen(text);
  memcpy(p->text + start, text, size + 1);
  p->segments[p->count++] = (heta_segment){id, role, start, start + size, name, message};
}

/* A question with a document whose text names a special token. */
static parts chat(void) {
  parts p = {0};
  add(&p, "template-1", "template", NULL, 1, "<|begin|>u\n");
  add(&p, "document-faq", "document", "faq", 1, "then <|end|> he");
  add(&p, "template-2", "template", NULL, 1, "\n\n");
  add(&p, "user-1", "user", NULL, 1, " a hen");
  add(&p, "template-3", "template", NULL, 1, "<|end|>");
  return p;
}

static heta_attribute_options cheap(const parts *p) {
  heta_attribute_options options = attribute_options(&FIXTURE_KINDS[2], NULL);
  options.method = "uniform";
  options.bos = HETA_BOS_NO;
  options.segments = p->segments;
  options.segment_count = p->count;
  return options;
}

static heta_job *open_job(const heta_model *model, const parts *p, heta_attribute_options *o) {
  return attribute_job(model, p->text, strlen(p->text), o);
}

static void tokens_of_parts(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  parts p = chat();
  heta_attribute_options options = cheap(&p);
  options.target = HETA_TARGET_TEXT;
  options.target_text = " in";
  heta_job *job = open_job(model, &p, &options);
  memset(p.text, 'x', sizeof p.text - 1); /* nothing is borrowed any more */
  memset(p.segments, 0, sizeof p.segments);
  const heta_attribution *a = attribute_run(job);
  assert_int_equal(a->segment_count, 6);
  assert_string_equal(a->segments[1].name, "faq");
  assert_string_equal(a->segments[5].role, "target");
  size_t specials = 0, covered[6] = {0};
  for (size_t i = 0; i < a->token_count; i++) {
    const heta_result_token *token = &a->tokens[i];
    const heta_segment *segment = &a->segments[token->segment];
    bool template = strcmp(segment->role, "template") == 0;
    assert_true(segment->start <= token->start && token->end <= segment->end);
    assert_int_equal(token->kind, template              ? HETA_TOKEN_TEMPLATE
                                  : token->segment == 5 ? HETA_TOKEN_FORCED
                                                        : HETA_TOKEN_TEXT);
    specials += token->id >= 261;
    if (token->id >= 261) assert_true(template);
    covered[token->segment] += token->end - token->start;
  }
  assert_int_equal(specials, 2); /* not the one that the document names */
  for (size_t s = 0; s < 6; s++)
    assert_int_equal(covered[s], a->segments[s].end - a->segments[s].start);
  heta_job_free(job);
  heta_model_close(model);
}

/* With parse_special the document's token is read, too, and is none of the template's. */
static void special_everywhere(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  parts p = chat();
  heta_attribute_options options = cheap(&p);
  options.parse_special = true;
  heta_job *job = open_job(model, &p, &options);
  const heta_attribution *a = attribute_run(job);
  size_t special = 0, template = 0;
  for (size_t i = 0; i < a->token_count; i++) {
    if (a->tokens[i].id < 261) continue;
    special += a->tokens[i].kind == HETA_TOKEN_SPECIAL;
    template += a->tokens[i].kind == HETA_TOKEN_TEMPLATE;
  }
  assert_int_equal(special, 1);
  assert_int_equal(template, 2);
  heta_job_free(job);
  heta_model_close(model);
}

/* A token with bytes of two parts belongs to that of its first byte that is no white space. */
static void straddling_tokens(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  parts p = {0};
  add(&p, "a", "template", NULL, 0, "t ");
  add(&p, "b", "user", NULL, 1, "the"); /* " the" is one token */
  add(&p, "c", "template", NULL, 0, "i");
  add(&p, "d", "user", NULL, 2, "n n"); /* and "in" */
  heta_attribute_options options = cheap(&p);
  heta_job *job = open_job(model, &p, &options);
  const heta_attribution *a = attribute_run(job);
  static const struct {
    const char *text, *segment;
  } wanted[] = {{"t", "a"}, {" the", "b"}, {"in", "c"}, {" ", "d"}, {"n", "d"}};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    const heta_result_token *token = &a->tokens[i];
    assert_int_equal(token->end - token->start, strlen(wanted[i].text));
    assert_memory_equal(a->text + token->start, wanted[i].text, strlen(wanted[i].text));
    assert_string_equal(a->segments[token->segment].id, wanted[i].segment);
  }
  heta_job_free(job);
  heta_model_close(model);
}

/* One segment, the prompt, is what a text without segments has: the same bytes. */
static void the_default(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  parts p = {0};
  add(&p, "prompt", "prompt", NULL, 0, "then a hen hid");
  heta_attribute_options options = cheap(&p);
  heta_job *one = open_job(model, &p, &options);
  options.segments = NULL;
  heta_job *other = open_job(model, &p, &options);
  attribute_same("one segment and none", one, other);
  heta_job_free(one);
  heta_job_free(other);
  heta_model_close(model);
}

static void refused(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  static const struct {
    heta_segment segments[2];
    size_t count;
    const char *words;
  } cases[] = {
      {{{"a", "user", 0, 2, NULL, 0}}, 1, "cover 2 bytes of a text of 5"},
      {{{"a", "user", 0, 2, NULL, 0}}, 0, "cover 0 bytes"},
      {{{"a", "user", 0, 6, NULL, 0}}, 1, "covers bytes 0 to 6"},
      {{{"a", "user", 1, 5, NULL, 0}}, 1, "has to begin at byte 0"},
      {{{"a", "user", 0, 4, NULL, 0}, {"b", "user", 4, 5, NULL, 0}}, 2, "end of a character"},
      {{{"a", "user", 0, 0, NULL, 0}, {"b", "user", 0, 5, NULL, 0}}, 2, "covers bytes 0 to 0"},
      {{{"a", "user", 0, 2, NULL, 0}, {"a", "user", 2, 5, NULL, 0}}, 2, "both have the id 'a'"},
      {{{"a", "bot", 0, 5, NULL, 0}}, 1, "the role 'bot'"},
      {{{"a", "target", 0, 5, NULL, 0}}, 1, "the role 'target'"},
      {{{"a", NULL, 0, 5, NULL, 0}}, 1, "the role ''"},
      {{{NULL, "user", 0, 5, NULL, 0}}, 1, "id or name that is empty"},
      {{{"a", "document", 0, 5, "", 0}}, 1, "id or name that is empty"},
      {{{"a\xff", "document", 0, 5, NULL, 0}}, 1, "not UTF-8"},
      {{{"target", "document", 0, 5, NULL, 0}}, 1, "the id 'target'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    heta_attribute_options options = attribute_options(&FIXTURE_KINDS[2], NULL);
    options.segments = cases[i].segments;
    options.segment_count = cases[i].count;
    attribute_refused(model, "hen\u00e9", &options, HETA_E_ARGUMENT, cases[i].words);
  }
  heta_model_close(model);
}

/* What to leave out of a text that is too long: the smallest document that is enough. */
static void too_long(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  size_t context = heta_model_get_info(model)->context;
  char *text = calloc(context + 64, 1);
  size_t small = 6, middle = 20, rest = context + 10 - small - middle;
  memset(text, 'z', small + middle + rest); /* one token each */
  heta_segment segments[] = {{"a", "document", 0, small, "small", 1},
                             {"b", "document", small, small + middle, "middle", 1},
                             {"c", "document", small + middle, small + middle + rest, "big", 1}};
  parts none = {0};
  heta_attribute_options options = cheap(&none);
  options.segments = segments;
  options.segment_count = 3;
  attribute_refused(model, text, &options, HETA_E_ARGUMENT,
                    "shorten it by 11; leaving out document 'middle' saves 20");
  segments[2].role = "user";
  segments[1].role = "user";
  attribute_refused(model, text, &options, HETA_E_ARGUMENT,
                    "even leaving out the largest, document 'small' saves 6");
  segments[0].role = "user";
  text[context - 4] = 0;
  segments[2].end = context - 4;
  options.target = HETA_TARGET_GENERATE;
  options.target_count = 9;
  attribute_refused(model, text, &options, HETA_E_ARGUMENT,
                    "shorten it by 5, or let the model write 5 tokens fewer");
  free(text);
  heta_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tokens_of_parts),   cmocka_unit_test(special_everywhere),
      cmocka_unit_test(straddling_tokens), cmocka_unit_test(the_default),
      cmocka_unit_test(refused),           cmocka_unit_test(too_long),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
