/* ig.c: integrated gradients: the gradient averaged along the straight line from a baseline to the
 * input, times the way. */
#include <math.h>
#include <string.h>

#include "method/inputs.h"

enum { CONTRIBUTION, OBJECTIVE }; /* series; of the second: at the input, at the baseline */
enum { PHASE_ENDS, PHASE_STEP };

static const heta_option_info OPTIONS[] = {
    {"steps", NULL, HETA_OPTION_INTEGER, 1, 10000, NULL, "50", "gradients along the path"},
    {"rule", NULL, HETA_OPTION_CHOICE, 0, 0, "midpoint|left|right|trapezoid|gauss-legendre|grid",
     "midpoint",
     "where on the path they are taken, and their weights (grid: both ends among them, all alike)"},
    {"reduction", NULL, HETA_OPTION_CHOICE, 0, 0, "sum|norm", "sum",
     "a token's score: the sum over its embedding (signed), or the L2 norm"},
    HETA_BASELINE_OPTION("zero"),
    HETA_OBJECTIVE_OPTION("logprob"),
    HETA_MAP_OPTION("absolute"),
    HETA_NORMALISE_OPTION,
};

static size_t steps_of(const heta_i_session *session) {
  return (size_t)heta_i_option_number(session, "steps");
}

static bool norms(const heta_i_session *session) {
  return heta_i_option_is(session, "reduction", "norm");
}

/* Point k of m Gauss-Legendre points of (0, 1) and its weight: the roots of the Legendre polynomial
 * P_m by Newton's method. */
static void gauss_legendre(size_t k, size_t m, double *at, double *weight) {
  double n = (double)m, x = -cos(3.14159265358979323846 * ((double)k + 0.75) / (n + 0.5)),
         slope = 1;
  for (int round = 0; round < 100; round++) {
    double p = x, before = 1; /* P_j, P_{j-1} */
    for (size_t j = 2; j <= m; j++) {
      double next = ((2 * (double)j - 1) * x * p - ((double)j - 1) * before) / (double)j;
      before = p;
      p = next;
    }
    slope = n * (x * p - before) / (x * x - 1);
    double step = p / slope;
    x -= step;
    if (fabs(step) < 1e-15) break;
  }
  if (m == 1) x = 0, slope = 1;
  *at = (x + 1) / 2;
  *weight = 1 / ((1 - x * x) * slope * slope);
}

static void point(const heta_i_session *session, size_t k, double *at, double *weight) {
  const char *rule = heta_i_option(session, "rule")->text;
  size_t steps = steps_of(session);
  double m = (double)steps;
  *weight = 1 / m;
  if (!strcmp(rule, "midpoint")) *at = ((double)k + 0.5) / m;
  if (!strcmp(rule, "left")) *at = (double)k / m;
  if (!strcmp(rule, "right")) *at = ((double)k + 1) / m;
  if (!strcmp(rule, "grid")) *at = (double)k / (m - 1);
  if (!strcmp(rule, "gauss-legendre")) gauss_legendre(k, steps, at, weight);
  if (strcmp(rule, "trapezoid")) return;
  *at = (double)k / (m - 1);
  *weight = (k == 0 || k == steps - 1 ? 0.5 : 1) / (m - 1);
}

static heta_status check(const heta_i_session *session, heta_error *error) {
  const char *rule = heta_i_option(session, "rule")->text;
  if (steps_of(session) < 2 && (!strcmp(rule, "grid") || !strcmp(rule, "trapezoid")))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "--rule %s takes both ends of the path: --steps must be at least 2", rule);
  return heta_i_mask_check(session, error);
}

static heta_status prepare(heta_i_session *session, heta_error *error) {
  (void)error;
  session->runs = 1;
  return HETA_OK;
}

