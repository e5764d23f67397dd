/* fuzz_example.c: any bytes as a line of a batch. Must give a request, with the command line that
 * asks the same, or a sentence and its place. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/example.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* A refusal says why, and has no command line. */
static bool refused_well(const cli_example *e) {
  return strlen(e->message) > 10 && json_array_size(e->words) == 0;
}

static bool same_text(const char *a, const char *b) { return a && b ? !strcmp(a, b) : a == b; }

static bool same_chat(const cli_request *a, const cli_request *b) {
  bool same = same_text(a->input.prompt, b->input.prompt) && a->chat.raw == b->chat.raw &&
              same_text(a->chat.messages, b->chat.messages) &&
              same_text(a->chat.system, b->chat.system) && same_text(a->chat.user, b->chat.user) &&
              same_text(a->chat.template, b->chat.template) &&
              a->chat.texts.count == b->chat.texts.count;
  for (size_t i = 0; same && i < a->chat.texts.count; i++)
    same = same_text(a->chat.texts.items[i], b->chat.texts.items[i]);
  return same;
}

/* The words, parsed again, ask for the same text and target. */
static bool asks_the_same(const cli_example *e) {
  size_t count = json_array_size(e->words);
  char **words = calloc(count + 1, sizeof *words), message[CLI_MESSAGE];
  cli_request again = {0};
  if (!words) abort();
  for (size_t i = 0; i < count; i++)
    words[i] = strdup(json_string_value(json_array_get(e->words, i)));
  bool same =
      cli_parse(&cli_attribute, (int)count - 2, words + 2, (int)count, words, &again, message) &&
      same_chat(&again, &e->request) && again.predict == e->request.predict &&
      again.last == e->request.last && again.seed == e->request.seed &&
      !again.target == !e->request.target &&
      (!again.target || !strcmp(again.target, e->request.target)) &&
      again.parsed.method_option_count == e->request.parsed.method_option_count;
  cli_release(&cli_attribute, &again);
  for (size_t i = 0; i < count; i++) free(words[i]);
  free(words);
  return same;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  cli_request common = {.model = "model.gguf", .method = "heta", .target = "x"};
  cli_example example;
  cli_example_read(&common, (const char *)bytes, size, 1, &example);
  if (example.refused ? !refused_well(&example) : !asks_the_same(&example)) abort();
  cli_example_free(&example);
  return 0;
}
