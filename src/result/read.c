/* read.c: a stored result "heta.attribution/1" as an attribution, every field checked. Follows the
 * order of the file, which src/report/json.c writes and docs/result.md describes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/utf8.h"
#include "result/fields.h"
#include "result/import.h"
#include "result/result.h"

/* What a stored result is borrowed from, itself in the arena. */
typedef struct stored {
  heta_i_arena arena;
  heta_attribution attribution;
  heta_model_info model;
  heta_method_info method;
} stored;

typedef struct reader {
  heta_i_reading reading;
  stored *to;
} reader;

#define OF(parent, key) heta_i_field_of(&(parent), key)

/* One of a list of words, by its index. */
static heta_status take_choice(const heta_i_reading *r, const heta_i_field *field,
                               const char *const *words, const char *list, size_t *out) {
  for (size_t i = 0; words[i]; i++)
    if (json_is_string(field->value) && !strcmp(json_string_value(field->value), words[i])) {
      *out = i;
      return HETA_OK;
    }
  return json_is_string(field->value)
             ? heta_i_field_wrong(r, field, "is \"%.40s\"; it must be one of %s",
                                  json_string_value(field->value), list)
             : heta_i_field_refuse(r, field, list);
}

/* Shorthands for a member of an object. */
static heta_status string_of(const heta_i_reading *r, const heta_i_field *object, const char *key,
                             const char **out) {
  heta_i_field field = heta_i_field_of(object, key);
  return heta_i_take_string(r, &field, out);
}

static heta_status name_of(const heta_i_reading *r, const heta_i_field *object, const char *key,
                           const char **out) {
  heta_i_field field = heta_i_field_of(object, key);
  return heta_i_take_name(r, &field, out);
}

static heta_status size_of(const heta_i_reading *r, const heta_i_field *object, const char *key,
                           size_t *out) {
  heta_i_field field = heta_i_field_of(object, key);
  return heta_i_take_size(r, &field, out);
}

static heta_status count_of(const heta_i_reading *r, const heta_i_field *object, const char *key,
                            uint64_t *out) {
  heta_i_field field = heta_i_field_of(object, key);
  return heta_i_take_count(r, &field, INT64_MAX, out);
}

static heta_status real_of(const heta_i_reading *r, const heta_i_field *object, const char *key,
                           double *out) {
  heta_i_field field = heta_i_field_of(object, key);
  return heta_i_take_real(r, &field, out);
}

/* ---- What was asked of whom ------------------------------------------------------------------ */

static heta_status read_command(reader *p, const heta_i_field *root) {
  heta_attribution *a = &p->to->attribution;
  const char **words;
  heta_i_field command = OF(*root, "command");
  HETA_TRY(heta_i_take_array(&p->reading, &command, &a->command_count));
  HETA_TRY(heta_i_take_room(&p->reading, a->command_count + 1, sizeof *words, &words));
  for (size_t i = 0; i < a->command_count; i++) {
    heta_i_field word = heta_i_field_at(&command, i);
    HETA_TRY(heta_i_take_string(&p->reading, &word, &words[i]));
  }
  a->command_words = words;
  return HETA_OK;
}

static heta_status read_weights(reader *p, const heta_i_field *model) {
  heta_model_info *info = &p->to->model;
  heta_weight_count *weights;
  const char *type;
  json_t *unused;
  heta_i_field types = OF(*model, "weight_types");
  HETA_TRY(heta_i_take_object(&p->reading, &types));
  HETA_TRY(
      heta_i_take_room(&p->reading, json_object_size(types.value) + 1, sizeof *weights, &weights));
  json_object_foreach((json_t *)types.value, type, unused) {
    heta_weight_count *entry = &weights[info->weight_count++];
    HETA_TRY(size_of(&p->reading, &types, type, &entry->count));
    entry->type = heta_i_arena_string(p->reading.arena, type, strlen(type));
    if (!entry->type) return heta_i_no_memory(p->reading.error, "a stored result", strlen(type));
  }
  info->weights = weights;
  return HETA_OK;
}

