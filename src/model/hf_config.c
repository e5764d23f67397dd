/* hf_config.c: values of a config.json. */
#include "model/hf_config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "format/json.h"
#include "format/quote.h"

const json_t *heta_i_hf_get(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  return json_is_null(value) ? NULL : value;
}

/* The value as a person would write it, shortened. */
static const char *shown_value(char out[HETA_QUOTE], const json_t *value) {
  char text[HETA_QUOTE];
  if (json_is_real(value)) {
    snprintf(out, HETA_QUOTE, "%.15g", json_real_value(value));
  } else if (json_is_string(value)) {
    heta_i_quote(text, json_string_value(value), json_string_length(value));
    snprintf(out, HETA_QUOTE, "\"%.*s\"", HETA_QUOTE - 3, text);
  } else {
    snprintf(out, HETA_QUOTE, "%s", heta_i_json_kind(value));
  }
  return out;
}

static heta_status not_a(const heta_i_hf_config *config, const char *within, const char *key,
                         const json_t *value, const char *what) {
  char shown[HETA_QUOTE];
  if (!value)
    return heta_i_fail(config->error, HETA_E_FORMAT,
                       "%s: %s%s is missing; fetch the model's folder again", config->path, within,
                       key);
  return heta_i_fail(config->error, HETA_E_FORMAT,
                     "%s: %s%s is %s, not %s; fetch the model's folder again", config->path, within,
                     key, shown_value(shown, value), what);
}

heta_status heta_i_hf_size(const heta_i_hf_config *config, const char *key, size_t fallback,
                           size_t maximum, size_t *out) {
  char range[64];
  int64_t number;
  const json_t *value = key ? heta_i_hf_get(config->text, key) : NULL;
  if (!value && fallback) {
    *out = fallback;
    return HETA_OK;
  }
  snprintf(range, sizeof range, "a whole number from 1 to %zu", maximum);
  if (!heta_i_json_integer(value, &number) || number < 1 || (uint64_t)number > maximum)
    return not_a(config, "", key, value, range);
  *out = (size_t)number;
  return HETA_OK;
}

heta_status heta_i_hf_number(const heta_i_hf_config *config, const json_t *object,
                             const char *within, const char *key, double fallback, double *out) {
  const json_t *value = heta_i_hf_get(object, key);
  if (!json_is_real(value) && (value || isnan(fallback)))
    return not_a(config, within, key, value, "a number");
  *out = value ? json_real_value(value) : fallback;
  return HETA_OK;
}

heta_status heta_i_hf_flag(const heta_i_hf_config *config, const char *key, bool fallback,
                           bool *out) {
  const json_t *value = heta_i_hf_get(config->text, key);
  if (value && !json_is_boolean(value)) return not_a(config, "", key, value, "true or false");
  *out = value ? json_is_true(value) : fallback;
  return HETA_OK;
}

heta_status heta_i_hf_word(const heta_i_hf_config *config, const json_t *object, const char *within,
                           const char *key, const char *fallback, const char **out) {
  const json_t *value = heta_i_hf_get(object, key);
  const char *text = value ? heta_i_json_text(value) : fallback;
  if (!text) return not_a(config, within, key, value, "a text");
  *out = text;
  return HETA_OK;
}

heta_status heta_i_hf_refuse(const heta_i_hf_config *config, const char *key, const json_t *value,
                             const char *why) {
  char shown[HETA_QUOTE];
  return heta_i_fail(config->error, HETA_E_UNSUPPORTED, "%s: %s is %s; %s", config->path, key,
                     shown_value(shown, value), why);
}
