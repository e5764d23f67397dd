/* flashtrace.c: FlashTrace: information flow routes (IFR) to one row or to a span of rows, and hops
 * from the tokens the model wrote back to the prompt. */
#include <math.h>
#include <string.h>

#include "method/values.h"

enum {
  IMPORTANCE,
  RESIDUAL
}; /* series; the second: share of the residual stream, a layer a sample */

static const heta_option_info OPTIONS[] = {
    {"flow", NULL, HETA_OPTION_CHOICE, 0, 0, "each|span", "each",
     "every target by itself, or all targets as one span"},
    {"hops", NULL, HETA_OPTION_INTEGER, 0, 16, NULL, "0",
     "--flow span: how often what targets received is passed on to the prompt"},
    {"answer", NULL, HETA_OPTION_INTEGER, 0, 100000, NULL, "0",
     "--flow span: begin at the last N targets (0: at all of them)"},
    {"sink", NULL, HETA_OPTION_CHOICE, 0, 0, "predicting|target", "predicting",
     "the row that predicts a target, or that of the target itself, read as input"},
    HETA_NORMALISE_OPTION,
};

static bool is_span(const heta_i_session *session) {
  return heta_i_option_is(session, "flow", "span");
}

static bool reads_target(const heta_i_session *session) {
  return heta_i_option_is(session, "sink", "target");
}

static size_t hops_of(const heta_i_session *session) {
  return (size_t)heta_i_option_number(session, "hops");
}

static heta_status check(const heta_i_session *session, heta_error *error) {
  size_t answer = (size_t)heta_i_option_number(session, "answer");
  if (!is_span(session) && (hops_of(session) || answer))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "options hops and answer need --flow span: one token by itself has nothing "
                       "to pass on");
  if (answer > session->target_count)
    return heta_i_fail(error, HETA_E_ARGUMENT, "--answer %zu: there are only %zu targets", answer,
                       session->target_count);
  return HETA_OK;
}

static heta_status prepare(heta_i_session *session, heta_error *error) {
  (void)error;
  if (!reads_target(session)) return HETA_OK;
  session->longest = session->length + 1;
  session->runs = 1;
  return HETA_OK;
}

static heta_status plan(heta_i_session *session, heta_error *error) {
  const heta_i_hyper *hyper = &session->model->hyper;
  size_t rows = session->length + reads_target(session), targets = session->target_count;
  double n = (double)rows,
         flows = is_span(session) ? 1 + (double)hops_of(session) : (double)targets;
  HETA_TRY(heta_i_add_series(session, "importance", 1, error));
  HETA_TRY(heta_i_add_table(session, "residual", 1, hyper->layers, error));
  session->bytes = heta_i_values_bytes(session, rows) +
                   sizeof(double) * rows * (4 * hyper->width + 8 + hyper->layers);
  double projected = 2 * n * (double)(hyper->heads * hyper->head_width * hyper->width);
  return heta_i_add_item(session,
                         (heta_i_item){.name = "flow",
                                       .target_end = targets,
                                       .token_end = session->length,
                                       .sample_end = hyper->layers,
                                       .fills = 1u << IMPORTANCE | 1u << RESIDUAL,
                                       .whole = true,
                                       .forwards = 1 + reads_target(session),
                                       .flop = heta_i_flop(session, 2 * n, 0) +
                                               flows * projected * (double)hyper->layers},
                         error);
}

/* What is read of one block, and the flow to the rows that are asked for. */
typedef struct flow {
  heta_i_values values;
  double *before;   /* [n × width]: residual stream entering the block */
  double *added;    /* [n × width]: what attention adds to it */
  double *factor;   /* [n × width]: what a norm behind the attention multiplies with; or NULL */
  double *received; /* [n × width]: what each token sent through one head, after that norm */
  double *sums;     /* [2 × width]: middle of the block and its beginning, summed over rows */
  size_t rows;
  bool normed; /* the model has a norm behind its attention */
} flow;

