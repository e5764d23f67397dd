/* coalition.c: runs without some of the context's tokens; see coalition.h. */
#include "method/coalition.h"

#include <math.h>
#include <string.h>

/* Lanes that are laid out at a time, at most; a batch may hold fewer. */
enum { LANES = 128 };

typedef enum way { REPLACE, ATTEND, DELETE } way;

static way way_of(const heta_i_session *session) {
  if (heta_i_option_is(session, "mask", "attend")) return ATTEND;
  return heta_i_option_is(session, "mask", "delete") ? DELETE : REPLACE;
}

/* ---- Players --------------------------------------------------------------------------------- */

bool heta_i_is_player(const heta_i_session *session, size_t token) {
  if (heta_i_option_is(session, "keep", "none")) return true;
  if (heta_i_option_is(session, "keep", "begin")) return token > 0;
  if (token < session->known && session->spans[token].kind >= HETA_TOKEN_BOS &&
      session->spans[token].kind <= HETA_TOKEN_TEMPLATE)
    return false;
  return token > 0 || !heta_i_option_is(session, "keep", "first");
}

size_t heta_i_player_count(const heta_i_session *session, size_t target) {
  size_t count = 0;
  for (size_t i = 0; i < heta_i_context(session, target); i++)
    count += heta_i_is_player(session, i);
  return count;
}

heta_status heta_i_players_check(const heta_i_session *session, size_t least, heta_error *error) {
  size_t count = heta_i_player_count(session, 0), length = heta_i_context(session, 0);
  if (count >= least) return HETA_OK;
  return heta_i_fail(
      error, HETA_E_ARGUMENT,
      "method %s takes tokens of the context away and needs at least %zu that it "
      "may; the context has %zu tokens, of which --keep %s leaves %zu: give a longer "
      "text",
      session->method->info.name, least, length, heta_i_option(session, "keep")->text, count);
}

heta_status heta_i_deck_open(const heta_i_session *session, size_t target, heta_i_deck *deck,
                             heta_error *error) {
  size_t length = heta_i_context(session, target);
  *deck = (heta_i_deck){.session = session, .target = target, .length = length};
  deck->player = heta_i_allocate(length, sizeof *deck->player);
  deck->uniform = heta_i_allocate(2 * length + 2, sizeof *deck->uniform);
  deck->order = heta_i_allocate(length, sizeof *deck->order);
  deck->absent = heta_i_allocate(length, sizeof *deck->absent);
  if (!deck->player || !deck->uniform || !deck->order || !deck->absent) {
    heta_i_deck_close(deck);
    return heta_i_no_memory(error, "coalitions", length * sizeof *deck->uniform);
  }
  for (size_t i = 0; i < length; i++)
    if (heta_i_is_player(session, i)) deck->player[deck->count++] = i;
  return HETA_OK;
}

void heta_i_deck_close(heta_i_deck *deck) {
  heta_i_free(deck->player);
  heta_i_free(deck->uniform);
  heta_i_free(deck->order);
  heta_i_free(deck->absent);
  *deck = (heta_i_deck){0};
}

/* The first steps of a Fisher-Yates shuffle. */
void heta_i_deck_choose(heta_i_deck *deck, size_t size, const double *uniform) {
  memset(deck->absent, 0, deck->length * sizeof *deck->absent);
  for (size_t i = 0; i < deck->count; i++) deck->order[i] = i;
  for (size_t i = 0; i < size; i++) {
    size_t other = i + (size_t)(uniform[i] * (double)(deck->count - i));
    size_t chosen = deck->order[other];
    deck->order[other] = deck->order[i];
    deck->order[i] = chosen;
    deck->absent[deck->player[chosen]] = true;
  }
}

/* ---- Lanes ----------------------------------------------------------------------------------- */

static size_t first_absent(const bool *absent, size_t length) {
  size_t first = 0;
  while (first < length && !absent[first]) first++;
  return first;
}

/* Tokens that stay: never none. */
static size_t survivors(const bool *absent, size_t length) {
  size_t count = 0;
  for (size_t i = 0; i < length; i++) count += !absent[i];
  return count ? count : 1;
}

size_t heta_i_coalition_rows(const heta_i_session *session, size_t length, const bool *absent) {
  size_t first = first_absent(absent, length);
  size_t rows = way_of(session) == REPLACE ? length : survivors(absent, length);
  size_t behind = session->joint ? session->length - length : 0; /* targets that stay */
  return (first < rows ? rows - first : 1) + behind;
}

