/* coded.h: block curvature by probes of the whole context that all tokens share, told apart by
 * codes. */
#ifndef HETA_METHOD_CODED_H
#define HETA_METHOD_CODED_H

#include "method/method.h"

/* Numbers of a probe in a token's series: ‖·‖₁ of what came to the token by each code. */
enum { HETA_CODED_CODES = 8 };

typedef struct heta_i_coded_work {
  int phase;
  size_t series; /* of HETA_CODED_CODES × probes numbers */
  size_t probes;
} heta_i_coded_work;

/* Deals the codes, too. */
heta_status heta_i_coded_items(heta_i_session *session, const heta_i_coded_work *work,
                               heta_error *error);
heta_status heta_i_coded_run(heta_i_session *session, const heta_i_item *item, size_t series,
                             bool gauss_newton, heta_error *error);
/* Bytes it holds beside what every job does. */
uint64_t heta_i_coded_bytes(const heta_i_session *session);

/* shares.c */
/* S of a target's token and its standard error from its numbers; returns the probes behind them. */
size_t heta_i_coded_estimate(const heta_i_session *session, size_t target, size_t token,
                             const double *numbers, size_t count, double *mean, double *error);
/* Numbers it works with, in session->shares. */
size_t heta_i_shares_room(size_t tokens, size_t probes);

#endif
