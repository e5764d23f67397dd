/* hf_translate.h: the steps of translating a Hugging Face folder into GGUF's names. */
#ifndef HETA_MODEL_HF_TRANSLATE_H
#define HETA_MODEL_HF_TRANSLATE_H

#include "format/made.h"
#include "model/hf_family.h"

typedef struct heta_i_hf {
  heta_i_hf_config config;
  const heta_i_hf_family *family;
  heta_i_hf_sizes sizes;
  const heta_i_file *from; /* the folder's tensors under their own names */
  heta_i_file *to;         /* the file that is made over it */
  heta_error *error;
} heta_i_hf;

enum { HETA_HF_KEY_SIZE = 128 };
/* "llama.KEY" for the family's architecture. */
const char *heta_i_hf_key(const heta_i_hf *hf, const char *key, char out[HETA_HF_KEY_SIZE]);
heta_status heta_i_hf_put_size(const heta_i_hf *hf, const char *key, size_t value);
heta_status heta_i_hf_put_number(const heta_i_hf *hf, const char *key, double value);

/* Reads family->keys and tied heads and biases into hf->sizes, and writes them. */
heta_status heta_i_hf_sizes_read(heta_i_hf *hf);
/* Which layers see a window, and which do not rotate. */
heta_status heta_i_hf_layers(const heta_i_hf *hf);
/* Rotary positions, in the spelling of transformers 5 (rope_parameters) or of 4 (rope_theta,
 * rope_scaling). */
heta_status heta_i_hf_rotary(const heta_i_hf *hf);
/* Every tensor, with the shape config.json asks for; leftovers that could be weights are refused.
 */
heta_status heta_i_hf_tensors(const heta_i_hf *hf);

#endif
