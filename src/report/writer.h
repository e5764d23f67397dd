/* writer.h: buffered output to the caller's write function, and JSON on top of it. */
#ifndef HETA_REPORT_WRITER_H
#define HETA_REPORT_WRITER_H

#include <stdbool.h>

#include "base/number.h"
#include "base/status.h"

/* Start with {.write = …, .context = …}. The first failure sticks: later output is dropped, and
 * heta_i_writer_finish reports it, so that a writer of reports checks once, at its end. Needs no
 * memory beyond itself, however long the report is. */
typedef struct heta_i_writer {
  heta_write_fn write;
  void *context;
  int failure;      /* what the write function returned, 0 while all is well */
  uint64_t written; /* bytes handed to the write function so far */
  bool for_page;    /* JSON stands inside an HTML script element: '<' is escaped, and numbers are
                     * cut to 6 digits */
  bool lines;       /* heta_i_json_line has an effect */
  bool comma, line; /* what has to come before the next JSON item */
  size_t size;
  char bytes[4096];
} heta_i_writer;

void heta_i_put(heta_i_writer *writer, const void *bytes, size_t size);
void heta_i_puts(heta_i_writer *writer, const char *text);
void heta_i_put_repeat(heta_i_writer *writer, const char *text, size_t count);
/* printf for everything but real numbers (their decimal point depends on the host's locale), up to
 * 511 bytes. */
void heta_i_putf(heta_i_writer *writer, const char *format, ...) HETA_PRINTF(2, 3);
/* Hands over what is still buffered. HETA_E_IO when the write function ever failed. */
heta_status heta_i_writer_finish(heta_i_writer *writer, heta_error *error);

/* JSON. Commas are put in by themselves; the caller keeps keys and values in order. */
void heta_i_json_open(heta_i_writer *writer, char bracket);
void heta_i_json_close(heta_i_writer *writer, char bracket);
void heta_i_json_key(heta_i_writer *writer, const char *key);
/* The next key or element starts on a new line, if the writer is set to lines. */
void heta_i_json_line(heta_i_writer *writer);
void heta_i_json_null(heta_i_writer *writer);
void heta_i_json_bool(heta_i_writer *writer, bool value);
void heta_i_json_count(heta_i_writer *writer, uint64_t value);
void heta_i_json_real(heta_i_writer *writer, double value); /* null when not finite */
/* Bytes as a string; each run of bytes that are no characters becomes one U+FFFD. */
void heta_i_json_bytes(heta_i_writer *writer, const char *bytes, size_t size);
void heta_i_json_string(heta_i_writer *writer, const char *text); /* NULL: null */
/* Numbers as a string: little-endian float32 in base64, NaN where they are not finite. */
void heta_i_json_packed(heta_i_writer *writer, const double *values, size_t count);
void heta_i_json_hex(heta_i_writer *writer, const char *bytes, size_t size);
/* A value that is JSON already. */
void heta_i_json_raw(heta_i_writer *writer, const char *text);
/* A key with its value, or with what opens it. */
void heta_i_key_string(heta_i_writer *writer, const char *key, const char *text);
void heta_i_key_count(heta_i_writer *writer, const char *key, uint64_t value);
void heta_i_key_bool(heta_i_writer *writer, const char *key, bool value);
void heta_i_key_open(heta_i_writer *writer, const char *key, char bracket);

#endif
