/* stems.c: words of a text of tokens and their stems by Porter's rules; see stems.h. */
#include "method/stems.h"

#include <string.h>

#include "base/breaks.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

/* ---- Porter's rules -------------------------------------------------------------------------- */

enum { LONGEST = 63 }; /* longer words are their own stems */

typedef struct word {
  char text[LONGEST + 1];
  size_t size;
} word;

static bool is_consonant(const char *text, size_t at) {
  if (strchr("aeiou", text[at])) return false;
  return text[at] != 'y' || at == 0 || !is_consonant(text, at - 1);
}

/* How often a vowel is followed by a consonant in the first `size` letters. */
static size_t measure(const char *text, size_t size) {
  size_t times = 0;
  for (size_t i = 1; i < size; i++) times += is_consonant(text, i) && !is_consonant(text, i - 1);
  return times;
}

static bool has_vowel(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (!is_consonant(text, i)) return true;
  return false;
}

static bool is_double(const char *text, size_t size) {
  return size > 1 && text[size - 1] == text[size - 2] && is_consonant(text, size - 1);
}

/* Consonant, vowel, consonant that is not w, x or y: "hop". */
static bool is_short(const char *text, size_t size) {
  return size > 2 && is_consonant(text, size - 1) && !is_consonant(text, size - 2) &&
         is_consonant(text, size - 3) && !strchr("wxy", text[size - 1]);
}

/* Bytes before the ending; SIZE_MAX when the word has another. */
static size_t before(const word *w, const char *ending) {
  size_t size = strlen(ending);
  if (size > w->size || memcmp(w->text + w->size - size, ending, size) != 0) return SIZE_MAX;
  return w->size - size;
}

static void end_in(word *w, size_t at, const char *ending) {
  size_t size = strlen(ending);
  memcpy(w->text + at, ending, size);
  w->size = at + size;
}

typedef struct rule {
  const char *from, *to;
} rule;

/* Applies the rule of the longest ending, if what stands before it is measured above `least`. */
static void apply(word *w, const rule *rules, size_t count, size_t least) {
  const rule *longest = NULL;
  for (size_t i = 0; i < count; i++)
    if (before(w, rules[i].from) != SIZE_MAX &&
        (!longest || strlen(rules[i].from) > strlen(longest->from)))
      longest = &rules[i];
  if (!longest) return;
  size_t at = before(w, longest->from);
  bool ion = strcmp(longest->from, "ion") == 0; /* behind s or t only */
  if (ion && (!at || !strchr("st", w->text[at - 1]))) return;
  if (measure(w->text, at) > least) end_in(w, at, longest->to);
}

static void plural(word *w) {
  static const rule RULES[] = {{"sses", "ss"}, {"ies", "i"}, {"ss", "ss"}, {"s", ""}};
  for (size_t i = 0; i < 4; i++) {
    size_t at = before(w, RULES[i].from);
    if (at == SIZE_MAX) continue;
    end_in(w, at, RULES[i].to);
    return;
  }
}

static void past(word *w) {
  size_t at = before(w, "eed");
  if (at != SIZE_MAX) {
    if (measure(w->text, at) > 0) w->size--;
    return;
  }
  at = before(w, "ed");
  if (at == SIZE_MAX) at = before(w, "ing");
  if (at == SIZE_MAX || !has_vowel(w->text, at)) return;
  w->size = at;
  bool open =
      before(w, "at") != SIZE_MAX || before(w, "bl") != SIZE_MAX || before(w, "iz") != SIZE_MAX;
  if (open || (measure(w->text, at) == 1 && is_short(w->text, at)))
    end_in(w, at, "e");
  else if (is_double(w->text, at) && !strchr("lsz", w->text[at - 1]))
    w->size--;
}

