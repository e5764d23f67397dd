/* test_tokenizer_made.c: vocabularies made here: the choice of added tokens, SentencePiece's BPE,
 * settings, fingerprints, and refused files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "support/gguf_builder.h"
#include "support/tokenizing.h"

/* ---- Vocabularies made here ---------------------------------------------------------------- */

enum { MOST = 32 };

/* What a file says; NULL, 0 or -2 leaves an entry out. */
typedef struct made {
  const char *model, *pre, *tokens[MOST], *merges[MOST];
  size_t token_count, merge_count, type_count;
  int64_t types[MOST];
  int64_t bos, unk;
  int add_bos, add_space, remove_spaces; /* 0, 1 */
  const char *chat_template, *architecture;
  float scores[MOST];
  size_t score_count;
} made;

/* A vocabulary that encodes texts of a, b, c and spaces; the names of added tokens overlap. */
static made sound(void) {
  return (made){
      .model = "gpt2",
      .pre = "gpt-2",
      .tokens = {"a", "b", "c", "Ġ", "ab", "abc", "<|x|>", "<|x|><y>", "<y>", "a w", "<u>"},
      .token_count = 11,
      .types = {1, 1, 1, 1, 1, 1, 3, 3, 4, 4, 2},
      .type_count = 11,
      .merges = {"a b", "ab c"},
      .merge_count = 2,
      .bos = 6,
      .unk = -2,
      .add_bos = -2,
      .add_space = -2,
      .remove_spaces = -2,
      .architecture = "llama"};
}

/* The same for SentencePiece's BPE, with the byte tokens of é, and no token for x. */
static made spaced(void) {
  return (made){.model = "llama",
                .tokens = {"<unk>", "<s>", "<0xC3>", "<0xA9>", "a", "b", "\u2581", "\u2581a", "ab",
                           "\u2581ab", "<t>", "aa"},
                .token_count = 12,
                .types = {2, 3, 6, 6, 1, 1, 1, 1, 1, 1, 4, 1},
                .type_count = 12,
                .scores = {0, 0, 0, 0, -9, -9, -9, -2, -3, -4, 0, -5},
                .score_count = 12,
                .bos = 1,
                .unk = 0,
                .add_bos = -2,
                .add_space = -2,
                .remove_spaces = -2,
                .architecture = "llama"};
}

static gguf_image build(const made *m) {
  gguf_builder *b = gguf_new();
  gguf_string(b, "general.architecture", m->architecture);
  if (m->model) gguf_string(b, "tokenizer.ggml.model", m->model);
  if (m->pre) gguf_string(b, "tokenizer.ggml.pre", m->pre);
  if (m->token_count) gguf_strings(b, "tokenizer.ggml.tokens", m->tokens, m->token_count);
  if (m->type_count)
    gguf_integers(b, "tokenizer.ggml.token_type", GGUF_I32, m->types, m->type_count);
  if (m->merge_count) gguf_strings(b, "tokenizer.ggml.merges", m->merges, m->merge_count);
  if (m->bos != -2) gguf_integer(b, "tokenizer.ggml.bos_token_id", GGUF_I64, m->bos);
  if (m->unk != -2) gguf_integer(b, "tokenizer.ggml.unknown_token_id", GGUF_I64, m->unk);
  if (m->add_bos != -2) gguf_bool(b, "tokenizer.ggml.add_bos_token", m->add_bos);
  if (m->score_count) gguf_floats(b, "tokenizer.ggml.scores", m->scores, m->score_count);
  if (m->remove_spaces != -2)
    gguf_bool(b, "tokenizer.ggml.remove_extra_whitespaces", m->remove_spaces);
  if (m->add_space != -2) gguf_bool(b, "tokenizer.ggml.add_space_prefix", m->add_space);
  if (m->chat_template) gguf_string(b, "tokenizer.chat_template", m->chat_template);
  return gguf_build(b);
}

/* The status of creating the tokenizer of an image; *out is open when it is HETA_OK. */
static heta_status create(const gguf_image *image, tokenizing *out, heta_error *error) {
  *out = (tokenizing){NULL, NULL};
  *error = (heta_error){0};
  assert_int_equal(heta_i_file_open_memory(image->bytes, image->size, "made", &out->file, error),
                   HETA_OK);
  heta_status status = heta_i_tokenizer_create(out->file, &out->tokenizer, error);
  if (status) {
    assert_null(out->tokenizer);
    heta_i_file_close(out->file);
  }
  return status;
}

