/* alphabet.c: from letters to bytes. A byte that is a printable Latin-1 character other than the
 * space is spelled by that character, the 68 others by U+0100, U+0101, … in increasing order. */
#include "base/alphabet.h"

#include "base/utf8.h"

/* The byte a letter stands for, or -1. */
static int letter_byte(uint32_t code) {
  bool itself = (code >= 0x21 && code <= 0x7e) || (code >= 0xa1 && code <= 0xac) ||
                (code >= 0xae && code <= 0xff);
  if (itself) return (int)code;
  if (code < 0x100 || code > 0x143) return -1;
  uint32_t rank = code - 0x100; /* among 00 … 20, 7f … a0, ad */
  return (int)(rank < 0x21 ? rank : rank < 0x43 ? rank - 0x21 + 0x7f : 0xad);
}

bool heta_i_alphabet_decode(const char *letters, size_t size, char *out, size_t *count) {
  size_t written = 0;
  for (size_t at = 0; at < size;) {
    uint32_t code;
    size_t length = heta_i_utf8_decode(letters + at, size - at, &code);
    int byte = length ? letter_byte(code) : -1;
    if (byte < 0) return false;
    out[written++] = (char)(unsigned char)byte;
    at += length;
  }
  *count = written;
  return true;
}
