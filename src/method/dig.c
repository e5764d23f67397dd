/* dig.c: discretized integrated gradients: the gradient summed along a path through real words.
 *
 * From each token's embedding x to that of a baseline word b a walk goes over `steps` words, each
 * among the nearest of the one before. A path follows it, x = c_0, c_1 … c_m, c_(m+1) = b: where an
 * element of the next word lies between c_k and b it is taken, else the element goes 1/m of the way
 * to b, so that every element moves in one direction only. All tokens go their ways at the same
 * time, from b to x, and the gradient at the beginning of each piece is multiplied by the piece. */
#include <math.h>
#include <string.h>

#include "method/coalition.h"
#include "method/inputs.h"
#include "method/words.h"

enum { ANCHOR, CONTRIBUTION, OBJECTIVE }; /* series; the last: at the input, at the baseline */
enum { PHASE_WALK, PHASE_ENDS, PHASE_PIECE };

static const heta_option_info OPTIONS[] = {
    {"steps", NULL, HETA_OPTION_INTEGER, 1, 10000, NULL, "30", "words on the way"},
    {"neighbours", "neighbors", HETA_OPTION_INTEGER, 1, 1e6, NULL, "500",
     "the next word is one of so many nearest; all others where there are fewer"},
    {"strategy", NULL, HETA_OPTION_CHOICE, 0, 0, "greedy|maxcount", "greedy",
     "of these the one nearest to the path it makes, or with most elements on the way"},
    {"upscale", NULL, HETA_OPTION_INTEGER, 0, 12, NULL, "0",
     "cut every piece of the path in two, so many times"},
    {"baseline", NULL, HETA_OPTION_CHOICE, 0, 0, "named|unk|eos|pad|token:", "named",
     "the word at the other end; named: pad, else eos, else unk, the first that the model names"},
    HETA_KEEP_OPTION,
    HETA_OBJECTIVE_OPTION("logprob"),
    HETA_MAP_OPTION("absolute"),
    HETA_NORMALISE_OPTION,
};

static size_t steps_of(const heta_i_session *session) {
  return (size_t)heta_i_option_number(session, "steps");
}

/* Parts that each piece of the path is cut into. */
static size_t parts_of(const heta_i_session *session) {
  return (size_t)1 << (size_t)heta_i_option_number(session, "upscale");
}

static size_t pieces_of(const heta_i_session *session) {
  return (steps_of(session) + 1) * parts_of(session);
}

static size_t nearest_of(const heta_i_session *session) {
  size_t near = (size_t)heta_i_option_number(session, "neighbours");
  size_t others = session->model->hyper.vocabulary - 1;
  return near < others ? near : others;
}

static heta_status check(const heta_i_session *session, heta_error *error) {
  if (pieces_of(session) > 100000)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--steps %zu with --upscale %.0f are %zu gradients a target: at most 100000",
                       steps_of(session), heta_i_option_number(session, "upscale"),
                       pieces_of(session));
  return heta_i_players_check(session, 1, error);
}

/* Says which word `named` is: the result has its name. */
static heta_status prepare(heta_i_session *session, heta_error *error) {
  const heta_model_info *info = &session->model->info;
  if (heta_i_option_is(session, "baseline", "named"))
    HETA_TRY(heta_i_option_set(session, "baseline",
                               info->pad >= 0   ? "pad"
                               : info->eos >= 0 ? "eos"
                                                : "unk",
                               error));
  session->runs = 1;
  return heta_i_mask_check(session, error);
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  size_t n = session->length, steps = steps_of(session), pieces = pieces_of(session);
  size_t targets = session->row_count, width = session->model->hyper.width;
  size_t near = nearest_of(session), stacks = heta_i_stacks(session);
  heta_i_stack(session, stacks);
  HETA_TRY(heta_i_add_table(session, "anchor", n, steps, error));
  HETA_TRY(heta_i_add_series(session, "contribution", pieces, error));
  HETA_TRY(heta_i_add_table(session, "objective", 1, 2, error));
  session->bytes =
      8 * (uint64_t)width * (3 * stacks * n + n + near + 256) + (uint64_t)n * near * 24;
  for (size_t k = 0; k < steps; k++) {
    heta_i_item walk = {.phase = PHASE_WALK,
                        .name = "walk",
                        .target_end = 1,
                        .token_end = n,
                        .sample = k,
                        .sample_end = k + 1,
                        .fills = 1u << ANCHOR,
                        .whole = true,
                        .flop = heta_i_nearest_flop(session, (double)n)};
    HETA_TRY(heta_i_add_item(session, walk, error));
  }
  heta_i_item ends = {.phase = PHASE_ENDS,
                      .name = "baseline",
                      .target_end = targets,
                      .token_end = 1,
                      .sample_end = 2,
                      .fills = 1u << OBJECTIVE,
                      .whole = true,
                      .forwards = 1,
                      .flop = heta_i_flop(session, (double)n, (double)session->target_count)};
  HETA_TRY(heta_i_add_item(session, ends, error));
  for (size_t k = 0, end; k < pieces; k = end) {
    end = k + stacks < pieces ? k + stacks : pieces;
    heta_i_item piece = {.phase = PHASE_PIECE,
                         .name = "path",
                         .target_end = targets,
                         .token_end = session->row_length,
                         .sample = k,
                         .sample_end = end,
                         .fills = 1u << CONTRIBUTION,
                         .whole = true,
                         .forwards = end - k,
                         .reverses = (end - k) * targets};
    piece.flop = (double)(end - k) * heta_i_flop(session, (double)(n * (1 + targets)),
                                                 2 * (double)session->target_count);
    HETA_TRY(heta_i_add_item(session, piece, error));
  }
  return HETA_OK;
}

