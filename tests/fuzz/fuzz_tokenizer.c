/* fuzz_tokenizer.c: any text with a sound vocabulary, and any vocabulary with any text. A text must
 * be refused with a sentence, or its tokens must lie side by side over it and stand for its bytes.
 *
 * The first byte says which. '0' … '4': the rest is text for a tiny vocabulary of that number. Else
 * the rest is lines, each a letter and a value, from which a model file is made:
 *   P pre-tokeniser   T type digit and token   M merge   B id of bos   U id of unk   X text */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "text/display.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(bool good) {
  if (!good) abort();
}

/* ---- Texts ------------------------------------------------------------------------------- */

static void check_display(const char *bytes, size_t size) {
  heta_i_buffer out = {.limit = 64 * size + 64};
  heta_i_display(bytes, size, &out);
  check(!out.failed);
  heta_i_buffer_free(&out);
}

/* Normalised text and unknown tokens do not stand for the bytes they cover. */
static void check_tokens(const heta_i_tokenizer *tokenizer, const char *text, size_t size,
                         const heta_token *tokens, size_t count) {
  const heta_i_tokenizer_info *info = heta_i_tokenizer_get_info(tokenizer);
  bool composes = !strcmp(info->pre, "qwen2");
  size_t at = 0;
  for (size_t i = 0; i < count; i++) {
    size_t length;
    const char *bytes = heta_i_tokenizer_bytes(tokenizer, tokens[i].id, &length);
    check(bytes != NULL);
    check(tokens[i].start == at && tokens[i].end >= at && tokens[i].end <= size);
    bool same = length == tokens[i].end - at && !memcmp(bytes, text + at, length);
    check(same || composes || tokens[i].id == info->unk);
    check_display(bytes, length);
    at = tokens[i].end;
  }
  check(at == size);
}

static void encode(const heta_i_tokenizer *tokenizer, const char *text, size_t size) {
  for (int special = 0; special < 2; special++) {
    heta_token *tokens = NULL;
    size_t count = 0;
    heta_error error = {0};
    heta_status status =
        heta_i_tokenizer_encode(tokenizer, text, size, special, &tokens, &count, &error);
    check(status == error.status && !status == !!tokens);
    if (status)
      check(status == HETA_E_ARGUMENT && error.message[0] && error.offset < size);
    else
      check_tokens(tokenizer, text, size, tokens, count);
    heta_i_free(tokens);
  }
}

static void fuzz_text(size_t which, const char *text, size_t size) {
  static const char *const names[] = {"gpt-2", "smollm", "llama-bpe", "qwen2", "default"};
  static heta_i_file *files[5]; /* opened once, kept to the end */
  static heta_i_tokenizer *tokenizers[5];
  if (!tokenizers[which]) {
    char path[1024];
    heta_error error;
    snprintf(path, sizeof path, HETA_TESTS_DIR "/data/tokenizer/tiny-%s.gguf", names[which]);
    check(!heta_i_file_open(path, &files[which], &error));
    check(!heta_i_tokenizer_create(files[which], &tokenizers[which], &error));
  }
  encode(tokenizers[which], text, size);
}

/* ---- Vocabularies ------------------------------------------------------------------------ */

static void add_number(heta_i_buffer *out, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; i++) heta_i_buffer_append(out, &(char){(char)(value >> 8 * i)}, 1);
}

static void add_string(heta_i_buffer *out, const char *bytes, size_t size) {
  add_number(out, size, 8);
  heta_i_buffer_append(out, bytes, size);
}

static void add_key(heta_i_buffer *out, const char *key, uint32_t type) {
  add_string(out, key, strlen(key));
  add_number(out, type, 4);
}

enum { I32 = 5, STRING = 8, ARRAY = 9 }; /* GGUF value types */

/* A list that is written behind its number of elements once all of them are known. */
typedef struct list {
  heta_i_buffer bytes;
  size_t count;
} list;

