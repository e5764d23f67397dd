/* unigram.h: splitting a piece into the tokens whose scores have the largest sum. */
#ifndef HETA_TEXT_UNIGRAM_H
#define HETA_TEXT_UNIGRAM_H

#include "text/symbols.h"

/* Immutable once read: any thread may use it. */
typedef struct heta_i_unigram {
  const heta_i_vocabulary *vocabulary;
  double *scores;       /* by id */
  double unknown_score; /* of a character without a token */
  heta_i_fallback fallback;
} heta_i_unigram;

/* Takes the scores of the definition. The vocabulary must outlive *out, which is released with
 * heta_i_unigram_free, also after a failure. */
heta_status heta_i_unigram_read(const heta_i_definition *definition,
                                const heta_i_vocabulary *vocabulary, heta_i_unigram *out,
                                heta_error *error);
void heta_i_unigram_free(heta_i_unigram *unigram);

/* Room for splitting, kept from piece to piece. Start zeroed. */
typedef struct heta_i_unigram_room {
  struct heta_i_path *paths;
  heta_i_symbol *symbols;
  size_t size; /* the longest piece there is room for */
} heta_i_unigram_room;

/* Splits a piece of valid UTF-8 of at most INT32_MAX bytes: room->symbols[0 … *count), id and end.
 * Of equally good ways the one found first counts: tokens are tried from left to right, the shorter
 * first. *missing is the offset of a character that no token can stand for, else size. */
heta_status heta_i_unigram_apply(const heta_i_unigram *unigram, heta_i_unigram_room *room,
                                 const char *piece, size_t size, size_t *count, size_t *missing,
                                 heta_error *error);
void heta_i_unigram_room_free(heta_i_unigram_room *room);

#endif
