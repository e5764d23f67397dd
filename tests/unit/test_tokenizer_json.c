/* test_tokenizer_json.c: tokenizers of folders: parity with Hugging Face tokenizers, exact byte
 * spans, special tokens and settings of the other files, and refused files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "text/tokenizer.h"

#define DATA HETA_TESTS_DIR "/data/tokenizer/json/"

static heta_i_tokenizer *open_folder(const char *folder, size_t rows) {
  heta_i_tokenizer *tokenizer = NULL;
  heta_error error = {0};
  if (heta_i_tokenizer_create_folder(folder, rows, &tokenizer, &error))
    fail_msg("%s: %s", folder, error.message);
  return tokenizer;
}

/* ---- Parity -------------------------------------------------------------------------------- */

/* Whether what a token stands for is what it covers: white space around an added token belongs to
 * it, and the first token of a stretch may begin with a space that is not in the text. */
static bool is_faithful(const heta_i_tokenizer *tokenizer, const heta_token *token, bool first,
                        const char *text) {
  size_t size, covered = token->end - token->start;
  const char *bytes = heta_i_tokenizer_bytes(tokenizer, token->id, &size);
  text += token->start;
  if (heta_i_tokenizer_is_special(tokenizer, token->id)) {
    for (; covered > size && memcmp(text, bytes, size); covered--) text++;
    return covered >= size && !memcmp(text, bytes, size);
  }
  if (first && size == covered + 1 && *bytes == ' ') bytes++, size--;
  return size == covered && !memcmp(text, bytes, size);
}

static void assert_tiles(const char *name, size_t index, const heta_i_tokenizer *tokenizer,
                         const char *text, size_t size, const heta_token *tokens, size_t count) {
  const heta_i_tokenizer_info *info = heta_i_tokenizer_get_info(tokenizer);
  /* Composed text is other bytes; U+2581 is written like a space. */
  bool differs = !strcmp(name, "neox") || !strcmp(name, "always") ||
                 !strcmp(name, "unigram-bytes") || strstr(text, "\u2581");
  size_t at = 0;
  for (size_t i = 0; i < count; i++) {
    bool first = !i || heta_i_tokenizer_is_special(tokenizer, tokens[i - 1].id);
    if (tokens[i].start != at || tokens[i].end < at || tokens[i].end > size)
      fail_msg("%s, text %zu: token %zu covers [%zu, %zu) after %zu", name, index, i,
               tokens[i].start, tokens[i].end, at);
    if (!differs && tokens[i].id != info->unk && !is_faithful(tokenizer, &tokens[i], first, text))
      fail_msg("%s, text %zu: token %zu, id %" PRId32 ", is not what it covers", name, index, i,
               tokens[i].id);
    at = tokens[i].end;
  }
  assert_int_equal(at, size);
}

static void check_case(const char *name, const heta_i_tokenizer *tokenizer, size_t index,
                       const json_t *text, bool special, const json_t *ids) {
  heta_token *tokens = NULL;
  size_t count;
  heta_error error = {0};
  if (heta_i_tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text), special,
                              &tokens, &count, &error))
    fail_msg("%s, text %zu: %s", name, index, error.message);
  for (size_t i = 0; i < count && i < json_array_size(ids); i++)
    if (tokens[i].id != json_integer_value(json_array_get(ids, i)))
      fail_msg("%s, text %zu, special %d: token %zu is %" PRId32 ", not %" JSON_INTEGER_FORMAT,
               name, index, special, i, tokens[i].id, json_integer_value(json_array_get(ids, i)));
  assert_int_equal(count, json_array_size(ids));
  assert_tiles(name, index, tokenizer, json_string_value(text), json_string_length(text), tokens,
               count);
  heta_i_free(tokens);
}

static void check_folder(const char *name, const char *folder, size_t rows, const json_t *texts,
                         const json_t *expected) {
  heta_i_tokenizer *tokenizer = open_folder(folder, rows);
  const json_t *plain = json_object_get(expected, "plain");
  assert_int_equal(json_array_size(plain), json_array_size(texts));
  for (size_t i = 0; i < json_array_size(texts); i++) {
    char key[24];
    snprintf(key, sizeof key, "%zu", i);
    const json_t *special = json_object_get(json_object_get(expected, "special"), key);
    const json_t *text = json_array_get(texts, i), *ids = json_array_get(plain, i);
    check_case(name, tokenizer, i, text, false, ids);
    check_case(name, tokenizer, i, text, true, special ? special : ids);
  }
  heta_i_tokenizer_free(tokenizer);
}

