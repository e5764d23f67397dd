/* model.c: opening a model file: hyper-parameters, the program's weights with their shapes checked,
 * and what the public interface tells about them. */
#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "format/quant.h"

static size_t width_of(const heta_i_hyper *hyper, heta_i_width width) {
  switch (width) {
  case HETA_WIDTH_NONE: return 0;
  case HETA_WIDTH_MODEL: return hyper->width;
  case HETA_WIDTH_QUERY: return hyper->heads * hyper->head_width;
  case HETA_WIDTH_KEY: return hyper->kv_heads * hyper->head_width;
  case HETA_WIDTH_FEED_FORWARD: return hyper->feed_forward;
  case HETA_WIDTH_VOCABULARY: return hyper->vocabulary;
  }
  return 0;
}

/* "llama.block_count" from "block_count". */
static const char *key_of(heta_model *model, const char *key) {
  return heta_i_arena_print(model->memory, "%s.%s", model->architecture->name, key);
}

enum { REQUIRED, OPTIONAL };

static heta_status read_size(heta_model *model, const char *key, int need, size_t maximum,
                             size_t *out, heta_error *error) {
  const char *name = key_of(model, key);
  if (!name) return heta_i_no_memory(error, "a metadata key", strlen(key));
  int64_t value;
  if (!heta_i_file_integer(model->file, name, &value)) {
    if (need == OPTIONAL) return HETA_OK;
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s: metadata %s is missing or not a whole number; convert the model again",
                       heta_i_file_path(model->file), name);
  }
  if (value < 1 || (uint64_t)value > maximum)
    return heta_i_fail(error, HETA_E_FORMAT, "%s: metadata %s is %lld, outside 1 … %zu",
                       heta_i_file_path(model->file), name, (long long)value, maximum);
  *out = (size_t)value;
  return HETA_OK;
}

static heta_status read_number(heta_model *model, const char *key, double *out, heta_error *error) {
  const char *name = key_of(model, key);
  if (!name) return heta_i_no_memory(error, "a metadata key", strlen(key));
  heta_i_file_number(model->file, name, out);
  return HETA_OK;
}

/* RoPE angles per step: base^(-2i/dims), divided by the file's factors (Llama 3 writes them as the
 * tensor rope_freqs.weight) or by the linear scaling factor. */
static heta_status read_rotary(heta_model *model, heta_error *error) {
  const heta_i_hyper *hyper = &model->hyper;
  heta_i_rotary *rotary = &model->hyper.rotary[HETA_ROTARY_GLOBAL];
  const char *path = heta_i_file_path(model->file);
  rotary->magnitude = 1;
  rotary->dims = hyper->head_width;
  HETA_TRY(
      read_size(model, "rope.dimension_count", OPTIONAL, hyper->head_width, &rotary->dims, error));
  if (rotary->dims % 2)
    return heta_i_fail(error, HETA_E_FORMAT, "%s: rope.dimension_count is %zu, an odd number", path,
                       rotary->dims);
  double base = 10000.0, factor = 1.0;
  HETA_TRY(read_number(model, "rope.freq_base", &base, error));
  const char *scaling = "none", *key = key_of(model, "rope.scaling.type");
  if (key) heta_i_file_string(model->file, key, &scaling, NULL);
  if (!strcmp(scaling, "linear")) {
    HETA_TRY(read_number(model, "rope.scaling.factor", &factor, error));
  } else if (!strcmp(scaling, "none")) {
    HETA_TRY(read_number(model, "rope.scale_linear", &factor, error));
  } else {
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "%s: RoPE scaling '%s' is not supported (supported: none, linear, and the "
                       "frequency factors of Llama 3)",
                       path, scaling);
  }
  if (!(base > 0) || !(factor > 0) || !isfinite(base) || !isfinite(factor))
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s: RoPE base %g or scaling factor %g is not positive", path, base, factor);
  size_t pairs = rotary->dims / 2;
  rotary->frequency = heta_i_arena_take(model->memory, pairs, sizeof(double));
  float *factors = heta_i_arena_take(model->memory, pairs, sizeof(float));
  if (!rotary->frequency || !factors)
    return heta_i_no_memory(error, "RoPE frequencies", pairs * sizeof(double));
  const heta_i_tensor *tensor = heta_i_file_tensor(model->file, "rope_freqs.weight");
  if (tensor) {
    if (tensor->type != HETA_TYPE_F32 || tensor->dims != 1 || tensor->shape[0] != pairs)
      return heta_i_fail_at(error, HETA_E_FORMAT, tensor->offset,
                            "%s: tensor rope_freqs.weight should be F32 [%zu], one factor per RoPE "
                            "pair",
                            path, pairs);
    heta_i_tensor_rows(tensor, 0, 1, factors);
  }
  for (size_t i = 0; i < pairs; i++) {
    double scale = tensor ? factors[i] : 1.0;
    if (!(scale > 0) || !isfinite(scale))
      return heta_i_fail_at(error, HETA_E_FORMAT, tensor->offset,
                            "%s: tensor rope_freqs.weight, entry %zu is %g, not a positive factor",
                            path, i, scale);
    double angle = pow(base, -2.0 * (double)i / (double)rotary->dims);
    rotary->frequency[i] = angle / (scale * factor);
  }
  return HETA_OK;
}

