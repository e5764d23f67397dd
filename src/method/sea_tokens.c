/* sea_tokens.c: which words of the context come back in the model's own explanations of the target:
 * a reconstruction, for tokens, of a rule that chooses among chains of thought.
 *
 * Behind the context and the target stands " because", and the model goes on, several times. A
 * chain c of words weighs w_c = (how far the model takes the text to support it) + (the share of
 * words that chain and text have in common). A word scores Σ_c w_c [c has its stem] / Σ_c w_c,
 * divided by how often the stem is in the context; its tokens share that evenly. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "method/stems.h"
#include "text/tokenizer.h"

enum { CHAIN, SUPPORT, PASSES }; /* series: token ids (-1 behind the end), a number, passes */

static const heta_option_info OPTIONS[] = {
    {"samples", NULL, HETA_OPTION_INTEGER, 2, 1000, NULL, "10", "chains of words"},
    {"length", NULL, HETA_OPTION_INTEGER, 1, 512, NULL, "24", "tokens of a chain, at most"},
    {"chain-temperature", NULL, HETA_OPTION_NUMBER, 0.01, 100, NULL, "0.5",
     "what log-probabilities are divided by before a chain's next token is drawn"},
    {"top", NULL, HETA_OPTION_INTEGER, 1, 1000, NULL, "40",
     "it is drawn from so many most probable tokens"},
    HETA_NORMALISE_OPTION,
};

/* What stands between context, target and chain. */
static const char CUE[] = " because", OPENING[] = "\n\nBecause", QUESTION[] = "?\nYes or no:";

/* A fixed text as tokens. */
typedef struct phrase {
  int32_t *tokens;
  size_t count;
} phrase;

typedef struct own {
  phrase cue, opening, question; /* the last ends where yes and no begin to differ */
  int32_t yes, no;
  size_t samples, length;
} own;

/* ---- Plan ------------------------------------------------------------------------------------ */

static heta_status check(const heta_i_session *session, heta_error *error) {
  size_t top = (size_t)heta_i_option_number(session, "top");
  if (session->contrast)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "method sea-tokens explains why a token was written, in the model's own "
                       "words, and cannot contrast it with a foil");
  if (top > session->model->hyper.vocabulary)
    return heta_i_fail(error, HETA_E_ARGUMENT, "--top %zu: the vocabulary has %zu tokens", top,
                       session->model->hyper.vocabulary);
  return HETA_OK;
}

static heta_status read_phrase(heta_i_session *session, const char *text, phrase *out,
                               heta_error *error) {
  heta_token *tokens = NULL;
  HETA_TRY(heta_i_tokenizer_encode_after(session->model->tokenizer, HETA_BEFORE_TEXT, text,
                                         strlen(text), false, &tokens, &out->count, error));
  out->tokens = heta_i_arena_take(session->memory, out->count + 1, sizeof *out->tokens);
  for (size_t i = 0; out->tokens && i < out->count; i++) out->tokens[i] = tokens[i].id;
  heta_i_free(tokens);
  return out->tokens ? HETA_OK
                     : heta_i_no_memory(error, "a phrase", out->count * sizeof *out->tokens);
}

/* The tokens by which the answers differ first; the question is continued up to there. */
static heta_status read_answers(heta_i_session *session, own *mine, heta_error *error) {
  phrase yes, no, question = mine->question;
  size_t same = 0;
  HETA_TRY(read_phrase(session, " Yes", &yes, error));
  HETA_TRY(read_phrase(session, " No", &no, error));
  while (same < yes.count && same < no.count && yes.tokens[same] == no.tokens[same]) same++;
  if (same == yes.count || same == no.count)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "method sea-tokens: this model's tokenizer does not tell yes from no");
  mine->yes = yes.tokens[same];
  mine->no = no.tokens[same];
  int32_t *all = heta_i_arena_take(session->memory, question.count + same + 1, sizeof *all);
  if (!all) return heta_i_no_memory(error, "a question", question.count * sizeof *all);
  memcpy(all, question.tokens, question.count * sizeof *all);
  memcpy(all + question.count, yes.tokens, same * sizeof *all);
  mine->question = (phrase){all, question.count + same};
  return HETA_OK;
}

