/* choice.c: reads "heta,heta+scale=sum,controls" and "deletion,dsa". */
#include "cli/eval/choice.h"

#include "cli/calibration.h"
#include "cli/request.h"

#include <stdlib.h>
#include <string.h>

/* Names that stand for several methods. */
static const struct group {
  const char *name, *members;
} GROUPS[] = {
    {"controls", "random,uniform,position"},
    {"ablations", "heta,heta+gamma=0,heta+beta=0,heta+gate=none,heta+gate=uniform,"
                  "heta+scale=sum,heta+scale=sum+gate=none"},
    {"sweep", "heta+scale=sum+gamma=0,heta+scale=sum+beta=0.9+gamma=0.1,"
              "heta+scale=sum+beta=0.75+gamma=0.25,heta+scale=sum,"
              "heta+scale=sum+beta=0.25+gamma=0.75,heta+scale=sum+beta=0.1+gamma=0.9,"
              "heta+scale=sum+beta=0"},
};
enum { GROUP_COUNT = sizeof GROUPS / sizeof *GROUPS };

/* Methods that take hundreds or thousands of passes for a question unless told otherwise. `all` and
 * `quick` ask them for fewer: their labels and records say so. kernel-shap and greedy-rationale
 * need one for each token: 164 are enough for what `quick` asks, at most 160 tokens. */
static const struct limited {
  const char *name, *all, *quick;
} LIMITED[] = {
    {"heta", "heta", "heta+probes=4"},
    {"reagent", "reagent+passes=200", "reagent+passes=32"},
    {"causal-tracing", "causal-tracing+samples=2", "causal-tracing+samples=1"},
    {"lime", "lime+passes=200", "lime+passes=64"},
    {"kernel-shap", "kernel-shap+passes=200", "kernel-shap+passes=164"},
    {"greedy-rationale", "greedy-rationale+passes=200", "greedy-rationale+passes=164"},
    {"attributive-mask", "attributive-mask+passes=200", "attributive-mask+passes=32"},
};
enum { LIMITED_COUNT = sizeof LIMITED / sizeof *LIMITED };

/* How a method is asked within `all` or `quick`. */
static const char *within(const char *name, bool quick) {
  for (int i = 0; i < LIMITED_COUNT; i++) {
    if (!strcmp(LIMITED[i].name, name)) return quick ? LIMITED[i].quick : LIMITED[i].all;
  }
  return name;
}

/* Adds "name=value"; numbers in one form: 0.5, 0.50 and 5e-1 are one value. */
static size_t add_value(char *to, size_t room, const heta_option_info *option, const char *value) {
  char *end, number[40];
  double x = strtod(value, &end);
  if (option->type == HETA_OPTION_NUMBER && end != value && !*end) {
    snprintf(number, sizeof number, "%.15g", x);
    if (strtod(number, NULL) != x) snprintf(number, sizeof number, "%.17g", x);
    value = number;
  }
  return (size_t)snprintf(to, room, "%s=%s", option->name, value);
}

/* "name=value …" of every option of the method's table. */
static char *resolve(const eval_method *method) {
  const heta_method_info *info = method->info;
  size_t room = 1, used = 0;
  for (size_t i = 0; i < info->option_count; i++) {
    room += strlen(info->options[i].name) + strlen(info->options[i].default_value) + 42;
  }
  for (size_t i = 0; i < method->option_count; i++) room += strlen(method->options[i].value);
  char *text = calloc(room, 1);
  for (size_t i = 0; text && i < info->option_count; i++) {
    const char *value = info->options[i].default_value;
    for (size_t k = 0; k < method->option_count; k++) {
      if (method->options[k].name == info->options[i].name) value = method->options[k].value;
    }
    if (i) text[used++] = ' ';
    used += add_value(text + used, room - used, &info->options[i], value);
  }
  return text;
}

static int read_option(eval_method *method, char *word) {
  char *equals = strchr(word, '=');
  if (!equals) {
    return cli_fail(CLI_USAGE, "--methods: '%.80s' is no OPTION=VALUE of %s (%s)", word,
                    method->info->name, method->label);
  }
  *equals = 0;
  const heta_option_info *option = cli_method_option(method->info, word, strlen(word));
  if (!option) {
    return cli_fail(CLI_USAGE,
                    "--methods: %s has no option '%.60s': heta methods %s lists what it has",
                    method->info->name, word, method->info->name);
  }
  for (size_t i = 0; i < method->option_count; i++) {
    if (method->options[i].name != option->name) continue;
    return cli_fail(CLI_USAGE, "--methods: '%s' gives %s twice", method->label, option->name);
  }
  method->options[method->option_count++] = (heta_option){option->name, equals + 1};
  return CLI_DONE;
}

