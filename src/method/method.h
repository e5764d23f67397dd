/* method.h: what an attribution method is, and what it works with.
 *
 * A method turns a prepared session (model, tokens, targets, clean run) into *series*: named arrays
 * [targets × tokens × samples] of raw numbers, NaN where not computed. It declares its series and
 * its *work items* first; each item is a pure function of model, input, options and its own key, so
 * that items can be done in any order, by any process, and merged. In the end the method combines
 * the series into one row per target. A new method is one file with a heta_i_method and a line in
 * HETA_METHODS below. */
#ifndef HETA_METHOD_METHOD_H
#define HETA_METHOD_METHOD_H

#include "base/memory.h"
#include "engine/engine.h"

enum { HETA_MAX_SERIES = 32, HETA_MAX_COMPONENTS = 16, HETA_MAX_CHECKS = 8 };

typedef struct heta_i_series {
  const char *name;
  size_t tokens, samples;
  double *values; /* [row_count of the session × tokens × samples] */
} heta_i_series;

/* A piece of work. Tokens and samples are half-open ranges; so are targets, which are rows of the
 * series: with a joint objective there is one, for all targets. */
typedef struct heta_i_item {
  int phase;        /* the method's own number */
  const char *name; /* for progress: "gate" */
  size_t target, target_end, token, token_end, sample, sample_end;
  uint32_t fills; /* bit per series it writes in that range */
  bool whole;     /* every token's score needs it, whatever its range */
  /* Above 0: samples of a token whose relative standard error has come down to this are left out
   * (stopping.c), and parts of a job share the item's tokens instead of the items. */
  double tolerance;
  size_t least; /* with a tolerance: samples before a token may stop */
  /* Above 0: of its tokens only those that the session chose (choice.c), at most so many; parts
   * share them as with a tolerance. */
  size_t budget;
  /* Above 0: forwards are at most those given, and series counted-1, a table of one row, has how
   * many the item's samples took. */
  size_t counted;
  size_t window; /* above 0: of window number window-1 of the target's context (window.c) */
  double flop;   /* of its matrix products, at most */
  uint64_t forwards, reverses, hvps;
  uint64_t fixed_hvps; /* those of them that any one sample needs; the others are one a sample */
} heta_i_item;

typedef struct heta_i_target {
  size_t position;  /* index of the target token; its context is [0, position) */
  int32_t id, foil; /* foil: -1 for none */
} heta_i_target;

/* A resolved option: the value as text, and parsed. */
typedef struct heta_i_value {
  const heta_option_info *info;
  const char *text;
  double number;    /* numbers, integers; flags 0 or 1 */
  int64_t argument; /* of a choice with an argument: the 42 of "token:42" */
} heta_i_value;

typedef struct heta_i_session heta_i_session;

/* What a method finds for one target: a number for each token. They begin as NaN, probes as 0; what
 * a method has none of stays so. */
typedef struct heta_i_numbers {
  double **components, **errors; /* [component_count]; errors: standard errors of the estimates */
  uint32_t *probes;              /* behind the estimates */
  double *score, *score_se, *signed_score;
  double *score_df; /* degrees of freedom of score_se; left alone: probes less one */
} heta_i_numbers;

typedef struct heta_i_method {
  heta_method_info info;
  bool is_signed;
  /* Its scores are the same whichever token is explained: a foil is refused. */
  bool blind;
  heta_i_seed_kind objective; /* of a method without --objective */
  bool joint;        /* can explain all targets as one; without it, a joint objective is refused */
  const char *alone; /* why it cannot, a clause: "it reads one row"; NULL: nothing to say */
  /* Why it cannot explain a context of noised embeddings, or one with patched values (job/soft.c),
   * a clause; NULL: it can. */
  const char *unnoised, *unpatched;
  size_t component_count;
  heta_component_info components[HETA_MAX_COMPONENTS]; /* estimator: filled in by `describe` */
  /* Checks options against input; NULL: nothing to check. */
  heta_status (*check)(const heta_i_session *session, heta_error *error);
  /* What has to be known before any plan; may be NULL. Called once. */
  heta_status (*prepare)(heta_i_session *session, heta_error *error);
  /* Declares series and items (heta_i_add_series, heta_i_add_item). */
  heta_status (*plan)(heta_i_session *session, heta_error *error);
  heta_status (*run)(heta_i_session *session, const heta_i_item *item, heta_error *error);
  /* Fills one target's numbers from the series. false: there was no memory for it. */
  bool (*finish)(const heta_i_session *session, size_t target, size_t length, heta_i_numbers *to);
  /* Adjusts the description of the components to the options; may be NULL. */
  void (*describe)(const heta_i_session *session, heta_component_info *components);
  /* Numbers by which a reader can check the result, such as a completeness gap, from the series; a
   * value that is not finite is left out. At most HETA_MAX_CHECKS, with static names; returns their
   * number. May be NULL. */
  size_t (*checks)(const heta_i_session *session, heta_check_value *checks);
  /* How the context is cut into windows, as far as it is known; false: it is not. May be NULL. */
  bool (*windows)(const heta_i_session *session, heta_windows *out);
} heta_i_method;

