/* calibrate.c: `heta calibrate` fits the weights of curvature and information to measured drops,
 * from what an evaluation kept.
 *
 * With f the sums of M S over random subsets and g those of M I, the fit needs Σ f², Σ f g, Σ g²,
 * Σ f d, Σ g d and Σ d² of the drops d. The faithfulness metric keeps Σ a², Σ a d and Σ d² of each
 * score vector a; that of β S + γ I, of S alone and of I alone give them all. */
#include "cli/calibration.h"
#include "cli/commands.h"
#include "cli/eval/choice.h"
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

/* ---- The least squares ---------------------------------------------------------------------- */

/* Sums over questions, with features in units of β = γ = 1. */
typedef struct normal {
  double ff, fg, gg, fd, gd, dd;
} normal;

typedef struct weights {
  double beta, gamma, r2;
} weights;

/* Least squares with both weights at least 0; NaN where there is nothing to fit, or to fit to. */
static weights solve(const normal *n) {
  double det = n->ff * n->gg - n->fg * n->fg;
  weights w = {NAN, NAN, NAN};
  if (!(n->ff > 0 || n->gg > 0) || !(n->dd > 0)) return w;
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
  w.r2 = 1 - left / n->dd;
  return w;
}

static void add_times(double times, const normal *from, normal *to) {
  to->ff += times * from->ff;
  to->fg += times * from->fg;
  to->gg += times * from->gg;
  to->fd += times * from->fd;
  to->gd += times * from->gd;
  to->dd += times * from->dd;
}

/* ---- The three scores that a fit needs ------------------------------------------------------- */

/* Both parts, curvature alone, information alone. */
enum { BOTH, CURVATURE, INFORMATION, PARTS };

/* Of the config's options, those that are no defaults: "heta+probes=2". NULL without memory. */
static char *method_text(const eval_config *config) {
  const heta_method_info *info = heta_method_find(config->method);
  size_t room = strlen(config->method) + strlen(config->options) + 2;
  char *text = malloc(room);
  size_t used = text ? (size_t)snprintf(text, room, "%s", config->method) : 0;
  for (const char *at = config->options; text && *at;) {
    size_t length = strcspn(at, " "), name = strcspn(at, "= ");
    const heta_option_info *option = cli_method_option(info, at, name);
    const char *usual = option ? option->default_value : "";
    if (length <= name || strlen(usual) != length - name - 1 ||
        memcmp(usual, at + name + 1, length - name - 1) != 0) {
      used += (size_t)snprintf(text + used, room - used, "+%.*s", (int)length, at);
    }
    at += length + (at[length] == ' ');
  }
  return text;
}

/* The method with one of its weights 0: "heta+beta=1", "gamma" becomes "heta+beta=1+gamma=0". NULL
 * without memory. */
static char *without(const char *method, const char *weight) {
  size_t room = strlen(method) + strlen(weight) + 4, used = 0, own = strlen(weight);
  char *text = malloc(room);
  for (const char *at = method; text && *at;) {
    size_t length = 1 + strcspn(at + 1, "+");
    bool is = *at == '+' && length > own + 1 && !memcmp(at + 1, weight, own) && at[own + 1] == '=';
    if (!is) used += (size_t)snprintf(text + used, room - used, "%.*s", (int)length, at);
    at += length;
  }
  if (text) snprintf(text + used, room - used, "+%s=0", weight);
  return text;
}

/* Both weights are to be there, or the three scores are not three. */
static int check_method(const char *typed, const char *text, eval_method *method) {
  static const char *const WEIGHT[] = {"beta", "gamma"};
  int code = eval_method_read(text, strlen(text), method);
  if (code) return code;
  if (strcmp(eval_method_value(method, "config"), "full") != 0) {
    return cli_fail(CLI_USAGE, "--method: '%.150s' is no sum of the two parts: config is %s", typed,
                    eval_method_value(method, "config"));
  }
  for (int k = 0; k < 2; k++) {
    double value;
    if (cli_read_number(eval_method_value(method, WEIGHT[k]), 0, 1e300, &value) && value > 0) {
      continue;
    }
    return cli_fail(CLI_USAGE,
                    "--method: beta and gamma are what is fitted: '%.150s' must leave %s out, or "
                    "have a number above 0 for it",
                    typed, WEIGHT[k]);
  }
  return CLI_DONE;
}

