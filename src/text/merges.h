/* merges.h: byte-pair encoding: which pairs of tokens merge, in which order, and applying them. */
#ifndef HETA_TEXT_MERGES_H
#define HETA_TEXT_MERGES_H

#include "text/symbols.h"

typedef struct heta_i_merge {
  int32_t left, right; /* ids; left < 0: a free slot of the hash table */
  int32_t result;
  uint32_t rank; /* place in the list; lower ones are applied first */
} heta_i_merge;

/* Immutable once read: any thread may use it. */
typedef struct heta_i_merges {
  const heta_i_vocabulary *vocabulary;
  heta_i_merge *slots; /* hash table over (left, right); NULL where scores order the merges */
  size_t slot_mask;
  uint32_t *ranks; /* by the id of what a merge makes, from scores: equal scores, equal ranks */
  bool byte_level;
  heta_i_fallback fallback;
} heta_i_merges;

/* Reads the definition's merges, or its scores. Both parts of a merge and its result must be in the
 * vocabulary, which must outlive *out, and no pair may be listed twice. *out is released with
 * heta_i_merges_free, also after a failure. */
heta_status heta_i_merges_read(const heta_i_definition *definition,
                               const heta_i_vocabulary *vocabulary, heta_i_merges *out,
                               heta_error *error);
void heta_i_merges_free(heta_i_merges *merges);

/* Room for merging, kept from piece to piece. Start zeroed. */
typedef struct heta_i_merge_room {
  heta_i_symbol *symbols;
  struct heta_i_candidate *heap;
  size_t size; /* the longest piece there is room for */
} heta_i_merge_room;

/* Splits a piece of at most INT32_MAX bytes, valid UTF-8 unless the vocabulary is byte-level, into
 * the symbols left when no merge applies any more: room->symbols[0 … *count), id and end. A byte or
 * character without a token becomes its byte tokens, the unknown one or, when there are none, stops
 * everything: *missing is its offset, else size. O(size log size). */
heta_status heta_i_merges_apply(const heta_i_merges *merges, heta_i_merge_room *room,
                                const char *piece, size_t size, size_t *count, size_t *missing,
                                heta_error *error);
void heta_i_merge_room_free(heta_i_merge_room *room);

#endif
