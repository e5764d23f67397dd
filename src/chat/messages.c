/* messages.c: messages from JSON, as the interfaces of chat programs have them. */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "chat/chat.h"

struct heta_messages {
  heta_message *data;
  size_t count;
  heta_i_arena arena;
};

/* A JSON text whose fields are blamed by their path and line. */
typedef struct reader {
  const char *json;
  size_t size;
  bool in_object; /* the list stands in an object, as its "messages" */
  heta_messages *to;
  heta_error *error;
} reader;

/* ---- Where a message stands ------------------------------------------------------------------ */

/* Behind the string that begins at `at`, a quotation mark. */
static size_t skip_string(const reader *r, size_t at) {
  for (at++; at < r->size && r->json[at] != '"'; at++)
    if (r->json[at] == '\\') at++;
  return at < r->size ? at + 1 : r->size;
}

/* The first byte of the list of messages, of a text that is known to be sound. */
static size_t find_list(const reader *r) {
  size_t depth = 0;
  for (size_t at = 0; at < r->size; at++) {
    char c = r->json[at];
    if (c == '[' && !r->in_object) return at;
    if (c == '"') {
      size_t end = skip_string(r, at), next = end;
      while (next < r->size && strchr(" \t\r\n", r->json[next])) next++;
      bool key = depth == 1 && end - at == sizeof "\"messages\"" - 1 &&
                 !memcmp(r->json + at, "\"messages\"", end - at) && next < r->size &&
                 r->json[next] == ':';
      if (key) {
        while (next < r->size && r->json[next] != '[') next++;
        return next;
      }
      at = end - 1;
    }
    if (c == '{' || c == '[') depth++;
    if (c == '}' || c == ']') depth--;
  }
  return 0;
}

/* The line, from 1, on which element `index` of the list begins. */
static size_t line_of(const reader *r, size_t index) {
  size_t depth = 0, line = 1, at = find_list(r), seen = 0;
  for (size_t i = 0; i < at; i++) line += r->json[i] == '\n';
  for (; at < r->size; at++) {
    char c = r->json[at];
    bool space = strchr(" \t\r\n", c) != NULL;
    if (c == '\n') line++;
    if (depth == 1 && seen == index && !space && c != ',') break;
    if (c == '"') {
      size_t end = skip_string(r, at);
      for (; at + 1 < end; at++) line += r->json[at] == '\n';
    }
    if (c == '{' || c == '[') depth++;
    if (c == '}' || c == ']') depth--;
    if (c == ',' && depth == 1) seen++;
  }
  return line;
}

/* field: ".role", or "". A text on one line has no line worth naming. */
__attribute__((format(printf, 5, 6))) static heta_status wrong(const reader *r, heta_status status,
                                                               size_t index, const char *field,
                                                               const char *format, ...) {
  char what[320], place[40] = "";
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  const char *end = memchr(r->json, '\n', r->size);
  if (end && end + 1 < r->json + r->size)
    snprintf(place, sizeof place, " (line %zu)", line_of(r, index));
  return heta_i_fail(r->error, status, "messages[%zu]%s%s %s", index, field, place, what);
}

/* ---- Fields ---------------------------------------------------------------------------------- */

/* The texts of a list of parts, joined. */
static heta_status read_parts(reader *r, size_t index, const json_t *parts, heta_message *out) {
  size_t total = 0, part;
  json_t *value;
  for (int pass = 0; pass < 2; pass++) {
    char *bytes = pass ? heta_i_arena_take(&r->to->arena, total + 1, 1) : NULL;
    if (pass && !bytes) return heta_i_no_memory(r->error, "the messages", total);
    out->text = bytes;
    out->size = 0;
    json_array_foreach(parts, part, value) {
      const json_t *text = json_object_get(value, "text");
      const char *type = json_string_value(json_object_get(value, "type"));
      if (!type || strcmp(type, "text"))
        return wrong(r, type ? HETA_E_UNSUPPORTED : HETA_E_FORMAT, index, ".content",
                     "is not all text: part %zu is %s%.40s; only parts of the type "
                     "\"text\" can be explained",
                     part, type ? "of the type " : "without a type", type ? type : "");
      if (!json_is_string(text))
        return wrong(r, HETA_E_FORMAT, index, ".content",
                     "is not all text: part %zu has no \"text\"", part);
      if (bytes) memcpy(bytes + out->size, json_string_value(text), json_string_length(text));
      out->size += json_string_length(text);
    }
    total = out->size;
  }
  return HETA_OK;
}

