/* rotary.c: the tables of rotation angles. An angle per position step is base^(-2i/dims), divided
 * by the scaling factor and by the pair's own factor, which files hold as tensors: rope_freqs
 * (Llama 3), or rope_factors_short and rope_factors_long (Phi-3), of which the second counts for
 * texts longer than the original context. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "model/hyper.h"
#include "model/metadata.h"

static const char SHORT[] = "rope_factors_short.weight", LONG[] = "rope_factors_long.weight",
                  MAGNITUDE[] = "rope.scaling.attn_factor";

static const double PI = 3.14159265358979323846;

static heta_status positive(const heta_model *model, const char *key, double value,
                            heta_error *error) {
  char name[HETA_KEY_SIZE];
  if (value > 0) return HETA_OK;
  return heta_i_fail(error, HETA_E_FORMAT, "%s: metadata %s is %g, not positive",
                     heta_i_file_path(model->file), heta_i_key(model, key, name), value);
}

/* What angles are divided by: all by `factor`, or, by YaRN, pairs below `low` not at all, pairs
 * from `high` on by it, and those between in part. */
typedef struct scaling {
  double factor;
  bool yarn;
  double low, high;
} scaling;

/* How many times smaller the angle of a pair becomes. */
static double divisor_of(const scaling *s, size_t pair) {
  if (!s->yarn) return s->factor;
  double scaled = ((double)pair - s->low) / (s->high > s->low ? s->high - s->low : 1e-3);
  scaled = scaled < 0 ? 0 : scaled > 1 ? 1 : scaled;
  return 1 / (scaled / s->factor + 1 - scaled);
}

/* YaRN keeps the angles of pairs that turn at least beta_fast times within the original context,
 * and divides those that turn at most beta_slow times; cos and sin grow with the factor. */
static heta_status read_yarn(heta_model *model, scaling *s, heta_error *error) {
  heta_i_rotary *rotary = &model->hyper.rotary[HETA_ROTARY_GLOBAL];
  double fast = 32, slow = 1, extrapolation = 1, multiplier = 0;
  size_t original = 0;
  HETA_TRY(heta_i_read_size(model, "rope.scaling.original_context_length", HETA_NEED_REQUIRED, 1,
                            1 << 30, &original, error));
  const struct {
    const char *key;
    double *value;
  } optional[] = {{"rope.scaling.yarn_beta_fast", &fast},
                  {"rope.scaling.yarn_beta_slow", &slow},
                  {"rope.scaling.yarn_ext_factor", &extrapolation},
                  {"rope.scaling.yarn_log_multiplier", &multiplier}};
  for (size_t i = 0; i < sizeof optional / sizeof *optional; i++)
    HETA_TRY(
        heta_i_read_number(model, optional[i].key, HETA_NEED_OPTIONAL, optional[i].value, error));
  HETA_TRY(positive(model, optional[0].key, fast, error));
  HETA_TRY(positive(model, optional[1].key, slow, error));
  if (fabs(extrapolation - 1) > 0 || fabs(multiplier) > 0)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "%s: RoPE scaling 'yarn' with an extrapolation factor or a logarithmic "
                       "multiplier (%g, %g) is not supported",
                       heta_i_file_path(model->file), extrapolation, multiplier);
  if (!(rotary->base > 1))
    return heta_i_fail(error, HETA_E_FORMAT, "%s: RoPE scaling 'yarn' needs a base above 1, not %g",
                       heta_i_file_path(model->file), rotary->base);
  double dims = (double)rotary->dims, turns = (double)original / (2 * PI);
  s->yarn = true;
  s->low = fmax(0, floor(dims * log(turns / fast) / (2 * log(rotary->base))));
  s->high = fmin(dims - 1, ceil(dims * log(turns / slow) / (2 * log(rotary->base))));
  if (s->factor > 1) rotary->magnitude *= 1 + 0.1 * log(s->factor);
  return HETA_OK;
}

static heta_status read_scaling(heta_model *model, scaling *s, heta_error *error) {
  const char *kind = NULL, *key = "rope.scaling.factor", *path = heta_i_file_path(model->file);
  HETA_TRY(heta_i_read_string(model, "rope.scaling.type", &kind, error));
  *s = (scaling){.factor = 1};
  if (kind && !strcmp(kind, "none")) return HETA_OK;
  if (kind && !strcmp(kind, "longrope")) {
    if (heta_i_file_tensor(model->file, LONG)) return HETA_OK;
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s: RoPE scaling 'longrope' needs the tensor %s, which is missing; convert "
                       "the model again",
                       path, LONG);
  }
  bool yarn = kind && !strcmp(kind, "yarn");
  if (kind && !yarn && strcmp(kind, "linear"))
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "%s: RoPE scaling '%s' is not supported (supported: none, linear, yarn, "
                       "longrope, and the frequency factors of Llama 3)",
                       path, kind);
  if (!yarn && !heta_i_has_key(model, key)) key = "rope.scale_linear";
  HETA_TRY(heta_i_read_number(model, key, yarn ? HETA_NEED_REQUIRED : HETA_NEED_OPTIONAL,
                              &s->factor, error));
  HETA_TRY(positive(model, key, s->factor, error));
  return yarn ? read_yarn(model, s, error) : HETA_OK;
}

