/* settings.h: what a file says about its tokenizer beside vocabulary and merges. */
#ifndef HETA_TEXT_SETTINGS_H
#define HETA_TEXT_SETTINGS_H

#include "text/tokenizer.h"

/* Reads and checks tokenizer.ggml.model and .pre, before the vocabulary: HETA_E_UNSUPPORTED for a
 * file without a vocabulary, or with one that is not byte-level BPE. Strings are borrowed. */
heta_status heta_i_settings_kind(const heta_i_file *file, heta_i_tokenizer_info *out,
                                 heta_error *error);
/* Reads the rest into *out, whose vocabulary size is set; add_bos is what holds when the file does
 * not say. */
heta_status heta_i_settings_rest(const heta_i_file *file, bool add_bos, heta_i_tokenizer_info *out,
                                 heta_error *error);
/* SHA-256 of everything that decides which ids a text gets: model, pre, tokens, types, merges, the
 * ids of bos, eos, unk and pad, and add_bos. */
void heta_i_settings_fingerprint(const heta_i_file *file, const heta_i_tokenizer_info *info,
                                 char out[65]);

#endif
