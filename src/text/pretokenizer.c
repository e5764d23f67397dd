/* pretokenizer.c: the table of pre-tokenisers, and splitting by their patterns.
 *
 * A pre-tokeniser is a sequence of patterns. Each cuts every piece it is given into its matches and
 * what lies between them, and looks at that piece alone: a lookahead sees the piece's end as the
 * end of the text. The patterns are those the models' own tokenizer definitions publish, written
 * for PCRE2: their \s is Unicode's White_Space, which PCRE2's is not (it has U+180E as well).
 * Letters and digits are those of the Unicode version that PCRE2 was built with; newer characters
 * count as symbols. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "text/pretokenizer.h"

#include <string.h>

#include "base/memory.h"
#include "format/quote.h"

enum { PATTERNS = 4 };

#define SPACES                                                                                     \
  "\\x{09}-\\x{0d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}"                               \
  "\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define SPACE "[" SPACES "]"
#define NO_SPACE "[^" SPACES "]"
#define SYMBOL "[^" SPACES "\\p{L}\\p{N}]"

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
#define WORDS_GPT2                                                                                 \
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?" SYMBOL "+|" SPACE "+(?!" NO_SPACE ")|" SPACE "+"

/* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|DIGITS| ?[^\s\p{L}\p{N}]+[\r\n]*
 * |\s*[\r\n]+|\s+(?!\S)|\s+ */
#define WORDS_LLAMA3(digits)                                                                       \
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits "| ?" SYMBOL                \
  "+[\\r\\n]*|" SPACE "*[\\r\\n]+|" SPACE "+(?!" NO_SPACE ")|" SPACE "+"

static const struct definition {
  heta_i_traits traits;
  const char *patterns[PATTERNS]; /* up to the first NULL */
} TABLE[] = {
    {{"gpt-2", false, false, false}, {WORDS_GPT2}},
    {{"smollm", false, false, false}, {"\\p{N}", WORDS_GPT2}},
    {{"llama-bpe", true, true, false}, {WORDS_LLAMA3("\\p{N}{1,3}")}},
    {{"qwen2", false, false, true}, {WORDS_LLAMA3("\\p{N}")}},
    {{"default", false, false, false},
     {"[\\p{P}$+<=>^~|]+", WORDS_GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
};

struct heta_i_pretokenizer {
  const struct definition *definition;
  pcre2_general_context *memory;
  pcre2_code *codes[PATTERNS];
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

static const struct definition *find(const char *name) {
  for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++)
    if (!strcmp(TABLE[i].traits.name, name)) return &TABLE[i];
  return NULL;
}

static heta_status compile(heta_i_pretokenizer *pretokenizer, heta_error *error) {
  pretokenizer->memory = pcre2_general_context_create(allocate, release, NULL);
  pcre2_compile_context *context =
      pretokenizer->memory ? pcre2_compile_context_create(pretokenizer->memory) : NULL;
  if (!context) return heta_i_no_memory(error, "the pre-tokeniser", 0);
  heta_status status = HETA_OK;
  for (size_t i = 0; i < PATTERNS && pretokenizer->definition->patterns[i] && !status; i++) {
    int code;
    PCRE2_SIZE offset;
    pretokenizer->codes[i] =
        pcre2_compile((PCRE2_SPTR)pretokenizer->definition->patterns[i], PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF, &code, &offset, context);
    if (pretokenizer->codes[i])
      pretokenizer->count++;
    else if (code == PCRE2_ERROR_HEAP_FAILED)
      status = heta_i_no_memory(error, "the pre-tokeniser", 0);
    else
      status =
          heta_i_fail(error, HETA_E_INTERNAL,
                      "pattern %zu of pre-tokeniser %s does not compile (PCRE2 error %d at %zu); "
                      "please report it",
                      i, pretokenizer->definition->traits.name, code, offset);
  }
  pcre2_compile_context_free(context);
  return status;
}

heta_status heta_i_pretokenizer_create(const char *name, heta_i_pretokenizer **out,
                                       heta_error *error) {
  char shown[HETA_QUOTE];
  const struct definition *definition = find(name);
  if (!definition)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "the file's pre-tokeniser is \"%s\" (tokenizer.ggml.pre); heta knows gpt-2, "
                       "smollm, llama-bpe, qwen2 and default",
                       heta_i_quote_string(shown, name));
  heta_i_pretokenizer *pretokenizer = heta_i_allocate(1, sizeof *pretokenizer);
  if (!pretokenizer) return heta_i_no_memory(error, "the pre-tokeniser", sizeof *pretokenizer);
  pretokenizer->definition = definition;
  heta_status status = compile(pretokenizer, error);
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

const heta_i_traits *heta_i_pretokenizer_get_traits(const heta_i_pretokenizer *pretokenizer) {
  return &pretokenizer->definition->traits;
}

typedef struct splitter {
  const heta_i_pretokenizer *pretokenizer;
  const char *text;
  heta_i_piece_fn piece;
  void *context;
  pcre2_match_data *match; /* read before the next pattern writes it */
  pcre2_match_context *limits;
} splitter;

/* Cuts [start, end) by pattern `level` and those after it. */
static heta_status split(splitter *s, size_t level, size_t start, size_t end, heta_error *error) {
  if (level == s->pretokenizer->count) return s->piece(s->context, start, end, error);
  const char *subject = s->text + start;
  size_t size = end - start, at = 0;
  while (at < size) {
    int found = pcre2_match(s->pretokenizer->codes[level], (PCRE2_SPTR)subject, size, at,
                            PCRE2_NO_UTF_CHECK, s->match, s->limits);
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found == PCRE2_ERROR_NOMEMORY || found == PCRE2_ERROR_HEAPLIMIT)
      return heta_i_no_memory(error, "cutting the text into pieces", size);
    if (found < 0)
      return heta_i_fail_at(error, HETA_E_ARGUMENT, start + at,
                            "the text from byte %zu exhausts the pre-tokeniser's pattern (PCRE2 "
                            "error %d); split the text there",
                            start + at, found);
    const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(s->match);
    size_t from = bounds[0], to = bounds[1];
    if (to <= from)
      return heta_i_fail_at(error, HETA_E_INTERNAL, start + from,
                            "a pre-tokeniser pattern matched nothing; please report it");
    if (from > at) HETA_TRY(split(s, level + 1, start + at, start + from, error));
    HETA_TRY(split(s, level + 1, start + from, start + to, error));
    at = to;
  }
  return at < size ? split(s, level + 1, start + at, end, error) : HETA_OK;
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
    /* No pattern backtracks more than a few times per byte; PCRE2's default limit of ten million
     * steps would refuse long runs of spaces. */
    uint64_t steps = 1000000 + 8 * (uint64_t)size;
    pcre2_set_match_limit(s.limits, steps < UINT32_MAX ? (uint32_t)steps : UINT32_MAX);
    status = split(&s, 0, 0, size, error);
  }
  pcre2_match_data_free(s.match);
  pcre2_match_context_free(s.limits);
  return status;
}
