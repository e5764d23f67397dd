/* kernels_f32.c: the kernels of both backends in float, behind doubles. */
#define HETA_REAL_BITS 32
#define NAME(function) function##_f32
#include "support/kernels.inc.h"

size_t kernel_scratch_f32(heta_backend backend, size_t heads, size_t kv_heads, size_t head_width,
                          size_t rows, bool capped, int threads) {
  return table_of(backend)->attention_scratch(heads, kv_heads, head_width, rows, rows, capped,
                                              threads);
}
