/* run.c: plans what the database lacks, says so, and does it item by item: every method's scores,
 * then every metric of them, each record written as soon as it is there. */
#include "cli/eval/run.h"

#include "cli/eval/runner.h"
#include "cli/interrupt.h"
#include "cli/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

eval_key eval_runner_key(const eval_runner *r, const eval_method *method) {
  return (eval_key){.method = method->info->name,
                    .label = method->label,
                    .options = method->resolved,
                    .seed = r->request->seed,
                    .engine = r->engine};
}

/* Whether a metric can be asked of a method's scores of an item. */
static bool applies(const heta_metric_info *metric, const eval_item *item,
                    const eval_method *method) {
  size_t start, end;
  if (!eval_again_applies(metric, method)) return false;
  if ((metric->needs & HETA_METRIC_NEEDS_PARAPHRASE) && !item->paraphrase) return false;
  if ((metric->needs & HETA_METRIC_NEEDS_GOLD) && !eval_item_has(item, "gold")) return false;
  if ((metric->needs & HETA_METRIC_NEEDS_FOIL) && !eval_item_answer(item, &start, &end)) {
    return false;
  }
  return !(metric->needs & HETA_METRIC_NEEDS_DISTRACTOR) || eval_item_has(item, "distractor");
}

static const char *settings_of(const eval_runner *r, const heta_metric_info *metric) {
  if (metric->needs & HETA_METRIC_NEEDS_NOISE) return r->repeats;
  return metric->needs & HETA_METRIC_NEEDS_MODEL ? r->settings : "";
}

/* ---- Progress ------------------------------------------------------------------------------- */

/* Expected times are those of an idle machine: what is left is scaled by how long the finished part
 * really took. */
static void show(eval_runner *r, double part) {
  double elapsed = seconds_now() - r->started, done = r->done + part * r->now;
  heta_progress progress = {.phase = r->phase,
                            .done = r->left.seconds > 0 ? done / r->left.seconds : 0,
                            .seconds = elapsed,
                            .remaining =
                                done > 0.02 * r->left.seconds || elapsed > 60
                                    ? elapsed * (r->left.seconds - done) / (done > 0 ? done : 1)
                                    : -1};
  if (!r->request->no_progress) cli_progress_show(&progress);
}

static bool over(const eval_runner *r) {
  return r->request->max_seconds && seconds_now() - r->started > r->request->max_seconds;
}

static bool on_progress(void *context, const heta_progress *progress) {
  eval_runner *r = context;
  show(r, progress->done);
  return !cli_interrupt_signal() && !over(r);
}

static bool on_stop(void *context) {
  eval_runner *r = context;
  return cli_interrupt_signal() || over(r);
}

/* ---- The plan ------------------------------------------------------------------------------- */

/* The tokens of a text, also of one longer than the model's context. */
static int count_tokens(const heta_model *model, const char *text, size_t *count) {
  heta_error error = {0};
  heta_tokens *tokens = NULL;
  heta_status status =
      heta_tokenize(model, text, strlen(text), HETA_BOS_AUTO, false, &tokens, &error);
  if (!status) *count = heta_tokens_count(tokens);
  heta_tokens_free(tokens);
  return status ? cli_fail(cli_exit_code(status), "%s", error.message) : CLI_DONE;
}

/* Whether --max-tokens leaves the item out. */
static int too_long(eval_runner *r, const eval_item *item, bool *so) {
  eval_tokens tokens = {0};
  char problem[CLI_MESSAGE] = "";
  *so = false;
  if (!r->request->max_tokens) return CLI_DONE;
  int code = eval_question_tokens(r->request->model, item, &tokens, problem);
  size_t length = tokens.length;
  if (!code && problem[0]) code = count_tokens(r->request->model, item->text, &length);
  *so = length > r->request->max_tokens; /* any other problem is said when the item is entered */
  r->too_long += *so;
  eval_tokens_free(&tokens);
  return code;
}

