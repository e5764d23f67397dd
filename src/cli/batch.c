/* batch.c: the examples of a batch one after another: each line of the input becomes one line of
 * the output, a whole result or an error. What the output has already is compared with what is
 * asked, and left. docs/batch.md */
#include "cli/batch.h"

#include "cli/calibration.h"
#include "cli/example.h"
#include "cli/interrupt.h"
#include "cli/journal.h"
#include "cli/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct batch {
  cli_request *request;
  heta_model *model;
  cli_text input;
  size_t examples, failed; /* failed: those with an error for a line */
  size_t before, now;      /* done by earlier runs, by this one */
  double began;
  cli_journal output;
  char *room; /* the line that is written */
  size_t size, capacity;
} batch;

/* ---- What goes with --batch ----------------------------------------------------------------- */

static const char *contradiction(const cli_request *r) {
  if (r->input.prompt || r->input.file) return "a text of its own: each line has one";
  if (r->chat.messages) return "--messages: each line has \"messages\" of its own";
  if (r->chat.documents.count) {
    return "--document NAME=FILE: give the text, with --document-text or in \"documents\"";
  }
  if (cli_chat_lists(&r->chat)) return "--chat-template list";
  if (r->span.end || r->span_text) return "a span: each line may have one";
  if (r->part.parts) return "--part: give each machine a file of its own";
  if (r->resume.count) return "--continue: the same command goes on by itself";
  if (r->max_seconds > 0) return "--max-time: interrupt it, and the same command goes on";
  if (r->asserts.count) return "--assert: heta report judges one result";
  if (r->output.format != CLI_FORMAT_AUTO && r->output.format != CLI_FORMAT_NONE)
    return "--format: its results are the lines of -o FILE.jsonl";
  if (r->output.title) return "--title";
  if (r->preview) return "--preview";
  return NULL;
}

static int check(const cli_request *request) {
  const char *wrong = contradiction(request);
  const cli_list *files = &request->output.files;
  char message[CLI_MESSAGE];
  if (wrong) return cli_fail(CLI_USAGE, "--batch does not go with %s", wrong);
  if (files->count != 1) {
    return cli_fail(CLI_USAGE, "--batch needs one -o FILE.jsonl, which gets a line per example");
  }
  const cli_chat texts = {.texts = request->chat.texts}; /* what remains to be said, lines say */
  if (!cli_request_check_method(request, message) ||
      !cli_chat_check(&texts, &request->input, message)) {
    return cli_fail(CLI_USAGE, "%s", message);
  }
  return cli_journal_check(files->items[0]);
}

/* ---- Lines of the input --------------------------------------------------------------------- */

typedef struct cursor {
  size_t at, line;
} cursor;

/* The next line that is not blank. */
static bool next_line(const cli_text *text, cursor *c, const char **line, size_t *size) {
  while (c->at < text->size) {
    const char *start = text->bytes + c->at, *end = memchr(start, '\n', text->size - c->at);
    *size = end ? (size_t)(end - start) : text->size - c->at;
    *line = start;
    c->at += *size + (end != NULL);
    c->line++;
    for (size_t i = 0; i < *size; i++)
      if (!strchr(" \t\r", start[i]) || !start[i]) return true;
  }
  return false;
}

static bool next_example(const batch *b, cursor *c, cli_example *out) {
  const char *line;
  size_t size;
  if (!next_line(&b->input, c, &line, &size)) return false;
  cli_example_read(b->request, line, size, c->line, out);
  return true;
}

/* "line 7, column 3" or "line 7, \"target\"". */
static void place_of(const cli_example *e, char *room, size_t size) {
  if (e->column)
    snprintf(room, size, "line %zu, column %zu", e->line, e->column);
  else if (e->field[0])
    snprintf(room, size, "line %zu, \"%.63s\"", e->line, e->field);
  else
    snprintf(room, size, "line %zu", e->line);
}

static void say_refused(const batch *b, const cli_example *e) {
  char place[128];
  place_of(e, place, sizeof place);
  cli_fail(0, "%s: %s: %s", b->request->batch, place, e->message);
}

static int say_starved(const cli_example *e) {
  return cli_fail(CLI_FAILED, "out of memory: line %zu could not be read", e->line);
}

/* The key under which an id is remembered. */
static char *id_text(const json_t *id) { return json_dumps(id, JSON_ENCODE_ANY | JSON_COMPACT); }

