/* styles.c: how families of models write a conversation: most as turns between two literals, some
 * with the system message inside a user's turn. */
#include "chat/chat.h"

#include <string.h>

/* ---- Rendering ------------------------------------------------------------------------------- */

static unsigned trim_of(unsigned flags, heta_i_role role) {
  if (flags & HETA_CHAT_TRIM) return HETA_TRIM_BOTH;
  return flags & HETA_CHAT_TRIM_ANSWERS && role == HETA_ROLE_ASSISTANT ? HETA_TRIM_BOTH : 0;
}

/* Of an answer that thought first, what it said then. */
static heta_status say_thoughtless(heta_i_page *page, const heta_i_talk *talk, size_t index,
                                   heta_error *error) {
  static const char END[] = "</think>";
  heta_message shown = talk->messages[index];
  bool thought = false;
  for (size_t i = 0; i + sizeof END - 1 <= shown.size;) {
    if (memcmp(shown.text + i, END, sizeof END - 1)) {
      i++;
      continue;
    }
    shown.text += i + sizeof END - 1;
    shown.size -= i + sizeof END - 1;
    i = 0;
    thought = true;
  }
  if (thought && index > talk->question)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "message %zu holds thoughts (</think>) after the last question; heta cannot "
                       "render that as the model's template does: leave them out",
                       index + 1);
  while (thought && shown.size && *shown.text == '\n') shown.text++, shown.size--;
  page->message = index + 1;
  heta_i_page_part(page, heta_i_role_name(HETA_ROLE_ASSISTANT), NULL, shown.text, shown.size);
  return HETA_OK;
}

/* Tools' answers, as Qwen models are told: neighbours share a user's turn. */
static void say_tool(heta_i_page *page, const heta_i_talk *talk, size_t index,
                     const heta_i_style *style) {
  bool first = !index || talk->roles[index - 1] != HETA_ROLE_TOOL;
  bool last = index + 1 == talk->count || talk->roles[index + 1] != HETA_ROLE_TOOL;
  page->message = index + 1;
  if (first) heta_i_page_literal(page, style->open[HETA_ROLE_TOOL]);
  heta_i_page_literal(page, "\n<tool_response>\n");
  heta_i_page_say(page, talk, index, 0);
  heta_i_page_literal(page, "\n</tool_response>");
  if (last) heta_i_page_literal(page, style->close[HETA_ROLE_TOOL]);
}

/* Messages from `first` on, each between its role's literals. */
static heta_status say_turns(heta_i_page *page, const heta_i_talk *talk, size_t first,
                             const heta_i_style *style, unsigned flags, heta_error *error) {
  for (size_t i = first; i < talk->count; i++) {
    heta_i_role role = talk->roles[i];
    page->message = i + 1;
    if (role == HETA_ROLE_TOOL) {
      say_tool(page, talk, i, style);
      continue;
    }
    heta_i_page_literal(page, style->open[role]);
    if (flags & HETA_CHAT_THINKING && role == HETA_ROLE_ASSISTANT)
      HETA_TRY(say_thoughtless(page, talk, i, error));
    else
      heta_i_page_say(page, talk, i, trim_of(flags, role));
    heta_i_page_literal(page, style->close[role]);
  }
  page->message = 0;
  heta_i_page_literal(page, style->ask);
  return HETA_OK;
}

static heta_status turns(heta_i_page *page, const heta_i_talk *talk, const heta_i_style *style,
                         unsigned flags, heta_error *error) {
  if (style->preset && (!talk->count || talk->roles[0] != HETA_ROLE_SYSTEM)) {
    heta_i_page_literal(page, style->open[HETA_ROLE_SYSTEM]);
    heta_i_page_literal(page, style->preset);
    heta_i_page_literal(page, style->close[HETA_ROLE_SYSTEM]);
  }
  return say_turns(page, talk, 0, style, flags, error);
}

/* A first turn of the system that says the preset before what it was told. */
static heta_status prefaced(heta_i_page *page, const heta_i_talk *talk, const heta_i_style *style,
                            unsigned flags, heta_error *error) {
  bool told = talk->count && talk->roles[0] == HETA_ROLE_SYSTEM;
  page->message = told;
  heta_i_page_literal(page, style->open[HETA_ROLE_SYSTEM]);
  heta_i_page_literal(page, style->preset);
  if (told) heta_i_page_say(page, talk, 0, trim_of(flags, HETA_ROLE_SYSTEM));
  heta_i_page_literal(page, style->close[HETA_ROLE_SYSTEM]);
  return say_turns(page, talk, told, style, flags, error);
}

