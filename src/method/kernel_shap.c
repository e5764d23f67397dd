/* kernel_shap.c: Shapley values of the context's tokens by weighted least squares over coalitions.
 *
 * A size k is drawn with probability ∝ 1/(k(n-k)), then who is absent, any as likely; every other
 * sample is the complement of the one before it. That is the Shapley kernel, so that the fit needs
 * no weights. When all coalitions are no more than the samples asked for, all are taken, with the
 * kernel's weights: the values are then exact. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "method/linear.h"

enum { VALUES, ENDS }; /* series; ENDS: the empty and the full coalition */

static const heta_option_info OPTIONS[] = {
    {"samples", NULL, HETA_OPTION_INTEGER, 2, 1e7, "auto", "auto",
     "coalitions, all of them if there are no more; auto: 8 for each token, 512 at least, or all "
     "up to 2n + 2048"},
    HETA_COALITION_MASK_OPTION("zero"),
    HETA_KEEP_OPTION,
    HETA_OBJECTIVE_OPTION("logprob"),
    HETA_MAP_OPTION("positive"),
    HETA_NORMALISE_OPTION,
    HETA_PASSES_OPTION,
};

/* 2^n - 2, when that is at most `samples`; else 0. */
static size_t all_of(size_t players, size_t samples) {
  if (players > 24) return 0;
  size_t all = ((size_t)1 << players) - 2;
  return all <= samples ? all : 0;
}

static size_t asked_of(const heta_i_session *session, size_t players) {
  if (heta_i_option_is(session, "samples", "auto"))
    return all_of(players, 2 * players + 2048) ? 2 * players + 2048
           : players < 64                      ? 512
                                               : 8 * players;
  return (size_t)heta_i_option_number(session, "samples");
}

/* Samples of a target, and whether they are all there are. */
static size_t samples_of(const heta_i_session *session, size_t target, bool *all) {
  size_t players = heta_i_player_count(session, target), asked = asked_of(session, players);
  double cap = heta_i_option_number(session, "passes");
  if (cap > 0 && cap - 2 < (double)asked) asked = (size_t)cap - 2;
  size_t every = all_of(players, asked);
  *all = every || players < 2;
  return players < 2 ? 0 : every ? every : asked;
}

static heta_status check(const heta_i_session *session, heta_error *error) {
  HETA_TRY(heta_i_coalition_check(session, error));
  HETA_TRY(heta_i_players_check(session, 1, error));
  size_t players = heta_i_player_count(session, session->target_count - 1);
  size_t asked = asked_of(session, players);
  if (asked < players && !all_of(players, asked))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--samples %zu: the values of %zu tokens need at least as many coalitions",
                       asked, players);
  return HETA_OK;
}

static void draw(heta_i_deck *deck, size_t sample) {
  size_t n = deck->count;
  bool all;
  samples_of(deck->session, deck->target, &all);
  if (all) { /* absent by the bits of sample + 1 */
    memset(deck->absent, 0, deck->length * sizeof *deck->absent);
    for (size_t i = 0; i < n; i++) deck->absent[deck->player[i]] = (sample + 1) >> i & 1;
    return;
  }
  heta_i_uniform(deck->session->seed, HETA_STREAM_COALITION, (uint32_t)deck->target,
                 (uint32_t)(sample / 2), n + 1, deck->uniform);
  double total = 0, sum = 0;
  for (size_t k = 1; k < n; k++) total += 1 / ((double)k * (double)(n - k));
  size_t size = 1;
  for (; size < n - 1; size++) {
    sum += 1 / ((double)size * (double)(n - size));
    if (deck->uniform[n] * total < sum) break;
  }
  heta_i_deck_choose(deck, size, deck->uniform);
  for (size_t i = 0; i < n && sample % 2; i++)
    deck->absent[deck->player[i]] = !deck->absent[deck->player[i]];
}

