/* data.c: `heta data build` makes suites of the published files of data sets. */
#include "cli/commands.h"
#include "cli/eval/csv.h"
#include "cli/eval/stats.h"
#include "cli/file.h"
#include "cli/input.h"
#include "cli/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

typedef struct data_arguments {
  cli_parsed parsed; /* must be first */
  const char *from, *output;
  uint64_t limit, per_support, seed;
  bool overwrite;
} data_arguments;

typedef struct builder {
  const data_arguments *arguments;
  FILE *out;
  size_t written, skipped;
  uint64_t state; /* of the random numbers */
} builder;

static bool full(const builder *b) {
  return b->arguments->limit && b->written >= b->arguments->limit;
}

static int read_from(const builder *b, const char *name, cli_text *text) {
  char path[HETA_PATH];
  int length = snprintf(path, sizeof path, "%s/%s", b->arguments->from, name);
  if (length < 0 || (size_t)length >= sizeof path) {
    return cli_fail(CLI_USAGE, "--from is too long a path");
  }
  return cli_read_file(path, text);
}

static int read_json(const builder *b, const char *name, json_t **out) {
  cli_text text;
  json_error_t error;
  int code = read_from(b, name, &text);
  if (code) return code;
  *out = json_loadb(text.bytes, text.size, 0, &error);
  free(text.bytes);
  if (*out) return CLI_DONE;
  return cli_fail(CLI_FAILED, "%s/%s: line %d, column %d: %s", b->arguments->from, name, error.line,
                  error.column, error.text);
}

/* ---- Items ---------------------------------------------------------------------------------- */

static size_t characters(const char *text, size_t bytes) {
  size_t count = 0;
  for (size_t i = 0; i < bytes; i++) count += (text[i] & 0xc0) != 0x80;
  return count;
}

static json_t *span_of(const char *text, const char *role, size_t start, size_t end) {
  return json_pack("{s:s, s:i, s:i}", "role", role, "start", (int)characters(text, start), "end",
                   (int)characters(text, end));
}

/* Writes an item, which it releases. */
static int put_item(builder *b, json_t *item) {
  char *line = item ? json_dumps(item, JSON_COMPACT) : NULL;
  json_decref(item);
  if (!line) return cli_fail(CLI_FAILED, "out of memory");
  fprintf(b->out, "%s\n", line);
  free(line);
  b->written++;
  return CLI_DONE;
}

static void put_head(builder *b, const char *about) {
  json_t *head = json_pack("{s:s, s:s}", "schema", "heta.suite/1", "about", about);
  char *line = head ? json_dumps(head, JSON_COMPACT) : NULL;
  if (line) fprintf(b->out, "%s\n", line);
  free(line);
  json_decref(head);
}

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

/* ---- CounterFact ---------------------------------------------------------------------------- */

/* One record of counterfact.json: a prompt with {} for the subject, the true object and a foil. */
static int counterfact_item(builder *b, const json_t *record) {
  const json_t *rewrite = json_object_get(record, "requested_rewrite");
  const char *prompt = text_of(rewrite, "prompt"), *subject = text_of(rewrite, "subject");
  const char *target = text_of(json_object_get(rewrite, "target_true"), "str");
  const char *foil = text_of(json_object_get(rewrite, "target_new"), "str");
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
  snprintf(answer, sizeof answer, " %.250s", target);
  snprintf(other, sizeof other, " %.250s", foil);
  json_t *item =
      json_pack("{s:s, s:s, s:s, s:s, s:[o]}", "id", id, "text", text, "target", answer, "foil",
                other, "spans", span_of(text, "gold", before, before + strlen(subject)));
  free(text);
  return put_item(b, item);
}

static int build_counterfact(builder *b) {
  json_t *list;
  int code = read_json(b, "counterfact.json", &list);
  if (code) return code;
  if (!json_is_array(list)) {
    code = cli_fail(CLI_FAILED, "%s/counterfact.json is not a list", b->arguments->from);
  }
  put_head(b, "CounterFact: the subject is the evidence for the object");
  for (size_t i = 0; !code && i < json_array_size(list) && !full(b); i++) {
    code = counterfact_item(b, json_array_get(list, i));
  }
  json_decref(list);
  return code;
}

/* ---- NarrativeQA with SciQ ------------------------------------------------------------------ */

enum { LEAST_WORDS = 40, MOST_WORDS = 80, MOST_SENTENCES = 400 };

