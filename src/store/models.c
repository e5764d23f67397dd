/* models.c: the list of models found on this machine, and whether heta can open them. */
#include "store/models.h"

#include <string.h>

#include "format/file.h"
#include "format/quote.h"
#include "model/model.h"

static const struct store {
  const char *source;
  heta_status (*scan)(heta_models *models, const heta_i_folders *folders, heta_error *error);
} STORES[] = {{"heta", heta_i_scan_heta},
              {"ollama", heta_i_scan_ollama},
              {"llama.cpp", heta_i_scan_llama_cpp},
              {"hf", heta_i_scan_hub},
              {"lmstudio", heta_i_scan_lmstudio}};
enum { STORE_COUNT = sizeof STORES / sizeof *STORES };

bool heta_i_models_source(const char *source, size_t length) {
  for (size_t i = 0; i < STORE_COUNT; i++) {
    if (strlen(STORES[i].source) == length && !memcmp(STORES[i].source, source, length))
      return true;
  }
  return false;
}

const heta_found_model *heta_i_models_named(const heta_models *models, const char *name) {
  for (size_t i = 0; i < models->count; i++) {
    if (!strcmp(models->items[i].name, name)) return &models->items[i];
  }
  return NULL;
}

/* Room for one more entry of `size` bytes; a longer array replaces the old one in the arena. */
static heta_status make_room(heta_models *models, void **items, size_t count, size_t *room,
                             size_t size, heta_error *error) {
  if (count < *room) return HETA_OK;
  size_t larger = *room ? 2 * *room : 16;
  void *grown = heta_i_arena_take(&models->memory, larger, size);
  if (!grown) return heta_i_no_memory(error, "the list of models", larger * size);
  if (count) memcpy(grown, *items, count * size);
  *items = grown;
  *room = larger;
  return HETA_OK;
}

/* Copies a text into the list; NULL stays NULL. */
static heta_status keep(heta_models *models, const char **text, heta_error *error) {
  if (!*text) return HETA_OK;
  size_t size = strlen(*text);
  const char *copy = heta_i_arena_string(&models->memory, *text, size);
  if (!copy) return heta_i_no_memory(error, "the list of models", size);
  *text = copy;
  return HETA_OK;
}

heta_status heta_i_models_add(heta_models *models, const heta_found_model *model,
                              heta_error *error) {
  if (heta_i_models_named(models, model->name)) return HETA_OK;
  heta_found_model own = *model;
  HETA_TRY(keep(models, &own.source, error));
  HETA_TRY(keep(models, &own.name, error));
  HETA_TRY(keep(models, &own.path, error));
  HETA_TRY(keep(models, &own.architecture, error));
  HETA_TRY(keep(models, &own.problem, error));
  void *items = models->items;
  HETA_TRY(make_room(models, &items, models->count, &models->room, sizeof own, error));
  models->items = items;
  models->items[models->count++] = own;
  return HETA_OK;
}

heta_status heta_i_models_folder(heta_models *models, const char *folder, heta_error *error) {
  if (!*folder) return HETA_OK;
  if (strlen(folder) >= HETA_PATH)
    return heta_i_fail(error, HETA_E_ARGUMENT, "the path of a folder of models is longer than %d",
                       HETA_PATH - 1);
  HETA_TRY(keep(models, &folder, error));
  void *folders = models->folders;
  HETA_TRY(make_room(models, &folders, models->folder_count, &models->folder_room,
                     sizeof *models->folders, error));
  models->folders = folders;
  models->folders[models->folder_count++] = folder;
  return HETA_OK;
}

heta_status heta_i_models_unreadable(heta_models *models, const char *source, const char *folder,
                                     int code, heta_error *error) {
  char why[128], shown[HETA_QUOTE];
  if (strerror_r(code, why, sizeof why)) why[0] = 0;
  heta_found_model model = {.source = source,
                            .name = heta_i_arena_print(&models->memory, "%s:%s", source, folder),
                            .problem = heta_i_arena_print(&models->memory,
                                                          "the folder %s cannot be read: %s",
                                                          heta_i_quote_string(shown, folder), why)};
  if (!model.name || !model.problem) return heta_i_no_memory(error, "the list of models", 1);
  return heta_i_models_add(models, &model, error);
}

heta_status heta_i_models_scan(const heta_places *places, const char *source, heta_models **out,
                               heta_error *error) {
  heta_status status = HETA_OK;
  heta_i_folders folders;
  heta_models *models = heta_i_allocate(1, sizeof *models);
  if (!models) return heta_i_no_memory(error, "the list of models", sizeof *models);
  HETA_GO(heta_i_folders_of(places, &models->memory, &folders, error));
  for (size_t i = 0; i < STORE_COUNT; i++) {
    if (!source || !strcmp(source, STORES[i].source))
      HETA_GO(STORES[i].scan(models, &folders, error));
  }
  *out = models;
  models = NULL;
done:
  heta_models_free(models);
  return status;
}

/* Only opening a model tells whether it can be opened. */
static heta_status try_to_open(heta_models *models, heta_found_model *found, heta_error *error) {
  heta_error problem = {0};
  heta_model *model;
  heta_i_file *file;
  if (!found->path) return HETA_OK;
  heta_status status = heta_i_model_look(found->path, NULL, &model, &problem);
  if (status == HETA_OK) {
    const heta_model_info *info = heta_model_get_info(model);
    found->supported = true;
    found->bytes = info->bytes;
    found->architecture = info->architecture;
    status = keep(models, &found->architecture, error);
    heta_model_close(model);
    return status;
  }
  if (status == HETA_E_MEMORY) {
    if (error) *error = problem;
    return status;
  }
  found->problem = problem.message;
  HETA_TRY(keep(models, &found->problem, error));
  if (heta_i_file_open(found->path, &file, NULL) != HETA_OK) return HETA_OK;
  found->bytes = heta_i_file_bytes(file);
  status = HETA_OK;
  if (heta_i_file_string(file, "general.architecture", &found->architecture, NULL))
    status = keep(models, &found->architecture, error);
  heta_i_file_close(file);
  return status;
}

heta_status heta_models_find(const heta_places *places, heta_models **out, heta_error *error) {
  heta_models *models;
  HETA_TRY(heta_i_models_scan(places, NULL, &models, error));
  for (size_t i = 0; i < models->count; i++) {
    heta_status status = try_to_open(models, &models->items[i], error);
    if (status) {
      heta_models_free(models);
      return status;
    }
  }
  *out = models;
  return HETA_OK;
}

size_t heta_models_count(const heta_models *models) { return models->count; }

const heta_found_model *heta_models_at(const heta_models *models, size_t index) {
  return index < models->count ? &models->items[index] : NULL;
}

const char *heta_models_folder_at(const heta_models *models, size_t index) {
  return index < models->folder_count ? models->folders[index] : NULL;
}

void heta_models_free(heta_models *models) {
  if (!models) return;
  heta_i_arena_free(&models->memory);
  heta_i_free(models);
}
