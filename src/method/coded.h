/* coded.h: block curvature by probes of the whole context that all tokens share, told apart by
 * codes. */
#ifndef HETA_METHOD_CODED_H
#define HETA_METHOD_CODED_H

#include "method/method.h"

enum { HETA_CODED_PAIR = 2 }; /* numbers of a probe in its series: ‖coded‖₁, ‖whole‖₁ */

typedef struct heta_i_coded_work {
  int phase;
  size_t series; /* of HETA_CODED_PAIR × probes numbers */
  size_t probes;
} heta_i_coded_work;

heta_status heta_i_coded_items(heta_i_session *session, const heta_i_coded_work *work,
                               heta_error *error);
heta_status heta_i_coded_run(heta_i_session *session, const heta_i_item *item, size_t series,
                             bool gauss_newton, heta_error *error);
/* S and its standard error from one token's numbers; returns the probes behind them. */
size_t heta_i_coded_estimate(const heta_i_session *session, const double *numbers, size_t count,
                             double *mean, double *error);
/* Bytes it holds beside what every job does. */
uint64_t heta_i_coded_bytes(const heta_i_session *session);

#endif
