/* display.h: a token's bytes as something that can be shown. */
#ifndef HETA_TEXT_DISPLAY_H
#define HETA_TEXT_DISPLAY_H

#include <stddef.h>

#include "base/buffer.h"

/* Appends the printable form of any bytes, always valid UTF-8 of one line that cannot command a
 * terminal: a newline is ⏎, a tab ⇥, other ASCII controls their pictures (␀ … ␡); characters that
 * are invisible or reverse the writing direction \u{200B}; bytes that are no character \xE2.
 * Joiners and variation selectors, which emoji and scripts are written with, stay. Spaces stay as
 * they are; in the `spaced` form an ASCII space is "·". */
void heta_i_display(const char *bytes, size_t size, heta_i_buffer *out);
void heta_i_display_spaced(const char *bytes, size_t size, heta_i_buffer *out);

#endif
