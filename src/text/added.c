/* added.c: names are sorted, and searched one byte deeper at a time. */
#include "text/added.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/utf8.h"
#include "format/quote.h"

static int by_name(const void *a, const void *b) {
  const heta_i_added_name *x = a, *y = b;
  int order = memcmp(x->bytes, y->bytes, x->size < y->size ? x->size : y->size);
  return order ? order : x->size < y->size ? -1 : x->size > y->size;
}

/* Names as they are when the text was rewritten, one after another in storage. */
static heta_status rewrite_names(const heta_i_definition *definition, heta_i_added *added,
                                 heta_error *error) {
  heta_i_buffer all = {.limit = SIZE_MAX / 2};
  heta_status status = HETA_OK;
  for (size_t i = 0; i < added->count; i++) {
    heta_i_rewritten name = {added->names[i].bytes, added->names[i].size, NULL, NULL};
    status = heta_i_rewrite_all(definition->early, definition->early_count, HETA_BEFORE_NOTHING,
                                &name, error);
    heta_i_buffer_append(&all, name.text, name.size);
    added->names[i].size = name.size;
    heta_i_rewritten_free(&name);
    if (status) break;
  }
  if (!status && all.failed) status = heta_i_no_memory(error, "the added tokens", all.size);
  added->storage = all.bytes;
  for (size_t i = 0, at = 0; i < added->count && !status; i++) {
    added->names[i].bytes = all.bytes + at;
    at += added->names[i].size;
  }
  return status;
}

heta_status heta_i_added_read(const heta_i_definition *definition,
                              const heta_i_vocabulary *vocabulary, bool rewritten,
                              heta_i_added *out, heta_error *error) {
  char shown[HETA_QUOTE];
  *out = (heta_i_added){0};
  out->names = heta_i_allocate(vocabulary->count, sizeof *out->names);
  if (!out->names)
    return heta_i_no_memory(error, "the added tokens", vocabulary->count * sizeof *out->names);
  for (size_t i = 0; i < vocabulary->count; i++) {
    const heta_i_vocabulary_token *token = &vocabulary->tokens[i];
    unsigned flags = definition->tokens[i].flags;
    if (heta_i_vocabulary_is_added(vocabulary, (int32_t)i) && token->size &&
        heta_i_utf8_valid(token->bytes, token->size) == token->size &&
        !(flags & HETA_ADDED_REWRITTEN) == !rewritten)
      out->names[out->count++] = (heta_i_added_name){token->bytes, token->size, (int32_t)i,
                                                     token->type == HETA_VOCABULARY_USER, flags};
  }
  if (rewritten) HETA_TRY(rewrite_names(definition, out, error));
  qsort(out->names, out->count, sizeof *out->names, by_name);
  for (size_t i = 1; i < out->count; i++)
    if (!by_name(&out->names[i - 1], &out->names[i]))
      return heta_i_fail(error, HETA_E_FORMAT,
                         "%s[%" PRId32 "] and [%" PRId32 "] are both the added token \"%s\"",
                         definition->tokens_key, out->names[i - 1].id, out->names[i].id,
                         heta_i_quote(shown, out->names[i].bytes, out->names[i].size));
  return HETA_OK;
}

void heta_i_added_free(heta_i_added *added) {
  heta_i_free(added->names);
  heta_i_free(added->storage);
  *added = (heta_i_added){0};
}

/* The first of names[low … high) whose byte at `depth` is at least `byte`. All of them have equal
 * bytes before depth; a name that ends there comes first. */
static size_t lower(const heta_i_added *added, size_t low, size_t high, size_t depth,
                    unsigned byte) {
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const heta_i_added_name *name = &added->names[middle];
    if (depth < name->size && (unsigned char)name->bytes[depth] >= byte)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

size_t heta_i_control_room(const heta_i_control *control, size_t at) {
  if (control->everywhere) return SIZE_MAX;
  size_t low = 0, high = control->count; /* the first stretch that ends after `at` */
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (control->stretches[middle].end <= at)
      low = middle + 1;
    else
      high = middle;
  }
  bool inside = low < control->count && control->stretches[low].start <= at;
  return inside ? control->stretches[low].end - at : 0;
}

/* The longest name that text starts with, or NULL. Control tokens are read in its first `room`
 * bytes. */
static const heta_i_added_name *match(const heta_i_added *added, const char *text, size_t size,
                                      size_t room) {
  const heta_i_added_name *best = NULL;
  size_t low = 0, high = added->count;
  for (size_t depth = 0; depth < size && low < high; depth++) {
    unsigned byte = (unsigned char)text[depth];
    high = lower(added, low, high, depth, byte + 1);
    low = lower(added, low, high, depth, byte);
    if (low == high) break;
    const heta_i_added_name *name = &added->names[low]; /* the shortest that is left */
    if (name->size == depth + 1 && (name->size <= room || name->user)) best = name;
  }
  return best;
}

static size_t strip_left(const char *text, size_t from, size_t start) {
  for (size_t at = start; at > from;) {
    uint32_t code = 'x';
    at--;
    while (at > from && ((unsigned char)text[at] & 0xc0) == 0x80) at--;
    heta_i_utf8_decode(text + at, start - at, &code);
    if (!heta_i_utf8_is_space(code)) break;
    start = at;
  }
  return start;
}

static size_t strip_right(const char *text, size_t size, size_t end) {
  while (end < size) {
    uint32_t code;
    size_t length = heta_i_utf8_decode(text + end, size - end, &code);
    if (!length || !heta_i_utf8_is_space(code)) break;
    end += length;
  }
  return end;
}

bool heta_i_added_next(const heta_i_added *added, const heta_i_haystack *hay, size_t from,
                       const heta_i_control *control, heta_i_added_match *out) {
  if (!added->count) return false;
  for (size_t at = from; at < hay->size; at++) {
    size_t place = hay->base + (hay->origin ? hay->origin[at] : at);
    size_t room = heta_i_control_room(control, place);
    const heta_i_added_name *name = match(added, hay->text + at, hay->size - at, room);
    if (!name) continue;
    *out = (heta_i_added_match){name->id, at, at + name->size};
    if (name->flags & HETA_ADDED_STRIP_LEFT) out->start = strip_left(hay->text, from, at);
    if (name->flags & HETA_ADDED_STRIP_RIGHT)
      out->end = strip_right(hay->text, hay->size, out->end);
    return true;
  }
  return false;
}
