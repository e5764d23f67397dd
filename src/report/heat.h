/* heat.h: the text of a result as a heat map on a terminal. */
#ifndef HETA_REPORT_HEAT_H
#define HETA_REPORT_HEAT_H

#include "report/screen.h"

/* One glyph of the text, in its unit. */
typedef struct heta_i_cell {
  heta_i_glyph glyph;
  const char *bytes; /* of the source: [bytes, bytes + size) */
  size_t size, unit;
} heta_i_cell;

/* The whole text laid out once, for all targets. */
typedef struct heta_i_cells {
  heta_i_cell *cells;
  size_t count;
} heta_i_cells;

/* Release with heta_i_cells_free. HETA_E_MEMORY. */
heta_status heta_i_cells_create(const heta_i_screen *screen, heta_i_cells *out, heta_error *error);
void heta_i_cells_free(heta_i_cells *cells);

/* The cells that are drawn for a row: [0, end), the target's begin at `target` (SIZE_MAX: there are
 * none). */
typedef struct heta_i_extent {
  size_t end, target;
} heta_i_extent;
heta_i_extent heta_i_cells_extent(const heta_i_cells *cells, const heta_i_screen *screen,
                                  const heta_row *row);
/* Where the line that starts at cell `from` ends: after a line break, else after the last space or
 * beside the last wide character that fits in `width`, else anywhere. */
size_t heta_i_line_end(const heta_i_cells *cells, size_t from, size_t end, size_t width);

/* The text up to the row's target, wrapped, each unit in the colour of its share; the target stands
 * in brackets. */
void heta_i_heat_map(heta_i_screen *screen, const heta_i_cells *cells, const heta_row *row,
                     heta_i_scale scale);
/* What the colours mean: a strip from 0 (or from minus the peak) to the peak. */
void heta_i_heat_legend(heta_i_screen *screen, heta_i_scale scale);
/* The same without colour: every unit with its share and a bar. */
void heta_i_heat_table(heta_i_screen *screen, const heta_row *row, heta_i_scale scale);

#endif
