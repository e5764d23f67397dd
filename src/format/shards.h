/* shards.h: the weights of a model folder: one safetensors file, or several with an index. */
#ifndef HETA_FORMAT_SHARDS_H
#define HETA_FORMAT_SHARDS_H

#include "format/part.h"

/* Opens the weights of the folder file->path and gathers their tensors: model.safetensors, or what
 * model.safetensors.index.json lists, each tensor where it says; the parts stand in the order of
 * their names. A folder with neither is refused with a sentence about what it has instead. */
heta_status heta_i_shards_open(heta_i_file *file, heta_error *error);
/* Refuses a single file that its name tells to be one of several (…-00001-of-00003.safetensors). */
heta_status heta_i_shards_alone(const char *path, heta_error *error);

#endif