static heta_status read_model(reader *p, const heta_i_field *root) {
  const heta_i_reading *r = &p->reading;
  heta_model_info *info = &p->to->model;
  heta_i_field model = OF(*root, "model");
  HETA_TRY(heta_i_take_object(r, &model));
  heta_i_field fingerprint = OF(model, "fingerprint"), tokenizer = OF(model, "tokenizer");
  *info = (heta_model_info){.bos = -1, .eos = -1, .unk = -1, .pad = -1};
  HETA_TRY(string_of(r, &model, "file", &info->file));
  HETA_TRY(string_of(r, &model, "format", &info->format));
  HETA_TRY(count_of(r, &model, "bytes", &info->bytes));
  HETA_TRY(heta_i_take_object(r, &fingerprint));
  HETA_TRY(string_of(r, &fingerprint, "kind", &info->fingerprint_kind));
  HETA_TRY(string_of(r, &fingerprint, "value", &info->fingerprint));
  HETA_TRY(string_of(r, &model, "architecture", &info->architecture));
  HETA_TRY(name_of(r, &model, "name", &info->name));
  HETA_TRY(count_of(r, &model, "parameters", &info->parameters));
  HETA_TRY(size_of(r, &model, "layers", &info->layers));
  HETA_TRY(size_of(r, &model, "heads", &info->heads));
  HETA_TRY(size_of(r, &model, "kv_heads", &info->kv_heads));
  HETA_TRY(size_of(r, &model, "width", &info->width));
  HETA_TRY(size_of(r, &model, "vocabulary", &info->vocabulary));
  HETA_TRY(size_of(r, &model, "context", &info->context));
  HETA_TRY(read_weights(p, &model));
  HETA_TRY(heta_i_take_object(r, &tokenizer));
  HETA_TRY(name_of(r, &tokenizer, "model", &info->tokenizer_model));
  HETA_TRY(name_of(r, &tokenizer, "pre", &info->tokenizer_pre));
  HETA_TRY(name_of(r, &tokenizer, "fingerprint", &info->tokenizer_fingerprint));
  HETA_TRY(name_of(r, &model, "chat_template", &info->chat_template));
  p->to->attribution.model = info;
  return HETA_OK;
}

/* ---- Text and targets ------------------------------------------------------------------------ */

/* The bytes of a token or candidate: "bytes" where it is not whole characters, else "text". */
static heta_status read_bytes(const heta_i_reading *r, const heta_i_field *object,
                              const char **bytes, size_t *size) {
  heta_i_field hex = OF(*object, "bytes"), text = OF(*object, "text");
  if (hex.value) return heta_i_take_hex(r, &hex, bytes, size);
  return heta_i_take_text(r, &text, true, bytes, size);
}

static heta_status read_segments(reader *p, const heta_i_field *input) {
  const heta_i_reading *r = &p->reading;
  heta_attribution *a = &p->to->attribution;
  heta_segment *segments;
  heta_i_field list = OF(*input, "segments");
  HETA_TRY(heta_i_take_array(r, &list, &a->segment_count));
  HETA_TRY(heta_i_take_room(r, a->segment_count + 1, sizeof *segments, &segments));
  for (size_t i = 0; i < a->segment_count; i++) {
    heta_i_field at = heta_i_field_at(&list, i);
    HETA_TRY(heta_i_take_object(r, &at));
    heta_i_field message = OF(at, "message");
    HETA_TRY(string_of(r, &at, "id", &segments[i].id));
    HETA_TRY(size_of(r, &at, "start", &segments[i].start));
    HETA_TRY(size_of(r, &at, "end", &segments[i].end));
    HETA_TRY(string_of(r, &at, "role", &segments[i].role));
    HETA_TRY(name_of(r, &at, "name", &segments[i].name));
    if (!json_is_null(message.value)) {
      HETA_TRY(heta_i_take_size(r, &message, &segments[i].message));
      segments[i].message++;
    }
    if (segments[i].end < segments[i].start || segments[i].end > a->text_size)
      return heta_i_field_wrong(r, &at, "covers bytes %zu to %zu of a text of %zu",
                                segments[i].start, segments[i].end, a->text_size);
  }
  a->segments = segments;
  return HETA_OK;
}

static heta_status find_segment(reader *p, const heta_i_field *token, size_t *out) {
  const heta_attribution *a = &p->to->attribution;
  const char *id;
  heta_i_field field = OF(*token, "segment");
  HETA_TRY(heta_i_take_string(&p->reading, &field, &id));
  for (size_t i = 0; i < a->segment_count; i++)
    if (!strcmp(a->segments[i].id, id)) {
      *out = i;
      return HETA_OK;
    }
  return heta_i_field_wrong(&p->reading, &field, "is \"%.40s\"; no segment has that id", id);
}

