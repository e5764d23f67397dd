/* gilot.c: how far, by optimal transport, hiding a token moves the output distribution.
 *
 * Of the most probable tokens with and without it, U, both distributions are renormalised; moving
 * probability from u to v costs (1 - cos(E_u, E_v))/2, E the token embeddings. The distance is
 * found by proximal point steps (IPOT, Xie et al. 2020): G = exp(-C/β), T = 1/|U|², v = 1, then
 * again and again Q = G∘T, a = p/(Qv), v = q/(Qᵀa), T = diag(a) Q diag(v). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "method/coalition.h"

enum { DISTANCE }; /* series */

static const heta_option_info OPTIONS[] = {
    {"candidates", NULL, HETA_OPTION_INTEGER, 2, 2000, NULL, "100",
     "most probable tokens of each distribution that are compared"},
    {"beta", NULL, HETA_OPTION_NUMBER, 1e-3, 1e3, NULL, "1", "size of the proximal steps"},
    {"iterations", NULL, HETA_OPTION_INTEGER, 1, 100000, NULL, "200", "proximal steps"},
    HETA_COALITION_MASK_OPTION("attend"),
    HETA_KEEP_OPTION,
    HETA_NORMALISE_OPTION,
    HETA_PASSES_OPTION,
};

static size_t candidates_of(const heta_i_session *session) {
  size_t asked = (size_t)heta_i_option_number(session, "candidates");
  size_t vocabulary = session->model->hyper.vocabulary;
  return asked < vocabulary ? asked : vocabulary;
}

static heta_status check(const heta_i_session *session, heta_error *error) {
  HETA_TRY(heta_i_coalition_check(session, error));
  return heta_i_players_check(session, 1, error);
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  HETA_TRY(heta_i_add_series(session, "transport", 1, error));
  for (size_t t = 0; t < session->target_count; t++) {
    size_t n = heta_i_context(session, t), players = heta_i_player_count(session, t);
    uint64_t allowed;
    HETA_TRY(heta_i_allowed(session, players, players, "one for each token", &allowed, error));
    for (size_t from = 0, to; from < session->length; from = to) {
      size_t rows = 0;
      for (to = from; to < session->length && (to == from || rows < session->lane_rows); to++)
        rows += to < n ? n - to : 0;
      HETA_TRY(heta_i_add_item(
          session,
          (heta_i_item){.name = "transport",
                        .target = t,
                        .target_end = t + 1,
                        .token = from,
                        .token_end = to,
                        .sample_end = 1,
                        .fills = 1u << DISTANCE,
                        .forwards = to - from,
                        .flop = heta_i_flop(session, (double)rows, (double)(to - from))},
          error));
    }
  }
  size_t k = 2 * candidates_of(session);
  session->bytes += heta_i_coalition_bytes(session) +
                    8 * (uint64_t)k * (session->model->hyper.width + 4 * k) +
                    24 * (uint64_t)session->model->hyper.vocabulary * (session->length + 1);
  return HETA_OK;
}

/* ---- Distributions --------------------------------------------------------------------------- */

typedef struct work {
  heta_i_session *session;
  size_t vocabulary, candidates, count; /* count: hidden tokens */
  double *logprobs;                     /* [(count + 1) × vocabulary]; the clean run's first */
  size_t *token;                        /* [count] */
  double *distance;                     /* [count] */
} work;

static void take(void *context, size_t coalition, const double *logprobs) {
  work *w = context;
  memcpy(w->logprobs + coalition * w->vocabulary, logprobs, w->vocabulary * sizeof *logprobs);
}

/* The least log-probability of the `candidates` most probable tokens, of equals the first: marks
 * them. */
static void mark_top(const double *logprobs, size_t size, size_t candidates, size_t *heap,
                     bool *marked) {
  size_t used = 0;
  for (size_t v = 0; v < size; v++) { /* insertion into a sorted list, best first */
    if (used == candidates && !(logprobs[v] > logprobs[heap[used - 1]])) continue;
    size_t at = used < candidates ? used++ : used - 1;
    while (at && logprobs[heap[at - 1]] < logprobs[v]) {
      heap[at] = heap[at - 1];
      at--;
    }
    heap[at] = v;
  }
  for (size_t i = 0; i < used; i++) marked[heap[i]] = true;
}

