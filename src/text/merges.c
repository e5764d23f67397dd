/* merges.c: the merge table, and merging a piece with a heap of candidates over a linked list. */
#include "text/merges.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "format/quote.h"
#include "text/alphabet.h"

static const char MERGES[] = "tokenizer.ggml.merges";

#define NONE UINT32_MAX /* no symbol */
/* A byte without a token, until merging is done: an id that is in no merge. */
#define UNKNOWN INT32_MAX

static heta_i_merge *find_slot(const heta_i_merges *merges, int32_t left, int32_t right) {
  uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
  key *= UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / golden ratio */
  size_t slot = (size_t)(key >> 32) & merges->slot_mask;
  for (;; slot = (slot + 1) & merges->slot_mask) {
    heta_i_merge *merge = &merges->slots[slot];
    if (merge->left < 0 || (merge->left == left && merge->right == right)) return merge;
  }
}

/* The merge written "left right" in the byte alphabet. scratch has room for size bytes. */
static heta_status read_merge(const heta_i_vocabulary *vocabulary, const char *text, size_t size,
                              char *scratch, size_t index, heta_i_merge *out, heta_error *error) {
  char shown[HETA_QUOTE];
  const char *space = size ? memchr(text, ' ', size) : NULL;
  size_t cut = space ? (size_t)(space - text) : 0, left, right;
  if (!cut || cut + 1 == size || /* a second space is no letter either */
      !heta_i_alphabet_decode(text, cut, scratch, &left) ||
      !heta_i_alphabet_decode(space + 1, size - cut - 1, scratch + left, &right))
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s[%zu] is \"%s\"; it must be two byte-level tokens with one space between "
                       "them",
                       MERGES, index, heta_i_quote(shown, text, size));
  out->left = heta_i_vocabulary_find(vocabulary, scratch, left);
  out->right = heta_i_vocabulary_find(vocabulary, scratch + left, right);
  out->result = heta_i_vocabulary_find(vocabulary, scratch, left + right);
  if (out->left < 0 || out->right < 0 || out->result < 0)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s[%zu] is \"%s\", but its %s is not in the vocabulary", MERGES, index,
                       heta_i_quote(shown, text, size),
                       out->left < 0    ? "left part"
                       : out->right < 0 ? "right part"
                                        : "result");
  out->rank = (uint32_t)index;
  return HETA_OK;
}

/* The longest merge, in bytes. */
static heta_status longest(const heta_i_file *file, size_t count, size_t *out, heta_error *error) {
  *out = 0;
  for (size_t i = 0; i < count; i++) {
    const char *text;
    size_t size;
    if (!heta_i_file_array_string(file, MERGES, i, &text, &size))
      return heta_i_fail(error, HETA_E_FORMAT, "%s[%zu] is not a string", MERGES, i);
    if (size > *out) *out = size;
  }
  return HETA_OK;
}

heta_status heta_i_merges_read(const heta_i_file *file, const heta_i_vocabulary *vocabulary,
                               heta_i_merges *out, heta_error *error) {
  *out = (heta_i_merges){0};
  for (int byte = 0; byte < 256; byte++) {
    char letter = (char)(unsigned char)byte;
    out->byte_ids[byte] = heta_i_vocabulary_find(vocabulary, &letter, 1);
  }
  size_t count = heta_i_file_array(file, MERGES), slots = 1, size;
  if (!count)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "the file has no %s, which a byte-level vocabulary needs", MERGES);
  if (count > INT32_MAX / 4)
    return heta_i_fail(error, HETA_E_FORMAT, "%s has %zu entries, more than heta can number",
                       MERGES, count);
  while (slots < 2 * count) slots *= 2;
  HETA_TRY(longest(file, count, &size, error));
  out->slot_mask = slots - 1;
  out->slots = heta_i_allocate(slots, sizeof *out->slots);
  char *scratch = heta_i_allocate(size, 1);
  char shown[HETA_QUOTE];
  heta_status status = HETA_OK;
  if (!out->slots || !scratch)
    HETA_GO(heta_i_no_memory(error, "the merges", slots * sizeof *out->slots));
  for (size_t i = 0; i < slots; i++) out->slots[i].left = -1;
  for (size_t i = 0; i < count; i++) {
    const char *text;
    heta_i_merge merge;
    heta_i_file_array_string(file, MERGES, i, &text, &size); /* succeeded in longest */
    HETA_GO(read_merge(vocabulary, text, size, scratch, i, &merge, error));
    heta_i_merge *slot = find_slot(out, merge.left, merge.right);
    if (slot->left >= 0)
      HETA_GO(heta_i_fail(error, HETA_E_FORMAT, "%s[%" PRIu32 "] and [%zu] are both \"%s\"", MERGES,
                          slot->rank, i, heta_i_quote(shown, text, size)));
    *slot = merge;
  }
