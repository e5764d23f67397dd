/* pretokenizer.c: cutting by patterns. A pattern cuts every piece it is given and looks at that
 * piece alone: a lookahead sees the piece's end as the end of the text. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "text/pretokenizer.h"

#include <string.h>

#include "base/memory.h"
#include "format/quote.h"
#include "text/pattern.h"

struct heta_i_pretokenizer {
  pcre2_general_context *memory;
  pcre2_code *codes[HETA_CUTS];
  heta_i_cut_kind kinds[HETA_CUTS];
  size_t count;
};

static void *allocate(size_t size, void *context) {
  (void)context;
  return heta_i_allocate(size, 1);
}

static void release(void *block, void *context) {
  (void)context;
  heta_i_free(block);
}

/* Compiles the next cut. */
static heta_status compile(heta_i_pretokenizer *pretokenizer, pcre2_compile_context *context,
                           const heta_i_cut *cut, heta_error *error) {
  char shown[HETA_QUOTE];
  int code;
  PCRE2_SIZE offset;
  heta_status status = HETA_OK;
  heta_i_buffer pattern = {.limit = SIZE_MAX / 2};
  if (cut->literal)
    heta_i_pattern_literal(cut->pattern, &pattern);
  else
    HETA_GO(heta_i_pattern_translate(cut->pattern, &pattern, error));
  if (pattern.failed || !pattern.size)
    HETA_GO(heta_i_no_memory(error, "the pre-tokeniser's pattern", strlen(cut->pattern)));
  pcre2_code *compiled =
      pcre2_compile((PCRE2_SPTR)pattern.bytes, pattern.size, PCRE2_UTF, &code, &offset, context);
  if (!compiled && code == PCRE2_ERROR_HEAP_FAILED)
    HETA_GO(heta_i_no_memory(error, "the pre-tokeniser", 0));
  if (!compiled)
    HETA_GO(heta_i_fail(error, HETA_E_UNSUPPORTED,
                        "the pre-tokeniser's pattern \"%s\" is none that PCRE2 accepts (error %d)",
                        heta_i_quote_string(shown, cut->pattern), code));
  pretokenizer->codes[pretokenizer->count] = compiled;
  pretokenizer->kinds[pretokenizer->count++] = cut->kind;
done:
  heta_i_buffer_free(&pattern);
  return status;
}

heta_status heta_i_pretokenizer_create(const heta_i_cut *cuts, size_t count,
                                       heta_i_pretokenizer **out, heta_error *error) {
  heta_i_pretokenizer *pretokenizer = heta_i_allocate(1, sizeof *pretokenizer);
  if (!pretokenizer) return heta_i_no_memory(error, "the pre-tokeniser", sizeof *pretokenizer);
  heta_status status = HETA_OK;
  pretokenizer->memory = pcre2_general_context_create(allocate, release, NULL);
  pcre2_compile_context *context =
      pretokenizer->memory ? pcre2_compile_context_create(pretokenizer->memory) : NULL;
  if (context)
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  else
    status = heta_i_no_memory(error, "the pre-tokeniser", 0);
  for (size_t i = 0; i < count && !status; i++)
    status = compile(pretokenizer, context, &cuts[i], error);
  pcre2_compile_context_free(context);
  if (status)
    heta_i_pretokenizer_free(pretokenizer);
  else
    *out = pretokenizer;
  return status;
}

void heta_i_pretokenizer_free(heta_i_pretokenizer *pretokenizer) {
  if (!pretokenizer) return;
  for (size_t i = 0; i < pretokenizer->count; i++) pcre2_code_free(pretokenizer->codes[i]);
  pcre2_general_context_free(pretokenizer->memory);
  heta_i_free(pretokenizer);
}

typedef struct splitter {
  const heta_i_pretokenizer *pretokenizer;
  const char *text;
  heta_i_piece_fn piece;
  void *context;
  pcre2_match_data *match; /* read before the next pattern writes it */
  pcre2_match_context *limits;
} splitter;

