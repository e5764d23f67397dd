/* attribute.h: jobs on the tiny models, the token that is explained chosen by its id, and results
 * compared bit by bit. */
#ifndef HETA_TESTS_ATTRIBUTE_H
#define HETA_TESTS_ATTRIBUTE_H

#include "job/job.h"
#include "support/fixture.h"

/* Defaults with seed 7, one thread, this precision and backend, and these method options
 * ("probes=4 mask=zero", at most 8; NULL: none). The options live until the next call. */
heta_attribute_options attribute_options(const fixture_kind *kind, const char *method_options);
/* Each fails the test when its call fails. */
heta_job *attribute_job(const heta_model *model, const char *text, size_t size,
                        const heta_attribute_options *options);
const heta_attribution *attribute_run(heta_job *job);
const heta_attribution *attribute_result(heta_job *job);
/* A job that explains token `id` after the fixture's tokens [0, context); foil: -1 for none. */
heta_job *attribute_fixture(const json_t *fixture, const heta_model *model, size_t context,
                            int32_t id, int32_t foil, const heta_attribute_options *options);
/* Values of a row's component, or NULL. */
const double *attribute_component(const heta_attribution *a, size_t row, const char *name);
const double *attribute_component_se(const heta_attribution *a, size_t row, const char *name);
/* The job's result as JSON; free with heta_i_free. */
char *attribute_json(heta_job *job);
/* The same without what may differ between two equal runs (timing, environment). */
char *attribute_essence(const char *json);
/* Fails the test unless both jobs' results are the same, bit for bit, but for facts of the run. */
void attribute_same(const char *what, heta_job *a, heta_job *b);
/* Fails the test unless creating a job fails so; the message contains `words`. */
void attribute_refused(const heta_model *model, const char *text,
                       const heta_attribute_options *options, heta_status status,
                       const char *words);

#endif
