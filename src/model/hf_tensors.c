/* hf_tensors.c: the tensors of a Hugging Face folder under GGUF's names, seen through views that
 * put their rows into GGUF's order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "format/quote.h"
#include "model/hf_translate.h"

enum { NAME_SIZE = 256 };

typedef struct translation {
  const heta_i_hf *hf;
  const char *prefix;         /* before the names of the body's tensors */
  const heta_i_tensor **used; /* of the folder's tensors; room for all */
  size_t used_count;
} translation;

static void spell(char out[NAME_SIZE], const char *prefix, const char *pattern, size_t layer,
                  const char *suffix) {
  const char *number = strchr(pattern, '#');
  if (number)
    snprintf(out, NAME_SIZE, "%s%.*s%zu%s%s", prefix, (int)(number - pattern), pattern, layer,
             number + 1, suffix);
  else
    snprintf(out, NAME_SIZE, "%s%s%s", prefix, pattern, suffix);
}

static heta_status missing(const heta_i_hf *hf, const char *name) {
  char shown[HETA_QUOTE];
  const char *path = heta_i_quote_string(shown, heta_i_file_path(hf->from));
  const char *unread = heta_i_file_unread(hf->from, name);
  if (unread)
    return heta_i_fail(hf->error, HETA_E_UNSUPPORTED,
                       "%s: heta cannot read tensor %s, which is %s; save the model as F32, F16 or "
                       "BF16",
                       path, name, unread);
  return heta_i_fail(hf->error, HETA_E_FORMAT,
                     "%s: tensor %s is missing, which a model of the type '%s' with %s %zu has; "
                     "config.json and weights are of different models, or the folder is incomplete",
                     path, name, hf->family->model_type, hf->family->keys.layers, hf->sizes.layers);
}

/* ---- Shapes ---------------------------------------------------------------------------------- */

static size_t length_of(const heta_i_hf_sizes *sizes, heta_i_hf_length length) {
  size_t query = sizes->heads * sizes->head_width, key = sizes->kv_heads * sizes->head_width;
  switch (length) {
  case HETA_HF_NONE: return 1;
  case HETA_HF_WIDTH: return sizes->width;
  case HETA_HF_QUERY: return query;
  case HETA_HF_KEY: return key;
  case HETA_HF_QKV: return query + 2 * key;
  case HETA_HF_HEAD: return sizes->head_width;
  case HETA_HF_FEED_FORWARD: return sizes->feed_forward;
  case HETA_HF_TWICE_FEED_FORWARD: return 2 * sizes->feed_forward;
  case HETA_HF_VOCABULARY: return sizes->vocabulary;
  case HETA_HF_POSITIONS: return sizes->positions;
  }
  return 0;
}

/* What in config.json a length comes from. */
static const char *source_of(const heta_i_hf_family *family, heta_i_hf_length length) {
  switch (length) {
  case HETA_HF_NONE: return "";
  case HETA_HF_WIDTH: return family->keys.width;
  case HETA_HF_QUERY:
  case HETA_HF_KEY:
  case HETA_HF_QKV:
  case HETA_HF_HEAD: return family->keys.heads;
  case HETA_HF_FEED_FORWARD:
  case HETA_HF_TWICE_FEED_FORWARD: return family->keys.feed_forward;
  case HETA_HF_VOCABULARY: return "vocab_size";
  case HETA_HF_POSITIONS: return family->keys.context;
  }
  return "";
}

/* The tensor as the folder has it must be [rows × columns]; columns 0: a vector. */
static heta_status check_shape(const heta_i_hf *hf, const heta_i_hf_tensor *entry,
                               const heta_i_tensor *tensor, size_t rows, size_t columns) {
  char shown[HETA_QUOTE], want[64], has[64];
  if (columns ? tensor->dims == 2 && tensor->shape[0] == columns && tensor->shape[1] == rows
              : tensor->dims == 1 && tensor->shape[0] == rows)
    return HETA_OK;
  snprintf(want, sizeof want, columns ? "%zu × %zu" : "%zu", rows, columns);
  snprintf(has, sizeof has, tensor->dims == 1 ? "%zu" : "%zu × %zu%s",
           tensor->dims == 1 ? tensor->shape[0] : tensor->shape[1], tensor->shape[0],
           tensor->dims > 2 ? " × …" : "");
  const char *second = columns ? source_of(hf->family, entry->columns) : "";
  return heta_i_fail_at(hf->error, HETA_E_FORMAT, tensor->offset,
                        "%s: by %s%s%s tensor %s should be %s, but it is %s; config.json and "
                        "weights are of different "
                        "models: fetch the folder again",
                        hf->config.path, source_of(hf->family, entry->rows), *second ? " and " : "",
                        second, heta_i_quote_string(shown, tensor->name), want, has);
}

