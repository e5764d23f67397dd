/* plan.c: `heta plan` says what a question would cost, asked in several ways, and runs none. */
#include "cli/calibration.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/request.h"

#include <stdlib.h>
#include <string.h>

typedef struct plan_arguments {
  cli_request request; /* must be first */
  int format;
} plan_arguments;

enum { MOST_CHANGES = 3 };

/* One way to ask. Its options come after the user's own, and so overrule them. */
static const struct way {
  const char *method;
  heta_option changes[MOST_CHANGES]; /* ends before a name that is NULL */
  const char *what;
} WAYS[] = {
    {"heta", {{NULL, NULL}}, "the method's defaults, and your options"},
    {"heta", {{"estimator", "sketch"}}, "the same curvature with smaller errors"},
    {"heta", {{"estimator", "sketch"}, {"probes", "auto"}}, "until every error is small enough"},
    {"heta", {{"estimator", "coded"}}, "the same curvature, for long contexts"},
    {"heta", {{"fast", "yes"}}, "for long contexts: row, few probes, information of spans first"},
    {"heta", {{"curvature", "row"}}, "another quantity: interactions with all tokens"},
    {"heta", {{"curvature", "gradsq"}}, "another quantity: the squared gradient"},
    {"heta", {{"curvature", "gauss-newton"}}, "another quantity: without the model's own bends"},
    {"heta", {{"curvature", "lowrank"}}, "a block's part of rank 64 (the paper's HETA-LR)"},
    {"heta",
     {{"curvature", "lowrank-global"}},
     "the whole Hessian's part of rank 64, for all tokens"},
    {"heta", {{"layers", "4"}}, "by the last four layers only (the paper's HETA-LS)"},
    {"heta", {{"windows", "anchored"}}, "in windows of 512 tokens, each with the context's end"},
    {"occlusion", {{NULL, NULL}}, "one masked run per token"},
    {"gradient-norm", {{NULL, NULL}}, "one reverse pass"},
};
enum { WAY_COUNT = sizeof WAYS / sizeof *WAYS };

/* "heta --estimator sketch". */
static void label_of(const struct way *way, char *room, size_t size) {
  size_t used = (size_t)snprintf(room, size, "-a %s", way->method);
  for (int i = 0; i < MOST_CHANGES && way->changes[i].name && used < size; i++) {
    const char *value = way->changes[i].value;
    bool flag = !strcmp(value, "yes");
    used += (size_t)snprintf(room + used, size - used, " --%s%s%s", way->changes[i].name,
                             flag ? "" : " ", flag ? "" : value);
  }
}

/* A job for one way, or NULL after filling in why there is none. */
static heta_job *job_of(const plan_arguments *arguments, const struct way *way,
                        const heta_model *model, const cli_question *question, heta_error *error) {
  const cli_parsed *parsed = &arguments->request.parsed;
  const heta_method_info *method = heta_method_find(way->method);
  heta_attribute_options options = cli_request_options(&arguments->request);
  heta_option *list = calloc(parsed->method_option_count + MOST_CHANGES, sizeof *list);
  size_t count = 0;
  if (!list) {
    snprintf(error->message, sizeof error->message, "out of memory");
    return NULL;
  }
  for (size_t i = 0; i < parsed->method_option_count; i++) {
    const heta_option *given = &parsed->method_options[i];
    if (cli_method_option(method, given->name, strlen(given->name))) list[count++] = *given;
  }
  for (int i = 0; i < MOST_CHANGES && way->changes[i].name; i++) list[count++] = way->changes[i];
  cli_prompt_options(&question->prompt, &options);
  options.method = way->method;
  options.method_options = list;
  options.method_option_count = count;
  heta_job *job = NULL;
  if (heta_job_create(model, question->prompt.text, question->prompt.size, &options, &job, error))
    job = NULL;
  free(list);
  return job;
}

static void print_row(const struct way *way, const char *label, const heta_plan *plan,
                      const char *problem) {
  char bytes[CLI_SHORT], time[CLI_SHORT];
  printf("%s%s%s\n", cli_bold(stdout), label, cli_plain(stdout));
  cli_print_wrapped(stdout, way->what, 0, 4, 90);
  if (!plan) {
    cli_print_wrapped(stdout, problem, 0, 4, 90);
    return;
  }
  const char *most = plan->at_most ? "at most " : "";
  printf("    %s%s, %s; %llu forward, %llu reverse, %s%llu Hessian\n", most,
         cli_duration_text(plan->seconds, time), cli_bytes_text(plan->bytes, bytes),
         (unsigned long long)plan->forwards, (unsigned long long)plan->reverses, most,
         (unsigned long long)plan->hvps);
}

