/* prompt.c: from messages and documents to a prompt: what is checked before a style writes it. */
#include <string.h>

#include "base/utf8.h"
#include "chat/chat.h"

/* A prompt with what it owns. */
typedef struct owned {
  heta_prompt prompt; /* must be first */
  heta_i_page page;
} owned;

static const char *const ROLES[HETA_ROLES] = {"system", "user", "assistant", "tool"};

const char *heta_i_role_name(heta_i_role role) { return role < HETA_ROLES ? ROLES[role] : NULL; }

bool heta_i_role_find(const char *name, heta_i_role *out) {
  for (size_t i = 0; name && i < HETA_ROLES; i++)
    if (!strcmp(ROLES[i], name)) return *out = (heta_i_role)i, true;
  return false;
}

heta_chat heta_chat_default(void) { return (heta_chat){.struct_size = sizeof(heta_chat)}; }

/* ---- What is wrong with a chat --------------------------------------------------------------- */

static heta_status check_messages(const heta_chat *chat, heta_i_role *roles, heta_error *error) {
  if (!chat->message_count) return heta_i_fail(error, HETA_E_ARGUMENT, "the chat has no message");
  for (size_t i = 0; i < chat->message_count; i++) {
    const heta_message *message = &chat->messages[i];
    if (!heta_i_role_find(message->role, &roles[i]))
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "message %zu has the role '%.40s'; the roles are system, user, assistant "
                         "and tool",
                         i + 1, message->role ? message->role : "");
    if (!message->text || !message->size)
      return heta_i_fail(error, HETA_E_ARGUMENT, "message %zu, of the role %s, is empty", i + 1,
                         message->role);
    size_t valid = heta_i_utf8_valid(message->text, message->size);
    if (valid < message->size)
      return heta_i_fail_at(error, HETA_E_ARGUMENT, valid,
                            "message %zu is not valid UTF-8 at byte %zu", i + 1, valid);
  }
  return HETA_OK;
}

static bool is_name(const char *name) {
  if (!name || !*name || heta_i_utf8_valid(name, strlen(name)) < strlen(name)) return false;
  for (; *name; name++)
    if ((unsigned char)*name < 0x20 || *name == 0x7f) return false;
  return true;
}

static heta_status check_documents(const heta_chat *chat, heta_error *error) {
  for (size_t i = 0; i < chat->document_count; i++) {
    const heta_document *document = &chat->documents[i];
    if (!is_name(document->name))
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "document %zu has no name, or one that is not UTF-8 or not on one line",
                         i + 1);
    for (size_t k = 0; k < i; k++)
      if (!strcmp(chat->documents[k].name, document->name))
        return heta_i_fail(error, HETA_E_ARGUMENT, "two documents have the name '%.80s'",
                           document->name);
    size_t size = document->text ? document->size : 0,
           valid = heta_i_utf8_valid(document->text, size);
    if (valid < size)
      return heta_i_fail_at(error, HETA_E_ARGUMENT, valid,
                            "document '%.80s' is not valid UTF-8 at byte %zu", document->name,
                            valid);
    const char *text = document->text;
    heta_i_trim(&text, &size, HETA_TRIM_BOTH);
    if (!size)
      return heta_i_fail(error, HETA_E_ARGUMENT, "document '%.80s' is empty", document->name);
  }
  return HETA_OK;
}

/* ---- Which template -------------------------------------------------------------------------- */

static heta_status find_style(const heta_model *model, const char *name, const heta_i_style **style,
                              unsigned *flags, heta_error *error) {
  if (name) {
    *style = heta_i_style_find(name);
    if (!*style)
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "there is no chat template '%.40s'; --chat-template list shows all", name);
    *flags = (*style)->flags;
    return HETA_OK;
  }
  const char *source = heta_model_get_info(model)->chat_template;
  char fingerprint[HETA_CHAT_FINGERPRINT];
  if (!source)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "the model has no chat template: it may be no chat model. --raw takes the "
                       "texts as they are, --chat-template NAME writes them as another model's "
                       "template does (--chat-template list shows all)");
  HETA_TRY(heta_i_chat_fingerprint(source, fingerprint, error));
  *style = heta_i_chat_known(fingerprint, flags);
  if (*style) return HETA_OK;
  return heta_i_fail(error, HETA_E_UNSUPPORTED,
                     "heta does not know the model's chat template (fingerprint %.16s): "
                     "--chat-template NAME writes the chat as another model's template does "
                     "(--chat-template list shows all), --raw takes the texts as they are",
                     fingerprint);
}

const char *heta_chat_template_of(const heta_model *model) {
  unsigned flags;
  const heta_i_style *style;
  return find_style(model, NULL, &style, &flags, NULL) ? NULL : style->info.name;
}

/* ---- The prompt ------------------------------------------------------------------------------ */

