/* lime.c: a ridge regression of the objective on who is there, near the whole text.
 *
 * The first sample is the whole context. Each other one takes away a number of players uniform on
 * 1 … n, any as likely. Weights are those of LIME's text explainer: with s of n players there,
 * d = 100 (1 - sqrt(s/n)), the cosine distance to the whole, and w = sqrt(exp(-d²/25²)). */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "method/linear.h"

static const heta_option_info OPTIONS[] = {
    {"samples", NULL, HETA_OPTION_INTEGER, 2, 1e7, NULL, "1000",
     "altered texts, the whole one among them"},
    {"ridge", NULL, HETA_OPTION_NUMBER, 0, 1e9, NULL, "1", "weight of the squared coefficients"},
    {"kernel-width", NULL, HETA_OPTION_NUMBER, 0.01, 1e6, NULL, "25",
     "how far from the whole text samples count, in hundredths of the cosine distance"},
    HETA_COALITION_MASK_OPTION("attend"),
    HETA_KEEP_OPTION,
    HETA_OBJECTIVE_OPTION("logprob"),
    HETA_MAP_OPTION("positive"),
    HETA_NORMALISE_OPTION,
    HETA_PASSES_OPTION,
};

static size_t samples_of(const heta_i_session *session) {
  double samples = heta_i_option_number(session, "samples");
  double cap = heta_i_option_number(session, "passes");
  return (size_t)(cap > 0 && cap < samples ? cap : samples);
}

static heta_status check(const heta_i_session *session, heta_error *error) {
  HETA_TRY(heta_i_coalition_check(session, error));
  return heta_i_players_check(session, 1, error);
}

static void draw(heta_i_deck *deck, size_t sample) {
  size_t n = deck->count, size = 0;
  heta_i_uniform(deck->session->seed, HETA_STREAM_COALITION, (uint32_t)deck->target,
                 (uint32_t)sample, n + 1, deck->uniform);
  if (sample) size = 1 + (size_t)(deck->uniform[n] * (double)n);
  heta_i_deck_choose(deck, size > n ? n : size, deck->uniform);
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  uint64_t samples = (uint64_t)heta_i_option_number(session, "samples"), allowed;
  HETA_TRY(heta_i_allowed(session, samples, 2, "the whole text and one without some tokens",
                          &allowed, error));
  session->left_out *= session->row_count;
  HETA_TRY(heta_i_add_table(session, "coalitions", 1, (size_t)allowed, error));
  for (size_t t = 0; t < session->row_count; t++)
    HETA_TRY(heta_i_draw_items(session, "coalitions", 0, t, (size_t)allowed, draw, error));
  session->bytes += heta_i_coalition_bytes(session);
  return HETA_OK;
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  return heta_i_draw_run(session, item, 0, draw, error);
}

static bool fit(const heta_i_session *session, size_t target, const heta_i_moments *moments,
                double *room, double *out) {
  (void)target;
  return heta_i_fit_ridge(moments, heta_i_option_number(session, "ridge"), room, out, NULL);
}

static double weight_of(double share, double width) {
  double d = 100 * (1 - sqrt(share));
  return sqrt(exp(-d * d / (width * width)));
}

static void add(const heta_i_session *session, heta_i_deck *deck, size_t sample,
                heta_i_groups *groups) {
  double value = heta_i_series_at(session, 0, deck->target, 0)[sample];
  if (isnan(value)) return;
  draw(deck, sample);
  size_t size = heta_i_present(deck, deck->order);
  double weight =
      weight_of((double)size / (double)deck->count, heta_i_option_number(session, "kernel-width"));
  heta_i_groups_add(groups, sample, deck->order, size, weight, value);
}

static bool finish(const heta_i_session *session, size_t target, size_t length,
                   heta_i_numbers *to) {
  (void)length;
  heta_i_linear how = {.samples = samples_of(session), .add = add, .fit = fit};
  return heta_i_linear_finish(session, target, &how, to);
}

const heta_i_method heta_i_method_lime = {
    .info =
        {.name = "lime",
         .summary = "a linear model of the objective, fitted to texts without some tokens",
         .about =
             "Random tokens are taken away (--mask), a number of them uniform on 1 to n, and the "
             "objective is regressed on who is there, with an intercept, a ridge, and weights that "
             "fall with the distance from the whole text: d = 100 (1 - sqrt(share of tokens "
             "there)), "
             "w = sqrt(exp(-d^2/width^2)), as in LIME's text explainer. The signed score is a "
             "token's "
             "coefficient. Decided here: every token is a feature of its own (LIME merges equal "
             "words), and all are kept (LIME keeps ten, chosen by a first fit). Standard errors "
             "are "
             "of the sampling, by a jackknife over ten groups of samples.",
         .source = "Ribeiro, Singh & Guestrin 2016",
         .cost = "m forwards per target (m: --samples)",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .is_signed = true,
    .joint = true,
    .component_count = 1,
    .components = {{"coefficient", "nat", false, "coalitions"}},
    .check = check,
    .plan = plan,
    .run = run,
    .finish = finish,
    .describe = heta_i_describe_unit};
