/* passes.c: pieces that several methods share: what work costs, and masked runs. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "method/method.h"

/* Keys that a row meets: the mean over the rows of all lanes that begin at a token of their own. */
static double keys_of(const heta_i_session *session) { return 2.0 / 3 * (double)session->length; }

double heta_i_flop(const heta_i_session *session, double rows, double heads) {
  const heta_model *model = session->model;
  double attention = 2 * heta_i_attention_flop(model, keys_of(session)); /* scores and mix */
  return rows * (heta_i_block_flop(model) + attention) + heads * heta_i_head_flop(model);
}

/* Fourteen products of attention in two passes, of which nine meet the keys from the probed token
 * on: half as many. */
double heta_i_probe_flop(const heta_i_session *session, double rows, double heads) {
  const heta_model *model = session->model;
  double attention = 0.5 * (5 + 9 / 2.0) * heta_i_attention_flop(model, keys_of(session));
  return rows * (heta_i_block_flop(model) + attention) + heads * heta_i_head_flop(model);
}

double heta_i_attention_share(const heta_i_session *session, bool probes) {
  double blocks = heta_i_block_flop(session->model);
  double all = probes ? heta_i_probe_flop(session, 1, 0) : heta_i_flop(session, 1, 0);
  return all > 0 ? 1 - blocks / all : 0;
}

double heta_i_heads(const heta_i_session *session) {
  return session->joint ? (double)session->target_count : 1;
}

/* What stands in a token's place: --mask, or of methods that go from one input to another,
 * --baseline. */
static const heta_i_value *mask_of(const heta_i_session *session) {
  const heta_i_value *mask = heta_i_option(session, "mask");
  return mask ? mask : heta_i_option(session, "baseline");
}

/* The token a mask puts in place, or -1 when the scheme needs none. */
static int32_t mask_token(const heta_i_session *session) {
  const heta_i_value *mask = mask_of(session);
  if (mask->argument >= 0) return (int32_t)mask->argument;
  if (!strcmp(mask->text, "unk")) return session->model->info.unk;
  if (!strcmp(mask->text, "eos")) return session->model->info.eos;
  if (!strcmp(mask->text, "pad")) return session->model->info.pad;
  return -1;
}

heta_status heta_i_mask_check(const heta_i_session *session, heta_error *error) {
  const heta_i_value *mask = mask_of(session);
  const char *name = mask->info->name;
  bool named =
      !strcmp(mask->text, "unk") || !strcmp(mask->text, "eos") || !strcmp(mask->text, "pad");
  if (named && mask_token(session) < 0)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "%s '%s': the model names no such token; choose another %s, or one by its "
                       "id: --%s token:ID",
                       name, mask->text, name, name);
  if (mask->argument >= 0 && (size_t)mask->argument >= session->model->hyper.vocabulary)
    return heta_i_fail(error, HETA_E_ARGUMENT, "%s 'token:%lld': the vocabulary has %zu tokens",
                       name, (long long)mask->argument, session->model->hyper.vocabulary);
  return HETA_OK;
}

/* The embedding that replaces a masked one; for `noise` that of each token in turn. */
static void mask_embedding(heta_i_session *session, size_t token, double *out) {
  size_t width = session->model->hyper.width;
  int32_t id = mask_token(session);
  memset(out, 0, width * sizeof *out);
  if (id >= 0) {
    session->engine->api->embed(session->engine, &id, 1, out);
  } else if (!strcmp(mask_of(session)->text, "noise")) {
    heta_i_normal(session->seed, HETA_STREAM_NOISE_MASK, (uint32_t)token, 0, width, out);
    for (size_t c = 0; c < width; c++) out[c] *= 0.01;
  }
}

/* Mean of the embedding rows of the first target's context, which is every target's prompt. */
static heta_status mean_embedding(heta_i_session *session, double *out, heta_error *error) {
  size_t width = session->model->hyper.width, rows = session->targets[0].position;
  double *one = heta_i_allocate(width, sizeof *one);
  if (!one) return heta_i_no_memory(error, "a mask", width * sizeof *one);
  memset(out, 0, width * sizeof *out);
  for (size_t i = 0; i < rows; i++) {
    session->engine->api->embed(session->engine, &session->tokens[i], 1, one);
    for (size_t c = 0; c < width; c++) out[c] += one[c] / (double)rows;
  }
  heta_i_free(one);
  return HETA_OK;
}

heta_status heta_i_mask_row(heta_i_session *session, size_t token, double *out, heta_error *error) {
  if (!strcmp(mask_of(session)->text, "mean")) return mean_embedding(session, out, error);
  mask_embedding(session, token, out);
  return HETA_OK;
}

