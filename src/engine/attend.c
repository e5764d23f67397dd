/* attend.c: reading the attention probabilities of a run, a few heads at a time, so that no more
 * than those are held. */
#include "engine/internal.h"

static size_t attention_op(const heta_model *model) {
  size_t op = 0;
  while (op < model->block_ops && model->architecture->block[op].kind != HETA_OP_ATTENTION) op++;
  return op;
}

heta_status X(engine_attend)(heta_i_engine *base, heta_i_run *base_run, size_t block,
                             heta_i_take_head take, void *context, heta_error *error) {
  X(engine) *engine = (X(engine) *)base;
  X(run) *run = (X(run) *)base_run;
  const heta_model *model = base->model;
  size_t n = run->length, heads = model->hyper.heads, index = attention_op(model);
  size_t at_once = X(heads_in_flight)(model, engine->settings.threads);
  if (index == model->block_ops)
    return heta_i_fail(error, HETA_E_INTERNAL, "the blocks of this model have no attention");
  X(frame) frame;
  HETA_TRY(X(open_again)(engine, run, block, &frame, error));
  X(forward_block)(engine, block, &run->batch, &frame, true, index);
  real *some = X(take)(engine, at_once * n * n, sizeof *some);
  double *one = X(take)(engine, n * n, sizeof *one);
  heta_status status = some && one ? HETA_OK
                                   : heta_i_no_memory(error, "attention probabilities",
                                                      at_once * n * n * sizeof *some);
  X(call)
  call = {.engine = engine,
          .op = &model->architecture->block[index],
          .batch = &run->batch,
          .block = block,
          .values = &frame};
  for (size_t first = 0; !status && first < heads; first += at_once) {
    size_t count = heads - first < at_once ? heads - first : at_once;
    X(attend_heads)(&call, first, count, some);
    for (size_t h = 0; h < count; h++) {
      for (size_t e = 0; e < n * n; e++) one[e] = (double)some[h * n * n + e];
      take(context, first + h, one);
    }
    status = X(check_kernels)(engine, error);
    if (!status) status = X(check_stop)(engine, error);
  }
  X(give)(engine, some, at_once * n * n, sizeof *some);
  X(give)(engine, one, n * n, sizeof *one);
  return status;
}

/* As many as there are threads to compute them. */
size_t X(heads_in_flight)(const heta_model *model, int threads) {
  return (size_t)threads < model->hyper.heads ? (size_t)threads : model->hyper.heads;
}
