/* question.c: items as tokens, jobs over them, spans as tokens. */
#include "cli/eval/question.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Whether a failure is the item's own and others may go on. */
static bool of_item(heta_status status) {
  return status == HETA_E_ARGUMENT || status == HETA_E_NONFINITE;
}

static int give_up(const heta_error *error, char problem[CLI_MESSAGE]) {
  if (!of_item(error->status)) return cli_fail(cli_exit_code(error->status), "%s", error->message);
  snprintf(problem, CLI_MESSAGE, "%s", error->message);
  return CLI_DONE;
}

static bool is_text(const char *bytes, size_t size) {
  for (size_t i = 0; i < size;) {
    size_t length = cli_character(bytes + i, size - i);
    if (!length || !bytes[i]) return false;
    i += length;
  }
  return size > 0;
}

/* The text of the first token of a target of several. */
static int first_token(const heta_model *model, const eval_item *item, const char *target,
                       char **first, char problem[CLI_MESSAGE]) {
  heta_attribute_options options = heta_attribute_options_default();
  const heta_attribution *a;
  heta_error error = {0};
  heta_job *job = NULL;
  options.method = "uniform";
  options.target = HETA_TARGET_TEXT;
  options.target_text = target;
  heta_status status =
      heta_job_create(model, item->text, strlen(item->text), &options, &job, &error);
  if (!status) status = heta_job_get_result(job, &a, &error);
  int code = status ? give_up(&error, problem) : CLI_DONE;
  if (!status) {
    size_t size;
    size_t context = heta_job_get_plan(job)->context_tokens;
    const char *bytes = heta_token_bytes(model, a->tokens[context].id, &size);
    if (is_text(bytes, size)) {
      *first = strndup(bytes, size);
      if (!*first) code = cli_fail(CLI_FAILED, "out of memory");
    } else {
      snprintf(problem, CLI_MESSAGE, "the target's first token is not whole characters");
    }
  }
  heta_job_free(job);
  return code;
}

static int copy_tokens(const heta_attribution *a, size_t context, const char *target,
                       eval_tokens *tokens) {
  tokens->ids = calloc(context + 1, sizeof *tokens->ids);
  tokens->apart = calloc(context + 1, sizeof *tokens->apart);
  tokens->start = calloc(context + 1, sizeof *tokens->start);
  tokens->end = calloc(context + 1, sizeof *tokens->end);
  tokens->target_text = strdup(target);
  if (!tokens->ids || !tokens->apart || !tokens->start || !tokens->end || !tokens->target_text) {
    return cli_fail(CLI_FAILED, "out of memory");
  }
  tokens->length = context;
  for (size_t i = 0; i < context; i++) {
    tokens->ids[i] = a->tokens[i].id;
    tokens->apart[i] = a->tokens[i].kind != HETA_TOKEN_TEXT;
    tokens->start[i] = a->tokens[i].start;
    tokens->end[i] = a->tokens[i].end;
  }
  tokens->target = a->tokens[context].id;
  return CLI_DONE;
}

int eval_question_tokens(const heta_model *model, const eval_item *item, eval_tokens *tokens,
                         char problem[CLI_MESSAGE]) {
  heta_attribute_options options = heta_attribute_options_default();
  const heta_attribution *a;
  heta_error error = {0};
  heta_job *job = NULL;
  char *first = NULL;
  *tokens = (eval_tokens){0};
  problem[0] = 0;
  int code = first_token(model, item, item->target, &first, problem);
  if (code || !first) return code;
  options.method = "uniform";
  options.target = HETA_TARGET_TEXT;
  options.target_text = first;
  heta_status status =
      heta_job_create(model, item->text, strlen(item->text), &options, &job, &error);
  if (!status) status = heta_job_get_result(job, &a, &error);
  if (status) {
    code = give_up(&error, problem);
  } else if (heta_job_get_plan(job)->target_tokens != 1) {
    snprintf(problem, CLI_MESSAGE, "the target's first token cannot be given as a text");
  } else {
    code = copy_tokens(a, heta_job_get_plan(job)->context_tokens, first, tokens);
  }
  heta_job_free(job);
  free(first);
  return code;
}

/* The control's numbers depend on seed and place alone: in texts alike but for a word, they would
 * be one draw for all. Each text gets its own, but where the seed also draws the token. */
