/* unigram.c: the best way to every character boundary, from left to right (Viterbi). */
#include "text/unigram.h"

#include "base/memory.h"
#include "base/utf8.h"

/* A character without a token costs this much more than the worst token. */
static const double UNKNOWN_PENALTY = 10;

heta_status heta_i_unigram_read(const heta_i_definition *definition,
                                const heta_i_vocabulary *vocabulary, heta_i_unigram *out,
                                heta_error *error) {
  *out = (heta_i_unigram){.vocabulary = vocabulary,
                          .fallback = heta_i_fallback_of(definition, vocabulary)};
  out->scores = heta_i_allocate(definition->count, sizeof *out->scores);
  if (!out->scores)
    return heta_i_no_memory(error, "the scores", definition->count * sizeof *out->scores);
  double lowest = 0;
  bool any = false;
  for (size_t i = 0; i < definition->count; i++) {
    out->scores[i] = definition->tokens[i].score;
    if (!vocabulary->tokens[i].found) continue;
    if (!any || out->scores[i] < lowest) lowest = out->scores[i];
    any = true;
  }
  out->unknown_score = lowest - UNKNOWN_PENALTY;
  return HETA_OK;
}

void heta_i_unigram_free(heta_i_unigram *unigram) {
  heta_i_free(unigram->scores);
  unigram->scores = NULL;
}

/* The best way to a boundary. */
typedef struct heta_i_path {
  double score;
  uint32_t start; /* of its last symbol; HETA_SYMBOL_NONE: there is no way yet */
  int32_t id;     /* of its last symbol */
} heta_i_path;

static heta_status make_room(heta_i_unigram_room *room, size_t size, heta_error *error) {
  if (size < room->size) return HETA_OK;
  heta_i_unigram_room_free(room);
  size_t wanted = 64;
  while (wanted <= size) wanted *= 2;
  room->paths = heta_i_allocate(wanted, sizeof *room->paths);
  room->symbols = heta_i_allocate(wanted, sizeof *room->symbols);
  if (!room->paths || !room->symbols)
    return heta_i_no_memory(error, "splitting a piece of text", wanted * sizeof *room->paths);
  room->size = wanted;
  return HETA_OK;
}

static void offer(heta_i_path *path, double score, uint32_t start, int32_t id) {
  if (path->start == HETA_SYMBOL_NONE || score > path->score)
    *path = (heta_i_path){score, start, id};
}

/* Goes on from the boundary `at`, with every token that begins there and with the character itself
 * when no token is that. */
static void extend(const heta_i_unigram *unigram, const char *piece, size_t size, size_t at,
                   heta_i_path *paths) {
  size_t character = heta_i_utf8_decode(piece + at, size - at, NULL), known = 0;
  uint64_t hash = 0;
  double till_here = paths[at].score;
  bool single = false;
  for (size_t end = at + character; end - at <= unigram->vocabulary->longest;) {
    int32_t id =
        heta_i_vocabulary_find_longer(unigram->vocabulary, piece + at, known, end - at, &hash);
    if (id >= 0) {
      offer(&paths[end], unigram->scores[id] + till_here, (uint32_t)at, id);
      single |= end == at + character;
    }
    known = end - at;
    if (end == size) break;
    end += heta_i_utf8_decode(piece + end, size - end, NULL);
  }
  if (!single)
    offer(&paths[at + character], unigram->unknown_score + till_here, (uint32_t)at,
          HETA_SYMBOL_UNKNOWN);
}

heta_status heta_i_unigram_apply(const heta_i_unigram *unigram, heta_i_unigram_room *room,
                                 const char *piece, size_t size, size_t *count, size_t *missing,
                                 heta_error *error) {
  *count = *missing = 0;
  if (!size) return HETA_OK;
  HETA_TRY(make_room(room, size, error));
  for (size_t i = 0; i <= size; i++) room->paths[i].start = HETA_SYMBOL_NONE;
  room->paths[0].score = 0;
  for (size_t at = 0; at < size; at += heta_i_utf8_decode(piece + at, size - at, NULL))
    extend(unigram, piece, size, at, room->paths);
  *missing = size;
  uint32_t next = HETA_SYMBOL_NONE;
  for (size_t end = size; end; end = room->paths[end].start) {
    const heta_i_path *path = &room->paths[end];
    room->symbols[path->start] = (heta_i_symbol){path->id, (uint32_t)end, HETA_SYMBOL_NONE, next};
    next = path->start;
    if (path->id == HETA_SYMBOL_UNKNOWN &&
        !heta_i_fallback_covers(&unigram->fallback, piece + path->start, end - path->start))
      *missing = path->start;
  }
  if (*missing == size) *count = heta_i_symbols_gather(&unigram->fallback, piece, room->symbols);
  return HETA_OK;
}

void heta_i_unigram_room_free(heta_i_unigram_room *room) {
  heta_i_free(room->paths);
  heta_i_free(room->symbols);
  *room = (heta_i_unigram_room){0};
}
