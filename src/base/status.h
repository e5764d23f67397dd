/* status.h: filling a heta_error with a sentence, and passing a failure on. */
#ifndef HETA_BASE_STATUS_H
#define HETA_BASE_STATUS_H

#include <heta/heta.h>

#if defined(__GNUC__)
#define HETA_PRINTF(a, b) __attribute__((format(printf, a, b)))
#else
#define HETA_PRINTF(a, b)
#endif

/* Both return `status`, so that a failing check is one line: return heta_i_fail(e, HETA_E_IO, "…").
 */
heta_status heta_i_fail(heta_error *error, heta_status status, const char *format, ...)
    HETA_PRINTF(3, 4);
heta_status heta_i_fail_at(heta_error *error, heta_status status, uint64_t offset,
                           const char *format, ...) HETA_PRINTF(4, 5);
heta_status heta_i_no_memory(heta_error *error, const char *what, size_t bytes);

/* Passes a failure on to the caller. */
#define HETA_TRY(call)                                                                             \
  do {                                                                                             \
    heta_status try_status_ = (call);                                                              \
    if (try_status_) return try_status_;                                                           \
  } while (0)

/* The same where resources are held: needs a `heta_status status` and a label `done`. */
#define HETA_GO(call)                                                                              \
  do {                                                                                             \
    status = (call);                                                                               \
    if (status) goto done;                                                                         \
  } while (0)

#endif