/* Whether the config has all its options as the method has them. */
static bool is_config(const eval_config *config, const eval_method *method) {
  if (strcmp(config->method, method->info->name) != 0) return false;
  for (const char *at = config->options; *at;) {
    size_t length = strcspn(at, " ");
    if (!eval_has_word(method->resolved, at, length)) return false;
    at += length + (at[length] == ' ');
  }
  return true;
}

/* The config that is `of` with these weights; SIZE_MAX when there is none. */
static size_t find_weights(const eval_results *r, size_t of, double beta, double gamma) {
  for (size_t c = 0; c < r->config_count; c++) {
    const char *options = r->configs[c].options;
    if (eval_config_same_but_weights(&r->configs[c], &r->configs[of]) &&
        eval_option_number(options, "beta") == beta &&
        eval_option_number(options, "gamma") == gamma) {
      return c;
    }
  }
  return SIZE_MAX;
}

static bool complete(const eval_results *r, size_t both, size_t parts[PARTS]) {
  const char *options = r->configs[both].options;
  parts[BOTH] = both;
  parts[CURVATURE] = find_weights(r, both, eval_option_number(options, "beta"), 0);
  parts[INFORMATION] = find_weights(r, both, 0, eval_option_number(options, "gamma"));
  return parts[CURVATURE] != SIZE_MAX && parts[INFORMATION] != SIZE_MAX;
}

/* What a fit is made for. */
typedef struct asked {
  char *text;     /* "heta+probes=2" */
  char *alone[2]; /* with curvature alone, with information alone */
  eval_method method;
  uint64_t seed; /* of the scores that are there */
} asked;

static void close_asked(asked *a) {
  free(a->text);
  free(a->alone[0]);
  free(a->alone[1]);
  eval_method_free(&a->method);
}

/* typed: a method with its options, or the label of a row of the report; named: that row. */
static int read_asked(const eval_results *r, const char *typed, size_t named, asked *a) {
  const char *method = named == SIZE_MAX ? typed : r->configs[named].method;
  *a = (asked){0};
  if (strcspn(method, "+ ") != 4 || memcmp(method, "heta", 4) != 0) {
    return cli_fail(CLI_USAGE,
                    "--method: only heta has the two weights, and '%.150s' is not heta: give heta, "
                    "or heta with options, such as heta+gate=none",
                    typed);
  }
  a->text = named == SIZE_MAX ? strdup(typed) : method_text(&r->configs[named]);
  if (!a->text) return cli_fail(CLI_FAILED, "out of memory");
  int code = check_method(typed, a->text, &a->method);
  if (code) return code;
  a->alone[0] = without(a->text, "gamma");
  a->alone[1] = without(a->text, "beta");
  return a->alone[0] && a->alone[1] ? CLI_DONE : cli_fail(CLI_FAILED, "out of memory");
}

enum { COMMAND = 4096 };

/* "heta eval … --methods '…' --metrics faithfulness-error", which measures what is needed. */
static const char *command_for(const asked *a, char room[COMMAND]) {
  char seed[40] = "";
  if (a->seed) snprintf(seed, sizeof seed, " --seed %llu", (unsigned long long)a->seed);
  snprintf(room, COMMAND, "heta eval … --methods '%s,%s,%s' --metrics faithfulness-error%s",
           a->text, a->alone[0], a->alone[1], seed);
  return room;
}

