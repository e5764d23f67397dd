/* table.c: reads a database into columns of numbers, and makes the rows of tables of them. */
#include "cli/eval/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(void) { return cli_fail(CLI_FAILED, "out of memory"); }

static const char *text_of(sqlite3_stmt *s, int column) {
  const char *text = (const char *)sqlite3_column_text(s, column);
  return text ? text : "";
}

/* Room for one more element; NULL without memory. */
static void *grow(void *list, size_t count, size_t size) {
  return realloc(list, (count + 1) * size);
}

static int read_meta(eval_store *store, eval_results *results) {
  sqlite3_stmt *s = eval_store_prepare(store, "SELECT key, value FROM meta");
  int got = s ? SQLITE_ROW : SQLITE_ERROR;
  while (s && (got = eval_store_step(store, s)) == SQLITE_ROW) {
    const char *key = text_of(s, 0), *value = text_of(s, 1);
    if (!strcmp(key, "model")) snprintf(results->model, sizeof results->model, "%s", value);
    if (!strcmp(key, "made_by")) snprintf(results->made_by, sizeof results->made_by, "%s", value);
    if (!strcmp(key, "fingerprint"))
      snprintf(results->fingerprint, sizeof results->fingerprint, "%s", value);
  }
  sqlite3_finalize(s);
  return got == SQLITE_DONE ? CLI_DONE : CLI_FAILED;
}

static int suite_index(eval_results *r, const char *name, size_t *index) {
  for (*index = 0; *index < r->suite_count; (*index)++) {
    if (!strcmp(r->suites[*index], name)) return CLI_DONE;
  }
  char **grown = grow(r->suites, r->suite_count, sizeof *grown);
  if (!grown) return no_memory();
  r->suites = grown;
  r->suites[r->suite_count] = strdup(name);
  return r->suites[r->suite_count++] ? CLI_DONE : no_memory();
}

/* Which spans an item has, of "0 3 gold;7 10 distractor". */
static unsigned roles_of(const char *spans) {
  unsigned roles = 0;
  for (const char *at = spans; *at;) {
    size_t length = strcspn(at, ";"), before = 0;
    for (int spaces = 0; before < length && spaces < 2; before++) spaces += at[before] == ' ';
    const char *role = at + before;
    size_t own = length - before;
    if (own == 4 && !memcmp(role, "gold", own)) roles |= HETA_METRIC_NEEDS_GOLD;
    if (own == 10 && !memcmp(role, "distractor", own)) roles |= HETA_METRIC_NEEDS_DISTRACTOR;
    at += length + (at[length] == ';');
  }
  return roles;
}

/* Questions with any scores, in the order of the database; sources are numbered as they come. */
static int read_questions(eval_store *store, bool answered, eval_results *r) {
  sqlite3_stmt *s = eval_store_prepare(
      store, "SELECT item.id, suite, source, max(rank), avg(logprob), spans FROM item JOIN score ON"
             " score.item = item.id GROUP BY item.id ORDER BY suite, source, item.id");
  char *last = NULL;
  size_t last_suite = SIZE_MAX;
  int got = s ? SQLITE_ROW : SQLITE_ERROR, code = CLI_DONE;
  while (s && !code && (got = eval_store_step(store, s)) == SQLITE_ROW) {
    uint64_t rank = (uint64_t)sqlite3_column_int64(s, 3);
    if (answered && rank != 1) continue;
    eval_question *grown = grow(r->questions, r->question_count, sizeof *grown);
    if (!grown) code = no_memory();
    if (code) break;
    r->questions = grown;
    r->roles |= roles_of(text_of(s, 5));
    eval_question *q = &r->questions[r->question_count++];
    *q = (eval_question){
        .id = sqlite3_column_int64(s, 0), .rank = rank, .logprob = sqlite3_column_double(s, 4)};
    code = suite_index(r, text_of(s, 1), &q->suite);
    if (!last || q->suite != last_suite || strcmp(last, text_of(s, 2)) != 0) r->source_count++;
    free(last);
    last = strdup(text_of(s, 2));
    last_suite = q->suite;
    q->source = r->source_count - 1;
  }
  free(last);
  sqlite3_finalize(s);
  return code ? code : got == SQLITE_DONE || got == SQLITE_ROW ? CLI_DONE : CLI_FAILED;
}

