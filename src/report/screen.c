/* screen.c: colours, numbers and wrapped words for a terminal. */
#include "report/screen.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

/* ---- Colour -------------------------------------------------------------------------------- */

const heta_i_tint heta_i_canvas = {22, 24, 29, 234}, heta_i_ink = {222, 224, 230, 254},
                  heta_i_faint = {134, 140, 152, 245};

/* Dark to bright, readable for every kind of colour vision: blue speaks for the target, orange
 * against it. */
enum { STOPS = 5, INDICES = 8 };
typedef struct ramp {
  heta_i_tint stops[STOPS];
  unsigned char indices[INDICES];
} ramp;
static const ramp BLUE = {
    {{22, 24, 29, 0}, {16, 52, 96, 0}, {24, 98, 168, 0}, {92, 168, 230, 0}, {208, 234, 255, 0}},
    {234, 17, 18, 25, 32, 74, 117, 195}};
static const ramp ORANGE = {
    {{22, 24, 29, 0}, {92, 42, 8, 0}, {170, 84, 14, 0}, {236, 146, 56, 0}, {255, 224, 180, 0}},
    {234, 52, 94, 130, 172, 208, 215, 223}};

static unsigned char between(unsigned char a, unsigned char b, double t) {
  return (unsigned char)(a + t * (b - a) + 0.5);
}

/* level: -1 … 1. */
static heta_i_tint tint_of(double level) {
  const ramp *r = level < 0 ? &ORANGE : &BLUE;
  double size = fmin(fabs(level), 1), at = size * (STOPS - 1);
  size_t i = at >= STOPS - 1 ? STOPS - 2 : (size_t)at;
  const heta_i_tint *low = &r->stops[i], *high = low + 1;
  at -= (double)i;
  return (heta_i_tint){between(low->r, high->r, at), between(low->g, high->g, at),
                       between(low->b, high->b, at),
                       r->indices[(size_t)(size * (INDICES - 1) + 0.5)]};
}

static double brightness(heta_i_tint c) { return (0.299 * c.r + 0.587 * c.g + 0.114 * c.b) / 255; }

/* Changes the style if it is not in force. `extra` is further attributes ("1;"). */
void heta_i_screen_style(heta_i_screen *s, const char *extra, heta_i_tint ink, heta_i_tint ground) {
  char next[sizeof s->style];
  if (s->color == HETA_COLOR_NONE) return;
  if (s->color == HETA_COLOR_256)
    snprintf(next, sizeof next, "\x1b[0;%s38;5;%d;48;5;%dm", extra, ink.index, ground.index);
  else
    snprintf(next, sizeof next, "\x1b[0;%s38;2;%d;%d;%d;48;2;%d;%d;%dm", extra, ink.r, ink.g, ink.b,
             ground.r, ground.g, ground.b);
  if (!strcmp(next, s->style)) return;
  memcpy(s->style, next, sizeof next);
  heta_i_puts(s->w, next);
}

void heta_i_screen_plain(heta_i_screen *s) {
  if (s->style[0]) heta_i_puts(s->w, "\x1b[0m");
  s->style[0] = 0;
}

void heta_i_screen_bold(heta_i_screen *s) {
  if (s->color == HETA_COLOR_NONE) return;
  snprintf(s->style, sizeof s->style, "\x1b[0;1m");
  heta_i_puts(s->w, s->style);
}

void heta_i_screen_shade(heta_i_screen *s, double level) {
  heta_i_tint ground = tint_of(level);
  heta_i_screen_style(s, "", brightness(ground) > 0.5 ? heta_i_canvas : heta_i_ink, ground);
}

/* ---- Columns --------------------------------------------------------------------------------- */

void heta_i_screen_number(heta_i_screen *s, const char *format, double value) {
  if (isfinite(value)) {
    heta_i_puts(s->w, heta_i_number_format(format, value).text);
  } else { /* not computed: a dash where the number would end */
    size_t width = strlen(heta_i_number_format(format, 0).text);
    heta_i_put_repeat(s->w, " ", width - 1);
    heta_i_puts(s->w, "-");
  }
}

void heta_i_screen_label(heta_i_screen *s, const char *bytes, size_t size, size_t width) {
  heta_i_label label = heta_i_label_make(bytes, size, width);
  heta_i_puts(s->w, label.text);
  if (label.width < width) heta_i_put_repeat(s->w, " ", width - label.width);
}

void heta_i_screen_rule(heta_i_screen *s) {
  heta_i_puts(s->w, "\n");
  heta_i_put_repeat(s->w, "─", s->columns);
  heta_i_puts(s->w, "\n");
}

void heta_i_screen_share(heta_i_screen *s, double value, heta_i_scale scale) {
  heta_i_screen_number(s, "%7.2f", 100 * heta_i_share(value, scale.sum));
  heta_i_puts(s->w, " %");
}

void heta_i_screen_glyph(heta_i_screen *s, const heta_i_glyph *glyph, const char *bytes,
                         size_t size) {
  if (glyph->literal)
    heta_i_put(s->w, bytes, size);
  else
    heta_i_puts(s->w, glyph->text);
}

/* ---- Words ----------------------------------------------------------------------------------- */

static void wrap(heta_i_screen *s, const char *text, size_t size, size_t indent) {
  size_t column = indent;
  for (size_t at = 0; at < size; at++) { /* a word, and the space after it */
    size_t end = at, width = 0;
    for (; end < size && text[end] != ' ';) {
      heta_i_glyph glyph = heta_i_glyph_at(text, end, size);
      width += text[end] == HETA_WORD_SPACE ? 1 : glyph.width;
      end = glyph.end;
    }
    if (column > indent && column + 1 + width > s->columns) {
      heta_i_puts(s->w, "\n");
      heta_i_put_repeat(s->w, " ", indent);
      column = indent;
    } else if (column > indent) {
      heta_i_puts(s->w, " ");
      column++;
    }
    column += width;
    while (at < end) {
      heta_i_glyph glyph = heta_i_glyph_at(text, at, size);
      if (text[at] == HETA_WORD_SPACE)
        heta_i_puts(s->w, " ");
      else
        heta_i_screen_glyph(s, &glyph, text + at, glyph.end - at);
      at = glyph.end;
    }
  }
  heta_i_puts(s->w, "\n");
}

void heta_i_screen_say(heta_i_screen *s, const char *lead, const char *format, ...) {
  char line[1024], *text = line;
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int size = vsnprintf(line, sizeof line, format, arguments);
  if (size >= (int)sizeof line) {
    text = heta_i_allocate((size_t)size + 1, 1);
    if (text) vsnprintf(text, (size_t)size + 1, format, again);
  }
  if (size < 0 || !text) {
    if (!s->w->failure) s->w->failure = ENOMEM;
  } else {
    heta_i_puts(s->w, lead);
    wrap(s, text, (size_t)size, strlen(lead));
  }
  if (text != line) heta_i_free(text);
  va_end(again);
  va_end(arguments);
}
