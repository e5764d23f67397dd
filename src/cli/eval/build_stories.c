/* build_stories.c: suites of stories and questions: NarrativeQA with SciQ, TellMeWhy. */
#include "cli/eval/builder.h"
#include "cli/eval/stats.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- NarrativeQA with SciQ ------------------------------------------------------------------ */

enum { LEAST_WORDS = 40, MOST_WORDS = 80 };

static size_t words_in(const char *text, size_t size) {
  size_t count = 0;
  for (size_t i = 0; i < size; i++) {
    count += !isspace((unsigned char)text[i]) && (!i || isspace((unsigned char)text[i - 1]));
  }
  return count;
}

/* 2 to 4 sentences of 40 to 80 words, from a random one on; false when none is found. */
static bool segment_of(eval_builder *b, const char *summary, size_t *start, size_t *end) {
  size_t ends[EVAL_MOST_SENTENCES], count = eval_build_sentences(summary, ends);
  for (int attempt = 0; count >= 2 && attempt < 50; attempt++) {
    size_t first = eval_draw(&b->state, count - 1), sentences = 2 + eval_draw(&b->state, 3);
    if (first + sentences > count) continue;
    *start = first ? ends[first - 1] : 0;
    *end = ends[first + sentences - 1];
    while (*start < *end && isspace((unsigned char)summary[*start])) ++*start;
    size_t words = words_in(summary + *start, *end - *start);
    if (words >= LEAST_WORDS && words <= MOST_WORDS) return true;
  }
  return false;
}

/* The answer as a word of its own, whatever its case. */
static const char *find_answer(const char *support, const char *answer) {
  size_t length = strlen(answer);
  for (const char *at = support; length && *at; at++) {
    bool begins = at == support || !isalnum((unsigned char)at[-1]);
    if (begins && !strncasecmp(at, answer, length) && !isalnum((unsigned char)at[length])) {
      return at;
    }
  }
  return NULL;
}

/* The wrong answer that stands for the right one as a foil: the first that the text does not name,
 * one of as many words as the answer before others; NULL: there is none. */
static const char *foil_of(const json_t *record, const char *answer, const char *text) {
  static const char *const KEYS[] = {"distractor1", "distractor2", "distractor3"};
  size_t words = words_in(answer, strlen(answer));
  const char *any = NULL;
  for (int i = 0; i < 3; i++) {
    const char *wrong = eval_build_text(record, KEYS[i]);
    if (!wrong[0] || strlen(wrong) > 200 || find_answer(text, wrong)) continue;
    if (words_in(wrong, strlen(wrong)) == words) return wrong;
    if (!any) any = wrong;
  }
  return any;
}

/* What is drawn for one support. No summary is taken twice before all are taken once. */
typedef struct drawn {
  size_t *times; /* [rows], owned: how often each row was taken */
  size_t rows, count;
  char **ids, **narratives; /* [made], owned; in the order they were made */
  size_t made;
} drawn;

static bool drawn_open(drawn *d, size_t rows, size_t most) {
  *d = (drawn){.times = calloc(rows, sizeof *d->times), .rows = rows};
  d->ids = calloc(most, sizeof *d->ids);
  d->narratives = calloc(most, sizeof *d->narratives);
  return d->times && d->ids && d->narratives;
}

/* Forgets all for the next support. */
static void drawn_clear(drawn *d) {
  for (size_t i = 0; i < d->made; i++) free(d->ids[i]), free(d->narratives[i]);
  if (d->times) memset(d->times, 0, d->rows * sizeof *d->times);
  d->count = d->made = 0;
}

static void drawn_free(drawn *d) {
  drawn_clear(d);
  free(d->times);
  free(d->ids);
  free(d->narratives);
}

/* A random row but the headings, or the next one behind it that is not taken yet. */
static size_t draw_row(eval_builder *b, drawn *d) {
  size_t turn = d->count++ / (d->rows - 1), row = 1 + eval_draw(&b->state, d->rows - 1);
  while (d->times[row] > turn) row = row + 1 < d->rows ? row + 1 : 1;
  d->times[row]++;
  return row;
}

static bool among(char *const *texts, size_t count, const char *text) {
  for (size_t i = 0; i < count; i++) {
    if (!strcmp(texts[i], text)) return true;
  }
  return false;
}

/* The item's id in room of `size` bytes: support and document, with a number behind them where the
 * support has this id already. */
