/* chart.c: draws what the tables say: intervals, curves, ablations, cost against faithfulness, a
 * sweep. */
#include "cli/eval/chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Colours that remain apart for colour-blind readers (Okabe and Ito 2008), and dashes beyond. */
static const char *const COLOURS[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                      "#e69f00", "#56b4e9", "#000000", "#8a8a00"};
enum { COLOUR_COUNT = sizeof COLOURS / sizeof *COLOURS };
static const char *const DASHES[] = {"none", "6 3", "2 3"};

enum { WIDTH = 940, ROW = 18, PANEL = 260, GAP = 20, HEAD = 44, LEGEND = 440 };

static const char *colour(size_t index) { return COLOURS[index % COLOUR_COUNT]; }
static const char *dashes(size_t index) { return DASHES[index / COLOUR_COUNT % 3]; }

static void escape(FILE *file, const char *text) {
  for (; *text; text++) {
    const char *as = *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : *text == '&' ? "&amp;" : NULL;
    if (as)
      fputs(as, file);
    else
      fputc(*text, file);
  }
}

static void open_svg(FILE *file, int width, int height, const char *title) {
  fprintf(file,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
          "viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n"
          "<title>",
          width, height, width, height);
  escape(file, title);
  fprintf(file, "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", width, height);
}

static void text_at(FILE *file, double x, double y, const char *anchor, const char *style,
                    const char *text) {
  fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" %s>", x, y, anchor, style);
  escape(file, text);
  fputs("</text>\n", file);
}

static void line_at(FILE *file, double x, double y, double u, double v, const char *style) {
  fprintf(file, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x, y, u, v, style);
}

static int larger(int a, int b) { return a > b ? a : b; }

/* Room for the longest label, at least for those of methods that were run in one way. */
static int label_width(const eval_results *r) {
  int longest = 0;
  for (size_t i = 0; i < r->config_count; i++) {
    longest = larger(longest, (int)strlen(r->configs[i].label));
  }
  return larger(288, 7 * longest);
}

/* ---- Axes ----------------------------------------------------------------------------------- */

typedef struct axis {
  double low, high; /* values */
  double from, to;  /* where they lie */
  bool logarithmic;
} axis;

static double place(const axis *a, double value) {
  double low = a->low, high = a->high;
  if (a->logarithmic) value = log(value), low = log(low), high = log(high);
  return a->from + (a->to - a->from) * (high > low ? (value - low) / (high - low) : 0.5);
}

static void include(axis *a, double value) {
  if (!isfinite(value)) return;
  if (!(a->low <= value)) a->low = value;
  if (!(a->high >= value)) a->high = value;
}

/* 1, 2 or 5 times a power of ten: about four steps. */
static double step_of(double range) {
  double power = pow(10, floor(log10(range / 4)));
  double times = range / 4 / power;
  return power * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10);
}

static void widen(axis *a) {
  if (a->logarithmic) {
    a->low = pow(10, floor(log10(a->low)));
    a->high = pow(10, ceil(log10(a->high) + 1e-9));
    return;
  }
  double range = a->high - a->low;
  if (!(range > 0)) range = fabs(a->low) > 0 ? fabs(a->low) : 1;
  a->low -= 0.05 * range;
  a->high += 0.05 * range;
}

/* Marks of an axis: lines across `other` and numbers. */
static void draw_marks(FILE *file, const axis *a, double from, double to, bool vertical) {
  char text[32];
  double step = a->logarithmic ? 10 : step_of(a->high - a->low);
  double mark = a->logarithmic ? a->low : ceil(a->low / step) * step;
  for (int i = 0; i < 20 && mark <= a->high * (1 + 1e-12) + (a->logarithmic ? 0 : 1e-12 * step);
       i++) {
    double at = place(a, mark);
    snprintf(text, sizeof text, "%.4g", fabs(mark) < 1e-9 * step ? 0 : mark);
    if (vertical) {
      line_at(file, from, at, to, at, "stroke=\"#ddd\"");
      text_at(file, from - 6, at + 4, "end", "fill=\"#555\" font-size=\"10\"", text);
    } else {
      line_at(file, at, from, at, to, "stroke=\"#ddd\"");
      text_at(file, at, to + 13, "middle", "fill=\"#555\" font-size=\"10\"", text);
    }
    mark = a->logarithmic ? mark * 10 : mark + step;
  }
}

/* ---- Cells ---------------------------------------------------------------------------------- */

typedef struct panel {
  const eval_column *column;
  eval_cell *cells; /* [count] */
  size_t count;
} panel;

