/* test_tokenizer.c: parity with Hugging Face tokenizers and with llama.cpp's vectors, exact byte
 * spans for any text, the choice of added tokens, speed on one long word, and refused files. */
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
#include <time.h>

#include "base/memory.h"
#include "base/random.h"
#include "support/gguf_builder.h"
#include "text/tokenizer.h"

#define DATA HETA_TESTS_DIR "/data/tokenizer/"

/* ---- Files on disk ------------------------------------------------------------------------- */

typedef struct opened {
  heta_i_file *file;
  heta_i_tokenizer *tokenizer;
} opened;

static opened open_tokenizer(const char *path) {
  opened o = {NULL, NULL};
  heta_error error = {0};
  if (heta_i_file_open(path, &o.file, &error) ||
      heta_i_tokenizer_create(o.file, &o.tokenizer, &error))
    fail_msg("%s: %s", path, error.message);
  return o;
}

static void close_tokenizer(opened *o) {
  heta_i_tokenizer_free(o->tokenizer);
  heta_i_file_close(o->file);
}

/* The tokens of a text that must be encodable; the caller frees them with heta_i_free. */
static heta_token *encode(const heta_i_tokenizer *tokenizer, const char *text, size_t size,
                          bool special, size_t *count) {
  heta_token *tokens = NULL;
  heta_error error = {0};
  if (heta_i_tokenizer_encode(tokenizer, text, size, special, &tokens, count, &error))
    fail_msg("\"%.60s\": %s", text, error.message);
  return tokens;
}

/* Reads a whole file; NULL when it is not there. The caller frees it. */
static char *read_file(const char *path, size_t *size) {
  FILE *stream = fopen(path, "rb");
  if (!stream) return NULL;
  fseek(stream, 0, SEEK_END);
  *size = (size_t)ftell(stream);
  rewind(stream);
  char *bytes = malloc(*size + 1);
  assert_non_null(bytes);
  assert_int_equal(fread(bytes, 1, *size, stream), *size);
  bytes[*size] = 0;
  fclose(stream);
  return bytes;
}

/* ---- Parity -------------------------------------------------------------------------------- */

static void assert_ids(const char *name, size_t text, const heta_token *tokens, size_t count,
                       const json_t *expected) {
  for (size_t i = 0; i < count || i < json_array_size(expected); i++) {
    json_int_t want =
        i < json_array_size(expected) ? json_integer_value(json_array_get(expected, i)) : -1;
    int32_t got = i < count ? tokens[i].id : -1;
    if (got != want)
      fail_msg("%s, text %zu: token %zu is %" PRId32 ", not %" JSON_INTEGER_FORMAT, name, text, i,
               got, want);
  }
}

/* The tokens must lie side by side over the whole text and, unless the tokenizer normalises, stand
 * for exactly its bytes. */
static void assert_tiles(const heta_i_tokenizer *tokenizer, const char *text, size_t size,
                         const heta_token *tokens, size_t count) {
  bool normalises = !strcmp(heta_i_tokenizer_get_info(tokenizer)->pre, "qwen2");
  int32_t unk = heta_i_tokenizer_get_info(tokenizer)->unk;
  size_t at = 0;
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(tokens[i].start, at);
    assert_true(tokens[i].end >= at && tokens[i].end <= size);
    at = tokens[i].end;
    size_t bytes_size;
    const char *bytes = heta_i_tokenizer_bytes(tokenizer, tokens[i].id, &bytes_size);
    assert_non_null(bytes);
    if (normalises || tokens[i].id == unk) continue;
    assert_int_equal(bytes_size, at - tokens[i].start);
    assert_memory_equal(bytes, text + tokens[i].start, bytes_size);
  }
  assert_int_equal(at, size);
}

static void check_case(const char *name, const heta_i_tokenizer *tokenizer, size_t index,
                       const json_t *text, bool special, const json_t *expected) {
  const char *bytes = json_string_value(text);
  size_t size = json_string_length(text), count;
  if (json_is_null(expected)) { /* the vocabulary misses a byte of it */
    heta_token *none = NULL;
    heta_error error = {0};
    assert_int_equal(
        heta_i_tokenizer_encode(tokenizer, bytes, size, special, &none, &count, &error),
        HETA_E_ARGUMENT);
    assert_non_null(strstr(error.message, "has no token for the byte 0x"));
    assert_null(none);
    return;
  }
  assert_true(json_is_array(expected));
  heta_token *tokens = encode(tokenizer, bytes, size, special, &count);
  assert_ids(name, index, tokens, count, expected);
  assert_tiles(tokenizer, bytes, size, tokens, count);
  heta_i_free(tokens);
}

