/* svg.c: each target's text as a picture, one below the other: units on the ground of their share,
 * in cells of equal width, so that no font needs to be known. Colours are those of the page. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/heat.h"
#include "report/report.h"

/* Sizes in pixels; COLUMNS cells in a line of text. */
enum { COLUMNS = 96, LINE = 24, CELL_TENTHS = 84, MARGIN = 20, TITLE = 52, LEGEND = 44 };

typedef struct drawing {
  heta_i_screen screen; /* for the layout only */
  heta_i_cells cells;
  const heta_row *row; /* of the target being drawn */
  heta_i_scale scale;
  size_t y; /* where the next thing is drawn */
} drawing;

static void put_escaped(heta_i_writer *w, const char *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    switch (bytes[i]) {
    case '&': heta_i_puts(w, "&amp;"); break;
    case '<': heta_i_puts(w, "&lt;"); break;
    case '>': heta_i_puts(w, "&gt;"); break;
    default: heta_i_put(w, bytes + i, 1);
    }
  }
}

/* A length in cells as pixels. */
static void put_cells(heta_i_writer *w, size_t cells) {
  size_t tenths = cells * CELL_TENTHS;
  heta_i_putf(w, "%zu.%zu", tenths / 10, tenths % 10);
}

static void put_label(heta_i_writer *w, const char *bytes, size_t size, int32_t id) {
  if (!bytes) {
    heta_i_putf(w, "token %ld", (long)id);
    return;
  }
  heta_i_label label = heta_i_label_make(bytes, size, 60);
  put_escaped(w, label.text, strlen(label.text));
}

static void put_percent(heta_i_writer *w, double value, double whole) {
  heta_i_puts(w, heta_i_number_format("%.2f", 100 * heta_i_share(value, whole)).text);
  heta_i_puts(w, " %");
}

/* What a browser shows when the pointer rests on a unit. */
static void put_hint(const drawing *d, const heta_i_unit *unit, double value) {
  heta_i_writer *w = d->screen.w;
  size_t size;
  const char *text = heta_i_unit_text(d->screen.a, unit, &size);
  heta_i_puts(w, "<title>");
  put_label(w, text, size, 0);
  if (isfinite(value)) {
    heta_i_puts(w, " ");
    put_percent(w, value, d->scale.sum);
    heta_i_puts(w, " of the sum");
  }
  heta_i_puts(w, "</title>");
}

static const char *class_of(const drawing *d, const heta_i_unit *unit, double value) {
  if (d->row->length < unit->last) return "target";
  if (heta_i_unit_apart(d->screen.a, unit)) return "apart";
  if (!isfinite(value)) return "missing";
  if (fabs(heta_i_share(value, d->scale.peak)) > 0.6) return value < 0 ? "minus strong" : "strong";
  return value < 0 ? "minus" : "plain";
}

/* Cells [from, to) of one unit in one line, which begin in column `column`; returns their width. */
static size_t put_run(const drawing *d, size_t from, size_t to, size_t column) {
  heta_i_writer *w = d->screen.w;
  const heta_i_cell *cells = d->cells.cells;
  const heta_i_unit *unit = &d->screen.units->units[cells[from].unit];
  double value = heta_i_unit_value(d->screen.a, d->row, unit);
  const char *kind = class_of(d, unit, value);
  bool shaded = !strcmp(kind, "plain") || strstr(kind, "strong") || strstr(kind, "minus");
  size_t width = 0;
  for (size_t i = from; i < to; i++) width += cells[i].glyph.width;
  heta_i_putf(w, "<g class=\"%s\">", kind);
  put_hint(d, unit, value);
  heta_i_puts(w, "<rect x=\"");
  put_cells(w, column);
  heta_i_putf(w, "\" y=\"%zu\" width=\"", d->y);
  put_cells(w, width);
  heta_i_putf(w, "\" height=\"%d\"", LINE - 4);
  if (shaded) {
    double level = fmin(fabs(heta_i_share(value, d->scale.peak)), 1);
    heta_i_putf(w, " fill-opacity=\"%s\"", heta_i_number_format("%.3f", level).text);
  }
  heta_i_puts(w, "/><text x=\"");
  put_cells(w, column);
  heta_i_putf(w, "\" y=\"%zu\" textLength=\"", d->y + LINE - 9);
  put_cells(w, width);
  heta_i_puts(w, "\" lengthAdjust=\"spacingAndGlyphs\">");
  for (size_t i = from; i < to; i++) {
    const heta_i_cell *cell = &cells[i];
    if (cell->glyph.literal)
      put_escaped(w, cell->bytes, cell->size);
    else
      put_escaped(w, cell->glyph.text, strlen(cell->glyph.text));
  }
  heta_i_puts(w, "</text></g>\n");
  return width;
}

static void put_lines(drawing *d) {
  heta_i_extent extent = heta_i_cells_extent(&d->cells, &d->screen, d->row);
  for (size_t at = 0; at < extent.end;) {
    size_t stop = heta_i_line_end(&d->cells, at, extent.end, COLUMNS), column = 0;
    while (at < stop) {
      size_t to = at + 1;
      while (to < stop && d->cells.cells[to].unit == d->cells.cells[at].unit) to++;
      column += put_run(d, at, to, column);
      at = to;
    }
    d->y += LINE;
  }
}