static heta_status read_tokens(reader *p, const heta_i_field *input) {
  static const char *const KINDS[] = {"text",   "bos",       "special", "template",
                                      "forced", "generated", NULL};
  const heta_i_reading *r = &p->reading;
  heta_attribution *a = &p->to->attribution;
  heta_result_token *tokens;
  heta_i_field list = OF(*input, "tokens");
  HETA_TRY(heta_i_take_array(r, &list, &a->token_count));
  HETA_TRY(heta_i_take_room(r, a->token_count + 1, sizeof *tokens, &tokens));
  for (size_t i = 0; i < a->token_count; i++) {
    heta_i_field at = heta_i_field_at(&list, i);
    HETA_TRY(heta_i_take_object(r, &at));
    heta_i_field id = OF(at, "id"), kind = OF(at, "kind");
    size_t index;
    HETA_TRY(heta_i_take_id(r, &id, &tokens[i].id));
    HETA_TRY(read_bytes(r, &at, &tokens[i].bytes, &tokens[i].byte_count));
    HETA_TRY(size_of(r, &at, "start", &tokens[i].start));
    HETA_TRY(size_of(r, &at, "end", &tokens[i].end));
    HETA_TRY(
        take_choice(r, &kind, KINDS, "text, bos, special, template, forced and generated", &index));
    tokens[i].kind = (heta_token_kind)index;
    HETA_TRY(find_segment(p, &at, &tokens[i].segment));
  }
  a->tokens = tokens;
  return HETA_OK;
}

static heta_status read_input(reader *p, const heta_i_field *root) {
  heta_attribution *a = &p->to->attribution;
  heta_i_field input = OF(*root, "input");
  HETA_TRY(heta_i_take_object(&p->reading, &input));
  heta_i_field text = OF(input, "text");
  HETA_TRY(heta_i_take_text(&p->reading, &text, false, &a->text, &a->text_size));
  HETA_TRY(size_of(&p->reading, &input, "prompt_end", &a->prompt_end));
  heta_i_field span = OF(input, "span");
  a->has_span = span.value != NULL;
  if (a->has_span) {
    HETA_TRY(heta_i_take_object(&p->reading, &span));
    HETA_TRY(size_of(&p->reading, &span, "start", &a->span_start));
    HETA_TRY(size_of(&p->reading, &span, "end", &a->span_end));
  }
  HETA_TRY(read_segments(p, &input));
  return read_tokens(p, &input);
}

static heta_status read_candidate(const heta_i_reading *r, const heta_i_field *at,
                                  heta_candidate *out) {
  HETA_TRY(heta_i_take_object(r, at));
  heta_i_field id = OF(*at, "id");
  HETA_TRY(heta_i_take_id(r, &id, &out->id));
  HETA_TRY(read_bytes(r, at, &out->bytes, &out->byte_count));
  return real_of(r, at, "logprob", &out->logprob);
}

static heta_status read_target(const heta_i_reading *r, const heta_i_field *at, heta_target *out) {
  HETA_TRY(heta_i_take_object(r, at));
  heta_i_field id = OF(*at, "id"), rank = OF(*at, "rank"), top = OF(*at, "top");
  heta_i_field foil = OF(*at, "foil");
  HETA_TRY(size_of(r, at, "position", &out->position));
  HETA_TRY(heta_i_take_id(r, &id, &out->id));
  HETA_TRY(string_of(r, at, "origin", &out->origin));
  HETA_TRY(real_of(r, at, "logprob", &out->logprob));
  HETA_TRY(real_of(r, at, "entropy", &out->entropy));
  if (!json_is_null(rank.value)) HETA_TRY(heta_i_take_size(r, &rank, &out->rank));
  HETA_TRY(heta_i_take_array(r, &top, &out->top_count));
  if (out->top_count > HETA_TOP_CANDIDATES)
    return heta_i_field_wrong(r, &top, "has %zu candidates; at most %d are known", out->top_count,
                              HETA_TOP_CANDIDATES);
  for (size_t i = 0; i < out->top_count; i++) {
    heta_i_field candidate = heta_i_field_at(&top, i);
    HETA_TRY(read_candidate(r, &candidate, &out->top[i]));
  }
  out->has_foil = foil.value && !json_is_null(foil.value);
  return out->has_foil ? read_candidate(r, &foil, &out->foil) : HETA_OK;
}

static heta_status read_targets(reader *p, const heta_i_field *root) {
  const heta_i_reading *r = &p->reading;
  heta_attribution *a = &p->to->attribution;
  heta_target *targets;
  heta_i_field list = OF(*root, "targets");
  HETA_TRY(heta_i_take_array(r, &list, &a->target_count));
  HETA_TRY(heta_i_take_room(r, a->target_count + 1, sizeof *targets, &targets));
  for (size_t i = 0; i < a->target_count; i++) {
    heta_i_field at = heta_i_field_at(&list, i);
    HETA_TRY(read_target(r, &at, &targets[i]));
    if (targets[i].position > a->token_count)
      return heta_i_field_wrong(r, &at, "stands at token %zu of %zu", targets[i].position,
                                a->token_count);
  }
  a->targets = targets;
  return HETA_OK;
}