static void flow_close(flow *f) {
  heta_i_values_close(&f->values);
  heta_i_free(f->before);
  heta_i_free(f->added);
  heta_i_free(f->factor);
  heta_i_free(f->received);
  heta_i_free(f->sums);
}

static heta_status flow_open(heta_i_session *session, heta_i_run *run, size_t rows, flow *f,
                             heta_error *error) {
  const heta_model *model = session->model;
  size_t size = rows * model->hyper.width;
  *f = (flow){.rows = rows};
  for (size_t i = 0; i < model->block_ops; i++)
    f->normed |= model->architecture->block[i].out == HETA_SITE_POST_NORM_ATTENTION;
  f->before = heta_i_allocate(size, sizeof(double));
  f->added = heta_i_allocate(size, sizeof(double));
  f->factor = heta_i_allocate(size, sizeof(double));
  f->received = heta_i_allocate(size, sizeof(double));
  f->sums = heta_i_allocate(2 * model->hyper.width, sizeof(double));
  if (!f->before || !f->added || !f->factor || !f->received || !f->sums)
    return heta_i_no_memory(error, "the flow", 4 * size * sizeof(double));
  return heta_i_values_open(session, run, rows, &f->values, error);
}

static heta_status read_block(flow *f, size_t block, heta_error *error) {
  heta_i_engine *engine = f->values.session->engine;
  size_t size = f->rows * f->values.session->model->hyper.width;
  const heta_i_capture wanted[] = {
      {HETA_SITE_RESIDUAL_BEFORE, block, f->before},
      {HETA_SITE_ATTENTION_OUT, block, f->normed ? f->factor : f->added},
      {HETA_SITE_POST_NORM_ATTENTION, block, f->added}};
  HETA_TRY(engine->api->inspect(engine, f->values.run, block, wanted, f->normed ? 3 : 2, error));
  for (size_t e = 0; f->normed && e < size; e++)
    f->factor[e] = f->factor[e] == 0 ? 0 : f->added[e] / f->factor[e];
  return heta_i_values_read(&f->values, block, false, error);
}

/* max(0, ‖whole‖₁ - ‖whole - part‖₁) */
static double nearness(const double *whole, const double *part, size_t width) {
  double sum = 0;
  for (size_t c = 0; c < width; c++) sum += fabs(whole[c]) - fabs(whole[c] - part[c]);
  return sum > 0 ? sum : 0;
}

/* What every token sends to the rows through a head, in f->received. */
static heta_status receive(flow *f, size_t first, size_t count, const double *weight, size_t head,
                           heta_error *error) {
  size_t width = f->values.session->model->hyper.width, size = f->rows * width;
  if (!f->normed) {
    HETA_TRY(heta_i_values_sent(&f->values, first, count, weight, head, error));
    memcpy(f->received, f->values.sent, size * sizeof(double));
    return HETA_OK;
  }
  memset(f->received, 0, size * sizeof(double));
  for (size_t i = first; i < first + count; i++) {
    HETA_TRY(heta_i_values_sent(&f->values, i, 1, weight ? weight + i - first : NULL, head, error));
    for (size_t e = 0; e < size; e++)
      f->received[e] += f->factor[i * width + e % width] * f->values.sent[e];
  }
  return HETA_OK;
}

