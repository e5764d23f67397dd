/* shares.c: how much of what came to a token by its code is the token's own (coded.c).
 *
 * Sizes add like squares: y², the squared ‖·‖₁ of what came by a code, is about Σ e_j over the
 * tokens j that have it, with an unknown e_j ≥ 0 for what token j does to this one, and S² for the
 * token itself. The unknowns begin at what the other codes brought, shared out by nearness, and
 * take a few multiplicative steps towards the least Itakura-Saito divergence (Févotte and Idier
 * 2011, section 4), for which errors are relative and unknowns stay positive:
 *
 *     e_j ← e_j √(Σ_p y²/ŷ⁴ / Σ_p 1/ŷ²),   ŷ² = Σ e over the tokens of j's code in probe p.
 *
 * Probe p then says of S: y √(e_i/ŷ²), y by the token's own code. With a code to itself that is
 * what a plain probe says. */
#include <math.h>

#include "method/coded.h"

enum { CODES = HETA_CODED_CODES };
enum { LEAST_STEPS = 10 }; /* and no more than probes: further ones would fit their noise */

/* Below this a sum counts as none: its square could not be told from 0. */
static const double NONE = 1e-140;

/* What came to one token, squared, and the shares of the tokens in it. */
typedef struct view {
  const heta_i_session *session;
  size_t token, tokens; /* the context's */
  size_t probes;
  const double *sizes; /* [probes × CODES], NaN where a probe was not done */
  double *share;       /* [tokens] */
  double *up, *down;   /* [probes × CODES] */
} view;

size_t heta_i_shares_room(size_t tokens, size_t probes) { return tokens + 2 * CODES * probes; }

static bool done(const view *v, size_t probe) { return !isnan(v->sizes[probe * CODES]); }

static const uint8_t *codes_of(const view *v, size_t probe) {
  return v->session->codes + probe * v->session->row_length;
}

/* y² of a code. */
static double square(const view *v, size_t probe, size_t code) {
  double size = v->sizes[probe * CODES + code];
  return size * size;
}

/* ŷ² of each code. */
static void predict(const view *v, size_t probe, double sums[CODES]) {
  const uint8_t *code = codes_of(v, probe);
  for (size_t c = 0; c < CODES; c++) sums[c] = 0;
  for (size_t j = 0; j < v->tokens; j++) sums[code[j]] += v->share[j];
}

static void begin(const view *v) {
  double own = 0, others = 0, used = 0, near = 0;
  for (size_t p = 0; p < v->probes; p++) {
    if (!done(v, p)) continue;
    used++;
    for (size_t c = 0; c < CODES; c++)
      *(c == codes_of(v, p)[v->token] ? &own : &others) += square(v, p, c);
  }
  for (size_t j = 0; j < v->tokens; j++) {
    v->share[j] = j == v->token ? 0 : 1 / fabs((double)j - (double)v->token);
    near += v->share[j];
  }
  /* The token's own code has tokens too: those of the other codes are so many fewer. */
  double each = near > 0 ? others / used * CODES / (CODES - 1) / near : 0;
  for (size_t j = 0; j < v->tokens; j++) v->share[j] *= each;
  v->share[v->token] = own / used;
}

static void step(const view *v) {
  for (size_t p = 0; p < v->probes; p++) {
    double sums[CODES];
    if (done(v, p)) predict(v, p, sums);
    for (size_t c = 0; c < CODES; c++) {
      bool counts = done(v, p) && sums[c] > NONE;
      v->down[p * CODES + c] = counts ? 1 / sums[c] : 0;
      v->up[p * CODES + c] = counts ? square(v, p, c) / (sums[c] * sums[c]) : 0;
    }
  }
  for (size_t j = 0; j < v->tokens; j++) {
    double up = 0, down = 0;
    for (size_t p = 0; p < v->probes; p++) {
      size_t at = p * CODES + codes_of(v, p)[j];
      up += v->up[at];
      down += v->down[at];
    }
    if (down > 0) v->share[j] *= sqrt(up / down);
  }
}

/* What a probe says of S, and in *added what others have of its square. */
static double own_of(const view *v, size_t probe, double *added) {
  double sums[CODES], own = v->share[v->token];
  size_t code = codes_of(v, probe)[v->token];
  predict(v, probe, sums);
  double share = sums[code] > NONE ? own / sums[code] : 0;
  *added = (1 - share) * square(v, probe, code);
  return v->sizes[probe * CODES + code] * sqrt(share);
}

/* The standard error has two parts: how the probes differ, and that what others added is known only
 * in the mean: it is taken to be off by itself in each probe, which moves S by half of it over S.
 */
size_t heta_i_coded_estimate(const heta_i_session *session, size_t target, size_t token,
                             const double *numbers, size_t count, double *mean, double *error) {
  size_t n = heta_i_context(session, target), probes = count / CODES, used = 0;
  view v = {.session = session,
            .token = token,
            .tokens = n,
            .probes = probes,
            .sizes = numbers,
            .share = session->shares,
            .up = session->shares + session->row_length,
            .down = session->shares + session->row_length + probes * CODES};
  double sum = 0, others = 0;
  *mean = *error = NAN;
  for (size_t p = 0; p < probes; p++) used += done(&v, p);
  if (!used) return 0;
  if (token >= n) {
    *mean = 0;
    if (used > 1) *error = 0;
    return used;
  }
  begin(&v);
  for (size_t k = 0; k < LEAST_STEPS || k < used; k++) step(&v);
  double *own = v.up; /* [probes]: the steps have no more use for it */
  for (size_t p = 0; p < probes; p++) {
    double added;
    if (!done(&v, p)) continue;
    own[p] = own_of(&v, p, &added);
    sum += own[p];
    others += added;
  }
  double m = (double)used, spread = 0;
  *mean = sum / m;
  if (used < 2) return used;
  for (size_t p = 0; p < probes; p++) {
    if (!done(&v, p)) continue;
    double off = own[p] - *mean;
    spread += off * off;
  }
  double moved = *mean > 0 ? others / m / (2 * *mean) : 0;
  *error = sqrt(spread / (m - 1) / m + moved * moved / m);
  return used;
}
