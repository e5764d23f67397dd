/* input.c: what is explained: the tokens of the prompt, of a forced target, of a foil. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "job/job.h"

heta_status heta_i_note(heta_job *job, heta_error *error, const char *format, ...) {
  char text[480];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (job->plan.note_count == HETA_MAX_NOTES) return HETA_OK;
  char *copy = heta_i_arena_string(&job->memory, text, strlen(text));
  if (!copy) return heta_i_no_memory(error, "a note", strlen(text));
  job->notes[job->plan.note_count++] = copy;
  job->plan.notes = job->notes;
  return HETA_OK;
}

static heta_status reserve(heta_i_input *input, size_t tokens, size_t bytes, heta_error *error) {
  if (input->count + tokens > input->room) {
    size_t room = (input->count + tokens) * 2;
    heta_token *grown =
        heta_i_reallocate(input->tokens, input->count * sizeof *grown, room, sizeof *grown);
    if (!grown) return heta_i_no_memory(error, "the tokens", room * sizeof *grown);
    input->tokens = grown;
    input->room = room;
  }
  char *text = heta_i_reallocate(input->text, input->text_size, input->text_size + bytes + 1, 1);
  if (!text) return heta_i_no_memory(error, "the text", input->text_size + bytes);
  input->text = text;
  return HETA_OK;
}

/* Splits prompt and continuation as one text. */
static heta_status tokenize_all(heta_job *job, heta_tokens **out, heta_error *error) {
  const heta_i_input *input = &job->input;
  return heta_i_tokenize_parts(job->model, input->text, input->text_size, job->options.bos,
                               &input->control, out, error);
}

/* Marks the tokens of the prompt that its template set. */
static void mark_template(heta_i_input *input) {
  for (size_t i = 0; i < input->count; i++) {
    heta_token *token = &input->tokens[i];
    if (token->kind != HETA_TOKEN_TEXT && token->kind != HETA_TOKEN_SPECIAL) continue;
    const heta_segment *segment = &input->segments[heta_i_segment_of(input, token)];
    if (!strcmp(segment->role, "template")) token->kind = HETA_TOKEN_TEMPLATE;
  }
}

/* Appends tokens whose offsets count from `origin`. */
static heta_status append_tokens(heta_i_input *input, const heta_token *tokens, size_t count,
                                 size_t origin, heta_error *error) {
  HETA_TRY(reserve(input, count, 0, error));
  for (size_t i = 0; i < count; i++) {
    heta_token token = tokens[i];
    token.start += origin;
    token.end += origin;
    input->tokens[input->count++] = token;
  }
  return HETA_OK;
}

static heta_status append_text(heta_i_input *input, const char *text, size_t size,
                               heta_error *error) {
  HETA_TRY(reserve(input, 0, size, error));
  memcpy(input->text + input->text_size, text, size);
  input->text_size += size;
  return HETA_OK;
}

heta_status heta_i_input_append(heta_job *job, int32_t id, heta_error *error) {
  heta_i_input *input = &job->input;
  size_t size;
  const char *bytes = heta_token_bytes(job->model, id, &size);
  heta_token token = {id, HETA_TOKEN_GENERATED, 0, size};
  HETA_TRY(append_tokens(input, &token, 1, input->text_size, error));
  return append_text(input, bytes, size, error);
}