static heta_status read_hyper(heta_model *model, heta_error *error) {
  heta_i_hyper *hyper = &model->hyper;
  const char *path = heta_i_file_path(model->file);
  HETA_TRY(read_size(model, "block_count", REQUIRED, 4096, &hyper->layers, error));
  HETA_TRY(read_size(model, "embedding_length", REQUIRED, 1 << 20, &hyper->width, error));
  HETA_TRY(read_size(model, "feed_forward_length", REQUIRED, 1 << 22, &hyper->feed_forward, error));
  HETA_TRY(read_size(model, "attention.head_count", REQUIRED, 1 << 16, &hyper->heads, error));
  hyper->kv_heads = hyper->heads;
  HETA_TRY(
      read_size(model, "attention.head_count_kv", OPTIONAL, hyper->heads, &hyper->kv_heads, error));
  HETA_TRY(read_size(model, "context_length", REQUIRED, 1 << 30, &hyper->context, error));
  size_t experts = 0;
  HETA_TRY(read_size(model, "expert_count", OPTIONAL, 1 << 16, &experts, error));
  if (experts > 1)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "%s: a mixture-of-experts model (%zu experts); heta supports dense models",
                       path, experts);
  hyper->head_width = hyper->width / hyper->heads;
  size_t value_width = 0;
  HETA_TRY(read_size(model, "attention.key_length", OPTIONAL, 1 << 16, &hyper->head_width, error));
  HETA_TRY(read_size(model, "attention.value_length", OPTIONAL, 1 << 16, &value_width, error));
  if (value_width && value_width != hyper->head_width)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "%s: key and value heads of different width (%zu and %zu) are not supported",
                       path, hyper->head_width, value_width);
  if (!hyper->head_width || hyper->heads % hyper->kv_heads)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s: %zu heads cannot share %zu key/value heads of width %zu", path,
                       hyper->heads, hyper->kv_heads, hyper->head_width);
  hyper->layer = heta_i_arena_take(model->memory, hyper->layers, sizeof *hyper->layer);
  if (!hyper->layer) return heta_i_no_memory(error, "the layers", hyper->layers);
  hyper->embedding_scale = 1;
  hyper->attention_scale = 1.0 / sqrt((double)hyper->head_width);
  hyper->epsilon = NAN;
  HETA_TRY(read_number(model, model->architecture->epsilon_key, &hyper->epsilon, error));
  if (!(hyper->epsilon >= 0 && hyper->epsilon < 1))
    return heta_i_fail(error, HETA_E_FORMAT, "%s: metadata %s.%s is missing or not in [0, 1)", path,
                       model->architecture->name, model->architecture->epsilon_key);
  return read_rotary(model, error);
}

