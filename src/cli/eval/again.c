/* again.c: attributions after a change, which some metrics compare a method's scores with: which
 * there are, making them, handing them over. Each is a record like any other's. */
#include "cli/eval/runner.h"

#include <stdlib.h>
#include <string.h>

enum { NEAR = 16, GATE_ONLY = 1, WHOLE = 2 };

/* Of sensitivity: the first as it is, the second in deviations of the embeddings. */
static const double NOISE[] = {0.01, 0.05};

bool eval_attributes_again(const heta_metric_info *metric) {
  return metric->needs &
         (HETA_METRIC_NEEDS_WHOLE | HETA_METRIC_NEEDS_PATCHED | HETA_METRIC_NEEDS_NOISE |
          HETA_METRIC_NEEDS_PARAPHRASE | HETA_METRIC_NEEDS_DECODED);
}

/* ---- Which changes there are ---------------------------------------------------------------- */

/* What makes HETA cheaper, or cuts a context into windows. */
static const char *const SAVING[] = {"windows", "window",    "stride",      "anchor",
                                     "fast",    "curvature", "information", NULL};
/* What makes a score of the gate and the other parts. */
static const char *const COMBINING[] = {"config", "beta", "gamma", "scale", "gate", NULL};

static bool is_among(const char *const *names, const char *name) {
  while (*names && strcmp(*names, name) != 0) names++;
  return *names;
}

static bool saves(const eval_method *method) {
  for (size_t i = 0; i < method->option_count; i++) {
    if (is_among(SAVING, method->options[i].name)) return true;
  }
  return false;
}

bool eval_again_applies(const heta_metric_info *metric, const eval_method *method) {
  if (!(metric->needs & HETA_METRIC_NEEDS_WHOLE)) return true;
  return !strcmp(method->info->name, "heta") && saves(method);
}

/* The method with some of its options left away, of the gate alone if asked. Options are those it
 * is run with: its label may say `auto` where a calibration gave a number. */
static int changed_method(const eval_method *from, unsigned how, eval_method *to) {
  size_t room = strlen(from->info->name) + 32, used;
  for (size_t i = 0; i < from->option_count; i++)
    room += strlen(from->options[i].name) + strlen(from->options[i].value) + 2;
  char *text = malloc(room);
  if (!text) return cli_fail(CLI_FAILED, "out of memory");
  used = (size_t)snprintf(text, room, "%s", from->info->name);
  for (size_t i = 0; i < from->option_count; i++) {
    const heta_option *option = &from->options[i];
    if ((how & WHOLE) && is_among(SAVING, option->name)) continue;
    if ((how & GATE_ONLY) && is_among(COMBINING, option->name)) continue;
    used += (size_t)snprintf(text + used, room - used, "+%s=%s", option->name, option->value);
  }
  if (how & GATE_ONLY) snprintf(text + used, room - used, "+config=gate");
  int code = eval_method_read(text, strlen(text), to);
  free(text);
  return code;
}

/* Room for one more change, not filled. */
static eval_change *add_change(eval_changes *changes) {
  eval_change *grown = realloc(changes->list, (changes->count + 1) * sizeof *grown);
  if (!grown) {
    cli_fail(CLI_FAILED, "out of memory");
    return NULL;
  }
  changes->list = grown;
  grown[changes->count] = (eval_change){0};
  return &grown[changes->count++];
}

/* The method as it is, under another name in the database; NULL after saying why not. */
static eval_change *add_same(eval_changes *changes, const eval_method *method) {
  eval_change *change = add_change(changes);
  if (!change || changed_method(method, 0, &change->method)) return NULL;
  char *label = strdup(method->label);
  if (!label) {
    cli_fail(CLI_FAILED, "out of memory");
    return NULL;
  }
  free(change->method.label);
  change->method.label = label;
  return change;
}

static int add_noise(const eval_runner *r, const eval_method *method, eval_changes *changes) {
  for (int kind = 0; kind < 2; kind++) {
    for (size_t i = 0; i < r->request->repeats; i++) {
      eval_change *change = add_same(changes, method);
      if (!change) return CLI_FAILED;
      change->noise = NOISE[kind] * (kind ? r->deviation : 1);
      change->draw = (uint32_t)i;
      snprintf(change->name, sizeof change->name, "noise %g%s, draw %zu", NOISE[kind],
               kind ? " of the embeddings" : "", i);
    }
  }
  return CLI_DONE;
}

static int add_patched(const eval_runner *r, const eval_method *method, eval_changes *changes) {
  eval_change *change = add_same(changes, method);
  if (!change) return CLI_FAILED;
  change->patched = true;
  snprintf(change->name, sizeof change->name, "patched block %zu",
           heta_model_get_info(r->request->model)->layers / 2);
  return CLI_DONE;
}

static int add_reworded(const eval_method *method, eval_changes *changes) {
  eval_change *change = add_same(changes, method);
  if (!change) return CLI_FAILED;
  change->reworded = true;
  snprintf(change->name, sizeof change->name, "paraphrase");
  return CLI_DONE;
}