static void check_vocabulary(const char *name, const char *path) {
  json_error_t problem;
  json_t *cases = json_load_file(DATA "cases.json", JSON_ALLOW_NUL, &problem);
  if (!cases) fail_msg("cases.json:%d: %s", problem.line, problem.text);
  const json_t *texts = json_object_get(cases, "texts");
  const json_t *expected = json_object_get(json_object_get(cases, "vocabularies"), name);
  const json_t *plain = json_object_get(expected, "plain");
  assert_true(json_array_size(texts) >= 80);
  assert_int_equal(json_array_size(plain), json_array_size(texts));
  opened o = open_tokenizer(path);
  for (size_t i = 0; i < json_array_size(texts); i++) {
    char key[24];
    snprintf(key, sizeof key, "%zu", i);
    const json_t *special = json_object_get(json_object_get(expected, "special"), key);
    const json_t *text = json_array_get(texts, i), *ids = json_array_get(plain, i);
    check_case(name, o.tokenizer, i, text, false, ids);
    check_case(name, o.tokenizer, i, text, true, special ? special : ids);
  }
  close_tokenizer(&o);
  json_decref(cases);
}

static void parity_gpt2(void **state) {
  (void)state;
  check_vocabulary("ggml-vocab-gpt-2", DATA "ggml-vocab-gpt-2.gguf");
}

static void parity_tiny(void **state) {
  (void)state;
  check_vocabulary("tiny-gpt-2", DATA "tiny-gpt-2.gguf");
  check_vocabulary("tiny-smollm", DATA "tiny-smollm.gguf");
  check_vocabulary("tiny-llama-bpe", DATA "tiny-llama-bpe.gguf");
  check_vocabulary("tiny-qwen2", DATA "tiny-qwen2.gguf");
  check_vocabulary("tiny-default", DATA "tiny-default.gguf");
}

static void parity_smollm2(void **state) {
  (void)state;
  const char *path = getenv("HETA_TEST_MODEL");
  if (!path) {
    fprintf(stderr, "SKIPPED: parity_smollm2: set HETA_TEST_MODEL to the SmolLM2 file\n");
    skip();
  }
  check_vocabulary("smollm2", path);
}

/* The ids on one line; *line goes to the next one. */
static void check_vector_line(const char *name, size_t index, const heta_token *tokens,
                              size_t count, char **line) {
  char *at = *line;
  for (size_t i = 0; i < count; i++) {
    char *end;
    long want = strtol(at, &end, 10);
    if (end == at || memchr(at, '\n', (size_t)(end - at)) || tokens[i].id != want)
      fail_msg("%s, vector %zu: token %zu is %" PRId32 ", not as in \"%.60s\"", name, index, i,
               tokens[i].id, *line);
    at = end;
  }
  at += strspn(at, " ");
  if (*at != '\n') fail_msg("%s, vector %zu: only %zu tokens", name, index, count);
  *line = at + 1;
}

/* llama.cpp's vectors: texts between lines "__ggml_vocab_test__", and a line of ids for each. */
static void check_vectors(const char *folder, const char *name) {
  static const char between[] = "\n__ggml_vocab_test__\n";
  char path[1024];
  size_t size, count, index = 0;
  snprintf(path, sizeof path, "%sggml-vocab-%s.gguf.inp", folder, name);
  char *input = read_file(path, &size);
  snprintf(path, sizeof path, "%sggml-vocab-%s.gguf.out", folder, name);
  char *output = read_file(path, &size), *line = output, *next = input;
  snprintf(path, sizeof path, "%sggml-vocab-%s.gguf", folder, name);
  assert_non_null(input);
  assert_non_null(output);
  opened o = open_tokenizer(path);
  while (next) {
    char *text = next, *end = strstr(next, between);
    next = end ? end + strlen(between) : NULL;
    if (!end) break; /* what follows the last separator is no text */
    heta_token *tokens = encode(o.tokenizer, text, (size_t)(end - text), false, &count);
    check_vector_line(name, index++, tokens, count, &line);
    heta_i_free(tokens);
  }
  assert_int_equal(index, 46);
  assert_int_equal(*line, 0);
  close_tokenizer(&o);
  free(input);
  free(output);
}

