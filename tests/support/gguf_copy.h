/* gguf_copy.h: the content of a tiny model's GGUF file in a builder, to leave out or replace parts
 * of it: a sound model file with one thing wrong. */
#ifndef HETA_TESTS_GGUF_COPY_H
#define HETA_TESTS_GGUF_COPY_H

#include "support/gguf_builder.h"

/* tests/data/tiny/NAME.gguf without the key or tensor `without` (NULL: all of it). Fails the test
 * when there is no such file, key or tensor. */
gguf_builder *gguf_copy(const char *name, const char *without);

#endif
