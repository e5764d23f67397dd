/* core.h: what is known of one token's Hessian block H after a few products, and unbiased samples
 * of S = E‖H r‖₁ that use it.
 *
 * Q [width × rank] spans the directions in which whole-context products moved the token most; W =
 * HQ is computed, so that A = WQᵀ + QWᵀ − Q(QᵀW)Qᵀ is known exactly, and H = A + E with E = (I −
 * QQᵀ) H (I − QQᵀ). Of E only a size per row is assumed: s_a, a profile times one scale. A sample
 * is mean over free r' of f(r') + ‖H r‖₁ − f(r),  f(r) = Σ_a E|(A r)_a + s_a z|, z ~ N(0, 1): its
 * expectation is S whatever Q and s are, since r and r' are drawn alike; its variance is small when
 * f follows ‖H r‖₁ closely. The mean of f costs no product with H. */
#ifndef HETA_METHOD_CORE_H
#define HETA_METHOD_CORE_H

#include "base/memory.h"
#include "base/status.h"

enum { HETA_CORE_MOST = 8 }; /* largest rank */

typedef struct heta_i_core {
  size_t width, rank;
  double *range;    /* Q: [width × rank], orthonormal columns */
  double *products; /* W = HQ: [width × rank] */
  double *inner;    /* QᵀW made symmetric: [rank × rank] */
  double *profile;  /* [width]: size of each row of E, up to the scale */
} heta_i_core;

/* Numbers of a core, for the arrays above in this order. */
size_t heta_i_core_numbers(size_t width, size_t rank);
/* Lays a core over numbers[heta_i_core_numbers()]. */
void heta_i_core_place(heta_i_core *core, size_t width, size_t rank, double *numbers);
/* Range and profile from the token's rows of `count` whole-context products: column g of the sketch
 * is sketch[g × stride … + width]. scratch: 2 count² numbers. A column of the range that the sketch
 * does not have is 0. */
void heta_i_core_range(heta_i_core *core, const float *sketch, size_t count, size_t stride,
                       double *scratch);
/* To be called when `products` is filled. */
void heta_i_core_finish(heta_i_core *core);
/* The scale of E that a product H r measures. */
double heta_i_core_scale(const heta_i_core *core, const double *direction, const double *product);
/* f(direction). squares [rank], or NULL: (Q_jᵀ r)², whose expectation is ‖Q_j‖² */
double heta_i_core_folded(const heta_i_core *core, double scale, const double *direction,
                          double *squares);

#endif