static void assert_refused(const made *m, heta_status expected, const char *words) {
  gguf_image image = build(m);
  tokenizing o;
  heta_error error;
  assert_int_equal(create(&image, &o, &error), expected);
  if (!strstr(error.message, words)) fail_msg("\"%s\" is not in \"%s\"", words, error.message);
  gguf_free(&image);
}

/* Encodes with the made vocabulary; expected are its tokens' ids, ended by -1. */
static void assert_encodes(const made *m, const char *text, bool special, const int32_t *expected) {
  gguf_image image = build(m);
  tokenizing o;
  heta_error error;
  if (create(&image, &o, &error)) fail_msg("%s", error.message);
  size_t count;
  heta_token *tokens = tokenizing_encode(o.tokenizer, text, strlen(text), special, &count);
  for (size_t i = 0; i < count; i++) {
    if (tokens[i].id != expected[i])
      fail_msg("\"%s\": token %zu is %" PRId32 ", not %" PRId32, text, i, tokens[i].id,
               expected[i]);
    assert_int_equal(tokens[i].kind,
                     special && heta_i_tokenizer_is_special(o.tokenizer, tokens[i].id)
                         ? HETA_TOKEN_SPECIAL
                         : HETA_TOKEN_TEXT);
  }
  assert_int_equal(expected[count], -1);
  tokenizing_check(o.tokenizer, text, strlen(text), tokens, count);
  heta_i_free(tokens);
  tokenizing_close(&o);
  gguf_free(&image);
}

#define IDS(...) ((const int32_t[]){__VA_ARGS__, -1})

static void added_tokens(void **state) {
  (void)state;
  made m = sound();
  assert_encodes(&m, "abc ab", true, IDS(5, 3, 4));
  assert_encodes(&m, "ab<|x|>c", true, IDS(4, 6, 2));
  assert_encodes(&m, "<|x|><y>", true, IDS(7)); /* the longest */
  assert_encodes(&m, "<|x|><|x|><y><y>a", true, IDS(6, 7, 8, 0));
  assert_encodes(&m, "ab<y>c<y>", false, IDS(4, 8, 2, 8)); /* user-defined ones always */
  assert_encodes(&m, "ca wab", true, IDS(2, 9, 4));        /* before anything is cut or merged */
  assert_encodes(&m, "<u>a", true, IDS(10, 0));
  /* Control tokens stay text unless asked for: here text that the vocabulary cannot spell. */
  gguf_image image = build(&m);
  tokenizing o;
  heta_error error;
  assert_int_equal(create(&image, &o, &error), HETA_OK);
  heta_token *tokens = NULL;
  size_t count = 77;
  assert_int_equal(
      heta_i_tokenizer_encode(o.tokenizer, "ab<|x|>", 7, false, &tokens, &count, &error),
      HETA_E_ARGUMENT);
  assert_int_equal(error.offset, 2);
  assert_string_equal(error.message,
                      "the model's vocabulary has no token for the byte 0x3c at byte "
                      "2 of the text; remove that character");
  assert_null(tokens);
  assert_int_equal(count, 77);
  tokenizing_close(&o);
  gguf_free(&image);
}

/* Tokens that only look like the one that is meant. */
static void look_alikes(void **state) {
  (void)state;
  made m = sound();
  m.tokens[9] = "ab"; /* an added token with the bytes of a trained one is not what merges make */
  assert_encodes(&m, "<|x|>ab", true, IDS(6, 9));
  m.types[9] = 3;
  assert_encodes(&m, "ab", false, IDS(4));
  m = sound(), m.pre = "llama-bpe";
  m.tokens[9] = "cab", m.types[9] = 3; /* a control token is not found by looking whole pieces up */
  assert_encodes(&m, "cab", false, IDS(2, 4));
  assert_encodes(&m, "cab", true, IDS(9));
  m = sound(); /* the three bytes of a euro sign, and a name that is the last two of them */
  m.tokens[0] = "â", m.tokens[1] = "Ĥ", m.tokens[2] = "¬", m.tokens[9] = "\x82\xac";
  m.tokens[4] = "âĤ", m.tokens[5] = "Ĥ¬", m.merges[0] = "â Ĥ", m.merges[1] = "Ĥ ¬";
  assert_encodes(&m, "\xe2\x82\xac", true, IDS(4, 2));
}

