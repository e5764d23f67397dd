/* compare_html.c: a comparison of methods as one page without outside parts: a row per method with
 * the text, its curves and its numbers, and how their ranks agree. */
#include "cli/compare.h"
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
    "<title>heta compare</title>\n<style>\n"
    ":root { --paper: #fff; --ink: #1b1f27; --soft: #5c6472; --line: #dde1e7;"
    " --more: 12 84 176; --less: 196 92 0; }\n"
    "@media (prefers-color-scheme: dark) { :root { --paper: #171a20; --ink: #e6e8ec;"
    " --soft: #98a1b0; --line: #2c313b; --more: 104 184 255; --less: 255 164 66; } }\n"
    "body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; background: var(--paper);"
    " color: var(--ink); font: 14px/1.5 system-ui, sans-serif; }\n"
    "h1 { font-size: 1.3rem; margin: 0 0 .3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }\n"
    ".soft, th { color: var(--soft); font-weight: normal; }\n"
    "table { border-collapse: collapse; font-variant-numeric: tabular-nums; }\n"
    "th, td { text-align: right; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid"
    " var(--line); vertical-align: middle; }\n"
    ".name, .text { text-align: left; } .name { white-space: nowrap; }\n"
    ".text { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.7; width: 100%; }\n"
    ".text span { border-radius: 2px; padding: .1em 0; }\n"
    "svg { display: block; } .axis { stroke: var(--line); fill: none; }\n"
    ".out { stroke: rgb(var(--less)); } .in { stroke: rgb(var(--more)); }\n"
    ".curve { fill: none; stroke-width: 1.5; }\n"
    ".matrix td { width: 2.6rem; padding: .3rem; text-align: center; border: 1px solid"
    " var(--paper); }\n.matrix th { padding: .3rem; } .matrix .name { text-align: right; }\n"
    "</style>\n</head>\n<body>\n";

static void put_text(const heta_attribution *a, const double *shares) {
  double most = 0;
  for (size_t i = 0; i < a->rows[0].length; i++) most = fmax(most, fabs(shares[i]));
  fputs("<td class=\"text\">", stdout);
  for (size_t i = 0; i < a->rows[0].length; i++) {
    printf("<span style=\"background: rgb(var(--%s) / %.3f)\" title=\"%.2f %%\">",
           shares[i] < 0 ? "less" : "more", most > 0 ? 0.6 * fabs(shares[i]) / most : 0,
           100 * shares[i]);
    cli_html_put(cli_token_text(a, i));
    fputs("</span>", stdout);
  }
  fputs("</td>", stdout);
}

enum { WIDE = 120, HIGH = 40 };

static void put_line(const double *curve, double top, const char *class) {
  printf("<polyline class=\"curve %s\" points=\"", class);
  for (int i = 0; i < CLI_COMPARED_POINTS; i++) {
    printf("%.1f,%.1f ", (double)WIDE * i / (CLI_COMPARED_POINTS - 1),
           HIGH - (HIGH - 2) * curve[i] / top - 1);
  }
  fputs("\"/>", stdout);
}

static void put_curves(const cli_compared *entry, double top) {
  printf("<td><svg width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"deletion %.3f, insertion "
         "%.3f\"><path class=\"axis\" d=\"M0.5,0V%dH%d\"/>",
         WIDE, HIGH, entry->deletion, entry->insertion, HIGH - 1, WIDE);
  put_line(entry->deletion_curve, top, "out");
  put_line(entry->insertion_curve, top, "in");
  fputs("</svg></td>", stdout);
}

static double highest(const cli_comparison *c) {
  double top = 1e-12;
  for (size_t i = 0; i < c->count; i++) {
    for (int k = 0; c->list[i].result && k < CLI_COMPARED_POINTS; k++) {
      top = fmax(top, fmax(c->list[i].deletion_curve[k], c->list[i].insertion_curve[k]));
    }
  }
  return top;
}

static void put_methods(const cli_comparison *c) {
  double top = highest(c);
  printf("<table><tr><th class=\"name\">method</th><th class=\"text\">the text</th><th>curves, 0 "
         "to %.3f</th><th>deletion</th><th>insertion</th><th>forward</th><th>reverse</th>"
         "<th>Hessian</th></tr>\n",
         top);
  for (size_t i = 0; i < c->count; i++) {
    const cli_compared *entry = &c->list[i];
    if (!entry->result) continue;
    const heta_attribution *a = heta_result_get(entry->result);
    fputs("<tr><td class=\"name\" title=\"", stdout);
    cli_html_put_string(entry->options);
    fputs("\">", stdout);
    cli_html_put_string(entry->label);
    fputs("</td>", stdout);
    put_text(a, entry->shares);
    put_curves(entry, top);
    printf("<td>%.4f</td><td>%.4f</td><td>%llu</td><td>%llu</td><td>%llu</td></tr>\n",
           entry->deletion, entry->insertion, (unsigned long long)a->cost_forwards,
           (unsigned long long)a->cost_reverses, (unsigned long long)a->cost_hvps);
  }
  fputs("</table>\n", stdout);
}

/* Numbered columns: names would not fit. */
static void put_matrix(const cli_comparison *c) {
  size_t shown = 0;
  fputs("<h2>Rank correlation</h2>\n<table class=\"matrix\">\n<tr><th></th>", stdout);
  for (size_t i = 0; i < c->count; i++) {
    if (c->list[i].result) printf("<th>%zu</th>", ++shown);
  }
  fputs("</tr>\n", stdout);
  shown = 0;
  for (size_t i = 0; i < c->count; i++) {
    if (!c->list[i].result) continue;
    fputs("<tr><td class=\"name\">", stdout);
    cli_html_put_string(c->list[i].label);
    printf(" <span class=\"soft\">%zu</span></td>", ++shown);
    for (size_t k = 0; k < c->count; k++) {
      double value = c->correlation[i * c->count + k];
      if (!c->list[k].result) continue;
      if (isfinite(value)) {
        printf("<td style=\"background: rgb(var(--%s) / %.2f)\">%.2f</td>",
               value < 0 ? "less" : "more", 0.5 * fabs(value), value);
      } else {
        fputs("<td>–</td>", stdout);
      }
    }
    fputs("</tr>\n", stdout);
  }
  fputs("</table>\n", stdout);
}

int cli_comparison_html(const cli_comparison *c) {
  const heta_attribution *a = c->first;
  fputs(head, stdout);
  fputs("<h1>Why “", stdout);
  cli_html_put(cli_token_text(a, a->targets[0].position));
  printf("”?</h1>\n<p class=\"soft\">probability %.4f, ", exp(a->targets[0].logprob));
  cli_html_put_string(a->model->name[0] ? a->model->name : a->model->file);
  fputs(". Blue speaks for it, orange against it; strength is a token's share of its row's sizes. "
        "Curves: the target's probability as the strongest tokens are taken out (orange; a small "
        "area is good) and put back (blue; a large one is good), over the share of tokens.</p>\n",
        stdout);
  put_methods(c);
  put_matrix(c);
  for (size_t i = 0; i < c->count; i++) {
    if (c->list[i].result) continue;
    fputs("<p class=\"soft\">Left out: ", stdout);
    cli_html_put_string(c->list[i].label);
    fputs(": ", stdout);
    cli_html_put_string(c->list[i].problem);
    fputs("</p>\n", stdout);
  }
  fputs("</body>\n</html>\n", stdout);
  return cli_close_output(CLI_DONE);
}
