/* rate.c: how fast bare matrix products and attention are on this machine, in the shapes of the
 * passes: what every sweep is measured against, and what plans count with. */
#include <string.h>
#include <time.h>

#include "engine/internal.h"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct shape {
  size_t n, k; /* a panel of a matrix, as the passes multiply it */
} shape;

/* The matrices of the first block that has any. */
static size_t block_shapes(const heta_model *model, shape shapes[HETA_MAX_OPS]) {
  size_t count = 0;
  for (size_t i = 0; i < model->block_ops; i++) {
    const X(weight) weight = {.source = &model->block_weights[i]};
    if (weight.source->cols) shapes[count++] = (shape){X(panel_rows)(&weight), weight.source->cols};
  }
  return count;
}

/* Numbers with no pattern that a processor could use, and none that is tiny. */
static void fill(real *x, size_t count) {
  uint32_t state = 1;
  for (size_t i = 0; i < count; i++) {
    state = state * 1664525u + 1013904223u;
    x[i] = (real)(state >> 8) / (real)(1 << 24) - (real)0.5;
  }
}

/* The reference backend is slow: a small product will do. */
static size_t rows_of(const X(backend) *backend, size_t rows) {
  return backend == X(backend_reference)() ? HETA_ROW_PAD : rows;
}

/* Two lanes of a whole context, as many operations as heta_i_attention_flop counts. */
static double attention_rate(const heta_i_engine_settings *settings) {
  const X(backend) *backend = X(backend_of)(settings);
  const heta_i_hyper *hyper = &settings->model->hyper;
  size_t rows = rows_of(backend, settings->positions < 256 ? settings->positions : 256);
  size_t qw = hyper->heads * hyper->head_width, kw = hyper->kv_heads * hyper->head_width;
  real *q = heta_i_allocate(2 * rows * qw, sizeof *q);
  real *kv = heta_i_allocate(4 * rows * kw, sizeof *kv);
  real *y = heta_i_allocate(2 * rows * qw, sizeof *y);
  real *scratch =
      heta_i_allocate(backend->attention_scratch(hyper->heads, hyper->kv_heads, hyper->head_width,
                                                 rows, 2 * rows, false, settings->threads),
                      sizeof *scratch);
  double rate = 0;
  if (q && kv && y && scratch) {
    X(attention_lane) lanes[2];
    for (size_t l = 0; l < 2; l++)
      lanes[l] = (X(attention_lane)){.offset = l * rows, .rows = rows, .hidden = SIZE_MAX};
    X(attention)
    a = {.heads = hyper->heads,
         .head_count = hyper->heads,
         .kv_heads = hyper->kv_heads,
         .head_width = hyper->head_width,
         .scale = (real)hyper->attention_scale,
         .threads = settings->threads,
         .lanes = lanes,
         .lane_count = 2,
         .q = q,
         .k = kv,
         .v = kv + 2 * rows * kw,
         .y = y,
         .scratch = scratch};
    fill(q, 2 * rows * qw);
    fill(kv, 4 * rows * kw);
    memset(y, 0, 2 * rows * qw * sizeof *y);
    double start = now();
    backend->attention_forward(&a);
    rate = 2 * 2 * 2.0 * (double)(qw * rows) * (double)(rows + 1) / 2 / (now() - start + 1e-9);
  }
  heta_i_free(q);
  heta_i_free(kv);
  heta_i_free(y);
  heta_i_free(scratch);
  return rate;
}

static double product_rate(const heta_i_engine_settings *settings, bool reverse) {
  const X(backend) *backend = X(backend_of)(settings);
  size_t rows = rows_of(backend, settings->lane_rows);
  shape shapes[HETA_MAX_OPS];
  size_t count = block_shapes(settings->model, shapes), widest = 1, weights = 1;
  double flop = 0;
  for (size_t i = 0; i < count; i++) {
    widest = shapes[i].n > widest ? shapes[i].n : widest;
    widest = shapes[i].k > widest ? shapes[i].k : widest;
    weights += shapes[i].n * shapes[i].k;
    flop += 2.0 * (double)rows * (double)shapes[i].n * (double)shapes[i].k;
  }
  real *in = heta_i_allocate(rows * widest, sizeof *in);
  real *out = heta_i_allocate(rows * widest, sizeof *out);
  real *w = heta_i_allocate(weights, sizeof *w);
  double rate = 0;
  if (in && out && w) {
    fill(in, rows * widest);
    fill(w, weights);
    memset(out, 0, rows * widest * sizeof *out); /* its pages are there before the clock runs */
    double start = now();
    const real *at = w;
    for (size_t i = 0; i < count; i++) {
      size_t n = shapes[i].n, k = shapes[i].k;
      if (reverse)
        backend->gemm_nn(settings->threads, rows, k, n, in, n, at, k, false, out, k);
      else
        backend->gemm_nt(settings->threads, rows, n, k, in, k, at, k, false, out, n);
      at += n * k;
    }
    rate = flop / (now() - start + 1e-9);
  }
  heta_i_free(in);
  heta_i_free(out);
  heta_i_free(w);
  return rate;
}

double X(engine_rate)(const heta_i_engine_settings *settings, heta_i_rate of) {
  const X(backend) *backend = X(backend_of)(settings);
  if (backend->prepare && backend->prepare()) return 0;
  return of == HETA_RATE_ATTENTION ? attention_rate(settings)
                                   : product_rate(settings, of == HETA_RATE_REVERSE);
}
