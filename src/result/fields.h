/* fields.h: values of a JSON document, checked as they are taken, with failures that name the field
 * by its path: "attributions[0].rows[2].score[7] is a string; it must be a number or null". */
#ifndef HETA_RESULT_FIELDS_H
#define HETA_RESULT_FIELDS_H

#include <jansson.h>
#include <math.h>

#include "base/memory.h"
#include "base/status.h"

/* A place in the document. Places link to the one they are in, which must outlive them. */
typedef struct heta_i_field {
  const struct heta_i_field *parent; /* NULL: the document itself */
  const char *key;                   /* its name there, or NULL: element `index` of an array */
  size_t index;
  const json_t *value; /* borrowed; NULL when the field is missing */
} heta_i_field;

/* What taking values needs: an arena for what is copied, and where failures are told. */
typedef struct heta_i_reading {
  heta_i_arena *arena;
  heta_error *error;
} heta_i_reading;

heta_i_field heta_i_field_of(const heta_i_field *object, const char *key);
heta_i_field heta_i_field_at(const heta_i_field *array, size_t index);

/* HETA_E_FORMAT: "PATH is WHAT IT IS; it must be WANTED". */
heta_status heta_i_field_refuse(const heta_i_reading *reading, const heta_i_field *field,
                                const char *wanted);
/* HETA_E_FORMAT: "PATH " and a sentence. */
heta_status heta_i_field_wrong(const heta_i_reading *reading, const heta_i_field *field,
                               const char *format, ...) HETA_PRINTF(3, 4);

heta_status heta_i_take_object(const heta_i_reading *reading, const heta_i_field *field);
heta_status heta_i_take_array(const heta_i_reading *reading, const heta_i_field *field,
                              size_t *count);
/* A NUL-terminated copy without a zero byte inside. */
heta_status heta_i_take_string(const heta_i_reading *reading, const heta_i_field *field,
                               const char **out);
/* The same where null stands for NULL. */
heta_status heta_i_take_name(const heta_i_reading *reading, const heta_i_field *field,
                             const char **out);
/* A copy of text that may hold zero bytes; null gives NULL where `nullable`. */
heta_status heta_i_take_text(const heta_i_reading *reading, const heta_i_field *field,
                             bool nullable, const char **out, size_t *size);
/* Bytes from hexadecimal. */
heta_status heta_i_take_hex(const heta_i_reading *reading, const heta_i_field *field,
                            const char **out, size_t *size);
heta_status heta_i_take_count(const heta_i_reading *reading, const heta_i_field *field,
                              uint64_t most, uint64_t *out);
heta_status heta_i_take_size(const heta_i_reading *reading, const heta_i_field *field, size_t *out);
heta_status heta_i_take_id(const heta_i_reading *reading, const heta_i_field *field, int32_t *out);
heta_status heta_i_take_bool(const heta_i_reading *reading, const heta_i_field *field, bool *out);
/* null is NaN. */
heta_status heta_i_take_real(const heta_i_reading *reading, const heta_i_field *field, double *out);
/* An array of exactly `count` numbers, null being NaN; `of` says what there are so many of. */
heta_status heta_i_take_reals(const heta_i_reading *reading, const heta_i_field *field,
                              size_t count, const char *of, const double **out);
/* An array of `count` blocks of `size` zeroed bytes; never NULL on success. */
heta_status heta_i_take_room(const heta_i_reading *reading, size_t count, size_t size, void *out);

#endif
