/* pattern.h: the regular expressions of tokenizer.json, which are written for Oniguruma, for PCRE2.
 */
#ifndef HETA_TEXT_PATTERN_H
#define HETA_TEXT_PATTERN_H

#include "base/buffer.h"
#include "base/status.h"

/* Appends a PCRE2 pattern (PCRE2_UTF) that matches exactly what `pattern` does. HETA_E_UNSUPPORTED,
 * naming it and its place, for a construct that the two read differently or that heta does not
 * know. */
heta_status heta_i_pattern_translate(const char *pattern, heta_i_buffer *out, heta_error *error);
/* Appends a pattern that matches the text. */
void heta_i_pattern_literal(const char *text, heta_i_buffer *out);

#endif
