/* write.c: an overview of methods and measures, a table per measure with intervals and tests, what
 * each method costs: for the terminal, in Markdown, LaTeX or CSV. */
#include "cli/eval/write.h"

#include "cli/eval/chart.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { CELL = 96, MOST_COLUMNS = 8 };

/* ---- Plain tables, in any form -------------------------------------------------------------- */

typedef struct grid {
  size_t rows, columns;
  char (*text)[CELL]; /* [rows × columns]; row 0 is the head */
} grid;

static bool open_grid(size_t rows, size_t columns, grid *g) {
  *g = (grid){rows, columns, calloc(rows * columns, CELL)};
  return g->text != NULL;
}

__attribute__((format(printf, 4, 5))) static void put(const grid *g, size_t row, size_t column,
                                                      const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(g->text[row * g->columns + column], CELL, format, arguments);
  va_end(arguments);
}

/* Columns a text takes in a terminal: its characters. */
static size_t width_of(const char *text) {
  size_t width = 0;
  for (; *text; text++) width += (*text & 0xc0) != 0x80;
  return width;
}

static void print_padded(FILE *out, const char *text, size_t width, bool right) {
  size_t own = width_of(text), missing = own < width ? width - own : 0;
  fprintf(out, "%*s%s%*s", right ? (int)missing : 0, "", text, right ? 0 : (int)missing, "");
}

static void print_latex(FILE *out, const char *text) {
  for (; *text; text++) {
    if (strchr("_%&#$", *text)) fputc('\\', out);
    if (strncmp(text, "▲", 3) == 0)
      fputs("$\\blacktriangle$", out), text += 2;
    else if (strncmp(text, "▼", 3) == 0)
      fputs("$\\blacktriangledown$", out), text += 2;
    else
      fputc(*text, out);
  }
}

static void print_html(FILE *out, const char *text) {
  for (; *text; text++) {
    if (*text == '<')
      fputs("&lt;", out);
    else if (*text == '&')
      fputs("&amp;", out);
    else if ((unsigned char)*text < ' ')
      cli_print_safe(out, text, 1);
    else
      fputc(*text, out);
  }
}

static void print_html_grid(FILE *out, const grid *g) {
  fputs("<table>\n", out);
  for (size_t r = 0; r < g->rows; r++) {
    fputs("<tr>", out);
    for (size_t c = 0; c < g->columns; c++) {
      fputs(r ? "<td>" : "<th>", out);
      print_html(out, g->text[r * g->columns + c]);
    }
    fputc('\n', out);
  }
  fputs("</table>\n", out);
}

static void print_grid(FILE *out, const grid *g, eval_form form) {
  size_t widths[64] = {0};
  if (form == EVAL_HTML) {
    print_html_grid(out, g);
    return;
  }
  for (size_t c = 0; c < g->columns; c++) {
    for (size_t r = 0; r < g->rows; r++) {
      size_t width = width_of(g->text[r * g->columns + c]);
      if (width > widths[c]) widths[c] = width;
    }
  }
  if (form == EVAL_LATEX) {
    fputs("\\begin{tabular}{l", out);
    for (size_t c = 1; c < g->columns; c++) fputc('r', out);
    fputs("}\n\\toprule\n", out);
  }
  for (size_t r = 0; r < g->rows; r++) {
    if (form == EVAL_TERM) fputs(r ? "  " : "", out);
    if (form == EVAL_TERM && !r) fprintf(out, "  %s", cli_bold(out));
    if (form == EVAL_MARKDOWN) fputs("| ", out);
    for (size_t c = 0; c < g->columns; c++) {
      const char *text = g->text[r * g->columns + c];
      if (form == EVAL_LATEX) {
        if (c) fputs(" & ", out);
        print_latex(out, text);
      } else {
        if (c) fputs(form == EVAL_MARKDOWN ? " | " : "  ", out);
        print_padded(out, text, widths[c], c > 0);
      }
    }
    if (form == EVAL_MARKDOWN) fputs(" |", out);
    if (form == EVAL_LATEX) fputs(r ? " \\\\" : " \\\\\n\\midrule", out);
    if (form == EVAL_TERM && !r) fputs(cli_plain(out), out);
    fputc('\n', out);
    if (form != EVAL_MARKDOWN || r) continue;
    fputs("|---|", out);
    for (size_t c = 1; c < g->columns; c++) fputs("---:|", out);
    fputc('\n', out);
  }
  if (form == EVAL_LATEX) fputs("\\bottomrule\n\\end{tabular}\n", out);
}

