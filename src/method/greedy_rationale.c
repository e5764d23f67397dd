/* greedy_rationale.c: the tokens that, added one by one, soonest make the model write the target.
 */
#include <math.h>
#include <string.h>

#include "method/coalition.h"

enum { ORDER, GAIN, REACHED, PASSES }; /* series; the last two are tables of one number */

static const heta_option_info OPTIONS[] = {
    {"weights", NULL, HETA_OPTION_CHOICE, 0, 0, "rank|equal|gain", "rank",
     "of the k-th token of the rationale: 1/k, one part of it, or what it added to log P"},
    {"steps", NULL, HETA_OPTION_INTEGER, 1, 1e6, NULL, "1024", "tokens added at most"},
    HETA_COALITION_MASK_OPTION("attend"),
    HETA_KEEP_OPTION,
    HETA_NORMALISE_OPTION,
    HETA_PASSES_OPTION,
};

static size_t steps_of(const heta_i_session *session, size_t players) {
  double steps = heta_i_option_number(session, "steps");
  return steps < (double)players ? (size_t)steps : players;
}

/* Passes of the first `steps` additions, and of the start. */
static uint64_t passes_of(size_t candidates, size_t steps) {
  uint64_t sum = 1;
  for (size_t k = 0; k < steps && k < candidates; k++) sum += candidates - k;
  return sum;
}

/* Players that are not in from the start: all but the last token. */
static size_t candidates_of(const heta_i_session *session, size_t target) {
  size_t last = heta_i_context(session, target) - 1;
  return heta_i_player_count(session, target) - heta_i_is_player(session, last);
}

static heta_status check(const heta_i_session *session, heta_error *error) {
  HETA_TRY(heta_i_coalition_check(session, error));
  return heta_i_players_check(session, 2, error);
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  HETA_TRY(heta_i_add_series(session, "order", 1, error));
  HETA_TRY(heta_i_add_series(session, "gain", 1, error));
  HETA_TRY(heta_i_add_table(session, "reached", 1, 1, error));
  HETA_TRY(heta_i_add_table(session, "passes", 1, 1, error));
  uint64_t left = 0;
  for (size_t t = 0; t < session->target_count; t++) {
    size_t candidates = candidates_of(session, t);
    uint64_t all = passes_of(candidates, steps_of(session, candidates)), allowed;
    HETA_TRY(heta_i_allowed(session, all, passes_of(candidates, 1),
                            "the last token alone, then with each other one", &allowed, error));
    left += session->left_out;
    HETA_TRY(heta_i_add_item(
        session,
        (heta_i_item){.name = "rationale",
                      .target = t,
                      .target_end = t + 1,
                      .token_end = session->length,
                      .sample_end = 1,
                      .whole = true,
                      .fills = 1u << ORDER | 1u << GAIN | 1u << REACHED | 1u << PASSES,
                      .counted = PASSES + 1,
                      .forwards = allowed,
                      .flop = heta_i_flop(session, (double)allowed * (double)candidates / 3 + 1,
                                          (double)allowed)},
        error));
  }
  session->left_out = left;
  session->bytes += heta_i_coalition_bytes(session) + session->length * session->length;
  return HETA_OK;
}

typedef struct search {
  heta_i_session *session;
  size_t target, length;
  bool *absent;      /* [length × length] one row per candidate */
  bool *out;         /* [length] tokens not in the rationale */
  size_t *candidate; /* [length] */
  double *value;     /* [length] */
  size_t *above;
} search;

static void close_search(search *s) {
  heta_i_free(s->absent);
  heta_i_free(s->out);
  heta_i_free(s->candidate);
  heta_i_free(s->value);
  heta_i_free(s->above);
}

static heta_status open_search(search *s, heta_error *error) {
  size_t n = s->length;
  s->absent = heta_i_allocate(n * n, sizeof *s->absent);
  s->out = heta_i_allocate(n, sizeof *s->out);
  s->candidate = heta_i_allocate(n, sizeof *s->candidate);
  s->value = heta_i_allocate(n, sizeof *s->value);
  s->above = heta_i_allocate(n, sizeof *s->above);
  if (s->absent && s->out && s->candidate && s->value && s->above) return HETA_OK;
  return heta_i_no_memory(error, "rationales", n * n);
}

/* Values of the rationale with each candidate (with none: of itself). */
static heta_status evaluate(search *s, size_t count, heta_error *error) {
  heta_i_findings findings = {.value = s->value, .above = s->above};
  for (size_t c = 0; c < count; c++) {
    memcpy(s->absent + c * s->length, s->out, s->length * sizeof *s->out);
    if (s->candidate[c] < s->length) s->absent[c * s->length + s->candidate[c]] = false;
  }
  return heta_i_coalitions(s->session, s->target, s->absent, count, &findings, error);
}