int eval_method_read(const char *text, size_t length, eval_method *method) {
  char message[CLI_MESSAGE];
  size_t pluses = 0;
  for (size_t i = 0; i < length; i++) pluses += text[i] == '+';
  method->label = strndup(text, length);
  method->words = strndup(text, length);
  method->options = calloc(pluses + 1, sizeof *method->options);
  if (!method->label || !method->words || !method->options) {
    return cli_fail(CLI_FAILED, "out of memory");
  }
  char *plus = strchr(method->words, '+');
  if (plus) *plus = 0;
  method->info = heta_method_find(method->words);
  if (!method->info) {
    cli_unknown_method(method->words, message);
    return cli_fail(CLI_USAGE, "--methods: %s", message);
  }
  while (plus) {
    char *word = plus + 1;
    plus = strchr(word, '+');
    if (plus) *plus = 0;
    int code = read_option(method, word);
    if (code) return code;
  }
  method->resolved = resolve(method);
  return method->resolved ? CLI_DONE : cli_fail(CLI_FAILED, "out of memory");
}

void eval_method_free(eval_method *method) {
  free(method->label);
  free(method->options);
  free(method->words);
  free(method->resolved);
  *method = (eval_method){0};
}

const char *eval_method_value(const eval_method *method, const char *name) {
  for (size_t i = 0; i < method->option_count; i++) {
    if (!strcmp(method->options[i].name, name)) return method->options[i].value;
  }
  const heta_option_info *option = cli_method_option(method->info, name, strlen(name));
  return option ? option->default_value : "";
}

/* Whether the one at `at` is an earlier one once more. */
static bool is_twice(const eval_choice *choice, size_t at) {
  const eval_method *method = &choice->methods[at];
  bool twice = false;
  for (size_t i = 0; i < at; i++) {
    twice |= choice->methods[i].info == method->info &&
             strcmp(choice->methods[i].resolved, method->resolved) == 0;
  }
  return twice;
}

/* Adds a method unless the same one is there already. */
static int add_method(eval_choice *choice, const char *text, size_t length) {
  eval_method *grown =
      realloc(choice->methods, (choice->method_count + 1) * sizeof *choice->methods);
  if (!grown) return cli_fail(CLI_FAILED, "out of memory");
  choice->methods = grown;
  eval_method *method = &choice->methods[choice->method_count];
  *method = (eval_method){0};
  int code = eval_method_read(text, length, method);
  if (code || is_twice(choice, choice->method_count)) {
    eval_method_free(method);
    return code;
  }
  choice->method_count++;
  return CLI_DONE;
}

static int add_methods(eval_choice *choice, const char *list) {
  for (const char *at = list; *at;) {
    size_t length = strcspn(at, ",");
    const struct group *group = NULL;
    bool quick = length == 5 && memcmp(at, "quick", 5) == 0;
    bool all = quick || (length == 3 && memcmp(at, "all", 3) == 0);
    int code = CLI_DONE;
    for (int i = 0; i < GROUP_COUNT; i++) {
      if (strlen(GROUPS[i].name) == length && memcmp(at, GROUPS[i].name, length) == 0) {
        group = &GROUPS[i];
      }
    }
    if (group) {
      code = add_methods(choice, group->members);
    } else if (all) {
      for (size_t i = 0; !code && i < heta_method_count(); i++) {
        const char *label = within(heta_method_at(i)->name, quick);
        code = add_method(choice, label, strlen(label));
      }
    } else if (length) {
      code = add_method(choice, at, length);
    }
    if (code) return code;
    at += length + (at[length] == ',');
  }
  return CLI_DONE;
}

/* The metrics that attribute a question many times over, by one name. */
static const char ROBUSTNESS[] = "robustness";

static bool is_robustness(const char *name) {
  return !strcmp(name, "sensitivity") || !strcmp(name, "paraphrase") || !strcmp(name, "decoding");
}

static int add_metric(eval_choice *choice, const heta_metric_info *metric) {
  for (size_t i = 0; i < choice->metric_count; i++) {
    if (choice->metrics[i] == metric) return CLI_DONE;
  }
  choice->metrics[choice->metric_count++] = metric;
  return CLI_DONE;
}

