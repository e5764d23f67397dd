/* reagent.c: importance learned by replacing random tokens and watching the target's probability.
 *
 * A run has one number per player, begun at random. Each step replaces players with a probability;
 * with δ the fall of the target's probability and u = log((1+δ)/(1-δ)), replaced ones gain u and
 * the others lose it. It stops when the few strongest tokens alone, everything else replaced, leave
 * the target among the model's first choices. Scores are the mean over the runs that stopped of the
 * softmax of their numbers. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "method/coalition.h"

enum { SHARE, STOPPED, PASSES, FALL }; /* series; all but the first are tables of one row */

static const heta_option_info OPTIONS[] = {
    {"runs", NULL, HETA_OPTION_INTEGER, 1, 1000, NULL, "8", "independent runs"},
    {"steps", NULL, HETA_OPTION_INTEGER, 1, 60000, NULL, "200", "steps of a run at most"},
    {"replace", NULL, HETA_OPTION_NUMBER, 1e-3, 0.999, NULL, "0.3",
     "probability with which a step replaces a token"},
    {"top", NULL, HETA_OPTION_INTEGER, 1, 10000, NULL, "5",
     "tokens that have to suffice for a run to stop"},
    {"rank", NULL, HETA_OPTION_INTEGER, 1, 10000, NULL, "3",
     "how far down the model's first choices the target may then be"},
    HETA_KEEP_OPTION,
    HETA_NORMALISE_OPTION,
    HETA_PASSES_OPTION,
};

static size_t runs_of(const heta_i_session *session) {
  return (size_t)heta_i_option_number(session, "runs");
}

/* Steps that --passes allows: each takes two passes in each run. */
static size_t steps_of(const heta_i_session *session) {
  double steps = heta_i_option_number(session, "steps");
  double cap = floor(heta_i_option_number(session, "passes") / (2 * (double)runs_of(session)));
  return (size_t)(cap > 0 && cap < steps ? cap : steps);
}

static heta_status check(const heta_i_session *session, heta_error *error) {
  size_t players = heta_i_player_count(session, 0);
  size_t top = (size_t)heta_i_option_number(session, "top");
  if (players > top) return HETA_OK;
  return heta_i_fail(error, HETA_E_ARGUMENT,
                     "method reagent: the %zu strongest tokens have to suffice (--top), but the "
                     "context has only %zu that may be replaced: give a longer text, or a smaller "
                     "--top",
                     top, players);
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  size_t runs = runs_of(session), steps = steps_of(session);
  uint64_t asked = 2 * (uint64_t)heta_i_option_number(session, "steps") * runs, allowed;
  HETA_TRY(heta_i_allowed(session, asked, 2 * runs, "one step of every run", &allowed, error));
  session->left_out = (asked - 2 * runs * steps) * session->target_count;
  HETA_TRY(heta_i_add_series(session, "share", runs, error));
  HETA_TRY(heta_i_add_table(session, "stopped", 1, runs, error));
  HETA_TRY(heta_i_add_table(session, "passes", 1, runs, error));
  HETA_TRY(heta_i_add_table(session, "fall", 1, runs, error));
  for (size_t t = 0; t < session->target_count; t++) {
    size_t n = heta_i_context(session, t), group = session->lane_rows / n;
    if (!group) group = 1;
    for (size_t from = 0; from < runs; from += group) {
      size_t to = from + group < runs ? from + group : runs;
      double passes = 2 * (double)steps * (double)(to - from);
      HETA_TRY(heta_i_add_item(
          session,
          (heta_i_item){.name = "replacements",
                        .target = t,
                        .target_end = t + 1,
                        .token_end = session->length,
                        .whole = true,
                        .sample = from,
                        .sample_end = to,
                        .fills = 1u << SHARE | 1u << STOPPED | 1u << PASSES | 1u << FALL,
                        .counted = PASSES + 1,
                        .forwards = (uint64_t)passes,
                        .flop = heta_i_flop(session, passes * (double)n, passes)},
          error));
    }
  }
  session->bytes += session->model->hyper.vocabulary * 4 + 64 * session->length * runs;
  return HETA_OK;
}

typedef struct state {
  heta_i_session *session;
  heta_i_deck deck;
  size_t runs, first; /* of the item */
  size_t words;       /* tokens that may replace others */
  int32_t *word;
  double *number;        /* [runs × players] */
  double *uniform;       /* [3 × players] */
  double *fall;          /* [runs] the last δ */
  double *passes;        /* [runs] */
  bool *live, *replaced; /* [runs], [runs × players] */
  int32_t *tokens;       /* [runs × length] */
  heta_i_text *texts;    /* [runs] */
  size_t *owner;         /* [runs] whose each text is */
  double *value;         /* [runs] */
  size_t *above;
} state;

static void close_state(state *s) {
  void *blocks[] = {s->word,  s->number,   s->uniform, s->fall,  s->passes, s->live,
                    s->texts, s->replaced, s->tokens,  s->owner, s->value,  s->above};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) heta_i_free(blocks[i]);
  heta_i_deck_close(&s->deck);
}

