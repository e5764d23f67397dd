/* contextcite.c: which parts of the prompt the response is attributed to, by a sparse linear model
 * of its log-odds over prompts without some of them. */
#include <math.h>
#include <string.h>

#include "base/regression.h"
#include "base/twister.h"
#include "method/coalition.h"
#include "method/sources.h"

enum { ODDS }; /* series: a table, one number per target and altered prompt */

static const heta_option_info OPTIONS[] = {
    {"source", NULL, HETA_OPTION_CHOICE, 0, 0, "sentence|word|token", "sentence",
     "what is taken away: sentences or words of the text, which is tokenised again, or tokens"},
    {"query", NULL, HETA_OPTION_CHOICE, 0, 0, "sentence|none", "sentence",
     "what always stays: the last sentence, unless it is the only one, or nothing; with documents "
     "in the prompt, all that is none"},
    {"samples", NULL, HETA_OPTION_INTEGER, 2, 1e6, NULL, "64", "altered prompts"},
    {"keep-prob", NULL, HETA_OPTION_NUMBER, 0.01, 0.99, NULL, "0.5",
     "probability with which a source stays"},
    {"alpha", NULL, HETA_OPTION_NUMBER, 0, 1e6, NULL, "0.01", "penalty of the LASSO"},
    {"response", NULL, HETA_OPTION_CHOICE, 0, 0, "each|whole", "each",
     "explain each target token, or all of them together, in every row"},
    HETA_OBJECTIVE_OPTION("logit-prob"),
    HETA_MAP_OPTION("positive"),
    HETA_NORMALISE_OPTION,
    HETA_PASSES_OPTION,
};

/* What is known before any plan. */
typedef struct own {
  heta_i_sources sources;
  size_t samples;
  heta_i_text *texts; /* [samples] prompts */
} own;

static size_t samples_of(const heta_i_session *session) {
  double samples = heta_i_option_number(session, "samples");
  double cap = heta_i_option_number(session, "passes");
  return (size_t)(cap > 0 && cap < samples ? cap : samples);
}

/* Who stays in a sample: the published generator's own draw. */
static void draw(const heta_i_session *session, size_t sample, size_t count, bool *keep) {
  heta_i_twister twister;
  double stay = heta_i_option_number(session, "keep-prob"), go = 1 - stay;
  heta_i_twister_seed(&twister, (uint32_t)(session->seed + sample));
  for (size_t s = 0; s < count; s++) keep[s] = heta_i_twister_double(&twister) >= go / (go + stay);
}

static heta_status check(const heta_i_session *session, heta_error *error) {
  heta_i_seed_kind kind = heta_i_objective_kind(session);
  if (!heta_i_option_is(session, "response", "whole")) return HETA_OK;
  if (session->joint)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--response whole explains all targets by the odds of the response, --joint "
                       "by the sum of the targets' objectives: leave one of the two out");
  if (kind != HETA_SEED_LOGIT_PROB && kind != HETA_SEED_LOGPROB)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--response whole has a log-probability and log-odds; --objective is %s",
                       heta_i_option(session, "objective")->text);
  if (session->contrast)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--response whole explains the target tokens together; a foil contrasts one "
                       "of them: use --response each");
  return HETA_OK;
}

static heta_status find_sources(heta_i_session *session, heta_i_sources *out, heta_error *error) {
  bool tokens = heta_i_option_is(session, "source", "token");
  bool words = heta_i_option_is(session, "source", "word");
  HETA_TRY(heta_i_sources_find(session, tokens, words ? HETA_BREAK_WORD : HETA_BREAK_SENTENCE,
                               heta_i_option_is(session, "query", "sentence"), out, error));
  if (out->count > 1) return HETA_OK;
  return heta_i_fail(error, HETA_E_ARGUMENT,
                     "method contextcite: the context has %zu %s to take away, and needs two; %s",
                     out->count, heta_i_option(session, "source")->text,
                     tokens ? "give a longer text" : "try --source word or --source token");
}

/* Forced tokens between the prompt and the first target: there are some before a foil. */
static size_t behind(const heta_i_session *session) {
  return heta_i_context(session, 0) - heta_i_prompt_tokens(session);
}