/* Two distributions over the union of their most probable tokens. */
typedef struct pair {
  size_t count;
  int32_t *token; /* [2 × candidates] */
  double *p, *q;
} pair;

static void renormalise(const double *logprobs, const pair *of, double *out) {
  double most = -INFINITY, sum = 0;
  for (size_t i = 0; i < of->count; i++) most = fmax(most, logprobs[of->token[i]]);
  for (size_t i = 0; i < of->count; i++) sum += out[i] = exp(logprobs[of->token[i]] - most);
  for (size_t i = 0; i < of->count; i++) out[i] = out[i] / sum + 1e-4;
}

/* ---- Transport ------------------------------------------------------------------------------- */

double heta_i_transport(size_t size, const double *cost, const double *p, const double *q,
                        double beta, size_t iterations, double *scratch) {
  double *plan = scratch, *kernel = plan + size * size, *v = kernel + size * size, *a = v + size;
  double distance = 0;
  for (size_t e = 0; e < size * size; e++) {
    plan[e] = 1 / ((double)size * (double)size);
    kernel[e] = exp(-cost[e] / beta);
  }
  for (size_t i = 0; i < size; i++) v[i] = 1;
  for (size_t step = 0; step < iterations; step++) {
    double *sums = a + size;
    memset(sums, 0, size * sizeof *sums);
    for (size_t i = 0; i < size; i++) {
      double sum = 0;
      for (size_t j = 0; j < size; j++) {
        plan[i * size + j] *= kernel[i * size + j];
        sum += plan[i * size + j] * v[j];
      }
      a[i] = p[i] / sum;
      for (size_t j = 0; j < size; j++) sums[j] += a[i] * plan[i * size + j];
    }
    for (size_t j = 0; j < size; j++) v[j] = q[j] / sums[j];
    for (size_t i = 0; i < size; i++)
      for (size_t j = 0; j < size; j++) plan[i * size + j] *= a[i] * v[j];
  }
  for (size_t e = 0; e < size * size; e++) distance += plan[e] * cost[e];
  return distance;
}

/* (1 - cos)/2 between the embeddings of the tokens. */
static void costs(size_t count, size_t width, double *rows, double *cost) {
  for (size_t i = 0; i < count; i++) {
    double squares = 0;
    for (size_t c = 0; c < width; c++) squares += rows[i * width + c] * rows[i * width + c];
    double scale = squares > 0 ? 1 / sqrt(squares) : 0;
    for (size_t c = 0; c < width; c++) rows[i * width + c] *= scale;
  }
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j <= i; j++) {
      double dot = 0;
      for (size_t c = 0; c < width; c++) dot += rows[i * width + c] * rows[j * width + c];
      cost[i * count + j] = cost[j * count + i] = i == j ? 0 : 0.5 * (1 - dot);
    }
}

