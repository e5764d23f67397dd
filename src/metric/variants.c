/* variants.c: what the model predicts in altered contexts: lanes of the clean run, each asked once
 * per context. */
#include <math.h>
#include <string.h>

#include "base/sha256.h"
#include "base/status.h"
#include "metric/metric.h"

/* ---- What is known -------------------------------------------------------------------------- */

void heta_i_known_forget(heta_i_known *known) {
  heta_i_free(known->answers);
  *known = (heta_i_known){0};
}

/* The answer with this digest, or the free place for it. */
static heta_i_answer *place_of(const heta_i_known *known, const unsigned char *digest) {
  uint64_t at;
  memcpy(&at, digest, sizeof at);
  while (true) {
    heta_i_answer *answer = &known->answers[at % known->room];
    if (!answer->taken || !memcmp(answer->digest, digest, sizeof answer->digest)) return answer;
    at++;
  }
}

/* Room for `more` answers, at most half of it in use. */
static heta_status make_room(heta_i_known *known, size_t more, heta_error *error) {
  if (known->room / 2 > known->count + more) return HETA_OK;
  heta_i_known grown = {.room = 2 * (known->count + more) + 64};
  grown.room += known->room;
  grown.answers = heta_i_allocate(grown.room, sizeof *grown.answers);
  if (!grown.answers)
    return heta_i_no_memory(error, "what is known of a context",
                            grown.room * sizeof(heta_i_answer));
  for (size_t i = 0; i < known->room; i++)
    if (known->answers[i].taken) *place_of(&grown, known->answers[i].digest) = known->answers[i];
  grown.count = known->count;
  heta_i_free(known->answers);
  *known = grown;
  return HETA_OK;
}

/* ---- Altered contexts ----------------------------------------------------------------------- */

/* Lays out one variant: rows from the first altered one on. Returns its number of rows. */
static size_t lay_out(heta_i_judging *j, size_t variant, heta_i_alter alter, void *context,
                      double *input, heta_i_lane *lane) {
  size_t n = j->scored.length, width = j->model->hyper.width, first = n;
  for (size_t i = 0; i < n; i++) {
    double *row = input + (first < n ? i - first : 0) * width;
    memcpy(row, j->embeddings + i * width, width * sizeof *row);
    bool altered = alter(context, variant, i, row);
    if (first == n && (altered || i == n - 1)) first = i;
  }
  *lane = heta_i_lane_of(j->scored.tokens, n);
  lane->parent = j->run;
  lane->first = first;
  lane->input = input;
  return n - first;
}

static void digest_of(const heta_i_judging *j, const heta_i_lane *lane, unsigned char out[32]) {
  struct sha256_ctx hash;
  size_t rows = lane->length - lane->first;
  sha256_init(&hash);
  sha256_update(&hash, sizeof j->scored.target, (const uint8_t *)&j->scored.target);
  sha256_update(&hash, sizeof lane->first, (const uint8_t *)&lane->first);
  sha256_update(&hash, rows * j->model->hyper.width * sizeof *lane->input,
                (const uint8_t *)lane->input);
  sha256_digest(&hash, 32, out);
}

/* Lanes waiting to be run together, and which variant each is. */
typedef struct waiting {
  heta_i_lane *lanes;
  heta_i_answer *answers;
  size_t count, rows;
  double *inputs, *numbers; /* numbers: [3 × lanes] */
} waiting;

static heta_status run_waiting(heta_i_judging *j, waiting *w, heta_error *error) {
  size_t row = j->scored.length - 1;
  double *logprob = w->numbers, *kl = logprob + w->count, *hellinger = kl + w->count;
  heta_i_readout readout = {.rows = 1,
                            .row = &row,
                            .token = &j->scored.target,
                            .reference = j->run,
                            .logprob = logprob,
                            .kl = kl,
                            .hellinger = hellinger};
  if (!w->count) return HETA_OK;
  HETA_TRY(j->engine->api->lanes(j->engine, w->lanes, w->count, &readout, error));
  HETA_TRY(make_room(j->known, w->count, error));
  for (size_t i = 0; i < w->count; i++) {
    if (!isfinite(logprob[i]) || !isfinite(kl[i]) || !isfinite(hellinger[i]))
      return heta_i_fail(error, HETA_E_NONFINITE,
                         "a prediction is not a finite number: the weights are damaged, or "
                         "overflow float32");
    heta_i_answer *place = place_of(j->known, w->answers[i].digest);
    j->known->count += !place->taken;
    *place = w->answers[i];
    place->logprob = logprob[i];
    place->kl = kl[i];
    place->hellinger = hellinger[i];
    place->taken = true;
  }
  w->count = w->rows = 0;
  return HETA_OK;
}

