/* compare.h: one text explained by several methods, side by side. */
#ifndef HETA_CLI_COMPARE_H
#define HETA_CLI_COMPARE_H

#include "cli/share.h"

enum { CLI_COMPARED_POINTS = 21 }; /* of a curve: 0, 5, … 100 % of the tokens */

/* One method's answer. */
typedef struct cli_compared {
  const char *label, *options;    /* borrowed; options as they were resolved */
  heta_job *job;                  /* owned */
  const heta_attribution *result; /* the job's; NULL: none */
  char problem[480];              /* why there is none */
  double *shares;                 /* owned: [context tokens], signed; 0 for tokens set apart */
  double deletion, insertion;     /* areas under the curves of the target's probability */
  double deletion_curve[CLI_COMPARED_POINTS], insertion_curve[CLI_COMPARED_POINTS];
} cli_compared;

typedef struct cli_comparison {
  const heta_attribution *first; /* of the first method that has a result: text, target, model */
  cli_compared *list;
  size_t count;
  double *correlation; /* [count × count]: Spearman's of the scores; NAN where there is none */
} cli_comparison;

/* How it is shown. Each returns an exit code. */
int cli_comparison_term(const cli_comparison *comparison);
int cli_comparison_json(const cli_comparison *comparison);
int cli_comparison_html(const cli_comparison *comparison);

#endif
