/* level.h: the text cut into words, sentences, lines, messages or documents, along tokens. */
#ifndef HETA_REPORT_LEVEL_H
#define HETA_REPORT_LEVEL_H

#include "report/view.h"

/* The units of a level; they tile tokens and text. HETA_LEVEL_TOKEN gives one unit per token.
 *
 * Where a token goes: tokens that only together are whole characters stay together. Such a piece
 * belongs to the word, sentence or line that its first character that is no white space lies in;
 * white space alone belongs to the word after it, but to the sentence and line it ends. Pieces that
 * are set apart (heta_i_set_apart) are units of their own; above words, neighbouring ones are one,
 * but for the first token.
 * No unit lies in two segments, but for messages: a message is all it says, its documents and what
 * divides them.
 *
 * The attribution is a checked one. Release with heta_i_units_free. HETA_E_MEMORY. */
heta_status heta_i_level_units(const heta_attribution *attribution, heta_level level,
                               heta_i_units *out, heta_error *error);

/* Whether a unit's first token is set apart. */
bool heta_i_level_apart(const heta_attribution *attribution, const heta_i_unit *unit);

#endif
