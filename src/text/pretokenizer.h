/* pretokenizer.h: cutting a text into the pieces within which tokens are made. */
#ifndef HETA_TEXT_PRETOKENIZER_H
#define HETA_TEXT_PRETOKENIZER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* What becomes of the matches of a pattern, and of what lies between them. */
typedef enum heta_i_cut_kind {
  HETA_CUT_ISOLATED,   /* each is a piece */
  HETA_CUT_CONTIGUOUS, /* matches in a row are one piece */
  HETA_CUT_PREVIOUS,   /* a match ends the piece before it */
  HETA_CUT_NEXT,       /* a match begins the piece after it */
  HETA_CUT_MATCHES     /* each match is a piece, and all of the text must be in one */
} heta_i_cut_kind;

typedef struct heta_i_cut {
  heta_i_cut_kind kind;
  const char *pattern; /* as tokenizer.json writes it (pattern.h) */
  bool literal;        /* the pattern is a text to look for */
} heta_i_cut;

enum { HETA_CUTS = 12 };

/* The pre-tokenisers that GGUF's tokenizer.ggml.pre names. */
typedef struct heta_i_pre {
  const char *name;
  bool whole_pieces;       /* as in heta_i_definition */
  bool add_bos;            /* when the file does not say */
  bool compose;            /* the text is brought to Unicode normalisation form C first */
  const char *patterns[4]; /* isolated; up to the first NULL */
} heta_i_pre;

const heta_i_pre *heta_i_pre_find(const char *name);
/* The first one that makes these cuts and has these traits, or NULL. */
const heta_i_pre *heta_i_pre_recognise(const heta_i_cut *cuts, size_t count, bool whole_pieces,
                                       bool compose);
const char *heta_i_pre_names(void); /* "gpt-2, smollm, …" */

typedef struct heta_i_pretokenizer heta_i_pretokenizer; /* immutable: any thread may read */

/* Compiles at most HETA_CUTS cuts, each of which cuts the pieces that the one before left. The
 * caller owns *out. HETA_E_UNSUPPORTED for a pattern that heta cannot be sure to read as the
 * model's own tokenizer does. */
heta_status heta_i_pretokenizer_create(const heta_i_cut *cuts, size_t count,
                                       heta_i_pretokenizer **out, heta_error *error);
void heta_i_pretokenizer_free(heta_i_pretokenizer *pretokenizer);

/* Calls piece for each piece of text (valid UTF-8), in order, none empty, together the whole text.
 * A failing piece stops it and its status is returned. Other errors: HETA_E_MEMORY, and
 * HETA_E_ARGUMENT when the text exhausts the pattern matcher or is left out by a cut. */
typedef heta_status (*heta_i_piece_fn)(void *context, size_t start, size_t end, heta_error *error);
heta_status heta_i_pretokenizer_split(const heta_i_pretokenizer *pretokenizer, const char *text,
                                      size_t size, heta_i_piece_fn piece, void *context,
                                      heta_error *error);

#endif
