/* choice.c: which tokens an item with a budget is about: those of the largest gate, or of the spans
 * that matter. */
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

/* A span's part of Σ gate × information; of several targets the largest. */
static double weight_of(const heta_i_session *session, const double *gates,
                        const double *information, size_t span, size_t index) {
  size_t n = session->row_length, spans = (n + span - 1) / span;
  double most = 0;
  for (size_t t = 0; t < session->row_count; t++) {
    double sum = 0, own = 0;
    for (size_t i = 0; i < n; i++) {
      double weight = gates[t * n + i] * information[t * spans + i / span];
      sum += weight;
      if (i / span == index) own += weight;
    }
    if (sum > 0 && own / sum > most) most = own / sum;
  }
  return most;
}

heta_status heta_i_choose_spans(heta_i_session *session, const double *gates,
                                const double *information, size_t span, size_t budget,
                                heta_error *error) {
  size_t n = session->row_length, spans = (n + span - 1) / span, used = 0;
  if (session->chosen) return HETA_OK;
  bool *chosen = heta_i_arena_take(session->memory, n, sizeof *chosen);
  double *weights = heta_i_arena_take(session->memory, spans, sizeof *weights), left = 0;
  if (!chosen || !weights) return heta_i_no_memory(error, "a choice of spans", n + 8 * spans);
  for (size_t s = 0; s < spans; s++) {
    weights[s] = weight_of(session, gates, information, span, s);
    left += weights[s];
  }
  for (double all = left; left > HETA_SPANS_LEFT * all && used + span <= budget; used += span) {
    size_t best = 0;
    for (size_t s = 1; s < spans; s++)
      if (weights[s] > weights[best]) best = s;
    if (!(weights[best] > 0)) break;
    for (size_t i = best * span; i < (best + 1) * span && i < n; i++) chosen[i] = true;
    left -= weights[best];
    weights[best] = 0;
  }
  session->chosen = chosen;
  return HETA_OK;
}
