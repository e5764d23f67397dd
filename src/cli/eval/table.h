/* table.h: what an evaluation's database says, as numbers with intervals, ready to be written. */
#ifndef HETA_CLI_EVAL_TABLE_H
#define HETA_CLI_EVAL_TABLE_H

#include "cli/eval/stats.h"
#include "cli/eval/store.h"

/* A method with its options, seed and engine: one row of every table. No two have one label: where
 * they were given the same, it goes on with what tells them apart: "heta seed 7". */
typedef struct eval_config {
  char *label;
  char *method, *options, *engine;
  uint64_t seed;
  size_t scores, problems; /* records with scores; without */
  double seconds, flop;    /* means of an attribution */
  double passes;
} eval_config;

typedef struct eval_question {
  sqlite3_int64 id;
  size_t suite, source; /* indices */
  double logprob;
  uint64_t rank;
} eval_question;

typedef struct eval_column {
  const heta_metric_info *metric;
  const heta_measure_info *measure;
  char *settings;
  double *values; /* [configs × questions]; NaN: none. Of a curve: [configs × questions × points] */
} eval_column;

typedef struct eval_results {
  bool answered; /* only questions whose target was the model's first choice */
  char model[256], fingerprint[128], made_by[64];
  char **suites;
  unsigned roles; /* HETA_METRIC_NEEDS_GOLD, …_DISTRACTOR: what some question has spans of */
  size_t suite_count, config_count, question_count, column_count, source_count;
  eval_config *configs;
  eval_question *questions;
  eval_column *columns;
} eval_results;

/* What a table row says of one method. */
typedef struct eval_cell {
  size_t config;
  eval_estimate estimate, chance;
  eval_difference difference; /* to the method compared with */
  double p;                   /* corrected by Holm's method over the table's methods */
} eval_cell;

int eval_results_read(eval_store *store, bool answered, eval_results *results);
void eval_results_free(eval_results *results);

/* The config of a label; SIZE_MAX when there is none. */
size_t eval_results_find(const eval_results *results, const char *label);
/* "'heta seed 1', 'heta seed 7'": the labels of which this one was the beginning, and too little to
 * tell them apart; "" when it was not. */
void eval_results_fuller(const eval_results *results, const char *label, char room[CLI_MESSAGE]);

/* The suite of a name. Returns CLI_DONE or an exit code after saying which there are. */
int eval_results_suite(const eval_results *results, const char *name, size_t *suite);
/* The column of another measure of the same metric, under the same settings; NULL: none. */
const eval_column *eval_results_beside(const eval_results *results, const eval_column *column,
                                       const char *name);

/* How many values a column has on a suite, of one method or of all (NULL). */
size_t eval_results_values(const eval_results *results, const eval_column *column, size_t suite,
                           const char *method);
/* The column of a measure that has the most of them; NULL when there are none. */
const eval_column *eval_results_fullest(const eval_results *results, const char *measure,
                                        size_t suite, const char *method);
/* Of the column's settings, those that tell it from other columns of the same measure:
 * "mask=mean"; "" when there is no other. */
enum { EVAL_SETTINGS = 160 };
const char *eval_results_apart(const eval_results *results, const eval_column *column,
                               char room[EVAL_SETTINGS]);

/* Whether a word is one of those of a text such as "beta=0.5 gamma=0.5". */
bool eval_has_word(const char *text, const char *word, size_t length);
/* The value of an option in "beta=0.5 gamma=0.5 …"; NaN when there is none. */
double eval_option_number(const char *options, const char *name);
/* Whether two configs differ in beta and gamma at most. */
bool eval_config_same_but_weights(const eval_config *x, const eval_config *y);

/* The rows of one measure on one suite, best first; *count of them. cells: [config_count].
 * against: the config compared with, or SIZE_MAX. */
int eval_results_cells(const eval_results *results, const eval_column *column, size_t suite,
                       size_t against, eval_cell *cells, size_t *count);

#endif