/* Says what is wrong with lines before any work begins; an id that two lines have ends it. */
static int survey(batch *b) {
  json_t *ids = json_object();
  cursor c = {0};
  cli_example e;
  int code = CLI_DONE;
  while (!code && next_example(b, &c, &e)) {
    b->examples++;
    if (e.starved)
      code = say_starved(&e);
    else if (e.refused)
      say_refused(b, &e);
    char *id = e.id ? id_text(e.id) : NULL;
    const json_t *earlier = id ? json_object_get(ids, id) : NULL;
    if (earlier) {
      code = cli_fail(CLI_USAGE, "%s: line %zu, \"id\": line %lld has the id %s already",
                      b->request->batch, e.line, (long long)json_integer_value(earlier), id);
    } else if (id) {
      json_object_set_new(ids, id, json_integer((json_int_t)e.line));
    }
    free(id);
    cli_example_free(&e);
  }
  json_decref(ids);
  if (!code && !b->examples) code = cli_fail(CLI_USAGE, "%s has no examples", b->request->batch);
  return code;
}

/* ---- Lines of the output -------------------------------------------------------------------- */

/* Adds to the line, without line breaks, which stand between keys only. Room is left for one. */
static int collect(void *context, const void *bytes, size_t size) {
  batch *b = context;
  if (b->capacity - b->size < size + 2) {
    size_t wanted = 2 * (b->size + size) + 4096;
    char *grown = realloc(b->room, wanted);
    if (!grown) return ENOMEM;
    b->room = grown;
    b->capacity = wanted;
  }
  for (const char *from = bytes, *end = from + size; from < end; from++)
    if (*from != '\n') b->room[b->size++] = *from;
  return 0;
}

static json_t *example_json(const cli_example *e) {
  json_t *object = json_object();
  json_object_set_new(object, "line", json_integer((json_int_t)e->line));
  json_object_set_new(object, "id", e->id ? json_incref(e->id) : json_null());
  return object;
}

/* Adds the line that was collected, which is a JSON object, with the example it belongs to. */
static int add_line(batch *b, const cli_example *e) {
  json_t *object = example_json(e);
  char *text = json_dumps(object, JSON_COMPACT);
  json_decref(object);
  b->size--; /* the object's brace */
  int failed = !text || collect(b, ",\"example\":", 11) || collect(b, text, strlen(text)) ||
               collect(b, "}", 1);
  free(text);
  if (failed) return cli_fail(CLI_FAILED, "out of memory");
  int code = cli_journal_add(&b->output, b->room, b->size);
  b->now += code == CLI_DONE;
  return code;
}

static int add_result(batch *b, const cli_example *e, const heta_attribution *a) {
  heta_report_options options = heta_report_options_default();
  heta_error error = {0};
  size_t count = json_array_size(e->words);
  const char **words = calloc(count + 1, sizeof *words);
  if (!words) return cli_fail(CLI_FAILED, "out of memory");
  for (size_t i = 0; i < count; i++) words[i] = json_string_value(json_array_get(e->words, i));
  options.command = words;
  options.command_count = count;
  options.level = (heta_level)e->request.output.level;
  b->size = 0;
  heta_status status = heta_report_write(a, "json", &options, collect, b, &error);
  free(words);
  if (status) return cli_fail(cli_exit_code(status), "%s", error.message);
  return add_line(b, e);
}

/* A line for an example that cannot be explained. */
static int add_error(batch *b, const cli_example *e) {
  json_t *error = json_object(), *line = json_object();
  json_object_set_new(error, "line", json_integer((json_int_t)e->line));
  json_object_set_new(error, "column",
                      e->column ? json_integer((json_int_t)e->column) : json_null());
  json_object_set_new(error, "field", e->field[0] ? json_string(e->field) : json_null());
  json_object_set_new(error, "message", json_string(e->message));
  json_object_set_new(line, "schema", json_string("heta.error/1"));
  json_object_set_new(line, "heta_version", json_string(heta_version()));
  json_object_set_new(line, "command", json_incref(e->words));
  json_object_set_new(line, "error", error);
  char *text = json_dumps(line, JSON_COMPACT);
  json_decref(line);
  b->size = 0;
  int failed = !text || collect(b, text, strlen(text));
  free(text);
  if (failed) return cli_fail(CLI_FAILED, "out of memory");
  b->failed++;
  return add_line(b, e);
}

