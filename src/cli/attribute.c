/* attribute.c: `heta attribute`, from the command line to written results. */
#include "cli/assertion.h"
#include "cli/batch.h"
#include "cli/calibration.h"
#include "cli/interrupt.h"
#include "cli/preview.h"
#include "cli/progress.h"
#include "cli/request.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the callbacks of a running job need. */
typedef struct run_context {
  const cli_request *request;
  heta_progress last;
  double expected_seconds;
  size_t notes_said;
} run_context;

static bool on_progress(void *context, const heta_progress *progress) {
  run_context *run = context;
  run->last = *progress;
  if (!run->request->quiet && !run->request->no_progress) cli_progress_show(progress);
  return !cli_interrupt_signal(); /* which may have come before the job ran */
}

/* First colours are worth a look when the rest takes a while. */
static void on_preview(void *context, const heta_attribution *attribution) {
  const run_context *run = context;
  const cli_request *request = run->request;
  bool wanted = !request->quiet && !request->no_progress && run->expected_seconds > 4;
  if (request->preview || wanted) cli_preview_show(attribution);
}

static void say_plan(const heta_plan *plan) {
  char line[256], memory[CLI_SHORT], time[CLI_SHORT];
  int used =
      snprintf(line, sizeof line, "%zu token%s, %zu target%s; passes: %llu forward, %llu reverse",
               plan->context_tokens, plan->context_tokens == 1 ? "" : "s", plan->target_tokens,
               plan->target_tokens == 1 ? "" : "s", (unsigned long long)plan->forwards,
               (unsigned long long)plan->reverses);
  if (plan->hvps) {
    snprintf(line + used, sizeof line - (size_t)used, ", %s%llu Hessian",
             plan->at_most ? "at most " : "", (unsigned long long)plan->hvps);
  }
  cli_say("plan: %s; about %s and %s%s", line, cli_bytes_text(plan->bytes, memory),
          plan->at_most ? "at most " : "", cli_duration_text(plan->seconds, time));
}

/* Says the notes that have not been said yet: running a job may add some. */
static void say_notes(run_context *run, const heta_plan *plan) {
  while (run->notes_said < plan->note_count && !run->request->quiet) {
    cli_say("note: %s", plan->notes[run->notes_said++]);
  }
}

static void say_details(const heta_model_info *info, const heta_plan *plan) {
  char bytes[CLI_SHORT];
  cli_say("model: %s, %s, %.0f million weights, %s", info->name[0] ? info->name : "unnamed",
          info->architecture, (double)info->parameters / 1e6, cli_bytes_text(info->bytes, bytes));
  cli_say("work: %.3g GFLOP, %zu rows a batch, weights expanded %s, activations %s",
          plan->flop / 1e9, plan->lane_rows, plan->expand_weights ? "once" : "panel by panel",
          plan->recompute ? "recomputed" : "kept");
}

/* Takes over the work of earlier, partial results. */
static int continue_from(heta_job *job, const cli_list *files) {
  for (size_t i = 0; i < files->count; i++) {
    cli_text json;
    heta_error error = {0};
    int code = cli_read_file(files->items[i], &json);
    if (code) return code;
    heta_status status = heta_job_merge(job, json.bytes, json.size, &error);
    free(json.bytes);
    if (status) {
      return cli_fail(cli_exit_code(status), "--continue %s: %s", files->items[i], error.message);
    }
  }
  return CLI_DONE;
}

/* Options of the method that a budget has changed, as they are given to go on: " --probes 20". */
static void changed_options(const cli_request *request, const heta_attribution *attribution,
                            char *room, size_t size) {
  size_t used = 0;
  room[0] = 0;
  for (size_t i = 0; i < attribution->option_count && used < size; i++) {
    const heta_resolved_option *resolved = &attribution->options[i];
    const heta_option_info *info =
        cli_method_option(attribution->method, resolved->name, strlen(resolved->name));
    const char *asked = info ? info->default_value : resolved->value;
    for (size_t k = 0; k < request->parsed.method_option_count; k++) {
      const heta_option *given = &request->parsed.method_options[k];
      if (strcmp(given->name, resolved->name) == 0) asked = given->value;
    }
    if (strcmp(asked, resolved->value) == 0) continue;
    used += (size_t)snprintf(room + used, size - used, " --%s %s", resolved->name, resolved->value);
  }
}

