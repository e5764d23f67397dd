/* 01_attribute.c: the shortest use of the library: one call, then the tokens that mattered most.
 *
 *   cc -std=c11 01_attribute.c -lheta -o attribute
 *   ./attribute model.gguf "The capital of France is"
 *
 * The call explains the token the model would write next. Other targets, methods and limits are
 * fields of heta_attribute_options (see 02_job.c and 03_report.c). */
#include <heta/heta.h>

#include <stdio.h>

enum { SHOWN = 5 };

/* Writes a token's bytes, which may be half a character or a control character, so that they can be
 * shown anywhere. */
static void print_token(const heta_result_token *token) {
  putchar('"');
  for (size_t i = 0; i < token->byte_count; i++) {
    unsigned char byte = (unsigned char)token->bytes[i];
    if (byte < 0x20 || byte >= 0x7F) {
      printf("\\x%02x", byte);
    } else {
      putchar(byte);
    }
  }
  putchar('"');
}

/* Prints the context tokens of one explained target, highest score first. */
static void print_top(const heta_attribution *a, const heta_row *row) {
  size_t before = SIZE_MAX; /* the token printed last: the next one scores no higher */
  for (size_t k = 0; k < SHOWN && k < row->length; k++) {
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < row->length; i++) {
      bool left = before == SIZE_MAX || row->score[i] < row->score[before] ||
                  (row->score[i] == row->score[before] && i > before);
      if (left && (best == SIZE_MAX || row->score[i] > row->score[best])) best = i;
    }
    if (best == SIZE_MAX) return;
    printf("%10.4g", row->score[best]);
    if (row->score_se) printf(" +- %-8.2g", row->score_se[best]); /* an estimate's standard error */
    printf("  token %zu, ", best);
    print_token(&a->tokens[best]);
    putchar('\n');
    before = best;
  }
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s MODEL.gguf TEXT\n", argv[0]);
    return 2;
  }
  heta_model *model = NULL;
  heta_result *result = NULL;
  heta_error error;
  heta_attribute_options options = heta_attribute_options_default();
  int code = 1;

  /* Every failure comes with a sentence: what is wrong, where, what to do. */
  if (heta_model_open(argv[1], &model, &error) ||
      heta_attribute(model, argv[2], &options, &result, &error)) {
    fprintf(stderr, "%s\n", error.message);
    goto done;
  }

  const heta_attribution *a = heta_result_get(result); /* borrowed from the result */
  for (size_t r = 0; r < a->row_count; r++) {
    const heta_target *target = &a->targets[a->rows[r].target];
    size_t size;
    const char *bytes = heta_token_bytes(model, target->id, &size);
    heta_result_token written = {.bytes = bytes, .byte_count = size};
    printf("explained: ");
    print_token(&written);
    printf(", log probability %.3f, choice number %zu\n", target->logprob, target->rank);
    print_top(a, &a->rows[r]);
  }
  code = 0;

done:
  heta_result_free(result);
  heta_model_close(model);
  return code;
}
