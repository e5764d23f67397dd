/* cursor.c: reading a header front to back, every length compared with what is left. */
#include "format/cursor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "format/bytes.h"
#include "format/quote.h"

heta_status heta_i_damaged(const heta_i_cursor *cursor, uint64_t offset, const char *format, ...) {
  char shown[HETA_QUOTE], wrong[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(wrong, sizeof wrong, format, arguments);
  va_end(arguments);
  return heta_i_fail_at(cursor->error, HETA_E_FORMAT, offset,
                        "%s, byte %" PRIu64 ": %s; the file is damaged: fetch it again",
                        heta_i_quote_string(shown, cursor->path), offset, wrong);
}

static heta_status cut_short(const heta_i_cursor *cursor, const char *what) {
  return heta_i_damaged(cursor, cursor->at, "the file ends (it has %zu bytes) within %s",
                        cursor->size, what);
}

heta_status heta_i_read_u32(heta_i_cursor *cursor, const char *what, uint32_t *out) {
  if (cursor->size - cursor->at < 4) return cut_short(cursor, what);
  *out = heta_i_le32(cursor->bytes + cursor->at);
  cursor->at += 4;
  return HETA_OK;
}

heta_status heta_i_read_u64(heta_i_cursor *cursor, const char *what, uint64_t *out) {
  if (cursor->size - cursor->at < 8) return cut_short(cursor, what);
  *out = heta_i_le64(cursor->bytes + cursor->at);
  cursor->at += 8;
  return HETA_OK;
}

heta_status heta_i_read_text(heta_i_cursor *cursor, const char *what, size_t most,
                             const char **text, size_t *size) {
  size_t start = cursor->at;
  uint64_t length = 0;
  HETA_TRY(heta_i_read_u64(cursor, what, &length));
  if (length > cursor->size - cursor->at)
    return heta_i_damaged(cursor, start, "%s is said to have %" PRIu64 " bytes, but %zu are left",
                          what, length, cursor->size - cursor->at);
  if (length > most)
    return heta_i_damaged(cursor, start,
                          "%s is said to have %" PRIu64 " bytes, over the limit of %zu", what,
                          length, most);
  *text = (const char *)cursor->bytes + cursor->at;
  *size = (size_t)length;
  cursor->at += (size_t)length;
  return HETA_OK;
}

heta_status heta_i_read_elements(heta_i_cursor *cursor, const char *what, uint64_t count,
                                 size_t size, const unsigned char **out) {
  if (count > (cursor->size - cursor->at) / size) return cut_short(cursor, what);
  *out = cursor->bytes + cursor->at;
  cursor->at += (size_t)count * size;
  return HETA_OK;
}
