/* folder.c: the definition of a tokenizer from a folder with tokenizer.json. */
#include "text/folder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "format/json.h"
#include "format/map.h"
#include "format/quote.h"

/* ---- Files ----------------------------------------------------------------------------------- */

heta_status heta_i_json_name_file(heta_status status, const char *folder, const char *name,
                                  heta_error *error) {
  char message[sizeof error->message];
  if (!status || !error) return status;
  snprintf(message, sizeof message, "%s", error->message);
  return heta_i_fail_at(error, status, error->offset, "%s/%s: %s", folder, name, message);
}

/* Parses a text whose top must be an object; path is for messages. */
static heta_status parse(const char *bytes, size_t size, const char *path, json_t **out,
                         heta_error *error) {
  char shown[HETA_QUOTE];
  json_t *top = NULL;
  HETA_TRY(heta_i_json_parse(bytes, size, path, 0, &top, error));
  if (!json_is_object(top)) {
    json_decref(top);
    return heta_i_fail(error, HETA_E_FORMAT, "%s holds no JSON object",
                       heta_i_quote_string(shown, path));
  }
  *out = top;
  return HETA_OK;
}

heta_status heta_i_json_load(const char *folder, const char *name, bool optional, json_t **out,
                             heta_error *error) {
  heta_i_arena arena = {0};
  heta_i_map map = {0};
  *out = NULL;
  const char *path = heta_i_arena_print(&arena, "%s/%s", folder, name);
  if (!path) return heta_i_no_memory(error, "a file's name", strlen(folder));
  heta_status status = HETA_OK;
  if (!optional || !access(path, F_OK)) {
    status = heta_i_map_open(path, &map, error);
    if (!status) status = parse((const char *)map.bytes, map.size, path, out, error);
  }
  heta_i_map_close(&map);
  heta_i_arena_free(&arena);
  return status;
}

/* ---- Fields ---------------------------------------------------------------------------------- */

static heta_status wrong_type(const char *where, const char *key, const char *expected,
                              heta_error *error) {
  return heta_i_fail(error, HETA_E_FORMAT, "%s%s%s is not %s", where, *where ? "." : "", key,
                     expected);
}

heta_status heta_i_member_flag(const json_t *object, const char *where, const char *key, bool *out,
                               heta_error *error) {
  const json_t *value = json_object_get(object, key);
  if (!value || json_is_null(value)) return HETA_OK;
  if (!json_is_boolean(value)) return wrong_type(where, key, "true or false", error);
  *out = json_is_true(value);
  return HETA_OK;
}

heta_status heta_i_member_string(const json_t *object, const char *where, const char *key,
                                 const char **out, heta_error *error) {
  const json_t *value = json_object_get(object, key);
  if (!value || json_is_null(value)) return HETA_OK;
  if (!json_is_string(value)) return wrong_type(where, key, "a string", error);
  if (strlen(json_string_value(value)) != json_string_length(value))
    return wrong_type(where, key, "a string without NUL", error);
  *out = json_string_value(value);
  return HETA_OK;
}

heta_status heta_i_member_object(const json_t *object, const char *where, const char *key,
                                 const json_t **out, heta_error *error) {
  const json_t *value = json_object_get(object, key);
  if (!value || json_is_null(value)) return HETA_OK;
  if (!json_is_object(value)) return wrong_type(where, key, "an object", error);
  *out = value;
  return HETA_OK;
}

heta_status heta_i_member_array(const json_t *object, const char *where, const char *key,
                                const json_t **out, heta_error *error) {
  const json_t *value = json_object_get(object, key);
  if (!value || json_is_null(value)) return HETA_OK;
  if (!json_is_array(value)) return wrong_type(where, key, "an array", error);
  *out = value;
  return HETA_OK;
}

/* ---- The definition -------------------------------------------------------------------------- */

static heta_status read_top(size_t rows, heta_i_definition *out, heta_error *error) {
  HETA_TRY(heta_i_json_steps(out->json, out, error));
  HETA_TRY(heta_i_json_model(out->json, rows, out, error));
  bool compose = out->early_count == 1 && out->early[0].kind == HETA_REWRITE_COMPOSE;
  const heta_i_pre *pre =
      out->byte_level && !out->late_count && out->early_count == compose
          ? heta_i_pre_recognise(out->cuts, out->cut_count, out->whole_pieces, compose)
          : NULL;
  out->model = out->byte_level ? "gpt2" : out->scheme == HETA_SCHEME_UNIGRAM ? "t5" : "llama";
  out->pre = pre ? pre->name : out->byte_level ? "custom" : "default";
  return HETA_OK;
}

static const heta_i_definition EMPTY = {.tokens_key = "model.vocab",
                                        .merges_key = "model.merges",
                                        .bos = -1,
                                        .eos = -1,
                                        .unk = -1,
                                        .pad = -1,
                                        .unknown = -1};

heta_status heta_i_definition_of_json(const char *json, size_t size, size_t rows,
                                      heta_i_definition *out, heta_error *error) {
  *out = EMPTY;
  HETA_TRY(parse(json, size, "tokenizer.json", &out->json, error));
  return read_top(rows, out, error);
}

heta_status heta_i_definition_of_folder(const char *folder, size_t rows, heta_i_definition *out,
                                        heta_error *error) {
  static const char FILE_NAME[] = "tokenizer.json";
  *out = EMPTY;
  heta_status status = heta_i_json_load(folder, FILE_NAME, false, &out->json, error);
  if (status == HETA_E_IO)
    return heta_i_fail(error, HETA_E_IO,
                       "%s/%s cannot be read (%s); heta takes the tokenizer of a folder from it, "
                       "and transformers writes it with save_pretrained",
                       folder, FILE_NAME, strerror(errno));
  HETA_TRY(status);
  HETA_TRY(heta_i_json_name_file(read_top(rows, out, error), folder, FILE_NAME, error));
  return heta_i_json_settings(out->json, folder, out, error);
}
