/* split.c: the other parts of a GGUF model that was split into several files. */
#include "format/split.h"

#include <stdio.h>
#include <string.h>

#include "format/gguf.h"
#include "format/quote.h"
#include "format/record.h"

enum { MOST_PARTS = 1024, SUFFIX = sizeof "-00001-of-00003.gguf" - 1 };

typedef struct split {
  size_t no, count; /* part no (from 0) of count; a count of 1: not split */
  int64_t tensors;  /* of all parts, -1: not said */
} split;

static heta_status bad_part(const heta_i_part *part, const char *key, heta_error *error,
                            const char *wrong) {
  char shown[HETA_QUOTE];
  const heta_i_value *value = heta_i_part_find(part, key);
  return heta_i_fail_at(error, HETA_E_FORMAT, value ? value->offset : 0,
                        "%s is a part of a split model, and %s %s: fetch all parts again",
                        heta_i_quote_string(shown, part->path), key, wrong);
}

static heta_status read_split(const heta_i_part *part, split *out, heta_error *error) {
  const heta_i_value *count = heta_i_part_find(part, "split.count");
  const heta_i_value *no = heta_i_part_find(part, "split.no");
  const heta_i_value *tensors = heta_i_part_find(part, "split.tensors.count");
  int64_t count_value, no_value = 0;
  *out = (split){.count = 1, .tensors = -1};
  if (!count) return HETA_OK;
  if (count->type == HETA_GGUF_ARRAY || !heta_i_value_integer(count, 0, &count_value))
    return bad_part(part, "split.count", error, "is no whole number");
  if (count_value < 0 || count_value > MOST_PARTS)
    return bad_part(part, "split.count", error, "is not between 0 and 1024");
  if (count_value <= 1) return HETA_OK;
  if (!no || no->type == HETA_GGUF_ARRAY || !heta_i_value_integer(no, 0, &no_value))
    return bad_part(part, "split.no", error, "is missing or no whole number");
  if (no_value < 0 || no_value >= count_value)
    return bad_part(part, "split.no", error, "is not below split.count");
  if (tensors && (tensors->type == HETA_GGUF_ARRAY ||
                  !heta_i_value_integer(tensors, 0, &out->tensors) || out->tensors < 0))
    return bad_part(part, "split.tensors.count", error, "is no count");
  out->no = (size_t)no_value;
  out->count = (size_t)count_value;
  return HETA_OK;
}

/* Opens part `no`, the name of whose sibling is known to end in "-0000x-of-0000y.gguf". */
static heta_status open_sibling(heta_i_file *file, const heta_i_part *opened, const split *first,
                                size_t no, heta_error *error) {
  char shown[HETA_QUOTE];
  heta_i_part *part = &file->parts[no];
  split its;
  const char *path =
      heta_i_arena_print(&file->arena, "%.*s-%05zu-of-%05zu.gguf",
                         (int)(strlen(opened->path) - SUFFIX), opened->path, no + 1, first->count);
  if (!path) return heta_i_no_memory(error, "the name of a part", strlen(opened->path) + 1);
  part->path = path;
  heta_status status = heta_i_map_open(path, &part->map, error);
  if (status == HETA_E_IO)
    return heta_i_fail(error, HETA_E_IO,
                       "part %zu of %zu of the model cannot be read: %s; all parts must stand in "
                       "one folder under their own names",
                       no + 1, first->count, heta_i_quote_string(shown, path));
  HETA_TRY(status);
  HETA_TRY(heta_i_gguf_parse(part, &file->arena, error));
  HETA_TRY(read_split(part, &its, error));
  if (its.count != first->count)
    return bad_part(part, "split.count", error, "differs from that of the other parts");
  if (its.no != no) return bad_part(part, "split.no", error, "does not agree with the file's name");
  if (its.tensors != first->tensors)
    return bad_part(part, "split.tensors.count", error, "differs from that of the other parts");
  return HETA_OK;
}

heta_status heta_i_split_open_others(heta_i_file *file, heta_error *error) {
  char shown[HETA_QUOTE], suffix[64];
  split first;
  HETA_TRY(read_split(&file->parts[0], &first, error));
  if (first.count == 1) return HETA_OK;
  heta_i_part opened = file->parts[0];
  size_t length = strlen(opened.path);
  snprintf(suffix, sizeof suffix, "-%05zu-of-%05zu.gguf", first.no + 1, first.count);
  if (!opened.map.mapped || length < SUFFIX || strcmp(opened.path + length - SUFFIX, suffix))
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s is part %zu of %zu of a split model, but its name does not end in %s, "
                       "so that the other parts cannot be found: give all parts their own names",
                       heta_i_quote_string(shown, opened.path), first.no + 1, first.count, suffix);
  heta_i_part *parts = heta_i_arena_take(&file->arena, first.count, sizeof *parts);
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