static int read_configs(eval_store *store, eval_results *r) {
  sqlite3_stmt *s = eval_store_prepare(
      store, "SELECT method, options, seed, engine, min(label), count(score), count(problem),"
             " avg(seconds), avg(flop), avg(forwards + reverses + hvps) FROM score"
             " GROUP BY method, options, seed, engine ORDER BY min(id)");
  int got = s ? SQLITE_ROW : SQLITE_ERROR, code = CLI_DONE;
  while (s && !code && (got = eval_store_step(store, s)) == SQLITE_ROW) {
    eval_config *grown = grow(r->configs, r->config_count, sizeof *grown);
    if (!grown) code = no_memory();
    if (code) break;
    r->configs = grown;
    r->configs[r->config_count++] = (eval_config){.method = strdup(text_of(s, 0)),
                                                  .options = strdup(text_of(s, 1)),
                                                  .seed = (uint64_t)sqlite3_column_int64(s, 2),
                                                  .engine = strdup(text_of(s, 3)),
                                                  .label = strdup(text_of(s, 4)),
                                                  .scores = (size_t)sqlite3_column_int64(s, 5),
                                                  .problems = (size_t)sqlite3_column_int64(s, 6),
                                                  .seconds = sqlite3_column_double(s, 7),
                                                  .flop = sqlite3_column_double(s, 8),
                                                  .passes = sqlite3_column_double(s, 9)};
    const eval_config *c = &r->configs[r->config_count - 1];
    if (!c->method || !c->options || !c->engine || !c->label) code = no_memory();
  }
  sqlite3_finalize(s);
  return code ? code : got == SQLITE_DONE ? CLI_DONE : CLI_FAILED;
}

/* ---- Labels --------------------------------------------------------------------------------- */

static bool same_label(const eval_results *r, size_t i, size_t k) {
  return i != k && !strcmp(r->configs[i].label, r->configs[k].label);
}

bool eval_has_word(const char *text, const char *word, size_t length) {
  for (const char *at = text; *at;) {
    size_t own = strcspn(at, " ");
    if (own == length && !memcmp(at, word, length)) return true;
    at += own + (at[own] == ' ');
  }
  return false;
}

/* Whether all other configs of the same label have this option, with this value. */
static bool all_have(const eval_results *r, size_t index, const char *option, size_t length) {
  for (size_t k = 0; k < r->config_count; k++) {
    if (same_label(r, index, k) && !eval_has_word(r->configs[k].options, option, length))
      return false;
  }
  return true;
}

/* The label with the seed, engine and options that others of the same label do not have. NULL
 * without memory. */
static char *full_label(const eval_results *r, size_t index) {
  const eval_config *c = &r->configs[index];
  bool seed = false, engine = false;
  for (size_t k = 0; k < r->config_count; k++) {
    if (!same_label(r, index, k)) continue;
    seed |= r->configs[k].seed != c->seed;
    engine |= strcmp(r->configs[k].engine, c->engine) != 0;
  }
  size_t room = strlen(c->label) + strlen(c->engine) + strlen(c->options) + 64;
  char *text = malloc(room);
  if (!text) return NULL;
  size_t used = (size_t)snprintf(text, room, "%s", c->label);
  if (seed) {
    used += (size_t)snprintf(text + used, room - used, " seed %llu", (unsigned long long)c->seed);
  }
  if (engine) used += (size_t)snprintf(text + used, room - used, " (%s)", c->engine);
  const char *before = " [";
  for (const char *at = c->options; *at;) {
    size_t length = strcspn(at, " ");
    if (!all_have(r, index, at, length)) {
      used += (size_t)snprintf(text + used, room - used, "%s%.*s", before, (int)length, at);
      before = " ";
    }
    at += length + (at[length] == ' ');
  }
  if (!before[1]) snprintf(text + used, room - used, "]");
  return text;
}

/* Labels that several configs share get what tells them apart. */
static int tell_apart(eval_results *r) {
  char **labels = calloc(r->config_count + 1, sizeof *labels);
  bool fine = labels != NULL;
  for (size_t i = 0; fine && i < r->config_count; i++) {
    labels[i] = full_label(r, i);
    fine = labels[i] != NULL;
  }
  for (size_t i = 0; labels && i < r->config_count; i++) {
    free(fine ? r->configs[i].label : labels[i]);
    if (fine) r->configs[i].label = labels[i];
  }
  free(labels);
  return fine ? CLI_DONE : no_memory();
}

size_t eval_results_find(const eval_results *results, const char *label) {
  size_t i = 0;
  while (i < results->config_count && strcmp(results->configs[i].label, label) != 0) i++;
  return i < results->config_count ? i : SIZE_MAX;
}

