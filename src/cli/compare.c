/* compare.c: `heta compare` explains one text by several methods and judges their scores. */
#include "cli/compare.h"

#include "cli/commands.h"
#include "cli/difference.h"
#include "cli/eval/choice.h"
#include "cli/request.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct compare_arguments {
  cli_request request; /* must be first */
  const char *methods;
  uint64_t passes; /* 0: as many as each method asks for */
  int format;
} compare_arguments;

/* The methods as a list, "all" written out, those that have --passes with it unless they say how
 * many themselves; the caller frees it. NULL: no memory. */
static char *list_of(const compare_arguments *arguments) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  bool all = strcmp(arguments->methods, "all") == 0;
  const char *at = arguments->methods;
  for (size_t i = 0; out && (all ? i < heta_method_count() : *at != 0); i++) {
    const char *one = all ? heta_method_at(i)->name : at;
    size_t length = strcspn(one, ","), name = strcspn(one, "+,");
    const heta_method_info *info = NULL;
    for (size_t k = 0; k < heta_method_count(); k++) {
      const heta_method_info *method = heta_method_at(k);
      if (strlen(method->name) == name && memcmp(method->name, one, name) == 0) info = method;
    }
    const char *own = strstr(one, "+passes=");
    fprintf(out, "%s%.*s", i ? "," : "", (int)length, one);
    if (arguments->passes && info && cli_method_option(info, "passes", 6) &&
        !(own && own < one + length))
      fprintf(out, "+passes=%llu", (unsigned long long)arguments->passes);
    if (!all) at += length + (at[length] == ',');
  }
  if (!out || fclose(out) == 0) return text;
  free(text);
  return NULL;
}

/* Ranks go by the scores of tokens that reports do not set apart; *value: NAN where there is no
 * correlation. False without memory. */
static bool correlate(const cli_compared *a, const cli_compared *b, size_t first_row,
                      cli_measured *room, double *value) {
  *value = NAN;
  if (!a->result || !b->result) return true;
  const heta_attribution *x = a->result, *y = b->result;
  size_t length = x->rows[first_row].length, count = 0;
  cli_correlation found = {.value = NAN};
  for (size_t i = 0; i < length; i++) {
    if (cli_is_apart(x, i)) continue;
    room[count].value = cli_row_value(&x->rows[first_row], i);
    room[length + count++].value = cli_row_value(&y->rows[first_row], i);
  }
  bool made = count < 3 || cli_correlate(room, room + length, count, &found);
  *value = found.value;
  return made;
}

static bool correlations(cli_comparison *comparison) {
  size_t count = comparison->count, length = comparison->first->rows[0].length;
  cli_measured *room = calloc(2 * length + 1, sizeof *room);
  comparison->correlation = calloc(count * count, sizeof *comparison->correlation);
  bool made = room && comparison->correlation;
  for (size_t i = 0; made && i < count; i++) {
    for (size_t k = 0; made && k < count; k++) {
      made = correlate(&comparison->list[i], &comparison->list[k], 0, room,
                       &comparison->correlation[i * count + k]);
    }
  }
  free(room);
  return made;
}

/* Takes the area and the curve of one metric. */
static heta_status judge(heta_evaluator *evaluator, const char *metric, const heta_scored *scored,
                         double *area, double *curve, heta_error *error) {
  const heta_measure *measures;
  heta_status status = heta_evaluate(evaluator, metric, scored, &measures, error);
  if (status) return status;
  const heta_metric_info *info = heta_metric_find(metric);
  char area_name[64], curve_name[64];
  snprintf(area_name, sizeof area_name, "%s_auc", metric);
  snprintf(curve_name, sizeof curve_name, "%s_curve", metric);
  for (size_t i = 0; i < info->measure_count; i++) {
    const char *name = measures[i].info->name;
    if (strcmp(name, area_name) == 0) *area = measures[i].values[0];
    if (strcmp(name, curve_name) == 0 && measures[i].info->points == CLI_COMPARED_POINTS) {
      memcpy(curve, measures[i].values, CLI_COMPARED_POINTS * sizeof *curve);
    }
  }
  return HETA_OK;
}

