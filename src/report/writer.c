/* writer.c: buffered output, numbers free of the locale, JSON items. */
#include "report/writer.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static void flush(heta_i_writer *writer) {
  if (!writer->failure && writer->size) {
    writer->failure = writer->write(writer->context, writer->bytes, writer->size);
    if (!writer->failure) writer->written += writer->size;
  }
  writer->size = 0;
}

void heta_i_put(heta_i_writer *writer, const void *bytes, size_t size) {
  const char *from = bytes;
  while (size && !writer->failure) {
    size_t room = sizeof writer->bytes - writer->size;
    size_t part = size < room ? size : room;
    memcpy(writer->bytes + writer->size, from, part);
    writer->size += part;
    from += part;
    size -= part;
    if (writer->size == sizeof writer->bytes) flush(writer);
  }
}

void heta_i_puts(heta_i_writer *writer, const char *text) {
  heta_i_put(writer, text, strlen(text));
}

void heta_i_put_repeat(heta_i_writer *writer, const char *text, size_t count) {
  while (count--) heta_i_puts(writer, text);
}

void heta_i_putf(heta_i_writer *writer, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  size_t most = sizeof text - 1;
  if (size > 0) heta_i_put(writer, text, (size_t)size < most ? (size_t)size : most);
}

heta_status heta_i_writer_finish(heta_i_writer *writer, heta_error *error) {
  flush(writer);
  if (!writer->failure) return HETA_OK;
  char reason[128];
  if (strerror_r(writer->failure, reason, sizeof reason))
    snprintf(reason, sizeof reason, "error %d", writer->failure);
  return heta_i_fail(error, HETA_E_IO,
                     "the report could not be written past its byte %llu: %s; what was written so "
                     "far is not a whole report",
                     (unsigned long long)writer->written, reason);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void item(heta_i_writer *writer) {
  if (writer->comma) heta_i_put(writer, ",", 1);
  if (writer->line && writer->lines) heta_i_put(writer, "\n", 1);
  writer->comma = true;
  writer->line = false;
}

static void characters(heta_i_writer *writer, const char *bytes, size_t size) {
  heta_i_put(writer, "\"", 1);
  for (size_t at = 0; at < size;) {
    uint32_t code;
    size_t length = heta_i_utf8_decode(bytes + at, size - at, &code);
    if (!length) {
      while (++at < size && !heta_i_utf8_decode(bytes + at, size - at, NULL)) {}
      heta_i_puts(writer, "\xef\xbf\xbd");
      continue;
    }
    if (code == '"' || code == '\\')
      heta_i_putf(writer, "\\%c", (int)code);
    else if (code == '\n')
      heta_i_puts(writer, "\\n");
    else if (code == '\t')
      heta_i_puts(writer, "\\t");
    else if (code == '\r')
      heta_i_puts(writer, "\\r");
    else if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
             (writer->for_page && code == '<'))
      heta_i_putf(writer, "\\u%04x", (unsigned)code);
    else
      heta_i_put(writer, bytes + at, length);
    at += length;
  }
  heta_i_put(writer, "\"", 1);
}

void heta_i_json_open(heta_i_writer *writer, char bracket) {
  item(writer);
  heta_i_put(writer, &bracket, 1);
  writer->comma = false;
}

void heta_i_json_close(heta_i_writer *writer, char bracket) {
  heta_i_put(writer, &bracket, 1);
  writer->comma = true;
  writer->line = false;
}

void heta_i_json_key(heta_i_writer *writer, const char *key) {
  item(writer);
  characters(writer, key, strlen(key));
  heta_i_put(writer, ":", 1);
  writer->comma = false;
}

void heta_i_json_line(heta_i_writer *writer) { writer->line = true; }

void heta_i_json_raw(heta_i_writer *writer, const char *text) {
  item(writer);
  heta_i_puts(writer, text);
}

void heta_i_json_null(heta_i_writer *writer) { heta_i_json_raw(writer, "null"); }

void heta_i_json_bool(heta_i_writer *writer, bool value) {
  heta_i_json_raw(writer, value ? "true" : "false");
}

void heta_i_json_count(heta_i_writer *writer, uint64_t value) {
  item(writer);
  heta_i_putf(writer, "%llu", (unsigned long long)value);
}

void heta_i_json_real(heta_i_writer *writer, double value) {
  if (!isfinite(value)) {
    heta_i_json_null(writer);
    return;
  }
  heta_i_number number =
      writer->for_page ? heta_i_number_format("%.6g", value) : heta_i_number_shortest(value);
  heta_i_json_raw(writer, number.text);
}

void heta_i_json_bytes(heta_i_writer *writer, const char *bytes, size_t size) {
  item(writer);
  characters(writer, bytes, size);
}

void heta_i_json_string(heta_i_writer *writer, const char *text) {
  if (text)
    heta_i_json_bytes(writer, text, strlen(text));
  else
    heta_i_json_null(writer);
}

void heta_i_json_hex(heta_i_writer *writer, const char *bytes, size_t size) {
  item(writer);
  heta_i_put(writer, "\"", 1);
  for (size_t i = 0; i < size; i++) heta_i_putf(writer, "%02x", (unsigned)(unsigned char)bytes[i]);
  heta_i_put(writer, "\"", 1);
}

/* The bits of a float32, the nearest that is finite; a quiet NaN for what is not computed. */
static uint32_t single_bits(double value) {
  float single = value > FLT_MAX ? FLT_MAX : value < -FLT_MAX ? -FLT_MAX : (float)value;
  uint32_t bits = 0x7fc00000;
  if (isfinite(value)) memcpy(&bits, &single, sizeof bits);
  return bits;
}

void heta_i_json_packed(heta_i_writer *writer, const double *values, size_t count) {
  static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint32_t group = 0;
  size_t held = 0; /* bytes in the group, of 3 */
  item(writer);
  heta_i_put(writer, "\"", 1);
  for (size_t i = 0; i < 4 * count || held; i++) {
    uint32_t byte = i < 4 * count ? single_bits(values[i / 4]) >> 8 * (i % 4) & 0xff : 0;
    group = group << 8 | byte;
    if (++held < 3) continue;
    size_t over = i < 4 * count ? 0 : i - 4 * count + 1; /* bytes that only fill the last group */
    for (size_t k = 0; k < 4; k++)
      heta_i_put(writer, k < 4 - over ? &DIGITS[group >> (18 - 6 * k) & 63] : "=", 1);
    group = 0;
    held = 0;
    if (over) break;
  }
  heta_i_put(writer, "\"", 1);
}

void heta_i_key_string(heta_i_writer *writer, const char *key, const char *text) {
  heta_i_json_key(writer, key);
  heta_i_json_string(writer, text);
}

void heta_i_key_count(heta_i_writer *writer, const char *key, uint64_t value) {
  heta_i_json_key(writer, key);
  heta_i_json_count(writer, value);
}

void heta_i_key_bool(heta_i_writer *writer, const char *key, bool value) {
  heta_i_json_key(writer, key);
  heta_i_json_bool(writer, value);
}

void heta_i_key_open(heta_i_writer *writer, const char *key, char bracket) {
  heta_i_json_key(writer, key);
  heta_i_json_open(writer, bracket);
}