static heta_status expand_vector(heta_model *model, const heta_i_tensor *tensor, size_t size,
                                 const float **out, heta_error *error) {
  if (tensor->dims != 1 || tensor->shape[0] != size)
    return heta_i_fail_at(error, HETA_E_FORMAT, tensor->offset,
                          "%s: tensor %s should have %zu entries, the file has %zu",
                          heta_i_file_path(model->file), tensor->name, size, tensor->shape[0]);
  float *values = heta_i_arena_take(model->memory, size, sizeof(float));
  if (!values) return heta_i_no_memory(error, tensor->name, size * sizeof(float));
  heta_i_tensor_rows(tensor, 0, 1, values);
  for (size_t i = 0; i < size; i++)
    if (!isfinite(values[i]))
      return heta_i_fail_at(error, HETA_E_NONFINITE, tensor->offset,
                            "%s: tensor %s, entry %zu is not a finite number",
                            heta_i_file_path(model->file), tensor->name, i);
  *out = values;
  return HETA_OK;
}

static heta_status check_matrix(heta_model *model, const heta_i_tensor *tensor, size_t rows,
                                size_t cols, heta_error *error) {
  if (tensor->dims == 2 && tensor->shape[0] == cols && tensor->shape[1] == rows) return HETA_OK;
  return heta_i_fail_at(
      error, HETA_E_FORMAT, tensor->offset,
      "%s: tensor %s should be %zu × %zu (rows × columns), the file has %zu × %zu",
      heta_i_file_path(model->file), tensor->name, rows, cols, tensor->shape[1], tensor->shape[0]);
}

/* Finds an op's tensors. layer < 0: a head op, whose names carry no block number. */
static heta_status load_op(heta_model *model, const heta_i_op *op, long layer,
                           heta_i_weight *weight, heta_error *error) {
  size_t width = width_of(&model->hyper, op->width);
  if (model->widths[op->out] && model->widths[op->out] != width)
    return heta_i_fail(error, HETA_E_INTERNAL, "buffer %s has two widths",
                       heta_i_site_name(op->out));
  model->widths[op->out] = width;
  if (!op->weight) return HETA_OK;
  char name[128];
  const char *prefix = "";
  char block[32];
  if (layer >= 0) {
    snprintf(block, sizeof block, "blk.%ld.", layer);
    prefix = block;
  }
  snprintf(name, sizeof name, "%s%s.weight", prefix, op->weight);
  const heta_i_tensor *tensor = heta_i_file_tensor(model->file, name);
  if (!tensor && op->fallback) {
    snprintf(name, sizeof name, "%s%s.weight", prefix, op->fallback);
    tensor = heta_i_file_tensor(model->file, name);
  }
  if (!tensor)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s: tensor %s%s.weight is missing; the file is incomplete or of another "
                       "architecture than '%s'",
                       heta_i_file_path(model->file), prefix, op->weight,
                       model->architecture->name);
  weight->tensor = tensor;
  weight->rows = width;
  if (op->kind == HETA_OP_NORM) {
    HETA_TRY(expand_vector(model, tensor, width, &weight->vector, error));
  } else {
    weight->cols = model->widths[op->in[0]];
    HETA_TRY(check_matrix(model, tensor, weight->rows, weight->cols, error));
  }
  snprintf(name, sizeof name, "%s%s.bias", prefix, op->weight);
  const heta_i_tensor *bias = heta_i_file_tensor(model->file, name);
  if (bias) HETA_TRY(expand_vector(model, bias, width, &weight->bias, error));
  return HETA_OK;
}

