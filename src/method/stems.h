/* stems.h: which words of English texts are forms of one another. */
#ifndef HETA_METHOD_STEMS_H
#define HETA_METHOD_STEMS_H

#include "method/method.h"

/* The stem of a word as a number, by Porter's rules (1980), whatever its capitals. A word of other
 * letters than English ones is its own stem. 0: a stop word, or no letter or digit in it. */
uint64_t heta_i_stem(const char *word, size_t size);

/* The words of a text of tokens. Release with heta_i_stems_free. */
typedef struct heta_i_stems {
  size_t count;   /* words with a stem, in the text's order */
  uint64_t *stem; /* [count] */
  size_t *of;     /* [tokens] the word each belongs to; SIZE_MAX: none, as for special tokens */
} heta_i_stems;

/* Words are Unicode's; a token belongs to the one of its first character that is no space. Nothing
 * behind a negative id is read. */
heta_status heta_i_stems_find(const heta_model *model, const int32_t *tokens, size_t count,
                              heta_i_stems *out, heta_error *error);
void heta_i_stems_free(heta_i_stems *stems);

#endif