/* Which methods a chart of panels shows, and on which of its rows; SIZE_MAX: not shown. */
typedef struct shown {
  size_t *row; /* [configs] */
  size_t count;
  bool bars; /* from 0 to the value, instead of a point */
} shown;

static int fill(const eval_results *r, const eval_column *column, size_t suite, panel *out) {
  *out = (panel){column, calloc(r->config_count + 1, sizeof *out->cells), 0};
  if (!out->cells) return cli_fail(CLI_FAILED, "out of memory");
  return eval_results_cells(r, column, suite, SIZE_MAX, out->cells, &out->count);
}

static const eval_cell *cell_of(const panel *p, size_t config) {
  for (size_t i = 0; i < p->count; i++) {
    if (p->cells[i].config == config) return &p->cells[i];
  }
  return NULL;
}

/* A title, and below it the settings where the measure was taken under several. */
static void titles_at(FILE *file, const eval_results *r, const eval_column *column, double x,
                      double y, const char *title) {
  char settings[EVAL_SETTINGS];
  bool several = *eval_results_apart(r, column, settings);
  text_at(file, x, several ? y - 12 : y, "start", "font-weight=\"bold\"", title);
  if (several) text_at(file, x, y, "start", "fill=\"#555\" font-size=\"10\"", settings);
}

/* ---- Methods × measures, and ablations ------------------------------------------------------ */

/* Every method; or HETA alone, with all its parts and without some. */
static int choose(const eval_results *r, bool ablations, shown *out) {
  *out = (shown){calloc(r->config_count + 1, sizeof *out->row), 0, ablations};
  if (!out->row) return cli_fail(CLI_FAILED, "out of memory");
  for (size_t c = 0; c < r->config_count; c++) {
    bool there = !ablations || !strcmp(r->configs[c].method, "heta");
    out->row[c] = there ? out->count++ : SIZE_MAX;
  }
  return CLI_DONE;
}

static axis axis_of(const panel *p, const shown *of, double left) {
  const heta_measure_info *measure = p->column->measure;
  axis x = {NAN, NAN, left, left + PANEL - 40, false};
  for (size_t i = 0; i < p->count; i++) {
    const eval_cell *c = &p->cells[i];
    if (of->row[c->config] == SIZE_MAX) continue;
    include(&x, c->estimate.value);
    include(&x, c->estimate.low);
    include(&x, c->estimate.high);
    if (measure->chance) include(&x, c->chance.value);
  }
  if (measure->over || of->bars) include(&x, 0);
  widen(&x);
  return x;
}

/* A point, or a bar from 0, which says its numbers under the pointer. */
static void draw_value(FILE *file, const eval_results *r, const eval_cell *c, const axis *x,
                       double y, bool bar) {
  double at = place(x, c->estimate.value), zero = place(x, 0);
  if (bar) {
    fprintf(file,
            "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"10\" fill=\"%s\" "
            "fill-opacity=\"0.5\"><title>",
            fmin(at, zero), y - 5, fabs(at - zero), colour(c->config));
  } else {
    fprintf(file, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"><title>", at, y,
            colour(c->config));
  }
  escape(file, r->configs[c->config].label);
  fprintf(file, ": %.4g", c->estimate.value);
  if (isfinite(c->estimate.low)) {
    fprintf(file, " [%.4g, %.4g]", c->estimate.low, c->estimate.high);
  }
  fprintf(file, ", n = %zu</title></%s>\n", c->estimate.questions, bar ? "rect" : "circle");
}

static void draw_panel(FILE *file, const eval_results *r, const panel *p, const shown *of,
                       double left, double top) {
  const heta_measure_info *measure = p->column->measure;
  double bottom = top + (double)of->count * ROW;
  axis x = axis_of(p, of, left);
  char title[96];
  snprintf(title, sizeof title, "%s %s", measure->name,
           measure->better > 0 ? "→ better" : "← better");
  titles_at(file, r, p->column, left, top - 8, title);
  draw_marks(file, &x, top, bottom, false);
  if (measure->over || of->bars)
    line_at(file, place(&x, 0), top, place(&x, 0), bottom,
            "stroke=\"#888\" stroke-dasharray=\"4 3\"");
  for (size_t i = 0; i < p->count; i++) {
    const eval_cell *c = &p->cells[i];
    double y = top + ((double)of->row[c->config] + 0.5) * ROW;
    if (of->row[c->config] == SIZE_MAX || !isfinite(c->estimate.value)) continue;
    draw_value(file, r, c, &x, y, of->bars);
    if (isfinite(c->estimate.low)) {
      char style[64];
      snprintf(style, sizeof style, "stroke=\"%s\" stroke-width=\"2\"", colour(c->config));
      line_at(file, place(&x, c->estimate.low), y, place(&x, c->estimate.high), y, style);
    }
    if (measure->chance && isfinite(c->chance.value)) {
      double at = place(&x, c->chance.value);
      line_at(file, at, y - 7, at, y + 7, "stroke=\"#888\" stroke-dasharray=\"2 2\"");
    }
  }
}