heta_status heta_i_coalition_check(const heta_i_session *session, heta_error *error) {
  return heta_i_mask_check(session, error);
}

uint64_t heta_i_coalition_bytes(const heta_i_session *session) {
  uint64_t width = session->model->hyper.width, n = session->length;
  uint64_t rows = session->lane_rows > n ? session->lane_rows : n;
  return 8 * width * (rows + 2 * n) + LANES * (16 * n + 64 * session->target_count + 512);
}

/* Lanes on their way to the engine, with all they point to. */
typedef struct stack {
  heta_i_session *session;
  size_t target, length, width;
  size_t context; /* tokens that may be absent; with a joint objective targets follow, and stay */
  size_t columns; /* rows that are read of each lane, at most */
  way way;
  const heta_i_deck *deck; /* when every player that stays is read; else NULL */
  double *clean, *masked;  /* [length × width], for replacing */
  heta_i_lane *lanes;      /* [LANES] */
  int32_t *tokens;         /* [LANES × length] */
  uint32_t *positions;     /* the same */
  double *input;           /* [rows × width] */
  size_t *row;             /* [LANES × columns] */
  double *logprob, *foil, *kl, *log_sum, *logit_prob;
  size_t *above;
  int32_t *ids, *foils; /* [columns] */
  size_t used, rows, room, done;
  const heta_i_findings *findings;
} stack;

static void close_stack(stack *s) {
  void *blocks[] = {s->clean, s->masked,  s->lanes,      s->tokens, s->positions,
                    s->input, s->row,     s->logprob,    s->foil,   s->kl,
                    s->ids,   s->log_sum, s->logit_prob, s->above,  s->foils};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) heta_i_free(blocks[i]);
}

static heta_status open_stack(stack *s, heta_error *error) {
  heta_i_session *session = s->session;
  size_t cells = LANES * s->columns, all = s->way == REPLACE ? s->length : 0;
  s->room = session->lane_rows > s->length ? session->lane_rows : s->length;
  s->clean = heta_i_allocate(all * s->width, sizeof *s->clean);
  s->masked = heta_i_allocate(all * s->width, sizeof *s->masked);
  s->input = heta_i_allocate(all ? s->room * s->width : 0, sizeof *s->input);
  s->lanes = heta_i_allocate(LANES, sizeof *s->lanes);
  s->tokens = heta_i_allocate(LANES * s->length, sizeof *s->tokens);
  s->positions = heta_i_allocate(LANES * s->length, sizeof *s->positions);
  s->row = heta_i_allocate(cells, sizeof *s->row);
  s->logprob = heta_i_allocate(cells, sizeof *s->logprob);
  s->foil = heta_i_allocate(cells, sizeof *s->foil);
  s->kl = heta_i_allocate(cells, sizeof *s->kl);
  s->log_sum = heta_i_allocate(cells, sizeof *s->log_sum);
  s->logit_prob = heta_i_allocate(cells, sizeof *s->logit_prob);
  s->above = heta_i_allocate(cells, sizeof *s->above);
  s->ids = heta_i_allocate(s->columns, sizeof *s->ids);
  s->foils = heta_i_allocate(s->columns, sizeof *s->foils);
  if (!s->clean || !s->masked || !s->input || !s->lanes || !s->tokens || !s->positions || !s->row ||
      !s->logprob || !s->foil || !s->kl || !s->log_sum || !s->logit_prob || !s->above || !s->ids ||
      !s->foils)
    return heta_i_no_memory(error, "coalitions", (s->room + 2 * all) * s->width * sizeof(double));
  for (size_t t = 0; t < s->columns; t++) {
    const heta_i_target *of = &session->targets[s->deck ? s->target : t];
    s->ids[t] = of->id;
    s->foils[t] = of->foil < 0 ? 0 : of->foil;
  }
  if (s->way != REPLACE) return HETA_OK;
  session->engine->api->embed(session->engine, session->tokens, s->length, s->clean);
  for (size_t i = 0; i < s->length; i++)
    HETA_TRY(heta_i_mask_row(session, i, s->masked + i * s->width, error));
  return HETA_OK;
}

/* The log-odds of a token from its log-probability. */
static double log_odds(double logprob) { return logprob - log(-expm1(logprob)); }

/* What is read of one row. */
typedef struct reading {
  double logprob, foil, log_sum, logit_prob;
} reading;

