/* kernels_f64.c: the reference kernels in double, and what both precisions share. */
#define HETA_REAL_BITS 64
#define NAME(function) function##_f64
#include "support/kernels.inc.h"

void kernel_widths(const kernel_case *c, size_t in[KERNEL_INPUTS], size_t *out) {
  in[0] = c->width;
  in[1] = c->kind == HETA_OP_GATED || c->kind == HETA_OP_ADD ? c->width : 0;
  in[2] = 0;
  *out = c->kind == HETA_OP_LINEAR ? c->outputs : c->width;
  if (c->kind == HETA_OP_ROTARY || c->kind == HETA_OP_HEAD_NORM)
    in[0] = *out = c->heads * c->head_width;
  if (c->kind != HETA_OP_ATTENTION) return;
  in[0] = *out = c->heads * c->head_width;
  in[1] = in[2] = c->kv_heads * c->head_width;
}
