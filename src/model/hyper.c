/* hyper.c: a model's hyper-parameters, from the metadata of its file. */
#include "model/hyper.h"

#include <math.h>

#include "base/memory.h"
#include "model/metadata.h"

bool heta_i_has_op(const heta_i_op *program, heta_i_op_kind kind) {
  for (; program->out != HETA_SITE_NONE; program++)
    if (program->kind == kind) return true;
  return false;
}

/* Metadata that changes what a model computes, in ways no program of the table has, unless it has
 * the neutral value. */
static const struct {
  const char *key;
  double neutral;
} FOREIGN[] = {
    {"attention.clamp_kqv", 0},
    {"attention.max_alibi_bias", 0},
    {"attention.q_lora_rank", 0},
    {"attention.kv_lora_rank", 0},
    {"attention.output_scale", 1},
    {"attention.temperature_scale", 0},
    {"attention.shared_kv_layers", 0},
    {"full_attention_interval", 1},
    {"logit_scale", 1},
    {"residual_scale", 1},
    {"embedding_scale", 1},
};

static heta_status refuse_foreign(const heta_model *model, heta_error *error) {
  const char *path = heta_i_file_path(model->file);
  size_t experts = 0;
  HETA_TRY(
      heta_i_read_size(model, "expert_count", HETA_NEED_OPTIONAL, 0, 1 << 16, &experts, error));
  if (experts > 1)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "%s: a mixture-of-experts model (%zu experts); heta supports dense models",
                       path, experts);
  bool causal = true;
  HETA_TRY(heta_i_read_flag(model, "attention.causal", &causal, error));
  if (!causal)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "%s: its attention is not causal; heta supports models that read from left "
                       "to right",
                       path);
  char name[HETA_KEY_SIZE];
  for (size_t i = 0; i < sizeof FOREIGN / sizeof *FOREIGN; i++) {
    double value = FOREIGN[i].neutral;
    HETA_TRY(heta_i_read_number(model, FOREIGN[i].key, HETA_NEED_OPTIONAL, &value, error));
    if (value < FOREIGN[i].neutral || value > FOREIGN[i].neutral)
      return heta_i_fail(error, HETA_E_UNSUPPORTED,
                         "%s: metadata %s is %g; heta computes models of this architecture without "
                         "it only",
                         path, heta_i_key(model, FOREIGN[i].key, name), value);
  }
  return HETA_OK;
}

static heta_status check_needs(const heta_model *model, heta_error *error) {
  const heta_i_architecture *family = model->architecture;
  char name[HETA_KEY_SIZE];
  for (size_t i = 0; i < sizeof family->needs / sizeof *family->needs && family->needs[i]; i++)
    if (!heta_i_has_key(model, family->needs[i]))
      return heta_i_fail(error, HETA_E_FORMAT,
                         "%s: metadata %s is missing; convert the model again",
                         heta_i_file_path(model->file), heta_i_key(model, family->needs[i], name));
  return HETA_OK;
}

static heta_status read_sizes(heta_model *model, heta_error *error) {
  const struct {
    const char *key;
    size_t maximum;
    size_t *out;
  } sizes[] = {
      {"block_count", 4096, &model->hyper.layers},
      {"embedding_length", 1 << 20, &model->hyper.width},
      {"feed_forward_length", 1 << 22, &model->hyper.feed_forward},
      {"attention.head_count", 1 << 16, &model->hyper.heads},
      {"context_length", 1 << 30, &model->hyper.context},
  };
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    HETA_TRY(heta_i_read_size(model, sizes[i].key, HETA_NEED_REQUIRED, 1, sizes[i].maximum,
                              sizes[i].out, error));
  return HETA_OK;
}

static heta_status read_heads(heta_model *model, heta_error *error) {
  heta_i_hyper *hyper = &model->hyper;
  const char *path = heta_i_file_path(model->file);
  hyper->kv_heads = hyper->heads;
  HETA_TRY(heta_i_read_size(model, "attention.head_count_kv", HETA_NEED_OPTIONAL, 1, hyper->heads,
                            &hyper->kv_heads, error));
  hyper->head_width = hyper->width / hyper->heads;
  HETA_TRY(heta_i_read_size(model, "attention.key_length", HETA_NEED_OPTIONAL, 1, 1 << 16,
                            &hyper->head_width, error));
  if (!heta_i_has_key(model, "attention.key_length") && hyper->width % hyper->heads)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s: %zu heads do not divide a width of %zu, and metadata "
                       "attention.key_length is missing",
                       path, hyper->heads, hyper->width);
  static const char *const SAME[] = {"attention.value_length", "attention.key_length_swa",
                                     "attention.value_length_swa"};
  for (size_t i = 0; i < sizeof SAME / sizeof *SAME; i++) {
    size_t width = hyper->head_width;
    HETA_TRY(heta_i_read_size(model, SAME[i], HETA_NEED_OPTIONAL, 1, 1 << 16, &width, error));
    if (width != hyper->head_width)
      return heta_i_fail(error, HETA_E_UNSUPPORTED,
                         "%s: heads of different width (attention.key_length %zu, %s %zu) are not "
                         "supported",
                         path, hyper->head_width, SAME[i], width);
  }
  if (hyper->heads % hyper->kv_heads)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s: %zu heads cannot share %zu key/value heads of width %zu", path,
                       hyper->heads, hyper->kv_heads, hyper->head_width);
  return HETA_OK;
}

