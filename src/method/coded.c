/* coded.c: block curvature with all tokens sharing their Hessian-vector products
 * (--estimator coded).
 *
 * A plain probe of token i is H r for signs r on token i alone. Here every token has its signs at
 * once, and CODES products of the whole context are taken, in which token j's signs are multiplied
 * by c_j(1) … c_j(CODES), a row of a Hadamard matrix. The mean of c_i(g) × the g-th product, at
 * token i, is H_ii r_i plus Σ H_ij r_j over the tokens j that have i's code: those with another
 * cancel. Codes are dealt out anew for every probe, so that such a j is any other token with the
 * same chance φ, and what they add to the squares is in the mean φ times what all others add to
 * those of a single product. With C and F the mean sums of absolute values of both,
 *
 *     S² = (C² - φ F²) / (1 - φ).
 *
 * Estimating parts of a matrix that cannot be seen by products with coded vectors is the idea of
 * probing (Tang and Saad 2012). A probe costs CODES products of all n rows for all tokens together,
 * where plain probes have n products of n/2 rows in the mean: worth it for long contexts. */
#include "method/coded.h"

#include <math.h>
#include <stdlib.h>

#include "base/random.h"

enum { CODES = 8 };

/* The chance that another token has a token's code: codes go round, so classes are as even as can
 * be. */
static double shared_chance(size_t tokens) {
  double pairs = 0;
  for (size_t c = 0; c < CODES; c++) {
    double size = (double)(tokens / CODES + (c < tokens % CODES));
    pairs += size * (size - 1);
  }
  return tokens > 1 ? pairs / ((double)tokens * (double)(tokens - 1)) : 0;
}

typedef struct place {
  double key;
  size_t token;
} place;

static int by_key(const void *a, const void *b) {
  const place *x = a, *y = b;
  if (x->key < y->key) return -1;
  if (x->key > y->key) return 1;
  return (x->token > y->token) - (x->token < y->token);
}

/* A Hadamard matrix's entry: ±1 by the parity of the bits that both numbers have. */
static double sign_of(size_t code, size_t product) {
  return __builtin_parityl(code & product) ? -1 : 1;
}

/* Whole contexts in one batch of lanes. */
static size_t at_a_time(const heta_i_session *session) {
  size_t most = session->lane_rows / session->length;
  return most < 1 ? 1 : most > CODES ? CODES : most;
}

uint64_t heta_i_coded_bytes(const heta_i_session *session) {
  uint64_t n = session->row_length, d = session->model->hyper.width, group = session->target_group;
  return sizeof(double) * (n * d * (1 + group + at_a_time(session) * (1 + group)) + group * n) +
         n * (sizeof(place) + 2 * sizeof(double));
}

heta_status heta_i_coded_items(heta_i_session *session, const heta_i_coded_work *work,
                               heta_error *error) {
  for (size_t t = 0; t < session->row_count; t += session->target_group) {
    size_t end = t + session->target_group < session->row_count ? t + session->target_group
                                                                : session->row_count;
    double passes = 1.0 + (double)(end - t); /* the tangent once, its reverse once per target */
    uint64_t products = CODES * (end - t);
    heta_i_item item = {.phase = work->phase,
                        .name = "curvature",
                        .target = t,
                        .target_end = end,
                        .token_end = session->row_length,
                        .fills = 1u << work->series,
                        .hvps = products,
                        .fixed_hvps = products,
                        .flop =
                            heta_i_product_flop(session, CODES * passes * (double)session->length,
                                                2.0 * (double)products * heta_i_heads(session))};
    for (size_t p = 0; p < work->probes; p++) {
      item.sample = p * HETA_CODED_PAIR;
      item.sample_end = item.sample + HETA_CODED_PAIR;
      HETA_TRY(heta_i_add_item(session, item, error));
    }
  }
  return HETA_OK;
}

/* One probe of all tokens. */
typedef struct stint {
  heta_i_session *session;
  size_t target, group, tokens, width, probe;
  double *keys;
  place *order;
  size_t *code;       /* [tokens] */
  double *signs;      /* [tokens × width] */
  double *directions; /* [at a time × tokens × width] */
  double *results;    /* [at a time × targets × tokens × width] */
  double *coded;      /* [targets × tokens × width]: sums over the products so far */
  double *whole;      /* [targets × tokens] */
  heta_i_probe *list;
} stint;

static void deal_codes(const stint *r) {
  heta_i_uniform(r->session->seed, HETA_STREAM_CODES, 0, (uint32_t)r->probe, r->tokens, r->keys);
  for (size_t i = 0; i < r->tokens; i++) r->order[i] = (place){r->keys[i], i};
  qsort(r->order, r->tokens, sizeof *r->order, by_key);
  for (size_t i = 0; i < r->tokens; i++) r->code[r->order[i].token] = i % CODES;
}

