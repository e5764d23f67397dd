/* hf_sizes.c: the sizes of a model in a Hugging Face folder, and what its layers see. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "format/json.h"
#include "model/hf_translate.h"

enum { MOST_WIDTH = 1 << 22, MOST_HEADS = 1 << 16, MOST_LAYERS = 4096, MOST_ROWS = 1 << 30 };

const char *heta_i_hf_key(const heta_i_hf *hf, const char *key, char out[HETA_HF_KEY_SIZE]) {
  snprintf(out, HETA_HF_KEY_SIZE, "%s.%s", hf->family->architecture, key);
  return out;
}

heta_status heta_i_hf_put_size(const heta_i_hf *hf, const char *key, size_t value) {
  char name[HETA_HF_KEY_SIZE];
  return heta_i_made_integer(hf->to, heta_i_hf_key(hf, key, name), (int64_t)value, hf->error);
}

heta_status heta_i_hf_put_number(const heta_i_hf *hf, const char *key, double value) {
  char name[HETA_HF_KEY_SIZE];
  return heta_i_made_number(hf->to, heta_i_hf_key(hf, key, name), value, hf->error);
}

/* ---- Sizes ----------------------------------------------------------------------------------- */

static heta_status contradiction(const heta_i_hf *hf, const char *what) {
  return heta_i_fail(hf->error, HETA_E_FORMAT, "%s: %s; fetch the model's folder again",
                     hf->config.path, what);
}

static heta_status read_heads(heta_i_hf *hf) {
  const heta_i_hf_family *family = hf->family;
  const heta_i_hf_config *config = &hf->config;
  heta_i_hf_sizes *sizes = &hf->sizes;
  char what[256];
  HETA_TRY(heta_i_hf_size(config, family->keys.heads, family->fallback.heads, MOST_HEADS,
                          &sizes->heads));
  const char *key = family->keys.kv_heads;
  bool is_null = key && json_is_null(json_object_get(config->text, key));
  size_t fallback = is_null ? 0 : family->fallback.kv_heads;
  HETA_TRY(heta_i_hf_size(config, key, fallback ? fallback : sizes->heads, MOST_HEADS,
                          &sizes->kv_heads));
  if (sizes->heads % sizes->kv_heads) {
    snprintf(what, sizeof what, "%s %zu is no multiple of %s %zu", family->keys.heads, sizes->heads,
             key, sizes->kv_heads);
    return contradiction(hf, what);
  }
  fallback =
      family->fallback.head_width ? family->fallback.head_width : sizes->width / sizes->heads;
  key = family->keys.head_width;
  bool given = family->fallback.head_width || (key && heta_i_hf_get(config->text, key));
  if (!given && sizes->width % sizes->heads) {
    snprintf(what, sizeof what, "%s %zu is no multiple of %s %zu", family->keys.width, sizes->width,
             family->keys.heads, sizes->heads);
    return contradiction(hf, what);
  }
  return heta_i_hf_size(config, key, fallback, MOST_WIDTH, &sizes->head_width);
}

static heta_status read_all(heta_i_hf *hf) {
  const heta_i_hf_family *family = hf->family;
  const heta_i_hf_config *config = &hf->config;
  const heta_i_hf_sizes *fallback = &family->fallback;
  heta_i_hf_sizes *sizes = &hf->sizes;
  HETA_TRY(
      heta_i_hf_size(config, family->keys.layers, fallback->layers, MOST_LAYERS, &sizes->layers));
  HETA_TRY(heta_i_hf_size(config, family->keys.width, fallback->width, MOST_WIDTH, &sizes->width));
  HETA_TRY(read_heads(hf));
  HETA_TRY(heta_i_hf_size(config, family->keys.feed_forward,
                          family->four_times ? 4 * sizes->width : fallback->feed_forward,
                          4 * MOST_WIDTH, &sizes->feed_forward));
  HETA_TRY(
      heta_i_hf_size(config, family->keys.context, fallback->context, MOST_ROWS, &sizes->context));
  HETA_TRY(
      heta_i_hf_size(config, "vocab_size", fallback->vocabulary, MOST_ROWS, &sizes->vocabulary));
  sizes->positions = sizes->context + family->position_offset;
  HETA_TRY(heta_i_hf_flag(config, "tie_word_embeddings", fallback->tied, &sizes->tied));
  HETA_TRY(heta_i_hf_flag(config, "attention_bias", false, &sizes->attention_bias));
  return heta_i_hf_flag(config, "mlp_bias", false, &sizes->mlp_bias);
}

