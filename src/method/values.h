/* values.h: what each token sends to rows of a run through one layer's attention: attention
 * probability times value times output projection, head by head or all heads together. */
#ifndef HETA_METHOD_VALUES_H
#define HETA_METHOD_VALUES_H

#include "method/method.h"

typedef struct heta_i_values {
  heta_i_session *session;
  heta_i_run *run;
  size_t rows; /* n: of the run */
  size_t block;
  double *probabilities; /* [heads × n × n] of the block */
  double *values;        /* [n × kv_heads × head_width] of the block */
  double *mixed;         /* [n × heads × head_width] */
  double *sent;          /* [n × width]: filled by heta_i_values_sent */
} heta_i_values;

uint64_t heta_i_values_bytes(const heta_i_session *session, size_t rows);
heta_status heta_i_values_open(heta_i_session *session, heta_i_run *run, size_t rows,
                               heta_i_values *values, heta_error *error);
void heta_i_values_close(heta_i_values *values);
/* Reads a block of the run. biased: values as the attention uses them; else without their own
 * projection's bias. */
heta_status heta_i_values_read(heta_i_values *values, size_t block, bool biased, heta_error *error);
/* What every token sends to rows first … first+count-1, each times its weight (NULL: 1), summed,
 * through one head, or (SIZE_MAX) through all of them; without the output projection's bias. */
heta_status heta_i_values_sent(heta_i_values *values, size_t first, size_t count,
                               const double *weight, size_t head, heta_error *error);

#endif
