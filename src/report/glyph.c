/* glyph.c: one grapheme cluster at a time, safe to print. */
#include "report/glyph.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

#include "base/utf8.h"
#include "report/view.h"

/* Characters that steer a terminal or reorder its line, or that have no glyph of their own. */
static bool hidden(uint32_t code) {
  if (code == 0x200c || code == 0x200d) return false;   /* joiners: parts of words and emoji */
  if (code >= 0xe0020 && code <= 0xe007f) return false; /* tags: parts of flags */
  switch (utf8proc_category((utf8proc_int32_t)code)) {
  case UTF8PROC_CATEGORY_CC:
  case UTF8PROC_CATEGORY_CF:
  case UTF8PROC_CATEGORY_CO:
  case UTF8PROC_CATEGORY_CN:
  case UTF8PROC_CATEGORY_ZL:
  case UTF8PROC_CATEGORY_ZP: return true;
  default: return false;
  }
}

static void spell(heta_i_glyph *glyph, const char *format, unsigned value) {
  glyph->literal = false;
  int width = snprintf(glyph->text, sizeof glyph->text, format, value);
  glyph->width = width > 0 ? (size_t)width : 0;
}

static void show(heta_i_glyph *glyph, const char *text, size_t width) {
  glyph->literal = false;
  snprintf(glyph->text, sizeof glyph->text, "%s", text);
  glyph->width = width;
}

heta_i_glyph heta_i_glyph_at(const char *bytes, size_t at, size_t size) {
  heta_i_glyph glyph = {.literal = true};
  uint32_t first;
  size_t length = heta_i_utf8_decode(bytes + at, size - at, &first);
  if (!length) {
    glyph.end = at + 1;
    spell(&glyph, "<%02X>", (unsigned char)bytes[at]);
    return glyph;
  }
  glyph.end = heta_i_cluster_end(bytes, at, size);
  uint32_t code = first, flags = 0;
  bool visible = false;
  for (size_t i = at; i < glyph.end; i += length) {
    length = heta_i_utf8_decode(bytes + i, glyph.end - i, &code);
    if (hidden(code)) { /* the characters before it stand alone, it is spelled out next */
      if (i > at) {
        glyph.end = i;
        break;
      }
      glyph.end = at + length;
      if (code == '\n')
        show(&glyph, "↵", 1);
      else if (code == '\t')
        show(&glyph, "→   ", 4);
      else
        spell(&glyph, code < 0x100 ? "<%02X>" : "<U+%04X>", code);
      glyph.newline = code == '\n';
      glyph.space = code == '\t';
      return glyph;
    }
    int width = utf8proc_charwidth((utf8proc_int32_t)code);
    if (width > 0 && (size_t)width > glyph.width) glyph.width = (size_t)width;
    if (width > 0) visible = true;
    flags += code >= 0x1f1e6 && code <= 0x1f1ff;
    if (code == 0xfe0f) glyph.width = 2; /* asks for the emoji form */
  }
  if (flags == 2) glyph.width = 2;
  if (!visible && first >= 0x300) { /* a mark without a letter would sit on its neighbour */
    glyph.end = at + heta_i_utf8_decode(bytes + at, size - at, NULL);
    spell(&glyph, "<U+%04X>", first);
  }
  glyph.space = first == ' ' || first == 0x3000;
  return glyph;
}

static heta_i_label make_label(const char *bytes, size_t size, size_t width, bool quoted) {
  heta_i_label label = {.text = ""};
  if (quoted) label = (heta_i_label){.text = "“", .width = 2}; /* both quotation marks */
  size_t used = strlen(label.text);
  const size_t room = sizeof label.text - sizeof "…”";
  for (size_t at = 0; at < size;) {
    heta_i_glyph glyph = heta_i_glyph_at(bytes, at, size);
    if (bytes[at] == '\n') show(&glyph, "\\n", 2);
    if (bytes[at] == '\t') show(&glyph, "\\t", 2);
    const char *text = glyph.literal ? bytes + at : glyph.text;
    size_t length = glyph.literal ? glyph.end - at : strlen(glyph.text);
    size_t reserve = glyph.end < size; /* a cell for the ellipsis */
    if (label.width + glyph.width + reserve > width || used + length > room) {
      memcpy(label.text + used, "…", sizeof "…");
      used += sizeof "…" - 1;
      label.width++;
      break;
    }
    memcpy(label.text + used, text, length);
    used += length;
    label.width += glyph.width;
    at = glyph.end;
  }
  memcpy(label.text + used, quoted ? "”" : "", quoted ? sizeof "”" : 1);
  return label;
}

heta_i_label heta_i_label_make(const char *bytes, size_t size, size_t width) {
  return make_label(bytes, size, width, true);
}

heta_i_label heta_i_label_plain(const char *name, size_t width) {
  return make_label(name, strlen(name), width, false);
}

heta_i_label heta_i_label_word(const char *bytes, size_t size, int32_t id) {
  heta_i_label label = {.width = 0};
  if (bytes)
    label = heta_i_label_make(bytes, size, 24);
  else
    snprintf(label.text, sizeof label.text, "token %ld", (long)id);
  for (char *at = label.text; (at = strchr(at, ' '));) *at = HETA_WORD_SPACE;
  return label;
}
