/* test_job_limits.c: memory and time budgets: every plan gives the same bits and keeps to its
 * bytes; and what is refused, with its sentence. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/attribute.h"
#include "support/derive.h"

static const fixture_kind *const CPU = &FIXTURE_KINDS[2];

/* Long enough for batches of several sizes, with several targets. */
static const char TEXT[] = "then a hen hid in the tent, and the tin hat";

static heta_attribute_options usual(const fixture_kind *kind, const char *method_options) {
  heta_attribute_options options = attribute_options(kind, method_options);
  options.target = HETA_TARGET_TEXT;
  options.target_text = " in it";
  return options;
}

static const heta_i_engine_api *api_of(const heta_job *job) {
  return job->options.precision == HETA_PRECISION_F64 ? heta_i_engine_api_f64()
                                                      : heta_i_engine_api_f32();
}

/* The engine held no more than its share of the plan. */
static void expect_within_plan(const char *what, heta_job *job) {
  const heta_i_session *s = &job->session;
  bool probes = heta_job_get_plan(job)->hvps > 0;
  heta_i_load load = {.length = s->length,
                      .targets = s->target_count,
                      .adjoints = s->target_group,
                      .probes = probes,
                      .runs = s->runs};
  uint64_t planned = api_of(job)->bytes(&job->settings, &load);
  size_t peak = api_of(job)->peak_bytes(s->engine);
  if (peak > planned)
    fail_msg("%s: the engine held %zu bytes, planned %llu", what, peak,
             (unsigned long long)planned);
  if (planned > 2 * (uint64_t)peak + (8u << 20))
    fail_msg("%s: %llu bytes planned, %zu held", what, (unsigned long long)planned, peak);
  assert_true(heta_job_get_plan(job)->bytes >= planned);
}

/* ---- Plans ---------------------------------------------------------------------------------- */

/* Every kind of plan, set by hand: tiny models have room for all of them. */
static void every_plan(void **state) {
  (void)state;
  static const char *const OPTIONS[] = {"probes=3", "probes=3 curvature=gauss-newton",
                                        "probes=4 curvature=row rollout=mean"};
  for (size_t k = 0; k < 3; k++) {
    const fixture_kind *kind = &FIXTURE_KINDS[k];
    heta_model *model = fixture_model("llama-gqa");
    heta_attribute_options options = usual(kind, OPTIONS[k]);
    heta_job *whole = attribute_job(model, TEXT, strlen(TEXT), &options);
    attribute_run(whole);
    expect_within_plan("as planned", whole);
    for (int plan = 0; plan < 16; plan += kind == CPU ? 1 : 5) {
      heta_job *job = attribute_job(model, TEXT, strlen(TEXT), &options);
      char what[96];
      job->settings.lane_rows = heta_i_pad_rows(plan & 1 ? 64 : 160);
      job->settings.expand = plan & 2;
      job->settings.recompute = plan & 4;
      if (plan & 8) job->session.target_group = 1;
      heta_error error = {0};
      assert_int_equal(heta_i_plan_work(job, &error), HETA_OK);
      snprintf(what, sizeof what, "%s: batches of %zu, expand %d, recompute %d, %zu adjoints",
               kind->name, job->settings.lane_rows, job->settings.expand, job->settings.recompute,
               job->session.target_group);
      const heta_attribution *a = attribute_run(job), *b = attribute_result(whole);
      for (size_t t = 0; t < b->row_count; t++) {
        size_t size = b->rows[t].length * sizeof(double);
        if (memcmp(a->rows[t].score, b->rows[t].score, size) ||
            memcmp(a->rows[t].score_se, b->rows[t].score_se, size))
          fail_msg("%s: other scores", what);
        for (size_t c = 0; c < b->component_count; c++)
          if (memcmp(a->rows[t].components[c], b->rows[t].components[c], size))
            fail_msg("%s: other numbers in %s", what, b->components[c].name);
      }
      heta_i_load load = {.length = job->session.length,
                          .targets = job->session.target_count,
                          .adjoints = job->session.target_group,
                          .probes = true,
                          .runs = job->session.runs};
      uint64_t planned = api_of(job)->bytes(&job->settings, &load);
      size_t peak = api_of(job)->peak_bytes(job->session.engine);
      if (peak > planned)
        fail_msg("%s: the engine held %zu bytes, planned %llu", what, peak,
                 (unsigned long long)planned);
      heta_job_free(job);
    }
    heta_job_free(whole);
    heta_model_close(model);
  }
}

