/* model.c: `heta model info` says what is in a model file. */
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/json.h"

#include <string.h>

typedef struct model_arguments {
  cli_parsed parsed; /* must be first */
  const char *model;
  bool hash;
  int format;
} model_arguments;

static json_t *id_json(int32_t id) { return id < 0 ? json_null() : json_integer(id); }

static json_t *tokenizer_json(const heta_model_info *info) {
  json_t *object = json_object();
  cli_json_set(object, "model", cli_json_string(info->tokenizer_model));
  cli_json_set(object, "pre", cli_json_string(info->tokenizer_pre));
  cli_json_set(object, "fingerprint", cli_json_string(info->tokenizer_fingerprint));
  cli_json_set(object, "bos", id_json(info->bos));
  cli_json_set(object, "eos", id_json(info->eos));
  cli_json_set(object, "unk", id_json(info->unk));
  cli_json_set(object, "pad", id_json(info->pad));
  cli_json_set(object, "add_bos", json_boolean(info->add_bos));
  return object;
}

/* null where there is none. */
static json_t *optional_json(double number) {
  return number > 0 ? cli_json_number(number) : json_null();
}

static json_t *positions_json(const heta_model_info *info) {
  json_t *object = json_object();
  cli_json_set(object, "kind", cli_json_string(info->positions));
  cli_json_set(object, "rotary_width", cli_json_count(info->rotary_width));
  cli_json_set(object, "base", optional_json(info->rotary_base));
  cli_json_set(object, "local_base", optional_json(info->rotary_local_base));
  cli_json_set(object, "long_from", optional_json((double)info->rotary_long_from));
  cli_json_set(object, "unrotated_layers", cli_json_count(info->unrotated_layers));
  return object;
}

static json_t *window_json(const heta_model_info *info) {
  if (!info->window) return json_null();
  json_t *object = json_object();
  cli_json_set(object, "keys", cli_json_count(info->window));
  cli_json_set(object, "layers", cli_json_count(info->windowed_layers));
  return object;
}

static json_t *info_json(const heta_model_info *info) {
  const struct {
    const char *name;
    uint64_t value;
  } sizes[] = {{"parameters", info->parameters},
               {"layers", info->layers},
               {"heads", info->heads},
               {"kv_heads", info->kv_heads},
               {"head_width", info->head_width},
               {"width", info->width},
               {"feed_forward_width", info->feed_forward_width},
               {"vocabulary", info->vocabulary},
               {"context", info->context}};
  json_t *object = json_object(), *fingerprint = json_object(), *weights = json_object();
  cli_json_set(object, "file", cli_json_string(info->file));
  cli_json_set(object, "format", cli_json_string(info->format));
  cli_json_set(object, "bytes", cli_json_count(info->bytes));
  cli_json_set(fingerprint, "kind", cli_json_string(info->fingerprint_kind));
  cli_json_set(fingerprint, "value", cli_json_string(info->fingerprint));
  cli_json_set(object, "fingerprint", fingerprint);
  cli_json_set(object, "architecture", cli_json_string(info->architecture));
  cli_json_set(object, "name", cli_json_string(info->name));
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    cli_json_set(object, sizes[i].name, cli_json_count(sizes[i].value));
  }
  cli_json_set(object, "positions", positions_json(info));
  cli_json_set(object, "window", window_json(info));
  cli_json_set(object, "attention_scale", cli_json_number(info->attention_scale));
  cli_json_set(object, "attention_cap", optional_json(info->attention_cap));
  cli_json_set(object, "logit_cap", optional_json(info->logit_cap));
  cli_json_set(object, "embedding_scale", cli_json_number(info->embedding_scale));
  for (size_t i = 0; i < info->weight_count; i++) {
    cli_json_set(weights, info->weights[i].type, cli_json_count(info->weights[i].count));
  }
  cli_json_set(object, "weight_types", weights);
  cli_json_set(object, "tokenizer", tokenizer_json(info));
  cli_json_set(object, "chat_template", cli_json_string(info->chat_template));
  return object;
}

static void label(const char *text) {
  printf("%s%-14s%s", cli_bold(stdout), text, cli_plain(stdout));
}

static void text_line(const char *name, const char *text) {
  label(name);
  cli_print_escaped(stdout, text, strlen(text));
  putchar('\n');
}

/* "bos 1 <|im_start|>, eos 2 <|im_end|>" */
static void print_special_tokens(const heta_model *model) {
  const heta_model_info *info = heta_model_get_info(model);
  const struct {
    const char *name;
    int32_t id;
  } tokens[] = {{"bos", info->bos}, {"eos", info->eos}, {"unk", info->unk}, {"pad", info->pad}};
  const char *between = "";
  for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
    size_t size;
    const char *bytes = heta_token_bytes(model, tokens[i].id, &size);
    if (tokens[i].id < 0) continue;
    printf("%s%s %d ", between, tokens[i].name, (int)tokens[i].id);
    if (bytes) cli_print_escaped(stdout, bytes, size);
    between = ", ";
  }
  printf("%s\n", *between ? "" : "none");
}

