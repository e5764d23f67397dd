/* buffer.h: a growable byte buffer with a maximum. */
#ifndef HETA_BASE_BUFFER_H
#define HETA_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

/* Start with {.limit = the most it may ever hold}. Once an append fails (memory or limit), `failed`
 * stays set and later appends do nothing, so that a writer checks once at its end. */
typedef struct heta_i_buffer {
  char *bytes; /* always NUL-terminated once something was appended */
  size_t size, room, limit;
  bool failed;
} heta_i_buffer;

void heta_i_buffer_append(heta_i_buffer *buffer, const void *bytes, size_t size);
void heta_i_buffer_string(heta_i_buffer *buffer, const char *text);
void heta_i_buffer_print(heta_i_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void heta_i_buffer_free(heta_i_buffer *buffer);

#endif