/* The engine's own account, for every method and model family it is asked for. */
static void within_plan(void **state) {
  (void)state;
  static const char *const METHODS[] = {
      "heta", "gradient-norm", "input-x-gradient", "attention-rollout", "occlusion", "random"};
  for (size_t m = 0; fixture_models()[m]; m++) {
    heta_model *model = fixture_model(fixture_models()[m]);
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; i++) {
      heta_attribute_options options = usual(&FIXTURE_KINDS[m % 3], i ? NULL : "probes=2");
      options.method = METHODS[i];
      heta_job *job = attribute_job(model, TEXT, strlen(TEXT), &options);
      attribute_run(job);
      char what[96];
      snprintf(what, sizeof what, "%s, %s", fixture_models()[m], METHODS[i]);
      heta_i_load load = {.length = job->session.length,
                          .targets = job->session.target_count,
                          .adjoints = job->session.target_group,
                          .probes = heta_job_get_plan(job)->hvps > 0,
                          .runs = job->session.runs};
      uint64_t planned = api_of(job)->bytes(&job->settings, &load);
      size_t peak = api_of(job)->peak_bytes(job->session.engine);
      if (peak > planned || heta_job_get_plan(job)->bytes < planned)
        fail_msg("%s: %zu bytes held, %llu planned for the engine", what, peak,
                 (unsigned long long)planned);
      heta_job_free(job);
    }
    heta_model_close(model);
  }
}

/* ---- Memory --------------------------------------------------------------------------------- */

/* The number of bytes "69M" or "1.25G" stands for at the end of a message. */
static uint64_t bytes_named(const char *message) {
  const char *at = strrchr(message, ' ');
  char *unit;
  double value = strtod(at + 1, &unit);
  assert_true(value > 0 && (*unit == 'M' || *unit == 'G'));
  return (uint64_t)(value * (*unit == 'M' ? 1 << 20 : 1 << 30));
}

/* A budget one byte below a plan's need gives a cheaper plan with the same scores, down to the
 * smallest; below that the job is refused, naming a budget that works. */
static void budgets(void **state) {
  (void)state;
  for (size_t k = 0; k < 3; k++) {
    heta_model *model = fixture_model("llama-mqa-bias");
    heta_attribute_options options = usual(&FIXTURE_KINDS[k], "probes=2");
    heta_job *whole = attribute_job(model, TEXT, strlen(TEXT), &options);
    attribute_run(whole);
    uint64_t bytes = heta_job_get_plan(whole)->bytes;
    size_t plans = 1;
    heta_error error = {0};
    for (;; plans++) {
      heta_job *job = NULL;
      options.max_memory = bytes - 1;
      heta_status status = heta_job_create(model, TEXT, strlen(TEXT), &options, &job, &error);
      if (status) break;
      const heta_plan *plan = heta_job_get_plan(job);
      assert_true(plan->bytes < bytes);
      bytes = plan->bytes;
      attribute_run(job);
      expect_within_plan("a smaller budget", job);
      const heta_row *a = &attribute_result(job)->rows[1], *b = &attribute_result(whole)->rows[1];
      assert_memory_equal(a->score, b->score, a->length * sizeof(double));
      assert_memory_equal(a->score_se, b->score_se, a->length * sizeof(double));
      heta_job_free(job);
    }
    assert_true(plans > 2);
    assert_int_equal(error.status, HETA_E_BUDGET);
    assert_non_null(strstr(error.message, "this job does not fit --max-memory"));
    /* `bytes` is what the cheapest plan needs: the message names it, rounded up. */
    uint64_t named = bytes_named(error.message);
    if (named < bytes || named - bytes > 1 << 20)
      fail_msg("the cheapest plan needs %llu bytes: %s", (unsigned long long)bytes, error.message);
    options.max_memory = named;
    heta_job *least = attribute_job(model, TEXT, strlen(TEXT), &options);
    assert_true(heta_job_get_plan(least)->bytes <= named);
    heta_job_free(least);
    options.max_memory = 1;
    attribute_refused(model, TEXT, &options, HETA_E_BUDGET,
                      strstr(error.message, "; the smallest budget that works is"));
    heta_job_free(whole);
    heta_model_close(model);
  }
}

