/* breaks.h: where words, sentences and lines of a text end. */
#ifndef HETA_BASE_BREAKS_H
#define HETA_BASE_BREAKS_H

#include "base/status.h"

typedef enum heta_i_break { HETA_BREAK_WORD, HETA_BREAK_SENTENCE, HETA_BREAK_LINE } heta_i_break;

/* Ends of stretches that tile a text, ascending; the last one is the text's own. Words and
 * sentences follow Unicode's rules (UAX 29, with dictionaries for scripts without spaces); a
 * stretch of a word level may as well be space or punctuation. Release with heta_i_breaks_free. */
typedef struct heta_i_breaks {
  size_t *ends;
  size_t count, room;
} heta_i_breaks;

/* The text is valid UTF-8. Errors: HETA_E_UNSUPPORTED (more than 2 GB), HETA_E_MEMORY. */
heta_status heta_i_breaks_find(const char *text, size_t size, heta_i_break kind, heta_i_breaks *out,
                               heta_error *error);
void heta_i_breaks_free(heta_i_breaks *breaks);

/* The first byte in [at, end) of a character that is no white space, or `end`. Bytes in the middle
 * of a character count as their character. */
size_t heta_i_skip_space(const char *text, size_t size, size_t at, size_t end);

#endif
