/* safetensors.h: reading and checking one safetensors file. */
#ifndef HETA_FORMAT_SAFETENSORS_H
#define HETA_FORMAT_SAFETENSORS_H

#include "format/part.h"

/* Whether the bytes begin like a safetensors file, be it whole or cut short. */
bool heta_i_is_safetensors(const heta_i_map *map);
/* Reads the header of part->map (part->path names it in messages) and fills part->data, entries and
 * others with blocks of the arena. Every length, offset, shape and product is checked; on success
 * the tensors lie side by side and fill the file. */
heta_status heta_i_safetensors_parse(heta_i_part *part, heta_i_arena *arena, heta_error *error);
/* What the tensor of this name is, when it is one of part->others; NULL: it is not. */
const char *heta_i_safetensors_other(const heta_i_part *part, const char *name);

#endif