static void final_e(word *w) {
  if (w->text[w->size - 1] == 'e') {
    size_t at = w->size - 1, times = measure(w->text, at);
    if (times > 1 || (times == 1 && !is_short(w->text, at))) w->size = at;
  }
  if (w->text[w->size - 1] == 'l' && is_double(w->text, w->size) &&
      measure(w->text, w->size - 1) > 1)
    w->size--;
}

static void porter(word *w) {
  static const rule SECOND[] = {
      {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},   {"anci", "ance"},
      {"izer", "ize"},    {"abli", "able"},   {"alli", "al"},     {"entli", "ent"},
      {"eli", "e"},       {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
      {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"},
      {"ousness", "ous"}, {"aliti", "al"},    {"iviti", "ive"},   {"biliti", "ble"}};
  static const rule THIRD[] = {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
                               {"ical", "ic"},  {"ful", ""},   {"ness", ""}};
  static const rule FOURTH[] = {{"al", ""},    {"ance", ""}, {"ence", ""}, {"er", ""},
                                {"ic", ""},    {"able", ""}, {"ible", ""}, {"ant", ""},
                                {"ement", ""}, {"ment", ""}, {"ent", ""},  {"ion", ""},
                                {"ou", ""},    {"ism", ""},  {"ate", ""},  {"iti", ""},
                                {"ous", ""},   {"ive", ""},  {"ize", ""}};
  if (w->size < 3) return;
  plural(w);
  past(w);
  if (before(w, "y") != SIZE_MAX && has_vowel(w->text, w->size - 1)) w->text[w->size - 1] = 'i';
  apply(w, SECOND, sizeof SECOND / sizeof *SECOND, 0);
  apply(w, THIRD, sizeof THIRD / sizeof *THIRD, 0);
  apply(w, FOURTH, sizeof FOURTH / sizeof *FOURTH, 1);
  final_e(w);
}

/* ---- Words ----------------------------------------------------------------------------------- */

/* What says little by itself, between spaces. */
static const char STOP_WORDS[] =
    " a about above after again against all am an and any are aren't as at be because been before "
    "being below between both but by can can't cannot could couldn't did didn't do does doesn't "
    "doing don't down during each few for from further had hadn't has hasn't have haven't having "
    "he her here hers herself him himself his how i if in into is isn't it it's its itself just "
    "let's me more most must my myself no nor not now of off on once only or other our ours "
    "ourselves out over own same shall she should shouldn't so some such than that that's the "
    "their theirs them themselves then there these they this those through to too under until up "
    "upon very was wasn't we were weren't what when where which while who whom why will with won't "
    "would wouldn't yes you your yours yourself yourselves ";

static bool is_stop_word(const char *text, size_t size) {
  char wanted[LONGEST + 3];
  snprintf(wanted, sizeof wanted, " %.*s ", (int)size, text);
  return strstr(STOP_WORDS, wanted) != NULL;
}

static uint64_t number_of(const char *text, size_t size) {
  uint64_t hash = 14695981039346656037u; /* FNV-1a */
  for (size_t i = 0; i < size; i++) hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
  return hash ? hash : 1;
}

uint64_t heta_i_stem(const char *text, size_t size) {
  word w = {.size = size};
  bool letters = true, any = false;
  for (size_t i = 0; i < size; i++) {
    char c = text[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    any |= letter || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
    letters &= letter;
    if (size <= LONGEST) w.text[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
  }
  if (!any) return 0;
  if (size > LONGEST) return number_of(text, size);
  if (is_stop_word(w.text, w.size)) return 0;
  if (letters) porter(&w);
  return number_of(w.text, w.size);
}

/* ---- Texts of tokens ------------------------------------------------------------------------- */

typedef struct draft {
  char *raw, *clean;
  size_t *begin, *map; /* [tokens + 1] of each in raw; [raw size + 1] from raw to clean */
  size_t size;
  heta_i_breaks breaks;
} draft;

static void draft_close(draft *d) {
  heta_i_free(d->raw);
  heta_i_free(d->clean);
  heta_i_free(d->begin);
  heta_i_free(d->map);
  heta_i_breaks_free(&d->breaks);
}

/* A special token is a line break: nothing that words could lean on. */
static const char *bytes_of(const heta_model *model, int32_t id, size_t *size) {
  *size = 1;
  if (heta_i_tokenizer_is_special(model->tokenizer, id)) return "\n";
  const char *bytes = heta_i_tokenizer_bytes(model->tokenizer, id, size);
  if (!bytes) *size = 0;
  return bytes;
}

static heta_status draft_open(const heta_model *model, const int32_t *tokens, size_t count,
                              draft *d, heta_error *error) {
  size_t size, all = 0;
  for (size_t i = 0; i < count; i++) {
    bytes_of(model, tokens[i], &size);
    all += size;
  }
  d->raw = heta_i_allocate(all + 1, 1);
  d->clean = heta_i_allocate(3 * all + 1, 1);
  d->begin = heta_i_allocate(count + 1, sizeof *d->begin);
  d->map = heta_i_allocate(all + 1, sizeof *d->map);
  if (!d->raw || !d->clean || !d->begin || !d->map)
    return heta_i_no_memory(error, "words of a text", all * sizeof *d->map);
  d->begin[0] = 0;
  for (size_t i = 0; i < count; i++) {
    const char *bytes = bytes_of(model, tokens[i], &size);
    if (size) memcpy(d->raw + d->begin[i], bytes, size);
    d->begin[i + 1] = d->begin[i] + size;
  }
  d->size = heta_i_utf8_clean(d->raw, all, d->clean, d->map);
  return heta_i_breaks_find(d->clean, d->size, HETA_BREAK_WORD, &d->breaks, error);
}

/* Fills stems; word[b]: the number of stretch b's word. */
static void count_words(const draft *d, heta_i_stems *out, size_t *word_of) {
  for (size_t b = 0; b < d->breaks.count; b++) {
    size_t start = b ? d->breaks.ends[b - 1] : 0;
    uint64_t stem = heta_i_stem(d->clean + start, d->breaks.ends[b] - start);
    word_of[b] = stem ? out->count : SIZE_MAX;
    if (stem) out->stem[out->count++] = stem;
  }
}

heta_status heta_i_stems_find(const heta_model *model, const int32_t *tokens, size_t count,
                              heta_i_stems *out, heta_error *error) {
  draft d = {0};
  size_t *word_of = NULL, used = 0;
  heta_status status;
  *out = (heta_i_stems){0};
  while (used < count && tokens[used] >= 0) used++;
  HETA_GO(draft_open(model, tokens, used, &d, error));
  out->stem = heta_i_allocate(d.breaks.count + 1, sizeof *out->stem);
  out->of = heta_i_allocate(used + 1, sizeof *out->of);
  word_of = heta_i_allocate(d.breaks.count + 1, sizeof *word_of);
  if (!out->stem || !out->of || !word_of) {
    status = heta_i_no_memory(error, "words of a text", d.breaks.count * sizeof *out->stem);
    goto done;
  }
  count_words(&d, out, word_of);
  for (size_t i = 0, b = 0; i < used; i++) {
    size_t end = d.map[d.begin[i + 1]];
    size_t at = heta_i_skip_space(d.clean, d.size, d.map[d.begin[i]], end);
    out->of[i] = SIZE_MAX;
    if (at >= end || heta_i_tokenizer_is_special(model->tokenizer, tokens[i])) continue;
    while (b < d.breaks.count && d.breaks.ends[b] <= at) b++;
    if (b < d.breaks.count) out->of[i] = word_of[b];
  }
done:
  heta_i_free(word_of);
  draft_close(&d);
  if (status) heta_i_stems_free(out);
  return status;
}

void heta_i_stems_free(heta_i_stems *stems) {
  heta_i_free(stems->stem);
  heta_i_free(stems->of);
  *stems = (heta_i_stems){0};
}