/* The system message joins a user's turn. */
static heta_status merged(heta_i_page *page, const heta_i_talk *talk, const heta_i_style *style,
                          unsigned flags, heta_error *error) {
  (void)error;
  bool told = talk->count && talk->roles[0] == HETA_ROLE_SYSTEM;
  size_t host = flags & HETA_CHAT_SYSTEM_LAST ? talk->count - 1 : 1;
  for (size_t i = told; i < talk->count; i++) {
    heta_i_role role = talk->roles[i];
    unsigned trim = trim_of(flags, role);
    bool hosts = told && i == host, later = i > told && role == HETA_ROLE_USER && style->again;
    page->message = i + 1;
    heta_i_page_literal(page, later ? style->again : style->open[role]);
    if (hosts) {
      page->message = 1;
      heta_i_page_literal(page, style->before);
      heta_i_page_say(page, talk, 0, 0);
      heta_i_page_literal(page, style->after);
    }
    if (flags & HETA_CHAT_TRIM_TURN) trim = hosts ? HETA_TRIM_RIGHT : HETA_TRIM_BOTH;
    heta_i_page_say(page, talk, i, trim);
    heta_i_page_literal(page, style->close[role]);
  }
  page->message = 0;
  heta_i_page_literal(page, style->ask);
  return HETA_OK;
}

/* What was said, with an empty line between two. */
static heta_status plain(heta_i_page *page, const heta_i_talk *talk, const heta_i_style *style,
                         unsigned flags, heta_error *error) {
  (void)style, (void)flags, (void)error;
  for (size_t i = 0; i < talk->count; i++) {
    page->message = 0;
    if (i) heta_i_page_literal(page, "\n\n");
    heta_i_page_say(page, talk, i, 0);
  }
  return HETA_OK;
}

/* ---- The table ------------------------------------------------------------------------------- */

#define CHATML_TURNS                                                                               \
  .open = {"<|im_start|>system\n", "<|im_start|>user\n", "<|im_start|>assistant\n", NULL},         \
  .close = {"<|im_end|>\n", "<|im_end|>\n", "<|im_end|>\n", NULL},                                 \
  .ask = "<|im_start|>assistant\n"
#define QWEN_TURNS                                                                                 \
  .open = {"<|im_start|>system\n", "<|im_start|>user\n", "<|im_start|>assistant\n",                \
           "<|im_start|>user"},                                                                    \
  .close = {"<|im_end|>\n", "<|im_end|>\n", "<|im_end|>\n", "<|im_end|>\n"},                       \
  .ask = "<|im_start|>assistant\n"
#define LLAMA3_TURNS                                                                               \
  .open = {"<|start_header_id|>system<|end_header_id|>\n\n",                                       \
           "<|start_header_id|>user<|end_header_id|>\n\n",                                         \
           "<|start_header_id|>assistant<|end_header_id|>\n\n", NULL},                             \
  .close = {"<|eot_id|>", "<|eot_id|>", "<|eot_id|>", NULL},                                       \
  .ask = "<|start_header_id|>assistant<|end_header_id|>\n\n"
#define GEMMA_TURNS                                                                                \
  .open = {NULL, "<start_of_turn>user\n", "<start_of_turn>model\n", NULL},                         \
  .close = {NULL, "<end_of_turn>\n", "<end_of_turn>\n", NULL}, .ask = "<start_of_turn>model\n"
#define STANDARD_FLAGS (HETA_CHAT_WITH_BOS | HETA_CHAT_ALTERNATE)

