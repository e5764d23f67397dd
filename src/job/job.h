/* job.h: an attribution from its options to its result: plan, run, cancel, merge. */
#ifndef HETA_JOB_JOB_H
#define HETA_JOB_JOB_H

#include <stdatomic.h>

#include "method/method.h"

/* What is explained: the tokens of prompt and continuation. Filled by input.c. */
typedef struct heta_i_input {
  heta_token *tokens; /* [count]: context, then targets as far as they are known */
  size_t count, room;
  size_t first_target; /* index of the first explained token, = its context's length */
  size_t target_count; /* explained tokens; known or at most so many, see `open` */
  size_t open;         /* tokens the model has yet to write */
  int32_t foil;        /* -1: none */
  char *text;          /* prompt and known continuation, valid UTF-8 */
  size_t text_size, prompt_end;
  const char *origin;     /* of the targets: "forced", "generated", "own", "top" */
  heta_segment *segments; /* of the prompt, which they tile */
  size_t segment_count;
  heta_i_control control; /* where names of control tokens are read */
  bool bare_target;       /* the target continues a word without a space */
  bool has_span;          /* only the tokens of [span_start, span_end) of the text are targets */
  size_t span_start, span_end;
} heta_i_input;

enum { HETA_MAX_NOTES = 16, HETA_MAX_PHASES = 16 };

struct heta_job {
  const heta_model *model;
  heta_attribute_options options; /* strings copied into memory */
  heta_i_arena memory;            /* lives as long as the job */
  heta_i_arena work;              /* series, laid anew when the targets become known */
  heta_i_arena shown;             /* the result last handed out */
  heta_i_input input;
  heta_i_session session;
  heta_plan plan;
  const char *notes[HETA_MAX_NOTES];
  heta_i_engine_settings settings;
  heta_i_target *targets;
  heta_target *facts;   /* what the clean run says of each target */
  size_t explained;     /* entries in targets and facts, once known */
  bool ready;           /* targets are known, series are open */
  heta_i_run *lent;     /* kept for the clean run, over these tokens with these target rows */
  int32_t *lent_tokens; /* [lent_length] */
  size_t *lent_rows;    /* [lent_row_count] */
  size_t lent_length, lent_row_count;
  heta_i_soft_tokens soft; /* the changed context, soft.c */
  heta_result **merged;    /* read results to take work from, until ready */
  size_t merged_count;
  const char *stopped_by;
  double seconds, started, last_progress, flop_done;
  double item_flop;    /* of the running item */
  size_t written;      /* tokens the model wrote, each by a run of its own */
  double written_flop; /* of those runs */
  bool wrote_clean;    /* the last of them is the clean run */
  const char *phase;   /* the newest, for progress */
  size_t item;         /* the one that runs, or the next */
  heta_phase phases[HETA_MAX_PHASES], *running;
  size_t phase_count;
  double phase_started;
  atomic_int cancelled;
  struct heta_attribution result;
};

/* segments.c: copies what the options say of the text's parts, and checks it. */
heta_status heta_i_segments_open(heta_job *job, const char *text, size_t size, heta_error *error);
/* Which of `count` segments a token belongs to. */
size_t heta_i_segment_of(const heta_i_input *input, const heta_token *token);
/* How to make a text of `total` tokens fit into a context of `limit`: ": …", for a message. */
void heta_i_segments_advise(const heta_job *job, size_t total, size_t limit, char *room,
                            size_t size);

/* input.c: tokens of prompt and target, with notes on how they split. */
heta_status heta_i_input_open(heta_job *job, const char *text, size_t size, heta_error *error);
/* Appends a token the model wrote. */
heta_status heta_i_input_append(heta_job *job, int32_t id, heta_error *error);
void heta_i_input_close(heta_i_input *input);
heta_status heta_i_note(heta_job *job, heta_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* span.c: the span of the answer that options ask for. */
bool heta_i_span_asked(const heta_attribute_options *options);
/* What can be said before the answer is known. */
heta_status heta_i_span_check(const heta_attribute_options *options, heta_error *error);
/* Once the answer is known, makes the tokens that the span touches the targets, and notes them. */
heta_status heta_i_span_choose(heta_job *job, heta_error *error);

/* plan.c: batch sizes, memory, time, probes. */
heta_status heta_i_plan(heta_job *job, heta_error *error);
/* Shows the session the input as far as it is known. */
void heta_i_session_input(heta_job *job);
/* The session's length and rows, from the number of targets as far as it is known. */
void heta_i_lay_rows(heta_job *job);
/* The method's series and items for the session as it stands. */
heta_status heta_i_plan_work(heta_job *job, heta_error *error);

/* soft.c: a changed context: noise on embeddings, values of another context. */
bool heta_i_is_soft(const heta_job *job);
/* Checks what the options say of it, and copies it. */
heta_status heta_i_soft_open(heta_job *job, heta_error *error);
/* What it holds, at most. */
uint64_t heta_i_soft_bytes(const heta_job *job);
/* Once the targets are known and there is an engine: from now on the session's tokens are those of
 * the changed context. May be called again. */
heta_status heta_i_soften(heta_job *job, heta_error *error);

/* What a result says of it, and of drawn tokens: adds at most HETA_SOFT_OPTIONS to *count. */
enum { HETA_SOFT_OPTIONS = 7 };
heta_status heta_i_soft_options(const heta_job *job, heta_i_arena *memory,
                                heta_resolved_option *out, size_t *count, heta_error *error);
/* Whether a result is of a changed context. */
bool heta_i_soft_result(const heta_attribution *attribution);

/* decode.c: what the model writes next. */
bool heta_i_draws(const heta_job *job);     /* by chance */
bool heta_i_penalises(const heta_job *job); /* what the text has already */
heta_status heta_i_decoding_check(const heta_job *job, heta_error *error);
/* position: of the token. */
heta_status heta_i_next_token(const heta_job *job, const double *logits, size_t position,
                              int32_t *out, heta_error *error);

/* speed.c: what is known of the machine for these settings, or measured now and kept. */
heta_status heta_i_speed_of(const heta_i_engine_settings *settings, heta_precision precision,
                            heta_speed *out, heta_error *error);

/* cheaper.c: changes the options to the next cheaper curvature that the method has and the input
 * allows; false when there is none, or the job may not. */
bool heta_i_cheaper(heta_job *job);

/* merge.c */
heta_status heta_i_merge_apply(heta_job *job, heta_error *error);
void heta_i_merge_close(heta_job *job);

/* result.c: builds job->result in job->shown. */
heta_status heta_i_result(heta_job *job, heta_error *error);

double heta_i_now(void); /* seconds, monotonic */

#endif
