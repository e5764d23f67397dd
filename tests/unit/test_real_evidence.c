/* test_real_evidence.c: where the evidence is known, does the attribution find it? Prints tables,
 * which docs/evidence.md quotes, and asserts the gist of the first:
 *
 *   HETA_TEST_MODEL=$(scripts/model.sh) build/release/tests/test_real_evidence
 *   HETA_TEST_MODEL=$(scripts/model.sh) build/release/tests/test_real_evidence subjects
 *
 * The prompts of tests/data/known_50 ask for a fact about a subject that they name; the explained
 * token is the first of the true answer, forced.
 *
 * Arrangement "planted": the context states two facts, then asks for one of them in the same words.
 * "The native language of Pierre Lescure is French. In Vietnam, the language spoken is Vietnamese.
 * In Vietnam, the language spoken is". The statement asked for is the evidence, the other one is
 * not; which comes first alternates. Compared are the tokens of the two statements. Arrangement
 * "subjects": the context is one prompt, the evidence its subject. Compared are all tokens.
 *
 * The context's first token, which draws attention whatever it says, is left out of everything. A
 * measure's *share* is what it gives to the evidence of what it gives to the tokens compared;
 * *token share* is the same when every token gets 1. The mean over contexts of share / token share
 * is 1 for a measure that knows nothing. A measure *stands out* when the whole 95 % bootstrap
 * interval of that mean (contexts drawn again 10,000 times) lies above 1. The controls run through
 * the same code and must not. Noise of the curvature averages out over contexts: one probe, and
 * many contexts, is cheapest. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "support/real.h"

enum { PROMPTS = 50, MOST = PROMPTS, RESAMPLES = 10000 };

static const double ROUNDING = 1e-6;

/* A piece of a text, in bytes. */
typedef struct span {
  size_t start, end;
} span;

typedef struct question {
  char text[512], answer[128];
  span compared, evidence;
} question;

typedef enum verdict { SHOWN, STANDS_OUT, DOES_NOT } verdict;

/* What is measured: a method's score, or one component of it. */
static const struct measure {
  const char *name, *method, *component;
} MEASURES[] = {{"heta: score", "heta", NULL},
                {"heta: information", "heta", "information"},
                {"heta: curvature", "heta", "curvature"},
                {"heta: gate", "heta", "gate"},
                {"gradient norm", "heta", "gradient"},
                {"control: random", "random", NULL},
                {"control: uniform", "uniform", NULL}};
enum { COUNT = sizeof MEASURES / sizeof *MEASURES };

/* An arrangement of the prompts, and what is asserted of each measure. */
typedef struct arrangement {
  const char *name;
  void (*ask)(size_t number, question *out);
  size_t contexts;
  const char *estimator, *probes;
  verdict expected[COUNT];
} arrangement;

static heta_model *model;
static json_t *facts[PROMPTS];
static double share[COUNT][MOST], token_share[MOST];
static bool best[COUNT][MOST]; /* whether the largest value compared is the evidence's */

/* ---- Contexts ----------------------------------------------------------------------------------
 */

static const char *text_of(size_t fact, const char *key) {
  const char *text = json_string_value(json_object_get(facts[fact], key));
  assert_non_null(text);
  return text;
}

static void append(char *text, size_t size, const char *more) {
  assert_true(strlen(text) + strlen(more) < size);
  memcpy(text + strlen(text), more, strlen(more) + 1);
}

static span state_fact(question *q, size_t fact) {
  span place = {strlen(q->text), 0};
  if (place.start) append(q->text, sizeof q->text, " ");
  append(q->text, sizeof q->text, text_of(fact, "prompt"));
  append(q->text, sizeof q->text, " ");
  append(q->text, sizeof q->text, text_of(fact, "attribute"));
  append(q->text, sizeof q->text, ".");
  place.end = strlen(q->text);
  return place;
}

static void answer_with(question *q, size_t fact) {
  append(q->answer, sizeof q->answer, " ");
  append(q->answer, sizeof q->answer, text_of(fact, "attribute"));
}

