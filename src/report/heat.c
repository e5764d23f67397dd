/* heat.c: the text as a heat map on a terminal, its legend, and its form without colour. */
#include "report/heat.h"

#include <math.h>
#include <stdint.h>

#include "base/memory.h"

/* TABLE: cells of a line of the table before its bar. BAR: the longest bar. */
enum { NAME = 22, TABLE = 1 + 6 + 2 + NAME + 9 + 2, BAR = 20 };

/* Counts the glyphs of all units, and stores them where `cells` is not NULL. */
static size_t lay_out(const heta_i_screen *s, heta_i_cell *cells) {
  size_t count = 0;
  for (size_t i = 0; i < s->units->count; i++) {
    const heta_i_unit *unit = &s->units->units[i];
    size_t size;
    const char *text = heta_i_unit_text(s->a, unit, &size);
    for (size_t at = 0; at < size; count++) {
      heta_i_glyph glyph = heta_i_glyph_at(text, at, size);
      if (cells) cells[count] = (heta_i_cell){glyph, text + at, glyph.end - at, i};
      at = glyph.end;
    }
  }
  return count;
}

heta_status heta_i_cells_create(const heta_i_screen *s, heta_i_cells *out, heta_error *error) {
  size_t count = lay_out(s, NULL);
  heta_i_cell *cells = heta_i_allocate(count, sizeof *cells);
  if (!cells) return heta_i_no_memory(error, "the report's text", count * sizeof *cells);
  lay_out(s, cells);
  *out = (heta_i_cells){cells, count};
  return HETA_OK;
}

void heta_i_cells_free(heta_i_cells *cells) {
  heta_i_free(cells->cells);
  *cells = (heta_i_cells){0};
}

size_t heta_i_line_end(const heta_i_cells *cells, size_t from, size_t end, size_t width) {
  size_t best = from, used = 0;
  for (size_t i = from; i < end; i++) {
    const heta_i_glyph *glyph = &cells->cells[i].glyph;
    if (glyph->width == 2) best = i;
    if (used + glyph->width > width && i > from) return best > from ? best : i;
    used += glyph->width;
    if (glyph->newline) return i + 1;
    if (glyph->space || glyph->width == 2) best = i + 1;
  }
  return end;
}

heta_i_extent heta_i_cells_extent(const heta_i_cells *cells, const heta_i_screen *s,
                                  const heta_row *row) {
  heta_i_extent extent = {0, SIZE_MAX};
  size_t explained = heta_i_row_end(s->a, row);
  for (; extent.end < cells->count; extent.end++) {
    const heta_i_unit *unit = &s->units->units[cells->cells[extent.end].unit];
    if (unit->first >= explained) break;
    if (row->length < unit->last && extent.target == SIZE_MAX) extent.target = extent.end;
  }
  return extent;
}

static void style_unit(heta_i_screen *s, const heta_row *row, const heta_i_unit *unit,
                       heta_i_scale scale) {
  double value = heta_i_unit_value(s->a, row, unit);
  if (row->length < unit->last)
    heta_i_screen_style(s, "1;", heta_i_ink, heta_i_canvas);
  else if (heta_i_unit_apart(s->a, unit))
    heta_i_screen_style(s, "4;", heta_i_faint, heta_i_canvas);
  else if (!isfinite(value))
    heta_i_screen_style(s, "3;", heta_i_faint, heta_i_canvas);
  else
    heta_i_screen_shade(s, heta_i_share(value, scale.peak));
}

void heta_i_heat_map(heta_i_screen *s, const heta_i_cells *cells, const heta_row *row,
                     heta_i_scale scale) {
  const size_t width = s->columns - 4; /* a margin on both sides, the brackets */
  const heta_i_extent extent = heta_i_cells_extent(cells, s, row);
  const size_t end = extent.end, first = extent.target;
  for (size_t at = 0; at < end;) {
    size_t stop = heta_i_line_end(cells, at, end, width), used = 0;
    heta_i_screen_style(s, "", heta_i_ink, heta_i_canvas);
    heta_i_puts(s->w, " ");
    for (; at < stop; at++) {
      const heta_i_cell *c = &cells->cells[at];
      style_unit(s, row, &s->units->units[c->unit], scale);
      if (at == first) {
        heta_i_puts(s->w, "[");
        used++;
      }
      heta_i_screen_glyph(s, &c->glyph, c->bytes, c->size);
      used += c->glyph.width;
    }
    if (at == end && first < end) {
      heta_i_puts(s->w, "]");
      used++;
    }
    heta_i_screen_style(s, "", heta_i_ink, heta_i_canvas);
    if (s->color != HETA_COLOR_NONE) heta_i_put_repeat(s->w, " ", s->columns - 1 - used);
    heta_i_screen_plain(s);
    heta_i_puts(s->w, "\n");
  }
}

void heta_i_heat_legend(heta_i_screen *s, heta_i_scale scale) {
  if (s->color == HETA_COLOR_NONE) return;
  const double peak = 100 * heta_i_share(scale.peak, scale.sum);
  const int from = s->a->is_signed ? -12 : 0, to = s->a->is_signed ? 12 : 24;
  heta_i_puts(s->w, " ");
  heta_i_screen_number(s, "%.2f", s->a->is_signed ? -peak : 0);
  heta_i_puts(s->w, " % ");
  for (int i = from; i <= to; i++) {
    heta_i_screen_shade(s, (double)i / to);
    heta_i_puts(s->w, " ");
  }
  heta_i_screen_plain(s);
  heta_i_puts(s->w, " ");
  heta_i_screen_number(s, "%.2f", peak);
  heta_i_puts(s->w, " % of the sum\n");
}

/* A bar of up to BAR cells, in eighths; negative values hatched. */
static void bar(heta_i_screen *s, double value, double peak) {
  static const char *const EIGHTHS[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (!isfinite(value)) return;
  size_t room = s->columns < TABLE + BAR ? s->columns - TABLE : BAR;
  size_t eighths = (size_t)((double)(8 * room) * fmin(fabs(heta_i_share(value, peak)), 1) + 0.5);
  heta_i_put_repeat(s->w, value < 0 ? "░" : "█", eighths / 8);
  if (value >= 0) heta_i_puts(s->w, EIGHTHS[eighths % 8]);
}

void heta_i_heat_table(heta_i_screen *s, const heta_row *row, heta_i_scale scale) {
  for (size_t i = 0; i < s->units->count; i++) {
    const heta_i_unit *unit = &s->units->units[i];
    if (unit->last > row->length) break;
    if (heta_i_unit_apart(s->a, unit)) continue;
    double value = heta_i_unit_value(s->a, row, unit);
    size_t size;
    const char *text = heta_i_unit_text(s->a, unit, &size);
    heta_i_putf(s->w, " %6zu  ", unit->first);
    heta_i_screen_label(s, text, size, NAME);
    heta_i_screen_share(s, value, scale);
    heta_i_puts(s->w, "  ");
    bar(s, value, scale.peak);
    heta_i_puts(s->w, "\n");
  }
}