/* Log-probabilities of the targets and of their foils in the clean run. */
static heta_status clean_logprobs(heta_i_session *session, double *out, double *foils,
                                  heta_error *error) {
  size_t vocabulary = session->model->hyper.vocabulary;
  double *logprobs = heta_i_allocate(vocabulary, sizeof *logprobs);
  if (!logprobs) return heta_i_no_memory(error, "log-probabilities", vocabulary * sizeof *logprobs);
  for (size_t t = 0; t < session->target_count; t++) {
    session->engine->api->logprobs(session->run, t, logprobs);
    out[t] = logprobs[session->targets[t].id];
    foils[t] = session->targets[t].foil >= 0 ? logprobs[session->targets[t].foil] : 0;
  }
  heta_i_free(logprobs);
  return HETA_OK;
}

typedef struct masked {
  heta_i_lane *lanes;
  double *edits, *logprob, *foil, *kl, *clean, *clean_foil;
  size_t *rows, *units; /* of the targets; masked in each lane */
  int32_t *ids, *foils;
} masked;

static void masked_free(masked *m) {
  heta_i_free(m->lanes);
  heta_i_free(m->edits);
  heta_i_free(m->logprob);
  heta_i_free(m->foil);
  heta_i_free(m->kl);
  heta_i_free(m->clean);
  heta_i_free(m->clean_foil);
  heta_i_free(m->rows);
  heta_i_free(m->units);
  heta_i_free(m->ids);
  heta_i_free(m->foils);
}

static heta_status masked_open(const heta_i_session *session, size_t count, size_t edited,
                               masked *m, heta_error *error) {
  size_t targets = session->target_count, width = session->model->hyper.width;
  m->lanes = heta_i_allocate(count, sizeof *m->lanes);
  m->edits = heta_i_allocate(edited * width, sizeof *m->edits);
  m->logprob = heta_i_allocate(count * targets, sizeof *m->logprob);
  m->foil = heta_i_allocate(count * targets, sizeof *m->foil);
  m->kl = heta_i_allocate(count * targets, sizeof *m->kl);
  m->clean = heta_i_allocate(targets, sizeof *m->clean);
  m->clean_foil = heta_i_allocate(targets, sizeof *m->clean_foil);
  m->rows = heta_i_allocate(targets, sizeof *m->rows);
  m->units = heta_i_allocate(count, sizeof *m->units);
  m->ids = heta_i_allocate(targets, sizeof *m->ids);
  m->foils = heta_i_allocate(targets, sizeof *m->foils);
  if (m->lanes && m->edits && m->logprob && m->foil && m->kl && m->clean && m->clean_foil &&
      m->rows && m->units && m->ids && m->foils)
    return HETA_OK;
  return heta_i_no_memory(error, "masked runs",
                          (count * targets + edited * width) * sizeof(double));
}

/* The units of an item that some target still wants masked: tokens, or whole spans. */
static size_t due_units(const heta_i_session *session, const heta_i_item *item, size_t span,
                        size_t series, size_t *units) {
  size_t count = 0;
  for (size_t i = item->token; i < item->token_end; i++) {
    bool due = false;
    for (size_t t = 0; t < session->row_count; t++)
      due |= span > 1 ? heta_i_wanted(session, item, series, t, i, 0)
                      : heta_i_due(session, item, series, t, i, 0);
    if (due) units[count++] = i;
  }
  return count;
}

/* Where span number `index` ends. */
static size_t span_end(const heta_i_session *session, size_t span, size_t index) {
  size_t end = (index + 1) * span;
  return end < session->row_length ? end : session->row_length;
}

/* The embeddings of a lane from its span on, the span's masked: `out` has those rows × width. */
static heta_status span_input(heta_i_session *session, size_t first, size_t end, double *out,
                              heta_error *error) {
  size_t width = session->model->hyper.width, rows = session->length - first;
  session->engine->api->embed(session->engine, session->tokens + first, rows, out);
  for (size_t i = first; i < end; i++)
    HETA_TRY(heta_i_mask_row(session, i, out + (i - first) * width, error));
  return HETA_OK;
}

/* P(target) minus P(foil) in one of the target's distributions. */
static double probability(const heta_i_target *target, double logprob, double foil) {
  return exp(logprob) - (target->foil < 0 ? 0 : exp(foil));
}

/* Rows of embeddings that an item's lanes replace. */
static size_t edited_rows(const heta_i_session *session, const heta_i_item *item, size_t span) {
  size_t rows = 0;
  if (span == 1) return item->token_end - item->token;
  for (size_t i = item->token; i < item->token_end; i++) rows += session->length - i * span;
  return rows;
}

