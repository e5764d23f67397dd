/* soft.c: Soft-NC and Soft-NS: elements of embeddings kept at random, with probabilities that the
 * scores give; and the form of them that HETA's released package computes. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "metric/metric.h"

/* Which scores decide what is kept. */
enum { OWN, RANDOM, PERMUTED, LARGEST, LARGEST_PERMUTED, KINDS };
enum { LANES = 2 * KINDS }; /* a draw's: each kind keeps, and drops */

typedef struct soft {
  heta_i_judging *j;
  size_t draw;
  double *keep[KINDS]; /* [length]: probabilities */
  double *uniform;     /* [length × width]: the draw's numbers, the same for all scores */
} soft;

/* Lane 2k keeps what kind k scores high; lane 2k + 1 drops it. */
static bool mask_elements(void *context, size_t variant, size_t token, double *embedding) {
  const soft *s = context;
  size_t width = s->j->model->hyper.width;
  if (heta_i_is_apart(s->j, token)) return false;
  double keep = s->keep[variant / 2][token];
  if (variant % 2) keep = 1 - keep;
  const double *u = s->uniform + token * width;
  for (size_t c = 0; c < width; c++)
    if (u[c] >= keep) embedding[c] = 0;
  return true;
}

static bool drop_all(void *context, size_t variant, size_t token, double *embedding) {
  const soft *s = context;
  (void)variant;
  if (heta_i_is_apart(s->j, token)) return false;
  memset(embedding, 0, s->j->model->hyper.width * sizeof *embedding);
  return true;
}

/* The random control: the softmax of numbers uniform in (0, 1). */
static void random_scores(const soft *s, double *out) {
  const heta_i_judging *j = s->j;
  double sum = 0;
  for (size_t r = 0; r < j->ranked; r++) {
    size_t i = j->order[r];
    heta_i_uniform(j->options->seed, HETA_STREAM_SOFT_CONTROL, (uint32_t)i, (uint32_t)s->draw, 1,
                   &out[i]);
    out[i] = exp(out[i]);
    sum += out[i];
  }
  for (size_t r = 0; r < j->ranked; r++) out[j->order[r]] /= sum;
}

/* The same numbers on other tokens: Fisher and Yates over the tokens in the order of the text. */
static heta_status permute(const soft *s, const double *from, double *out, heta_error *error) {
  heta_i_judging *j = s->j;
  size_t n = j->scored.length, count = 0;
  size_t *place = heta_i_judging_take(j, n, sizeof *place);
  double *u = heta_i_judging_take(j, n, sizeof *u);
  if (!place || !u) return heta_i_no_memory(error, "a permutation", n * sizeof *u);
  for (size_t i = 0; i < n; i++)
    if (!heta_i_is_apart(j, i)) place[count++] = i;
  for (size_t i = 0; i < count; i++) out[place[i]] = from[place[i]];
  heta_i_uniform(j->options->seed, HETA_STREAM_SOFT_SHUFFLE, 0, (uint32_t)s->draw, count, u);
  for (size_t i = count; i > 1; i--) {
    size_t a = place[i - 1], b = place[(size_t)(u[i - 1] * (double)i)];
    double held = out[a];
    out[a] = out[b];
    out[b] = held;
  }
  return HETA_OK;
}

static heta_status draw_scores(soft *s, heta_error *error) {
  heta_i_judging *j = s->j;
  size_t n = j->scored.length, width = j->model->hyper.width;
  double most = 0;
  for (size_t i = 0; i < n; i++) {
    s->keep[OWN][i] = j->share[i];
    if (j->share[i] > most) most = j->share[i];
    heta_i_uniform(j->options->seed, HETA_STREAM_SOFT_MASK, (uint32_t)i, (uint32_t)s->draw, width,
                   s->uniform + i * width);
  }
  for (size_t i = 0; i < n; i++) s->keep[LARGEST][i] = j->share[i] / most;
  random_scores(s, s->keep[RANDOM]);
  HETA_TRY(permute(s, s->keep[OWN], s->keep[PERMUTED], error));
  return permute(s, s->keep[LARGEST], s->keep[LARGEST_PERMUTED], error);
}

enum { NC, NS, NC_SHAPE, NS_SHAPE, NC_LARGEST, NS_LARGEST, FIRST_CONTROL };

/* Means over the draws, for the first kinds of scores; far: the distance with nothing kept. */
typedef struct means {
  double keeps[KINDS], drops[KINDS], far;
} means;

