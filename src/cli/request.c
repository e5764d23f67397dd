/* request.c: the options of `heta attribute`, and what they mean to the library. */
#include "cli/request.h"

#include "cli/speed.h"

#include "cli/assertion.h"

#include <stdlib.h>
#include <string.h>

void cli_unknown_method(const char *name, char message[CLI_MESSAGE]) {
  cli_nearest nearest = {.name = name, .length = strlen(name)};
  for (size_t i = 0; i < heta_method_count(); i++) {
    cli_nearest_try(&nearest, heta_method_at(i)->name);
  }
  if (nearest.best) {
    snprintf(message, CLI_MESSAGE, "there is no method '%.60s': did you mean %s?", name,
             nearest.best);
  } else {
    snprintf(message, CLI_MESSAGE, "there is no method '%.60s': heta methods lists all", name);
  }
}

void cli_request_defaults(void *arguments) {
  cli_request *request = arguments;
  heta_attribute_options options = heta_attribute_options_default();
  request->method = options.method;
  request->seed = options.seed;
  cli_request_plain(request);
}

const char *const cli_decodings[CLI_DECODINGS] = {"temperature", "top-p", "top-k",
                                                  "repeat-penalty"};

void cli_request_plain(cli_request *request) {
  request->temperature = request->top_p = request->repeat_penalty = -1;
  request->top_k = 0;
}

bool cli_request_check_method(const cli_request *request, char message[CLI_MESSAGE]) {
  const heta_method_info *method = heta_method_find(request->method);
  if (!method) {
    cli_unknown_method(request->method, message);
    return false;
  }
  for (size_t i = 0; i < request->parsed.method_option_count; i++) {
    const char *name = request->parsed.method_options[i].name;
    if (cli_method_option(method, name, strlen(name))) continue;
    snprintf(message, CLI_MESSAGE,
             "--%s is no option of the method %s: heta methods %s lists what it has", name,
             method->name, method->name);
    return false;
  }
  return true;
}

/* The first option given of those that say how the model chooses what it writes, or NULL. */
static const char *decoding_of(const cli_request *request) {
  const bool given[CLI_DECODINGS] = {request->temperature >= 0, request->top_p >= 0,
                                     request->top_k > 0, request->repeat_penalty >= 0};
  for (int i = 0; i < CLI_DECODINGS; i++)
    if (given[i]) return cli_decodings[i];
  return NULL;
}

static bool check_decoding(const cli_request *request, char message[CLI_MESSAGE]) {
  const char *name = decoding_of(request);
  if (name && (request->target || request->target_file || request->last)) {
    snprintf(message, CLI_MESSAGE,
             "--%s is of tokens that the model writes, and here the target is given: leave one of "
             "them out, or let the model write with --predict N",
             name);
    return false;
  }
  if (request->top_p == 0) {
    snprintf(message, CLI_MESSAGE,
             "--top-p 0 leaves no token to draw: it takes more than 0, up to 1; the most probable "
             "token is what is explained without it");
    return false;
  }
  if (request->temperature == 0 && (request->top_p > 0 || request->top_k)) {
    snprintf(message, CLI_MESSAGE,
             "--temperature 0 takes the most probable token, which leaves --%s nothing to choose: "
             "leave one of them out",
             request->top_k ? "top-k" : "top-p");
    return false;
  }
  return true;
}

bool cli_request_check(const cli_request *request, char message[CLI_MESSAGE]) {
  if (!cli_request_check_method(request, message)) return false;
  if (!cli_chat_check(&request->chat, &request->input, message)) return false;
  bool answer =
      request->target || request->target_file || request->predict || request->chat.messages;
  if ((request->span_text || request->span.end) && !answer) {
    snprintf(message, CLI_MESSAGE,
             "a span is a part of an answer: give one with --target, --target-file or --predict N");
    return false;
  }
  if (request->join && !request->target && !request->target_file) {
    snprintf(message, CLI_MESSAGE, "--join joins the text with --target TEXT, which is not given");
    return false;
  }
  if (request->joint && request->foil) {
    snprintf(message, CLI_MESSAGE,
             "--joint and --foil contradict each other: a foil contrasts one token, and --joint "
             "sums over all");
    return false;
  }
  if (!check_decoding(request, message)) return false;
  if (request->asserts.count && request->part.parts) {
    snprintf(
        message, CLI_MESSAGE,
        "--assert judges a whole result, and --part makes a part of one: merge the parts, then "
        "heta report --assert");
    return false;
  }
  return cli_assertions_check(&request->asserts, message);
}

