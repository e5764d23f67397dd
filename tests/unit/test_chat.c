/* test_chat.c: conversations in every known style against what the models' own templates make of
 * them (tests/data/chats), and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "chat/chat.h"
#include "support/attribute.h"

enum { MOST = 8 };

/* ---- Against real templates ------------------------------------------------------------------ */

static heta_status render(const json_t *conversation, const heta_i_style *style, unsigned flags,
                          heta_i_page *page, heta_error *error) {
  heta_message messages[MOST];
  heta_i_role roles[MOST];
  heta_i_talk talk = {.messages = messages, .roles = roles};
  size_t index;
  json_t *value;
  json_array_foreach(conversation, index, value) {
    json_t *content = json_object_get(value, "content");
    messages[index] = (heta_message){json_string_value(json_object_get(value, "role")),
                                     json_string_value(content), json_string_length(content)};
    assert_true(heta_i_role_find(messages[index].role, &roles[index]));
    talk.count++;
    if (roles[index] == HETA_ROLE_USER) talk.question = index;
  }
  return heta_i_chat_render(page, &talk, style, flags, error);
}

/* Segments tile the text; messages stand where they say; all else is the template's. */
static void check_segments(const heta_i_page *page) {
  size_t at = 0;
  for (size_t i = 0; i < page->count; i++) {
    assert_int_equal(page->segments[i].start, at);
    assert_true(page->segments[i].end > at);
    at = page->segments[i].end;
    for (size_t k = 0; k < i; k++)
      assert_string_not_equal(page->segments[i].id, page->segments[k].id);
  }
  assert_int_equal(at, page->text.size);
}

static void real_templates(void **state) {
  (void)state;
  json_error_t problem;
  json_t *file = json_load_file(HETA_TESTS_DIR "/data/chats/chats.json", 0, &problem);
  assert_non_null(file);
  json_t *conversations = json_object_get(file, "conversations"), *template, *wanted;
  json_t *texts = json_object_get(file, "texts");
  size_t index, which, rendered = 0, refused = 0;
  bool used[64] = {false};
  json_array_foreach(json_object_get(file, "templates"), index, template) {
    const char *key = json_string_value(json_object_get(template, "fingerprint"));
    const char *name = json_string_value(json_object_get(template, "style"));
    unsigned flags = 0;
    const heta_i_style *style = heta_i_chat_known(key, &flags);
    if (!style || strcmp(style->info.name, name)) fail_msg("%s, a %s, is not known", key, name);
    for (size_t i = 0; heta_i_style_at(i); i++) used[i] |= heta_i_style_at(i) == style;
    assert_int_equal(!!(flags & HETA_CHAT_WITH_BOS),
                     json_is_true(json_object_get(template, "bos")));
    json_array_foreach(json_object_get(template, "renderings"), which, wanted) {
      heta_i_page page = {.bos = "<s>", .eos = "</s>"};
      heta_error error = {0};
      heta_status status =
          render(json_array_get(conversations, which), style, flags, &page, &error);
      if (json_is_null(wanted)) {
        if (!status) fail_msg("%s, conversation %zu: taken", name, which);
        assert_int_equal(status, HETA_E_ARGUMENT);
        refused++;
      } else {
        const json_t *text = json_array_get(texts, (size_t)json_integer_value(wanted));
        if (status) fail_msg("%s, conversation %zu: %s", name, which, error.message);
        if (strcmp(page.text.bytes, json_string_value(text)))
          fail_msg("%s %.8s, conversation %zu:\n%s\ninstead of\n%s", name, key, which,
                   page.text.bytes, json_string_value(text));
        check_segments(&page);
        rendered++;
      }
      heta_i_page_free(&page);
    }
  }
  assert_true(rendered > 200 && refused > 50);
  for (size_t i = 0; heta_i_style_at(i); i++)
    if (!used[i] && strcmp(heta_i_style_at(i)->info.name, "raw"))
      fail_msg("no template of the style %s was tried", heta_i_style_at(i)->info.name);
  json_decref(file);
}

