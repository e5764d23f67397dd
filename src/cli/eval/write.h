/* write.h: tables of an evaluation, in every form; a page has the charts too. */
#ifndef HETA_CLI_EVAL_WRITE_H
#define HETA_CLI_EVAL_WRITE_H

#include "cli/eval/table.h"

typedef enum eval_form { EVAL_TERM, EVAL_MARKDOWN, EVAL_LATEX, EVAL_CSV, EVAL_HTML } eval_form;

typedef struct eval_writing {
  FILE *out;
  const eval_results *results;
  eval_form form;
  const char *measures; /* comma-separated, "all", or NULL: the first of each metric */
  const char *suite;    /* or NULL: all */
  bool answered;
  size_t against; /* a config, or SIZE_MAX */
} eval_writing;

int eval_write(const eval_writing *writing);

#endif