static int enter_item(eval_runner *r, const eval_item *item) {
  eval_tokens tokens = {0};
  char problem[CLI_MESSAGE] = "";
  bool found = false;
  eval_entry *e = &r->entries[r->entry_count++];
  e->item = item;
  int code = eval_store_item(r->store, item, &e->id);
  if (!code) code = eval_store_get_tokens(r->store, e->id, &tokens, &found);
  if (!code && !found) code = eval_question_tokens(r->request->model, item, &tokens, problem);
  if (!code && !found && !problem[0]) code = eval_store_put_tokens(r->store, e->id, &tokens);
  e->length = tokens.length;
  eval_tokens_free(&tokens);
  if (problem[0]) {
    cli_say("%s, item %s (line %zu) is left out: %s", item->suite, item->name, item->line, problem);
    r->problems++;
  }
  return code;
}

/* What one method costs for contexts of about a length: asked of the library once each, and not
 * for every item. */
typedef struct price {
  const heta_method_info *method;
  char *options;
  size_t length;
  heta_plan plan; /* only its numbers are used */
  char problem[CLI_MESSAGE];
} price;

typedef struct prices {
  price *list;
  size_t count;
} prices;

static void free_prices(prices *known) {
  for (size_t i = 0; i < known->count; i++) free(known->list[i].options);
  free(known->list);
}

/* *out is borrowed until the next call. */
static int price_of(eval_runner *r, const eval_entry *e, const eval_method *method, prices *known,
                    const price **out) {
  for (size_t i = 0; i < known->count; i++) {
    const price *p = &known->list[i];
    size_t off = p->length > e->length ? p->length - e->length : e->length - p->length;
    if (p->method == method->info && !strcmp(p->options, method->resolved) &&
        off <= e->length / 8) {
      *out = p;
      return CLI_DONE;
    }
  }
  price *grown = realloc(known->list, (known->count + 1) * sizeof *grown);
  if (!grown) return cli_fail(CLI_FAILED, "out of memory");
  known->list = grown;
  price *p = &known->list[known->count++];
  *p = (price){method->info, strdup(method->resolved), e->length, {0}, ""};
  if (!p->options) return cli_fail(CLI_FAILED, "out of memory");
  heta_attribute_options base = heta_attribute_options_default();
  eval_tokens tokens = {0};
  heta_job *job = NULL;
  bool found;
  int code = eval_store_get_tokens(r->store, e->id, &tokens, &found);
  if (!code) {
    code = eval_question_job(r->request, e->item, &tokens, method, &base, &job, p->problem);
  }
  if (job) {
    p->plan = *heta_job_get_plan(job);
    if (p->plan.flop / p->plan.seconds > r->rate) r->rate = p->plan.flop / p->plan.seconds;
  }
  heta_job_free(job);
  eval_tokens_free(&tokens);
  *out = p;
  return code;
}

/* How fast matrix products are here, by the dearest method of the first item: at the least
 * occlusion, since metrics can be far dearer than the methods that they judge. */
static int learn_rate(eval_runner *r, prices *known) {
  static const char NAME[] = "occlusion";
  const eval_choice *choice = r->request->choice;
  const price *unused;
  eval_method method = {0};
  if (!r->entry_count || !r->entries[0].length) return CLI_DONE;
  int code = eval_method_read(NAME, strlen(NAME), &method);
  if (!code) code = price_of(r, &r->entries[0], &method, known, &unused);
  eval_method_free(&method);
  for (size_t m = 0; !code && m < choice->method_count; m++) {
    code = price_of(r, &r->entries[0], &choice->methods[m], known, &unused);
  }
  return code;
}

/* Whether a method's scores will come with those of an earlier one that are missing too. */
static int follows(eval_runner *r, const eval_entry *e, size_t m, bool *so) {
  const eval_method *methods = r->request->choice->methods;
  *so = false;
  for (size_t i = 0; i < m && !*so; i++) {
    eval_key key = eval_runner_key(r, &methods[i]);
    eval_score score;
    if (!eval_derivable(&methods[i], &methods[m])) continue;
    int code = eval_store_get_score(r->store, e->id, &key, &score);
    *so = !score.id;
    eval_score_free(&score);
    if (code) return code;
  }
  return CLI_DONE;
}