/* What the assistant said last, as it would follow the prompt. */
static heta_status take_answer(owned *to, const heta_message *message, const heta_i_style *style,
                               unsigned flags, heta_error *error) {
  const char *text = message->text, *lead = style->open[HETA_ROLE_ASSISTANT];
  size_t size = message->size;
  unsigned trimmed = HETA_CHAT_TRIM | HETA_CHAT_TRIM_ANSWERS | HETA_CHAT_TRIM_TURN;
  if (flags & trimmed) heta_i_trim(&text, &size, HETA_TRIM_BOTH);
  if (!size) return heta_i_fail(error, HETA_E_ARGUMENT, "the assistant's answer is empty");
  if (memchr(text, 0, size))
    return heta_i_fail(error, HETA_E_ARGUMENT, "the assistant's answer contains a NUL");
  if (!strncmp(lead, style->ask, strlen(style->ask))) lead += strlen(style->ask);
  to->prompt.answer = heta_i_arena_print(&to->page.arena, "%s%.*s", lead, (int)size, text);
  return to->prompt.answer ? HETA_OK : heta_i_no_memory(error, "the answer", size);
}

/* The name of a special token; "" where the model has none. */
static heta_status token_name(const heta_model *model, int32_t id, heta_i_arena *arena,
                              const char **out, heta_error *error) {
  size_t size = 0;
  const char *bytes = id >= 0 ? heta_token_bytes(model, id, &size) : NULL;
  *out = heta_i_arena_string(arena, bytes ? bytes : "", size);
  return *out ? HETA_OK : heta_i_no_memory(error, "a token's name", size);
}

static heta_status build(owned *to, const heta_model *model, const heta_chat *chat,
                         heta_i_role *roles, heta_error *error) {
  const heta_model_info *info = heta_model_get_info(model);
  const heta_i_style *style;
  unsigned flags;
  HETA_TRY(check_messages(chat, roles, error));
  HETA_TRY(check_documents(chat, error));
  HETA_TRY(find_style(model, chat->chat_template, &style, &flags, error));
  HETA_TRY(token_name(model, info->bos, &to->page.arena, &to->page.bos, error));
  HETA_TRY(token_name(model, info->eos, &to->page.arena, &to->page.eos, error));
  size_t count = chat->message_count;
  bool answered = count > 1 && roles[count - 1] == HETA_ROLE_ASSISTANT;
  heta_i_talk talk = {.messages = chat->messages,
                      .roles = roles,
                      .count = count - answered,
                      .documents = chat->documents,
                      .document_count = chat->document_count};
  talk.question = talk.count;
  for (size_t i = 0; i < talk.count; i++)
    if (roles[i] == HETA_ROLE_USER) talk.question = i;
  if (talk.question == talk.count)
    return heta_i_fail(error, HETA_E_ARGUMENT, "the chat has no user message: nothing was asked");
  HETA_TRY(heta_i_chat_render(&to->page, &talk, style, flags, error));
  if (answered) HETA_TRY(take_answer(to, &chat->messages[count - 1], style, flags, error));
  if (answered && flags & HETA_CHAT_PLAIN) {
    to->page.message = 0;
    heta_i_page_literal(&to->page, "\n\n");
  }
  if (to->page.failed) return heta_i_no_memory(error, "the prompt", to->page.text.size);
  if (!to->page.text.size) return heta_i_fail(error, HETA_E_ARGUMENT, "the chat is empty");
  heta_prompt *prompt = &to->prompt;
  prompt->text = to->page.text.bytes;
  prompt->size = to->page.text.size;
  prompt->segments = to->page.segments;
  prompt->segment_count = to->page.count;
  prompt->chat_template = style->info.name;
  prompt->bos = flags & HETA_CHAT_PLAIN                        ? HETA_BOS_AUTO
                : flags & HETA_CHAT_WITH_BOS && info->bos >= 0 ? HETA_BOS_YES
                                                               : HETA_BOS_NO;
  return HETA_OK;
}

heta_status heta_prompt_create(const heta_model *model, const heta_chat *chat, heta_prompt **out,
                               heta_error *error) {
  heta_chat given = heta_chat_default();
  if (!model || !chat || !out)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "heta_prompt_create needs a model, a chat and a result");
  if (chat->struct_size < sizeof(size_t) || chat->struct_size > sizeof given)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "heta_chat.struct_size is wrong; start from heta_chat_default()");
  memcpy(&given, chat, chat->struct_size);
  owned *to = heta_i_allocate(1, sizeof *to);
  heta_i_role *roles = heta_i_allocate(given.message_count, sizeof *roles);
  heta_status status = to && roles ? build(to, model, &given, roles, error)
                                   : heta_i_no_memory(error, "the prompt", given.message_count);
  heta_i_free(roles);
  if (!status)
    *out = &to->prompt;
  else if (to)
    heta_prompt_free(&to->prompt);
  return status;
}

void heta_prompt_free(heta_prompt *prompt) {
  if (!prompt) return;
  heta_i_page_free(&((owned *)prompt)->page);
  heta_i_free(prompt);
}
