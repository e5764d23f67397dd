/* windows.h: long contexts in pieces (--windows): which tokens a window has, the session a window
 * is worked in, and how the windows' numbers become the context's.
 *
 * joint: only the gate knows of windows: it is normalised in each and averaged. isolated and
 * anchored: every window is a text of its own, in a session of its own (a *view*), and its numbers
 * go to series of its own, so that windows that overlap do not meet: window w writes the series of
 * slot w mod slots. */
#ifndef HETA_METHOD_WINDOWS_H
#define HETA_METHOD_WINDOWS_H

#include "method/method.h"

enum { HETA_MOST_SLOTS = 5 }; /* windows that may overlap in a token */

/* The rows of a method's option table that these calls read. */
#define HETA_WINDOWS_OPTIONS                                                                       \
  {"windows",                                                                                      \
   NULL,                                                                                           \
   HETA_OPTION_CHOICE,                                                                             \
   0,                                                                                              \
   0,                                                                                              \
   "none|joint|isolated|anchored",                                                                 \
   "none",                                                                                         \
   "a context longer than --window in overlapping windows: joint normalises the gate in each; "    \
   "anchored runs each with the context's last tokens behind it; isolated runs each by itself, "   \
   "for comparison only"},                                                                         \
      {"window", NULL, HETA_OPTION_INTEGER, 1, 1e6, NULL, "512", "--windows: tokens of a window"}, \
      {"stride",                                                                                   \
       NULL,                                                                                       \
       HETA_OPTION_INTEGER,                                                                        \
       1,                                                                                          \
       1e6,                                                                                        \
       "half",                                                                                     \
       "half",                                                                                     \
       "--windows: tokens from one window's beginning to the next one's; half: half a window"},    \
  {                                                                                                \
    "anchor", NULL, HETA_OPTION_INTEGER, 1, 1e6, NULL, "64",                                       \
        "--windows anchored: how many of the context's last tokens stand behind each window"       \
  }

typedef enum heta_i_windows_kind {
  HETA_WINDOWS_NONE,
  HETA_WINDOWS_JOINT,
  HETA_WINDOWS_ISOLATED,
  HETA_WINDOWS_ANCHORED
} heta_i_windows_kind;

typedef struct heta_i_windows {
  heta_i_windows_kind kind;
  size_t window, stride, anchor; /* anchor: 0 unless anchored */
  size_t slots;                  /* 1 unless every window has a session */
} heta_i_windows;

/* Tokens [start, end) of the context, which count, and behind them in the window's text those from
 * `anchor` to the context's end; of the last window they are in [start, end) already. */
typedef struct heta_i_piece {
  size_t start, end, anchor;
  size_t length; /* of its text */
} heta_i_piece;

heta_status heta_i_windows_check(const heta_i_session *session, heta_error *error);
heta_i_windows heta_i_windows_of(const heta_i_session *session);
/* Whether windows have sessions of their own. */
bool heta_i_windows_viewed(const heta_i_windows *windows);
size_t heta_i_windows_count(const heta_i_windows *windows, size_t context);
heta_i_piece heta_i_windows_piece(const heta_i_windows *windows, size_t context, size_t index);
/* The first window that has a token, and the one after the last. */
void heta_i_windows_covering(const heta_i_windows *windows, size_t context, size_t token,
                             size_t *first, size_t *end);
/* The joint gate: out is `gate` [context] normalised in each window, averaged over the windows that
 * cover a token, and normalised again. One window: a copy. NaN while a number is missing. */
void heta_i_windows_joint(const heta_i_windows *windows, size_t context, const double *gate,
                          double *out);
/* Divides by the sum, if there is more than one window. */
void heta_i_windows_normalise(const heta_i_windows *windows, size_t context, double *gate);
/* ½ Σ |a − b|: how far a gate by windows is from the whole context's. */
double heta_i_windows_leakage(size_t context, const double *a, const double *b);

/* window.c */
/* The session of a target's window, for planning only: no numbers, tokens or engine. Its items are
 * its own, and to be freed. */
heta_i_session heta_i_window_plan(const heta_i_session *session, size_t target, size_t window);
/* Runs an item of a window in the window's session. An item of series `fills` of slot s, and of the
 * context's tokens, becomes one of the method's first `series` series and the window's tokens. */
heta_status heta_i_window_run(heta_i_session *session, const heta_i_item *item, size_t series,
                              heta_error *error);
void heta_i_window_close(heta_i_session *session);

#endif