/* Ends of sentences: a full stop, question or exclamation mark before white space. */
static size_t sentences_of(const char *text, size_t *ends) {
  size_t count = 0, length = strlen(text);
  for (size_t i = 0; i < length && count < MOST_SENTENCES; i++) {
    bool stop = strchr(".?!", text[i]) && (!text[i + 1] || isspace((unsigned char)text[i + 1]));
    if (stop || i + 1 == length) ends[count++] = i + 1;
  }
  return count;
}

static size_t words_in(const char *text, size_t size) {
  size_t count = 0;
  for (size_t i = 0; i < size; i++) {
    count += !isspace((unsigned char)text[i]) && (!i || isspace((unsigned char)text[i - 1]));
  }
  return count;
}

/* 2 to 4 sentences of 40 to 80 words, from a random one on; false when none is found. */
static bool segment_of(builder *b, const char *summary, size_t *start, size_t *end) {
  size_t ends[MOST_SENTENCES], count = sentences_of(summary, ends);
  for (int attempt = 0; count >= 2 && attempt < 50; attempt++) {
    size_t first = eval_draw(&b->state, count - 1), sentences = 2 + eval_draw(&b->state, 3);
    if (first + sentences > count) continue;
    *start = first ? ends[first - 1] : 0;
    *end = ends[first + sentences - 1];
    while (*start < *end && isspace((unsigned char)summary[*start])) ++*start;
    size_t words = words_in(summary + *start, *end - *start);
    if (words >= LEAST_WORDS && words <= MOST_WORDS) return true;
  }
  return false;
}

/* A copy with runs of white space as single spaces. */
static char *tidy(const char *text, size_t size) {
  char *out = malloc(size + 1);
  size_t used = 0;
  for (size_t i = 0; out && i < size; i++) {
    bool space = isspace((unsigned char)text[i]);
    if (space && (!used || out[used - 1] == ' ')) continue;
    out[used++] = space ? ' ' : text[i];
  }
  while (out && used && out[used - 1] == ' ') used--;
  if (out) out[used] = 0;
  return out;
}

/* The answer as a word of its own, whatever its case. */
static const char *find_answer(const char *support, const char *answer) {
  size_t length = strlen(answer);
  for (const char *at = support; length && *at; at++) {
    bool begins = at == support || !isalnum((unsigned char)at[-1]);
    if (begins && !strncasecmp(at, answer, length) && !isalnum((unsigned char)at[length])) {
      return at;
    }
  }
  return NULL;
}

static int curated_item(builder *b, size_t number, const json_t *record, const char *summary,
                        const char *document) {
  const char *question = text_of(record, "question"), *answer = text_of(record, "correct_answer");
  char *support = tidy(text_of(record, "support"), strlen(text_of(record, "support")));
  const char *found = support ? find_answer(support, answer) : NULL;
  size_t start, end;
  if (!support) return cli_fail(CLI_FAILED, "out of memory");
  if (!found || !segment_of(b, summary, &start, &end)) {
    b->skipped++;
    free(support);
    return CLI_DONE;
  }
  char *narrative = tidy(summary + start, end - start), id[96], source[32], target[256];
  size_t room = strlen(question) + strlen(support) + 64 + (end - start);
  char *text = malloc(room);
  int code = narrative && text ? CLI_DONE : cli_fail(CLI_FAILED, "out of memory");
  if (!code) {
    size_t first = strlen(narrative), second = first + 2, gold = second + (size_t)(found - support);
    snprintf(text, room, "%s\n\n%s\n\nQuestion: %s\nAnswer:", narrative, support, question);
    snprintf(source, sizeof source, "sciq-%zu", number);
    snprintf(id, sizeof id, "sciq-%zu-%.40s", number, document);
    snprintf(target, sizeof target, " %.250s", answer);
    code = put_item(b, json_pack("{s:s, s:s, s:s, s:s, s:[o, o, o]}", "id", id, "source", source,
                                 "text", text, "target", target, "spans",
                                 span_of(text, "distractor", 0, first),
                                 span_of(text, "support", second, second + strlen(support)),
                                 span_of(text, "gold", gold, gold + strlen(answer))));
  }
  free(text);
  free(narrative);
  free(support);
  return code;
}

