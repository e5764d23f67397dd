/* family_gemma.c: Gemma 1 to 3: scaled embeddings, RMS norms (whose weights the file holds with
 * their one already added), an MLP gated with GELU; from Gemma 2 on a norm of what attention and
 * MLP add, windows, and caps or head norms. */
#include "model/families.h"

static const heta_i_op HEAD[] = {
    HETA_I_NORM(RESIDUAL_AFTER, NORM_FINAL, "output_norm"),
    HETA_I_LINEAR(NORM_FINAL, LOGITS, VOCABULARY, "output", .fallback = "token_embd"),
    HETA_I_SOFT_CAP(),
    HETA_I_END,
};

static const heta_i_op GEMMA_BLOCK[] = {
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

#define ADD_NORMED_ATTENTION()                                                                     \
  HETA_I_LINEAR(MIX, ATTENTION_OUT, MODEL, "attn_output"),                                         \
      HETA_I_NORM(ATTENTION_OUT, POST_NORM_ATTENTION, "post_attention_norm"),                      \
      HETA_I_ADD(RESIDUAL_BEFORE, POST_NORM_ATTENTION, RESIDUAL_MIDDLE)

#define ADD_NORMED_MLP()                                                                           \
  HETA_I_NORM(RESIDUAL_MIDDLE, NORM_MLP, "ffn_norm"), HETA_I_GATED_MLP(),                          \
      HETA_I_NORM(MLP_OUT, POST_NORM_MLP, "post_ffw_norm"),                                        \
      HETA_I_ADD(RESIDUAL_MIDDLE, POST_NORM_MLP, RESIDUAL_AFTER)

static const heta_i_op GEMMA2_BLOCK[] = {
    HETA_I_NORM(RESIDUAL_BEFORE, NORM_ATTENTION, "attn_norm"),
    HETA_I_QUERY_KEY_VALUE(.biased = false),
    HETA_I_ROTATED_ATTENTION(QUERY, KEY),
    ADD_NORMED_ATTENTION(),
    ADD_NORMED_MLP(),
    HETA_I_END,
};

static const heta_i_op GEMMA3_BLOCK[] = {
    HETA_I_NORM(RESIDUAL_BEFORE, NORM_ATTENTION, "attn_norm"),
    HETA_I_QUERY_KEY_VALUE(.biased = false),
    HETA_I_HEAD_NORM(QUERY, QUERY_NORM, QUERY, "attn_q_norm"),
    HETA_I_HEAD_NORM(KEY, KEY_NORM, KEY, "attn_k_norm"),
    HETA_I_ROTATED_ATTENTION(QUERY_NORM, KEY_NORM),
    ADD_NORMED_ATTENTION(),
    ADD_NORMED_MLP(),
    HETA_I_END,
};

#define COMMON                                                                                     \
  .norm = HETA_NORM_RMS, .activation = HETA_ACT_GELU_TANH, .scaled_embedding = true,               \
  .epsilon_key = "attention.layer_norm_rms_epsilon", .head = HEAD

const heta_i_architecture HETA_I_GEMMA = {.name = "gemma", COMMON, .block = GEMMA_BLOCK};

/* Windows on layers 0, 2, …; the 27B model has 46 layers. */
const heta_i_architecture HETA_I_GEMMA2 = {
    .name = "gemma2",
    COMMON,
    .window_period = 2,
    .wide_layers = 46,
    .needs = {"attention.sliding_window", "attn_logit_softcapping", "final_logit_softcapping"},
    .block = GEMMA2_BLOCK,
};

/* Windows on five layers of six; the 27B model has 62 layers. */
const heta_i_architecture HETA_I_GEMMA3 = {
    .name = "gemma3",
    COMMON,
    .window_period = 6,
    .local_rotary = true,
    .wide_layers = 62,
    .needs = {"attention.sliding_window"},
    .block = GEMMA3_BLOCK,
};
