/* engine.h: passes over a model, the same interface for both precisions.
 *
 * A *run* is one sequence pushed forward with everything the other passes need kept. A *lane* is a
 * variant of a run that owns rows first … length-1 and reads the keys and values of earlier rows
 * from its parent; many lanes are stacked into one row matrix, so that each weight is one matrix
 * product for all of them. A *probe* is a tangent lane: the derivative of a run along a direction,
 * which is zero before row `first`, carried forward and then back through the reverse pass: a
 * Hessian-vector product. Numbers cross this interface as double in both precisions.
 *
 * The engine knows nothing of attribution methods. An engine belongs to one thread at a time. */
#ifndef HETA_ENGINE_ENGINE_H
#define HETA_ENGINE_ENGINE_H

#include "backend/padding.h"
#include "model/model.h"

typedef struct heta_i_engine heta_i_engine;
typedef struct heta_i_run heta_i_run; /* owned by the caller; keeps its engine busy with memory */
typedef struct heta_i_adjoint heta_i_adjoint; /* a run's reverse pass for one objective */

typedef struct heta_i_engine_settings {
  const heta_model *model;
  heta_backend backend;
  int threads;      /* at least 1 */
  size_t positions; /* longest sequence of any run or lane */
  size_t lane_rows; /* rows of a batch of lanes; a multiple of HETA_ROW_PAD, at least the longest */
  bool expand;      /* expand all weights at open; else panel by panel at every use */
  bool share;       /* with expand: take the weights that an earlier engine left with the model, or
                       leave them there, until the model is closed */
  bool recompute;   /* keep only each block's input; recompute the rest when it is needed */
  bool (*stop)(void *context); /* polled in every pass; true ends it with HETA_E_CANCELLED */
  void *context;
} heta_i_engine_settings;

/* A change to a run: site' = scale site + add, at one block, for one row or all of the lane's own
 * rows, for one head or all. set: scale 0; add: scale 1; blend: scale 1-w. The derivative maps
 * follow it. */
typedef struct heta_i_override {
  heta_i_site site;
  size_t block;
  size_t row, head; /* SIZE_MAX: all */
  double scale;
  const double
      *add; /* the site's row (or one head's part of it; probabilities: one per key), or NULL */
} heta_i_override;

/* Copies a site of a block while the lane runs: [own rows × width], for the probabilities
 * [heads × own rows × length]. */
typedef struct heta_i_capture {
  heta_i_site site;
  size_t block;
  double *out;
} heta_i_capture;

typedef struct heta_i_lane {
  const heta_i_run *parent; /* NULL: the lane owns every row */
  size_t first, length;     /* own rows [first, length) */
  const int32_t *tokens;    /* of rows 0 … length-1; only own rows are read */
  const double *input; /* instead of tokens: own rows × width, embeddings as `embed` gives them,
                          or for a run of later blocks the residual that enters the first */
  size_t edit_row;     /* row whose input is `edit` (width numbers) instead; SIZE_MAX: none */
  const double *edit;
  /* Of rows 0 … length-1, ascending; NULL: 0, 1, … Windows are measured in them, so that a lane
   * without some rows of its text is that text with those keys hidden from everyone. */
  const uint32_t *positions;
  size_t hidden_key; /* rows after it may not attend to it; SIZE_MAX: none */
  const heta_i_override *overrides;
  size_t override_count;
  const heta_i_capture *captures;
  size_t capture_count;
} heta_i_lane;

/* A lane without parent, edits or changes over `length` tokens. */
heta_i_lane heta_i_lane_of(const int32_t *tokens, size_t length);

typedef enum heta_i_seed_kind {
  HETA_SEED_LOGPROB,   /* log p(token) */
  HETA_SEED_LOGIT,     /* z(token) */
  HETA_SEED_PROB,      /* p(token) */
  HETA_SEED_LOGIT_PROB /* log p(token) - log(1 - p(token)) */
} heta_i_seed_kind;

/* An objective is a weighted sum of seeds; several rows and tokens are several seeds. */
typedef struct heta_i_seed {
  size_t row;
  int32_t token;
  double weight;
  heta_i_seed_kind kind;
} heta_i_seed;

/* What to read from the output distributions of lanes, at rows `row[0 … rows-1]` (each < length).
 * Outputs are [lanes × rows]; entries of rows before a lane's first are left alone. NULL: not
 * wanted. */
