/* tokenizer.c: putting the parts together: added tokens are found in the text as it is written,
 * what lies between them is cut into pieces, and each piece is merged.
 *
 * Which added tokens are found: with parse_special all of them; without, the user-defined ones
 * only, so that a control token's name is plain text. The first is what Hugging Face tokenizers do,
 * the second what they do with split_special_tokens; llama.cpp's parse_special is the same choice.
 * Of several names at one place the longest counts, and the leftmost place comes first. */
#include "text/tokenizer.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "text/added.h"
#include "text/folder.h"
#include "text/merges.h"
#include "text/unigram.h"

struct heta_i_tokenizer {
  heta_i_tokenizer_info info;
  char fingerprint[65];
  heta_i_vocabulary vocabulary;
  heta_i_added added[2];  /* matched in the text as it is, and in the rewritten text */
  heta_i_merges merges;   /* or … */
  heta_i_unigram unigram; /* … this, as the definition says */
  heta_i_pretokenizer *pretokenizer;
  heta_i_definition definition; /* without its lists, once the tokenizer is made */
};

static void fill_info(heta_i_tokenizer *tokenizer) {
  const heta_i_definition *d = &tokenizer->definition;
  heta_i_definition_fingerprint(d, tokenizer->fingerprint);
  tokenizer->info = (heta_i_tokenizer_info){.model = d->model,
                                            .pre = d->pre,
                                            .fingerprint = tokenizer->fingerprint,
                                            .chat_template = d->chat_template,
                                            .vocabulary = d->count,
                                            .bos = d->bos,
                                            .eos = d->eos,
                                            .unk = d->unk,
                                            .pad = d->pad,
                                            .add_bos = d->add_bos};
}

/* Makes the tokenizer whose definition was read. */
static heta_status build(heta_i_tokenizer *tokenizer, heta_error *error) {
  heta_i_definition *d = &tokenizer->definition;
  HETA_TRY(heta_i_pretokenizer_create(d->cuts, d->cut_count, &tokenizer->pretokenizer, error));
  HETA_TRY(heta_i_vocabulary_read(d, &tokenizer->vocabulary, error));
  for (int i = 0; i < 2; i++)
    HETA_TRY(heta_i_added_read(d, &tokenizer->vocabulary, i, &tokenizer->added[i], error));
  HETA_TRY(d->scheme == HETA_SCHEME_UNIGRAM
               ? heta_i_unigram_read(d, &tokenizer->vocabulary, &tokenizer->unigram, error)
               : heta_i_merges_read(d, &tokenizer->vocabulary, &tokenizer->merges, error));
  fill_info(tokenizer);
  heta_i_definition_drop_lists(d);
  return HETA_OK;
}

/* A tokenizer without a definition. */
static heta_status allocate(heta_i_tokenizer **out, heta_error *error) {
  *out = heta_i_allocate(1, sizeof **out);
  return *out ? HETA_OK : heta_i_no_memory(error, "the tokenizer", sizeof **out);
}

/* Hands out the tokenizer unless something failed. */
static heta_status finish(heta_status status, heta_i_tokenizer *made, heta_i_tokenizer **out) {
  if (status)
    heta_i_tokenizer_free(made);
  else
    *out = made;
  return status;
}

heta_status heta_i_tokenizer_create(const heta_i_file *file, heta_i_tokenizer **out,
                                    heta_error *error) {
  heta_i_tokenizer *made;
  HETA_TRY(allocate(&made, error));
  heta_status status = heta_i_definition_of_gguf(file, &made->definition, error);
  return finish(status ? status : build(made, error), made, out);
}

heta_status heta_i_tokenizer_create_json(const char *json, size_t size, size_t rows,
                                         heta_i_tokenizer **out, heta_error *error) {
  heta_i_tokenizer *made;
  HETA_TRY(allocate(&made, error));
  heta_status status = heta_i_definition_of_json(json, size, rows, &made->definition, error);
  return finish(status ? status : build(made, error), made, out);
}

heta_status heta_i_tokenizer_create_folder(const char *folder, size_t rows, heta_i_tokenizer **out,
                                           heta_error *error) {
  heta_i_tokenizer *made;
  HETA_TRY(allocate(&made, error));
  heta_status status = heta_i_definition_of_folder(folder, rows, &made->definition, error);
  if (!status) status = heta_i_json_name_file(build(made, error), folder, "tokenizer.json", error);
  return finish(status, made, out);
}

