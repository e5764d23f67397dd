/* sample.c: attributions made by hand: tokens from lists of pieces, plausible numbers for them. */
#include "support/sample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

const char *const SAMPLES[] = {"tiny",  "chat",  "long", "signed", "partial",
                               "nasty", "empty", "bare", NULL};

enum { GATE, CURVATURE, INFORMATION, ENVELOPE, CHANGE, COMPONENTS };

static const heta_component_info COMPONENT[COMPONENTS] = {
    {"gate", "fraction", true, NULL},
    {"curvature", "nat per embedding unit squared", false, "block"},
    {"information", "nat", true, NULL},
    {"envelope", "score", false, "block"},
    {"change", "nat", true, NULL}};

static const heta_weight_count WEIGHTS[] = {{"F32", 61}, {"Q4_1", 210}};

static const heta_model_info MODEL = {
    .file = "models/sample.gguf",
    .format = "gguf",
    .bytes = 98765432,
    .fingerprint_kind = "sha256",
    .fingerprint = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    .architecture = "llama",
    .name = "Sample 135M Instruct",
    .parameters = 134515008,
    .layers = 30,
    .heads = 9,
    .kv_heads = 3,
    .head_width = 64,
    .width = 576,
    .feed_forward_width = 1536,
    .vocabulary = 49152,
    .context = 2048,
    .weight_count = 2,
    .weights = WEIGHTS,
    .tokenizer_model = "gpt2",
    .tokenizer_pre = "smollm",
    .tokenizer_fingerprint = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210",
    .chat_template = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% endfor %}",
    .bos = 1,
    .eos = 2,
    .unk = 0,
    .pad = 2};

static const heta_method_info METHOD = {.name = "heta",
                                        .summary = "gated sum of curvature and masked information",
                                        .about = "",
                                        .source = "arXiv 2604.13258",
                                        .cost = "n*m HVPs"};

static const heta_resolved_option OPTIONS[] = {{"beta", "0.5", HETA_OPTION_NUMBER},
                                               {"probes", "10", HETA_OPTION_INTEGER},
                                               {"curvature", "block", HETA_OPTION_CHOICE},
                                               {"antithetic", "no", HETA_OPTION_FLAG},
                                               {"max-probes", "auto", HETA_OPTION_INTEGER}};

static const heta_check_value CHECKS[] = {{"gate_sum", 1.0}, {"parity", 3e-16}};

static void *take(sample *s, size_t count, size_t size) {
  void *block = heta_i_arena_take(&s->arena, count, size);
  if (block) return block;
  fprintf(stderr, "sample: out of memory\n");
  abort();
}

static double uniform(uint32_t position, uint32_t index) {
  double value;
  heta_i_uniform(20240501, HETA_STREAM_CHECK, position, index, 1, &value);
  return value;
}

typedef struct piece {
  const char *bytes;
  heta_token_kind kind;
} piece;

/* Text and tokens from pieces; a BOS piece names a token without text. Two segments, split at the
 * first token of a continuation. */
static void set_tokens(sample *s, const piece *pieces, size_t count) {
  static const char *const ROLES[] = {"prompt", "target"};
  size_t room = 1;
  for (size_t i = 0; i < count; i++) room += strlen(pieces[i].bytes);
  char *text = take(s, room, 1);
  heta_result_token *tokens = take(s, count, sizeof *tokens);
  heta_segment *segments = take(s, 2, sizeof *segments);
  size_t at = 0, prompt_end = SIZE_MAX;
  for (size_t i = 0; i < count; i++) {
    size_t size = strlen(pieces[i].bytes), shown = pieces[i].kind == HETA_TOKEN_BOS ? 0 : size;
    bool continued = pieces[i].kind >= HETA_TOKEN_FORCED;
    if (continued && prompt_end == SIZE_MAX) prompt_end = at;
    memcpy(text + at, pieces[i].bytes, shown);
    tokens[i] = (heta_result_token){.id = (int32_t)(100 + i),
                                    .kind = pieces[i].kind,
                                    .start = at,
                                    .end = at + shown,
                                    .bytes = pieces[i].bytes,
                                    .byte_count = size,
                                    .segment = continued};
    at += shown;
  }
  if (prompt_end == SIZE_MAX) prompt_end = at;
  segments[0] = (heta_segment){.id = "prompt", .role = ROLES[0], .end = prompt_end};
  segments[1] = (heta_segment){.id = "target", .role = ROLES[1], .start = prompt_end, .end = at};
  s->a.text = text;
  s->a.text_size = at;
  s->a.prompt_end = prompt_end;
  s->a.segment_count = 2;
  s->a.segments = segments;
  s->a.token_count = count;
  s->a.tokens = tokens;
}