static int add_decoded(const eval_method *method, eval_changes *changes) {
  static const double TEMPERATURE[] = {0, 1, 0.8}, TOP_P[] = {0, 0.9, 0};
  static const char *const NAMES[] = {"greedy", "top-p 0.9", "temperature 0.8"};
  for (int i = 0; i < 3; i++) {
    eval_change *change = add_same(changes, method);
    if (!change) return CLI_FAILED;
    change->decoded = true;
    change->temperature = TEMPERATURE[i];
    change->top_p = TOP_P[i];
    snprintf(change->name, sizeof change->name, "decoded, %s", NAMES[i]);
  }
  return CLI_DONE;
}

int eval_changes_of(const eval_runner *r, const heta_metric_info *metric, const eval_method *method,
                    eval_changes *changes) {
  static const unsigned OF_WHOLE[] = {WHOLE, GATE_ONLY, WHOLE | GATE_ONLY};
  int code = CLI_DONE;
  *changes = (eval_changes){0};
  for (size_t i = 0; !code && (metric->needs & HETA_METRIC_NEEDS_WHOLE) && i < 3; i++) {
    eval_change *change = add_change(changes);
    code = change ? changed_method(method, OF_WHOLE[i], &change->method) : CLI_FAILED;
  }
  if (!code && (metric->needs & HETA_METRIC_NEEDS_PATCHED)) code = add_patched(r, method, changes);
  if (!code && (metric->needs & HETA_METRIC_NEEDS_NOISE)) code = add_noise(r, method, changes);
  if (!code && (metric->needs & HETA_METRIC_NEEDS_PARAPHRASE)) code = add_reworded(method, changes);
  if (!code && (metric->needs & HETA_METRIC_NEEDS_DECODED)) code = add_decoded(method, changes);
  if (code) eval_changes_free(changes);
  return code;
}

void eval_changes_free(eval_changes *changes) {
  for (size_t i = 0; i < changes->count; i++) eval_method_free(&changes->list[i].method);
  free(changes->list);
  *changes = (eval_changes){0};
}

/* ---- Their records -------------------------------------------------------------------------- */

static eval_key key_of(const eval_runner *r, const eval_change *change) {
  eval_key key = eval_runner_key(r, &change->method);
  key.change = change->name;
  return key;
}

const eval_method *eval_again_chosen(const eval_runner *r, const eval_change *change) {
  const eval_choice *choice = r->request->choice;
  for (size_t m = 0; !change->name[0] && m < choice->method_count; m++) {
    const eval_method *method = &choice->methods[m];
    if (method->info == change->method.info && !strcmp(method->resolved, change->method.resolved))
      return method;
  }
  return NULL;
}

int eval_again_get(eval_runner *r, const eval_entry *e, const eval_change *change,
                   eval_score *score) {
  eval_key key = key_of(r, change), plain = eval_runner_key(r, &change->method);
  *score = (eval_score){0};
  /* With other options only, it may be a method that is evaluated itself. */
  int code = change->name[0] ? CLI_DONE : eval_store_get_score(r->store, e->id, &plain, score);
  if (code || score->id) return code;
  return eval_store_get_score(r->store, e->id, &key, score);
}

/* What a change makes of a question. */
typedef struct asked {
  eval_item item;
  eval_tokens tokens; /* borrowed, all of it */
  size_t *rows;       /* patched ones, owned */
} asked;

/* The context with the foil, to be patched with values of the item's own. */
static int ask_patched(const eval_runner *r, const eval_subject *s, asked *a,
                       heta_attribute_options *base, char problem[CLI_MESSAGE]) {
  bool alike = s->foil.length == s->tokens.length;
  for (size_t i = 0; alike && i < s->foil.length; i++) alike = s->foil_place[i] == i;
  if (!alike) {
    snprintf(problem, CLI_MESSAGE,
             "answer and foil have not as many tokens: values are patched token by token");
    return CLI_DONE;
  }
  a->rows = calloc(s->tokens.length + 1, sizeof *a->rows);
  if (!a->rows) return cli_fail(CLI_FAILED, "out of memory");
  a->item.text = s->foil_text;
  a->tokens = s->foil;
  a->tokens.target = s->tokens.target;
  a->tokens.target_text = s->tokens.target_text;
  base->patch_tokens = s->tokens.ids;
  base->patch_length = s->tokens.length;
  base->patch_rows = a->rows;
  base->patch_block = heta_model_get_info(r->request->model)->layers / 2;
  for (size_t i = 0; i < s->tokens.length; i++)
    if (s->gold[i]) a->rows[base->patch_row_count++] = i;
  return CLI_DONE;
}