void heta_i_tokenizer_free(heta_i_tokenizer *tokenizer) {
  if (!tokenizer) return;
  heta_i_vocabulary_free(&tokenizer->vocabulary);
  for (int i = 0; i < 2; i++) heta_i_added_free(&tokenizer->added[i]);
  heta_i_merges_free(&tokenizer->merges);
  heta_i_unigram_free(&tokenizer->unigram);
  heta_i_pretokenizer_free(tokenizer->pretokenizer);
  heta_i_definition_free(&tokenizer->definition);
  heta_i_free(tokenizer);
}

const heta_i_tokenizer_info *heta_i_tokenizer_get_info(const heta_i_tokenizer *tokenizer) {
  return &tokenizer->info;
}

const char *heta_i_tokenizer_bytes(const heta_i_tokenizer *tokenizer, int32_t id, size_t *size) {
  bool known = id >= 0 && (size_t)id < tokenizer->vocabulary.count;
  *size = known ? tokenizer->vocabulary.tokens[id].size : 0;
  return known ? tokenizer->vocabulary.tokens[id].bytes : NULL;
}

bool heta_i_tokenizer_is_special(const heta_i_tokenizer *tokenizer, int32_t id) {
  return heta_i_vocabulary_is_added(&tokenizer->vocabulary, id);
}

/* A text on its way to tokens. */
typedef struct encoder {
  const heta_i_tokenizer *tokenizer;
  const heta_i_control *control;
  heta_i_before before; /* the text */
  heta_token *tokens;
  size_t count, room;
  heta_i_merge_room merging;
  heta_i_unigram_room unigram;
  /* What is being cut: `late`, which was made from `early` from byte `from` on, which was made from
   * the text from byte `base` on. */
  size_t base, from;
  heta_i_rewritten early, late;
} encoder;

static heta_status emit(encoder *e, int32_t id, heta_token_kind kind, size_t start, size_t end,
                        heta_error *error) {
  if (e->count == e->room) {
    size_t room = e->room ? 2 * e->room : 64;
    heta_token *grown = heta_i_reallocate(e->tokens, e->count * sizeof *grown, room, sizeof *grown);
    if (!grown) return heta_i_no_memory(error, "the tokens", room * sizeof *grown);
    e->tokens = grown;
    e->room = room;
  }
  e->tokens[e->count++] = (heta_token){id, kind, start, end};
  return HETA_OK;
}

/* The offset in the whole text of a byte of e->early, and of e->late. */
static size_t early_place(const encoder *e, size_t at) {
  return e->base + (e->early.origin ? e->early.origin[at] : at);
}

static size_t place(const encoder *e, size_t at) {
  return early_place(e, e->from + (e->late.origin ? e->late.origin[at] : at));
}

/* What is before a byte at which plain text begins. */
static heta_i_before before(const encoder *e, size_t at) {
  return at ? HETA_BEFORE_ADDED : e->before;
}

static heta_status emit_added(encoder *e, int32_t id, size_t start, size_t end, heta_error *error) {
  bool special = heta_i_control_room(e->control, start) > 0;
  return emit(e, id, special ? HETA_TOKEN_SPECIAL : HETA_TOKEN_TEXT, start, end, error);
}

static heta_status encode_piece(void *context, size_t start, size_t end, heta_error *error) {
  encoder *e = context;
  const heta_i_tokenizer *t = e->tokenizer;
  const char *piece = e->late.text + start;
  size_t size = end - start, count, missing;
  if (t->definition.whole_pieces) {
    int32_t id = heta_i_vocabulary_find(&t->vocabulary, piece, size);
    if (id >= 0 && !heta_i_vocabulary_is_added(&t->vocabulary, id))
      return emit(e, id, HETA_TOKEN_TEXT, place(e, start), place(e, end), error);
  }
  bool unigram = t->definition.scheme == HETA_SCHEME_UNIGRAM;
  HETA_TRY(
      unigram ? heta_i_unigram_apply(&t->unigram, &e->unigram, piece, size, &count, &missing, error)
              : heta_i_merges_apply(&t->merges, &e->merging, piece, size, &count, &missing, error));
  if (missing < size) {
    size_t at = place(e, start + missing);
    return heta_i_fail_at(
        error, HETA_E_ARGUMENT, at,
        "the model's vocabulary has no token for the byte 0x%02x at byte %zu of the "
        "text; remove that character",
        (unsigned char)piece[missing], at);
  }
  for (size_t i = 0, from = 0; i < count; i++) {
    const heta_i_symbol *symbol = (unigram ? e->unigram.symbols : e->merging.symbols) + i;
    HETA_TRY(emit(e, symbol->id, HETA_TOKEN_TEXT, place(e, start + from),
                  place(e, start + symbol->end), error));
    from = symbol->end;
  }
  return HETA_OK;
}

