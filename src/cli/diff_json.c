/* diff_json.c: a comparison as JSON, heta.diff/1: docs/diff.md. */
#include "cli/difference.h"
#include "cli/json.h"

#include <math.h>

static json_t *side_json(const char *file, const heta_attribution *attribution) {
  json_t *object = json_object(), *model = json_object(), *fingerprint = json_object();
  cli_json_set(fingerprint, "kind", cli_json_string(attribution->model->fingerprint_kind));
  cli_json_set(fingerprint, "value", cli_json_string(attribution->model->fingerprint));
  cli_json_set(model, "file", cli_json_string(attribution->model->file));
  cli_json_set(model, "name", cli_json_string(attribution->model->name));
  cli_json_set(model, "fingerprint", fingerprint);
  cli_json_set(object, "file", cli_json_string(file));
  cli_json_set(object, "model", model);
  cli_json_set(object, "method", cli_json_string(attribution->method->name));
  cli_json_set(object, "text", cli_json_text(attribution->text, attribution->text_size));
  return object;
}

static json_t *target_json(const heta_attribution *attribution, const heta_row *row) {
  bool all = row->target == HETA_ALL_TARGETS;
  json_t *object = json_object();
  cli_json_set(object, "index", all ? cli_json_string("all") : cli_json_count(row->target));
  cli_json_set(object, "id",
               all ? json_null() : json_integer(attribution->targets[row->target].id));
  json_t *text = json_null();
  if (row->length < attribution->token_count) {
    cli_text_view view = cli_row_text(attribution, row);
    text = cli_json_text(view.bytes, view.size);
  }
  cli_json_set(object, "text", text);
  cli_json_set(object, "logprob", cli_json_number(cli_row_logprob(attribution, row)));
  const heta_candidate *foil = cli_row_foil(attribution, row);
  json_t *against = foil ? json_object() : json_null();
  if (foil) {
    cli_json_set(against, "id", json_integer(foil->id));
    cli_json_set(against, "text", cli_json_text(foil->bytes, foil->byte_count));
    cli_json_set(against, "logprob", cli_json_number(foil->logprob));
  }
  cli_json_set(object, "foil", against);
  return object;
}

static json_t *correlation_json(const cli_difference *d) {
  json_t *object = json_object();
  cli_json_set(object, "tokens", cli_json_count(d->common));
  cli_json_set(object, "value", cli_json_number(d->correlation.value));
  cli_json_set(object, "low", cli_json_number(d->correlation.low));
  cli_json_set(object, "high", cli_json_number(d->correlation.high));
  cli_json_set(object, "same", cli_json_number(d->correlation.same));
  return object;
}

static void set_side(json_t *object, const char *index, const char *share, size_t token,
                     const cli_measured *shares) {
  bool there = token != CLI_NO_TOKEN;
  cli_json_set(object, index, there ? cli_json_count(token) : json_null());
  cli_json_set(object, share, there ? cli_json_number(shares[token].value) : json_null());
}

static json_t *pair_json(const cli_sides *sides, const cli_difference *d, const cli_pair *pair) {
  json_t *object = json_object();
  bool in_a = pair->a != CLI_NO_TOKEN;
  cli_text_view text = in_a ? cli_token_text(sides->a, pair->a) : cli_token_text(sides->b, pair->b);
  cli_measured change = cli_pair_change(d, pair);
  cli_json_set(object, "text", cli_json_text(text.bytes, text.size));
  set_side(object, "a", "share_a", pair->a, d->shares_a);
  set_side(object, "b", "share_b", pair->b, d->shares_b);
  cli_json_set(object, "change", cli_json_number(change.value));
  cli_json_set(object, "se", cli_json_number(change.error));
  cli_json_set(object, "df", cli_json_number(change.df));
  return object;
}

static json_t *row_json(const cli_sides *sides, const cli_difference *d) {
  json_t *object = json_object(), *tokens = json_array();
  cli_json_set(object, "a", target_json(sides->a, d->row_a));
  cli_json_set(object, "b", target_json(sides->b, d->row_b));
  cli_json_set(object, "rank_correlation", correlation_json(d));
  for (size_t i = 0; i < d->pair_count; i++) {
    cli_json_append(tokens, pair_json(sides, d, &d->pairs[i]));
  }
  cli_json_set(object, "tokens", tokens);
  return object;
}

static void append_name(void *array, const char *name) {
  cli_json_append(array, cli_json_string(name));
}

int cli_difference_json(const cli_sides *sides, const cli_difference *list, size_t count) {
  json_t *object = json_object(), *names = json_array(), *rows = json_array();
  cli_sides_differ(sides, append_name, names);
  for (size_t i = 0; i < count; i++) cli_json_append(rows, row_json(sides, &list[i]));
  cli_json_set(object, "schema", cli_json_string("heta.diff/1"));
  cli_json_set(object, "heta_version", cli_json_string(heta_version()));
  cli_json_set(object, "a", side_json(sides->file_a, sides->a));
  cli_json_set(object, "b", side_json(sides->file_b, sides->b));
  cli_json_set(object, "differ_in", names);
  cli_json_set(object, "measure", cli_json_string(sides->text_only ? "text-share" : "share"));
  cli_json_set(object, "targets", rows);
  return cli_json_print(object);
}
