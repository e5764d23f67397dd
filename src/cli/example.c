/* example.c: a line of a batch as a request. Its keys are options of `heta attribute`, without the
 * dashes; the command line's own options hold for the examples that do not say otherwise. */
#include "cli/example.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Options that a line may give; besides id, text, messages, documents and those of its method. */
static const char *const ASKABLE[] = {
    "target", "predict",     "last",   "span",  "span-text",     "foil", "join",
    "bos",    "special",     "method", "seed",  "system",        "user", "chat-template",
    "raw",    "temperature", "top-p",  "top-k", "repeat-penalty"};
/* Others that decide its result. */
static const char *const COMMON[] = {"backend", "precision", "level",
                                     "prompt",  "messages",  "document-text"};
enum { ASKABLES = sizeof ASKABLE / sizeof *ASKABLE, COMMONS = sizeof COMMON / sizeof *COMMON };

__attribute__((format(printf, 3, 4))) static bool refuse(cli_example *e, const char *field,
                                                         const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(e->message, sizeof e->message, format, arguments);
  va_end(arguments);
  snprintf(e->field, sizeof e->field, "%s", field);
  e->refused = true;
  return false;
}

/* Refuses it for lack of memory, of which the line is innocent. */
static bool starve(cli_example *e) {
  e->starved = true;
  return refuse(e, "", "out of memory");
}

/* ---- Values as the command line has them ---------------------------------------------------- */

/* Keeps a text for as long as the example lives; NULL without memory. */
static const char *keep(cli_example *e, const char *text) {
  json_t *string = json_string(text);
  return json_array_append_new(e->values, string) == 0 ? json_string_value(string) : NULL;
}

/* A number in the fewest digits that read back the same. */
static const char *number_text(cli_example *e, double number) {
  char text[40];
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, number);
    if (strtod(text, NULL) == number) break;
  }
  return keep(e, text);
}

static bool is_span(const json_t *value) {
  return json_array_size(value) == 2 && json_is_integer(json_array_get(value, 0)) &&
         json_is_integer(json_array_get(value, 1));
}

/* What would stand behind the option; NULL after refusing. */
static const char *value_text(cli_example *e, const char *key, const json_t *value, bool span) {
  const char *text = NULL;
  char room[64];
  if (json_is_string(value)) {
    return json_string_value(value);
  } else if (json_is_integer(value)) {
    snprintf(room, sizeof room, "%lld", (long long)json_integer_value(value));
    text = keep(e, room);
  } else if (json_is_real(value)) {
    text = number_text(e, json_real_value(value));
  } else if (span && is_span(value)) {
    snprintf(room, sizeof room, "%lld:%lld",
             (long long)json_integer_value(json_array_get(value, 0)),
             (long long)json_integer_value(json_array_get(value, 1)));
    text = keep(e, room);
  } else {
    refuse(e, key, "\"%.40s\" takes a string or a number%s", key,
           span ? ", or a pair such as [3, 9]" : "");
    return NULL;
  }
  if (!text) starve(e);
  return text;
}

/* ---- Keys ----------------------------------------------------------------------------------- */

static bool is_one_of(const char *const *names, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(names[i], name) == 0) return true;
  return false;
}

static void clear(const cli_option *option, cli_request *request) {
  void *field = (char *)request + option->offset;
  switch (option->kind) {
  case CLI_FLAG: *(bool *)field = false; break;
  case CLI_TEXT: *(const char **)field = NULL; break;
  case CLI_COUNT: *(uint64_t *)field = 0; break;
  case CLI_SPAN: *(cli_span *)field = (cli_span){0}; break;
  default: break; /* no others have rivals among those that a line may give */
  }
}

/* What the command line says in the place of these options holds no longer. */
static void clear_rivals(cli_example *e, int rivals) {
  for (size_t i = 0; rivals && i < cli_attribute.option_count; i++) {
    const cli_option *other = &cli_attribute.options[i];
    if (other->rivals == rivals) clear(other, &e->request);
  }
}

