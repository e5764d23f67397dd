/* file.c: an open model file: its parts put together, tensors and metadata by name. */
#include "format/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/sha256.h"
#include "format/gguf.h"
#include "format/quote.h"

enum { MOST_PARTS = 1024, SUFFIX = sizeof "-00001-of-00003.gguf" - 1 };

struct heta_i_file {
  heta_i_arena arena; /* the parts' names, metadata and tables */
  const char *path;   /* as given */
  size_t part_count;
  heta_i_gguf *parts;           /* part 0 has the metadata */
  size_t tensor_count;          /* of all parts */
  const heta_i_entry **tensors; /* part after part, each in the order of its table */
  const heta_i_entry **by_name; /* sorted by name, all different */
};

/* ---- Parts of a split file ------------------------------------------------------------------- */

typedef struct split {
  size_t no, count; /* part no (from 0) of count; a count of 1: not split */
  int64_t tensors;  /* of all parts, -1: not said */
} split;

static heta_status bad_part(const heta_i_gguf *gguf, const char *key, heta_error *error,
                            const char *wrong) {
  char shown[HETA_QUOTE];
  const heta_i_value *value = heta_i_gguf_find(gguf, key);
  return heta_i_fail_at(error, HETA_E_FORMAT, value ? value->offset : 0,
                        "%s is a part of a split model, and %s %s: fetch all parts again",
                        heta_i_quote_string(shown, gguf->path), key, wrong);
}

static heta_status read_split(const heta_i_gguf *gguf, split *out, heta_error *error) {
  const heta_i_value *count = heta_i_gguf_find(gguf, "split.count");
  const heta_i_value *no = heta_i_gguf_find(gguf, "split.no");
  const heta_i_value *tensors = heta_i_gguf_find(gguf, "split.tensors.count");
  int64_t count_value, no_value = 0;
  *out = (split){.count = 1, .tensors = -1};
  if (!count) return HETA_OK;
  if (count->type == HETA_GGUF_ARRAY || !heta_i_value_integer(count, 0, &count_value))
    return bad_part(gguf, "split.count", error, "is no whole number");
  if (count_value < 0 || count_value > MOST_PARTS)
    return bad_part(gguf, "split.count", error, "is not between 0 and 1024");
  if (count_value <= 1) return HETA_OK;
  if (!no || no->type == HETA_GGUF_ARRAY || !heta_i_value_integer(no, 0, &no_value))
    return bad_part(gguf, "split.no", error, "is missing or no whole number");
  if (no_value < 0 || no_value >= count_value)
    return bad_part(gguf, "split.no", error, "is not below split.count");
  if (tensors && (tensors->type == HETA_GGUF_ARRAY ||
                  !heta_i_value_integer(tensors, 0, &out->tensors) || out->tensors < 0))
    return bad_part(gguf, "split.tensors.count", error, "is no count");
  out->no = (size_t)no_value;
  out->count = (size_t)count_value;
  return HETA_OK;
}

static heta_status open_part(heta_i_file *file, const char *path, heta_i_gguf *part,
                             heta_error *error) {
  part->path = path;
  HETA_TRY(heta_i_map_open(path, &part->map, error));
  return heta_i_gguf_parse(part, &file->arena, error);
}

/* Opens part `no`, the name of whose sibling is known to end in "-0000x-of-0000y.gguf". */
static heta_status open_sibling(heta_i_file *file, const heta_i_gguf *opened, const split *first,
                                size_t no, heta_error *error) {
  char shown[HETA_QUOTE];
  heta_i_gguf *part = &file->parts[no];
  split its;
  const char *path =
      heta_i_arena_print(&file->arena, "%.*s-%05zu-of-%05zu.gguf",
                         (int)(strlen(opened->path) - SUFFIX), opened->path, no + 1, first->count);
  if (!path) return heta_i_no_memory(error, "the name of a part", strlen(opened->path) + 1);
  heta_status status = open_part(file, path, part, error);
  if (status == HETA_E_IO)
    return heta_i_fail(error, HETA_E_IO,
                       "part %zu of %zu of the model cannot be read: %s; all parts must stand in "
                       "one folder under their own names",
                       no + 1, first->count, heta_i_quote_string(shown, path));
  HETA_TRY(status);
  HETA_TRY(read_split(part, &its, error));
  if (its.count != first->count)
    return bad_part(part, "split.count", error, "differs from that of the other parts");
  if (its.no != no) return bad_part(part, "split.no", error, "does not agree with the file's name");
  if (its.tensors != first->tensors)
    return bad_part(part, "split.tensors.count", error, "differs from that of the other parts");
  return HETA_OK;
}