/* Passes and expected seconds of a metric; `again`: it was asked of the same item before. */
static int metric_price(const eval_runner *r, const heta_metric_info *metric, size_t length,
                        bool again, uint64_t *forwards, double *seconds) {
  heta_error error = {0};
  double flop = 0;
  heta_status status =
      again ? heta_evaluator_plan_again(r->evaluator, metric->name, length, forwards, &flop, &error)
            : heta_evaluator_plan(r->evaluator, metric->name, length, forwards, &flop, &error);
  *seconds = 0.001 + (r->rate > 0 ? flop / r->rate : 0);
  return status ? cli_fail(cli_exit_code(status), "%s", error.message) : CLI_DONE;
}

static void add_passes(eval_todo *left, const heta_plan *plan) {
  left->forwards += plan->forwards;
  left->reverses += plan->reverses;
  left->hvps += plan->hvps;
  left->seconds += plan->seconds;
}

/* Attributions after changes that are counted already, of one item. */
typedef struct counted {
  char **names;
  size_t count;
} counted;

static void forget_counted(counted *c) {
  for (size_t i = 0; i < c->count; i++) free(c->names[i]);
  free(c->names);
  *c = (counted){0};
}

/* Notes a change; *before: it was noted before. */
static int note_change(counted *c, const eval_change *change, bool *before) {
  size_t room = strlen(change->method.resolved) + strlen(change->name) + 64;
  char **grown = realloc(c->names, (c->count + 1) * sizeof *grown), *name = malloc(room);
  if (grown) c->names = grown;
  if (!grown || !name) {
    free(name);
    return cli_fail(CLI_FAILED, "out of memory");
  }
  snprintf(name, room, "%s %s %s", change->method.info->name, change->method.resolved,
           change->name);
  *before = false;
  for (size_t i = 0; i < c->count; i++) *before |= !strcmp(c->names[i], name);
  c->names[c->count++] = name;
  return CLI_DONE;
}

/* Adds the attributions that one metric lacks of one item by one method. */
static int count_changes(eval_runner *r, const eval_entry *e, const heta_metric_info *metric,
                         const eval_method *method, prices *known, counted *noted) {
  eval_changes changes;
  int code = eval_changes_of(r, metric, method, &changes);
  for (size_t i = 0; !code && i < changes.count; i++) {
    const eval_change *change = &changes.list[i];
    eval_score score;
    const price *p;
    bool before = false;
    code = eval_again_get(r, e, change, &score);
    bool found = score.id || eval_again_chosen(r, change);
    eval_score_free(&score);
    if (!code && !found) code = note_change(noted, change, &before);
    if (code || found || before) continue;
    code = price_of(r, e, &change->method, known, &p);
    if (code) break;
    r->left.again++;
    add_passes(&r->left, &p->plan);
  }
  eval_changes_free(&changes);
  return code;
}

/* Adds what one item lacks of one method. asked: which metrics other methods lack of it too. */
static int count_missing(eval_runner *r, const eval_entry *e, size_t m, prices *known, bool *asked,
                         counted *noted) {
  const eval_choice *choice = r->request->choice;
  const eval_method *method = &choice->methods[m];
  eval_key key = eval_runner_key(r, method);
  eval_score score;
  const price *p;
  bool free_of_cost;
  int code = eval_store_get_score(r->store, e->id, &key, &score);
  if (!code) code = follows(r, e, m, &free_of_cost);
  if (code) return code;
  if (!score.id) {
    code = price_of(r, e, method, known, &p);
    if (code) return code;
    r->left.attributions++;
  } else {
    r->left.kept++;
  }
  if (!score.id && !free_of_cost) add_passes(&r->left, &p->plan);
  for (size_t k = 0; !code && !score.problem && k < choice->metric_count; k++) {
    const heta_metric_info *metric = choice->metrics[k];
    uint64_t forwards = 0;
    double seconds = 0;
    bool found = false;
    if (!applies(metric, e->item, method)) continue;
    r->fits[k] = true;
    if (score.id) {
      code =
          eval_store_has_metric(r->store, score.id, metric->name, settings_of(r, metric), &found);
    }
    r->left.kept_metrics += found;
    if (found || code) continue;
    code = count_changes(r, e, metric, method, known, noted);
    if (!code) code = metric_price(r, metric, e->length, asked[k], &forwards, &seconds);
    asked[k] = true;
    r->left.metrics++;
    r->left.forwards += forwards;
    r->left.seconds += seconds;
  }
  eval_score_free(&score);
  return code;
}

