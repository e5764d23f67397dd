/* model.h: an open model: hyper-parameters, program and weights, ready for the engine. */
#ifndef HETA_MODEL_MODEL_H
#define HETA_MODEL_MODEL_H

#include "format/file.h"
#include "model/architecture.h"
#include "text/tokenizer.h"

/* A matrix [rows × cols] in the file's own type, with its optional bias, or (cols == 0) a vector.
 */
typedef struct heta_i_weight {
  const heta_i_tensor *tensor;
  size_t rows, cols;
  const float *vector; /* rows entries, expanded: norm weights */
  const float *bias;   /* rows entries, or NULL */
} heta_i_weight;

typedef struct heta_i_hyper {
  size_t layers, heads, kv_heads, head_width, width, feed_forward, vocabulary, context;
  double epsilon;           /* of the norms */
  double attention_scale;   /* 1 / sqrt(head_width) */
  size_t rotary_dims;       /* of each head */
  double *rotary_frequency; /* rotary_dims / 2 angles per position step, scaling applied */
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
  const heta_i_tensor *embedding; /* [vocabulary × width] */
  heta_model_info info;
  struct heta_i_arena *memory;
};

/* As heta_model_open, for a family that need not be in the table (NULL: look it up). */
heta_status heta_i_model_open(const char *path, const heta_i_architecture *architecture,
                              heta_model **out, heta_error *error);

#endif