static void draw_end(heta_i_deck *deck, size_t sample) {
  for (size_t i = 0; i < deck->count; i++)
    deck->absent[deck->player[i]] = sample == HETA_VALUE_OF_NONE;
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  size_t most = 1;
  uint64_t left = 0, allowed;
  bool all;
  for (size_t t = 0; t < session->row_count; t++) {
    size_t players = heta_i_player_count(session, t), asked = asked_of(session, players);
    if (all_of(players, asked)) asked = all_of(players, asked);
    uint64_t least = all_of(players, players) ? all_of(players, players) : players;
    HETA_TRY(heta_i_allowed(session, asked + 2, least + 2,
                            "a coalition for each token, the empty and the full one", &allowed,
                            error));
    left += session->left_out;
    size_t samples = samples_of(session, t, &all);
    if (samples > most) most = samples;
  }
  session->left_out = left;
  HETA_TRY(heta_i_add_table(session, "coalitions", 1, most, error));
  HETA_TRY(heta_i_add_table(session, "ends", 1, 2, error));
  for (size_t t = 0; t < session->row_count; t++) {
    HETA_TRY(heta_i_draw_items(session, "coalitions", ENDS, t, 2, draw_end, error));
    HETA_TRY(heta_i_draw_items(session, "coalitions", VALUES, t, samples_of(session, t, &all), draw,
                               error));
  }
  session->bytes += heta_i_coalition_bytes(session);
  return HETA_OK;
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  return item->fills == 1u << ENDS ? heta_i_draw_run(session, item, ENDS, draw_end, error)
                                   : heta_i_draw_run(session, item, VALUES, draw, error);
}

static bool fit(const heta_i_session *session, size_t target, const heta_i_moments *moments,
                double *room, double *out) {
  return heta_i_fit_total(moments, 1e-8, heta_i_value_of_all(session, ENDS, target), room, out);
}

static void add(const heta_i_session *session, heta_i_deck *deck, size_t sample,
                heta_i_groups *groups) {
  double value = heta_i_series_at(session, VALUES, deck->target, 0)[sample];
  double none = heta_i_series_at(session, ENDS, deck->target, 0)[HETA_VALUE_OF_NONE];
  bool all;
  if (isnan(value)) return;
  samples_of(session, deck->target, &all);
  draw(deck, sample);
  size_t size = heta_i_present(deck, deck->order);
  heta_i_groups_add(groups, sample / 2, deck->order, size,
                    all ? heta_i_shapley_kernel(deck->count, size) : 1, value - none);
}

static bool finish(const heta_i_session *session, size_t target, size_t length,
                   heta_i_numbers *to) {
  (void)length;
  heta_i_linear how = {.add = add, .fit = fit};
  how.samples = samples_of(session, target, &how.exact);
  return heta_i_linear_finish(session, target, &how, to);
}

static void describe(const heta_i_session *session, heta_component_info *components) {
  bool all = true, one;
  for (size_t t = 0; t < session->row_count; t++) {
    samples_of(session, t, &one);
    all &= one;
  }
  components[0].unit = heta_i_objective_unit(session);
  components[0].exact = all;
  components[0].estimator = all ? NULL : "coalitions";
}

static size_t checks(const heta_i_session *session, heta_check_value *out) {
  return heta_i_value_checks(session, ENDS, out);
}

const heta_i_method heta_i_method_kernel_shap = {
    .info =
        {.name = "kernel-shap",
         .summary = "Shapley values of the tokens, by least squares over random coalitions",
         .about =
             "The game: a coalition of context tokens is worth the objective when all other tokens "
             "are taken away (--mask). The signed score is a token's Shapley value; over the "
             "tokens they sum to the value of all minus the value of none, both of which are "
             "computed exactly and are in the checks. Coalitions are drawn from the Shapley kernel "
             "in complementary pairs and fitted under that sum. With n tokens and at least 2^n - 2 "
             "samples every coalition is taken once and the values are exact. Standard errors are "
             "of the sampling, by a jackknife over ten groups of samples. No feature is dropped: "
             "shap's own default keeps the ten largest only. A generated or forced token before "
             "the target is a player like any other.",
         .source = "Lundberg & Lee 2017; paired samples: Covert & Lee 2021",
         .cost = "m + 2 forwards per target, at most 2^n (m: --samples)",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .is_signed = true,
    .joint = true,
    .component_count = 1,
    .components = {{"shapley_value", "nat", false, "coalitions"}},
    .check = check,
    .plan = plan,
    .run = run,
    .finish = finish,
    .describe = describe,
    .checks = checks};