/* Asks what is not known yet. digests: [count], filled. */
static heta_status ask(heta_i_judging *j, size_t count, heta_i_alter alter, void *context,
                       waiting *w, unsigned char (*digests)[32], heta_error *error) {
  size_t width = j->model->hyper.width;
  for (size_t v = 0; v < count; v++) {
    heta_i_lane lane;
    double *input = w->inputs + w->rows * width;
    size_t own = lay_out(j, v, alter, context, input, &lane);
    digest_of(j, &lane, digests[v]);
    if (j->known->room && place_of(j->known, digests[v])->taken) continue;
    if (w->rows + own > j->lane_rows || w->count == j->lane_rows) {
      HETA_TRY(run_waiting(j, w, error));
      memmove(w->inputs, input, own * width * sizeof *input);
      lane.input = w->inputs;
    }
    memcpy(w->answers[w->count].digest, digests[v], 32);
    w->lanes[w->count++] = lane;
    w->rows += own;
  }
  return run_waiting(j, w, error);
}

heta_status heta_i_judge_variants(heta_i_judging *j, size_t count, heta_i_alter alter,
                                  void *context, const heta_i_prediction *out, heta_error *error) {
  size_t width = j->model->hyper.width, most = j->lane_rows;
  waiting w = {.lanes = heta_i_allocate(most, sizeof *w.lanes),
               .answers = heta_i_allocate(most, sizeof *w.answers),
               .inputs = heta_i_allocate((most + j->scored.length) * width, sizeof *w.inputs),
               .numbers = heta_i_allocate(3 * most, sizeof *w.numbers)};
  unsigned char(*digests)[32] = heta_i_allocate(count, sizeof *digests);
  heta_status status = HETA_OK;
  if (!w.lanes || !w.answers || !w.inputs || !w.numbers || !digests) {
    status = heta_i_no_memory(error, "altered contexts", most * width * sizeof *w.inputs);
    goto done;
  }
  HETA_GO(ask(j, count, alter, context, &w, digests, error));
  for (size_t v = 0; v < count; v++) {
    const heta_i_answer *answer = place_of(j->known, digests[v]);
    if (out->logprob) out->logprob[v] = answer->logprob;
    if (out->kl) out->kl[v] = answer->kl;
    if (out->hellinger) out->hellinger[v] = answer->hellinger;
  }
done:
  heta_i_free(w.lanes);
  heta_i_free(w.answers);
  heta_i_free(w.inputs);
  heta_i_free(w.numbers);
  heta_i_free(digests);
  return status;
}

typedef struct removal {
  const heta_i_judging *j;
  const bool *removed;
} removal;

static bool remove_token(void *context, size_t variant, size_t token, double *embedding) {
  const removal *r = context;
  if (!r->removed[variant * r->j->scored.length + token]) return false;
  memcpy(embedding, r->j->removed, r->j->model->hyper.width * sizeof *embedding);
  return true;
}

heta_status heta_i_judge_removed(heta_i_judging *j, size_t count, const bool *removed,
                                 const heta_i_prediction *out, heta_error *error) {
  removal context = {j, removed};
  return heta_i_judge_variants(j, count, remove_token, &context, out, error);
}

/* ---- Cut edges ------------------------------------------------------------------------------ */

static void digest_of_cut(const heta_i_judging *j, size_t token, unsigned char out[32]) {
  struct sha256_ctx hash;
  sha256_init(&hash);
  sha256_update(&hash, 3, (const uint8_t *)"cut");
  sha256_update(&hash, sizeof j->scored.target, (const uint8_t *)&j->scored.target);
  sha256_update(&hash, sizeof token, (const uint8_t *)&token);
  sha256_digest(&hash, 32, out);
}

heta_status heta_i_judge_cut(heta_i_judging *j, const size_t *tokens, size_t count, double *drop,
                             heta_error *error) {
  size_t n = j->scored.length, row = n - 1, most = count ? count : 1;
  waiting w = {.lanes = heta_i_judging_take(j, most, sizeof *w.lanes),
               .answers = heta_i_judging_take(j, most, sizeof *w.answers),
               .numbers = heta_i_judging_take(j, 3 * most, sizeof *w.numbers)};
  if (!w.lanes || !w.answers || !w.numbers)
    return heta_i_no_memory(error, "lanes", count * sizeof *w.lanes);
  for (size_t i = 0; i < count; i++) { /* only the last row is computed again */
    unsigned char digest[32];
    digest_of_cut(j, tokens[i], digest);
    if (j->known->room && place_of(j->known, digest)->taken) continue;
    heta_i_lane *lane = &w.lanes[w.count];
    memcpy(w.answers[w.count++].digest, digest, sizeof digest);
    *lane = heta_i_lane_of(j->scored.tokens, n);
    lane->parent = j->run;
    lane->first = row;
    lane->hidden_key = tokens[i];
  }
  HETA_TRY(run_waiting(j, &w, error));
  for (size_t i = 0; i < count; i++) {
    unsigned char digest[32];
    digest_of_cut(j, tokens[i], digest);
    drop[i] = j->clean_logprob - place_of(j->known, digest)->logprob;
  }
  return HETA_OK;
}
