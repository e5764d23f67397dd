/* csv.c: splits a CSV file into its fields. */
#include "cli/eval/csv.h"

#include "cli/cli.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct splitter {
  const char *at, *end;
  char *to;
  size_t line;
} splitter;

/* Copies one field; *more: another one follows in the row. False when a quote is never closed. */
static bool take_field(splitter *s, bool *more) {
  bool quoted = s->at < s->end && *s->at == '"';
  if (quoted) s->at++;
  for (; s->at < s->end; s->at++) {
    if (quoted && *s->at == '"' && s->at + 1 < s->end && s->at[1] == '"') {
      s->at++; /* a doubled quote is one */
    } else if (quoted && *s->at == '"') {
      s->at++;
      quoted = false;
      break;
    } else if (!quoted && (*s->at == ',' || *s->at == '\n' || *s->at == '\r')) {
      break;
    }
    s->line += *s->at == '\n';
    *s->to++ = *s->at;
  }
  *s->to++ = 0;
  *more = s->at < s->end && *s->at == ',';
  if (*more) s->at++;
  return !quoted;
}

static int add(eval_csv *csv, size_t *room, size_t count, char *field) {
  if (count == *room) {
    *room = *room ? 2 * *room : 256;
    char **grown = realloc(csv->field, *room * sizeof *grown);
    if (!grown) return cli_fail(CLI_FAILED, "out of memory");
    csv->field = grown;
  }
  csv->field[count] = field;
  return CLI_DONE;
}

int eval_csv_read(const char *name, const char *bytes, size_t size, eval_csv *csv) {
  *csv = (eval_csv){.bytes = malloc(2 * size + 2)};
  splitter s = {bytes, bytes + size, csv->bytes, 1};
  size_t room = 0, count = 0;
  int code = csv->bytes ? CLI_DONE : cli_fail(CLI_FAILED, "out of memory");
  while (!code && s.at < s.end) {
    size_t columns = 0, line = s.line;
    bool more = true;
    while (!code && more) {
      char *field = s.to;
      if (!take_field(&s, &more)) {
        code = cli_fail(CLI_FAILED, "%s: line %zu: a quote is never closed", name, line);
      }
      if (!code) code = add(csv, &room, count++, field);
      columns++;
    }
    if (!code && s.at < s.end && *s.at == '\r') s.at++;
    if (!code && s.at < s.end && *s.at != '\n') {
      code = cli_fail(CLI_FAILED, "%s: line %zu: a quote stands within a field", name, s.line);
    }
    s.at += s.at < s.end;
    s.line++;
    if (!csv->columns) csv->columns = columns;
    const char *other = columns == 1 && !csv->rows && !code ? strpbrk(csv->field[0], ";\t") : NULL;
    if (other) {
      code =
          cli_fail(CLI_FAILED, "%s: line 1: the fields are separated by %s, and must be by commas",
                   name, *other == ';' ? "semicolons" : "tabs");
    }
    if (!code && columns != csv->columns) {
      code = cli_fail(CLI_FAILED, "%s: line %zu has %zu fields, the first one %zu", name, line,
                      columns, csv->columns);
    }
    csv->rows++;
  }
  if (code) eval_csv_free(csv);
  return code;
}

void eval_csv_free(eval_csv *csv) {
  free(csv->bytes);
  free(csv->field);
  *csv = (eval_csv){0};
}

size_t eval_csv_column(const eval_csv *csv, const char *heading) {
  for (size_t c = 0; csv->rows && c < csv->columns; c++) {
    if (!strcmp(csv->field[c], heading)) return c;
  }
  return SIZE_MAX;
}

const char *eval_csv_at(const eval_csv *csv, size_t row, size_t column) {
  return csv->field[row * csv->columns + column];
}
