/* suite.c: reads a suite: one JSON object a line, the first of which may describe the file. */
#include "cli/eval/suite.h"

#include "cli/input.h"
#include "cli/json.h"
#include "cli/options.h"

#include <nettle/sha2.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

extern const char cli_eval_builtin[]; /* builtin.jsonl, put in by the build */

enum { LONGEST_ID = 200 };

typedef struct reader {
  const char *file;
  size_t line;
  eval_suite *suite;
  json_t *ids; /* the line of each id */
} reader;

__attribute__((format(printf, 2, 3))) static int refuse(const reader *r, const char *format, ...) {
  char text[CLI_MESSAGE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return cli_fail(CLI_FAILED, "%s: line %zu: %s", r->file, r->line, text);
}

/* The byte at which character number `at` begins; SIZE_MAX beyond the end. */
static size_t byte_of(const char *text, size_t at) {
  size_t size = strlen(text), byte = 0;
  for (; at && byte < size; at--) byte += cli_character(text + byte, size - byte);
  return at ? SIZE_MAX : byte;
}

static size_t characters_in(const char *text) {
  size_t count = 0, size = strlen(text);
  for (size_t byte = 0; byte < size; count++) byte += cli_character(text + byte, size - byte);
  return count;
}

/* A text field; *out stays as it is when it is missing and not needed. */
static int read_text(const reader *r, const json_t *object, const char *key, bool needed,
                     const char **out) {
  const json_t *value = json_object_get(object, key);
  if (!value || json_is_null(value)) {
    return needed ? refuse(r, "\"%s\" is missing", key) : CLI_DONE;
  }
  if (!json_is_string(value)) return refuse(r, "\"%s\" is not a text", key);
  if (!json_string_length(value)) return refuse(r, "\"%s\" is empty", key);
  if (strlen(json_string_value(value)) != json_string_length(value)) {
    return refuse(r, "\"%s\" holds a NUL character", key);
  }
  *out = json_string_value(value);
  return CLI_DONE;
}

/* The name that is one slip of the pen away from this one; NULL: it is one of them, or far off. */
static const char *meant(const char *name, const char *const *names, size_t count) {
  cli_nearest nearest = {.name = name, .length = strlen(name)};
  for (size_t i = 0; i < count; i++) {
    if (!strcmp(name, names[i])) return NULL;
    cli_nearest_try(&nearest, names[i]);
  }
  return nearest.best && nearest.distance == 1 ? nearest.best : NULL;
}

/* Keys and roles of a person's own are kept; one that is nearly ours would be missed in silence. */
static int check_keys(const reader *r, json_t *object) {
  static const char *const KEYS[] = {"schema", "id",   "source",     "text",
                                     "target", "foil", "paraphrase", "spans"};
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value) {
    const char *ours = meant(key, KEYS, sizeof KEYS / sizeof *KEYS);
    if (!ours) continue;
    return refuse(r,
                  "\"%.40s\" means nothing here: did you mean \"%s\"? If it is a key of your "
                  "own, give it another name",
                  key, ours);
  }
  return CLI_DONE;
}

static int check_role(const reader *r, const char *role, size_t index) {
  static const char *const ROLES[] = {"gold", "support", "distractor"};
  const char *ours = meant(role, ROLES, 3);
  if (!ours) return CLI_DONE;
  return refuse(r,
                "spans[%zu]: no metric asks for the role \"%.40s\": did you mean \"%s\"? If it "
                "is a role of your own, give it another name",
                index, role, ours);
}

/* A span by the text it covers, which must occur once. */
static int find_span(const reader *r, const char *text, const char *quoted, size_t index,
                     eval_span *span) {
  const char *found = strstr(text, quoted);
  if (!found) return refuse(r, "spans[%zu]: “%.60s” does not occur in the text", index, quoted);
  if (strstr(found + 1, quoted)) {
    return refuse(r, "spans[%zu]: “%.60s” occurs more than once in the text; give start and end",
                  index, quoted);
  }
  span->start = (size_t)(found - text);
  span->end = span->start + strlen(quoted);
  return CLI_DONE;
}