/* ---- The walk -------------------------------------------------------------------------------- */

static int32_t baseline_of(const heta_i_session *session) {
  const heta_i_value *value = heta_i_option(session, "baseline");
  const heta_model_info *info = &session->model->info;
  if (value->argument >= 0) return (int32_t)value->argument;
  return !strcmp(value->text, "pad")   ? info->pad
         : !strcmp(value->text, "eos") ? info->eos
                                       : info->unk;
}

/* The word before step k of token i's walk. */
static int32_t word_at(const heta_i_session *session, size_t i, size_t k) {
  return k ? (int32_t)heta_i_series_at(session, ANCHOR, 0, i)[k - 1] : session->tokens[i];
}

static bool walked(const heta_i_session *session, size_t i, size_t k, int32_t word) {
  for (size_t s = 0; s <= k; s++)
    if (word_at(session, i, s) == word) return true;
  return false;
}

static bool between(double x, double a, double b) {
  return a < b ? x >= a && x <= b : x >= b && x <= a;
}

/* How little a word suits as the next one on the way from `at` to b: smaller is better. */
static double unfit(const double *word, const double *at, const double *b, size_t width,
                    double steps, bool count) {
  double sum = 0;
  for (size_t c = 0; c < width; c++) {
    if (between(word[c], at[c], b[c])) continue;
    double off = word[c] - (at[c] - (at[c] - b[c]) / steps);
    sum += count ? 1 : off * off;
  }
  return sum;
}

/* What choosing the next words takes. */
typedef struct walk {
  int32_t *words, *near; /* [count]; [count × nearest] */
  double *rows, *at, *b; /* [nearest × width], [width], [width] */
  size_t count, nearest;
} walk;

static void walk_close(walk *w) {
  heta_i_free(w->words);
  heta_i_free(w->near);
  heta_i_free(w->rows);
  heta_i_free(w->at);
  heta_i_free(w->b);
}

static heta_status walk_open(heta_i_session *session, walk *w, heta_error *error) {
  size_t width = session->model->hyper.width, n = session->length;
  int32_t baseline = baseline_of(session);
  w->nearest = nearest_of(session);
  w->words = heta_i_allocate(n, sizeof *w->words);
  w->near = heta_i_allocate(n * w->nearest, sizeof *w->near);
  w->rows = heta_i_allocate(w->nearest * width, sizeof *w->rows);
  w->at = heta_i_allocate(width, sizeof *w->at);
  w->b = heta_i_allocate(width, sizeof *w->b);
  if (!w->words || !w->near || !w->rows || !w->at || !w->b)
    return heta_i_no_memory(error, "a walk over words", n * w->nearest * sizeof *w->near);
  session->engine->api->embed(session->engine, &baseline, 1, w->b);
  return HETA_OK;
}

static size_t find(const walk *w, int32_t word) {
  size_t at = 0;
  while (at < w->count && w->words[at] != word) at++;
  return at;
}