static bool is_filled(const json_t *value) {
  return value && !json_is_null(value) && !(json_is_array(value) && !json_array_size(value));
}

static heta_status read_message(reader *r, size_t index, const json_t *value, heta_message *out) {
  if (!json_is_object(value))
    return wrong(r, HETA_E_FORMAT, index, "", "is no object with \"role\" and \"content\"");
  const json_t *role = json_object_get(value, "role"), *content = json_object_get(value, "content");
  heta_i_role known;
  if (!json_is_string(role))
    return wrong(r, HETA_E_FORMAT, index, ".role", "is missing, or is no string");
  if (!heta_i_role_find(json_string_value(role), &known))
    return wrong(r, HETA_E_FORMAT, index, ".role",
                 "is \"%.40s\"; the roles are system, user, assistant and tool",
                 json_string_value(role));
  if (is_filled(json_object_get(value, "tool_calls")))
    return wrong(r, HETA_E_UNSUPPORTED, index, ".tool_calls",
                 "calls tools, which heta does not render");
  out->role = heta_i_role_name(known);
  if (json_is_array(content)) return read_parts(r, index, content, out);
  if (!json_is_string(content))
    return wrong(r, HETA_E_FORMAT, index, ".content",
                 "is missing, or is neither a string nor a list of parts");
  out->size = json_string_length(content);
  out->text = heta_i_arena_string(&r->to->arena, json_string_value(content), out->size);
  return out->text ? HETA_OK : heta_i_no_memory(r->error, "the messages", out->size);
}

static heta_status read_list(reader *r, const json_t *root) {
  const json_t *list = root, *value;
  size_t index;
  r->in_object = json_is_object(root);
  if (r->in_object) list = json_object_get(root, "messages");
  if (!json_is_array(list))
    return heta_i_fail(r->error, HETA_E_FORMAT,
                       "the messages are neither a list of objects with \"role\" and \"content\", "
                       "nor an object with such a list as \"messages\"");
  if (!json_array_size(list))
    return heta_i_fail(r->error, HETA_E_FORMAT, "the list of messages is empty");
  r->to->data = heta_i_arena_take(&r->to->arena, json_array_size(list), sizeof *r->to->data);
  if (!r->to->data) return heta_i_no_memory(r->error, "the messages", json_array_size(list));
  json_array_foreach(list, index, value)
      HETA_TRY(read_message(r, index, value, &r->to->data[r->to->count++]));
  return HETA_OK;
}

heta_status heta_messages_read(const char *json, size_t size, heta_messages **out,
                               heta_error *error) {
  if (!json || !out)
    return heta_i_fail(error, HETA_E_ARGUMENT, "heta_messages_read needs a text and a result");
  json_t *root = NULL;
  HETA_TRY(heta_i_json_of_text(json, size, JSON_REJECT_DUPLICATES, "the file of messages", &root,
                               error));
  heta_messages *made = heta_i_allocate(1, sizeof *made);
  reader r = {.json = json, .size = size, .to = made, .error = error};
  heta_status status = made ? read_list(&r, root) : heta_i_no_memory(error, "the messages", size);
  json_decref(root);
  if (status)
    heta_messages_free(made);
  else
    *out = made;
  return status;
}

size_t heta_messages_count(const heta_messages *messages) { return messages->count; }
const heta_message *heta_messages_data(const heta_messages *messages) { return messages->data; }

void heta_messages_free(heta_messages *messages) {
  if (!messages) return;
  heta_i_arena_free(&messages->arena);
  heta_i_free(messages);
}