static int judge_scores(heta_evaluator *evaluator, cli_compared *entry) {
  const heta_attribution *a = entry->result;
  const heta_row *row = &a->rows[0];
  heta_error error = {0};
  int32_t *tokens = calloc(row->length + 1, sizeof *tokens);
  bool *apart = calloc(row->length + 1, sizeof *apart);
  entry->shares = calloc(row->length + 1, sizeof *entry->shares);
  cli_measured *shares = calloc(row->length + 1, sizeof *shares);
  heta_status status = tokens && apart && entry->shares && shares ? HETA_OK : HETA_E_MEMORY;
  if (!status) {
    cli_shares(a, row, true, shares);
    for (size_t i = 0; i < row->length; i++) {
      tokens[i] = a->tokens[i].id;
      apart[i] = cli_is_apart(a, i);
      entry->shares[i] = shares[i].value;
    }
    heta_scored scored = {.struct_size = sizeof scored,
                          .tokens = tokens,
                          .length = row->length,
                          .target = a->targets[row->target].id,
                          .score = row->score,
                          .signed_score = row->signed_score,
                          .set_apart = apart};
    status = judge(evaluator, "deletion", &scored, &entry->deletion, entry->deletion_curve, &error);
    if (!status) {
      status =
          judge(evaluator, "insertion", &scored, &entry->insertion, entry->insertion_curve, &error);
    }
  } else {
    snprintf(error.message, sizeof error.message, "out of memory");
  }
  free(tokens);
  free(apart);
  free(shares);
  return status ? cli_fail(cli_exit_code(status), "%s: %s", entry->label, error.message) : CLI_DONE;
}

/* all: a method that the question does not suit is left out, saying why. before: the job of the
 * method before, whose engine and clean run serve this one, too; NULL: none. */
static int explain(const heta_model *model, const cli_text *text,
                   const compare_arguments *arguments, const eval_method *method, bool all,
                   heta_job *before, cli_compared *entry) {
  heta_attribute_options options = cli_request_options(&arguments->request);
  heta_error error = {0};
  entry->label = method->label;
  entry->options = method->resolved;
  entry->deletion = entry->insertion = NAN;
  options.method = method->info->name;
  options.method_options = method->options;
  options.method_option_count = method->option_count;
  heta_status status =
      heta_job_create(model, text->bytes, text->size, &options, &entry->job, &error);
  if (!status) heta_job_reuse(entry->job, before);
  if (!status) status = heta_job_run(entry->job, &error);
  if (!status) status = heta_job_get_result(entry->job, &entry->result, &error);
  if (!status) return CLI_DONE;
  entry->result = NULL;
  if (!all || status != HETA_E_ARGUMENT) {
    return cli_fail(cli_exit_code(status), "%s: %s", method->label, error.message);
  }
  snprintf(entry->problem, sizeof entry->problem, "%s", error.message);
  return CLI_DONE;
}

static int show(const compare_arguments *arguments, const heta_model *model, const cli_text *text,
                const eval_choice *choice, cli_comparison *comparison) {
  static int (*const shows[])(const cli_comparison *) = {cli_comparison_term, cli_comparison_json,
                                                         cli_comparison_html};
  const cli_request *request = &arguments->request;
  bool all = strcmp(arguments->methods, "all") == 0;
  heta_metric_options metrics = heta_metric_options_default();
  heta_evaluator *evaluator;
  heta_error error = {0};
  metrics.threads = (int)request->threads;
  metrics.keep_weights = true;
  metrics.seed = request->seed;
  heta_status status = heta_evaluator_open(model, &metrics, &evaluator, &error);
  if (status) return cli_fail(cli_exit_code(status), "%s", error.message);
  int code = CLI_DONE;
  heta_job *before = NULL;
  for (size_t i = 0; !code && i < comparison->count; i++) {
    cli_compared *entry = &comparison->list[i];
    if (!request->quiet) {
      cli_say("%zu of %zu: %s", i + 1, comparison->count, choice->methods[i].label);
    }
    code = explain(model, text, arguments, &choice->methods[i], all, before, entry);
    if (entry->job) before = entry->job;
    if (code || !entry->result) continue;
    if (!comparison->first) comparison->first = entry->result;
    code = judge_scores(evaluator, entry);
  }
  heta_evaluator_close(evaluator);
  if (code) return code;
  if (!comparison->first) {
    return cli_fail(CLI_FAILED, "no method suits this question: %s", comparison->list[0].problem);
  }
  if (comparison->first->row_count > 1 && !request->quiet) {
    cli_say("note: there are %zu targets; the first is compared", comparison->first->row_count);
  }
  if (!correlations(comparison)) return cli_fail(CLI_FAILED, "out of memory");
  return shows[arguments->format](comparison);
}

