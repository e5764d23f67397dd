/* leakage.c: how far windows over a long context move a method's scores and its gate, near the
 * windows' edges and over the whole context. */
#include <math.h>

#include "metric/metric.h"

/* Σ |a − b| over some of the tokens (NULL: all), each side divided by its own sum; NaN when a side
 * has none. */
static double moved(const double *a, const double *b, const bool *some, size_t length) {
  double all_a = 0, all_b = 0, sum = 0;
  for (size_t i = 0; i < length; i++) {
    all_a += a[i];
    all_b += b[i];
  }
  if (!(all_a > 0) || !(all_b > 0)) return NAN;
  for (size_t i = 0; i < length; i++)
    if (!some || some[i]) sum += fabs(a[i] / all_a - b[i] / all_b);
  return sum;
}

static heta_status run(heta_i_judging *j, double *const *values, heta_error *error) {
  const heta_scored *s = &j->scored;
  const double *whole = s->others[0]->score, *gate = s->others[1]->score,
               *whole_gate = s->others[2]->score;
  size_t n = s->length, near = 0;
  (void)error;
  for (size_t i = 0; s->near_edge && i < n; i++) near += s->near_edge[i];
  if (near) {
    *values[0] = moved(s->score, whole, s->near_edge, n);
    *values[1] = moved(gate, whole_gate, s->near_edge, n);
  }
  *values[2] = 0.5 * moved(s->score, whole, NULL, n);
  *values[3] = 0.5 * moved(gate, whole_gate, NULL, n);
  *values[4] = (double)near / (double)n;
  return HETA_OK;
}

static const heta_i_others OTHERS = {
    3, true, "the scores of the whole context, and the gates with windows and without"};

static const heta_measure_info MEASURES[] = {
    {"leakage", "what the shares of the scores move near the edges of the windows", -1, 1, NULL,
     NULL},
    {"leakage_gate", "the same of the gate", -1, 1, NULL, NULL},
    {"moved", "half of what the shares of the scores move in the whole context: 0 to 1", -1, 1,
     NULL, NULL},
    {"moved_gate", "the same of the gate", -1, 1, NULL, NULL},
    {"near_edges", "share of the tokens that lie near an edge", 0, 1, NULL, NULL},
};

const heta_i_metric heta_i_metric_leakage = {
    .info =
        {.name = "leakage",
         .summary = "window leakage: what windows and low rank move, against the whole context",
         .about =
             "Asked of HETA with windows, a cheaper curvature or less information: its scores "
             "beside those of the same options without (--windows none, --curvature block, "
             "--information all, no --fast), both divided by their sums over the context. Leakage "
             "is the sum of the absolute differences over the tokens within 16 of an edge that "
             "two windows share or one has inside the context; windows are those of --window and "
             "--stride, also for a variant that has none (512 and 256). The gate's is the same sum "
             "of gates; half of it over all tokens is what heta attribute --windows reports. The "
             "paper defines it as a discrepancy near the windows' boundaries, in words only. A "
             "context that fits one window has no edge, and no leakage.",
         .source = "HETA (defined in words only)",
         .needs = HETA_METRIC_NEEDS_WHOLE,
         .measures = MEASURES,
         .measure_count = sizeof MEASURES / sizeof *MEASURES},
    .others = &OTHERS,
    .run = run};
