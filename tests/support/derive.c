/* derive.c: derivatives against differences. */
#include "support/derive.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

void derive_ok(heta_status status, const heta_error *error) {
  if (status) fail_msg("status %d: %s", (int)status, error->message);
}

static size_t width_of(const derive *d) { return d->engine->model->hyper.width; }

heta_i_run *derive_run(const derive *d, const double *input) {
  heta_i_lane lane = d->lane;
  lane.input = input;
  size_t rows[16], count = 0;
  for (size_t i = 0; i < d->seed_count; i++)
    if (!count || rows[count - 1] != d->seeds[i].row) rows[count++] = d->seeds[i].row;
  heta_i_run *run = NULL;
  heta_error error = {0};
  derive_ok(d->engine->api->run(d->engine, &lane, d->begin, rows, count, &run, &error), &error);
  return run;
}

static heta_i_adjoint *reverse(const derive *d, heta_i_run *run, double *value, double *gradient) {
  heta_i_adjoint *adjoint = NULL;
  heta_error error = {0};
  derive_ok(d->engine->api->reverse(d->engine, run, d->seeds, d->seed_count, value, gradient,
                                    &adjoint, &error),
            &error);
  return adjoint;
}

double derive_value(const derive *d, const double *input, double *gradient) {
  double value;
  heta_i_run *run = derive_run(d, input);
  d->engine->api->adjoint_free(reverse(d, run, &value, gradient));
  d->engine->api->run_free(run);
  return value;
}

static void run_probes(const derive *d, const double *input, const heta_i_probe *probes,
                       size_t count) {
  heta_i_run *run = derive_run(d, input);
  heta_i_adjoint *adjoint = reverse(d, run, NULL, NULL);
  heta_error error = {0};
  derive_ok(d->engine->api->probes(d->engine, run, &adjoint, 1, probes, count, false, &error),
            &error);
  d->engine->api->adjoint_free(adjoint);
  d->engine->api->run_free(run);
}

void derive_products(const derive *d, const double *input, const double *directions, size_t count,
                     double *products) {
  size_t rows = d->lane.length, size = rows * width_of(d);
  heta_i_probe *probes = heta_i_allocate(count, sizeof *probes);
  for (size_t i = 0; i < count; i++)
    probes[i] = (heta_i_probe){0, rows, directions + i * size, rows, products + i * size};
  run_probes(d, input, probes, count);
  heta_i_free(probes);
}

static double norm(const double *a, size_t size) { return sqrt(dot_of(a, a, size)); }

static void expect_below(const char *what, const char *check, const dice *draw, double found,
                         double limit) {
  if (!(found <= limit))
    fail_msg("%s (seed %llu): %s: relative error %.3g, allowed %.3g", what,
             (unsigned long long)draw->seed, check, found, limit);
}

static void check_differences(const derive *d, const char *what, const double *input,
                              const double *gradient, const double *direction,
                              const double *product, dice *draw) {
  static const double STEPS[4] = {2, 1, -1, -2}, WEIGHTS[4] = {-1, 8, -8, 1};
  size_t size = d->lane.length * width_of(d);
  /* With kinks none may lie within a step, and rounding tells. */
  bool kinks = d->engine->model->architecture->activation == HETA_ACT_RELU;
  double step = kinks ? 1e-8 : 1e-4, limit = kinks ? 1e-5 : 1e-6, slope = 0;
  step *= largest_of(input, size) / largest_of(direction, size);
  double *moved = dice_zeros(draw, size), *near = dice_zeros(draw, size);
  double *there = dice_zeros(draw, size);
  for (int k = 0; k < 4; k++) {
    for (size_t i = 0; i < size; i++) moved[i] = input[i] + STEPS[k] * step * direction[i];
    slope += WEIGHTS[k] * derive_value(d, moved, there) / (12 * step);
    for (size_t i = 0; i < size; i++) near[i] += WEIGHTS[k] * there[i] / (12 * step);
  }
  double scale = norm(gradient, size) * norm(direction, size) / sqrt((double)size);
  expect_below(what, "gradient against differences", draw,
               fabs(dot_of(gradient, direction, size) - slope) / (scale > 0 ? scale : 1), limit);
  expect_below(what, "product against differences of the gradient", draw,
               fixture_error(product, near, size), limit);
}

static void check_bilinear(const char *what, const double *products, const double *u,
                           const double *v, size_t size, double a, double b, const dice *draw) {
  const double *hu = products, *hv = products + size, *mixed = products + 2 * size;
  double scale = norm(hv, size) * norm(u, size) + norm(hu, size) * norm(v, size);
  expect_below(what, "u'Hv against v'Hu", draw,
               fabs(dot_of(u, hv, size) - dot_of(v, hu, size)) / (scale > 0 ? scale : 1), 1e-10);
  double most = 0;
  for (size_t i = 0; i < size; i++) most = fmax(most, fabs(mixed[i] - a * hu[i] - b * hv[i]));
  double largest = fabs(a) * largest_of(hu, size) + fabs(b) * largest_of(hv, size);
  expect_below(what, "H(au + bv) against aHu + bHv", draw, most / (largest > 0 ? largest : 1),
               1e-10);
}

/* A probe that owns rows first … only, wanting as many rows as it pleases. */
static void check_late_probe(const derive *d, const char *what, const double *input, dice *draw) {
  size_t width = width_of(d), n = d->lane.length, first = dice_below(draw, n);
  size_t rows = 1 + dice_below(draw, n - first), wanted = 1 + dice_below(draw, n - first);
  double *late = dice_normal(draw, rows * width), *found = dice_zeros(draw, wanted * width);
  double *whole = dice_zeros(draw, n * width), *product = dice_zeros(draw, n * width);
  memcpy(whole + first * width, late, rows * width * sizeof *late);
  heta_i_probe probe = {first, rows, late, wanted, found};
  run_probes(d, input, &probe, 1);
  derive_products(d, input, whole, 1, product);
  expect_below(what, "a probe from a later row", draw,
               fixture_error(found, product + first * width, wanted * width), 1e-10);
}

void derive_check(const derive *d, const char *what, const double *input, dice *draw) {
  size_t width = width_of(d), size = d->lane.length * width;
  double a = 2 * dice_fraction(draw) - 1, b = 3 * dice_fraction(draw);
  double *directions = dice_normal(draw, 3 * size), *products = dice_zeros(draw, 3 * size);
  double *u = directions, *v = directions + size, *gradient = dice_zeros(draw, size);
  for (size_t i = 0; i < size; i++) directions[2 * size + i] = a * u[i] + b * v[i];
  derive_value(d, input, gradient);
  derive_products(d, input, directions, 3, products);
  check_differences(d, what, input, gradient, u, products, draw);
  check_bilinear(what, products, u, v, size, a, b, draw);
  check_late_probe(d, what, input, draw);
  size_t last = 0;
  for (size_t i = 0; i < d->seed_count; i++)
    if (d->seeds[i].row > last) last = d->seeds[i].row;
  for (size_t i = (last + 1) * width; i < size; i++)
    if (gradient[i] != 0 || products[i] != 0)
      fail_msg("%s (seed %llu): row %zu is after the objective's last row %zu, but its gradient or "
               "product is not 0",
               what, (unsigned long long)draw->seed, i / width, last);
}