static void unknown_bytes(void **state) {
  (void)state;
  made m = sound();
  m.unk = 10;
  assert_encodes(&m, "a?cé", false, IDS(0, 10, 2, 10, 10));
  m.tokens[10] = "b", m.tokens[1] = "d"; /* "b" may merge, a byte that it stands for may not */
  assert_encodes(&m, "ab", false, IDS(4));
  assert_encodes(&m, "aé", false, IDS(0, 10, 10));
  m = sound();
  m.unk = 6; /* a control token is no stand-in */
  gguf_image image = build(&m);
  tokenizing o;
  heta_error error;
  assert_int_equal(create(&image, &o, &error), HETA_OK);
  heta_token *tokens;
  size_t count;
  assert_int_equal(heta_i_tokenizer_encode(o.tokenizer, "a?c", 3, false, &tokens, &count, &error),
                   HETA_E_ARGUMENT);
  assert_int_equal(error.offset, 1);
  tokenizing_close(&o);
  gguf_free(&image);
}

/* ---- SentencePiece's BPE ------------------------------------------------------------------- */

static void sentencepiece(void **state) {
  (void)state;
  made m = spaced();
  assert_encodes(&m, "ab ab", false, IDS(9, 9)); /* a space before the text; ▁a is merged first */
  assert_encodes(&m, "aab", false, IDS(7, 8));
  assert_encodes(&m, " b", false, IDS(6, 6, 5)); /* the first covers nothing */
  assert_encodes(&m, "", false, IDS(-1));
  assert_encodes(&m, "ab<t>ab", false, IDS(9, 10, 9)); /* also after an added token */
  assert_encodes(&m, "a\u00e9", false, IDS(7, 2, 3));
  assert_encodes(&m, "axyb", false, IDS(7, 0, 5)); /* unknown characters in a row are one token */
  assert_encodes(&m, "<s>a", true, IDS(1, 7));
  m.tokens[11] = "<s"; /* a control token is not what merges make */
  assert_encodes(&m, "<s>a", false, IDS(6, 11, 0, 4));
  m = spaced(), m.add_space = 0;
  assert_encodes(&m, "ab aab", false, IDS(8, 7, 8));
  m.scores[8] = -6; /* aa before ab */
  assert_encodes(&m, "aab", false, IDS(11, 5));
  m.scores[8] = -5; /* equal scores: from left to right */
  assert_encodes(&m, "aabaa", false, IDS(11, 5, 11));
  m.unk = -2;
  gguf_image image = build(&m);
  tokenizing o;
  heta_error error;
  assert_int_equal(create(&image, &o, &error), HETA_OK);
  assert_true(heta_i_tokenizer_get_info(o.tokenizer)->add_bos);
  heta_token *tokens;
  size_t count;
  assert_int_equal(heta_i_tokenizer_encode(o.tokenizer, "a x", 3, false, &tokens, &count, &error),
                   HETA_E_ARGUMENT);
  assert_int_equal(error.offset, 2);
  tokenizing_close(&o);
  gguf_free(&image);
}

static void assert_after(const tokenizing *o, heta_i_before before, const char *text,
                         const int32_t *expected) {
  heta_token *tokens;
  size_t count;
  heta_error error;
  assert_int_equal(heta_i_tokenizer_encode_after(o->tokenizer, before, text, strlen(text), true,
                                                 &tokens, &count, &error),
                   HETA_OK);
  for (size_t i = 0; i < count; i++) assert_int_equal(tokens[i].id, expected[i]);
  assert_int_equal(expected[count], -1);
  heta_i_free(tokens);
}

/* A text that continues another one gets no space before it. */
static void continuations(void **state) {
  (void)state;
  made m = spaced();
  gguf_image image = build(&m);
  tokenizing o;
  heta_error error;
  assert_int_equal(create(&image, &o, &error), HETA_OK);
  assert_after(&o, HETA_BEFORE_NOTHING, "ab", IDS(9));
  assert_after(&o, HETA_BEFORE_ADDED, "ab", IDS(9));
  assert_after(&o, HETA_BEFORE_TEXT, "ab", IDS(8));
  assert_after(&o, HETA_BEFORE_TEXT, " ab", IDS(9));
  assert_after(&o, HETA_BEFORE_TEXT, "a<t>ab", IDS(4, 10, 9));
  tokenizing_close(&o);
  gguf_free(&image);
}

