/* inseq.c: what Inseq's FeatureAttributionOutput.save() writes and its load() reads, for one
 * sequence of a decoder-only model. docs/exchange.md says which field becomes what. */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "result/import.h"

#define OF(parent, key) heta_i_field_of(&(parent), key)

typedef struct inseq {
  heta_i_importer *importer;
  heta_i_field sequence, info; /* attributes of the one sequence; facts about the run */
  const char *kind;            /* the sequence's class */
  size_t first, end;           /* the explained tokens */
} inseq;

/* The attributes of an object that carries its class, and the class's name. */
static heta_status instance(const heta_i_reading *r, const heta_i_field *object, const char **kind,
                            heta_i_field *attributes) {
  HETA_TRY(heta_i_take_object(r, object));
  heta_i_field type = OF(*object, "__instance_type__");
  size_t count;
  HETA_TRY(heta_i_take_array(r, &type, &count));
  if (count != 2) return heta_i_field_wrong(r, &type, "has %zu entries: module and class", count);
  heta_i_field name = heta_i_field_at(&type, 1);
  HETA_TRY(heta_i_take_string(r, &name, kind));
  *attributes = OF(*object, "attributes");
  return heta_i_take_object(r, attributes);
}

/* ---- Facts ----------------------------------------------------------------------------------- */

/* A string where there is one, else NULL: these fields hold what Python had there. */
static heta_status string_or_null(const inseq *in, const char *key, const char **out) {
  heta_i_field field = OF(in->info, key);
  *out = NULL;
  return json_is_string(field.value) ? heta_i_take_string(&in->importer->reading, &field, out)
                                     : HETA_OK;
}

static heta_status read_options(const inseq *in) {
  const heta_i_reading *r = &in->importer->reading;
  heta_attribution *a = &in->importer->to->attribution;
  heta_i_field list = OF(in->info, "attribution_args");
  heta_resolved_option *options;
  const char *key;
  json_t *value;
  if (!json_is_object(list.value)) return HETA_OK;
  HETA_TRY(heta_i_take_room(r, json_object_size(list.value) + 1, sizeof *options, &options));
  json_object_foreach((json_t *)list.value, key, value) {
    heta_resolved_option *option = &options[a->option_count];
    const char *text = json_string_value(value);
    heta_i_number number = {""};
    if (json_is_number(value)) {
      number = heta_i_number_shortest(json_number_value(value));
      text = number.text;
    } else if (json_is_boolean(value)) {
      text = json_is_true(value) ? "yes" : "no";
    }
    if (!text) continue; /* a function, a tensor */
    option->type = json_is_boolean(value)  ? HETA_OPTION_FLAG
                   : json_is_number(value) ? HETA_OPTION_NUMBER
                                           : HETA_OPTION_CHOICE;
    option->name = heta_i_arena_string(r->arena, key, strlen(key));
    option->value = heta_i_arena_string(r->arena, text, strlen(text));
    if (!option->name || !option->value) return heta_i_no_memory(r->error, "an option", 64);
    a->option_count++;
  }
  a->options = options;
  return HETA_OK;
}

static const char *option_value(const heta_attribution *a, const char *name) {
  for (size_t i = 0; i < a->option_count; i++)
    if (!strcmp(a->options[i].name, name)) return a->options[i].value;
  return NULL;
}

static heta_status read_facts(const inseq *in, bool *ours) {
  heta_i_importer *importer = in->importer;
  heta_attribution *a = &importer->to->attribution;
  const char *method, *model, *kind, *version, *fingerprint, *objective;
  HETA_TRY(string_or_null(in, "attribution_method", &method));
  HETA_TRY(string_or_null(in, "attributed_fn", &objective));
  HETA_TRY(string_or_null(in, "model_name", &model));
  HETA_TRY(string_or_null(in, "model_class", &kind));
  HETA_TRY(string_or_null(in, "heta_version", &version));
  HETA_TRY(string_or_null(in, "model_fingerprint", &fingerprint));
  heta_i_import_method(importer, method, version ? "a method of heta" : "a method of Inseq");
  heta_i_import_model(importer, model, kind);
  if (version && heta_method_find(method ? method : "")) a->method = heta_method_find(method);
  HETA_TRY(string_or_null(in, "tokenizer_class", &importer->to->model.tokenizer_model));
  HETA_TRY(string_or_null(in, "tokenizer_name", &importer->to->model.tokenizer_pre));
  if (fingerprint && strlen(fingerprint) == 64) {
    importer->to->model.fingerprint = fingerprint;
    importer->to->model.fingerprint_kind = "sha256";
  }
  a->objective = objective ? objective : "unknown";
  heta_i_field seed = OF(in->info, "seed"), seconds = OF(in->info, "exec_time");
  if (json_is_integer(seed.value))
    HETA_TRY(heta_i_take_count(&importer->reading, &seed, INT64_MAX, &a->seed));
  if (json_is_number(seconds.value))
    HETA_TRY(heta_i_take_real(&importer->reading, &seconds, &a->seconds_total));
  *ours = version != NULL;
  return read_options(in);
}

