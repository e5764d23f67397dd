/* display.c: a token's bytes as something that can be shown. */
#include "text/display.h"

#include <inttypes.h>
#include <stdbool.h>
#include <utf8proc.h>

#include "base/utf8.h"

static bool joins(uint32_t code) { return code == 0x200c || code == 0x200d; }

/* Whether a character beyond ASCII would not be seen, or not where it is. Tag characters (E0020 …)
 * are format characters too: they make flags, but can also hide text. */
static bool unseen(uint32_t code) {
  switch (utf8proc_category((utf8proc_int32_t)code)) {
  case UTF8PROC_CATEGORY_CC:
  case UTF8PROC_CATEGORY_ZL:
  case UTF8PROC_CATEGORY_ZP:
  case UTF8PROC_CATEGORY_CN:
  case UTF8PROC_CATEGORY_CO: return true;
  case UTF8PROC_CATEGORY_CF: return !joins(code);
  default: return false;
  }
}

/* U+2400 … U+2421 are pictures of the ASCII controls, in their order. */
static void picture(uint32_t code, heta_i_buffer *out) {
  unsigned index = code == 0x7f ? 0x21 : code;
  const char utf8[3] = {(char)0xe2, (char)0x90, (char)(0x80 + index)};
  heta_i_buffer_append(out, utf8, sizeof utf8);
}

static void display(const char *bytes, size_t size, bool spaced, heta_i_buffer *out) {
  for (size_t at = 0; at < size;) {
    uint32_t code;
    size_t length = heta_i_utf8_decode(bytes + at, size - at, &code);
    if (!length)
      heta_i_buffer_print(out, "\\x%02X", (unsigned char)bytes[at]);
    else if (code == '\n')
      heta_i_buffer_string(out, "⏎");
    else if (code == '\t')
      heta_i_buffer_string(out, "⇥");
    else if (code < 0x20 || code == 0x7f)
      picture(code, out);
    else if (code == ' ' && spaced)
      heta_i_buffer_string(out, "·");
    else if (code >= 0x80 && unseen(code))
      heta_i_buffer_print(out, "\\u{%04" PRIX32 "}", code);
    else
      heta_i_buffer_append(out, bytes + at, length);
    at += length ? length : 1;
  }
}

void heta_i_display(const char *bytes, size_t size, heta_i_buffer *out) {
  display(bytes, size, false, out);
}

void heta_i_display_spaced(const char *bytes, size_t size, heta_i_buffer *out) {
  display(bytes, size, true, out);
}