__attribute__((format(printf, 4, 5))) static void heading(FILE *out, eval_form form, int level,
                                                          const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (form == EVAL_HTML) {
    fprintf(out, "<h%d>", level);
    print_html(out, text);
    fprintf(out, "</h%d>\n", level);
    return;
  }
  fputc('\n', out);
  if (form == EVAL_MARKDOWN) fprintf(out, "%.*s ", level, "#####");
  if (form == EVAL_TERM) fputs(cli_bold(out), out);
  if (form == EVAL_LATEX) fputs("% ", out);
  cli_print_safe(out, text, strlen(text)); /* a suite may be called anything */
  if (form == EVAL_TERM) fputs(cli_plain(out), out);
  fputs(form == EVAL_MARKDOWN ? "\n\n" : "\n", out);
}

static void remark(FILE *out, eval_form form, const char *text) {
  if (form == EVAL_TERM) {
    fprintf(out, "  %s", cli_dim(out));
    cli_print_wrapped(out, text, 2, 2, 100);
    fputs(cli_plain(out), out);
  }
  if (form == EVAL_MARKDOWN) fprintf(out, "%s\n\n", text);
  if (form == EVAL_LATEX) fprintf(out, "%% %s\n", text);
  if (form != EVAL_HTML) return;
  fputs("<p>", out);
  print_html(out, text);
  fputs("</p>\n", out);
}

/* ---- Numbers -------------------------------------------------------------------------------- */

/* Enough digits for what is shown: three after the point, more for small numbers. */
static const char *number(double value, char room[32]) {
  if (!isfinite(value))
    snprintf(room, 32, "–");
  else if (value != 0 && fabs(value) < 0.001)
    snprintf(room, 32, "%.1e", value);
  else
    snprintf(room, 32, fabs(value) >= 100 ? "%.1f" : "%.3f", value);
  return room;
}

static const char *sign_of(const eval_cell *cell, const heta_measure_info *measure) {
  if (!(cell->p < 0.05) || !measure->better) return "";
  return (cell->difference.value > 0) == (measure->better > 0) ? "▲" : "▼";
}

/* ---- Tables --------------------------------------------------------------------------------- */

static bool named(const char *list, const char *name) {
  size_t length = strlen(name);
  for (const char *at = list; *at;) {
    size_t word = strcspn(at, ",");
    if (word == length && memcmp(at, name, length) == 0) return true;
    at += word + (at[word] == ',');
  }
  return false;
}

/* Whether a column gets a table of its own. */
static bool wanted(const eval_writing *w, const eval_column *column) {
  const heta_measure_info *measure = column->measure;
  if (measure->points > 1) return false;
  if (w->measures && strcmp(w->measures, "all") != 0) {
    return named(w->measures, measure->name) || named(w->measures, column->metric->name);
  }
  if (!measure->better) return false;
  return w->measures || measure == column->metric->measures;
}

