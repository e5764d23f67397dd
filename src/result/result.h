/* result.h: results as objects of their own: who owns what an attribution points to, whether one
 * can be believed, and reading one from its JSON form. */
#ifndef HETA_RESULT_RESULT_H
#define HETA_RESULT_RESULT_H

#include "base/status.h"

/* Wraps an attribution that is borrowed from `owner`; from then on heta_result_free releases both.
 * On failure the owner stays the caller's. HETA_E_MEMORY. */
heta_status heta_i_result_make(const heta_attribution *attribution, void *owner,
                               void (*release)(void *owner), heta_result **out, heta_error *error);

/* How many tokens a row for that target, or for HETA_ALL_TARGETS, has; SIZE_MAX: no such target. */
size_t heta_i_row_length(const heta_attribution *attribution, size_t target);

/* Checks what every reader of an attribution relies on, since it may come from any program: lists
 * are there, tokens tile the text, rows have the length of their context. The status of a failure
 * is `blame`. */
heta_status heta_i_result_check(const heta_attribution *attribution, heta_status blame,
                                heta_error *error);

#endif
