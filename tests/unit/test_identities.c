/* test_identities.c: the engine's passes against differences of the function they differentiate, in
 * double, on every tiny model: objectives, block ranges, overrides at every site, several targets.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/derive.h"

typedef struct subject {
  heta_model *model;
  heta_i_engine *engine;
  int32_t *ids;
  size_t n, width, vocabulary;
  double *input; /* embeddings [n × width] */
  dice d;
  char what[160];
} subject;

static subject open_subject(size_t model, bool recompute, uint64_t seed) {
  subject s = {.d = {.seed = seed}, .model = fixture_model(fixture_models()[model])};
  json_t *fixture = fixture_load(fixture_models()[model]);
  s.ids = fixture_ids(fixture, &s.n);
  json_decref(fixture);
  s.width = s.model->hyper.width;
  s.vocabulary = s.model->hyper.vocabulary;
  s.engine = fixture_engine(s.model, &FIXTURE_KINDS[0], s.n, 64, !recompute, recompute, 1);
  s.input = dice_zeros(&s.d, s.n * s.width);
  s.engine->api->embed(s.engine, s.ids, s.n, s.input);
  return s;
}

static void close_subject(subject *s) {
  s->engine->api->close(s->engine);
  heta_model_close(s->model);
  heta_i_free(s->ids);
  dice_free(&s->d);
}

static int32_t token(subject *s) { return (int32_t)dice_below(&s->d, s->vocabulary); }

/* ---- Objectives ----------------------------------------------------------------------------- */

static const heta_i_seed_kind ALL_KINDS[] = {HETA_SEED_LOGPROB, HETA_SEED_LOGIT, HETA_SEED_PROB,
                                             HETA_SEED_LOGIT_PROB};

/* The objective from the logits, by its definition. */
static double by_hand(subject *s, const heta_i_run *run, const heta_i_seed *seed, size_t index) {
  double *z = dice_zeros(&s->d, s->vocabulary), sum = 0;
  s->engine->api->logits(run, index, z);
  for (size_t i = 0; i < s->vocabulary; i++) sum += exp(z[i]);
  double p = exp(z[seed->token]) / sum;
  switch (seed->kind) {
  case HETA_SEED_LOGPROB: return seed->weight * log(p);
  case HETA_SEED_LOGIT: return seed->weight * z[seed->token];
  case HETA_SEED_PROB: return seed->weight * p;
  case HETA_SEED_LOGIT_PROB: return seed->weight * (log(p) - log(1 - p));
  }
  return NAN;
}

static void objectives(void **state) {
  (void)state;
  for (size_t m = 0; fixture_models()[m]; m++) {
    subject s = open_subject(m, m % 2, 1000 + m);
    for (int kind = 0; kind <= 4; kind++) {
      /* One seed of each kind; then all kinds at once over three rows, one row with four seeds of
       * which two share a token. */
      heta_i_seed seeds[8];
      size_t count = 0, rows[3] = {1, s.n / 2, s.n - 2};
      if (kind < 4) seeds[count++] = (heta_i_seed){s.n - 2, token(&s), 1.5, ALL_KINDS[kind]};
      for (size_t r = 0; kind == 4 && r < 3; r++)
        for (size_t k = 0; k < (r == 1 ? 4 : 2); k++)
          seeds[count++] = (heta_i_seed){rows[r], token(&s), 1 - 0.7 * (double)(k + r),
                                         ALL_KINDS[(k + 2 * r) % 4]};
      if (kind == 4) seeds[4].token = seeds[3].token;
      derive f = {s.engine, heta_i_lane_of(s.ids, s.n), 0, seeds, count};
      snprintf(s.what, sizeof s.what, "%s, objective %d", fixture_models()[m], kind);
      derive_check(&f, s.what, s.input, &s.d);
      double wanted = 0, found = derive_value(&f, s.input, NULL);
      heta_i_run *run = derive_run(&f, s.input);
      for (size_t i = 0, index = 0; i < count; i++) {
        index += i && seeds[i].row != seeds[i - 1].row;
        wanted += by_hand(&s, run, &seeds[i], index);
      }
      s.engine->api->run_free(run);
      fixture_close(s.what, &found, &wanted, 1, 1e-11);
    }
    close_subject(&s);
  }
}

