/* test_lanes.c: a lane equals the run that recomputes it from nothing, and no number depends on how
 * lanes are batched, on threads, or on what is stored, recomputed or expanded. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "format/quant.h"
#include "support/variants.h"

enum { TARGETS = 2 };

/* Relative to the largest value: lanes against runs in this precision. */
static double limit_of(const fixture_kind *kind) {
  return kind->precision == HETA_PRECISION_F64 ? 1e-12 : 5e-5;
}

/* A model under some settings, a clean run, and lanes over it. */
typedef struct subject {
  heta_model *model;
  heta_i_engine *engine;
  int32_t ids[64];
  size_t length, longest, vocabulary, width;
  uint32_t positions[64];
  size_t rows[TARGETS];
  int32_t token[TARGETS], foil[TARGETS];
  heta_i_run *run;
  dice d;
} subject;

typedef struct settings {
  const fixture_kind *kind;
  size_t lane_rows;
  bool expand, recompute;
  int threads;
} settings;

static void open_engine(subject *s, const settings *o) {
  s->engine = fixture_engine(s->model, o->kind, 2 * s->longest + 8, o->lane_rows, o->expand,
                             o->recompute, o->threads);
  heta_i_lane lane = heta_i_lane_of(s->ids, s->length);
  lane.positions = s->positions;
  heta_error error = {0};
  derive_ok(s->engine->api->run(s->engine, &lane, 0, s->rows, TARGETS, &s->run, &error), &error);
}

static void close_engine(subject *s) {
  s->engine->api->run_free(s->run);
  s->engine->api->close(s->engine);
}

/* Random tokens; positions with a gap for odd seeds. */
static void open_subject(subject *s, heta_model *model, size_t length, uint64_t seed) {
  *s = (subject){.d = {.seed = seed}, .model = model, .length = length, .longest = length + 3};
  s->vocabulary = model->hyper.vocabulary;
  s->width = model->hyper.width;
  for (size_t i = 0; i < s->longest; i++) {
    s->ids[i] = (int32_t)dice_below(&s->d, s->vocabulary);
    s->positions[i] = (uint32_t)(i + (seed % 2 && i > length / 3 ? 4 : 0));
  }
  s->rows[0] = length / 2;
  s->rows[1] = length - 1;
  for (int t = 0; t < TARGETS; t++) {
    s->token[t] = (int32_t)dice_below(&s->d, s->vocabulary);
    s->foil[t] = (int32_t)dice_below(&s->d, s->vocabulary);
  }
}

/* Log-probability, foil's log-probability and divergence of one target, by definition. */
static void read_run(subject *s, const heta_i_run *run, size_t t, double out[3]) {
  double *p = dice_zeros(&s->d, s->vocabulary), *q = dice_zeros(&s->d, s->vocabulary);
  s->engine->api->logprobs(s->run, t, p);
  s->engine->api->logprobs(run, t, q);
  out[0] = q[s->token[t]];
  out[1] = q[s->foil[t]];
  out[2] = 0;
  for (size_t i = 0; i < s->vocabulary; i++) out[2] += exp(p[i]) * (p[i] - q[i]);
}

typedef struct answers {
  double *logprob, *foil, *kl; /* [lanes × TARGETS] */
} answers;

static answers ask(subject *s, const heta_i_lane *lanes, size_t count) {
  size_t size = count * TARGETS;
  answers a = {dice_zeros(&s->d, size), dice_zeros(&s->d, size), dice_zeros(&s->d, size)};
  for (size_t i = 0; i < size; i++) a.logprob[i] = a.foil[i] = a.kl[i] = -77;
  heta_i_readout readout = {.rows = TARGETS,
                            .row = s->rows,
                            .token = s->token,
                            .foil = s->foil,
                            .reference = s->run,
                            .logprob = a.logprob,
                            .foil_logprob = a.foil,
                            .kl = a.kl};
  heta_error error = {0};
  derive_ok(s->engine->api->lanes(s->engine, lanes, count, &readout, &error), &error);
  return a;
}

/* ---- Lanes against runs --------------------------------------------------------------------- */

