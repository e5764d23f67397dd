/* refusal.c: what a refusal must look like. */
#include "support/refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

void refusal_check(const char *what, heta_status status, heta_status expected,
                   const heta_error *error, uint64_t offset, const char *part) {
  if (status != expected || error->status != expected)
    fail_msg("%s: status %d (%s), expected %d", what, (int)status, error->message, (int)expected);
  if (error->offset != offset)
    fail_msg("%s: offset %llu, expected %llu: %s", what, (unsigned long long)error->offset,
             (unsigned long long)offset, error->message);
  if (!strstr(error->message, part))
    fail_msg("%s: the message lacks \"%s\": %s", what, part, error->message);
}