struct heta_i_session {
  const heta_i_method *method;
  const heta_model *model;
  heta_i_value *values; /* one per row of the method's option table */
  uint64_t seed;
  /* Known when planning: */
  size_t target_count;
  size_t length; /* context tokens of the last target */
  /* Rows of the result and their tokens: one for each target over `length` tokens; with a joint
   * objective one for all, over the tokens before the first. */
  size_t row_count, row_length;
  bool joint;
  size_t lane_rows;
  /* Rows of the contexts that run as one for their gradients, at most (heta_i_stack); 0: none. */
  size_t stacked;
  bool alone;          /* contexts have values of their own, and do not run as one */
  size_t target_group; /* adjoints kept at the same time */
  const bool *only;    /* [row_length]: the tokens whose items are this job's; NULL: all */
  size_t part, parts;  /* this job does the tokens i with i % parts == part of shared items */
  bool contrast;       /* the targets have foils */
  bool *chosen;   /* [row_length]: tokens that items with a budget are about; NULL: not known yet */
  size_t layers;  /* curvature is of so many last layers; 0: of all, by the embeddings */
  size_t span;    /* information is of spans of so many tokens first; 0: of tokens */
  size_t windows; /* longest text of a window with a session of its own; 0: there are none */
  size_t origin;  /* in a window's session: its first token's place in the context */
  int threads;
  /* Kinds and places of the tokens known so far: at least those of the prompt. */
  const heta_token *spans;
  size_t known;
  const char *text; /* prompt and known continuation, not NUL-terminated */
  size_t text_size, prompt_end;
  heta_bos bos;
  const heta_i_control *control; /* where names of control tokens are read */
  const heta_segment *segments;  /* of the prompt, which they tile */
  size_t segment_count;
  /* What `prepare` says: rows of the longest lane (0: those of the context), runs kept beside the
   * clean one, and what it keeps for itself, in `memory`. */
  size_t longest, runs;
  void *own;
  /* What plan says beside items: memory the method itself takes, how few probes will do (0:
   * their number cannot be changed), and the passes that --passes left out. */
  uint64_t bytes;
  size_t least_probes;
  uint64_t left_out;
  double item_done; /* share of the running item, for progress; the method may set it */
  /* Known when running: */
  const int32_t
      *tokens;        /* [length + 1]; those of a changed context may lie beside the vocabulary */
  const int32_t *ids; /* the same, as they stand in the text */
  const heta_i_soft_tokens *patched; /* whose values are patched; NULL: there are none */
  const heta_i_target *targets;
  heta_i_engine *engine;
  heta_i_run *run;           /* clean run over `length` tokens; target rows: each position - 1 */
  heta_i_adjoint **adjoints; /* [row_count]; NULL where not kept */
  double *gradient;          /* [length × width] of the last reverse pass, when there was one */
  heta_i_run *late;          /* the last `layers` blocks alone (products.c), and its adjoints */
  heta_i_adjoint **late_adjoints;
  struct heta_i_sketch *sketch; /* sketch.h; NULL when there is none */
  uint8_t *codes; /* [probes × row_length] of --estimator coded, dealt when planning */
  double *shares; /* what its estimates work with (shares.c) */
  struct heta_i_window *window; /* that is worked in, window.c; NULL when there is none */
  /* The work: */
  heta_i_series series[HETA_MAX_SERIES];
  size_t series_count;
  heta_i_item *items;
  size_t item_count, item_room;
  heta_i_arena *memory;
};

size_t heta_i_methods(const heta_i_method *const **out);
const heta_i_method *heta_i_method_find(const char *name);