static heta_status take_means(heta_i_judging *j, size_t kinds, means *out, heta_error *error) {
  size_t n = j->scored.length, width = j->model->hyper.width;
  double distance[LANES];
  soft s = {.j = j};
  *out = (means){0};
  for (size_t k = 0; k < KINDS; k++) {
    s.keep[k] = heta_i_judging_take(j, n, sizeof(double));
    if (!s.keep[k]) return heta_i_no_memory(error, "soft masks", n * sizeof(double));
  }
  s.uniform = heta_i_judging_take(j, n * width, sizeof *s.uniform);
  if (!s.uniform) return heta_i_no_memory(error, "soft masks", n * width * sizeof(double));
  heta_i_prediction nothing = {.hellinger = &out->far}, masked = {.hellinger = distance};
  HETA_TRY(heta_i_judge_variants(j, 1, drop_all, &s, &nothing, error));
  for (s.draw = 0; s.draw < j->options->draws; s.draw++) {
    HETA_TRY(draw_scores(&s, error));
    HETA_TRY(heta_i_judge_variants(j, 2 * kinds, mask_elements, &s, &masked, error));
    for (size_t k = 0; k < kinds && out->far > 1e-12; k++) {
      double kept = (out->far - distance[2 * k]) / out->far;
      out->keeps[k] += (kept > 0 ? kept : 0) / (double)j->options->draws;
      out->drops[k] += distance[2 * k + 1] / out->far / (double)j->options->draws;
    }
  }
  return HETA_OK;
}

heta_status heta_i_soft_of(heta_i_judging *j, double *nc, double *ns, heta_error *error) {
  means own;
  HETA_TRY(take_means(j, 1, &own, error));
  *nc = own.far > 1e-12 ? own.drops[OWN] : NAN;
  *ns = own.far > 1e-12 ? own.keeps[OWN] : NAN;
  return HETA_OK;
}

static heta_status run_soft(heta_i_judging *j, double *const *values, heta_error *error) {
  size_t n = j->scored.length;
  double entropy = 0;
  means m;
  HETA_TRY(take_means(j, KINDS, &m, error));
  for (size_t i = 0; i < n; i++)
    if (j->share[i] > 0) entropy -= j->share[i] * log(j->share[i]);
  size_t at = FIRST_CONTROL + 6;
  *values[at] = j->ranked > 1 ? entropy / log((double)j->ranked) : NAN;
  *values[at + 1] = m.far / sqrt(2);
  if (!(m.far > 1e-12)) return HETA_OK; /* nothing the context says matters: not defined */
  *values[NC] = *values[NC_SHAPE] = m.drops[OWN];
  *values[NS] = *values[NS_SHAPE] = m.keeps[OWN];
  *values[NC_LARGEST] = m.drops[LARGEST];
  *values[NS_LARGEST] = m.keeps[LARGEST];
  static const int CONTROLS[] = {RANDOM, PERMUTED, LARGEST_PERMUTED};
  for (size_t c = 0; c < 3; c++) {
    *values[FIRST_CONTROL + 2 * c] = m.drops[CONTROLS[c]];
    *values[FIRST_CONTROL + 2 * c + 1] = m.keeps[CONTROLS[c]];
  }
  return HETA_OK;
}

static size_t soft_lanes(const heta_metric_options *options, size_t n) {
  (void)n;
  return 1 + LANES * options->draws;
}

/* Nothing kept, and the random scores. */
static size_t soft_shared(const heta_metric_options *options, size_t n) {
  (void)n;
  return 1 + 2 * options->draws;
}

static const heta_measure_info SOFT[] = {
    {"soft_nc", "Soft-NC against random scores", 1, 1, "soft_nc_random", NULL},
    {"soft_ns", "Soft-NS against random scores", 1, 1, "soft_ns_random", NULL},
    {"soft_nc_permutation", "Soft-NC against the same scores on other tokens", 1, 1,
     "soft_nc_permuted", NULL},
    {"soft_ns_permutation", "Soft-NS against the same scores on other tokens", 1, 1,
     "soft_ns_permuted", NULL},
    {"soft_nc_max1", "Soft-NC of scores divided by their largest, against the same on other tokens",
     1, 1, "soft_nc_max1_permuted", NULL},
    {"soft_ns_max1", "Soft-NS of scores divided by their largest, against the same on other tokens",
     1, 1, "soft_ns_max1_permuted", NULL},
    {"soft_nc_random", "Soft-NC of random scores", 0, 1, NULL, NULL},
    {"soft_ns_random", "Soft-NS of random scores", 0, 1, NULL, NULL},
    {"soft_nc_permuted", "Soft-NC of permuted scores", 0, 1, NULL, NULL},
    {"soft_ns_permuted", "Soft-NS of permuted scores", 0, 1, NULL, NULL},
    {"soft_nc_max1_permuted", "Soft-NC of permuted scores divided by their largest", 0, 1, NULL,
     NULL},
    {"soft_ns_max1_permuted", "Soft-NS of permuted scores divided by their largest", 0, 1, NULL,
     NULL},
    {"soft_entropy", "entropy of the shares over that of equal ones: 0 one token, 1 all alike", 0,
     1, NULL, NULL},
    {"soft_far", "distance of the prediction with nothing kept, the unit of the others", 0, 1, NULL,
     NULL},
};

