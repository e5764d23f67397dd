/* term.c: the report on a terminal. Per target: what it is, the text as a heat map (on a canvas of
 * its own dark colour, so that it looks the same on a light and on a dark terminal), the tokens set
 * apart, and the strongest tokens in numbers. Without colour the heat map is a table with bars. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "report/heat.h"
#include "report/report.h"

/* COLUMNS_LEAST: the tables need them. TOP: rows of the table of strongest tokens. APART: tokens
 * set apart that get a row of their own, the rest share one. NAME, SHORT: cells for a token. */
enum { COLUMNS_DEFAULT = 80, COLUMNS_LEAST = 60, TOP = 8, APART = 6, NAME = 22, SHORT = 16 };

/* ---- Tables --------------------------------------------------------------------------------- */

/* A unit's name where it has one, else its text. */
static heta_i_label unit_label(const heta_i_screen *s, size_t unit, size_t width) {
  heta_i_unit_name name = heta_i_rollup_name(s->a, s->rollup, unit);
  if (name.text[0]) return heta_i_label_plain(name.text, width);
  size_t size;
  const char *bytes = heta_i_rollup_text(s->a, &s->rollup->units[unit], &size);
  return heta_i_label_make(bytes, size, width);
}

static void put_unit(heta_i_screen *s, size_t unit, size_t width) {
  heta_i_label label = unit_label(s, unit, width);
  heta_i_putf(s->w, " %6zu  %s", unit, label.text);
  if (label.width < width) heta_i_put_repeat(s->w, " ", width - label.width);
}

/* Above sentences, one row for all that was set apart for the same reason. */
static void table_apart_kinds(heta_i_screen *s, const heta_row *row, heta_i_scale scale) {
  for (int kind = HETA_TOKEN_BOS; kind <= HETA_TOKEN_TEMPLATE; kind++) {
    double sum = 0;
    size_t tokens = 0;
    for (size_t i = 0; i < row->length; i++) {
      const heta_unit *unit = &s->rollup->units[i];
      if (!unit->first || (int)s->a->tokens[unit->first].kind != kind) continue;
      double value = heta_i_row_value(row, i);
      if (isfinite(value)) sum += value;
      tokens += unit->last - unit->first;
    }
    if (!tokens) continue;
    const char *name = heta_i_kind_name((heta_token_kind)kind);
    heta_i_putf(s->w, " %6s  %-*s", "", NAME, name);
    heta_i_screen_share(s, sum, scale);
    heta_i_putf(s->w, "  %zu token%s\n", tokens, tokens == 1 ? "" : "s");
  }
}

/* Units set apart, strongest first, and their part of the whole. */
static void table_apart(heta_i_screen *s, const heta_row *row, heta_i_scale scale) {
  size_t best[APART], count = 0;
  double sum = 0;
  for (size_t i = 0; i < row->length; i++) {
    if (!heta_i_set_apart(s->a, s->rollup->units[i].first)) continue;
    double size = fabs(heta_i_row_value(row, i));
    if (isfinite(size)) sum += size;
    count++;
  }
  if (!count) return;
  bool kinds = s->rollup->level >= HETA_LEVEL_MESSAGE;
  size_t shown = heta_i_rollup_best(s->a, s->rollup, row, true, kinds ? 0 : APART, best);
  if (kinds) best[shown++] = 0; /* the first token; the others by kind */
  heta_i_puts(s->w, s->color == HETA_COLOR_NONE ? "\n Set apart: "
                                                : "\n Set apart, not in the colour scale: ");
  heta_i_screen_number(s, "%.2f", 100 * heta_i_share(sum, scale.sum));
  heta_i_puts(s->w, " % of the sum\n");
  for (size_t i = 0; i < shown; i++) {
    double value = heta_i_row_value(row, best[i]);
    const heta_unit *unit = &s->rollup->units[best[i]];
    const char *kind = heta_i_kind_name(s->a->tokens[unit->first].kind);
    put_unit(s, best[i], NAME);
    heta_i_screen_share(s, value, scale);
    heta_i_putf(s->w, "  %s\n", unit->first == 0 ? "first token (sink)" : kind);
    sum -= fabs(value);
  }
  if (kinds) {
    table_apart_kinds(s, row, scale);
  } else if (count > shown) {
    heta_i_putf(s->w, " %6s  %-*s", "", NAME, "others");
    heta_i_screen_share(s, fmax(sum, 0), scale);
    heta_i_putf(s->w, "  %zu more\n", count - shown);
  }
}

