/* options.c: resolving a method's options against its table. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "method/method.h"

static const heta_option_info *find(const heta_method_info *method, const char *name) {
  for (size_t i = 0; i < method->option_count; i++) {
    const heta_option_info *option = &method->options[i];
    if (!strcmp(option->name, name) || (option->alias && !strcmp(option->alias, name)))
      return option;
  }
  return NULL;
}

static bool read_argument(const char *text, int64_t *argument) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (end == text || *end || errno || value < 0 || value > INT32_MAX) return false;
  *argument = value;
  return true;
}

/* The length of the choice in "a|b|c:|d[:]" that text names, 0 for none; *argument is set for
 * "c:42" and "d:42". */
static size_t match_choice(const char *choices, const char *text, int64_t *argument) {
  for (const char *at = choices; *at;) {
    size_t length = strcspn(at, "|"), whole = length;
    bool either = length > 3 && !strncmp(at + length - 3, "[:]", 3);
    if (either) length -= 3;
    if (either && !strncmp(text, at, length) && text[length] == ':') {
      if (read_argument(text + length + 1, argument)) return length + 1;
    } else if (at[length - 1] == ':' && !strncmp(text, at, length)) {
      if (read_argument(text + length, argument)) return length;
    } else if (strlen(text) == length && !strncmp(text, at, length)) {
      return length;
    }
    at += whole;
    if (*at) at++;
  }
  return 0;
}

static heta_status parse(const heta_i_method *method, const heta_option_info *info,
                         const char *text, heta_i_value *value, heta_error *error) {
  value->info = info;
  value->text = text;
  value->argument = -1;
  switch (info->type) {
  case HETA_OPTION_NUMBER:
  case HETA_OPTION_INTEGER:
    if (info->choices && match_choice(info->choices, text, &value->argument)) {
      value->number = NAN;
      return HETA_OK;
    }
    if (!heta_i_number_read(text, &value->number) || !isfinite(value->number) ||
        value->number < info->minimum || value->number > info->maximum ||
        (info->type == HETA_OPTION_INTEGER && value->number != floor(value->number)))
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "option %s of method %s is '%s'; it takes %s%sa %s from %g to %g",
                         info->name, method->info.name, text, info->choices ? info->choices : "",
                         info->choices ? " or " : "",
                         info->type == HETA_OPTION_INTEGER ? "whole number" : "number",
                         info->minimum, info->maximum);
    return HETA_OK;
  case HETA_OPTION_FLAG:
    value->number = !strcmp(text, "yes");
    if (strcmp(text, "yes") && strcmp(text, "no"))
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "option %s of method %s is '%s'; it takes yes or no", info->name,
                         method->info.name, text);
    return HETA_OK;
  case HETA_OPTION_CHOICE:
    if (!match_choice(info->choices, text, &value->argument))
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "option %s of method %s is '%s'; it takes one of %s", info->name,
                         method->info.name, text, info->choices);
    return HETA_OK;
  }
  return heta_i_fail(error, HETA_E_INTERNAL, "option %s has no type", info->name);
}

heta_status heta_i_options_resolve(const heta_i_method *method, const heta_option *given,
                                   size_t count, heta_i_arena *memory, heta_i_value **out,
                                   heta_error *error) {
  const heta_method_info *info = &method->info;
  heta_i_value *values = heta_i_arena_take(memory, info->option_count + 1, sizeof *values);
  if (!values) return heta_i_no_memory(error, "the options", info->option_count * sizeof *values);
  for (size_t i = 0; i < info->option_count; i++)
    HETA_TRY(parse(method, &info->options[i], info->options[i].default_value, &values[i], error));
  for (size_t i = 0; i < count; i++) {
    if (!given[i].name || !given[i].value)
      return heta_i_fail(error, HETA_E_ARGUMENT, "%s: an option without name or value", info->name);
    const heta_option_info *option = find(info, given[i].name);
    if (!option) {
      char names[256] = "";
      for (size_t k = 0, used = 0; k < info->option_count && used < sizeof names; k++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", k ? ", " : "",
                                 info->options[k].name);
      return heta_i_fail(error, HETA_E_ARGUMENT, "method %s has no option '%s'; it has: %s",
                         info->name, given[i].name, info->option_count ? names : "none");
    }
    const char *text = heta_i_arena_string(memory, given[i].value, strlen(given[i].value));
    if (!text) return heta_i_no_memory(error, "an option", strlen(given[i].value));
    HETA_TRY(parse(method, option, text, &values[option - info->options], error));
  }
  *out = values;
  return HETA_OK;
}

heta_status heta_i_option_set(heta_i_session *session, const char *name, const char *text,
                              heta_error *error) {
  const heta_option_info *option = find(&session->method->info, name);
  heta_i_value value;
  if (!option)
    return heta_i_fail(error, HETA_E_INTERNAL, "method %s has no option '%s'",
                       session->method->info.name, name);
  HETA_TRY(parse(session->method, option, text, &value, error));
  session->values[option - session->method->info.options] = value;
  return HETA_OK;
}

const heta_i_value *heta_i_option(const heta_i_session *session, const char *name) {
  const heta_option_info *option = find(&session->method->info, name);
  return option ? &session->values[option - session->method->info.options] : NULL;
}

double heta_i_option_number(const heta_i_session *session, const char *name) {
  return heta_i_option(session, name)->number;
}

bool heta_i_option_is(const heta_i_session *session, const char *name, const char *choice) {
  return !strcmp(heta_i_option(session, name)->text, choice);
}
