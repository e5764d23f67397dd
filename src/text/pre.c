/* pre.c: the table of named pre-tokenisers. The patterns are those the models' own tokenizer
 * definitions publish. */
#include "text/pretokenizer.h"

#include <string.h>

#define ENDING "\\s+(?!\\S)|\\s+"
#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|" ENDING
#define SHORT "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define SYMBOLS "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|" ENDING
#define LLAMA3(digits) SHORT "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits SYMBOLS
/* Words that change from small to capital letters are cut there. */
#define CAPITALS "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define SMALL "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED(short, digits)                                                                       \
  "[^\\r\\n\\p{L}\\p{N}]?" CAPITALS "*" SMALL                                                      \
  "+" short "|[^\\r\\n\\p{L}\\p{N}]?" CAPITALS "+" SMALL                                           \
            "*" short "|" digits "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|" ENDING

static const heta_i_pre TABLE[] = {
    {"gpt-2", false, false, false, {GPT2}},
    {"phi-2", false, false, false, {GPT2}},
    {"olmo", false, false, true, {GPT2}}, /* GPT-NeoX, Pythia */
    {"smollm", false, false, false, {"\\p{N}", GPT2}},
    {"starcoder", false, false, false, {"\\p{N}", GPT2}},
    {"llama-bpe", true, true, false, {LLAMA3("\\p{N}{1,3}")}},
    {"llama3", true, true, false, {LLAMA3("\\p{N}{1,3}")}},
    {"llama-v3", true, true, false, {LLAMA3("\\p{N}{1,3}")}},
    {"smaug-bpe", true, false, false, {LLAMA3("\\p{N}{1,3}")}}, /* SmolLM3 */
    {"dbrx", false, false, false, {LLAMA3("\\p{N}{1,3}")}},     /* Phi-4 */
    {"qwen2", false, false, true, {LLAMA3("\\p{N}")}},          /* Qwen3 */
    {"deepseek-r1-qwen", false, false, true, {LLAMA3("\\p{N}")}},
    {"tekken", true, true, false, {CASED("", "\\p{N}")}},               /* Mistral-Nemo */
    {"gpt-4o", false, false, false, {CASED(SHORT "?", "\\p{N}{1,3}")}}, /* Phi-4-mini */
    {"default",
     false,
     false,
     false,
     {"[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
};

enum { COUNT = sizeof TABLE / sizeof *TABLE, PATTERNS = sizeof TABLE->patterns / sizeof(char *) };

const heta_i_pre *heta_i_pre_find(const char *name) {
  for (size_t i = 0; i < COUNT; i++)
    if (!strcmp(TABLE[i].name, name)) return &TABLE[i];
  return NULL;
}

const char *heta_i_pre_names(void) {
  return "gpt-2, phi-2, olmo, smollm, starcoder, llama-bpe, llama3, llama-v3, smaug-bpe, dbrx, "
         "qwen2, deepseek-r1-qwen, tekken, gpt-4o and default";
}

/* Cuts by patterns that match every character are the same whether what lies between the matches
 * is kept or left out. */
static bool same(const heta_i_pre *pre, const heta_i_cut *cuts, size_t count) {
  for (size_t i = 0; i < PATTERNS && pre->patterns[i]; i++, cuts++, count--)
    if (!count || cuts->literal || strcmp(cuts->pattern, pre->patterns[i]) ||
        (cuts->kind != HETA_CUT_ISOLATED && cuts->kind != HETA_CUT_MATCHES))
      return false;
  return !count;
}

const heta_i_pre *heta_i_pre_recognise(const heta_i_cut *cuts, size_t count, bool whole_pieces,
                                       bool compose) {
  for (size_t i = 0; i < COUNT; i++)
    if (TABLE[i].whole_pieces == whole_pieces && TABLE[i].compose == compose &&
        same(&TABLE[i], cuts, count))
      return &TABLE[i];
  return NULL;
}
