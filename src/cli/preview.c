/* preview.c: the first colours, drawn on standard error, where the progress bar is as well, and
 * taken away before the final result is written in the same place. */
#include "cli/preview.h"

#include "cli/output.h"
#include "cli/progress.h"

#include <stdlib.h>
#include <unistd.h>

static size_t lines_shown;

void cli_preview_clear(void) {
  if (!lines_shown) return;
  cli_progress_clear();
  fprintf(stderr, "\033[%zuA\r\033[J", lines_shown);
  fflush(stderr);
  lines_shown = 0;
}

void cli_preview_show(const heta_attribution *attribution) {
  if (!isatty(STDOUT_FILENO) || !cli_is_terminal(stderr)) return;
  heta_report_options options = heta_report_options_default();
  char *bytes = NULL;
  size_t size = 0, lines = 1;
  FILE *page = open_memstream(&bytes, &size);
  if (!page) return;
  options.color = cli_color(stderr);
  options.columns = cli_columns(stderr);
  heta_status status =
      heta_report_write(attribution, "term", &options, cli_write_stream, page, NULL);
  if (fclose(page) == 0 && status == HETA_OK) {
    for (size_t i = 0; i < size; i++) lines += bytes[i] == '\n';
    /* What has scrolled off the screen cannot be taken away again. */
    if (lines + 2 < cli_lines(stderr)) {
      cli_preview_clear();
      cli_progress_clear();
      fprintf(stderr, "%sfirst colours; the numbers will still change%s\n", cli_dim(stderr),
              cli_plain(stderr));
      fwrite(bytes, 1, size, stderr);
      fflush(stderr);
      lines_shown = lines;
    }
  }
  free(bytes);
}
