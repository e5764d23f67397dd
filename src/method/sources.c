/* sources.c: the parts of a prompt, and the prompt without some of them. */
#include "method/sources.h"

#include <string.h>

static bool has_documents(const heta_i_session *session) {
  for (size_t i = 0; i < session->segment_count; i++)
    if (!strcmp(session->segments[i].role, "document")) return true;
  return false;
}

/* Whether a byte of the prompt may be taken away, before queries are looked at. Special tokens are
 * the template's, also where the prompt itself has them. */
static bool is_context(const heta_i_session *session, bool documents, size_t at) {
  for (size_t i = 0; i < session->known; i++) {
    const heta_token *token = &session->spans[i];
    if (token->kind == HETA_TOKEN_SPECIAL && at >= token->start && at < token->end) return false;
  }
  for (size_t i = 0; i < session->segment_count; i++) {
    const heta_segment *segment = &session->segments[i];
    if (at < segment->start || at >= segment->end) continue;
    return documents ? !strcmp(segment->role, "document") : strcmp(segment->role, "template") != 0;
  }
  return !documents;
}

/* The byte after the last that is no white space in [start, end). */
static size_t trimmed(const heta_i_session *session, size_t start, size_t end) {
  size_t stop = start;
  for (size_t at = start; at < end;) {
    size_t word = heta_i_skip_space(session->text, session->text_size, at, end);
    if (word == end) break;
    at = word + 1;
    while (at < end && ((unsigned char)session->text[at] & 0xc0) == 0x80) at++;
    stop = at;
  }
  return stop;
}

/* Appends the stretch [start, end), cut where what may be taken away ends. */
static void add_stretch(const heta_i_session *session, bool documents, size_t start, size_t end,
                        heta_i_sources *out) {
  for (size_t at = start; at < end;) {
    bool context = is_context(session, documents, at);
    size_t stop = at + 1;
    while (stop < end && is_context(session, documents, stop) == context) stop++;
    size_t first = heta_i_skip_space(session->text, session->text_size, at, stop);
    if (context && first < stop) {
      heta_i_source *last = out->count ? &out->source[out->count - 1] : NULL;
      bool follows =
          last && heta_i_skip_space(session->text, session->text_size, last->end, first) == first;
      for (size_t i = last ? last->end : first; i < first && follows; i++)
        follows = is_context(session, documents, i);
      out->source[out->count++] = (heta_i_source){first, trimmed(session, first, stop), follows};
    }
    at = stop;
  }
}

/* The start of the last sentence that is context, when there is another before it. */
static size_t query_start(const heta_i_session *session, size_t end,
                          const heta_i_breaks *sentences) {
  size_t start = end, found = 0;
  for (size_t i = sentences->count; i-- > 0;) {
    size_t from = i ? sentences->ends[i - 1] : 0;
    size_t word = heta_i_skip_space(session->text, end, from, sentences->ends[i]);
    if (word == sentences->ends[i] || !is_context(session, false, word)) continue;
    if (!found++) start = from;
  }
  return found > 1 ? start : end;
}

static heta_status by_text(const heta_i_session *session, heta_i_break kind, bool query,
                           heta_i_sources *out, heta_error *error) {
  heta_i_breaks breaks = {0}, sentences = {0};
  heta_status status;
  bool documents = has_documents(session);
  size_t end = heta_i_prompt_bytes(session), start = 0;
  HETA_GO(heta_i_breaks_find(session->text, end, HETA_BREAK_SENTENCE, &sentences, error));
  HETA_GO(heta_i_breaks_find(session->text, end, kind, &breaks, error));
  size_t room = breaks.count + session->segment_count + 1;
  out->source = heta_i_arena_take(session->memory, room, sizeof *out->source);
  if (!out->source) {
    status = heta_i_no_memory(error, "sources", room * sizeof *out->source);
    goto done;
  }
  if (query && !documents) end = query_start(session, end, &sentences);
  for (size_t i = 0; i < breaks.count && start < end; i++) {
    size_t stop = breaks.ends[i] < end ? breaks.ends[i] : end;
    add_stretch(session, documents, start, stop, out);
    start = stop;
  }
done:
  heta_i_breaks_free(&breaks);
  heta_i_breaks_free(&sentences);
  return status;
}

/* A token counts to the source in which its first byte that is no white space lies. */
static void assign(const heta_i_session *session, heta_i_sources *out) {
  for (size_t i = 0; i < out->known; i++) {
    const heta_token *token = &session->spans[i];
    size_t at = heta_i_skip_space(session->text, session->text_size, token->start, token->end);
    out->of[i] = SIZE_MAX;
    for (size_t s = 0; s < out->count && at < token->end; s++)
      if (at >= out->source[s].start && at < out->source[s].end) out->of[i] = s;
  }
}

static heta_status by_token(const heta_i_session *session, bool query, heta_i_sources *out,
                            heta_error *error) {
  heta_i_sources words = {0};
  out->source = heta_i_arena_take(session->memory, out->known + 1, sizeof *out->source);
  if (!out->source) return heta_i_no_memory(error, "sources", out->known * sizeof *out->source);
  words.known = out->known;
  words.of = out->of;
  HETA_TRY(by_text(session, HETA_BREAK_SENTENCE, query, &words, error));
  assign(session, &words);
  for (size_t i = 0; i < out->known; i++) {
    const heta_token *token = &session->spans[i];
    if (out->of[i] == SIZE_MAX || token->kind != HETA_TOKEN_TEXT) {
      out->of[i] = SIZE_MAX;
      continue;
    }
    out->of[i] = out->count;
    out->source[out->count++] = (heta_i_source){token->start, token->end, false};
  }
  return HETA_OK;
}

