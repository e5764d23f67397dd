/* difference.c: aligns two rows and measures what changed between them. */
#include "cli/difference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

cli_text_view cli_token_text(const heta_attribution *attribution, size_t token) {
  const heta_result_token *t = &attribution->tokens[token];
  if (t->bytes) return (cli_text_view){t->bytes, t->byte_count};
  return (cli_text_view){attribution->text + t->start, t->end - t->start};
}

cli_text_view cli_row_text(const heta_attribution *attribution, const heta_row *row) {
  size_t first = row->length, end = first + 1;
  if (row->target == HETA_ALL_TARGETS)
    end = attribution->targets[attribution->target_count - 1].position + 1;
  if (first >= end || end > attribution->token_count) return (cli_text_view){"", 0};
  if (end == first + 1) return cli_token_text(attribution, first);
  const heta_result_token *tokens = attribution->tokens;
  return (cli_text_view){attribution->text + tokens[first].start,
                         tokens[end - 1].end - tokens[first].start};
}

double cli_row_logprob(const heta_attribution *attribution, const heta_row *row) {
  double sum = 0;
  if (row->target != HETA_ALL_TARGETS) return attribution->targets[row->target].logprob;
  for (size_t t = 0; t < attribution->target_count; t++) sum += attribution->targets[t].logprob;
  return sum;
}

const heta_candidate *cli_row_foil(const heta_attribution *attribution, const heta_row *row) {
  if (row->target == HETA_ALL_TARGETS) return NULL;
  const heta_target *target = &attribution->targets[row->target];
  return target->has_foil ? &target->foil : NULL;
}

/* The context tokens that take part, with their texts. */
typedef struct side {
  size_t *tokens, count;
  cli_text_view *texts;
} side;

static bool make_side(const heta_attribution *attribution, const heta_row *row, bool text_only,
                      side *out) {
  *out = (side){calloc(row->length + 1, sizeof *out->tokens), 0,
                calloc(row->length + 1, sizeof *out->texts)};
  if (!out->tokens || !out->texts) return false;
  for (size_t i = 0; i < row->length; i++) {
    if (text_only && cli_is_apart(attribution, i)) continue;
    out->tokens[out->count] = i;
    out->texts[out->count++] = cli_token_text(attribution, i);
  }
  return true;
}

/* All tokens of both sides in one order: those of both where they meet, a's before b's between. */
static bool merge(const side *a, const side *b, const cli_pair *common, size_t count,
                  cli_difference *out) {
  size_t i = 0, j = 0;
  out->pairs = calloc(a->count + b->count + 1, sizeof *out->pairs);
  if (!out->pairs) return false;
  for (size_t k = 0; k <= count; k++) {
    size_t to_a = k < count ? common[k].a : a->count, to_b = k < count ? common[k].b : b->count;
    while (i < to_a) out->pairs[out->pair_count++] = (cli_pair){a->tokens[i++], CLI_NO_TOKEN};
    while (j < to_b) out->pairs[out->pair_count++] = (cli_pair){CLI_NO_TOKEN, b->tokens[j++]};
    if (k < count) out->pairs[out->pair_count++] = (cli_pair){a->tokens[i++], b->tokens[j++]};
  }
  out->common = count;
  return true;
}

static bool correlate(cli_difference *d) {
  cli_measured *a = calloc(d->common + 1, sizeof *a), *b = calloc(d->common + 1, sizeof *b);
  size_t used = 0;
  bool fine = a && b;
  for (size_t k = 0; fine && k < d->pair_count; k++) {
    const cli_pair *pair = &d->pairs[k];
    if (pair->a == CLI_NO_TOKEN || pair->b == CLI_NO_TOKEN) continue;
    a[used] = d->shares_a[pair->a];
    b[used++] = d->shares_b[pair->b];
  }
  fine = fine && cli_correlate(a, b, used, &d->correlation);
  free(a);
  free(b);
  return fine;
}

bool cli_difference_make(const heta_attribution *a, const heta_row *row_a,
                         const heta_attribution *b, const heta_row *row_b, bool text_only,
                         cli_difference *out, char message[CLI_MESSAGE]) {
  side first = {0}, second = {0};
  cli_pair *common = NULL;
  size_t count = 0;
  *out = (cli_difference){.row_a = row_a, .row_b = row_b};
  out->shares_a = calloc(row_a->length + 1, sizeof *out->shares_a);
  out->shares_b = calloc(row_b->length + 1, sizeof *out->shares_b);
  bool fine = out->shares_a && out->shares_b && make_side(a, row_a, text_only, &first) &&
              make_side(b, row_b, text_only, &second);
  if (fine) {
    cli_shares(a, row_a, text_only, out->shares_a);
    cli_shares(b, row_b, text_only, out->shares_b);
    common = cli_align(first.texts, first.count, second.texts, second.count, &count);
    fine = common && merge(&first, &second, common, count, out) && correlate(out);
  }
  free(first.tokens);
  free(first.texts);
  free(second.tokens);
  free(second.texts);
  free(common);
  if (fine) return true;
  cli_difference_release(out);
  snprintf(message, CLI_MESSAGE, "out of memory: %zu and %zu tokens could not be aligned",
           row_a->length, row_b->length);
  return false;
}

void cli_difference_release(cli_difference *difference) {
  free(difference->pairs);
  free(difference->shares_a);
  free(difference->shares_b);
  *difference = (cli_difference){0};
}

cli_measured cli_pair_change(const cli_difference *difference, const cli_pair *pair) {
  cli_measured a = {0}, b = {0};
  if (pair->a != CLI_NO_TOKEN) a = difference->shares_a[pair->a];
  if (pair->b != CLI_NO_TOKEN) b = difference->shares_b[pair->b];
  return cli_measured_change(a, b);
}

static const char *option_value(const heta_attribution *attribution, const char *name) {
  for (size_t i = 0; i < attribution->option_count; i++) {
    if (strcmp(attribution->options[i].name, name) == 0) return attribution->options[i].value;
  }
  return NULL;
}

const char *cli_side_file(const cli_sides *sides, const heta_attribution *attribution) {
  const char *file = attribution->model->file, *slash = strrchr(file, '/');
  if (strcmp(sides->a->model->fingerprint, sides->b->model->fingerprint) == 0) return NULL;
  return slash && slash[1] ? slash + 1 : file;
}

void cli_sides_differ(const cli_sides *sides, void (*say)(void *context, const char *name),
                      void *context) {
  const heta_attribution *a = sides->a, *b = sides->b;
  if (strcmp(a->model->fingerprint, b->model->fingerprint) != 0) say(context, "model");
  if (a->prompt_end != b->prompt_end || memcmp(a->text, b->text, a->prompt_end) != 0) {
    say(context, "text");
  }
  bool targets = a->target_count == b->target_count;
  for (size_t t = 0; targets && t < a->target_count; t++) {
    const heta_target *x = &a->targets[t], *y = &b->targets[t];
    targets =
        x->id == y->id && x->has_foil == y->has_foil && (!x->has_foil || x->foil.id == y->foil.id);
  }
  if (!targets) say(context, "target");
  if (strcmp(a->method->name, b->method->name) != 0) say(context, "method");
  if (a->seed != b->seed) say(context, "seed");
  for (size_t i = 0; i < a->option_count; i++) {
    const char *other = option_value(b, a->options[i].name);
    if (!other || strcmp(other, a->options[i].value) != 0) say(context, a->options[i].name);
  }
  for (size_t i = 0; i < b->option_count; i++) {
    if (!option_value(a, b->options[i].name)) say(context, b->options[i].name);
  }
}