/* ---- One tensor ------------------------------------------------------------------------------ */

/* The view that the entry's layout asks for; false: none. `vector`: the entry's bias. */
static bool view_of(const heta_i_hf *hf, const heta_i_hf_tensor *entry, bool vector,
                    heta_i_view *view) {
  size_t head = hf->sizes.head_width;
  *view = (heta_i_view){0};
  switch (entry->layout) {
  case HETA_HF_PLAIN: return false;
  case HETA_HF_PAIRED_QUERY:
  case HETA_HF_PAIRED_KEY:
    *view = (heta_i_view){.group = head, .stride = head, .woven = true};
    return true;
  case HETA_HF_TRANSPOSED: view->transposed = true; return !vector;
  case HETA_HF_HEADS_QUERY:
  case HETA_HF_HEADS_KEY:
  case HETA_HF_HEADS_VALUE:
    *view = (heta_i_view){.group = head,
                          .stride = 3 * head,
                          .start = (size_t)(entry->layout - HETA_HF_HEADS_QUERY) * head};
    return true;
  case HETA_HF_LESS_ONE: view->plus = 1; return true;
  }
  return false;
}

/* Adds what the folder calls `name`: the entry's weight, or its bias (vector). */
static heta_status add(translation *t, const heta_i_hf_tensor *entry, const char *name,
                       const char *to, bool vector) {
  const heta_i_hf *hf = t->hf;
  const heta_i_tensor *tensor = heta_i_file_tensor(hf->from, name);
  if (!tensor) return missing(hf, name);
  size_t rows = length_of(&hf->sizes, entry->rows), stored = rows;
  size_t columns = vector || !entry->columns ? 0 : length_of(&hf->sizes, entry->columns);
  bool parted = entry->layout >= HETA_HF_HEADS_QUERY && entry->layout <= HETA_HF_HEADS_VALUE;
  if (parted) stored *= 3;
  bool transposed = entry->layout == HETA_HF_TRANSPOSED && !vector;
  HETA_TRY(
      check_shape(hf, entry, tensor, transposed ? columns : stored, transposed ? rows : columns));
  heta_i_view view;
  heta_i_tensor seen = *tensor;
  bool viewed = view_of(hf, entry, vector, &view);
  seen.shape[0] = columns ? columns : rows;
  seen.shape[1] = columns ? rows : 1;
  if (!parted || entry->layout == HETA_HF_HEADS_QUERY) t->used[t->used_count++] = tensor;
  return heta_i_made_tensor(hf->to, to, &seen, viewed ? &view : NULL, hf->error);
}

static bool has_bias(const heta_i_hf *hf, const heta_i_hf_tensor *entry) {
  switch (entry->bias) {
  case HETA_HF_NO_BIAS: return false;
  case HETA_HF_BIAS: return true;
  case HETA_HF_ATTENTION_BIAS: return hf->sizes.attention_bias;
  case HETA_HF_MLP_BIAS: return hf->sizes.mlp_bias;
  }
  return false;
}

static heta_status add_entry(translation *t, const heta_i_hf_tensor *entry, const char *prefix,
                             const char *from, size_t layer) {
  char name[NAME_SIZE], to[NAME_SIZE];
  spell(name, prefix, from, layer, ".weight");
  spell(to, "", entry->to, layer, ".weight");
  HETA_TRY(add(t, entry, name, to, false));
  if (!has_bias(t->hf, entry)) return HETA_OK;
  spell(name, prefix, from, layer, ".bias");
  spell(to, "", entry->to, layer, ".bias");
  return add(t, entry, name, to, true);
}

/* ---- The ends -------------------------------------------------------------------------------- */

/* Finds the prefix under which the token embedding stands. */
static heta_status find_prefix(translation *t) {
  char name[NAME_SIZE];
  const heta_i_hf_family *family = t->hf->family;
  for (size_t i = 0; family->prefixes[i]; i++) {
    t->prefix = family->prefixes[i];
    spell(name, t->prefix, family->tensors[0].from, 0, ".weight");
    if (heta_i_file_tensor(t->hf->from, name)) return HETA_OK;
  }
  spell(name, family->prefixes[0], family->tensors[0].from, 0, ".weight");
  return missing(t->hf, name);
}

/* A tied head that is stored all the same must be the embedding. */
static heta_status check_tied(translation *t, const heta_i_tensor *head) {
  const heta_i_tensor *embedding = t->used[0];
  t->used[t->used_count++] = head;
  if (head->type == embedding->type && head->bytes == embedding->bytes &&
      !memcmp(head->data, embedding->data, head->bytes))
    return HETA_OK;
  return heta_i_fail_at(t->hf->error, HETA_E_FORMAT, head->offset,
                        "%s: tie_word_embeddings is true, but tensor %s is not %s; set it to false "
                        "if the two should differ",
                        t->hf->config.path, head->name, embedding->name);
}