/* What makes no difference to a template, and what does. */
static void fingerprints(void **state) {
  (void)state;
  static const struct {
    const char *a, *b;
    bool same;
  } cases[] = {
      {"{% if a %}x{{ 'b\\n' }}", "{%if a%}x{{'b\n'}} \n", true},
      {"{{ a }}\r\nb", "{{a}}\nb", true},
      {"{# a note #}b", "{#anote#}b", true},
      {"{{ 'b\\tc' }}", "{{ 'b\tc' }}", true},
      {" \n{{ a }}", "{{ a }}", true},
      {"{{ ' b' }}", "{{ 'b' }}", false},
      {"{{ 'b\\\\n' }}", "{{ 'b\\n' }}", false},
      {"{{ '\\' }} x' }}", "{{ '\\' }}x' }}", false},
      {"a b", "ab", false},
      {"{{ 'a' }} b", "{{ 'a' }}b", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char a[HETA_CHAT_FINGERPRINT], b[HETA_CHAT_FINGERPRINT];
    assert_int_equal(heta_i_chat_fingerprint(cases[i].a, a, NULL), HETA_OK);
    assert_int_equal(heta_i_chat_fingerprint(cases[i].b, b, NULL), HETA_OK);
    if (!strcmp(a, b) != cases[i].same) fail_msg("case %zu", i);
  }
}

/* ---- Prompts --------------------------------------------------------------------------------- */

#define SAYS(role, text) ((heta_message){role, text, sizeof text - 1})
#define HOLDS(name, text) ((heta_document){name, text, sizeof text - 1})

static void expect_prompt(const heta_prompt *prompt, const char *const *wanted) {
  size_t count = 0, at = 0;
  for (; wanted[2 * count]; count++) {
    assert_true(count < prompt->segment_count);
    const heta_segment *s = &prompt->segments[count];
    assert_string_equal(s->id, wanted[2 * count]);
    assert_int_equal(s->start, at);
    assert_int_equal(s->end - s->start, strlen(wanted[2 * count + 1]));
    assert_memory_equal(prompt->text + at, wanted[2 * count + 1], s->end - at);
    at = s->end;
  }
  assert_int_equal(count, prompt->segment_count);
  assert_int_equal(at, prompt->size);
  assert_int_equal(prompt->text[at], 0);
}

static heta_prompt *made(const heta_model *model, const heta_chat *chat) {
  heta_prompt *prompt = NULL;
  heta_error error = {0};
  if (heta_prompt_create(model, chat, &prompt, &error)) fail_msg("%s", error.message);
  return prompt;
}

static void documents(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  const heta_message messages[] = {SAYS("system", "Be brief."), SAYS("user", "Hm?"),
                                   SAYS("assistant", "Yes?"), SAYS("user", "  Open? "),
                                   SAYS("assistant", " From nine. ")};
  const heta_document held[] = {HOLDS("faq", "We open at nine.\n"), HOLDS("b c", " x")};
  heta_chat chat = heta_chat_default();
  chat.messages = messages;
  chat.message_count = 5;
  chat.documents = held;
  chat.document_count = 2;
  chat.chat_template = "chatml";
  heta_prompt *prompt = made(model, &chat);
  expect_prompt(prompt, (const char *const[]){"template-1",
                                              "<|im_start|>system\n",
                                              "system-1",
                                              "Be brief.",
                                              "template-2",
                                              "<|im_end|>\n",
                                              "template-3",
                                              "<|im_start|>user\n",
                                              "user-2",
                                              "Hm?",
                                              "template-4",
                                              "<|im_end|>\n",
                                              "template-5",
                                              "<|im_start|>assistant\n",
                                              "assistant-3",
                                              "Yes?",
                                              "template-6",
                                              "<|im_end|>\n",
                                              "template-7",
                                              "<|im_start|>user\nDocument faq:\n",
                                              "document-faq",
                                              "We open at nine.\n",
                                              "template-8",
                                              "\n\nDocument b c:\n",
                                              "document-b c",
                                              " x",
                                              "template-9",
                                              "\n\n",
                                              "user-4",
                                              "  Open? ",
                                              "template-10",
                                              "<|im_end|>\n",
                                              "template-11",
                                              "<|im_start|>assistant\n",
                                              NULL});
  assert_string_equal(prompt->answer, " From nine. ");
  assert_int_equal(prompt->bos, HETA_BOS_NO);
  assert_string_equal(prompt->segments[10].role, "document");
  assert_string_equal(prompt->segments[10].name, "faq");
  assert_int_equal(prompt->segments[10].message, 4);
  assert_int_equal(prompt->segments[16].message, 0);
  heta_prompt_free(prompt);
  /* An answer is what would follow the prompt: Llama 2 puts a space before it. */
  chat.chat_template = "llama2";
  prompt = made(model, &chat);
  assert_string_equal(prompt->answer, " From nine.");
  heta_prompt_free(prompt);
  /* Without a template. */
  chat.messages = messages + 3;
  chat.message_count = 1;
  chat.document_count = 1;
  chat.chat_template = "raw";
  prompt = made(model, &chat);
  expect_prompt(prompt, (const char *const[]){"template-1", "Document faq:\n", "document-faq",
                                              "We open at nine.\n", "template-2", "\n\n", "user-1",
                                              "  Open? ", NULL});
  assert_null(prompt->answer);
  assert_int_equal(prompt->bos, HETA_BOS_AUTO);
  heta_prompt_free(prompt);
  heta_model_close(model);
}

static void refused_chats(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  const heta_message user = SAYS("user", "Hm?"), bot = SAYS("bot", "x");
  const heta_message system = SAYS("system", "x"), broken = SAYS("user", "x\xff");
  const heta_message tool = SAYS("tool", "x"), none = {"user", "", 0};
  const heta_document a = HOLDS("a", "x"), blank = HOLDS("b", " \n\u00a0"),
                      nameless = HOLDS("", "x");
  const heta_document lines = HOLDS("a\nb", "x"), bad = HOLDS("c", "\xff");
  const struct {
    heta_message messages[3];
    size_t message_count;
    heta_document documents[2];
    size_t document_count;
    const char *template, *words;
    heta_status status;
  } cases[] = {
      {{user}, 0, {a}, 0, "chatml", "has no message", HETA_E_ARGUMENT},
      {{user, bot}, 2, {a}, 0, "chatml", "message 2 has the role 'bot'", HETA_E_ARGUMENT},
      {{none}, 1, {a}, 0, "chatml", "message 1, of the role user, is empty", HETA_E_ARGUMENT},
      {{user, broken},
       2,
       {a},
       0,
       "chatml",
       "message 2 is not valid UTF-8 at byte 1",
       HETA_E_ARGUMENT},
      {{system}, 1, {a}, 0, "chatml", "nothing was asked", HETA_E_ARGUMENT},
      {{user, tool}, 2, {a}, 0, "chatml", "message 2 is of the role tool", HETA_E_ARGUMENT},
      {{system, user},
       2,
       {a},
       0,
       "gemma",
       "message 1 is of the role system, which the chat "
       "template of gemma models has no place for; say it in the user's message",
       HETA_E_ARGUMENT},
      {{user, user}, 2, {a}, 0, "gemma3", "message 2 is of the role user where", HETA_E_ARGUMENT},
      {{user}, 1, {a, a}, 2, "chatml", "two documents have the name 'a'", HETA_E_ARGUMENT},
      {{user}, 1, {a, blank}, 2, "chatml", "document 'b' is empty", HETA_E_ARGUMENT},
      {{user}, 1, {nameless}, 1, "chatml", "document 1 has no name", HETA_E_ARGUMENT},
      {{user}, 1, {lines}, 1, "chatml", "not on one line", HETA_E_ARGUMENT},
      {{user}, 1, {bad}, 1, "chatml", "document 'c' is not valid UTF-8 at byte 0", HETA_E_ARGUMENT},
      {{user}, 1, {a}, 0, "chatlm", "there is no chat template 'chatlm'", HETA_E_ARGUMENT},
      {{user},
       1,
       {a},
       0,
       NULL,
       "has no chat template: it may be no chat model. --raw",
       HETA_E_UNSUPPORTED},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    heta_chat chat = heta_chat_default();
    heta_prompt *prompt = NULL;
    heta_error error = {0};
    chat.messages = cases[i].messages;
    chat.message_count = cases[i].message_count;
    chat.documents = cases[i].documents;
    chat.document_count = cases[i].document_count;
    chat.chat_template = cases[i].template;
    heta_status status = heta_prompt_create(model, &chat, &prompt, &error);
    if (status != cases[i].status || !strstr(error.message, cases[i].words))
      fail_msg("case %zu: %d, %s", i, (int)status, error.message);
    assert_null(prompt);
  }
  heta_model_close(model);
}

/* ---- Messages from JSON ---------------------------------------------------------------------- */

static void messages_from_json(void **state) {
  (void)state;
  static const char *const good[] = {
      "[{\"role\":\"user\",\"content\":\"a\\\"b\"}]",
      "{\"model\":\"m\",\"x\":[{\"messages\":[1]}],\"messages\":\n[{\"role\":\"user\",\"content\":"
      "[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"\\\"b\"}],"
      "\"tool_calls\":[]}]}"};
  for (size_t i = 0; i < 2; i++) {
    heta_messages *messages = NULL;
    heta_error error = {0};
    if (heta_messages_read(good[i], strlen(good[i]), &messages, &error))
      fail_msg("%s", error.message);
    assert_int_equal(heta_messages_count(messages), 1);
    assert_string_equal(heta_messages_data(messages)->role, "user");
    assert_int_equal(heta_messages_data(messages)->size, 3);
    assert_memory_equal(heta_messages_data(messages)->text, "a\"b", 3);
    heta_messages_free(messages);
  }
  static const struct {
    const char *json, *words;
    heta_status status;
  } bad[] = {
      {"", "is not JSON", HETA_E_FORMAT},
      {"[\n{]", "line 2, column 2", HETA_E_FORMAT},
      {"[]", "the list of messages is empty", HETA_E_FORMAT},
      {"{}", "neither a list of objects", HETA_E_FORMAT},
      {"{\"messages\":{}}", "neither a list of objects", HETA_E_FORMAT},
      {"[\n\n7]", "messages[0] (line 3) is no object", HETA_E_FORMAT},
      {"{\n\"a\": \"messages\",\n\"messages\":\n[{\"role\":\"user\",\"content\":\"[{,\"},\n{}]}",
       "messages[1].role (line 5) is missing", HETA_E_FORMAT},
      {"[{\"role\":\"user\",\"content\":\"x\"},\n {\"role\":\"bot\",\n\"content\":\"\"}]",
       "messages[1].role (line 2) is \"bot\"", HETA_E_FORMAT},
      {"[{\"role\":\"user\"}]", "messages[0].content is missing", HETA_E_FORMAT},
      {"[{\"role\":\"user\",\"content\":null}]", "messages[0].content is missing", HETA_E_FORMAT},
      {"[{\"role\":\"user\",\"content\":\"a\",\"content\":\"b\"}]", "duplicate", HETA_E_FORMAT},
      {"[{\"role\":\"user\",\"content\":[{\"type\":\"image\"}]}]", "part 0 is of the type image",
       HETA_E_UNSUPPORTED},
      {"[{\"role\":\"user\",\"content\":[\"a\"]}]", "part 0 is without a type", HETA_E_FORMAT},
      {"[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]", "part 0 has no \"text\"",
       HETA_E_FORMAT},
      {"[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{}]}]", "calls tools",
       HETA_E_UNSUPPORTED},
      {"[{\"role\":\"user\",\"content\":\"a\\u0000\"}]", "is not JSON", HETA_E_FORMAT},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    heta_messages *messages = NULL;
    heta_error error = {0};
    heta_status status = heta_messages_read(bad[i].json, strlen(bad[i].json), &messages, &error);
    if (status != bad[i].status || !strstr(error.message, bad[i].words))
      fail_msg("case %zu: %d, %s", i, (int)status, error.message);
    assert_null(messages);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(real_templates),     cmocka_unit_test(fingerprints),
      cmocka_unit_test(documents),          cmocka_unit_test(refused_chats),
      cmocka_unit_test(messages_from_json),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