static heta_status read_epsilon(heta_model *model, heta_error *error) {
  double *epsilon = &model->hyper.epsilon;
  const char *key = model->architecture->epsilon_key;
  char name[HETA_KEY_SIZE];
  HETA_TRY(heta_i_read_number(model, key, HETA_NEED_REQUIRED, epsilon, error));
  if (*epsilon >= 0 && *epsilon < 1) return HETA_OK;
  return heta_i_fail(error, HETA_E_FORMAT, "%s: metadata %s is %g, not in [0, 1)",
                     heta_i_file_path(model->file), heta_i_key(model, key, name), *epsilon);
}

/* A cap: 0 or absent means none. */
static heta_status read_cap(const heta_model *model, const char *key, double *out,
                            heta_error *error) {
  char name[HETA_KEY_SIZE];
  HETA_TRY(heta_i_read_number(model, key, HETA_NEED_OPTIONAL, out, error));
  if (*out >= 0) return HETA_OK;
  return heta_i_fail(error, HETA_E_FORMAT,
                     "%s: metadata %s is %g; a cap is positive, or 0 for none",
                     heta_i_file_path(model->file), heta_i_key(model, key, name), *out);
}

static heta_status read_scales(heta_model *model, heta_error *error) {
  heta_i_hyper *hyper = &model->hyper;
  const heta_i_architecture *family = model->architecture;
  const char *path = heta_i_file_path(model->file);
  bool wide = family->wide_layers && hyper->layers == family->wide_layers;
  hyper->attention_scale =
      1 / sqrt(wide ? (double)hyper->width / (double)hyper->heads : (double)hyper->head_width);
  HETA_TRY(heta_i_read_number(model, "attention.scale", HETA_NEED_OPTIONAL, &hyper->attention_scale,
                              error));
  if (!(hyper->attention_scale > 0))
    return heta_i_fail(error, HETA_E_FORMAT, "%s: metadata attention.scale is %g, not positive",
                       path, hyper->attention_scale);
  hyper->embedding_scale = family->scaled_embedding ? sqrt((double)hyper->width) : 1;
  HETA_TRY(read_cap(model, "attn_logit_softcapping", &hyper->attention_cap, error));
  HETA_TRY(read_cap(model, "final_logit_softcapping", &hyper->logit_cap, error));
  if (hyper->logit_cap > 0 && !heta_i_has_op(family->head, HETA_OP_SOFT_CAP))
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "%s: metadata final_logit_softcapping is %g; heta computes no such cap for "
                       "the architecture '%s'",
                       path, hyper->logit_cap, family->name);
  return HETA_OK;
}

/* Whether a layer is the last of its period. */
static bool ends_period(size_t layer, size_t period) { return period && (layer + 1) % period == 0; }

static const char WINDOW[] = "attention.sliding_window",
                  PATTERN[] = "attention.sliding_window_pattern";

/* Which layers have the window: as the file says, with yes or no for every layer or with a period
 * (see window_period), or else as the family has it. */
static heta_status read_windowed(const heta_model *model, bool *windowed, heta_error *error) {
  const heta_i_hyper *hyper = &model->hyper;
  size_t period = model->architecture->window_period;
  char name[HETA_KEY_SIZE];
  heta_i_key(model, PATTERN, name);
  size_t count = heta_i_file_array(model->file, name);
  if (!count)
    HETA_TRY(heta_i_read_size(model, PATTERN, HETA_NEED_OPTIONAL, 0, 4096, &period, error));
  bool sound = !count || count == hyper->layers;
  for (size_t i = 0; i < hyper->layers && sound; i++) {
    windowed[i] = !ends_period(i, period);
    if (count) sound = heta_i_file_array_flag(model->file, name, i, &windowed[i]);
  }
  if (sound) return HETA_OK;
  return heta_i_fail(error, HETA_E_FORMAT,
                     "%s: metadata %s should say yes or no for each of %zu layers",
                     heta_i_file_path(model->file), name, hyper->layers);
}

static heta_status read_layers(heta_model *model, heta_error *error) {
  heta_i_hyper *hyper = &model->hyper;
  const heta_i_architecture *family = model->architecture;
  size_t window = 0, least = family->window_period ? 1 : 0;
  HETA_TRY(heta_i_read_size(model, WINDOW, HETA_NEED_OPTIONAL, least, 1 << 30, &window, error));
  bool *windowed = heta_i_arena_take(model->memory, hyper->layers, sizeof *windowed);
  hyper->layer = heta_i_arena_take(model->memory, hyper->layers, sizeof *hyper->layer);
  if (!windowed || !hyper->layer)
    return heta_i_no_memory(error, "the layers", hyper->layers * sizeof *hyper->layer);
  HETA_TRY(read_windowed(model, windowed, error));
  bool rotates = heta_i_has_op(family->block, HETA_OP_ROTARY);
  for (size_t i = 0; i < hyper->layers; i++) {
    hyper->layer[i].window = windowed[i] ? window : 0;
    hyper->layer[i].rotary =
        family->local_rotary && windowed[i] ? HETA_ROTARY_LOCAL : HETA_ROTARY_GLOBAL;
    if (!rotates || ends_period(i, family->unrotated_period))
      hyper->layer[i].rotary = HETA_ROTARY_NONE;
  }
  return HETA_OK;
}

heta_status heta_i_read_hyper(heta_model *model, heta_error *error) {
  HETA_TRY(refuse_foreign(model, error));
  HETA_TRY(check_needs(model, error));
  HETA_TRY(read_sizes(model, error));
  HETA_TRY(read_heads(model, error));
  HETA_TRY(read_epsilon(model, error));
  HETA_TRY(read_scales(model, error));
  HETA_TRY(read_layers(model, error));
  return heta_i_has_op(model->architecture->block, HETA_OP_ROTARY)
             ? heta_i_read_rotary(model, error)
             : HETA_OK;
}
