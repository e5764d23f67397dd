/* build_facts.c: suites of one fact each: CounterFact, LongRA. */
#include "cli/eval/builder.h"

#include <stdlib.h>
#include <string.h>

/* ---- CounterFact ---------------------------------------------------------------------------- */

/* A record of counterfact.json: a prompt with {} for the subject, the true object, a foil, and the
 * prompt in other words. */
static int counterfact_item(eval_builder *b, const json_t *record) {
  const json_t *rewrite = json_object_get(record, "requested_rewrite");
  const char *prompt = eval_build_text(rewrite, "prompt");
  const char *subject = eval_build_text(rewrite, "subject");
  const char *target = eval_build_text(json_object_get(rewrite, "target_true"), "str");
  const char *foil = eval_build_text(json_object_get(rewrite, "target_new"), "str");
  const json_t *others = json_object_get(record, "paraphrase_prompts");
  const char *place = strstr(prompt, "{}");
  if (!place || !*subject || !*target || !*foil) {
    b->skipped++;
    return CLI_DONE;
  }
  size_t before = (size_t)(place - prompt), room = strlen(prompt) + strlen(subject) + 1;
  char *text = malloc(room), id[48], answer[256], other[256];
  if (!text) return cli_fail(CLI_FAILED, "out of memory");
  snprintf(text, room, "%.*s%s%s", (int)before, prompt, subject, place + 2);
  snprintf(id, sizeof id, "counterfact-%lld",
           (long long)json_integer_value(json_object_get(record, "case_id")));
  snprintf(answer, sizeof answer, " %.*s", eval_build_cut(target, 250), target);
  snprintf(other, sizeof other, " %.*s", eval_build_cut(foil, 250), foil);
  eval_made item = {.id = id,
                    .text = text,
                    .target = answer,
                    .foil = other,
                    .paraphrase = json_string_value(json_array_get(others, 0))};
  eval_build_span(&item, "gold", before, before + strlen(subject));
  int code = eval_build_put(b, &item);
  free(text);
  return code;
}

int eval_build_counterfact(eval_builder *b) {
  json_t *list;
  int code = eval_build_list(b, "counterfact.json", &list);
  if (code) return code;
  eval_build_head(b, "CounterFact: the subject is the evidence for the object");
  for (size_t i = 0; !code && i < json_array_size(list) && !eval_build_full(b); i++) {
    b->record = i + 1;
    code = counterfact_item(b, json_array_get(list, i));
  }
  json_decref(list);
  return code;
}

/* ---- LongRA --------------------------------------------------------------------------------- */

enum { MOST_SECTIONS = 64 };

/* A section of questions-words.txt: word pairs of one relation, and its sentence with the places
 * [A] and [B]. */
typedef struct section {
  char *name, *template;
  struct pair *pairs; /* owned */
  size_t count, room;
} section;

typedef struct pair {
  char *word[2]; /* they lie in the file's text */
  size_t line;
} pair;

/* The Python strings in parentheses behind "['NAME']['template'] = (", put together. */
static char *find_template(const char *code, const char *name) {
  char key[160];
  snprintf(key, sizeof key, "['%.100s']['template']", name);
  const char *at = strstr(code, key);
  if (!at) at = (snprintf(key, sizeof key, "[\"%.100s\"][\"template\"]", name), strstr(code, key));
  if (!at) return NULL;
  at += strlen(key);
  char *out = malloc(strlen(at) + 1), quote = 0;
  size_t used = 0;
  for (; out && *at; at++) {
    if (!quote && *at == ')') break;
    if (!quote) {
      if (*at == '"' || *at == '\'') quote = *at;
    } else if (*at == quote) {
      quote = 0;
    } else {
      if (*at == '\\' && at[1]) at++;
      out[used++] = *at;
    }
  }
  if (out) out[used] = 0;
  return out;
}

static bool add_pair(section *s, char *a, char *b, size_t line) {
  for (size_t i = 0; i < s->count; i++) {
    if (!strcmp(s->pairs[i].word[0], a) && !strcmp(s->pairs[i].word[1], b)) return true;
  }
  if (s->count == s->room) {
    size_t room = 2 * s->room + 64;
    void *grown = realloc(s->pairs, room * sizeof *s->pairs);
    if (!grown) return false;
    s->pairs = grown;
    s->room = room;
  }
  s->pairs[s->count++] = (pair){{a, b}, line};
  return true;
}