static int read_span(const reader *r, const char *text, const json_t *object, size_t index,
                     eval_span *span) {
  const json_t *start = json_object_get(object, "start"), *end = json_object_get(object, "end");
  const char *quoted = NULL;
  if (!json_is_object(object)) return refuse(r, "spans[%zu] is not an object", index);
  int code = read_text(r, object, "role", true, &span->role);
  if (!code) code = read_text(r, object, "text", false, &quoted);
  if (!code) code = check_role(r, span->role, index);
  if (code) return code;
  if (!start && !end && quoted) return find_span(r, text, quoted, index, span);
  if (!json_is_integer(start) || !json_is_integer(end)) {
    return refuse(r, "spans[%zu] needs whole numbers \"start\" and \"end\", or a \"text\"", index);
  }
  json_int_t from = json_integer_value(start), to = json_integer_value(end);
  size_t length = characters_in(text);
  if (from < 0 || to <= from || (size_t)to > length) {
    return refuse(r,
                  "spans[%zu] is [%lld, %lld), but must be a part of the text's characters "
                  "[0, %zu)",
                  index, (long long)from, (long long)to, length);
  }
  span->start = byte_of(text, (size_t)from);
  span->end = byte_of(text, (size_t)to);
  if (quoted && (strlen(quoted) != span->end - span->start ||
                 memcmp(quoted, text + span->start, span->end - span->start) != 0)) {
    return refuse(r, "spans[%zu] covers “%.*s”, not “%.60s”", index,
                  (int)(span->end - span->start < 60 ? span->end - span->start : 60),
                  text + span->start, quoted);
  }
  return CLI_DONE;
}

static int read_spans(const reader *r, const json_t *object, eval_item *item) {
  const json_t *list = json_object_get(object, "spans");
  if (!list) return CLI_DONE;
  if (!json_is_array(list)) return refuse(r, "\"spans\" is not a list");
  size_t count = json_array_size(list);
  eval_span *spans = calloc(count + 1, sizeof *spans);
  if (!spans) return cli_fail(CLI_FAILED, "out of memory");
  item->spans = spans;
  item->span_count = count;
  for (size_t i = 0; i < count; i++) {
    int code = read_span(r, item->text, json_array_get(list, i), i, &spans[i]);
    if (code) return code;
  }
  return CLI_DONE;
}

static void add(struct sha256_ctx *hash, const char *text) {
  sha256_update(hash, text ? strlen(text) + 1 : 1, (const uint8_t *)(text ? text : ""));
}

static void digest(eval_item *item) {
  struct sha256_ctx hash;
  uint8_t bytes[SHA256_DIGEST_SIZE];
  char numbers[64];
  sha256_init(&hash);
  add(&hash, item->source);
  add(&hash, item->text);
  add(&hash, item->target);
  add(&hash, item->foil);
  for (size_t i = 0; i < item->span_count; i++) {
    snprintf(numbers, sizeof numbers, "%zu %zu", item->spans[i].start, item->spans[i].end);
    add(&hash, item->spans[i].role);
    add(&hash, numbers);
  }
  if (item->paraphrase) add(&hash, item->paraphrase);
  sha256_digest(&hash, sizeof bytes, bytes);
  for (size_t i = 0; i < sizeof bytes; i++) snprintf(item->digest + 2 * i, 3, "%02x", bytes[i]);
}

static int read_item(const reader *r, json_t *object, eval_item *item) {
  item->suite = r->suite->name;
  item->line = r->line;
  int code = check_keys(r, object);
  if (!code) code = read_text(r, object, "id", true, &item->name);
  if (!code && strlen(item->name) > LONGEST_ID) {
    code = refuse(r, "\"id\" is longer than %d bytes", LONGEST_ID);
  }
  item->source = item->name;
  if (!code) code = read_text(r, object, "source", false, &item->source);
  if (!code) code = read_text(r, object, "text", true, &item->text);
  if (!code) code = read_text(r, object, "target", true, &item->target);
  if (!code) code = read_text(r, object, "foil", false, &item->foil);
  if (!code) code = read_text(r, object, "paraphrase", false, &item->paraphrase);
  if (!code) code = read_spans(r, object, item);
  const json_t *other = code ? NULL : json_object_get(r->ids, item->name);
  if (other) {
    code = refuse(r, "the id “%.60s” is that of line %lld too", item->name,
                  (long long)json_integer_value(other));
  }
  if (!code) json_object_set_new(r->ids, item->name, json_integer((json_int_t)item->line));
  if (!code) digest(item);
  return code;
}

/* The first line may describe the file instead of asking. */
static int read_head(const reader *r, const json_t *object, bool *head) {
  const json_t *schema = json_object_get(object, "schema");
  *head = schema && !json_object_get(object, "text");
  if (schema && (!json_is_string(schema) || strcmp(json_string_value(schema), "heta.suite/1"))) {
    return refuse(r, "the \"schema\" is not heta.suite/1, the only one there is");
  }
  return CLI_DONE;
}

static int read_line(reader *r, const char *line, size_t size) {
  eval_suite *suite = r->suite;
  json_error_t error;
  bool head = false;
  json_t *object = json_loadb(line, size, JSON_REJECT_DUPLICATES, &error);
  if (!object) {
    return cli_fail(CLI_FAILED, "%s: line %zu, column %d: %s", r->file, r->line,
                    error.column > 0 ? error.column : 1, error.text);
  }
  suite->lines[suite->line_count++] = object;
  if (!json_is_object(object)) return refuse(r, "this is not a JSON object");
  int code = suite->line_count == 1 ? read_head(r, object, &head) : CLI_DONE;
  if (code || head) return code;
  code = read_item(r, object, &suite->items[suite->count]);
  suite->count++; /* also when refused: its spans are to be released */
  return code;
}

