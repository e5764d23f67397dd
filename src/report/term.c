/* term.c: the report on a terminal. Per target: what it is, the text as a heat map (on a canvas of
 * its own dark colour, so that it looks the same on a light and on a dark terminal), the tokens set
 * apart, and the strongest tokens in numbers. Without colour the heat map is a table with bars. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "report/glyph.h"
#include "report/report.h"

/* COLUMNS_LEAST: the tables need them. TOP: rows of the table of strongest tokens. APART: tokens set
 * apart that get a row of their own, the rest share one. */
enum { COLUMNS_DEFAULT = 80, COLUMNS_LEAST = 60, TOP = 8, APART = 6, BAR = 20 };

/* One glyph of the text, in its unit. */
typedef struct cell {
  heta_i_glyph glyph;
  const char *bytes; /* of the source: [bytes, bytes + size) */
  size_t size, unit;
} cell;

typedef struct page {
  heta_i_writer *w;
  const heta_attribution *a;
  const heta_i_units *units;
  cell *cells;
  size_t cell_count;
  heta_color color;
  size_t columns;
  char style[48]; /* the escape sequence in force, "" for none */
} page;

/* ---- Colour -------------------------------------------------------------------------------- */

/* A colour of true-colour terminals, and what stands for it among 256. */
typedef struct tint {
  unsigned char r, g, b, index;
} tint;

static const tint CANVAS = {22, 24, 29, 234}, INK = {222, 224, 230, 254},
                  FAINT = {134, 140, 152, 245};

/* Dark to bright, readable for every kind of colour vision: blue speaks for the target, orange
 * against it. */
enum { STOPS = 5, INDICES = 8 };
typedef struct ramp {
  tint stops[STOPS];
  unsigned char indices[INDICES];
} ramp;
static const ramp BLUE = {{{22, 24, 29, 0}, {16, 52, 96, 0}, {24, 98, 168, 0}, {92, 168, 230, 0},
                           {208, 234, 255, 0}}, {234, 17, 18, 25, 32, 74, 117, 195}};
static const ramp ORANGE = {{{22, 24, 29, 0}, {92, 42, 8, 0}, {170, 84, 14, 0}, {236, 146, 56, 0},
                             {255, 224, 180, 0}}, {234, 52, 94, 130, 172, 208, 215, 223}};

static unsigned char between(unsigned char a, unsigned char b, double t) {
  return (unsigned char)(a + t * (b - a) + 0.5);
}

/* level: -1 … 1. */
static tint tint_of(double level) {
  const ramp *r = level < 0 ? &ORANGE : &BLUE;
  double size = fmin(fabs(level), 1), at = size * (STOPS - 1);
  size_t i = at >= STOPS - 1 ? STOPS - 2 : (size_t)at;
  const tint *low = &r->stops[i], *high = low + 1;
  at -= (double)i;
  return (tint){between(low->r, high->r, at), between(low->g, high->g, at),
                between(low->b, high->b, at),
                r->indices[(size_t)(size * (INDICES - 1) + 0.5)]};
}

static double brightness(tint c) { return (0.299 * c.r + 0.587 * c.g + 0.114 * c.b) / 255; }

/* Changes the style if it is not in force. `extra` is further attributes ("1;"). */
static void style(page *p, const char *extra, tint ink, tint ground) {
  char next[sizeof p->style];
  if (p->color == HETA_COLOR_NONE) return;
  if (p->color == HETA_COLOR_256)
    snprintf(next, sizeof next, "\x1b[0;%s38;5;%d;48;5;%dm", extra, ink.index, ground.index);
  else
    snprintf(next, sizeof next, "\x1b[0;%s38;2;%d;%d;%d;48;2;%d;%d;%dm", extra, ink.r, ink.g, ink.b,
             ground.r, ground.g, ground.b);
  if (!strcmp(next, p->style)) return;
  memcpy(p->style, next, sizeof next);
  heta_i_puts(p->w, next);
}

