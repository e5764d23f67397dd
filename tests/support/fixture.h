/* fixture.h: reading the float64 fixtures of tests/data/tiny, and engines over their models. */
#ifndef HETA_TESTS_FIXTURE_H
#define HETA_TESTS_FIXTURE_H

#include <jansson.h>

#include "engine/engine.h"

/* Names of the models of tests/data/tiny, in order, NULL at the end; static. */
const char *const *fixture_models(void);
size_t fixture_count(void);

json_t *fixture_load(const char *name); /* fails the test when it cannot */
heta_model *fixture_model(const char *name);
/* All numbers of a (nested) array, in order; *count may be NULL. Free with heta_i_free. */
double *fixture_numbers(const json_t *array, size_t *count);
int32_t *fixture_ids(const json_t *fixture, size_t *count);

typedef struct fixture_kind {
  const char *name;
  heta_precision precision;
  heta_backend backend;
  double tolerance; /* relative to the largest value */
} fixture_kind;
extern const fixture_kind
    FIXTURE_KINDS[]; /* f64 reference, f32 reference, f32 cpu; name NULL ends */

heta_i_engine *fixture_engine(const heta_model *model, const fixture_kind *kind, size_t positions,
                              size_t lane_rows, bool expand, bool recompute, int threads);
/* The largest |a - b| over the largest |b|. */
double fixture_error(const double *a, const double *b, size_t count);
void fixture_close(const char *what, const double *a, const double *b, size_t count,
                   double tolerance); /* fails the test, saying what and by how much */

#endif
