/* choice.c: which tokens an item with a budget is about: those of the largest gate. */
#include <math.h>

#include "method/method.h"

/* A token's largest gate; NaN while it is not known for some target. */
static double largest(const heta_i_session *session, const double *gates, size_t token) {
  double most = 0;
  for (size_t t = 0; t < session->row_count; t++) {
    double gate = gates[t * session->row_length + token];
    if (!(gate <= most)) most = gate;
  }
  return most;
}

heta_status heta_i_choose(heta_i_session *session, const double *gates, size_t budget,
                          heta_error *error) {
  size_t n = session->row_length;
  if (session->chosen) return HETA_OK;
  for (size_t i = 0; i < n; i++)
    if (isnan(largest(session, gates, i)))
      return heta_i_fail(error, HETA_E_INTERNAL, "tokens are chosen by a gate that is not there");
  bool *chosen = heta_i_arena_take(session->memory, n, sizeof *chosen);
  if (!chosen) return heta_i_no_memory(error, "a choice of tokens", n);
  for (size_t i = 0; i < n; i++) {
    double own = largest(session, gates, i);
    size_t before = 0;
    for (size_t k = 0; k < n; k++) {
      double other = largest(session, gates, k);
      before += other > own || (other == own && k < i);
    }
    chosen[i] = before < budget;
  }
  session->chosen = chosen;
  return HETA_OK;
}
