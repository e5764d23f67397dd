/* progressive_mp.c: Shapley values from the predictions along randomly masked texts.
 *
 * One pass over a text in which only the players t₁ < … < t_k stay predicts at each of them, and
 * the r-th prediction is the value of the coalition {t₁ … t_r}: k values for one pass. With k
 * uniform on 1 … n and the players any as likely, a coalition of size s whose last player is number
 * τ is met
 *
 *   Q = Σ_k 1/n · C(n-τ, k-s) / C(n, k),  s <= k <= s + n - τ,
 *
 * times a pass. The fit weighs each by Shapley's kernel over Q; without that, early tokens would
 * count too often. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "method/linear.h"

enum { READS, ENDS }; /* series: [players] predictions of each pass; values of none and of all */

static const heta_option_info OPTIONS[] = {
    {"samples", NULL, HETA_OPTION_INTEGER, 2, 1e7, NULL, "64", "masked texts"},
    HETA_COALITION_MASK_OPTION("attend"),
    {"keep", NULL, HETA_OPTION_CHOICE, 0, 0, "begin", "begin",
     "the first token always stays: nothing can be predicted before it"},
    HETA_OBJECTIVE_OPTION("prob"),
    HETA_MAP_OPTION("positive"),
    HETA_NORMALISE_OPTION,
    HETA_PASSES_OPTION,
};

static size_t samples_of(const heta_i_session *session) {
  double samples = heta_i_option_number(session, "samples");
  double cap = heta_i_option_number(session, "passes");
  return (size_t)(cap > 0 && cap - 2 < samples ? cap - 2 : samples);
}

static heta_status check(const heta_i_session *session, heta_error *error) {
  HETA_TRY(heta_i_coalition_check(session, error));
  return heta_i_players_check(session, 1, error);
}

static void draw(heta_i_deck *deck, size_t sample) {
  size_t n = deck->count;
  heta_i_uniform(deck->session->seed, HETA_STREAM_COALITION, (uint32_t)deck->target,
                 (uint32_t)sample, n + 1, deck->uniform);
  size_t stay = 1 + (size_t)(deck->uniform[n] * (double)n);
  heta_i_deck_choose(deck, stay > n ? 0 : n - stay, deck->uniform);
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  uint64_t samples = (uint64_t)heta_i_option_number(session, "samples"), allowed;
  HETA_TRY(heta_i_allowed(session, samples + 2, 4,
                          "two masked texts, the whole one and the first token alone", &allowed,
                          error));
  session->left_out *= session->target_count;
  size_t last = session->target_count - 1, rows = heta_i_player_count(session, last);
  HETA_TRY(heta_i_add_table(session, "reads", rows, (size_t)allowed - 2, error));
  HETA_TRY(heta_i_add_table(session, "ends", 1, 2, error));
  for (size_t t = 0; t < session->target_count; t++) {
    size_t n = heta_i_context(session, t), step = session->lane_rows / n;
    heta_i_item item = {.name = "predictions", .target = t, .target_end = t + 1, .whole = true};
    item.token_end = 1;
    item.sample_end = item.forwards = 2;
    item.fills = 1u << ENDS;
    item.flop = heta_i_flop(session, 2, 2);
    HETA_TRY(heta_i_add_item(session, item, error));
    for (size_t from = 0, all = (size_t)allowed - 2; from < all; from = item.sample_end) {
      item.sample = from;
      item.sample_end = from + (step ? step : 1) < all ? from + (step ? step : 1) : all;
      item.forwards = item.sample_end - from;
      item.token_end = rows;
      item.fills = 1u << READS;
      double count = (double)item.forwards * (double)n;
      bool whole = !heta_i_option_is(session, "mask", "attend") &&
                   !heta_i_option_is(session, "mask", "delete");
      item.flop = heta_i_flop(session, whole ? count : count / 2, count / 2);
      HETA_TRY(heta_i_add_item(session, item, error));
    }
  }
  session->bytes += heta_i_coalition_bytes(session) + 128 * 64 * (uint64_t)rows;
  return HETA_OK;
}

static heta_status run_ends(heta_i_session *session, heta_i_deck *deck, heta_error *error) {
  double *ends = heta_i_series_at(session, ENDS, deck->target, 0);
  double *reads = heta_i_allocate(deck->count, sizeof *reads);
  if (!reads) return heta_i_no_memory(error, "predictions", deck->count * sizeof *reads);
  heta_i_deck_choose(deck, 0, NULL);
  heta_status status = heta_i_prefixes(session, deck, deck->absent, 1, reads, error);
  ends[HETA_VALUE_OF_ALL] = reads[deck->count - 1];
  for (size_t i = 0; i < deck->count; i++) deck->absent[deck->player[i]] = true;
  if (!status) status = heta_i_prefixes(session, deck, deck->absent, 1, reads, error);
  ends[HETA_VALUE_OF_NONE] = reads[0];
  heta_i_free(reads);
  return status;
}