/* A norm is of the whole path's vector: its steps are one item. */
static heta_status plan(heta_i_session *session, heta_error *error) {
  size_t steps = steps_of(session), pieces = norms(session) ? 1 : steps;
  size_t targets = session->row_count, stacks = heta_i_stacks(session);
  double n = (double)session->length;
  heta_i_stack(session, stacks);
  HETA_TRY(heta_i_add_series(session, "contribution", pieces, error));
  HETA_TRY(heta_i_add_table(session, "objective", 1, 2, error));
  session->bytes = sizeof(double) * heta_i_stack_size(session, 2 + 2 * stacks);
  if (norms(session)) session->bytes += sizeof(double) * heta_i_stack_size(session, targets);
  heta_i_item ends = {.phase = PHASE_ENDS,
                      .name = "baseline",
                      .target_end = targets,
                      .token_end = 1,
                      .sample_end = 2,
                      .fills = 1u << OBJECTIVE,
                      .whole = true,
                      .forwards = 1,
                      .flop = heta_i_flop(session, n, (double)session->target_count)};
  HETA_TRY(heta_i_add_item(session, ends, error));
  for (size_t k = 0, end; k < pieces; k = end) {
    end = k + stacks < pieces ? k + stacks : pieces;
    size_t each = norms(session) ? steps : end - k;
    heta_i_item step = {.phase = PHASE_STEP,
                        .name = "path",
                        .target_end = targets,
                        .token_end = session->row_length,
                        .sample = k,
                        .sample_end = end,
                        .fills = 1u << CONTRIBUTION,
                        .whole = true,
                        .forwards = each,
                        .reverses = each * targets};
    step.flop = (double)each *
                heta_i_flop(session, n * (double)(1 + targets), 2 * (double)session->target_count);
    HETA_TRY(heta_i_add_item(session, step, error));
  }
  return HETA_OK;
}

/* The path and what is found on it. */
typedef struct path {
  heta_i_session *session;
  double *from, *way;          /* [length × width] */
  double *inputs, *gradients;  /* [stacks × length × width] */
  double *sums;                /* [targets × length × width], for norms */
  size_t first, stacks, width; /* the step whose input is the first; at most so many */
} path;

static void path_free(path *p) {
  heta_i_free(p->from);
  heta_i_free(p->way);
  heta_i_free(p->inputs);
  heta_i_free(p->gradients);
  heta_i_free(p->sums);
}

static heta_status path_open(heta_i_session *session, path *p, heta_error *error) {
  size_t size = heta_i_stack_size(session, 1);
  *p = (path){
      .session = session, .stacks = heta_i_stacks(session), .width = session->model->hyper.width};
  p->from = heta_i_allocate(size, sizeof(double));
  p->way = heta_i_allocate(size, sizeof(double));
  p->inputs = heta_i_allocate(p->stacks * size, sizeof(double));
  p->gradients = heta_i_allocate(p->stacks * size, sizeof(double));
  if (norms(session)) p->sums = heta_i_allocate(session->row_count * size, sizeof(double));
  if (!p->from || !p->way || !p->inputs || !p->gradients || (norms(session) && !p->sums))
    return heta_i_no_memory(error, "a path of inputs", (2 + 2 * p->stacks) * size * sizeof(double));
  HETA_TRY(heta_i_baselines(session, p->from, error));
  heta_i_embeddings(session, p->way);
  for (size_t e = 0; e < size; e++) p->way[e] -= p->from[e];
  return HETA_OK;
}

/* One gradient on the path: its weighted product with the way goes into the series, or by element
 * into `sums`. */
static void take_step(void *context, size_t index, size_t t, const double *gradient) {
  path *p = context;
  heta_i_session *session = p->session;
  size_t size = heta_i_stack_size(session, 1), k = p->first + index;
  double at = 0, weight = 0;
  point(session, k, &at, &weight);
  for (size_t e = 0; p->sums && e < size; e++)
    p->sums[t * size + e] += weight * gradient[e] * p->way[e];
  for (size_t i = 0; !p->sums && i < session->row_length; i++) {
    double sum = 0;
    for (size_t e = i * p->width; e < (i + 1) * p->width; e++) sum += gradient[e] * p->way[e];
    heta_i_series_at(session, CONTRIBUTION, t, i)[k] = weight * sum;
  }
}

