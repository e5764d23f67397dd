/* architecture.c: the table of model families. */
#include "model/architecture.h"

#include <string.h>

/* x + attention(norm(x)), then x + down(silu(gate(norm(x))) * up(norm(x))).
 * GGUF files of this family store the rows of Q and K so that RoPE pairs are neighbours. */
static const heta_i_op LLAMA_BLOCK[] = {
    {HETA_OP_NORM,
     {HETA_SITE_RESIDUAL_BEFORE},
     HETA_SITE_NORM_ATTENTION,
     HETA_WIDTH_MODEL,
     "attn_norm",
     NULL},
    {HETA_OP_LINEAR, {HETA_SITE_NORM_ATTENTION}, HETA_SITE_QUERY, HETA_WIDTH_QUERY, "attn_q", NULL},
    {HETA_OP_LINEAR, {HETA_SITE_NORM_ATTENTION}, HETA_SITE_KEY, HETA_WIDTH_KEY, "attn_k", NULL},
    {HETA_OP_LINEAR, {HETA_SITE_NORM_ATTENTION}, HETA_SITE_VALUE, HETA_WIDTH_KEY, "attn_v", NULL},
    {HETA_OP_ROTARY, {HETA_SITE_QUERY}, HETA_SITE_QUERY_ROTATED, HETA_WIDTH_QUERY, NULL, NULL},
    {HETA_OP_ROTARY, {HETA_SITE_KEY}, HETA_SITE_KEY_ROTATED, HETA_WIDTH_KEY, NULL, NULL},
    {HETA_OP_ATTENTION,
     {HETA_SITE_QUERY_ROTATED, HETA_SITE_KEY_ROTATED, HETA_SITE_VALUE},
     HETA_SITE_MIX,
     HETA_WIDTH_QUERY,
     NULL,
     NULL},
    {HETA_OP_LINEAR,
     {HETA_SITE_MIX},
     HETA_SITE_ATTENTION_OUT,
     HETA_WIDTH_MODEL,
     "attn_output",
     NULL},
    {HETA_OP_ADD,
     {HETA_SITE_RESIDUAL_BEFORE, HETA_SITE_ATTENTION_OUT},
     HETA_SITE_RESIDUAL_MIDDLE,
     HETA_WIDTH_MODEL,
     NULL,
     NULL},
    {HETA_OP_NORM,
     {HETA_SITE_RESIDUAL_MIDDLE},
     HETA_SITE_NORM_MLP,
     HETA_WIDTH_MODEL,
     "ffn_norm",
     NULL},
    {HETA_OP_LINEAR,
     {HETA_SITE_NORM_MLP},
     HETA_SITE_GATE,
     HETA_WIDTH_FEED_FORWARD,
     "ffn_gate",
     NULL},
    {HETA_OP_LINEAR, {HETA_SITE_NORM_MLP}, HETA_SITE_UP, HETA_WIDTH_FEED_FORWARD, "ffn_up", NULL},
    {HETA_OP_GATED,
     {HETA_SITE_GATE, HETA_SITE_UP},
     HETA_SITE_ACTIVATION,
     HETA_WIDTH_FEED_FORWARD,
     NULL,
     NULL},
    {HETA_OP_LINEAR, {HETA_SITE_ACTIVATION}, HETA_SITE_MLP_OUT, HETA_WIDTH_MODEL, "ffn_down", NULL},
    {HETA_OP_ADD,
     {HETA_SITE_RESIDUAL_MIDDLE, HETA_SITE_MLP_OUT},
     HETA_SITE_RESIDUAL_AFTER,
     HETA_WIDTH_MODEL,
     NULL,
     NULL},
    {.out = HETA_SITE_NONE},
};

static const heta_i_op LLAMA_HEAD[] = {
    {HETA_OP_NORM,
     {HETA_SITE_RESIDUAL_AFTER},
     HETA_SITE_NORM_FINAL,
     HETA_WIDTH_MODEL,
     "output_norm",
     NULL},
    {HETA_OP_LINEAR,
     {HETA_SITE_NORM_FINAL},
     HETA_SITE_LOGITS,
     HETA_WIDTH_VOCABULARY,
     "output",
     "token_embd"},
    {.out = HETA_SITE_NONE},
};

static const heta_i_architecture TABLE[] = {
    {"llama", HETA_NORM_RMS, HETA_ACT_SILU, true, "attention.layer_norm_rms_epsilon", LLAMA_BLOCK,
     LLAMA_HEAD},
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
                                                     "rotated query",
                                                     "rotated key",
                                                     "mix",
                                                     "attention out",
                                                     "residual middle",
                                                     "MLP norm",
                                                     "gate",
                                                     "up",
                                                     "activation",
                                                     "MLP out",
                                                     "residual after",
                                                     "final norm",
                                                     "logits",
                                                     "attention probabilities"};
  return site < HETA_SITE_COUNT ? NAMES[site] : "unknown";
}
