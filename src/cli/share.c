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

/* Whether the errors of different tokens go together: with row curvature one probe moves all. */
static bool errors_go_together(const heta_attribution *attribution) {
  for (size_t i = 0; i < attribution->component_count; i++) {
    const char *estimator = attribution->components[i].estimator;
    if (estimator && strcmp(estimator, "row") == 0) return true;
  }
  return false;
}

static double sign_of(double value) { return value < 0 ? -1 : 1; }

/* With p = A / T, token i moves p by ((1 if inside) - p sign) / T of its own error. */
cli_measured cli_share(const heta_attribution *attribution, const heta_row *row, bool text_only,
                       const bool *inside) {
  double part = 0, whole = 0, squares = 0, sizes = 0;
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
    double moved = pull / whole * cli_row_error(row, i);
    squares += moved * moved;
    sizes += fabs(moved);
  }
  return (cli_measured){p, errors_go_together(attribution) ? sizes : sqrt(squares)};
}

void cli_shares(const heta_attribution *attribution, const heta_row *row, bool text_only,
                cli_measured *shares) {
  double whole = 0, squares = 0, sizes = 0;
  bool together = errors_go_together(attribution);
  for (size_t i = 0; i < row->length; i++) {
    if (text_only && cli_is_apart(attribution, i)) continue;
    double error = cli_row_error(row, i);
    whole += fabs(cli_row_value(row, i));
    squares += error * error;
    sizes += error;
  }
  for (size_t i = 0; i < row->length; i++) {
    shares[i] = (cli_measured){0};
    if (!(whole > 0) || (text_only && cli_is_apart(attribution, i))) continue;
    double value = cli_row_value(row, i), error = cli_row_error(row, i), p = value / whole;
    double own = fabs(1 - p * sign_of(value)) * error, rest = squares - error * error;
    shares[i].value = p;
    shares[i].error = together ? (own + fabs(p) * (sizes - error)) / whole
                               : sqrt(own * own + p * p * (rest > 0 ? rest : 0)) / whole;
  }
}