typedef struct heta_i_readout {
  size_t rows;
  const size_t *row;    /* [rows], the same for all lanes; with `each` [lanes × rows] */
  bool each;            /* every lane has its own rows; SIZE_MAX: none here */
  const int32_t *token; /* one per row */
  const int32_t *foil;  /* one per row, or NULL */
  const heta_i_run
      *reference; /* for kl and hellinger: a run with the same target rows, in the same order */
  double *logprob, *foil_logprob;
  double *kl;        /* KL(reference ‖ lane), nats, at least 0 */
  double *hellinger; /* Σ (√p − √q)² of the same two: twice the squared Hellinger distance */
  double *log_sum;   /* what turns log-probabilities into logits */
  double *logit_prob; /* log p(token) - log(1 - p(token)) */
  size_t *above;      /* tokens that are more probable than `token` */
  /* Takes the log-probabilities [vocabulary] of one row of a lane; borrowed for the call. */
  void (*take)(void *context, size_t lane, size_t index, const double *logprobs);
  void *context;
} heta_i_readout;

typedef struct heta_i_probe {
  size_t first;            /* the direction is zero before this row */
  size_t direction_rows;   /* rows of `direction`, from `first`; later ones are zero */
  const double *direction; /* [direction_rows × width], on the input of the run's first block */
  size_t result_rows;      /* rows of the product wanted, from `first` */
  double *result;          /* [adjoints × result_rows × width] */
} heta_i_probe;

/* Takes the attention probabilities of one head: [length × length], 0 for keys a row does not see;
 * borrowed for the call. */
typedef void (*heta_i_take_head)(void *context, size_t head, const double *probabilities);

/* What is held at the same time, at most; captured probabilities are not counted. */
typedef struct heta_i_load {
  size_t length;  /* rows of the run */
  size_t targets; /* target rows of the run */
  size_t adjoints;
  bool probes;    /* whether there are any */
  size_t runs;    /* whole runs beside that one, with one target row each */
  size_t stacked; /* rows of a stack of contexts like it, with as many target rows each; 0: none */
  size_t late;    /* blocks of a second run, of the last ones alone; 0: none */
  size_t late_adjoints;
  /* Above 0: rows of one more run, with one target, which adjoints and late blocks are of. */
  size_t inner;
} heta_i_load;

/* Tokens beside the vocabulary: number vocabulary + i has row i as its embedding, and may have
 * values of its own in one block: a row that is fed the token has them there, whatever the block
 * computes; one whose input is something else (edited, replaced) has not. Rows of a run that begins
 * later have them as their tokens say. */
typedef struct heta_i_soft_tokens {
  size_t count;
  const double *rows;     /* [count × width] */
  const double *values;   /* [count × width of the values]; NULL: none has */
  const bool *has_values; /* [count] */
  size_t block;           /* whose values */
} heta_i_soft_tokens;

/* Bare matrix products of a batch's rows with one block's weights, x Wᵀ or (reverse) y W, a panel
 * of each; attention of a context of up to 256 rows. */
typedef enum heta_i_rate { HETA_RATE_FORWARD, HETA_RATE_REVERSE, HETA_RATE_ATTENTION } heta_i_rate;

