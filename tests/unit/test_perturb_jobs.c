/* test_perturb_jobs.c: jobs of the methods beside heta: the same bytes for any threads, budget or
 * parts, within the planned memory, passes counted and capped, bad input refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/attribute.h"

static const fixture_kind *const CPU = &FIXTURE_KINDS[2];
static const char TEXT[] = "Hen hid. Then a man";

static const struct {
  const char *method, *options;
} METHODS[] = {
    {"kernel-shap", "samples=60"},
    {"kernel-shap", "samples=50 mask=delete objective=prob"},
    {"lime", "samples=40"},
    {"lime", "samples=30 mask=mean"},
    {"contextcite", "samples=20 source=word"},
    {"contextcite", "samples=20 source=token response=whole"},
    {"progressive-mp", "samples=12"},
    {"progressive-mp", "samples=9 mask=unk"},
    {"reagent", "runs=3 steps=6"},
    {"greedy-rationale", "steps=3"},
    {"gilot", "candidates=5 iterations=5"},
    {"causal-tracing", "samples=2 every=1"},
    {"causal-tracing", "samples=3 mode=single"},
    {"attributive-mask", "steps=2"},
    {"sea-tokens", "samples=3 length=4 chain-temperature=3"},
    {"ig", "steps=3"},
    {"ig", "steps=3 reduction=norm baseline=mean"},
    {"dig", "steps=3 neighbours=6 baseline=token:9 upscale=1"},
    {"deeplift", ""},
    {"grad-cam", "layer=1"},
    {"value-norms", "aggregate=rollout"},
    {"peering", "window=1"},
    {"tdd-both", ""},
    {"flashtrace", "flow=span hops=1"},
};
enum { COUNT = sizeof METHODS / sizeof *METHODS };

static heta_attribute_options usual(size_t m) {
  heta_attribute_options options = attribute_options(CPU, METHODS[m].options);
  options.method = METHODS[m].method;
  options.target = HETA_TARGET_TEXT;
  options.target_text = " in";
  return options;
}

static heta_job *job_of(const heta_model *model, const heta_attribute_options *options) {
  return attribute_job(model, TEXT, strlen(TEXT), options);
}

static void the_same_bytes(void **state) {
  (void)state;
  heta_model *model = fixture_model("gemma2");
  for (size_t m = 0; m < COUNT; m++) {
    if (strstr(METHODS[m].options, "unk") && model->info.unk < 0) continue;
    heta_attribute_options options = usual(m);
    heta_job *base = job_of(model, &options);
    const heta_attribution *a = attribute_run(base);
    assert_true(a->complete && a->row_count > 1);
    uint64_t planned = heta_job_get_plan(base)->forwards;
    if (heta_job_get_plan(base)->at_most ? a->cost_forwards > planned : a->cost_forwards != planned)
      fail_msg("%s: %llu passes of %llu", METHODS[m].method, (unsigned long long)a->cost_forwards,
               (unsigned long long)planned);
    options.threads = 3;
    heta_job *other = job_of(model, &options);
    other->settings.lane_rows = heta_i_pad_rows(64);
    other->settings.expand = false;
    other->settings.recompute = true;
    heta_error error = {0};
    assert_int_equal(heta_i_plan_work(other, &error), HETA_OK);
    attribute_run(other);
    attribute_same(METHODS[m].method, base, other);
    const heta_i_engine_api *api = heta_i_engine_api_f32();
    const heta_i_session *s = &other->session;
    heta_i_load load = {.length = s->length,
                        .targets = s->target_count,
                        .adjoints = s->target_group,
                        .runs = s->runs,
                        .stacked = s->stacked};
    if (api->peak_bytes(s->engine) > api->bytes(&other->settings, &load))
      fail_msg("%s: more memory than planned", METHODS[m].method);
    heta_job_free(other);
    heta_job *whole = NULL;
    for (size_t part = 0; part < 3; part++) {
      options = usual(m);
      options.part = part;
      options.parts = 3;
      heta_job *one = job_of(model, &options);
      bool complete = attribute_run(one)->complete;
      char *json = attribute_json(one);
      options = usual(m);
      if (!whole) whole = job_of(model, &options);
      if (!complete && heta_job_merge(whole, json, strlen(json), &error))
        fail_msg("%s: %s", METHODS[m].method, error.message);
      heta_i_free(json);
      heta_job_free(one);
    }
    attribute_run(whole);
    attribute_same(METHODS[m].method, base, whole);
    heta_job_free(whole);
    heta_job_free(base);
  }
  heta_model_close(model);
}

static double check_value(const heta_attribution *a, const char *name) {
  for (size_t i = 0; i < a->check_count; i++)
    if (!strcmp(a->checks[i].name, name)) return a->checks[i].value;
  return NAN;
}

/* --passes is a cap on what is run beyond the clean run, and what it leaves out is told. */
static void capped(void **state) {
  (void)state;
  static const struct {
    const char *method, *options;
    uint64_t most;
    double left_out;
  } CASES[] = {{"kernel-shap", "samples=400 passes=60", 60, 342},
               {"lime", "samples=100 passes=30", 30, 70},
               {"contextcite", "samples=64 passes=10 source=token", 10, 54},
               {"progressive-mp", "samples=64 passes=20", 20, 46},
               {"reagent", "runs=2 steps=50 passes=30", 30, 172},
               {"causal-tracing", "mode=single samples=10 passes=60", 60, NAN},
               {"attributive-mask", "steps=50 passes=5", 5, 96},
               {"greedy-rationale", "passes=45", 45, NAN}};
  heta_model *model = fixture_model("llama-gqa");
  for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
    heta_attribute_options options = attribute_options(CPU, CASES[c].options);
    options.method = CASES[c].method;
    options.target = HETA_TARGET_TEXT;
    options.target_text = "q";
    heta_job *job = job_of(model, &options);
    const heta_attribution *a = attribute_run(job);
    double left = check_value(a, "passes_left_out");
    assert_true(a->complete);
    if (a->cost_forwards > CASES[c].most + 1 || !(left > 0) ||
        (!isnan(CASES[c].left_out) && left != CASES[c].left_out))
      fail_msg("%s: %llu passes, %g left out", CASES[c].method,
               (unsigned long long)a->cost_forwards, left);
    heta_job_free(job);
  }
  heta_model_close(model);
}

