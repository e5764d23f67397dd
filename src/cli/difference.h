/* difference.h: two results side by side: tokens aligned by their text, shares subtracted, ranks
 * correlated. docs/diff.md. */
#ifndef HETA_CLI_DIFFERENCE_H
#define HETA_CLI_DIFFERENCE_H

#include "cli/cli.h"
#include "cli/share.h"

#include <stdint.h>

#define CLI_NO_TOKEN SIZE_MAX

/* A token of both, or of one: the other is CLI_NO_TOKEN then. */
typedef struct cli_pair {
  size_t a, b;
} cli_pair;

/* What a token stands for; borrowed. */
cli_text_view cli_token_text(const heta_attribution *attribution, size_t token);
/* The text of what a row explains, empty when it is not known, and its log-probability: of all
 * targets, both together. */
cli_text_view cli_row_text(const heta_attribution *attribution, const heta_row *row);
double cli_row_logprob(const heta_attribution *attribution, const heta_row *row);
/* The foil that the row's target was explained against, or NULL. */
const heta_candidate *cli_row_foil(const heta_attribution *attribution, const heta_row *row);

/* The longest common subsequence of two lists of texts: pairs in the order of both, `count` of
 * them, owned by the caller; ties go to the earlier token of b. NULL without memory. align.c */
cli_pair *cli_align(const cli_text_view *a, size_t a_count, const cli_text_view *b, size_t b_count,
                    size_t *count);

/* Spearman's rank correlation, and what standard errors do to it. NAN where there is none. */
typedef struct cli_correlation {
  double value;
  double low, high; /* 95 % of it when all values move by their standard errors; NAN: all exact */
  double same;      /* what two runs of the same would give, with errors like these; NAN: exact */
} cli_correlation;

/* values and errors of the same `count` things in a and b. False without memory. rank.c */
bool cli_correlate(const cli_measured *a, const cli_measured *b, size_t count,
                   cli_correlation *out);

/* One explained target of each. */
typedef struct cli_difference {
  const heta_row *row_a, *row_b;
  cli_pair *pairs; /* owned */
  size_t pair_count, common;
  cli_measured *shares_a, *shares_b; /* owned, one per context token */
  cli_correlation correlation;       /* over the tokens of both */
} cli_difference;

/* text_only: without the tokens that are apart. On failure `message` holds one sentence. */
bool cli_difference_make(const heta_attribution *a, const heta_row *row_a,
                         const heta_attribution *b, const heta_row *row_b, bool text_only,
                         cli_difference *out, char message[CLI_MESSAGE]);
void cli_difference_release(cli_difference *difference);

/* B's share minus A's; a token that one side does not have counts as 0 there. */
cli_measured cli_pair_change(const cli_difference *difference, const cli_pair *pair);

/* The two results of `heta diff`. */
typedef struct cli_sides {
  const char *file_a, *file_b;
  const heta_attribution *a, *b;
  bool text_only;
} cli_sides;

/* The file of a side's model where the other side has another model, which may have the same name
 * (quantisations of one do); NULL where it has the same. */
const char *cli_side_file(const cli_sides *sides, const heta_attribution *attribution);

/* What differs between the two jobs: "model", "text", "beta" …; `say` gets each name once. */
void cli_sides_differ(const cli_sides *sides, void (*say)(void *context, const char *name),
                      void *context);

/* How it is shown. Each returns an exit code. */
int cli_difference_term(const cli_sides *sides, const cli_difference *list, size_t count);
int cli_difference_json(const cli_sides *sides, const cli_difference *list, size_t count);
int cli_difference_html(const cli_sides *sides, const cli_difference *list, size_t count);

#endif