/* "rotary, 64 elements of a head, base 1e+06; base 10000 within windows" */
static void print_positions(const heta_model_info *info) {
  label("positions");
  printf("%s", info->positions);
  if (info->rotary_width) {
    printf(", %zu elements of a head, base %g", info->rotary_width, info->rotary_base);
  }
  if (info->rotary_local_base > 0) printf("; base %g within windows", info->rotary_local_base);
  if (info->rotary_long_from) printf("; others beyond %zu tokens", info->rotary_long_from);
  if (info->unrotated_layers) {
    printf("; none in %zu of %zu layers", info->unrotated_layers, info->layers);
  }
  putchar('\n');
}

/* Lines for what only some families have. */
static void print_family(const heta_model_info *info) {
  print_positions(info);
  if (info->window) {
    label("window");
    printf("%zu keys in %zu of %zu layers\n", info->window, info->windowed_layers, info->layers);
  }
  if (info->attention_cap > 0) {
    label("score cap");
    printf("%g\n", info->attention_cap);
  }
  if (info->logit_cap > 0) {
    label("logit cap");
    printf("%g\n", info->logit_cap);
  }
  if (info->embedding_scale > 1) {
    label("embeddings");
    printf("times %g\n", info->embedding_scale);
  }
}

static int print_info(const heta_model *model) {
  const heta_model_info *info = heta_model_get_info(model);
  char bytes[CLI_SHORT];
  text_line("file", info->file);
  label("format");
  printf("%s, %s\n", info->format, cli_bytes_text(info->bytes, bytes));
  text_line("name", info->name[0] ? info->name : "(none)");
  text_line("architecture", info->architecture);
  label("weights");
  printf("%.1f million:", (double)info->parameters / 1e6);
  for (size_t i = 0; i < info->weight_count; i++) {
    printf("%s %s in %zu tensor%s", i ? "," : "", info->weights[i].type, info->weights[i].count,
           info->weights[i].count == 1 ? "" : "s");
  }
  putchar('\n');
  label("layers");
  printf("%zu, %zu wide, feed-forward %zu\n", info->layers, info->width, info->feed_forward_width);
  label("heads");
  printf("%zu queries, %zu keys and values, %zu wide\n", info->heads, info->kv_heads,
         info->head_width);
  print_family(info);
  label("context");
  printf("%zu tokens\n", info->context);
  label("tokenizer");
  printf("%s %s, %zu tokens\n", info->tokenizer_model, info->tokenizer_pre, info->vocabulary);
  label("special");
  print_special_tokens(model);
  label("prompts");
  printf("begin %s bos\n", info->add_bos ? "with" : "without");
  label("chat template");
  const char *style = heta_chat_template_of(model);
  printf("%s\n", style ? style : info->chat_template ? "one that heta does not know" : "none");
  label("fingerprint");
  printf("%s %s\n", info->fingerprint_kind, info->fingerprint);
  return cli_close_output(CLI_DONE);
}

static int run(void *untyped) {
  const model_arguments *arguments = untyped;
  const cli_list *words = &arguments->parsed.words;
  heta_model *model;
  heta_error error = {0};
  if (arguments->model && words->count) {
    return cli_fail(CLI_USAGE, "'%s' is one argument too many: -m names the model already",
                    words->items[0]);
  }
  int code = cli_open_model(words->count ? words->items[0] : arguments->model, &model);
  if (code) return code;
  if (arguments->hash && heta_model_hash(model, &error)) {
    code = cli_fail(CLI_MODEL, "%s", error.message);
  } else if (arguments->format) {
    code = cli_json_print(info_json(heta_model_get_info(model)));
  } else {
    code = print_info(model);
  }
  heta_model_close(model);
  return code;
}

static const cli_option options[] = {
    {'m', "model", NULL, CLI_TEXT, offsetof(model_arguments, model), "FILE", 0, 0, 0, NULL,
     "the model; -m may be left out"},
    {0, "hash", NULL, CLI_FLAG, offsetof(model_arguments, hash), NULL, 0, 0, 0, NULL,
     "fingerprint the whole file, also above 2 GB"},
    {0, "format", NULL, CLI_CHOICE, offsetof(model_arguments, format), "term|json", 0, 0, 0, NULL,
     "for people or for programs"},
};

const cli_command cli_model_info = {
    .name = "model info",
    .summary = "Says what is in a model file.",
    .usage = "FILE",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .word = "FILE",
    .most_words = 1,
    .arguments_size = sizeof(model_arguments),
    .run = run,
};