/* The same for one option. That or a rival under another key of the line is a contradiction. */
static bool displace(cli_example *e, const cli_option *option, const char *key) {
  const char *name;
  json_t *value;
  json_object_foreach(e->object, name, value) {
    const cli_option *other = cli_find_option(&cli_attribute, name, strlen(name));
    bool rival = other && option->rivals && other->rivals == option->rivals;
    if (strcmp(name, key) == 0 || json_is_false(value) || !(rival || other == option)) continue;
    return refuse(e, key, "\"%.40s\" and \"%.40s\" exclude each other", key, name);
  }
  clear_rivals(e, option->rivals);
  return true;
}

static bool take_option(cli_example *e, const cli_option *option, const char *key,
                        const json_t *value) {
  char shown[64];
  snprintf(shown, sizeof shown, "\"%.40s\"", key);
  if (option->kind == CLI_FLAG) {
    if (!json_is_boolean(value)) return refuse(e, key, "%s takes true or false", shown);
    clear(option, &e->request);
    if (json_is_false(value)) return true;
    if (!displace(e, option, key)) return false;
    *(bool *)((char *)&e->request + option->offset) = true;
    return true;
  }
  const char *text = value_text(e, key, value, option->kind == CLI_SPAN);
  if (!text || !displace(e, option, key)) return false;
  char message[CLI_MESSAGE];
  if (cli_store(option, &e->request, shown, text, message)) return true;
  return refuse(e, key, "%s", message);
}

static bool take_method_option(cli_example *e, const heta_option_info *info, const char *key,
                               const json_t *value) {
  cli_parsed *parsed = &e->request.parsed;
  const char *text = json_is_boolean(value) ? json_is_true(value) ? "yes" : "no"
                                            : value_text(e, key, value, false);
  if (!text) return false;
  size_t at = 0;
  while (at < parsed->method_option_count &&
         strcmp(parsed->method_options[at].name, info->name) != 0)
    at++;
  parsed->method_options[at] = (heta_option){.name = info->name, .value = text};
  if (at == parsed->method_option_count) parsed->method_option_count++;
  return true;
}

static bool refuse_key(cli_example *e, const char *key) {
  cli_nearest nearest = {.name = key, .length = strlen(key)};
  cli_nearest_try(&nearest, "id");
  cli_nearest_try(&nearest, "text");
  cli_nearest_try(&nearest, "messages");
  cli_nearest_try(&nearest, "documents");
  for (size_t i = 0; i < ASKABLES; i++) cli_nearest_try(&nearest, ASKABLE[i]);
  for (size_t m = 0; m < heta_method_count(); m++) {
    const heta_method_info *method = heta_method_at(m);
    for (size_t i = 0; i < method->option_count; i++)
      cli_nearest_try(&nearest, method->options[i].name);
  }
  if (nearest.best) {
    return refuse(e, key, "an example has no \"%.40s\": did you mean \"%s\"?", key, nearest.best);
  }
  return refuse(e, key,
                "an example has no \"%.40s\": it has id, text, messages, system, user, documents, "
                "chat-template, raw, target, predict, temperature, top-p, top-k, repeat-penalty, "
                "last, span, span-text, foil, join, bos, special, method, seed, and options of the "
                "method",
                key);
}

static bool take_id(cli_example *e, json_t *value) {
  bool fine = json_is_integer(value) || (json_is_string(value) && *json_string_value(value));
  if (!fine) return refuse(e, "id", "\"id\" is a string that is not empty, or a whole number");
  e->id = value;
  return true;
}

/* ---- Conversations --------------------------------------------------------------------------- */

/* The key by which the line gives an option, whatever its spelling, or NULL. */
static const char *key_of(const cli_example *e, const char *option) {
  const char *key;
  json_t *value;
  json_object_foreach(e->object, key, value) {
    const cli_option *found = cli_find_option(&cli_attribute, key, strlen(key));
    if (found && strcmp(found->name, option) == 0 && !json_is_false(value)) return key;
  }
  return NULL;
}