heta_attribute_options cli_request_options(const cli_request *request) {
  heta_attribute_options options = heta_attribute_options_default();
  options.method = request->method;
  options.method_options = request->parsed.method_options;
  options.method_option_count = request->parsed.method_option_count;
  options.span_text = request->span_text;
  options.span_start = request->span.start;
  options.span_end = request->span.end;
  options.target = request->target    ? HETA_TARGET_TEXT
                   : request->predict ? HETA_TARGET_GENERATE
                   : request->last    ? HETA_TARGET_LAST
                                      : HETA_TARGET_NEXT;
  options.target_text = request->target;
  options.target_count = (size_t)request->predict;
  options.top_p = request->top_p > 0 ? request->top_p : 0;
  options.top_k = (size_t)request->top_k;
  options.repeat_penalty = request->repeat_penalty > 0 ? request->repeat_penalty : 0;
  options.temperature = request->temperature >= 0                  ? request->temperature
                        : request->top_p > 0 || request->top_k > 0 ? 1
                                                                   : 0;
  options.foil_text = request->foil;
  options.join = request->join;
  options.joint = request->joint;
  options.bos = (heta_bos)request->bos;
  options.parse_special = request->special;
  options.seed = request->seed;
  options.keep_weights = true; /* for the next text, method or question */
  options.threads = (int)request->threads;
  options.max_memory = request->max_memory;
  options.max_seconds = request->max_seconds;
  options.may_simplify = true;
  options.backend = (heta_backend)request->backend;
  options.precision = (heta_precision)request->precision;
  if (request->part.parts) {
    options.part = request->part.number - 1;
    options.parts = request->part.parts;
  }
  return options;
}

void cli_request_speed(const cli_request *request, const heta_model *model) {
  cli_speed_apply(model, request->backend, request->precision, request->threads);
}

/* What the assistant answered at the end of a chat is explained, unless something else is. */
static int take_answer(cli_request *request, const cli_prompt *prompt, char message[CLI_MESSAGE]) {
  if (!prompt->prompt || !prompt->prompt->answer) return CLI_DONE;
  if (request->target || request->target_file || request->predict || request->last ||
      decoding_of(request)) {
    snprintf(message, CLI_MESSAGE,
             "the conversation ends with an answer of the assistant, which is what is explained: "
             "leave the answer or the other target, and how the model would write it, out");
    return CLI_USAGE;
  }
  request->target = prompt->prompt->answer;
  return CLI_DONE;
}

int cli_question_read(cli_request *request, const heta_model *model, cli_question *question) {
  const char *file = request->target_file;
  *question = (cli_question){0};
  if (file && strcmp(file, "-") == 0 && !request->input.prompt &&
      (!request->input.file || strcmp(request->input.file, "-") == 0)) {
    return cli_fail(CLI_USAGE, "--target-file -: standard input cannot be both the text and the "
                               "answer: give the text with -p TEXT or -f FILE");
  }
  int code = cli_prompt_read(&request->chat, &request->input, model, &question->prompt);
  if (!code) {
    char message[CLI_MESSAGE];
    code = take_answer(request, &question->prompt, message);
    if (code) cli_fail(code, "%s", message);
  }
  return code ? code : cli_answer_read(request, &question->answer);
}

int cli_question_make(cli_request *request, const heta_model *model, cli_question *question,
                      char message[CLI_MESSAGE]) {
  *question = (cli_question){0};
  int code = cli_prompt_make(&request->chat, &request->input, model, &question->prompt, message);
  return code ? code : take_answer(request, &question->prompt, message);
}

int cli_answer_read(cli_request *request, cli_text *answer) {
  const char *file = request->target_file;
  int code = file ? cli_read_text_file(file, answer) : CLI_DONE;
  if (code || !file) return code;
  size_t whole = strlen(answer->bytes);
  if (whole < answer->size) {
    return cli_fail(CLI_USAGE, "--target-file %s has a NUL byte at offset %zu, and is no text",
                    file, whole);
  }
  request->target = answer->bytes;
  return CLI_DONE;
}

void cli_question_free(cli_question *question) {
  cli_prompt_release(&question->prompt);
  free(question->answer.bytes);
  *question = (cli_question){0};
}
