/* hf_config.h: values of a config.json. A key that is absent or null takes the fallback; one of
 * another type or out of range is an error (HETA_E_FORMAT) that names file and key. */
#ifndef HETA_MODEL_HF_CONFIG_H
#define HETA_MODEL_HF_CONFIG_H

#include <jansson.h>
#include <stdbool.h>

#include "base/status.h"

typedef struct heta_i_hf_config {
  const char *path;   /* of config.json, fit for messages */
  json_t *root;       /* the whole text; owned by whoever read it */
  const json_t *text; /* the object that describes the language model: the root, or text_config */
  heta_error *error;
} heta_i_hf_config;

/* The value, or NULL when it is absent or null. */
const json_t *heta_i_hf_get(const json_t *object, const char *key);
/* 1 … maximum; a fallback of 0: the key must be there. A NULL key gives the fallback. */
heta_status heta_i_hf_size(const heta_i_hf_config *config, const char *key, size_t fallback,
                           size_t maximum, size_t *out);
/* Finite; a fallback of NAN: the key must be there. The object may be one within the config, whose
 * name `within` then goes before the key in messages ("rope_parameters."; otherwise ""). */
heta_status heta_i_hf_number(const heta_i_hf_config *config, const json_t *object,
                             const char *within, const char *key, double fallback, double *out);
heta_status heta_i_hf_flag(const heta_i_hf_config *config, const char *key, bool fallback,
                           bool *out);
/* A text without NUL; *out is borrowed. */
heta_status heta_i_hf_word(const heta_i_hf_config *config, const json_t *object, const char *within,
                           const char *key, const char *fallback, const char **out);
/* HETA_E_UNSUPPORTED: "FILE: KEY is VALUE; <why>". */
heta_status heta_i_hf_refuse(const heta_i_hf_config *config, const char *key, const json_t *value,
                             const char *why);

#endif