/* Says why a job ended early, and how to go on when its outputs are written. */
static int say_stopped(const cli_request *request, const run_context *run, heta_status status,
                       const heta_attribution *attribution, bool written, const heta_error *error) {
  int signal = cli_interrupt_signal();
  int code = status == HETA_E_CANCELLED && signal ? 128 + signal : cli_exit_code(status);
  const char *file = NULL;
  char changed[256];
  for (size_t i = 0; i < request->output.files.count; i++) {
    const char *name = request->output.files.items[i], *dot = strrchr(name, '.');
    if (dot && strcmp(dot, ".json") == 0) file = name;
  }
  bool cancelled = status == HETA_E_CANCELLED;
  cli_fail(code, "%s; %.0f %% is done",
           cancelled ? "interrupted, so the result is partial" : error->message,
           floor(100 * run->last.done));
  if (!written) return code;
  if (file) {
    changed_options(request, attribution, changed, sizeof changed);
    cli_say("to finish it, add to the same command%s:%s --continue %s -y",
            request->max_seconds > 0 ? ", without --max-time" : "", changed, file);
  } else {
    cli_say("with -o NAME.json a partial result is kept, and --continue NAME.json finishes it");
  }
  return code;
}

/* Whether a failed run leaves finished work worth writing. */
static bool leaves_a_result(heta_status status) {
  return status == HETA_E_CANCELLED || status == HETA_E_BUDGET || status == HETA_E_MEMORY;
}

/* Runs the job and writes its result, complete or partial. */
static int run_job(heta_job *job, const cli_request *request, run_context *run) {
  const heta_attribution *attribution;
  heta_error error = {0};
  if (!request->quiet && !request->no_progress) cli_progress_start();
  heta_status status = heta_job_run(job, &error);
  cli_progress_clear();
  /* The handler's own lines stand below a preview then, which is left where it is. */
  if (!cli_interrupt_signal()) cli_preview_clear();
  say_notes(run, heta_job_get_plan(job));
  if (status == HETA_E_ARGUMENT && request->resume.count) {
    /* Targets are compared when they are known, which takes a run. */
    return cli_fail(CLI_USAGE, "--continue %s: %s", request->resume.items[0], error.message);
  }
  if (status && !leaves_a_result(status)) {
    return cli_fail(cli_exit_code(status), "%s", error.message);
  }
  heta_error failure = {0};
  heta_status got = heta_job_get_result(job, &attribution, &failure);
  if (got) return cli_fail(cli_exit_code(got), "%s", failure.message);
  int written =
      cli_output_write(&request->output, attribution, request->parsed.argc, request->parsed.argv);
  cli_interrupt_finish();
  if (status) return say_stopped(request, run, status, attribution, written == CLI_DONE, &error);
  if (request->verbose) {
    char time[CLI_SHORT], memory[CLI_SHORT];
    cli_say("done in %s, at most %s of memory, %d thread%s",
            cli_duration_text(attribution->seconds_total, time),
            cli_bytes_text(attribution->peak_bytes, memory), attribution->threads,
            attribution->threads == 1 ? "" : "s");
  }
  int judged = cli_assertions_judge(&request->asserts, attribution, request->quiet);
  return written ? written : judged;
}

static int explain(const heta_model *model, const cli_question *question,
                   const cli_request *request) {
  run_context run = {.request = request};
  heta_attribute_options options = cli_request_options(request);
  heta_job *job;
  heta_error error = {0};
  cli_prompt_options(&question->prompt, &options);
  options.context = &run;
  options.progress = on_progress;
  if (cli_output_format(&request->output) == CLI_FORMAT_TERM) options.preview = on_preview;
  heta_status status =
      heta_job_create(model, question->prompt.text, question->prompt.size, &options, &job, &error);
  if (status) return cli_fail(cli_exit_code(status), "%s", error.message);
  cli_interrupt_watch(job);
  int code = continue_from(job, &request->resume);
  if (!code) {
    run.expected_seconds = heta_job_get_plan(job)->seconds;
    if (!request->quiet) say_plan(heta_job_get_plan(job));
    say_notes(&run, heta_job_get_plan(job));
    if (request->verbose) say_details(heta_model_get_info(model), heta_job_get_plan(job));
    code = run_job(job, request, &run);
  }
  cli_interrupt_watch(NULL);
  heta_job_free(job);
  return code;
}

