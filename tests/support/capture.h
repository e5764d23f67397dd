/* capture.h: reports taken as strings, and what is asked of strings. A failure fails the test. */
#ifndef HETA_TESTS_CAPTURE_H
#define HETA_TESTS_CAPTURE_H

#include <heta/heta.h>
#include <jansson.h>

#include "base/buffer.h"

/* A write function's target. Start with {.bytes.limit = …}. */
typedef struct capture {
  heta_i_buffer bytes;
  size_t calls, fail_at; /* fail_at: 1-based number of the call that fails, 0 for none */
} capture;

/* heta_write_fn over a capture; a failing call returns ENOSPC and must be the last. */
int capture_write(void *context, const void *bytes, size_t size);

/* The report as a string, to be freed with heta_i_free. */
char *capture_report(const heta_attribution *a, const char *format,
                     const heta_report_options *options);
heta_report_options capture_color(heta_color color, size_t columns);
/* To be released with json_decref. */
json_t *capture_json(const char *text, size_t size);

size_t count_of(const char *text, const char *what);
void expect_in(const char *text, const char *what);
void expect_not_in(const char *text, const char *what);

#endif