static heta_status prepare(heta_i_session *session, heta_error *error) {
  own *mine = heta_i_arena_take(session->memory, 1, sizeof *mine);
  if (!mine) return heta_i_no_memory(error, "phrases", sizeof *mine);
  session->own = mine;
  mine->samples = (size_t)heta_i_option_number(session, "samples");
  mine->length = (size_t)heta_i_option_number(session, "length");
  HETA_TRY(read_phrase(session, CUE, &mine->cue, error));
  HETA_TRY(read_phrase(session, OPENING, &mine->opening, error));
  HETA_TRY(read_phrase(session, QUESTION, &mine->question, error));
  HETA_TRY(read_answers(session, mine, error));
  size_t more = mine->opening.count + mine->question.count;
  if (mine->cue.count > more) more = mine->cue.count;
  session->longest = session->length + 1 + mine->length + more;
  if (session->longest > session->model->hyper.context)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "method sea-tokens: context, chain and question are up to %zu tokens, and "
                       "the model reads %zu: give a shorter text, or a smaller --length",
                       session->longest, session->model->hyper.context);
  return HETA_OK;
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  const own *mine = session->own;
  double samples = (double)mine->samples, steps = (double)mine->length;
  double rows = steps * (double)(1 + mine->cue.count) + steps * (steps - 1) / 2 +
                (double)(1 + mine->opening.count + mine->length + mine->question.count);
  HETA_TRY(heta_i_add_table(session, "chain", mine->length, mine->samples, error));
  HETA_TRY(heta_i_add_table(session, "support", 1, mine->samples, error));
  HETA_TRY(heta_i_add_table(session, "passes", 1, mine->samples, error));
  for (size_t t = 0; t < session->target_count; t++) {
    heta_i_item item = {.name = "chains",
                        .target = t,
                        .target_end = t + 1,
                        .token_end = mine->length,
                        .whole = true,
                        .sample_end = mine->samples,
                        .fills = 1u << CHAIN | 1u << SUPPORT | 1u << PASSES,
                        .counted = PASSES + 1,
                        .forwards = mine->samples * (mine->length + 1)};
    item.flop = heta_i_flop(session, samples * rows, samples * (steps + 1));
    HETA_TRY(heta_i_add_item(session, item, error));
  }
  session->bytes += mine->samples * (8 * (uint64_t)session->longest + 16 * mine->length + 512);
  return HETA_OK;
}

/* ---- Chains ---------------------------------------------------------------------------------- */

typedef struct state {
  heta_i_session *session;
  const own *mine;
  size_t target, n;  /* tokens of its context */
  size_t step, live; /* lanes of this pass */
  int32_t *tokens;   /* [samples × longest] */
  int32_t *chain;    /* [samples × length]; -1 behind the end */
  double *uniform;   /* [samples × length] */
  double *support, *passes;
  heta_i_lane *lanes;  /* [samples] */
  size_t *row, *owner; /* [samples] */
  double *best;        /* [top] */
  int32_t *best_id;    /* [top] */
} state;

static void close_state(state *s) {
  void *blocks[] = {s->tokens, s->chain, s->uniform, s->support, s->passes,
                    s->lanes,  s->row,   s->owner,   s->best,    s->best_id};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) heta_i_free(blocks[i]);
}

static heta_status open_state(state *s, heta_error *error) {
  size_t samples = s->mine->samples, length = s->mine->length;
  size_t top = (size_t)heta_i_option_number(s->session, "top");
  s->tokens = heta_i_allocate(samples * s->session->longest, sizeof *s->tokens);
  s->chain = heta_i_allocate(samples * length, sizeof *s->chain);
  s->uniform = heta_i_allocate(samples * length, sizeof *s->uniform);
  s->support = heta_i_allocate(samples, sizeof *s->support);
  s->passes = heta_i_allocate(samples, sizeof *s->passes);
  s->lanes = heta_i_allocate(samples, sizeof *s->lanes);
  s->row = heta_i_allocate(samples, sizeof *s->row);
  s->owner = heta_i_allocate(samples, sizeof *s->owner);
  s->best = heta_i_allocate(top, sizeof *s->best);
  s->best_id = heta_i_allocate(top, sizeof *s->best_id);
  if (!s->tokens || !s->chain || !s->uniform || !s->support || !s->passes || !s->lanes || !s->row ||
      !s->owner || !s->best || !s->best_id)
    return heta_i_no_memory(error, "chains", samples * s->session->longest * sizeof *s->tokens);
  for (size_t i = 0; i < samples * length; i++) s->chain[i] = -1;
  for (size_t c = 0; c < samples; c++)
    heta_i_uniform(s->session->seed, HETA_STREAM_CHAIN, (uint32_t)s->target, (uint32_t)c, length,
                   s->uniform + c * length);
  return HETA_OK;
}