/* The output head stands beside the body. */
static heta_status add_head(translation *t) {
  char name[NAME_SIZE];
  const heta_i_hf *hf = t->hf;
  const heta_i_hf_tensor *entry = &hf->family->tensors[1];
  const char *const names[] = {entry->from, hf->family->other_head, entry->from};
  const char *const prefixes[] = {"", "", "language_model."};
  size_t found = 0;
  const heta_i_tensor *head = NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names && !head; i++) {
    if (!names[i]) continue;
    spell(name, prefixes[i], names[i], 0, ".weight");
    head = heta_i_file_tensor(hf->from, name);
    if (head) found = i;
  }
  if (!hf->sizes.tied) return add_entry(t, entry, prefixes[found], names[found], 0);
  if (entry->bias != HETA_HF_NO_BIAS)
    return heta_i_hf_refuse(&hf->config, "tie_word_embeddings",
                            heta_i_hf_get(hf->config.text, "tie_word_embeddings"),
                            "heta computes models of this family with a head of its own only");
  return head ? check_tied(t, head) : HETA_OK;
}

/* ---- Leftovers ------------------------------------------------------------------------------- */

static int compare_pointers(const void *a, const void *b) {
  uintptr_t x = (uintptr_t) * (const void *const *)a, y = (uintptr_t) * (const void *const *)b;
  return x < y ? -1 : x > y;
}

static bool is_ignored(const heta_i_hf_family *family, const char *name) {
  size_t size = strlen(name);
  for (const char *const *end = family->ignored_endings; *end; end++) {
    size_t length = strlen(*end);
    if (size >= length && !strcmp(name + size - length, *end)) return true;
  }
  for (const char *const *start = family->ignored_beginnings; *start; start++)
    if (!strncmp(name, *start, strlen(*start))) return true;
  return false;
}

static heta_status leftover(const heta_i_hf *hf, const char *name, uint64_t offset) {
  char path[HETA_QUOTE], shown[HETA_QUOTE];
  return heta_i_fail_at(hf->error, HETA_E_UNSUPPORTED, offset,
                        "%s: tensor %s has no place in a model of the type '%s' with %s %zu; "
                        "computing without it would be another model",
                        heta_i_quote_string(path, heta_i_file_path(hf->from)),
                        heta_i_quote_string(shown, name), hf->family->model_type,
                        hf->family->keys.layers, hf->sizes.layers);
}

static heta_status check_leftovers(translation *t) {
  const heta_i_hf *hf = t->hf;
  const char *unread;
  qsort(t->used, t->used_count, sizeof *t->used, compare_pointers);
  for (size_t i = 0; i < heta_i_file_tensor_count(hf->from); i++) {
    const heta_i_tensor *tensor = heta_i_file_tensor_at(hf->from, i);
    if (!is_ignored(hf->family, tensor->name) &&
        !bsearch(&tensor, t->used, t->used_count, sizeof *t->used, compare_pointers))
      return leftover(hf, tensor->name, tensor->offset);
  }
  for (size_t i = 0; (unread = heta_i_file_unread_at(hf->from, i)); i++)
    if (!is_ignored(hf->family, unread)) return leftover(hf, unread, HETA_NO_OFFSET);
  return HETA_OK;
}

/* ---- All of them ----------------------------------------------------------------------------- */

static heta_status add_all(translation *t) {
  const heta_i_hf_tensor *entries = t->hf->family->tensors;
  HETA_TRY(find_prefix(t));
  HETA_TRY(add_entry(t, &entries[0], t->prefix, entries[0].from, 0));
  HETA_TRY(add_head(t));
  for (size_t i = 2; entries[i].from; i++)
    if (!strchr(entries[i].from, '#'))
      HETA_TRY(add_entry(t, &entries[i], t->prefix, entries[i].from, 0));
  for (size_t layer = 0; layer < t->hf->sizes.layers; layer++)
    for (size_t i = 2; entries[i].from; i++)
      if (strchr(entries[i].from, '#'))
        HETA_TRY(add_entry(t, &entries[i], t->prefix, entries[i].from, layer));
  return check_leftovers(t);
}

heta_status heta_i_hf_tensors(const heta_i_hf *hf) {
  translation t = {.hf = hf};
  size_t count = heta_i_file_tensor_count(hf->from);
  t.used = heta_i_allocate(count, sizeof *t.used);
  if (!t.used) return heta_i_no_memory(hf->error, "the tensor table", count * sizeof *t.used);
  heta_status status = add_all(&t);
  heta_i_free(t.used);
  return status;
}
