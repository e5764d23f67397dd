/* table.c (reference): the table of the reference backend's kernels. */
#include "backend/reference/reference.h"

const X(backend) *X(backend_reference)(void) {
  static const X(backend) TABLE = {
      .name = "reference",
      .gemm_nt = X(reference_gemm_nt),
      .gemm_nn = X(reference_gemm_nn),
      .rms_norm = {X(rms_norm_forward), X(rms_norm_vjp), X(rms_norm_jvp), X(rms_norm_vjp_tangent)},
      .layer_norm = {X(layer_norm_forward), X(layer_norm_vjp), X(layer_norm_jvp),
                     X(layer_norm_vjp_tangent)},
      .gated = {X(gated_forward), X(gated_vjp), X(gated_jvp), X(gated_vjp_tangent)},
      .activation = {X(activation_forward), X(activation_vjp), X(activation_jvp),
                     X(activation_vjp_tangent)},
      .soft_cap = {X(soft_cap_forward), X(soft_cap_vjp), X(soft_cap_jvp), X(soft_cap_vjp_tangent)},
      .rotate = X(rotate),
      .add = X(add),
      .add_bias = X(add_bias),
      .attention_scratch = X(reference_attention_scratch),
      .attention_forward = X(reference_attention_forward),
      .attention_vjp = X(reference_attention_vjp),
      .attention_jvp = X(reference_attention_jvp),
      .attention_vjp_tangent = X(reference_attention_vjp_tangent),
  };
  return &TABLE;
}
