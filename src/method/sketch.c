/* sketch.c: block curvature from far fewer Hessian-vector products (--estimator sketch).
 *
 * SKETCH products of random directions over the whole context serve every token at once: a token's
 * rows of them point where its own block H_ii is large. A few products with H_ii along those
 * directions make the core (core.h); each further product of a random direction is one unbiased
 * sample that the core has freed of most of its variance. The idea is that of Hutch++ (Meyer et
 * al., SOSA 2021) and of control variates. */
#include "method/sketch.h"

#include <omp.h>
#include <string.h>

#include "base/eigen.h"
#include "base/random.h"

enum { SKETCH = 32, FREE = 256, PILOTS = 2 };

/* What is known of one token's block, for one target. */
typedef struct block {
  heta_i_core core;
  double scale[PILOTS];  /* of the core's rest, measured by each pilot */
  double *pilot[PILOTS]; /* H r of the first samples: [width] each */
  double *numbers;       /* owns all of it; NULL: not there yet */
} block;

struct heta_i_sketch {
  size_t target, target_end; /* the group it is of */
  float *columns;            /* [targets × SKETCH × tokens × width] */
  block *blocks;             /* [targets × tokens] */
  size_t block_count;
};

static void drop_block(block *b) {
  heta_i_free(b->numbers);
  b->numbers = NULL;
}

void heta_i_sketch_free(heta_i_sketch *sketch) {
  if (!sketch) return;
  for (size_t i = 0; sketch->blocks && i < sketch->block_count; i++) drop_block(&sketch->blocks[i]);
  heta_i_free(sketch->blocks);
  heta_i_free(sketch->columns);
  heta_i_free(sketch);
}

static size_t block_numbers(size_t width, size_t rank) {
  return heta_i_core_numbers(width, rank) + PILOTS * width;
}

uint64_t heta_i_sketch_bytes(const heta_i_session *session, size_t rank, bool all_tokens) {
  uint64_t n = session->row_length, d = session->model->hyper.width, group = session->target_group;
  uint64_t blocks = group * (all_tokens ? n : session->lane_rows < n ? session->lane_rows : n);
  uint64_t most = session->lane_rows / n ? session->lane_rows / n : 1; /* see fill_columns */
  return group * SKETCH * n * d * sizeof(float) + most * (group + 1) * n * d * sizeof(double) +
         blocks * 8 * block_numbers(d, rank) +
         (uint64_t)session->threads * 8 * (d + FREE * (HETA_CORE_MOST + 1) + 2 * SKETCH * SKETCH);
}

/* ---- Work items ----------------------------------------------------------------------------- */

static heta_status add_item(heta_i_session *session, const heta_i_sketch_work *work, size_t target,
                            size_t from, size_t to, size_t sample, size_t sample_end,
                            heta_error *error) {
  size_t end = target + session->target_group < session->row_count ? target + session->target_group
                                                                   : session->row_count;
  size_t rows = 0, group = end - target, tokens = to - from, n = session->length;
  bool first = sample == 0, whole = first && from == 0;
  for (size_t i = from; i < to; i++) rows += n - i;
  double own = 2.0 * (double)group, shared = 1.0 + (double)group; /* passes for a direction */
  double passes = shared * (double)(sample_end - sample) + (first ? own * (double)work->rank : 0);
  size_t sketch = whole ? SKETCH * group : 0;
  size_t products = tokens * group * (sample_end - sample + (first ? work->rank : 0));
  double flop = heta_i_product_flop(session, passes * (double)rows,
                                    2.0 * (double)products * heta_i_heads(session));
  if (whole)
    flop += heta_i_product_flop(session, shared * SKETCH * (double)n,
                                2.0 * SKETCH * (double)group * heta_i_heads(session));
  return heta_i_add_item(
      session,
      (heta_i_item){.phase = work->phase,
                    .name = "curvature",
                    .target = target,
                    .target_end = end,
                    .token = from,
                    .token_end = to,
                    .sample = sample,
                    .sample_end = sample_end,
                    .fills = 1u << work->series,
                    .tolerance = work->tolerance,
                    .least = work->least,
                    .hvps = products + sketch,
                    .fixed_hvps = sketch + (first ? tokens * group * work->rank : 0),
                    .flop = flop},
      error);
}