/* How the model writes is no matter of an example that gives its target. That it says both is a
 * contradiction, which is refused later. */
static void leave_decoding(cli_example *e) {
  for (int i = 0; i < CLI_DECODINGS; i++)
    if (key_of(e, cli_decodings[i])) return;
  cli_request_plain(&e->request);
}

/* Fits the conversation's first and last role and the other keys together. What the command line
 * says of it holds where it has no system message, or no user's message at its end, of its own; an
 * answer at its end is the target. */
static bool fit_roles(cli_example *e, const char *first, const char *last) {
  static const char *const TARGETS[] = {"target", "predict", "last"};
  cli_chat *chat = &e->request.chat;
  const char *system = key_of(e, "system"), *user = key_of(e, "user");
  bool answered = strcmp(last, "assistant") == 0 && !user && !chat->user;
  if (strcmp(first, "system") == 0) {
    if (system) return refuse(e, system, "the conversation has a system message already");
    chat->system = NULL;
  }
  if (strcmp(last, "user") == 0) {
    if (user) return refuse(e, user, "the conversation ends with a user message already");
    chat->user = NULL;
  }
  if (answered) {
    clear_rivals(e, CLI_RIVAL_TARGET);
    leave_decoding(e);
  }
  for (size_t i = 0; answered && i < sizeof TARGETS / sizeof *TARGETS; i++) {
    const char *key = key_of(e, TARGETS[i]);
    if (!key) continue;
    return refuse(e, key,
                  "the conversation ends with an answer of the assistant, which is what is "
                  "explained: leave it or \"%s\" out",
                  TARGETS[i]);
  }
  return true;
}

/* The conversation in the line, as --messages takes it. */
static bool take_messages(cli_example *e, const json_t *value) {
  heta_messages *read = NULL;
  heta_error error = {0};
  if (!json_is_array(value)) {
    return refuse(e, "messages", "\"messages\" is a list of objects with role and content");
  }
  char *text = json_dumps(value, JSON_COMPACT);
  const char *kept = text ? keep(e, text) : NULL;
  free(text);
  if (!kept) return starve(e);
  e->request.chat.messages = kept;
  if (heta_messages_read(kept, strlen(kept), &read, &error)) {
    return error.status == HETA_E_MEMORY ? starve(e) : refuse(e, "messages", "%s", error.message);
  }
  const heta_message *messages = heta_messages_data(read);
  const char *last = messages[heta_messages_count(read) - 1].role;
  bool fine = fit_roles(e, messages[0].role, last);
  heta_messages_free(read);
  return fine;
}

/* One {name, text} as --document-text takes it. */
static bool take_document(cli_example *e, size_t index, const json_t *value) {
  const json_t *name = json_object_get(value, "name"), *text = json_object_get(value, "text");
  const char *key = "documents";
  if (!json_is_object(value)) {
    return refuse(e, key, "documents[%zu] is no object with \"name\" and \"text\"", index);
  }
  if (!json_is_string(name) || !json_string_length(name)) {
    return refuse(e, key, "documents[%zu].name is no string, or empty", index);
  }
  if (strchr(json_string_value(name), '=')) {
    return refuse(e, key, "documents[%zu].name contains \"=\", which names cannot", index);
  }
  if (!json_is_string(text) || !json_string_length(text)) {
    return refuse(e, key, "documents[%zu].text is no string, or empty", index);
  }
  json_t *item = json_sprintf("%s=%s", json_string_value(name), json_string_value(text));
  if (json_array_append_new(e->values, item) != 0) return starve(e);
  e->documents[index] = json_string_value(item);
  return true;
}

