/* curvature.c: Hessian sensitivity S (arXiv 2604.13258, Eq. 3) by Rademacher probes.
 *
 * block: S_i = E_r ‖H_ii r‖₁, r on token i alone: the probe's lane owns rows i … n-1.
 * row:   S_i = E_r ‖(H r)_i‖₁, r on the whole context: one product serves every token.
 * With Gauss-Newton, H is replaced by -Jᵀ(diag p - p pᵀ)J, J the target logits' Jacobian. */
#include <math.h>

#include "base/random.h"
#include "method/method.h"

/* With a tolerance an item is a round over all tokens: those that still want a probe fill a batch
 * together. */
heta_status heta_i_curvature_items(heta_i_session *session, int phase, size_t series, size_t probes,
                                   double tolerance, size_t least, bool whole_rows,
                                   heta_error *error) {
  size_t n = session->row_length, targets = session->row_count, all = session->length;
  for (size_t t = 0; t < targets; t += session->target_group) {
    size_t end = t + session->target_group < targets ? t + session->target_group : targets;
    double passes = 1.0 + (double)(end - t); /* the tangent once, its reverse once per target */
    for (size_t r = 0; r < probes; r++)
      for (size_t from = 0, to; from < n; from = to) {
        size_t rows = whole_rows ? all : n * (2 * all - n + 1) / 2; /* all, or i … of each */
        to = n;
        if (!whole_rows && !(tolerance > 0)) to = heta_i_chunk(session, from, &rows);
        uint64_t products = (whole_rows ? 1 : to - from) * (end - t);
        HETA_TRY(heta_i_add_item(session,
                                 (heta_i_item){.phase = phase,
                                               .name = "curvature",
                                               .target = t,
                                               .target_end = end,
                                               .token = from,
                                               .token_end = to,
                                               .sample = r,
                                               .sample_end = r + 1,
                                               .fills = 1u << series,
                                               .tolerance = tolerance,
                                               .least = least,
                                               .hvps = products,
                                               .fixed_hvps = whole_rows ? products : 0,
                                               .flop = heta_i_product_flop(
                                                   session, passes * (double)rows,
                                                   2.0 * (double)products * heta_i_heads(session))},
                                 error));
      }
  }
  return HETA_OK;
}

double heta_i_l1(const double *x, size_t size) {
  double sum = 0;
  for (size_t i = 0; i < size; i++) sum += fabs(x[i]);
  return sum;
}

heta_status heta_i_curvature_run(heta_i_session *session, const heta_i_item *item, size_t series,
                                 bool whole_rows, bool gauss_newton, heta_error *error) {
  size_t width = session->model->hyper.width, targets = item->target_end - item->target;
  size_t room = item->token_end - item->token, count = 0;
  heta_status status = HETA_OK;
  double *directions = heta_i_allocate(room * width, sizeof *directions);
  double *results = heta_i_allocate(targets * room * width, sizeof *results);
  heta_i_probe *list = heta_i_allocate(room, sizeof *list);
  size_t *tokens = heta_i_allocate(room, sizeof *tokens);
  if (!directions || !results || !list || !tokens) {
    status = heta_i_no_memory(error, "probes", (targets + 1) * room * width * sizeof(double));
    goto done;
  }
  bool any = false;
  for (size_t token = item->token; token < item->token_end; token++) {
    bool here = false;
    for (size_t t = item->target; t < item->target_end; t++)
      here |= heta_i_due(session, item, series, t, token, item->sample);
    any |= here;
    if (here || whole_rows) tokens[count++] = token;
  }
  if (!any) goto done;
  heta_i_stream stream = whole_rows ? HETA_STREAM_ROW_PROBE : HETA_STREAM_BLOCK_PROBE;
  for (size_t i = 0; i < count; i++)
    heta_i_rademacher(session->seed, stream, (uint32_t)tokens[i], (uint32_t)item->sample, width,
                      directions + i * width);
  size_t probes = whole_rows ? 1 : count;
  if (whole_rows) list[0] = (heta_i_probe){0, count, directions, count, results};
  for (size_t i = 0; i < count && !whole_rows; i++)
    list[i] =
        (heta_i_probe){tokens[i], 1, directions + i * width, 1, results + i * targets * width};
  HETA_GO(heta_i_products(session, item->target, targets, list, probes, gauss_newton, error));
  for (size_t t = 0; t < targets; t++)
    for (size_t i = 0; i < count; i++) {
      size_t at = whole_rows ? t * count + i : i * targets + t, target = item->target + t;
      if (!heta_i_due(session, item, series, target, tokens[i], item->sample)) continue;
      bool context = tokens[i] < heta_i_context(session, target);
      heta_i_series_at(session, series, target, tokens[i])[item->sample] =
          context ? heta_i_l1(results + at * width, width) : 0;
    }
done:
  heta_i_free(directions);
  heta_i_free(results);
  heta_i_free(list);
  heta_i_free(tokens);
  return status;
}

size_t heta_i_estimate(const double *samples, size_t count, double *mean, double *error) {
  double sum = 0, squares = 0;
  size_t used = 0;
  for (size_t r = 0; r < count; r++)
    if (!isnan(samples[r])) {
      sum += samples[r];
      used++;
    }
  *mean = used ? sum / (double)used : NAN;
  for (size_t r = 0; r < count; r++)
    if (!isnan(samples[r])) squares += (samples[r] - *mean) * (samples[r] - *mean);
  *error = used > 1 ? sqrt(squares / (double)(used - 1) / (double)used) : NAN;
  return used;
}
