/* definition.c: what all definitions have in common. */
#include "text/definition.h"

#include <string.h>

#include "base/sha256.h"

void heta_i_definition_drop_lists(heta_i_definition *definition) {
  heta_i_arena_free(&definition->lists);
  json_decref(definition->json);
  json_decref(definition->ids);
  definition->json = definition->ids = NULL;
  definition->tokens = NULL;
  definition->merges = NULL;
}

void heta_i_definition_free(heta_i_definition *definition) {
  heta_i_definition_drop_lists(definition);
  heta_i_arena_free(&definition->arena);
  *definition = (heta_i_definition){0};
}

static void add_integer(heta_i_sha256 *hash, int64_t value) {
  unsigned char bytes[8];
  for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)value >> 8 * i);
  heta_i_sha256_add(hash, bytes, sizeof bytes);
}

/* Every string goes with its size before it, so that no two lists hash the same bytes. */
static void add_string(heta_i_sha256 *hash, const char *bytes, size_t size) {
  add_integer(hash, (int64_t)size);
  if (size) heta_i_sha256_add(hash, bytes, size);
}

static void add_rewrites(heta_i_sha256 *hash, const heta_i_rewrite *rewrites, size_t count) {
  add_integer(hash, (int64_t)count);
  for (size_t i = 0; i < count; i++) {
    add_integer(hash, rewrites[i].kind * 4 + rewrites[i].unless_there * 2 + rewrites[i].only_first);
    add_string(hash, rewrites[i].from, rewrites[i].from_size);
    add_string(hash, rewrites[i].to, rewrites[i].to_size);
  }
}

/* Whether the name of the pre-tokeniser says everything that goes with it, as it does in a file of
 * byte-level BPE. */
static bool is_named(const heta_i_definition *d) {
  bool compose = d->early_count == 1 && d->early[0].kind == HETA_REWRITE_COMPOSE;
  if (!d->byte_level || d->byte_tokens || d->fuse_unknown || d->late_count ||
      d->early_count > compose)
    return false;
  for (size_t i = 0; i < d->count; i++)
    if (d->tokens[i].flags & ~(unsigned)HETA_ADDED_ONLY) return false;
  return heta_i_pre_recognise(d->cuts, d->cut_count, d->whole_pieces, compose) != NULL;
}

static void add_rest(heta_i_sha256 *hash, const heta_i_definition *d) {
  add_integer(hash, d->scheme);
  add_integer(hash, d->byte_level + 2 * d->whole_pieces + 4 * d->byte_tokens + 8 * d->fuse_unknown);
  add_integer(hash, d->unknown);
  add_rewrites(hash, d->early, d->early_count);
  add_rewrites(hash, d->late, d->late_count);
  for (size_t i = 0; i < d->cut_count; i++) {
    add_integer(hash, d->cuts[i].kind * 2 + d->cuts[i].literal);
    add_string(hash, d->cuts[i].pattern, strlen(d->cuts[i].pattern));
  }
  for (size_t i = 0; i < d->count; i++) {
    float score = (float)d->tokens[i].score;
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    add_integer(hash, bits);
    add_integer(hash, d->tokens[i].flags);
  }
}

void heta_i_definition_fingerprint(const heta_i_definition *d, char out[65]) {
  heta_i_sha256 hash;
  heta_i_sha256_start(&hash);
  add_string(&hash, d->model, strlen(d->model));
  add_string(&hash, d->pre, strlen(d->pre));
  add_integer(&hash, (int64_t)d->count);
  for (size_t i = 0; i < d->count; i++) add_string(&hash, d->tokens[i].name, d->tokens[i].size);
  for (size_t i = 0; i < d->count; i++) add_integer(&hash, d->tokens[i].type);
  add_integer(&hash, (int64_t)d->merge_count);
  for (size_t i = 0; i < d->merge_count; i++) { /* as GGUF writes it: "left right" */
    const heta_i_defined_merge *merge = &d->merges[i];
    add_integer(&hash, (int64_t)(merge->left_size + 1 + merge->right_size));
    heta_i_sha256_add(&hash, merge->left, merge->left_size);
    heta_i_sha256_add(&hash, " ", 1);
    heta_i_sha256_add(&hash, merge->right, merge->right_size);
  }
  add_integer(&hash, d->bos);
  add_integer(&hash, d->eos);
  add_integer(&hash, d->unk);
  add_integer(&hash, d->pad);
  add_integer(&hash, d->add_bos);
  if (!is_named(d)) add_rest(&hash, d);
  heta_i_sha256_hex(&hash, out);
}
