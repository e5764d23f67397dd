/* part.h: one file of a model, read and checked: its metadata values and its tensor table. */
#ifndef HETA_FORMAT_PART_H
#define HETA_FORMAT_PART_H

#include "base/memory.h"
#include "format/file.h"
#include "format/map.h"

/* Types of metadata values; the numbers are GGUF's. */
typedef enum heta_i_gguf_type {
  HETA_GGUF_U8,
  HETA_GGUF_I8,
  HETA_GGUF_U16,
  HETA_GGUF_I16,
  HETA_GGUF_U32,
  HETA_GGUF_I32,
  HETA_GGUF_F32,
  HETA_GGUF_BOOL,
  HETA_GGUF_STRING,
  HETA_GGUF_ARRAY,
  HETA_GGUF_U64,
  HETA_GGUF_I64,
  HETA_GGUF_F64,
  HETA_GGUF_TYPE_COUNT
} heta_i_gguf_type;

typedef struct heta_i_value {
  const char *key;        /* printable UTF-8 */
  uint64_t entry, offset; /* bytes in the file where the key and where the value begin */
  heta_i_gguf_type type;
  heta_i_gguf_type element;   /* of an array; otherwise = type */
  size_t count;               /* elements of an array; otherwise 1 */
  const unsigned char *bytes; /* the number or numbers, little endian; NULL for text */
  const char *text;           /* strings, copied one after another, each with a final NUL */
  const size_t *starts;       /* strings: where in text each begins; count + 1 entries */
} heta_i_value;

typedef struct heta_i_entry { /* a row of the tensor table */
  heta_i_tensor tensor;
  uint64_t at; /* byte in the file where the row begins */
} heta_i_entry;

/* A tensor that is there but that nothing can be done with: whole numbers, an odd shape. */
typedef struct heta_i_other {
  const char *name;
  const char *what; /* "of dtype I64", "without elements": fits behind "which is" */
} heta_i_other;

typedef struct heta_i_part {
  heta_i_map map;   /* owned */
  const char *path; /* in the arena */
  size_t data;      /* byte where tensor data begins; at most map.size */
  size_t value_count, entry_count, other_count;
  heta_i_value *values;        /* in the order of the file */
  const heta_i_value **by_key; /* sorted by key, all different */
  heta_i_entry *entries;       /* in the order of the file */
  heta_i_other *others;        /* safetensors only: sorted by name */
} heta_i_part;

/* NULL if absent. */
const heta_i_value *heta_i_part_find(const heta_i_part *part, const char *key);
/* Element `index` (0 for a value that is no array) as a number; false when it is of another type or
 * does not fit, and *out is left alone. */
bool heta_i_value_integer(const heta_i_value *value, size_t index, int64_t *out);
bool heta_i_value_number(const heta_i_value *value, size_t index, double *out);
/* "u32", "string", "array of u32", … Static. */
const char *heta_i_value_kind(const heta_i_value *value);
/* Bytes of one value; 0 for strings and arrays. */
size_t heta_i_gguf_type_bytes(heta_i_gguf_type type);

#endif