static bool take_documents(cli_example *e, const json_t *list) {
  size_t index, count = json_array_size(list);
  const json_t *value;
  if (!json_is_array(list)) {
    return refuse(e, "documents", "\"documents\" is a list of objects with name and text");
  }
  e->documents = calloc(count + 1, sizeof *e->documents);
  if (!e->documents) return starve(e);
  e->request.chat.texts = (cli_list){.items = e->documents, .count = count};
  json_array_foreach(list, index, value) {
    if (!take_document(e, index, value)) return false;
  }
  return true;
}

/* What a line with a text does not go with; the command line may say it of the other lines. */
static bool leave_chat(cli_example *e) {
  static const char *const NAMES[] = {"messages", "system", "user", "chat-template", "raw"};
  cli_chat *chat = &e->request.chat;
  for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
    const char *key = key_of(e, NAMES[i]);
    if (!key) continue;
    return refuse(e, key, "\"%s\" belongs to a conversation, and \"text\" is none", NAMES[i]);
  }
  chat->system = chat->user = chat->template = NULL;
  chat->raw = false;
  return true;
}

/* ---- The line's keys ------------------------------------------------------------------------- */

static bool take_key(cli_example *e, const char *key, json_t *value) {
  static const char *const BEFORE[] = {"id", "method", "messages"};
  if (is_one_of(BEFORE, 3, key)) return true; /* taken before */
  if (strcmp(key, "text") == 0) {
    if (!json_is_string(value) || !json_string_length(value)) {
      return refuse(e, key, "\"text\" is a string that is not empty");
    }
    e->request.input.prompt = json_string_value(value);
    return leave_chat(e);
  }
  if (strcmp(key, "documents") == 0) return take_documents(e, value);
  size_t length = strlen(key);
  const cli_option *option = cli_find_option(&cli_attribute, key, length);
  if (option && is_one_of(ASKABLE, ASKABLES, option->name)) {
    return take_option(e, option, key, value);
  }
  for (size_t m = 0; !option && m < heta_method_count(); m++) {
    const heta_option_info *info = cli_method_option(heta_method_at(m), key, length);
    if (info) return take_method_option(e, info, key, value);
  }
  return refuse_key(e, key);
}

/* The command line's method options: those that the example's method has, when it names one. */
static bool take_methods(cli_example *e, const cli_request *common) {
  cli_parsed *parsed = &e->request.parsed;
  const json_t *named = json_object_get(e->object, "method");
  const cli_parsed *given = &common->parsed;
  size_t room = given->method_option_count + json_object_size(e->object) + 1;
  parsed->method_options = calloc(room, sizeof *parsed->method_options);
  parsed->method_option_count = 0;
  if (!parsed->method_options) return starve(e);
  if (named) {
    if (!json_is_string(named)) return refuse(e, "method", "\"method\" is the name of a method");
    e->request.method = json_string_value(named);
  }
  const heta_method_info *method = heta_method_find(e->request.method);
  if (!method) {
    char message[CLI_MESSAGE];
    cli_unknown_method(e->request.method, message);
    return refuse(e, "method", "%s", message);
  }
  for (size_t i = 0; i < given->method_option_count; i++) {
    const heta_option *option = &given->method_options[i];
    if (named && !cli_method_option(method, option->name, strlen(option->name))) continue;
    parsed->method_options[parsed->method_option_count++] = *option;
  }
  return true;
}

/* ---- The command line that asks the same ---------------------------------------------------- */

/* value: NULL for a flag. */
static void add_word(cli_example *e, const char *name, const char *value) {
  json_t *word = value ? json_sprintf("--%s=%s", name, value) : json_sprintf("--%s", name);
  if (json_array_append_new(e->words, word) != 0) starve(e);
}