heta_status heta_i_sketch_items(heta_i_session *session, const heta_i_sketch_work *work,
                                heta_error *error) {
  size_t n = session->row_length;
  for (size_t t = 0; t < session->row_count; t += session->target_group) {
    if (work->tolerance > 0) { /* rounds over all tokens */
      HETA_TRY(add_item(session, work, t, 0, n, 0, work->least, error));
      for (size_t r = work->least; r < work->samples; r++)
        HETA_TRY(add_item(session, work, t, 0, n, r, r + 1, error));
      continue;
    }
    for (size_t from = 0, to; from < n; from = to) {
      size_t rows;
      to = heta_i_chunk(session, from, &rows);
      HETA_TRY(add_item(session, work, t, from, to, 0, work->samples, error));
    }
  }
  return HETA_OK;
}

/* ---- The sketch ----------------------------------------------------------------------------- */

/* Products over the whole context, as many at a time as a batch holds. */
static heta_status fill_columns(heta_i_session *session, heta_i_sketch *sketch, bool gauss_newton,
                                heta_error *error) {
  size_t n = session->row_length, d = session->model->hyper.width, size = n * d;
  size_t group = sketch->target_end - sketch->target;
  size_t most = session->lane_rows / session->length ? session->lane_rows / session->length : 1;
  double *directions = heta_i_allocate(most * size, sizeof *directions);
  double *results = heta_i_allocate(most * group * size, sizeof *results);
  heta_i_probe *list = heta_i_allocate(most, sizeof *list);
  heta_status status = HETA_OK;
  if (!directions || !results || !list) {
    status = heta_i_no_memory(error, "the sketch", most * (group + 1) * size * sizeof(double));
    goto done;
  }
  for (size_t from = 0; from < SKETCH; from += most) {
    size_t count = SKETCH - from < most ? SKETCH - from : most;
    for (size_t g = 0; g < count; g++) {
      for (size_t i = 0; i < n; i++)
        heta_i_rademacher(session->seed, HETA_STREAM_SKETCH, (uint32_t)i, (uint32_t)(from + g), d,
                          directions + g * size + i * d);
      list[g] = (heta_i_probe){0, n, directions + g * size, n, results + g * group * size};
    }
    HETA_GO(heta_i_products(session, sketch->target, group, list, count, gauss_newton, error));
    for (size_t g = 0; g < count; g++)
      for (size_t t = 0; t < group; t++) {
        const double *result = results + (g * group + t) * size;
        float *column = sketch->columns + (t * SKETCH + from + g) * size;
        for (size_t e = 0; e < size; e++) column[e] = (float)result[e];
      }
  }
done:
  heta_i_free(directions);
  heta_i_free(results);
  heta_i_free(list);
  return status;
}

/* The sketch of the item's group of targets, made when it is not there. */
static heta_status need_sketch(heta_i_session *session, const heta_i_item *item, bool gauss_newton,
                               heta_error *error) {
  if (session->sketch && session->sketch->target == item->target) return HETA_OK;
  heta_i_sketch_free(session->sketch);
  size_t n = session->row_length, d = session->model->hyper.width;
  size_t group = item->target_end - item->target;
  heta_i_sketch *sketch = session->sketch = heta_i_allocate(1, sizeof *sketch);
  if (!sketch) return heta_i_no_memory(error, "the sketch", sizeof *sketch);
  sketch->target = item->target;
  sketch->target_end = item->target_end;
  sketch->block_count = group * n;
  sketch->columns = heta_i_allocate(group * SKETCH * n * d, sizeof *sketch->columns);
  sketch->blocks = heta_i_allocate(group * n, sizeof *sketch->blocks);
  heta_status status = HETA_OK;
  if (!sketch->columns || !sketch->blocks)
    status = heta_i_no_memory(error, "the sketch", group * SKETCH * n * d * sizeof(float));
  if (!status) status = fill_columns(session, sketch, gauss_newton, error);
  if (!status) return HETA_OK;
  heta_i_sketch_free(sketch); /* half a sketch is none */
  session->sketch = NULL;
  return status;
}

