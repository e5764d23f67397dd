/* family_llama.c: LLaMA and its relatives: RMS norms, rotary positions, a gated MLP with SiLU,
 * attention and MLP one after the other. */
#include "model/families.h"

static const heta_i_op HEAD[] = {
    HETA_I_NORM(RESIDUAL_AFTER, NORM_FINAL, "output_norm"),
    HETA_I_LINEAR(NORM_FINAL, LOGITS, VOCABULARY, "output", .fallback = "token_embd"),
    HETA_I_END,
};

static const heta_i_op LLAMA_BLOCK[] = {
    HETA_I_NORM(RESIDUAL_BEFORE, NORM_ATTENTION, "attn_norm"),
    HETA_I_QUERY_KEY_VALUE(.biased = false),
    HETA_I_ROTATED_ATTENTION(QUERY, KEY),
    HETA_I_LINEAR(MIX, ATTENTION_OUT, MODEL, "attn_output"),
    HETA_I_ADD(RESIDUAL_BEFORE, ATTENTION_OUT, RESIDUAL_MIDDLE),
    HETA_I_NORM(RESIDUAL_MIDDLE, NORM_MLP, "ffn_norm"),
    HETA_I_GATED_MLP(),
    HETA_I_ADD(RESIDUAL_MIDDLE, MLP_OUT, RESIDUAL_AFTER),
    HETA_I_END,
};

/* Query and key with a bias. */
static const heta_i_op QWEN2_BLOCK[] = {
    HETA_I_NORM(RESIDUAL_BEFORE, NORM_ATTENTION, "attn_norm"),
    HETA_I_QUERY_KEY_VALUE(.biased = true),
    HETA_I_ROTATED_ATTENTION(QUERY, KEY),
    HETA_I_LINEAR(MIX, ATTENTION_OUT, MODEL, "attn_output"),
    HETA_I_ADD(RESIDUAL_BEFORE, ATTENTION_OUT, RESIDUAL_MIDDLE),
    HETA_I_NORM(RESIDUAL_MIDDLE, NORM_MLP, "ffn_norm"),
    HETA_I_GATED_MLP(),
    HETA_I_ADD(RESIDUAL_MIDDLE, MLP_OUT, RESIDUAL_AFTER),
    HETA_I_END,
};

/* Every head of query and key is normalised before it is rotated. */
static const heta_i_op QWEN3_BLOCK[] = {
    HETA_I_NORM(RESIDUAL_BEFORE, NORM_ATTENTION, "attn_norm"),
    HETA_I_QUERY_KEY_VALUE(.biased = false),
    HETA_I_HEAD_NORM(QUERY, QUERY_NORM, QUERY, "attn_q_norm"),
    HETA_I_HEAD_NORM(KEY, KEY_NORM, KEY, "attn_k_norm"),
    HETA_I_ROTATED_ATTENTION(QUERY_NORM, KEY_NORM),
    HETA_I_LINEAR(MIX, ATTENTION_OUT, MODEL, "attn_output"),
    HETA_I_ADD(RESIDUAL_BEFORE, ATTENTION_OUT, RESIDUAL_MIDDLE),
    HETA_I_NORM(RESIDUAL_MIDDLE, NORM_MLP, "ffn_norm"),
    HETA_I_GATED_MLP(),
    HETA_I_ADD(RESIDUAL_MIDDLE, MLP_OUT, RESIDUAL_AFTER),
    HETA_I_END,
};

/* The gate's rows stand above those of `up` in one matrix. */
static const heta_i_op PHI3_BLOCK[] = {
    HETA_I_NORM(RESIDUAL_BEFORE, NORM_ATTENTION, "attn_norm"),
    HETA_I_FUSED_QUERY_KEY_VALUE(.biased = false),
    HETA_I_ROTATED_ATTENTION(QUERY, KEY),
    HETA_I_LINEAR(MIX, ATTENTION_OUT, MODEL, "attn_output"),
    HETA_I_ADD(RESIDUAL_BEFORE, ATTENTION_OUT, RESIDUAL_MIDDLE),
    HETA_I_NORM(RESIDUAL_MIDDLE, NORM_MLP, "ffn_norm"),
    HETA_I_LINEAR(NORM_MLP, GATE, FEED_FORWARD, NULL, .fused = "ffn_up"),
    HETA_I_LINEAR(NORM_MLP, UP, FEED_FORWARD, NULL, .fused = "ffn_up",
                  .skip = {HETA_WIDTH_FEED_FORWARD}),
    HETA_I_GATED(),
    HETA_I_LINEAR(ACTIVATION, MLP_OUT, MODEL, "ffn_down"),
    HETA_I_ADD(RESIDUAL_MIDDLE, MLP_OUT, RESIDUAL_AFTER),
    HETA_I_END,
};

#define COMMON                                                                                     \
  .norm = HETA_NORM_RMS, .activation = HETA_ACT_SILU,                                              \
  .epsilon_key = "attention.layer_norm_rms_epsilon", .head = HEAD

/* Files of these two store the rows of Q and K so that the pairs RoPE turns are neighbours. */
const heta_i_architecture HETA_I_LLAMA = {
    .name = "llama", COMMON, .rotary_interleaved = true, .block = LLAMA_BLOCK};

const heta_i_architecture HETA_I_SMOLLM3 = {
    .name = "smollm3",
    COMMON,
    .rotary_interleaved = true,
    .unrotated_period = 4,
    .block = LLAMA_BLOCK,
};

const heta_i_architecture HETA_I_QWEN2 = {.name = "qwen2", COMMON, .block = QWEN2_BLOCK};
const heta_i_architecture HETA_I_QWEN3 = {.name = "qwen3", COMMON, .block = QWEN3_BLOCK};
const heta_i_architecture HETA_I_PHI3 = {.name = "phi3", COMMON, .block = PHI3_BLOCK};
