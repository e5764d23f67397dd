/* pairs.c: which words of a text and of its paraphrase belong together: those of what the two do
 * not have in common at their beginnings and ends, if they stand exactly once before the common
 * end. */
#include "cli/eval/question.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Bytes [start, end) of a text. */
typedef struct word {
  size_t start, end;
} word;

typedef struct words {
  const char *text;
  word *list;
  size_t count;
} words;

/* Letters beyond ASCII are bytes from 0x80 on. */
static bool is_letter(char c) { return isalnum((unsigned char)c) || (unsigned char)c >= 0x80; }

static bool find_words(const char *text, words *out) {
  size_t size = strlen(text);
  *out = (words){text, calloc(size / 2 + 2, sizeof(word)), 0};
  for (size_t at = 0; out->list && at < size;) {
    size_t start = at;
    while (at < size && is_letter(text[at])) at++;
    if (at > start) out->list[out->count++] = (word){start, at};
    if (at == start) at++;
  }
  return out->list;
}

static bool same(const words *a, size_t i, const words *b, size_t k) {
  size_t size = a->list[i].end - a->list[i].start;
  return size == b->list[k].end - b->list[k].start &&
         !strncasecmp(a->text + a->list[i].start, b->text + b->list[k].start, size);
}

/* How often word i of a stands among words [first, last) of b; *where: one of them. */
static size_t times(const words *a, size_t i, const words *b, size_t first, size_t last,
                    size_t *where) {
  size_t found = 0;
  for (size_t k = first; k < last; k++) {
    if (!same(a, i, b, k)) continue;
    found++;
    *where = k;
  }
  return found;
}

/* Gives the tokens of a word their unit: those whose first byte that is no white space it has. */
static void mark(const char *text, const eval_tokens *tokens, word w, size_t unit, size_t *units) {
  for (size_t i = 0; i < tokens->length; i++) {
    size_t first = tokens->start[i];
    while (first < tokens->end[i] && isspace((unsigned char)text[first])) first++;
    if (first < tokens->end[i] && w.start <= first && first < w.end) units[i] = unit;
  }
}

static size_t *no_units(size_t length) {
  size_t *units = malloc((length + 1) * sizeof *units);
  for (size_t i = 0; units && i < length; i++) units[i] = SIZE_MAX;
  return units;
}

static void pair(const words *a, const words *b, const eval_tokens *a_tokens,
                 const eval_tokens *b_tokens, eval_pairs *out) {
  size_t first = 0, tail = 0, least = a->count < b->count ? a->count : b->count;
  while (first < least && same(a, first, b, first)) first++;
  while (first + tail < least && same(a, a->count - 1 - tail, b, b->count - 1 - tail)) tail++;
  for (size_t i = first; i < a->count - tail; i++) {
    size_t own = i, other = 0;
    if (times(a, i, a, 0, a->count - tail, &own) != 1) continue;
    if (times(a, i, b, 0, b->count - tail, &other) != 1) continue;
    mark(a->text, a_tokens, a->list[i], out->count, out->own);
    mark(b->text, b_tokens, b->list[other], out->count, out->other);
    out->count++;
  }
}

int eval_pairs_find(const char *text, const eval_tokens *tokens, const char *other_text,
                    const eval_tokens *other_tokens, eval_pairs *out) {
  words a = {0}, b = {0};
  *out = (eval_pairs){no_units(tokens->length), no_units(other_tokens->length), 0};
  bool fine = find_words(text, &a) && find_words(other_text, &b) && out->own && out->other;
  if (fine) pair(&a, &b, tokens, other_tokens, out);
  free(a.list);
  free(b.list);
  if (fine) return CLI_DONE;
  eval_pairs_free(out);
  return cli_fail(CLI_FAILED, "out of memory");
}

void eval_pairs_free(eval_pairs *pairs) {
  free(pairs->own);
  free(pairs->other);
  *pairs = (eval_pairs){0};
}
