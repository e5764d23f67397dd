/* metadata.h: hyper-parameters of a model file by their key behind the architecture's name:
 * "block_count" reads llama.block_count. A key that is there but of another type or out of range is
 * an error (HETA_E_FORMAT), never the same as one that is absent. */
#ifndef HETA_MODEL_METADATA_H
#define HETA_MODEL_METADATA_H

#include "model/model.h"

enum { HETA_KEY_SIZE = 160 };

typedef enum heta_i_need { HETA_NEED_OPTIONAL, HETA_NEED_REQUIRED } heta_i_need;

/* The whole key, for messages and lookups. */
const char *heta_i_key(const heta_model *model, const char *key, char out[HETA_KEY_SIZE]);
bool heta_i_has_key(const heta_model *model, const char *key);
/* An optional key that is absent leaves *out alone. minimum <= *out <= maximum. */
heta_status heta_i_read_size(const heta_model *model, const char *key, heta_i_need need,
                             size_t minimum, size_t maximum, size_t *out, heta_error *error);
/* The same for finite numbers. */
heta_status heta_i_read_number(const heta_model *model, const char *key, heta_i_need need,
                               double *out, heta_error *error);
heta_status heta_i_read_flag(const heta_model *model, const char *key, bool *out,
                             heta_error *error);
heta_status heta_i_read_string(const heta_model *model, const char *key, const char **out,
                               heta_error *error);

#endif
