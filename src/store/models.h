/* models.h: the list of models found on this machine, and the stores that fill it. */
#ifndef HETA_STORE_MODELS_H
#define HETA_STORE_MODELS_H

#include <sys/stat.h>

#include "base/memory.h"
#include "store/places.h"

struct heta_models {
  heta_i_arena memory;     /* of the items' texts and of the arrays */
  heta_found_model *items; /* names are all different */
  size_t count, room;
  const char **folders;
  size_t folder_count, folder_room;
};

/* Adds a model, its texts copied; one whose name is in the list already is left out: stores are
 * looked at in the order of preference. */
heta_status heta_i_models_add(heta_models *models, const heta_found_model *model,
                              heta_error *error);
/* Notes that a folder is looked into. */
heta_status heta_i_models_folder(heta_models *models, const char *folder, heta_error *error);
/* Adds a folder that could not be read as a model without path, named SOURCE:FOLDER. */
heta_status heta_i_models_unreadable(heta_models *models, const char *source, const char *folder,
                                     int code, heta_error *error);
/* Adds a file met on a walk if it is a model, or the mark of one: a .gguf file, or a config.json
 * with .safetensors beside it, which stands for its folder. Its name is SOURCE:BEFORE/BELOW. */
heta_status heta_i_models_add_file(heta_models *models, const char *source, const char *before,
                                   const char *path, const char *below, const struct stat *about,
                                   heta_error *error);
const heta_found_model *heta_i_models_named(const heta_models *models, const char *name);

/* Everything in the stores, or only in the one of this source (NULL: all); nothing is opened. */
heta_status heta_i_models_scan(const heta_places *places, const char *source, heta_models **out,
                               heta_error *error);
/* Whether there is a store of this name. */
bool heta_i_models_source(const char *source, size_t length);

/* ---- The stores: each adds what it holds -------------------------------------------------- */

heta_status heta_i_scan_heta(heta_models *models, const heta_i_folders *folders, heta_error *error);
heta_status heta_i_scan_ollama(heta_models *models, const heta_i_folders *folders,
                               heta_error *error);
heta_status heta_i_scan_llama_cpp(heta_models *models, const heta_i_folders *folders,
                                  heta_error *error);
heta_status heta_i_scan_hub(heta_models *models, const heta_i_folders *folders, heta_error *error);
heta_status heta_i_scan_lmstudio(heta_models *models, const heta_i_folders *folders,
                                 heta_error *error);

#endif
