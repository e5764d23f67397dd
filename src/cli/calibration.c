/* calibration.c: reads a file of heta calibrate and puts its weights into a request. */
#include "cli/calibration.h"

#include "cli/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static heta_option *given(const cli_request *request, const char *name) {
  for (size_t i = 0; i < request->parsed.method_option_count; i++) {
    heta_option *option = &request->parsed.method_options[i];
    if (!strcmp(option->name, name)) return option;
  }
  return NULL;
}

static bool is_auto(const heta_option *option) { return option && !strcmp(option->value, "auto"); }

/* Options that change how well a part is known, not what it is, and those that are fitted. */
static bool is_free(const char *name, size_t length) {
  static const char *const FREE[] = {"beta",      "gamma",      "probes",
                                     "tolerance", "max-probes", "estimator"};
  for (size_t i = 0; i < sizeof FREE / sizeof *FREE; i++) {
    if (strlen(FREE[i]) == length && !memcmp(FREE[i], name, length)) return true;
  }
  return false;
}

/* Whether the weights were fitted for what is asked: "gate=flow scale=none …". */
static int check_options(const cli_request *request, const char *fitted) {
  const heta_method_info *method = heta_method_find(request->method);
  for (const char *at = fitted; *at;) {
    size_t whole = strcspn(at, " "), name = strcspn(at, "= ");
    const heta_option_info *info = method ? cli_method_option(method, at, name) : NULL;
    const heta_option *own = info ? given(request, info->name) : NULL;
    const char *value = own ? own->value : info ? info->default_value : NULL;
    size_t length = whole > name ? whole - name - 1 : 0;
    if (value && !is_free(at, name) &&
        (strlen(value) != length || memcmp(value, at + name + 1, length) != 0)) {
      return cli_fail(
          CLI_USAGE,
          "--calibration %s: its weights were fitted for --%.*s %.*s, and --%.*s is %s "
          "here: fit them for that (heta calibrate --method), or ask as they were fitted",
          request->calibration, (int)name, at, (int)length, at + name + 1, (int)name, at, value);
    }
    at += whole + (at[whole] == ' ');
  }
  return CLI_DONE;
}

static double number_in(const json_t *object, const char *key) {
  const json_t *first = json_array_get(json_object_get(object, key), 0);
  return json_is_number(first) ? json_number_value(first) : NAN;
}

static int take(cli_request *request, const heta_model *model, const json_t *object) {
  const char *schema = json_string_value(json_object_get(object, "schema"));
  const char *fingerprint = json_string_value(json_object_get(object, "fingerprint"));
  const char *options = json_string_value(json_object_get(object, "options"));
  const char *file = request->calibration;
  double beta = number_in(object, "beta"), gamma = number_in(object, "gamma");
  bool whole = schema && !strcmp(schema, CLI_CALIBRATION_SCHEMA) && fingerprint && options;
  if (!whole || !(beta >= 0) || !(gamma >= 0) || !isfinite(beta + gamma)) {
    return cli_fail(CLI_FAILED, "--calibration: '%s' is no file of heta calibrate -o", file);
  }
  if (strcmp(fingerprint, heta_model_get_info(model)->fingerprint) != 0) {
    return cli_fail(CLI_USAGE, "--calibration: the weights in '%s' were fitted to another model",
                    file);
  }
  int code = check_options(request, options);
  if (code) return code;
  const struct {
    const char *name;
    double value;
    char *text;
  } weights[] = {{"beta", beta, request->weight_texts[0]},
                 {"gamma", gamma, request->weight_texts[1]}};
  const heta_method_info *method = heta_method_find(request->method);
  for (int k = 0; k < 2; k++) {
    heta_option *option = given(request, weights[k].name);
    snprintf(weights[k].text, sizeof request->weight_texts[0], "%.9g", weights[k].value);
    if (!option) { /* there is room for one more: one of the two was given */
      const heta_option_info *info =
          cli_method_option(method, weights[k].name, strlen(weights[k].name));
      option = &request->parsed.method_options[request->parsed.method_option_count++];
      option->name = info->name;
    }
    option->value = weights[k].text;
  }
  if (!request->quiet) {
    cli_say("beta %.6g and gamma %.6g, from '%s': R² %.3g over %lld questions", beta, gamma, file,
            number_in(object, "r2"),
            (long long)json_integer_value(json_object_get(object, "questions")));
  }
  return CLI_DONE;
}

int cli_calibration_apply(cli_request *request, const heta_model *model) {
  const heta_option *beta = given(request, "beta"), *gamma = given(request, "gamma");
  cli_text text;
  json_error_t error;
  if (!is_auto(beta) && !is_auto(gamma)) {
    if (!request->calibration) return CLI_DONE;
    return cli_fail(CLI_USAGE, "--calibration FILE says what auto is: add --beta auto");
  }
  if ((beta && !is_auto(beta)) || (gamma && !is_auto(gamma))) {
    return cli_fail(CLI_USAGE, "--beta and --gamma are fitted together: give auto for both, or for "
                               "one and leave the other out");
  }
  if (!request->calibration) {
    return cli_fail(
        CLI_USAGE, "auto takes the weights that heta calibrate fitted: make a file of them with "
                   "heta calibrate RESULTS.sqlite -o weights.json, and give it with --calibration");
  }
  int code = cli_read_file(request->calibration, &text);
  if (code) return code;
  json_t *object = json_loadb(text.bytes, text.size, 0, &error);
  free(text.bytes);
  if (!object) {
    return cli_fail(CLI_FAILED, "--calibration %s: line %d, column %d: %s", request->calibration,
                    error.line, error.column, error.text);
  }
  code = take(request, model, object);
  json_decref(object);
  return code;
}
