/* screen.h: the terminal that a report is written to: styles, numbers in columns, wrapped words. */
#ifndef HETA_REPORT_SCREEN_H
#define HETA_REPORT_SCREEN_H

#include "report/glyph.h"
#include "report/rollup.h"
#include "report/writer.h"

typedef struct heta_i_screen {
  heta_i_writer *w;
  const heta_attribution *a;
  const heta_i_units *units; /* what is drawn in one colour */
  const heta_rollup *rollup; /* what the tables list */
  heta_color color;
  size_t columns;
  char style[48]; /* the escape sequence in force, "" for none */
} heta_i_screen;

/* ---- Colour: nothing of it has an effect where color is HETA_COLOR_NONE ---------------------- */

/* A colour of true-colour terminals, and what stands for it among 256. */
typedef struct heta_i_tint {
  unsigned char r, g, b, index;
} heta_i_tint;

/* The heat map's ground, its text, and text that is of less interest. */
extern const heta_i_tint heta_i_canvas, heta_i_ink, heta_i_faint;

/* `extra` is further attributes, "1;" for bold. */
void heta_i_screen_style(heta_i_screen *screen, const char *extra, heta_i_tint ink,
                         heta_i_tint ground);
/* The style of a level from -1 (orange) over 0 (the canvas) to 1 (blue), the text readable. */
void heta_i_screen_shade(heta_i_screen *screen, double level);
void heta_i_screen_bold(heta_i_screen *screen);
/* Back to the terminal's own style. */
void heta_i_screen_plain(heta_i_screen *screen);

/* ---- Columns --------------------------------------------------------------------------------- */

/* A number by one printf conversion with a width; what is not computed is a dash. */
void heta_i_screen_number(heta_i_screen *screen, const char *format, double value);
/* A value's share of the row's sum: "  12.34 %", 9 cells. */
void heta_i_screen_share(heta_i_screen *screen, double value, heta_i_scale scale);
/* A token's name, filled up to `width` cells. */
void heta_i_screen_label(heta_i_screen *screen, const char *bytes, size_t size, size_t width);
/* A glyph of the text that starts at `bytes`. */
void heta_i_screen_glyph(heta_i_screen *screen, const heta_i_glyph *glyph, const char *bytes,
                         size_t size);
/* A line across the screen, after an empty one. */
void heta_i_screen_rule(heta_i_screen *screen);

/* ---- Words ----------------------------------------------------------------------------------- */

/* A paragraph by a printf format (strings and whole numbers only), wrapped at its spaces: `lead`
 * stands before its first line, as many spaces before the others. The text may hold anything;
 * heta_i_label_word gives names that are not broken. */
void heta_i_screen_say(heta_i_screen *screen, const char *lead, const char *format, ...)
    HETA_PRINTF(3, 4);

#endif