/* A budget that block does not fit in gives the next cheaper curvature that does, when the job may,
 * and that of the question itself. */
static void cheaper_curvature(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_attribute_options options = usual(CPU, "probes=3"), free = options;
  heta_job *job = attribute_job(model, TEXT, strlen(TEXT), &options);
  uint64_t bytes = heta_job_get_plan(job)->bytes;
  const char *curvature = "block";
  heta_error error = {0};
  for (; !strcmp(curvature, "block"); bytes -= 16 << 10) {
    heta_job_free(job);
    options.may_simplify = true;
    options.max_memory = bytes;
    job = attribute_job(model, TEXT, strlen(TEXT), &options);
    curvature = heta_i_option(&job->session, "curvature")->text;
    assert_true(heta_job_get_plan(job)->bytes <= bytes);
  }
  const heta_plan *plan = heta_job_get_plan(job);
  char note[128], asked[64];
  snprintf(note, sizeof note, "the budget does not allow --curvature block: this is --curvature %s",
           curvature);
  assert_memory_equal(plan->notes[plan->note_count - 1], note, strlen(note));
  options.may_simplify = false;
  attribute_refused(model, TEXT, &options, HETA_E_BUDGET, "this job does not fit --max-memory");
  attribute_run(job);
  snprintf(asked, sizeof asked, "probes=3 curvature=%s", curvature);
  free = usual(CPU, asked);
  heta_job *plain = attribute_job(model, TEXT, strlen(TEXT), &free);
  attribute_run(plain);
  attribute_same("a cheaper curvature", job, plain);
  heta_job_free(plain);
  heta_job_free(job);
  /* Only block has stand-ins. */
  options = usual(CPU, "probes=3 curvature=gauss-newton");
  options.may_simplify = true;
  options.max_memory = bytes;
  assert_int_equal(heta_job_create(model, TEXT, strlen(TEXT), &options, &job, &error),
                   HETA_E_BUDGET);
  heta_model_close(model);
}

/* ---- Time ----------------------------------------------------------------------------------- */

static void time_budgets(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_attribute_options options = usual(CPU, "probes=3");
  heta_job *whole = attribute_job(model, TEXT, strlen(TEXT), &options);
  attribute_run(whole);

  options.max_seconds = 1000;
  heta_job *ample = attribute_job(model, TEXT, strlen(TEXT), &options);
  attribute_run(ample);
  attribute_same("an ample time budget", ample, whole);
  heta_job_free(ample);

  options.max_seconds = 1e-6;
  attribute_refused(model, TEXT, &options, HETA_E_BUDGET,
                    "this job does not fit --max-time 1e-06 s");

  /* Fewer probes when that is what fits; the same keyed probes, so a prefix of them. */
  heta_attribute_options many = usual(CPU, "probes=100000");
  heta_job *plenty = attribute_job(model, TEXT, strlen(TEXT), &many);
  many.max_seconds = 0.2 + 0.0001 * heta_job_get_plan(plenty)->seconds;
  heta_job_free(plenty);
  heta_job *some = attribute_job(model, TEXT, strlen(TEXT), &many);
  const heta_plan *plan = heta_job_get_plan(some);
  assert_in_range(plan->probes, 2, 99999);
  char note[128];
  snprintf(note, sizeof note, "--max-time %g s allows %zu probes per token instead of 100000",
           many.max_seconds, plan->probes);
  assert_string_equal(plan->notes[plan->note_count - 1], note);
  assert_true(plan->seconds <= many.max_seconds * 1.001);
  heta_job_free(some);

  /* Time runs out while the job runs: partial, and it can go on. */
  options = usual(CPU, "probes=3");
  heta_job *job = attribute_job(model, TEXT, strlen(TEXT), &options);
  heta_error error = {0};
  job->options.max_seconds = 1e-9;
  assert_int_equal(heta_job_run(job, &error), HETA_E_BUDGET);
  assert_non_null(strstr(error.message, "was used up; the result is partial"));
  assert_string_equal(attribute_result(job)->stopped_by, "time");
  assert_false(attribute_result(job)->complete);
  job->options.max_seconds = 0;
  attribute_run(job);
  attribute_same("continued after its time", job, whole);
  heta_job_free(job);
  heta_job_free(whole);
  heta_model_close(model);
}