/* What a cut has found but not handed on, since the next part may belong to it. */
typedef struct part {
  size_t start, end; /* empty: nothing */
  bool match;        /* its last part is a match */
} part;

static heta_status split(splitter *s, size_t level, size_t start, size_t end, heta_error *error);

/* Takes the next match, or the next stretch between two. */
static heta_status add_part(splitter *s, size_t level, part *held, part next, heta_error *error) {
  heta_i_cut_kind kind = s->pretokenizer->kinds[level];
  if (next.start == next.end) return HETA_OK;
  if (kind == HETA_CUT_MATCHES && !next.match)
    return heta_i_fail_at(error, HETA_E_ARGUMENT, next.start,
                          "the model's pre-tokeniser leaves out the text at byte %zu, so that no "
                          "token would stand for it; remove that text",
                          next.start);
  bool held_any = held->start < held->end;
  bool joins = held_any && ((kind == HETA_CUT_CONTIGUOUS && held->match && next.match) ||
                            (kind == HETA_CUT_PREVIOUS && !held->match && next.match) ||
                            (kind == HETA_CUT_NEXT && held->match && !next.match));
  if (joins) {
    held->end = next.end;
    held->match = next.match;
    return HETA_OK;
  }
  part ready = *held;
  *held = next;
  return held_any ? split(s, level + 1, ready.start, ready.end, error) : HETA_OK;
}

/* Cuts [start, end) by the cut `level` and those after it. */
static heta_status split(splitter *s, size_t level, size_t start, size_t end, heta_error *error) {
  if (level == s->pretokenizer->count) return s->piece(s->context, start, end, error);
  size_t at = start;
  part held = {0};
  while (at < end) {
    int found = pcre2_match(s->pretokenizer->codes[level], (PCRE2_SPTR)(s->text + start),
                            end - start, at - start, PCRE2_NO_UTF_CHECK, s->match, s->limits);
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found == PCRE2_ERROR_NOMEMORY || found == PCRE2_ERROR_HEAPLIMIT)
      return heta_i_no_memory(error, "cutting the text into pieces", end - start);
    if (found < 0)
      return heta_i_fail_at(error, HETA_E_ARGUMENT, at,
                            "the text from byte %zu exhausts the pre-tokeniser's pattern (PCRE2 "
                            "error %d); split the text there",
                            at, found);
    const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(s->match);
    size_t from = start + bounds[0], to = start + bounds[1];
    if (to <= from)
      return heta_i_fail_at(error, HETA_E_UNSUPPORTED, from,
                            "the model's pre-tokeniser has a pattern that matches nothing at byte "
                            "%zu of the text, which heta does not support",
                            from);
    HETA_TRY(add_part(s, level, &held, (part){at, from, false}, error));
    HETA_TRY(add_part(s, level, &held, (part){from, to, true}, error));
    at = to;
  }
  HETA_TRY(add_part(s, level, &held, (part){at, end, false}, error));
  return held.start < held.end ? split(s, level + 1, held.start, held.end, error) : HETA_OK;
}

heta_status heta_i_pretokenizer_split(const heta_i_pretokenizer *pretokenizer, const char *text,
                                      size_t size, heta_i_piece_fn piece, void *context,
                                      heta_error *error) {
  splitter s = {pretokenizer, text, piece, context, NULL, NULL};
  s.match = pcre2_match_data_create(1, pretokenizer->memory);
  s.limits = pcre2_match_context_create(pretokenizer->memory);
  heta_status status = HETA_OK;
  if (!s.match || !s.limits) {
    status = heta_i_no_memory(error, "cutting the text into pieces", 0);
  } else {
    /* No known pattern backtracks more than a few times per byte; PCRE2's default limit of ten
     * million steps would refuse long runs of spaces. */
    uint64_t steps = 1000000 + 32 * (uint64_t)size;
    pcre2_set_match_limit(s.limits, steps < UINT32_MAX ? (uint32_t)steps : UINT32_MAX);
    status = split(&s, 0, 0, size, error);
  }
  pcre2_match_data_free(s.match);
  pcre2_match_context_free(s.limits);
  return status;
}
