/* json_steps.c: normalizer and pre_tokenizer of tokenizer.json. What heta cannot do exactly is
 * refused by its name. */
#include <string.h>

#include "format/quote.h"
#include "text/folder.h"

#define SPACE "\xe2\x96\x81" /* U+2581, which stands for a space in names */
#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

static heta_status refuse(const char *where, const char *type, const char *why, heta_error *error) {
  char shown[HETA_QUOTE];
  return heta_i_fail(error, HETA_E_UNSUPPORTED, "%s \"%s\" %s", where,
                     heta_i_quote_string(shown, type), why);
}

static heta_status type_of(const json_t *step, const char *where, const char **out,
                           heta_error *error) {
  *out = NULL;
  if (!json_is_object(step)) return heta_i_fail(error, HETA_E_FORMAT, "%s is not an object", where);
  HETA_TRY(heta_i_member_string(step, where, "type", out, error));
  if (!*out) return heta_i_fail(error, HETA_E_FORMAT, "%s.type is missing", where);
  return HETA_OK;
}

/* A copy that outlives the JSON. */
static heta_status keep(heta_i_definition *out, const char *text, const char **copy,
                        heta_error *error) {
  *copy = heta_i_arena_string(&out->arena, text, strlen(text));
  return *copy ? HETA_OK : heta_i_no_memory(error, "the tokenizer's settings", strlen(text));
}

/* {"String": …} or {"Regex": …} */
static heta_status pattern_of(const json_t *step, const char *where, const char **out,
                              bool *literal, heta_error *error) {
  const json_t *pattern = NULL;
  const char *text = NULL, *regex = NULL;
  HETA_TRY(heta_i_member_object(step, where, "pattern", &pattern, error));
  HETA_TRY(heta_i_member_string(pattern, where, "String", &text, error));
  HETA_TRY(heta_i_member_string(pattern, where, "Regex", &regex, error));
  *literal = text != NULL;
  *out = text ? text : regex;
  if (!*out || !**out || (text && regex))
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s.pattern has neither a String nor a Regex with something in it", where);
  return HETA_OK;
}

/* ---- Rewrites -------------------------------------------------------------------------------- */

static heta_status add_rewrite(heta_i_rewrite *list, size_t *count, heta_i_rewrite rewrite,
                               heta_error *error) {
  if (*count == HETA_REWRITES)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "the tokenizer rewrites the text more than %d times", HETA_REWRITES);
  if (rewrite.from) rewrite.from_size = strlen(rewrite.from);
  if (rewrite.to) rewrite.to_size = strlen(rewrite.to);
  list[(*count)++] = rewrite;
  return HETA_OK;
}

static heta_status add_early(heta_i_definition *out, heta_i_rewrite rewrite, heta_error *error) {
  return add_rewrite(out->early, &out->early_count, rewrite, error);
}

static heta_status add_late(heta_i_definition *out, heta_i_rewrite rewrite, heta_error *error) {
  return add_rewrite(out->late, &out->late_count, rewrite, error);
}

static heta_status read_replace(const json_t *step, heta_i_definition *out, heta_error *error) {
  static const char where[] = "normalizer Replace";
  heta_i_rewrite rewrite = {.kind = HETA_REWRITE_REPLACE};
  const char *pattern, *content = NULL;
  bool literal;
  HETA_TRY(pattern_of(step, where, &pattern, &literal, error));
  HETA_TRY(heta_i_member_string(step, where, "content", &content, error));
  if (!content) return heta_i_fail(error, HETA_E_FORMAT, "%s.content is missing", where);
  if (!literal)
    return refuse("normalizer", "Replace", "with a regular expression is not supported", error);
  if (!*content)
    return refuse("normalizer", "Replace",
                  "removes text, for which no token would stand; that is not supported", error);
  HETA_TRY(keep(out, pattern, &rewrite.from, error));
  HETA_TRY(keep(out, content, &rewrite.to, error));
  return add_early(out, rewrite, error);
}

