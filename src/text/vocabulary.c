/* vocabulary.c: reading, checking and indexing the tokens. */
#include "text/vocabulary.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "format/quote.h"
#include "base/alphabet.h"

static const char SPACE[] = "\xe2\x96\x81"; /* U+2581, which stands for a space in names */

static bool is_added(heta_i_token_type type) {
  return type == HETA_VOCABULARY_UNKNOWN || type == HETA_VOCABULARY_CONTROL ||
         type == HETA_VOCABULARY_USER;
}

bool heta_i_vocabulary_is_added(const heta_i_vocabulary *vocabulary, int32_t id) {
  return id >= 0 && (size_t)id < vocabulary->count && is_added(vocabulary->tokens[id].type);
}

/* FNV-1a, so that 0 can stand for the hash of nothing. */
static uint64_t hash_more(uint64_t hash, const char *bytes, size_t size) {
  const uint64_t basis = UINT64_C(0xcbf29ce484222325);
  hash ^= basis;
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
  return hash ^ basis;
}

/* The slot where the name is, or where it would go. */
static size_t find_slot(const heta_i_vocabulary *vocabulary, const char *name, size_t size,
                        uint64_t hash) {
  size_t slot = (size_t)(hash ^ hash >> 32) & vocabulary->slot_mask;
  for (;; slot = (slot + 1) & vocabulary->slot_mask) {
    if (vocabulary->slots[slot] < 0) return slot;
    const heta_i_vocabulary_token *token = &vocabulary->tokens[vocabulary->slots[slot]];
    if (token->name_size == size && !memcmp(token->name, name, size)) return slot;
  }
}

int32_t heta_i_vocabulary_find_longer(const heta_i_vocabulary *vocabulary, const char *name,
                                      size_t known, size_t size, uint64_t *hash) {
  *hash = hash_more(*hash, name + known, size - known);
  return vocabulary->slots[find_slot(vocabulary, name, size, *hash)];
}

int32_t heta_i_vocabulary_find(const heta_i_vocabulary *vocabulary, const char *name, size_t size) {
  uint64_t hash = 0;
  return heta_i_vocabulary_find_longer(vocabulary, name, 0, size, &hash);
}

/* The byte that a name such as <0x0A> stands for, or -1. */
static int byte_of(const char *name, size_t size) {
  static const char digits[] = "0123456789ABCDEF0123456789abcdef";
  if (size != 6 || memcmp(name, "<0x", 3) || name[5] != '>') return -1;
  const char *high = memchr(digits, name[3], 32), *low = memchr(digits, name[4], 32);
  return high && low ? (int)((high - digits) % 16 * 16 + (low - digits) % 16) : -1;
}

/* Writes the text with spaces for every U+2581; returns its size. */
static size_t write_spaces(const char *name, size_t size, char *out) {
  size_t written = 0;
  for (size_t at = 0; at < size;) {
    bool space = size - at >= 3 && !memcmp(name + at, SPACE, 3);
    out[written++] = space ? ' ' : name[at];
    at += space ? 3 : 1;
  }
  return written;
}

/* Whether tokens of the type are found by their names. */
static bool finds(const heta_i_definition *definition, heta_i_token_type type) {
  if (type == HETA_VOCABULARY_HOLE) return false;
  return definition->scheme != HETA_SCHEME_SCORES ||
         (type != HETA_VOCABULARY_CONTROL && type != HETA_VOCABULARY_UNKNOWN &&
          type != HETA_VOCABULARY_BYTE);
}

/* Fills in a token from its definition, with bytes and name at *next. */
static void read_token(const heta_i_definition *definition, size_t id,
                       heta_i_vocabulary_token *token, char **next) {
  const heta_i_defined_token *defined = &definition->tokens[id];
  bool plain = is_added(defined->type) || defined->type == HETA_VOCABULARY_HOLE;
  token->type = defined->type;
  token->found = finds(definition, defined->type) && !(defined->flags & HETA_ADDED_ONLY);
  token->bytes = token->name = *next;
  if (plain || !definition->byte_level ||
      !heta_i_alphabet_decode(defined->name, defined->size, *next, &token->size)) {
    if (defined->size) memcpy(*next, defined->name, defined->size);
    token->size = defined->size;
    if (!plain && definition->byte_level) token->found = false;
  }
  token->name_size = token->size;
  (*next)[token->size] = 0;
  *next += token->size + 1;
  if (plain || definition->byte_level) return;
  int byte = defined->type == HETA_VOCABULARY_BYTE ? byte_of(defined->name, defined->size) : -1;
  token->bytes = *next;
  if (byte >= 0) (*next)[0] = (char)(unsigned char)byte;
  token->size = byte >= 0 ? 1 : write_spaces(defined->name, defined->size, *next);
  (*next)[token->size] = 0;
  *next += token->size + 1;
}