/* Phi-3's added tokens take the white space after them, but not its <s>. */
static void phi3_strips(void **state) {
  (void)state;
  made m = spaced();
  m.architecture = "phi3";
  gguf_image image = build(&m);
  tokenizing o;
  heta_error error;
  assert_int_equal(create(&image, &o, &error), HETA_OK);
  heta_token *tokens;
  size_t count;
  assert_int_equal(
      heta_i_tokenizer_encode(o.tokenizer, "<t> \n\u00a0a<s> a", 13, true, &tokens, &count, &error),
      HETA_OK);
  static const int32_t expected[] = {10, 7, 1, 6, 7};
  assert_int_equal(count, 5);
  for (size_t i = 0; i < 5; i++) assert_int_equal(tokens[i].id, expected[i]);
  assert_int_equal(tokens[0].end, 7);
  heta_i_free(tokens);
  tokenizing_close(&o);
  gguf_free(&image);
}

static void refused_scores(void **state) {
  (void)state;
  made m = spaced();
  m.score_count = 0;
  assert_refused(&m, HETA_E_FORMAT,
                 "the file has no tokenizer.ggml.scores, which the tokenizer \"llama\" needs");
  m.score_count = 11;
  assert_refused(&m, HETA_E_FORMAT,
                 "tokenizer.ggml.scores has 11 entries but tokenizer.ggml.tokens has 12");
  m = spaced(), m.scores[3] = NAN;
  assert_refused(&m, HETA_E_FORMAT, "tokenizer.ggml.scores[3] is not a number");
  m = spaced(), m.remove_spaces = 1;
  assert_refused(&m, HETA_E_UNSUPPORTED, "removes spaces from the text");
  m = spaced(), m.tokens[11] = "ab";
  assert_refused(&m, HETA_E_FORMAT, "tokenizer.ggml.tokens[8] and [11] are both \"ab\"");
}

static void token_bytes(void **state) {
  (void)state;
  made m = sound();
  m.tokens[11] = "mit Ġ"; /* a space is no letter: not byte-level, stands for itself */
  m.types[11] = 1;
  m.token_count = m.type_count = 12;
  gguf_image image = build(&m);
  tokenizing o;
  heta_error error;
  assert_int_equal(create(&image, &o, &error), HETA_OK);
  static const char *const bytes[] = {"a",     "b",        "c",   " ",   "ab",  "abc",
                                      "<|x|>", "<|x|><y>", "<y>", "a w", "<u>", "mit Ġ"};
  size_t size;
  for (int32_t id = 0; id < 12; id++) {
    assert_string_equal(heta_i_tokenizer_bytes(o.tokenizer, id, &size), bytes[id]);
    assert_int_equal(size, strlen(bytes[id]));
    assert_int_equal(heta_i_tokenizer_is_special(o.tokenizer, id), id >= 6 && id <= 10);
  }
  for (int i = 0; i < 4; i++) {
    const int32_t outside[] = {-1, 12, INT32_MAX, INT32_MIN};
    size = 7;
    assert_null(heta_i_tokenizer_bytes(o.tokenizer, outside[i], &size));
    assert_int_equal(size, 0);
    assert_false(heta_i_tokenizer_is_special(o.tokenizer, outside[i]));
  }
  tokenizing_close(&o);
  gguf_free(&image);
}

/* The info of a made file; the fingerprint goes to out. */
static heta_i_tokenizer_info info_of(const made *m, char out[65]) {
  gguf_image image = build(m);
  tokenizing o;
  heta_error error;
  if (create(&image, &o, &error)) fail_msg("%s", error.message);
  heta_i_tokenizer_info info = *heta_i_tokenizer_get_info(o.tokenizer);
  assert_string_equal(info.model, m->model);
  assert_string_equal(info.pre, m->pre);
  if (m->chat_template)
    assert_string_equal(info.chat_template, m->chat_template);
  else
    assert_null(info.chat_template);
  assert_int_equal(strlen(info.fingerprint), 64);
  snprintf(out, 65, "%s", info.fingerprint);
  tokenizing_close(&o);
  gguf_free(&image);
  info.model = info.pre = info.fingerprint = info.chat_template = NULL; /* went with the file */
  return info;
}