static int compare(const compare_arguments *arguments, const heta_model *model,
                   const cli_text *text) {
  char *list = list_of(arguments);
  eval_choice choice = {0};
  cli_comparison comparison = {0};
  int code = list ? eval_choice_read(list, "deletion,insertion", &choice)
                  : cli_fail(CLI_FAILED, "out of memory");
  if (!code) {
    comparison.count = choice.method_count;
    comparison.list = calloc(comparison.count + 1, sizeof *comparison.list);
    code = comparison.list ? show(arguments, model, text, &choice, &comparison)
                           : cli_fail(CLI_FAILED, "out of memory");
  }
  for (size_t i = 0; comparison.list && i < comparison.count; i++) {
    heta_job_free(comparison.list[i].job);
    free(comparison.list[i].shares);
  }
  free(comparison.list);
  free(comparison.correlation);
  eval_choice_free(&choice);
  free(list);
  return code;
}

static int run(void *untyped) {
  const compare_arguments *arguments = untyped;
  const cli_request *request = &arguments->request;
  char message[CLI_MESSAGE];
  cli_text text = {0};
  heta_model *model;
  if (!cli_request_check(request, message)) return cli_fail(CLI_USAGE, "%s", message);
  int code = cli_open_model(request->model, &model);
  if (code) return code;
  code = cli_read_input(&request->input, NULL, &text);
  if (!code && strlen(text.bytes) != text.size) {
    code = cli_fail(CLI_USAGE, "the text has a NUL byte at offset %zu", strlen(text.bytes));
  }
  if (!code) cli_request_speed(request, model);
  if (!code) code = compare(arguments, model, &text);
  free(text.bytes);
  heta_model_close(model);
  return code;
}

static void set_defaults(void *untyped) {
  compare_arguments *arguments = untyped;
  cli_request_defaults(untyped);
  arguments->methods = "heta,ig,input-x-gradient,attention-rollout,occlusion,random";
}

static const cli_option options[] = {
    CLI_QUESTION_OPTIONS,
    {0, "methods", NULL, CLI_TEXT, offsetof(compare_arguments, methods), "A,B,…|all", 0, 0, 0,
     "Methods", "by name, with options as in heta+config=gate; all: every one that suits"},
    {0, "passes", NULL, CLI_COUNT, offsetof(compare_arguments, passes), "N", 1, UINT64_MAX, 0, NULL,
     "forward passes at most for each method that perturbs the input"},
    {'s', "seed", NULL, CLI_COUNT, CLI_ASKED(seed), "N", 0, UINT64_MAX, 0, NULL,
     "same seed, same result"},
    {0, "format", NULL, CLI_CHOICE, offsetof(compare_arguments, format), "term|json|html", 0, 0, 0,
     "Output", "for people, for programs, or as a page"},
    {'q', "quiet", NULL, CLI_FLAG, CLI_ASKED(quiet), NULL, 0, 0, 0, NULL, "no notes"},
    CLI_LIMIT_OPTIONS,
};

const cli_command cli_compare = {
    .name = "compare",
    .summary = "Explains one text by several methods, side by side.",
    .usage = "-m FILE -p TEXT --methods A,B,C [--format html > FILE]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .arguments_size = sizeof(compare_arguments),
    .set_defaults = set_defaults,
    .run = run,
    .notes = "For each method: the text coloured by its shares, the target's probability as the "
             "strongest tokens are taken out (deletion: low is good) and put back (insertion: high "
             "is good), and how its ranks agree with the others'. The clean run is made "
             "once, for all: docs/methods.md.",
};