static heta_status measure(work *w, heta_error *error) {
  heta_i_session *session = w->session;
  size_t width = session->model->hyper.width, most = 2 * w->candidates;
  if (most > w->vocabulary) most = w->vocabulary;
  size_t *heap = heta_i_allocate(w->candidates, sizeof *heap);
  bool *marked = heta_i_allocate(w->vocabulary, sizeof *marked);
  double *rows = heta_i_allocate(most * width, sizeof *rows);
  double *cost = heta_i_allocate(most * most, sizeof *cost);
  double *scratch = heta_i_allocate(2 * most * most + 3 * most, sizeof *scratch);
  pair two = {0, heta_i_allocate(most, sizeof *two.token), heta_i_allocate(most, sizeof *two.p),
              heta_i_allocate(most, sizeof *two.q)};
  bool ready = heap && marked && rows && cost && scratch && two.token && two.p && two.q;
  for (size_t k = 0; k < w->count && ready; k++) {
    const double *other = w->logprobs + (k + 1) * w->vocabulary;
    memset(marked, 0, w->vocabulary * sizeof *marked);
    mark_top(w->logprobs, w->vocabulary, w->candidates, heap, marked);
    mark_top(other, w->vocabulary, w->candidates, heap, marked);
    two.count = 0;
    for (size_t v = 0; v < w->vocabulary; v++)
      if (marked[v]) two.token[two.count++] = (int32_t)v;
    renormalise(w->logprobs, &two, two.p);
    renormalise(other, &two, two.q);
    session->engine->api->embed(session->engine, two.token, two.count, rows);
    costs(two.count, width, rows, cost);
    w->distance[k] =
        heta_i_transport(two.count, cost, two.p, two.q, heta_i_option_number(session, "beta"),
                         (size_t)heta_i_option_number(session, "iterations"), scratch) /
        (double)two.count;
  }
  heta_i_free(heap);
  heta_i_free(marked);
  heta_i_free(rows);
  heta_i_free(cost);
  heta_i_free(scratch);
  heta_i_free(two.token);
  heta_i_free(two.p);
  heta_i_free(two.q);
  return ready ? HETA_OK : heta_i_no_memory(error, "transport", most * most * sizeof *cost);
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  size_t length = session->targets[item->target].position, room = item->token_end - item->token;
  work w = {.session = session,
            .vocabulary = session->model->hyper.vocabulary,
            .candidates = candidates_of(session)};
  w.logprobs = heta_i_allocate((room + 1) * w.vocabulary, sizeof *w.logprobs);
  w.token = heta_i_allocate(room, sizeof *w.token);
  w.distance = heta_i_allocate(room, sizeof *w.distance);
  bool *absent = heta_i_allocate((room + 1) * length, sizeof *absent);
  heta_status status = HETA_OK;
  if (!w.logprobs || !w.token || !w.distance || !absent)
    status = heta_i_no_memory(error, "distributions", room * w.vocabulary * sizeof(double));
  for (size_t i = item->token; i < item->token_end && !status; i++) {
    *heta_i_series_at(session, DISTANCE, item->target, i) = 0;
    if (i >= length || !heta_i_is_player(session, i)) continue;
    absent[(w.count + 1) * length + i] = true;
    w.token[w.count++] = i;
  }
  heta_i_findings findings = {.take = take, .context = &w};
  if (!status && w.count)
    status = heta_i_coalitions(session, item->target, absent, w.count + 1, &findings, error);
  if (!status) status = measure(&w, error);
  for (size_t k = 0; k < w.count && !status; k++)
    *heta_i_series_at(session, DISTANCE, item->target, w.token[k]) = w.distance[k];
  heta_i_free(w.logprobs);
  heta_i_free(w.token);
  heta_i_free(w.distance);
  heta_i_free(absent);
  return status;
}

const heta_i_method heta_i_method_gilot = {
    .info =
        {.name = "gilot",
         .summary = "how far hiding a token moves the output distribution, by optimal transport",
         .about =
             "Each token is hidden in turn (--mask), and the model's next-token distributions with "
             "and without it are compared over the union of their most probable tokens, "
             "renormalised, each probability raised by 1e-4. Moving probability costs half of one "
             "minus the cosine of the two token embeddings. The transport is found by proximal "
             "point steps (IPOT) and divided by the number of tokens compared, as in the released "
             "code for one step; 200 steps, which are not quite the optimum, so that equal "
             "distributions keep a small distance. The score does not depend on which token the "
             "target is. Where the last token is hidden, the one before it predicts.",
         .source = "GiLOT (Li et al. 2024), one next token",
         .cost = "n + 1 masked forwards, and n transport problems of up to 200 tokens",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .alone = "it compares the distribution of one row with what it becomes",
    .component_count = 1,
    .components = {{"transport", "cost per token", true, NULL}},
    .check = check,
    .plan = plan,
    .run = run,
    .finish = heta_i_finish_first};