static int read_lines(reader *r, const char *bytes, size_t size, size_t limit) {
  eval_suite *suite = r->suite;
  size_t most = 1;
  for (size_t i = 0; i < size; i++) most += bytes[i] == '\n';
  suite->lines = calloc(most, sizeof(json_t *));
  suite->items = calloc(most, sizeof *suite->items);
  if (!suite->lines || !suite->items) return cli_fail(CLI_FAILED, "out of memory");
  for (size_t at = 0; at < size && (!limit || suite->count < limit);) {
    const char *end = memchr(bytes + at, '\n', size - at);
    size_t length = end ? (size_t)(end - bytes) - at : size - at, blank = 0;
    r->line++;
    while (blank < length && memchr(" \t\r", bytes[at + blank], 3)) blank++;
    int code = blank < length ? read_line(r, bytes + at, length) : CLI_DONE;
    if (code) return code;
    at += length + 1;
  }
  if (!suite->count) return cli_fail(CLI_FAILED, "%s: there is no item in it", r->file);
  return CLI_DONE;
}

int eval_plain_text(const char *file, const char **bytes, size_t *size) {
  if (*size >= 2 && (!memcmp(*bytes, "\xff\xfe", 2) || !memcmp(*bytes, "\xfe\xff", 2))) {
    return cli_fail(CLI_FAILED, "%s is UTF-16 text, and must be UTF-8", file);
  }
  if (*size >= 3 && !memcmp(*bytes, "\xef\xbb\xbf", 3)) {
    *bytes += 3;
    *size -= 3;
  }
  const char *nul = memchr(*bytes, 0, *size), *start = *bytes;
  size_t line = 1;
  if (!nul) return CLI_DONE;
  for (const char *at = *bytes; at < nul; at++) {
    if (*at == '\n') line++, start = at + 1;
  }
  return cli_fail(CLI_FAILED,
                  "%s: line %zu, column %zu: a NUL byte: the file is no text, or was not written "
                  "whole",
                  file, line, (size_t)(nul - start) + 1);
}

/* "mine.jsonl" of "data/mine.jsonl" becomes "mine". */
static char *name_of(const char *path) {
  const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
  size_t length = strlen(base);
  if (length > 6 && strcmp(base + length - 6, ".jsonl") == 0) length -= 6;
  return strndup(base, length);
}

int eval_suite_parse(const char *file, const char *name, const char *bytes, size_t size,
                     size_t limit, eval_suite *suite) {
  reader r = {.file = file, .suite = suite};
  *suite = (eval_suite){.name = name_of(name)};
  if (!suite->name) return cli_fail(CLI_FAILED, "out of memory");
  int code = eval_plain_text(file, &bytes, &size);
  if (code) return code;
  r.ids = json_object();
  code = read_lines(&r, bytes, size, limit);
  json_decref(r.ids);
  return code;
}

int eval_suite_read(const char *name, size_t limit, eval_suite *suite) {
  cli_text text = {0};
  *suite = (eval_suite){0};
  if (strcmp(name, "builtin") == 0) {
    return eval_suite_parse("the builtin suite", name, cli_eval_builtin, strlen(cli_eval_builtin),
                            limit, suite);
  }
  int code = cli_read_file(name, &text);
  if (!code) code = eval_suite_parse(name, name, text.bytes, text.size, limit, suite);
  free(text.bytes);
  return code;
}

void eval_suite_free(eval_suite *suite) {
  for (size_t i = 0; i < suite->count; i++) free((void *)suite->items[i].spans);
  for (size_t i = 0; i < suite->line_count; i++) json_decref(suite->lines[i]);
  free(suite->items);
  free(suite->lines);
  free(suite->name);
  *suite = (eval_suite){0};
}

bool eval_item_has(const eval_item *item, const char *role) {
  for (size_t i = 0; i < item->span_count; i++) {
    if (strcmp(item->spans[i].role, role) == 0) return true;
  }
  return false;
}

bool eval_item_answer(const eval_item *item, size_t *start, size_t *end) {
  const char *target = item->target + strspn(item->target, " \t\n");
  size_t size = strlen(target);
  while (size && strchr(" \t\n", target[size - 1])) size--;
  for (size_t s = 0; item->foil && size && s < item->span_count; s++) {
    const eval_span *span = &item->spans[s];
    if (strcmp(span->role, "gold") != 0) continue;
    for (size_t at = span->start; at + size <= span->end; at++) {
      if (strncasecmp(item->text + at, target, size) != 0) continue;
      *start = at;
      *end = at + size;
      return true;
    }
  }
  return false;
}
