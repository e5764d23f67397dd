/* request.h: what a person wants explained, as `heta attribute` takes it from its command line and
 * `heta merge` reads it again from the command line recorded in a result. */
#ifndef HETA_CLI_REQUEST_H
#define HETA_CLI_REQUEST_H

#include "cli/input.h"
#include "cli/output.h"

typedef struct cli_request {
  cli_parsed parsed; /* must be first */
  const char *model;
  cli_input input;
  const char *target; /* --target */
  uint64_t predict;   /* --predict, 0: not given */
  bool last, join;
  const char *foil;
  const char *method;
  uint64_t seed;
  int bos; /* a heta_bos */
  bool special;
  uint64_t threads; /* 0: all */
  uint64_t max_memory;
  double max_seconds;
  int backend, precision;
  cli_part part;
  cli_list resume; /* --continue */
  cli_output output;
  cli_list asserts;
  bool no_progress, preview, quiet, verbose;
} cli_request;

extern const cli_command cli_attribute;

/* Checks what concerns several options at once, and that the method exists and has the options that
 * were given. Returns false after writing a sentence into `message`. */
bool cli_request_check(const cli_request *request, char message[CLI_MESSAGE]);
/* The sentence for a method that does not exist, with the nearest name. */
void cli_unknown_method(const char *name, char message[CLI_MESSAGE]);
/* As the library takes it; borrows everything from the request. No callbacks. */
heta_attribute_options cli_request_options(const cli_request *request);

#endif