/* options.c */
/* Resolves the table: given values override defaults. Errors name option, value and range; an
 * unknown option names the method's own. */
heta_status heta_i_options_resolve(const heta_i_method *method, const heta_option *given,
                                   size_t count, heta_i_arena *memory, heta_i_value **out,
                                   heta_error *error);
/* Sets an option of a session as if it had been given; text must live as long as the session. */
heta_status heta_i_option_set(heta_i_session *session, const char *name, const char *text,
                              heta_error *error);
const heta_i_value *heta_i_option(const heta_i_session *session, const char *name);
double heta_i_option_number(const heta_i_session *session, const char *name);
bool heta_i_option_is(const heta_i_session *session, const char *name, const char *choice);

/* series.c */
heta_status heta_i_add_series(heta_i_session *session, const char *name, size_t samples,
                              heta_error *error);
/* A series whose rows are not context tokens but, for example, coalitions. */
heta_status heta_i_add_table(heta_i_session *session, const char *name, size_t rows, size_t samples,
                             heta_error *error);
heta_status heta_i_add_item(heta_i_session *session, heta_i_item item, heta_error *error);
/* Allocates the values of all series, NaN. */
heta_status heta_i_series_open(heta_i_session *session, heta_error *error);
/* Methods whose score is one series: its sums over samples are the score, signed if the method is,
 * and the first component. */
bool heta_i_finish_series(const heta_i_session *session, size_t series, size_t target,
                          size_t length, heta_i_numbers *to);
/* That of the first series, as a method's `finish`. */
bool heta_i_finish_first(const heta_i_session *session, size_t target, size_t length,
                         heta_i_numbers *to);
double *heta_i_series_at(const heta_i_session *session, size_t series, size_t target, size_t token);
/* Context tokens of a row: those before its target, or before all. */
size_t heta_i_context(const heta_i_session *session, size_t row);
/* Output distributions that a row's objective reads. */
double heta_i_heads(const heta_i_session *session);
/* Whether every value an item writes is there, or is not wanted. */
bool heta_i_item_done(const heta_i_session *session, const heta_i_item *item);

/* mass.c */
/* Makes the non-negative score that --map and --normalise ask for, of methods that have these
 * options: of the signed score where the method is signed, else of `score` itself. `signed_score`
 * stays as it is. */
void heta_i_mass(const heta_i_session *session, const double *signed_score, size_t length,
                 double *score, double *score_se);

/* stopping.c */
/* Whether a sample has to be computed: it is not there, and those before it do not make it
 * needless. */
bool heta_i_wanted(const heta_i_session *session, const heta_i_item *item, size_t series,
                   size_t target, size_t token, size_t sample);
/* Whether the token is among those this job is asked for. */
bool heta_i_asked(const heta_i_session *session, size_t token);
/* The same, and by this job: it is asked for the token, and the token's share of the item is its.
 */
bool heta_i_due(const heta_i_session *session, const heta_i_item *item, size_t series,
                size_t target, size_t token, size_t sample);
/* Whether parts of a job share the item's tokens, instead of taking it as a whole or not at all. */
bool heta_i_shared(const heta_i_item *item);
/* Whether the token's samples reached the tolerance. */
bool heta_i_settled(const heta_i_session *session, const heta_i_item *item, size_t series,
                    size_t target, size_t token);

/* passes.c: pieces that several methods share. */
/* Operations of the matrix products, attention's among them, of `rows` rows' way through the blocks
 * and of `heads` output distributions; of one of the two passes of a Hessian-vector product. */
double heta_i_flop(const heta_i_session *session, double rows, double heads);
double heta_i_probe_flop(const heta_i_session *session, double rows, double heads);
/* Which share of them is attention's. */
double heta_i_attention_share(const heta_i_session *session, bool probes);
/* Runs with one token of the item masked at a time, those whose number in series `kl` is due, all
 * targets at once. Fills series `kl`, `change` (of the log-probability) and `prob` (the change of
 * the probability; SIZE_MAX: not wanted), with a joint objective with sums over the targets;
 * entries without effect (token after the target's row) become 0. */
heta_status heta_i_mask_tokens(heta_i_session *session, const heta_i_item *item, size_t kl,
                               size_t change, size_t prob, heta_error *error);
heta_status heta_i_mask_check(const heta_i_session *session, heta_error *error);
/* The same with whole spans of `span` tokens (above 1) masked at a time: the item's tokens are
 * numbers of spans, and the series tables of spans. Not for --mask attend. */
