/* utf8.c: validating and walking UTF-8 (Unicode 15, table 3-7). */
#include "base/utf8.h"

#include <string.h>

size_t heta_i_utf8_decode(const char *text, size_t size, uint32_t *code) {
  const unsigned char *s = (const unsigned char *)text;
  if (!size) return 0;
  if (s[0] < 0x80) {
    if (code) *code = s[0];
    return 1;
  }
  size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
  if (s[0] < 0xc2 || s[0] > 0xf4 || length > size) return 0;
  unsigned char low = 0x80, high = 0xbf;
  if (s[0] == 0xe0) low = 0xa0;
  if (s[0] == 0xed) high = 0x9f;
  if (s[0] == 0xf0) low = 0x90;
  if (s[0] == 0xf4) high = 0x8f;
  uint32_t value = s[0] & (0x7fu >> length);
  for (size_t i = 1; i < length; i++) {
    if (s[i] < low || s[i] > high) return 0;
    low = 0x80;
    high = 0xbf;
    value = value << 6 | (s[i] & 0x3fu);
  }
  if (code) *code = value;
  return length;
}

size_t heta_i_utf8_valid(const char *text, size_t size) {
  size_t at = 0;
  while (at < size) {
    size_t length = heta_i_utf8_decode(text + at, size - at, NULL);
    if (!length) return at;
    at += length;
  }
  return size;
}

bool heta_i_utf8_is_space(uint32_t code) {
  return (code >= 0x9 && code <= 0xd) || code == 0x20 || code == 0x85 || code == 0xa0 ||
         code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 ||
         code == 0x202f || code == 0x205f || code == 0x3000;
}

size_t heta_i_utf8_clean(const char *text, size_t size, char *out, size_t *map) {
  size_t used = 0;
  for (size_t i = 0; i < size;) {
    size_t length = heta_i_utf8_decode(text + i, size - i, NULL), bytes = length ? length : 1;
    for (size_t k = 0; k < bytes; k++) map[i + k] = length ? used + k : used;
    memcpy(out + used, length ? text + i : "\xef\xbf\xbd", length ? length : 3);
    used += length ? length : 3;
    i += bytes;
  }
  map[size] = used;
  return used;
}
