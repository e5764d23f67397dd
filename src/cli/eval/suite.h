/* suite.h: the questions of an evaluation: texts, targets and spans, read from JSON lines. */
#ifndef HETA_CLI_EVAL_SUITE_H
#define HETA_CLI_EVAL_SUITE_H

#include "cli/cli.h"

typedef struct eval_span {
  const char *role;  /* "gold", "distractor", "support", … */
  size_t start, end; /* bytes of the text */
} eval_span;

typedef struct eval_item {
  const char *suite, *name;  /* name: the item's id */
  const char *source;        /* items of one source are not independent; default: the id */
  const char *text, *target; /* target: what is explained, by its first token */
  const char *foil;          /* or NULL */
  const char *paraphrase;    /* the text in other words, with the same target; or NULL */
  size_t line;               /* of the file */
  size_t span_count;
  const eval_span *spans;
  char digest[65]; /* SHA-256 of what the results depend on */
} eval_item;

typedef struct eval_suite {
  struct json_t **lines; /* what the items borrow from, owned */
  eval_item *items;
  size_t count, line_count;
  char *name;
} eval_suite;

/* Reads "builtin" or a file, at most `limit` items (0: all). Returns CLI_DONE or an exit code after
 * saying what is wrong and where: file, line, column. The caller releases with eval_suite_free. */
int eval_suite_read(const char *name, size_t limit, eval_suite *suite);
/* The same of a file's content; `file` is how messages call it. */
int eval_suite_parse(const char *file, const char *name, const char *bytes, size_t size,
                     size_t limit, eval_suite *suite);
/* Whether a file's bytes are text that can be read here: skips the mark of UTF-8 at its beginning;
 * UTF-16 and NUL bytes are refused, with line and column. Returns CLI_DONE or an exit code. */
int eval_plain_text(const char *file, const char **bytes, size_t *size);
void eval_suite_free(eval_suite *suite);
/* Where the text gives the answer: the first place in a gold span that holds the target but for its
 * white space, whatever the case of its letters. False: nowhere, or the item has no foil. */
bool eval_item_answer(const eval_item *item, size_t *start, size_t *end);
/* Whether an item has a span of this role. */
bool eval_item_has(const eval_item *item, const char *role);

#endif
