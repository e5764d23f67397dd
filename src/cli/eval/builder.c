/* builder.c: reading published files, writing items. */
#include "cli/eval/builder.h"

#include "cli/eval/suite.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool eval_build_full(const eval_builder *b) { return b->limit && b->written >= b->limit; }

int eval_build_read(const eval_builder *b, const char *name, cli_text *text) {
  char path[HETA_PATH];
  int length = snprintf(path, sizeof path, "%s/%s", b->from, name);
  if (length < 0 || (size_t)length >= sizeof path) {
    return cli_fail(CLI_USAGE, "--from is too long a path");
  }
  int code = cli_read_file(path, text);
  if (code) return code;
  const char *bytes = text->bytes;
  code = eval_plain_text(path, &bytes, &text->size);
  memmove(text->bytes, bytes, text->size);
  text->bytes[text->size] = 0;
  if (!code && strspn(text->bytes, " \t\r\n") == text->size) {
    code = cli_fail(CLI_FAILED, "%s is empty", path);
  }
  if (code) {
    free(text->bytes);
    *text = (cli_text){0};
  }
  return code;
}

/* One object a line, from line `line` on. */
static int read_lines(const eval_builder *b, const char *name, const cli_text *text, json_t *list) {
  size_t line = 0;
  for (size_t at = 0; at < text->size;) {
    const char *end = memchr(text->bytes + at, '\n', text->size - at);
    size_t length = end ? (size_t)(end - text->bytes) - at : text->size - at, blank = 0;
    json_error_t error;
    line++;
    while (blank < length && isspace((unsigned char)text->bytes[at + blank])) blank++;
    if (blank < length) {
      json_t *object = json_loadb(text->bytes + at, length, 0, &error);
      if (!object) {
        return cli_fail(CLI_FAILED, "%s/%s: line %zu, column %d: %s", b->from, name, line,
                        error.column > 0 ? error.column : 1, error.text);
      }
      cli_json_append(list, object);
    }
    at += length + 1;
  }
  return CLI_DONE;
}

int eval_build_csv(eval_builder *b, const char *name, eval_csv *csv) {
  char path[HETA_PATH];
  cli_text text = {0};
  int code = eval_build_read(b, name, &text);
  snprintf(path, sizeof path, "%s/%s", b->from, name); /* it fits: it was read */
  if (!code) code = eval_csv_read(path, text.bytes, text.size, csv);
  free(text.bytes);
  b->file = name;
  b->unit = "record";
  return code;
}

int eval_build_list(eval_builder *b, const char *name, json_t **list) {
  cli_text text;
  json_error_t error;
  size_t first = 0;
  *list = NULL;
  b->file = name;
  b->unit = "record";
  int code = eval_build_read(b, name, &text);
  if (code) return code;
  while (first < text.size && isspace((unsigned char)text.bytes[first])) first++;
  if (first < text.size && text.bytes[first] == '{') {
    *list = json_array();
    code = read_lines(b, name, &text, *list);
  } else {
    *list = json_loadb(text.bytes, text.size, 0, &error);
    if (!*list) {
      code = cli_fail(CLI_FAILED, "%s/%s: line %d, column %d: %s", b->from, name, error.line,
                      error.column > 0 ? error.column : 1, error.text);
    } else if (!json_is_array(*list)) {
      code = cli_fail(CLI_FAILED, "%s/%s is not a list", b->from, name);
    }
  }
  free(text.bytes);
  if (code) {
    json_decref(*list);
    *list = NULL;
  }
  return code;
}

void eval_build_head(eval_builder *b, const char *about) {
  json_t *head = json_pack("{s:s, s:s}", "schema", "heta.suite/1", "about", about);
  char *line = head ? json_dumps(head, JSON_COMPACT) : NULL;
  if (line) fprintf(b->out, "%s\n", line);
  free(line);
  json_decref(head);
}

static size_t characters(const char *text, size_t bytes) {
  size_t count = 0;
  for (size_t i = 0; i < bytes; i++) count += (text[i] & 0xc0) != 0x80;
  return count;
}

void eval_build_span(eval_made *item, const char *role, size_t start, size_t end) {
  if (!item->spans) item->spans = json_array();
  cli_json_append(item->spans, json_pack("{s:s, s:i, s:i}", "role", role, "start",
                                         (int)characters(item->text, start), "end",
                                         (int)characters(item->text, end)));
}

int eval_build_put(eval_builder *b, eval_made *item) {
  json_t *object = json_pack("{s:s, s:s*, s:s, s:s, s:s*, s:s*, s:o*}", "id", item->id, "source",
                             item->source, "text", item->text, "target", item->target, "foil",
                             item->foil, "paraphrase", item->paraphrase, "spans", item->spans);
  char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;
  item->spans = NULL; /* the object's, or released with it */
  json_decref(object);
  if (!line) {
    return cli_fail(CLI_FAILED, "%s/%s: %s %zu has a text that is not UTF-8", b->from, b->file,
                    b->unit, b->record);
  }
  fprintf(b->out, "%s\n", line);
  free(line);
  if (!(b->written & (b->written + 1))) { /* the room doubles: 1, 2, 4 … */
    size_t *grown = realloc(b->records, 2 * (b->written + 1) * sizeof *grown);
    if (!grown) return cli_fail(CLI_FAILED, "out of memory");
    b->records = grown;
  }
  b->records[b->written++] = b->record;
  return CLI_DONE;
}

int eval_build_cut(const char *text, int most) {
  size_t size = strlen(text);
  if (size <= (size_t)most) return (int)size;
  while (most > 0 && (text[most] & 0xc0) == 0x80) most--;
  return most;
}

const char *eval_build_text(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

char *eval_build_tidy(const char *text, size_t size) {
  char *out = malloc(size + 1);
  size_t used = 0;
  for (size_t i = 0; out && i < size; i++) {
    bool space = isspace((unsigned char)text[i]);
    if (space && (!used || out[used - 1] == ' ')) continue;
    out[used++] = space ? ' ' : text[i];
  }
  while (out && used && out[used - 1] == ' ') used--;
  if (out) out[used] = 0;
  return out;
}

size_t eval_build_sentences(const char *text, size_t ends[EVAL_MOST_SENTENCES]) {
  size_t count = 0, length = strlen(text);
  for (size_t i = 0; i < length && count < EVAL_MOST_SENTENCES; i++) {
    bool stop = strchr(".?!", text[i]) && (!text[i + 1] || isspace((unsigned char)text[i + 1]));
    if (stop || i + 1 == length) ends[count++] = i + 1;
  }
  return count;
}