static void add_option(cli_example *e, const cli_option *option) {
  const void *field = (const char *)&e->request + option->offset;
  const char *text = NULL;
  char room[64];
  switch (option->kind) {
  case CLI_FLAG:
    if (*(const bool *)field) add_word(e, option->name, NULL);
    return;
  case CLI_TEXT: text = *(const char *const *)field; break;
  case CLI_COUNT:
    if (!*(const uint64_t *)field) return;
    snprintf(room, sizeof room, "%llu", (unsigned long long)*(const uint64_t *)field);
    text = room;
    break;
  case CLI_NUMBER:
    if (*(const double *)field < 0) return;
    text = number_text(e, *(const double *)field);
    if (!text) starve(e);
    break;
  case CLI_CHOICE: {
    const char *choice = option->argument;
    int index = *(const int *)field;
    if (!index) return;
    for (; index; index--) choice += strcspn(choice, "|") + 1;
    snprintf(room, sizeof room, "%.*s", (int)strcspn(choice, "|"), choice);
    text = room;
    break;
  }
  case CLI_SPAN: {
    const cli_span *span = field;
    if (!span->end) return;
    snprintf(room, sizeof room, "%zu:%zu", span->start, span->end);
    text = room;
    break;
  }
  case CLI_LIST: {
    const cli_list *list = field;
    for (size_t i = 0; i < list->count; i++) add_word(e, option->name, list->items[i]);
    return;
  }
  default: return;
  }
  if (text) add_word(e, option->name, text);
}

static void build_words(cli_example *e) {
  const cli_parsed *parsed = &e->request.parsed;
  json_array_append_new(e->words, json_string("heta"));
  json_array_append_new(e->words, json_string(cli_attribute.name));
  add_word(e, "model", e->request.model);
  for (size_t i = 0; i < cli_attribute.option_count; i++) {
    const cli_option *option = &cli_attribute.options[i];
    if (is_one_of(ASKABLE, ASKABLES, option->name) || is_one_of(COMMON, COMMONS, option->name)) {
      add_option(e, option);
    }
  }
  for (size_t i = 0; i < parsed->method_option_count; i++) {
    const heta_option *option = &parsed->method_options[i];
    add_word(e, option->name, option->value);
  }
}

/* ---- The line ------------------------------------------------------------------------------- */

static bool read_object(cli_example *e, const cli_request *common) {
  json_t *id = json_object_get(e->object, "id");
  const json_t *messages = json_object_get(e->object, "messages");
  const char *key;
  json_t *value;
  if (id && !take_id(e, id)) return false;
  if (!take_methods(e, common)) return false;
  if (messages && !take_messages(e, messages)) return false;
  json_object_foreach(e->object, key, value) {
    if (!take_key(e, key, value)) return false;
  }
  if (!e->request.input.prompt && !e->request.chat.messages && !e->request.chat.user) {
    return refuse(
        e, "text",
        "\"text\" is missing, the text that is explained; or \"messages\" or \"user\", of "
        "a conversation");
  }
  if (key_of(e, "target") || key_of(e, "last")) leave_decoding(e);
  char message[CLI_MESSAGE];
  if (!cli_request_check(&e->request, message)) return refuse(e, "", "%s", message);
  build_words(e);
  return !e->refused;
}

void cli_example_read(const cli_request *common, const char *bytes, size_t size, size_t line,
                      cli_example *out) {
  json_error_t problem;
  *out = (cli_example){.line = line, .request = *common};
  out->request.parsed.method_options = NULL;
  out->request.parsed.method_option_count = 0;
  out->values = json_array();
  out->words = json_array();
  out->object = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &problem);
  if (!out->values || !out->words || (!out->object && !problem.text[0])) {
    starve(out);
  } else if (!out->object) {
    refuse(out, "", "the line is not JSON: %.300s", problem.text);
    out->column = problem.column > 0 ? (size_t)problem.column : 1;
  } else if (!json_is_object(out->object)) {
    refuse(out, "", "the line is not an object, {\"text\": …}");
    out->column = 1;
  } else {
    read_object(out, common);
  }
}

void cli_example_free(cli_example *example) {
  free(example->request.parsed.method_options);
  free(example->documents);
  json_decref(example->values);
  json_decref(example->words);
  json_decref(example->object);
  *example = (cli_example){0};
}
