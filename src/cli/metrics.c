/* metrics.c: `heta metrics` lists the metrics of attributions, or tells all about one. */
#include "cli/commands.h"
#include "cli/json.h"

#include <string.h>

typedef struct metrics_arguments {
  cli_parsed parsed; /* must be first */
  int format;
} metrics_arguments;

static const char *const NEEDS[] = {"model",
                                    "gold spans",
                                    "distractor spans",
                                    "a foil",
                                    "attributions of the whole context",
                                    "attributions of patched values",
                                    "attributions under noise",
                                    "attributions of a paraphrase",
                                    "attributions of drawn tokens"};
enum { NEED_COUNT = sizeof NEEDS / sizeof *NEEDS };

static const char *better(const heta_measure_info *measure) {
  return measure->better > 0 ? "higher is better" : measure->better < 0 ? "lower is better" : "";
}

static json_t *measure_json(const heta_measure_info *measure) {
  json_t *object = json_object();
  cli_json_set(object, "name", cli_json_string(measure->name));
  cli_json_set(object, "text", cli_json_string(measure->text));
  cli_json_set(object, "better", json_integer(measure->better));
  cli_json_set(object, "points", cli_json_count(measure->points));
  cli_json_set(object, "over", cli_json_string(measure->over));
  cli_json_set(object, "chance", cli_json_string(measure->chance));
  return object;
}

static json_t *metric_json(const heta_metric_info *metric) {
  json_t *object = json_object(), *measures = json_array(), *needs = json_array();
  for (size_t i = 0; i < metric->measure_count; i++) {
    cli_json_append(measures, measure_json(&metric->measures[i]));
  }
  for (int i = 0; i < NEED_COUNT; i++) {
    if (metric->needs >> i & 1) cli_json_append(needs, cli_json_string(NEEDS[i]));
  }
  cli_json_set(object, "name", cli_json_string(metric->name));
  cli_json_set(object, "summary", cli_json_string(metric->summary));
  cli_json_set(object, "about", cli_json_string(metric->about));
  cli_json_set(object, "source", cli_json_string(metric->source));
  cli_json_set(object, "needs", needs);
  cli_json_set(object, "percent", json_boolean(metric->percent));
  cli_json_set(object, "measures", measures);
  return object;
}

static void section(const char *title) {
  printf("\n%s%s%s\n  ", cli_bold(stdout), title, cli_plain(stdout));
}

static void print_metric(const heta_metric_info *metric, size_t columns) {
  printf("%s%s%s: ", cli_bold(stdout), metric->name, cli_plain(stdout));
  cli_print_wrapped(stdout, metric->summary, strlen(metric->name) + 2, 0, columns);
  section("What it computes");
  cli_print_wrapped(stdout, metric->about, 2, 2, columns);
  section("Source");
  cli_print_wrapped(stdout, metric->source, 2, 2, columns);
  printf("\n%sMeasures%s\n", cli_bold(stdout), cli_plain(stdout));
  for (size_t i = 0; i < metric->measure_count; i++) {
    const heta_measure_info *measure = &metric->measures[i];
    char text[400];
    snprintf(text, sizeof text, "%s%s%s", measure->text, measure->better ? "; " : "",
             better(measure));
    printf("  %s\n      ", measure->name);
    cli_print_wrapped(stdout, text, 6, 6, columns);
  }
}

static int print_list(size_t columns) {
  size_t widest = 0;
  for (size_t i = 0; i < heta_metric_count(); i++) {
    size_t width = strlen(heta_metric_at(i)->name);
    if (width > widest) widest = width;
  }
  for (size_t i = 0; i < heta_metric_count(); i++) {
    const heta_metric_info *metric = heta_metric_at(i);
    printf("%s%-*s%s  ", cli_bold(stdout), (int)widest, metric->name, cli_plain(stdout));
    cli_print_wrapped(stdout, metric->summary, widest + 2, widest + 2, columns);
  }
  printf("\nheta metrics NAME tells all about one; heta eval uses them.\n");
  return cli_close_output(CLI_DONE);
}

static int run(void *untyped) {
  const metrics_arguments *arguments = untyped;
  const char *name = arguments->parsed.words.count ? arguments->parsed.words.items[0] : NULL;
  const heta_metric_info *metric = name ? heta_metric_find(name) : NULL;
  size_t columns = cli_columns(stdout) > 100 ? 100 : cli_columns(stdout);
  if (name && !metric) {
    return cli_fail(CLI_USAGE, "there is no metric '%.60s': heta metrics lists all", name);
  }
  if (arguments->format && metric) return cli_json_print(metric_json(metric));
  if (arguments->format) {
    json_t *list = json_array();
    for (size_t i = 0; i < heta_metric_count(); i++) {
      cli_json_append(list, metric_json(heta_metric_at(i)));
    }
    return cli_json_print(list);
  }
  if (!metric) return print_list(columns);
  print_metric(metric, columns);
  return cli_close_output(CLI_DONE);
}

static const cli_option options[] = {
    {0, "format", NULL, CLI_CHOICE, offsetof(metrics_arguments, format), "term|json", 0, 0, 0, NULL,
     "for people or for programs"},
};

const cli_command cli_metrics = {
    .name = "metrics",
    .summary = "Lists the metrics of attributions, or tells all about one.",
    .usage = "[NAME]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .word = "NAME",
    .most_words = 1,
    .arguments_size = sizeof(metrics_arguments),
    .run = run,
};