/* ---- Blocks --------------------------------------------------------------------------------- */

/* One item's run. */
typedef struct stint {
  heta_i_session *session;
  const heta_i_item *item;
  size_t series, rank, width, group;
  bool gauss_newton;
  size_t *tokens, count;        /* those to do */
  double *directions, *results; /* [tokens × width], [tokens × targets × width] */
  heta_i_probe *list;
  double *scratch; /* per thread */
} stint;

static size_t scratch_numbers(size_t width) {
  size_t a = width + FREE * (HETA_CORE_MOST + 1), b = 2 * SKETCH * SKETCH;
  return a > b ? a : b;
}

static double *thread_scratch(const stint *r) {
  return r->scratch + (size_t)omp_get_thread_num() * scratch_numbers(r->width);
}

static block *block_of(const stint *r, size_t t, size_t token) {
  return &r->session->sketch->blocks[t * r->session->row_length + token];
}

static bool in_context(const stint *r, size_t t, size_t token) {
  return token < heta_i_context(r->session, r->item->target + t);
}

/* results = H · directions for the tokens to do: of all targets of the group, [token][target], or
 * of target t alone, [token]. */
static heta_status multiply(const stint *r, size_t t, size_t targets, heta_error *error) {
  heta_i_session *s = r->session;
  for (size_t k = 0; k < r->count; k++)
    r->list[k] = (heta_i_probe){r->tokens[k], 1, r->directions + k * r->width, 1,
                                r->results + k * targets * r->width};
  return heta_i_products(s, r->item->target + t, targets, r->list, r->count, r->gauss_newton,
                         error);
}

/* The random directions of sample `sample`: those of the plain estimator. */
static void draw(const stint *r, size_t sample) {
  for (size_t k = 0; k < r->count; k++)
    heta_i_rademacher(r->session->seed, HETA_STREAM_BLOCK_PROBE, (uint32_t)r->tokens[k],
                      (uint32_t)sample, r->width, r->directions + k * r->width);
}

static heta_status open_blocks(const stint *r, heta_error *error) {
  for (size_t t = 0; t < r->group; t++)
    for (size_t k = 0; k < r->count; k++) {
      block *b = block_of(r, t, r->tokens[k]);
      size_t numbers = block_numbers(r->width, r->rank);
      b->numbers = heta_i_allocate(numbers, sizeof *b->numbers);
      if (!b->numbers) return heta_i_no_memory(error, "a curvature core", numbers * sizeof(double));
      heta_i_core_place(&b->core, r->width, r->rank, b->numbers);
      for (size_t p = 0; p < PILOTS; p++)
        b->pilot[p] = b->numbers + heta_i_core_numbers(r->width, r->rank) + p * r->width;
    }
  return HETA_OK;
}

/* The products along target t's own directions. */
static heta_status fill_cores(const stint *r, size_t t, heta_error *error) {
  size_t n = r->session->row_length, d = r->width;
  const float *columns = r->session->sketch->columns + t * SKETCH * n * d;
#pragma omp parallel for num_threads(r->session->threads) schedule(dynamic)
  for (size_t k = 0; k < r->count; k++)
    heta_i_core_range(&block_of(r, t, r->tokens[k])->core, columns + r->tokens[k] * d, SKETCH,
                      n * d, thread_scratch(r));
  for (size_t j = 0; j < r->rank; j++) {
    for (size_t k = 0; k < r->count; k++) {
      const heta_i_core *core = &block_of(r, t, r->tokens[k])->core;
      for (size_t a = 0; a < d; a++) r->directions[k * d + a] = core->range[a * r->rank + j];
    }
    HETA_TRY(multiply(r, t, 1, error));
    for (size_t k = 0; k < r->count; k++) {
      heta_i_core *core = &block_of(r, t, r->tokens[k])->core;
      for (size_t a = 0; a < d; a++) core->products[a * r->rank + j] = r->results[k * d + a];
    }
  }
  for (size_t k = 0; k < r->count; k++) heta_i_core_finish(&block_of(r, t, r->tokens[k])->core);
  return HETA_OK;
}

