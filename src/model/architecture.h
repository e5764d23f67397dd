/* architecture.h: what a model family is made of: a table of ops over named buffers. A new family
 * is a new entry in one of the family_*.c, not a new code path. */
#ifndef HETA_MODEL_ARCHITECTURE_H
#define HETA_MODEL_ARCHITECTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "format/file.h"

/* Named buffers: every value a block computes, one row per token. They are also the sites at which
 * a run can be observed or changed. Each is written once per block. */
typedef enum heta_i_site {
  HETA_SITE_NONE = 0,
  HETA_SITE_RESIDUAL_BEFORE, /* the residual stream entering the block (block 0: the embedding) */
  HETA_SITE_NORM_ATTENTION,
  HETA_SITE_QUERY, /* before its norm and RoPE */
  HETA_SITE_KEY,   /* before its norm and RoPE */
  HETA_SITE_VALUE,
  HETA_SITE_QUERY_NORM, /* every head normalised on its own, before RoPE */
  HETA_SITE_KEY_NORM,
  HETA_SITE_QUERY_ROTATED,
  HETA_SITE_KEY_ROTATED,
  HETA_SITE_MIX,                 /* attention-weighted values, heads side by side */
  HETA_SITE_ATTENTION_OUT,       /* after the output projection */
  HETA_SITE_POST_NORM_ATTENTION, /* the norm of what attention adds */
  HETA_SITE_RESIDUAL_MIDDLE,
  HETA_SITE_NORM_MLP,
  HETA_SITE_GATE,
  HETA_SITE_UP,
  HETA_SITE_ACTIVATION,
  HETA_SITE_MLP_OUT,
  HETA_SITE_POST_NORM_MLP, /* the norm of what the MLP adds */
  HETA_SITE_RESIDUAL_AFTER,
  HETA_SITE_NORM_FINAL,                        /* target rows only */
  HETA_SITE_LOGITS,                            /* target rows only */
  HETA_SITE_BUFFERS,                           /* number of buffers */
  HETA_SITE_PROBABILITIES = HETA_SITE_BUFFERS, /* attention probabilities: not a row buffer */
  HETA_SITE_COUNT
} heta_i_site;

typedef enum heta_i_op_kind {
  HETA_OP_NORM,       /* y = normalise(x) * weight (+ bias) */
  HETA_OP_HEAD_NORM,  /* the same for every head of the row on its own; weight [head_width] */
  HETA_OP_LINEAR,     /* y = x Wᵀ (+ bias) */
  HETA_OP_ROTARY,     /* y = RoPE(x, position), per head; a copy in layers that do not rotate */
  HETA_OP_ATTENTION,  /* y = softmax(cap(scale q kᵀ), causal, windowed) v, per head */
  HETA_OP_GATED,      /* y = act(a) * b */
  HETA_OP_ACTIVATION, /* y = act(x) */
  HETA_OP_ADD,        /* y = a + b */
  HETA_OP_SOFT_CAP,   /* head only, in place on the logits: y = c tanh(x / c), c = logit_cap */
  HETA_OP_KINDS
} heta_i_op_kind;

typedef enum heta_i_norm { HETA_NORM_RMS, HETA_NORM_LAYER } heta_i_norm;
typedef enum heta_i_activation {
  HETA_ACT_SILU,
  HETA_ACT_GELU_TANH,
  HETA_ACT_GELU, /* with the error function */
  HETA_ACT_RELU
} heta_i_activation;

/* Widths are written symbolically and resolved from the file's hyper-parameters. */
typedef enum heta_i_width {
  HETA_WIDTH_NONE,
  HETA_WIDTH_MODEL,
  HETA_WIDTH_QUERY,
  HETA_WIDTH_KEY,
  HETA_WIDTH_FEED_FORWARD,
  HETA_WIDTH_VOCABULARY
} heta_i_width;

typedef struct heta_i_op {
  heta_i_op_kind kind;
  heta_i_site in[3]; /* HETA_SITE_NONE ends the list */
  heta_i_site out;
  heta_i_width width;   /* of the output row */
  const char *weight;   /* "attn_q": tensor blk.N.attn_q.weight (head ops: attn_q.weight), and .bias
                           when the file has it; NULL: none */
  const char *fallback; /* tensor to use when `weight` is absent (a tied output head), or NULL */
  const char *fused;    /* tensor whose rows hold this matrix when `weight` is absent or NULL
                           ("attn_qkv"), below the rows of these widths; the same for the bias;
                           NULL: none. The widths of the ops that share it make up its rows. */
  heta_i_width skip[2]; /* HETA_WIDTH_NONE ends the list */
  bool biased;          /* a file without the bias is incomplete */
} heta_i_op;

/* Short forms for tables of ops: sites and widths without their prefix, a weight's name last, after
 * which further fields may be set: HETA_I_LINEAR(MIX, MLP_OUT, MODEL, "ffn_down"). */
