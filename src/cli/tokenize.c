/* tokenize.c: `heta tokenize` shows how a model splits a text. */
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/json.h"

#include <stdlib.h>

typedef struct tokenize_arguments {
  cli_parsed parsed; /* must be first */
  const char *model;
  cli_input input;
  int bos, format;
  bool special;
} tokenize_arguments;

static const char *kind_name(heta_token_kind kind) {
  static const char *const names[] = {"text", "bos", "special", "template", "forced", "generated"};
  return (size_t)kind < sizeof names / sizeof *names ? names[kind] : "unknown";
}

static bool is_utf8(const char *bytes, size_t size) {
  for (size_t i = 0; i < size;) {
    size_t length = cli_character(bytes + i, size - i);
    if (!length) return false;
    i += length;
  }
  return true;
}

static json_t *hexadecimal(const char *bytes, size_t size) {
  static const char digits[] = "0123456789abcdef";
  char *text = malloc(2 * size + 1);
  if (!text) return NULL;
  for (size_t i = 0; i < size; i++) {
    text[2 * i] = digits[(unsigned char)bytes[i] >> 4];
    text[2 * i + 1] = digits[(unsigned char)bytes[i] & 15];
  }
  json_t *value = json_stringn(text, 2 * size);
  free(text);
  return value;
}

static int print_json(const heta_model *model, const heta_token *tokens, size_t count) {
  json_t *object = json_object(), *list = json_array();
  for (size_t i = 0; i < count; i++) {
    size_t size;
    const char *bytes = heta_token_bytes(model, tokens[i].id, &size);
    json_t *token = json_object();
    cli_json_set(token, "index", cli_json_count(i));
    cli_json_set(token, "id", json_integer(tokens[i].id));
    cli_json_set(token, "text", cli_json_text(bytes ? bytes : "", size));
    if (bytes && !is_utf8(bytes, size)) cli_json_set(token, "bytes", hexadecimal(bytes, size));
    cli_json_set(token, "start", cli_json_count(tokens[i].start));
    cli_json_set(token, "end", cli_json_count(tokens[i].end));
    cli_json_set(token, "kind", cli_json_string(kind_name(tokens[i].kind)));
    cli_json_append(list, token);
  }
  cli_json_set(object, "count", cli_json_count(count));
  cli_json_set(object, "tokens", list);
  return cli_json_print(object);
}

static int print_table(const heta_model *model, const heta_token *tokens, size_t count) {
  printf("%s%6s %8s %15s  %-9s %s%s\n", cli_bold(stdout), "index", "id", "bytes", "kind", "text",
         cli_plain(stdout));
  for (size_t i = 0; i < count; i++) {
    size_t size;
    const char *bytes = heta_token_bytes(model, tokens[i].id, &size);
    char span[48];
    snprintf(span, sizeof span, "%zu to %zu", tokens[i].start, tokens[i].end);
    printf("%6zu %8d %15s  %-9s \"", i, (int)tokens[i].id, span, kind_name(tokens[i].kind));
    if (bytes) cli_print_escaped(stdout, bytes, size);
    printf("\"\n");
  }
  return cli_close_output(CLI_DONE);
}

static int run(void *untyped) {
  const tokenize_arguments *arguments = untyped;
  heta_model *model;
  heta_tokens *tokens;
  heta_error error = {0};
  cli_text text = {0};
  int code = cli_open_model(arguments->model, &model);
  if (code) return code;
  code = cli_read_input(&arguments->input, NULL, &text);
  if (!code) {
    heta_status status = heta_tokenize(model, text.bytes, text.size, (heta_bos)arguments->bos,
                                       arguments->special, &tokens, &error);
    if (status) {
      code = cli_fail(cli_exit_code(status), "%s", error.message);
    } else {
      code = (arguments->format ? print_json : print_table)(model, heta_tokens_data(tokens),
                                                            heta_tokens_count(tokens));
      heta_tokens_free(tokens);
    }
  }
  free(text.bytes);
  heta_model_close(model);
  return code;
}

static const cli_option options[] = {
    {'m', "model", NULL, CLI_TEXT, offsetof(tokenize_arguments, model), "FILE", 0, 0, 0, NULL,
     "the model: a GGUF file, a Hugging Face folder, or a name of heta model list"},
    CLI_INPUT_OPTIONS(tokenize_arguments, input, NULL),
    {0, "bos", NULL, CLI_CHOICE, offsetof(tokenize_arguments, bos), "auto|yes|no", 0, 0, 0, NULL,
     "begin with the BOS token (auto: as the model says)"},
    {0, "special", NULL, CLI_FLAG, offsetof(tokenize_arguments, special), NULL, 0, 0, 0, NULL,
     "read names such as <|im_end|> as special tokens"},
    {0, "format", NULL, CLI_CHOICE, offsetof(tokenize_arguments, format), "term|json", 0, 0, 0,
     NULL, "for people or for programs"},
};

const cli_command cli_tokenize = {
    .name = "tokenize",
    .summary = "Shows how a model splits a text into tokens.",
    .usage = "-m FILE -p TEXT",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .arguments_size = sizeof(tokenize_arguments),
    .run = run,
};
