/* gguf.c: the definition of a tokenizer from a GGUF file's metadata. */
#include "text/definition.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "format/quote.h"

static const char MODEL[] = "tokenizer.ggml.model", PRE[] = "tokenizer.ggml.pre",
                  TOKENS[] = "tokenizer.ggml.tokens", TYPES[] = "tokenizer.ggml.token_type",
                  SCORES[] = "tokenizer.ggml.scores", MERGES[] = "tokenizer.ggml.merges",
                  ADD_BOS[] = "tokenizer.ggml.add_bos_token",
                  ADD_SPACE[] = "tokenizer.ggml.add_space_prefix",
                  REMOVE_SPACES[] = "tokenizer.ggml.remove_extra_whitespaces";

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

/* ---- Lists ----------------------------------------------------------------------------------- */

static heta_status count_of(const heta_i_file *file, const char *key, size_t *out,
                            heta_error *error) {
  *out = heta_i_file_array(file, key);
  if (*out > INT32_MAX / 4)
    return heta_i_fail(error, HETA_E_FORMAT, "%s has %zu entries, more than heta can number", key,
                       *out);
  return HETA_OK;
}

static heta_status read_tokens(const heta_i_file *file, heta_i_definition *out, heta_error *error) {
  HETA_TRY(count_of(file, TOKENS, &out->count, error));
  if (!out->count)
    return heta_i_fail(error, HETA_E_FORMAT, "the file names a tokenizer but has no %s", TOKENS);
  size_t types = heta_i_file_array(file, TYPES);
  if (types && types != out->count)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s has %zu entries but %s has %zu; they must be equally many", TYPES, types,
                       TOKENS, out->count);
  out->tokens = heta_i_arena_take(&out->lists, out->count, sizeof *out->tokens);
  if (!out->tokens)
    return heta_i_no_memory(error, "the vocabulary", out->count * sizeof *out->tokens);
  for (size_t i = 0; i < out->count; i++) {
    int64_t type = HETA_VOCABULARY_NORMAL;
    if (types && (!heta_i_file_array_integer(file, TYPES, i, &type) ||
                  type < HETA_VOCABULARY_NORMAL || type > HETA_VOCABULARY_BYTE))
      return heta_i_fail(error, HETA_E_FORMAT, "%s[%zu] is not a token type (1 to 6)", TYPES, i);
    out->tokens[i].type = (heta_i_token_type)type;
    if (!heta_i_file_array_string(file, TOKENS, i, &out->tokens[i].name, &out->tokens[i].size))
      return heta_i_fail(error, HETA_E_FORMAT, "%s[%zu] is not a string", TOKENS, i);
  }
  return HETA_OK;
}

static heta_status read_scores(const heta_i_file *file, heta_i_definition *out, heta_error *error) {
  size_t count = heta_i_file_array(file, SCORES);
  if (!count)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "the file has no %s, which the tokenizer \"%s\" needs; convert the model "
                       "again",
                       SCORES, out->model);
  if (count != out->count)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s has %zu entries but %s has %zu; they must be equally many", SCORES,
                       count, TOKENS, out->count);
  for (size_t i = 0; i < count; i++)
    if (!heta_i_file_array_number(file, SCORES, i, &out->tokens[i].score) ||
        isnan(out->tokens[i].score))
      return heta_i_fail(error, HETA_E_FORMAT, "%s[%zu] is not a number", SCORES, i);
  return HETA_OK;
}

/* A merge is "left right". One that is not is left with an empty part, and refused when the merges
 * are matched with the vocabulary. */
static heta_status read_merges(const heta_i_file *file, heta_i_definition *out, heta_error *error) {
  HETA_TRY(count_of(file, MERGES, &out->merge_count, error));
  if (!out->merge_count)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "the file has no %s, which a byte-level vocabulary needs", MERGES);
  out->merges = heta_i_arena_take(&out->lists, out->merge_count, sizeof *out->merges);
  if (!out->merges)
    return heta_i_no_memory(error, "the merges", out->merge_count * sizeof *out->merges);
  for (size_t i = 0; i < out->merge_count; i++) {
    const char *text;
    size_t size;
    if (!heta_i_file_array_string(file, MERGES, i, &text, &size))
      return heta_i_fail(error, HETA_E_FORMAT, "%s[%zu] is not a string", MERGES, i);
    const char *space = size ? memchr(text, ' ', size) : NULL;
    size_t cut = space ? (size_t)(space - text) : size;
    out->merges[i] = (heta_i_defined_merge){text, text + cut + !!space, cut, size - cut - !!space};
  }
  return HETA_OK;
}

/* ---- Kinds ----------------------------------------------------------------------------------- */

/* "gpt2": byte-level BPE whose pre-tokeniser is known by its name. */
static heta_status read_byte_level(const heta_i_file *file, heta_i_definition *out,
                                   heta_error *error) {
  char shown[HETA_QUOTE];
  bool space = false;
  if (!out->pre)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "the file does not name its pre-tokeniser (%s), and a guess could give "
                       "other tokens than the model was trained with; convert the model again",
                       PRE);
  const heta_i_pre *pre = heta_i_pre_find(out->pre);
  if (!pre)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "the file's pre-tokeniser is \"%s\" (%s); heta knows %s",
                       heta_i_quote_string(shown, out->pre), PRE, heta_i_pre_names());
  out->byte_level = true;
  out->whole_pieces = pre->whole_pieces;
  out->add_bos = pre->add_bos;
  if (pre->compose) out->early[out->early_count++].kind = HETA_REWRITE_COMPOSE;
  for (; out->cut_count < sizeof pre->patterns / sizeof *pre->patterns; out->cut_count++) {
    if (!pre->patterns[out->cut_count]) break;
    out->cuts[out->cut_count].pattern = pre->patterns[out->cut_count];
  }
  HETA_TRY(read_tokens(file, out, error));
  HETA_TRY(read_merges(file, out, error));
  HETA_TRY(read_flag(file, ADD_SPACE, &space, error));
  if (space)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "the file's tokenizer puts a space before the text (%s), which heta does "
                       "not do for byte-level BPE",
                       ADD_SPACE);
  return HETA_OK;
}

