/* tokens.c: the public face of the model's tokenizer. */
#include "base/memory.h"
#include "base/utf8.h"
#include "model/model.h"

struct heta_tokens {
  size_t count;
  heta_token *data;
};

/* Encodes the text, with BOS before it when that is wanted. */
static heta_status make_tokens(const heta_model *model, bool bos, heta_i_before before,
                               const char *text, size_t size, const heta_i_control *control,
                               heta_tokens **out, heta_error *error) {
  heta_token *body = NULL;
  size_t count = 0;
  HETA_TRY(heta_i_tokenizer_encode_parts(model->tokenizer, before, text, size, control, &body,
                                         &count, error));
  heta_tokens *tokens = heta_i_allocate(1, sizeof *tokens);
  heta_token *data = heta_i_allocate(count + 1, sizeof *data);
  if (!tokens || !data) {
    heta_i_free(tokens);
    heta_i_free(data);
    heta_i_free(body);
    return heta_i_no_memory(error, "the tokens", (count + 1) * sizeof *data);
  }
  if (bos) data[tokens->count++] = (heta_token){model->info.bos, HETA_TOKEN_BOS, 0, 0};
  for (size_t i = 0; i < count; i++) data[tokens->count++] = body[i];
  heta_i_free(body);
  tokens->data = data;
  *out = tokens;
  return HETA_OK;
}

heta_status heta_i_tokenize_parts(const heta_model *model, const char *text, size_t size,
                                  heta_bos bos, const heta_i_control *control, heta_tokens **out,
                                  heta_error *error) {
  bool want = bos == HETA_BOS_YES || (bos == HETA_BOS_AUTO && model->info.add_bos);
  if (want && model->info.bos < 0)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "the model names no BOS token; use --bos no (HETA_BOS_NO)");
  return make_tokens(model, want, HETA_BEFORE_NOTHING, text, size, control, out, error);
}

heta_status heta_tokenize(const heta_model *model, const char *text, size_t size, heta_bos bos,
                          bool parse_special, heta_tokens **out, heta_error *error) {
  if (!model || (!text && size) || !out)
    return heta_i_fail(error, HETA_E_ARGUMENT, "heta_tokenize needs a model, a text and a result");
  heta_i_control control = {.everywhere = parse_special};
  return heta_i_tokenize_parts(model, text, size, bos, &control, out, error);
}

heta_status heta_i_tokenize_after(const heta_model *model, int32_t last, const char *text,
                                  size_t size, bool parse_special, heta_tokens **out,
                                  heta_error *error) {
  bool added = heta_i_tokenizer_is_special(model->tokenizer, last);
  heta_i_control control = {.everywhere = parse_special};
  return make_tokens(model, false, added ? HETA_BEFORE_ADDED : HETA_BEFORE_TEXT, text, size,
                     &control, out, error);
}

size_t heta_tokens_count(const heta_tokens *tokens) { return tokens->count; }
const heta_token *heta_tokens_data(const heta_tokens *tokens) { return tokens->data; }

void heta_tokens_free(heta_tokens *tokens) {
  if (!tokens) return;
  heta_i_free(tokens->data);
  heta_i_free(tokens);
}

const char *heta_token_bytes(const heta_model *model, int32_t id, size_t *size) {
  return heta_i_tokenizer_bytes(model->tokenizer, id, size);
}
