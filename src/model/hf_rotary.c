/* hf_rotary.c: rotary positions as config.json describes them. transformers 5 has one object
 * (rope_parameters); 4 has rope_theta, a part that rotates, and rope_scaling, whose kind is called
 * "type" in older files and "rope_type" in newer ones. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "format/json.h"
#include "format/quote.h"
#include "model/hf_translate.h"

static const double PI = 3.14159265358979323846;

/* One table of angles. */
typedef struct table {
  const json_t *object; /* what describes it, or NULL */
  const char *within;   /* its name in messages, with a dot */
  const char *kind;     /* "default", "linear", "llama3", "yarn", "longrope" */
  double theta;
  size_t dims;
} table;

static heta_status bad(const heta_i_hf *hf, const table *rope, const char *what) {
  return heta_i_fail(hf->error, HETA_E_FORMAT, "%s: %s%s; fetch the model's folder again",
                     hf->config.path, rope->within, what);
}

static heta_status number(const heta_i_hf *hf, const table *rope, const char *key, double fallback,
                          double *out) {
  HETA_TRY(heta_i_hf_number(&hf->config, rope->object, rope->within, key, fallback, out));
  char what[128];
  if (*out > 0) return HETA_OK;
  snprintf(what, sizeof what, "%s is not positive", key);
  return bad(hf, rope, what);
}

/* Rows are paired for heads that rotate as a whole. */
static bool pairs_rows(const heta_i_hf_family *family) {
  const heta_i_hf_tensor *tensor = family->tensors;
  while (tensor->from && tensor->layout != HETA_HF_PAIRED_QUERY) tensor++;
  return tensor->from;
}

/* The kind, the base and the width that rotates. */
static heta_status read_basis(const heta_i_hf *hf, table *rope, double theta) {
  const heta_i_hf_rope *keys = &hf->family->rope;
  const heta_i_hf_config *config = &hf->config;
  double part = keys->partial > 0 ? keys->partial : 1;
  HETA_TRY(heta_i_hf_word(config, rope->object, rope->within, "type", "default", &rope->kind));
  HETA_TRY(
      heta_i_hf_word(config, rope->object, rope->within, "rope_type", rope->kind, &rope->kind));
  HETA_TRY(number(hf, rope, "rope_theta", theta, &rope->theta));
  if (keys->partial_key)
    HETA_TRY(heta_i_hf_number(config, config->text, "", keys->partial_key, part, &part));
  HETA_TRY(number(hf, rope, "partial_rotary_factor", part, &part));
  if (part > 1) return bad(hf, rope, "partial_rotary_factor is above 1");
  rope->dims = (size_t)((double)hf->sizes.head_width * part);
  if (keys->dims_key)
    HETA_TRY(heta_i_hf_size(config, keys->dims_key, 64, hf->sizes.head_width, &rope->dims));
  if (!rope->dims || rope->dims % 2)
    return heta_i_fail(hf->error, HETA_E_FORMAT,
                       "%s: %zu of the %zu numbers of a head rotate, which is no even number; "
                       "fetch the model's folder again",
                       config->path, rope->dims, hf->sizes.head_width);
  if (rope->dims != hf->sizes.head_width && pairs_rows(hf->family))
    return heta_i_fail(hf->error, HETA_E_UNSUPPORTED,
                       "%s: %zu of the %zu numbers of a head rotate; heta computes models of this "
                       "family with heads that rotate as a whole only",
                       config->path, rope->dims, hf->sizes.head_width);
  return HETA_OK;
}

/* The context a model had before its positions were stretched. */
static heta_status original_context(const heta_i_hf *hf, const table *rope, double fallback,
                                    double *out) {
  static const char KEY[] = "original_max_position_embeddings";
  bool outside = heta_i_hf_get(hf->config.text, KEY) != NULL;
  table where = *rope;
  if (outside || hf->family->rope.longer) where = (table){hf->config.text, "", NULL, 0, 0};
  return number(hf, &where, KEY, fallback, out);
}

/* ---- Kinds ----------------------------------------------------------------------------------- */

/* Low frequencies are divided by a factor, high ones stay, those between go over. */
static heta_status write_llama3(const heta_i_hf *hf, const table *rope) {
  double factor, low, high, context;
  HETA_TRY(number(hf, rope, "factor", NAN, &factor));
  HETA_TRY(number(hf, rope, "low_freq_factor", NAN, &low));
  HETA_TRY(number(hf, rope, "high_freq_factor", NAN, &high));
  HETA_TRY(original_context(hf, rope, (double)hf->sizes.context, &context));
  if (high <= low) return bad(hf, rope, "high_freq_factor is not above low_freq_factor");
  size_t pairs = rope->dims / 2;
  float *factors = heta_i_allocate(pairs, sizeof *factors);
  if (!factors) return heta_i_no_memory(hf->error, "RoPE factors", pairs * sizeof *factors);
  for (size_t i = 0; i < pairs; i++) {
    double turns = context / (2 * PI * pow(rope->theta, 2 * (double)i / (double)rope->dims));
    double smooth = (turns - low) / (high - low);
    factors[i] = (float)(turns > high  ? 1
                         : turns < low ? factor
                                       : 1 / ((1 - smooth) / factor + smooth));
  }
  heta_status status = heta_i_made_vector(hf->to, "rope_freqs.weight", factors, pairs, hf->error);
  heta_i_free(factors);
  return status;
}

