/* json_settings.c: special tokens and the chat template of a folder: tokenizer_config.json first,
 * then special_tokens_map.json, chat_template.jinja and config.json for what that does not say. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
#include "format/json.h"
#include "format/map.h"
#include "format/quote.h"
#include "text/folder.h"

static int32_t find_token(const heta_i_definition *d, const char *name, size_t size) {
  for (size_t i = 0; i < d->count; i++)
    if (d->tokens[i].type != HETA_VOCABULARY_HOLE && d->tokens[i].size == size &&
        !memcmp(d->tokens[i].name, name, size))
      return (int32_t)i;
  return -1;
}

/* "bos_token": "<s>" or {"content": "<s>", …}. One that tokenizer.json does not have is refused
 * when it is `needed`; else there is none, since no text gets it. */
static heta_status read_token(const json_t *top, const char *key, bool needed,
                              const heta_i_definition *d, int32_t *out, heta_error *error) {
  char shown[HETA_QUOTE];
  const json_t *value = json_object_get(top, key);
  if (json_is_object(value)) value = json_object_get(value, "content");
  if (*out >= 0 || !value || json_is_null(value)) return HETA_OK;
  if (!json_is_string(value))
    return heta_i_fail(error, HETA_E_FORMAT, "%s is neither a string nor an object with content",
                       key);
  *out = find_token(d, json_string_value(value), json_string_length(value));
  if (*out < 0 && needed)
    return heta_i_fail(error, HETA_E_FORMAT, "%s is \"%s\", which is no token of tokenizer.json",
                       key,
                       heta_i_quote(shown, json_string_value(value), json_string_length(value)));
  return HETA_OK;
}

static heta_status read_tokens(const json_t *top, heta_i_definition *d, heta_error *error) {
  HETA_TRY(read_token(top, "bos_token", true, d, &d->bos, error));
  HETA_TRY(read_token(top, "eos_token", true, d, &d->eos, error));
  HETA_TRY(read_token(top, "unk_token", false, d, &d->unk, error));
  return read_token(top, "pad_token", false, d, &d->pad, error);
}

/* "eos_token_id": 2 or [2, 32000], of which the first counts. */
static heta_status read_id(const json_t *top, const char *key, size_t count, int32_t *out,
                           heta_error *error) {
  const json_t *value = json_object_get(top, key);
  if (json_is_array(value)) value = json_array_get(value, 0);
  if (*out >= 0 || !value || json_is_null(value)) return HETA_OK;
  int64_t id;
  if (!heta_i_json_integer(value, &id) || id < -1 || (id >= 0 && (uint64_t)id >= count))
    return heta_i_fail(error, HETA_E_FORMAT, "%s is no id of the vocabulary, 0 to %zu", key,
                       count - 1);
  *out = (int32_t)id;
  return HETA_OK;
}

static heta_status read_ids(const json_t *top, heta_i_definition *d, heta_error *error) {
  HETA_TRY(read_id(top, "bos_token_id", d->count, &d->bos, error));
  HETA_TRY(read_id(top, "eos_token_id", d->count, &d->eos, error));
  return read_id(top, "pad_token_id", d->count, &d->pad, error);
}

/* A string, or a list of named ones. */
static heta_status read_template(const json_t *top, heta_i_definition *d, heta_error *error) {
  const json_t *value = json_object_get(top, "chat_template"), *item;
  size_t index;
  const char *text = NULL, *name;
  if (!value || json_is_null(value)) return HETA_OK;
  if (!json_is_array(value)) HETA_TRY(heta_i_member_string(top, "", "chat_template", &text, error));
  json_array_foreach(value, index, item) {
    name = NULL;
    HETA_TRY(heta_i_member_string(item, "chat_template", "name", &name, error));
    if (name && !strcmp(name, "default"))
      HETA_TRY(heta_i_member_string(item, "chat_template", "template", &text, error));
  }
  if (!text) return HETA_OK;
  d->chat_template = heta_i_arena_string(&d->arena, text, strlen(text));
  return d->chat_template ? HETA_OK : heta_i_no_memory(error, "the chat template", strlen(text));
}

static heta_status read_template_file(const char *folder, heta_i_definition *d, heta_error *error) {
  const char *path = heta_i_arena_print(&d->arena, "%s/chat_template.jinja", folder);
  if (!path) return heta_i_no_memory(error, "a file's name", strlen(folder));
  if (access(path, F_OK)) return HETA_OK;
  heta_i_map map = {0};
  HETA_TRY(heta_i_map_open(path, &map, error));
  const char *text = (const char *)map.bytes;
  heta_status status = HETA_OK;
  if (heta_i_utf8_valid(text, map.size) < map.size || (map.size && memchr(text, 0, map.size)))
    status = heta_i_fail(error, HETA_E_FORMAT, "%s is no UTF-8 text", path);
  else if (!(d->chat_template = heta_i_arena_string(&d->arena, text, map.size)))
    status = heta_i_no_memory(error, "the chat template", map.size);
  heta_i_map_close(&map);
  return status;
}

