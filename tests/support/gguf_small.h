/* gguf_small.h: a small GGUF file with everything in it: metadata of every type and tensors of one,
 * two and four dimensions, to be read, cut, patched and flipped. */
#ifndef HETA_TESTS_GGUF_SMALL_H
#define HETA_TESTS_GGUF_SMALL_H

#include "support/gguf_builder.h"

/* The tensor "matrix": 2 rows of 3. */
extern const float GGUF_SMALL_MATRIX[6];

gguf_builder *gguf_small(void);

#endif
