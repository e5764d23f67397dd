/* coded.c: block curvature with all tokens sharing their Hessian-vector products
 * (--estimator coded).
 *
 * A plain probe of token i is H r for signs r on token i alone. Here every token has its signs at
 * once, and CODES products of the whole context are taken, in which token j's signs are multiplied
 * by c_j(1) … c_j(CODES), a row of a Hadamard matrix. The mean of c(g) × the g-th product, at token
 * i, is Σ H_ij r_j over the tokens j that have the code c: of its own code it is H_ii r_i and what
 * the others of that code add, of another what that code's tokens do to i. Codes are dealt anew for
 * every probe, and never twice within a few tokens: neighbours interact most.
 *
 * What the others add is told apart by shares.c.
 *
 * Estimating parts of a matrix that cannot be seen by products with coded vectors is the idea of
 * probing (Tang and Saad 2012). A probe costs CODES products of all n rows for all tokens together,
 * where plain probes have n products of n/2 rows in the mean: worth it for long contexts. */
#include "method/coded.h"

#include <math.h>
#include <stdlib.h>

#include "base/random.h"

enum { CODES = HETA_CODED_CODES };
enum { APART = 3 }; /* so many tokens before one have other codes than it */

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
  return sizeof(double) * n * d * (1 + at_a_time(session) + CODES * group);
}

/* Codes of one probe, token after token: any but those of the last few. */
static void deal(uint64_t seed, size_t probe, size_t tokens, double *keys, uint8_t *code) {
  heta_i_uniform(seed, HETA_STREAM_CODES, 0, (uint32_t)probe, tokens, keys);
  for (size_t i = 0; i < tokens; i++) {
    uint8_t left[CODES];
    size_t count = 0;
    for (size_t c = 0; c < CODES; c++) {
      bool near = false;
      for (size_t j = i < APART ? 0 : i - APART; j < i; j++) near |= code[j] == c;
      if (!near) left[count++] = (uint8_t)c;
    }
    code[i] = left[(size_t)(keys[i] * (double)count)];
  }
}

static heta_status deal_all(heta_i_session *session, size_t probes, heta_error *error) {
  size_t n = session->row_length;
  session->codes = heta_i_arena_take(session->memory, probes * n, sizeof *session->codes);
  session->shares =
      heta_i_arena_take(session->memory, heta_i_shares_room(n, probes), sizeof(double));
  if (!session->codes || !session->shares)
    return heta_i_no_memory(error, "codes", probes * n + 8 * heta_i_shares_room(n, probes));
  for (size_t p = 0; p < probes; p++)
    deal(session->seed, p, n, session->shares, session->codes + p * n);
  return HETA_OK;
}

heta_status heta_i_coded_items(heta_i_session *session, const heta_i_coded_work *work,
                               heta_error *error) {
  HETA_TRY(deal_all(session, work->probes, error));
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
      item.sample = p * HETA_CODED_CODES;
      item.sample_end = item.sample + HETA_CODED_CODES;
      HETA_TRY(heta_i_add_item(session, item, error));
    }
  }
  return HETA_OK;
}

/* One probe of all tokens. */
typedef struct stint {
  heta_i_session *session;
  size_t target, group, tokens, width;
  const uint8_t *code; /* [tokens] */
  double *signs;       /* [tokens × width] */
  double *directions;  /* [at a time × tokens × width] */
  double *results;     /* [CODES × targets × tokens × width] */
  heta_i_probe *list;
} stint;

/* Products from … from + count of the codes. */
static heta_status multiply(const stint *r, size_t from, size_t count, bool gauss_newton,
                            heta_error *error) {
  size_t size = r->tokens * r->width;
  for (size_t g = 0; g < count; g++) {
    double *direction = r->directions + g * size;
    for (size_t i = 0; i < r->tokens; i++)
      for (size_t a = 0; a < r->width; a++)
        direction[i * r->width + a] = sign_of(r->code[i], from + g) * r->signs[i * r->width + a];
    r->list[g] = (heta_i_probe){0, r->tokens, direction, r->tokens,
                                r->results + (from + g) * r->group * size};
  }
  return heta_i_products(r->session, r->target, r->group, r->list, count, gauss_newton, error);
}

/* Sizes of what came to a token (`at`: its first value in every product) by each code. */
static void decode(const stint *r, const double *at, double *sizes) {
  size_t stride = r->group * r->tokens * r->width;
  for (size_t c = 0; c < CODES; c++) sizes[c] = 0;
  for (size_t a = 0; a < r->width; a++)
    for (size_t c = 0; c < CODES; c++) {
      double sum = 0;
      for (size_t g = 0; g < CODES; g++) sum += sign_of(c, g) * at[g * stride + a];
      sizes[c] += fabs(sum) / CODES;
    }
}

static void keep(const stint *r, const heta_i_item *item, size_t series) {
#pragma omp parallel for num_threads(r->session->threads) schedule(static)
  for (size_t e = 0; e < r->group * r->tokens; e++) {
    size_t target = r->target + e / r->tokens, token = e % r->tokens;
    double sizes[CODES];
    decode(r, r->results + e * r->width, sizes);
    if (!heta_i_due(r->session, item, series, target, token, item->sample)) continue;
    bool context = token < heta_i_context(r->session, target);
    double *numbers = heta_i_series_at(r->session, series, target, token) + item->sample;
    for (size_t c = 0; c < CODES; c++) numbers[c] = context ? sizes[c] : 0;
  }
}

heta_status heta_i_coded_run(heta_i_session *session, const heta_i_item *item, size_t series,
                             bool gauss_newton, heta_error *error) {
  size_t n = session->row_length, d = session->model->hyper.width, most = at_a_time(session);
  size_t probe = item->sample / HETA_CODED_CODES;
  stint r = {.session = session,
             .target = item->target,
             .group = item->target_end - item->target,
             .tokens = n,
             .width = d,
             .code = session->codes + probe * n};
  heta_status status = HETA_OK;
  r.signs = heta_i_allocate(n * d, sizeof *r.signs);
  r.directions = heta_i_allocate(most * n * d, sizeof *r.directions);
  r.results = heta_i_allocate(CODES * r.group * n * d, sizeof *r.results);
  r.list = heta_i_allocate(most, sizeof *r.list);
  if (!r.signs || !r.directions || !r.results || !r.list) {
    status = heta_i_no_memory(error, "coded probes", heta_i_coded_bytes(session));
    goto done;
  }
  for (size_t i = 0; i < n; i++)
    heta_i_rademacher(session->seed, HETA_STREAM_BLOCK_PROBE, (uint32_t)i, (uint32_t)probe, d,
                      r.signs + i * d);
  for (size_t from = 0; from < CODES; from += most)
    HETA_GO(multiply(&r, from, CODES - from < most ? CODES - from : most, gauss_newton, error));
  keep(&r, item, series);
done:
  heta_i_free(r.signs);
  heta_i_free(r.directions);
  heta_i_free(r.results);
  heta_i_free(r.list);
  return status;
}
