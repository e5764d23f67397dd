/* preview.c: the first colours, drawn on standard error, where the progress bar is as well, and
 * taken away before the final result is written in the same place.
 *
 * Scores come last, from all components together. Until there are any, the rows are coloured by the
 * component that was finished last: HETA's gate, then its gradient. */
#include "cli/preview.h"

#include "cli/output.h"
#include "cli/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t lines_shown;
static uint64_t finished; /* a bit for each component that was finished at the last look */

void cli_preview_clear(void) {
  if (!lines_shown) return;
  cli_progress_clear();
  fprintf(stderr, "\033[%zuA\r\033[J", lines_shown);
  fflush(stderr);
  lines_shown = 0;
}

static size_t known(const double *values, size_t count) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) found += isfinite(values[i]) != 0;
  return found;
}

static bool has_scores(const heta_attribution *attribution) {
  for (size_t r = 0; r < attribution->row_count; r++) {
    if (known(attribution->rows[r].score, attribution->rows[r].length)) return true;
  }
  return false;
}

static bool is_finished(const heta_attribution *attribution, size_t component) {
  for (size_t r = 0; r < attribution->row_count; r++) {
    const heta_row *row = &attribution->rows[r];
    if (known(row->components[component], row->length) < row->length) return false;
  }
  return attribution->row_count > 0;
}

/* The first component finished since the last look, or SIZE_MAX. */
static size_t news(const heta_attribution *attribution) {
  size_t found = SIZE_MAX;
  for (size_t c = 0; c < attribution->component_count && c < 64; c++) {
    if (finished >> c & 1 || !is_finished(attribution, c)) continue;
    finished |= (uint64_t)1 << c;
    if (found == SIZE_MAX) found = c;
  }
  return found;
}

/* Bytes of the first `lines` lines, all if there are fewer. */
static size_t beginning(const char *bytes, size_t size, size_t lines) {
  size_t at = 0;
  while (at < size && lines) lines -= bytes[at++] == '\n';
  return at;
}

/* Draws the report with a heading in place of what was drawn before. Of one that is longer than the
 * screen the beginning: what has scrolled away could not be taken back. */
static void draw(const heta_attribution *attribution, const char *heading) {
  heta_report_options options = heta_report_options_default();
  char *bytes = NULL;
  size_t size = 0, lines = 1, screen = cli_lines(stderr);
  FILE *page = open_memstream(&bytes, &size);
  if (!page) return;
  options.color = cli_color(stderr);
  options.columns = cli_columns(stderr);
  heta_status status =
      heta_report_write(attribution, "term", &options, cli_write_stream, page, NULL);
  bool fine = fclose(page) == 0 && status == HETA_OK;
  if (fine && screen > 6) {
    size_t shown = beginning(bytes, size, screen - 5);
    for (size_t i = 0; i < shown; i++) lines += bytes[i] == '\n';
    cli_preview_clear();
    cli_progress_clear();
    fprintf(stderr, "%s%s%s\n", cli_dim(stderr), heading, cli_plain(stderr));
    fwrite(bytes, 1, shown, stderr);
    if (shown < size) {
      fprintf(stderr, "%s …%s\n", cli_dim(stderr), cli_plain(stderr));
      lines++;
    }
    fflush(stderr);
    lines_shown = lines;
  }
  free(bytes);
}

/* Draws the rows with one component in the place of the score. */
static void draw_component(const heta_attribution *attribution, size_t component) {
  heta_attribution shown = *attribution;
  heta_row *rows = calloc(attribution->row_count, sizeof *rows);
  char heading[96];
  if (!rows) return;
  memcpy(rows, attribution->rows, attribution->row_count * sizeof *rows);
  for (size_t r = 0; r < attribution->row_count; r++) {
    rows[r].score = rows[r].components[component];
    rows[r].signed_score = rows[r].score_se = NULL;
    rows[r].tied_with_next = NULL;
    rows[r].score_df = NULL;
    rows[r].status = HETA_ROW_COMPLETE;
  }
  shown.rows = rows;
  shown.complete = true;
  snprintf(heading, sizeof heading, "first colours: the %s alone; the scores follow",
           attribution->components[component].name);
  draw(&shown, heading);
  free(rows);
}

void cli_preview_show(const heta_attribution *attribution) {
  if (!isatty(STDOUT_FILENO) || !cli_is_terminal(stderr)) return;
  if (has_scores(attribution)) {
    draw(attribution, "the scores so far");
    return;
  }
  size_t component = news(attribution);
  if (component < attribution->component_count) draw_component(attribution, component);
}