/* Options that a method refuses are wrong for every item: say so before anything runs. */
static int check_methods(const eval_runner *r) {
  static const char text[] = "The cat sat on the mat. The dog ate. It rained.";
  eval_item item = {.text = text, .target = " The"};
  eval_tokens tokens = {.target_text = (char *)" The"};
  heta_attribute_options base = heta_attribute_options_default();
  for (size_t m = 0; m < r->request->choice->method_count; m++) {
    const eval_method *method = &r->request->choice->methods[m];
    char problem[CLI_MESSAGE];
    heta_job *job = NULL;
    if (!method->option_count) continue; /* what it refuses is a matter of the item */
    int code = eval_question_job(r->request, &item, &tokens, method, &base, &job, problem);
    heta_job_free(job);
    if (code) return code;
    if (problem[0]) return cli_fail(CLI_USAGE, "%s: %s", method->label, problem);
  }
  return CLI_DONE;
}

static int plan(eval_runner *r) {
  const eval_request *request = r->request;
  prices known = {0};
  counted noted = {0};
  size_t items = 0, metrics = request->choice->metric_count;
  for (size_t s = 0; s < request->suite_count; s++) items += request->suites[s].count;
  r->entries = calloc(items + 1, sizeof *r->entries);
  r->fits = calloc(metrics + 1, sizeof *r->fits);
  bool *asked = calloc(metrics + 1, sizeof *asked);
  if (!r->entries || !r->fits || !asked) {
    free(asked);
    return cli_fail(CLI_FAILED, "out of memory");
  }
  int code = check_methods(r);
  if (!code) code = eval_store_begin(r->store);
  bool begun = !code;
  for (size_t s = 0; !code && s < request->suite_count; s++) {
    size_t before = r->entry_count;
    for (size_t i = 0; !code && i < request->suites[s].count; i++) {
      bool left_out;
      if (request->limit && r->entry_count - before >= request->limit) break;
      code = too_long(r, &request->suites[s].items[i], &left_out);
      if (!code && !left_out) code = enter_item(r, &request->suites[s].items[i]);
      if (!code && cli_interrupt_signal()) code = eval_runner_stopped(r);
    }
  }
  if (begun) {
    int kept = eval_store_commit(r->store);
    if (!code) code = kept;
  }
  if (!code) code = learn_rate(r, &known);
  for (size_t i = 0; !code && i < r->entry_count; i++) {
    memset(asked, 0, metrics * sizeof *asked);
    for (size_t m = 0; !code && r->entries[i].length && m < request->choice->method_count; m++) {
      code = count_missing(r, &r->entries[i], m, &known, asked, &noted);
    }
    forget_counted(&noted);
  }
  free(asked);
  free_prices(&known);
  return code;
}

/* Says which metrics have nothing to judge. */
static void print_unfit(const eval_runner *r) {
  char list[CLI_MESSAGE] = "";
  size_t used = 0;
  for (size_t k = 0; k < r->request->choice->metric_count && used < sizeof list; k++) {
    if (r->fits[k]) continue;
    used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "",
                             r->request->choice->metrics[k]->name);
  }
  if (used && r->entry_count > r->problems) {
    cli_say("no item and method here have what these ask for: %s; heta metrics NAME says what that "
            "is",
            list);
  }
}

static void print_plan(const eval_runner *r) {
  const eval_todo *t = &r->left;
  char time[CLI_SHORT];
  cli_say("%zu items, %zu methods, %zu metrics; in the database already: %llu score vectors, %llu "
          "metrics of them",
          r->entry_count - r->problems, r->request->choice->method_count,
          r->request->choice->metric_count, (unsigned long long)t->kept,
          (unsigned long long)t->kept_metrics);
  if (r->too_long) {
    cli_say("%zu questions before these have more than %zu tokens and are passed over", r->too_long,
            r->request->max_tokens);
  }
  print_unfit(r);
  if (!t->attributions && !t->metrics) { /* changes are made for metrics */
    cli_say("nothing is left to do");
    return;
  }
  char again[80] = "";
  if (t->again) {
    snprintf(again, sizeof again, " and %llu after changes", (unsigned long long)t->again);
  }
  cli_say(
      "to do: %llu score vectors%s, %llu metrics; %llu forward, %llu reverse, %llu Hessian passes; "
      "about %s if nothing else runs here",
      (unsigned long long)t->attributions, again, (unsigned long long)t->metrics,
      (unsigned long long)t->forwards, (unsigned long long)t->reverses, (unsigned long long)t->hvps,
      cli_duration_text(t->seconds, time));
}