static void plain(page *p) {
  if (p->style[0]) heta_i_puts(p->w, "\x1b[0m");
  p->style[0] = 0;
}

static void bold(page *p) {
  if (p->color == HETA_COLOR_NONE) return;
  snprintf(p->style, sizeof p->style, "\x1b[0;1m");
  heta_i_puts(p->w, p->style);
}

static void shade(page *p, double level) {
  tint ground = tint_of(level);
  style(p, "", brightness(ground) > 0.5 ? CANVAS : INK, ground);
}

/* ---- Words and numbers ---------------------------------------------------------------------- */

static void put_number(page *p, const char *format, double value) {
  if (isfinite(value)) {
    heta_i_puts(p->w, heta_i_number_format(format, value).text);
  } else { /* not computed: a dash where the number would end */
    size_t width = strlen(heta_i_number_format(format, 0).text);
    heta_i_put_repeat(p->w, " ", width - 1);
    heta_i_puts(p->w, "-");
  }
}

static void put_label(page *p, const char *bytes, size_t size, size_t width) {
  heta_i_label label = heta_i_label_make(bytes, size, width);
  heta_i_puts(p->w, label.text);
  if (label.width < width) heta_i_put_repeat(p->w, " ", width - label.width);
}

static void rule(page *p) {
  heta_i_puts(p->w, "\n");
  heta_i_put_repeat(p->w, "─", p->columns);
  heta_i_puts(p->w, "\n");
}

/* Text wrapped at its spaces; lines after the first start at `indent`. */
typedef struct paragraph {
  page *p;
  size_t indent, column;
} paragraph;

static void say_bytes(paragraph *out, const char *bytes, size_t size) {
  for (size_t at = 0; at < size;) {
    size_t end = at, width = 0;
    while (end < size && bytes[end] != ' ') {
      heta_i_glyph glyph = heta_i_glyph_at(bytes, end, size);
      width += glyph.width;
      end = glyph.end;
    }
    if (out->column + width > out->p->columns && out->column > out->indent) {
      heta_i_puts(out->p->w, "\n");
      heta_i_put_repeat(out->p->w, " ", out->indent);
      out->column = out->indent;
    }
    while (at < end) {
      heta_i_glyph glyph = heta_i_glyph_at(bytes, at, size);
      heta_i_put(out->p->w, glyph.literal ? bytes + at : glyph.text,
                 glyph.literal ? glyph.end - at : strlen(glyph.text));
      at = glyph.end;
    }
    out->column += width;
    if (at < size && out->column < out->p->columns) {
      heta_i_puts(out->p->w, " ");
      out->column++;
    }
    at++;
  }
}

static void say(paragraph *out, const char *text) {
  if (text) say_bytes(out, text, strlen(text));
}

static void say_number(paragraph *out, const char *format, double value) {
  heta_i_number number = heta_i_number_format(format, value);
  say(out, isfinite(value) ? number.text : "not known");
}

static void say_count(paragraph *out, uint64_t value) {
  char text[24];
  snprintf(text, sizeof text, "%llu", (unsigned long long)value);
  say(out, text);
}

static void end_paragraph(paragraph *out) {
  heta_i_puts(out->p->w, "\n");
  out->column = 0;
}

/* A token's name as one unbreakable word; NULL bytes: its id. */
static void say_token(paragraph *out, int32_t id, const char *bytes, size_t size) {
  char number[32];
  snprintf(number, sizeof number, "token %ld", (long)id);
  heta_i_label label = heta_i_label_make(bytes, bytes ? size : 0, 24);
  size_t width = bytes ? label.width : strlen(number);
  if (out->column + width + 1 > out->p->columns) {
    heta_i_puts(out->p->w, "\n");
    heta_i_put_repeat(out->p->w, " ", out->indent);
    out->column = out->indent;
  }
  heta_i_puts(out->p->w, bytes ? label.text : number);
  out->column += width;
}

