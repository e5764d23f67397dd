/* series.c: the raw numbers of a job, and its list of work items. */
#include <math.h>
#include <string.h>

#include "method/method.h"

heta_status heta_i_add_table(heta_i_session *session, const char *name, size_t rows, size_t samples,
                             heta_error *error) {
  if (session->series_count == HETA_MAX_SERIES)
    return heta_i_fail(error, HETA_E_INTERNAL, "method %s has too many series",
                       session->method->info.name);
  session->series[session->series_count++] = (heta_i_series){name, rows, samples, NULL};
  return HETA_OK;
}

heta_status heta_i_add_series(heta_i_session *session, const char *name, size_t samples,
                              heta_error *error) {
  return heta_i_add_table(session, name, session->row_length, samples, error);
}

heta_status heta_i_add_item(heta_i_session *session, heta_i_item item, heta_error *error) {
  if (session->item_count == session->item_room) {
    size_t room = session->item_room ? session->item_room * 2 : 64;
    heta_i_item *grown =
        heta_i_reallocate(session->items, session->item_count * sizeof *grown, room, sizeof *grown);
    if (!grown) return heta_i_no_memory(error, "the list of work", room * sizeof *grown);
    session->items = grown;
    session->item_room = room;
  }
  session->items[session->item_count++] = item;
  return HETA_OK;
}

static size_t size_of(const heta_i_session *session, size_t series) {
  const heta_i_series *s = &session->series[series];
  return session->row_count * s->tokens * s->samples;
}

heta_status heta_i_series_open(heta_i_session *session, heta_error *error) {
  for (size_t s = 0; s < session->series_count; s++) {
    size_t size = size_of(session, s);
    double *values = heta_i_arena_take(session->memory, size, sizeof *values);
    if (!values) return heta_i_no_memory(error, session->series[s].name, size * sizeof *values);
    for (size_t i = 0; i < size; i++) values[i] = NAN;
    session->series[s].values = values;
  }
  return HETA_OK;
}

double *heta_i_series_at(const heta_i_session *session, size_t series, size_t target,
                         size_t token) {
  const heta_i_series *s = &session->series[series];
  return s->values + (target * s->tokens + token) * s->samples;
}

size_t heta_i_context(const heta_i_session *session, size_t row) {
  return session->joint ? session->row_length : session->length - session->target_count + 1 + row;
}

bool heta_i_finish_series(const heta_i_session *session, size_t series, size_t target,
                          size_t length, heta_i_numbers *to) {
  double *out = session->method->is_signed ? to->signed_score : to->score;
  for (size_t i = 0; i < length; i++) {
    const double *samples = heta_i_series_at(session, series, target, i);
    out[i] = 0;
    for (size_t k = 0; k < session->series[series].samples; k++) out[i] += samples[k];
    to->components[0][i] = out[i];
  }
  return true;
}

bool heta_i_finish_first(const heta_i_session *session, size_t target, size_t length,
                         heta_i_numbers *to) {
  return heta_i_finish_series(session, 0, target, length, to);
}

bool heta_i_item_done(const heta_i_session *session, const heta_i_item *item) {
  for (size_t s = 0; s < session->series_count; s++) {
    if (!(item->fills >> s & 1)) continue;
    size_t sample_end = item->sample_end < session->series[s].samples ? item->sample_end
                                                                      : session->series[s].samples;
    for (size_t t = item->target; t < item->target_end; t++)
      for (size_t i = item->token; i < item->token_end && i < session->series[s].tokens; i++)
        for (size_t r = item->sample; r < sample_end; r++)
          if (heta_i_wanted(session, item, s, t, i, r)) return false;
  }
  return true;
}