/* Phi-3's added tokens take the white space after them, except the few below. GGUF has no place to
 * say so. */
static void strip_after_phi3(const heta_i_file *file, heta_i_definition *out) {
  static const char *const others[] = {"<unk>", "<s>", "<|endoftext|>"};
  const char *architecture = NULL;
  if (!heta_i_file_string(file, "general.architecture", &architecture, NULL) ||
      strcmp(architecture, "phi3"))
    return;
  for (size_t i = 0; i < out->count; i++) {
    heta_i_defined_token *token = &out->tokens[i];
    bool strips = token->type == HETA_VOCABULARY_CONTROL || token->type == HETA_VOCABULARY_USER;
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
      if (token->size == strlen(others[k]) && !memcmp(token->name, others[k], token->size))
        strips = false;
    if (strips) token->flags = HETA_ADDED_STRIP_RIGHT;
  }
}

/* "llama": SentencePiece's BPE. */
static heta_status read_sentencepiece(const heta_i_file *file, heta_i_definition *out,
                                      heta_error *error) {
  bool space = true, remove = false;
  if (!out->pre) out->pre = "default";
  HETA_TRY(read_tokens(file, out, error));
  HETA_TRY(read_scores(file, out, error));
  strip_after_phi3(file, out);
  HETA_TRY(read_flag(file, ADD_SPACE, &space, error));
  HETA_TRY(read_flag(file, REMOVE_SPACES, &remove, error));
  if (remove)
    return heta_i_fail(
        error, HETA_E_UNSUPPORTED,
        "the file's tokenizer removes spaces from the text (%s), which heta does not "
        "do",
        REMOVE_SPACES);
  if (space)
    out->early[out->early_count++] =
        (heta_i_rewrite){.kind = HETA_REWRITE_PREPEND, .to = "\xe2\x96\x81", .to_size = 3};
  out->early[out->early_count++] = (heta_i_rewrite){.kind = HETA_REWRITE_REPLACE,
                                                    .from = " ",
                                                    .from_size = 1,
                                                    .to = "\xe2\x96\x81",
                                                    .to_size = 3};
  out->scheme = HETA_SCHEME_SCORES;
  out->byte_tokens = out->fuse_unknown = out->add_bos = true;
  return HETA_OK;
}

/* A tokenizer that appends EOS asks for it after finished texts; a prompt goes on, so
 * tokenizer.ggml.add_eos_token has no bearing here. */
static heta_status read_settings(const heta_i_file *file, heta_i_definition *out,
                                 heta_error *error) {
  HETA_TRY(read_id(file, "tokenizer.ggml.bos_token_id", out->count, &out->bos, error));
  HETA_TRY(read_id(file, "tokenizer.ggml.eos_token_id", out->count, &out->eos, error));
  HETA_TRY(read_id(file, "tokenizer.ggml.unknown_token_id", out->count, &out->unk, error));
  HETA_TRY(read_id(file, "tokenizer.ggml.padding_token_id", out->count, &out->pad, error));
  bool asked = false;
  HETA_TRY(read_flag(file, ADD_BOS, &asked, error));
  if (asked && out->bos < 0)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s is true, but the file has no tokenizer.ggml.bos_token_id", ADD_BOS);
  out->add_bos = heta_i_file_flag(file, ADD_BOS, &asked) ? asked : out->add_bos && out->bos >= 0;
  /* Many files name a control token such as <|endoftext|> here, which must not appear in the middle
   * of a text; only a token that was made for the unknown is used. */
  out->unknown =
      out->unk >= 0 && out->tokens[out->unk].type == HETA_VOCABULARY_UNKNOWN ? out->unk : -1;
  return read_string(file, "tokenizer.chat_template", &out->chat_template, error);
}

heta_status heta_i_definition_of_gguf(const heta_i_file *file, heta_i_definition *out,
                                      heta_error *error) {
  char shown[HETA_QUOTE];
  *out = (heta_i_definition){.tokens_key = TOKENS, .merges_key = MERGES};
  HETA_TRY(read_string(file, MODEL, &out->model, error));
  if (!out->model || !strcmp(out->model, "none") || !strcmp(out->model, "no_vocab"))
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "the file has no vocabulary (%s), so heta cannot read text with it; "
                       "use a file converted with its tokenizer",
                       MODEL);
  HETA_TRY(read_string(file, PRE, &out->pre, error));
  if (!strcmp(out->model, "gpt2"))
    HETA_TRY(read_byte_level(file, out, error));
  else if (!strcmp(out->model, "llama"))
    HETA_TRY(read_sentencepiece(file, out, error));
  else
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "the file's tokenizer is \"%s\" (%s); heta knows \"gpt2\", byte-level BPE, "
                       "and \"llama\", SentencePiece's BPE",
                       heta_i_quote_string(shown, out->model), MODEL);
  return read_settings(file, out, error);
}
