/* merges.c: the merge table, and merging a piece with a heap of candidates over a linked list. A
 * symbol is kept at the index of its first byte in the piece. */
#include "text/merges.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "format/quote.h"
#include "base/alphabet.h"

/* ---- Reading --------------------------------------------------------------------------------- */

static heta_i_merge *find_slot(const heta_i_merges *merges, int32_t left, int32_t right) {
  uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
  key *= UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / golden ratio */
  size_t slot = (size_t)(key >> 32) & merges->slot_mask;
  for (;; slot = (slot + 1) & merges->slot_mask) {
    heta_i_merge *merge = &merges->slots[slot];
    if (merge->left < 0 || (merge->left == left && merge->right == right)) return merge;
  }
}

/* Writes the part of a merge as the vocabulary names it to out, which has room for size bytes. */
static bool spell(const heta_i_definition *definition, const char *part, size_t size, char *out,
                  size_t *count) {
  if (definition->byte_level) return heta_i_alphabet_decode(part, size, out, count);
  memcpy(out, part, size);
  *count = size;
  return true;
}

/* "a b", as messages show a merge. */
static const char *show(char shown[HETA_QUOTE], const heta_i_defined_merge *merge) {
  char text[2 * HETA_QUOTE], part[HETA_QUOTE];
  size_t size = 0;
  for (int i = 0; i < 2; i++) {
    heta_i_quote(part, i ? merge->right : merge->left, i ? merge->right_size : merge->left_size);
    if (i && merge->right_size) text[size++] = ' ';
    memcpy(text + size, part, strlen(part));
    size += strlen(part);
  }
  return heta_i_quote(shown, text, size);
}

/* Finds the tokens of a merge. scratch has room for both of its parts. */
static heta_status read_merge(const heta_i_definition *definition,
                              const heta_i_vocabulary *vocabulary, size_t index, char *scratch,
                              heta_i_merge *out, heta_error *error) {
  const heta_i_defined_merge *merge = &definition->merges[index];
  char shown[HETA_QUOTE];
  size_t left, right;
  if (!merge->left_size || !merge->right_size ||
      !spell(definition, merge->left, merge->left_size, scratch, &left) ||
      !spell(definition, merge->right, merge->right_size, scratch + left, &right))
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s[%zu] is \"%s\"; it must be two %stokens with one space between them",
                       definition->merges_key, index, show(shown, merge),
                       definition->byte_level ? "byte-level " : "");
  out->left = heta_i_vocabulary_find(vocabulary, scratch, left);
  out->right = heta_i_vocabulary_find(vocabulary, scratch + left, right);
  out->result = heta_i_vocabulary_find(vocabulary, scratch, left + right);
  if (out->left < 0 || out->right < 0 || out->result < 0)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s[%zu] is \"%s\", but its %s is not in the vocabulary",
                       definition->merges_key, index, show(shown, merge),
                       out->left < 0    ? "left part"
                       : out->right < 0 ? "right part"
                                        : "result");
  out->rank = (uint32_t)index;
  return HETA_OK;
}

static heta_status read_list(const heta_i_definition *definition, heta_i_merges *out,
                             heta_error *error) {
  size_t count = definition->merge_count, slots = 1, longest = 0;
  while (slots < 2 * count) slots *= 2;
  for (size_t i = 0; i < count; i++) {
    size_t size = definition->merges[i].left_size + definition->merges[i].right_size;
    if (size > longest) longest = size;
  }
  out->slot_mask = slots - 1;
  out->slots = heta_i_allocate(slots, sizeof *out->slots);
  char *scratch = heta_i_allocate(longest, 1);
  char shown[HETA_QUOTE];
  heta_status status = HETA_OK;
  if (!out->slots || !scratch)
    HETA_GO(heta_i_no_memory(error, "the merges", slots * sizeof *out->slots));
  for (size_t i = 0; i < slots; i++) out->slots[i].left = -1;
  for (size_t i = 0; i < count; i++) {
    heta_i_merge merge;
    HETA_GO(read_merge(definition, out->vocabulary, i, scratch, &merge, error));
    heta_i_merge *slot = find_slot(out, merge.left, merge.right);
    if (slot->left >= 0)
      HETA_GO(heta_i_fail(error, HETA_E_FORMAT, "%s[%" PRIu32 "] and [%zu] are both \"%s\"",
                          definition->merges_key, slot->rank, i,
                          show(shown, &definition->merges[i])));
    *slot = merge;
  }
done:
  heta_i_free(scratch);
  return status;
}

