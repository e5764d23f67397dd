/* merge.c: `heta merge` joins the partial results of one job into one result.
 *
 * The job is made again from the first file: the command line recorded in it is read by the parser
 * that read it first; the text and the method's options, as they were resolved, come from the
 * result itself, so that files named on that command line need not exist any more. heta_job_merge
 * refuses whatever belongs to another job. */
#include "cli/merge.h"
#include "cli/request.h"

#include <stdlib.h>
#include <string.h>

typedef struct merge_arguments {
  cli_parsed parsed; /* must be first */
  const char *model;
  uint64_t threads;
  cli_output output;
  bool quiet;
} merge_arguments;

void cli_recorded_free(cli_recorded *recorded) {
  cli_release(&cli_attribute, &recorded->request);
  heta_result_free(recorded->result);
  *recorded = (cli_recorded){0};
}

/* How the model chose what it wrote stands among the options, but is not the method's. */
static bool take_decoding(const heta_resolved_option *recorded, cli_request *request) {
  char message[CLI_MESSAGE];
  for (int i = 0; i < CLI_DECODINGS; i++) {
    const char *name = cli_decodings[i];
    if (strcmp(name, recorded->name) != 0) continue;
    const cli_option *own = cli_find_option(&cli_attribute, name, strlen(name));
    return cli_store(own, request, name, recorded->value, message);
  }
  return false;
}

/* Puts the recorded method and its resolved options in place of those of the command line. */
static bool take_method(const heta_attribution *a, cli_request *request) {
  cli_parsed *parsed = &request->parsed;
  const heta_method_info *method = heta_method_find(a->method->name);
  heta_option *list = calloc(a->option_count + 1, sizeof *list);
  free(parsed->method_options);
  parsed->method_options = list;
  parsed->method_option_count = 0;
  if (!method || !list) return false;
  request->method = method->name;
  for (size_t i = 0; i < a->option_count; i++) {
    const heta_resolved_option *option = &a->options[i];
    const heta_option_info *info = cli_method_option(method, option->name, strlen(option->name));
    if (!option->value || (!info && !take_decoding(option, request))) return false;
    if (!info) continue;
    list[parsed->method_option_count++] = (heta_option){.name = info->name, .value = option->value};
  }
  return true;
}

static bool read_recorded(cli_recorded *recorded, char message[CLI_MESSAGE]) {
  const heta_attribution *a = heta_result_get(recorded->result);
  char *const *words = (char *const *)a->command_words; /* the parser changes none of them */
  if (a->command_count < 2) {
    snprintf(message, CLI_MESSAGE,
             "the result does not record the command that made it; "
             "heta attribute --continue takes it over when given the same options");
    return false;
  }
  /* "heta attribute -m …" or "heta -m …" */
  size_t first = strcmp(words[1], cli_attribute.name) == 0 ? 2 : 1;
  if (!cli_parse(&cli_attribute, (int)(a->command_count - first), words + first,
                 (int)a->command_count, words, &recorded->request, message)) {
    return false;
  }
  if (!take_method(a, &recorded->request)) {
    snprintf(message, CLI_MESSAGE, "the result's method or its options are damaged or unknown");
    return false;
  }
  if (!cli_request_check(&recorded->request, message)) return false;
  recorded->model = a->model->file;
  recorded->text = a->text;
  /* With --last the target is part of the text that was given. */
  recorded->text_size = recorded->request.last ? a->text_size : a->prompt_end;
  return true;
}

bool cli_recorded_read(const char *json, size_t size, cli_recorded *recorded,
                       char message[CLI_MESSAGE]) {
  heta_error error = {0};
  *recorded = (cli_recorded){0};
  if (heta_result_read(json, size, &recorded->result, &error)) {
    snprintf(message, CLI_MESSAGE, "%s", error.message);
    return false;
  }
  bool fine = read_recorded(recorded, message);
  if (!fine) cli_recorded_free(recorded);
  return fine;
}

