/* tokenizing.c: a file's tokenizer under test. */
#include "support/tokenizing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

tokenizing tokenizing_open(const char *path) {
  tokenizing o = {NULL, NULL};
  heta_error error = {0};
  if (heta_i_file_open(path, &o.file, &error) ||
      heta_i_tokenizer_create(o.file, &o.tokenizer, &error))
    fail_msg("%s: %s", path, error.message);
  return o;
}

void tokenizing_close(tokenizing *o) {
  heta_i_tokenizer_free(o->tokenizer);
  heta_i_file_close(o->file);
}

heta_token *tokenizing_encode(const heta_i_tokenizer *tokenizer, const char *text, size_t size,
                              bool special, size_t *count) {
  heta_token *tokens = NULL;
  heta_error error = {0};
  if (heta_i_tokenizer_encode(tokenizer, text, size, special, &tokens, count, &error))
    fail_msg("\"%.60s\": %s", text, error.message);
  return tokens;
}

void tokenizing_check(const heta_i_tokenizer *tokenizer, const char *text, size_t size,
                      const heta_token *tokens, size_t count) {
  bool normalises = !strcmp(heta_i_tokenizer_get_info(tokenizer)->pre, "qwen2");
  bool spaced = !strcmp(heta_i_tokenizer_get_info(tokenizer)->model, "llama");
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
    bool first = spaced && (!i || heta_i_tokenizer_is_special(tokenizer, tokens[i - 1].id));
    if (first && bytes_size == at - tokens[i].start + 1 && *bytes == ' ') bytes++, bytes_size--;
    assert_int_equal(bytes_size, at - tokens[i].start);
    assert_memory_equal(bytes, text + tokens[i].start, bytes_size);
  }
  assert_int_equal(at, size);
}
