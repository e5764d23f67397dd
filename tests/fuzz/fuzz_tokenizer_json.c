/* fuzz_tokenizer_json.c: any tokenizer.json with any text. The file must be refused with a
 * sentence, or make a tokenizer whose tokens lie side by side over the text. The text is what
 * stands before the first newline. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(bool good) {
  if (!good) abort();
}

static void encode(const heta_i_tokenizer *tokenizer, const char *text, size_t size, bool special) {
  heta_token *tokens = NULL;
  size_t count = 0, at = 0;
  heta_error error = {0};
  heta_status status =
      heta_i_tokenizer_encode(tokenizer, text, size, special, &tokens, &count, &error);
  check(status == error.status && !status == !!tokens);
  if (status) {
    check((status == HETA_E_ARGUMENT || status == HETA_E_UNSUPPORTED) && error.message[0]);
    return;
  }
  for (size_t i = 0; i < count; i++) {
    size_t length;
    check(heta_i_tokenizer_bytes(tokenizer, tokens[i].id, &length) != NULL);
    check(tokens[i].start == at && tokens[i].end >= at && tokens[i].end <= size);
    at = tokens[i].end;
  }
  check(at == size);
  heta_i_free(tokens);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  const uint8_t *end = size ? memchr(bytes, '\n', size) : NULL;
  if (!end) return 0;
  const char *json = (const char *)end + 1;
  size_t text_size = (size_t)(end - bytes), json_size = size - text_size - 1;
  heta_i_tokenizer *tokenizer = NULL;
  heta_error error = {0};
  heta_status status = heta_i_tokenizer_create_json(json, json_size, 0, &tokenizer, &error);
  check(!status == !!tokenizer);
  check(!status || ((status == HETA_E_FORMAT || status == HETA_E_UNSUPPORTED) &&
                    status == error.status && error.message[0]));
  for (int special = 0; special < 2 && tokenizer; special++)
    encode(tokenizer, (const char *)bytes, text_size, special);
  heta_i_tokenizer_free(tokenizer);
  return 0;
}
