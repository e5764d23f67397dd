/* ollama.c: Ollama's store. manifests/HOST/NAMESPACE/MODEL/TAG is a JSON object whose layer of
 * media type "…image.model" names the GGUF file blobs/sha256-DIGEST; newer versions of Ollama write
 * manifests-v2 as well. */
#include "store/ollama.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/models.h"
#include "store/tree.h"

static const char SOURCE[] = "ollama";
static const char LAYER[] = "application/vnd.ollama.image.";
enum { MANIFEST = 1 << 20 }; /* bytes of the largest */

typedef struct scan {
  heta_models *models;
  const char *blobs; /* the folder */
} scan;

/* Reads a whole small file; 0 or an errno value. */
static int read_file(const char *path, char *bytes, size_t room, size_t *size) {
  int code = 0, file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return errno;
  *size = 0;
  while (*size < room) {
    ssize_t got = read(file, bytes + *size, room - *size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) code = errno;
    if (got <= 0) break;
    *size += (size_t)got;
  }
  if (*size == room) code = EFBIG;
  close(file);
  return code;
}

/* The digits of "sha256:DIGITS", or NULL. */
static const char *digest_of(const json_t *layer) {
  const char *digest = json_string_value(json_object_get(layer, "digest"));
  if (!digest || strncmp(digest, "sha256:", 7)) return NULL;
  digest += 7;
  return strlen(digest) == HETA_DIGEST - 1 && strspn(digest, "0123456789abcdef") == HETA_DIGEST - 1
             ? digest
             : NULL;
}

const char *heta_i_ollama_read(const char *bytes, size_t size, char digest[HETA_DIGEST]) {
  size_t models = 0;
  bool adapter = false;
  const char *found = NULL;
  json_t *manifest = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, NULL);
  const json_t *layers = json_object_get(manifest, "layers");
  for (size_t i = 0; i < json_array_size(layers); i++) {
    const json_t *layer = json_array_get(layers, i);
    const char *type = json_string_value(json_object_get(layer, "mediaType"));
    if (!type || strncmp(type, LAYER, strlen(LAYER))) continue;
    type += strlen(LAYER);
    if (!strcmp(type, "adapter")) adapter = true;
    if (strcmp(type, "model")) continue;
    found = digest_of(layer);
    models++;
  }
  const char *problem =
      !manifest    ? "Ollama's manifest is no JSON: it is damaged; ollama pull fetches it again"
      : adapter    ? "Ollama runs this model with an adapter, which heta does not read"
      : models > 1 ? "Ollama's manifest names several model files, which heta does not join"
      : !models
          ? "Ollama's manifest names no GGUF file: it is damaged, or the model lies elsewhere "
            "or in another format"
      : !found ? "Ollama's manifest does not name its model file by a SHA-256: it is damaged"
               : NULL;
  if (!problem) memcpy(digest, found, HETA_DIGEST);
  json_decref(manifest);
  return problem;
}

/* Fills path and bytes, or problem. */
static heta_status read_manifest(scan *s, const char *path, heta_found_model *found,
                                 heta_error *error) {
  heta_status status = HETA_OK;
  heta_i_arena *memory = &s->models->memory;
  char digest[HETA_DIGEST], why[128];
  size_t size = 0;
  struct stat about;
  char *bytes = heta_i_allocate(MANIFEST, 1);
  if (!bytes) return heta_i_no_memory(error, "a manifest of Ollama", MANIFEST);
  int code = read_file(path, bytes, MANIFEST, &size);
  if (code) {
    if (strerror_r(code, why, sizeof why)) why[0] = 0;
    found->problem = heta_i_arena_print(memory, "Ollama's manifest cannot be read: %s", why);
    if (!found->problem) status = heta_i_no_memory(error, "a message", sizeof why);
    goto done;
  }
  found->problem = heta_i_ollama_read(bytes, size, digest);
  if (found->problem) goto done;
  char *blob = heta_i_arena_print(memory, "%s/sha256-%s", s->blobs, digest);
  if (!blob) HETA_GO(heta_i_no_memory(error, "the path of a model", strlen(s->blobs)));
  if (stat(blob, &about) == 0) {
    found->path = blob;
    found->bytes = (uint64_t)about.st_size;
  } else {
    found->problem =
        heta_i_arena_print(memory, "its file %s is not there; ollama pull fetches it again", blob);
    if (!found->problem) status = heta_i_no_memory(error, "a message", strlen(blob));
  }
done:
  heta_i_free(bytes);
  return status;
}

/* The name as Ollama shows it: "llama3.2:1b" from "registry.ollama.ai/library/llama3.2/1b", with
 * whatever is not the default. NULL for a file that lies elsewhere than manifests do. */
static char *name_of(heta_i_arena *memory, const char *below, bool *manifest) {
  static const char *const defaults[] = {"registry.ollama.ai/", "ollama.com/"};
  size_t slashes = 0;
  for (const char *c = below; *c; c++) slashes += *c == '/';
  *manifest = slashes == 3;
  if (!*manifest) return NULL;
  for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
    size_t length = strlen(defaults[i]);
    if (strncmp(below, defaults[i], length)) continue;
    below += length;
    if (!strncmp(below, "library/", 8)) below += 8;
    break;
  }
  const char *tag = strrchr(below, '/');
  return heta_i_arena_print(memory, "%s:%.*s:%s", SOURCE, (int)(tag - below), below, tag + 1);
}

static heta_status visit(void *context, const char *path, const char *below,
                         const struct stat *about, heta_error *error) {
  scan *s = context;
  bool manifest;
  if (!about) return heta_i_models_unreadable(s->models, SOURCE, path, errno, error);
  heta_found_model found = {.source = SOURCE,
                            .name = name_of(&s->models->memory, below, &manifest)};
  if (!manifest) return HETA_OK;
  if (!found.name) return heta_i_no_memory(error, "the name of a model", strlen(below));
  HETA_TRY(read_manifest(s, path, &found, error));
  return heta_i_models_add(s->models, &found, error);
}

static heta_status scan_store(heta_models *models, const char *folder, heta_error *error) {
  static const char *const manifests[] = {"manifests-v2", "manifests"};
  scan s = {models, heta_i_arena_print(&models->memory, "%s/blobs", folder)};
  if (!s.blobs) return heta_i_no_memory(error, "the name of a folder", strlen(folder));
  if (!*folder) return HETA_OK;
  HETA_TRY(heta_i_models_folder(models, folder, error));
  for (size_t i = 0; i < sizeof manifests / sizeof *manifests; i++) {
    char *root = heta_i_arena_print(&models->memory, "%s/%s", folder, manifests[i]);
    if (!root) return heta_i_no_memory(error, "the name of a folder", strlen(folder));
    HETA_TRY(heta_i_tree_walk(root, 3, visit, &s, error));
  }
  return HETA_OK;
}

heta_status heta_i_scan_ollama(heta_models *models, const heta_i_folders *folders,
                               heta_error *error) {
  HETA_TRY(scan_store(models, folders->ollama[0], error));
  return scan_store(models, folders->ollama[1], error);
}