done:
  heta_i_free(scratch);
  return status;
}

void heta_i_merges_free(heta_i_merges *merges) {
  heta_i_free(merges->slots);
  merges->slots = NULL;
}

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

/* The merge of a symbol with the next one, or NULL. */
static const heta_i_merge *pair_at(const heta_i_merges *merges, const heta_i_symbol *symbols,
                                   uint32_t left) {
  if (left == NONE || symbols[left].id < 0 || symbols[left].next == NONE) return NULL;
  heta_i_merge *merge = find_slot(merges, symbols[left].id, symbols[symbols[left].next].id);
  return merge->left < 0 ? NULL : merge;
}

static void consider(const heta_i_merges *merges, const heta_i_symbol *symbols, uint32_t left,
                     heap *h) {
  const heta_i_merge *merge = pair_at(merges, symbols, left);
  if (merge) push(h, (heta_i_candidate){merge->rank, left});
}

/* Merges until no candidate is left. Every merge takes a candidate and adds two at most, so that
 * 2 * (symbols - 1) of them is the most there can be at a time. */
static void merge_all(const heta_i_merges *merges, heta_i_symbol *symbols, uint32_t count,
                      heta_i_candidate *items) {
  heap h = {items, 0};
  for (uint32_t i = 0; i < count; i++) consider(merges, symbols, i, &h);
  while (h.count) {
    heta_i_candidate best = pop(&h);
    const heta_i_merge *merge = pair_at(merges, symbols, best.left);
    if (!merge || merge->rank != best.rank) continue; /* out of date */
    heta_i_symbol *left = &symbols[best.left], *right = &symbols[left->next];
    left->id = merge->result;
    left->end = right->end;
    left->next = right->next;
    right->id = -1;
    if (left->next != NONE) symbols[left->next].previous = best.left;
    consider(merges, symbols, left->previous, &h);
    consider(merges, symbols, best.left, &h);
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

heta_status heta_i_merges_apply(const heta_i_merges *merges, heta_i_merge_room *room,
                                const char *piece, size_t size, int32_t unknown, size_t *count,
                                size_t *missing, heta_error *error) {
  HETA_TRY(make_room(room, size, error));
  heta_i_symbol *symbols = room->symbols;
  *count = 0;
  for (*missing = 0; *missing < size; ++*missing) {
    uint32_t i = (uint32_t)*missing;
    int32_t id = merges->byte_ids[(unsigned char)piece[i]];
    if (id < 0 && unknown < 0) return HETA_OK;
    symbols[i] = (heta_i_symbol){id < 0 ? UNKNOWN : id, i + 1, i ? i - 1 : NONE,
                                 i + 1 < size ? i + 1 : NONE};
  }
  merge_all(merges, symbols, (uint32_t)size, room->heap);
  for (uint32_t at = 0; size && at != NONE; at = symbols[at].next) {
    symbols[*count] = symbols[at];
    if (symbols[*count].id == UNKNOWN) symbols[*count].id = unknown;
    ++*count;
  }
  return HETA_OK;
}

void heta_i_merge_room_free(heta_i_merge_room *room) {
  heta_i_free(room->symbols);
  heta_i_free(room->heap);
  *room = (heta_i_merge_room){0};
}
