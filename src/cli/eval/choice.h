/* choice.h: which methods and metrics an evaluation takes, from what was typed. */
#ifndef HETA_CLI_EVAL_CHOICE_H
#define HETA_CLI_EVAL_CHOICE_H

#include "cli/options.h"

/* A method with the options it is run with. */
typedef struct eval_method {
  const heta_method_info *info;
  char *label;          /* "heta+gamma=0" */
  heta_option *options; /* those given; names are the table's, values lie in `words` */
  size_t option_count;
  char *words;
  char *resolved; /* every option of the table: "beta=0.5 gamma=0 …" */
} eval_method;

typedef struct eval_choice {
  eval_method *methods;
  size_t method_count;
  const heta_metric_info **metrics;
  size_t metric_count;
} eval_choice;

/* methods, metrics: comma-separated. Returns CLI_DONE or an exit code after saying why not. */
int eval_choice_read(const char *methods, const char *metrics, eval_choice *choice);
void eval_choice_free(eval_choice *choice);

#endif