/* One of the strongest units, and its first components; whether it is tied with the next. */
static bool strong_unit(heta_i_screen *s, const heta_row *row, heta_i_scale scale, size_t unit,
                        size_t components, const int *width) {
  bool tied = row->tied_with_next && row->tied_with_next[unit];
  put_unit(s, unit, SHORT);
  heta_i_screen_share(s, heta_i_row_value(row, unit), scale);
  if (row->score_se) {
    heta_i_puts(s->w, " ±");
    heta_i_screen_number(s, "%6.2f", 100 * heta_i_share(row->score_se[unit], scale.sum));
  } else {
    heta_i_puts(s->w, "   exact");
  }
  heta_i_puts(s->w, tied ? " ≈" : "  ");
  for (size_t j = 0; j < components; j++) {
    double value = row->components[j][unit];
    bool large = fabs(value) >= 100 && fabs(value) < 1e7;
    char format[16];
    snprintf(format, sizeof format, large ? "%%%d.0f" : "%%%d.3g", width[j]);
    heta_i_screen_number(s, format, value);
  }
  heta_i_puts(s->w, "\n");
  return tied;
}

/* The strongest units in numbers, with as many components as the line holds. */
static void table_strongest(heta_i_screen *s, const heta_row *row, heta_i_scale scale) {
  enum { LEFT = 1 + 6 + 2 + SHORT + 9 + 8 + 2, COMPONENTS = 16 };
  int width[COMPONENTS];
  size_t best[TOP], components = 0, left = LEFT;
  size_t count = heta_i_rollup_best(s->a, s->rollup, row, false, TOP, best);
  bool tied = false;
  if (!count) return;
  const char *level = heta_level_name(s->rollup->level);
  heta_i_putf(s->w, "\n %6s  %-*s%9s%9s  ", strlen(level) > 6 ? "unit" : level, SHORT, "strongest",
              "share", "± se");
  for (; components < s->a->component_count && components < COMPONENTS; components++) {
    const char *name = s->a->components[components].name;
    size_t room = strlen(name) < 10 ? 11 : strlen(name) + 1;
    if (room > s->columns - left) break;
    left += room;
    width[components] = (int)room;
    heta_i_putf(s->w, "%*s", (int)room, name);
  }
  heta_i_puts(s->w, "\n");
  for (size_t i = 0; i < count; i++)
    tied = strong_unit(s, row, scale, best[i], components, width) || tied;
  if (tied) heta_i_puts(s->w, " ≈ not separable from the next lower score\n");
}

/* ---- Targets --------------------------------------------------------------------------------- */

static const char *origin_words(const heta_attribution *a, const char *origin) {
  static const char *const WORDS[][2] = {{"forced", "given, however likely"},
                                         {"generated", "written by the model"},
                                         {"own", "the text's own last token"},
                                         {"top", "what the model would write next"}};
  bool generated = origin && !strcmp(origin, "generated");
  for (size_t i = 0; generated && i < a->option_count; i++)
    if (!strcmp(a->options[i].name, "temperature")) return "drawn by the model";
  for (size_t i = 0; origin && i < sizeof WORDS / sizeof *WORDS; i++)
    if (!strcmp(origin, WORDS[i][0])) return WORDS[i][1];
  return origin ? origin : "";
}

/* The character that a target is a piece of; empty when it is whole. */
static heta_i_label whole_character(const heta_i_screen *s, const heta_target *target) {
  size_t size, at = target->position;
  const char *bytes = heta_i_target_text(s->a, target, &size);
  if (bytes && heta_i_utf8_valid(bytes, size) != size) {
    for (size_t i = 0; i < s->units->count; i++) {
      const heta_i_unit *unit = &s->units->units[i];
      if (at < unit->first || at >= unit->last || unit->last - unit->first < 2) continue;
      bytes = heta_i_unit_text(s->a, unit, &size);
      return heta_i_label_word(bytes, size, target->id);
    }
  }
  return (heta_i_label){.width = 0};
}