/* A row of plausible numbers: the first token is a sink, few tokens carry most. */
static void set_row(sample *s, size_t index, bool with_sign) {
  size_t length = s->a.targets[index].position;
  double *score = take(s, length, sizeof *score), *se = take(s, length, sizeof *se);
  double *df = take(s, length, sizeof *df);
  double *change = NULL;
  double **components = take(s, COMPONENTS, sizeof *components);
  double **component_se = take(s, COMPONENTS, sizeof *component_se);
  uint32_t *probes = take(s, length, sizeof *probes);
  bool *tied = take(s, length, sizeof *tied);
  for (size_t c = 0; c < COMPONENTS; c++) components[c] = take(s, length, sizeof **components);
  component_se[CURVATURE] = take(s, length, sizeof **component_se);
  double sum = 0;
  for (size_t i = 0; i < length; i++) {
    double u = uniform((uint32_t)i, (uint32_t)index), v = uniform((uint32_t)i, 1000);
    components[GATE][i] = (0.02 + 0.3 * pow(v, 6) + (i == 0 ? 6 : 0)) * (0.6 + 0.8 * u);
    sum += components[GATE][i];
  }
  for (size_t i = 0; i < length; i++) {
    double u = uniform((uint32_t)i, (uint32_t)(500 + index));
    double v = uniform((uint32_t)i, (uint32_t)(2000 + index));
    components[GATE][i] /= sum;
    components[CURVATURE][i] = 0.05 + 3 * pow(u, 5);
    component_se[CURVATURE][i] = components[CURVATURE][i] * 0.08 * (0.5 + v);
    components[INFORMATION][i] = 0.001 + 0.8 * pow(v, 8);
    components[CHANGE][i] = components[INFORMATION][i] * (v > 0.3 ? 1.1 : -0.9);
    score[i] =
        components[GATE][i] * (0.5 * components[CURVATURE][i] + 0.5 * components[INFORMATION][i]);
    components[ENVELOPE][i] = components[GATE][i] * (0.5 * components[CURVATURE][i] +
                                                     0.5 * fmax(0, components[CHANGE][i]));
    se[i] = components[GATE][i] * 0.5 * component_se[CURVATURE][i];
    probes[i] = 10;
    df[i] = 9;
    tied[i] = i > 0 && se[i] > 0.1 * score[i];
  }
  if (with_sign) {
    change = take(s, length, sizeof *change);
    for (size_t i = 0; i < length; i++) {
      bool against = i && uniform((uint32_t)i, 77) < 0.4;
      change[i] = against ? -score[i] : score[i];
    }
  }
  heta_row *rows = (heta_row *)s->a.rows;
  rows[index] = (heta_row){.target = index,
                           .length = length,
                           .status = HETA_ROW_COMPLETE,
                           .score = score,
                           .score_se = with_sign ? NULL : se,
                           .signed_score = change,
                           .components = (const double *const *)components,
                           .component_se = (const double *const *)component_se,
                           .probes = with_sign ? NULL : probes,
                           .tied_with_next = with_sign ? NULL : tied,
                           .score_df = with_sign ? NULL : df};
}

/* Targets: the last `count` tokens. */
static void set_targets(sample *s, size_t count, const char *origin, bool with_sign) {
  heta_target *targets = take(s, count, sizeof *targets);
  for (size_t i = 0; i < count; i++) {
    size_t position = s->a.token_count - count + i;
    double p = 0.05 + 0.9 * uniform((uint32_t)position, 3000);
    heta_target *t = &targets[i];
    *t = (heta_target){.position = position,
                       .id = s->a.tokens[position].id,
                       .origin = origin,
                       .logprob = log(p),
                       .entropy = 0.3 + 4 * (1 - p),
                       .rank = 1};
    t->top_count = 3;
    const heta_result_token *own = &s->a.tokens[position], *other = &s->a.tokens[position / 2];
    t->top[0] = (heta_candidate){own->id, log(p), own->bytes, own->byte_count};
    t->top[1] =
        (heta_candidate){other->id, log(0.6 * fmin(p, 1 - p)), other->bytes, other->byte_count};
    t->top[2] = (heta_candidate){40000 + (int32_t)i, log(0.2 * fmin(p, 1 - p)), NULL, 0};
  }
  s->a.targets = targets;
  s->a.target_count = count;
  s->a.row_count = count;
  s->a.rows = take(s, count, sizeof *s->a.rows);
  for (size_t i = 0; i < count; i++) set_row(s, i, with_sign);
}

#define COUNT(list) (sizeof(list) / sizeof *(list))
#define T HETA_TOKEN_TEXT
#define M HETA_TOKEN_TEMPLATE
#define G HETA_TOKEN_GENERATED
#define F HETA_TOKEN_FORCED

