/* fields.c: taking values from a JSON document. */
#include "result/fields.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

heta_i_field heta_i_field_of(const heta_i_field *object, const char *key) {
  return (heta_i_field){object, key, 0, json_object_get(object->value, key)};
}

heta_i_field heta_i_field_at(const heta_i_field *array, size_t index) {
  return (heta_i_field){array, NULL, index, json_array_get(array->value, index)};
}

/* ---- Failures ------------------------------------------------------------------------------ */

enum { PATH = 160 };

/* Appends the place's name; what does not fit is cut. */
static size_t print_path(const heta_i_field *field, char path[PATH]) {
  if (!field->parent) return 0;
  size_t used = print_path(field->parent, path);
  int length = field->key
                   ? snprintf(path + used, PATH - used, "%s%.40s", used ? "." : "", field->key)
                   : snprintf(path + used, PATH - used, "[%zu]", field->index);
  if (length > 0) used += (size_t)length;
  return used < PATH ? used : PATH - 1;
}

static const char *path_of(const heta_i_field *field, char path[PATH]) {
  path[0] = 0;
  print_path(field, path);
  return path[0] ? path : "the document";
}

static const char *kind_of(const json_t *value) {
  if (!value) return "missing";
  switch (json_typeof(value)) {
  case JSON_OBJECT: return "an object";
  case JSON_ARRAY: return "an array";
  case JSON_STRING: return "a string";
  case JSON_INTEGER:
  case JSON_REAL: return "a number";
  case JSON_TRUE:
  case JSON_FALSE: return "true or false";
  case JSON_NULL: return "null";
  }
  return "unknown";
}

heta_status heta_i_field_refuse(const heta_i_reading *reading, const heta_i_field *field,
                                const char *wanted) {
  return heta_i_field_wrong(reading, field, "is %s; it must be %s", kind_of(field->value), wanted);
}

