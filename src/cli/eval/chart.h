/* chart.h: pictures of an evaluation, each an SVG of its own. */
#ifndef HETA_CLI_EVAL_CHART_H
#define HETA_CLI_EVAL_CHART_H

#include "cli/eval/table.h"

typedef enum eval_chart {
  EVAL_CHART_MEASURES,  /* methods × measures: a point and its interval each */
  EVAL_CHART_CURVES,    /* deletion and insertion */
  EVAL_CHART_ABLATIONS, /* HETA with all its parts and without some: a bar each */
  EVAL_CHART_COST,      /* what a score vector costs, and how faithful it is */
  EVAL_CHART_SWEEP,     /* HETA's measures as weight moves from curvature to information */
  EVAL_CHARTS
} eval_chart;

/* "measures|curves|ablations|cost|sweep" */
#define EVAL_CHART_NAMES "measures|curves|ablations|cost|sweep"

/* Writes a chart of one suite; *drawn says whether there was anything to draw. Returns CLI_DONE or
 * an exit code after saying why not. */
int eval_chart_write(FILE *file, const eval_results *results, eval_chart chart, size_t suite,
                     bool *drawn);

#endif
