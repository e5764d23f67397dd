/* test_windows.c: contexts in windows. One window over everything is the whole result, bit for bit;
 * isolated and anchored windows are what separate jobs on their texts give, combined here by hand;
 * joint windows are the whole result but for the gate. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/attribute.h"
#include "support/capture.h"

static const char TEXT[] = "the brown fox and the dog", TARGET[] = " n";

enum { PARTS = 5 };
static const char *const NAMES[PARTS] = {"gate", "curvature", "information", "logprob_change",
                                         "gradient"};

static heta_job *job_of(const heta_model *model, const char *method_options, const char *target) {
  heta_attribute_options options = attribute_options(&FIXTURE_KINDS[0], method_options);
  options.target = HETA_TARGET_TEXT;
  options.target_text = target;
  return attribute_job(model, TEXT, sizeof TEXT - 1, &options);
}

static void same_numbers(const char *label, const double *a, const double *b, size_t n) {
  if (!a != !b || (a && memcmp(a, b, n * sizeof *a))) fail_msg("%s differ", label);
}

/* Every number of the rows; the options and the passes differ. */
static void same_rows(const char *label, const heta_attribution *a, const heta_attribution *b) {
  assert_int_equal(a->row_count, b->row_count);
  for (size_t t = 0; t < a->row_count; t++) {
    const heta_row *x = &a->rows[t], *y = &b->rows[t];
    same_numbers(label, x->score, y->score, x->length);
    same_numbers(label, x->score_se, y->score_se, x->length);
    for (size_t c = 0; c < a->component_count; c++) {
      same_numbers(label, x->components[c], y->components[c], x->length);
      same_numbers(label, x->component_se[c], y->component_se[c], x->length);
    }
  }
}

static void one_window_is_everything(void **state) {
  (void)state;
  static const char *const MODELS[] = {"llama-gqa", "gemma2"};
  static const char *const WINDOWS[] = {"windows=joint window=60", "windows=isolated window=60",
                                        "windows=anchored window=60 anchor=3",
                                        "windows=anchored window=1 anchor=60"};
  static const char *const WORK[] = {"probes=3",
                                     "curvature=row probes=3",
                                     "curvature=gradsq",
                                     "estimator=sketch probes=9",
                                     "curvature=lowrank:2",
                                     "layers=1 probes=2"};
  for (size_t m = 0; m < (getenv("HETA_TEST_FEW") ? 1 : 2); m++) {
    heta_model *model = fixture_model(MODELS[m]);
    for (size_t k = 0; k < (m ? 1 : sizeof WORK / sizeof *WORK); k++) {
      heta_job *whole = job_of(model, WORK[k], TARGET);
      const heta_attribution *a = attribute_run(whole);
      assert_null(a->windows);
      for (size_t w = 0; w < 4; w++) {
        char options[120], label[160];
        if (k && w == 3) continue;
        snprintf(options, sizeof options, "%s %s", WORK[k], WINDOWS[w]);
        snprintf(label, sizeof label, "%s, %s", MODELS[m], options);
        heta_job *windowed = job_of(model, options, TARGET);
        const heta_attribution *b = attribute_run(windowed);
        same_rows(label, a, b);
        assert_non_null(b->windows);
        assert_true(b->windows->leakage == 0);
        assert_null(b->windows->remark);
        heta_job_free(windowed);
      }
      heta_job_free(whole);
    }
    heta_model_close(model);
  }
}

/* A separate job on a window's text: tokens [start, end) of the context, and behind them those from
 * `anchor` on. */
static heta_job *apart(const heta_model *model, const heta_job *whole, size_t target, size_t start,
                       size_t end, size_t anchor, const char *method_options, uint64_t seed) {
  const heta_i_input *input = &whole->input;
  size_t context = input->first_target + target, n = end - start + context - anchor, count = 0;
  heta_attribute_options options = attribute_options(&FIXTURE_KINDS[0], method_options);
  char text[64];
  heta_tokens *tokens = NULL;
  heta_error error = {0};
  while (count < n) { /* a text of as many tokens, whose numbers are then replaced */
    memset(text, 'z', count + 1);
    count++;
  }
  assert_int_equal(heta_tokenize(model, text, n, HETA_BOS_NO, false, &tokens, &error), HETA_OK);
  assert_int_equal(heta_tokens_count(tokens), n);
  heta_tokens_free(tokens);
  options.bos = HETA_BOS_NO;
  options.seed = seed;
  options.target = HETA_TARGET_TEXT;
  options.target_text = "t";
  heta_job *job = attribute_job(model, text, n, &options);
  assert_int_equal(job->input.first_target, n);
  for (size_t i = 0; i < n; i++)
    job->input.tokens[i].id =
        input->tokens[i < end - start ? start + i : anchor + i - (end - start)].id;
  job->input.tokens[n].id = input->tokens[context].id;
  return job;
}

