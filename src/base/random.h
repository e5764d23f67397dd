/* random.h: counter-based random numbers. A value is a pure function of its key and position, so
 * any estimate can be reproduced alone, in any order, on any number of threads. */
#ifndef HETA_BASE_RANDOM_H
#define HETA_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Separates the uses of one seed. */
typedef enum heta_i_stream {
  HETA_STREAM_BLOCK_PROBE = 1, /* Rademacher probe on one token's embedding */
  HETA_STREAM_ROW_PROBE = 2,   /* Rademacher probe on the whole context */
  HETA_STREAM_NOISE_MASK = 3,  /* the `noise` mask's sentinel embedding */
  HETA_STREAM_RANDOM_METHOD = 4,
  HETA_STREAM_CHECK = 5,
  HETA_STREAM_SKETCH = 6,        /* a direction over the whole context, for the shared sketch */
  HETA_STREAM_FREE = 7,          /* a direction that no product is taken with */
  HETA_STREAM_RANGE = 8,         /* a column of a randomised range finder */
  HETA_STREAM_CODES = 9,         /* which tokens share a code in a probe of the whole context */
  HETA_STREAM_COALITION = 16,    /* who is absent from a coalition */
  HETA_STREAM_CORRUPTION = 17,   /* noise on embeddings, for causal tracing */
  HETA_STREAM_REPLACEMENT = 18,  /* which tokens are replaced, and by which */
  HETA_STREAM_CHAIN = 19,        /* the next token of a text that the model writes */
  HETA_STREAM_INPUT_NOISE = 20,  /* noise on the embeddings of what is explained */
  HETA_STREAM_DECODING = 21,     /* the next token, drawn */
  HETA_STREAM_SOFT_MASK = 32,    /* which elements a soft mask keeps */
  HETA_STREAM_SOFT_CONTROL = 33, /* the random scores that soft masks are compared with */
  HETA_STREAM_SOFT_SHUFFLE = 34, /* the order of permuted scores */
  HETA_STREAM_SUBSET = 35,       /* subsets of the context */
  HETA_STREAM_ORDER = 36         /* random orders, for what chance gives */
} heta_i_stream;

/* Philox4x32-10 (Salmon et al., SC 2011): 128 random bits for a counter under a key. */
void heta_i_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* count signs (+1 or -1) of the probe keyed by (seed, stream, position, index). */
void heta_i_rademacher(uint64_t seed, heta_i_stream stream, uint32_t position, uint32_t index,
                       size_t count, double *signs);
/* count standard normal values, keyed alike. */
void heta_i_normal(uint64_t seed, heta_i_stream stream, uint32_t position, uint32_t index,
                   size_t count, double *values);
/* count values uniform in (0, 1), keyed alike. */
void heta_i_uniform(uint64_t seed, heta_i_stream stream, uint32_t position, uint32_t index,
                    size_t count, double *values);

#endif