/* An objective too large, or of a row that was not asked for, is refused. */
static void objectives_refused(void **state) {
  (void)state;
  subject s = open_subject(0, false, 1);
  heta_i_seed seeds[17];
  for (size_t i = 0; i < 17; i++) seeds[i] = (heta_i_seed){3, (int32_t)i, 1, HETA_SEED_LOGPROB};
  derive f = {s.engine, heta_i_lane_of(s.ids, s.n), 0, seeds, 16};
  heta_i_run *run = derive_run(&f, s.input);
  heta_error error = {0};
  const heta_i_engine_api *api = s.engine->api;
  heta_i_adjoint *kept = NULL; /* for probes, which the limit is about */
  assert_int_equal(api->reverse(s.engine, run, seeds, 16, NULL, NULL, &kept, &error), HETA_OK);
  api->adjoint_free(kept);
  assert_int_equal(api->reverse(s.engine, run, seeds, 17, NULL, NULL, NULL, &error), HETA_OK);
  assert_int_equal(api->reverse(s.engine, run, seeds, 17, NULL, NULL, &kept, &error),
                   HETA_E_ARGUMENT);
  assert_string_equal(error.message, "an objective has 17 seeds at row 3; at most 16");
  const heta_i_seed wrong[] = {{4, 0, 1, HETA_SEED_LOGPROB},
                               {3, -1, 1, HETA_SEED_LOGPROB},
                               {3, (int32_t)s.vocabulary, 1, HETA_SEED_LOGPROB}};
  for (size_t i = 0; i < 3; i++)
    assert_int_equal(api->reverse(s.engine, run, &wrong[i], 1, NULL, NULL, NULL, &error),
                     HETA_E_INTERNAL);
  api->run_free(run);
  close_subject(&s);
}

/* ---- Block ranges --------------------------------------------------------------------------- */

static void block_ranges(void **state) {
  (void)state;
  for (size_t m = 0; fixture_models()[m]; m++)
    for (int recompute = 0; recompute < 2; recompute++) {
      subject s = open_subject(m, recompute, 2000 + m);
      const heta_i_seed seed = {s.n - 1, token(&s), 1, HETA_SEED_LOGPROB};
      derive whole = {s.engine, heta_i_lane_of(s.ids, s.n), 0, &seed, 1};
      double value = derive_value(&whole, s.input, NULL);
      for (size_t begin = 1; begin < s.model->hyper.layers; begin++) {
        double *residual = dice_zeros(&s.d, s.n * s.width);
        heta_i_capture capture = {HETA_SITE_RESIDUAL_BEFORE, begin, residual};
        derive observed = whole;
        observed.lane.captures = &capture;
        observed.lane.capture_count = 1;
        s.engine->api->run_free(derive_run(&observed, s.input));
        derive tail = whole;
        tail.begin = begin;
        snprintf(s.what, sizeof s.what, "%s, blocks %zu …, recompute %d", fixture_models()[m],
                 begin, recompute);
        double again = derive_value(&tail, residual, NULL);
        fixture_close(s.what, &again, &value, 1, 1e-13);
        derive_check(&tail, s.what, residual, &s.d);
      }
      close_subject(&s);
    }
}

/* ---- Overrides ------------------------------------------------------------------------------ */

enum { SET, ADD, SCALE, BLEND, CHANGES };
static const char *const CHANGE_NAMES[] = {"set", "add", "scale", "blend"};

static size_t head_count(const heta_model *model, heta_i_site site) {
  if (site == HETA_SITE_QUERY || site == HETA_SITE_QUERY_ROTATED || site == HETA_SITE_MIX ||
      site == HETA_SITE_PROBABILITIES)
    return model->hyper.heads;
  bool keys = site == HETA_SITE_KEY || site == HETA_SITE_KEY_ROTATED || site == HETA_SITE_VALUE;
  return keys ? model->hyper.kv_heads : 0;
}

/* A random change of a site: of one row or all, one head (where there are heads) or all. */
static heta_i_override random_change(subject *s, heta_i_site site, int kind) {
  size_t heads = head_count(s->model, site), width;
  heta_i_override change = {.site = site,
                            .block = dice_below(&s->d, s->model->hyper.layers),
                            .row = SIZE_MAX,
                            .head = SIZE_MAX};
  if (kind == SET || dice_below(&s->d, 2)) change.row = dice_below(&s->d, s->n);
  if (heads && dice_below(&s->d, 2)) change.head = dice_below(&s->d, heads);
  if (site == HETA_SITE_PROBABILITIES)
    width = s->n;
  else
    width = change.head == SIZE_MAX ? s->model->widths[site] : s->model->hyper.head_width;
  const double scales[CHANGES] = {0, 1, 0.4, 0.7};
  change.scale = scales[kind];
  double *add = dice_normal(&s->d, width);
  for (size_t i = 0; i < width; i++) add[i] *= 0.5;
  if (kind != SCALE) change.add = add;
  return change;
}

