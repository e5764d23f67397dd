/* objective.c: what is differentiated: weighted log-probabilities, logits and probabilities, with
 * their first and second derivatives in the logits. p = softmax(z), e = the token's unit vector:
 *   log p(y):              z̄ = e - p,            z̄̇ = -ṗ,            ṗ = p∘(ż - p·ż)
 *   z(y):                  z̄ = e,                z̄̇ = 0
 *   p(y):                  z̄ = p_y (e - p),      z̄̇ = ṗ_y (e - p) - p_y ṗ
 *   log p(y) - log(1-p(y)): z̄ = e - q,           z̄̇ = -q∘(ż - q·ż),
 * where q = p without y, normalised. */
#include <math.h>
#include <string.h>

#include "engine/internal.h"

double X(log_sum_exp)(const real *logits, size_t size) {
  double top = -INFINITY, sum = 0;
  for (size_t i = 0; i < size; i++)
    if ((double)logits[i] > top) top = (double)logits[i];
  for (size_t i = 0; i < size; i++) sum += exp((double)logits[i] - top);
  return top + log(sum);
}

double X(log_sum_exp_without)(const real *logits, size_t size, size_t token) {
  double top = -INFINITY, sum = 0;
  for (size_t i = 0; i < size; i++)
    if (i != token && (double)logits[i] > top) top = (double)logits[i];
  for (size_t i = 0; i < size; i++)
    if (i != token) sum += exp((double)logits[i] - top);
  return top + log(sum);
}

static size_t target_index(const X(run) *run, size_t row) {
  size_t index = 0;
  while (index < run->target_count && run->target_rows[index] != row) index++;
  return index;
}

double X(objective_value)(const X(run) *run, const heta_i_seed *seeds, size_t count) {
  size_t vocabulary = run->engine->base.model->hyper.vocabulary;
  double value = 0;
  for (size_t i = 0; i < count; i++) {
    const heta_i_seed *seed = &seeds[i];
    size_t index = target_index(run, seed->row);
    const real *z = run->logits + index * vocabulary;
    double logit = (double)z[seed->token], logprob = logit - run->log_sum[index];
    switch (seed->kind) {
    case HETA_SEED_LOGPROB: value += seed->weight * logprob; break;
    case HETA_SEED_LOGIT: value += seed->weight * logit; break;
    case HETA_SEED_PROB: value += seed->weight * exp(logprob); break;
    case HETA_SEED_LOGIT_PROB:
      value += seed->weight * (logit - X(log_sum_exp_without)(z, vocabulary, (size_t)seed->token));
      break;
    }
  }
  return value;
}

/* The seeds of a row reduce to: Σ weights on e_token, on p, and for logit-prob on each q. */
void X(objective_vjp)(const real *logits, double log_sum, size_t vocabulary,
                      const heta_i_seed *seeds, size_t count, size_t row, real *adjoint) {
  double on_p = 0;
  for (size_t s = 0; s < count; s++) {
    if (seeds[s].row != row) continue;
    double p = exp((double)logits[seeds[s].token] - log_sum);
    if (seeds[s].kind == HETA_SEED_LOGPROB) on_p -= seeds[s].weight;
    if (seeds[s].kind == HETA_SEED_PROB) on_p -= seeds[s].weight * p;
  }
  for (size_t i = 0; i < vocabulary; i++)
    adjoint[i] = on_p != 0 ? (real)(on_p * exp((double)logits[i] - log_sum)) : 0;
  for (size_t s = 0; s < count; s++) {
    if (seeds[s].row != row) continue;
    size_t token = (size_t)seeds[s].token;
    double weight = seeds[s].weight;
    if (seeds[s].kind == HETA_SEED_PROB) weight *= exp((double)logits[token] - log_sum);
    adjoint[token] += (real)weight;
    if (seeds[s].kind != HETA_SEED_LOGIT_PROB) continue;
    double rest = X(log_sum_exp_without)(logits, vocabulary, token);
    for (size_t i = 0; i < vocabulary; i++)
      if (i != token) adjoint[i] -= (real)(weight * exp((double)logits[i] - rest));
  }
}

/* log Σ exp over all tokens but one (SIZE_MAX: over all): adds -weight Δ/Δz of it to every entry.
 */
static void rescale_sum(const real *logits, const real *reference, size_t size, size_t without,
                        double weight, real *multipliers) {
  double top = -INFINITY, sum = 0, sum0 = 0;
  for (size_t i = 0; i < size; i++) {
    if (i == without) continue;
    if ((double)logits[i] > top) top = (double)logits[i];
    if ((double)reference[i] > top) top = (double)reference[i];
  }
  for (size_t i = 0; i < size; i++) {
    if (i == without) continue;
    sum += exp((double)logits[i] - top);
    sum0 += exp((double)reference[i] - top);
  }
  double grown = (sum - sum0) / sum0;
  double of_log = fabs(grown) > 1e-12 ? log1p(grown) / grown / sum0 : 1 / sum0;
  for (size_t i = 0; i < size; i++) {
    if (i == without) continue;
    double d = (double)logits[i] - (double)reference[i];
    double of_exp = exp((double)reference[i] - top) * (fabs(d) > 1e-10 ? expm1(d) / d : 1);
    multipliers[i] -= (real)(weight * of_log * of_exp);
  }
}

