/* variants.c: random lanes and the runs that recompute them. */
#include "support/variants.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

const char *const VARIANT_NAMES[VARIANT_KINDS] = {
    "masked", "hidden key", "overridden", "probabilities", "input rows", "longer", "free"};

static void *take(const variants *v, size_t count, size_t size) {
  void *block = heta_i_arena_take(&v->d->memory, count + 1, size);
  assert_non_null(block);
  return block;
}

static double *embed(const variants *v, const int32_t *ids, size_t count) {
  double *rows = dice_zeros(v->d, count * v->engine->model->hyper.width);
  v->engine->api->embed(v->engine, ids, count, rows);
  return rows;
}

static heta_i_site random_site(const variants *v) {
  heta_i_site site;
  do site = (heta_i_site)(1 + dice_below(v->d, HETA_SITE_NORM_FINAL - 1));
  while (!v->engine->model->widths[site]);
  return site;
}

/* A change of one row, or of all rows from `first` on. The whole run names each of these rows. */
static void change(const variants *v, heta_i_site site, size_t first, heta_i_lane *lane,
                   heta_i_lane *whole) {
  const heta_model *model = v->engine->model;
  bool one = dice_below(v->d, 2) == 0;
  size_t length = lane->length, row = first + dice_below(v->d, length - first);
  size_t width = site == HETA_SITE_PROBABILITIES ? length : model->widths[site];
  double *add = dice_normal(v->d, width);
  for (size_t i = 0; i < width; i++) add[i] *= 0.3;
  heta_i_override *mine = take(v, 1, sizeof *mine), *each = take(v, length, sizeof *each);
  *mine = (heta_i_override){.site = site,
                            .block = dice_below(v->d, model->hyper.layers),
                            .row = one ? row : SIZE_MAX,
                            .head = SIZE_MAX,
                            .scale = 0.25 * (double)dice_below(v->d, 5),
                            .add = add};
  if (site == HETA_SITE_PROBABILITIES && dice_below(v->d, 2))
    mine->head = dice_below(v->d, model->hyper.heads);
  lane->overrides = mine;
  lane->override_count = 1;
  whole->overrides = each;
  for (size_t r = one ? row : first; r < (one ? row + 1 : length); r++) {
    each[whole->override_count] = *mine;
    each[whole->override_count++].row = r;
  }
}

/* Other tokens, at positions that begin anywhere and leave gaps. */
static void make_free(const variants *v, size_t shortest, heta_i_lane *lane) {
  size_t length = shortest + dice_below(v->d, v->longest - shortest + 1);
  int32_t *ids = take(v, length, sizeof *ids);
  uint32_t *positions = take(v, length, sizeof *positions);
  uint32_t at = (uint32_t)dice_below(v->d, 5);
  for (size_t i = 0; i < length; i++) {
    ids[i] = (int32_t)dice_below(v->d, v->engine->model->hyper.vocabulary);
    positions[i] = at;
    at += 1 + (dice_below(v->d, 4) == 0);
  }
  *lane = heta_i_lane_of(ids, length);
  lane->positions = positions;
}

void variant_make(const variants *v, variant_kind kind, size_t first, size_t shortest,
                  heta_i_lane *lane, heta_i_lane *whole) {
  size_t width = v->engine->model->hyper.width;
  if (kind == VARIANT_FREE) {
    make_free(v, shortest, lane);
    *whole = *lane;
    return;
  }
  size_t length = kind == VARIANT_LONGER ? v->longest : v->length;
  if (kind == VARIANT_LONGER) first = v->length - dice_below(v->d, 2);
  *lane = heta_i_lane_of(v->ids, length);
  lane->positions = v->positions;
  *whole = *lane;
  lane->parent = v->parent;
  lane->first = first;
  if (kind == VARIANT_MASK) {
    lane->edit_row = first + dice_below(v->d, length - first);
    lane->edit = dice_normal(v->d, width);
    double *rows = embed(v, v->ids, length);
    memcpy(rows + lane->edit_row * width, lane->edit, width * sizeof *rows);
    whole->input = rows;
  } else if (kind == VARIANT_HIDDEN) {
    lane->hidden_key = whole->hidden_key = first + dice_below(v->d, length - first);
  } else if (kind == VARIANT_OVERRIDE) {
    change(v, random_site(v), first, lane, whole);
  } else if (kind == VARIANT_PROBABILITY) {
    change(v, HETA_SITE_PROBABILITIES, first, lane, whole);
  } else if (kind == VARIANT_INPUT) {
    double *rows = embed(v, v->ids, length), *own = dice_normal(v->d, (length - first) * width);
    memcpy(rows + first * width, own, (length - first) * width * sizeof *own);
    lane->input = own;
    lane->tokens = NULL;
    whole->input = rows;
  }
}