static json_t *row_json(const char *label, const heta_plan *plan, const char *problem) {
  json_t *object = json_object();
  cli_json_set(object, "options", cli_json_string(label));
  cli_json_set(object, "problem", plan ? json_null() : cli_json_string(problem));
  if (!plan) return object;
  cli_json_set(object, "at_most", json_boolean(plan->at_most));
  cli_json_set(object, "context_tokens", cli_json_count(plan->context_tokens));
  cli_json_set(object, "targets", cli_json_count(plan->target_tokens));
  cli_json_set(object, "forwards", cli_json_count(plan->forwards));
  cli_json_set(object, "reverses", cli_json_count(plan->reverses));
  cli_json_set(object, "hvps", cli_json_count(plan->hvps));
  cli_json_set(object, "flop", cli_json_number(plan->flop));
  cli_json_set(object, "bytes", cli_json_count(plan->bytes));
  cli_json_set(object, "seconds", cli_json_number(plan->seconds));
  return object;
}

/* All ways; fails when the question itself is wrong: then none of them can be planned. */
static int show(const plan_arguments *arguments, const heta_model *model,
                const cli_question *question) {
  json_t *list = arguments->format ? json_array() : NULL;
  size_t planned = 0;
  heta_error error = {0};
  for (int i = 0; i < WAY_COUNT; i++) {
    char label[128];
    label_of(&WAYS[i], label, sizeof label);
    heta_job *job = job_of(arguments, &WAYS[i], model, question, &error);
    const heta_plan *plan = job ? heta_job_get_plan(job) : NULL;
    if (!planned && plan && !list) {
      printf("%zu context tokens, %zu target%s; times by what this "
             "machine reaches when idle\n",
             plan->context_tokens, plan->target_tokens, plan->target_tokens == 1 ? "" : "s");
    }
    planned += plan != NULL;
    if (list) {
      cli_json_append(list, row_json(label, plan, error.message));
    } else if (planned) {
      print_row(&WAYS[i], label, plan, error.message);
    }
    heta_job_free(job);
    if (!planned && i == 0) break; /* what the first refuses is wrong with the question */
  }
  if (!planned) {
    json_decref(list);
    return cli_fail(CLI_FAILED, "%s", error.message);
  }
  return list ? cli_json_print(list) : cli_close_output(CLI_DONE);
}

static int run(void *untyped) {
  plan_arguments *arguments = untyped;
  cli_request *request = &arguments->request;
  char message[CLI_MESSAGE];
  cli_question question;
  heta_model *model;
  if (!cli_request_check(request, message)) return cli_fail(CLI_USAGE, "%s", message);
  if (cli_chat_lists(&request->chat)) return cli_chat_list();
  int code = cli_open_model(request->model, &model);
  if (code) return code;
  question = (cli_question){0};
  code = cli_calibration_apply(request, model);
  if (!code) code = cli_question_read(request, model, &question);
  if (!code) cli_request_speed(request, model);
  if (!code) code = show(arguments, model, &question);
  cli_question_free(&question);
  heta_model_close(model);
  return code;
}

static const cli_option options[] = {
    CLI_QUESTION_OPTIONS,
    {0, "calibration", NULL, CLI_TEXT, CLI_ASKED(calibration), "FILE", 0, 0, 0, NULL,
     "what --beta auto means: the weights that heta calibrate -o FILE fitted"},
    CLI_LIMIT_OPTIONS,
    {0, "format", NULL, CLI_CHOICE, offsetof(plan_arguments, format), "term|json", 0, 0, 0,
     "Output", "for people or for programs"},
};

const cli_command cli_plan = {
    .name = "plan",
    .summary = "Says what a question would cost, asked in several ways.",
    .usage = "-m FILE -p TEXT [options]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .method_options = true,
    .arguments_size = sizeof(plan_arguments),
    .set_defaults = cli_request_defaults,
    .run = run,
};