static uint64_t seed_for(const eval_method *method, const eval_item *item,
                         const eval_tokens *tokens, uint64_t seed) {
  uint64_t hash = 14695981039346656037u; /* FNV-1a */
  if (strcmp(method->info->name, "random") != 0 || !tokens->target_text) return seed;
  for (const char *c = item->text; *c; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
  return seed ^ hash;
}

int eval_question_job(const eval_request *request, const eval_item *item, const eval_tokens *tokens,
                      const eval_method *method, const heta_attribute_options *base, heta_job **job,
                      char problem[CLI_MESSAGE]) {
  heta_attribute_options options = *base;
  heta_error error = {0};
  problem[0] = 0;
  *job = NULL;
  options.method = method->info->name;
  options.method_options = method->options;
  options.method_option_count = method->option_count;
  options.target = tokens->target_text ? HETA_TARGET_TEXT : HETA_TARGET_NEXT;
  options.target_text = tokens->target_text;
  options.seed = seed_for(method, item, tokens, request->seed);
  options.threads = request->threads;
  options.backend = request->backend;
  options.precision = request->precision;
  options.max_memory = request->max_memory;
  heta_job *made;
  if (heta_job_create(request->model, item->text, strlen(item->text), &options, &made, &error)) {
    return give_up(&error, problem);
  }
  *job = made;
  return CLI_DONE;
}

static double *copy(const double *values, size_t count) {
  double *out = values ? malloc(count * sizeof *out) : NULL;
  if (out) memcpy(out, values, count * sizeof *out);
  return out;
}

int eval_question_score(heta_job *job, const eval_tokens *tokens, eval_score *score) {
  const heta_attribution *a;
  heta_error error = {0};
  *score = (eval_score){0};
  if (heta_job_get_result(job, &a, &error)) {
    return cli_fail(cli_exit_code(error.status), "%s", error.message);
  }
  const heta_row *row = a->row_count ? &a->rows[0] : NULL;
  score->seconds = a->seconds_total;
  score->forwards = a->cost_forwards;
  score->reverses = a->cost_reverses;
  score->hvps = a->cost_hvps;
  score->flop = a->cost_flop;
  bool whole = row && row->status == HETA_ROW_COMPLETE && row->length == tokens->length;
  for (size_t i = 0; whole && i < row->length; i++) {
    whole = isfinite(row->score[i]) && (!row->signed_score || isfinite(row->signed_score[i]));
  }
  if (!whole) {
    score->problem = strdup("the method gave no whole row of scores");
    return CLI_DONE;
  }
  score->length = row->length;
  score->score = copy(row->score, row->length);
  score->signed_score = copy(row->signed_score, row->length);
  score->score_se = copy(row->score_se, row->length);
  score->logprob = a->targets[0].logprob;
  score->rank = a->targets[0].rank;
  score->target = a->targets[0].id;
  bool room = score->score && (!row->signed_score || score->signed_score) &&
              (!row->score_se || score->score_se);
  return room ? CLI_DONE : cli_fail(CLI_FAILED, "out of memory");
}

int eval_question_mask(const eval_item *item, const eval_tokens *tokens, const char *role,
                       bool **mask) {
  *mask = NULL;
  if (!eval_item_has(item, role)) return CLI_DONE;
  *mask = calloc(tokens->length + 1, sizeof **mask);
  if (!*mask) return cli_fail(CLI_FAILED, "out of memory");
  for (size_t s = 0; s < item->span_count; s++) {
    const eval_span *span = &item->spans[s];
    if (strcmp(span->role, role) != 0) continue;
    for (size_t i = 0; i < tokens->length; i++) {
      if (tokens->start[i] < span->end && tokens->end[i] > span->start) (*mask)[i] = true;
    }
  }
  return CLI_DONE;
}

/* The text with bytes [start, end) replaced. */
static char *replaced(const char *text, size_t start, size_t end, const char *by, size_t size) {
  size_t room = strlen(text) + size + 1;
  char *out = malloc(room);
  if (out) snprintf(out, room, "%.*s%.*s%s", (int)start, text, (int)size, by, text + end);
  return out;
}

/* The token that covers a byte; special tokens cover none. */
static size_t covering(const eval_tokens *tokens, size_t byte) {
  for (size_t i = 0; i < tokens->length; i++) {
    if (tokens->start[i] <= byte && byte < tokens->end[i]) return i;
  }
  return SIZE_MAX;
}

int eval_question_foil(const heta_model *model, const eval_item *item, const eval_tokens *own,
                       char **made, eval_tokens *tokens, size_t **place,
                       char problem[CLI_MESSAGE]) {
  size_t start, end;
  *made = NULL;
  *place = NULL;
  *tokens = (eval_tokens){0};
  problem[0] = 0;
  if (!eval_item_answer(item, &start, &end)) return CLI_DONE;
  const char *foil = item->foil + strspn(item->foil, " \t\n");
  size_t size = strlen(foil), old = end - start;
  char *text = *made = replaced(item->text, start, end, foil, size);
  if (!text) return cli_fail(CLI_FAILED, "out of memory");
  eval_item other = {.suite = item->suite, .name = item->name, .text = text, .target = item->foil};
  int code = eval_question_tokens(model, &other, tokens, problem);
  size_t *map = code || problem[0] ? NULL : calloc(tokens->length + 1, sizeof *map);
  if (!code && !problem[0] && !map) code = cli_fail(CLI_FAILED, "out of memory");
  for (size_t i = 0; map && i < tokens->length; i++) {
    size_t last = tokens->end[i] ? tokens->end[i] - 1 : 0; /* its last byte, there and here */
    size_t byte = last < start           ? last
                  : last >= start + size ? last - size + old
                                         : start + (last - start) * old / size;
    map[i] = tokens->end[i] > tokens->start[i] ? covering(own, byte) : i;
    if (map[i] < own->length) continue;
    snprintf(problem, CLI_MESSAGE, "the text with the foil is not cut into tokens alike");
    free(map);
    map = NULL;
  }
  *place = map;
  return code;
}