static int descending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x > y ? -1 : x < y;
}

/* The rank of a score is its place among all scores, the highest first. */
static heta_status read_scores(const heta_i_definition *definition, heta_i_merges *out,
                               heta_error *error) {
  size_t count = definition->count;
  out->ranks = heta_i_allocate(count, sizeof *out->ranks);
  double *scores = heta_i_allocate(count, sizeof *scores);
  if (!out->ranks || !scores) {
    heta_i_free(scores);
    return heta_i_no_memory(error, "the scores", count * sizeof *scores);
  }
  for (size_t i = 0; i < count; i++) scores[i] = definition->tokens[i].score;
  qsort(scores, count, sizeof *scores, descending);
  for (size_t i = 0; i < count; i++) {
    size_t low = 0, high = count; /* the first score that is not higher */
    while (low < high) {
      size_t middle = low + (high - low) / 2;
      if (scores[middle] > definition->tokens[i].score)
        low = middle + 1;
      else
        high = middle;
    }
    out->ranks[i] = (uint32_t)low;
  }
  heta_i_free(scores);
  return HETA_OK;
}

heta_status heta_i_merges_read(const heta_i_definition *definition,
                               const heta_i_vocabulary *vocabulary, heta_i_merges *out,
                               heta_error *error) {
  *out = (heta_i_merges){.vocabulary = vocabulary,
                         .byte_level = definition->byte_level,
                         .fallback = heta_i_fallback_of(definition, vocabulary)};
  return definition->scheme == HETA_SCHEME_SCORES ? read_scores(definition, out, error)
                                                  : read_list(definition, out, error);
}

void heta_i_merges_free(heta_i_merges *merges) {
  heta_i_free(merges->slots);
  heta_i_free(merges->ranks);
  merges->slots = NULL;
  merges->ranks = NULL;
}

/* ---- The heap -------------------------------------------------------------------------------- */

/* A pair that can merge: its rank, and its left symbol. Out of date once either symbol changed. */
typedef struct heta_i_candidate {
  uint32_t rank, left;
} heta_i_candidate;

typedef struct heap {
  heta_i_candidate *items;
  size_t count;
} heap;

static bool before(heta_i_candidate a, heta_i_candidate b) {
  return a.rank < b.rank || (a.rank == b.rank && a.left < b.left);
}

static void push(heap *h, heta_i_candidate item) {
  size_t at = h->count++;
  for (; at && before(item, h->items[(at - 1) / 2]); at = (at - 1) / 2)
    h->items[at] = h->items[(at - 1) / 2];
  h->items[at] = item;
}

static heta_i_candidate pop(heap *h) {
  heta_i_candidate first = h->items[0], last = h->items[--h->count];
  size_t at = 0;
  for (size_t child = 1; child < h->count; child = 2 * at + 1) {
    if (child + 1 < h->count && before(h->items[child + 1], h->items[child])) child++;
    if (!before(h->items[child], last)) break;
    h->items[at] = h->items[child];
    at = child;
  }
  h->items[at] = last;
  return first;
}

/* ---- Merging --------------------------------------------------------------------------------- */

/* A piece that is being merged. */
typedef struct merging {
  const heta_i_merges *merges;
  const char *piece;
  heta_i_symbol *symbols; /* id < 0: not there any more */
  heap heap;
} merging;

