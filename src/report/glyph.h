/* glyph.h: text made safe and visible for a terminal: control characters, bytes that are no
 * characters and direction overrides are spelled out, widths are those of a terminal's cells. */
#ifndef HETA_REPORT_GLYPH_H
#define HETA_REPORT_GLYPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One grapheme cluster as it is printed. */
typedef struct heta_i_glyph {
  size_t end;    /* byte after the cluster in the source */
  size_t width;  /* terminal cells */
  bool literal;  /* printed as it is in the source; otherwise as `text` */
  bool space;    /* a line may break after it */
  bool newline;  /* a line ends after it */
  char text[16]; /* "↵", "→   ", "<1B>", "<U+202E>" */
} heta_i_glyph;

/* The glyph at byte `at` < size. Bytes that are no characters are taken one by one. */
heta_i_glyph heta_i_glyph_at(const char *bytes, size_t at, size_t size);

/* A token's name in a table: “ France”, cut with … to at most `width` cells, line breaks and tabs
 * as \n and \t. */
typedef struct heta_i_label {
  char text[240];
  size_t width;
} heta_i_label;
heta_i_label heta_i_label_make(const char *bytes, size_t size, size_t width);
/* The same without quotation marks: a name of our own for something. */
heta_i_label heta_i_label_plain(const char *name, size_t width);
/* Stands for a space inside a word that is not to be broken. */
#define HETA_WORD_SPACE '\x1f'
/* The name of a token as one word of a paragraph; NULL bytes: "token 42". */
heta_i_label heta_i_label_word(const char *bytes, size_t size, int32_t id);

#endif