static size_t find_candidates(search *s) {
  size_t count = 0;
  for (size_t i = 0; i < s->length; i++)
    if (s->out[i]) s->candidate[count++] = i;
  return count;
}

static heta_status grow(search *s, uint64_t allowed, heta_error *error) {
  heta_i_session *session = s->session;
  size_t last = s->length - 1, number = 1;
  double *reached = heta_i_series_at(session, REACHED, s->target, 0), before;
  double *passes = heta_i_series_at(session, PASSES, s->target, 0), spent = 1;
  for (size_t i = 0; i < session->length; i++) {
    *heta_i_series_at(session, ORDER, s->target, i) = i == last ? 1 : 0;
    *heta_i_series_at(session, GAIN, s->target, i) = 0;
    if (i < last) s->out[i] = heta_i_is_player(session, i);
  }
  s->candidate[0] = SIZE_MAX;
  HETA_TRY(evaluate(s, 1, error));
  before = s->value[0];
  bool done = !s->above[0];
  size_t most = steps_of(session, s->length);
  for (size_t step = 0; step < most && !done; step++) {
    size_t count = find_candidates(s), best = 0;
    if (!count || spent + (double)count > (double)allowed) break;
    HETA_TRY(evaluate(s, count, error));
    spent += (double)count;
    session->item_done = spent / (double)allowed;
    for (size_t c = 1; c < count; c++)
      if (s->value[c] > s->value[best]) best = c;
    s->out[s->candidate[best]] = false;
    *heta_i_series_at(session, ORDER, s->target, s->candidate[best]) = (double)++number;
    *heta_i_series_at(session, GAIN, s->target, s->candidate[best]) = s->value[best] - before;
    before = s->value[best];
    done = !s->above[best];
  }
  *reached = done;
  *passes = spent;
  return HETA_OK;
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  search s = {.session = session,
              .target = item->target,
              .length = session->targets[item->target].position};
  heta_status status = open_search(&s, error);
  if (!status) status = grow(&s, item->forwards, error);
  close_search(&s);
  return status;
}

static bool finish(const heta_i_session *session, size_t target, size_t length,
                   heta_i_numbers *to) {
  bool equal = heta_i_option_is(session, "weights", "equal");
  bool by_gain = heta_i_option_is(session, "weights", "gain");
  double inside = 0;
  for (size_t i = 0; i < length; i++) inside += *heta_i_series_at(session, ORDER, target, i) > 0;
  for (size_t i = 0; i < length; i++) {
    double order = to->components[0][i] = *heta_i_series_at(session, ORDER, target, i);
    double gain = to->components[1][i] = *heta_i_series_at(session, GAIN, target, i);
    to->score[i] = order > 0 ? equal ? 1 / inside : 1 / order : order;
    if (by_gain && !isnan(order)) to->score[i] = gain > 0 ? gain : 0;
  }
  return true;
}

static size_t checks(const heta_i_session *session, heta_check_value *out) {
  double inside = 0;
  for (size_t i = 0; i < session->targets[0].position; i++)
    inside += *heta_i_series_at(session, ORDER, 0, i) > 0;
  out[0] =
      (heta_check_value){"rationale_predicts_target", *heta_i_series_at(session, REACHED, 0, 0)};
  out[1] = (heta_check_value){"rationale_tokens", inside};
  return 2;
}

const heta_i_method heta_i_method_greedy_rationale = {
    .info =
        {.name = "greedy-rationale",
         .summary = "tokens added one by one until the model writes the target",
         .about =
             "The rationale begins with the last context token (and special tokens, --keep). Each "
             "step adds the token with which the target is most probable, the others being hidden "
             "at their places (--mask attend), until it is the model's first choice or every token "
             "is in; of equals the earlier. The score of the k-th token, the last one of the "
             "context being the first, is 1/k, and 0 outside the rationale; --weights equal gives "
             "all of them the same, --weights gain what each added to the log-probability, where "
             "that is positive. The checks say whether the target was reached. Models that were "
             "not trained on texts with words left out may need nearly the whole context. A target "
             "that is not the model's first choice cannot be reached.",
         .source = "Vafa et al. 2021",
         .cost = "1 + n(n-1)/2 forwards per target at most, of as many rows as tokens are in",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .alone = "it adds tokens until that token is the model's first choice",
    .component_count = 2,
    .components = {{"order", "rank", true, NULL}, {"gain", "nat", true, NULL}},
    .check = check,
    .plan = plan,
    .run = run,
    .finish = finish,
    .checks = checks};