static void vectors_shipped(void **state) {
  (void)state;
  check_vectors(DATA, "gpt-2");
  check_vectors(DATA, "llama-spm");
  check_vectors(DATA, "phi-3");
}

/* Those of the others need vocabularies of several megabytes, whose licences do not let the project
 * carry them: tests/oracle/make_tokenizer.py --ranks makes them from published rank files. */
static void vectors_others(void **state) {
  (void)state;
  static const char *const names[] = {"llama-bpe", "qwen2"};
  const char *data = getenv("HETA_TEST_DATA");
  size_t done = 0;
  for (size_t i = 0; data && i < 2; i++) {
    char folder[1024], path[1100];
    snprintf(folder, sizeof folder, "%s/vocab_gguf/", data);
    snprintf(path, sizeof path, "%sggml-vocab-%s.gguf", folder, names[i]);
    FILE *there = fopen(path, "rb");
    if (!there) continue;
    fclose(there);
    check_vectors(folder, names[i]);
    done++;
  }
  if (done == 2) return;
  fprintf(stderr,
          "SKIPPED: vectors_others (%zu of 2 done): set HETA_TEST_DATA to a folder with "
          "vocab_gguf/ggml-vocab-{llama-bpe,qwen2}.gguf\n",
          done);
  skip();
}

/* ---- Properties ---------------------------------------------------------------------------- */

/* Appends a character of a random kind and size. */
static size_t random_character(uint64_t draw, char *out) {
  static const uint32_t starts[] = {0x20,   0x00,   0x80,    0x300,  0x800,
                                    0x2000, 0x4e00, 0x1f300, 0x10000};
  static const uint32_t widths[] = {0x5f, 0x20,   0x280, 0x500,   0x1000,
                                    0x70, 0x5000, 0x400, 0x100000};
  size_t kind = draw % 9;
  uint32_t code = starts[kind] + (uint32_t)(draw >> 8) % widths[kind];
  if (code >= 0xd800 && code < 0xe000) code = 'x';
  if (code < 0x80) return out[0] = (char)code, 1;
  if (code < 0x800) {
    out[0] = (char)(0xc0 | code >> 6);
    out[1] = (char)(0x80 | (code & 0x3f));
    return 2;
  }
  size_t length = code < 0x10000 ? 3 : 4;
  for (size_t i = length - 1; i > 0; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3f));
  out[0] = (char)((length == 3 ? 0xe0 : 0xf0) | code);
  return length;
}

static void random_texts(void **state) {
  (void)state;
  static const char *const files[] = {"tiny-gpt-2", "tiny-smollm", "tiny-llama-bpe", "tiny-qwen2",
                                      "tiny-default"};
  for (size_t f = 0; f < 5; f++) {
    char path[1024];
    snprintf(path, sizeof path, "%s%s.gguf", DATA, files[f]);
    opened o = open_tokenizer(path);
    for (uint32_t round = 0; round < 400; round++) {
      char text[4 * 256];
      size_t size = 0, count;
      for (uint32_t i = 0; i < round % 256; i++) {
        uint32_t bits[4];
        heta_i_philox((const uint32_t[]){round, i, 0, 0}, (const uint32_t[]){2026, (uint32_t)f},
                      bits);
        size += random_character((uint64_t)bits[0] << 32 | bits[1], text + size);
      }
      heta_token *tokens = encode(o.tokenizer, text, size, round % 2, &count);
      assert_tiles(o.tokenizer, text, size, tokens, count);
      heta_i_free(tokens);
    }
    close_tokenizer(&o);
  }
}

/* A piece of a megabyte: quadratic merging would take hours, and a pattern that goes back over the
 * spaces one by one must not run into PCRE2's limit. */