static int build_curated(builder *b) {
  json_t *list = NULL;
  cli_text text = {0};
  eval_csv csv = {0};
  int code = read_json(b, "train.json", &list);
  if (!code && !json_is_array(list)) {
    code = cli_fail(CLI_FAILED, "%s/train.json is not a list", b->arguments->from);
  }
  if (!code) code = read_from(b, "summaries.csv", &text);
  if (!code) code = eval_csv_read("summaries.csv", text.bytes, text.size, &csv);
  size_t summary = code ? 0 : eval_csv_column(&csv, "summary");
  size_t document = code ? 0 : eval_csv_column(&csv, "document_id");
  if (!code && (summary == SIZE_MAX || document == SIZE_MAX || csv.rows < 2)) {
    code = cli_fail(CLI_FAILED, "%s/summaries.csv has not the columns document_id and summary",
                    b->arguments->from);
  }
  if (!code)
    put_head(b, "a segment of a NarrativeQA summary, then a SciQ support and its question");
  for (size_t i = 0; !code && i < json_array_size(list) && !full(b); i++) {
    for (uint64_t k = 0; !code && k < b->arguments->per_support && !full(b); k++) {
      size_t row = 1 + eval_draw(&b->state, csv.rows - 1);
      code = curated_item(b, i, json_array_get(list, i), eval_csv_at(&csv, row, summary),
                          eval_csv_at(&csv, row, document));
    }
  }
  eval_csv_free(&csv);
  free(text.bytes);
  json_decref(list);
  return code;
}

/* ---- The command ---------------------------------------------------------------------------- */

static const struct source {
  const char *name;
  int (*build)(builder *);
} SOURCES[] = {{"counterfact", build_counterfact}, {"curated", build_curated}};
enum { SOURCE_COUNT = sizeof SOURCES / sizeof *SOURCES };

static int build(const data_arguments *arguments, const struct source *source) {
  cli_file file;
  int code = cli_file_open(arguments->output, arguments->overwrite, &file);
  if (code) return code;
  builder b = {.arguments = arguments, .state = arguments->seed, .out = file.stream};
  code = source->build(&b);
  int closed = cli_file_close(&file, code ? CLI_FILE_SAID : 0);
  if (!code) code = closed;
  if (!code) {
    cli_say("%zu items; %zu records were left out: no evidence, or no segment of 40 to 80 words",
            b.written, b.skipped);
  }
  return code;
}

static void set_defaults(void *untyped) { ((data_arguments *)untyped)->per_support = 1; }

static int run(void *untyped) {
  const data_arguments *arguments = untyped;
  const char *name = arguments->parsed.words.items[0];
  if (!arguments->from || !arguments->output) {
    return cli_fail(CLI_USAGE, "--from FOLDER and -o FILE.jsonl must both be given");
  }
  if (!arguments->overwrite && access(arguments->output, F_OK) == 0) {
    return cli_fail(CLI_USAGE, "'%s' exists; -y replaces it", arguments->output);
  }
  for (int i = 0; i < SOURCE_COUNT; i++) {
    if (!strcmp(SOURCES[i].name, name)) return build(arguments, &SOURCES[i]);
  }
  return cli_fail(CLI_USAGE, "there is no suite '%.60s' to build: curated or counterfact", name);
}

#define FIELD(name) offsetof(data_arguments, name)

static const cli_option options[] = {
    {0, "from", NULL, CLI_TEXT, FIELD(from), "FOLDER", 0, 0, 0, NULL,
     "where the published files lie, under their own names"},
    {'o', "output", NULL, CLI_TEXT, FIELD(output), "FILE", 0, 0, 0, NULL, "the suite to write"},
    {'y', "overwrite", NULL, CLI_FLAG, FIELD(overwrite), NULL, 0, 0, 0, NULL,
     "replace the file if it exists"},
    {0, "limit", NULL, CLI_COUNT, FIELD(limit), "N", 1, 1000000000, 0, NULL, "at most N items"},
    {0, "per-support", NULL, CLI_COUNT, FIELD(per_support), "N", 1, 1000, 0, NULL,
     "curated: narratives for each support; default 1"},
    {'s', "seed", NULL, CLI_COUNT, FIELD(seed), "N", 0, UINT64_MAX, 0, NULL,
     "curated: which narratives, and which part of them"},
};

const cli_command cli_data_build = {
    .name = "data build",
    .summary = "Makes a suite for heta eval of a data set's published files.",
    .usage = "NAME --from FOLDER -o FILE.jsonl",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .word = "NAME",
    .least_words = 1,
    .most_words = 1,
    .arguments_size = sizeof(data_arguments),
    .set_defaults = set_defaults,
    .run = run,
    .notes =
        "curated needs train.json (SciQ) and summaries.csv (NarrativeQA); counterfact needs "
        "counterfact.json (ROME). docs/reproduce.md says where they come from. Their licences bind "
        "what you make of them.",
};
