/* table.c (cpu): the table of the cpu backend: the reference's kernels, the hot ones replaced. */
#include "backend/cpu/cpu.h"
#include "backend/reference/reference.h"

const heta_i_backend_f32 *heta_i_backend_cpu_f32(void) {
  static const heta_i_backend_f32 TABLE = {
      .name = "cpu",
      .whole_tiles = true,
      .gemm_nt = heta_i_cpu_gemm_nt,
      .gemm_nn = heta_i_cpu_gemm_nn,
      .rms_norm = {heta_i_cpu_rms_norm_forward, heta_i_cpu_rms_norm_vjp, heta_i_cpu_rms_norm_jvp,
                   heta_i_cpu_rms_norm_vjp_tangent},
      .layer_norm = {heta_i_cpu_layer_norm_forward, heta_i_cpu_layer_norm_vjp,
                     heta_i_cpu_layer_norm_jvp, heta_i_cpu_layer_norm_vjp_tangent},
      .gated = {heta_i_cpu_gated_forward, heta_i_cpu_gated_vjp, heta_i_cpu_gated_jvp,
                heta_i_cpu_gated_vjp_tangent},
      .activation = {heta_i_cpu_activation_forward, heta_i_cpu_activation_vjp,
                     heta_i_cpu_activation_jvp, heta_i_cpu_activation_vjp_tangent},
      .soft_cap = {heta_i_soft_cap_forward_f32, heta_i_soft_cap_vjp_f32, heta_i_soft_cap_jvp_f32,
                   heta_i_soft_cap_vjp_tangent_f32},
      .rotate = heta_i_rotate_f32,
      .add = heta_i_cpu_add,
      .add_bias = heta_i_add_bias_f32,
      .prepare = heta_i_cpu_prepare,
      .refused = heta_i_cpu_refused,
      .attention_scratch = heta_i_cpu_attention_scratch,
      .attention_forward = heta_i_cpu_attention_forward,
      .attention_vjp = heta_i_cpu_attention_vjp,
      .attention_jvp = heta_i_cpu_attention_jvp,
      .attention_vjp_tangent = heta_i_cpu_attention_vjp_tangent,
  };
  return &TABLE;
}