static void name_item(const drawn *d, size_t number, const char *document, char *id, size_t size) {
  int length = eval_build_cut(document, 40);
  snprintf(id, size, "sciq-%zu-%.*s", number, length, document);
  for (size_t k = 2; among(d->ids, d->made, id); k++) {
    snprintf(id, size, "sciq-%zu-%.*s-%zu", number, length, document, k);
  }
}

static int curated_item(eval_builder *b, drawn *d, size_t number, const json_t *record,
                        const char *summary, const char *document) {
  const char *question = eval_build_text(record, "question"),
             *answer = eval_build_text(record, "correct_answer");
  char *support = eval_build_tidy(eval_build_text(record, "support"),
                                  strlen(eval_build_text(record, "support")));
  const char *found = support ? find_answer(support, answer) : NULL;
  size_t start, end;
  if (!support) return cli_fail(CLI_FAILED, "out of memory");
  if (!found || !segment_of(b, summary, &start, &end)) {
    b->skipped++;
    free(support);
    return CLI_DONE;
  }
  char *narrative = eval_build_tidy(summary + start, end - start), id[120], source[32], target[256];
  char foil[256];
  size_t room = strlen(question) + strlen(support) + 64 + (end - start);
  char *text = malloc(room), *kept = NULL;
  int code = narrative && text ? CLI_DONE : cli_fail(CLI_FAILED, "out of memory");
  if (!code) name_item(d, number, document, id, sizeof id);
  if (!code && !(kept = strdup(id))) code = cli_fail(CLI_FAILED, "out of memory");
  if (!code && among(d->narratives, d->made, narrative)) { /* the same text would ask it again */
    b->skipped++;
  } else if (!code) {
    size_t first = strlen(narrative), second = first + 2, gold = second + (size_t)(found - support);
    snprintf(text, room, "%s\n\n%s\n\nQuestion: %s\nAnswer:", narrative, support, question);
    snprintf(source, sizeof source, "sciq-%zu", number);
    snprintf(target, sizeof target, " %.*s", eval_build_cut(answer, 250), answer);
    const char *wrong = foil_of(record, answer, text);
    if (wrong) snprintf(foil, sizeof foil, " %s", wrong);
    eval_made item = {
        .id = id, .source = source, .text = text, .target = target, .foil = wrong ? foil : NULL};
    eval_build_span(&item, "distractor", 0, first);
    eval_build_span(&item, "support", second, second + strlen(support));
    eval_build_span(&item, "gold", gold, gold + strlen(answer));
    code = eval_build_put(b, &item);
    d->ids[d->made] = kept;
    d->narratives[d->made++] = narrative;
    kept = narrative = NULL;
  }
  free(text);
  free(kept);
  free(narrative);
  free(support);
  return code;
}

int eval_build_curated(eval_builder *b) {
  json_t *list = NULL;
  eval_csv csv = {0};
  drawn d = {0};
  int code = eval_build_csv(b, "summaries.csv", &csv);
  if (!code) code = eval_build_list(b, "train.json", &list);
  size_t summary = code ? 0 : eval_csv_column(&csv, "summary");
  size_t document = code ? 0 : eval_csv_column(&csv, "document_id");
  if (!code && (summary == SIZE_MAX || document == SIZE_MAX)) {
    code = cli_fail(CLI_FAILED, "%s/summaries.csv has not the columns document_id and summary",
                    b->from);
  }
  if (!code && csv.rows < 2) {
    code = cli_fail(CLI_FAILED, "%s/summaries.csv has headings and no summary", b->from);
  }
  if (!code && !drawn_open(&d, csv.rows, (size_t)b->per_support)) {
    code = cli_fail(CLI_FAILED, "out of memory");
  }
  if (!code) {
    eval_build_head(b, "a segment of a NarrativeQA summary, then a SciQ support and its question");
  }
  for (size_t i = 0; !code && i < json_array_size(list) && !eval_build_full(b); i++) {
    b->record = i + 1;
    drawn_clear(&d);
    for (uint64_t k = 0; !code && k < b->per_support && !eval_build_full(b); k++) {
      size_t row = draw_row(b, &d);
      code = curated_item(b, &d, i, json_array_get(list, i), eval_csv_at(&csv, row, summary),
                          eval_csv_at(&csv, row, document));
    }
  }
  drawn_free(&d);
  eval_csv_free(&csv);
  json_decref(list);
  return code;
}

