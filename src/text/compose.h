/* compose.h: Unicode normalisation form C, with the way back to the text's own offsets. */
#ifndef HETA_TEXT_COMPOSE_H
#define HETA_TEXT_COMPOSE_H

#include "base/status.h"

typedef struct heta_i_composed {
  char *bytes; /* NULL: the text is in form C already */
  size_t size;
  size_t *origin; /* size + 1 offsets into the text, never decreasing, from 0 to its size */
} heta_i_composed;

/* Composes text (valid UTF-8). *out is released with heta_i_composed_free, also after a failure. An
 * offset inside characters that changed goes as far into them as the text reaches. */
heta_status heta_i_compose(const char *text, size_t size, heta_i_composed *out, heta_error *error);
void heta_i_composed_free(heta_i_composed *composed);

#endif
