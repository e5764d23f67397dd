/* merge.c: `heta merge` joins the partial results of one job into one result.
 *
 * The job is made again from the first file: the command line recorded in it is read by the parser
 * that read it first; the text and the method's options, as they were resolved, come from the
 * result itself, so that files named on that command line need not exist any more. heta_job_merge
 * refuses whatever belongs to another job. */
#include "cli/json.h"
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

/* A NULL-terminated list. */
static void free_strings(char **list) {
  for (size_t i = 0; list && list[i]; i++) free(list[i]);
  free(list);
}

void cli_recorded_free(cli_recorded *recorded) {
  cli_release(&cli_attribute, &recorded->request);
  free_strings(recorded->words);
  free_strings(recorded->values);
  free(recorded->model);
  free(recorded->method);
  free(recorded->text.bytes);
  *recorded = (cli_recorded){0};
}

static char *copy_bytes(const char *bytes, size_t size) {
  char *copy = malloc(size + 1);
  if (!copy) return NULL;
  memcpy(copy, bytes, size);
  copy[size] = 0;
  return copy;
}

static char *copy_string(const json_t *string) {
  return copy_bytes(json_string_value(string), json_string_length(string));
}

/* The recorded command line as argv; false without memory or when an entry is no string. */
static bool copy_command(const json_t *command, cli_recorded *recorded) {
  size_t count = json_array_size(command);
  recorded->words = calloc(count + 1, sizeof *recorded->words);
  if (!recorded->words) return false;
  for (size_t i = 0; i < count; i++) {
    const json_t *word = json_array_get(command, i);
    if (!json_is_string(word)) return false;
    recorded->words[i] = copy_string(word);
    if (!recorded->words[i]) return false;
  }
  return true;
}

/* The shortest text that reads back as the same number, as people write it: 0.05. */
static void number_text(double number, char *room, size_t size) {
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(room, size, "%.*g", digits, number);
    if (strtod(room, NULL) == number) return;
  }
}

/* The text of an option's value, which the result file holds as a number, a boolean or a string. */
static char *value_text(const json_t *value) {
  char room[40];
  if (json_is_string(value)) return copy_string(value);
  if (json_is_integer(value)) {
    snprintf(room, sizeof room, "%lld", (long long)json_integer_value(value));
  } else if (json_is_real(value)) {
    number_text(json_real_value(value), room, sizeof room);
  } else if (json_is_boolean(value)) {
    snprintf(room, sizeof room, "%s", json_is_true(value) ? "yes" : "no");
  } else {
    return NULL;
  }
  return copy_bytes(room, strlen(room));
}

/* Puts the recorded method and its resolved options in place of those of the command line. */
static bool take_method(json_t *attribution, cli_recorded *recorded) {
  const json_t *name = json_object_get(attribution, "method");
  json_t *options = json_object_get(attribution, "options"), *value;
  const char *key;
  size_t count = json_object_size(options), used = 0;
  cli_parsed *parsed = &recorded->request.parsed;
  const heta_method_info *method = heta_method_find(json_string_value(name));
  if (!method || !json_is_object(options)) return false;
  heta_option *list = calloc(count + 1, sizeof *list);
  free(parsed->method_options);
  parsed->method_options = list;
  parsed->method_option_count = 0;
  recorded->values = calloc(count + 1, sizeof *recorded->values);
  recorded->method = copy_string(name);
  if (!list || !recorded->values || !recorded->method) return false;
  recorded->request.method = recorded->method;
  json_object_foreach(options, key, value) {
    const heta_option_info *info = cli_method_option(method, key, strlen(key));
    recorded->values[used] = value_text(value);
    if (!info || !recorded->values[used]) return false;
    list[used] = (heta_option){.name = info->name, .value = recorded->values[used]};
    parsed->method_option_count = ++used;
  }
  return true;
}

static bool read_recorded(const json_t *root, cli_recorded *recorded, char message[CLI_MESSAGE]) {
  const json_t *schema = json_object_get(root, "schema");
  const json_t *command = json_object_get(root, "command");
  const json_t *input = json_object_get(root, "input");
  const json_t *text = json_object_get(input, "text"), *end = json_object_get(input, "prompt_end");
  const json_t *model = json_object_get(json_object_get(root, "model"), "file");
  if (!json_is_string(schema) || strcmp(json_string_value(schema), "heta.attribution/1") != 0) {
    snprintf(message, CLI_MESSAGE, "this is no result of heta (schema heta.attribution/1)");
    return false;
  }
  size_t count = json_array_size(command);
  if (count < 2) {
    snprintf(message, CLI_MESSAGE,
             "the result does not record the command that made it; "
             "heta attribute --continue takes it over when given the same options");
    return false;
  }
  if (!json_is_string(text) || !json_is_integer(end) || !json_is_string(model) ||
      !copy_command(command, recorded)) {
    snprintf(message, CLI_MESSAGE, "the result's command, input or model is damaged");
    return false;
  }
  /* "heta attribute -m …" or "heta -m …" */
  size_t first = strcmp(recorded->words[1], cli_attribute.name) == 0 ? 2 : 1;
  if (!cli_parse(&cli_attribute, (int)(count - first), recorded->words + first, (int)count,
                 recorded->words, &recorded->request, message)) {
    return false;
  }
  if (!take_method(json_array_get(json_object_get(root, "attributions"), 0), recorded)) {
    snprintf(message, CLI_MESSAGE, "the result's method or its options are damaged or unknown");
    return false;
  }
  if (!cli_request_check(&recorded->request, message)) return false;
  recorded->model = copy_string(model);
  recorded->text.bytes = copy_string(text);
  recorded->text.size = json_string_length(text);
  if (!recorded->model || !recorded->text.bytes) {
    snprintf(message, CLI_MESSAGE, "out of memory");
    return false;
  }
  /* With --last the target is part of the text that was given. */
  json_int_t prompt_end = json_integer_value(end);
  if (prompt_end < 0 || (uint64_t)prompt_end > recorded->text.size) {
    snprintf(message, CLI_MESSAGE, "the result's prompt_end lies outside its text");
    return false;
  }
  if (!recorded->request.last) recorded->text.size = (size_t)prompt_end;
  return true;
}

bool cli_recorded_read(const char *json, size_t size, cli_recorded *recorded,
                       char message[CLI_MESSAGE]) {
  json_error_t error;
  *recorded = (cli_recorded){0};
  json_t *root = json_loadb(json, size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
  if (!root) {
    snprintf(message, CLI_MESSAGE, "no JSON: %s (line %d, column %d)", error.text, error.line,
             error.column);
    return false;
  }
  bool fine = read_recorded(root, recorded, message);
  json_decref(root);
  if (!fine) cli_recorded_free(recorded);
  return fine;
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
  heta_attribute_options options = cli_request_options(&recorded->request);
  /* A part without work: running the job reads the text once and computes nothing else. */
  options.part = SIZE_MAX - 1;
  options.parts = SIZE_MAX;
  options.max_seconds = 0;
  options.threads = (int)arguments->threads;
  int code = cli_open_model(arguments->model ? arguments->model : recorded->model, &model);
  if (code) return code;
  heta_status status =
      heta_job_create(model, recorded->text.bytes, recorded->text.size, &options, &job, &error);
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
