/* run.h: an evaluation from its plan to its last record. */
#ifndef HETA_CLI_EVAL_RUN_H
#define HETA_CLI_EVAL_RUN_H

#include "cli/eval/choice.h"
#include "cli/eval/store.h"

typedef struct eval_request {
  const heta_model *model;
  const eval_suite *suites;
  size_t suite_count;
  const eval_choice *choice;
  const heta_metric_options *metric_options;
  uint64_t seed;
  int threads;
  heta_backend backend;
  heta_precision precision;
  size_t repeats;           /* draws of noise of a metric */
  size_t limit, max_tokens; /* the first items of each suite, of contexts so long; 0: no limit */
  uint64_t max_memory;
  uint64_t passes;    /* stop before more passes than this; 0: no limit */
  double max_seconds; /* stop after this; 0: no limit */
  bool plan_only, quiet, no_progress;
} eval_request;

/* Does what the database lacks. Returns CLI_DONE, or an exit code after saying why. */
int eval_run(const eval_request *request, eval_store *store);

#endif