static heta_status run_steps(path *p, size_t first, size_t end, heta_error *error) {
  size_t size = heta_i_stack_size(p->session, 1);
  double at = 0, weight = 0;
  for (p->first = first; p->first < end; p->first += p->stacks) {
    size_t count = end - p->first < p->stacks ? end - p->first : p->stacks;
    for (size_t c = 0; c < count; c++) {
      point(p->session, p->first + c, &at, &weight);
      for (size_t e = 0; e < size; e++) p->inputs[c * size + e] = p->from[e] + at * p->way[e];
    }
    HETA_TRY(heta_i_gradients(p->session, p->inputs, count, p->gradients, take_step, p, error));
  }
  return HETA_OK;
}

static void take_norms(heta_i_session *session, const path *p) {
  size_t width = session->model->hyper.width;
  for (size_t t = 0; t < session->row_count; t++)
    for (size_t i = 0; i < session->row_length; i++) {
      const double *sums = p->sums + (t * session->length + i) * width;
      double squares = 0;
      for (size_t c = 0; c < width; c++) squares += sums[c] * sums[c];
      *heta_i_series_at(session, CONTRIBUTION, t, i) = sqrt(squares);
    }
}

static heta_status run(heta_i_session *session, const heta_i_item *item, heta_error *error) {
  path p;
  heta_status status;
  HETA_GO(path_open(session, &p, error));
  if (item->phase == PHASE_ENDS) {
    status = heta_i_path_ends(session, p.from, OBJECTIVE, error);
  } else if (norms(session)) {
    HETA_GO(run_steps(&p, 0, steps_of(session), error));
    take_norms(session, &p);
  } else {
    status = run_steps(&p, item->sample, item->sample_end, error);
  }
done:
  path_free(&p);
  return status;
}

static size_t checks(const heta_i_session *session, heta_check_value *checks) {
  if (norms(session)) return 0;
  return heta_i_gap_checks(session, CONTRIBUTION, OBJECTIVE, checks);
}

const heta_i_method heta_i_method_ig = {
    .info =
        {.name = "ig",
         .summary = "integrated gradients along the straight line from a baseline",
         .about =
             "All context embeddings move together from the baseline to the input, in a straight "
             "line. The signed score of token i is the sum over its embedding of (input - "
             "baseline) "
             "times the mean gradient along the line; the scores sum to f(input) - f(baseline), f "
             "being the objective. How well they do, with the steps given, is the check "
             "completeness_gap, relative to that difference: above 0.05, raise --steps. The "
             "default "
             "rule never takes the baseline itself, where models that normalise their input bend "
             "most. With --reduction norm the score is the L2 norm of the averaged products, which "
             "has no sign and no completeness.\n"
             "Published variants: Vafa et al. 2021 and ReAGent's own module: --steps 101 --rule "
             "grid; "
             "Inseq 0.4 through Captum, behind ReAGent's tables: --rule gauss-legendre --objective "
             "prob "
             "--reduction norm --normalise sum; FlashTrace's baseline: --steps 21 --rule trapezoid "
             "--baseline eos --map positive --normalise sum; GiLOT's baseline: --rule right. What "
             "TDD's tables call IG is input-x-gradient of the logit.",
         .source = "Sundararajan, Taly & Yan, Axiomatic Attribution for Deep Networks, ICML 2017",
         .cost =
             "m forwards and m reverse passes a target (m = --steps), one forward at the baseline",
         .options = OPTIONS,
         .option_count = sizeof OPTIONS / sizeof *OPTIONS},
    .is_signed = true,
    .unpatched = "the inputs on its path are no words, whose values could be patched",
    .joint = true,
    .component_count = 1,
    .components = {{"integrated_gradient", "nat", true, NULL}},
    .check = check,
    .prepare = prepare,
    .plan = plan,
    .run = run,
    .finish = heta_i_finish_first,
    .describe = heta_i_describe_unit,
    .checks = checks};
