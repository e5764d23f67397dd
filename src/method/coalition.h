/* coalition.h: runs without some of the context's tokens, which the methods that perturb the input
 * have in common.
 *
 * Tokens that may be taken away are *players* (--keep says which may not). A coalition is given by
 * who is absent. An absent token's embedding is replaced; or nothing may attend to it and nothing
 * is read at it (attend), as if it were deleted while the others keep their positions; or it is
 * deleted and the others move up (delete). Where nothing would be left, the last token stays. Each
 * coalition is a lane that shares the clean run's rows before its first absent token. */
#ifndef HETA_METHOD_COALITION_H
#define HETA_METHOD_COALITION_H

#include "method/method.h"

/* One target's players, with room to draw coalitions in. Release with heta_i_deck_close. */
typedef struct heta_i_deck {
  const heta_i_session *session;
  size_t target, length; /* tokens of its context */
  size_t count;          /* players */
  size_t *player;        /* [count] their tokens, ascending */
  double *uniform;       /* [2 count + 2] scratch of draws */
  size_t *order;         /* [count] the same */
  bool *absent;          /* [length] */
} heta_i_deck;

/* Whether --keep allows a token to be taken away. */
bool heta_i_is_player(const heta_i_session *session, size_t token);
size_t heta_i_player_count(const heta_i_session *session, size_t target);
/* The same for the context of the first target, the smallest. Refuses when there are fewer than
 * `least`. */
heta_status heta_i_players_check(const heta_i_session *session, size_t least, heta_error *error);
heta_status heta_i_deck_open(const heta_i_session *session, size_t target, heta_i_deck *deck,
                             heta_error *error);
void heta_i_deck_close(heta_i_deck *deck);
/* Marks `size` players, any as likely, as absent and no one else; uses uniform[from …]. */
void heta_i_deck_choose(heta_i_deck *deck, size_t size, const double *uniform);

/* What is read of each coalition, one number each; NULL: not wanted. */
typedef struct heta_i_findings {
  double *value; /* the objective (--objective; minus the foil's) */
  double *logprob, *kl;
  size_t *above; /* tokens more probable than the target */
  void (*take)(void *context, size_t coalition, const double *logprobs);
  void *context;
} heta_i_findings;

/* Runs `count` coalitions of one row, with a joint objective, whose value is the sum over all
 * targets, with their tokens behind them; absent: [count × the row's context]. */
heta_status heta_i_coalitions(heta_i_session *session, size_t target, const bool *absent,
                              size_t count, const heta_i_findings *findings, heta_error *error);
/* The same read at every player that stays, as if nothing stood behind it: values[c × players + r]
 * is the objective of the first r + 1 of them; 0 where there are not so many. */
heta_status heta_i_prefixes(heta_i_session *session, const heta_i_deck *deck, const bool *absent,
                            size_t count, double *values, heta_error *error);
/* Rows that such a run computes. */
size_t heta_i_coalition_rows(const heta_i_session *session, size_t length, const bool *absent);
/* Memory that heta_i_coalitions takes, at most. */
uint64_t heta_i_coalition_bytes(const heta_i_session *session);
/* --mask with `delete` besides. */
heta_status heta_i_coalition_check(const heta_i_session *session, heta_error *error);

/* Another text in place of a context. Its last `targets` rows predict targets `target` and on. */
typedef struct heta_i_text {
  const int32_t *tokens;
  size_t length;
} heta_i_text;

/* Runs `count` texts, each a lane that shares the rows before its first other token. value, above:
 * [count × targets], as in heta_i_findings; above may be NULL. Texts are at most `longest` long. */
heta_status heta_i_texts(heta_i_session *session, size_t target, size_t targets,
                         const heta_i_text *texts, size_t count, double *value, size_t *above,
                         heta_error *error);

/* Coalitions drawn by number: `draw` marks deck->absent for a sample, from seed, target and sample
 * alone. `samples` of a target are items of about a batch each, which fill a table of one row. */
typedef void (*heta_i_draw)(heta_i_deck *deck, size_t sample);
heta_status heta_i_draw_items(heta_i_session *session, const char *name, size_t series,
                              size_t target, size_t samples, heta_i_draw draw, heta_error *error);
heta_status heta_i_draw_run(heta_i_session *session, const heta_i_item *item, size_t series,
                            heta_i_draw draw, heta_error *error);

/* gilot.c: the cost of moving p to q [size], with costs [size × size], after `iterations` proximal
 * steps; scratch: 2 size² + 3 size numbers. */
double heta_i_transport(size_t size, const double *cost, const double *p, const double *q,
                        double beta, size_t iterations, double *scratch);

/* How many of `asked` passes --passes allows; fewer than `least` is refused. What it leaves out is
 * in the result (heta_i_passes_checks). */
heta_status heta_i_allowed(heta_i_session *session, uint64_t asked, uint64_t least,
                           const char *what, uint64_t *out, heta_error *error);

#define HETA_COALITION_MASK_OPTION(usual)                                                          \
  {                                                                                                \
    "mask", "mask-scheme", HETA_OPTION_CHOICE, 0, 0,                                               \
        "zero|mean|unk|eos|pad|token:|noise|attend|delete", usual,                                 \
        "how a token is taken away: another embedding; attend: hidden, the others keep their "     \
        "places; delete: the others move up"                                                       \
  }
#define HETA_KEEP_OPTION                                                                           \
  {                                                                                                \
    "keep", NULL, HETA_OPTION_CHOICE, 0, 0, "special|first|none", "special",                       \
        "tokens that are never taken away and get 0: special ones, those and the first, or none"   \
  }
#define HETA_PASSES_OPTION                                                                         \
  {                                                                                                \
    "passes", NULL, HETA_OPTION_INTEGER, 0, 1e12, NULL, "0",                                       \
        "forward passes at most for each target; 0: as many as the method asks for"                \
  }

#endif
