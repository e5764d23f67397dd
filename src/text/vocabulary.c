/* vocabulary.c: reading, checking and indexing the tokens. */
#include "text/vocabulary.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "format/quote.h"
#include "text/alphabet.h"

static const char TOKENS[] = "tokenizer.ggml.tokens", TYPES[] = "tokenizer.ggml.token_type";

static bool is_added(heta_i_token_type type) {
  return type == HETA_VOCABULARY_UNKNOWN || type == HETA_VOCABULARY_CONTROL ||
         type == HETA_VOCABULARY_USER;
}

bool heta_i_vocabulary_is_added(const heta_i_vocabulary *vocabulary, int32_t id) {
  return id >= 0 && (size_t)id < vocabulary->count && is_added(vocabulary->tokens[id].type);
}

/* The slot where the bytes are, or where they would go. */
static size_t find_slot(const heta_i_vocabulary *vocabulary, const char *bytes, size_t size) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
  size_t slot = (size_t)(hash ^ hash >> 32) & vocabulary->slot_mask;
  for (;; slot = (slot + 1) & vocabulary->slot_mask) {
    if (vocabulary->slots[slot] < 0) return slot;
    const heta_i_vocabulary_token *token = &vocabulary->tokens[vocabulary->slots[slot]];
    if (token->size == size && !memcmp(token->bytes, bytes, size)) return slot;
  }
}

int32_t heta_i_vocabulary_find(const heta_i_vocabulary *vocabulary, const char *bytes,
                               size_t size) {
  return vocabulary->slots[find_slot(vocabulary, bytes, size)];
}

/* Fills count and types, and the total size of the spellings. */
static heta_status read_types(const heta_i_file *file, heta_i_vocabulary *vocabulary, size_t *total,
                              heta_error *error) {
  size_t types = heta_i_file_array(file, TYPES);
  if (types && types != vocabulary->count)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s has %zu entries but %s has %zu; they must be equally many", TYPES, types,
                       TOKENS, vocabulary->count);
  *total = 0;
  for (size_t i = 0; i < vocabulary->count; i++) {
    int64_t type = HETA_VOCABULARY_NORMAL;
    if (types && (!heta_i_file_array_integer(file, TYPES, i, &type) ||
                  type < HETA_VOCABULARY_NORMAL || type > HETA_VOCABULARY_BYTE))
      return heta_i_fail(error, HETA_E_FORMAT, "%s[%zu] is not a token type (1 to 6)", TYPES, i);
    vocabulary->tokens[i].type = (heta_i_token_type)type;
    const char *spelling;
    size_t size;
    if (!heta_i_file_array_string(file, TOKENS, i, &spelling, &size))
      return heta_i_fail(error, HETA_E_FORMAT, "%s[%zu] is not a string", TOKENS, i);
    if (!heta_i_add(*total, size, total) || !heta_i_add(*total, 1, total))
      return heta_i_fail(error, HETA_E_FORMAT, "%s is larger than the address space", TOKENS);
  }
  return HETA_OK;
}

/* Decodes every token and enters the trained ones in the hash table. */
static heta_status read_trained(const heta_i_file *file, heta_i_vocabulary *vocabulary,
                                heta_error *error) {
  char *next = vocabulary->storage, shown[HETA_QUOTE];
  for (size_t i = 0; i < vocabulary->count; i++) {
    heta_i_vocabulary_token *token = &vocabulary->tokens[i];
    const char *spelling;
    size_t size;
    heta_i_file_array_string(file, TOKENS, i, &spelling, &size); /* succeeded in read_types */
    token->bytes = next;
    bool trained =
        !is_added(token->type) && heta_i_alphabet_decode(spelling, size, next, &token->size);
    if (trained) {
      size_t slot = find_slot(vocabulary, token->bytes, token->size);
      if (vocabulary->slots[slot] >= 0)
        return heta_i_fail(error, HETA_E_FORMAT, "%s[%" PRId32 "] and [%zu] are both \"%s\"",
                           TOKENS, vocabulary->slots[slot], i, heta_i_quote(shown, spelling, size));
      vocabulary->slots[slot] = (int32_t)i;
    } else {
      token->size = size;
      if (size) memcpy(next, spelling, size);
    }
    next[token->size] = 0;
    next += token->size + 1;
  }
  return HETA_OK;
}

typedef struct named {
  const char *bytes;
  size_t size;
  int32_t id;
} named;

static int by_name(const void *a, const void *b) {
  const named *x = a, *y = b;
  int order = memcmp(x->bytes, y->bytes, x->size < y->size ? x->size : y->size);
  return order ? order : x->size < y->size ? -1 : x->size > y->size;
}

