/* causal_tracing.c: what restoring a token's hidden state in a corrupted run, or corrupting a token
 * in a clean one, does to the target's probability.
 *
 * restore: noise on the embeddings of all players; then, for a token and a block, the residual that
 * leaves the block at that token is set to its clean value. Everything before the block is the same
 * for all tokens, so that a run begins behind the block and each token is a lane of it. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "method/coalition.h"

enum {
  EFFECT,
  BASE
}; /* series; BASE: a table: the probability that each effect is compared with */

static const heta_option_info OPTIONS[] = {
    {"mode", NULL, HETA_OPTION_CHOICE, 0, 0, "restore|single", "restore",
     "restore one token's clean state in a text of noise, or corrupt one token alone"},
    {"samples", NULL, HETA_OPTION_INTEGER, 1, 100000, NULL, "10", "draws of the noise"},
    {"noise", NULL, HETA_OPTION_NUMBER, 1e-6, 1e6, NULL, "3",
     "deviation of the noise, in deviations of the context's embeddings"},
    {"every", NULL, HETA_OPTION_INTEGER, 1, 10000, NULL, "4",
     "restore: blocks 0, so many, twice so many …; below half of all blocks"},
    HETA_KEEP_OPTION,
    HETA_MAP_OPTION("positive"),
    HETA_NORMALISE_OPTION,
    HETA_PASSES_OPTION,
};

static bool restores(const heta_i_session *session) {
  return heta_i_option_is(session, "mode", "restore");
}

static size_t every(const heta_i_session *session) {
  return (size_t)heta_i_option_number(session, "every");
}

/* Blocks after which states are restored: those below half, and never the last. */
static size_t blocks_of(const heta_i_session *session) {
  size_t half = (session->model->hyper.layers + 1) / 2;
  if (half >= session->model->hyper.layers) half = session->model->hyper.layers - 1;
  return (half + every(session) - 1) / every(session);
}

/* Passes that one draw of the noise takes. */
static uint64_t passes_of(const heta_i_session *session, size_t target) {
  size_t n = heta_i_context(session, target);
  return restores(session) ? blocks_of(session) * (n + 2) + 1
                           : heta_i_player_count(session, target);
}

static size_t samples_of(const heta_i_session *session) {
  double samples = heta_i_option_number(session, "samples");
  double cap = heta_i_option_number(session, "passes");
  double each = (double)passes_of(session, session->target_count - 1);
  return (size_t)(cap > 0 && floor(cap / each) < samples ? floor(cap / each) : samples);
}

static heta_status check(const heta_i_session *session, heta_error *error) {
  if (restores(session) && session->model->hyper.layers < 2)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--mode restore needs a model of two blocks or more: the state after the "
                       "last one is the prediction; use --mode single");
  return heta_i_players_check(session, 1, error);
}

static heta_status prepare(heta_i_session *session, heta_error *error) {
  (void)error;
  session->runs = restores(session) ? 1 : 0;
  return HETA_OK;
}

static heta_status plan_restore(heta_i_session *session, size_t target, size_t samples,
                                heta_error *error) {
  size_t n = heta_i_context(session, target), layers = session->model->hyper.layers;
  heta_i_item item = {.name = "corruption", .target = target, .target_end = target + 1};
  item.token_end = 1;
  item.whole = true;
  item.sample_end = item.forwards = samples;
  item.fills = 1u << BASE;
  item.flop = heta_i_flop(session, (double)(samples * n), (double)samples);
  HETA_TRY(heta_i_add_item(session, item, error));
  for (size_t b = 0; b < blocks_of(session); b++)
    for (size_t s = 0; s < samples; s++) {
      double left = (double)(layers - 1 - b * every(session)) / (double)layers;
      double rows = (double)n * (1 + left * (1 + (double)(n + 1) / 2));
      item.name = "restoration";
      item.token_end = session->length;
      item.sample = b * samples + s;
      item.sample_end = item.sample + 1;
      item.fills = 1u << EFFECT;
      item.forwards = n + 2;
      item.flop = heta_i_flop(session, rows, (double)n);
      HETA_TRY(heta_i_add_item(session, item, error));
    }
  return HETA_OK;
}