static heta_status open_state(state *s, size_t target, heta_error *error) {
  const heta_model *model = s->session->model;
  size_t runs = s->runs, vocabulary = model->hyper.vocabulary;
  HETA_TRY(heta_i_deck_open(s->session, target, &s->deck, error));
  size_t n = s->deck.count;
  s->word = heta_i_allocate(vocabulary, sizeof *s->word);
  s->number = heta_i_allocate(runs * n, sizeof *s->number);
  s->uniform = heta_i_allocate(3 * n, sizeof *s->uniform);
  s->fall = heta_i_allocate(runs, sizeof *s->fall);
  s->passes = heta_i_allocate(runs, sizeof *s->passes);
  s->live = heta_i_allocate(runs, sizeof *s->live);
  s->replaced = heta_i_allocate(runs * n, sizeof *s->replaced);
  s->tokens = heta_i_allocate(runs * s->deck.length, sizeof *s->tokens);
  s->texts = heta_i_allocate(runs, sizeof *s->texts);
  s->owner = heta_i_allocate(runs, sizeof *s->owner);
  s->value = heta_i_allocate(runs, sizeof *s->value);
  s->above = heta_i_allocate(runs, sizeof *s->above);
  if (!s->word || !s->number || !s->uniform || !s->fall || !s->passes || !s->live || !s->replaced ||
      !s->tokens || !s->texts || !s->owner || !s->value || !s->above)
    return heta_i_no_memory(error, "replacements", runs * n * sizeof *s->number);
  for (size_t v = 0; v < vocabulary; v++)
    if (!heta_i_tokenizer_is_special(model->tokenizer, (int32_t)v))
      s->word[s->words++] = (int32_t)v;
  if (!s->words)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "method reagent: every token of this model is a special one; there is none "
                       "to put in place of another");
  return HETA_OK;
}

/* Step 0 is the beginning. */
static void draw(state *s, size_t run, size_t step) {
  uint32_t index = (uint32_t)((s->first + run) * 65536 + step);
  heta_i_uniform(s->session->seed, HETA_STREAM_REPLACEMENT, (uint32_t)s->deck.target, index,
                 3 * s->deck.count, s->uniform);
}

/* The context of a live run with some players replaced by tokens from uniform[…]. */
static void lay_text(state *s, size_t run, const bool *replaced, const double *uniform,
                     size_t *count) {
  int32_t *tokens = s->tokens + run * s->deck.length;
  memcpy(tokens, s->session->tokens, s->deck.length * sizeof *tokens);
  for (size_t i = 0; i < s->deck.count; i++)
    if (replaced[i]) tokens[s->deck.player[i]] = s->word[(size_t)(uniform[i] * (double)s->words)];
  s->owner[*count] = run;
  s->texts[(*count)++] = (heta_i_text){tokens, s->deck.length};
}

static heta_status run_texts(state *s, size_t count, heta_error *error) {
  for (size_t c = 0; c < count; c++) s->passes[s->owner[c]]++;
  return heta_i_texts(s->session, s->deck.target, 1, s->texts, count, s->value, s->above, error);
}

static heta_status update(state *s, size_t step, double clean, heta_error *error) {
  size_t n = s->deck.count, count = 0;
  double rate = heta_i_option_number(s->session, "replace");
  for (size_t b = 0; b < s->runs; b++) {
    if (!s->live[b]) continue;
    draw(s, b, step);
    for (size_t i = 0; i < n; i++) s->replaced[b * n + i] = s->uniform[i] < rate;
    lay_text(s, b, s->replaced + b * n, s->uniform + n, &count);
  }
  HETA_TRY(run_texts(s, count, error));
  for (size_t c = 0; c < count; c++) {
    size_t b = s->owner[c];
    double fall = clean - exp(s->value[c]), most = 1 - 1e-7;
    s->fall[b] = fall = fall > most ? most : fall < -most ? -most : fall;
    double u = log1p(fall) - log1p(-fall);
    for (size_t i = 0; i < n; i++) s->number[b * n + i] += s->replaced[b * n + i] ? u : -u;
  }
  return HETA_OK;
}

/* Whether fewer than `top` players stand before this one; of equals the earlier does. */
static bool is_strong(const double *number, size_t n, size_t player, size_t top) {
  size_t before = 0;
  for (size_t i = 0; i < n; i++)
    before += number[i] > number[player] || (number[i] == number[player] && i < player);
  return before < top;
}

static heta_status stop_test(state *s, size_t step, heta_error *error) {
  size_t n = s->deck.count, count = 0;
  size_t top = (size_t)heta_i_option_number(s->session, "top");
  size_t rank = (size_t)heta_i_option_number(s->session, "rank");
  for (size_t b = 0; b < s->runs; b++) {
    if (!s->live[b]) continue;
    draw(s, b, step);
    for (size_t i = 0; i < n; i++)
      s->replaced[b * n + i] = !is_strong(s->number + b * n, n, i, top);
    lay_text(s, b, s->replaced + b * n, s->uniform + 2 * n, &count);
  }
  HETA_TRY(run_texts(s, count, error));
  for (size_t c = 0; c < count; c++) s->live[s->owner[c]] = s->above[c] >= rank;
  return HETA_OK;
}