/* ---- The work ------------------------------------------------------------------------------- */

/* Why work ends early, or CLI_DONE. */
int eval_runner_stopped(const eval_runner *r) {
  int number = cli_interrupt_signal();
  const char *again = "the same command continues";
  if (number) {
    cli_say("stopped; all that was finished is in '%s': %s", r->store->path, again);
    return 128 + number;
  }
  if (over(r)) {
    cli_say("--max-time is used up; %s", again);
    return CLI_BUDGET;
  }
  if (r->request->passes && r->passes >= r->request->passes) {
    cli_say("--passes is used up; %s", again);
    return CLI_BUDGET;
  }
  return CLI_DONE;
}

/* Records of the other chosen methods that follow from a job's parts, where there are none yet. */
static int derive(eval_runner *r, const eval_entry *e, const eval_method *method, heta_job *job,
                  const eval_score *from) {
  const eval_choice *choice = r->request->choice;
  const heta_attribution *a;
  heta_error error = {0};
  int code = CLI_DONE;
  if (from->problem || heta_job_get_result(job, &a, &error)) return CLI_DONE;
  for (size_t m = 0; !code && m < choice->method_count; m++) {
    const eval_method *to = &choice->methods[m];
    eval_key key = eval_runner_key(r, to);
    eval_score score;
    if (to == method || !eval_derivable(method, to)) continue;
    code = eval_store_get_score(r->store, e->id, &key, &score);
    bool found = !code && score.id;
    eval_score_free(&score);
    if (code || found) continue;
    code = eval_derive(a, to, from, &score);
    if (!code) code = eval_store_put_score(r->store, e->id, &key, &score);
    eval_score_free(&score);
  }
  return code;
}

int eval_runner_job(eval_runner *r, heta_job *job, const eval_tokens *tokens, eval_score *score,
                    char problem[CLI_MESSAGE]) {
  heta_error error = {0};
  heta_job_reuse(job, r->last);
  heta_job_free(r->last);
  r->last = job;
  r->now = heta_job_get_plan(job)->seconds;
  heta_status status = heta_job_run(job, &error);
  int code = CLI_DONE;
  if (status == HETA_E_CANCELLED || status == HETA_E_BUDGET) {
    code = eval_runner_stopped(r);
    if (!code) code = cli_fail(cli_exit_code(status), "%s", error.message);
  } else if (status == HETA_E_NONFINITE || status == HETA_E_ARGUMENT) {
    snprintf(problem, CLI_MESSAGE, "%s", error.message);
  } else if (status) {
    code = cli_fail(cli_exit_code(status), "%s", error.message);
  } else {
    code = eval_question_score(job, tokens, score);
    r->passes += score->forwards + score->reverses + score->hvps;
  }
  r->done += r->now;
  r->now = 0;
  return code;
}

void eval_runner_watch(eval_runner *r, heta_attribute_options *base) {
  base->keep_weights = true;
  base->progress = on_progress;
  base->context = r;
}

int eval_runner_attribute(eval_runner *r, const eval_entry *e, const eval_tokens *tokens,
                          const eval_method *method, eval_score *score) {
  heta_attribute_options base = heta_attribute_options_default();
  char problem[CLI_MESSAGE];
  eval_key key = eval_runner_key(r, method);
  heta_job *job;
  eval_runner_watch(r, &base);
  int code = eval_question_job(r->request, e->item, tokens, method, &base, &job, problem);
  if (!code && job) code = eval_runner_job(r, job, tokens, score, problem);
  if (!code && problem[0]) {
    *score = (eval_score){.problem = strdup(problem)};
    cli_say("%s, item %s: %s: %s", e->item->suite, e->item->name, method->label, problem);
  }
  if (!code) code = eval_store_put_score(r->store, e->id, &key, score);
  if (!code && job) code = derive(r, e, method, job, score);
  return code;
}

