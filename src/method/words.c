/* words.c: which words of the vocabulary lie near others, by trying all; see words.h. */
#include "method/words.h"

#include <stdlib.h>
#include <string.h>

enum { PANEL = 128, LANES = 8 };

typedef struct word {
  double distance; /* squared */
  int32_t id;
} word;

/* In an order that does not depend on the compiler: eight sums side by side. */
static double distance(const double *a, const double *b, size_t width) {
  double part[LANES] = {0}, sum = 0;
  size_t c = 0;
  for (; c + LANES <= width; c += LANES)
    for (size_t k = 0; k < LANES; k++) part[k] += (a[c + k] - b[c + k]) * (a[c + k] - b[c + k]);
  for (; c < width; c++) sum += (a[c] - b[c]) * (a[c] - b[c]);
  for (size_t k = 0; k < LANES; k++) sum += part[k];
  return sum;
}

static bool farther(word a, word b) {
  return a.distance > b.distance || (a.distance == b.distance && a.id > b.id);
}

/* Keeps the `room` nearest words seen so far in a heap whose first is the farthest of them. */
static void offer(word *heap, size_t *used, size_t room, word one) {
  size_t at = 0;
  if (*used < room) {
    for (at = (*used)++; at && farther(one, heap[(at - 1) / 2]); at = (at - 1) / 2)
      heap[at] = heap[(at - 1) / 2];
    heap[at] = one;
    return;
  }
  if (!farther(heap[0], one)) return;
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= room) break;
    if (child + 1 < room && farther(heap[child + 1], heap[child])) child++;
    if (!farther(heap[child], one)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = one;
}

static int by_id(const void *a, const void *b) {
  int32_t x = ((const word *)a)->id, y = ((const word *)b)->id;
  return x < y ? -1 : x > y;
}

double heta_i_nearest_flop(const heta_i_session *session, double count) {
  return 3 * count * (double)session->model->hyper.vocabulary * (double)session->model->hyper.width;
}

heta_status heta_i_nearest_words(heta_i_session *session, const int32_t *words, size_t count,
                                 size_t near, int32_t *out, heta_error *error) {
  size_t width = session->model->hyper.width, vocabulary = session->model->hyper.vocabulary;
  double *rows = heta_i_allocate(count * width, sizeof *rows);
  double *panel = heta_i_allocate(PANEL * width, sizeof *panel);
  word *heaps = heta_i_allocate(count * near, sizeof *heaps);
  size_t *used = heta_i_allocate(count, sizeof *used);
  heta_status status = rows && panel && heaps && used
                           ? HETA_OK
                           : heta_i_no_memory(error, "near words", count * near * sizeof *heaps);
  if (!status) {
    session->engine->api->embed(session->engine, words, count, rows);
    memset(used, 0, count * sizeof *used);
  }
  for (size_t from = 0; from < vocabulary && !status; from += PANEL) {
    size_t ids = vocabulary - from < PANEL ? vocabulary - from : PANEL;
    int32_t id[PANEL];
    for (size_t v = 0; v < ids; v++) id[v] = (int32_t)(from + v);
    session->engine->api->embed(session->engine, id, ids, panel);
#pragma omp parallel for num_threads(session->threads) schedule(static)
    for (size_t w = 0; w < count; w++)
      for (size_t v = 0; v < ids; v++)
        if (id[v] != words[w])
          offer(heaps + w * near, &used[w], near,
                (word){distance(rows + w * width, panel + v * width, width), id[v]});
  }
  for (size_t w = 0; w < count && !status; w++) {
    qsort(heaps + w * near, near, sizeof *heaps, by_id);
    for (size_t k = 0; k < near; k++) out[w * near + k] = heaps[w * near + k].id;
  }
  heta_i_free(rows);
  heta_i_free(panel);
  heta_i_free(heaps);
  heta_i_free(used);
  return status;
}
