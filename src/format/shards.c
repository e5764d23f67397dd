/* shards.c: the weights of a model folder: one safetensors file, or several with an index. */
#include "format/shards.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format/folder.h"
#include "format/json.h"
#include "format/quote.h"
#include "format/record.h"
#include "format/safetensors.h"

enum { MOST_PARTS = 1024, SUFFIX = sizeof "-00001-of-00003.safetensors" - 1 };
static const char WHOLE[] = "model.safetensors", INDEX[] = "model.safetensors.index.json";

/* ---- The index: {"weight_map": {tensor: file name}} ------------------------------------------ */

static heta_status bad_index(const char *path, const char *place, const char *what,
                             heta_error *error) {
  char shown[HETA_QUOTE], where[HETA_QUOTE];
  return heta_i_fail(error, HETA_E_FORMAT, "%s: weight_map%s%s %s; fetch the model again",
                     heta_i_quote_string(shown, path), *place ? ", tensor " : "",
                     heta_i_quote_string(where, place), what);
}

/* Reads the index; the caller releases *json. *map is its weight_map, whose values are file names
 * without a folder. */
static heta_status read_index(const char *path, json_t **json, json_t **map, heta_error *error) {
  heta_i_map bytes = {0};
  const char *name;
  json_t *value;
  HETA_TRY(heta_i_map_open(path, &bytes, error));
  heta_status status =
      heta_i_json_parse((const char *)bytes.bytes, bytes.size, path, 0, json, error);
  heta_i_map_close(&bytes);
  HETA_TRY(status);
  *map = json_object_get(*json, "weight_map");
  if (!json_is_object(*map) || !json_object_size(*map))
    return bad_index(path, "", "is missing, empty or no object", error);
  json_object_foreach(*map, name, value) {
    const char *file = heta_i_json_text(value);
    if (!file || !*file || strchr(file, '/') || *file == '.')
      return bad_index(path, name, "is not in a file of this folder", error);
  }
  return HETA_OK;
}

