/* chat.c: a conversation and documents from the command line, and the prompt they become. */
#include "cli/chat.h"

#include <stdlib.h>
#include <string.h>

static bool is_chat(const cli_chat *chat) { return chat->messages || chat->user || chat->system; }

bool cli_chat_lists(const cli_chat *chat) {
  return chat->template && strcmp(chat->template, "list") == 0;
}

bool cli_chat_check(const cli_chat *chat, const cli_input *input, char message[CLI_MESSAGE]) {
  bool text = input->prompt || input->file;
  if (text && (chat->user || chat->system)) {
    snprintf(message, CLI_MESSAGE,
             "%s gives a text as it is, and %s a part of a chat: the question of a chat is "
             "--user TEXT",
             input->prompt ? "--prompt" : "--file", chat->user ? "--user" : "--system");
    return false;
  }
  if (chat->system && !chat->user && !chat->messages) {
    snprintf(message, CLI_MESSAGE, "--system needs a question: --user TEXT, or --messages FILE");
    return false;
  }
  if (chat->raw && chat->template) {
    snprintf(message, CLI_MESSAGE, "--raw and --chat-template exclude each other");
    return false;
  }
  if (chat->template && !is_chat(chat) && !cli_chat_lists(chat)) {
    snprintf(message, CLI_MESSAGE,
             "--chat-template is for chats: --messages FILE or --user TEXT; -p and -f give a text "
             "as it is");
    return false;
  }
  for (size_t i = 0; i < chat->documents.count; i++) {
    const char *given = chat->documents.items[i], *equals = strchr(given, '=');
    if (equals && equals > given && equals[1]) continue;
    snprintf(message, CLI_MESSAGE, "--document '%.80s': give it as NAME=FILE, such as faq=faq.txt",
             given);
    return false;
  }
  return true;
}