static void parity(void **state) {
  (void)state;
  json_error_t problem;
  json_t *cases = json_load_file(DATA "cases.json", JSON_ALLOW_NUL, &problem), *expected;
  if (!cases) fail_msg("cases.json:%d: %s", problem.line, problem.text);
  json_t *folders = json_object_get(cases, "folders");
  const char *name;
  assert_int_equal(json_object_size(folders), 13);
  json_object_foreach(folders, name, expected) {
    char folder[1024];
    snprintf(folder, sizeof folder, "%s%s", DATA, name);
    check_folder(name, folder, 0, json_object_get(cases, "texts"), expected);
  }
  json_decref(cases);
}

/* Phi-3-medium's tokenizer.json is larger than all fixtures together. */
static void parity_phi3(void **state) {
  (void)state;
  const char *data = getenv("HETA_TEST_DATA");
  char folder[1024];
  snprintf(folder, sizeof folder, "%s/tokenizers/phi3_medium", data ? data : "");
  if (!data || access(folder, F_OK)) {
    fprintf(stderr, "SKIPPED: parity_phi3: set HETA_TEST_DATA to a folder with "
                    "tokenizers/phi3_medium/tokenizer.json\n");
    skip();
  }
  json_error_t problem;
  json_t *cases = json_load_file(DATA "cases.json", JSON_ALLOW_NUL, &problem);
  json_t *expected = json_load_file(DATA "phi3_medium.json", 0, &problem);
  assert_non_null(cases);
  assert_non_null(expected);
  check_folder("phi3_medium", folder, 32064, json_object_get(cases, "texts"), expected);
  json_decref(cases);
  json_decref(expected);
}

static void names(void **state) {
  (void)state;
  static const char *const expected[][3] = {
      {"gpt2", "gpt2", "gpt-2"},    {"neox", "gpt2", "olmo"},     {"llama3", "gpt2", "llama-bpe"},
      {"tekken", "gpt2", "tekken"}, {"gpt4o", "gpt2", "gpt-4o"},  {"odd", "gpt2", "custom"},
      {"prefix", "gpt2", "custom"}, {"gemma", "llama", "default"}};
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    char folder[1024];
    snprintf(folder, sizeof folder, "%s%s", DATA, expected[i][0]);
    heta_i_tokenizer *tokenizer = open_folder(folder, 0);
    assert_string_equal(heta_i_tokenizer_get_info(tokenizer)->model, expected[i][1]);
    assert_string_equal(heta_i_tokenizer_get_info(tokenizer)->pre, expected[i][2]);
    heta_i_tokenizer_free(tokenizer);
  }
}

/* ---- Folders made here --------------------------------------------------------------------- */

static char folder[] = "/tmp/heta-tokenizer-XXXXXX";

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static const char *const FILES[] = {"tokenizer.json", "tokenizer_config.json",
                                    "special_tokens_map.json", "config.json",
                                    "chat_template.jinja"};

static void clear_folder(void) {
  char path[128];
  for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, FILES[i]);
    unlink(path);
  }
}

static int remove_folder(void **state) {
  (void)state;
  clear_folder();
  return rmdir(folder);
}

static void put(const char *name, const char *text, size_t size) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *stream = fopen(path, "wb");
  assert_non_null(stream);
  assert_int_equal(fwrite(text, 1, size, stream), size);
  fclose(stream);
}

static const char SOUND[] =
    "{\"added_tokens\": [{\"id\": 5, \"content\": \"<s>\", \"special\": true}],\n"
    " \"normalizer\": {\"type\": \"NFC\"},\n"
    " \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [\n"
    "   {\"type\": \"Split\", \"pattern\": {\"Regex\": \"\\\\s\"}, \"behavior\": \"Isolated\"},\n"
    "   {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}]},\n"
    " \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [\n"
    "   {\"SpecialToken\": {\"id\": \"<s>\"}}, {\"Sequence\": {\"id\": \"A\"}}]},\n"
    " \"model\": {\"type\": \"BPE\", \"unk_token\": null, \"dropout\": null,\n"
    "   \"vocab\": {\"a\": 0, \"b\": 1, \"c\": 2, \"ab\": 3, \"abc\": 4},\n"
    "   \"merges\": [\"a b\", [\"ab\", \"c\"]]}}\n";