static heta_status run_reads(heta_i_session *session, const heta_i_item *item, heta_i_deck *deck,
                             heta_error *error) {
  size_t count = item->sample_end - item->sample, n = deck->count;
  bool *absent = heta_i_allocate(count * deck->length, sizeof *absent);
  double *reads = heta_i_allocate(count * n, sizeof *reads);
  heta_status status =
      absent && reads ? HETA_OK : heta_i_no_memory(error, "predictions", count * n * sizeof *reads);
  for (size_t s = 0; s < count && !status; s++) {
    draw(deck, item->sample + s);
    memcpy(absent + s * deck->length, deck->absent, deck->length * sizeof *absent);
  }
  if (!status) status = heta_i_prefixes(session, deck, absent, count, reads, error);
  for (size_t s = 0; s < count && !status; s++)
    for (size_t r = 0; r < item->token_end; r++)
      heta_i_series_at(session, READS, item->target, r)[item->sample + s] =
          r < n ? reads[s * n + r] : 0;
  heta_i_free(absent);
  heta_i_free(reads);
  return status;
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  heta_i_deck deck;
  HETA_TRY(heta_i_deck_open(session, item->target, &deck, error));
  heta_status status = item->fills == 1u << ENDS ? run_ends(session, &deck, error)
                                                 : run_reads(session, item, &deck, error);
  heta_i_deck_close(&deck);
  return status;
}

double heta_i_visits(size_t players, size_t size, size_t last) {
  double sum = 0;
  for (size_t k = size; k <= size + players - last; k++)
    sum += exp(heta_i_log_choose(players - last, k - size) - heta_i_log_choose(players, k));
  return sum / (double)players;
}

static bool fit(const heta_i_session *session, size_t target, const heta_i_moments *moments,
                double *room, double *out) {
  return heta_i_fit_total(moments, 1e-6, heta_i_value_of_all(session, ENDS, target), room, out);
}

/* Adds the predictions of one pass. */
static void add(const heta_i_session *session, heta_i_deck *deck, size_t sample,
                heta_i_groups *groups) {
  double none = heta_i_series_at(session, ENDS, deck->target, 0)[HETA_VALUE_OF_NONE];
  draw(deck, sample);
  size_t stay = heta_i_present(deck, deck->order), n = deck->count;
  for (size_t r = 0; r < stay && r + 1 < n; r++) {
    double value = heta_i_series_at(session, READS, deck->target, r)[sample];
    double weight = heta_i_shapley_kernel(n, r + 1) / heta_i_visits(n, r + 1, deck->order[r] + 1);
    if (!isnan(value)) heta_i_groups_add(groups, sample, deck->order, r + 1, weight, value - none);
  }
}

static bool finish(const heta_i_session *session, size_t target, size_t length,
                   heta_i_numbers *to) {
  (void)length;
  heta_i_linear how = {.samples = samples_of(session), .add = add, .fit = fit};
  return heta_i_linear_finish(session, target, &how, to);
}

static size_t checks(const heta_i_session *session, heta_check_value *out) {
  return heta_i_value_checks(session, ENDS, out);
}

const heta_i_method heta_i_method_progressive_mp = {
    .info =
        {.name = "progressive-mp",
         .summary = "Shapley values from the predictions along randomly masked texts",
         .about =
             "Each pass hides random tokens (--mask) and reads the target's probability at every "
             "token that stays, as the prediction for the text up to there: many coalitions for "
             "one pass. A least-squares fit with Shapley's kernel gives the signed scores, which "
             "sum to the value of the whole text minus that of the first token alone, both exact "
             "and in the checks. Decided here, where the paper is silent: the first token always "
             "stays and scores 0; the number of tokens that stay is uniform; each coalition is "
             "weighted by the kernel over the number of times it is met on average, without which "
             "early tokens count too often, and no weight is clipped. In a language model a "
             "prediction before the end asks whether the target would come next there, which "
             "grammar may forbid.",
         .source =
             "Progressive Inference, multi-pass (Kariyappa et al. 2024); the weights are ours",
         .cost = "m + 2 forwards per target (m: --samples)",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .is_signed = true,
    .alone = "it reads that token's place among the predictions of other rows",
    .component_count = 1,
    .components = {{"shapley_value", "probability", false, "coalitions"}},
    .check = check,
    .plan = plan,
    .run = run,
    .finish = finish,
    .describe = heta_i_describe_unit,
    .checks = checks};