static heta_status read_normalizer(const json_t *step, int depth, heta_i_definition *out,
                                   heta_error *error) {
  static const char where[] = "normalizer";
  const char *type, *text = NULL;
  if (!step || json_is_null(step)) return HETA_OK;
  HETA_TRY(type_of(step, where, &type, error));
  if (!strcmp(type, "NFC"))
    return add_early(out, (heta_i_rewrite){.kind = HETA_REWRITE_COMPOSE}, error);
  if (!strcmp(type, "Replace")) return read_replace(step, out, error);
  if (!strcmp(type, "Prepend")) {
    heta_i_rewrite rewrite = {.kind = HETA_REWRITE_PREPEND};
    HETA_TRY(heta_i_member_string(step, "normalizer Prepend", "prepend", &text, error));
    if (!text || !*text)
      return heta_i_fail(error, HETA_E_FORMAT, "normalizer Prepend.prepend is missing or empty");
    HETA_TRY(keep(out, text, &rewrite.to, error));
    return add_early(out, rewrite, error);
  }
  if (strcmp(type, "Sequence") || depth)
    return refuse(where, type,
                  "is not supported; heta knows NFC, Prepend, Replace and a Sequence "
                  "of them",
                  error);
  const json_t *steps = NULL;
  size_t index;
  json_t *item;
  HETA_TRY(heta_i_member_array(step, where, "normalizers", &steps, error));
  json_array_foreach(steps, index, item) HETA_TRY(read_normalizer(item, depth + 1, out, error));
  return HETA_OK;
}

/* ---- Cuts ------------------------------------------------------------------------------------ */

static heta_status add_cut(heta_i_definition *out, heta_i_cut_kind kind, const char *pattern,
                           bool literal, heta_error *error) {
  heta_i_cut cut = {.kind = kind, .literal = literal};
  if (out->cut_count == HETA_CUTS)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "the pre_tokenizer cuts the text more than %d times", HETA_CUTS);
  HETA_TRY(keep(out, pattern, &cut.pattern, error));
  out->cuts[out->cut_count++] = cut;
  return HETA_OK;
}

static heta_status kind_of(const json_t *step, const char *where, bool invert, heta_i_cut_kind *out,
                           heta_error *error) {
  static const struct {
    const char *name;
    heta_i_cut_kind kind;
  } kinds[] = {{"Isolated", HETA_CUT_ISOLATED},
               {"Contiguous", HETA_CUT_CONTIGUOUS},
               {"MergedWithPrevious", HETA_CUT_PREVIOUS},
               {"MergedWithNext", HETA_CUT_NEXT}};
  const char *behavior = NULL;
  HETA_TRY(heta_i_member_string(step, where, "behavior", &behavior, error));
  if (!behavior) return heta_i_fail(error, HETA_E_FORMAT, "%s.behavior is missing", where);
  if (!strcmp(behavior, "Removed")) {
    *out = HETA_CUT_MATCHES;
    return invert ? HETA_OK
                  : refuse(where, "Removed",
                           "leaves out what it matches, for which no token would stand; that is "
                           "not supported",
                           error);
  }
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp(kinds[i].name, behavior)) {
      *out = kinds[i].kind;
      return invert && *out != HETA_CUT_ISOLATED
                 ? refuse(where, behavior, "with invert is not supported", error)
                 : HETA_OK;
    }
  return refuse(where, behavior, "is no known behavior", error);
}

static heta_status read_split(const json_t *step, heta_i_definition *out, heta_error *error) {
  static const char where[] = "pre_tokenizer Split";
  const char *pattern;
  bool literal, invert = false;
  heta_i_cut_kind kind;
  HETA_TRY(pattern_of(step, where, &pattern, &literal, error));
  HETA_TRY(heta_i_member_flag(step, where, "invert", &invert, error));
  HETA_TRY(kind_of(step, where, invert, &kind, error));
  return add_cut(out, kind, pattern, literal, error);
}

static heta_status read_byte_level(const json_t *step, heta_i_definition *out, heta_error *error) {
  static const char where[] = "pre_tokenizer ByteLevel";
  bool space = true, regex = true;
  HETA_TRY(heta_i_member_flag(step, where, "add_prefix_space", &space, error));
  HETA_TRY(heta_i_member_flag(step, where, "use_regex", &regex, error));
  out->byte_level = true;
  if (space && out->cut_count)
    return refuse("pre_tokenizer", "ByteLevel",
                  "puts a space before every piece (add_prefix_space after another step), which "
                  "is not supported",
                  error);
  if (space)
    HETA_TRY(add_late(
        out, (heta_i_rewrite){.kind = HETA_REWRITE_PREPEND, .to = " ", .unless_there = true},
        error));
  return regex ? add_cut(out, HETA_CUT_ISOLATED, GPT2, false, error) : HETA_OK;
}