/* One of the first 25 facts is asked for; the other is the next from 25 places on whose answer is
 * another. */
static void ask_planted(size_t number, question *q) {
  size_t other = (number + PROMPTS / 2) % PROMPTS;
  while (!strcmp(text_of(other, "attribute"), text_of(number, "attribute")))
    other = (other + 1) % PROMPTS;
  bool first = number % 2 == 0;
  if (!first) state_fact(q, other);
  q->evidence = state_fact(q, number);
  if (first) state_fact(q, other);
  q->compared = (span){0, strlen(q->text)};
  append(q->text, sizeof q->text, " ");
  append(q->text, sizeof q->text, text_of(number, "prompt"));
  answer_with(q, number);
}

static void ask_subject(size_t number, question *q) {
  const char *prompt = text_of(number, "prompt"), *subject = text_of(number, "subject");
  append(q->text, sizeof q->text, prompt);
  q->compared.end = strlen(prompt);
  q->evidence.start = (size_t)(strstr(prompt, subject) - prompt);
  q->evidence.end = q->evidence.start + strlen(subject);
  answer_with(q, number);
}

/* ---- One context -------------------------------------------------------------------------------
 */

static bool inside(const heta_result_token *token, span place) {
  return token->start < place.end && token->end > place.start;
}

static const double *values_of(const heta_attribution *a, const char *name) {
  if (!name) return a->rows[0].score;
  for (size_t c = 0; c < a->component_count; c++)
    if (!strcmp(a->components[c].name, name)) return a->rows[0].components[c];
  fail_msg("%s has no component %s", a->method->name, name);
  return NULL;
}

static void measure(const heta_attribution *a, const question *q, size_t number, size_t m) {
  const double *values = values_of(a, MEASURES[m].component);
  double of_evidence = 0, of_all = 0;
  size_t evidence = 0, all = 0, top = 1;
  for (size_t i = 1; i < a->rows[0].length; i++) {
    if (!inside(&a->tokens[i], q->compared)) continue;
    assert_true(values[i] >= 0);
    of_all += values[i];
    all++;
    if (inside(&a->tokens[i], q->evidence)) {
      of_evidence += values[i];
      evidence++;
    }
    if (values[i] > values[top]) top = i;
  }
  assert_true(of_all > 0 && evidence > 0 && evidence < all);
  share[m][number] = of_evidence / of_all;
  token_share[number] = (double)evidence / (double)all;
  best[m][number] = inside(&a->tokens[top], q->evidence);
}

/* Runs each method once and takes all that is measured of it. */
static void attribute(const arrangement *arranged, size_t number) {
  static const char *const METHODS[] = {"heta", "random", "uniform"};
  const heta_option estimate[] = {{"estimator", arranged->estimator}, {"probes", arranged->probes}};
  question q = {.text = ""};
  arranged->ask(number, &q);
  for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; k++) {
    heta_attribute_options o = heta_attribute_options_default();
    o.method = METHODS[k];
    o.method_options = estimate;
    o.method_option_count = k == 0 ? 2 : 0;
    o.target = HETA_TARGET_TEXT;
    o.target_text = q.answer;
    o.seed = number; /* so that the random control is another one for each context */
    o.keep_weights = true;
    heta_result *result = NULL;
    heta_error error = {0};
    if (heta_attribute(model, q.text, &o, &result, &error))
      fail_msg("%s: %s", q.text, error.message);
    for (size_t m = 0; m < COUNT; m++)
      if (!strcmp(MEASURES[m].method, METHODS[k])) measure(heta_result_get(result), &q, number, m);
    heta_result_free(result);
  }
}

/* ---- All contexts ------------------------------------------------------------------------------
 */