static heta_status plan_single(heta_i_session *session, size_t target, size_t samples,
                               heta_error *error) {
  size_t n = heta_i_context(session, target);
  HETA_TRY(heta_i_add_item(session,
                           (heta_i_item){.name = "corruption",
                                         .target = target,
                                         .target_end = target + 1,
                                         .token_end = 1,
                                         .sample_end = samples,
                                         .whole = true,
                                         .fills = 1u << BASE},
                           error));
  for (size_t from = 0, to; from < session->length; from = to) {
    size_t rows = 0, count = 0;
    for (to = from; to < session->length && (to == from || rows < session->lane_rows); to++) {
      if (to >= n || !heta_i_is_player(session, to)) continue;
      rows += samples * (n - to);
      count += samples;
    }
    HETA_TRY(
        heta_i_add_item(session,
                        (heta_i_item){.name = "corruption",
                                      .target = target,
                                      .target_end = target + 1,
                                      .token = from,
                                      .token_end = to,
                                      .sample_end = samples,
                                      .fills = 1u << EFFECT,
                                      .forwards = count,
                                      .flop = heta_i_flop(session, (double)rows, (double)count)},
                        error));
  }
  return HETA_OK;
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  size_t last = session->target_count - 1, samples = samples_of(session);
  uint64_t each = passes_of(session, last), allowed;
  uint64_t asked = each * (uint64_t)heta_i_option_number(session, "samples");
  HETA_TRY(heta_i_allowed(session, asked, each, "one draw of the noise", &allowed, error));
  session->left_out = (asked - each * samples) * session->target_count;
  size_t width = session->model->hyper.width, n = session->length;
  HETA_TRY(heta_i_add_series(session, "probability",
                             restores(session) ? samples * blocks_of(session) : samples, error));
  HETA_TRY(heta_i_add_table(session, "base", 1, samples, error));
  for (size_t t = 0; t < session->target_count; t++)
    HETA_TRY(restores(session) ? plan_restore(session, t, samples, error)
                               : plan_single(session, t, samples, error));
  session->bytes += 8 * (uint64_t)n * width * (restores(session) ? 5 : 2) +
                    256 * (uint64_t)n * samples + 8 * (uint64_t)width * session->lane_rows;
  return HETA_OK;
}

/* ---- Noise ----------------------------------------------------------------------------------- */

/* The deviation of all numbers of the first context's embeddings. */
static double deviation(heta_i_session *session, const double *embeddings) {
  size_t width = session->model->hyper.width, count = 0, rows = session->targets[0].position;
  double mean = 0, squares = 0;
  for (size_t i = 0; i < rows; i++)
    for (size_t c = 0; c < width && heta_i_is_player(session, i); c++) {
      double from = embeddings[i * width + c] - mean;
      mean += from / (double)++count;
      squares += from * (embeddings[i * width + c] - mean);
    }
  return count > 1 ? sqrt(squares / (double)count) : 0;
}

static void corrupt(heta_i_session *session, size_t token, size_t sample, double size,
                    const double *embedding, double *out) {
  size_t width = session->model->hyper.width;
  heta_i_normal(session->seed, HETA_STREAM_CORRUPTION, (uint32_t)token, (uint32_t)sample, width,
                out);
  for (size_t c = 0; c < width; c++) out[c] = embedding[c] + size * out[c];
}

typedef struct work {
  heta_i_session *session;
  size_t target, length, width;
  double size;
  double *embeddings, *noisy; /* [length × width] */
  double *clean, *state;      /* residuals, the same */
  heta_i_lane *lanes;
  heta_i_override *values; /* patched ones of the tokens whose state is restored */
  double *logprob;
} work;

static void close_work(work *w) {
  heta_i_free(w->embeddings);
  heta_i_free(w->noisy);
  heta_i_free(w->clean);
  heta_i_free(w->state);
  heta_i_free(w->lanes);
  heta_i_free(w->values);
  heta_i_free(w->logprob);
}

static heta_status open_work(work *w, size_t lanes, heta_error *error) {
  heta_i_session *session = w->session;
  size_t size = w->length * w->width;
  w->embeddings = heta_i_allocate(size, sizeof *w->embeddings);
  w->noisy = heta_i_allocate(size + lanes * w->width, sizeof *w->noisy);
  w->clean = heta_i_allocate(restores(session) ? size : 0, sizeof *w->clean);
  w->state = heta_i_allocate(restores(session) ? size : 0, sizeof *w->state);
  w->lanes = heta_i_allocate(lanes, sizeof *w->lanes);
  w->values = heta_i_allocate(lanes, sizeof *w->values);
  w->logprob = heta_i_allocate(lanes, sizeof *w->logprob);
  if (!w->embeddings || !w->noisy || !w->clean || !w->state || !w->lanes || !w->values ||
      !w->logprob)
    return heta_i_no_memory(error, "noise", size * sizeof *w->noisy);
  session->engine->api->embed(session->engine, session->tokens, w->length, w->embeddings);
  w->size = heta_i_option_number(session, "noise") * deviation(session, w->embeddings);
  return HETA_OK;
}

static void make_noise(work *w, size_t sample) {
  memcpy(w->noisy, w->embeddings, w->length * w->width * sizeof *w->noisy);
  for (size_t i = 0; i < w->length; i++)
    if (heta_i_is_player(w->session, i))
      corrupt(w->session, i, sample, w->size, w->embeddings + i * w->width,
              w->noisy + i * w->width);
}

