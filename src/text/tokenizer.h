/* tokenizer.h: the model's own tokenizer, from the file's metadata. */
#ifndef HETA_TEXT_TOKENIZER_H
#define HETA_TEXT_TOKENIZER_H

#include "format/file.h"
#include "text/added.h"
#include "text/rewrite.h"

typedef struct heta_i_tokenizer heta_i_tokenizer; /* immutable once created: any thread may read */

typedef struct heta_i_tokenizer_info {
  const char *model, *pre;   /* "gpt2", "smollm" */
  const char *fingerprint;   /* SHA-256 of vocabulary, merges, types and settings */
  const char *chat_template; /* or NULL */
  size_t vocabulary;
  int32_t bos, eos, unk, pad; /* -1: none */
  bool add_bos;
} heta_i_tokenizer_info;

/* The file must stay open as long as the tokenizer lives. */
heta_status heta_i_tokenizer_create(const heta_i_file *file, heta_i_tokenizer **out,
                                    heta_error *error);
/* The same from the text of a tokenizer.json alone, for a model with `rows` embeddings (0: not
 * known). It says nothing of special tokens. */
heta_status heta_i_tokenizer_create_json(const char *json, size_t size, size_t rows,
                                         heta_i_tokenizer **out, heta_error *error);
/* The same from a folder's tokenizer.json and the files beside it, which say which tokens are
 * special. Messages name the file. */
heta_status heta_i_tokenizer_create_folder(const char *folder, size_t rows, heta_i_tokenizer **out,
                                           heta_error *error);
void heta_i_tokenizer_free(heta_i_tokenizer *tokenizer);
const heta_i_tokenizer_info *heta_i_tokenizer_get_info(const heta_i_tokenizer *tokenizer);

/* Tokens of a text, without BOS. `start` and `end` are byte offsets into the text: they tile it
 * exactly, and each token stands for the bytes it covers, except that the tokenizer may compose
 * characters (qwen2) or put a space before the text, which the first token then has (and covers
 * nothing when it is that space alone); that an added token may take white space beside it; and
 * that the unknown one stands for anything. With parse_special the names of control tokens are read
 * as such (kind SPECIAL); those of user-defined tokens always are. *out is heta_i_allocate'd and
 * owned by the caller. Errors: HETA_E_ARGUMENT with the offset of a byte that is not UTF-8 or that
 * the vocabulary has no token for. */
heta_status heta_i_tokenizer_encode(const heta_i_tokenizer *tokenizer, const char *text,
                                    size_t size, bool parse_special, heta_token **out,
                                    size_t *count, heta_error *error);
/* The same for a text that stands after something else: a tokenizer that puts a space before a text
 * puts none before one that continues a text. */
heta_status heta_i_tokenizer_encode_after(const heta_i_tokenizer *tokenizer, heta_i_before before,
                                          const char *text, size_t size, bool parse_special,
                                          heta_token **out, size_t *count, heta_error *error);
/* The same, with control tokens read in parts of the text only. */
heta_status heta_i_tokenizer_encode_parts(const heta_i_tokenizer *tokenizer, heta_i_before before,
                                          const char *text, size_t size,
                                          const heta_i_control *control, heta_token **out,
                                          size_t *count, heta_error *error);
/* The bytes a token decodes to, borrowed; NULL for an id outside the vocabulary. Control tokens
 * give their own name. */
const char *heta_i_tokenizer_bytes(const heta_i_tokenizer *tokenizer, int32_t id, size_t *size);
/* Whether the token is a control or user-defined special token. */
bool heta_i_tokenizer_is_special(const heta_i_tokenizer *tokenizer, int32_t id);

#endif
