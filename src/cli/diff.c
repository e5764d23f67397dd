/* diff.c: `heta diff` compares two results. */
#include "cli/commands.h"
#include "cli/difference.h"
#include "cli/input.h"

#include <stdlib.h>

typedef struct diff_arguments {
  cli_parsed parsed; /* must be first */
  int measure, format;
} diff_arguments;

static int read_complete(const char *path, heta_result **result) {
  int code = cli_read_result(path, result);
  if (code || heta_result_get(*result)->complete) return code;
  heta_result_free(*result);
  return cli_fail(CLI_USAGE,
                  "%s: only complete results can be compared; "
                  "heta attribute --continue finishes it",
                  path);
}

static bool explains_all(const heta_attribution *attribution) {
  return attribution->row_count && attribution->rows[0].target == HETA_ALL_TARGETS;
}

static int compare(const cli_sides *sides, int format) {
  static int (*const shows[])(const cli_sides *, const cli_difference *, size_t) = {
      cli_difference_term, cli_difference_json, cli_difference_html};
  const heta_attribution *a = sides->a, *b = sides->b;
  size_t rows = a->row_count < b->row_count ? a->row_count : b->row_count, made = 0;
  char message[CLI_MESSAGE];
  int code = CLI_DONE;
  if (explains_all(a) != explains_all(b)) {
    return cli_fail(CLI_USAGE,
                    "%s explains all targets as one (--joint) and %s each of them: they have no "
                    "rows in common",
                    explains_all(a) ? sides->file_a : sides->file_b,
                    explains_all(a) ? sides->file_b : sides->file_a);
  }
  cli_difference *list = calloc(rows + 1, sizeof *list);
  if (!list) return cli_fail(CLI_FAILED, "out of memory");
  while (!code && made < rows) {
    if (cli_difference_make(a, &a->rows[made], b, &b->rows[made], sides->text_only, &list[made],
                            message)) {
      made++;
    } else {
      code = cli_fail(CLI_FAILED, "%s", message);
    }
  }
  if (!code && a->row_count != b->row_count) {
    cli_say("note: A has %zu targets and B has %zu: the first %zu are compared", a->row_count,
            b->row_count, rows);
  }
  if (!code) code = shows[format](sides, list, rows);
  for (size_t i = 0; i < made; i++) cli_difference_release(&list[i]);
  free(list);
  return code;
}

static int run(void *untyped) {
  const diff_arguments *arguments = untyped;
  cli_sides sides = {.file_a = arguments->parsed.words.items[0],
                     .file_b = arguments->parsed.words.items[1],
                     .text_only = arguments->measure == 0};
  heta_result *a, *b;
  int code = read_complete(sides.file_a, &a);
  if (code) return code;
  code = read_complete(sides.file_b, &b);
  if (!code) {
    sides.a = heta_result_get(a);
    sides.b = heta_result_get(b);
    code = compare(&sides, arguments->format);
    heta_result_free(b);
  }
  heta_result_free(a);
  return code;
}

static const cli_option options[] = {
    {0, "measure", NULL, CLI_CHOICE, offsetof(diff_arguments, measure), "text-share|share", 0, 0, 0,
     NULL, "share of the sum of scores; text-share: without the tokens that reports set apart"},
    {0, "format", NULL, CLI_CHOICE, offsetof(diff_arguments, format), "term|json|html", 0, 0, 0,
     NULL, "for people, for programs, or as a page"},
};

const cli_command cli_diff = {
    .name = "diff",
    .summary = "Compares two results: two prompts, models, quantisations or targets.",
    .usage = "A.json B.json [--format html > FILE]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .word = "FILE.json",
    .least_words = 2,
    .most_words = 2,
    .arguments_size = sizeof(diff_arguments),
    .run = run,
    .notes =
        "Tokens are aligned by their text. For each: its share of the score in A and in B, the "
        "change, and the change's standard error. The rank correlation over the tokens of both "
        "comes with the band in which the standard errors let it move, and with what two runs "
        "of the same would give: docs/diff.md.",
};