size_t heta_i_prompt_tokens(const heta_i_session *session) {
  size_t count = 0, least = session->length - session->target_count + 1;
  while (count < session->known && count < least && session->spans[count].kind < HETA_TOKEN_FORCED)
    count++;
  return count;
}

size_t heta_i_prompt_bytes(const heta_i_session *session) {
  size_t tokens = heta_i_prompt_tokens(session);
  bool own = tokens < session->known && session->spans[tokens].kind < HETA_TOKEN_FORCED;
  return own ? session->spans[tokens].start : session->prompt_end;
}

heta_status heta_i_sources_find(const heta_i_session *session, bool tokens, heta_i_break kind,
                                bool query, heta_i_sources *out, heta_error *error) {
  size_t known = heta_i_prompt_tokens(session);
  *out = (heta_i_sources){.tokens = tokens, .known = known};
  out->of = heta_i_arena_take(session->memory, known + 1, sizeof *out->of);
  if (!out->of) return heta_i_no_memory(error, "sources", known * sizeof *out->of);
  if (tokens) return by_token(session, query, out, error);
  HETA_TRY(by_text(session, kind, query, out, error));
  assign(session, out);
  return HETA_OK;
}

/* ---- Texts ----------------------------------------------------------------------------------- */

/* A text on its way, with the stretches in which control tokens are read. */
typedef struct draft {
  const heta_i_session *session;
  char *text;
  size_t size;
  heta_i_stretch *stretches;
  size_t count;
} draft;

static void emit(draft *d, size_t start, size_t end) {
  const heta_i_control *control = d->session->control;
  for (size_t i = 0; i < control->count; i++) {
    heta_i_stretch of = control->stretches[i];
    size_t from = of.start > start ? of.start : start, to = of.end < end ? of.end : end;
    if (from >= to) continue;
    size_t at = d->size + from - start;
    if (d->count && d->stretches[d->count - 1].end == at)
      d->stretches[d->count - 1].end = at + to - from;
    else
      d->stretches[d->count++] = (heta_i_stretch){at, at + to - from};
  }
  memcpy(d->text + d->size, d->session->text + start, end - start);
  d->size += end - start;
}

static void write_draft(draft *d, const heta_i_sources *sources, const bool *keep) {
  size_t at = 0;
  bool any = false; /* a source of this row of neighbours was kept */
  for (size_t s = 0; s < sources->count; s++) {
    const heta_i_source *source = &sources->source[s];
    if (!source->follows) {
      emit(d, at, source->start); /* what always stays */
      any = false;
    } else if (keep[s] && any) {
      emit(d, at, source->start); /* its separator */
    }
    if (keep[s]) emit(d, source->start, source->end);
    any |= keep[s];
    at = source->end;
  }
  emit(d, at, heta_i_prompt_bytes(d->session));
}

static heta_status tokenise(draft *d, int32_t **out, size_t *count, heta_error *error) {
  const heta_i_session *session = d->session;
  heta_i_control control = {session->control->everywhere, d->stretches, d->count};
  heta_tokens *tokens = NULL;
  HETA_TRY(heta_i_tokenize_parts(session->model, d->text, d->size, session->bos, &control, &tokens,
                                 error));
  *count = heta_tokens_count(tokens);
  *out = heta_i_allocate(*count + 1, sizeof **out);
  for (size_t i = 0; *out && i < *count; i++) (*out)[i] = heta_tokens_data(tokens)[i].id;
  heta_tokens_free(tokens);
  return *out ? HETA_OK : heta_i_no_memory(error, "an altered text", *count * sizeof **out);
}

static heta_status from_text(const heta_i_session *session, const heta_i_sources *sources,
                             const bool *keep, int32_t **out, size_t *count, char **text,
                             heta_error *error) {
  size_t stretches = session->control->count * (2 * sources->count + 2) + 1;
  draft d = {.session = session};
  d.text = heta_i_allocate(session->prompt_end + 1, 1);
  d.stretches = heta_i_allocate(stretches, sizeof *d.stretches);
  heta_status status = d.text && d.stretches
                           ? HETA_OK
                           : heta_i_no_memory(error, "an altered text", session->prompt_end);
  if (!status) {
    write_draft(&d, sources, keep);
    status = tokenise(&d, out, count, error);
  }
  heta_i_free(d.stretches);
  if (status || !text)
    heta_i_free(d.text);
  else
    *text = d.text;
  return status;
}

heta_status heta_i_sources_tokens(const heta_i_session *session, const heta_i_sources *sources,
                                  const bool *keep, int32_t **out, size_t *count, char **text,
                                  heta_error *error) {
  if (sources->tokens) {
    *out = heta_i_allocate(sources->known + 1, sizeof **out);
    if (!*out) return heta_i_no_memory(error, "an altered text", sources->known * sizeof **out);
    *count = 0;
    for (size_t i = 0; i < sources->known; i++)
      if (sources->of[i] == SIZE_MAX || keep[sources->of[i]])
        (*out)[(*count)++] = session->spans[i].id;
  } else {
    HETA_TRY(from_text(session, sources, keep, out, count, text, error));
  }
  if (!*count) (*out)[(*count)++] = session->spans[sources->known - 1].id;
  return HETA_OK;
}
