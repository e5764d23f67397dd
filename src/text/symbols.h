/* symbols.h: a piece of text as a chain of symbols that become tokens, and what becomes of
 * characters that have none. */
#ifndef HETA_TEXT_SYMBOLS_H
#define HETA_TEXT_SYMBOLS_H

#include "text/vocabulary.h"

#define HETA_SYMBOL_NONE UINT32_MAX /* no symbol */
#define HETA_SYMBOL_UNKNOWN                                                                        \
  INT32_MAX /* the id of a byte or character without a token: none has it */

/* A symbol is kept at the index of its first byte in the piece. */
typedef struct heta_i_symbol {
  int32_t id;
  uint32_t end; /* offset in the piece; a symbol starts where the one before ends */
  uint32_t previous, next;
} heta_i_symbol;

/* What becomes of characters without a token. */
typedef struct heta_i_fallback {
  const heta_i_vocabulary *vocabulary;
  bool byte_tokens, fuse_unknown; /* as in the definition */
  int32_t unknown;
} heta_i_fallback;

heta_i_fallback heta_i_fallback_of(const heta_i_definition *definition,
                                   const heta_i_vocabulary *vocabulary);
/* Whether bytes that have no token of their own can become some. */
bool heta_i_fallback_covers(const heta_i_fallback *fallback, const char *bytes, size_t size);
/* Puts the chain that begins at symbols[0] side by side, id and end, with tokens in the place of
 * unknown ones; returns their number. */
size_t heta_i_symbols_gather(const heta_i_fallback *fallback, const char *piece,
                             heta_i_symbol *symbols);

#endif