/* Writes SOUND with the first occurrence of `from` (NULL: nothing) changed. */
static void put_changed(const char *from, const char *to) {
  char text[4096];
  const char *at = from ? strstr(SOUND, from) : SOUND;
  if (!at) fail_msg("%s is not in the sound file", from);
  snprintf(text, sizeof text, "%.*s%s%s", (int)(at - SOUND), SOUND, from ? to : "",
           at + (from ? strlen(from) : 0));
  put("tokenizer.json", text, strlen(text));
}

static void assert_refused(size_t rows, heta_status expected, const char *words) {
  heta_i_tokenizer *tokenizer = NULL;
  heta_error error = {0};
  heta_status status = heta_i_tokenizer_create_folder(folder, rows, &tokenizer, &error);
  if (status != expected || !strstr(error.message, words))
    fail_msg("status %d, \"%s\" is not in \"%s\"", status, words, error.message);
  assert_null(tokenizer);
  if (!strstr(error.message, folder)) fail_msg("no file is named in \"%s\"", error.message);
}

static void sound_file(void **state) {
  (void)state;
  clear_folder();
  put_changed(NULL, NULL);
  heta_i_tokenizer *tokenizer = open_folder(folder, 8);
  const heta_i_tokenizer_info *info = heta_i_tokenizer_get_info(tokenizer);
  assert_int_equal(info->vocabulary, 8);
  assert_int_equal(info->bos, 5); /* the token that is put before a text */
  assert_true(info->add_bos);
  assert_int_equal(info->eos, -1);
  size_t size, count;
  assert_string_equal(heta_i_tokenizer_bytes(tokenizer, 7, &size), "[PAD7]");
  heta_token *tokens;
  heta_error error = {0};
  assert_int_equal(heta_i_tokenizer_encode(tokenizer, "abc<s>ba", 8, true, &tokens, &count, &error),
                   HETA_OK);
  static const int32_t expected[] = {4, 5, 1, 0};
  assert_int_equal(count, 4);
  for (size_t i = 0; i < 4; i++) assert_int_equal(tokens[i].id, expected[i]);
  heta_i_free(tokens);
  assert_int_equal(heta_i_tokenizer_encode(tokenizer, "ab x", 4, true, &tokens, &count, &error),
                   HETA_E_ARGUMENT);
  assert_int_equal(error.offset, 2);
  heta_i_tokenizer_free(tokenizer);
}

/* ---- Special tokens and the template --------------------------------------------------------- */

static void put_text(const char *name, const char *text) { put(name, text, strlen(text)); }

static void settings(void **state) {
  (void)state;
  clear_folder();
  put_changed(NULL, NULL);
  put_text(
      "tokenizer_config.json",
      "{\"bos_token\": {\"content\": \"<s>\"}, \"pad_token\": null, \"unk_token\": \"c\","
      " \"add_bos_token\": false, \"chat_template\": [{\"name\": \"tool\", \"template\": \"t\"},"
      " {\"name\": \"default\", \"template\": \"d\"}]}");
  put_text("special_tokens_map.json", "{\"eos_token\": \"a\", \"bos_token\": \"b\"}");
  put_text("config.json", "{\"bos_token_id\": 1, \"eos_token_id\": [1, 2], \"pad_token_id\": 2}");
  heta_i_tokenizer *tokenizer = open_folder(folder, 6);
  const heta_i_tokenizer_info *info = heta_i_tokenizer_get_info(tokenizer);
  assert_int_equal(info->bos, 5);
  assert_int_equal(info->eos, 0);
  assert_int_equal(info->unk, 2);
  assert_int_equal(info->pad, 2);
  assert_false(info->add_bos);
  assert_string_equal(info->chat_template, "d");
  char before[65];
  snprintf(before, sizeof before, "%s", info->fingerprint);
  heta_i_tokenizer_free(tokenizer);
  put_text("tokenizer_config.json", "{\"add_bos_token\": true, \"bos_token\": \"<s>\"}");
  put_text("chat_template.jinja", "{{ messages }}");
  tokenizer = open_folder(folder, 6);
  info = heta_i_tokenizer_get_info(tokenizer);
  assert_true(info->add_bos);
  assert_int_equal(info->eos, 0);
  assert_string_equal(info->chat_template, "{{ messages }}");
  assert_string_not_equal(info->fingerprint, before);
  heta_i_tokenizer_free(tokenizer);
}

