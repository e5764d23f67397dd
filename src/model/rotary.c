/* rotary.c: the tables of rotation angles. An angle per position step is base^(-2i/dims), divided
 * by the scaling factor and by the pair's own factor, which files hold as tensors: rope_freqs
 * (Llama 3), or rope_factors_short and rope_factors_long (Phi-3), of which the second counts for
 * texts longer than the original context. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "model/hyper.h"
#include "model/metadata.h"

static heta_status positive(const heta_model *model, const char *key, double value,
                            heta_error *error) {
  char name[HETA_KEY_SIZE];
  if (value > 0) return HETA_OK;
  return heta_i_fail(error, HETA_E_FORMAT, "%s: metadata %s is %g, not positive",
                     heta_i_file_path(model->file), heta_i_key(model, key, name), value);
}

/* What every angle is divided by. */
static heta_status read_factor(const heta_model *model, double *factor, heta_error *error) {
  const char *scaling = NULL, *key = "rope.scaling.factor", *path = heta_i_file_path(model->file);
  HETA_TRY(heta_i_read_string(model, "rope.scaling.type", &scaling, error));
  *factor = 1;
  if (scaling && !strcmp(scaling, "none")) return HETA_OK;
  if (scaling && !strcmp(scaling, "longrope")) {
    if (heta_i_file_tensor(model->file, "rope_factors_long.weight")) return HETA_OK;
    return heta_i_fail(
        error, HETA_E_FORMAT,
        "%s: RoPE scaling 'longrope' needs the tensor rope_factors_long.weight, which "
        "is missing; convert the model again",
        path);
  }
  if (scaling && strcmp(scaling, "linear"))
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "%s: RoPE scaling '%s' is not supported (supported: none, linear, longrope, "
                       "and the frequency factors of Llama 3)",
                       path, scaling);
  if (!heta_i_has_key(model, key)) key = "rope.scale_linear";
  HETA_TRY(heta_i_read_number(model, key, HETA_NEED_OPTIONAL, factor, error));
  return positive(model, key, *factor, error);
}

/* One angle per pair; `factors` names a tensor of one factor per pair, or is NULL. */
static heta_status make_angles(heta_model *model, size_t dims, double base, double factor,
                               const char *factors, double **out, heta_error *error) {
  const char *path = heta_i_file_path(model->file);
  size_t pairs = dims / 2;
  double *angles = heta_i_arena_take(model->memory, pairs, sizeof *angles);
  float *own = heta_i_arena_take(model->memory, pairs, sizeof *own);
  if (!angles || !own) return heta_i_no_memory(error, "RoPE frequencies", pairs * sizeof *angles);
  const heta_i_tensor *tensor = factors ? heta_i_file_tensor(model->file, factors) : NULL;
  if (tensor) {
    if (tensor->type != HETA_TYPE_F32 || tensor->dims != 1 || tensor->shape[0] != pairs)
      return heta_i_fail_at(error, HETA_E_FORMAT, tensor->offset,
                            "%s: tensor %s should be F32 [%zu], one factor per RoPE pair", path,
                            factors, pairs);
    heta_i_tensor_rows(tensor, 0, 1, own);
  }
  for (size_t i = 0; i < pairs; i++) {
    double scale = tensor ? (double)own[i] : 1.0;
    if (!(scale > 0) || !isfinite(scale))
      return heta_i_fail_at(error, HETA_E_FORMAT, tensor->offset,
                            "%s: tensor %s, entry %zu is %g, not a positive factor", path, factors,
                            i, scale);
    angles[i] = pow(base, -2.0 * (double)i / (double)dims) / (scale * factor);
  }
  *out = angles;
  return HETA_OK;
}

/* Phi-3's two tables of factors: both or none. */
static heta_status read_long(heta_model *model, double factor, bool *found, heta_error *error) {
  static const char SHORT[] = "rope_factors_short.weight", LONG[] = "rope_factors_long.weight";
  heta_i_rotary *global = &model->hyper.rotary[HETA_ROTARY_GLOBAL];
  bool has_short = heta_i_file_tensor(model->file, SHORT) != NULL;
  *found = heta_i_file_tensor(model->file, LONG) != NULL;
  if (*found != has_short)
    return heta_i_fail(error, HETA_E_FORMAT, "%s: tensor %s is missing; the file is incomplete",
                       heta_i_file_path(model->file), has_short ? LONG : SHORT);
  if (!*found) return HETA_OK;
  HETA_TRY(heta_i_read_size(model, "rope.scaling.original_context_length", HETA_NEED_REQUIRED, 1,
                            1 << 30, &global->long_from, error));
  HETA_TRY(heta_i_read_number(model, "rope.scaling.attn_factor", HETA_NEED_REQUIRED,
                              &global->magnitude, error));
  HETA_TRY(
      make_angles(model, global->dims, global->base, factor, SHORT, &global->frequency, error));
  return make_angles(model, global->dims, global->base, factor, LONG, &global->frequency_long,
                     error);
}

heta_status heta_i_read_rotary(heta_model *model, heta_error *error) {
  heta_i_hyper *hyper = &model->hyper;
  heta_i_rotary *global = &hyper->rotary[HETA_ROTARY_GLOBAL];
  double factor;
  *global = (heta_i_rotary){.dims = hyper->head_width, .base = 10000, .magnitude = 1};
  HETA_TRY(heta_i_read_size(model, "rope.dimension_count", HETA_NEED_OPTIONAL, 1, hyper->head_width,
                            &global->dims, error));
  if (global->dims % 2)
    return heta_i_fail(error, HETA_E_FORMAT, "%s: rope.dimension_count is %zu, an odd number",
                       heta_i_file_path(model->file), global->dims);
  HETA_TRY(heta_i_read_number(model, "rope.freq_base", HETA_NEED_OPTIONAL, &global->base, error));
  HETA_TRY(positive(model, "rope.freq_base", global->base, error));
  HETA_TRY(read_factor(model, &factor, error));
  HETA_TRY(heta_i_read_number(model, "rope.scaling.attn_factor", HETA_NEED_OPTIONAL,
                              &global->magnitude, error));
  bool is_long;
  HETA_TRY(read_long(model, factor, &is_long, error));
  if (!is_long)
    HETA_TRY(make_angles(model, global->dims, global->base, factor, "rope_freqs.weight",
                         &global->frequency, error));
  HETA_TRY(positive(model, "rope.scaling.attn_factor", global->magnitude, error));
  global->magnitude_long = global->magnitude;
  if (!model->architecture->local_rotary) return HETA_OK;
  heta_i_rotary *local = &hyper->rotary[HETA_ROTARY_LOCAL];
  *local = (heta_i_rotary){.dims = global->dims, .base = 10000, .magnitude = 1};
  HETA_TRY(
      heta_i_read_number(model, "rope.freq_base_swa", HETA_NEED_OPTIONAL, &local->base, error));
  HETA_TRY(positive(model, "rope.freq_base_swa", local->base, error));
  return make_angles(model, local->dims, local->base, 1, NULL, &local->frequency, error);
}