/* ---- What is put before a text --------------------------------------------------------------- */

/* The name of the token that post_processor puts before a single text; left alone when there is
 * none. */
static heta_status read_leading(const json_t *processor, int depth, const char **out,
                                heta_error *error) {
  const char *type = NULL;
  const json_t *list = NULL, *special = NULL;
  size_t index;
  json_t *item;
  HETA_TRY(heta_i_member_string(processor, "post_processor", "type", &type, error));
  if (!type || !strcmp(type, "ByteLevel")) return HETA_OK;
  if (!strcmp(type, "Sequence") && !depth) {
    HETA_TRY(heta_i_member_array(processor, "post_processor", "processors", &list, error));
    json_array_foreach(list, index, item) HETA_TRY(read_leading(item, depth + 1, out, error));
    return HETA_OK;
  }
  if (strcmp(type, "TemplateProcessing"))
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "post_processor \"%.40s\" is not supported; heta knows ByteLevel, "
                       "TemplateProcessing and a Sequence of them",
                       type);
  HETA_TRY(heta_i_member_array(processor, "post_processor", "single", &list, error));
  json_array_foreach(list, index, item) {
    special = NULL;
    HETA_TRY(heta_i_member_object(item, "post_processor.single", "SpecialToken", &special, error));
    if (!special) break; /* the text itself; what follows it has no bearing on a prompt */
    if (*out)
      return heta_i_fail(error, HETA_E_UNSUPPORTED,
                         "post_processor.single puts more than one token before the text, which "
                         "heta does not support");
    HETA_TRY(heta_i_member_string(special, "post_processor.single", "id", out, error));
  }
  return HETA_OK;
}

static heta_status read_post(const json_t *top, heta_i_definition *d, const char **leading,
                             heta_error *error) {
  char shown[HETA_QUOTE];
  const json_t *processor = NULL;
  *leading = NULL;
  HETA_TRY(heta_i_member_object(top, "", "post_processor", &processor, error));
  HETA_TRY(read_leading(processor, 0, leading, error));
  if (*leading && find_token(d, *leading, strlen(*leading)) < 0)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "post_processor.single puts \"%s\" before the text, which is no token",
                       heta_i_quote_string(shown, *leading));
  return HETA_OK;
}

/* tokenizer_config.json's add_bos_token has the last word, as in transformers, where it also means
 * nothing without a bos_token. */
static heta_status decide_bos(const json_t *config, const char *leading, heta_i_definition *d,
                              heta_error *error) {
  char shown[HETA_QUOTE];
  int32_t first = leading ? find_token(d, leading, strlen(leading)) : -1;
  d->add_bos = first >= 0;
  HETA_TRY(heta_i_member_flag(config, "", "add_bos_token", &d->add_bos, error));
  if (d->add_bos && d->bos < 0) d->bos = first;
  if (d->bos < 0) d->add_bos = false;
  if (d->add_bos && first >= 0 && first != d->bos)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "tokenizer.json puts \"%s\" before the text, which is not the bos_token; "
                       "heta does not support that",
                       heta_i_quote_string(shown, leading));
  return HETA_OK;
}

/* ---- Files ----------------------------------------------------------------------------------- */

heta_status heta_i_json_settings(const json_t *top, const char *folder, heta_i_definition *d,
                                 heta_error *error) {
  static const char TOP[] = "tokenizer.json", CONFIG[] = "tokenizer_config.json",
                    MAP[] = "special_tokens_map.json", MODEL[] = "config.json";
  json_t *config = NULL, *map = NULL, *model = NULL;
  const char *leading;
  heta_status status;
  HETA_GO(heta_i_json_name_file(read_post(top, d, &leading, error), folder, TOP, error));
  HETA_GO(heta_i_json_load(folder, CONFIG, true, &config, error));
  HETA_GO(heta_i_json_name_file(read_tokens(config, d, error), folder, CONFIG, error));
  HETA_GO(heta_i_json_load(folder, MAP, true, &map, error));
  HETA_GO(heta_i_json_name_file(read_tokens(map, d, error), folder, MAP, error));
  if (d->unk < 0) d->unk = d->unknown;
  HETA_GO(heta_i_json_load(folder, MODEL, true, &model, error));
  HETA_GO(heta_i_json_name_file(read_ids(model, d, error), folder, MODEL, error));
  HETA_GO(heta_i_json_name_file(decide_bos(config, leading, d, error), folder, CONFIG, error));
  HETA_GO(heta_i_json_name_file(read_template(config, d, error), folder, CONFIG, error));
  if (!d->chat_template) HETA_GO(read_template_file(folder, d, error));
done:
  json_decref(config);
  json_decref(map);
  json_decref(model);
  return status;
}