/* ---- The attribution ------------------------------------------------------------------------- */

/* A known method has its own description; of another, only the name is known. */
static heta_status read_method(reader *p, const heta_i_field *at) {
  heta_attribution *a = &p->to->attribution;
  const char *name;
  HETA_TRY(string_of(&p->reading, at, "method", &name));
  a->method = heta_method_find(name);
  if (a->method) return HETA_OK;
  p->to->method = (heta_method_info){.name = name,
                                     .summary = "a method that this version does not have",
                                     .about = "",
                                     .source = "",
                                     .cost = ""};
  a->method = &p->to->method;
  return HETA_OK;
}

/* An option's value as the text it was resolved to, and its type as far as that shows. */
static heta_status read_option(const heta_i_reading *r, const heta_i_field *at,
                               heta_resolved_option *out) {
  const json_t *value = at->value;
  const char *text = "";
  char digits[32];
  heta_i_number number;
  out->type = HETA_OPTION_CHOICE;
  if (json_is_null(value) || json_is_string(value)) return heta_i_take_name(r, at, &out->value);
  if (json_is_boolean(value)) {
    out->type = HETA_OPTION_FLAG;
    text = json_is_true(value) ? "yes" : "no";
  } else if (json_is_integer(value)) {
    out->type = HETA_OPTION_INTEGER;
    snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(value));
    text = digits;
  } else if (json_is_real(value)) {
    out->type = HETA_OPTION_NUMBER;
    number = heta_i_number_shortest(json_real_value(value));
    text = number.text;
  } else {
    return heta_i_field_refuse(r, at, "a number, a string, true, false or null");
  }
  out->value = heta_i_arena_string(r->arena, text, strlen(text));
  return out->value ? HETA_OK : heta_i_no_memory(r->error, "a stored result", strlen(text));
}

/* The members of an object as a list of names; `each` is called with the place of every value. */
static heta_status take_names(const heta_i_reading *r, const heta_i_field *object, size_t *count,
                              const char *const **out) {
  const char **names, *key;
  json_t *unused;
  HETA_TRY(heta_i_take_object(r, object));
  HETA_TRY(heta_i_take_room(r, json_object_size(object->value) + 1, sizeof *names, &names));
  *count = 0;
  json_object_foreach((json_t *)object->value, key, unused) {
    names[*count] = heta_i_arena_string(r->arena, key, strlen(key));
    if (!names[*count]) return heta_i_no_memory(r->error, "a stored result", strlen(key));
    ++*count;
  }
  *out = names;
  return HETA_OK;
}

static heta_status read_options(reader *p, const heta_i_field *at) {
  const heta_i_reading *r = &p->reading;
  heta_attribution *a = &p->to->attribution;
  heta_resolved_option *options;
  const char *const *names;
  heta_i_field list = OF(*at, "options");
  HETA_TRY(take_names(r, &list, &a->option_count, &names));
  HETA_TRY(heta_i_take_room(r, a->option_count + 1, sizeof *options, &options));
  for (size_t i = 0; i < a->option_count; i++) {
    heta_i_field value = OF(list, names[i]);
    options[i].name = names[i];
    HETA_TRY(read_option(r, &value, &options[i]));
  }
  a->options = options;
  return HETA_OK;
}

static heta_status read_seed(reader *p, const heta_i_field *at) {
  heta_i_field seed = OF(*at, "seed");
  uint64_t *out = &p->to->attribution.seed;
  if (!json_is_string(seed.value))
    return heta_i_take_count(&p->reading, &seed, UINT64_C(1) << 53, out);
  const char *text = json_string_value(seed.value);
  char again[24];
  *out = strtoull(text, NULL, 10);
  snprintf(again, sizeof again, "%llu", (unsigned long long)*out);
  if (strcmp(text, again) != 0)
    return heta_i_field_wrong(&p->reading, &seed, "must be a whole number below 2^64");
  return HETA_OK;
}

static heta_status read_components(reader *p, const heta_i_field *at) {
  const heta_i_reading *r = &p->reading;
  heta_attribution *a = &p->to->attribution;
  heta_component_info *components;
  const char *const *names;
  heta_i_field list = OF(*at, "components");
  HETA_TRY(take_names(r, &list, &a->component_count, &names));
  HETA_TRY(heta_i_take_room(r, a->component_count + 1, sizeof *components, &components));
  for (size_t i = 0; i < a->component_count; i++) {
    heta_i_field one = OF(list, names[i]);
    HETA_TRY(heta_i_take_object(r, &one));
    heta_i_field exact = OF(one, "exact");
    components[i].name = names[i];
    HETA_TRY(string_of(r, &one, "unit", &components[i].unit));
    HETA_TRY(heta_i_take_bool(r, &exact, &components[i].exact));
    if (OF(one, "estimator").value)
      HETA_TRY(string_of(r, &one, "estimator", &components[i].estimator));
  }
  a->components = components;
  return HETA_OK;
}