#define HETA_I_NORM(from, to, ...)                                                                 \
  {                                                                                                \
    .kind = HETA_OP_NORM, .in = {HETA_SITE_##from}, .out = HETA_SITE_##to,                         \
    .width = HETA_WIDTH_MODEL, .weight = __VA_ARGS__                                               \
  }
#define HETA_I_HEAD_NORM(from, to, size, ...)                                                      \
  {                                                                                                \
    .kind = HETA_OP_HEAD_NORM, .in = {HETA_SITE_##from}, .out = HETA_SITE_##to,                    \
    .width = HETA_WIDTH_##size, .weight = __VA_ARGS__                                              \
  }
#define HETA_I_LINEAR(from, to, size, ...)                                                         \
  {                                                                                                \
    .kind = HETA_OP_LINEAR, .in = {HETA_SITE_##from}, .out = HETA_SITE_##to,                       \
    .width = HETA_WIDTH_##size, .weight = __VA_ARGS__                                              \
  }
#define HETA_I_ROTARY(from, to, size)                                                              \
  {                                                                                                \
    .kind = HETA_OP_ROTARY, .in = {HETA_SITE_##from}, .out = HETA_SITE_##to,                       \
    .width = HETA_WIDTH_##size                                                                     \
  }
#define HETA_I_ATTENTION(query, key)                                                               \
  {                                                                                                \
    .kind = HETA_OP_ATTENTION, .in = {HETA_SITE_##query, HETA_SITE_##key, HETA_SITE_VALUE},        \
    .out = HETA_SITE_MIX, .width = HETA_WIDTH_QUERY                                                \
  }
#define HETA_I_GATED()                                                                             \
  {                                                                                                \
    .kind = HETA_OP_GATED, .in = {HETA_SITE_GATE, HETA_SITE_UP}, .out = HETA_SITE_ACTIVATION,      \
    .width = HETA_WIDTH_FEED_FORWARD                                                               \
  }
#define HETA_I_ACTIVATION()                                                                        \
  {                                                                                                \
    .kind = HETA_OP_ACTIVATION, .in = {HETA_SITE_UP}, .out = HETA_SITE_ACTIVATION,                 \
    .width = HETA_WIDTH_FEED_FORWARD                                                               \
  }
#define HETA_I_ADD(a, b, to)                                                                       \
  {                                                                                                \
    .kind = HETA_OP_ADD, .in = {HETA_SITE_##a, HETA_SITE_##b}, .out = HETA_SITE_##to,              \
    .width = HETA_WIDTH_MODEL                                                                      \
  }
#define HETA_I_SOFT_CAP()                                                                          \
  {                                                                                                \
    .kind = HETA_OP_SOFT_CAP, .in = {HETA_SITE_LOGITS}, .out = HETA_SITE_LOGITS,                   \
    .width = HETA_WIDTH_VOCABULARY                                                                 \
  }
#define HETA_I_END                                                                                 \
  { .out = HETA_SITE_NONE }

enum { HETA_MAX_OPS = 24 };

typedef struct heta_i_architecture {
  const char *name; /* general.architecture */
  const char *when; /* a yes/no metadata key, behind the name, that chooses among entries of one */
  bool is;          /* name: this entry when its value is `is`; NULL: always */
  heta_i_norm norm;
  heta_i_activation activation;
  bool rotary_interleaved; /* pairs (2i, 2i+1); else (i, i + dims/2) */
  bool learned_positions;  /* a row of position_embd.weight is added to each embedding */
  size_t position_offset;  /* position p adds row p + position_offset */
  bool scaled_embedding;   /* embeddings are multiplied by sqrt(width) */
  size_t window_period; /* each such layer (the last of every window_period) has no window, when the
                           file gives one; 0: every layer has it */
  bool local_rotary;    /* layers with a window rotate by a base of their own */
  size_t unrotated_period; /* the last layer of every unrotated_period does not rotate; 0: all do */
  size_t wide_layers;   /* a file with this many layers scales attention by sqrt(width / heads), not
                           sqrt(head_width), without saying so; 0: none does */
  const char *needs[4]; /* further metadata, behind the name, without which the arithmetic is not
                           known; NULL ends the list */
  const char *epsilon_key; /* "attention.layer_norm_rms_epsilon", behind the name */
  const heta_i_op *block;  /* ends with .out == HETA_SITE_NONE */
  const heta_i_op *head;   /* from HETA_SITE_RESIDUAL_AFTER of the last block to the logits */
} heta_i_architecture;

/* The entry for a file, by its general.architecture and, where a name has several entries, by their
 * metadata. Errors: HETA_E_FORMAT (metadata is missing), HETA_E_UNSUPPORTED (not in the table). */
heta_status heta_i_architecture_choose(const heta_i_file *file, const heta_i_architecture **out,
                                       heta_error *error);
/* "llama, …": the names in the table, for messages. Static. */
const char *heta_i_architecture_names(void);
const char *heta_i_site_name(heta_i_site site);

#endif
