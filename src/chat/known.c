/* known.c: templates of published models, by fingerprint. tests/oracle/make_chats.py prints the
 * rows; tests/data/chats has what each template makes of conversations. */
#include "chat/chat.h"

#include <string.h>

#include "base/sha256.h"

/* ---- Fingerprints ---------------------------------------------------------------------------- */

/* What stands in {% %}, {{ }} or {# #}: 0 outside, else the character that closes it. */
static char closer(char c) { return c == '{' ? '}' : c == '%' || c == '#' ? c : 0; }

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

heta_status heta_i_chat_fingerprint(const char *source, char out[HETA_CHAT_FINGERPRINT],
                                    heta_error *error) {
  size_t size = strlen(source), used = 0;
  char *text = heta_i_allocate(size + 1, 1), inside = 0, quote = 0;
  if (!text) return heta_i_no_memory(error, "the chat template", size);
  while (size && is_space(source[size - 1])) size--;
  for (size_t i = 0; i < size; i++) {
    char c = source[i];
    bool escaped = c == '\\' && i + 1 < size;
    if (c == '\r' && i + 1 < size && source[i + 1] == '\n') continue;
    if (inside && !quote && is_space(c)) continue;
    if (!used && is_space(c)) continue;
    if (escaped && (source[i + 1] == 'n' || source[i + 1] == 't')) {
      text[used++] = source[++i] == 'n' ? '\n' : '\t';
      continue;
    }
    if (!inside && c == '{' && i + 1 < size && closer(source[i + 1])) {
      inside = closer(source[i + 1]);
      text[used++] = c;
      c = source[++i];
    } else if (inside && quote) {
      if (escaped) {
        text[used++] = c;
        c = source[++i];
      } else if (c == quote) {
        quote = 0;
      }
    } else if (inside && inside != '#' && (c == '\'' || c == '"')) {
      quote = c;
    } else if (inside && c == inside && i + 1 < size && source[i + 1] == '}') {
      inside = 0;
      text[used++] = c;
      c = source[++i];
    }
    text[used++] = c;
  }
  heta_i_sha256 hash;
  heta_i_sha256_start(&hash);
  heta_i_sha256_add(&hash, text, used);
  heta_i_sha256_hex(&hash, out);
  heta_i_free(text);
  return HETA_OK;
}

/* ---- The table ------------------------------------------------------------------------------- */

typedef struct known {
  const char *fingerprint, *style;
  unsigned flags;
} known;

enum {
  B = HETA_CHAT_WITH_BOS,
  A = HETA_CHAT_ALTERNATE,
  N = HETA_CHAT_NO_SYSTEM,
  T = HETA_CHAT_TRIM,
  S = HETA_CHAT_TRIM_ANSWERS,
  W = HETA_CHAT_TRIM_TURN,
  L = HETA_CHAT_SYSTEM_LAST,
  K = HETA_CHAT_THINKING,
  U = HETA_CHAT_NO_TOOLS
};