/* ---- TellMeWhy ------------------------------------------------------------------------------ */

#define TELLMEWHY "knowwhy_hidden_test_set_ontology.csv"

/* "caters_narrative_7_sentence_2_question_0": the part before "_sentence_", and the 2. */
static size_t sentence_of(const char *meta, char *story, size_t room) {
  const char *at = strstr(meta, "_sentence_");
  snprintf(story, room, "%.*s", at ? (int)(at - meta) : (int)strlen(meta), meta);
  return at ? (size_t)strtoul(at + strlen("_sentence_"), NULL, 10) : SIZE_MAX;
}

/* A story, a question about one of its sentences, the first of the answers that people gave. Which
 * sentence explains it was not marked, so that there is no gold span: the asked sentence is one of
 * its own role. */
static int tellmewhy_item(eval_builder *b, const char *narrative, const char *question,
                          const char *answers, const char *meta) {
  size_t ends[EVAL_MOST_SENTENCES], length = strcspn(answers, "|");
  char *story = eval_build_tidy(narrative, strlen(narrative)), source[256], target[300];
  char *answer = eval_build_tidy(answers, length);
  size_t room = strlen(narrative) + strlen(question) + 40;
  char *text = malloc(room);
  int code = story && answer && text ? CLI_DONE : cli_fail(CLI_FAILED, "out of memory");
  if (!code && (!*story || !*question || !*answer || !*meta)) {
    b->skipped++;
  } else if (!code) {
    size_t asked = sentence_of(meta, source, sizeof source);
    size_t sentences = eval_build_sentences(story, ends);
    snprintf(text, room, "%s\n\nQuestion: %s\nAnswer:", story, question);
    snprintf(target, sizeof target, " %.*s", eval_build_cut(answer, 290), answer);
    eval_made item = {.id = meta, .source = source, .text = text, .target = target};
    if (asked < sentences) {
      size_t start = asked ? ends[asked - 1] : 0;
      eval_build_span(&item, "asked", start + strspn(story + start, " "), ends[asked]);
    }
    code = eval_build_put(b, &item);
  }
  free(text);
  free(answer);
  free(story);
  return code;
}

/* The how-manieth row of its story each row is; NULL without memory. */
static size_t *turns_of(const eval_csv *csv, size_t column) {
  size_t *turn = calloc(csv->rows + 1, sizeof *turn);
  for (size_t row = 2; turn && row < csv->rows; row++) {
    const char *story = eval_csv_at(csv, row, column);
    for (size_t k = row; k-- > 1;) { /* the nearest before */
      if (strcmp(eval_csv_at(csv, k, column), story) != 0) continue;
      turn[row] = turn[k] + 1;
      break;
    }
  }
  return turn;
}

int eval_build_tellmewhy(eval_builder *b) {
  static const char *const NAMES[] = {"narrative", "question", "all_gold_answers", "question_meta"};
  size_t at[4];
  eval_csv csv = {0};
  int code = eval_build_csv(b, TELLMEWHY, &csv);
  for (int i = 0; !code && i < 4; i++) {
    at[i] = eval_csv_column(&csv, NAMES[i]);
    if (at[i] != SIZE_MAX) continue;
    code = cli_fail(CLI_FAILED, "%s/" TELLMEWHY " has no column %s", b->from, NAMES[i]);
  }
  if (!code) eval_build_head(b, "TellMeWhy: a short story, and why something in it happened");
  size_t *turn = code ? NULL : turns_of(&csv, at[0]), most = 0;
  if (!code && !turn) code = cli_fail(CLI_FAILED, "out of memory");
  for (size_t row = 1; !code && row < csv.rows; row++) most = turn[row] > most ? turn[row] : most;
  for (size_t k = 0; !code && k <= most; k++) { /* a question of each story in turn */
    for (size_t row = 1; !code && row < csv.rows && !eval_build_full(b); row++) {
      if (turn[row] != k) continue;
      b->record = row; /* the headings are none */
      code = tellmewhy_item(b, eval_csv_at(&csv, row, at[0]), eval_csv_at(&csv, row, at[1]),
                            eval_csv_at(&csv, row, at[2]), eval_csv_at(&csv, row, at[3]));
    }
  }
  free(turn);
  eval_csv_free(&csv);
  return code;
}