static size_t length_of(const state *s, size_t c) {
  size_t length = 0;
  while (length < s->mine->length && s->chain[c * s->mine->length + length] >= 0) length++;
  return length;
}

static void append(int32_t *tokens, size_t *count, const int32_t *more, size_t more_count) {
  if (more_count) memcpy(tokens + *count, more, more_count * sizeof *tokens);
  *count += more_count;
}

/* Context, target, a phrase, a chain and another phrase as a lane of the clean run. */
static void lay(state *s, size_t c, const phrase *before, const phrase *behind) {
  int32_t *tokens = s->tokens + c * s->session->longest;
  size_t count = 0;
  append(tokens, &count, s->session->tokens, s->n);
  append(tokens, &count, &s->session->targets[s->target].id, 1);
  append(tokens, &count, before->tokens, before->count);
  append(tokens, &count, s->chain + c * s->mine->length, length_of(s, c));
  append(tokens, &count, behind->tokens, behind->count);
  s->lanes[s->live] = heta_i_lane_of(tokens, count);
  s->lanes[s->live].parent = s->session->run;
  s->lanes[s->live].first = s->n;
  s->row[s->live] = count - 1;
  s->owner[s->live++] = c;
  s->passes[c]++;
}

/* One token from the most probable ones; of equal ones the smaller id stands first. */
static void take_next(void *context, size_t lane, size_t index, const double *logprobs) {
  state *s = context;
  size_t c = s->owner[lane], used = 0;
  size_t top = (size_t)heta_i_option_number(s->session, "top");
  double heat = heta_i_option_number(s->session, "chain-temperature"), sum = 0, reached = 0;
  (void)index;
  for (size_t v = 0; v < s->session->model->hyper.vocabulary; v++) {
    if (used == top && !(logprobs[v] > s->best[top - 1])) continue;
    size_t at = used < top ? used++ : top - 1;
    for (; at && logprobs[v] > s->best[at - 1]; at--) {
      s->best[at] = s->best[at - 1];
      s->best_id[at] = s->best_id[at - 1];
    }
    s->best[at] = logprobs[v];
    s->best_id[at] = (int32_t)v;
  }
  for (size_t k = 0; k < used; k++) sum += exp((s->best[k] - s->best[0]) / heat);
  double wanted = s->uniform[c * s->mine->length + s->step] * sum;
  size_t chosen = 0;
  for (; chosen + 1 < used; chosen++) {
    reached += exp((s->best[chosen] - s->best[0]) / heat);
    if (wanted < reached) break;
  }
  int32_t id = s->best_id[chosen];
  bool end = heta_i_tokenizer_is_special(s->session->model->tokenizer, id);
  s->chain[c * s->mine->length + s->step] = end ? -1 : id;
}

static void take_answer(void *context, size_t lane, size_t index, const double *logprobs) {
  state *s = context;
  (void)index;
  s->support[s->owner[lane]] = 1 / (1 + exp(logprobs[s->mine->no] - logprobs[s->mine->yes]));
}

static heta_status pass(state *s, void (*take)(void *, size_t, size_t, const double *),
                        heta_error *error) {
  heta_i_readout readout = {.rows = 1, .row = s->row, .each = true, .take = take, .context = s};
  return s->session->engine->api->lanes(s->session->engine, s->lanes, s->live, &readout, error);
}

