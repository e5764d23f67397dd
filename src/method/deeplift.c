/* deeplift.c: DeepLIFT: the difference of two runs shared out among the tokens, op by op. */
#include <math.h>

#include <string.h>

#include "method/inputs.h"

enum { CONTRIBUTION, OBJECTIVE }; /* series; of the second: at the input, at the baseline */

static const heta_option_info OPTIONS[] = {
    HETA_BASELINE_OPTION("mean"),
    HETA_OBJECTIVE_OPTION("logit"),
    HETA_MAP_OPTION("absolute"),
    HETA_NORMALISE_OPTION,
};

static heta_status prepare(heta_i_session *session, heta_error *error) {
  (void)error;
  session->runs = 1;
  return HETA_OK;
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  double n = (double)session->length, rows = (double)session->row_count;
  HETA_TRY(heta_i_add_series(session, "contribution", 1, error));
  HETA_TRY(heta_i_add_table(session, "objective", 1, 2, error));
  session->bytes = sizeof(double) * (3 * session->length * session->model->hyper.width +
                                     session->model->hyper.vocabulary +
                                     3 * session->length * session->model->hyper.kv_heads);
  return heta_i_add_item(session,
                         (heta_i_item){.name = "multipliers",
                                       .target_end = session->row_count,
                                       .token_end = session->row_length,
                                       .sample_end = 2,
                                       .fills = 1u << CONTRIBUTION | 1u << OBJECTIVE,
                                       .whole = true,
                                       .forwards = 1,
                                       .reverses = session->row_count,
                                       .flop = heta_i_flop(session, n * (1 + rows),
                                                           2 * (double)session->target_count)},
                         error);
}

static heta_status one_target(heta_i_session *session, heta_i_run *reference, size_t target,
                              const double *from, const double *input, heta_i_seed *seeds,
                              double *multipliers, double *scratch, heta_error *error) {
  size_t width = session->model->hyper.width;
  size_t count = heta_i_objective(session, target, seeds);
  double *ends = heta_i_series_at(session, OBJECTIVE, target, 0);
  HETA_TRY(session->engine->api->rescale(session->engine, session->run, reference, seeds, count,
                                         multipliers, error));
  ends[0] = heta_i_objective_at(session, session->run, target, scratch);
  ends[1] = heta_i_objective_at(session, reference, target, scratch);
  for (size_t i = 0; i < session->row_length; i++) {
    double sum = 0;
    for (size_t e = i * width; e < (i + 1) * width; e++)
      sum += multipliers[e] * (input[e] - from[e]);
    *heta_i_series_at(session, CONTRIBUTION, target, i) = sum;
  }
  return HETA_OK;
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  (void)item;
  size_t size = session->length * session->model->hyper.width;
  double *from = heta_i_allocate(size, sizeof *from), *input = heta_i_allocate(size, sizeof *input);
  double *multipliers = heta_i_allocate(size, sizeof *multipliers);
  double *scratch = heta_i_allocate(session->model->hyper.vocabulary, sizeof *scratch);
  heta_i_seed *seeds = heta_i_allocate(session->target_count + 1, sizeof *seeds);
  heta_i_run *reference = NULL;
  heta_status status = HETA_OK;
  if (!from || !input || !multipliers || !scratch || !seeds) {
    status = heta_i_no_memory(error, "multipliers", 3 * size * sizeof *from);
    goto done;
  }
  HETA_GO(heta_i_baselines(session, from, error));
  heta_i_embeddings(session, input);
  HETA_GO(heta_i_run_at(session, from, 0, &reference, error));
  for (size_t t = 0; t < session->row_count; t++)
    HETA_GO(one_target(session, reference, t, from, input, seeds, multipliers, scratch, error));
done:
  session->engine->api->run_free(reference);
  heta_i_free(from);
  heta_i_free(input);
  heta_i_free(multipliers);
  heta_i_free(scratch);
  heta_i_free(seeds);
  return status;
}

static size_t checks(const heta_i_session *session, heta_check_value *checks) {
  return heta_i_gap_checks(session, CONTRIBUTION, OBJECTIVE, checks);
}

const heta_i_method heta_i_method_deeplift = {
    .info =
        {.name = "deeplift",
         .summary = "DeepLIFT: the difference to a baseline, shared out op by op",
         .about =
             "The input and a baseline are both run, and what the target's objective differs by is "
             "handed back through the model: through an activation by the ratio of differences "
             "(the rescale rule), through linear maps as they are. Transformers multiply "
             "activations "
             "with each other, in norms, attention and gated MLPs, of which the rescale rule says "
             "nothing and other packages take the plain gradient; here a product shares its "
             "difference half and half between its factors, norms and softmax being products of "
             "these kinds. So the signed scores sum to f(input) - f(baseline), but for rounding; "
             "the "
             "check completeness_gap says how well. The default baseline is the mean embedding of "
             "the context: at --baseline zero a model with RMS norms scales by 1/sqrt(epsilon), "
             "and "
             "scores become huge.",
         .source =
             "Shrikumar, Greenside & Kundaje, Learning Important Features Through Propagating "
             "Activation Differences, ICML 2017; rules for products decided here",
         .cost = "two forwards, one reverse pass a target",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .is_signed = true,
    .unpatched =
        "its rules compare two runs block by block, and do not hold for values set from outside",
    .joint = true,
    .component_count = 1,
    .components = {{"deeplift", "logit", true, NULL}},
    .check = heta_i_mask_check,
    .prepare = prepare,
    .plan = plan,
    .run = run,
    .finish = heta_i_finish_first,
    .describe = heta_i_describe_unit,
    .checks = checks};