heta_status heta_i_mask_spans(heta_i_session *session, const heta_i_item *item, size_t span,
                              size_t kl, size_t change, heta_error *error);
heta_status heta_i_span_items(heta_i_session *session, int phase, uint32_t fills, size_t span,
                              heta_error *error);
/* The embedding [width] that --mask puts in place of a token's. */
heta_status heta_i_mask_row(heta_i_session *session, size_t token, double *out, heta_error *error);
/* The end of the tokens from `from` on whose lanes, each from its token's row on, fill a batch;
 * *rows are theirs together. */
size_t heta_i_chunk(const heta_i_session *session, size_t from, size_t *rows);
/* Items that mask every token: chunks of about a batch. budget above 0: one item for so many. */
heta_status heta_i_mask_items(heta_i_session *session, int phase, uint32_t fills, size_t budget,
                              heta_error *error);

/* choice.c */
/* Chooses the `budget` tokens of the largest gate: of several targets the largest of each token's
 * counts; of equal ones the first. gates: [row_count × row_length]. Once chosen, it stays. */
heta_status heta_i_choose(heta_i_session *session, const double *gates, size_t budget,
                          heta_error *error);

/* Chooses whole spans, at most `budget` tokens: those in which gate times information is most,
 * until the others together have at most HETA_SPANS_LEFT of the sum. information: [row_count ×
 * spans]. */
#define HETA_SPANS_LEFT 0.05
heta_status heta_i_choose_spans(heta_i_session *session, const double *gates,
                                const double *information, size_t span, size_t budget,
                                heta_error *error);

/* products.c */
/* The seeds of a row's objective: log P(target), or what --objective says, minus the same of the
 * foil; jointly the sum over all targets. Returns their number, at most target_count + 1. */
size_t heta_i_objective(const heta_i_session *session, size_t row, heta_i_seed *seeds);
/* Makes sure the target's adjoints are kept (freeing those outside its group), and gives the
 * gradient when a reverse pass was needed. */
heta_status heta_i_need_adjoint(heta_i_session *session, size_t target, heta_error *error);
/* Gradient of a target's objective, [length × width]. */
heta_status heta_i_gradient(heta_i_session *session, size_t target, double *out, heta_error *error);
/* Curvature is a second derivative with respect to the embeddings or, with session->layers, to the
 * hidden states that enter the last blocks; these calls know which. */
/* Matrix work of `rows` rows of a product's pass and `heads` output distributions. */
double heta_i_product_flop(const heta_i_session *session, double rows, double heads);
/* Leaves in session->gradient the target's gradient with respect to what curvature is taken by. */
heta_status heta_i_product_gradient(heta_i_session *session, size_t target, heta_error *error);
/* Hessian-vector products of targets [target, target + targets), which lie in one group. */
heta_status heta_i_products(heta_i_session *session, size_t target, size_t targets,
                            const heta_i_probe *probes, size_t count, bool gauss_newton,
                            heta_error *error);
/* Frees what these calls keep beside the session's run. */
void heta_i_products_close(heta_i_session *session);

/* gate.c */
/* M of HETA; rows of `out` [row_count × row_length], zero beyond a target's context. With a joint
 * objective the mean over targets of their flow, each normalised over the row's tokens. */
heta_status heta_i_gate(heta_i_session *session, bool headwise, double *out, heta_error *error);
/* Attention rollout of Abnar and Zuidema, in the same way. */
heta_status heta_i_rollout(heta_i_session *session, double *out, heta_error *error);

/* sketch.c */
typedef struct heta_i_sketch heta_i_sketch;
void heta_i_sketch_free(heta_i_sketch *sketch); /* NULL is accepted */

/* curvature.c */
/* tolerance above 0: at most `probes` per token, at least `least`, as many as it takes
 * (stopping.c). */
heta_status heta_i_curvature_items(heta_i_session *session, int phase, size_t series, size_t probes,
                                   double tolerance, size_t least, bool whole_rows,
                                   heta_error *error);
heta_status heta_i_curvature_run(heta_i_session *session, const heta_i_item *item, size_t series,
                                 bool whole_rows, bool gauss_newton, heta_error *error);