static heta_status run_chains(state *s, heta_error *error) {
  static const phrase nothing = {0};
  size_t samples = s->mine->samples, length = s->mine->length;
  for (s->step = 0; s->step < length; s->step++) {
    s->session->item_done = (double)s->step / (double)length;
    s->live = 0;
    for (size_t c = 0; c < samples; c++)
      if (length_of(s, c) == s->step) lay(s, c, &s->mine->cue, &nothing);
    if (!s->live) break;
    HETA_TRY(pass(s, take_next, error));
  }
  s->live = 0;
  for (size_t c = 0; c < samples; c++) lay(s, c, &s->mine->opening, &s->mine->question);
  return pass(s, take_answer, error);
}

static void store(const state *s) {
  for (size_t c = 0; c < s->mine->samples; c++) {
    for (size_t i = 0; i < s->mine->length; i++)
      heta_i_series_at(s->session, CHAIN, s->target, i)[c] = s->chain[c * s->mine->length + i];
    heta_i_series_at(s->session, SUPPORT, s->target, 0)[c] = s->support[c];
    heta_i_series_at(s->session, PASSES, s->target, 0)[c] = s->passes[c];
  }
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  state s = {.session = session, .mine = session->own, .target = item->target};
  s.n = session->targets[item->target].position;
  heta_status status = open_state(&s, error);
  if (!status) status = run_chains(&s, error);
  if (!status) store(&s);
  close_state(&s);
  return status;
}

/* ---- Scores ---------------------------------------------------------------------------------- */

static size_t occurrences(const heta_i_stems *stems, uint64_t stem) {
  size_t count = 0;
  for (size_t w = 0; w < stems->count; w++) count += stems->stem[w] == stem;
  return count;
}

/* Different words of both over different words of either. */
static double overlap(const heta_i_stems *a, const heta_i_stems *b) {
  size_t both = 0, either = 0;
  for (size_t w = 0; w < a->count; w++) {
    bool seen = false;
    for (size_t v = 0; v < w; v++) seen |= a->stem[v] == a->stem[w];
    if (seen) continue;
    either++;
    both += occurrences(b, a->stem[w]) > 0;
  }
  for (size_t w = 0; w < b->count; w++) {
    bool seen = occurrences(a, b->stem[w]) > 0;
    for (size_t v = 0; v < w; v++) seen |= b->stem[v] == b->stem[w];
    either += !seen;
  }
  return either ? (double)both / (double)either : 0;
}

/* What the words of the context and of one chain come to. */
typedef struct words {
  const heta_i_session *session;
  size_t target, length;
  heta_i_stems text, chain; /* text: context and target */
  int32_t *tokens;          /* room for either */
  double *weight;           /* [samples] */
  double *part;             /* [samples × words of the text] */
} words;

static void words_close(words *w) {
  heta_i_stems_free(&w->text);
  heta_i_stems_free(&w->chain);
  heta_i_free(w->tokens);
  heta_i_free(w->weight);
  heta_i_free(w->part);
}

/* part[c × words + w]: whether chain c has the stem, over its times in the context. */
static bool words_open(words *w) {
  const own *mine = w->session->own;
  size_t room = w->length + 1 > mine->length ? w->length + 1 : mine->length;
  w->tokens = heta_i_allocate(room, sizeof *w->tokens);
  w->weight = heta_i_allocate(mine->samples, sizeof *w->weight);
  if (!w->tokens || !w->weight) return false;
  memcpy(w->tokens, w->session->ids, w->length * sizeof *w->tokens);
  w->tokens[w->length] = w->session->targets[w->target].id;
  if (heta_i_stems_find(w->session->model, w->tokens, w->length + 1, &w->text, NULL)) return false;
  w->part = heta_i_allocate(mine->samples * w->text.count + 1, sizeof *w->part);
  if (!w->part) return false;
  for (size_t c = 0; c < mine->samples; c++) {
    for (size_t i = 0; i < mine->length; i++)
      w->tokens[i] = (int32_t)heta_i_series_at(w->session, CHAIN, w->target, i)[c];
    if (heta_i_stems_find(w->session->model, w->tokens, mine->length, &w->chain, NULL))
      return false;
    w->weight[c] =
        heta_i_series_at(w->session, SUPPORT, w->target, 0)[c] + overlap(&w->chain, &w->text);
    for (size_t k = 0; k < w->text.count; k++)
      w->part[c * w->text.count + k] = (double)(occurrences(&w->chain, w->text.stem[k]) > 0) /
                                       (double)occurrences(&w->text, w->text.stem[k]);
    heta_i_stems_free(&w->chain);
  }
  return true;
}

