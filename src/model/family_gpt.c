/* family_gpt.c: GPT-2 and its relatives: layer norms with bias, a plain MLP with biases; learned or
 * rotary positions; attention and MLP one after the other or side by side. */
#include "model/families.h"

static const heta_i_op TIED_HEAD[] = {
    HETA_I_NORM(RESIDUAL_AFTER, NORM_FINAL, "output_norm", .biased = true),
    HETA_I_LINEAR(NORM_FINAL, LOGITS, VOCABULARY, "output", .fallback = "token_embd"),
    HETA_I_END,
};

static const heta_i_op BIASED_HEAD[] = {
    HETA_I_NORM(RESIDUAL_AFTER, NORM_FINAL, "output_norm", .biased = true),
    HETA_I_LINEAR(NORM_FINAL, LOGITS, VOCABULARY, "output", .biased = true),
    HETA_I_END,
};

/* ---- Learned positions: nothing rotates ------------------------------------------------------ */

static const heta_i_op GPT2_BLOCK[] = {
    HETA_I_NORM(RESIDUAL_BEFORE, NORM_ATTENTION, "attn_norm", .biased = true),
    HETA_I_FUSED_QUERY_KEY_VALUE(.biased = true),
    HETA_I_ATTENTION(QUERY, KEY),
    HETA_I_LINEAR(MIX, ATTENTION_OUT, MODEL, "attn_output", .biased = true),
    HETA_I_ADD(RESIDUAL_BEFORE, ATTENTION_OUT, RESIDUAL_MIDDLE),
    HETA_I_NORM(RESIDUAL_MIDDLE, NORM_MLP, "ffn_norm", .biased = true),
    HETA_I_PLAIN_MLP(NORM_MLP),
    HETA_I_ADD(RESIDUAL_MIDDLE, MLP_OUT, RESIDUAL_AFTER),
    HETA_I_END,
};

/* ---- Rotary positions ------------------------------------------------------------------------ */

/* x + attention(norm(x)) + mlp(norm(x)), one norm for both; GPT-J's attention has no bias. */
static const heta_i_op GPTJ_BLOCK[] = {
    HETA_I_NORM(RESIDUAL_BEFORE, NORM_ATTENTION, "attn_norm", .biased = true),
    HETA_I_QUERY_KEY_VALUE(.biased = false),
    HETA_I_ROTATED_ATTENTION(QUERY, KEY),
    HETA_I_LINEAR(MIX, ATTENTION_OUT, MODEL, "attn_output"),
    HETA_I_PLAIN_MLP(NORM_ATTENTION),
    HETA_I_ADD(RESIDUAL_BEFORE, ATTENTION_OUT, RESIDUAL_MIDDLE),
    HETA_I_ADD(RESIDUAL_MIDDLE, MLP_OUT, RESIDUAL_AFTER),
    HETA_I_END,
};

static const heta_i_op PHI2_BLOCK[] = {
    HETA_I_NORM(RESIDUAL_BEFORE, NORM_ATTENTION, "attn_norm", .biased = true),
    HETA_I_FUSED_QUERY_KEY_VALUE(.biased = true),
    HETA_I_ROTATED_ATTENTION(QUERY, KEY),
    HETA_I_LINEAR(MIX, ATTENTION_OUT, MODEL, "attn_output", .biased = true),
    HETA_I_PLAIN_MLP(NORM_ATTENTION),
    HETA_I_ADD(RESIDUAL_BEFORE, ATTENTION_OUT, RESIDUAL_MIDDLE),
    HETA_I_ADD(RESIDUAL_MIDDLE, MLP_OUT, RESIDUAL_AFTER),
    HETA_I_END,
};

/* x + attention(norm(x)) + mlp(norm'(x)). */
static const heta_i_op GPTNEOX_PARALLEL_BLOCK[] = {
    HETA_I_NORM(RESIDUAL_BEFORE, NORM_ATTENTION, "attn_norm", .biased = true),
    HETA_I_FUSED_QUERY_KEY_VALUE(.biased = true),
    HETA_I_ROTATED_ATTENTION(QUERY, KEY),
    HETA_I_LINEAR(MIX, ATTENTION_OUT, MODEL, "attn_output", .biased = true),
    HETA_I_NORM(RESIDUAL_BEFORE, NORM_MLP, "ffn_norm", .biased = true),
    HETA_I_PLAIN_MLP(NORM_MLP),
    HETA_I_ADD(RESIDUAL_BEFORE, ATTENTION_OUT, RESIDUAL_MIDDLE),
    HETA_I_ADD(RESIDUAL_MIDDLE, MLP_OUT, RESIDUAL_AFTER),
    HETA_I_END,
};

static const heta_i_op GPTNEOX_SEQUENTIAL_BLOCK[] = {
    HETA_I_NORM(RESIDUAL_BEFORE, NORM_ATTENTION, "attn_norm", .biased = true),
    HETA_I_FUSED_QUERY_KEY_VALUE(.biased = true),
    HETA_I_ROTATED_ATTENTION(QUERY, KEY),
    HETA_I_LINEAR(MIX, ATTENTION_OUT, MODEL, "attn_output", .biased = true),
    HETA_I_ADD(RESIDUAL_BEFORE, ATTENTION_OUT, RESIDUAL_MIDDLE),
    HETA_I_NORM(RESIDUAL_MIDDLE, NORM_MLP, "ffn_norm", .biased = true),
    HETA_I_PLAIN_MLP(NORM_MLP),
    HETA_I_ADD(RESIDUAL_MIDDLE, MLP_OUT, RESIDUAL_AFTER),
    HETA_I_END,
};

#define COMMON .norm = HETA_NORM_LAYER, .epsilon_key = "attention.layer_norm_epsilon"

const heta_i_architecture HETA_I_GPT2 = {
    .name = "gpt2",
    COMMON,
    .activation = HETA_ACT_GELU_TANH,
    .learned_positions = true,
    .block = GPT2_BLOCK,
    .head = TIED_HEAD,
};

/* The first two rows of its position table stand for no position. */
const heta_i_architecture HETA_I_OPT = {
    .name = "opt",
    COMMON,
    .activation = HETA_ACT_RELU,
    .learned_positions = true,
    .position_offset = 2,
    .block = GPT2_BLOCK,
    .head = TIED_HEAD,
};

const heta_i_architecture HETA_I_GPTJ = {
    .name = "gptj",
    COMMON,
    .activation = HETA_ACT_GELU_TANH,
    .rotary_interleaved = true,
    .block = GPTJ_BLOCK,
    .head = BIASED_HEAD,
};

const heta_i_architecture HETA_I_PHI2 = {
    .name = "phi2",
    COMMON,
    .activation = HETA_ACT_GELU_TANH,
    .block = PHI2_BLOCK,
    .head = BIASED_HEAD,
};

const heta_i_architecture HETA_I_GPTNEOX_PARALLEL = {
    .name = "gptneox",
    .when = "use_parallel_residual",
    .is = true,
    COMMON,
    .activation = HETA_ACT_GELU,
    .block = GPTNEOX_PARALLEL_BLOCK,
    .head = TIED_HEAD,
};

const heta_i_architecture HETA_I_GPTNEOX_SEQUENTIAL = {
    .name = "gptneox",
    .when = "use_parallel_residual",
    .is = false,
    COMMON,
    .activation = HETA_ACT_GELU,
    .block = GPTNEOX_SEQUENTIAL_BLOCK,
    .head = TIED_HEAD,
};
