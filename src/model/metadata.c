/* metadata.c: hyper-parameters of a model file by their key behind the architecture's name. */
#include "model/metadata.h"

#include <math.h>
#include <stdio.h>

const char *heta_i_key(const heta_model *model, const char *key, char out[HETA_KEY_SIZE]) {
  snprintf(out, HETA_KEY_SIZE, "%s.%s", model->architecture->name, key);
  return out;
}

bool heta_i_has_key(const heta_model *model, const char *key) {
  char name[HETA_KEY_SIZE];
  return heta_i_file_kind(model->file, heta_i_key(model, key, name)) != NULL;
}

/* A key that could not be read as `wanted`: fine when it is optional and absent. */
static heta_status unread(const heta_model *model, const char *name, heta_i_need need,
                          const char *wanted, heta_error *error) {
  const char *path = heta_i_file_path(model->file), *kind = heta_i_file_kind(model->file, name);
  if (kind)
    return heta_i_fail(error, HETA_E_FORMAT, "%s: metadata %s is of type %s, and should be %s",
                       path, name, kind, wanted);
  if (need == HETA_NEED_OPTIONAL) return HETA_OK;
  return heta_i_fail(error, HETA_E_FORMAT, "%s: metadata %s is missing; convert the model again",
                     path, name);
}

heta_status heta_i_read_size(const heta_model *model, const char *key, heta_i_need need,
                             size_t minimum, size_t maximum, size_t *out, heta_error *error) {
  char name[HETA_KEY_SIZE];
  int64_t value;
  if (!heta_i_file_integer(model->file, heta_i_key(model, key, name), &value))
    return unread(model, name, need, "one whole number", error);
  if (value < (int64_t)minimum || (uint64_t)value > maximum)
    return heta_i_fail(error, HETA_E_FORMAT, "%s: metadata %s is %lld, outside %zu … %zu",
                       heta_i_file_path(model->file), name, (long long)value, minimum, maximum);
  *out = (size_t)value;
  return HETA_OK;
}

heta_status heta_i_read_number(const heta_model *model, const char *key, heta_i_need need,
                               double *out, heta_error *error) {
  char name[HETA_KEY_SIZE];
  double value;
  if (!heta_i_file_number(model->file, heta_i_key(model, key, name), &value))
    return unread(model, name, need, "a number", error);
  if (!isfinite(value))
    return heta_i_fail(error, HETA_E_FORMAT, "%s: metadata %s is not a finite number",
                       heta_i_file_path(model->file), name);
  *out = value;
  return HETA_OK;
}

heta_status heta_i_read_flag(const heta_model *model, const char *key, bool *out,
                             heta_error *error) {
  char name[HETA_KEY_SIZE];
  if (heta_i_file_flag(model->file, heta_i_key(model, key, name), out)) return HETA_OK;
  return unread(model, name, HETA_NEED_OPTIONAL, "yes or no", error);
}

heta_status heta_i_read_string(const heta_model *model, const char *key, const char **out,
                               heta_error *error) {
  char name[HETA_KEY_SIZE];
  if (heta_i_file_string(model->file, heta_i_key(model, key, name), out, NULL)) return HETA_OK;
  return unread(model, name, HETA_NEED_OPTIONAL, "a string", error);
}