/* The first samples' products come with the core: they measure the size of what it leaves. */
static heta_status fill_pilots(const stint *r, heta_error *error) {
  size_t d = r->width;
  for (size_t p = 0; p < PILOTS; p++) {
    draw(r, p);
    HETA_TRY(multiply(r, 0, r->group, error));
    for (size_t k = 0; k < r->count; k++)
      for (size_t t = 0; t < r->group; t++) {
        block *b = block_of(r, t, r->tokens[k]);
        memcpy(b->pilot[p], r->results + (k * r->group + t) * d, d * sizeof(double));
        b->scale[p] = heta_i_core_scale(&b->core, r->directions + k * d, b->pilot[p]);
      }
  }
  return HETA_OK;
}

/* Blocks of the tokens that have none yet. */
static heta_status need_blocks(stint *r, heta_error *error) {
  stint missing = *r;
  missing.tokens = heta_i_allocate(r->count, sizeof *missing.tokens);
  if (!missing.tokens) return heta_i_no_memory(error, "tokens", r->count * sizeof(size_t));
  missing.count = 0;
  for (size_t k = 0; k < r->count; k++)
    if (!block_of(r, 0, r->tokens[k])->numbers) missing.tokens[missing.count++] = r->tokens[k];
  heta_status status = HETA_OK;
  if (missing.count) {
    status = open_blocks(&missing, error);
    for (size_t t = 0; t < r->group && !status; t++) status = fill_cores(&missing, t, error);
    if (!status) status = fill_pilots(&missing, error);
    for (size_t k = 0; k < missing.count && status; k++) /* half a block is none */
      for (size_t t = 0; t < r->group; t++) drop_block(block_of(r, t, missing.tokens[k]));
  }
  heta_i_free(missing.tokens);
  return status;
}

/* ---- Samples -------------------------------------------------------------------------------- */

/* The mean of f over FREE free directions, with the squares (Q_jᵀr)² as control variates: their
 * expectation ‖Q_j‖² is known, and f grows with them. scratch: [width + FREE × (rank + 1)]. */
static double free_mean(const heta_i_session *session, const heta_i_core *core, double scale,
                        size_t token, size_t sample, double *scratch) {
  size_t k = core->rank;
  double *direction = scratch, *value = scratch + core->width, *square = value + FREE;
  double mean = 0, middle[HETA_CORE_MOST] = {0}, expected[HETA_CORE_MOST] = {0};
  for (size_t f = 0; f < FREE; f++) {
    heta_i_rademacher(session->seed, HETA_STREAM_FREE, (uint32_t)token,
                      (uint32_t)(sample * FREE + f), core->width, direction);
    value[f] = heta_i_core_folded(core, scale, direction, square + f * k);
    mean += value[f] / FREE;
    for (size_t j = 0; j < k; j++) middle[j] += square[f * k + j] / FREE;
  }
  double normal[HETA_CORE_MOST * HETA_CORE_MOST] = {0}, slope[HETA_CORE_MOST] = {0};
  for (size_t f = 0; f < FREE; f++)
    for (size_t i = 0; i < k; i++) {
      double from = square[f * k + i] - middle[i];
      slope[i] += from * (value[f] - mean);
      for (size_t j = 0; j < k; j++) normal[i * k + j] += from * (square[f * k + j] - middle[j]);
    }
  heta_i_solve(k, normal, slope);
  for (size_t a = 0; a < core->width; a++)
    for (size_t j = 0; j < k; j++) expected[j] += core->range[a * k + j] * core->range[a * k + j];
  for (size_t j = 0; j < k; j++) mean -= slope[j] * (middle[j] - expected[j]);
  return mean;
}