/* Finds and opens the other parts, when the file opened so far is one of several. */
static heta_status open_others(heta_i_file *file, heta_error *error) {
  char shown[HETA_QUOTE], suffix[64];
  split first;
  HETA_TRY(read_split(&file->parts[0], &first, error));
  if (first.count == 1) return HETA_OK;
  heta_i_gguf opened = file->parts[0];
  size_t length = strlen(opened.path);
  snprintf(suffix, sizeof suffix, "-%05zu-of-%05zu.gguf", first.no + 1, first.count);
  if (!opened.map.mapped || length < SUFFIX || strcmp(opened.path + length - SUFFIX, suffix))
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s is part %zu of %zu of a split model, but its name does not end in %s, "
                       "so that the other parts cannot be found: give all parts their own names",
                       heta_i_quote_string(shown, opened.path), first.no + 1, first.count, suffix);
  heta_i_gguf *parts = heta_i_arena_take(&file->arena, first.count, sizeof *parts);
  if (!parts) return heta_i_no_memory(error, "the parts", first.count * sizeof *parts);
  parts[first.no] = opened;
  file->parts = parts;
  file->part_count = first.count;
  size_t tensors = 0;
  for (size_t no = 0; no < first.count; no++) {
    if (no != first.no) HETA_TRY(open_sibling(file, &opened, &first, no, error));
    tensors += parts[no].entry_count;
  }
  if (first.tensors >= 0 && (uint64_t)first.tensors != tensors)
    return bad_part(&opened, "split.tensors.count", error,
                    "differs from the number of tensors the parts hold");
  return HETA_OK;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b) {
  const heta_i_entry *x = *(const heta_i_entry *const *)a, *y = *(const heta_i_entry *const *)b;
  int order = strcmp(x->tensor.name, y->tensor.name);
  return order ? order : x->at < y->at ? -1 : x->at > y->at;
}

static const heta_i_gguf *part_of(const heta_i_file *file, const heta_i_entry *entry) {
  size_t p = 0;
  while (!(entry >= file->parts[p].entries &&
           entry < file->parts[p].entries + file->parts[p].entry_count))
    p++;
  return &file->parts[p];
}