static void check_kind(subject *s, const fixture_kind *kind, variant_kind variant) {
  enum { LANES = 4 };
  variants v = {s->engine, s->run, s->ids, s->length, s->longest, s->positions, &s->d};
  heta_i_lane lanes[LANES], wholes[LANES];
  double *wanted[3], *found[3];
  size_t used = 0;
  for (int i = 0; i < 3; i++) {
    wanted[i] = dice_zeros(&s->d, LANES * TARGETS);
    found[i] = dice_zeros(&s->d, LANES * TARGETS);
  }
  for (int l = 0; l < LANES; l++)
    variant_make(&v, variant, l ? dice_below(&s->d, s->length) : 0, s->length, &lanes[l],
                 &wholes[l]);
  answers a = ask(s, lanes, LANES);
  for (int l = 0; l < LANES; l++) {
    heta_i_run *run = NULL;
    heta_error error = {0};
    derive_ok(s->engine->api->run(s->engine, &wholes[l], 0, s->rows, TARGETS, &run, &error),
              &error);
    for (size_t t = 0; t < TARGETS; t++) {
      size_t at = (size_t)l * TARGETS + t;
      if (s->rows[t] < lanes[l].first) { /* not the lane's row: left alone */
        if (a.logprob[at] != -77 || a.foil[at] != -77 || a.kl[at] != -77)
          fail_msg("a row before the lane's first was read");
        continue;
      }
      double out[3];
      read_run(s, run, t, out);
      for (int i = 0; i < 3; i++) wanted[i][used] = out[i];
      found[0][used] = a.logprob[at];
      found[1][used] = a.foil[at];
      found[2][used++] = a.kl[at];
      if (a.kl[at] < 0) fail_msg("a divergence is negative: %g", a.kl[at]);
    }
    s->engine->api->run_free(run);
  }
  static const char *const NAMES[3] = {"log-probability", "foil", "divergence"};
  for (int i = 0; i < 3; i++) {
    /* A lane may leave a target as it was: its divergence is then 0 but for rounding. */
    double scale = fmax(1, largest_of(wanted[i], used)), error = 0;
    for (size_t k = 0; k < used; k++) error = fmax(error, fabs(found[i][k] - wanted[i][k]) / scale);
    if (!(error <= limit_of(kind)))
      fail_msg("%s, %s lanes (seed %llu): %s: relative error %.3g, allowed %.3g", kind->name,
               VARIANT_NAMES[variant], (unsigned long long)s->d.seed, NAMES[i], error,
               limit_of(kind));
  }
}

static void lanes_are_runs(void **state) {
  (void)state;
  uint64_t seed = 100;
  for (size_t m = 0; fixture_models()[m]; m++) {
    heta_model *model = fixture_model(fixture_models()[m]);
    for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++, seed++) {
      subject s;
      open_subject(&s, model, 9 + m, seed);
      open_engine(&s, &(settings){kind, 64, seed % 2 == 0, seed % 3 == 0, 1});
      for (int variant = 0; variant < VARIANT_KINDS; variant++)
        check_kind(&s, kind, (variant_kind)variant);
      close_engine(&s);
      dice_free(&s.d);
    }
    heta_model_close(model);
  }
}

/* Lanes of a run that begins at a later block, beside lanes of a whole run. */
static void lanes_of_later_blocks(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-gqa");
  subject s;
  open_subject(&s, model, 9, 2);
  open_engine(&s, &(settings){&FIXTURE_KINDS[0], 64, true, false, 1});
  const heta_i_engine_api *api = s.engine->api;
  double *residual = dice_zeros(&s.d, s.length * s.width);
  double *edit = dice_normal(&s.d, s.width);
  heta_i_capture capture = {HETA_SITE_RESIDUAL_BEFORE, 1, residual};
  heta_error error = {0};
  derive_ok(api->inspect(s.engine, s.run, 1, &capture, 1, &error), &error);
  heta_i_lane tail = heta_i_lane_of(NULL, s.length);
  tail.input = residual;
  tail.positions = s.positions;
  heta_i_run *late = NULL;
  derive_ok(api->run(s.engine, &tail, 1, s.rows, TARGETS, &late, &error), &error);
  heta_i_lane lanes[3];
  for (int l = 0; l < 3; l++) {
    lanes[l] = heta_i_lane_of(s.ids, s.length);
    lanes[l].positions = s.positions;
    lanes[l].first = lanes[l].edit_row = 3;
    lanes[l].edit = edit;
    lanes[l].parent = l == 1 ? late : s.run;
  }
  lanes[1].input = residual + 3 * s.width;
  answers together = ask(&s, lanes, 3);
  for (int l = 0; l < 3; l++) {
    answers alone = ask(&s, &lanes[l], 1);
    fixture_close("a lane alone and in company", together.logprob + l * TARGETS, alone.logprob,
                  TARGETS, 0);
  }
  memcpy(residual + 3 * s.width, edit, s.width * sizeof *edit);
  heta_i_run *wanted = NULL;
  derive_ok(api->run(s.engine, &tail, 1, s.rows, TARGETS, &wanted, &error), &error);
  for (size_t t = 0; t < TARGETS; t++) {
    double out[3];
    read_run(&s, wanted, t, out);
    fixture_close("a lane from block 1", together.logprob + TARGETS + t, out, 1, 1e-12);
  }
  api->run_free(wanted);
  api->run_free(late);
  close_engine(&s);
  dice_free(&s.d);
  heta_model_close(model);
}

