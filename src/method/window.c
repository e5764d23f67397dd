/* window.c: the session of one window: a text of its own, explained by itself (--windows isolated,
 * anchored). One is open at a time. */
#include <math.h>
#include <string.h>

#include "method/windows.h"

/* A window's session and all it holds. */
struct heta_i_window {
  size_t target, window;
  heta_i_session session;
  heta_i_target one;
  heta_i_arena memory; /* tokens, series, flags */
};

static heta_i_piece piece_of(const heta_i_session *session, size_t target, size_t window) {
  heta_i_windows w = heta_i_windows_of(session);
  return heta_i_windows_piece(&w, heta_i_context(session, target), window);
}

/* What planning and running have in common. */
static heta_i_session view_of(const heta_i_session *session, const heta_i_piece *piece,
                              size_t window) {
  heta_i_session view = *session;
  view.window = NULL;
  view.items = NULL;
  view.item_count = view.item_room = 0;
  view.length = view.row_length = piece->length;
  view.target_count = view.row_count = view.target_group = 1;
  view.seed += window;
  view.origin = piece->start;
  view.windows = 0;
  return view;
}

heta_i_session heta_i_window_plan(const heta_i_session *session, size_t target, size_t window) {
  heta_i_piece piece = piece_of(session, target, window);
  heta_i_session view = view_of(session, &piece, window);
  view.row_length = piece.end - piece.start; /* no work for tokens that do not count */
  return view;
}

void heta_i_window_close(heta_i_session *session) {
  struct heta_i_window *view = session->window;
  if (!view) return;
  heta_i_session *s = &view->session;
  const heta_i_engine_api *api = s->engine->api;
  if (s->adjoints) api->adjoint_free(s->adjoints[0]);
  heta_i_products_close(s);
  heta_i_sketch_free(s->sketch);
  api->run_free(s->run);
  heta_i_free(s->adjoints);
  heta_i_free(s->gradient);
  heta_i_arena_free(&view->memory);
  heta_i_free(view);
  session->window = NULL;
}

/* The window's tokens, and which of them count. */
static heta_status lay_tokens(const heta_i_session *session, const heta_i_piece *piece,
                              struct heta_i_window *view, heta_error *error) {
  heta_i_session *s = &view->session;
  size_t own = piece->end - piece->start;
  int32_t *tokens = heta_i_arena_take(&view->memory, s->length + 1, sizeof *tokens);
  bool *only = heta_i_arena_take(&view->memory, s->length, sizeof *only);
  if (!tokens || !only) return heta_i_no_memory(error, "a window", s->length * sizeof *tokens);
  for (size_t i = 0; i < s->length; i++) {
    tokens[i] = session->tokens[i < own ? piece->start + i : piece->anchor + i - own];
    only[i] = i < own && heta_i_asked(session, piece->start + i);
  }
  tokens[s->length] = session->targets[view->target].id;
  s->tokens = tokens;
  s->only = only;
  view->one = session->targets[view->target];
  view->one.position = s->length;
  s->targets = &view->one;
  return HETA_OK;
}

static heta_status open_view(heta_i_session *session, size_t target, size_t window, size_t series,
                             heta_error *error) {
  heta_i_piece piece = piece_of(session, target, window);
  struct heta_i_window *view = session->window = heta_i_allocate(1, sizeof *view);
  if (!view) return heta_i_no_memory(error, "a window", sizeof *view);
  heta_i_session *s = &view->session;
  view->target = target;
  view->window = window;
  *s = view_of(session, &piece, window);
  s->memory = &view->memory;
  s->series_count = series;
  s->run = s->late = NULL;
  s->late_adjoints = NULL;
  s->sketch = NULL;
  for (size_t k = 0; k < series; k++)
    s->series[k] =
        (heta_i_series){session->series[k].name, s->length, session->series[k].samples, NULL};
  HETA_TRY(lay_tokens(session, &piece, view, error));
  HETA_TRY(heta_i_series_open(s, error));
  s->adjoints = heta_i_allocate(1, sizeof *s->adjoints);
  s->gradient = heta_i_allocate(s->length * s->model->hyper.width, sizeof *s->gradient);
  if (!s->adjoints || !s->gradient)
    return heta_i_no_memory(error, "a window's gradient", s->length * s->model->hyper.width * 8);
  heta_i_lane lane = heta_i_lane_of(s->tokens, s->length);
  size_t row = s->length - 1;
  return s->engine->api->run(s->engine, &lane, 0, &row, 1, &s->run, error);
}

/* Takes the item's numbers from the session's series of its slot, or (back) gives them. */
static void exchange(heta_i_session *session, const heta_i_item *item, size_t series, bool back) {
  heta_i_session *view = &session->window->session;
  for (size_t k = 0; k < session->series_count; k++) {
    if (!(item->fills >> k & 1)) continue;
    size_t count = session->series[k].samples * (item->token_end - item->token);
    double *outer = heta_i_series_at(session, k, item->target, item->token);
    double *inner = heta_i_series_at(view, k % series, 0, item->token - view->origin);
    if (back)
      memcpy(outer, inner, count * sizeof *outer);
    else
      memcpy(inner, outer, count * sizeof *inner);
  }
}

heta_status heta_i_window_run(heta_i_session *session, const heta_i_item *item, size_t series,
                              heta_error *error) {
  struct heta_i_window *view = session->window;
  size_t window = item->window - 1;
  if (view && (view->target != item->target || view->window != window))
    heta_i_window_close(session);
  if (!session->window) {
    heta_status status = open_view(session, item->target, window, series, error);
    if (status) {
      heta_i_window_close(session);
      return status;
    }
  }
  heta_i_session *s = &session->window->session;
  heta_i_piece piece = piece_of(session, item->target, window);
  heta_i_item inner = *item;
  inner.window = 0;
  inner.target = 0;
  inner.target_end = 1;
  inner.token -= piece.start;
  /* A product over the whole text is over the anchor too, though its numbers do not count. */
  inner.token_end = item->token_end == piece.end ? piece.length : item->token_end - piece.start;
  while (!(inner.fills & ((1u << series) - 1))) inner.fills >>= series;
  exchange(session, item, series, false);
  heta_status status = session->method->run(s, &inner, error);
  exchange(session, item, series, true);
  return status;
}