static void settings(void **state) {
  (void)state;
  char fingerprint[65];
  made m = sound();
  m.chat_template = "{{ messages }}";
  heta_i_tokenizer_info info = info_of(&m, fingerprint);
  assert_int_equal(info.vocabulary, 11);
  assert_int_equal(info.bos, 6);
  assert_int_equal(info.eos, -1);
  assert_int_equal(info.unk, -1);
  assert_int_equal(info.pad, -1);
  assert_false(info.add_bos);
  m.add_bos = 1;
  assert_true(info_of(&m, fingerprint).add_bos);
  m.add_bos = -2;
  m.pre = "llama-bpe"; /* whose tokenizers put BOS before a prompt unless the file says otherwise */
  assert_true(info_of(&m, fingerprint).add_bos);
  m.add_bos = 0;
  assert_false(info_of(&m, fingerprint).add_bos);
  m.add_bos = -2;
  m.bos = -2; /* nothing to put there */
  assert_false(info_of(&m, fingerprint).add_bos);
  m.type_count = 0; /* all normal; a name with spaces is then just a token that nothing makes */
  assert_int_equal(info_of(&m, fingerprint).vocabulary, 11);
}

static void fingerprints(void **state) {
  (void)state;
  char all[12][65];
  made m = sound();
  size_t n = 0;
  info_of(&m, all[n++]);
  m = sound(), m.pre = "smollm", info_of(&m, all[n++]);
  m = sound(), m.tokens[7] = "<|x|><z>", info_of(&m, all[n++]);
  m = sound(), m.types[8] = 3, info_of(&m, all[n++]);
  m = sound(), m.merge_count = 1, info_of(&m, all[n++]);
  m = sound(), m.merges[0] = "ab c", m.merges[1] = "a b", info_of(&m, all[n++]);
  m = sound(), m.bos = 7, info_of(&m, all[n++]);
  m = sound(), m.unk = 10, info_of(&m, all[n++]);
  m = sound(), m.add_bos = 1, info_of(&m, all[n++]);
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < i; k++) assert_string_not_equal(all[i], all[k]);
  char again[65];
  m = sound(), m.chat_template = "x", info_of(&m, again); /* has no part in which ids a text gets */
  assert_string_equal(again, all[0]);
}

/* ---- Files that are refused ---------------------------------------------------------------- */

static void refused_kinds(void **state) {
  (void)state;
  made m = sound();
  m.model = NULL;
  assert_refused(&m, HETA_E_UNSUPPORTED, "the file has no vocabulary (tokenizer.ggml.model)");
  m.model = "none";
  assert_refused(&m, HETA_E_UNSUPPORTED, "the file has no vocabulary");
  m.model = "bert";
  assert_refused(&m, HETA_E_UNSUPPORTED, "the file's tokenizer is \"bert\" (tokenizer.ggml.model)");
  m = sound(), m.pre = NULL;
  assert_refused(&m, HETA_E_UNSUPPORTED, "does not name its pre-tokeniser (tokenizer.ggml.pre)");
  m.pre = "deepseek-llm";
  assert_refused(&m, HETA_E_UNSUPPORTED, "the file's pre-tokeniser is \"deepseek-llm\"");
  m = sound(), m.add_space = 1;
  assert_refused(&m, HETA_E_UNSUPPORTED, "tokenizer.ggml.add_space_prefix");
}

static void refused_vocabularies(void **state) {
  (void)state;
  made m = sound();
  m.token_count = 0;
  assert_refused(&m, HETA_E_FORMAT, "has no tokenizer.ggml.tokens");
  m = sound(), m.type_count = 10;
  assert_refused(&m, HETA_E_FORMAT,
                 "tokenizer.ggml.token_type has 10 entries but tokenizer.ggml.tokens has 11");
  m = sound(), m.types[4] = 9;
  assert_refused(&m, HETA_E_FORMAT, "tokenizer.ggml.token_type[4] is not a token type (1 to 6)");
  m = sound(), m.tokens[2] = "ab";
  assert_refused(&m, HETA_E_FORMAT, "tokenizer.ggml.tokens[2] and [4] are both \"ab\"");
  m = sound(), m.tokens[8] = "<|x|>";
  assert_refused(&m, HETA_E_FORMAT,
                 "tokenizer.ggml.tokens[6] and [8] are both the added token \"<|x|>\"");
  m = sound(), m.bos = 11;
  assert_refused(&m, HETA_E_FORMAT,
                 "tokenizer.ggml.bos_token_id is 11, but the vocabulary's ids are 0 to 10");
  m.bos = -1;
  assert_refused(&m, HETA_E_FORMAT, "tokenizer.ggml.bos_token_id is -1");
  m = sound(), m.unk = INT64_C(1) << 40;
  assert_refused(&m, HETA_E_FORMAT, "tokenizer.ggml.unknown_token_id is 1099511627776");
  m = sound(), m.bos = -2, m.add_bos = 1;
  assert_refused(&m, HETA_E_FORMAT, "tokenizer.ggml.add_bos_token is true, but");
}

