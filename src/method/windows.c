/* windows.c: which tokens a window has, and gates by windows (arXiv 2604.13258, Algorithm 1). */
#include "method/windows.h"

#include <math.h>
#include <string.h>

/* ---- Options --------------------------------------------------------------------------------- */

static size_t number_of(const heta_i_session *session, const char *name) {
  return (size_t)heta_i_option_number(session, name);
}

heta_i_windows heta_i_windows_of(const heta_i_session *session) {
  static const char *const KINDS[] = {"none", "joint", "isolated", "anchored"};
  heta_i_windows w = {.slots = 1};
  if (!heta_i_option(session, "windows")) return w;
  while (!heta_i_option_is(session, "windows", KINDS[w.kind])) w.kind++;
  w.window = number_of(session, "window");
  w.stride = heta_i_option_is(session, "stride", "half") ? (w.window + 1) / 2
                                                         : number_of(session, "stride");
  if (w.kind == HETA_WINDOWS_ANCHORED) w.anchor = number_of(session, "anchor");
  if (heta_i_windows_viewed(&w)) w.slots = (w.window + w.stride - 1) / w.stride;
  return w;
}

bool heta_i_windows_viewed(const heta_i_windows *windows) {
  return windows->kind >= HETA_WINDOWS_ISOLATED;
}

static heta_status needs(const heta_i_session *session, const char *option, const char *what,
                         heta_error *error) {
  const heta_i_value *value = heta_i_option(session, option);
  if (!strcmp(value->text, value->info->default_value)) return HETA_OK;
  return heta_i_fail(error, HETA_E_ARGUMENT, "option %s needs --windows%s", option, what);
}

heta_status heta_i_windows_check(const heta_i_session *session, heta_error *error) {
  heta_i_windows w = heta_i_windows_of(session);
  if (w.kind == HETA_WINDOWS_NONE) {
    HETA_TRY(needs(session, "window", "", error));
    HETA_TRY(needs(session, "stride", "", error));
  }
  if (w.kind != HETA_WINDOWS_ANCHORED) HETA_TRY(needs(session, "anchor", " anchored", error));
  if (w.kind == HETA_WINDOWS_NONE) return HETA_OK;
  if (w.stride > w.window)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--stride %zu is more than --window %zu and would leave tokens out",
                       w.stride, w.window);
  if (!heta_i_windows_viewed(&w)) return HETA_OK;
  if (w.slots > HETA_MOST_SLOTS)
    return heta_i_fail(
        error, HETA_E_ARGUMENT,
        "--stride %zu puts a token into %zu windows of %zu; %d is the most: a stride "
        "of %zu or more",
        w.stride, w.slots, w.window, HETA_MOST_SLOTS,
        (w.window + HETA_MOST_SLOTS - 1) / HETA_MOST_SLOTS);
  if (heta_i_option_is(session, "estimator", "coded"))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--estimator coded is of the whole context: with --windows %s use plain or "
                       "sketch",
                       heta_i_option(session, "windows")->text);
  if (session->joint)
    return heta_i_fail(
        error, HETA_E_ARGUMENT,
        "--windows %s explains one token at a time: with --joint use --windows joint, "
        "or none",
        heta_i_option(session, "windows")->text);
  return HETA_OK;
}

/* ---- Pieces ---------------------------------------------------------------------------------- */

/* Tokens that windows are laid over: those before the anchor. */
static size_t body_of(const heta_i_windows *w, size_t context) {
  return context > w->anchor ? context - w->anchor : 0;
}

size_t heta_i_windows_count(const heta_i_windows *w, size_t context) {
  size_t body = body_of(w, context);
  return body <= w->window ? 1 : 1 + (body - w->window + w->stride - 1) / w->stride;
}

heta_i_piece heta_i_windows_piece(const heta_i_windows *w, size_t context, size_t index) {
  size_t body = body_of(w, context), start = index * w->stride;
  bool last = index + 1 == heta_i_windows_count(w, context);
  size_t end = last ? context : start + w->window;
  return (heta_i_piece){start, end, last ? context : body,
                        end - start + (last ? 0 : context - body)};
}

void heta_i_windows_covering(const heta_i_windows *w, size_t context, size_t token, size_t *first,
                             size_t *end) {
  size_t count = heta_i_windows_count(w, context);
  *first = count - 1;
  for (*end = count; *first > 0; --*first)
    if (heta_i_windows_piece(w, context, *first - 1).end <= token) break;
  while (*end > *first + 1 && heta_i_windows_piece(w, context, *end - 1).start > token) --*end;
}

/* ---- Gates ----------------------------------------------------------------------------------- */

void heta_i_windows_normalise(const heta_i_windows *w, size_t context, double *gate) {
  double sum = 0;
  if (heta_i_windows_count(w, context) == 1) return;
  for (size_t i = 0; i < context; i++) sum += gate[i];
  for (size_t i = 0; i < context; i++) gate[i] /= sum;
}

void heta_i_windows_joint(const heta_i_windows *w, size_t context, const double *gate,
                          double *out) {
  size_t count = heta_i_windows_count(w, context);
  memcpy(out, gate, context * sizeof *out);
  if (count == 1) return;
  memset(out, 0, context * sizeof *out);
  for (size_t index = 0; index < count; index++) {
    heta_i_piece piece = heta_i_windows_piece(w, context, index);
    double sum = 0;
    for (size_t i = piece.start; i < piece.end; i++) sum += gate[i];
    for (size_t i = piece.start; i < piece.end; i++) {
      size_t first, end;
      heta_i_windows_covering(w, context, i, &first, &end);
      double share = sum == 0 ? 1.0 / (double)piece.length : gate[i] / sum;
      out[i] += share / (double)(end - first);
    }
  }
  heta_i_windows_normalise(w, context, out);
}

double heta_i_windows_leakage(size_t context, const double *a, const double *b) {
  double sum = 0;
  for (size_t i = 0; i < context; i++) sum += fabs(a[i] - b[i]);
  return 0.5 * sum;
}