/* Block probes, whose lanes own rows first … only, against products over all rows, in float too. */
static void probes_are_products(void **state) {
  (void)state;
  uint64_t seed = 300;
  for (size_t m = 0; fixture_models()[m]; m++) {
    heta_model *model = fixture_model(fixture_models()[m]);
    for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++)
      for (int gauss_newton = 0; gauss_newton < 2; gauss_newton++, seed++) {
        subject s;
        open_subject(&s, model, 10, seed);
        open_engine(&s, &(settings){kind, 32, true, seed % 2 == 0, 1});
        const heta_i_engine_api *api = s.engine->api;
        heta_i_adjoint *adjoints[TARGETS];
        heta_error error = {0};
        for (size_t t = 0; t < TARGETS; t++) {
          heta_i_seed objective = {s.rows[t], s.token[t], 1, HETA_SEED_LOGPROB};
          derive_ok(api->reverse(s.engine, s.run, &objective, 1, NULL, NULL, &adjoints[t], &error),
                    &error);
        }
        enum { N = 10 };
        size_t size = N * s.width;
        double *directions = dice_normal(&s.d, size), *found = dice_zeros(&s.d, TARGETS * size);
        double *wholes = dice_zeros(&s.d, N * size), *wanted = dice_zeros(&s.d, N * TARGETS * size);
        double *expected = dice_zeros(&s.d, TARGETS * size);
        heta_i_probe late[N], full[N];
        for (size_t i = 0; i < N; i++) {
          double *whole = wholes + i * size;
          memcpy(whole + i * s.width, directions + i * s.width, s.width * sizeof *whole);
          late[i] =
              (heta_i_probe){i, 1, directions + i * s.width, 1, found + i * TARGETS * s.width};
          full[i] = (heta_i_probe){0, N, whole, N, wanted + i * TARGETS * size};
        }
        derive_ok(api->probes(s.engine, s.run, adjoints, TARGETS, late, N, gauss_newton, &error),
                  &error);
        derive_ok(api->probes(s.engine, s.run, adjoints, TARGETS, full, N, gauss_newton, &error),
                  &error);
        for (size_t i = 0; i < N; i++)
          for (size_t t = 0; t < TARGETS; t++)
            memcpy(expected + (i * TARGETS + t) * s.width,
                   wanted + (i * TARGETS + t) * size + i * s.width, s.width * sizeof *expected);
        double off = fixture_error(found, expected, TARGETS * size);
        if (!(off <= limit_of(kind)))
          fail_msg("%s, %s, block probes (seed %llu): relative error %.3g", fixture_models()[m],
                   kind->name, (unsigned long long)seed, off);
        for (size_t t = 0; t < TARGETS; t++) api->adjoint_free(adjoints[t]);
        close_engine(&s);
        dice_free(&s.d);
      }
    heta_model_close(model);
  }
}

/* ---- Stacks --------------------------------------------------------------------------------- */

enum { CONTEXTS = 3 };

