/* hf_family.c: the table of families that come as Hugging Face folders. */
#include "model/hf_family.h"

#include <string.h>

/* Short forms for the tables below: lengths without their prefix, bias and layout last. */
#define VECTOR(from, to, rows, ...)                                                                \
  { from, to, HETA_HF_##rows, HETA_HF_NONE, __VA_ARGS__ }
#define MATRIX(from, to, rows, columns, ...)                                                       \
  { from, to, HETA_HF_##rows, HETA_HF_##columns, __VA_ARGS__ }
#define PLAIN(bias) HETA_HF_##bias, HETA_HF_PLAIN
#define LAID(bias, layout) HETA_HF_##bias, HETA_HF_##layout
#define END                                                                                        \
  { .from = NULL }

/* ---- Tensors: RMS norms, gated MLP ----------------------------------------------------------- */

#define ENDS(norm_layout)                                                                          \
  MATRIX("embed_tokens", "token_embd", VOCABULARY, WIDTH, PLAIN(NO_BIAS)),                         \
      MATRIX("lm_head", "output", VOCABULARY, WIDTH, PLAIN(NO_BIAS)),                              \
      VECTOR("norm", "output_norm", WIDTH, LAID(NO_BIAS, norm_layout))

#define GATED_MLP(bias)                                                                            \
  MATRIX("layers.#.mlp.gate_proj", "blk.#.ffn_gate", FEED_FORWARD, WIDTH, PLAIN(bias)),            \
      MATRIX("layers.#.mlp.up_proj", "blk.#.ffn_up", FEED_FORWARD, WIDTH, PLAIN(bias)),            \
      MATRIX("layers.#.mlp.down_proj", "blk.#.ffn_down", WIDTH, FEED_FORWARD, PLAIN(bias))

#define ATTENTION(bias, query_layout, key_layout, out_bias)                                        \
  MATRIX("layers.#.self_attn.q_proj", "blk.#.attn_q", QUERY, WIDTH, LAID(bias, query_layout)),     \
      MATRIX("layers.#.self_attn.k_proj", "blk.#.attn_k", KEY, WIDTH, LAID(bias, key_layout)),     \
      MATRIX("layers.#.self_attn.v_proj", "blk.#.attn_v", KEY, WIDTH, PLAIN(bias)),                \
      MATRIX("layers.#.self_attn.o_proj", "blk.#.attn_output", WIDTH, QUERY, PLAIN(out_bias))

#define NORMS                                                                                      \
  VECTOR("layers.#.input_layernorm", "blk.#.attn_norm", WIDTH, PLAIN(NO_BIAS)),                    \
      VECTOR("layers.#.post_attention_layernorm", "blk.#.ffn_norm", WIDTH, PLAIN(NO_BIAS))

#define HEAD_NORMS(layout)                                                                         \
  VECTOR("layers.#.self_attn.q_norm", "blk.#.attn_q_norm", HEAD, LAID(NO_BIAS, layout)),           \
      VECTOR("layers.#.self_attn.k_norm", "blk.#.attn_k_norm", HEAD, LAID(NO_BIAS, layout))

static const heta_i_hf_tensor LLAMA[] = {
    ENDS(PLAIN),         NORMS, ATTENTION(ATTENTION_BIAS, PAIRED_QUERY, PAIRED_KEY, ATTENTION_BIAS),
    GATED_MLP(MLP_BIAS), END,
};

static const heta_i_hf_tensor QWEN2[] = {
    ENDS(PLAIN), NORMS, ATTENTION(BIAS, PLAIN, PLAIN, NO_BIAS), GATED_MLP(NO_BIAS), END,
};

static const heta_i_hf_tensor QWEN3[] = {
    ENDS(PLAIN),
    NORMS,
    ATTENTION(ATTENTION_BIAS, PLAIN, PLAIN, ATTENTION_BIAS),
    HEAD_NORMS(PLAIN),
    GATED_MLP(NO_BIAS),
    END,
};

static const heta_i_hf_tensor PHI3[] = {
    ENDS(PLAIN),
    NORMS,
    MATRIX("layers.#.self_attn.qkv_proj", "blk.#.attn_qkv", QKV, WIDTH, PLAIN(NO_BIAS)),
    MATRIX("layers.#.self_attn.o_proj", "blk.#.attn_output", WIDTH, QUERY, PLAIN(NO_BIAS)),
    MATRIX("layers.#.mlp.gate_up_proj", "blk.#.ffn_up", TWICE_FEED_FORWARD, WIDTH, PLAIN(NO_BIAS)),
    MATRIX("layers.#.mlp.down_proj", "blk.#.ffn_down", WIDTH, FEED_FORWARD, PLAIN(NO_BIAS)),
    END,
};

static const heta_i_hf_tensor GEMMA[] = {
    ENDS(LESS_ONE),
    VECTOR("layers.#.input_layernorm", "blk.#.attn_norm", WIDTH, LAID(NO_BIAS, LESS_ONE)),
    VECTOR("layers.#.post_attention_layernorm", "blk.#.ffn_norm", WIDTH, LAID(NO_BIAS, LESS_ONE)),
    ATTENTION(ATTENTION_BIAS, PLAIN, PLAIN, ATTENTION_BIAS),
    GATED_MLP(NO_BIAS),
    END,
};

#define FOUR_NORMS                                                                                 \
  VECTOR("layers.#.input_layernorm", "blk.#.attn_norm", WIDTH, LAID(NO_BIAS, LESS_ONE)),           \
      VECTOR("layers.#.post_attention_layernorm", "blk.#.post_attention_norm", WIDTH,              \
             LAID(NO_BIAS, LESS_ONE)),                                                             \
      VECTOR("layers.#.pre_feedforward_layernorm", "blk.#.ffn_norm", WIDTH,                        \
             LAID(NO_BIAS, LESS_ONE)),                                                             \
      VECTOR("layers.#.post_feedforward_layernorm", "blk.#.post_ffw_norm", WIDTH,                  \
             LAID(NO_BIAS, LESS_ONE))

static const heta_i_hf_tensor GEMMA2[] = {
    ENDS(LESS_ONE),     FOUR_NORMS, ATTENTION(ATTENTION_BIAS, PLAIN, PLAIN, ATTENTION_BIAS),
    GATED_MLP(NO_BIAS), END,
};

static const heta_i_hf_tensor GEMMA3[] = {
    ENDS(LESS_ONE),
    FOUR_NORMS,
    ATTENTION(ATTENTION_BIAS, PLAIN, PLAIN, ATTENTION_BIAS),
    HEAD_NORMS(LESS_ONE),
    GATED_MLP(NO_BIAS),
    END,
};

/* ---- Tensors: layer norms, plain MLP --------------------------------------------------------- */

static const heta_i_hf_tensor GPT2[] = {
    MATRIX("wte", "token_embd", VOCABULARY, WIDTH, PLAIN(NO_BIAS)),
    MATRIX("lm_head", "output", VOCABULARY, WIDTH, PLAIN(NO_BIAS)),
    MATRIX("wpe", "position_embd", POSITIONS, WIDTH, PLAIN(NO_BIAS)),
    VECTOR("ln_f", "output_norm", WIDTH, PLAIN(BIAS)),
    VECTOR("h.#.ln_1", "blk.#.attn_norm", WIDTH, PLAIN(BIAS)),
    MATRIX("h.#.attn.c_attn", "blk.#.attn_qkv", QKV, WIDTH, LAID(BIAS, TRANSPOSED)),
    MATRIX("h.#.attn.c_proj", "blk.#.attn_output", WIDTH, QUERY, LAID(BIAS, TRANSPOSED)),
    VECTOR("h.#.ln_2", "blk.#.ffn_norm", WIDTH, PLAIN(BIAS)),
    MATRIX("h.#.mlp.c_fc", "blk.#.ffn_up", FEED_FORWARD, WIDTH, LAID(BIAS, TRANSPOSED)),
    MATRIX("h.#.mlp.c_proj", "blk.#.ffn_down", WIDTH, FEED_FORWARD, LAID(BIAS, TRANSPOSED)),
    END,
};

static const heta_i_hf_tensor GPTJ[] = {
    MATRIX("wte", "token_embd", VOCABULARY, WIDTH, PLAIN(NO_BIAS)),
    MATRIX("lm_head", "output", VOCABULARY, WIDTH, PLAIN(BIAS)),
    VECTOR("ln_f", "output_norm", WIDTH, PLAIN(BIAS)),
    VECTOR("h.#.ln_1", "blk.#.attn_norm", WIDTH, PLAIN(BIAS)),
    MATRIX("h.#.attn.q_proj", "blk.#.attn_q", QUERY, WIDTH, PLAIN(NO_BIAS)),
    MATRIX("h.#.attn.k_proj", "blk.#.attn_k", KEY, WIDTH, PLAIN(NO_BIAS)),
    MATRIX("h.#.attn.v_proj", "blk.#.attn_v", KEY, WIDTH, PLAIN(NO_BIAS)),
    MATRIX("h.#.attn.out_proj", "blk.#.attn_output", WIDTH, QUERY, PLAIN(NO_BIAS)),
    MATRIX("h.#.mlp.fc_in", "blk.#.ffn_up", FEED_FORWARD, WIDTH, PLAIN(BIAS)),
    MATRIX("h.#.mlp.fc_out", "blk.#.ffn_down", WIDTH, FEED_FORWARD, PLAIN(BIAS)),
    END,
};

#define NEOX_PART(to, rows, layout)                                                                \
  MATRIX("layers.#.attention.query_key_value", to, rows, WIDTH, LAID(BIAS, layout))

static const heta_i_hf_tensor GPT_NEOX[] = {
    MATRIX("embed_in", "token_embd", VOCABULARY, WIDTH, PLAIN(NO_BIAS)),
    MATRIX("embed_out", "output", VOCABULARY, WIDTH, PLAIN(NO_BIAS)),
    VECTOR("final_layer_norm", "output_norm", WIDTH, PLAIN(BIAS)),
    VECTOR("layers.#.input_layernorm", "blk.#.attn_norm", WIDTH, PLAIN(BIAS)),
    NEOX_PART("blk.#.attn_q", QUERY, HEADS_QUERY),
    NEOX_PART("blk.#.attn_k", KEY, HEADS_KEY),
    NEOX_PART("blk.#.attn_v", KEY, HEADS_VALUE),
    MATRIX("layers.#.attention.dense", "blk.#.attn_output", WIDTH, QUERY, PLAIN(BIAS)),
    VECTOR("layers.#.post_attention_layernorm", "blk.#.ffn_norm", WIDTH, PLAIN(BIAS)),
    MATRIX("layers.#.mlp.dense_h_to_4h", "blk.#.ffn_up", FEED_FORWARD, WIDTH, PLAIN(BIAS)),
    MATRIX("layers.#.mlp.dense_4h_to_h", "blk.#.ffn_down", WIDTH, FEED_FORWARD, PLAIN(BIAS)),
    END,
};

static const heta_i_hf_tensor OPT[] = {
    MATRIX("embed_tokens", "token_embd", VOCABULARY, WIDTH, PLAIN(NO_BIAS)),
    MATRIX("lm_head", "output", VOCABULARY, WIDTH, PLAIN(NO_BIAS)),
    MATRIX("embed_positions", "position_embd", POSITIONS, WIDTH, PLAIN(NO_BIAS)),
    VECTOR("final_layer_norm", "output_norm", WIDTH, PLAIN(BIAS)),
    VECTOR("layers.#.self_attn_layer_norm", "blk.#.attn_norm", WIDTH, PLAIN(BIAS)),
    MATRIX("layers.#.self_attn.q_proj", "blk.#.attn_q", QUERY, WIDTH, PLAIN(BIAS)),
    MATRIX("layers.#.self_attn.k_proj", "blk.#.attn_k", KEY, WIDTH, PLAIN(BIAS)),
    MATRIX("layers.#.self_attn.v_proj", "blk.#.attn_v", KEY, WIDTH, PLAIN(BIAS)),
    MATRIX("layers.#.self_attn.out_proj", "blk.#.attn_output", WIDTH, QUERY, PLAIN(BIAS)),
    VECTOR("layers.#.final_layer_norm", "blk.#.ffn_norm", WIDTH, PLAIN(BIAS)),
    MATRIX("layers.#.fc1", "blk.#.ffn_up", FEED_FORWARD, WIDTH, PLAIN(BIAS)),
    MATRIX("layers.#.fc2", "blk.#.ffn_down", WIDTH, FEED_FORWARD, PLAIN(BIAS)),
    END,
};

static const heta_i_hf_tensor PHI[] = {
    MATRIX("embed_tokens", "token_embd", VOCABULARY, WIDTH, PLAIN(NO_BIAS)),
    MATRIX("lm_head", "output", VOCABULARY, WIDTH, PLAIN(BIAS)),
    VECTOR("final_layernorm", "output_norm", WIDTH, PLAIN(BIAS)),
    VECTOR("layers.#.input_layernorm", "blk.#.attn_norm", WIDTH, PLAIN(BIAS)),
    MATRIX("layers.#.self_attn.q_proj", "blk.#.attn_q", QUERY, WIDTH, PLAIN(BIAS)),
    MATRIX("layers.#.self_attn.k_proj", "blk.#.attn_k", KEY, WIDTH, PLAIN(BIAS)),
    MATRIX("layers.#.self_attn.v_proj", "blk.#.attn_v", KEY, WIDTH, PLAIN(BIAS)),
    MATRIX("layers.#.self_attn.dense", "blk.#.attn_output", WIDTH, QUERY, PLAIN(BIAS)),
    MATRIX("layers.#.mlp.fc1", "blk.#.ffn_up", FEED_FORWARD, WIDTH, PLAIN(BIAS)),
    MATRIX("layers.#.mlp.fc2", "blk.#.ffn_down", WIDTH, FEED_FORWARD, PLAIN(BIAS)),
    END,
};

/* ---- Families -------------------------------------------------------------------------------- */

#define RMS_EPSILON .epsilon = 1e-6, .epsilon_key = "attention.layer_norm_rms_epsilon"
#define LAYER_EPSILON .epsilon = 1e-5, .epsilon_key = "attention.layer_norm_epsilon"

#define USUAL_KEYS                                                                                 \
  .keys = {"num_hidden_layers",       "hidden_size", "num_attention_heads",                        \
           "num_key_value_heads",     "head_dim",    "intermediate_size",                          \
           "max_position_embeddings", "rms_norm_eps"}
#define ROPE(base, ...)                                                                            \
  .rope = {.theta_key = "rope_theta",                                                              \
           .theta = base,                                                                          \
           .partial_key = "partial_rotary_factor",                                                 \
           __VA_ARGS__}
#define USUAL_ROPE ROPE(10000, .local = false)
#define USUAL_NAMES(table) .tensors = table, .prefixes = {"model.", ""}
#define WORDS(name, ...)                                                                           \
  {                                                                                                \
    .key = name, .words = { __VA_ARGS__ }                                                          \
  }
#define SILU WORDS("hidden_act", "silu", "swish")
#define TANH_GELU(name) WORDS(name, "gelu_new", "gelu_pytorch_tanh")
#define CAUSAL                                                                                     \
  { .key = "use_bidirectional_attention", .flag = false }
#define INVERSE_FREQUENCIES ".rotary_emb.inv_freq"

#define GPT_KEYS                                                                                   \
  .keys = {.layers = "n_layer",                                                                    \
           .width = "n_embd",                                                                      \
           .heads = "n_head",                                                                      \
           .feed_forward = "n_inner",                                                              \
           .context = "n_positions",                                                               \
           .epsilon = "layer_norm_epsilon"},                                                       \
  .four_times = true, .prefixes = {"transformer.", ""},                                            \
  .ignored_endings = {".attn.bias", ".attn.masked_bias"}

/* Gemma's first files say "gelu" and mean the one by tanh; transformers reads them so. */
#define GEMMA_GELU                                                                                 \
  WORDS("hidden_act", "gelu_pytorch_tanh", "gelu", "gelu_new"), TANH_GELU("hidden_activation")

static const heta_i_hf_family TABLE[] = {
    {.model_type = "gpt2",
     .architecture = "gpt2",
     GPT_KEYS,
     LAYER_EPSILON,
     .fallback = {.tied = true},
     .demands = {TANH_GELU("activation_function"),
                 {.key = "scale_attn_weights", .flag = true},
                 {.key = "scale_attn_by_inverse_layer_idx", .flag = false},
                 {.key = "add_cross_attention", .flag = false}},
     .tensors = GPT2},
    {.model_type = "gptj",
     .architecture = "gptj",
     GPT_KEYS,
     LAYER_EPSILON,
     .rope = {.theta_key = "rope_theta", .theta = 10000, .dims_key = "rotary_dim"},
     .demands = {TANH_GELU("activation_function")},
     .tensors = GPTJ},
    {.model_type = "gpt_neox",
     .architecture = "gptneox",
     .keys = {.layers = "num_hidden_layers",
              .width = "hidden_size",
              .heads = "num_attention_heads",
              .feed_forward = "intermediate_size",
              .context = "max_position_embeddings",
              .epsilon = "layer_norm_eps"},
     LAYER_EPSILON,
     .parallel = true,
     .rope = {.theta_key = "rotary_emb_base",
              .theta = 10000,
              .partial_key = "rotary_pct",
              .partial = 0.25},
     .demands = {WORDS("hidden_act", "gelu"), {.key = "attention_bias", .flag = true}},
     .tensors = GPT_NEOX,
     .other_head = "lm_head",
     .prefixes = {"gpt_neox.", ""},
     .ignored_endings = {".attention.bias", ".attention.masked_bias", INVERSE_FREQUENCIES}},
    {.model_type = "opt",
     .architecture = "opt",
     .keys = {.layers = "num_hidden_layers",
              .width = "hidden_size",
              .heads = "num_attention_heads",
              .feed_forward = "ffn_dim",
              .context = "max_position_embeddings"},
     LAYER_EPSILON,
     .position_offset = 2,
     .fallback = {.tied = true},
     .demands = {WORDS("activation_function", "relu"),
                 {.key = "do_layer_norm_before", .flag = true},
                 {.key = "_remove_final_layer_norm", .flag = false},
                 {.key = "layer_norm_elementwise_affine", .flag = true},
                 {.key = "enable_bias", .flag = true}},
     .tensors = OPT,
     .prefixes = {"model.decoder.", "decoder.", ""}},
    {.model_type = "llama",
     .architecture = "llama",
     USUAL_KEYS,
     RMS_EPSILON,
     USUAL_ROPE,
     .demands = {SILU},
     USUAL_NAMES(LLAMA),
     .ignored_endings = {INVERSE_FREQUENCIES}},
    {.model_type = "mistral",
     .architecture = "llama",
     USUAL_KEYS,
     RMS_EPSILON,
     USUAL_ROPE,
     .fallback = {.kv_heads = 8},
     .window = HETA_HF_EVERY_LAYER,
     .window_size = 4096,
     .demands = {SILU,
                 {.key = "attention_bias", .flag = false},
                 {.key = "mlp_bias", .flag = false}},
     USUAL_NAMES(LLAMA),
     .ignored_endings = {INVERSE_FREQUENCIES}},
    {.model_type = "smollm3",
     .architecture = "smollm3",
     USUAL_KEYS,
     RMS_EPSILON,
     ROPE(2000000, .local = false),
     .fallback = {.kv_heads = 4, .tied = true},
     .unrotated_period = 4,
     .demands = {SILU},
     USUAL_NAMES(LLAMA)},
    {.model_type = "qwen2",
     .architecture = "qwen2",
     USUAL_KEYS,
     RMS_EPSILON,
     USUAL_ROPE,
     .fallback = {.kv_heads = 32},
     .demands = {SILU},
     USUAL_NAMES(QWEN2),
     .ignored_endings = {INVERSE_FREQUENCIES}},
    {.model_type = "qwen3",
     .architecture = "qwen3",
     USUAL_KEYS,
     RMS_EPSILON,
     USUAL_ROPE,
     .fallback = {.kv_heads = 32, .head_width = 128},
     .demands = {SILU},
     USUAL_NAMES(QWEN3)},
    {.model_type = "phi",
     .architecture = "phi2",
     .keys = {"num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads",
              "head_dim", "intermediate_size", "max_position_embeddings", "layer_norm_eps"},
     LAYER_EPSILON,
     ROPE(10000, .partial = 0.5),
     .demands = {TANH_GELU("hidden_act"), {.key = "qk_layernorm", .flag = false}},
     USUAL_NAMES(PHI),
     .ignored_endings = {INVERSE_FREQUENCIES}},
    {.model_type = "phi3",
     .architecture = "phi3",
     USUAL_KEYS,
     .epsilon = 1e-5,
     .epsilon_key = "attention.layer_norm_rms_epsilon",
     ROPE(10000, .longer = true),
     .window = HETA_HF_EVERY_LAYER,
     .demands = {SILU, {.key = "attention_bias", .flag = false}},
     USUAL_NAMES(PHI3),
     .ignored_endings = {INVERSE_FREQUENCIES}},
    {.model_type = "gemma",
     .architecture = "gemma",
     USUAL_KEYS,
     RMS_EPSILON,
     USUAL_ROPE,
     .fallback = {.kv_heads = 16, .head_width = 256, .tied = true},
     .demands = {GEMMA_GELU, CAUSAL},
     USUAL_NAMES(GEMMA),
     .ignored_endings = {INVERSE_FREQUENCIES}},
    {.model_type = "gemma2",
     .architecture = "gemma2",
     USUAL_KEYS,
     RMS_EPSILON,
     USUAL_ROPE,
     .fallback = {.kv_heads = 4, .head_width = 256, .tied = true},
     .scaled_query = true,
     .attention_cap = 50,
     .logit_cap = 30,
     .window = HETA_HF_EVERY_SECOND,
     .window_size = 4096,
     .demands = {GEMMA_GELU, CAUSAL},
     USUAL_NAMES(GEMMA2),
     .ignored_endings = {INVERSE_FREQUENCIES}},
    {.model_type = "gemma3_text",
     .architecture = "gemma3",
     USUAL_KEYS,
     RMS_EPSILON,
     ROPE(1000000, .local = true),
     .fallback = {.layers = 26,
                  .width = 2304,
                  .heads = 8,
                  .kv_heads = 4,
                  .head_width = 256,
                  .feed_forward = 9216,
                  .vocabulary = 262208,
                  .context = 131072,
                  .tied = true},
     .scaled_query = true,
     .window = HETA_HF_FIVE_OUT_OF_SIX,
     .window_size = 4096,
     .demands = {TANH_GELU("hidden_activation"), CAUSAL},
     .tensors = GEMMA3,
     .prefixes = {"model.", "language_model.model.", "model.language_model.", ""},
     .ignored_beginnings = {"vision_tower.", "multi_modal_projector.", "model.vision_tower.",
                            "model.multi_modal_projector."}},
};

const heta_i_hf_family *heta_i_hf_family_find(const char *model_type) {
  for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++)
    if (!strcmp(TABLE[i].model_type, model_type)) return &TABLE[i];
  return NULL;
}

const char *heta_i_hf_family_names(void) {
  return "gpt2, gptj, gpt_neox, opt, llama, mistral, smollm3, qwen2, qwen3, phi, phi3, gemma, "
         "gemma2, gemma3, gemma3_text";
}
