/* calibrate.c: `heta calibrate` fits the weights of curvature and information to measured drops,
 * from what an evaluation kept.
 *
 * With f the sums of M S over random subsets and g those of M I, the fit needs Σ f², Σ f g, Σ g²,
 * Σ f d, Σ g d and Σ d² of the drops d. The faithfulness metric keeps Σ a², Σ a d and Σ d² of each
 * score vector a; that of β S + γ I, of S alone and of I alone give them all. */
#include "cli/calibration.h"
#include "cli/commands.h"
#include "cli/eval/table.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/numbers.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct calibrate_arguments {
  cli_parsed parsed; /* must be first */
  const char *suite, *method, *output;
  bool overwrite;
  int format;
} calibrate_arguments;

static void set_defaults(void *untyped) {
  calibrate_arguments *arguments = untyped;
  arguments->method = "heta";
}

/* Sums over questions, with features in units of β = γ = 1. */
typedef struct normal {
  double ff, fg, gg, fd, gd, dd;
} normal;

typedef struct weights {
  double beta, gamma, r2;
} weights;

/* Least squares with both weights at least 0. */
static weights solve(const normal *n) {
  double det = n->ff * n->gg - n->fg * n->fg;
  weights w = {NAN, NAN, NAN};
  if (det > 1e-12 * n->ff * n->gg) {
    w.beta = (n->fd * n->gg - n->gd * n->fg) / det;
    w.gamma = (n->gd * n->ff - n->fd * n->fg) / det;
  }
  if (!(w.beta >= 0) || !(w.gamma >= 0)) { /* on the border: the better single feature */
    double f = n->ff > 0 && n->fd > 0 ? n->fd / n->ff : 0;
    double g = n->gg > 0 && n->gd > 0 ? n->gd / n->gg : 0;
    bool first = f * n->fd >= g * n->gd;
    w.beta = first ? f : 0;
    w.gamma = first ? 0 : g;
  }
  double left = n->dd - 2 * (w.beta * n->fd + w.gamma * n->gd) + w.beta * w.beta * n->ff +
                2 * w.beta * w.gamma * n->fg + w.gamma * w.gamma * n->gg;
  w.r2 = n->dd > 0 ? 1 - left / n->dd : NAN;
  return w;
}

/* The three configs a fit needs: both parts, curvature alone, information alone. */
enum { BOTH, CURVATURE, INFORMATION, PARTS };
static const char *const SUFFIX[PARTS] = {"", "+gamma=0", "+beta=0"};

static int find_parts(const eval_results *r, const char *method, size_t parts[PARTS]) {
  for (int k = 0; k < PARTS; k++) {
    char label[200];
    snprintf(label, sizeof label, "%.150s%s", method, SUFFIX[k]);
    char fuller[CLI_MESSAGE];
    parts[k] = eval_results_find(r, label);
    if (parts[k] != SIZE_MAX) continue;
    eval_results_fuller(r, label, fuller);
    if (*fuller) {
      return cli_fail(CLI_FAILED,
                      "the database has scores by '%s' of several seeds, versions or options, and "
                      "a fit takes one kind: %s; keep them in databases of their own",
                      label, fuller);
    }
    return cli_fail(CLI_FAILED,
                    "the database has no scores by '%s'; add them with heta eval --methods "
                    "'%s,%s+gamma=0,%s+beta=0' --metrics faithfulness-error",
                    label, method, method, method);
  }
  return CLI_DONE;
}

/* "beta=0.5" in a config's options. */
static double weight_of(const eval_config *config, const char *name) {
  const char *at = strstr(config->options, name);
  return at ? strtod(at + strlen(name), NULL) : NAN;
}

static const eval_column *column_of(const eval_results *r, const char *name) {
  for (size_t i = 0; i < r->column_count; i++) {
    if (!strcmp(r->columns[i].measure->name, name)) return &r->columns[i];
  }
  return NULL;
}

/* What one question adds; false when it lacks something. */
static bool add(const eval_results *r, const size_t parts[PARTS], size_t question, double beta,
                double gamma, normal *n) {
  static const char *const NAMES[] = {"faithfulness_square", "faithfulness_product",
                                      "faithfulness_drops"};
  double value[3][PARTS];
  for (int m = 0; m < 3; m++) {
    const eval_column *c = column_of(r, NAMES[m]);
    for (int k = 0; k < PARTS; k++) {
      value[m][k] = c ? c->values[parts[k] * r->question_count + question] : NAN;
      if (!isfinite(value[m][k])) return false;
    }
  }
  n->ff += value[0][CURVATURE] / (beta * beta);
  n->gg += value[0][INFORMATION] / (gamma * gamma);
  n->fg += (value[0][BOTH] - value[0][CURVATURE] - value[0][INFORMATION]) / (2 * beta * gamma);
  n->fd += value[1][CURVATURE] / beta;
  n->gd += value[1][INFORMATION] / gamma;
  n->dd += value[2][BOTH];
  return true;
}

