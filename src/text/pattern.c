/* pattern.c: what both engines read alike is copied; \s, \d and \w, $ and a few escapes are spelled
 * out; everything else is refused. PCRE2's own \s is not Unicode's White_Space (it has U+180E as
 * well). Letters and digits are those of the Unicode version that PCRE2 was built with; newer
 * characters count as symbols. */
#include "text/pattern.h"

#include <string.h>

#include "base/utf8.h"
#include "format/quote.h"

#define SPACES                                                                                     \
  "\\x{09}-\\x{0d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}"                               \
  "\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
/* The last are superscript digits and fractions of Latin-1. */
#define WORDS "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"

typedef struct translator {
  const char *pattern;
  size_t at;
  size_t depth;    /* of open groups */
  bool in_class;   /* between [ and ] */
  bool repeatable; /* a quantifier may follow */
  bool fresh;      /* a match may begin here: at the start of an alternative of the whole */
  heta_i_buffer *out;
} translator;

static heta_status refuse(const translator *t, size_t from, size_t to, heta_error *error) {
  char whole[HETA_QUOTE], part[HETA_QUOTE];
  return heta_i_fail(error, HETA_E_UNSUPPORTED,
                     "the pre-tokeniser's pattern \"%s\" has \"%s\" at byte %zu, which heta cannot "
                     "be sure to read as the model's own tokenizer does",
                     heta_i_quote_string(whole, t->pattern),
                     heta_i_quote(part, t->pattern + from, to - from), from);
}

static void copy(translator *t, size_t size) {
  heta_i_buffer_append(t->out, t->pattern + t->at, size);
  t->at += size;
}

/* General categories and scripts that both engines know by the same name. */
static bool knows_property(const char *name, size_t size) {
  static const char *const names[] = {
      "L",        "Lu",       "Ll",     "Lt",    "Lm",       "Lo",    "M",    "Mn",
      "Mc",       "Me",       "N",      "Nd",    "Nl",       "No",    "P",    "Pc",
      "Pd",       "Ps",       "Pe",     "Pi",    "Pf",       "Po",    "S",    "Sm",
      "Sc",       "Sk",       "So",     "Z",     "Zs",       "Zl",    "Zp",   "Han",
      "Hiragana", "Katakana", "Hangul", "Latin", "Cyrillic", "Greek", "Thai", "Arabic"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strlen(names[i]) == size && !memcmp(names[i], name, size)) return true;
  return false;
}

/* \p{L}, \P{L}, \p{^L}, \p{Han}. PCRE2's own reading of a script's name is a wider one. */
static heta_status property(translator *t, heta_error *error) {
  const char *name = t->pattern + t->at + 2;
  const char *end = *name == '{' ? strchr(name, '}') : NULL;
  size_t negated = end && name[1] == '^';
  size_t size = end ? (size_t)(end - name) - 1 - negated : 0;
  if (!end || !knows_property(name + 1 + negated, size))
    return refuse(t, t->at, t->at + 2 + (end ? (size_t)(end - name) + 1 : 0), error);
  copy(t, 3 + negated);
  if (size > 2) heta_i_buffer_string(t->out, "sc:");
  copy(t, size + 1);
  return HETA_OK;
}

/* A set of characters, its complement when the letter of the escape is a capital. */
static heta_status set(translator *t, const char *members, heta_error *error) {
  bool complement = t->pattern[t->at + 1] < 'a';
  if (t->in_class && complement) return refuse(t, t->at, t->at + 2, error);
  if (!t->in_class) heta_i_buffer_string(t->out, complement ? "[^" : "[");
  heta_i_buffer_string(t->out, members);
  if (!t->in_class) heta_i_buffer_string(t->out, "]");
  t->at += 2;
  const char *next = t->pattern + t->at; /* no range begins with a set */
  if (t->in_class && next[0] == '-' && next[1] != ']') return refuse(t, t->at, t->at + 1, error);
  return HETA_OK;
}

static heta_status escape(translator *t, heta_error *error) {
  char letter = t->pattern[t->at + 1];
  t->repeatable = true;
  switch (letter) {
  case 'p':
  case 'P': return property(t, error);
  case 's':
  case 'S': return set(t, SPACES, error);
  case 'd':
  case 'D': return set(t, "\\p{Nd}", error);
  case 'w':
  case 'W': return set(t, WORDS, error);
  case 'n':
  case 'r':
  case 't': copy(t, 2); return HETA_OK;
  default:
    if (!letter || !strchr("\\^$.|?*+()[]{}-/'\"!#%&,:;<=>@_`~ ", letter))
      return refuse(t, t->at, t->at + 1 + !!letter, error);
    heta_i_buffer_string(t->out, "\\");
    t->at++;
    copy(t, 1);
    return HETA_OK;
  }
}

