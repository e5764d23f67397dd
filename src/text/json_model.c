/* json_model.c: vocabulary, merges and added tokens of tokenizer.json. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "format/json.h"
#include "format/quote.h"
#include "text/folder.h"

/* ---- Tokens ---------------------------------------------------------------------------------- */

static heta_status set_token(heta_i_definition *out, const char *where, const char *name,
                             size_t size, const json_t *id, heta_i_defined_token token,
                             heta_error *error) {
  char shown[HETA_QUOTE], other[HETA_QUOTE];
  heta_i_quote(shown, name, size);
  int64_t number;
  if (!heta_i_json_integer(id, &number))
    return heta_i_fail(error, HETA_E_FORMAT, "%s gives \"%s\" no whole number as its id", where,
                       shown);
  if (number < 0 || (uint64_t)number >= out->count)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s gives \"%s\" the id %" PRId64 ", but the ids are 0 to %zu", where, shown,
                       number, out->count - 1);
  heta_i_defined_token *slot = &out->tokens[number];
  if (slot->name && (slot->size != size || memcmp(slot->name, name, size)))
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s gives \"%s\" the id %" PRId64 ", which is that of \"%s\"", where, shown,
                       number, heta_i_quote(other, slot->name, slot->size));
  if (slot->name && slot->flags != token.flags && slot->type != HETA_VOCABULARY_NORMAL)
    return heta_i_fail(error, HETA_E_FORMAT, "%s has \"%s\" twice", where, shown);
  *slot = token;
  slot->name = name;
  slot->size = size;
  return HETA_OK;
}

static heta_status read_vocabulary(const json_t *vocabulary, heta_i_definition *out,
                                   heta_error *error) {
  const char *name;
  size_t size;
  json_t *id;
  json_object_keylen_foreach((json_t *)vocabulary, name, size, id) {
    bool byte = out->byte_tokens && size == 6 && !memcmp(name, "<0x", 3) && name[5] == '>';
    heta_i_defined_token token = {.type = byte ? HETA_VOCABULARY_BYTE : HETA_VOCABULARY_NORMAL};
    HETA_TRY(set_token(out, out->tokens_key, name, size, id, token, error));
  }
  return HETA_OK;
}

/* One of added_tokens. That of the unknown is named by the model. */
static heta_status read_added(const json_t *item, size_t index, const json_t *vocabulary,
                              const char *unknown, heta_i_definition *out, heta_error *error) {
  char where[48], shown[HETA_QUOTE];
  snprintf(where, sizeof where, "added_tokens[%zu]", index);
  if (!json_is_object(item)) return heta_i_fail(error, HETA_E_FORMAT, "%s is not an object", where);
  const json_t *content = json_object_get(item, "content"), *id = json_object_get(item, "id");
  bool special = false, word = false, left = false, right = false;
  HETA_TRY(heta_i_member_flag(item, where, "special", &special, error));
  bool rewritten = !special;
  HETA_TRY(heta_i_member_flag(item, where, "single_word", &word, error));
  HETA_TRY(heta_i_member_flag(item, where, "lstrip", &left, error));
  HETA_TRY(heta_i_member_flag(item, where, "rstrip", &right, error));
  HETA_TRY(heta_i_member_flag(item, where, "normalized", &rewritten, error));
  if (!json_is_string(content) || !json_string_length(content))
    return heta_i_fail(error, HETA_E_FORMAT, "%s.content is not a string with something in it",
                       where);
  const char *name = json_string_value(content);
  size_t size = json_string_length(content);
  if (word)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "%s, \"%s\", is found between word boundaries only (single_word), which "
                       "heta does not support",
                       where, heta_i_quote(shown, name, size));
  const json_t *trained = json_object_getn(vocabulary, name, size);
  if (trained && !json_equal(trained, id))
    return heta_i_fail(error, HETA_E_FORMAT, "%s, \"%s\", has another id in %s", where,
                       heta_i_quote(shown, name, size), out->tokens_key);
  heta_i_defined_token token = {
      .type = !special                            ? HETA_VOCABULARY_USER
              : unknown && !strcmp(unknown, name) ? HETA_VOCABULARY_UNKNOWN
                                                  : HETA_VOCABULARY_CONTROL,
      .flags = (trained ? 0u : HETA_ADDED_ONLY) | (left ? HETA_ADDED_STRIP_LEFT : 0u) |
               (right ? HETA_ADDED_STRIP_RIGHT : 0u) | (rewritten ? HETA_ADDED_REWRITTEN : 0u)};
  return set_token(out, where, name, size, id, token, error);
}

