/* variants.h: random lanes of every kind, each with the run that recomputes it from nothing. */
#ifndef HETA_TESTS_VARIANTS_H
#define HETA_TESTS_VARIANTS_H

#include "support/derive.h"

typedef enum variant_kind {
  VARIANT_MASK,        /* one input row is another */
  VARIANT_HIDDEN,      /* a key that later rows do not see */
  VARIANT_OVERRIDE,    /* a change at a site of some block */
  VARIANT_PROBABILITY, /* a change of attention probabilities */
  VARIANT_INPUT,       /* own rows given as numbers */
  VARIANT_LONGER,      /* goes on where its parent ended */
  VARIANT_FREE,        /* no parent: other tokens, length and positions */
  VARIANT_KINDS
} variant_kind;

extern const char *const VARIANT_NAMES[VARIANT_KINDS];

/* What lanes are made from. `ids` has `longest` tokens, of which the parent ran the first `length`,
 * at `positions` (NULL: 0, 1, …). */
typedef struct variants {
  heta_i_engine *engine;
  heta_i_run *parent;
  const int32_t *ids;
  size_t length, longest;
  const uint32_t *positions;
  dice *d; /* owns everything the lanes point to */
} variants;

/* A lane of this kind that owns rows from `first` on, and the parentless lane that says the same.
 * Free lanes have at least `shortest` rows, and ignore `first`. */
void variant_make(const variants *v, variant_kind kind, size_t first, size_t shortest,
                  heta_i_lane *lane, heta_i_lane *whole);

#endif