static heta_status read_probes(const heta_i_reading *r, const heta_i_field *at, heta_row *row) {
  heta_i_field list = OF(*at, "probes");
  size_t count;
  uint32_t *probes;
  HETA_TRY(heta_i_take_array(r, &list, &count));
  if (count != row->length)
    return heta_i_field_wrong(r, &list, "has %zu entries for %zu tokens", count, row->length);
  HETA_TRY(heta_i_take_room(r, count, sizeof *probes, &probes));
  for (size_t i = 0; i < count; i++) {
    heta_i_field entry = heta_i_field_at(&list, i);
    uint64_t value;
    HETA_TRY(heta_i_take_count(r, &entry, UINT32_MAX, &value));
    probes[i] = (uint32_t)value;
  }
  row->probes = probes;
  return HETA_OK;
}

static heta_status read_ties(const heta_i_reading *r, const heta_i_field *at, heta_row *row) {
  heta_i_field list = OF(*at, "tied_with_next");
  size_t count;
  bool *tied;
  HETA_TRY(heta_i_take_array(r, &list, &count));
  if (count != row->length)
    return heta_i_field_wrong(r, &list, "has %zu entries for %zu tokens", count, row->length);
  HETA_TRY(heta_i_take_room(r, count, sizeof *tied, &tied));
  for (size_t i = 0; i < count; i++) {
    heta_i_field entry = heta_i_field_at(&list, i);
    HETA_TRY(heta_i_take_bool(r, &entry, &tied[i]));
  }
  row->tied_with_next = tied;
  return HETA_OK;
}

/* An array of one number per token, or null where `nullable`. */
static heta_status read_values(const heta_i_reading *r, const heta_i_field *at, const char *key,
                               bool nullable, const heta_row *row, const double **out) {
  heta_i_field list = heta_i_field_of(at, key);
  if (nullable && json_is_null(list.value)) return HETA_OK;
  return heta_i_take_reals(r, &list, row->length, "tokens before the target", out);
}

static heta_status read_parts(reader *p, const heta_i_field *at, heta_row *row) {
  const heta_i_reading *r = &p->reading;
  const heta_attribution *a = &p->to->attribution;
  const double **parts, **errors;
  heta_i_field components = OF(*at, "components"), se = OF(*at, "se");
  HETA_TRY(heta_i_take_object(r, &components));
  HETA_TRY(heta_i_take_object(r, &se));
  HETA_TRY(heta_i_take_room(r, a->component_count + 1, sizeof *parts, &parts));
  HETA_TRY(heta_i_take_room(r, a->component_count + 1, sizeof *errors, &errors));
  for (size_t i = 0; i < a->component_count; i++) {
    const char *name = a->components[i].name;
    HETA_TRY(read_values(r, &components, name, false, row, &parts[i]));
    if (OF(se, name).value) HETA_TRY(read_values(r, &se, name, false, row, &errors[i]));
  }
  row->components = parts;
  row->component_se = errors;
  return HETA_OK;
}

/* What rows of tokens and of roll-ups have. The length is known. */
static heta_status read_sums(reader *p, const heta_i_field *at, heta_row *row) {
  static const char *const STATES[] = {"pending", "partial", "complete", NULL};
  const heta_i_reading *r = &p->reading;
  heta_i_field status = OF(*at, "status");
  size_t state;
  HETA_TRY(take_choice(r, &status, STATES, "pending, partial and complete", &state));
  row->status = (heta_row_status)state;
  HETA_TRY(read_values(r, at, "score", false, row, &row->score));
  HETA_TRY(read_values(r, at, "score_se", true, row, &row->score_se));
  if (OF(*at, "score_df").value) /* files before it have none */
    HETA_TRY(read_values(r, at, "score_df", true, row, &row->score_df));
  HETA_TRY(read_values(r, at, "signed_score", true, row, &row->signed_score));
  return read_parts(p, at, row);
}

/* An index, or "all". */
static heta_status read_row_target(reader *p, const heta_i_field *row, size_t *out) {
  const heta_attribution *a = &p->to->attribution;
  heta_i_field target = OF(*row, "target");
  if (json_is_string(target.value) && !strcmp(json_string_value(target.value), "all")) {
    *out = HETA_ALL_TARGETS;
    if (a->target_count) return HETA_OK;
    return heta_i_field_wrong(&p->reading, &target, "is \"all\", and there are no targets");
  }
  HETA_TRY(heta_i_take_size(&p->reading, &target, out));
  if (*out < a->target_count) return HETA_OK;
  return heta_i_field_wrong(&p->reading, &target, "is %zu; there are %zu targets", *out,
                            a->target_count);
}