/* Output distributions and gradients of contexts that run as one, and of each by itself. */
static void check_stack(subject *s, const char *name, const fixture_kind *kind) {
  const heta_i_engine_api *api = s->engine->api;
  size_t n = s->length, size = n * s->width, rows[CONTEXTS * TARGETS];
  double *inputs = dice_normal(&s->d, CONTEXTS * size), *logits = dice_zeros(&s->d, s->vocabulary);
  double *alone = dice_zeros(&s->d, size), *all = dice_zeros(&s->d, CONTEXTS * size);
  double *expected = dice_zeros(&s->d, s->vocabulary), values[2] = {0, 0}, value;
  heta_i_lane lanes[CONTEXTS];
  heta_i_seed seeds[CONTEXTS * TARGETS];
  heta_i_run *stack = NULL, *run = NULL;
  heta_error error = {0};
  for (size_t c = 0; c < CONTEXTS; c++) {
    lanes[c] = heta_i_lane_of(s->ids, n);
    lanes[c].positions = s->positions;
    if (c) lanes[c].input = inputs + c * size;
    for (size_t t = 0; t < TARGETS; t++) {
      rows[c * TARGETS + t] = c * n + s->rows[t];
      seeds[c * TARGETS + t] =
          (heta_i_seed){c * n + s->rows[t], s->token[t], c + 1.0, HETA_SEED_LOGPROB};
    }
  }
  size_t all_seeds = CONTEXTS * TARGETS;
  derive_ok(api->stack(s->engine, lanes, CONTEXTS, rows, CONTEXTS * TARGETS, &stack, &error),
            &error);
  derive_ok(api->reverse(s->engine, stack, seeds, all_seeds, &values[0], all, NULL, &error),
            &error);
  for (size_t c = 0; c < CONTEXTS; c++) {
    heta_i_seed own[TARGETS];
    for (size_t t = 0; t < TARGETS; t++) {
      own[t] = seeds[c * TARGETS + t];
      own[t].row = s->rows[t];
    }
    derive_ok(api->run(s->engine, &lanes[c], 0, s->rows, TARGETS, &run, &error), &error);
    derive_ok(api->reverse(s->engine, run, own, TARGETS, &value, alone, NULL, &error), &error);
    for (size_t t = 0; t < TARGETS; t++) {
      api->logits(stack, c * TARGETS + t, logits);
      api->logits(run, t, expected);
      if (memcmp(logits, expected, s->vocabulary * sizeof *logits) != 0)
        fail_msg("%s, %s: context %zu has other logits in a stack", name, kind->name, c);
    }
    if (memcmp(all + c * size, alone, size * sizeof *alone) != 0)
      fail_msg("%s, %s: context %zu has another gradient in a stack: off by %.3g", name, kind->name,
               c, fixture_error(all + c * size, alone, size));
    values[1] += value;
    api->run_free(run);
  }
  fixture_close("the objective of a stack", &values[0], &values[1], 1, 1e-12);
  assert_true(largest_of(all + size, size) > 0);
  /* Products, and contexts that differ in more than their input, are not a stack's. */
  heta_i_adjoint *adjoint = NULL;
  assert_int_equal(api->reverse(s->engine, stack, seeds, all_seeds, NULL, NULL, &adjoint, &error),
                   HETA_E_INTERNAL);
  api->run_free(stack);
  lanes[1].hidden_key = 1;
  assert_int_equal(api->stack(s->engine, lanes, CONTEXTS, rows, CONTEXTS * TARGETS, &stack, &error),
                   HETA_E_INTERNAL);
}

static void stacks_are_runs(void **state) {
  (void)state;
  uint64_t seed = 700;
  for (size_t m = 0; fixture_models()[m]; m++) {
    heta_model *model = fixture_model(fixture_models()[m]);
    for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++, seed++) {
      subject s;
      open_subject(&s, model, 9 + m % 4, seed);
      open_engine(&s, &(settings){kind, 64, seed % 2 == 0, seed % 3 == 0, 1 + (int)(seed % 2)});
      for (int again = 0; again < 2; again++) check_stack(&s, fixture_models()[m], kind);
      close_engine(&s);
      dice_free(&s.d);
    }
    heta_model_close(model);
  }
}

/* ---- The same bits -------------------------------------------------------------------------- */

enum { MANY = 42 };

/* Everything an engine computes for these lanes and probes, in one array. Lanes and directions come
 * from the seed alone. */