typedef struct heta_i_engine_api {
  heta_status (*open)(const heta_i_engine_settings *settings, heta_i_engine **out,
                      heta_error *error);
  void (*close)(heta_i_engine *engine);
  /* From now on polls this instead of what its settings said. */
  void (*serve)(heta_i_engine *engine, bool (*stop)(void *context), void *context);
  /* Bytes taken from the system so far, at most. */
  size_t (*peak_bytes)(const heta_i_engine *engine);
  /* Upper bound of peak_bytes for engines with these settings under this load. */
  uint64_t (*bytes)(const heta_i_engine_settings *settings, const heta_i_load *load);
  /* Rows of the token embedding, as they are looked up: [count × width]. A family's scale and
   * learned positions come after, inside what is differentiated. */
  void (*embed)(heta_i_engine *engine, const int32_t *tokens, size_t count, double *out);
  /* From now on there are these tokens; NULL: none but the vocabulary's. Borrowed until the next
   * call. */
  void (*soften)(heta_i_engine *engine, const heta_i_soft_tokens *soft);
  /* Runs blocks [begin, layers) of a parentless lane. target_rows: where output distributions are
   * wanted (sorted). */
  heta_status (*run)(heta_i_engine *engine, const heta_i_lane *lane, size_t begin,
                     const size_t *target_rows, size_t target_count, heta_i_run **out,
                     heta_error *error);
  /* One run over contexts of equal length, from block 0 on: row r of context c is row c · length +
   * r, of the targets too. No lane is changed or observed, and all rows fit a batch. Such a run has
   * a gradient, and neither lanes nor products. A context's numbers are those it has alone. */
  heta_status (*stack)(heta_i_engine *engine, const heta_i_lane *lanes, size_t count,
                       const size_t *target_rows, size_t target_count, heta_i_run **out,
                       heta_error *error);
  void (*run_free)(heta_i_run *run);
  /* Runs one block of a finished run again, as far as needed, and reads its sites. */
  heta_status (*inspect)(heta_i_engine *engine, heta_i_run *run, size_t block,
                         const heta_i_capture *captures, size_t count, heta_error *error);
  /* Runs one block of a finished run again, as far as its attention, and hands over the
   * probabilities of every head in turn. */
  heta_status (*attend)(heta_i_engine *engine, heta_i_run *run, size_t block, heta_i_take_head take,
                        void *context, heta_error *error);
  /* Floating-point operations per second: one measurement, made now. 0 when there is no memory for
   * it. */
  double (*rate)(const heta_i_engine_settings *settings, heta_i_rate of);
  /* Logits of target row number `index`: [vocabulary]. */
  void (*logits)(const heta_i_run *run, size_t index, double *out);
  /* Log-probabilities of target row number `index`: [vocabulary]. */
  void (*logprobs)(const heta_i_run *run, size_t index, double *out);
  /* Value of the objective, and (unless NULL) its gradient with respect to the run's input:
   * [length × width]. Keeps the adjoints for probes when `out` is not NULL. */
  heta_status (*reverse)(heta_i_engine *engine, heta_i_run *run, const heta_i_seed *seeds,
                         size_t seed_count, double *value, double *gradient, heta_i_adjoint **out,
                         heta_error *error);
  /* DeepLIFT's multipliers of the run's input [length × width], against a reference run with the
   * same rows and target rows: Σ multipliers (input - its input) is the objective's difference, but
   * for rounding. Neither run may hide a key or have overrides. */
  heta_status (*rescale)(heta_i_engine *engine, heta_i_run *run, heta_i_run *reference,
                         const heta_i_seed *seeds, size_t seed_count, double *multipliers,
                         heta_error *error);
  void (*adjoint_free)(heta_i_adjoint *adjoint);
  /* Forward lanes, batched. All lanes have readout rows below their length. */
  heta_status (*lanes)(heta_i_engine *engine, const heta_i_lane *lanes, size_t count,
                       const heta_i_readout *readout, heta_error *error);
  /* Hessian-vector products of each adjoint's objective, batched; the tangent's forward half is
   * shared by all adjoints. gauss_newton: only the objective's curvature in the logits, Jᵀ∇²_z g J.
   */
  heta_status (*probes)(heta_i_engine *engine, heta_i_run *run, heta_i_adjoint *const *adjoints,
                        size_t adjoint_count, const heta_i_probe *probes, size_t count,
                        bool gauss_newton, heta_error *error);
  /* out [rows × outputs] = x [rows × columns] · W[:, first … first+columns)ᵀ without bias, for the
   * op of `block` that writes `site`. */
  heta_status (*project)(heta_i_engine *engine, size_t block, heta_i_site site, size_t first,
                         size_t columns, size_t rows, const double *x, double *out,
                         heta_error *error);
} heta_i_engine_api;

struct heta_i_engine {
  const heta_i_engine_api *api;
  const heta_model *model;
};

const heta_i_engine_api *heta_i_engine_api_f32(void);
const heta_i_engine_api *heta_i_engine_api_f64(void);
const heta_i_engine_api *heta_i_engine_api_of(heta_precision precision);

/* What an engine for sequences of this length is given when memory is no matter: rows of a batch
 * of lanes, and whether the weights are expanded once (element: bytes of a number). */
size_t heta_i_lane_rows(size_t positions);
bool heta_i_expand_once(const heta_model *model, size_t element);

/* Matrix-product operations of passing one row through all blocks and of one output distribution.
 */
double heta_i_block_flop(const heta_model *model);
double heta_i_head_flop(const heta_model *model);
/* Operations of one of attention's products, for one row over all layers, when it sees `keys` keys:
 * a forward pass has two of them, scores and mix. */
double heta_i_attention_flop(const heta_model *model, double keys);

#endif
