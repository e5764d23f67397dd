/* model.h: an open model: hyper-parameters, program and weights, ready for the engine. */
#ifndef HETA_MODEL_MODEL_H
#define HETA_MODEL_MODEL_H

#include "format/file.h"
#include "model/architecture.h"
#include "model/kept.h"
#include "text/tokenizer.h"

/* A matrix [rows × cols] in the file's own type, with its optional bias, or (cols == 0) a vector.
 */
typedef struct heta_i_weight {
  const heta_i_tensor *tensor;
  size_t first_row; /* the matrix is rows [first_row, first_row + rows) of the tensor */
  size_t rows, cols;
  const float *vector; /* rows entries, expanded: norm weights */
  const float *bias;   /* rows entries, or NULL */
} heta_i_weight;

/* A table of rotation angles. */
typedef struct heta_i_rotary {
  size_t dims;            /* of each head; even; the rest of a head is not rotated */
  double base;            /* for people: the angles below are made from it */
  double *frequency;      /* dims / 2 angles per position step, scaling applied */
  double *frequency_long; /* the same for runs of more than long_from positions, or NULL */
  size_t long_from;       /* rows; read only with frequency_long */
  double magnitude;       /* what cos and sin are multiplied by */
  double magnitude_long;  /* the same with frequency_long */
} heta_i_rotary;

enum { HETA_ROTARY_NONE = -1, HETA_ROTARY_GLOBAL, HETA_ROTARY_LOCAL, HETA_ROTARY_TABLES };

/* What differs from layer to layer. */
typedef struct heta_i_layer {
  size_t window; /* a row sees the last `window` keys, its own among them; 0: all before it */
  int rotary;    /* HETA_ROTARY_NONE, or the index of a table */
} heta_i_layer;

typedef struct heta_i_hyper {
  size_t layers, heads, kv_heads, head_width, width, feed_forward, vocabulary, context;
  double epsilon;         /* of the norms */
  double attention_scale; /* 1 / sqrt(head_width) */
  double attention_cap;   /* scaled scores become c tanh(s / c); 0: they do not */
  double logit_cap;       /* the same for the logits (HETA_OP_SOFT_CAP); 0: the family has none */
  double embedding_scale; /* of token embeddings on their way into the first block */
  heta_i_rotary rotary[HETA_ROTARY_TABLES];
  heta_i_layer *layer; /* [layers] */
} heta_i_hyper;

struct heta_model {
  heta_i_file *file;
  heta_i_tokenizer *tokenizer;
  const heta_i_architecture *architecture;
  heta_i_hyper hyper;
  size_t block_ops, head_ops;
  size_t widths[HETA_SITE_BUFFERS]; /* of a row of each buffer; 0: the family has no such buffer */
  heta_i_weight *block_weights;     /* [layers][block_ops]; ops without weight: tensor NULL */
  heta_i_weight head_weights[HETA_MAX_OPS];
  const heta_i_tensor *embedding;          /* [vocabulary × width] */
  const heta_i_tensor *position_embedding; /* [positions × width], or NULL */
  size_t position_offset;                  /* position p adds row p + position_offset */
  heta_model_info info;
  struct heta_i_arena *memory;
  heta_i_kept *kept; /* by engines, for later ones */
};

/* The tokens of a text that continues one whose last token is `last`; see
 * heta_i_tokenizer_encode_after. */
heta_status heta_i_tokenize_after(const heta_model *model, int32_t last, const char *text,
                                  size_t size, bool parse_special, heta_tokens **out,
                                  heta_error *error);

/* As heta_tokenize, with control tokens read in parts of the text only. */
heta_status heta_i_tokenize_parts(const heta_model *model, const char *text, size_t size,
                                  heta_bos bos, const heta_i_control *control, heta_tokens **out,
                                  heta_error *error);

/* As heta_model_open, for a family that need not be in the table (NULL: look it up). */
heta_status heta_i_model_open(const char *path, const heta_i_architecture *architecture,
                              heta_model **out, heta_error *error);
/* The same without the fingerprint, for which all of the file is read: info.fingerprint is NULL. */
heta_status heta_i_model_look(const char *path, const heta_i_architecture *architecture,
                              heta_model **out, heta_error *error);

#endif