static void refused_merges(void **state) {
  (void)state;
  static const struct {
    const char *merge, *words;
  } bad[] = {
      {"ab", "tokenizer.ggml.merges[1] is \"ab\"; it must be two byte-level tokens with one space"},
      {"", "it must be two"},
      {" ", "it must be two"},
      {"a ", "it must be two"},
      {" a", "it must be two"},
      {"a b c", "it must be two"},
      {"a  b", "it must be two"},
      {"a 水", "it must be two"},
      {"a \xff", "it must be two"},
      {"x c", "tokenizer.ggml.merges[1] is \"x c\", but its left part is not in the vocabulary"},
      {"c x", "its right part is not in the vocabulary"},
      {"c c", "its result is not in the vocabulary"},
      {"a b", "tokenizer.ggml.merges[0] and [1] are both \"a b\""},
  };
  made m = sound();
  m.merge_count = 0;
  assert_refused(&m, HETA_E_FORMAT, "the file has no tokenizer.ggml.merges");
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    m = sound(), m.merges[1] = bad[i].merge;
    assert_refused(&m, HETA_E_FORMAT, bad[i].words);
  }
}

/* Keys that are there with another type are no absent keys. */
static void refused_types(void **state) {
  (void)state;
  static const struct {
    const char *key, *words;
  } bad[] = {
      {"tokenizer.ggml.model", "is of type"},
      {"tokenizer.ggml.pre", "is of type"},
      {"tokenizer.ggml.tokens", "tokens[0] is not a string"},
      {"tokenizer.ggml.token_type", "token_type[0] is not a token type"},
      {"tokenizer.ggml.merges", "merges[0] is not a string"},
      {"tokenizer.ggml.bos_token_id", "is of type"},
      {"tokenizer.ggml.add_bos_token", "is of type"},
      {"tokenizer.chat_template", "is of type"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    made m = sound();
    if (i == 0) m.model = NULL;
    if (i == 1) m.pre = NULL;
    if (i == 2) m.token_count = 0;
    if (i == 3) m.type_count = 0;
    if (i == 4) m.merge_count = 0;
    if (i == 5) m.bos = -2;
    gguf_builder *b = gguf_new();
    gguf_string(b, "general.architecture", "llama");
    if (m.model) gguf_string(b, "tokenizer.ggml.model", m.model);
    if (m.pre) gguf_string(b, "tokenizer.ggml.pre", m.pre);
    if (m.token_count) gguf_strings(b, "tokenizer.ggml.tokens", m.tokens, m.token_count);
    if (m.merge_count) gguf_strings(b, "tokenizer.ggml.merges", m.merges, m.merge_count);
    if (m.bos != -2) gguf_u32(b, "tokenizer.ggml.bos_token_id", 6);
    float halves[11] = {0.5f};
    gguf_floats(b, bad[i].key, halves, 11);
    gguf_image image = gguf_build(b);
    tokenizing o;
    heta_error error;
    assert_int_equal(create(&image, &o, &error), HETA_E_FORMAT);
    assert_non_null(strstr(error.message, bad[i].key));
    if (!strstr(error.message, bad[i].words)) fail_msg("%s", error.message);
    gguf_free(&image);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(added_tokens),   cmocka_unit_test(look_alikes),
      cmocka_unit_test(unknown_bytes),  cmocka_unit_test(sentencepiece),
      cmocka_unit_test(continuations),  cmocka_unit_test(phi3_strips),
      cmocka_unit_test(refused_scores), cmocka_unit_test(token_bytes),
      cmocka_unit_test(settings),       cmocka_unit_test(fingerprints),
      cmocka_unit_test(refused_kinds),  cmocka_unit_test(refused_vocabularies),
      cmocka_unit_test(refused_merges), cmocka_unit_test(refused_types),
  };
  return cmocka_run_group_tests_name("tokenizer_made", tests, NULL, NULL);
}