static int unknown_metric(const char *name, size_t length) {
  cli_nearest nearest = {.name = name, .length = length};
  cli_nearest_try(&nearest, ROBUSTNESS);
  for (size_t i = 0; i < heta_metric_count(); i++) {
    cli_nearest_try(&nearest, heta_metric_at(i)->name);
  }
  if (nearest.best) {
    return cli_fail(CLI_USAGE, "--metrics: there is no metric '%.*s': did you mean %s?",
                    (int)length, name, nearest.best);
  }
  return cli_fail(CLI_USAGE, "--metrics: there is no metric '%.*s'; heta metrics lists all",
                  (int)length, name);
}

static int add_metrics(eval_choice *choice, const char *list) {
  choice->metrics = calloc(heta_metric_count() + 1, sizeof(const heta_metric_info *));
  if (!choice->metrics) return cli_fail(CLI_FAILED, "out of memory");
  for (const char *at = list; *at;) {
    size_t length = strcspn(at, ",");
    bool all = length == 3 && memcmp(at, "all", 3) == 0, found = !length;
    bool robust = length == strlen(ROBUSTNESS) && memcmp(at, ROBUSTNESS, length) == 0;
    for (size_t i = 0; i < heta_metric_count(); i++) {
      const heta_metric_info *metric = heta_metric_at(i);
      bool same = strlen(metric->name) == length && memcmp(at, metric->name, length) == 0;
      same |= all && !eval_attributes_again(metric);
      same |= robust && is_robustness(metric->name);
      if (!same) continue;
      found = true;
      add_metric(choice, metric);
    }
    if (!found) return unknown_metric(at, length);
    at += length + (at[length] == ',');
  }
  return CLI_DONE;
}

int eval_choice_read(const char *methods, const char *metrics, eval_choice *choice) {
  *choice = (eval_choice){0};
  int code = add_methods(choice, methods);
  if (!code) code = add_metrics(choice, metrics);
  if (!code && !choice->method_count) code = cli_fail(CLI_USAGE, "--methods names no method");
  if (!code && !choice->metric_count) code = cli_fail(CLI_USAGE, "--metrics names no metric");
  if (code) eval_choice_free(choice);
  return code;
}

static bool has_auto(const eval_method *method) {
  return !strcmp(eval_method_value(method, "beta"), "auto") ||
         !strcmp(eval_method_value(method, "gamma"), "auto");
}

/* The method with the weights of the file, under the name it was given. */
static int calibrate(eval_method *method, const char *file, const heta_model *model) {
  cli_request request = {.method = method->info->name, .calibration = file, .quiet = true};
  heta_option *options = calloc(method->option_count + 2, sizeof *options);
  eval_method made = {0};
  size_t room = strlen(method->label) + 3 * sizeof request.weight_texts, used = 0;
  char *text = malloc(room);
  int code = options && text ? CLI_DONE : cli_fail(CLI_FAILED, "out of memory");
  if (!code) {
    memcpy(options, method->options, method->option_count * sizeof *options);
    request.parsed.method_options = options;
    request.parsed.method_option_count = method->option_count;
    code = cli_calibration_apply(&request, model);
    used = (size_t)snprintf(text, room, "%s", method->info->name);
  }
  for (size_t i = 0; !code && i < request.parsed.method_option_count; i++) {
    used += (size_t)snprintf(text + used, room - used, "+%s=%s", options[i].name, options[i].value);
  }
  if (!code) code = eval_method_read(text, used, &made);
  if (!code) {
    char *label = made.label;
    made.label = method->label;
    method->label = label;
    eval_method_free(method);
    *method = made;
  } else {
    eval_method_free(&made);
  }
  free(options);
  free(text);
  return code;
}

int eval_choice_calibrate(eval_choice *choice, const char *file, const heta_model *model) {
  size_t found = 0;
  int code = CLI_DONE;
  for (size_t m = 0; !code && m < choice->method_count; m++) {
    if (!has_auto(&choice->methods[m])) continue;
    found++;
    code = calibrate(&choice->methods[m], file, model);
    if (code || !is_twice(choice, m)) continue; /* beta=auto and gamma=auto are one method */
    eval_method_free(&choice->methods[m]);
    choice->method_count--;
    memmove(&choice->methods[m], &choice->methods[m + 1],
            (choice->method_count - m) * sizeof *choice->methods);
    m--;
  }
  if (code || found || !file) return code;
  return cli_fail(CLI_USAGE,
                  "--calibration FILE says what auto is: add heta+beta=auto to --methods");
}

void eval_choice_free(eval_choice *choice) {
  for (size_t i = 0; i < choice->method_count; i++) eval_method_free(&choice->methods[i]);
  free(choice->methods);
  free(choice->metrics);
  *choice = (eval_choice){0};
}
