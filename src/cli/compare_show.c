/* compare_show.c: a comparison of methods on the terminal and as JSON. */
#include "cli/compare.h"
#include "cli/difference.h"
#include "cli/json.h"

#include <math.h>
#include <string.h>

static void print_target(const heta_attribution *a) {
  const heta_target *target = &a->targets[0];
  cli_text_view text = cli_token_text(a, target->position);
  printf("%sTarget%s “", cli_bold(stdout), cli_plain(stdout));
  cli_print_escaped(stdout, text.bytes, text.size);
  printf("”, probability %.4f, after %zu tokens\n\n", exp(target->logprob), a->rows[0].length);
}

/* The method's strongest tokens, by size. */
static void print_strongest(const heta_attribution *a, const double *shares, size_t wanted) {
  double below = INFINITY;
  for (size_t k = 0; k < wanted; k++) {
    size_t best = a->rows[0].length;
    for (size_t i = 0; i < a->rows[0].length; i++) {
      if (fabs(shares[i]) >= below || cli_is_apart(a, i)) continue;
      if (best == a->rows[0].length || fabs(shares[i]) > fabs(shares[best])) best = i;
    }
    if (best == a->rows[0].length || shares[best] == 0) return;
    below = fabs(shares[best]);
    cli_text_view text = cli_token_text(a, best);
    fputs(k ? "  " : "", stdout);
    printf("“");
    cli_print_escaped(stdout, text.bytes, text.size);
    printf("” %.0f %%", 100 * shares[best]);
  }
}

/* The lower half. Where the numbers would not fit the screen they are in hundredths. */
static void print_matrix(const cli_comparison *c, int widest) {
  size_t columns = 0;
  for (size_t i = 0; i < c->count; i++) columns += c->list[i].result != NULL;
  bool short_form = (size_t)widest + 4 + 6 * columns > (size_t)cli_columns(stdout);
  printf("%-*s  rank correlation%s\n", widest, "", short_form ? ", in hundredths" : "");
  for (size_t i = 0, shown = 0; i < c->count; i++) {
    if (!c->list[i].result) continue;
    printf("%3zu %-*s", ++shown, widest, c->list[i].label);
    for (size_t k = 0; k <= i; k++) {
      double value = c->correlation[i * c->count + k];
      if (!c->list[k].result) continue;
      if (!isfinite(value))
        fputs(short_form ? "   –" : "     –", stdout);
      else
        short_form ? printf(" %3.0f", 100 * value) : printf(" %5.2f", value);
    }
    putchar('\n');
  }
  printf("%*s", widest + 4, "");
  for (size_t i = 1; i <= columns; i++) printf(short_form ? " %3zu" : " %5zu", i);
  putchar('\n');
}

int cli_comparison_term(const cli_comparison *c) {
  int widest = 6;
  for (size_t i = 0; i < c->count; i++) {
    int width = (int)strlen(c->list[i].label);
    if (width > widest) widest = width;
  }
  print_target(c->first);
  printf("%-*s  deletion  insertion  forward  reverse  Hessian  strongest tokens\n", widest,
         "method");
  for (size_t i = 0; i < c->count; i++) {
    const cli_compared *entry = &c->list[i];
    if (!entry->result) continue;
    const heta_attribution *a = entry->result;
    printf("%-*s  %8.4f  %9.4f  %7llu  %7llu  %7llu  ", widest, entry->label, entry->deletion,
           entry->insertion, (unsigned long long)a->cost_forwards,
           (unsigned long long)a->cost_reverses, (unsigned long long)a->cost_hvps);
    print_strongest(c->first, entry->shares, 3);
    putchar('\n');
  }
  printf("\ndeletion, insertion: area under the target's probability as the strongest tokens are "
         "taken out\n(low is good) and put back (high is good); passes: what the scores "
         "took\n\n");
  print_matrix(c, widest);
  for (size_t i = 0; i < c->count; i++) {
    if (!c->list[i].result) printf("\nleft out: %s: %s", c->list[i].label, c->list[i].problem);
  }
  putchar('\n');
  return cli_close_output(CLI_DONE);
}

static json_t *numbers(const double *values, size_t count) {
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) cli_json_append(list, cli_json_number(values[i]));
  return list;
}

static json_t *method_json(const cli_compared *entry) {
  json_t *object = json_object();
  cli_json_set(object, "label", cli_json_string(entry->label));
  cli_json_set(object, "options", cli_json_string(entry->options));
  cli_json_set(object, "problem", entry->result ? json_null() : cli_json_string(entry->problem));
  if (!entry->result) return object;
  const heta_attribution *a = entry->result;
  const heta_row *row = &a->rows[0];
  cli_json_set(object, "score", numbers(row->score, row->length));
  cli_json_set(object, "signed_score",
               row->signed_score ? numbers(row->signed_score, row->length) : json_null());
  cli_json_set(object, "share", numbers(entry->shares, row->length));
  cli_json_set(object, "deletion_auc", cli_json_number(entry->deletion));
  cli_json_set(object, "insertion_auc", cli_json_number(entry->insertion));
  cli_json_set(object, "deletion_curve", numbers(entry->deletion_curve, CLI_COMPARED_POINTS));
  cli_json_set(object, "insertion_curve", numbers(entry->insertion_curve, CLI_COMPARED_POINTS));
  cli_json_set(object, "forwards", cli_json_count(a->cost_forwards));
  cli_json_set(object, "reverses", cli_json_count(a->cost_reverses));
  cli_json_set(object, "hvps", cli_json_count(a->cost_hvps));
  return object;
}

int cli_comparison_json(const cli_comparison *c) {
  json_t *object = json_object(), *tokens = json_array(), *methods = json_array(),
         *rows = json_array(), *target = json_object();
  const heta_attribution *a = c->first;
  for (size_t i = 0; i < a->rows[0].length; i++) {
    cli_text_view text = cli_token_text(a, i);
    cli_json_append(tokens, cli_json_text(text.bytes, text.size));
  }
  cli_text_view text = cli_token_text(a, a->targets[0].position);
  cli_json_set(target, "text", cli_json_text(text.bytes, text.size));
  cli_json_set(target, "id", json_integer(a->targets[0].id));
  cli_json_set(target, "logprob", cli_json_number(a->targets[0].logprob));
  for (size_t i = 0; i < c->count; i++) {
    cli_json_append(methods, method_json(&c->list[i]));
    cli_json_append(rows, numbers(c->correlation + i * c->count, c->count));
  }
  cli_json_set(object, "model", cli_json_string(a->model->file));
  cli_json_set(object, "tokens", tokens);
  cli_json_set(object, "target", target);
  cli_json_set(object, "methods", methods);
  cli_json_set(object, "rank_correlation", rows);
  return cli_json_print(object);
}
