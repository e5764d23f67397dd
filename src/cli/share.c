/* share.c: shares of a row, and how far their standard errors move them. */
#include "cli/share.h"

#include <math.h>
#include <string.h>

bool cli_is_apart(const heta_attribution *attribution, size_t token) {
  heta_token_kind kind = attribution->tokens[token].kind;
  return token == 0 || kind == HETA_TOKEN_BOS || kind == HETA_TOKEN_SPECIAL ||
         kind == HETA_TOKEN_TEMPLATE;
}

double cli_row_value(const heta_row *row, size_t token) {
  double value = row->signed_score ? row->signed_score[token] : row->score[token];
  return isfinite(value) ? value : 0;
}

double cli_row_error(const heta_row *row, size_t token) {
  return row->score_se && isfinite(row->score_se[token]) ? row->score_se[token] : 0;
}

static double row_df(const heta_row *row, size_t token) {
  return row->score_df ? row->score_df[token] : NAN;
}

bool cli_differs(cli_measured measured, double other) {
  return fabs(measured.value - other) >= heta_interval_factor(measured.df) * measured.error;
}

/* Whether the errors of different tokens go together: with row curvature one probe moves all. */
static bool errors_go_together(const heta_attribution *attribution) {
  for (size_t i = 0; i < attribution->component_count; i++) {
    const char *estimator = attribution->components[i].estimator;
    if (estimator && strcmp(estimator, "row") == 0) return true;
  }
  return false;
}

static double sign_of(double value) { return value < 0 ? -1 : 1; }

/* An error made of those of several tokens. */
typedef struct spread {
  double sizes, squares, fourths, least; /* Σ|e|, Σe², Σe⁴/df, least df; without tokens: no bound */
} spread;

static void add(spread *to, double moved, double df) {
  double square = moved * moved;
  if (!(square > 0)) return;
  to->sizes += fabs(moved);
  to->squares += square;
  to->fourths += square * square / df;
  if (!(df >= to->least)) to->least = df;
}

/* Independent errors add in quadrature, and their degrees of freedom are Welch's; together, sizes
 * add, and the least degrees count. */
static cli_measured measure(double value, spread of, bool together) {
  double df = together ? of.least : of.squares * of.squares / of.fourths;
  return (cli_measured){value, together ? of.sizes : sqrt(of.squares), df};
}

cli_measured cli_measured_change(cli_measured a, cli_measured b) {
  spread moved = {.least = INFINITY};
  add(&moved, a.error, a.df);
  add(&moved, b.error, b.df);
  return measure(b.value - a.value, moved, false);
}

/* With p = A / T, token i moves p by ((1 if inside) - p sign) / T of its own error. */
cli_measured cli_share(const heta_attribution *attribution, const heta_row *row, bool text_only,
                       const bool *inside) {
  double part = 0, whole = 0;
  spread moved = {.least = INFINITY};
  for (size_t i = 0; i < row->length; i++) {
    if (text_only && cli_is_apart(attribution, i)) continue;
    double value = cli_row_value(row, i);
    whole += fabs(value);
    if (inside[i]) part += value;
  }
  if (!(whole > 0)) return (cli_measured){0};
  double p = part / whole;
  for (size_t i = 0; i < row->length; i++) {
    if (text_only && cli_is_apart(attribution, i)) continue;
    double pull = (inside[i] ? 1 : 0) - p * sign_of(cli_row_value(row, i));
    add(&moved, pull / whole * cli_row_error(row, i), row_df(row, i));
  }
  return measure(p, moved, errors_go_together(attribution));
}

/* As cli_share of one token each, from sums over all tokens. */
void cli_shares(const heta_attribution *attribution, const heta_row *row, bool text_only,
                cli_measured *shares) {
  double whole = 0;
  spread all = {.least = INFINITY};
  bool together = errors_go_together(attribution);
  for (size_t i = 0; i < row->length; i++) {
    if (text_only && cli_is_apart(attribution, i)) continue;
    whole += fabs(cli_row_value(row, i));
    add(&all, cli_row_error(row, i), row_df(row, i));
  }
  for (size_t i = 0; i < row->length; i++) {
    shares[i] = (cli_measured){0};
    if (!(whole > 0) || (text_only && cli_is_apart(attribution, i))) continue;
    double value = cli_row_value(row, i), error = cli_row_error(row, i), p = value / whole;
    double size = fabs(p), square = error * error, fourth = square * square / row_df(row, i);
    double rest = all.squares - square, others = all.fourths - (square > 0 ? fourth : 0);
    spread moved = {.least = all.least};
    add(&moved, (1 - p * sign_of(value)) * error, row_df(row, i));
    moved.sizes += size * (all.sizes - error);
    moved.squares += size * size * (rest > 0 ? rest : 0);
    moved.fourths += size * size * size * size * (others > 0 ? others : 0);
    shares[i] = measure(p, moved, together);
    shares[i].error /= whole;
  }
}