/* Ids that no token has get a name for people. */
static heta_status fill_holes(heta_i_definition *out, heta_error *error) {
  for (size_t i = 0; i < out->count; i++) {
    heta_i_defined_token *token = &out->tokens[i];
    if (token->name) continue;
    token->name = heta_i_arena_print(&out->lists, "[PAD%zu]", i);
    if (!token->name) return heta_i_no_memory(error, "the vocabulary", out->count);
    token->size = strlen(token->name);
    token->type = HETA_VOCABULARY_HOLE;
  }
  return HETA_OK;
}

/* ---- Merges ---------------------------------------------------------------------------------- */

/* "left right" or ["left", "right"]. The first is as in GGUF: without a space its second part is
 * empty, and it is refused when the merges are matched with the vocabulary. */
static heta_status read_merge(const json_t *item, size_t index, heta_i_defined_merge *out,
                              heta_error *error) {
  const json_t *left = json_array_get(item, 0), *right = json_array_get(item, 1);
  if (json_is_string(item)) {
    const char *text = json_string_value(item);
    size_t size = json_string_length(item);
    const char *space = memchr(text, ' ', size);
    size_t cut = space ? (size_t)(space - text) : size;
    *out = (heta_i_defined_merge){text, text + cut + !!space, cut, size - cut - !!space};
  } else if (json_array_size(item) == 2 && json_is_string(left) && json_is_string(right)) {
    *out = (heta_i_defined_merge){json_string_value(left), json_string_value(right),
                                  json_string_length(left), json_string_length(right)};
  } else {
    return heta_i_fail(error, HETA_E_FORMAT,
                       "model.merges[%zu] is neither \"left right\" nor [\"left\", \"right\"]",
                       index);
  }
  return HETA_OK;
}

static heta_status read_merges(const json_t *merges, heta_i_definition *out, heta_error *error) {
  size_t index;
  json_t *item;
  out->merge_count = json_array_size(merges);
  if (out->merge_count > INT32_MAX / 4)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "model.merges has %zu entries, more than heta can "
                       "number",
                       out->merge_count);
  out->merges = heta_i_arena_take(&out->lists, out->merge_count, sizeof *out->merges);
  if (!out->merges)
    return heta_i_no_memory(error, "the merges", out->merge_count * sizeof *out->merges);
  json_array_foreach(merges, index, item)
      HETA_TRY(read_merge(item, index, &out->merges[index], error));
  return HETA_OK;
}

/* ---- The model ------------------------------------------------------------------------------- */

static heta_status refuse(const char *key, const char *value, heta_error *error) {
  char shown[HETA_QUOTE];
  return heta_i_fail(error, HETA_E_UNSUPPORTED, "model.%s is \"%s\", which heta does not support",
                     key, heta_i_quote_string(shown, value));
}

/* What both kinds of model need to know of theirs. */
typedef struct vocabulary {
  const json_t *ids;   /* {name: id} */
  const char *unknown; /* the name of what stands for unknown characters, or NULL */
} vocabulary;

/* BPE; what changes the ids and heta does not do is refused. */
static heta_status read_bpe(const json_t *model, heta_i_definition *out, vocabulary *v,
                            heta_error *error) {
  const char *prefix = "", *suffix = "";
  HETA_TRY(heta_i_member_string(model, "model", "continuing_subword_prefix", &prefix, error));
  HETA_TRY(heta_i_member_string(model, "model", "end_of_word_suffix", &suffix, error));
  HETA_TRY(heta_i_member_string(model, "model", "unk_token", &v->unknown, error));
  HETA_TRY(heta_i_member_flag(model, "model", "fuse_unk", &out->fuse_unknown, error));
  HETA_TRY(heta_i_member_flag(model, "model", "ignore_merges", &out->whole_pieces, error));
  if (*prefix) return refuse("continuing_subword_prefix", prefix, error);
  if (*suffix) return refuse("end_of_word_suffix", suffix, error);
  const json_t *dropout = json_object_get(model, "dropout"), *merges = NULL;
  if (dropout && !json_is_null(dropout) && json_number_value(dropout) != 0)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "model.dropout is not 0: the model's tokenizer draws merges at random");
  HETA_TRY(heta_i_member_object(model, "model", "vocab", &v->ids, error));
  HETA_TRY(heta_i_member_array(model, "model", "merges", &merges, error));
  if (!v->ids || !merges)
    return heta_i_fail(error, HETA_E_FORMAT, "the file has no model.%s",
                       v->ids ? "merges" : "vocab");
  return read_merges(merges, out, error);
}