/* Sorts the added tokens by name; one without a name, or with one that is not UTF-8, is never in a
 * text. A word of the trained vocabulary that was later declared an added token is still
 * what merges make, so the hash table gets the added ones too. */
static heta_status read_added(heta_i_vocabulary *vocabulary, named *names, heta_error *error) {
  size_t count = 0;
  char shown[HETA_QUOTE];
  for (size_t i = 0; i < vocabulary->count; i++) {
    const heta_i_vocabulary_token *token = &vocabulary->tokens[i];
    bool valid = heta_i_utf8_valid(token->bytes, token->size) == token->size;
    if (is_added(token->type) && token->size && valid)
      names[count++] = (named){token->bytes, token->size, (int32_t)i};
  }
  qsort(names, count, sizeof *names, by_name);
  for (size_t i = 1; i < count; i++)
    if (!by_name(&names[i - 1], &names[i]))
      return heta_i_fail(
          error, HETA_E_FORMAT, "%s[%" PRId32 "] and [%" PRId32 "] are both the added token \"%s\"",
          TOKENS, names[i - 1].id, names[i].id, heta_i_quote(shown, names[i].bytes, names[i].size));
  vocabulary->added = heta_i_allocate(count, sizeof *vocabulary->added);
  if (!vocabulary->added)
    return heta_i_no_memory(error, "the added tokens", count * sizeof(int32_t));
  vocabulary->added_count = count;
  for (size_t i = 0; i < count; i++) {
    vocabulary->added[i] = names[i].id;
    size_t slot = find_slot(vocabulary, names[i].bytes, names[i].size);
    if (vocabulary->slots[slot] < 0) vocabulary->slots[slot] = names[i].id;
  }
  return HETA_OK;
}

heta_status heta_i_vocabulary_read(const heta_i_file *file, heta_i_vocabulary *out,
                                   heta_error *error) {
  *out = (heta_i_vocabulary){.count = heta_i_file_array(file, TOKENS)};
  if (!out->count)
    return heta_i_fail(error, HETA_E_FORMAT, "the file names a tokenizer but has no %s", TOKENS);
  if (out->count > INT32_MAX / 4)
    return heta_i_fail(error, HETA_E_FORMAT, "%s has %zu entries, more than heta can number",
                       TOKENS, out->count);
  size_t slots = 1, total;
  while (slots < 2 * out->count) slots *= 2;
  out->slot_mask = slots - 1;
  out->tokens = heta_i_allocate(out->count, sizeof *out->tokens);
  out->slots = heta_i_allocate(slots, sizeof *out->slots);
  if (!out->tokens || !out->slots)
    return heta_i_no_memory(error, "the vocabulary", out->count * sizeof *out->tokens);
  for (size_t i = 0; i < slots; i++) out->slots[i] = -1;
  HETA_TRY(read_types(file, out, &total, error));
  out->storage = heta_i_allocate(total, 1);
  if (!out->storage) return heta_i_no_memory(error, "the vocabulary", total);
  HETA_TRY(read_trained(file, out, error));
  named *names = heta_i_allocate(out->count, sizeof *names);
  if (!names) return heta_i_no_memory(error, "the added tokens", out->count * sizeof *names);
  heta_status status = read_added(out, names, error);
  heta_i_free(names);
  return status;
}

void heta_i_vocabulary_free(heta_i_vocabulary *vocabulary) {
  heta_i_free(vocabulary->tokens);
  heta_i_free(vocabulary->storage);
  heta_i_free(vocabulary->slots);
  heta_i_free(vocabulary->added);
  *vocabulary = (heta_i_vocabulary){0};
}

/* The first of added[low … high) whose byte at `depth` is at least `byte`. All of them have equal
 * bytes before depth; a name that ends there comes first. */
static size_t lower(const heta_i_vocabulary *vocabulary, size_t low, size_t high, size_t depth,
                    unsigned byte) {
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const heta_i_vocabulary_token *token = &vocabulary->tokens[vocabulary->added[middle]];
    if (depth < token->size && (unsigned char)token->bytes[depth] >= byte)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

int32_t heta_i_vocabulary_match(const heta_i_vocabulary *vocabulary, const char *text, size_t size,
                                bool control) {
  int32_t best = -1;
  size_t low = 0, high = vocabulary->added_count;
  for (size_t depth = 0; depth < size && low < high; depth++) {
    unsigned byte = (unsigned char)text[depth];
    high = lower(vocabulary, low, high, depth, byte + 1);
    low = lower(vocabulary, low, high, depth, byte);
    if (low == high) break;
    int32_t id = vocabulary->added[low]; /* the shortest that is left */
    const heta_i_vocabulary_token *token = &vocabulary->tokens[id];
    if (token->size == depth + 1 && (control || token->type == HETA_VOCABULARY_USER)) best = id;
  }
  return best;
}
