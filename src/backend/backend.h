/* backend.h: the kernels, behind one table of functions. Only a backend touches numbers.
 *
 * Legend: rows are tokens (of one run, or of many lanes stacked); all matrices are row-major with
 * the stated width as leading dimension unless one is given. For each op the four maps stand side
 * by side: forward x -> y, vjp (x, ȳ) -> x̄, jvp (x, ẋ) -> ẏ, and vjp′, the tangent of vjp: (x, ẋ,
 * ȳ, ȳ̇) -> x̄̇. In code: x y, gx gy (adjoints), dx dy (tangents), dgx dgy (tangents of adjoints).
 *
 * `primal` maps a row of the tangents to the row of x and ȳ it belongs to (lanes share one run's
 * values); NULL: the same row. `accumulate`: += instead of =. Every row's result depends on that
 * row's inputs only, in a fixed order of operations: batching and threads never change a bit. */
#ifndef HETA_BACKEND_BACKEND_H
#define HETA_BACKEND_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/padding.h"
#include "engine/real.h"
#include "model/architecture.h"

/* Compiles a row function for several instruction sets and picks one when the program starts. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HETA_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HETA_CLONES
#endif

/* What elementwise and norm kernels need. Pointers a kernel does not use may be NULL. */
typedef struct X(rows) {
  size_t rows, width;
  size_t parts; /* rows here that make one row of `primal`: the heads of a token; 0: one */
  const uint32_t *primal;
  int threads;
  bool accumulate;           /* into the (first) output */
  bool accumulate_b;         /* into the second output of a two-input op */
  const real *weight, *bias; /* [width]; bias may be NULL */
  real epsilon;
  heta_i_activation activation;
  real cap;            /* of a soft cap */
  const real *a, *b;   /* inputs x (b: second input) */
  const real *a0, *b0; /* those of the reference run, for `rescale` */
  const real *da, *db; /* their tangents */
  const real *gy;      /* adjoint of the output */
  const real *dgy;     /* its tangent */
  real *y, *dy;        /* output, its tangent */
  real *ga, *gb;       /* adjoints of the inputs */
  real *dga, *dgb;     /* their tangents */
} X(rows);

/* The row of x and ȳ that a row of the tangents belongs to. */
static inline size_t X(primal_row)(const X(rows) *r, size_t row) {
  if (!r->primal) return row;
  if (r->parts < 2) return r->primal[row];
  return r->primal[row / r->parts] * r->parts + row % r->parts;
}

/* Rotation of pairs within each head: y = R(position) x, or its transpose. Linear, so that one
 * function is all four maps. */
typedef struct X(rotary) {
  size_t rows, heads, head_width, dims;
  bool interleaved, transpose, accumulate;
  int threads;
  const uint32_t *position;  /* of each row */
  const real *cosine, *sine; /* [positions × dims/2]; NULL when dims is 0: all is copied */
  const real *x;
  real *y;
} X(rotary);

/* A change to attention probabilities after the softmax: A' = scale A + add, for one head and row
 * of a run (SIZE_MAX: all), or everywhere. */
typedef struct X(probability_edit) {
  size_t head, row;
  real scale;
  const real *add; /* one number per key, or NULL */
} X(probability_edit);

/* Rows [first, first + rows) of a context, stored at rows [offset, offset + rows) of the batch. */
typedef struct X(attention_lane) {
  size_t offset, first, rows;
  const real *parent_k, *parent_v; /* keys and values of rows < first; NULL when first is 0 */
  size_t hidden;                   /* a key that rows after it may not see, or SIZE_MAX */
  const uint32_t *position;        /* of rows 0 … first+rows-1, for windows; NULL: 0, 1, … */
  const X(probability_edit) *edits;
  size_t edit_count;
} X(attention_lane);