/* Enters a token in the hash table. Two trained ones may not have the same name; an added one
 * stands back. A word of the trained vocabulary that was later declared an added token is still
 * what merges make, so added ones are entered too. */
static heta_status enter(const heta_i_definition *definition, heta_i_vocabulary *vocabulary,
                         size_t id, heta_error *error) {
  char shown[HETA_QUOTE];
  const heta_i_vocabulary_token *token = &vocabulary->tokens[id];
  size_t slot = find_slot(vocabulary, token->name, token->name_size,
                          hash_more(0, token->name, token->name_size));
  if (vocabulary->slots[slot] < 0)
    vocabulary->slots[slot] = (int32_t)id;
  else if (!is_added(token->type))
    return heta_i_fail(
        error, HETA_E_FORMAT, "%s[%" PRId32 "] and [%zu] are both \"%s\"", definition->tokens_key,
        vocabulary->slots[slot], id,
        heta_i_quote(shown, definition->tokens[id].name, definition->tokens[id].size));
  return HETA_OK;
}

static heta_status enter_all(const heta_i_definition *definition, heta_i_vocabulary *vocabulary,
                             heta_error *error) {
  for (int added = 0; added < 2; added++)
    for (size_t i = 0; i < vocabulary->count; i++) {
      const heta_i_vocabulary_token *token = &vocabulary->tokens[i];
      if (token->found && is_added(token->type) == added)
        HETA_TRY(enter(definition, vocabulary, i, error));
    }
  return HETA_OK;
}

static void find_bytes(const heta_i_definition *definition, heta_i_vocabulary *vocabulary) {
  for (int byte = 0; byte < 256; byte++) {
    char letter = (char)(unsigned char)byte;
    vocabulary->byte_ids[byte] =
        definition->byte_level ? heta_i_vocabulary_find(vocabulary, &letter, 1) : -1;
  }
  for (size_t i = 0; i < vocabulary->count && !definition->byte_level; i++)
    if (definition->tokens[i].type == HETA_VOCABULARY_BYTE) {
      int byte = byte_of(definition->tokens[i].name, definition->tokens[i].size);
      if (byte >= 0) vocabulary->byte_ids[byte] = (int32_t)i;
    }
}

heta_status heta_i_vocabulary_read(const heta_i_definition *definition, heta_i_vocabulary *out,
                                   heta_error *error) {
  *out = (heta_i_vocabulary){.count = definition->count};
  size_t slots = 1, total = 0;
  while (slots < 2 * out->count) slots *= 2;
  for (size_t i = 0; i < out->count; i++) /* twice: bytes and name, each with a NUL */
    if (definition->tokens[i].size > SIZE_MAX / 4 ||
        !heta_i_add(total, 2 * definition->tokens[i].size + 4, &total))
      return heta_i_fail(error, HETA_E_FORMAT, "%s is larger than the address space",
                         definition->tokens_key);
  out->slot_mask = slots - 1;
  out->tokens = heta_i_allocate(out->count, sizeof *out->tokens);
  out->slots = heta_i_allocate(slots, sizeof *out->slots);
  out->storage = heta_i_allocate(total, 1);
  if (!out->tokens || !out->slots || !out->storage)
    return heta_i_no_memory(error, "the vocabulary", total);
  for (size_t i = 0; i < slots; i++) out->slots[i] = -1;
  char *next = out->storage;
  for (size_t i = 0; i < out->count; i++) {
    read_token(definition, i, &out->tokens[i], &next);
    if (out->tokens[i].name_size > out->longest) out->longest = out->tokens[i].name_size;
  }
  HETA_TRY(enter_all(definition, out, error));
  find_bytes(definition, out);
  return HETA_OK;
}

void heta_i_vocabulary_free(heta_i_vocabulary *vocabulary) {
  heta_i_free(vocabulary->tokens);
  heta_i_free(vocabulary->storage);
  heta_i_free(vocabulary->slots);
  *vocabulary = (heta_i_vocabulary){0};
}
