/* bench_show.c: the table of `heta bench`, for people, documents and programs. */
#include "cli/bench.h"

#include <math.h>
#include <string.h>

enum { COLUMNS = 6, PART_COLUMNS = 5, CELL = 40 };

/* Cells of a table as text; rows are printed aligned or as Markdown. */
static void print_cells(char cells[COLUMNS][CELL], size_t columns, bool markdown) {
  for (size_t i = 0; i < columns; i++) {
    const char *between = markdown ? "| " : i ? "  " : "";
    printf("%s%*s", between, i ? 13 : -20, cells[i]);
    if (markdown) putchar(' ');
  }
  puts(markdown ? "|" : "");
}

static void print_rule(size_t columns) {
  for (size_t i = 0; i < columns; i++) printf(i ? "|---:" : "|---");
  puts("|");
}

static void number(char cell[CELL], const char *format, double value) {
  if (value > 0 && isfinite(value))
    snprintf(cell, CELL, format, value);
  else
    cell[0] = 0;
}

static double share(const cli_bench_part *part) {
  return part->rate > 0 && part->seconds > 0 ? part->flop / part->seconds / part->rate : 0;
}

static void print_part(const cli_bench_part *part, bool markdown) {
  char cells[COLUMNS][CELL];
  snprintf(cells[0], CELL, "%s", part->name);
  snprintf(cells[1], CELL, "%.2f", part->seconds);
  number(cells[2], "%.0f", part->flop / 1e9);
  number(cells[3], "%.1f", part->seconds > 0 ? part->flop / part->seconds / 1e9 : 0);
  number(cells[4], "%.0f %%", 100 * share(part));
  print_cells(cells, PART_COLUMNS, markdown);
}

