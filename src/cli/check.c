/* check.c: `heta check` proves the engine's numbers on a model. */
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/json.h"

#include <stdlib.h>

typedef struct check_arguments {
  cli_parsed parsed; /* must be first */
  const char *model;
  cli_input input;
  uint64_t seed, threads;
  int format;
} check_arguments;

static void print_item(void *context, const heta_check_item *item) {
  (void)context;
  printf("%s%-6s%s %-16s  error %8.2e, limit %8.2e  %s\n", cli_bold(stdout),
         item->passed ? "ok" : "FAILED", cli_plain(stdout), item->name, item->error, item->limit,
         item->text);
  fflush(stdout); /* each check takes a while */
}

static void collect_item(void *context, const heta_check_item *item) {
  json_t *object = json_object();
  cli_json_set(object, "name", cli_json_string(item->name));
  cli_json_set(object, "text", cli_json_string(item->text));
  cli_json_set(object, "error", cli_json_number(item->error));
  cli_json_set(object, "limit", cli_json_number(item->limit));
  cli_json_set(object, "passed", json_boolean(item->passed));
  cli_json_append(context, object);
}

static int run(void *untyped) {
  const check_arguments *arguments = untyped;
  heta_model *model;
  heta_error error = {0};
  cli_text text = {0};
  int code = cli_open_model(arguments->model, &model);
  if (code) return code;
  code = cli_read_input(&arguments->input, "Water boils at one hundred degrees", &text);
  if (!code) {
    json_t *items = arguments->format ? json_array() : NULL;
    heta_status status =
        heta_check(model, text.bytes, text.size, arguments->seed, (int)arguments->threads,
                   arguments->format ? collect_item : print_item, items, &error);
    if (arguments->format) {
      json_t *object = json_object();
      cli_json_set(object, "passed", json_boolean(status == HETA_OK));
      cli_json_set(object, "checks", items);
      code = cli_json_print(object);
    } else {
      if (!status) printf("all checks passed\n");
      code = cli_close_output(CLI_DONE);
    }
    if (status) code = cli_fail(cli_exit_code(status), "%s", error.message);
  }
  free(text.bytes);
  heta_model_close(model);
  return code;
}

static const cli_option options[] = {
    {'m', "model", NULL, CLI_TEXT, offsetof(check_arguments, model), "FILE", 0, 0, 0, NULL,
     "the model: a GGUF file, a Hugging Face folder, or a name of heta model list"},
    CLI_INPUT_OPTIONS(check_arguments, input, NULL),
    {'s', "seed", NULL, CLI_COUNT, offsetof(check_arguments, seed), "N", 0, UINT64_MAX, 0, NULL,
     "same seed, same probes"},
    {'t', "threads", NULL, CLI_COUNT, offsetof(check_arguments, threads), "N", 1, 1024, 0, NULL,
     "threads to use; default one per core"},
    {0, "format", NULL, CLI_CHOICE, offsetof(check_arguments, format), "term|json", 0, 0, 0, NULL,
     "for people or for programs"},
};

const cli_command cli_check = {
    .name = "check",
    .summary = "Proves the engine's numbers on a model.",
    .usage = "-m FILE [-p TEXT]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .arguments_size = sizeof(check_arguments),
    .run = run,
    .notes = "Gradient and Hessian-vector products are compared with finite differences, in double "
             "precision; shortcuts with the plain computation. Without a text a short sentence is "
             "used: time grows quickly with the length. Exit code 6 "
             "when a check fails.",
};
