/* tokenizing.h: a file's tokenizer under test. */
#ifndef HETA_TESTS_TOKENIZING_H
#define HETA_TESTS_TOKENIZING_H

#include "text/tokenizer.h"

typedef struct tokenizing {
  heta_i_file *file;
  heta_i_tokenizer *tokenizer;
} tokenizing;

/* Fails the test when the file or its tokenizer cannot be opened. */
tokenizing tokenizing_open(const char *path);
void tokenizing_close(tokenizing *o);

/* The tokens of a text that must be encodable; the caller frees them with heta_i_free. */
heta_token *tokenizing_encode(const heta_i_tokenizer *tokenizer, const char *text, size_t size,
                              bool special, size_t *count);
/* Fails the test unless the tokens lie side by side over the whole text and, where the tokenizer
 * does not normalise, stand for exactly its bytes; a space that it puts before text is none of
 * them. */
void tokenizing_check(const heta_i_tokenizer *tokenizer, const char *text, size_t size,
                      const heta_token *tokens, size_t count);

#endif