static void make_tiny(sample *s) {
  static const piece PIECES[] = {{"The", T},     {" capital", T}, {" of", T},
                                 {" France", T}, {" is", T},      {" Paris", F}};
  set_tokens(s, PIECES, COUNT(PIECES));
  set_targets(s, 1, "forced", false);
  heta_target *target = (heta_target *)s->a.targets;
  target->has_foil = true;
  target->foil = (heta_candidate){31337, -4.25, " London", 7};
  s->a.objective = "logprob_difference";
}

/* 👩‍👧 in three tokens, é as e + accent, a Thai syllable, a flag, a newline, a tab. */
static void make_chat(sample *s) {
  static const piece PIECES[] = {{"<|im_start|>", M},
                                 {"system", M},
                                 {"\n", M},
                                 {"You", T},
                                 {" answer", T},
                                 {" in", T},
                                 {" one", T},
                                 {" word", T},
                                 {".", T},
                                 {"<|im_end|>", M},
                                 {"\n", M},
                                 {"<|im_start|>", M},
                                 {"user", M},
                                 {"\n", M},
                                 {"Where", T},
                                 {" does", T},
                                 {" Zo", T},
                                 {"e", T},
                                 {"\xcc\x88", T},
                                 {" live", T},
                                 {"?", T},
                                 {"\n\n", T},
                                 {"1", T},
                                 {".", T},
                                 {"\t", T},
                                 {"Zo", T},
                                 {"ë", T},
                                 {" moved", T},
                                 {" from", T},
                                 {" Lyon", T},
                                 {" to", T},
                                 {" Kyoto", T},
                                 {" (", T},
                                 {"京都", T},
                                 {"市", T},
                                 {")", T},
                                 {" in", T},
                                 {" ", T},
                                 {"2", T},
                                 {"0", T},
                                 {"1", T},
                                 {"9", T},
                                 {" \xf0\x9f\x87\xaf", T},
                                 {"\xf0\x9f\x87\xb5", T},
                                 {".", T},
                                 {"\n", T},
                                 {"2", T},
                                 {".", T},
                                 {" She", T},
                                 {" \xf0\x9f\x91", T},
                                 {"\xa9\xe2\x80\x8d", T},
                                 {"\xf0\x9f\x91\xa7", T},
                                 {" loves", T},
                                 {" مرحبا", T},
                                 {" ที่", T},
                                 {".", T},
                                 {"<|im_end|>", M},
                                 {"\n", M},
                                 {"<|im_start|>", M},
                                 {"assistant", M},
                                 {"\n", M},
                                 {"Kyoto", G},
                                 {"\xf0\x9f\x98", G},
                                 {"\x80", G}};
  set_tokens(s, PIECES, COUNT(PIECES));
  set_targets(s, 3, "generated", false);
}

static void make_long(sample *s) {
  static const char *const WORDS[] = {
      "The",       " river", " rose",   " slowly",  " while",  " the",    " engineers",
      " measured", " every", " gate",   " of",      " the",    " old",    " dam",
      ",",         " and",   " nobody", " in",      " the",    " valley", " knew",
      " that",     " the",   " hydro",  "logical",  " report", " had",    " been",
      " wrong",    " since", " March",  ".",        "\n",      "When",    " rain",
      " fell",     " again", " the",    " council", " met",    "."};
  enum { TOKENS = 512 };
  piece *pieces = take(s, TOKENS, sizeof *pieces);
  for (size_t i = 0; i < TOKENS; i++) {
    size_t word = i < COUNT(WORDS) ? i : (size_t)(uniform((uint32_t)i, 9) * COUNT(WORDS));
    pieces[i] = (piece){WORDS[word], i < TOKENS - 12 ? T : G};
  }
  set_tokens(s, pieces, TOKENS);
  set_targets(s, 12, "generated", false);
}

static void make_signed(sample *s) {
  static const piece PIECES[] = {{"<s>", HETA_TOKEN_BOS},
                                 {"I", T},
                                 {" did", T},
                                 {" not", T},
                                 {" like", T},
                                 {" the", T},
                                 {" film", T},
                                 {" at", T},
                                 {" all", T},
                                 {",", T},
                                 {" it", T},
                                 {" was", T},
                                 {" very", T},
                                 {" bad", T}};
  set_tokens(s, PIECES, COUNT(PIECES));
  set_targets(s, 1, "own", true);
  s->a.is_signed = true;
  s->a.seed = UINT64_MAX;
}