static double *everything(subject *s, const settings *o, bool reversed, size_t *count) {
  open_engine(s, o);
  dice d = {.seed = s->d.seed + 1};
  variants v = {s->engine, s->run, s->ids, s->length, s->longest, s->positions, &d};
  heta_i_lane lanes[MANY], ordered[MANY], whole;
  for (int l = 0; l < MANY; l++)
    variant_make(&v, (variant_kind)(l % VARIANT_KINDS), dice_below(&d, s->length), s->length,
                 &lanes[l], &whole);
  for (int l = 0; l < MANY; l++) ordered[l] = lanes[reversed ? MANY - 1 - l : l];
  answers a = ask(s, ordered, MANY);
  size_t n = s->length, size = n * s->width, answered = MANY * TARGETS;
  size_t probes = 2 * n + 1, total = 3 * answered + TARGETS * (s->vocabulary + size) +
                                     2 * probes * TARGETS * s->width + TARGETS * size;
  double *out = dice_zeros(&s->d, total), *at = out;
  for (int l = 0; l < MANY; l++) {
    size_t from = (size_t)(reversed ? MANY - 1 - l : l) * TARGETS;
    memcpy(at, a.logprob + from, TARGETS * sizeof *at), at += TARGETS;
    memcpy(at, a.foil + from, TARGETS * sizeof *at), at += TARGETS;
    memcpy(at, a.kl + from, TARGETS * sizeof *at), at += TARGETS;
  }
  const heta_i_engine_api *api = s->engine->api;
  heta_i_adjoint *adjoints[TARGETS];
  heta_error error = {0};
  for (size_t t = 0; t < TARGETS; t++) {
    heta_i_seed objective[2] = {{s->rows[t], s->token[t], 1, HETA_SEED_LOGPROB},
                                {s->rows[t], s->foil[t], -0.5, HETA_SEED_LOGIT_PROB}};
    api->logits(s->run, t, at), at += s->vocabulary;
    derive_ok(api->reverse(s->engine, s->run, objective, 2, NULL, at, &adjoints[t], &error),
              &error);
    at += size;
  }
  double *directions = dice_normal(&d, 2 * size), *results = at;
  heta_i_probe list[64 * 2 + 1];
  for (size_t i = 0; i < 2 * n; i++) {
    size_t place = reversed ? 2 * n - 1 - i : i;
    list[place] =
        (heta_i_probe){i % n, 1, directions + i * s->width, 1, results + i * TARGETS * s->width};
  }
  list[2 * n] = (heta_i_probe){0, n, directions, n, results + 2 * n * TARGETS * s->width};
  derive_ok(api->probes(s->engine, s->run, adjoints, TARGETS, list, 2 * n + 1, reversed, &error),
            &error);
  derive_ok(api->probes(s->engine, s->run, adjoints, TARGETS, list, 2 * n + 1, false, &error),
            &error);
  for (size_t t = 0; t < TARGETS; t++) api->adjoint_free(adjoints[t]);
  close_engine(s);
  dice_free(&d);
  *count = (size_t)(results - out) + (2 * n * s->width + size) * TARGETS;
  assert_true(*count <= total);
  return out;
}

static void expect_same(subject *s, const settings *base, const settings *other, bool reversed,
                        const char *what) {
  size_t count, again;
  double *a = everything(s, base, false, &count), *b = everything(s, other, reversed, &again);
  assert_int_equal(count, again);
  for (size_t i = 0; i < count; i++)
    if (memcmp(&a[i], &b[i], sizeof *a))
      fail_msg("%s, %s (seed %llu): number %zu of %zu is %.17g, not %.17g", base->kind->name, what,
               (unsigned long long)s->d.seed, i, count, b[i], a[i]);
}

static void check_bits(heta_model *model, const fixture_kind *kind, size_t length, uint64_t seed) {
  subject s;
  open_subject(&s, model, length, seed);
  size_t least = heta_i_pad_rows(s.longest);
  const settings base = {kind, least, true, false, 1};
  settings other = base;
  other.lane_rows = heta_i_pad_rows(512);
  expect_same(&s, &base, &other, false, "batches of 512 rows");
  other.lane_rows = heta_i_pad_rows(64);
  other.threads = 2;
  expect_same(&s, &base, &other, true, "lanes in reverse order, 2 threads");
  other = base;
  other.expand = false;
  expect_same(&s, &base, &other, false, "weights panel by panel");
  other.recompute = true;
  expect_same(&s, &base, &other, false, "recomputed, panel by panel");
  other = (settings){kind, 160, true, true, 3};
  expect_same(&s, &base, &other, true, "recomputed, batches of 160, reverse order, 3 threads");
  other = (settings){kind, least, true, false, 7};
  if (length < 20) expect_same(&s, &base, &other, false, "7 threads");
  dice_free(&s.d);
}