/* One unbiased sample of S. */
static double value_of(const stint *r, size_t k, size_t t, size_t sample) {
  size_t d = r->width, token = r->tokens[k];
  const block *b = block_of(r, t, token);
  const double *product = sample < PILOTS ? b->pilot[sample] : r->results + (k * r->group + t) * d;
  double scale = b->scale[sample == 0]; /* not measured by this very sample */
  return free_mean(r->session, &b->core, scale, token, sample, thread_scratch(r)) +
         heta_i_l1(product, d) - heta_i_core_folded(&b->core, scale, r->directions + k * d, NULL);
}

static bool wanted(const stint *r, size_t t, size_t token, size_t sample) {
  return heta_i_due(r->session, r->item, r->series, r->item->target + t, token, sample);
}

/* The tokens for which some target wants one of the samples [sample, sample_end). */
static void choose(stint *r, size_t sample, size_t sample_end) {
  r->count = 0;
  for (size_t token = r->item->token; token < r->item->token_end; token++) {
    bool here = false;
    for (size_t t = 0; t < r->group && !here; t++)
      for (size_t k = sample; k < sample_end && !here; k++) here = wanted(r, t, token, k);
    if (here) r->tokens[r->count++] = token;
  }
}

static heta_status run_sample(stint *r, size_t sample, heta_error *error) {
  choose(r, sample, sample + 1);
  if (!r->count) return HETA_OK;
  draw(r, sample);
  if (sample >= PILOTS) HETA_TRY(multiply(r, 0, r->group, error));
#pragma omp parallel for num_threads(r->session->threads) schedule(dynamic)
  for (size_t e = 0; e < r->count * r->group; e++) {
    size_t k = e / r->group, t = e % r->group;
    if (!wanted(r, t, r->tokens[k], sample)) continue;
    heta_i_series_at(r->session, r->series, r->item->target + t, r->tokens[k])[sample] =
        in_context(r, t, r->tokens[k]) ? value_of(r, k, t, sample) : 0;
  }
  return HETA_OK;
}

heta_status heta_i_sketch_run(heta_i_session *session, const heta_i_item *item, size_t series,
                              size_t rank, bool gauss_newton, heta_error *error) {
  size_t room = item->token_end - item->token, d = session->model->hyper.width;
  stint r = {.session = session,
             .item = item,
             .series = series,
             .rank = rank,
             .width = d,
             .group = item->target_end - item->target,
             .gauss_newton = gauss_newton};
  heta_status status = HETA_OK;
  r.tokens = heta_i_allocate(room, sizeof *r.tokens);
  r.directions = heta_i_allocate(room * d, sizeof *r.directions);
  r.results = heta_i_allocate(room * r.group * d, sizeof *r.results);
  r.list = heta_i_allocate(room, sizeof *r.list);
  r.scratch = heta_i_allocate((size_t)session->threads * scratch_numbers(d), sizeof *r.scratch);
  if (!r.tokens || !r.directions || !r.results || !r.list || !r.scratch) {
    status = heta_i_no_memory(error, "probes", (r.group + 1) * room * d * sizeof(double));
    goto done;
  }
  choose(&r, item->sample, item->sample_end);
  if (!r.count) goto done;
  HETA_GO(need_sketch(session, item, gauss_newton, error));
  HETA_GO(need_blocks(&r, error));
  for (size_t sample = item->sample; sample < item->sample_end; sample++)
    HETA_GO(run_sample(&r, sample, error));
  for (size_t token = item->token; token < item->token_end && !(item->tolerance > 0); token++)
    for (size_t t = 0; t < r.group; t++) drop_block(block_of(&r, t, token)); /* all is done */
done:
  heta_i_free(r.tokens);
  heta_i_free(r.directions);
  heta_i_free(r.results);
  heta_i_free(r.list);
  heta_i_free(r.scratch);
  return status;
}