/* Token i's word number k: the best of the nearest that is neither b nor on its walk already. */
static int32_t next_word(heta_i_session *session, walk *w, size_t i, size_t k) {
  size_t width = session->model->hyper.width;
  int32_t now = word_at(session, i, k), b = baseline_of(session), best = b;
  double least = INFINITY, steps = (double)steps_of(session);
  if (now == b) return b;
  const int32_t *near = w->near + find(w, now) * w->nearest;
  session->engine->api->embed(session->engine, &now, 1, w->at);
  session->engine->api->embed(session->engine, near, w->nearest, w->rows);
  for (size_t v = 0; v < w->nearest; v++) {
    if (near[v] == b || walked(session, i, k, near[v])) continue;
    double is = unfit(w->rows + v * width, w->at, w->b, width, steps,
                      heta_i_option_is(session, "strategy", "maxcount"));
    if (is < least) least = is, best = near[v];
  }
  return best;
}

/* With a joint objective the targets' own tokens stay. */
static bool moves(const heta_i_session *session, size_t i) {
  return i < session->row_length && heta_i_is_player(session, i);
}

static heta_status walk_on(heta_i_session *session, size_t k, heta_error *error) {
  walk w = {0};
  heta_status status;
  HETA_GO(walk_open(session, &w, error));
  for (size_t i = 0; i < session->length; i++) {
    int32_t word = word_at(session, i, k);
    if (moves(session, i) && word != baseline_of(session) && find(&w, word) == w.count)
      w.words[w.count++] = word;
  }
  if (w.count) HETA_GO(heta_i_nearest_words(session, w.words, w.count, w.nearest, w.near, error));
  for (size_t i = 0; i < session->length; i++) {
    size_t same = 0; /* equal tokens go the same way */
    while (session->tokens[same] != session->tokens[i] || moves(session, same) != moves(session, i))
      same++;
    heta_i_series_at(session, ANCHOR, 0, i)[k] = same < i
                                                     ? heta_i_series_at(session, ANCHOR, 0, same)[k]
                                                 : moves(session, i) ? next_word(session, &w, i, k)
                                                                     : session->tokens[i];
  }
done:
  walk_close(&w);
  return status;
}

/* Walks as far as `steps`; another process may have done some of it, or none. */
static heta_status need_walk(heta_i_session *session, size_t steps, heta_error *error) {
  const double *first = heta_i_series_at(session, ANCHOR, 0, 0);
  for (size_t k = 0; k < steps; k++)
    if (isnan(first[k])) HETA_TRY(walk_on(session, k, error));
  return HETA_OK;
}

/* ---- The path -------------------------------------------------------------------------------- */

/* Token i's c_k. next: [width] scratch. */
static void point(heta_i_session *session, size_t i, size_t k, const double *b, double *next,
                  double *out) {
  size_t width = session->model->hyper.width, steps = steps_of(session);
  session->engine->api->embed(session->engine, &session->tokens[i], 1, out);
  if (!moves(session, i)) return;
  if (k > steps) memcpy(out, b, width * sizeof *out);
  for (size_t s = 1; s <= k && k <= steps; s++) {
    int32_t word = word_at(session, i, s);
    session->engine->api->embed(session->engine, &word, 1, next);
    for (size_t c = 0; c < width; c++)
      out[c] = between(next[c], out[c], b[c]) ? next[c] : out[c] - (out[c] - b[c]) / (double)steps;
  }
}

typedef struct path {
  heta_i_session *session;
  double *inputs, *ways, *gradients; /* [stacks × length × width] */
  double *b, *next;                  /* [width] */
  size_t first;                      /* the piece whose input is the first */
} path;

static void path_free(path *p) {
  heta_i_free(p->inputs);
  heta_i_free(p->ways);
  heta_i_free(p->gradients);
  heta_i_free(p->b);
  heta_i_free(p->next);
}

static heta_status path_open(heta_i_session *session, path *p, heta_error *error) {
  size_t width = session->model->hyper.width;
  size_t size = heta_i_stack_size(session, heta_i_stacks(session));
  int32_t baseline = baseline_of(session);
  *p = (path){.session = session};
  p->inputs = heta_i_allocate(size, sizeof(double));
  p->ways = heta_i_allocate(size, sizeof(double));
  p->gradients = heta_i_allocate(size, sizeof(double));
  p->b = heta_i_allocate(width, sizeof(double));
  p->next = heta_i_allocate(width, sizeof(double));
  if (!p->inputs || !p->ways || !p->gradients || !p->b || !p->next)
    return heta_i_no_memory(error, "a path of inputs", 3 * size * sizeof(double));
  session->engine->api->embed(session->engine, &baseline, 1, p->b);
  return HETA_OK;
}