static bool is_word(unsigned char c) {
  return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* The tokens of a text that comes after the prompt. */
static heta_status tokenize_more(heta_job *job, const char *text, size_t size, heta_tokens **out,
                                 heta_error *error) {
  const heta_i_input *input = &job->input;
  int32_t last = input->count ? input->tokens[input->count - 1].id : -1;
  return heta_i_tokenize_after(job->model, last, text, size, job->options.parse_special, out,
                               error);
}

/* Says when one text splits differently from its two halves. */
static heta_status compare_splits(heta_job *job, const heta_tokens *target, heta_error *error) {
  heta_i_input *input = &job->input;
  heta_tokens *joined = NULL;
  size_t context = input->count, count = context + heta_tokens_count(target);
  HETA_TRY(tokenize_all(job, &joined, error));
  bool same = heta_tokens_count(joined) == count;
  for (size_t i = 0; same && i < count; i++)
    same = heta_tokens_data(joined)[i].id ==
           (i < context ? input->tokens[i].id : heta_tokens_data(target)[i - context].id);
  heta_tokens_free(joined);
  if (same) return HETA_OK;
  return heta_i_note(
      job, error,
      "prompt and target were tokenised separately; as one text they split differently "
      "(--join takes that split)");
}

/* The continuation of a forced target; with a foil, up to the first token at which they differ. */
static heta_status add_target(heta_job *job, const heta_tokens *target, const heta_tokens *foil,
                              heta_error *error) {
  heta_i_input *input = &job->input;
  const heta_token *tokens = heta_tokens_data(target);
  size_t count = heta_tokens_count(target), skip = 0;
  if (!count)
    return heta_i_fail(error, HETA_E_ARGUMENT, "the target is empty: it has no token to explain");
  if (foil) {
    size_t others = heta_tokens_count(foil);
    while (skip < count && skip < others && tokens[skip].id == heta_tokens_data(foil)[skip].id)
      skip++;
    if (skip == count || skip == others)
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "target and foil do not differ in any token; choose another foil");
    input->foil = heta_tokens_data(foil)[skip].id;
    if (count > 1 || others > 1)
      HETA_TRY(
          heta_i_note(job, error,
                      "the contrast explains token %zu of the target, the first at which target "
                      "and foil differ",
                      skip + 1));
    count = skip + 1;
  }
  size_t first = input->count;
  HETA_TRY(append_tokens(input, tokens, count, input->prompt_end, error));
  for (size_t i = first; i < input->count; i++) input->tokens[i].kind = HETA_TOKEN_FORCED;
  input->first_target = first + skip;
  input->target_count = count - skip;
  input->text_size = input->tokens[input->count - 1].end;
  input->text[input->text_size] = 0;
  return HETA_OK;
}

static heta_status forced(heta_job *job, const heta_tokens *foil, heta_error *error) {
  heta_i_input *input = &job->input;
  const char *text = job->options.target_text;
  size_t size = strlen(text), bad = heta_i_utf8_valid(text, size);
  if (bad < size)
    return heta_i_fail_at(error, HETA_E_ARGUMENT, bad, "the target is not valid UTF-8 at byte %zu",
                          bad);
  if (!size) return heta_i_fail(error, HETA_E_ARGUMENT, "the target is empty");
  input->origin = "forced";
  input->bare_target = input->prompt_end && is_word((unsigned char)text[0]) &&
                       is_word((unsigned char)input->text[input->prompt_end - 1]);
  HETA_TRY(append_text(input, text, size, error));
  heta_tokens *target = NULL;
  heta_status status = HETA_OK;
  if (!job->options.join) {
    HETA_TRY(tokenize_more(job, text, size, &target, error));
    status = compare_splits(job, target, error);
    if (!status) status = add_target(job, target, foil, error);
    heta_tokens_free(target);
    return status;
  }
  if (foil)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--join and --foil contradict each other: a foil is tokenised on its own");
  HETA_TRY(tokenize_all(job, &target, error));
  const heta_token *tokens = heta_tokens_data(target);
  size_t count = heta_tokens_count(target), first = 0;
  while (first < count && tokens[first].end <= input->prompt_end) first++;
  if (first == count || !first) {
    heta_tokens_free(target);
    return heta_i_fail(
        error, HETA_E_ARGUMENT,
        "joined, prompt and target leave no context token before the target; do not use "
        "--join");
  }
  input->count = 0;
  status = append_tokens(input, tokens, count, 0, error);
  heta_tokens_free(target);
  for (size_t i = first; !status && i < count; i++) input->tokens[i].kind = HETA_TOKEN_FORCED;
  if (!status) mark_template(input);
  input->first_target = first;
  input->target_count = count - first;
  if (!status && input->tokens[first].start < input->prompt_end)
    status = heta_i_note(job, error, "joined, the first target token begins inside the prompt");
  return status;
}