static heta_status write_factors(const heta_i_hf *hf, const table *rope, const char *key,
                                 const char *name) {
  const json_t *list = heta_i_hf_get(rope->object, key);
  size_t pairs = rope->dims / 2;
  char what[128];
  snprintf(what, sizeof what, "%s is no list of %zu positive numbers", key, pairs);
  if (!json_is_array(list) || json_array_size(list) != pairs) return bad(hf, rope, what);
  float *factors = heta_i_allocate(pairs, sizeof *factors);
  if (!factors) return heta_i_no_memory(hf->error, "RoPE factors", pairs * sizeof *factors);
  heta_status status = HETA_OK;
  for (size_t i = 0; i < pairs && !status; i++) {
    const json_t *value = json_array_get(list, i);
    factors[i] = json_is_real(value) ? (float)json_real_value(value) : 0;
    if (!(factors[i] > 0)) status = bad(hf, rope, what);
  }
  if (!status) status = heta_i_made_vector(hf->to, name, factors, pairs, hf->error);
  heta_i_free(factors);
  return status;
}

/* Two lists of factors, the second for texts longer than the original context. */
static heta_status write_longrope(const heta_i_hf *hf, const table *rope) {
  double original, factor, magnitude;
  HETA_TRY(original_context(hf, rope, 4096, &original));
  HETA_TRY(number(hf, rope, "factor", (double)hf->sizes.context / original, &factor));
  if (original != floor(original) || original < 2 || original > 1 << 30)
    return bad(hf, rope, "original_max_position_embeddings is no whole number above 1");
  magnitude = factor <= 1 ? 1 : sqrt(1 + log(factor) / log(original));
  HETA_TRY(number(hf, rope, "attention_factor", magnitude, &magnitude));
  HETA_TRY(heta_i_hf_put_size(hf, "rope.scaling.original_context_length", (size_t)original));
  HETA_TRY(heta_i_hf_put_number(hf, "rope.scaling.attn_factor", magnitude));
  HETA_TRY(write_factors(hf, rope, "short_factor", "rope_factors_short.weight"));
  return write_factors(hf, rope, "long_factor", "rope_factors_long.weight");
}

static heta_status write_linear(const heta_i_hf *hf, const table *rope) {
  double factor;
  char name[HETA_HF_KEY_SIZE];
  HETA_TRY(number(hf, rope, "factor", NAN, &factor));
  HETA_TRY(heta_i_made_string(hf->to, heta_i_hf_key(hf, "rope.scaling.type", name), "linear", 6,
                              hf->error));
  return heta_i_hf_put_number(hf, "rope.scaling.factor", factor);
}

/* High frequencies stay, low ones are divided by a factor, and cos and sin grow with it. */
static heta_status write_yarn(const heta_i_hf *hf, const table *rope) {
  static const struct {
    const char *from, *to;
  } TURNS[] = {{"beta_fast", "rope.scaling.yarn_beta_fast"},
               {"beta_slow", "rope.scaling.yarn_beta_slow"}};
  static const char *const FOREIGN[] = {"mscale", "mscale_all_dim"};
  double factor, original, magnitude, turns;
  bool whole = true;
  char name[HETA_HF_KEY_SIZE];
  for (size_t i = 0; i < 2; i++)
    if (heta_i_hf_get(rope->object, FOREIGN[i]))
      return heta_i_fail(hf->error, HETA_E_UNSUPPORTED,
                         "%s: %s%s is not supported with rope_type \"yarn\"", hf->config.path,
                         rope->within, FOREIGN[i]);
  const json_t *truncate = heta_i_hf_get(rope->object, "truncate");
  if (truncate) whole = json_is_true(truncate);
  if (!whole)
    return heta_i_fail(hf->error, HETA_E_UNSUPPORTED,
                       "%s: %struncate is not true, which is not supported with rope_type \"yarn\"",
                       hf->config.path, rope->within);
  HETA_TRY(number(hf, rope, "factor", NAN, &factor));
  HETA_TRY(original_context(hf, rope, (double)hf->sizes.context, &original));
  if (original != floor(original) || original > 1 << 30)
    return bad(hf, rope, "original_max_position_embeddings is no whole number");
  double usual = factor > 1 ? 1 + 0.1 * log(factor) : 1;
  HETA_TRY(number(hf, rope, "attention_factor", usual, &magnitude));
  for (size_t i = 0; i < 2; i++) {
    if (!heta_i_hf_get(rope->object, TURNS[i].from)) continue;
    HETA_TRY(number(hf, rope, TURNS[i].from, NAN, &turns));
    HETA_TRY(heta_i_hf_put_number(hf, TURNS[i].to, turns));
  }
  HETA_TRY(heta_i_made_string(hf->to, heta_i_hf_key(hf, "rope.scaling.type", name), "yarn", 4,
                              hf->error));
  HETA_TRY(heta_i_hf_put_number(hf, "rope.scaling.factor", factor));
  HETA_TRY(heta_i_hf_put_size(hf, "rope.scaling.original_context_length", (size_t)original));
  if (fabs(magnitude - usual) > 0)
    HETA_TRY(heta_i_hf_put_number(hf, "rope.scaling.attn_factor", magnitude / usual));
  return HETA_OK;
}

