/* sketch.h: block curvature by a shared sketch, a core per token, and samples with a control
 * variate. */
#ifndef HETA_METHOD_SKETCH_H
#define HETA_METHOD_SKETCH_H

#include "method/core.h"
#include "method/method.h"

enum { HETA_SKETCH_LEAST = 2 }; /* samples that a core's first products give */

typedef struct heta_i_sketch_work {
  int phase;
  size_t series;
  size_t rank;      /* products that make a token's core, at most HETA_CORE_MOST */
  size_t samples;   /* of each token, at most; at least HETA_SKETCH_LEAST */
  double tolerance; /* above 0: as many as it takes */
  size_t least;     /* with a tolerance: samples before a token may stop */
} heta_i_sketch_work;

heta_status heta_i_sketch_items(heta_i_session *session, const heta_i_sketch_work *work,
                                heta_error *error);
heta_status heta_i_sketch_run(heta_i_session *session, const heta_i_item *item, size_t series,
                              size_t rank, bool gauss_newton, heta_error *error);
/* Bytes it holds beside what every job does. all_tokens: blocks are kept from round to round. */
uint64_t heta_i_sketch_bytes(const heta_i_session *session, size_t rank, bool all_tokens);

#endif
