/* real.h: the real model of the environment variable HETA_TEST_MODEL and what it must compute. */
#ifndef HETA_TESTS_REAL_H
#define HETA_TESTS_REAL_H

#include <jansson.h>

#include "heta/heta.h"

/* What a program returns when its tests were skipped: ctest then says so. */
enum { REAL_SKIPPED = 77 };

/* tests/data/smollm2/logits.json; to be released with json_decref. A failure ends the program. */
json_t *real_fixture(void);

/* The model that the fixture speaks of, open; NULL after saying on stderr why tests are skipped:
 * HETA_TEST_MODEL is not set, or names another model. A file that cannot be opened ends the
 * program. */
heta_model *real_model(void);

#endif
