/* rewrite.h: what a tokenizer changes in a text before it looks for tokens, with the way back to
 * the text's own offsets. */
#ifndef HETA_TEXT_REWRITE_H
#define HETA_TEXT_REWRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef enum heta_i_rewrite_kind {
  HETA_REWRITE_COMPOSE, /* Unicode normalisation form C */
  HETA_REWRITE_PREPEND, /* `to` goes before the text, unless that is empty */
  HETA_REWRITE_REPLACE  /* every `from` becomes `to` */
} heta_i_rewrite_kind;

typedef struct heta_i_rewrite {
  heta_i_rewrite_kind kind;
  const char *from, *to;
  size_t from_size, to_size; /* from_size > 0 */
  bool unless_there;         /* prepend: not where the text begins with it */
  bool only_first;           /* prepend: only at the beginning of the whole text */
} heta_i_rewrite;

/* A stretch of a text, perhaps rewritten. Start with the stretch: {text, size, NULL, NULL}. */
typedef struct heta_i_rewritten {
  const char *text;
  size_t size;
  char *bytes;    /* owned: text, once it was rewritten; else NULL */
  size_t *origin; /* owned, with bytes: size + 1 offsets into the stretch, never decreasing, from 0
                     to its size */
} heta_i_rewritten;

/* What is before the stretch: nothing, an added token, or a text that it continues. */
typedef enum heta_i_before {
  HETA_BEFORE_NOTHING,
  HETA_BEFORE_ADDED,
  HETA_BEFORE_TEXT /* nothing is prepended */
} heta_i_before;

/* Applies the rewrites in turn. An offset
 * inside characters that changed goes as far into them as the text reaches. The caller releases
 * *text with heta_i_rewritten_free, also after a failure. */
heta_status heta_i_rewrite_all(const heta_i_rewrite *rewrites, size_t count, heta_i_before before,
                               heta_i_rewritten *text, heta_error *error);
void heta_i_rewritten_free(heta_i_rewritten *text);

#endif
