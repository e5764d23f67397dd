/* record.h: what an open model file consists of, for those files of this room that put one
 * together. Everybody else sees it through file.h. */
#ifndef HETA_FORMAT_RECORD_H
#define HETA_FORMAT_RECORD_H

#include "format/part.h"

struct heta_i_file {
  heta_i_arena arena;             /* names, metadata and tables */
  const char *path, *format;      /* path as given */
  size_t part_count;              /* mapped files */
  heta_i_part *parts;             /* in the arena */
  size_t value_count, value_room; /* metadata */
  const heta_i_value **values;    /* in order; owned */
  const heta_i_value **by_key;    /* sorted by key, all different; owned */
  size_t tensor_count, tensor_room;
  const heta_i_entry **tensors; /* in order; owned */
  const heta_i_entry **by_name; /* sorted by name, all different; owned */
  heta_i_file *base;            /* owned: the file whose tensors this one borrows, or NULL */
};

/* A file without parts, metadata and tensors, or NULL without memory. */
heta_i_file *heta_i_file_new(const char *path, const char *format);
/* Makes the tensors of all parts those of the file, and the metadata of part 0 its own. A name that
 * occurs twice is refused. */
heta_status heta_i_file_gather(heta_i_file *file, heta_error *error);
/* Where among by_key or by_name this one stands or would stand. */
size_t heta_i_file_key_place(const heta_i_file *file, const char *key);
size_t heta_i_file_name_place(const heta_i_file *file, const char *name);

#endif
