/* builder.h: suites made of the published files of data sets: what the makers of each share. */
#ifndef HETA_CLI_EVAL_BUILDER_H
#define HETA_CLI_EVAL_BUILDER_H

#include "cli/eval/csv.h"
#include "cli/input.h"
#include "cli/json.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct eval_builder {
  const char *from; /* the folder */
  uint64_t limit, per_support;
  uint64_t state; /* of the random numbers */
  FILE *out;
  size_t written, skipped;
  /* Where the next item comes from: the file, "record" or "line", and its number from 1. */
  const char *file, *unit;
  size_t record;
  size_t *records; /* [written], owned: that number of each item */
} eval_builder;

/* An item to write. NULL: not there. spans is owned by it until it is put. */
typedef struct eval_made {
  const char *id, *source, *text, *target, *foil, *paraphrase;
  json_t *spans;
} eval_made;

/* Each returns CLI_DONE or an exit code after saying why. */
typedef int (*eval_build)(eval_builder *b);
int eval_build_counterfact(eval_builder *b);
int eval_build_longra(eval_builder *b);
int eval_build_curated(eval_builder *b);
int eval_build_tellmewhy(eval_builder *b);
int eval_build_wikibio(eval_builder *b);
int eval_build_active_passive(eval_builder *b);

/* Whether `heta data build` knows how to make this suite. */
bool eval_build_known(const char *name);
/* Whether as many items are written as were asked for. */
bool eval_build_full(const eval_builder *b);
/* A file of the folder, which must have some text. */
int eval_build_read(const eval_builder *b, const char *name, cli_text *text);
/* A list of JSON objects, from a file that holds one list, or one object a line. Its records are
 * those that items come from now. */
int eval_build_list(eval_builder *b, const char *name, json_t **list);
/* The same of a CSV file with headings. */
int eval_build_csv(eval_builder *b, const char *name, eval_csv *csv);
/* The first line of a suite. */
void eval_build_head(eval_builder *b, const char *about);
/* Writes an item and releases its spans. */
int eval_build_put(eval_builder *b, eval_made *item);
/* Adds bytes [start, end) of the text, in characters. */
void eval_build_span(eval_made *item, const char *role, size_t start, size_t end);
/* A text field; "" when it is none. */
const char *eval_build_text(const json_t *object, const char *key);
/* Bytes of the whole characters among the first `most` bytes. */
int eval_build_cut(const char *text, int most);
/* A copy with runs of white space as single spaces, none at the ends; NULL without memory. */
char *eval_build_tidy(const char *text, size_t size);
/* Ends of sentences: after a full stop, question or exclamation mark before white space. Returns
 * their number. */
enum { EVAL_MOST_SENTENCES = 400 };
size_t eval_build_sentences(const char *text, size_t ends[EVAL_MOST_SENTENCES]);

#endif