/* Lanes under the change equal runs under it: one without parent, one that begins in the middle. */
static void check_lanes(subject *s, const heta_i_override *change, const heta_i_seed *seed) {
  derive f = {s->engine, heta_i_lane_of(s->ids, s->n), 0, seed, 1};
  f.lane.overrides = change;
  f.lane.override_count = 1;
  heta_i_run *parent = derive_run(&f, s->input);
  size_t first = dice_below(&s->d, s->n - 1);
  double *moved = dice_copy(&s->d, s->input, s->n * s->width);
  double *edit = dice_normal(&s->d, s->width);
  memcpy(moved + first * s->width, edit, s->width * sizeof *edit);
  heta_i_lane lanes[2] = {f.lane, f.lane};
  lanes[1].parent = parent;
  lanes[1].first = lanes[1].edit_row = first;
  lanes[1].edit = edit;
  double found[2], wanted[2] = {derive_value(&f, s->input, NULL), derive_value(&f, moved, NULL)};
  heta_i_readout readout = {.rows = 1, .row = &seed->row, .token = &seed->token, .logprob = found};
  heta_error error = {0};
  derive_ok(s->engine->api->lanes(s->engine, lanes, 2, &readout, &error), &error);
  fixture_close(s->what, found, wanted, 2, 1e-12);
  s->engine->api->run_free(parent);
}

/* The changed function differs from the unchanged one, unless the change cannot reach the target.
 */
static bool has_effect(subject *s, const derive *changed, const derive *plain) {
  return fabs(derive_value(changed, s->input, NULL) - derive_value(plain, s->input, NULL)) > 1e-12;
}

static void overrides(void **state) {
  (void)state;
  size_t effects = 0, checked = 0;
  for (size_t m = 0; fixture_models()[m]; m++)
    for (int recompute = 0; recompute < 2; recompute++) {
      subject s = open_subject(m, recompute, 3000 + 2 * m + (size_t)recompute);
      const heta_i_seed seed = {s.n - 1, token(&s), 1, HETA_SEED_LOGPROB};
      for (int site = HETA_SITE_RESIDUAL_BEFORE; site <= HETA_SITE_PROBABILITIES; site++) {
        if (site == HETA_SITE_NORM_FINAL || site == HETA_SITE_LOGITS) continue;
        if (site < HETA_SITE_BUFFERS && !s.model->widths[site]) continue;
        /* Over the models every site meets every kind of change. */
        int kind = (int)(((size_t)site + m + 2 * (size_t)recompute) % CHANGES);
        heta_i_override change = random_change(&s, (heta_i_site)site, kind);
        derive plain = {s.engine, heta_i_lane_of(s.ids, s.n), 0, &seed, 1}, changed = plain;
        changed.lane.overrides = &change;
        changed.lane.override_count = 1;
        snprintf(s.what, sizeof s.what, "%s, %s %s of block %zu, row %zd, head %zd, recompute %d",
                 fixture_models()[m], CHANGE_NAMES[kind], heta_i_site_name((heta_i_site)site),
                 change.block, (ssize_t)change.row, (ssize_t)change.head, recompute);
        effects += has_effect(&s, &changed, &plain);
        checked++;
        derive_check(&changed, s.what, s.input, &s.d);
        check_lanes(&s, &change, &seed);
      }
      close_subject(&s);
    }
  assert_true(checked >= fixture_count() * 2 * 14);
  assert_true(effects > checked / 2);
}