void eval_results_fuller(const eval_results *results, const char *label, char room[CLI_MESSAGE]) {
  size_t length = strlen(label), used = 0;
  *room = 0;
  for (size_t i = 0; i < results->config_count && used < CLI_MESSAGE; i++) {
    const char *own = results->configs[i].label;
    if (strncmp(own, label, length) != 0 || own[length] != ' ') continue;
    used += (size_t)snprintf(room + used, CLI_MESSAGE - used, "%s'%s'", used ? ", " : "", own);
  }
}

int eval_results_suite(const eval_results *results, const char *name, size_t *suite) {
  char names[CLI_MESSAGE] = "";
  size_t used = 0;
  for (*suite = 0; *suite < results->suite_count; (*suite)++) {
    const char *own = results->suites[*suite];
    if (!strcmp(own, name)) return CLI_DONE;
    if (used >= sizeof names) continue;
    used += (size_t)snprintf(names + used, sizeof names - used, "%s'%s'", used ? ", " : "", own);
  }
  return cli_fail(CLI_USAGE, "--suite: there is no suite '%.60s'%s in it: there is %s", name,
                  results->answered ? " with questions that the model answers" : "",
                  used ? names : "none");
}

double eval_option_number(const char *options, const char *name) {
  size_t length = strlen(name);
  for (const char *at = options; *at;) {
    size_t word = strcspn(at, " ");
    if (word > length && at[length] == '=' && !memcmp(at, name, length)) {
      return strtod(at + length + 1, NULL);
    }
    at += word + (at[word] == ' ');
  }
  return NAN;
}

bool eval_config_same_but_weights(const eval_config *x, const eval_config *y) {
  const char *a = x->options, *b = y->options;
  if (strcmp(x->method, y->method) != 0 || x->seed != y->seed) return false;
  if (strcmp(x->engine, y->engine) != 0) return false;
  while (*a || *b) {
    size_t m = strcspn(a, " "), n = strcspn(b, " ");
    bool weight = !strncmp(a, "beta=", 5) || !strncmp(a, "gamma=", 6);
    if (weight ? strncmp(a, b, 5) != 0 : m != n || memcmp(a, b, m)) return false;
    a += m + (a[m] == ' ');
    b += n + (b[n] == ' ');
  }
  return true;
}

/* ---- Values --------------------------------------------------------------------------------- */

/* The column of a measure under some settings; made when there is none. NULL without memory. */
static eval_column *column_of(eval_results *r, const heta_metric_info *metric,
                              const heta_measure_info *measure, const char *settings) {
  for (size_t i = 0; i < r->column_count; i++) {
    eval_column *c = &r->columns[i];
    if (c->measure == measure && !strcmp(c->settings, settings)) return c;
  }
  eval_column *grown = grow(r->columns, r->column_count, sizeof *grown);
  if (!grown) return NULL;
  r->columns = grown;
  size_t count = r->config_count * r->question_count * measure->points;
  eval_column *c = &r->columns[r->column_count];
  *c = (eval_column){metric, measure, strdup(settings), malloc((count + 1) * sizeof(double))};
  if (!c->settings || !c->values) {
    free(c->settings);
    free(c->values);
    return NULL;
  }
  for (size_t i = 0; i < count; i++) c->values[i] = NAN;
  r->column_count++;
  return c;
}

static size_t find_question(const eval_results *r, sqlite3_int64 id) {
  for (size_t i = 0; i < r->question_count; i++) {
    if (r->questions[i].id == id) return i;
  }
  return SIZE_MAX;
}

static size_t find_config(const eval_results *r, sqlite3_stmt *s, int from) {
  for (size_t i = 0; i < r->config_count; i++) {
    const eval_config *c = &r->configs[i];
    if (!strcmp(c->method, text_of(s, from)) && !strcmp(c->options, text_of(s, from + 1)) &&
        c->seed == (uint64_t)sqlite3_column_int64(s, from + 2) &&
        !strcmp(c->engine, text_of(s, from + 3))) {
      return i;
    }
  }
  return SIZE_MAX;
}

static const heta_measure_info *find_measure(const heta_metric_info *metric, const char *name) {
  for (size_t i = 0; metric && i < metric->measure_count; i++) {
    if (!strcmp(metric->measures[i].name, name)) return &metric->measures[i];
  }
  return NULL;
}