static double json_at(const json_t *object, const char *key, const char *inner) {
  const json_t *value = json_object_get(json_object_get(object, key), inner);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

/* What bench/compare.py found: seconds of every program, and how many times ours. */
static void print_against(const json_t *found, bool markdown) {
  static const char *const PARTS[] = {"gate", "information", "curvature", "total"};
  const json_t *columns = json_object_get(found, "columns");
  char cells[COLUMNS][CELL] = {"seconds"};
  size_t shown = 0, count = json_array_size(columns);
  for (size_t i = 0; i < count && shown + 1 < COLUMNS; i++) {
    const char *name = json_string_value(json_object_get(json_array_get(columns, i), "name"));
    snprintf(cells[++shown], CELL, "%.12s", name ? name : "");
    if (i && shown + 1 < COLUMNS) snprintf(cells[++shown], CELL, "ratio");
  }
  putchar('\n');
  print_cells(cells, shown + 1, markdown);
  if (markdown) print_rule(shown + 1);
  for (size_t p = 0; p < sizeof PARTS / sizeof *PARTS; p++) {
    double ours = json_at(json_array_get(columns, 0), "seconds", PARTS[p]);
    snprintf(cells[0], CELL, "%s", PARTS[p]);
    shown = 0;
    for (size_t i = 0; i < count && shown + 1 < COLUMNS; i++) {
      double theirs = json_at(json_array_get(columns, i), "seconds", PARTS[p]);
      number(cells[++shown], "%.2f", theirs);
      if (i && shown + 1 < COLUMNS) number(cells[++shown], "%.1f", theirs / ours);
    }
    print_cells(cells, shown + 1, markdown);
  }
  const char *note = json_string_value(json_object_get(found, "note"));
  putchar('\n');
  cli_print_wrapped(stdout, note ? note : "", 0, 0, markdown ? 500 : 90);
}

static void print_head(const cli_bench *bench, bool markdown) {
  char text[512];
  snprintf(text, sizeof text,
           "heta %s, %s, %zu context tokens, %s curvature, %llu probes%s, %d thread%s, %s; medians "
           "of %llu; load %.1f at the start",
           heta_version(), bench->model->name[0] ? bench->model->name : bench->model->file,
           bench->tokens, bench->curvature, (unsigned long long)bench->probes,
           bench->probes_run < bench->probes ? " (one was run, and counted as all)" : "",
           bench->threads, bench->threads == 1 ? "" : "s", bench->cpu,
           (unsigned long long)bench->repeats, bench->load);
  cli_print_wrapped(stdout, text, 0, 0, markdown ? 500 : 90);
  putchar('\n');
}

static int show_table(const cli_bench *bench, bool markdown) {
  char cells[COLUMNS][CELL] = {"", "seconds", "GFLOP", "GFLOP/s", "of the GEMMs"};
  char peak[CLI_SHORT], planned[CLI_SHORT];
  print_head(bench, markdown);
  print_cells(cells, PART_COLUMNS, markdown);
  if (markdown) print_rule(PART_COLUMNS);
  for (int i = 0; i < 2; i++) {
    snprintf(cells[0], CELL, "GEMMs, %s", i ? "reverse" : "forward");
    cells[1][0] = cells[2][0] = cells[4][0] = 0;
    number(cells[3], "%.1f", (i ? bench->reverse : bench->forward) / 1e9);
    print_cells(cells, PART_COLUMNS, markdown);
  }
  for (size_t i = 0; i < bench->count; i++) print_part(&bench->part[i], markdown);
  printf("\npeak memory %s, planned %s\n", cli_bytes_text(bench->peak, peak),
         cli_bytes_text(bench->planned, planned));
  if (bench->against) print_against(bench->against, markdown);
  return cli_close_output(CLI_DONE);
}

static int show_json(const cli_bench *bench) {
  json_t *object = json_object(), *parts = json_array();
  cli_json_set(object, "heta_version", cli_json_string(heta_version()));
  cli_json_set(object, "model", cli_json_string(bench->model->file));
  cli_json_set(object, "fingerprint", cli_json_string(bench->model->fingerprint));
  cli_json_set(object, "cpu", cli_json_string(bench->cpu));
  cli_json_set(object, "threads", cli_json_count((uint64_t)bench->threads));
  cli_json_set(object, "load", cli_json_number(bench->load));
  cli_json_set(object, "context_tokens", cli_json_count(bench->tokens));
  cli_json_set(object, "curvature", cli_json_string(bench->curvature));
  cli_json_set(object, "probes", cli_json_count(bench->probes));
  cli_json_set(object, "probes_run", cli_json_count(bench->probes_run));
  cli_json_set(object, "repeats", cli_json_count(bench->repeats));
  cli_json_set(object, "gemm_forward", cli_json_number(bench->forward));
  cli_json_set(object, "gemm_reverse", cli_json_number(bench->reverse));
  cli_json_set(object, "peak_bytes", cli_json_count(bench->peak));
  cli_json_set(object, "planned_bytes", cli_json_count(bench->planned));
  cli_json_set(object, "planned_seconds", cli_json_number(bench->planned_seconds));
  for (size_t i = 0; i < bench->count; i++) {
    const cli_bench_part *part = &bench->part[i];
    json_t *row = json_object();
    cli_json_set(row, "name", cli_json_string(part->name));
    cli_json_set(row, "seconds", cli_json_number(part->seconds));
    cli_json_set(row, "flop", cli_json_number(part->flop));
    cli_json_set(row, "gemm_share", part->rate > 0 ? cli_json_number(share(part)) : json_null());
    cli_json_append(parts, row);
  }
  cli_json_set(object, "parts", parts);
  cli_json_set(object, "against", bench->against ? json_incref(bench->against) : json_null());
  return cli_json_print(object);
}

static int show_peers_table(const json_t *found, bool markdown) {
  char cells[COLUMNS][CELL] = {"method", "package", "heta, s", "package, s", "ratio", "difference"};
  const char *note = json_string_value(json_object_get(found, "note"));
  const json_t *rows = json_object_get(found, "rows");
  cli_print_wrapped(stdout, note ? note : "", 0, 0, markdown ? 500 : 90);
  putchar('\n');
  print_cells(cells, COLUMNS, markdown);
  if (markdown) print_rule(COLUMNS);
  for (size_t i = 0; i < json_array_size(rows); i++) {
    const json_t *row = json_array_get(rows, i);
    const char *method = json_string_value(json_object_get(row, "method"));
    const char *package = json_string_value(json_object_get(row, "package"));
    snprintf(cells[0], CELL, "%s", method ? method : "");
    snprintf(cells[1], CELL, "%s", package ? package : "");
    number(cells[2], "%.2f", json_number_value(json_object_get(row, "heta_seconds")));
    number(cells[3], "%.2f", json_number_value(json_object_get(row, "peer_seconds")));
    number(cells[4], "%.1f", json_number_value(json_object_get(row, "ratio")));
    number(cells[5], "%.1e", json_number_value(json_object_get(row, "difference")));
    print_cells(cells, COLUMNS, markdown);
  }
  cli_print_wrapped(stdout,
                    "\ndifference: the largest of two scores, in the package's largest score", 0, 0,
                    markdown ? 500 : 90);
  return cli_close_output(CLI_DONE);
}

int cli_bench_show_peers(const json_t *found, int format) {
  return format == CLI_BENCH_JSON ? cli_json_print(json_deep_copy(found))
                                  : show_peers_table(found, format == CLI_BENCH_MARKDOWN);
}

int cli_bench_show(const cli_bench *bench, int format) {
  return format == CLI_BENCH_JSON ? show_json(bench)
                                  : show_table(bench, format == CLI_BENCH_MARKDOWN);
}
