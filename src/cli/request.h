/* request.h: what a person wants explained, as `heta attribute` takes it from its command line and
 * `heta merge` reads it again from the command line recorded in a result. */
#ifndef HETA_CLI_REQUEST_H
#define HETA_CLI_REQUEST_H

#include "cli/chat.h"
#include "cli/output.h"

typedef struct cli_request {
  cli_parsed parsed; /* must be first */
  const char *model;
  cli_input input;
  cli_chat chat;
  const char *target; /* --target, or what --target-file holds once it is read */
  const char *target_file;
  const char *batch; /* --batch: the file of examples */
  cli_span span;
  const char *span_text;
  uint64_t predict;                          /* --predict, 0: not given */
  double temperature, top_p, repeat_penalty; /* negative: not given */
  uint64_t top_k;                            /* 0: not given */
  bool last, join, joint;
  const char *foil;
  const char *method;
  const char *calibration;  /* a file with the weights that `auto` means */
  char weight_texts[2][32]; /* what it said */
  uint64_t seed;
  int bos; /* a heta_bos */
  bool special;
  uint64_t threads; /* 0: all */
  uint64_t max_memory;
  double max_seconds;
  int backend, precision;
  cli_part part;
  cli_list resume; /* --continue */
  cli_output output;
  cli_list asserts;
  bool no_progress, preview, quiet, verbose;
} cli_request;

/* Rows that `attribute` and `plan` have in common; a cli_request begins their arguments. */
enum { CLI_RIVAL_TARGET = 2, CLI_RIVAL_SPAN = 3 };
#define CLI_ASKED(name) offsetof(cli_request, name)
// clang-format off
#define CLI_QUESTION_OPTIONS                                                                       \
  {'m', "model", NULL, CLI_TEXT, CLI_ASKED(model), "FILE", 0, 0, 0, "Model and text",              \
   "the model: a GGUF file, a Hugging Face folder, or a name of heta model list"},                 \
  CLI_INPUT_OPTIONS(cli_request, input, NULL),                                                     \
  {0, "bos", NULL, CLI_CHOICE, CLI_ASKED(bos), "auto|yes|no", 0, 0, 0, NULL,                       \
   "begin with the BOS token (auto: as the model says)"},                                          \
  {0, "special", NULL, CLI_FLAG, CLI_ASKED(special), NULL, 0, 0, 0, NULL,                          \
   "read names such as <|im_end|> as special tokens"},                                             \
  CLI_CHAT_OPTIONS(cli_request, chat),                                                             \
  {0, "target", NULL, CLI_TEXT, CLI_ASKED(target), "TEXT", 0, 0, CLI_RIVAL_TARGET,                 \
   "Target (default: the token the model would write next)",                                       \
   "this continuation, each token of it"},                                                         \
  {0, "target-file", NULL, CLI_TEXT, CLI_ASKED(target_file), "FILE", 0, 0, CLI_RIVAL_TARGET, NULL, \
   "the continuation in a file (-: standard input); one line break at the end is dropped"},        \
  {'n', "predict", "max-new-tokens", CLI_COUNT, CLI_ASKED(predict), "N", 1, 1000000,               \
   CLI_RIVAL_TARGET, NULL, "the N tokens the model would write"},                                  \
  {0, "temperature", "temp", CLI_NUMBER, CLI_ASKED(temperature), "T", 0, 1000, 0, NULL,            \
   "draw the tokens that the model writes, by --seed: T divides the logits; 0, the default: the "  \
   "most probable token"},                                                                         \
  {0, "top-p", NULL, CLI_NUMBER, CLI_ASKED(top_p), "P", 0, 1, 0, NULL,                             \
   "draw them among the most probable tokens that together hold P; temperature 1 unless given"},   \
  {0, "top-k", NULL, CLI_COUNT, CLI_ASKED(top_k), "K", 1, 1000000000, 0, NULL,                     \
   "draw them among the K most probable tokens, before --top-p"},                                  \
  {0, "repeat-penalty", "repetition-penalty", CLI_NUMBER, CLI_ASKED(repeat_penalty), "R", 1, 100,  \
   0, NULL, "of tokens that the text has already: logits above 0 are divided by R, others "        \
   "multiplied"},                                                                                  \
  {0, "last", NULL, CLI_FLAG, CLI_ASKED(last), NULL, 0, 0, CLI_RIVAL_TARGET, NULL,                 \
   "the text's own last token"},                                                                   \
  {0, "span-text", NULL, CLI_TEXT, CLI_ASKED(span_text), "TEXT", 0, 0, CLI_RIVAL_SPAN, NULL,       \
   "only the tokens of the answer that TEXT touches, which it has once"},                          \
  {0, "span", NULL, CLI_SPAN, CLI_ASKED(span), "A:B", 0, 0, CLI_RIVAL_SPAN, NULL,                  \
   "the same for bytes A up to, not including, B of the answer"},                                  \
  {0, "foil", "versus", CLI_TEXT, CLI_ASKED(foil), "TEXT", 0, 0, 0, NULL,                          \
   "why the target and not this, where they first differ"},                                        \
  {0, "joint", NULL, CLI_FLAG, CLI_ASKED(joint), NULL, 0, 0, 0, NULL,                              \
   "all target tokens as one: the sum of their log-probabilities, by the prompt"},                 \
  {0, "join", NULL, CLI_FLAG, CLI_ASKED(join), NULL, 0, 0, 0, NULL,                                \
   "tokenise the text and --target as one"}