static void check_long_word(const heta_i_tokenizer *tokenizer, char letter) {
  enum { SIZE = 1 << 20 };
  char *text = malloc(SIZE);
  assert_non_null(text);
  memset(text, letter, SIZE);
  text[SIZE - 1] = 'x';
  size_t count;
  clock_t start = clock();
  heta_token *tokens = encode(tokenizer, text, SIZE, false, &count);
  double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
  assert_tiles(tokenizer, text, SIZE, tokens, count);
  if (seconds > 20) fail_msg("a word of %d times '%c' took %.1f s", SIZE, letter, seconds);
  heta_i_free(tokens);
  free(text);
}

static void long_words(void **state) {
  (void)state;
  static const char *const files[] = {DATA "ggml-vocab-gpt-2.gguf", DATA "tiny-llama-bpe.gguf",
                                      DATA "tiny-default.gguf"};
  for (size_t f = 0; f < 3; f++) {
    opened o = open_tokenizer(files[f]);
    for (size_t i = 0; i < 4; i++) check_long_word(o.tokenizer, "a \n="[i]);
    close_tokenizer(&o);
  }
}

/* ---- Vocabularies made here ---------------------------------------------------------------- */

enum { MOST = 32 };

/* What a file says; NULL, 0 or -2 leaves an entry out. */
typedef struct made {
  const char *model, *pre, *tokens[MOST], *merges[MOST];
  size_t token_count, merge_count, type_count;
  int64_t types[MOST];
  int64_t bos, unk;
  int add_bos, add_space; /* 0, 1 */
  const char *chat_template;
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
      .add_space = -2};
}

static gguf_image build(const made *m) {
  gguf_builder *b = gguf_new();
  gguf_string(b, "general.architecture", "llama");
  if (m->model) gguf_string(b, "tokenizer.ggml.model", m->model);
  if (m->pre) gguf_string(b, "tokenizer.ggml.pre", m->pre);
  if (m->token_count) gguf_strings(b, "tokenizer.ggml.tokens", m->tokens, m->token_count);
  if (m->type_count)
    gguf_integers(b, "tokenizer.ggml.token_type", GGUF_I32, m->types, m->type_count);
  if (m->merge_count) gguf_strings(b, "tokenizer.ggml.merges", m->merges, m->merge_count);
  if (m->bos != -2) gguf_integer(b, "tokenizer.ggml.bos_token_id", GGUF_I64, m->bos);
  if (m->unk != -2) gguf_integer(b, "tokenizer.ggml.unknown_token_id", GGUF_I64, m->unk);
  if (m->add_bos != -2) gguf_bool(b, "tokenizer.ggml.add_bos_token", m->add_bos);
  if (m->add_space != -2) gguf_bool(b, "tokenizer.ggml.add_space_prefix", m->add_space);
  if (m->chat_template) gguf_string(b, "tokenizer.chat_template", m->chat_template);
  return gguf_build(b);
}

/* The status of creating the tokenizer of an image; *out is open when it is HETA_OK. */
static heta_status create(const gguf_image *image, opened *out, heta_error *error) {
  *out = (opened){NULL, NULL};
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
  opened o;
  heta_error error;
  assert_int_equal(create(&image, &o, &error), expected);
  if (!strstr(error.message, words)) fail_msg("\"%s\" is not in \"%s\"", words, error.message);
  gguf_free(&image);
}

/* Encodes with the made vocabulary; expected are its tokens' ids, ended by -1. */
static void assert_encodes(const made *m, const char *text, bool special, const int32_t *expected) {
  gguf_image image = build(m);
  opened o;
  heta_error error;
  if (create(&image, &o, &error)) fail_msg("%s", error.message);
  size_t count;
  heta_token *tokens = encode(o.tokenizer, text, strlen(text), special, &count);
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
  assert_tiles(o.tokenizer, text, strlen(text), tokens, count);
  heta_i_free(tokens);
  close_tokenizer(&o);
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
  opened o;
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
  close_tokenizer(&o);
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
  opened o;
  heta_error error;
  assert_int_equal(create(&image, &o, &error), HETA_OK);
  heta_token *tokens;
  size_t count;
  assert_int_equal(heta_i_tokenizer_encode(o.tokenizer, "a?c", 3, false, &tokens, &count, &error),
                   HETA_E_ARGUMENT);
  assert_int_equal(error.offset, 1);
  close_tokenizer(&o);
  gguf_free(&image);
}