static void make_partial(sample *s) {
  static const piece PIECES[] = {{"One", T},   {" two", T}, {" three", T}, {" four", T},
                                 {" five", T}, {" six", G}, {" seven", G}, {" eight", G}};
  set_tokens(s, PIECES, COUNT(PIECES));
  set_targets(s, 3, "generated", false);
  heta_row *rows = (heta_row *)s->a.rows;
  double *score = (double *)rows[1].score, *se = (double *)rows[1].score_se;
  rows[1].status = HETA_ROW_PARTIAL;
  for (size_t i = 3; i < rows[1].length; i++)
    score[i] = se[i] = ((double *)rows[1].components[CURVATURE])[i] = NAN;
  rows[2].status = HETA_ROW_PENDING;
  for (size_t c = 0; c < COMPONENTS; c++)
    for (size_t i = 0; i < rows[2].length; i++) ((double *)rows[2].components[c])[i] = NAN;
  for (size_t i = 0; i < rows[2].length; i++)
    ((double *)rows[2].score)[i] = ((double *)rows[2].score_se)[i] = NAN;
  ((heta_target *)s->a.targets)[2].logprob = NAN;
  ((heta_target *)s->a.targets)[2].rank = 0;

  heta_series *series = take(s, 1, sizeof *series);
  double *values = take(s, 3 * 7 * 2, sizeof *values);
  for (size_t i = 0; i < 3 * 7 * 2; i++) values[i] = i % 5 == 4 ? NAN : uniform((uint32_t)i, 5);
  values[0] = -0.0;
  values[1] = 0x1p-1074;
  *series = (heta_series){"curvature", 3, 7, 2, values};
  s->a.series = series;
  s->a.series_count = 1;
  s->a.complete = false;
  s->a.stopped_by = "interrupt";
}

static void make_nasty(sample *s) {
  static const piece PIECES[] = {{"<s>", HETA_TOKEN_BOS},
                                 {"</script><!--", T},
                                 {"<script>", T},
                                 {"\"quoted\\", T},
                                 {"'", T},
                                 {"\x1b[31mred", T},
                                 {"\x01\x7f", T},
                                 {"\xc2\x9b"
                                  "31m",
                                  T},
                                 {"\r", T},
                                 {"\n", T},
                                 {"\xe2\x80\xae", T},
                                 {"abc", T},
                                 {"\xe2\x80\xa8", T},
                                 {"&amp;", T},
                                 {"\xcc\x81", T},
                                 {"@DATA@", T},
                                 {"\xe2", T},
                                 {"\x82", T},
                                 {"\xac", T},
                                 {"\xef\xbb\xbf", T},
                                 {"%s%n", T},
                                 {" end", F}};
  set_tokens(s, PIECES, COUNT(PIECES));
  set_targets(s, 1, "forced", false);
}

static void make_empty(sample *s) {
  static const piece PIECES[] = {{"First", HETA_TOKEN_TEXT}};
  set_tokens(s, PIECES, COUNT(PIECES));
  set_targets(s, 1, "own", false);
}

static void make_bare(sample *s) {
  static const piece PIECES[] = {{"Hello", T}, {" world", T}};
  set_tokens(s, PIECES, COUNT(PIECES));
  s->a.complete = false;
  s->a.stopped_by = "time";
}

sample *sample_make(const char *name) {
  static const struct {
    const char *name;
    void (*make)(sample *);
  } MAKERS[] = {{"tiny", make_tiny},     {"chat", make_chat},       {"long", make_long},
                {"signed", make_signed}, {"partial", make_partial}, {"nasty", make_nasty},
                {"empty", make_empty},   {"bare", make_bare}};
  sample *s = calloc(1, sizeof *s);
  if (!s) abort();
  s->a = (heta_attribution){.model = &MODEL,
                            .method = &METHOD,
                            .option_count = COUNT(OPTIONS),
                            .options = OPTIONS,
                            .seed = 42,
                            .objective = "logprob",
                            .component_count = COMPONENTS,
                            .components = COMPONENT,
                            .cost_forwards = 60,
                            .cost_reverses = 3,
                            .cost_hvps = 600,
                            .cost_flop = 1.25e12,
                            .check_count = COUNT(CHECKS),
                            .checks = CHECKS,
                            .complete = true,
                            .seconds_total = 1.5,
                            .peak_bytes = 500000000,
                            .threads = 2,
                            .backend = "cpu",
                            .precision = "f32",
                            .cpu = "some processor"};
  for (size_t i = 0; i < COUNT(MAKERS); i++) {
    if (strcmp(name, MAKERS[i].name)) continue;
    MAKERS[i].make(s);
    return s;
  }
  fprintf(stderr, "sample: there is no sample '%s'\n", name);
  abort();
}

void sample_free(sample *made) {
  if (made) heta_i_arena_free(&made->arena);
  free(made);
}
