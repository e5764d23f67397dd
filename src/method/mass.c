/* mass.c: from a method's numbers to the non-negative score: --map, then --normalise. */
#include <math.h>
#include <string.h>

#include "method/method.h"

static bool asks(const heta_i_session *session, const char *option, const char *choice) {
  const heta_i_value *value = heta_i_option(session, option);
  return value && !strcmp(value->text, choice);
}

void heta_i_mass(const heta_i_session *session, const double *signed_score, size_t length,
                 double *score, double *score_se) {
  bool positive = asks(session, "map", "positive"), absolute = asks(session, "map", "absolute");
  for (size_t i = 0; i < length && (positive || absolute); i++) {
    double value = signed_score[i];
    score[i] = absolute ? fabs(value) : value < 0 ? 0 : value;
  }
  bool by_sum = asks(session, "normalise", "sum"), by_most = asks(session, "normalise", "max");
  if (!by_sum && !by_most) return;
  double sum = 0, most = 0; /* NaN as soon as a value is missing */
  for (size_t i = 0; i < length; i++) {
    sum += score[i];
    if (!(score[i] <= most)) most = score[i];
    if (isnan(most)) break;
  }
  double by = by_sum || isnan(sum) ? sum : most;
  for (size_t i = 0; i < length; i++) {
    score[i] = by == 0 ? by_sum ? 1.0 / (double)length : 0 : score[i] / by;
    score_se[i] = by == 0 ? score_se[i] : score_se[i] / by;
  }
}