static const heta_i_style STYLES[] = {
    {.info = {"chatml", "ChatML: Yi, OpenHermes, SmolLM, and whoever writes turns the same way"},
     .render = turns,
     CHATML_TURNS},
    {.info = {"smollm2", "SmolLM2: ChatML with its own system message"},
     .render = turns,
     .preset = "You are a helpful AI assistant named SmolLM, trained by Hugging Face",
     CHATML_TURNS},
    {.info = {"qwen1.5", "Qwen 1.5: ChatML with a system message"},
     .render = turns,
     .preset = "You are a helpful assistant",
     CHATML_TURNS},
    {.info = {"qwen2", "Qwen 2, Qwen 2.5 base: ChatML with a system message; tools' answers"},
     .render = turns,
     .preset = "You are a helpful assistant.",
     QWEN_TURNS},
    {.info = {"qwen2.5", "Qwen 2.5, Qwen 2.5 Coder: the same with Qwen's own system message"},
     .render = turns,
     .preset = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
     QWEN_TURNS},
    {.info = {"qwen3", "Qwen 3: without a system message of its own, and without earlier thoughts"},
     .render = turns,
     .flags = HETA_CHAT_THINKING,
     QWEN_TURNS},
    {.info = {"llama2", "Llama 2 Chat"},
     .render = merged,
     .flags = STANDARD_FLAGS | HETA_CHAT_TRIM_TURN,
     .open = {NULL, "[INST] ", " ", NULL},
     .close = {NULL, " [/INST]", " " HETA_CHAT_EOS, NULL},
     .again = HETA_CHAT_BOS "[INST] ",
     .before = "<<SYS>>\n",
     .after = "\n<</SYS>>\n\n",
     .ask = ""},
    {.info = {"llama3", "Llama 3"},
     .render = turns,
     .flags = HETA_CHAT_WITH_BOS | HETA_CHAT_TRIM,
     LLAMA3_TURNS},
    {.info = {"llama3.1", "Llama 3.1, 3.2 and 3.3: with the dates their template names"},
     .render = prefaced,
     .flags = HETA_CHAT_WITH_BOS | HETA_CHAT_TRIM,
     .preset = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n",
     LLAMA3_TURNS},
    {.info = {"mistral", "Mistral 7B Instruct v0.1 and v0.2, Mixtral Instruct"},
     .render = merged,
     .flags = STANDARD_FLAGS | HETA_CHAT_NO_SYSTEM,
     .open = {NULL, "[INST] ", "", NULL},
     .close = {NULL, " [/INST]", HETA_CHAT_EOS, NULL},
     .ask = ""},
    {.info = {"mistral-v0.1", "Mistral 7B Instruct v0.1: a space after each answer"},
     .render = merged,
     .flags = STANDARD_FLAGS | HETA_CHAT_NO_SYSTEM,
     .open = {NULL, "[INST] ", "", NULL},
     .close = {NULL, " [/INST]", HETA_CHAT_EOS " ", NULL},
     .ask = ""},
    {.info = {"mistral-v1", "Mistral and Mixtral with a system message (tokenizer v1)"},
     .render = merged,
     .flags = STANDARD_FLAGS,
     .open = {NULL, " [INST] ", " ", NULL},
     .close = {NULL, " [/INST]", HETA_CHAT_EOS, NULL},
     .before = "",
     .after = "\n\n",
     .ask = ""},
    {.info = {"mistral-v3", "Mistral 7B Instruct v0.3, Mixtral 8x22B (tokenizers v2 and v3)"},
     .render = merged,
     .flags = STANDARD_FLAGS | HETA_CHAT_SYSTEM_LAST | HETA_CHAT_TRIM_ANSWERS,
     .open = {NULL, "[INST] ", " ", NULL},
     .close = {NULL, "[/INST]", HETA_CHAT_EOS, NULL},
     .before = "",
     .after = "\n\n",
     .ask = ""},
    {.info = {"mistral-nemo", "Mistral Nemo (tokenizer v3, tekken)"},
     .render = merged,
     .flags = STANDARD_FLAGS | HETA_CHAT_SYSTEM_LAST,
     .open = {NULL, "[INST]", "", NULL},
     .close = {NULL, "[/INST]", HETA_CHAT_EOS, NULL},
     .before = "",
     .after = "\n\n",
     .ask = ""},
    {.info = {"gemma", "Gemma 1 and 2"},
     .render = turns,
     .flags = STANDARD_FLAGS | HETA_CHAT_NO_SYSTEM | HETA_CHAT_TRIM,
     GEMMA_TURNS},
    {.info = {"gemma3", "Gemma 3"},
     .render = merged,
     .flags = STANDARD_FLAGS | HETA_CHAT_TRIM,
     .before = "",
     .after = "\n\n",
     GEMMA_TURNS},
    {.info = {"phi3", "Phi 3 and 3.5"},
     .render = turns,
     .open = {"<|system|>\n", "<|user|>\n", "<|assistant|>\n", NULL},
     .close = {"<|end|>\n", "<|end|>\n", "<|end|>\n", NULL},
     .ask = "<|assistant|>\n"},
    {.info = {"phi4-mini", "Phi 4 mini"},
     .render = turns,
     .open = {"<|system|>", "<|user|>", "<|assistant|>", NULL},
     .close = {"<|end|>", "<|end|>", "<|end|>", NULL},
     .ask = "<|assistant|>"},
    {.info = {"phi4", "Phi 4"},
     .render = turns,
     .open = {"<|im_start|>system<|im_sep|>", "<|im_start|>user<|im_sep|>",
              "<|im_start|>assistant<|im_sep|>", NULL},
     .close = {"<|im_end|>", "<|im_end|>", "<|im_end|>", NULL},
     .ask = "<|im_start|>assistant<|im_sep|>"},
    {.info = {"zephyr", "Zephyr, TinyLlama Chat"},
     .render = turns,
     .open = {"<|system|>\n", "<|user|>\n", "<|assistant|>\n", NULL},
     .close = {HETA_CHAT_EOS "\n", HETA_CHAT_EOS "\n", HETA_CHAT_EOS "\n", NULL},
     .ask = "<|assistant|>\n"},
    {.info = {"raw", "no template: what was said, with empty lines between"},
     .render = plain,
     .flags = HETA_CHAT_PLAIN,
     .open = {"", "", "", ""},
     .ask = ""},
};
enum { STYLE_COUNT = sizeof STYLES / sizeof *STYLES };