static int read_values(eval_store *store, eval_results *r) {
  sqlite3_stmt *s = eval_store_prepare(
      store, "SELECT score.item, measure.metric, measure.settings, measure.name, measure.points,"
             " method, options, seed, engine FROM measure JOIN score ON score.id = measure.score");
  int got = s ? SQLITE_ROW : SQLITE_ERROR, code = CLI_DONE;
  while (s && !code && (got = eval_store_step(store, s)) == SQLITE_ROW) {
    size_t question = find_question(r, sqlite3_column_int64(s, 0)), config = find_config(r, s, 5);
    const heta_metric_info *metric = heta_metric_find(text_of(s, 1));
    const heta_measure_info *measure = find_measure(metric, text_of(s, 3));
    /* Of a question left out, or written by a version that knew another metric. */
    if (question == SIZE_MAX || config == SIZE_MAX || !measure) continue;
    if ((size_t)sqlite3_column_bytes(s, 4) != measure->points * sizeof(double)) continue;
    eval_column *c = column_of(r, metric, measure, text_of(s, 2));
    if (!c) code = no_memory();
    if (c) {
      memcpy(c->values + (config * r->question_count + question) * measure->points,
             sqlite3_column_blob(s, 4), measure->points * sizeof(double));
    }
  }
  sqlite3_finalize(s);
  return code ? code : got == SQLITE_DONE ? CLI_DONE : CLI_FAILED;
}

/* Columns in the order of the metrics and their measures. */
static int by_metric(const void *a, const void *b) {
  const eval_column *x = a, *y = b;
  size_t i = 0, k = 0;
  while (heta_metric_at(i) != x->metric) i++;
  while (heta_metric_at(k) != y->metric) k++;
  int settings = strcmp(x->settings, y->settings);
  if (settings) return settings;
  if (i != k) return i < k ? -1 : 1;
  return (x->measure > y->measure) - (x->measure < y->measure);
}

int eval_results_read(eval_store *store, bool answered, eval_results *results) {
  *results = (eval_results){.answered = answered};
  int code = read_meta(store, results);
  if (!code) code = read_questions(store, answered, results);
  if (!code) code = read_configs(store, results);
  if (!code) code = tell_apart(results);
  if (!code) code = read_values(store, results);
  if (!code && results->column_count) {
    qsort(results->columns, results->column_count, sizeof *results->columns, by_metric);
  }
  if (code) eval_results_free(results);
  return code;
}

void eval_results_free(eval_results *results) {
  for (size_t i = 0; i < results->suite_count; i++) free(results->suites[i]);
  for (size_t i = 0; i < results->config_count; i++) {
    free(results->configs[i].label);
    free(results->configs[i].method);
    free(results->configs[i].options);
    free(results->configs[i].engine);
  }
  for (size_t i = 0; i < results->column_count; i++) {
    free(results->columns[i].settings);
    free(results->columns[i].values);
  }
  free(results->suites);
  free(results->configs);
  free(results->questions);
  free(results->columns);
  *results = (eval_results){0};
}

/* ---- Columns -------------------------------------------------------------------------------- */

size_t eval_results_values(const eval_results *results, const eval_column *column, size_t suite,
                           const char *method) {
  size_t count = 0, points = column->measure->points;
  for (size_t c = 0; c < results->config_count; c++) {
    if (method && strcmp(results->configs[c].method, method) != 0) continue;
    for (size_t q = 0; q < results->question_count; q++) {
      count += results->questions[q].suite == suite &&
               isfinite(column->values[(c * results->question_count + q) * points]);
    }
  }
  return count;
}

const eval_column *eval_results_fullest(const eval_results *results, const char *measure,
                                        size_t suite, const char *method) {
  const eval_column *best = NULL;
  size_t most = 0;
  for (size_t i = 0; i < results->column_count; i++) {
    const eval_column *column = &results->columns[i];
    if (strcmp(column->measure->name, measure) != 0) continue;
    size_t count = eval_results_values(results, column, suite, method);
    if (count <= most) continue;
    most = count;
    best = column;
  }
  return best;
}

const char *eval_results_apart(const eval_results *results, const eval_column *column,
                               char room[EVAL_SETTINGS]) {
  size_t used = 0;
  *room = 0;
  for (const char *at = column->settings; *at && used < EVAL_SETTINGS;) {
    size_t length = strcspn(at, " ");
    bool shared = true;
    for (size_t i = 0; shared && i < results->column_count; i++) {
      const eval_column *other = &results->columns[i];
      shared = other->measure != column->measure || eval_has_word(other->settings, at, length);
    }
    if (!shared) {
      used += (size_t)snprintf(room + used, EVAL_SETTINGS - used, "%s%.*s", used ? " " : "",
                               (int)length, at);
    }
    at += length + (at[length] == ' ');
  }
  return room;
}