/* One angle per pair; `factors` names a tensor of one factor per pair, or is NULL. */
static heta_status make_angles(heta_model *model, const heta_i_rotary *rotary, const scaling *s,
                               const char *factors, double **out, heta_error *error) {
  const char *path = heta_i_file_path(model->file);
  size_t pairs = rotary->dims / 2;
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
    angles[i] =
        pow(rotary->base, -2.0 * (double)i / (double)rotary->dims) / (scale * divisor_of(s, i));
  }
  *out = angles;
  return HETA_OK;
}

/* Phi-3's two tables of factors: both or none. */
static heta_status read_long(heta_model *model, const scaling *s, bool *found, heta_error *error) {
  heta_i_rotary *global = &model->hyper.rotary[HETA_ROTARY_GLOBAL];
  bool has_short = heta_i_file_tensor(model->file, SHORT) != NULL;
  *found = heta_i_file_tensor(model->file, LONG) != NULL;
  if (*found != has_short)
    return heta_i_fail(error, HETA_E_FORMAT, "%s: tensor %s is missing; the file is incomplete",
                       heta_i_file_path(model->file), has_short ? LONG : SHORT);
  if (!*found) return HETA_OK;
  HETA_TRY(heta_i_read_size(model, "rope.scaling.original_context_length", HETA_NEED_REQUIRED, 1,
                            1 << 30, &global->long_from, error));
  if (!heta_i_has_key(model, MAGNITUDE)) {
    char name[HETA_KEY_SIZE];
    return heta_i_fail(error, HETA_E_FORMAT, "%s: metadata %s is missing; convert the model again",
                       heta_i_file_path(model->file), heta_i_key(model, MAGNITUDE, name));
  }
  HETA_TRY(make_angles(model, global, s, SHORT, &global->frequency, error));
  return make_angles(model, global, s, LONG, &global->frequency_long, error);
}

static heta_status read_global(heta_model *model, heta_error *error) {
  heta_i_hyper *hyper = &model->hyper;
  heta_i_rotary *global = &hyper->rotary[HETA_ROTARY_GLOBAL];
  scaling s;
  bool is_long;
  *global = (heta_i_rotary){.dims = hyper->head_width, .base = 10000, .magnitude = 1};
  HETA_TRY(heta_i_read_size(model, "rope.dimension_count", HETA_NEED_OPTIONAL, 1, hyper->head_width,
                            &global->dims, error));
  if (global->dims % 2)
    return heta_i_fail(error, HETA_E_FORMAT, "%s: rope.dimension_count is %zu, an odd number",
                       heta_i_file_path(model->file), global->dims);
  HETA_TRY(heta_i_read_number(model, "rope.freq_base", HETA_NEED_OPTIONAL, &global->base, error));
  HETA_TRY(positive(model, "rope.freq_base", global->base, error));
  HETA_TRY(heta_i_read_number(model, MAGNITUDE, HETA_NEED_OPTIONAL, &global->magnitude, error));
  HETA_TRY(positive(model, MAGNITUDE, global->magnitude, error));
  HETA_TRY(read_scaling(model, &s, error));
  HETA_TRY(read_long(model, &s, &is_long, error));
  global->magnitude_long = global->magnitude;
  return is_long ? HETA_OK
                 : make_angles(model, global, &s, "rope_freqs.weight", &global->frequency, error);
}

/* Of layers with a window; never scaled. A file that gives such a base to a family without is of
 * another one. */
static heta_status read_local(heta_model *model, heta_error *error) {
  const heta_i_rotary *global = &model->hyper.rotary[HETA_ROTARY_GLOBAL];
  heta_i_rotary *local = &model->hyper.rotary[HETA_ROTARY_LOCAL];
  const scaling none = {.factor = 1};
  bool known = model->architecture->local_rotary;
  *local =
      (heta_i_rotary){.dims = global->dims, .base = known ? 10000 : global->base, .magnitude = 1};
  HETA_TRY(heta_i_read_size(model, "rope.dimension_count_swa", HETA_NEED_OPTIONAL, 1,
                            model->hyper.head_width, &local->dims, error));
  HETA_TRY(
      heta_i_read_number(model, "rope.freq_base_swa", HETA_NEED_OPTIONAL, &local->base, error));
  HETA_TRY(positive(model, "rope.freq_base_swa", local->base, error));
  if (local->dims != global->dims || (!known && fabs(local->base - global->base) > 0))
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "%s: layers with a window rotate %zu elements of a head by base %g, others "
                       "%zu by base %g, which heta does not compute for the architecture '%s'",
                       heta_i_file_path(model->file), local->dims, local->base, global->dims,
                       global->base, model->architecture->name);
  if (!known) {
    *local = (heta_i_rotary){0};
    return HETA_OK;
  }
  return make_angles(model, local, &none, NULL, &local->frequency, error);
}

heta_status heta_i_read_rotary(heta_model *model, heta_error *error) {
  HETA_TRY(read_global(model, error));
  return read_local(model, error);
}
