/* test_misuse.c: what a program may get wrong in a call is refused in a sentence: missing objects,
 * options out of range, texts of no length; and the objectives, said by two ways of reading them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/attribute.h"
#include "support/capture.h"

static void refused(heta_status status, const heta_error *error, const char *part) {
  if (status != HETA_E_ARGUMENT || !strstr(error->message, part))
    fail_msg("%s instead of: %s", error->message, part);
}

static void names_of_statuses(void **state) {
  (void)state;
  for (int i = HETA_OK; i <= HETA_E_INTERNAL; i++) {
    assert_true(strlen(heta_status_name((heta_status)i)) > 1);
    for (int k = 0; k < i; k++)
      assert_string_not_equal(heta_status_name((heta_status)i), heta_status_name((heta_status)k));
  }
  assert_string_equal(heta_status_name((heta_status)99), "unknown status");
}

static void missing_objects(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_error error = {0};
  heta_tokens *tokens = NULL;
  heta_messages *messages = NULL;
  static char text[4000];
  memset(text, 'a', sizeof text);
  refused(heta_tokenize(NULL, "a", 1, HETA_BOS_AUTO, false, &tokens, &error), &error, "needs a");
  refused(heta_messages_read(NULL, 1, &messages, &error), &error, "needs a text");
  refused(heta_check(NULL, "a", 1, 0, 1, NULL, NULL, &error), &error, "needs a model");
  refused(heta_check(model, text, sizeof text, 0, 1, NULL, NULL, &error), &error, "1 to 64 tokens");
  refused(heta_evaluate(NULL, "deletion", NULL, NULL, &error), &error, "needs an evaluator");
  heta_model_close(model);
}

static void options_of_metrics(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  for (int k = 0; k < 7; k++) {
    static const char *const SAID[] = {"struct_size",  "mask is missing", "draws is 0",
                                       "subsets is 0", "threads is -1",   "reference backend",
                                       "is none of"};
    heta_metric_options o = heta_metric_options_default();
    heta_evaluator *evaluator = NULL;
    heta_error error = {0};
    if (k == 0) o.struct_size = 1;
    if (k == 1) o.mask = NULL;
    if (k == 2) o.draws = 0;
    if (k == 3) o.subsets = 0;
    if (k == 4) o.threads = -1;
    if (k == 5) o.precision = HETA_PRECISION_F64, o.backend = HETA_BACKEND_CPU;
    if (k == 6) o.mask = "none";
    refused(heta_evaluator_open(model, &o, &evaluator, &error), &error, SAID[k]);
    assert_null(evaluator);
  }
  heta_model_close(model);
}

/* A mask by a token's name needs a model that names it. */
static void named_masks(void **state) {
  (void)state;
  static const char *const NAMES[] = {"unk", "eos", "pad"};
  heta_model *model = fixture_model("llama-gqa");
  const heta_model_info *info = heta_model_get_info(model);
  const int32_t ids[] = {info->unk, info->eos, info->pad};
  for (int k = 0; k < 3; k++) {
    heta_metric_options o = heta_metric_options_default();
    heta_evaluator *evaluator = NULL;
    heta_error error = {0};
    o.mask = NAMES[k];
    heta_status status = heta_evaluator_open(model, &o, &evaluator, &error);
    if (ids[k] < 0)
      refused(status, &error, "names no such token");
    else
      assert_int_equal(status, HETA_OK);
    heta_evaluator_close(evaluator);
  }
  heta_model_close(model);
}

static void levels_of_reports(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_attribute_options options = attribute_options(&FIXTURE_KINDS[0], NULL);
  options.method = "uniform";
  heta_job *job = attribute_job(model, "the cat", 7, &options);
  heta_report_options shown = heta_report_options_default();
  capture out = {0};
  heta_error error = {0};
  shown.level = (heta_level)9;
  refused(heta_report_write(attribute_run(job), "json", &shown, capture_write, &out, &error),
          &error, "level is 9");
  assert_int_equal(out.calls, 0);
  heta_job_free(job);
  heta_model_close(model);
}

/* What coalitions read of the whole context is what the clean run says, for every objective, of a
 * target and of a contrast; and one player alone has all the value. */
static void objectives(void **state) {
  (void)state;
  static const char *const KINDS[] = {"logprob", "prob", "logit", "logit-prob"};
  heta_model *model = fixture_model("llama-gqa");
  for (int foil = 0; foil < 2; foil++)
    for (size_t k = 0; k < sizeof KINDS / sizeof *KINDS; k++)
      for (size_t size = 1; size < 8; size += 6) { /* "t": one token */
        char asked[64], steps[64];
        snprintf(asked, sizeof asked, "keep=none objective=%s", KINDS[k]);
        snprintf(steps, sizeof steps, "steps=1 objective=%s", KINDS[k]);
        heta_attribute_options options = attribute_options(&FIXTURE_KINDS[0], asked);
        options.method = "kernel-shap";
        options.target = HETA_TARGET_TEXT;
        options.target_text = "i";
        if (foil) options.foil_text = "a";
        heta_job *job = attribute_job(model, "the cat", size, &options);
        const heta_attribution *a = attribute_run(job);
        const double *ends = job->session.series[1].values;
        double sum = 0;
        options.method_options = attribute_options(&FIXTURE_KINDS[0], steps).method_options;
        options.method_option_count = 2;
        options.method = "ig";
        heta_job *other = attribute_job(model, "the cat", size, &options);
        attribute_run(other);
        double said = other->session.series[1].values[0];
        if (fabs(said - ends[1]) > 1e-9) fail_msg("%s: %g and %g", KINDS[k], ends[1], said);
        for (size_t i = 0; i < a->rows[0].length; i++) sum += a->rows[0].signed_score[i];
        assert_true(fabs(sum - (ends[1] - ends[0])) < 1e-9);
        heta_job_free(other);
        heta_job_free(job);
      }
  heta_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_of_statuses),  cmocka_unit_test(missing_objects),
      cmocka_unit_test(options_of_metrics), cmocka_unit_test(named_masks),
      cmocka_unit_test(levels_of_reports),  cmocka_unit_test(objectives)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
