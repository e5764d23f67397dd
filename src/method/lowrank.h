/* lowrank.h: curvature from a low-rank factorisation of each token's block, or of the whole
 * window's Hessian. */
#ifndef HETA_METHOD_LOWRANK_H
#define HETA_METHOD_LOWRANK_H

#include "method/method.h"

typedef struct heta_i_lowrank {
  size_t series;
  size_t rank; /* k; at most what the matrix has rows */
  bool global; /* one factorisation for all tokens */
} heta_i_lowrank;

/* Values per token in the series: each is the mean over some free directions. */
enum { HETA_LOWRANK_SAMPLES = 16 };

/* The rank it comes to. */
size_t heta_i_lowrank_rank(const heta_i_session *session, const heta_i_lowrank *work);
heta_status heta_i_lowrank_items(heta_i_session *session, const heta_i_lowrank *work, int phase,
                                 heta_error *error);
heta_status heta_i_lowrank_run(heta_i_session *session, const heta_i_lowrank *work,
                               const heta_i_item *item, heta_error *error);
/* Bytes it holds beside what every job does. */
uint64_t heta_i_lowrank_bytes(const heta_i_session *session, const heta_i_lowrank *work);

#endif
