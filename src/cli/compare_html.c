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
    "svg { display: block; } .axis { stroke: var(--line); fill: none; }"
    " .clean { stroke-dasharray: 2 3; }\n"
    ".out { stroke: rgb(var(--less)); } .in { stroke: rgb(var(--more)); }\n"
    ".curve { fill: none; stroke-width: 1.5; }\n"
    ".best { font-weight: bold; }\n"
    ".matrix { font-size: 11px; }\n"
    ".matrix td { width: 1.9rem; padding: .2rem 0; text-align: center; border: 1px solid"
    " var(--paper); }\n.matrix th { border: 0; padding: .3rem 0; }\n"
    ".matrix .name { width: auto; text-align: right; padding-right: .5rem; }\n"
    ".matrix th.up { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; }\n"
    ".scroll { overflow-x: auto; } li { margin: .2rem 0; }\n"
    "@media print { body { max-width: none; padding: 0; print-color-adjust: exact;"
    " -webkit-print-color-adjust: exact; } tr { break-inside: avoid; } }\n"
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

enum { WIDE = 150, HIGH = 46 };

static double height(double probability, double top) {
  return HIGH - (HIGH - 2) * probability / top - 1;
}

static void put_line(const double *curve, double top, const char *class) {
  printf("<polyline class=\"curve %s\" points=\"", class);
  for (int i = 0; i < CLI_COMPARED_POINTS; i++) {
    printf("%.1f,%.1f ", (double)WIDE * i / (CLI_COMPARED_POINTS - 1), height(curve[i], top));
  }
  fputs("\"/>", stdout);
}

