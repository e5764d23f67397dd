/* cursor.h: reading a header front to back; nothing is read before it was compared with what is
 * left. */
#ifndef HETA_FORMAT_CURSOR_H
#define HETA_FORMAT_CURSOR_H

#include <stddef.h>

#include "base/status.h"

typedef struct heta_i_cursor {
  const unsigned char *bytes; /* borrowed */
  size_t size, at;            /* at <= size */
  const char *path;           /* for messages */
  heta_error *error;
} heta_i_cursor;

/* Each read says `what` it reads in its message and leaves *out alone when it fails. */
heta_status heta_i_read_u32(heta_i_cursor *cursor, const char *what, uint32_t *out);
heta_status heta_i_read_u64(heta_i_cursor *cursor, const char *what, uint64_t *out);
/* A length of 8 bytes, at most `most`, and as many bytes, borrowed. */
heta_status heta_i_read_text(heta_i_cursor *cursor, const char *what, size_t most,
                             const char **text, size_t *size);
/* Steps over count elements of `size` bytes each. */
heta_status heta_i_read_elements(heta_i_cursor *cursor, const char *what, uint64_t count,
                                 size_t size, const unsigned char **out);
/* HETA_E_FORMAT at a byte offset: "PATH, byte N: <what is wrong>; the file is damaged: …". */
heta_status heta_i_damaged(const heta_i_cursor *cursor, uint64_t offset, const char *format, ...)
    HETA_PRINTF(3, 4);

#endif