/* Where piece `k` begins, and what it adds: [length × width]. */
static void lay(path *p, size_t k, double *inputs, double *ways) {
  heta_i_session *session = p->session;
  size_t width = session->model->hyper.width, parts = parts_of(session);
  size_t from = steps_of(session) + 1 - k / parts; /* c_from → c_(from - 1) */
  for (size_t i = 0; i < session->length; i++) {
    double *at = inputs + i * width, *way = ways + i * width;
    point(session, i, from, p->b, p->next, at);
    point(session, i, from - 1, p->b, p->next, way);
    for (size_t c = 0; c < width; c++) {
      way[c] = (way[c] - at[c]) / (double)parts;
      at[c] += (double)(k % parts) * way[c];
    }
  }
}

static heta_status run_ends(path *p, heta_error *error) {
  heta_i_session *session = p->session;
  for (size_t i = 0; i < session->length; i++)
    point(session, i, steps_of(session) + 1, p->b, p->next,
          p->inputs + i * session->model->hyper.width);
  return heta_i_path_ends(session, p->inputs, OBJECTIVE, error);
}

static void take_piece(void *context, size_t index, size_t t, const double *gradient) {
  const path *p = context;
  heta_i_session *session = p->session;
  size_t width = session->model->hyper.width;
  const double *way = p->ways + heta_i_stack_size(session, index);
  for (size_t i = 0; i < session->row_length; i++) {
    double sum = 0;
    for (size_t e = i * width; e < (i + 1) * width; e++) sum += gradient[e] * way[e];
    heta_i_series_at(session, CONTRIBUTION, t, i)[p->first + index] = sum;
  }
}

static heta_status run_pieces(path *p, const heta_i_item *item, heta_error *error) {
  size_t size = heta_i_stack_size(p->session, 1), count = item->sample_end - item->sample;
  p->first = item->sample;
  for (size_t c = 0; c < count; c++) lay(p, p->first + c, p->inputs + c * size, p->ways + c * size);
  return heta_i_gradients(p->session, p->inputs, count, p->gradients, take_piece, p, error);
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  path p = {0};
  heta_status status;
  if (item->phase == PHASE_WALK) return need_walk(session, item->sample_end, error);
  if (item->phase == PHASE_PIECE) HETA_TRY(need_walk(session, steps_of(session), error));
  HETA_GO(path_open(session, &p, error));
  status = item->phase == PHASE_ENDS ? run_ends(&p, error) : run_pieces(&p, item, error);
done:
  path_free(&p);
  return status;
}

static bool finish(const heta_i_session *session, size_t target, size_t length,
                   heta_i_numbers *to) {
  return heta_i_finish_series(session, CONTRIBUTION, target, length, to);
}

static size_t checks(const heta_i_session *session, heta_check_value *checks) {
  return heta_i_gap_checks(session, CONTRIBUTION, OBJECTIVE, checks);
}

const heta_i_method heta_i_method_dig = {
    .info =
        {.name = "dig",
         .summary = "discretized integrated gradients, along a path through real words",
         .about =
             "As ig, but each token's embedding goes from the baseline word's to its own past real "
             "words. A walk from the token takes --steps words, each one of the --neighbours "
             "nearest to the word before (Euclidean, over the whole vocabulary), neither the "
             "baseline nor met before; --strategy says which. Where no word is left the walk ends "
             "at the baseline. An element of a word that does not lie between the path so far and "
             "the baseline is replaced by a step of 1/steps of the way, so that the path never "
             "turns back. The signed score is the sum over the path's pieces of the gradient at a "
             "piece's beginning times the piece. Since the last piece jumps to the baseline, the "
             "sum is a rough one: the check completeness_gap says how far the scores are from "
             "f(input) - f(baseline), and --upscale makes it small. Decided here: f is the "
             "log-probability; special tokens stay as they are and score 0 (--keep); the vector is "
             "not divided by its norm, which the released code does (--normalise has other ways). "
             "Nearest words of a byte-pair vocabulary are often pieces of words.",
         .source = "Sanyal & Ren, Discretized Integrated Gradients for Explaining Language Models, "
                   "EMNLP 2021",
         .cost = "(m + 1) 2^u forwards and reverse passes a target (m: --steps, u: --upscale), one "
                 "forward at the baseline, and m searches of the vocabulary for each token",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .is_signed = true,
    .unnoised = "its path leads over words of the vocabulary, and begins at one",
    .joint = true,
    .component_count = 1,
    .components = {{"integrated_gradient", "nat", true, NULL}},
    .check = check,
    .prepare = prepare,
    .plan = plan,
    .run = run,
    .finish = finish,
    .describe = heta_i_describe_unit,
    .checks = checks};