static heta_status write_kind(const heta_i_hf *hf, const table *rope) {
  char shown[HETA_QUOTE];
  bool longer = hf->family->rope.longer;
  if (!strcmp(rope->kind, "default")) return HETA_OK;
  if (!strcmp(rope->kind, "linear")) return write_linear(hf, rope);
  if (!strcmp(rope->kind, "llama3")) return write_llama3(hf, rope);
  /* Phi-3's first files call it so. */
  if (longer &&
      (!strcmp(rope->kind, "longrope") || !strcmp(rope->kind, "su") || !strcmp(rope->kind, "yarn")))
    return write_longrope(hf, rope);
  if (!longer && !strcmp(rope->kind, "yarn")) return write_yarn(hf, rope);
  return heta_i_fail(
      hf->error, HETA_E_UNSUPPORTED,
      "%s: %srope_type is \"%s\"; heta knows default, linear, llama3 and %s for this "
      "family",
      hf->config.path, rope->within, heta_i_quote_string(shown, rope->kind),
      longer ? "longrope" : "yarn");
}

/* ---- Where it stands ------------------------------------------------------------------------- */

/* The object that describes the rotation of all layers, or NULL: older files' rope_scaling goes
 * first, as in transformers. */
static heta_status find_object(const heta_i_hf *hf, table *rope) {
  const json_t *scaling = heta_i_hf_get(hf->config.text, "rope_scaling");
  const json_t *parameters = heta_i_hf_get(hf->config.text, "rope_parameters");
  rope->object = json_object_size(scaling) ? scaling : parameters;
  rope->within = json_object_size(scaling) ? "rope_scaling." : "rope_parameters.";
  const json_t *wrong = scaling && !json_is_object(scaling)         ? scaling
                        : parameters && !json_is_object(parameters) ? parameters
                                                                    : NULL;
  if (wrong)
    return heta_i_fail(hf->error, HETA_E_FORMAT,
                       "%s: %s is %s, not an object; fetch the model's folder again",
                       hf->config.path, wrong == scaling ? "rope_scaling" : "rope_parameters",
                       heta_i_json_kind(wrong));
  return HETA_OK;
}

/* Gemma 3: a table for layers with a window, one for the others. */
static heta_status read_local(const heta_i_hf *hf, table *rope, double *theta) {
  table local = {.within = "rope_parameters.sliding_attention."};
  const json_t *parameters = heta_i_hf_get(hf->config.text, "rope_parameters");
  double base;
  HETA_TRY(
      heta_i_hf_number(&hf->config, hf->config.text, "", "rope_local_base_freq", 10000, &base));
  local.object = heta_i_hf_get(parameters, "sliding_attention");
  HETA_TRY(read_basis(hf, &local, base));
  if (strcmp(local.kind, "default"))
    return heta_i_fail(hf->error, HETA_E_UNSUPPORTED,
                       "%s: %srope_type is not \"default\"; heta stretches the positions of layers "
                       "without a window only",
                       hf->config.path, local.within);
  HETA_TRY(heta_i_hf_put_number(hf, "rope.freq_base_swa", local.theta));
  if (rope->object == parameters) {
    rope->object = heta_i_hf_get(parameters, "full_attention");
    rope->within = "rope_parameters.full_attention.";
  }
  *theta = hf->family->rope.theta;
  return HETA_OK;
}

heta_status heta_i_hf_rotary(const heta_i_hf *hf) {
  const heta_i_hf_rope *keys = &hf->family->rope;
  table rope = {0};
  double theta = keys->theta;
  if (!keys->theta_key) return HETA_OK;
  HETA_TRY(find_object(hf, &rope));
  if (keys->local) {
    HETA_TRY(read_local(hf, &rope, &theta));
  } else if (heta_i_hf_get(rope.object, "full_attention") ||
             heta_i_hf_get(rope.object, "sliding_attention")) {
    return heta_i_fail(
        hf->error, HETA_E_UNSUPPORTED,
        "%s: rope_parameters differ from layer to layer, which heta does not compute "
        "for this family",
        hf->config.path);
  }
  HETA_TRY(heta_i_hf_number(&hf->config, hf->config.text, "", keys->theta_key, theta, &theta));
  HETA_TRY(read_basis(hf, &rope, theta));
  HETA_TRY(heta_i_hf_put_size(hf, "rope.dimension_count", rope.dims));
  HETA_TRY(heta_i_hf_put_number(hf, "rope.freq_base", rope.theta));
  return write_kind(hf, &rope);
}