static void say_candidate(paragraph *out, const heta_candidate *candidate) {
  say_token(out, candidate->id, candidate->bytes, candidate->byte_count);
}

/* ---- The text as a heat map ----------------------------------------------------------------- */

/* Calls for every glyph of every unit: counts them, and stores them where `cells` is not NULL. */
static size_t lay_out(const page *p, cell *cells) {
  size_t count = 0;
  for (size_t i = 0; i < p->units->count; i++) {
    const heta_i_unit *unit = &p->units->units[i];
    const char *text = p->a->text + unit->start;
    size_t size = unit->end - unit->start;
    if (!size) text = heta_i_token_text(p->a, unit->first, &size); /* covers no text: its name */
    for (size_t at = 0; at < size; count++) {
      heta_i_glyph glyph = heta_i_glyph_at(text, at, size);
      if (cells) cells[count] = (cell){glyph, text + at, glyph.end - at, i};
      at = glyph.end;
    }
  }
  return count;
}

/* Where the line that starts at cell `from` ends: after a line break, else after the last space or
 * beside the last wide character that fits, else anywhere. */
static size_t line_end(const page *p, size_t from, size_t end, size_t width) {
  size_t best = from, used = 0;
  for (size_t i = from; i < end; i++) {
    const heta_i_glyph *glyph = &p->cells[i].glyph;
    if (glyph->width == 2) best = i;
    if (used + glyph->width > width && i > from) return best > from ? best : i;
    used += glyph->width;
    if (glyph->newline) return i + 1;
    if (glyph->space || glyph->width == 2) best = i + 1;
  }
  return end;
}

static bool unit_apart(const page *p, const heta_i_unit *unit) {
  for (size_t i = unit->first; i < unit->last; i++)
    if (!heta_i_set_apart(p->a, i)) return false;
  return true;
}

static void style_unit(page *p, const heta_row *row, const heta_i_unit *unit, heta_i_scale scale) {
  double value = heta_i_unit_value(p->a, row, unit);
  if (row->length < unit->last)
    style(p, "1;", INK, CANVAS);
  else if (unit_apart(p, unit))
    style(p, "4;", FAINT, CANVAS);
  else if (!isfinite(value))
    style(p, "3;", FAINT, CANVAS);
  else
    shade(p, heta_i_share(value, scale.peak));
}

/* The text up to the target, wrapped; the target stands in brackets. */
static void heat_map(page *p, const heta_row *row, heta_i_scale scale) {
  const size_t width = p->columns - 4; /* a margin on both sides, the brackets */
  size_t end = 0, first = SIZE_MAX; /* first: the target's first cell */
  for (; end < p->cell_count; end++) {
    const heta_i_unit *unit = &p->units->units[p->cells[end].unit];
    if (unit->first > row->length) break;
    if (row->length < unit->last && first == SIZE_MAX) first = end;
  }
  for (size_t at = 0; at < end;) {
    size_t stop = line_end(p, at, end, width), used = 0;
    style(p, "", INK, CANVAS);
    heta_i_puts(p->w, " ");
    for (; at < stop; at++) {
      const cell *c = &p->cells[at];
      style_unit(p, row, &p->units->units[c->unit], scale);
      if (at == first) {
        heta_i_puts(p->w, "[");
        used++;
      }
      if (c->glyph.literal)
        heta_i_put(p->w, c->bytes, c->size);
      else
        heta_i_puts(p->w, c->glyph.text);
      used += c->glyph.width;
    }
    if (at == end && first < end) {
      heta_i_puts(p->w, "]");
      used++;
    }
    style(p, "", INK, CANVAS);
    if (p->color != HETA_COLOR_NONE) heta_i_put_repeat(p->w, " ", p->columns - 1 - used);
    plain(p);
    heta_i_puts(p->w, "\n");
  }
}

