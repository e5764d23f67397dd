/* vocabulary.h: the tokens of a byte-level vocabulary, found by id, by bytes and by name. */
#ifndef HETA_TEXT_VOCABULARY_H
#define HETA_TEXT_VOCABULARY_H

#include "format/file.h"

/* GGUF's tokenizer.ggml.token_type. The last two are ordinary text to a byte-level vocabulary. */
typedef enum heta_i_token_type {
  HETA_VOCABULARY_NORMAL = 1,
  HETA_VOCABULARY_UNKNOWN = 2,
  HETA_VOCABULARY_CONTROL = 3,
  HETA_VOCABULARY_USER = 4,
  HETA_VOCABULARY_UNUSED = 5,
  HETA_VOCABULARY_BYTE = 6
} heta_i_token_type;

typedef struct heta_i_vocabulary_token {
  const char *bytes; /* what the token stands for; the name of an added one; NUL-terminated */
  size_t size;
  heta_i_token_type type;
} heta_i_vocabulary_token;

typedef struct heta_i_vocabulary {
  size_t count; /* <= INT32_MAX */
  heta_i_vocabulary_token *tokens;
  char *storage;  /* of the tokens' bytes */
  int32_t *slots; /* hash table of the ids that heta_i_vocabulary_find finds; -1: free */
  size_t slot_mask;
  int32_t *added; /* ids of the added tokens that a text can hold, sorted by name */
  size_t added_count;
} heta_i_vocabulary;

/* Reads tokenizer.ggml.tokens and .token_type (absent: all normal). *out is released with
 * heta_i_vocabulary_free, also after a failure. */
heta_status heta_i_vocabulary_read(const heta_i_file *file, heta_i_vocabulary *out,
                                   heta_error *error);
void heta_i_vocabulary_free(heta_i_vocabulary *vocabulary);

/* Whether a token was added to the trained vocabulary: its name is matched in the text as it is
 * written, and is what the token decodes to. */
bool heta_i_vocabulary_is_added(const heta_i_vocabulary *vocabulary, int32_t id);

/* The id of the token that stands for these bytes, or -1. Of a trained and an added token with the
 * same bytes, the trained one is found. */
int32_t heta_i_vocabulary_find(const heta_i_vocabulary *vocabulary, const char *bytes, size_t size);

/* The added token with the longest name that text starts with, or -1; without `control` only
 * user-defined ones. */
int32_t heta_i_vocabulary_match(const heta_i_vocabulary *vocabulary, const char *text, size_t size,
                                bool control);

#endif