static void refused_settings(void **state) {
  (void)state;
  static const struct {
    const char *file, *text, *words;
    heta_status status;
  } bad[] = {
      {"tokenizer_config.json", "{\"bos_token\": 3}", "bos_token is neither a string nor",
       HETA_E_FORMAT},
      {"tokenizer_config.json", "{\"eos_token\": \"</s>\"}",
       "eos_token is \"</s>\", which is no token of tokenizer.json", HETA_E_FORMAT},
      {"tokenizer_config.json", "{\"add_bos_token\": 1}", "add_bos_token is not true or false",
       HETA_E_FORMAT},
      {"tokenizer_config.json", "{\"bos_token\": \"a\"}",
       "puts \"<s>\" before the text, which is not the bos_token", HETA_E_UNSUPPORTED},
      {"tokenizer_config.json", "{\"chat_template\": 1}", "chat_template is not a string",
       HETA_E_FORMAT},
      {"tokenizer_config.json", "[]", "holds no JSON object", HETA_E_FORMAT},
      {"special_tokens_map.json", "{", "special_tokens_map.json, byte 1: the JSON text breaks off",
       HETA_E_FORMAT},
      {"config.json", "{\"eos_token_id\": 6}", "eos_token_id is no id of the vocabulary, 0 to 5",
       HETA_E_FORMAT},
      {"config.json", "{\"bos_token_id\": \"a\"}", "bos_token_id is no id", HETA_E_FORMAT},
      {"chat_template.jinja", "\xff", "chat_template.jinja is no UTF-8 text", HETA_E_FORMAT},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    clear_folder();
    put_changed(NULL, NULL);
    put_text(bad[i].file, bad[i].text);
    assert_refused(6, bad[i].status, bad[i].words);
  }
  clear_folder();
  put_changed("\"post_processor\": {", "\"post_processor\": null, \"x\": {");
  put_text("tokenizer_config.json", "{\"add_bos_token\": true, \"pad_token\": \"[PAD]\"}");
  heta_i_tokenizer *tokenizer =
      open_folder(folder, 6); /* there is no bos_token, nor that pad token */
  assert_false(heta_i_tokenizer_get_info(tokenizer)->add_bos);
  assert_int_equal(heta_i_tokenizer_get_info(tokenizer)->pad, -1);
  heta_i_tokenizer_free(tokenizer);
}

/* ---- Refused files --------------------------------------------------------------------------- */

static void refused_files(void **state) {
  (void)state;
  clear_folder();
  assert_refused(0, HETA_E_IO, "transformers writes it with save_pretrained");
  put_text("tokenizer.json", "");
  assert_refused(0, HETA_E_FORMAT, "the JSON text breaks off");
  put_text("tokenizer.json", "{\"a\": 1, \"a\": 2}");
  assert_refused(0, HETA_E_FORMAT, "duplicate object key");
  put_text("tokenizer.json", "{\n\"model\": tru}");
  heta_i_tokenizer *tokenizer = NULL;
  heta_error error = {0};
  assert_int_equal(heta_i_tokenizer_create_folder(folder, 0, &tokenizer, &error), HETA_E_FORMAT);
  assert_int_equal(error.offset, 14);
  assert_non_null(
      strstr(error.message, "tokenizer.json, byte 14: the JSON text breaks off or is damaged"));
  put_text("tokenizer.json", "{}");
  assert_refused(0, HETA_E_UNSUPPORTED, "neither spells bytes as letters");
  put_changed(NULL, NULL);
  assert_refused(5, HETA_E_FORMAT,
                 "added_tokens[0] gives \"<s>\" the id 5, but the ids are 0 to 4");
}