static heta_status load_weights(heta_model *model, heta_error *error) {
  const heta_i_architecture *family = model->architecture;
  const char *path = heta_i_file_path(model->file);
  model->embedding = heta_i_file_tensor(model->file, "token_embd.weight");
  if (!model->embedding)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s: tensor token_embd.weight is missing; this file holds no model weights",
                       path);
  model->hyper.vocabulary = model->embedding->dims == 2 ? model->embedding->shape[1] : 0;
  size_t tokens = heta_i_tokenizer_get_info(model->tokenizer)->vocabulary;
  if (model->hyper.vocabulary < tokens)
    return heta_i_fail_at(error, HETA_E_FORMAT, model->embedding->offset,
                          "%s: the tokenizer has %zu tokens but token_embd.weight has %zu rows",
                          path, tokens, model->hyper.vocabulary);
  HETA_TRY(
      check_matrix(model, model->embedding, model->hyper.vocabulary, model->hyper.width, error));
  model->widths[HETA_SITE_RESIDUAL_BEFORE] = model->hyper.width;
  while (family->block[model->block_ops].out != HETA_SITE_NONE) model->block_ops++;
  while (family->head[model->head_ops].out != HETA_SITE_NONE) model->head_ops++;
  model->block_weights = heta_i_arena_take(model->memory, model->hyper.layers * model->block_ops,
                                           sizeof *model->block_weights);
  if (!model->block_weights)
    return heta_i_no_memory(error, "the weight table", model->hyper.layers);
  for (size_t layer = 0; layer < model->hyper.layers; layer++)
    for (size_t i = 0; i < model->block_ops; i++)
      HETA_TRY(load_op(model, &family->block[i], (long)layer,
                       &model->block_weights[layer * model->block_ops + i], error));
  for (size_t i = 0; i < model->head_ops; i++)
    HETA_TRY(load_op(model, &family->head[i], -1, &model->head_weights[i], error));
  return HETA_OK;
}

static heta_status count_weights(heta_model *model, heta_error *error) {
  size_t counts[HETA_TYPE_COUNT] = {0}, kinds = 0;
  for (size_t i = 0; i < heta_i_file_tensor_count(model->file); i++) {
    const heta_i_tensor *tensor = heta_i_file_tensor_at(model->file, i);
    counts[tensor->type]++;
    model->info.parameters +=
        (uint64_t)tensor->shape[0] * tensor->shape[1] * tensor->shape[2] * tensor->shape[3];
  }
  heta_weight_count *list = heta_i_arena_take(model->memory, HETA_TYPE_COUNT, sizeof *list);
  if (!list) return heta_i_no_memory(error, "the weight types", sizeof *list);
  for (int type = 0; type < HETA_TYPE_COUNT; type++) {
    if (!counts[type]) continue;
    heta_weight_count entry = {heta_i_type_name((heta_i_type)type), counts[type]};
    size_t at = kinds++;
    for (; at && strcmp(list[at - 1].type, entry.type) > 0; at--) list[at] = list[at - 1];
    list[at] = entry;
  }
  model->info.weights = list;
  model->info.weight_count = kinds;
  return HETA_OK;
}

static const uint64_t HASH_WHOLE_BELOW = 2000000000u;

static heta_status fingerprint(heta_model *model, bool whole, heta_error *error) {
  char *digest = heta_i_arena_take(model->memory, 65, 1);
  if (!digest) return heta_i_no_memory(error, "the fingerprint", 65);
  HETA_TRY(heta_i_file_sha256(model->file, whole, digest, error));
  model->info.fingerprint = digest;
  model->info.fingerprint_kind = whole ? "sha256" : "header-sha256";
  return HETA_OK;
}