typedef struct fit {
  weights at, low, high;
  size_t questions, sources;
} fit;

/* The fit and its intervals, by resampled sources. */
static int fit_all(const eval_results *r, const char *suite, const size_t parts[PARTS], fit *out) {
  double beta = weight_of(&r->configs[parts[BOTH]], "beta=");
  double gamma = weight_of(&r->configs[parts[BOTH]], "gamma=");
  normal *sums = calloc(r->source_count + 1, sizeof *sums), all = {0};
  bool *used = calloc(r->source_count + 1, sizeof *used);
  double(*values)[EVAL_RESAMPLES] = calloc(3, sizeof *values);
  eval_resamples resamples = {0};
  *out = (fit){0};
  bool fine = sums && used && values && eval_resamples_make(r->source_count, 1, &resamples);
  for (size_t q = 0; fine && q < r->question_count; q++) {
    const eval_question *question = &r->questions[q];
    if (suite && strcmp(r->suites[question->suite], suite) != 0) continue;
    if (!add(r, parts, q, beta, gamma, &sums[question->source])) continue;
    add(r, parts, q, beta, gamma, &all);
    out->questions++;
    out->sources += !used[question->source];
    used[question->source] = true;
  }
  out->at = solve(&all);
  for (size_t t = 0; fine && t < EVAL_RESAMPLES; t++) {
    normal n = {0};
    for (size_t s = 0; s < r->source_count; s++) {
      double times = resamples.times[t * r->source_count + s];
      n.ff += times * sums[s].ff;
      n.fg += times * sums[s].fg;
      n.gg += times * sums[s].gg;
      n.fd += times * sums[s].fd;
      n.gd += times * sums[s].gd;
      n.dd += times * sums[s].dd;
    }
    weights w = solve(&n);
    values[0][t] = w.beta;
    values[1][t] = w.gamma;
    values[2][t] = isfinite(w.r2) ? w.r2 : 0;
  }
  double *const low[] = {&out->low.beta, &out->low.gamma, &out->low.r2};
  double *const high[] = {&out->high.beta, &out->high.gamma, &out->high.r2};
  for (int k = 0; fine && k < 3; k++) {
    cli_sort(values[k], EVAL_RESAMPLES);
    *low[k] = values[k][(size_t)(0.025 * EVAL_RESAMPLES)];
    *high[k] = values[k][(size_t)(0.975 * EVAL_RESAMPLES)];
  }
  eval_resamples_free(&resamples);
  free(sums);
  free(used);
  free(values);
  return fine ? CLI_DONE : cli_fail(CLI_FAILED, "out of memory");
}

static const char *const WEIGHTS[] = {"beta", "gamma", "r2"};

/* Each weight with its interval: [value, low, high]. */
static json_t *fit_json(const fit *f, const char *method, const eval_results *results,
                        const char *options) {
  const double at[] = {f->at.beta, f->at.gamma, f->at.r2};
  const double low[] = {f->low.beta, f->low.gamma, f->low.r2};
  const double high[] = {f->high.beta, f->high.gamma, f->high.r2};
  json_t *object = json_object();
  cli_json_set(object, "schema", cli_json_string(CLI_CALIBRATION_SCHEMA));
  cli_json_set(object, "model", cli_json_string(results->model));
  cli_json_set(object, "fingerprint", cli_json_string(results->fingerprint));
  cli_json_set(object, "method", cli_json_string(method));
  cli_json_set(object, "options", cli_json_string(options));
  cli_json_set(object, "questions", cli_json_count(f->questions));
  cli_json_set(object, "sources", cli_json_count(f->sources));
  for (int k = 0; k < 3; k++) {
    json_t *triple = json_array();
    cli_json_append(triple, cli_json_number(at[k]));
    cli_json_append(triple, cli_json_number(low[k]));
    cli_json_append(triple, cli_json_number(high[k]));
    cli_json_set(object, WEIGHTS[k], triple);
  }
  return object;
}