static heta_status read_metaspace(const json_t *step, heta_i_definition *out, heta_error *error) {
  static const char where[] = "pre_tokenizer Metaspace";
  const char *replacement = SPACE, *scheme = NULL;
  bool split = true, space = true;
  HETA_TRY(heta_i_member_string(step, where, "replacement", &replacement, error));
  HETA_TRY(heta_i_member_string(step, where, "prepend_scheme", &scheme, error));
  HETA_TRY(heta_i_member_flag(step, where, "add_prefix_space", &space, error));
  HETA_TRY(heta_i_member_flag(step, where, "split", &split, error));
  if (!scheme) scheme = space ? "always" : "never";
  bool never = !strcmp(scheme, "never"), first = !strcmp(scheme, "first");
  if (strcmp(replacement, SPACE))
    return refuse(where, replacement, "as a replacement is not supported", error);
  if (!never && !first && strcmp(scheme, "always"))
    return refuse(where, scheme, "is no known prepend_scheme", error);
  if (out->cut_count)
    return refuse("pre_tokenizer", "Metaspace", "after another step is not supported", error);
  HETA_TRY(add_late(out, (heta_i_rewrite){.kind = HETA_REWRITE_REPLACE, .from = " ", .to = SPACE},
                    error));
  if (!never)
    HETA_TRY(add_late(
        out,
        (heta_i_rewrite){
            .kind = HETA_REWRITE_PREPEND, .to = SPACE, .unless_there = true, .only_first = first},
        error));
  return split ? add_cut(out, HETA_CUT_NEXT, SPACE, true, error) : HETA_OK;
}

static heta_status read_pretokenizer(const json_t *step, int depth, heta_i_definition *out,
                                     heta_error *error) {
  static const char where[] = "pre_tokenizer";
  const char *type;
  heta_i_cut_kind kind;
  bool individual = false;
  if (!step || json_is_null(step)) return HETA_OK;
  HETA_TRY(type_of(step, where, &type, error));
  if (out->byte_level) return refuse(where, type, "after ByteLevel is not supported", error);
  if (!strcmp(type, "Split")) return read_split(step, out, error);
  if (!strcmp(type, "ByteLevel")) return read_byte_level(step, out, error);
  if (!strcmp(type, "Metaspace")) return read_metaspace(step, out, error);
  if (!strcmp(type, "Digits")) {
    HETA_TRY(heta_i_member_flag(step, where, "individual_digits", &individual, error));
    return add_cut(out, HETA_CUT_ISOLATED, individual ? "\\p{N}" : "\\p{N}+", false, error);
  }
  if (!strcmp(type, "Punctuation")) {
    HETA_TRY(kind_of(step, "pre_tokenizer Punctuation", false, &kind, error));
    return add_cut(out, kind, "[\\p{P}\\$\\+<=>\\^`\\|~]", false, error);
  }
  if (strcmp(type, "Sequence") || depth)
    return refuse(where, type,
                  "is not supported; heta knows ByteLevel, Digits, Metaspace, "
                  "Punctuation, Split and a Sequence of them",
                  error);
  const json_t *steps = NULL;
  size_t index;
  json_t *item;
  HETA_TRY(heta_i_member_array(step, where, "pretokenizers", &steps, error));
  json_array_foreach(steps, index, item) HETA_TRY(read_pretokenizer(item, depth + 1, out, error));
  return HETA_OK;
}

/* Whether names spell a space as U+2581. */
static bool marks_spaces(const heta_i_rewrite *rewrites, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (rewrites[i].kind == HETA_REWRITE_REPLACE && !strcmp(rewrites[i].from, " ") &&
        !strcmp(rewrites[i].to, SPACE))
      return true;
  return false;
}

heta_status heta_i_json_steps(const json_t *top, heta_i_definition *out, heta_error *error) {
  HETA_TRY(read_normalizer(json_object_get(top, "normalizer"), 0, out, error));
  HETA_TRY(read_pretokenizer(json_object_get(top, "pre_tokenizer"), 0, out, error));
  if (!out->byte_level && !marks_spaces(out->early, out->early_count) &&
      !marks_spaces(out->late, out->late_count))
    return heta_i_fail(
        error, HETA_E_UNSUPPORTED,
        "the tokenizer neither spells bytes as letters (pre_tokenizer ByteLevel) nor "
        "spaces as U+2581 (Metaspace, or normalizer Replace), and heta knows no "
        "other kind");
  return HETA_OK;
}