static void the_same_bits(void **state) {
  (void)state;
  static const char *const MODELS[] = {"llama-gqa", "llama-mqa-bias", "llama-q4_1"};
  for (size_t m = 0; m < 3; m++) {
    heta_model *model = fixture_model(MODELS[m]);
    for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++) {
      bool fast = kind->backend == HETA_BACKEND_CPU;
      if (fast || !m) check_bits(model, kind, fast && !m ? 37 : 11, 400 + m);
    }
    heta_model_close(model);
  }
}

/* ---- Matrices of several panels ------------------------------------------------------------- */

enum { WIDE = 66001 }; /* a panel holds a million numbers: 65,536 rows of 16 */

/* Spreads the neurons of a model's feed-forward over WIDE ones, so that its matrices take several
 * panels. The new neurons put out 0, whatever weights lead on from them. */
static void widen(heta_model *model, heta_i_tensor *tensors, dice *d) {
  size_t narrow = model->hyper.feed_forward, width = model->hyper.width;
  for (size_t i = 0; i < model->hyper.layers * model->block_ops; i++) {
    heta_i_site out = model->architecture->block[i % model->block_ops].out;
    if (out != HETA_SITE_GATE && out != HETA_SITE_UP && out != HETA_SITE_MLP_OUT) continue;
    heta_i_weight *weight = &model->block_weights[i];
    const heta_i_tensor *old = weight->tensor;
    bool down = out == HETA_SITE_MLP_OUT;
    float *data = heta_i_arena_take(&d->memory, WIDE * width, sizeof *data);
    float *from = heta_i_arena_take(&d->memory, narrow * width, sizeof *from);
    assert_true(data && from);
    for (size_t r = 0; r < weight->rows; r++)
      heta_i_expand(old->type, old->data + r * (old->bytes / weight->rows), weight->cols,
                    from + r * weight->cols);
    for (size_t e = 0; down && e < WIDE * width; e++) data[e] = (float)(e % 13) - 6;
    for (size_t j = 0; j < narrow; j++)
      for (size_t c = 0; c < width; c++) {
        size_t at = j * ((WIDE - 1) / (narrow - 1));
        if (down)
          data[c * WIDE + at] = from[c * narrow + j];
        else
          data[at * width + c] = from[j * width + c];
      }
    tensors[i] = (heta_i_tensor){.name = old->name,
                                 .type = HETA_TYPE_F32,
                                 .dims = 2,
                                 .shape = {down ? WIDE : width, down ? width : WIDE, 1, 1},
                                 .bytes = WIDE * width * sizeof *data,
                                 .data = (const unsigned char *)data};
    weight->tensor = &tensors[i];
    weight->rows = down ? width : WIDE;
    weight->cols = down ? WIDE : width;
  }
  model->hyper.feed_forward = WIDE;
  model->widths[HETA_SITE_GATE] = model->widths[HETA_SITE_UP] = WIDE;
  model->widths[HETA_SITE_ACTIVATION] = WIDE;
}

/* Logits, gradient and a product of a run, one after the other. */
static double *derivatives(subject *s, const settings *o, size_t *count) {
  open_engine(s, o);
  const heta_i_engine_api *api = s->engine->api;
  heta_i_adjoint *adjoint = NULL;
  heta_i_seed objective = {s->rows[1], s->token[1], 1, HETA_SEED_LOGPROB};
  heta_error error = {0};
  size_t size = s->length * s->width;
  double *out = dice_zeros(&s->d, s->vocabulary + 2 * size), *at = out + s->vocabulary;
  dice same = {.seed = 3};
  heta_i_probe probe = {0, s->length, dice_normal(&same, size), s->length, at + size};
  api->logits(s->run, 1, out);
  derive_ok(api->reverse(s->engine, s->run, &objective, 1, NULL, at, &adjoint, &error), &error);
  derive_ok(api->probes(s->engine, s->run, &adjoint, 1, &probe, 1, false, &error), &error);
  api->adjoint_free(adjoint);
  close_engine(s);
  dice_free(&same);
  *count = s->vocabulary + 2 * size;
  return out;
}