static double value_of(const heta_i_session *session, size_t target, reading r) {
  bool foil = session->targets[target].foil >= 0;
  switch (heta_i_objective_kind(session)) {
  case HETA_SEED_LOGPROB: return foil ? r.logprob - r.foil : r.logprob;
  case HETA_SEED_LOGIT: return foil ? r.logprob - r.foil : r.logprob + r.log_sum;
  case HETA_SEED_PROB: return exp(r.logprob) - (foil ? exp(r.foil) : 0);
  case HETA_SEED_LOGIT_PROB: break;
  }
  return r.logit_prob - (foil ? log_odds(r.foil) : 0);
}

static reading reading_at(const stack *s, size_t at) {
  return (reading){s->logprob[at], s->foil[at], s->log_sum[at], s->logit_prob[at]};
}

static void take(void *context, size_t lane, size_t index, const double *logprobs) {
  stack *s = context;
  (void)index; /* the one target whose row is read */
  s->findings->take(s->findings->context, s->done + lane, logprobs);
}

/* Runs the lanes that are laid out. */
static heta_status flush(stack *s, heta_error *error) {
  heta_i_session *session = s->session;
  const heta_i_findings *f = s->findings;
  bool odds = heta_i_objective_kind(session) == HETA_SEED_LOGIT_PROB;
  heta_i_readout readout = {.rows = s->columns,
                            .row = s->row,
                            .each = true,
                            .token = s->ids,
                            .foil = session->targets[s->target].foil >= 0 ? s->foils : NULL,
                            .reference = session->run,
                            .logprob = s->logprob,
                            .foil_logprob = session->targets[s->target].foil >= 0 ? s->foil : NULL,
                            .kl = f->kl ? s->kl : NULL,
                            .log_sum = s->log_sum,
                            .logit_prob = odds && f->value ? s->logit_prob : NULL,
                            .above = f->above ? s->above : NULL,
                            .take = f->take ? take : NULL,
                            .context = s};
  HETA_TRY(session->engine->api->lanes(session->engine, s->lanes, s->used, &readout, error));
  for (size_t l = 0; l < s->used && s->deck; l++)
    for (size_t r = 0; r < s->columns; r++) {
      size_t at = l * s->columns + r;
      f->value[s->done * s->columns + at] =
          s->row[at] == SIZE_MAX ? 0 : value_of(session, s->target, reading_at(s, at));
    }
  for (size_t l = 0; l < s->used && !s->deck; l++) {
    size_t at = l * s->columns + s->target, out = s->done + l;
    if (f->value) f->value[out] = value_of(session, s->target, reading_at(s, at));
    for (size_t t = 1; f->value && session->joint && t < s->columns; t++)
      f->value[out] += value_of(session, t, reading_at(s, at + t));
    if (f->logprob) f->logprob[out] = s->logprob[at];
    if (f->kl) f->kl[out] = s->kl[at];
    if (f->above) f->above[out] = s->above[at];
  }
  s->done += s->used;
  s->used = s->rows = 0;
  return HETA_OK;
}

/* Own rows with some embeddings replaced. */
static void lay_replaced(stack *s, const bool *absent, heta_i_lane *lane) {
  size_t first = first_absent(absent, s->context);
  if (first == s->context) first--;
  if (s->deck) { /* rows before that are read, too */
    size_t read = s->deck->player[0] - 1;
    for (size_t p = s->deck->count; p-- > 0;)
      if (!absent[s->deck->player[p]]) read = s->deck->player[p];
    if (read < first) first = read;
  }
  double *input = s->input + s->rows * s->width;
  for (size_t i = first; i < s->length; i++)
    memcpy(input + (i - first) * s->width,
           (i < s->context && absent[i] ? s->masked : s->clean) + i * s->width,
           s->width * sizeof *input);
  *lane = heta_i_lane_of(NULL, s->length);
  lane->input = input;
  lane->first = first;
}

/* The rows of the tokens that stay. */
static void lay_without(stack *s, const bool *absent, heta_i_lane *lane) {
  int32_t *tokens = s->tokens + s->used * s->length;
  uint32_t *positions = s->positions + s->used * s->length;
  size_t count = 0, first = first_absent(absent, s->context), own = survivors(absent, s->context);
  for (size_t i = 0; i < s->length; i++) {
    if (i < s->context && absent[i] && (count || i + 1 < s->context)) continue;
    tokens[count] = s->session->tokens[i];
    positions[count++] = (uint32_t)i;
  }
  *lane = heta_i_lane_of(tokens, count);
  if (s->way == ATTEND) lane->positions = positions;
  lane->first = first < own ? first : own - 1;
}