/* ---- Rows ----------------------------------------------------------------------------------- */

const eval_column *eval_results_beside(const eval_results *r, const eval_column *column,
                                       const char *name) {
  for (size_t i = 0; name && i < r->column_count; i++) {
    const eval_column *c = &r->columns[i];
    if (c->metric == column->metric && !strcmp(c->settings, column->settings) &&
        !strcmp(c->measure->name, name)) {
      return c;
    }
  }
  return NULL;
}

/* The questions of one suite, with sources numbered from 0. */
typedef struct selection {
  size_t count, sources;
  size_t *question, *source;
  double *numbers; /* room for the samples: [4 × count] */
} selection;

static bool open_selection(const eval_results *r, size_t suite, selection *s) {
  size_t last = SIZE_MAX;
  *s = (selection){0};
  s->question = calloc(r->question_count + 1, sizeof *s->question);
  s->source = calloc(r->question_count + 1, sizeof *s->source);
  s->numbers = calloc(4 * r->question_count + 1, sizeof *s->numbers);
  for (size_t q = 0; s->question && s->source && q < r->question_count; q++) {
    if (r->questions[q].suite != suite) continue;
    s->sources += r->questions[q].source != last;
    last = r->questions[q].source;
    s->source[s->count] = s->sources - 1;
    s->question[s->count++] = q;
  }
  return s->question && s->source && s->numbers;
}

static void close_selection(selection *s) {
  free(s->question);
  free(s->source);
  free(s->numbers);
}

static eval_sample sample_of(const eval_results *r, const eval_column *above,
                             const eval_column *below, size_t config, const selection *s,
                             double *room) {
  eval_sample sample = {.count = s->count, .above = room, .source = s->source};
  for (size_t i = 0; i < s->count; i++) {
    size_t at = config * r->question_count + s->question[i];
    room[i] = above->values[at];
    if (below) room[s->count + i] = below->values[at];
  }
  if (below) sample.below = room + s->count;
  sample.percent = above->metric->percent;
  return sample;
}

/* Best first; what is not defined, last. */
static void sort_cells(eval_cell *cells, size_t count, int better) {
  for (size_t i = 1; i < count; i++) {
    eval_cell cell = cells[i];
    size_t at = i;
    for (; at; at--) {
      double before = cells[at - 1].estimate.value, value = cell.estimate.value;
      bool right = isnan(value) || (better < 0 ? before <= value : before >= value);
      if (right && !(isnan(before) && !isnan(value))) break;
      cells[at] = cells[at - 1];
    }
    cells[at] = cell;
  }
}

int eval_results_cells(const eval_results *results, const eval_column *column, size_t suite,
                       size_t against, eval_cell *cells, size_t *count) {
  const eval_column *below = eval_results_beside(results, column, column->measure->over);
  const eval_column *chance = eval_results_beside(results, column, column->measure->chance);
  eval_resamples resamples = {0};
  selection s;
  double *p = calloc(results->config_count + 1, sizeof *p);
  *count = 0;
  bool fine = open_selection(results, suite, &s) && p;
  fine = fine && eval_resamples_make(s.sources, 1, &resamples);
  for (size_t c = 0; fine && c < results->config_count; c++) {
    eval_sample sample = sample_of(results, column, below, c, &s, s.numbers);
    eval_cell cell = {.config = c, .difference = {.p = NAN}};
    fine = eval_estimate_of(&sample, &resamples, &cell.estimate);
    if (fine && chance) {
      eval_sample known = sample_of(results, chance, NULL, c, &s, s.numbers + 2 * s.count);
      fine = eval_estimate_of(&known, &resamples, &cell.chance);
    }
    if (fine && against != SIZE_MAX && against != c) {
      eval_sample other = sample_of(results, column, below, against, &s, s.numbers + 2 * s.count);
      fine = eval_difference_of(&sample, &other, &resamples, &cell.difference);
    }
    if (cell.estimate.questions) cells[(*count)++] = cell;
  }
  for (size_t i = 0; fine && i < *count; i++) p[i] = cells[i].difference.p;
  if (fine) eval_holm(p, *count);
  for (size_t i = 0; fine && i < *count; i++) cells[i].p = p[i];
  if (fine) sort_cells(cells, *count, column->measure->better);
  free(p);
  eval_resamples_free(&resamples);
  close_selection(&s);
  return fine ? CLI_DONE : no_memory();
}