/* Encodes [from, to) of e->early, in which no added token is looked for. */
static heta_status encode_plain(encoder *e, size_t from, size_t to, heta_error *error) {
  const heta_i_tokenizer *t = e->tokenizer;
  if (from == to) return HETA_OK;
  e->from = from;
  e->late = (heta_i_rewritten){e->early.text + from, to - from, NULL, NULL};
  heta_status status = heta_i_rewrite_all(t->definition.late, t->definition.late_count,
                                          before(e, early_place(e, from)), &e->late, error);
  if (!status)
    status = heta_i_pretokenizer_split(t->pretokenizer, e->late.text, e->late.size, encode_piece, e,
                                       error);
  heta_i_rewritten_free(&e->late);
  return status;
}

/* Encodes [start, end) of the text, which has none of the added tokens that are matched there:
 * those that are matched in the rewritten text are left. */
static heta_status encode_stretch(encoder *e, const char *text, size_t start, size_t end,
                                  heta_error *error) {
  const heta_i_tokenizer *t = e->tokenizer;
  if (start == end) return HETA_OK;
  size_t at = 0;
  heta_i_added_match match;
  heta_status status;
  e->base = start;
  e->early = (heta_i_rewritten){text + start, end - start, NULL, NULL};
  HETA_GO(heta_i_rewrite_all(t->definition.early, t->definition.early_count, before(e, start),
                             &e->early, error));
  while (heta_i_added_next(&t->added[1],
                           &(heta_i_haystack){e->early.text, e->early.size, start, e->early.origin},
                           at, e->control, &match)) {
    HETA_GO(encode_plain(e, at, match.start, error));
    HETA_GO(emit_added(e, match.id, early_place(e, match.start), early_place(e, match.end), error));
    at = match.end;
  }
  HETA_GO(encode_plain(e, at, e->early.size, error));
done:
  heta_i_rewritten_free(&e->early);
  return status;
}

static heta_status encode_all(encoder *e, const char *text, size_t size, heta_error *error) {
  size_t at = 0;
  heta_i_added_match match;
  heta_i_haystack hay = {.text = text, .size = size};
  while (heta_i_added_next(&e->tokenizer->added[0], &hay, at, e->control, &match)) {
    HETA_TRY(encode_stretch(e, text, at, match.start, error));
    HETA_TRY(emit_added(e, match.id, match.start, match.end, error));
    at = match.end;
  }
  return encode_stretch(e, text, at, size, error);
}

heta_status heta_i_tokenizer_encode_parts(const heta_i_tokenizer *tokenizer, heta_i_before before,
                                          const char *text, size_t size,
                                          const heta_i_control *control, heta_token **out,
                                          size_t *count, heta_error *error) {
  if (size > INT32_MAX / 4)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "the text has %zu bytes; heta encodes at most %d at a time", size,
                       INT32_MAX / 4);
  size_t valid = heta_i_utf8_valid(text, size);
  if (valid < size)
    return heta_i_fail_at(error, HETA_E_ARGUMENT, valid,
                          "the text is not valid UTF-8 at byte %zu (0x%02x)", valid,
                          (unsigned char)text[valid]);
  encoder e = {.tokenizer = tokenizer, .control = control, .before = before, .room = size / 4 + 1};
  e.tokens = heta_i_allocate(e.room, sizeof *e.tokens);
  if (!e.tokens) return heta_i_no_memory(error, "the tokens", e.room * sizeof *e.tokens);
  heta_status status = encode_all(&e, text, size, error);
  heta_i_merge_room_free(&e.merging);
  heta_i_unigram_room_free(&e.unigram);
  if (status) {
    heta_i_free(e.tokens);
    return status;
  }
  *out = e.tokens;
  *count = e.count;
  return HETA_OK;
}

heta_status heta_i_tokenizer_encode_after(const heta_i_tokenizer *tokenizer, heta_i_before before,
                                          const char *text, size_t size, bool parse_special,
                                          heta_token **out, size_t *count, heta_error *error) {
  heta_i_control control = {.everywhere = parse_special};
  return heta_i_tokenizer_encode_parts(tokenizer, before, text, size, &control, out, count, error);
}

heta_status heta_i_tokenizer_encode(const heta_i_tokenizer *tokenizer, const char *text,
                                    size_t size, bool parse_special, heta_token **out,
                                    size_t *count, heta_error *error) {
  return heta_i_tokenizer_encode_after(tokenizer, HETA_BEFORE_NOTHING, text, size, parse_special,
                                       out, count, error);
}