/* Unigram: ["name", score] in the order of ids, which are gathered by name. */
static heta_status read_unigram(const json_t *model, heta_i_definition *out, vocabulary *v,
                                heta_error *error) {
  const json_t *list = NULL, *unknown = json_object_get(model, "unk_id");
  size_t index;
  json_t *item;
  int64_t id;
  char shown[HETA_QUOTE];
  out->scheme = HETA_SCHEME_UNIGRAM;
  out->fuse_unknown = true;
  HETA_TRY(heta_i_member_array(model, "model", "vocab", &list, error));
  if (!list) return heta_i_fail(error, HETA_E_FORMAT, "the file has no model.vocab");
  if (out->byte_level)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "model.type is \"Unigram\" after pre_tokenizer ByteLevel, which heta does "
                       "not support");
  out->ids = json_object();
  if (!out->ids) return heta_i_no_memory(error, "the vocabulary", json_array_size(list));
  json_array_foreach(list, index, item) {
    const json_t *name = json_array_get(item, 0), *score = json_array_get(item, 1);
    if (json_array_size(item) != 2 || !json_is_string(name) || !json_is_number(score))
      return heta_i_fail(error, HETA_E_FORMAT, "model.vocab[%zu] is not [\"name\", score]", index);
    const char *bytes = json_string_value(name);
    size_t size = json_string_length(name);
    if (json_object_getn(out->ids, bytes, size))
      return heta_i_fail(error, HETA_E_FORMAT, "model.vocab has \"%s\" twice",
                         heta_i_quote(shown, bytes, size));
    if (json_object_setn_new_nocheck(out->ids, bytes, size, json_real((double)index)))
      return heta_i_no_memory(error, "the vocabulary", index);
  }
  v->ids = out->ids;
  if (!unknown || json_is_null(unknown)) return HETA_OK;
  if (!heta_i_json_integer(unknown, &id) || id < 0 || (uint64_t)id >= json_array_size(list))
    return heta_i_fail(error, HETA_E_FORMAT, "model.unk_id is no id of model.vocab");
  v->unknown = json_string_value(json_array_get(json_array_get(list, (size_t)id), 0));
  return HETA_OK;
}

static void read_scores(const json_t *model, heta_i_definition *out) {
  size_t index;
  json_t *item;
  json_array_foreach(json_object_get(model, "vocab"), index, item) out->tokens[index].score =
      json_number_value(json_array_get(item, 1));
}

/* Makes room for the ids: as many as the model has embeddings or, where that is not known, as there
 * are tokens. */
static heta_status make_room(size_t rows, const json_t *ids, const json_t *added,
                             heta_i_definition *out, heta_error *error) {
  size_t more = 0, index;
  json_t *item;
  json_array_foreach(added, index, item) {
    const json_t *content = json_object_get(item, "content");
    if (!json_is_string(content) ||
        !json_object_getn(ids, json_string_value(content), json_string_length(content)))
      more++;
  }
  out->count = rows ? rows : json_object_size(ids) + more;
  if (!out->count) return heta_i_fail(error, HETA_E_FORMAT, "model.vocab has no tokens");
  if (out->count > INT32_MAX / 4)
    return heta_i_fail(error, HETA_E_FORMAT, "the model has %zu ids, more than heta can number",
                       out->count);
  out->tokens = heta_i_arena_take(&out->lists, out->count, sizeof *out->tokens);
  if (!out->tokens)
    return heta_i_no_memory(error, "the vocabulary", out->count * sizeof *out->tokens);
  return HETA_OK;
}

heta_status heta_i_json_model(const json_t *top, size_t rows, heta_i_definition *out,
                              heta_error *error) {
  char shown[HETA_QUOTE];
  const json_t *model = NULL, *added = NULL;
  const char *type = "BPE";
  vocabulary v = {0};
  size_t index;
  json_t *item;
  HETA_TRY(heta_i_member_object(top, "", "model", &model, error));
  if (!model) return heta_i_fail(error, HETA_E_FORMAT, "the file has no model");
  HETA_TRY(heta_i_member_string(model, "model", "type", &type, error));
  HETA_TRY(heta_i_member_flag(model, "model", "byte_fallback", &out->byte_tokens, error));
  HETA_TRY(heta_i_member_array(top, "", "added_tokens", &added, error));
  bool unigram = !strcmp(type, "Unigram");
  if (!unigram && strcmp(type, "BPE")) return refuse("type", type, error);
  HETA_TRY(unigram ? read_unigram(model, out, &v, error) : read_bpe(model, out, &v, error));
  HETA_TRY(make_room(rows, v.ids, added, out, error));
  HETA_TRY(read_vocabulary(v.ids, out, error));
  json_array_foreach(added, index, item)
      HETA_TRY(read_added(item, index, v.ids, v.unknown, out, error));
  HETA_TRY(fill_holes(out, error));
  if (unigram) read_scores(model, out);
  if (!v.unknown) return HETA_OK;
  int64_t id;
  if (!heta_i_json_integer(json_object_get(v.ids, v.unknown), &id))
    return heta_i_fail(error, HETA_E_FORMAT, "model.unk_token, \"%s\", is not in model.vocab",
                       heta_i_quote_string(shown, v.unknown));
  out->unknown = (int32_t)id;
  return HETA_OK;
}