static int write_measure(const eval_writing *w, const eval_column *column, size_t suite) {
  FILE *out = w->out;
  const eval_results *r = w->results;
  const heta_measure_info *measure = column->measure;
  eval_cell *cells = calloc(r->config_count + 1, sizeof *cells);
  char a[32], b[32], c[32], remarks[600], settings[EVAL_SETTINGS];
  size_t count = 0;
  grid g = {0};
  int code = cells ? eval_results_cells(r, column, suite, w->against, cells, &count) : CLI_FAILED;
  bool compared = w->against != SIZE_MAX, chance = measure->chance != NULL;
  if (!code && count && !open_grid(count + 1, 4 + chance + 2 * compared, &g)) code = CLI_FAILED;
  if (!code && count) {
    eval_results_apart(r, column, settings);
    heading(out, w->form, 3, "%s%s%s", measure->name, *settings ? ", " : "", settings);
    snprintf(remarks, sizeof remarks, "%s%s; %s is better%s%s%s%s.", measure->text,
             measure->over && !column->metric->percent ? ", as ln of a ratio of sums" : "",
             measure->better > 0   ? "higher"
             : measure->better < 0 ? "lower"
                                   : "neither",
             column->settings[0] ? " (" : "", column->settings, column->settings[0] ? ")" : "", "");
    remark(out, w->form, remarks);
    size_t at = 0;
    put(&g, 0, at++, "method");
    put(&g, 0, at++, "%s", measure->name);
    put(&g, 0, at++, "95 %% interval");
    if (chance) put(&g, 0, at++, "chance");
    if (compared) put(&g, 0, at++, "− %.60s", r->configs[w->against].label);
    if (compared) put(&g, 0, at++, "p");
    put(&g, 0, at++, "n");
    for (size_t i = 0; i < count; i++) {
      const eval_cell *cell = &cells[i];
      at = 0;
      put(&g, i + 1, at++, "%.90s", r->configs[cell->config].label);
      put(&g, i + 1, at++, "%s", number(cell->estimate.value, a));
      put(&g, i + 1, at++, "%s … %s", number(cell->estimate.low, a),
          number(cell->estimate.high, b));
      if (chance) put(&g, i + 1, at++, "%s", number(cell->chance.value, a));
      bool other = compared && cell->config != w->against;
      if (compared && other) {
        put(&g, i + 1, at, "%s [%s, %s] %s", number(cell->difference.value, a),
            number(cell->difference.low, b), number(cell->difference.high, c),
            sign_of(cell, measure));
        put(&g, i + 1, at + 1, "%s", number(cell->p, a));
      }
      at += compared ? 2 : 0;
      if (cell->estimate.sources == cell->estimate.questions)
        put(&g, i + 1, at++, "%zu", cell->estimate.questions);
      else
        put(&g, i + 1, at++, "%zu of %zu sources", cell->estimate.questions,
            cell->estimate.sources);
    }
    print_grid(out, &g, w->form);
  }
  free(g.text);
  free(cells);
  return code ? cli_fail(CLI_FAILED, "out of memory") : CLI_DONE;
}

/* How many of the next columns make one grid: those of the same settings, where several tell
 * columns of a measure apart. */
static size_t alike(const eval_results *r, const eval_column *const *columns, size_t count,
                    char settings[EVAL_SETTINGS]) {
  char own[EVAL_SETTINGS];
  size_t here = 1;
  eval_results_apart(r, columns[0], settings);
  while (here < count && here < MOST_COLUMNS &&
         !strcmp(eval_results_apart(r, columns[here], own), settings)) {
    here++;
  }
  return here;
}

/* Takes away the rows that have a name alone. */
static void drop_empty(grid *g) {
  size_t kept = 1;
  for (size_t row = 1; row < g->rows; row++) {
    bool empty = true;
    for (size_t c = 1; c < g->columns; c++) empty &= !*g->text[row * g->columns + c];
    if (empty) continue;
    memmove(g->text[kept++ * g->columns], g->text[row * g->columns], g->columns * CELL);
  }
  g->rows = kept;
}

