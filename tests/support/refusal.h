/* refusal.h: what a refusal must look like. */
#ifndef HETA_TESTS_REFUSAL_H
#define HETA_TESTS_REFUSAL_H

#include <heta/heta.h>

/* Fails the test, saying what differs, unless a call returned the expected status and filled *error
 * with it, with the byte offset and with a message that contains part. `what` names the case. */
void refusal_check(const char *what, heta_status status, heta_status expected,
                   const heta_error *error, uint64_t offset, const char *part);

#endif