/* ---- Refusals ------------------------------------------------------------------------------- */

static heta_attribute_options with(const heta_option *option) {
  heta_attribute_options options = attribute_options(CPU, NULL);
  options.method_options = option;
  options.method_option_count = 1;
  return options;
}

/* Plans count with a speed that is set, and refuse one that is none. */
static void speeds(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  heta_attribute_options options = usual(CPU, "probes=1000");
  options.threads = 2;
  heta_error error = {0};
  heta_speed speed = {.struct_size = sizeof speed, .threads = 2};
  derive_ok(heta_speed_measure(model, &speed, &error), &error);
  assert_true(speed.forward > 0 && speed.reverse > 0 && speed.attention > 0);
  double seconds[3];
  for (int i = 0; i < 3; i++) {
    speed.forward = speed.reverse = i ? 2e8 : 1e8;
    speed.attention = i == 2 ? 2e8 : 1e8;
    derive_ok(heta_model_set_speed(model, &speed, &error), &error);
    heta_job *job = attribute_job(model, TEXT, strlen(TEXT), &options);
    seconds[i] = heta_job_get_plan(job)->seconds;
    heta_job_free(job);
  }
  assert_true(seconds[0] > seconds[1] && seconds[1] > seconds[2]);
  /* All twice as fast: all of the work, and not the opening, takes half as long. */
  double opening = 2 * seconds[2] - seconds[0];
  assert_true(opening > 0.09 && opening < 0.11);
  /* It is of two threads: one measures. */
  options.threads = 1;
  heta_job *one = attribute_job(model, TEXT, strlen(TEXT), &options);
  assert_true(heta_job_get_plan(one)->seconds < seconds[0]);
  heta_job_free(one);
  speed.attention = 0;
  assert_int_equal(heta_model_set_speed(model, &speed, &error), HETA_E_ARGUMENT);
  speed.threads = -1;
  assert_int_equal(heta_speed_measure(model, &speed, &error), HETA_E_ARGUMENT);
  speed.struct_size = 1;
  assert_int_equal(heta_speed_measure(model, &speed, &error), HETA_E_ARGUMENT);
  assert_int_equal(heta_model_set_speed(NULL, NULL, &error), HETA_E_ARGUMENT);
  heta_model_close(model);
}

