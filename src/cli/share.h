/* share.h: a token's share of a row, as the reports show it, with its standard error: what
 * --assert and `heta diff` measure by. The formulas: docs/assert.md. */
#ifndef HETA_CLI_SHARE_H
#define HETA_CLI_SHARE_H

#include <heta/heta.h>

/* The first token is where attention rests whatever it says; special and template tokens come with
 * every chat. The reports list them apart. */
bool cli_is_apart(const heta_attribution *attribution, size_t token);

/* The signed score if there is one, else the score; and its standard error. 0 when not known. */
double cli_row_value(const heta_row *row, size_t token);
double cli_row_error(const heta_row *row, size_t token);

typedef struct cli_measured {
  double value, error; /* error: standard error, 0 when exact */
  double df;           /* its degrees of freedom; NAN when they are not known */
} cli_measured;

/* Whether its 95 % interval leaves out `other`. */
bool cli_differs(cli_measured measured, double other);
/* b - a, as if they were independent. */
cli_measured cli_measured_change(cli_measured a, cli_measured b);

/* The part of the sum of |value| that the tokens with inside[token] have; text_only: without the
 * tokens that are apart. */
cli_measured cli_share(const heta_attribution *attribution, const heta_row *row, bool text_only,
                       const bool *inside);
/* The same for each token alone; `shares` has row->length entries. 0 for tokens left out. */
void cli_shares(const heta_attribution *attribution, const heta_row *row, bool text_only,
                cli_measured *shares);

#endif