/* The rows to read of a lane that has been laid: its last, or those of the players that stay. */
static void mark_rows(stack *s, const bool *absent, heta_i_lane *lane) {
  size_t *row = s->row + s->used * s->columns, read = 0, at = 0;
  for (size_t c = 0; c < s->columns; c++) row[c] = SIZE_MAX;
  if (!s->deck) { /* the last rows predict the targets that are read */
    size_t targets = s->session->joint ? s->columns : 1;
    for (size_t t = 0; t < targets; t++) row[s->target + t] = lane->length - targets + t;
    return;
  }
  for (size_t p = 0, i = 0; p < s->deck->count; p++) {
    size_t token = s->deck->player[p];
    for (; i < token; i++) at += !absent[i]; /* survivors before the player */
    if (!absent[token]) row[read++] = s->way == REPLACE ? token : at;
  }
  if (!read) row[0] = s->way == REPLACE ? s->deck->player[0] - 1 : lane->length - 1;
  if (row[0] < lane->first) lane->first = row[0]; /* the clean run shares it, but did not read it */
}

static heta_status run_stack(stack *s, const bool *absent, size_t count, heta_error *error) {
  HETA_TRY(open_stack(s, error));
  for (size_t c = 0; c < count; c++) {
    const bool *mine = absent + c * s->context;
    size_t rows = s->deck ? s->length : heta_i_coalition_rows(s->session, s->context, mine);
    if (s->used == LANES || s->rows + rows > s->room) HETA_TRY(flush(s, error));
    heta_i_lane *lane = &s->lanes[s->used];
    if (s->way == REPLACE)
      lay_replaced(s, mine, lane);
    else
      lay_without(s, mine, lane);
    lane->parent = s->session->run;
    mark_rows(s, mine, lane);
    s->used++;
    s->rows += rows;
  }
  return s->used ? flush(s, error) : HETA_OK;
}

heta_status heta_i_coalitions(heta_i_session *session, size_t target, const bool *absent,
                              size_t count, const heta_i_findings *findings, heta_error *error) {
  stack s = {.session = session,
             .target = target,
             .length = session->joint ? session->length : session->targets[target].position,
             .context = heta_i_context(session, target),
             .width = session->model->hyper.width,
             .columns = session->target_count,
             .way = way_of(session),
             .findings = findings};
  heta_status status = run_stack(&s, absent, count, error);
  close_stack(&s);
  return status;
}

heta_status heta_i_prefixes(heta_i_session *session, const heta_i_deck *deck, const bool *absent,
                            size_t count, double *values, heta_error *error) {
  heta_i_findings findings = {.value = values};
  stack s = {.session = session,
             .target = deck->target,
             .length = deck->length,
             .context = deck->length,
             .width = session->model->hyper.width,
             .columns = deck->count,
             .way = way_of(session),
             .deck = deck,
             .findings = &findings};
  heta_status status = run_stack(&s, absent, count, error);
  close_stack(&s);
  return status;
}

/* ---- Other texts ----------------------------------------------------------------------------- */

static size_t shared_with(const int32_t *tokens, size_t length, const heta_i_text *text,
                          size_t targets) {
  size_t first = 0;
  while (first < length && first + targets < text->length && text->tokens[first] == tokens[first])
    first++;
  return first;
}

typedef struct readings {
  heta_i_lane *lanes;
  size_t *row;
  double *logprob, *foil, *log_sum, *logit_prob;
  int32_t *ids, *foils;
} readings;

static void close_readings(readings *r) {
  heta_i_free(r->lanes);
  heta_i_free(r->row);
  heta_i_free(r->logprob);
  heta_i_free(r->foil);
  heta_i_free(r->log_sum);
  heta_i_free(r->logit_prob);
  heta_i_free(r->ids);
  heta_i_free(r->foils);
}

static heta_status open_readings(size_t count, size_t targets, readings *r, heta_error *error) {
  r->lanes = heta_i_allocate(count, sizeof *r->lanes);
  r->row = heta_i_allocate(count * targets, sizeof *r->row);
  r->logprob = heta_i_allocate(count * targets, sizeof *r->logprob);
  r->foil = heta_i_allocate(count * targets, sizeof *r->foil);
  r->log_sum = heta_i_allocate(count * targets, sizeof *r->log_sum);
  r->logit_prob = heta_i_allocate(count * targets, sizeof *r->logit_prob);
  r->ids = heta_i_allocate(targets, sizeof *r->ids);
  r->foils = heta_i_allocate(targets, sizeof *r->foils);
  if (r->lanes && r->row && r->logprob && r->foil && r->log_sum && r->logit_prob && r->ids &&
      r->foils)
    return HETA_OK;
  return heta_i_no_memory(error, "altered texts", count * targets * sizeof(reading));
}

