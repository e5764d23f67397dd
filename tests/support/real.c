/* real.c: opening the real model, and saying loudly when there is none. */
#include "support/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *real_fixture(void) {
  json_error_t problem;
  json_t *fixture = json_load_file(HETA_TESTS_DIR "/data/smollm2/logits.json", 0, &problem);
  if (!fixture) {
    fprintf(stderr, "tests/data/smollm2/logits.json: %s\n", problem.text);
    exit(EXIT_FAILURE);
  }
  return fixture;
}

heta_model *real_model(void) {
  const char *path = getenv("HETA_TEST_MODEL");
  if (!path || !*path) {
    fprintf(stderr, "SKIPPED: HETA_TEST_MODEL names no model file; these tests need a real one "
                    "(scripts/model.sh fetches it and prints where it is).\n");
    return NULL;
  }
  heta_model *model = NULL;
  heta_error error = {0};
  if (heta_model_open(path, &model, &error)) {
    fprintf(stderr, "%s\n", error.message);
    exit(EXIT_FAILURE);
  }
  json_t *fixture = real_fixture();
  const char *wanted = json_string_value(json_object_get(fixture, "sha256"));
  if (strcmp(heta_model_get_info(model)->fingerprint, wanted) != 0) {
    fprintf(stderr, "SKIPPED: %s is not %s (SHA-256 %s), whose numbers these tests know.\n", path,
            json_string_value(json_object_get(fixture, "file")), wanted);
    heta_model_close(model);
    model = NULL;
  }
  json_decref(fixture);
  return model;
}