/* Runs lanes that are read at the target's row. */
static heta_status run_lanes(work *w, size_t count, heta_error *error) {
  heta_i_session *session = w->session;
  const heta_i_target *target = &session->targets[w->target];
  size_t row = target->position - 1;
  heta_i_readout readout = {.rows = 1, .row = &row, .token = &target->id, .logprob = w->logprob};
  return session->engine->api->lanes(session->engine, w->lanes, count, &readout, error);
}

static heta_status run_corrupted(work *w, const heta_i_item *item, heta_error *error) {
  for (size_t s = item->sample; s < item->sample_end; s++) {
    make_noise(w, s);
    w->lanes[0] = heta_i_lane_of(NULL, w->length);
    w->lanes[0].input = w->noisy;
    HETA_TRY(run_lanes(w, 1, error));
    heta_i_series_at(w->session, BASE, w->target, 0)[s] = exp(w->logprob[0]);
  }
  return HETA_OK;
}

/* The residual that enters a block. */
static heta_status read_state(work *w, heta_i_run *run, size_t block, double *out,
                              heta_error *error) {
  heta_i_capture capture = {HETA_SITE_RESIDUAL_BEFORE, block, out};
  return w->session->engine->api->inspect(w->session->engine, run, block, &capture, 1, error);
}

/* A token whose clean state is back has its patched values again, too; those of the others went
 * with their embeddings. */
static void restore_values(work *w, size_t token, size_t block) {
  const heta_i_soft_tokens *patched = w->session->patched;
  if (!patched || token >= patched->count || !patched->has_values[token] || patched->block < block)
    return;
  size_t wide = w->session->model->widths[HETA_SITE_VALUE];
  w->values[token] = (heta_i_override){.site = HETA_SITE_VALUE,
                                       .block = patched->block,
                                       .row = token,
                                       .head = SIZE_MAX,
                                       .add = patched->values + token * wide};
  w->lanes[token].overrides = &w->values[token];
  w->lanes[token].override_count = 1;
}

static heta_status run_restored(work *w, const heta_i_item *item, heta_error *error) {
  heta_i_session *session = w->session;
  const heta_i_engine_api *api = session->engine->api;
  size_t samples = samples_of(session), row = w->length - 1;
  size_t block = item->sample / samples * every(session) + 1; /* the one behind */
  heta_i_run *run = NULL;
  heta_i_lane lane = heta_i_lane_of(NULL, w->length);
  double *whole = NULL; /* the clean residual, of all targets' contexts */
  heta_status status;
  make_noise(w, item->sample % samples);
  lane.input = w->noisy;
  whole = heta_i_allocate(session->length * w->width, sizeof *whole);
  if (!whole) return heta_i_no_memory(error, "a state", session->length * w->width * sizeof *whole);
  HETA_GO(read_state(w, session->run, block, whole, error));
  memcpy(w->clean, whole, w->length * w->width * sizeof *whole);
  HETA_GO(api->run(session->engine, &lane, 0, &row, 1, &run, error));
  HETA_GO(read_state(w, run, block, w->state, error));
  api->run_free(run);
  run = NULL;
  lane.input = w->state;
  HETA_GO(api->run(session->engine, &lane, block, &row, 1, &run, error));
  for (size_t i = 0; i < w->length; i++) {
    w->lanes[i] = heta_i_lane_of(NULL, w->length);
    w->lanes[i].parent = run;
    w->lanes[i].first = w->lanes[i].edit_row = i;
    w->lanes[i].input = w->state + i * w->width;
    w->lanes[i].edit = w->clean + i * w->width;
    restore_values(w, i, block);
  }
  HETA_GO(run_lanes(w, w->length, error));
  for (size_t i = 0; i < session->length; i++)
    heta_i_series_at(session, EFFECT, w->target, i)[item->sample] =
        i < w->length ? exp(w->logprob[i]) : 0;
done:
  api->run_free(run);
  heta_i_free(whole);
  return status;
}

static heta_status run_single(work *w, const heta_i_item *item, heta_error *error) {
  heta_i_session *session = w->session;
  size_t samples = samples_of(session);
  for (size_t i = item->token; i < item->token_end; i++) {
    double *out = heta_i_series_at(session, EFFECT, w->target, i);
    memset(out, 0, samples * sizeof *out);
    if (i >= w->length || !heta_i_is_player(session, i)) continue;
    for (size_t s = 0; s < samples; s++) {
      w->lanes[s] = heta_i_lane_of(session->tokens, w->length);
      w->lanes[s].parent = session->run;
      w->lanes[s].first = w->lanes[s].edit_row = i;
      w->lanes[s].edit = w->noisy + s * w->width;
      corrupt(session, i, s, w->size, w->embeddings + i * w->width, w->noisy + s * w->width);
    }
    HETA_TRY(run_lanes(w, samples, error));
    for (size_t s = 0; s < samples; s++) out[s] = exp(w->logprob[s]);
  }
  return HETA_OK;
}