/* From [ to ]. Nested classes, [:names:] and && mean different things to the two. */
static heta_status class(translator *t, heta_error *error) {
  size_t start = t->at;
  copy(t, 1);
  if (t->pattern[t->at] == '^') copy(t, 1);
  if (t->pattern[t->at] == ']') return refuse(t, start, t->at + 1, error);
  t->in_class = true;
  while (t->pattern[t->at] && t->pattern[t->at] != ']') {
    const char *here = t->pattern + t->at;
    if (*here == '[' || !strncmp(here, "&&", 2)) return refuse(t, t->at, t->at + 1, error);
    if (*here == '\\')
      HETA_TRY(escape(t, error));
    else
      copy(t, heta_i_utf8_decode(here, strlen(here), NULL));
  }
  t->in_class = false;
  if (!t->pattern[t->at]) return refuse(t, start, t->at, error);
  copy(t, 1);
  t->repeatable = true;
  return HETA_OK;
}

/* ( or (?: (?i: (?= (?! (?<= (?<! (?> */
static heta_status group(translator *t, heta_error *error) {
  static const char *const openings[] = {"(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?>"};
  const char *here = t->pattern + t->at;
  size_t size = here[1] == '?' ? 0 : 1;
  for (size_t i = 0; i < sizeof openings / sizeof *openings && !size; i++)
    if (!strncmp(here, openings[i], strlen(openings[i]))) size = strlen(openings[i]);
  if (!size || here[size] == '?' || here[size] == '*')
    return refuse(t, t->at, t->at + (size ? size + 1 : 2), error);
  t->depth++;
  t->repeatable = false;
  copy(t, size);
  return HETA_OK;
}

/* {3}, {1,3}, {2,}; the size, or 0 for something else. */
static size_t interval(const char *text) {
  size_t digits = strspn(text + 1, "0123456789"), more;
  if (!digits || digits > 3) return 0;
  if (text[1 + digits] == '}') return digits + 2;
  if (text[1 + digits] != ',') return 0;
  more = strspn(text + digits + 2, "0123456789");
  return more <= 3 && text[digits + 2 + more] == '}' ? digits + more + 3 : 0;
}

/* * + ? each perhaps with ? or + after it, or an interval, after which Oniguruma reads a + as
 * another quantifier. */
static heta_status quantifier(translator *t, heta_error *error) {
  const char *here = t->pattern + t->at;
  size_t size = *here == '{' ? interval(here) : 1;
  if (size && *here != '{' && (here[1] == '?' || here[1] == '+')) size++;
  if (!t->repeatable || !size || (size && here[size] && strchr("*+?{", here[size])))
    return refuse(t, t->at, t->at + (size ? size : 1), error);
  t->repeatable = false;
  copy(t, size);
  return HETA_OK;
}

/* \s+$ fails at each place of a run of white space, after looking at all that follows of it, when
 * it fails at the first: a time that grows with the square of the run. So it is tried only where a
 * run begins, or where the search does. */
static void guard(translator *t) {
  if (t->fresh && !strncmp(t->pattern + t->at, "\\s+$", 4))
    heta_i_buffer_string(t->out, "(?:(?<![" SPACES "])|\\G)");
}

static heta_status item(translator *t, heta_error *error) {
  const char *here = t->pattern + t->at;
  guard(t);
  t->fresh = *here == '|' && !t->depth;
  switch (*here) {
  case '\\': return escape(t, error);
  case '[': return class(t, error);
  case '(': return group(t, error);
  case '*':
  case '+':
  case '?':
  case '{': return quantifier(t, error);
  case ')':
    if (!t->depth) return refuse(t, t->at, t->at + 1, error);
    t->depth--;
    t->repeatable = true;
    copy(t, 1);
    return HETA_OK;
  case '|':
    t->repeatable = false;
    copy(t, 1);
    return HETA_OK;
  case '^': return refuse(t, t->at, t->at + 1, error);
  case '$': /* the end of any line */
    heta_i_buffer_string(t->out, "(?m:$)");
    t->repeatable = false;
    t->at++;
    return HETA_OK;
  default:
    t->repeatable = true;
    copy(t, heta_i_utf8_decode(here, strlen(here), NULL));
    return HETA_OK;
  }
}

heta_status heta_i_pattern_translate(const char *pattern, heta_i_buffer *out, heta_error *error) {
  translator t = {.pattern = pattern, .fresh = true, .out = out};
  size_t size = strlen(pattern), valid = heta_i_utf8_valid(pattern, size);
  if (!size || valid < size) return refuse(&t, valid, size, error);
  while (pattern[t.at]) HETA_TRY(item(&t, error));
  if (t.depth) return refuse(&t, 0, size, error);
  return out->failed ? heta_i_no_memory(error, "the pre-tokeniser's pattern", size) : HETA_OK;
}

void heta_i_pattern_literal(const char *text, heta_i_buffer *out) {
  for (; *text; text++) {
    if (strchr("\\^$.|?*+()[]{}", *text)) heta_i_buffer_string(out, "\\");
    heta_i_buffer_append(out, text, 1);
  }
}