/* ---- Tokens ---------------------------------------------------------------------------------- */

static heta_status read_span(inseq *in, size_t tokens) {
  const heta_i_reading *r = &in->importer->reading;
  heta_i_field first = OF(in->sequence, "attr_pos_start"), end = OF(in->sequence, "attr_pos_end");
  in->first = 0;
  in->end = tokens;
  if (first.value && !json_is_null(first.value)) HETA_TRY(heta_i_take_size(r, &first, &in->first));
  if (end.value && !json_is_null(end.value)) HETA_TRY(heta_i_take_size(r, &end, &in->end));
  if (in->end > tokens) in->end = tokens;
  if (in->first >= in->end)
    return heta_i_field_wrong(r, &first, "is %zu: no token of %zu is explained", in->first, tokens);
  return HETA_OK;
}

static heta_status read_tokens(inseq *in) {
  const heta_i_reading *r = &in->importer->reading;
  heta_i_field list = OF(in->sequence, "target"), forced = OF(in->info, "constrained_decoding");
  heta_i_field texts = OF(in->info, "generated_texts");
  heta_i_name *names;
  heta_target *targets;
  const char *whole = NULL;
  size_t count;
  HETA_TRY(heta_i_take_array(r, &list, &count));
  HETA_TRY(heta_i_take_room(r, count + 1, sizeof *names, &names));
  for (size_t i = 0; i < count; i++) {
    heta_i_field one = heta_i_field_at(&list, i), attributes;
    const char *kind;
    HETA_TRY(instance(r, &one, &kind, &attributes));
    heta_i_field text = OF(attributes, "token"), id = OF(attributes, "id");
    HETA_TRY(heta_i_take_text(r, &text, false, &names[i].bytes, &names[i].size));
    HETA_TRY(heta_i_take_id(r, &id, &names[i].id));
  }
  HETA_TRY(read_span(in, count));
  if (json_array_size(texts.value) == 1) {
    heta_i_field text = heta_i_field_at(&texts, 0);
    if (json_is_string(text.value)) HETA_TRY(heta_i_take_string(r, &text, &whole));
  }
  bool given = json_is_true(forced.value);
  HETA_TRY(heta_i_import_tokens(in->importer, names, count, in->first, whole, given));
  return heta_i_import_targets(in->importer, in->first, in->end - in->first,
                               given ? "forced" : "generated", &targets);
}

/* ---- Numbers --------------------------------------------------------------------------------- */

/* How Inseq would bring further dimensions down to one number, by its own defaults: the norm of a
 * gradient over the embedding, the mean over layers and heads. */
static double reduced(const double *values, size_t count, bool norm) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += norm ? values[i] * values[i] : values[i];
  return norm ? sqrt(sum) : sum / (double)count;
}

/* The row-th column of tokens × targets, up to its target; missing tokens stay NaN. */
static void take_column(const inseq *in, const heta_i_tensor *from, size_t row, double *out) {
  size_t steps = in->end - in->first, inner = 1;
  for (size_t k = 2; k < from->rank; k++) inner *= from->shape[k];
  for (size_t i = 0; i < in->first + row && i < from->shape[0]; i++) {
    const double *at = from->values + (i * steps + row) * inner;
    out[i] = inner == 1 && from->rank == 2 ? *at
             : inner                       ? reduced(at, inner, !strncmp(in->kind, "Granular", 8))
                                           : NAN;
  }
}

static bool ends_with(const char *name, const char *end) {
  size_t length = strlen(name), tail = strlen(end);
  return length > tail && !strcmp(name + length - tail, end);
}

/* Whether a table of numbers has a column for each explained token. */
static bool fits(const inseq *in, const heta_i_tensor *tensor) {
  return tensor->rank == 2 && tensor->shape[1] == in->end - in->first;
}

static heta_status read_scores(const inseq *in) {
  const heta_i_reading *r = &in->importer->reading;
  heta_i_field field = OF(in->sequence, "target_attributions");
  heta_i_field source = OF(in->sequence, "source_attributions");
  heta_i_tensor scores;
  if (source.value && !json_is_null(source.value))
    return heta_i_fail(r->error, HETA_E_UNSUPPORTED,
                       "this file of Inseq has source_attributions, those of an encoder: results "
                       "of decoder-only models are read");
  HETA_TRY(heta_i_import_tensor(r, &field, &scores));
  size_t tokens = in->importer->to->attribution.token_count, steps = in->end - in->first;
  if (scores.rank < 2 || scores.shape[0] + 1 < in->end || scores.shape[0] > tokens ||
      scores.shape[1] != steps)
    return heta_i_field_wrong(r, &field, "has the shape %zu × %zu for %zu tokens and %zu steps",
                              scores.rank > 0 ? scores.shape[0] : 0,
                              scores.rank > 1 ? scores.shape[1] : 0, tokens, steps);
  if (scores.rank > 2 && strncmp(in->kind, "Granular", 8) && strncmp(in->kind, "MultiDim", 8))
    return heta_i_field_wrong(r, &field,
                              "has %zu dimensions in a %.60s: save what .aggregate() gives",
                              scores.rank, in->kind);
  for (size_t row = 0; row < steps; row++)
    take_column(in, &scores, row, heta_i_import_score(in->importer, row));
  return HETA_OK;
}