/* ---- What is there already ------------------------------------------------------------------ */

static const char *string_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

/* Whether a stored line answers the example. */
static bool answers(const batch *b, const json_t *stored, const cli_example *e, bool *is_error) {
  json_t *example = example_json(e);
  const json_t *error = json_object_get(stored, "error");
  bool same = json_equal(json_object_get(stored, "example"), example) &&
              json_equal(json_object_get(stored, "command"), e->words);
  json_decref(example);
  *is_error = strcmp(string_of(stored, "schema"), "heta.error/1") == 0;
  if (!same) return false;
  if (*is_error) return !e->refused || strcmp(string_of(error, "message"), e->message) == 0;
  const json_t *model = json_object_get(stored, "model");
  const heta_model_info *info = heta_model_get_info(b->model);
  return !e->refused && strcmp(string_of(stored, "status"), "complete") == 0 &&
         strcmp(string_of(json_object_get(model, "fingerprint"), "value"), info->fingerprint) == 0;
}

/* Reads the output's next line against the example; *there: it has one. */
static int compare_stored(batch *b, const cli_example *e, bool *there) {
  const char *line, *path = b->output.path;
  size_t size;
  bool is_error = false;
  *there = cli_journal_next(&b->output, &line, &size);
  if (!*there) return CLI_DONE;
  json_t *stored = json_loadb(line, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
  size_t number = b->before + 1;
  bool same = stored && answers(b, stored, e, &is_error);
  int code = CLI_DONE;
  if (!stored) {
    code = cli_fail(CLI_FAILED,
                    "%s: line %zu is not JSON, so heta did not write it: name another file after "
                    "-o, or add -y to begin anew",
                    path, number);
  } else if (!same) {
    code = cli_fail(CLI_USAGE,
                    "%s: line %zu is no answer to line %zu of %s as it is asked now: name another "
                    "file after -o, or add -y to begin anew",
                    path, number, e->line, b->request->batch);
  }
  json_decref(stored);
  b->before++;
  b->failed += is_error;
  return code;
}

/* ---- The work ------------------------------------------------------------------------------- */

static bool on_progress(void *context, const heta_progress *progress) {
  const batch *b = context;
  if (!b->request->quiet && !b->request->no_progress) cli_progress_show(progress);
  return !cli_interrupt_signal();
}

/* Whether the failure is one of this example, and not of the machine. */
static bool is_the_examples(heta_status status) {
  return status == HETA_E_ARGUMENT || status == HETA_E_BUDGET || status == HETA_E_UNSUPPORTED ||
         status == HETA_E_NONFINITE;
}

static void say_notes(const batch *b, const cli_example *e, const heta_plan *plan) {
  for (size_t i = 0; i < plan->note_count && !b->request->quiet; i++) {
    cli_say("note: line %zu: %s", e->line, plan->notes[i]);
  }
}

/* Runs a job; *a stays NULL when it was interrupted. */
static int run_job(batch *b, heta_job *job, cli_example *e, const heta_attribution **a) {
  heta_error error = {0};
  if (!b->request->quiet && !b->request->no_progress) cli_progress_start();
  heta_status status = heta_job_run(job, &error);
  cli_progress_clear();
  say_notes(b, e, heta_job_get_plan(job));
  if (!status) status = heta_job_get_result(job, a, &error);
  if (!status || status == HETA_E_CANCELLED) return CLI_DONE;
  if (!is_the_examples(status)) return cli_fail(cli_exit_code(status), "%s", error.message);
  e->refused = true;
  snprintf(e->message, sizeof e->message, "%s", error.message);
  return CLI_DONE;
}

/* The job of an example; none where the example is to blame. */
static int create_job(batch *b, cli_example *e, heta_job **job) {
  cli_question question;
  heta_error error = {0};
  int code = cli_question_make(&e->request, b->model, &question, e->message);
  if (code == CLI_FAILED) code = cli_fail(code, "line %zu: %s", e->line, e->message);
  if (code) {
    e->refused = code != CLI_FAILED;
    cli_question_free(&question);
    return e->refused ? CLI_DONE : code;
  }
  cli_prompt_show(&e->request.chat, &question.prompt);
  heta_attribute_options options = cli_request_options(&e->request);
  cli_prompt_options(&question.prompt, &options);
  options.context = b;
  options.progress = on_progress;
  heta_status status =
      heta_job_create(b->model, question.prompt.text, question.prompt.size, &options, job, &error);
  cli_question_free(&question); /* the job has copies */
  if (status && !is_the_examples(status)) {
    return cli_fail(cli_exit_code(status), "line %zu: %s", e->line, error.message);
  }
  e->refused = status != HETA_OK;
  if (status) snprintf(e->message, sizeof e->message, "%s", error.message);
  return CLI_DONE;
}

static int explain(batch *b, cli_example *e) {
  heta_job *job = NULL;
  const heta_attribution *a = NULL;
  int code = create_job(b, e, &job);
  if (!code && !e->refused) {
    cli_interrupt_watch(job);
    code = run_job(b, job, e, &a);
    cli_interrupt_watch(NULL);
  }
  if (!code && e->refused) {
    say_refused(b, e);
    code = add_error(b, e);
  } else if (!code && a) {
    code = add_result(b, e, a);
  }
  heta_job_free(job);
  return code;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void say_done(const batch *b, const cli_example *e) {
  char left[CLI_SHORT], took[CLI_SHORT];
  size_t done = b->before + b->now, rest = b->examples - done;
  double seconds = now() - b->began;
  if (b->request->quiet) return;
  char *id = e->id ? id_text(e->id) : NULL;
  cli_say("%zu of %zu: line %zu%s%s; %s so far%s%s", done, b->examples, e->line, id ? ", " : "",
          id ? id : "", cli_duration_text(seconds, took), rest ? ", about " : "",
          rest ? cli_duration_text(seconds / (double)b->now * (double)rest, left) : "");
  free(id);
}

/* Every example in order: those that are done are compared, the others explained. */
static int run_all(batch *b) {
  cursor c = {0};
  cli_example e;
  bool there = true;
  int code = CLI_DONE;
  while (!code && !cli_interrupt_signal() && next_example(b, &c, &e)) {
    if (e.starved)
      code = say_starved(&e);
    else if (there)
      code = compare_stored(b, &e, &there);
    if (!code && !there) {
      if (!b->now && b->before && !b->request->quiet) {
        cli_say("%s has %zu of %zu examples already", b->output.path, b->before, b->examples);
      }
      size_t done = b->now;
      code = e.refused ? add_error(b, &e) : explain(b, &e);
      if (b->now > done) say_done(b, &e);
    }
    cli_example_free(&e);
  }
  const char *line;
  size_t size;
  if (!code && !cli_interrupt_signal() && cli_journal_next(&b->output, &line, &size)) {
    code = cli_fail(CLI_USAGE,
                    "%s has more lines than %s has examples: name another file after -o, or add -y "
                    "to begin anew",
                    b->output.path, b->request->batch);
  }
  return code;
}

static int conclude(const batch *b) {
  int signal = cli_interrupt_signal();
  if (signal && b->before + b->now < b->examples) {
    return cli_fail(128 + signal,
                    "interrupted; %zu of %zu examples are done, and the same command goes on",
                    b->before + b->now, b->examples);
  }
  if (b->failed) {
    return cli_fail(CLI_FAILED, "%zu of %zu examples could not be explained: %s says why",
                    b->failed, b->examples, b->output.path);
  }
  return CLI_DONE;
}

static int run_batch(batch *b, cli_text *answer) {
  cli_request *request = b->request;
  int code = cli_read_file(request->batch, &b->input);
  if (!code) code = cli_answer_read(request, answer);
  if (!code) code = survey(b);
  if (!code) code = cli_open_model(request->model, &b->model);
  if (!code) code = cli_calibration_apply(request, b->model);
  if (code) return code;
  cli_request_speed(request, b->model);
  cli_interrupt_note();
  code = cli_journal_open(request->output.files.items[0], request->output.overwrite, &b->output);
  if (code) return code;
  b->began = now();
  code = run_all(b);
  return code ? code : conclude(b);
}

int cli_batch_run(cli_request *request) {
  batch b = {.request = request, .output = {.handle = -1}};
  cli_text answer = {0};
  int code = check(request);
  if (!code) code = run_batch(&b, &answer);
  cli_journal_close(&b.output);
  heta_model_close(b.model);
  free(b.input.bytes);
  free(b.room);
  free(answer.bytes);
  return code;
}
