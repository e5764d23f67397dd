/* locate.c: from the name of a model to the file or folder it lies in. */
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "format/quote.h"
#include "store/models.h"

enum { SHOWN = 200 }; /* bytes of a message for the names of what is there */

static heta_status give(const char *found, char path[HETA_PATH], heta_error *error) {
  size_t length = strlen(found);
  if (length >= HETA_PATH)
    return heta_i_fail(error, HETA_E_ARGUMENT, "the path of the model is longer than %d bytes",
                       HETA_PATH - 1);
  memcpy(path, found, length + 1);
  return HETA_OK;
}

/* "llama3.2:1b, tiny:latest and 3 more", or "nothing". */
static void list_names(const heta_models *models, heta_i_buffer *out) {
  size_t shown = 0;
  for (; shown < models->count && out->size < SHOWN; shown++)
    heta_i_buffer_print(out, "%s%s", shown ? ", " : "", models->items[shown].name);
  if (shown < models->count) heta_i_buffer_print(out, " and %zu more", models->count - shown);
  if (!models->count) heta_i_buffer_string(out, "nothing");
}

static heta_status refuse(const heta_models *models, const char *name, heta_error *error) {
  char shown[HETA_QUOTE], folder[HETA_QUOTE];
  heta_i_buffer there = {.limit = 4096};
  list_names(models, &there);
  heta_i_quote_string(folder, models->folder_count ? models->folders[0] : "no folder");
  heta_status status =
      heta_i_fail(error, HETA_E_IO, "there is no model %s in %s%s; there is: %s",
                  heta_i_quote_string(shown, name), folder,
                  models->folder_count > 1 ? " (or where the system keeps them)" : "",
                  there.bytes ? there.bytes : "…");
  heta_i_buffer_free(&there);
  return status;
}

/* SOURCE:NAME. */
static heta_status locate_in_store(const heta_places *places, const char *name, size_t source,
                                   char path[HETA_PATH], heta_error *error) {
  heta_status status = HETA_OK;
  heta_i_arena memory = {0};
  heta_models *models = NULL;
  char shown[HETA_QUOTE];
  char *store = heta_i_arena_string(&memory, name, source);
  char *latest = heta_i_arena_print(&memory, "%s:latest", name);
  if (!store || !latest) HETA_GO(heta_i_no_memory(error, "the name of a model", strlen(name)));
  HETA_GO(heta_i_models_scan(places, store, &models, error));
  const heta_found_model *found = heta_i_models_named(models, name);
  if (!found && !strcmp(store, "ollama")) found = heta_i_models_named(models, latest);
  if (!found) HETA_GO(refuse(models, name, error));
  if (!found->path)
    HETA_GO(heta_i_fail(error, HETA_E_UNSUPPORTED, "%s: %s", heta_i_quote_string(shown, name),
                        found->problem));
  status = give(found->path, path, error);
done:
  heta_models_free(models);
  heta_i_arena_free(&memory);
  return status;
}

static heta_status locate_offer(const heta_places *places, const heta_offer *offer,
                                char path[HETA_PATH], heta_error *error) {
  heta_status status = HETA_OK;
  struct stat about;
  heta_i_arena memory = {0};
  heta_i_folders folders;
  char shown[HETA_QUOTE];
  HETA_GO(heta_i_folders_of(places, &memory, &folders, error));
  char *file = heta_i_arena_print(&memory, "%s/%s", folders.heta, offer->file);
  if (!file) HETA_GO(heta_i_no_memory(error, "the path of a model", strlen(folders.heta)));
  if (stat(file, &about))
    HETA_GO(heta_i_fail(error, HETA_E_IO,
                        "the model %s is not in %s yet: heta model pull %s fetches it", offer->name,
                        heta_i_quote_string(shown, folders.heta), offer->name));
  status = give(file, path, error);
done:
  heta_i_arena_free(&memory);
  return status;
}

heta_status heta_model_locate(const heta_places *places, const char *name, char path[HETA_PATH],
                              heta_error *error) {
  struct stat about;
  char shown[HETA_QUOTE];
  const char *colon = strchr(name, ':'), *dot = strrchr(name, '.');
  if (stat(name, &about) == 0) return give(name, path, error);
  if (colon && heta_i_models_source(name, (size_t)(colon - name)))
    return locate_in_store(places, name, (size_t)(colon - name), path, error);
  const heta_offer *offer = heta_offer_find(name);
  if (offer) return locate_offer(places, offer, path, error);
  if (strchr(name, '/') || (dot && (!strcmp(dot, ".gguf") || !strcmp(dot, ".safetensors"))))
    return give(name, path, error);
  return heta_i_fail(
      error, HETA_E_IO,
      "there is no file %s, nor can a model of that name be fetched: heta model list "
      "shows what there is",
      heta_i_quote_string(shown, name));
}
