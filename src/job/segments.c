/* segments.c: the named parts of a prompt: which token belongs to which, and which could be left
 * out of a text that is too long. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "job/job.h"

static const char *const ROLES[] = {"prompt", "system",   "user",    "assistant",
                                    "tool",   "document", "template"};

static bool is_role(const char *role) {
  for (size_t i = 0; role && i < sizeof ROLES / sizeof *ROLES; i++)
    if (!strcmp(role, ROLES[i])) return true;
  return false;
}

static bool is_name(const char *name) {
  return name && *name && heta_i_utf8_valid(name, strlen(name)) == strlen(name);
}

/* Whether byte `at` is the first of a character, or the text's end. */
static bool is_boundary(const char *text, size_t size, size_t at) {
  return at == size || ((unsigned char)text[at] & 0xc0) != 0x80;
}

static heta_status check_segment(const heta_segment *segments, size_t index, const char *text,
                                 size_t size, heta_error *error) {
  const heta_segment *segment = &segments[index];
  size_t start = index ? segments[index - 1].end : 0;
  if (!is_name(segment->id) || (segment->name && !is_name(segment->name)))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "segment %zu of the text has an id or name that is empty or not UTF-8",
                       index);
  if (!is_role(segment->role))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "segment %zu of the text has the role '%.40s', which is none of prompt, "
                       "system, user, assistant, tool, document and template",
                       index, segment->role ? segment->role : "");
  if (segment->start != start || segment->end <= start || segment->end > size ||
      !is_boundary(text, size, segment->end))
    return heta_i_fail(
        error, HETA_E_ARGUMENT,
        "segment %zu covers bytes %zu to %zu; segments must tile the text, so it has "
        "to begin at byte %zu and end after it, at the end of a character within %zu",
        index, segment->start, segment->end, start, size);
  for (size_t i = 0; i < index; i++)
    if (!strcmp(segments[i].id, segment->id))
      return heta_i_fail(error, HETA_E_ARGUMENT, "segments %zu and %zu both have the id '%.40s'", i,
                         index, segment->id);
  if (!strcmp(segment->id, "target"))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "segment %zu has the id 'target', which is that of the explained text",
                       index);
  return HETA_OK;
}

static const char *copy(heta_job *job, const char *text) {
  return text ? heta_i_arena_string(&job->memory, text, strlen(text)) : NULL;
}

/* Copies of the given segments, and the stretches of those that the template wrote. */
static heta_status take_segments(heta_job *job, const heta_segment *given, size_t count,
                                 heta_error *error) {
  heta_i_input *input = &job->input;
  heta_i_stretch *stretches = heta_i_arena_take(&job->memory, count, sizeof *stretches);
  input->segments = heta_i_arena_take(&job->memory, count, sizeof *input->segments);
  bool fine = input->segments && stretches;
  for (size_t i = 0; fine && i < count; i++) {
    heta_segment *segment = &input->segments[i];
    *segment = given[i];
    segment->id = copy(job, given[i].id);
    segment->role = copy(job, given[i].role);
    segment->name = copy(job, given[i].name);
    fine = segment->id && segment->role && (segment->name || !given[i].name);
    if (strcmp(given[i].role, "template")) continue;
    size_t last = input->control.count;
    if (last && stretches[last - 1].end == segment->start)
      stretches[last - 1].end = segment->end;
    else
      stretches[input->control.count++] = (heta_i_stretch){segment->start, segment->end};
  }
  if (!fine) return heta_i_no_memory(error, "the segments", count * sizeof *input->segments);
  input->segment_count = count;
  input->control.stretches = stretches;
  return HETA_OK;
}

heta_status heta_i_segments_open(heta_job *job, const char *text, size_t size, heta_error *error) {
  heta_attribute_options *o = &job->options;
  heta_segment whole = {.id = "prompt", .role = "prompt", .end = size};
  const heta_segment *given = o->segments ? o->segments : &whole;
  size_t count = o->segments ? o->segment_count : 1;
  for (size_t i = 0; i < count; i++) HETA_TRY(check_segment(given, i, text, size, error));
  if (!count || given[count - 1].end != size)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "the segments cover %zu bytes of a text of %zu; they must tile it",
                       count ? given[count - 1].end : 0, size);
  job->input.control.everywhere = o->parse_special;
  heta_status status = take_segments(job, given, count, error);
  o->segments = NULL; /* the caller's */
  o->segment_count = 0;
  return status;
}

size_t heta_i_segment_of(const heta_i_input *input, const heta_token *token) {
  size_t at = token->start, low = 0, high = input->segment_count;
  while (at < token->end && strchr(" \t\n\v\f\r", input->text[at])) at++;
  if (at == token->end) at = token->start;
  while (high - low > 1) { /* the last segment that begins at or before the byte */
    size_t middle = low + (high - low) / 2;
    if (input->segments[middle].start <= at)
      low = middle;
    else
      high = middle;
  }
  return low;
}

/* The part of the prompt that is best left out: the smallest document that is large enough, or the
 * largest there is; NULL without documents. */
static const heta_segment *best_left_out(const heta_i_input *input, const size_t *tokens,
                                         size_t wanted, size_t *saved) {
  const heta_segment *best = NULL;
  *saved = 0;
  for (size_t i = 0; i < input->segment_count; i++) {
    if (strcmp(input->segments[i].role, "document")) continue;
    bool enough = tokens[i] >= wanted, had = *saved >= wanted;
    if (best && (enough == had ? (tokens[i] < *saved) != enough : had)) continue;
    best = &input->segments[i];
    *saved = tokens[i];
  }
  return best;
}

void heta_i_segments_advise(const heta_job *job, size_t total, size_t limit, char *room,
                            size_t size) {
  const heta_i_input *input = &job->input;
  size_t *tokens = heta_i_allocate(input->segment_count, sizeof *tokens), saved;
  room[0] = 0;
  if (!tokens) return;
  for (size_t i = 0; i < input->count; i++)
    if (input->tokens[i].end <= input->prompt_end)
      tokens[heta_i_segment_of(input, &input->tokens[i])]++;
  size_t over = total - limit;
  const heta_segment *best = best_left_out(input, tokens, over, &saved);
  if (best)
    snprintf(room, size, "; %s document '%.60s' saves %zu",
             saved >= over ? "leaving out" : "even leaving out the largest,",
             best->name ? best->name : best->id, saved);
  else if (input->open > over)
    snprintf(room, size, ", or let the model write %zu tokens fewer", over);
  heta_i_free(tokens);
}