/* Lines ": NAME" and "a b c d", of which a b and c d are pairs. */
static int read_pairs(const eval_builder *b, char *text, section *sections, size_t *count) {
  size_t line = 0;
  for (char *at = text, *next; at; at = next) {
    char *words[5], *more = NULL; /* the fifth is one too many */
    int found = 0;
    line++;
    next = strchr(at, '\n');
    if (next) *next++ = 0;
    at[strcspn(at, "\r")] = 0;
    if (at[0] == ':') {
      if (*count == MOST_SECTIONS) {
        return cli_fail(CLI_FAILED,
                        "%s/questions-words.txt: line %zu begins section number %d; at "
                        "most %d are read",
                        b->from, line, MOST_SECTIONS + 1, MOST_SECTIONS);
      }
      sections[(*count)++] = (section){.name = at + 1 + strspn(at + 1, " ")};
      continue;
    }
    for (char *w = strtok_r(at, " \t", &more); w && found < 5; w = strtok_r(NULL, " \t", &more)) {
      words[found++] = w;
    }
    if (!found) continue;
    if (found != 4 || !*count) {
      return cli_fail(CLI_FAILED,
                      "%s/questions-words.txt: line %zu is neither “: SECTION” nor four words of a "
                      "section",
                      b->from, line);
    }
    section *s = &sections[*count - 1];
    if (!add_pair(s, words[0], words[1], line) || !add_pair(s, words[2], words[3], line)) {
      return cli_fail(CLI_FAILED, "out of memory");
    }
  }
  return CLI_DONE;
}

/* The template ends with one word, the target; the other one, before it, is the antecedent; what
 * stands in parentheses is the distractor. */
static int longra_item(eval_builder *b, const section *s, const pair *p) {
  const char *template = s->template, *a = strstr(template, "[A]"), *z = strstr(template, "[B]");
  if (!a || !z) {
    return cli_fail(CLI_FAILED, "%s/data_utils.py: the template of %s has not both [A] and [B]",
                    b->from, s->name);
  }
  bool last = a > z; /* whether [A] is the target */
  const char *early = last ? z : a, *late = last ? a : z;
  const char *antecedent = p->word[last], *target = p->word[!last];
  size_t before = (size_t)(early - template), length = strlen(antecedent);
  size_t room = strlen(template) + length + 1;
  char *text = malloc(room), id[200], answer[128];
  if (!text) return cli_fail(CLI_FAILED, "out of memory");
  int size = snprintf(text, room, "%.*s%s%.*s", (int)before, template, antecedent,
                      (int)(late - early - 3), early + 3);
  while (size && text[size - 1] == ' ') text[--size] = 0;
  snprintf(id, sizeof id, "longra-%.*s-%.*s-%.*s", eval_build_cut(s->name, 60), s->name,
           eval_build_cut(p->word[0], 50), p->word[0], eval_build_cut(p->word[1], 50), p->word[1]);
  snprintf(answer, sizeof answer, " %.*s", eval_build_cut(target, 100), target);
  eval_made item = {.id = id, .source = s->name, .text = text, .target = answer};
  eval_build_span(&item, "gold", before, before + length);
  const char *open = strchr(text, '('), *close = strchr(text, ')');
  if (open && close > open) {
    eval_build_span(&item, "distractor", (size_t)(open - text),
                    (size_t)(close - text) + 1 + (close[1] == '.'));
  }
  int code = eval_build_put(b, &item);
  free(text);
  return code;
}

int eval_build_longra(eval_builder *b) {
  cli_text words = {0}, code_text = {0};
  section sections[MOST_SECTIONS];
  size_t count = 0, most = 0, used = 0;
  int code = eval_build_read(b, "questions-words.txt", &words);
  if (!code) code = eval_build_read(b, "data_utils.py", &code_text);
  b->file = "questions-words.txt";
  b->unit = "line";
  if (!code) code = read_pairs(b, words.bytes, sections, &count);
  for (size_t i = 0; !code && i < count; i++) {
    sections[i].template = find_template(code_text.bytes, sections[i].name);
    used += sections[i].template != NULL;
    if (sections[i].count > most) most = sections[i].count;
    if (!sections[i].template) b->skipped += sections[i].count;
  }
  if (!code && !used) {
    code = cli_fail(CLI_FAILED,
                    "%s/data_utils.py has no template for any section of "
                    "questions-words.txt",
                    b->from);
  }
  if (!code)
    eval_build_head(b, "LongRA: a word and, after a distraction, the one it is related to");
  /* A pair of each section in turn, so that the first items are of many kinds. */
  for (size_t k = 0; !code && k < most && !eval_build_full(b); k++) {
    for (size_t i = 0; !code && i < count && !eval_build_full(b); i++) {
      if (k >= sections[i].count || !sections[i].template) continue;
      b->record = sections[i].pairs[k].line;
      code = longra_item(b, &sections[i], &sections[i].pairs[k]);
    }
  }
  for (size_t i = 0; i < count; i++) {
    free(sections[i].template);
    free(sections[i].pairs);
  }
  free(words.bytes);
  free(code_text.bytes);
  return code;
}