static void say_title(heta_i_screen *s, const heta_target *target) {
  size_t size;
  const char *bytes = heta_i_target_text(s->a, target, &size);
  heta_i_label whole = whole_character(s, target);
  heta_i_screen_bold(s);
  heta_i_screen_say(s, " ", "Why %s%s%s?  token %zu, %s",
                    heta_i_label_word(bytes, size, target->id).text, whole.width ? " of " : "",
                    whole.text, target->position, origin_words(s->a, target->origin));
  heta_i_screen_plain(s);
}

/* What a joint objective sums. */
static const char *summed_words(const char *objective) {
  return !strcmp(objective, "logit_sum")        ? "the logits"
         : !strcmp(objective, "prob_sum")       ? "the probabilities"
         : !strcmp(objective, "logit_prob_sum") ? "log p - log(1 - p)"
                                                : "the log-probabilities";
}

/* The head of a row that explains all targets as one. */
static void say_all(heta_i_screen *s, const heta_row *row) {
  size_t size, count = s->a->target_count;
  const char *bytes = heta_i_targets_text(s->a, &size);
  double logprob = heta_i_row_logprob(s->a, row);
  heta_i_screen_bold(s);
  heta_i_screen_say(s, " ", "Why %s, as a whole?  tokens %zu to %zu, %s",
                    heta_i_label_word(bytes, size, 0).text, row->length,
                    heta_i_row_end(s->a, row) - 1, origin_words(s->a, s->a->targets[0].origin));
  heta_i_screen_plain(s);
  if (isfinite(logprob))
    heta_i_screen_say(s, " ",
                      "probability %s %%, log-probability %s: explained is the sum of %s of %zu "
                      "token%s",
                      heta_i_number_format("%.3g", 100 * exp(logprob)).text,
                      heta_i_number_format("%.3f", logprob).text, summed_words(s->a->objective),
                      count, count == 1 ? "" : "s");
  else
    heta_i_screen_say(s, " ", "probability not known yet");
}

static heta_i_number known(const char *format, double value) {
  return isfinite(value) ? heta_i_number_format(format, value) : (heta_i_number){"unknown"};
}

static void say_chances(heta_i_screen *s, const heta_target *target) {
  char rank[40] = "";
  if (target->rank) snprintf(rank, sizeof rank, ", rank %zu", target->rank);
  if (isfinite(target->logprob))
    heta_i_screen_say(s, " ", "probability %s %%, log-probability %s%s, entropy %s nats",
                      heta_i_number_format("%.2f", 100 * exp(target->logprob)).text,
                      heta_i_number_format("%.3f", target->logprob).text, rank,
                      known("%.2f", target->entropy).text);
  else
    heta_i_screen_say(s, " ", "probability not known yet");
  const heta_candidate *foil = &target->foil;
  if (target->has_foil && isfinite(foil->logprob))
    heta_i_screen_say(s, " ",
                      "rather than %s: probability %s %%, log-probability %s; explained is "
                      "the difference of %s nats",
                      heta_i_label_word(foil->bytes, foil->byte_count, foil->id).text,
                      heta_i_number_format("%.2f", 100 * exp(foil->logprob)).text,
                      heta_i_number_format("%.3f", foil->logprob).text,
                      known("%.3f", target->logprob - foil->logprob).text);
  else if (target->has_foil)
    heta_i_screen_say(s, " ", "rather than %s: probability not known yet",
                      heta_i_label_word(foil->bytes, foil->byte_count, foil->id).text);
}

static void say_candidates(heta_i_screen *s, const heta_target *target) {
  char list[HETA_TOP_CANDIDATES * (sizeof(heta_i_label) + 16)] = "";
  for (size_t i = 0, used = 0; i < target->top_count; i++) {
    const heta_candidate *c = &target->top[i];
    used += (size_t)snprintf(list + used, sizeof list - used, "%s%s\x1f%.12s\x1f%%", i ? ", " : "",
                             heta_i_label_word(c->bytes, c->byte_count, c->id).text,
                             known("%.2f", 100 * exp(c->logprob)).text);
  }
  if (target->top_count) heta_i_screen_say(s, " ", "first choices: %s", list);
}

