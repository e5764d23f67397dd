/* hugging_face.h: a Hugging Face folder, told in GGUF's names. */
#ifndef HETA_MODEL_HUGGING_FACE_H
#define HETA_MODEL_HUGGING_FACE_H

#include "base/memory.h"
#include "format/file.h"

/* The folder of an open safetensors file: its path, or where the file lies. NULL without memory. */
char *heta_i_hugging_face_folder(heta_i_arena *arena, const char *path);
/* Replaces *file, open safetensors, by a file made over it, whose metadata and tensors have the
 * names, values and order of rows that a GGUF file of the same model has; of the tokenizer it says
 * nothing. Everything config.json says that would change the result is honoured or refused by name.
 * Also after a failure *file is what is to be closed. */
heta_status heta_i_hugging_face_translate(heta_i_file **file, heta_error *error);

#endif