heta_status heta_i_field_wrong(const heta_i_reading *reading, const heta_i_field *field,
                               const char *format, ...) {
  char path[PATH], what[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  return heta_i_fail(reading->error, HETA_E_FORMAT, "%s %s", path_of(field, path), what);
}

/* ---- Values -------------------------------------------------------------------------------- */

heta_status heta_i_take_room(const heta_i_reading *reading, size_t count, size_t size, void *out) {
  void *room = heta_i_arena_take(reading->arena, count, size);
  if (!room) return heta_i_no_memory(reading->error, "a stored result", count * size);
  memcpy(out, &room, sizeof room);
  return HETA_OK;
}

heta_status heta_i_take_object(const heta_i_reading *reading, const heta_i_field *field) {
  return json_is_object(field->value) ? HETA_OK : heta_i_field_refuse(reading, field, "an object");
}

heta_status heta_i_take_array(const heta_i_reading *reading, const heta_i_field *field,
                              size_t *count) {
  if (!json_is_array(field->value)) return heta_i_field_refuse(reading, field, "an array");
  *count = json_array_size(field->value);
  return HETA_OK;
}

heta_status heta_i_take_text(const heta_i_reading *reading, const heta_i_field *field,
                             bool nullable, const char **out, size_t *size) {
  if (nullable && json_is_null(field->value)) {
    *out = NULL;
    *size = 0;
    return HETA_OK;
  }
  if (!json_is_string(field->value))
    return heta_i_field_refuse(reading, field, nullable ? "a string or null" : "a string");
  *size = json_string_length(field->value);
  *out = heta_i_arena_string(reading->arena, json_string_value(field->value), *size);
  return *out ? HETA_OK : heta_i_no_memory(reading->error, "a stored result", *size);
}

static heta_status take_plain(const heta_i_reading *reading, const heta_i_field *field,
                              bool nullable, const char **out) {
  size_t size;
  HETA_TRY(heta_i_take_text(reading, field, nullable, out, &size));
  if (*out && strlen(*out) != size)
    return heta_i_field_wrong(reading, field, "holds a zero character, which no name has");
  return HETA_OK;
}

heta_status heta_i_take_string(const heta_i_reading *reading, const heta_i_field *field,
                               const char **out) {
  return take_plain(reading, field, false, out);
}

heta_status heta_i_take_name(const heta_i_reading *reading, const heta_i_field *field,
                             const char **out) {
  return take_plain(reading, field, true, out);
}

static int digit(char c) {
  static const char DIGITS[] = "0123456789abcdef";
  const char *found = c ? strchr(DIGITS, c) : NULL;
  return found ? (int)(found - DIGITS) : -1;
}

heta_status heta_i_take_hex(const heta_i_reading *reading, const heta_i_field *field,
                            const char **out, size_t *size) {
  const char *text = json_string_value(field->value);
  size_t length = text ? json_string_length(field->value) : 1;
  char *bytes = NULL;
  if (length % 2) return heta_i_field_refuse(reading, field, "pairs of hexadecimal digits");
  HETA_TRY(heta_i_take_room(reading, length / 2 + 1, 1, &bytes));
  for (size_t i = 0; i < length; i += 2) {
    int high = digit(text[i]), low = digit(text[i + 1]);
    if (high < 0 || low < 0)
      return heta_i_field_wrong(reading, field, "must be pairs of hexadecimal digits");
    bytes[i / 2] = (char)(high * 16 + low);
  }
  *out = bytes;
  *size = length / 2;
  return HETA_OK;
}

heta_status heta_i_take_count(const heta_i_reading *reading, const heta_i_field *field,
                              uint64_t most, uint64_t *out) {
  json_int_t value = json_integer_value(field->value);
  if (!json_is_integer(field->value) || value < 0 || (uint64_t)value > most)
    return json_is_number(field->value)
               ? heta_i_field_wrong(reading, field, "must be a whole number from 0 to %llu",
                                    (unsigned long long)most)
               : heta_i_field_refuse(reading, field, "a whole number, 0 or more");
  *out = (uint64_t)value;
  return HETA_OK;
}

heta_status heta_i_take_size(const heta_i_reading *reading, const heta_i_field *field,
                             size_t *out) {
  uint64_t value = 0;
  HETA_TRY(heta_i_take_count(reading, field, SIZE_MAX < INT64_MAX ? SIZE_MAX : INT64_MAX, &value));
  *out = (size_t)value;
  return HETA_OK;
}

heta_status heta_i_take_id(const heta_i_reading *reading, const heta_i_field *field, int32_t *out) {
  json_int_t value = json_integer_value(field->value);
  if (!json_is_integer(field->value) || value < INT32_MIN || value > INT32_MAX)
    return heta_i_field_refuse(reading, field, "a token's id, a whole number of 32 bits");
  *out = (int32_t)value;
  return HETA_OK;
}

heta_status heta_i_take_bool(const heta_i_reading *reading, const heta_i_field *field, bool *out) {
  if (!json_is_boolean(field->value)) return heta_i_field_refuse(reading, field, "true or false");
  *out = json_is_true(field->value);
  return HETA_OK;
}

heta_status heta_i_take_real(const heta_i_reading *reading, const heta_i_field *field,
                             double *out) {
  if (!json_is_null(field->value) && !json_is_number(field->value))
    return heta_i_field_refuse(reading, field, "a number or null");
  *out = json_is_null(field->value) ? NAN : json_number_value(field->value);
  return HETA_OK;
}

heta_status heta_i_take_reals(const heta_i_reading *reading, const heta_i_field *field,
                              size_t count, const char *of, const double **out) {
  size_t found = 0;
  double *values = NULL;
  HETA_TRY(heta_i_take_array(reading, field, &found));
  if (found != count)
    return heta_i_field_wrong(reading, field, "has %zu entries for %zu %s", found, count, of);
  HETA_TRY(heta_i_take_room(reading, count, sizeof *values, &values));
  for (size_t i = 0; i < count; i++) {
    heta_i_field entry = heta_i_field_at(field, i);
    HETA_TRY(heta_i_take_real(reading, &entry, &values[i]));
  }
  *out = values;
  return HETA_OK;
}
