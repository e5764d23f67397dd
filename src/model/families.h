/* families.h: the entries of the table of architectures, each defined in one of the family_*.c, and
 * the pieces of program that families share. */
#ifndef HETA_MODEL_FAMILIES_H
#define HETA_MODEL_FAMILIES_H

#include "model/architecture.h"

/* RMS norms, gated MLP: family_llama.c */
extern const heta_i_architecture HETA_I_LLAMA, HETA_I_SMOLLM3, HETA_I_QWEN2, HETA_I_QWEN3,
    HETA_I_PHI3;
/* Layer norms, plain MLP: family_gpt.c */
extern const heta_i_architecture HETA_I_GPT2, HETA_I_OPT, HETA_I_GPTJ, HETA_I_PHI2,
    HETA_I_GPTNEOX_PARALLEL, HETA_I_GPTNEOX_SEQUENTIAL;
/* Scaled embeddings, GELU-gated MLP, norms around both: family_gemma.c */
extern const heta_i_architecture HETA_I_GEMMA, HETA_I_GEMMA2, HETA_I_GEMMA3;

/* Three matrices that read the normalised residual; further fields may be set. */
#define HETA_I_QUERY_KEY_VALUE(...)                                                                \
  HETA_I_LINEAR(NORM_ATTENTION, QUERY, QUERY, "attn_q", __VA_ARGS__),                              \
      HETA_I_LINEAR(NORM_ATTENTION, KEY, KEY, "attn_k", __VA_ARGS__),                              \
      HETA_I_LINEAR(NORM_ATTENTION, VALUE, KEY, "attn_v", __VA_ARGS__)

/* The same, or the three below each other in one. */
#define HETA_I_FUSED_QUERY_KEY_VALUE(...)                                                          \
  HETA_I_LINEAR(NORM_ATTENTION, QUERY, QUERY, "attn_q", .fused = "attn_qkv", __VA_ARGS__),         \
      HETA_I_LINEAR(NORM_ATTENTION, KEY, KEY, "attn_k", .fused = "attn_qkv",                       \
                    .skip = {HETA_WIDTH_QUERY}, __VA_ARGS__),                                      \
      HETA_I_LINEAR(NORM_ATTENTION, VALUE, KEY, "attn_v", .fused = "attn_qkv",                     \
                    .skip = {HETA_WIDTH_QUERY, HETA_WIDTH_KEY}, __VA_ARGS__)

#define HETA_I_ROTATED_ATTENTION(query, key)                                                       \
  HETA_I_ROTARY(query, QUERY_ROTATED, QUERY), HETA_I_ROTARY(key, KEY_ROTATED, KEY),                \
      HETA_I_ATTENTION(QUERY_ROTATED, KEY_ROTATED)

/* down(act(gate(x)) * up(x)) */
#define HETA_I_GATED_MLP()                                                                         \
  HETA_I_LINEAR(NORM_MLP, GATE, FEED_FORWARD, "ffn_gate"),                                         \
      HETA_I_LINEAR(NORM_MLP, UP, FEED_FORWARD, "ffn_up"), HETA_I_GATED(),                         \
      HETA_I_LINEAR(ACTIVATION, MLP_OUT, MODEL, "ffn_down")

/* down(act(up(x))), with biases */
#define HETA_I_PLAIN_MLP(from)                                                                     \
  HETA_I_LINEAR(from, UP, FEED_FORWARD, "ffn_up", .biased = true), HETA_I_ACTIVATION(),            \
      HETA_I_LINEAR(ACTIVATION, MLP_OUT, MODEL, "ffn_down", .biased = true)

#endif
