/* kernels.h: every op's four maps as plain functions of doubles, for each precision and backend, so
 * that one test body covers them all. Numbers are rounded to the kernel's precision on the way in.
 */
#ifndef HETA_TESTS_KERNELS_H
#define HETA_TESTS_KERNELS_H

#include <heta/heta.h>

#include "model/architecture.h"

enum { KERNEL_INPUTS = 3 };

/* Attention probabilities of one head and row (SIZE_MAX: all) become scale A + add. */
typedef struct kernel_edit {
  size_t head, row;
  double scale;
  const double *add; /* one per key, or NULL */
} kernel_edit;

/* Rows [first, first + rows) of the op's rows; a full lane is {0, rows}. */
typedef struct kernel_lane {
  size_t first, rows;
} kernel_lane;

/* One op over `rows` rows. Inputs and output are matrices of `rows` rows; see kernel_widths. */
typedef struct kernel_case {
  heta_i_op_kind kind;
  heta_i_norm norm;
  heta_i_activation activation;
  size_t rows, width;          /* head norm: width is the sum of the heads' */
  const double *weight, *bias; /* norm: [width]; linear: weight [outputs × width], bias [outputs] */
  size_t outputs;              /* linear */
  double epsilon;
  size_t heads, kv_heads, head_width; /* attention; rotary: heads, head_width */
  size_t dims;                        /* rotary: rotated elements of each head */
  bool interleaved;
  const uint32_t *positions; /* rotary: of each row, below 64 */
  size_t hidden;             /* attention: a key that later rows do not see, or SIZE_MAX */
  size_t window;             /* attention: how many keys a row sees; 0: all */
  double cap;                /* attention: of the scaled scores, 0: none; soft cap */
  const kernel_edit *edits;
  size_t edit_count;
} kernel_case;

/* Widths of the inputs (0: there is none) and of the output. */
void kernel_widths(const kernel_case *c, size_t in[KERNEL_INPUTS], size_t *out);

/* What a map is given. Derivative maps of row ops and attention may be asked for a batch of lanes
 * instead of all rows: tangents and results then have Σ lane rows rows, in the lanes' order, while
 * x and gy stay those of all rows. Pointers a map does not use are NULL. */
typedef struct kernel_arguments {
  const double *x[KERNEL_INPUTS], *dx[KERNEL_INPUTS];
  const double *gy, *dgy;   /* gy may be NULL in vjp_tangent: no adjoint */
  const kernel_lane *lanes; /* NULL: all rows */
  size_t lane_count;
  bool accumulate;           /* add to what the results hold */
  double *y;                 /* forward: y; jvp: ẏ */
  double *gx[KERNEL_INPUTS]; /* vjp: x̄; vjp′: x̄̇ */
  double *probabilities;     /* forward attention: [heads × rows × rows], or NULL */
} kernel_arguments;

typedef enum kernel_map { KERNEL_FORWARD, KERNEL_VJP, KERNEL_JVP, KERNEL_VJP_TANGENT } kernel_map;

void kernel_run_f32(heta_backend backend, int threads, const kernel_case *c, kernel_map map,
                    const kernel_arguments *a);
void kernel_run_f64(heta_backend backend, int threads, const kernel_case *c, kernel_map map,
                    const kernel_arguments *a);

/* C [m × n] = A [m × k] op(B) (+ C), without padding; transposed: B is n × k. m: a multiple of 32.
 */
void kernel_product_f32(heta_backend backend, int threads, bool transposed, size_t m, size_t n,
                        size_t k, const double *a, const double *b, bool accumulate, double *c);
void kernel_product_f64(heta_backend backend, int threads, bool transposed, size_t m, size_t n,
                        size_t k, const double *a, const double *b, bool accumulate, double *c);
/* Numbers that attention over at most `rows` rows may use as scratch. */
size_t kernel_scratch_f32(heta_backend backend, size_t heads, size_t kv_heads, size_t head_width,
                          size_t rows, bool capped, int threads);

#endif
