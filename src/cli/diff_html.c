/* diff_html.c: a comparison as one page without outside parts: both texts as one, coloured by what
 * changed. */
#include "cli/difference.h"
#include "cli/html.h"

#include <math.h>
#include <string.h>

static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" "
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<title>heta diff</title>\n<style>\n"
    ":root { --paper: #fff; --ink: #1b1f27; --soft: #5c6472; --line: #dde1e7;"
    " --more: 12 84 176; --less: 196 92 0; }\n"
    "@media (prefers-color-scheme: dark) { :root { --paper: #171a20; --ink: #e6e8ec;"
    " --soft: #98a1b0; --line: #2c313b; --more: 104 184 255; --less: 255 164 66; } }\n"
    "body { margin: 0 auto; max-width: 60rem; padding: 1.5rem; background: var(--paper);"
    " color: var(--ink); font: 15px/1.6 system-ui, sans-serif; }\n"
    ".text { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 2; }\n"
    ".soft, th { color: var(--soft); }\n"
    "ins { text-decoration-thickness: 2px; }\n"
    "ins, del, .both { border-radius: 3px; padding: .15em 0; }\n"
    "table { border-collapse: collapse; font-variant-numeric: tabular-nums; }\n"
    "th, td { text-align: right; padding: .15rem .8rem .15rem 0; border-bottom: 1px solid"
    " var(--line); }\nth:last-child, td:last-child { text-align: left; white-space: pre-wrap; }\n"
    "</style>\n</head>\n<body>\n<h1>heta diff</h1>\n";

static void put_name(void *context, const char *name) {
  bool *first = context;
  fputs(*first ? "" : ", ", stdout);
  cli_html_put_string(name);
  *first = false;
}

static void put_side(char letter, const char *file, const cli_sides *sides,
                     const heta_attribution *attribution) {
  const char *model_file = cli_side_file(sides, attribution);
  printf("<p><b>%c</b> ", letter);
  cli_html_put_string(file);
  fputs(" <span class=\"soft\">", stdout);
  cli_html_put_string(attribution->method->name);
  fputs(", ", stdout);
  cli_html_put_string(attribution->model->name[0] ? attribution->model->name : "unnamed model");
  if (model_file) {
    fputs(" (", stdout);
    cli_html_put_string(model_file);
    fputs(")", stdout);
  }
  fputs("</span></p>\n", stdout);
}

static void put_target(const heta_attribution *attribution, const heta_row *row) {
  const heta_candidate *foil = cli_row_foil(attribution, row);
  fputs("“", stdout);
  cli_html_put(cli_row_text(attribution, row));
  printf("” (log-probability %.3f)", cli_row_logprob(attribution, row));
  if (!foil) return;
  fputs(" rather than “", stdout);
  cli_html_put((cli_text_view){foil->bytes, foil->byte_count});
  printf("” (%.3f)", foil->logprob);
}

static cli_text_view pair_text(const cli_sides *sides, const cli_pair *pair) {
  return pair->a != CLI_NO_TOKEN ? cli_token_text(sides->a, pair->a)
                                 : cli_token_text(sides->b, pair->b);
}

/* Tokens of both plain, of A alone struck through, of B alone underlined. */
static void put_text(const cli_sides *sides, const cli_difference *d) {
  double most = 0;
  for (size_t i = 0; i < d->pair_count; i++) {
    most = fmax(most, fabs(cli_pair_change(d, &d->pairs[i]).value));
  }
  fputs("<p class=\"text\">", stdout);
  for (size_t i = 0; i < d->pair_count; i++) {
    const cli_pair *pair = &d->pairs[i];
    cli_measured change = cli_pair_change(d, pair);
    const char *tag = pair->a == CLI_NO_TOKEN ? "ins" : pair->b == CLI_NO_TOKEN ? "del" : "span";
    double strength = most > 0 ? fabs(change.value) / most : 0;
    printf("<%s class=\"both\" style=\"background: rgb(var(--%s) / %.3f)\" "
           "title=\"%+.2f %% ± %.2f\">",
           tag, change.value < 0 ? "less" : "more", 0.6 * strength, 100 * change.value,
           100 * change.error);
    cli_html_put(pair_text(sides, pair));
    printf("</%s>", tag);
  }
  fputs("</p>\n", stdout);
}

static void put_share(size_t token, const cli_measured *shares) {
  if (token == CLI_NO_TOKEN) {
    fputs("<td>—</td>", stdout);
  } else {
    printf("<td>%.2f %%</td>", 100 * shares[token].value);
  }
}

static void put_table(const cli_sides *sides, const cli_difference *d) {
  fputs("<table><tr><th>A</th><th>B</th><th>B − A</th><th>± se</th><th>token</th></tr>\n", stdout);
  for (size_t i = 0; i < d->pair_count; i++) {
    const cli_pair *pair = &d->pairs[i];
    cli_measured change = cli_pair_change(d, pair);
    bool sure = cli_differs(change, 0);
    fputs("<tr>", stdout);
    put_share(pair->a, d->shares_a);
    put_share(pair->b, d->shares_b);
    printf("<td>%+.2f%s</td><td>%.2f</td><td>“", 100 * change.value, sure ? "" : " ≈",
           100 * change.error);
    cli_html_put(pair_text(sides, pair));
    fputs("”</td></tr>\n", stdout);
  }
  fputs("</table>\n", stdout);
}

static void put_correlation(const cli_difference *d) {
  const cli_correlation *c = &d->correlation;
  if (!isfinite(c->value)) return;
  printf("<p>Rank correlation over %zu tokens: %.2f", d->common, c->value);
  if (isfinite(c->low)) {
    printf(" (%.2f to %.2f within the standard errors; two runs of the same would give %.2f)",
           c->low, c->high, c->same);
  }
  fputs("</p>\n", stdout);
}

int cli_difference_html(const cli_sides *sides, const cli_difference *list, size_t count) {
  bool first = true;
  fputs(head, stdout);
  put_side('A', sides->file_a, sides, sides->a);
  put_side('B', sides->file_b, sides, sides->b);
  fputs("<p>They differ in: ", stdout);
  cli_sides_differ(sides, put_name, &first);
  printf(
      "%s.</p>\n<p class=\"soft\">Blue: B rests on it more than A; orange: less. Struck through: "
      "only in A; underlined: only in B. ≈: 0 lies within its 95 %% interval. %s</p>\n",
      first ? "nothing" : "",
      sides->text_only ? "Shares leave out the tokens that reports set apart." : "");
  for (size_t i = 0; i < count; i++) {
    bool all = list[i].row_a->target == HETA_ALL_TARGETS;
    printf("<h2>%s", all ? "All targets" : "Target ");
    if (!all) printf("%zu", i);
    fputs("</h2>\n<p>A: ", stdout);
    put_target(sides->a, list[i].row_a);
    fputs(", B: ", stdout);
    put_target(sides->b, list[i].row_b);
    fputs("</p>\n", stdout);
    put_correlation(&list[i]);
    put_text(sides, &list[i]);
    put_table(sides, &list[i]);
  }
  fputs("</body>\n</html>\n", stdout);
  return cli_close_output(CLI_DONE);
}