static const struct change {
  const char *from, *to, *words;
  heta_status status;
} CHANGES[] = {
    /* model */
    {"\"model\": {", "\"model\": 3, \"x\": {", "model is not an object", HETA_E_FORMAT},
    {"\"model\": {", "\"x\": {", "the file has no model", HETA_E_FORMAT},
    {"\"BPE\"", "\"WordPiece\"", "model.type is \"WordPiece\"", HETA_E_UNSUPPORTED},
    {"\"BPE\"", "\"BPE\", \"continuing_subword_prefix\": \"##\"",
     "model.continuing_subword_prefix is \"##\"", HETA_E_UNSUPPORTED},
    {"\"BPE\"", "\"BPE\", \"end_of_word_suffix\": \"</w>\"", "model.end_of_word_suffix is \"</w>\"",
     HETA_E_UNSUPPORTED},
    {"\"dropout\": null", "\"dropout\": 0.1", "model.dropout is not 0", HETA_E_UNSUPPORTED},
    {"\"unk_token\": null", "\"unk_token\": \"x\"", "model.unk_token, \"x\", is not in model.vocab",
     HETA_E_FORMAT},
    {"\"unk_token\": null", "\"unk_token\": \"\\u0000\"", "is not a string without NUL",
     HETA_E_FORMAT},
    {"\"unk_token\": null", "\"fuse_unk\": 1", "model.fuse_unk is not true or false",
     HETA_E_FORMAT},
    {"\"vocab\": {", "\"vocab\": {}, \"x\": {", "the id 5, but the ids are 0 to 0", HETA_E_FORMAT},
    {"\"vocab\": {", "\"x\": {", "the file has no model.vocab", HETA_E_FORMAT},
    {"\"merges\": [", "\"x\": [", "the file has no model.merges", HETA_E_FORMAT},
    {"\"b\": 1", "\"b\": \"1\"", "model.vocab gives \"b\" no whole number as its id",
     HETA_E_FORMAT},
    {"\"b\": 1", "\"b\": 6", "model.vocab gives \"b\" the id 6, but the ids are 0 to 5",
     HETA_E_FORMAT},
    {"\"b\": 1", "\"b\": -1", "gives \"b\" the id -1", HETA_E_FORMAT},
    {"\"b\": 1", "\"b\": 0", "model.vocab gives \"b\" the id 0, which is that of \"a\"",
     HETA_E_FORMAT},
    {"\"b\": 1", "\"b\": 1, \"b\": 2", "duplicate object key", HETA_E_FORMAT},
    /* merges */
    {"\"a b\"", "\"a x\"",
     "model.merges[0] is \"a x\", but its right part is not in the vocabulary", HETA_E_FORMAT},
    {"\"a b\"", "\"b a\"", "model.merges[0] is \"b a\", but its result is not", HETA_E_FORMAT},
    {"\"a b\"", "\"ab\"", "model.merges[0] is \"ab\"; it must be two", HETA_E_FORMAT},
    {"\"a b\"", "\"a b c\"", "model.merges[0] is \"a b c\"; it must be two", HETA_E_FORMAT},
    {"\"a b\"", "[\"a\"]", "model.merges[0] is neither \"left right\" nor", HETA_E_FORMAT},
    {"\"a b\"", "\"a b\", \"a b\"", "model.merges[0] and [1] are both \"a b\"", HETA_E_FORMAT},
    /* added_tokens */
    {"{\"id\": 5,", "3, {\"id\": 5,", "added_tokens[0] is not an object", HETA_E_FORMAT},
    {"\"content\": \"<s>\"", "\"content\": \"\"", "added_tokens[0].content is not a string with",
     HETA_E_FORMAT},
    {"\"special\": true", "\"special\": \"yes\"", "added_tokens[0].special is not true or false",
     HETA_E_FORMAT},
    {"\"special\": true", "\"single_word\": true", "is found between word boundaries only",
     HETA_E_UNSUPPORTED},
    {"\"id\": 5", "\"id\": 4", "added_tokens[0] gives \"<s>\" the id 4, which is that of \"abc\"",
     HETA_E_FORMAT},
    {"\"content\": \"<s>\"", "\"content\": \"abc\"",
     "added_tokens[0], \"abc\", has another id in model.vocab", HETA_E_FORMAT},
    {"\"special\": true}",
     "\"special\": true}, {\"id\": 6, \"content\": \"<s>\", \"special\": true}",
     "model.vocab[5] and [6] are both the added token \"<s>\"", HETA_E_FORMAT},
    /* normalizer */
    {"\"NFC\"", "\"NFKC\"", "normalizer \"NFKC\" is not supported; heta knows NFC,",
     HETA_E_UNSUPPORTED},
    {"{\"type\": \"NFC\"}", "3", "normalizer is not an object", HETA_E_FORMAT},
    {"{\"type\": \"NFC\"}", "{}", "normalizer.type is missing", HETA_E_FORMAT},
    {"\"NFC\"", "\"Prepend\"", "normalizer Prepend.prepend is missing or empty", HETA_E_FORMAT},
    {"\"NFC\"", "\"Replace\"", "normalizer Replace.pattern has neither", HETA_E_FORMAT},
    {"\"NFC\"", "\"Replace\", \"pattern\": {\"String\": \"a\"}", "Replace.content is missing",
     HETA_E_FORMAT},
    {"\"NFC\"", "\"Replace\", \"pattern\": {\"String\": \"a\"}, \"content\": \"\"", "removes text",
     HETA_E_UNSUPPORTED},
    {"\"NFC\"", "\"Replace\", \"pattern\": {\"Regex\": \"a\"}, \"content\": \"b\"",
     "with a regular expression", HETA_E_UNSUPPORTED},
    {"\"NFC\"",
     "\"Sequence\", \"normalizers\": [{\"type\": \"NFC\"},{\"type\": \"NFC\"},{\"type\": \"NFC\"},"
     "{\"type\": \"NFC\"},{\"type\": \"NFC\"},{\"type\": \"NFC\"},{\"type\": \"NFC\"},"
     "{\"type\": \"NFC\"},{\"type\": \"NFC\"}]",
     "rewrites the text more than 8 times", HETA_E_UNSUPPORTED},
    /* pre_tokenizer */
    {"\"type\": \"Split\"", "\"type\": \"Whitespace\"",
     "pre_tokenizer \"Whitespace\" is not supported; heta knows ByteLevel", HETA_E_UNSUPPORTED},
    {"\"type\": \"Split\"", "\"type\": \"ByteLevel\"",
     "pre_tokenizer \"ByteLevel\" after ByteLevel is not supported", HETA_E_UNSUPPORTED},
    {"\"type\": \"Split\"", "\"type\": \"Metaspace\", \"replacement\": \"_\"",
     "pre_tokenizer Metaspace \"_\" as a replacement", HETA_E_UNSUPPORTED},
    {"\"type\": \"Split\"", "\"type\": \"Metaspace\", \"prepend_scheme\": \"last\"",
     "\"last\" is no known prepend_scheme", HETA_E_UNSUPPORTED},
    {"\"ByteLevel\"", "\"Metaspace\"", "\"Metaspace\" after another step is not supported",
     HETA_E_UNSUPPORTED},
    {"\"ByteLevel\"", "\"Digits\"", "neither spells bytes as letters", HETA_E_UNSUPPORTED},
    {"\"add_prefix_space\": false", "\"add_prefix_space\": true", "puts a space before every piece",
     HETA_E_UNSUPPORTED},
    {"\"Isolated\"", "\"Removed\"", "leaves out what it matches", HETA_E_UNSUPPORTED},
    {"\"Isolated\"", "\"Contiguous\", \"invert\": true",
     "pre_tokenizer Split \"Contiguous\" with invert is not supported", HETA_E_UNSUPPORTED},
    {"\"Isolated\"", "\"Kept\"", "\"Kept\" is no known behavior", HETA_E_UNSUPPORTED},
    {"\"behavior\"", "\"x\"", "pre_tokenizer Split.behavior is missing", HETA_E_FORMAT},
    {"\"Regex\"", "\"x\"", "pre_tokenizer Split.pattern has neither", HETA_E_FORMAT},
    {"\\\\s", "(a", "pattern \"(a\" has \"(a\" at byte 0", HETA_E_UNSUPPORTED},
    {"\\\\s", "a\\\\b", "pattern \"a\\b\" has \"\\b\" at byte 1", HETA_E_UNSUPPORTED},
    {"\\\\s", "[a&&b]", "has \"&\" at byte 2", HETA_E_UNSUPPORTED},
    {"\\\\s", "[[:alpha:]]", "has \"[\" at byte 1", HETA_E_UNSUPPORTED},
    {"\\\\s", "[\\\\s-z]", "has \"-\" at byte 3", HETA_E_UNSUPPORTED},
    {"\\\\s", "\\\\p{Emoji}", "has \"\\p{Emoji}\" at byte 0", HETA_E_UNSUPPORTED},
    {"\\\\s", "(?<n>a)", "has \"(?\" at byte 0", HETA_E_UNSUPPORTED},
    {"\\\\s", "a{1,2}+", "has \"{1,2}\" at byte 1", HETA_E_UNSUPPORTED},
    {"\\\\s", "*", "has \"*\" at byte 0", HETA_E_UNSUPPORTED},
    {"\\\\s", "a)", "has \")\" at byte 1", HETA_E_UNSUPPORTED},
    {"\\\\s", "^a", "has \"^\" at byte 0", HETA_E_UNSUPPORTED},
    {"\\\\s", "[b-a]", "is none that PCRE2 accepts", HETA_E_UNSUPPORTED},
    /* post_processor */
    {"\"TemplateProcessing\"", "\"BertProcessing\"", "post_processor \"BertProcessing\" is not",
     HETA_E_UNSUPPORTED},
    {"{\"SpecialToken\": {\"id\": \"<s>\"}},",
     "{\"SpecialToken\": {\"id\": \"<s>\"}}, {\"SpecialToken\": {\"id\": \"a\"}},",
     "puts more than one token before the text", HETA_E_UNSUPPORTED},
    {"{\"SpecialToken\": {\"id\": \"<s>\"}}", "{\"SpecialToken\": {\"id\": \"x\"}}",
     "puts \"x\" before the text, which is no token", HETA_E_FORMAT},
};

