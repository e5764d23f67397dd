/* places.c: the folders in which programs keep models. The one file of the library that reads the
 * environment, and only when asked to. */
#include "store/places.h"

#include <stdlib.h>
#include <string.h>

static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

heta_places heta_places_default(void) {
  return (heta_places){.struct_size = sizeof(heta_places),
                       .home = variable("HOME"),
                       .cache = variable("XDG_CACHE_HOME"),
                       .ollama = variable("OLLAMA_MODELS"),
                       .llama_cpp = variable("LLAMA_CACHE"),
                       .huggingface = variable("HF_HOME"),
                       .hub = variable("HF_HUB_CACHE")};
}

/* given, or else folder/below when there is a folder; NULL only for lack of memory. */
static const char *either(heta_i_arena *arena, const char *given, const char *folder,
                          const char *below) {
  if (given) return given;
  return folder && *folder ? heta_i_arena_print(arena, "%s/%s", folder, below) : "";
}

heta_status heta_i_folders_of(const heta_places *places, heta_i_arena *arena, heta_i_folders *out,
                              heta_error *error) {
  heta_i_folders folders = {0};
  heta_places own = places ? *places : heta_places_default();
  if (own.struct_size != sizeof own)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "heta_places has the size of another version of heta: begin with "
                       "heta_places_default()");
  const char *cache = either(arena, own.cache, own.home, ".cache");
  const char *huggingface = either(arena, own.huggingface, cache, "huggingface");
  folders.heta = either(arena, NULL, cache, "heta");
  folders.ollama[0] = either(arena, own.ollama, own.home, ".ollama/models");
  folders.ollama[1] = own.ollama || !own.home ? "" : "/usr/share/ollama/.ollama/models";
  folders.llama_cpp = either(arena, own.llama_cpp, cache, "llama.cpp");
  folders.hub = either(arena, own.hub, huggingface, "hub");
  folders.lmstudio[0] = either(arena, NULL, own.home, ".lmstudio/models");
  folders.lmstudio[1] = either(arena, NULL, own.home, ".cache/lm-studio/models");
  const char *const all[] = {cache,
                             huggingface,
                             folders.heta,
                             folders.hub,
                             folders.ollama[0],
                             folders.llama_cpp,
                             folders.lmstudio[0],
                             folders.lmstudio[1]};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (!all[i]) return heta_i_no_memory(error, "the name of a folder", HETA_PATH);
  }
  *out = folders;
  return HETA_OK;
}

heta_status heta_cache_folder(const heta_places *places, char path[HETA_PATH], heta_error *error) {
  heta_status status = HETA_OK;
  heta_i_arena memory = {0};
  heta_i_folders folders;
  HETA_GO(heta_i_folders_of(places, &memory, &folders, error));
  size_t length = strlen(folders.heta);
  if (!length || length >= HETA_PATH)
    HETA_GO(heta_i_fail(error, HETA_E_ARGUMENT,
                        length ? "the path of heta's cache is too long: set XDG_CACHE_HOME"
                               : "heta's cache has no place: set HOME or XDG_CACHE_HOME"));
  memcpy(path, folders.heta, length + 1);
done:
  heta_i_arena_free(&memory);
  return status;
}