typedef struct X(attention) {
  size_t heads, kv_heads, head_width;
  size_t first_head, head_count; /* forward: the heads to compute; the other maps do all */
  size_t window; /* a row sees keys fewer than `window` positions before it; 0: all */
  real scale;
  real cap; /* scaled scores s become cap tanh(s / cap); 0: they do not */
  int threads;
  const X(attention_lane) *lanes;
  size_t lane_count;
  /* forward: q k v of the batch. Derivatives: of the root run, `root` (its only lane). */
  const real *q, *k, *v;
  const X(attention_lane) *root;
  const real *q0, *k0, *v0; /* of the reference run, for `rescale` */
  double *rescale_scratch;  /* [3 × kv_heads × rows], for it too */
  real *y;                  /* forward: mix */
  real *probabilities; /* forward, one lane: [head_count × rows × (first + rows)] after edits, or
                          NULL */
  const real *gy;      /* adjoint of the root's mix */
  real *gq, *gk, *gv;
  bool accumulate[3];       /* of gq gk gv (or dgq dgk dgv) */
  const real *dq, *dk, *dv; /* tangents, of the batch */
  real *dy;
  const real *dgy;
  real *dgq, *dgk, *dgv;
  real *scratch; /* X(backend).attention_scratch() numbers */
} X(attention);

typedef struct X(backend) {
  const char *name;
  bool whole_tiles; /* wants m padded (padding.h); else products of the rows there are */
  /* C [m × n] = A [m × k] · Bᵀ (B is n × k), or · B (B is k × n); accumulate: C += …. With
   * whole_tiles m is a multiple of HETA_ROW_PAD. */
  void (*gemm_nt)(int threads, size_t m, size_t n, size_t k, const real *a, size_t lda,
                  const real *b, size_t ldb, bool accumulate, real *c, size_t ldc);
  void (*gemm_nn)(int threads, size_t m, size_t n, size_t k, const real *a, size_t lda,
                  const real *b, size_t ldb, bool accumulate, real *c, size_t ldc);
  struct {
    void (*forward)(const X(rows) *), (*vjp)(const X(rows) *), (*jvp)(const X(rows) *),
        (*vjp_tangent)(const X(rows) *);
  } rms_norm, layer_norm, gated, activation;
  /* In place, and in terms of y: a holds y where a derivative map is asked, da in vjp′ ẏ. */
  struct {
    void (*forward)(const X(rows) *), (*vjp)(const X(rows) *), (*jvp)(const X(rows) *),
        (*vjp_tangent)(const X(rows) *);
  } soft_cap;
  void (*rotate)(const X(rotary) *);
  void (*add)(const X(rows) *);      /* y = a + b; with b NULL: y (+)= a */
  void (*add_bias)(const X(rows) *); /* y += bias, every row */
  /* Makes what kernels keep for good. Returns 0, or the bytes that there is no room for: the other
   * members must not be called then. NULL: nothing to make. */
  size_t (*prepare)(void);
  /* How many kernels were refused memory of their own, in this process so far: what they computed
   * is of no use. NULL: none takes any. */
  size_t (*refused)(void);
  size_t (*attention_scratch)(size_t heads, size_t kv_heads, size_t head_width, size_t root_rows,
                              size_t lane_rows, bool capped, int threads);
  void (*attention_forward)(const X(attention) *);
  void (*attention_vjp)(const X(attention) *);
  void (*attention_jvp)(const X(attention) *);
  void (*attention_vjp_tangent)(const X(attention) *);
} X(backend);

/* DeepLIFT's multipliers in the place of vjp, one implementation for all backends
 * (reference/rescale.c): from gy those of the inputs, so that Σ ga (a - a0) (+ Σ gb (b - b0)) =
 * Σ gy (y - y0). */
typedef struct X(rescale) {
  void (*rms_norm)(const X(rows) *), (*layer_norm)(const X(rows) *), (*gated)(const X(rows) *),
      (*activation)(const X(rows) *), (*soft_cap)(const X(rows) *);
  void (*attention)(const X(attention) *);
} X(rescale);
extern const X(rescale) X(rescale_maps);

const X(backend) *X(backend_reference)(void);
#if HETA_REAL_BITS == 32
const X(backend) *X(backend_cpu)(void); /* oneDNN; float32 only */
#endif

#endif
