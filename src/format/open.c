/* open.c: opening a model file: its parts mapped, read and put together. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format/folder.h"
#include "format/gguf.h"
#include "format/quote.h"
#include "format/record.h"
#include "format/safetensors.h"
#include "format/shards.h"
#include "format/split.h"

static const char SAFETENSORS[] = "safetensors";

static int compare_names(const void *a, const void *b) {
  const heta_i_entry *x = *(const heta_i_entry *const *)a, *y = *(const heta_i_entry *const *)b;
  int order = strcmp(x->tensor.name, y->tensor.name);
  return order ? order : x->at < y->at ? -1 : x->at > y->at;
}

static const heta_i_part *part_of(const heta_i_file *file, const heta_i_entry *entry) {
  size_t p = 0;
  while (!(entry >= file->parts[p].entries &&
           entry < file->parts[p].entries + file->parts[p].entry_count))
    p++;
  return &file->parts[p];
}

/* Gathers the tensors of all parts and sorts them by name. */
static heta_status gather_tensors(heta_i_file *file, heta_error *error) {
  size_t count = 0;
  for (size_t p = 0; p < file->part_count; p++) count += file->parts[p].entry_count;
  file->tensors = heta_i_allocate(count, sizeof *file->tensors);
  file->by_name = heta_i_allocate(count, sizeof *file->by_name);
  if (!file->tensors || !file->by_name)
    return heta_i_no_memory(error, "the tensor table", count * sizeof *file->tensors);
  for (size_t p = 0; p < file->part_count; p++)
    for (size_t i = 0; i < file->parts[p].entry_count; i++)
      file->tensors[file->tensor_count++] = &file->parts[p].entries[i];
  if (count) memcpy(file->by_name, file->tensors, count * sizeof *file->tensors);
  qsort(file->by_name, count, sizeof *file->by_name, compare_names);
  for (size_t i = 1; i < count; i++) {
    char first[HETA_QUOTE], second[HETA_QUOTE];
    const heta_i_entry *entry = file->by_name[i];
    if (!strcmp(file->by_name[i - 1]->tensor.name, entry->tensor.name))
      return heta_i_fail_at(error, HETA_E_FORMAT, entry->at,
                            "%s, byte %" PRIu64 ": tensor \"%s\" occurs twice; the file is "
                            "damaged: fetch it again",
                            heta_i_quote_string(first, part_of(file, entry)->path), entry->at,
                            heta_i_quote_string(second, entry->tensor.name));
  }
  return HETA_OK;
}

/* The metadata is that of part 0. */
static heta_status gather_metadata(heta_i_file *file, heta_error *error) {
  const heta_i_part *part = &file->parts[0];
  size_t count = part->value_count;
  file->values = heta_i_allocate(count, sizeof *file->values);
  file->by_key = heta_i_allocate(count, sizeof *file->by_key);
  if (!file->values || !file->by_key)
    return heta_i_no_memory(error, "the model's metadata", count * sizeof *file->values);
  for (size_t i = 0; i < count; i++) {
    file->values[i] = &part->values[i];
    file->by_key[i] = part->by_key[i];
  }
  file->value_count = count;
  return HETA_OK;
}

/* A file with one part, not mapped yet, or NULL. */
static heta_i_file *new_file(const char *path, const char *format) {
  heta_i_file *file = heta_i_file_new(path, format);
  if (!file) return NULL;
  file->parts = heta_i_arena_take(&file->arena, 1, sizeof *file->parts);
  if (!file->parts) {
    heta_i_file_close(file);
    return NULL;
  }
  file->parts->path = file->path;
  file->part_count = 1;
  return file;
}

heta_status heta_i_file_gather(heta_i_file *file, heta_error *error) {
  HETA_TRY(gather_metadata(file, error));
  return gather_tensors(file, error);
}

/* Reads a file whose part 0 is mapped, and the parts beside it. */
static heta_status read_parts(heta_i_file *file, heta_error *error) {
  heta_i_part *part = &file->parts[0];
  if (heta_i_is_safetensors(&part->map)) {
    file->format = SAFETENSORS;
    HETA_TRY(heta_i_shards_alone(file->path, error));
    HETA_TRY(heta_i_safetensors_parse(part, &file->arena, error));
  } else {
    HETA_TRY(heta_i_gguf_parse(part, &file->arena, error));
    HETA_TRY(heta_i_split_open_others(file, error));
  }
  return heta_i_file_gather(file, error);
}

heta_status heta_i_file_open(const char *path, heta_i_file **out, heta_error *error) {
  heta_status status;
  bool folder = heta_i_is_folder(path);
  heta_i_file *file = folder ? heta_i_file_new(path, SAFETENSORS) : new_file(path, "gguf");
  if (!file) return heta_i_no_memory(error, "the model file's record", sizeof *file);
  if (folder) {
    HETA_GO(heta_i_shards_open(file, error));
  } else {
    HETA_GO(heta_i_map_open(path, &file->parts[0].map, error));
    HETA_GO(read_parts(file, error));
  }
  *out = file;
  file = NULL;
done:
  heta_i_file_close(file);
  return status;
}

heta_status heta_i_file_open_memory(const void *bytes, size_t size, const char *name,
                                    heta_i_file **out, heta_error *error) {
  heta_status status;
  heta_i_file *file = new_file(name, "gguf");
  if (!file) return heta_i_no_memory(error, "the model file's record", sizeof *file);
  file->parts->map = (heta_i_map){.bytes = bytes, .size = size};
  HETA_GO(read_parts(file, error));
  *out = file;
  file = NULL;
done:
  heta_i_file_close(file);
  return status;
}
