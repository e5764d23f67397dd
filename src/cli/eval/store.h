/* store.h: the database of an evaluation, one SQLite file: items, every score vector, every
 * measure.
 *
 * Each record is written in a transaction of its own, so that the program can be killed at any
 * moment and nothing that was computed is lost. One process writes at a time, held by a lock on the
 * file; any number read. */
#ifndef HETA_CLI_EVAL_STORE_H
#define HETA_CLI_EVAL_STORE_H

#include "cli/eval/suite.h"

#include <sqlite3.h>

typedef struct eval_store {
  sqlite3 *db;
  const char *path;
  int lock; /* the file's descriptor, or -1 */
} eval_store;

/* What a model's tokenizer makes of an item, and what the model thinks of its target. */
typedef struct eval_tokens {
  size_t length;       /* context tokens */
  int32_t *ids;        /* [length] */
  bool *apart;         /* set apart: BOS, special tokens */
  size_t *start, *end; /* bytes of the text */
  int32_t target;
  char *target_text; /* of the first token of the target */
} eval_tokens;

/* One score vector. */
typedef struct eval_score {
  sqlite3_int64 id;
  size_t length;
  double *score, *signed_score, *score_se; /* the latter two: NULL where there is none */
  double logprob;
  uint64_t rank;
  int32_t target; /* the token that was explained; known of changes only */
  double seconds, flop;
  uint64_t forwards, reverses, hvps;
  char *problem; /* why there is none; else NULL */
} eval_score;

/* What a score vector depends on besides model and item. */
typedef struct eval_key {
  const char *method;  /* "heta" */
  const char *label;   /* "heta+gamma=0" */
  const char *options; /* all of them, resolved */
  uint64_t seed;
  const char *engine; /* version, backend, precision */
  const char *change; /* NULL: a method's scores. Else they were made for a metric to compare with:
                         of other options ("") or after a change */
} eval_key;

/* Each returns CLI_DONE or an exit code after saying what went wrong. */

/* Opens or makes the file for writing. Refuses another program's file, another version's, another
 * model's, and one that another process writes. */
int eval_store_open(const char *path, const heta_model_info *model, eval_store *store);
/* A copy in memory of what the file holds, or of an empty one where there is none: to be changed
 * without changing the file, also while another process writes it. Refuses what eval_store_open
 * does. */
int eval_store_open_copy(const char *path, const heta_model_info *model, eval_store *store);
/* Makes one transaction of what is written in between: for many small records of no cost. */
int eval_store_begin(eval_store *store);
int eval_store_commit(eval_store *store);
/* The same for a model of a database that knows it by its header, once its whole file was hashed:
 * the first one is kept, another is refused. */
int eval_store_check_whole(eval_store *store, const heta_model_info *model);
/* For reading only. */
int eval_store_read(const char *path, eval_store *store);
void eval_store_close(eval_store *store);

/* A statement of this text; NULL after saying why not. Released with sqlite3_finalize. */
sqlite3_stmt *eval_store_prepare(eval_store *store, const char *sql);
/* SQLITE_ROW or SQLITE_DONE; another value after saying what went wrong. */
int eval_store_step(eval_store *store, sqlite3_stmt *statement);

/* The item's number; makes the record when there is none. Refuses an item that changed since. */
int eval_store_item(eval_store *store, const eval_item *item, sqlite3_int64 *id);
/* *found: whether the item was tokenised before. */
int eval_store_get_tokens(eval_store *store, sqlite3_int64 item, eval_tokens *tokens, bool *found);
int eval_store_put_tokens(eval_store *store, sqlite3_int64 item, const eval_tokens *tokens);
void eval_tokens_free(eval_tokens *tokens);

/* score->id is 0 when there is no such record. */
int eval_store_get_score(eval_store *store, sqlite3_int64 item, const eval_key *key,
                         eval_score *score);
int eval_store_put_score(eval_store *store, sqlite3_int64 item, const eval_key *key,
                         eval_score *score);
void eval_score_free(eval_score *score);

/* Whether the measures of a metric, with these settings, are there. */
int eval_store_has_metric(eval_store *store, sqlite3_int64 score, const char *metric,
                          const char *settings, bool *found);
/* All of them in one transaction. problem: why there are none; then measures are not read. */
int eval_store_put_metric(eval_store *store, sqlite3_int64 score, const char *metric,
                          const char *settings, const heta_measure *measures, size_t count,
                          double seconds, const char *problem);

#endif
