/* runner.h: an evaluation while it runs: what run.c plans and does, and again.c repeats. */
#ifndef HETA_CLI_EVAL_RUNNER_H
#define HETA_CLI_EVAL_RUNNER_H

#include "cli/eval/question.h"

/* One item's standing. */
typedef struct eval_entry {
  const eval_item *item;
  sqlite3_int64 id;
  size_t length; /* context tokens; 0: it has a problem */
} eval_entry;

typedef struct eval_todo {
  uint64_t attributions, again, metrics; /* records to make */
  uint64_t kept, kept_metrics;           /* records there are */
  uint64_t forwards, reverses, hvps;
  double seconds; /* as expected beforehand */
} eval_todo;

typedef struct eval_runner {
  const eval_request *request;
  eval_store *store;
  heta_evaluator *evaluator;
  heta_job *last; /* whose engine and clean run the next method takes over; or NULL */
  eval_entry *entries;
  size_t entry_count, problems, too_long;
  bool *fits; /* [metrics]: there is an item and a method that it can be asked of */
  char engine[96], settings[160], repeats[32];
  eval_todo left;
  double deviation;     /* of the model's embeddings, when a metric asks for it */
  double rate;          /* floating-point operations a second, as a plan expects them */
  double done, started; /* expected seconds of what is finished; when work began */
  double now;           /* expected seconds of what is being done */
  uint64_t passes;      /* done */
  char phase[48];       /* what is being done */
} eval_runner;

/* One item with everything metrics ask of it. */
typedef struct eval_subject {
  const eval_entry *entry;
  eval_tokens tokens;
  bool *gold, *distractor, *support;
  eval_tokens foil; /* with the foil in the answer's place, and what stands there in the item */
  char *foil_text;
  size_t *foil_place;
  char foil_problem[CLI_MESSAGE];
  eval_tokens reworded; /* of the paraphrase */
  eval_pairs pairs;
  char reworded_problem[CLI_MESSAGE];
  bool *asked; /* [metrics] of this item in this run */
} eval_subject;

/* run.c */
eval_key eval_runner_key(const eval_runner *r, const eval_method *method);
/* Why work ends early, or CLI_DONE. */
int eval_runner_stopped(const eval_runner *r);
/* Options of a job whose progress is the evaluation's. */
void eval_runner_watch(eval_runner *r, heta_attribute_options *base);
/* Runs a job to its record, and keeps it until the next one, which takes over what it has open; a
 * problem of the item goes to `problem`. */
int eval_runner_job(eval_runner *r, heta_job *job, const eval_tokens *tokens, eval_score *score,
                    char problem[CLI_MESSAGE]);
/* Scores one item by one method and writes the record. */
int eval_runner_attribute(eval_runner *r, const eval_entry *e, const eval_tokens *tokens,
                          const eval_method *method, eval_score *score);

/* ---- again.c: attributions after a change, for metrics that take their own ------------------- */

/* One such attribution. */
typedef struct eval_change {
  char name[64];      /* in the database; "": only the options are other ones */
  eval_method method; /* with the options that the change gives it */
  double noise;       /* deviation, on the embeddings; 0: none */
  uint32_t draw;
  bool decoded; /* the model chooses the token */
  double temperature, top_p;
  bool reworded; /* of the paraphrase */
  bool patched;  /* of the context with the foil */
} eval_change;

typedef struct eval_changes {
  eval_change *list;
  size_t count;
} eval_changes;

/* Whether the metric can be asked of the method, where it is not asked of all. */
bool eval_again_applies(const heta_metric_info *metric, const eval_method *method);
/* What the metric compares a method's scores with; the caller frees. */
int eval_changes_of(const eval_runner *r, const heta_metric_info *metric, const eval_method *method,
                    eval_changes *changes);
void eval_changes_free(eval_changes *changes);
/* The method that is evaluated itself and gives this record; NULL: there is none. */
const eval_method *eval_again_chosen(const eval_runner *r, const eval_change *change);
/* The record of a change; score->id is 0 when there is none. */
int eval_again_get(eval_runner *r, const eval_entry *e, const eval_change *change,
                   eval_score *score);
/* The same, made when there is none. */
int eval_again_need(eval_runner *r, const eval_subject *s, const eval_change *change,
                    eval_score *score);

/* What a metric is given of the changes: `scored->others` and what belongs to them. */
typedef struct eval_companions {
  eval_score *scores;
  heta_scored *scored;
  const heta_scored **list;
  size_t count;
  bool *near_edge;
  char problem[CLI_MESSAGE]; /* why there are none; else "" */
} eval_companions;

int eval_companions_open(eval_runner *r, const eval_subject *s, const heta_metric_info *metric,
                         const eval_method *method, heta_scored *scored,
                         eval_companions *companions);
void eval_companions_close(eval_companions *companions);

#endif
