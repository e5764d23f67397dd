/* methods.c: `heta methods` lists the attribution methods, or tells all about one. */
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/request.h"

#include <string.h>

typedef struct methods_arguments {
  cli_parsed parsed; /* must be first */
  int format;
} methods_arguments;

static json_t *option_json(const heta_option_info *option) {
  static const char *const types[] = {"number", "integer", "choice", "flag"};
  bool ranged = option->type == HETA_OPTION_NUMBER || option->type == HETA_OPTION_INTEGER;
  json_t *object = json_object();
  cli_json_set(object, "name", cli_json_string(option->name));
  cli_json_set(object, "alias", cli_json_string(option->alias));
  cli_json_set(object, "type", cli_json_string(types[option->type]));
  cli_json_set(object, "minimum", ranged ? cli_json_number(option->minimum) : json_null());
  cli_json_set(object, "maximum", ranged ? cli_json_number(option->maximum) : json_null());
  cli_json_set(object, "choices", cli_json_string(option->choices));
  cli_json_set(object, "default", cli_json_string(option->default_value));
  cli_json_set(object, "text", cli_json_string(option->text));
  return object;
}

static json_t *method_json(const heta_method_info *method) {
  json_t *object = json_object(), *options = json_array();
  for (size_t i = 0; i < method->option_count; i++) {
    cli_json_append(options, option_json(&method->options[i]));
  }
  cli_json_set(object, "name", cli_json_string(method->name));
  cli_json_set(object, "summary", cli_json_string(method->summary));
  cli_json_set(object, "about", cli_json_string(method->about));
  cli_json_set(object, "source", cli_json_string(method->source));
  cli_json_set(object, "cost", cli_json_string(method->cost));
  cli_json_set(object, "options", options);
  return object;
}

static void section(const char *title, const char *text, size_t columns) {
  printf("\n%s%s%s\n", cli_bold(stdout), title, cli_plain(stdout));
  if (text) cli_print_wrapped(stdout, text, 0, 2, columns);
}

static void print_method(const heta_method_info *method) {
  size_t columns = cli_columns(stdout) > 100 ? 100 : cli_columns(stdout);
  printf("%s%s%s: ", cli_bold(stdout), method->name, cli_plain(stdout));
  cli_print_wrapped(stdout, method->summary, strlen(method->name) + 2, 0, columns);
  section("What it computes", method->about, columns);
  section("Cost", method->cost, columns);
  section("Source", method->source, columns);
  section("Options", method->option_count ? NULL : "None.", columns);
  cli_help_method_options(method, stdout);
  section("Use", NULL, columns);
  printf("  heta attribute -m MODEL -p TEXT -a %s\n", method->name);
}

static int print_list(void) {
  size_t columns = cli_columns(stdout) > 100 ? 100 : cli_columns(stdout), widest = 0;
  for (size_t i = 0; i < heta_method_count(); i++) {
    size_t width = strlen(heta_method_at(i)->name);
    if (width > widest) widest = width;
  }
  for (size_t i = 0; i < heta_method_count(); i++) {
    const heta_method_info *method = heta_method_at(i);
    printf("%s%-*s%s  ", cli_bold(stdout), (int)widest, method->name, cli_plain(stdout));
    cli_print_wrapped(stdout, method->summary, widest + 2, widest + 2, columns);
  }
  printf("\nheta methods NAME tells all about one; heta attribute -a NAME uses it.\n\n");
  cli_print_wrapped(stdout,
                    "Left out on purpose: layer-wise relevance propagation (LRP). Its authors' own "
                    "package says that it is patented, and grants no rights.",
                    0, 0, columns);
  return cli_close_output(CLI_DONE);
}

static int run(void *untyped) {
  const methods_arguments *arguments = untyped;
  const char *name = arguments->parsed.words.count ? arguments->parsed.words.items[0] : NULL;
  const heta_method_info *method = name ? heta_method_find(name) : NULL;
  if (name && !method) {
    char message[CLI_MESSAGE];
    cli_unknown_method(name, message);
    return cli_fail(CLI_USAGE, "%s", message);
  }
  if (arguments->format && method) return cli_json_print(method_json(method));
  if (arguments->format) {
    json_t *list = json_array();
    for (size_t i = 0; i < heta_method_count(); i++) {
      cli_json_append(list, method_json(heta_method_at(i)));
    }
    return cli_json_print(list);
  }
  if (!method) return print_list();
  print_method(method);
  return cli_close_output(CLI_DONE);
}

static const cli_option options[] = {
    {0, "format", NULL, CLI_CHOICE, offsetof(methods_arguments, format), "term|json", 0, 0, 0, NULL,
     "for people or for programs"},
};

const cli_command cli_methods = {
    .name = "methods",
    .summary = "Lists the attribution methods, or tells all about one.",
    .usage = "[NAME]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .word = "NAME",
    .most_words = 1,
    .arguments_size = sizeof(methods_arguments),
    .run = run,
};
