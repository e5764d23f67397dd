/* span.c: a span of the answer as what is explained: where it lies, and the tokens it touches. */
#include <stdio.h>
#include <string.h>

#include "format/quote.h"
#include "job/job.h"

enum { SHOWN = 60, ROOM = HETA_QUOTE + 4 }; /* bytes of a text that a message shows */

bool heta_i_span_asked(const heta_attribute_options *options) {
  return options->span_text || options->span_start || options->span_end;
}

/* The text in quotes' stead: its beginning, "…" when there is more. */
static const char *show(char room[ROOM], const char *text, size_t size) {
  size_t part = size;
  if (size > SHOWN) {
    part = SHOWN;
    while (part && ((unsigned char)text[part] & 0xc0) == 0x80) part--; /* not within a character */
  }
  heta_i_quote(room, text, part);
  if (part < size) memcpy(room + strlen(room), "…", sizeof "…");
  return room;
}

heta_status heta_i_span_check(const heta_attribute_options *o, heta_error *error) {
  if (!heta_i_span_asked(o)) return HETA_OK;
  if (o->span_text && (o->span_start || o->span_end))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "a span is named by its text or by its bytes, not by both");
  if (o->target != HETA_TARGET_TEXT && o->target != HETA_TARGET_GENERATE)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "a span is a part of an answer: give one with --target, --target-file or "
                       "--predict N");
  if (o->foil_text)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "a foil and a span both choose what of the answer is explained; give one "
                       "of them");
  if (o->span_text && !*o->span_text)
    return heta_i_fail(error, HETA_E_ARGUMENT, "the span's text is empty");
  if (!o->span_text && o->span_start >= o->span_end)
    return heta_i_fail(error, HETA_E_ARGUMENT, "the span %zu:%zu is empty", o->span_start,
                       o->span_end);
  return HETA_OK;
}

/* The first place from `from` on at which the words stand; size: nowhere. */
static size_t find(const char *text, size_t size, const char *words, size_t from) {
  size_t length = strlen(words);
  for (size_t at = from; at + length <= size; at++)
    if (!memcmp(text + at, words, length)) return at;
  return size;
}

static heta_status find_text(const char *answer, size_t size, const char *words, size_t *start,
                             heta_error *error) {
  char wanted[ROOM], given[ROOM], places[96] = "";
  size_t found = 0, used = 0, length = strlen(words);
  for (size_t at = find(answer, size, words, 0); at < size;
       at = find(answer, size, words, at + 1)) {
    if (!found++) *start = at;
    if (found <= 3)
      used += (size_t)snprintf(places + used, sizeof places - used, "%s%zu:%zu",
                               found > 1 ? ", " : "", at, at + length);
  }
  if (!found)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "the span \"%s\" does not occur in the answer \"%s\"",
                       show(wanted, words, length), show(given, answer, size));
  if (found > 1)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "the span \"%s\" occurs %zu times in the answer, at %s%s: name one of them "
                       "by its bytes, with --span",
                       show(wanted, words, length), found, places, found > 3 ? ", …" : "");
  return HETA_OK;
}

/* Bytes that lie within the answer and do not cut a character. */
static heta_status check_bytes(const char *answer, size_t size, size_t start, size_t end,
                               heta_error *error) {
  char given[ROOM];
  if (end > size)
    return heta_i_fail_at(error, HETA_E_ARGUMENT, end,
                          "the span %zu:%zu is not in the answer, which has %zu bytes: \"%s\"",
                          start, end, size, show(given, answer, size));
  for (int k = 0; k < 2; k++) {
    size_t at = k ? end : start, first = at, last = at;
    while (first && ((unsigned char)answer[first] & 0xc0) == 0x80) first--;
    while (last < size && ((unsigned char)answer[last] & 0xc0) == 0x80) last++;
    if (at < size && first < at)
      return heta_i_fail_at(error, HETA_E_ARGUMENT, at,
                            "the span %zu:%zu cuts the character \"%s\" of the answer, whose bytes "
                            "are %zu:%zu (a span counts bytes, not characters)",
                            start, end, show(given, answer + first, last - first), first, last);
  }
  return HETA_OK;
}

heta_status heta_i_span_choose(heta_job *job, heta_error *error) {
  heta_i_input *input = &job->input;
  const heta_attribute_options *o = &job->options;
  if (!heta_i_span_asked(o) || input->has_span) return HETA_OK;
  const char *answer = input->text + input->prompt_end;
  size_t size = input->text_size - input->prompt_end, start = o->span_start, end = o->span_end;
  if (o->span_text) {
    HETA_TRY(find_text(answer, size, o->span_text, &start, error));
    end = start + strlen(o->span_text);
  }
  HETA_TRY(check_bytes(answer, size, start, end, error));
  size_t from = input->prompt_end + start, to = input->prompt_end + end;
  size_t first = input->first_target, all = input->target_count, last;
  while (first < input->count && input->tokens[first].end <= from) first++;
  for (last = first; last < input->count && input->tokens[last].start < to;) last++;
  if (first == last)
    return heta_i_fail(error, HETA_E_INTERNAL, "no token of the answer covers its bytes %zu:%zu",
                       start, end);
  input->bare_target &= first == input->first_target;
  input->has_span = true;
  input->span_start = from;
  input->span_end = to;
  input->first_target = first;
  input->target_count = last - first;
  char shown[ROOM], covered[ROOM];
  const char *text = input->text;
  size_t begin = input->tokens[first].start, finish = input->tokens[last - 1].end;
  bool exact = begin == from && finish == to;
  return heta_i_note(job, error,
                     exact
                         ? "span %zu:%zu \"%s\": %zu of the answer's %zu tokens"
                         : "span %zu:%zu \"%s\": %zu of the answer's %zu tokens, which are \"%s\"",
                     start, end, show(shown, text + from, to - from), last - first, all,
                     show(covered, text + begin, finish - begin));
}
