/* model.c: opening a model file step by step, and what the public interface tells about it. */
#include "model/model.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "format/quant.h"
#include "model/hugging_face.h"
#include "model/hyper.h"
#include "model/tensors.h"

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

/* What the family does beside the common form. */
static void describe_family(const heta_i_hyper *hyper, heta_model_info *info) {
  const heta_i_rotary *global = &hyper->rotary[HETA_ROTARY_GLOBAL];
  info->positions = global->dims ? "rotary" : "learned";
  info->rotary_width = global->dims;
  info->rotary_base = global->base;
  info->rotary_local_base = hyper->rotary[HETA_ROTARY_LOCAL].base;
  info->rotary_long_from = global->frequency_long ? global->long_from : 0;
  for (size_t i = 0; i < hyper->layers; i++) {
    info->unrotated_layers += global->dims && hyper->layer[i].rotary == HETA_ROTARY_NONE;
    info->windowed_layers += hyper->layer[i].window > 0;
    if (hyper->layer[i].window) info->window = hyper->layer[i].window;
  }
  info->attention_cap = hyper->attention_cap;
  info->logit_cap = hyper->logit_cap;
  info->attention_scale = hyper->attention_scale;
  info->embedding_scale = hyper->embedding_scale;
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
  describe_family(hyper, info);
  return count_weights(model, error);
}

/* Puts the file's name before a message that does not say it: the tokenizer knows no file. */
static heta_status name_file(heta_status status, const char *path, heta_error *error) {
  char message[sizeof error->message];
  if (!status || !error || strstr(error->message, path)) return status;
  snprintf(message, sizeof message, "%s", error->message);
  uint64_t offset = error->offset;
  heta_i_fail_at(error, status, offset, "%s: %s", path, message);
  return status;
}

/* A folder, or a safetensors file with a folder around it. */
static bool is_folder(const heta_model *model) {
  return !strcmp(heta_i_file_format(model->file), "safetensors");
}

static heta_status open_tokenizer(heta_model *model, heta_error *error) {
  const char *path = heta_i_file_path(model->file);
  if (!is_folder(model))
    return name_file(heta_i_tokenizer_create(model->file, &model->tokenizer, error), path, error);
  const heta_i_tensor *embedding = heta_i_file_tensor(model->file, "token_embd.weight");
  const char *folder = heta_i_hugging_face_folder(model->memory, path);
  if (!folder) return heta_i_no_memory(error, "the folder's name", strlen(path));
  return heta_i_tokenizer_create_folder(folder, embedding ? embedding->shape[1] : 0,
                                        &model->tokenizer, error);
}

heta_status heta_i_model_look(const char *path, const heta_i_architecture *architecture,
                              heta_model **out, heta_error *error) {
  heta_status status = HETA_OK;
  heta_model *model = heta_i_allocate(1, sizeof *model);
  if (!model) return heta_i_no_memory(error, "a model", sizeof *model);
  model->memory = heta_i_allocate(1, sizeof *model->memory);
  if (!model->memory) {
    status = heta_i_no_memory(error, "a model", sizeof *model->memory);
    goto done;
  }
  model->kept = heta_i_kept_open();
  if (!model->kept) {
    status = heta_i_no_memory(error, "a model", sizeof *model->kept);
    goto done;
  }
  HETA_GO(heta_i_file_open(path, &model->file, error));
  if (is_folder(model)) HETA_GO(heta_i_hugging_face_translate(&model->file, error));
  model->architecture = architecture;
  if (!architecture) HETA_GO(heta_i_architecture_choose(model->file, &model->architecture, error));
  HETA_GO(open_tokenizer(model, error));
  HETA_GO(heta_i_read_hyper(model, error));
  HETA_GO(heta_i_load_tensors(model, error));
  HETA_GO(fill_info(model, path, error));
  *out = model;
  return HETA_OK;
done:
  heta_model_close(model);
  return status;
}

heta_status heta_i_model_open(const char *path, const heta_i_architecture *architecture,
                              heta_model **out, heta_error *error) {
  heta_model *model;
  HETA_TRY(heta_i_model_look(path, architecture, &model, error));
  heta_status status = fingerprint(model, model->info.bytes < HASH_WHOLE_BELOW, error);
  if (status)
    heta_model_close(model);
  else
    *out = model;
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
  heta_i_kept_close(model->kept);
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
