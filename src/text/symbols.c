/* symbols.c: from symbols to tokens. */
#include "text/symbols.h"

heta_i_fallback heta_i_fallback_of(const heta_i_definition *definition,
                                   const heta_i_vocabulary *vocabulary) {
  return (heta_i_fallback){vocabulary, definition->byte_tokens, definition->fuse_unknown,
                           definition->unknown};
}

/* Whether all bytes have tokens of their own. */
static bool has_byte_tokens(const heta_i_fallback *fallback, const char *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (fallback->vocabulary->byte_ids[(unsigned char)bytes[i]] < 0) return false;
  return fallback->byte_tokens;
}

bool heta_i_fallback_covers(const heta_i_fallback *fallback, const char *bytes, size_t size) {
  return fallback->unknown >= 0 || has_byte_tokens(fallback, bytes, size);
}

/* A symbol becomes at most as many tokens as it has bytes, so that none is overwritten before it is
 * read. */
size_t heta_i_symbols_gather(const heta_i_fallback *fallback, const char *piece,
                             heta_i_symbol *symbols) {
  size_t count = 0;
  bool fuses = false; /* the last token is one that the next unknown character joins */
  for (uint32_t at = 0, next; at != HETA_SYMBOL_NONE; at = next) {
    heta_i_symbol symbol = symbols[at];
    next = symbol.next;
    if (symbol.id != HETA_SYMBOL_UNKNOWN) {
      symbols[count++] = symbol;
      fuses = false;
    } else if (has_byte_tokens(fallback, piece + at, symbol.end - at)) {
      for (uint32_t byte = at; byte < symbol.end; byte++)
        symbols[count++] =
            (heta_i_symbol){fallback->vocabulary->byte_ids[(unsigned char)piece[byte]], byte + 1,
                            HETA_SYMBOL_NONE, HETA_SYMBOL_NONE};
      fuses = false;
    } else {
      if (!fuses) count++;
      symbols[count - 1] =
          (heta_i_symbol){fallback->unknown, symbol.end, HETA_SYMBOL_NONE, HETA_SYMBOL_NONE};
      fuses = fallback->fuse_unknown;
    }
  }
  return count;
}
