/* sources.h: the parts of a prompt that contextcite takes away, and the texts without some. */
#ifndef HETA_METHOD_SOURCES_H
#define HETA_METHOD_SOURCES_H

#include "base/breaks.h"
#include "method/method.h"

typedef struct heta_i_source {
  size_t start, end; /* bytes, without white space around */
  bool follows;      /* only white space, its separator, stands between it and the one before */
} heta_i_source;

typedef struct heta_i_sources {
  bool tokens; /* one source per token, which is deleted; else texts are tokenised again */
  size_t count;
  heta_i_source *source;
  size_t *of; /* [prompt tokens] the source a token counts to; SIZE_MAX: none */
  size_t known;
} heta_i_sources;

/* Cuts the prompt: its documents when it names some; else all of it but what a template wrote and,
 * with `query`, the last sentence, unless it is the only one. In session->memory. */
heta_status heta_i_sources_find(const heta_i_session *session, bool tokens, heta_i_break kind,
                                bool query, heta_i_sources *out, heta_error *error);
/* Tokens of the prompt before the first target, and their bytes. */
size_t heta_i_prompt_tokens(const heta_i_session *session);
size_t heta_i_prompt_bytes(const heta_i_session *session);
/* The prompt's tokens without the sources that `keep` lacks: heta_i_allocate'd. Never none: where
 * nothing is left, the last token stays. *text: the text itself, heta_i_allocate'd, or NULL. */
heta_status heta_i_sources_tokens(const heta_i_session *session, const heta_i_sources *sources,
                                  const bool *keep, int32_t **out, size_t *count, char **text,
                                  heta_error *error);

/* contextcite.c: the log-odds of a sequence from those of its tokens. */
double heta_i_response_odds(const double *odds, size_t count);

#endif