typedef struct summary {
  double share, token_share, ratio, low, high; /* means; the interval of the ratio's */
  size_t best;
} summary;

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static summary summarise(size_t m, size_t contexts) {
  static double means[RESAMPLES];
  double ratio[MOST], draws[MOST], n = (double)contexts;
  summary s = {0};
  for (size_t p = 0; p < contexts; p++) {
    ratio[p] = share[m][p] / token_share[p];
    s.share += share[m][p] / n;
    s.token_share += token_share[p] / n;
    s.ratio += ratio[p] / n;
    s.best += best[m][p];
  }
  for (uint32_t r = 0; r < RESAMPLES; r++) {
    heta_i_uniform(0, HETA_STREAM_CHECK, r, 0, contexts, draws);
    means[r] = 0;
    for (size_t p = 0; p < contexts; p++) means[r] += ratio[(size_t)(draws[p] * n)] / n;
  }
  qsort(means, RESAMPLES, sizeof *means, ascending);
  s.low = means[RESAMPLES / 40];
  s.high = means[RESAMPLES - 1 - RESAMPLES / 40];
  return s;
}

static void run(const arrangement *arranged) {
  size_t wrong = 0;
  for (size_t p = 0; p < arranged->contexts; p++) attribute(arranged, p);
  printf("\n%s: %zu contexts, probes: %s (%s)\n", arranged->name, arranged->contexts,
         arranged->probes, arranged->estimator);
  printf("%-18s %5s %11s %6s %14s %13s\n", "measure", "share", "token share", "ratio",
         "95 % interval", "evidence top");
  for (size_t m = 0; m < COUNT; m++) {
    summary s = summarise(m, arranged->contexts);
    bool out = s.low > 1 + ROUNDING;
    printf("%-18s %5.3f %11.3f %6.2f    %4.2f to %4.2f %7zu of %zu\n", MEASURES[m].name, s.share,
           s.token_share, s.ratio, s.low, s.high, s.best, arranged->contexts);
    if (arranged->expected[m] != SHOWN && out != (arranged->expected[m] == STANDS_OUT)) {
      printf("  %s\n", out ? "stands out, and must not" : "does not stand out, and must");
      wrong++;
    }
  }
  fflush(stdout);
  assert_int_equal(wrong, 0);
}

static void planted(void **state) {
  (void)state;
  run(&(arrangement){"planted",
                     ask_planted,
                     PROMPTS / 2,
                     "coded",
                     "1",
                     {STANDS_OUT, STANDS_OUT, SHOWN, SHOWN, SHOWN, DOES_NOT, DOES_NOT}});
}

static void subjects(void **state) {
  (void)state;
  run(&(arrangement){"subjects",
                     ask_subject,
                     PROMPTS,
                     "plain",
                     "4",
                     {SHOWN, SHOWN, SHOWN, SHOWN, SHOWN, DOES_NOT, DOES_NOT}});
}

static int open_facts(void **state) {
  (void)state;
  FILE *file = fopen(HETA_TESTS_DIR "/data/known_50/prompts.jsonl", "rb");
  if (!file) return -1;
  for (size_t p = 0; p < PROMPTS; p++) facts[p] = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL);
  fclose(file);
  return facts[PROMPTS - 1] ? 0 : -1;
}

static int close_facts(void **state) {
  (void)state;
  for (size_t p = 0; p < PROMPTS; p++) json_decref(facts[p]);
  return 0;
}

int main(int argc, char **argv) {
  const struct CMUnitTest tested[] = {cmocka_unit_test(planted)};
  const struct CMUnitTest only_shown[] = {cmocka_unit_test(subjects)};
  if (argc > 2 || (argc == 2 && strcmp(argv[1], "subjects") != 0)) {
    fprintf(stderr, "usage: %s [subjects]\n", argv[0]);
    return 2;
  }
  model = real_model();
  if (!model) return REAL_SKIPPED;
  int failed = argc == 1 ? cmocka_run_group_tests(tested, open_facts, close_facts)
                         : cmocka_run_group_tests(only_shown, open_facts, close_facts);
  heta_model_close(model);
  return failed;
}