static int find_parts(const eval_results *r, const char *typed, size_t named, asked *a,
                      size_t parts[PARTS]) {
  char labels[CLI_MESSAGE] = "", command[COMMAND];
  size_t used = 0, found = 0, there = 0, own[PARTS];
  for (size_t c = 0; c < r->config_count; c++) {
    if (!is_config(&r->configs[c], &a->method)) continue;
    if (!there++ || c == named) a->seed = r->configs[c].seed;
    if (!complete(r, c, own)) continue;
    memcpy(parts, own, sizeof own);
    if (c == named) return CLI_DONE;
    if (used < sizeof labels) {
      used += (size_t)snprintf(labels + used, sizeof labels - used, "%s'%s'", found ? ", " : "",
                               r->configs[c].label);
    }
    found++;
  }
  if (found == 1) return CLI_DONE;
  if (found) {
    return cli_fail(CLI_USAGE,
                    "--method: there are scores by '%.150s' of several seeds or versions: say "
                    "which: %s",
                    typed, labels);
  }
  return cli_fail(CLI_FAILED, "the database has no scores by %s'%.150s'; %s adds what is missing",
                  there ? "one or both of the parts of " : "", typed, command_for(a, command));
}

/* ---- What was measured ----------------------------------------------------------------------- */

/* The faithfulness error's sums, all under the same settings. */
enum { SQUARE, PRODUCT, DROPS, SUMS };

typedef struct measured {
  const eval_column *sums[SUMS];
  size_t questions; /* that have all three of all three */
} measured;

typedef struct question_values {
  double of[SUMS][PARTS];
} question_values;

/* False when the question lacks something, or is of another suite. suite: SIZE_MAX: any. */
static bool values_of(const eval_results *r, const measured *m, size_t suite,
                      const size_t parts[PARTS], size_t question, question_values *v) {
  if (suite != SIZE_MAX && r->questions[question].suite != suite) return false;
  for (int s = 0; s < SUMS; s++) {
    for (int k = 0; k < PARTS; k++) {
      v->of[s][k] = m->sums[s]->values[parts[k] * r->question_count + question];
      if (!isfinite(v->of[s][k])) return false;
    }
  }
  return true;
}

/* The settings with the most questions; a word about the others. */
static void find_measured(const eval_results *r, size_t suite, const size_t parts[PARTS],
                          measured *best) {
  static const char *const NAMES[] = {"faithfulness_square", "faithfulness_product",
                                      "faithfulness_drops"};
  char others[CLI_MESSAGE];
  size_t used = 0;
  *best = (measured){0};
  for (int pass = 0; pass < 2; pass++) { /* find it; tell of the others */
    for (size_t i = 0; i < r->column_count; i++) {
      measured m = {{&r->columns[i]}, 0};
      question_values v;
      if (strcmp(r->columns[i].measure->name, NAMES[SQUARE]) != 0) continue;
      for (int s = PRODUCT; s < SUMS; s++) {
        m.sums[s] = eval_results_beside(r, &r->columns[i], NAMES[s]);
      }
      if (!m.sums[PRODUCT] || !m.sums[DROPS]) continue;
      for (size_t q = 0; q < r->question_count; q++) {
        m.questions += values_of(r, &m, suite, parts, q, &v);
      }
      if (!pass && m.questions > best->questions) *best = m;
      if (pass && m.questions && m.sums[SQUARE] != best->sums[SQUARE] && used < sizeof others) {
        used += (size_t)snprintf(others + used, sizeof others - used, "%s'%s' (%zu)",
                                 used ? ", " : "", m.sums[SQUARE]->settings, m.questions);
      }
    }
  }
  if (!used) return;
  cli_say("the faithfulness error was measured with several settings; taken are those with the "
          "most questions, '%s' (%zu); there are also %s",
          best->sums[SQUARE]->settings, best->questions, others);
}

/* What one question adds. beta, gamma: of the score of both parts. */
static normal sums_of(const question_values *v, double beta, double gamma) {
  const double *square = v->of[SQUARE], *product = v->of[PRODUCT];
  return (normal){
      .ff = square[CURVATURE] / (beta * beta),
      .gg = square[INFORMATION] / (gamma * gamma),
      .fg = (square[BOTH] - square[CURVATURE] - square[INFORMATION]) / (2 * beta * gamma),
      .fd = product[CURVATURE] / beta,
      .gd = product[INFORMATION] / gamma,
      .dd = v->of[DROPS][BOTH],
  };
}