/* Windows of `size` tokens every `stride`, the last `anchor` tokens behind each. */
static void by_hand(const heta_model *model, const char *work, const char *windows, size_t size,
                    size_t stride, size_t anchor, const char *target) {
  char options[160], label[240];
  snprintf(options, sizeof options, "%s %s", work, windows);
  heta_job *job = job_of(model, options, target);
  const heta_attribution *a = attribute_run(job);
  assert_true(a->complete);
  assert_int_equal(a->cost_forwards, heta_job_get_plan(job)->forwards);
  assert_int_equal(a->cost_reverses, heta_job_get_plan(job)->reverses);
  if (!heta_job_get_plan(job)->at_most)
    assert_int_equal(a->cost_hvps, heta_job_get_plan(job)->hvps);
  for (size_t t = 0; t < a->row_count; t++) {
    size_t n = a->rows[t].length, body = n - anchor, windows_run = 0;
    double sums[PARTS][64] = {{0}}, squares[64] = {0}, cover[64] = {0}, total = 0;
    for (size_t start = 0; start == 0 || start + size - stride < body; start += stride) {
      bool last = start + size >= body;
      size_t end = last ? n : start + size;
      heta_job *one = apart(model, job, t, start, end, last ? n : body, work, 7 + windows_run++);
      const heta_attribution *w = attribute_run(one);
      for (size_t i = start; i < end; i++) {
        for (size_t c = 0; c < PARTS; c++)
          sums[c][i] += attribute_component(w, 0, NAMES[c])[i - start];
        double se = attribute_component_se(w, 0, "curvature")[i - start];
        squares[i] += se * se;
        cover[i]++;
      }
      heta_job_free(one);
    }
    assert_true(windows_run > 2);
    double wanted[PARTS + 2][64];
    for (size_t i = 0; i < n; i++) total += sums[0][i] / cover[i];
    for (size_t i = 0; i < n; i++) {
      for (size_t c = 0; c < PARTS; c++) wanted[c][i] = sums[c][i] / cover[i];
      wanted[0][i] /= total;
      wanted[PARTS][i] = sqrt(squares[i]) / cover[i];
      wanted[PARTS + 1][i] = wanted[0][i] * 0.5 * (wanted[1][i] + wanted[2][i]);
    }
    for (size_t c = 0; c < PARTS; c++) {
      snprintf(label, sizeof label, "%s: %s", options, NAMES[c]);
      fixture_close(label, attribute_component(a, t, NAMES[c]), wanted[c], n, 1e-12);
    }
    fixture_close("errors", attribute_component_se(a, t, "curvature"), wanted[PARTS], n, 1e-12);
    fixture_close("scores", a->rows[t].score, wanted[PARTS + 1], n, 1e-12);
  }
  heta_job *whole = job_of(model, "curvature=gradsq", target);
  const double *gate = attribute_component(attribute_run(whole), 0, "gate");
  double leakage = 0;
  for (size_t i = 0; i < a->rows[0].length; i++)
    leakage += 0.5 * fabs(gate[i] - attribute_component(a, 0, "gate")[i]);
  assert_true(fabs(leakage - a->windows->leakage) < 1e-12);
  assert_true(leakage > 1e-3);
  assert_true(!a->windows->remark == (anchor > 0));
  heta_job_free(whole);
  heta_job_free(job);
}

static void windows_are_texts_of_their_own(void **state) {
  (void)state;
  static const char *const WORK[] = {"probes=2",
                                     "curvature=row probes=3",
                                     "estimator=sketch probes=9",
                                     "curvature=lowrank:2",
                                     "curvature=lowrank-global:3",
                                     "layers=1 probes=2",
                                     "probes=auto tolerance=0.2 max-probes=12"};
  heta_model *model = fixture_model("llama-gqa");
  for (size_t k = 0; k < sizeof WORK / sizeof *WORK; k++) {
    if (getenv("HETA_TEST_FEW") && k > 0) break;
    const char *target = k < 2 ? TARGET : "n";
    if (k < 2 || k % 2) by_hand(model, WORK[k], "windows=isolated window=5", 5, 3, 0, target);
    if (k < 2 || k % 2 == 0)
      by_hand(model, WORK[k], "windows=anchored window=4 stride=2 anchor=4", 4, 2, 4, target);
  }
  by_hand(model, "probes=2", "windows=isolated window=5 stride=5", 5, 5, 0, "n");
  by_hand(model, "probes=2", "windows=anchored window=5 stride=1 anchor=7", 5, 1, 7, "n");
  heta_model_close(model);
}

