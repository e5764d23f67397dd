/* view.h: what a person is shown of an attribution, the same in every visual form: which tokens are
 * drawn as one, which are set apart, and what share of the sum each has. */
#ifndef HETA_REPORT_VIEW_H
#define HETA_REPORT_VIEW_H

#include "base/status.h"

/* Tokens [first, last) that only together make whole characters as a reader sees them (grapheme
 * clusters); bytes [start, end) of the text. Most units are one token. A token without bytes in the
 * text (begin-of-sequence) is a unit with start = end. */
typedef struct heta_i_unit {
  size_t first, last, start, end;
} heta_i_unit;

typedef struct heta_i_units {
  heta_i_unit *units;
  size_t count;
} heta_i_units;

/* The units tile tokens and text. Release with heta_i_units_free. HETA_E_MEMORY. */
heta_status heta_i_units_create(const heta_attribution *attribution, heta_i_units *out,
                                heta_error *error);
void heta_i_units_free(heta_i_units *units);

/* The end of the grapheme cluster that starts at byte `at` of valid UTF-8, at < size. */
size_t heta_i_cluster_end(const char *text, size_t at, size_t size);

/* Tokens that every target leans on whatever the text says: the first one (the attention sink) and
 * special, template and begin-of-sequence tokens. They get rows of their own; colours scale without
 * them. */
bool heta_i_set_apart(const heta_attribution *attribution, size_t token);

/* The number a row stands for at a token: its signed score if it has one, else its score. NaN when
 * not computed. */
double heta_i_row_value(const heta_row *row, size_t token);
/* The sum of a unit's tokens before the target, those set apart left out where it begins with one;
 * NaN when none is computed. */
double heta_i_unit_value(const heta_attribution *attribution, const heta_row *row,
                         const heta_i_unit *unit);

/* Sizes of one row. */
typedef struct heta_i_scale {
  double sum;   /* of |value| over all computed tokens: the whole that shares are parts of */
  double peak;  /* largest |value| of a unit: the strongest colour; 0 when there is none */
  size_t known; /* tokens computed */
} heta_i_scale;
heta_i_scale heta_i_row_scale(const heta_attribution *attribution, const heta_row *row,
                              const heta_i_units *units);
/* value / whole, 0 when the whole is 0. */
double heta_i_share(double value, double whole);

/* A token's bytes: its own, else its part of the text. Borrowed. */
const char *heta_i_token_text(const heta_attribution *attribution, size_t token, size_t *size);
/* A unit's part of the text; of a token that covers none, its name. Borrowed. */
const char *heta_i_unit_text(const heta_attribution *attribution, const heta_i_unit *unit,
                             size_t *size);
/* Whether all its tokens are set apart. */
bool heta_i_unit_apart(const heta_attribution *attribution, const heta_i_unit *unit);
/* A target's bytes: of the token at its position, else of the candidate with its id, else NULL. */
const char *heta_i_target_text(const heta_attribution *attribution, const heta_target *target,
                               size_t *size);

/* What a row explains: its target, or NULL when it explains all of them. */
const heta_target *heta_i_row_target(const heta_attribution *attribution, const heta_row *row);
/* The token after the last one that a row explains. */
size_t heta_i_row_end(const heta_attribution *attribution, const heta_row *row);
/* Log-probability of what a row explains: of all targets, their sum. NaN until known. */
double heta_i_row_logprob(const heta_attribution *attribution, const heta_row *row);
/* The text of all targets together. Borrowed. */
const char *heta_i_targets_text(const heta_attribution *attribution, size_t *size);

/* "text", "bos", … */
const char *heta_i_kind_name(heta_token_kind kind);

#endif