static void invalid_text(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t size, offset;
  } bad[] = {{"ab\xff", 3, 2},
             {"a\xc3", 2, 1},
             {"\xed\xa0\x80", 3, 0},
             {"abc\xc0\x80", 5, 3},
             {"\xf4\x90\x80\x80", 4, 0}};
  opened o = open_tokenizer(DATA "tiny-gpt-2.gguf");
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    heta_error error = {0};
    heta_token *tokens = NULL;
    size_t count;
    assert_int_equal(heta_i_tokenizer_encode(o.tokenizer, bad[i].text, bad[i].size, true, &tokens,
                                             &count, &error),
                     HETA_E_ARGUMENT);
    assert_int_equal(error.offset, bad[i].offset);
    assert_non_null(strstr(error.message, "not valid UTF-8 at byte "));
    assert_null(tokens);
  }
  close_tokenizer(&o);
}

/* Offsets of a text that is normalised first are those of the text as it was given. */
static void composed_spans(void **state) {
  (void)state;
  static const char text[] = "e\xcc\x81 <tool>n\xcc\x83o";
  opened o = open_tokenizer(DATA "tiny-qwen2.gguf");
  size_t count, tool = 0;
  heta_token *tokens = encode(o.tokenizer, text, strlen(text), false, &count);
  assert_tiles(o.tokenizer, text, strlen(text), tokens, count);
  while (tool < count && !heta_i_tokenizer_is_special(o.tokenizer, tokens[tool].id)) tool++;
  assert_true(tool < count);
  assert_int_equal(tokens[tool].start, 4);
  assert_int_equal(tokens[tool].end, 10);
  assert_int_equal(tokens[count - 1].end, 14);
  heta_i_free(tokens);
  /* é as the text's only character, composed or not, gets the same ids. */
  size_t one, two;
  heta_token *composed = encode(o.tokenizer, "\xc3\xa9", 2, false, &one);
  heta_token *decomposed = encode(o.tokenizer, "e\xcc\x81", 3, false, &two);
  assert_int_equal(one, two);
  for (size_t i = 0; i < one; i++) assert_int_equal(composed[i].id, decomposed[i].id);
  assert_int_equal(decomposed[two - 1].end, 3);
  heta_i_free(composed);
  heta_i_free(decomposed);
  close_tokenizer(&o);
}

static void token_bytes(void **state) {
  (void)state;
  made m = sound();
  m.tokens[11] = "mit Ġ"; /* a space is no letter: not byte-level, stands for itself */
  m.types[11] = 1;
  m.token_count = m.type_count = 12;
  gguf_image image = build(&m);
  opened o;
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
  close_tokenizer(&o);
  gguf_free(&image);
}

/* The info of a made file; the fingerprint goes to out. */
static heta_i_tokenizer_info info_of(const made *m, char out[65]) {
  gguf_image image = build(m);
  opened o;
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
  close_tokenizer(&o);
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
    opened o;
    heta_error error;
    assert_int_equal(create(&image, &o, &error), HETA_E_FORMAT);
    assert_non_null(strstr(error.message, bad[i].key));
    if (!strstr(error.message, bad[i].words)) fail_msg("%s", error.message);
    gguf_free(&image);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parity_gpt2),          cmocka_unit_test(parity_tiny),
      cmocka_unit_test(parity_smollm2),       cmocka_unit_test(vectors_shipped),
      cmocka_unit_test(vectors_others),       cmocka_unit_test(random_texts),
      cmocka_unit_test(long_words),           cmocka_unit_test(added_tokens),
      cmocka_unit_test(look_alikes),          cmocka_unit_test(unknown_bytes),
      cmocka_unit_test(invalid_text),         cmocka_unit_test(composed_spans),
      cmocka_unit_test(token_bytes),          cmocka_unit_test(settings),
      cmocka_unit_test(fingerprints),         cmocka_unit_test(refused_kinds),
      cmocka_unit_test(refused_vocabularies), cmocka_unit_test(refused_merges),
      cmocka_unit_test(refused_types),
  };
  return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