static void refused_options(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-mha");
  static const struct {
    heta_option option;
    const char *words;
  } WRONG[] = {
      {{"probe", "3"}, "method heta has no option 'probe'; it has: config, beta, gamma, probes"},
      {{"probes", "0"}, "it takes auto or a whole number from 1 to 100000"},
      {{"probes", "2.5"}, "it takes auto or a whole number from 1 to 100000"},
      {{"probes", "many"}, "option probes of method heta is 'many'"},
      {{"beta", "-1"}, "it takes a number from 0 to 1e+06"},
      {{"beta", "nan"}, "it takes a number from 0 to 1e+06"},
      {{"beta", ""}, "it takes a number from 0 to 1e+06"},
      {{"curvature", "blocks"}, "it takes one of block|row|gradsq|gauss-newton"},
      {{"mask", "token:"}, "it takes one of zero|mean|unk|eos|pad|token:|noise|attend"},
      {{"mask", "token:x"}, "it takes one of zero|mean"},
      {{"mask", "token:-1"}, "it takes one of zero|mean"},
      {{"mask", "token:261"}, "mask 'token:261': the vocabulary has 261 tokens"},
      {{"scale", "all"}, "it takes one of none|sum|max"},
      {{NULL, "1"}, "an option without name or value"},
      {{"beta", NULL}, "an option without name or value"}};
  for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
    heta_attribute_options options = with(&WRONG[i].option);
    attribute_refused(model, "the", &options, HETA_E_ARGUMENT, WRONG[i].words);
  }
  static const heta_option ALIAS = {"hvp-samples", "3"}, LAST = {"mask", "token:260"};
  heta_attribute_options options = with(&ALIAS);
  heta_job *job = attribute_job(model, "the", 3, &options);
  assert_int_equal(heta_job_get_plan(job)->probes, 3);
  heta_job_free(job);
  options = with(&LAST);
  heta_job_free(attribute_job(model, "the", 3, &options));
  model->info.unk = -1;
  options = attribute_options(CPU, "mask=unk");
  attribute_refused(model, "the", &options, HETA_E_ARGUMENT,
                    "mask 'unk': the model names no such token");
  heta_model_close(model);
}

static void refused_requests(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-mha");
  const heta_attribute_options plain = attribute_options(CPU, NULL);
  heta_attribute_options o = plain;
  o.method = "heata";
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "there is no method 'heata'");
  o.method = NULL;
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "there is no method");
  attribute_refused(model, "", &plain, HETA_E_ARGUMENT, "the text is empty");
  attribute_refused(model,
                    "a\xff"
                    "b",
                    &plain, HETA_E_ARGUMENT, "the byte 0xff at offset 1");
  o = plain;
  o.struct_size = sizeof o + 1;
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "struct_size is wrong");
  o.struct_size = 0;
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "struct_size is wrong");
  o = plain;
  o.precision = HETA_PRECISION_F64;
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "add --backend reference");
  o = plain;
  o.backend = (heta_backend)2;
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "backend");
  o = plain;
  o.precision = (heta_precision)2;
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "precision");
  o = plain;
  o.bos = (heta_bos)3;
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "bos");
  o = plain;
  o.target = (heta_target_mode)4;
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "target mode 4");
  o = plain;
  o.threads = -1;
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "threads is -1");
  o = plain;
  o.max_seconds = NAN;
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "time budget");
  o.max_seconds = -1;
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "time budget");
  o = plain;
  o.part = 2;
  o.parts = 2;
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "part 3 of 2 does not exist");
  /* 64 positions: x never merges with its neighbour. */
  char longer[65];
  memset(longer, 'x', 64);
  longer[64] = 0;
  attribute_refused(model, longer, &plain, HETA_E_ARGUMENT, "shorten it by 1");
  heta_job_free(attribute_job(model, longer, 63, &plain));
  heta_model_close(model);
}

