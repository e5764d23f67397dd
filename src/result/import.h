/* import.h: results of other tools as attributions: what their readers share. docs/exchange.md says
 * which field becomes what. */
#ifndef HETA_RESULT_IMPORT_H
#define HETA_RESULT_IMPORT_H

#include "result/fields.h"
#include "result/result.h"

/* What an imported result is borrowed from, itself in the arena. */
typedef struct heta_i_imported {
  heta_i_arena arena;
  heta_attribution attribution;
  heta_model_info model;
  heta_method_info method;
} heta_i_imported;

typedef struct heta_i_importer {
  heta_i_reading reading;
  heta_i_imported *to;
} heta_i_importer;

/* Whose file a document is. */
typedef enum heta_i_origin {
  HETA_ORIGIN_HETA,      /* or nobody's that is known */
  HETA_ORIGIN_INSEQ,     /* objects with their classes, what Inseq loads */
  HETA_ORIGIN_PRIMITIVE, /* Inseq's plain values, which it does not load */
  HETA_ORIGIN_FLASHTRACE
} heta_i_origin;
heta_i_origin heta_i_import_origin(const json_t *document);

/* Parses JSON; in a file of another tool NaN and infinities, which Python writes, are null. The
 * caller releases *out with json_decref. HETA_E_FORMAT, HETA_E_MEMORY. */
heta_status heta_i_import_parse(const char *json, size_t size, json_t **out, heta_error *error);
/* Makes a result of a document whose origin is another tool. */
heta_status heta_i_import(const json_t *document, heta_i_origin origin, heta_result **out,
                          heta_error *error);

/* Each fills the attribution. */
heta_status heta_i_import_inseq(heta_i_importer *importer, const heta_i_field *root);
heta_status heta_i_import_flashtrace(heta_i_importer *importer, const heta_i_field *root);

/* ---- Pieces --------------------------------------------------------------------------------- */

/* A token as another tool names it. */
typedef struct heta_i_name {
  const char *bytes;
  size_t size;
  int32_t id; /* -1: not known */
} heta_i_name;

/* Tokens, text and segments. Tokens may be spelled as vocabularies do ("Ġis", "▁is"); the spelling
 * is the one that makes them `whole` (or NULL), else what their letters suggest. Tokens [first,
 * end) are the explained ones: the prompt ends where they begin. A "target" segment begins there.
 */
heta_status heta_i_import_tokens(heta_i_importer *importer, heta_i_name *names, size_t count,
                                 size_t first, const char *whole, bool forced);
/* Neighbouring targets from token `first` on, nothing known of them but where they stand. */
heta_status heta_i_import_targets(heta_i_importer *importer, size_t first, size_t count,
                                  const char *origin, heta_target **out);
/* Rows and components with room for their numbers, which are NaN: one row per target, or one for
 * all. Names are borrowed. */
heta_status heta_i_import_rows(heta_i_importer *importer, bool joint, const char *const *names,
                               size_t component_count);
/* Writable places of a row. */
double *heta_i_import_score(const heta_i_importer *importer, size_t row);
double *heta_i_import_part(const heta_i_importer *importer, size_t row, size_t component);
/* Adds errors to a component, or to the score (component SIZE_MAX); the same room. */
heta_status heta_i_import_errors(heta_i_importer *importer, size_t component,
                                 const char *estimator);
double *heta_i_import_error(const heta_i_importer *importer, size_t row, size_t component);
/* When all numbers are there: negative scores make the result signed, missing ones partial. */
heta_status heta_i_import_finish(heta_i_importer *importer);

/* Method and model by their names; either may be NULL. */
void heta_i_import_method(heta_i_importer *importer, const char *name, const char *tool);
void heta_i_import_model(heta_i_importer *importer, const char *name, const char *architecture);

/* ---- Tensors of Inseq ----------------------------------------------------------------------- */

enum { HETA_TENSOR_RANK = 8 };
typedef struct heta_i_tensor {
  size_t rank, shape[HETA_TENSOR_RANK], count;
  const double *values; /* row-major */
} heta_i_tensor;
/* A safetensors file in base64, or {"__ndarray__": nested lists}. */
heta_status heta_i_import_tensor(const heta_i_reading *reading, const heta_i_field *field,
                                 heta_i_tensor *out);

#endif