static heta_status fill_info(heta_model *model, const char *path, heta_error *error) {
  heta_model_info *info = &model->info;
  const heta_i_hyper *hyper = &model->hyper;
  const heta_i_tokenizer_info *tokenizer = heta_i_tokenizer_get_info(model->tokenizer);
  info->file = heta_i_arena_string(model->memory, path, strlen(path));
  if (!info->file) return heta_i_no_memory(error, "the file name", strlen(path));
  info->format = heta_i_file_format(model->file);
  info->bytes = heta_i_file_bytes(model->file);
  info->architecture = model->architecture->name;
  info->name = "";
  heta_i_file_string(model->file, "general.name", &info->name, NULL);
  info->layers = hyper->layers;
  info->heads = hyper->heads;
  info->kv_heads = hyper->kv_heads;
  info->head_width = hyper->head_width;
  info->width = hyper->width;
  info->feed_forward_width = hyper->feed_forward;
  info->vocabulary = hyper->vocabulary;
  info->context = hyper->context;
  info->tokenizer_model = tokenizer->model;
  info->tokenizer_pre = tokenizer->pre;
  info->tokenizer_fingerprint = tokenizer->fingerprint;
  info->chat_template = tokenizer->chat_template;
  info->bos = tokenizer->bos;
  info->eos = tokenizer->eos;
  info->unk = tokenizer->unk;
  info->pad = tokenizer->pad;
  info->add_bos = tokenizer->add_bos;
  HETA_TRY(count_weights(model, error));
  return fingerprint(model, info->bytes < HASH_WHOLE_BELOW, error);
}

/* Puts the file's name before a message that does not say it: the tokenizer knows no file. */
static heta_status name_file(heta_status status, const char *path, heta_error *error) {
  char message[sizeof error->message];
  if (!error || strstr(error->message, path)) return status;
  snprintf(message, sizeof message, "%s", error->message);
  uint64_t offset = error->offset;
  heta_i_fail_at(error, status, offset, "%s: %s", path, message);
  return status;
}

heta_status heta_i_model_open(const char *path, const heta_i_architecture *architecture,
                              heta_model **out, heta_error *error) {
  heta_status status = HETA_OK;
  heta_model *model = heta_i_allocate(1, sizeof *model);
  if (!model) return heta_i_no_memory(error, "a model", sizeof *model);
  model->memory = heta_i_allocate(1, sizeof *model->memory);
  if (!model->memory) {
    status = heta_i_no_memory(error, "a model", sizeof *model->memory);
    goto done;
  }
  HETA_GO(heta_i_file_open(path, &model->file, error));
  const char *name = NULL;
  if (!heta_i_file_string(model->file, "general.architecture", &name, NULL)) {
    status =
        heta_i_fail(error, HETA_E_FORMAT, "%s: metadata general.architecture is missing", path);
    goto done;
  }
  model->architecture = architecture ? architecture : heta_i_architecture_find(name);
  if (!model->architecture) {
    status = heta_i_fail(error, HETA_E_UNSUPPORTED,
                         "%s: architecture '%s' is not supported (supported: %s)", path, name,
                         heta_i_architecture_names());
    goto done;
  }
  status = heta_i_tokenizer_create(model->file, &model->tokenizer, error);
  if (status) {
    status = name_file(status, path, error);
    goto done;
  }
  HETA_GO(read_hyper(model, error));
  HETA_GO(load_weights(model, error));
  HETA_GO(fill_info(model, path, error));
  *out = model;
  return HETA_OK;
done:
  heta_model_close(model);
  return status;
}

heta_status heta_model_open(const char *path, heta_model **out, heta_error *error) {
  if (!path || !out)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "heta_model_open needs a path and a place for the model");
  return heta_i_model_open(path, NULL, out, error);
}

void heta_model_close(heta_model *model) {
  if (!model) return;
  heta_i_tokenizer_free(model->tokenizer);
  heta_i_file_close(model->file);
  if (model->memory) heta_i_arena_free(model->memory);
  heta_i_free(model->memory);
  heta_i_free(model);
}

const heta_model_info *heta_model_get_info(const heta_model *model) { return &model->info; }

heta_status heta_model_hash(heta_model *model, heta_error *error) {
  if (!strcmp(model->info.fingerprint_kind, "sha256")) return HETA_OK;
  return fingerprint(model, true, error);
}