/* Adds the block's share of every token to `scores` [n]; *residual is that of the stream itself. */
static heta_status add_block(flow *f, size_t first, size_t count, const double *weight,
                             double *scores, double *shares, double *residual, heta_error *error) {
  const heta_i_hyper *hyper = &f->values.session->model->hyper;
  size_t width = hyper->width;
  double *middle = f->sums, *before = f->sums + width;
  memset(f->sums, 0, 2 * width * sizeof(double));
  for (size_t i = 0; i < count; i++)
    for (size_t c = 0; c < width; c++) {
      double share = weight ? weight[i] : 1, x = f->before[(first + i) * width + c];
      before[c] += share * x;
      middle[c] += share * (x + f->added[(first + i) * width + c]);
    }
  *residual = nearness(middle, before, width);
  double sum = *residual;
  memset(shares, 0, f->rows * sizeof *shares);
  for (size_t h = 0; h < hyper->heads; h++) {
    HETA_TRY(receive(f, first, count, weight, h, error));
    for (size_t j = 0; j < first + count; j++)
      shares[j] += nearness(middle, f->received + j * width, width);
  }
  for (size_t j = 0; j < f->rows; j++) sum += shares[j];
  for (size_t j = 0; j < f->rows && sum > 0; j++) scores[j] += shares[j] / sum;
  *residual = sum > 0 ? *residual / sum : 0;
  return HETA_OK;
}

/* IFR of the rows: scores [n] over the layers, residual [layers]. */
static heta_status route(flow *f, size_t first, size_t count, const double *weight, double *scores,
                         double *shares, double *residual, heta_error *error) {
  memset(scores, 0, f->rows * sizeof *scores);
  for (size_t block = 0; block < f->values.session->model->hyper.layers; block++) {
    HETA_TRY(read_block(f, block, error));
    HETA_TRY(add_block(f, first, count, weight, scores, shares, residual + block, error));
  }
  return HETA_OK;
}

static double sum_of(const double *values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += values[i];
  return sum;
}

/* Passes what the targets received on to the prompt, hop by hop. scores holds the span's own flow;
 * at the end that of the prompt alone, with all hops added. */
static heta_status hop(flow *f, size_t prompt, size_t first, double *scores, double *shares,
                       double *next, double *weight, double *residual, heta_error *error) {
  const heta_i_session *session = f->values.session;
  size_t targets = session->target_count, sources = f->rows - prompt;
  double ratio = 1;
  memcpy(next, scores, f->rows * sizeof *next);
  for (size_t k = 0; k < hops_of(session); k++) {
    double all = sum_of(next, f->rows), kept = sum_of(next + prompt, sources);
    ratio = all > 0 ? ratio * kept / all : 0;
    if (!(ratio > 0)) break; /* nothing is left to pass on */
    memset(weight, 0, targets * sizeof *weight);
    for (size_t t = 0; t < sources; t++) weight[t] = next[prompt + t] / kept;
    HETA_TRY(route(f, first, targets, weight, next, shares, residual, error));
    for (size_t j = 0; j < prompt; j++) scores[j] += ratio * next[j];
  }
  memset(scores + prompt, 0, sources * sizeof *scores);
  return HETA_OK;
}

static void record(heta_i_session *session, size_t target, const double *scores,
                   const double *residual) {
  size_t context = session->targets[target].position;
  double *out = heta_i_series_at(session, IMPORTANCE, target, 0);
  for (size_t j = 0; j < session->length; j++) out[j] = j < context ? scores[j] : 0;
  memcpy(heta_i_series_at(session, RESIDUAL, target, 0), residual,
         session->model->hyper.layers * sizeof *residual);
}