static void joint_is_the_gate_alone(void **state) {
  (void)state;
  enum { SIZE = 8, STRIDE = 3 };
  heta_model *model = fixture_model("gemma2");
  heta_job *whole = job_of(model, "probes=2", TARGET);
  heta_job *job = job_of(model, "probes=2 windows=joint window=8 stride=3", TARGET);
  const heta_attribution *a = attribute_run(whole), *b = attribute_run(job);
  assert_int_equal(a->cost_hvps, b->cost_hvps);
  assert_int_equal(a->cost_forwards, b->cost_forwards);
  for (size_t t = 0; t < a->row_count; t++) {
    size_t n = a->rows[t].length;
    const double *gate = attribute_component(a, t, "gate");
    double sum[64] = {0}, cover[64] = {0}, wanted[64], all = 0;
    for (size_t start = 0; start == 0 || start + SIZE - STRIDE < n; start += STRIDE) {
      size_t end = start + SIZE < n ? start + SIZE : n;
      double here = 0;
      for (size_t i = start; i < end; i++) here += gate[i];
      for (size_t i = start; i < end; i++) {
        sum[i] += gate[i] / here;
        cover[i]++;
      }
    }
    for (size_t i = 0; i < n; i++) all += sum[i] / cover[i];
    for (size_t i = 0; i < n; i++) wanted[i] = sum[i] / cover[i] / all;
    fixture_close("joint gate", attribute_component(b, t, "gate"), wanted, n, 1e-13);
    for (size_t c = 1; c < PARTS; c++)
      same_numbers(NAMES[c], attribute_component(a, t, NAMES[c]),
                   attribute_component(b, t, NAMES[c]), n);
    for (size_t i = 0; i < n; i++)
      wanted[i] *= 0.5 * (attribute_component(a, t, "curvature")[i] +
                          attribute_component(a, t, "information")[i]);
    fixture_close("joint scores", b->rows[t].score, wanted, n, 1e-13);
  }
  heta_job_free(whole);
  heta_job_free(job);
  heta_model_close(model);
}

/* Any threads and batches, and work that is stopped anywhere, leave the bits alone. */
static bool stop_soon(void *context, const heta_progress *progress) {
  (void)progress;
  return --*(int *)context > 0;
}

static void cut_as_you_like(void **state) {
  (void)state;
  static const char *const WINDOWS[] = {"windows=isolated window=8 probes=3",
                                        "windows=anchored window=9 anchor=4 probes=auto "
                                        "tolerance=0.3 max-probes=10"};
  heta_model *model = fixture_model("llama-gqa");
  for (size_t k = 0; k < 2; k++) {
    heta_job *whole = job_of(model, WINDOWS[k], TARGET);
    attribute_run(whole);
    heta_attribute_options options = attribute_options(&FIXTURE_KINDS[0], WINDOWS[k]);
    options.target = HETA_TARGET_TEXT;
    options.target_text = TARGET;
    options.threads = 3;
    heta_error error = {0};
    heta_job *other = attribute_job(model, TEXT, sizeof TEXT - 1, &options);
    attribute_run(other);
    attribute_same(WINDOWS[k], whole, other);
    heta_job_free(other);
    options.threads = 1;
    heta_job *merged = attribute_job(model, TEXT, sizeof TEXT - 1, &options);
    for (size_t part = 0; part < 3; part++) {
      options.part = part;
      options.parts = 3;
      heta_job *piece = attribute_job(model, TEXT, sizeof TEXT - 1, &options);
      attribute_run(piece);
      char *json = attribute_json(piece);
      assert_int_equal(heta_job_merge(merged, json, strlen(json), &error), HETA_OK);
      heta_i_free(json);
      heta_job_free(piece);
    }
    attribute_run(merged);
    attribute_same(WINDOWS[k], whole, merged);
    heta_job_free(merged);
    options.part = options.parts = 0;
    int steps = 2;
    options.progress = stop_soon;
    options.context = &steps;
    heta_job *stopped = attribute_job(model, TEXT, sizeof TEXT - 1, &options);
    for (int again = 3; heta_job_run(stopped, &error) == HETA_E_CANCELLED; again++) steps = again;
    attribute_same(WINDOWS[k], whole, stopped);
    heta_job_free(stopped);
    heta_job_free(whole);
  }
  heta_model_close(model);
}

static void refusals(void **state) {
  (void)state;
  static const struct {
    const char *options, *words;
  } CASES[] = {{"window=8", "window needs --windows"},
               {"stride=8", "stride needs --windows"},
               {"windows=joint anchor=8", "anchor needs --windows anchored"},
               {"windows=joint window=8 stride=9", "would leave tokens out"},
               {"windows=isolated window=8 stride=1",
                "8 windows of 8; 5 is the most: a stride of 2 or more"},
               {"windows=isolated information=3", "--information 3 chooses by the gate"},
               {"windows=anchored estimator=coded", "coded is of the whole context"},
               {"windows=inside", "one of none|joint|isolated|anchored"}};
  heta_model *model = fixture_model("llama-gqa");
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    heta_attribute_options options = attribute_options(&FIXTURE_KINDS[0], CASES[i].options);
    attribute_refused(model, TEXT, &options, HETA_E_ARGUMENT, CASES[i].words);
  }
  heta_attribute_options options = attribute_options(&FIXTURE_KINDS[0], "windows=isolated");
  options.joint = true;
  attribute_refused(model, TEXT, &options, HETA_E_ARGUMENT, "with --joint use --windows joint");
  heta_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_window_is_everything),
      cmocka_unit_test(windows_are_texts_of_their_own),
      cmocka_unit_test(joint_is_the_gate_alone),
      cmocka_unit_test(cut_as_you_like),
      cmocka_unit_test(refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