static int run(void *arguments) {
  cli_request *request = arguments;
  char message[CLI_MESSAGE];
  cli_question question;
  if (request->batch) return cli_batch_run(request);
  heta_model *model;
  if (!cli_request_check(request, message)) return cli_fail(CLI_USAGE, "%s", message);
  if (cli_chat_lists(&request->chat)) return cli_chat_list();
  int code = cli_output_check(&request->output);
  if (!code) code = cli_open_model(request->model, &model);
  if (code) return code;
  question = (cli_question){0};
  code = cli_calibration_apply(request, model);
  if (!code) code = cli_question_read(request, model, &question);
  if (!code) cli_request_speed(request, model);
  if (!code) code = explain(model, &question, request);
  cli_question_free(&question);
  heta_model_close(model);
  return code;
}

#define FIELD(name) offsetof(cli_request, name)

static const cli_option options[] = {
    CLI_QUESTION_OPTIONS,

    {'a', "method", "attribution-method", CLI_TEXT, FIELD(method), "NAME", 0, 0, 0, "Method",
     "the attribution method; see heta methods"},
    {0, "calibration", NULL, CLI_TEXT, FIELD(calibration), "FILE", 0, 0, 0, NULL,
     "what --beta auto means: the weights that heta calibrate -o FILE fitted"},
    {'s', "seed", NULL, CLI_COUNT, FIELD(seed), "N", 0, UINT64_MAX, 0, NULL,
     "same seed, same result"},

    CLI_OUTPUT_OPTIONS(cli_request, output),
    CLI_ASSERT_OPTION(cli_request, asserts),
    {0, "preview", NULL, CLI_FLAG, FIELD(preview), NULL, 0, 0, 0, NULL,
     "show first colours on the terminal, also when the job is short"},
    {'q', "quiet", NULL, CLI_FLAG, FIELD(quiet), NULL, 0, 0, 0, NULL, "no plan, notes or progress"},
    {'v', "verbose", NULL, CLI_FLAG, FIELD(verbose), NULL, 0, 0, 0, NULL,
     "say more about the model and the work"},
    {0, "no-progress", NULL, CLI_FLAG, FIELD(no_progress), NULL, 0, 0, 0, NULL, "no progress"},

    CLI_LIMIT_OPTIONS,
    {0, "batch", NULL, CLI_TEXT, FIELD(batch), "FILE", 0, 0, 0, NULL,
     "explain each line of FILE.jsonl, an example with text or messages, target …; -o FILE.jsonl "
     "gets a line for each, and the same command goes on where it was stopped"},
    {0, "part", NULL, CLI_PART, FIELD(part), "K/N", 0, 0, 0, NULL,
     "do part K of N; heta merge joins the parts"},
    {0, "continue", NULL, CLI_LIST, FIELD(resume), "FILE", 0, 0, 0, NULL,
     "take over the work of a partial result (.json); may be repeated"},
    {0, "backend", NULL, CLI_CHOICE, FIELD(backend), "cpu|reference", 0, 0, 0, NULL,
     "reference is plain and slow, to compare with"},
    {0, "precision", NULL, CLI_CHOICE, FIELD(precision), "f32|f64", 0, 0, 0, NULL,
     "floating-point numbers to compute with"},
};

const cli_command cli_attribute = {
    .name = "attribute",
    .summary = "Explains which words made a model write the next one.",
    .usage = "-m FILE -p TEXT [options]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .method_options = true,
    .arguments_size = sizeof(cli_request),
    .set_defaults = cli_request_defaults,
    .run = run,
    .notes = "Examples\n\n"
             "  heta attribute -m model.gguf -p 'The capital of France is' -o paris.html\n"
             "  heta attribute -m model.gguf -p 'The capital is' --target ' Paris' --foil ' Rome'\n"
             "  heta attribute -m model.gguf -f question.txt --target-file answer.txt --span-text "
             "Paris\n"
             "  heta attribute -m model.gguf --user 'Can I return it?' --document faq=faq.txt "
             "--level document\n"
             "  heta attribute -m model.gguf -f story.txt -n 20 --max-time 10m -o story.json",
};