/* Components, and standard errors in tables of the same name with "_se". */
static heta_status read_parts(const inseq *in, bool ours) {
  heta_i_importer *importer = in->importer;
  const heta_i_reading *r = &importer->reading;
  heta_i_field list = OF(in->sequence, "sequence_scores");
  size_t most = json_object_size(list.value), count = 0;
  heta_i_tensor *tables;
  const char **names, *key;
  json_t *unused;
  HETA_TRY(heta_i_take_room(r, most + 1, sizeof *tables, &tables));
  HETA_TRY(heta_i_take_room(r, most + 1, sizeof *names, &names));
  /* Those that are errors of another come behind all others. */
  size_t parts = 0;
  for (int errors = 0; errors < 2; errors++) {
    json_object_foreach((json_t *)list.value, key, unused) {
      char base[80];
      snprintf(base, sizeof base, "%.*s", (int)(strlen(key) > 3 ? strlen(key) - 3 : 0), key);
      bool error =
          ends_with(key, "_se") && (!strcmp(base, "score") || json_object_get(list.value, base));
      heta_i_field field = heta_i_field_of(&list, key);
      if (error != (errors == 1)) continue;
      HETA_TRY(heta_i_import_tensor(r, &field, &tables[count]));
      if (!fits(in, &tables[count])) continue; /* of other things than these tokens */
      names[count] = heta_i_arena_string(r->arena, key, strlen(key));
      if (!names[count]) return heta_i_no_memory(r->error, "a name", strlen(key));
      count++;
    }
    if (!errors) parts = count;
  }
  HETA_TRY(heta_i_import_rows(importer, false, names, parts));
  const char *curvature = ours ? option_value(&importer->to->attribution, "curvature") : NULL;
  for (size_t k = 0; k < count; k++) {
    size_t component = k;
    if (k >= parts) {
      for (component = 0; component < parts; component++)
        if (!strncmp(names[k], names[component], strlen(names[k]) - 3) &&
            strlen(names[component]) == strlen(names[k]) - 3)
          break;
      if (component == parts) component = SIZE_MAX;
      HETA_TRY(heta_i_import_errors(importer, component, curvature));
    }
    for (size_t row = 0; row < in->end - in->first; row++)
      take_column(in, &tables[k], row,
                  k < parts ? heta_i_import_part(importer, row, component)
                            : heta_i_import_error(importer, row, component));
  }
  return HETA_OK;
}

static heta_status read_steps(const inseq *in) {
  const heta_i_reading *r = &in->importer->reading;
  heta_attribution *a = &in->importer->to->attribution;
  heta_target *targets = (heta_target *)a->targets;
  static const char *const NAMES[] = {"probability", "logprob", "entropy"};
  heta_i_field list = OF(in->sequence, "step_scores");
  for (size_t k = 0; k < sizeof NAMES / sizeof *NAMES; k++) {
    heta_i_field field = OF(list, NAMES[k]);
    heta_i_tensor steps;
    if (!field.value || json_is_null(field.value)) continue;
    HETA_TRY(heta_i_import_tensor(r, &field, &steps));
    if (steps.rank != 1 || steps.shape[0] != a->target_count)
      return heta_i_field_wrong(r, &field, "does not have one number for each of %zu steps",
                                a->target_count);
    for (size_t t = 0; t < a->target_count; t++) {
      if (k == 0) targets[t].logprob = steps.values[t] > 0 ? log(steps.values[t]) : NAN;
      if (k == 1) targets[t].logprob = steps.values[t];
      if (k == 2) targets[t].entropy = steps.values[t];
    }
  }
  return HETA_OK;
}

heta_status heta_i_import_inseq(heta_i_importer *importer, const heta_i_field *root) {
  const heta_i_reading *r = &importer->reading;
  inseq in = {.importer = importer};
  heta_i_field top;
  const char *kind;
  size_t count;
  bool ours;
  HETA_TRY(instance(r, root, &kind, &top));
  if (strcmp(kind, "FeatureAttributionOutput"))
    return heta_i_fail(r->error, HETA_E_UNSUPPORTED,
                       "this file holds a %.60s of Inseq; its FeatureAttributionOutput is read",
                       kind);
  heta_i_field list = OF(top, "sequence_attributions");
  in.info = OF(top, "info");
  HETA_TRY(heta_i_take_object(r, &in.info));
  HETA_TRY(heta_i_take_array(r, &list, &count));
  if (count != 1)
    return heta_i_field_wrong(r, &list,
                              "has %zu sequences; a result explains one: save them with "
                              "split_sequences=True",
                              count);
  heta_i_field one = heta_i_field_at(&list, 0);
  HETA_TRY(instance(r, &one, &in.kind, &in.sequence));
  HETA_TRY(read_facts(&in, &ours));
  HETA_TRY(read_tokens(&in));
  HETA_TRY(read_parts(&in, ours));
  HETA_TRY(read_scores(&in));
  return read_steps(&in);
}