static void put_share(page *p, double value, heta_i_scale scale) {
  put_number(p, "%7.2f", 100 * heta_i_share(value, scale.sum));
  heta_i_puts(p->w, " %");
}

/* What the colours mean, as a strip from 0 (or from minus the peak) to the peak. */
static void legend(page *p, heta_i_scale scale) {
  if (p->color == HETA_COLOR_NONE) return;
  const double peak = 100 * heta_i_share(scale.peak, scale.sum);
  const int from = p->a->is_signed ? -12 : 0, to = p->a->is_signed ? 12 : 24;
  heta_i_puts(p->w, " ");
  put_number(p, "%.2f", p->a->is_signed ? -peak : 0);
  heta_i_puts(p->w, " % ");
  for (int i = from; i <= to; i++) {
    shade(p, (double)i / to);
    heta_i_puts(p->w, " ");
  }
  plain(p);
  heta_i_puts(p->w, " ");
  put_number(p, "%.2f", peak);
  heta_i_puts(p->w, " % of the sum\n");
}

/* A bar of up to BAR cells, in eighths; negative values hatched. */
static void bar(page *p, double value, double peak) {
  static const char *const EIGHTHS[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (!isfinite(value)) return;
  size_t room = p->columns < 42 + BAR ? p->columns - 42 : BAR;
  size_t eighths = (size_t)((double)(8 * room) * fmin(fabs(heta_i_share(value, peak)), 1) + 0.5);
  heta_i_put_repeat(p->w, value < 0 ? "░" : "█", eighths / 8);
  if (value >= 0) heta_i_puts(p->w, EIGHTHS[eighths % 8]);
}

/* Without colour: every token with its share and a bar, so that nothing is lost. */
static void table_of_units(page *p, const heta_row *row, heta_i_scale scale) {
  for (size_t i = 0; i < p->units->count; i++) {
    const heta_i_unit *unit = &p->units->units[i];
    if (unit->last > row->length) break;
    if (unit_apart(p, unit)) continue;
    double value = heta_i_unit_value(p->a, row, unit);
    size_t size = unit->end - unit->start;
    const char *text = p->a->text + unit->start;
    if (!size) text = heta_i_token_text(p->a, unit->first, &size);
    heta_i_putf(p->w, " %6zu  ", unit->first);
    put_label(p, text, size, 22);
    put_share(p, value, scale);
    heta_i_puts(p->w, "  ");
    bar(p, value, scale.peak);
    heta_i_puts(p->w, "\n");
  }
}

/* ---- Tables --------------------------------------------------------------------------------- */

static void put_token(page *p, size_t token, size_t width) {
  size_t size;
  const char *bytes = heta_i_token_text(p->a, token, &size);
  heta_i_putf(p->w, " %6zu  ", token);
  put_label(p, bytes, size, width);
}

/* Tokens set apart, strongest first, and their part of the whole. */
static void table_apart(page *p, const heta_row *row, heta_i_scale scale) {
  size_t best[APART], count = 0;
  double sum = 0;
  for (size_t i = 0; i < row->length; i++) {
    if (!heta_i_set_apart(p->a, i)) continue;
    double size = fabs(heta_i_row_value(row, i));
    if (isfinite(size)) sum += size;
    count++;
  }
  if (!count) return;
  size_t shown = heta_i_row_best(p->a, row, true, APART, best);
  heta_i_puts(p->w, p->color == HETA_COLOR_NONE ? "\n Set apart: "
                                                : "\n Set apart, not in the colour scale: ");
  put_number(p, "%.2f", 100 * heta_i_share(sum, scale.sum));
  heta_i_puts(p->w, " % of the sum\n");
  for (size_t i = 0; i < shown; i++) {
    double value = heta_i_row_value(row, best[i]);
    put_token(p, best[i], 22);
    put_share(p, value, scale);
    heta_i_puts(p->w, "  ");
    heta_i_puts(p->w, best[i] == 0 ? "first token (sink)"
                                   : heta_i_kind_name(p->a->tokens[best[i]].kind));
    heta_i_puts(p->w, "\n");
    sum -= fabs(value);
  }
  if (count > shown) {
    heta_i_putf(p->w, " %6s  %-22s", "", "others");
    put_share(p, fmax(sum, 0), scale);
    heta_i_putf(p->w, "  %zu more\n", count - shown);
  }
}

/* The strongest tokens in numbers, with as many components as the line holds. */
static void table_strongest(page *p, const heta_row *row, heta_i_scale scale) {
  enum { TOKEN = 16, LEFT = 1 + 6 + 2 + TOKEN + 9 + 8 + 2 };
  size_t best[TOP], width[16], columns = 0, left = LEFT;
  size_t count = heta_i_row_best(p->a, row, false, TOP, best);
  for (size_t j = 0; j < p->a->component_count && columns < 16; j++) {
    size_t name = strlen(p->a->components[j].name);
    width[columns] = name < 10 ? 11 : name + 1;
    if (left + width[columns] > p->columns) break;
    left += width[columns++];
  }
  if (!count) return;
  bool tied = false;
  heta_i_putf(p->w, "\n %6s  %-16s%9s%9s  ", "token", "strongest", "share", "± se");
  for (size_t j = 0; j < columns; j++)
    heta_i_putf(p->w, "%*s", (int)width[j], p->a->components[j].name);
  heta_i_puts(p->w, "\n");
  for (size_t i = 0; i < count; i++) {
    size_t token = best[i];
    put_token(p, token, TOKEN);
    put_share(p, heta_i_row_value(row, token), scale);
    if (row->score_se) {
      heta_i_puts(p->w, " ±");
      put_number(p, "%6.2f", 100 * heta_i_share(row->score_se[token], scale.sum));
    } else {
      heta_i_puts(p->w, "   exact");
    }
    bool tie = row->tied_with_next && row->tied_with_next[token];
    heta_i_puts(p->w, tie ? " ≈" : "  ");
    tied = tied || tie;
    for (size_t j = 0; j < columns; j++) {
      char format[16];
      snprintf(format, sizeof format, "%%%d.3g", (int)width[j]);
      put_number(p, format, row->components[j][token]);
    }
    heta_i_puts(p->w, "\n");
  }
  if (tied) heta_i_puts(p->w, " ≈ not separable from the next lower score\n");
}

/* ---- Targets --------------------------------------------------------------------------------- */

/* For a token that is a piece of a character: of which one. */
static void say_character(paragraph *out, size_t token) {
  const page *p = out->p;
  size_t size;
  if (token >= p->a->token_count) return;
  const char *bytes = heta_i_token_text(p->a, token, &size);
  if (heta_i_utf8_valid(bytes, size) == size) return;
  for (size_t i = 0; i < p->units->count; i++) {
    const heta_i_unit *unit = &p->units->units[i];
    if (token >= unit->last) continue;
    heta_i_label label = heta_i_label_make(p->a->text + unit->start, unit->end - unit->start, 24);
    say(out, " of ");
    heta_i_puts(p->w, label.text);
    out->column += label.width;
    return;
  }
}

static void say_probability(paragraph *out, double logprob) {
  say(out, "probability ");
  say_number(out, "%.2f", 100 * exp(logprob));
  if (!isfinite(logprob)) return;
  say(out, " %, log-probability ");
  say_number(out, "%.3f", logprob);
}

static const char *origin_words(const char *origin) {
  static const char *const WORDS[][2] = {{"forced", "given, however likely"},
                                         {"generated", "written by the model"},
                                         {"own", "the text's own last token"},
                                         {"top", "what the model would write next"}};
  for (size_t i = 0; origin && i < sizeof WORDS / sizeof *WORDS; i++)
    if (!strcmp(origin, WORDS[i][0])) return WORDS[i][1];
  return origin;
}

static void describe_target(page *p, const heta_target *target) {
  paragraph out = {p, 1, 1};
  size_t size;
  heta_i_puts(p->w, " ");
  bold(p);
  say(&out, "Why ");
  const char *bytes = heta_i_target_text(p->a, target, &size);
  say_token(&out, target->id, bytes, size);
  say_character(&out, target->position);
  say(&out, "?");
  plain(p);
  say(&out, "  token ");
  say_count(&out, target->position);
  say(&out, ", ");
  say(&out, origin_words(target->origin));
  end_paragraph(&out);

  out = (paragraph){p, 1, 1};
  heta_i_puts(p->w, " ");
  say_probability(&out, target->logprob);
  if (target->rank) {
    say(&out, ", rank ");
    say_count(&out, target->rank);
  }
  say(&out, ", entropy ");
  say_number(&out, "%.2f", target->entropy);
  say(&out, " nats");
  end_paragraph(&out);

  if (target->has_foil) {
    out = (paragraph){p, 1, 1};
    heta_i_puts(p->w, " ");
    say(&out, "rather than ");
    say_candidate(&out, &target->foil);
    say(&out, ": ");
    say_probability(&out, target->foil.logprob);
    say(&out, "; explained is the difference of ");
    say_number(&out, "%.3f", target->logprob - target->foil.logprob);
    say(&out, " nats");
    end_paragraph(&out);
  }
  if (target->top_count) {
    out = (paragraph){p, 1, 1};
    heta_i_puts(p->w, " ");
    say(&out, "first choices: ");
    for (size_t i = 0; i < target->top_count; i++) {
      if (i) say(&out, ", ");
      say_candidate(&out, &target->top[i]);
      say(&out, " ");
      say_number(&out, "%.2f", 100 * exp(target->top[i].logprob));
      say(&out, " %");
    }
    end_paragraph(&out);
  }
}

/* One sentence on how to read what stands above it. */
static void explain(page *p, const heta_row *row, heta_i_scale scale) {
  paragraph out = {p, 1, 1};
  heta_i_puts(p->w, " ");
  if (p->color == HETA_COLOR_NONE)
    say(&out, "The longer the bar, the more");
  else
    say(&out, "The brighter a token, the more");
  say(&out, " it did for the one in brackets");
  if (p->a->is_signed)
    say(&out, p->color == HETA_COLOR_NONE ? "; hatched bars and minus: it spoke against it"
                                          : "; orange: it spoke against it, blue: for it");
  if (p->color != HETA_COLOR_NONE) say(&out, "; underlined: set apart below");
  say(&out, ". Shares are parts of the sum of all ");
  say(&out, p->a->is_signed ? "sizes, " : "scores, ");
  say_number(&out, "%.4g", scale.sum);
  if (scale.known < row->length) {
    say(&out, ", of the ");
    say_count(&out, scale.known);
    say(&out, " tokens of ");
    say_count(&out, row->length);
    say(&out, p->color == HETA_COLOR_NONE ? " computed so far" : " computed so far (not italic)");
  }
  say(&out, ".");
  end_paragraph(&out);
}

static void section(page *p, size_t index) {
  const heta_row *row = &p->a->rows[index];
  heta_i_scale scale = heta_i_row_scale(p->a, row, p->units);
  rule(p);
  describe_target(p, &p->a->targets[row->target]);
  heta_i_puts(p->w, "\n");
  heat_map(p, row, scale);
  if (row->status == HETA_ROW_PENDING) {
    heta_i_puts(p->w, "\n Not computed yet.\n");
    return;
  }
  heta_i_puts(p->w, "\n");
  if (p->color == HETA_COLOR_NONE) {
    table_of_units(p, row, scale);
    heta_i_puts(p->w, "\n");
  } else {
    legend(p, scale);
  }
  explain(p, row, scale);
  table_apart(p, row, scale);
  table_strongest(p, row, scale);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void header(page *p) {
  const heta_model_info *model = p->a->model;
  paragraph out = {p, 8, 8};
  heta_i_puts(p->w, "model   ");
  say(&out, model->name && *model->name ? model->name : model->file);
  say(&out, " (");
  say(&out, model->architecture);
  say(&out, ", ");
  bool billions = model->parameters >= 1000000000;
  say_number(&out, "%.3g", (double)model->parameters / (billions ? 1e9 : 1e6));
  say(&out, billions ? " billion weights)" : " million weights)");
  end_paragraph(&out);
  heta_i_puts(p->w, "method  ");
  out.column = 8;
  say(&out, p->a->method->name);
  say(&out, ": ");
  say(&out, p->a->method->summary);
  say(&out, ", seed ");
  say_count(&out, p->a->seed);
  end_paragraph(&out);
  if (!p->a->complete) {
    heta_i_puts(p->w, "status  ");
    out.column = 8;
    say(&out, "partial");
    if (p->a->stopped_by) {
      say(&out, ", stopped by ");
      say(&out, p->a->stopped_by);
    }
    say(&out, "; what is not computed is left without colour or shown as -");
    end_paragraph(&out);
  }
}

/* With several targets, one line each first: how likely it was and what it leaned on. */
static void overview(page *p) {
  if (p->a->row_count < 2) return;
  heta_i_putf(p->w, "\n %6s  %-16s%11s  %s\n", "token", "explained", "probability", "leaned on");
  for (size_t i = 0; i < p->a->row_count; i++) {
    const heta_row *row = &p->a->rows[i];
    const heta_target *target = &p->a->targets[row->target];
    size_t best[3], count = heta_i_row_best(p->a, row, false, 3, best), size;
    heta_i_scale scale = heta_i_row_scale(p->a, row, p->units);
    const char *bytes = heta_i_target_text(p->a, target, &size);
    heta_i_putf(p->w, " %6zu  ", target->position);
    put_label(p, bytes ? bytes : "?", bytes ? size : 1, 16);
    put_number(p, "%9.2f", 100 * exp(target->logprob));
    heta_i_puts(p->w, isfinite(target->logprob) ? " %" : "  ");
    heta_i_puts(p->w, count ? "" : "  not computed yet");
    size_t column = 1 + 6 + 2 + 16 + 11;
    for (size_t j = 0; j < count; j++) {
      size_t length;
      const char *name = heta_i_token_text(p->a, best[j], &length);
      heta_i_label label = heta_i_label_make(name, length, 14);
      column += 2 + label.width + sizeof "-100.0 %";
      if (column > p->columns) break;
      heta_i_putf(p->w, "  %s ", label.text);
      put_number(p, "%.1f", 100 * heta_i_share(heta_i_row_value(row, best[j]), scale.sum));
      heta_i_puts(p->w, " %");
    }
    heta_i_puts(p->w, "\n");
  }
}

heta_status heta_i_report_term(heta_i_writer *writer, const heta_attribution *attribution,
                               const heta_report_options *options, const heta_i_units *units,
                               heta_error *error) {
  page p = {.w = writer, .a = attribution, .units = units, .color = options->color};
  p.columns = options->columns ? options->columns : COLUMNS_DEFAULT;
  if (p.columns < COLUMNS_LEAST) p.columns = COLUMNS_LEAST;
  p.cell_count = lay_out(&p, NULL);
  p.cells = heta_i_allocate(p.cell_count, sizeof *p.cells);
  if (!p.cells) return heta_i_no_memory(error, "the report's text", p.cell_count * sizeof *p.cells);
  lay_out(&p, p.cells);
  header(&p);
  overview(&p);
  for (size_t i = 0; i < attribution->row_count; i++) section(&p, i);
  heta_i_free(p.cells);
  return HETA_OK;
}