/* Two changes of one site act in order, changes of different blocks together. */
static void several_overrides(void **state) {
  (void)state;
  subject s = open_subject(1, true, 3100);
  const heta_i_seed seed = {s.n - 1, token(&s), 1, HETA_SEED_LOGPROB};
  double *add = dice_normal(&s.d, s.width), *mixed = dice_zeros(&s.d, s.width);
  for (size_t c = 0; c < s.width; c++) mixed[c] = 0.5 * add[c];
  const heta_i_override pair[2] = {{HETA_SITE_MLP_OUT, 1, 4, SIZE_MAX, 1, add},
                                   {HETA_SITE_MLP_OUT, 1, 4, SIZE_MAX, 0.5, NULL}};
  const heta_i_override one = {HETA_SITE_MLP_OUT, 1, 4, SIZE_MAX, 0.5, mixed};
  derive twice = {s.engine, heta_i_lane_of(s.ids, s.n), 0, &seed, 1}, once = twice;
  twice.lane.overrides = pair;
  twice.lane.override_count = 2;
  once.lane.overrides = &one;
  once.lane.override_count = 1;
  double a = derive_value(&twice, s.input, NULL), b = derive_value(&once, s.input, NULL);
  fixture_close("add, then halve", &a, &b, 1, 1e-13);
  heta_i_override many[4];
  for (int i = 0; i < 4; i++) {
    many[i] = random_change(&s, HETA_SITE_VALUE, i);
    many[i].block = (size_t)i % s.model->hyper.layers;
  }
  many[3].site = HETA_SITE_RESIDUAL_BEFORE;
  many[3].head = SIZE_MAX;
  many[3].add = add;
  derive all = twice;
  all.lane.overrides = many;
  all.lane.override_count = 4;
  derive_check(&all, "four overrides", s.input, &s.d);
  close_subject(&s);
}

/* A run keeps what it was changed by: the caller's arrays may go when `run` returns. */
static void runs_own_their_overrides(void **state) {
  (void)state;
  for (int recompute = 0; recompute < 2; recompute++) {
    subject s = open_subject(2, recompute, 3200);
    const heta_i_seed seed = {s.n - 1, token(&s), 1, HETA_SEED_LOGPROB};
    size_t size = s.n * s.width;
    size_t count = s.n + s.model->widths[HETA_SITE_QUERY];
    double *add = heta_i_allocate(count, sizeof *add);
    heta_i_override *changes = heta_i_allocate(2, sizeof *changes);
    for (size_t i = 0; i < count; i++) add[i] = 0.1 * (double)i;
    changes[0] = (heta_i_override){HETA_SITE_QUERY, 0, 3, SIZE_MAX, 0.5, add};
    changes[1] = (heta_i_override){HETA_SITE_PROBABILITIES, 1, 5, 0, 0.5, add};
    derive f = {s.engine, heta_i_lane_of(s.ids, s.n), 0, &seed, 1};
    f.lane.overrides = changes;
    f.lane.override_count = 2;
    double *wanted = dice_zeros(&s.d, size), *found = dice_zeros(&s.d, size);
    derive_value(&f, s.input, wanted);
    heta_i_run *run = derive_run(&f, s.input);
    for (size_t i = 0; i < count; i++) add[i] = NAN;
    heta_i_free(add);
    heta_i_free(changes);
    heta_error error = {0};
    derive_ok(s.engine->api->reverse(s.engine, run, &seed, 1, NULL, found, NULL, &error), &error);
    fixture_close("gradient after the caller's arrays went", found, wanted, size, 0);
    s.engine->api->run_free(run);
    close_subject(&s);
  }
}