/* A word's score without chain `out` (SIZE_MAX: with all). */
static double without(const words *w, size_t word, size_t out) {
  const own *mine = w->session->own;
  double sum = 0, all = 0;
  for (size_t c = 0; c < mine->samples; c++) {
    if (c == out) continue;
    sum += w->weight[c] * w->part[c * w->text.count + word];
    all += w->weight[c];
  }
  return all > 0 ? sum / all : 0;
}

/* By leaving out one chain at a time: (N - 1)/N Σ (score without c - their mean)². */
static double deviation(const words *w, size_t word) {
  const own *mine = w->session->own;
  double n = (double)mine->samples, mean = 0, squares = 0;
  for (size_t c = 0; c < mine->samples; c++) mean += without(w, word, c) / n;
  for (size_t c = 0; c < mine->samples; c++)
    squares += (without(w, word, c) - mean) * (without(w, word, c) - mean);
  return sqrt(squares * (n - 1) / n);
}

static bool finish(const heta_i_session *session, size_t target, size_t length,
                   heta_i_numbers *to) {
  const own *mine = session->own;
  words w = {.session = session, .target = target, .length = length};
  if (isnan(heta_i_series_at(session, SUPPORT, target, 0)[0])) return true;
  bool done = words_open(&w);
  for (size_t i = 0; i < length && done; i++) {
    size_t word = w.text.of[i], tokens = 0;
    for (size_t k = 0; k < length; k++) tokens += w.text.of[k] == word;
    bool none = word == SIZE_MAX;
    to->score[i] = to->components[0][i] = none ? 0 : without(&w, word, SIZE_MAX) / (double)tokens;
    to->score_se[i] = to->errors[0][i] = none ? 0 : deviation(&w, word) / (double)tokens;
    to->probes[i] = (uint32_t)mine->samples;
  }
  words_close(&w);
  return done;
}

static size_t checks(const heta_i_session *session, heta_check_value *out) {
  const own *mine = session->own;
  double sum = 0;
  for (size_t c = 0; c < mine->samples; c++)
    sum += heta_i_series_at(session, SUPPORT, 0, 0)[c] / (double)mine->samples;
  out[0] = (heta_check_value){"mean_support", sum};
  return 1;
}

const heta_i_method heta_i_method_sea_tokens = {
    .info =
        {.name = "sea-tokens",
         .summary = "words that come back in the model's own explanations (a reconstruction)",
         .about =
             "A reconstruction, and no published attribution method: SEA-CoT chooses among chains "
             "of thought and gives no token a score; results say sea-tokens, never SEA-CoT. "
             "Behind the context and the target stands \" because\", and the model writes "
             "--samples chains of at most --length tokens. A chain weighs the sum of two numbers. "
             "Support: the probability of yes against no when the model itself is asked whether "
             "the text supports the chain (SEA-CoT asks with seven examples, and of a text that "
             "lacks the question). Overlap: different stems that chain and text share, over those "
             "of either. A word's score is the weight of the chains that have its stem, over the "
             "weight of all, divided by how often the stem is in the context; its tokens share it "
             "evenly. Stop words and special tokens score 0. Stems are Porter's, and stop words "
             "English: in other languages words count as they are written. Standard errors are of "
             "the chains, by leaving out one at a time. A small model's explanations are often no "
             "explanations.",
         .source = "after Yeo et al. 2024, How Interpretable are Reasoning Explanations from "
                   "Prompting Large Language Models? (SEA-CoT); the token scores are ours",
         .cost = "at most m (l + 1) forwards a target over the rows behind its context (m: "
                 "--samples, l: --length)",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .component_count = 1,
    .alone = "the model is asked why it wrote that token",
    .components = {{"recurrence", "fraction", false, "chains"}},
    .check = check,
    .prepare = prepare,
    .plan = plan,
    .run = run,
    .finish = finish,
    .checks = checks};