/* ---- The fit --------------------------------------------------------------------------------- */

typedef struct fit {
  weights at, low, high; /* NaN: no interval */
  size_t questions, sources;
  const char *settings;
} fit;

/* Intervals of the percentiles, by resampled sources. */
static bool find_intervals(const normal *sums, fit *out) {
  double(*values)[EVAL_RESAMPLES] = calloc(3, sizeof *values);
  eval_resamples resamples = {0};
  bool fine = values && eval_resamples_make(out->sources, 1, &resamples);
  for (size_t t = 0; fine && t < EVAL_RESAMPLES; t++) {
    normal n = {0};
    for (size_t s = 0; s < out->sources; s++) {
      add_times(resamples.times[t * out->sources + s], &sums[s], &n);
    }
    weights w = solve(&n);
    values[0][t] = w.beta;
    values[1][t] = w.gamma;
    values[2][t] = w.r2;
  }
  double *const low[] = {&out->low.beta, &out->low.gamma, &out->low.r2};
  double *const high[] = {&out->high.beta, &out->high.gamma, &out->high.r2};
  for (int k = 0; fine && k < 3; k++) eval_interval(values[k], EVAL_RESAMPLES, low[k], high[k]);
  eval_resamples_free(&resamples);
  free(values);
  return fine;
}

/* The fit and its intervals. */
static int fit_all(const eval_results *r, const measured *m, size_t suite,
                   const size_t parts[PARTS], fit *out) {
  const char *options = r->configs[parts[BOTH]].options;
  double beta = eval_option_number(options, "beta"), gamma = eval_option_number(options, "gamma");
  normal *sums = calloc(r->source_count + 1, sizeof *sums), all = {0};
  size_t last = SIZE_MAX; /* questions come source by source */
  *out = (fit){.low = {NAN, NAN, NAN}, .high = {NAN, NAN, NAN}};
  out->settings = m->sums[SQUARE]->settings;
  for (size_t q = 0; sums && q < r->question_count; q++) {
    question_values v;
    if (!values_of(r, m, suite, parts, q, &v)) continue;
    normal own = sums_of(&v, beta, gamma);
    out->questions++;
    out->sources += r->questions[q].source != last;
    last = r->questions[q].source;
    add_times(1, &own, &sums[out->sources - 1]);
    add_times(1, &own, &all);
  }
  out->at = solve(&all);
  bool fine = sums && (out->sources < 2 || find_intervals(sums, out));
  free(sums);
  return fine ? CLI_DONE : cli_fail(CLI_FAILED, "out of memory");
}

/* Weights that explain nothing are none to recommend. */
static int check_fit(const fit *f, const char *method) {
  if (f->at.beta > 0 || f->at.gamma > 0) return CLI_DONE;
  return cli_fail(CLI_FAILED,
                  "nothing fits: over the %zu question%s of '%.150s' neither part grows with the "
                  "drops, so that no weight above 0 is better than none",
                  f->questions, f->questions == 1 ? "" : "s", method);
}

static const char *const WEIGHTS[] = {"beta", "gamma", "r2"};

/* Each weight with its interval: [value, low, high]; null: none. */
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
  cli_json_set(object, "settings", cli_json_string(f->settings));
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

/* " --scale sum": options other than weights, as they are typed; a flag takes its value after '='.
 */
static int print_options(const eval_config *config) {
  const heta_method_info *info = heta_method_find(config->method);
  char *text = method_text(config);
  for (const char *at = text ? strchr(text, '+') : NULL; at; at = strchr(at + 1, '+')) {
    size_t name = strcspn(at + 1, "="), value = strcspn(at + 1, "+") - name - 1;
    const heta_option_info *option = cli_method_option(info, at + 1, name);
    bool flag = option && option->type == HETA_OPTION_FLAG;
    if (!strncmp(at, "+beta=", 6) || !strncmp(at, "+gamma=", 7)) continue;
    printf(" --%.*s%c%.*s", (int)name, at + 1, flag ? '=' : ' ', (int)value, at + name + 2);
  }
  free(text);
  return text ? CLI_DONE : CLI_FAILED;
}

