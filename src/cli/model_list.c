/* model_list.c: `heta model list` shows which models are on this machine, and which can be had. */
#include "cli/commands.h"
#include "cli/json.h"

#include <string.h>

typedef struct list_arguments {
  cli_parsed parsed; /* must be first */
  int format;
} list_arguments;

/* The file of an offer in heta's cache, or NULL. */
static const heta_found_model *fetched(const heta_models *models, const heta_offer *offer) {
  for (size_t i = 0; i < heta_models_count(models); i++) {
    const heta_found_model *model = heta_models_at(models, i);
    if (strcmp(model->name, offer->name) == 0) return model;
  }
  return NULL;
}

/* ---- For programs -------------------------------------------------------------------------- */

static json_t *model_json(const heta_found_model *model) {
  json_t *object = json_object();
  cli_json_set(object, "name", cli_json_string(model->name));
  cli_json_set(object, "source", cli_json_string(model->source));
  cli_json_set(object, "path", cli_json_string(model->path));
  cli_json_set(object, "bytes", cli_json_count(model->bytes));
  cli_json_set(object, "architecture", cli_json_string(model->architecture));
  cli_json_set(object, "supported", json_boolean(model->supported));
  cli_json_set(object, "problem", cli_json_string(model->problem));
  return object;
}

static json_t *offer_json(const heta_models *models, const heta_offer *offer) {
  json_t *object = json_object();
  cli_json_set(object, "name", cli_json_string(offer->name));
  cli_json_set(object, "summary", cli_json_string(offer->summary));
  cli_json_set(object, "bytes", cli_json_count(offer->bytes));
  cli_json_set(object, "sha256", cli_json_string(offer->sha256));
  cli_json_set(object, "licence", cli_json_string(offer->licence));
  cli_json_set(object, "licence_url", cli_json_string(offer->licence_url));
  cli_json_set(object, "origin", cli_json_string(offer->origin));
  cli_json_set(object, "fetched", json_boolean(fetched(models, offer) != NULL));
  return object;
}

static json_t *list_json(const heta_models *models) {
  json_t *object = json_object(), *found = json_array(), *offers = json_array(),
         *folders = json_array();
  const char *folder;
  for (size_t i = 0; i < heta_models_count(models); i++) {
    cli_json_append(found, model_json(heta_models_at(models, i)));
  }
  for (size_t i = 0; i < heta_offer_count(); i++) {
    cli_json_append(offers, offer_json(models, heta_offer_at(i)));
  }
  for (size_t i = 0; (folder = heta_models_folder_at(models, i)); i++) {
    cli_json_append(folders, cli_json_string(folder));
  }
  cli_json_set(object, "models", found);
  cli_json_set(object, "offers", offers);
  cli_json_set(object, "folders", folders);
  return object;
}

/* ---- For people ---------------------------------------------------------------------------- */

static void print_text(const char *text) { cli_print_safe(stdout, text, strlen(text)); }

static void print_title(const char *text) {
  printf("%s%s%s\n", cli_bold(stdout), text, cli_plain(stdout));
}

/* "  ollama:tiny:latest", size, family, and below it the path or what is wrong. */
static void print_model(const heta_found_model *model) {
  char bytes[CLI_SHORT];
  const char *family = model->architecture ? model->architecture : "";
  printf("  ");
  print_text(model->name);
  printf("\n      %s%s", model->path ? cli_bytes_text(model->bytes, bytes) : "",
         model->path && *family ? ", " : "");
  print_text(family);
  printf("%s", model->path ? ", " : "");
  print_text(model->path ? model->path : "");
  printf("%s\n", model->path ? "" : "not readable");
  if (!model->supported) {
    printf("      %snot for heta: ", cli_bold(stdout));
    print_text(model->problem);
    printf("%s\n", cli_plain(stdout));
  }
}

static int print_list(const heta_models *models) {
  char bytes[CLI_SHORT];
  const char *folder;
  size_t missing = 0;
  print_title("On this machine");
  for (size_t i = 0; i < heta_models_count(models); i++) print_model(heta_models_at(models, i));
  if (!heta_models_count(models)) {
    printf("  none; looked into\n");
    for (size_t i = 0; (folder = heta_models_folder_at(models, i)); i++) {
      printf("    ");
      print_text(folder);
      putchar('\n');
    }
  }
  for (size_t i = 0; i < heta_offer_count(); i++) {
    const heta_offer *offer = heta_offer_at(i);
    if (fetched(models, offer)) continue;
    if (!missing++) {
      putchar('\n');
      print_title("To be had with heta model pull NAME");
    }
    printf("  %-20s %s\n%22s %s, %s\n", offer->name, offer->summary, "",
           cli_bytes_text(offer->bytes, bytes), offer->licence);
  }
  return cli_close_output(CLI_DONE);
}

static int run(void *untyped) {
  const list_arguments *arguments = untyped;
  heta_models *models;
  heta_error error = {0};
  heta_status status = heta_models_find(NULL, &models, &error);
  if (status) return cli_fail(cli_exit_code(status), "%s", error.message);
  int code = arguments->format ? cli_json_print(list_json(models)) : print_list(models);
  heta_models_free(models);
  return code;
}

static const cli_option options[] = {
    {0, "format", NULL, CLI_CHOICE, offsetof(list_arguments, format), "term|json", 0, 0, 0, NULL,
     "for people or for programs"},
};

const cli_command cli_model_list = {
    .name = "model list",
    .summary = "Lists the models on this machine, and those that can be fetched.",
    .usage = "[--format json]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .arguments_size = sizeof(list_arguments),
    .run = run,
    .notes = "It looks into heta's cache, Ollama's store (OLLAMA_MODELS), and the caches of "
             "llama.cpp (LLAMA_CACHE), of the Hugging Face hub (HF_HOME, HF_HUB_CACHE) and of LM "
             "Studio, and tries to open each model. Every name it shows can be given to -m.",
};
