/* definition.h: what a tokenizer is made from, wherever that was read: a GGUF file's metadata
 * (gguf.c) or a folder's tokenizer.json (folder.c). */
#ifndef HETA_TEXT_DEFINITION_H
#define HETA_TEXT_DEFINITION_H

#include <jansson.h>

#include "base/memory.h"
#include "format/file.h"
#include "text/pretokenizer.h"
#include "text/rewrite.h"

/* GGUF's tokenizer.ggml.token_type, and ids without a token. */
typedef enum heta_i_token_type {
  HETA_VOCABULARY_HOLE = 0, /* the name is for people only; no text has it */
  HETA_VOCABULARY_NORMAL = 1,
  HETA_VOCABULARY_UNKNOWN = 2,
  HETA_VOCABULARY_CONTROL = 3,
  HETA_VOCABULARY_USER = 4,
  HETA_VOCABULARY_UNUSED = 5, /* as normal */
  HETA_VOCABULARY_BYTE = 6    /* as normal to a byte-level vocabulary */
} heta_i_token_type;

/* How an added token is matched. */
enum {
  HETA_ADDED_STRIP_LEFT = 1,  /* takes the white space before it */
  HETA_ADDED_STRIP_RIGHT = 2, /* and after it */
  HETA_ADDED_ONLY = 8,        /* the trained vocabulary does not have it */
  HETA_ADDED_REWRITTEN = 4    /* in the rewritten text, not in the text as it is */
};

typedef struct heta_i_defined_token {
  const char *name; /* as it is spelled where it was read */
  size_t size;
  heta_i_token_type type;
  unsigned flags; /* of an added token */
  double score;   /* where the scheme has scores */
} heta_i_defined_token;

typedef struct heta_i_defined_merge {
  const char *left, *right; /* names of tokens */
  size_t left_size, right_size;
} heta_i_defined_merge;

/* How tokens are made from a piece. */
typedef enum heta_i_scheme {
  HETA_SCHEME_RANKS,  /* symbols merge in the order of a list */
  HETA_SCHEME_SCORES, /* symbols merge by the score of the token that is made */
  HETA_SCHEME_UNIGRAM /* the tokens whose scores have the largest sum */
} heta_i_scheme;

enum { HETA_REWRITES = 8 };

typedef struct heta_i_definition {
  const char *model, *pre, *chat_template; /* for people; the last may be NULL */
  const char *tokens_key, *merges_key;     /* what messages call the two lists */
  bool byte_level; /* names are spelled in the byte alphabet; else space is U+2581 */
  heta_i_scheme scheme;
  bool whole_pieces; /* a piece that is a token is taken as it is, without merging */
  bool byte_tokens;  /* characters without a token become tokens of their bytes, <0x0A> */
  bool fuse_unknown; /* unknown characters in a row become one token */
  heta_i_defined_token *tokens;
  size_t count; /* 1 … INT32_MAX / 4 */
  heta_i_defined_merge *merges;
  size_t merge_count;
  int32_t bos, eos, unk, pad; /* -1: none */
  int32_t unknown;            /* the token of what has none; -1: such text is refused */
  bool add_bos;
  heta_i_rewrite early[HETA_REWRITES]; /* before added tokens that are matched in rewritten text */
  size_t early_count;
  heta_i_rewrite late[HETA_REWRITES]; /* of what lies between all added tokens */
  size_t late_count;
  heta_i_cut cuts[HETA_CUTS];
  size_t cut_count;
  heta_i_arena arena; /* of other strings that are not borrowed from the file */
  heta_i_arena lists; /* of tokens and merges */
  json_t *json;       /* tokenizer.json, which names and merges are borrowed from; or NULL */
  json_t *ids;        /* of a Unigram model's names, which are borrowed from it; or NULL */
} heta_i_definition;

/* Reads the definition of a file's tokenizer. It borrows from the file. *out is released with
 * heta_i_definition_free, also after a failure. */
heta_status heta_i_definition_of_gguf(const heta_i_file *file, heta_i_definition *out,
                                      heta_error *error);
/* The same for the text of a tokenizer.json, which says nothing of bos, eos, unk, pad, add_bos and
 * the chat template. Messages name fields. */
heta_status heta_i_definition_of_json(const char *json, size_t size, size_t rows,
                                      heta_i_definition *out, heta_error *error);
/* The same for a folder with tokenizer.json. rows is the number of ids the model has an embedding
 * for: ids without a token become holes; 0: as many as the tokenizer has. Messages name the file.
 */
heta_status heta_i_definition_of_folder(const char *folder, size_t rows, heta_i_definition *out,
                                        heta_error *error);
void heta_i_definition_free(heta_i_definition *definition);
/* Lets go of tokens and merges, once a tokenizer was made from them. */
void heta_i_definition_drop_lists(heta_i_definition *definition);

/* SHA-256 of everything that decides which ids a text gets. */
void heta_i_definition_fingerprint(const heta_i_definition *definition, char out[65]);

#endif
