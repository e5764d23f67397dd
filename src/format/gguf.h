/* gguf.h: reading and checking one GGUF file. */
#ifndef HETA_FORMAT_GGUF_H
#define HETA_FORMAT_GGUF_H

#include "format/part.h"

/* Reads header, metadata and tensor table of part->map (part->path names it in messages) and fills
 * the rest of *part with blocks of the arena. Every length, count, offset and product is checked;
 * on success each tensor's bytes lie inside the file and no two tensors of it overlap. */
heta_status heta_i_gguf_parse(heta_i_part *part, heta_i_arena *arena, heta_error *error);

#endif
