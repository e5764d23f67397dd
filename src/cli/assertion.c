/* assertion.c: reads the text of --assert. The grammar: docs/assert.md. */
#include "cli/assertion.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef struct reader {
  const char *source, *at;
  char *room; /* for the next string; as long as the source, which is enough for all */
  char *message;
} reader;

/* Names the place where reading stopped, as a column that counts from 1. */
__attribute__((format(printf, 3, 4))) static bool refuse(reader *r, const char *where,
                                                         const char *format, ...) {
  char what[CLI_MESSAGE / 2];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  snprintf(r->message, CLI_MESSAGE, "--assert '%.120s', column %zu: %s", r->source,
           (size_t)(where - r->source) + 1, what);
  return false;
}

static void skip_space(reader *r) {
  while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n') r->at++;
}

static bool is_name(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* The length of the word (letters, digits, '_') at the reader's place. */
static size_t word_length(const reader *r) {
  size_t length = 0;
  while (is_name(r->at[length])) length++;
  return length;
}

static bool take_word(reader *r, const char *word) {
  skip_space(r);
  size_t length = strlen(word);
  if (word_length(r) != length || memcmp(r->at, word, length) != 0) return false;
  r->at += length;
  return true;
}

static bool take_sign(reader *r, char sign) {
  skip_space(r);
  if (*r->at != sign) return false;
  r->at++;
  return true;
}

static bool want_sign(reader *r, char sign, const char *what) {
  return take_sign(r, sign) || refuse(r, r->at, "'%c' %s is missing", sign, what);
}

/* A whole number without a sign. */
static bool read_count(reader *r, const char *what, size_t *count) {
  skip_space(r);
  char digits[24];
  size_t length = strspn(r->at, "0123456789");
  uint64_t value;
  if (!length) return refuse(r, r->at, "%s is missing, a whole number", what);
  if (length >= sizeof digits) return refuse(r, r->at, "%s is too large", what);
  memcpy(digits, r->at, length);
  digits[length] = 0;
  if (!cli_read_count(digits, 0, SIZE_MAX / 2, &value)) {
    return refuse(r, r->at, "%s is too large", what);
  }
  *count = (size_t)value;
  r->at += length;
  return true;
}

/* "…" with \" and \\, or everything up to white space or ')'. */
static bool read_string(reader *r, const char *what, const char **text) {
  const char *begin = r->at;
  char *out = r->room;
  *text = out;
  if (*r->at == '"') {
    for (r->at++; *r->at != '"'; r->at++) {
      if (*r->at == '\\' && (r->at[1] == '"' || r->at[1] == '\\')) r->at++;
      if (!*r->at) return refuse(r, begin, "the quotation mark is never closed");
      *out++ = *r->at;
    }
    r->at++;
  } else {
    while (*r->at && !strchr(" \t\n)\"", *r->at)) *out++ = *r->at++;
  }
  if (out == r->room) return refuse(r, begin, "%s is missing", what);
  *out++ = 0;
  r->room = out;
  return true;
}

/* Segments of these roles can be named: document:faq. */
static const char *const roles[] = {"prompt", "system",   "user",     "assistant",
                                    "tool",   "document", "template", "target"};
static const char *const kinds[] = {"segment", "role", "word", "text", "span", "token"};
enum { ROLES = sizeof roles / sizeof *roles, KINDS = sizeof kinds / sizeof *kinds };

static const char *find_role(const char *name, size_t length) {
  for (size_t i = 0; i < ROLES; i++) {
    if (strlen(roles[i]) == length && memcmp(roles[i], name, length) == 0) return roles[i];
  }
  return NULL;
}

static bool refuse_place(reader *r, const char *name, size_t length) {
  cli_nearest nearest = {.name = name, .length = length};
  if (!length) {
    return refuse(r, name, "a place is missing, such as word:TEXT or document:NAME");
  }
  for (size_t i = 0; i < KINDS; i++) cli_nearest_try(&nearest, kinds[i]);
  for (size_t i = 0; i < ROLES; i++) cli_nearest_try(&nearest, roles[i]);
  return refuse(r, name,
                "'%.*s' is no kind of place%s%s: segment, role, word, text, span, token, "
                "or a role such as document",
                (int)(length < 40 ? length : 40), name, nearest.best ? "; did you mean " : "",
                nearest.best ? nearest.best : "");
}

static bool read_place(reader *r, cli_place *place) {
  skip_space(r);
  const char *name = r->at;
  size_t length = word_length(r), kind = 0;
  while (kind < KINDS &&
         (strlen(kinds[kind]) != length || memcmp(kinds[kind], name, length) != 0)) {
    kind++;
  }
  const char *role = find_role(name, length);
  if (kind == KINDS && !role) return refuse_place(r, name, length);
  r->at += length;
  if (*r->at != ':') return refuse(r, r->at, "':' is missing after '%.*s'", (int)length, name);
  r->at++;
  place->kind = role ? CLI_PLACE_ROLE : (int)kind;
  place->role = role;
  const char *begin = r->at;
  switch (place->kind) {
  case CLI_PLACE_SEGMENT: return read_string(r, "the segment's id", &place->text);
  case CLI_PLACE_WORD: return read_string(r, "the word", &place->text);
  case CLI_PLACE_TEXT: return read_string(r, "the text", &place->text);
  case CLI_PLACE_TOKEN: return read_count(r, "the token's index", &place->from);
  case CLI_PLACE_ROLE: {
    const char *text;
    if (!read_string(r, role ? "the segment's name" : "the role", &text)) return false;
    if (role) place->text = text;
    if (!role) place->role = find_role(text, strlen(text));
    return place->role ? true : refuse(r, begin, "there is no role '%.40s'", text);
  }
  case CLI_PLACE_SPAN:
    if (!read_count(r, "the first byte", &place->from)) return false;
    if (!want_sign(r, ':', "between first and last byte")) return false;
    if (!read_count(r, "the end", &place->to)) return false;
    if (place->from < place->to) return true;
    return refuse(r, begin, "the span is empty: it must end after it begins");
  }
  return false;
}

static bool read_comparison(reader *r, cli_claim *claim) {
  skip_space(r);
  bool below = *r->at == '<';
  if (!below && *r->at != '>') {
    return refuse(r, r->at, "a comparison is missing: <, <=, > or >=");
  }
  r->at++;
  bool equal = *r->at == '=';
  r->at += equal;
  if (below) {
    claim->compare = equal ? CLI_AT_MOST : CLI_BELOW;
  } else {
    claim->compare = equal ? CLI_AT_LEAST : CLI_ABOVE;
  }
  skip_space(r);
  char digits[40];
  size_t length = strspn(r->at, "+-.0123456789eE");
  if (!length || length >= sizeof digits) return refuse(r, r->at, "a number is missing");
  memcpy(digits, r->at, length);
  digits[length] = 0;
  char *end;
  claim->bound = strtod(digits, &end);
  if (*end || !isfinite(claim->bound)) return refuse(r, r->at, "'%s' is no number", digits);
  r->at += length;
  if (*r->at == '%') {
    claim->bound /= 100;
    r->at++;
  }
  return true;
}

static bool read_share(reader *r, cli_claim *claim) {
  return want_sign(r, '(', "after share") && read_place(r, &claim->place) &&
         want_sign(r, ')', "after the place") && read_comparison(r, claim);
}

/* top(3) contains WORD: a place, or a word alone. */
static bool read_top(reader *r, cli_claim *claim) {
  if (!want_sign(r, '(', "after top")) return false;
  const char *begin = r->at;
  if (!read_count(r, "how many tokens", &claim->top)) return false;
  if (!claim->top) return refuse(r, begin, "among no tokens there is nothing");
  if (!want_sign(r, ')', "after how many")) return false;
  if (!take_word(r, "contains")) return refuse(r, r->at, "'contains' is missing");
  skip_space(r);
  size_t length = word_length(r);
  if (length && r->at[length] == ':') return read_place(r, &claim->place);
  claim->place.kind = CLI_PLACE_WORD;
  return read_string(r, "a word", &claim->place.text);
}

static bool read_claim(reader *r, cli_claim *claim) {
  skip_space(r);
  const char *begin = r->at;
  bool fine;
  if (take_word(r, "share")) {
    claim->measure = CLI_SHARE;
    fine = read_share(r, claim);
  } else if (take_word(r, "text_share")) {
    claim->measure = CLI_TEXT_SHARE;
    fine = read_share(r, claim);
  } else if (take_word(r, "top")) {
    claim->measure = CLI_TOP;
    fine = read_top(r, claim);
  } else {
    return refuse(r, begin, "share(…), text_share(…) or top(…) must stand here");
  }
  claim->start = (size_t)(begin - r->source);
  claim->end = (size_t)(r->at - r->source);
  return fine;
}

static bool read_target(reader *r, cli_assertion *out) {
  if (!take_word(r, "target")) return true;
  out->one_target = true;
  if (!want_sign(r, ':', "after target")) return false;
  if (!read_count(r, "the target's index", &out->target)) return false;
  return true;
}

static bool read_all(reader *r, cli_assertion *out) {
  if (!read_target(r, out)) return false;
  do {
    if (out->claim_count == CLI_CLAIMS) {
      return refuse(r, r->at, "more than %d claims: use several --assert", CLI_CLAIMS);
    }
    if (!read_claim(r, &out->claims[out->claim_count])) return false;
    out->claim_count++;
  } while (take_word(r, "and"));
  skip_space(r);
  return *r->at ? refuse(r, r->at, "'and' or the end must stand here") : true;
}

bool cli_assertion_read(const char *source, cli_assertion *out, char message[CLI_MESSAGE]) {
  *out = (cli_assertion){.source = source};
  /* Every string costs one character of the source at least beside its own: the ':' before it. */
  out->strings = malloc(strlen(source) + 1);
  if (!out->strings) {
    snprintf(message, CLI_MESSAGE, "out of memory");
    return false;
  }
  reader r = {.source = source, .at = source, .room = out->strings, .message = message};
  bool fine = read_all(&r, out);
  if (!fine) cli_assertion_release(out);
  return fine;
}

void cli_assertion_release(cli_assertion *assertion) {
  free(assertion->strings);
  assertion->strings = NULL;
}

bool cli_assertions_check(const cli_list *sources, char message[CLI_MESSAGE]) {
  for (size_t i = 0; i < sources->count; i++) {
    cli_assertion assertion;
    if (!cli_assertion_read(sources->items[i], &assertion, message)) return false;
    cli_assertion_release(&assertion);
  }
  return true;
}