static heta_status prepare(heta_i_session *session, heta_error *error) {
  own *mine = heta_i_arena_take(session->memory, 1, sizeof *mine);
  if (!mine) return heta_i_no_memory(error, "sources", sizeof *mine);
  session->own = mine;
  HETA_TRY(find_sources(session, &mine->sources, error));
  mine->samples = samples_of(session);
  mine->texts = heta_i_arena_take(session->memory, mine->samples, sizeof *mine->texts);
  bool *keep = heta_i_arena_take(session->memory, mine->sources.count, sizeof *keep);
  if (!mine->texts || !keep)
    return heta_i_no_memory(error, "altered prompts", mine->samples * sizeof *mine->texts);
  for (size_t a = 0; a < mine->samples; a++) {
    int32_t *tokens = NULL;
    size_t count;
    draw(session, a, mine->sources.count, keep);
    HETA_TRY(heta_i_sources_tokens(session, &mine->sources, keep, &tokens, &count, NULL, error));
    int32_t *copy = heta_i_arena_take(session->memory, count, sizeof *copy);
    if (copy) memcpy(copy, tokens, count * sizeof *copy);
    heta_i_free(tokens);
    if (!copy) return heta_i_no_memory(error, "altered prompts", count * sizeof *copy);
    mine->texts[a] = (heta_i_text){copy, count};
    size_t rows = count + behind(session) + session->target_count - 1;
    if (rows > session->longest) session->longest = rows;
  }
  return HETA_OK;
}

/* Rows of a sample's lane: its prompt's that are not the text's own, and the targets'. */
static size_t rows_of(const heta_i_session *session, const heta_i_text *text) {
  size_t shared = 0;
  while (shared + 1 < text->length && shared < session->known &&
         session->spans[shared].id == text->tokens[shared])
    shared++;
  return text->length - shared + behind(session) + session->target_count - 1;
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  const own *mine = session->own;
  uint64_t asked = (uint64_t)heta_i_option_number(session, "samples"), allowed;
  HETA_TRY(heta_i_allowed(session, asked, 2, "two altered prompts", &allowed, error));
  HETA_TRY(heta_i_add_table(session, "odds", 1, mine->samples, error));
  for (size_t from = 0, to = 0; from < mine->samples; from = to) {
    size_t rows = 0;
    for (; to < mine->samples; to++) {
      size_t more = rows_of(session, &mine->texts[to]);
      if (to > from && rows + more > session->lane_rows) break;
      rows += more;
    }
    double count = (double)(to - from);
    HETA_TRY(
        heta_i_add_item(session,
                        (heta_i_item){.name = "altered prompts",
                                      .target_end = session->row_count,
                                      .token_end = 1,
                                      .whole = true,
                                      .sample = from,
                                      .sample_end = to,
                                      .fills = 1u << ODDS,
                                      .forwards = to - from,
                                      .flop = heta_i_flop(session, (double)rows,
                                                          count * (double)session->target_count)},
                        error));
  }
  session->bytes +=
      mine->samples * (4 * (uint64_t)session->longest + 16 * mine->sources.count + 64) +
      64 * (uint64_t)session->lane_rows * (session->target_count + 2);
  return HETA_OK;
}

/* Altered prompts with the targets but the last behind them. */
static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  const own *mine = session->own;
  size_t count = item->sample_end - item->sample, targets = session->target_count;
  size_t room = (session->longest + 1) * count;
  int32_t *tokens = heta_i_allocate(room, sizeof *tokens), *at = tokens;
  heta_i_text *texts = heta_i_allocate(count, sizeof *texts);
  double *values = heta_i_allocate(count * targets, sizeof *values);
  heta_status status = HETA_OK;
  if (!tokens || !texts || !values)
    status = heta_i_no_memory(error, "altered prompts", room * sizeof *tokens);
  for (size_t a = 0; a < count && !status; a++) {
    const heta_i_text *prompt = &mine->texts[item->sample + a];
    memcpy(at, prompt->tokens, prompt->length * sizeof *at);
    size_t more = behind(session) + targets - 1, from = heta_i_prompt_tokens(session);
    memcpy(at + prompt->length, session->tokens + from, more * sizeof *at);
    texts[a] = (heta_i_text){at, prompt->length + more};
    at += texts[a].length;
  }
  if (!status) status = heta_i_texts(session, 0, targets, texts, count, values, NULL, error);
  for (size_t a = 0; a < count && !status; a++)
    for (size_t t = 0; t < targets; t++) {
      double *odds = heta_i_series_at(session, ODDS, session->joint ? 0 : t, 0) + item->sample + a;
      *odds = (session->joint && t ? *odds : 0) + values[a * targets + t];
    }
  heta_i_free(tokens);
  heta_i_free(texts);
  heta_i_free(values);
  return status;
}

/* ---- The model ------------------------------------------------------------------------------- */

/* log(1 - exp(x)) for x <= 0 */
static double log_complement(double x) {
  return x > -0.6931471805599453 ? log(-expm1(x)) : log1p(-exp(x));
}

double heta_i_response_odds(const double *odds, size_t count) {
  double sum = 0;
  for (size_t t = 0; t < count; t++)
    sum += odds[t] < 0 ? odds[t] - log1p(exp(odds[t])) : -log1p(exp(-odds[t]));
  return sum - log_complement(sum);
}