/* How to read what stands above. */
static void explain(heta_i_screen *s, const heta_row *row, heta_i_scale scale) {
  const bool color = s->color != HETA_COLOR_NONE;
  char known[120] = "";
  if (scale.known < row->length)
    snprintf(known, sizeof known, ", of the %zu tokens of %zu computed so far%s", scale.known,
             row->length, color ? " (not italic)" : "");
  heta_i_screen_say(
      s, " ",
      "The %s%s, the more it did for the one in brackets%s%s. Shares are parts of the "
      "sum of all %s, %s%s.",
      color ? "brighter a " : "longer the bar", color ? heta_level_name(s->rollup->level) : "",
      !s->a->is_signed ? ""
      : color          ? "; orange: it spoke against it, blue: for it"
                       : "; hatched bars: it spoke against it",
      color ? "; underlined: set apart below" : "", s->a->is_signed ? "sizes" : "scores",
      heta_i_number_format("%.4g", scale.sum).text, known);
}

static void section(heta_i_screen *s, const heta_i_cells *cells, size_t index) {
  const heta_row *row = &s->a->rows[index], *units = &s->rollup->rows[index];
  const heta_target *target = heta_i_row_target(s->a, row);
  heta_i_scale scale = heta_i_row_scale(s->a, row, s->units);
  heta_i_screen_rule(s);
  if (target) {
    say_title(s, target);
    say_chances(s, target);
    say_candidates(s, target);
  } else {
    say_all(s, row);
  }
  heta_i_puts(s->w, "\n");
  heta_i_heat_map(s, cells, row, scale);
  heta_i_puts(s->w, "\n");
  if (!scale.known) {
    heta_i_puts(s->w, row->length ? " Not computed yet.\n" : " Nothing stands before it.\n");
    return;
  }
  if (s->color == HETA_COLOR_NONE) {
    heta_i_heat_table(s, row, scale);
    heta_i_puts(s->w, "\n");
  } else {
    heta_i_heat_legend(s, scale);
  }
  explain(s, row, scale);
  table_apart(s, units, scale);
  table_strongest(s, units, scale);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void header(heta_i_screen *s) {
  const heta_model_info *model = s->a->model;
  const bool billions = model->parameters >= 1000000000;
  const char *name = model->name && *model->name ? model->name : model->file;
  const char *kind = model->architecture ? model->architecture : "unknown architecture";
  double size = (double)model->parameters / (billions ? 1e9 : 1e6);
  if (model->parameters)
    heta_i_screen_say(s, "model   ", "%s (%s, %s %s weights)", name ? name : "unnamed", kind,
                      heta_i_number_format("%.3g", size).text, billions ? "billion" : "million");
  else
    heta_i_screen_say(s, "model   ", "%s", name ? name : "unnamed");
  heta_i_screen_say(s, "method  ", "%s: %s, seed %llu", s->a->method->name,
                    s->a->method->summary ? s->a->method->summary : "",
                    (unsigned long long)s->a->seed);
  const heta_windows *windows = s->a->windows;
  if (windows) {
    heta_i_screen_say(s, "windows ", "%s, %zu tokens, a new one every %zu; gate leakage %s%s%s",
                      windows->mode, windows->size, windows->stride,
                      heta_i_number_format("%.3f", windows->leakage).text,
                      windows->remark ? "; " : "", windows->remark ? windows->remark : "");
  }
  if (!s->a->complete)
    heta_i_screen_say(s, "status  ", "partial%s%s; what is not computed is %s",
                      s->a->stopped_by ? ", stopped by " : "",
                      s->a->stopped_by ? s->a->stopped_by : "",
                      s->color == HETA_COLOR_NONE ? "shown as -" : "without colour, in italics");
}

/* The strongest units of a row, as many as the line holds after `column` cells. */
static void leaned_on(heta_i_screen *s, const heta_row *units, double sum, size_t column) {
  size_t best[3];
  size_t count = heta_i_rollup_best(s->a, s->rollup, units, false, 3, best);
  for (size_t j = 0; j < count; j++) {
    heta_i_label label = unit_label(s, best[j], 16);
    column += 2 + label.width + sizeof "-100.0 %";
    if (column > s->columns) break;
    heta_i_putf(s->w, "  %s ", label.text);
    heta_i_screen_number(s, "%.1f", 100 * heta_i_share(heta_i_row_value(units, best[j]), sum));
    heta_i_puts(s->w, " %");
  }
  heta_i_puts(s->w, "\n");
}

enum { OVERVIEW = 1 + 6 + 2 + SHORT + 11 }; /* cells of its lines before what was leaned on */

/* The mean of all targets, summed over the units. */
static heta_status overview_mean(heta_i_screen *s, const heta_i_headline *mean, heta_error *error) {
  heta_row row = {0};
  double *sums = heta_i_allocate(s->rollup->unit_count, sizeof *sums);
  if (!sums) return heta_i_no_memory(error, "the report", s->rollup->unit_count * sizeof *sums);
  for (; row.length < s->rollup->unit_count; row.length++) {
    const heta_unit *unit = &s->rollup->units[row.length];
    if (unit->first >= mean->length) break;
    for (size_t i = unit->first; i < unit->last && i < mean->length; i++)
      sums[row.length] += mean->score[i];
  }
  row.score = sums;
  if (row.length && isfinite(sums[0])) { /* a mean of all there will be */
    heta_i_putf(s->w, " %6s  %-*s%11s", "", SHORT, "mean of all", "");
    leaned_on(s, &row, 1, OVERVIEW);
  }
  heta_i_free(sums);
  return HETA_OK;
}

/* With several targets, one line each first: how likely it was and what it leaned on. */
static heta_status overview(heta_i_screen *s, const heta_i_headline *mean, heta_error *error) {
  if (s->a->row_count < 2) return HETA_OK;
  heta_i_putf(s->w, "\n %6s  %-*s%11s  %s\n", "token", SHORT, "explained", "probability",
              "leaned on");
  for (size_t i = 0; i < s->a->row_count; i++) {
    const heta_row *row = &s->a->rows[i];
    const heta_target *target = heta_i_row_target(s->a, row);
    if (!target) continue; /* has its own head */
    size_t size;
    heta_i_scale scale = heta_i_row_scale(s->a, row, s->units);
    const char *bytes = heta_i_target_text(s->a, target, &size);
    heta_i_putf(s->w, " %6zu  ", target->position);
    heta_i_screen_label(s, bytes ? bytes : "?", bytes ? size : 1, SHORT);
    heta_i_screen_number(s, "%9.2f", 100 * exp(target->logprob));
    heta_i_puts(s->w, isfinite(target->logprob) ? " %" : "  ");
    if (!scale.known) heta_i_puts(s->w, "  not computed yet");
    leaned_on(s, &s->rollup->rows[i], scale.sum, OVERVIEW);
  }
  return overview_mean(s, mean, error);
}

heta_status heta_i_report_term(heta_i_writer *writer, const heta_attribution *attribution,
                               const heta_report_options *options, const heta_i_units *units,
                               const heta_rollup *rollup, const heta_i_headline *headline,
                               heta_error *error) {
  heta_i_screen screen = {
      .w = writer, .a = attribution, .units = units, .rollup = rollup, .color = options->color};
  heta_i_cells cells;
  screen.columns = options->columns ? options->columns : COLUMNS_DEFAULT;
  if (screen.columns < COLUMNS_LEAST) screen.columns = COLUMNS_LEAST;
  HETA_TRY(heta_i_cells_create(&screen, &cells, error));
  header(&screen);
  heta_status status = overview(&screen, headline, error);
  if (!attribution->row_count) heta_i_puts(writer, "\n No token is explained yet.\n");
  for (size_t i = 0; i < attribution->row_count; i++) section(&screen, &cells, i);
  heta_i_cells_free(&cells);
  return status;
}