static const known KNOWN[] = {
    {"0a15250a823f2b10d19fc03b579e1b6f8f2c476b76e39347cc2e1d72b137fcc1", "chatml", 0},
    {"cc8da7d049bd72dec0556e2fae92f2f222ce1ad151de1d1007b666473bd45905", "chatml", 0},
    {"efdf23c6d87c715937f1b8868a05a95b88b6176ce31b3af341e81ca8c8a7daaa", "chatml", 0},
    {"8b7b96a8ac8ed623f5faf8f9d6e06018771836fa3958f5b3f25a0fd5de74b301", "gemma", A | B | N | T},
    {"f99801403d8de24e0704fe19970d39d23f0deddc1f1d51c60958c9f0e55b0fc7", "gemma", A | B | N | T},
    {"d3eb413b50ddba2f2a45ac7e5f25481e65e9a45278b7878b2cbe1f6b7766ae06", "gemma3", A | B | T},
    {"e5342eecaee494c04d3ecf6ad2e2412e77151dd06ef38289b5feae39152dc9a7", "llama2", A | B | W},
    {"2b6f603d3eb414895b30b6f4bcd6ec3d66b14beae6fc81df702fee5de6d9c8cd", "llama3", B | T},
    {"2ee05dfb061cd707d9da477369f863277e0435e9dbba955104f1bbc6cbb8caf2", "llama3", B | T},
    {"6f8397690178843861e354cf9ac0fc92bd1ad61391f3f61a34b7ebdb5908ca21", "llama3", B | T},
    {"dcd309eb0c211e70f08c1104f3eaf268db15dc5405cd268e7ac12617d74d4eec", "llama3", B | T},
    {"42c108c6ff5f30f056de1a2235d6b403e0bd91c10ce0f08b623d3aec0a601113", "llama3.1", B | T},
    {"f624d9eae7b7aa1be5768941408e5fbf0817d2ce0bc0e7dec1c42117d01f8671", "llama3.1", B | T},
    {"0ee0ad349d84978ea58676fc5aed83e8031e094ca1c8f767b4eed228ed63be66", "mistral", A | B | N},
    {"5cd218c9ffa89ff05422fbb306e7c08ac1b1678590dbad601a37596d0d3a4522", "mistral-nemo", A | B | L},
    {"a842309a5dbb081a98e1aa0a3855ec3f6c4e527e4901f5d3f6783c650ad15e71", "mistral-nemo", A | B | L},
    {"8667c566612268b106b4ed2f0104c02893199c89b4c5c2193b2bd2181357bd71", "mistral-v0.1", A | B | N},
    {"24df6579ac0baa3cf2948562ebcda08b8f59bb7eae2721dcc92581852f546e09", "mistral-v1", A | B},
    {"570bfc036253b11e144a53fd394927e70eb095402f387c87faaf75025b035578", "mistral-v1", A | B},
    {"8a5cdff8d81d56dfa4c83550e009b32bd772c67d4250c64e94f1aa95fd1a77d5", "mistral-v3",
     A | B | L | S},
    {"52ffb52538bea37bda38ffe3e25733cdda852e9aefbc8e211f3d00b4458848f9", "phi3", A | N},
    {"644e8b1e1aa32c83475b612b2701ed6ab041241b1cad142582e08a333da8b788", "phi3", B},
    {"6ad7332629320d5597b3b0fe3bc6751351c76fa94df75f274598f2c2749c0854", "phi3", 0},
    {"6b8d781a0529868b4529b6460651f3c1d2d7f59e5d7cc0ceeb296767772ce8d2", "phi3", A | B},
    {"82c8c6ae761809a221abe271e458a37f1b0d6aaa8beed69094d3add374320c27", "phi3", 0},
    {"8f57e2188119ea1ef7a98d963efaef6bb08f416f9f2e0672c470322184b443e2", "phi3", 0},
    {"9384743fdd6867393aacb6fa3bcbf34c52ebafe16914867d7c635e9c2d8e216f", "phi3", A | B | N},
    {"a4b350f448d10985e4e0707b3a8f5de90a7ee2d2c0d58e84e9a3b77c4c3bc4f9", "phi3", 0},
    {"f87fded7a7249c3b57035ad275343e4ba3e108a679df6268c410669d2d0cebdf", "phi3", 0},
    {"14e93d3241da69ea346c01afa270064ef497e7e61ef2d458a0c5fb407b7d4c60", "phi4", A},
    {"a006328b5ffb8ef511545cc910a54128dacef75d07bfc28b9220a0c7fe3a25aa", "phi4", 0},
    {"4e8ca7e0d099f48691fe392e6bd1090435d00bca644c80d5cfe7a57101c20d62", "phi4-mini", 0},
    {"cfb6c63b6018143f58c9a086c5784f1b837088dae2cbb20894888d59ce1bde45", "qwen1.5", 0},
    {"ac3713b0b7821213adc40758d43449f695e3eb2b40cde2694a43be169b39d9d6", "qwen2", 0},
    {"f878e61991818cac5f4fe7c15af67846b0c39f4ef7aa74b7fee51b3e6e99e513", "qwen2", U},
    {"a4a7248031c9816f8eebf81c3e770a1a4cb0510aa4eb911fbf57253b104636da", "qwen2.5", 0},
    {"251e7fbe99525e31e3663c1ddb444b3a9076f9e6563e4544b5e0e5461be38e1b", "qwen3", K},
    {"360d79022c0ebe27773593f23ca2116dacf9ffe5daf86dc49c355f73b6b4100b", "qwen3", K},
    {"7e68f1393e202c666f4f0d61cca239271315fd8d353eadae62890f77b5e85e70", "qwen3", K},
    {"e92437157cb6414621cef2dec264c15d41f5b0d1499b50272d1dda5b76540fa9", "qwen3", K},
    {"eb70ce07df8a452fa32f4921025a7cb30d2b1f345b270a3500832ecd2cda3cac", "qwen3", K},
    {"52318330d7e71a412e84d3121ba40b6cb41cbed22ba21df56d97afe824eccbe6", "smollm2", 0},
    {"00c2185f1343315248f1c867f38858de4a889d0aee3b07585edfc8c0c72c49ea", "zephyr", 0},
    {"726e0f15eb20bc6c473c6058da8fdd3c9aac02b9221ba876694d7e1cfe034b31", "zephyr", 0},
};

const heta_i_style *heta_i_chat_known(const char *fingerprint, unsigned *flags) {
  for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
    if (strcmp(KNOWN[i].fingerprint, fingerprint)) continue;
    *flags = KNOWN[i].flags;
    return heta_i_style_find(KNOWN[i].style);
  }
  return NULL;
}