static int make(eval_runner *r, const eval_subject *s, const eval_change *change,
                eval_score *score) {
  heta_attribute_options base = heta_attribute_options_default();
  char problem[CLI_MESSAGE] = "";
  heta_job *job = NULL;
  eval_key key = key_of(r, change);
  asked a = {.item = *s->entry->item, .tokens = s->tokens};
  int code = CLI_DONE;
  eval_runner_watch(r, &base);
  base.noise = change->noise;
  base.noise_draw = change->draw;
  base.temperature = change->temperature;
  base.top_p = change->top_p;
  if (change->decoded) a.tokens.target_text = NULL;
  if (change->reworded) {
    a.item.text = a.item.paraphrase;
    a.tokens = s->reworded;
  }
  if (change->patched) code = ask_patched(r, s, &a, &base, problem);
  if (!code && !problem[0])
    code = eval_question_job(r->request, &a.item, &a.tokens, &change->method, &base, &job, problem);
  if (!code && job) code = eval_runner_job(r, job, &a.tokens, score, problem);
  free(a.rows);
  if (!code && problem[0]) *score = (eval_score){.problem = strdup(problem)};
  if (!code) code = eval_store_put_score(r->store, s->entry->id, &key, score);
  return code;
}

int eval_again_need(eval_runner *r, const eval_subject *s, const eval_change *change,
                    eval_score *score) {
  int code = eval_again_get(r, s->entry, change, score);
  if (code || score->id) return code;
  code = eval_runner_stopped(r);
  if (code) return code;
  const eval_method *chosen = eval_again_chosen(r, change);
  if (chosen) return eval_runner_attribute(r, s->entry, &s->tokens, chosen, score);
  return make(r, s, change, score);
}

/* ---- What a metric gets of them ------------------------------------------------------------- */

static size_t number_of(const eval_method *method, const char *name) {
  return (size_t)strtoull(eval_method_value(method, name), NULL, 10);
}

/* Tokens within NEAR of where a window begins or ends inside the context. */
static void mark_edges(const eval_method *method, size_t length, bool *near) {
  size_t window = number_of(method, "window"), stride = number_of(method, "stride");
  if (!stride) stride = (window + 1) / 2; /* "half" */
  for (size_t start = 0; start + window < length; start += stride) {
    size_t edges[] = {start + stride, start + window}; /* the next one begins; this one ends */
    for (int k = 0; k < 2; k++) {
      size_t first = edges[k] > NEAR ? edges[k] - NEAR : 0;
      for (size_t i = first; i < edges[k] + NEAR && i < length; i++) near[i] = true;
    }
  }
}

static void add_companion(const eval_subject *s, const eval_change *change, eval_companions *c) {
  const eval_tokens *tokens = change->reworded  ? &s->reworded
                              : change->patched ? &s->foil
                                                : &s->tokens;
  const eval_score *score = &c->scores[c->count];
  c->list[c->count] = &c->scored[c->count];
  c->scored[c->count++] = (heta_scored){.struct_size = sizeof(heta_scored),
                                        .tokens = tokens->ids,
                                        .length = score->length,
                                        .target = score->target,
                                        .score = score->score,
                                        .signed_score = score->signed_score,
                                        .set_apart = tokens->apart,
                                        .gold = change->reworded ? NULL : s->gold,
                                        .rank = score->rank,
                                        .unit = change->reworded ? s->pairs.other : NULL,
                                        .unit_count = change->reworded ? s->pairs.count : 0};
}

int eval_companions_open(eval_runner *r, const eval_subject *s, const heta_metric_info *metric,
                         const eval_method *method, heta_scored *scored, eval_companions *c) {
  eval_changes changes;
  *c = (eval_companions){0};
  int code = eval_changes_of(r, metric, method, &changes);
  if (code) return code;
  size_t count = changes.count;
  c->scores = calloc(count + 1, sizeof *c->scores);
  c->scored = calloc(count + 1, sizeof *c->scored);
  c->list = calloc(count + 1, sizeof *c->list);
  c->near_edge = calloc(s->tokens.length + 1, sizeof *c->near_edge);
  if (!c->scores || !c->scored || !c->list || !c->near_edge)
    code = cli_fail(CLI_FAILED, "out of memory");
  for (size_t i = 0; !code && i < count && !c->problem[0]; i++) {
    code = eval_again_need(r, s, &changes.list[i], &c->scores[i]);
    if (!code && c->scores[i].problem)
      snprintf(c->problem, sizeof c->problem, "%.*s", CLI_MESSAGE - 1, c->scores[i].problem);
    if (!code) add_companion(s, &changes.list[i], c);
  }
  if (!code && (metric->needs & HETA_METRIC_NEEDS_WHOLE)) {
    mark_edges(method, s->tokens.length, c->near_edge);
    scored->near_edge = c->near_edge;
  }
  scored->others = c->list;
  scored->other_count = c->count;
  eval_changes_free(&changes);
  return code;
}

void eval_companions_close(eval_companions *c) {
  for (size_t i = 0; i < c->count; i++) eval_score_free(&c->scores[i]);
  free(c->scores);
  free(c->scored);
  free(c->list);
  free(c->near_edge);
  *c = (eval_companions){0};
}