/* Products from … from + count of the codes. */
static heta_status multiply(const stint *r, size_t from, size_t count, bool gauss_newton,
                            heta_error *error) {
  size_t size = r->tokens * r->width;
  for (size_t g = 0; g < count; g++) {
    double *direction = r->directions + g * size;
    for (size_t i = 0; i < r->tokens; i++)
      for (size_t a = 0; a < r->width; a++)
        direction[i * r->width + a] = sign_of(r->code[i], from + g) * r->signs[i * r->width + a];
    r->list[g] =
        (heta_i_probe){0, r->tokens, direction, r->tokens, r->results + g * r->group * size};
  }
  HETA_TRY(heta_i_products(r->session, r->target, r->group, r->list, count, gauss_newton, error));
#pragma omp parallel for num_threads(r->session->threads) schedule(static)
  for (size_t e = 0; e < r->group * r->tokens; e++)
    for (size_t g = 0; g < count; g++) {
      const double *result = r->results + g * r->group * size + e * r->width;
      double sign = sign_of(r->code[e % r->tokens], from + g);
      r->whole[e] += heta_i_l1(result, r->width) / CODES;
      for (size_t a = 0; a < r->width; a++) r->coded[e * r->width + a] += sign * result[a] / CODES;
    }
  return HETA_OK;
}

static void keep(const stint *r, const heta_i_item *item, size_t series) {
  for (size_t e = 0; e < r->group * r->tokens; e++) {
    size_t target = r->target + e / r->tokens, token = e % r->tokens;
    bool context = token < heta_i_context(r->session, target);
    double *numbers = heta_i_series_at(r->session, series, target, token) + item->sample;
    if (!heta_i_due(r->session, item, series, target, token, item->sample)) continue;
    numbers[0] = context ? heta_i_l1(r->coded + e * r->width, r->width) : 0;
    numbers[1] = context ? r->whole[e] : 0;
  }
}

heta_status heta_i_coded_run(heta_i_session *session, const heta_i_item *item, size_t series,
                             bool gauss_newton, heta_error *error) {
  size_t n = session->row_length, d = session->model->hyper.width, most = at_a_time(session);
  stint r = {.session = session,
             .target = item->target,
             .group = item->target_end - item->target,
             .tokens = n,
             .width = d,
             .probe = item->sample / HETA_CODED_PAIR};
  heta_status status = HETA_OK;
  r.keys = heta_i_allocate(n, sizeof *r.keys);
  r.order = heta_i_allocate(n, sizeof *r.order);
  r.code = heta_i_allocate(n, sizeof *r.code);
  r.signs = heta_i_allocate(n * d, sizeof *r.signs);
  r.directions = heta_i_allocate(most * n * d, sizeof *r.directions);
  r.results = heta_i_allocate(most * r.group * n * d, sizeof *r.results);
  r.coded = heta_i_allocate(r.group * n * d, sizeof *r.coded);
  r.whole = heta_i_allocate(r.group * n, sizeof *r.whole);
  r.list = heta_i_allocate(most, sizeof *r.list);
  if (!r.keys || !r.order || !r.code || !r.signs || !r.directions || !r.results || !r.coded ||
      !r.whole || !r.list) {
    status = heta_i_no_memory(error, "coded probes", heta_i_coded_bytes(session));
    goto done;
  }
  deal_codes(&r);
  for (size_t i = 0; i < n; i++)
    heta_i_rademacher(session->seed, HETA_STREAM_BLOCK_PROBE, (uint32_t)i, (uint32_t)r.probe, d,
                      r.signs + i * d);
  for (size_t from = 0; from < CODES; from += most)
    HETA_GO(multiply(&r, from, CODES - from < most ? CODES - from : most, gauss_newton, error));
  keep(&r, item, series);
done:
  heta_i_free(r.keys);
  heta_i_free(r.order);
  heta_i_free(r.code);
  heta_i_free(r.signs);
  heta_i_free(r.directions);
  heta_i_free(r.results);
  heta_i_free(r.coded);
  heta_i_free(r.whole);
  heta_i_free(r.list);
  return status;
}

/* Errors to first order: S moves by (C δC - φ F δF) / ((1 - φ) S). Where so little is left of C
 * that S² is not above 0, S is 0 and its error that of the root. */
size_t heta_i_coded_estimate(const heta_i_session *session, const double *numbers, size_t count,
                             double *mean, double *error) {
  double chance = shared_chance(session->row_length), coded = 0, whole = 0, used = 0, spread = 0;
  *mean = *error = NAN;
  for (size_t k = 0; k + 1 < count; k += HETA_CODED_PAIR) {
    if (isnan(numbers[k]) || isnan(numbers[k + 1])) continue;
    coded += numbers[k];
    whole += numbers[k + 1];
    used++;
  }
  if (used < 1) return 0;
  coded /= used;
  whole /= used;
  double square = (coded * coded - chance * whole * whole) / (1 - chance);
  *mean = sqrt(square > 0 ? square : 0);
  if (used < 2) return 1;
  for (size_t k = 0; k + 1 < count; k += HETA_CODED_PAIR) {
    if (isnan(numbers[k]) || isnan(numbers[k + 1])) continue;
    double moved =
        (coded * (numbers[k] - coded) - chance * whole * (numbers[k + 1] - whole)) / (1 - chance);
    spread += moved * moved;
  }
  spread = sqrt(spread / (used - 1) / used);
  *error = square > 0 ? spread / *mean : sqrt(2 * spread);
  return (size_t)used;
}