/* Methods × measures, the values alone: several grids when there are many measures. */
static int write_overview(const eval_writing *w, size_t suite) {
  FILE *out = w->out;
  const eval_results *r = w->results;
  eval_cell *cells = calloc(r->config_count + 1, sizeof *cells);
  const eval_column **columns = calloc(r->column_count + 1, sizeof(const eval_column *));
  size_t used = 0, count = 0;
  int code = cells && columns ? CLI_DONE : CLI_FAILED;
  char a[32], settings[EVAL_SETTINGS];
  for (size_t i = 0; !code && i < r->column_count; i++) {
    const eval_column *column = &r->columns[i];
    if (!wanted(w, column) || !eval_results_values(r, column, suite, NULL)) continue;
    columns[used++] = column;
  }
  for (size_t from = 0, here; !code && from < used; from += here) {
    grid g;
    here = alike(r, columns + from, used - from, settings);
    if (!open_grid(r->config_count + 1, here + 1, &g)) code = CLI_FAILED;
    if (code) break;
    put(&g, 0, 0, "method");
    for (size_t i = 0; i < r->config_count; i++) put(&g, i + 1, 0, "%.90s", r->configs[i].label);
    for (size_t k = 0; !code && k < here; k++) {
      const eval_column *column = columns[from + k];
      const heta_measure_info *measure = column->measure;
      put(&g, 0, k + 1, "%s %s", measure->name, measure->better > 0 ? "↑" : "↓");
      code = eval_results_cells(r, column, suite, w->against, cells, &count);
      for (size_t i = 0; !code && i < count; i++) {
        put(&g, cells[i].config + 1, k + 1, "%s%s", number(cells[i].estimate.value, a),
            sign_of(&cells[i], measure));
      }
    }
    if (!code && *settings) {
      drop_empty(&g);
      remark(out, w->form, settings);
    }
    if (!code) print_grid(out, &g, w->form);
    if (!code && from + here < used) fputc('\n', out);
    free(g.text);
  }
  free(cells);
  free(columns);
  return code ? cli_fail(CLI_FAILED, "out of memory") : CLI_DONE;
}

static int write_costs(const eval_writing *w) {
  FILE *out = w->out;
  const eval_results *r = w->results;
  grid g;
  if (!open_grid(r->config_count + 1, 6, &g)) return cli_fail(CLI_FAILED, "out of memory");
  heading(out, w->form, 2, "What a score vector costs");
  remark(out, w->form,
         "Means of a question. Times are those of the machine that ran it, whatever else "
         "it did; passes and operations are the method's own.");
  static const char *const HEAD[] = {"method", "passes", "GFLOP", "seconds", "vectors", "failed"};
  for (size_t c = 0; c < 6; c++) put(&g, 0, c, "%s", HEAD[c]);
  for (size_t i = 0; i < r->config_count; i++) {
    const eval_config *c = &r->configs[i];
    put(&g, i + 1, 0, "%.90s", c->label);
    put(&g, i + 1, 1, "%.0f", c->passes);
    put(&g, i + 1, 2, "%.1f", c->flop / 1e9);
    put(&g, i + 1, 3, "%.2f", c->seconds);
    put(&g, i + 1, 4, "%zu", c->scores);
    put(&g, i + 1, 5, "%zu", c->problems);
  }
  print_grid(out, &g, w->form);
  free(g.text);
  return CLI_DONE;
}

/* ---- CSV ------------------------------------------------------------------------------------ */

static void csv_text(FILE *out, const char *text) {
  fputc('"', out);
  for (; *text; text++) {
    if (*text == '"') fputc('"', out);
    fputc(*text, out);
  }
  fputc('"', out);
}

static void csv_number(FILE *out, double value) {
  fputc(',', out);
  if (isfinite(value)) fprintf(out, "%.9g", value);
}

