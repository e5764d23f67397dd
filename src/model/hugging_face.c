/* hugging_face.c: a Hugging Face folder, told in GGUF's names: config.json read and checked. */
#include "model/hugging_face.h"

#include <string.h>

#include "format/folder.h"
#include "format/json.h"
#include "format/quote.h"
#include "model/hf_translate.h"

char *heta_i_hugging_face_folder(heta_i_arena *arena, const char *path) {
  const char *slash = strrchr(path, '/');
  if (heta_i_is_folder(path)) return heta_i_arena_string(arena, path, strlen(path));
  if (!slash) return heta_i_arena_string(arena, ".", 1);
  return heta_i_arena_string(arena, path, slash == path ? 1 : (size_t)(slash - path));
}

/* ---- What config.json may not say ------------------------------------------------------------ */

static heta_status refuse_experts(const heta_i_hf_config *config) {
  static const char *const KEYS[] = {"num_local_experts", "num_experts", "n_routed_experts",
                                     "moe_num_experts"};
  for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
    int64_t experts = 0;
    const json_t *value = heta_i_hf_get(config->text, KEYS[i]);
    if (heta_i_json_integer(value, &experts) && experts > 1)
      return heta_i_hf_refuse(config, KEYS[i], value,
                              "this is a mixture-of-experts model; heta supports dense models");
  }
  return HETA_OK;
}

static heta_status refuse_quantised(const heta_i_hf_config *config) {
  char shown[HETA_QUOTE];
  const char *method = NULL;
  const json_t *quantised = heta_i_hf_get(config->root, "quantization_config");
  if (!quantised) quantised = heta_i_hf_get(config->text, "quantization_config");
  if (!quantised) return HETA_OK;
  method = heta_i_json_text(json_object_get(quantised, "quant_method"));
  return heta_i_fail(config->error, HETA_E_UNSUPPORTED,
                     "%s: the weights are quantised (quantization_config, %s); heta reads folders "
                     "of F32, F16 or BF16, and quantised GGUF files",
                     config->path, method ? heta_i_quote_string(shown, method) : "without method");
}

static heta_status check_demand(const heta_i_hf_config *config, const heta_i_hf_demand *demand) {
  static const char WHY[] = "heta does not compute this variant of the family";
  const json_t *value = heta_i_hf_get(config->text, demand->key);
  if (!value) return HETA_OK;
  if (!*demand->words) {
    bool flag;
    HETA_TRY(heta_i_hf_flag(config, demand->key, demand->flag, &flag));
    return flag == demand->flag ? HETA_OK : heta_i_hf_refuse(config, demand->key, value, WHY);
  }
  const char *word;
  HETA_TRY(heta_i_hf_word(config, config->text, "", demand->key, NULL, &word));
  for (size_t i = 0; i < sizeof demand->words / sizeof *demand->words && demand->words[i]; i++)
    if (!strcmp(demand->words[i], word)) return HETA_OK;
  return heta_i_hf_refuse(config, demand->key, value, WHY);
}

/* Tables whose sizes follow from others, and that configurations can contradict. */
static heta_status check_rest(const heta_i_hf *hf) {
  const heta_i_hf_config *config = &hf->config;
  size_t projected;
  HETA_TRY(heta_i_hf_size(config, "word_embed_proj_dim", hf->sizes.width, 1 << 22, &projected));
  if (projected != hf->sizes.width)
    return heta_i_hf_refuse(config, "word_embed_proj_dim",
                            heta_i_hf_get(config->text, "word_embed_proj_dim"),
                            "heta computes models whose embeddings are as wide as their layers");
  return HETA_OK;
}

/* ---- The translation ------------------------------------------------------------------------- */