#define CLI_LIMIT_OPTIONS                                                                          \
  {'t', "threads", NULL, CLI_COUNT, CLI_ASKED(threads), "N", 1, 1024, 0, "Limits and long jobs",   \
   "threads to use; default one per core"},                                                        \
  {0, "max-memory", "max-mem", CLI_SIZE, CLI_ASKED(max_memory), "SIZE", 0, 0, 0, NULL,             \
   "stay below 1.3G, 800M …, or refuse to start"},                                                 \
  {0, "max-time", NULL, CLI_DURATION, CLI_ASKED(max_seconds), "TIME", 0, 0, 0, NULL,               \
   "stop after 90s, 2m, 1h … with a partial result"}
// clang-format on

extern const cli_command cli_attribute;

/* On zeroed arguments that begin with a cli_request. */
void cli_request_defaults(void *arguments);
/* Names of the options that say how the model chooses what it writes, and a request without them.
 */
enum { CLI_DECODINGS = 4 };
extern const char *const cli_decodings[CLI_DECODINGS];
void cli_request_plain(cli_request *request);
/* Checks what concerns several options at once, and that the method exists and has the options that
 * were given. Returns false after writing a sentence into `message`. */
bool cli_request_check(const cli_request *request, char message[CLI_MESSAGE]);
/* Reads the text that is asked about and, from --target-file or a chat that ends with it, the
 * answer, which the request borrows. Returns CLI_DONE or an exit code after saying why.
 * cli_question_free releases both. */
typedef struct cli_question {
  cli_prompt prompt;
  cli_text answer; /* of --target-file */
} cli_question;
int cli_question_read(cli_request *request, const heta_model *model, cli_question *question);
/* The same for a request that names no files. Nothing is read or said: on failure `message` holds
 * one sentence, and the exit code is CLI_FAILED where the question is not to blame. */
int cli_question_make(cli_request *request, const heta_model *model, cli_question *question,
                      char message[CLI_MESSAGE]);
void cli_question_free(cli_question *question);
/* The answer alone; nothing without --target-file. The caller frees answer->bytes. */
int cli_answer_read(cli_request *request, cli_text *answer);
/* Only that the method exists and has the options that were given. */
bool cli_request_check_method(const cli_request *request, char message[CLI_MESSAGE]);
/* The sentence for a method that does not exist, with the nearest name. */
void cli_unknown_method(const char *name, char message[CLI_MESSAGE]);
/* As the library takes it; borrows everything from the request. No callbacks. */
heta_attribute_options cli_request_options(const cli_request *request);
/* Makes plans on the model count with this machine's speed for the request. */
void cli_request_speed(const cli_request *request, const heta_model *model);

#endif
