/* inputs.h: the context's input as numbers, runs at other inputs, and what is read of a run beside
 * its gradient: for methods that look at a function along a path, or inside the model. */
#ifndef HETA_METHOD_INPUTS_H
#define HETA_METHOD_INPUTS_H

#include "method/method.h"

/* Embedding rows of the context: [length × width]. */
void heta_i_embeddings(heta_i_session *session, double *out);
/* What --baseline puts in their place: [length × width]; with a joint objective the targets' own
 * tokens stay what they are. heta_i_mask_check checks the option. */
heta_status heta_i_baselines(heta_i_session *session, double *out, heta_error *error);
/* A run of the blocks from `begin` on over these rows [length × width], with the clean run's target
 * rows. session->runs says how many there are at a time. */
heta_status heta_i_run_at(heta_i_session *session, const double *input, size_t begin,
                          heta_i_run **out, heta_error *error);
/* A row's objective in a run. scratch: [vocabulary]. */
double heta_i_objective_at(const heta_i_session *session, const heta_i_run *run, size_t row,
                           double *scratch);
/* How far the sums of a series over the context are from f(input) - f(baseline), relative to it:
 * the largest of all rows. `ends`: a series with these two values. */
double heta_i_completeness_gap(const heta_i_session *session, size_t series, size_t ends);
/* That as a method's `checks`. */
size_t heta_i_gap_checks(const heta_i_session *session, size_t series, size_t ends,
                         heta_check_value *checks);
/* Fills such a series: every row's objective in the clean run, and in a run at `from`. */
heta_status heta_i_path_ends(heta_i_session *session, const double *from, size_t ends,
                             heta_error *error);
/* Gradient of a row's objective in a run, with respect to the run's input: [length × width]. */
heta_status heta_i_gradient_at(heta_i_session *session, heta_i_run *run, size_t row, double *out,
                               heta_error *error);
/* Runs of the whole context at several inputs, with their gradients, share passes: so many inputs
 * go into an item of work, whatever the memory; 1 where the context fills a batch by itself. */
size_t heta_i_stacks(const heta_i_session *session);
/* Plans that so many contexts run as one, or as many of them as a batch holds. */
void heta_i_stack(heta_i_session *session, size_t contexts);
/* Numbers of all the inputs of an item: [inputs × length × width]. */
size_t heta_i_stack_size(const heta_i_session *session, size_t inputs);
/* What is done with the gradient of a row's objective at input number `index`: [length × width]. */
typedef void heta_i_take_gradient(void *context, size_t index, size_t row, const double *gradient);
/* Hands over every row's gradient at each of `count` inputs [count × length × width]. gradients: as
 * much room as the inputs take. */
heta_status heta_i_gradients(heta_i_session *session, const double *inputs, size_t count,
                             double *gradients, heta_i_take_gradient *take, void *context,
                             heta_error *error);
/* The residual stream of the context before block `layer`, or after the last: [length × width]. */
heta_status heta_i_states(heta_i_session *session, size_t layer, double *out, heta_error *error);
/* Refuses an option --layer that the model does not have; it may be as much as `most`. */
heta_status heta_i_layer_check(const heta_i_session *session, size_t most, heta_error *error);

#endif