static int compare_texts(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The different file names of the map, sorted, in a list that the caller frees. */
static heta_status list_names(const char *path, json_t *map, const char ***out, size_t *count,
                              heta_error *error) {
  const char *name;
  json_t *value;
  size_t size = json_object_size(map), used = 0;
  const char **names = heta_i_allocate(size, sizeof *names);
  if (!names) return heta_i_no_memory(error, "the index", size * sizeof *names);
  json_object_foreach(map, name, value) names[used++] = json_string_value(value);
  qsort(names, used, sizeof *names, compare_texts);
  *count = 0;
  for (size_t i = 0; i < used; i++)
    if (!*count || strcmp(names[*count - 1], names[i])) names[(*count)++] = names[i];
  *out = names;
  if (*count > MOST_PARTS) return bad_index(path, "", "names over 1024 files", error);
  return HETA_OK;
}

static heta_status open_part(heta_i_file *file, const char *path, heta_i_part *part,
                             heta_error *error) {
  if (!path) return heta_i_no_memory(error, "the name of a part", strlen(file->path));
  part->path = path;
  HETA_TRY(heta_i_map_open(path, &part->map, error));
  return heta_i_safetensors_parse(part, &file->arena, error);
}

static heta_status open_parts(heta_i_file *file, const char *const *names, size_t count,
                              heta_error *error) {
  char shown[HETA_QUOTE];
  file->parts = heta_i_arena_take(&file->arena, count, sizeof *file->parts);
  if (!file->parts) return heta_i_no_memory(error, "the parts", count * sizeof *file->parts);
  file->part_count = count;
  for (size_t p = 0; p < count; p++) {
    char *path = heta_i_folder_path(&file->arena, file->path, names[p]);
    if (path && !heta_i_is_there(path))
      return heta_i_fail(
          error, HETA_E_IO,
          "part %zu of %zu of the model is missing: %s; fetch all files of the model "
          "into one folder",
          p + 1, count, heta_i_quote_string(shown, path));
    HETA_TRY(open_part(file, path, &file->parts[p], error));
  }
  return HETA_OK;
}

/* Whether a part has a tensor of this name, read or not. */
static bool has(const heta_i_file *file, const heta_i_part *part, const char *name) {
  size_t place = heta_i_file_name_place(file, name);
  const heta_i_entry *entry = place < file->tensor_count ? file->by_name[place] : NULL;
  if (entry && !strcmp(entry->tensor.name, name))
    return entry >= part->entries && entry < part->entries + part->entry_count;
  return heta_i_safetensors_other(part, name) != NULL;
}

/* Part p is the file names[p]; the names are sorted. */
static heta_status check_index(const heta_i_file *file, const char *index, json_t *map,
                               const char *const *names, heta_error *error) {
  const char *tensor;
  json_t *value;
  json_object_foreach(map, tensor, value) {
    const char *name = json_string_value(value);
    const char *const *found =
        bsearch(&name, names, file->part_count, sizeof *names, compare_texts);
    if (!found || !has(file, &file->parts[found - names], tensor))
      return bad_index(index, tensor, "is not in the file it names", error);
  }
  return HETA_OK;
}

static heta_status open_listed(heta_i_file *file, const char *index, heta_error *error) {
  heta_status status;
  json_t *json = NULL, *map;
  const char **names = NULL;
  size_t count = 0;
  HETA_GO(read_index(index, &json, &map, error));
  HETA_GO(list_names(index, map, &names, &count, error));
  HETA_GO(open_parts(file, names, count, error));
  HETA_GO(heta_i_file_gather(file, error));
  HETA_GO(check_index(file, index, map, names, error));
done:
  heta_i_free(names);
  json_decref(json);
  return status;
}

/* ---- The folder ------------------------------------------------------------------------------ */

static const struct {
  const char *endings[6];
  heta_status status;
  const char *before, *after; /* around the name of what was found */
} INSTEAD[] = {
    {{".gguf"}, HETA_E_ARGUMENT, "name the GGUF file in it, ", ""},
    {{"adapter_model.safetensors"},
     HETA_E_UNSUPPORTED,
     "",
     " is an adapter for another model: merge the two and save the result"},
    {{".safetensors"}, HETA_E_ARGUMENT, "if the weights are in ", ", name that file"},
    {{".bin", ".pt", ".pth", ".ckpt"},
     HETA_E_UNSUPPORTED,
     "",
     " is a PyTorch checkpoint: save the model as safetensors"},
    {{".h5", ".msgpack", ".onnx"},
     HETA_E_UNSUPPORTED,
     "",
     " is for other programs: save the model as safetensors"},
};

static heta_status no_weights(heta_i_file *file, heta_error *error) {
  char shown[HETA_QUOTE], name[HETA_QUOTE];
  heta_i_quote_string(shown, file->path);
  for (size_t i = 0; i < sizeof INSTEAD / sizeof *INSTEAD; i++) {
    const char *found = heta_i_folder_find(&file->arena, file->path, INSTEAD[i].endings);
    if (found)
      return heta_i_fail(error, INSTEAD[i].status, "the folder %s has no %s; %s%s%s", shown, WHOLE,
                         INSTEAD[i].before, heta_i_quote_string(name, found), INSTEAD[i].after);
  }
  return heta_i_fail(error, HETA_E_IO,
                     "the folder %s has no %s and no %s; name the folder of a model, or a .gguf "
                     "file",
                     shown, WHOLE, INDEX);
}

heta_status heta_i_shards_open(heta_i_file *file, heta_error *error) {
  const char *const whole[] = {WHOLE};
  char *path = heta_i_folder_path(&file->arena, file->path, WHOLE);
  char *index = heta_i_folder_path(&file->arena, file->path, INDEX);
  if (!path || !index) return heta_i_no_memory(error, "a file name", strlen(file->path));
  if (heta_i_is_there(path)) {
    HETA_TRY(open_parts(file, whole, 1, error));
    return heta_i_file_gather(file, error);
  }
  if (heta_i_is_there(index)) return open_listed(file, index, error);
  return no_weights(file, error);
}

heta_status heta_i_shards_alone(const char *path, heta_error *error) {
  char shown[HETA_QUOTE];
  size_t length = strlen(path);
  const char *suffix = length >= SUFFIX ? path + length - SUFFIX : "";
  const char *shape = "-00000-of-00000.safetensors";
  for (; *suffix && *shape; suffix++, shape++)
    if (*shape == '0' ? *suffix < '0' || *suffix > '9' : *suffix != *shape) return HETA_OK;
  if (length < SUFFIX || !strcmp(path + length - SUFFIX, "-00001-of-00001.safetensors"))
    return HETA_OK;
  return heta_i_fail(error, HETA_E_ARGUMENT,
                     "%s is one part of a model: name the folder that holds all parts",
                     heta_i_quote_string(shown, path));
}