static int write_csv(const eval_writing *w, const eval_column *column, size_t suite) {
  FILE *out = w->out;
  const eval_results *r = w->results;
  eval_cell *cells = calloc(r->config_count + 1, sizeof *cells);
  size_t count = 0;
  int code = cells ? eval_results_cells(r, column, suite, w->against, cells, &count) : CLI_FAILED;
  for (size_t i = 0; !code && i < count; i++) {
    const eval_cell *cell = &cells[i];
    const char *texts[] = {r->suites[suite], column->metric->name, column->measure->name,
                           column->settings, r->configs[cell->config].label};
    for (size_t t = 0; t < 5; t++) {
      if (t) fputc(',', out);
      csv_text(out, texts[t]);
    }
    fprintf(out, ",%zu,%zu", cell->estimate.questions, cell->estimate.sources);
    csv_number(out, cell->estimate.value);
    csv_number(out, cell->estimate.low);
    csv_number(out, cell->estimate.high);
    csv_number(out, column->measure->chance ? cell->chance.value : NAN);
    bool compared = w->against != SIZE_MAX && cell->config != w->against;
    csv_number(out, compared ? cell->difference.value : NAN);
    csv_number(out, compared ? cell->difference.low : NAN);
    csv_number(out, compared ? cell->difference.high : NAN);
    csv_number(out, compared ? cell->p : NAN);
    fputc('\n', out);
  }
  free(cells);
  return code ? cli_fail(CLI_FAILED, "out of memory") : CLI_DONE;
}

/* ---- All of it ------------------------------------------------------------------------------ */

static void write_title(const eval_writing *w, size_t suite) {
  FILE *out = w->out;
  const eval_results *r = w->results;
  size_t questions = 0, sources = 0, first = 0, last = SIZE_MAX;
  double logprob = 0;
  char a[32];
  for (size_t q = 0; q < r->question_count; q++) {
    if (r->questions[q].suite != suite) continue;
    questions++;
    sources += r->questions[q].source != last;
    last = r->questions[q].source;
    first += r->questions[q].rank == 1;
    logprob += r->questions[q].logprob;
  }
  if (!questions) return;
  heading(out, w->form, 2, "Suite %s, model %s (%.12s…)", r->suites[suite],
          r->model[0] ? r->model : "without a name", r->fingerprint);
  char text[400];
  snprintf(text, sizeof text,
           "%zu questions%s from %zu sources; the target is the model's first choice in %zu; mean "
           "log-probability %s.",
           questions, w->answered ? " that the model answers" : "", sources, first,
           number(logprob / (double)questions, a));
  remark(out, w->form, text);
}

static int write_charts(const eval_writing *w, size_t suite) {
  int code = CLI_DONE;
  for (int chart = 0; !code && chart < EVAL_CHARTS; chart++) {
    bool drawn;
    code = eval_chart_write(w->out, w->results, (eval_chart)chart, suite, &drawn);
  }
  return code;
}

static const char PAGE[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Evaluation</title>\n"
    "<style>body{font:15px/1.4 sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .7em;text-align:right;"
    "border-bottom:1px solid #ddd}td{white-space:nowrap}"
    "td:first-child,th:first-child{text-align:left}"
    "svg{display:block;max-width:100%;height:auto;margin:1em "
    "0}p{color:#444}</style></head>\n<body>\n"
    "<h1>Evaluation</h1>\n";

int eval_write(const eval_writing *w) {
  FILE *out = w->out;
  const eval_results *r = w->results;
  int code = CLI_DONE;
  if (w->form == EVAL_HTML) fputs(PAGE, out);
  if (w->form == EVAL_CSV) {
    fputs("suite,metric,measure,settings,method,questions,sources,value,low,high,chance,difference,"
          "difference_low,difference_high,p\n",
          out);
  }
  for (size_t s = 0; !code && s < r->suite_count; s++) {
    if (w->suite && strcmp(w->suite, r->suites[s]) != 0) continue;
    if (w->form != EVAL_CSV) {
      write_title(w, s);
      if (w->form == EVAL_HTML) code = write_charts(w, s);
      if (!code) code = write_overview(w, s);
    }
    for (size_t c = 0; !code && c < r->column_count; c++) {
      bool csv = w->form == EVAL_CSV && !w->measures && r->columns[c].measure->points == 1;
      if (!csv && !wanted(w, &r->columns[c])) continue;
      code = w->form == EVAL_CSV ? write_csv(w, &r->columns[c], s)
                                 : write_measure(w, &r->columns[c], s);
    }
  }
  if (!code && w->form != EVAL_CSV) code = write_costs(w);
  if (!code && w->form == EVAL_HTML) fputs("</body></html>\n", out);
  return code;
}
