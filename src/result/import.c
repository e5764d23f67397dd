/* import.c: results of other tools: whose they are, and what their readers share. */
#include "result/import.h"

#include <string.h>

#include "base/alphabet.h"
#include "base/json.h"
#include "base/utf8.h"

heta_i_origin heta_i_import_origin(const json_t *document) {
  if (json_object_get(document, "schema")) return HETA_ORIGIN_HETA;
  if (json_object_get(document, "__instance_type__")) return HETA_ORIGIN_INSEQ;
  if (json_object_get(document, "sequence_attributions")) return HETA_ORIGIN_PRIMITIVE;
  if (json_object_get(document, "prompt_tokens") && json_object_get(document, "generation_tokens"))
    return HETA_ORIGIN_FLASHTRACE;
  return HETA_ORIGIN_HETA;
}

/* ---- JSON as Python writes it ---------------------------------------------------------------- */

/* The length of NaN, Infinity or -Infinity at the start of `text`, or 0. */
static size_t special_number(const char *text, size_t size) {
  static const char *const WORDS[] = {"NaN", "Infinity", "-Infinity"};
  for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
    size_t length = strlen(WORDS[i]);
    if (length <= size && !memcmp(text, WORDS[i], length)) return length;
  }
  return 0;
}

/* A copy in which such numbers, outside strings, are null; NULL without memory. */
static char *without_special(const char *json, size_t size, size_t *length) {
  char *out = heta_i_allocate(size / 3 * 4 + 8, 1); /* "null" is the longer by one at most */
  bool inside = false;
  *length = 0;
  for (size_t i = 0; out && i < size;) {
    size_t word = inside ? 0 : special_number(json + i, size - i);
    if (word) {
      memcpy(out + *length, "null", 4);
      *length += 4;
      i += word;
      continue;
    }
    if (inside && json[i] == '\\' && i + 1 < size)
      out[(*length)++] = json[i++];
    else if (json[i] == '"')
      inside = !inside;
    out[(*length)++] = json[i++];
  }
  return out;
}

heta_status heta_i_import_parse(const char *json, size_t size, json_t **out, heta_error *error) {
  static const size_t FLAGS = JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES;
  heta_error first = {0};
  if (size > 1 && !memcmp(json, "\x1f\x8b", 2))
    return heta_i_fail(error, HETA_E_FORMAT,
                       "the result is compressed with gzip: unpack it first (gunzip)");
  heta_status status = heta_i_json_of_text(json, size, FLAGS, "the result", out, &first);
  if (status == HETA_E_FORMAT) {
    size_t length;
    char *changed = without_special(json, size, &length);
    if (!changed) return heta_i_no_memory(error, "a stored result", size);
    json_t *document = NULL;
    bool foreign =
        length != size &&
        heta_i_json_of_text(changed, length, FLAGS, "the result", &document, NULL) == HETA_OK &&
        heta_i_import_origin(document) != HETA_ORIGIN_HETA;
    heta_i_free(changed);
    if (foreign) {
      *out = document;
      return HETA_OK;
    }
    json_decref(document);
  }
  if (status && error) *error = first;
  return status;
}

static void release(void *owner) {
  heta_i_arena arena = ((heta_i_imported *)owner)->arena; /* which holds the owner too */
  heta_i_arena_free(&arena);
}

heta_status heta_i_import(const json_t *document, heta_i_origin origin, heta_result **out,
                          heta_error *error) {
  heta_i_arena arena = {0};
  if (origin == HETA_ORIGIN_PRIMITIVE)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "this file of Inseq has plain values (use_primitives=True), which Inseq "
                       "itself cannot load: save it again without");
  heta_i_imported *to = heta_i_arena_take(&arena, 1, sizeof *to);
  if (!to) return heta_i_no_memory(error, "a stored result", sizeof *to);
  heta_i_importer importer = {{&arena, error}, to};
  heta_i_field root = {.value = document};
  heta_status status = origin == HETA_ORIGIN_INSEQ ? heta_i_import_inseq(&importer, &root)
                                                   : heta_i_import_flashtrace(&importer, &root);
  if (!status) status = heta_i_import_finish(&importer);
  if (!status) status = heta_i_result_check(&to->attribution, HETA_E_FORMAT, error);
  to->arena = arena;
  if (!status) status = heta_i_result_make(&to->attribution, to, release, out, error);
  if (status) release(to);
  return status;
}

