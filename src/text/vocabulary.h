/* vocabulary.h: the tokens of a model, found by id and by name. */
#ifndef HETA_TEXT_VOCABULARY_H
#define HETA_TEXT_VOCABULARY_H

#include "text/definition.h"

typedef struct heta_i_vocabulary_token {
  const char *bytes; /* what the token stands for; the name of an added one; NUL-terminated */
  size_t size;
  const char *name; /* what it is found by: as it is written in a rewritten text */
  size_t name_size;
  heta_i_token_type type;
  bool
      found; /* by its name; a byte-level one that is not spelled in letters, for example, is not */
} heta_i_vocabulary_token;

typedef struct heta_i_vocabulary {
  size_t count; /* <= INT32_MAX / 4 */
  heta_i_vocabulary_token *tokens;
  char *storage;  /* of the tokens' bytes and names */
  int32_t *slots; /* hash table of the ids that heta_i_vocabulary_find finds; -1: free */
  size_t slot_mask;
  size_t longest;        /* size of the longest name */
  int32_t byte_ids[256]; /* the token of each single byte, -1 where there is none */
} heta_i_vocabulary;

/* Copies and indexes the definition's tokens. *out is released with heta_i_vocabulary_free, also
 * after a failure. */
heta_status heta_i_vocabulary_read(const heta_i_definition *definition, heta_i_vocabulary *out,
                                   heta_error *error);
void heta_i_vocabulary_free(heta_i_vocabulary *vocabulary);

/* Whether a token was added to the trained vocabulary: its name is matched in the text as it is
 * written, and is what the token decodes to. */
bool heta_i_vocabulary_is_added(const heta_i_vocabulary *vocabulary, int32_t id);

/* The id of the token with this name, or -1. Of a trained and an added token with the same name,
 * the trained one is found; where scores order the merges, control tokens and those of single bytes
 * are not found at all. */
int32_t heta_i_vocabulary_find(const heta_i_vocabulary *vocabulary, const char *name, size_t size);

/* The same for one name after another that each begin with the one before: *hash, 0 before the
 * first, is that of name's first `known` bytes and becomes that of all `size`. */
int32_t heta_i_vocabulary_find_longer(const heta_i_vocabulary *vocabulary, const char *name,
                                      size_t known, size_t size, uint64_t *hash);

#endif
