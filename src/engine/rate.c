/* rate.c: how fast bare matrix products are on this machine, in the shapes of the passes: what
 * every sweep is measured against. */
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

double X(engine_rate)(const heta_i_engine_settings *settings, bool reverse) {
  const X(backend) *backend = X(backend_reference)();
  size_t rows = settings->lane_rows;
#if HETA_REAL_BITS == 32
  if (settings->backend == HETA_BACKEND_CPU) backend = X(backend_cpu)();
#endif
  if (backend == X(backend_reference)()) rows = HETA_ROW_PAD; /* slow: a small product will do */
  if (backend->prepare && backend->prepare()) return 0;
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