static int open_reworded(eval_runner *r, eval_subject *s) {
  eval_item other = *s->entry->item;
  other.text = other.paraphrase;
  int code = eval_question_tokens(r->request->model, &other, &s->reworded, s->reworded_problem);
  if (code || s->reworded_problem[0]) return code;
  if (s->reworded.target != s->tokens.target) {
    snprintf(s->reworded_problem, sizeof s->reworded_problem,
             "behind the paraphrase the target begins with another token");
  }
  return eval_pairs_find(s->entry->item->text, &s->tokens, other.text, &s->reworded, &s->pairs);
}

static int open_subject(eval_runner *r, const eval_entry *e, eval_subject *s) {
  bool found;
  *s = (eval_subject){.entry = e,
                      .asked = calloc(r->request->choice->metric_count + 1, sizeof *s->asked)};
  if (!s->asked) return cli_fail(CLI_FAILED, "out of memory");
  int code = eval_store_get_tokens(r->store, e->id, &s->tokens, &found);
  if (!code) code = eval_question_mask(e->item, &s->tokens, "gold", &s->gold);
  if (!code) code = eval_question_mask(e->item, &s->tokens, "distractor", &s->distractor);
  if (!code) code = eval_question_mask(e->item, &s->tokens, "support", &s->support);
  if (!code) {
    code = eval_question_foil(r->request->model, e->item, &s->tokens, &s->foil_text, &s->foil,
                              &s->foil_place, s->foil_problem);
  }
  if (!code && e->item->paraphrase) code = open_reworded(r, s);
  return code;
}

static void close_subject(eval_subject *s) {
  eval_tokens_free(&s->tokens);
  free(s->gold);
  free(s->distractor);
  free(s->support);
  free(s->foil_text);
  free(s->foil_place);
  eval_tokens_free(&s->foil);
  eval_tokens_free(&s->reworded);
  eval_pairs_free(&s->pairs);
  free(s->asked);
}

static int judge(eval_runner *r, const eval_subject *s, const eval_method *method, size_t k,
                 const eval_score *score) {
  const heta_metric_info *metric = r->request->choice->metrics[k];
  eval_companions others = {0};
  heta_scored scored = {.struct_size = sizeof scored,
                        .tokens = s->tokens.ids,
                        .length = s->tokens.length,
                        .target = s->tokens.target,
                        .score = score->score,
                        .signed_score = score->signed_score,
                        .set_apart = s->tokens.apart,
                        .gold = s->gold,
                        .distractor = s->distractor,
                        .support = s->support,
                        .foil_tokens = s->foil.ids,
                        .foil_length = s->foil.length,
                        .foil_target = s->foil.target,
                        .foil_place = s->foil_place,
                        .rank = score->rank,
                        .unit = s->pairs.own,
                        .unit_count = s->pairs.count};
  const heta_measure *measures = NULL;
  heta_error error = {0};
  uint64_t forwards = 0;
  int code = CLI_DONE;
  const char *problem = NULL; /* of the item */
  bool foil = metric->needs & HETA_METRIC_NEEDS_FOIL;
  if (foil && !s->foil_place) problem = s->foil_problem;
  bool reworded = metric->needs & HETA_METRIC_NEEDS_PARAPHRASE;
  if (reworded && s->reworded_problem[0]) problem = s->reworded_problem;
  if (!problem && eval_attributes_again(metric)) {
    code = eval_companions_open(r, s, metric, method, &scored, &others);
    if (others.problem[0]) problem = others.problem;
  }
  double began = seconds_now();
  if (!code) code = metric_price(r, metric, s->tokens.length, s->asked[k], &forwards, &r->now);
  if (code) goto done;
  s->asked[k] = true;
  heta_status status =
      problem ? HETA_OK : heta_evaluate(r->evaluator, metric->name, &scored, &measures, &error);
  if (status == HETA_E_CANCELLED) {
    code = eval_runner_stopped(r);
    if (!code) code = cli_fail(CLI_FAILED, "%s", error.message);
    goto done;
  }
  bool own = status == HETA_E_ARGUMENT || status == HETA_E_NONFINITE;
  if (own) problem = error.message;
  if (status && !own) {
    code = cli_fail(cli_exit_code(status), "%s", error.message);
    goto done;
  }
  code = eval_store_put_metric(r->store, score->id, metric->name, settings_of(r, metric), measures,
                               metric->measure_count, seconds_now() - began, problem);
  r->passes += forwards;
  r->done += r->now;
  r->now = 0;
done:
  eval_companions_close(&others);
  return code;
}