static void draw_panels(FILE *file, const eval_results *r, const panel *panels, size_t count,
                        const shown *of) {
  enum { ACROSS = 3 };
  size_t rows = (count + ACROSS - 1) / ACROSS;
  double high = (double)of->count * ROW + HEAD + GAP;
  int labels = label_width(r) + 12;
  open_svg(file, labels + ACROSS * PANEL, (int)((double)rows * high) + GAP,
           of->bars ? "HETA and its ablations" : "methods and measures");
  for (size_t k = 0; k < count; k++) {
    double top = (double)(k / ACROSS) * high + HEAD;
    draw_panel(file, r, &panels[k], of, labels + (double)(k % ACROSS) * PANEL, top);
    for (size_t c = 0; k % ACROSS == 0 && c < r->config_count; c++) {
      if (of->row[c] == SIZE_MAX) continue;
      text_at(file, labels - 12, top + ((double)of->row[c] + 0.5) * ROW + 4, "end", "",
              r->configs[c].label);
    }
  }
  fputs("</svg>\n", file);
}

static int draw_measures(FILE *file, const eval_results *r, size_t suite, bool ablations,
                         bool *drawn) {
  panel panels[64];
  size_t count = 0;
  shown of;
  int code = choose(r, ablations, &of);
  for (size_t i = 0; !code && i < r->column_count && count < 64; i++) {
    const eval_column *c = &r->columns[i];
    bool first = c->measure == c->metric->measures ||
                 (c->measure->better && !strcmp(c->metric->name, "soft"));
    if (c->measure->points > 1 || !c->measure->better || !first) continue;
    if (!eval_results_values(r, c, suite, ablations ? "heta" : NULL)) continue;
    code = fill(r, c, suite, &panels[count++]);
    if (!code && !panels[count - 1].count) free(panels[--count].cells);
  }
  *drawn = count > 0 && of.count > ablations; /* one way alone leaves nothing out */
  if (!code && *drawn) draw_panels(file, r, panels, count, &of);
  for (size_t k = 0; k < count; k++) free(panels[k].cells);
  free(of.row);
  return code;
}

/* ---- Lines ---------------------------------------------------------------------------------- */

typedef struct line {
  const char *label;
  char room[128]; /* for a label of its own */
  size_t config;  /* decides the colour */
  double x[64], y[64];
  size_t points;
} line;

static void draw_lines(FILE *file, const line *lines, size_t count, double left, double top,
                       const char *below) {
  axis x = {NAN, NAN, left, left + 340, false}, y = {NAN, NAN, top + 240, top, false};
  for (size_t l = 0; l < count; l++) {
    for (size_t p = 0; p < lines[l].points; p++) {
      include(&x, lines[l].x[p]);
      include(&y, lines[l].y[p]);
    }
  }
  widen(&y);
  draw_marks(file, &x, top, top + 240, false);
  draw_marks(file, &y, left, left + 340, true);
  text_at(file, left + 170, top + 270, "middle", "fill=\"#555\"", below);
  for (size_t l = 0; l < count; l++) {
    fprintf(file,
            "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"%s\" "
            "points=\"",
            colour(lines[l].config), dashes(lines[l].config));
    for (size_t p = 0; p < lines[l].points; p++) {
      fprintf(file, "%.1f,%.1f ", place(&x, lines[l].x[p]), place(&y, lines[l].y[p]));
    }
    fputs("\"><title>", file);
    escape(file, lines[l].label);
    fputs("</title></polyline>\n", file);
  }
}

/* In two columns, `step` apart. */
static void draw_legend(FILE *file, const line *lines, size_t count, double top, int step) {
  for (size_t l = 0; l < count; l++) {
    double x = 50 + (double)(l % 2) * step, y = top + (double)(l / 2) * 18;
    char style[96];
    snprintf(style, sizeof style, "stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"%s\"",
             colour(lines[l].config), dashes(lines[l].config));
    line_at(file, x, y - 4, x + 26, y - 4, style);
    text_at(file, x + 32, y, "start", "", lines[l].label);
  }
}