const heta_i_style *heta_i_style_at(size_t index) {
  return index < STYLE_COUNT ? &STYLES[index] : NULL;
}

const heta_i_style *heta_i_style_find(const char *name) {
  for (size_t i = 0; i < STYLE_COUNT; i++)
    if (!strcmp(STYLES[i].info.name, name)) return &STYLES[i];
  return NULL;
}

size_t heta_chat_template_count(void) { return STYLE_COUNT; }

const heta_chat_template_info *heta_chat_template_at(size_t index) {
  return index < STYLE_COUNT ? &STYLES[index].info : NULL;
}

/* ---- What a style has a form for ------------------------------------------------------------- */

/* Whether messages of the role have a place of their own. */
static bool has_place(const heta_i_style *style, unsigned flags, heta_i_role role) {
  if (role == HETA_ROLE_SYSTEM && flags & HETA_CHAT_NO_SYSTEM) return false;
  if (role == HETA_ROLE_TOOL && flags & HETA_CHAT_NO_TOOLS) return false;
  return style->open[role] != NULL;
}

static heta_status check(const heta_i_talk *talk, const heta_i_style *style, unsigned flags,
                         heta_error *error) {
  const char *name = style->info.name;
  bool told = talk->count && talk->roles[0] == HETA_ROLE_SYSTEM;
  for (size_t i = 0; i < talk->count; i++) {
    heta_i_role role = talk->roles[i], turn = (i - told) % 2 ? HETA_ROLE_ASSISTANT : HETA_ROLE_USER;
    if (i == 0 && told && style->before) continue; /* it joins a user's turn */
    if (!has_place(style, flags, role))
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "message %zu is of the role %s, which the chat template of %s models has "
                         "no place for%s",
                         i + 1, heta_i_role_name(role), name,
                         role == HETA_ROLE_SYSTEM ? "; say it in the user's message" : "");
    if (flags & HETA_CHAT_ALTERNATE && i >= told && role != turn)
      return heta_i_fail(error, HETA_E_ARGUMENT,
                         "message %zu is of the role %s where the chat template of %s models wants "
                         "%s: user and assistant take turns, the user first",
                         i + 1, heta_i_role_name(role), name, heta_i_role_name(turn));
  }
  return HETA_OK;
}

heta_status heta_i_chat_render(heta_i_page *page, const heta_i_talk *talk,
                               const heta_i_style *style, unsigned flags, heta_error *error) {
  HETA_TRY(check(talk, style, flags, error));
  HETA_TRY(style->render(page, talk, style, flags, error));
  return page->failed ? heta_i_no_memory(error, "the prompt", page->text.size) : HETA_OK;
}