/* All that one item lacks of one method. */
static int work(eval_runner *r, const eval_subject *s, const eval_method *method) {
  const eval_choice *choice = r->request->choice;
  eval_key key = eval_runner_key(r, method);
  eval_score score;
  snprintf(r->phase, sizeof r->phase, "%.40s", method->label);
  int code = eval_store_get_score(r->store, s->entry->id, &key, &score);
  if (!code && !score.id) code = eval_runner_attribute(r, s->entry, &s->tokens, method, &score);
  for (size_t k = 0; !code && !score.problem && k < choice->metric_count; k++) {
    const heta_metric_info *metric = choice->metrics[k];
    bool found = false;
    if (!applies(metric, s->entry->item, method)) continue;
    code = eval_store_has_metric(r->store, score.id, metric->name, settings_of(r, metric), &found);
    if (!code && !found) code = eval_runner_stopped(r);
    if (!code && !found) code = judge(r, s, method, k, &score);
  }
  eval_score_free(&score);
  show(r, 0);
  return code ? code : eval_runner_stopped(r);
}

static int work_all(eval_runner *r) {
  int code = CLI_DONE;
  r->started = seconds_now();
  if (!r->request->no_progress) cli_progress_start();
  for (size_t i = 0; !code && i < r->entry_count; i++) {
    eval_subject s;
    if (!r->entries[i].length) continue;
    code = open_subject(r, &r->entries[i], &s);
    for (size_t m = 0; !code && m < r->request->choice->method_count; m++) {
      code = work(r, &s, &r->request->choice->methods[m]);
    }
    close_subject(&s);
    heta_job_free(r->last);
    r->last = NULL;
  }
  cli_progress_clear();
  return code;
}

/* What noise is measured in, if it is asked for: it takes a look at the whole table. */
static int measure_embeddings(eval_runner *r) {
  const eval_choice *choice = r->request->choice;
  heta_error error = {0};
  bool needed = false;
  for (size_t k = 0; k < choice->metric_count; k++)
    needed |= (choice->metrics[k]->needs & HETA_METRIC_NEEDS_NOISE) > 0;
  if (!needed || !heta_embedding_deviation(r->request->model, &r->deviation, &error))
    return CLI_DONE;
  return cli_fail(CLI_FAILED, "%s", error.message);
}

int eval_run(const eval_request *request, eval_store *store) {
  static const char *const BACKENDS[] = {"cpu", "reference"}, *const PRECISIONS[] = {"f32", "f64"};
  heta_metric_options metric_options = *request->metric_options;
  eval_runner r = {.request = request, .store = store};
  heta_error error = {0};
  snprintf(r.engine, sizeof r.engine, "heta %s %s %s", heta_version(), BACKENDS[request->backend],
           PRECISIONS[request->precision]);
  snprintf(r.settings, sizeof r.settings, "mask=%s draws=%zu subsets=%zu seed=%llu",
           metric_options.mask, metric_options.draws, metric_options.subsets,
           (unsigned long long)metric_options.seed);
  snprintf(r.repeats, sizeof r.repeats, "repeats=%zu", request->repeats);
  metric_options.stop = on_stop;
  metric_options.context = &r;
  if (heta_evaluator_open(request->model, &metric_options, &r.evaluator, &error)) {
    return cli_fail(CLI_USAGE, "%s", error.message);
  }
  cli_interrupt_note();
  int code = measure_embeddings(&r);
  if (!code) code = plan(&r);
  if (!code && !request->quiet) print_plan(&r);
  if (!code && !request->plan_only) code = work_all(&r);
  heta_evaluator_close(r.evaluator);
  free(r.entries);
  free(r.fits);
  return code;
}