static void refusals(void **state) {
  (void)state;
  static const struct {
    const char *method, *options, *text, *words;
  } CASES[] = {
      {"kernel-shap", "samples=5", TEXT, "at least as many coalitions"},
      {"kernel-shap", "passes=10", TEXT, "needs at least"},
      {"kernel-shap", "mask=nothing", TEXT, "it takes one of"},
      {"kernel-shap", "keep=first", "a", "give a longer text"},
      {"lime", "passes=1", TEXT, "needs at least 2"},
      {"lime", "samples=1", TEXT, "from 2 to"},
      {"lime", "mask=token:99999", TEXT, "the vocabulary has"},
      {"contextcite", "", "one sentence only", "try --source word"},
      {"contextcite", "passes=1 source=word", TEXT, "needs at least 2"},
      {"contextcite", "response=whole objective=prob", TEXT, "--objective is prob"},
      {"progressive-mp", "passes=3", TEXT, "needs at least 4"},
      {"progressive-mp", "", "a", "give a longer text"},
      {"reagent", "", "then", "a smaller --top"},
      {"reagent", "passes=3", TEXT, "needs at least 16"},
      {"reagent", "replace=1", TEXT, "from 0.001 to 0.999"},
      {"greedy-rationale", "passes=2", TEXT, "needs at least"},
      {"gilot", "passes=2", TEXT, "needs at least"},
      {"gilot", "candidates=1", TEXT, "from 2 to"},
      {"causal-tracing", "passes=2", TEXT, "needs at least"},
      {"attributive-mask", "passes=1", TEXT, "needs at least 2"},
      {"attributive-mask", "mask=attend", TEXT, "it takes one of"},
      {"sea-tokens", "length=200", TEXT, "a smaller --length"},
      {"sea-tokens", "top=900", TEXT, "the vocabulary has"},
      {"ig", "rule=grid steps=1", TEXT, "must be at least 2"},
      {"dig", "steps=9000 upscale=12", TEXT, "at most 100000"},
      {"dig", "baseline=token:99999", TEXT, "the vocabulary has"},
      {"grad-cam", "layer=99", TEXT, "takes 0 to"},
  };
  heta_model *model = fixture_model("llama-gqa");
  for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
    heta_attribute_options options =
        attribute_options(CPU, *CASES[c].options ? CASES[c].options : NULL);
    options.method = CASES[c].method;
    attribute_refused(model, CASES[c].text, &options, HETA_E_ARGUMENT, CASES[c].words);
  }
  heta_attribute_options options = attribute_options(CPU, NULL);
  options.method = "attributive-mask";
  options.target = HETA_TARGET_TEXT;
  options.target_text = "a";
  options.foil_text = "b";
  attribute_refused(model, TEXT, &options, HETA_E_ARGUMENT, "foil");
  heta_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_same_bytes), cmocka_unit_test(capped),
                                     cmocka_unit_test(refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
