/* page.c: a text that is written part by part, each remembered as a segment. */
#include "chat/chat.h"

#include <string.h>

#include "base/utf8.h"

enum { LONGEST = 1 << 29 }; /* bytes of a text */

/* The segment that more bytes of a part belong to, a new one where its like is not the last. */
static heta_segment *segment_of(heta_i_page *page, const char *role, const char *name) {
  heta_segment *last = page->count ? &page->segments[page->count - 1] : NULL;
  if (last && last->message == page->message && !strcmp(last->role, role) && !name && !last->name)
    return last;
  if (page->count == page->room) {
    size_t room = page->room ? 2 * page->room : 32;
    heta_segment *grown =
        heta_i_reallocate(page->segments, page->count * sizeof *grown, room, sizeof *grown);
    if (!grown) return NULL;
    page->segments = grown;
    page->room = room;
  }
  last = &page->segments[page->count];
  bool template = !strcmp(role, "template");
  page->templates += template;
  *last = (heta_segment){.role = role, .start = page->text.size, .message = page->message};
  last->name = name ? heta_i_arena_string(&page->arena, name, strlen(name)) : NULL;
  last->id = name ? heta_i_arena_print(&page->arena, "%s-%s", role, name)
                  : heta_i_arena_print(&page->arena, "%s-%zu", role,
                                       template ? page->templates : page->message);
  if (!last->id || (name && !last->name)) return NULL;
  page->count++;
  return last;
}

void heta_i_page_part(heta_i_page *page, const char *role, const char *name, const char *bytes,
                      size_t size) {
  if (!size || page->failed) return;
  if (!page->text.limit) page->text.limit = LONGEST;
  heta_segment *segment = segment_of(page, role, name);
  if (segment) heta_i_buffer_append(&page->text, bytes, size);
  page->failed = !segment || page->text.failed;
  if (!page->failed) segment->end = page->text.size;
}

void heta_i_page_literal(heta_i_page *page, const char *literal) {
  while (*literal) {
    size_t size = strcspn(literal, HETA_CHAT_BOS HETA_CHAT_EOS);
    heta_i_page_part(page, "template", NULL, literal, size);
    literal += size;
    if (!*literal) break;
    const char *name = *literal++ == HETA_CHAT_BOS[0] ? page->bos : page->eos;
    heta_i_page_part(page, "template", NULL, name, strlen(name));
  }
}

/* ---- What messages say ----------------------------------------------------------------------- */

static bool is_space(uint32_t code) {
  return heta_i_utf8_is_space(code) || (code >= 0x1c && code <= 0x1f);
}

void heta_i_trim(const char **bytes, size_t *size, unsigned trim) {
  const char *text = *bytes;
  size_t start = 0, end = *size;
  uint32_t code;
  while (trim & HETA_TRIM_LEFT && start < end) {
    size_t length = heta_i_utf8_decode(text + start, end - start, &code);
    if (!length || !is_space(code)) break;
    start += length;
  }
  while (trim & HETA_TRIM_RIGHT && end > start) {
    size_t at = end - 1;
    while (at > start && ((unsigned char)text[at] & 0xc0) == 0x80) at--;
    if (!heta_i_utf8_decode(text + at, end - at, &code) || !is_space(code)) break;
    end = at;
  }
  *bytes = text + start;
  *size = end - start;
}

static void say_documents(heta_i_page *page, const heta_i_talk *talk) {
  for (size_t i = 0; i < talk->document_count; i++) {
    const heta_document *document = &talk->documents[i];
    heta_i_page_literal(page, "Document ");
    heta_i_page_part(page, "template", NULL, document->name, strlen(document->name));
    heta_i_page_literal(page, ":\n");
    heta_i_page_part(page, "document", document->name, document->text, document->size);
    heta_i_page_literal(page, "\n\n");
  }
}

void heta_i_page_say(heta_i_page *page, const heta_i_talk *talk, size_t index, unsigned trim) {
  const heta_message *message = &talk->messages[index];
  const char *text = message->text;
  size_t size = message->size;
  page->message = index + 1;
  if (index == talk->question && talk->document_count) {
    say_documents(page, talk);
    trim &= ~(unsigned)HETA_TRIM_LEFT;
  }
  heta_i_trim(&text, &size, trim);
  heta_i_page_part(page, heta_i_role_name(talk->roles[index]), NULL, text, size);
}

void heta_i_page_free(heta_i_page *page) {
  heta_i_buffer_free(&page->text);
  heta_i_free(page->segments);
  heta_i_arena_free(&page->arena);
  *page = (heta_i_page){0};
}