/* Gathers the tensors of all parts and sorts them by name. */
static heta_status gather(heta_i_file *file, heta_error *error) {
  size_t count = 0;
  for (size_t p = 0; p < file->part_count; p++) count += file->parts[p].entry_count;
  file->tensors = heta_i_arena_take(&file->arena, count, sizeof *file->tensors);
  file->by_name = heta_i_arena_take(&file->arena, count, sizeof *file->by_name);
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

/* A file with one part, not parsed yet, or NULL. */
static heta_i_file *new_file(const char *path) {
  heta_i_file *file = heta_i_allocate(1, sizeof *file);
  if (!file) return NULL;
  file->path = heta_i_arena_string(&file->arena, path, strlen(path));
  file->parts = heta_i_arena_take(&file->arena, 1, sizeof *file->parts);
  if (!file->path || !file->parts) {
    heta_i_arena_free(&file->arena);
    heta_i_free(file);
    return NULL;
  }
  file->parts->path = file->path;
  file->part_count = 1;
  return file;
}

heta_status heta_i_file_open(const char *path, heta_i_file **out, heta_error *error) {
  heta_status status;
  heta_i_file *file = new_file(path);
  if (!file) return heta_i_no_memory(error, "the model file's record", sizeof *file);
  HETA_GO(open_part(file, file->path, file->parts, error));
  HETA_GO(open_others(file, error));
  HETA_GO(gather(file, error));
  *out = file;
  file = NULL;
done:
  heta_i_file_close(file);
  return status;
}

heta_status heta_i_file_open_memory(const void *bytes, size_t size, const char *name,
                                    heta_i_file **out, heta_error *error) {
  heta_status status;
  heta_i_file *file = new_file(name);
  if (!file) return heta_i_no_memory(error, "the model file's record", sizeof *file);
  file->parts->map = (heta_i_map){.bytes = bytes, .size = size};
  HETA_GO(heta_i_gguf_parse(file->parts, &file->arena, error));
  HETA_GO(open_others(file, error));
  HETA_GO(gather(file, error));
  *out = file;
  file = NULL;
done:
  heta_i_file_close(file);
  return status;
}

void heta_i_file_close(heta_i_file *file) {
  if (!file) return;
  for (size_t p = 0; p < file->part_count; p++) heta_i_map_close(&file->parts[p].map);
  heta_i_arena_free(&file->arena);
  heta_i_free(file);
}

/* ---- What was opened ------------------------------------------------------------------------- */

const char *heta_i_file_path(const heta_i_file *file) { return file->path; }

const char *heta_i_file_format(const heta_i_file *file) {
  (void)file;
  return "gguf";
}

uint64_t heta_i_file_bytes(const heta_i_file *file) {
  uint64_t bytes = 0;
  for (size_t p = 0; p < file->part_count; p++) bytes += file->parts[p].map.size;
  return bytes;
}

heta_status heta_i_file_sha256(const heta_i_file *file, bool whole, char out[65],
                               heta_error *error) {
  (void)error; /* reading a mapping has no failure to report */
  heta_i_sha256 hash;
  heta_i_sha256_start(&hash);
  for (size_t p = 0; p < file->part_count; p++) {
    const heta_i_gguf *part = &file->parts[p];
    heta_i_sha256_add(&hash, part->map.bytes, whole ? part->map.size : part->data);
  }
  heta_i_sha256_hex(&hash, out);
  return HETA_OK;
}

size_t heta_i_file_tensor_count(const heta_i_file *file) { return file->tensor_count; }

const heta_i_tensor *heta_i_file_tensor_at(const heta_i_file *file, size_t index) {
  return index < file->tensor_count ? &file->tensors[index]->tensor : NULL;
}

const heta_i_tensor *heta_i_file_tensor(const heta_i_file *file, const char *name) {
  size_t low = 0, high = file->tensor_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const heta_i_tensor *tensor = &file->by_name[middle]->tensor;
    int order = strcmp(tensor->name, name);
    if (!order) return tensor;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

/* ---- Metadata: part 0 has the model's -------------------------------------------------------- */

/* The value under key when it is (array) or is not (scalar) an array, or NULL. */
static const heta_i_value *find(const heta_i_file *file, const char *key, bool array) {
  const heta_i_value *value = heta_i_gguf_find(&file->parts[0], key);
  return value && (value->type == HETA_GGUF_ARRAY) == array ? value : NULL;
}

static bool string(const heta_i_value *value, size_t index, const char **out, size_t *size) {
  if (!value || value->element != HETA_GGUF_STRING || index >= value->count) return false;
  *out = value->text + value->starts[index];
  if (size) *size = value->starts[index + 1] - value->starts[index] - 1;
  return true;
}

bool heta_i_file_integer(const heta_i_file *file, const char *key, int64_t *out) {
  const heta_i_value *value = find(file, key, false);
  return value && heta_i_value_integer(value, 0, out);
}

bool heta_i_file_number(const heta_i_file *file, const char *key, double *out) {
  const heta_i_value *value = find(file, key, false);
  return value && heta_i_value_number(value, 0, out);
}

bool heta_i_file_flag(const heta_i_file *file, const char *key, bool *out) {
  const heta_i_value *value = find(file, key, false);
  if (!value || value->type != HETA_GGUF_BOOL) return false;
  *out = *value->bytes != 0;
  return true;
}

bool heta_i_file_string(const heta_i_file *file, const char *key, const char **out, size_t *size) {
  return string(find(file, key, false), 0, out, size);
}

size_t heta_i_file_array(const heta_i_file *file, const char *key) {
  const heta_i_value *value = find(file, key, true);
  return value ? value->count : 0;
}

bool heta_i_file_array_string(const heta_i_file *file, const char *key, size_t index,
                              const char **out, size_t *size) {
  return string(find(file, key, true), index, out, size);
}

bool heta_i_file_array_integer(const heta_i_file *file, const char *key, size_t index,
                               int64_t *out) {
  const heta_i_value *value = find(file, key, true);
  return value && heta_i_value_integer(value, index, out);
}

bool heta_i_file_array_number(const heta_i_file *file, const char *key, size_t index, double *out) {
  const heta_i_value *value = find(file, key, true);
  return value && heta_i_value_number(value, index, out);
}

const char *heta_i_file_kind(const heta_i_file *file, const char *key) {
  const heta_i_value *value = heta_i_gguf_find(&file->parts[0], key);
  return value ? heta_i_value_kind(value) : NULL;
}

size_t heta_i_file_key_count(const heta_i_file *file) { return file->parts[0].value_count; }

const char *heta_i_file_key_at(const heta_i_file *file, size_t index) {
  return index < file->parts[0].value_count ? file->parts[0].values[index].key : NULL;
}
