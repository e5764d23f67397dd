/* csv.h: a CSV file (RFC 4180) in memory. */
#ifndef HETA_CLI_EVAL_CSV_H
#define HETA_CLI_EVAL_CSV_H

#include <stddef.h>

typedef struct eval_csv {
  char *bytes;  /* owned: the fields, each with its NUL */
  char **field; /* [rows × columns] */
  size_t rows, columns;
} eval_csv;

/* Returns CLI_DONE or an exit code after saying what is wrong in which line. */
int eval_csv_read(const char *name, const char *bytes, size_t size, eval_csv *csv);
void eval_csv_free(eval_csv *csv);
/* The column with this heading, or SIZE_MAX. */
size_t eval_csv_column(const eval_csv *csv, const char *heading);
const char *eval_csv_at(const eval_csv *csv, size_t row, size_t column);

#endif