static heta_status read_row(reader *p, const heta_i_field *at, heta_row *row) {
  const heta_i_reading *r = &p->reading;
  HETA_TRY(heta_i_take_object(r, at));
  HETA_TRY(read_row_target(p, at, &row->target));
  row->length = heta_i_row_length(&p->to->attribution, row->target);
  HETA_TRY(read_sums(p, at, row));
  HETA_TRY(read_probes(r, at, row));
  return read_ties(r, at, row);
}

static heta_status read_series(const heta_i_reading *r, const heta_i_field *at, heta_series *out) {
  HETA_TRY(heta_i_take_object(r, at));
  heta_i_field values = OF(*at, "values");
  size_t count;
  HETA_TRY(string_of(r, at, "name", &out->name));
  HETA_TRY(size_of(r, at, "targets", &out->targets));
  HETA_TRY(size_of(r, at, "tokens", &out->tokens));
  HETA_TRY(size_of(r, at, "samples", &out->samples));
  if (!heta_i_multiply(out->targets, out->tokens, &count) ||
      !heta_i_multiply(count, out->samples, &count))
    return heta_i_field_wrong(r, at, "has more values than any memory holds");
  return heta_i_take_reals(r, &values, count, "targets × tokens × samples", &out->values);
}

static heta_status read_series_list(reader *p, const heta_i_field *list) {
  const heta_i_reading *r = &p->reading;
  heta_attribution *a = &p->to->attribution;
  heta_series *series;
  HETA_TRY(heta_i_take_array(r, list, &a->series_count));
  HETA_TRY(heta_i_take_room(r, a->series_count + 1, sizeof *series, &series));
  for (size_t i = 0; i < a->series_count; i++) {
    heta_i_field at = heta_i_field_at(list, i);
    HETA_TRY(read_series(r, &at, &series[i]));
  }
  a->series = series;
  return HETA_OK;
}

static heta_status read_units(reader *p, const heta_i_field *at, heta_rollup *out) {
  const heta_i_reading *r = &p->reading;
  heta_unit *units;
  heta_i_field list = OF(*at, "units");
  HETA_TRY(heta_i_take_array(r, &list, &out->unit_count));
  HETA_TRY(heta_i_take_room(r, out->unit_count + 1, sizeof *units, &units));
  for (size_t i = 0; i < out->unit_count; i++) {
    heta_i_field unit = heta_i_field_at(&list, i);
    HETA_TRY(heta_i_take_object(r, &unit));
    HETA_TRY(size_of(r, &unit, "start", &units[i].start));
    HETA_TRY(size_of(r, &unit, "end", &units[i].end));
    HETA_TRY(size_of(r, &unit, "first", &units[i].first));
    HETA_TRY(size_of(r, &unit, "last", &units[i].last));
    HETA_TRY(find_segment(p, &unit, &units[i].segment));
  }
  out->units = units;
  return HETA_OK;
}

static heta_status read_rollup(reader *p, const heta_i_field *at, heta_rollup *out) {
  static const char *const LEVELS[] = {"token",   "word",     "sentence", "line",
                                       "message", "document", NULL};
  static const char *const RULES[] = {"sum", NULL};
  const heta_i_reading *r = &p->reading;
  heta_row *rows;
  size_t level, rule;
  HETA_TRY(heta_i_take_object(r, at));
  heta_i_field name = OF(*at, "level"), how = OF(*at, "rule"), list = OF(*at, "rows");
  HETA_TRY(take_choice(r, &name, LEVELS, "word, sentence, line, message and document", &level));
  HETA_TRY(take_choice(r, &how, RULES, "sum", &rule));
  out->level = (heta_level)level;
  HETA_TRY(read_units(p, at, out));
  HETA_TRY(heta_i_take_array(r, &list, &out->row_count));
  HETA_TRY(heta_i_take_room(r, out->row_count + 1, sizeof *rows, &rows));
  for (size_t i = 0; i < out->row_count; i++) {
    heta_i_field row = heta_i_field_at(&list, i);
    HETA_TRY(heta_i_take_object(r, &row));
    heta_i_field score = OF(row, "score");
    HETA_TRY(read_row_target(p, &row, &rows[i].target));
    HETA_TRY(heta_i_take_array(r, &score, &rows[i].length));
    HETA_TRY(read_sums(p, &row, &rows[i]));
  }
  out->rows = rows;
  return HETA_OK;
}

