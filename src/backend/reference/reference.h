/* reference.h: the reference backend's kernels. Plain C in both precisions; the truth the fast ones
 * are tested against. */
#ifndef HETA_BACKEND_REFERENCE_REFERENCE_H
#define HETA_BACKEND_REFERENCE_REFERENCE_H

#include "backend/backend.h"

void X(reference_gemm_nt)(int threads, size_t m, size_t n, size_t k, const real *a, size_t lda,
                          const real *b, size_t ldb, bool accumulate, real *c, size_t ldc);
void X(reference_gemm_nn)(int threads, size_t m, size_t n, size_t k, const real *a, size_t lda,
                          const real *b, size_t ldb, bool accumulate, real *c, size_t ldc);

void X(rms_norm_forward)(const X(rows) *r);
void X(rms_norm_vjp)(const X(rows) *r);
void X(rms_norm_jvp)(const X(rows) *r);
void X(rms_norm_vjp_tangent)(const X(rows) *r);
void X(layer_norm_forward)(const X(rows) *r);
void X(layer_norm_vjp)(const X(rows) *r);
void X(layer_norm_jvp)(const X(rows) *r);
void X(layer_norm_vjp_tangent)(const X(rows) *r);

/* f(x), and in *slope f'(x). */
double X(activate)(heta_i_activation kind, double x, double *slope);
void X(gated_forward)(const X(rows) *r);
void X(gated_vjp)(const X(rows) *r);
void X(gated_jvp)(const X(rows) *r);
void X(gated_vjp_tangent)(const X(rows) *r);
void X(activation_forward)(const X(rows) *r);
void X(activation_vjp)(const X(rows) *r);
void X(activation_jvp)(const X(rows) *r);
void X(activation_vjp_tangent)(const X(rows) *r);

void X(soft_cap_forward)(const X(rows) *r);
void X(soft_cap_vjp)(const X(rows) *r);
void X(soft_cap_jvp)(const X(rows) *r);
void X(soft_cap_vjp_tangent)(const X(rows) *r);

void X(rotate)(const X(rotary) *r);
void X(add)(const X(rows) *r);
void X(add_bias)(const X(rows) *r);

size_t X(reference_attention_scratch)(size_t heads, size_t kv_heads, size_t head_width,
                                      size_t root_rows, size_t lane_rows, bool capped, int threads);
void X(reference_attention_forward)(const X(attention) *c);
void X(reference_attention_vjp)(const X(attention) *c);
void X(reference_attention_jvp)(const X(attention) *c);
void X(reference_attention_vjp_tangent)(const X(attention) *c);

#endif
