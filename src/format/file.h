/* file.h: an open model file as named metadata and named tensors, whatever its format. Everything
 * returned was checked against the file's size before; pointers are borrowed from the file. */
#ifndef HETA_FORMAT_FILE_H
#define HETA_FORMAT_FILE_H

#include "base/status.h"

/* Weight types. The numbers are heta's own; names are GGUF's. */
typedef enum heta_i_type {
  HETA_TYPE_F32,
  HETA_TYPE_F16,
  HETA_TYPE_BF16,
  HETA_TYPE_Q4_0,
  HETA_TYPE_Q4_1,
  HETA_TYPE_Q5_0,
  HETA_TYPE_Q5_1,
  HETA_TYPE_Q8_0,
  HETA_TYPE_Q2_K,
  HETA_TYPE_Q3_K,
  HETA_TYPE_Q4_K,
  HETA_TYPE_Q5_K,
  HETA_TYPE_Q6_K,
  HETA_TYPE_IQ4_NL,
  HETA_TYPE_IQ4_XS,
  HETA_TYPE_COUNT
} heta_i_type;

/* Where the rows of a matrix, or the entries of a vector, lie in the data when they are not simply
 * one after another. Only types whose block is one element have a view. */
typedef struct heta_i_view {
  bool transposed; /* the data is the matrix [columns × rows]; then there are no groups */
  /* Row r is stored as row start + r / group * stride + r % group; group 0: as row r. */
  size_t group, stride, start;
  bool woven; /* row 2i of a group is stored as its row i, row 2i + 1 as its row group / 2 + i */
  float plus; /* added to every element */
} heta_i_view;

typedef struct heta_i_tensor {
  const char *name;
  heta_i_type type;
  size_t dims;               /* 1 … 4 */
  size_t shape[4];           /* shape[0] is contiguous (a row of a matrix); missing ones are 1 */
  const unsigned char *data; /* in the mapping */
  size_t bytes;              /* of the data, of which a view may leave out some */
  uint64_t offset;           /* of data in its file, for messages */
  const heta_i_view *view;   /* NULL: rows as they are stored */
} heta_i_tensor;

/* Expands rows [first, first + count) to out [count × shape[0]]; a vector is one row. The only way
 * to a tensor's numbers. Cannot fail; NaN and infinity are handed on. */
void heta_i_tensor_rows(const heta_i_tensor *tensor, size_t first, size_t count, float *out);
/* The byte of the file where row `row` (of a vector: entry `row`) begins. */
uint64_t heta_i_tensor_row_offset(const heta_i_tensor *tensor, size_t row);

typedef struct heta_i_file heta_i_file;

/* Opens and maps a GGUF v2 or v3 file (all parts of a split one: name-00001-of-0000N.gguf), a
 * safetensors file, or the safetensors file or files of a folder. Safetensors have no metadata. */
heta_status heta_i_file_open(const char *path, heta_i_file **out, heta_error *error);
/* The same for a whole file that lies in memory, where it must stay as long as the file is open.
 * name stands for the path in messages. A part of a split file is refused. */
heta_status heta_i_file_open_memory(const void *bytes, size_t size, const char *name,
                                    heta_i_file **out, heta_error *error);
void heta_i_file_close(heta_i_file *file); /* NULL is accepted */
const char *heta_i_file_path(const heta_i_file *file);
const char *heta_i_file_format(const heta_i_file *file); /* "gguf", "safetensors" */
uint64_t heta_i_file_bytes(const heta_i_file *file);
size_t heta_i_file_tensor_count(const heta_i_file *file);
const heta_i_tensor *heta_i_file_tensor_at(const heta_i_file *file, size_t index);
const heta_i_tensor *heta_i_file_tensor(const heta_i_file *file, const char *name); /* or NULL */
/* Why the file's tensor of this name is not among its tensors ("of dtype I64": fits behind "which
 * is"), or NULL when it has no such tensor or can read it. Static. */
const char *heta_i_file_unread(const heta_i_file *file, const char *name);
/* The names of all tensors that are not read; NULL behind the last. */
const char *heta_i_file_unread_at(const heta_i_file *file, size_t index);

/* SHA-256 as 64 hexadecimal digits: of the whole file (every part in order), or of header and
 * tensor tables only (the bytes before the tensor data). */
heta_status heta_i_file_sha256(const heta_i_file *file, bool whole, char out[65],
                               heta_error *error);

/* Metadata. A key that is absent returns false and leaves *out alone; so does one of another type.
 * Integers of every width convert when the value fits; floats of both widths convert. A number may
 * also be stored as an integer of at most 2^53. */
bool heta_i_file_integer(const heta_i_file *file, const char *key, int64_t *out);
bool heta_i_file_number(const heta_i_file *file, const char *key, double *out);
bool heta_i_file_flag(const heta_i_file *file, const char *key, bool *out);
/* Strings may hold any bytes; *size may be NULL. The copy is NUL-terminated. */
bool heta_i_file_string(const heta_i_file *file, const char *key, const char **out, size_t *size);
/* Arrays: number of elements (0 if absent), then element access with the same conversions. */
size_t heta_i_file_array(const heta_i_file *file, const char *key);
bool heta_i_file_array_string(const heta_i_file *file, const char *key, size_t index,
                              const char **out, size_t *size);
bool heta_i_file_array_integer(const heta_i_file *file, const char *key, size_t index,
                               int64_t *out);
bool heta_i_file_array_number(const heta_i_file *file, const char *key, size_t index, double *out);
/* Yes and no, which may also be stored as the whole numbers 1 and 0. */
bool heta_i_file_array_flag(const heta_i_file *file, const char *key, size_t index, bool *out);
/* What a key holds, to tell one that is absent (NULL) from one of another type: "u32", "string",
 * "array of i32", … Static. */
const char *heta_i_file_kind(const heta_i_file *file, const char *key);
/* The keys in the order of the file. */
size_t heta_i_file_key_count(const heta_i_file *file);
const char *heta_i_file_key_at(const heta_i_file *file, size_t index);

#endif
