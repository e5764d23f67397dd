/* curvature.c: Hessian sensitivity S (arXiv 2604.13258, Eq. 3) by Rademacher probes.
 *
 * block: S_i = E_r ‖H_ii r‖₁, r on token i alone: the probe's lane owns rows i … n-1.
 * row:   S_i = E_r ‖(H r)_i‖₁, r on the whole context: one product serves every token.
 * With Gauss-Newton, H is replaced by -Jᵀ(diag p - p pᵀ)J, J the target logits' Jacobian. */
#include <math.h>

#include "base/random.h"
#include "method/method.h"

/* Samples of all tokens that one item takes: as many as fill a batch, when a single one would leave
 * it half empty. */
static size_t samples_at_once(const heta_i_session *session, size_t rows) {
  return rows && rows <= session->lane_rows / 2 ? session->lane_rows / rows : 1;
}

uint64_t heta_i_curvature_bytes(const heta_i_session *session, bool whole_rows) {
  uint64_t n = session->row_length, all = session->length;
  uint64_t samples = samples_at_once(session, whole_rows ? all : n * (2 * all - n + 1) / 2);
  uint64_t group = session->target_group;
  return samples * n *
         ((group + 1) * session->model->hyper.width * sizeof(double) + sizeof(heta_i_probe));
}

/* With a tolerance an item is a round over all tokens: those that still want a probe fill a batch
 * together. The first rounds, which every token wants, may be one. */
heta_status heta_i_curvature_items(heta_i_session *session, int phase, size_t series, size_t probes,
                                   double tolerance, size_t least, bool whole_rows,
                                   heta_error *error) {
  size_t n = session->row_length, targets = session->row_count, all = session->length;
  for (size_t t = 0; t < targets; t += session->target_group) {
    size_t end = t + session->target_group < targets ? t + session->target_group : targets;
    double passes = 1.0 + (double)(end - t); /* the tangent once, its reverse once per target */
    for (size_t r = 0, next; r < probes; r = next) {
      next = r + 1;
      for (size_t from = 0, to; from < n; from = to) {
        size_t rows = whole_rows ? all : n * (2 * all - n + 1) / 2; /* all, or i … of each */
        to = n;
        if (!whole_rows && !(tolerance > 0)) to = heta_i_chunk(session, from, &rows);
        if (from == 0 && to == n) {
          size_t last = tolerance > 0 ? (r < least ? least : r + 1) : probes;
          next =
              r + samples_at_once(session, rows) < last ? r + samples_at_once(session, rows) : last;
        }
        uint64_t products = (whole_rows ? 1 : to - from) * (end - t) * (next - r);
        HETA_TRY(heta_i_add_item(session,
                                 (heta_i_item){.phase = phase,
                                               .name = "curvature",
                                               .target = t,
                                               .target_end = end,
                                               .token = from,
                                               .token_end = to,
                                               .sample = r,
                                               .sample_end = next,
                                               .fills = 1u << series,
                                               .tolerance = tolerance,
                                               .least = least,
                                               .hvps = products,
                                               .fixed_hvps = whole_rows ? products : 0,
                                               .flop = heta_i_product_flop(
                                                   session, passes * (double)(rows * (next - r)),
                                                   2.0 * (double)products * heta_i_heads(session))},
                                 error));
      }
    }
  }
  return HETA_OK;
}

double heta_i_l1(const double *x, size_t size) {
  double sum = 0;
  for (size_t i = 0; i < size; i++) sum += fabs(x[i]);
  return sum;
}

/* Whether some target of the item wants the token's sample. */
static bool due(const heta_i_session *session, const heta_i_item *item, size_t series, size_t token,
                size_t sample) {
  for (size_t t = item->target; t < item->target_end; t++)
    if (heta_i_due(session, item, series, t, token, sample)) return true;
  return false;
}

heta_status heta_i_curvature_run(heta_i_session *session, const heta_i_item *item, size_t series,
                                 bool whole_rows, bool gauss_newton, heta_error *error) {
  size_t width = session->model->hyper.width, targets = item->target_end - item->target;
  size_t tokens = item->token_end - item->token, samples = item->sample_end - item->sample;
  size_t room = tokens * samples, count = 0;
  heta_status status = HETA_OK;
  double *directions = heta_i_allocate(room * width, sizeof *directions);
  double *results = heta_i_allocate(targets * room * width, sizeof *results);
  heta_i_probe *list = heta_i_allocate(room, sizeof *list);
  if (!directions || !results || !list) {
    status = heta_i_no_memory(error, "probes", (targets + 1) * room * width * sizeof(double));
    goto done;
  }
  heta_i_stream stream = whole_rows ? HETA_STREAM_ROW_PROBE : HETA_STREAM_BLOCK_PROBE;
  for (size_t r = item->sample; r < item->sample_end; r++) {
    bool any = false;
    for (size_t i = item->token; i < item->token_end && !any; i++)
      any = due(session, item, series, i, r);
    for (size_t i = item->token; i < item->token_end && any; i++) {
      if (!whole_rows && !due(session, item, series, i, r)) continue;
      double *direction = directions + ((r - item->sample) * tokens + i - item->token) * width;
      double *result = results + ((r - item->sample) * tokens + i - item->token) * targets * width;
      heta_i_rademacher(session->seed, stream, (uint32_t)i, (uint32_t)r, width, direction);
      if (!whole_rows)
        list[count++] = (heta_i_probe){i, 1, direction, 1, result};
      else if (i == item->token)
        list[count++] = (heta_i_probe){0, tokens, direction, tokens, result};
    }
  }
  if (!count) goto done;
  HETA_GO(heta_i_products(session, item->target, targets, list, count, gauss_newton, error));
  for (size_t r = item->sample; r < item->sample_end; r++)
    for (size_t t = 0; t < targets; t++)
      for (size_t i = item->token; i < item->token_end; i++) {
        size_t target = item->target + t, first = (r - item->sample) * tokens;
        size_t at = whole_rows ? first * targets + t * tokens + i - item->token
                               : (first + i - item->token) * targets + t;
        if (!heta_i_due(session, item, series, target, i, r)) continue;
        bool context = i < heta_i_context(session, target);
        heta_i_series_at(session, series, target, i)[r] =
            context ? heta_i_l1(results + at * width, width) : 0;
      }
done:
  heta_i_free(directions);
  heta_i_free(results);
  heta_i_free(list);
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
