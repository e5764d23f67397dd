/* hf_family.h: the families of models that come as Hugging Face folders: what their config.json
 * calls things, which tensors they have, and what each is in a GGUF file. */
#ifndef HETA_MODEL_HF_FAMILY_H
#define HETA_MODEL_HF_FAMILY_H

#include "model/hf_config.h"

/* Lengths of tensors, from config.json. */
typedef enum heta_i_hf_length {
  HETA_HF_NONE, /* no such dimension: a vector */
  HETA_HF_WIDTH,
  HETA_HF_QUERY, /* heads × head width */
  HETA_HF_KEY,   /* key/value heads × head width */
  HETA_HF_QKV,   /* query, key and value below each other */
  HETA_HF_HEAD,
  HETA_HF_FEED_FORWARD,
  HETA_HF_TWICE_FEED_FORWARD,
  HETA_HF_VOCABULARY,
  HETA_HF_POSITIONS
} heta_i_hf_length;

/* How the tensor's rows lie in the folder's file. */
typedef enum heta_i_hf_layout {
  HETA_HF_PLAIN,
  HETA_HF_PAIRED_QUERY, /* the two rows that rotate together are half a head apart; GGUF has them */
  HETA_HF_PAIRED_KEY,   /* side by side */
  HETA_HF_TRANSPOSED,   /* the matrix is stored [columns × rows] */
  HETA_HF_HEADS_QUERY,  /* one tensor has query, key and value head after head; */
  HETA_HF_HEADS_KEY,    /* `rows` are those of one of the three */
  HETA_HF_HEADS_VALUE,
  HETA_HF_LESS_ONE /* stored without the one that is added to it */
} heta_i_hf_layout;

typedef enum heta_i_hf_bias {
  HETA_HF_NO_BIAS,
  HETA_HF_BIAS,
  HETA_HF_ATTENTION_BIAS, /* if config.json says "attention_bias" */
  HETA_HF_MLP_BIAS        /* if it says "mlp_bias" */
} heta_i_hf_bias;

/* A matrix [rows × columns] or vector [rows] and its bias: FROM.weight and FROM.bias become
 * TO.weight and TO.bias. '#' in both stands for the number of a layer. */
typedef struct heta_i_hf_tensor {
  const char *from, *to;
  heta_i_hf_length rows, columns;
  heta_i_hf_bias bias;
  heta_i_hf_layout layout;
} heta_i_hf_tensor;

/* Sizes as config.json gives them. */
typedef struct heta_i_hf_sizes {
  size_t layers, width, heads, kv_heads, head_width, feed_forward, vocabulary, context;
  size_t positions; /* rows of the table of learned positions */
  bool tied;        /* the output head is the token embedding */
  bool attention_bias, mlp_bias;
} heta_i_hf_sizes;

/* A key whose value must be one of these texts, or this flag, or absent: anything else changes what
 * the model computes. */
typedef struct heta_i_hf_demand {
  const char *key;
  const char *words[4]; /* accepted; an empty list: a flag */
  bool flag;            /* the flag's accepted value */
} heta_i_hf_demand;

/* Where a family says how its positions rotate. */
typedef struct heta_i_hf_rope {
  const char *theta_key;   /* beside rope_parameters, in older files; NULL: it does not rotate */
  double theta;            /* when no key says it */
  const char *partial_key; /* the part of each head that rotates, or NULL: all */
  double partial;          /* when no key says it; 0: all */
  const char *dims_key;    /* its width instead (GPT-J), or NULL */
  bool local;              /* layers with a window have a table of their own (Gemma 3) */
  bool longer;             /* may have factors for texts beyond the original context (Phi-3) */
} heta_i_hf_rope;

/* Which layers see a window only. */
typedef enum heta_i_hf_window {
  HETA_HF_NO_WINDOW,      /* none: files that say otherwise are refused */
  HETA_HF_EVERY_LAYER,    /* all, when there is a window */
  HETA_HF_EVERY_SECOND,   /* the 1st, 3rd, … (Gemma 2) */
  HETA_HF_FIVE_OUT_OF_SIX /* all but each 6th (Gemma 3) */
} heta_i_hf_window;

typedef struct heta_i_hf_family {
  const char *model_type;   /* of config.json */
  const char *architecture; /* of GGUF */
  /* What config.json calls the sizes, and which of them it may leave out (0: must be there). The
   * head width is width / heads unless it says otherwise; NULL: it cannot say otherwise. */
  struct {
    const char *layers, *width, *heads, *kv_heads, *head_width, *feed_forward, *context, *epsilon;
  } keys;
  heta_i_hf_sizes fallback;
  double epsilon;                  /* when no key says it */
  const char *epsilon_key;         /* GGUF's, behind the architecture */
  size_t position_offset;          /* rows of the table of positions that stand for none */
  bool four_times;                 /* feed_forward, when absent, is 4 × width */
  bool scaled_query;               /* query_pre_attn_scalar scales attention; caps may be given, */
  double attention_cap, logit_cap; /* which are these when they are absent (null: 0, none) */
  bool parallel;                   /* has use_parallel_residual */
  size_t unrotated_period;         /* each so many layers one does not rotate; 0: all do */
  heta_i_hf_window window;
  size_t window_size; /* when sliding_window is absent (null: none); 0: none */
  heta_i_hf_rope rope;
  heta_i_hf_demand demands[6];
  /* Before the names of the body's tensors, in the order they are tried; NULL ends. */
  const char *prefixes[5];
  const heta_i_hf_tensor *tensors; /* .from == NULL ends; the first is the token embedding, the
                                      second the output head */
  const char *other_head;          /* another name of the output head, or NULL */
  /* Tensors that play no part: endings of names that hold no weights, and beginnings of the names
   * of another model's. */
  const char *ignored_endings[4], *ignored_beginnings[5];
} heta_i_hf_family;

/* NULL when it is not in the table. */
const heta_i_hf_family *heta_i_hf_family_find(const char *model_type);
/* "gpt2, gptj, …", for messages. Static. */
const char *heta_i_hf_family_names(void);

#endif