/* Masks the item's units: tokens, or spans of so many. */
static heta_status mask_units(heta_i_session *session, const heta_i_item *item, size_t span,
                              size_t kl, size_t change, size_t prob, heta_error *error) {
  size_t count = 0, targets = session->target_count;
  size_t width = session->model->hyper.width;
  bool attend = heta_i_option_is(session, "mask", "attend"), foils = false;
  masked m = {0};
  heta_status status;
  HETA_GO(masked_open(session, item->token_end - item->token, edited_rows(session, item, span), &m,
                      error));
  count = due_units(session, item, span, kl, m.units);
  if (!count) goto done;
  HETA_GO(clean_logprobs(session, m.clean, m.clean_foil, error));
  for (size_t t = 0; t < targets; t++) {
    m.rows[t] = session->targets[t].position - 1;
    m.ids[t] = session->targets[t].id;
    m.foils[t] = session->targets[t].foil < 0 ? 0 : session->targets[t].foil;
    foils |= session->targets[t].foil >= 0;
  }
  double *edit = m.edits;
  for (size_t l = 0; l < count; l++) {
    size_t first = m.units[l] * span;
    m.lanes[l] = heta_i_lane_of(session->tokens, session->length);
    m.lanes[l].parent = session->run;
    m.lanes[l].first = first;
    if (span > 1) {
      HETA_GO(span_input(session, first, span_end(session, span, m.units[l]), edit, error));
      m.lanes[l].input = edit;
      edit += (session->length - first) * width;
    } else if (attend) {
      m.lanes[l].hidden_key = first;
    } else {
      HETA_GO(heta_i_mask_row(session, first, edit, error));
      m.lanes[l].edit_row = first;
      m.lanes[l].edit = edit;
      edit += width;
    }
  }
  heta_i_readout readout = {.rows = targets,
                            .row = m.rows,
                            .token = m.ids,
                            .foil = foils ? m.foils : NULL,
                            .reference = session->run,
                            .logprob = m.logprob,
                            .foil_logprob = foils ? m.foil : NULL,
                            .kl = m.kl};
  HETA_GO(session->engine->api->lanes(session->engine, m.lanes, count, &readout, error));
  for (size_t t = 0; t < targets; t++)
    for (size_t l = 0; l < count; l++) {
      size_t row = session->joint ? 0 : t;
      double *lost = heta_i_series_at(session, kl, row, m.units[l]);
      double *changed = heta_i_series_at(session, change, row, m.units[l]);
      double unread = 0, *fell = prob < session->series_count
                                     ? heta_i_series_at(session, prob, row, m.units[l])
                                     : &unread;
      if (t == row) *lost = *changed = *fell = 0;
      if (m.units[l] * span > m.rows[t]) continue;
      const heta_i_target *target = &session->targets[t];
      double value = m.logprob[l * targets + t], clean = m.clean[t];
      double foil = foils ? m.foil[l * targets + t] : 0;
      *fell += probability(target, clean, m.clean_foil[t]) - probability(target, value, foil);
      if (target->foil >= 0) {
        value -= foil;
        clean -= m.clean_foil[t];
      }
      *lost += m.kl[l * targets + t];
      *changed += clean - value;
    }
done:
  masked_free(&m);
  return status;
}

heta_status heta_i_mask_tokens(heta_i_session *session, const heta_i_item *item, size_t kl,
                               size_t change, size_t prob, heta_error *error) {
  return mask_units(session, item, 1, kl, change, prob, error);
}

heta_status heta_i_mask_spans(heta_i_session *session, const heta_i_item *item, size_t span,
                              size_t kl, size_t change, heta_error *error) {
  return mask_units(session, item, span, kl, change, SIZE_MAX, error);
}

/* An item of masked passes of so many rows together; what it is of, it says itself. */
static heta_status add_masked(heta_i_session *session, heta_i_item item, size_t rows,
                              heta_error *error) {
  item.name = "information";
  item.target_end = session->row_count;
  item.sample_end = 1;
  item.flop = heta_i_flop(session, (double)rows, (double)(item.forwards * session->target_count));
  return heta_i_add_item(session, item, error);
}

heta_status heta_i_span_items(heta_i_session *session, int phase, uint32_t fills, size_t span,
                              heta_error *error) {
  size_t n = session->length, spans = (session->row_length + span - 1) / span;
  for (size_t from = 0, to; from < spans; from = to) {
    size_t rows = 0;
    for (to = from; to < spans && (to == from || rows + n - to * span <= session->lane_rows); to++)
      rows += n - to * span;
    heta_i_item item = {.phase = phase,
                        .token = from,
                        .token_end = to,
                        .fills = fills,
                        .whole = true,
                        .forwards = to - from};
    HETA_TRY(add_masked(session, item, rows, error));
  }
  return HETA_OK;
}

size_t heta_i_chunk(const heta_i_session *session, size_t from, size_t *rows) {
  size_t n = session->length, to = from;
  for (*rows = 0; to < session->row_length && *rows + n - to <= session->lane_rows; to++)
    *rows += n - to;
  return to;
}

heta_status heta_i_mask_items(heta_i_session *session, int phase, uint32_t fills, size_t budget,
                              heta_error *error) {
  size_t n = session->length, tokens = session->row_length;
  for (size_t from = 0, to; from < tokens; from = to) {
    size_t rows, lanes;
    to = budget ? tokens : heta_i_chunk(session, from, &rows);
    lanes = budget && budget < tokens ? budget : to - from;
    if (budget) rows = lanes * n - lanes * (lanes - 1) / 2; /* the longest lanes, at most */
    heta_i_item item = {.phase = phase,
                        .token = from,
                        .token_end = to,
                        .fills = fills,
                        .budget = budget,
                        .forwards = lanes};
    HETA_TRY(add_masked(session, item, rows, error));
  }
  return HETA_OK;
}