void X(objective_rescale)(const real *logits, const real *reference, size_t vocabulary,
                          const heta_i_seed *seeds, size_t count, size_t row, real *multipliers) {
  for (size_t i = 0; i < vocabulary; i++) multipliers[i] = 0;
  for (size_t s = 0; s < count; s++) {
    if (seeds[s].row != row) continue;
    size_t token = (size_t)seeds[s].token;
    double weight = seeds[s].weight;
    if (seeds[s].kind == HETA_SEED_PROB) { /* exp of the log-probability */
      double before = (double)reference[token] - X(log_sum_exp)(reference, vocabulary);
      double d = (double)logits[token] - X(log_sum_exp)(logits, vocabulary) - before;
      weight *= exp(before) * (fabs(d) > 1e-10 ? expm1(d) / d : 1);
    }
    multipliers[token] += (real)weight;
    if (seeds[s].kind == HETA_SEED_LOGIT) continue;
    size_t without = seeds[s].kind == HETA_SEED_LOGIT_PROB ? token : SIZE_MAX;
    rescale_sum(logits, reference, vocabulary, without, weight, multipliers);
  }
}

/* Each seed adds, entry by entry: a multiple of ṗ, of p, of its token's unit vector, and for
 * logit-prob of q̇. The caller guarantees at most ROW_SEEDS seeds a row. */
void X(objective_vjp_tangent)(const real *logits, double log_sum, size_t vocabulary,
                              const heta_i_seed *seeds, size_t count, size_t row, real *tangent) {
  const heta_i_seed *own[ROW_SEEDS];
  double unit[ROW_SEEDS], q_mean[ROW_SEEDS], q_sum[ROW_SEEDS];
  size_t used = 0;
  for (size_t s = 0; s < count; s++)
    if (seeds[s].row == row) own[used++] = &seeds[s];
  double mean = 0, on_dp = 0, on_p = 0; /* p·ż, and the weights of ṗ and p */
  for (size_t i = 0; i < vocabulary; i++)
    mean += exp((double)logits[i] - log_sum) * (double)tangent[i];
  for (size_t s = 0; s < used; s++) {
    size_t token = (size_t)own[s]->token;
    double p = exp((double)logits[token] - log_sum), dp = p * ((double)tangent[token] - mean);
    unit[s] = q_mean[s] = q_sum[s] = 0;
    if (own[s]->kind == HETA_SEED_LOGPROB) on_dp -= own[s]->weight;
    if (own[s]->kind == HETA_SEED_PROB) {
      on_dp -= own[s]->weight * p;
      on_p -= own[s]->weight * dp;
      unit[s] = own[s]->weight * dp;
    }
    if (own[s]->kind == HETA_SEED_LOGIT_PROB) {
      q_sum[s] = X(log_sum_exp_without)(logits, vocabulary, token);
      for (size_t i = 0; i < vocabulary; i++)
        if (i != token) q_mean[s] += exp((double)logits[i] - q_sum[s]) * (double)tangent[i];
    }
  }
  for (size_t i = 0; i < vocabulary; i++) {
    double dz = (double)tangent[i];
    double value = exp((double)logits[i] - log_sum) * (on_dp * (dz - mean) + on_p);
    for (size_t s = 0; s < used; s++) {
      bool at = (size_t)own[s]->token == i;
      if (at) value += unit[s];
      if (!at && own[s]->kind == HETA_SEED_LOGIT_PROB)
        value -= own[s]->weight * exp((double)logits[i] - q_sum[s]) * (dz - q_mean[s]);
    }
    tangent[i] = (real)value;
  }
}

double X(divergence)(const real *reference, double reference_sum, const real *logits,
                     double log_sum, size_t size) {
  double sum = 0;
  for (size_t i = 0; i < size; i++) {
    double p = (double)reference[i] - reference_sum;
    sum += exp(p) * (p - ((double)logits[i] - log_sum));
  }
  return sum > 0 ? sum : 0;
}

double X(hellinger)(const real *reference, double reference_sum, const real *logits, double log_sum,
                    size_t size) {
  double sum = 0;
  for (size_t i = 0; i < size; i++) {
    double root = exp(0.5 * ((double)logits[i] - log_sum)) -
                  exp(0.5 * ((double)reference[i] - reference_sum));
    sum += root * root;
  }
  return sum;
}
