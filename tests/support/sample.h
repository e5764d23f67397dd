/* sample.h: attributions made by hand, for tests of what is done with results. */
#ifndef HETA_TESTS_SAMPLE_H
#define HETA_TESTS_SAMPLE_H

#include <heta/heta.h>

#include "base/memory.h"

/* Owns an attribution; change it freely. */
typedef struct sample {
  heta_i_arena arena;
  heta_attribution a;
} sample;

/* The names sample_make knows, NULL-terminated:
 *  tiny     five tokens, one target, a foil
 *  chat     a templated conversation in several scripts, three targets, an emoji in two tokens
 *  long     five hundred tokens, twelve targets
 *  signed   values of both signs, exact
 *  partial  stopped in the middle: rows complete, partial and pending, raw series
 *  nasty    control bytes, quotes, markup, direction overrides, broken characters
 *  empty    a target without context
 *  bare     stopped before its targets were known */
extern const char *const SAMPLES[];

/* Terminates the program for an unknown name. */
sample *sample_make(const char *name);
void sample_free(sample *made);

#endif