static heta_status read_rollups(reader *p, const heta_i_field *at) {
  heta_attribution *a = &p->to->attribution;
  heta_rollup *rollups;
  heta_i_field list = OF(*at, "rollups");
  HETA_TRY(heta_i_take_array(&p->reading, &list, &a->rollup_count));
  HETA_TRY(heta_i_take_room(&p->reading, a->rollup_count + 1, sizeof *rollups, &rollups));
  for (size_t i = 0; i < a->rollup_count; i++) {
    heta_i_field rollup = heta_i_field_at(&list, i);
    HETA_TRY(read_rollup(p, &rollup, &rollups[i]));
  }
  a->rollups = rollups;
  return HETA_OK;
}

static heta_status read_windows(reader *p, const heta_i_field *attribution) {
  static const char *const MODES[] = {"joint", "isolated", "anchored", NULL};
  const heta_i_reading *r = &p->reading;
  heta_i_field at = OF(*attribution, "windows"), mode, anchor, remark;
  heta_windows *windows;
  size_t which;
  if (!at.value || json_is_null(at.value)) return HETA_OK;
  HETA_TRY(heta_i_take_room(r, 1, sizeof *windows, &windows));
  HETA_TRY(heta_i_take_object(r, &at));
  mode = OF(at, "mode");
  anchor = OF(at, "anchor");
  remark = OF(at, "remark");
  HETA_TRY(take_choice(r, &mode, MODES, "joint, isolated and anchored", &which));
  windows->mode = MODES[which];
  HETA_TRY(size_of(r, &at, "size", &windows->size));
  HETA_TRY(size_of(r, &at, "stride", &windows->stride));
  if (!json_is_null(anchor.value)) HETA_TRY(heta_i_take_size(r, &anchor, &windows->anchor));
  HETA_TRY(real_of(r, &at, "leakage", &windows->leakage));
  if (remark.value) HETA_TRY(heta_i_take_string(r, &remark, &windows->remark));
  p->to->attribution.windows = windows;
  return HETA_OK;
}

static heta_status read_account(reader *p, const heta_i_field *at) {
  const heta_i_reading *r = &p->reading;
  heta_attribution *a = &p->to->attribution;
  heta_check_value *checks;
  const char *const *names;
  heta_i_field cost = OF(*at, "cost"), list = OF(*at, "checks");
  HETA_TRY(heta_i_take_object(r, &cost));
  HETA_TRY(count_of(r, &cost, "forwards", &a->cost_forwards));
  HETA_TRY(count_of(r, &cost, "reverses", &a->cost_reverses));
  HETA_TRY(count_of(r, &cost, "hvps", &a->cost_hvps));
  HETA_TRY(real_of(r, &cost, "flop", &a->cost_flop));
  HETA_TRY(take_names(r, &list, &a->check_count, &names));
  HETA_TRY(heta_i_take_room(r, a->check_count + 1, sizeof *checks, &checks));
  for (size_t i = 0; i < a->check_count; i++) {
    checks[i].name = names[i];
    HETA_TRY(real_of(r, &list, names[i], &checks[i].value));
  }
  a->checks = checks;
  HETA_TRY(read_windows(p, at));
  heta_i_field samples = OF(*at, "samples");
  return samples.value ? read_series_list(p, &samples) : HETA_OK;
}

static heta_status read_attribution(reader *p, const heta_i_field *root) {
  const heta_i_reading *r = &p->reading;
  heta_attribution *a = &p->to->attribution;
  heta_row *rows;
  size_t count;
  heta_i_field list = OF(*root, "attributions");
  HETA_TRY(heta_i_take_array(r, &list, &count));
  if (count != 1)
    return heta_i_field_wrong(r, &list, "has %zu entries; this version reads files with one",
                              count);
  heta_i_field at = heta_i_field_at(&list, 0);
  HETA_TRY(heta_i_take_object(r, &at));
  heta_i_field has_sign = OF(at, "signed"), row_list = OF(at, "rows");
  HETA_TRY(read_method(p, &at));
  HETA_TRY(read_options(p, &at));
  HETA_TRY(read_seed(p, &at));
  HETA_TRY(string_of(r, &at, "objective", &a->objective));
  HETA_TRY(heta_i_take_bool(r, &has_sign, &a->is_signed));
  HETA_TRY(read_components(p, &at));
  HETA_TRY(heta_i_take_array(r, &row_list, &a->row_count));
  HETA_TRY(heta_i_take_room(r, a->row_count + 1, sizeof *rows, &rows));
  for (size_t i = 0; i < a->row_count; i++) {
    heta_i_field row = heta_i_field_at(&row_list, i);
    HETA_TRY(read_row(p, &row, &rows[i]));
  }
  a->rows = rows;
  HETA_TRY(read_rollups(p, &at));
  return read_account(p, &at);
}

