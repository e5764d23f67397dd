/* chat.c: a conversation and documents from the command line, and the prompt they become. */
#include "cli/chat.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static bool is_chat(const cli_chat *chat) { return chat->messages || chat->user || chat->system; }

static bool has_documents(const cli_chat *chat) {
  return chat->documents.count || chat->texts.count;
}

bool cli_chat_lists(const cli_chat *chat) {
  return chat->template && strcmp(chat->template, "list") == 0;
}

/* The first item that is no NAME=VALUE, or NULL. */
static const char *not_named(const cli_list *list) {
  for (size_t i = 0; i < list->count; i++) {
    const char *equals = strchr(list->items[i], '=');
    if (!equals || equals == list->items[i] || !equals[1]) return list->items[i];
  }
  return NULL;
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
  if (chat->template && !is_chat(chat) && !cli_chat_lists(chat)) {
    snprintf(message, CLI_MESSAGE,
             "--chat-template is for chats: --messages FILE or --user TEXT; -p and -f give a text "
             "as it is");
    return false;
  }
  const char *wrong = not_named(&chat->documents);
  if (wrong) {
    snprintf(message, CLI_MESSAGE, "--document '%.80s': give it as NAME=FILE, such as faq=faq.txt",
             wrong);
    return false;
  }
  wrong = not_named(&chat->texts);
  if (!wrong) return true;
  snprintf(message, CLI_MESSAGE, "--document-text '%.80s': give it as NAME=TEXT", wrong);
  return false;
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

/* What files hold: of --messages, and of each --document. */
typedef struct loaded {
  cli_text messages, *documents;
} loaded;

static bool is_json(const char *messages) { return *messages == '[' || *messages == '{'; }

static void unload(const cli_chat *chat, loaded *files) {
  for (size_t i = 0; files->documents && i < chat->documents.count; i++)
    free(files->documents[i].bytes);
  free(files->documents);
  free(files->messages.bytes);
}

static int load(const cli_chat *chat, loaded *files) {
  const cli_list *given = &chat->documents;
  int code = CLI_DONE;
  if (chat->messages && !is_json(chat->messages)) {
    code = cli_read_file(chat->messages, &files->messages);
  }
  files->documents = calloc(given->count + 1, sizeof *files->documents);
  if (!code && !files->documents) code = cli_fail(CLI_FAILED, "out of memory");
  for (size_t i = 0; !code && i < given->count; i++) {
    code = cli_read_file(strchr(given->items[i], '=') + 1, &files->documents[i]);
    if (!code) cli_drop_line_break(&files->documents[i]);
  }
  return code;
}

/* ---- Putting together ------------------------------------------------------------------------ */

/* What a chat is made of while it is made. */
typedef struct builder {
  const cli_chat *chat;
  const loaded *files;
  heta_messages *given;   /* of --messages */
  heta_message *messages; /* all */
  size_t message_count;
  heta_document *documents;
  size_t document_count;
  char *names; /* of the documents, one after another */
  char *message;
} builder;

__attribute__((format(printf, 3, 4))) static int fail(const builder *b, int code,
                                                      const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(b->message, CLI_MESSAGE, format, arguments);
  va_end(arguments);
  return code;
}

static int read_messages(builder *b) {
  const char *given = b->chat->messages;
  heta_error error = {0};
  bool inside = is_json(given);
  heta_status status = inside ? heta_messages_read(given, strlen(given), &b->given, &error)
                              : heta_messages_read(b->files->messages.bytes,
                                                   b->files->messages.size, &b->given, &error);
  if (!status) return CLI_DONE;
  return fail(b, status == HETA_E_MEMORY ? CLI_FAILED : CLI_USAGE, "--messages%s%.255s: %s",
              inside ? "" : " ", inside ? "" : given, error.message);
}

static heta_message message_of(const char *role, const char *text) {
  return (heta_message){.role = role, .text = text, .size = strlen(text)};
}

/* The messages given, with those of --system and --user; `plain`: the only one, when not NULL. */
static int gather_messages(builder *b, const cli_text *plain) {
  const cli_chat *chat = b->chat;
  int code = chat->messages ? read_messages(b) : CLI_DONE;
  if (code) return code;
  size_t count = b->given ? heta_messages_count(b->given) : 0;
  const heta_message *read = b->given ? heta_messages_data(b->given) : NULL;
  b->messages = calloc(count + 3, sizeof *b->messages);
  if (!b->messages) return fail(b, CLI_FAILED, "out of memory");
  if (chat->system && count && strcmp(read[0].role, "system") == 0) {
    return fail(b, CLI_USAGE, "--system: the conversation has a system message already");
  }
  if (chat->user && count && strcmp(read[count - 1].role, "user") == 0) {
    return fail(b, CLI_USAGE, "--user: the conversation ends with a user message already");
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

/* Returns where the next name goes. */
static char *add_document(builder *b, char *name, const char *item, const cli_text *text) {
  size_t length = strcspn(item, "=");
  const char *own = item + length + 1;
  memcpy(name, item, length);
  b->documents[b->document_count++] =
      text ? (heta_document){.name = name, .text = text->bytes, .size = text->size}
           : (heta_document){.name = name, .text = own, .size = strlen(own)};
  return name + length + 1;
}

static int gather_documents(builder *b) {
  const cli_list *named = &b->chat->documents, *texts = &b->chat->texts;
  size_t room = 1;
  for (size_t i = 0; i < named->count; i++) room += strlen(named->items[i]) + 1;
  for (size_t i = 0; i < texts->count; i++) room += strcspn(texts->items[i], "=") + 1;
  b->documents = calloc(named->count + texts->count + 1, sizeof *b->documents);
  b->names = calloc(room, 1);
  if (!b->documents || !b->names) return fail(b, CLI_FAILED, "out of memory");
  char *name = b->names;
  for (size_t i = 0; i < named->count; i++)
    name = add_document(b, name, named->items[i], &b->files->documents[i]);
  for (size_t i = 0; i < texts->count; i++) name = add_document(b, name, texts->items[i], NULL);
  return CLI_DONE;
}

static int put_together(builder *b, const cli_text *plain, const heta_model *model,
                        heta_prompt **out) {
  heta_error error = {0};
  int code = gather_messages(b, plain);
  if (!code) code = gather_documents(b);
  if (code) return code;
  heta_chat made = heta_chat_default();
  made.messages = b->messages;
  made.message_count = b->message_count;
  made.documents = b->documents;
  made.document_count = b->document_count;
  made.chat_template = plain || b->chat->raw ? "raw" : b->chat->template;
  heta_status status = heta_prompt_create(model, &made, out, &error);
  return status ? fail(b, cli_exit_code(status), "%s", error.message) : CLI_DONE;
}

/* What is asked about, once everything is read. */
static int make_prompt(const cli_chat *chat, const loaded *files, const heta_model *model,
                       cli_prompt *out, char message[CLI_MESSAGE]) {
  int code = CLI_DONE;
  if (is_chat(chat) || has_documents(chat)) {
    builder b = {.chat = chat, .files = files, .message = message};
    code = put_together(&b, is_chat(chat) ? NULL : &out->plain, model, &out->prompt);
    heta_messages_free(b.given);
    free(b.messages);
    free(b.documents);
    free(b.names);
  }
  if (code) return code;
  out->text = out->prompt ? out->prompt->text : out->plain.bytes;
  out->size = out->prompt ? out->prompt->size : out->plain.size;
  return CLI_DONE;
}

void cli_prompt_show(const cli_chat *chat, const cli_prompt *given) {
  if (!chat->verbose) return;
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
  char message[CLI_MESSAGE];
  loaded files = {0};
  *out = (cli_prompt){0};
  int code = is_chat(chat) ? CLI_DONE : cli_read_input(input, NULL, &out->plain);
  if (!code) code = load(chat, &files);
  if (!code) {
    code = make_prompt(chat, &files, model, out, message);
    if (code) cli_fail(code, "%s", message);
  }
  unload(chat, &files);
  if (!code) cli_prompt_show(chat, out);
  return code;
}

int cli_prompt_make(const cli_chat *chat, const cli_input *input, const heta_model *model,
                    cli_prompt *out, char message[CLI_MESSAGE]) {
  loaded none = {0};
  *out = (cli_prompt){0};
  if (!is_chat(chat)) {
    out->plain.bytes = strdup(input->prompt);
    if (!out->plain.bytes) {
      snprintf(message, CLI_MESSAGE, "out of memory");
      return CLI_FAILED;
    }
    out->plain.size = strlen(input->prompt);
  }
  return make_prompt(chat, &none, model, out, message);
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