/* ---- Tokens ---------------------------------------------------------------------------------- */

typedef enum spelling { AS_READ, BYTE_LEVEL, SENTENCE_PIECE, SPELLINGS } spelling;

static bool has(const heta_i_name *name, const char *what) {
  size_t length = strlen(what);
  for (size_t i = 0; i + length <= name->size; i++)
    if (!memcmp(name->bytes + i, what, length)) return true;
  return false;
}

/* "<s>", "<|im_start|>": the name of a token that is no text. Not "<0x0A>", a byte. */
static bool is_special(const heta_i_name *name) {
  const char *at = name->bytes;
  if (name->size < 3 || at[0] != '<' || at[name->size - 1] != '>') return false;
  if (name->size == 6 && at[1] == '0' && at[2] == 'x') return false;
  for (size_t i = 1; i + 1 < name->size; i++)
    if (at[i] == ' ' || at[i] == '<' || at[i] == '>') return false;
  return true;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What a token stands for, in room for its size; returns its bytes. */
static size_t respell(const heta_i_name *name, spelling how, char *out) {
  static const char SPACE[] = "\xe2\x96\x81"; /* ▁ */
  size_t count = 0;
  if (how == BYTE_LEVEL && !is_special(name) &&
      heta_i_alphabet_decode(name->bytes, name->size, out, &count))
    return count;
  if (how == SENTENCE_PIECE && name->size == 6 && !memcmp(name->bytes, "<0x", 3) &&
      name->bytes[5] == '>' && hex_digit(name->bytes[3]) >= 0 && hex_digit(name->bytes[4]) >= 0) {
    out[0] = (char)(hex_digit(name->bytes[3]) * 16 + hex_digit(name->bytes[4]));
    return 1;
  }
  count = 0;
  for (size_t i = 0; i < name->size;) {
    bool space = how == SENTENCE_PIECE && i + 3 <= name->size && !memcmp(name->bytes + i, SPACE, 3);
    out[count++] = space ? ' ' : name->bytes[i];
    i += space ? 3 : 1;
  }
  return count;
}

/* Whether the tokens, spelled so, make the text: with or without special ones, with or without a
 * space in front. */
static bool makes(const heta_i_name *names, size_t count, spelling how, const char *whole,
                  char *room) {
  for (int specials = 0; specials < 2; specials++) {
    size_t used = 0, size = strlen(whole);
    for (size_t i = 0; i < count; i++)
      if (specials || !is_special(&names[i])) used += respell(&names[i], how, room + used);
    if (used == size && !memcmp(room, whole, size)) return true;
    if (used == size + 1 && room[0] == ' ' && !memcmp(room + 1, whole, size)) return true;
  }
  return false;
}

static spelling find_spelling(const heta_i_name *names, size_t count, const char *whole,
                              char *room) {
  for (int how = AS_READ; whole && how < SPELLINGS; how++)
    if (makes(names, count, (spelling)how, whole, room)) return (spelling)how;
  for (size_t i = 0; i < count; i++) {
    if (has(&names[i], "\xe2\x96\x81")) return SENTENCE_PIECE;
    if (has(&names[i], "\xc4\xa0") || has(&names[i], "\xc4\x8a")) return BYTE_LEVEL; /* Ġ, Ċ */
  }
  return AS_READ;
}

static heta_status lay_segments(heta_i_importer *importer) {
  heta_attribution *a = &importer->to->attribution;
  heta_segment *segments;
  HETA_TRY(heta_i_take_room(&importer->reading, 2, sizeof *segments, &segments));
  segments[0] = (heta_segment){.id = "prompt", .role = "prompt", .end = a->prompt_end};
  segments[1] =
      (heta_segment){.id = "target", .role = "target", .start = a->prompt_end, .end = a->text_size};
  a->segments = segments;
  a->segment_count = 2;
  return HETA_OK;
}

heta_status heta_i_import_tokens(heta_i_importer *importer, heta_i_name *names, size_t count,
                                 size_t first, const char *whole, bool forced) {
  const heta_i_reading *r = &importer->reading;
  heta_attribution *a = &importer->to->attribution;
  heta_result_token *tokens;
  size_t size = 0, *map, used = 0;
  char *room, *text;
  for (size_t i = 0; i < count; i++)
    if (!heta_i_add(size, names[i].size, &size)) return heta_i_no_memory(r->error, "a text", size);
  HETA_TRY(heta_i_take_room(r, count + 1, sizeof *tokens, &tokens));
  HETA_TRY(heta_i_take_room(r, size + 1, sizeof *map, &map));
  HETA_TRY(heta_i_take_room(r, size + 1, 1, &room));
  HETA_TRY(heta_i_take_room(r, size + 1, 3, &text));
  spelling how = find_spelling(names, count, whole, room);
  for (size_t i = 0; i < count; i++) {
    size_t bytes = respell(&names[i], how, room + used);
    tokens[i] =
        (heta_result_token){.id = names[i].id,
                            .kind = i >= first ? forced ? HETA_TOKEN_FORCED : HETA_TOKEN_GENERATED
                                    : is_special(&names[i]) ? HETA_TOKEN_SPECIAL
                                                            : HETA_TOKEN_TEXT,
                            .start = used,
                            .end = used + bytes,
                            .bytes = room + used,
                            .byte_count = bytes,
                            .segment = i >= first};
    used += bytes;
  }
  a->text_size = heta_i_utf8_clean(room, used, text, map);
  a->text = text;
  for (size_t i = 0; i < count; i++) {
    tokens[i].start = map[tokens[i].start];
    tokens[i].end = map[tokens[i].end];
  }
  a->tokens = tokens;
  a->token_count = count;
  a->prompt_end = first < count ? tokens[first].start : a->text_size;
  return lay_segments(importer);
}

/* ---- Targets and rows ------------------------------------------------------------------------ */

heta_status heta_i_import_targets(heta_i_importer *importer, size_t first, size_t count,
                                  const char *origin, heta_target **out) {
  heta_attribution *a = &importer->to->attribution;
  heta_target *targets;
  HETA_TRY(heta_i_take_room(&importer->reading, count + 1, sizeof *targets, &targets));
  for (size_t t = 0; t < count; t++)
    targets[t] = (heta_target){.position = first + t,
                               .id = a->tokens[first + t].id,
                               .origin = origin,
                               .logprob = NAN,
                               .entropy = NAN};
  a->targets = *out = targets;
  a->target_count = count;
  return HETA_OK;
}

static heta_status blank(const heta_i_importer *importer, size_t count, const double **out) {
  double *values;
  HETA_TRY(heta_i_take_room(&importer->reading, count + 1, sizeof *values, &values));
  for (size_t i = 0; i < count; i++) values[i] = NAN;
  *out = values;
  return HETA_OK;
}

heta_status heta_i_import_rows(heta_i_importer *importer, bool joint, const char *const *names,
                               size_t component_count) {
  const heta_i_reading *r = &importer->reading;
  heta_attribution *a = &importer->to->attribution;
  heta_component_info *components;
  heta_row *rows;
  a->row_count = joint ? 1 : a->target_count;
  HETA_TRY(heta_i_take_room(r, component_count + 1, sizeof *components, &components));
  HETA_TRY(heta_i_take_room(r, a->row_count + 1, sizeof *rows, &rows));
  for (size_t c = 0; c < component_count; c++)
    components[c] = (heta_component_info){names[c], "not recorded", true, NULL};
  for (size_t i = 0; i < a->row_count; i++) {
    const double **parts, **errors;
    rows[i].target = joint ? HETA_ALL_TARGETS : i;
    rows[i].length = heta_i_row_length(a, rows[i].target);
    HETA_TRY(heta_i_take_room(r, component_count + 1, sizeof *parts, &parts));
    HETA_TRY(heta_i_take_room(r, component_count + 1, sizeof *errors, &errors));
    HETA_TRY(blank(importer, rows[i].length, &rows[i].score));
    for (size_t c = 0; c < component_count; c++)
      HETA_TRY(blank(importer, rows[i].length, &parts[c]));
    rows[i].components = parts;
    rows[i].component_se = errors;
  }
  a->components = components;
  a->component_count = component_count;
  a->rows = rows;
  return HETA_OK;
}

double *heta_i_import_score(const heta_i_importer *importer, size_t row) {
  return (double *)importer->to->attribution.rows[row].score;
}

double *heta_i_import_part(const heta_i_importer *importer, size_t row, size_t component) {
  return (double *)importer->to->attribution.rows[row].components[component];
}

heta_status heta_i_import_errors(heta_i_importer *importer, size_t component,
                                 const char *estimator) {
  heta_attribution *a = &importer->to->attribution;
  heta_row *rows = (heta_row *)a->rows;
  for (size_t i = 0; i < a->row_count; i++) {
    const double **place = component == SIZE_MAX
                               ? &rows[i].score_se
                               : (const double **)&rows[i].component_se[component];
    HETA_TRY(blank(importer, rows[i].length, place));
  }
  if (component == SIZE_MAX) return HETA_OK;
  heta_component_info *info = (heta_component_info *)&a->components[component];
  info->exact = false;
  info->estimator = estimator;
  return HETA_OK;
}

double *heta_i_import_error(const heta_i_importer *importer, size_t row, size_t component) {
  const heta_row *of = &importer->to->attribution.rows[row];
  return (double *)(component == SIZE_MAX ? of->score_se : of->component_se[component]);
}

heta_status heta_i_import_finish(heta_i_importer *importer) {
  heta_attribution *a = &importer->to->attribution;
  heta_row *rows = (heta_row *)a->rows;
  a->complete = true;
  for (size_t i = 0; i < a->row_count; i++) {
    size_t known = 0;
    for (size_t k = 0; k < rows[i].length; k++) {
      double *value = &heta_i_import_score(importer, i)[k];
      if (!isfinite(*value)) *value = NAN;
      known += !isnan(*value);
      a->is_signed = a->is_signed || *value < 0;
    }
    rows[i].status = known == rows[i].length ? HETA_ROW_COMPLETE
                     : known                 ? HETA_ROW_PARTIAL
                                             : HETA_ROW_PENDING;
    a->complete = a->complete && known == rows[i].length;
  }
  for (size_t i = 0; a->is_signed && i < a->row_count; i++) {
    const double *sizes;
    HETA_TRY(blank(importer, rows[i].length, &sizes));
    for (size_t k = 0; k < rows[i].length; k++) ((double *)sizes)[k] = fabs(rows[i].score[k]);
    rows[i].signed_score = rows[i].score;
    rows[i].score = sizes;
  }
  return HETA_OK;
}

/* ---- Whose ----------------------------------------------------------------------------------- */

void heta_i_import_method(heta_i_importer *importer, const char *name, const char *tool) {
  heta_method_info *own = &importer->to->method;
  *own = (heta_method_info){
      .name = name ? name : "unknown", .summary = tool, .about = "", .source = tool, .cost = ""};
  importer->to->attribution.method = own;
}

void heta_i_import_model(heta_i_importer *importer, const char *name, const char *architecture) {
  importer->to->model = (heta_model_info){.bos = -1,
                                          .eos = -1,
                                          .unk = -1,
                                          .pad = -1,
                                          .file = name ? name : "unknown",
                                          .format = "unknown",
                                          .fingerprint_kind = "unknown",
                                          .fingerprint = "",
                                          .architecture = architecture ? architecture : "unknown",
                                          .name = name ? name : ""};
  importer->to->attribution.model = &importer->to->model;
}