/* The mean curve of each method over the questions of a suite. */
static size_t curves_of(const eval_results *r, const eval_column *column, size_t suite,
                        line *lines) {
  size_t count = 0, points = column->measure->points;
  for (size_t c = 0; c < r->config_count; c++) {
    line *l = &lines[count];
    size_t questions = 0;
    *l = (line){.label = r->configs[c].label, .config = c, .points = points};
    for (size_t q = 0; q < r->question_count; q++) {
      const double *values = column->values + (c * r->question_count + q) * points;
      if (r->questions[q].suite != suite || !isfinite(values[0])) continue;
      questions++;
      for (size_t p = 0; p < points; p++) l->y[p] += values[p];
    }
    for (size_t p = 0; p < points; p++) {
      l->x[p] = 100 * (double)p / (double)(points - 1);
      l->y[p] /= (double)questions;
    }
    count += questions > 0;
  }
  return count;
}

static int draw_curves(FILE *file, const eval_results *r, size_t suite, bool *drawn) {
  static const char *const NAMES[] = {"deletion_logprob_curve", "insertion_logprob_curve"};
  static const char *const TITLES[] = {"Deletion: log-probability (lower is better)",
                                       "Insertion: log-probability (higher is better)"};
  static const char *const BELOW[] = {"% of the tokens removed, strongest first",
                                      "% of the tokens put back, strongest first"};
  line *lines = calloc(r->config_count + 1, sizeof *lines);
  int step = larger(LEGEND, 42 + label_width(r));
  if (!lines) return cli_fail(CLI_FAILED, "out of memory");
  *drawn = false;
  for (int k = 0; k < 2; k++) {
    const eval_column *column = eval_results_fullest(r, NAMES[k], suite, NULL);
    size_t count = column && column->measure->points <= 64 ? curves_of(r, column, suite, lines) : 0;
    if (!count) continue;
    int height = 340 + (int)(r->config_count + 1) / 2 * 18;
    if (!*drawn) {
      open_svg(file, larger(WIDTH, 60 + 2 * step), height, "deletion and insertion curves");
      draw_legend(file, lines, count, 336, step);
    }
    *drawn = true;
    titles_at(file, r, column, 50 + k * 440, 26, TITLES[k]);
    draw_lines(file, lines, count, 50 + k * 440, 36, BELOW[k]);
  }
  if (*drawn) fputs("</svg>\n", file);
  free(lines);
  return CLI_DONE;
}

/* ---- Cost ----------------------------------------------------------------------------------- */

static int draw_cost(FILE *file, const eval_results *r, size_t suite, bool *drawn) {
  const eval_column *column = eval_results_fullest(r, "deletion_logprob_auc", suite, NULL);
  panel p = {0};
  *drawn = false;
  if (!column) return CLI_DONE;
  int code = fill(r, column, suite, &p);
  axis x = {NAN, NAN, 70, 620, true}, y = {NAN, NAN, 330, 40, false};
  for (size_t i = 0; !code && i < p.count; i++) {
    const eval_config *config = &r->configs[p.cells[i].config];
    if (!(config->flop > 0)) continue;
    include(&x, config->flop / 1e9);
    include(&y, p.cells[i].estimate.value);
    include(&y, p.cells[i].estimate.low);
    include(&y, p.cells[i].estimate.high);
    *drawn = true;
  }
  if (!code && *drawn) {
    widen(&x);
    widen(&y);
    open_svg(file, larger(WIDTH, 658 + label_width(r)), larger(380, 60 + (int)p.count * 18),
             "cost and faithfulness");
    titles_at(file, r, column, 70, 26,
              "deletion_logprob_auc (lower is better) against the cost of a score vector");
    draw_marks(file, &x, 40, 330, false);
    draw_marks(file, &y, 70, 620, true);
    text_at(file, 345, 366, "middle", "fill=\"#555\"", "GFLOP of a score vector");
  }
  for (size_t c = 0, listed = 0; !code && *drawn && c < r->config_count; c++) {
    const eval_cell *cell = cell_of(&p, c);
    if (!cell || !(r->configs[c].flop > 0)) continue;
    double at = place(&x, r->configs[c].flop / 1e9);
    char style[64];
    snprintf(style, sizeof style, "stroke=\"%s\" stroke-width=\"2\"", colour(c));
    if (isfinite(cell->estimate.low)) {
      line_at(file, at, place(&y, cell->estimate.low), at, place(&y, cell->estimate.high), style);
    }
    fprintf(file, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\"/>\n", at,
            place(&y, cell->estimate.value), colour(c));
    fprintf(file, "<circle cx=\"646\" cy=\"%.1f\" r=\"5\" fill=\"%s\"/>\n",
            50 + (double)listed * 18, colour(c));
    text_at(file, 658, 54 + (double)listed++ * 18, "start", "", r->configs[c].label);
  }
  if (!code && *drawn) fputs("</svg>\n", file);
  free(p.cells);
  return code;
}