static heta_status run_span(heta_i_session *session, flow *f, double *scores, double *shares,
                            double *next, double *residual, heta_error *error) {
  size_t targets = session->target_count, prompt = session->targets[0].position;
  size_t answer = (size_t)heta_i_option_number(session, "answer");
  size_t count = answer ? answer : targets, first = prompt - 1 + reads_target(session);
  double *weight = heta_i_allocate(targets + 1, sizeof *weight);
  if (!weight) return heta_i_no_memory(error, "weights", targets * sizeof *weight);
  heta_status status =
      route(f, first + targets - count, count, NULL, scores, shares, residual, error);
  if (!status && hops_of(session)) {
    double *scratch = residual + session->model->hyper.layers;
    status = hop(f, prompt, first, scores, shares, next, weight, scratch, error);
  }
  for (size_t t = 0; !status && t < targets; t++) record(session, t, scores, residual);
  heta_i_free(weight);
  return status;
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  (void)item;
  size_t rows = session->length + reads_target(session), layers = session->model->hyper.layers;
  flow f = {0};
  heta_i_run *longer = NULL;
  heta_status status = HETA_OK;
  double *scores = heta_i_allocate(3 * rows, sizeof *scores);
  double *residual = heta_i_allocate(2 * layers, sizeof *residual);
  if (!scores || !residual) {
    status = heta_i_no_memory(error, "the flow", 3 * rows * sizeof *scores);
    goto done;
  }
  double *shares = scores + rows, *next = shares + rows;
  if (reads_target(session)) {
    heta_i_lane lane = heta_i_lane_of(session->tokens, rows);
    HETA_GO(session->engine->api->run(session->engine, &lane, 0, NULL, 0, &longer, error));
  }
  HETA_GO(flow_open(session, longer ? longer : session->run, rows, &f, error));
  if (is_span(session)) {
    status = run_span(session, &f, scores, shares, next, residual, error);
    goto done;
  }
  for (size_t t = 0; t < session->target_count; t++) {
    size_t row = session->targets[t].position - 1 + reads_target(session);
    HETA_GO(route(&f, row, 1, NULL, scores, shares, residual, error));
    record(session, t, scores, residual);
  }
done:
  flow_close(&f);
  session->engine->api->run_free(longer);
  heta_i_free(scores);
  heta_i_free(residual);
  return status;
}

/* In each layer, the tokens' shares and that of the residual stream sum to 1; with one target whose
 * sources are all context, so does their mean over the layers. */
static size_t checks(const heta_i_session *session, heta_check_value *checks) {
  size_t layers = session->model->hyper.layers, target = session->target_count - 1;
  if (reads_target(session) || hops_of(session)) return 0;
  double sum = sum_of(heta_i_series_at(session, IMPORTANCE, target, 0), session->length) +
               sum_of(heta_i_series_at(session, RESIDUAL, target, 0), layers);
  checks[0] = (heta_check_value){"layer_sum", sum / (double)layers};
  return 1;
}

const heta_i_method heta_i_method_flashtrace = {
    .info =
        {.name = "flashtrace",
         .summary = "information flow routes to a token or to a span, with hops through what was "
                    "written",
         .about =
             "In each layer, what token j sends to the target's row through one head, c, counts by "
             "how much nearer it brings the row to what it becomes: max(0, |x|_1 - |x - c|_1), x "
             "the residual stream after attention. Sums over heads, and the stream's own past "
             "measured alike, are divided by their total; a token's score is the sum of its shares "
             "over the layers. The MLP is left out, and values are those that attention uses, "
             "without their bias; a norm behind the attention is a factor. Does not depend on "
             "which token the target is.\n"
             "--flow span takes all targets as one span: rows, streams and attention are summed "
             "first, so that a span costs one pass; every target's row then shows the span's "
             "scores. "
             "--hops passes on what the targets themselves received, as weights of their rows, "
             "until only the prompt has scores. --answer N begins at the last N targets, when the "
             "others led to them. --sink target reads the state of the target as input, as the "
             "authors' package does. The package also drops commas, full stops and spaces; this "
             "does not.",
         .source = "FlashTrace, Pan et al. 2026; IFR: Ferrando & Voita, Information Flow Routes, "
                   "EMNLP 2024",
         .cost = "one forward, n × heads values through the output projection a layer and target "
                 "(--flow span: and hop)",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .blind = true,
    .alone = "its routes begin at that token; --flow span begins at all of them",
    .component_count = 1,
    .components = {{"importance", "layers", true, NULL}},
    .check = check,
    .prepare = prepare,
    .plan = plan,
    .run = run,
    .finish = heta_i_finish_first,
    .checks = checks};
