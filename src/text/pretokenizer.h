/* pretokenizer.h: the named ways of cutting a text into pieces within which merges happen. */
#ifndef HETA_TEXT_PRETOKENIZER_H
#define HETA_TEXT_PRETOKENIZER_H

#include "base/status.h"

typedef struct heta_i_pretokenizer heta_i_pretokenizer; /* immutable: any thread may read */

/* What else the tokenizers of that name do. */
typedef struct heta_i_traits {
  const char *name;
  bool whole_pieces; /* a piece that is a token is taken as it is, without merging */
  bool add_bos;      /* when the file does not say */
  bool compose;      /* the text is brought to Unicode normalisation form C first */
} heta_i_traits;

/* Finds and compiles the pre-tokeniser that tokenizer.ggml.pre names; HETA_E_UNSUPPORTED for one
 * that heta does not know. The caller owns *out. */
heta_status heta_i_pretokenizer_create(const char *name, heta_i_pretokenizer **out,
                                       heta_error *error);
void heta_i_pretokenizer_free(heta_i_pretokenizer *pretokenizer);
const heta_i_traits *heta_i_pretokenizer_get_traits(const heta_i_pretokenizer *pretokenizer);

/* Calls piece for each piece of text (valid UTF-8), in order, none empty, together the whole text.
 * A failing piece stops it and its status is returned. Other errors: HETA_E_MEMORY, and
 * HETA_E_ARGUMENT when the text exhausts the pattern matcher. */
typedef heta_status (*heta_i_piece_fn)(void *context, size_t start, size_t end, heta_error *error);
heta_status heta_i_pretokenizer_split(const heta_i_pretokenizer *pretokenizer, const char *text,
                                      size_t size, heta_i_piece_fn piece, void *context,
                                      heta_error *error);

#endif