/* ---- The sweep of beta and gamma ------------------------------------------------------------ */

/* "heta+scale=sum+gamma=0 seed 7" without its weights: what the points of a sweep share. */
static void name_sweep(const char *label, line *out) {
  size_t used = 0, room = sizeof out->room;
  for (const char *at = label; *at && used < room;) {
    size_t length = *at == ' ' ? strlen(at) : 1 + strcspn(at + 1, "+ ");
    bool weight = !strncmp(at, "+beta=", 6) || !strncmp(at, "+gamma=", 7);
    if (!weight) {
      used += (size_t)snprintf(out->room + used, room - used, "%.*s", (int)length, at);
    }
    at += length;
  }
  out->label = out->room;
}

/* The configs of HETA that share all but the weights with config `like`, by the share of gamma. */
static void sweep_of(const eval_results *r, const panel *p, size_t like, line *out) {
  *out = (line){.config = like};
  name_sweep(r->configs[like].label, out);
  for (size_t c = 0; c < r->config_count && out->points < 64; c++) {
    const eval_cell *cell = cell_of(p, c);
    if (!cell || !eval_config_same_but_weights(&r->configs[c], &r->configs[like])) continue;
    double beta = eval_option_number(r->configs[c].options, "beta");
    double gamma = eval_option_number(r->configs[c].options, "gamma");
    if (!(beta + gamma > 0)) continue;
    double share = gamma / (beta + gamma);
    size_t at = out->points++;
    for (; at && out->x[at - 1] > share; at--) {
      out->x[at] = out->x[at - 1];
      out->y[at] = out->y[at - 1];
    }
    out->x[at] = share;
    out->y[at] = cell->estimate.value;
  }
}

static int draw_sweep(FILE *file, const eval_results *r, size_t suite, bool *drawn) {
  static const char *const NAMES[] = {"deletion_logprob_auc", "average_precision"};
  line *lines = calloc(r->config_count + 1, sizeof *lines);
  bool *seen = calloc(r->config_count + 1, sizeof *seen);
  int step = larger(LEGEND, 42 + label_width(r));
  int code = lines && seen ? CLI_DONE : cli_fail(CLI_FAILED, "out of memory");
  *drawn = false;
  for (int k = 0; !code && k < 2; k++) {
    const eval_column *column = eval_results_fullest(r, NAMES[k], suite, "heta");
    panel p = {0};
    size_t count = 0;
    if (!column) continue;
    code = fill(r, column, suite, &p);
    memset(seen, 0, r->config_count * sizeof *seen);
    for (size_t c = 0; !code && c < r->config_count; c++) {
      if (seen[c] || strcmp(r->configs[c].method, "heta") != 0) continue;
      sweep_of(r, &p, c, &lines[count]);
      for (size_t o = 0; o < r->config_count; o++) {
        seen[o] |= eval_config_same_but_weights(&r->configs[o], &r->configs[c]);
      }
      count += lines[count].points > 2;
    }
    free(p.cells);
    if (code || !count) continue;
    if (!*drawn) {
      open_svg(file, larger(WIDTH, 60 + 2 * step), 360 + (int)count * 18,
               "weights of curvature and information");
      draw_legend(file, lines, count, 336, step);
    }
    *drawn = true;
    titles_at(file, r, column, 50 + k * 440, 26, NAMES[k]);
    draw_lines(file, lines, count, 50 + k * 440, 36,
               "γ / (β + γ): from curvature alone to information alone");
  }
  if (*drawn) fputs("</svg>\n", file);
  free(lines);
  free(seen);
  return code;
}

int eval_chart_write(FILE *file, const eval_results *results, eval_chart chart, size_t suite,
                     bool *drawn) {
  switch (chart) {
  case EVAL_CHART_MEASURES: return draw_measures(file, results, suite, false, drawn);
  case EVAL_CHART_CURVES: return draw_curves(file, results, suite, drawn);
  case EVAL_CHART_ABLATIONS: return draw_measures(file, results, suite, true, drawn);
  case EVAL_CHART_COST: return draw_cost(file, results, suite, drawn);
  case EVAL_CHART_SWEEP: return draw_sweep(file, results, suite, drawn);
  case EVAL_CHARTS: break;
  }
  return CLI_FAILED;
}
