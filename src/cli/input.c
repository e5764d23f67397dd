/* input.c: the text to work on, whole files, stored results, and the model. */
#include "cli/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIMIT = 1 << 30 }; /* bytes of one file: no model reads so much text */

static int read_stream(FILE *stream, const char *name, cli_text *text) {
  size_t room = 0, size = 0, got;
  char *bytes = NULL;
  do {
    if (room - size < 2) {
      room = room ? 2 * room : 1 << 16;
      char *grown = room <= LIMIT ? realloc(bytes, room) : NULL;
      if (!grown) {
        free(bytes);
        return cli_fail(CLI_FAILED, "%s is too large: at most 512 MiB of text can be read", name);
      }
      bytes = grown;
    }
    got = fread(bytes + size, 1, room - size - 1, stream);
    size += got;
  } while (got > 0);
  if (ferror(stream)) {
    int why = errno;
    free(bytes);
    return cli_fail(CLI_FAILED, "%s could not be read: %s", name, strerror(why));
  }
  bytes[size] = 0;
  *text = (cli_text){.bytes = bytes, .size = size};
  return CLI_DONE;
}

int cli_read_file(const char *path, cli_text *text) {
  if (strcmp(path, "-") == 0) return read_stream(stdin, "standard input", text);
  FILE *stream = fopen(path, "rb");
  if (!stream) return cli_fail(CLI_FAILED, "'%s' could not be opened: %s", path, strerror(errno));
  int code = read_stream(stream, path, text);
  fclose(stream);
  return code;
}

void cli_drop_line_break(cli_text *text) {
  if (text->size && text->bytes[text->size - 1] == '\n') text->size--;
  if (text->size && text->bytes[text->size - 1] == '\r') text->size--;
  text->bytes[text->size] = 0;
}

static int copy_text(const char *given, cli_text *text) {
  size_t size = strlen(given);
  char *bytes = malloc(size + 1);
  if (!bytes) return cli_fail(CLI_FAILED, "out of memory");
  memcpy(bytes, given, size + 1);
  *text = (cli_text){.bytes = bytes, .size = size};
  return CLI_DONE;
}

int cli_read_text_file(const char *path, cli_text *text) {
  int code = cli_read_file(path, text);
  if (code) return code;
  cli_drop_line_break(text);
  if (text->size) return CLI_DONE;
  free(text->bytes);
  *text = (cli_text){0};
  return cli_fail(CLI_USAGE, "%s is empty: there is no text to work on",
                  strcmp(path, "-") == 0 ? "standard input" : path);
}

int cli_read_input(const cli_input *input, const char *fallback, cli_text *text) {
  if (input->prompt) return copy_text(input->prompt, text);
  if (!input->file && fallback) return copy_text(fallback, text);
  if (!input->file && isatty(STDIN_FILENO)) {
    return cli_fail(CLI_USAGE, "there is no text: give one with -p TEXT, -f FILE or a pipe");
  }
  return cli_read_text_file(input->file ? input->file : "-", text);
}

int cli_open_model(const char *name, heta_model **model) {
  char path[HETA_PATH];
  heta_error error = {0};
  if (!name)
    return cli_fail(CLI_USAGE,
                    "no model is given: -m names a file, or a model that heta model list shows");
  if (heta_model_locate(NULL, name, path, &error) == HETA_OK &&
      heta_model_open(path, model, &error) == HETA_OK) {
    return CLI_DONE;
  }
  return cli_fail(error.status == HETA_E_MEMORY ? CLI_FAILED : CLI_MODEL, "%s", error.message);
}

int cli_open_recorded_model(const char *given, const char *recorded, heta_model **model) {
  int code = cli_open_model(given ? given : recorded, model);
  if (code == CLI_MODEL && !given) {
    cli_say("this is where the model was when the result was made: -m says where it is now");
  }
  return code;
}

int cli_read_result(const char *path, heta_result **result) {
  cli_text json;
  heta_error error = {0};
  int code = cli_read_file(path, &json);
  if (code) return code;
  heta_status status = heta_result_read(json.bytes, json.size, result, &error);
  free(json.bytes);
  return status ? cli_fail(CLI_FAILED, "%s: %s", path, error.message) : CLI_DONE;
}