static void put_title(drawing *d) {
  heta_i_writer *w = d->screen.w;
  const heta_attribution *a = d->screen.a;
  const heta_target *target = heta_i_row_target(a, d->row);
  double logprob = heta_i_row_logprob(a, d->row);
  size_t size;
  const char *text = target ? heta_i_target_text(a, target, &size) : heta_i_targets_text(a, &size);
  heta_i_putf(w, "<text class=\"title\" x=\"0\" y=\"%zu\">Why ", d->y + 20);
  put_label(w, text, size, target ? target->id : 0);
  if (target && target->has_foil) {
    heta_i_puts(w, " rather than ");
    put_label(w, target->foil.bytes, target->foil.byte_count, target->foil.id);
  }
  heta_i_puts(w, target ? "?" : ", as a whole?");
  if (isfinite(logprob)) {
    heta_i_puts(w, "<tspan class=\"soft\" dx=\"12\">probability ");
    put_percent(w, exp(logprob), 1);
    heta_i_puts(w, "</tspan>");
  }
  heta_i_puts(w, "</text>\n");
  d->y += TITLE - LINE + 8;
}

/* A strip from 0, or from minus the peak, to the peak. */
static void put_legend(drawing *d) {
  enum { STEPS = 20, STEP = 9 };
  heta_i_writer *w = d->screen.w;
  bool both = d->screen.a->is_signed;
  int from = both ? -STEPS : 0, x = 0;
  for (int i = from; i <= STEPS; i++, x += STEP)
    heta_i_putf(w,
                "<rect class=\"%s\" x=\"%d\" y=\"%zu\" width=\"%d\" height=\"10\" "
                "fill-opacity=\"%d.%02d\"/>",
                i < 0 ? "against" : "for", x, d->y + 8, STEP, abs(i) / STEPS,
                abs(i) % STEPS * 100 / STEPS);
  heta_i_putf(w, "\n<text class=\"soft\" x=\"%d\" y=\"%zu\">%s", x + 8, d->y + 18,
              both ? "orange against, blue for; at most " : "0 to ");
  put_percent(w, d->scale.peak, d->scale.sum);
  heta_i_putf(w, " of the sum, by %s; outlined: set apart, not in the scale</text>\n",
              heta_level_name(d->screen.rollup->level));
  d->y += LEGEND;
}

static void put_style(heta_i_writer *w) {
  heta_i_puts(
      w, "<style>\n"
         "text { font: 14px \"DejaVu Sans Mono\", \"Noto Sans Mono\", Menlo, Consolas, monospace; "
         "fill: #1b1f27; white-space: pre; }\n"
         ".title { font: 600 17px system-ui, \"DejaVu Sans\", sans-serif; }\n"
         ".soft { font: 13px system-ui, \"DejaVu Sans\", sans-serif; fill: #5c6472; }\n"
         ".plain rect, .strong rect, .for { fill: #0c54b0; }\n"
         ".minus rect, .against { fill: #c45c00; }\n"
         ".strong text { fill: #ffffff; }\n"
         ".target rect { fill: #1b1f27; } .target text { fill: #ffffff; }\n"
         ".apart rect { fill: none; stroke: #98a1b0; stroke-dasharray: 2 2; }\n"
         ".apart text, .missing text { fill: #5c6472; }\n"
         ".missing rect { fill: #eceef2; }\n"
         "</style>\n");
}

/* The height of everything, by the same steps as drawing it. */
static size_t height_of(const drawing *d, const heta_attribution *a) {
  size_t height = 0;
  for (size_t i = 0; i < a->row_count; i++) {
    heta_i_extent extent = heta_i_cells_extent(&d->cells, &d->screen, &a->rows[i]);
    height += TITLE - LINE + 8 + LEGEND;
    for (size_t at = 0; at < extent.end; height += LINE)
      at = heta_i_line_end(&d->cells, at, extent.end, COLUMNS);
  }
  return height;
}

heta_status heta_i_report_svg(heta_i_writer *writer, const heta_attribution *attribution,
                              const heta_i_units *units, const heta_rollup *rollup,
                              heta_error *error) {
  const size_t width = (size_t)COLUMNS * CELL_TENTHS / 10 + 1 + 2 * MARGIN;
  drawing d = {.screen = {.w = writer, .a = attribution, .units = units, .rollup = rollup}};
  HETA_TRY(heta_i_cells_create(&d.screen, &d.cells, error));
  size_t height = height_of(&d, attribution) + 2 * MARGIN;
  heta_i_putf(writer,
              "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%zu\" "
              "viewBox=\"%d %d %zu %zu\" role=\"img\">\n",
              width, height, -MARGIN, -MARGIN, width, height);
  put_style(writer);
  heta_i_putf(writer, "<rect x=\"%d\" y=\"%d\" width=\"%zu\" height=\"%zu\" fill=\"#ffffff\"/>\n",
              -MARGIN, -MARGIN, width, height);
  for (size_t i = 0; i < attribution->row_count; i++) {
    d.row = &attribution->rows[i];
    d.scale = heta_i_row_scale(attribution, d.row, units);
    put_title(&d);
    put_lines(&d);
    put_legend(&d);
  }
  heta_i_puts(writer, "</svg>\n");
  heta_i_cells_free(&d.cells);
  return HETA_OK;
}