/* ---- How it ended ---------------------------------------------------------------------------- */

static heta_status read_outcome(reader *p, const heta_i_field *root) {
  static const char *const STATES[] = {"partial", "complete", NULL};
  heta_i_field status = OF(*root, "status");
  size_t state;
  HETA_TRY(take_choice(&p->reading, &status, STATES, "partial and complete", &state));
  p->to->attribution.complete = state;
  HETA_TRY(name_of(&p->reading, root, "stopped_by", &p->to->attribution.stopped_by));
  heta_i_field work = OF(*root, "work");
  return p->to->attribution.complete ? HETA_OK : read_series_list(p, &work);
}

static heta_status read_facts(reader *p, const heta_i_field *root) {
  const heta_i_reading *r = &p->reading;
  heta_attribution *a = &p->to->attribution;
  heta_phase *phases;
  const char *const *names;
  uint64_t threads;
  heta_i_field timing = OF(*root, "timing"), environment = OF(*root, "environment");
  HETA_TRY(heta_i_take_object(r, &timing));
  HETA_TRY(real_of(r, &timing, "seconds", &a->seconds_total));
  heta_i_field list = OF(timing, "phases");
  HETA_TRY(take_names(r, &list, &a->phase_count, &names));
  HETA_TRY(heta_i_take_room(r, a->phase_count + 1, sizeof *phases, &phases));
  for (size_t i = 0; i < a->phase_count; i++) {
    phases[i].name = names[i];
    HETA_TRY(real_of(r, &list, names[i], &phases[i].seconds));
  }
  a->phases = phases;
  HETA_TRY(heta_i_take_object(r, &environment));
  heta_i_field count = OF(environment, "threads");
  HETA_TRY(count_of(r, &environment, "peak_bytes", &a->peak_bytes));
  HETA_TRY(heta_i_take_count(r, &count, INT32_MAX, &threads));
  a->threads = (int)threads;
  HETA_TRY(name_of(r, &environment, "backend", &a->backend));
  HETA_TRY(name_of(r, &environment, "precision", &a->precision));
  return name_of(r, &environment, "cpu", &a->cpu);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static heta_status read_root(reader *p, const heta_i_field *root) {
  heta_attribution *a = &p->to->attribution;
  const json_t *schema = json_object_get(root->value, "schema");
  if (!json_is_string(schema) || strcmp(json_string_value(schema), "heta.attribution/1") != 0)
    return heta_i_fail(p->reading.error, HETA_E_FORMAT,
                       "this is no result of heta: its \"schema\" is %s%.40s%s, and has to be "
                       "\"heta.attribution/1\"",
                       json_is_string(schema) ? "\"" : "",
                       json_is_string(schema) ? json_string_value(schema) : "missing",
                       json_is_string(schema) ? "\"" : "");
  HETA_TRY(string_of(&p->reading, root, "heta_version", &a->version));
  HETA_TRY(read_command(p, root));
  HETA_TRY(read_model(p, root));
  HETA_TRY(read_input(p, root));
  HETA_TRY(read_targets(p, root));
  HETA_TRY(read_attribution(p, root));
  HETA_TRY(read_outcome(p, root));
  HETA_TRY(read_facts(p, root));
  return heta_i_result_check(a, HETA_E_FORMAT, p->reading.error);
}

static void release(void *owner) {
  heta_i_arena arena = ((stored *)owner)->arena; /* which holds the owner too */
  heta_i_arena_free(&arena);
}

/* An arena that holds what is read, and itself. */
static heta_status read_document(const json_t *document, heta_result **out, heta_error *error) {
  heta_i_arena arena = {0};
  stored *to = heta_i_arena_take(&arena, 1, sizeof *to);
  if (!to) return heta_i_no_memory(error, "a stored result", sizeof *to);
  reader p = {{&arena, error}, to};
  heta_i_field root = {.value = document};
  heta_status status = read_root(&p, &root);
  to->arena = arena;
  if (!status) status = heta_i_result_make(&to->attribution, to, release, out, error);
  if (status) release(to);
  return status;
}

heta_status heta_result_read(const char *json, size_t size, heta_result **out, heta_error *error) {
  if (!json || !out)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "heta_result_read needs the JSON text and a place for the result");
  json_t *document;
  HETA_TRY(heta_i_import_parse(json, size, &document, error));
  heta_i_origin origin = heta_i_import_origin(document);
  heta_status status = origin == HETA_ORIGIN_HETA ? read_document(document, out, error)
                                                  : heta_i_import(document, origin, out, error);
  json_decref(document);
  return status;
}