static void store(state *s) {
  size_t n = s->deck.count, target = s->deck.target;
  for (size_t b = 0; b < s->runs; b++) {
    const double *number = s->number + b * n;
    double most = -INFINITY, sum = 0;
    size_t sample = s->first + b;
    for (size_t i = 0; i < n; i++) most = fmax(most, number[i]);
    for (size_t i = 0; i < n; i++) sum += exp(number[i] - most);
    for (size_t i = 0; i < s->session->length; i++)
      heta_i_series_at(s->session, SHARE, target, i)[sample] = 0;
    for (size_t i = 0; i < n; i++)
      heta_i_series_at(s->session, SHARE, target, s->deck.player[i])[sample] =
          exp(number[i] - most) / sum;
    heta_i_series_at(s->session, STOPPED, target, 0)[sample] = !s->live[b];
    heta_i_series_at(s->session, PASSES, target, 0)[sample] = s->passes[b];
    heta_i_series_at(s->session, FALL, target, 0)[sample] = s->fall[b];
  }
}

static heta_status run_steps(state *s, heta_error *error) {
  size_t n = s->deck.count, steps = steps_of(s->session), live = s->runs;
  heta_i_text clean = {s->session->tokens, s->deck.length};
  double logprob;
  HETA_TRY(heta_i_texts(s->session, s->deck.target, 1, &clean, 1, &logprob, NULL, error));
  for (size_t b = 0; b < s->runs; b++) {
    draw(s, b, 0);
    memcpy(s->number + b * n, s->uniform, n * sizeof *s->number);
    s->live[b] = true;
  }
  for (size_t step = 1; step <= steps && live; step++) {
    s->session->item_done = (double)(step - 1) / (double)steps;
    HETA_TRY(update(s, step, exp(logprob), error));
    HETA_TRY(stop_test(s, step, error));
    live = 0;
    for (size_t b = 0; b < s->runs; b++) live += s->live[b];
  }
  store(s);
  return HETA_OK;
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  state s = {.session = session, .runs = item->sample_end - item->sample, .first = item->sample};
  heta_status status = open_state(&s, item->target, error);
  if (!status) status = run_steps(&s, error);
  close_state(&s);
  return status;
}

static bool finish(const heta_i_session *session, size_t target, size_t length,
                   heta_i_numbers *to) {
  size_t runs = runs_of(session), stopped = 0;
  const double *ended = heta_i_series_at(session, STOPPED, target, 0);
  for (size_t b = 0; b < runs; b++) stopped += ended[b] > 0;
  for (size_t i = 0; i < length; i++) {
    const double *share = heta_i_series_at(session, SHARE, target, i);
    double sum = 0, squares = 0, used = (double)(stopped ? stopped : runs);
    for (size_t b = 0; b < runs; b++)
      if (!stopped || !(ended[b] <= 0)) sum += share[b];
    for (size_t b = 0; b < runs; b++)
      if (!stopped || !(ended[b] <= 0))
        squares += (share[b] - sum / used) * (share[b] - sum / used);
    to->score[i] = to->components[0][i] = sum / used;
    to->score_se[i] = to->errors[0][i] = used > 1 ? sqrt(squares / (used - 1) / used) : NAN;
    to->probes[i] = (uint32_t)used;
  }
  return true;
}

static size_t checks(const heta_i_session *session, heta_check_value *out) {
  double stopped = 0;
  for (size_t b = 0; b < runs_of(session); b++)
    stopped += heta_i_series_at(session, STOPPED, 0, 0)[b];
  out[0] = (heta_check_value){"runs_stopped", stopped};
  return 1;
}

const heta_i_method heta_i_method_reagent = {
    .info =
        {.name = "reagent",
         .summary = "importance learned by replacing random tokens, until the strongest suffice",
         .about =
             "Each run begins with random numbers, replaces tokens at random, step by step, and "
             "moves "
             "the numbers of replaced tokens up, those of the others down, by how much the "
             "target's probability falls: u = log((1+d)/(1-d)). It stops when its strongest tokens "
             "(--top), everything else replaced, leave the target among the first choices "
             "(--rank). The score is the mean over the runs that stopped of the softmax of their "
             "numbers; it sums to 1. How many stopped is in the checks; if none did, all runs "
             "count. A target of little probability moves the numbers little: its scores are then "
             "the random beginning. Decided here: replacements are drawn uniformly from all tokens "
             "that are not special (the released code draws within a part-of-speech tag of an "
             "English tagger), 200 steps at most instead of thousands, and special tokens stay.",
         .source = "ReAGent (Zhao & Shan 2024)",
         .cost = "2 forwards per step and run, 2·8·200 at most",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .alone = "it stops when that token is among the model's first choices",
    .component_count = 1,
    .components = {{"share", "fraction", false, "runs"}},
    .check = check,
    .plan = plan,
    .run = run,
    .finish = finish,
    .checks = checks};
