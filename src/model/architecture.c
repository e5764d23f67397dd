/* architecture.c: the table of model families. */
#include "model/architecture.h"

#include <string.h>

/* x + attention(norm(x)), then x + down(silu(gate(norm(x))) * up(norm(x))).
 * GGUF files of this family store the rows of Q and K so that RoPE pairs are neighbours. */
static const heta_i_op LLAMA_BLOCK[] = {
    HETA_I_NORM(RESIDUAL_BEFORE, NORM_ATTENTION, "attn_norm"),
    HETA_I_LINEAR(NORM_ATTENTION, QUERY, QUERY, "attn_q"),
    HETA_I_LINEAR(NORM_ATTENTION, KEY, KEY, "attn_k"),
    HETA_I_LINEAR(NORM_ATTENTION, VALUE, KEY, "attn_v"),
    HETA_I_ROTARY(QUERY, QUERY_ROTATED, QUERY),
    HETA_I_ROTARY(KEY, KEY_ROTATED, KEY),
    HETA_I_ATTENTION(QUERY_ROTATED, KEY_ROTATED),
    HETA_I_LINEAR(MIX, ATTENTION_OUT, MODEL, "attn_output"),
    HETA_I_ADD(RESIDUAL_BEFORE, ATTENTION_OUT, RESIDUAL_MIDDLE),
    HETA_I_NORM(RESIDUAL_MIDDLE, NORM_MLP, "ffn_norm"),
    HETA_I_LINEAR(NORM_MLP, GATE, FEED_FORWARD, "ffn_gate"),
    HETA_I_LINEAR(NORM_MLP, UP, FEED_FORWARD, "ffn_up"),
    HETA_I_GATED(),
    HETA_I_LINEAR(ACTIVATION, MLP_OUT, MODEL, "ffn_down"),
    HETA_I_ADD(RESIDUAL_MIDDLE, MLP_OUT, RESIDUAL_AFTER),
    HETA_I_END,
};

static const heta_i_op LLAMA_HEAD[] = {
    HETA_I_NORM(RESIDUAL_AFTER, NORM_FINAL, "output_norm"),
    HETA_I_LINEAR(NORM_FINAL, LOGITS, VOCABULARY, "output", .fallback = "token_embd"),
    HETA_I_END,
};

static const heta_i_architecture TABLE[] = {
    {.name = "llama",
     .norm = HETA_NORM_RMS,
     .activation = HETA_ACT_SILU,
     .rotary_interleaved = true,
     .epsilon_key = "attention.layer_norm_rms_epsilon",
     .block = LLAMA_BLOCK,
     .head = LLAMA_HEAD},
};

const heta_i_architecture *heta_i_architecture_find(const char *name) {
  for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++)
    if (!strcmp(TABLE[i].name, name)) return &TABLE[i];
  return NULL;
}

const char *heta_i_architecture_names(void) { return "llama"; }

const char *heta_i_site_name(heta_i_site site) {
  static const char *const NAMES[HETA_SITE_COUNT] = {"none",
                                                     "residual before",
                                                     "attention norm",
                                                     "query",
                                                     "key",
                                                     "value",
                                                     "query norm",
                                                     "key norm",
                                                     "rotated query",
                                                     "rotated key",
                                                     "mix",
                                                     "attention out",
                                                     "attention post-norm",
                                                     "residual middle",
                                                     "MLP norm",
                                                     "gate",
                                                     "up",
                                                     "activation",
                                                     "MLP out",
                                                     "MLP post-norm",
                                                     "residual after",
                                                     "final norm",
                                                     "logits",
                                                     "attention probabilities"};
  return site < HETA_SITE_COUNT ? NAMES[site] : "unknown";
}
