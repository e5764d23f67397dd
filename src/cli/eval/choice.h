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

/* Reads "heta+gamma=0", `length` bytes. Returns CLI_DONE or an exit code after saying why not; in
 * both cases the caller releases with eval_method_free. */
int eval_method_read(const char *text, size_t length, eval_method *method);
void eval_method_free(eval_method *method);
/* The value of an option, given or not; "" when there is no such option. */
const char *eval_method_value(const eval_method *method, const char *name);

/* Whether the metric takes attributions of its own. */
bool eval_attributes_again(const heta_metric_info *metric);

/* methods, metrics: comma-separated. Returns CLI_DONE or an exit code after saying why not. */
int eval_choice_read(const char *methods, const char *metrics, eval_choice *choice);
/* Puts the numbers of a file of heta calibrate in the place of `auto`; file: NULL when none is
 * given. Returns CLI_DONE or an exit code after saying why not. */
int eval_choice_calibrate(eval_choice *choice, const char *file, const heta_model *model);
void eval_choice_free(eval_choice *choice);

#endif
