/* fuzz_chat.c: any bytes as a file of messages, and as a chat template. Messages must be read or
 * refused with a sentence; what is read is rendered in every style, or refused so; and the segments
 * of a rendering tile it, in valid UTF-8. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "chat/chat.h"

enum { MOST = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(bool good) {
  if (!good) abort();
}

static void check_page(const heta_i_page *page) {
  size_t at = 0;
  for (size_t i = 0; i < page->count; i++) {
    const heta_segment *segment = &page->segments[i];
    check(segment->start == at && segment->end > at && segment->message <= MOST);
    at = segment->end;
  }
  check(at == page->text.size);
  check(!at || heta_i_utf8_valid(page->text.bytes, at) == at);
}

static void render(const heta_messages *messages) {
  static const char HELD[] = "A text.\n";
  heta_document document = {"a", HELD, sizeof HELD - 1};
  heta_i_role roles[MOST];
  size_t count = heta_messages_count(messages);
  if (count > MOST) return;
  heta_i_talk talk = {.messages = heta_messages_data(messages),
                      .roles = roles,
                      .count = count,
                      .question = count,
                      .documents = &document,
                      .document_count = 1};
  for (size_t i = 0; i < count; i++) {
    check(heta_i_role_find(talk.messages[i].role, &roles[i]));
    if (roles[i] == HETA_ROLE_USER) talk.question = i;
  }
  for (size_t i = 0; heta_i_style_at(i); i++) {
    const heta_i_style *style = heta_i_style_at(i);
    heta_i_page page = {.bos = "<s>", .eos = ""};
    heta_error error = {0};
    heta_status status = heta_i_chat_render(&page, &talk, style, style->flags, &error);
    check(status ? error.status == status && *error.message : !page.failed);
    if (!status) check_page(&page);
    heta_i_page_free(&page);
  }
}

static void fingerprint(const uint8_t *bytes, size_t size) {
  char *source = malloc(size + 1), digits[HETA_CHAT_FINGERPRINT];
  unsigned flags = 0;
  check(source != NULL);
  memcpy(source, bytes, size);
  source[size] = 0;
  check(!heta_i_chat_fingerprint(source, digits, NULL) && strlen(digits) == 64);
  heta_i_chat_known(digits, &flags);
  free(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  heta_messages *messages = NULL;
  heta_error error = {0};
  fingerprint(bytes, size);
  heta_status status = heta_messages_read((const char *)bytes, size, &messages, &error);
  if (status) {
    check(!messages && error.status == status && *error.message);
    return 0;
  }
  render(messages);
  heta_messages_free(messages);
  return 0;
}