/* Bytes that an item holds while it runs, at most. */
uint64_t heta_i_curvature_bytes(const heta_i_session *session, bool whole_rows);
double heta_i_l1(const double *x, size_t size); /* ‖x‖₁ */
/* Mean and standard error over the finished samples of one token; returns their number. */
size_t heta_i_estimate(const double *samples, size_t count, double *mean, double *error);

/* --objective, or the method's own. */
heta_i_seed_kind heta_i_objective_kind(const heta_i_session *session);
/* "logprob", "logit_difference", …: what heta_i_objective differentiates. Static. */
const char *heta_i_objective_name(const heta_i_session *session);
/* "nat", "logit" or "probability": its unit. Static. */
const char *heta_i_objective_unit(const heta_i_session *session);
/* A method's `describe`: its first component has that unit. */
void heta_i_describe_unit(const heta_i_session *session, heta_component_info *components);

/* Every method there is, in the order of `heta methods`: NAME is defined as heta_i_method_NAME. */
#define HETA_METHODS(METHOD)                                                                       \
  METHOD(heta)                                                                                     \
  /* of gradients, attention or one forward pass */                                                \
  METHOD(gradient_norm)                                                                            \
  METHOD(input_x_gradient)                                                                         \
  METHOD(ig)                                                                                       \
  METHOD(dig)                                                                                      \
  METHOD(deeplift)                                                                                 \
  METHOD(grad_cam)                                                                                 \
  METHOD(attention_last)                                                                           \
  METHOD(attention_rollout)                                                                        \
  METHOD(value_norms)                                                                              \
  METHOD(peering)                                                                                  \
  METHOD(tdd_forward)                                                                              \
  METHOD(tdd_backward)                                                                             \
  METHOD(tdd_both)                                                                                 \
  METHOD(progressive_sp)                                                                           \
  METHOD(flashtrace)                                                                               \
  /* of perturbed inputs */                                                                        \
  METHOD(occlusion)                                                                                \
  METHOD(kernel_shap)                                                                              \
  METHOD(lime)                                                                                     \
  METHOD(contextcite)                                                                              \
  METHOD(progressive_mp)                                                                           \
  METHOD(reagent)                                                                                  \
  METHOD(greedy_rationale)                                                                         \
  METHOD(gilot)                                                                                    \
  METHOD(causal_tracing)                                                                           \
  METHOD(attributive_mask)                                                                         \
  METHOD(sea_tokens)                                                                               \
  /* controls */                                                                                   \
  METHOD(random)                                                                                   \
  METHOD(uniform)                                                                                  \
  METHOD(position)

#define HETA_DECLARE_METHOD(name) extern const heta_i_method heta_i_method_##name;
HETA_METHODS(HETA_DECLARE_METHOD)

/* The --mask option, shared by the methods that mask tokens. */
#define HETA_MASK_OPTION                                                                           \
  {                                                                                                \
    "mask", "mask-scheme", HETA_OPTION_CHOICE, 0, 0, "zero|mean|unk|eos|pad|token:|noise|attend",  \
        "zero",                                                                                    \
        "what replaces a masked token's embedding (attend: later tokens cannot attend to it)"      \
  }

/* How a method's numbers become its non-negative score; every method but heta, whose --scale is the
 * paper's matter, has the second, those with signs the first. mass.c applies them. */
#define HETA_MAP_OPTION(usual)                                                                     \
  {                                                                                                \
    "map", NULL, HETA_OPTION_CHOICE, 0, 0, "positive|absolute", usual,                             \
        "the non-negative score: what speaks for the target, the rest 0; or the size"              \
  }
#define HETA_NORMALISE_OPTION                                                                      \
  {                                                                                                \
    "normalise", "normalize", HETA_OPTION_CHOICE, 0, 0, "none|sum|max", "none",                    \
        "divide the score by its sum over the context, or by its maximum"                          \
  }

/* The input that a path or a difference begins at. */
#define HETA_BASELINE_OPTION(usual)                                                                \
  {                                                                                                \
    "baseline", NULL, HETA_OPTION_CHOICE, 0, 0, "zero|mean|unk|eos|pad|token:", usual,             \
        "what every context token's embedding is compared with"                                    \
  }

/* What is differentiated or compared. */
#define HETA_OBJECTIVE_OPTION(usual)                                                               \
  {                                                                                                \
    "objective", NULL, HETA_OPTION_CHOICE, 0, 0, "logprob|prob|logit|logit-prob", usual,           \
        "what is explained: log p, p, the logit, or log p - log(1 - p) of the target"              \
  }

#endif