const heta_i_metric heta_i_metric_soft = {
    .info =
        {.name = "soft",
         .summary = "Soft-NC and Soft-NS as ReAGent evaluates them, with three controls",
         .about =
             "Each element of token i's embedding is kept with probability s_i (sufficiency) or 1 "
             "- s_i (comprehensiveness), s the scores divided by their sum. D is the distance "
             "between the two predictions, the sum over the vocabulary of (√p - √q)² divided by "
             "√2, which ReAGent's evaluation calls Hellinger distance without taking the root; D0 "
             "is D with every embedding 0. Soft-NS = max(0, D0 - D) / D0, Soft-NC = D / D0, means "
             "over the draws, which are the same for all methods. Reported is the logarithm of the "
             "sum over all questions divided by the same sum of a control: random scores (the "
             "softmax of uniform numbers, ReAGent's own control), or the method's own scores "
             "permuted. With scores that sum to 1 over many tokens almost nothing is kept, and "
             "Soft-NC rewards scores that are peaked, wherever the peak is: the permutation "
             "control takes that away, and the entropy shows it. The max1 forms divide by the "
             "largest score instead of the sum.",
         .source = "Zhao & Aletras 2023; Zhao & Shan 2024 (ReAGent)",
         .needs = HETA_METRIC_NEEDS_MODEL,
         .measures = SOFT,
         .measure_count = sizeof SOFT / sizeof *SOFT},
    .lanes = soft_lanes,
    .shared = soft_shared,
    .run = run_soft};

/* ---- The released package's form ------------------------------------------------------------ */

static const double FRACTIONS[] = {0.1, 0.2, 0.3};
enum { FRACTION_COUNT = sizeof FRACTIONS / sizeof *FRACTIONS };

static size_t package_lanes(const heta_metric_options *options, size_t n) {
  (void)options, (void)n;
  return 2 * FRACTION_COUNT;
}

static heta_status run_package(heta_i_judging *j, double *const *values, heta_error *error) {
  size_t n = j->scored.length;
  bool *removed = heta_i_judging_take(j, 2 * FRACTION_COUNT * n, sizeof *removed);
  double kl[2 * FRACTION_COUNT];
  if (!removed) return heta_i_no_memory(error, "variants", 2 * FRACTION_COUNT * n);
  for (size_t f = 0; f < FRACTION_COUNT; f++) {
    size_t count = (size_t)floor(FRACTIONS[f] * (double)j->ranked + 1e-9);
    if (!count) count = 1;
    for (size_t r = 0; r < j->ranked; r++) {
      removed[f * n + j->order[r]] = r < count;
      removed[(FRACTION_COUNT + f) * n + j->order[r]] = r >= count;
    }
  }
  heta_i_prediction prediction = {.kl = kl};
  HETA_TRY(heta_i_judge_removed(j, 2 * FRACTION_COUNT, removed, &prediction, error));
  *values[0] = *values[1] = 0;
  for (size_t f = 0; f < FRACTION_COUNT; f++) {
    *values[0] += kl[f] / FRACTION_COUNT;
    *values[1] -= kl[FRACTION_COUNT + f] / FRACTION_COUNT;
  }
  return HETA_OK;
}

static const heta_measure_info PACKAGE[] = {
    {"soft_nc_package", "mean KL divergence without the strongest 10, 20, 30 %, in nats", 1, 1,
     NULL, NULL},
    {"soft_ns_package", "minus the mean KL divergence with these only, in nats", 1, 1, NULL, NULL},
};

const heta_i_metric heta_i_metric_soft_package = {
    .info = {.name = "soft-package",
             .summary = "what HETA's released package calls Soft-NC and Soft-NS",
             .about =
                 "The strongest 10, 20 and 30 % of the tokens (rounded down, at least one) are "
                 "removed, or kept alone, as wholes: nothing is soft here. Soft-NC is the mean "
                 "KL divergence of the prediction from that in the whole context, Soft-NS "
                 "minus the mean with the strongest kept, so at most 0. No random baseline. "
                 "For comparison with numbers made by that package; soft is the metric of the "
                 "literature.",
             .source = "github.com/VishalPramanik/HETA, metrics.py",
             .needs = HETA_METRIC_NEEDS_MODEL,
             .measures = PACKAGE,
             .measure_count = sizeof PACKAGE / sizeof *PACKAGE},
    .lanes = package_lanes,
    .run = run_package};