/* What is regressed: one target's value or that of all. */
static double outcome(const heta_i_session *session, size_t target, size_t sample, double *room) {
  size_t targets = session->target_count;
  double sum = 0;
  if (!heta_i_option_is(session, "response", "whole"))
    return heta_i_series_at(session, ODDS, target, 0)[sample];
  for (size_t t = 0; t < targets; t++) {
    room[t] = heta_i_series_at(session, ODDS, t, 0)[sample];
    sum += room[t];
  }
  return heta_i_objective_kind(session) == HETA_SEED_LOGPROB ? sum
                                                             : heta_i_response_odds(room, targets);
}

/* Weights of the sources; NaN when values are missing. False when there is no memory. */
static bool weigh(const heta_i_session *session, size_t target, double *weights) {
  const own *mine = session->own;
  size_t count = mine->sources.count, samples = mine->samples;
  bool whole = heta_i_option_is(session, "response", "whole");
  double tokens = whole ? (double)session->target_count : 1;
  double *x = heta_i_allocate(samples * count, sizeof *x);
  double *y = heta_i_allocate(samples, sizeof *y);
  double *room = heta_i_allocate(session->target_count, sizeof *room);
  bool *keep = heta_i_allocate(count, sizeof *keep), done = x && y && room && keep, there = done;
  for (size_t s = 0; s < count; s++) weights[s] = NAN;
  for (size_t a = 0; a < samples && there; a++) {
    draw(session, a, count, keep);
    for (size_t s = 0; s < count; s++) x[a * count + s] = keep[s];
    y[a] = outcome(session, target, a, room) / tokens;
    there = !isnan(y[a]);
  }
  if (there)
    done = heta_i_fit_lasso(x, samples, count, y, heta_i_option_number(session, "alpha"), 1e-12,
                            weights, NULL);
  for (size_t s = 0; s < count && done; s++) weights[s] *= tokens;
  heta_i_free(x);
  heta_i_free(y);
  heta_i_free(room);
  heta_i_free(keep);
  return done;
}

/* Tokens of each source. */
static void count_tokens(const heta_i_sources *sources, double *parts) {
  memset(parts, 0, sources->count * sizeof *parts);
  for (size_t i = 0; i < sources->known; i++)
    if (sources->of[i] != SIZE_MAX) parts[sources->of[i]]++;
}

static bool finish(const heta_i_session *session, size_t target, size_t length,
                   heta_i_numbers *to) {
  const own *mine = session->own;
  const heta_i_sources *sources = &mine->sources;
  double *weights = heta_i_allocate(2 * sources->count, sizeof *weights);
  double *parts = weights ? weights + sources->count : NULL;
  bool done = weights && weigh(session, target, weights);
  if (done) count_tokens(sources, parts);
  for (size_t i = 0; i < length && done && !isnan(weights[0]); i++) {
    size_t source = i < sources->known ? sources->of[i] : SIZE_MAX;
    to->components[0][i] = source == SIZE_MAX ? 0 : weights[source];
    to->components[1][i] = source == SIZE_MAX ? 0 : (double)(source + 1);
    to->signed_score[i] = source == SIZE_MAX ? 0 : weights[source] / parts[source];
  }
  heta_i_free(weights);
  return done;
}

static size_t checks(const heta_i_session *session, heta_check_value *out) {
  const own *mine = session->own;
  out[0] = (heta_check_value){"sources", (double)mine->sources.count};
  return 1;
}

const heta_i_method heta_i_method_contextcite = {
    .info =
        {.name = "contextcite",
         .summary =
             "sentences, words or tokens that the response leans on, by a sparse linear model",
         .about =
             "The prompt is written again without some of its sources, each kept with probability "
             "one half, tokenised again, and the response's log-odds are read, forced as it is. A "
             "LASSO over who was kept gives each source a weight; the signed score of a token is "
             "its source's weight divided evenly among its tokens, so that sums over sources are "
             "the weights themselves (component source_weight has the weight undivided, source the "
             "source's number). Masks are drawn as the published generator does, by the Mersenne "
             "Twister with seeds --seed, --seed + 1, …. Sources are sentences by Unicode's rules "
             "(the package uses NLTK's), words, or single tokens, which are deleted and not "
             "tokenised again. What is not context always stays: the template and, in a prompt "
             "with documents, all else; otherwise the last sentence, as the query. Between two "
             "kept sources stands what stood before the later one. With more sources than altered "
             "prompts the weights are under-determined: raise --samples. Generated or forced "
             "tokens before a target belong to the response and score 0.",
         .source = "ContextCite (Cohen-Wang et al. 2024)",
         .cost = "64 forwards, over the rows after the first source taken away",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .is_signed = true,
    .unnoised = "the texts without some of its sources are tokenised anew",
    .joint = true,
    .component_count = 2,
    .components = {{"source_weight", "nat", true, NULL}, {"source", "index", true, NULL}},
    .check = check,
    .prepare = prepare,
    .plan = plan,
    .run = run,
    .finish = finish,
    .describe = heta_i_describe_unit,
    .checks = checks};
