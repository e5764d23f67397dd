/* status.c: filling a heta_error with a sentence. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

static void fill(heta_error *error, heta_status status, uint64_t offset, const char *format,
                 va_list arguments) {
  if (!error) return;
  error->status = status;
  error->offset = offset;
  vsnprintf(error->message, sizeof error->message, format, arguments);
}

heta_status heta_i_fail(heta_error *error, heta_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fill(error, status, HETA_NO_OFFSET, format, arguments);
  va_end(arguments);
  return status;
}

heta_status heta_i_fail_at(heta_error *error, heta_status status, uint64_t offset,
                           const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fill(error, status, offset, format, arguments);
  va_end(arguments);
  return status;
}

heta_status heta_i_no_memory(heta_error *error, const char *what, size_t bytes) {
  return heta_i_fail(error, HETA_E_MEMORY, "out of memory: %s needs %zu bytes", what, bytes);
}

const char *heta_version(void) { return HETA_VERSION; }

const char *heta_status_name(heta_status status) {
  switch (status) {
  case HETA_OK: return "ok";
  case HETA_E_ARGUMENT: return "bad argument";
  case HETA_E_MEMORY: return "out of memory";
  case HETA_E_IO: return "input or output";
  case HETA_E_FORMAT: return "damaged file";
  case HETA_E_UNSUPPORTED: return "not supported";
  case HETA_E_BUDGET: return "over budget";
  case HETA_E_NONFINITE: return "not finite";
  case HETA_E_CANCELLED: return "cancelled";
  case HETA_E_CHECK: return "self-check failed";
  case HETA_E_INTERNAL: return "internal error";
  }
  return "unknown status";
}
