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
#include "text/compose.h"
#include "text/merges.h"
#include "text/pretokenizer.h"
#include "text/settings.h"
#include "text/vocabulary.h"

struct heta_i_tokenizer {
  heta_i_tokenizer_info info;
  char fingerprint[65];
  heta_i_vocabulary vocabulary;
  heta_i_merges merges;
  heta_i_pretokenizer *pretokenizer;
  int32_t unknown; /* stands for bytes without a token; -1: they are refused */
};

heta_status heta_i_tokenizer_create(const heta_i_file *file, heta_i_tokenizer **out,
                                    heta_error *error) {
  heta_i_tokenizer *tokenizer = heta_i_allocate(1, sizeof *tokenizer);
  if (!tokenizer) return heta_i_no_memory(error, "the tokenizer", sizeof *tokenizer);
  heta_i_tokenizer_info *info = &tokenizer->info;
  heta_status status;
  HETA_GO(heta_i_settings_kind(file, info, error));
  HETA_GO(heta_i_pretokenizer_create(info->pre, &tokenizer->pretokenizer, error));
  HETA_GO(heta_i_vocabulary_read(file, &tokenizer->vocabulary, error));
  HETA_GO(heta_i_merges_read(file, &tokenizer->vocabulary, &tokenizer->merges, error));
  info->vocabulary = tokenizer->vocabulary.count;
  HETA_GO(heta_i_settings_rest(
      file, heta_i_pretokenizer_get_traits(tokenizer->pretokenizer)->add_bos, info, error));
  /* Many files name a control token such as <|endoftext|> here, which must not appear in the middle
   * of a text; only a token that was made for the unknown is used. */
  bool made_for_it =
      info->unk >= 0 && tokenizer->vocabulary.tokens[info->unk].type == HETA_VOCABULARY_UNKNOWN;
  tokenizer->unknown = made_for_it ? info->unk : -1;
  heta_i_settings_fingerprint(file, info, tokenizer->fingerprint);
  info->fingerprint = tokenizer->fingerprint;
  *out = tokenizer;
  return HETA_OK;
done:
  heta_i_tokenizer_free(tokenizer);
  return status;
}

void heta_i_tokenizer_free(heta_i_tokenizer *tokenizer) {
  if (!tokenizer) return;
  heta_i_vocabulary_free(&tokenizer->vocabulary);
  heta_i_merges_free(&tokenizer->merges);
  heta_i_pretokenizer_free(tokenizer->pretokenizer);
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
  heta_token *tokens;
  size_t count, room;
  heta_i_merge_room merging;
  const char *stretch;  /* what is being cut: plain text, perhaps composed */
  size_t base;          /* its offset in the whole text … */
  const size_t *origin; /* … and those of its bytes relative to that; NULL: their own */
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

/* The offset in the whole text of a byte of the stretch. */
static size_t place(const encoder *e, size_t at) {
  return e->base + (e->origin ? e->origin[at] : at);
}

static heta_status encode_piece(void *context, size_t start, size_t end, heta_error *error) {
  encoder *e = context;
  const heta_i_tokenizer *t = e->tokenizer;
  const char *piece = e->stretch + start;
  size_t size = end - start, count, missing;
  if (heta_i_pretokenizer_get_traits(t->pretokenizer)->whole_pieces) {
    int32_t id = heta_i_vocabulary_find(&t->vocabulary, piece, size);
    if (id >= 0 && !heta_i_vocabulary_is_added(&t->vocabulary, id))
      return emit(e, id, HETA_TOKEN_TEXT, place(e, start), place(e, end), error);
  }
  HETA_TRY(heta_i_merges_apply(&t->merges, &e->merging, piece, size, t->unknown, &count, &missing,
                               error));
  if (missing < size) {
    size_t at = place(e, start + missing);
    return heta_i_fail_at(
        error, HETA_E_ARGUMENT, at,
        "the model's vocabulary has no token for the byte 0x%02x at byte %zu of the "
        "text; remove that character",
        (unsigned char)piece[missing], at);
  }
  for (size_t i = 0, from = 0; i < count; i++) {
    const heta_i_symbol *symbol = &e->merging.symbols[i];
    HETA_TRY(emit(e, symbol->id, HETA_TOKEN_TEXT, place(e, start + from),
                  place(e, start + symbol->end), error));
    from = symbol->end;
  }
  return HETA_OK;
}

/* Encodes [start, end) of text, in which no added token is looked for. */
static heta_status encode_plain(encoder *e, const char *text, size_t start, size_t end,
                                heta_error *error) {
  if (start == end) return HETA_OK;
  const heta_i_pretokenizer *pretokenizer = e->tokenizer->pretokenizer;
  heta_i_composed composed = {0};
  heta_status status = HETA_OK;
  if (heta_i_pretokenizer_get_traits(pretokenizer)->compose)
    HETA_GO(heta_i_compose(text + start, end - start, &composed, error));
  e->stretch = composed.bytes ? composed.bytes : text + start;
  e->origin = composed.origin;
  e->base = start;
  HETA_GO(heta_i_pretokenizer_split(pretokenizer, e->stretch,
                                    composed.bytes ? composed.size : end - start, encode_piece, e,
                                    error));
done:
  heta_i_composed_free(&composed);
  return status;
}

static heta_status encode_all(encoder *e, const char *text, size_t size, bool parse_special,
                              heta_error *error) {
  const heta_i_vocabulary *vocabulary = &e->tokenizer->vocabulary;
  size_t start = 0, at = 0;
  while (at < size) {
    int32_t id = heta_i_vocabulary_match(vocabulary, text + at, size - at, parse_special);
    if (id < 0) {
      at++;
      continue;
    }
    HETA_TRY(encode_plain(e, text, start, at, error));
    start = at + vocabulary->tokens[id].size;
    HETA_TRY(emit(e, id, parse_special ? HETA_TOKEN_SPECIAL : HETA_TOKEN_TEXT, at, start, error));
    at = start;
  }
  return encode_plain(e, text, start, size, error);
}

heta_status heta_i_tokenizer_encode(const heta_i_tokenizer *tokenizer, const char *text,
                                    size_t size, bool parse_special, heta_token **out,
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
  encoder e = {.tokenizer = tokenizer, .room = size / 4 + 1};
  e.tokens = heta_i_allocate(e.room, sizeof *e.tokens);
  if (!e.tokens) return heta_i_no_memory(error, "the tokens", e.room * sizeof *e.tokens);
  heta_status status = encode_all(&e, text, size, parse_special, error);
  heta_i_merge_room_free(&e.merging);
  if (status) {
    heta_i_free(e.tokens);
    return status;
  }
  *out = e.tokens;
  *count = e.count;
  return HETA_OK;
}