/* A cap that is null is none. */
static heta_status write_cap(const heta_i_hf *hf, const char *key, double absent) {
  double cap;
  bool is_null = json_is_null(json_object_get(hf->config.text, key));
  HETA_TRY(heta_i_hf_number(&hf->config, hf->config.text, "", key, is_null ? 0 : absent, &cap));
  return heta_i_hf_put_number(hf, key, cap);
}

static heta_status write_scales(const heta_i_hf *hf) {
  double scalar;
  if (!hf->family->scaled_query) return HETA_OK;
  HETA_TRY(
      heta_i_hf_number(&hf->config, hf->config.text, "", "query_pre_attn_scalar", 256, &scalar));
  if (!(scalar > 0)) return contradiction(hf, "query_pre_attn_scalar is not positive");
  HETA_TRY(heta_i_hf_put_number(hf, "attention.scale", 1 / sqrt(scalar)));
  HETA_TRY(write_cap(hf, "attn_logit_softcapping", hf->family->attention_cap));
  return write_cap(hf, "final_logit_softcapping", hf->family->logit_cap);
}

heta_status heta_i_hf_sizes_read(heta_i_hf *hf) {
  const heta_i_hf_family *family = hf->family;
  const heta_i_hf_sizes *sizes = &hf->sizes;
  double epsilon = family->epsilon;
  HETA_TRY(read_all(hf));
  if (family->keys.epsilon)
    HETA_TRY(heta_i_hf_number(&hf->config, hf->config.text, "", family->keys.epsilon,
                              family->epsilon, &epsilon));
  const struct {
    const char *key;
    size_t value;
  } list[] = {
      {"block_count", sizes->layers},
      {"embedding_length", sizes->width},
      {"feed_forward_length", sizes->feed_forward},
      {"attention.head_count", sizes->heads},
      {"attention.head_count_kv", sizes->kv_heads},
      {"attention.key_length", sizes->head_width},
      {"attention.value_length", sizes->head_width},
      {"context_length", sizes->context},
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    HETA_TRY(heta_i_hf_put_size(hf, list[i].key, list[i].value));
  HETA_TRY(heta_i_hf_put_number(hf, family->epsilon_key, epsilon));
  if (family->parallel) {
    bool parallel;
    char name[HETA_HF_KEY_SIZE];
    HETA_TRY(heta_i_hf_flag(&hf->config, "use_parallel_residual", true, &parallel));
    HETA_TRY(heta_i_made_flag(hf->to, heta_i_hf_key(hf, "use_parallel_residual", name), parallel,
                              hf->error));
  }
  return write_scales(hf);
}

/* ---- Layers ---------------------------------------------------------------------------------- */

/* Whether layer `layer` sees a window, by the rule of the family. */
static bool windowed(const heta_i_hf_family *family, size_t layer) {
  switch (family->window) {
  case HETA_HF_NO_WINDOW: return false;
  case HETA_HF_EVERY_LAYER: return true;
  case HETA_HF_EVERY_SECOND: return layer % 2 == 0;
  case HETA_HF_FIVE_OUT_OF_SIX: return layer % 6 != 5;
  }
  return false;
}

static heta_status refuse_layer(const heta_i_hf *hf, const char *key, size_t layer,
                                const char *why) {
  return heta_i_fail(hf->error, HETA_E_UNSUPPORTED,
                     "%s: %s gives layer %zu another kind of attention than the layers of '%s' "
                     "models have; %s",
                     hf->config.path, key, layer, hf->family->model_type, why);
}

static const char FIXED[] = "heta computes them by the family's own pattern only";

/* layer_types, when it is there, must say what the family's rule says. */
static heta_status check_types(const heta_i_hf *hf, bool window) {
  const json_t *types = heta_i_hf_get(hf->config.text, "layer_types");
  if (!types) return HETA_OK;
  if (json_array_size(types) != hf->sizes.layers)
    return contradiction(hf, "layer_types is no list with an entry for each layer");
  for (size_t i = 0; i < hf->sizes.layers; i++) {
    const char *type = heta_i_json_text(json_array_get(types, i));
    bool sliding = window && windowed(hf->family, i);
    if (!type || strcmp(type, sliding ? "sliding_attention" : "full_attention"))
      return refuse_layer(hf, "layer_types", i, FIXED);
  }
  return HETA_OK;
}

/* sliding_window without a window in the family: allowed as long as no layer uses it. */
static heta_status check_unused(const heta_i_hf *hf) {
  const heta_i_hf_config *config = &hf->config;
  bool used;
  size_t first;
  HETA_TRY(heta_i_hf_flag(config, "use_sliding_window", false, &used));
  if (!used || !heta_i_hf_get(config->text, "sliding_window")) return check_types(hf, false);
  if (heta_i_hf_get(config->text, "layer_types")) return check_types(hf, false);
  HETA_TRY(heta_i_hf_size(config, "max_window_layers", 28, MOST_ROWS, &first));
  if (first >= hf->sizes.layers && !hf->family->unrotated_period) return HETA_OK;
  return heta_i_hf_refuse(config, "use_sliding_window",
                          heta_i_hf_get(config->text, "use_sliding_window"),
                          "heta computes models of this family without windows only");
}

static heta_status write_window(const heta_i_hf *hf) {
  const heta_i_hf_config *config = &hf->config;
  size_t window = hf->family->window_size;
  bool given = heta_i_hf_get(config->text, "sliding_window");
  if (!given && json_is_null(json_object_get(config->text, "sliding_window"))) window = 0;
  if (given) HETA_TRY(heta_i_hf_size(config, "sliding_window", 0, MOST_ROWS, &window));
  HETA_TRY(check_types(hf, window > 0));
  size_t pattern;
  HETA_TRY(heta_i_hf_size(config, "sliding_window_pattern", 6, MOST_LAYERS, &pattern));
  if (hf->family->window == HETA_HF_FIVE_OUT_OF_SIX && pattern != 6)
    return heta_i_hf_refuse(config, "sliding_window_pattern",
                            heta_i_hf_get(config->text, "sliding_window_pattern"), FIXED);
  return heta_i_hf_put_size(hf, "attention.sliding_window", window);
}

/* no_rope_layers has a 1 for each layer that rotates. */
static heta_status check_unrotated(const heta_i_hf *hf) {
  const heta_i_hf_config *config = &hf->config;
  size_t period = hf->family->unrotated_period, interval;
  const json_t *list = heta_i_hf_get(config->text, "no_rope_layers");
  if (!period) return HETA_OK;
  HETA_TRY(heta_i_hf_size(config, "no_rope_layer_interval", period, MOST_LAYERS, &interval));
  if (!list && interval != period)
    return heta_i_hf_refuse(config, "no_rope_layer_interval",
                            heta_i_hf_get(config->text, "no_rope_layer_interval"), FIXED);
  if (!list) return HETA_OK;
  if (json_array_size(list) != hf->sizes.layers)
    return contradiction(hf, "no_rope_layers is no list with an entry for each layer");
  for (size_t i = 0; i < hf->sizes.layers; i++) {
    int64_t rotates;
    if (!heta_i_json_integer(json_array_get(list, i), &rotates) ||
        (rotates != 0) != ((i + 1) % period != 0))
      return refuse_layer(hf, "no_rope_layers", i, FIXED);
  }
  return HETA_OK;
}

heta_status heta_i_hf_layers(const heta_i_hf *hf) {
  HETA_TRY(check_unrotated(hf));
  return hf->family->window == HETA_HF_NO_WINDOW ? check_unused(hf) : write_window(hf);
}