/* Changes and observations that cannot be honoured are refused, none is ignored. */
static void sites_refused(void **state) {
  (void)state;
  subject s = open_subject(1, false, 3300); /* 4 heads on 2 */
  const heta_i_engine_api *api = s.engine->api;
  const struct {
    heta_i_site site;
    size_t block, row, head, begin;
  } WRONG[] = {{HETA_SITE_NORM_FINAL, 0, SIZE_MAX, SIZE_MAX, 0},
               {HETA_SITE_LOGITS, 0, SIZE_MAX, SIZE_MAX, 0},
               {HETA_SITE_NONE, 0, SIZE_MAX, SIZE_MAX, 0},
               {HETA_SITE_VALUE, s.model->hyper.layers, SIZE_MAX, SIZE_MAX, 0},
               {HETA_SITE_VALUE, 0, SIZE_MAX, 2, 0},
               {HETA_SITE_QUERY, 0, SIZE_MAX, 4, 0},
               {HETA_SITE_PROBABILITIES, 0, SIZE_MAX, 4, 0},
               {HETA_SITE_VALUE, 0, s.n, SIZE_MAX, 0},
               {HETA_SITE_VALUE, 0, SIZE_MAX, SIZE_MAX, 1}};
  size_t row = s.n - 1;
  for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
    heta_i_override change = {WRONG[i].site, WRONG[i].block, WRONG[i].row, WRONG[i].head, 0.5,
                              NULL};
    heta_i_lane lane = heta_i_lane_of(s.ids, s.n);
    lane.input = s.input;
    lane.overrides = &change;
    lane.override_count = 1;
    heta_i_run *run = NULL;
    heta_error error = {0};
    if (api->run(s.engine, &lane, WRONG[i].begin, &row, 1, &run, &error) != HETA_E_ARGUMENT)
      fail_msg("override %zu was taken", i);
    assert_non_null(strstr(error.message, heta_i_site_name(WRONG[i].site)));
    if (WRONG[i].head != SIZE_MAX || WRONG[i].row != SIZE_MAX) continue;
    heta_i_capture capture = {WRONG[i].site, WRONG[i].block, s.input};
    lane = heta_i_lane_of(s.ids, s.n);
    lane.input = s.input;
    lane.captures = &capture;
    lane.capture_count = 1;
    if (api->run(s.engine, &lane, WRONG[i].begin, &row, 1, &run, &error) != HETA_E_ARGUMENT)
      fail_msg("capture %zu was taken", i);
  }
  close_subject(&s);
}

/* ---- Several targets ------------------------------------------------------------------------ */

/* One run of all rows serves targets at several rows; each is what a run that ends there gives. */
static void several_targets(void **state) {
  (void)state;
  for (size_t m = 0; fixture_models()[m]; m++) {
    subject s = open_subject(m, m % 2, 4000 + m);
    const heta_i_engine_api *api = s.engine->api;
    const size_t rows[3] = {0, s.n / 2, s.n - 1};
    heta_i_lane lane = heta_i_lane_of(s.ids, s.n);
    heta_i_run *shared = NULL;
    heta_error error = {0};
    derive_ok(api->run(s.engine, &lane, 0, rows, 3, &shared, &error), &error);
    size_t size = s.n * s.width;
    double *direction = dice_normal(&s.d, size), *products = dice_zeros(&s.d, 3 * size);
    double *gradients = dice_zeros(&s.d, 3 * size), values[3];
    heta_i_adjoint *adjoints[3];
    heta_i_seed seeds[3];
    for (size_t t = 0; t < 3; t++) {
      seeds[t] = (heta_i_seed){rows[t], token(&s), 1, HETA_SEED_LOGPROB};
      derive_ok(api->reverse(s.engine, shared, &seeds[t], 1, &values[t], gradients + t * size,
                             &adjoints[t], &error),
                &error);
    }
    heta_i_probe probe = {0, s.n, direction, s.n, products};
    derive_ok(api->probes(s.engine, shared, adjoints, 3, &probe, 1, false, &error), &error);
    double *a = dice_zeros(&s.d, s.vocabulary), *b = dice_zeros(&s.d, s.vocabulary);
    for (size_t t = 0; t < 3; t++) {
      derive own = {s.engine, heta_i_lane_of(s.ids, rows[t] + 1), 0, &seeds[t], 1};
      double *gradient = dice_zeros(&s.d, size), *product = dice_zeros(&s.d, size);
      heta_i_run *run = derive_run(&own, s.input);
      api->logits(shared, t, a);
      api->logits(run, 0, b);
      api->run_free(run);
      snprintf(s.what, sizeof s.what, "%s, target at row %zu", fixture_models()[m], rows[t]);
      fixture_close(s.what, a, b, s.vocabulary, 1e-13);
      double value = derive_value(&own, s.input, gradient);
      derive_products(&own, s.input, direction, 1, product);
      fixture_close(s.what, &values[t], &value, 1, 1e-13);
      fixture_close(s.what, gradients + t * size, gradient, size, 1e-12);
      fixture_close(s.what, products + t * size, product, size, 1e-12);
      api->adjoint_free(adjoints[t]);
    }
    api->run_free(shared);
    close_subject(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(objectives),        cmocka_unit_test(objectives_refused),
      cmocka_unit_test(block_ranges),      cmocka_unit_test(overrides),
      cmocka_unit_test(several_overrides), cmocka_unit_test(runs_own_their_overrides),
      cmocka_unit_test(sites_refused),     cmocka_unit_test(several_targets)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
