/* chat.h: what is asked about: a text, or a conversation with documents that becomes one. */
#ifndef HETA_CLI_CHAT_H
#define HETA_CLI_CHAT_H

#include "cli/input.h"

enum { CLI_RIVAL_TEMPLATE = 4 };

typedef struct cli_chat {
  const char *messages;      /* --messages: a file's name, or the JSON itself */
  const char *system, *user; /* --system, --user */
  cli_list documents;        /* --document, each NAME=FILE */
  cli_list texts;            /* --document-text, each NAME=TEXT */
  const char *template;      /* --chat-template */
  bool raw;                  /* --raw */
  bool verbose;              /* --verbose-prompt */
} cli_chat;

// clang-format off
/* The rows of a chat. `field` is its cli_chat in `type`. */
#define CLI_CHAT_OPTIONS(type, field)                                                              \
  {0, "messages", NULL, CLI_TEXT, offsetof(type, field.messages), "FILE", 0, 0, CLI_RIVAL_INPUT,   \
   "Chats and documents",                                                                          \
   "a conversation: JSON, a list of {role, content}; or, not FILE but the JSON itself"},           \
  {0, "system", "sys", CLI_TEXT, offsetof(type, field.system), "TEXT", 0, 0, 0, NULL,              \
   "the system message (also -sys)"},                                                              \
  {0, "user", NULL, CLI_TEXT, offsetof(type, field.user), "TEXT", 0, 0, 0, NULL,                   \
   "the user's message, after those of --messages"},                                               \
  {0, "document", NULL, CLI_LIST, offsetof(type, field.documents), "NAME=FILE", 0, 0, 0, NULL,     \
   "a text that was looked up for the question; may be repeated"},                                 \
  {0, "document-text", NULL, CLI_LIST, offsetof(type, field.texts), "NAME=TEXT", 0, 0, 0, NULL,    \
   "the same, the text itself; after those of --document"},                                        \
  {0, "chat-template", NULL, CLI_TEXT, offsetof(type, field.template), "NAME", 0, 0,               \
   CLI_RIVAL_TEMPLATE, NULL,                                                                       \
   "write the chat as models of this kind read it, not as this model says; list: show the names"}, \
  {0, "raw", NULL, CLI_FLAG, offsetof(type, field.raw), NULL, 0, 0, CLI_RIVAL_TEMPLATE, NULL,      \
   "no chat template: what is said, with empty lines between"},                                    \
  {0, "verbose-prompt", NULL, CLI_FLAG, offsetof(type, field.verbose), NULL, 0, 0, 0, NULL,        \
   "show the text that the model reads"}
// clang-format on

/* What a command works on: `prompt` of a chat, else `plain`. */
typedef struct cli_prompt {
  cli_text plain;
  heta_prompt *prompt;
  const char *text; /* of either */
  size_t size;
} cli_prompt;

/* Whether the options fit together. Returns false after writing a sentence into `message`. */
bool cli_chat_check(const cli_chat *chat, const cli_input *input, char message[CLI_MESSAGE]);
/* Whether the names of chat templates are asked for. */
bool cli_chat_lists(const cli_chat *chat);
/* Writes the names of chat templates on standard output; returns the exit code. */
int cli_chat_list(void);
/* Reads the text or the chat. Returns CLI_DONE or an exit code after saying why. The caller
 * releases `out` in either case. */
int cli_prompt_read(const cli_chat *chat, const cli_input *input, const heta_model *model,
                    cli_prompt *out);
/* The same without reading or saying anything: the text is input->prompt, or the chat names no
 * files. On failure `message` holds one sentence, and the exit code is CLI_FAILED where the chat is
 * not to blame. */
int cli_prompt_make(const cli_chat *chat, const cli_input *input, const heta_model *model,
                    cli_prompt *out, char message[CLI_MESSAGE]);
/* Shows the prompt on standard error if the chat asks for it. */
void cli_prompt_show(const cli_chat *chat, const cli_prompt *given);
/* Adds to a job's options what only the chat says: segments and BOS. Borrows from the prompt. */
void cli_prompt_options(const cli_prompt *given, heta_attribute_options *options);
void cli_prompt_release(cli_prompt *given);

#endif