/* clean: the probability with nothing taken out, a dotted line. */
static void put_curves(const cli_compared *entry, double top, double clean) {
  printf("<td><svg width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"deletion %.3f, insertion "
         "%.3f\"><path class=\"axis\" d=\"M0.5,0V%dH%d\"/>",
         WIDE, HIGH, entry->deletion, entry->insertion, HIGH - 1, WIDE);
  printf("<path class=\"axis clean\" d=\"M0,%.1fH%d\"/>", height(clean, top), WIDE);
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

/* One of the two areas; the best of all methods in bold, as far as it is shown. */
static void put_area(const cli_comparison *c, const cli_compared *entry, bool insertion) {
  double own = insertion ? entry->insertion : entry->deletion;
  bool best = isfinite(own);
  for (size_t i = 0; i < c->count && best; i++) {
    if (!c->list[i].result) continue;
    long ahead = insertion ? lround(1e4 * c->list[i].insertion) - lround(1e4 * own)
                           : lround(1e4 * own) - lround(1e4 * c->list[i].deletion);
    if (ahead > 0) best = false;
  }
  printf("<td%s>%.4f</td>", best ? " class=\"best\"" : "", own);
}

static void put_methods(const cli_comparison *c) {
  double top = highest(c), clean = exp(c->first->targets[0].logprob);
  printf("<table><thead><tr><th class=\"name\">method</th><th class=\"text\">the text</th>"
         "<th class=\"name\">curves, from 0 to %.3g</th><th>deletion ↓</th><th>insertion ↑</th>"
         "<th>forward</th><th>reverse</th><th>Hessian</th><th>GFLOP</th></tr></thead>\n<tbody>\n",
         top);
  for (size_t i = 0; i < c->count; i++) {
    const cli_compared *entry = &c->list[i];
    if (!entry->result) continue;
    const heta_attribution *a = entry->result;
    fputs("<tr><td class=\"name\" title=\"", stdout);
    cli_html_put_string(entry->options);
    fputs("\">", stdout);
    cli_html_put_string(entry->label);
    fputs("</td>", stdout);
    put_text(a, entry->shares);
    put_curves(entry, top, clean);
    put_area(c, entry, false);
    put_area(c, entry, true);
    printf("<td>%llu</td><td>%llu</td><td>%llu</td><td>%.*f</td></tr>\n",
           (unsigned long long)a->cost_forwards, (unsigned long long)a->cost_reverses,
           (unsigned long long)a->cost_hvps, a->cost_flop < 1e10 ? 2 : 0, a->cost_flop / 1e9);
  }
  fputs("</tbody></table>\n", stdout);
}

static void put_correlation(double value) {
  if (!isfinite(value)) {
    fputs("<td>–</td>", stdout);
    return;
  }
  long hundredths = lround(100 * fabs(value));
  const char *sign = value < 0 && hundredths ? "−" : "";
  printf("<td style=\"background: rgb(var(--%s) / %.2f)\">", value < 0 ? "less" : "more",
         0.5 * fabs(value));
  hundredths < 100 ? printf("%s.%02ld</td>", sign, hundredths) : printf("%s1</td>", sign);
}

/* Its lower half: it is symmetric. */
static void put_matrix(const cli_comparison *c) {
  fputs("<h2>Rank correlation of the scores (Spearman)</h2>\n<div class=\"scroll\"><table "
        "class=\"matrix\">\n<tbody>\n",
        stdout);
  for (size_t i = 0; i < c->count; i++) {
    if (!c->list[i].result) continue;
    fputs("<tr><td class=\"name\">", stdout);
    cli_html_put_string(c->list[i].label);
    fputs("</td>", stdout);
    for (size_t k = 0; k <= i; k++)
      if (c->list[k].result) put_correlation(c->correlation[i * c->count + k]);
    fputs("</tr>\n", stdout);
  }
  fputs("<tr><th></th>", stdout);
  for (size_t i = 0; i < c->count; i++) {
    if (!c->list[i].result) continue;
    fputs("<th class=\"up\">", stdout);
    cli_html_put_string(c->list[i].label);
    fputs("</th>", stdout);
  }
  fputs("</tr>\n</tbody></table></div>\n<p class=\"soft\">Over the tokens that are not set apart; "
        "–: one of the two gives them all the same score.</p>\n",
        stdout);
}

static void put_left_out(const cli_comparison *c) {
  bool any = false;
  for (size_t i = 0; i < c->count; i++) {
    if (c->list[i].result) continue;
    if (!any) fputs("<h2>Methods that do not suit this question</h2>\n<ul>\n", stdout);
    any = true;
    fputs("<li>", stdout);
    cli_html_put_string(c->list[i].label);
    fputs(": <span class=\"soft\">", stdout);
    cli_html_put_string(c->list[i].problem);
    fputs("</span></li>\n", stdout);
  }
  if (any) fputs("</ul>\n", stdout);
}

int cli_comparison_html(const cli_comparison *c) {
  const heta_attribution *a = c->first;
  fputs(head, stdout);
  fputs("<h1>Why “", stdout);
  cli_html_put(cli_token_text(a, a->targets[0].position));
  printf("”?</h1>\n<p class=\"soft\">Probability %.4f after %zu tokens, ",
         exp(a->targets[0].logprob), a->rows[0].length);
  cli_html_put_string(a->model->name[0] ? a->model->name : a->model->file);
  printf(". <span style=\"background: rgb(var(--more) / .6)\">Blue</span> speaks for it, <span "
         "style=\"background: rgb(var(--less) / .6)\">orange</span> against it; a token's strength "
         "is its score over the largest of its row. Tokens set apart (special ones, and the first) "
         "have no colour. Curves: the target's probability as the strongest tokens are taken out, "
         "0 to 100 %% of them (orange; a small area, “deletion”, is good), and put back (blue; a "
         "large area, “insertion”, is good); dotted: with all of them. The best area is bold. "
         "Passes and operations are what a method's scores took, without the curves. heta %s, seed "
         "%llu.</p>\n",
         heta_version(), (unsigned long long)a->seed);
  put_methods(c);
  put_matrix(c);
  put_left_out(c);
  fputs("</body>\n</html>\n", stdout);
  return cli_close_output(CLI_DONE);
}