static void several_panels(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-mha");
  heta_i_tensor tensors[64];
  subject s;
  dice d = {.seed = 9};
  model->hyper.layers = 1;
  assert_true(model->block_ops < 64);
  open_subject(&s, model, 5, 500);
  const fixture_kind *f64 = &FIXTURE_KINDS[0], *cpu = &FIXTURE_KINDS[2];
  size_t count;
  double *narrow = derivatives(&s, &(settings){f64, 32, true, false, 1}, &count);
  widen(model, tensors, &d);
  double *wide = derivatives(&s, &(settings){f64, 32, false, false, 1}, &count);
  double *fast = derivatives(&s, &(settings){cpu, 32, true, false, 1}, &count);
  double *again = derivatives(&s, &(settings){cpu, 32, false, true, 2}, &count);
  fixture_close("a feed-forward of several panels", wide, narrow, count, 1e-12);
  fixture_close("the same in float", fast, narrow, count, 5e-5);
  if (memcmp(fast, again, count * sizeof *fast))
    fail_msg("a matrix of several panels gives other bits when expanded at every use");
  dice_free(&s.d);
  heta_model_close(model);
  dice_free(&d);
}

/* ---- What does not fit ---------------------------------------------------------------------- */

static void refused(void **state) {
  (void)state;
  heta_model *model = fixture_model("llama-mha");
  subject s;
  open_subject(&s, model, 9, 4);
  open_engine(&s, &(settings){&FIXTURE_KINDS[0], 32, true, false, 1}); /* 32 positions */
  const heta_i_engine_api *api = s.engine->api;
  heta_i_lane good = heta_i_lane_of(s.ids, s.length), wrong[6];
  good.parent = s.run;
  good.first = 2;
  heta_error error = {0};
  derive_ok(api->lanes(s.engine, &good, 1, NULL, &error), &error);
  for (int i = 0; i < 6; i++) wrong[i] = good;
  wrong[0].first = s.length;     /* owns no row */
  wrong[1].parent = NULL;        /* needs rows it has no parent for */
  wrong[2].length = 33;          /* longer than the engine's positions */
  wrong[3].first = s.length + 1; /* begins after a gap behind its parent */
  wrong[3].length = s.length + 2;
  wrong[4].tokens = NULL; /* has no input */
  uint32_t far[9] = {0, 1, 2, 3, 32, 5, 6, 7, 8};
  wrong[5].positions = far; /* beyond the RoPE tables */
  for (int i = 0; i < 6; i++)
    if (api->lanes(s.engine, &wrong[i], 1, NULL, &error) != HETA_E_INTERNAL)
      fail_msg("lane %d was taken", i);
  heta_i_seed objective = {s.rows[1], 1, 1, HETA_SEED_LOGPROB};
  heta_i_adjoint *adjoint = NULL;
  derive_ok(api->reverse(s.engine, s.run, &objective, 1, NULL, NULL, &adjoint, &error), &error);
  double *numbers = dice_zeros(&s.d, 20 * s.width);
  const heta_i_probe late[] = {
      {9, 1, numbers, 1, numbers}, {3, 7, numbers, 1, numbers}, {3, 1, numbers, 7, numbers}};
  for (int i = 0; i < 3; i++)
    if (api->probes(s.engine, s.run, &adjoint, 1, &late[i], 1, false, &error) != HETA_E_INTERNAL)
      fail_msg("probe %d was taken", i);
  api->adjoint_free(adjoint);
  close_engine(&s);
  dice_free(&s.d);
  heta_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(lanes_are_runs),
                                     cmocka_unit_test(lanes_of_later_blocks),
                                     cmocka_unit_test(probes_are_products),
                                     cmocka_unit_test(stacks_are_runs),
                                     cmocka_unit_test(the_same_bits),
                                     cmocka_unit_test(several_panels),
                                     cmocka_unit_test(refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