/* The clean probability, which every effect is compared with. */
static heta_status run_clean(work *w, const heta_i_item *item, heta_error *error) {
  heta_i_session *session = w->session;
  w->lanes[0] = heta_i_lane_of(session->tokens, w->length);
  w->lanes[0].parent = session->run;
  w->lanes[0].first = w->length - 1;
  HETA_TRY(run_lanes(w, 1, error));
  for (size_t s = item->sample; s < item->sample_end; s++)
    heta_i_series_at(session, BASE, w->target, 0)[s] = exp(w->logprob[0]);
  return HETA_OK;
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  work w = {.session = session,
            .target = item->target,
            .length = session->targets[item->target].position,
            .width = session->model->hyper.width};
  size_t samples = samples_of(session);
  bool base = item->fills == 1u << BASE;
  heta_status status = open_work(&w, w.length > samples ? w.length : samples, error);
  if (!status && restores(session))
    status = base ? run_corrupted(&w, item, error) : run_restored(&w, item, error);
  else if (!status)
    status = base ? run_clean(&w, item, error) : run_single(&w, item, error);
  close_work(&w);
  return status;
}

/* Mean and standard error of effect minus base, times `sign`. */
static void mean_of(const double *effect, const double *base, size_t samples, double sign,
                    double *mean, double *error) {
  double squares = 0;
  *mean = 0;
  for (size_t s = 0; s < samples; s++) *mean += sign * (effect[s] - base[s]) / (double)samples;
  for (size_t s = 0; s < samples; s++) {
    double from = sign * (effect[s] - base[s]) - *mean;
    squares += from * from;
  }
  *error = samples > 1 ? sqrt(squares / (double)(samples - 1) / (double)samples) : NAN;
}

static bool finish(const heta_i_session *session, size_t target, size_t length,
                   heta_i_numbers *to) {
  size_t samples = samples_of(session), blocks = restores(session) ? blocks_of(session) : 1;
  const double *base = heta_i_series_at(session, BASE, target, 0);
  for (size_t i = 0; i < length; i++) {
    const double *effect = heta_i_series_at(session, EFFECT, target, i);
    double best = -INFINITY, best_error = NAN, block = 0;
    for (size_t b = 0; b < blocks && !isnan(best); b++) {
      double mean, error;
      mean_of(effect + b * samples, base, samples, restores(session) ? 1 : -1, &mean, &error);
      if (mean <= best) continue;
      best = mean;
      best_error = error;
      block = (double)(b * every(session));
    }
    bool player = heta_i_is_player(session, i);
    to->signed_score[i] = to->components[0][i] = player ? best : 0;
    to->score_se[i] = to->errors[0][i] = player ? best_error : 0;
    to->components[1][i] = player && !isnan(best) ? block : 0;
    to->probes[i] = (uint32_t)samples;
  }
  return true;
}

static size_t checks(const heta_i_session *session, heta_check_value *out) {
  double sum = 0;
  size_t samples = samples_of(session);
  for (size_t s = 0; s < samples; s++) sum += heta_i_series_at(session, BASE, 0, 0)[s];
  out[0] = (heta_check_value){restores(session) ? "corrupted_probability" : "clean_probability",
                              sum / (double)samples};
  return 1;
}

const heta_i_method heta_i_method_causal_tracing = {
    .info =
        {.name = "causal-tracing",
         .summary = "how far a token's clean state brings the target back in a text of noise",
         .about =
             "restore: the embeddings of the context get Gaussian noise, --noise times the "
             "deviation of all their numbers. With one token's residual set back to its clean "
             "value after one block, the target's probability rises: the indirect effect, averaged "
             "over draws of the noise. The signed score is the largest over the blocks tried, "
             "which are every fourth below half of all (--every): after the last blocks the last "
             "token's state is the prediction itself. single: only one token gets noise, and the "
             "score is by how much the target's probability falls. Noise is numbered by draw and "
             "token: the same in both modes and for all tokens. Decided here: every token but "
             "special ones (--keep) is corrupted, where the source corrupts a subject; the "
             "deviation is that of this context, not of a data set.",
         .source = "Meng et al. 2022 (ROME)",
         .cost = "restore: s · b · (n + 2) passes over the later rows and blocks; single: s · n "
                 "(s: --samples, b: blocks tried)",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .is_signed = true,
    .alone = "it measures how far that token's probability comes back",
    .component_count = 2,
    .components = {{"effect", "probability", false, "noise"}, {"block", "index", true, NULL}},
    .check = check,
    .prepare = prepare,
    .plan = plan,
    .run = run,
    .finish = finish,
    .checks = checks};
