/* folders.c: stores that keep model files under their own names: heta's cache, llama.cpp's, LM
 * Studio's. A model is a .gguf file (of a split one, the first part) or a folder with config.json
 * and .safetensors files. */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "store/models.h"
#include "store/tree.h"

enum { DEPTH = 5 };

typedef struct scan {
  heta_models *models;
  const char *source;
} scan;

static bool ends_with(const char *text, size_t length, const char *end) {
  size_t size = strlen(end);
  return length >= size && !memcmp(text + length - size, end, size);
}

/* "-00002-of-00005.gguf": belongs to its first part. */
static bool is_later_part(const char *name) {
  size_t length = strlen(name);
  if (length < 20) return false;
  const char *end = name + length - 20;
  unsigned part = 0;
  for (int i = 1; i <= 5; i++) {
    if (end[i] < '0' || end[i] > '9') return false;
    part = part * 10 + (unsigned)(end[i] - '0');
  }
  return end[0] == '-' && !memcmp(end + 6, "-of-", 4) && part != 1;
}

/* Whether the folder of a config.json (path, length up to its last slash) has weights beside it. */
static bool has_weights(heta_i_arena *memory, const char *path, size_t length) {
  bool found = false;
  char *name = heta_i_arena_string(memory, path, length);
  DIR *folder = name ? opendir(name) : NULL;
  struct dirent *entry;
  while (folder && !found && (entry = readdir(folder)))
    found = ends_with(entry->d_name, strlen(entry->d_name), ".safetensors");
  if (folder) closedir(folder);
  return found;
}

/* Adds the file or folder path[0, length); its name ends with below[0, below_length). */
static heta_status add(heta_models *models, const char *source, const char *before,
                       const char *path, size_t length, const char *below, size_t below_length,
                       uint64_t bytes, heta_error *error) {
  const char *between = *before && below_length ? "/" : "";
  char *name = heta_i_arena_print(&models->memory, "%s:%s%s%.*s", source, before, between,
                                  (int)below_length, below);
  char *own = heta_i_arena_string(&models->memory, path, length);
  if (!name || !own) return heta_i_no_memory(error, "the path of a model", length);
  heta_found_model found = {.source = source, .name = name, .path = own, .bytes = bytes};
  return heta_i_models_add(models, &found, error);
}

heta_status heta_i_models_add_file(heta_models *models, const char *source, const char *before,
                                   const char *path, const char *below, const struct stat *about,
                                   heta_error *error) {
  static const char CONFIG[] = "/config.json";
  size_t length = strlen(path), below_length = strlen(below), config = sizeof CONFIG - 1;
  if (ends_with(path, length, ".gguf") && !is_later_part(path))
    return add(models, source, before, path, length, below, below_length, (uint64_t)about->st_size,
               error);
  if (!ends_with(path, length, CONFIG) || !has_weights(&models->memory, path, length - config))
    return HETA_OK;
  size_t folder = below_length < config ? 0 : below_length - config;
  return add(models, source, before, path, length - config, below, folder, 0, error);
}

static heta_status visit(void *context, const char *path, const char *below,
                         const struct stat *about, heta_error *error) {
  scan *s = context;
  if (!about) return heta_i_models_unreadable(s->models, s->source, path, errno, error);
  return heta_i_models_add_file(s->models, s->source, "", path, below, about, error);
}

static heta_status scan_folder(heta_models *models, const char *source, const char *folder,
                               heta_error *error) {
  scan s = {models, source};
  HETA_TRY(heta_i_models_folder(models, folder, error));
  return heta_i_tree_walk(folder, DEPTH, visit, &s, error);
}

/* What was fetched goes by the name of its offer. */
heta_status heta_i_scan_heta(heta_models *models, const heta_i_folders *folders,
                             heta_error *error) {
  struct stat about;
  for (size_t i = 0; i < heta_offer_count() && *folders->heta; i++) {
    const heta_offer *offer = heta_offer_at(i);
    char *path = heta_i_arena_print(&models->memory, "%s/%s", folders->heta, offer->file);
    if (!path) return heta_i_no_memory(error, "the path of a model", strlen(folders->heta));
    heta_found_model found = {.source = "heta", .name = offer->name, .path = path};
    if (stat(path, &about)) continue;
    found.bytes = (uint64_t)about.st_size;
    HETA_TRY(heta_i_models_add(models, &found, error));
  }
  return heta_i_models_folder(models, folders->heta, error);
}

heta_status heta_i_scan_llama_cpp(heta_models *models, const heta_i_folders *folders,
                                  heta_error *error) {
  return scan_folder(models, "llama.cpp", folders->llama_cpp, error);
}

heta_status heta_i_scan_lmstudio(heta_models *models, const heta_i_folders *folders,
                                 heta_error *error) {
  HETA_TRY(scan_folder(models, "lmstudio", folders->lmstudio[0], error));
  return scan_folder(models, "lmstudio", folders->lmstudio[1], error);
}
