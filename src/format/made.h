/* made.h: a model file that is put together by code: metadata and tensors under names of the
 * maker's choice, the tensors' data borrowed from another open file. Once made it is read like any
 * other (file.h). Every call copies what it is given, except tensor data, and fails with
 * HETA_E_MEMORY, or with HETA_E_FORMAT when the key or name is there already. */
#ifndef HETA_FORMAT_MADE_H
#define HETA_FORMAT_MADE_H

#include "format/file.h"

/* An empty file. It takes over `base` (NULL: none), also when it fails, and has its format; without
 * a base its format is "made". path is for messages. */
heta_status heta_i_made_create(const char *path, heta_i_file *base, heta_i_file **out,
                               heta_error *error);
/* The file it was made over, or NULL. */
const heta_i_file *heta_i_made_base(const heta_i_file *file);
/* Maps one more file that says what the model is (config.json). It counts in the file's bytes and,
 * whole and before the base, in its fingerprints. *bytes may be NULL for an empty file. */
heta_status heta_i_made_map(heta_i_file *file, const char *path, const char **bytes, size_t *size,
                            heta_error *error);

heta_status heta_i_made_integer(heta_i_file *file, const char *key, int64_t value,
                                heta_error *error);
heta_status heta_i_made_number(heta_i_file *file, const char *key, double value, heta_error *error);
heta_status heta_i_made_flag(heta_i_file *file, const char *key, bool value, heta_error *error);
/* Any bytes. */
heta_status heta_i_made_string(heta_i_file *file, const char *key, const char *bytes, size_t size,
                               heta_error *error);
/* Arrays of `count` values. sizes: NULL when the strings end with NUL. */
heta_status heta_i_made_strings(heta_i_file *file, const char *key, const char *const *strings,
                                const size_t *sizes, size_t count, heta_error *error);
heta_status heta_i_made_integers(heta_i_file *file, const char *key, const int64_t *values,
                                 size_t count, heta_error *error);
heta_status heta_i_made_numbers(heta_i_file *file, const char *key, const double *values,
                                size_t count, heta_error *error);

/* A tensor whose data, of this type and shape and seen through `view` (NULL: as it lies), stay
 * where they are: in the base, or wherever the caller keeps them as long as the file is open. The
 * caller answers for the view staying inside the data. */
heta_status heta_i_made_tensor(heta_i_file *file, const char *name, const heta_i_tensor *tensor,
                               const heta_i_view *view, heta_error *error);
/* A vector of F32 values. */
heta_status heta_i_made_vector(heta_i_file *file, const char *name, const float *values,
                               size_t count, heta_error *error);

#endif