static heta_status read_foil(heta_job *job, heta_tokens **foil, heta_error *error) {
  const char *text = job->options.foil_text;
  size_t size = strlen(text), bad = heta_i_utf8_valid(text, size);
  if (bad < size)
    return heta_i_fail_at(error, HETA_E_ARGUMENT, bad, "the foil is not valid UTF-8 at byte %zu",
                          bad);
  if (!size) return heta_i_fail(error, HETA_E_ARGUMENT, "the foil is empty");
  return tokenize_more(job, text, size, foil, error);
}

static heta_status add_targets(heta_job *job, const heta_tokens *foil, heta_error *error) {
  heta_i_input *input = &job->input;
  heta_target_mode mode = job->options.target;
  if (foil && mode != HETA_TARGET_TEXT) {
    if (mode == HETA_TARGET_GENERATE && job->options.target_count > 1)
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "a foil contrasts one token; with --predict N use N = 1, or --target");
    input->foil = heta_tokens_data(foil)[0].id;
    if (heta_tokens_count(foil) > 1)
      HETA_TRY(heta_i_note(job, error, "the foil has %zu tokens; its first one is contrasted",
                           heta_tokens_count(foil)));
  }
  switch (mode) {
  case HETA_TARGET_TEXT: return forced(job, foil, error);
  case HETA_TARGET_LAST:
    if (input->count < 2)
      return heta_i_fail(
          error, HETA_E_ARGUMENT,
          "--last explains the text's last token by those before it; the text has only "
          "%zu token",
          input->count);
    input->origin = "own";
    input->first_target = input->count - 1;
    input->target_count = 1;
    return HETA_OK;
  case HETA_TARGET_NEXT:
  case HETA_TARGET_GENERATE:
    input->origin = mode == HETA_TARGET_NEXT && !heta_i_draws(job) && !heta_i_penalises(job)
                        ? "top"
                        : "generated";
    input->first_target = input->count;
    input->target_count = input->open = mode == HETA_TARGET_NEXT ? 1 : job->options.target_count;
    if (!input->open)
      return heta_i_fail(error, HETA_E_ARGUMENT, "the number of tokens to generate is 0");
    return HETA_OK;
  }
  return heta_i_fail(error, HETA_E_ARGUMENT, "unknown target mode %d", (int)mode);
}

heta_status heta_i_input_open(heta_job *job, const char *text, size_t size, heta_error *error) {
  heta_i_input *input = &job->input;
  input->foil = -1;
  size_t bad = heta_i_utf8_valid(text, size);
  if (bad < size)
    return heta_i_fail_at(
        error, HETA_E_ARGUMENT, bad,
        "the text is not valid UTF-8: the byte 0x%02x at offset %zu does not belong "
        "there",
        (unsigned char)text[bad], bad);
  if (!size)
    return heta_i_fail(error, HETA_E_ARGUMENT, "the text is empty; give a prompt to explain");
  heta_tokens *prompt = NULL, *foil = NULL;
  HETA_TRY(heta_i_segments_open(job, text, size, error));
  HETA_TRY(append_text(input, text, size, error));
  HETA_TRY(tokenize_all(job, &prompt, error));
  heta_status status =
      append_tokens(input, heta_tokens_data(prompt), heta_tokens_count(prompt), 0, error);
  heta_tokens_free(prompt);
  HETA_TRY(status);
  mark_template(input);
  input->prompt_end = size;
  if (job->options.foil_text) HETA_TRY(read_foil(job, &foil, error));
  status = add_targets(job, foil, error);
  heta_tokens_free(foil);
  HETA_TRY(status);
  if (!input->open) HETA_TRY(heta_i_span_choose(job, error));
  size_t context = job->model->hyper.context;
  if (input->open > context)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "%zu tokens to generate are more than the model's context of %zu",
                       input->open, context);
  size_t total = input->count + input->open;
  if (total <= context) return HETA_OK;
  char advice[160];
  heta_i_segments_advise(job, total, context, advice, sizeof advice);
  return heta_i_fail(
      error, HETA_E_ARGUMENT,
      "the text has %zu tokens with its targets, but the model's context is %zu; shorten it by "
      "%zu%s",
      total, context, total - context, advice);
}

void heta_i_input_close(heta_i_input *input) {
  heta_i_free(input->tokens);
  heta_i_free(input->text);
}