heta_status heta_i_texts(heta_i_session *session, size_t target, size_t targets,
                         const heta_i_text *texts, size_t count, double *value, size_t *above,
                         heta_error *error) {
  readings r = {0};
  heta_status status;
  bool foil = session->targets[target].foil >= 0;
  HETA_GO(open_readings(count, targets, &r, error));
  for (size_t t = 0; t < targets; t++) {
    r.ids[t] = session->targets[target + t].id;
    r.foils[t] = foil ? session->targets[target + t].foil : 0;
  }
  for (size_t c = 0; c < count; c++) {
    r.lanes[c] = heta_i_lane_of(texts[c].tokens, texts[c].length);
    r.lanes[c].parent = session->run;
    r.lanes[c].first = shared_with(session->tokens, session->length, &texts[c], targets);
    for (size_t t = 0; t < targets; t++) r.row[c * targets + t] = texts[c].length - targets + t;
  }
  heta_i_readout readout = {.rows = targets,
                            .row = r.row,
                            .each = true,
                            .token = r.ids,
                            .foil = foil ? r.foils : NULL,
                            .logprob = r.logprob,
                            .foil_logprob = foil ? r.foil : NULL,
                            .log_sum = r.log_sum,
                            .logit_prob = r.logit_prob,
                            .above = above};
  HETA_GO(session->engine->api->lanes(session->engine, r.lanes, count, &readout, error));
  for (size_t i = 0; i < count * targets; i++)
    value[i] = value_of(session, target + i % targets,
                        (reading){r.logprob[i], r.foil[i], r.log_sum[i], r.logit_prob[i]});
done:
  close_readings(&r);
  return status;
}

/* ---- Coalitions by number -------------------------------------------------------------------- */

heta_status heta_i_draw_items(heta_i_session *session, const char *name, size_t series,
                              size_t target, size_t samples, heta_i_draw draw, heta_error *error) {
  heta_i_deck deck;
  HETA_TRY(heta_i_deck_open(session, target, &deck, error));
  heta_status status = HETA_OK;
  for (size_t from = 0, to = 0; from < samples && !status; from = to) {
    size_t rows = 0;
    for (; to < samples; to++) {
      draw(&deck, to);
      size_t own = heta_i_coalition_rows(session, deck.length, deck.absent);
      if (to > from && rows + own > session->lane_rows) break;
      rows += own;
    }
    status = heta_i_add_item(
        session,
        (heta_i_item){.name = name,
                      .target = target,
                      .target_end = target + 1,
                      .token_end = 1,
                      .whole = true,
                      .sample = from,
                      .sample_end = to,
                      .fills = 1u << series,
                      .forwards = to - from,
                      .flop = heta_i_flop(session, (double)rows, (double)(to - from))},
        error);
  }
  heta_i_deck_close(&deck);
  return status;
}

heta_status heta_i_draw_run(heta_i_session *session, const heta_i_item *item, size_t series,
                            heta_i_draw draw, heta_error *error) {
  heta_i_deck deck;
  HETA_TRY(heta_i_deck_open(session, item->target, &deck, error));
  size_t count = item->sample_end - item->sample;
  bool *absent = heta_i_allocate(count * deck.length, sizeof *absent);
  heta_status status =
      absent ? HETA_OK : heta_i_no_memory(error, "coalitions", count * deck.length);
  for (size_t s = 0; s < count && !status; s++) {
    draw(&deck, item->sample + s);
    memcpy(absent + s * deck.length, deck.absent, deck.length * sizeof *absent);
  }
  double *values = heta_i_series_at(session, series, item->target, 0) + item->sample;
  heta_i_findings findings = {.value = values};
  if (!status) status = heta_i_coalitions(session, item->target, absent, count, &findings, error);
  heta_i_free(absent);
  heta_i_deck_close(&deck);
  return status;
}

heta_status heta_i_allowed(heta_i_session *session, uint64_t asked, uint64_t least,
                           const char *what, uint64_t *out, heta_error *error) {
  double cap = heta_i_option_number(session, "passes");
  *out = asked;
  session->left_out = 0;
  if (!(cap > 0) || cap >= (double)asked) return HETA_OK;
  if (cap < (double)least)
    return heta_i_fail(
        error, HETA_E_ARGUMENT,
        "--passes %.0f: method %s needs at least %llu forward passes for this text: %s", cap,
        session->method->info.name, (unsigned long long)least, what);
  *out = (uint64_t)cap;
  session->left_out = asked - *out;
  return HETA_OK;
}