static void add_list(heta_i_buffer *out, const char *key, uint32_t type, list *l) {
  add_key(out, key, ARRAY);
  add_number(out, type, 4);
  add_number(out, l->count, 8);
  heta_i_buffer_append(out, l->bytes.bytes ? l->bytes.bytes : "", l->bytes.size);
  heta_i_buffer_free(&l->bytes);
}

typedef struct vocabulary {
  heta_i_buffer values; /* single ones */
  size_t value_count;
  list tokens, types, merges;
  const char *text;
  size_t text_size;
} vocabulary;

static void add_line(vocabulary *v, char letter, const char *value, size_t size) {
  static const char *const ids[] = {"tokenizer.ggml.bos_token_id",
                                    "tokenizer.ggml.unknown_token_id"};
  if (letter == 'P') {
    add_key(&v->values, "tokenizer.ggml.pre", STRING);
    add_string(&v->values, value, size);
    v->value_count++;
  } else if (letter == 'T' && size) {
    add_number(&v->types.bytes, (uint64_t)(value[0] - '0'), 4);
    add_string(&v->tokens.bytes, value + 1, size - 1);
    v->types.count++;
    v->tokens.count++;
  } else if (letter == 'M') {
    add_string(&v->merges.bytes, value, size);
    v->merges.count++;
  } else if (letter == 'B' || letter == 'U') {
    char digits[12] = "";
    memcpy(digits, value, size < 11 ? size : 11);
    add_key(&v->values, ids[letter == 'U'], I32);
    add_number(&v->values, (uint64_t)strtol(digits, NULL, 10), 4);
    v->value_count++;
  } else if (letter == 'X') {
    v->text = value;
    v->text_size = size;
  }
}

static void make_file(vocabulary *v, heta_i_buffer *out) {
  heta_i_buffer_append(out, "GGUF", 4);
  add_number(out, 3, 4);
  add_number(out, 0, 8);
  add_number(out, v->value_count + 4, 8);
  add_key(out, "tokenizer.ggml.model", STRING);
  add_string(out, "gpt2", 4);
  heta_i_buffer_append(out, v->values.bytes ? v->values.bytes : "", v->values.size);
  add_list(out, "tokenizer.ggml.tokens", STRING, &v->tokens);
  add_list(out, "tokenizer.ggml.token_type", I32, &v->types);
  add_list(out, "tokenizer.ggml.merges", STRING, &v->merges);
  heta_i_buffer_free(&v->values);
  check(!out->failed);
}

static void fuzz_vocabulary(const char *lines, size_t size) {
  const size_t limit = 64 * size + 4096;
  vocabulary v = {.values = {.limit = limit}, .text = ""};
  v.tokens.bytes.limit = v.types.bytes.limit = v.merges.bytes.limit = limit;
  for (size_t at = 0; at < size;) {
    const char *end = memchr(lines + at, '\n', size - at);
    size_t length = end ? (size_t)(end - lines) - at : size - at;
    if (length) add_line(&v, lines[at], lines + at + 1, length - 1);
    at += length + 1;
  }
  heta_i_buffer image = {.limit = 4 * limit};
  make_file(&v, &image);
  heta_i_file *file = NULL;
  heta_i_tokenizer *tokenizer = NULL;
  heta_error error = {0};
  if (!heta_i_file_open_memory(image.bytes, image.size, "fuzz", &file, &error)) {
    heta_status status = heta_i_tokenizer_create(file, &tokenizer, &error);
    check(!status == !!tokenizer);
    check(!status || ((status == HETA_E_FORMAT || status == HETA_E_UNSUPPORTED) &&
                      status == error.status && error.message[0]));
    if (tokenizer) encode(tokenizer, v.text, v.text_size);
  }
  heta_i_tokenizer_free(tokenizer);
  heta_i_file_close(file);
  heta_i_buffer_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  if (!size) return 0;
  const char *rest = (const char *)bytes + 1;
  if (bytes[0] >= '0' && bytes[0] <= '4')
    fuzz_text(bytes[0] - '0', rest, size - 1);
  else
    fuzz_vocabulary(rest, size - 1);
  return 0;
}