heta_attribute_options cli_recorded_options(const cli_recorded *recorded) {
  const heta_attribution *a = heta_result_get(recorded->result);
  heta_attribute_options options = cli_request_options(&recorded->request);
  bool target = a->segment_count && strcmp(a->segments[a->segment_count - 1].role, "target") == 0;
  options.segments = a->segments;
  options.segment_count = a->segment_count - target;
  if (a->token_count) {
    options.bos = a->tokens[0].kind == HETA_TOKEN_BOS ? HETA_BOS_YES : HETA_BOS_NO;
  }
  if (options.target == HETA_TARGET_NEXT && a->target_count &&
      strcmp(a->targets[0].origin, "forced") == 0) {
    options.target = HETA_TARGET_TEXT;
    options.target_text = a->text + a->prompt_end;
  }
  return options;
}

/* Adds every file to the job and writes what that makes. */
static int merge_files(heta_job *job, const cli_recorded *recorded,
                       const merge_arguments *arguments) {
  const heta_attribution *attribution;
  const cli_list *files = &arguments->parsed.words;
  heta_error error = {0};
  for (size_t i = 0; i < files->count; i++) {
    cli_text json;
    int code = cli_read_file(files->items[i], &json);
    if (code) return code;
    heta_status status = heta_job_merge(job, json.bytes, json.size, &error);
    free(json.bytes);
    if (status) return cli_fail(cli_exit_code(status), "%s: %s", files->items[i], error.message);
  }
  heta_status status = heta_job_run(job, &error);
  if (!status) status = heta_job_get_result(job, &attribution, &error);
  if (status) return cli_fail(cli_exit_code(status), "%s", error.message);
  if (!attribution->complete && !arguments->quiet) {
    cli_say("note: these files do not cover the whole job; heta merge can join the rest later, "
            "and heta attribute --continue computes it");
  }
  /* The result is that of the first command: recording it lets a merged file be merged again. */
  return cli_output_write(&arguments->output, attribution, recorded->request.parsed.argc,
                          recorded->request.parsed.argv);
}

static int merge_job(const cli_recorded *recorded, const merge_arguments *arguments) {
  heta_model *model;
  heta_job *job;
  heta_error error = {0};
  heta_attribute_options options = cli_recorded_options(recorded);
  /* A part without work: running the job reads the text once and computes nothing else. */
  options.part = SIZE_MAX - 1;
  options.parts = SIZE_MAX;
  options.max_seconds = 0;
  options.threads = (int)arguments->threads;
  int code = cli_open_recorded_model(arguments->model, recorded->model, &model);
  if (code) return code;
  heta_status status =
      heta_job_create(model, recorded->text, recorded->text_size, &options, &job, &error);
  if (status) {
    code = cli_fail(cli_exit_code(status), "%s", error.message);
  } else {
    code = merge_files(job, recorded, arguments);
    heta_job_free(job);
  }
  heta_model_close(model);
  return code;
}

static int run(void *untyped) {
  const merge_arguments *arguments = untyped;
  const char *first = arguments->parsed.words.items[0];
  char message[CLI_MESSAGE];
  cli_recorded recorded;
  cli_text json;
  int code = cli_output_check(&arguments->output);
  if (!code) code = cli_read_file(first, &json);
  if (code) return code;
  bool fine = cli_recorded_read(json.bytes, json.size, &recorded, message);
  free(json.bytes);
  if (!fine) return cli_fail(CLI_FAILED, "%s: %s", first, message);
  code = merge_job(&recorded, arguments);
  cli_recorded_free(&recorded);
  return code;
}

static const cli_option options[] = {
    {'m', "model", NULL, CLI_TEXT, offsetof(merge_arguments, model), "FILE", 0, 0, 0, "Model",
     "the model, if it was moved since"},
    {'t', "threads", NULL, CLI_COUNT, offsetof(merge_arguments, threads), "N", 1, 1024, 0, NULL,
     "threads to use; default one per core"},
    CLI_OUTPUT_OPTIONS(merge_arguments, output),
    {'q', "quiet", NULL, CLI_FLAG, offsetof(merge_arguments, quiet), NULL, 0, 0, 0, NULL,
     "no notes; only errors"},
};

const cli_command cli_merge = {
    .name = "merge",
    .summary = "Joins the partial results of one job into one.",
    .usage = "FILE.json... [-o FILE]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .word = "FILE.json",
    .least_words = 1,
    .most_words = 1000000,
    .arguments_size = sizeof(merge_arguments),
    .run = run,
    .notes =
        "Parts come from heta attribute --part, or from interrupted runs. The text, the method "
        "and all options come from the files themselves; a file of another job is refused. The "
        "union of all parts equals the undivided job bit for bit.",
};
