/* controls.c: scores that know nothing of the model: what any method has to beat. */
#include "base/random.h"
#include "method/method.h"

static heta_status plan(heta_i_session *session, heta_error *error) {
  HETA_TRY(heta_i_add_series(session, "score", 1, error));
  return heta_i_add_item(session,
                         (heta_i_item){.name = "control",
                                       .target_end = session->row_count,
                                       .token_end = session->row_length,
                                       .sample_end = 1,
                                       .fills = 1},
                         error);
}

static heta_status run_random(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  (void)item, (void)error;
  for (size_t t = 0; t < session->row_count; t++)
    for (size_t i = 0; i < session->row_length; i++)
      heta_i_uniform(session->seed, HETA_STREAM_RANDOM_METHOD, (uint32_t)i, (uint32_t)t, 1,
                     heta_i_series_at(session, 0, t, i));
  return HETA_OK;
}

static heta_status run_uniform(heta_i_session *session, const heta_i_item *item,
                               heta_error *error) {
  (void)item, (void)error;
  for (size_t t = 0; t < session->row_count; t++)
    for (size_t i = 0; i < session->row_length; i++)
      *heta_i_series_at(session, 0, t, i) = 1.0 / (double)heta_i_context(session, t);
  return HETA_OK;
}

static bool finish(const heta_i_session *session, size_t target, size_t length,
                   heta_i_numbers *to) {
  for (size_t i = 0; i < length; i++) to->score[i] = *heta_i_series_at(session, 0, target, i);
  return true;
}

/* The place of each token, counted from the end that is asked for. */
static heta_status run_position(heta_i_session *session, const heta_i_item *item,
                                heta_error *error) {
  (void)item, (void)error;
  bool first = heta_i_option_is(session, "toward", "first");
  for (size_t t = 0; t < session->row_count; t++)
    for (size_t i = 0; i < session->row_length; i++) {
      size_t context = heta_i_context(session, t);
      size_t place = i >= context ? 0 : first ? context - i : i + 1;
      *heta_i_series_at(session, 0, t, i) = (double)place / (double)context;
    }
  return HETA_OK;
}

static const heta_option_info OPTIONS[] = {HETA_NORMALISE_OPTION};
static const heta_option_info POSITION_OPTIONS[] = {
    {"toward", NULL, HETA_OPTION_CHOICE, 0, 0, "last|first", "last",
     "which end of the context scores highest"},
    HETA_NORMALISE_OPTION,
};

const heta_i_method heta_i_method_random = {
    .info = {.name = "random",
             .summary = "control: independent uniform numbers",
             .about =
                 "Every token gets a number drawn uniformly from (0, 1), keyed by seed, token and "
                 "target.",
             .source = "control",
             .cost = "none",
             .options = OPTIONS,
             .option_count = 1},
    .joint = true,
    .plan = plan,
    .run = run_random,
    .finish = finish};

const heta_i_method heta_i_method_uniform = {.info = {.name = "uniform",
                                                      .summary = "control: every token the same",
                                                      .about = "Every context token gets 1/n.",
                                                      .source = "control",
                                                      .cost = "none",
                                                      .options = OPTIONS,
                                                      .option_count = 1},
                                             .joint = true,
                                             .plan = plan,
                                             .run = run_uniform,
                                             .finish = finish};

const heta_i_method heta_i_method_position = {
    .info = {.name = "position",
             .summary = "control: the closer to the target, the higher",
             .about =
                 "The score of context token i is its place in the context, (i + 1) / n: 1 for "
                 "the last token. With --toward first it is (n - i) / n. A method that does no "
                 "better than this has found recency, not evidence.",
             .source = "control",
             .cost = "none",
             .options = POSITION_OPTIONS,
             .option_count = 2},
    .joint = true,
    .plan = plan,
    .run = run_position,
    .finish = finish};
