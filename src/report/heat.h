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

/* The text up to the row's target, wrapped, each unit in the colour of its share; the target stands
 * in brackets. */
void heta_i_heat_map(heta_i_screen *screen, const heta_i_cells *cells, const heta_row *row,
                     heta_i_scale scale);
/* What the colours mean: a strip from 0 (or from minus the peak) to the peak. */
void heta_i_heat_legend(heta_i_screen *screen, heta_i_scale scale);
/* The same without colour: every unit with its share and a bar. */
void heta_i_heat_table(heta_i_screen *screen, const heta_row *row, heta_i_scale scale);

#endif
