/* architecture.c: the table of architectures, and which of its entries a file is. */
#include <stdio.h>
#include <string.h>

#include "model/families.h"

static const heta_i_architecture *const TABLE[] = {
    &HETA_I_GEMMA,
    &HETA_I_GEMMA2,
    &HETA_I_GEMMA3,
    &HETA_I_GPT2,
    &HETA_I_GPTJ,
    &HETA_I_GPTNEOX_PARALLEL,
    &HETA_I_GPTNEOX_SEQUENTIAL,
    &HETA_I_LLAMA,
    &HETA_I_OPT,
    &HETA_I_PHI2,
    &HETA_I_PHI3,
    &HETA_I_QWEN2,
    &HETA_I_QWEN3,
    &HETA_I_SMOLLM3,
};

const char *heta_i_architecture_names(void) {
  return "gemma, gemma2, gemma3, gpt2, gptj, gptneox, llama, opt, phi2, phi3, qwen2, qwen3, "
         "smollm3";
}

/* Whether the file's yes/no key chooses this entry among those of its name. */
static heta_status chosen(const heta_i_file *file, const heta_i_architecture *entry, bool *out,
                          heta_error *error) {
  bool flag = false;
  char key[128];
  *out = true;
  if (!entry->when) return HETA_OK;
  snprintf(key, sizeof key, "%s.%s", entry->name, entry->when);
  if (!heta_i_file_flag(file, key, &flag))
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s: metadata %s is missing or not yes or no; convert the model again",
                       heta_i_file_path(file), key);
  *out = flag == entry->is;
  return HETA_OK;
}

heta_status heta_i_architecture_choose(const heta_i_file *file, const heta_i_architecture **out,
                                       heta_error *error) {
  const char *path = heta_i_file_path(file), *name;
  if (!heta_i_file_string(file, "general.architecture", &name, NULL))
    return heta_i_fail(error, HETA_E_FORMAT, "%s: metadata general.architecture is missing", path);
  for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
    bool found = false;
    if (strcmp(TABLE[i]->name, name)) continue;
    HETA_TRY(chosen(file, TABLE[i], &found, error));
    if (!found) continue;
    *out = TABLE[i];
    return HETA_OK;
  }
  size_t size = strlen(name);
  if (size > 3 && !strcmp(name + size - 3, "moe"))
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "%s: architecture '%s' is a mixture of experts; heta supports dense models",
                       path, name);
  return heta_i_fail(error, HETA_E_UNSUPPORTED,
                     "%s: architecture '%s' is not supported (supported: %s)", path, name,
                     heta_i_architecture_names());
}

const char *heta_i_site_name(heta_i_site site) {
  static const char *const NAMES[HETA_SITE_COUNT] = {"none",
                                                     "residual before",
                                                     "attention norm",
                                                     "query",
                                                     "key",
                                                     "value",
                                                     "query norm",
                                                     "key norm",
                                                     "rotated query",
                                                     "rotated key",
                                                     "mix",
                                                     "attention out",
                                                     "attention post-norm",
                                                     "residual middle",
                                                     "MLP norm",
                                                     "gate",
                                                     "up",
                                                     "activation",
                                                     "MLP out",
                                                     "MLP post-norm",
                                                     "residual after",
                                                     "final norm",
                                                     "logits",
                                                     "attention probabilities"};
  return site < HETA_SITE_COUNT ? NAMES[site] : "unknown";
}