/* Whether a symbol merges with the next one, into what and with which rank. */
static bool pair_at(const merging *m, uint32_t left, uint32_t *rank, int32_t *result) {
  const heta_i_symbol *symbols = m->symbols;
  if (left == HETA_SYMBOL_NONE || symbols[left].id < 0 || symbols[left].next == HETA_SYMBOL_NONE)
    return false;
  uint32_t right = symbols[left].next;
  if (m->merges->slots) {
    const heta_i_merge *merge = find_slot(m->merges, symbols[left].id, symbols[right].id);
    *rank = merge->rank;
    *result = merge->result;
    return merge->left >= 0;
  }
  const heta_i_vocabulary *vocabulary = m->merges->vocabulary;
  size_t size = symbols[right].end - left;
  *result =
      size > vocabulary->longest ? -1 : heta_i_vocabulary_find(vocabulary, m->piece + left, size);
  if (*result >= 0) *rank = m->merges->ranks[*result];
  return *result >= 0;
}

static void consider(merging *m, uint32_t left) {
  uint32_t rank;
  int32_t result;
  if (pair_at(m, left, &rank, &result)) push(&m->heap, (heta_i_candidate){rank, left});
}

/* Merges until no candidate is left. Every merge takes a candidate and adds two at most, so that
 * 2 * (symbols - 1) of them is the most there can be at a time. */
static void merge_all(merging *m) {
  uint32_t rank;
  int32_t result;
  for (uint32_t i = 0; i != HETA_SYMBOL_NONE; i = m->symbols[i].next) consider(m, i);
  while (m->heap.count) {
    heta_i_candidate best = pop(&m->heap);
    if (!pair_at(m, best.left, &rank, &result) || rank != best.rank) continue; /* out of date */
    heta_i_symbol *left = &m->symbols[best.left], *right = &m->symbols[left->next];
    left->id = result;
    left->end = right->end;
    left->next = right->next;
    right->id = -1;
    if (left->next != HETA_SYMBOL_NONE) m->symbols[left->next].previous = best.left;
    consider(m, left->previous);
    consider(m, best.left);
  }
}

static heta_status make_room(heta_i_merge_room *room, size_t size, heta_error *error) {
  if (size <= room->size) return HETA_OK;
  heta_i_merge_room_free(room);
  size_t wanted = 64;
  while (wanted < size) wanted *= 2;
  room->symbols = heta_i_allocate(wanted, sizeof *room->symbols);
  room->heap = heta_i_allocate(wanted, 2 * sizeof *room->heap);
  if (!room->symbols || !room->heap)
    return heta_i_no_memory(error, "merging a piece of text", wanted * sizeof *room->symbols);
  room->size = wanted;
  return HETA_OK;
}

/* The first symbols of a piece: its bytes or characters. Returns the offset of what has no token,
 * or size. */
static size_t first_symbols(const heta_i_merges *merges, const char *piece, size_t size,
                            heta_i_symbol *symbols) {
  uint32_t last = HETA_SYMBOL_NONE;
  for (size_t at = 0; at < size;) {
    size_t length = merges->byte_level ? 1 : heta_i_utf8_decode(piece + at, size - at, NULL);
    int32_t id = heta_i_vocabulary_find(merges->vocabulary, piece + at, length);
    if (id < 0 && !heta_i_fallback_covers(&merges->fallback, piece + at, length)) return at;
    symbols[at] = (heta_i_symbol){id < 0 ? HETA_SYMBOL_UNKNOWN : id, (uint32_t)(at + length), last,
                                  HETA_SYMBOL_NONE};
    if (last != HETA_SYMBOL_NONE) symbols[last].next = (uint32_t)at;
    last = (uint32_t)at;
    at += length;
  }
  return size;
}

heta_status heta_i_merges_apply(const heta_i_merges *merges, heta_i_merge_room *room,
                                const char *piece, size_t size, size_t *count, size_t *missing,
                                heta_error *error) {
  *count = *missing = 0;
  if (!size) return HETA_OK;
  HETA_TRY(make_room(room, size, error));
  *missing = first_symbols(merges, piece, size, room->symbols);
  if (*missing < size) return HETA_OK;
  merging m = {merges, piece, room->symbols, {room->heap, 0}};
  merge_all(&m);
  *count = heta_i_symbols_gather(&merges->fallback, piece, room->symbols);
  return HETA_OK;
}

void heta_i_merge_room_free(heta_i_merge_room *room) {
  heta_i_free(room->symbols);
  heta_i_free(room->heap);
  *room = (heta_i_merge_room){0};
}