static void refused_targets(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-mha");
  const heta_attribute_options plain = attribute_options(CPU, NULL);
  heta_attribute_options o = plain;
  o.target = HETA_TARGET_TEXT;
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "a target text belongs to target mode");
  o.target_text = "";
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "the target is empty");
  o.target_text = "\xc3";
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "the target is not valid UTF-8 at byte 0");
  o.target_text = " in";
  o.foil_text = " in";
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT,
                    "target and foil do not differ in any token; choose another foil");
  o.foil_text = "";
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "the foil is empty");
  o.foil_text = " it";
  o.join = true;
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "--join and --foil contradict each other");
  o = plain;
  o.join = true;
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "--join needs --target");
  o = plain;
  o.target_text = "x";
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "a target text belongs to target mode");
  o = plain;
  o.target = HETA_TARGET_GENERATE;
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "the number of tokens to generate is 0");
  o.target_count = 62;
  attribute_refused(model, "xxx", &o, HETA_E_ARGUMENT, "shorten it by 1");
  o.target_count = SIZE_MAX - 2;
  attribute_refused(model, "xxx", &o, HETA_E_ARGUMENT, "more than the model's context of 64");
  o.target_count = 2;
  o.foil_text = " it";
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "a foil contrasts one token");
  o = plain;
  o.target = HETA_TARGET_LAST;
  attribute_refused(model, "x", &o, HETA_E_ARGUMENT, "the text has only 1 token");
  static const heta_option GAUSS_NEWTON = {"curvature", "gauss-newton"};
  o = with(&GAUSS_NEWTON);
  o.foil_text = "x";
  attribute_refused(model, "the", &o, HETA_E_ARGUMENT, "is zero for every text");
  /* The foil is what the model would write: known only when it runs. */
  o = plain;
  heta_job *job = attribute_job(model, "the tin", 7, &o);
  int32_t best = attribute_run(job)->targets[0].id;
  heta_job_free(job);
  o.foil_text = "x";
  job = attribute_job(model, "the tin", 7, &o);
  job->input.foil = best;
  heta_error error = {0};
  assert_int_equal(heta_job_run(job, &error), HETA_E_ARGUMENT);
  assert_non_null(strstr(error.message, "the foil is the very token that is explained"));
  heta_job_free(job);
  heta_model_close(model);
}

/* ---- Notes ---------------------------------------------------------------------------------- */

static bool noted(heta_job *job, const char *words) {
  const heta_plan *plan = heta_job_get_plan(job);
  for (size_t i = 0; i < plan->note_count; i++)
    if (strstr(plan->notes[i], words)) return true;
  return false;
}

static void notes(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-mha");
  heta_attribute_options o = attribute_options(CPU, "curvature=gradsq");
  o.target = HETA_TARGET_TEXT;
  /* "t" + "he" as one text is another split, if the vocabulary has a token across the border. */
  o.target_text = "he";
  heta_job *split = attribute_job(model, "the t", 5, &o);
  assert_true(noted(split, "as one text they split differently (--join takes that split)"));
  attribute_run(split);
  assert_true(noted(split, "the target begins without a space right after a word; the model's own "
                           "best token there is '"));
  size_t separate = split->input.first_target;
  heta_job_free(split);
  o.join = true;
  heta_job *joined = attribute_job(model, "the t", 5, &o);
  assert_true(noted(joined, "joined, the first target token begins inside the prompt"));
  assert_false(noted(joined, "split differently"));
  assert_true(joined->input.first_target < separate);
  heta_job_free(joined);
  o.join = false;
  o.target_text = " hen";
  heta_job *clean = attribute_job(model, "the", 3, &o);
  attribute_run(clean);
  assert_int_equal(heta_job_get_plan(clean)->note_count, 0);
  heta_job_free(clean);
  o.foil_text = " hat";
  heta_job *contrast = attribute_job(model, "the", 3, &o);
  assert_true(noted(contrast, "the contrast explains token"));
  assert_int_equal(contrast->input.target_count, 1);
  heta_job_free(contrast);
  o = attribute_options(CPU, "curvature=gradsq");
  o.foil_text = "xx";
  heta_job *next = attribute_job(model, "the", 3, &o);
  assert_true(noted(next, "the foil has 2 tokens; its first one is contrasted"));
  heta_job_free(next);
  heta_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_plan),      cmocka_unit_test(within_plan),
      cmocka_unit_test(budgets),         cmocka_unit_test(cheaper_curvature),
      cmocka_unit_test(time_budgets),    cmocka_unit_test(speeds),
      cmocka_unit_test(refused_options), cmocka_unit_test(refused_requests),
      cmocka_unit_test(refused_targets), cmocka_unit_test(notes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