int cli_chat_list(void) {
  for (size_t i = 0; i < heta_chat_template_count(); i++) {
    const heta_chat_template_info *info = heta_chat_template_at(i);
    printf("%s%-13s%s", cli_bold(stdout), info->name, cli_plain(stdout));
    cli_print_wrapped(stdout, info->summary, 13, 13, cli_columns(stdout));
  }
  return cli_close_output(CLI_DONE);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* What a chat is made of while it is made. */
typedef struct builder {
  heta_messages *file;    /* of --messages */
  heta_message *messages; /* all */
  size_t message_count;
  heta_document *documents;
  cli_text *texts; /* of the documents, owned */
  size_t document_count;
  char *names; /* of the documents, one after another */
} builder;

static void release(builder *b) {
  for (size_t i = 0; i < b->document_count; i++) free(b->texts[i].bytes);
  heta_messages_free(b->file);
  free(b->messages);
  free(b->documents);
  free(b->texts);
  free(b->names);
}

static int read_messages(const char *path, builder *b) {
  cli_text json;
  heta_error error = {0};
  int code = cli_read_file(path, &json);
  if (code) return code;
  heta_status status = heta_messages_read(json.bytes, json.size, &b->file, &error);
  free(json.bytes);
  return status ? cli_fail(CLI_USAGE, "--messages %s: %s", path, error.message) : CLI_DONE;
}

static heta_message message_of(const char *role, const char *text) {
  return (heta_message){.role = role, .text = text, .size = strlen(text)};
}

/* The file's messages with those of --system and --user; `plain`: the only one, when not NULL. */
static int gather_messages(const cli_chat *chat, const cli_text *plain, builder *b) {
  if (chat->messages) {
    int code = read_messages(chat->messages, b);
    if (code) return code;
  }
  size_t count = b->file ? heta_messages_count(b->file) : 0;
  const heta_message *read = b->file ? heta_messages_data(b->file) : NULL;
  b->messages = calloc(count + 3, sizeof *b->messages);
  if (!b->messages) return cli_fail(CLI_FAILED, "out of memory");
  if (chat->system && count && strcmp(read[0].role, "system") == 0) {
    return cli_fail(CLI_USAGE, "--system: the conversation in %s has a system message already",
                    chat->messages);
  }
  if (chat->user && count && strcmp(read[count - 1].role, "user") == 0) {
    return cli_fail(CLI_USAGE, "--user: the conversation in %s ends with a user message already",
                    chat->messages);
  }
  if (chat->system) b->messages[b->message_count++] = message_of("system", chat->system);
  for (size_t i = 0; i < count; i++) b->messages[b->message_count++] = read[i];
  if (chat->user) b->messages[b->message_count++] = message_of("user", chat->user);
  if (plain) {
    b->messages[b->message_count++] =
        (heta_message){.role = "user", .text = plain->bytes, .size = plain->size};
  }
  return CLI_DONE;
}

static int read_documents(const cli_list *given, builder *b) {
  size_t room = 1;
  for (size_t i = 0; i < given->count; i++) room += strlen(given->items[i]) + 1;
  b->documents = calloc(given->count + 1, sizeof *b->documents);
  b->texts = calloc(given->count + 1, sizeof *b->texts);
  b->names = calloc(room, 1);
  if (!b->documents || !b->texts || !b->names) return cli_fail(CLI_FAILED, "out of memory");
  char *name = b->names;
  for (size_t i = 0; i < given->count; i++) {
    const char *item = given->items[i], *equals = strchr(item, '=');
    cli_text *text = &b->texts[i];
    int code = cli_read_file(equals + 1, text);
    if (code) return code;
    cli_drop_line_break(text);
    memcpy(name, item, (size_t)(equals - item));
    b->documents[i] = (heta_document){.name = name, .text = text->bytes, .size = text->size};
    b->document_count++;
    name += equals - item + 1;
  }
  return CLI_DONE;
}

static int make_prompt(const cli_chat *chat, const heta_model *model, cli_prompt *out) {
  builder b = {0};
  heta_error error = {0};
  bool plain = !is_chat(chat);
  int code = gather_messages(chat, plain ? &out->plain : NULL, &b);
  if (!code) code = read_documents(&chat->documents, &b);
  if (!code) {
    heta_chat made = heta_chat_default();
    made.messages = b.messages;
    made.message_count = b.message_count;
    made.documents = b.documents;
    made.document_count = b.document_count;
    made.chat_template = plain || chat->raw ? "raw" : chat->template;
    heta_status status = heta_prompt_create(model, &made, &out->prompt, &error);
    if (status) code = cli_fail(cli_exit_code(status), "%s", error.message);
  }
  release(&b);
  return code;
}

static void show_prompt(const cli_prompt *given) {
  const char *at = given->text, *end = at + given->size;
  if (given->prompt) {
    cli_say("prompt, chat template %s:", given->prompt->chat_template);
  } else {
    cli_say("prompt:");
  }
  while (at < end) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    cli_print_safe(stderr, at, (size_t)((stop ? stop : end) - at));
    fputc('\n', stderr);
    at = stop ? stop + 1 : end;
  }
}

int cli_prompt_read(const cli_chat *chat, const cli_input *input, const heta_model *model,
                    cli_prompt *out) {
  int code = CLI_DONE;
  *out = (cli_prompt){0};
  if (!is_chat(chat)) code = cli_read_input(input, NULL, &out->plain);
  if (!code && (is_chat(chat) || chat->documents.count)) code = make_prompt(chat, model, out);
  if (code) return code;
  out->text = out->prompt ? out->prompt->text : out->plain.bytes;
  out->size = out->prompt ? out->prompt->size : out->plain.size;
  if (chat->verbose) show_prompt(out);
  return CLI_DONE;
}

void cli_prompt_options(const cli_prompt *given, heta_attribute_options *options) {
  const heta_prompt *prompt = given->prompt;
  if (!prompt) return;
  options->segments = prompt->segments;
  options->segment_count = prompt->segment_count;
  if (options->bos == HETA_BOS_AUTO) options->bos = prompt->bos;
}

void cli_prompt_release(cli_prompt *given) {
  free(given->plain.bytes);
  heta_prompt_free(given->prompt);
  *given = (cli_prompt){0};
}