static void refused_unigram(void **state) {
  (void)state;
  static const struct {
    const char *model, *words;
    heta_status status;
  } bad[] = {
      {"\"unk_id\": 0", "the file has no model.vocab", HETA_E_FORMAT},
      {"\"vocab\": {}", "model.vocab is not an array", HETA_E_FORMAT},
      {"\"vocab\": []", "model.vocab has no tokens", HETA_E_FORMAT},
      {"\"vocab\": [[\"a\"]]", "model.vocab[0] is not [\"name\", score]", HETA_E_FORMAT},
      {"\"vocab\": [[\"a\", 0], [\"b\", \"1\"]]", "model.vocab[1] is not", HETA_E_FORMAT},
      {"\"vocab\": [[\"a\", 0], [\"a\", 1]]", "model.vocab has \"a\" twice", HETA_E_FORMAT},
      {"\"vocab\": [[\"a\", 0]], \"unk_id\": 1", "model.unk_id is no id of", HETA_E_FORMAT},
      {"\"vocab\": [[\"a\", 0]], \"unk_id\": \"a\"", "model.unk_id is no id of", HETA_E_FORMAT},
  };
  char text[512];
  clear_folder();
  for (size_t i = 0; i <= sizeof bad / sizeof *bad; i++) {
    bool last = i == sizeof bad / sizeof *bad;
    snprintf(text, sizeof text,
             "{\"pre_tokenizer\": {\"type\": \"%s\"}, \"model\": {\"type\": \"Unigram\", %s}}",
             last ? "ByteLevel" : "Metaspace", last ? "\"vocab\": [[\"a\", 0]]" : bad[i].model);
    put_text("tokenizer.json", text);
    if (last)
      assert_refused(0, HETA_E_UNSUPPORTED, "\"Unigram\" after pre_tokenizer ByteLevel");
    else
      assert_refused(0, bad[i].status, bad[i].words);
  }
}

static void refused_fields(void **state) {
  (void)state;
  clear_folder();
  for (size_t i = 0; i < sizeof CHANGES / sizeof *CHANGES; i++) {
    put_changed(CHANGES[i].from, CHANGES[i].to);
    assert_refused(0, CHANGES[i].status, CHANGES[i].words);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parity),          cmocka_unit_test(parity_phi3),
      cmocka_unit_test(names),           cmocka_unit_test(sound_file),
      cmocka_unit_test(settings),        cmocka_unit_test(refused_settings),
      cmocka_unit_test(refused_files),   cmocka_unit_test(refused_fields),
      cmocka_unit_test(refused_unigram),
  };
  return cmocka_run_group_tests_name("tokenizer_json", tests, make_folder, remove_folder);
}
