/* rank.c: Spearman's rank correlation and its noise band, by drawing. */
#include "cli/difference.h"
#include "cli/numbers.h"

#include <math.h>
#include <stdlib.h>

enum { DRAWS = 400 };

typedef struct entry {
  double value;
  size_t index;
} entry;

/* Room for what one correlation takes; each of `count` entries. */
typedef struct room {
  entry *order;
  double *ranks_a, *ranks_b, *moved_a, *moved_b;
} room;

static int by_value(const void *a, const void *b) {
  const entry *x = a, *y = b;
  return x->value < y->value ? -1 : x->value > y->value;
}

/* Ranks from 0 on; equal values share the mean of theirs. */
static void rank(const double *values, size_t count, entry *order, double *ranks) {
  for (size_t i = 0; i < count; i++) order[i] = (entry){values[i], i};
  qsort(order, count, sizeof *order, by_value);
  for (size_t from = 0, to; from < count; from = to) {
    for (to = from + 1; to < count && order[to].value == order[from].value;) to++;
    for (size_t i = from; i < to; i++) ranks[order[i].index] = (double)(from + to - 1) / 2;
  }
}

static double spearman(const double *a, const double *b, size_t count, room *r) {
  double mean = (double)(count - 1) / 2, ab = 0, aa = 0, bb = 0;
  rank(a, count, r->order, r->ranks_a);
  rank(b, count, r->order, r->ranks_b);
  for (size_t i = 0; i < count; i++) {
    double x = r->ranks_a[i] - mean, y = r->ranks_b[i] - mean;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : NAN;
}

static double uniform(uint64_t *state) {
  uint64_t x = *state += 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return ((double)((x ^ x >> 31) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(uint64_t *state) {
  const double turn = 6.283185307179586;
  double size = sqrt(-2 * log(uniform(state)));
  return size * cos(turn * uniform(state));
}

/* The values, each moved by its standard error. */
static void move(const cli_measured *from, size_t count, uint64_t *state, double *to) {
  for (size_t i = 0; i < count; i++) to[i] = from[i].value + from[i].error * normal(state);
}

static void draw(const cli_measured *a, const cli_measured *b, size_t count, room *r,
                 cli_correlation *out) {
  double values[DRAWS], same = 0;
  uint64_t state = 1;
  for (size_t d = 0; d < DRAWS; d++) {
    move(a, count, &state, r->moved_a);
    move(b, count, &state, r->moved_b);
    values[d] = spearman(r->moved_a, r->moved_b, count, r);
    const cli_measured *one = d % 2 ? a : b; /* against itself, moved once more */
    move(one, count, &state, d % 2 ? r->moved_b : r->moved_a);
    same += spearman(r->moved_a, r->moved_b, count, r) / DRAWS;
  }
  cli_sort(values, DRAWS);
  out->low = values[DRAWS / 40];
  out->high = values[DRAWS - 1 - DRAWS / 40];
  out->same = same;
}

bool cli_correlate(const cli_measured *a, const cli_measured *b, size_t count,
                   cli_correlation *out) {
  *out = (cli_correlation){NAN, NAN, NAN, NAN};
  if (count < 2) return true;
  room r = {calloc(count, sizeof *r.order), calloc(count, sizeof(double)),
            calloc(count, sizeof(double)), calloc(count, sizeof(double)),
            calloc(count, sizeof(double))};
  bool fine = r.order && r.ranks_a && r.ranks_b && r.moved_a && r.moved_b;
  if (fine) {
    bool exact = true;
    for (size_t i = 0; i < count; i++) {
      r.moved_a[i] = a[i].value;
      r.moved_b[i] = b[i].value;
      exact &= !(a[i].error > 0) && !(b[i].error > 0);
    }
    out->value = spearman(r.moved_a, r.moved_b, count, &r);
    if (!exact && isfinite(out->value)) draw(a, b, count, &r, out);
  }
  free(r.order);
  free(r.ranks_a);
  free(r.ranks_b);
  free(r.moved_a);
  free(r.moved_b);
  return fine;
}
