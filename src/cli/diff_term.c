/* diff_term.c: a comparison for a terminal: the tokens whose share changed most. */
#include "cli/difference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 20, TEXT_WIDTH = 24 };

static void put_name(void *context, const char *name) {
  bool *first = context;
  printf("%s%s", *first ? "" : ", ", name);
  *first = false;
}

static void side_line(char letter, const char *file, const cli_sides *sides,
                      const heta_attribution *attribution) {
  const char *model_file = cli_side_file(sides, attribution);
  printf("%s%c%s  ", cli_bold(stdout), letter, cli_plain(stdout));
  cli_print_escaped(stdout, file, strlen(file));
  printf("  %s, ", attribution->method->name);
  const char *name = attribution->model->name[0] ? attribution->model->name : "unnamed model";
  cli_print_escaped(stdout, name, strlen(name));
  if (model_file) {
    fputs(" (", stdout);
    cli_print_escaped(stdout, model_file, strlen(model_file));
    putchar(')');
  }
  putchar('\n');
}

static void put_target(char letter, const heta_attribution *attribution, const heta_row *row) {
  cli_text_view text = cli_row_text(attribution, row);
  const heta_candidate *foil = cli_row_foil(attribution, row);
  printf("%c “", letter);
  cli_print_escaped(stdout, text.bytes, text.size);
  printf("”, log-probability %.3f", cli_row_logprob(attribution, row));
  if (!foil) return;
  printf(", rather than “");
  cli_print_escaped(stdout, foil->bytes, foil->byte_count);
  printf("”, %.3f", foil->logprob);
}

static void put_correlation(const cli_difference *d) {
  const cli_correlation *c = &d->correlation;
  if (!isfinite(c->value)) {
    printf(" no rank correlation: %zu token%s in both\n", d->common, d->common == 1 ? "" : "s");
    return;
  }
  printf(" rank correlation over %zu tokens: %.2f", d->common, c->value);
  if (isfinite(c->low)) {
    printf(" (%.2f to %.2f within the standard errors; two runs of the same would give %.2f)",
           c->low, c->high, c->same);
  }
  putchar('\n');
}

static void put_share(const cli_difference *d, const cli_pair *pair, bool of_b) {
  size_t token = of_b ? pair->b : pair->a;
  if (token == CLI_NO_TOKEN) {
    printf("%10s", "—  ");
    fputs("  ", stdout); /* the dash is three bytes wide in %10s, and one on the screen */
  } else {
    printf("%8.2f %%", 100 * (of_b ? d->shares_b : d->shares_a)[token].value);
  }
}

static void put_pair(const cli_sides *sides, const cli_difference *d, const cli_pair *pair) {
  bool in_a = pair->a != CLI_NO_TOKEN;
  cli_text_view text = in_a ? cli_token_text(sides->a, pair->a) : cli_token_text(sides->b, pair->b);
  cli_measured change = cli_pair_change(d, pair);
  bool sure = cli_differs(change, 0);
  put_share(d, pair, false);
  put_share(d, pair, true);
  printf("%+9.2f ±%6.2f %s  “", 100 * change.value, 100 * change.error, sure ? " " : "≈");
  cli_print_escaped(stdout, text.bytes, text.size);
  printf("”\n");
}

typedef struct ranked {
  double size;
  size_t pair;
} ranked;

static int by_size(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->size != y->size) return x->size > y->size ? -1 : 1;
  return x->pair < y->pair ? -1 : x->pair > y->pair;
}

static bool put_row(const cli_sides *sides, const cli_difference *d) {
  ranked *order = calloc(d->pair_count + 1, sizeof *order);
  if (!order) return false;
  for (size_t i = 0; i < d->pair_count; i++) {
    order[i] = (ranked){fabs(cli_pair_change(d, &d->pairs[i]).value), i};
  }
  qsort(order, d->pair_count, sizeof *order, by_size);
  size_t shown = d->pair_count < SHOWN ? d->pair_count : SHOWN;
  printf("\n%s         A         B     B − A     ± se    token%s\n", cli_bold(stdout),
         cli_plain(stdout));
  for (size_t i = 0; i < shown; i++) put_pair(sides, d, &d->pairs[order[i].pair]);
  if (shown < d->pair_count) {
    printf(" %zu more with smaller changes: --format json or html\n", d->pair_count - shown);
  }
  free(order);
  return true;
}

int cli_difference_term(const cli_sides *sides, const cli_difference *list, size_t count) {
  bool first = true;
  side_line('A', sides->file_a, sides, sides->a);
  side_line('B', sides->file_b, sides, sides->b);
  printf("they differ in: ");
  cli_sides_differ(sides, put_name, &first);
  printf("%s\n", first ? "nothing" : "");
  for (size_t i = 0; i < count; i++) {
    bool all = list[i].row_a->target == HETA_ALL_TARGETS;
    printf("\n%s%s", cli_bold(stdout), all ? "All targets" : "Target ");
    if (!all) printf("%zu", i);
    printf("%s  ", cli_plain(stdout));
    put_target('A', sides->a, list[i].row_a);
    printf("; ");
    put_target('B', sides->b, list[i].row_b);
    putchar('\n');
    put_correlation(&list[i]);
    if (!put_row(sides, &list[i])) return cli_fail(CLI_FAILED, "out of memory");
  }
  printf("\n %s; — not in this text; ≈ 0 lies within its 95 %% interval\n",
         sides->text_only ? "shares without the tokens that reports set apart" : "shares");
  return cli_close_output(CLI_DONE);
}
