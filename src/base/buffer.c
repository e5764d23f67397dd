/* buffer.c: a growable byte buffer with a maximum. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

void heta_i_buffer_append(heta_i_buffer *buffer, const void *bytes, size_t size) {
  if (buffer->failed) return;
  if (size >= buffer->limit || buffer->size > buffer->limit - size - 1) {
    buffer->failed = true;
    return;
  }
  size_t need = buffer->size + size + 1;
  if (need > buffer->room) {
    size_t room = buffer->room ? buffer->room : 256;
    while (room < need) room = room > buffer->limit / 2 ? buffer->limit : room * 2;
    char *grown = heta_i_reallocate(buffer->bytes, buffer->size, room, 1);
    if (!grown) {
      buffer->failed = true;
      return;
    }
    buffer->bytes = grown;
    buffer->room = room;
  }
  if (size) memcpy(buffer->bytes + buffer->size, bytes, size);
  buffer->size += size;
  buffer->bytes[buffer->size] = 0;
}

void heta_i_buffer_string(heta_i_buffer *buffer, const char *text) {
  heta_i_buffer_append(buffer, text, strlen(text));
}

void heta_i_buffer_print(heta_i_buffer *buffer, const char *format, ...) {
  char small[512];
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int size = vsnprintf(small, sizeof small, format, arguments);
  va_end(arguments);
  if (size < 0) {
    buffer->failed = true;
  } else if ((size_t)size < sizeof small) {
    heta_i_buffer_append(buffer, small, (size_t)size);
  } else {
    char *large = heta_i_allocate((size_t)size + 1, 1);
    if (large) {
      vsnprintf(large, (size_t)size + 1, format, again);
      heta_i_buffer_append(buffer, large, (size_t)size);
      heta_i_free(large);
    } else {
      buffer->failed = true;
    }
  }
  va_end(again);
}

void heta_i_buffer_free(heta_i_buffer *buffer) {
  heta_i_free(buffer->bytes);
  *buffer = (heta_i_buffer){.limit = buffer->limit};
}