/* config: the one that was fitted, whose options go with the weights. */
static int print_fit(const fit *f, const char *method, const eval_config *config) {
  const double at[] = {f->at.beta, f->at.gamma, f->at.r2};
  const double low[] = {f->low.beta, f->low.gamma, f->low.r2};
  const double high[] = {f->high.beta, f->high.gamma, f->high.r2};
  printf("%s, fitted to %zu question%s from %zu source%s (95 %% intervals)\n", method, f->questions,
         f->questions == 1 ? "" : "s", f->sources, f->sources == 1 ? "" : "s");
  for (int k = 0; k < 3; k++) {
    printf("  %-6s %.4g  ", WEIGHTS[k], at[k]);
    if (isfinite(low[k]))
      printf("[%.4g, %.4g]\n", low[k], high[k]);
    else
      printf("–\n");
  }
  printf("  drops measured with %s\n", f->settings);
  printf("\nheta attribute …");
  if (print_options(config)) return cli_fail(CLI_FAILED, "out of memory");
  printf(" --beta %.6g --gamma %.6g\n", at[0], at[1]);
  return cli_close_output(CLI_DONE);
}

/* The fit of what is asked, from what the database has. *fitted: what it was made for. */
static int calibrate(const calibrate_arguments *arguments, const eval_results *r, fit *f,
                     const eval_config **fitted) {
  const char *method = arguments->method;
  char command[COMMAND];
  size_t suite = SIZE_MAX, parts[PARTS], named = eval_results_find(r, method);
  asked a;
  measured m;
  int code = read_asked(r, method, named, &a);
  if (!code && arguments->suite) code = eval_results_suite(r, arguments->suite, &suite);
  if (!code) code = find_parts(r, method, named, &a, parts);
  if (!code) find_measured(r, suite, parts, &m);
  if (!code && !m.questions) {
    code = cli_fail(CLI_FAILED,
                    "no question%s%s has the faithfulness error of all three scores: %s adds it",
                    suite == SIZE_MAX ? "" : " of suite ",
                    suite == SIZE_MAX ? "" : arguments->suite, command_for(&a, command));
  }
  if (!code) code = fit_all(r, &m, suite, parts, f);
  if (!code) code = check_fit(f, method);
  if (!code) *fitted = &r->configs[parts[BOTH]];
  close_asked(&a);
  return code;
}

static int check_output(const calibrate_arguments *arguments) {
  if (!arguments->output && arguments->overwrite) {
    return cli_fail(CLI_USAGE, "-y replaces the file that -o names, and there is no -o");
  }
  if (arguments->output && !arguments->overwrite && access(arguments->output, F_OK) == 0) {
    return cli_fail(CLI_USAGE, "'%s' exists; -y replaces it", arguments->output);
  }
  return CLI_DONE;
}

static int run(void *untyped) {
  const calibrate_arguments *arguments = untyped;
  const char *method = arguments->method;
  const eval_config *fitted;
  eval_store store;
  eval_results results;
  fit f;
  int code = check_output(arguments);
  if (!code) code = eval_store_read(arguments->parsed.words.items[0], &store);
  if (code) return code;
  code = eval_results_read(&store, false, &results);
  eval_store_close(&store);
  if (code) return code;
  code = calibrate(arguments, &results, &f, &fitted);
  if (!code && arguments->format) {
    code = cli_json_print(fit_json(&f, method, &results, fitted->options));
  } else if (!code) {
    code = print_fit(&f, method, fitted);
  }
  if (!code && arguments->output) {
    code = write_fit(arguments->output, arguments->overwrite,
                     fit_json(&f, method, &results, fitted->options));
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
