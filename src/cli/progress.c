/* progress.c: one line that says phase, share done, time gone, time left and memory held. */
#include "cli/progress.h"

#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WIDEST_BAR = 32, PHASE = 12 };

static struct {
  bool started, bar, shown;
  double last; /* seconds of the job at the last line */
} state;

void cli_progress_start(void) {
  state.started = true;
  state.bar = cli_is_terminal(stderr);
  state.last = 0;
}

void cli_progress_clear(void) {
  if (!state.shown) return;
  fputs("\r\033[K", stderr);
  fflush(stderr);
  state.shown = false;
}

/* Memory held now; the peak where the system does not tell. */
static uint64_t resident_bytes(void) {
  char line[128] = "", *rest;
  FILE *file = fopen("/proc/self/statm", "r"); /* pages: total, resident, … */
  if (file) {
    const char *got = fgets(line, sizeof line, file);
    fclose(file);
    strtoull(line, &rest, 10);
    if (got && rest != line) {
      return strtoull(rest, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
    }
  }
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}

static void draw_bar(double done, size_t width) {
  size_t full = (size_t)(done * (double)width + 0.5);
  for (size_t i = 0; i < width; i++) {
    if (i == full) fputs(cli_dim(stderr), stderr);
    fputs("━", stderr);
  }
  fputs(cli_plain(stderr), stderr);
}

void cli_progress_show(const heta_progress *progress) {
  double interval = state.bar ? 0.1 : 10;
  if (!state.started) return;
  if (progress->seconds - state.last < interval && (state.shown || !state.bar)) return;
  state.last = progress->seconds;

  char elapsed[CLI_SHORT], left[CLI_SHORT], memory[CLI_SHORT], numbers[160];
  double done = progress->done >= 0 && progress->done <= 1 ? progress->done : progress->done > 1;
  bool known = progress->remaining >= 0 && isfinite(progress->remaining);
  cli_clock_text(progress->seconds, elapsed);
  cli_clock_text(ceil(known ? progress->remaining : 0), left);
  cli_bytes_text(resident_bytes(), memory);
  int width = snprintf(numbers, sizeof numbers, "%3.0f %%  %s%s%s%s  %s", floor(100 * done),
                       elapsed, known ? ", " : "", known ? left : "", known ? " left" : "", memory);
  if (!state.bar) {
    fprintf(stderr, "%s %s\n", progress->phase, numbers);
    return;
  }
  size_t columns = cli_columns(stderr), taken = PHASE + 2 + (size_t)width;
  if (columns <= taken) {
    fprintf(stderr, "\r%3.0f %%\033[K", floor(100 * done));
  } else {
    fprintf(stderr, "\r%-*.*s ", PHASE, PHASE, progress->phase);
    draw_bar(done, columns - taken > WIDEST_BAR ? WIDEST_BAR : columns - taken);
    fprintf(stderr, " %s\033[K", numbers);
  }
  fflush(stderr);
  state.shown = true;
}
