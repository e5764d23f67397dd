/* test_tokenizer.c: parity with Hugging Face tokenizers and with llama.cpp's vectors, exact byte
 * spans for any text, and speed on one long word. */
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
#include "support/tokenizing.h"

#define DATA HETA_TESTS_DIR "/data/tokenizer/"

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
  heta_token *tokens = tokenizing_encode(tokenizer, bytes, size, special, &count);
  assert_ids(name, index, tokens, count, expected);
  tokenizing_check(tokenizer, bytes, size, tokens, count);
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
  tokenizing o = tokenizing_open(path);
  for (size_t i = 0; i < json_array_size(texts); i++) {
    char key[24];
    snprintf(key, sizeof key, "%zu", i);
    const json_t *special = json_object_get(json_object_get(expected, "special"), key);
    const json_t *text = json_array_get(texts, i), *ids = json_array_get(plain, i);
    check_case(name, o.tokenizer, i, text, false, ids);
    check_case(name, o.tokenizer, i, text, true, special ? special : ids);
  }
  tokenizing_close(&o);
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
  tokenizing o = tokenizing_open(path);
  while (next) {
    char *text = next, *end = strstr(next, between);
    next = end ? end + strlen(between) : NULL;
    if (!end) break; /* what follows the last separator is no text */
    heta_token *tokens = tokenizing_encode(o.tokenizer, text, (size_t)(end - text), false, &count);
    check_vector_line(name, index++, tokens, count, &line);
    heta_i_free(tokens);
  }
  assert_int_equal(index, 46);
  assert_int_equal(*line, 0);
  tokenizing_close(&o);
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
    tokenizing o = tokenizing_open(path);
    for (uint32_t round = 0; round < 400; round++) {
      char text[4 * 256];
      size_t size = 0, count;
      for (uint32_t i = 0; i < round % 256; i++) {
        uint32_t bits[4];
        heta_i_philox((const uint32_t[]){round, i, 0, 0}, (const uint32_t[]){2026, (uint32_t)f},
                      bits);
        size += random_character((uint64_t)bits[0] << 32 | bits[1], text + size);
      }
      heta_token *tokens = tokenizing_encode(o.tokenizer, text, size, round % 2, &count);
      tokenizing_check(o.tokenizer, text, size, tokens, count);
      heta_i_free(tokens);
    }
    tokenizing_close(&o);
  }
}

/* A piece of a megabyte: quadratic merging would take hours, and a pattern that goes back over the
 * spaces one by one must not run into PCRE2's limit. Sanitized builds, which look at memory, take a
 * sixteenth of it. */
static void check_long_word(const heta_i_tokenizer *tokenizer, char letter) {
  size_t size = getenv("HETA_TEST_FEW") ? 1 << 16 : 1 << 20, count;
  char *text = malloc(size);
  assert_non_null(text);
  memset(text, letter, size);
  text[size - 1] = 'x';
  clock_t start = clock();
  heta_token *tokens = tokenizing_encode(tokenizer, text, size, false, &count);
  double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
  tokenizing_check(tokenizer, text, size, tokens, count);
  if (seconds > 20) fail_msg("a word of %zu times '%c' took %.1f s", size, letter, seconds);
  heta_i_free(tokens);
  free(text);
}

static void long_words(void **state) {
  (void)state;
  static const char *const files[] = {DATA "ggml-vocab-gpt-2.gguf", DATA "tiny-llama-bpe.gguf",
                                      DATA "tiny-default.gguf", DATA "ggml-vocab-llama-spm.gguf"};
  for (size_t f = 0; f < 4; f++) {
    tokenizing o = tokenizing_open(files[f]);
    for (size_t i = 0; i < 4; i++) check_long_word(o.tokenizer, "a \n="[i]);
    tokenizing_close(&o);
  }
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
  tokenizing o = tokenizing_open(DATA "tiny-gpt-2.gguf");
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
  tokenizing_close(&o);
}

/* Offsets of a text that is normalised first are those of the text as it was given. */
static void composed_spans(void **state) {
  (void)state;
  static const char text[] = "e\xcc\x81 <tool>n\xcc\x83o";
  tokenizing o = tokenizing_open(DATA "tiny-qwen2.gguf");
  size_t count, tool = 0;
  heta_token *tokens = tokenizing_encode(o.tokenizer, text, strlen(text), false, &count);
  tokenizing_check(o.tokenizer, text, strlen(text), tokens, count);
  while (tool < count && !heta_i_tokenizer_is_special(o.tokenizer, tokens[tool].id)) tool++;
  assert_true(tool < count);
  assert_int_equal(tokens[tool].start, 4);
  assert_int_equal(tokens[tool].end, 10);
  assert_int_equal(tokens[count - 1].end, 14);
  heta_i_free(tokens);
  /* é as the text's only character, composed or not, gets the same ids. */
  size_t one, two;
  heta_token *composed = tokenizing_encode(o.tokenizer, "\xc3\xa9", 2, false, &one);
  heta_token *decomposed = tokenizing_encode(o.tokenizer, "e\xcc\x81", 3, false, &two);
  assert_int_equal(one, two);
  for (size_t i = 0; i < one; i++) assert_int_equal(composed[i].id, decomposed[i].id);
  assert_int_equal(decomposed[two - 1].end, 3);
  heta_i_free(composed);
  heta_i_free(decomposed);
  tokenizing_close(&o);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parity_gpt2),    cmocka_unit_test(parity_tiny),
      cmocka_unit_test(parity_smollm2), cmocka_unit_test(vectors_shipped),
      cmocka_unit_test(vectors_others), cmocka_unit_test(random_texts),
      cmocka_unit_test(long_words),     cmocka_unit_test(invalid_text),
      cmocka_unit_test(composed_spans),
  };
  return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
