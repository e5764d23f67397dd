/* 03_report.c: several targets in one run, written as a web page and as JSON.
 *
 *   cc -std=c11 03_report.c -lheta -o report
 *   ./report model.gguf "The capital of France is" paris.html paris.json
 *
 * The model writes three tokens, and each of them is explained by the text and by what was written
 * before it. The page needs nothing but a browser; the JSON holds every number. */
#include <heta/heta.h>

#include <errno.h>
#include <stdio.h>

/* heta_report_write hands over the bytes in order; a function like this one takes them anywhere. */
static int write_bytes(void *context, const void *bytes, size_t size) {
  return fwrite(bytes, 1, size, context) == size ? 0 : EIO;
}

static heta_status write_report(const heta_attribution *attribution, const char *format,
                                const char *path, heta_error *error) {
  heta_report_options options = heta_report_options_default();
  options.title = "What made the model write this?";
  FILE *file = fopen(path, "wb");
  if (!file) {
    error->status = HETA_E_IO;
    snprintf(error->message, sizeof error->message, "'%s' could not be created", path);
    return HETA_E_IO;
  }
  heta_status status = heta_report_write(attribution, format, &options, write_bytes, file, error);
  if (fclose(file) != 0 && !status) {
    error->status = status = HETA_E_IO;
    snprintf(error->message, sizeof error->message, "'%s' could not be written", path);
  }
  return status;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: %s MODEL.gguf TEXT PAGE.html RESULT.json\n", argv[0]);
    return 2;
  }
  heta_model *model = NULL;
  heta_result *result = NULL;
  heta_error error = {0};
  heta_attribute_options options = heta_attribute_options_default();
  options.target = HETA_TARGET_GENERATE;
  options.target_count = 3;

  heta_status status = heta_model_open(argv[1], &model, &error);
  if (!status) status = heta_attribute(model, argv[2], &options, &result, &error);
  if (!status) {
    const heta_attribution *attribution = heta_result_get(result);
    status = write_report(attribution, "html", argv[3], &error);
    if (!status) status = write_report(attribution, "json", argv[4], &error);
    if (!status) {
      printf("%zu targets explained by %zu tokens, in '%s' and '%s'\n", attribution->target_count,
             attribution->token_count, argv[3], argv[4]);
    }
  }
  if (status) fprintf(stderr, "%s\n", error.message);
  heta_result_free(result);
  heta_model_close(model);
  return status ? 1 : 0;
}
