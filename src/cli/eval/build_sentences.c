/* build_sentences.c: suites of sentences: WikiBio by GPT-3, active and passive. */
#include "cli/eval/builder.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- WikiBio -------------------------------------------------------------------------------- */

static bool known_label(const char *label) {
  return !strcmp(label, "accurate") || !strcmp(label, "minor_inaccurate") ||
         !strcmp(label, "major_inaccurate");
}

/* The passage up to the last word of its sentence number `k`, which is the target: GPT-3 wrote it,
 * and people said whether it is true. */
static int wikibio_item(eval_builder *b, const json_t *record, size_t k, size_t *from) {
  const char *passage = eval_build_text(record, "gpt3_text");
  const char *given =
      json_string_value(json_array_get(json_object_get(record, "gpt3_sentences"), k));
  const char *label = json_string_value(json_array_get(json_object_get(record, "annotation"), k));
  if (label && !known_label(label)) {
    return cli_fail(CLI_FAILED,
                    "%s/dataset.json: record %zu: the annotation “%.40s” is none of accurate, "
                    "minor_inaccurate and major_inaccurate",
                    b->from, b->record, label);
  }
  const char *found = given && *given ? strstr(passage + *from, given) : NULL;
  if (!found || !label) {
    b->skipped++;
    return CLI_DONE;
  }
  size_t start = (size_t)(found - passage), end = start + strlen(given), stop, last;
  *from = end;
  for (stop = end;
       stop > start && !isalnum((unsigned char)passage[stop - 1]) && !(passage[stop - 1] & 0x80);) {
    stop--;
  }
  for (last = stop; last > start && !isspace((unsigned char)passage[last - 1]);) last--;
  if (!k || last == start || last == stop) { /* nothing before it to explain it by */
    b->skipped++;
    return CLI_DONE;
  }
  char id[64], source[48], *text = strndup(passage, last - 1);
  char *target = strndup(passage + last - 1, stop - last + 1);
  long long person = json_integer_value(json_object_get(record, "wiki_bio_test_idx"));
  int code = text && target ? CLI_DONE : cli_fail(CLI_FAILED, "out of memory");
  snprintf(source, sizeof source, "wikibio-%lld", person);
  snprintf(id, sizeof id, "wikibio-%lld-%zu", person, k);
  if (!code) {
    target[0] = ' '; /* whatever white space stood there */
    eval_made item = {.id = id, .source = source, .text = text, .target = target};
    eval_build_span(&item, label, start, last - 1);
    code = eval_build_put(b, &item);
  }
  free(text);
  free(target);
  return code;
}

int eval_build_wikibio(eval_builder *b) {
  json_t *list;
  int code = eval_build_list(b, "dataset.json", &list);
  if (code) return code;
  eval_build_head(b, "WikiBio by GPT-3: the last word of a sentence that people found accurate or "
                     "not, its label the role of the span");
  size_t records = json_array_size(list), most = 0, *from = calloc(records + 1, sizeof *from);
  if (!from) code = cli_fail(CLI_FAILED, "out of memory");
  for (size_t i = 0; i < records; i++) {
    size_t count = json_array_size(json_object_get(json_array_get(list, i), "gpt3_sentences"));
    most = count > most ? count : most;
  }
  for (size_t k = 0; !code && k < most; k++) { /* a sentence of each passage in turn */
    for (size_t i = 0; !code && i < records && !eval_build_full(b); i++) {
      const json_t *record = json_array_get(list, i);
      if (k >= json_array_size(json_object_get(record, "gpt3_sentences"))) continue;
      b->record = i + 1;
      code = wikibio_item(b, record, k, &from[i]);
    }
  }
  free(from);
  json_decref(list);
  return code;
}

/* ---- Active and passive --------------------------------------------------------------------- */

/* "the yak behind my newt was seen by her quail ." in its parts. */
typedef struct passive {
  char patient[200], verb[80], agent[200]; /* verb: "was seen" */
  char determiner[40], noun[60];           /* of the patient */
} passive;

static bool take_apart(const char *sentence, passive *p) {
  const char *was = strstr(sentence, " was "), *were = strstr(sentence, " were ");
  const char *at = !was || (were && were < was) ? were : was;
  if (!at) return false;
  const char *participle = strchr(at + 1, ' ') + 1, *by = strchr(participle, ' ');
  const char *end = strstr(sentence, " .");
  if (!by || strncmp(by, " by ", 4) != 0 || !end || end < by + 4) return false;
  if ((size_t)(at - sentence) >= sizeof p->patient || (size_t)(by - at - 1) >= sizeof p->verb ||
      (size_t)(end - by - 4) >= sizeof p->agent) {
    return false; /* no sentence of this data set is so long */
  }
  snprintf(p->patient, sizeof p->patient, "%.*s", (int)(at - sentence), sentence);
  snprintf(p->verb, sizeof p->verb, "%.*s", (int)(by - at - 1), at + 1);
  snprintf(p->agent, sizeof p->agent, "%.*s", (int)(end - by - 4), by + 4);
  return sscanf(p->patient, "%39s %59s", p->determiner, p->noun) == 2 &&
         strlen(p->determiner) < 39 && strlen(p->noun) < 59;
}

/* The sentence without the space before its full stop, as a sentence begins, and a question that
 * its patient answers. */
static char *ask(const char *sentence, const passive *p) {
  size_t length = strlen(sentence), room = length + strlen(p->verb) + strlen(p->agent) + 80;
  char *text = malloc(room);
  if (length > 2 && !strcmp(sentence + length - 2, " .")) length -= 2;
  if (!text) return NULL;
  snprintf(text, room, "%.*s.\nQuestion: Who %s by %s?\nAnswer: %s", (int)length, sentence, p->verb,
           p->agent, p->determiner);
  text[0] = (char)toupper((unsigned char)text[0]);
  return text;
}

static int pair_item(eval_builder *b, const char *active, const char *other) {
  passive p;
  char id[64], target[80], place[120];
  if (!take_apart(other, &p)) {
    b->skipped++;
    return CLI_DONE;
  }
  char *text = ask(active, &p), *paraphrase = ask(other, &p);
  int code = text && paraphrase ? CLI_DONE : cli_fail(CLI_FAILED, "out of memory");
  snprintf(place, sizeof place, " %s %s", p.determiner, p.noun);
  const char *found = code ? NULL : strstr(text, place); /* behind the verb */
  if (found) {
    snprintf(id, sizeof id, "active-passive-%zu", b->record);
    snprintf(target, sizeof target, " %s", p.noun);
    eval_made item = {.id = id, .text = text, .target = target, .paraphrase = paraphrase};
    size_t start = (size_t)(found - text) + strlen(place) - strlen(p.noun);
    eval_build_span(&item, "gold", start, start + strlen(p.noun));
    code = eval_build_put(b, &item);
  } else if (!code) {
    b->skipped++;
  }
  free(text);
  free(paraphrase);
  return code;
}

int eval_build_active_passive(eval_builder *b) {
  json_t *list;
  int code = eval_build_list(b, "passiv_en_nps.test.json", &list);
  if (code) return code;
  eval_build_head(b, "sentences and the same in the passive voice, and who it happened to");
  for (size_t i = 0; !code && i < json_array_size(list) && !eval_build_full(b); i++) {
    const json_t *pair = json_object_get(json_array_get(list, i), "translation");
    if (strncmp(eval_build_text(pair, "prefix"), "passiv", 6) != 0) continue; /* a mere copy */
    b->record = i + 1;
    code = pair_item(b, eval_build_text(pair, "src"), eval_build_text(pair, "tgt"));
  }
  json_decref(list);
  return code;
}
