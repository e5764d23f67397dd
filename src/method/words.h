/* words.h: which words of the vocabulary lie near others, as rows of the embedding. */
#ifndef HETA_METHOD_WORDS_H
#define HETA_METHOD_WORDS_H

#include "method/method.h"

/* The `near` words with the smallest Euclidean distance to each of `words`, but for the word
 * itself, by ascending id; of equally near ones the smaller id. out: [count × near]; near is below
 * the size of the vocabulary. */
heta_status heta_i_nearest_words(heta_i_session *session, const int32_t *words, size_t count,
                                 size_t near, int32_t *out, heta_error *error);
/* Operations of it. */
double heta_i_nearest_flop(const heta_i_session *session, double count);

#endif
