/* metric.h: what a metric is, and what it works with.
 *
 * A metric judges scores: given a context, the token that was explained and one number per context
 * token, it gives the numbers its table of measures names. Most remove tokens and look at what the
 * model then predicts; all of them do it with the same masked lanes of one clean run. A new metric
 * is a function, a heta_i_metric and a line in registry.c. */
#ifndef HETA_METRIC_METRIC_H
#define HETA_METRIC_METRIC_H

#include "base/memory.h"
#include "engine/engine.h"

enum { HETA_CURVE_POINTS = 21 }; /* of a curve: 0, 5, … 100 % of the context */
enum { HETA_AOPC_BINS = 5 };     /* 1, 5, 10, 20, 50 % */

typedef struct heta_i_judging heta_i_judging;

/* What a metric of repeated attributions asks of heta_scored's `others`. */
typedef struct heta_i_others {
  size_t least;     /* how many, at least */
  bool alike;       /* of the same context, token for token */
  const char *what; /* for a message */
} heta_i_others;

typedef struct heta_i_metric {
  heta_metric_info info;
  /* Masked lanes for a context of n tokens, the clean run not counted. NULL: it asks no model. */
  size_t (*lanes)(const heta_metric_options *options, size_t n);
  /* How many of these are the same for all scores of one context; NULL: none. */
  size_t (*shared)(const heta_metric_options *options, size_t n);
  /* How many rows they all have, where they do not begin near the context's first; NULL: n each. */
  double (*rows)(const heta_metric_options *options, size_t n);
  const heta_i_others *others; /* NULL: none */
  /* Fills values[measure][point], which begin as NaN. */
  heta_status (*run)(heta_i_judging *j, double *const *values, heta_error *error);
} heta_i_metric;

/* What the model predicts in one altered context. */
typedef struct heta_i_answer {
  unsigned char digest[32]; /* of the target and the altered rows */
  double logprob, kl, hellinger;
  bool taken;
} heta_i_answer;

/* Answers of the present context: whoever asks again, another metric or another method's scores,
 * gets the same bits without a pass. */
typedef struct heta_i_known {
  heta_i_answer *answers; /* a table with open addresses */
  size_t room, count;
} heta_i_known;

/* A context that questions were asked of. */
typedef struct heta_i_context {
  heta_i_run *run; /* clean */
  int32_t *tokens;
  size_t length;
  heta_i_known known;
} heta_i_context;

/* One question as the metrics see it. */
struct heta_i_judging {
  heta_evaluator *evaluator;
  const heta_metric_options *options;
  const heta_model *model;
  heta_scored scored;
  heta_i_engine *engine; /* NULL: no metric so far needed the model */
  size_t lane_rows;
  heta_i_run *run;      /* clean, over the context; one target row, the last */
  double clean_logprob; /* of the target */
  bool clean_first;     /* whether no token is more probable */
  double *embeddings;   /* [length × width]: the context's */
  double *removed;      /* [width]: what stands for a removed token */
  size_t *order;        /* tokens that may be removed, best first; ties: the lower index first */
  size_t ranked;        /* how many */
  double *share;        /* [length]: scores divided by their sum; 0 for tokens set apart */
  heta_i_known *known;  /* of the context */
  heta_i_arena *memory; /* of this question */
};

/* judge.c */
/* Zeroed numbers or flags that live as long as the question. */
void *heta_i_judging_take(heta_i_judging *j, size_t count, size_t size);
bool heta_i_is_apart(const heta_i_judging *j, size_t token);

/* The same question of the context with the foil: scores, order and spans are still those of the
 * given context. */
heta_status heta_i_judge_foil(heta_i_judging *j, heta_i_judging *foil, heta_error *error);

/* variants.c */
/* What the model predicts in variants of the context. Arrays have one entry per variant; NULL: not
 * wanted. */
typedef struct heta_i_prediction {
  double *logprob;   /* of the target */
  double *kl;        /* KL(clean ‖ variant) */
  double *hellinger; /* Σ (√p − √q)² */
} heta_i_prediction;

/* Writes what stands in row `token` of a variant over its embedding; false leaves it as it is. */
typedef bool (*heta_i_alter)(void *context, size_t variant, size_t token, double *embedding);

heta_status heta_i_judge_variants(heta_i_judging *j, size_t count, heta_i_alter alter,
                                  void *context, const heta_i_prediction *out, heta_error *error);
/* Variants that remove whole tokens: removed is [count × length]. */
heta_status heta_i_judge_removed(heta_i_judging *j, size_t count, const bool *removed,
                                 const heta_i_prediction *out, heta_error *error);
/* Drops of the target's log-probability when the last row, in every block and head, may not attend
 * to one of the tokens. */
heta_status heta_i_judge_cut(heta_i_judging *j, const size_t *tokens, size_t count, double *drop,
                             heta_error *error);
void heta_i_known_forget(heta_i_known *known);

/* ranks.c: plain functions of scores. */
/* Indices of the tokens that are not set apart, by score descending, ties by index. Returns their
 * number. */
size_t heta_i_rank(const double *score, const bool *set_apart, size_t length, size_t *order);
/* Scores divided by their sum over the tokens not set apart; uniform over them when the sum is 0.
 */
void heta_i_shares(const double *score, const bool *set_apart, size_t length, double *share);
/* How many of n a fraction is: the nearest whole number, halves upward. */
size_t heta_i_part_of(double fraction, size_t n);
/* Area under values at equal distances over [0, 1], by trapezoids. */
double heta_i_area(const double *values, size_t points);
/* Rank correlation with average ranks for ties; NaN when either side is constant. */
double heta_i_spearman(const double *a, const double *b, size_t count, double *scratch);
double heta_i_pearson(const double *a, const double *b, size_t count);

/* spans.c: DSA of the scores; NaN when no token lies in a gold span, or none in a distractor span.
 */
double heta_i_dsa(const heta_i_judging *j);
/* soft.c: Soft-NC and Soft-NS of the shares; NaN where they are not defined. */
heta_status heta_i_soft_of(heta_i_judging *j, double *nc, double *ns, heta_error *error);

/* curves.c: how many of the tokens AOPC removes in each of its steps. */
void heta_i_aopc_counts(size_t tokens, size_t counts[HETA_AOPC_BINS]);

const heta_i_metric *heta_i_metric_find(const char *name);

extern const heta_i_metric heta_i_metric_deletion, heta_i_metric_insertion, heta_i_metric_aopc,
    heta_i_metric_comprehensiveness, heta_i_metric_soft, heta_i_metric_soft_package,
    heta_i_metric_alignment, heta_i_metric_dsa, heta_i_metric_faithfulness, heta_i_metric_patching,
    heta_i_metric_span, heta_i_metric_counterfactual, heta_i_metric_leakage,
    heta_i_metric_causal_pass, heta_i_metric_sensitivity, heta_i_metric_paraphrase,
    heta_i_metric_decoding;

#endif
