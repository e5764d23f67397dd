/* rewrite.c: each rewrite makes a new text from the one before and joins the ways back. */
#include "text/rewrite.h"

#include <string.h>

#include "base/memory.h"
#include "text/compose.h"

void heta_i_rewritten_free(heta_i_rewritten *text) {
  heta_i_free(text->bytes);
  heta_i_free(text->origin);
  *text = (heta_i_rewritten){0};
}

/* Puts bytes and origin (into the present text), which it takes over, in the place of the text. */
static void take(heta_i_rewritten *text, char *bytes, size_t size, size_t *origin) {
  if (text->origin)
    for (size_t i = 0; i <= size; i++) origin[i] = text->origin[origin[i]];
  heta_i_free(text->bytes);
  heta_i_free(text->origin);
  *text = (heta_i_rewritten){bytes, size, bytes, origin};
}

static heta_status compose(heta_i_rewritten *text, heta_error *error) {
  heta_i_composed composed;
  heta_status status = heta_i_compose(text->text, text->size, &composed, error);
  if (status)
    heta_i_composed_free(&composed);
  else if (composed.bytes)
    take(text, composed.bytes, composed.size, composed.origin);
  return status;
}

static bool starts_with(const char *text, size_t size, const char *what, size_t what_size) {
  return size >= what_size && !memcmp(text, what, what_size);
}

/* Room for a text of size bytes and its way back. */
static heta_status make_room(size_t size, char **bytes, size_t **origin, heta_error *error) {
  *bytes = heta_i_allocate(size, 1);
  *origin = size < SIZE_MAX ? heta_i_allocate(size + 1, sizeof **origin) : NULL;
  if (*bytes && *origin) return HETA_OK;
  heta_i_free(*bytes);
  heta_i_free(*origin);
  return heta_i_no_memory(error, "rewriting the text", size);
}

static heta_status prepend(const heta_i_rewrite *rewrite, heta_i_rewritten *text,
                           heta_error *error) {
  char *bytes;
  size_t *origin, size;
  if (!heta_i_add(text->size, rewrite->to_size, &size))
    return heta_i_no_memory(error, "rewriting the text", text->size);
  HETA_TRY(make_room(size, &bytes, &origin, error));
  memcpy(bytes, rewrite->to, rewrite->to_size);
  memcpy(bytes + rewrite->to_size, text->text, text->size);
  for (size_t i = 0; i <= text->size; i++) origin[rewrite->to_size + i] = i;
  take(text, bytes, size, origin);
  return HETA_OK;
}

static heta_status replace(const heta_i_rewrite *rewrite, heta_i_rewritten *text,
                           heta_error *error) {
  const char *from = rewrite->from;
  size_t length = rewrite->from_size, found = 0, size, extra;
  for (size_t at = 0; at < text->size;) {
    bool here = starts_with(text->text + at, text->size - at, from, length);
    found += here;
    at += here ? length : 1;
  }
  if (!found) return HETA_OK;
  char *bytes;
  size_t *origin, written = 0;
  if (!heta_i_multiply(found, rewrite->to_size, &extra) ||
      !heta_i_add(text->size - found * length, extra, &size))
    return heta_i_no_memory(error, "rewriting the text", text->size);
  HETA_TRY(make_room(size, &bytes, &origin, error));
  for (size_t at = 0; at < text->size;) {
    bool here = starts_with(text->text + at, text->size - at, from, length);
    if (!here) {
      origin[written] = at;
      bytes[written++] = text->text[at++];
      continue;
    }
    for (size_t i = 0; i < rewrite->to_size; i++) {
      origin[written] = at + (i < length ? i : length);
      bytes[written++] = rewrite->to[i];
    }
    at += length;
  }
  origin[size] = text->size;
  take(text, bytes, size, origin);
  return HETA_OK;
}

heta_status heta_i_rewrite_all(const heta_i_rewrite *rewrites, size_t count, heta_i_before before,
                               heta_i_rewritten *text, heta_error *error) {
  for (size_t i = 0; i < count; i++) {
    const heta_i_rewrite *rewrite = &rewrites[i];
    if (rewrite->kind == HETA_REWRITE_COMPOSE) HETA_TRY(compose(text, error));
    if (rewrite->kind == HETA_REWRITE_REPLACE) HETA_TRY(replace(rewrite, text, error));
    if (rewrite->kind != HETA_REWRITE_PREPEND || !text->size) continue;
    if (before == HETA_BEFORE_TEXT || (before && rewrite->only_first)) continue;
    if (rewrite->unless_there && starts_with(text->text, text->size, rewrite->to, rewrite->to_size))
      continue;
    HETA_TRY(prepend(rewrite, text, error));
  }
  return HETA_OK;
}