static int write_fit(const char *path, bool overwrite, json_t *object) {
  cli_file file;
  int code = object ? cli_file_open(path, overwrite, &file) : cli_fail(CLI_FAILED, "out of memory");
  if (!code) {
    bool fine =
        json_dumpf(object, file.stream, JSON_INDENT(2)) == 0 && fputc('\n', file.stream) > 0;
    code = cli_file_close(&file, fine ? 0 : EIO);
  }
  json_decref(object);
  if (!code) cli_say("heta attribute … --beta auto --calibration %s", path);
  return code;
}

static int print_fit(const fit *f, const char *method) {
  const double at[] = {f->at.beta, f->at.gamma, f->at.r2};
  const double low[] = {f->low.beta, f->low.gamma, f->low.r2};
  const double high[] = {f->high.beta, f->high.gamma, f->high.r2};
  printf("%s, fitted to %zu questions from %zu sources (95 %% intervals)\n", method, f->questions,
         f->sources);
  for (int k = 0; k < 3; k++) {
    printf("  %-6s %.4g  [%.4g, %.4g]\n", WEIGHTS[k], at[k], low[k], high[k]);
  }
  printf("\nheta attribute … --beta %.6g --gamma %.6g\n", at[0], at[1]);
  return cli_close_output(CLI_DONE);
}

static int run(void *untyped) {
  const calibrate_arguments *arguments = untyped;
  eval_store store;
  eval_results results;
  size_t parts[PARTS];
  fit f;
  if (arguments->output && !arguments->overwrite && access(arguments->output, F_OK) == 0) {
    return cli_fail(CLI_USAGE, "'%s' exists; -y replaces it", arguments->output);
  }
  int code = eval_store_read(arguments->parsed.words.items[0], &store);
  if (code) return code;
  code = eval_results_read(&store, false, &results);
  eval_store_close(&store);
  if (code) return code;
  code = find_parts(&results, arguments->method, parts);
  if (!code) code = fit_all(&results, arguments->suite, parts, &f);
  if (!code && !f.questions) {
    code = cli_fail(CLI_FAILED, "no question has the faithfulness error of all three; run heta "
                                "eval with --metrics faithfulness-error");
  }
  if (!code && arguments->format) {
    code = cli_json_print(
        fit_json(&f, arguments->method, &results, results.configs[parts[BOTH]].options));
  } else if (!code) {
    code = print_fit(&f, arguments->method);
  }
  if (!code && arguments->output) {
    code =
        write_fit(arguments->output, arguments->overwrite,
                  fit_json(&f, arguments->method, &results, results.configs[parts[BOTH]].options));
  }
  eval_results_free(&results);
  return code;
}

#define FIELD(name) offsetof(calibrate_arguments, name)

static const cli_option options[] = {
    {0, "method", NULL, CLI_TEXT, FIELD(method), "METHOD", 0, 0, 0, NULL,
     "HETA with the options to fit for, such as heta+gate=none; default heta"},
    {0, "suite", NULL, CLI_TEXT, FIELD(suite), "NAME", 0, 0, 0, NULL,
     "questions of this suite only"},
    {'o', "output", NULL, CLI_TEXT, FIELD(output), "FILE", 0, 0, 0, NULL,
     "also write the weights to FILE, for heta attribute --beta auto --calibration FILE"},
    {'y', "overwrite", NULL, CLI_FLAG, FIELD(overwrite), NULL, 0, 0, 0, NULL,
     "replace the file if it exists"},
    {0, "format", NULL, CLI_CHOICE, FIELD(format), "term|json", 0, 0, 0, NULL,
     "for people or for programs"},
};

const cli_command cli_calibrate = {
    .name = "calibrate",
    .summary = "Fits the weights of HETA's parts to measured drops.",
    .usage = "FILE.sqlite [options]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .word = "FILE.sqlite",
    .least_words = 1,
    .most_words = 1,
    .arguments_size = sizeof(calibrate_arguments),
    .set_defaults = set_defaults,
    .run = run,
    .notes =
        "The paper's second theorem: beta and gamma, both at least 0, that make the sums of M "
        "(beta "
        "S + gamma I) over random subsets of the tokens nearest, in least squares, to the drop of "
        "the target's log-probability when the subset is removed. The subsets are those of the "
        "metric faithfulness-error. R² is the share of the drops' squares that the fit explains. "
        "The database must hold scores of heta, heta+gamma=0 and heta+beta=0, which one run gives.",
};