/* Finds the object that describes the language model, and the family. */
static heta_status find_family(heta_i_hf *hf) {
  char shown[HETA_QUOTE];
  heta_i_hf_config *config = &hf->config;
  const char *type;
  if (!json_is_object(config->root))
    return heta_i_fail(hf->error, HETA_E_FORMAT,
                       "%s holds %s, not an object; fetch the model's folder again", config->path,
                       heta_i_json_kind(config->root));
  config->text = config->root;
  HETA_TRY(heta_i_hf_word(config, config->root, "", "model_type", NULL, &type));
  if (!strcmp(type, "gemma3")) { /* with a vision model beside it, which texts do not need */
    config->text = heta_i_hf_get(config->root, "text_config");
    if (!json_is_object(config->text))
      return heta_i_fail(hf->error, HETA_E_FORMAT,
                         "%s: text_config is %s, not an object; fetch the model's folder again",
                         config->path, heta_i_json_kind(config->text));
    type = "gemma3_text";
  }
  HETA_TRY(refuse_experts(config));
  HETA_TRY(refuse_quantised(config));
  hf->family = heta_i_hf_family_find(type);
  if (hf->family) return HETA_OK;
  return heta_i_fail(hf->error, HETA_E_UNSUPPORTED,
                     "%s: model_type '%s' is not supported (supported: %s)", config->path,
                     heta_i_quote_string(shown, type), heta_i_hf_family_names());
}

static heta_status write_names(const heta_i_hf *hf, const char *folder) {
  const char *architecture = hf->family->architecture;
  HETA_TRY(heta_i_made_string(hf->to, "general.architecture", architecture, strlen(architecture),
                              hf->error));
  size_t size = strlen(folder);
  while (size > 1 && folder[size - 1] == '/') size--;
  size_t start = size;
  while (start && folder[start - 1] != '/') start--;
  if (!folder[start + strspn(folder + start, "./")]) return HETA_OK; /* ".", "..", "/": no name */
  return heta_i_made_string(hf->to, "general.name", folder + start, size - start, hf->error);
}

static heta_status translate(heta_i_hf *hf, const char *folder) {
  HETA_TRY(find_family(hf));
  for (const heta_i_hf_demand *demand = hf->family->demands; demand->key; demand++)
    HETA_TRY(check_demand(&hf->config, demand));
  HETA_TRY(write_names(hf, folder));
  HETA_TRY(heta_i_hf_sizes_read(hf));
  HETA_TRY(check_rest(hf));
  HETA_TRY(heta_i_hf_layers(hf));
  HETA_TRY(heta_i_hf_rotary(hf));
  return heta_i_hf_tensors(hf);
}

heta_status heta_i_hugging_face_translate(heta_i_file **file, heta_error *error) {
  heta_status status = HETA_OK;
  char shown[HETA_QUOTE];
  const char *bytes;
  size_t size;
  heta_i_arena arena = {0};
  heta_i_hf hf = {.error = error};
  heta_i_file *base = *file;
  *file = NULL;
  char *folder = heta_i_hugging_face_folder(&arena, heta_i_file_path(base));
  char *path = folder ? heta_i_folder_path(&arena, folder, "config.json") : NULL;
  HETA_GO(heta_i_made_create(heta_i_file_path(base), base, file, error));
  hf.to = *file;
  hf.from = heta_i_made_base(*file);
  if (!path) {
    status = heta_i_no_memory(error, "a file name", 1);
    goto done;
  }
  hf.config = (heta_i_hf_config){.path = heta_i_quote_string(shown, path), .error = error};
  if (!heta_i_is_there(path)) {
    status = heta_i_fail(error, HETA_E_IO,
                         "there is no %s, which says what the weights beside it are; fetch the "
                         "whole folder of the model",
                         shown);
    goto done;
  }
  HETA_GO(heta_i_made_map(hf.to, path, &bytes, &size, error));
  HETA_GO(heta_i_json_parse(bytes, size, path, 0, &hf.config.root, error));
  HETA_GO(translate(&hf, folder));
done:
  json_decref(hf.config.root);
  heta_i_arena_free(&arena);
  return status;
}
