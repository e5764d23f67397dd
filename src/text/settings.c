/* settings.c: reading the tokenizer's settings, and the fingerprint of all of it. */
#include "text/settings.h"

#include <inttypes.h>
#include <string.h>

#include "base/sha256.h"
#include "format/quote.h"

static const char MODEL[] = "tokenizer.ggml.model", PRE[] = "tokenizer.ggml.pre",
                  ADD_BOS[] = "tokenizer.ggml.add_bos_token",
                  ADD_SPACE[] = "tokenizer.ggml.add_space_prefix";

/* For a key that could not be read as expected: a failure unless the file does not have it. */
static heta_status absent(const heta_i_file *file, const char *key, const char *expected,
                          heta_error *error) {
  const char *kind = heta_i_file_kind(file, key);
  if (!kind) return HETA_OK;
  return heta_i_fail(error, HETA_E_FORMAT, "%s is of type %s, not %s; convert the model again", key,
                     kind, expected);
}

static heta_status read_string(const heta_i_file *file, const char *key, const char **out,
                               heta_error *error) {
  if (heta_i_file_string(file, key, out, NULL)) return HETA_OK;
  return absent(file, key, "a string", error);
}

static heta_status read_flag(const heta_i_file *file, const char *key, bool *out,
                             heta_error *error) {
  if (heta_i_file_flag(file, key, out)) return HETA_OK;
  return absent(file, key, "true or false", error);
}

heta_status heta_i_settings_kind(const heta_i_file *file, heta_i_tokenizer_info *out,
                                 heta_error *error) {
  char shown[HETA_QUOTE];
  HETA_TRY(read_string(file, MODEL, &out->model, error));
  if (!out->model || !strcmp(out->model, "none") || !strcmp(out->model, "no_vocab"))
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "the file has no vocabulary (%s), so heta cannot read text with it; "
                       "use a file converted with its tokenizer",
                       MODEL);
  if (strcmp(out->model, "gpt2"))
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "the file's tokenizer is \"%s\" (%s); heta knows \"gpt2\", byte-level BPE",
                       heta_i_quote_string(shown, out->model), MODEL);
  HETA_TRY(read_string(file, PRE, &out->pre, error));
  if (!out->pre)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "the file does not name its pre-tokeniser (%s), and a guess could give "
                       "other tokens than the model was trained with; convert the model again",
                       PRE);
  return HETA_OK;
}

static heta_status read_id(const heta_i_file *file, const char *key, size_t vocabulary,
                           int32_t *out, heta_error *error) {
  int64_t id;
  *out = -1;
  if (!heta_i_file_integer(file, key, &id)) return absent(file, key, "an integer", error);
  if (id < 0 || (uint64_t)id >= vocabulary)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s is %" PRId64 ", but the vocabulary's ids are 0 to %zu", key, id,
                       vocabulary - 1);
  *out = (int32_t)id;
  return HETA_OK;
}

/* A tokenizer that appends EOS asks for it after finished texts; a prompt goes on, so
 * tokenizer.ggml.add_eos_token has no bearing here. */
heta_status heta_i_settings_rest(const heta_i_file *file, bool add_bos, heta_i_tokenizer_info *out,
                                 heta_error *error) {
  HETA_TRY(read_id(file, "tokenizer.ggml.bos_token_id", out->vocabulary, &out->bos, error));
  HETA_TRY(read_id(file, "tokenizer.ggml.eos_token_id", out->vocabulary, &out->eos, error));
  HETA_TRY(read_id(file, "tokenizer.ggml.unknown_token_id", out->vocabulary, &out->unk, error));
  HETA_TRY(read_id(file, "tokenizer.ggml.padding_token_id", out->vocabulary, &out->pad, error));
  bool asked = false, space = false;
  HETA_TRY(read_flag(file, ADD_BOS, &asked, error));
  if (asked && out->bos < 0)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s is true, but the file has no tokenizer.ggml.bos_token_id", ADD_BOS);
  out->add_bos = heta_i_file_flag(file, ADD_BOS, &asked) ? asked : add_bos && out->bos >= 0;
  HETA_TRY(read_flag(file, ADD_SPACE, &space, error));
  if (space)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "the file's tokenizer puts a space before the text (%s), which heta does "
                       "not do for byte-level BPE",
                       ADD_SPACE);
  return read_string(file, "tokenizer.chat_template", &out->chat_template, error);
}

static void add_integer(heta_i_sha256 *hash, int64_t value) {
  unsigned char bytes[8];
  for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)value >> 8 * i);
  heta_i_sha256_add(hash, bytes, sizeof bytes);
}

/* Every string goes with its size before it, so that no two lists hash the same bytes. */
static void add_string(heta_i_sha256 *hash, const char *bytes, size_t size) {
  add_integer(hash, (int64_t)size);
  heta_i_sha256_add(hash, bytes, size);
}

static void add_strings(heta_i_sha256 *hash, const heta_i_file *file, const char *key) {
  size_t count = heta_i_file_array(file, key);
  add_integer(hash, (int64_t)count);
  for (size_t i = 0; i < count; i++) {
    const char *bytes = "";
    size_t size = 0;
    heta_i_file_array_string(file, key, i, &bytes, &size);
    add_string(hash, bytes, size);
  }
}

void heta_i_settings_fingerprint(const heta_i_file *file, const heta_i_tokenizer_info *info,
                                 char out[65]) {
  heta_i_sha256 hash;
  heta_i_sha256_start(&hash);
  add_string(&hash, info->model, strlen(info->model));
  add_string(&hash, info->pre, strlen(info->pre));
  add_strings(&hash, file, "tokenizer.ggml.tokens");
  for (size_t i = 0; i < info->vocabulary; i++) {
    int64_t type = 1; /* normal, as when the file lists no types */
    heta_i_file_array_integer(file, "tokenizer.ggml.token_type", i, &type);
    add_integer(&hash, type);
  }
  add_strings(&hash, file, "tokenizer.ggml.merges");
  add_integer(&hash, info->bos);
  add_integer(&hash, info->eos);
  add_integer(&hash, info->unk);
  add_integer(&hash, info->pad);
  add_integer(&hash, info->add_bos);
  heta_i_sha256_hex(&hash, out);
}
